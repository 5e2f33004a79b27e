// Time in the core of the page, under node: what a range of ticks weighs, frames along time, who ran when,
// stages as they ran, axes and lines. Invented runs with known answers, and random ones against plain sums.
import { core, is, near, nodesNamed, ok, run, same, test } from './harness.mjs';
import { makeProfile, nodesByPath, random } from './rig.mjs';

const flame = core('format', 'decode', 'state', 'weigh', 'derive', 'spans', 'timeline', 'plot');
const MS = 1e6;
const ALL = { kind: 'cpu', stage: -2, thread: -2, from: -1, to: -1, by: 'value' };
const sum = (list) => list.reduce((a, b) => a + b, 0);

// Two threads: one runs, pauses and runs again; the other sleeps most of the time.
function known() {
  const ticks = [];
  for (let t = 10; t <= 50; t += 10) ticks.push({ t: t * MS, thread: 'main', stack: t <= 30 ? 'main;load;read' : 'main;load;parse' });
  for (let t = 110; t <= 150; t += 10) ticks.push({ t: t * MS, thread: 'main', stack: 'main;knn' });
  for (let t = 20; t <= 200; t += 20) ticks.push({ t: t * MS, thread: 'helper', stack: 'run;wait', state: t === 200 ? 3 : 2 });
  return makeProfile({
    kinds: ['cpu', 'wall'],
    stacks: [
      ['main;load;read', 3, { thread: 'main', stage: 'job/load', value: 30 * MS }],
      ['main;load;parse', 2, { thread: 'main', stage: 'job/load', value: 20 * MS }],
      ['main;knn', 5, { thread: 'main', stage: 'job/knn', value: 50 * MS }],
      ['main;knn', 20, { thread: 'main', kind: 'wall', value: 200 * MS }],
      ['run;wait', 10, { thread: 'helper', kind: 'wall', value: 200 * MS }],
    ],
    runs: [{ duration_ns: 200 * MS }],
    spans: [
      { stage: 'job', thread: 'main', start: 0, wall: 200 * MS, cpu: 100 * MS, peakHeap: 900, samples: 1 },
      { stage: 'job/load', thread: 'main', start: 5 * MS, wall: 60 * MS, cpu: 50 * MS, items: 600, params: '{"n": 3}', peakHeap: 500, samples: 5 },
      { stage: 'job/knn', thread: 'main', start: 100 * MS, wall: 30 * MS, cpu: 30 * MS, items: 10, params: '{"n": 5, "how": "x"}', samples: 2 },
      { stage: 'job/knn', thread: 'main', start: 130 * MS, cpu: 20 * MS, samples: 3 },
    ],
    ticks,
    series: [
      { name: 'heap_bytes', t: [0, 50 * MS, 100 * MS, 200 * MS], value: [100, 900, 300, 200] },
      { name: 'rows', t: [10 * MS, 60 * MS], value: [1.5, 7], real: true },
    ],
  });
}

function randomProfile(seed) {
  const next = random(seed);
  const upTo = (n) => Math.floor(next() * n);
  const stack = () => ['main', ...Array.from({ length: upTo(6) }, () => `f${upTo(4)}`)].join(';');
  const threads = ['a', 'b', 'c'];
  const spans = [];
  const paths = ['job', 'job/x', 'job/x/y', 'job/z', 'other'];
  for (let i = 0; i < 40; i++)
    spans.push({
      stage: paths[upTo(5)], thread: threads[upTo(2)], start: upTo(1000), wall: next() < 0.1 ? undefined : upTo(300),
      cpu: upTo(100), items: next() < 0.5 ? upTo(50) : undefined, samples: upTo(9), folded: next() < 0.1 ? 4 : 1,
    });
  const ticks = Array.from({ length: 300 }, () => ({ t: upTo(1000), thread: threads[upTo(3)], stack: stack(), state: next() < 0.6 ? 0 : upTo(6) }));
  const stacks = ticks.flatMap((t) => [
    [t.stack, 1, { thread: t.thread, stage: t.thread === 'c' ? 'job/x' : undefined, kind: 'wall', value: 1 + upTo(20) }],
    ...(t.state === 0 ? [[t.stack, 1, { thread: t.thread, kind: 'cpu', value: 1 + upTo(9) }]] : []),
  ]);
  return makeProfile({ kinds: ['cpu', 'wall'], stacks, spans, ticks, runs: [{ duration_ns: 1000 }], series: [] });
}

