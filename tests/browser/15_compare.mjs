// Two runs compared, under node: factors, tests of differences against values of R (fisher.test, binom.test,
// mantelhaen.test, p.adjust), runs that are drawn from one another, call paths of one run only, and the words.
import { core, is, near, nodesNamed, ok, run, same, test } from './harness.mjs';
import { makeProfile, random, randomSpec } from './rig.mjs';

const flame = core('format', 'weigh', 'derive', 'state', 'functions', 'significance', 'compare', 'compare_words');
const like = (text, regex) => ok(regex.test(text), `'${text}' is not like ${regex}`);
const close = (got, want, what) => ok(Math.abs(got - want) <= 1e-9 * Math.abs(want), `${what}: got ${got}, want ${want}`);
const stateOf = (p, patch = {}) => ({ ...flame.stateDefaults(p), ...patch });
const graphOf = (p, state) => flame.deriveGraph(p, state);
const label = (p, name) => flame.functionIds(p)[p.labels.name.findIndex((s) => p.strings.text(s) === name)];
const rowOf = (table, p, name) => table.rows.find((r) => p.strings.text(p.labels.name[r.label]) === name);
const sum = (column) => column.reduce((x, y) => x + y, 0);
const test1 = (a, b, e, v, nA = 0, nB = 0) => flame.differenceP({ a, b, e, v, nA, nB });

// Poisson: by Knuth for small means, else by the normal distribution.
function poisson(next, mean) {
  if (mean > 60) return Math.max(0, Math.round(mean + Math.sqrt(mean) * Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())));
  let n = 0;
  for (let p = next(); p > Math.exp(-mean); p *= next()) n++;
  return n;
}

// Two runs of functions f0…: expected samples of both.
function twoRuns(seed, means, { rates = [199, 199], stages } = {}) {
  const next = random(seed);
  const stacks = [];
  means.forEach(([a, b], f) =>
    [a, b].forEach((mean, run) => {
      const n = poisson(next, mean);
      if (n > 0) stacks.push([`main;f${f}`, n, { run, value: Math.round((n * 1e9) / rates[run]), stage: stages ? stages[f % stages.length] : undefined }]);
    }));
  return makeProfile({ stacks, runs: rates.map((rate_hz) => ({ rate_hz })) });
}

test('the normal distribution has its tails', () => {
  for (const [z, p] of [[0, 1], [1, 0.31731050786291415], [1.96, 0.04999579029644087], [2.8, 0.005110260660855874], [2.83, 0.004654800413463109], [5, 5.733031437583892e-7], [10, 1.5239706048321186e-23], [-37, 1.1451142445050278e-299]])
    close(flame.normalP(z), p, `z ${z}`);
  is(flame.normalP(40) >= 0, true);
});

test('few samples of shares: the exact test of Fisher', () => {
  for (const [a, b, nA, nB, p] of [[8, 1, 10, 6, 0.03496503496503494], [0, 7, 100, 90, 0.0047110069757778537], [3, 12, 40, 55, 0.086573961784404643], [19, 2, 3000, 2500, 0.00064257815617366296]])
    close(test1(a, b, ((a + b) * nA) / (nA + nB), 1, nA, nB), p, `${a} of ${nA}, ${b} of ${nB}`);
});

test('few samples of rates: the exact binomial test', () => {
  for (const [a, b, part, p] of [[7, 1, 0.5, 0.070312500000000028], [3, 11, 0.5, 0.057373046875000042], [2, 17, 1 / 3, 0.048092471949773466], [0, 9, 0.25, 0.12401199340820319], [40, 3, 0.6, 2.2370308497254493e-6]])
    close(flame.exactP(a, a + b, (i) => ((a + b - i) / (i + 1)) * (part / (1 - part))), p, `${a} and ${b}`);
  is(test1(0, 0, 0, 0), 1, 'nothing at all:');
});

