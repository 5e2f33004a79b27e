// Whole exports into an S3 store: s3rver behind the strict door of s3_guard.mjs, a random bundle of
// tests/oracle, the same job with a local store beside it. Prints TAP. Run from the repo root.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { startGuard } from './s3_guard.mjs';
import { conclude, digest, expect, freePort, kill, launch, O, said, serverMissing, skip, sleep, startServer, test, tmp, until } from './s3_rig.mjs';

const EXPORT = path.resolve(O, 'protea-export');
const TOOL = path.resolve(O, 'tests/tools/artifact_tool');
const PYTHON = '/usr/bin/python3';
const DUCKDB = 'tests/node/node_modules/@duckdb/node-api';
const ACCESS = 'DOORKEY0123456789';
const SECRET = 'dkT7-secret-of-the-door-qL4';
const WRONG = 'wrong-secret-of-nobody-9x';
const OBJECTS = ['eval.parquet', 'manifest.json', 'report.json', 'train.parquet'];
const world = path.join(tmp, 'world');
const twin = path.join(tmp, 'twin'); // the same bundle, exported into a folder
const store = path.join(tmp, 's3');
const door = { dir: store, accessKey: ACCESS, secret: SECRET, conditions: true };
let server;
let guard;

const bundle = (folder = world) => path.join(folder, 'bundle.sqlite');

function sql(statement, folder = world) {
	const r = spawnSync('sqlite3', ['-batch', '-json', '-cmd', '.timeout 20000', bundle(folder), statement], { encoding: 'utf8' });
	expect(r.status === 0, `sqlite3: ${r.stderr}`);
	return r.stdout.trim() ? JSON.parse(r.stdout) : [];
}

const dataset = (name) => sql(`SELECT * FROM dataset WHERE name = '${name}'`)[0];
/** The newest job of a data set, and its events. */
const job = (name) => sql(`SELECT * FROM job WHERE payload LIKE '%"${name}"%' ORDER BY rowid DESC LIMIT 1`)[0];
const events = (name) => sql(`SELECT event, level, message, fields FROM job_event WHERE job_id = '${job(name)?.id}' ORDER BY id`);
const told = (name, event) => events(name).filter((e) => e.event.endsWith(event));

/** Copies a job under another data set name; `environment` and `payload` are added to it. */
function makeJob(base, name, { folder = world, environment = {}, payload = {} } = {}) {
	const j = JSON.parse(fs.readFileSync(path.join(folder, `job-${base}.json`), 'utf8'));
	Object.assign(j.payload, { output_name: name }, payload);
	Object.assign(j.environment, environment);
	const file = path.join(folder, `s3-${name}.json`);
	fs.writeFileSync(file, JSON.stringify(j));
	return file;
}

const s3 = (port = door.port, more = {}) => ({
	PROTEA_STORAGE_BACKEND: 'minio',
	PROTEA_MINIO_ENDPOINT: `127.0.0.1:${port}`,
	PROTEA_MINIO_ACCESS_KEY: ACCESS,
	PROTEA_MINIO_SECRET_KEY: SECRET,
	PROTEA_MINIO_RETRY_SECONDS: '2',
	...more,
});

const start = (file, env) => launch(EXPORT, ['run', file], env);

async function good(file, env = s3()) {
	const r = await start(file, env).done;
	expect(r.code === 0, `exit ${r.code}: ${r.err}`);
	return r;
}

async function bad(file, words, env = s3(), code = 1) {
	const r = await start(file, env).done;
	expect(r.code === code, `exit ${r.code}, expected ${code}: ${r.out}${r.err}`);
	for (const word of [].concat(words)) expect(r.err.includes(word), `'${word}' is not in: ${r.err}`);
	return r;
}

/** Makes trouble in the door, or none. */
function trouble(t = {}) {
	for (const k of ['hook', 'after', 'early']) delete door[k];
	door.log.length = 0;
	Object.assign(door, t);
}

const MARK = '._S3rver_object';
const objectFile = (key) => path.join(store, 'protea', key + MARK);
function objects(name) {
	const folder = path.dirname(objectFile(`datasets/${name}/x`));
	return fs.existsSync(folder) ? fs.readdirSync(folder).filter((f) => f.endsWith(MARK)).map((f) => f.slice(0, -MARK.length)).sort() : [];
}

