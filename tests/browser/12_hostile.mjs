// Damaged data under node: whatever the bytes of a page are, reading them ends with an error that says so or
// with a profile that holds together; and the page's own inflate against node's zlib.
import { createDeflate, deflateRawSync, deflateSync, gunzipSync, gzipSync, inflateSync, constants } from 'node:zlib';
import { core, dataOf, fails, hasPages, is, needsPage, ok, page, run, test } from './harness.mjs';
import { makeBytes, random, randomSpec } from './rig.mjs';

const flame = core('format', 'decode', 'inflate', 'weigh', 'layout', 'state', 'derive');
const REFUSED = /^the data of this page are damaged: .|^these data are .* this page reads protea-flame version 2$/s;

// Everything that a page may have, in a few hundred bytes.
function richBytes() {
  return makeBytes({
    ...randomSpec(5, { runs: 2, stacks: 30 }),
    files: { f1: 'a.c:3', f2: 'b.c:9' },
    spans: [{ stage: 'job/knn', thread: 'worker-0', start: 5, wall: 100, items: 3.5, params: '{"n":3}', peakHeap: 9 }, { stage: 'job', start: 2, run: 1, wall: 7 }],
    ticks: [{ t: 3, thread: 'worker-0', stack: 'f1;f2' }, { t: 9, stack: 'f1', state: 2 }],
    series: [{ name: 'rss', t: [1, 5, 8], value: [10, 4, 300] }, { name: 'load', t: [1, 2], value: [0.5, 0.25], real: true }],
    source: { columns: ['cpu', 'alloc'], leftOut: 1, files: [{ name: 'a.c', lines: [{ no: 3, self: [1, 2], total: [2, 700] }, { no: 5, self: [0, 0], total: [1, 1] }], windows: [{ first: 1, lines: ['int a;', '', 'b'] }] }, { name: 'b.c' }] },
    meta: { title: 't', filter: 'stage knn', folded: { nodes: 3, share: 0.1 } },
  });
}

const headSize = (bytes) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
const headOf = (bytes) => JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + headSize(bytes))));
function withHead(bytes, head) {
  const json = new TextEncoder().encode(typeof head === 'string' ? head : JSON.stringify(head));
  return Uint8Array.from([...new Uint8Array(new Uint32Array([json.length]).buffer), ...json, ...bytes.subarray(4 + headSize(bytes))]);
}

// ---- what must hold of a profile ----

function each(column, holds, what) {
  for (let i = 0; i < column.length; i++) if (!holds(column[i])) throw new Error(`${what}[${i}] is ${column[i]}`);
}
const index = (limit) => (v) => Number.isInteger(v) && v >= 0 && v < limit;
const amount = (v) => v >= 0 && v < 2 ** 65;
const maybe = (v) => Number.isNaN(v) || amount(v);
const textual = (object, ...keys) => keys.forEach((k) => is(typeof object[k], 'string', k));
const rows = (table, count, ...keys) => keys.forEach((k) => is(table[k].length, count, k));

function checkMeta({ meta, runs, kinds }) {
  ok(runs.length > 0 && kinds.length > 0, 'runs and kinds');
  each(kinds, (k) => typeof k === 'string' && k !== '', 'kinds');
  textual(meta, 'title', 'filter');
  for (const run of runs) {
    textual(run, 'id', 'name', 'command', 'job', 'host', 'cpu_model', 'kernel', 'version', 'git_sha', 'mode', 'engine', 'labels');
    for (const k of ['rate_hz', 'signal', 'ncpu', 'started_ms', 'duration_ns', 'exit_code']) is(typeof run[k], 'number', k);
    for (const [reason, n] of run.losses) ok(typeof reason === 'string' && Number.isFinite(n), 'losses');
    each(Object.values(run.kinds), (v) => typeof v === 'number', 'kinds of a run');
    for (const p of Object.values(run.precision)) ok(typeof p.text === 'string' && (p.interval === null || p.interval[0] <= p.interval[1]), 'precision');
  }
  for (const [key, ...members] of [['folded', 'nodes', 'share'], ['ticks', 'kept', 'of'], ['spans', 'kept', 'of']])
    if (meta[key] !== null) for (const m of members) ok(Number.isFinite(meta[key][m]), `${key}.${m}`);
}

