// The index of a site: sorting, two cells beside each other, and the state of it all in the address. Everything it
// shows is in the tables already; without script they stand as they are.
(function () {
  'use strict';
  const flame = globalThis.flame;
  const $ = (id) => document.getElementById(id);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const matrix = $('matrix');
  const radios = all('input[name="m"]');
  const metrics = radios.slice(0, -1).map((r) => r.nextElementSibling.textContent);
  const cells = all('td[data-cell]', matrix);
  const state = { m: 0, row: '', col: '', a: -1, b: -1 };

  function element(tag, attributes, ...children) {
    const e = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith('on')) e.addEventListener(name.slice(2), value);
      else if (value !== false && value !== undefined) e.setAttribute(name, value === true ? '' : value);
    }
    e.append(...children);
    return e;
  }

  function say(text) {
    $('said').textContent = text;
  }

  // ---- sorting ----

  // A header becomes a button; what stands in it stays.
  function sortButton(th, label, onclick) {
    const button = element('button', { type: 'button', class: 'sort', title: label, onclick });
    button.append(...th.childNodes);
    th.append(button);
  }

  const collator = new Intl.Collator('en', { numeric: true });

  // Values that are not there come last in both directions; what is equal stays in its order.
  function order(items, value, down) {
    const keyed = items.map((item, i) => ({ item, i, v: value(item) }));
    const compare = (x, y) => (typeof x === 'number' ? x - y : collator.compare(x, y));
    keyed.sort((x, y) => {
      if ((x.v === null) !== (y.v === null)) return x.v === null ? 1 : -1;
      const by = x.v === null ? 0 : compare(x.v, y.v);
      return (down ? -by : by) || x.i - y.i;
    });
    return keyed.map((k) => k.item);
  }

  function mark(headers, th, down) {
    for (const h of headers) {
      if (h === th) h.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      else h.removeAttribute('aria-sort');
    }
  }

  const metricShown = () => (state.m < metrics.length ? state.m : 0);
  function cellValue(td) {
    const span = td && td.querySelector(`.m${metricShown()}[data-v]`);
    return span ? Number(span.dataset.v) : null;
  }

  const number = (element_) => Number(element_.dataset.i);
  const headRow = matrix.tHead.rows[0];
  const body = matrix.tBodies[0];
  const corner = headRow.cells[0];
  const columnHeads = [...headRow.cells].slice(1);
  const rows = [...body.rows];
  const at = (row, column) => row.byColumn[column];
  rows.forEach((row) => {
    row.byColumn = [...row.cells].slice(1);
  });

  // state.row: what rows are sorted by, a column's number or 'name', '-' before it if downwards; state.col likewise
  // with a row's number.
  function arrange() {
    const focus = document.activeElement; // moving an element takes the focus from it
    const down = state.row.startsWith('-');
    const by = state.row.replace('-', '');
    const column = /^\d+$/.test(by) && Number(by) < columnHeads.length ? Number(by) : -1;
    let sorted = order(rows, (r) => (column >= 0 ? cellValue(at(r, column)) : number(r)), column >= 0 && down);
    if (column < 0 && down) sorted = sorted.reverse();
    body.append(...sorted);
    mark([corner, ...columnHeads], by === '' ? null : column >= 0 ? columnHeads[column] : corner, down);
    const across = state.col.startsWith('-');
    const row = state.col === '' ? undefined : rows[Number(state.col.replace('-', ''))];
    const columns = order(columnHeads, (h) => (row ? cellValue(at(row, number(h))) : number(h)), across);
    headRow.append(...columns);
    for (const r of rows) r.append(...columns.map((h) => at(r, number(h))));
    mark(rows.map((r) => r.cells[0]), row ? row.cells[0] : null, across);
    if (focus && matrix.contains(focus)) focus.focus({ preventScroll: true });
  }

  const nameOf = (th) => th.textContent.trim();
  function flip(key, by) {
    state[key] = state[key] === by ? `-${by}` : by;
    arrange();
    remember();
  }

  function setUpMatrix() {
    sortButton(corner, 'sort rows by name', () => {
      flip('row', 'name');
      say(`rows by ${nameOf(corner)}`);
    });
    columnHeads.forEach((th, i) => sortButton(th, 'sort rows by this column', () => {
      flip('row', String(i));
      say(`rows by ${metrics[metricShown()]} of ${nameOf(th)}, ${th.getAttribute('aria-sort')}`);
    }));
    rows.forEach((row, i) => sortButton(row.cells[0], 'sort columns by this row', () => {
      flip('col', String(i));
      say(`columns by ${metrics[metricShown()]} of ${nameOf(row.cells[0])}, ${row.cells[0].getAttribute('aria-sort')}`);
    }));
    radios.forEach((radio, i) => radio.addEventListener('change', () => {
      state.m = i;
      arrange();
      remember();
    }));
  }

  function setUpList(table) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((th, k) => sortButton(th, 'sort by this column', () => {
      const down = th.getAttribute('aria-sort') === 'ascending';
      const value = (row) => {
        const cell = row.cells[k];
        if (cell.dataset.v !== undefined) return Number(cell.dataset.v);
        return cell.classList.contains('n') ? null : cell.textContent;
      };
      table.tBodies[0].append(...order([...table.tBodies[0].rows], value, down));
      mark(heads, th, down);
      say(`sorted by ${nameOf(th)}, ${th.getAttribute('aria-sort')}`);
    }));
  }

  // ---- two cells ----

  const cell = (i) => cells.find((td) => Number(td.dataset.cell) === i);

  // With a sign, but for what is nothing when rounded.
  const signed = (v) => (Math.abs(v) < 0.05 ? '0' : `${v > 0 ? '+' : '−'}${Math.abs(v).toFixed(1)}`);
  function changeText(a, b) {
    if (a === null || b === null || !(a > 0)) return '–';
    const r = b / a;
    if (r >= 0.5 && r <= 2) return `${signed((r - 1) * 100)} %`;
    return `× ${r >= 100 ? flame.count(r) : flame.digits(r, 3)}`;
  }

  // Of shares: a percentage of a percentage would mislead.
  const pointsText = (d) => `${signed(d * 100)} points`;

  function bar(a, b, most) {
    const d = (b || 0) - (a || 0);
    const mark_ = element('b', { class: d > 0 ? 'more' : 'less' });
    mark_.style.width = `${most > 0 ? Math.min(50, (50 * Math.abs(d)) / most) : 0}%`;
    return element('td', { class: 'delta', 'aria-hidden': 'true' }, element('i', {}, mark_));
  }

  function line(name, a, b, textA, textB, most) {
    const td = (text) => element('td', { class: 'n' }, text);
    const change = / %$/.test(textA + textB) && a !== null && b !== null ? pointsText(b - a) : changeText(a, b);
    return element('tr', {}, element('th', { scope: 'row' }, name), td(textA), td(textB), td(change),
      most === undefined ? element('td') : bar(a, b, most));
  }

  const valueIn = (td, selector) => {
    const span = td.querySelector(selector);
    return span && span.dataset.v !== undefined ? Number(span.dataset.v) : null;
  };
  const textIn = (td, selector) => {
    const span = td.querySelector(selector);
    return span ? span.lastChild.textContent : '–';
  };

  function metricLines(a, b) {
    return metrics.map((name, m) => line(element('bdi', {}, name), valueIn(a, `.m${m}`), valueIn(b, `.m${m}`),
      textIn(a, `.m${m}`), textIn(b, `.m${m}`)));
  }

  // From the table of stages: one row a cell, one column a stage.
  function stageLines() {
    const table = document.querySelector('#stages table');
    if (!table) return [];
    const row = (i) => table.querySelector(`tr[data-cell="${i}"]`);
    const a = row(state.a);
    const b = row(state.b);
    const v = (r, k) => (r.cells[k].dataset.v === undefined ? null : Number(r.cells[k].dataset.v));
    const stages = [...table.tHead.rows[0].cells].slice(1).map((th, i) => ({
      name: nameOf(th), a: v(a, i + 1), b: v(b, i + 1), textA: a.cells[i + 1].textContent, textB: b.cells[i + 1].textContent,
    })).filter((s) => s.a !== null || s.b !== null);
    // A stage that holds the others differs by their sum: its bar may be cut, theirs have to be seen.
    const all_ = stages.map((s) => Math.abs((s.b || 0) - (s.a || 0))).sort((x, y) => y - x);
    const most = all_.length > 2 ? all_[1] : all_[0];
    return stages.map((s) => line(element('bdi', {}, s.name), s.a, s.b, s.textA, s.textB, most));
  }

  function showPair() {
    const a = cell(state.a);
    const b = cell(state.b);
    const link = $('open-pair');
    for (const td of cells) td.classList.toggle('chosen', td === a || td === b);
    $('pick-a').value = state.a;
    $('pick-b').value = state.b;
    const together = a.dataset.place !== undefined && b.dataset.place !== undefined;
    link.hidden = !together;
    if (together) link.href = `${$('together').getAttribute('href')}#a=${a.dataset.place}&b=${b.dataset.place}`;
    const head = element('tr', {}, ...['', 'A', 'B', 'change', ''].map((text, i) =>
      element('th', { scope: 'col', class: i && i < 4 ? 'n' : false }, text)));
    const group = (text) => element('tr', {}, element('th', { scope: 'rowgroup', colspan: 5 }, element('small', {}, text)));
    $('difference').replaceChildren(element('thead', {}, head),
      element('tbody', {}, group('the run'), ...metricLines(a, b)),
      element('tbody', {}, group('wall time of its stages'), ...stageLines()));
  }

  function pick(which, i) {
    state[which] = i;
    showPair();
    remember();
    say(`${which.toUpperCase()} is ${cell(i).dataset.name}`);
  }

  function setUpPair() {
    const host = $('pair');
    if (!host || cells.length < 2) return;
    const select = (which) => element('label', {}, which.toUpperCase(), element('select', {
      id: `pick-${which}`, onchange: (e) => pick(which, Number(e.target.value)),
    }, ...cells.map((td) => element('option', { value: td.dataset.cell }, td.dataset.name))));
    const swap = element('button', { type: 'button', onclick: () => {
      [state.a, state.b] = [state.b, state.a];
      showPair();
      remember();
    } }, 'Swap');
    host.append(
      element('div', { class: 'choose' }, select('a'), select('b'), swap, element('a', { id: 'open-pair', href: '' }, 'Compare their profiles')),
      element('p', {}, element('small', {}, 'Or go to a cell of the matrix and type ', element('kbd', {}, 'a'), ' or ', element('kbd', {}, 'b'), '.')),
      element('div', { class: 'wide', tabindex: 0, role: 'region', 'aria-label': 'differences of A and B' }, element('table', { class: 'list', id: 'difference' })));
    document.querySelector('#compare .plain').hidden = true;
    matrix.addEventListener('keydown', (e) => {
      const td = e.target.closest('td[data-cell]');
      if (!td || e.ctrlKey || e.metaKey || e.altKey || !['a', 'b'].includes(e.key)) return;
      e.preventDefault();
      pick(e.key, Number(td.dataset.cell));
    });
  }

  // ---- the address ----

  function remember() {
    const parts = [];
    if (state.m) parts.push(`m=${state.m}`);
    if (state.row) parts.push(`row=${state.row}`);
    if (state.col) parts.push(`col=${state.col}`);
    if (state.a !== first.a) parts.push(`a=${state.a}`);
    if (state.b !== first.b) parts.push(`b=${state.b}`);
    history.replaceState(null, '', parts.length ? `#${parts.join('&')}` : location.href.replace(/#.*/, ''));
  }

  // What is compared at first: the first cell with the last one of its row, or of all.
  const first = (() => {
    if (!cells.length) return { a: -1, b: -1 };
    const beside = all('td[data-cell]', cells[0].parentNode);
    const last = beside.length > 1 ? beside[beside.length - 1] : cells[cells.length - 1];
    return { a: Number(cells[0].dataset.cell), b: Number(last.dataset.cell) };
  })();
  function recall() {
    const given = {};
    for (const part of location.hash.slice(1).split('&')) {
      const [key, value] = part.split('=');
      if (value !== undefined) given[key] = value;
    }
    const whole = (key, most, otherwise) => (/^\d{1,6}$/.test(given[key]) && Number(given[key]) < most ? Number(given[key]) : otherwise);
    state.m = whole('m', radios.length, 0);
    state.row = /^-?(name|\d{1,6})$/.test(given.row) ? given.row : '';
    state.col = /^-?\d{1,6}$/.test(given.col) && Number(given.col.replace('-', '')) < rows.length ? given.col : '';
    for (const which of ['a', 'b']) {
      const i = whole(which, cells.length, -1);
      state[which] = cell(i) ? i : first[which];
    }
    radios[state.m].checked = true;
    arrange();
    if ($('difference')) showPair();
  }

  setUpMatrix();
  for (const table of all('table.sortable')) setUpList(table);
  setUpPair();
  recall();
  addEventListener('hashchange', recall);
  document.documentElement.dataset.ready = '1';
})();
