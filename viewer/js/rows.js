// A table of any length of which only the rows on the screen are in the document: for the mouse, for keys
// (one row has the cursor), for readers of the screen (rows and columns are counted) and for paper, which
// gets the first rows.
(function (root) {
  'use strict';

  const flame = root.flame;
  const { element } = flame;
  const SPARE = 8; // rows kept above and below the screen
  const PRINTED = 200;

  // fill(tr, i) puts the cells of row i into its element; moved(i) tells where the cursor went; opened(i)
  // is a double click. columns: [{id, head, title, sort (key, if it sorts)}]; sorted(key) is a click on a head.
  function longTable({ label, role, fill, moved, opened, sorted }) {
    const heads = element('tr', { 'aria-rowindex': '1' });
    const gap = () => element('tr', { class: 'gap', 'aria-hidden': 'true' }, element('td'));
    const above = gap();
    const below = gap();
    const body = element('tbody', null, above, below);
    const table = element('table', { role, 'aria-label': label }, element('thead', null, heads), body);
    const box = element('div', { class: 'long' }, table);
    const live = new Map(); // rows in the document, by place
    let count = 0;
    let cursor = -1;
    let printing = false;

    const rowHeight = () => parseFloat(root.getComputedStyle(box).getPropertyValue('--row')) || 24;
    const headHeight = () => heads.getBoundingClientRect().height;

    function drop(i) {
      const row = live.get(i);
      // Keys go on working when the row that has the focus leaves the screen.
      if (row.contains(document.activeElement)) box.focus({ preventScroll: true });
      row.remove();
      live.delete(i);
    }

    function make(i) {
      const row = element('tr', { 'data-i': String(i), 'aria-rowindex': String(i + 2) });
      fill(row, i);
      mark(row, i);
      return row;
    }

    function mark(row, i) {
      row.setAttribute('aria-selected', String(i === cursor));
      row.tabIndex = i === cursor ? 0 : -1;
    }

    function draw() {
      if (box.clientHeight === 0 && !printing) return;
      const h = rowHeight();
      const first = printing ? 0 : Math.max(0, Math.floor(box.scrollTop / h) - SPARE);
      const seen = printing ? PRINTED : Math.ceil((box.scrollTop + box.clientHeight) / h) + SPARE;
      const last = Math.min(count, seen);
      for (const i of [...live.keys()]) if (i < first || i >= last) drop(i);
      let next = above.nextSibling;
      for (let i = first; i < last; i++) {
        if (live.has(i)) next = live.get(i).nextSibling;
        else {
          const row = make(i);
          live.set(i, row);
          body.insertBefore(row, next);
        }
      }
      above.firstChild.style.height = `${printing ? 0 : first * h}px`;
      below.firstChild.style.height = `${printing ? 0 : Math.max(0, count - last) * h}px`;
      above.hidden = first === 0;
      below.hidden = last === count;
      box.tabIndex = live.has(cursor) ? -1 : 0;
    }

    // Everything again: other rows, or the same with other texts. Keeps the place unless told otherwise.
    function show(rows, at, keepScroll) {
      const focused = body.contains(document.activeElement);
      for (const i of [...live.keys()]) drop(i);
      count = rows;
      cursor = count ? Math.max(0, Math.min(at, count - 1)) : -1;
      table.setAttribute('aria-rowcount', String(count + 1));
      if (!keepScroll) box.scrollTop = 0;
      draw();
      if (cursor > 0 || keepScroll) reveal(cursor);
      if (focused && live.has(cursor)) live.get(cursor).focus({ preventScroll: true });
    }

    function reveal(i) {
      const h = rowHeight();
      const room = box.clientHeight - headHeight();
      if (i < 0 || room <= 0) return;
      if (i * h < box.scrollTop) box.scrollTop = i * h;
      else if ((i + 1) * h > box.scrollTop + room) box.scrollTop = (i + 1) * h - room;
      draw();
    }

    function moveTo(i) {
      if (count === 0) return;
      const before = live.get(cursor);
      const was = cursor;
      cursor = Math.max(0, Math.min(i, count - 1));
      if (before) mark(before, was);
      reveal(cursor);
      const row = live.get(cursor);
      if (row) {
        mark(row, cursor);
        box.tabIndex = -1;
        if (!(document.activeElement instanceof HTMLInputElement)) row.focus({ preventScroll: true }); // Enter in the search goes on
      }
      moved(cursor);
    }

    function columns(list, sort) {
      const focused = heads.contains(document.activeElement) ? document.activeElement.dataset.sort : null;
      heads.replaceChildren(...list.map((c) => {
        const on = sort && c.sort === sort.key;
        const text = element('span', null, c.head);
        return element('th', { scope: 'col', class: c.id, 'aria-sort': on ? (sort.other ? 'other' : sort.down ? 'descending' : 'ascending') : null, title: c.title },
          c.sort ? element('button', { type: 'button', 'data-sort': c.sort, onclick: () => sorted(c.sort) },
            text, element('i', { 'aria-hidden': 'true' }, on ? (sort.down ? '▾' : '▴') : '')) : text);
      }));
      if (focused) for (const b of heads.querySelectorAll('button')) if (b.dataset.sort === focused) b.focus();
    }

    const page = () => Math.max(1, Math.floor((box.clientHeight - headHeight()) / rowHeight()) - 1);
    const rowOf = (event) => event.target.closest('tr[data-i]');
    box.addEventListener('scroll', draw, { passive: true });
    body.addEventListener('click', (event) => {
      const row = rowOf(event);
      if (row) moveTo(Number(row.dataset.i));
    });
    body.addEventListener('dblclick', (event) => {
      const row = rowOf(event);
      if (row && opened) opened(Number(row.dataset.i));
    });
    const print = (on) => {
      if (on && box.offsetParent === null) return; // of another view
      printing = on;
      for (const i of [...live.keys()]) drop(i);
      draw();
    };
    root.addEventListener('beforeprint', () => print(true));
    root.addEventListener('afterprint', () => print(false));

    return {
      box, show, draw, columns, moveTo,
      get cursor() {
        return cursor;
      },
      get count() {
        return count;
      },
      focus: () => (live.get(cursor) ?? box).focus({ preventScroll: true }),
      keys: {
        ArrowDown: () => moveTo(cursor + 1),
        ArrowUp: () => moveTo(cursor - 1),
        PageDown: () => moveTo(cursor + page()),
        PageUp: () => moveTo(cursor - page()),
        Home: () => moveTo(0),
        End: () => moveTo(count - 1),
      },
    };
  }

  Object.assign(flame, { longTable });
})(globalThis);
