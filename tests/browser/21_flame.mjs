// The flame view in Chromium: every key, mouse, wheel, drag, touch and menu, what is painted, what the address
// brings back, and sums at each zoom.
import { boxOf, is, like, ok, open, pageFile, run, settle, text } from './lib.mjs';
import { madeFile } from './made.mjs';
import { randomSpec } from './rig.mjs';

const state = (page) => page.evaluate(() => ({ ...window.flame.app.state }));
const flame = (page, expression) => page.evaluate(`(() => { const { app } = window.flame; const { v, painter, canvas, scroll } = app.view().view; return ${expression}; })()`);
const zoomName = (page) => flame(page, 'v.name(v.zoom)');
const selectedName = (page) => flame(page, 'v.name(v.selected)');
const shown = (page) => flame(page, '({ from: v.from / v.graph.total[0], to: v.to / v.graph.total[0] })');
const pixel = (page, x, y) => flame(page, `(() => {
  const box = canvas.getBoundingClientRect();
  const r = canvas.width / box.width;
  return [...canvas.getContext('2d').getImageData((${x} - box.left) * r, (${y} - box.top) * r, 1, 1).data].slice(0, 3).join();
})()`);
const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)).join();
const fillOf = async (page, name) => rgb(await flame(page, `(() => {
  for (let n = 1; n < v.graph.tree.count; n++) if (v.name(n) === ${JSON.stringify(name)}) {
    const steps = v.colours.steps(v.graph, v.doubtful);
    return v.colours.list[steps ? steps[n] : v.colours.place(v.graph.tree.label[n])];
  }
  return null;
})()`));
// The colour of a frame at its right end, where no letters are.
const colourOf = async (page, name) => {
  const box = await boxOf(page, name);
  return pixel(page, box.x + box.width - 4, box.cy);
};
const rest = (page) => page.waitForTimeout(220).then(() => settle(page));
const focus = (page) => page.locator('#graph').focus();

const SPEC = {
  modules: { read: '/lib/libio.so', copy: '/lib/libc.so', alloc: '/lib/libc.so' },
  library: ['copy', 'alloc'], flags: { dot: 1 }, files: { main: 'main.c:10', dot: 'dot.c:33', walk: 'walk.c:7' },
  stacks: [
    ['main;work;dot', 500, { stage: 'job/knn' }], ['main;work;copy', 100, { stage: 'job/knn' }], ['main;work', 50, { stage: 'job/load' }],
    ['main;read;alloc', 150, { stage: 'job/load' }], ['main;read', 40, { stage: 'job/load' }],
    ['main;walk;walk;walk', 60], ['main;walk;walk;dot', 30], ['[truncated];dot', 70],
  ],
};
const PAIR = {
  ...SPEC,
  stacks: [
    ['main;up', 1000, { run: 0 }], ['main;up', 4000, { run: 1 }], ['main;down', 4000, { run: 0 }], ['main;down', 1000, { run: 1 }],
    ['main;same', 2000, { run: 0 }], ['main;same', 2000, { run: 1 }], ['main;perhaps', 400, { run: 0 }], ['main;perhaps', 430, { run: 1 }],
    ['main;fresh', 500, { run: 1 }], ['main;gone', 500, { run: 0 }],
  ],
  runs: [{ name: 'before' }, { name: 'after' }],
};

