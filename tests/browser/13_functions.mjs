// Functions, their callers and callees against sums over whole stacks, counted one by one.
import { core, is, ok, run, same, test } from './harness.mjs';
import { makeProfile, random, randomSpec } from './rig.mjs';

const flame = core('layout', 'state', 'derive', 'functions');

// The graph of one kind of one or two runs, as the page derives it.
function graphOf(profile, { kind = 0, runs = [0] } = {}) {
  const { tree, groups, samples } = profile;
  const column = () => new Float64Array(tree.count);
  const sums = runs.map((r) => {
    const own = { value: column(), count: column() };
    for (let g = 0; g < groups.samples.length; g++) {
      if (groups.run[g] !== r || groups.kind[g] !== kind) continue;
      for (let at = groups.first[g]; at < groups.first[g] + groups.samples[g]; at++) {
        own.value[samples.node[at]] += samples.value[at];
        own.count[samples.node[at]] += samples.count[at];
      }
    }
    return own;
  });
  const withCallees = (self) => {
    const total = self.slice();
    for (let i = tree.count - 1; i > 0; i--) total[tree.parent[i]] += total[i];
    return total;
  };
  const pair = (self) => ({ self, total: withCallees(self) });
  const last = sums[sums.length - 1];
  const graph = {
    tree, selfValue: last.value, value: withCallees(last.value), selfCount: last.count, count: withCallees(last.count),
    compare: null, unit: 'ns', byCount: false, base: (node) => node, node: (base) => base,
  };
  graph.self = graph.selfValue;
  graph.total = graph.value;
  if (runs.length > 1) {
    graph.compare = { a: pair(sums[0].value), b: { self: graph.self, total: graph.total } };
  }
  return graph;
}

// Sums of the stacks of a description: put(name, amount) for each that `keys(stack)` gives.
function sumStacks(spec, { kind, run: r = 0 }, keys) {
  const sums = new Map();
  for (const [stack, , o] of spec.stacks) {
    if (o.kind !== kind || o.run !== r) continue;
    for (const key of new Set(keys(stack))) sums.set(key, (sums.get(key) ?? 0) + o.value);
  }
  for (const [key, sum] of sums) if (sum === 0) sums.delete(key);
  return sums;
}

const nameOf = (p, label) => p.strings.text(p.labels.name[label]);
const sorted = (map) => [...map].sort((x, y) => (x[0] < y[0] ? -1 : 1));

// {path from the root, amount} of all nodes but weightless ones.
function paths(p, graph, column) {
  const texts = [''];
  const found = new Map();
  for (let i = 0; i < graph.tree.count; i++) {
    if (i > 0) texts[i] = `${texts[graph.tree.parent[i]]};${nameOf(p, graph.tree.label[i])}`;
    ok(!found.has(texts[i]), `${texts[i]} is there twice`);
    if (column[i] !== 0) found.set(texts[i], column[i]);
  }
  return found;
}

function checkShape(p, graph, what) {
  const { tree, total, self, start } = graph;
  for (let i = 0; i < tree.count; i++) {
    const up = tree.parent[i];
    if (i > 0) {
      ok(up < i && tree.end[i] <= tree.end[up] && tree.end[i] > i, `${what}: node ${i} lies in its parent`);
      is(tree.depth[i], tree.depth[up] + 1, `${what}: depth`);
      ok(tree.depth[i] <= tree.maxDepth, `${what}: maxDepth`);
    }
    let sum = self[i];
    let before = Infinity;
    for (let c = i + 1; c < tree.end[i]; c = tree.end[c]) {
      is(tree.parent[c], i, `${what}: parent`);
      is(start[c], start[i] + sum - self[i], `${what}: left edge`);
      ok(total[c] <= before, `${what}: the heaviest first, (other) last`);
      before = p.labels.flags[tree.label[c]] & 4 ? -1 : tree.end[c] < tree.end[i] && p.labels.flags[tree.label[tree.end[c]]] & 4 ? Infinity : total[c];
      sum += total[c];
    }
    is(sum, total[i], `${what}: self and children of node ${i}`);
  }
}

const SEEDS = Array.from({ length: 30 }, (_, i) => i + 1);

test('a function has what its stacks have, once', () => {
  for (const seed of SEEDS) {
    const spec = randomSpec(seed, { names: 3 + (seed % 9) });
    const p = makeProfile(spec);
    spec.kinds.forEach((kind, k) => {
      const table = flame.functionTable(p, graphOf(p, { kind: k }));
      const rows = (column) => new Map(Array.from({ length: table.count }, (_, r) => [nameOf(p, table.label[r]), column[r]]).filter(([, v]) => v !== 0));
      same(sorted(rows(table.self)), sorted(sumStacks(spec, { kind }, (s) => [s[s.length - 1]])), `seed ${seed}: self`);
      same(sorted(rows(table.total)), sorted(sumStacks(spec, { kind }, (s) => s)), `seed ${seed}: total`);
      for (let l = 0; l < p.labels.count; l++) {
        const row = table.row(l);
        if (row >= 0) is(nameOf(p, table.label[row]), nameOf(p, l), 'row of a label');
      }
      is(table.row(-1), -1, 'no label, no row');
    });
  }
});

