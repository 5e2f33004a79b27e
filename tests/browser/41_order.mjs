// What order and range mean in Chromium: time is the axis of flame graphs alone, another order drops windows, and
// a range is a filter only where its kind has ticks.
import { is, like, ok, open, run, text } from './lib.mjs';
import { madeFile } from './made.mjs';

const MS = 1e6;
const ticks = (from, to, stack) => Array.from({ length: (to - from) / 10 }, (_, k) => ({ t: (from + 10 * (k + 1)) * MS, thread: 'main', stack }));
const SPEC = {
  kinds: ['cpu', 'alloc', 'peak'],
  stacks: [
    ['main;load;read', 59, { thread: 'main', stage: 'job/load', value: 590 * MS }],
    ['main;knn;dot', 80, { thread: 'main', stage: 'job/knn', value: 800 * MS }],
    ['main;load', 5, { thread: 'main', kind: 'alloc', stage: 'job/load', value: 5000 }],
    ['main;knn;grow', 2, { thread: 'main', kind: 'peak', stage: 'job/knn', value: 64 * 2 ** 20 }],
  ],
  runs: [{ name: 'one thread', duration_ns: 2000 * MS }],
  ticks: [...ticks(10, 600, 'main;load;read'), ...ticks(1000, 1800, 'main;knn;dot')],
  series: [{ name: 'heap_bytes', t: [0, 1000 * MS, 2000 * MS], value: [1, 64 * 2 ** 20, 1] }],
};

let file = null;
const page0 = async (hash) => open(file || (file = madeFile(SPEC)), {}, hash);
const state = (page, key) => page.evaluate((k) => window.flame.app.state[k], key);

await run([
  ['time is the axis of flame graphs alone', async () => {
    const page = await page0('#order=time');
    const sums = () => page.evaluate(() => {
      const { app, tipOf } = window.flame;
      const graph = app.graph();
      const shown = app.flameGraph();
      return { total: graph.total[0], time: Boolean(graph.time), along: Boolean(shown.time), sum: app.sums(0).value, frame: tipOf(app, graph, 1).map((e) => e.innerText).join(' ') };
    });
    const along = await sums();
    ok(along.along && !along.time, 'the flame graph only');
    is(along.total, 1390 * MS, 'lists are of the samples');
    is(along.sum, 1390 * MS, 'the head, too');
    await page.locator('#tab-table').click();
    await page.locator('#search').fill('dot');
    like(await text(page, '#matched'), /^matched 57\.6 %, 1 frame$/, 'search: of the samples');
    await page.evaluate(() => window.flame.app.toFlame({ zoom: window.flame.app.graph().base(2) }));
    is(await state(page, 'order'), 'heavy', 'a frame of the tree is not zoomed to along time');
    await page.locator('#kind').selectOption('alloc');
    ok(!(await sums()).along, 'a kind without ticks has no order of time');
    like(await page.locator('#order option[value="time"]').innerText(), /^by time: no ticks of kind alloc$/, 'why');
    ok(await page.locator('#order option[value="time"]').isDisabled(), 'not to be chosen');
  }],

  ['another order drops what was zoomed to in this one', async () => {
    const page = await page0('#view=time&zoom=2&x0=0.25&x1=0.5');
    await page.keyboard.press('o');
    is(`${await state(page, 'order')} ${await state(page, 'zoom')} ${await state(page, 'x0')} ${await state(page, 'x1')}`, 'time 0 0 1', 'in the order of time');
    await page.evaluate(() => window.flame.app.set({ x0: 0.5, x1: 0.75 }));
    await page.locator('#panel-time button', { hasText: 'In order of time' }).click();
    is(`${await state(page, 'order')} ${await state(page, 'x0')} ${await state(page, 'x1')}`, 'heavy 0 1', 'and back');
    await page.evaluate(() => window.flame.app.set({ x0: 0.5, x1: 0.75 }));
    await page.locator('#panel-time .frame-box canvas').click({ position: { x: 40, y: 30 } });
    is(`${await state(page, 'x0')} ${await state(page, 'x1')}`, '0 1', 'a click below has no window of before');
    await page.evaluate(() => window.flame.app.set({ x0: 0.5, x1: 0.75, view: 'memory' }));
    await page.keyboard.press('p');
    is(`${await state(page, 'view')} ${await state(page, 'x0')} ${await state(page, 'x1')}`, 'flame 0 1', 'nor has the peak');
  }],

  ['a range that does nothing is not said to be one', async () => {
    const page = await page0('#from=500000000&to=1200000000&kind=alloc');
    is(await text(page, '#range'), '500 ms – 1.2 s not applied: no ticks of kind alloc ×', 'chip');
    const stages = await page.evaluate(() => window.flame.factRows(window.flame.app, window.flame.app.graph(), 1, false).map(([k]) => k).join());
    like(stages, /stages/, 'its stages are known');
    await page.locator('#kind').selectOption('cpu');
    is(await text(page, '#range'), '500 ms – 1.2 s ×', 'where it is applied');
    ok(await page.evaluate(() => window.flame.app.ranged()), 'it is');
  }],
]);
