// Search by regular expression: which labels match, and how much of the graph that is. No DOM.
(function (root) {
  'use strict';

  const SLOW = new Error('this expression takes too long on the names of this page');
  const LONG_MS = 10; // for a part of a name
  const ALL_MS = 3000; // for all names

  // Whether finding no match may take for ever: a repeated group, or many repetitions.
  function risky(source) {
    const plain = source.replace(/\\./g, '.').replace(/\[[^\]]*\]/g, '.');
    return /\)[*+{]/.test(plain) || (plain.match(/[*+{]/g) ?? []).length > 1;
  }

  // A text is tried by its beginnings first, each a little longer than the one before: what grows without end is
  // noticed while it is small. A machine that is busy elsewhere is not slow three times in a row.
  function patiently(regex, text) {
    const isSlow = (part) => {
      const from = performance.now();
      regex.test(part);
      return performance.now() - from > LONG_MS;
    };
    for (let n = 4; n < text.length; n += Math.max(1, n >> 3)) {
      const part = `${text.slice(0, n)}\0`;
      if (isSlow(part) && isSlow(part) && isSlow(part)) throw SLOW;
    }
    return regex.test(text);
  }

  // {field, test} or {error}. "module:libm" looks at modules instead of functions. Case counts only if the
  // text has a capital letter (outside escapes like \S).
  function compile(text) {
    const field = text.startsWith('module:') ? 'module' : 'name';
    const source = field === 'module' ? text.slice(7) : text;
    const flags = /[A-Z]/.test(source.replace(/\\./g, '')) ? '' : 'i';
    for (const strict of ['u', '']) { // the looser form takes what the strict one minds, as in "a-\-z"
      try {
        const regex = new RegExp(source, flags + strict);
        return { field, test: risky(source) ? (s) => patiently(regex, s) : (s) => regex.test(s) };
      } catch (e) {
        if (!strict) return { error: String(e.message).replace(/^Invalid regular expression: /, '') };
      }
    }
    return { error: 'no regular expression' };
  }

  // The expression that finds just this text; for "module:" just this path.
  const escaped = (text) => `^${text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`;

  // 1 for each label whose function (or module) matches. Throws when that takes too long.
  function matchLabels(profile, query) {
    const { labels, strings } = profile;
    const of = query.field === 'module' ? labels.module : labels.name;
    const hits = new Uint8Array(labels.count);
    const known = new Uint8Array(strings.count + 2); // 1: no, 2: yes
    const none = query.field === 'module' ? 1 : 0; // modules are numbered from 1
    const until = performance.now() + ALL_MS;
    for (let l = 0; l < labels.count; l++) {
      const s = of[l];
      if (l % 256 === 255 && performance.now() > until) throw SLOW;
      if (known[s] === 0) known[s] = query.test(s < none ? '' : strings.text(s - none)) ? 2 : 1;
      hits[l] = known[s] - 1;
    }
    return hits;
  }

  // The matching nodes in order, and what those of them that are in no other weigh up to each one, so that any
  // subtree is a difference. Kept with the weights until another search comes.
  const indices = new WeakMap();
  function searchIndex(tree, total, hits) {
    let index = indices.get(total);
    if (!index) indices.set(total, (index = { tree, hits: null, count: 0, nodes: new Uint32Array(tree.count), sums: new Float64Array(tree.count + 1) }));
    if (index.hits === hits) return index;
    const { nodes, sums } = index;
    const { end, label } = tree;
    let count = 0;
    let until = 0;
    for (let i = 1; i < tree.count; i++) {
      if (hits[label[i]] === 0 || total[i] === 0) continue;
      sums[count + 1] = sums[count] + (i < until ? 0 : total[i]);
      nodes[count++] = i;
      if (i >= until) until = end[i];
    }
    index.hits = hits;
    index.count = count;
    return index;
  }

  // How many matching nodes come before `node`.
  function matchesBefore({ nodes, count }, node) {
    let low = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (nodes[middle] < node) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // What the matching nodes below `zoom` weigh; one inside another adds nothing. If `zoom` itself or what
  // leads to it matches, that is all of it.
  function matched(tree, total, hits, zoom) {
    const index = searchIndex(tree, total, hits);
    const first = matchesBefore(index, zoom);
    const last = matchesBefore(index, tree.end[zoom]);
    for (let i = zoom; i > 0; i = tree.parent[i]) if (hits[tree.label[i]]) return { sum: total[zoom], frames: last - first };
    return { sum: index.sums[last] - index.sums[first], frames: last - first };
  }

  // The next matching node after (or before) `from` in the order of the graph, going round; -1: none.
  function nextMatch(tree, total, hits, from, forward) {
    const index = searchIndex(tree, total, hits);
    if (index.count === 0) return -1;
    const at = forward ? matchesBefore(index, from + 1) : matchesBefore(index, from) - 1;
    return index.nodes[(at + index.count) % index.count];
  }

  const api = { compile, escaped, matchLabels, searchIndex, matchesBefore, matched, nextMatch };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