test('samples count as values do', () => {
  const p = makeProfile({ stacks: [['f;g;f', 3, { value: 70 }], ['f', 2, { value: 1 }], ['h;g', 5, { value: 0 }]] });
  const table = flame.functionTable(p, graphOf(p));
  const row = Object.fromEntries(['f', 'g', 'h'].map((n) => [n, table.label.findIndex((l) => nameOf(p, l) === n)]));
  same([table.self[row.f], table.total[row.f], table.selfCount[row.f], table.totalCount[row.f]], [71, 71, 5, 5], 'f');
  same([table.self[row.g], table.total[row.g], table.selfCount[row.g], table.totalCount[row.g]], [0, 70, 5, 8], 'g');
  same([table.total[row.h], table.totalCount[row.h]], [0, 5], 'h has samples without value');
});

test('a module has what its functions have, once', () => {
  for (const seed of SEEDS) {
    const spec = randomSpec(seed);
    const p = makeProfile(spec);
    const table = flame.moduleTable(p, graphOf(p));
    const rows = (column) => new Map(table.module.map((m, r) => [p.strings.text(m), column[r]]).filter(([, v]) => v !== 0));
    same(sorted(rows(table.self)), sorted(sumStacks(spec, { kind: 'cpu' }, (s) => [spec.modules[s[s.length - 1]] ?? s[s.length - 1]])), `seed ${seed}: self`);
    same(sorted(rows(table.total)), sorted(sumStacks(spec, { kind: 'cpu' }, (s) => s.map((n) => spec.modules[n] ?? n))), `seed ${seed}: total`);
  }
  const p = makeProfile({ stacks: [['[truncated];main', 1, { value: 7 }], ['[unknown in a.so]', 1, { value: 5 }]], modules: { '[unknown in a.so]': '/a.so' } });
  const table = flame.moduleTable(p, graphOf(p));
  const totals = new Map(table.module.map((m, r) => [p.strings.text(m), table.total[r]]));
  same(sorted(totals), [['/a.so', 5], ['/bin/app', 7], ['[truncated]', 7]], 'frames without a module stand for themselves');
});

test('callers are the ways to the outermost call', () => {
  for (const seed of SEEDS) {
    const spec = randomSpec(seed, { names: 3 + (seed % 6), depth: 9 });
    const p = makeProfile(spec);
    const graph = graphOf(p);
    const table = flame.functionTable(p, graph);
    for (let r = 0; r < table.count; r++) {
      const name = nameOf(p, table.label[r]);
      const made = flame.callers(p, graph, table.label[r]);
      is(made.total[0], table.total[r], `seed ${seed}: all of ${name}`);
      is(made.tree.label[0], table.label[r], 'the root is the function');
      const up = (s) => s.slice(0, Math.max(0, s.indexOf(name))).reverse();
      const ways = (s) => (s.includes(name) ? ['', ...up(s)].map((_, i, all) => `${i ? ';' : ''}${all.slice(1, i + 1).join(';')}`) : []);
      same(sorted(paths(p, made, made.total)), sorted(sumStacks(spec, { kind: 'cpu' }, ways)), `seed ${seed}: ways to ${name}`);
      const ends = (s) => ways(s).slice(-1);
      same(sorted(paths(p, made, made.self)), sorted(sumStacks(spec, { kind: 'cpu' }, ends)), `seed ${seed}: where they start`);
      checkShape(p, made, `seed ${seed}, callers of ${name}`);
    }
  }
});

test('callees are what the outermost calls have below them, joined', () => {
  for (const seed of SEEDS) {
    const spec = randomSpec(seed, { names: 3 + (seed % 6), depth: 9 });
    const p = makeProfile(spec);
    const graph = graphOf(p);
    const table = flame.functionTable(p, graph);
    for (let r = 0; r < table.count; r++) {
      const name = nameOf(p, table.label[r]);
      const made = flame.callees(p, graph, table.label[r]);
      is(made.total[0], table.total[r], `seed ${seed}: all of ${name}`);
      const down = (s) => s.slice(s.indexOf(name) + 1);
      const ways = (s) => (s.includes(name) ? ['', ...down(s)].map((_, i, all) => `${i ? ';' : ''}${all.slice(1, i + 1).join(';')}`) : []);
      same(sorted(paths(p, made, made.total)), sorted(sumStacks(spec, { kind: 'cpu' }, ways)), `seed ${seed}: below ${name}`);
      same(sorted(paths(p, made, made.self)), sorted(sumStacks(spec, { kind: 'cpu' }, (s) => ways(s).slice(-1))), `seed ${seed}: where they end`);
      checkShape(p, made, `seed ${seed}, callees of ${name}`);
      for (let i = 1; i < made.tree.count; i++)
        is(nameOf(p, p.tree.label[made.base(i)]), nameOf(p, made.tree.label[i]), 'a node of the profile with that function');
    }
  }
});

