// Elements out of texts. Names of foreign origin go into the page as text nodes only, in elements that keep
// their direction to themselves; nothing here makes markup from data. Holds the list of views, too, into
// which each view_*.js puts its own.
(function (root) {
  'use strict';

  const flame = (root.flame = Object.assign(root.flame ?? {}, { views: [] }));

  // Chrome has it since 86.
  if (!Element.prototype.replaceChildren)
    Element.prototype.replaceChildren = function (...children) {
      this.textContent = '';
      this.append(...children);
    };

  // element('p', {class: 'x', onclick: f}, 'text', child, …)
  function element(tag, attributes, ...children) {
    const e = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes ?? {})) {
      if (key.startsWith('on')) e.addEventListener(key.slice(2), value);
      else if (value !== false && value !== undefined && value !== null) e.setAttribute(key, value === true ? '' : value);
    }
    e.append(...children.filter((c) => c !== null && c !== undefined));
    return e;
  }

  const byId = (id) => document.getElementById(id);
  const textName = (text, attributes) => element('bdi', attributes, flame.nameText(text));
  const button = (text, title, onclick, attributes) => element('button', { type: 'button', title, onclick, ...attributes }, text);

  // <dl> of [term, text or node] pairs.
  const pairs = (list) =>
    element('dl', null, ...list.flatMap(([k, v]) => [element('dt', null, k), element('dd', null, v)]));

  // A <select> in its label; options: [value, text] pairs. pick() gets the value as text.
  function chooser(label, options, pick) {
    const select = element('select', { onchange: (e) => pick(e.target.value) });
    const box = element('label', null, label, select);
    const fill = (list) =>
      select.replaceChildren(...list.map(([value, text]) => element('option', { value: String(value) }, flame.visible(text))));
    fill(options);
    return { box, select, fill };
  }

  // A button that is on or off.
  function toggle(text, title, flip) {
    const b = button(text, title, flip, { 'aria-pressed': 'false' });
    return { box: b, show: (on) => b.setAttribute('aria-pressed', String(Boolean(on))) };
  }

  Object.assign(flame, { element, byId, textName, button, pairs, chooser, toggle });
})(globalThis);
