// How fast pages are in Chromium without a GPU: from the start of loading and from when the file has been read to the
// painted graph, and frames while
// zooming, moving, searching and scrolling. Frames are not tied to a screen here: the time from one to the next
// is all that it takes, drawing included. CPU time, of the page's main thread and of all its threads, is what
// counts on a machine that is busy with other work. Usage: bench_viewer.mjs LABEL=PAGE…
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(resolve('tests/node/package.json'));
const { chromium } = require('playwright-core');
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-frame-rate-limit', '--disable-gpu-vsync', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--allow-file-access-from-files'];
const LOADS = 5;
const FRAMES = 60;

const sorted = (list) => list.slice().sort((a, b) => a - b);
const median = (list) => sorted(list)[Math.floor(list.length / 2)];
const p95 = (list) => sorted(list)[Math.ceil(list.length * 0.95) - 1];
const ms = (v) => (Number.isNaN(v) ? '–' : v >= 100 ? v.toFixed(0) : v.toFixed(1)).padStart(9);

const parentOf = (pid) => Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))[1]);
const ours = (pid) => {
  for (let p = pid; p > 1; p = parentOf(p)) if (p === process.pid) return true;
  return false;
};

// The process that runs the page: [pid]; a page that was closed may still be there, so the last one started.
function renderer() {
  const pids = readdirSync('/proc').filter((p) => /^\d+$/.test(p)).map(Number).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('--type=renderer') && ours(pid);
    } catch {
      return false; // it has ended meanwhile
    }
  });
  return Math.max(...pids);
}

// CPU time so far in ms: {main, all} threads.
function cpu(pid) {
  const of = (tid) => Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'latin1').split(' ')[0]) / 1e6;
  let all = 0;
  for (const tid of readdirSync(`/proc/${pid}/task`)) {
    try {
      all += of(tid);
    } catch { /* a thread that has ended */ }
  }
  return { main: of(pid), all };
}

// In the page: what happens in each frame, by name. Each takes the number of the frame.
const MOVES = {
  zoom: (k, { canvas, box }) => canvas.dispatchEvent(new WheelEvent('wheel', {
    deltaY: k % 60 < 30 ? -30 : 30, ctrlKey: true, clientX: box.left + box.width * 0.31, clientY: box.top + 60, bubbles: true, cancelable: true })),
  pan: (k, { canvas, box }) => canvas.dispatchEvent(new WheelEvent('wheel', {
    deltaX: k % 60 < 30 ? 25 : -25, clientX: box.left + 50, clientY: box.top + 60, bubbles: true, cancelable: true })),
  hover: (k, { canvas, box }) => canvas.dispatchEvent(new PointerEvent('pointermove', {
    clientX: box.left + ((k * 37) % box.width), clientY: box.top + 10 + ((k * 13) % 380), pointerType: 'mouse', bubbles: true })),
  search: (k, { app }) => app.set({ find: 'visit_read|merge'.slice(0, 1 + (k % 16)) }, { step: false }),
  scroll: (k, { scroll }) => (scroll.scrollTop = k % 60 < 30 ? scroll.scrollTop + 40 : scroll.scrollTop - 40),
  select: (k, { app, graph }) => app.set({ selected: (k * 7919) % graph.tree.count }, { step: false }),
};

async function frames(page, name) {
  return page.evaluate(async ([source, count]) => {
    const { app } = window.flame;
    const canvas = document.getElementById('graph');
    const tools = { app, canvas, graph: app.graph(), scroll: document.getElementById('scroll'), box: canvas.getBoundingClientRect() };
    const move = new Function(`return ${source}`)();
    const next = () => new Promise((done) => requestAnimationFrame(done));
    const intervals = [];
    const work = [];
    for (let k = 0; k < 5; k++) await next();
    let before = await next();
    for (let k = 0; k < count; k++) {
      const from = performance.now();
      move(k, tools);
      work.push(performance.now() - from);
      const now = await next();
      intervals.push(now - before);
      before = now;
    }
    return { intervals, work };
  }, [MOVES[name].toString(), FRAMES]);
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: FLAGS });
console.log(`${'page'.padEnd(12)} ${'ms'.padEnd(14)} ${['median', 'p95', 'CPU main', 'CPU all'].map((h) => h.padStart(9)).join('')}`);
const row = (label, what, list, used) =>
  console.log(`${label.padEnd(12)} ${what.padEnd(14)} ${[median(list), p95(list), used.main, used.all].map(ms).join('')}`);

for (const given of process.argv.slice(2)) {
  const [label, file] = given.includes('=') ? given.split('=') : [given, given];
  const url = pathToFileURL(resolve(file)).href;
  const times = { first: [], graph: [], after: [] };
  const loads = { main: [], all: [] };
  let page;
  for (let k = 0; k < LOADS; k++) {
    if (page) await page.context().close();
    page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
    await page.goto('about:blank');
    await page.goto(url, { waitUntil: 'commit' });
    await page.waitForFunction(() => performance.getEntriesByName('flame-painted').length > 0, null, { polling: 200 });
    const used = cpu(renderer());
    loads.main.push(used.main);
    loads.all.push(used.all);
    const t = await page.evaluate(() => ({
      first: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN,
      read: performance.getEntriesByType('navigation')[0].responseEnd,
      graph: performance.getEntriesByName('flame-painted')[0].startTime,
    }));
    times.first.push(t.first);
    times.graph.push(t.graph);
    times.after.push(t.graph - t.read);
  }
  const load = { main: median(loads.main), all: median(loads.all) };
  row(label, 'first paint', times.first, { main: NaN, all: NaN });
  row(label, 'graph painted', times.graph, load);
  row(label, '… since read', times.after, { main: NaN, all: NaN });
  const pid = renderer();
  for (const name of Object.keys(MOVES)) {
    await frames(page, name); // once to warm up
    const before = cpu(pid);
    const { intervals } = await frames(page, name);
    const after = cpu(pid);
    row(label, name, intervals, { main: (after.main - before.main) / (FRAMES + 6), all: (after.all - before.all) / (FRAMES + 6) });
  }
  console.log(`${label.padEnd(12)} ${await page.evaluate(() => window.flame.app.graph().tree.count)} nodes`);
  await page.context().close();
}
await browser.close();