const staging = (name) => (fs.existsSync(path.join(world, 'resume')) ? fs.readdirSync(path.join(world, 'resume')) : []).filter((f) => f.startsWith(`${name}-`));

/** The three files of the data set in the bucket are those of a run into a folder. */
async function sameAsLocal(base, name, more) {
	await good(makeJob(base, name, { folder: twin, ...more }), { PROTEA_STORAGE_BACKEND: 'local' });
	for (const file of ['train.parquet', 'eval.parquet', 'manifest.json'])
		expect(digest(objectFile(`datasets/${name}/${file}`)) === digest(path.join(twin, 'store/datasets', name, file)), `${file} differs`);
}

function published(name) {
	const row = dataset(name);
	const at = `s3://protea/datasets/${name}/`;
	expect(objects(name).join() === OBJECTS.join(), `objects: ${objects(name)}`);
	expect(row?.storage_backend === 'minio' && row.key_prefix === `datasets/${name}/`, JSON.stringify(row));
	expect(row.train_uri === `${at}train.parquet` && row.eval_uri === `${at}eval.parquet` && row.manifest_uri === `${at}manifest.json`, JSON.stringify(row));
	expect(row.manifest_sha === digest(objectFile(`datasets/${name}/manifest.json`)), 'manifest_sha');
	expect(job(name).status === 'SUCCEEDED' && row.job_id === job(name).id, JSON.stringify(job(name)));
	expect(staging(name).length === 0, `left: ${staging(name)}`);
}

/** A run that failed: said so everywhere, registered nowhere, its finished pairs kept. */
function failed(name, code, { kept = true } = {}) {
	const j = job(name);
	expect(j?.status === 'FAILED' && j.error_code === code, JSON.stringify(j));
	expect(told(name, 'job.failed').length === 1, 'no event job.failed');
	expect(!dataset(name), 'registered');
	expect((staging(name).length > 0) === kept, `staging: ${staging(name)}`);
}

/** Nothing was computed: the run ended before its first stage. */
function atStart(name) {
	expect(!events(name).some((e) => /knn_done|embeddings_preloaded|resume_dir/.test(e.event)), 'work was done');
	expect(staging(name).length === 0 && objects(name).length === 0 && !dataset(name), 'something is left');
}

async function openDoor() {
	server = await startServer(store, door.upstream);
	guard = await startGuard(door);
}

/** Server and door go away, as when a machine dies. */
async function allDies() {
	guard.close();
	guard.closeAllConnections();
	await kill(server);
}

/** allDies() at the first request that fits, before or after the server has dealt with it. */
function deathAt(when, fits) {
	let left = 1;
	trouble({
		[when]: async (req, res) => {
			if (!fits(req) || left-- <= 0) return false;
			await allDies();
			res.destroy();
			return true;
		},
	});
}

const putOf = (name, file) => (req) => req.method === 'PUT' && req.url === `/protea/datasets/${name}/${file}`;

async function resumesAndPublishes(name) {
	await good(makeJob('v2-all', name));
	expect(told(name, 'split_resumed').length > 0 && told(name, 'test_resumed').length === 1, 'the pairs were computed again');
	expect(told(name, 'knn_done').length === 0, 'the pairs were computed again');
	published(name);
	await sameAsLocal('v2-all', name);
}

