// From the text between the data marks to a profile in typed arrays; the format is docs/viewer.md. No
// DOM; runs in browsers and under node. Everything it reads is foreign: sizes and references are checked
// once here and in decode_*.js, so that nothing after it has to.
(function (root) {
  'use strict';

  const flame = typeof module === 'object'
    ? Object.assign({}, ...['inflate', 'decode_columns', 'decode_head', 'decode_time', 'decode_source'].map((name) => require(`./${name}.js`)))
    : root.flame;
  const { damaged, sameRows, below, lazy, unzigzag } = flame;

  const NONE = 0xffffffff;

  function bytesOfBase64(text) {
    try {
      if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
      const binary = atob(text);
      const bytes = new Uint8Array(binary.length);
      for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
      return bytes;
    } catch {
      throw damaged('they are no base64');
    }
  }

  // Names stay bytes until someone asks: most are never shown.
  function stringTable(sizes, bytes) {
    const starts = new Float64Array(sizes.length + 1);
    for (let i = 0; i < sizes.length; i++) starts[i + 1] = starts[i] + sizes[i];
    if (starts[sizes.length] !== bytes.length) throw damaged('names without their bytes');
    const decoder = new TextDecoder();
    const known = new Array(sizes.length);
    return {
      count: sizes.length,
      text(i) {
        return known[i] ?? (known[i] = decoder.decode(bytes.subarray(starts[i], starts[i + 1])));
      },
    };
  }

  function readLabels(col, strings) {
    const name = col.u32('label.function', strings.count, 'a label without its name');
    const table = {
      name,
      module: col.u32('label.module', strings.count + 1, 'a label without its module'),
      flags: col.u32('label.flags'),
      file: col.u32('label.file', strings.count, 'a label without its file'),
      line: col.u32('label.line'),
    };
    return { count: name.length, ...sameRows(table, 'labels', name.length) };
  }

  // Where a node spends most, in arrays that are made when someone asks: `file` strings, and `line`.
  function addSites(tree, labels, file, line) {
    const { label, count } = tree;
    lazy(tree, 'file', () => {
      const out = new Uint32Array(count);
      for (let i = 1; i < count; i++) out[i] = file[i - 1] ? file[i - 1] - 1 : labels.file[label[i]];
      return out;
    });
    return lazy(tree, 'line', () => {
      const out = new Uint32Array(count);
      for (let i = 1; i < count; i++) out[i] = labels.line[label[i]] + unzigzag(line[i - 1]);
      return out;
    });
  }

  // Parents and subtree ends of nodes that say how far above the one before their parent is.
  function readTree(col, labels, strings) {
    const up = col.u32('node.up');
    const n = up.length + 1;
    const { labelOf, file, line } = sameRows({
      labelOf: col.u32('node.label', labels.count, 'a node without its label'),
      file: col.u32('node.file', strings.count + 1, 'a node without its file'),
      line: col.f64('node.line'),
    }, 'nodes', n - 1);
    const parent = new Uint32Array(n);
    const end = new Uint32Array(n).fill(n);
    const depth = new Uint32Array(n);
    const label = new Uint32Array(n);
    let above = 0;
    let row = 0;
    let maxDepth = 0;
    label[0] = NONE;
    label.set(labelOf, 1);
    for (let i = 1; i < n; i++) {
      above = i - 1;
      for (let k = up[above]; k > 0; k--, row--) {
        if (above === 0) throw damaged('a node above the root');
        end[above] = i;
        above = parent[above];
      }
      parent[i] = above;
      depth[i] = ++row;
      if (row > maxDepth) maxDepth = row;
    }
    // origin: nodes of graphs know theirs, these are themselves.
    return addSites({ count: n, parent, end, depth, label, origin: null, maxDepth }, labels, file, line);
  }

  function readStages(col, strings) {
    const parent = col.u32('stage.parent');
    const name = col.u32('stage.name', strings.count, 'a stage without its name');
    sameRows({ parent }, 'stages', name.length);
    return Array.from(name, (s, i) => {
      if (parent[i] > i) throw damaged('a stage before its parent');
      return { id: i, parent: parent[i] - 1, name: strings.text(s) };
    });
  }

  // A column that is left out while all its numbers are 0.
  const orZeros = (column, rows) => (column.length > 0 ? column : new Uint32Array(rows));

  function readThreads(col, strings, runs) {
    const name = col.u32('thread.name', strings.count, 'a thread without its name');
    const n = name.length;
    const { process, pid, tid, count, run } = sameRows({
      process: col.u32('thread.process', strings.count, 'a thread without its process'),
      pid: col.f64('thread.pid'),
      tid: col.f64('thread.tid'),
      count: col.u32('thread.count'),
      run: below(orZeros(col.u32('thread.run'), n), runs.length, 'a thread without its run'),
    }, 'threads', n);
    return Array.from(name, (s, i) => ({
      id: i,
      run: run[i],
      name: strings.text(s),
      process: strings.text(process[i]),
      pid: pid[i],
      tid: tid[i],
      count: count[i],
    }));
  }

  // Samples of a group stay sorted by node; `first` is the place of a group's first one.
  function readSamples(col, { meta, tree, stages, threads }) {
    const count = col.u32('group.samples');
    const n = count.length;
    const groups = sameRows({
      run: below(orZeros(col.u32('group.run'), n), meta.runs.length, 'samples without their run'),
      kind: below(orZeros(col.u32('group.kind'), n), meta.kinds.length, 'samples without their kind'),
      stage: col.u32('group.stage', stages.length + 1, 'samples without their stage'),
      thread: col.u32('group.thread', threads.length + 1, 'samples without their thread'),
      samples: count,
      first: new Uint32Array(n),
    }, 'groups of samples', n);
    const node = col.u32('sample.node');
    const samples = sameRows({ node, count: col.f64('sample.count'), value: col.f64('sample.value') }, 'samples', node.length);
    let at = 0;
    for (let g = 0; g < n; g++) {
      groups.first[g] = at;
      if (count[g] > node.length - at) throw damaged('samples are cut');
      let last = 0;
      for (const end = at + count[g]; at < end; at++) {
        last += node[at];
        if (last >= tree.count) throw damaged('a sample without its node');
        node[at] = last;
      }
    }
    if (at !== node.length) throw damaged('samples that belong to nobody');
    return { groups, samples };
  }

  // A profile from inflated bytes.
  function parse(bytes) {
    if (bytes.length < 4) throw damaged('there is no head');
    const headSize = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    if (headSize > bytes.length - 4) throw damaged('the head is cut');
    const meta = flame.readHead(bytes.subarray(4, 4 + headSize));
    const col = flame.columnReader(meta.columns, bytes, 4 + headSize);
    const { runs, kinds } = meta;
    const strings = stringTable(col.u32('string.size'), col.raw('string.bytes'));
    const labels = readLabels(col, strings);
    const tree = readTree(col, labels, strings);
    const stages = readStages(col, strings);
    const threads = readThreads(col, strings, runs);
    const profile = { meta, runs, kinds, strings, labels, tree, stages, threads };
    Object.assign(profile, readSamples(col, profile));
    profile.spans = flame.readSpans(col, profile);
    profile.ticks = flame.readTicks(col, profile);
    profile.series = flame.readSeries(col, meta.series);
    profile.source = flame.readSource(col, meta.source, strings);
    return profile;
  }

  async function decode(base64) {
    return parse(await flame.inflateBytes(bytesOfBase64(base64)));
  }

  const api = { decode, parse, bytesOfBase64, INLINED: 1, NO_CODE: 2, OTHER: 4, LIBRARY: 8 };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
