// Lines of source under node: files by weight, rows with gaps, hot lines, and what of a line is shown.
import { core, is, ok, run, same, test } from './harness.mjs';
import { makeProfile, random, randomSpec } from './rig.mjs';

const flame = core('format', 'state', 'weigh', 'derive', 'functions', 'source');
const one = (file, columns = ['cpu', 'alloc']) => makeProfile({ kinds: ['cpu', 'alloc'], source: { columns, files: [].concat(file) } });
const line = (no, cpu, alloc = 0) => ({ no, self: [cpu, alloc], total: [2 * cpu, alloc] });
const brief = (rows) => rows.map((r) => (r.gap ? `${r.gap[0]}…${r.gap[1]}` : `${r.no}${r.text === null ? '' : `'${r.text}'`}${r.line ? `=${r.line.self[0]}` : ''}`)).join(' ');
const pieces = (text, file, inside) => flame.shade(text, flame.languageOf(file), inside).map(([what, t]) => (what ? `${what}<${t}>` : t)).join('');
const opened = (lines, file) => [...flame.insideComments(lines.map((text) => ({ text })), flame.languageOf(file))].join('');

test('files come by what their lines cost themselves', () => {
  const p = one([{ name: 'b.c', lines: [line(1, 5), line(9, 5)] }, { name: 'a.c', lines: [line(3, 10, 7)], windows: [{ first: 1, lines: ['x'] }] }, { name: 'c.c', lines: [line(2, 1, 99)] }]);
  same(flame.sourceFiles(p, 0).map((f) => [f.name, f.file, f.self, f.lines, f.text]), [['a.c', 1, [10, 7], 1, true], ['b.c', 0, [10, 0], 2, false], ['c.c', 2, [1, 99], 1, false]]);
  same(flame.sourceFiles(p, 1).map((f) => f.name), ['c.c', 'a.c', 'b.c']);
  is(flame.sourceFileOf(p, 'a.c'), 1);
  is(flame.sourceFileOf(p, 'x.c'), -1);
  is(flame.sourceFileOf(p, ''), -1);
  is(flame.sourceColumn(p, 'alloc'), 1);
  is(flame.sourceColumn(p, 'peak'), 0, 'a kind without a column:');
  same(flame.sourceFiles(makeProfile({ stacks: [] }), 0), [], 'no source:');
});

test('only its own keys sort a file or the list', () => {
  const all = ['line', 'name', 'self.0', 'self.1', 'self.2', 'total.0', 'total.2', 'self', 'total', 'm.self', 'place', 'wall', 'self.', 'self.12', '', 'line.0', '0'];
  const known = (inFile, columns) => all.filter((key) => flame.sourceSort(key, columns, inFile)).join(' ');
  is(known(true, 2), 'line self.0 self.1 total.0', 'a file:');
  is(known(false, 2), 'name self.0 self.1', 'the list:');
  is(known(true, 0), 'line', 'no columns:');
  same(flame.sourceSort('-total.1', 2, true), { key: 'total.1', down: true });
  same(flame.sourceSort('line', 2, true), { key: 'line', down: false });
  is(flame.sourceSort('--line', 2, true), null);
});

test('functions of a line: by all their calls there, one inside another once', () => {
  const spec = {
    stacks: [['f;g;f;g', 6], ['f', 1], ['h', 5], ['x;h', 4], ['h2', 100], ['x', 50]],
    files: { f: 'a.c:4', g: 'a.c:4', h: 'a.c:4', h2: 'a.c:5', x: 'b.c:4' },
    source: { columns: ['cpu'], files: [{ name: 'a.c', lines: [line(4, 1)] }] },
  };
  const p = makeProfile(spec);
  const total = flame.totalsOf(p.tree, flame.weigh(p, {}).selfValue);
  const names = (file, no) => flame.functionsAt(p, total, file, no).map((l) => p.strings.text(p.labels.name[l])).join();
  is(names('a.c', 4), 'h,f,g', 'with f counted twice f would be the first:');
  is(names('a.c', 5), 'h2');
  is(names('a.c', 6), '', 'no such line:');
  is(names('b.c', 4), '', 'a file without lines:');
  for (let seed = 1; seed < 12; seed++) {
    const q = makeProfile({ ...randomSpec(seed, { names: 5 }), files: Object.fromEntries(Array.from({ length: 5 }, (_, i) => [`f${i}`, `a.c:${i % 2}`])), source: spec.source });
    const table = flame.functionTable(q, flame.deriveGraph(q, flame.stateDefaults(q)));
    const sums = flame.totalsOf(q.tree, flame.weigh(q, {}).selfValue);
    const found = flame.functionsAt(q, sums, 'a.c', 1).map((l) => table.total[table.row(l)] ?? 0);
    same(found, found.slice().sort((x, y) => y - x), `seed ${seed}: as the table has them`);
  }
});

