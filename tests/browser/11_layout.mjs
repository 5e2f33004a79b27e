// Layout, windows, search and colours of the page under node: on random graphs against plain loops over all
// nodes, and on pages of flame_page.
import { core, is, nameOf, near, needsPage, nodesNamed, ok, profileOf, run, same, test } from './harness.mjs';
import { makeProfile, random, randomSpec } from './rig.mjs';

const flame = core('format', 'decode', 'weigh', 'state', 'layout', 'derive', 'search', 'colours');
const graphOf = (p, patch = {}) => flame.deriveGraph(p, { ...flame.stateDefaults(p), ...patch });
const CHOICES = [{}, { fold: 1 }, { own: 1 }, { fold: 1, own: 1 }, { order: 'name' }, { by: 'count' }, { kind: 'alloc' }, { stage: 1 }];

// Calls body(profile, graph, next) for random profiles in all their shapes.
function eachGraph(seeds, body) {
  for (let seed = 1; seed <= seeds; seed++) {
    const p = makeProfile(randomSpec(seed, { stacks: 40 + 9 * (seed % 20), depth: 3 + (seed % 9), names: 3 + (seed % 17) }));
    body(p, graphOf(p, CHOICES[seed % CHOICES.length]), random(seed));
  }
}

// ---- where nodes lie ----

test('children lie side by side in their parents, and with what these have themselves fill them', () => {
  eachGraph(80, (p, { tree, total, self, start }) => {
    const sum = Float64Array.from(self);
    for (let i = 1; i < tree.count; i++) {
      const parent = tree.parent[i];
      sum[parent] += total[i];
      ok(start[i] >= start[i - 1], 'starts grow with the number of the node');
      ok(start[i] >= start[parent] && start[i] + total[i] <= start[parent] + total[parent] + 1e-6, `node ${i} sticks out`);
      ok(tree.end[i] <= tree.end[parent] && tree.depth[i] === tree.depth[parent] + 1, `node ${i} is misplaced`);
    }
    for (let i = 0; i < tree.count; i++) near(sum[i], total[i], `node ${i}: own and children`);
  });
});

test('a window shows just the nodes that lie in it and are wide enough', () => {
  eachGraph(120, (p, { tree, total, start }, next) => {
    if (!(total[0] > 0)) return;
    for (let k = 0; k < 12; k++) {
      const [from, to] = [next() * total[0], next() * total[0]].sort((a, b) => a - b);
      const least = (to - from) / (5 + next() * 200);
      const last = Math.floor(next() * 9);
      const first = Math.floor(next() * (last + 1));
      const boxes = new Set();
      const dust = [];
      flame.visit(tree, total, start, { zoom: 0, first, last, least, from, to }, (node) => boxes.add(node), (depth, x0, x1) => dust.push([depth, x0, x1]));
      const wide = new Uint8Array(tree.count); // it and all its callers
      for (let i = 0; i < tree.count; i++) {
        wide[i] = total[i] >= least && total[i] > 0 && (i === 0 || wide[tree.parent[i]]) ? 1 : 0;
        const seen = wide[i] && start[i] < to && start[i] + total[i] > from && tree.depth[i] >= first && tree.depth[i] <= last;
        is(boxes.has(i), Boolean(seen), `node ${i}:`);
      }
      for (const [depth, x0, x1] of dust) {
        ok(depth >= first && depth <= last && x1 - x0 >= least, 'dust in a row that is shown, and not too little of it');
        for (const i of boxes) ok(tree.depth[i] !== depth || start[i] >= x1 - 1e-6 || start[i] + total[i] <= x0 + 1e-6, 'dust on a box');
      }
      let deepest = 0;
      for (let i = 0; i < tree.count; i++) if (wide[i] && start[i] < to && start[i] + total[i] > from) deepest = Math.max(deepest, tree.depth[i]);
      is(flame.depthSeen(tree, total, 0, least, start, from, to), deepest, 'rows:');
    }
  });
});

test('a point hits the node that covers it', () => {
  eachGraph(120, (p, { tree, total, start }, next) => {
    for (let k = 0; k < 20; k++) {
      const x = next() * total[0];
      const depth = Math.floor(next() * 8);
      let want = depth === 0 ? 0 : -1;
      for (let i = 0; i < tree.count; i++) if (tree.depth[i] === depth && x >= start[i] && x < start[i] + total[i]) want = i;
      is(flame.hit(tree, total, start, 0, x, depth), want, `x ${x}, row ${depth}:`);
    }
  });
});

