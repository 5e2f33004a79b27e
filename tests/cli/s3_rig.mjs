// What the tests against an S3 server share: TAP, a fresh folder, s3rver and our programs as child
// processes. Imported by tests/cli/*_s3*.mjs, which run from the repo root.
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

export const O = process.env.O ?? 'build';
export const tmp = fs.mkdtempSync(path.join(process.env.TMPDIR ?? os.tmpdir(), 'protea-s3.'));
const S3RVER = path.resolve('tests/node/node_modules/s3rver/bin/s3rver.js');
const children = new Set();
let n = 0;
let failed = 0;
let everything = '';

export const sleep = (ms) => new Promise((r) => setTimeout(r, ms));
export const digest = (file) => crypto.createHash('sha256').update(fs.readFileSync(file)).digest('hex');
/** All that launched programs ever printed. */
export const said = () => everything;
export const serverMissing = () => (fs.existsSync(S3RVER) ? null : 's3rver is not installed (npm install in tests/node)');

export async function test(name, fn) {
	n++;
	try {
		await fn();
		console.log(`ok ${n} - ${name}`);
	} catch (e) {
		failed++;
		console.log(`not ok ${n} - ${name}`);
		console.log(String(e.stack ?? e).replace(/^/gm, '# '));
	}
}

export function skip(name, why) {
	console.log(`ok ${++n} - ${name} # SKIP ${why}`);
}

export function expect(condition, what) {
	if (!condition) throw new Error(what);
}

export async function until(what, fn, ms = 60000) {
	const end = Date.now() + ms;
	while (!fn()) {
		if (Date.now() > end) throw new Error(`never happened: ${what}`);
		await sleep(10);
	}
}

/** A port nobody listens at, of those the kernel does not give out by itself. */
export async function freePort() {
	for (;;) {
		const port = 10000 + Math.floor(Math.random() * 10000);
		const s = net.createServer();
		const free = await new Promise((resolve) => s.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true)));
		if (!free) continue;
		await new Promise((resolve) => s.close(resolve));
		return port;
	}
}

/** s3rver as a process of its own, so that it can be killed. */
export async function startServer(dir, port) {
	const child = spawn(process.execPath, [S3RVER, '-d', dir, '-a', '127.0.0.1', '-p', String(port), '--no-vhost-buckets', '-s'], {
		stdio: ['ignore', 'pipe', 'pipe'],
	});
	let out = '';
	children.add(child);
	child.stdout.on('data', (d) => (out += d));
	child.stderr.on('data', (d) => (out += d));
	child.on('exit', () => children.delete(child));
	await until(`s3rver listens (${out})`, () => out.includes('listening'));
	return child;
}

export async function kill(child, signal = 'SIGKILL') {
	const gone = new Promise((r) => child.once('exit', r));
	child.kill(signal);
	await gone;
}

/** Starts a program; .done resolves to { code, out, err, seconds }. */
export function launch(program, args, env = {}) {
	const began = Date.now();
	const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
	let out = '';
	let err = '';
	children.add(child);
	child.stdout.on('data', (d) => (out += d));
	child.stderr.on('data', (d) => (err += d));
	const done = new Promise((resolve) =>
		child.on('close', (code) => {
			children.delete(child);
			everything += out + err;
			resolve({ code, out, err, seconds: (Date.now() - began) / 1000 });
		}),
	);
	return { child, done };
}

/** Ends the test: nothing of it stays. */
export function conclude() {
	for (const child of children) child.kill('SIGKILL');
	fs.rmSync(tmp, { recursive: true, force: true });
	process.exit(failed ? 1 : 0);
}
