// Columns of numbers from the bytes of a page: LEB128, zigzag, doubles. Everything here is foreign: what
// does not fill its column exactly is refused, and nothing larger than the data is ever set aside. No DOM.
(function (root) {
  'use strict';

  function damaged(what) {
    return new Error(`the data of this page are damaged: ${what}`);
  }

  // `rows` LEB128 numbers below 2^32 that fill `bytes` exactly. Nearly all have one byte.
  function leb32(bytes, rows) {
    const into = new Uint32Array(rows);
    const size = bytes.length;
    if (size > 0 && bytes[size - 1] > 127) throw damaged('a number is cut'); // so no number runs out of bytes
    let at = 0;
    for (let row = 0; row < rows; row++) {
      if (at >= size) throw damaged('a column ends early');
      let value = bytes[at++];
      if (value > 127) {
        value &= 127;
        let scale = 128;
        let byte;
        do {
          byte = bytes[at++];
          value += (byte & 127) * scale;
          scale *= 128;
        } while (byte > 127 && scale < 0x1000000000);
        if (byte > 127 || value > 0xffffffff) throw damaged('a number is too large');
      }
      into[row] = value;
    }
    if (at !== size) throw damaged('a column is too long');
    return into;
  }

  // The same below 2^64, in floating point: beyond 2^53 the last bits are lost.
  function leb64(bytes, rows) {
    const into = new Float64Array(rows);
    const size = bytes.length;
    if (size > 0 && bytes[size - 1] > 127) throw damaged('a number is cut');
    let at = 0;
    for (let row = 0; row < rows; row++) {
      if (at >= size) throw damaged('a column ends early');
      let value = bytes[at++];
      if (value > 127) {
        value &= 127;
        let scale = 128;
        let byte;
        do {
          byte = bytes[at++];
          value += (byte & 127) * scale;
          scale *= 128;
        } while (byte > 127 && scale < 2 ** 70);
        if (byte > 127 || value > 2 ** 64) throw damaged('a number is too large');
      }
      into[row] = value;
    }
    if (at !== size) throw damaged('a column is too long');
    return into;
  }

  // 0, -1, 1, -2 … are 0, 1, 2, 3 …
  const unzigzag = (v) => (v % 2 ? -(v + 1) / 2 : v / 2);

  function doubles(bytes, rows) {
    if (rows * 8 !== bytes.length) throw damaged('a column has the wrong size');
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return Float64Array.from({ length: rows }, (_, i) => {
      const v = view.getFloat64(8 * i, true);
      return Number.isFinite(v) ? v : NaN;
    });
  }

  // The columns that a head lists, which lie one after the other from `offset` to the end of `bytes`.
  function columnReader(list, bytes, offset) {
    const found = new Map();
    if (!Array.isArray(list)) throw damaged('there is no list of columns');
    for (const entry of list) {
      const [name, rows, size] = Array.isArray(entry) ? entry : [];
      if (typeof name !== 'string' || found.has(name) || !(Number.isSafeInteger(rows) && rows >= 0)
        || !(Number.isSafeInteger(size) && size >= 0 && size <= bytes.length - offset))
        throw damaged('a column is cut');
      found.set(name, { rows, bytes: bytes.subarray(offset, offset + size) });
      offset += size;
    }
    if (offset !== bytes.length) throw damaged('bytes that belong to no column');
    const none = { rows: 0, bytes: new Uint8Array(0) };
    const read = (name, how) => {
      const column = found.get(name) ?? none;
      if (column.rows > column.bytes.length) throw damaged(`column ${name} is cut`);
      return how(column.bytes, column.rows);
    };
    return {
      raw: (name) => (found.get(name) ?? none).bytes,
      u32: (name) => read(name, leb32),
      f64: (name) => read(name, leb64),
      real: (name) => read(name, doubles),
    };
  }

  // All columns of a table have as many rows as the first one; an absent one may stand for zeros.
  function sameRows(table, what, rows) {
    for (const key of Object.keys(table))
      if (table[key].length !== rows) throw damaged(`columns of ${what} differ in length`);
    return table;
  }

  function below(column, limit, what) {
    for (let i = 0; i < column.length; i++) if (column[i] >= limit) throw damaged(what);
    return column;
  }

  const api = { damaged, columnReader, sameRows, below, unzigzag };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
