// What the browser tests share: a Chromium that may load nothing, pages of flame_page, TAP. A request to the
// network, an error on the console or an exception in a page fails the test that is running.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(resolve('tests/node/package.json'));
export const folder = mkdtempSync(join(process.env.TMPDIR ?? tmpdir(), 'protea-browser.'));
const tool = join(process.env.O ?? 'build', 'tests/tools/flame_page');
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--force-color-profile=srgb'];

const PATIENCE = 120000; // ms; how long a machine with other things to do may take

let count = 0;
let failures = 0;
let browser;
let trouble = [];

export function chromiumPath() {
  return [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
    .find((p) => p && existsSync(p));
}

// Why the tests of this file cannot run here, or null.
function missing() {
  if (!chromiumPath()) return 'no chromium (package chromium)';
  try {
    require.resolve('playwright-core');
  } catch {
    return 'no playwright-core (tests/node)';
  }
  return existsSync(tool) ? null : `no ${tool} (make tools)`;
}

// [name, body] pairs, one after the other.
export async function run(all) {
  const tests = process.env.ONLY ? all.filter(([name]) => name.includes(process.env.ONLY)) : all;
  const why = missing();
  try {
    if (why) {
      for (const [name] of tests) console.log(`ok ${++count} - ${name} # SKIP ${why}`);
    } else {
      const { chromium } = require('playwright-core');
      browser = await chromium.launch({ executablePath: chromiumPath(), headless: true, args: FLAGS, timeout: PATIENCE });
      for (const [name, body] of tests) await one(name, body);
    }
  } finally {
    if (browser) await browser.close();
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`1..${count}`);
  process.exitCode = failures ? 1 : 0;
}

async function one(name, body) {
  trouble = [];
  let error = null;
  try {
    await body();
  } catch (e) {
    error = e.stack ?? e;
  }
  for (const context of browser.contexts()) await context.close();
  if (!error && trouble.length) error = trouble.join('\n');
  console.log(`${error ? 'not ok' : 'ok'} ${++count} - ${name}`);
  if (!error) return;
  failures++;
  console.log(`# ${String(error).split('\n').slice(0, 8).join('\n# ')}`);
}

export function is(got, want, what) {
  if (!Object.is(got, want)) throw new Error(`${what}: got ${String(got).slice(0, 300)}, want ${String(want).slice(0, 300)}`);
}
export function ok(value, what) {
  if (!value) throw new Error(what);
}
export function like(text, regex, what) {
  if (!regex.test(text)) throw new Error(`${what}: '${String(text).slice(0, 300)}' is not like ${regex}`);
}

const made = new Map();

// The file of a page by flame_page; each is made once.
export function pageFile(...args) {
  const key = args.join('-');
  if (!made.has(key)) {
    const file = join(folder, `${key}.html`);
    writeFileSync(file, execFileSync(tool, args, { maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] }));
    made.set(key, file);
  }
  return made.get(key);
}

// Time in a page passes by pass() alone: what waits with setTimeout (the wheel's rest, the address, a toast) waits for
// that, so a burst of input is one burst on the slowest machine. Frames, and timers without a delay, come as ever.
function stopClock() {
  const { setTimeout: real, clearTimeout: clear } = window;
  const waiting = new Map(); // by id: {at, act}
  let now = 0;
  let last = 1e9; // ids of real timers are smaller
  window.setTimeout = (act, ms = 0, ...args) => {
    if (!(ms > 0)) return real(act, ms, ...args);
    waiting.set(++last, { at: now + ms, act: () => act(...args) });
    return last;
  };
  window.clearTimeout = (id) => {
    if (!waiting.delete(id)) clear(id);
  };
  window.testClock = {
    waiting: () => waiting.size,
    pass(ms) {
      const until = now + ms;
      for (;;) {
        let next = null;
        for (const [id, timer] of waiting) if (timer.at <= until && (!next || timer.at < next.at)) next = { id, ...timer };
        if (!next) break;
        waiting.delete(next.id);
        now = next.at;
        next.act();
      }
      now = until;
    },
  };
}

// Opens a file and waits until its data are read; `options` are playwright's (viewport, colorScheme, …), and `before`,
// a function that runs in the page before anything of it; `clock`: 'real' lets time pass by itself. Nothing glides
// unless a test asks for it. BROWSER_SLOW=20 in the environment makes pages so much slower.
export async function open(file, { before, clock, ...options } = {}, hash = '') {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', ...options });
  context.setDefaultTimeout(PATIENCE);
  if (clock !== 'real' && options.javaScriptEnabled !== false) await context.addInitScript(stopClock);
  if (before) await context.addInitScript(before);
  const page = await context.newPage();
  if (process.env.BROWSER_SLOW) await (await context.newCDPSession(page)).send('Emulation.setCPUThrottlingRate', { rate: Number(process.env.BROWSER_SLOW) });
  const url = pathToFileURL(file).href;
  page.on('request', (r) => {
    const u = r.url();
    if (!u.startsWith(url.replace(/[^/]*$/, '')) && !u.startsWith('data:')) trouble.push(`request to ${u}`);
  });
  page.on('console', (m) => {
    // Reading pixels back is what the tests do, not the page.
    if (['error', 'warning'].includes(m.type()) && !m.text().includes('willReadFrequently')) trouble.push(`console: ${m.text()}`);
  });
  page.on('pageerror', (e) => trouble.push(`exception: ${e.message}`));
  page.on('dialog', (d) => trouble.push(`dialog: ${d.message()}`));
  await page.goto(url + hash);
  if (options.javaScriptEnabled === false) return page;
  await page.waitForFunction(() => document.documentElement.dataset.ready === '1' || !document.getElementById('empty').hidden);
  return page;
}

// Two frames later: what was asked for is painted.
export const settle = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

// So much time passes in the page, and what came of it is painted. Input that was sent before has been handled.
export async function pass(page, ms) {
  await settle(page);
  await page.evaluate((t) => window.testClock.pass(t), ms);
  await settle(page);
}

// The page's address once it has written it.
export async function address(page) {
  await pass(page, 120);
  return page.evaluate(() => location.hash);
}

// Where a frame of that name is drawn in the flame view (the first one in the order of the graph that is at
// least a pixel wide), in pixels of the window.
export async function boxOf(page, name) {
  await settle(page);
  const box = await page.evaluate((wanted) => {
    const { v, painter, canvas } = window.flame.app.view().view;
    const { tree, total } = v.graph;
    const { scale } = painter.window(v);
    const place = canvas.getBoundingClientRect();
    for (let node = 0; node < tree.count; node++) {
      if (v.name(node) !== wanted || !(total[node] * scale >= 1)) continue;
      const box = painter.boxOf(v, node);
      if (box.width <= 0) continue;
      const x = place.left + box.x;
      const y = place.top + box.y;
      return { node, x, y, width: box.width, cx: x + box.width / 2, cy: y + box.height / 2 };
    }
    return null;
  }, name);
  if (!box) throw new Error(`no frame '${name}' on the screen`);
  return box;
}

export const text = (page, selector) => page.locator(selector).innerText();