test('extremes end and stay between 0 and 1', () => {
  for (const [a, b, e, v] of [[0, 1e7, 1, 1], [1e7, 0, 1, 1], [1e9, 1e9, 1e9, 5e8], [1e12, 0, 5e11, 2.5e11], [0.2, 0.1, 0.15, 0.1], [5, 0, 5, 0], [30, 30, 30, 0]]) {
    const p = test1(a, b, e, v);
    ok(p >= 0 && p <= 1, `${a}, ${b}: ${p}`);
    const q = test1(a, b, e, v, a + 10, b + 10);
    ok(q >= 0 && q <= 1, `${a}, ${b} of all: ${q}`);
  }
  is(test1(100, 100, 100, 50), 1, 'no difference:');
});

test('several stages are added up as by Mantel and Haenszel', () => {
  // x in the first row of three stages; the rest of each stage is another function.
  const strata = [[120, 380, 90, 410], [300, 700, 360, 640], [55, 945, 20, 480]];
  const stacks = strata.flatMap(([xA, oA, xB, oB], s) => [
    ['main;x', xA, { run: 0, stage: `s${s}` }], ['main;other', oA, { run: 0, stage: `s${s}` }],
    ['main;x', xB, { run: 1, stage: `s${s}` }], ['main;other', oB, { run: 1, stage: `s${s}` }]]);
  const p = makeProfile({ stacks, runs: [{}, {}] });
  const state = stateOf(p, { norm: 'stage' });
  const got = flame.significance(p, state, graphOf(p, state)).p[label(p, 'x')];
  close(got, 0.46354884653742046, 'p');
});

test('of many those are picked that Benjamini and Hochberg pick', () => {
  const p = Float64Array.from([0.001, 0.012, 0.02, 0.03, 0.2, 0.5, 0.04]);
  same([...flame.pick(p, 0.05)], [1, 1, 1, 0, 0, 0, 0]);
  same([...flame.pick(Float64Array.from([NaN, 0.04, NaN]), 0.05)], [0, 1, 0], 'what has no p does not count:');
  same([...flame.pick(new Float64Array(0), 0.05)], []);
  same([...flame.pick(Float64Array.from([1, 1]), 0.05)], [0, 0]);
  same([...flame.pick(Float64Array.from([0.03, 1, 1, 1]), 0.05, (i) => i === 0)], [1, 0, 0, 0], 'what cannot differ does not count:');
});

test('functions that cannot differ do not hide those that do', () => {
  for (const [a, b, part, p] of [[4, 0, 0.5, 0.0625], [1, 2, 0.25, 0.015625], [0, 0, 0.5, 1], [2, 3, 0, 0]]) is(flame.leastP({ a, b, e: (a + b) * part }), p, `${a} and ${b}:`);
  const stacks = Array.from({ length: 200 }, (_, f) => [`main;rare${f}`, 1, { run: f % 2 }]);
  const p = makeProfile({ stacks: [...stacks, ['main;some', 9, { run: 0 }]], runs: [{}, {}] });
  const state = stateOf(p, { norm: 'none' });
  const graph = graphOf(p, state);
  is(flame.significance(p, state, graph).significant[label(p, 'some')], 1, '9 samples and none:');
  is(flame.frameDoubts(p, state, graph)[nodesNamed(p, 'some', graph.tree)[0]], 0, 'its frame:');
  is(sum(flame.significance(p, state, graph).significant), 1);
});

test('shares of small runs are tested without replacement', () => {
  const p = makeProfile({ stacks: [['f', 10, { run: 0 }], ['g', 5, { run: 0 }], ['f', 3, { run: 1 }], ['g', 12, { run: 1 }]], runs: [{}, {}] });
  const state = stateOf(p);
  const graph = graphOf(p, state);
  close(flame.significance(p, state, graph).p[label(p, 'f')], 0.025327687033676147, 'function');
  close(flame.frameP(p, state, graph, nodesNamed(p, 'f', graph.tree)[0]), 0.025327687033676147, 'frame');
});

