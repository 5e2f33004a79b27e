// The JSON head of a page's data: takes the members that are known, each of the type it must have, so that
// nobody after this has to ask. Unknown members are passed over. No DOM.
(function (root) {
  'use strict';

  const { damaged } = typeof module === 'object' ? require('./decode_columns.js') : root.flame;

  const isObject = (v) => typeof v === 'object' && v !== null && !Array.isArray(v);

  function text(v, what) {
    if (v === undefined) return '';
    if (typeof v !== 'string') throw damaged(`${what} is no text`);
    return v;
  }

  function number(v, what) {
    if (v === undefined) return NaN;
    if (typeof v !== 'number' || !Number.isFinite(v)) throw damaged(`${what} is no number`);
    return v;
  }

  function list(v, what) {
    if (v === undefined) return [];
    if (!Array.isArray(v)) throw damaged(`${what} is no list`);
    return v;
  }

  // An object of named things without what every object of JavaScript has: names are foreign.
  function named(v, what, read) {
    const out = Object.create(null);
    if (v === undefined) return out;
    if (!isObject(v)) throw damaged(`${what} has no names`);
    for (const key of Object.keys(v)) out[key] = read(v[key], what);
    return out;
  }

  function interval(v) {
    const pair = list(v, 'an interval').map((x) => number(x, 'an interval'));
    return pair.length === 2 && pair[0] <= pair[1] ? pair : null;
  }

  function precision(v) {
    if (!isObject(v)) throw damaged('a precision has no text');
    return { text: text(v.text, 'a precision'), interval: interval(v.interval) };
  }

  const TEXTS = ['id', 'name', 'command', 'job', 'host', 'cpu_model', 'kernel', 'version', 'git_sha', 'mode', 'engine', 'labels'];
  const NUMBERS = ['exit_code', 'rate_hz', 'signal', 'ncpu', 'started_ms', 'duration_ns'];

  // Numbers that are missing are NaN (exit_code of a killed run), texts ''.
  function readRun(v) {
    if (!isObject(v)) throw damaged('a run without its facts');
    const run = {};
    for (const key of TEXTS) run[key] = text(v[key], key);
    for (const key of NUMBERS) run[key] = number(v[key], key);
    run.finished = v.finished === undefined || Boolean(v.finished);
    run.losses = list(v.losses, 'losses').map((loss) => {
      const [reason, count] = list(loss, 'a loss');
      return [text(reason, 'a loss'), number(count, 'a loss') || 0];
    });
    run.kinds = named(v.kinds, 'kinds', number);
    run.precision = named(v.precision, 'precision', precision);
    return run;
  }

  // Pairs of numbers: {nodes, share}, {kept, of}; null if the head has none.
  function pair(v, keys, what) {
    if (v === undefined) return null;
    if (!isObject(v)) throw damaged(`${what} is damaged`);
    const out = {};
    for (const key of keys) out[key] = number(v[key], what) || 0;
    return out;
  }

  function readKinds(v) {
    const kinds = list(v, 'kinds').map((kind) => text(kind, 'a kind'));
    if (kinds.length === 0 || new Set(kinds).size !== kinds.length || kinds.includes('')) throw damaged('no kinds');
    return kinds;
  }

  function readSeries(v) {
    return list(v, 'series').map((entry) => {
      const [name, points, type] = list(entry, 'a series');
      if (!Number.isSafeInteger(points) || points < 0 || (type !== 'int' && type !== 'real')) throw damaged('a series is cut');
      return { name: text(name, 'a series'), points, real: type === 'real' };
    });
  }

  function readHead(bytes) {
    let head;
    try {
      head = JSON.parse(new TextDecoder().decode(bytes));
    } catch {
      throw damaged('the head cannot be read');
    }
    if (!isObject(head)) throw damaged('the head cannot be read');
    if (head.format !== 'protea-flame' || head.version !== 2)
      throw new Error(`these data are ${String(head.format).slice(0, 40)} version ${String(head.version).slice(0, 20)}, this page reads protea-flame version 2`);
    const runs = list(head.runs, 'runs').map(readRun);
    if (runs.length === 0) throw damaged('no runs');
    const source = head.source === undefined ? {} : head.source;
    if (!isObject(source)) throw damaged('the source is damaged');
    const kinds = readKinds(head.kinds);
    return {
      kind: kinds[0],
      kinds,
      runs,
      title: text(head.title, 'the title'),
      filter: text(head.filter, 'the filter'),
      redacted: head.redacted === true,
      folded: pair(head.folded, ['nodes', 'share'], 'what is folded'),
      ticks: pair(head.ticks, ['kept', 'of'], 'ticks'),
      spans: pair(head.spans, ['kept', 'of'], 'spans'),
      series: readSeries(head.series),
      series_left_out: number(head.series_left_out, 'series_left_out') || 0,
      source: {
        columns: list(source.columns, 'the columns of the source').map((kind) => text(kind, 'a kind')),
        left_out: number(source.left_out, 'left_out') || 0,
      },
      columns: head.columns,
    };
  }

  const api = { readHead };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
