// Unpacks zlib and gzip streams (RFC 1950, 1951, 1952), for browsers that cannot do it themselves. Damaged
// streams are refused. It needs no other file: the page unpacks its own code with it. No DOM.
(function (root) {
  'use strict';

  function check(holds) {
    if (!holds) throw new Error('the data of this page are damaged: they cannot be unpacked');
  }

  // For the next bits of a stream (the first bit is the lowest): symbol * 16 + length of its code; 0: no code.
  function codeTable(sizes) {
    const counts = new Uint16Array(17);
    for (const size of sizes) if (size) counts[size]++;
    const most = Math.max(...sizes);
    const next = new Uint32Array(17);
    for (let size = 1; size <= most; size++) next[size + 1] = (next[size] + counts[size]) * 2;
    const left = (1 << most) - next[most + 1] / 2;
    check(!left || (left > 0 && most < 2));
    const table = new Uint16Array(1 << most);
    sizes.forEach((size, symbol) => {
      if (!size) return;
      let at = 0;
      for (let code = next[size]++, k = 0; k < size; k++) at |= ((code >> k) & 1) << (size - 1 - k);
      for (; at < table.length; at += 1 << size) table[at] = symbol * 16 + size;
    });
    return [table, most];
  }

  const run = (n, v) => new Array(n).fill(v);
  const FIXED = [run(144, 8).concat(run(112, 9), run(24, 7), run(8, 8)), run(32, 5)];
  const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

  // What the blocks of bytes[at…] hold and the place after them.
  function blocks(bytes, at) {
    let out = new Uint8Array(bytes.length * 4 + 999);
    let n = 0;
    let hold = 0; // bits that were read but not used, `held` of them
    let held = 0;

    const bits = (count) => {
      for (; held < count; held += 8) {
        check(at < bytes.length);
        hold |= bytes[at++] << held;
      }
      const value = hold & ((1 << count) - 1);
      hold >>>= count;
      held -= count;
      return value;
    };
    const symbol = ([table, most]) => {
      for (; held < most && at < bytes.length; held += 8) hold |= bytes[at++] << held;
      const entry = table[hold & (table.length - 1)];
      const size = entry & 15;
      check(size && size <= held);
      hold >>>= size;
      held -= size;
      return entry >> 4;
    };
    const room = (more) => {
      if (n + more <= out.length) return;
      check(n < 1e9); // no page has so much
      const larger = new Uint8Array(2 * out.length + more);
      larger.set(out);
      out = larger;
    };
    const codes = () => {
      const literals = bits(5) + 257;
      const distances = bits(5) + 1;
      check(literals < 287 && distances < 31);
      const sizes = run(19, 0);
      for (let i = 0, k = bits(4) + 4; i < k; i++) sizes[ORDER[i]] = bits(3);
      const lengths = codeTable(sizes);
      const all = [];
      while (all.length < literals + distances) {
        const s = symbol(lengths);
        check(s !== 16 || all.length);
        all.push(...(s < 16 ? [s] : s < 17 ? run(bits(2) + 3, all[all.length - 1]) : run(s < 18 ? bits(3) + 3 : bits(7) + 11, 0)));
      }
      check(all.length === literals + distances && all[256]);
      return [all.slice(0, literals), all.slice(literals)];
    };
    // Lengths and distances: 2^k steps for each number of extra bits.
    const spread = (v, k) => {
      const extra = (v >> k) - 1;
      return extra > 0 ? ((v - (extra << k)) << extra) + bits(extra) : v;
    };
    const packed = (sizes) => {
      const [literal, distance] = sizes.map(codeTable);
      for (;;) {
        const s = symbol(literal);
        if (s < 256) {
          if (n === out.length) room(1);
          out[n++] = s;
          continue;
        }
        if (s === 256) return;
        check(s < 286);
        const length = s < 285 ? spread(s - 257, 2) + 3 : 258;
        const d = symbol(distance);
        check(d < 30);
        const back = spread(d, 1) + 1;
        check(back <= n);
        room(length);
        for (const end = n + length; n < end; n++) out[n] = out[n - back];
      }
    };

    for (let last = 0; !last; ) {
      last = bits(1);
      const type = bits(2);
      check(type < 3);
      if (type) packed(type < 2 ? FIXED : codes());
      else {
        at -= held >> 3; // bytes that were read ahead
        hold = held = 0;
        const size = bits(16);
        check((size ^ bits(16)) === 0xffff && size <= bytes.length - at);
        room(size);
        out.set(bytes.subarray(at, (at += size)), n);
        n += size;
      }
    }
    return { data: out.subarray(0, n), at: at - (held >> 3) };
  }

  function adler32(data) {
    let a = 1;
    let b = 0;
    for (let i = 0; i < data.length; i++) b = (b + (a = (a + data[i]) % 65521)) % 65521;
    return b * 65536 + a;
  }

  function crc32(data) {
    let crc = -1;
    for (let i = 0; i < data.length; i++) {
      crc ^= data[i];
      for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (crc & 1 && 0xedb88320);
    }
    return ~crc >>> 0;
  }

  // The place after a gzip header.
  function gzipHead(bytes) {
    const flags = bytes[3];
    let at = 10;
    check(bytes[1] === 139 && bytes[2] === 8 && flags < 32);
    if (flags & 4) at += 2 + bytes[at] + 256 * bytes[at + 1];
    for (const flag of [8, 16]) if (flags & flag) while (bytes[at++]);
    at += flags & 2;
    check(at < bytes.length);
    return at;
  }

  const isGzip = (bytes) => bytes[0] === 31; // as the first of zlib's it cannot be

  function inflateSync(bytes) {
    const gzip = isGzip(bytes);
    check(gzip || ((bytes[0] & 143) === 8 && !(bytes[1] & 32) && (bytes[0] * 256 + bytes[1]) % 31 === 0));
    const { data, at } = blocks(bytes, gzip ? gzipHead(bytes) : 2);
    check(bytes.length === at + (gzip ? 8 : 4));
    const view = new DataView(bytes.buffer, bytes.byteOffset + at);
    check(gzip ? view.getUint32(0, true) === crc32(data) && view.getUint32(4, true) === data.length : view.getUint32(0) === adler32(data));
    return data;
  }

  // The same by the browser's own means where it has them. What fails while writing fails while reading, too.
  async function inflateBytes(bytes) {
    if (typeof DecompressionStream === 'undefined') return inflateSync(bytes);
    try {
      const { writable, readable } = new DecompressionStream(isGzip(bytes) ? 'gzip' : 'deflate');
      const writer = writable.getWriter();
      for (const written of [writer.write(bytes), writer.close()]) written.catch(() => 0);
      return new Uint8Array(await new Response(readable).arrayBuffer());
    } catch {
      return check();
    }
  }

  const api = { inflateSync, inflateBytes };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