test('two runs of one program differ by chance only', () => {
  for (const norm of ['none', 'total', 'stage']) {
    let low = 0;
    let all = 0;
    let picked = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const means = Array.from({ length: 100 }, (_, f) => [2000 / (f + 1), 2000 / (f + 1)]);
      const p = twoRuns(seed, means, { stages: ['s0', 's1', 's2'] });
      const state = stateOf(p, { norm });
      const tested = flame.significance(p, state, graphOf(p, state));
      for (const q of tested.p) {
        if (Number.isNaN(q)) continue;
        all++;
        if (q < 0.05) low++;
      }
      picked += sum(tested.significant);
    }
    ok(all > 1900, `${norm}: ${all} tests`);
    ok(low / all < 0.06 && low / all > 0.005, `${norm}: ${low} of ${all} below 0.05`);
    ok(picked <= 6, `${norm}: ${picked} of ${all} picked`);
  }
});

test('what differs is found, at equal and at different rates', () => {
  for (const rates of [[199, 199], [199, 997]]) {
    const by = rates[1] / rates[0];
    const means = Array.from({ length: 60 }, (_, f) => [400, 400 * by * (f < 3 ? 1.6 : f === 3 ? 0.5 : 1)]);
    const p = twoRuns(7, means, { rates });
    const state = stateOf(p, { norm: 'none' });
    const table = flame.compareTable(p, graphOf(p, state), state);
    const found = table.rows.filter((r) => r.significant).map((r) => p.strings.text(p.labels.name[r.label])).sort();
    same(found.slice(0, 4), ['f0', 'f1', 'f2', 'f3'], `${rates}:`);
    ok(found.length <= 6, `${rates}: ${found}`);
    const s = flame.compareSummary(p, state, table.rows);
    ok(s.up >= 3 && s.down >= 1 && s.up + s.down === found.length, 'up and down');
  }
});

test('a share of everything has no chance', () => {
  // One function is all of both runs: whatever the samples, its share is 100 % in both.
  const p = makeProfile({ stacks: [['main', 900, { run: 0 }], ['main', 100, { run: 1 }]], runs: [{}, {}] });
  const state = stateOf(p);
  const graph = graphOf(p, state);
  is(flame.frameP(p, state, graph, 1), 1);
  const none = stateOf(p, { norm: 'none' });
  ok(flame.frameP(p, none, graphOf(p, none), 1) < 1e-9, 'its time differs, though');
});

test('factors make totals agree: of all, of each stage, or none', () => {
  const p = makeProfile({
    stacks: [['m;a', 10, { run: 0, stage: 'x' }], ['m;a', 30, { run: 1, stage: 'x' }], ['m;b', 8, { run: 0, stage: 'x/y' }], ['m;b', 4, { run: 1, stage: 'x/y' }],
      ['m;c', 5, { run: 0 }], ['m;c', 5, { run: 1 }], ['m;d', 7, { run: 0, stage: 'only-a' }], ['m;d', 9, { run: 1, stage: 'only-b' }]],
    runs: [{}, {}], stages: ['x', 'x/y', 'only-a', 'only-b'],
  });
  const total = stateOf(p);
  same([...flame.compareScales(p, total)], Array(5).fill(30 / 48));
  const stage = stateOf(p, { norm: 'stage' });
  same([...flame.compareScales(p, stage)], [1, 1 / 3, 2, 1, 1]);
  same(flame.unscaledStages(p, stage).map((s) => p.stages[s].name), ['only-a', 'only-b']);
  same([...flame.compareScales(p, stateOf(p, { norm: 'none' }))], Array(5).fill(1));
  same([...flame.compareScales(p, stateOf(p, { stage: 0 }))], Array(5).fill(18 / 34), 'of the chosen stage with those inside it:');
  for (const state of [total, stage]) {
    const { compare } = graphOf(p, state);
    const only = state === stage ? 2 : 0; // b has 9 in a stage where a has 7
    near(compare.b.total[0] - compare.a.total[0], only * 5e6, state.norm);
  }
});

test('samples at different rates are not compared by number', () => {
  const p = makeProfile({ stacks: [['m;a', 200, { run: 0, value: 2e9 }], ['m;a', 100, { run: 1, value: 2e9 }]], runs: [{ rate_hz: 100 }, { rate_hz: 50 }] });
  const state = stateOf(p, { by: 'count', norm: 'none' });
  same([...flame.compareScales(p, state)], [2]);
  const graph = graphOf(p, state);
  is(graph.compare.b.total[0], 200);
  ok(flame.frameP(p, state, graph, 2) > 0.5, 'no difference');
});

