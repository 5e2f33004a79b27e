// Stored ground truth for the tests: TSV of accession, go_id, bucket -> Parquet as pandas would have
// written it (snappy, three columns), through DuckDB, so that the file is not of our own writer.
//   node groundtruth_parquet.mjs FILE.tsv OUT.parquet
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";

const require = createRequire(new URL("../node/package.json", import.meta.url));
const { DuckDBInstance } = require("@duckdb/node-api");

const [source, target] = process.argv.slice(2);
if (!target) {
	console.error("usage: groundtruth_parquet.mjs FILE.tsv OUT.parquet");
	process.exit(2);
}
const quote = (text) => `'${text.replaceAll("'", "''")}'`;
mkdirSync(dirname(target), { recursive: true });
const db = await (await DuckDBInstance.create(":memory:")).connect();
await db.run(`COPY (SELECT * FROM read_csv(${quote(source)}, delim='\t', header=false, quote='', escape='',
	columns={'protein_accession': 'VARCHAR', 'go_id': 'VARCHAR', 'bucket': 'VARCHAR'}))
	TO ${quote(target)} (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 2048)`);
