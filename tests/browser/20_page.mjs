// The page in Chromium, by mouse, keys and touch: what it says, what it does, and that names which try to
// be markup stay names.
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { boxOf, folder, is, like, ok, open, pageFile, run, text } from './lib.mjs';

const view = (page, expression) => page.evaluate(`(() => { const v = window.flame.view; return ${expression}; })()`);
const zoomName = (page) => view(page, 'v.name(v.zoom)');
const selectedName = (page) => view(page, 'v.name(v.selected)');
const fact = (page, key) => text(page, `#facts [data-fact="${key}"] dd`);
const pixel = (page, x, y) => page.evaluate(([px, py]) => {
  const canvas = document.getElementById('graph');
  const box = canvas.getBoundingClientRect();
  const r = canvas.width / box.width;
  return [...canvas.getContext('2d').getImageData((px - box.left) * r, (py - box.top) * r, 1, 1).data].slice(0, 3).join();
}, [x, y]);
const settle = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

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
    is(await fact(page, 'run'), '3f2a9c1e-7b44-4c55-9d0e-5f6a7b8c9d0e', 'run');
    is(await fact(page, 'filter'), 'none', 'filter');
    is(await text(page, '#run-name'), 'tiny-export', 'name');
    is(await text(page, '#command'), 'build/protea-export run samples/jobs/tiny.json --threads 2', 'command');
    is(await page.title(), 'tiny-export · cpu', 'title');
  }],

  ['memory is shown in bytes and blocks, and an estimate as one', async () => {
    const page = await open(pageFile('memory'));
    is(await fact(page, 'kind'), 'peak: bytes live at the peak', 'kind');
    is(await fact(page, 'unit'), 'bytes', 'unit');
    is(await fact(page, 'total'), '4.0 MiB (95 %: 3.5 MiB … 4.5 MiB)', 'total');
    is(await fact(page, 'blocks'), '3,010', 'blocks');
    is(await fact(page, 'precision'), 'estimated, one sample in 512.0 KiB', 'precision');
    is(await page.locator('#facts [data-fact="rate"]').count(), 0, 'no rate of ticks');
    is(await page.title(), 'grow · peak', 'title');
    const keep = await boxOf(page, 'keep');
    await page.mouse.move(keep.cx, keep.cy);
    like(await text(page, '#tip'), /^keep\ntotal\n3\.0 MiB, 75\.0 %, 3,000 blocks\n/, 'tooltip');
    is((await text(page, '#weight')).trim(), 'bytes\nblocks', 'widths');
    await page.locator('#weight').selectOption({ label: 'blocks' });
    ok((await boxOf(page, 'keep')).width > 1200, 'by blocks');
  }],

  ['a click zooms, the path leads back', async () => {
    const page = await open(pageFile('typical'));
    const main = await boxOf(page, 'main');
    await page.mouse.click(main.cx, main.cy);
    is(await zoomName(page), 'main', 'zoomed');
    ok((await boxOf(page, 'main')).width > 1200, 'the frame fills the width');
    await page.mouse.click(600, (await boxOf(page, 'job_run')).cy);
    is(await text(page, '#crumbs'), 'all\nmain\njob_run', 'path');
    await page.locator('#crumbs button', { hasText: 'main' }).click();
    is(await zoomName(page), 'main', 'by the path');
    await page.mouse.click(600, main.cy - 20); // the root's row, above the zoomed frame
    is(await zoomName(page), 'all', 'by the row of the root');
  }],

  ['hovering tells of a frame', async () => {
    const page = await open(pageFile('typical'));
    const dot = await boxOf(page, 'dot_f32');
    await page.mouse.move(dot.cx, dot.cy);
    const tip = await text(page, '#tip');
    like(tip, /^dot_f32\ntotal\n10 s, 47\.9 %, 1,992 samples\nself\n10 s, 47\.9 %, 1,992 samples\ninlined into\nknn_block\nmostly at\nknn\/dot\.c:33\nmodule\n\/opt\/export\/bin\/protea-export$/, 'tooltip');
    await page.mouse.move(dot.cx, dot.cy + 200);
    ok(await page.locator('#tip').isHidden(), 'gone beside the frames');
  }],

  ['the selected frame is told in full, with what is inlined into it', async () => {
    const page = await open(pageFile('typical'));
    const knn = await boxOf(page, 'knn_block');
    await page.mouse.click(knn.cx, knn.cy);
    const details = await text(page, '#details');
    like(details, /knn_block/, 'name');
    like(details, /total\s+11\.5 s, 55\.3 %, 2,297 samples/, 'total');
    like(details, /self\s+221 ms, 1\.06 %, 44 samples/, 'self');
    like(details, /dot_f32 86\.7 %\s*heap_push 11\.4 %/, 'inlined');
    like(await page.locator('#said').textContent(), /^knn_block: total 11\.5 s/, 'for readers of the screen');
  }],

  ['search marks frames and says how much they are, once', async () => {
    const page = await open(pageFile('typical'));
    await page.keyboard.press('/');
    await page.keyboard.type('knn|dot');
    is(await text(page, '#matched'), 'matched 55.3 %, 2 frames', 'matched');
    await settle(page);
    const dot = await boxOf(page, 'dot_f32');
    is(await pixel(page, dot.x + dot.width - 6, dot.cy), '194,23,159', 'the colour of matches');
    await page.locator('#search').fill('(');
    like(await text(page, '#matched'), /nterminated group/i, 'what is wrong with the expression');
    await page.locator('#search').fill('nosuchfunction');
    is(await text(page, '#matched'), 'matched 0 %, 0 frames', 'none');
    await page.keyboard.press('Escape');
    is(await page.locator('#search').inputValue(), '', 'cleared');
  }],

  ['a match within a match counts once in a recursion', async () => {
    const page = await open(pageFile('deep'), {}, '#find=fib');
    is(await text(page, '#matched'), 'matched 100 %, 2,048 frames', 'matched');
  }],

  ['reset brings everything back', async () => {
    const page = await open(pageFile('typical'), {}, '#find=knn');
    const main = await boxOf(page, 'main');
    await page.mouse.click(main.cx, main.cy);
    await page.locator('#reset').click();
    is(await zoomName(page), 'all', 'zoom');
    is(await text(page, '#matched'), '', 'search');
    is(await page.evaluate(() => location.hash), '', 'address');
  }],

  ['everything can be done by keys', async () => {
    const page = await open(pageFile('typical'));
    await page.locator('#graph').focus();
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown']) await page.keyboard.press(key);
    is(await selectedName(page), 'dot_f32', 'down to the heaviest callee');
    await page.keyboard.press('ArrowRight');
    is(await selectedName(page), 'heap_push', 'right');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('Enter');
    is(await zoomName(page), 'knn_block', 'Enter zooms');
    await page.keyboard.press('Backspace');
    is(await zoomName(page), 'worker_main', 'Backspace goes to the caller');
    await page.keyboard.press('0');
    is(await zoomName(page), 'all', '0 shows all');
    await page.keyboard.press('/');
    await page.keyboard.type('sqlite3_step');
    await page.keyboard.press('Enter');
    is(await selectedName(page), 'sqlite3_step', 'Enter goes to the match');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    await page.keyboard.press('i');
    is(await page.locator('#flip').getAttribute('aria-pressed'), 'true', 'i turns the graph');
    await page.keyboard.press('?');
    ok(await page.locator('#help').isVisible(), 'help');
    await page.keyboard.press('Escape');
    ok(await page.locator('#help').isHidden(), 'help closed');
    await page.keyboard.press('r');
    is(await zoomName(page), 'all', 'reset');
  }],

  ['the flame graph grows from the bottom', async () => {
    const page = await open(pageFile('typical'));
    const above = await boxOf(page, 'main');
    await page.locator('#flip').click();
    const root = await boxOf(page, 'all');
    const main = await boxOf(page, 'main');
    const job = await boxOf(page, 'job_run');
    ok(job.y < main.y && main.y < root.y && main.y > above.y, 'callees above callers');
    const bottom = await page.evaluate(() => document.getElementById('scroll').getBoundingClientRect().bottom);
    ok(Math.abs(bottom - (root.y + 20)) < 1, 'the root at the bottom');
    await page.mouse.click(job.cx, job.cy);
    is(await zoomName(page), 'job_run', 'a click hits what is drawn there');
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
  }],

  ['a view has an address', async () => {
    const page = await open(pageFile('typical'));
    const main = await boxOf(page, 'main');
    await page.mouse.click(main.cx, main.cy);
    await page.locator('#search').fill('sqlite');
    const hash = await page.evaluate(() => location.hash);
    const again = await open(pageFile('typical'), {}, hash);
    is(await zoomName(again), 'main', 'zoom');
    is(await text(again, '#matched'), await text(page, '#matched'), 'search');
    const wrong = await open(pageFile('typical'), {}, '#zoom=99999&stage=x&thread=-7&find=%28');
    is(await zoomName(wrong), 'all', 'what does not exist is not believed');
  }],

  ['hostile names are names', async () => {
    const file = pageFile('hostile');
    ok(!/broken|onerror/.test(readFileSync(file, 'latin1').replace(/<script id="flame-data"[\s\S]*?<\/script>/, '')), 'no name in the markup');
    const page = await open(file);
    is(await page.evaluate(() => window.broken), undefined, 'nothing ran');
    is(await text(page, '#run-name'), '</script><script>window.broken=1</script>', 'run');
    is(await fact(page, 'filter'), '</script><script>window.broken=1</script>', 'filter');
    is(await fact(page, 'labels'), 'k=</script>', 'labels');
    like(await fact(page, 'lost'), /^3 <\/script>/, 'loss');
    is(await page.locator('img, iframe, object, embed, body script:not([id]) ~ img').count(), 0, 'no element from a name');
    const scripts = await page.locator('script').count();
    is(scripts, await (await open(pageFile('typical'))).locator('script').count(), 'no script from a name');
    for (let node = 1; node < (await view(page, 'v.profile.tree.count')); node++) {
      await page.evaluate((n) => {
        const { view: v, details, tooltip, describe } = window.flame;
        details(v, n);
        tooltip(v, n, 50, 50);
        return describe(v, n);
      }, node);
    }
    is(await page.evaluate(() => window.broken), undefined, 'nothing ran after all were told');
    like(await page.locator('#thread option').nth(0).textContent(), /all threads/, 'threads');
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    is(width, 1280, 'a name of 10 MB does not widen the page');
  }],

  ['an empty profile says what there is instead', async () => {
    const page = await open(pageFile('empty'));
    is(await text(page, '#empty'), 'No samples of kind wall in this run. The run has samples of: cpu.', 'message');
    is(await fact(page, 'kind'), 'wall: wall-clock time', 'kind');
  }],

  ['samples without values are shown by their count', async () => {
    const page = await open(pageFile('untimed'));
    const f = await boxOf(page, 'f');
    const g = await boxOf(page, 'g');
    ok(Math.abs(g.width / f.width - 3) < 0.01, 'three to one');
    await page.mouse.click(g.cx, g.cy);
    like(await text(page, '#details'), /total\s+75\.0 %, 3 samples/, 'no time is claimed');
  }],

  ['deep stacks scroll', async () => {
    const page = await open(pageFile('deep'));
    const height = await page.evaluate(() => document.getElementById('scroll').scrollHeight);
    is(height, 2049 * 20, 'a row each');
    const zoomed = await open(pageFile('deep'), {}, '#zoom=1000');
    is(await zoomed.evaluate(() => document.getElementById('scroll').scrollTop), 997 * 20, 'a zoomed frame is shown with three callers');
    await page.evaluate(() => (document.getElementById('scroll').scrollTop = 1e6));
    await settle(page);
    const box = await page.locator('#graph').boundingBox();
    await page.mouse.move(600, box.y + box.height - 10);
    like(await text(page, '#tip'), /^fib/, 'the last row is there');
    ok((await pixel(page, 600, box.y + box.height - 10)) !== (await view(page, 'v.colours.back')), 'and painted');
  }],

  ['200,000 stacks open at once and zoom smoothly', async () => {
    const page = await open(pageFile('many'));
    ok(statSync(pageFile('many')).size <= 2e6, 'at most 2 MB');
    like(await fact(page, 'folded'), /small frames \(.*\) are in “\(other\)”/, 'what was folded is said');
    const ms = await page.evaluate(() => {
      const v = window.flame.view;
      const painter = new window.flame.Painter(document.getElementById('graph'));
      painter.resize(1280, 600);
      const from = performance.now();
      for (let k = 0; k < 20; k++) painter.paint({ ...v, rows: 60, scroll: 0, offset: 0 });
      return (performance.now() - from) / 20;
    });
    console.log(`# one painting: ${ms.toFixed(1)} ms; first paint ${(await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0].startTime)).toFixed(0)} ms`);
  }],

  ['a narrow screen shows everything without sideways scrolling', async () => {
    const page = await open(pageFile('typical'), { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
    is(await page.evaluate(() => document.documentElement.scrollWidth), 360, 'width');
    const knn = await boxOf(page, 'knn_block');
    await page.touchscreen.tap(knn.cx, knn.cy);
    is(await zoomName(page), 'knn_block', 'a tap zooms');
    ok(await page.locator('#tip').isHidden(), 'no tooltip under a finger');
    is(await page.evaluate(() => document.documentElement.scrollWidth), 360, 'width when zoomed');
    const hostile = await open(pageFile('hostile'), { viewport: { width: 360, height: 740 } });
    is(await hostile.evaluate(() => document.documentElement.scrollWidth), 360, 'width with hostile names');
  }],

  ['the theme follows the system until it is switched', async () => {
    const page = await open(pageFile('typical'), { colorScheme: 'dark' });
    is(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(22, 22, 24)', 'dark');
    const worker = await boxOf(page, 'worker_main');
    const dark = await pixel(page, worker.cx, worker.cy);
    await page.locator('#theme').click();
    await settle(page);
    is(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(253, 253, 252)', 'light');
    ok((await pixel(page, worker.cx, worker.cy)) !== dark, 'the graph too');
    await page.emulateMedia({ colorScheme: 'light' });
  }],

  ['what is no code looks different', async () => {
    const page = await open(pageFile('typical'), {}, '#find=nothing');
    await page.locator('#search').fill('');
    await page.locator('#stage').selectOption({ label: '(outside of stages)' });
    await settle(page);
    const cut = await boxOf(page, '[truncated]');
    const colours = new Set();
    for (let dx = 0; dx < 16; dx++) colours.add(await pixel(page, cut.x + cut.width - 40 + dx, cut.cy));
    ok(colours.size > 1, 'hatched');
  }],

  ['a module of the legend finds its frames', async () => {
    const page = await open(pageFile('typical'));
    await page.locator('#legend button', { hasText: 'libsqlite3' }).click();
    is(await page.locator('#search').inputValue(), 'module:^/usr/lib/libsqlite3\\.so\\.0$', 'search');
    is(await text(page, '#matched'), 'matched 7.34 %, 3 frames', 'matched');
  }],

  ['damaged data are told, not drawn', async () => {
    const html = readFileSync(pageFile('typical'), 'latin1');
    const at = html.indexOf('text/plain">') + 100;
    const file = join(folder, 'damaged.html');
    writeFileSync(file, `${html.slice(0, at)}AAAA${html.slice(at + 4)}`, 'latin1');
    const page = await open(file);
    ok((await text(page, '#empty')).length > 10, 'a message');
    is(await page.evaluate(() => document.documentElement.dataset.ready), undefined, 'not ready');
  }],

  ['the page of the source tree runs as it is', async () => {
    const page = await open(resolve('viewer/page.html'));
    ok((await view(page, 'v.profile.tree.count')) > 5, 'the example is there');
  }],

  ['the joined page says what the parts say', async () => {
    const joined = execFileSync('viewer/join.sh', { encoding: 'utf8' });
    ok(!/<(link rel="stylesheet"|script src)/.test(joined), 'nothing is left to load');
    is(joined.match(/@PROTEA-FLAME-DATA@/g).length, 1, 'places for data');
    like(joined, /Content-Security-Policy" content="default-src 'none'/, 'a policy that forbids the rest');
  }],
]);