test('own differences add up to that of the sums', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const p = makeProfile(randomSpec(seed, { runs: 3, stacks: 120 }));
    for (const patch of [{}, { norm: 'stage' }, { norm: 'none', a: 2, b: 0 }, { kind: 'alloc' }, { by: 'count' }, { fold: 1, own: 1 }, { stage: 0 }, { width: 'both', order: 'name' }, { kind: 'alloc', by: 'count', norm: 'none' }]) {
      const state = stateOf(p, patch);
      const graph = graphOf(p, state);
      const { rows } = flame.compareTable(p, graph, state);
      const delta = rows.reduce((x, r) => x + r.delta, 0);
      const own = graph.compare.b.self[0] - graph.compare.a.self[0]; // of no function
      const want = graph.compare.b.total[0] - graph.compare.a.total[0];
      const size = graph.compare.a.total[0] + graph.compare.b.total[0];
      ok(Math.abs(delta + own - want) <= 1e-9 * size, `seed ${seed} ${JSON.stringify(patch)}: ${delta + own}, want ${want}`);
      for (const r of rows) {
        ok(r.aTotal <= graph.compare.a.total[0] * (1 + 1e-9) && r.aSelf <= r.aTotal * (1 + 1e-9), 'totals are at most all');
        ok(Number.isNaN(r.p) || (r.p >= 0 && r.p <= 1), `p ${r.p}`);
        is(r.state, r.aTotal > 0 ? (r.bTotal > 0 ? 'both' : 'gone') : 'new');
      }
      if (patch.norm === undefined && graph.compare.a.total[0] > 0 && graph.compare.b.total[0] > 0) near(want / size, 0, 'scaled to the same total:');
    }
  }
});

// A brute force over whole paths: those that only one run has, cut where the other one stops.
function elidedByHand(p, graph, mine, other) {
  const found = [];
  for (let i = 1; i < graph.tree.count; i++) {
    const up = graph.tree.parent[i];
    if (mine.total[i] > 0 && !(other.total[i] > 0) && (up === 0 || other.total[up] > 0)) found.push(i);
  }
  return found;
}

test('call paths of one run only are whole and heaviest first', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const p = makeProfile(randomSpec(seed, { runs: 2, stacks: 80, names: 6 }));
    const state = stateOf(p, seed % 2 ? {} : { norm: 'stage', own: 1 });
    const graph = graphOf(p, state);
    const { a, b } = graph.compare;
    const lists = flame.elidedStacks(p, graph, state);
    for (const [list, mine, other] of [[lists.gone, a, b], [lists.new, b, a]]) {
      same(list.map((x) => x.node).sort((x, y) => x - y), elidedByHand(p, graph, mine, other), `seed ${seed}:`);
      for (let i = 1; i < list.length; i++) ok(list[i].amount <= list[i - 1].amount, 'heaviest first');
      for (const x of list) {
        near(x.share, x.amount / mine.total[0], 'share');
        ok(Number.isNaN(x.p) ? !x.significant : x.p >= 0 && x.p <= 1, `p ${x.p}`);
      }
    }
  }
});

test('paths that chance explains are not significant, others are', () => {
  const p = makeProfile({
    stacks: [['main;work', 1000, { run: 0 }], ['main;work', 1000, { run: 1 }], ['main;old;deep', 200, { run: 0 }], ['main;rare', 1, { run: 0 }], ['main;new', 180, { run: 1 }], ['main;odd', 2, { run: 1 }]],
    runs: [{}, {}],
  });
  const state = stateOf(p);
  const graph = graphOf(p, state);
  const { gone, new: fresh } = flame.elidedStacks(p, graph, state);
  const named = (list) => list.map((x) => `${p.strings.text(p.labels.name[graph.tree.label[x.node]])}${x.significant ? '!' : ''}`).join();
  is(named(gone), 'old!,rare');
  is(named(fresh), 'new!,odd');
});

