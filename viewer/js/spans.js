// Stages as they ran: who is inside whom on which thread, what was innermost at a time, and the sums of
// each path of stages. No DOM.
(function (root) {
  'use strict';

  const runEnds = new WeakMap();

  // When the run was over, in ns since its start: its duration, or later things that are known of it.
  function runEnd(profile, run = 0) {
    if (!runEnds.has(profile)) runEnds.set(profile, []);
    const known = runEnds.get(profile);
    if (known[run] === undefined) {
      const { spans, ticks, series } = profile;
      let end = (profile.runs[run] || {}).duration_ns || 0;
      for (let i = 0; i < spans.count; i++)
        if (spans.run[i] === run && spans.folded[i] < 2) end = Math.max(end, spans.start[i] + (spans.wall[i] || 0));
      if (run === 0 && ticks.count) end = Math.max(end, ticks.t[ticks.count - 1]);
      if (run === 0) for (const s of series) if (s.t.length) end = Math.max(end, s.t[s.t.length - 1]);
      known[run] = Math.max(end, 1);
    }
    return known[run];
  }

  // An open stage lasts until the end of its run.
  function spanEnd(profile, i) {
    const { start, wall, run } = profile.spans;
    return wall[i] >= 0 ? start[i] + wall[i] : Math.max(start[i], runEnd(profile, run[i]));
  }

  // Rows that stand for one stage each: those with a place in time.
  function placedSpans(profile, run, thread) {
    const { spans } = profile;
    const rows = [];
    for (let i = 0; i < spans.count; i++)
      if (spans.run[i] === run && spans.folded[i] < 2 && (thread === undefined || spans.thread[i] === thread)) rows.push(i);
    return rows.sort((a, b) => spans.start[a] - spans.start[b] || spanEnd(profile, b) - spanEnd(profile, a) || a - b);
  }

  // Bars of a run: lanes [{thread, rows, level (of each row), levels}], in the order in which threads began;
  // level: how many bars of the thread lie above it.
  function spanLanes(profile, run) {
    const lanes = new Map();
    for (const i of placedSpans(profile, run)) {
      const thread = profile.spans.thread[i];
      if (!lanes.has(thread)) lanes.set(thread, { thread, rows: [], level: [], levels: 0, open: [] });
      const lane = lanes.get(thread);
      const { open } = lane; // ends of the bars by level
      let level = open.length;
      while (level > 0 && open[level - 1] <= profile.spans.start[i]) level--;
      open.length = level;
      open.push(spanEnd(profile, i));
      lane.rows.push(i);
      lane.level.push(level);
      lane.levels = Math.max(lane.levels, level + 1);
    }
    return [...lanes.values()];
  }

  // What is innermost when: {at, row}: from at[k] on it is the span row[k] (-1: none). Innermost is the one
  // that began last of those that are open.
  function spanLine(profile, rows) {
    const at = [-Infinity];
    const row = [-1];
    const open = [];
    const put = (t, r) => {
      if (at[at.length - 1] === t) row[row.length - 1] = r;
      else if (row[row.length - 1] !== r) {
        at.push(t);
        row.push(r);
      }
    };
    const close = (until) => {
      while (open.length) {
        const end = spanEnd(profile, open[open.length - 1]);
        if (end > until) break;
        open.pop();
        while (open.length && spanEnd(profile, open[open.length - 1]) <= end) open.pop();
        put(end, open.length ? open[open.length - 1] : -1);
      }
    };
    for (const r of rows) {
      const start = profile.spans.start[r];
      close(start);
      if (!(spanEnd(profile, r) > start)) continue;
      open.push(r);
      put(start, r);
    }
    close(Infinity);
    return { at: Float64Array.from(at), row: Int32Array.from(row) };
  }

  // The place in a sorted list of the last value not above t; -1: none.
  function lastAt(list, t) {
    let lo = 0;
    let hi = list.length;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (list[mid] <= t) lo = mid + 1;
      else hi = mid;
    }
    return lo - 1;
  }

  const innermost = (line, t) => line.row[Math.max(0, lastAt(line.at, t))];

  // ---- sums of paths ----

  // The p-th percentile by nearest rank of [value, times] pairs.
  function nearestRank(pairs, p) {
    const sorted = pairs.slice().sort((a, b) => a[0] - b[0]);
    const n = sorted.reduce((sum, [, k]) => sum + k, 0);
    let rank = Math.max(1, Math.ceil(p * n));
    for (const [value, k] of sorted) {
      rank -= k;
      if (rank <= 0) return value;
    }
    return NaN;
  }

  function addParams(sums, text) {
    let list;
    try {
      list = Object.entries(JSON.parse(text) || {});
    } catch {
      return;
    }
    for (const [key, value] of list) {
      if (!sums.has(key)) sums.set(key, { values: new Set(), lo: Infinity, hi: -Infinity });
      const s = sums.get(key);
      if (typeof value === 'number') {
        s.lo = Math.min(s.lo, value);
        s.hi = Math.max(s.hi, value);
      }
      if (s.values.size < 2) s.values.add(typeof value === 'string' ? value : JSON.stringify(value));
    }
  }

  // Parameters of all stages of a path in a few words: the value, the range of numbers, or "several".
  const paramsText = (sums) => [...sums].map(([key, s]) =>
    `${key} ${s.values.size < 2 ? [...s.values][0] : s.lo <= s.hi ? `${s.lo} … ${s.hi}` : 'several'}`).join(', ');

  // One row for each path of stages of a run, children below their parents in the order of their first
  // begin: {stage, parent (row, -1: none), depth, n, open, folded, wall, median, max, cpu, ratio, peakHeap,
  // peakRss, allocBytes, allocCount, items, perSecond, samples, params}. NaN: not known. Open stages count in
  // n alone; a row of k folded ones counts as k of its mean.
  function stageTable(profile, run) {
    const { spans, stages, strings } = profile;
    const rows = new Map();
    const rowOf = (stage) => {
      if (!rows.has(stage)) {
        rows.set(stage, {
          stage, first: Infinity, children: [], n: 0, open: 0, folded: 0, wall: NaN, cpu: NaN, cpuWall: 0, peakHeap: NaN,
          peakRss: NaN, allocBytes: NaN, allocCount: NaN, items: NaN, samples: 0, walls: [], sums: new Map(),
        });
        const parent = stages[stage].parent;
        if (parent >= 0) rowOf(parent).children.push(rows.get(stage));
      }
      return rows.get(stage);
    };
    const plus = (a, b) => (b >= 0 ? (a >= 0 ? a : 0) + b : a);
    const most = (a, b) => (b >= 0 && !(a >= b) ? b : a);
    for (let i = 0; i < spans.count; i++) {
      if (spans.run[i] !== run) continue;
      const r = rowOf(spans.stage[i]);
      const k = Math.max(1, spans.folded[i]);
      r.first = Math.min(r.first, spans.start[i]);
      r.n += k;
      if (k > 1) r.folded += k;
      r.samples += spans.samples[i];
      for (const column of ['allocBytes', 'allocCount']) r[column] = plus(r[column], spans[column][i]);
      for (const column of ['peakHeap', 'peakRss']) r[column] = most(r[column], spans[column][i]);
      if (spans.items[i] > 0) r.items = plus(r.items, spans.items[i]);
      addParams(r.sums, strings.text(spans.params[i]));
      if (!(spans.wall[i] >= 0)) {
        r.open += k;
        continue;
      }
      r.wall = plus(r.wall, spans.wall[i]);
      r.walls.push([spans.wall[i] / k, k]);
      r.cpu = plus(r.cpu, spans.cpu[i]);
      if (spans.cpu[i] >= 0) r.cpuWall += spans.wall[i];
    }
    for (const id of [...rows.keys()].sort((a, b) => b - a)) { // children have higher numbers than parents
      const up = rows.get(stages[id].parent);
      if (up) up.first = Math.min(up.first, rows.get(id).first);
    }
    const order = (a, b) => b.first - a.first || b.stage - a.stage; // the first one is popped first
    const todo = [...rows.values()].filter((r) => stages[r.stage].parent < 0).sort(order);
    todo.forEach((r) => Object.assign(r, { parent: -1, depth: 0 }));
    const list = [];
    while (todo.length) {
      const r = todo.pop();
      for (const c of r.children.sort(order)) todo.push(Object.assign(c, { parent: list.length, depth: r.depth + 1 }));
      list.push(Object.assign(r, {
        median: nearestRank(r.walls, 0.5),
        max: r.walls.reduce((a, [v]) => Math.max(a, v), r.walls.length ? 0 : NaN),
        ratio: r.cpuWall > 0 ? r.cpu / r.cpuWall : NaN,
        perSecond: r.wall > 0 ? r.items / (r.wall / 1e9) : NaN,
        params: paramsText(r.sums),
      }));
    }
    return list;
  }

  const api = { runEnd, spanEnd, placedSpans, spanLanes, spanLine, innermost, lastAt, stageTable, nearestRank };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
