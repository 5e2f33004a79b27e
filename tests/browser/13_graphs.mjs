// States, weights and graphs of the page under node: random profiles against sums worked out the plain way.
import { core, fails, is, near, ok, run, same, test } from './harness.mjs';
import { makeProfile, nodesByPath, random, randomSpec } from './rig.mjs';

const flame = core('format', 'decode', 'weigh', 'layout', 'state', 'compare', 'timeline', 'derive');
const withDefaults = (p, patch) => Object.freeze({ ...flame.stateDefaults(p), ...patch });
const pick = (next, list) => list[Math.floor(next() * list.length)];

function stagePath(p, stage) {
  return stage < 0 ? [] : [...stagePath(p, p.stages[stage].parent), stage];
}

// Labels of a node's path, as a graph with fold and own shows them.
function pathOf(p, node, { fold, own }) {
  const all = [];
  for (let i = node; i > 0; i = p.tree.parent[i]) all.unshift(p.tree.label[i]);
  const path = [];
  for (const label of all) {
    if (own && p.labels.flags[label] & 8) continue;
    const at = fold ? path.indexOf(label) : -1;
    if (at >= 0) path.length = at + 1;
    else path.push(label);
  }
  return path.join();
}

// Own weights by shown path of one run: sample by sample.
function plainSums(p, state, which, scales) {
  const sums = new Map();
  for (let i = 0; i < p.tree.count; i++) sums.set(pathOf(p, i, state), { value: 0, count: 0 });
  const { groups, samples } = p;
  for (let g = 0, at = 0; g < groups.samples.length; g++)
    for (let k = 0; k < groups.samples[g]; k++, at++) {
      const stages = stagePath(p, groups.stage[g] - 1);
      const stageFits = state.stage === -2 || (state.stage === -1 ? stages.length === 0 : stages.includes(state.stage));
      const thread = p.threads[groups.thread[g] - 1]; // of random profiles each name has one in each run
      const threadFits = state.thread === -2 || (thread && thread.name === p.threads[state.thread].name);
      if (groups.run[g] !== which || p.kinds[groups.kind[g]] !== state.kind || !stageFits || !threadFits) continue;
      const sum = sums.get(pathOf(p, samples.node[at], state));
      const factor = scales ? scales[groups.stage[g]] : 1;
      sum.value += samples.value[at] * factor;
      sum.count += samples.count[at] * factor;
    }
  return sums;
}

function graphPaths(g) {
  const paths = [''];
  for (let i = 1; i < g.tree.count; i++) paths[i] = `${paths[g.tree.parent[i]]}${g.tree.parent[i] ? ',' : ''}${g.tree.label[i]}`;
  return paths;
}

function checkShape(g) {
  const { tree } = g;
  let deepest = 0;
  is(tree.end[0], tree.count, 'the root has everything');
  for (let i = 1; i < tree.count; i++) {
    const up = tree.parent[i];
    ok(up < i && tree.end[i] > i && tree.end[i] <= tree.end[up], `node ${i} lies in its parent`);
    is(tree.depth[i], tree.depth[up] + 1, 'depth');
    deepest = Math.max(deepest, tree.depth[i]);
    ok(i === up + 1 || tree.parent[i - 1] === up || i === tree.end[i - 1] || tree.depth[i] <= tree.depth[i - 1], `node ${i} follows`);
    const slack = 1e-6 * (1 + g.total[0]);
    ok(g.start[i] >= g.start[up] - slack && g.start[i] + g.total[i] <= g.start[up] + g.total[up] + slack, `the interval of node ${i} lies in its parent's`);
  }
  is(tree.maxDepth, deepest, 'the deepest row');
}

// Every array: a node's total is its own with its children's.
function checkTotals(g) {
  const pairs = [[g.self, g.total], [g.selfValue, g.value], [g.selfCount, g.count]];
  if (g.compare) pairs.push([g.compare.a.self, g.compare.a.total], [g.compare.b.self, g.compare.b.total]);
  for (const [self, total] of pairs) {
    const want = Float64Array.from(self);
    for (let i = g.tree.count - 1; i > 0; i--) want[g.tree.parent[i]] += want[i];
    for (let i = 0; i < want.length; i++) near(total[i], want[i], `total of node ${i}`);
  }
}

