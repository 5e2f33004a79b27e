// Unpacks zlib and gzip streams (RFC 1950, 1951, 1952), for browsers that cannot do it themselves. Damaged
// streams are refused. It needs no other file: the page unpacks its own code with it. No DOM.
(function (root) {
  'use strict';

  const LIMIT = 0x40000000; // of what comes out: no page has so much
  const damaged = (what) => new Error(`the data of this page are damaged: ${what}`);

  // For the next bits of a stream (the first bit is the lowest): symbol * 16 + length of its code; 0: no code.
  function codeTable(sizes) {
    const counts = new Uint16Array(17);
    for (const size of sizes) if (size) counts[size]++;
    let most = 15;
    while (most > 0 && !counts[most]) most--;
    const next = new Uint32Array(17);
    for (let size = 1; size <= most; size++) next[size + 1] = (next[size] + counts[size]) * 2;
    const left = (1 << most) - next[most + 1] / 2;
    if (most > 0 && (left < 0 || (left > 0 && most > 1))) throw damaged('codes that cannot be');
    const table = new Uint16Array(1 << most);
    sizes.forEach((size, symbol) => {
      if (!size) return;
      let at = 0;
      for (let code = next[size]++, k = 0; k < size; k++) at |= ((code >> k) & 1) << (size - 1 - k);
      for (; at < table.length; at += 1 << size) table[at] = symbol * 16 + size;
    });
    return { table, most, mask: table.length - 1 };
  }

  const run = (n, v) => new Array(n).fill(v);
  const FIXED = [run(144, 8).concat(run(112, 9), run(24, 7), run(8, 8)), run(32, 5)];
  const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

  // What the blocks of bytes[at…] hold and the place after them.
  function blocks(bytes, at) {
    let out = new Uint8Array(Math.min(LIMIT, bytes.length * 4 + 1024));
    let n = 0;
    let hold = 0; // bits that were read but not used, `held` of them
    let held = 0;

    const bits = (count) => {
      for (; held < count; held += 8) {
        if (at >= bytes.length) throw damaged('they end early');
        hold |= bytes[at++] << held;
      }
      const value = hold & ((1 << count) - 1);
      hold >>>= count;
      held -= count;
      return value;
    };
    const symbol = ({ table, most, mask }) => {
      for (; held < most && at < bytes.length; held += 8) hold |= bytes[at++] << held;
      const entry = table[hold & mask];
      const size = entry & 15;
      if (!size || size > held) throw damaged('a code that stands for nothing');
      hold >>>= size;
      held -= size;
      return entry >> 4;
    };
    const room = (more) => {
      if (n + more <= out.length) return;
      if (n + more > LIMIT) throw damaged('they are too long');
      const larger = new Uint8Array(Math.min(LIMIT, Math.max(2 * out.length, n + more)));
      larger.set(out.subarray(0, n));
      out = larger;
    };
    const stored = () => {
      at -= held >> 3; // bytes that were read ahead
      hold = held = 0;
      const size = bits(16);
      if ((size ^ bits(16)) !== 0xffff || size > bytes.length - at) throw damaged('a stored block');
      room(size);
      out.set(bytes.subarray(at, at + size), n);
      n += size;
      at += size;
    };
    const codes = () => {
      const literals = bits(5) + 257;
      const distances = bits(5) + 1;
      if (literals > 286 || distances > 30) throw damaged('too many codes');
      const sizes = run(19, 0);
      for (let i = 0, k = bits(4) + 4; i < k; i++) sizes[ORDER[i]] = bits(3);
      const lengths = codeTable(sizes);
      const all = [];
      while (all.length < literals + distances) {
        const s = symbol(lengths);
        if (s < 16) all.push(s);
        else if (s === 16 && !all.length) throw damaged('a code without length');
        else all.push(...(s === 16 ? run(bits(2) + 3, all[all.length - 1]) : run(s === 17 ? bits(3) + 3 : bits(7) + 11, 0)));
      }
      if (all.length > literals + distances || !all[256]) throw damaged('codes that cannot be');
      return [all.slice(0, literals), all.slice(literals)];
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
        let extra = s < 265 || s === 285 ? 0 : (s - 261) >> 2;
        if (s > 285) throw damaged('a length that cannot be');
        const length = s === 285 ? 258 : s < 265 ? s - 254 : (((s - 265) & 3) + 4 << extra) + 3 + bits(extra);
        const d = symbol(distance);
        if (d > 29) throw damaged('a distance that cannot be');
        extra = d < 2 ? 0 : (d >> 1) - 1;
        const back = d < 2 ? d + 1 : ((d & 1) + 2 << extra) + 1 + bits(extra);
        if (back > n) throw damaged('a distance too far back');
        room(length);
        for (const end = n + length; n < end; n++) out[n] = out[n - back];
      }
    };

    for (let last = 0; !last; ) {
      last = bits(1);
      const type = bits(2);
      if (type === 0) stored();
      else if (type < 3) packed(type === 1 ? FIXED : codes());
      else throw damaged('a block of no type');
    }
    return { data: out.subarray(0, n), at: at - (held >> 3) };
  }

  function adler32(data) {
    let a = 1;
    let b = 0;
    for (let i = 0; i < data.length; ) {
      for (const end = Math.min(i + 3800, data.length); i < end; i++) b += a += data[i];
      a %= 65521;
      b %= 65521;
    }
    return b * 65536 + a;
  }

  function crc32(data) {
    const table = Int32Array.from({ length: 256 }, (_, c) => {
      for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
      return c;
    });
    let crc = -1;
    for (let i = 0; i < data.length; i++) crc = (crc >>> 8) ^ table[(crc ^ data[i]) & 255];
    return ~crc >>> 0;
  }

  // The place after a gzip header.
  function gzipHead(bytes) {
    const flags = bytes[3];
    let at = 10;
    if (bytes[2] !== 8 || flags > 31) throw damaged('no gzip that is known');
    if (flags & 4) at += 2 + bytes[at] + 256 * bytes[at + 1];
    for (const flag of [8, 16])
      if (flags & flag) {
        while (bytes[at]) at++;
        at++;
      }
    at += flags & 2;
    if (!(at < bytes.length)) throw damaged('they end early');
    return at;
  }

  const isGzip = (bytes) => bytes[0] === 31 && bytes[1] === 139;

  function inflateSync(bytes) {
    const gzip = isGzip(bytes);
    if (!gzip && ((bytes[0] & 15) !== 8 || bytes[0] > 127 || bytes[1] & 32 || (bytes[0] * 256 + bytes[1]) % 31))
      throw damaged('they are no zlib stream');
    const { data, at } = blocks(bytes, gzip ? gzipHead(bytes) : 2);
    if (bytes.length !== at + (gzip ? 8 : 4)) throw damaged('they end early or too late');
    const view = new DataView(bytes.buffer, bytes.byteOffset + at);
    const fits = gzip
      ? view.getUint32(0, true) === crc32(data) && view.getUint32(4, true) === data.length
      : view.getUint32(0) === adler32(data);
    if (!fits) throw damaged('their checksum differs');
    return data;
  }

  // The same by the browser's own means where it has them.
  async function inflateBytes(bytes) {
    if (typeof DecompressionStream === 'undefined') return inflateSync(bytes);
    try {
      const stream = new DecompressionStream(isGzip(bytes) ? 'gzip' : 'deflate');
      return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());
    } catch {
      throw damaged('they cannot be unpacked');
    }
  }

  const api = { inflateSync, inflateBytes };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
