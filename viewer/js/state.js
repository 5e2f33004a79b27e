// What the reader has chosen: defaults, the address that says it, and the steps that can be undone. Whatever
// an address says, a state fits its profile. No DOM.
(function (root) {
  'use strict';

  const MAX_STEPS = 500;
  const MAX_FIND = 1000;
  const VIEWS = ['flame', 'time', 'callers', 'table', 'tree', 'stages', 'memory', 'source', 'changes'];

  const ALL = -2;

  const oneOf = (...words) => (text, otherwise) => (words.includes(text) ? text : otherwise);

  // Whole numbers least…limit - 1.
  const whole = (least, limit) => (text, otherwise) => {
    const n = Number(text);
    return /^-?\d{1,16}$/.test(text) && n >= least && n < limit ? n : otherwise;
  };

  // [default, how its text is read] of each member.
  function members(profile) {
    const { kinds, stages, threads, runs, tree, labels, source } = profile;
    const flag = [0, whole(0, 2)];
    const time = [-1, (text, otherwise) => (/^\d{1,16}(\.\d{1,12})?$/.test(text) ? Number(text) : otherwise)];
    const part = (text, otherwise) => (/^[01](\.\d{1,12})?$/.test(text) && Number(text) <= 1 ? Number(text) : otherwise);
    return {
      view: ['flame', oneOf(...VIEWS)],
      kind: [kinds[0], oneOf(...kinds)],
      stage: [ALL, whole(-1, stages.length)],
      thread: [ALL, whole(0, threads.length)],
      by: ['value', oneOf('value', 'count')],
      zoom: [0, whole(0, tree.count)],
      x0: [0, part], // which part of the zoomed frame fills the width
      x1: [1, part],
      selected: [0, whole(0, tree.count)],
      find: ['', (text) => text.slice(0, MAX_FIND)],
      flip: flag,
      order: ['heavy', oneOf('heavy', 'name', 'time')],
      fold: flag,
      own: flag,
      colour: [runs.length > 1 ? 'delta' : 'module', oneOf('module', 'name', 'delta')],
      from: time,
      to: time,
      left: time, // the part of the run on the axes of time
      right: time,
      series: ['', (text) => (/^\d{1,4}(\.\d{1,4}){0,99}$/.test(text) ? text : '')], // places of those that are drawn
      fn: [-1, whole(-1, labels.count)],
      sort: ['', (text) => (/^-?[\w.]{1,40}$/.test(text) ? text : '')],
      file: [-1, whole(-1, source.files.length)],
      line: [0, whole(0, 2 ** 32)],
      a: [0, whole(0, runs.length)],
      b: [Math.min(1, runs.length - 1), whole(0, runs.length)],
      norm: ['total', oneOf('total', 'stage', 'none')],
      width: ['b', oneOf('b', 'a', 'both')],
      theme: ['', oneOf('', 'light', 'dark')],
    };
  }

  // A range has both ends, in order, and one run.
  function settle(state, { runs }) {
    if (!(state.x1 > state.x0)) [state.x0, state.x1] = [0, 1];
    if (!(state.from >= 0 && state.to > state.from) || runs.length > 1) state.from = state.to = -1;
    if (!(state.left >= 0 && state.right > state.left)) state.left = state.right = -1;
    return Object.freeze(state);
  }

  function stateDefaults(profile) {
    const state = {};
    for (const [key, [value]] of Object.entries(members(profile))) state[key] = value;
    return settle(state, profile);
  }

  function parseState(hash, profile) {
    const given = new URLSearchParams(String(hash).replace(/^#/, ''));
    const state = {};
    for (const [key, [value, read]] of Object.entries(members(profile)))
      state[key] = given.has(key) ? read(given.get(key), value) : value;
    return settle(state, profile);
  }

  // Numbers without exponent.
  const textOf = (v) => (typeof v !== 'number' || Number.isInteger(v) ? v : v.toFixed(12).replace(/\.?0+$/, ''));

  // '' for the defaults, else '#key=value&…' of what differs from them.
  function stateHash(state, profile) {
    const said = new URLSearchParams();
    for (const [key, value] of Object.entries(stateDefaults(profile)))
      if (state[key] !== value) said.set(key, textOf(state[key]));
    const text = String(said);
    return text === '' ? '' : `#${text}`;
  }

  // A step that is no step (`step: false`, for typing and dragging) joins the present one. The theme is no
  // step either: undo leaves it as it is.
  function createStore(first) {
    let state = Object.freeze({ ...first });
    let past = [];
    let future = [];
    const listeners = new Set();

    function become(next) {
      const changed = new Set(Object.keys(next).filter((key) => !Object.is(next[key], state[key])));
      state = Object.freeze(next);
      if (changed.size > 0) for (const listener of [...listeners]) listener(state, changed);
      return changed.size > 0;
    }

    function go(from, to) {
      if (from.length === 0) return false;
      to.push(state);
      return become({ ...from.pop(), theme: state.theme });
    }

    return {
      get: () => state,
      set(patch, { step = true } = {}) {
        const keys = Object.keys(patch).filter((key) => !Object.is(patch[key], state[key]));
        const unknown = keys.find((key) => !(key in state));
        if (unknown !== undefined) throw new Error(`no member of the state: ${unknown}`);
        if (keys.some((key) => key !== 'theme')) {
          if (step) past = [...past.slice(1 - MAX_STEPS), state];
          future = [];
        }
        return become({ ...state, ...patch });
      },
      undo: () => go(past, future),
      redo: () => go(future, past),
      canUndo: () => past.length > 0,
      canRedo: () => future.length > 0,
      subscribe(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
  }

  const api = { stateDefaults, parseState, stateHash, createStore };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