async function publishing() {
	await test('an export goes into the bucket, the manifest last, through signed requests', async () => {
		trouble();
		await good(makeJob('v2-all', 's3-whole'));
		published('s3-whole');
		const puts = door.log.filter((l) => l.startsWith('PUT /protea/datasets/s3-whole/')).map((l) => path.basename(l));
		expect(puts.join() === 'train.parquet,eval.parquet,report.json,manifest.json', `order: ${puts}`);
	});
	await test('its files are those of a run with a local store', () => sameAsLocal('v2-all', 's3-whole'));
	await test('the result names s3 URIs and the events the backend', () => {
		const { result } = JSON.parse(told('s3-whole', 'job.succeeded')[0].fields);
		expect(result.storage_backend === 'minio' && result.manifest_uri === 's3://protea/datasets/s3-whole/manifest.json', JSON.stringify(result));
		expect(JSON.parse(told('s3-whole', '.published')[0].fields).backend === 'minio', 'backend');
	});
	await test('settings may come from the job file; the bucket has another name', async () => {
		trouble();
		await good(makeJob('off', 's3-jobfile', { environment: s3(door.port, { PROTEA_MINIO_BUCKET: 'other-bucket' }) }), {});
		expect(dataset('s3-jobfile').train_uri === 's3://other-bucket/datasets/s3-jobfile/train.parquet', JSON.stringify(dataset('s3-jobfile')));
		expect(fs.existsSync(path.join(store, 'other-bucket/datasets/s3-jobfile/manifest.json' + MARK)), 'no object');
	});
	await test('a data set whose objects are there, by whoever, is not overwritten', async () => {
		trouble();
		const key = objectFile('datasets/s3-foreign/manifest.json');
		fs.mkdirSync(path.dirname(key), { recursive: true });
		for (const end of ['', '_object', '_metadata.json']) {
			const from = objectFile('datasets/s3-whole/manifest.json').replace(MARK, '._S3rver' + end);
			if (fs.existsSync(from)) fs.copyFileSync(from, key.replace(MARK, '._S3rver' + end));
		}
		const before = digest(key);
		const r = await start(makeJob('off', 's3-foreign'), s3()).done;
		expect(r.code === 2 && r.err.includes('datasets/s3-foreign/manifest.json'), `${r.code} ${r.err}`);
		expect(digest(key) === before && objects('s3-foreign').length === 1 && !job('s3-foreign'), 'changed');
	});
}

async function groundTruth() {
	const list = fs.readFileSync(path.join(world, 'groundtruth.list'), 'utf8').trim().split('\n').map((l) => l.split('\t'));

	await test('a materialised ground truth that is not in the bucket is computed, with a warning', async () => {
		trouble();
		await good(makeJob('stored', 's3-computed'));
		const warned = told('s3-computed', 'warning').filter((e) => JSON.parse(e.fields).code === 'groundtruth_absent');
		expect(warned.length === list.length, JSON.stringify(warned));
	});
	if (!fs.existsSync(DUCKDB)) {
		skip('a materialised ground truth is read from the bucket', 'DuckDB for node is missing (npm install in tests/node)');
		return;
	}
	await test('a materialised ground truth is read from the bucket', async () => {
		for (const [label, key] of list) {
			const file = path.join(twin, 'store', key);
			const made = spawnSync(process.execPath, ['tests/oracle/groundtruth_parquet.mjs', path.join(world, `groundtruth-${label}.tsv`), file], { encoding: 'utf8' });
			expect(made.status === 0, made.stderr);
			const put = await launch(TOOL, ['put', key, file], s3()).done;
			expect(put.code === 0, put.err);
		}
		trouble();
		await good(makeJob('stored', 's3-stored'));
		for (const [, key] of list) expect(door.log.includes(`GET /protea/${key}`), `${key} was not read: ${door.log.join('\n')}`);
		expect(told('s3-stored', 'warning').every((e) => JSON.parse(e.fields).code !== 'groundtruth_absent'), 'a warning');
		await sameAsLocal('stored', 's3-stored');
	});
	await test('a ground truth that is no Parquet file ends the run with its key', async () => {
		trouble({
			after: async (req, res, r) => {
				if (req.method === 'GET' && req.url.includes('eval_groundtruth')) r.body = Buffer.from('<html>not what you think</html>');
			},
		});
		await bad(makeJob('stored', 's3-damaged'), list[0][1]);
		failed('s3-damaged', 'FormatError', { kept: false });
	});
}

