// The pure part of the page under node: decoding, layout, search, colours and formats, on pages of
// flame_page and on bytes that are damaged.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { deflateSync, inflateSync } from 'node:zlib';

const require = createRequire(resolve('viewer/js/x.js'));
const flame = Object.assign({}, ...['format', 'decode', 'layout', 'search', 'colours'].map((f) => require(`./${f}.js`)));
const tool = join(process.env.O ?? 'build', 'tests/tools/flame_page');

let count = 0;
let failures = 0;
const tests = [];
const test = (name, body) => tests.push([name, body]);
function is(got, want, what = '') {
  if (!Object.is(got, want)) throw new Error(`${what} got ${String(got)}, want ${String(want)}`);
}
function near(got, want, what) {
  if (Math.abs(got - want) > 1e-9 * Math.abs(want)) throw new Error(`${what} got ${got}, want ${want}`);
}

const dataOf = (html) => html.slice(html.indexOf('type="text/plain">') + 18).split('</script>')[0];
const page = (...args) => execFileSync(tool, args, { maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] }).toString('latin1');
const cache = new Map();
async function profile(...args) {
  const key = args.join(' ');
  if (!cache.has(key)) cache.set(key, await flame.decode(dataOf(page(...args))));
  return cache.get(key);
}
const nameOf = (p, node) => p.strings.text(p.labels.name[p.tree.label[node]]);
const weighed = (p, stage = flame.ALL, thread = flame.ALL) => flame.weigh(p, flame.chooseGroups(p, stage, thread));
function nodesNamed(p, name) {
  const found = [];
  for (let i = 1; i < p.tree.count; i++) if (nameOf(p, i) === name) found.push(i);
  return found;
}

test('a page has the profile that was written into it', async () => {
  const p = await profile('typical');
  const sums = weighed(p);
  is(sums.count[0], 4155, 'samples');
  is(sums.value[0], 4155 * 5025126, 'value');
  is(p.meta.run.host, 'node17');
  is(p.meta.run.rate_hz, 199);
  is(p.meta.run.started_ms, 1767225600000);
  is(JSON.stringify(p.meta.losses), '[["late_tick",14],["truncated",33],["no_unwind_info",5]]');
  is(p.stages.map((s) => s.name).join(), 'job,load,knn,align,write');
  is(p.threads.map((t) => `${t.name}/${t.tid}/${t.process}`).join(), 'protea-export/4100/protea-export,worker-0/4101/protea-export,worker-1/4102/protea-export');
});

test('a frame has its module, its line of most cost and its marks', async () => {
  const p = await profile('typical');
  const [dot] = nodesNamed(p, 'dot_f32');
  is(nodesNamed(p, 'dot_f32').length, 1, 'one node for two threads:');
  is(p.labels.flags[p.tree.label[dot]], flame.INLINED);
  is(`${p.strings.text(p.tree.file[dot])}:${p.tree.line[dot]}`, 'knn/dot.c:33');
  is(p.strings.text(p.labels.module[p.tree.label[dot]] - 1), '/opt/export/bin/protea-export');
  const [knn] = nodesNamed(p, 'knn_block');
  is(p.tree.line[knn], 140, 'of lines 140, 151 and 160:');
  const [cut] = nodesNamed(p, '[truncated]');
  is(p.labels.flags[p.tree.label[cut]], flame.NO_CODE);
  is(p.labels.module[p.tree.label[cut]], 0);
});

test('recursion stays a node below its own', async () => {
  const p = await profile('deep');
  is(p.tree.maxDepth, 2048);
  is(flame.pathTo(p.tree, p.tree.count - 1).length, 2049);
});

test('a stage counts with the stages inside it, a thread alone', async () => {
  const p = await profile('typical');
  const stage = (name) => p.stages.find((s) => s.name === name).id;
  is(weighed(p, stage('knn')).count[0], 980 + 140 + 1012 + 121 + 44);
  is(weighed(p, stage('job')).count[0], 4155 - 38);
  is(weighed(p, flame.OUTSIDE).count[0], 38);
  is(weighed(p, stage('knn'), 2).count[0], 1012 + 121 + 44);
  is(weighed(p, flame.ALL, 1).count[0], 980 + 140 + 620 + 17);
});

test('totals are selfs with all below, and children lie inside their parents', async () => {
  const p = await profile('many', '3000');
  const sums = weighed(p);
  const start = flame.place(p.tree, sums.value);
  let selfs = 0;
  for (let i = 0; i < p.tree.count; i++) selfs += sums.selfValue[i];
  is(selfs, sums.value[0]);
  for (let i = 1; i < p.tree.count; i++) {
    const parent = p.tree.parent[i];
    if (start[i] < start[parent] || start[i] + sums.value[i] > start[parent] + sums.value[parent]) throw new Error(`node ${i} sticks out`);
    if (p.tree.end[i] > p.tree.end[parent] || p.tree.depth[i] !== p.tree.depth[parent] + 1) throw new Error(`node ${i} is misplaced`);
  }
});

