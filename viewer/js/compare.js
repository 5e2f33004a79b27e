// Two runs of one page side by side: how B is scaled to A, what each function has in both, which differences
// sampling does not explain (significance.js), and the call paths that only one of them has. `graph` is that
// of deriveGraph() for a comparison. No DOM.
(function (root) {
  'use strict';

  const flame = typeof module === 'object'
    ? { ...require('./weigh.js'), ...require('./functions.js'), ...require('./significance.js') }
    : root.flame;

  const MEASURED = ['mmap', 'sql']; // kinds of which every event is seen
  const LEVEL = 0.05;
  const NEARLY_ALL = 1e6; // samples that stand for an exact number beside an estimate

  const groupsOf = (profile, state, run) => flame.chooseGroups(profile, { ...state, run });

  function eachSample(profile, list, visit) {
    const { groups, samples } = profile;
    for (const g of list) {
      const slot = groups.stage[g];
      for (let at = groups.first[g], end = at + groups.samples[g]; at < end; at++)
        visit(samples.node[at], samples.value[at], samples.count[at], slot);
    }
  }

  // Sums by stage (0: outside of stages) of what passes the filters.
  function sumsOf(profile, state, run) {
    const slots = profile.stages.length + 1;
    const sums = { value: new Float64Array(slots), count: new Float64Array(slots), allValue: 0, allCount: 0 };
    eachSample(profile, groupsOf(profile, state, run), (node, value, count, slot) => {
      sums.value[slot] += value;
      sums.count[slot] += count;
      sums.allValue += value;
      sums.allCount += count;
    });
    return sums;
  }

  // Counts are shown if that is chosen, or if nobody measured values.
  const byCount = (state, a, b) => state.by === 'count' || !(a.allValue > 0 || b.allValue > 0);

  // What one sample of a run stands for, in the unit of the values; 0: values are exact. Of bytes the variance
  // behind the interval tells, which is that of a score interval (docs/memory.md).
  function quantum(profile, state, run) {
    const { kind } = state;
    const precision = profile.runs[run].precision[kind];
    const whole = sumsOf(profile, { kind, stage: flame.ALL, thread: flame.ALL }, run);
    if (precision || MEASURED.includes(kind)) {
      const { text, interval } = precision ?? { text: 'exact' };
      if (interval) {
        const half = (interval[1] - interval[0]) / 2;
        return Math.max(0, (Math.hypot(whole.allValue, half) - whole.allValue) / 1.92);
      }
      if (/^exact/.test(text)) return 0;
    }
    return whole.allValue > 0 && whole.allCount > 0 ? whole.allValue / whole.allCount : 1;
  }

  const CHOICES = ['kind', 'stage', 'thread', 'by', 'a', 'b', 'norm'];
  const settings = new WeakMap(); // by profile: the last one

  // All that a comparison needs to know of its two runs under the filters.
  function setting(profile, state) {
    const key = CHOICES.map((k) => state[k]).join('\n');
    const last = settings.get(profile);
    if (last && last.key === key) return last;
    const runs = [state.a, state.b];
    const sums = runs.map((run) => sumsOf(profile, state, run));
    const counted = byCount(state, ...sums);
    const quanta = runs.map((run) => quantum(profile, state, run));
    const set = {
      key,
      sums,
      counted,
      all: sums.map((s) => (counted ? s.allCount : s.allValue)),
      exact: quanta[0] === 0 && quanta[1] === 0,
      estimated: runs.some((run, i) => quanta[i] === 0 || profile.runs[run].precision[state.kind]),
      unit: quanta.map((q, i) => (q > 0 ? q : sums[i].allValue / NEARLY_ALL || 1)), // what a sample is worth
      scales: new Float64Array(profile.stages.length + 1).fill(1),
      onlyIn: [], // stages (slots) of one run only
    };
    scale(set, state.norm, counted ? 'count' : 'value');
    settings.set(profile, set);
    return set;
  }

  function scale({ sums, all, scales, counted, estimated, unit, onlyIn }, norm, part) {
    if (norm === 'total') {
      if (all[0] > 0 && all[1] > 0) scales.fill(all[0] / all[1]);
    } else if (norm === 'stage') {
      scales.forEach((_, s) => {
        const [x, y] = [sums[0][part][s], sums[1][part][s]];
        if (x > 0 && y > 0) scales[s] = x / y;
        else if (x > 0 || y > 0) onlyIn.push(s);
      });
    } else if (counted && !estimated) {
      scales.fill(unit[1] / unit[0]); // B's samples as many as they are at A's rate
    }
  }

  // Factors for run B by stage (0: outside of stages), as weigh() takes them.
  const compareScales = (profile, state) => setting(profile, state).scales;

  // Samples of both runs by key (of `size` keys; keyOf(node) below 0: none), how many of them A is expected to
  // have if nothing differs, and the variance of that. Estimates count as the samples they are worth.
  function tally(profile, state, keyOf, size) {
    const set = setting(profile, state);
    const { unit } = set;
    const lists = [state.a, state.b].map((run) => groupsOf(profile, state, run));
    const worth = (i, value, count) => (set.estimated && !set.counted ? value / unit[i] : count);
    const out = { a: new Float64Array(size), b: new Float64Array(size), e: new Float64Array(size), v: new Float64Array(size), nA: 0, nB: 0 };
    const here = [new Float64Array(size), new Float64Array(size)];
    const seen = new Uint8Array(size);
    const slots = state.norm === 'stage' ? [...new Set(lists.flat().map((g) => profile.groups.stage[g]))] : [-1];
    for (const slot of slots) {
      const touched = [];
      const n = [0, 0];
      lists.forEach((list, i) => {
        const mine = slot < 0 ? list : list.filter((g) => profile.groups.stage[g] === slot);
        eachSample(profile, mine, (node, value, count) => {
          const c = worth(i, value, count);
          n[i] += c;
          const key = keyOf(node);
          if (key < 0 || !(c > 0)) return;
          here[i][key] += c;
          if (!seen[key]) {
            seen[key] = 1;
            touched.push(key);
          }
        });
      });
      const shares = state.norm !== 'none' && n[0] > 0 && n[1] > 0;
      const total = n[0] + n[1];
      const part = shares ? n[0] / total : unit[1] / (unit[0] + unit[1]);
      for (const key of touched) {
        const [x, y] = [here[0][key], here[1][key]];
        const c = x + y;
        out.a[key] += x;
        out.b[key] += y;
        out.e[key] += c * part;
        out.v[key] += c * part * (1 - part) * (shares && total > 1 ? Math.max(0, total - c) / (total - 1) : 1);
        here[0][key] = here[1][key] = seen[key] = 0;
      }
      if (shares && slots.length === 1) [out.nA, out.nB] = n;
    }
    return { ...out, set };
  }

  const row = (t, i) => ({ a: t.a[i], b: t.b[i], e: t.e[i], v: t.v[i], nA: t.nA, nB: t.nB });
  const differs = (x, y) => Math.abs(x - y) > 1e-9 * Math.max(Math.abs(x), Math.abs(y));
  // Blocks and calls of a sample of bytes are estimates nobody knows the error of.
  const unknown = (set) => set.counted && set.estimated && !set.exact;

  // Whether what functions have themselves differs, by the first label of each function: p (NaN: the error is
  // not known; exact values have p 0 or 1) and significant (1), at 5 % false ones.
  function significance(profile, state, graph) {
    const ids = flame.functionIds(profile);
    const { tree, compare } = graph;
    const size = profile.labels.count;
    const p = new Float64Array(size).fill(NaN);
    const set = setting(profile, state);
    if (set.exact) {
      const sums = [new Float64Array(size), new Float64Array(size)];
      for (let i = 1; i < tree.count; i++) {
        sums[0][ids[tree.label[i]]] += compare.a.self[i];
        sums[1][ids[tree.label[i]]] += compare.b.self[i];
      }
      const significant = new Uint8Array(size);
      for (let l = 0; l < size; l++) {
        significant[l] = differs(sums[0][l], sums[1][l]) ? 1 : 0;
        p[l] = significant[l] ? 0 : 1;
      }
      return { p, significant, method: 'exact' };
    }
    if (unknown(set)) return { p, significant: new Uint8Array(size), method: 'none' };
    const keyOf = (base) => {
      const node = graph.node(base);
      return node > 0 ? ids[tree.label[node]] : -1;
    };
    const t = tally(profile, state, keyOf, size);
    for (let l = 0; l < size; l++) if (t.a[l] + t.b[l] > 0) p[l] = flame.differenceP(row(t, l));
    return { p, significant: flame.pick(p, LEVEL, (l) => flame.leastP(row(t, l)) <= LEVEL), method: 'samples' };
  }

  // One frame with all it calls: its plain p, for there is only one question. NaN: the error is not known.
  function frameP(profile, state, graph, node) {
    const { compare, tree } = graph;
    const set = setting(profile, state);
    if (set.exact) return differs(compare.a.total[node], compare.b.total[node]) ? 0 : 1;
    if (unknown(set)) return NaN;
    const end = tree.end[node];
    const keyOf = (base) => {
      const at = graph.node(base);
      return at >= node && at < end ? 0 : -1;
    };
    return flame.differenceP(row(tally(profile, state, keyOf, 1), 0));
  }

  // Each frame with all it calls: p (NaN where too few samples say anything) and picked (1: differs, at 5 % false
  // ones among all frames). null: values are exact, or their error is not known. Of several stages the variance
  // is a little too large.
  const tests = new WeakMap(); // by graph
  function frameTests(profile, state, graph) {
    const set = setting(profile, state);
    if (set.exact || unknown(set)) return null;
    if (tests.has(graph)) return tests.get(graph);
    const { tree } = graph;
    const t = tally(profile, state, (base) => graph.node(base), tree.count);
    for (let i = tree.count - 1; i > 0; i--)
      for (const c of [t.a, t.b, t.e, t.v]) c[tree.parent[i]] += c[i];
    const p = new Float64Array(tree.count).fill(NaN);
    const known = new Map(); // p by small counts
    for (let i = 1; i < tree.count; i++) {
      const one = row(t, i);
      const c = one.a + one.b;
      if (!(c > 0) || flame.leastP(one) > LEVEL) continue;
      if (t.nA > 0) one.v = (((one.e * (c - one.e)) / c) * Math.max(0, t.nA + t.nB - c)) / (t.nA + t.nB - 1);
      const key = state.norm === 'stage' || c > 4000 ? -1 : one.a * 4096 + one.b; // all else is the same for all
      if (key < 0 || !known.has(key)) known.set(key, flame.differenceP(one));
      p[i] = known.get(key);
    }
    const found = { p, picked: flame.pick(p, LEVEL) };
    tests.set(graph, found);
    return found;
  }

  // By node: 1 if chance may explain the difference of a frame with all it calls; null: nothing is left to chance.
  function frameDoubts(profile, state, graph) {
    const tested = frameTests(profile, state, graph);
    return tested && tested.picked.map((sure) => 1 - sure);
  }

  // Rows of functions: {label, aSelf, bSelf, aTotal, bTotal, delta (of self), ratio, p, significant,
  // state: 'both' | 'new' | 'gone'}, the largest difference first.
  function compareTable(profile, graph, state) {
    const table = flame.functionTable(profile, graph);
    const { a, b } = table.compare;
    const tested = significance(profile, state, graph);
    const rows = Array.from({ length: table.count }, (_, r) => {
      const label = table.label[r];
      const [x, y] = [a.self[r], b.self[r]];
      return {
        label, aSelf: x, bSelf: y, aTotal: a.total[r], bTotal: b.total[r],
        delta: y - x, ratio: x > 0 ? y / x : NaN,
        p: tested.p[label], significant: tested.significant[label] === 1,
        state: !(a.total[r] > 0) ? 'new' : !(b.total[r] > 0) ? 'gone' : 'both',
      };
    });
    rows.sort((x, y) => Math.abs(y.delta) - Math.abs(x.delta) || y.aTotal + y.bTotal - x.aTotal - x.bTotal || x.label - y.label);
    return { rows, method: tested.method };
  }

  // Call paths that only A has (gone) or only B (new), the heaviest first: {node, amount, share (of its run),
  // p, significant}. Only whole ones: no path of the list lies inside another.
  function elidedStacks(profile, graph, state) {
    const { tree, compare } = graph;
    const { a, b } = compare;
    const { exact } = setting(profile, state);
    // Of all paths, not of those of one run only: these are extreme by choice.
    const tested = frameTests(profile, state, graph);
    const find = (mine, other) => {
      const found = [];
      for (let i = 1; i < tree.count; ) {
        const gone = !(other.total[i] > 0);
        if (gone && mine.total[i] > 0)
          found.push({ node: i, amount: mine.total[i], share: mine.total[i] / mine.total[0], p: tested ? tested.p[i] : exact ? 0 : NaN, significant: tested ? tested.picked[i] === 1 : exact });
        i = gone ? tree.end[i] : i + 1;
      }
      return found.sort((x, y) => y.amount - x.amount || x.node - y.node);
    };
    return { gone: find(a, b), new: find(b, a) };
  }

  // What there is to say of A and B as a whole: sums as measured, in value and count, and functions that got
  // more, less, or differ by no more than chance does.
  function compareSummary(profile, state, rows) {
    const set = setting(profile, state);
    let up = 0;
    let down = 0;
    for (const r of rows) if (r.significant) r.delta > 0 ? up++ : down++;
    return { a: set.all[0], b: set.all[1], counted: set.counted, up, down, functions: rows.length };
  }

  // Stages of one run only, which cannot be scaled stage by stage; -1: outside of stages.
  const unscaledStages = (profile, state) => setting(profile, state).onlyIn.map((slot) => slot - 1);

  const api = { compareScales, significance, frameP, frameDoubts, compareTable, elidedStacks, compareSummary, unscaledStages };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
