// The source view: files, lines with numbers and gaps, hot lines, what is said where text or numbers are not
// those of the choice, and lines that want to be read as something else.
import { address, is, like, ok, open, run, settle, text } from './lib.mjs';
import { madeFile } from './made.mjs';

const state = (page) => page.evaluate(() => ({ ...window.flame.app.state }));
const line = (no, cpu, alloc = 0) => ({ no, self: [cpu, alloc], total: [2 * cpu, 2 * alloc] });
const lines = (page) => page.locator('.source .long:not([hidden]) tbody tr[data-i]');
const row = async (page, no) => (await page.locator(`.source tbody tr:has(th.no:text-is("${no}"))`).innerText()).replace(/\s+/g, ' ').trim();
const cursor = (page) => text(page, '.source .long:not([hidden]) tr[aria-selected="true"] th.no');
const MS = 1e6;

const SPEC = {
  kinds: ['cpu', 'alloc'],
  stacks: [['main;knn;dot', 200, { stage: 'knn', thread: 'w' }], ['main;knn', 20, { stage: 'knn', thread: 'm' }], ['main;load', 10, { kind: 'alloc', value: 1 << 20 }]],
  files: { dot: '/src/knn/dot.c:4', knn: '/src/knn/knn.c:12' },
  source: {
    columns: ['cpu', 'alloc'],
    files: [
      { name: '/src/knn/knn.c', lines: [line(2, 40 * MS), line(12, 60 * MS, 5 << 20), line(300, 2 * MS)], windows: [{ first: 10, lines: ['int knn(void)', '{', '\treturn dot(); /* all', ' of it */', '}'] }] },
      { name: '/src/knn/dot.c', lines: [line(3, 300 * MS), line(4, 500 * MS), line(5, 1 * MS, 1 << 20)], windows: [{ first: 1, lines: ['#include <x.h>', '', 'for (int i = 0;', '  sum += a[i] * b[i];', '}'] }] },
      { name: 'gone.c', lines: [line(7, 5 * MS)] },
    ],
    leftOut: 1,
  },
};