test('a range weighs what its ticks weigh, all ticks what the samples weigh', () => {
  const p = known();
  const at = nodesByPath(p);
  const w = flame.tickWeights(p, { ...ALL, from: 0, to: 35 * MS });
  near(w.selfValue[at.get('main;load;read')], 30 * MS);
  near(sum(w.selfValue), 30 * MS);
  near(sum(w.selfCount), 3);
  near(sum(flame.tickWeights(p, ALL).selfValue), 100 * MS, 'all:');
  near(sum(flame.tickWeights(p, { ...ALL, from: 50 * MS, to: 110 * MS }).selfValue), 10 * MS, 'the tick at the end belongs to the next range:');
  is(flame.tickWeights(p, { ...ALL, kind: 'alloc' }), null, 'ticks say nothing of bytes');
});

test('wall-clock time goes by how long ago the tick before was', () => {
  const p = known();
  const at = nodesByPath(p);
  const w = flame.tickWeights(p, { ...ALL, kind: 'wall' });
  near(w.selfValue[at.get('run;wait')], 200 * MS);
  near(sum(w.selfValue), 400 * MS);
  near(sum(w.selfCount), 30);
  near(w.selfValue[at.get('main;knn')], 200 * MS, 'stacks without samples of a kind have nothing of it:');
  near(sum(flame.tickWeights(p, { ...ALL, kind: 'wall', thread: 1, from: 0, to: 60 * MS }).selfValue), 40 * MS, 'two of ten intervals:');
});

test('a range honours thread and stage', () => {
  const p = known();
  const at = nodesByPath(p);
  const id = (name) => p.stages.find((s) => s.name === name).id;
  const thread = (name) => p.threads.find((t) => t.name === name).id;
  near(sum(flame.tickWeights(p, { ...ALL, stage: id('load') }).selfValue), 50 * MS);
  near(flame.tickWeights(p, { ...ALL, stage: id('knn') }).selfValue[at.get('main;knn')], 50 * MS, 'an open stage goes on:');
  near(sum(flame.tickWeights(p, { ...ALL, stage: id('job') }).selfValue), 100 * MS, 'with what is inside:');
  near(sum(flame.tickWeights(p, { ...ALL, stage: -1 }).selfValue), 0, 'outside of stages:');
  near(sum(flame.tickWeights(p, { ...ALL, kind: 'wall', thread: thread('helper') }).selfValue), 200 * MS);
  near(sum(flame.tickWeights(p, { ...ALL, kind: 'wall', stage: -1 }).selfValue), 200 * MS, 'the helper has no stages:');
});

test('a range is made of what samples with the same stack weigh', () => {
  const ticks = [10, 20, 30, 40].map((t) => ({ t, thread: 'a', stack: t < 30 ? 'main;read' : 'main;parse' }));
  const p = makeProfile({
    stacks: [['main;read', 2, { thread: 'a', value: 80 }], ['main;parse', 6, { thread: 'a', value: 10 }], ['main;rare', 2, { thread: 'a', value: 10 }], ['main;read', 5, { thread: 'b', value: 70 }]],
    ticks, runs: [{ duration_ns: 40 }],
  });
  const at = nodesByPath(p);
  const w = flame.tickWeights(p, { ...ALL, from: 0, to: 15 });
  near(w.selfValue[at.get('main;read')], 40 * (100 / 90), 'half of its stack, and what has no tick is spread:');
  near(w.selfCount[at.get('main;read')], 1 * (10 / 8));
  near(flame.tickWeights(p, ALL).selfValue[at.get('main;parse')], 10 * (100 / 90));
  near(sum(flame.tickWeights(p, ALL).selfValue), 100, 'a thread without ticks has no time:');
});