test('frames and dust together cover what children cover', needsPage(async () => {
  const p = await profileOf('many', '20000');
  const { tree, total, self, start } = graphOf(p);
  const least = total[0] / 400;
  const covered = new Map();
  const add = (depth, w) => covered.set(depth, (covered.get(depth) ?? 0) + w);
  flame.visit(tree, total, start, { zoom: 0, first: 0, last: 1, least },
    (node, from, to) => add(tree.depth[node], to - from), (depth, from, to) => add(depth, to - from));
  ok(Math.abs(covered.get(1) - (total[0] - self[0])) <= 3 * least, 'all is covered');
}));

test('fifty thousand siblings are not looked at one by one', () => {
  const n = 50000;
  const tree = { count: n + 1, parent: new Uint32Array(n + 1), end: new Uint32Array(n + 1), depth: new Uint32Array(n + 1).fill(1), label: new Uint32Array(n + 1), maxDepth: 1 };
  tree.depth[0] = 0;
  for (let i = 0; i <= n; i++) tree.end[i] = i === 0 ? n + 1 : i + 1;
  const total = new Float64Array(n + 1).fill(1);
  total[0] = n;
  const start = flame.place(tree, total);
  let looked = 0;
  const ends = new Proxy(tree.end, { get: (array, key) => (looked++, array[key]) });
  const dust = [];
  flame.visit({ ...tree, end: ends }, total, start, { zoom: 0, first: 0, last: 5, least: n / 1000 }, () => {}, (d, from, to) => dust.push(from, to));
  same(dust, [0, n], 'one line of dust');
  ok(looked < 20000, `${looked} looks`);
  looked = 0;
  is(flame.hit({ ...tree, end: ends }, total, start, 0, 30000.5, 1), 30001, 'the one below the pointer');
  ok(looked < 100, `${looked} looks`);
});

test('steps go to neighbours, callers and the heaviest callee', needsPage(async () => {
  const p = await profileOf('typical');
  const { tree, total } = graphOf(p);
  const go = (name, where) => nameOf(p, flame.step(tree, total, nodesNamed(p, name)[0], where));
  is(go('knn_block', 'right'), 'align_pair');
  is(go('align_pair', 'left'), 'knn_block');
  is(go('knn_block', 'left'), 'knn_block');
  is(go('knn_block', 'callee'), 'dot_f32');
  is(go('dot_f32', 'caller'), 'knn_block');
  is(flame.step(tree, total, 0, 'left'), 0, 'nothing beside everything');
}));

test('steps pass over what weighs nothing', () => {
  const p = makeProfile({ stacks: [['a', 5], ['b', 0, { value: 0 }], ['c', 3], ['c;d', 0, { value: 0 }]] });
  const { tree, total } = graphOf(p);
  const [a, c] = ['a', 'c'].map((name) => nodesNamed(p, name)[0]);
  is(flame.step(tree, total, a, 'right'), c);
  is(flame.step(tree, total, c, 'left'), a);
  is(flame.step(tree, total, c, 'callee'), c, 'no callee with weight');
});

test('inlined functions are told with their caller', needsPage(async () => {
  const p = await profileOf('typical');
  const graph = graphOf(p, { by: 'count' });
  const inner = flame.inlinedInto(p, graph, nodesNamed(p, 'knn_block')[0]);
  is(inner.map((x) => `${p.strings.text(p.labels.name[x.label])} ${x.weight}`).join(), 'dot_f32 1992,heap_push 261');
}));

// ---- windows ----

