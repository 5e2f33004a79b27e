// Layout, search and colours of the page under node, on pages of flame_page.
import { core, dataOf, is, nameOf, near, needsPage, nodesNamed, page, profileOf, run, test } from './harness.mjs';

const flame = core('format', 'decode', 'weigh', 'layout', 'search', 'colours');
const weighed = (p, stage = flame.ALL, thread = flame.ALL) => {
  const own = flame.weigh(p, { stage, thread });
  return { ...own, value: flame.totalsOf(p.tree, own.selfValue), count: flame.totalsOf(p.tree, own.selfCount) };
};

test('what is drawn is what a point hits', needsPage(async () => {
  const p = await profileOf('many', '3000');
  const { value } = weighed(p);
  const start = flame.place(p.tree, value);
  const zoom = 1;
  let boxes = 0;
  flame.visit(p.tree, value, start, { zoom, first: 0, last: 60, least: value[zoom] / 1e5 }, (node, from, to) => {
    boxes++;
    is(flame.hit(p.tree, value, start, zoom, (from + to) / 2, p.tree.depth[node]), node, 'hit');
  }, () => {});
  if (boxes < 50) throw new Error(`only ${boxes} boxes`);
  is(flame.hit(p.tree, value, start, zoom, start[zoom] + value[zoom], p.tree.depth[zoom] + 1), -1, 'beyond the right edge:');
  is(flame.hit(p.tree, value, start, zoom, 0, 0), 0, 'the root row:');
}));

test('frames and dust together cover what children cover', needsPage(async () => {
  const p = await profileOf('many', '20000');
  const { value, selfValue } = weighed(p);
  const start = flame.place(p.tree, value);
  const covered = new Map();
  const add = (depth, w) => covered.set(depth, (covered.get(depth) ?? 0) + w);
  const least = value[0] / 400;
  flame.visit(p.tree, value, start, { zoom: 0, first: 0, last: 1, least },
    (node, from, to) => add(p.tree.depth[node], to - from), (depth, from, to) => add(depth, to - from));
  const want = value[0] - selfValue[0];
  if (Math.abs(covered.get(1) - want) > 3 * least) throw new Error(`${covered.get(1)} of ${want}`);
}));

test('a match inside a match counts once', needsPage(async () => {
  const p = await profileOf('deep');
  const { value } = weighed(p);
  const hits = flame.matchLabels(p, flame.compile('^fib$'));
  const m = flame.matched(p.tree, value, hits, 0);
  is(m.sum, value[0]);
  is(m.frames, 2048);
  is(flame.matched(p.tree, value, hits, 1000).sum, value[1000], 'below a match:');
}));

test('matches by name and by module add up', needsPage(async () => {
  const p = await profileOf('typical');
  const { count: total } = weighed(p);
  const sum = (text, zoom = 0) => flame.matched(p.tree, total, flame.matchLabels(p, flame.compile(text)), zoom).sum;
  is(sum('dot_f32|heap_push'), 980 + 140 + 1012 + 121);
  is(sum('KNN'), 0, 'a capital letter makes case count:');
  is(sum('knn'), 980 + 140 + 1012 + 121 + 44);
  is(sum('module:libparasail'), 620 + 588 + 48);
  is(sum('knn', nodesNamed(p, 'align_pair')[0]), 0);
  is(sum('worker_main', nodesNamed(p, 'align_pair')[0]), 620 + 588 + 48 + 17, 'what leads to the view matches:');
  is(sum('\\S+_read'), 210 + 95 + 60 + 31 + 22);
  is(flame.compile('a(').error !== undefined, true);
  is(flame.compile('').test('x'), true);
}));

test('steps go to neighbours, callers and the heaviest callee', needsPage(async () => {
  const p = await profileOf('typical');
  const { value } = weighed(p);
  const go = (name, where) => nameOf(p, flame.step(p.tree, value, nodesNamed(p, name)[0], where));
  is(go('knn_block', 'right'), 'align_pair');
  is(go('align_pair', 'left'), 'knn_block');
  is(go('knn_block', 'left'), 'knn_block');
  is(go('knn_block', 'callee'), 'dot_f32');
  is(go('dot_f32', 'caller'), 'knn_block');
}));

test('inlined functions are told with their caller', needsPage(async () => {
  const p = await profileOf('typical');
  const { count: total } = weighed(p);
  const inner = flame.inlinedInto(p, total, nodesNamed(p, 'knn_block')[0]);
  is(inner.map((x) => `${p.strings.text(p.labels.name[x.label])} ${x.weight}`).join(), 'dot_f32 1992,heap_push 261');
}));

test('text on every colour can be read', () => {
  for (const dark of [false, true])
    for (let place = -1; place < 2 * flame.HUES.length; place++)
      for (const shade of [0, 0.5, 1]) {
        const c = flame.contrast(flame.frame(place, shade, dark), flame.TEXT[dark ? 'dark' : 'light']);
        if (c < 4.5) throw new Error(`place ${place}, shade ${shade}, dark ${dark}: ${c.toFixed(2)}`);
      }
  near(flame.contrast('#ffffff', '#000000'), 21, 'white on black');
});

test('colours go by module, the heaviest first', needsPage(async () => {
  const p = await profileOf('typical');
  const { selfValue } = weighed(p);
  const modules = flame.palette(p, selfValue, false).modules.map((m) => (m.module < 0 ? '-' : flame.baseName(p.strings.text(m.module))));
  is(modules.join(), 'protea-export,libparasail.so.8,libsqlite3.so.0,libc.so.6,libsnappy.so.1,-');
}));

await run();