test('rows have text, costs and gaps in order', () => {
  const rows = (file) => brief(flame.sourceRows(one(file), 0));
  is(rows({ name: 'a', lines: [line(2, 7)], windows: [{ first: 1, lines: ['one', 'two', 'three'] }] }), "1'one' 2'two'=7 3'three'");
  is(rows({ name: 'a', lines: [line(0, 3), line(5, 7), line(9, 1)], windows: [{ first: 4, lines: ['four', 'five'] }] }), "0=3 1…3 4'four' 5'five'=7 6…8 9=1");
  is(rows({ name: 'a', lines: [line(3, 1), line(4, 2)] }), '1…2 3=1 4=2', 'no text:');
  is(rows({ name: 'a', windows: [{ first: 10, lines: ['ten'] }, { first: 12, lines: ['twelve'] }] }), "1…9 10'ten' 11…11 12'twelve'", 'no costs:');
  is(rows({ name: 'a', lines: [line(3, 1)], windows: [{ first: 2, lines: ['b', 'c', 'd'] }, { first: 3, lines: ['c', 'd', 'e'] }] }), "1…1 2'b' 3'c'=1 4'd' 5'e'", 'windows that overlap:');
  is(rows({ name: 'a' }), '', 'nothing:');
});

test('every line with a cost has one row, whatever the windows', () => {
  const next = random(3);
  for (let k = 0; k < 200; k++) {
    const lines = [];
    for (let no = Math.floor(next() * 3); lines.length < 20; no += 1 + Math.floor(next() * 6)) lines.push(line(no, 1 + Math.floor(next() * 9)));
    const windows = Array.from({ length: Math.floor(next() * 4) }, () => ({ first: 1 + Math.floor(next() * 60), lines: Array.from({ length: 1 + Math.floor(next() * 15) }, (_, i) => `t${i}`) }));
    const rows = flame.sourceRows(one({ name: 'a', lines, windows }), 0);
    same(rows.filter((r) => r.line).map((r) => r.no), lines.map((l) => l.no), 'lines');
    let last = 0;
    for (const r of rows) {
      const [from, to] = r.gap ?? [r.no, r.no];
      ok(r.no === 0 || from === last + 1, `row ${from} follows ${last}`);
      ok(to >= from, 'a gap has lines');
      last = r.no === 0 ? last : to;
    }
  }
});

test('rows sort by a column; the hottest come first', () => {
  const rows = flame.sourceRows(one({ name: 'a', lines: [line(1, 5), line(2, 9, 1), line(3, 0, 4), line(4, 9)], windows: [{ first: 1, lines: ['a', 'b', 'c', 'd', 'e'] }] }), 0);
  same(flame.sortedRows(rows, 'self', 0, false).map((r) => r.no), [2, 4, 1, 3]);
  same(flame.sortedRows(rows, 'total', 1, false).map((r) => r.no), [3, 2, 1, 4]);
  same(flame.sortedRows(rows, 'self', 0, true).map((r) => r.no), [3, 1, 2, 4]);
  same(flame.hotRows(rows, 0).map((i) => rows[i].no), [2, 4, 1]);
  const calls = flame.sourceRows(one({ name: 'a', lines: [{ no: 1, self: [0, 0], total: [5, 0] }, { no: 2, self: [0, 0], total: [9, 0] }, { no: 3, self: [1, 0], total: [1, 0] }] }), 0);
  same(flame.hotRows(calls, 0).map((i) => calls[i].no), [3, 2, 1], 'lines that only call come after:');
  same(flame.hotRows(rows, 1).map((i) => rows[i].no), [3, 2]);
});