test('what is drawn is what a point hits', async () => {
  const p = await profile('many', '3000');
  const { value } = weighed(p);
  const start = flame.place(p.tree, value);
  const zoom = 1;
  let boxes = 0;
  flame.visit(p.tree, value, start, { zoom, first: 0, last: 60, least: value[zoom] / 1e5 }, (node, from, to) => {
    boxes++;
    is(flame.hit(p.tree, value, start, zoom, (from + to) / 2, p.tree.depth[node]), node, 'hit');
  }, () => {});
  if (boxes < 50) throw new Error(`only ${boxes} boxes`);
  is(flame.hit(p.tree, value, start, zoom, start[zoom] + value[zoom], p.tree.depth[zoom] + 1), -1, 'beyond the right edge:');
  is(flame.hit(p.tree, value, start, zoom, 0, 0), 0, 'the root row:');
});

test('frames and dust together cover what children cover', async () => {
  const p = await profile('many', '20000');
  const { value, selfValue } = weighed(p);
  const start = flame.place(p.tree, value);
  const covered = new Map();
  const add = (depth, w) => covered.set(depth, (covered.get(depth) ?? 0) + w);
  const least = value[0] / 400;
  flame.visit(p.tree, value, start, { zoom: 0, first: 0, last: 1, least },
    (node, from, to) => add(p.tree.depth[node], to - from), (depth, from, to) => add(depth, to - from));
  const want = value[0] - selfValue[0];
  if (Math.abs(covered.get(1) - want) > 3 * least) throw new Error(`${covered.get(1)} of ${want}`);
});

test('a match inside a match counts once', async () => {
  const p = await profile('deep');
  const { value } = weighed(p);
  const hits = flame.matchLabels(p, flame.compile('^fib$'));
  const m = flame.matched(p.tree, value, hits, 0);
  is(m.sum, value[0]);
  is(m.frames, 2048);
  is(flame.matched(p.tree, value, hits, 1000).sum, value[1000], 'below a match:');
});

test('matches by name and by module add up', async () => {
  const p = await profile('typical');
  const { count: total } = weighed(p);
  const sum = (text, zoom = 0) => flame.matched(p.tree, total, flame.matchLabels(p, flame.compile(text)), zoom).sum;
  is(sum('dot_f32|heap_push'), 980 + 140 + 1012 + 121);
  is(sum('KNN'), 0, 'a capital letter makes case count:');
  is(sum('knn'), 980 + 140 + 1012 + 121 + 44);
  is(sum('module:libparasail'), 620 + 588 + 48);
  is(sum('knn', nodesNamed(p, 'align_pair')[0]), 0);
  is(sum('worker_main', nodesNamed(p, 'align_pair')[0]), 620 + 588 + 48 + 17, 'what leads to the view matches:');
  is(sum('\\S+_read'), 210 + 95 + 60 + 31 + 22);
  is(flame.compile('a(').error !== undefined, true);
  is(flame.compile('').test('x'), true);
});

test('steps go to neighbours, callers and the heaviest callee', async () => {
  const p = await profile('typical');
  const { value } = weighed(p);
  const go = (name, where) => nameOf(p, flame.step(p.tree, value, nodesNamed(p, name)[0], where));
  is(go('knn_block', 'right'), 'align_pair');
  is(go('align_pair', 'left'), 'knn_block');
  is(go('knn_block', 'left'), 'knn_block');
  is(go('knn_block', 'callee'), 'dot_f32');
  is(go('dot_f32', 'caller'), 'knn_block');
});

test('inlined functions are told with their caller', async () => {
  const p = await profile('typical');
  const { count: total } = weighed(p);
  const inner = flame.inlinedInto(p, total, nodesNamed(p, 'knn_block')[0]);
  is(inner.map((x) => `${p.strings.text(p.labels.name[x.label])} ${x.weight}`).join(), 'dot_f32 1992,heap_push 261');
});

test('names that are no UTF-8, empty or huge are read', async () => {
  const p = await profile('hostile');
  const names = new Set(Array.from({ length: p.tree.count - 1 }, (_, i) => nameOf(p, i + 1)));
  for (const n of ['</script><script>window.broken=1</script>', '', ' ', '__proto__', '@PROTEA-FLAME-DATA@'])
    if (!names.has(n)) throw new Error(`no name ${n}`);
  is([...names].some((n) => n.startsWith('not utf-8: \ufffd')), true);
  const huge = [...names].find((n) => n.startsWith('xxxx'));
  is(huge.length, 4096 + '… (10485760 bytes in all)'.length);
});

test('signs that cannot be seen or turn text round are made visible', () => {
  is(flame.visible('a\nb'), 'a\u240ab');
  is(flame.visible('evil\u202etxt'), 'evil\\u{202e}txt');
  is(flame.visible('a\u2028b\u0085'), 'a\\u{2028}b\\u{85}');
  is(flame.visible('שלום 漢字 🔥'), 'שלום 漢字 🔥');
});

