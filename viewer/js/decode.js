// From the text between the data marks to a profile in typed arrays; the format is docs/viewer.md. No
// DOM; runs in browsers and under node. Everything it reads is foreign: sizes and references are checked
// once here, so that nothing after it has to.
(function (root) {
  'use strict';

  const NONE = 0xffffffff;

  function bytesOfBase64(text) {
    const clean = text.replace(/[^A-Za-z0-9+/=]+/g, '');
    const binary = atob(clean);
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
    return bytes;
  }

  async function inflate(bytes) {
    if (typeof DecompressionStream === 'undefined')
      throw new Error('this browser cannot unpack the data (it lacks DecompressionStream); use one from 2023 or later');
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  function damaged(what) {
    return new Error(`the data of this page are damaged: ${what}`);
  }

  // `rows` LEB128 numbers that fill `bytes` exactly. Beyond 2^32 they go on in floating point.
  function numbers(bytes, rows, into) {
    let at = 0;
    for (let row = 0; row < rows; row++) {
      let value = 0;
      let scale = 1;
      let byte;
      do {
        if (at >= bytes.length) throw damaged('a column ends early');
        byte = bytes[at++];
        value += (byte & 127) * scale;
        scale *= 128;
      } while (byte > 127);
      into[row] = value;
    }
    if (at !== bytes.length) throw damaged('a column is too long');
    return into;
  }

  function below(column, limit, what) {
    for (let i = 0; i < column.length; i++) if (column[i] >= limit) throw damaged(what);
    return column;
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

  function columnReader(head, bytes, offset) {
    const found = new Map();
    for (const [name, rows, size] of head.columns) {
      if (offset + size > bytes.length || rows > size) {
        if (name !== 'string.bytes') throw damaged(`column ${name} is cut`);
      }
      found.set(name, { rows, bytes: bytes.subarray(offset, offset + size) });
      offset += size;
    }
    const get = (name) => found.get(name) ?? { rows: 0, bytes: new Uint8Array(0) };
    return {
      raw: (name) => get(name).bytes,
      u32(name) {
        const c = get(name);
        return numbers(c.bytes, c.rows, new Uint32Array(c.rows));
      },
      f64(name) {
        const c = get(name);
        return numbers(c.bytes, c.rows, new Float64Array(c.rows));
      },
    };
  }

  // Parents and subtree ends of nodes that say how far above the one before their parent is.
  function readTree(col, labels, strings) {
    const up = col.u32('node.up');
    const label = below(col.u32('node.label'), labels.count, 'a node without its label');
    const n = up.length + 1;
    const tree = {
      count: n,
      parent: new Uint32Array(n),
      end: new Uint32Array(n).fill(n),
      depth: new Uint32Array(n),
      label: new Uint32Array(n),
      file: new Uint32Array(n),
      line: new Uint32Array(n),
      maxDepth: 0,
    };
    const file = below(col.u32('node.file'), strings.count + 1, 'a node without its file');
    const line = col.f64('node.line');
    if (label.length !== n - 1 || file.length !== n - 1 || line.length !== n - 1)
      throw damaged('columns of nodes differ in length');
    tree.label[0] = NONE;
    for (let i = 1; i < n; i++) {
      let parent = i - 1;
      for (let k = up[i - 1]; k > 0; k--) {
        if (parent === 0) throw damaged('a node above the root');
        tree.end[parent] = i;
        parent = tree.parent[parent];
      }
      const l = label[i - 1];
      const delta = line[i - 1];
      tree.parent[i] = parent;
      tree.depth[i] = tree.depth[parent] + 1;
      if (tree.depth[i] > tree.maxDepth) tree.maxDepth = tree.depth[i];
      tree.label[i] = l;
      tree.file[i] = file[i - 1] ? file[i - 1] - 1 : labels.file[l];
      tree.line[i] = labels.line[l] + (delta % 2 ? -(delta + 1) / 2 : delta / 2);
    }
    return tree;
  }

  function readLabels(col, strings) {
    const labels = {
      name: below(col.u32('label.function'), strings.count, 'a label without its name'),
      module: below(col.u32('label.module'), strings.count + 1, 'a label without its module'),
      flags: col.u32('label.flags'),
      file: below(col.u32('label.file'), strings.count, 'a label without its file'),
      line: col.u32('label.line'),
    };
    labels.count = labels.name.length;
    for (const key of ['module', 'flags', 'file', 'line'])
      if (labels[key].length !== labels.count) throw damaged('columns of labels differ in length');
    return labels;
  }

  function readStages(col, strings) {
    const parent = col.u32('stage.parent');
    const name = below(col.u32('stage.name'), strings.count, 'a stage without its name');
    if (parent.length !== name.length) throw damaged('columns of stages differ in length');
    return Array.from(name, (s, i) => {
      if (parent[i] > i) throw damaged('a stage before its parent');
      return { id: i, parent: parent[i] - 1, name: strings.text(s) };
    });
  }

  function readThreads(col, strings) {
    const name = below(col.u32('thread.name'), strings.count, 'a thread without its name');
    const process = below(col.u32('thread.process'), strings.count, 'a thread without its process');
    const pid = col.f64('thread.pid');
    const tid = col.f64('thread.tid');
    const count = col.u32('thread.count');
    return Array.from(name, (s, i) => ({
      id: i,
      name: strings.text(s),
      process: strings.text(process[i]),
      pid: pid[i],
      tid: tid[i],
      count: count[i],
    }));
  }

  function readSamples(col, nodes, stages, threads) {
    const groups = {
      stage: below(col.u32('group.stage'), stages.length + 1, 'samples without their stage'),
      thread: below(col.u32('group.thread'), threads.length + 1, 'samples without their thread'),
      samples: col.u32('group.samples'),
    };
    const samples = {
      node: col.u32('sample.node'),
      count: col.f64('sample.count'),
      value: col.f64('sample.value'),
    };
    let at = 0;
    for (let g = 0; g < groups.samples.length; g++) {
      let node = 0;
      for (let k = groups.samples[g]; k > 0; k--, at++) samples.node[at] = node += samples.node[at];
    }
    if (at !== samples.node.length || at !== samples.count.length || at !== samples.value.length)
      throw damaged('columns of samples differ in length');
    below(samples.node, nodes, 'a sample without its node');
    return { groups, samples };
  }

  // A profile from inflated bytes.
  function parse(bytes) {
    if (bytes.length < 4) throw damaged('there is no head');
    const headSize = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    if (headSize > bytes.length - 4) throw damaged('the head is cut');
    const meta = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + headSize)));
    if (meta.format !== 'protea-flame' || meta.version !== 1)
      throw new Error(`these data are ${meta.format} version ${meta.version}, this page reads protea-flame version 1`);
    const col = columnReader(meta, bytes, 4 + headSize);
    const strings = stringTable(col.u32('string.size'), col.raw('string.bytes'));
    const labels = readLabels(col, strings);
    const tree = readTree(col, labels, strings);
    const stages = readStages(col, strings);
    const threads = readThreads(col, strings);
    return { meta, strings, labels, tree, stages, threads, ...readSamples(col, tree.count, stages, threads) };
  }

  async function decode(base64) {
    return parse(await inflate(bytesOfBase64(base64)));
  }

  const api = { decode, parse, inflate, bytesOfBase64, INLINED: 1, NO_CODE: 2, OTHER: 4 };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