test('frames that chance may explain are marked', () => {
  let marked = 0;
  let frames = 0;
  for (let seed = 1; seed <= 10; seed++) {
    const p = twoRuns(100 + seed, Array.from({ length: 50 }, () => [300, 300]));
    for (const norm of ['none', 'total']) {
      const state = stateOf(p, { norm });
      const graph = graphOf(p, state);
      const doubts = flame.frameDoubts(p, state, graph);
      is(doubts.length, graph.tree.count);
      frames += doubts.length;
      marked += sum(doubts);
    }
  }
  ok(frames - marked <= 8, `${frames - marked} of ${frames} are sure where nothing differs`);
  const p = twoRuns(3, [[500, 500], [500, 900], [40, 0]]);
  const state = stateOf(p, { norm: 'none' });
  const graph = graphOf(p, state);
  const doubts = flame.frameDoubts(p, state, graph);
  same(['main', 'f0', 'f1', 'f2'].map((n) => doubts[nodesNamed(p, n, graph.tree)[0]]), [0, 1, 0, 0]);
  for (const n of ['main', 'f0', 'f1', 'f2']) is(flame.frameP(p, state, graph, nodesNamed(p, n, graph.tree)[0]) > 0.01, n === 'f0', n);
});

test('frames with many samples in one run are not taken for others', () => {
  const p = makeProfile({ stacks: [['x', 1, { run: 0 }], ['x', 4101, { run: 1 }], ['y', 2, { run: 0 }], ['y', 5, { run: 1 }], ['z', 4000, { run: 0 }]], runs: [{}, {}] });
  const state = stateOf(p, { norm: 'none' });
  const graph = graphOf(p, state);
  same(['x', 'y'].map((n) => flame.frameDoubts(p, state, graph)[nodesNamed(p, n, graph.tree)[0]]), [0, 1]);
});

test('a run without samples: everything is new, nothing is divided', () => {
  const p = makeProfile({ stacks: [['main;work', 100, { run: 1 }]], runs: [{}, {}] });
  for (const norm of ['total', 'stage', 'none']) {
    const state = stateOf(p, { norm });
    const graph = graphOf(p, state);
    same([...flame.compareScales(p, state)], [1], norm);
    const { gone, new: fresh } = flame.elidedStacks(p, graph, state);
    is(gone.length, 0);
    same(fresh.map((x) => [graph.tree.depth[x.node], x.share]), [[1, 1]]);
    const { rows } = flame.compareTable(p, graph, state);
    is(rows.every((r) => r.state === 'new'), true);
    is(flame.totalSentence(state, flame.compareSummary(p, state, rows), flame.time), 'Only B has CPU time here: 0 ns → 500 ms.');
  }
  const none = makeProfile({ stacks: [], runs: [{}, {}] });
  const state = stateOf(none);
  same(flame.compareTable(none, graphOf(none, state), state).rows, []);
});

// Memory: exact bytes differ if they differ; estimates by the variance behind their interval.
const MIB = 1048576;
function memory(parts, precisions) {
  return makeProfile({
    kinds: ['alloc'],
    stacks: parts.flatMap(([name, a, b]) => [[`main;${name}`, 10, { run: 0, kind: 'alloc', value: a }], [`main;${name}`, 10, { run: 1, kind: 'alloc', value: b }]]),
    runs: precisions.map((precision) => ({ precision: precision ? { alloc: precision } : {} })),
  });
}
const score = (s, rate) => [s + 1.92 * rate - 1.96 * Math.sqrt(rate * s + 0.96 * rate * rate), s + 1.92 * rate + 1.96 * Math.sqrt(rate * s + 0.96 * rate * rate)];

test('exact bytes: every difference is one', () => {
  const p = memory([['same', 4096, 4096], ['one', 1000, 1001], ['less', 5000, 10]], [{ text: 'exact' }, { text: 'exact' }]);
  const state = stateOf(p, { norm: 'none' });
  const graph = graphOf(p, state);
  const { rows, method } = flame.compareTable(p, graph, state);
  is(method, 'exact');
  same(['same', 'one', 'less'].map((n) => [rowOf({ rows }, p, n).p, rowOf({ rows }, p, n).significant]), [[1, false], [0, true], [0, true]]);
  is(flame.frameP(p, state, graph, nodesNamed(p, 'one', graph.tree)[0]), 0);
  is(flame.frameDoubts(p, state, graph), null, 'no frame is in doubt:');
});

