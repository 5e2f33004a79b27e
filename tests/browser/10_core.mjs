// The pure part of the page under node: decoding, weights and formats, on pages of flame_page and on
// bytes that are damaged.
import { deflateSync, inflateSync } from 'node:zlib';
import { core, dataOf, fails, is, nameOf, needsPage, nodesNamed, page, profileOf, run, same, test } from './harness.mjs';

const flame = core('format', 'decode', 'weigh');
const weighed = (p, stage = flame.ALL, thread = flame.ALL) => {
  const own = flame.weigh(p, { stage, thread });
  return { ...own, value: flame.totalsOf(p.tree, own.selfValue), count: flame.totalsOf(p.tree, own.selfCount) };
};

test('a page has the profile that was written into it', needsPage(async () => {
  const p = await profileOf('typical');
  const sums = weighed(p);
  is(sums.count[0], 4155, 'samples');
  is(sums.value[0], 4155 * 5025126, 'value');
  const [run] = p.runs;
  is(run.host, 'node17');
  is(run.rate_hz, 199);
  is(run.started_ms, 1767225600000);
  same(run.losses, [['late_tick', 14], ['truncated', 33], ['no_unwind_info', 5]]);
  is(p.stages.map((s) => s.name).join(), 'job,load,knn,align,write');
  is(p.threads.map((t) => `${t.name}/${t.tid}/${t.process}`).join(), 'protea-export/4100/protea-export,worker-0/4101/protea-export,worker-1/4102/protea-export');
}));

test('a frame has its module, its line of most cost and its marks', needsPage(async () => {
  const p = await profileOf('typical');
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
}));

test('recursion stays a node below its own', needsPage(async () => {
  const p = await profileOf('deep');
  is(p.tree.maxDepth, 5000);
  for (let i = 1; i < p.tree.count; i++) is(p.tree.parent[i], i - 1);
}));

test('a stage counts with the stages inside it, a thread alone', needsPage(async () => {
  const p = await profileOf('typical');
  const stage = (name) => p.stages.find((s) => s.name === name).id;
  is(weighed(p, stage('knn')).count[0], 980 + 140 + 1012 + 121 + 44);
  is(weighed(p, stage('job')).count[0], 4155 - 38);
  is(weighed(p, flame.OUTSIDE).count[0], 38);
  is(weighed(p, stage('knn'), 2).count[0], 1012 + 121 + 44);
  is(weighed(p, flame.ALL, 1).count[0], 980 + 140 + 620 + 17);
}));

test('totals are selfs with all below, and subtrees lie inside each other', needsPage(async () => {
  const p = await profileOf('many', '3000');
  const sums = weighed(p);
  is(sums.selfValue.reduce((a, b) => a + b, 0), sums.value[0]);
  for (let i = 1; i < p.tree.count; i++) {
    const parent = p.tree.parent[i];
    if (p.tree.end[i] > p.tree.end[parent] || p.tree.depth[i] !== p.tree.depth[parent] + 1) throw new Error(`node ${i} is misplaced`);
  }
}));

test('names that are no UTF-8, empty or huge are read', needsPage(async () => {
  const p = await profileOf('hostile');
  const names = new Set(Array.from({ length: p.tree.count - 1 }, (_, i) => nameOf(p, i + 1)));
  for (const n of ['</script><script>window.broken=1</script>', '', ' ', '__proto__', '@PROTEA-FLAME-DATA@'])
    if (!names.has(n)) throw new Error(`no name ${n}`);
  is([...names].some((n) => n.startsWith('not utf-8: \ufffd')), true);
  const huge = [...names].find((n) => n.startsWith('xxxx'));
  is(huge.length, 4096 + '… (10485760 bytes in all)'.length);
}));

test('signs that cannot be seen or turn text round are made visible', () => {
  is(flame.visible('a\nb'), 'a\u240ab');
  is(flame.visible('evil\u202etxt'), 'evil\\u{202e}txt');
  is(flame.visible('a\u2028b\u0085'), 'a\\u{2028}b\\u{85}');
  for (const code of [0x34f, 0x115f, 0x180e, 0x2800, 0x3164, 0xffa0, 0xe0000, 0xe007f])
    is(flame.visible(`a${String.fromCodePoint(code)}b`), `a\\u{${code.toString(16)}}b`);
  is(flame.visible('שלום 漢字 🔥'), 'שלום 漢字 🔥');
});

