// A Parquet file as text, read by DuckDB:
//   node tests/tools/parquet_dump.mjs FILE.parquet [FILE.tsv]   (default: standard output)
// A header, then one line per row in the file's order: \N for null, doubles as the shortest decimal that
// restores them ("-0", "1e-7", "inf"), booleans true/false, \t \n \r \\ escaped in strings.
import { createRequire } from 'node:module';
import { createWriteStream, existsSync } from 'node:fs';
import { once } from 'node:events';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(resolve(here, '../node/package.json'));

const ESCAPES = { '\t': '\\t', '\n': '\\n', '\r': '\\r', '\\': '\\\\' };
const text = (v) => (/[\t\n\r\\]/.test(v) ? v.replace(/[\t\n\r\\]/g, (c) => ESCAPES[c]) : v);

function number(v) {
  if (v === 0) return Object.is(v, -0) ? '-0' : '0';
  if (Number.isFinite(v)) return String(v);
  return Number.isNaN(v) ? 'nan' : v > 0 ? 'inf' : '-inf';
}

function cell(v) {
  if (v === null) return '\\N';
  if (typeof v === 'number') return number(v);
  return typeof v === 'string' ? text(v) : String(v);
}

// Neighbouring rows often share a value, and turning doubles into text is what costs.
function cellsOf(column) {
  let last = column[0];
  let made = cell(last);

  return column.map((v) => {
    if (!Object.is(v, last)) {
      last = v;
      made = cell(v);
    }
    return made;
  });
}

// Chunks of rows as column arrays, in the file's order.
export async function* chunks(path) {
  const { DuckDBInstance } = require('@duckdb/node-api');
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  const quoted = path.replaceAll("'", "''");
  const result = await connection.stream(`SELECT * FROM read_parquet('${quoted}')`);
  yield result.columnNames();
  for (;;) {
    const chunk = await result.fetchChunk();
    if (!chunk || chunk.rowCount === 0) break;
    yield chunk.getColumns();
  }
  connection.closeSync();
  instance.closeSync();
}

async function main(path, target) {
  const out = target ? createWriteStream(target) : process.stdout;
  let names = null;

  out.on('error', (e) => {
    if (e.code !== 'EPIPE') console.error(`parquet_dump: ${e.message}`);
    process.exit(e.code === 'EPIPE' ? 0 : 1);
  });
  for await (const columns of chunks(path)) {
    let lines;
    if (!names) {
      names = columns;
      lines = `${names.join('\t')}\n`;
    } else {
      const n = columns[0].length;
      const cells = columns.map(cellsOf);
      const block = new Array(n);
      for (let i = 0; i < n; i++) {
        let line = cells[0][i];
        for (let k = 1; k < cells.length; k++) line += `\t${cells[k][i]}`;
        block[i] = line;
      }
      lines = `${block.join('\n')}\n`;
    }
    if (!out.write(lines)) await once(out, 'drain');
  }
  if (target) {
    out.end();
    await once(out, 'finish');
  }
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  if (process.argv.length < 3 || !existsSync(process.argv[2])) {
    console.error('usage: parquet_dump.mjs FILE.parquet [FILE.tsv]');
    process.exit(2);
  }
  await main(process.argv[2], process.argv[3]).catch((e) => {
    console.error(`parquet_dump: ${e.message}`);
    process.exit(1);
  });
}
