// The views of time, stages and memory in Chromium: by mouse, wheel, finger and every key; what they say
// against sums of the data; a link that shows the same; narrow, dark, printed; names that try to be markup.
import { core } from './harness.mjs';
import { address, is, like, ok, open, run, settle, text } from './lib.mjs';
import { madeFile } from './made.mjs';
import { random } from './rig.mjs';

const flame = core('format');
const MS = 1e6;
const END = 2000;

// Two threads for two seconds: main loads (0 to 0.6 s), pauses, computes (1 to 1.8 s); the helper sleeps and
// waits for a disk.
function described(more = {}) {
  const ticks = [];
  for (let t = 20; t <= 600; t += 10) ticks.push({ t: t * MS, thread: 'main', stack: t < 300 ? 'main;load;read' : 'main;load;parse' });
  for (let t = 1010; t <= 1800; t += 10) ticks.push({ t: t * MS, thread: 'main', stack: 'main;knn;dot' });
  for (let t = 50; t <= 2000; t += 50) ticks.push({ t: t * MS, thread: 'helper', stack: 'run;wait', state: t > 1500 ? 3 : 2 });
  const points = Array.from({ length: 41 }, (_, i) => i * 50 * MS);
  return {
    kinds: ['cpu', 'alloc', 'peak'],
    stacks: [
      ['main;load;read', 28, { thread: 'main', stage: 'job/load', value: 280 * MS }],
      ['main;load;parse', 31, { thread: 'main', stage: 'job/load', value: 310 * MS }],
      ['main;knn;dot', 80, { thread: 'main', stage: 'job/knn', value: 800 * MS }],
      ['main;load', 5, { thread: 'main', kind: 'alloc', stage: 'job/load', value: 5000 }],
      ['main;knn;grow', 2, { thread: 'main', kind: 'peak', stage: 'job/knn', value: 64 * 2 ** 20 }],
    ],
    modules: { dot: '/lib/libknn.so' },
    runs: [{ name: 'two threads', duration_ns: END * MS }],
    spans: [
      { stage: 'job', thread: 'main', start: 0, wall: END * MS, cpu: 1390 * MS, peakHeap: 64 * 2 ** 20, allocBytes: 7000, allocCount: 70, samples: 0 },
      { stage: 'job/load', thread: 'main', start: 10 * MS, wall: 590 * MS, cpu: 590 * MS, items: 1180, params: '{"rows": 3, "name": "x<y"}', peakHeap: 2 ** 20, samples: 59 },
      { stage: 'job/knn', thread: 'main', start: 1000 * MS, wall: 400 * MS, cpu: 400 * MS, items: 40, params: '{"rows": 8}', samples: 40 },
      { stage: 'job/knn', thread: 'main', start: 1400 * MS, cpu: 400 * MS, samples: 40 },
      { stage: 'job/knn/block', thread: 'main', start: 1450 * MS, wall: 900 * MS, folded: 30, cpu: 300 * MS },
    ],
    ticks,
    series: [
      { name: 'heap_bytes', t: points, value: points.map((t) => (t === 1250 * MS ? 64 * 2 ** 20 : 2 ** 20 + t / MS)) },
      { name: 'rss_bytes', t: points, value: points.map(() => 9 * 2 ** 20) },
      { name: 'rows "done"', t: points, value: points.map((t, i) => i * 100), real: true },
    ],
    ...more,
  };
}

let file = null;
const page0 = async (hash, options) => open(file || (file = madeFile(described())), options, hash);
const state = (page, key) => page.evaluate((k) => window.flame.app.state[k], key);
const canvasOf = async (page, view) => {
  const box = await page.locator(`#panel-${view} .time-plot canvas`).nth(1).boundingBox();
  return { ...box, x0: (t) => box.x + (t / END) * box.width };
};
async function drag(page, view, from, to, y = 60) {
  const c = await canvasOf(page, view);
  await page.mouse.move(c.x0(from), c.y + y);
  await page.mouse.down();
  await page.mouse.move(c.x0((from + to) / 2), c.y + y);
  await page.mouse.move(c.x0(to), c.y + y);
  await page.mouse.up();
  await settle(page);
}
const near = (got, want, what, off = 0.005 * END * MS) => ok(Math.abs(got - want) <= off, `${what}: got ${got}, want about ${want}`);
const facts = async (page, view) => (await text(page, `#panel-${view} .range-facts`)).replace(/\s+/g, ' ');
// Of the picture that shows all that was asked for.
const pixel = (page, view, x, y) => settle(page).then(() => page.evaluate(([v, px, py]) => {
  const canvas = document.querySelector(`#panel-${v} .time-plot canvas`);
  const box = canvas.getBoundingClientRect();
  const r = canvas.width / box.width;
  return [...canvas.getContext('2d').getImageData(Math.round((px - box.left) * r), Math.round((py - box.top) * r), 1, 1).data].slice(0, 3).join();
}, [view, x, y]));
const rowsOf = (page, selector) => page.$$eval(selector, (rows) => rows.map((r) => [...r.children].map((c) => c.innerText.trim())));
const sample = (page, from, to) => page.evaluate(([a, b]) => {
  const { app } = window.flame;
  const w = window.flame.tickWeights(app.profile, { ...app.state, from: a, to: b });
  return { value: w.selfValue.reduce((x, y) => x + y, 0), count: w.selfCount.reduce((x, y) => x + y, 0) };
}, [from, to]);

