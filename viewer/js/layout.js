// Where each node of a graph lies, what is seen of it in a window, and what is at a point. Positions are
// in the unit of the weights: pixels come in only with a scale. Nothing here looks at nodes that are too
// narrow to be seen, however many there are. No DOM.
(function (root) {
  'use strict';

  const NEAR = 8; // siblings to try one by one before searching for the one wanted
  const NARROWEST = 1e-7; // of everything: a window cannot be smaller

  // Left edges: children one after the other, what the node has itself at their right.
  function place({ count, end, parent }, total) {
    const start = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const next = end[i];
      if (next > i + 1) start[i + 1] = start[i]; // its first child
      if (i > 0 && next < end[parent[i]]) start[next] = start[i] + total[i]; // the sibling after it
    }
    return start;
  }

  function pathTo(tree, node) {
    const path = [];
    for (let i = node; i > 0; i = tree.parent[i]) path.push(i);
    path.push(0);
    return path.reverse();
  }

  // The last sibling from `node` on that starts at or before `x`. Starts grow with the number of the node,
  // so that a wide fan of siblings is searched by halves.
  function siblingAt(tree, start, node, x) {
    const end = tree.end[tree.parent[node]];
    let at = node;
    for (let k = 0; k < NEAR; k++) {
      const next = tree.end[at];
      if (next >= end || start[next] > x) return at;
      at = next;
    }
    let low = at;
    let high = end;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (start[middle] > x) high = middle;
      else low = middle;
    }
    const depth = tree.depth[node];
    while (tree.depth[low] > depth) low = tree.parent[low];
    return low;
  }

  // Calls box(node, from, to) for the nodes of the window `from`…`to` (at first: all of `zoom`) below `zoom`
  // that are at least `least` wide in rows first…last, and dust(depth, from, to, found) for runs of narrower
  // siblings that are together that wide; found: whether contains(node, end) is true of a part of it.
  function visit(tree, total, start, { zoom, first, last, least, from = start[zoom], to = start[zoom] + total[zoom], contains = null }, box, dust) {
    let runDepth = -1;
    let runFrom = 0;
    let runTo = 0;
    let found = false;
    const flush = () => {
      if (runDepth >= 0 && runTo - runFrom >= least) dust(runDepth, runFrom, runTo, found);
    };
    const stop = tree.end[zoom];
    for (let i = zoom; i < stop && start[i] < to; ) {
      const depth = tree.depth[i];
      const right = start[i] + total[i];
      if (depth > last) {
        i = tree.end[i];
      } else if (right <= from && total[i] > 0) { // left of the window
        const next = i === zoom ? i : siblingAt(tree, start, i, from);
        i = next > i ? next : tree.end[i];
      } else if (total[i] < least || total[i] === 0) {
        const next = i === zoom ? i : siblingAt(tree, start, i, start[i] + least);
        const end = next > i ? next : tree.end[i];
        if (depth >= first) {
          if (runDepth !== depth || Math.abs(runTo - start[i]) > least / 1024) {
            flush();
            runDepth = depth;
            runFrom = start[i];
            found = false;
          }
          runTo = next > i ? start[next] : right;
          if (contains && !found) found = contains(i, end);
        }
        i = end;
      } else {
        if (depth >= first) box(i, start[i], right);
        i = depth < last ? i + 1 : tree.end[i];
      }
    }
    flush();
  }

  // The deepest row that has something at least `least` wide below `zoom`, itself included; with `start`
  // only of the window `from`…`to`.
  function depthSeen(tree, total, zoom, least, start, from, to) {
    let deepest = tree.depth[zoom];
    const stop = tree.end[zoom];
    for (let i = zoom + 1; i < stop; ) {
      if (start && start[i] >= to) break;
      if (total[i] < least || total[i] === 0 || (start && start[i] + total[i] <= from)) {
        const next = start ? siblingAt(tree, start, i, Math.max(from, start[i] + least)) : i;
        i = next > i ? next : tree.end[i];
        continue;
      }
      if (tree.depth[i] > deepest) deepest = tree.depth[i];
      i++;
    }
    return deepest;
  }

  // The node of row `depth` at position `x` below `zoom` (or above it: the path to it); -1: none.
  function hit(tree, total, start, zoom, x, depth) {
    let node = zoom;
    while (tree.depth[node] > depth) node = tree.parent[node];
    if (depth <= tree.depth[zoom]) return node;
    if (x < start[zoom] || x >= start[zoom] + total[zoom]) return -1;
    while (tree.depth[node] < depth) {
      if (node + 1 >= tree.end[node]) return -1;
      let child = siblingAt(tree, start, node + 1, x);
      // What weighs nothing starts where its neighbour does.
      while (child > node + 1 && total[child] === 0 && start[child] === x) child = before(tree, child);
      if (!(x >= start[child] && x < start[child] + total[child])) return -1;
      node = child;
    }
    return node;
  }

  // The sibling before a node that is not the first one.
  function before(tree, node) {
    const depth = tree.depth[node];
    let at = node - 1;
    while (tree.depth[at] > depth) at = tree.parent[at];
    return at;
  }

  // The neighbour for a key: 'caller', 'callee' (the heaviest), 'left', 'right' (siblings with weight).
  function step(tree, total, node, where) {
    if (where === 'caller' || node === 0 && where !== 'callee') return tree.parent[node];
    if (where === 'left') {
      for (let c = node; c > tree.parent[node] + 1; ) if (total[(c = before(tree, c))] > 0) return c;
      return node;
    }
    const parent = where === 'callee' ? node : tree.parent[node];
    let best = node;
    for (let c = where === 'callee' ? node + 1 : tree.end[node]; c < tree.end[parent]; c = tree.end[c]) {
      if (!(total[c] > 0)) continue;
      if (where === 'right') return c;
      if (best === node || total[c] > total[best]) best = c;
    }
    return best;
  }

  // ---- windows: the part of the graph that fills the width ----

  // {from, to} of a zoomed node and the part of it that is shown, as fractions of its width.
  function windowOf(graph, zoom, x0, x1) {
    const width = graph.total[zoom];
    const left = graph.start[zoom];
    return { from: left + x0 * width, to: left + x1 * width };
  }

  // The zoom for a window that is wanted: the frame zoomed so far or the first of its callers that the
  // window is in, and which part of it. A window wider than everything is everything.
  function zoomFor(graph, zoom, from, to) {
    const { tree, start, total } = graph;
    const slack = (to - from) * 1e-9;
    while (zoom > 0 && (from < start[zoom] - slack || to > start[zoom] + total[zoom] + slack)) zoom = tree.parent[zoom];
    const width = total[zoom];
    if (!(width > 0)) return { zoom: 0, x0: 0, x1: 1 };
    const size = Math.min(1, (to - from) / width);
    const x0 = Math.min(1 - size, Math.max(0, (from - start[zoom]) / width));
    const round = (x) => Number(x.toFixed(12));
    return { zoom, x0: round(x0), x1: round(x0 + size) };
  }

  // The innermost frame that a window lies in.
  function coverOf({ tree, total, start }, from, to) {
    const slack = (to - from) * 1e-9;
    for (let node = 0; ; ) {
      const below = hit(tree, total, start, 0, (from + to) / 2, tree.depth[node] + 1);
      if (below < 0 || start[below] > from + slack || start[below] + total[below] < to - slack) return node;
      node = below;
    }
  }

  // A window `factor` times as wide around `x`, which stays where it is; moved by `shift` of its width.
  // It stops at the ends of the graph.
  function turned(graph, { from, to }, { x = (from + to) / 2, factor = 1, shift = 0 }) {
    const all = graph.total[0];
    const first = graph.start[0];
    const least = Math.min(to - from, all * NARROWEST); // a zoomed frame may be narrower
    const width = Math.min(all, Math.max(least, (to - from) * factor));
    const left = x - ((x - from) / (to - from)) * width + shift * width;
    const at = Math.min(first + all - width, Math.max(first, left));
    return { from: at, to: at + width };
  }

  // Inlined functions below a node that are part of the same machine code: sums by label, heaviest first.
  function inlinedInto(profile, graph, node) {
    const { labels } = profile;
    const { tree, total } = graph;
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

  const api = { place, pathTo, depthSeen, visit, hit, step, windowOf, zoomFor, coverOf, turned, inlinedInto };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