function checkOrder(p, g, order) {
  const name = (i) => p.strings.text(p.labels.name[g.tree.label[i]]);
  for (let i = 1; i < g.tree.count; i++) {
    const next = g.tree.end[i];
    if (next >= g.tree.end[g.tree.parent[i]] || name(next) === '(other)') continue;
    ok(name(i) !== '(other)', 'what was folded comes last');
    if (order === 'name') ok(name(i) <= name(next), `${name(i)} before ${name(next)}`);
    else ok(g.total[i] >= g.total[next], `node ${i} is heavier than ${next}`);
  }
}

function checkNodes(p, g, state) {
  const paths = graphPaths(g);
  for (let base = 0; base < p.tree.count; base++) is(paths[g.node(base)], pathOf(p, base, state), `the node of ${base}`);
  for (let i = 0; i < g.tree.count; i++) is(g.node(g.base(i)), i, `the first base node of ${i}`);
}

function checkShown(p, g, { fold, own }) {
  for (let i = 1; i < g.tree.count; i++) {
    if (own) is(p.labels.flags[g.tree.label[i]] & 8, 0, 'a library frame');
    if (fold) for (let k = g.tree.parent[i]; k > 0; k = g.tree.parent[k]) ok(g.tree.label[k] !== g.tree.label[i], 'recursion');
  }
}

function randomChoice(p, next) {
  return {
    kind: pick(next, p.kinds), stage: Math.floor(next() * (p.stages.length + 2)) - 2, thread: pick(next, [-2, Math.floor(next() * p.threads.length)]),
    by: pick(next, ['value', 'count']), fold: pick(next, [0, 1]), own: pick(next, [0, 1]), order: pick(next, ['heavy', 'name']),
  };
}

test('graphs of random profiles have the sums of their samples, whatever is chosen', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const next = random(seed);
    const p = makeProfile(randomSpec(seed));
    for (let k = 0; k < 12; k++) {
      const state = withDefaults(p, randomChoice(p, next));
      const g = flame.deriveGraph(p, state);
      checkShape(g);
      checkTotals(g);
      checkOrder(p, g, state.order);
      checkNodes(p, g, state);
      checkShown(p, g, state);
      const want = plainSums(p, state, 0);
      const paths = graphPaths(g);
      is(want.size, g.tree.count, 'nodes');
      paths.forEach((path, i) => {
        is(g.selfValue[i], want.get(path).value, 'own value');
        is(g.selfCount[i], want.get(path).count, 'own count');
      });
      is(g.compare, null);
      const byCount = state.by === 'count' || !(g.value[0] > 0);
      is(g.byCount, byCount);
      is(g.total, byCount ? g.count : g.value);
      is(g.self, byCount ? g.selfCount : g.selfValue);
      is(g.unit, byCount ? 'count' : state.kind === 'cpu' ? 'ns' : 'bytes');
    }
  }
});

test('a comparison has the sums of both runs, and widths of one or of their mean', () => {
  for (let seed = 100; seed <= 130; seed++) {
    const next = random(seed);
    const p = makeProfile(randomSpec(seed, { runs: 3 }));
    for (let k = 0; k < 8; k++) {
      const state = withDefaults(p, { ...randomChoice(p, next), a: Math.floor(next() * 3), b: Math.floor(next() * 3), norm: pick(next, ['total', 'stage', 'none']), width: pick(next, ['a', 'b', 'both']) });
      const g = flame.deriveGraph(p, state);
      checkShape(g);
      checkTotals(g);
      checkOrder(p, g, state.order);
      checkNodes(p, g, state);
      const unit = g.byCount ? 'count' : 'value';
      const a = plainSums(p, state, state.a);
      const b = plainSums(p, state, state.b, flame.compareScales(p, state));
      graphPaths(g).forEach((path, i) => {
        const [x, y] = [a.get(path)[unit], b.get(path)[unit]];
        near(g.compare.a.self[i], x, 'A');
        near(g.compare.b.self[i], y, 'B');
        near(g.self[i], { a: x, b: y, both: (x + y) / 2 }[state.width], 'width');
      });
    }
  }
});

test('the normal case copies nothing, and what was worked out is kept', () => {
  const p = makeProfile(randomSpec(7, { names: 30, depth: 4 }));
  const state = flame.stateDefaults(p);
  const g = flame.deriveGraph(p, state);
  is(g.tree, p.tree);
  is(g.tree.origin, null);
  is(flame.deriveGraph(p, { ...state, zoom: 1, find: 'x' }), g, 'the same choice:');
  for (const thread of [0, 1, 2]) flame.deriveGraph(p, { ...state, thread });
  ok(flame.deriveGraph(p, state) !== g, 'only the last few are kept');
  is(flame.deriveGraph(p, { ...state, own: 1 }).node(0), 0);
});

