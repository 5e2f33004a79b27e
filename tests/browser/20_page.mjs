// The page around its views in Chromium: what its head says, filters, history, address, themes, bad data, and
// that names which try to be markup stay names.
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { address, boxOf, folder, is, like, ok, open, pageFile, run, settle, text } from './lib.mjs';
import { madeFile } from './made.mjs';

const fact = (page, key) => text(page, `#facts [data-fact="${key}"] dd`);
const state = (page) => page.evaluate(() => ({ ...window.flame.app.state }));
const VIEWS = ['flame', 'time', 'callers', 'table', 'tree', 'stages', 'memory', 'source', 'changes'];
// Shows every view that there is, and every frame in the words of tooltip, details and menu.
const showAll = (page) => page.evaluate(async (ids) => {
  const { app, tipOf, factRows, saidOf, frameActions } = window.flame;
  for (const view of ids) {
    app.set({ view });
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  }
  app.set({ view: 'flame' });
  const graph = app.graph();
  for (let node = 0; node < graph.tree.count; node++) {
    app.tip(tipOf(app, graph, node), 50, 50);
    factRows(app, graph, node, true);
    saidOf(app, graph, node);
    frameActions(app, graph, node);
    app.set({ selected: graph.base(node), fn: node > 0 ? graph.tree.label[node] : -1 });
  }
  app.help();
}, VIEWS);