test('a window keeps what is below the pointer, and never leaves the graph', () => {
  eachGraph(60, (p, graph, next) => {
    if (!(graph.total[0] > 0)) return;
    let now = { from: 0, to: graph.total[0] };
    let zoom = 0;
    for (let k = 0; k < 60; k++) {
      const x = now.from + next() * (now.to - now.from);
      const factor = k % 3 === 2 ? 1 : 0.4 + next() * 1.4;
      const shift = k % 3 === 2 ? next() - 0.5 : 0;
      const then = flame.turned(graph, now, { x, factor, shift });
      ok(then.from >= 0 && then.to <= graph.total[0] * (1 + 1e-12) && then.to > then.from, 'inside');
      if (shift === 0 && then.from > 0 && then.to < graph.total[0])
        near((x - then.from) / (then.to - then.from), (x - now.from) / (now.to - now.from), 'the pointer stays');
      const address = flame.zoomFor(graph, zoom, then.from, then.to);
      ok(address.x0 >= 0 && address.x1 <= 1 && address.x1 > address.x0, 'parts of the frame');
      const back = flame.windowOf(graph, address.zoom, address.x0, address.x1);
      const slack = 1e-9 * graph.total[0];
      ok(Math.abs(back.from - then.from) <= slack && Math.abs(back.to - then.to) <= slack, 'the address says the window');
      let holds = zoom;
      while (holds > 0 && (then.from < graph.start[holds] - slack || then.to > graph.start[holds] + graph.total[holds] + slack)) holds = graph.tree.parent[holds];
      is(address.zoom, holds, 'the nearest caller that holds the window:');
      zoom = address.zoom;
      now = then;
    }
  });
});

test('widening ends at everything, narrowing at a ten-millionth of it', () => {
  const p = makeProfile({ stacks: [['a', 5], ['b', 3]] });
  const graph = graphOf(p);
  const all = graph.total[0];
  same(flame.turned(graph, { from: all / 4, to: all / 2 }, { factor: 100 }), { from: 0, to: all });
  let now = { from: 0, to: all };
  for (let k = 0; k < 200; k++) now = flame.turned(graph, now, { x: all / 3, factor: 0.5 });
  near((now.to - now.from) / all, 1e-7, 'narrowest');
  same(flame.zoomFor(graph, 0, 0, all), { zoom: 0, x0: 0, x1: 1 });
});

// ---- search ----

test('what is matched is what its samples add up to, once', () => {
  eachGraph(80, (p, { tree, total, self }, next) => {
    const hits = Uint8Array.from({ length: p.labels.count }, () => (next() < 0.25 ? 1 : 0));
    const below = new Uint8Array(tree.count); // it or one of its callers matches
    for (let i = 1; i < tree.count; i++) below[i] = hits[tree.label[i]] || below[tree.parent[i]];
    for (let k = 0; k < 8; k++) {
      const zoom = k === 0 ? 0 : Math.floor(next() * tree.count);
      let sum = 0;
      let frames = 0;
      for (let i = zoom; i < tree.end[zoom]; i++) {
        if (below[i]) sum += self[i];
        if (i > 0 && total[i] > 0 && hits[tree.label[i]]) frames++;
      }
      const found = flame.matched(tree, total, hits, zoom);
      near(found.sum, sum, `below ${zoom}: sum`);
      is(found.frames, frames, `below ${zoom}: frames`);
    }
  });
});

test('going on from match to match comes by every one and round', () => {
  eachGraph(30, (p, { tree, total }, next) => {
    const hits = Uint8Array.from({ length: p.labels.count }, () => (next() < 0.3 ? 1 : 0));
    const want = [];
    for (let i = 1; i < tree.count; i++) if (total[i] > 0 && hits[tree.label[i]]) want.push(i);
    if (want.length === 0) {
      is(flame.nextMatch(tree, total, hits, 0, true), -1);
      return;
    }
    const walk = (forward) => {
      const seen = [];
      for (let at = 0, k = 0; k < want.length; k++) seen.push((at = flame.nextMatch(tree, total, hits, at, forward)));
      return seen;
    };
    same(walk(true), want, 'forward');
    same(walk(false), want.slice().reverse(), 'backward');
    is(flame.nextMatch(tree, total, hits, want[want.length - 1], true), want[0], 'round');
  });
});

test('a match inside a match counts once in a deep recursion', needsPage(async () => {
  const p = await profileOf('deep');
  const { tree, total } = graphOf(p);
  const hits = flame.matchLabels(p, flame.compile('^fib$'));
  same(flame.matched(tree, total, hits, 0), { sum: total[0], frames: 5000 });
  is(flame.matched(tree, total, hits, 1000).sum, total[1000], 'below a match:');
}));

