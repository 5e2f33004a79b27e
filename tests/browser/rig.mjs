// Profiles made in JavaScript, for tests of the page's core: packs a description into the bytes that the
// writer in C would write (docs/viewer.md) and reads them with the page's own decoder, so that a profile
// from here is exactly what a page has. Also seeded random numbers and random profiles.
//
//   makeProfile({
//     stacks: [['main;knn;dot', 10, { stage: 'job/knn', thread: 'worker-0', kind: 'cpu', run: 0, value: 5e7 }], …],
//        // root first, ';' between frames (or a list of names); samples; all options may be left out:
//        // no stage, no thread, kinds[0], run 0, value = samples × 5,000,000 (ns) or × 64 (bytes)
//     kinds: ['cpu', 'alloc'],                 // as the stacks name them, in that order
//     modules: { dot: '/lib/libknn.so' },      // of functions; else '/bin/app'; null: none
//     flags: { dot: 1 },                       // of functions; '[…]' has 2 and '(other)' 4 anyway
//     library: ['qsort'],                      // functions with flag 8
//     files: { dot: 'dot.c:33' },              // of functions
//     nodeLines: { 'main;knn;dot': 'dot.c:40' }, // of nodes, where they differ
//     threads: [{ name, process, pid, tid, count, run }], stages: ['job', 'job/knn'], // more than the stacks name
//     runs: [{ name: 'A', host: … }, …],       // facts of the runs: defaults for what is left out
//     spans: [{ stage: 'job/knn', thread, run, start, wall, cpu, items, params, allocBytes, allocCount, peakHeap, peakRss, samples, folded }],
//     ticks: [{ t, thread, stack: 'main;knn', state: 0 }],
//     series: [{ name: 'rss_bytes', t: […], value: […], real: false }],
//     source: { columns: ['cpu'], files: [{ name, lines: [{ no, self: [1], total: [2] }], windows: [{ first, lines: ['…'] }] }] },
//     meta: { title, filter, redacted, folded, … } }) // further members of the head
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const require = createRequire(resolve('viewer/js/x.js'));
const flame = require('./decode.js');

const TIMES = new Set(['cpu', 'wall', 'offcpu', 'sql', 'gpu']);

