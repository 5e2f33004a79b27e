// What each node weighs under a choice of stage and thread, where it lies, what is seen of it, and what is
// at a point. Positions are in the unit of the weights: pixels come in only with a scale. No DOM.
(function (root) {
  'use strict';

  const ALL = -2;
  const OUTSIDE = -1; // of any stage

  // Which groups belong to a stage (it or one inside it; OUTSIDE, ALL) and a thread (or ALL).
  function chooseGroups(profile, stage, thread) {
    const { stages, groups } = profile;
    const inside = stages.map(() => false);
    for (const s of stages) inside[s.id] = s.id === stage || (s.parent >= 0 && inside[s.parent]);
    return Array.from(groups.stage, (s, g) => {
      const stageFits = stage === ALL || (stage === OUTSIDE ? s === 0 : s > 0 && inside[s - 1]);
      return stageFits && (thread === ALL || groups.thread[g] === thread + 1);
    });
  }

  // Sums of values and counts of the chosen groups: of each node alone and with what it calls.
  function weigh(profile, chosen) {
    const { tree, groups, samples } = profile;
    const n = tree.count;
    const sums = {
      selfValue: new Float64Array(n),
      selfCount: new Float64Array(n),
      value: null,
      count: null,
    };
    let at = 0;
    for (let g = 0; g < groups.samples.length; g++) {
      const end = at + groups.samples[g];
      if (!chosen[g]) at = end;
      for (; at < end; at++) {
        sums.selfValue[samples.node[at]] += samples.value[at];
        sums.selfCount[samples.node[at]] += samples.count[at];
      }
    }
    sums.value = sums.selfValue.slice();
    sums.count = sums.selfCount.slice();
    for (let i = n - 1; i > 0; i--) {
      sums.value[tree.parent[i]] += sums.value[i];
      sums.count[tree.parent[i]] += sums.count[i];
    }
    return sums;
  }

  // Left edges: children one after the other, what the node has itself at their right.
  function place(tree, total) {
    const start = new Float64Array(tree.count);
    const next = new Float64Array(tree.count);
    for (let i = 1; i < tree.count; i++) {
      const p = tree.parent[i];
      start[i] = next[p];
      next[i] = next[p];
      next[p] += total[i];
    }
    return start;
  }

  function pathTo(tree, node) {
    const path = [];
    for (let i = node; i > 0; i = tree.parent[i]) path.push(i);
    path.push(0);
    return path.reverse();
  }

  // The deepest row that has something at least `least` wide below `zoom`, itself included.
  function depthSeen(tree, total, zoom, least) {
    let deepest = tree.depth[zoom];
    for (let i = zoom + 1; i < tree.end[zoom]; ) {
      if (total[i] < least || total[i] === 0) {
        i = tree.end[i];
        continue;
      }
      if (tree.depth[i] > deepest) deepest = tree.depth[i];
      i++;
    }
    return deepest;
  }

  // Calls box(node, from, to) for nodes below `zoom` at least `least` wide in rows first…last, and
  // dust(depth, from, to) for runs of narrower siblings that are together that wide.
  function visit(tree, total, start, { zoom, first, last, least }, box, dust) {
    let runDepth = -1;
    let runFrom = 0;
    let runTo = 0;
    const flush = () => {
      if (runDepth >= 0 && runTo - runFrom >= least) dust(runDepth, runFrom, runTo);
      runDepth = -1;
    };
    for (let i = zoom; i < tree.end[zoom]; ) {
      const depth = tree.depth[i];
      const to = start[i] + total[i];
      if (depth > last || total[i] === 0) {
        i = tree.end[i];
      } else if (total[i] < least) {
        if (depth >= first) {
          if (runDepth !== depth || Math.abs(runTo - start[i]) > least / 1024) {
            flush();
            runDepth = depth;
            runFrom = start[i];
          }
          runTo = to;
        }
        i = tree.end[i];
      } else {
        if (depth >= first) box(i, start[i], to);
        i++;
      }
    }
    flush();
  }

  // The node of row `depth` at position `x` below `zoom` (or above it: the path to it); -1: none.
  function hit(tree, total, start, zoom, x, depth) {
    let node = zoom;
    while (tree.depth[node] > depth) node = tree.parent[node];
    if (depth <= tree.depth[zoom]) return node;
    if (x < start[zoom] || x >= start[zoom] + total[zoom]) return -1;
    while (tree.depth[node] < depth) {
      let child = node + 1;
      while (child < tree.end[node] && !(x >= start[child] && x < start[child] + total[child]))
        child = tree.end[child];
      if (child >= tree.end[node]) return -1;
      node = child;
    }
    return node;
  }

  // The neighbour for a key: 'caller', 'callee' (the heaviest), 'left', 'right' (siblings with weight).
  function step(tree, total, node, where) {
    if (where === 'caller') return tree.parent[node];
    const parent = where === 'callee' ? node : tree.parent[node];
    let best = -1;
    let seen = false;
    for (let c = parent + 1; c < tree.end[parent]; c = tree.end[c]) {
      if (where === 'callee' && total[c] > 0 && (best < 0 || total[c] > total[best])) best = c;
      if (where === 'left' && c < node && total[c] > 0) best = c;
      if (where === 'right' && seen && best < 0 && total[c] > 0) best = c;
      seen ||= c === node;
    }
    return best < 0 ? node : best;
  }

  // Inlined functions below a node that are part of the same machine code: sums by label, heaviest first.
  function inlinedInto(profile, total, node) {
    const { tree, labels } = profile;
    const sums = new Map();
    for (let i = node + 1; i < tree.end[node]; ) {
      if (!(labels.flags[tree.label[i]] & 1)) {
        i = tree.end[i];
        continue;
      }
      if (total[i] > 0) sums.set(tree.label[i], (sums.get(tree.label[i]) ?? 0) + total[i]);
      i++;
    }
    return [...sums].map(([label, weight]) => ({ label, weight })).sort((a, b) => b.weight - a.weight);
  }

  const api = { ALL, OUTSIDE, chooseGroups, weigh, place, pathTo, depthSeen, visit, hit, step, inlinedInto };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