function checkTree({ tree, labels, strings }) {
  const n = tree.count;
  rows(tree, n, 'parent', 'end', 'depth', 'label', 'file', 'line');
  let deepest = 0;
  for (let i = 1; i < n; i++) {
    const up = tree.parent[i];
    ok(up < i && tree.end[i] > i && tree.end[i] <= tree.end[up], `node ${i} lies in its parent`);
    is(tree.depth[i], tree.depth[up] + 1, 'depth');
    deepest = Math.max(deepest, tree.depth[i]);
  }
  is(tree.maxDepth, deepest);
  each(tree.label.subarray(1), index(labels.count), 'label');
  each(tree.file.subarray(1), index(strings.count), 'file');
  rows(labels, labels.count, 'name', 'module', 'flags', 'file', 'line');
  each(labels.name, index(strings.count), 'name');
  each(labels.module, index(strings.count + 1), 'module');
  each(labels.file, index(strings.count), 'file');
  for (let s = 0; s < strings.count; s++) is(typeof strings.text(s), 'string');
}

function checkSamples({ runs, kinds, stages, threads, groups, samples, tree }) {
  stages.forEach((s, i) => ok(s.id === i && s.parent >= -1 && s.parent < i && typeof s.name === 'string', 'a stage'));
  threads.forEach((t, i) => ok(t.id === i && t.run < runs.length && typeof t.name === 'string' && typeof t.process === 'string' && amount(t.pid) && amount(t.tid), 'a thread'));
  const n = groups.samples.length;
  rows(groups, n, 'run', 'kind', 'stage', 'thread', 'first');
  each(groups.run, index(runs.length), 'run');
  each(groups.kind, index(kinds.length), 'kind');
  each(groups.stage, index(stages.length + 1), 'stage');
  each(groups.thread, index(threads.length + 1), 'thread');
  let at = 0;
  for (let g = 0; g < n; g++) {
    is(groups.first[g], at, 'first');
    for (let k = 1; k < groups.samples[g]; k++) ok(samples.node[at + k] >= samples.node[at + k - 1], 'sorted by node');
    at += groups.samples[g];
  }
  rows(samples, at, 'node', 'count', 'value');
  each(samples.node, index(tree.count), 'node');
  each(samples.count, amount, 'count');
  each(samples.value, amount, 'value');
}

function checkTime({ runs, stages, threads, strings, tree, spans, ticks, series }) {
  rows(spans, spans.count, 'run', 'stage', 'thread', 'start', 'wall', 'cpu', 'items', 'params', 'allocBytes', 'allocCount', 'peakHeap', 'peakRss', 'samples', 'folded');
  each(spans.run, index(runs.length), 'run');
  each(spans.stage, index(stages.length), 'stage');
  each(spans.thread, (v) => v === -1 || index(threads.length)(v), 'thread');
  each(spans.params, index(strings.count), 'params');
  each(spans.start, Number.isFinite, 'start');
  for (const key of ['wall', 'cpu', 'allocBytes', 'allocCount', 'peakHeap', 'peakRss']) each(spans[key], maybe, key);
  each(spans.items, (v) => Number.isNaN(v) || Number.isFinite(v), 'items');
  rows(ticks, ticks.count, 't', 'thread', 'node', 'state');
  each(ticks.t, (v) => Number.isFinite(v) && v >= 0, 't');
  each(ticks.thread, (v) => v === -1 || index(threads.length)(v), 'thread');
  each(ticks.node, index(tree.count), 'node');
  each(ticks.state, index(6), 'state');
  for (const s of series) {
    is(typeof s.name, 'string');
    is(s.t.length, s.value.length);
    each(s.t, Number.isFinite, 't of a series');
    each(s.value, (v) => Number.isNaN(v) || Number.isFinite(v), 'value of a series');
  }
}

function checkSource({ source }) {
  each(source.columns, (c) => typeof c === 'string', 'columns');
  for (const file of source.files) {
    is(typeof file.name, 'string');
    for (const line of file.lines) ok(amount(line.no) && line.self.length === source.columns.length && [...line.self, ...line.total].every(amount), 'a line');
    for (const w of file.windows) ok(amount(w.first) && w.lines.every((l) => typeof l === 'string'), 'a window');
  }
}

