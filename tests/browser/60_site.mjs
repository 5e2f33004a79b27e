// A site in Chromium: every page loads from disk without asking for anything else, the matrix sorts by mouse and by
// keys, its address keeps what is chosen, two cells are compared, and it can be read without script, on a narrow
// screen, in the light and in the dark.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { folder, is, like, ok, open, run, text } from './lib.mjs';

const O = process.env.O ?? 'build';
const prof = join(O, 'protea-prof');
const fill = join(O, 'tests/tools/store_fill');
const quiet = { stdio: ['ignore', 'pipe', 'pipe'] };
const EVIL = '<img src=x onerror=alert(1)> of a model with a name longer than a screen';

// Three models (one with a name that tries to be markup), K 3, 5, 10, two runs each, but for one cell.
function makeSite() {
  const store = join(folder, 'site.sqlite');
  const site = join(folder, 'site');
  execFileSync(fill, [store, '--runs', '18', '--seed', '7', '--stacks', '60', '--depth', '6', '--samples', '500', '--threads', '2', '--stages', '4'], quiet);
  execFileSync('sqlite3', [store, `UPDATE run SET duration_ns = 100000000 * (key * 7 % 18 + 1), exit_code = 0,
      labels = json_object('plm', json_extract('["prot_t5","esm2","${EVIL}"]', '$[' || ((key - 1) / 3 % 3) || ']'),
        'k', json_extract('["3","5","10"]', '$[' || ((key - 1) % 3) || ']'), 'dataset', '${EVIL}');
    UPDATE stage_row SET wall_ns = 10000000 + (id >> 32) * 3000000 + id % 7 * 1000000;
    DELETE FROM run WHERE labels ->> 'plm' = 'esm2' AND labels ->> 'k' = '10'`], quiet);
  execFileSync(prof, ['-q', 'site', '--store', store, '--max-bytes', '400k', site], quiet);
  return site;
}

let site;
const index = () => join(site, 'index.html');
const wall = (page) => page.evaluate(() => [...document.querySelectorAll('#matrix tbody tr')].map((r) =>
  [...r.querySelectorAll('td')].map((td) => { const v = td.querySelector('.m0'); return v ? Number(v.dataset.v) : null; })));
const names = (page) => page.evaluate(() => [...document.querySelectorAll('#matrix tbody th')].map((th) => th.textContent));
const sorted = (values, down) => {
  const there = values.filter((v) => v !== null);
  const want = [...there].sort((a, b) => (down ? b - a : a - b));
  return String(there) === String(want) && values.indexOf(null) === (there.length < values.length ? there.length : -1);
};
const shown = (page) => page.evaluate(() => [...document.querySelectorAll('#matrix .v')].filter((v) => v.getClientRects().length)
  .map((v) => v.className.split(' ')[1]));

