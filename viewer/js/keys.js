// Keys of the whole page, and help. A view's own keys (view.keys, view.help) come first.
(function (root) {
  'use strict';

  const flame = root.flame;
  const { element, byId } = flame;

  const HELP = [
    ['1 … 9', 'the views'],
    ['/', 'search; module:libc searches modules; Enter and Shift+Enter go through the matches'],
    ['n N', 'next and previous match'],
    ['Esc', 'clear the search'],
    ['u U', 'undo and redo (Ctrl+Z, Ctrl+Shift+Z)'],
    ['s', 'copy a link to this view'],
    ['t', 'light or dark'],
    ['x', 'of a comparison: swap A and B'],
    ['?', 'this help'],
  ];

  function keyList(list) {
    return element('dl', null, ...list.flatMap(([keys, text]) => [
      element('dt', null, ...keys.split(' ').flatMap((k, i) => [i ? ' ' : '', element('kbd', null, k)])),
      element('dd', null, text),
    ]));
  }

  function help(app) {
    const box = byId('help');
    const view = app.view();
    const own = view && view.help ? view.help : [];
    box.replaceChildren(
      element('h2', { id: 'help-title' }, 'Keys'),
      ...(own.length ? [element('h3', null, app.viewLabel()), keyList(own), element('h3', null, 'Everywhere')] : []),
      keyList(HELP),
      flame.button('Close', 'close (Esc)', () => (box.close ? box.close() : box.removeAttribute('open')), { autofocus: true }));
    if (box.showModal) box.showModal();
    else box.setAttribute('open', ''); // Safari before 15.4
  }

  const PAGE = {
    '/': (app) => byId('search').focus(),
    u: (app) => app.undo(),
    U: (app) => app.redo(),
    s: (app) => app.copyLink(),
    t: (app) => app.switchTheme(),
    x: (app) => app.swapRuns && app.swapRuns(),
    '?': (app) => app.help(),
    Escape: (app) => app.state.find && app.set({ find: '' }),
  };

  function inSearch(app, event) {
    const own = (app.view() && app.view().keys) || {};
    if (event.key === 'Enter') (event.shiftKey ? own.N : own.n)?.(event);
    else if (event.key === 'Escape') {
      if (app.state.find) app.set({ find: '' });
      else app.focus();
    } else return;
    event.preventDefault();
  }

  // Letters typed into a field, and Enter or Space on a button, mean that field or button.
  function taken(event) {
    const t = event.target;
    if (t instanceof HTMLTextAreaElement || t.isContentEditable) return true;
    if (t instanceof HTMLInputElement) return !['checkbox', 'radio'].includes(t.type);
    if (t instanceof HTMLSelectElement) return !event.key.startsWith('Esc');
    return ['Enter', ' '].includes(event.key) && t.closest('button, a, summary, [role="tab"]') !== null;
  }

  function key(app, event) {
    if (byId('help').hasAttribute('open')) return;
    const command = event.ctrlKey || event.metaKey;
    if (event.target === byId('search') && !command) {
      inSearch(app, event);
      return;
    }
    if (taken(event)) return;
    if (command && !event.altKey && ['z', 'Z', 'y'].includes(event.key)) {
      event.preventDefault();
      if (event.key === 'z' && !event.shiftKey) app.undo();
      else app.redo();
      return;
    }
    if (command || event.altKey) return;
    const own = (app.view() && app.view().keys) || {};
    const action = own[event.key] ?? PAGE[event.key] ?? (/^[1-9]$/.test(event.key) ? () => app.showView(Number(event.key) - 1) : null);
    if (!action) return;
    if (action === own[event.key]) {
      if (action(event) === false) return; // the view does not want it now
    } else {
      action(app);
    }
    event.preventDefault();
  }

  const keys = (app) => document.addEventListener('keydown', (event) => key(app, event));

  Object.assign(flame, { keys, help });
})(globalThis);
