// Axes and lines of values over time: where marks go, what they are called, and what of a long line is seen.
// Lines are steps; pixels keep the lowest and the highest value in them, so that no peak is lost. No DOM.
(function (root) {
  'use strict';

  const flame = typeof module === 'object' ? { ...require('./format.js'), ...require('./timeline.js'), ...require('./spans.js') } : root.flame;

  // ---- marks on axes ----

  const MINUTE = 60e9;
  const LONG = [1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 720, 1440].map((n) => n * MINUTE);

  // The least of 1, 2 and 5 times a power of ten that is not below x.
  function roundUp(x) {
    const power = 10 ** Math.floor(Math.log10(x));
    return [1, 2, 5, 10].map((k) => k * power).find((v) => v >= x * (1 - 1e-9));
  }

  function timeStep(least) {
    if (least <= 1) return 1;
    if (least <= 10e9) return roundUp(least);
    return [15e9, 30e9, ...LONG].find((v) => v >= least) || roundUp(least / LONG[LONG.length - 1]) * LONG[LONG.length - 1];
  }

  const byteStep = (least) => {
    if (!(least > 1)) return 1;
    const unit = 1024 ** Math.min(5, Math.floor(Math.log2(least) / 10));
    return unit * ([1, 2, 4, 8, 16, 32, 64, 128, 256, 512].find((v) => v * unit >= least) || 1024);
  };

  // Multiples of a nice step in [from, to], at most `most` of them: {step, at}.
  function marks(from, to, most, unit) {
    const least = (to - from) / Math.max(1, most);
    const step = !(least > 0) ? 1 : unit === 'ns' ? timeStep(least) : unit === 'bytes' ? byteStep(least) : roundUp(least);
    const at = [];
    for (let k = Math.ceil(from / step - 1e-9); k * step <= to + step * 1e-9 && at.length <= most + 1; k++) at.push(k * step);
    return { step, at };
  }

  const fixed = (v, step, unit) => (v / unit).toFixed(Math.max(0, Math.min(9, Math.ceil(-Math.log10(step / unit) - 1e-9))));

  // A moment, told as precisely as neighbours on an axis with that step need it, in the unit of the axis's end.
  function timeMark(ns, step, end = ns) {
    if (ns === 0) return '0';
    if (ns < 0) return `-${timeMark(-ns, step, end)}`;
    const [unit, name] = end >= 1e9 || step >= 1e9 ? [1e9, 's'] : end >= 1e6 ? [1e6, 'ms'] : end >= 1e3 ? [1e3, 'µs'] : [1, 'ns'];
    if (end < 2 * MINUTE || step < 1e9) return `${fixed(ns, step, unit)} ${name}`;
    const s = Math.round(ns / 1e9);
    const two = (v) => String(v).padStart(2, '0');
    const hours = Math.floor(s / 3600);
    const minutes = Math.floor(s / 60) % 60;
    if (hours) return step >= MINUTE ? `${hours} h${s % 3600 ? ` ${two(minutes)} min` : ''}` : `${hours}:${two(minutes)}:${two(s % 60)} h`;
    return step >= MINUTE ? `${minutes} min` : `${minutes}:${two(s % 60)} min`;
  }

  // Like flame.bytes, with a second digit where a quarter is marked.
  function byteMark(v) {
    const text = flame.bytes(v);
    const unit = text.slice(text.indexOf(' '));
    return v < 1024 ? text : flame.digits(Math.round((100 * v) / 1024 ** (1 + ' KiB MiB GiB TiB PiB'.indexOf(unit) / 4)) / 100, 6) + unit;
  }

  function markText(v, step, unit, end) {
    if (unit === 'ns') return timeMark(v, step, end);
    if (unit === 'bytes') return byteMark(v);
    return flame.count(v) === String(v) || v >= 1e3 ? flame.count(v) : fixed(v, step, 1);
  }

  // ---- lines ----

  // Steps of a series over [from, to) in columns of equal width: of each column the lowest and highest value
  // (NaN: nothing) and the value at its right edge.
  function reduce(series, from, to, width) {
    const { t, value } = series;
    const lo = new Float64Array(width).fill(NaN);
    const hi = new Float64Array(width).fill(NaN);
    const last = new Float64Array(width).fill(NaN);
    const scale = width / (to - from);
    const before = flame.holdsBefore(series);
    const cover = (a, b, v) => {
      let k = Math.max(0, Math.floor((a - from) * scale));
      const end = Math.min(width - 1, Math.floor((b - from) * scale));
      for (; k <= end; k++) {
        if (!(lo[k] <= v)) lo[k] = v;
        if (!(hi[k] >= v)) hi[k] = v;
        last[k] = v;
      }
    };
    let first = flame.lastAt(t, from);
    while (first >= 0 && t[first] >= from) first--;
    for (let i = Math.max(0, first); i < t.length; i++) {
      const a = before ? (i > 0 ? t[i - 1] : t[i]) : t[i];
      const b = before ? t[i] : i + 1 < t.length ? t[i + 1] : t[i];
      if (a >= to) break;
      if (b >= from && Number.isFinite(value[i])) cover(a, b, value[i]);
    }
    return { lo, hi, last };
  }

  // The first of the highest points: {t, value}, or null.
  function peakOf(series) {
    let best = -1;
    for (let i = 0; i < series.t.length; i++) if (Number.isFinite(series.value[i]) && !(best >= 0 && series.value[i] <= series.value[best])) best = i;
    return best < 0 ? null : { t: series.t[best], value: series.value[best] };
  }

  // Of the values in [from, to]: the first, lowest, highest, when the highest is, the last.
  function rangeStats(series, from, to) {
    const { t, value } = series;
    const first = flame.seriesAt(series, from);
    const last = flame.seriesAt(series, to);
    const stats = { first, last, lo: last < first ? last : first, hi: first, at: Math.max(from, t[0]) };
    for (let i = 0; i < t.length; i++) {
      if (t[i] < from || t[i] > to || !Number.isFinite(value[i])) continue;
      if (!(value[i] >= stats.lo)) stats.lo = value[i];
      if (value[i] <= stats.hi) continue;
      stats.hi = value[i];
      stats.at = t[i];
    }
    return last > stats.hi ? { ...stats, hi: last, at: to } : stats;
  }

  const UNITS = { ns: /_ns$/, bytes: /_bytes$/ };
  const seriesUnit = (name) => Object.keys(UNITS).find((u) => UNITS[u].test(name)) || 'count';
  function seriesValue(unit, v) {
    if (!Number.isFinite(v)) return '–';
    if (unit !== 'count') return unit === 'ns' ? flame.time(v) : flame.bytes(v);
    return Number.isInteger(v) || Math.abs(v) >= 1e3 ? flame.count(v) : flame.digits(v, 4);
  }

  const changeText = (bytes) => (bytes === 0 ? 'no change' : `${bytes > 0 ? '+' : '−'}${flame.bytes(Math.abs(bytes))}`);

  // Okabe and Ito's colours, told apart with any kind of colour blindness; darker or lighter by theme.
  const SERIES = {
    light: ['#0072b2', '#d55e00', '#007a5a', '#a34b82', '#8a6d00', '#2f6f9f', '#5c5a56'],
    dark: ['#56b4e9', '#f0883e', '#2fc49a', '#e29bc6', '#f0e442', '#9ecbea', '#b8b8c0'],
  };
  const seriesColour = (place, dark) => SERIES[dark ? 'dark' : 'light'][place % 7];

  const api = { marks, markText, timeMark, reduce, peakOf, rangeStats, seriesUnit, seriesValue, seriesColour, changeText };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
