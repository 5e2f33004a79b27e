// What the tests of the lists share: profiles, and what the page shows of them.
import { is, settle, text } from './lib.mjs';

export const state = (page) => page.evaluate(() => ({ ...window.flame.app.state }));
export { settle };
export const said = (page) => page.locator('#said').textContent();
// Rows on the screen as texts, cells separated by '|'.
export const rows = (page, view) => page.locator(`#panel-${view} tbody tr[data-i]`).evaluateAll((list) =>
  list.map((tr) => [...tr.cells].map((c) => c.innerText.trim()).join('|')));
export const row = (page, view, i) => page.locator(`#panel-${view} tbody tr[data-i="${i}"]`);
export const cursor = (page, view) => page.locator(`#panel-${view} tr[aria-selected="true"] .name bdi`).last().innerText();
export const heads = (page, view) => page.locator(`#panel-${view} thead th`).evaluateAll((list) =>
  list.map((th) => th.innerText.replace(/[▾▴]/, '').trim() + (th.getAttribute('aria-sort') ? `:${th.getAttribute('aria-sort')}` : '')).join('|'));
// What the page would put onto the clipboard.
export const catchCopies = (page) => page.evaluate(() => {
  window.copied = [];
  Object.defineProperty(window.navigator, 'clipboard', { value: { writeText: async (t) => void window.copied.push(t) } });
});
export const copied = (page) => page.evaluate(() => window.copied[window.copied.length - 1]);

const LIB = '/usr/lib/libc.so.6';
// 5 ms a sample; f calls itself, memcpy is called by three.
export const PLAIN = {
  kinds: ['cpu', 'alloc', 'peak'],
  stacks: [
    ['main;f;memcpy', 30], ['main;f', 6], ['main;f;g;f;memcpy', 10], ['main;f;g;f', 2], ['main;g;memcpy', 20], ['main', 12], ['start;memcpy', 20],
    ['main;f;malloc', 3, { kind: 'alloc', value: 3 << 20 }], ['main;g;malloc', 1, { kind: 'alloc', value: 1 << 20 }], ['main;f;malloc', 2, { kind: 'peak', value: 1 << 19 }],
    ['main;f', 1, { kind: 'peak', value: 4096 }],
  ].map(([s, n, o]) => [s, n, { kind: 'cpu', ...o }]),
  modules: { memcpy: LIB, malloc: LIB },
  files: { f: 'src/f.c:10', memcpy: 'string/memcpy.S:99' },
};
export const PAIR = {
  kinds: ['cpu'],
  stacks: [['main;knn', 1000, { run: 0 }], ['main;knn', 1400, { run: 1 }], ['main;old', 50, { run: 0 }], ['main;fresh', 60, { run: 1 }], ['main;rest', 20, { run: 0 }], ['main;rest', 22, { run: 1 }]],
  runs: [{ name: 'before' }, { name: 'after' }],
};
export const MANY = 100000;
export const many = () => {
  const names = Array.from({ length: MANY }, (_, i) => `fn_${i}`);
  return { stacks: names.map((n, i) => [['main', n], 1 + (i % 1000)]) };
};
export const DEEP = { stacks: [[Array.from({ length: 5000 }, (_, i) => (i % 3 ? `f${i % 7}` : 'again')), 40], ['again;leaf', 10]] };
export const same = (got, want, what) => is(JSON.stringify(got), JSON.stringify(want), what);
export const HOSTILE = ['<script>window.bad=1</script>', '"><img src=x onerror=window.bad=1>', '\u202egnp.exe', 'nul\u0000byte', 'tab\tand\nline', 'x'.repeat(5000), ' '];

// A point in one of the two graphs of the callers: `away` rows from the middle, a part of the width.
export async function point(page, pane, away, part) {
  const box = await page.locator('#panel-callers .pane').nth(pane === 'callers' ? 0 : 1).boundingBox();
  const y = pane === 'callers' ? box.y + box.height - 20 * away + 10 : box.y + 20 * away - 10;
  return [box.x + box.width * part, y];
}
export async function tipAt(page, ...where) {
  await page.mouse.move(...await point(page, ...where));
  return (await page.locator('#tip').isHidden()) ? '' : (await text(page, '#tip')).split('\n').join('|');
}
