// Source: files by what their lines cost, and a file's lines with numbers beside them. Text is foreign: what
// cannot be seen or turns text round is made visible, so that a line says what the compiler read.
(function (root) {
  'use strict';

  const flame = root.flame;
  const { element, textName, button } = flame;
  const CHAR = 7.3; // pixels of a letter of code

  const HELP = [
    ['h', 'the hottest line; again: the next one'],
    ['↑ ↓', 'lines with a cost'],
    ['PgUp PgDn Home End', 'all rows'],
    ['Enter', 'open the file; functions of the line'],
    ['[ ]', 'file before, file after'],
    ['Backspace', 'all files'],
    ['c', 'copy file:line'],
  ];

  // CJK letters and the like take two places.
  const places = (text) => text.length + (text.match(/[\u1100-\uffef]/g) ?? []).length;

  function create(app, host) {
    const { profile } = app;
    const { columns } = profile.source;
    let rows = []; // of the file as shown
    let hot = []; // places in rows, the hottest first
    let files = []; // by weight
    let shown = { file: -2, sort: null, column: -1 };
    let lang = null;
    let inside = null;
    let most = null; // {self, total}: the largest of the file by column

    const fileList = flame.longTable({ label: 'files', role: 'grid', fill: fillFile, moved: () => foot(), opened: openRow, sorted: sortBy });
    const lineList = flame.longTable({ label: 'lines', role: 'grid', fill: fillLine, moved, opened: inFlame, sorted: sortBy });
    const back = button('All files', 'all files (Backspace)', () => app.set({ file: -1, line: 0, sort: '' }));
    const chooser = flame.chooser('file', [], (v) => openFile(Number(v)));
    const hottest = button('Hottest line', 'the hottest line (h); again: the next one', nextHottest);
    const told = element('output');
    const note = element('p', { class: 'note' });
    const details = element('footer', { class: 'list-foot', 'aria-label': 'selected line' });
    host.classList.add('lists', 'source');
    host.append(element('div', { class: 'viewbar' }, back, chooser.box, hottest, told), note, fileList.box, lineList.box, details);

    const inFile = () => app.state.file >= 0;
    const active = () => flame.sourceColumn(profile, app.state.kind);
    const amount = (k, v) => (v > 0 ? flame.amountText(v, flame.unitOf(columns[k])) : '');
    const fileName = (f) => profile.source.files[f].name;

    // What the page holds of a kind under its own filter, by node: what shares are of.
    const weights = new Map();
    function weightsOf(kind) {
      if (!weights.has(kind)) weights.set(kind, flame.totalsOf(profile.tree, flame.weigh(profile, { run: 0, kind }).selfValue));
      return weights.get(kind);
    }
    const share = (k, v) => flame.percent(v, weightsOf(columns[k])[0]);

    // ---- rows ----

    const sorting = () => flame.sourceSort(app.state.sort, columns.length, inFile())
      ?? { key: inFile() ? 'line' : `self.${active()}`, down: !inFile() };

    function sortBy(key) {
      const now = sorting();
      const down = now.key === key ? !now.down : /\./.test(key);
      app.set({ sort: `${down ? '-' : ''}${key}` });
    }

    const partOf = (key) => key.split('.');

    // Only those that have costs in the file, or in any, and the chosen one.
    function valueColumns(parts) {
      const any = (k) => k === active() || (inFile() ? most.total[k] > 0 || most.self[k] > 0 : files.some((f) => f.self[k] > 0));
      return columns.flatMap((kind, k) => (any(k) ? parts : []).map((part) => ({
        id: `${part}${k === active() || sorting().key.endsWith(`.${k}`) ? '' : ' off'}`, key: part, k, sort: `${part}.${k}`, head: `${kind} ${part}`,
        title: part === 'total' ? 'with all it calls; a line counts once in a stack'
          : flame.unitOf(kind) === 'ns' ? 'its own' : 'its own, with what library code does for it',
      })));
    }

    function showFiles() {
      const sort = sorting();
      const [key, k] = partOf(sort.key);
      files = flame.sourceFiles(profile, key === 'self' ? Number(k) : active());
      if (key === 'name') files.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.file - b.file));
      if (key === 'name' ? sort.down : !sort.down) files.reverse();
      fileList.columns([...valueColumns(['self']), { id: 'name', head: 'file', sort: 'name', title: 'by name' }], sort);
      fileList.show(files.length, Math.max(0, files.findIndex((f) => f.file === lastFile)), false);
    }

    let lastFile = -1;
    function showLines() {
      const { file, line } = app.state;
      const sort = sorting();
      const all = flame.sourceRows(profile, file);
      const [part, k] = partOf(sort.key);
      lastFile = file;
      lang = flame.languageOf(fileName(file));
      const within = flame.insideComments(all, lang);
      const open = new Set(all.filter((_, i) => within[i]));
      rows = part === 'line' ? (sort.down ? all.slice().reverse() : all) : flame.sortedRows(all, part, Number(k), !sort.down);
      inside = rows.map((row) => open.has(row));
      hot = flame.hotRows(rows, active());
      most = { self: [], total: [] };
      for (const key of ['self', 'total']) most[key] = columns.map((_, c) => rows.reduce((m, row) => (row.line ? Math.max(m, row.line[key][c]) : m), 0));
      const widest = rows.reduce((m, row) => (row.text ? Math.max(m, places(flame.codeText(row.text))) : m), 20);
      lineList.box.style.setProperty('--code', `${Math.ceil(widest * CHAR) + 24}px`);
      lineList.columns([{ id: 'no', head: 'line', sort: 'line', title: 'in the order of the file' }, ...valueColumns(['self', 'total']), { id: 'code', head: 'code' }], sort);
      const at = rows.findIndex((row) => row.no === line && line > 0);
      lineList.show(rows.length, at >= 0 ? at : part === 'line' ? hot[0] ?? 0 : 0, false);
      centre();
    }

    // The row under the cursor to the middle of the window.
    function centre() {
      const { box, cursor } = lineList;
      const row = parseFloat(root.getComputedStyle(box).getPropertyValue('--row')) || 24;
      if (cursor >= 0) box.scrollTop = cursor * row - box.clientHeight / 2;
      lineList.draw();
    }

    function bar(cell, part, k, value, top) {
      cell.style.setProperty('--p', top > 0 ? value / top : 0);
      if (value > 0) cell.title = `${share(k, value)} of ${flame.kindText(columns[k])}`;
      cell.classList.add('bar');
    }

    function fillFile(tr, i) {
      const f = files[i];
      const top = columns.map((_, k) => files.reduce((m, x) => Math.max(m, x.self[k]), 0));
      for (const c of valueColumns(['self'])) {
        const cell = element('td', { class: c.id }, amount(c.k, f.self[c.k]));
        bar(cell, 'self', c.k, f.self[c.k], top[c.k]);
        tr.append(cell);
      }
      const cut = f.name.lastIndexOf('/') + 1;
      tr.append(element('th', { scope: 'row', class: 'name', title: flame.visible(f.name) },
        button(element('span', null, cut ? element('bdi', { class: 'folder' }, flame.visible(f.name.slice(0, cut))) : '', textName(f.name.slice(cut))),
          'show its lines', () => openFile(f.file), { tabindex: '-1' }),
        f.text ? '' : element('span', { class: 'untold' }, 'no text')));
    }

    function codeCell(row, i) {
      const cell = element('td', { class: 'code' });
      if (row.gap) cell.append(element('span', { class: 'untold' }, `… ${row.gap[0] === row.gap[1] ? `line ${flame.count(row.gap[0])}` : `lines ${flame.count(row.gap[0])} to ${flame.count(row.gap[1])}`}`));
      else if (row.text === null) cell.append(element('span', { class: 'untold' }, row.no > 0 ? '' : 'no line is known'));
      else
        for (const [what, text] of flame.shade(flame.codeText(row.text), lang, inside[i]))
          cell.append(what ? element('span', { class: `code-${what}` }, text) : text);
      return cell;
    }

    function fillLine(tr, i) {
      const row = rows[i];
      tr.classList.toggle('between', Boolean(row.gap));
      tr.append(element('th', { scope: 'row', class: 'no' }, row.no > 0 ? String(row.no) : ''));
      for (const c of valueColumns(['self', 'total'])) {
        const value = row.line ? row.line[c.key][c.k] : 0;
        const cell = element('td', { class: c.id }, amount(c.k, value));
        if (value > 0) bar(cell, c.key, c.k, value, most[c.key][c.k]);
        tr.append(cell);
      }
      tr.append(codeCell(row, i));
    }

    // ---- moving ----

    function openFile(file) {
      app.set({ file, line: 0, sort: '' });
      lineList.focus();
    }

    function openRow(i) {
      if (files[i]) openFile(files[i].file);
    }

    function moved(i) {
      const no = rows[i] ? rows[i].no ?? 0 : 0;
      if (no !== app.state.line) app.set({ line: no }, { step: false });
      else foot();
    }

    function goTo(i) {
      lineList.moveTo(i);
      centre();
      lineList.focus();
    }

    function nextHottest() {
      if (!inFile() || hot.length === 0) return;
      const at = hot.indexOf(lineList.cursor);
      goTo(hot[(at + 1) % hot.length]);
    }

    // The next row in that direction that costs anything in the column at hand.
    function step(by) {
      if (!inFile()) return fileList.moveTo(fileList.cursor + by);
      const k = active();
      for (let i = lineList.cursor + by; i >= 0 && i < rows.length; i += by)
        if (rows[i].line && (rows[i].line.self[k] > 0 || rows[i].line.total[k] > 0)) return lineList.moveTo(i);
      return undefined;
    }

    function nextFile(by) {
      if (files.length === 0) files = flame.sourceFiles(profile, active());
      const at = files.findIndex((f) => f.file === app.state.file);
      const to = files[at + by];
      if (to && inFile()) openFile(to.file);
    }

    // ---- the line under the cursor ----

    const functionsAt = (file, no) => flame.functionsAt(profile, weightsOf(columns[active()]), fileName(file), no);

    function inFlame(i) {
      const row = rows[i];
      const [label] = row && row.no ? functionsAt(app.state.file, row.no) : [];
      if (label !== undefined) app.set({ fn: label, view: 'callers' });
      else app.say('no function spends most of its time in this line');
    }

    function foot() {
      const file = inFile() ? app.state.file : (files[fileList.cursor] ?? { file: -1 }).file;
      details.hidden = file < 0;
      if (file < 0) return;
      const row = inFile() ? rows[lineList.cursor] : null;
      const parts = row && row.line
        ? columns.map((kind, k) => (row.line.total[k] > 0 || row.line.self[k] > 0
          ? `${kind}: ${row.line.self[k] > 0 ? `${amount(k, row.line.self[k])} (${share(k, row.line.self[k])}) self, ` : ''}${amount(k, row.line.total[k])} (${share(k, row.line.total[k])}) total` : ''))
        : [];
      const at = `${fileName(file)}${row && row.no > 0 ? `:${row.no}` : ''}`;
      const labels = row && row.no > 0 ? functionsAt(file, row.no).slice(0, 3) : [];
      details.replaceChildren(element('strong', null, textName(at)),
        ...parts.filter(Boolean).map((text) => element('span', null, text)),
        ...(labels.length > 0 ? [element('span', null, 'mostly here: ', ...labels.flatMap((label, i) => [i ? ', ' : '',
          button(textName(app.name(label)), 'callers and callees', () => app.set({ fn: label, view: 'callers' }), { class: 'plain' })]))] : []),
        element('span', { class: 'group' },
          button('Copy', 'copy file:line (c)', () => app.copy(at, 'file and line')),
          ...(labels.length > 0 ? [button('Flame', 'find the function in the flame graph', () =>
            app.toFlame({ find: flame.escaped(profile.strings.text(profile.labels.name[labels[0]])) }))] : [])));
    }

    function notes() {
      const { stage, thread, from } = app.state;
      const list = [];
      if (stage !== flame.ALL || thread !== flame.ALL || from >= 0)
        list.push('Lines have the costs of the whole run: the stage, thread or range chosen above is not applied.');
      const { leftOut } = profile.source;
      const text = inFile() ? profile.source.files[app.state.file].windows.length > 0 : profile.source.files.some((_, f) => files.length && files.find((x) => x.file === f).text);
      if (!text)
        list.push(`The text ${inFile() ? 'of this file' : 'of the files'} is not in the page: it was not found when the page was made, or there was no room for it. Numbers are complete.`);
      else if (!inFile() && leftOut > 0) list.push(`${flame.count(leftOut)} ${leftOut === 1 ? 'file has' : 'files have'} no text here: not found when the page was made, or no room for it.`);
      note.hidden = list.length === 0;
      note.textContent = list.join(' ');
    }

    function render(changed) {
      const { file, sort, line } = app.state;
      const column = active();
      const same = shown.file === file && shown.sort === sort && shown.column === column;
      if (!same || changed === null) {
        shown = { file, sort, column };
        host.classList.toggle('in-file', inFile());
        fileList.box.hidden = inFile();
        lineList.box.hidden = hottest.hidden = back.hidden = chooser.box.hidden = !inFile();
        files = flame.sourceFiles(profile, column);
        if (inFile()) {
          chooser.fill(files.map((f) => [f.file, `${flame.baseName(f.name) || '(no name)'}${f.self[column] > 0 ? ` (${amount(column, f.self[column])})` : ''}`]));
          chooser.select.value = String(file);
          showLines();
          told.textContent = `${flame.count(rows.filter((row) => row.line).length)} lines with costs`;
        } else {
          showFiles();
          told.textContent = `${flame.count(files.length)} ${files.length === 1 ? 'file' : 'files'}`;
        }
      } else if (changed.has('line') && inFile() && (rows[lineList.cursor] ?? {}).no !== line) {
        const at = rows.findIndex((row) => row.no === line && line > 0);
        if (at >= 0) {
          lineList.moveTo(at, true);
          centre();
        }
      }
      notes();
      foot();
    }

    const list = () => (inFile() ? lineList : fileList);
    const keys = {
      h: nextHottest,
      ArrowDown: () => step(1),
      ArrowUp: () => step(-1),
      n: () => step(1),
      N: () => step(-1),
      Enter: () => (inFile() ? inFlame(lineList.cursor) : openRow(fileList.cursor)),
      '[': () => nextFile(-1),
      ']': () => nextFile(1),
      Backspace: () => app.set({ file: -1, line: 0, sort: '' }),
      c: () => details.querySelector('.group button').click(),
    };
    for (const key of ['PageDown', 'PageUp', 'Home', 'End']) keys[key] = () => list().keys[key]();
    return { render, resize: () => list().draw(), focus: () => list().focus(), help: HELP, keys };
  }

  flame.views.push({ id: 'source', help: HELP, create });
})(globalThis);
