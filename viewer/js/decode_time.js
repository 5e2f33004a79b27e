// What has a time: stages as they ran (spans), samples in the order of time (ticks), counters (series). No DOM.
(function (root) {
  'use strict';

  const { damaged, sameRows, below, unzigzag } = typeof module === 'object' ? require('./decode_columns.js') : root.flame;

  // "+1" columns: 0 stands for none.
  function maybe(column) {
    for (let i = 0; i < column.length; i++) column[i] = column[i] > 0 ? column[i] - 1 : NaN;
    return column;
  }

  function minusOne(column) {
    const out = new Int32Array(column);
    for (let i = 0; i < out.length; i++) out[i]--;
    return out;
  }

  const orZeros = (column, rows) => (column.length > 0 ? column : new Uint32Array(rows));

  // Start times: each minus the one before it of the same run.
  function startTimes(deltas, run) {
    for (let i = 0; i < deltas.length; i++)
      deltas[i] = unzigzag(deltas[i]) + (i > 0 && run[i] === run[i - 1] ? deltas[i - 1] : 0);
    return deltas;
  }

  // What is not known of a span is NaN, its thread -1.
  function readSpans(col, { runs, stages, threads, strings }) {
    const stage = col.u32('span.stage', stages.length, 'a span without its stage');
    const count = stage.length;
    const run = below(orZeros(col.u32('span.run'), count), runs.length, 'a span without its run');
    if (run.length !== count) throw damaged('columns of spans differ in length');
    const table = {
      run,
      stage,
      thread: minusOne(col.u32('span.thread', threads.length + 1, 'a span without its thread')),
      start: startTimes(col.f64('span.start'), run),
      wall: maybe(col.f64('span.wall')),
      cpu: maybe(col.f64('span.cpu')),
      items: col.real('span.items'),
      params: col.u32('span.params', strings.count, 'a span without its parameters'),
      allocBytes: maybe(col.f64('span.alloc_bytes')),
      allocCount: maybe(col.f64('span.alloc_count')),
      peakHeap: maybe(col.f64('span.peak_heap')),
      peakRss: maybe(col.f64('span.peak_rss')),
      samples: col.u32('span.samples'),
      folded: col.u32('span.folded'),
    };
    return { count, ...sameRows(table, 'spans', count) };
  }

  function readTicks(col, { tree, threads }) {
    const t = col.f64('tick.t');
    const delta = col.f64('tick.node');
    const count = t.length;
    const node = new Uint32Array(delta.length);
    for (let i = 1; i < count; i++) t[i] += t[i - 1];
    for (let i = 0, at = 0; i < delta.length; i++) {
      at += unzigzag(delta[i]);
      if (!(at >= 0 && at < tree.count)) throw damaged('a tick without its node');
      node[i] = at;
    }
    const table = {
      t,
      thread: minusOne(col.u32('tick.thread', threads.length + 1, 'a tick without its thread')),
      node,
      state: new Uint8Array(col.u32('tick.state', 6, 'a tick without its state')),
    };
    return { count, ...sameRows(table, 'ticks', count) };
  }

  function readSeries(col, list) {
    const t = col.f64('series.t');
    const ints = col.f64('series.int');
    const reals = col.real('series.real');
    const at = { t: 0, int: 0, real: 0 };
    const series = list.map(({ name, points, real }) => {
      const from = real ? at.real : at.int;
      const source = real ? reals : ints;
      if (points > t.length - at.t || points > source.length - from) throw damaged(`the series ${name} is cut`);
      const one = { name, t: t.slice(at.t, at.t + points), value: source.slice(from, from + points) };
      for (let i = 0; i < points; i++) {
        if (i > 0) one.t[i] += one.t[i - 1];
        if (!real) one.value[i] = unzigzag(one.value[i]) + (i > 0 ? one.value[i - 1] : 0);
      }
      at.t += points;
      at[real ? 'real' : 'int'] += points;
      return one;
    });
    if (at.t !== t.length || at.int !== ints.length || at.real !== reals.length) throw damaged('points that belong to no series');
    return series;
  }

  const api = { readSpans, readTicks, readSeries };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