test('recursion that comes back through others is one frame, and its callees are joined', () => {
  const p = makeProfile({ stacks: [['main;A;B;A;C', 10], ['main;A;C', 5], ['main;A;B;qsort;cmp', 7], ['qsort;main', 1]], library: ['qsort'] });
  const shown = (patch) => {
    const g = flame.deriveGraph(p, withDefaults(p, { by: 'count', ...patch }));
    return [...nodesByPath(p, g.tree)].map(([path, i]) => `${path} ${g.count[i]}`);
  };
  same(shown({ fold: 1 }), ['main 22', 'main;A 22', 'main;A;C 15', 'main;A;B 7', 'main;A;B;qsort 7', 'main;A;B;qsort;cmp 7', 'qsort 1', 'qsort;main 1']);
  same(shown({ fold: 1, own: 1 }), ['main 23', 'main;A 22', 'main;A;C 15', 'main;A;B 7', 'main;A;B;cmp 7']);
});

test('a range of time weighs what its ticks do, whatever is folded, and other kinds not at all', () => {
  const next = random(300);
  const spec = randomSpec(300);
  spec.ticks = Array.from({ length: 200 }, (_, i) => ({ t: 1000 + i * 50 + Math.floor(next() * 40), thread: 'worker-1', stack: pick(next, spec.stacks)[0], state: pick(next, [0, 0, 2]) }));
  const p = makeProfile(spec);
  const range = { from: 3000, to: 7000 };
  for (const fold of [0, 1]) for (const own of [0, 1]) for (const order of ['heavy', 'name']) {
    const state = withDefaults(p, { ...range, fold, own, order });
    const g = flame.deriveGraph(p, state);
    checkShape(g);
    checkTotals(g);
    checkOrder(p, g, order);
    const own0 = flame.tickWeights(p, state).selfValue;
    const want = new Float64Array(g.tree.count);
    own0.forEach((v, i) => { want[g.node(i)] += v; });
    want.forEach((v, i) => near(g.selfValue[i], v, 'own value'));
    ok(g.value[0] > 0 && g.value[0] < flame.deriveGraph(p, withDefaults(p, {})).value[0], 'less than everything');
  }
  const alloc = withDefaults(p, { kind: 'alloc' });
  is(flame.deriveGraph(p, { ...alloc, ...range }).value[0], flame.deriveGraph(p, alloc).value[0]);
});

test('why a range of time does nothing is said', () => {
  const stacks = [['main', 4, { kind: 'cpu' }], ['main', 4, { kind: 'alloc' }]];
  const why = (spec, kind) => flame.withoutTimes(makeProfile({ stacks, kinds: ['cpu', 'alloc'], ...spec }), { kind });
  const ticks = [{ t: 1000, stack: 'main' }];
  is(why({ ticks }, 'cpu'), '');
  is(why({ ticks }, 'alloc'), 'no ticks of kind alloc');
  is(why({}, 'cpu'), 'the run has no ticks');
  is(why({ runs: [{}, {}] }, 'cpu'), 'a comparison has no common time');
  const p = makeProfile({ stacks, kinds: ['cpu', 'alloc'], ticks });
  is(flame.hasRange(p, withDefaults(p, { from: 1, to: 2 })), true);
  is(flame.hasRange(p, withDefaults(p, { from: 1, to: 2, kind: 'alloc' })), false);
  is(flame.hasRange(p, withDefaults(p, {})), false);
});

test('stages share a joined frame as its samples do, of each run', () => {
  for (let seed = 400; seed <= 410; seed++) {
    const next = random(seed);
    const p = makeProfile(randomSpec(seed, { runs: 2 }));
    for (const patch of [{ fold: 1 }, { own: 1 }, { fold: 1, own: 1, order: 'name' }]) for (const run of [0, 1]) {
      const state = withDefaults(p, { ...randomChoice(p, next), ...patch, run });
      const g = flame.deriveGraph(p, state);
      for (let node = 0; node < g.tree.count; node++) {
        const want = new Map();
        for (const at of flame.chooseGroups(p, state))
          for (let i = p.groups.first[at]; i < p.groups.first[at] + p.groups.samples[at]; i++) {
            const shown = g.node(p.samples.node[i]);
            const stage = p.groups.stage[at] - 1;
            if (shown >= node && shown < g.tree.end[node]) want.set(stage, (want.get(stage) ?? 0) + p.samples[state.by][i]);
          }
        const got = flame.joinedShares(p, state, g, node);
        same(got.map((s) => s.value), [...want.values()].filter((v) => v > 0).sort((a, b) => b - a));
        for (const s of got) is(s.value, want.get(s.stage));
      }
    }
  }
});

