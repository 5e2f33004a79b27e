// The S3 artifact store against a real server (s3rver, started here on loopback), partly through a
// strict door that checks signatures and makes trouble. Prints TAP. Run from the repo root.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { signature, startGuard } from './s3_guard.mjs';
import { conclude, digest, expect, freePort, kill, launch, O, said, serverMissing, skip, sleep, startServer, test, tmp, until } from './s3_rig.mjs';

const TOOL = path.resolve(O, 'tests/tools/artifact_tool');
const SECRET = 'S3RVER'; // s3rver's only account is S3RVER:S3RVER
const DOOR_SECRET = 'wJalrXUtnFEMI-K7MDENG-bPxRfiCY';

/** Starts the tool; .done resolves to { code, out, err, seconds }. */
function start(port, args, { secret = SECRET, access = 'S3RVER', bucket = 'protea', env = {} } = {}) {
	return launch(TOOL, args, {
		PROTEA_STORAGE_BACKEND: 'MinIO',
		PROTEA_MINIO_ENDPOINT: `127.0.0.1:${port}`,
		PROTEA_MINIO_BUCKET: bucket,
		PROTEA_MINIO_ACCESS_KEY: access,
		PROTEA_MINIO_SECRET_KEY: secret,
		...env,
	});
}

const run = (port, args, options) => start(port, args, options).done;

async function good(port, args, options) {
	const r = await run(port, args, options);
	expect(r.code === 0, `${args.join(' ')}: exit ${r.code}: ${r.err}`);
	return r;
}

async function bad(port, args, words, options) {
	const r = await run(port, args, options);
	expect(r.code === 1, `${args.join(' ')}: exit ${r.code}, expected 1: ${r.out}${r.err}`);
	for (const word of [].concat(words)) expect(r.err.includes(word), `'${word}' is not in: ${r.err}`);
	return r;
}

function makeFile(name, bytes) {
	const file = path.join(tmp, name);
	const block = crypto.randomBytes(1 << 20);
	const fd = fs.openSync(file, 'w');
	for (let at = 0; at < bytes; at += block.length) {
		block.writeUInt32LE(at >>> 0, 0);
		fs.writeSync(fd, block, 0, Math.min(block.length, bytes - at));
	}
	fs.closeSync(fd);
	return file;
}

async function roundTrip(port, key, file, options) {
	const back = path.join(tmp, 'back');
	fs.rmSync(back, { force: true });
	await good(port, ['put', key, file], options);
	await good(port, ['get', key, back], options);
	expect(digest(back) === digest(file), `${key} came back changed`);
}

const absent = async (port, key, options) => expect((await good(port, ['exists', key], options)).out === 'no\n', `${key} is there`);
const present = async (port, key, options) => expect((await good(port, ['exists', key], options)).out === 'yes\n', `${key} is not there`);

function uploadsIn(dir, bucket = 'protea') {
	const folder = path.join(dir, bucket, '._S3rver_uploads');
	return fs.existsSync(folder) ? fs.readdirSync(folder) : [];
}
const partsIn = (dir) =>
	uploadsIn(dir).reduce((sum, id) => sum + fs.readdirSync(path.join(dir, 'protea', '._S3rver_uploads', id)).filter((f) => /^\d+\.md5$/.test(f)).length, 0);

