// Files of our Parquet writer in two readers that are not ours, DuckDB and hyparquet: every cell against
// what tests/tools/parquet_gen put in, types, row groups, statistics as filters use them.
import { createRequire } from 'node:module';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const GEN = join(process.env.O ?? 'build', 'tests/tools/parquet_gen');
const DUMP = 'tests/tools/parquet_dump.mjs';
const MODULES = ['@duckdb/node-api', 'hyparquet'];
const GROUP = 65536;
const require = createRequire(resolve('tests/node/package.json'));

let count = 0;
let failures = 0;

function report(ok, name, detail) {
  console.log(`${ok ? 'ok' : 'not ok'} ${++count} - ${name}`);
  if (ok) return;
  failures++;
  console.log(`# ${String(detail).split('\n').slice(0, 6).join('\n# ')}`);
}

async function test(name, body) {
  try {
    await body();
    report(true, name);
  } catch (e) {
    report(false, name, e.stack ?? e);
  }
}

function equal(got, want, what) {
  if (!Object.is(got, want)) throw new Error(`${what}: got ${String(got)}, want ${String(want)}`);
}

const missing = MODULES.filter((m) => {
  try {
    require.resolve(m);
    return false;
  } catch {
    return true;
  }
});
if (missing.length) {
  console.log(`ok 1 - Parquet files in other readers # SKIP no ${missing.join(', ')} in tests/node/node_modules`);
  process.exit(0);
}

const { DuckDBInstance } = require('@duckdb/node-api');
const hyparquet = await import(require.resolve('hyparquet'));
const folder = mkdtempSync(join(tmpdir(), 'parquet-'));
const duck = await (await DuckDBInstance.create()).connect();
const query = async (sql) => (await duck.runAndReadAll(sql)).getRowsJS();

function generate(profile, rows, batch) {
  const base = join(folder, `${profile}-${rows}-${batch}`);
  execFileSync(GEN, [profile, rows, 7, batch, `${base}.parquet`, `${base}.tsv`].map(String));
  return { path: `${base}.parquet`, tsv: `${base}.tsv`, rows };
}

const UNESCAPED = { t: '\t', n: '\n', r: '\r', '\\': '\\' };
const unescape = (s) => (s.includes('\\') ? s.replace(/\\(.)/g, (_, c) => UNESCAPED[c]) : s);

// The expected values, by column: null, string, number or boolean, as the reader's type says.
function expected(tsv, types) {
  const lines = readFileSync(tsv, 'utf8').split('\n');
  const names = lines[0].split('\t');
  const columns = names.map(() => new Array(lines.length - 2));
  const parse = names.map((n) => {
    if (types[n] === 'VARCHAR') return unescape;
    return types[n] === 'BOOLEAN' ? (s) => s === '1' : Number;
  });
  for (let i = 1; i < lines.length - 1; i++) {
    const cells = lines[i].split('\t');
    for (let k = 0; k < names.length; k++) columns[k][i - 1] = cells[k] === '\\N' ? null : parse[k](cells[k]);
  }
  return { names, columns };
}

async function typesOf(path) {
  const rows = await query(`DESCRIBE SELECT * FROM '${path}'`);
  return Object.fromEntries(rows.map((r) => [r[0], r[1]]));
}

function compareColumn(name, got, want, first) {
  for (let i = 0; i < got.length; i++) {
    const v = got[i] ?? null;
    if (!Object.is(v, want[first + i])) equal(v, want[first + i], `${name}, row ${first + i}`);
  }
}

async function compareDuck(file) {
  const want = expected(file.tsv, await typesOf(file.path));
  const result = await duck.stream(`SELECT * FROM '${file.path}'`);
  let first = 0;

  equal(result.columnNames().join(), want.names.join(), 'columns');
  for (;;) {
    const chunk = await result.fetchChunk();
    if (!chunk || chunk.rowCount === 0) break;
    chunk.getColumns().forEach((c, k) => compareColumn(want.names[k], c, want.columns[k], first));
    first += chunk.rowCount;
  }
  equal(first, file.rows, 'rows');
}

function asBuffer(path) {
  const b = readFileSync(path);
  return b.buffer.slice(b.byteOffset, b.byteOffset + b.byteLength);
}

