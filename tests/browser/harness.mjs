// What the tests of the page's core share, which run under node: checks, TAP, and pages of flame_page.
//   test('what holds', async () => { is(got, want, 'which'); }); … await run();
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const require = createRequire(resolve('viewer/js/x.js'));
const tool = join(process.env.O ?? 'build', 'tests/tools/flame_page');
const tests = [];
const pages = new Map();
const profiles = new Map();

// The functions of viewer/js/NAME.js, of all names together.
export const core = (...names) => Object.assign({}, ...names.map((name) => require(`./${name}.js`)));

export const test = (name, body) => tests.push([name, body]);

const brief = (v) => String(v).slice(0, 300);

export function is(got, want, what = '') {
  if (!Object.is(got, want)) throw new Error(`${what} got ${brief(got)}, want ${brief(want)}`);
}
export function near(got, want, what = '') {
  if (!(Math.abs(got - want) <= 1e-9 * Math.max(1, Math.abs(want)))) throw new Error(`${what} got ${got}, want ${want}`);
}
export function ok(value, what) {
  if (!value) throw new Error(what);
}
export function same(got, want, what = '') {
  is(JSON.stringify(got), JSON.stringify(want), what);
}
// The error that body throws, whose text is like `regex`.
export async function fails(body, regex, what = '') {
  let error = null;
  try {
    await body();
  } catch (e) {
    error = e;
  }
  if (!error) throw new Error(`${what} did not fail`);
  if (!regex.test(error.message)) throw new Error(`${what} failed with '${brief(error.message)}', not like ${regex}`);
  return error;
}

// Tests that need pages made in C are skipped without the tool: test('…', needsPage(async () => …)).
export const hasPages = () => existsSync(tool);
export const needsPage = (body) => Object.assign(body, { why: () => (hasPages() ? '' : `no ${tool} (make tools)`) });

export function page(...args) {
  const key = args.join(' ');
  if (!pages.has(key))
    pages.set(key, execFileSync(tool, args, { maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] }).toString('latin1'));
  return pages.get(key);
}
export const dataOf = (html) => html.slice(html.indexOf('id="flame-data" type="text/plain">') + 34).split('</script>')[0];
export async function profileOf(...args) {
  const key = args.join(' ');
  if (!profiles.has(key)) profiles.set(key, await require('./decode.js').decode(dataOf(page(...args))));
  return profiles.get(key);
}

export const nameOf = (p, node, tree = p.tree) => (node === 0 ? '' : p.strings.text(p.labels.name[tree.label[node]]));
export function nodesNamed(p, name, tree = p.tree) {
  const found = [];
  for (let i = 1; i < tree.count; i++) if (nameOf(p, i, tree) === name) found.push(i);
  return found;
}

export async function run() {
  let failures = 0;
  for (const [i, [name, body]] of tests.entries()) {
    const why = body.why ? body.why() : '';
    if (why) {
      console.log(`ok ${i + 1} - ${name} # SKIP ${why}`);
      continue;
    }
    try {
      await body();
      console.log(`ok ${i + 1} - ${name}`);
    } catch (e) {
      failures++;
      console.log(`not ok ${i + 1} - ${name}\n# ${String(e.stack ?? e).split('\n').slice(0, 6).join('\n# ')}`);
    }
  }
  console.log(`1..${tests.length}`);
  process.exitCode = failures ? 1 : 0;
}