await run([
  ['a click zooms, callers and path lead back, and each step can be undone', async () => {
    const page = await open(madeFile(SPEC));
    const work = await boxOf(page, 'work');
    await page.mouse.click(work.cx, work.cy);
    is(await zoomName(page), 'work', 'zoomed');
    ok((await boxOf(page, 'work')).width > 1200, 'the frame fills the width');
    const dot = await boxOf(page, 'dot');
    await page.mouse.click(dot.cx, dot.cy);
    is((await text(page, '.crumbs')).replace(/\s+/g, ' '), 'all main work dot', 'path');
    await page.locator('.crumbs button', { hasText: 'work' }).click();
    is(await zoomName(page), 'work', 'by the path');
    const main = await boxOf(page, 'main');
    await page.mouse.click(main.cx, main.cy);
    is(await zoomName(page), 'main', 'by the row of a caller');
    await page.locator('#reset').click();
    is(await zoomName(page), 'all', 'the whole graph');
    ok(await page.locator('#reset').isDisabled(), 'nothing more to reset');
    for (const want of ['main', 'work', 'dot', 'work', 'all']) {
      await page.keyboard.press('u');
      is(await zoomName(page), want, 'undone');
    }
    await page.keyboard.press('U');
    is(await zoomName(page), 'work', 'done again');
  }],

  ['hovering tells of a frame', async () => {
    const page = await open(madeFile(SPEC));
    const dot = await boxOf(page, 'dot');
    await page.mouse.move(dot.cx, dot.cy);
    is(await text(page, '#tip'), 'dot\ntotal\n2.5 s, 50.0 %, 500 samples\nself\n2.5 s, 50.0 %, 500 samples\nstages\nknn 100 %\ninlined into\nwork\nmostly at\ndot.c:33\nmodule\n/bin/app', 'tooltip');
    const work = await boxOf(page, 'work');
    await page.mouse.move(work.cx, work.cy);
    like(await text(page, '#tip'), /stages\nknn 92\.3 %, load 7\.69 %\n/, 'each stage has its share');
    await page.mouse.move(dot.cx, dot.cy + 300);
    ok(await page.locator('#tip').isHidden(), 'gone beside the frames');
    is(await flame(page, 'v.hover'), -1, 'no frame below the pointer');
  }],

  ['the selected frame is told in full, and to readers of the screen', async () => {
    const page = await open(pageFile('typical'));
    const knn = await boxOf(page, 'knn_block');
    await page.mouse.click(knn.cx, knn.cy);
    const details = (await text(page, '.flame-details')).replace(/\s+/g, ' ');
    like(details, /^knn_block Copy name Copy stack Find this name /, 'name and actions');
    like(details, /total 11\.5 s, 55\.3 %, 2,297 samples self 221 ms, 1\.06 %, 44 samples of its caller 64\.3 %/, 'numbers');
    like(details, /inlined into it dot_f32 86\.7 % · heap_push 11\.4 %/, 'inlined');
    like(await page.locator('#said').textContent(), /^knn_block: total 11\.5 s, 55\.3 %, 2,297 samples; self 221 ms/, 'said');
    is(await page.locator('#graph').getAttribute('role'), 'application', 'role');
    like(await page.locator('#flame-how').textContent(), /arrow keys move/, 'how to move');
  }],

  ['every key does what help says', async () => {
    const page = await open(madeFile(SPEC));
    const press = async (key, want, what) => {
      await page.keyboard.press(key);
      await settle(page);
      is(await selectedName(page), want, what);
    };
    await focus(page);
    await press('ArrowDown', 'main', 'down to the heaviest callee');
    await press('ArrowDown', 'work', 'down');
    await press('ArrowRight', 'read', 'right');
    await press('ArrowRight', 'walk', 'right again');
    await press('ArrowLeft', 'read', 'left');
    await press('ArrowUp', 'main', 'up to the caller');
    await press('ArrowDown', 'work', 'down');
    await press('Enter', 'work', 'Enter');
    is(await zoomName(page), 'work', 'Enter zooms');
    await page.keyboard.press('Backspace');
    is(await zoomName(page), 'main', 'Backspace goes to the caller');
    for (const key of ['0', 'Home']) {
      await page.keyboard.press(' ');
      ok((await zoomName(page)) !== 'all', 'Space zooms');
      await page.keyboard.press(key);
      is(await zoomName(page), 'all', `${key} shows all`);
    }
    await page.keyboard.press('/');
    await page.keyboard.type('dot');
    await page.keyboard.press('Enter');
    is(await selectedName(page), 'dot', 'Enter in the search goes to the match');
    const first = await flame(page, 'v.selected');
    await focus(page);
    await page.keyboard.press('n');
    ok((await flame(page, 'v.selected')) > first, 'n: the next one');
    await page.keyboard.press('N');
    is(await flame(page, 'v.selected'), first, 'N: the one before');
    await page.keyboard.press('Escape');
    is((await state(page)).find, '', 'Escape clears the search');
    for (const [key, member, values] of [['i', 'flip', [1, 0]], ['c', 'fold', [1, 0]], ['l', 'own', [1, 0]], ['o', 'order', ['name', 'heavy']], ['k', 'colour', ['name', 'module']]])
      for (const want of values) {
        await page.keyboard.press(key);
        is((await state(page))[member], want, key);
      }
    await page.keyboard.press('?');
    for (const words of ['click', 'Backspace', 'Home', 'PgUp', 'Shift+←']) like(await text(page, '#help'), new RegExp(words.replace(/[+?]/g, '\\$&')), 'help');
    const help = await page.locator('#help kbd').allInnerTexts();
    const known = await flame(page, 'Object.keys(app.view().keys)');
    for (const key of known.filter((k) => k.length === 1 && k !== ' ' && k !== '=')) ok(help.includes(key), `help tells of ${key}`);
    await page.keyboard.press('Escape');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    is(await zoomName(page), 'all', 'Escape without a search zooms out');
  }],

  ['+ and - widen around the selected frame, Shift and arrows move', async () => {
    const page = await open(madeFile(SPEC));
    await focus(page);
    await page.keyboard.press('+');
    await rest(page);
    let now = await state(page);
    ok(Math.abs(now.x1 - now.x0 - 0.8) < 1e-9 && Math.abs(now.x0 - 0.1) < 1e-9, `the middle, wider: ${now.x0} ${now.x1}`);
    await page.keyboard.press('Shift+ArrowRight');
    await rest(page);
    now = await state(page);
    ok(Math.abs(now.x1 - 1) < 1e-9 && Math.abs(now.x0 - 0.2) < 1e-9, `to the right, as far as there is: ${now.x0}`);
    await page.keyboard.press('Shift+ArrowLeft');
    await page.keyboard.press('-');
    await page.keyboard.press('-');
    await rest(page);
    now = await state(page);
    ok(now.x0 === 0 && now.x1 === 1 && now.zoom === 0, 'everything again');
    await page.keyboard.press('u');
    ok((await state(page)).x1 < 1.0001 && (await state(page)).x0 > 0.19, 'a burst of keys is one step');
  }],

  ['the wheel scrolls; with Ctrl it widens below the pointer, with Shift or sideways it moves', async () => {
    const page = await open(madeFile(SPEC));
    const found = await boxOf(page, 'read');
    const read = { cx: Math.round(found.cx), cy: Math.round(found.cy) };
    const share = async () => {
      const { from, to } = await shown(page);
      const box = await page.locator('#graph').boundingBox();
      return from + ((read.cx - box.x) / box.width) * (to - from);
    };
    const before = await share();
    await page.mouse.move(read.cx, read.cy);
    await page.mouse.wheel(0, -100);
    await settle(page);
    is((await shown(page)).to - (await shown(page)).from, 1, 'the plain wheel changes no window');
    await page.keyboard.down('Control');
    for (let k = 0; k < 5; k++) await page.mouse.wheel(0, -60);
    await page.keyboard.up('Control');
    await rest(page);
    const wide = await shown(page);
    ok(wide.to - wide.from < 0.35, `wider: ${wide.to - wide.from}`);
    ok(Math.abs((await share()) - before) < 1e-6, 'what is below the pointer stays there');
    const kept = await state(page);
    ok(Math.abs(kept.x0 - wide.from) < 1e-9 && Math.abs(kept.x1 - wide.to) < 1e-9, 'the window is part of the state');
    await page.keyboard.down('Shift');
    await page.mouse.wheel(0, 120);
    await page.keyboard.up('Shift');
    await rest(page);
    ok((await shown(page)).from > wide.from, 'Shift moves');
    await page.mouse.wheel(-5000, 0);
    await rest(page);
    is((await shown(page)).from, 0, 'sideways, to the left end');
    for (let k = 0; k < 3; k++) await page.keyboard.press('u');
    is(JSON.stringify(await shown(page)), '{"from":0,"to":1}', 'three bursts, three steps');
    ok(await page.locator('.flame-where i').isHidden(), 'no mark of the place while all is shown');
  }],

  ['the wheel leaves a zoomed frame for its caller', async () => {
    const page = await open(madeFile(SPEC));
    const read = await boxOf(page, 'read');
    await page.mouse.click(read.cx, read.cy);
    is(await zoomName(page), 'read', 'zoomed');
    ok(await page.locator('.flame-where i').isVisible(), 'where in everything');
    const at = await boxOf(page, 'read');
    await page.mouse.move(at.cx, at.cy);
    await page.keyboard.down('Control');
    await page.mouse.wheel(0, 60);
    await page.keyboard.up('Control');
    await rest(page);
    is(await zoomName(page), 'main', 'the caller that holds the window');
    for (let k = 0; k < 30; k++) {
      await page.keyboard.down('Control');
      await page.mouse.wheel(0, 60);
      await page.keyboard.up('Control');
    }
    await rest(page);
    const end = await state(page);
    ok(end.zoom === 0 && end.x0 === 0 && end.x1 === 1, 'not beyond everything');
  }],

  ['dragging moves the window and scrolls; it does not zoom', async () => {
    const page = await open(madeFile(SPEC));
    const work = await boxOf(page, 'work');
    await page.mouse.click(work.cx, work.cy);
    const from = await boxOf(page, 'work');
    await page.mouse.move(from.cx, from.cy);
    await page.mouse.down();
    await page.mouse.move(from.cx - 40, from.cy, { steps: 4 });
    await page.mouse.move(from.cx - 256, from.cy, { steps: 4 });
    await page.mouse.up();
    await settle(page);
    const moved = await shown(page);
    ok(Math.abs(moved.to - moved.from - 0.65) < 0.01 && Math.abs(moved.from - 0.2 * 0.65) < 0.01, `by a fifth of the width: ${moved.from}`);
    is(await selectedName(page), 'work', 'the selected frame is the same');
    ok((await zoomName(page)) !== 'work', 'the window is wider than the frame it was');
    await page.keyboard.press('u');
    is(await zoomName(page), 'work', 'one step');
  }],

  ['a finger selects, then zooms; two fingers widen', async () => {
    const page = await open(madeFile(SPEC), { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
    is(await page.evaluate(() => document.documentElement.scrollWidth), 360, 'no sideways scrolling');
    await page.locator('#graph').scrollIntoViewIfNeeded();
    const work = await boxOf(page, 'work');
    await page.touchscreen.tap(work.cx, work.cy);
    is(await selectedName(page), 'work', 'selected');
    is(await zoomName(page), 'all', 'not zoomed');
    ok(await page.locator('#tip').isHidden(), 'no tooltip under a finger');
    like(await text(page, '.flame-details'), /^work/, 'details');
    await page.touchscreen.tap(work.cx, work.cy);
    is(await zoomName(page), 'work', 'the second tap zooms');
    await page.keyboard.press('0');
    const box = await page.locator('#graph').boundingBox();
    const client = await page.context().newCDPSession(page);
    const touch = (type, points) => client.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
    const y = box.y + 50;
    await touch('touchStart', [[120, y]]);
    await touch('touchStart', [[120, y], [200, y]]);
    for (let k = 1; k <= 5; k++) await touch('touchMove', [[120 - 12 * k, y], [200 + 12 * k, y]]);
    await touch('touchEnd', []);
    await rest(page);
    const { from, to } = await shown(page);
    ok(Math.abs(to - from - 80 / 200) < 0.02, `2.5 times as wide: ${to - from}`);
    ok(Math.abs((from + to) / 2 - (from + 0.5 * (to - from))) < 1e-9 && Math.abs(from + (160 / 360) * (to - from) - 160 / 360) < 0.02, 'around the fingers');
    is(await page.evaluate(() => document.documentElement.scrollWidth), 360, 'still no sideways scrolling');
  }],

  ['a menu has all that can be done with a frame', async () => {
    const page = await open(madeFile(SPEC));
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    const copied = () => page.evaluate(() => navigator.clipboard.readText());
    const dot = await boxOf(page, 'dot');
    await page.mouse.click(dot.cx, dot.cy, { button: 'right' });
    is((await page.locator('.menu button').allInnerTexts()).map((t) => t.split('\n')[0]).join('|'),
      'Zoom to it|Copy name|Copy stack|Find this name|Callers and callees|Show in table|Show source', 'items');
    is(await zoomName(page), 'all', 'the right button does not zoom');
    ok(await page.locator('.menu button', { hasText: 'Show source' }).isDisabled(), 'there is no source in this page');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    is(await copied(), 'main\nwork\ndot', 'the stack, outermost first');
    like(await text(page, '#toast'), /^copied the stack$/, 'said');
    is(await page.locator('.menu').count(), 0, 'the menu is gone');
    await focus(page);
    await page.keyboard.press('y');
    is(await copied(), 'dot', 'y: the name');
    await page.keyboard.press('Y');
    is(await copied(), 'main\nwork\ndot', 'Y: the stack');
    await page.keyboard.press('m');
    ok(await page.locator('.menu').isVisible(), 'm: the menu');
    await page.keyboard.press('Escape');
    is(await page.locator('.menu').count(), 0, 'Escape closes it');
    is(await page.evaluate(() => document.activeElement.id), 'graph', 'the graph has the focus again');
    await page.mouse.click(dot.cx, dot.cy, { button: 'right' });
    await page.mouse.click(20, 20);
    is(await page.locator('.menu').count(), 0, 'a click beside it closes it');
    await focus(page);
    await page.keyboard.press('f');
    is((await state(page)).find, '^dot$', 'f: find it');
    like(await text(page, '#matched'), /^matched 60\.0 %, 3 frames$/, 'everywhere');
    await page.keyboard.press('v');
    like(await text(page, '#toast'), /source/, 'v: why not');
    await page.keyboard.press('w');
    const now = await state(page);
    is(now.view, 'callers', 'w: callers');
    is(await page.evaluate(() => window.flame.app.name(window.flame.app.state.fn)), 'dot', 'of this function');
    await page.keyboard.press('u');
    is((await state(page)).view, 'flame', 'and back');
  }],

  ['what the menu leads to: the table and the source', async () => {
    const page = await open(madeFile({
      ...SPEC, source: { columns: ['cpu'], files: [{ name: 'dot.c', lines: [{ no: 33, self: [1], total: [2] }], windows: [{ first: 32, lines: ['a', 'b', 'c'] }] }] },
    }));
    const dot = await boxOf(page, 'dot');
    await page.mouse.click(dot.cx, dot.cy);
    await page.locator('.actions button', { hasText: 'Show in table' }).click();
    is((await state(page)).view, 'table', 'table');
    await page.keyboard.press('u');
    await page.keyboard.press('v');
    const now = await state(page);
    is(`${now.view} ${now.file} ${now.line}`, 'source 0 33', 'the line it spends most at');
  }],

  ['search marks frames, says how much they are, and shows what is too narrow', async () => {
    const page = await open(madeFile({ stacks: [['main;big', 100000], ...Array.from({ length: 400 }, (_, i) => [`main;f${i}`, 20])] }));
    await page.keyboard.press('/');
    await page.keyboard.type('big');
    is(await text(page, '#matched'), 'matched 92.6 %, 1 frame', 'matched');
    is(await colourOf(page, 'big'), '194,23,159', 'the colour of matches');
    await page.locator('#search').fill('f399');
    const at = await boxOf(page, 'big');
    is(await pixel(page, at.x + at.width + 30, at.cy), '194,23,159', 'among frames too narrow to see');
    await page.locator('#search').fill('nosuch');
    ok((await pixel(page, at.x + at.width + 30, at.cy)) !== '194,23,159', 'not without a match');
    is(await text(page, '#matched'), 'matched 0 %, 0 frames', 'none');
    await page.locator('#search').fill('(');
    like(await text(page, '#matched'), /nterminated group/i, 'what is wrong with the expression');
    await page.keyboard.press('Escape');
    is(await page.locator('#search').inputValue(), '', 'cleared');
  }],

  ['a match within a match counts once in a recursion', async () => {
    const page = await open(pageFile('deep'), {}, '#find=fib');
    is(await text(page, '#matched'), 'matched 100 %, 5,000 frames', 'matched');
  }],

  ['the flame graph grows from the bottom', async () => {
    const page = await open(madeFile(SPEC));
    const above = await boxOf(page, 'main');
    await page.locator('#flip').click();
    const [all, main, work] = [await boxOf(page, 'all'), await boxOf(page, 'main'), await boxOf(page, 'work')];
    ok(work.y < main.y && main.y < all.y && main.y > above.y, 'callees above callers');
    const bottom = await page.evaluate(() => document.getElementById('scroll').getBoundingClientRect().bottom);
    ok(Math.abs(bottom - (all.y + 20)) <= 2, `the root at the bottom: ${bottom - all.y}`);
    await page.mouse.click(work.cx, work.cy);
    is(await zoomName(page), 'work', 'a click hits what is drawn there');
    await focus(page);
    await page.keyboard.press('ArrowUp');
    is(await selectedName(page), 'dot', 'up is towards the callees');
    is(await page.locator('#flip').getAttribute('aria-pressed'), 'true', 'the button says so');
  }],

  ['recursion is joined and libraries are left out, and sums stay', async () => {
    const page = await open(madeFile(SPEC));
    is(await flame(page, 'Array.from({ length: v.graph.tree.count }, (_, n) => v.name(n)).filter((n) => n === "walk").length'), 3, 'walk calls itself');
    const whole = await flame(page, 'v.graph.total[0]');
    await page.locator('#fold').click();
    is(await flame(page, 'Array.from({ length: v.graph.tree.count }, (_, n) => v.name(n)).filter((n) => n === "walk").length'), 1, 'one frame');
    is(await flame(page, 'v.graph.total[0]'), whole, 'the same sum');
    await page.locator('#own').click();
    is(await flame(page, 'Array.from({ length: v.graph.tree.count }, (_, n) => v.name(n)).includes("copy")'), false, 'no library');
    is(await flame(page, 'v.graph.total[0]'), whole, 'the same sum');
    const work = await boxOf(page, 'work');
    await page.mouse.move(work.cx, work.cy);
    like(await text(page, '#tip'), /self\n750 ms, 15\.0 %, 150 samples\nstages\nknn 92\.3 %, load 7\.69 %/, 'its caller has its cost, its stages are told');
  }],

  ['order by name', async () => {
    const page = await open(madeFile(SPEC));
    await page.locator('#order').selectOption('name');
    const [read, walk, work] = [await boxOf(page, 'read'), await boxOf(page, 'walk'), await boxOf(page, 'work')];
    ok(read.x < walk.x && walk.x < work.x, 'read, walk, work');
    is(await page.locator('#order option').count(), 2, 'no order by time without times');
  }],

  ['order by time: frames as they ran, each by itself', async () => {
    const ticks = ['main;b', 'main;a', 'main;b', 'main;b', 'main;a;c'].map((stack, i) => ({ t: (i + 1) * 5e6, thread: 'worker', stack, state: 0 }));
    const file = madeFile({ stacks: [['main;a', 1, { thread: 'worker' }], ['main;b', 3, { thread: 'worker' }], ['main;a;c', 1, { thread: 'worker' }]], ticks });
    const page = await open(file);
    const main = await boxOf(page, 'main');
    await page.mouse.click(main.cx, main.cy);
    await page.locator('#order').selectOption('time');
    is(await flame(page, 'Array.from({ length: v.graph.tree.count }, (_, n) => v.name(n)).join(" ")'), 'all main b a b a c', 'as they ran');
    is(await text(page, '#flame-note'), 'time of worker, from left to right', 'whose time');
    is(await text(page, '#facts [data-fact="samples"] dd'), '5', 'the head is that of the whole run');
    await page.keyboard.press('0');
    const second = await flame(page, '(() => { const { canvas } = app.view().view; const c = canvas.getBoundingClientRect(); const b = painter.boxOf(v, 4); return { x: c.left + b.x + b.width / 2, y: c.top + b.y + 8 }; })()');
    await page.mouse.click(second.x, second.y);
    is(await flame(page, 'v.selected'), 4, 'the second b');
    is(await flame(page, 'v.zoom'), 4, 'fills the width');
    is((await text(page, '.crumbs')).replace(/\s+/g, ' '), 'all main b', 'path');
    like((await text(page, '.flame-details')).replace(/\s+/g, ' '), /when 10 ms – 20 ms/, 'when');
    await page.waitForFunction(() => location.hash.includes('x1'));
    const again = await open(file, {}, await page.evaluate(() => location.hash));
    is(await flame(again, 'v.zoom'), 4, 'by its address');
    await focus(page);
    await page.keyboard.press('Backspace');
    is(await zoomName(page), 'main', 'Backspace goes to the caller');
    await page.keyboard.press('ArrowDown');
    is(await flame(page, 'v.selected'), 4, 'down: the longest');
    await page.keyboard.press('ArrowRight');
    is(await flame(page, 'v.selected'), 5, 'right: what ran next');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    is(await flame(page, 'v.selected'), 2, 'left: what ran before');
    await page.keyboard.press('o');
    is((await state(page)).order, 'heavy', 'o: the next order');
    is(await zoomName(page), 'all', 'of everything');
  }],

  ['colours: by module, by name, hatched without code', async () => {
    const page = await open(madeFile(SPEC));
    for (const name of ['work', 'read', 'walk']) is(await colourOf(page, name), await fillOf(page, name), `${name} by module`);
    ok((await colourOf(page, 'read')) !== (await colourOf(page, 'work')), 'modules differ');
    like((await text(page, '.legend')).replace(/\s+/g, ' '), /^app 71\.0 % libc\.so 25\.0 % libio\.so 4\.00 % italic: inlined no code$/, 'legend');
    await page.locator('.legend button', { hasText: 'libio' }).click();
    is((await state(page)).find, 'module:^/lib/libio\\.so$', 'a module of the legend finds its frames');
    await page.keyboard.press('Escape');
    const byModule = await colourOf(page, 'walk');
    await page.locator('#colour').selectOption('name');
    is(await colourOf(page, 'walk'), await fillOf(page, 'walk'), 'by name');
    ok((await colourOf(page, 'walk')) !== byModule, 'another one');
    like(await text(page, '.legend'), /a colour for each name/, 'legend');
    const cut = await boxOf(page, '[truncated]');
    const seen = new Set();
    for (let dx = 0; dx < 16; dx++) seen.add(await pixel(page, cut.x + cut.width - 24 + dx, cut.cy));
    ok(seen.size > 1, 'hatched');
    is(await page.locator('#colour option').count(), 2, 'nothing to compare');
  }],

  ['colours by change: orange is more, blue is less, grey may be chance', async () => {
    for (const colorScheme of ['light', 'dark']) {
      const page = await open(madeFile(PAIR), { colorScheme }, '#width=both');
      is((await state(page)).colour, 'delta', 'at first');
      for (const name of ['up', 'down', 'fresh', 'gone', 'perhaps']) is(await colourOf(page, name), await fillOf(page, name), name);
      const [up, down, fresh, gone, perhaps] = await Promise.all(['up', 'down', 'fresh', 'gone', 'perhaps'].map((n) => fillOf(page, n)));
      const warm = (c) => Number(c.split(',')[0]) - Number(c.split(',')[2]);
      ok(warm(up) > 30 && warm(fresh) > warm(up), 'more is orange, new the most');
      ok(warm(down) < -30 && warm(gone) < warm(down), 'less is blue, gone the most');
      ok(Math.abs(warm(perhaps)) < 15, 'chance is grey');
      like((await text(page, '.legend')).replace(/\s+/g, ' '), /^less in B more in B may be chance/, 'legend');
    }
  }],

  ['a comparison tells A, B, the change and whether it is more than chance', async () => {
    const page = await open(madeFile(PAIR), {}, '#width=both');
    const up = await boxOf(page, 'up');
    await page.mouse.move(up.cx, up.cy);
    like(await text(page, '#tip'), /^up\nA\n5 s, 12\.7 %; self 5 s\nB, scaled\n19\.9 s, 50\.4 %; self 19\.9 s\nchange\n\+14\.9 s, \+298 %\nmodule\n/, 'tooltip');
    await page.mouse.click(up.cx, up.cy);
    like((await text(page, '.flame-details')).replace(/\s+/g, ' '), /chance more than chance \(p < 0\.001\)/, 'certain');
    await page.keyboard.press('0');
    const perhaps = await boxOf(page, 'perhaps');
    await page.mouse.click(perhaps.cx, perhaps.cy);
    like((await text(page, '.flame-details')).replace(/\s+/g, ' '), /chance chance may explain it \(p = 0\.\d+\)/, 'perhaps');
    await page.keyboard.press('0');
    const fresh = await boxOf(page, 'fresh');
    await page.mouse.click(fresh.cx, fresh.cy);
    like((await text(page, '.flame-details')).replace(/\s+/g, ' '), /change \+[\d.]+ s, only in B/, 'new');
  }],

  ['search in a comparison tells what it is of A and of B', async () => {
    const page = await open(madeFile(PAIR), {}, '#find=^(up|gone)$');
    is(await text(page, '#matched'), 'matched 19.0 % of A, 50.4 % of B, 1 frame', 'what has no width in B is no frame');
    await page.locator('#width').selectOption('both');
    is(await text(page, '#matched'), 'matched 19.0 % of A, 50.4 % of B, 2 frames', 'of both');
  }],

  ['an address brings back every choice', async () => {
    const file = madeFile(SPEC);
    const page = await open(file);
    await page.evaluate(() => window.flame.app.set({ zoom: 2, selected: 3, x0: 0.125, x1: 0.75, flip: 1, order: 'name', fold: 1, own: 1, colour: 'name', find: 'wa', by: 'count' }));
    await page.waitForFunction(() => location.hash.includes('fold'));
    const hash = await page.evaluate(() => location.hash);
    const again = await open(file, {}, hash);
    is(JSON.stringify(await state(again)), JSON.stringify(await state(page)), 'state');
    await settle(page);
    await settle(again);
    const picture = (p) => p.evaluate(() => document.getElementById('graph').toDataURL());
    is((await picture(again)) === (await picture(page)), true, 'the same picture');
    const wrong = await open(file, {}, '#zoom=99999&x0=0.9&x1=0.2&colour=pink&order=x&fold=7&selected=-4');
    is(JSON.stringify(await state(wrong)), JSON.stringify(await state(await open(file))), 'what does not exist is not believed');
  }],

  ['at each zoom what is seen of the children and the frame itself are the frame', async () => {
    for (const hash of ['', '#fold=1', '#own=1&by=count', '#order=name', '#stage=1']) {
      const page = await open(madeFile(randomSpec(5, { stacks: 200, names: 12 })), {}, hash);
      const wrong = await page.evaluate(async () => {
        const { app, visit } = window.flame;
        const { v, painter, zoomTo } = app.view().view;
        const bad = [];
        for (let node = 0; node < v.graph.tree.count; node++) {
          if (!(v.graph.total[node] > 0)) continue;
          zoomTo(node);
          const { tree, total, start, self } = v.graph;
          if (v.zoom !== node) bad.push(`zoom ${node} is ${v.zoom}`);
          let below = 0;
          let own = 0;
          const { from, to } = painter.window(v);
          visit(tree, total, start, { zoom: 0, first: tree.depth[node], last: tree.depth[node] + 1, least: total[node] * 1e-6, from, to }, (n, x0, x1) => {
            if (tree.depth[n] === tree.depth[node]) own += Math.min(x1, to) - Math.max(x0, from);
            else below += Math.min(x1, to) - Math.max(x0, from);
          }, (depth, x0, x1) => (depth === tree.depth[node] + 1 ? (below += x1 - x0) : 0));
          if (Math.abs(own - total[node]) > 1e-6 * total[node]) bad.push(`${node} fills ${own} of ${total[node]}`);
          if (Math.abs(below + self[node] - total[node]) > 1e-4 * total[node]) bad.push(`${node}: ${below} + ${self[node]} of ${total[node]}`);
        }
        return bad;
      });
      is(wrong.join('; '), '', hash);
    }
  }],

  ['whatever is pressed, turned and clicked, the window stays in the graph and undo leads back', async () => {
    for (const [spec, seed] of [[randomSpec(9, { stacks: 150, names: 11 }), 1], [PAIR, 2], [{ stacks: [['a', 0, { value: 0 }], ['b', 1]] }, 3], [{ stacks: [] }, 4]]) {
      const page = await open(madeFile(spec));
      const wrong = await page.evaluate(async (first) => {
        let x = first;
        const next = () => (x = (Math.imul(x, 1103515245) + 12345) >>> 0) / 2 ** 32;
        const { app } = window.flame;
        const { v, canvas } = app.view().view;
        const keys = Object.keys(app.view().keys).filter((k) => !['w', 'v', 'y', 'Y', 'm', 'ContextMenu'].includes(k)).concat('u', 'U', 't');
        const steps = () => JSON.stringify({ ...app.state, theme: '', selected: 0 }); // these are no steps
        const start = steps();
        const bad = [];
        for (let k = 0; k < 500 && bad.length === 0; k++) {
          const box = canvas.getBoundingClientRect();
          const at = { clientX: box.left + next() * box.width, clientY: box.top + next() * 200, bubbles: true, cancelable: true, pointerId: 1, pointerType: next() < 0.5 ? 'mouse' : 'touch' };
          const what = next();
          if (what < 0.55) canvas.dispatchEvent(new KeyboardEvent('keydown', { key: keys[Math.floor(next() * keys.length)], shiftKey: next() < 0.3, bubbles: true }));
          else if (what < 0.8) canvas.dispatchEvent(new WheelEvent('wheel', { ...at, deltaY: (next() - 0.6) * 300, deltaX: next() < 0.4 ? (next() - 0.5) * 4000 : 0, ctrlKey: next() < 0.7 }));
          else if (what < 0.95) for (const type of ['pointerdown', 'pointermove', 'pointerup']) canvas.dispatchEvent(new PointerEvent(type, at));
          else app.set({ find: ['', 'f1', '(', 'module:lib', 'f[0-4]'][k % 5] });
          if (k % 25 === 0) await new Promise((done) => setTimeout(done, 170)); // the wheel rests
          const { tree, total, start: left } = v.graph;
          const slack = 1e-6 * total[0];
          if (!(v.from >= left[0] - slack && v.to <= left[0] + total[0] + slack && v.to >= v.from)) bad.push(`${k}: window ${v.from} ${v.to} of ${total[0]}`);
          if (!(v.zoom < tree.count && v.selected < tree.count && v.rows >= 1)) bad.push(`${k}: zoom ${v.zoom}, selected ${v.selected}, rows ${v.rows}`);
          if (total[0] > 0 && v.to === v.from) bad.push(`${k}: nothing is shown`);
        }
        await new Promise((done) => setTimeout(done, 200));
        while (app.canUndo()) app.undo();
        if (steps() !== start) bad.push(`undone to ${steps()}, not ${start}`);
        return bad;
      }, seed);
      is(wrong.join('; '), '', `page ${seed}`);
    }
  }],

  ['samples without values are shown by their count', async () => {
    const page = await open(pageFile('untimed'));
    const [f, g] = [await boxOf(page, 'f'), await boxOf(page, 'g')];
    ok(Math.abs(g.width / f.width - 3) < 0.01, 'three to one');
    await page.mouse.click(g.cx, g.cy);
    like((await text(page, '.flame-details')).replace(/\s+/g, ' '), /total 75\.0 %, 3 samples/, 'no time is claimed');
  }],

  ['deep stacks scroll', async () => {
    const page = await open(pageFile('deep'));
    is(await flame(page, 'scroll.scrollHeight'), 5001 * 20, 'a row each');
    const top = await flame(page, 'scroll.scrollTop');
    await focus(page);
    await page.keyboard.press('PageDown');
    ok((await flame(page, 'scroll.scrollTop')) > top + 100, 'PageDown');
    await page.keyboard.press('PageUp');
    is(await flame(page, 'scroll.scrollTop'), top, 'PageUp');
    await flame(page, 'scroll.scrollTop = 1e6');
    await settle(page);
    const box = await page.locator('#graph').boundingBox();
    await page.mouse.move(600, box.y + box.height - 10);
    like(await text(page, '#tip'), /^fib/, 'the last row is there');
    ok((await pixel(page, 600, box.y + box.height - 12)) !== rgb(await flame(page, 'v.colours.back')), 'and painted');
    const zoomed = await open(pageFile('deep'), {}, '#zoom=1000');
    is(await flame(zoomed, 'scroll.scrollTop'), 997 * 20, 'a zoomed frame is shown with three callers');
    is(await zoomed.locator('.crumbs li').count(), 171, 'a path of 1,000 frames is cut in the middle');
    like(await text(zoomed, '.crumbs'), /831 frames/, 'and says so');
  }],

  ['zooming glides, unless that is not wanted', async () => {
    const file = madeFile(SPEC);
    const widths = async (reducedMotion) => {
      const page = await open(file, { reducedMotion });
      await settle(page);
      return page.evaluate(() => {
        const { v, painter, zoomTo } = window.flame.app.view().view;
        const seen = [];
        const paint = painter.paint.bind(painter);
        painter.paint = (view) => {
          seen.push(view.to - view.from);
          paint(view);
        };
        let todo = []; // frames and time are the test's
        window.requestAnimationFrame = (f) => todo.push(f);
        performance.now = () => 1000;
        zoomTo(2);
        for (let t = 1000; todo.length > 0 && t < 3000; t += 25) {
          const now = todo;
          todo = [];
          for (const f of now) f(t);
        }
        return { seen, want: v.to - v.from };
      });
    };
    const still = await widths('reduce');
    is(still.seen.join(), String(still.want), 'at once');
    const { seen, want } = await widths('no-preference');
    ok(seen.length > 5 && seen.length < 12 && seen[0] > want && seen[seen.length - 1] === want, `step by step: ${seen}`);
    ok(seen.every((w, i) => i === 0 || w <= seen[i - 1]), 'narrower and narrower');
  }],

  ['paper has the whole width and the legend', async () => {
    const page = await open(madeFile(SPEC));
    await page.emulateMedia({ media: 'print' });
    await page.evaluate(() => window.dispatchEvent(new Event('beforeprint')));
    is(await flame(page, 'canvas.width'), 2400, 'twice as many dots');
    ok(await page.locator('.legend').isVisible(), 'legend');
    ok(await page.locator('#flip').isHidden(), 'no buttons');
    await page.evaluate(() => window.dispatchEvent(new Event('afterprint')));
    await page.emulateMedia({ media: 'screen' });
    is(await flame(page, 'canvas.width === Math.round(canvas.getBoundingClientRect().width * devicePixelRatio)'), true, 'the screen again');
    ok((await page.pdf()).length > 1000, 'a file to print');
  }],

  ['sharp on screens with more dots', async () => {
    const page = await open(madeFile(SPEC), { deviceScaleFactor: 2 });
    is(await flame(page, 'canvas.width'), 2 * (await flame(page, 'scroll.clientWidth')), 'canvas');
    for (const name of ['work', 'read']) is(await colourOf(page, name), await fillOf(page, name), name);
    const odd = await open(madeFile(SPEC), { deviceScaleFactor: 1.35 });
    for (const name of ['work', 'read']) is(await colourOf(odd, name), await fillOf(odd, name), `${name} at 1.35`);
  }],
]);
