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

  // The expression that finds just this text; for "module:" just this path.
  const escaped = (text) => `^${text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`;

  // 1 for each label whose function (or module) matches.
  function matchLabels(profile, query) {
    const { labels, strings } = profile;
    const of = query.field === 'module' ? labels.module : labels.name;
    const hits = new Uint8Array(labels.count);
    const known = new Uint8Array(strings.count + 2); // 1: no, 2: yes
    const none = query.field === 'module' ? 1 : 0; // modules are numbered from 1
    for (let l = 0; l < labels.count; l++) {
      const s = of[l];
      if (known[s] === 0) known[s] = query.test(s < none ? '' : strings.text(s - none)) ? 2 : 1;
      hits[l] = known[s] - 1;
    }
    return hits;
  }

  // Sums over the nodes before each one, so that any subtree is a difference: how many match, and what the
  // matching ones weigh that are in no other. Kept with the weights until another search comes.
  const indices = new WeakMap();
  function searchIndex(tree, total, hits) {
    const known = indices.get(total);
    if (known && known.hits === hits && known.tree === tree) return known;
    const n = tree.count;
    const { end, label } = tree;
    const frames = new Uint32Array(n + 1);
    const sum = new Float64Array(n + 1);
    let count = 0;
    let weight = 0;
    for (let i = 1, until = 0; i < n; i++) {
      frames[i] = count;
      sum[i] = weight;
      if (hits[label[i]] === 0) continue;
      if (total[i] > 0) count++;
      if (i < until) continue;
      weight += total[i];
      until = end[i];
    }
    frames[n] = count;
    sum[n] = weight;
    const index = { hits, tree, frames, sum };
    indices.set(total, index);
    return index;
  }

  // What the matching nodes below `zoom` weigh; one inside another adds nothing. If `zoom` itself or what
  // leads to it matches, that is all of it.
  function matched(tree, total, hits, zoom) {
    const { frames, sum } = searchIndex(tree, total, hits);
    const end = tree.end[zoom];
    const count = frames[end] - frames[Math.max(zoom, 1)];
    for (let i = zoom; i > 0; i = tree.parent[i]) if (hits[tree.label[i]]) return { sum: total[zoom], frames: count };
    return { sum: sum[end] - sum[zoom], frames: count };
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

  const api = { compile, escaped, matchLabels, searchIndex, matched, nextMatch };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