test('random runs of which every sample is kept as a tick: all ticks weigh stack by stack what the samples weigh', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const p = randomProfile(seed);
    for (const kind of ['cpu', 'wall'])
      for (const thread of [-2, 0, 1, 2]) {
        const want = flame.weigh(p, { run: 0, kind, stage: -2, thread, scales: null });
        const got = flame.tickWeights(p, { ...ALL, kind, thread });
        got.selfValue.forEach((v, i) => near(v, want.selfValue[i], `seed ${seed}, ${kind}, thread ${thread}, node ${i}:`));
        got.selfCount.forEach((v, i) => near(v, want.selfCount[i]));
      }
  }
});

// What all samples of a kind and thread weigh.
function sampled(p, kind, thread) {
  const sums = { value: 0, count: 0 };
  for (let g = 0; g < p.groups.samples.length; g++) {
    if (p.kinds[p.groups.kind[g]] !== kind || (thread >= 0 && p.groups.thread[g] !== thread + 1)) continue;
    for (let at = p.groups.first[g], end = at + p.groups.samples[g]; at < end; at++) {
      sums.value += p.samples.value[at];
      sums.count += p.samples.count[at];
    }
  }
  return sums;
}

test('random runs: a full range has the sums of the samples, parts add up to the whole', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const p = randomProfile(seed);
    const next = random(seed + 1000);
    for (const kind of ['cpu', 'wall']) {
      for (const thread of [-2, 0, 1, 2]) {
        const state = { ...ALL, kind, thread };
        const want = sampled(p, kind, thread);
        const got = flame.tickWeights(p, { ...state, from: 0, to: 1001 });
        near(sum(got.selfValue), want.value, `seed ${seed}, ${kind}, thread ${thread}:`);
        near(sum(got.selfCount), want.count);
        const cut = Math.floor(next() * 1000);
        const parts = [[0, cut], [cut, 1001]].map(([from, to]) => flame.tickWeights(p, { ...state, from, to }).selfValue);
        got.selfValue.forEach((v, i) => near(parts[0][i] + parts[1][i], v));
        const stages = [-1, ...p.stages.filter((s) => s.parent < 0).map((s) => s.id)];
        near(sum(stages.map((stage) => sum(flame.tickWeights(p, { ...state, stage }).selfValue))), sum(got.selfValue), 'by stage:');
      }
    }
  }
});

test('the innermost stage is that of a search through all', () => {
  for (let seed = 1; seed <= 80; seed++) {
    const p = randomProfile(seed);
    for (let thread = -1; thread < p.threads.length; thread++) {
      const rows = flame.placedSpans(p, 0, thread);
      const line = flame.spanLine(p, rows);
      for (let t = -5; t < 1010; t += 1.5) {
        let want = -1;
        for (const r of rows) if (p.spans.start[r] <= t && t < flame.spanEnd(p, r)) want = r; // the last one that began
        is(flame.innermost(line, t), want, `seed ${seed}, thread ${thread}, time ${t}:`);
      }
    }
  }
});

test('who works for others is in their stages', () => {
  const ticks = [10, 20, 30, 40].flatMap((t) => ['main', 'worker'].map((thread) => ({ t, thread, stack: thread })));
  const p = makeProfile({
    stacks: [['main', 4, { thread: 'main', stage: 'job' }], ['worker', 4, { thread: 'worker', stage: 'job/knn' }]],
    spans: [{ stage: 'job', thread: 'main', start: 0, wall: 100 }, { stage: 'job/knn', thread: 'main', start: 15, wall: 20 }, { stage: 'job/io', thread: 'main', start: 18, wall: 5 }],
    ticks, runs: [{ duration_ns: 100 }],
  });
  const { stage, lists } = flame.tickIndex(p);
  const name = (i) => (stage[i] < 0 ? '-' : p.stages[stage[i]].name);
  const of = (thread) => Array.from(lists[p.threads.find((t) => t.name === thread).id + 1], name).join();
  is(of('main'), 'job,io,knn,job');
  is(of('worker'), '-,knn,knn,-', 'only stages that its samples have:');
});

