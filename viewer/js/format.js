// Numbers, dates and names as people read them; the same forms as the command line's. No DOM.
(function (root) {
  'use strict';

  // Up to `n` significant digits, without exponent or trailing zeros after the point.
  function digits(v, n) {
    const text = v.toPrecision(n);
    return text.includes('e') ? String(Math.round(v)) : text.includes('.') ? text.replace(/\.?0+$/, '') : text;
  }

  const NONE = '–'; // for what is not known

  function count(n) {
    if (Number.isNaN(n)) return NONE;
    return String(Math.round(n)).replace(/\B(?=(\d{3})+$)/g, ',');
  }

  function time(ns) {
    if (Number.isNaN(ns)) return NONE;
    if (ns < 0) return `-${time(-ns)}`;
    if (ns < 999.5) return `${Math.round(ns)} ns`;
    if (ns < 999.5e3) return `${digits(ns / 1e3, 3)} µs`;
    if (ns < 999.5e6) return `${digits(ns / 1e6, 3)} ms`;
    if (ns < 99.95e9) return `${digits(ns / 1e9, 3)} s`;
    const s = Math.round(ns / 1e9);
    const pad = (v) => String(v).padStart(2, '0');
    if (s < 3600) return `${Math.floor(s / 60)} min ${pad(s % 60)} s`;
    const m = Math.round(s / 60);
    return `${count(Math.floor(m / 60))} h ${pad(m % 60)} min`;
  }

  function bytes(n) {
    if (Number.isNaN(n)) return NONE;
    if (n < 0) return `-${bytes(-n)}`;
    if (n < 1023.5) return `${Math.round(n)} B`;
    const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
    let v = n / 1024;
    let i = 0;
    for (; v >= 1023.95 && i < units.length - 1; i++) v /= 1024;
    return `${v.toFixed(1)} ${units[i]}`;
  }

  function percent(part, whole) {
    if (!(whole > 0) || Number.isNaN(part)) return NONE;
    const p = (100 * part) / whole;
    if (p > 0 && p < 0.01) return '< 0.01 %';
    return `${p >= 99.95 || p === 0 ? p.toFixed(0) : p >= 9.995 ? p.toFixed(1) : p.toFixed(2)} %`;
  }

  function rate(hz) {
    if (Number.isNaN(hz)) return NONE;
    return hz >= 1000 ? `${digits(hz / 1000, 4)} kHz` : `${digits(hz, 4)} Hz`;
  }

  function date(ms) {
    if (!Number.isFinite(ms) || Math.abs(ms) > 8.64e15) return NONE;
    return `${new Date(ms).toISOString().replace('T', ' ').slice(0, 19)} UTC`;
  }

  // Control characters, line ends and marks that turn the direction of text, made visible: a name must not
  // look like another one, nor break a line of ours.
  const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffb]|\udb40[\udc00-\udfff]/g;
  function visible(text) {
    return text.replace(HIDDEN, (c) => {
      const code = c.codePointAt(0);
      if (code < 0x20) return String.fromCharCode(0x2400 + code); // the pictures of control characters
      return `\\u{${code.toString(16)}}`;
    });
  }

  // A name for people: never nothing, for what has no letters cannot be pointed at.
  const nameText = (text) => (text.trim() === '' ? '(no name)' : visible(text));

  function baseName(path) {
    return path.slice(path.lastIndexOf('/') + 1) || path;
  }

  const shorten = (text, max) => (text.length <= max ? text : `${text.slice(0, max - 1)}…`);

  const KINDS = {
    __proto__: null, // names are foreign
    cpu: ['CPU time', 'samples'],
    wall: ['wall-clock time', 'samples'],
    offcpu: ['time off the CPU', 'samples'],
    alloc: ['bytes allocated', 'allocations'],
    live: ['bytes not freed at the end of recording', 'blocks'],
    peak: ['bytes live at the peak', 'blocks'],
    leak: ['bytes never freed', 'blocks'],
    temporary: ['bytes of short-lived allocations', 'allocations'],
    mmap: ['bytes mapped at the peak', 'mappings'],
    copy: ['bytes copied', 'copies'],
    sql: ['time in SQL', 'statements'],
    gpu: ['GPU time', 'samples'],
  };
  const kindText = (kind) => (KINDS[kind] ?? [kind])[0];
  // Of the values of a kind: 'ns' or 'bytes'.
  const TIMES = ['cpu', 'wall', 'offcpu', 'sql', 'gpu'];
  const unitOf = (kind) => (TIMES.includes(kind) ? 'ns' : 'bytes');
  const amountText = (v, unit) => (unit === 'ns' ? time(v) : unit === 'bytes' ? bytes(v) : count(v));
  const countNoun = (kind) => (KINDS[kind] ?? [0, 'samples'])[1];

  const signedText = (v, text) => (v > 0 ? `+${text(v)}` : v < 0 ? `−${text(-v)}` : text(v));

  const LOSSES = {
    __proto__: null,
    ring_full: 'the ring of a thread was full',
    late_tick: 'ticks that came too late, dropped',
    truncated: 'stacks deeper than the limit, cut at the root end',
    no_unwind_info: 'stacks that end where unwind information is missing',
    torn: 'records torn by a kill',
    table_full: 'a table was full',
    disk_full: 'the disk was full',
    thread_limit: 'more threads than the limit',
    record_dropped: 'records dropped',
  };
  const lossText = (reason) => LOSSES[reason] ?? reason;

  const api = { digits, count, time, bytes, percent, rate, date, visible, nameText, baseName, shorten, kindText, countNoun, unitOf, amountText, signedText, lossText };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
