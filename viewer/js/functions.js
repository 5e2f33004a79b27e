// What each function costs wherever it is called, and the graphs of who calls one and of what it calls.
// A function is a name in a module, inlined or not. A call of it inside itself adds nothing to its total,
// so no total is more than everything. No DOM.
(function (root) {
  'use strict';

  const flame = typeof module === 'object' ? require('./layout.js') : root.flame;
  const known = new WeakMap(); // by profile: ids
  const tables = new WeakMap(); // by graph

  // By label: the first label of the same function.
  function functionIds(profile) {
    let ids = known.get(profile);
    if (ids) return ids;
    const { labels } = profile;
    const first = new Map();
    ids = new Uint32Array(labels.count);
    for (let l = 0; l < labels.count; l++) {
      const key = labels.name[l] * 0x4000000 + labels.module[l]; // exact: both are below 2^26
      const id = first.get(key);
      if (id === undefined) first.set(key, l);
      ids[l] = id ?? l;
    }
    known.set(profile, ids);
    return ids;
  }

  // What a graph says of each node, alone and with what it calls: each pair of columns once.
  function pairsOf(graph) {
    const { compare } = graph;
    const pairs = [[graph.selfValue, graph.value], [graph.selfCount, graph.count], [graph.self, graph.total]];
    if (compare) pairs.push([compare.a.self, compare.a.total], [compare.b.self, compare.b.total]);
    return pairs.filter((p, i) => pairs.findIndex((q) => q[1] === p[1]) === i);
  }

  // The columns again, under the names a graph or a table has them by.
  function named(graph, pairs, self, total) {
    const at = (column) => pairs.findIndex((p) => p[1] === column);
    const pair = (column) => ({ self: self[at(column)], total: total[at(column)] });
    const { compare } = graph;
    return {
      selfValue: self[at(graph.value)],
      value: total[at(graph.value)],
      selfCount: self[at(graph.count)],
      ...pair(graph.total),
      compare: compare ? { ...compare, a: pair(compare.a.total), b: pair(compare.b.total) } : null,
      totalCount: total[at(graph.count)],
    };
  }

  // Sums over the nodes of each id (below `limit`), one inside another of the same id counted once.
  function rollUp(graph, idOf, limit) {
    const { tree } = graph;
    const pairs = pairsOf(graph);
    const rowOf = new Int32Array(limit).fill(-1);
    const id = [];
    const open = new Uint32Array(limit);
    const path = new Uint32Array(tree.maxDepth + 1);
    const self = pairs.map(() => []);
    const total = pairs.map(() => []);
    let depth = 0;
    for (let i = 1; i < tree.count; i++) {
      for (; depth >= tree.depth[i]; depth--) open[path[depth]]--;
      const own = idOf(tree.label[i]);
      depth = tree.depth[i];
      path[depth] = own;
      const outermost = open[own]++ === 0;
      if (!pairs.some((p) => p[1][i])) continue;
      let row = rowOf[own];
      if (row < 0) {
        row = rowOf[own] = id.push(own) - 1;
        for (const c of [...self, ...total]) c.push(0);
      }
      for (let c = 0; c < pairs.length; c++) {
        self[c][row] += pairs[c][0][i];
        if (outermost) total[c][row] += pairs[c][1][i];
      }
    }
    return { count: id.length, id, rowOf, ...named(graph, pairs, self, total) };
  }

  // Rows of functions: `label` (the first of each), self, total and both as values and as counts; in a
  // comparison compare.a and compare.b. `row(label)` is the row of any label, or -1.
  function functionTable(profile, graph) {
    if (!tables.has(graph)) {
      const ids = functionIds(profile);
      const table = rollUp(graph, (label) => ids[label], profile.labels.count);
      tables.set(graph, { ...table, label: table.id, row: (label) => (label < 0 ? -1 : table.rowOf[ids[label]]) });
    }
    return tables.get(graph);
  }

  // The same by module: `module` is its string, -1 for what has none.
  function moduleTable(profile, graph) {
    const { labels, strings } = profile;
    const table = rollUp(graph, (label) => (labels.flags[label] & 2 ? 0 : labels.module[label]), strings.count + 1);
    return { ...table, module: table.id.map((m) => m - 1) };
  }

  // The calls of a function that are not inside another call of it.
  function outermost(tree, ids, id) {
    const found = [];
    for (let i = 1; i < tree.count; ) {
      if (ids[tree.label[i]] === id) {
        found.push(i);
        i = tree.end[i];
      } else i++;
    }
    return found;
  }

  // A stack of pairs of nodes that grows.
  function pairStack() {
    let nodes = new Uint32Array(1024);
    let others = new Uint32Array(1024);
    return {
      count: 0,
      put(at, node, other) {
        if (at >= nodes.length) {
          const size = Math.max(at + 1, 2 * nodes.length);
          const grown = [nodes, others].map((from) => {
            const to = new Uint32Array(size);
            to.set(from);
            return to;
          });
          [nodes, others] = grown;
        }
        nodes[at] = node;
        others[at] = other;
      },
      node: (at) => nodes[at],
      other: (at) => others[at],
    };
  }

  // The tree of what `next(node, put)` leads to from `seeds`, nodes of one function joined, the heaviest
  // first. An item is a node and the node whose weights it brings; what leads nowhere is `self` if that
  // goes by where paths end. Branches below `least` of all are not followed.
  function joinPaths(profile, graph, label, seeds, { next, pathsEnd, least }) {
    const { tree } = graph;
    const ids = functionIds(profile);
    const pairs = pairsOf(graph);
    const out = { parent: [], depth: [], label: [], origin: [], self: pairs.map(() => []), total: pairs.map(() => []) };
    const stack = pairStack();
    const items = pairStack(); // those of the group at hand, then what they lead to
    const slot = new Int32Array(profile.labels.count).fill(-1);
    const groups = [{ from: 0, parent: 0, depth: 0 }];
    seeds.forEach((node, i) => stack.put(i, node, node));
    stack.count = seeds.length;

    const emit = (group, own) => {
      const n = out.parent.push(group.parent) - 1;
      out.depth.push(group.depth);
      out.origin.push(own ? stack.node(group.from) : 0);
      out.label.push(own ? tree.label[stack.node(group.from)] : label);
      pairs.forEach(([self, total], c) => {
        let sum = 0;
        let alone = 0;
        for (let k = group.from; k < group.from + own; k++) {
          sum += total[stack.other(k)];
          alone += pathsEnd ? 0 : self[stack.node(k)];
        }
        out.total[c].push(sum);
        out.self[c].push(alone);
      });
      return n;
    };

    while (groups.length > 0) {
      const group = groups.pop();
      const own = stack.count - group.from;
      const node = emit(group, own);
      items.count = 0;
      let by = 0;
      const put = (to) => items.put(items.count++, to, pathsEnd ? by : to);
      for (let k = group.from; k < group.from + own; k++) {
        const before = items.count;
        by = stack.other(k);
        next(stack.node(k), put);
        if (pathsEnd && items.count === before) pairs.forEach((p, c) => (out.self[c][node] += p[1][by]));
      }
      stack.count = group.from;
      branch(node, group.depth + 1);
    }
    return { ...out, pairs };

    // "(other)" comes after its siblings, as in the data.
    function last({ id }) {
      return profile.labels.flags[id] & 4 ? 0 : 1;
    }

    // Sorts the items by function and puts them onto the stack, the heaviest on top.
    function branch(parent, depth) {
      const found = [];
      for (let k = 0; k < items.count; k++) {
        const id = ids[tree.label[items.node(k)]];
        if (slot[id] < 0) slot[id] = found.push({ id, weight: 0, any: 0, size: 0, at: 0 }) - 1;
        const f = found[slot[id]];
        f.size++;
        f.weight += graph.total[items.other(k)];
        for (const p of pairs) f.any = Math.max(f.any, p[1][items.other(k)]);
      }
      const floor = least * out.total[pairs.findIndex((p) => p[1] === graph.total)][0];
      const order = found.slice().sort((a, b) => last(a) - last(b) || a.weight - b.weight || b.id - a.id);
      for (const f of order) {
        if (!(f.any > 0) || f.weight < floor) f.size = -1;
        else {
          f.at = stack.count;
          groups.push({ from: f.at, parent, depth });
          stack.count += f.size;
        }
      }
      for (let k = 0; k < items.count; k++) {
        const f = found[slot[ids[tree.label[items.node(k)]]]];
        if (f.size >= 0) stack.put(f.at++, items.node(k), items.other(k));
      }
      for (const f of found) slot[f.id] = -1;
    }
  }

  // A graph of the shape everything that draws expects; the root is the function itself.
  function asGraph(graph, paths) {
    const count = paths.parent.length;
    const end = new Uint32Array(count);
    let maxDepth = 0;
    for (let i = count - 1; i >= 0; i--) {
      end[i] = Math.max(end[i], i + 1);
      if (i > 0 && end[i] > end[paths.parent[i]]) end[paths.parent[i]] = end[i];
      maxDepth = Math.max(maxDepth, paths.depth[i]);
    }
    const origin = Uint32Array.from(paths.origin);
    const tree = {
      count,
      parent: Uint32Array.from(paths.parent),
      end,
      depth: Uint32Array.from(paths.depth),
      label: Uint32Array.from(paths.label),
      origin,
      maxDepth,
    };
    const columns = (list) => list.map((c) => Float64Array.from(c));
    const { totalCount, ...sums } = named(graph, paths.pairs, columns(paths.self), columns(paths.total));
    return {
      tree,
      ...sums,
      count: totalCount,
      start: flame.place(tree, sums.total),
      unit: graph.unit,
      byCount: graph.byCount,
      base: (node) => graph.base(origin[node]),
    };
  }

  // Who calls a function: its root, then its callers, theirs, … A node weighs what the function does when
  // called by that way; self is what of it has no further caller.
  function callers(profile, graph, label, least = 0) {
    const { parent } = graph.tree;
    const ids = functionIds(profile);
    const next = (node, put) => {
      if (parent[node] > 0) put(parent[node]);
    };
    const seeds = outermost(graph.tree, ids, ids[label]);
    return asGraph(graph, joinPaths(profile, graph, label, seeds, { next, pathsEnd: true, least }));
  }

  // What a function calls, all its calls joined; a call of itself inside stays where it is.
  function callees(profile, graph, label, least = 0) {
    const { end } = graph.tree;
    const ids = functionIds(profile);
    const next = (node, put) => {
      for (let c = node + 1; c < end[node]; c = end[c]) put(c);
    };
    const seeds = outermost(graph.tree, ids, ids[label]);
    return asGraph(graph, joinPaths(profile, graph, label, seeds, { next, pathsEnd: false, least }));
  }

  const api = { functionIds, functionTable, moduleTable, callers, callees };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
