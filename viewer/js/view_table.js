// Table: functions (or modules) with what they cost themselves and with all they call; of a comparison both
// runs and the difference. Also the form of the flame graph for readers of the screen.
(function (root) {
  'use strict';

  const flame = root.flame;
  const { element, textName, button } = flame;

  const HELP = [
    ['↑ ↓ PgUp PgDn Home End', 'move through the rows'],
    ['Enter w', 'callers and callees of the function'],
    ['f v', 'show it in the flame graph, its source'],
    ['g', 'functions or modules'],
    ['y', 'copy its name'],
    ['Y', 'copy the rows as tab-separated text'],
  ];

  // What a row is called and where it is, of a table of functions or of modules.
  function namesOf(app, table, byModule) {
    const { labels, strings } = app.profile;
    if (byModule)
      return {
        name: (r) => flame.nameText(strings.text(table.module[r])),
        module: () => '',
        place: () => '',
        find: (r) => `${labels.module.includes(table.module[r] + 1) ? 'module:' : ''}${flame.escaped(strings.text(table.module[r]))}`,
      };
    return {
      name: (r) => app.name(table.label[r]),
      module: (r) => flame.visible(app.module(table.label[r])),
      place: (r) => {
        const l = table.label[r];
        const file = strings.text(labels.file[l]);
        return file ? flame.visible(`${file}${labels.line[l] ? `:${labels.line[l]}` : ''}`) : '';
      },
    };
  }

  // The columns: what stands in a cell, what it sorts by, and what is copied.
  function columnsOf(app, table, names, tested) {
    const graph = app.graph();
    const amount = graph.byCount ? flame.count : app.amountOfKind;
    const unit = graph.byCount ? app.noun : app.unit;
    const value = (id, head, title, column) =>
      ({ id, head, title, sort: id, number: (r) => column[r], text: (r) => amount(column[r]), copied: `${head} (${unit})` });
    const share = (id, head, title, column, sort) =>
      ({ id, head, title, sort, number: (r) => column[r], share: (r) => column[r] / graph.total[0], text: (r) => flame.percent(column[r], graph.total[0]), copied: head });
    const text = (id, head, title, of, cut) =>
      ({ id, head, title, sort: id, words: of, text: cut ? (r) => cut(of(r)) : of, copied: head });
    const place = [
      text('name', names.byModule ? 'module' : 'function', 'by name', names.name),
      ...(names.byModule ? [] : [
        text('module', 'module', 'program or library', names.module, flame.baseName),
        text('place', 'file:line', 'where it spends most', names.place),
      ]),
    ];
    if (!table.compare)
      return [
        value('self', 'self', 'its own cost', table.self),
        share('selfp', 'self %', 'its own cost', table.self, 'self'),
        value('total', 'total', 'with all it calls', table.total),
        share('totalp', 'total %', 'with all it calls', table.total, 'total'),
        ...(graph.byCount ? [] : [{ ...value('samples', app.noun, 'of its own', table.selfCount), text: (r) => flame.count(table.selfCount[r]), copied: app.noun }]),
        ...place,
      ];
    const { a, b } = table.compare;
    const change = (id, head, title, part) => {
      const delta = (r) => b[part][r] - a[part][r];
      return { id, head, title, sort: id, number: delta, delta, text: (r) => flame.signedText(delta(r), amount), copied: `${head} (${unit})` };
    };
    const relative = (r) => (a.self[r] > 0 ? (b.self[r] - a.self[r]) / a.self[r] : b.self[r] > 0 ? Infinity : 0);
    const chance = (r) => tested.p[table.label[r]];
    return [
      value('aself', 'A self', 'its own cost in A', a.self),
      value('bself', 'B self', 'its own cost in B', b.self),
      change('delta', 'Δ self', 'B − A', 'self'),
      {
        id: 'ratio', head: 'Δ %', title: 'B − A, of A', sort: 'ratio', number: relative, copied: 'Δ %',
        text: (r) => (relative(r) === Infinity ? 'new' : relative(r) === -1 ? 'gone' : flame.signedText(100 * relative(r), (v) => `${flame.digits(v, 3)} %`)),
      },
      ...(tested ? [{
        id: 'p', head: 'p', sort: 'p', number: (r) => (chance(r) >= 0 ? chance(r) : 2), copied: 'p',
        title: 'chance of such a difference if nothing changed; bold: significant, 5 % false ones among these',
        text: (r) => (chance(r) >= 0 ? (chance(r) < 0.001 ? '< 0.001' : flame.digits(chance(r), 2)) : '–'),
      }] : []),
      value('atotal', 'A total', 'with all it calls, in A', a.total),
      value('btotal', 'B total', 'with all it calls, in B', b.total),
      change('deltatotal', 'Δ total', 'B − A', 'total'),
      ...place,
    ];
  }

  // state.sort: '-' for descending, 'm.' if rows are modules, the column.
  function sorting(text, compare) {
    const [, minus, modules, key] = /^(-?)(m\.)?(.*)$/.exec(text);
    const byModule = Boolean(modules);
    if (key) return { byModule, key, down: minus === '-' };
    return compare ? { byModule, key: 'delta', down: true, other: true } : { byModule, key: 'self', down: true };
  }

  // A number per row for each column to sort by; of words their place among all, worked out once.
  function keysOf(table, column) {
    const rows = Array.from({ length: table.count }, (_, r) => r);
    if (!column.words) return Float64Array.from(rows, column.number);
    if (!column.ranks) {
      const words = rows.map(column.words);
      const rank = new Map(words.slice().sort().map((word, i) => [word, i]));
      column.ranks = Float64Array.from(words, (word) => rank.get(word));
    }
    return column.ranks;
  }

  // Places of the rows that pass the search, sorted; equal ones by what they cost with all they call.
  function orderOf(table, column, sort, passes) {
    const order = [];
    for (let r = 0; r < table.count; r++) if (passes(r)) order.push(r);
    const { total, compare } = table;
    const next = compare ? compare.a.total.map((v, r) => v + compare.b.total[r]) : total;
    const keys = keysOf(table, column).map((v) => (sort.down ? -1 : 1) * (sort.other ? Math.abs(v) : v));
    return Uint32Array.from(order).sort((x, y) => (keys[x] === keys[y] ? next[y] - next[x] || x - y : keys[x] < keys[y] ? -1 : 1));
  }

  function create(app, host) {
    const { profile } = app;
    const several = profile.runs.length > 1;
    let shown = null; // {graph, byModule, table, names, columns}
    let order = [];
    let sums = {}; // of sumsByKind()

    const list = flame.longTable({
      label: 'functions', role: 'grid', fill, moved: foot, opened: (i) => open(i),
      sorted: (key) => {
        const now = load();
        const first = !['name', 'module', 'place', 'p'].includes(key); // numbers: the largest first
        app.set({ sort: sortText(now.byModule, key, now.key === key && !now.other ? !now.down : first) });
      },
    });
    const group = flame.chooser('rows', [['', 'functions'], ['module', 'modules']], regroup);
    const copy = button('Copy', 'copy these rows as tab-separated text (Y)', copyAll);
    const told = element('output');
    const details = element('footer', { class: 'list-foot', 'aria-label': 'selected row' });
    host.classList.add('lists');
    host.classList.toggle('compared', several);
    host.append(element('div', { class: 'viewbar' }, group.box, copy, told), list.box, details);

    list.box.addEventListener('contextmenu', (event) => {
      const row = event.target.closest('tr[data-i]');
      if (!row || shown.byModule) return;
      list.moveTo(Number(row.dataset.i));
      flame.functionMenu(app, shown.table.label[order[list.cursor]], event);
    });

    const sortText = (byModule, key, down) => `${down ? '-' : ''}${byModule ? 'm.' : ''}${key}`;

    function regroup(value) {
      const now = load();
      const known = !now.other && !['module', 'place', 'p'].includes(now.key);
      app.set({ sort: known ? sortText(value !== '', now.key, now.down) : value ? 'm.' : '' });
    }

    function load() {
      const graph = app.graph();
      const sort = sorting(app.state.sort, several);
      if (!shown || shown.graph !== graph || shown.byModule !== sort.byModule) {
        const table = sort.byModule ? flame.moduleTable(profile, graph) : flame.functionTable(profile, graph);
        const names = { ...namesOf(app, table, sort.byModule), byModule: sort.byModule };
        const tested = table.compare && !sort.byModule && flame.significance ? flame.significance(profile, app.state, graph) : null;
        shown = { graph, byModule: sort.byModule, ids: sort.byModule ? flame.moduleIds(profile) : flame.functionIds(profile), table, names, tested, columns: columnsOf(app, table, names, tested) };
      }
      if (!shown.columns.some((c) => c.sort === sort.key)) Object.assign(sort, sorting('', several), { byModule: sort.byModule });
      return sort;
    }

    // Of a row: whether one of its labels is found.
    function filter() {
      const hits = app.hits();
      if (!hits) return () => true;
      const { labels } = profile;
      const found = new Set();
      for (let l = 0; l < labels.count; l++)
        if (hits[l]) found.add(shown.ids[l]);
      return (r) => found.has(shown.table.id[r]);
    }

    function render(changed) {
      if (changed && shown.graph === app.graph() && !changed.has('find') && !changed.has('sort')) return;
      const sort = load();
      const { table, columns } = shown;
      const keep = changed !== null && !['sort', 'find'].some((k) => changed.has(k));
      const row = changed === null && !shown.byModule && app.state.fn >= 0 ? table.row(app.state.fn) : order[list.cursor] ?? -1;
      order = orderOf(table, columns.find((c) => c.sort === sort.key), sort, filter());
      group.select.value = shown.byModule ? 'module' : '';
      list.columns(columns, sort);
      list.show(order.length, Math.max(0, order.indexOf(row)), keep);
      const what = shown.byModule ? 'modules' : 'functions';
      told.textContent = order.length === table.count ? `${flame.count(table.count)} ${what}` : `${flame.count(order.length)} of ${flame.count(table.count)} ${what}`;
      foot(list.cursor);
    }

    function fill(tr, i) {
      const r = order[i];
      const { columns, tested, table } = shown;
      const sure = tested && tested.significant[table.label[r]];
      for (const c of columns) {
        const words = c.text(r);
        const cell = element(c.id === 'name' ? 'th' : 'td', { class: c.id, scope: c.id === 'name' ? 'row' : null });
        if (c.id === 'name') cell.append(shown.byModule ? textName(words) : button(textName(words), 'callers and callees', () => open(i), { tabindex: '-1' }));
        else if (c.words) {
          cell.append(element('bdi', null, words));
          cell.title = c.words(r);
        } else {
          cell.append(words);
          cell.classList.toggle('zero', c.number(r) === 0);
        }
        if (c.share) cell.style.setProperty('--p', c.share(r));
        if (c.delta) cell.classList.add(c.delta(r) > 0 ? 'more' : c.delta(r) < 0 ? 'less' : 'same');
        if (sure && ['delta', 'ratio', 'p'].includes(c.id)) cell.classList.add('sure');
        tr.append(cell);
      }
    }

    // Sums of each kind the page holds by function (or module) under the filters; worked out once for all rows.
    function sumsByKind() {
      const { stage, thread, fold, own } = app.state;
      const key = [stage, thread, fold, own, shown.byModule].join(' ');
      if (sums.key !== key) sums = { key, list: flame.sumsByKind(profile, app.state, shown.ids, shown.table.rowOf.length) };
      return sums.list;
    }

    function kindsOf(id) {
      if (profile.kinds.length < 2 || several || app.ranged()) return '';
      const texts = sumsByKind().filter((k) => k.value[id] > 0 || k.count[id] > 0).map(({ kind, value, count }) =>
        `${kind} ${value[id] > 0 ? (flame.unitOf(kind) === 'ns' ? flame.time : flame.bytes)(value[id]) : `${flame.count(count[id])} ${flame.countNoun(kind)}`}`);
      return texts.length ? `self: ${texts.join(', ')}` : '';
    }

    function foot(i) {
      const r = order[i];
      details.hidden = r === undefined;
      if (r === undefined) return;
      const { names, byModule } = shown;
      const costs = kindsOf(shown.table.id[r]);
      details.replaceChildren(
        element('strong', null, textName(names.name(r))),
        ...(byModule ? [] : [element('span', null, element('bdi', null, [names.module(r), names.place(r)].filter(Boolean).join(' · ')))]),
        ...(costs ? [element('span', { class: 'kinds' }, costs)] : []),
        element('span', { class: 'group' },
          ...(byModule ? [] : [button('Callers', 'callers and callees (Enter)', () => open(i))]),
          button('Flame', 'show it in the flame graph (f)', () => act('f'))));
    }

    const open = (i) => act('w', i);

    // The same keys for a module: its functions, its frames.
    function act(key, i = list.cursor) {
      const r = order[i];
      if (r === undefined) return;
      if (!shown.byModule) flame.actByKey(app, key, shown.table.label[r]);
      else if (key === 'w') app.set({ sort: '', find: shown.names.find(r) });
      else if (key === 'f') app.toFlame({ find: shown.names.find(r) });
      else if (key === 'y') app.copy(shown.names.name(r), 'the name');
    }

    function copyAll() {
      const { columns } = shown;
      const plain = (v) => (Number.isFinite(v) ? String(v) : '');
      const cell = (c, r) => (c.words ? c.words(r) : c.share ? (100 * c.share(r)).toFixed(4) : c.id === 'ratio' ? plain(100 * c.number(r)) : plain(c.number(r)));
      const lines = Array.from(order, (r) => columns.map((c) => cell(c, r)).join('\t'));
      app.copy([columns.map((c) => c.copied).join('\t'), ...lines, ''].join('\n'), `${flame.count(order.length)} rows`);
    }

    return {
      render,
      resize: list.draw,
      focus: list.focus,
      help: HELP,
      keys: {
        ...list.keys,
        Enter: () => open(list.cursor),
        ...Object.fromEntries(['w', 'f', 'v', 'y'].map((key) => [key, () => act(key)])),
        g: () => regroup(shown.byModule ? '' : 'module'),
        Y: copyAll,
        n: list.keys.ArrowDown,
        N: list.keys.ArrowUp,
      },
    };
  }

  flame.views.push({ id: 'table', help: HELP, create });
})(globalThis);
