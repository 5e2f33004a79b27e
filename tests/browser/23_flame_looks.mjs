// The flame view in Chromium, what is painted: orders, joined and hidden frames, colours, comparisons, sums at each
// zoom, gliding, paper.
import { colourOf, fillOf, flame, focus, PAIR, pixel, rgb, selectedName, SPEC, state, zoomName } from './flame.mjs';
import { address, boxOf, is, like, ok, open, pageFile, run, settle, text } from './lib.mjs';
import { madeFile } from './made.mjs';
import { randomSpec } from './rig.mjs';

await run([
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
    const hash = await address(page);
    ok(hash.includes('x1'), 'the address says so');
    const again = await open(file, {}, hash);
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

  ['samples without values are shown by their count', async () => {
    const page = await open(pageFile('untimed'));
    const [f, g] = [await boxOf(page, 'f'), await boxOf(page, 'g')];
    ok(Math.abs(g.width / f.width - 3) < 0.01, 'three to one');
    await page.mouse.click(g.cx, g.cy);
    like((await text(page, '.flame-details')).replace(/\s+/g, ' '), /total 75\.0 %, 3 samples/, 'no time is claimed');
    await page.keyboard.press('0');
    await page.mouse.move((await boxOf(page, 'f')).cx, f.cy);
    like(await text(page, '#tip'), /25\.0 %, 1 sample\n/, 'one is one');
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