async function pagesLoad() {
  let page = await open(index());
  ok(await page.locator('#matrix').isVisible(), 'the matrix is there');
  const links = await page.evaluate(() => [...new Set([...document.querySelectorAll('a[href]')].map((a) => a.getAttribute('href').replace(/#.*/, '')))]);
  is(links.filter((l) => l.startsWith('cells/')).length, readdirSync(join(site, 'cells')).length, 'cells that are linked');
  is(readdirSync(join(site, 'cells')).length, 8, 'pages of cells');
  await page.context().close();
  for (const link of links) {
    page = await open(join(site, link));
    ok(await page.locator('nav a').isVisible(), `${link} links to the index`);
    is(await page.evaluate(() => document.documentElement.dataset.ready), '1', `${link} is ready`);
    await page.context().close();
  }
}

async function thereAndBack() {
  const page = await open(index());
  await page.locator('#matrix td a').nth(1).click();
  await page.waitForFunction(() => window.flame && window.flame.app);
  like(page.url(), /cells\/[\w.-]+\.html$/, 'the page of a cell');
  like(await text(page, '#run-name'), /, k 5$/, 'its title');
  await page.locator('nav a').click();
  await page.waitForSelector('#matrix');
}

async function choosesMetric() {
  const page = await open(index());
  const metrics = await page.locator('input[name="m"]').count();
  ok((await shown(page)).every((m) => m === 'm0'), 'wall at first');
  await page.locator('label[for="m1"]').click();
  ok((await shown(page)).every((m) => m === 'm1'), 'peak memory by click');
  await page.keyboard.press('ArrowRight');
  ok((await shown(page)).every((m) => m === 'm2'), 'the next one by key');
  await page.locator('label[for="all"]').click();
  is((await shown(page)).length, 8 * (metrics - 1), 'all at once');
}

async function sortsByClick() {
  const page = await open(index());
  const heads = page.locator('#matrix thead th');
  const before = await names(page);
  for (const [i, down] of [[2, false], [2, true], [3, false]]) {
    await heads.nth(i).locator('button').click();
    ok(sorted((await wall(page)).map((r) => r[i - 1]), down), `rows by column ${i}, ${down ? 'down' : 'up'}`);
    is(await heads.nth(i).getAttribute('aria-sort'), down ? 'descending' : 'ascending', 'aria-sort');
    is(await page.locator('#matrix thead [aria-sort]').count(), 1, 'one column is sorted by');
    like(await page.locator('#said').textContent(), /rows by wall of k \d+, (a|de)scending/, 'said');
  }
  await heads.nth(0).locator('button').click();
  is(String(await names(page)), String(before), 'by name again');
  await page.locator('#matrix tbody tr:nth-child(3) th button').click();
  ok(sorted((await wall(page))[2], false), 'columns by a row');
}

async function sortsByKeys() {
  const page = await open(index());
  const button = page.locator('#matrix thead th').nth(1).locator('button');
  await button.focus();
  await page.keyboard.press('Enter');
  ok(sorted((await wall(page)).map((r) => r[0]), false), 'Enter');
  ok(await button.evaluate((b) => b === document.activeElement), 'the focus stays');
  await page.keyboard.press('Space');
  ok(sorted((await wall(page)).map((r) => r[0]), true), 'Space');
  await page.locator('label[for="m1"]').click();
  ok(await page.evaluate(() => {
    const v = [...document.querySelectorAll('#matrix tbody tr')].map((r) => Number(r.querySelectorAll('td')[0].querySelector('.m1').dataset.v));
    return v.every((x, i) => i === 0 || x <= v[i - 1]);
  }), 'another metric is sorted by, too');
}

async function sortsLists() {
  const page = await open(index());
  for (const id of ['runs', 'stages']) {
    await page.locator(`#${id} summary`).click();
    const heads = page.locator(`#${id} thead th`);
    for (let k = 0; k < await heads.count(); k++) {
      await heads.nth(k).locator('button').click();
      const values = await page.evaluate(([table, column]) => [...document.querySelectorAll(`#${table} tbody tr`)]
        .map((r) => r.cells[column].dataset.v).filter((v) => v !== undefined).map(Number), [id, k]);
      ok(values.every((v, i) => i === 0 || v >= values[i - 1]), `${id} by column ${k}`);
    }
  }
  is(await page.locator('#runs tbody tr').count(), 16, 'runs');
  is(await page.locator('#runs tbody tr.shown').count(), 8, 'those of the matrix');
}

async function addressKeeps() {
  let page = await open(index());
  await page.locator('label[for="m2"]').click();
  await page.locator('#matrix thead th').nth(1).locator('button').click();
  await page.locator('#matrix tbody th').nth(1).locator('button').click();
  await page.selectOption('#pick-b', '4');
  const hash = await page.evaluate(() => location.hash);
  const seen = () => page.evaluate(() => [...document.querySelectorAll('#matrix th, #matrix td')]
    .map((c) => `${c.innerText} ${c.getAttribute('aria-sort')} ${c.classList.contains('chosen')}`).join('|'));
  const matrix = await seen();
  const table = await page.locator('#difference').innerText();
  await page.context().close();
  page = await open(index(), {}, hash);
  is(await seen(), matrix, 'the matrix of the address');
  is(await page.locator('#difference').innerText(), table, 'the comparison of the address');
  for (const bad of ['#m=99&row=77&col=-99&a=x&b=1e9', '#row=__proto__&col=&&=&m', '#%ff<script>']) {
    await page.goto(`${page.url().replace(/#.*/, '')}${bad}`);
    ok(await page.locator('#matrix').isVisible(), `nonsense ${bad}`);
  }
}

async function comparesTwo() {
  const page = await open(index());
  await page.selectOption('#pick-a', { label: 'prot_t5, k 3' });
  await page.locator('#matrix td[data-name="esm2, k 5"] a').focus();
  await page.keyboard.press('b');
  is(await page.locator('#pick-b option:checked').innerText(), 'esm2, k 5', 'b on a cell');
  const [a, b] = await page.evaluate(() => ['prot_t5, k 3', 'esm2, k 5'].map((n) =>
    Number(document.querySelector(`td[data-name="${n}"] .m0`).dataset.v)));
  const r = b / a;
  const change = r >= 0.5 && r <= 2 ? `${r >= 1 ? '+' : '−'}${Math.abs((r - 1) * 100).toFixed(1)} %` : `× ${Number(r.toPrecision(3))}`;
  is(await page.locator('#difference tbody tr:nth-child(2) td').nth(2).innerText(), change, 'change of wall');
  is(await page.locator('#difference tbody:nth-of-type(2) tr').count(), 5, 'four stages and their head');
  await page.locator('#open-pair').click();
  await page.waitForFunction(() => window.flame && window.flame.app);
  const runs = await page.evaluate(() => {
    const { state, profile } = window.flame.app;
    return [state.a, state.b].map((i) => profile.runs[i].name);
  });
  is(String(runs), 'prot_t5, k 3,esm2, k 5', 'runs of the comparison page');
}

async function plotsAreNamed() {
  const page = await open(index());
  const plots = await page.evaluate(() => [...document.querySelectorAll('figure svg')].map((s) => {
    const [t, d] = s.getAttribute('aria-labelledby').split(' ').map((id) => s.querySelector(`#${id}`).textContent);
    return { role: s.getAttribute('role'), t, d, ticks: s.querySelectorAll('text').length, markers: s.querySelectorAll('.m').length };
  }));
  is(plots.length, 4, 'plots');
  for (const p of plots) {
    is(p.role, 'img', 'role');
    like(p.d, new RegExp(`^Wall time of ${p.t} against k, one line for each plm`), 'description');
    ok(p.ticks > 8 && p.markers >= 8 + 3, 'ticks, names and markers');
  }
  is(await page.locator('.spark').count(), 16, 'trends of cells with two runs');
  is(await page.getByRole('columnheader', { name: 'k 10' }).count(), 1, 'a header of the matrix');
  is(await page.getByRole('rowheader', { name: EVIL, exact: true }).count() > 0, true, 'a name that is no markup');
  is(await page.locator('img').count(), 0, 'images');
}

async function withoutScript() {
  const page = await open(index(), { javaScriptEnabled: false });
  ok(await page.locator('#matrix').isVisible(), 'the matrix');
  await page.locator('label[for="m1"]').click();
  ok(await page.locator('#matrix .m1').first().isVisible(), 'metrics are chosen without script');
  ok(!(await page.locator('#matrix .m0').first().isVisible()), 'one at a time');
  await page.locator('label[for="all"]').click();
  ok(await page.locator('#matrix .m0').first().isVisible(), 'or all');
  ok(await page.locator('#together').isVisible(), 'the link to the comparison');
  is(await page.locator('button').count(), 0, 'buttons that would do nothing');
  await page.locator('#stages summary').click();
  ok(await page.locator('#stages table').isVisible(), 'stages in numbers');
  await page.locator('#matrix td a').first().click();
  ok(await page.locator('#static').isVisible(), 'the plain table of a cell');
  ok(await page.locator('nav a').isVisible(), 'and the way back');
}

// Of every text on the screen with its background, as people with weak eyes need it.
const worstContrast = (page) => page.evaluate(() => {
  const parse = (c) => (c.match(/[\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
  const light = (c) => c.slice(0, 3).map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  let worst = { ratio: 99 };
  for (const e of document.querySelectorAll('body *')) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || !e.getClientRects().length) continue;
    if (['TITLE', 'DESC', 'title', 'desc', 'SCRIPT', 'OPTION'].includes(e.tagName)) continue;
    let at = e;
    while (at && !(parse(getComputedStyle(at).backgroundColor)[3] !== 0 && getComputedStyle(at).backgroundColor !== 'rgba(0, 0, 0, 0)')) at = at.parentElement;
    const back = light(parse(getComputedStyle(at ?? document.body).backgroundColor));
    const style = getComputedStyle(e);
    const front = light(parse(e instanceof SVGElement ? style.fill : style.color));
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    if (ratio < worst.ratio) worst = { ratio, what: `${e.tagName}.${e.className.baseVal ?? e.className} '${e.textContent.slice(0, 30)}'` };
  }
  return worst;
});

async function narrowAndDark() {
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [1440, 768, 360]) {
      const page = await open(index(), { viewport: { width, height: 800 }, colorScheme });
      await page.evaluate(() => document.querySelectorAll('details').forEach((d) => { d.open = true; }));
      ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `nothing hangs over at ${width}`);
      for (const label of ['m0', 'all']) {
        await page.locator(`label[for="${label}"]`).click();
        const worst = await worstContrast(page);
        ok(worst.ratio >= 4.5, `contrast ${worst.ratio.toFixed(2)} of ${worst.what} at ${width}, ${colorScheme}`);
      }
      ok(await page.evaluate(() => [...document.querySelectorAll('#matrix .sort, .choose select, .choose button')]
        .every((e) => e.getBoundingClientRect().height >= 24)), 'targets are large enough');
      await page.context().close();
    }
  }
}

const missing = [prof, fill].find((f) => !existsSync(f)) ?? (() => {
  try {
    execFileSync('sqlite3', ['-version'], quiet);
    return null;
  } catch {
    return 'sqlite3';
  }
})();
if (missing) {
  console.log(`ok 1 - sites # SKIP no ${missing}`);
} else {
  site = makeSite();
  await run([
    ['every page loads from disk, and links back', pagesLoad],
    ['from the matrix to a cell and back', thereAndBack],
    ['metrics are chosen by click and by keys', choosesMetric],
    ['the matrix is sorted by click', sortsByClick],
    ['the matrix is sorted by keys', sortsByKeys],
    ['lists are sorted by every column', sortsLists],
    ['the address keeps metric, order and comparison', addressKeeps],
    ['two cells are compared', comparesTwo],
    ['plots have titles, axes and names', plotsAreNamed],
    ['without script everything can be read', withoutScript],
    ['1440, 768 and 360 px, light and dark', narrowAndDark],
  ]);
}