await run([
  ['the whole run has the sums of the samples', async () => {
    const page = await page0('#view=time');
    like(await facts(page, 'time'), /^whole run 2 s CPU 1\.39 s samples 139 threads busy 1 heap \+2\.0 KiB$/, 'numbers');
    like(await text(page, '#panel-time .time-legend'), /load\s+knn|knn\s+load/, 'stages that colour the strips');
    like(await text(page, '#panel-time .time-legend'), /waiting for a disk\s+asleep/, 'states');
    like(await text(page, '#panel-time > .note'), /^179 ticks in the order of time\.$/, 'how many ticks');
  }],

  ['strips show who ran when, and gaps', async () => {
    const page = await page0('#view=time');
    await settle(page);
    const c = await canvasOf(page, 'time');
    const strip = c.y + 22 + 2 * 18 + 16; // below the axis and two rows of stages
    const back = await pixel(page, 'time', c.x0(1950), strip);
    is(await pixel(page, 'time', c.x0(810), strip), back, 'nothing ran between the stages');
    const load = await pixel(page, 'time', c.x0(310), strip);
    const knn = await pixel(page, 'time', c.x0(1310), strip);
    ok(load !== back && knn !== back && load !== knn, `a colour for each stage: ${load} ${knn} ${back}`);
    const helper = c.y + 22 + 2 * 18 + 32 + 24;
    const asleep = await pixel(page, 'time', c.x0(510), helper);
    const disk = await pixel(page, 'time', c.x0(1810), helper);
    ok(asleep !== back && disk !== back && asleep !== disk, 'the helper sleeps, then waits for the disk');
    const bar = await pixel(page, 'time', c.x0(500), c.y + 22 + 18 + 3);
    is(bar, load, 'the bar of a stage has the colour of its strip');
  }],

  ['dragging selects a range: numbers, graph and chip are those of the range', async () => {
    const page = await page0('#view=time');
    await drag(page, 'time', 500, 1200);
    const [from, to] = [await state(page, 'from'), await state(page, 'to')];
    near(from, 500 * MS, 'from');
    near(to, 1200 * MS, 'to');
    const want = await sample(page, from, to);
    ok(want.value > 250 * MS && want.value < 350 * MS, 'a part of the run');
    is(await page.evaluate(() => window.flame.app.graph().value[0]), want.value, 'the graph');
    like(await facts(page, 'time'), new RegExp(`^range .* CPU ${flame.time(want.value)} samples ${flame.count(want.count)} threads busy 1 heap`), 'numbers');
    ok(await page.locator('#range').isVisible(), 'a chip');
    like(await text(page, '#range'), /– 1\.(19|2|20)\d* s/, 'it says the range');
    like(await text(page, '#panel-time > .note'), /estimates/, 'estimates are called so');
    await page.locator('#range').click();
    is(await state(page, 'from'), -1, 'the chip takes it away');
  }],

  ['a drag is one step to undo', async () => {
    const page = await page0('#view=time');
    await drag(page, 'time', 500, 1200);
    await page.keyboard.press('u');
    is(await state(page, 'from'), -1, 'undone at once');
    await page.keyboard.press('U');
    near(await state(page, 'from'), 500 * MS, 'and redone');
  }],

  ['the ends of a range can be moved', async () => {
    const page = await page0('#view=time&from=500000000&to=1200000000');
    await drag(page, 'time', 1200, 1500);
    is(await state(page, 'from'), 500 * MS, 'the other end stays');
    near(await state(page, 'to'), 1500 * MS, 'moved');
    await drag(page, 'time', 500, 300);
    near(await state(page, 'from'), 300 * MS, 'the first end, too');
  }],

  ['a click on a stage selects its time, on a thread the thread, beside them nothing', async () => {
    const page = await page0('#view=time');
    const c = await canvasOf(page, 'time');
    await page.mouse.click(c.x0(300), c.y + 22 + 18 + 8);
    is(await state(page, 'from'), 10 * MS, 'from');
    is(await state(page, 'to'), 600 * MS, 'to');
    is((await page.evaluate(() => window.flame.app.graph().value[0])) / MS, 580, 'all of it but the tick at its end');
    await page.mouse.click(c.x0(300), c.y + 22 + 2 * 18 + 32 + 20);
    is(await page.evaluate(() => window.flame.app.profile.threads[window.flame.app.state.thread].name), 'helper', 'thread');
    const moved = await canvasOf(page, 'time'); // below the message that there are no samples
    await page.mouse.click(c.x0(300), moved.y + 22 + 2 * 18 + 32 + 20);
    is(await state(page, 'thread'), -2, 'a second click takes it away');
    await page.mouse.click(c.x0(300), c.y + 5);
    is(await state(page, 'from'), -1, 'a click on the axis ends the range');
  }],

  ['the pointer is told time, state and stage', async () => {
    const page = await page0('#view=time');
    const c = await canvasOf(page, 'time');
    await page.mouse.move(c.x0(300), c.y + 22 + 2 * 18 + 16);
    like(await text(page, '#tip'), /main 101\s+time\s+\d+ ms\s+running\s+100 %\s+stage\s+load/, 'strip');
    await page.mouse.move(c.x0(1810), c.y + 22 + 2 * 18 + 32 + 16);
    like(await text(page, '#tip'), /helper 102\s+time\s+1\.8\d* s\s+waiting for a disk\s+100 %/, 'helper');
    await page.mouse.move(c.x0(300), c.y + 22 + 18 + 8);
    like(await text(page, '#tip'), /job › load\s+thread\s+main\s+start\s+10 ms\s+wall\s+590 ms\s+CPU\s+590 ms, 100 % of wall\s+peak heap\s+1\.0 MiB\s+items\s+1,180, 2,000 per s\s+samples\s+59\s+rows\s+3\s+name\s+x<y/, 'everything of a stage');
    await page.mouse.move(c.x0(1700), c.y + 22 + 18 + 8);
    like(await text(page, '#tip'), /wall\s+still open at the end of the run/, 'open');
    await page.mouse.move(5, 5);
    ok(await page.locator('#tip').isHidden(), 'gone');
  }],

  ['keys move a line, make, move and stretch a range', async () => {
    const page = await page0('#view=time');
    await page.locator('#panel-time .time-plot canvas').nth(1).focus();
    await page.keyboard.press('ArrowRight');
    like(await text(page, '#said'), /^1\.04 s: whole run/, 'told');
    is(await state(page, 'from'), -1, 'no range yet');
    await page.keyboard.press('Shift+ArrowRight');
    is(await state(page, 'from'), 1040 * MS, 'from the line');
    is(await state(page, 'to'), 1080 * MS, 'by a fiftieth');
    await page.keyboard.press('Shift+ArrowRight');
    is(await state(page, 'to'), 1120 * MS, 'longer');
    await page.keyboard.press('Shift+ArrowLeft');
    is(await state(page, 'to'), 1080 * MS, 'shorter');
    await page.keyboard.press('ArrowLeft');
    is(await state(page, 'from'), 1000 * MS, 'moved');
    is(await state(page, 'to'), 1040 * MS, 'with its end');
    like(await text(page, '#said'), /^1 s: range 1 s – 1\.04 s \(40 ms\), CPU 30 ms/, 'told with its numbers');
    await page.keyboard.press('z');
    is(await state(page, 'left'), 998 * MS, 'the range and a margin');
    is(await state(page, 'right'), 1042 * MS, 'at both sides');
    await page.keyboard.press('0');
    is(await state(page, 'left'), -1, 'the whole run');
    await page.keyboard.press('+');
    is(await state(page, 'left'), 300 * MS, 'wider');
    is(await state(page, 'right'), 1700 * MS, 'around the middle');
    await page.keyboard.press('PageDown');
    is(await state(page, 'right'), 2000 * MS, 'later, up to the end');
    await page.keyboard.press('PageUp');
    is(await state(page, 'left'), 0, 'earlier');
    await page.keyboard.press('-');
    is(await state(page, 'left'), -1, 'narrower is the whole run again');
    await page.evaluate(() => window.flame.app.set({ find: 'dot' }));
    await page.keyboard.press('Escape');
    is(await state(page, 'find'), '', 'Esc ends the search first');
    await page.keyboard.press('Escape');
    is(await state(page, 'from'), -1, 'no range');
    await page.keyboard.press('?');
    like(await text(page, '#help'), /make the range longer or shorter/, 'help');
  }],

  ['Enter shows the range in the Flame view, and back', async () => {
    const page = await page0('#view=time&from=500000000&to=1200000000');
    await page.keyboard.press('Enter');
    is(await state(page, 'view'), 'flame', 'view');
    is(await state(page, 'from'), 500 * MS, 'the range is still there');
    ok(await page.locator('#range').isVisible(), 'and seen');
    await page.keyboard.press('u');
    is(await state(page, 'view'), 'time', 'undone');
    await page.locator('#panel-time button', { hasText: 'Show in Flame' }).click();
    is(await state(page, 'view'), 'flame', 'by button');
  }],

  ['the wheel keeps what is under the pointer', async () => {
    const page = await page0('#view=time');
    const c = await canvasOf(page, 'time');
    await page.mouse.move(c.x0(500), c.y + 60);
    await page.mouse.wheel(0, -300);
    await settle(page);
    const [left, right] = [await state(page, 'left'), await state(page, 'right')];
    ok(left > 0 && right < END * MS, 'wider');
    near((500 * MS - left) / (right - left), 0.25, 'the place of 0.5 s', 0.01);
    await page.keyboard.down('Shift');
    await page.mouse.wheel(0, 100);
    await page.keyboard.up('Shift');
    await settle(page);
    ok((await state(page, 'left')) > left, 'later');
    near((await state(page, 'right')) - (await state(page, 'left')), right - left, 'as wide as before', 5);
    await page.mouse.wheel(0, 3000);
    await page.mouse.wheel(0, 3000);
    await settle(page);
    is(await state(page, 'left'), -1, 'out to the whole run');
  }],

  ['a link shows the same', async () => {
    const page = await page0('#view=time');
    await drag(page, 'time', 500, 1200);
    await page.keyboard.press('z');
    const other = await page0(await address(page));
    for (const key of ['view', 'from', 'to', 'left', 'right']) is(await state(other, key), await state(page, key), key);
    is(await facts(other, 'time'), await facts(page, 'time'), 'numbers');
    const odd = await page0('#view=time&from=9&to=3&left=77&right=5&series=9.99');
    is(await state(odd, 'from'), -1, 'a range without length');
    is(await state(odd, 'left'), -1, 'a window without length');
  }],

  ['the graph of the range: click, keys, tooltip', async () => {
    const page = await page0('#view=time&from=10000000&to=600000001');
    const box = await page.locator('#panel-time .frame-box canvas').boundingBox();
    await page.mouse.move(box.x + box.width / 4, box.y + 70);
    like(await text(page, '#tip'), /^(read|parse)\s+total\s+\d/, 'tooltip');
    await page.mouse.click(box.x + box.width * 0.1, box.y + 50);
    const name = () => page.evaluate(() => window.flame.app.nodeName(window.flame.app.graph().node(window.flame.app.state.zoom)));
    is(await name(), 'load', 'zoomed');
    await page.locator('#panel-time .frame-box canvas').focus();
    await page.keyboard.press('ArrowDown');
    like(await text(page, '#said'), /^parse: total 310 ms/, 'the heaviest callee');
    await page.keyboard.press('ArrowRight');
    like(await text(page, '#said'), /^read: total 280 ms/, 'its neighbour');
    await page.keyboard.press('ArrowUp');
    like(await text(page, '#said'), /^load/, 'caller');
    await page.keyboard.press('Backspace');
    is(await name(), 'main', 'out');
    is(await state(page, 'from'), 10 * MS, 'arrows here leave the range alone');
  }],

  ['the graph in the order of time lies below the axis', async () => {
    const page = await page0('#view=time');
    await page.keyboard.press('o');
    is(await state(page, 'order'), 'time', 'by key');
    like(await text(page, '#panel-time > .note'), /The graph is of main 101, along the axis above/, 'whose');
    const c = await canvasOf(page, 'time');
    const box = await page.locator('#panel-time .frame-box canvas').boundingBox();
    is(box.width, c.width, 'as wide as the strips');
    const over = async (t, row) => {
      await page.mouse.move(c.x0(t), box.y + 20 * row + 10);
      return (await page.locator('#tip').isVisible()) ? (await text(page, '#tip')).split('\n')[0] : '';
    };
    is(await over(150, 3), 'read', 'what ran at 0.15 s');
    is(await over(450, 3), 'parse', 'at 0.45 s');
    is(await over(800, 1), '', 'nothing in the gap');
    is(await over(1500, 2), 'knn', 'at 1.5 s');
    await page.mouse.click(c.x0(1500), box.y + 50);
    near(await state(page, 'left'), 1000 * MS, 'a click shows its time: from');
    near(await state(page, 'right'), 1800 * MS, 'to');
    await page.locator('#panel-time .frame-box canvas').focus();
    await page.keyboard.press('Backspace');
    is(await state(page, 'left'), -1, 'the whole run');
    await page.locator('#panel-time button', { hasText: 'In order of time' }).click();
    is(await state(page, 'order'), 'heavy', 'by button');
  }],

  ['kinds that ticks say nothing of', async () => {
    const page = await page0('#view=time&from=500000000&to=1200000000&kind=alloc');
    like(await text(page, '#panel-time > .note'), /Ticks say nothing of kind alloc: the graph is that of the whole run/, 'said');
    is(await page.evaluate(() => window.flame.app.graph().value[0]), 5000, 'all of it');
    await page.keyboard.press('o');
    is(await page.evaluate(() => window.flame.app.graph().value[0]), 5000, 'in the order of time, too: bytes are never called time');
  }],

  ['many threads: the busiest first, all on demand', async () => {
    const spec = described({ spans: [], series: [] });
    for (let k = 0; k < 30; k++) for (let t = 0; t < 3 + k; t++) spec.ticks.push({ t: (100 + 10 * t) * MS, thread: `w${k}`, stack: 'run;work' });
    const page = await open(madeFile(spec), {}, '#view=time');
    const height = () => page.evaluate(() => document.querySelector('#panel-time .time-plot').scrollHeight);
    const few = await height();
    const more = page.locator('#panel-time button', { hasText: 'All 32 threads' });
    await more.click();
    ok((await height()) > 3 * few, 'all of them');
    await page.keyboard.press('a');
    is(await height(), few, 'by key');
    like(await text(page, '#panel-time .time-legend'), /app|libknn/, 'without stages modules colour the strips');
  }],

  ['the table of stages has the sums of the data', async () => {
    const page = await page0('#view=stages');
    const rows = await rowsOf(page, '.stage-table tr[data-i]');
    is(rows.length, 4, 'rows');
    is(rows[0].join('|'), 'job|1|2 s|2 s|2 s|1.39 s|69.5 %|64.0 MiB|6.8 KiB|–|–|0|', 'job');
    is(rows[1].join('|'), 'load|1|590 ms|590 ms|590 ms|590 ms|100 %|1.0 MiB|–|1,180|2,000|59|rows 3, name x<y', 'load');
    is(rows[2].join('|'), 'knn 1 open at the end|2|400 ms|400 ms|400 ms|400 ms|100 %|–|–|40|100|80|rows 8', 'knn');
    is(rows[3].join('|'), 'block 30 not drawn|30|900 ms|30 ms|30 ms|300 ms|33.3 %|–|–|–|–|0|', 'block');
    const left = await page.$$eval('.stage-table th.name bdi', (e) => e.slice(-4).map((x) => x.getBoundingClientRect().left));
    ok(left[1] > left[0] && left[2] === left[1] && left[3] > left[2], 'indented');
    is(await page.$$eval('.stage-table tr[data-i]', (e) => e.map((x) => x.getAttribute('aria-level')).join()), '1,2,2,3', 'levels for readers of the screen');
  }],

  ['stages sort inside their parents', async () => {
    const page = await page0('#view=stages');
    const names = async () => (await rowsOf(page, '.stage-table tr[data-i]')).map((r) => r[0].split(' ')[0]).join();
    is(await names(), 'job,load,knn,block', 'as they ran');
    await page.locator('.stage-table thead button', { hasText: 'wall' }).first().click();
    is(await names(), 'job,load,knn,block', 'longest first');
    await page.locator('.stage-table thead button', { hasText: 'wall' }).first().click();
    is(await names(), 'job,knn,block,load', 'shortest first');
    is(await page.locator('.stage-table thead th.wall').getAttribute('aria-sort'), 'ascending', 'said');
    await page.locator('.stage-table thead button', { hasText: 'wall' }).first().click();
    is(await state(page, 'sort'), '', 'as they ran again');
    await page.locator('.stage-table thead button', { hasText: 'items/s' }).click();
    is(await names(), 'job,load,knn,block', 'what is not known last');
  }],

  ['a click makes a stage the filter, in the table and on the bars', async () => {
    const page = await page0('#view=stages');
    await page.locator('.stage-table tr[data-i="2"]').click();
    is(await page.evaluate(() => window.flame.stagePath(window.flame.app.profile, window.flame.app.state.stage)), 'job › knn', 'filter');
    is(await page.evaluate(() => window.flame.app.graph().value[0]), 800 * MS, 'of the graph');
    like(await text(page, '#panel-stages .note'), /Filter: job › knn/, 'said');
    await page.locator('.stage-table tr[data-i="2"]').click();
    is(await state(page, 'stage'), -2, 'again: none');
    const c = await canvasOf(page, 'stages');
    await page.mouse.click(c.x0(300), c.y + 22 + 16 + 18 + 8);
    is(await page.evaluate(() => window.flame.app.profile.stages[window.flame.app.state.stage].name), 'load', 'by bar');
    await page.locator('#panel-stages button', { hasText: 'Show in Flame' }).click();
    is(await state(page, 'view'), 'flame', 'in the flame graph');
  }],

  ['stages by keys', async () => {
    const page = await page0('#view=stages');
    await page.locator('.stage-table .long, .stage-table').first().focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowDown');
    like(await text(page, '#said'), /^job › load: n 1, wall 590 ms, median 590 ms/, 'told');
    await page.keyboard.press('Enter');
    is(await page.evaluate(() => window.flame.app.profile.stages[window.flame.app.state.stage].name), 'load', 'Enter');
    await page.locator('#panel-stages .time-plot canvas').nth(1).focus();
    await page.keyboard.press('ArrowRight');
    like(await text(page, '#said'), /^1\.04 s: main 101 in job › knn$/, 'what was innermost');
    await page.keyboard.press('+');
    is(await state(page, 'left'), 300 * MS, 'wider');
    await page.keyboard.press('c');
    await page.locator('#toast').waitFor();
    like(await text(page, '#toast'), /copied the table|does not let/, 'copied');
  }],

  ['folded stages are said', async () => {
    const page = await open(madeFile(described({ meta: {} })), {}, '#view=stages');
    await page.evaluate(() => {
      window.flame.app.profile.meta.spans = { kept: 4, of: 34 };
      window.flame.app.set({ stage: 0 });
    });
    like(await text(page, '#panel-stages .note'), /The 4 longest of 34 stages are drawn; sums hold all\./, 'how many');
  }],

  ['stages of a comparison stand side by side', async () => {
    const spec = described({ ticks: [], series: [], runs: [{ name: 'a', duration_ns: 2e9 }, { name: 'b', duration_ns: 3e9 }] });
    spec.spans = [{ stage: 'job', start: 0, wall: 2e9, cpu: 1e9, run: 0 }, { stage: 'job', start: 0, wall: 3e9, cpu: 1e9, run: 1 }, { stage: 'job/new', start: 5, wall: 1e9, run: 1 }];
    spec.stacks.push(['main;knn;dot', 90, { thread: 'main', run: 1, value: 900 * MS }]);
    const page = await open(madeFile(spec), {}, '#view=stages');
    const heads = await page.$$eval('.stage-table thead th', (e) => e.map((x) => x.innerText.trim()));
    is(heads.join('|'), 'stage|A n|B n|A wall|B wall|Δ %|A CPU|B CPU|Δ %', 'columns');
    const rows = await rowsOf(page, '.stage-table tr[data-i]');
    is(rows[0].join('|'), 'job|1|1|2 s|3 s|+50.0 %|1 s|1 s|0.0 %', 'job');
    is(rows[1].join('|'), 'new|–|1|–|1 s|–|–|–|–', 'only in B');
    for (const id of ['time', 'memory']) is(await page.locator(`#tab-${id}`).getAttribute('aria-disabled'), 'true', `no ${id}`);
    like(await page.locator('#tab-time').getAttribute('title'), /a comparison has no common time/, 'why');
  }],

  ['stages do not take the order of another view', async () => {
    const page = await page0('#view=stages');
    const want = (await rowsOf(page, '.stage-table tr[data-i]')).map((r) => r[0]).join('|');
    const other = await page0('#view=stages&sort=-self');
    is((await rowsOf(other, '.stage-table tr[data-i]')).map((r) => r[0]).join('|'), want, 'as they began');
    is(await other.locator('.stage-table th[aria-sort]').count(), 0, 'no column is marked');
  }],

  ['views without data say why', async () => {
    const page = await open(madeFile({ stacks: [['main', 3]] }), {}, '#view=time');
    is(await page.evaluate(() => window.flame.app.viewId()), 'flame', 'the first view that there is');
    for (const [id, why] of [['time', /no ticks/], ['stages', /marks no stages/], ['memory', /nothing was counted/]]) {
      is(await page.locator(`#tab-${id}`).getAttribute('aria-disabled'), 'true', id);
      like(await page.locator(`#tab-${id}`).getAttribute('title'), why, id);
    }
  }],

  ['memory: the peak, and what was live at it', async () => {
    const page = await page0('#view=memory');
    like(await facts(page, 'memory'), /^heap peak 64\.0 MiB at 1\.25 s in job › knn RSS peak 9\.0 MiB at 0 ns$/, 'peaks');
    const rows = await rowsOf(page, '.series tbody tr');
    is(rows.map((r) => r.join('|')).join('\n'), 'heap|1.0 MiB|1.0 MiB|64.0 MiB|1.25 s|1.0 MiB\nRSS|9.0 MiB|9.0 MiB|9.0 MiB|0 ns|9.0 MiB\nrows "done"|0|0|4,000|2 s|4,000', 'table');
    await page.keyboard.press('p');
    is(await state(page, 'kind'), 'peak', 'kind');
    is(await state(page, 'view'), 'flame', 'view');
    is(await page.evaluate(() => window.flame.app.graph().value[0]), 64 * 2 ** 20, 'the whole peak');
  }],

  ['memory: values under the pointer, by keys, and a range shared with Time', async () => {
    const page = await page0('#view=memory');
    const c = await canvasOf(page, 'memory');
    await page.mouse.move(c.x0(1230), c.y + 200);
    like(await text(page, '#tip'), /time\s+1\.23 s\s+heap\s+64\.0 MiB\s+RSS\s+9\.0 MiB\s+stage\s+job › knn/, 'the step before a point is its height');
    await drag(page, 'memory', 1100, 1400, 200);
    near(await state(page, 'from'), 1100 * MS, 'from');
    like(await facts(page, 'memory'), /range 1\.\d+ s – 1\.\d+ s \(\d+ ms\) heap \+\d+ B/, 'numbers of the range');
    like(await text(page, '.series caption'), /in the range/, 'the table, too');
    await page.locator('#panel-memory .time-plot canvas').nth(1).focus();
    await page.keyboard.press('Escape');
    is(await state(page, 'from'), -1, 'Esc');
    await page.keyboard.press('ArrowLeft');
    like(await text(page, '#said'), /s: heap 1\.0 MiB, RSS 9\.0 MiB, job$/, 'told');
    await page.keyboard.press('+');
    ok((await state(page, 'left')) > 0, 'wider');
  }],

  ['memory: lines that the page has no room for are counted', async () => {
    const page = await open(madeFile(described({ meta: { series_left_out: 801 } })), {}, '#view=memory');
    is(await text(page, '.series caption'), 'in the whole run; 801 more are not in the page', 'caption');
  }],

  ['memory: lines can be chosen, one stays', async () => {
    const page = await page0('#view=memory');
    const box = (k) => page.locator('.series input').nth(k);
    await box(2).check();
    is(await state(page, 'series'), '0.1.2', 'a counter of the program');
    await box(0).uncheck();
    await box(1).uncheck();
    is(await state(page, 'series'), '2', 'one');
    await box(2).click();
    ok(await box(2).isChecked(), 'the last one stays');
    await page.keyboard.press('u');
    is(await state(page, 'series'), '1.2', 'undone');
    const other = await page0('#view=memory&series=2');
    is(await other.$$eval('.series input', (e) => e.map((x) => x.checked).join()), 'false,false,true', 'from a link');
  }],

  ['names stay names', async () => {
    const evil = '</script><img src=x onerror=window.broken=1>\u202e\u0000';
    const spec = described();
    spec.ticks.push({ t: 30 * MS, thread: evil, stack: evil });
    spec.spans.push({ stage: evil, thread: evil, start: 30 * MS, wall: 900 * MS, params: JSON.stringify({ [evil]: evil }) });
    spec.series.push({ name: evil, t: [0, 5], value: [1, 2] });
    const bad = madeFile(spec);
    for (const view of ['time', 'stages', 'memory']) {
      const page = await open(bad, {}, `#view=${view}&series=0.3`);
      const c = await canvasOf(page, view);
      for (let y = 24; y < c.height; y += 9) await page.mouse.move(c.x0(300), c.y + y);
      is(await page.evaluate(() => window.broken), undefined, view);
      is(await page.locator('img').count(), 0, 'no element from a name');
      is(await page.evaluate(() => document.documentElement.scrollWidth), 1280, 'not widened');
    }
  }],

  ['a narrow screen: no sideways scrolling, a finger selects', async () => {
    for (const view of ['time', 'stages', 'memory']) {
      const page = await page0(`#view=${view}`, { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
      is(await page.evaluate(() => document.documentElement.scrollWidth), 360, view);
      const size = await page.evaluate((v) => {
        const c = document.querySelector(`#panel-${v} .time-plot canvas`).getBoundingClientRect();
        return [c.width, c.height];
      }, view);
      ok(size[0] >= 340 && size[1] >= 60, `${view}: a strip of ${size}`);
      await page.evaluate((v) => {
        const canvas = document.querySelectorAll(`#panel-${v} .time-plot canvas`)[1];
        const b = canvas.getBoundingClientRect();
        canvas.setPointerCapture = () => {};
        const send = (type, x) => canvas.dispatchEvent(new PointerEvent(type, { pointerType: 'touch', pointerId: 5, isPrimary: true, button: 0, clientX: b.left + x, clientY: b.top + 50, bubbles: true }));
        send('pointerdown', 90);
        send('pointermove', 130);
        send('pointermove', 180);
        send('pointerup', 180);
      }, view);
      near(await state(page, 'from'), 500 * MS, `${view}: from`, 12 * MS);
      ok(await page.locator('#tip').isHidden(), 'no tooltip under a finger');
    }
  }],

  ['dark and printed', async () => {
    const page = await page0('#view=memory', { colorScheme: 'dark' });
    await settle(page);
    const c = await canvasOf(page, 'memory');
    const dark = await pixel(page, 'memory', c.x0(1950), c.y + c.height - 60);
    ok(dark.split(',').every((v) => v < 90), `dark: ${dark}`);
    await page.locator('#theme').click();
    await settle(page);
    ok((await pixel(page, 'memory', c.x0(1950), c.y + c.height - 60)).split(',').every((v) => v > 180), 'light');
    for (const view of ['time', 'stages', 'memory']) {
      const other = await page0(`#view=${view}`, { colorScheme: 'dark' });
      await other.evaluate(() => window.dispatchEvent(new Event('beforeprint')));
      const size = await other.evaluate((v) => {
        const canvas = document.querySelector(`#panel-${v} .time-plot canvas`);
        return [canvas.width, canvas.height, [...canvas.getContext('2d').getImageData(canvas.width - 9, 9, 1, 1).data].slice(0, 3).join()];
      }, view);
      is(size[0], 2000, `${view}: sharp`);
      is(size[2], '253,253,252', `${view}: light paper`);
      await other.evaluate(() => window.dispatchEvent(new Event('afterprint')));
      await settle(other);
      is(await pixel(other, view, 1200, (await canvasOf(other, view)).y + 3), '22,22,24', `${view}: dark again`);
      ok((await other.pdf({ format: 'A4' })).length > 5000, `${view}: on paper`);
    }
  }],

  ['131,072 ticks and 4,000 stages move fluently', async () => {
    const next = random(5);
    const spec = described({ ticks: [], spans: [] });
    for (let i = 0; i < 4000; i++) spec.spans.push({ stage: `job/s${i % 9}`, thread: `w${i % 8}`, start: Math.floor(i * 0.5 * MS), wall: Math.floor(next() * 2 * MS), cpu: 5 });
    for (let i = 0; i < 131072; i++) spec.ticks.push({ t: Math.floor((i * 2000 * MS) / 131072), thread: `w${i % 16}`, stack: `main;f${Math.floor(next() * 40)};g${Math.floor(next() * 9)}`, state: i % 11 === 0 ? 1 : 0 });
    for (let k = 0; k < 16; k++) spec.stacks.push(['main;f1;g1', 100, { thread: `w${k}`, value: 9e8 }]);
    const page = await open(madeFile(spec), {}, '#view=time');
    // The work of a frame: what a change of the state does at once, and what is painted for it.
    const measure = (view, act) => page.evaluate(async ([v, what]) => {
      const { app } = window.flame;
      app.set({ view: v, left: -1, right: -1, from: -1, to: -1 });
      const frame = () => new Promise((done) => requestAnimationFrame(done));
      const real = window.requestAnimationFrame;
      const times = [];
      for (let k = 0; k < 30; k++) {
        await frame();
        let painting = 0;
        window.requestAnimationFrame = (f) => real((t) => {
          const from = performance.now();
          f(t);
          painting += performance.now() - from;
        });
        const from = performance.now();
        if (what === 'zoom') app.set({ left: k * 2e7, right: 2e9 - k * 3e7 }, { step: false });
        else app.set({ from: 1e8, to: 5e8 + k * 3e7 }, { step: false });
        const set = performance.now() - from;
        window.requestAnimationFrame = real;
        await frame();
        await frame();
        times.push([set + painting, set, painting]);
      }
      times.sort((x, y) => x[0] - y[0]);
      return [times[0], times[15]].map((t) => t.map((x) => x.toFixed(1)).join(' ms = ').replace(/= (\S+) ms = /, '= $1 + '));
    }, [view, act]);
    for (const [view, act] of [['time', 'zoom'], ['time', 'range'], ['stages', 'zoom'], ['memory', 'zoom']]) {
      const [best, middle] = await measure(view, act);
      console.log(`# ${view}, ${act}: a frame takes ${middle} ms of script, at best ${best} (change + painting)`);
    }
  }],
]);
