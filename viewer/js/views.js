// The views from left to right, and why a page may not have one. What they do is in view_*.js, of which small
// pages leave some out. No DOM.
(function (root) {
  'use strict';

  const LEFT_OUT = 'left out: the page may not be larger';
  const some = (length, otherwise, of) => (length > 0 ? '' : of > 0 ? LEFT_OUT : otherwise);
  const ofAll = (kept) => (kept ? kept.of : 0); // what there was, of what a page has some
  const ofOne = (profile) => (profile.runs.length > 1 ? 'a comparison has no common time' : '');

  const VIEWS = [
    { id: 'flame', label: 'Flame' },
    { id: 'changes', label: 'Changes', why: (p) => some(p.runs.length - 1, 'the page has one run') },
    { id: 'time', label: 'Time', why: (p) => ofOne(p) || some(p.ticks.count, 'the run has no ticks: it was not sampled, or imported without times', ofAll(p.meta.ticks)) },
    { id: 'callers', label: 'Callers' },
    { id: 'table', label: 'Table' },
    { id: 'tree', label: 'Tree' },
    { id: 'stages', label: 'Stages', why: (p) => some(p.spans.count, 'the program marks no stages (see protea-prof.h)', ofAll(p.meta.spans)) },
    { id: 'memory', label: 'Memory', why: (p) => ofOne(p) || some(p.series.filter((s) => s.t.length > 0).length, 'nothing was counted over time', p.meta.series_left_out) },
    {
      id: 'source',
      label: 'Source',
      why: (p) => some(p.source.files.length, p.runs.length > 1 ? 'a comparison has no lines of source' : 'the page holds no lines of source: none are known, or they were left out when it was written', p.meta.source && p.meta.source.left_out),
    },
  ];

  // All views of a page, made of the list and of what was loaded; `why`: '' or why there is none.
  function viewsOf(profile, loaded) {
    return VIEWS.map((view) => {
      const code = loaded.find((v) => v.id === view.id);
      const why = (view.why ? view.why(profile) : '') || (code ? '' : LEFT_OUT);
      return { ...code, ...view, why, leftOut: why === LEFT_OUT };
    });
  }

  const api = { viewsOf };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