test('matches by name and by module add up', needsPage(async () => {
  const p = await profileOf('typical');
  const { tree, total } = graphOf(p, { by: 'count' });
  const sum = (text, zoom = 0) => flame.matched(tree, total, flame.matchLabels(p, flame.compile(text)), zoom).sum;
  is(sum('dot_f32|heap_push'), 980 + 140 + 1012 + 121);
  is(sum('KNN'), 0, 'a capital letter makes case count:');
  is(sum('knn'), 980 + 140 + 1012 + 121 + 44);
  is(sum('module:libparasail'), 620 + 588 + 48);
  is(sum('module:^$'), 17 + 33 + 5, 'what has no module:');
  is(sum('knn', nodesNamed(p, 'align_pair')[0]), 0);
  is(sum('worker_main', nodesNamed(p, 'align_pair')[0]), 620 + 588 + 48 + 17, 'what leads to the view matches:');
  is(sum('\\S+_read'), 210 + 95 + 60 + 31 + 22);
  is(flame.compile('a(').error !== undefined, true);
  is(flame.compile('').test('x'), true);
}));

test('an expression made of a name finds that name and no other', needsPage(async () => {
  const p = await profileOf('hostile');
  const names = new Set(Array.from(p.labels.name));
  ok(names.size > 15, 'names');
  for (const id of names) {
    const query = flame.compile(flame.escaped(p.strings.text(id)));
    ok(!query.error, `an error: ${query.error}`);
    for (const other of names) is(query.test(p.strings.text(other)), other === id, `'${p.strings.text(id).slice(0, 60)}' and '${p.strings.text(other).slice(0, 60)}':`);
  }
}));

// ---- colours ----

const fills = (dark) => {
  const list = [];
  for (let place = -1; place < 2 * flame.HUES.length; place++) for (const shade of [0, 0.5, 1]) list.push([`module ${place}, shade ${shade}`, flame.frame(place, shade, dark)]);
  for (let k = 0; k < flame.NAME_HUES; k++) list.push([`name ${k}`, flame.named(k, dark)]);
  for (let s = -flame.STEPS.length; s <= flame.STEPS.length; s++) list.push([`step ${s}`, flame.change(s, dark)]);
  return [...list, ['chance', flame.change(NaN, dark)]];
};

test('text on every colour can be read, dimmed and faded too', () => {
  const p = makeProfile({ stacks: [['a', 1]] });
  for (const dark of [false, true]) {
    const colours = flame.palette(p, { dark, scheme: 'module', kind: 'cpu' });
    for (const [what, fill] of fills(dark))
      for (const alpha of [1, 0.5, 0.4, 0.2]) {
        const c = flame.contrast(colours.over(fill, alpha), colours.text);
        ok(c >= 4.5, `${what}, dark ${dark}, at ${alpha}: ${c.toFixed(2)}`);
      }
    ok(flame.contrast(colours.hit, colours.hitText) >= 4.5, 'matches');
    ok(flame.contrast(colours.all, colours.text) >= 4.5, 'all');
  }
  near(flame.contrast('#ffffff', '#000000'), 21, 'white on black');
});

// What people see who lack the cones for red, green or blue (H. Brettel, F. Viénot, J. D. Mollon, Computerized
// simulation of color appearance for dichromats, J. Opt. Soc. Am. A 14, 1997; the matrices are those of the
// simplified form for linear light).
const BLIND = {
  red: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  green: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  blue: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};
const linear = (colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16) / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
const seenBy = (matrix, colour) => matrix.map((row) => row.reduce((sum, m, i) => sum + m * linear(colour)[i], 0)).map((v) => Math.max(0, v) ** (1 / 2.4));
const apart = (matrix, a, b) => Math.hypot(...seenBy(matrix, a).map((v, i) => v - seenBy(matrix, b)[i]));

test('more and less can be told apart by people who lack a colour', () => {
  const most = flame.STEPS.length;
  for (const dark of [false, true])
    for (const [cone, matrix] of Object.entries(BLIND)) {
      for (let s = 2; s <= most; s++) ok(apart(matrix, flame.change(s, dark), flame.change(-s, dark)) > 0.12, `${cone}, step ${s}, dark ${dark}: ${apart(matrix, flame.change(s, dark), flame.change(-s, dark)).toFixed(3)}`);
      ok(apart(matrix, flame.change(most, dark), flame.change(0, dark)) > 0.12, `${cone}: new and the same, dark ${dark}`);
      ok(apart(matrix, flame.change(-most, dark), flame.change(0, dark)) > 0.12, `${cone}: gone and the same, dark ${dark}`);
    }
});

