// What the tests of the flame view share: two profiles, and what the view shows, by name and by pixel.
import { boxOf, pass, settle } from './lib.mjs';

export const state = (page) => page.evaluate(() => ({ ...window.flame.app.state }));
export const flame = (page, expression) => page.evaluate(`(() => { const { app } = window.flame; const { v, painter, canvas, scroll } = app.view().view; return ${expression}; })()`);
export const zoomName = (page) => flame(page, 'v.name(v.zoom)');
export const selectedName = (page) => flame(page, 'v.name(v.selected)');
export const shown = (page) => flame(page, '({ from: v.from / v.graph.total[0], to: v.to / v.graph.total[0] })');
// Of the picture that shows all that was asked for.
export const pixel = (page, x, y) => settle(page).then(() => flame(page, `(() => {
  const box = canvas.getBoundingClientRect();
  const r = canvas.width / box.width;
  return [...canvas.getContext('2d').getImageData((${x} - box.left) * r, (${y} - box.top) * r, 1, 1).data].slice(0, 3).join();
})()`));
export const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)).join();
export const fillOf = async (page, name) => rgb(await flame(page, `(() => {
  for (let n = 1; n < v.graph.tree.count; n++) if (v.name(n) === ${JSON.stringify(name)}) {
    const steps = v.colours.steps(v.graph, v.doubtful);
    return v.colours.list[steps ? steps[n] : v.colours.place(v.graph.tree.label[n])];
  }
  return null;
})()`));
// The colour of a frame at its right end, where no letters are.
export const colourOf = async (page, name) => {
  const box = await boxOf(page, name);
  return pixel(page, box.x + box.width - 4, box.cy);
};
export const rest = (page) => pass(page, 220); // the wheel's
export const focus = (page) => page.locator('#graph').focus();

export const SPEC = {
  modules: { read: '/lib/libio.so', copy: '/lib/libc.so', alloc: '/lib/libc.so' },
  library: ['copy', 'alloc'], flags: { dot: 1 }, files: { main: 'main.c:10', dot: 'dot.c:33', walk: 'walk.c:7' },
  stacks: [
    ['main;work;dot', 500, { stage: 'job/knn' }], ['main;work;copy', 100, { stage: 'job/knn' }], ['main;work', 50, { stage: 'job/load' }],
    ['main;read;alloc', 150, { stage: 'job/load' }], ['main;read', 40, { stage: 'job/load' }],
    ['main;walk;walk;walk', 60], ['main;walk;walk;dot', 30], ['[truncated];dot', 70],
  ],
};
export const PAIR = {
  ...SPEC,
  stacks: [
    ['main;up', 1000, { run: 0 }], ['main;up', 4000, { run: 1 }], ['main;down', 4000, { run: 0 }], ['main;down', 1000, { run: 1 }],
    ['main;same', 2000, { run: 0 }], ['main;same', 2000, { run: 1 }], ['main;perhaps', 400, { run: 0 }], ['main;perhaps', 430, { run: 1 }],
    ['main;fresh', 500, { run: 1 }], ['main;gone', 500, { run: 0 }],
  ],
  runs: [{ name: 'before' }, { name: 'after' }],
};
