// Makes the ground-truth files that our Parquet reader must read, with two writers that are not ours:
// DuckDB and arrow-rs (parquet-wasm). Run from the repository's root after
//   npm install --no-save --prefix tests/node parquet-wasm@0.8.0 apache-arrow@21.1.0
// The rows are those of check_row in tests/unit/test_parquet_read.c. Files go to tests/fuzz/corpus/parquet_read, which
// seeds the fuzzer as well.
import { createRequire } from 'node:module';
import { mkdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

const require = createRequire(resolve(process.env.NODE_DEPS ?? 'tests/node', 'package.json'));
const arrow = require('apache-arrow');
const wasm = require('parquet-wasm/node');
const { DuckDBInstance } = createRequire(resolve('tests/node/package.json'))('@duckdb/node-api');

const OUT = 'tests/fuzz/corpus/parquet_read';
const BUCKETS = ['nk', 'lk', 'pk', 'known', 'pk_known', 'removed'];
const pad = (n, width) => String(n).padStart(width, '0');
const accession = (i) => `P${pad(Math.floor(i / 3), 5)}`;
const goId = (i) => `GO:${pad((i * 7919) % 100000, 7)}`;
const bucket = (i) => (i % 11 === 10 ? null : BUCKETS[i % 6]);

mkdirSync(OUT, { recursive: true });

// DuckDB: columns before and between the wanted ones, a struct and a list among them.
const db = await (await DuckDBInstance.create()).connect();
const select = (n, nulls = true) => `SELECT i AS row, {'a': i, 'b': {'c': 'x'}} AS s,
  'P' || lpad((i // 3)::VARCHAR, 5, '0') AS protein_accession,
  ['t' || i, 'u'] AS tags,
  'GO:' || lpad(((i * 7919) % 100000)::VARCHAR, 7, '0') AS go_id,
  ${nulls ? 'CASE WHEN i % 11 = 10 THEN NULL ELSE ' : '('}[${BUCKETS.map((b) => `'${b}'`)}][i % 6 + 1]
  ${nulls ? 'END' : ')'} AS bucket
  FROM range(${n}) t(i)`;
const duck = (name, n, options) =>
  db.run(`COPY (${select(n)}) TO '${OUT}/${name}.parquet' (FORMAT parquet, ${options})`);

for (const codec of ['snappy', 'gzip', 'zstd', 'uncompressed'])
  await duck(`duckdb_${codec}`, 50, `CODEC ${codec}`);
await duck('duckdb_v2', 50, `CODEC snappy, PARQUET_VERSION v2`);
await duck('duckdb_v2_plain', 50, `CODEC zstd, PARQUET_VERSION v2, DICTIONARY_SIZE_LIMIT 1`);
await duck('duckdb_v1_plain', 50, `CODEC gzip, DICTIONARY_SIZE_LIMIT 1`);
await duck('duckdb_groups', 5000, `CODEC zstd, ROW_GROUP_SIZE 2048`);
await duck('duckdb_one', 1, `CODEC snappy`);
await duck('duckdb_one_v2_plain', 1, `CODEC snappy, PARQUET_VERSION v2, DICTIONARY_SIZE_LIMIT 1`);
await duck('duckdb_empty', 0, `CODEC snappy`);

// arrow-rs: every encoding of strings, both page versions, pages of a few rows, required columns.
function table(n, { dictionary = false, required = false } = {}) {
  const rows = [...Array(n).keys()];
  const text = () => (dictionary ? new arrow.Dictionary(new arrow.Utf8(), new arrow.Int32()) : new arrow.Utf8());
  const columns = {
    protein_accession: arrow.vectorFromArray(rows.map(accession), text()),
    go_id: arrow.vectorFromArray(rows.map(goId), text()),
    bucket: arrow.vectorFromArray(rows.map((i) => (required ? bucket(i) ?? 'none' : bucket(i))), text()),
  };
  const fields = Object.entries(columns).map(([k, v]) => new arrow.Field(k, v.type, !required));
  const schema = new arrow.Schema(fields);
  const data = arrow.makeData({
    type: new arrow.Struct(fields), length: n, nullCount: 0,
    children: Object.values(columns).map((v) => v.data[0]),
  });
  return new arrow.Table(schema, [new arrow.RecordBatch(schema, data)]);
}

function rust(name, t, configure) {
  const builder = configure(new wasm.WriterPropertiesBuilder().setCreatedBy('parquet-wasm'));
  const bytes = wasm.writeParquet(wasm.Table.fromIPCStream(arrow.tableToIPC(t, 'stream')), builder.build());
  writeFileSync(`${OUT}/${name}.parquet`, bytes);
}

const { Encoding, Compression, WriterVersion } = wasm;
for (const version of ['V1', 'V2']) {
  const v = (b) => b.setWriterVersion(WriterVersion[version]);
  const tag = version.toLowerCase();
  rust(`arrow_${tag}_plain`, table(50), (b) => v(b).setDictionaryEnabled(false).setEncoding(Encoding.PLAIN));
  rust(`arrow_${tag}_dictionary`, table(50), (b) => v(b).setCompression(Compression.SNAPPY));
  rust(`arrow_${tag}_delta_length`, table(50), (b) => v(b).setDictionaryEnabled(false)
    .setEncoding(Encoding.DELTA_LENGTH_BYTE_ARRAY).setCompression(Compression.ZSTD));
  rust(`arrow_${tag}_delta`, table(50), (b) => v(b).setDictionaryEnabled(false)
    .setEncoding(Encoding.DELTA_BYTE_ARRAY).setCompression(Compression.GZIP));
  rust(`arrow_${tag}_delta_3000`, table(3000), (b) => v(b).setDictionaryEnabled(false)
    .setEncoding(Encoding.DELTA_BYTE_ARRAY).setCompression(Compression.ZSTD).setMaxRowGroupSize(1300)
    .setDataPageSizeLimit(512).setWriteBatchSize(64));
  rust(`arrow_${tag}_pages`, table(3000), (b) => v(b).setCompression(Compression.SNAPPY)
    .setDictionaryPageSizeLimit(300).setDataPageSizeLimit(300).setWriteBatchSize(50));
  rust(`arrow_${tag}_required`, table(50, { required: true }), (b) => v(b));
  rust(`arrow_${tag}_category`, table(50, { dictionary: true }), (b) => v(b));
}
rust('arrow_brotli', table(5), (b) => b.setCompression(Compression.BROTLI));