async function compareHyparquet(file) {
  const want = expected(file.tsv, await typesOf(file.path));
  let seen = 0;

  for (let first = 0; first < file.rows || first === 0; first += GROUP) {
    const rows = await hyparquet.parquetReadObjects({
      file: asBuffer(file.path),
      rowStart: first,
      rowEnd: Math.min(first + GROUP, file.rows),
    });
    for (let k = 0; k < want.names.length; k++) {
      const column = rows.map((r) => r[want.names[k]]);
      compareColumn(want.names[k], column, want.columns[k], first);
    }
    seen += rows.length;
    if (file.rows === 0) break;
  }
  equal(seen, file.rows, 'rows');
}

const groupsOf = async (path) =>
  (await query(`SELECT DISTINCT row_group_id, row_group_num_rows FROM parquet_metadata('${path}') ORDER BY 1`))
    .map((r) => Number(r[1])).join();

async function checkSchema(path, nColumns, booleans) {
  const rows = await query(`SELECT name, type, repetition_type, converted_type, logical_type
    FROM parquet_schema('${path}') WHERE type IS NOT NULL`);
  const kinds = {};

  equal(rows.length, nColumns, 'columns');
  for (const [name, type, repetition, converted, logical] of rows) {
    equal(repetition, 'OPTIONAL', `${name} repetition`);
    kinds[type] = (kinds[type] ?? 0) + 1;
    if (type === 'BYTE_ARRAY') {
      equal(converted, 'UTF8', `${name} converted type`);
      equal(logical, 'StringType()', `${name} logical type`);
    }
  }
  equal(rows.find((r) => r[0] === 'label')[3], 'INT_8', 'label');
  equal(kinds.INT32, 1, 'INT32 columns');
  equal(kinds.BYTE_ARRAY, 8, 'string columns');
  equal(kinds.BOOLEAN ?? 0, booleans, 'boolean columns');
  equal(kinds.DOUBLE, nColumns - 9 - booleans, 'double columns');
}

// Filters skip row groups by statistics: the same rows must come out as from arithmetic that no
// statistic can serve.
async function checkFilters(path, columns) {
  const quantiles = [0, 0.001, 0.5, 0.999, 1];

  for (const c of columns) {
    const cuts = (await query(`SELECT quantile_disc("${c}", ${JSON.stringify(quantiles)}) FROM '${path}'`))[0][0];
    for (const cut of cuts ?? []) {
      for (const op of ['>', '<', '>=', '=']) {
        const value = typeof cut === 'string' ? `'${cut.replaceAll("'", "''")}'` : `${cut}::DOUBLE`;
        const hidden = typeof cut === 'string' ? `concat("${c}", '')` : `("${c}" * 1.0)`;
        const nulls = typeof cut === 'string' ? `"${c}" IS NOT NULL AND ` : '';
        const a = await query(`SELECT count(*) FROM '${path}' WHERE "${c}" ${op} ${value}`);
        const b = await query(`SELECT count(*) FROM '${path}' WHERE ${nulls}${hidden} ${op} ${value}`);
        equal(a[0][0], b[0][0], `${c} ${op} ${cut}`);
      }
    }
    const nulls = await query(`SELECT count(*) FILTER (WHERE "${c}" IS NULL), (SELECT sum(stats_null_count)
      FROM parquet_metadata('${path}') WHERE path_in_schema = '${c}') FROM '${path}'`);
    equal(BigInt(nulls[0][0]), BigInt(nulls[0][1]), `${c}: nulls`);
  }
}

async function checkBounds(path) {
  const rows = await query(`SELECT path_in_schema, type, min(stats_min_value), max(stats_max_value)
    FROM parquet_metadata('${path}') WHERE row_group_id = 0 GROUP BY ALL`);

  for (const [name, type, min, max] of rows) {
    const cast = type === 'BYTE_ARRAY' ? 'VARCHAR' : type === 'BOOLEAN' ? 'BOOLEAN' : 'DOUBLE';
    const [[lo, hi]] = await query(`SELECT min(v), max(v) FROM
      (SELECT "${name}"::${cast} AS v FROM '${path}' LIMIT ${GROUP})`);
    if (lo === null) {
      equal(min, null, `${name}: minimum`);
      continue;
    }
    const as = (s) => (cast === 'DOUBLE' ? Number(s) + 0 : cast === 'BOOLEAN' ? s === 'true' : s);
    equal(as(min), cast === 'DOUBLE' ? lo + 0 : lo, `${name}: minimum`);
    equal(as(max), cast === 'DOUBLE' ? hi + 0 : hi, `${name}: maximum`);
  }
}