test('estimated bytes: what their error explains is no difference', () => {
  const rate = 512 * 1024; // bytes between samples
  const parts = [['near', 100 * MIB, 104 * MIB], ['far', 100 * MIB, 170 * MIB], ['small', MIB, 3 * MIB], ['base', 800 * MIB, 800 * MIB]];
  const totals = [1, 2].map((k) => parts.reduce((x, part) => x + part[k], 0));
  const p = memory(parts, totals.map((s) => ({ text: 'estimated', interval: score(s, rate) })));
  const state = stateOf(p, { norm: 'none' });
  const { rows, method } = flame.compareTable(p, graphOf(p, state), state);
  is(method, 'samples');
  const p0 = (n) => rowOf({ rows }, p, n).p;
  // 100 MiB are 200 samples of 512 KiB, 104 MiB 208: |200 - 204| less 1/2, by the square root of 408 / 4.
  ok(Math.abs(p0('near') - flame.normalP(3.5 / Math.sqrt(102))) < 0.01, `near: ${p0('near')}`);
  ok(p0('far') < 1e-3 && rowOf({ rows }, p, 'far').significant, `far: ${p0('far')}`);
  ok(p0('small') > 0.05, `two samples against six: ${p0('small')}`);
  const counted = stateOf(p, { norm: 'none', by: 'count' });
  const blocks = flame.compareTable(p, graphOf(p, counted), counted);
  is(blocks.method, 'none', 'blocks:');
  ok(blocks.rows.every((r) => Number.isNaN(r.p) && !r.significant), 'are not tested');
});

test('an exact run beside an estimated one is taken as known', () => {
  const p = memory([['x', 100 * MIB, 130 * MIB], ['y', 900 * MIB, 905 * MIB]], [{ text: 'exact' }, { text: 'estimated', interval: score(1035 * MIB, MIB / 2) }]);
  const state = stateOf(p, { norm: 'none' });
  const { rows } = flame.compareTable(p, graphOf(p, state), state);
  // 260 samples of 512 KiB where 200 are expected: 4.2 standard deviations.
  const x = rowOf({ rows }, p, 'x');
  ok(x.p < 1e-3 && x.p > 1e-6 && x.significant, `x: ${x.p}`);
  ok(rowOf({ rows }, p, 'y').p > 0.5, 'y');
});

test('a thread of one run is found in the other by its name', () => {
  const p = makeProfile({
    stacks: [['m;a', 10, { run: 0, thread: 'w0' }], ['m;b', 20, { run: 0, thread: 'w1' }], ['m;a', 30, { run: 1, thread: 'w1' }], ['m;b', 5, { run: 1, thread: 'other' }]],
    runs: [{}, {}],
  });
  const id = (r, name) => p.threads.find((t) => t.run === r && t.name === name).id;
  is(flame.threadIn(p, id(0, 'w1'), 1), id(1, 'w1'));
  is(flame.threadIn(p, id(1, 'w1'), 0), id(0, 'w1'));
  is(flame.threadIn(p, id(0, 'w0'), 1), -1);
  const threads = [[0, 'w'], [0, 'w'], [1, 'x'], [1, 'w'], [1, 'w']].map(([r, name], k) => ({ id: k, run: r, name, process: 'p' }));
  same([0, 1, 2, 4].map((t) => flame.threadIn({ threads }, t, t < 2 ? 1 : 0)), [3, 4, -1, 1], 'the second for the second:');
  const state = stateOf(p, { thread: id(0, 'w1'), norm: 'none' });
  const { compare } = graphOf(p, state);
  is(compare.a.total[0], 20 * 5e6);
  is(compare.b.total[0], 30 * 5e6);
  const gone = stateOf(p, { thread: id(0, 'w0'), norm: 'none' });
  is(graphOf(p, gone).compare.b.total[0], 0);
  like(flame.compareWarnings(p, gone).join(), /B has no thread like the chosen one/);
});

