// Pages of two and of 24 runs: the bar of a comparison, its sentence, and the changes with what they lead to.
import { address, is, like, ok, open, pageFile, run, settle, text } from './lib.mjs';
import { madeFile } from './made.mjs';

const state = (page) => page.evaluate(() => ({ ...window.flame.app.state }));
const options = (page, id) => page.locator(`#${id} option`).allInnerTexts();

// A: 1000 samples of knn, 300 of align, 50 of old; B: 1400, 300, 60 of fresh.
const PAIR = {
  stacks: [
    ['main;knn;dot', 1000, { run: 0, stage: 'job/knn' }], ['main;knn;dot', 1400, { run: 1, stage: 'job/knn' }],
    ['main;align', 300, { run: 0, stage: 'job/align' }], ['main;align', 300, { run: 1, stage: 'job/align' }],
    ['main;parse;old;scan', 50, { run: 0 }], ['main;parse;fresh;scan', 60, { run: 1 }], ['main;parse', 20, { run: 0 }], ['main;parse', 22, { run: 1 }],
    ['main;rare', 1, { run: 1 }],
  ],
  runs: [{ name: 'before', labels: '{"commit":"742ec6e"}' }, { name: 'after', host: 'node18', losses: [['late_tick', 14]] }],
};

const many = (n) => ({
  stacks: Array.from({ length: n }, (_, r) => [['main;knn;dot', 100 + 10 * r, { run: r }], ['main;align', 200, { run: r }], [`main;only${r};leaf`, 20, { run: r }]]).flat(),
  runs: Array.from({ length: n }, (_, r) => ({ name: `cell ${r}`, labels: JSON.stringify({ k: 3 + r }), started_ms: 1767225600000 + r * 60000 })),
});