test('a line shows what the compiler read', () => {
  is(flame.codeText('\tif (x)\ty'), '        if (x)  y');
  is(flame.codeText('1234567\tx'), '1234567 x');
  is(flame.codeText('12345678\tx'), '12345678        x');
  is(flame.codeText('if (level != "user\u202e \u2066// admin\u2069 \u2066")'), 'if (level != "user\\u{202e} \\u{2066}// admin\\u{2069} \\u{2066}")', 'directions:');
  is(flame.codeText('a\u200bb\u0000c\u001b[2J'), 'a\\u{200b}b\u2400c\u241b[2J', 'what cannot be seen:');
  is(flame.codeText('end\r'), 'end', 'line ends of Windows:');
  is(flame.codeText('x\ry'), 'x\u240dy', 'but not inside of a line:');
  is(flame.codeText(''), '');
  is(flame.codeText('x'.repeat(10000)), `${'x'.repeat(4000)}… (6,000 more characters)`);
  ok(flame.codeText('\t'.repeat(1e6)).length < 50000, 'a million tabs');
});

test('comments, texts and keywords of C and its like are told apart', () => {
  is(pieces('int x = "a\\"b"; // path/*.c', 'a.c'), 'word<int> x = text<"a\\"b">; comment<// path/*.c>');
  is(pieces("char c = '\\''; /* a */ return;", 'a.cpp'), "word<char> c = text<'\\''>; comment</* a */> word<return>;");
  is(pieces('integer returned', 'a.h'), 'integer returned', 'whole words only:');
  is(pieces('still */ int', 'a.c', true), 'comment<still */> word<int>');
  is(pieces('def f(): # "x"', 'a.py'), 'word<def> f(): comment<# "x">');
  is(pieces('int x', 'a.f90'), 'int x', 'other languages have no colours:');
  is(pieces('', 'a.c'), '');
  is(opened(['// js/*.mjs', 'int a;', '/* one', 'two', 'three */ int /* x */', 'b', '"/*"', 'c'], 'a.c'), '00011000');
  is(opened(['/* a */ /* b', 'c */ /* d', 'e', '*/', 'f'], 'a.c'), '01110');
  is(opened(['def f():', '  """doc', '  more', '  """', '  return 1', '  """one"""', 'x'], 'a.py'), '0011000');
});

test('pieces are the line again, and take no long time', () => {
  const next = random(11);
  const signs = ['"', "'", '\\', '/*', '*/', '//', '#', '"""', 'int', ' ', 'x', '\u00e9'];
  for (let k = 0; k < 2000; k++) {
    const text = Array.from({ length: Math.floor(next() * 12) }, () => signs[Math.floor(next() * signs.length)]).join('');
    for (const file of ['a.c', 'a.py', 'a.txt'])
      for (const inside of [false, true]) is(flame.shade(text, flame.languageOf(file), inside).map(([, t]) => t).join(''), text);
  }
  const words = flame.shade('int '.repeat(1000), flame.languageOf('a.c'), false);
  is(words.length, 400, 'long lines have colours at their beginning:');
  const from = performance.now();
  for (const sign of ["'\\", '"\\', '/*', '"""', '/*/', "'"]) for (const file of ['a.c', 'a.py']) {
    const text = sign.repeat(2000).slice(0, 4000);
    is(flame.shade(text, flame.languageOf(file), false).map(([, t]) => t).join(''), text);
    opened(Array(500).fill(text), file);
  }
  console.log(`# lines made to be slow: ${(performance.now() - from).toFixed(0)} ms for 6,000 of 4,000 characters`);
});

await run();