test('time order: ticks that follow each other share frames, gaps stay gaps', () => {
  const p = known();
  const g = flame.timeGraph(p, ALL);
  const name = (i) => (i === 0 ? 'all' : p.strings.text(p.labels.name[g.tree.label[i]]));
  const rows = Array.from({ length: g.tree.count }, (_, i) => `${g.tree.depth[i]} ${name(i)} ${g.start[i] / MS}+${g.total[i] / MS}`);
  same(rows, ['0 all 0+200', '1 main 0+50', '2 load 0+50', '3 read 0+30', '3 parse 30+20', '1 main 100+50', '2 knn 100+50']);
  is(p.threads[g.thread].name, 'main', 'the thread with the most ticks:');
  near(g.value[0], 100 * MS, 'value:');
  near(g.selfCount[3], 3);
  is(g.node(nodesByPath(p).get('main;knn')), 6);
  is(g.base(6), nodesByPath(p).get('main;knn'));
  const part = flame.timeGraph(p, { ...ALL, from: 25 * MS, to: 115 * MS });
  is(part.start[0], 25 * MS);
  is(part.total[0], 90 * MS);
  is(part.tree.count, 7);
});

test('time order goes through a graph without library frames, and ranges through other kinds', () => {
  const spec = { kinds: ['cpu', 'alloc'], library: ['read'], ticks: [10, 20, 30].map((t) => ({ t, thread: 'a', stack: t < 30 ? 'main;read;copy' : 'main;main' })), runs: [{ duration_ns: 30 }] };
  spec.stacks = [['main;read;copy', 2, { thread: 'a', value: 20 }], ['main;main', 1, { thread: 'a', value: 10 }], ['main;read', 1, { kind: 'alloc', value: 7 }]];
  const p = makeProfile(spec);
  const rows = (patch) => {
    const g = flame.deriveGraph(p, { ...flame.stateDefaults(p), ...patch });
    return Array.from({ length: g.tree.count - 1 }, (_, i) => `${g.tree.depth[i + 1]} ${p.strings.text(p.labels.name[g.tree.label[i + 1]])} ${g.total[i + 1]}`).join();
  };
  is(rows({ order: 'time' }), '1 main 30,2 read 20,3 copy 20,2 main 10');
  is(rows({ order: 'time', own: 1 }), '1 main 30,2 copy 20,2 main 10');
  is(rows({ order: 'time', own: 1, fold: 1 }), '1 main 30,2 copy 20');
  const g = flame.deriveGraph(p, { ...flame.stateDefaults(p), kind: 'alloc', from: 0, to: 15 });
  is(g.total[0], 7, 'a range of time says nothing of bytes');
  is(flame.deriveGraph(p, { ...flame.stateDefaults(p), from: 0, to: 15 }).total[0], 10);
  is(flame.deriveGraph(p, { ...flame.stateDefaults(p), kind: 'alloc', order: 'time' }).total[0], 7, 'bytes have no order of time');
});