test('stages of a function are those of its samples', () => {
  for (const seed of SEEDS.slice(0, 15)) {
    const spec = randomSpec(seed);
    const p = makeProfile(spec);
    const pathOf = (s) => (s < 0 ? '' : `${p.stages[s].parent < 0 ? '' : `${pathOf(p.stages[s].parent)}/`}${p.stages[s].name}`);
    for (const [by, add] of [['value', (n, o) => o.value], ['count', (n) => n]])
      for (let l = 0; l < p.labels.count; l++) {
        const want = new Map();
        for (const [stack, n, o] of spec.stacks)
          if (o.kind === 'alloc' && stack.includes(nameOf(p, l))) want.set(o.stage ?? '', (want.get(o.stage ?? '') ?? 0) + add(n, o));
        for (const [key, v] of want) if (v === 0) want.delete(key);
        const got = flame.functionStages(p, { ...flame.stateDefaults(p), kind: 'alloc' }, l, by);
        same(sorted(new Map(got.map((s) => [pathOf(s.stage), s.value]))), sorted(want), `seed ${seed}: ${nameOf(p, l)} by ${by}`);
        ok(got.every((s, i) => i === 0 || s.value <= got[i - 1].value), 'the heaviest first');
      }
  }
});

test('with frames joined or left out, stages and kinds have what the functions have', () => {
  for (const seed of SEEDS)
    for (const [fold, own] of [[0, 0], [1, 0], [0, 1], [1, 1]]) {
      const p = makeProfile(randomSpec(seed, { names: 3 + (seed % 6), depth: 9 }));
      const state = { ...flame.stateDefaults(p), fold, own };
      const ids = flame.functionIds(p);
      const sums = flame.sumsByKind(p, state, ids, p.labels.count);
      const modules = flame.sumsByKind(p, state, flame.moduleIds(p), p.strings.count);
      p.kinds.forEach((kind, k) => {
        const graph = flame.deriveGraph(p, { ...state, kind });
        const table = flame.functionTable(p, graph);
        const what = `seed ${seed}, fold ${fold}, own ${own}, ${kind}`;
        const rowsOf = (t, column) => Array.from({ length: t.rowOf.length }, (_, id) => (t.rowOf[id] < 0 ? 0 : column[t.rowOf[id]]));
        same([...sums[k].value], rowsOf(table, table.selfValue), `${what}: self`);
        same([...sums[k].count], rowsOf(table, table.selfCount), `${what}: samples`);
        const byModule = flame.moduleTable(p, graph);
        same([...modules[k].value], rowsOf(byModule, byModule.selfValue), `${what}: self of modules`);
        for (let l = 0; l < p.labels.count; l++) {
          const row = table.row(l);
          const all = flame.functionStages(p, { ...state, kind }, l, 'value').reduce((sum, s) => sum + s.value, 0);
          is(all, row < 0 ? 0 : table.value[row], `${what}: stages of ${nameOf(p, l)} are all of it`);
        }
      });
    }
});

test('inlined and called, a function is one', () => {
  const p = makeProfile({ stacks: [['main;dot', 3, { value: 3 }], ['knn;dot2;x', 4, { value: 4 }], ['dot;dot2', 5, { value: 5 }]], flags: { dot2: 1 } });
  const [dot, dot2] = ['dot', 'dot2'].map((n) => Array.from(p.labels.name).findIndex((s) => p.strings.text(s) === n));
  p.labels.name[dot2] = p.labels.name[dot];
  const graph = graphOf(p);
  const table = flame.functionTable(p, graph);
  is(table.row(dot), table.row(dot2), 'one row');
  is(table.total[table.row(dot)], 12, 'total');
  is(table.self[table.row(dot)], 8, 'self');
  for (const label of [dot, dot2]) {
    is(flame.callers(p, graph, label).total[0], 12, 'callers of both');
    same(sorted(paths(p, flame.callees(p, graph, label), flame.callees(p, graph, label).total)), [['', 12], [';dot', 5], [';x', 4]], 'callees of both');
  }
  const other = makeProfile({ stacks: [['init', 1], ['init2', 1]], modules: { init: '/a.so', init2: '/b.so' } });
  other.labels.name[1] = other.labels.name[0];
  is(flame.functionTable(other, graphOf(other)).count, 2, 'but not in two modules');
});

