// What other tools make of our files, for 138_import.sh.
//   schema FILE          speedscope's own schema holds for the file
//   pprof FILE           decoded by pprof-format and written as folded stacks, by count and by value
//   speedscope FILE…     each opened in speedscope itself, in Chromium: the functions it lists, a line per file
// Exit code 77: what is needed is not installed (said on stderr).
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';

const require = createRequire(resolve('tests/node/x.js'));

function need(name) {
  try {
    return require(name);
  } catch {
    console.error(`no ${name} (tests/node)`);
    process.exit(77);
  }
}
function speedscopeFolder() {
  const folder = resolve('tests/node/node_modules/speedscope/dist/release');
  if (!existsSync(folder)) {
    console.error('no speedscope (tests/node)');
    process.exit(77);
  }
  return folder;
}

function schema(file) {
  const Ajv = need('ajv');
  const validate = new (Ajv.default ?? Ajv)({ strict: false }).compile(
    JSON.parse(readFileSync(join(speedscopeFolder(), 'file-format-schema.json'), 'utf8')));
  if (!validate(JSON.parse(readFileSync(file, 'utf8')))) throw new Error(JSON.stringify(validate.errors?.slice(0, 3)));
}

function pprof(file) {
  const { Profile } = need('pprof-format');
  const p = Profile.decode(gunzipSync(readFileSync(file)));
  const text = (i) => p.stringTable.strings[Number(i)];
  const functions = new Map(p.function.map((f) => [Number(f.id), text(f.name)]));
  const places = new Map(p.location.map((l) => [Number(l.id), l.line.map((x) => functions.get(Number(x.functionId)))]));
  const sums = new Map();
  for (const s of p.sample) {
    const path = s.locationId.flatMap((id) => places.get(Number(id))).reverse().join(';');
    const sum = sums.get(path) ?? [0, 0];
    sums.set(path, sum.map((v, i) => v + Number(s.value[i])));
  }
  for (const t of p.sampleType) console.log(`# ${text(t.type)} ${text(t.unit)}`);
  for (const [path, [count, value]] of [...sums].sort(([a], [b]) => (a < b ? -1 : 1))) console.log(`${path} ${count} ${value}`);
}

async function speedscope(files) {
  const { chromium } = need('playwright-core');
  const executablePath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
    .find((p) => p && existsSync(p));
  if (!executablePath) {
    console.error('no chromium (package chromium)');
    process.exit(77);
  }
  const index = pathToFileURL(join(speedscopeFolder(), 'index.html'));
  const folder = mkdtempSync(join(tmpdir(), 'protea-peers.'));
  const browser = await chromium.launch({ executablePath, headless: true, args: ['--no-sandbox', '--disable-gpu', '--allow-file-access-from-files'] });
  try {
    for (const file of files) {
      const script = join(folder, `${basename(file)}.js`);
      writeFileSync(script, `speedscope.loadFileFromBase64(${JSON.stringify(basename(file))}, ${JSON.stringify(readFileSync(file).toString('base64'))})`);
      const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
      await page.goto(`${index}#localProfilePath=${script}`);
      await page.waitForFunction(() => document.title.length > 0 && document.body.innerText.includes('Sandwich'), null, { timeout: 20000 });
      await page.keyboard.press('3');
      // Rows of functions have their shares in them.
      await page.waitForFunction(() => [...document.querySelectorAll('table tr')].some((r) => r.innerText.includes('%')), null, { timeout: 20000 });
      console.log(await page.evaluate(() => [...document.querySelectorAll('table tr')].filter((r) => r.innerText.includes('%'))
        .map((r) => r.lastElementChild.innerText.trim()).join(';')));
      await page.close();
    }
  } finally {
    await browser.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const [what, ...args] = process.argv.slice(2);
if (what === 'schema') args.forEach(schema);
else if (what === 'pprof') args.forEach(pprof);
else if (what === 'speedscope') await speedscope(args);
else throw new Error(`what is '${what}'? (${dirname(process.argv[1])})`);