function checkDump(file) {
  const got = execFileSync(process.execPath, [DUMP, file.path], { encoding: 'utf8', maxBuffer: 1 << 30 });
  const lines = got.split('\n');
  const want = readFileSync(file.tsv, 'utf8').split('\n');

  equal(lines.length, want.length, 'lines');
  equal(lines[0], want[0], 'header');
  for (let i = 1; i < want.length - 1; i++) {
    const a = lines[i].split('\t');
    const b = want[i].split('\t');
    for (let k = 0; k < b.length; k++) {
      if (a[k] === b[k]) continue;
      const truth = { true: '1', false: '0' }[a[k]] ?? a[k];
      const where = `line ${i + 1}, field ${k + 1}`;
      // The generator writes 17 digits, the dump the fewest: equal as numbers.
      if (/^[-+.0-9e]+$/.test(truth) && /^[-+.0-9e]+$/.test(b[k])) equal(Number(truth), Number(b[k]), where);
      else equal(truth, b[k], where);
    }
  }
}

try {
  const v2 = generate('v2-56', 70000, 1234);
  const v5 = generate('v5-73', 20000, 333);
  const joined = generate('v5-73', 31000, 0);
  const few = [generate('v2-56', 1, 10), generate('v5-73', 0, 10), generate('v2-56', 0, 0)];

  await test('DuckDB reads every cell of v2-56 over two row groups', () => compareDuck(v2));
  await test('hyparquet reads every cell of v2-56 over two row groups', () => compareHyparquet(v2));
  await test('DuckDB reads every cell of v5-73', () => compareDuck(v5));
  await test('hyparquet reads every cell of v5-73', () => compareHyparquet(v5));
  await test('DuckDB reads every cell of a joined file', () => compareDuck(joined));
  await test('hyparquet reads every cell of a joined file', () => compareHyparquet(joined));
  for (const f of few) {
    await test(`DuckDB reads ${f.rows} row(s): ${f.path.slice(folder.length + 1)}`, () => compareDuck(f));
    await test(`hyparquet reads ${f.rows} row(s): ${f.path.slice(folder.length + 1)}`, () => compareHyparquet(f));
  }
  await test('types of v2-56 are those of the specification', () => checkSchema(v2.path, 61, 0));
  await test('types of v5-73 are those of the specification', () => checkSchema(v5.path, 78, 9));
  await test('row groups are cut at 65,536 rows and joined as they are', async () => {
    equal(await groupsOf(v2.path), '65536,4464', 'written');
    equal(await groupsOf(joined.path), '30000,1000', 'joined');
  });
  await test('every column is snappy and every string but one has a dictionary', async () => {
    const rows = await query(`SELECT path_in_schema, compression, encodings, dictionary_page_offset IS NOT NULL
      FROM parquet_metadata('${v2.path}') WHERE type = 'BYTE_ARRAY' AND row_group_id = 0`);
    for (const [name, codec, encodings, dictionary] of rows) {
      equal(codec, 'SNAPPY', name);
      if (name === 'aspect') continue; // nothing but nulls
      equal(dictionary, name !== 'evidence_code', `${name}: ${encodings}`);
    }
    const other = await query(`SELECT count(*) FROM parquet_metadata('${v2.path}') WHERE compression <> 'SNAPPY'`);
    equal(Number(other[0][0]), 0, 'other codecs');
  });
  await test('bounds in the statistics are exact', () => checkBounds(v2.path));
  await test('filters by statistics find what brute force finds', () =>
    checkFilters(v2.path, ['distance', 'identity_nw', 'similarity_nw', 'alignment_score_nw', 'gaps_pct_nw',
      'identity_sw', 'label', 'protein_accession', 'go_term_id', 'evidence_code', 'qualifier', 'aspect']));
  await test('parquet_dump writes the values as text', () => checkDump(v5));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`1..${count}`);
process.exitCode = failures ? 1 : 0;
