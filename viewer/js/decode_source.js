// Lines of source with what they cost, and the windows of text around them. Sizes are checked at once, texts
// and rows are made when someone looks at the file. No DOM.
(function (root) {
  'use strict';

  const { damaged, sameRows, lazy } = typeof module === 'object' ? require('./decode_columns.js') : root.flame;

  function makeLines(table, columns, from, rows) {
    const lines = [];
    for (let i = from, no = 0; i < from + rows; i++) {
      no += table.no[i];
      lines.push({ no, self: columns.map((_, k) => table[`self${k}`][i]), total: columns.map((_, k) => table[`total${k}`][i]) });
    }
    return lines;
  }

  // Text that lacks lines at its end gets empty ones, for a line may be cut with the window.
  function makeWindows(table, starts, text, from, windows) {
    const decoder = new TextDecoder();
    return Array.from({ length: windows }, (_, k) => {
      const w = from + k;
      const lines = decoder.decode(text.subarray(starts[w], starts[w + 1])).split('\n');
      if (lines[lines.length - 1] === '') lines.pop();
      return { first: table.first[w], lines };
    });
  }

  function readSource(col, meta, strings) {
    const { columns } = meta;
    const file = col.u32('source.file', strings.count, 'a file without its name');
    const rows = col.u32('source.rows');
    const windows = col.u32('source.windows');
    sameRows({ rows, windows }, 'files', file.length);
    const lines = { no: col.u32('line.no') };
    columns.forEach((_, k) => {
      lines[`self${k}`] = col.f64(`line.self.${k}`);
      lines[`total${k}`] = col.f64(`line.total.${k}`);
    });
    sameRows(lines, 'lines', lines.no.length);
    const pieces = { first: col.u32('window.first'), lines: col.u32('window.lines'), bytes: col.u32('window.bytes') };
    const count = pieces.first.length;
    sameRows(pieces, 'windows', count);
    const text = col.raw('window.text');
    const starts = new Float64Array(count + 1);
    for (let w = 0; w < count; w++) {
      starts[w + 1] = starts[w] + pieces.bytes[w];
      if (pieces.lines[w] > pieces.bytes[w]) throw damaged('a window without its text');
    }
    if (starts[count] !== text.length) throw damaged('windows without their text');
    let line = 0;
    let window = 0;
    const files = Array.from(file, (name, f) => {
      const [l, w] = [line, window];
      line += rows[f];
      window += windows[f];
      const one = { name: strings.text(name) };
      lazy(one, 'lines', () => makeLines(lines, columns, l, rows[f]));
      return lazy(one, 'windows', () => makeWindows(pieces, starts, text, w, windows[f]));
    });
    if (line !== lines.no.length || window !== count) throw damaged('lines that belong to no file');
    return { columns, leftOut: meta.left_out, files };
  }

  const api = { readSource };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