await run([
  ['the sentence says who takes more, and how many functions differ', async () => {
    const page = await open(madeFile(PAIR), {}, '#norm=none');
    is(await text(page, '#difference b'), 'B takes 30.1 % more CPU time than A: 6.85 s → 8.91 s.', 'total');
    like(await text(page, '#difference'), /1 function up; the rest is within sampling noise\.$/, 'functions');
    is(await text(page, '#compare-warnings'), 'different hosts: node17 and node18\nB lost 14 late_tick', 'warnings');
    await page.locator('#norm').selectOption('total');
    like(await text(page, '#difference'), /1 function has a larger share of the total, 1 a smaller one; the rest is within sampling noise\.$/, 'shares');
    await page.locator('#difference button').click();
    is((await state(page)).view, 'changes', 'it leads to the changes');
  }],

  ['runs are told by name, labels and date; A and B are chosen and swapped', async () => {
    const page = await open(madeFile(PAIR));
    const first = await options(page, 'run-a');
    is(first.join('|'), 'before (commit=742ec6e), 2026-01-01 00:00:00 UTC|after, 2026-01-01 00:00:00 UTC', 'runs');
    await page.keyboard.press('x');
    let s = await state(page);
    is(`${s.a}${s.b}${s.width}`, '10a', 'swapped by key, the widths stay those of the same run');
    like(await text(page, '#difference'), /^B takes 23\.2 % less CPU time than A/, 'the other way round');
    await page.locator('#swap').click();
    s = await state(page);
    is(`${s.a}${s.b}${s.width}`, '01b', 'and back');
    await page.locator('#run-b').selectOption('0');
    like(await text(page, '#compare-warnings'), /A and B are the same run/, 'a run with itself');
    like(await text(page, '#difference'), /No function differs by more than sampling noise/, 'does not differ');
    await page.keyboard.press('u');
    is((await state(page)).b, 1, 'every choice can be undone');
  }],

  ['threads are those of A and B, alike ones together, and stages are told of both', async () => {
    const thread = (name, run, tid) => ({ name, run, tid, process: 'p', pid: 10 + run });
    const page = await open(madeFile({
      runs: [{ name: 'one' }, { name: 'two' }, { name: 'three' }],
      threads: [thread('main', 0, 11), thread('main', 1, 21), thread('main', 2, 31), thread('old', 0, 12), thread('fresh', 1, 22), thread('third', 2, 32)],
      stacks: [['main;dot', 10, { run: 0, thread: 'main', stage: 'job' }], ['main;dot', 20, { run: 1, thread: 'main', stage: 'other' }], ['main;dot', 5, { run: 2, thread: 'main' }],
        ['main', 3, { run: 0, thread: 'old' }], ['main', 2, { run: 1, thread: 'fresh' }], ['main', 9, { run: 2, thread: 'third' }]],
    }));
    is((await options(page, 'thread')).join('|'), 'all threads|main (11, 21)|old (12), only in A|fresh (22), only in B', 'of one and two');
    await page.evaluate(() => window.flame.app.set({ thread: 1 }));
    is(await page.locator('#thread option:checked').innerText(), 'main (11, 21)', 'a thread of B is that of A');
    await page.locator('#run-b').selectOption('2');
    is((await options(page, 'thread')).join('|'), 'all threads|main (11, 31)|third (32), only in B|old (12), only in A', 'of one and three');
    await page.evaluate(() => window.flame.app.set({ b: 1, thread: 5 }));
    is(await page.locator('#thread option:checked').innerText(), 'third, in neither run', 'one of another run');
    await page.evaluate(() => window.flame.app.set({ thread: -2 }));
    const rows = await page.evaluate(() => {
      const { app, factRows } = window.flame;
      return factRows(app, app.graph(), 1, false).map(([k, v]) => `${k} ${v.textContent ?? v}`).filter((t) => t.startsWith('stages')).join('|');
    });
    is(rows, 'stages of A job 76.9 %, outside of stages 23.1 %|stages of B other 90.9 %, outside of stages 9.09 %', 'stages');
  }],

  ['the address keeps the comparison', async () => {
    const page = await open(madeFile(many(5)));
    await page.locator('#run-a').selectOption('3');
    await page.locator('#run-b').selectOption('4');
    await page.locator('#norm').selectOption('none');
    await page.locator('#width').selectOption('both');
    const hash = await address(page);
    like(hash, /width=both/, 'the address says so');
    const again = await open(madeFile(many(5)), {}, hash);
    const s = await state(again);
    is([s.a, s.b, s.norm, s.width].join(), '3,4,none,both', 'state');
    is(await again.locator('#run-a').inputValue(), '3', 'A');
    is(await text(again, '#difference'), await text(page, '#difference'), 'sentence');
  }],

  ['changes are ranked, and lead to the flame graph', async () => {
    const page = await open(madeFile(PAIR), {}, '#view=changes&norm=none');
    const rows = await page.locator('.changes tbody tr').allInnerTexts();
    is(rows.length, 1, 'significant functions');
    like(rows[0].replace(/\s+/g, ' '), /^dot app 5 s 7 s \+2 s \+40 % < 0\.001$/, 'the first one');
    await page.keyboard.press('v');
    const all = await page.locator('.changes tbody tr').count();
    is(all, 4, 'all that differ: dot, scan, parse, rare');
    await page.locator('.changes tbody button', { hasText: 'dot' }).click();
    const s = await state(page);
    is(`${s.view} ${s.find}`, 'flame ^dot$', 'found in the flame graph');
  }],

  ['call paths of one run only are listed whole', async () => {
    const page = await open(madeFile(PAIR), {}, '#view=changes');
    const lists = page.locator('.changes .paths section');
    is(await lists.nth(0).locator('li').count(), 1, 'only in A');
    like(await lists.nth(0).locator('li').innerText(), /^main › parse › old\s+250 ms, 3\.65 % of A, p < 0\.001$/, 'its path');
    like(await lists.nth(1).locator('li').innerText(), /^main › parse › fresh\s+23\d ms, 3\.37 % of B, p < 0\.001$/, 'only in B, scaled');
    like(await lists.nth(1).innerText(), /1 path that chance explains/, 'one sample is chance');
    await page.locator('.changes .paths li button').first().click();
    const s = await state(page);
    is(`${s.view} ${s.width}`, 'flame a', 'in the widths of the run that has it');
    is(await page.evaluate(() => window.flame.app.nodeName(window.flame.app.graph().node(window.flame.app.state.selected))), 'old', 'selected');
    await page.keyboard.press('u');
    is((await state(page)).view, 'changes', 'undone in one step');
  }],

  ['a search narrows the changes', async () => {
    const page = await open(madeFile(PAIR), {}, '#view=changes&norm=none');
    await page.keyboard.press('v');
    await page.locator('#search').fill('parse');
    is((await page.locator('.changes tbody button').allInnerTexts()).join(), 'parse', 'functions');
    is(await page.locator('.changes .paths li').count(), 2, 'paths that go through it');
    await page.locator('#search').fill('nothing');
    like(await text(page, '.changes .functions'), /Nothing is found among these\.$/, 'none');
  }],

  ['the sums of the page are those of its parts', async () => {
    const page = await open(madeFile(PAIR), {}, '#view=changes');
    const sums = await page.evaluate(() => {
      const { app, changesOf } = window.flame;
      const { a, b } = app.graph().compare;
      return { delta: changesOf(app).rows.reduce((x, r) => x + r.delta, 0), want: b.total[0] - a.total[0], size: a.total[0] };
    });
    ok(Math.abs(sums.delta - sums.want) < 1e-9 * sums.size, 'own differences add up to that of the sums');
    ok(Math.abs(sums.want) < 1e-9 * sums.size, 'which is nothing: B is scaled to A');
  }],

  ['24 runs in a page', async () => {
    const page = await open(madeFile(many(24)));
    const list = await options(page, 'run-b');
    is(list.length, 24, 'runs');
    like(list[23], /^24: cell 23 \(k=26\), 2026-01-01 00:23:00 UTC$/, 'with their number');
    for (const [a, b] of [[0, 23], [23, 0], [11, 12]]) {
      await page.evaluate(([x, y]) => window.flame.app.set({ a: x, b: y, norm: 'none' }), [a, b]);
      const totals = await page.evaluate(() => {
        const { a: x, b: y } = window.flame.app.graph().compare;
        return [x.total[0] / 5e6, y.total[0] / 5e6];
      });
      is(totals.join(), [320 + 10 * a, 320 + 10 * b].join(), 'samples of both');
    }
    await page.locator('#tab-changes').click();
    is(await page.locator('.changes').isVisible(), true, 'changes');
  }],

  ['pages as they are written compare, too', async () => {
    const page = await open(pageFile('compare'), {}, '#view=changes');
    like(await text(page, '#difference'), /^B takes [\d.]+ % (more|less) CPU time than A: 20\.9 s → [\d.]+ s\. \d+ functions? ha(s|ve) /, 'sentence');
    ok((await page.locator('.changes tbody tr').count()) > 0, 'functions');
    const grid = await open(pageFile('grid'));
    const runs = (await options(grid, 'run-a')).length;
    ok(runs >= 4, `${runs} runs`);
    await grid.locator('#run-b').selectOption(String(runs - 1));
    like(await text(grid, '#difference'), /^B (takes|has) /, 'any two');
    await grid.locator('#tab-changes').click();
    like(await text(grid, '.changes'), /Call paths only in B/, 'changes');
  }],

  ['a page of one run has no comparison', async () => {
    const page = await open(madeFile({ stacks: [['main', 5]] }));
    is(await page.locator('#compare select').count(), 0, 'no bar');
    is(await page.locator('#tab-changes').getAttribute('aria-disabled'), 'true', 'no changes');
    await page.keyboard.press('x');
    const same = await open(madeFile({ stacks: [['main', 5]] }), {}, '#view=changes');
    is(await same.locator('#tab-changes').getAttribute('aria-selected'), 'false', 'an address does not open what is not there');
  }],

  ['exact bytes are not tested, estimates without error neither', async () => {
    const spec = { kinds: ['alloc'], stacks: [['m;a', 5, { kind: 'alloc', run: 0 }], ['m;a', 5, { kind: 'alloc', run: 1 }], ['m;b', 7, { kind: 'alloc', run: 1 }]] };
    const exact = await open(madeFile({ ...spec, runs: [{ precision: { alloc: { text: 'exact' } } }, { precision: { alloc: { text: 'exact' } } }] }), {}, '#view=changes&norm=none');
    like(await text(exact, '#difference'), /1 function up; the rest is equal\.$/, 'exact');
    is(await exact.locator('.changes .viewbar button').isVisible(), false, 'nothing to leave out');
    const precision = { alloc: { text: 'estimated', interval: [100, 900] } };
    const counted = await open(madeFile({ ...spec, runs: [{ precision }, { precision }] }), {}, '#view=changes&norm=none&by=count');
    like(await text(counted, '#difference'), /differences are not tested\.$/, 'blocks');
    like(await text(counted, '.changes .viewbar'), /nothing is tested/, 'said there too');
  }],

  ['runs of nothing compare', async () => {
    for (const [stacks, want] of [[[], /^Neither run has CPU time here\./], [[['main;a', 9, { run: 1 }]], /^Only B has CPU time here: 0 ns → 45 ms\./]]) {
      const page = await open(madeFile({ stacks, runs: [{}, {}] }), {}, '#view=changes');
      like(await text(page, '#difference'), want, 'sentence');
      like(await text(page, '.changes'), /Call paths only in A\s+None\./, 'lists');
    }
  }],

  ['a narrow screen shows everything without sideways scrolling', async () => {
    const page = await open(madeFile(PAIR), { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true }, '#view=changes');
    await settle(page);
    is(await page.evaluate(() => document.documentElement.scrollWidth), 360, 'width');
    for (const id of ['run-a', 'swap', 'run-b', 'norm', 'width']) {
      const box = await page.locator(`#${id}`).boundingBox();
      ok(box.x >= 0 && box.x + box.width <= 360 && box.height >= 24, `${id} is there`);
    }
  }],

  ['controls and tables have names and roles', async () => {
    const page = await open(madeFile(PAIR), {}, '#view=changes');
    for (const name of ['A', 'B', 'scale B', 'widths']) is(await page.getByRole('combobox', { name, exact: true }).count(), 1, `a control named ${name}`);
    is(await page.getByRole('button', { name: 'swap A and B' }).count(), 1, 'swap');
    is(await page.getByRole('columnheader').count(), 6, 'columns');
    ok((await page.getByRole('rowheader').count()) >= 1, 'rows');
    is(await page.getByRole('list', { name: 'what makes the runs hard to compare' }).count(), 1, 'warnings');
  }],
]);