async function troubled() {
	for (const [when, file, how] of [
		['early', 'train.parquet', 'before the first object'],
		['early', 'eval.parquet', 'in the middle of the upload'],
		['after', 'eval.parquet', 'before it could say that it has an object'],
		['after', 'manifest.json', 'before it could say that it has the manifest'],
	]) {
		const name = `s3-killed-${when}-${file.replace('.', '-')}`;

		await test(`a server killed ${how}: exit 1, staging kept; the next run publishes`, async () => {
			deathAt(when, putOf(name, file));
			const r = await start(makeJob('v2-all', name), s3()).done;
			trouble();
			if (!guard.listening) await openDoor();
			expect(r.code === 1 && r.err.includes(`protea/datasets/${name}/${file}`), `exit ${r.code}: ${r.err}`);
			expect(r.seconds < 100, `${r.seconds} s`);
			failed(name, 'NetworkError');
			expect(!objects(name).includes('manifest.json') || file === 'manifest.json', `objects: ${objects(name)}`);
			await resumesAndPublishes(name);
		});
	}
	await test('a server that refuses the last object gets the others removed', async () => {
		trouble({
			hook: async (req, body, res) => {
				if (!putOf('s3-refused', 'manifest.json')(req)) return false;
				res.writeHead(507, { 'content-type': 'application/xml' });
				res.end('<Error><Code>XMinioStorageFull</Code><Message>Storage backend has reached its minimum free drive threshold.</Message></Error>');
				return true;
			},
		});
		await bad(makeJob('v2-all', 's3-refused'), ['XMinioStorageFull', 'the store is full', 'datasets/s3-refused/manifest.json']);
		expect(objects('s3-refused').length === 0, `left: ${objects('s3-refused')}`);
		failed('s3-refused', job('s3-refused').error_code);
		trouble();
		await resumesAndPublishes('s3-refused');
	});
	await test('SIGTERM during the upload removes what was uploaded and keeps the staging', async () => {
		let run;
		trouble({
			early: async (req) => {
				if (!putOf('s3-stopped', 'eval.parquet')(req)) return;
				run.child.kill('SIGTERM');
				await sleep(500);
			},
		});
		run = start(makeJob('v2-all', 's3-stopped'), s3());
		const r = await run.done;
		expect(r.code === 1, `exit ${r.code}: ${r.err}`);
		expect(objects('s3-stopped').length === 0, `left: ${objects('s3-stopped')}`);
		failed('s3-stopped', 'WorkerShutdown');
		trouble();
		await resumesAndPublishes('s3-stopped');
	});
	await test('a program killed during the upload leaves objects that the next run replaces', async () => {
		let run;
		trouble({
			after: async (req) => {
				if (putOf('s3-gone', 'eval.parquet')(req)) run.child.kill('SIGKILL');
			},
		});
		run = start(makeJob('v2-all', 's3-gone'), s3());
		await run.done;
		await until('the second object', () => objects('s3-gone').length === 2);
		expect(!dataset('s3-gone'), 'registered');
		trouble();
		await resumesAndPublishes('s3-gone');
	});
}

async function refusing() {
	await test('an incomplete configuration is refused with what is missing', async () => {
		const r = await bad(makeJob('off', 's3-incomplete'), ['PROTEA_MINIO_ENDPOINT', 'PROTEA_MINIO_SECRET_KEY'], s3(0, { PROTEA_MINIO_ENDPOINT: '', PROTEA_MINIO_SECRET_KEY: ' ' }), 2);
		expect(!r.err.includes('PROTEA_MINIO_ACCESS_KEY'), `what is there is called missing: ${r.err}`);
		expect(!job('s3-incomplete'), 'a job row is left');
		atStart('s3-incomplete');
	});
	await test('an unknown backend is refused', async () => {
		await bad(makeJob('off', 's3-unknown'), ['s4', 'local', 'minio'], s3(door.port, { PROTEA_STORAGE_BACKEND: 's4' }), 2);
		atStart('s3-unknown');
	});
	await test('an endpoint where nobody listens ends the run at its start', async () => {
		const port = await freePort();
		const r = await bad(makeJob('off', 's3-nobody'), `127.0.0.1:${port}`, s3(port));
		expect(r.seconds < 100, `${r.seconds} s`);
		failed('s3-nobody', 'NetworkError', { kept: false });
		atStart('s3-nobody');
	});
	await test('so does an endpoint that takes connections and is silent', async () => {
		trouble({ early: () => new Promise(() => {}) });
		const r = await bad(makeJob('off', 's3-silent'), `127.0.0.1:${door.port}`);
		expect(r.seconds < 100, `${r.seconds} s`);
		atStart('s3-silent');
	});
	for (const [what, more, code] of [
		['a wrong secret', { PROTEA_MINIO_SECRET_KEY: WRONG }, 'SignatureDoesNotMatch'],
		['a wrong access key', { PROTEA_MINIO_ACCESS_KEY: 'STRANGER' }, 'InvalidAccessKeyId'],
	])
		await test(`${what} ends the run at its start`, async () => {
			const name = `s3-${code.toLowerCase()}`;

			trouble();
			await bad(makeJob('off', name), [code, 'PROTEA_MINIO_'], s3(door.port, more));
			atStart(name);
		});
	await test('check tells of the store and of everything else', async () => {
		const port = await freePort();
		const file = makeJob('off', 's3-check', { environment: { PROTEA_ANC2VEC_PATH: 'no-such.npz' } });
		const r = await launch(EXPORT, ['check', file], s3(port)).done;
		expect(r.code === 1 && ['no-such.npz', `127.0.0.1:${port}`].every((t) => (r.out + r.err).includes(t)), `${r.code} ${r.out}${r.err}`);
		atStart('s3-check');
	});
}

