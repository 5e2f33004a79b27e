// What each node of the profile's tree weighs by itself under a choice of run, kind, stage and thread, and
// what a subtree weighs in each stage. No DOM.
(function (root) {
  'use strict';

  const ALL = -2;
  const OUTSIDE = -1; // of any stage

  // 1 for each stage that is `stage` or inside it.
  function stagesInside(profile, stage) {
    const inside = new Uint8Array(profile.stages.length);
    for (const s of profile.stages) if (s.id === stage || (s.parent >= 0 && inside[s.parent])) inside[s.id] = 1;
    return inside;
  }

  // The thread of a run that is to it what `thread` is to its own run: of the same name and process, the k-th of
  // them for the k-th. -1: there is none.
  function threadIn(profile, thread, run) {
    const chosen = profile.threads[thread];
    if (!chosen || chosen.run === run) return thread;
    const alike = (r) => profile.threads.filter((t) => t.run === r && t.name === chosen.name && t.process === chosen.process);
    const found = alike(run)[alike(chosen.run).indexOf(chosen)];
    return found ? found.id : -1;
  }

  // The groups of samples of a choice: a stage has those of the stages inside it.
  function chooseGroups(profile, { run = 0, kind = profile.kinds[0], stage = ALL, thread = ALL }) {
    const { groups } = profile;
    const number = profile.kinds.indexOf(kind);
    const inside = stagesInside(profile, stage);
    const wanted = thread === ALL ? ALL : threadIn(profile, thread, run) + 1;
    const chosen = [];
    for (let g = 0; g < groups.samples.length; g++) {
      if (groups.run[g] !== run || groups.kind[g] !== number) continue;
      if (wanted !== ALL && (wanted === 0 || groups.thread[g] !== wanted)) continue;
      const s = groups.stage[g];
      if (stage === ALL || (s > 0 ? inside[s - 1] : stage === OUTSIDE)) chosen.push(g);
    }
    return chosen;
  }

  // Own values and counts of the nodes; `scales` are factors by group.stage, or null.
  function weigh(profile, choice) {
    const { tree, groups, samples } = profile;
    const { node, value, count } = samples;
    const { scales } = choice;
    const selfValue = new Float64Array(tree.count);
    const selfCount = new Float64Array(tree.count);
    for (const g of chooseGroups(profile, choice)) {
      const end = groups.first[g] + groups.samples[g];
      const factor = scales ? scales[groups.stage[g]] : 1;
      for (let i = groups.first[g]; i < end; i++) {
        selfValue[node[i]] += value[i] * factor;
        selfCount[node[i]] += count[i] * factor;
      }
    }
    return { selfValue, selfCount };
  }

  // Of a tree whose parents come before their children: what each node weighs with all below it.
  function totalsOf(tree, self) {
    const total = self.slice();
    const { parent } = tree;
    for (let i = tree.count - 1; i > 0; i--) total[parent[i]] += total[i];
    return total;
  }

  const sums = new WeakMap(); // by profile: values and counts of all samples before each one

  function sumsBefore(profile, by) {
    if (!sums.has(profile)) sums.set(profile, {});
    const known = sums.get(profile);
    if (!known[by]) {
      const column = profile.samples[by];
      known[by] = new Float64Array(column.length + 1);
      for (let i = 0; i < column.length; i++) known[by][i + 1] = known[by][i] + column[i];
    }
    return known[by];
  }

  // The first of samples from…to whose node is not below `node`.
  function lowerBound(nodes, from, to, node) {
    while (from < to) {
      const mid = (from + to) >> 1;
      if (nodes[mid] < node) from = mid + 1;
      else to = mid;
    }
    return from;
  }

  function sharesOf(byStage) {
    let whole = 0;
    for (const value of byStage.values()) whole += value;
    return [...byStage]
      .map(([stage, value]) => ({ stage, value, share: value / whole }))
      .sort((x, y) => y.value - x.value || x.stage - y.stage);
  }

  // What the stages weigh within the subtree of a node of profile.tree, heaviest first: [{stage (or OUTSIDE),
  // value, share}]; run, kind, stage, thread and `by` are those of the state, A if there is no run.
  function stageShares(profile, state, node) {
    const { tree, groups, samples } = profile;
    const before = sumsBefore(profile, state.by);
    const byStage = new Map();
    for (const g of chooseGroups(profile, { run: state.a, ...state })) {
      const last = groups.first[g] + groups.samples[g];
      const from = lowerBound(samples.node, groups.first[g], last, node);
      const value = before[lowerBound(samples.node, from, last, tree.end[node])] - before[from];
      if (!(value > 0)) continue;
      const stage = groups.stage[g] - 1;
      byStage.set(stage, (byStage.get(stage) || 0) + value);
    }
    return sharesOf(byStage);
  }

  const places = new WeakMap(); // by graph: for each run and `by` what joinedSums() gives

  // By stage the nodes of a graph that have samples in it, in order, and what all before each one weigh.
  function joinedSums(profile, state, graph) {
    const { groups, samples } = profile;
    const self = new Map();
    for (const g of chooseGroups(profile, { run: state.a, ...state })) {
      const stage = groups.stage[g] - 1;
      if (!self.has(stage)) self.set(stage, new Map());
      const own = self.get(stage);
      for (let at = groups.first[g], end = at + groups.samples[g]; at < end; at++) {
        const node = graph.node(samples.node[at]);
        own.set(node, (own.get(node) || 0) + samples[state.by][at]);
      }
    }
    return [...self].map(([stage, own]) => {
      const nodes = Uint32Array.from(own.keys()).sort();
      const before = new Float64Array(nodes.length + 1);
      nodes.forEach((node, i) => (before[i + 1] = before[i] + own.get(node)));
      return { stage, nodes, before };
    });
  }

  // The same within the subtree of a node of a graph whose frames are joined or left out.
  function joinedShares(profile, state, graph, node) {
    if (!places.has(graph)) places.set(graph, new Map());
    const known = places.get(graph);
    const key = `${state.run} ${state.by}`;
    if (!known.has(key)) known.set(key, joinedSums(profile, state, graph));
    const byStage = new Map();
    for (const { stage, nodes, before } of known.get(key)) {
      const from = lowerBound(nodes, 0, nodes.length, node);
      const value = before[lowerBound(nodes, from, nodes.length, graph.tree.end[node])] - before[from];
      if (value > 0) byStage.set(stage, value);
    }
    return sharesOf(byStage);
  }

  const api = { ALL, OUTSIDE, threadIn, stagesInside, chooseGroups, weigh, totalsOf, stageShares, joinedShares };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