await run([
  ['the head tells what was measured, how, where and what was lost', async () => {
    const page = await open(pageFile('typical'));
    is(await fact(page, 'kind'), 'cpu: CPU time', 'kind');
    is(await fact(page, 'unit'), 'ns', 'unit');
    is(await fact(page, 'samples'), '4,155', 'samples');
    is(await fact(page, 'total'), '20.9 s', 'total');
    is(await fact(page, 'rate'), '199 Hz', 'rate');
    is(await fact(page, 'lost'), '14 late_tick, 33 truncated, 5 no_unwind_info', 'lost');
    is(await fact(page, 'host'), 'node17', 'host');
    is(await fact(page, 'date'), '2026-01-01 00:00:00 UTC', 'date');
    is(await page.locator('#facts [data-fact="run"] bdi').getAttribute('title'), '3f2a9c1e-7b44-4c55-9d0e-5f6a7b8c9d0e', 'run');
    is(await text(page, '#run-name'), 'tiny-export', 'name');
    is(await text(page, '#command'), 'build/protea-export run samples/jobs/tiny.json --threads 2', 'command');
    is(await page.title(), 'tiny-export · cpu', 'title');
  }],

  ['memory is shown in bytes and blocks, and an estimate as one', async () => {
    const page = await open(pageFile('memory'), {}, '#kind=peak');
    is(await fact(page, 'kind'), 'peak: bytes live at the peak', 'kind');
    is(await fact(page, 'unit'), 'bytes', 'unit');
    is(await fact(page, 'total'), '4.0 MiB', 'total');
    is(await fact(page, 'blocks'), '3,010', 'blocks');
    like(await fact(page, 'precision'), /^estimated, one sample in 512\.0 KiB, 95 %: 3\.5 MiB … 4\.5 MiB$/, 'precision');
    is(await page.locator('#facts [data-fact="rate"]').count(), 0, 'no rate of ticks');
    const keep = await boxOf(page, 'keep');
    await page.mouse.move(keep.cx, keep.cy);
    like(await text(page, '#tip'), /^keep\ntotal\n3\.0 MiB, 75\.0 %, 3,000 blocks\n/, 'tooltip');
    await page.locator('#by').selectOption({ label: 'blocks' });
    ok((await boxOf(page, 'keep')).width > 1200, 'by blocks');
  }],

  ['stage and thread narrow the graph, its sums and its head', async () => {
    const page = await open(pageFile('typical'));
    await page.locator('#stage').selectOption({ label: '\u00a0\u00a0knn' });
    is(await fact(page, 'samples'), '2,297', 'stage');
    await page.locator('#thread').selectOption({ label: 'worker-1 (4102)' });
    is(await fact(page, 'samples'), '1,177', 'stage and thread');
    await page.locator('#stage').selectOption({ label: '(outside of stages)' });
    is(await fact(page, 'samples'), '5', 'outside of stages');
    await page.locator('#thread').selectOption({ label: 'all threads' });
    is(await fact(page, 'samples'), '38', 'all threads');
    await page.locator('#thread').selectOption({ label: 'worker-0 (4101)' });
    like(await text(page, '#empty'), /^No samples of kind cpu that pass the filter/, 'nothing there');
    for (const want of ['38', '5', '1,177', '2,297', '4,155']) {
      await page.locator('#undo').click();
      is(await fact(page, 'samples'), want, 'undone');
    }
    ok(await page.locator('#undo').isDisabled(), 'nothing more to undo');
    await page.keyboard.press('Control+Shift+z');
    is(await fact(page, 'samples'), '2,297', 'done again');
  }],

  ['number keys and tabs show the views', async () => {
    const page = await open(pageFile('typical'));
    const tabs = await page.locator('#tabs [role="tab"]').all();
    for (const [i, tab] of tabs.entries()) {
      const off = (await tab.getAttribute('aria-disabled')) === 'true';
      await page.keyboard.press('1');
      await page.keyboard.press(String(i + 1));
      is(await tab.getAttribute('aria-selected'), String(!off), `key ${i + 1}`);
      if (off) continue;
      const panel = await tab.getAttribute('aria-controls');
      ok(await page.locator(`#${panel}`).isVisible(), panel);
      is(await page.locator('[role="tabpanel"]:visible').count(), 1, 'one at a time');
    }
    await page.locator('#tab-table').click();
    is((await state(page)).view, 'table', 'by mouse');
    await page.keyboard.press('u');
    ok((await state(page)).view !== 'table', 'undone');
  }],

  ['a view has an address, and another address in the same page shows another view', async () => {
    const page = await open(pageFile('typical'));
    const main = await boxOf(page, 'main');
    await page.mouse.click(main.cx, main.cy);
    await page.locator('#search').fill('sqlite');
    const hash = await address(page);
    ok(hash.includes('sqlite'), 'the address says so');
    const again = await open(pageFile('typical'), {}, hash);
    is(JSON.stringify(await state(again)), JSON.stringify(await state(page)), 'state');
    is(await text(again, '#matched'), await text(page, '#matched'), 'search');
    await page.evaluate(() => (location.hash = '#view=table&find=knn'));
    await page.waitForFunction(() => window.flame.app.state.view === 'table');
    is((await state(page)).find, 'knn', 'by hand');
    await page.evaluate(() => (location.hash = ''));
    await page.waitForFunction(() => window.flame.app.state.view === 'flame');
    const wrong = await open(pageFile('typical'), {}, '#zoom=99999&stage=x&thread=-7&find=%28&view=nothing&kind=%3Cb%3E');
    is(JSON.stringify({ ...(await state(wrong)), find: '' }), JSON.stringify(await state(await open(pageFile('typical')))), 'what does not exist is not believed');
  }],

  ['hostile names are names', async () => {
    const file = pageFile('hostile');
    const html = readFileSync(file, 'latin1').replace(/<script id="flame-data"[\s\S]*?<\/script>/, '');
    ok(!/<img|<script>window\.broken/.test(html), 'no name in the markup');
    const page = await open(file);
    is(await text(page, '#run-name'), '</script><script>window.broken=1</script>', 'run');
    is(await fact(page, 'filter'), '</script><script>window.broken=1</script>', 'filter');
    is(await fact(page, 'labels'), 'k=</script>', 'labels');
    like(await fact(page, 'lost'), /^3 <\/script>/, 'loss');
    const scripts = await page.locator('script').count();
    is(scripts, await (await open(pageFile('typical'))).locator('script').count(), 'no script from a name');
    await showAll(page);
    is(await page.evaluate(() => window.broken), undefined, 'nothing ran after all was shown');
    is(await page.locator('img, iframe, object, embed').count(), 0, 'no element from a name');
    is(await page.evaluate(() => document.documentElement.scrollWidth), 1280, 'a name of 10 MB does not widen the page');
    for (const width of [360, 768]) {
      const narrow = await open(file, { viewport: { width, height: 740 } });
      is(await narrow.evaluate(() => document.documentElement.scrollWidth), width, `width ${width}`);
    }
  }],

  ['all views of pages without anything odd can be shown', async () => {
    for (const name of ['typical', 'compare', 'empty', 'untimed', 'memory', 'redacted']) await showAll(await open(pageFile(name)));
    await showAll(await open(madeFile({ stacks: [] })));
  }],

  ['an empty profile says what there is instead', async () => {
    const page = await open(pageFile('empty'));
    like(await text(page, '#empty'), /^No samples of kind wall in this run\. The run has samples of: cpu\.$/, 'message');
    is(await fact(page, 'kind'), 'wall: wall-clock time', 'kind');
  }],

  ['200,000 stacks fit into the page, and what is not in it is said', async () => {
    const page = await open(pageFile('many'));
    ok(statSync(pageFile('many')).size <= 2e6, 'at most 2 MB');
    like(await fact(page, 'folded'), /light frames \(.*\) are in “\(other\)”/, 'what was folded is said');
    is(await page.evaluate(() => window.flame.app.graph().count[0]), await page.evaluate(() => window.flame.app.profile.runs[0].kinds.cpu), 'no sample is missing');
  }],

  ['a narrow screen shows everything without sideways scrolling', async () => {
    for (const width of [360, 768]) {
      const page = await open(pageFile('typical'), { viewport: { width, height: 740 }, hasTouch: true, isMobile: true });
      for (const view of VIEWS) {
        await page.evaluate((id) => window.flame.app.set({ view: id }), view);
        await settle(page);
        is(await page.evaluate(() => document.documentElement.scrollWidth), width, `${view}: width`);
      }
    }
  }],

  ['the theme follows the system until it is switched', async () => {
    const page = await open(pageFile('typical'), { colorScheme: 'dark' });
    const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    is(await back(), 'rgb(22, 22, 24)', 'dark');
    await page.locator('#theme').click();
    is(await back(), 'rgb(253, 253, 252)', 'light');
    is(await page.evaluate(() => window.flame.app.colours().dark), false, 'the graph too');
    await page.keyboard.press('t');
    is(await back(), 'rgb(22, 22, 24)', 'dark again');
    const system = await open(pageFile('typical'), { colorScheme: 'light' });
    await system.emulateMedia({ colorScheme: 'dark' });
    await system.waitForFunction(() => window.flame.app.colours().dark);
  }],

  ['readers of the screen find landmarks, tabs and names', async () => {
    const page = await open(pageFile('typical'));
    const tree = await page.locator('body').ariaSnapshot();
    for (const part of [/tablist "views"/, /tab "Flame" \[selected\]/, /tabpanel "Flame"/, /searchbox "search functions/, /toolbar "what is shown"/, /navigation "path to the zoomed frame"/, /button "undo" \[disabled\]/])
      like(tree, part, 'accessibility tree');
    const nameless = await page.evaluate(() => [...document.querySelectorAll('button, select, input, canvas')]
      .filter((e) => e.offsetParent && !(e.textContent.trim() || e.getAttribute('aria-label') || e.closest('label'))).map((e) => e.outerHTML));
    is(nameless.join('\n'), '', 'controls without a name');
  }],

  ['damaged data are told, not drawn', async () => {
    const html = readFileSync(pageFile('typical'), 'latin1');
    const at = html.indexOf('id="flame-data" type="text/plain">') + 150;
    const file = join(folder, 'damaged.html');
    writeFileSync(file, `${html.slice(0, at)}AAAA${html.slice(at + 4)}`, 'latin1');
    const page = await open(file);
    ok((await text(page, '#empty')).length > 10, 'a message');
    is(await page.evaluate(() => document.documentElement.dataset.ready), undefined, 'not ready');
  }],

  ['without scripts there is a table', async () => {
    const page = await open(pageFile('typical'), { javaScriptEnabled: false });
    ok(await page.locator('#static').isVisible(), 'shown');
    like(await text(page, '#static'), /dot_f32/, 'functions');
    is(await (await open(pageFile('typical'))).locator('#static').isVisible(), false, 'not beside the views');
  }],

  ['the page of the source tree runs as it is', async () => {
    const page = await open(resolve('viewer/page.html'));
    ok((await page.evaluate(() => window.flame.app.profile.tree.count)) > 5, 'the example is there');
  }],

  ['the joined page says what the parts say', async () => {
    const joined = execFileSync('viewer/join.sh', { encoding: 'utf8' });
    ok(!/<(link rel="stylesheet"|script src)/.test(joined), 'nothing is left to load');
    is(joined.match(/@PROTEA-FLAME-DATA@/g).length, 1, 'places for data');
    like(joined, /Content-Security-Policy" content="default-src 'none'/, 'a policy that forbids the rest');
  }],
]);
