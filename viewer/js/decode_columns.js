// Columns of numbers from the bytes of a page: LEB128, zigzag, doubles. Everything here is foreign: what
// does not fill its column exactly is refused, and nothing larger than the data is ever set aside. No DOM.
(function (root) {
  'use strict';

  function damaged(what) {
    return new Error(`the data of this page are damaged: ${what}`);
  }

  // Whether each byte is a number of its own: four at a time.
  function areSmall(bytes) {
    const whole = bytes.length & ~3;
    const words = new Uint32Array(bytes.slice(0, whole).buffer);
    let all = 0;
    for (let i = 0; i < words.length; i++) all |= words[i];
    for (let i = whole; i < bytes.length; i++) all |= bytes[i];
    return (all & 0x80808080) === 0;
  }

  // As many LEB128 numbers as `into` has places, all below `limit`, that fill `bytes` exactly. Nearly all have
  // one byte; what is beyond 2^53 loses its last bits.
  function leb(bytes, into, limit, what) {
    const size = bytes.length;
    const rows = into.length;
    if (rows === size && areSmall(bytes)) {
      into.set(bytes);
      return limit > 127 ? into : below(into, limit, what);
    }
    if (size > 0 && bytes[size - 1] > 127) throw damaged('a number is cut'); // so no number runs out of bytes
    let at = 0;
    for (let row = 0; row < rows; row++) {
      if (at >= size) throw damaged('a column ends early');
      let byte = bytes[at++];
      let value = byte;
      if (byte > 127) {
        byte = bytes[at++];
        value = (value & 127) | ((byte & 127) << 7);
        if (byte > 127) {
          byte = bytes[at++];
          value |= (byte & 127) << 14;
          if (byte > 127) {
            byte = bytes[at++];
            value |= (byte & 127) << 21;
            for (let scale = 2 ** 28; byte > 127 && scale < 2 ** 70; scale *= 128) {
              byte = bytes[at++];
              value += (byte & 127) * scale;
            }
            if (byte > 127) throw damaged('a number is too large');
          }
        }
      }
      if (value >= limit) throw damaged(what);
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
    const out = new Float64Array(rows);
    for (let i = 0; i < rows; i++) {
      const v = view.getFloat64(8 * i, true);
      out[i] = Number.isFinite(v) ? v : NaN;
    }
    return out;
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
    const column = (name) => {
      const c = found.get(name) ?? none;
      if (c.rows > c.bytes.length) throw damaged(`column ${name} is cut`);
      return c;
    };
    return {
      raw: (name) => (found.get(name) ?? none).bytes,
      u32(name, limit = 2 ** 32, what = 'a number is too large') {
        const { bytes: from, rows } = column(name);
        return leb(from, new Uint32Array(rows), limit, what);
      },
      f64(name) {
        const { bytes: from, rows } = column(name);
        return leb(from, new Float64Array(rows), 2 ** 64 + 1, 'a number is too large');
      },
      real(name) {
        const { bytes: from, rows } = column(name);
        return doubles(from, rows);
      },
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

  // A member that is worked out when it is asked for, once.
  const lazy = (object, key, make) =>
    Object.defineProperty(object, key, {
      configurable: true,
      enumerable: true,
      get() {
        const value = make();
        Object.defineProperty(object, key, { value, enumerable: true });
        return value;
      },
    });

  const api = { damaged, columnReader, sameRows, below, unzigzag, lazy };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
