// A menu of actions at a point or below a button: by mouse, touch and arrow keys.
(function (root) {
  'use strict';

  const flame = root.flame;
  const { element } = flame;
  let open = null; // {box, back: what had the focus}

  function close() {
    if (!open) return;
    const { box, back } = open;
    open = null;
    box.remove();
    if (back && back.isConnected) back.focus({ preventScroll: true });
  }

  function key(event) {
    event.stopPropagation(); // the page and its views have keys of their own
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const items = [...open.box.querySelectorAll('button:not(:disabled)')];
    const at = items.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 + items.length, Home: 0, End: items.length - 1 }[event.key];
    if (to !== undefined) items[to % items.length].focus();
    else if (event.key === 'Escape' || event.key === 'Tab') close();
    else {
      const item = items.find((b) => b.dataset.key === event.key);
      if (!item || event.key === 'Enter') return; // Enter and Space are the button's own
      item.click();
    }
    event.preventDefault();
  }

  // items: [text, what it does, its key, why not ('' or undefined: it can be done)]
  function menu(title, items, x, y) {
    close();
    const back = document.activeElement;
    const box = element('div', { class: 'menu', role: 'menu', 'aria-label': title, onkeydown: key });
    for (const [text, act, keys, whyNot] of items)
      box.append(element('button', {
        type: 'button', role: 'menuitem', 'data-key': keys || null, disabled: Boolean(whyNot), title: whyNot || null,
        onclick: () => {
          close();
          act();
        },
      }, text, keys ? element('kbd', null, keys) : null));
    document.body.append(box);
    open = { box, back };
    const size = box.getBoundingClientRect();
    box.style.left = `${Math.max(4, Math.min(x, root.innerWidth - size.width - 4))}px`;
    box.style.top = `${Math.max(4, Math.min(y, root.innerHeight - size.height - 4))}px`;
    box.querySelector('button:not(:disabled)').focus();
  }

  document.addEventListener('pointerdown', (event) => {
    if (open && !open.box.contains(event.target)) close();
  }, true);

  Object.assign(flame, { menu, closeMenu: close });
})(globalThis);
