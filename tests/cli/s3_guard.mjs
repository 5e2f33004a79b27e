// A strict door in front of s3rver, which takes any signature: verifies AWS Signature Version 4 and
// the payload digest as the Amazon S3 API reference describes them, enforces If-None-Match on uploads,
// adds the AbortMultipartUpload that s3rver lacks, and makes trouble on request.
// Used by 40_s3.mjs and 45_s3_export.mjs.
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

const sha256 = (data) => crypto.createHash('sha256').update(data).digest('hex');
const hmac = (key, data) => crypto.createHmac('sha256', key).update(data).digest();

// RFC 3986 encoding of what the client must have encoded.
const encode = (text) =>
	encodeURIComponent(text).replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());

function canonicalQuery(search) {
	return search
		.split('&')
		.filter(Boolean)
		.map((pair) => {
			const at = pair.indexOf('=');
			const [name, value] = at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
			return [encode(decodeURIComponent(name)), encode(decodeURIComponent(value))];
		})
		.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] < b[1] ? -1 : 1))
		.map(([name, value]) => `${name}=${value}`)
		.join('&');
}

/** The signature that `request` should carry; null if its Authorization header is malformed. */
export function signature({ method, url, headers, payloadHash, secret }) {
	const match = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
		headers.authorization ?? '',
	);
	if (!match) return null;
	const [, accessKey, day, region, signedNames, given] = match;
	const cut = url.indexOf('?');
	const rawPath = cut < 0 ? url : url.slice(0, cut);
	const canonicalPath = rawPath.split('/').map((part) => encode(decodeURIComponent(part))).join('/');
	const names = signedNames.split(';');
	const canonical = [
		method,
		canonicalPath,
		canonicalQuery(cut < 0 ? '' : url.slice(cut + 1)),
		...names.map((name) => `${name}:${String(headers[name] ?? '').trim().replace(/ +/g, ' ')}`),
		'',
		signedNames,
		payloadHash,
	].join('\n');
	const scope = `${day}/${region}/s3/aws4_request`;
	const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical)].join('\n');
	const key = ['' + day, region, 's3', 'aws4_request'].reduce((k, part) => hmac(k, part), 'AWS4' + secret);
	return { accessKey, names, given, wanted: hmac(key, toSign).toString('hex') };
}

function refuse(res, status, code, message) {
	const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`;
	res.writeHead(status, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(body) });
	res.end(res.req.method === 'HEAD' ? undefined : body);
}

const read = (stream) =>
	new Promise((resolve, reject) => {
		const chunks = [];
		stream.on('data', (c) => chunks.push(c));
		stream.on('end', () => resolve(Buffer.concat(chunks)));
		stream.on('error', reject);
	});

/**
 * Starts the door. `state` is live: { upstream: port, dir, accessKey, secret, conditions: true, port (else any free one),
 * hook: async (req, body, res) => true if it answered itself, after: async (req, res, answer) =>
 * true if it answered itself }. state.log collects "METHOD url".
 */
export async function startGuard(state) {
	state.log = [];
	state.headers = [];
	const server = http.createServer(async (req, res) => {
		try {
			await serve(state, req, res);
		} catch (e) {
			if (!res.headersSent) refuse(res, 503, 'ServiceUnavailable', 'upstream: ' + e.code);
			else res.destroy();
		}
	});
	server.keepAliveTimeout = 2000;
	await new Promise((resolve) => server.listen(state.port ?? 0, '127.0.0.1', resolve));
	state.port = server.address().port;
	return server;
}

async function serve(state, req, res) {
	state.log.push(`${req.method} ${req.url}`);
	state.headers.push(req.headers);
	if (state.early && (await state.early(req, res))) return;
	const body = await read(req);
	const claimed = req.headers['x-amz-content-sha256'];
	const sig = signature({ method: req.method, url: req.url, headers: req.headers, payloadHash: claimed, secret: state.secret });
	if (!sig) return refuse(res, 400, 'AuthorizationHeaderMalformed', 'The authorization header is malformed');
	if (sig.accessKey !== state.accessKey)
		return refuse(res, 403, 'InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.');
	if (sig.given !== sig.wanted)
		return refuse(res, 403, 'SignatureDoesNotMatch', 'The request signature we calculated does not match the signature you provided.');
	for (const name of ['host', 'x-amz-content-sha256', 'x-amz-date'])
		if (!sig.names.includes(name)) return refuse(res, 403, 'AccessDenied', `header ${name} is not signed`);
	if (claimed !== sha256(body))
		return refuse(res, 400, 'XAmzContentSHA256Mismatch', 'The provided x-amz-content-sha256 does not match what was computed.');
	if (state.hook && (await state.hook(req, body, res))) return;
	await answer(state, req, body, res);
}

function forward(state, req, body, { method = req.method, url = req.url } = {}) {
	return new Promise((resolve, reject) => {
		const headers = { ...req.headers };
		delete headers.expect;
		delete headers['if-none-match'];
		headers.authorization = headers.authorization.replace(/Credential=[^/]+/, 'Credential=S3RVER');
		const up = http.request({ host: '127.0.0.1', port: state.upstream, method, path: url, headers, agent: false }, async (r) => {
			resolve({ status: r.statusCode, headers: r.headers, body: await read(r) });
		});
		up.on('error', reject);
		up.end(method === 'HEAD' ? undefined : body);
	});
}

async function answer(state, req, body, res) {
	const [pathname, search = ''] = req.url.split('?');
	const uploadId = new URLSearchParams(search).get('uploadId');
	if (req.headers['if-none-match'] === '*' && req.method !== 'GET') {
		if (!state.conditions) return refuse(res, 501, 'NotImplemented', 'A header you provided implies functionality that is not implemented');
		const head = await forward(state, req, Buffer.alloc(0), { method: 'HEAD', url: pathname });
		if (head.status === 200) return refuse(res, 412, 'PreconditionFailed', 'At least one of the preconditions you specified did not hold');
	}
	if (req.method === 'DELETE' && uploadId) {
		const folder = path.join(state.dir, decodeURIComponent(pathname.split('/')[1]), '._S3rver_uploads', path.basename(uploadId));
		if (!fs.existsSync(folder)) return refuse(res, 404, 'NoSuchUpload', 'The specified upload does not exist.');
		fs.rmSync(folder, { recursive: true });
		res.writeHead(204).end();
		return;
	}
	const r = await forward(state, req, body);
	if (state.after && (await state.after(req, res, r))) return;
	delete r.headers['transfer-encoding'];
	if (req.method !== 'HEAD') r.headers['content-length'] = r.body.length;
	res.writeHead(r.status, r.headers);
	if (state.bytesPerSecond && req.method === 'GET') return trickle(res, r.body, state.bytesPerSecond);
	res.end(req.method === 'HEAD' ? undefined : r.body);
}

function trickle(res, body, rate) {
	let at = 0;
	const timer = setInterval(() => {
		if (at >= body.length || res.destroyed) {
			clearInterval(timer);
			res.end();
			return;
		}
		res.write(body.subarray(at, (at += rate / 10)));
	}, 100);
}