// Graphs of it work, too.
function checkGraphs(p) {
  const state = flame.stateDefaults(p);
  for (const patch of [{}, { fold: 1, own: 1 }, { order: 'name', by: 'count' }]) {
    const g = flame.deriveGraph(p, { ...state, ...patch });
    is(g.start.length, g.tree.count);
    ok(g.total[0] >= 0, 'the total');
  }
}

function attempt(bytes) {
  let p;
  try {
    p = flame.parse(bytes);
  } catch (e) {
    if (!REFUSED.test(e.message)) throw e;
    return 0;
  }
  for (const check of [checkMeta, checkTree, checkSamples, checkTime, checkSource, checkGraphs]) check(p);
  return 1;
}

// Some bytes replaced, some put in, some taken out.
function mutate(bytes, next) {
  const out = Uint8Array.from(bytes);
  let size = bytes.length;
  for (let k = 1 + Math.floor(next() * 4); k > 0; k--) {
    const at = Math.floor(next() * size);
    const what = next();
    const value = next() < 0.3 ? [0, 1, 127, 128, 255][Math.floor(next() * 5)] : Math.floor(next() * 256);
    if (what < 0.9) out[at] = value;
    else if (what < 0.95) out.copyWithin(at, at + 1, size--);
    else out.copyWithin(at + 1, at, size - 1).fill(value, at, at + 1);
  }
  return out.subarray(0, size);
}

// Any value of the head replaced by one that does not belong there.
function mutateHead(bytes, next) {
  const head = headOf(bytes);
  const places = [];
  (function walk(object) {
    for (const key of Object.keys(object)) {
      places.push([object, key]);
      if (object[key] !== null && typeof object[key] === 'object') walk(object[key]);
    }
  })(head);
  const strange = [null, -1, 0, 0.5, 3, 1e300, 2 ** 31, 2 ** 53, 4294967295, '', 'x', '__proto__', true, [], {}, [[]], ['x', 1, 1], undefined];
  for (let k = 1 + Math.floor(next() * 3); k > 0; k--) {
    const [object, key] = places[Math.floor(next() * places.length)];
    object[key] = strange[Math.floor(next() * strange.length)];
  }
  return withHead(bytes, head);
}

const material = () => (hasPages() ? [richBytes(), new Uint8Array(inflateSync(Buffer.from(dataOf(page('typical')), 'base64')))] : [richBytes()]);

test('the material is read', () => {
  for (const bytes of material()) is(attempt(bytes), 1);
});

test('data cut anywhere are refused', () => {
  for (const bytes of material())
    for (let n = 0; n < bytes.length; n += Math.ceil(bytes.length / 3000)) is(attempt(bytes.subarray(0, n)), 0, `${n} bytes`);
});

test('data that are changed anywhere are refused or read as what they say', () => {
  const next = random(21);
  let read = 0;
  let most = 0;
  for (const bytes of material())
    for (let k = 0; k < 2000; k++) {
      read += attempt(mutate(bytes, next));
      most = Math.max(most, process.memoryUsage().arrayBuffers);
    }
  ok(read > 100, `${read} were read`);
  ok(most < 256 << 20, `${most} bytes were set aside`);
});

test('a head of other types is refused or read without what makes no sense', () => {
  const next = random(22);
  for (const bytes of material()) for (let k = 0; k < 1500; k++) attempt(mutateHead(bytes, next));
  const [bytes] = material();
  for (const head of ['null', '[]', '3', '""', '{', '{}', '{"format":"protea-flame","version":2}', '{"format":"protea-flame","version":2,"runs":[{}],"kinds":["cpu"]}', '\u0000'])
    is(attempt(withHead(bytes, head)), 0, head);
  const newer = { ...headOf(bytes), version: 3 };
  is(attempt(withHead(bytes, newer)), 0);
  is(attempt(withHead(bytes, { ...headOf(bytes), other: { new: 1 } })), 1, 'members that are new are passed over:');
});

