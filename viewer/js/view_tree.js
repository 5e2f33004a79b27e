// Tree: the call tree as rows that open and close, of any depth and size.
(function (root) {
  'use strict';

  const flame = root.flame;
  const { element, textName, button } = flame;
  const AT_FIRST = 0.1; // of everything: what is that heavy is open at first
  const BELOW = 0.001; // of a node: what * opens and what is copied with it
  const MOST = 20000; // rows that one key may open, or lines that are copied

  const HELP = [
    ['↑ ↓ PgUp PgDn Home End', 'move through the rows'],
    ['→ +', 'open; → again: to the first callee'],
    ['← -', 'close; ← again: to the caller'],
    ['e', 'open the heaviest path'],
    ['*', 'open everything below, down to 0.1 %'],
    ['f', 'show it in the flame graph'],
    ['w', 'its callers and callees'],
    ['y Y', 'copy its name; the tree below it as text'],
  ];

  function columnsOf(app, graph) {
    const amount = graph.byCount ? flame.count : app.amountOfKind;
    const { total, self, compare } = graph;
    const name = { id: 'name', head: 'function' };
    const module = { id: 'module', head: 'module', text: (n) => (n > 0 ? flame.visible(flame.baseName(app.module(graph.tree.label[n]))) : '') };
    if (!compare)
      return [
        { id: 'totalp', head: 'total %', title: 'with all it calls', share: (n) => total[n] / total[0], text: (n) => flame.percent(total[n], total[0]) },
        { id: 'total', head: 'total', title: 'with all it calls', text: (n) => amount(total[n]) },
        { id: 'self', head: 'self', title: 'its own cost', zero: (n) => self[n] === 0, text: (n) => amount(self[n]) },
        name, module,
      ];
    const { a, b } = compare;
    const delta = (n) => b.total[n] - a.total[n];
    return [
      { id: 'atotal', head: 'A total', title: 'with all it calls, in A', text: (n) => amount(a.total[n]) },
      { id: 'btotal', head: 'B total', title: 'with all it calls, in B', text: (n) => amount(b.total[n]) },
      { id: 'delta', head: 'Δ total', title: 'B − A', delta, text: (n) => flame.signedText(delta(n), amount) },
      name, module,
    ];
  }

  // The tree below a node as text, a line each: shares, then the name, indented.
  function subtreeText(app, graph, top) {
    const { tree, total, self } = graph;
    const lines = [' total    self  function'];
    let left = 0;
    for (let n = top; n < tree.end[top]; ) {
      if (total[n] < BELOW * total[top] || !(total[n] > 0) || lines.length > MOST) {
        left += total[n] > 0 ? 1 : 0;
        n = tree.end[n];
        continue;
      }
      const [t, s] = [total[n], self[n]].map((v) => flame.percent(v, total[0]).padStart(7));
      lines.push(`${t} ${s}  ${'  '.repeat(Math.min(tree.depth[n] - tree.depth[top], 100))}${app.nodeName(n, graph)}`);
      n++;
    }
    if (left > 0) lines.push(`${flame.count(left)} lighter branches are left out`);
    return `${lines.join('\n')}\n`;
  }

  function create(app, host) {
    const open = new Set(); // nodes of the profile's tree
    let graph = null;
    let columns = [];
    let rows = []; // nodes of the graph
    let found = null; // index of the search
    let most = 12; // steps of indentation

    const list = flame.longTable({ label: 'call tree', role: 'treegrid', fill, moved, opened: (i) => toggle(rows[i]) });
    const path = button('Heaviest path', 'open the heaviest path below the row (e)', () => heaviest(here()));
    const copy = button('Copy', 'copy the tree below the row as text (Y)', copyTree);
    const all = button('Close all', 'close every row but the first', () => {
      open.clear();
      open.add(0);
      draw(0);
    });
    const told = element('output');
    host.classList.add('lists');
    host.classList.toggle('compared', app.profile.runs.length > 1);
    host.append(element('div', { class: 'viewbar' }, path, all, copy, told), list.box);
    list.box.addEventListener('click', (event) => {
      const twist = event.target.closest('.twist');
      if (twist) toggle(rows[Number(twist.closest('tr').dataset.i)]);
    });

    list.box.addEventListener('contextmenu', (event) => {
      const row = event.target.closest('tr[data-i]');
      if (!row) return;
      event.preventDefault();
      list.moveTo(Number(row.dataset.i));
      flame.menu(app.nodeName(here(), graph), flame.frameActions(app, graph, here()), event.clientX, event.clientY);
    });

    const here = () => rows[list.cursor] ?? 0;
    const weighs = (n) => graph.total[n] > 0 || (graph.compare !== null && (graph.compare.a.total[n] > 0 || graph.compare.b.total[n] > 0));
    const isOpen = (n) => open.has(graph.base(n));
    const isLeaf = (n) => {
      const { end } = graph.tree;
      for (let c = n + 1; c < end[n]; c = end[c]) if (weighs(c)) return false;
      return true;
    };

    function listRows() {
      const { end, count } = graph.tree;
      rows = [];
      for (let n = 0; n < count; ) {
        if (!weighs(n)) n = end[n];
        else {
          rows.push(n);
          n = isOpen(n) ? n + 1 : end[n];
        }
      }
    }

    // The place of a node, or of the last row before it (rows are in the order of nodes).
    function placeOf(node) {
      let low = 0;
      let high = rows.length;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (rows[middle] <= node) low = middle;
        else high = middle;
      }
      return low;
    }

    // Indentation takes at most half of the column; beyond that the depth stands there as a number.
    function measure() {
      const head = list.box.querySelector('thead .name');
      const step = parseFloat(root.getComputedStyle(head).getPropertyValue('--step')) || 12;
      const before = most;
      most = Math.max(4, Math.floor(head.clientWidth / 2 / step));
      return most !== before;
    }

    function draw(node) {
      listRows();
      list.columns(columns);
      measure();
      list.show(rows.length, placeOf(node), true);
      told.textContent = `${flame.count(rows.length)} of ${flame.count(graph.tree.count)} frames open`;
    }

    // Opens the callers of a node and goes there.
    function goTo(node) {
      for (let n = node; n > 0; n = graph.tree.parent[n]) open.add(graph.base(graph.tree.parent[n]));
      draw(node);
      list.moveTo(placeOf(node));
    }

    function moved(i) {
      if (i >= 0 && graph.base(rows[i]) !== app.state.selected) app.set({ selected: graph.base(rows[i]) }, { step: false });
    }

    function toggle(node, to = !isOpen(node)) {
      if (to === isOpen(node) || (to && isLeaf(node))) return false;
      if (to) open.add(graph.base(node));
      else open.delete(graph.base(node));
      draw(node);
      return true;
    }

    function heaviest(node) {
      const { tree, total } = graph;
      let n = node;
      for (let next = flame.step(tree, total, n, 'callee'); next !== n; next = flame.step(tree, total, n, 'callee')) {
        open.add(graph.base(n));
        n = next;
      }
      goTo(n);
    }

    function openBelow(top) {
      const { tree, total } = graph;
      let budget = MOST;
      for (let n = top; n < tree.end[top] && budget > 0; ) {
        if (total[n] < BELOW * total[top]) n = tree.end[n];
        else {
          open.add(graph.base(n++));
          budget--;
        }
      }
      draw(top);
    }

    function first() {
      const { tree, total } = graph;
      open.add(0);
      for (let n = 1; n < tree.count && open.size < 50; ) {
        if (total[n] >= AT_FIRST * total[0]) open.add(graph.base(n++));
        else n = tree.end[n];
      }
    }

    function nextHit(forward) {
      const hits = app.hits();
      if (!hits) return;
      const node = flame.nextMatch(graph.tree, graph.total, hits, here(), forward);
      if (node >= 0) goTo(node);
    }

    function copyTree() {
      app.copy(subtreeText(app, graph, here()), 'the tree below it');
    }

    function fill(tr, i) {
      const n = rows[i];
      const { tree } = graph;
      const leaf = isLeaf(n);
      const opened = isOpen(n) && !leaf;
      tr.setAttribute('aria-level', String(tree.depth[n] + 1));
      if (!leaf) tr.setAttribute('aria-expanded', String(opened));
      const hit = found && n > 0 && found.hits[tree.label[n]] === 1;
      tr.classList.toggle('hit', Boolean(hit));
      for (const c of columns) {
        if (c.id === 'name') {
          tr.append(nameCell(n, leaf, opened));
          continue;
        }
        const cell = element('td', { class: c.zero && c.zero(n) ? `${c.id} zero` : c.id }, c.text(n));
        if (c.share) cell.style.setProperty('--p', c.share(n));
        if (c.delta) cell.classList.add(c.delta(n) > 0 ? 'more' : c.delta(n) < 0 ? 'less' : 'same');
        tr.append(cell);
      }
    }

    function nameCell(n, leaf, opened) {
      const { tree } = graph;
      const depth = tree.depth[n];
      const cell = element('th', { scope: 'row', class: 'name' },
        element('span', { class: 'twist', 'aria-hidden': 'true' }, leaf ? '' : opened ? '▾' : '▸'));
      cell.style.setProperty('--depth', Math.min(depth, most));
      if (depth > most) cell.append(element('span', { class: 'depth', title: `${depth} below the root` }, flame.count(depth)));
      const name = textName(app.nodeName(n, graph));
      const inlined = n > 0 && app.profile.labels.flags[tree.label[n]] & flame.INLINED;
      cell.append(inlined ? element('i', { title: 'inlined into its caller' }, name) : name);
      const inside = found && !opened ? flame.matchesBefore(found, tree.end[n]) - flame.matchesBefore(found, n + 1) : 0;
      if (inside > 0) cell.append(element('span', { class: 'inside' }, `${flame.count(inside)} ${inside === 1 ? 'match' : 'matches'} below`));
      return cell;
    }

    return {
      help: HELP,
      render(changed) {
        const before = graph;
        const there = changed && graph === app.graph() && !changed.has('find');
        if (there && (!changed.has('selected') || (rows.length && graph.base(here()) === app.state.selected))) return;
        graph = app.graph();
        const hits = app.hits();
        found = hits ? flame.searchIndex(graph.tree, graph.total, hits) : null;
        columns = columnsOf(app, graph);
        if (!before) first();
        const selected = graph.node(app.state.selected);
        if ((changed === null || changed.has('selected')) && selected > 0)
          for (let n = graph.tree.parent[selected]; ; n = graph.tree.parent[n]) {
            open.add(graph.base(n));
            if (n === 0) break;
          }
        draw(selected);
      },
      resize: () => (graph && measure() ? draw(here()) : list.draw()),
      focus: list.focus,
      keys: {
        ...list.keys,
        ArrowRight: () => {
          if (isLeaf(here())) return;
          if (!toggle(here(), true)) list.moveTo(list.cursor + 1);
        },
        ArrowLeft: () => {
          if (!toggle(here(), false)) list.moveTo(placeOf(graph.tree.parent[here()]));
        },
        '+': () => toggle(here(), true),
        '-': () => toggle(here(), false),
        Enter: () => toggle(here()),
        ' ': () => toggle(here()),
        '*': () => openBelow(here()),
        e: () => heaviest(here()),
        f: () => app.toFlame({ zoom: graph.base(here()), selected: graph.base(here()) }),
        w: () => here() > 0 && app.set({ view: 'callers', fn: graph.tree.label[here()] }),
        y: () => here() > 0 && app.copy(app.profile.strings.text(app.profile.labels.name[graph.tree.label[here()]]), 'the name'),
        Y: copyTree,
        n: () => nextHit(true),
        N: () => nextHit(false),
      },
    };
  }

  flame.views.push({ id: 'tree', help: HELP, create });
})(globalThis);