test('the sentence says who takes more, and how many differ', () => {
  const cpu = { kind: 'cpu', norm: 'none' };
  const say = (a, b, counted = false, state = cpu) => flame.totalSentence(state, { a, b, counted }, state.kind === 'cpu' ? flame.time : flame.bytes);
  is(say(20.9e9, 23.47e9), 'B takes 12.3 % more CPU time than A: 20.9 s → 23.5 s.');
  is(say(20e9, 15e9), 'B takes 25 % less CPU time than A: 20 s → 15 s.');
  is(say(1e9, 7e9), 'B takes 7 times the CPU time of A: 1 s → 7 s.');
  is(say(1e9, 1.0001e9), 'B takes as much CPU time as A: 1 s → 1 s.');
  is(say(0, 0), 'Neither run has CPU time here.');
  is(say(3, 0), 'Only A has CPU time here: 3 ns → 0 ns.');
  is(say(100, 150, true), 'B has 50 % more samples than A: 100 → 150.');
  is(say(MIB, 3 * MIB / 2, false, { kind: 'alloc' }), 'B has 50 % more bytes allocated than A: 1.0 MiB → 1.5 MiB.');
  const tell = (up, down, functions, state = cpu, method = 'samples') => flame.functionsSentence(state, { a: 1, b: 1, up, down, functions }, method);
  is(tell(3, 1, 40), '3 functions up, 1 down; the rest is within sampling noise.');
  is(tell(1, 0, 1), '1 function up.');
  is(tell(0, 2, 5), '2 functions down; the rest is within sampling noise.');
  is(tell(0, 0, 5), 'No function differs by more than sampling noise.');
  is(tell(3, 2, 40, { norm: 'total' }), '3 functions have a larger share of the total, 2 a smaller one; the rest is within sampling noise.');
  is(tell(0, 1, 40, { norm: 'stage' }), '1 function has a smaller share of its stage; the rest is within sampling noise.');
  is(tell(2, 1, 3, { norm: 'stage' }), '2 functions have a larger share of their stages, 1 a smaller one.');
  is(tell(5, 1, 40, cpu, 'exact'), '5 functions up, 1 down; the rest is equal.');
  is(tell(0, 0, 4, cpu, 'exact'), 'No function differs.');
  is(flame.functionsSentence(cpu, { a: 0, b: 1, up: 0, down: 0, functions: 1 }, 'samples'), '');
  is(flame.chanceText(0.0312345), '0.031');
  is(flame.chanceText(1e-9), '< 0.001');
  is(flame.chanceText(NaN), '–');
});

test('what makes runs hard to compare is said', () => {
  const p = makeProfile({
    stacks: [['m', 1, { run: 0 }], ['m', 1, { run: 1, stage: 's' }]],
    runs: [{ host: 'a', rate_hz: 199, losses: [['late_tick', 1400], ['torn', 0]] }, { host: 'b', rate_hz: 997, finished: 0, mode: 'wall', cpu_model: 'Intel' }],
  });
  same(flame.compareWarnings(p, stateOf(p)), ['different hosts: a and b', 'different CPUs: AMD EPYC and Intel', 'different rates: 199 Hz and 997 Hz', 'different modes: cpu and wall', 'A lost 1,400 late_tick', 'B has not finished']);
  like(flame.compareWarnings(p, stateOf(p, { norm: 'stage' })).pop(), /^only one run has something in outside of stages, s: not scaled there$/);
  same(flame.compareWarnings(p, stateOf(p, { b: 0 })), ['A and B are the same run', 'A lost 1,400 late_tick', 'B lost 1,400 late_tick']);
  const killed = makeProfile({ stacks: [['m', 1], ['m', 1, { run: 1 }]], runs: [{ signal: 9 }, { exit_code: 3 }] });
  same(flame.compareWarnings(killed, stateOf(killed)), ['A was killed by signal 9', 'B ended with code 3']);
});

await run();