await run([
  ['files come by weight, with the sums of their lines', async () => {
    const page = await open(madeFile(SPEC), {}, '#view=source');
    const names = await lines(page).locator('th').allInnerTexts();
    is(names.join('|'), '/src/knn/dot.c|/src/knn/knn.c|gone.cno text', 'order');
    is((await lines(page).first().innerText()).replace(/\s+/g, ' '), '801 ms 1.0 MiB /src/knn/dot.c', 'sums');
    like(await text(page, '.source .note'), /^1 file has no text here/, 'what is left out');
    await page.locator('#kind').selectOption('alloc');
    is((await lines(page).locator('th').allInnerTexts())[0], '/src/knn/knn.c', 'by another kind');
    await page.getByRole('columnheader', { name: 'file' }).getByRole('button').click();
    is((await lines(page).locator('th').allInnerTexts())[0], '/src/knn/dot.c', 'by name');
  }],

  ['a file opens at its hottest line', async () => {
    const page = await open(madeFile(SPEC), {}, '#view=source');
    await page.locator('.source tbody button').first().click();
    is((await state(page)).file, 1, 'file');
    is(await cursor(page), '4', 'the hottest line');
    is(await row(page, 4), '4 500 ms 1 s sum += a[i] * b[i];', 'its row');
    is(await row(page, 2), '2', 'a line without cost');
    like(await text(page, '.source .list-foot'), /\/src\/knn\/dot\.c:4\s+cpu: 500 ms \(45\.5 %\) self, 1 s \(90\.9 %\) total/, 'shares of the run');
    like(await text(page, '.source .list-foot'), /mostly here: dot/, 'the function that spends most there');
    await page.keyboard.press('Backspace');
    is((await state(page)).file, -1, 'back to the files');
    await page.keyboard.press('Enter');
    is((await state(page)).file, 1, 'where the cursor still is');
  }],

  ['keys go through lines and files', async () => {
    const page = await open(madeFile(SPEC), {}, '#view=source&file=1');
    await page.keyboard.press('h');
    is(await cursor(page), '3', 'the second hottest');
    await page.keyboard.press('h');
    is(await cursor(page), '5', 'the third');
    await page.keyboard.press('h');
    is(await cursor(page), '4', 'round');
    await page.keyboard.press('ArrowDown');
    is(await cursor(page), '5', 'the next one with a cost');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    is(await cursor(page), '3', 'and before');
    await page.keyboard.press('ArrowUp');
    is(await cursor(page), '3', 'there is none above');
    await page.keyboard.press('Home');
    is(await cursor(page), '1', 'the first row');
    await page.keyboard.press(']');
    is((await state(page)).file, 0, 'the next file by weight');
    await page.keyboard.press('[');
    is((await state(page)).file, 1, 'the one before');
    await page.keyboard.press('Home');
    await page.keyboard.press('h');
    is(await cursor(page), '4', 'the hottest first');
    await page.keyboard.press('Enter');
    const s = await state(page);
    is(`${s.view} ${s.fn >= 0}`, 'callers true', 'to the callers of its function');
  }],

  ['gaps and lines without text are said', async () => {
    const page = await open(madeFile(SPEC), {}, '#view=source&file=0');
    const all = (await lines(page).allInnerTexts()).map((t) => t.replace(/\s+/g, ' ').trim());
    is(all[0], '… line 1', 'a gap of one');
    is(all[1], '2 40 ms 80 ms', 'a line without text');
    is(all[2], '… lines 3 to 9', 'a gap');
    is(all[3], '10 int knn(void)', 'text');
    is(all[8], '… lines 15 to 299', 'a gap between window and line');
    const bare = await open(madeFile(SPEC), {}, '#view=source&file=2');
    like(await text(bare, '.source .note'), /^The text of this file is not in the page: it was not found when the page was made, or there was no room for it\./, 'no text at all');
    const none = await open(madeFile({ ...SPEC, source: { ...SPEC.source, files: [SPEC.source.files[2]] } }), {}, '#view=source');
    like(await text(none, '.source .note'), /^The text of the files is not in the page: .* Numbers are complete\.$/, 'of any file');
  }],

  ['lines sort by a column, and the address keeps it', async () => {
    const page = await open(madeFile(SPEC), {}, '#view=source&file=1');
    await page.getByRole('columnheader', { name: 'cpu self' }).getByRole('button').click();
    is((await lines(page).locator('th.no').allInnerTexts()).join(), '4,3,5', 'the heaviest first');
    await page.getByRole('columnheader', { name: 'cpu self' }).getByRole('button').click();
    is((await lines(page).locator('th.no').allInnerTexts()).join(), '5,3,4', 'the lightest first');
    const hash = await address(page);
    like(hash, /sort=self\.0/, 'the address says so');
    const again = await open(madeFile(SPEC), {}, hash);
    is((await lines(again).locator('th.no').allInnerTexts()).join(), '5,3,4', 'from the address');
    is(await again.getByRole('columnheader', { name: 'cpu self' }).getAttribute('aria-sort'), 'ascending', 'and said');
    const odd = await open(madeFile(SPEC), {}, '#view=source&file=1&sort=-self.7&line=4000');
    is((await lines(odd).locator('th.no').allInnerTexts()).join(), '1,2,3,4,5', 'what does not exist is not believed');
  }],

  ['what another view sorts by is no order of lines or files', async () => {
    const page = await open(madeFile({ ...SPEC, spans: [{ stage: 'knn', thread: 'w', start: 0, wall: 5 }] }), {}, '#view=source&file=1&sort=name');
    is((await lines(page).locator('th.no').allInnerTexts()).join(), '1,2,3,4,5', 'from the address');
    for (const [file, known, usual] of [[1, ['line', 'self.0', 'total.0', 'total.1'], 'line:ascending'], [-1, ['name', 'self.0'], 'cpu self:descending']])
      for (const key of ['name', 'line', 'self', 'self.0', 'total.0', 'total.1', 'self.7', 'total', 'place', 'wall', 'n', 'm.name', 'm.self', 'delta', '0']) {
        const sort = await page.evaluate((patch) => {
          window.flame.app.set(patch);
          const th = document.querySelector('.source .long:not([hidden]) th[aria-sort]');
          return `${th.innerText.replace(/[▾▴]/, '').trim()}:${th.getAttribute('aria-sort')}`;
        }, { view: 'source', file, sort: `-${key}` });
        if (known.includes(key)) like(sort, /:descending$/, `file ${file} by ${key}`);
        else is(sort, usual, `file ${file} by ${key}`);
        await page.evaluate(() => ['table', 'stages', 'tree'].forEach((view) => window.flame.app.set({ view })));
      }
    const table = await open(madeFile(SPEC), {}, '#view=table&sort=total.0');
    await table.keyboard.press('g');
    is((await state(table)).sort, '-m.self', 'the table goes on from its own order');
  }],

  ['a line leads into the whole flame graph', async () => {
    const page = await open(madeFile(SPEC), {}, '#view=source&file=1&line=4&zoom=2&x0=0.2&x1=0.4');
    await page.locator('.source .list-foot').getByRole('button', { name: 'Flame' }).click();
    const s = await state(page);
    is([s.view, s.find, s.zoom, s.x0, s.x1].join(), 'flame,^dot$,0,0,1', 'state');
  }],

  ['a line can be linked to', async () => {
    const page = await open(madeFile(SPEC), {}, '#view=source&file=0&line=300');
    is(await cursor(page), '300', 'line');
    await page.evaluate(() => window.flame.app.set({ file: 1, line: 3 }));
    is(await cursor(page), '3', 'from another view');
    await page.evaluate(() => window.flame.app.set({ line: 5 }));
    is(await cursor(page), '5', 'in the same file');
    await page.keyboard.press('u');
    is(await cursor(page), '3', 'undo');
  }],

  ['costs are those of the run, and that is said where it matters', async () => {
    const page = await open(madeFile(SPEC), {}, '#view=source&file=1');
    is(await page.locator('.source .note').isHidden(), true, 'nothing to say');
    await page.locator('#stage').selectOption({ label: 'knn' });
    like(await text(page, '.source .note'), /^Lines have the costs of the whole run: the stage, thread or range chosen above is not applied\.$/, 'a stage');
    is(await row(page, 4), '4 500 ms 1 s sum += a[i] * b[i];', 'the same numbers');
  }],

  ['only the kinds that there are have columns', async () => {
    const page = await open(madeFile({ stacks: [['m', 1]], source: { columns: ['wall'], files: [{ name: 'a.c', lines: [{ no: 1, self: [5], total: [5] }] }] } }), {}, '#view=source&file=0');
    is((await page.getByRole('columnheader').allInnerTexts()).map((t) => t.replace('▴', '').trim()).join('|'), 'line|wall self|wall total|code', 'columns');
    const none = await open(madeFile({ stacks: [['m', 1]] }), {}, '#view=source');
    is(await none.locator('#tab-source').getAttribute('aria-disabled'), 'true', 'no source, no view');
    like(await none.locator('#tab-source').getAttribute('title'), /^the page holds no lines of source: none are known, or they were left out when it was written$/, 'and why');
  }],

  ['text that wants to be markup or to be read otherwise stays text', async () => {
    const evil = ['<script>window.broken=1</script>', '<img src=x onerror="window.broken=1">', 'if (level != "user\u202e \u2066// admin\u2069 \u2066") {', 'a\u0000b\u001b[31m', '${window.broken=1}', '\u05d0\u05d1\u05d2 = 1;', '__proto__', '%s %n'];
    const spec = { stacks: [['m', 1]], source: { columns: ['cpu'], files: [{ name: '</script><img src=x onerror=alert(1)>\u202e.c', lines: [{ no: 3, self: [5], total: [5] }], windows: [{ first: 1, lines: evil }] }] } };
    const page = await open(madeFile(spec), {}, '#view=source&file=0');
    is(await page.evaluate(() => window.broken), undefined, 'nothing ran');
    is(await page.locator('img, iframe, .source script').count(), 0, 'no element from a line');
    const shown = await page.locator('.source td.code').allTextContents();
    is(shown[0], evil[0], 'markup');
    is(shown[2], 'if (level != "user\\u{202e} \\u{2066}// admin\\u{2069} \\u{2066}") {', 'directions');
    is(shown[3], 'a\u2400b\u241b[31m', 'control characters');
    ok(!(await text(page, '.source .list-foot')).includes('\u202e'), 'nor in the name of the file');
  }],

  ['50,000 lines scroll, long ones inside', async () => {
    const many = Array.from({ length: 50000 }, (_, i) => (i === 40000 ? 'y'.repeat(3000) : `  x[${i}] = ${i};`));
    const spec = { stacks: [['m', 1]], source: { columns: ['cpu'], files: [{ name: 'big.c', lines: [{ no: 25000, self: [5], total: [5] }, { no: 50000, self: [4], total: [4] }], windows: [{ first: 1, lines: many }] }] } };
    const page = await open(madeFile(spec), {}, '#view=source&file=0');
    is(await cursor(page), '25000', 'at the hottest');
    ok((await lines(page).count()) < 200, 'few rows in the document');
    await page.keyboard.press('End');
    is(await cursor(page), '50000', 'the end');
    is(await page.locator('.source table').last().getAttribute('aria-rowcount'), '50001', 'rows are counted');
    await page.evaluate(() => window.flame.app.set({ line: 40001 }));
    await settle(page);
    const box = await page.evaluate(() => {
      const b = document.querySelector('.source .long:not([hidden])');
      return { inner: b.scrollWidth, outer: b.clientWidth, page: document.documentElement.scrollWidth };
    });
    ok(box.inner > box.outer + 10000, 'a long line scrolls in its box');
    is(box.page, 1280, 'not the page');
  }],

  ['a narrow screen and print', async () => {
    const page = await open(madeFile(SPEC), { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true }, '#view=source&file=1');
    is(await page.evaluate(() => document.documentElement.scrollWidth), 360, 'width');
    like(await row(page, 4), /^4 500 ms .*sum \+= a/, 'line, cost and code');
    await page.emulateMedia({ media: 'print' });
    ok((await lines(page).count()) >= 5, 'lines on paper');
  }],
]);