test('of two runs both are kept', () => {
  for (const seed of SEEDS.slice(0, 15)) {
    const spec = randomSpec(seed, { runs: 2, kinds: ['cpu'] });
    const p = makeProfile(spec);
    const graph = graphOf(p, { runs: [0, 1] });
    const table = flame.functionTable(p, graph);
    ['a', 'b'].forEach((side, r) => {
      const want = sumStacks(spec, { kind: 'cpu', run: r }, (s) => s);
      for (let row = 0; row < table.count; row++) {
        const name = nameOf(p, table.label[row]);
        is(table.compare[side].total[row], want.get(name) ?? 0, `seed ${seed}: ${side} of ${name}`);
        for (const make of [flame.callers, flame.callees]) {
          const made = make(p, graph, table.label[row]);
          is(made.compare[side].total[0], want.get(name) ?? 0, `seed ${seed}: ${side} of ${name} drawn`);
          if (r === 1) is(made.compare.b.total, made.total, 'B is what is drawn');
        }
      }
    });
  }
});

test('orders change no function, collapsed recursion none by itself', () => {
  for (const seed of SEEDS.slice(0, 15)) {
    const p = makeProfile(randomSpec(seed, { names: 4, depth: 9 }));
    const of = (patch) => {
      const table = flame.functionTable(p, flame.deriveGraph(p, { ...flame.stateDefaults(p), ...patch }));
      return sorted(new Map(Array.from({ length: table.count }, (_, r) => [nameOf(p, table.label[r]), [table.self[r], table.total[r]]])));
    };
    const plain = of({});
    ok(plain.length > 0, 'functions');
    const selfs = (rows) => rows.map(([name, [self]]) => [name, self]);
    same(selfs(of({ fold: 1 })), selfs(plain), `seed ${seed}: fold`);
    same(of({ order: 'name' }), plain, `seed ${seed}: order`);
    const graph = flame.deriveGraph(p, { ...flame.stateDefaults(p), fold: 1 });
    for (const make of [flame.callers, flame.callees])
      for (let l = 0; l < p.labels.count; l++) {
        const made = make(p, graph, l);
        checkShape(p, made, `seed ${seed}, collapsed`);
        const row = flame.functionTable(p, graph).row(l);
        is(made.total[0], row < 0 ? 0 : flame.functionTable(p, graph).total[row], 'all of it');
      }
  }
});

test('light branches can be left out; no sum changes', () => {
  const next = random(7);
  const stacks = Array.from({ length: 300 }, () => [['main', `f${Math.floor(next() * 40)}`, 'dot', `g${Math.floor(next() * 40)}`], 1, { value: Math.floor(1e6 * next() ** 9) }]);
  const p = makeProfile({ stacks });
  const graph = graphOf(p);
  const dot = Array.from(p.labels.name).findIndex((s) => p.strings.text(s) === 'dot');
  for (const make of [flame.callers, flame.callees]) {
    const all = make(p, graph, dot);
    const some = make(p, graph, dot, 0.01);
    is(some.total[0], all.total[0], 'the root');
    ok(some.tree.count > 1 && some.tree.count < all.tree.count, `${some.tree.count} of ${all.tree.count} nodes`);
    const heavy = [...all.total].filter((v) => v >= 0.01 * all.total[0]).sort();
    same([...some.total].sort(), heavy, 'just the heavy ones');
  }
});

test('a function without samples, a deep stack, an empty profile', () => {
  const p = makeProfile({ stacks: [['main;idle', 0, { value: 0 }], ['main', 1, { value: 9 }]] });
  const idle = Array.from(p.labels.name).findIndex((s) => p.strings.text(s) === 'idle');
  for (const make of [flame.callers, flame.callees]) {
    const made = make(p, graphOf(p), idle);
    same([made.tree.count, made.total[0]], [1, 0], 'only the function');
  }
  const deep = Array.from({ length: 5000 }, (_, i) => (i % 3 ? `f${i % 7}` : 'again'));
  const q = makeProfile({ stacks: [[deep, 1, { value: 6 }]] });
  const graph = graphOf(q);
  const table = flame.functionTable(q, graph);
  ok(table.total.every((v) => v === 6), 'everything is below each function, once');
  const again = Array.from(q.labels.name).findIndex((s) => q.strings.text(s) === 'again');
  is(flame.callees(q, graph, again).tree.maxDepth, 4999, 'all of it below the outermost');
  is(flame.callers(q, graph, again).tree.count, 1, 'which has no caller');
  const empty = makeProfile({ stacks: [] });
  is(flame.functionTable(empty, graphOf(empty)).count, 0, 'no rows');
  is(flame.moduleTable(empty, graphOf(empty)).count, 0, 'no modules');
});

await run();