test('a change has the step of its size', () => {
  const most = flame.STEPS.length;
  const cases = [[0, 0, 0], [100, 100, 0], [100, 101, 0], [100, 105, 1], [105, 100, -1], [100, 200, 4], [200, 100, -4], [0, 7, most], [7, 0, -most], [70, 100, 3]];
  for (const [a, b, want] of cases) is(flame.stepOf(a, b), want, `${a} to ${b}:`);
});

test('colours go by module, the heaviest first, whatever is chosen', needsPage(async () => {
  const p = await profileOf('typical');
  const colours = flame.palette(p, { dark: false, scheme: 'module', kind: 'cpu' });
  const names = colours.modules.map((m) => (m.module < 0 ? '-' : flame.baseName(p.strings.text(m.module))));
  is(names.join(), 'protea-export,libparasail.so.8,libsqlite3.so.0,libc.so.6,libsnappy.so.1,-');
  const { tree, self } = graphOf(p, { stage: p.stages.find((s) => s.name === 'load').id });
  const inStage = flame.modulesByWeight(p, tree, self).filter((m) => m.weight > 0).map((m) => flame.baseName(p.strings.text(m.module)));
  is(inStage.join(), 'libsqlite3.so.0,protea-export,libc.so.6', 'the legend of a stage:');
  const dot = tree.label[nodesNamed(p, 'dot_f32')[0]];
  const cut = tree.label[nodesNamed(p, '[truncated]')[0]];
  is(colours.fill(dot).slice(0, 1), '#');
  is(colours.place(cut), 0, 'no code is grey:');
  is(colours.fill(dot), colours.list[colours.place(dot)], 'places are those of the list:');
}));

test('a name has the same colour in every page', () => {
  const one = makeProfile({ stacks: [['main;parse', 5], ['main;read', 50]] });
  const two = makeProfile({ stacks: [['x;parse', 500], ['y', 1]], modules: { parse: '/lib/other.so' } });
  const fill = (p, name) => flame.palette(p, { dark: false, scheme: 'name', kind: 'cpu' }).fill(p.tree.label[nodesNamed(p, name)[0]]);
  is(fill(one, 'parse'), fill(two, 'parse'));
  ok(fill(one, 'parse') !== fill(one, 'read'), 'different names differ');
});

test('by change each frame has its own colour, and doubt is grey', () => {
  const p = makeProfile({
    stacks: [['main;up', 100, { run: 0 }], ['main;up', 300, { run: 1 }], ['main;down', 300, { run: 0 }], ['main;down', 100, { run: 1 }], ['main;fresh', 50, { run: 1 }]],
    runs: [{}, {}],
  });
  const graph = { tree: p.tree, total: new Float64Array(p.tree.count).fill(1), compare: { a: {}, b: {} } };
  const sums = [0, 1].map((run) => flame.weigh(p, { run, kind: 'cpu', stage: flame.ALL, thread: flame.ALL, scales: null }).selfValue);
  [graph.compare.a.total, graph.compare.b.total] = sums.map((self) => flame.totalsOf(p.tree, self));
  const colours = flame.palette(p, { dark: true, scheme: 'delta', kind: 'cpu' });
  const most = flame.STEPS.length;
  const doubtful = new Uint8Array(p.tree.count);
  const fill = (g, name) => colours.list[colours.steps(g, doubtful)[nodesNamed(p, name)[0]]];
  is(fill(graph, 'up'), flame.change(4, true));
  is(fill(graph, 'down'), flame.change(-4, true));
  is(fill(graph, 'fresh'), flame.change(most, true));
  doubtful[nodesNamed(p, 'up')[0]] = 1;
  is(fill({ ...graph }, 'up'), flame.change(NaN, true), 'chance may explain it:');
  is(colours.steps({ ...graph, compare: null }, null), null, 'one run has no changes');
});

await run();
