// Lines of source and what they cost: files by weight, a file's rows with its gaps, the hot lines, and enough
// of a language to shade comments, texts and keywords. No DOM.
(function (root) {
  'use strict';

  const flame = typeof module === 'object' ? require('./format.js') : root.flame;

  const TAB = 8;
  const LONGEST = 4000; // characters of a line that are shown
  const SHADED = 800; // characters that are looked at for shading

  const sourceOf = (profile) => profile.source ?? { columns: [], files: [], leftOut: 0 };

  // The column that belongs to a kind; the first one if none does.
  const sourceColumn = (profile, kind) => Math.max(0, sourceOf(profile).columns.indexOf(kind));

  // Files with the sums of their lines' own values, the heaviest by that column first:
  // {file (its place), name, self: [by column], lines, text}.
  function sourceFiles(profile, column) {
    const { columns, files } = sourceOf(profile);
    return files.map(({ name, lines, windows }, file) => {
      const self = columns.map(() => 0);
      for (const line of lines) line.self.forEach((v, k) => (self[k] += v));
      return { file, name, self, lines: lines.length, text: windows.length > 0 };
    }).sort((a, b) => b.self[column] - a.self[column] || (a.name < b.name ? -1 : a.name > b.name ? 1 : a.file - b.file));
  }

  // All rows of a file by line: {no, text (null: not in the page), line: {self, total} or null}, and
  // {gap: [from, to]} for lines that the page knows nothing of. Line 0 holds what has no line.
  function sourceRows(profile, file) {
    const { lines, windows } = sourceOf(profile).files[file];
    const rows = [];
    let next = 0; // of lines
    let done = 0; // the last line that has a row
    const gapTo = (no) => {
      if (no > done + 1) rows.push({ gap: [done + 1, no - 1] });
      done = no;
    };
    const bare = (before) => {
      for (; next < lines.length && lines[next].no < before; next++) {
        if (lines[next].no > 0) gapTo(lines[next].no);
        rows.push({ no: lines[next].no, text: null, line: lines[next] });
      }
    };
    for (const window of windows.slice().sort((a, b) => a.first - b.first)) {
      bare(Math.max(window.first, done + 1));
      window.lines.forEach((text, i) => {
        const no = window.first + i;
        if (no <= done) return;
        gapTo(no);
        const line = next < lines.length && lines[next].no === no ? lines[next++] : null;
        rows.push({ no, text, line });
      });
    }
    bare(Infinity);
    return rows;
  }

  // Rows with a cost only, by a column: 'self' or 'total', and which; equal ones by line.
  function sortedRows(rows, part, column, up) {
    const of = (row) => row.line[part][column];
    return rows.filter((row) => row.line).sort((a, b) => (up ? of(a) - of(b) : of(b) - of(a)) || a.no - b.no);
  }

  // Places of the rows with a cost in that column: by their own, then with what they call, the hottest first.
  function hotRows(rows, column) {
    const found = [];
    rows.forEach((row, i) => {
      if (row.line && (row.line.self[column] > 0 || row.line.total[column] > 0)) found.push(i);
    });
    const of = (part, i) => rows[i].line[part][column];
    return found.sort((a, b) => of('self', b) - of('self', a) || of('total', b) - of('total', a) || a - b);
  }

  // What the lines of a file, or the list of files, are sorted by: {key, down} of '-' for descending, then 'line',
  // 'self.0', 'total.1', … in a file and 'name', 'self.0', … in the list; null for '' and what only other views know.
  function sourceSort(text, columns, inFile) {
    const [, minus, key, part, k] = /^(-?)(line|name|(self|total)\.(\d))$/.exec(text) ?? [];
    const known = part ? Number(k) < columns && (inFile || part === 'self') : key === (inFile ? 'line' : 'name');
    return known ? { key, down: minus === '-' } : null;
  }

  // The place of a file that names belong to, or -1.
  const sourceFileOf = (profile, name) => (name ? sourceOf(profile).files.findIndex((f) => f.name === name) : -1);

  const places = new WeakMap(); // by profile: {name of a file: Map(line → nodes of profile.tree in their order)}

  function placesOf(profile) {
    let files = places.get(profile);
    if (files) return files;
    const { tree, strings } = profile;
    files = new Map(sourceOf(profile).files.map((f) => [f.name, new Map()]));
    const known = new Map(); // by string
    for (let node = 1; node < tree.count; node++) {
      const s = tree.file[node];
      if (!known.has(s)) known.set(s, files.get(strings.text(s)));
      const lines = known.get(s);
      const no = tree.line[node];
      if (!lines) continue;
      if (lines.has(no)) lines.get(no).push(node);
      else lines.set(no, [node]);
    }
    places.set(profile, files);
    return files;
  }

  // Functions that spend most of their time in a line, as labels, the heaviest first by `total` (by node of
  // profile.tree); what a call of one inside another of it costs counts once.
  function functionsAt(profile, total, name, no) {
    const { end, label } = profile.tree;
    const found = new Map(); // by label: {weight, end: of the last call counted}
    for (const node of (placesOf(profile).get(name) ?? new Map()).get(no) ?? []) {
      const one = found.get(label[node]) ?? { weight: 0, end: 0 };
      if (node >= one.end) found.set(label[node], { weight: one.weight + total[node], end: end[node] });
    }
    return [...found].sort((x, y) => y[1].weight - x[1].weight).map(([l]) => l);
  }

  // A line as it is shown: tabs to the next stop, nothing hidden, not endless.
  function codeText(text) {
    let out = '';
    let from = 0;
    for (let at = text.indexOf('\t'); at >= 0 && at < LONGEST; at = text.indexOf('\t', from)) {
      out += text.slice(from, at);
      out += ' '.repeat(TAB - (out.length % TAB));
      from = at + 1;
    }
    out += text.slice(from, from + LONGEST);
    if (text.endsWith('\r') && out.endsWith('\r')) out = out.slice(0, -1);
    const rest = text.length - from - LONGEST;
    return flame.visible(out) + (rest > 0 ? `… (${flame.count(rest)} more characters)` : '');
  }

  // ---- shading ----

  const C_WORDS = 'auto|bool|break|case|catch|char|class|const|constexpr|continue|default|delete|do|double|else|enum|extern|false|float|fn|for|func|go|goto|if|impl|import|inline|int|let|long|match|mut|namespace|new|nullptr|package|private|pub|public|return|short|signed|sizeof|static|struct|switch|template|this|throw|true|try|typedef|typename|union|unsigned|use|using|var|virtual|void|volatile|while|function|async|await|type|interface|defer|range';
  const PY_WORDS = 'and|as|assert|async|await|break|class|continue|def|del|elif|else|except|False|finally|for|from|global|if|import|in|is|lambda|None|nonlocal|not|or|pass|raise|return|True|try|while|with|yield|then|fi|done|esac|local';
  const language = (comment, words, open, close) => ({
    token: new RegExp(`(${comment})|("(?:\\\\.|[^"\\\\])*"?|'(?:\\\\.|[^'\\\\])*')|\\b(?:${words})\\b`, 'g'), open, close,
  });
  const C_LIKE = language('//.*|/\\*.*?(?:\\*/|$)', C_WORDS, '/*', '*/');
  const SCRIPT = language('#.*|""".*?(?:"""|$)', PY_WORDS, '"""', '"""');

  function languageOf(name) {
    const end = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
    if (/^(c|h|cc|hh|cpp|hpp|cxx|hxx|inl|cu|java|js|mjs|ts|go|rs|cs|swift|kt|scala|m|y|l)$/.test(end)) return C_LIKE;
    return /^(py|pyx|pyi|sh|bash|pl|rb|r)$/.test(end) ? SCRIPT : null;
  }

  // [what, text] pieces of a line; what: '', 'comment', 'text', 'word'. `inside`: it begins within a comment or
  // text of several lines.
  function shade(whole, lang, inside) {
    if (!lang) return [['', whole]];
    const text = whole.slice(0, SHADED);
    const pieces = [];
    let at = 0;
    if (inside) {
      const close = text.indexOf(lang.close);
      at = close < 0 ? text.length : close + lang.close.length;
      pieces.push(['comment', text.slice(0, at)]);
    }
    lang.token.lastIndex = at;
    for (let m = lang.token.exec(text); m && m[0] !== ''; m = lang.token.exec(text)) {
      if (m.index > at) pieces.push(['', text.slice(at, m.index)]);
      pieces.push([m[1] ? 'comment' : m[2] ? 'text' : 'word', m[0]]);
      at = lang.token.lastIndex;
    }
    if (at < whole.length) pieces.push(['', whole.slice(at)]);
    return pieces;
  }

  // Whether a line ends within a comment or text of several lines.
  function staysOpen(text, lang, inside) {
    if (inside ? !text.includes(lang.close) : !text.includes(lang.open)) return inside;
    const [what, last] = shade(text.slice(0, SHADED), lang, inside).pop();
    return what === 'comment' && last.startsWith(lang.open) && !(last.length >= lang.open.length + lang.close.length && last.endsWith(lang.close));
  }

  // Which rows begin inside of one; the first line of a window is taken not to.
  function insideComments(rows, lang) {
    const inside = new Uint8Array(rows.length);
    let on = false;
    rows.forEach((row, i) => {
      inside[i] = on && row.text ? 1 : 0;
      on = Boolean(lang && row.text !== undefined && row.text !== null) && staysOpen(row.text, lang, on);
    });
    return inside;
  }

  const api = { sourceColumn, sourceFiles, sourceRows, sortedRows, hotRows, sourceSort, sourceFileOf, functionsAt, codeText, languageOf, shade, insideComments };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