test('time order: a frame lies inside its caller, neighbours do not overlap, nothing outside of the range', () => {
  for (let seed = 1; seed <= 80; seed++) {
    const p = randomProfile(seed);
    for (const [kind, from, to] of [['cpu', -1, -1], ['wall', -1, -1], ['wall', 200, 700]]) {
      for (let thread = 0; thread < 3; thread++) {
        const g = flame.timeGraph(p, { ...ALL, kind, from, to, thread });
        const { tree, start, total } = g;
        const edge = new Float64Array(tree.count);
        for (let i = 1; i < tree.count; i++) {
          const up = tree.parent[i];
          ok(up < i && tree.depth[i] === tree.depth[up] + 1 && tree.end[i] <= tree.end[up] && i < tree.end[i], 'preorder');
          ok(start[i] >= start[up] && start[i] + total[i] <= start[up] + total[up] + 1e-9, `seed ${seed}: frame ${i} sticks out`);
          ok(start[i] >= edge[up] - 1e-9, 'neighbours overlap');
          edge[up] = start[i] + total[i];
          is(p.tree.label[g.base(i)], tree.label[i]);
        }
        const w = flame.tickWeights(p, { ...ALL, kind, from, to, thread });
        near(g.value[0], sum(w.selfValue), 'value:');
        near(g.count[0], sum(w.selfCount), 'count:');
      }
    }
  }
});

test('bins of time add up to the time that ticks stand for', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const p = randomProfile(seed);
    const { lists, from } = flame.tickIndex(p);
    const { t, state } = p.ticks;
    for (const [a, b, bins] of [[0, 1000, 7], [0, 1000, 333], [130.5, 611, 40]]) {
      const rows = flame.timeBins(p, a, b, bins, (i) => p.ticks.node[i]);
      rows.forEach((row, thread) => {
        const want = { running: 0, runnable: 0, disk: 0, sleeping: 0 };
        for (const i of lists[thread])
          want[['running', 'runnable', 'sleeping', 'disk', 'sleeping', 'sleeping'][state[i]]] += Math.max(0, Math.min(b, t[i]) - Math.max(a, from[i]));
        for (const k of Object.keys(want)) near(sum(row[k]), want[k], `seed ${seed}, ${k}:`);
        for (let k = 0; k < bins; k++)
          ok(row.running[k] + row.runnable[k] + row.disk[k] + row.sleeping[k] <= (b - a) / bins + 1e-6, 'no more than the bin');
      });
    }
  }
});

test('the key of a bin is what most of its time is', () => {
  const ticks = [1, 2, 3, 4, 5, 6, 7, 8].map((k) => ({ t: k * 10, thread: 'a', stack: [3, 5].includes(k) ? 'x' : 'y' }));
  const p = makeProfile({ stacks: [['x', 2, { thread: 'a', value: 20 }], ['y', 6, { thread: 'a', value: 60 }]], ticks, runs: [{ duration_ns: 80 }] });
  const [, row] = flame.timeBins(p, 0, 80, 1, (i) => p.ticks.node[i]);
  is(row.keys[0], nodesByPath(p).get('y'));
  is(flame.timeBins(p, 20, 30, 1, (i) => p.ticks.node[i])[1].keys[0], nodesByPath(p).get('x'));
});

test('numbers of a range', () => {
  const p = known();
  const heap = p.series[0];
  const r = flame.rangeNumbers(p, { ...ALL, from: 40 * MS, to: 120 * MS }, heap);
  near(r.cpu, 30 * MS);
  near(r.samples, 3);
  is(r.threads, 1);
  is(r.heap, 200 - 900, 'the point after a moment is the highest value up to then');
  is(flame.seriesAt(p.series[1], 59 * MS), 1.5, 'a counter keeps its value:');
  is(flame.seriesAt(p.series[1], 60 * MS), 7);
  is(flame.seriesAt(heap, 50 * MS), 900, 'at a point:');
});

