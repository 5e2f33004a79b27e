// The flame view in Chromium: every key, mouse, wheel, drag, touch and menu, search, and what the address brings
// back.
import { colourOf, flame, focus, PAIR, pixel, rest, selectedName, shown, SPEC, state, zoomName } from './flame.mjs';
import { address, boxOf, is, like, ok, open, pageFile, run, settle, text } from './lib.mjs';
import { madeFile } from './made.mjs';
import { randomSpec } from './rig.mjs';

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

  ['what waits for time comes by itself: the wheel\'s step, the address, the end of a message', async () => {
    const page = await open(madeFile(SPEC), { clock: 'real' });
    const read = await boxOf(page, 'read');
    await page.mouse.move(read.cx, read.cy);
    await page.keyboard.down('Control');
    await page.mouse.wheel(0, -60);
    await page.keyboard.up('Control');
    await page.waitForFunction(() => window.flame.app.canUndo());
    ok((await state(page)).x0 > 0, 'the window is the state');
    await page.waitForFunction(() => location.hash.includes('x0='));
    await page.keyboard.press('v');
    like(await page.locator('#toast').textContent(), /whole graph/, 'said');
    await page.locator('#toast').waitFor({ state: 'hidden' });
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

  ['an address brings back every choice', async () => {
    const file = madeFile(SPEC);
    const page = await open(file);
    await page.evaluate(() => window.flame.app.set({ zoom: 2, selected: 3, x0: 0.125, x1: 0.75, flip: 1, order: 'name', fold: 1, own: 1, colour: 'name', find: 'wa', by: 'count' }));
    const hash = await address(page);
    ok(hash.includes('fold'), 'the address says so');
    const again = await open(file, {}, hash);
    is(JSON.stringify(await state(again)), JSON.stringify(await state(page)), 'state');
    await settle(page);
    await settle(again);
    const picture = (p) => p.evaluate(() => document.getElementById('graph').toDataURL());
    is((await picture(again)) === (await picture(page)), true, 'the same picture');
    const wrong = await open(file, {}, '#zoom=99999&x0=0.9&x1=0.2&colour=pink&order=x&fold=7&selected=-4');
    is(JSON.stringify(await state(wrong)), JSON.stringify(await state(await open(file))), 'what does not exist is not believed');
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
          if (k % 25 === 0) window.testClock.pass(170); // the wheel rests
          const { tree, total, start: left } = v.graph;
          const slack = 1e-6 * total[0];
          if (!(v.from >= left[0] - slack && v.to <= left[0] + total[0] + slack && v.to >= v.from)) bad.push(`${k}: window ${v.from} ${v.to} of ${total[0]}`);
          if (!(v.zoom < tree.count && v.selected < tree.count && v.rows >= 1)) bad.push(`${k}: zoom ${v.zoom}, selected ${v.selected}, rows ${v.rows}`);
          if (total[0] > 0 && v.to === v.from) bad.push(`${k}: nothing is shown`);
        }
        window.testClock.pass(200);
        while (app.canUndo()) app.undo();
        if (steps() !== start) bad.push(`undone to ${steps()}, not ${start}`);
        return bad;
      }, seed);
      is(wrong.join('; '), '', `page ${seed}`);
    }
  }],
]);