// A number 0 ≤ x < 1 per call, the same ones for the same seed.
export function random(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const zigzag = (v) => (v < 0 ? -2 * v - 1 : 2 * v);
const plusOne = (v) => (v === undefined || v === null || Number.isNaN(v) ? 0 : v + 1);

class Columns {
  constructor() {
    this.list = new Map();
  }

  column(name) {
    if (!this.list.has(name)) this.list.set(name, { rows: 0, bytes: [] });
    return this.list.get(name);
  }

  put(name, value) {
    const c = this.column(name);
    c.rows++;
    if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${name}: ${value}`);
    for (; value > 127; value = Math.floor(value / 128)) c.bytes.push((value % 128) | 128);
    c.bytes.push(value);
  }

  real(name, value) {
    const c = this.column(name);
    c.rows++;
    c.bytes.push(...new Uint8Array(new Float64Array([value]).buffer));
  }

  raw(name, bytes) {
    const c = this.column(name);
    for (const b of bytes) c.bytes.push(b);
    c.rows = c.bytes.length;
  }
}

// Numbers in the order in which they are asked for.
class Table {
  constructor() {
    this.ids = new Map();
    this.rows = [];
  }

  id(key, row) {
    const text = JSON.stringify(key);
    if (!this.ids.has(text)) {
      this.ids.set(text, this.rows.length);
      this.rows.push(row ?? key);
    }
    return this.ids.get(text);
  }
}

const frames = (stack) => (Array.isArray(stack) ? stack : stack === '' ? [] : stack.split(';'));

// All stacks as one tree of {name, children (by name), parent, sums (by kind), place}.
function grow(spec, kinds) {
  const root = { name: '', children: new Map(), parent: null, sums: kinds.map(() => 0), path: [] };
  const leaf = (stack) => {
    let node = root;
    for (const name of frames(stack)) {
      if (!node.children.has(name))
        node.children.set(name, { name, children: new Map(), parent: node, sums: kinds.map(() => 0), path: [...node.path, name] });
      node = node.children.get(name);
    }
    return node;
  };
  const samples = [];
  for (const [stack, count, options = {}] of spec.stacks ?? []) {
    const kind = kinds.indexOf(options.kind ?? kinds[0]);
    const value = options.value ?? count * (TIMES.has(kinds[kind]) ? 5e6 : 64);
    const node = leaf(stack);
    for (let n = node; n; n = n.parent) n.sums[kind] += value;
    samples.push({ node, count, value, kind, run: options.run ?? 0, stage: options.stage, thread: options.thread });
  }
  const ticks = (spec.ticks ?? []).map((t) => ({ ...t, node: leaf(t.stack ?? '') }));
  return { root, samples, ticks };
}

// Heaviest first by the first kind, then by the sum of shares, then by name; "(other)" comes last.
function number(root) {
  const share = (n) => n.sums.reduce((sum, v, k) => sum + (root.sums[k] > 0 ? v / root.sums[k] : 0), 0);
  const order = [];
  const todo = [root]; // no recursion: stacks may be deep
  while (todo.length > 0) {
    const node = todo.pop();
    node.place = order.length;
    order.push(node);
    const children = [...node.children.values()];
    const folded = (n) => (n.name === '(other)' ? 1 : 0);
    children.sort((a, b) => folded(a) - folded(b) || b.sums[0] - a.sums[0] || share(b) - share(a) || (a.name < b.name ? -1 : 1));
    todo.push(...children.reverse());
  }
  return order;
}

function site(text) {
  const [, file, line] = /^(.*?)(?::(\d+))?$/s.exec(text ?? '');
  return { file, line: Number(line ?? 0) };
}

function putTree(col, order, spec, strings) {
  const labels = new Table();
  const flagOf = (name) => (spec.flags?.[name] ?? 0) | (spec.library?.includes(name) ? 8 : 0)
    | (/^\[.*\]$/.test(name) ? 2 : 0) | (name === '(other)' ? 4 : 0);
  const moduleOf = (name) => (spec.modules && name in spec.modules ? spec.modules[name] : flagOf(name) & 6 ? null : '/bin/app');
  let before = order[0];
  for (const node of order.slice(1)) {
    const where = site(spec.nodeLines?.[node.path.join(';')] ?? spec.files?.[node.name]);
    const known = labels.rows.length;
    const label = labels.id(node.name, where);
    if (label === known) {
      const module = moduleOf(node.name);
      col.put('label.function', strings.id(node.name));
      col.put('label.module', module === null ? 0 : strings.id(module) + 1);
      col.put('label.flags', flagOf(node.name));
      col.put('label.file', strings.id(where.file));
      col.put('label.line', where.line);
    }
    const first = labels.rows[label];
    col.put('node.up', before.path.length + 1 - node.path.length);
    col.put('node.label', label);
    col.put('node.file', where.file === first.file ? 0 : strings.id(where.file) + 1);
    col.put('node.line', zigzag(where.line - first.line));
    before = node;
  }
}

// Paths like 'job/knn'; a stage after its parent.
function stageTable(spec) {
  const table = new Table();
  const id = (path) => {
    if (path === undefined || path === null) return null;
    const cut = path.lastIndexOf('/');
    const parent = cut < 0 ? null : id(path.slice(0, cut));
    return table.id(path, { parent, name: path.slice(cut + 1) });
  };
  (spec.stages ?? []).forEach(id);
  return { table, id };
}

function threadTable(spec) {
  const table = new Table();
  const add = (t) => table.id([t.run ?? 0, t.name], { process: 'app', pid: 100, tid: 101 + table.rows.length, count: 1, run: 0, ...t });
  (spec.threads ?? []).forEach(add);
  return { table, id: (name, run) => (name === undefined || name === null ? null : add({ name, run: run ?? 0 })) };
}

function putSamples(col, samples, stages, threads) {
  const groups = new Table();
  for (const s of samples) {
    const key = [s.run, s.kind, plusOne(stages.id(s.stage)), plusOne(threads.id(s.thread, s.run))];
    const group = groups.rows[groups.id(key, { key, by: new Map() })];
    const sum = group.by.get(s.node.place) ?? { count: 0, value: 0 };
    group.by.set(s.node.place, { count: sum.count + s.count, value: sum.value + s.value });
  }
  groups.rows.sort((a, b) => a.key.findIndex((v, i) => v !== b.key[i]) < 0 ? 0 : a.key.reduce((c, v, i) => c || v - b.key[i], 0));
  for (const { key, by } of groups.rows) {
    ['run', 'kind', 'stage', 'thread'].forEach((name, i) => col.put(`group.${name}`, key[i]));
    col.put('group.samples', by.size);
    let last = 0;
    for (const [node, sum] of [...by].sort((a, b) => a[0] - b[0])) {
      col.put('sample.node', node - last);
      col.put('sample.count', sum.count);
      col.put('sample.value', sum.value);
      last = node;
    }
  }
}

function putOwners(col, stages, threads, strings) {
  for (const s of stages.table.rows) {
    col.put('stage.parent', plusOne(s.parent));
    col.put('stage.name', strings.id(s.name));
  }
  for (const t of threads.table.rows) {
    col.put('thread.name', strings.id(t.name));
    col.put('thread.process', strings.id(t.process));
    for (const key of ['pid', 'tid', 'count', 'run']) col.put(`thread.${key}`, t[key]);
  }
}

function putSpans(col, spans, stages, threads, strings) {
  const sorted = spans.map((s) => ({ run: 0, ...s })).sort((a, b) => a.run - b.run || a.start - b.start);
  sorted.forEach((s, i) => {
    const before = i > 0 && sorted[i - 1].run === s.run ? sorted[i - 1].start : 0;
    col.put('span.run', s.run);
    col.put('span.stage', stages.id(s.stage));
    col.put('span.thread', plusOne(threads.id(s.thread, s.run)));
    col.put('span.start', zigzag(s.start - before));
    col.put('span.wall', plusOne(s.wall));
    col.put('span.cpu', plusOne(s.cpu));
    col.real('span.items', s.items ?? NaN);
    col.put('span.params', strings.id(s.params ?? ''));
    col.put('span.alloc_bytes', plusOne(s.allocBytes));
    col.put('span.alloc_count', plusOne(s.allocCount));
    col.put('span.peak_heap', plusOne(s.peakHeap));
    col.put('span.peak_rss', plusOne(s.peakRss));
    col.put('span.samples', s.samples ?? 0);
    col.put('span.folded', s.folded ?? 0);
  });
}

function putTime(col, ticks, series, threads) {
  const last = { t: 0, node: 0 };
  for (const tick of ticks.slice().sort((a, b) => a.t - b.t)) {
    col.put('tick.t', tick.t - last.t);
    col.put('tick.thread', plusOne(threads.id(tick.thread, 0)));
    col.put('tick.node', zigzag(tick.node.place - last.node));
    col.put('tick.state', tick.state ?? 0);
    last.t = tick.t;
    last.node = tick.node.place;
  }
  for (const s of series)
    s.t.forEach((t, i) => {
      col.put('series.t', t - (i > 0 ? s.t[i - 1] : 0));
      if (s.real) col.real('series.real', s.value[i]);
      else col.put('series.int', zigzag(s.value[i] - (i > 0 ? s.value[i - 1] : 0)));
    });
}

function putSource(col, source, strings) {
  for (const file of source.files) {
    col.put('source.file', strings.id(file.name));
    col.put('source.rows', (file.lines ?? []).length);
    col.put('source.windows', (file.windows ?? []).length);
    (file.lines ?? []).forEach((line, i) => {
      col.put('line.no', line.no - (i > 0 ? file.lines[i - 1].no : 0));
      source.columns.forEach((_, k) => {
        col.put(`line.self.${k}`, line.self[k]);
        col.put(`line.total.${k}`, line.total[k]);
      });
    });
    for (const w of file.windows ?? []) {
      const text = new TextEncoder().encode(w.lines.map((l) => `${l}\n`).join(''));
      col.put('window.first', w.first);
      col.put('window.lines', w.lines.length);
      col.put('window.bytes', text.length);
      col.raw('window.text', text);
    }
  }
}

const RUN = {
  id: '5e0c1b1e-0000-4000-8000-000000000000', name: 'run', command: 'app --all', job: '', host: 'node17', cpu_model: 'AMD EPYC', kernel: '6.1.0',
  version: '0.6.0', git_sha: '', mode: 'cpu', engine: 'clock', labels: '{}', exit_code: 0, rate_hz: 199, signal: 0, ncpu: 16, finished: 1,
  started_ms: 1767225600000, duration_ns: 21e9,
};

function headOf(spec, kinds, samples) {
  const runs = (spec.runs ?? [{}]).map((run, r) => {
    const counts = {};
    for (const s of samples) if (s.run === r) counts[kinds[s.kind]] = (counts[kinds[s.kind]] ?? 0) + s.count;
    return { ...RUN, losses: [], kinds: counts, precision: {}, ...run };
  });
  const head = { format: 'protea-flame', version: 2, kind: kinds[0], kinds, runs, ...spec.meta };
  if (spec.ticks) head.ticks = { kept: spec.ticks.length, of: spec.ticks.length };
  if (spec.spans) head.spans = { kept: spec.spans.length, of: spec.spans.length };
  if (spec.series) head.series = spec.series.map((s) => [s.name, s.t.length, s.real ? 'real' : 'int']);
  if (spec.source) head.source = { columns: spec.source.columns, left_out: spec.source.leftOut ?? 0 };
  return head;
}

// The bytes that a page holds, before they are deflated.
export function makeBytes(spec) {
  const kinds = spec.kinds ?? [...new Set((spec.stacks ?? []).map(([, , o]) => o?.kind ?? 'cpu'))];
  if (kinds.length === 0) kinds.push('cpu');
  const { root, samples, ticks } = grow(spec, kinds);
  const strings = new Table();
  const col = new Columns();
  const stages = stageTable(spec);
  const threads = threadTable(spec);
  putTree(col, number(root), spec, strings);
  putSamples(col, samples, stages, threads);
  putSpans(col, spec.spans ?? [], stages, threads, strings);
  putTime(col, ticks, spec.series ?? [], threads);
  if (spec.source) putSource(col, spec.source, strings);
  putOwners(col, stages, threads, strings);
  for (const s of strings.rows) {
    const bytes = new TextEncoder().encode(s);
    col.put('string.size', bytes.length);
    col.raw('string.bytes', bytes);
  }
  const head = headOf(spec, kinds, samples);
  head.columns = [...col.list].map(([name, c]) => [name, c.rows, c.bytes.length]);
  const json = new TextEncoder().encode(JSON.stringify(head));
  const size = new Uint8Array(new Uint32Array([json.length]).buffer);
  return Uint8Array.from([...size, ...json, ...[...col.list.values()].flatMap((c) => c.bytes)]);
}

export const makeProfile = (spec) => flame.parse(makeBytes(spec));

// A description with random stacks (recursion, library frames), stages, threads, kinds and runs.
export function randomSpec(seed, { stacks = 60, names = 9, depth = 8, runs = 1, kinds = ['cpu', 'alloc'] } = {}) {
  const next = random(seed);
  const upTo = (n) => Math.floor(next() * n);
  const paths = ['job', 'job/load', 'job/knn', 'job/knn/block', 'other'];
  const spec = { stacks: [], kinds, runs: Array.from({ length: runs }, (_, r) => ({ name: `run ${r}` })), library: [], modules: {} };
  for (let n = 0; n < names; n++) {
    if (next() < 0.3) spec.library.push(`f${n}`);
    spec.modules[`f${n}`] = `/lib/lib${n % 4}.so`;
  }
  for (let i = 0; i < stacks; i++) {
    const stack = Array.from({ length: 1 + upTo(depth) }, () => `f${upTo(names)}`);
    if (next() < 0.1) stack.push('(other)');
    const options = { run: upTo(runs), kind: kinds[upTo(kinds.length)], value: upTo(1000) * (next() < 0.1 ? 0 : 1) };
    if (next() < 0.8) options.stage = paths[upTo(paths.length)];
    if (next() < 0.8) options.thread = `worker-${upTo(3)}`;
    spec.stacks.push([stack, 1 + upTo(20), options]);
  }
  return spec;
}

// Calls body(tree, node) for every node of a profile by its path 'main;knn;dot' → node.
export function nodesByPath(profile, tree = profile.tree) {
  const names = new Map();
  const paths = [''];
  for (let i = 1; i < tree.count; i++) {
    const above = paths[tree.parent[i]];
    paths[i] = `${above}${above === '' ? '' : ';'}${profile.strings.text(profile.labels.name[tree.label[i]])}`;
    if (!names.has(paths[i])) names.set(paths[i], i);
  }
  return names;
}
