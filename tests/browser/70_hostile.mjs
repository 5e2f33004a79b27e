// Names, texts, addresses and data that want to be something else, in every view of the page: nothing of them
// runs, becomes an element, turns text round, stops the page or widens it; and what there is to see without
// data, without scripts and in old browsers.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync, inflateSync } from 'node:zlib';
import { folder, is, like, ok, open, pageFile, pass, run, text } from './lib.mjs';
import { madeFile, pageOf } from './made.mjs';
import { makeBytes } from './rig.mjs';

const NAMES = [
  '</script><script>window.broken=1</script>', '<img src=x onerror="window.broken=2">', '<svg/onload=window.broken=3>', '"\'`><b>', '${window.broken=4}', '{{7*7}}',
  'javascript:window.broken=5', '<!--<script>', ']]>&amp;&lt;&#0;', '@PROTEA-FLAME-DATA@', 'a\u0000b', 'line\nbreak\r\ttab\u0001\u001b[31m', 'evil\u202etxt.exe', '\u2066left\u2069\u200f\u200b',
  'line\u2028separator\u2029', '__proto__', 'constructor', 'toString', 'hasOwnProperty', '%s%n%d', '', ' ', '\u3164', '\u05e9\u05dc\u05d5\u05dd', '\u{1f525} \u6f22\u5b57', `${'a'.repeat(60)}!`,
  '(a+)+$', '[unknown in </b>]', '../../etc/passwd', 'x'.repeat(4000), '\u0301'.repeat(60), '\u{e0041}\u{e0042}', '-1', 'NaN', 'file:///etc/passwd', 'expression(alert(1))', 'url(http://example.org/x)', '\\u003cscript\\u003e',
];
const at = (i) => NAMES[i % NAMES.length];