test('columns that nobody knows are passed over, and so are those that are absent', () => {
  const [bytes] = material();
  const head = headOf(bytes);
  head.columns.push(['new.column', 3, 5]);
  const longer = withHead(bytes, head);
  is(attempt(Uint8Array.from([...longer, 1, 2, 3, 4, 5])), 1);
  is(attempt(longer), 0, 'its bytes lack:');
  is(attempt(Uint8Array.from([...bytes, 0])), 0, 'a byte too many:');
  const few = { format: 'protea-flame', version: 2, runs: [{}], kinds: ['cpu'], columns: [] };
  const p = flame.parse(withHead(bytes.subarray(0, 4 + headSize(bytes)), few));
  is(p.tree.count, 1);
  is(p.runs[0].host, '');
});

test('numbers that are too large are refused', () => {
  const head = { format: 'protea-flame', version: 2, runs: [{}], kinds: ['cpu'] };
  const one = (name, ...bytes) => withHead(new Uint8Array([0, 0, 0, 0, ...bytes]), { ...head, columns: [[name, 1, bytes.length]] });
  const ff = new Array(9).fill(255);
  is(attempt(one('string.size', 255, 255, 255, 255, 31)), 0, '2^33:');
  is(attempt(one('string.size', ...ff, 1)), 0);
  is(attempt(one('tick.t', ...ff, 255, 255, 1)), 0);
  is(attempt(one('node.up', 255, 255, 255, 255, 15)), 0);
  is(attempt(one('group.samples', 255, 255, 255, 255, 15)), 0);
  is(attempt(withHead(new Uint8Array(4), { ...head, columns: [['string.size', 4e9, 0]] })), 0, 'rows without bytes:');
  is(attempt(withHead(new Uint8Array(4), { ...head, series: [['x', 4e9, 'int']], columns: [] })), 0);
});

test('text that is no page is refused', async () => {
  for (const text of ['', ' ', '@PROTEA-FLAME-DATA@', 'AAAA', '####', 'eJw', '\ud800', btoa('x'.repeat(1000))])
    await fails(() => flame.decode(text), /^the data of this page are damaged/, text);
});

// ---- inflate ----

const texts = () => {
  const next = random(31);
  const noise = Buffer.from(Array.from({ length: 70000 }, () => Math.floor(next() * 256)));
  const words = Buffer.from(Array.from({ length: 20000 }, () => ['main', 'knn', 'dot', '::', '<T>', 'é'][Math.floor(next() * 6)]).join(''));
  return [Buffer.alloc(0), Buffer.from('a'), Buffer.from('abc'.repeat(3)), Buffer.alloc(300000), noise, words, Buffer.concat([words, noise, words]), Buffer.from(Array.from({ length: 256 }, (_, i) => i))];
};
const equal = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)) === 0;

test('inflate unpacks what zlib packs: all levels, strategies and windows', () => {
  for (const data of texts())
    for (const level of [0, 1, 6, 9])
      for (const strategy of [constants.Z_DEFAULT_STRATEGY, constants.Z_HUFFMAN_ONLY, constants.Z_RLE, constants.Z_FIXED])
        for (const windowBits of [9, 15]) {
          const options = { level, strategy, windowBits, memLevel: level === 1 ? 1 : 8 };
          ok(equal(flame.inflateSync(deflateSync(data, options)), data), `zlib ${data.length} ${JSON.stringify(options)}`);
          ok(equal(flame.inflateSync(gzipSync(data, options)), data), `gzip ${data.length} ${JSON.stringify(options)}`);
        }
});

test('blocks of several types in one stream are unpacked, and gzip with all of its fields', async () => {
  const deflate = createDeflate({ level: 6 });
  const parts = [];
  deflate.on('data', (part) => parts.push(part));
  const data = [];
  for (const [text, level, strategy] of [['hello '.repeat(50), 0, 0], [texts()[5], 9, 0], ['x', 6, constants.Z_FIXED], [texts()[4], 1, 0], ['end', 0, 0]]) {
    await new Promise((resolve) => { deflate.params(level, strategy, resolve); });
    data.push(Buffer.from(text));
    await new Promise((resolve) => { deflate.write(data[data.length - 1], resolve); });
    await new Promise((resolve) => { deflate.flush(constants.Z_SYNC_FLUSH, resolve); });
  }
  await new Promise((resolve) => {
    deflate.on('end', resolve);
    deflate.end();
  });
  ok(equal(flame.inflateSync(Buffer.concat(parts)), Buffer.concat(data)), 'mixed blocks');
  const plain = gzipSync('some text');
  const fields = Buffer.concat([Buffer.from([31, 139, 8, 30, 0, 0, 0, 0, 0, 3]), Buffer.from([3, 0, 1, 2, 3]), Buffer.from('name\0'), Buffer.from('comment\0'), Buffer.from([0, 0]), plain.subarray(10)]);
  is(Buffer.from(flame.inflateSync(fields)).toString(), 'some text');
});

