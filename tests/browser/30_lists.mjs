// Table and tree in Chromium, and what they share with the callers: what their rows and frames say, what mouse
// and keys do, and what readers of the screen and paper get.
import { is, like, ok, open, run, text } from './lib.mjs';
import { state, settle, said, rows, row, cursor, heads, catchCopies, copied, PLAIN, PAIR, MANY, many, DEEP, HOSTILE, point } from './lists.mjs';
import { madeFile } from './made.mjs';

await run([
  ['the table has what each function costs, the heaviest first', async () => {
    const page = await open(madeFile(PLAIN), {}, '#view=table');
    is(await heads(page, 'table'), 'self:descending|self %:descending|total|total %|samples|function|module|file:line', 'columns');
    is((await rows(page, 'table')).join('\n'), [
      '400 ms|80.0 %|400 ms|80.0 %|80|memcpy|libc.so.6|string/memcpy.S:99',
      '60 ms|12.0 %|400 ms|80.0 %|12|main|app|',
      '40 ms|8.00 %|240 ms|48.0 %|8|f|app|src/f.c:10',
      '0 ns|0 %|160 ms|32.0 %|0|g|app|',
      '0 ns|0 %|100 ms|20.0 %|0|start|app|',
    ].join('\n'), 'rows');
    is(await text(page, '#panel-table output'), '5 functions', 'how many');
    like(await text(page, '.list-foot'), /^memcpy\s+\/usr\/lib\/libc\.so\.6 · string\/memcpy\.S:99/, 'the row with the cursor');
  }],

  ['it sorts by click and by key, and undo takes that back', async () => {
    const page = await open(madeFile(PLAIN), {}, '#view=table');
    const names = async () => (await rows(page, 'table')).map((r) => r.split('|')[5]).join();
    await page.locator('[data-sort="total"]').first().click();
    is(await names(), 'main,memcpy,f,g,start', 'by total');
    like(await heads(page, 'table'), /^self\|self %\|total:descending\|total %:descending\|/, 'said so');
    await page.locator('[data-sort="total"]').first().click();
    is(await names(), 'start,g,f,main,memcpy', 'the least first');
    await page.locator('[data-sort="name"]').focus();
    await page.keyboard.press('Enter');
    is(await names(), 'f,g,main,memcpy,start', 'by name');
    is((await state(page)).sort, 'name', 'state');
    is(await page.evaluate(() => document.activeElement.dataset.sort), 'name', 'the focus stays');
    await page.locator('#undo').click();
    is(await names(), 'start,g,f,main,memcpy', 'undone');
    const again = await open(madeFile(PLAIN), {}, '#view=table&sort=-place');
    is((await rows(again, 'table'))[0].split('|')[5], 'memcpy', 'from the address');
  }],

  ['the search filters rows; rows can be modules', async () => {
    const page = await open(madeFile(PLAIN), {}, '#view=table');
    await page.keyboard.press('/');
    await page.keyboard.type('^[fg]$');
    is((await rows(page, 'table')).map((r) => r.split('|')[5]).join(), 'f,g', 'found');
    is(await text(page, '#panel-table output'), '2 of 5 functions', 'how many of how many');
    await page.locator('#search').fill('nothing like it');
    is((await rows(page, 'table')).length, 0, 'nothing');
    ok(await page.locator('.list-foot').isHidden(), 'no row, no details');
    await page.locator('#search').fill('');
    await page.locator('#panel-table').click({ position: { x: 5, y: 5 } });
    await page.keyboard.press('g');
    is((await rows(page, 'table')).join('\n'), '400 ms|80.0 %|400 ms|80.0 %|80|/usr/lib/libc.so.6\n100 ms|20.0 %|500 ms|100 %|20|/bin/app', 'modules');
    await page.locator('[data-sort="total"]').first().click();
    is((await state(page)).sort, '-m.total', 'state');
    is((await rows(page, 'table'))[0].split('|')[5], '/bin/app', 'sorted');
    await row(page, 'table', 1).press('Enter');
    is((await state(page)).find, 'module:^/usr/lib/libc\\.so\\.6$', 'its functions');
    is((await rows(page, 'table')).map((r) => r.split('|')[5]).join(), 'memcpy', 'found');
  }],

  ['keys move through rows, show a function in other views, and come back', async () => {
    const page = await open(madeFile(PLAIN), {}, '#view=table');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    is(await cursor(page, 'table'), 'f', 'two down');
    is(await page.evaluate(() => document.activeElement.getAttribute('aria-rowindex')), '4', 'the row has the focus');
    await page.keyboard.press('End');
    is(await cursor(page, 'table'), 'start', 'End');
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowUp');
    is(await cursor(page, 'table'), 'memcpy', 'not above the first');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    is((await state(page)).view, 'callers', 'Enter');
    is(await page.locator('#fn').inputValue(), 'main', 'of that function');
    await page.keyboard.press('u');
    is(await cursor(page, 'table'), 'main', 'undone: the same row');
    await page.keyboard.press('f');
    const s = await state(page);
    is(`${s.view} ${s.find}`, 'flame ^main$', 'in the flame graph');
    await page.keyboard.press('u');
    await row(page, 'table', 2).locator('button').click();
    is(await page.locator('#fn').inputValue(), 'f', 'by a click on the name');
  }],

  ['the menu of a row', async () => {
    const page = await open(madeFile(PLAIN), {}, '#view=table');
    await catchCopies(page);
    await row(page, 'table', 2).click({ button: 'right' });
    is((await page.locator('[role="menu"] button').allInnerTexts()).map((t) => t.split('\n')[0]).join('|').replace(/[wfvy](?=\||$)/g, ''),
      'Callers and callees|Show in flame graph|Show source|Copy name', 'actions');
    ok(await page.locator('[role="menu"] button', { hasText: 'source' }).isDisabled(), 'no source in this page');
    await page.locator('[role="menu"] button', { hasText: 'Copy name' }).click();
    is(await copied(page), 'f', 'copied');
    await page.keyboard.press('v');
    is(await text(page, '#toast'), 'its source is not in this page', 'the key says why not');
  }],

  ['what a function costs in each kind', async () => {
    const page = await open(madeFile(PLAIN), {}, '#view=table&kind=alloc');
    is((await rows(page, 'table')).join('\n'), '4.0 MiB|100 %|4.0 MiB|100 %|4|malloc|libc.so.6|\n0 B|0 %|4.0 MiB|100 %|0|main|app|\n0 B|0 %|3.0 MiB|75.0 %|0|f|app|src/f.c:10\n0 B|0 %|1.0 MiB|25.0 %|0|g|app|', 'rows');
    is(await text(page, '.list-foot .kinds'), 'self: alloc 4.0 MiB, peak 512.0 KiB', 'malloc');
    await row(page, 'table', 2).locator('.total').click();
    is(await text(page, '.list-foot .kinds'), 'self: cpu 40 ms, peak 4.0 KiB', 'f');
    like(await heads(page, 'table'), /\|allocations\|/, 'the noun of the kind');
    await page.locator('#by').selectOption('count');
    is((await rows(page, 'table'))[0], '4|100 %|4|100 %|malloc|libc.so.6|', 'by count');
  }],

  ['all rows are copied as text, whatever is on the screen', async () => {
    const page = await open(madeFile(PLAIN), {}, '#view=table&find=m');
    await catchCopies(page);
    await page.keyboard.press('Y');
    is(await copied(page), [
      'self (ns)\tself %\ttotal (ns)\ttotal %\tsamples\tfunction\tmodule\tfile:line',
      '400000000\t80.0000\t400000000\t80.0000\t80\tmemcpy\t/usr/lib/libc.so.6\tstring/memcpy.S:99',
      '60000000\t12.0000\t400000000\t80.0000\t12\tmain\t/bin/app\t', '',
    ].join('\n'), 'text');
    is(await text(page, '#toast'), 'copied 2 rows', 'said');
  }],

  ['100,000 functions: few rows in the document, all of them within reach', async () => {
    const page = await open(madeFile(many()), {}, '#view=table');
    const shown = () => page.locator('#panel-table tbody tr[data-i]').count();
    is(await page.locator('#panel-table table').getAttribute('aria-rowcount'), String(MANY + 2), 'rowcount, with main and the head');
    ok(await shown() < 80, `${await shown()} rows`);
    await page.keyboard.press('End');
    is(await cursor(page, 'table'), 'main', 'the last row: nothing of its own');
    is(await page.evaluate(() => document.activeElement.getAttribute('aria-rowindex')), String(MANY + 2), 'its place');
    await page.keyboard.press('PageUp');
    const place = Number(await page.evaluate(() => document.activeElement.getAttribute('aria-rowindex')));
    ok(place > MANY - 60 && place < MANY, `a page up: ${place}`);
    ok(await shown() < 80, `${await shown()} rows at the end`);
    await page.locator('#panel-table .long').evaluate((box) => { box.scrollTop = box.scrollHeight / 2; });
    await settle(page);
    const seen = await page.locator('#panel-table tbody tr[data-i]').evaluateAll((list) => {
      const box = document.querySelector('#panel-table .long').getBoundingClientRect();
      const top = document.querySelector('#panel-table thead th').getBoundingClientRect().bottom;
      const inside = list.map((tr) => tr.getBoundingClientRect()).filter((r) => r.bottom > top && r.top < box.bottom);
      return { first: inside[0].top - top, last: inside[inside.length - 1].bottom - box.bottom, in: Number(list[0].dataset.i) };
    });
    ok(seen.first <= 0 && seen.last >= -1, `no gap: ${JSON.stringify(seen)}`);
    ok(Math.abs(seen.in - MANY / 2) < 200, 'in the middle');
    await page.keyboard.press('ArrowUp');
    ok(Math.abs(Number(await page.evaluate(() => document.activeElement.getAttribute('aria-rowindex'))) - place) < 3, 'keys go on from the cursor');
    await page.evaluate(() => window.flame.app.set({ find: 'fn_12345$' }));
    is(await text(page, '#panel-table output'), '1 of 100,001 functions', 'filtered');
    is((await rows(page, 'table'))[0].split('|')[5], 'fn_12345', 'found');
  }],

  ['readers of the screen get a grid with counted rows', async () => {
    const page = await open(madeFile(PLAIN), {}, '#view=table');
    const cdp = await page.context().newCDPSession(page);
    const { nodes } = await cdp.send('Accessibility.getFullAXTree');
    const of = (role) => nodes.filter((n) => !n.ignored && n.role && n.role.value === role);
    const property = (n, name) => (n.properties.find((p) => p.name === name) ?? { value: {} }).value.value;
    const grid = of('grid')[0];
    is(grid.name.value, 'functions', 'its name');
    is(of('row').length, 6, 'rows and no gaps');
    is(of('columnheader').map((n) => n.name.value).join('|'), 'self|self %|total|total %|samples|function|module|file:line', 'heads');
    is(of('rowheader').map((n) => n.name.value).join(), 'memcpy,main,f,g,start', 'names');
    const first = nodes.find((n) => n.nodeId === of('row')[1].nodeId);
    is(property(first, 'selected'), true, 'the cursor');
    const attributes = await row(page, 'table', 2).evaluate((tr) => [tr.getAttribute('aria-rowindex'), tr.closest('table').getAttribute('aria-rowcount')].join(' of '));
    is(attributes, '4 of 6', 'counted');
    ok(of('gridcell').every((n) => n.name.value !== undefined), 'cells have texts');
    await page.evaluate(() => window.flame.app.set({ view: 'tree' }));
    const tree = (await cdp.send('Accessibility.getFullAXTree')).nodes.filter((n) => !n.ignored);
    ok(tree.some((n) => n.role.value === 'treegrid' && n.name.value === 'call tree'), 'the tree');
    const main = tree.filter((n) => n.role.value === 'row').find((n) => property(n, 'level') === 2 && property(n, 'expanded') === true);
    ok(main, 'open rows with their level');
    is(tree.filter((n) => n.role.value === 'rowheader')[1].name.value, 'main', 'without the mark of opening');
  }],

  ['of two runs the table has both, the difference, and whether chance explains it', async () => {
    const page = await open(madeFile(PAIR), {}, '#view=table&norm=none');
    is(await heads(page, 'table'), 'A self|B self|Δ self:other|Δ %|p|A total|B total|Δ total|function|module|file:line', 'columns');
    const list = await rows(page, 'table');
    is(list.map((r) => r.split('|')[8]).join(), 'knn,fresh,old,rest,main', 'the largest difference first');
    like(list[0], /^5 s\|7 s\|\+2 s\|\+40 %\|< 0\.001\|5 s\|7 s\|\+2 s\|knn/, 'knn');
    like(list[1], /^0 ns\|300 ms\|\+300 ms\|new\|< 0\.001\|/, 'new');
    like(list[2], /^250 ms\|0 ns\|−250 ms\|gone\|< 0\.001\|/, 'gone');
    like(list[3], /^100 ms\|110 ms\|\+10 ms\|\+10 %\|0\.\d+\|/, 'chance');
    ok(await row(page, 'table', 0).locator('.delta').evaluate((c) => c.classList.contains('sure')), 'significant');
    ok(!await row(page, 'table', 3).locator('.delta').evaluate((c) => c.classList.contains('sure')), 'not significant');
    await page.locator('[data-sort="delta"]').click();
    is((await rows(page, 'table')).map((r) => r.split('|')[8]).join(), 'knn,fresh,rest,main,old', 'what got more first');
    await page.locator('[data-sort="delta"]').click();
    is((await rows(page, 'table'))[0].split('|')[8], 'old', 'what got less first');
    await page.locator('[data-sort="p"]').click();
    is((await rows(page, 'table')).slice(3).map((r) => r.split('|')[8]).join(), 'rest,main', 'the least certain last');
    await page.evaluate(() => window.flame.app.set({ sort: 'm.' }));
    is((await rows(page, 'table')).join(), '5.35 s|7.41 s|+2.06 s|+38.5 %|5.35 s|7.41 s|+2.06 s|/bin/app', 'modules');
  }],

  ['paper gets the first 200 rows', async () => {
    const page = await open(madeFile({ stacks: Array.from({ length: 900 }, (_, i) => [`main;f${i}`, 1 + i]) }), {}, '#view=table');
    await page.evaluate(() => window.addEventListener('beforeprint', () => {
      window.printed = document.querySelectorAll('#panel-table tbody tr[data-i]').length;
    }));
    await page.pdf();
    is(await page.evaluate(() => window.printed), 200, 'rows');
    ok(await page.locator('#panel-table tbody tr[data-i]').count() < 80, 'and the screen few again');
  }],

  ['names are texts, in every list', async () => {
    const page = await open(madeFile({ stacks: HOSTILE.map((n, i) => [['main', n], 5 + i]) }), {}, '#view=table');
    like((await rows(page, 'table')).map((r) => r.split('|')[5]).sort().join('\n'), /"><img[^]*<script>[^]*\\u\{202e\}gnp\.exe/, 'table');
    for (const name of HOSTILE) {
      await page.evaluate((wanted) => {
        const { labels, strings } = window.flame.app.profile;
        for (let l = 0; l < labels.count; l++) if (strings.text(labels.name[l]) === wanted) window.flame.app.set({ view: 'callers', fn: l });
      }, name);
      await page.keyboard.press('p');
    }
    await page.evaluate(() => window.flame.app.set({ view: 'tree' }));
    is((await rows(page, 'tree')).length, HOSTILE.length + 2, 'tree');
    is(await page.evaluate(() => window.bad), undefined, 'nothing ran');
    is(await page.locator('main img, main script').count(), 0, 'nothing became an element');
  }],

  ['an open menu takes the keys', async () => {
    const page = await open(madeFile(PLAIN), {}, '#view=table');
    await row(page, 'table', 0).click({ button: 'right' });
    await page.keyboard.press('g');
    await page.keyboard.press('3');
    await page.keyboard.press('/');
    const s = await state(page);
    is(`${s.view} ${s.sort}`, 'table ', 'letters are not for the view or the page');
    ok(await page.locator('.menu').isVisible(), 'still open');
    await page.keyboard.press('v');
    ok(await page.locator('.menu').isVisible(), 'what cannot be done is not done');
    await page.keyboard.press('w');
    is(await page.locator('.menu').count(), 0, 'a letter of an item closes it');
    is((await state(page)).view, 'callers', 'and does what it says');
    await page.mouse.click(...await point(page, 'callers', 1, 0.1), { button: 'right' });
    await page.keyboard.press('f');
    is(`${(await state(page)).view} ${(await state(page)).find}`, 'flame ^f$', 'of the function pointed at');
    await page.evaluate(() => window.flame.app.set({ view: 'tree', find: '' }));
    await row(page, 'tree', 1).click({ button: 'right' });
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    is(await page.locator('.menu').count(), 0, 'Enter is of the item that has the focus');
    is((await state(page)).view, 'tree', 'which copied');
  }],

  ['every way into the flame graph shows all of it', async () => {
    for (const [view, keys] of [['table', ['f']], ['table&sort=-m.self', ['f']], ['callers', ['ArrowUp', 'f']]]) {
      const page = await open(madeFile(PLAIN), {}, `#view=${view}&zoom=2&x0=0.2&x1=0.5`);
      for (const key of keys) await page.keyboard.press(key);
      const s = await state(page);
      is([s.view, s.zoom, s.x0, s.x1].join(), 'flame,0,0,1', `${view}`);
      ok(s.find !== '', 'and finds it');
    }
    const page = await open(madeFile(PLAIN), {}, '#view=tree&zoom=2&x0=0.2&x1=0.5&selected=1');
    await page.keyboard.press('f');
    const s = await state(page);
    is([s.view, s.zoom, s.selected, s.x0, s.x1].join(), 'flame,1,1,0,1', 'the tree zooms to its row');
    const pair = await open(madeFile(PAIR), {}, '#view=changes&zoom=2&x0=0.2&x1=0.5');
    await pair.locator('.changes .functions button.plain').first().click();
    const c = await state(pair);
    is([c.view, c.zoom, c.x0, c.x1].join(), 'flame,0,0,1', 'changes');
  }],

  ['without library frames and recursion no share is more than all', async () => {
    const spec = {
      kinds: ['cpu', 'alloc'], library: ['memcpy', 'malloc'], modules: PLAIN.modules,
      stacks: [['main;f;memcpy', 30, { stage: 'job' }], ['main;f;f;memcpy', 10, { stage: 'job' }], ['main;f;malloc', 3, { kind: 'alloc', value: 3 << 20 }], ['memcpy', 5]].map(([s, n, o]) => [s, n, { kind: 'cpu', ...o }]),
    };
    const page = await open(madeFile(spec), {}, '#view=table&own=1');
    is((await rows(page, 'table')).map((r) => r.split('|').slice(0, 6).join(' ')).join('\n'), '200 ms 88.9 % 200 ms 88.9 % 40 f\n0 ns 0 % 200 ms 88.9 % 0 main', 'rows');
    like(await text(page, '#panel-table .list-foot'), /self: cpu 200 ms, alloc 3\.0 MiB/, 'the row says the same');
    await page.evaluate(() => window.flame.app.set({ own: 0, fold: 1 }));
    await page.keyboard.press('End');
    await page.keyboard.press('Home');
    like(await text(page, '#panel-table .list-foot'), /^memcpy.*self: cpu 225 ms/s, 'and again with them');
    await page.evaluate(() => {
      const { labels, strings } = window.flame.app.profile;
      window.flame.app.set({ view: 'callers', own: 1, fn: Array.from(labels.name).findIndex((s) => strings.text(s) === 'f') });
    });
    like(await text(page, '.sandwich .facts'), /self 200 ms, 88\.9 %\s+stages job 100 %/, 'stages');
    await page.evaluate(() => {
      const { labels, strings } = window.flame.app.profile;
      window.flame.app.set({ own: 0, fold: 0, fn: Array.from(labels.name).findIndex((s) => strings.text(s) === 'memcpy') });
    });
    like(await text(page, '.sandwich .facts'), /stages job 88\.9 %, outside 11\.1 %/, 'of all frames');
  }],

  ['the tree opens and closes by keys', async () => {
    const page = await open(madeFile(PLAIN), {}, '#view=tree');
    is((await rows(page, 'tree')).map((r) => r.replace(/[▸▾]\s*/g, '')).join('\n'), [
      '100 %|500 ms|0 ns|all|', '80.0 %|400 ms|60 ms|main|app', '48.0 %|240 ms|30 ms|f|app', '30.0 %|150 ms|150 ms|memcpy|libc.so.6', '12.0 %|60 ms|0 ns|g|app',
      '12.0 %|60 ms|10 ms|f|app', '10.0 %|50 ms|50 ms|memcpy|libc.so.6', '20.0 %|100 ms|0 ns|g|app', '20.0 %|100 ms|100 ms|memcpy|libc.so.6', '20.0 %|100 ms|0 ns|start|app', '20.0 %|100 ms|100 ms|memcpy|libc.so.6',
    ].join('\n'), 'what is heavy is open');
    is(await row(page, 'tree', 2).getAttribute('aria-level'), '3', 'level');
    is(await row(page, 'tree', 2).getAttribute('aria-expanded'), 'true', 'open');
    is(await row(page, 'tree', 3).getAttribute('aria-expanded'), null, 'a leaf');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowLeft');
    is(await row(page, 'tree', 2).getAttribute('aria-expanded'), 'false', 'closed');
    is((await rows(page, 'tree')).length, 7, 'rows');
    await page.keyboard.press('ArrowLeft');
    is(await cursor(page, 'tree'), 'main', 'to the caller');
    await page.keyboard.press('-');
    is((await rows(page, 'tree')).length, 4, 'closed with all below');
    await page.keyboard.press('+');
    is((await rows(page, 'tree')).length, 7, 'open as it was');
    await page.keyboard.press('ArrowRight');
    is(await cursor(page, 'tree'), 'f', 'to the callee');
    await page.keyboard.press('Enter');
    is((await rows(page, 'tree')).length, 11, 'Enter opens');
    await row(page, 'tree', 1).locator('.twist').click();
    is((await rows(page, 'tree')).length, 4, 'the mark closes');
    await page.keyboard.press('*');
    is((await rows(page, 'tree')).length, 11, '* opens everything below');
    await page.locator('#panel-tree button', { hasText: 'Close all' }).click();
    is((await rows(page, 'tree')).length, 3, 'all closed');
    await page.keyboard.press('e');
    is(await cursor(page, 'tree'), 'memcpy', 'the heaviest path');
    is((await rows(page, 'tree')).map((r) => r.split('|')[3].replace(/[▸▾]\s*/g, '')).join(), 'all,main,f,memcpy,g,g,start', 'is open');
  }],

  ['the tree goes through matches, and is linked to the other views', async () => {
    const page = await open(madeFile(PLAIN), {}, '#view=tree');
    await page.locator('#panel-tree button', { hasText: 'Close all' }).click();
    await page.keyboard.press('/');
    await page.keyboard.type('memcpy');
    like((await rows(page, 'tree')).join('\n'), /main\s*3 matches below\|app\n[^\n]*start\s*1 match below\|app$/, 'matches that are not open');
    await page.keyboard.press('Enter');
    is(await cursor(page, 'tree'), 'memcpy', 'a match');
    ok(await page.locator('#panel-tree tr[aria-selected="true"]').evaluate((tr) => tr.classList.contains('hit')), 'marked');
    const path = (await rows(page, 'tree')).length;
    await page.keyboard.press('Enter');
    ok((await rows(page, 'tree')).length > path, 'the next one is opened, too');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');
    const { selected } = await state(page);
    ok(selected > 0, 'the row is what is selected');
    await page.keyboard.press('f');
    const s = await state(page);
    is(`${s.view} ${s.zoom === selected}`, 'flame true', 'zoomed in the flame graph');
    const again = await open(madeFile(PLAIN), {}, `#view=tree&selected=${selected}`);
    is(await cursor(again, 'tree'), 'memcpy', 'from the address');
    await again.keyboard.press('w');
    is(await again.locator('#fn').inputValue(), 'memcpy', 'its callers');
  }],

  ['a subtree is copied as text', async () => {
    const page = await open(madeFile(PLAIN), {}, '#view=tree');
    await catchCopies(page);
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Y');
    is(await copied(page), [
      ' total    self  function', ' 80.0 %  12.0 %  main', ' 48.0 %  6.00 %    f', ' 30.0 %  30.0 %      memcpy', ' 12.0 %     0 %      g', ' 12.0 %  2.00 %        f',
      ' 10.0 %  10.0 %          memcpy', ' 20.0 %     0 %    g', ' 20.0 %  20.0 %      memcpy', '',
    ].join('\n'), 'text');
    await page.keyboard.press('y');
    is(await copied(page), 'main', 'the name');
  }],

  ['5,000 deep', async () => {
    const page = await open(madeFile(DEEP), { viewport: { width: 768, height: 800 } }, '#view=tree');
    await page.keyboard.press('e');
    like(await text(page, '#panel-tree output'), /^5,002 of 5,002 frames open$/, 'all open');
    is(await row(page, 'tree', 5000).getAttribute('aria-level'), '5001', 'the last one');
    is(await row(page, 'tree', 5000).locator('.depth').innerText(), '5,000', 'its depth as a number');
    const name = await row(page, 'tree', 5000).locator('.name bdi').boundingBox();
    ok(name.x + 10 < 600 && name.width > 10, `it can be read: ${JSON.stringify(name)}`);
    ok(await page.locator('#panel-tree tbody tr[data-i]').count() < 80, 'few rows in the document');
    await page.evaluate(() => window.flame.app.set({ view: 'callers', fn: 1 }));
    await settle(page);
    ok(await page.locator('.pane').last().evaluate((box) => box.scrollHeight > 4000 * 20), 'callees can be scrolled through');
    await page.keyboard.press('ArrowDown');
    like(await said(page), /^\w+: total/, 'and walked through');
  }],

  ['a profile without samples, and a kind that has none of the function', async () => {
    for (const view of ['table', 'callers', 'tree']) {
      const page = await open(madeFile({ stacks: [] }), {}, `#view=${view}`);
      for (const key of ['ArrowDown', 'ArrowUp', 'End', 'Enter', 'e', '*', '+', 'f', 'g', 'w', 'y', 'n', 'p', 'Escape']) {
        await page.keyboard.press(key);
        await page.evaluate((v) => window.flame.app.set({ view: v }), view);
      }
      like(await text(page, '#empty'), /^No samples of kind cpu/, view);
      is(await page.locator(`#panel-${view} tbody tr[data-i]`).count(), 0, 'no rows');
    }
    const page = await open(madeFile(PLAIN), {}, '#view=tree&kind=alloc');
    is((await rows(page, 'tree')).map((r) => r.split('|')[3].replace(/[▸▾]\s*/g, '')).join(), 'all,main,f,malloc,g,malloc', 'only what has weight');
    await page.evaluate(() => {
      const { app } = window.flame;
      const label = Array.from(app.profile.labels.name).findIndex((s) => app.profile.strings.text(s) === 'start');
      app.set({ view: 'callers', fn: label });
    });
    is(await text(page, '.sandwich > .none'), 'start has no samples of this choice.', 'said');
    ok(await page.locator('.middle').isHidden(), 'nothing is drawn');
    await page.locator('#kind').selectOption('cpu');
    is(await text(page, '.middle'), 'start', 'and is there again');
  }],

  ['every list fits 360, 768 and 1440 pixels, and can be read in both themes', async () => {
    for (const spec of [PLAIN, PAIR])
      for (const [width, height] of [[360, 740], [768, 1024], [1440, 900]])
        for (const view of ['table', 'callers', 'tree']) {
          const page = await open(madeFile(spec), { viewport: { width, height }, colorScheme: width === 768 ? 'dark' : 'light' }, `#view=${view}`);
          const wide = await page.evaluate(() => [document.documentElement.scrollWidth, ...[...document.querySelectorAll('.long')].map((b) => b.scrollWidth)]);
          ok(wide.every((w) => w <= width), `${view} at ${width}: ${wide}`);
          if (view !== 'callers') {
            const name = await row(page, view, 1).locator('.name').boundingBox();
            ok(name.width >= 110, `${view} at ${width}: ${name.width} pixels for names`);
            const least = await page.locator(`#panel-${view} tbody tr[data-i="2"] > *`).evaluateAll((cells) => {
              const hex = (c) => `#${c.match(/\d+/g).slice(0, 3).map((v) => Number(v).toString(16).padStart(2, '0')).join('')}`;
              const back = hex(getComputedStyle(document.body).backgroundColor);
              return Math.min(...cells.map((c) => window.flame.contrast(hex(getComputedStyle(c).color), back)));
            });
            ok(least >= 4.5, `${view} at ${width}: contrast ${least}`);
          }
          await page.context().close();
        }
  }],
]);