function filesUnder(folder) {
	return fs.readdirSync(folder, { withFileTypes: true }).flatMap((f) => (f.isDirectory() ? filesUnder(path.join(folder, f.name)) : [path.join(folder, f.name)]));
}

async function secrecy() {
	await test('a secret that the server sends back is hidden in stderr and events', async () => {
		trouble({
			hook: async (req, body, res) => {
				if (!putOf('s3-echo', 'train.parquet')(req)) return false;
				const xml = `<Error><Code>AccessDenied</Code><Message>you said ${SECRET}</Message></Error>`;
				res.writeHead(403, { 'content-length': xml.length });
				res.end(xml);
				return true;
			},
		});
		await bad(makeJob('off', 's3-echo'), 'AccessDenied');
		expect(told('s3-echo', 'job.failed')[0].message.includes('you said ***'), JSON.stringify(told('s3-echo', 'job.failed')));
	});
	await test('no secret is in any output, bundle, event, staging folder or object', async () => {
		// Job files hold what the user wrote.
		const files = [world, store].flatMap(filesUnder).filter((f) => !path.basename(f).startsWith('s3-') || !f.endsWith('.json'));
		expect(files.length > 20 && said().length > 1000, 'nothing was looked at');
		for (const secret of [SECRET, WRONG]) {
			expect(!said().includes(secret), 'printed');
			for (const f of files) expect(!fs.readFileSync(f).includes(secret), `in ${f}`);
		}
		expect(sql(`SELECT count(*) AS n FROM job_event WHERE fields || coalesce(message, '') LIKE '%${ACCESS}%'`)[0].n === 0, 'an access key in events');
		expect(sql(`SELECT count(*) AS n FROM dataset WHERE meta LIKE '%${ACCESS}%' OR meta LIKE '%MINIO%'`)[0].n === 0, 'an access key in dataset.meta');
	});
}

async function main() {
	const made = spawnSync(PYTHON, ['tests/oracle/make_bundle.py', '3', '--out', world, '--features', 'all'], { encoding: 'utf8' });
	expect(made.status === 0, made.stderr);
	fs.cpSync(world, twin, { recursive: true });
	door.upstream = await freePort();
	await openDoor();
	await publishing();
	await groundTruth();
	await troubled();
	await refusing();
	await secrecy();
}

function missing() {
	const has = (program, ...args) => spawnSync(program, args).status === 0;

	if (!fs.existsSync(EXPORT) || !fs.existsSync(TOOL)) return `${EXPORT} and ${TOOL} are not built`;
	if (spawnSync(TOOL, ['uri', 'x'], { env: { ...process.env, ...s3(1) }, encoding: 'utf8' }).stderr.includes('not in this build')) return 'built without libcurl';
	if (!has('sqlite3', '-version')) return 'sqlite3 is missing';
	if (!has(PYTHON, '-c', 'import numpy')) return 'python3-numpy is missing';
	return serverMissing();
}

for (const name of Object.keys(process.env)) if (name.startsWith('PROTEA_')) delete process.env[name];
const why = missing();
if (why) skip('exports into an S3 store', why);
else await main().catch((e) => test('the test itself', () => Promise.reject(e)));
conclude();