test('views that a page left out are told from those that there are no data for', () => {
  const { viewsOf } = core('views');
  const profile = (meta) => ({ runs: [{}], ticks: { count: 0 }, spans: { count: 0 }, series: [], source: { files: [] }, meta });
  const left = (meta) => viewsOf(profile(meta), []).filter((v) => v.leftOut).map((v) => v.id).filter((id) => ['time', 'stages', 'memory', 'source'].includes(id)).join();
  is(left({}), '');
  is(left({ ticks: null, spans: { kept: 0, of: 0 }, series_left_out: 0, source: { left_out: 0 } }), '');
  is(left({ ticks: { kept: 0, of: 9 }, spans: { kept: 0, of: 2 }, series_left_out: 3, source: { left_out: 1 } }), 'time,stages,memory,source');
});

test('numbers read like those of the command line', () => {
  const cases = [
    [flame.time(0), '0 ns'], [flame.time(999), '999 ns'], [flame.time(1240000), '1.24 ms'], [flame.time(999600), '1 ms'],
    [flame.time(12.34e9), '12.3 s'], [flame.time(99.94e9), '99.9 s'], [flame.time(187e9), '3 min 07 s'], [flame.time(7500e9), '2 h 05 min'],
    [flame.bytes(512), '512 B'], [flame.bytes(1536), '1.5 KiB'], [flame.bytes(5 * 2 ** 30), '5.0 GiB'],
    [flame.count(459503), '459,503'], [flame.count(999), '999'],
    [flame.percent(1, 3), '33.3 %'], [flame.percent(1, 1), '100 %'], [flame.percent(1, 1e6), '< 0.01 %'], [flame.percent(0, 5), '0 %'], [flame.percent(1, 0), '–'],
    [flame.rate(199), '199 Hz'], [flame.rate(10000), '10 kHz'], [flame.date(0), '1970-01-01 00:00:00 UTC'], [flame.date(NaN), '–'],
    [flame.time(NaN), '–'], [flame.bytes(NaN), '–'], [flame.count(NaN), '–'], [flame.rate(NaN), '–'], [flame.percent(NaN, 3), '–'],
    [flame.time(999.7), '1 µs'], [flame.time(-1500), '-1.5 µs'], [flame.time(3599.7e9), '1 h 00 min'], [flame.time(99.96e9), '1 min 40 s'],
    [flame.bytes(1023.7), '1.0 KiB'], [flame.bytes(-2048), '-2.0 KiB'], [flame.bytes(1023.99 * 1024), '1.0 MiB'],
    [flame.percent(9.996, 100), '10.0 %'], [flame.percent(99.96, 100), '100 %'], [flame.percent(0.012, 100), '0.01 %'],
    [flame.amountText(1240000, 'ns'), '1.24 ms'], [flame.amountText(1536, 'bytes'), '1.5 KiB'], [flame.amountText(1536, 'count'), '1,536'],
    [flame.unitOf('offcpu'), 'ns'], [flame.unitOf('copy'), 'bytes'], [flame.unitOf('gpu'), 'ns'], [flame.unitOf('leak'), 'bytes'],
    [flame.digits(123456, 3), '123456'], [flame.digits(0.00012345, 3), '0.000123'],
    [flame.baseName('/usr/lib/libc.so.6'), 'libc.so.6'], [flame.baseName('[vdso]'), '[vdso]'],
  ];
  for (const [got, want] of cases) is(got, want);
});

test('the same profile gives the same bytes', () => {
  is(page('typical') === page('typical'), true);
  is(page('many', '5000') === page('many', '5000'), true);
});

test('a page of many stacks keeps its sums while it folds', needsPage(async () => {
  const p = await profileOf('many', '400000');
  const sums = weighed(p);
  const folded = nodesNamed(p, '(other)').reduce((sum, node) => sum + sums.value[node], 0);
  is(p.meta.folded.nodes > 0 && folded > 0, true, 'folded');
  is(p.meta.folded.share.toPrecision(3), (folded / sums.value[0]).toPrecision(3), 'share');
  is(sums.count[0], p.runs[0].kinds.cpu);
  is(page('many', '400000').length < 2e6, true, 'at most 2 MB:');
}));

test('a checksum is checked', needsPage(async () => {
  const whole = Buffer.from(dataOf(page('typical')), 'base64');
  await flame.decode(deflateSync(inflateSync(whole)).toString('base64'));
  const broken = Buffer.from(whole);
  broken[broken.length - 9] ^= 1;
  await fails(() => flame.decode(broken.toString('base64')), /damaged/);
  await fails(() => flame.decode('###'), /damaged/);
}));

await run();