test('a profile without samples has a graph of nothing', () => {
  const p = makeProfile({ stacks: [] });
  for (const patch of [{}, { fold: 1 }, { own: 1 }, { order: 'name' }, { order: 'time' }, { by: 'count' }]) {
    const g = flame.deriveGraph(p, withDefaults(p, patch));
    is(g.tree.count, 1);
    is(g.total[0], 0);
  }
});

test('stages share a subtree as their samples do', () => {
  for (let seed = 200; seed <= 230; seed++) {
    const next = random(seed);
    const p = makeProfile(randomSpec(seed));
    for (let k = 0; k < 10; k++) {
      const state = withDefaults(p, { ...randomChoice(p, next), fold: 0, own: 0 });
      const node = Math.floor(next() * p.tree.count);
      const want = new Map();
      const inside = (i) => i >= node && i < p.tree.end[node];
      for (const g of flame.chooseGroups(p, { ...state, run: 0 }))
        for (let i = p.groups.first[g]; i < p.groups.first[g] + p.groups.samples[g]; i++)
          if (inside(p.samples.node[i])) want.set(p.groups.stage[g] - 1, (want.get(p.groups.stage[g] - 1) ?? 0) + p.samples[state.by][i]);
      const got = flame.stageShares(p, state, node);
      const whole = [...want.values()].reduce((a, b) => a + b, 0);
      same(got.map((s) => s.value), [...want.values()].filter((v) => v > 0).sort((a, b) => b - a));
      for (const s of got) {
        is(s.value, want.get(s.stage));
        near(s.share, s.value / whole);
      }
    }
  }
});

// ---- states ----

function rich(runs = 3) {
  return makeProfile({
    ...randomSpec(3, { runs, kinds: ['cpu', 'alloc', 'a&b=c #'] }),
    source: { columns: ['cpu'], files: [{ name: 'a.c' }, { name: 'b.c' }] },
  });
}

function randomState(p, next) {
  const at = (n) => Math.floor(next() * n);
  const from = at(2) ? at(1e12) : -1;
  return Object.freeze({
    ...flame.stateDefaults(p),
    ...randomChoice(p, next),
    view: pick(next, ['flame', 'time', 'callers', 'table', 'tree', 'stages', 'memory', 'source']),
    zoom: at(p.tree.count), selected: at(p.tree.count), find: pick(next, ['', 'a b', '%41+&=#?', 'ünï 漢字 🔥', 'x\ny', '^(a|b)$', 'a=b&zoom=3']),
    flip: at(2), order: pick(next, ['heavy', 'name', 'time']), colour: pick(next, ['module', 'name', 'delta']),
    ...(p.runs.length > 1 ? {} : { from, to: from < 0 ? -1 : from + 1 + at(1e9) }), left: from, right: from < 0 ? -1 : from + 1 + at(1e9), series: pick(next, ['', '0', '3.1.2']),
    x0: pick(next, [0, 0.25, 0.000001]), x1: pick(next, [1, 0.5, 0.999999]), fn: at(p.labels.count + 1) - 1, sort: pick(next, ['', 'self', '-total', '-a.b_2']),
    file: at(3) - 1, line: at(5000), a: at(3), b: at(3), norm: pick(next, ['total', 'stage', 'none']), width: pick(next, ['a', 'b', 'both']), theme: pick(next, ['', 'light', 'dark']),
  });
}

test('an address says the whole state', () => {
  const pages = [rich(), rich(1)];
  const next = random(11);
  for (let k = 0; k < 3000; k++) {
    const p = pages[k % 2];
    is(flame.stateHash(flame.stateDefaults(p), p), '');
    same(flame.parseState('', p), flame.stateDefaults(p));
    const state = p.runs.length > 1 ? randomState(p, next) : { ...randomState(p, next), a: 0, b: 0 };
    const hash = flame.stateHash(state, p);
    same(flame.parseState(hash, p), state, hash);
    same(Object.keys(flame.parseState(hash, p)), Object.keys(state));
  }
});