// A stream that node refuses is refused, one that it takes gives the same bytes.
function agrees(stream, unpack, what) {
  let want = null;
  let got = null;
  try {
    want = unpack(stream);
  } catch { /* refused */ }
  try {
    got = flame.inflateSync(stream);
  } catch (e) {
    if (!REFUSED.test(e.message)) throw e;
  }
  if (got !== null) ok(want !== null && equal(got, want), `${what}: taken, or with other bytes`);
  return got !== null;
}

test('streams that are cut or changed are refused, as zlib refuses them', () => {
  const next = random(32);
  const data = texts();
  const streams = [deflateSync(data[2]), deflateSync(data[5].subarray(0, 3000)), deflateSync(data[4].subarray(0, 500)), deflateSync(data[5].subarray(0, 600), { strategy: constants.Z_FIXED })];
  for (const stream of streams)
    for (let n = 0; n < stream.length; n++) is(agrees(stream.subarray(0, n), inflateSync, 'cut'), false, `${n} bytes`);
  for (let k = 0; k < 8000; k++) agrees(mutate(streams[k % streams.length], next), inflateSync, `mutation ${k}`);
  const zipped = gzipSync(data[5].subarray(0, 2000));
  for (let k = 0; k < 2000; k++) agrees(mutate(zipped, next), gunzipSync, `mutation ${k} of gzip`);
});

test('what only looks like a stream is refused, and nothing large is set aside for it', () => {
  const next = random(33);
  for (let k = 0; k < 5000; k++) {
    const bytes = Buffer.from(Array.from({ length: Math.floor(next() * 60) }, () => Math.floor(next() * 256)));
    agrees(Buffer.concat([Buffer.from([0x78, 0x9c]), bytes]), inflateSync, `noise ${k}`);
    agrees(Buffer.concat([Buffer.from([31, 139, 8, Math.floor(next() * 64)]), bytes]), gunzipSync, `noise ${k}`);
  }
  const raw = deflateRawSync(Buffer.alloc(1 << 20));
  let refused = 0;
  try {
    flame.inflateSync(Buffer.concat([Buffer.from([0x78, 0x9c]), raw, Buffer.alloc(4)]));
  } catch {
    refused++;
  }
  is(refused, 1, 'a wrong checksum:');
});

test('inflateBytes takes the one that is there, and both refuse alike', async () => {
  const data = texts()[5];
  const native = globalThis.DecompressionStream;
  ok(native, 'node has DecompressionStream');
  for (const stream of [native, undefined]) {
    globalThis.DecompressionStream = stream;
    try {
      ok(equal(await flame.inflateBytes(deflateSync(data)), data), 'zlib');
      ok(equal(await flame.inflateBytes(gzipSync(data)), data), 'gzip');
      const broken = deflateSync(data);
      broken[broken.length - 2] ^= 1;
      await fails(() => flame.inflateBytes(broken), REFUSED, 'a wrong checksum');
      await fails(() => flame.inflateBytes(deflateSync(data).subarray(0, 900)), REFUSED, 'cut');
    } finally {
      globalThis.DecompressionStream = native;
    }
  }
});

test('a browser without DecompressionStream reads a whole page', needsPage(async () => {
  const native = globalThis.DecompressionStream;
  delete globalThis.DecompressionStream;
  try {
    const p = await flame.decode(dataOf(page('typical')));
    checkTree(p);
    is(flame.weigh(p, {}).selfCount.reduce((a, b) => a + b, 0), p.runs[0].kinds.cpu);
  } finally {
    globalThis.DecompressionStream = native;
  }
}));

await run();