// All of them, everywhere that a profile has a name.
function hostile(runs) {
  const kinds = ['cpu', 'alloc', 'constructor', '<b>kind</b>'];
  const stacks = NAMES.flatMap((name, i) => Array.from({ length: runs }, (_, r) => [
    [[at(i + r), name, at(i + 3)], 3 + ((i * 7 + r * 5) % 11), { run: r, stage: i % 3 ? at(i).replace(/\//g, '|') : undefined, thread: at(i + 5), kind: kinds[i % 4] }],
    [['main', name], 5, { run: r, thread: at(i) }],
  ]).flat());
  const one = runs === 1;
  return {
    kinds,
    stacks,
    modules: Object.fromEntries(NAMES.filter((n) => n !== '__proto__').map((n, i) => [n, at(i + 9)])),
    files: Object.fromEntries(NAMES.filter((n) => n !== '__proto__').map((n, i) => [n, `${at(i + 4)}:${i}`])),
    runs: Array.from({ length: runs }, (_, r) => ({
      id: at(r), name: at(r), command: at(r + 1), job: at(r + 2), host: at(r + 3), cpu_model: at(r + 4), kernel: at(r + 5), version: at(r + 6), git_sha: at(r + 7), mode: at(r + 8), engine: at(r + 9),
      kinds: { cpu: 9, alloc: 9, constructor: 9 },
      labels: r % 2 ? '{"__proto__": "</script>", "constructor": {"a": [1]}, "k": null}' : NAMES[0], losses: NAMES.map((n, i) => [n, i]),
      precision: { alloc: { text: at(r), interval: [0, 1e9] }, constructor: { text: at(r + 1) } }, rate_hz: r ? 1e300 : -1, duration_ns: -5, started_ms: 1e300, exit_code: -1e9, ncpu: 0.5,
    })),
    spans: one ? NAMES.map((n, i) => ({ stage: n.replace(/\//g, '|'), thread: at(i), start: i * 1000, wall: i % 5 ? 900 : undefined, cpu: i * 10, items: [NaN, -1e308, 1e308, 0, 7][i % 5], params: i % 2 ? n : JSON.stringify({ [n]: n, n: i }), peakHeap: i * 1000, samples: i })) : undefined,
    ticks: one ? NAMES.map((n, i) => ({ t: i * 1000, thread: at(i), stack: ['main', n], state: i % 6 })) : undefined,
    series: one ? [...NAMES.map((n, i) => ({ name: n, t: [0, 1000, 5000], value: [i, -i, 4e15], real: false })), { name: 'rss_bytes', t: [0, 1], value: [NaN, Infinity], real: true }] : undefined,
    source: one ? { columns: ['cpu', 'constructor'], leftOut: 3, files: NAMES.slice(0, 12).map((n, i) => ({ name: n, lines: [{ no: 0, self: [1, 2], total: [3, 4] }, { no: 2, self: [9, 0], total: [9, 0] }, { no: 4e9, self: [1, 1], total: [1, 1] }], windows: i % 3 ? [{ first: 1, lines: NAMES.filter((x) => !x.includes('\n')) }] : [] })) } : undefined,
    meta: { title: NAMES[0], filter: NAMES[1], folded: { nodes: 5, share: 0.5 } },
  };
}

// Before the page's scripts: letters that must not reach the canvas or a title as they are.
const WATCH = `(() => {
  const raw = /[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2069\\u3164]|\\udb40/;
  window.rawText = [];
  window.isRaw = (s) => raw.test(s);
  for (const name of ['fillText', 'strokeText']) {
    const own = CanvasRenderingContext2D.prototype[name];
    CanvasRenderingContext2D.prototype[name] = function (s, ...rest) {
      if (raw.test(s)) window.rawText.push(s);
      return own.call(this, s, ...rest);
    };
  }
})()`;

// What names may have made of the page, as texts.
const harm = (page) => page.evaluate(() => {
  const found = window.rawText.map((s) => `raw on the canvas: ${s}`);
  if (window.broken !== undefined) found.push(`ran: ${window.broken}`);
  if ({}.polluted !== undefined || Object.prototype.k !== undefined || typeof {}.constructor !== 'function') found.push('a prototype was changed');
  for (const e of document.querySelectorAll('*')) {
    if (/^(img|iframe|frame|object|embed|form|base|audio|video|applet|math|template)$/i.test(e.localName)) found.push(`element ${e.localName}`);
    if (e.localName === 'link' && e.rel !== 'icon' && e.rel !== 'stylesheet') found.push('a link');
    for (const a of e.attributes) {
      if (/^on/.test(a.name)) found.push(`attribute ${a.name}`);
      if (/^(href|src|action|formaction|xlink:href)$/.test(a.name) && !/^(data:,?|#|js\/|[\w/]*\.css$)/.test(a.value)) found.push(`${a.name}=${a.value.slice(0, 60)}`);
      if (a.name === 'style' && /url|expression/.test(a.value)) found.push(`style ${a.value.slice(0, 60)}`);
      if (window.isRaw(a.value)) found.push(`raw in ${e.localName} ${a.name}: ${JSON.stringify(a.value.slice(0, 60))}`);
    }
  }
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode())
    if (!['SCRIPT', 'STYLE'].includes(walk.currentNode.parentNode.nodeName) && window.isRaw(walk.currentNode.data.replace(/[\n\r]/g, '')))
      found.push(`raw text: ${JSON.stringify(walk.currentNode.data.slice(0, 80))} in ${walk.currentNode.parentNode.outerHTML.slice(0, 80)}`);
  if (window.isRaw(document.title)) found.push('raw title');
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) {
    const wide = [...document.body.querySelectorAll('*')].filter((e) => {
      if (e.getBoundingClientRect().right <= width + 1) return false;
      for (let up = e.parentElement; up !== document.body; up = up.parentElement) if (getComputedStyle(up).overflowX !== 'visible') return false;
      return true;
    });
    found.push(`${document.documentElement.scrollWidth} pixels wide: ${wide.slice(0, 3).map((e) => e.outerHTML.slice(0, 90)).join(' ')}`);
  }
  return [...new Set(found)].slice(0, 6).join('\n');
});

// In every view that there is: its keys, the mouse over what it draws, and, if all is asked for, buttons and choices.
async function tour(page, what, all = true) {
  if (!(await page.evaluate(() => window.flame && window.flame.app))) throw new Error(`${what}: the page did not start: ${await text(page, 'body')}`);
  const views = await page.evaluate(() => window.flame.app.views.filter((v) => !v.why).map((v) => v.id));
  const scripts = await page.locator('script').count();
  const harms = [];
  for (const view of views) {
    await page.evaluate(async ([id, everything]) => {
      const { app } = window.flame;
      const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
      const here = () => app.state.view !== id && app.set({ view: id });
      const host = () => document.getElementById(`panel-${id}`);
      const press = (key) => document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
      app.set({ view: id });
      await frame();
      for (const key of [...Object.keys(app.view().keys ?? {}), 'Enter', '?', 'u', 'U']) {
        here();
        press(key);
        const help = document.getElementById('help');
        if (help.open) help.close();
      }
      here();
      await frame();
      for (const canvas of host().querySelectorAll('canvas')) {
        const box = canvas.getBoundingClientRect();
        for (let y = 4; y < Math.min(box.height, 300); y += 17)
          for (const part of [0.02, 0.3, 0.6, 0.97]) {
            const where = { clientX: box.left + box.width * part, clientY: box.top + y, bubbles: true, pointerType: 'mouse', pointerId: 1 };
            canvas.dispatchEvent(new PointerEvent('pointermove', where));
          }
        canvas.dispatchEvent(new PointerEvent('pointerleave', { bubbles: true }));
      }
      await frame();
      for (const button of [...host().querySelectorAll('button')].slice(0, everything ? 40 : 0)) {
        here();
        if (button.isConnected && !/cop/i.test(button.title)) button.click();
      }
      here();
      for (const select of everything ? [...document.querySelectorAll('#bar select'), ...host().querySelectorAll('select')] : [])
        for (const option of [...select.options].slice(0, 4)) {
          select.value = option.value;
          select.dispatchEvent(new Event('change', { bubbles: true }));
          here();
        }
      await frame();
      for (const patch of [{ stage: -2, thread: -2, kind: app.profile.kinds[0] }, { find: '(a+)+$' }, { find: '</script>' }, { find: '' }]) app.set({ ...patch, view: id });
      await frame();
      window.dispatchEvent(new Event('beforeprint'));
      window.dispatchEvent(new Event('afterprint'));
      await frame();
    }, [view, all]);
    const found = await harm(page);
    if (found) harms.push(`${what}, view ${view}: ${found}`);
    is(await page.locator('script').count(), scripts, `${what}, view ${view}: scripts`);
  }
  is(harms.join('\n'), '', 'harm');
  return views;
}

// Each node of the flame view as it is told: in its details, its tooltip, its menu.
const everyNode = (page) => page.evaluate(() => {
  const { app } = window.flame;
  for (let node = 0; node < Math.min(app.profile.tree.count, 300); node++) app.set({ view: 'flame', selected: node, zoom: node % 7 ? 0 : node });
});

await run([
  ['names in all places of a run, in all views', async () => {
    const page = await open(madeFile(hostile(1)), { before: WATCH });
    const views = await tour(page, 'one run');
    ok(['flame', 'time', 'callers', 'table', 'tree', 'stages', 'memory', 'source'].every((v) => views.includes(v)), `views: ${views}`);
    await everyNode(page);
    is(await harm(page), '', 'every frame');
    const narrow = await open(madeFile(hostile(1)), { before: WATCH, viewport: { width: 360, height: 740 } });
    await tour(narrow, 'at 360 pixels', false);
  }],

  ['names in all places of 24 runs that are compared', async () => {
    const page = await open(madeFile(hostile(24)), { before: WATCH });
    const views = await tour(page, 'runs');
    ok(['flame', 'changes', 'callers', 'table', 'tree'].every((v) => views.includes(v)), `views: ${views}`);
    await page.locator('#run-a').selectOption('11');
    await page.locator('#norm').selectOption('stage');
    is(await harm(page), '', 'the bar');
  }],

  ['what C writes of hostile profiles, in all views', async () => {
    const page = await open(pageFile('hostile'), { before: WATCH });
    await tour(page, 'flame_page hostile');
    await everyNode(page);
    is(await harm(page), '', 'every frame');
  }],

  ['a search that would never end is given up', async () => {
    const page = await open(madeFile({ stacks: NAMES.map((n) => [['main', n], 3]) }), { before: WATCH }, '#find=%28a%2B%29%2B%24');
    like(await text(page, '#matched'), /^this expression takes too long/, 'from the address');
    for (const bomb of ['(.*)*=(.*)*', '(x|x|x|x)+$', '.*.*.*.*.*=;', '(?:\\w+\\W?)+$']) {
      await page.locator('#search').fill(bomb);
      ok((await text(page, '#matched')).length > 0, `${bomb} is answered`);
    }
    await page.locator('#search').fill('(');
    like(await text(page, '#matched'), /group|parenthes/i, 'what is no expression');
    await page.locator('#search').fill('main');
    like(await text(page, '#matched'), /^matched 100 %/, 'the page goes on');
  }],

  ['an address can say what it wants', async () => {
    const file = madeFile(hostile(1));
    const plain = await open(file, { before: WATCH });
    const defaults = await plain.evaluate(() => JSON.stringify(window.flame.app.state));
    const evil = ['#view=__proto__&kind=constructor%00&stage=1e9&thread=-3&zoom=NaN&selected=-1&fn=99999999999999999999&file=1.5&line=-1&a=x&b=-1&norm=%3Cscript%3E&width=&theme=%22', '#%00%ff%zz&&&==&view', `#view=${'x'.repeat(100000)}`,
      '#<img src=x onerror=alert(1)>', '#__proto__[polluted]=1&constructor.prototype.polluted=1&__proto__=1', '#from=5&to=1', '#zoom=4294967296&order=time%0a'];
    const first = await open(file, { before: WATCH }, evil[0]);
    is(await first.evaluate(() => JSON.stringify(window.flame.app.state)), defaults, 'from the start');
    for (const hash of evil) {
      await plain.evaluate((h) => {
        window.flame.app.set({ find: 'x', view: 'table', zoom: 1 });
        window.testClock.pass(150); // the page writes its address
        location.hash = h;
      }, hash);
      await plain.waitForFunction(() => window.flame.app.state.find === '');
      is(await plain.evaluate(() => JSON.stringify(window.flame.app.state)), defaults, hash.slice(0, 60));
      is(await harm(plain), '', hash.slice(0, 60));
    }
    const page = await open(file, { before: WATCH }, '#find=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E%E2%80%AE&sort=-%3Cb%3E&view=table');
    is(await page.locator('#search').inputValue(), '<img src=x onerror=alert(1)>\u202e', 'a search is a text');
    is(await page.locator('img').count(), 0, 'and no more');
    await page.evaluate(() => (location.hash = '#view=nothing&zoom=x'));
    await page.waitForFunction(() => window.flame.app.state.find === '');
    is(await page.evaluate(() => JSON.stringify(window.flame.app.state)), defaults, 'also later');
  }],

  ['profiles of nothing, of one frame, without weight, 5,000 deep', async () => {
    const odd = {
      empty: { stacks: [] },
      'two of nothing': { stacks: [], runs: [{}, {}] },
      'one frame': { stacks: [['main', 1]] },
      'of no function': { stacks: [['', 5]] },
      weightless: { stacks: [['main;f', 3, { value: 0 }], ['main;g', 1, { value: 0 }]] },
      'no samples': { stacks: [['main;f', 0, { value: 0 }]] },
      'too much': { stacks: [['main;f', 9e15, { value: 9e15 }], ['main;g', 1, { value: 1 }]], runs: [{ duration_ns: 9e18 }] },
      'weightless runs': { stacks: [['main;f', 3, { value: 0 }], ['main;g', 1, { value: 0, run: 1 }]], runs: [{}, {}] },
      deep: { stacks: [[Array.from({ length: 5000 }, (_, i) => `f${i % 7}`), 9], [Array.from({ length: 5000 }, () => 'fib'), 5]], ticks: [{ t: 5, stack: Array.from({ length: 5000 }, () => 'fib') }] },
      'deep runs': { stacks: [[Array.from({ length: 5000 }, (_, i) => `f${i % 7}`), 9], [Array.from({ length: 5000 }, () => 'fib'), 5, { run: 1 }]], runs: [{}, {}] },
    };
    for (const [what, spec] of Object.entries(odd)) {
      const page = await open(madeFile(spec), { before: WATCH });
      await tour(page, what, false);
      ok(!/NaN|undefined|\[object|Infinity/.test(await text(page, 'body')), `${what}: ${(await text(page, 'body')).match(/.{0,60}(NaN|undefined|\[object|Infinity).{0,20}/)?.[0]}`);
      await page.context().close();
    }
  }],

  ['damaged data are told in words, whatever is damaged', async () => {
    const bytes = makeBytes(hostile(1));
    const zlib = deflateSync(bytes);
    const flipped = Buffer.from(zlib);
    flipped[flipped.length - 2] ^= 1;
    const wrong = (patch) => deflateSync(Buffer.from(Buffer.from(bytes).toString('latin1').replace(...patch), 'latin1')).toString('base64');
    const pages = {
      nothing: '', 'no base64': '\u00e4\u00f6\u00fc!!!', 'no stream': Buffer.from('hello, world').toString('base64'), cut: zlib.subarray(0, zlib.length >> 1).toString('base64'), 'one bit': flipped.toString('base64'),
      'another version': wrong(['"version":2', '"version":3']), 'another format': wrong(['protea-flame', 'protea-xxxxx']), 'cut inside': deflateSync(bytes.subarray(0, bytes.length - 9)).toString('base64'), 'empty stream': deflateSync(Buffer.alloc(0)).toString('base64'),
      mark: '@PROTEA-FLAME-DATA@',
    };
    for (const [what, data] of Object.entries(pages)) {
      const file = join(folder, 'damaged.html');
      writeFileSync(file, pageOf(data));
      const page = await open(file, { before: WATCH });
      const said = await text(page, '#empty');
      ok(/^[a-z].{15,}/i.test(said) && !/undefined|NaN|\[object|is not a function|Cannot read/.test(said), `${what}: '${said}'`);
      is(await page.locator('#empty').getAttribute('role'), 'alert', `${what}: read out`);
      is(await page.evaluate(() => document.documentElement.dataset.ready), undefined, `${what}: not ready`);
      is(await harm(page), '', what);
      await page.context().close();
    }
    is(inflateSync(zlib).length, bytes.length, 'the whole ones are sound');
  }],

  ['an old browser without DecompressionStream', async () => {
    const old = `${WATCH}; delete window.DecompressionStream; delete window.CompressionStream; delete Uint8Array.fromBase64; delete Array.prototype.at; delete Array.prototype.findLast; delete Object.hasOwn; delete window.structuredClone; delete String.prototype.replaceAll;`;
    const page = await open(madeFile(hostile(1)), { before: old });
    is(await page.evaluate(() => typeof DecompressionStream), 'undefined', 'there is none');
    await tour(page, 'old browser', false);
    const written = await open(pageFile('typical'), { before: old });
    is(await written.evaluate(() => document.documentElement.dataset.ready), '1', 'a page as it is written, too');
  }],

  ['a browser that keeps history and clipboard to itself', async () => {
    const init = `${WATCH}; history.replaceState = history.pushState = () => { throw new DOMException('no', 'SecurityError'); }; Object.defineProperty(navigator, 'clipboard', { value: undefined }); document.execCommand = () => false; Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });`;
    const page = await open(madeFile(hostile(1)), { before: init });
    await page.locator('#search').fill('main');
    await page.locator('#link').click();
    like(await text(page, '#toast'), /does not let the page copy/, 'said');
    await pass(page, 2000); // also the address, and the toast's end
    ok(await page.locator('#toast').isHidden(), 'for a while');
  }],

  ['without JavaScript there is a plain table', async () => {
    const file = pageFile('hostile');
    const page = await open(file, { javaScriptEnabled: false });
    ok((await page.locator('table').count()) >= 1, 'a table');
    ok(await page.locator('table').first().isVisible(), 'to be seen');
    is(await page.locator('img, iframe, object, embed, form').count(), 0, 'no element from a name');
    const shown = await text(page, 'body');
    like(shown, /<img src=x onerror=window\.broken=2>/, 'names are names');
    ok(!/[\u0000-\u0008\u202a-\u202e\u2066-\u2069]/.test(shown), 'what cannot be seen is visible');
    const typical = await open(pageFile('typical'), { javaScriptEnabled: false });
    like(await text(typical, 'body'), /dot_f32/, 'functions');
    like(await text(typical, 'body'), /tiny-export/, 'the run');
    is(await page.locator('script').count(), await typical.locator('script').count(), 'no script from a name');
  }],
]);
