// Search by regular expression: which labels match, and how much of the graph that is. No DOM.
(function (root) {
  'use strict';

  // {field, test} or {error}. "module:libm" looks at modules instead of functions. Case counts only if the
  // text has a capital letter (outside escapes like \S).
  function compile(text) {
    const field = text.startsWith('module:') ? 'module' : 'name';
    const source = field === 'module' ? text.slice(7) : text;
    const flags = /[A-Z]/.test(source.replace(/\\./g, '')) ? '' : 'i';
    for (const strict of ['u', '']) { // the looser form takes what the strict one minds, as in "a-\-z"
      try {
        const regex = new RegExp(source, flags + strict);
        return { field, test: (s) => regex.test(s) };
      } catch (e) {
        if (!strict) return { error: String(e.message).replace(/^Invalid regular expression: /, '') };
      }
    }
    return { error: 'no regular expression' };
  }

  // 1 for each label whose function (or module) matches.
  function matchLabels(profile, query) {
    const { labels, strings } = profile;
    const hits = new Uint8Array(labels.count);
    const known = new Map();
    for (let l = 0; l < labels.count; l++) {
      const string = query.field === 'module' ? labels.module[l] - 1 : labels.name[l];
      let hit = known.get(string);
      if (hit === undefined)
        known.set(string, (hit = query.test(string < 0 ? '' : strings.text(string)) ? 1 : 0));
      hits[l] = hit;
    }
    return hits;
  }

  // What the matching nodes below `zoom` weigh; one inside another adds nothing. If `zoom` itself or what
  // leads to it matches, that is all of it.
  function matched(tree, total, hits, zoom) {
    let sum = 0;
    let frames = 0;
    for (let i = zoom; i > 0; i = tree.parent[i]) if (hits[tree.label[i]]) sum = total[zoom];
    const whole = sum > 0;
    for (let i = Math.max(zoom, 1); i < tree.end[zoom]; ) {
      if (total[i] === 0) {
        i = tree.end[i];
        continue;
      }
      if (hits[tree.label[i]]) frames++;
      i++;
    }
    if (whole) return { sum, frames };
    for (let i = zoom + 1; i < tree.end[zoom]; ) {
      if (hits[tree.label[i]]) {
        sum += total[i];
        i = tree.end[i];
      } else {
        i++;
      }
    }
    return { sum, frames };
  }

  // The next matching node after (or before) `from` in the order of the graph, going round; -1: none.
  function nextMatch(tree, total, hits, from, forward) {
    const n = tree.count;
    for (let k = 1; k <= n; k++) {
      const i = (from + (forward ? k : n - k)) % n;
      if (i > 0 && total[i] > 0 && hits[tree.label[i]]) return i;
    }
    return -1;
  }

  const api = { compile, matchLabels, matched, nextMatch };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