test('sums of stages', () => {
  const p = known();
  const rows = flame.stageTable(p, 0);
  same(rows.map((r) => `${r.depth} ${p.stages[r.stage].name} ${r.parent}`), ['0 job -1', '1 load 0', '1 knn 0']);
  const [job, load, knn] = rows;
  is(job.wall, 200 * MS);
  near(job.ratio, 0.5);
  is(load.perSecond, 10000);
  is(knn.n, 2);
  is(knn.open, 1);
  is(knn.wall, 30 * MS, 'open ones have no time');
  is(knn.cpu, 30 * MS);
  is(knn.samples, 5);
  is(knn.params, 'n 5, how x');
  ok(Number.isNaN(knn.peakHeap), 'not measured');
  is(flame.runEnd(p), 200 * MS);
});

test('folded stages count as many of their mean; parameters are told as ranges', () => {
  const p = makeProfile({
    stacks: [],
    spans: [
      { stage: 's', start: 0, wall: 10, params: '{"n": 1, "x": "a", "bad": null}', allocBytes: 5, peakHeap: 7 }, { stage: 's', start: 20, wall: 30, params: '{"n": 9, "x": "b"}', peakHeap: 3 },
      { stage: 's', start: 40, wall: 400, folded: 4, params: 'no JSON' },
    ],
  });
  const [row] = flame.stageTable(p, 0);
  is(row.n, 6);
  is(row.folded, 4);
  is(row.wall, 440);
  is(row.max, 100);
  is(row.median, 100);
  is(row.params, 'n 1 … 9, x several, bad null');
  is(row.allocBytes, 5);
  is(row.peakHeap, 7);
  is(flame.placedSpans(p, 0).length, 2, 'they have no place in time');
});

test('percentiles are values that occurred', () => {
  const next = random(5);
  for (let k = 0; k < 300; k++) {
    const pairs = Array.from({ length: 1 + Math.floor(next() * 9) }, () => [Math.floor(next() * 50), 1 + Math.floor(next() * 3)]);
    const all = pairs.flatMap(([v, n]) => Array(n).fill(v)).sort((a, b) => a - b);
    for (const q of [0.5, 0.95]) is(flame.nearestRank(pairs, q), all[Math.max(1, Math.ceil(q * all.length)) - 1]);
  }
});

test('bars of a thread lie below those that contain them', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const p = randomProfile(seed);
    for (const lane of flame.spanLanes(p, 0)) {
      const ends = [];
      lane.rows.forEach((r, k) => {
        const level = lane.level[k];
        ok(level < lane.levels, 'level');
        if (ends[level] > p.spans.start[r]) throw new Error(`seed ${seed}: two bars on one place`);
        if (level > 0) ok(ends[level - 1] > p.spans.start[r], 'nothing above it');
        ends.length = level + 1;
        ends[level] = flame.spanEnd(p, r);
      });
    }
  }
});

test('marks of axes are round, inside and not too many', () => {
  const next = random(7);
  for (let k = 0; k < 3000; k++) {
    const unit = ['ns', 'bytes', 'count'][k % 3];
    const span = 10 ** (next() * 15);
    const from = next() < 0.3 || unit === 'bytes' ? 0 : next() * 10 ** (next() * 14);
    const most = 2 + Math.floor(next() * 15);
    const { step, at } = flame.marks(from, from + span, most, unit);
    ok(at.length <= most + 1, `${at.length} marks of at most ${most}: ${from} ${span} ${unit} ${step}`);
    ok(at.every((v) => v >= from - step * 1e-6 && v <= from + span + step * 1e-6), 'outside');
    ok(at.every((v, i) => i === 0 || Math.abs(v - at[i - 1] - step) < step * 1e-6 + from * 1e-12), 'even');
    if (span > 1 && (unit === 'count' || span > most)) ok(at.length >= Math.floor(most / 4), `only ${at.length} of ${most}: ${from} ${span} ${unit}`);
    if (span > from / 1e5 && span > most) is(new Set(at.map((v) => flame.markText(v, step, unit))).size, at.length, `texts differ (${unit}, ${from}, ${span}):`);
  }
});

