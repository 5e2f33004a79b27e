// What is said of two runs: which of them has more and how much, how many functions differ, and what makes
// the two hard to compare. No DOM.
(function (root) {
  'use strict';

  const flame = typeof module === 'object' ? { ...require('./format.js'), ...require('./weigh.js'), ...require('./compare.js') } : root.flame;

  const TAKES = ['cpu', 'wall', 'gpu', 'sql'];

  // 'B takes 12.3 % more CPU time than A: 20.9 s → 23.4 s.' amount: of a value, as text.
  function totalSentence(state, { a, b, counted }, amount) {
    const what = counted ? flame.countNoun(state.kind) : flame.kindText(state.kind);
    const sums = (counted ? [a, b].map(flame.count) : [a, b].map(amount)).join(' → ');
    if (!(a > 0) && !(b > 0)) return `Neither run has ${flame.kindText(state.kind)} here.`;
    if (!(a > 0) || !(b > 0)) return `Only ${a > 0 ? 'A' : 'B'} has ${what} here: ${sums}.`;
    const verb = !counted && TAKES.includes(state.kind) ? 'takes' : 'has';
    const more = b / a - 1;
    if (Math.abs(more) < 5e-4) return `B ${verb} as much ${what} as A: ${sums}.`;
    if (more >= 2) return `B ${verb} ${flame.digits(b / a, 3)} times the ${what} of A: ${sums}.`;
    return `B ${verb} ${flame.digits(100 * Math.abs(more), 3)} % ${more > 0 ? 'more' : 'less'} ${what} than A: ${sums}.`;
  }

  // '3 functions up, 1 down; the rest is within sampling noise.' Scaled runs have shares instead.
  function functionsSentence(state, { a, b, up, down, functions }, method) {
    if (!(a > 0) || !(b > 0)) return '';
    if (method === 'none') return 'The error of sampled blocks is not known: differences are not tested.';
    const noise = method === 'exact' ? '' : ' by more than sampling noise';
    if (up + down === 0) return `No function differs${noise}.`;
    const share = state.norm !== 'none';
    const whole = (n) => (state.norm === 'total' ? 'the total' : n === 1 ? 'its stage' : 'their stages');
    const part = (n, word) =>
      `${flame.count(n)} ${n === 1 ? 'function' : 'functions'} ${share ? `${n === 1 ? 'has' : 'have'} a ${word} share of ${whole(n)}` : word}`;
    const words = share ? ['larger', 'smaller'] : ['up', 'down'];
    const both = up > 0 && down > 0 ? `${part(up, words[0])}, ${flame.count(down)} ${share ? 'a smaller one' : 'down'}`
      : up > 0 ? part(up, words[0]) : part(down, words[1]);
    const rest = up + down < functions ? `; the rest is ${method === 'exact' ? 'equal' : 'within sampling noise'}` : '';
    return `${both}${rest}.`;
  }

  // 0.0312, '< 0.001', '–' where no error is known.
  const chanceText = (p) => (p >= 0 ? (p < 0.001 ? '< 0.001' : flame.digits(p, 2)) : '–');

  // What makes two runs hard to compare, as texts.
  function compareWarnings(profile, state) {
    const { runs, stages } = profile;
    const [a, b] = [runs[state.a], runs[state.b]];
    const list = state.a === state.b ? ['A and B are the same run'] : [];
    const other = (what, key, text = String) => {
      if (a[key] && b[key] && a[key] !== b[key]) list.push(`different ${what}: ${text(a[key])} and ${text(b[key])}`);
    };
    other('hosts', 'host');
    other('CPUs', 'cpu_model');
    other('rates', 'rate_hz', flame.rate);
    other('modes', 'mode');
    other('engines', 'engine');
    for (const [letter, run] of [['A', a], ['B', b]]) {
      if (!run.finished) list.push(`${letter} has not finished`);
      else if (run.signal > 0) list.push(`${letter} was killed by signal ${run.signal}`);
      else if (run.exit_code > 0) list.push(`${letter} ended with code ${run.exit_code}`);
      const lost = run.losses.filter(([, n]) => n > 0);
      if (lost.length > 0) list.push(`${letter} lost ${lost.map(([reason, n]) => `${flame.count(n)} ${reason}`).join(', ')}`);
      if (state.thread !== flame.ALL && flame.threadIn(profile, state.thread, run === a ? state.a : state.b) < 0)
        list.push(`${letter} has no thread like the chosen one`);
    }
    const alone = flame.unscaledStages(profile, state).map((s) => (s < 0 ? 'outside of stages' : stages[s].name || '(no name)'));
    if (alone.length > 0)
      list.push(`only one run has something in ${alone.slice(0, 5).join(', ')}${alone.length > 5 ? ', …' : ''}: not scaled there`);
    return list;
  }

  const api = { totalSentence, functionsSentence, chanceText, compareWarnings };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
