// What each function costs wherever it is called, and the graphs of who calls one and of what it calls.
// A function is a name in a module, inlined or not. A call of it inside itself adds nothing to its total,
// so no total is more than everything. No DOM.
(function (root) {
  'use strict';

  const flame = typeof module === 'object' ? { ...require('./layout.js'), ...require('./weigh.js'), ...require('./derive.js') } : root.flame;
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

  // By label: the string its module is called by, or its own name if it has none, as "[not sampled]".
  const moduleIds = (profile) => profile.labels.module.map((m, l) => (m ? m - 1 : profile.labels.name[l]));

  // The same by module: `module` is such a string.
  function moduleTable(profile, graph) {
    const ids = moduleIds(profile);
    const table = rollUp(graph, (label) => ids[label], profile.strings.count);
    return { ...table, module: table.id };
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

  // The tree that a state shows, in any order but callers first, and what a node of profile.tree is in it.
  function shownTree(profile, state) {
    const shrunk = flame.shrunkTree(profile, state);
    return shrunk ? { tree: shrunk, of: (node) => shrunk.of[node] } : { tree: profile.tree, of: (node) => node };
  }

  // Own values and counts of each kind by the id (below `size`) of labels, of run 0 under the filters of the
  // state: [{kind, value, count}].
  function sumsByKind(profile, state, idOf, size) {
    const { stage, thread } = state;
    const { tree, of } = shownTree(profile, state);
    return profile.kinds.map((kind) => {
      const w = flame.weigh(profile, { run: 0, kind, stage, thread });
      const out = { kind, value: new Float64Array(size), count: new Float64Array(size) };
      for (let n = 1; n < profile.tree.count; n++) {
        const shown = of(n);
        if (shown === 0) continue; // a frame that is left out, without a caller
        out.value[idOf[tree.label[shown]]] += w.selfValue[n];
        out.count[idOf[tree.label[shown]]] += w.selfCount[n];
      }
      return out;
    });
  }

  // In which stages a function costs what it does with all it calls, the heaviest first: [{stage (or OUTSIDE),
  // value}]; `by` is the column of samples, run, kind, stage, thread and frames those of the state.
  function functionStages(profile, state, label, by) {
    const { groups, samples, stages } = profile;
    const ids = functionIds(profile);
    const { tree, of } = shownTree(profile, state);
    const inside = new Uint8Array(tree.count);
    for (let i = 1; i < tree.count; i++) inside[i] = inside[tree.parent[i]] || ids[tree.label[i]] === ids[label] ? 1 : 0;
    const sums = new Float64Array(stages.length + 1);
    for (const g of flame.chooseGroups(profile, { ...state, run: state.a }))
      for (let at = groups.first[g], end = at + groups.samples[g]; at < end; at++)
        if (inside[of(samples.node[at])]) sums[groups.stage[g]] += samples[by][at];
    return Array.from(sums, (value, s) => ({ stage: s - 1, value }))
      .filter((s) => s.value > 0).sort((a, b) => b.value - a.value || a.stage - b.stage);
  }

  // At least that long, with what is in there.
  function longer(list, size) {
    if (list.length >= size) return list;
    const grown = new Uint32Array(Math.max(size, 2 * list.length));
    grown.set(list);
    return grown;
  }

  // The tree of what `next(node, put)` leads to from `seeds`, nodes of one function joined, the heaviest
  // first. An item is a node and its owner, whose weights it brings: itself, or, if paths end at different
  // lengths (pathsEnd), the seed it comes from; what leads nowhere is `self` then. Branches below `least` of
  // all are not followed.
  function joinPaths(profile, graph, label, seeds, { next, pathsEnd, least }) {
    const { tree } = graph;
    const ids = functionIds(profile);
    const { flags, count: limit } = profile.labels;
    const pairs = pairsOf(graph);
    const out = { parent: [], depth: [], label: [], origin: [], self: pairs.map(() => []), total: pairs.map(() => []) };
    const main = pairs.findIndex((p) => p[1] === graph.total);
    const any = new Float64Array(limit); // by function, of the group at hand: all weights together
    const weight = new Float64Array(limit);
    const size = new Uint32Array(limit);
    const place = new Uint32Array(limit);
    let nodes = Uint32Array.from(seeds); // items of groups still to come; the last group is on top
    let owners = nodes.slice();
    let height = seeds.length;
    let toNodes = new Uint32Array(64); // what the items of the group at hand lead to
    let toOwners = new Uint32Array(64);
    let reached = 0;
    let owner = 0;
    const put = (node) => {
      if (reached === toNodes.length) {
        toNodes = longer(toNodes, reached + 1);
        toOwners = longer(toOwners, reached + 1);
      }
      toNodes[reached] = node;
      toOwners[reached++] = pathsEnd ? owner : node;
    };
    const groups = [{ from: 0, parent: 0, depth: 0 }];
    // "(other)" comes after its siblings, as in the data.
    const before = (x, y) => (flags[y] & 4) - (flags[x] & 4) || weight[x] - weight[y] || y - x;

    while (groups.length > 0) {
      const { from, parent, depth } = groups.pop();
      const node = out.parent.push(parent) - 1;
      out.depth.push(depth);
      out.origin.push(height > from ? nodes[from] : 0);
      out.label.push(height > from ? tree.label[nodes[from]] : label);
      reached = 0;
      pairs.forEach(([self, total], c) => {
        let sum = 0;
        let alone = 0;
        for (let k = from; k < height; k++) {
          sum += total[owners[k]];
          if (!pathsEnd) alone += self[nodes[k]];
        }
        out.total[c].push(sum);
        out.self[c].push(alone);
      });
      for (let k = from; k < height; k++) {
        const known = reached;
        owner = owners[k];
        next(nodes[k], put);
        if (pathsEnd && reached === known) for (let c = 0; c < pairs.length; c++) out.self[c][node] += pairs[c][1][owner];
      }
      height = from;
      branch(node, depth + 1);
    }
    return { ...out, pairs };

    // Sorts what is reached by function and puts it onto the stack, the heaviest on top.
    function branch(parent, depth) {
      const found = [];
      for (let k = 0; k < reached; k++) {
        const id = ids[tree.label[toNodes[k]]];
        if (size[id]++ === 0) found.push(id);
        weight[id] += graph.total[toOwners[k]];
        for (let c = 0; c < pairs.length; c++) any[id] += pairs[c][1][toOwners[k]];
      }
      const floor = least * out.total[main][0];
      for (const id of found.sort(before)) {
        const kept = any[id] > 0 && weight[id] >= floor;
        if (kept) groups.push({ from: height, parent, depth });
        place[id] = height;
        if (kept) height += size[id];
        else any[id] = -1;
      }
      nodes = longer(nodes, height);
      owners = longer(owners, height);
      for (let k = 0; k < reached; k++) {
        const id = ids[tree.label[toNodes[k]]];
        if (any[id] < 0) continue;
        nodes[place[id]] = toNodes[k];
        owners[place[id]++] = toOwners[k];
      }
      for (const id of found) any[id] = weight[id] = size[id] = 0;
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

  const api = { functionIds, functionTable, moduleIds, moduleTable, sumsByKind, functionStages, callers, callees };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
