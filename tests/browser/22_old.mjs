// The page in browsers as old as docs/viewer.md says: what came later is taken away before the page starts,
// and every view, key and button has to do without it.
import { is, like, ok, open, pageFile, run, settle, text } from './lib.mjs';

// What Chrome 80, Firefox 100 or Safari 15 lacks.
function takeAway() {
  const drop = (object, ...names) => {
    for (const name of names) {
      delete object[name];
      if (name in object) Object.defineProperty(object, name, { value: undefined, configurable: true });
    }
  };
  drop(window, 'DecompressionStream', 'CompressionStream', 'structuredClone', 'WeakRef', 'FinalizationRegistry', 'AggregateError', 'Iterator',
    'reportError', 'scheduler', 'requestIdleCallback', 'cancelIdleCallback', 'navigation', 'CSSStyleSheet', 'Highlight', 'showSaveFilePicker', 'PressureObserver', 'Sanitizer', 'trustedTypes', 'cookieStore');
  drop(Uint8Array, 'fromBase64', 'fromHex');
  drop(Uint8Array.prototype, 'toBase64', 'toHex', 'setFromBase64', 'setFromHex');
  const lists = ['at', 'findLast', 'findLastIndex', 'toSorted', 'toReversed', 'with'];
  drop(Array.prototype, ...lists, 'toSpliced', 'group');
  drop(Object.getPrototypeOf(Uint8Array.prototype), ...lists);
  drop(Array, 'fromAsync');
  drop(String.prototype, 'at', 'replaceAll', 'isWellFormed', 'toWellFormed');
  drop(Object, 'hasOwn', 'groupBy');
  drop(Map, 'groupBy');
  drop(Map.prototype, 'getOrInsert', 'getOrInsertComputed');
  drop(Set.prototype, 'union', 'intersection', 'difference', 'symmetricDifference', 'isSubsetOf', 'isSupersetOf', 'isDisjointFrom');
  drop(Promise, 'any', 'withResolvers', 'try');
  drop(RegExp, 'escape');
  drop(Math, 'f16round', 'sumPrecise');
  drop(Intl, 'Segmenter', 'DurationFormat', 'ListFormat');
  drop(ArrayBuffer.prototype, 'transfer', 'resize');
  drop(AbortSignal, 'timeout', 'any', 'abort');
  drop(Blob.prototype, 'bytes');
  for (const type of [Element, Document, DocumentFragment]) drop(type.prototype, 'replaceChildren', 'moveBefore', 'setHTMLUnsafe', 'getHTML');
  drop(Element.prototype, 'checkVisibility', 'scrollIntoViewIfNeeded', 'computedStyleMap', 'ariaNotify', 'animate', 'getAnimations');
  for (const key of Object.getOwnPropertyNames(Element.prototype)) if (key.startsWith('aria') || key === 'role') drop(Element.prototype, key);
  drop(HTMLElement.prototype, 'showPopover', 'hidePopover', 'togglePopover', 'popover', 'inert');
  drop(HTMLDialogElement.prototype, 'showModal', 'show', 'close', 'requestClose');
  drop(HTMLInputElement.prototype, 'showPicker');
  drop(HTMLSelectElement.prototype, 'showPicker');
  drop(CanvasRenderingContext2D.prototype, 'roundRect', 'reset', 'createConicGradient', 'letterSpacing', 'wordSpacing', 'fontKerning', 'fontStretch', 'textRendering', 'filter', 'isContextLost', 'getContextAttributes');
  drop(PointerEvent.prototype, 'getCoalescedEvents', 'getPredictedEvents');
  drop(Document.prototype, 'startViewTransition', 'caretPositionFromPoint');
  drop(Navigator.prototype, 'clipboard', 'share', 'userAgentData', 'locks');
  drop(performance.constructor.prototype, 'measureUserAgentSpecificMemory');
  drop(Crypto.prototype, 'randomUUID');
  window.tookAway = true;
}

const views = (page) => page.evaluate(() => window.flame.app && [...document.querySelectorAll('[role="tab"]:not([aria-disabled="true"]):not(:disabled)')].map((t) => t.id));

async function everything(page) {
  is(await page.evaluate(() => window.tookAway && typeof DecompressionStream), 'undefined', 'what is new');
  const tabs = await views(page);
  ok(tabs.length >= 4, `tabs: ${tabs}`);
  const keys = ['ArrowDown', 'ArrowDown', 'ArrowRight', 'ArrowLeft', 'Enter', 'ArrowUp', 'Backspace', 'i', 'n', 'N', 's', 't', 'u', 'U', 'c', 'Home', 'End', 'm', 'o', 'l', 'f', '0', 'Escape'];
  for (const tab of tabs) {
    await page.locator(`#${tab}`).click();
    await settle(page);
    await page.evaluate(() => window.flame.app.focus && window.flame.app.focus());
    for (const key of keys) await page.keyboard.press(key);
    const size = page.viewportSize();
    for (const part of [0.3, 0.5, 0.7]) await page.mouse.move(size.width * part, size.height * part);
    await page.mouse.wheel(0, 200);
    await settle(page);
    await page.keyboard.press('Escape');
  }
}

await run([
  ['a page of one run works without what is new', async () => {
    const page = await open(pageFile('typical'), { before: takeAway });
    like(await text(page, '#facts'), /4,155/, 'the head');
    await everything(page);
  }],

  ['a comparison works without what is new', async () => {
    const page = await open(pageFile('compare'), { before: takeAway });
    await everything(page);
  }],

  ['hostile names are names there, too', async () => {
    const page = await open(pageFile('hostile'), { before: takeAway });
    await everything(page);
    is(await page.evaluate(() => window.broken), undefined, 'scripts of names');
  }],

  ['help opens and closes', async () => {
    const page = await open(pageFile('typical'), { before: takeAway });
    await page.keyboard.press('?');
    ok(await page.locator('#help').isVisible(), 'help');
    await page.locator('#help button').last().click();
    is(await page.locator('#help').isVisible(), false, 'closed');
  }],

  ['damaged data are told there, too', async () => {
    const { readFileSync, writeFileSync } = await import('node:fs');
    const file = pageFile('typical').replace('.html', '-damaged.html');
    const html = readFileSync(pageFile('typical'), 'latin1');
    const at = html.indexOf('id="flame-data" type="text/plain">') + 34;
    writeFileSync(file, `${html.slice(0, at + 1000)}${html.slice(at + 1100)}`, 'latin1');
    const page = await open(file, { before: takeAway });
    like(await text(page, '#empty'), /the data of this page are damaged/, 'the page');
  }],
]);