async function main() {
	const dir = path.join(tmp, 'store');
	const port = await freePort();
	let server = await startServer(dir, port);
	const door = { upstream: port, dir, accessKey: 'DOORKEY', secret: DOOR_SECRET, conditions: true };
	let guard = await startGuard(door);
	const trouble = (t = {}) => {
		for (const k of ['hook', 'after', 'early', 'bytesPerSecond']) delete door[k];
		door.conditions = true;
		door.log.length = 0;
		door.headers.length = 0;
		Object.assign(door, t);
	};
	const via = { access: 'DOORKEY', secret: DOOR_SECRET };
	const small = makeFile('small', 70000);
	const large = makeFile('large', 100 << 20);

	await test('the verifier knows the example of the Amazon S3 API reference', () => {
		const s = signature({
			method: 'GET',
			url: '/test.txt',
			payloadHash: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
			secret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
			headers: {
				host: 'examplebucket.s3.amazonaws.com',
				range: 'bytes=0-9',
				'x-amz-content-sha256': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
				'x-amz-date': '20130524T000000Z',
				authorization:
					'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
			},
		});
		expect(s.given === s.wanted, `${s.wanted}`);
	});

	await test('probing changes nothing, creating makes the bucket', async () => {
		await good(port, ['probe']);
		expect(!fs.existsSync(path.join(dir, 'protea')), 'probe made the bucket');
		await good(port, ['create']);
		await good(port, ['create']);
		await good(port, ['probe']);
		expect(fs.existsSync(path.join(dir, 'protea')), 'no bucket');
	});
	await test('a file makes the round trip through the bare server', () => roundTrip(port, 'datasets/a/train.parquet', small));
	await test('the URI names bucket and key', async () => {
		expect((await good(port, ['uri', 'datasets/a/x'])).out === 's3://protea/datasets/a/x\n', 'other URI');
	});
	await test('every request is signed as the reference says, payload included', async () => {
		trouble();
		await good(door.port, ['probe'], via);
		await roundTrip(door.port, 'datasets/signed/train.parquet', small, via);
		await good(door.port, ['remove', 'datasets/signed/train.parquet'], via);
		expect(door.log.length >= 6, 'the door was not used');
	});
	await test('keys with odd characters are encoded and signed', async () => {
		trouble();
		await roundTrip(door.port, "data sets/\u00e4+b&c=d%20e'(f)*!~g;h,i@j#k?l/x.parquet", small, via);
	});
	await test('empty and one-byte files', async () => {
		trouble();
		await roundTrip(door.port, 'sizes/0', makeFile('zero', 0), via);
		await roundTrip(door.port, 'sizes/1', makeFile('one', 1), via);
	});
	await test('an existing key is refused and keeps its bytes', async () => {
		trouble();
		await good(door.port, ['put', 'taken', small], via);
		await bad(door.port, ['put', 'taken', makeFile('other', 10)], ['AlreadyExists', 's3://protea/taken'], via);
		await good(door.port, ['get', 'taken', path.join(tmp, 'back')], via);
		expect(digest(path.join(tmp, 'back')) === digest(small), 'overwritten');
	});
	await test('a key taken between look and upload is refused', async () => {
		trouble({
			hook: async (req) => {
				if (req.method === 'PUT' && req.url.endsWith('/raced')) fs.copyFileSync(small, path.join(dir, 'protea', 'raced._S3rver_object'));
			},
		});
		await bad(door.port, ['put', 'raced', makeFile('other', 10)], 'AlreadyExists', via);
	});
	await test('a server without conditional uploads still gets the file', async () => {
		trouble({ conditions: false });
		await roundTrip(door.port, 'unconditional', small, via);
	});
	await test('100 MiB go in seven parts', async () => {
		trouble();
		const r = await good(door.port, ['put', 'large', large], via);
		expect(r.out === `stored ${100 << 20} bytes\n`, r.out);
		expect(door.log.filter((l) => /^PUT .*partNumber=\d+&uploadId=/.test(l)).length === 7, door.log.join('\n'));
		await good(door.port, ['get', 'large', path.join(tmp, 'back')], via);
		expect(digest(path.join(tmp, 'back')) === digest(large), 'changed');
		expect(uploadsIn(dir).length === 0, 'an upload is left');
		await bad(door.port, ['put', 'large', large], 'AlreadyExists', via);
	});
	await test('a wrong secret is told, and no secret is printed', async () => {
		trouble();
		const r = await bad(door.port, ['put', 'nobody', small], ['SignatureDoesNotMatch', 'HTTP 403', 'PROTEA_MINIO_SECRET_KEY'], { ...via, secret: 'wrong-secret-text' });
		expect(!r.err.includes('wrong-secret-text'), r.err);
		await bad(door.port, ['probe'], 'SignatureDoesNotMatch', { ...via, secret: 'wrong-secret-text' });
		await bad(door.port, ['probe'], 'InvalidAccessKeyId', { ...via, access: 'STRANGER' });
		await absent(port, 'nobody');
	});
	await test('a secret that the server sends back is hidden', async () => {
		trouble({
			hook: async (req, body, res) => {
				const xml = `<Error><Code>AccessDenied</Code><Message>you said ${DOOR_SECRET}</Message></Error>`;
				res.writeHead(403, { 'content-length': xml.length });
				res.end(req.method === 'HEAD' ? undefined : xml);
				return true;
			},
		});
		await bad(door.port, ['get', 'x', path.join(tmp, 'none')], ['AccessDenied: you said ***'], via);
	});
	await test('a missing bucket is made by the first upload', async () => {
		trouble();
		await roundTrip(door.port, 'datasets/b/train.parquet', small, { ...via, bucket: 'fresh-bucket' });
		await good(door.port, ['put', 'large', large], { ...via, bucket: 'fresh-bucket-2' });
	});
	await test('another region is named when the bucket is made', async () => {
		let seen = '';
		trouble({
			hook: async (req, body) => {
				if (req.method === 'PUT' && req.url === '/euro-bucket') seen = body.toString();
			},
		});
		await good(door.port, ['create'], { ...via, bucket: 'euro-bucket', env: { PROTEA_TEST_REGION: 'eu-west-1' } });
		expect(seen.includes('<LocationConstraint>eu-west-1</LocationConstraint>'), seen);
		expect(door.headers.at(-1).authorization.includes('/eu-west-1/s3/'), 'signed for another region');
	});
	await test('removing, also what is not there', async () => {
		trouble();
		await good(door.port, ['put', 'gone', small], via);
		await good(door.port, ['remove', 'gone'], via);
		await absent(door.port, 'gone', via);
		await good(door.port, ['remove', 'gone'], via);
	});
	await test('fetching what is not there leaves no file', async () => {
		trouble();
		await bad(door.port, ['get', 'nothing', path.join(tmp, 'none')], ['NotFound', 'nothing'], via);
		expect(!fs.readdirSync(tmp).some((f) => f.startsWith('none')), 'a file is left');
	});

	const answer500 = (res) => {
		res.writeHead(500, { 'content-type': 'application/xml' });
		res.end('<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>');
		return true;
	};
	await test('two 500s are survived', async () => {
		let left = 2;
		trouble({ hook: async (req, body, res) => req.method === 'PUT' && left-- > 0 && answer500(res) });
		await roundTrip(door.port, 'after-500', small, via);
	});
	await test('429 with Retry-After waits as told', async () => {
		let left = 1;
		trouble({
			hook: async (req, body, res) => {
				if (req.method !== 'PUT' || left-- <= 0) return false;
				res.writeHead(429, { 'retry-after': '2' }).end();
				return true;
			},
		});
		const r = await good(door.port, ['put', 'after-429', small], via);
		expect(r.seconds >= 2, `only ${r.seconds} s`);
	});
	await test('500s for ever end in an error within the limit, nothing stored', async () => {
		trouble({ hook: async (req, body, res) => req.method === 'PUT' && answer500(res) });
		const r = await bad(door.port, ['--retry', '2', 'put', 'never', small], ['NetworkError', 'InternalError: We encountered', 'HTTP 500', 'protea/never'], via);
		expect(r.seconds < 60, `${r.seconds} s`);
		expect(door.log.filter((l) => l.startsWith('PUT')).length >= 3, 'not repeated');
		trouble();
		await absent(door.port, 'never', via);
	});
	await test('a refused answer is not repeated', async () => {
		trouble({
			hook: async (req, body, res) => {
				if (req.method !== 'PUT') return false;
				res.writeHead(403, { 'content-length': 0 }).end();
				return true;
			},
		});
		await bad(door.port, ['put', 'denied', small], 'HTTP 403', via);
		expect(door.log.filter((l) => l.startsWith('PUT')).length === 1, 'repeated');
	});
	await test('an upload whose answer was lost is recognised as ours', async () => {
		let left = 1;
		trouble({
			after: async (req, res) => {
				if (req.method !== 'PUT' || left-- <= 0) return false;
				res.destroy();
				return true;
			},
		});
		await roundTrip(door.port, 'lost-answer', small, via);
		expect(door.log.filter((l) => l.startsWith('PUT')).length === 2, 'not repeated');
	});
	await test('a completion whose answer was lost is recognised as ours', async () => {
		let left = 1;
		trouble({
			after: async (req, res) => {
				if (req.method !== 'POST' || !req.url.includes('uploadId') || left-- <= 0) return false;
				res.destroy();
				return true;
			},
		});
		await good(door.port, ['put', 'lost-completion', large], via);
		await present(door.port, 'lost-completion', via);
	});
	await test('a completion that fails inside a 200 is repeated', async () => {
		let left = 1;
		trouble({
			hook: async (req, body, res) => {
				if (req.method !== 'POST' || !req.url.includes('uploadId') || left-- <= 0) return false;
				res.writeHead(200);
				res.end('<?xml version="1.0"?>\n<Error><Code>InternalError</Code><Message>late</Message></Error>');
				return true;
			},
		});
		await good(door.port, ['put', 'late-error', large], via);
		await present(door.port, 'late-error', via);
	});
	await test('an answer without an upload id is an error', async () => {
		trouble({
			hook: async (req, body, res) => {
				if (!req.url.endsWith('?uploads=')) return false;
				res.end('<InitiateMultipartUploadResult><UploadId></UploadId></InitiateMultipartUploadResult>');
				return true;
			},
		});
		await bad(door.port, ['put', 'no-id', large], 'UploadId', via);
	});
	await test('a part that arrives changed ends the upload and removes its parts', async () => {
		trouble({
			after: async (req, res, r) => {
				if (req.url.includes('partNumber=3')) r.headers.etag = '"00000000000000000000000000000000"';
			},
		});
		await bad(door.port, ['put', 'changed-part', large], ['part 3', 'other bytes'], via);
		expect(door.log.some((l) => l.startsWith('DELETE') && l.includes('uploadId=')), 'not aborted');
		expect(uploadsIn(dir).length === 0, 'parts are left');
		await absent(port, 'changed-part');
	});
	await test('an object that is not what was sent is removed', async () => {
		let puts = 0;
		trouble({
			after: async (req, res, r) => {
				puts += req.method === 'PUT';
				if (req.method === 'HEAD' && puts) r.headers.etag = '"00000000000000000000000000000000"';
			},
		});
		await bad(door.port, ['put', 'changed', small], ['ETag', 'was removed'], via);
		await absent(port, 'changed');
	});
	await test('an encrypting server may have ETags of its own', async () => {
		trouble({
			after: async (req, res, r) => {
				r.headers.etag = '"00000000000000000000000000000000"';
				r.headers['x-amz-server-side-encryption'] = 'aws:kms';
			},
		});
		await good(door.port, ['put', 'encrypted', small], via);
	});
	await test('a slow server is waited for', async () => {
		trouble({ bytesPerSecond: 60000, early: async () => void (await sleep(300)) });
		await roundTrip(door.port, 'slow', small, via);
	});
	await test('a silent server is given up', async () => {
		trouble({ early: async () => new Promise(() => {}) });
		const r = await bad(door.port, ['--retry', '1', '--stall', '1', 'put', 'silent', small], ['NetworkError', `127.0.0.1:${door.port}`, 'tries'], via);
		expect(r.seconds < 60, `${r.seconds} s`);
	});
	await test('a download cut short is repeated', async () => {
		let left = 1;
		trouble({
			after: async (req, res, r) => {
				if (req.method !== 'GET' || left-- <= 0) return false;
				res.writeHead(200, { 'content-length': r.body.length });
				res.write(r.body.subarray(0, 1000), () => res.destroy());
				return true;
			},
		});
		await roundTrip(door.port, 'cut-download', small, via);
	});
	await test('a download cut short for ever leaves no file', async () => {
		trouble({
			after: async (req, res, r) => {
				if (req.method !== 'GET') return false;
				res.writeHead(200, { 'content-length': r.body.length });
				res.write(r.body.subarray(0, 1000), () => res.destroy());
				return true;
			},
		});
		await bad(door.port, ['--retry', '1', 'get', 'cut-download', path.join(tmp, 'none')], 'NetworkError', via);
		expect(!fs.readdirSync(tmp).some((f) => f.startsWith('none')), 'a file is left');
	});
	await test('SIGTERM ends an upload and removes its parts', async () => {
		trouble({ early: async (req) => void (req.url.includes('partNumber') && (await sleep(150))) });
		const t = start(door.port, ['put', 'stopped', large], via);
		await until('two parts', () => partsIn(dir) >= 2);
		t.child.kill('SIGTERM');
		const r = await t.done;
		expect(r.code === 1 && r.err.includes('WorkerShutdown'), `${r.code} ${r.err}`);
		expect(uploadsIn(dir).length === 0, 'parts are left');
		trouble();
		await absent(port, 'stopped');
	});

	/** Starts the tool; server and door go away when the third part comes. */
	const killInTheMiddle = async (args) => {
		let t;

		for (const id of uploadsIn(dir)) fs.rmSync(path.join(dir, 'protea', '._S3rver_uploads', id), { recursive: true });
		await new Promise((resolve) => {
			let left = 1;

			trouble({
				early: async (req, res) => {
					if (!req.url.includes('partNumber=3') || left-- <= 0) return false;
					guard.close();
					guard.closeAllConnections();
					await kill(server);
					resolve();
					return true;
				},
			});
			t = start(door.port, args, via);
		});
		return t;
	};
	const restart = async () => {
		trouble();
		server = await startServer(dir, port);
		guard = await startGuard(door);
	};
	await test('a server killed in the middle of an upload: error after repeating, no object', async () => {
		const t = await killInTheMiddle(['--retry', '2', 'put', 'killed', large]);
		const r = await t.done;
		expect(r.code === 1 && r.err.includes('NetworkError') && r.err.includes('tries'), `${r.code} ${r.err}`);
		expect(r.err.includes('parts of the unfinished upload may remain'), r.err);
		await restart();
		await absent(port, 'killed');
		expect(!fs.existsSync(path.join(dir, 'protea', 'killed._S3rver_object')), 'a partial object');
	});
	await test('a server restarted during the pauses gets the whole file', async () => {
		const t = await killInTheMiddle(['--retry', '90', 'put', 'restarted', large]);
		await sleep(800);
		await restart();
		const r = await t.done;
		expect(r.code === 0, r.err);
		await good(port, ['get', 'restarted', path.join(tmp, 'back')]);
		expect(digest(path.join(tmp, 'back')) === digest(large), 'changed');
	});
	await test('no server at all', async () => {
		const nowhere = await freePort();
		const r = await bad(nowhere, ['--retry', '1', 'put', 'x', small], ['NetworkError', `127.0.0.1:${nowhere}`]);
		expect(r.seconds < 60, `${r.seconds} s`);
		await bad(nowhere, ['probe'], 'NetworkError');
	});
	await test('an incomplete configuration names what is missing', async () => {
		await bad(port, ['probe'], ['InvalidPayload', 'PROTEA_MINIO_ENDPOINT', 'PROTEA_MINIO_SECRET_KEY'], { secret: '', env: { PROTEA_MINIO_ENDPOINT: '' } });
		await bad(port, ['probe'], 'PROTEA_MINIO_ENDPOINT', { env: { PROTEA_MINIO_ENDPOINT: 'http://user:pw@host/path' } });
		await bad(port, ['probe'], 'PROTEA_MINIO_BUCKET', { bucket: 'a/../b' });
	});
	await test('keys that leave the bucket are refused', async () => {
		for (const key of ['../x', '/x', 'a//b', 'a/./b', '', 'a/']) await bad(port, ['put', key, small], 'InvalidPayload');
	});
	await test('no credential was ever printed', () => {
		for (const secret of [DOOR_SECRET, 'wrong-secret-text', 'user:pw']) expect(!said().includes(secret), `${secret} was printed`);
	});
}

const probe = fs.existsSync(TOOL) ? await run(1, ['uri', 'x']) : null;
const why = !probe ? `${TOOL} is not built` : probe.err.includes('not in this build') ? 'built without libcurl' : serverMissing();
if (why) skip('S3 artifact store', why);
else await main().catch((e) => test('the test itself', () => Promise.reject(e)));
conclude();