test('numbers read like those of the command line', () => {
  const cases = [
    [flame.time(0), '0 ns'], [flame.time(999), '999 ns'], [flame.time(1240000), '1.24 ms'], [flame.time(999600), '1 ms'],
    [flame.time(12.34e9), '12.3 s'], [flame.time(99.94e9), '99.9 s'], [flame.time(187e9), '3 min 07 s'], [flame.time(7500e9), '2 h 05 min'],
    [flame.bytes(512), '512 B'], [flame.bytes(1536), '1.5 KiB'], [flame.bytes(5 * 2 ** 30), '5.0 GiB'],
    [flame.count(459503), '459,503'], [flame.count(999), '999'],
    [flame.percent(1, 3), '33.3 %'], [flame.percent(1, 1), '100 %'], [flame.percent(1, 1e6), '< 0.01 %'], [flame.percent(0, 5), '0 %'], [flame.percent(1, 0), '–'],
    [flame.rate(199), '199 Hz'], [flame.rate(10000), '10 kHz'], [flame.date(0), '1970-01-01 00:00:00 UTC'], [flame.date(NaN), '–'],
    [flame.baseName('/usr/lib/libc.so.6'), 'libc.so.6'], [flame.baseName('[vdso]'), '[vdso]'],
  ];
  for (const [got, want] of cases) is(got, want);
});

test('text on every colour can be read', () => {
  for (const dark of [false, true])
    for (let place = -1; place < 2 * flame.HUES.length; place++)
      for (const shade of [0, 0.5, 1]) {
        const c = flame.contrast(flame.frame(place, shade, dark), flame.TEXT[dark ? 'dark' : 'light']);
        if (c < 4.5) throw new Error(`place ${place}, shade ${shade}, dark ${dark}: ${c.toFixed(2)}`);
      }
  near(flame.contrast('#ffffff', '#000000'), 21, 'white on black');
});

test('colours go by module, the heaviest first', async () => {
  const p = await profile('typical');
  const { selfValue } = weighed(p);
  const modules = flame.palette(p, selfValue, false).modules.map((m) => (m.module < 0 ? '-' : flame.baseName(p.strings.text(m.module))));
  is(modules.join(), 'protea-export,libparasail.so.8,libsqlite3.so.0,libc.so.6,libsnappy.so.1,-');
});

test('the same profile gives the same bytes', () => {
  is(page('typical') === page('typical'), true);
  is(page('many', '5000') === page('many', '5000'), true);
});

test('a page of many stacks keeps its sums while it folds', async () => {
  const p = await profile('many', '400000');
  const sums = weighed(p);
  const others = nodesNamed(p, '(other)');
  is(p.meta.folded.nodes > 0 && others.length > 0, true, 'folded');
  let folded = 0;
  for (const node of others) folded += sums.value[node];
  is(folded, p.meta.folded.value);
  is(sums.count[0], p.meta.kinds.cpu);
  is(page('many', '400000').length < 2e6, true, 'at most 2 MB:');
});

test('damaged data are refused, never misread', async () => {
  const whole = Buffer.from(dataOf(page('typical')), 'base64');
  const raw = inflateSync(whole);
  let refused = 0;
  const attempt = async (bytes) => {
    try {
      const p = flame.parse(new Uint8Array(bytes));
      for (let i = 1; i < p.tree.count; i++) nameOf(p, i);
      weighed(p);
    } catch (e) {
      if (!/damaged|JSON|version|head|property|iterable|Invalid|undefined/.test(e.message)) throw e;
      refused++;
    }
  };
  for (let n = 0; n < raw.length; n += 7) await attempt(raw.subarray(0, n));
  is(refused >= raw.length / 7, true, 'cut data:');
  let seed = 1;
  for (let k = 0; k < 2000; k++) {
    const bytes = Buffer.from(raw);
    for (let j = 0; j < 3; j++) {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      bytes[seed % bytes.length] = seed >>> 24;
    }
    await attempt(bytes);
  }
  const broken = Buffer.from(whole);
  broken[broken.length - 9] ^= 1; // the checksum of zlib notices
  let failed = false;
  await flame.decode(broken.toString('base64')).catch(() => (failed = true));
  is(failed, true, 'checksum:');
  await flame.decode(deflateSync(raw).toString('base64'));
});

if (!existsSync(tool)) {
  for (const [name] of tests) console.log(`ok ${++count} - ${name} # SKIP no ${tool} (make tools)`);
} else {
  for (const [name, body] of tests) {
    try {
      await body();
      console.log(`ok ${++count} - ${name}`);
    } catch (e) {
      failures++;
      console.log(`not ok ${++count} - ${name}\n# ${String(e.stack ?? e).split('\n').slice(0, 6).join('\n# ')}`);
    }
  }
}
console.log(`1..${count}`);
process.exitCode = failures ? 1 : 0;