test('moments are told as precisely as their axis needs', () => {
  const cases = [[0, 1e9, '0'], [1.2e9, 1e8, '1.2 s'], [1.2e9, 1e6, '1.200 s'], [3e6, 1e6, '3 ms'], [2500, 500, '2.5 µs'], [7, 1, '7 ns'], [90e9, 15e9, '90 s'],
    [150e9, 30e9, '2:30 min'], [600e9, 60e9, '10 min'], [3600e9, 600e9, '1 h'], [5400e9, 1800e9, '1 h 30 min'], [3725e9, 5e9, '1:02:05 h'], [180.25e9, 5e7, '180.25 s'], [86400e9, 86400e9, '24 h']];
  for (const [v, step, want] of cases) is(flame.timeMark(v, step), want);
  is(flame.markText(4 * 2 ** 20, 2 ** 20, 'bytes'), '4 MiB');
  is(flame.markText(1.25 * 2 ** 40, 2 ** 38, 'bytes'), '1.25 TiB');
  is(flame.markText(512, 512, 'bytes'), '512 B');
  is(flame.markText(0.5, 0.5, 'count'), '0.5');
  is(flame.markText(1500, 500, 'count'), '1,500');
});

test('a line keeps its lowest and highest value in every pixel', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const next = random(seed);
    const n = 1 + Math.floor(next() * 400);
    const t = Float64Array.from({ length: n }, () => Math.floor(next() * 1000)).sort();
    const value = Float64Array.from(t, () => Math.floor(next() * 100) - 20);
    for (const name of ['heap_bytes', 'rows']) {
      const series = { name, t, value };
      const width = 1 + Math.floor(next() * 50);
      const { lo, hi } = flame.reduce(series, 0, 1000, width);
      const want = (k, best, from) => {
        let v = NaN;
        for (let i = 0; i < n; i++) {
          const a = name === 'rows' ? t[i] : i > 0 ? t[i - 1] : t[i];
          const b = name === 'rows' ? (i + 1 < n ? t[i + 1] : t[i]) : t[i];
          const first = Math.floor(a * (width / 1000));
          const last = Math.floor(b * (width / 1000));
          if (k >= first && k <= last && a < 1000) v = v === v ? best(v, value[i]) : value[i];
        }
        return v;
      };
      for (let k = 0; k < width; k++) {
        is(hi[k], want(k, Math.max), `seed ${seed} ${name} column ${k} of ${width}:`);
        is(lo[k], want(k, Math.min));
      }
      is(Math.max(...hi.filter((v) => v === v)), flame.peakOf(series).value, 'the peak survives:');
    }
  }
});

test('lowest and highest value of a range', () => {
  const heap = { name: 'heap_bytes', t: Float64Array.of(0, 50, 100, 200), value: Float64Array.of(100, 900, 300, 200) };
  same(flame.rangeStats(heap, 0, 200), { first: 100, last: 200, lo: 100, hi: 900, at: 50 });
  same(flame.rangeStats(heap, 20, 40), { first: 900, last: 900, lo: 900, hi: 900, at: 20 }, 'the step is 900 high');
  same(flame.rangeStats(heap, 60, 150), { first: 300, last: 200, lo: 200, hi: 300, at: 60 });
  const rows = { name: 'rows', t: Float64Array.of(0, 50, 100), value: Float64Array.of(1, 7, 3) };
  same(flame.rangeStats(rows, 20, 40), { first: 1, last: 1, lo: 1, hi: 1, at: 20 });
  same(flame.rangeStats(rows, 60, 100), { first: 7, last: 3, lo: 3, hi: 7, at: 60 });
});

test('values that are no numbers are gaps', () => {
  const rows = { name: 'rows', t: Float64Array.of(0, 10, 20, 30, 40), value: Float64Array.of(3, NaN, Infinity, 7, -Infinity) };
  const { lo, hi } = flame.reduce(rows, 0, 50, 5);
  same([...hi], [3, 3, null, 7, 7].map((v) => v ?? NaN), 'a step reaches to the next point');
  is(lo[3], 7);
  is(flame.peakOf(rows).value, 7);
  is(flame.rangeStats(rows, 0, 35).hi, 7);
  is(flame.peakOf({ name: 'rows', t: [1], value: [NaN] }), null);
  is(flame.seriesValue('bytes', NaN), '–');
});

