// Callers: one function in the middle, above it who calls it, below it what it calls, all its calls joined.
// Widths are parts of the function's total. A click puts another function in the middle.
(function (root) {
  'use strict';

  const flame = root.flame;
  const { element, textName, button } = flame;
  const LISTED = 60; // functions in the list to choose from
  const STAGES = 3; // named in the line above
  const PAPER = 1000; // pixels of its width
  const PRINTED = 60; // rows on it, at most
  const LEAST = 1e-4; // of the function's total: lighter branches are on no screen

  const HELP = [
    ['click Enter', 'put the function in the middle'],
    ['↑ ↓ ← →', 'move through callers and callees'],
    ['Home', 'back to the middle'],
    ['p', 'choose a function'],
    ['f v', 'show the selected function in the flame graph, its source'],
    ['y', 'copy its name'],
  ];

  // What can be done with a function, by key: [text, act, why not].
  function functionActions(app, label) {
    const { labels, strings } = app.profile;
    const raw = strings.text(labels.name[label]);
    const file = flame.sourceFileOf ? flame.sourceFileOf(app.profile, strings.text(labels.file[label])) : -1; // pages may lack it
    return {
      w: ['Callers and callees', () => app.set({ view: 'callers', fn: label })],
      f: ['Show in flame graph', () => app.toFlame({ find: flame.escaped(raw) })],
      v: ['Show source', () => app.set({ view: 'source', file, line: labels.line[label] }), file < 0 ? 'its source is not in this page' : ''],
      y: ['Copy name', () => app.copy(raw, 'the name')],
    };
  }
  const actByKey = (app, key, label) => {
    const [, act, whyNot] = functionActions(app, label)[key];
    if (whyNot) app.toast(whyNot);
    else act();
  };
  function functionMenu(app, label, event) {
    event.preventDefault();
    app.tip(null);
    const items = Object.entries(functionActions(app, label)).map(([key, [text, act, whyNot]]) => [text, act, key, whyNot]);
    flame.menu(app.name(label), items, event.clientX, event.clientY);
  }

  // One of the two graphs: a canvas as large as what is seen of it, in a box as high as all its rows.
  function pane(app, title, flip) {
    const canvas = element('canvas', { tabindex: '0', role: 'application', 'aria-label': `${title}: arrow keys move, Enter puts a function in the middle`, 'aria-describedby': 'said' });
    const tall = element('div', null, canvas);
    const box = element('div', { class: 'pane', tabindex: '-1' }, tall);
    const painter = new flame.Painter(canvas);
    const view = { graph: null, profile: app.profile, zoom: 0, rows: 1, offset: 0, scroll: 0, flip, hits: null, selected: -1, hover: -1, colours: null, name: null };
    let frame = 0;
    let paper = false;
    let hidden = 0; // pixels between what is seen of the callers and the middle

    const rows = () => view.rows - 1; // without the function itself, which has its own row in the middle
    function measure() {
      const width = Math.max(1, box.clientWidth);
      view.rows = flame.depthSeen(view.graph.tree, view.graph.total, 0, view.graph.total[0] / (2 * width)) + 1;
    }
    function fit() {
      if (paper) return;
      const height = Math.max(box.clientHeight, 1);
      const full = Math.max(rows() * flame.ROW, height);
      view.offset = flip ? full - rows() * flame.ROW : -flame.ROW;
      tall.style.height = `${rows() * flame.ROW}px`;
      if (flip) box.scrollTop = box.scrollHeight - box.clientHeight - hidden; // stays at the middle
      painter.resize(Math.max(1, box.clientWidth), height);
      paint();
    }
    function paint() {
      if (frame || paper) return;
      frame = root.requestAnimationFrame(() => {
        frame = 0;
        if (paper) return;
        view.scroll = box.scrollTop;
        view.colours = app.colours();
        view.hits = app.hits();
        if (view.graph) painter.paint(view);
      });
    }
    function nodeAt(event) {
      const at = canvas.getBoundingClientRect();
      const node = painter.nodeAt(view, event.clientX - at.left, event.clientY - at.top);
      return node > 0 ? node : -1;
    }
    function reveal(node) {
      const depth = view.graph.tree.depth[node];
      const row = flip ? view.rows - 1 - depth : depth - 1;
      const top = row * flame.ROW;
      if (top < box.scrollTop) box.scrollTop = top;
      else if (top + flame.ROW > box.scrollTop + box.clientHeight) box.scrollTop = top + flame.ROW - box.clientHeight;
    }
    box.addEventListener('scroll', () => {
      hidden = box.scrollHeight - box.clientHeight - box.scrollTop;
      paint();
    }, { passive: true });
    // Paper gets the rows next to the middle.
    for (const event of ['beforeprint', 'afterprint'])
      root.addEventListener(event, () => {
        if (event === 'beforeprint' ? !view.graph || box.offsetParent === null : !paper) return;
        paper = event === 'beforeprint';
        if (!paper) {
          fit();
          return;
        }
        const printed = Math.min(rows(), PRINTED);
        painter.resize(PAPER, Math.max(1, printed * flame.ROW), 2);
        painter.paint({ ...view, colours: app.colours(), hits: app.hits(), offset: flip ? 0 : -flame.ROW, scroll: flip ? (rows() - printed) * flame.ROW : 0 });
      });
    const restart = () => {
      hidden = 0;
      box.scrollTop = 0;
    };
    return { restart, box, canvas, view, painter, measure, rows, fit, paint, nodeAt, reveal, flip };
  }

  // An input with a list of functions, the heaviest first.
  function chooser(app, pick) {
    const list = element('ul', { role: 'listbox', id: 'fn-list', 'aria-label': 'functions', hidden: true });
    const input = element('input', {
      id: 'fn', type: 'text', role: 'combobox', autocomplete: 'off', spellcheck: 'false', 'aria-expanded': 'false', 'aria-controls': 'fn-list',
      'aria-autocomplete': 'list', 'aria-label': 'function, by regular expression',
    });
    let found = [];
    let at = -1;
    let current = '';

    function mark(to) {
      const items = list.children;
      if (items[at]) items[at].setAttribute('aria-selected', 'false');
      at = items.length ? (to + items.length) % items.length : -1;
      if (at < 0) return;
      items[at].setAttribute('aria-selected', 'true');
      items[at].scrollIntoView({ block: 'nearest' });
      input.setAttribute('aria-activedescendant', items[at].id);
    }
    function open(text) {
      const table = flame.functionTable(app.profile, app.graph());
      const query = flame.compile(text);
      const passes = query.error ? (name) => name.includes(text) : query.test;
      const { labels, strings } = app.profile;
      let none = 'no function';
      found = [];
      try {
        for (const row of byTotal(table)) {
          if (found.length === LISTED) break;
          const string = query.field === 'module' ? labels.module[table.label[row]] - 1 : labels.name[table.label[row]];
          if (passes(string < 0 ? '' : strings.text(string))) found.push(row);
        }
      } catch (e) { // it takes too long
        found = [];
        none = e.message;
      }
      list.replaceChildren(...found.map((row, i) => element('li', { role: 'option', id: `fn-${i}`, 'aria-selected': 'false', onpointerdown: (e) => choose(e, i) },
        element('span', { class: 'share' }, app.share(table.total[row])), textName(app.name(table.label[row])),
        element('bdi', { class: 'of' }, flame.visible(flame.baseName(app.module(table.label[row])))))));
      if (found.length === 0) list.append(element('li', { class: 'none' }, none));
      list.hidden = false;
      input.setAttribute('aria-expanded', 'true');
      at = -1;
      if (found.length) mark(0);
    }
    function close() {
      list.hidden = true;
      input.setAttribute('aria-expanded', 'false');
      input.removeAttribute('aria-activedescendant');
      input.value = current;
    }
    function choose(event, i) {
      event.preventDefault();
      const table = flame.functionTable(app.profile, app.graph());
      const label = table.label[found[i]];
      close();
      pick(label);
    }
    input.addEventListener('focus', () => {
      input.select();
      open('');
    });
    input.addEventListener('blur', close);
    input.addEventListener('input', () => open(input.value));
    input.addEventListener('keydown', (event) => {
      const closed = list.hidden;
      if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
        if (closed) open(input.value === current ? '' : input.value);
        else mark(at + (event.key === 'ArrowDown' ? 1 : -1));
      } else if (event.key === 'Enter' && !closed && at >= 0 && found.length) choose(event, at);
      else if (event.key === 'Escape') {
        if (closed) app.focus();
        else close();
      } else return;
      event.preventDefault();
      event.stopPropagation();
    });
    return {
      box: element('label', { class: 'chooser' }, 'function', element('span', { class: 'combo' }, input, list)),
      input,
      show(text) {
        current = text;
        if (list.hidden) input.value = text;
      },
    };
  }

  const orders = new WeakMap();
  function byTotal(table) {
    if (!orders.has(table)) {
      const rows = Array.from({ length: table.count }, (_, r) => r);
      orders.set(table, rows.sort((x, y) => table.total[y] - table.total[x] || x - y));
    }
    return orders.get(table);
  }

  function create(app, host) {
    const { profile } = app;
    const above = pane(app, 'callers', true);
    const below = pane(app, 'callees', false);
    const panes = [above, below];
    const middle = element('button', { type: 'button', class: 'middle', onclick: () => select(null, 0) });
    const facts = element('p', { class: 'facts' });
    const none = element('p', { class: 'none', hidden: true });
    const notes = [element('p', { class: 'note' }), element('p', { class: 'note' })];
    const choose = chooser(app, (label) => put(label));
    const inFlame = button('Flame', 'show it in the flame graph (f)', () => actByKey(app, 'f', shown.label));
    host.classList.add('lists', 'sandwich');
    host.append(element('div', { class: 'viewbar' }, choose.box, inFlame, facts), none, notes[0], above.box, middle, notes[1], below.box);

    let shown = null; // {graph, label}
    let at = { pane: null, node: 0 };

    // The function of the state, or the one with the largest cost of its own.
    function wanted() {
      if (app.state.fn >= 0) return app.state.fn;
      const table = flame.functionTable(profile, app.graph());
      let best = -1;
      const code = (r) => (profile.labels.flags[table.label[r]] & (flame.NO_CODE | flame.OTHER) ? 0 : 1);
      for (let r = 0; r < table.count; r++)
        if (best < 0 || code(r) > code(best) || (code(r) === code(best) && table.self[r] > table.self[best])) best = r;
      return best < 0 ? -1 : table.label[best];
    }

    const put = (label) => app.set({ fn: label });
    const selectedLabel = () => (at.pane ? at.pane.view.graph.tree.label[at.node] : shown.label);

    function amounts(graph, node) {
      const { compare } = graph;
      const whole = app.graph();
      const list = [];
      if (compare) {
        const [a, b] = [compare.a.total[node], compare.b.total[node]];
        list.push(['A', `${app.amount(a)}, ${flame.percent(a, whole.compare.a.total[0])}`], ['B', `${app.amount(b)}, ${flame.percent(b, whole.compare.b.total[0])}`],
          ['B − A', `${b > a ? '+' : ''}${app.amount(b - a)}${a > 0 ? `, ${b > a ? '+' : ''}${flame.digits((100 * (b - a)) / a, 3)} %` : ''}`]);
      } else {
        const count = graph.byCount ? '' : `, ${flame.count(graph.count[node])} ${app.noun}`;
        list.push(['total', `${app.amount(graph.total[node])}, ${app.share(graph.total[node])}${count}`]);
      }
      return list;
    }

    function tipOf({ view, flip }, node) {
      const { graph } = view;
      const label = graph.tree.label[node];
      const list = amounts(graph, node);
      list.push([`of ${flame.shorten(app.name(shown.label), 40)}`, flame.percent(graph.total[node], graph.total[0])]);
      if (flip && graph.self[node] > 0) list.push(['without a caller', flame.percent(graph.self[node], graph.total[0])]);
      if (!flip) list.push(['self', `${app.amount(graph.self[node])}, ${flame.percent(graph.self[node], graph.total[0])}`]);
      const module = app.module(label);
      if (module) list.push(['module', textName(module)]);
      return [element('strong', null, textName(flame.shorten(app.name(label), 400))), flame.pairs(list)];
    }

    const focus = () => (at.pane ? at.pane.canvas : middle).focus({ preventScroll: true });

    function select(p, node) {
      at = { pane: node > 0 ? p : null, node };
      for (const q of panes) {
        q.view.selected = q === at.pane ? node : -1;
        q.paint();
      }
      middle.classList.toggle('selected', !at.pane);
      if (at.pane) at.pane.reveal(node);
      if (!(document.activeElement instanceof HTMLInputElement)) focus(); // Enter in the search goes on
      const graph = at.pane ? at.pane.view.graph : above.view.graph;
      app.say(`${app.name(selectedLabel())}: ${amounts(graph, node).map((x) => x.join(' ')).join(', ')}`);
    }

    // Up and down as they look; through the middle from one graph into the other.
    function move(p) {
      if (at.pane && at.pane !== p) {
        select(at.pane, at.pane.view.graph.tree.parent[at.node]);
        return;
      }
      const { tree, total } = p.view.graph;
      const next = flame.step(tree, total, at.pane ? at.node : 0, 'callee');
      if (next > 0) select(p, next);
    }
    function sideways(where) {
      if (at.pane) select(at.pane, flame.step(at.pane.view.graph.tree, at.pane.view.graph.total, at.node, where));
    }

    function nextHit(forward) {
      const hits = app.hits();
      if (!hits) return;
      const all = panes.flatMap((p) => {
        const { tree, total } = p.view.graph;
        const found = [];
        for (let i = 1; i < tree.count; i++) if (total[i] > 0 && hits[tree.label[i]]) found.push([p, i]);
        return found;
      });
      if (all.length === 0) return;
      const now = all.findIndex(([p, i]) => p === at.pane && i === at.node);
      const to = now < 0 ? (forward ? 0 : all.length - 1) : (now + (forward ? 1 : all.length - 1)) % all.length;
      select(...all[to]);
    }

    function load() {
      const graph = app.graph();
      const label = wanted();
      if (shown && shown.graph === graph && shown.label === label) return;
      shown = { graph, label };
      at = { pane: null, node: 0 };
      const empty = label < 0;
      above.view.graph = flame.callers(profile, graph, Math.max(label, 0), LEAST);
      below.view.graph = flame.callees(profile, graph, Math.max(label, 0), LEAST);
      for (const p of panes) {
        p.view.selected = p.view.hover = -1;
        const { tree } = p.view.graph;
        p.view.name = (node) => app.name(tree.label[node]);
      }
      const nothing = empty || !(above.view.graph.total[0] > 0);
      none.hidden = !nothing || empty;
      none.textContent = nothing && !empty ? `${app.name(label)} has no samples of this choice.` : '';
      for (const e of [above.box, below.box, middle, ...notes]) e.hidden = nothing;
      inFlame.hidden = facts.hidden = nothing;
      choose.show(label < 0 ? '' : app.name(label));
      if (!nothing) tell(graph, label);
    }

    function tell(graph, label) {
      const table = flame.functionTable(profile, graph);
      const row = table.row(label);
      const { labels, strings } = profile;
      const file = strings.text(labels.file[label]);
      const list = amounts(above.view.graph, 0);
      if (!table.compare) list.push(['self', `${app.amount(table.self[row])}, ${app.share(table.self[row])}`]);
      const place = [flame.baseName(app.module(label)), file && `${file}${labels.line[label] ? `:${labels.line[label]}` : ''}`].filter(Boolean).join(' · ');
      const stages = table.compare || graph.time || app.ranged() ? [] : flame.functionStages(profile, app.state, label, graph.byCount ? 'count' : 'value');
      if (stages.length > 0 && profile.stages.length > 0)
        list.push(['stages', stages.slice(0, STAGES).map(({ stage, value }) =>
          `${stage < 0 ? 'outside' : flame.visible(profile.stages[stage].name)} ${flame.percent(value, above.view.graph.total[0])}`).join(', ')
          + (stages.length > STAGES ? ` and ${stages.length - STAGES} more` : '')]);
      facts.replaceChildren(...list.map(([k, v]) => element('span', null, element('b', null, k), ' ', element('bdi', null, v))), ...(place ? [element('span', { class: 'of' }, textName(place))] : []));
      const { tree: up, self } = above.view.graph;
      notes[0].textContent = up.count > 1 ? 'callers' : 'no callers: stacks begin here';
      notes[0].append(up.count > 1 && self[0] > 0 ? `; ${flame.percent(self[0], above.view.graph.total[0])} without one` : '');
      notes[1].textContent = below.view.graph.tree.count > 1 ? `callees; ${flame.percent(below.view.graph.self[0], below.view.graph.total[0])} is its own` : 'calls nothing: all is its own';
    }

    // Room for both: each as high as its rows while there is room, else half each.
    function resize() {
      if (!shown || above.box.hidden || host.hidden) return;
      panes.forEach((p) => p.measure());
      const room = host.clientHeight - [...host.children].filter((e) => !e.classList.contains('pane')).reduce((sum, e) => sum + e.getBoundingClientRect().height, 0);
      const [up, down] = panes.map((p) => p.rows() * flame.ROW);
      const half = Math.max(room / 2, 3 * flame.ROW);
      const top = up + down <= room || up <= half ? up : Math.max(half, room - down);
      above.box.style.flex = `0 0 ${Math.min(up, top)}px`;
      panes.forEach((p) => p.fit());
      paintMiddle();
    }

    function paintMiddle() {
      const colours = app.colours();
      const hits = app.hits();
      const steps = colours.steps(above.view.graph);
      const hit = hits && hits[shown.label];
      middle.style.background = hit ? colours.hit : steps ? colours.list[steps[0]] : colours.fill(shown.label);
      middle.style.color = hit ? colours.hitText : colours.text;
      middle.classList.toggle('selected', !at.pane);
      middle.replaceChildren(textName(app.name(shown.label)));
    }

    for (const p of panes) {
      p.canvas.addEventListener('pointermove', (event) => {
        const node = event.pointerType === 'touch' ? -1 : p.nodeAt(event);
        p.canvas.style.cursor = node > 0 ? 'pointer' : 'default';
        app.tip(node > 0 ? tipOf(p, node) : null, event.clientX, event.clientY);
        if (node !== p.view.hover) {
          p.view.hover = node;
          p.paint();
        }
      });
      p.canvas.addEventListener('pointerleave', () => {
        app.tip(null);
        p.view.hover = -1;
        p.paint();
      });
      p.canvas.addEventListener('contextmenu', (event) => {
        const node = p.nodeAt(event);
        if (node > 0) functionMenu(app, p.view.graph.tree.label[node], event);
      });
      p.canvas.addEventListener('click', (event) => {
        const node = p.nodeAt(event);
        app.tip(null);
        if (node > 0) put(p.view.graph.tree.label[node]);
      });
    }

    return {
      help: HELP,
      render(changed) {
        const before = shown;
        load();
        if (!shown || above.box.hidden) return;
        if (before !== shown || changed === null) {
          if (before !== shown) panes.forEach((p) => p.restart());
          resize();
        } else {
          panes.forEach((p) => p.paint());
          paintMiddle();
        }
      },
      resize,
      focus,
      keys: {
        ArrowUp: () => move(above),
        ArrowDown: () => move(below),
        ArrowLeft: () => sideways('left'),
        ArrowRight: () => sideways('right'),
        Home: () => select(null, 0),
        Enter: () => at.pane && put(selectedLabel()),
        p: () => choose.input.focus(),
        ...Object.fromEntries(['f', 'v', 'y'].map((key) => [key, () => shown.label >= 0 && actByKey(app, key, selectedLabel())])),
        n: () => nextHit(true),
        N: () => nextHit(false),
      },
    };
  }

  Object.assign(flame, { functionMenu, actByKey });
  flame.views.push({ id: 'callers', help: HELP, create });
})(globalThis);
