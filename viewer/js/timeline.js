// Samples in the order of time ("ticks"; long runs keep every 2nd, 4th, … of each thread): what they weigh
// between two moments, frames along time, and who ran when. No DOM.
//
// What is said of a range of time is an estimate: ticks have no weight of their own, so those of a thread
// with the same stack share what its samples with that stack weigh, CPU time evenly, wall-clock time by how
// long ago the tick before was; samples of stacks without a tick are spread over all ticks of the thread. So
// the ticks of a whole run weigh what its samples weigh. A tick stands for the time before it, and belongs to
// the stage that was innermost then.
(function (root) {
  'use strict';

  const flame = typeof module === 'object' ? { ...require('./weigh.js'), ...require('./spans.js') } : root.flame;

  const ALL = -2;
  const OUTSIDE = -1;
  const RUNNING = 0;
  const RUNNABLE = 1;
  const GAP = 2.5; // intervals without a tick are a gap
  // Which states have a kind.
  const COUNTS = { __proto__: null, cpu: (state) => state === RUNNING, wall: () => true, offcpu: (state) => state !== RUNNING };

  const hasTicks = (profile, kind) => Boolean(COUNTS[kind]) && profile.ticks.count > 0;

  function median(list) {
    if (list.length === 0) return NaN;
    list.sort();
    return list[list.length >> 1];
  }

  // Calls visit(thread + 1, node, value, count) for the samples of a kind.
  function eachSample(profile, kind, visit) {
    const { groups, samples, kinds } = profile;
    for (let g = 0; g < groups.samples.length; g++) {
      if (groups.run[g] !== 0 || kinds[groups.kind[g]] !== kind) continue;
      for (let at = groups.first[g], end = at + groups.samples[g]; at < end; at++)
        visit(groups.thread[g], samples.node[at], samples.value[at], samples.count[at]);
    }
  }

  // How far before each tick of a thread the time begins that it stands for: at the tick before, unless that
  // is so long ago that the thread did something else, or nothing, in between.
  function boxes(profile, list, cpu, from) {
    const { t, state } = profile.ticks;
    const steps = [[], []];
    list.forEach((i, k) => k > 0 && steps[state[i] > RUNNABLE ? 1 : 0].push(t[i] - t[list[k - 1]]));
    const ran = list.reduce((n, i) => n + (state[i] === RUNNING ? 1 : 0), 0);
    const usual = steps.map((s) => median(Float64Array.from(s)));
    if (cpu > 0 && ran > 0) usual[0] = cpu / ran; // exact, however often the thread was interrupted
    if (!(usual[0] > 0)) usual[0] = usual[1];
    if (!(usual[1] > 0)) usual[1] = usual[0];
    let before = -Infinity;
    for (const i of list) {
      const long = usual[state[i] > RUNNABLE ? 1 : 0] || 0;
      from[i] = Math.max(0, t[i] - before <= GAP * long ? before : Math.max(before, t[i] - long));
      before = t[i];
    }
  }

  // Stages of ticks. A thread without marks of its own that has samples in stages works for others: there
  // the innermost of all stages it has samples in.
  function tickStages(profile, lists) {
    const { ticks, spans, groups } = profile;
    const stages = new Int32Array(ticks.count).fill(OUTSIDE);
    let everyone = null;
    lists.forEach((list, thread) => {
      let rows = flame.placedSpans(profile, 0, thread - 1);
      if (rows.length === 0) {
        const seen = new Set();
        groups.thread.forEach((th, g) => th === thread && groups.run[g] === 0 && groups.stage[g] > 0 && seen.add(groups.stage[g] - 1));
        everyone = everyone || flame.placedSpans(profile, 0);
        rows = everyone.filter((i) => seen.has(spans.stage[i]));
      }
      const line = flame.spanLine(profile, rows);
      let k = 0;
      for (const i of list) {
        while (k + 1 < line.at.length && line.at[k + 1] <= ticks.t[i]) k++;
        if (line.row[k] >= 0) stages[i] = spans.stage[line.row[k]];
      }
    });
    return stages;
  }

  const known = new WeakMap();

  // By thread + 1: its ticks in the order of time; of each tick where its time begins and its stage.
  function tickIndex(profile) {
    if (!known.has(profile)) {
      const { ticks, threads } = profile;
      let lists = Array.from({ length: threads.length + 1 }, () => []);
      for (let i = 0; i < ticks.count; i++) lists[ticks.thread[i] + 1].push(i);
      for (const list of lists)
        if (list.some((i, k) => k > 0 && ticks.t[i] < ticks.t[list[k - 1]])) list.sort((a, b) => ticks.t[a] - ticks.t[b] || a - b);
      const cpu = new Float64Array(lists.length);
      eachSample(profile, 'cpu', (thread, node, value) => (cpu[thread] += value));
      const from = new Float64Array(ticks.count);
      lists.forEach((list, thread) => boxes(profile, list, cpu[thread], from));
      lists = lists.map((list) => Int32Array.from(list));
      known.set(profile, { lists, from, stage: tickStages(profile, lists), weights: {} });
    }
    return known.get(profile);
  }

  // What each tick weighs in a kind: {value, count} by tick.
  function weightsOf(profile, kind) {
    const index = tickIndex(profile);
    if (!index.weights[kind]) index.weights[kind] = spread(profile, kind, index);
    return index.weights[kind];
  }

  function spread(profile, kind, { lists, from }) {
    const { t, node, state, count: n } = profile.ticks;
    const bare = (i) => (kind === 'cpu' ? 1 : t[i] - from[i]);
    const stacks = lists.map(() => new Map()); // by thread + 1 and node: what samples and bare ticks weigh
    const sums = lists.map(() => ({ value: 0, count: 0, bare: 0, n: 0 }));
    const used = lists.map((list) => list.filter((i) => COUNTS[kind](state[i])));
    used.forEach((list, thread) => {
      for (const i of list) {
        if (!stacks[thread].has(node[i])) stacks[thread].set(node[i], { value: 0, count: 0, bare: 0, n: 0 });
        for (const sum of [stacks[thread].get(node[i]), sums[thread]]) {
          sum.bare += bare(i);
          sum.n++;
        }
      }
    });
    eachSample(profile, kind, (thread, leaf, value, count) => {
      const stack = stacks[thread].get(leaf);
      for (const sum of stack ? [stack, sums[thread]] : [sums[thread]]) {
        sum.value += value;
        sum.count += count;
      }
    });
    const out = { value: new Float64Array(n), count: new Float64Array(n) };
    // The part of a sum that is due to the part `of` out of `all`.
    const due = (sum, of, all) => (all > 0 ? (sum * of) / all : 0);
    used.forEach((list, thread) => {
      const known = { value: 0, count: 0 };
      for (const i of list) {
        const s = stacks[thread].get(node[i]);
        known.value += out.value[i] = s.bare > 0 ? due(s.value, bare(i), s.bare) : due(s.value, 1, s.n);
        known.count += out.count[i] = due(s.count, 1, s.n);
      }
      const all = sums[thread];
      for (const i of list) {
        if (known.value > 0) out.value[i] = due(all.value, out.value[i], known.value);
        else out.value[i] = all.bare > 0 ? due(all.value, bare(i), all.bare) : due(all.value, 1, all.n);
        out.count[i] = known.count > 0 ? due(all.count, out.count[i], known.count) : due(all.count, 1, all.n);
      }
    });
    return out;
  }

  // A range as [from, to): without one, everything.
  function rangeOf(state) {
    return [state.from >= 0 ? state.from : -Infinity, state.to >= 0 ? state.to : Infinity];
  }

  // Calls visit(tick, value, count) for the ticks of a state's kind, range, thread and stage.
  function eachTick(profile, state, visit) {
    const { t, state: doing } = profile.ticks;
    const index = tickIndex(profile);
    const weights = weightsOf(profile, state.kind);
    const [from, to] = rangeOf(state);
    const inside = state.stage >= 0 ? flame.stagesInside(profile, state.stage) : null;
    index.lists.forEach((list, thread) => {
      if (state.thread !== ALL && thread !== state.thread + 1) return;
      let lo = 0;
      for (let hi = list.length; lo < hi; ) {
        const mid = (lo + hi) >> 1;
        if (t[list[mid]] < from) lo = mid + 1;
        else hi = mid;
      }
      for (let k = lo; k < list.length && t[list[k]] < to; k++) {
        const i = list[k];
        const stage = index.stage[i];
        if (!COUNTS[state.kind](doing[i]) || (inside ? stage < 0 || !inside[stage] : state.stage === OUTSIDE && stage >= 0)) continue;
        visit(i, weights.value[i], weights.count[i]);
      }
    });
  }

  // Own weights by node of profile.tree, as weigh() gives them, of the ticks between state.from and state.to.
  // null: ticks say nothing of this kind.
  function tickWeights(profile, state) {
    if (!hasTicks(profile, state.kind)) return null;
    const selfValue = new Float64Array(profile.tree.count);
    const selfCount = new Float64Array(profile.tree.count);
    eachTick(profile, state, (i, value, count) => {
      selfValue[profile.ticks.node[i]] += value;
      selfCount[profile.ticks.node[i]] += count;
    });
    return { selfValue, selfCount };
  }

  // ---- frames along time ----

  // The thread a graph along time shows: the chosen one, or the one with the most ticks that count.
  function timeThread(profile, state) {
    if (state.thread >= 0) return state.thread;
    const kind = hasTicks(profile, state.kind) ? state.kind : 'cpu';
    const n = new Map();
    let best = -1;
    eachTick(profile, { ...state, kind, thread: ALL }, (i) => {
      const thread = profile.ticks.thread[i];
      n.set(thread, (n.get(thread) || 0) + 1);
      if (best < 0 || n.get(thread) > n.get(best)) best = thread;
    });
    return best;
  }

  // Growing columns of the graph's nodes.
  function columns(names) {
    const c = {};
    let room = 1024;
    for (const [name, Type] of Object.entries(names)) c[name] = new Type(room);
    return {
      c,
      fit(count) {
        if (count < room) return;
        room *= 2;
        for (const name of Object.keys(c)) {
          const wider = new c[name].constructor(room);
          wider.set(c[name]);
          c[name] = wider;
        }
      },
      cut: (count) => Object.keys(c).forEach((name) => (c[name] = c[name].subarray(0, count))),
    };
  }

  // A graph of one thread whose x axis is time: ticks that follow each other without a gap share the frames
  // at the root end that they have in common. total is how long a frame lasted, value and count are what its
  // ticks weigh. `through`: a graph with recursion collapsed or libraries hidden, whose tree is taken instead.
  function timeGraph(profile, state, through) {
    const { t } = profile.ticks;
    const index = tickIndex(profile);
    const tree = through ? through.tree : profile.tree;
    const kind = hasTicks(profile, state.kind) ? state.kind : 'cpu';
    const thread = timeThread(profile, state);
    const range = rangeOf(state);
    const from = Math.max(0, range[0]);
    const to = Math.max(from + 1, Math.min(flame.runEnd(profile), range[1]));
    const rows = columns({
      parent: Uint32Array, end: Uint32Array, depth: Uint32Array, label: Uint32Array, origin: Uint32Array, start: Float64Array,
      total: Float64Array, self: Float64Array, selfValue: Float64Array, selfCount: Float64Array,
    });
    const open = [0]; // nodes of the graph by depth
    const path = []; // nodes of the tree from a tick's own up to below the root
    let count = 1;
    let maxDepth = 0;
    rows.c.label[0] = 0xffffffff;
    rows.c.start[0] = from;
    rows.c.total[0] = to - from;
    let edge = from; // where the tick before ended
    const close = (depth) => {
      while (open.length > depth + 1) rows.c.end[open.pop()] = count;
    };
    eachTick(profile, { ...state, kind, thread }, (i, value, weight) => {
      const a = Math.max(edge, index.from[i], from);
      const b = Math.min(t[i], to);
      path.length = 0;
      for (let n = through ? through.node(profile.ticks.node[i]) : profile.ticks.node[i]; n > 0; n = tree.parent[n]) path.push(n);
      let shared = 0;
      if (a <= edge)
        while (shared < path.length && shared + 1 < open.length && rows.c.origin[open[shared + 1]] === path[path.length - 1 - shared]) shared++;
      close(shared);
      for (let d = shared; d < path.length; d++) {
        rows.fit(count);
        const { c } = rows;
        const n = path[path.length - 1 - d];
        c.parent[count] = open[d];
        c.depth[count] = d + 1;
        c.label[count] = tree.label[n];
        c.origin[count] = n;
        c.start[count] = a;
        open.push(count++);
      }
      maxDepth = Math.max(maxDepth, path.length);
      for (let d = 1; d < open.length; d++) rows.c.total[open[d]] = b - rows.c.start[open[d]];
      const own = open[open.length - 1];
      rows.c.self[own] += Math.max(0, b - a);
      rows.c.selfValue[own] += value;
      rows.c.selfCount[own] += weight;
      edge = Math.max(edge, b);
    });
    close(-1);
    rows.cut(count);
    const { parent, end, depth, label, origin, start, total, self, selfValue, selfCount } = rows.c;
    const value = selfValue.slice();
    const counts = selfCount.slice();
    for (let i = count - 1; i > 0; i--) {
      value[parent[i]] += value[i];
      counts[parent[i]] += counts[i];
    }
    let widest = null; // by node of the tree
    const shownAs = (n) => {
      if (!widest) {
        widest = new Map();
        for (let i = 1; i < count; i++)
          if (!widest.has(origin[i]) || total[i] > total[widest.get(origin[i])]) widest.set(origin[i], i);
      }
      for (; n > 0; n = tree.parent[n]) if (widest.has(n)) return widest.get(n);
      return 0;
    };
    return {
      tree: { count, parent, end, depth, label, origin, maxDepth },
      selfValue, selfCount, value, count: counts, self, total, start, unit: 'ns', byCount: false, compare: null, thread, time: true,
      node: (n) => shownAs(through ? through.node(n) : n),
      base: (n) => (through ? through.base(origin[n]) : origin[n]),
    };
  }

  // ---- who ran when ----

  // By thread + 1 and bin of [from, to): how much of it each thread was running, runnable, waiting for the
  // disk, or asleep (stopped ones, too), in ns; keys: what most of a bin's running time is, of keyOf(tick).
  // only: a Set of threads, of which alone there are rows.
  function timeBins(profile, from, to, bins, keyOf, only) {
    const { t, state } = profile.ticks;
    const index = tickIndex(profile);
    const scale = bins / (to - from);
    return index.lists.map((list, thread) => {
      if (only && !only.has(thread - 1)) return null;
      const row = ['running', 'runnable', 'disk', 'sleeping'].reduce((r, name) => ({ ...r, [name]: new Float64Array(bins) }), {});
      const share = new Float64Array(bins); // how far ahead the key of a bin is
      row.keys = new Int32Array(bins).fill(-1);
      const kinds = [row.running, row.runnable, row.sleeping, row.disk, row.sleeping, row.sleeping];
      let lo = 0;
      for (let hi = list.length; lo < hi; ) {
        const mid = (lo + hi) >> 1;
        if (t[list[mid]] <= from) lo = mid + 1;
        else hi = mid;
      }
      for (let k = lo; k < list.length; k++) {
        const i = list[k];
        const a = Math.max(from, index.from[i]);
        const b = Math.min(to, t[i]);
        if (a >= to) break;
        const key = keyOf && state[i] === RUNNING ? keyOf(i) : -1;
        const doing = kinds[state[i]];
        const last = Math.min(bins - 1, Math.floor((b - from) * scale));
        for (let bin = Math.min(last, Math.floor((a - from) * scale)), left = a; bin <= last; bin++) {
          const right = bin === last ? b : from + (bin + 1) / scale;
          const part = Math.max(0, right - left);
          left = right;
          doing[bin] += part;
          if (key < 0) continue;
          if (row.keys[bin] === key) share[bin] += part;
          else if (share[bin] >= part) share[bin] -= part;
          else {
            row.keys[bin] = key;
            share[bin] = part - share[bin];
          }
        }
      }
      return row;
    });
  }

  // Points of these are the highest value since the point before; of others, the value from there on.
  const holdsBefore = (series) => ['rss_bytes', 'heap_bytes', 'mapped_bytes'].includes(series.name);

  function seriesAt(series, x) {
    const { t, value } = series;
    const at = flame.lastAt(t, x);
    const place = holdsBefore(series) && !(at >= 0 && t[at] === x) ? at + 1 : at;
    return t.length ? value[Math.max(0, Math.min(t.length - 1, place))] : NaN;
  }

  // What a range holds: CPU time (NaN: no ticks of kind cpu), samples, threads that ran, change of a series.
  function rangeNumbers(profile, state, heap) {
    const threads = new Set();
    const sums = { cpu: NaN, samples: 0, threads: 0, heap: NaN };
    if (hasTicks(profile, 'cpu') && profile.kinds.includes('cpu')) {
      sums.cpu = 0;
      eachTick(profile, { ...state, kind: 'cpu' }, (i, value, count) => {
        sums.cpu += value;
        sums.samples += count;
        threads.add(profile.ticks.thread[i]);
      });
    }
    sums.threads = threads.size;
    const [from, to] = rangeOf(state);
    if (heap && heap.t.length) sums.heap = seriesAt(heap, to) - seriesAt(heap, from);
    return sums;
  }

  const api = { hasTicks, tickIndex, tickWeights, timeThread, timeGraph, timeBins, rangeNumbers, seriesAt, holdsBefore };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