test('several runs have no common range of time', () => {
  is(flame.parseState('#from=5&to=9', rich()).from, -1);
  is(flame.parseState('#from=5&to=9', rich(1)).to, 9);
});

test('parts of numbers are said without exponents', () => {
  const p = rich(1);
  const state = { ...flame.stateDefaults(p), x0: 1.5e-7, x1: 0.1 + 0.2, from: 1.25, to: 1e15 + 0.5, left: 0, right: 0.5 };
  const hash = flame.stateHash(state, p);
  is(hash.includes('e-'), false);
  const read = flame.parseState(hash, p);
  for (const key of Object.keys(state)) if (typeof state[key] === 'number') near(read[key], state[key], key);
});

test('an address that makes no sense falls back to the defaults, part by part', () => {
  const p = rich();
  const fallback = (hash) => same(flame.parseState(hash, p), flame.stateDefaults(p), hash);
  for (const hash of ['#', '#zoom=-1', '#zoom=1e2', '#zoom=99999999', '#zoom=0x1', '#zoom=1.5', '#stage=-3', '#stage=9', '#thread=-1', '#thread=99', '#view=__proto__', '#kind=constructor', '#from=5',
    '#from=9&to=3', '#to=4', '#fold=2', '#fold=true', '#a=3', '#b=-1', '#line=-4', '#sort=a b', '#theme=pink', '#%', '#%ff%fe', '#=&&==&', '#toString=1', '#zoom=%00', '##', '#zoom', '#line=4294967296', '#x0=1&x1=0', '#x0=-1', '#x1=1.5', '#x0=1e-3', '#left=9', '#series=a', '#series=1..2'])
    fallback(hash);
  same(flame.parseState('#zoom=1&stage=77&fold=1', p), { ...flame.stateDefaults(p), zoom: 1, fold: 1 });
  is(flame.parseState(`#find=${'x'.repeat(99999)}`, p).find.length, 1000);
  const next = random(12);
  for (let k = 0; k < 5000; k++) {
    const letters = Array.from(flame.stateHash(randomState(p, next), p));
    for (let j = 0; j < 4; j++) letters[Math.floor(next() * (letters.length + 1))] = pick(next, ['%', '&', '=', '-', '9', '\ud800', '\0', 'e', '🔥', '']);
    const state = flame.parseState(letters.join(''), p);
    same(flame.parseState(flame.stateHash(state, p), p), state, 'what was understood is said again:');
    flame.deriveGraph(p, state);
  }
});

test('every step can be undone and done again', () => {
  const p = rich();
  const next = random(13);
  const store = flame.createStore(flame.stateDefaults(p));
  const seen = [store.get()];
  for (let k = 0; k < 300; k++) {
    store.set({ zoom: k + 1 });
    if (next() < 0.5) store.set({ find: `f${k}` }, { step: false });
    seen.push(store.get());
  }
  for (let k = seen.length - 2; k >= 0; k--) {
    is(store.undo(), true);
    same(store.get(), seen[k]);
  }
  is(store.undo(), false);
  is(store.canUndo(), false);
  for (let k = 1; k < seen.length; k++) {
    is(store.redo(), true);
    same(store.get(), seen[k]);
  }
  is(store.canRedo(), false);
  store.undo();
  store.set({ zoom: 0 });
  is(store.canRedo(), false, 'after another step:');
});

test('at most 500 steps are kept, the theme is none, and nothing is no step', () => {
  const p = rich();
  const store = flame.createStore(flame.stateDefaults(p));
  for (let k = 1; k <= 700; k++) store.set({ line: k });
  store.set({ theme: 'dark' });
  is(store.set({ line: 700 }), false);
  let steps = 0;
  while (store.undo()) steps++;
  is(steps, 500);
  is(store.get().line, 200);
  is(store.get().theme, 'dark');
});

test('listeners hear which members changed, until they leave', async () => {
  const p = rich();
  const store = flame.createStore(flame.stateDefaults(p));
  const heard = [];
  const leave = store.subscribe((state, changed) => heard.push([state.zoom, ...changed].join(' ')));
  store.set({ zoom: 2, flip: 1 });
  store.set({ zoom: 2 });
  store.undo();
  leave();
  store.redo();
  same(heard, ['2 zoom flip', '0 zoom flip']);
  await fails(() => store.set({ zom: 1 }), /zom/);
  is(Object.isFrozen(store.get()), true);
});

await run();
