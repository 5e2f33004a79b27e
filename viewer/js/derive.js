// From a profile and a state to the graph that the views show: which nodes, in which order, how heavy. In
// the common case the tree of a graph is the profile's own; else frames are joined or left out, and siblings
// are sorted anew. What was worked out last is kept. No DOM.
(function (root) {
  'use strict';

  const flame = typeof module === 'object' ? { ...require('./weigh.js'), ...require('./layout.js'), ...require('./format.js') } : root.flame;
  // What comes after this file in the page.
  const later = (name, file) => (typeof module === 'object' ? require(file) : root.flame)[name];

  const OTHER = 4; // flags of labels
  const LIBRARY = 8;
  const NONE = 0xffffffff;

  // A few of the last results of a profile by key, for each purpose.
  const caches = new WeakMap();
  function remember(profile, purpose, limit, key, make) {
    if (!caches.has(profile)) caches.set(profile, {});
    const all = caches.get(profile);
    const known = all[purpose] || (all[purpose] = new Map());
    const value = known.has(key) ? known.get(key) : make();
    known.delete(key);
    known.set(key, value); // the last one used is the last to go
    if (known.size > limit) known.delete(known.keys().next().value);
    return value;
  }

  // Children of (node, label) without an object for each: open addressing, twice as many places as nodes.
  function childTable(count) {
    const size = 2 ** Math.ceil(Math.log2(2 * count + 2));
    const places = new Uint32Array(size); // node + 1
    const nodes = new Uint32Array(size);
    const labels = new Uint32Array(size);
    return (node, label, make) => {
      let at = (Math.imul(node, 0x9e3779b1) ^ Math.imul(label, 0x85ebca6b)) >>> 0;
      for (at = (at ^ (at >>> 15)) & (size - 1); places[at] > 0; at = (at + 1) & (size - 1))
        if (nodes[at] === node && labels[at] === label) return places[at] - 1;
      const child = make(node, label);
      nodes[at] = node;
      labels[at] = label;
      places[at] = child + 1;
      return child;
    };
  }

  // The tree without library frames (own: their cost goes to their caller) and with recursion collapsed
  // (fold: a frame that is already on the path is that one): {count, parent, label, first (node of
  // profile.tree), of (node by node of profile.tree)}. Parents come before children, siblings in no order.
  function shrink(profile, fold, own) {
    const { tree, labels } = profile;
    const n = tree.count;
    const out = { count: 1, parent: new Uint32Array(n), label: new Uint32Array(n), first: new Uint32Array(n), of: new Uint32Array(n) };
    const { parent, label, first, of } = out;
    const onPath = new Uint32Array(labels.count); // of the profile's tree: how often a label is on the path
    const path = new Uint32Array(tree.maxDepth + 1); // labels + 1 by depth
    let depth = 0;
    let from = 0;
    label[0] = NONE;
    const find = childTable(n);
    const make = (above, l) => {
      if (fold && onPath[l] > 0) for (let k = above; k > 0; k = parent[k]) if (label[k] === l) return k;
      parent[out.count] = above;
      label[out.count] = l;
      first[out.count] = from;
      return out.count++;
    };
    for (from = 1; from < n; from++) {
      const l = tree.label[from];
      const above = of[tree.parent[from]];
      for (; depth >= tree.depth[from]; depth--) if (path[depth] > 0) onPath[path[depth] - 1]--;
      depth = tree.depth[from];
      const hidden = own && labels.flags[l] & LIBRARY;
      path[depth] = hidden ? 0 : l + 1;
      of[from] = hidden ? above : find(above, l, make);
      if (!hidden) onPath[l]++;
    }
    return out;
  }

  // What shrink() gives for a state; null if no frame goes.
  function shrunkTree(profile, { fold, own }) {
    if (!fold && !own) return null;
    const shrunk = remember(profile, 'shrunk', 2, `${fold} ${own}`, () => shrink(profile, fold, own));
    return shrunk.count < profile.tree.count ? shrunk : null;
  }

  function sumInto(shrunk, self) {
    const out = new Float64Array(shrunk.count);
    for (let i = 0; i < self.length; i++) out[shrunk.of[i]] += self[i];
    return out;
  }

  // Whether siblings come in the order of their keys already.
  function isSorted({ count, parent, end }, key) {
    for (let i = 1; i < count; i++) {
      const next = end[i];
      if (next < end[parent[i]] && key[next] < key[i]) return false;
    }
    return true;
  }

  // Nodes of equal keys stay as they are.
  function sortSome(list, from, to, key) {
    if (to - from > 24) {
      list.subarray(from, to).sort((x, y) => key[x] - key[y] || x - y);
      return;
    }
    for (let i = from + 1; i < to; i++) {
      const x = list[i];
      const k = key[x];
      let at = i;
      for (; at > from && k < key[list[at - 1]]; at--) list[at] = list[at - 1];
      list[at] = x;
    }
  }

  // A tree in preorder with sorted siblings, and the place of each node of the old one in it.
  function sorted(old, key) {
    const n = old.count;
    const { parent } = old;
    const from = new Uint32Array(n + 1);
    const size = new Uint32Array(n).fill(1);
    for (let i = n - 1; i > 0; i--) {
      from[parent[i] + 1]++;
      size[parent[i]] += size[i];
    }
    for (let i = 0; i < n; i++) from[i + 1] += from[i];
    const list = new Uint32Array(n);
    const next = from.slice();
    for (let i = 1; i < n; i++) list[next[parent[i]]++] = i;
    const place = new Uint32Array(n);
    const column = () => new Uint32Array(n);
    const tree = { count: n, parent: column(), end: column(), depth: column(), label: column(), origin: column(), maxDepth: 0 };
    tree.end[0] = n;
    tree.label[0] = NONE;
    for (let i = 0; i < n; i++) {
      sortSome(list, from[i], from[i + 1], key);
      const above = place[i];
      const depth = tree.depth[above] + 1;
      let at = above + 1;
      for (let k = from[i]; k < from[i + 1]; k++) {
        const child = list[k];
        place[child] = at;
        tree.parent[at] = above;
        tree.depth[at] = depth;
        tree.label[at] = old.label[child];
        tree.origin[at] = old.first ? old.first[child] : child;
        at += size[child];
        tree.end[at - size[child]] = at;
      }
      if (from[i] < from[i + 1] && depth > tree.maxDepth) tree.maxDepth = depth;
    }
    return { tree, place };
  }

  // By label: its place among all names.
  function nameRanks(profile) {
    return remember(profile, 'names', 1, '', () => {
      const { labels, strings } = profile;
      const ids = Array.from(new Set(labels.name));
      ids.sort((x, y) => (strings.text(x) < strings.text(y) ? -1 : strings.text(x) > strings.text(y) ? 1 : x - y));
      const rank = new Map(ids.map((id, i) => [id, i]));
      return Float64Array.from(labels.name, (id) => rank.get(id));
    });
  }

  // Whether the weights are those that the data are sorted by.
  function isDataOrder(profile, state, byCount) {
    return state.order !== 'name' && !byCount && !isComparison(profile) && !hasRange(profile, state)
      && state.kind === profile.kinds[0] && state.stage === flame.ALL && state.thread === flame.ALL;
  }

  // What siblings are sorted by, the least first; "(other)" comes last, as in the data.
  function sortKeys(profile, state, { count, label }, weight) {
    const key = new Float64Array(count);
    const rank = state.order === 'name' ? nameRanks(profile) : null;
    const { flags } = profile.labels;
    for (let i = 1; i < count; i++) key[i] = flags[label[i]] & OTHER ? Infinity : rank ? rank[label[i]] : -weight[i];
    return key;
  }

  function permute(values, place) {
    const out = new Float64Array(values.length);
    for (let i = 0; i < values.length; i++) out[place[i]] = values[i];
    return out;
  }

  function compose(of, place) {
    const out = new Uint32Array(of.length);
    for (let i = 0; i < of.length; i++) out[i] = place[of[i]];
    return out;
  }

  const isComparison = (profile) => profile.runs.length > 1;
  // Why nothing is known of when a kind's samples were taken: '' if it is.
  function withoutTimes(profile, { kind }) {
    if (isComparison(profile)) return 'a comparison has no common time';
    if (profile.ticks.count === 0) return profile.meta.ticks && profile.meta.ticks.of ? 'the page has no ticks: it may not be larger' : 'the run has no ticks';
    const hasTicks = later('hasTicks', './timeline.js');
    if (!hasTicks) return 'left out: the page may not be larger';
    return hasTicks(profile, kind) ? '' : `no ticks of kind ${kind}`;
  }
  const hasTimes = (profile, state) => withoutTimes(profile, state) === '';
  // Whether the state's range of time narrows the graph.
  const hasRange = (profile, state) => state.from >= 0 && state.to > state.from && hasTimes(profile, state);

  // Own weights of one run as {selfValue, selfCount}.
  function weightsOf(profile, state, run, scales, key) {
    const { kind, stage, thread } = state;
    return remember(profile, 'weights', 4, [run, kind, stage, thread, key].join(' '), () =>
      flame.weigh(profile, { run, kind, stage, thread, scales: scales ? scales() : null }));
  }

  // What the graph is made of: arrays of own weights by node of profile.tree.
  function weights(profile, state) {
    if (hasRange(profile, state)) {
      const { kind, stage, thread, from, to } = state;
      return remember(profile, 'range', 2, [kind, stage, thread, from, to].join(' '), () => later('tickWeights', './timeline.js')(profile, state));
    }
    const a = weightsOf(profile, state, state.a, null, '');
    if (!isComparison(profile)) return a;
    const scales = () => later('compareScales', './compare.js')(profile, state);
    const b = weightsOf(profile, state, state.b, scales, [state.a, state.norm, state.by].join(' '));
    const mean = (x, y) => (state.width === 'a' ? x : state.width === 'b' ? y : x.map((v, i) => (v + y[i]) / 2));
    return { selfValue: mean(a.selfValue, b.selfValue), selfCount: mean(a.selfCount, b.selfCount), a, b };
  }

  // The own weights that a graph needs, by name.
  function arraysOf(profile, state) {
    const { selfValue, selfCount, a, b } = weights(profile, state);
    const byCount = state.by === 'count' || !(a ? hasWeight(a.selfValue) || hasWeight(b.selfValue) : hasWeight(selfValue));
    const arrays = { selfValue, selfCount };
    if (a) Object.assign(arrays, byCount ? { a: a.selfCount, b: b.selfCount } : { a: a.selfValue, b: b.selfValue });
    return { byCount, arrays };
  }

  function hasWeight(self) {
    for (let i = 0; i < self.length; i++) if (self[i] > 0) return true;
    return false;
  }

  function mapValues(object, f) {
    const out = {};
    for (const key of Object.keys(object)) out[key] = f(object[key]);
    return out;
  }

  function makeGraph(profile, state) {
    const { byCount, arrays: own } = arraysOf(profile, state);
    const main = byCount ? 'selfCount' : 'selfValue';
    let arrays = own;
    let tree = profile.tree;
    let of = null; // node by node of profile.tree; null: the same
    const shrunk = shrunkTree(profile, state);
    if (shrunk) {
      tree = shrunk;
      of = tree.of;
      arrays = mapValues(own, (self) => sumInto(tree, self));
    }
    let totals = mapValues(arrays, (self) => flame.totalsOf(tree, self));
    const key = isDataOrder(profile, state, byCount) && !of ? null : sortKeys(profile, state, tree, totals[main]);
    if (key && (of || !isSorted(tree, key))) {
      const { tree: better, place } = sorted(tree, key);
      arrays = mapValues(arrays, (self) => permute(self, place));
      totals = mapValues(totals, (total) => permute(total, place));
      of = of ? compose(of, place) : place;
      tree = better;
    }
    return graphOf(profile, state, { tree, of, arrays, totals, byCount });
  }

  function graphOf(profile, state, { tree, of, arrays, totals, byCount }) {
    const { origin } = tree;
    const main = byCount ? 'selfCount' : 'selfValue';
    return {
      tree,
      selfValue: arrays.selfValue,
      selfCount: arrays.selfCount,
      value: totals.selfValue,
      count: totals.selfCount,
      self: arrays[main],
      total: totals[main],
      start: flame.place(tree, totals[main]),
      unit: byCount ? 'count' : flame.unitOf(state.kind),
      byCount,
      compare: arrays.a ? { a: { self: arrays.a, total: totals.a }, b: { self: arrays.b, total: totals.b } } : null,
      node: of ? (base) => of[base] : (base) => base,
      base: origin ? (node) => origin[node] : (node) => node,
    };
  }

  const SHAPES = ['kind', 'stage', 'thread', 'by', 'order', 'fold', 'own', 'from', 'to', 'a', 'b', 'norm', 'width'];

  function deriveGraph(profile, state) {
    const key = SHAPES.map((name) => state[name]).join(' ');
    return remember(profile, 'graphs', 3, key, () =>
      state.order === 'time' && hasTimes(profile, state)
        ? alongTime(profile, state)
        : makeGraph(profile, state));
  }

  // Along time, through the tree without the frames that are joined or left out.
  function alongTime(profile, state) {
    const tree = shrunkTree(profile, state);
    const through = tree && { tree, node: (n) => tree.of[n], base: (n) => tree.first[n] };
    return later('timeGraph', './timeline.js')(profile, state, through);
  }

  const api = { deriveGraph, shrunkTree, withoutTimes, hasTimes, hasRange };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
