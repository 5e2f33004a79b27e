// Callers in Chromium: a function between its callers and callees, by mouse, keys and typing, and on paper.
import { address, is, like, ok, open, run, text } from './lib.mjs';
import { state, settle, said, PLAIN, PAIR, DEEP, same, point, tipAt } from './lists.mjs';
import { madeFile } from './made.mjs';

await run([
  ['a function between its callers and callees', async () => {
    const page = await open(madeFile(PLAIN), {}, '#view=callers');
    is(await page.locator('#fn').inputValue(), 'memcpy', 'at first the one with most of its own');
    like(await text(page, '.sandwich .viewbar'), /total 400 ms, 80\.0 %, 80 samples\s+self 400 ms, 80\.0 %\s+libc\.so\.6 · string\/memcpy\.S:99/, 'facts');
    is((await page.locator('.sandwich .note').allInnerTexts()).join('|'), 'callers|calls nothing: all is its own', 'notes');
    const staged = await open(madeFile({ stacks: [['main;f', 8, { stage: 'job/knn' }], ['main;f;g', 1, { stage: 'job' }], ['f', 1]] }), {}, '#view=callers');
    like(await text(staged, '.sandwich .facts'), /stages knn 80\.0 %, outside 10\.0 %, job 10\.0 %/, 'stages');
    like(await tipAt(page, 'callers', 1, 0.1), /^f\|total\|200 ms, 40\.0 %, 40 samples\|of memcpy\|50\.0 %\|module\|\/bin\/app$/, 'f calls it most');
    like(await tipAt(page, 'callers', 1, 0.6), /^(g|start)\|total\|100 ms, 20\.0 %, 20 samples\|of memcpy\|25\.0 %/, 'then g or start');
    like(await tipAt(page, 'callers', 2, 0.1), /^main\|total\|150 ms, 30\.0 %, 30 samples/, 'f was called by main');
    like(await tipAt(page, 'callers', 1, 0.9), /^(g|start)\|/, 'the last one');
    is(await tipAt(page, 'callees', 1, 0.5), '', 'nothing below');
  }],

  ['a click puts another function in the middle; undo goes back', async () => {
    const page = await open(madeFile(PLAIN), {}, '#view=callers');
    await page.mouse.click(...await point(page, 'callers', 1, 0.1));
    is(await page.locator('#fn').inputValue(), 'f', 'in the middle');
    is(await text(page, '.middle'), 'f', 'its row');
    like(await text(page, '.sandwich .facts'), /^total 240 ms, 48\.0 %, 48 samples\s*self 40 ms, 8\.00 %/, 'recursion counts once');
    like(await tipAt(page, 'callees', 1, 0.1), /^memcpy\|total\|150 ms[^|]*\|of f\|62\.5 %\|self\|150 ms, 62\.5 %/, 'callees');
    like(await tipAt(page, 'callees', 1, 0.7), /^g\|total\|60 ms/, 'with the calls of itself below');
    like(await tipAt(page, 'callees', 2, 0.65), /^f\|total\|60 ms/, 'f in f');
    is(await page.locator('.sandwich .note').last().innerText(), 'callees; 12.5 % is its own', 'its own');
    const fn = (await state(page)).fn;
    ok((await address(page)).includes(`fn=${fn}`), 'the address says so');
    await page.keyboard.press('u');
    is(await page.locator('#fn').inputValue(), 'memcpy', 'undone');
    await page.keyboard.press('U');
    is(await page.locator('#fn').inputValue(), 'f', 'redone');
  }],

  ['keys go through both graphs', async () => {
    const page = await open(madeFile(PLAIN), {}, '#view=callers');
    await page.evaluate(() => {
      const { labels, strings } = window.flame.app.profile;
      for (let l = 0; l < labels.count; l++) if (strings.text(labels.name[l]) === 'g') window.flame.app.set({ fn: l });
    });
    await page.keyboard.press('ArrowUp');
    like(await said(page), /^main: total 100 ms, 20\.0 %, 20 samples/, 'a caller');
    await page.keyboard.press('ArrowRight');
    like(await said(page), /^f: total 60 ms/, 'its neighbour');
    await page.keyboard.press('ArrowUp');
    like(await said(page), /^main: total 60 ms/, 'further away');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    like(await said(page), /^g: total 160 ms/, 'the middle');
    await page.keyboard.press('ArrowDown');
    like(await said(page), /^memcpy: total 100 ms/, 'a callee');
    await page.keyboard.press('Home');
    like(await said(page), /^g: /, 'Home');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    is(await page.locator('#fn').inputValue(), 'memcpy', 'Enter');
    await page.evaluate(() => window.flame.app.set({ find: '^main$' }));
    await page.keyboard.press('n');
    like(await said(page), /^main: /, 'a match');
    const first = await said(page);
    await page.keyboard.press('n');
    ok((await said(page)) !== first, 'the next one');
    await page.keyboard.press('N');
    is(await said(page), first, 'and back');
    await page.keyboard.press('f');
    is((await state(page)).view, 'flame', 'to the flame graph');
  }],

  ['a function is chosen by typing', async () => {
    const page = await open(madeFile(PLAIN), {}, '#view=callers');
    await page.keyboard.press('p');
    is((await page.locator('#fn-list li').allInnerTexts()).map((t) => t.split(/\s+/).slice(2).join(' ')).join(), 'main app,memcpy libc.so.6,f app,g app,start app', 'the heaviest first');
    await page.keyboard.type('^m');
    is(await page.locator('#fn-list li').count(), 2, 'found');
    await page.keyboard.press('ArrowDown');
    is(await page.locator('#fn').getAttribute('aria-activedescendant'), 'fn-1', 'marked');
    is(await page.locator('#fn').getAttribute('aria-expanded'), 'true', 'open');
    await page.keyboard.press('Enter');
    is(await page.locator('.middle').innerText(), 'memcpy', 'chosen');
    ok(await page.locator('#fn-list').isHidden(), 'closed');
    await page.locator('#fn').click();
    await page.keyboard.type('no such');
    is(await text(page, '#fn-list'), 'no function', 'none');
    await page.keyboard.press('Escape');
    ok(await page.locator('#fn-list').isHidden(), 'given up');
    is(await page.locator('#fn').inputValue(), 'memcpy', 'the name is back');
    await page.locator('#fn').fill('g');
    await page.locator('#fn-list li').first().click();
    is(await page.locator('.middle').innerText(), 'g', 'by the mouse');
  }],

  ['an expression that takes too long is said in the list of functions', async () => {
    const page = await open(madeFile({ stacks: [[`main;${'a'.repeat(60)}!`, 1]] }), {}, '#view=callers');
    await page.locator('#fn').fill('(a+)+$');
    is(await text(page, '#fn-list'), 'this expression takes too long on the names of this page', 'said');
    await page.keyboard.press('Enter');
    await page.locator('#fn').fill('main');
    is(await page.locator('#fn-list li').count(), 1, 'the next one works');
  }],

  ['Enter puts the selected function in the middle, wherever the focus was', async () => {
    const page = await open(madeFile(PLAIN), {}, '#view=callers');
    await page.locator('.middle').click();
    await page.keyboard.press('ArrowUp');
    like(await said(page), /^f: total/, 'a caller');
    ok(await page.locator('.pane canvas').first().evaluate((c) => document.activeElement === c), 'its graph has the focus');
    await page.keyboard.press('Enter');
    is(await text(page, '.middle'), 'f', 'in the middle');
    await page.keyboard.press('ArrowDown');
    ok(await page.locator('.pane canvas').last().evaluate((c) => document.activeElement === c), 'the callees have it');
    await page.keyboard.press('Home');
    ok(await page.locator('.middle').evaluate((m) => document.activeElement === m), 'the middle has it');
    await page.keyboard.press('/');
    await page.keyboard.type('memcpy');
    await page.keyboard.press('Enter');
    like(await said(page), /^memcpy: /, 'a match');
    is(await page.evaluate(() => document.activeElement.id), 'search', 'the search keeps it');
  }],

  ['callers and callees on paper', async () => {
    const page = await open(madeFile(PLAIN), { viewport: { width: 900, height: 700 } }, '#view=callers');
    await page.evaluate(() => {
      const { labels, strings } = window.flame.app.profile;
      window.flame.app.set({ fn: Array.from(labels.name).findIndex((s) => strings.text(s) === 'f') });
    });
    await settle(page);
    const shapes = () => page.locator('.pane').evaluateAll((list) => list.map((p) => {
      const c = p.firstChild.firstChild;
      const data = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
      let painted = 0;
      for (let i = 3; i < data.length; i += 4) painted += data[i] > 0 ? 1 : 0;
      return { width: c.width, rows: c.height / 40, painted, box: Math.round(p.getBoundingClientRect().height), seen: Math.round(c.getBoundingClientRect().height), over: getComputedStyle(p).overflowY };
    }));
    const before = await shapes();
    await page.emulateMedia({ media: 'print' });
    await page.evaluate(() => window.dispatchEvent(new Event('beforeprint')));
    await settle(page);
    const paper = await shapes();
    is(paper.map((s) => `${s.width} ${s.rows} ${s.over}`).join('|'), '2000 1 visible|2000 3 visible', 'all rows, as sharp as paper');
    ok(paper.every((s) => s.painted > 20000 && s.seen > 15), `painted: ${paper.map((s) => s.painted)}`);
    ok(paper.every((s) => s.box === s.seen), `none is cut: ${JSON.stringify(paper)}`);
    await page.emulateMedia({ media: 'screen' });
    await page.evaluate(() => window.dispatchEvent(new Event('afterprint')));
    await settle(page);
    same(await shapes(), before, 'as it was');
    const deep = await open(madeFile(DEEP), {}, '#view=callers&fn=1');
    await deep.evaluate(() => window.dispatchEvent(new Event('beforeprint')));
    is((await deep.locator('.pane canvas').evaluateAll((list) => list.map((c) => c.height / 40))).pop(), 60, 'of deep ones the rows next to the middle');
  }],

  ['callers of two runs, and of a kind in which the function has nothing', async () => {
    const page = await open(madeFile(PAIR), {}, '#view=callers&norm=none');
    like(await text(page, '.sandwich .facts'), /^A 5 s, 93\.5 %\s*B 7 s, 94\.5 %\s*B − A \+2 s, \+40 %/, 'facts');
    like(await tipAt(page, 'callers', 1, 0.5), /^main\|A\|5 s, 93\.5 %\|B\|7 s, 94\.5 %\|B − A\|\+2 s, \+40 %\|of knn\|100 %/, 'caller');
    const other = await open(madeFile(PLAIN), {}, '#view=callers');
    await other.locator('#kind').selectOption('alloc');
    is(await other.locator('#fn').inputValue(), 'malloc', 'no choice: the heaviest of the kind');
    await other.locator('#kind').selectOption('cpu');
    await other.mouse.click(...await point(other, 'callers', 1, 0.1));
    await other.locator('#kind').selectOption('peak');
    is(await other.locator('.middle').innerText(), 'f', 'a choice stays');
  }],
]);
