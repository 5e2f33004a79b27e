// Changes: what differs between A and B, ranked: functions with the chance of such a difference, and the call
// paths that only one run has. Each leads to the flame graph.
(function (root) {
  'use strict';

  const flame = root.flame;
  const { element, textName, button } = flame;
  const SHOWN = 100; // of each list, until all are asked for
  const FRAMES = 4; // of a path that are shown

  function relative(row) {
    if (row.state === 'gone' || (row.aSelf > 0 && !(row.bSelf > 0))) return 'gone';
    if (!(row.aSelf > 0)) return row.bSelf > 0 ? 'new' : '';
    if (row.ratio >= 3) return `× ${flame.digits(row.ratio, 3)}`;
    return flame.signedText(100 * (row.ratio - 1), (v) => `${flame.digits(v, 3)} %`);
  }

  function create(app, host) {
    const { profile } = app;
    let all = false; // whether what noise explains is listed too
    let more = { functions: false, gone: false, new: false };
    let lists = { graph: null, hits: null };

    const only = flame.toggle('Significant only', 'leave out what sampling noise explains (v)', flip);
    const told = element('output');
    const functions = element('section', { class: 'functions' });
    const gone = element('section');
    const fresh = element('section');
    host.classList.add('changes');
    host.append(element('div', { class: 'viewbar' }, only.box, told),
      element('div', { class: 'blocks', tabindex: '0' }, functions, element('div', { class: 'paths' }, gone, fresh)));

    function flip() {
      all = !all;
      more = { functions: false, gone: false, new: false };
      render(null);
    }

    const amount = (v) => (app.graph().byCount ? flame.count(v) : app.amountOfKind(v));

    // The rest of a list, as a button.
    function rest(key, n) {
      return more[key] || n <= SHOWN ? null : button(`all ${flame.count(n)}`, 'show the whole list', () => {
        more[key] = true;
        render(null);
      });
    }

    function functionRow(row, most) {
      const { labels, strings } = profile;
      const name = strings.text(labels.name[row.label]);
      const find = () => app.toFlame({ find: flame.escaped(name) });
      const module = app.module(row.label);
      const change = element('td', { class: `change ${row.delta > 0 ? 'more' : 'less'}` }, flame.signedText(row.delta, amount));
      change.style.setProperty('--p', most > 0 ? Math.abs(row.delta) / most : 0);
      return element('tr', { class: row.significant ? 'sure' : null },
        element('th', { scope: 'row' }, button(textName(name), 'find it in the flame graph', find, { class: 'plain' }),
          module ? element('bdi', { class: 'module' }, flame.visible(flame.baseName(module))) : null),
        element('td', null, amount(row.aSelf)), element('td', null, amount(row.bSelf)), change,
        element('td', null, relative(row)), element('td', null, flame.chanceText(row.p)));
    }

    function functionTable({ rows, method }) {
      const { hits } = lists;
      const list = rows.filter((row) => row.delta !== 0 && (all || method === 'none' || row.significant) && (!hits || hits[row.label]));
      const shown = more.functions ? list : list.slice(0, SHOWN);
      const most = list.reduce((m, row) => Math.max(m, Math.abs(row.delta)), 0);
      const scaled = app.state.norm === 'none' ? '' : ', scaled';
      const head = [['function'], ['A', 'own cost in A'], ['B', `own cost in B${scaled}`], ['change', 'B − A'], ['', 'of A'],
        ['p', 'chance of such a difference if nothing changed']];
      functions.replaceChildren(element('h2', null, 'Functions'),
        list.length === 0
          ? element('p', { class: 'none' }, hits ? 'Nothing is found among these.' : method === 'samples' && !all ? 'No function differs by more than sampling noise. ' : 'No function differs.',
            method === 'samples' && !all && !hits && rows.length > 0 ? button('Show them all', 'all functions (v)', flip, { class: 'plain' }) : '')
          : element('table', null,
            element('thead', null, element('tr', null, ...head.map(([text, title]) => element('th', { scope: 'col', title }, text)))),
            element('tbody', null, ...shown.map((row) => functionRow(row, most)))),
        ...[rest('functions', list.length)].filter(Boolean));
      return list.length;
    }

    // A path by its last frames; the whole one is a click away.
    function pathText(node) {
      const { tree } = app.graph();
      const names = [];
      for (let i = node; i > 0 && names.length < FRAMES; i = tree.parent[i]) names.unshift(app.nodeName(i));
      const items = names.flatMap((name, i) => [i ? ' › ' : '', element(i === names.length - 1 ? 'b' : 'span', null, element('bdi', null, flame.shorten(name, 60)))]);
      return element('span', { class: 'path' }, tree.depth[node] > FRAMES ? '… › ' : '', ...items);
    }

    // Whether a search finds anything on a path.
    function isFound(node) {
      const { tree } = app.graph();
      if (!lists.hits) return true;
      for (let i = node; i > 0; i = tree.parent[i]) if (lists.hits[tree.label[i]]) return true;
      return false;
    }

    function stackItem(item, letter) {
      const go = () => {
        const base = app.graph().base(item.node);
        const { width } = app.state;
        const other = letter === 'A' ? 'b' : 'a'; // in whose widths it cannot be seen
        app.toFlame({ selected: base, width: width === other ? letter.toLowerCase() : width });
      };
      return element('li', { class: item.significant ? 'sure' : null },
        button(pathText(item.node), 'show it in the flame graph', go, { class: 'plain' }),
        element('span', { class: 'numbers' }, `${amount(item.amount)}, ${flame.percent(item.share, 1)} of ${letter}, p ${flame.chanceText(item.p)}`));
    }

    function stackList(box, key, letter, title, method) {
      const found = lists[key].filter((item) => isFound(item.node));
      const list = found.filter((item) => all || method !== 'samples' || item.significant);
      const shown = more[key] ? list : list.slice(0, SHOWN);
      const left = found.length - list.length;
      box.replaceChildren(element('h2', null, title),
        list.length > 0 ? element('ol', null, ...shown.map((item) => stackItem(item, letter))) : '',
        ...[rest(key, list.length),
          left > 0 ? element('p', { class: 'none' }, `${flame.count(left)} ${left === 1 ? 'path' : 'paths'} that chance explains`) : null,
          found.length === 0 ? element('p', { class: 'none' }, 'None.') : null].filter(Boolean));
    }

    function render(changed) {
      const graph = app.graph();
      const hits = app.hits();
      if (changed && lists.graph === graph && lists.hits === hits) return;
      if (lists.graph !== graph) lists = { graph, ...flame.elidedStacks(profile, graph, app.state) };
      lists.hits = hits;
      const changes = flame.changesOf(app);
      only.show(!all);
      only.box.hidden = changes.method !== 'samples';
      const n = functionTable(changes);
      stackList(gone, 'gone', 'A', 'Call paths only in A', changes.method);
      stackList(fresh, 'new', 'B', 'Call paths only in B', changes.method);
      told.textContent = `${flame.count(n)} of ${flame.count(changes.rows.length)} functions. ${{
        samples: 'Tested against sampling noise (5 % false ones), not against what a machine varies from run to run.',
        exact: 'Values are exact: every difference is real.',
        none: 'The error of sampled blocks is not known: nothing is tested.',
      }[changes.method]}`;
    }

    return { render, focus: () => host.querySelector('.blocks').focus(), keys: { v: flip } };
  }

  flame.views.push({
    id: 'changes',
    help: [['v', 'all differences, or significant ones only']],
    create,
  });
})(globalThis);