test('impossible numbers end, and give numbers', () => {
  const next = random(9);
  const odd = () => [0, 1, 5, 2 ** 53, 1e18, 2 ** 31, 7][Math.floor(next() * 7)];
  for (let round = 0; round < 200; round++) {
    const p = known();
    const { ticks, spans } = p;
    p.runs[0].duration_ns = odd();
    let t = 0;
    for (let i = 0; i < ticks.count; i++) {
      ticks.t[i] = t += next() < 0.8 ? 0 : odd();
      ticks.state[i] = Math.floor(next() * 6);
      ticks.thread[i] = Math.floor(next() * 3) - 1;
    }
    for (let i = 0; i < spans.count; i++) {
      spans.start[i] = odd() - 3;
      spans.wall[i] = next() < 0.3 ? NaN : odd();
      spans.folded[i] = next() < 0.2 ? 2 ** 31 : 1;
      spans.thread[i] = Math.floor(next() * 3) - 1;
    }
    const end = flame.runEnd(p);
    ok(end >= 1 && Number.isFinite(end), 'end');
    for (const kind of ['cpu', 'wall']) {
      const w = flame.tickWeights(p, { ...ALL, kind });
      ok(w.selfValue.every((v) => v >= 0 && Number.isFinite(v)), 'weights');
      const g = flame.timeGraph(p, { ...ALL, kind });
      ok(g.total.every((v) => v >= 0 && Number.isFinite(v)) && g.start.every(Number.isFinite), 'graph');
    }
    for (const row of flame.timeBins(p, 0, end, 50, (i) => ticks.node[i]))
      ok([...row.running, ...row.sleeping].every((v) => v >= 0 && Number.isFinite(v)), 'bins');
    flame.spanLanes(p, 0).forEach((lane) => flame.spanLine(p, lane.rows));
    ok(flame.stageTable(p, 0).every((r) => r.n >= 1 && r.depth >= 0), 'table');
    ok(flame.marks(0, end, 12, 'ns').at.length <= 13, 'marks');
  }
});

test('131,072 ticks and 4,000 spans', () => {
  const next = random(11);
  const p = known();
  const n = 131072;
  const t = Float64Array.from({ length: n }, (_, i) => i * 1e5);
  const depth = nodesNamed(p, 'read')[0];
  const big = {
    ...p, runs: [{ ...p.runs[0], duration_ns: n * 1e5 }],
    ticks: { count: n, t, thread: Int32Array.from(t, () => Math.floor(next() * 2)), node: Uint32Array.from(t, () => (next() < 0.5 ? depth : 1)), state: new Uint8Array(n) },
    spans: {
      count: 4000, run: new Uint32Array(4000), stage: Uint32Array.from({ length: 4000 }, (_, i) => i % 3), thread: new Int32Array(4000),
      start: Float64Array.from({ length: 4000 }, (_, i) => i * 3e6), wall: new Float64Array(4000).fill(2e6), folded: new Uint32Array(4000),
    },
  };
  const clock = (what, body) => {
    const from = performance.now();
    body();
    console.log(`# ${what}: ${(performance.now() - from).toFixed(1)} ms`);
  };
  clock('index', () => flame.tickIndex(big));
  clock('weights of a range', () => flame.tickWeights(big, { ...ALL, from: 1e9, to: 9e9 }));
  for (let k = 0; k < 4; k++) clock('bins', () => flame.timeBins(big, 0, n * 1e5, 1400, (i) => big.ticks.node[i]));
  let g;
  clock('time order', () => (g = flame.timeGraph(big, ALL)));
  ok(g.tree.count > 10000, 'frames');
});

await run();
