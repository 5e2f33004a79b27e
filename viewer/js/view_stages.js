// Stages: as bars over time, thread by thread, each bar inside the one that contains it; and as a table of
// their sums. Of a comparison both runs. A click on either makes the stage the filter of the page.
(function (root) {
  'use strict';

  const flame = root.flame;
  const { element, textName, button } = flame;
  const HELP = [
    ['click', 'the stage is the filter of all views; again: all stages'],
    ['↑ ↓ Enter', 'move in the table, choose a stage'],
    ...flame.rangeHelp.filter(([, text]) => !/range/.test(text) || /line in time/.test(text)),
    ['c', 'copy the table as tab-separated text'],
  ];

  const many = (v) => flame.count(v);
  const COLUMNS = [
    ['n', 'n', 'how often it ran', many],
    ['wall', 'wall', 'wall-clock time, all together', flame.time],
    ['median', 'median', 'wall-clock time of the middle one', flame.time],
    ['max', 'max', 'wall-clock time of the longest', flame.time],
    ['cpu', 'CPU', 'CPU time of its thread, all together', flame.time],
    ['ratio', 'CPU/wall', 'how much of the time its thread was on a CPU', (v) => flame.percent(v, 1)],
    ['peakHeap', 'peak heap', 'highest heap of the process while it was open', flame.bytes],
    ['peakRss', 'peak RSS', 'highest resident memory while it was open', flame.bytes],
    ['allocBytes', 'allocated', 'with the stages inside it', flame.bytes],
    ['items', 'items', 'as the program counted them', many],
    ['perSecond', 'items/s', 'items by wall-clock time', flame.perSecond],
    ['samples', 'samples', 'whose innermost stage it is', many],
  ];
  const SHARED = ['n', 'wall', 'cpu', 'peakHeap', 'perSecond']; // of a comparison

  // Rows with their children below them: [{stage, depth, a, b}], a and b rows of stageTable() or null.
  function joined(profile, runs) {
    const rows = new Map();
    const tables = runs.map((run) => flame.stageTable(profile, run));
    const list = [];
    tables.forEach((table, k) => table.forEach((row) => {
      if (!rows.has(row.stage)) {
        rows.set(row.stage, { stage: row.stage, depth: row.depth, up: profile.stages[row.stage].parent, of: [null, null], children: [] });
        list.push(rows.get(row.stage));
      }
      rows.get(row.stage).of[k] = row;
    }));
    const top = [];
    for (const r of list) (r.up >= 0 ? rows.get(r.up).children : top).push(r);
    return { top, list };
  }

  function create(app, host) {
    const { profile } = app;
    const several = profile.runs.length > 1;
    const runs = () => (several ? [app.state.a, app.state.b] : [0]);
    const letter = (k) => (several ? `${'AB'[k]} ` : '');
    const end = Math.max(...profile.runs.map((_, run) => flame.runEnd(profile, run)));
    let lanes = [];
    let rows = [];
    let columns = [];
    let inside = null;

    const note = element('p', { class: 'note' });
    const all = button('All stages', 'no filter', () => app.set({ stage: flame.ALL }));
    const inFlame = button('Show in Flame', 'the flame graph of this stage', () => app.set({ view: 'flame' }));
    const plot = flame.timePlot(app, {
      label: 'stages over time; the table below has their numbers', end, paint, tip, click, select: !several,
      content: () => lanes.reduce((sum, l) => sum + l.height, 0),
      said: (t) => saidAt(t),
    });
    const table = flame.longTable({
      label: 'stages', role: 'treegrid', fill,
      moved: (i) => rows[i] && app.say(rowText(rows[i])),
      sorted: (key) => app.set({ sort: app.state.sort === `-${key}` ? key : app.state.sort === key ? '' : `-${key}` }),
    });
    table.box.classList.add('stage-table');
    table.box.addEventListener('click', (event) => {
      const tr = event.target.closest('tr[data-i]');
      if (tr) flame.toggleStage(app, rows[Number(tr.dataset.i)].stage);
    });
    host.classList.add('stages', 'lists');
    host.append(element('div', { class: 'viewbar' }, note, element('span', { class: 'group' }, inFlame, all)), plot.box, table.box);

    // ---- bars ----

    function loadLanes() {
      let y = 0;
      lanes = [];
      runs().forEach((run, k) => {
        for (const lane of flame.spanLanes(profile, run)) {
          const height = 16 + lane.levels * flame.BAR_ROW + 4;
          lanes.push({ ...lane, y, height, run, k });
          y += height;
        }
      });
    }

    function laneName(lane) {
      const t = profile.threads[lane.thread];
      return `${letter(lane.k)}${t ? flame.nameText(t.name || 'thread') : '(unknown thread)'}${t && t.tid ? ` ${t.tid}` : ''}`;
    }

    function paint(c) {
      const colours = flame.stageColours(profile, plot.dark);
      for (const lane of lanes) {
        const y = plot.top + lane.y - plot.scroll;
        if (y > plot.height || y + lane.height < plot.top) continue;
        c.fillStyle = plot.ink.soft;
        c.fillText(flame.fitText(c, laneName(lane), plot.width - 8), 4, y + 8);
        flame.paintBars(c, plot, profile, lane, y + 16, lane.levels, colours, inside);
      }
    }

    function rowAt(t, y) {
      const lane = lanes.find((l) => y >= l.y && y < l.y + l.height);
      return lane ? flame.barAt(plot, profile, lane, t, y - lane.y - 16) : -1;
    }
    function tip(t, y) {
      const row = rowAt(t, y);
      return row < 0 ? null : { nodes: flame.spanTip(app, row), clicks: true };
    }
    function click(t, y) {
      const row = rowAt(t, y);
      if (row >= 0) flame.toggleStage(app, profile.spans.stage[row]);
      return row >= 0;
    }
    function saidAt(t) {
      const open = lanes.map((lane) => {
        const row = flame.innermost(lane.line || (lane.line = flame.spanLine(profile, lane.rows)), t);
        return row < 0 ? '' : `${laneName(lane)} in ${flame.stagePath(profile, profile.spans.stage[row])}`;
      }).filter(Boolean);
      return open.join('; ') || 'no stage';
    }

    // ---- table ----

    function loadRows() {
      const { top, list } = joined(profile, runs());
      const known = (id) => list.some((r) => r.of.some((o) => o && o[id] > 0));
      const longest = list.reduce((most, r) => r.of.reduce((m, o) => (o && o.wall > m ? o.wall : m), most), 0);
      const ids = COLUMNS.filter(([id]) => (several ? SHARED.includes(id) : true) && known(id));
      columns = [{ id: 'name', head: 'stage', title: 'stages inside a stage are indented', sort: 'name', value: (r) => r.stage }];
      for (const [id, head, title, text] of ids) {
        const add = (key, more) => columns.push({ id: id + key, sort: id + key, title, text, ...more });
        runs().forEach((_, k) => add(several ? 'AB'[k] : '', {
          head: letter(k) + head, value: (r) => (r.of[k] ? r.of[k][id] : NaN), part: id === 'wall' ? longest : 0,
        }));
        if (several && id !== 'n') {
          const change = (r) => (r.of[0] && r.of[1] && r.of[0][id] > 0 ? r.of[1][id] / r.of[0][id] - 1 : NaN);
          add('Change', { head: 'Δ %', title: 'B − A, of A', value: change, text: (v) => `${v > 0 ? '+' : ''}${(100 * v).toFixed(1)} %` });
        }
      }
      if (!several && list.some((r) => r.of[0].params))
        columns.push({ id: 'params', head: 'parameters', title: 'their values, or the range of them', words: (r) => r.of[0].params });
      const [, minus, key] = /^(-?)(.*)$/.exec(app.state.sort);
      const column = columns.find((c) => c.sort === key);
      const sign = minus ? -1 : 1;
      const word = (r) => flame.nameText(profile.stages[r.stage].name);
      const order = !column ? null : column.id === 'name' ? (x, y) => sign * (word(x) < word(y) ? -1 : 1)
        : (x, y) => compare(column.value(x), column.value(y), sign);
      rows = [];
      const todo = top.slice();
      if (order) todo.sort(order);
      todo.reverse();
      while (todo.length) {
        const r = todo.pop();
        rows.push(r);
        const inner = r.children.slice();
        if (order) inner.sort(order);
        todo.push(...inner.reverse());
      }
      table.columns(columns, column ? { key, down: Boolean(minus) } : null);
      const at = rows.findIndex((r) => r.stage === app.state.stage);
      table.show(rows.length, at >= 0 ? at : Math.max(0, table.cursor), true);
    }
    // What is not known comes last, whichever way the rest goes.
    const compare = (x, y, sign) => (x !== x || y !== y ? (x !== x ? 1 : 0) - (y !== y ? 1 : 0) : sign * (x - y));

    function cellText(r, c) {
      if (c.words) return c.words(r);
      const v = c.value(r);
      return v === v && !(c.id === 'items' && v === 0) ? c.text(v) : '–';
    }

    function fill(tr, i) {
      const r = rows[i];
      tr.setAttribute('aria-level', String(r.depth + 1));
      tr.classList.toggle('on', r.stage === app.state.stage);
      const colours = flame.stageColours(profile, app.dark());
      const open = r.of.reduce((n, o) => n + (o ? o.open : 0), 0);
      const folded = r.of.reduce((n, o) => n + (o ? o.folded : 0), 0);
      for (const c of columns) {
        if (c.id === 'name') {
          const cell = element('th', { scope: 'row', class: 'name', style: `padding-left:${8 + 16 * Math.min(r.depth, 12)}px` },
            element('span', { class: 'swatch', style: `background:${colours(r.stage)}` }),
            textName(flame.shorten(profile.stages[r.stage].name, 200)));
          if (open) cell.append(element('span', { class: 'lost' }, ` ${flame.count(open)} open at the end`));
          if (folded) cell.append(element('span', { class: 'share', title: 'too many to be bars' }, ` ${flame.count(folded)} not drawn`));
          tr.append(cell);
        } else if (c.words) tr.append(element('td', { class: 'params' }, c.words(r) ? textName(flame.shorten(c.words(r), 300)) : null));
        else {
          const share = c.part ? c.value(r) / c.part : NaN;
          tr.append(element('td', { class: c.id, style: share > 0 ? `--p:${Math.min(1, share).toFixed(4)}` : null }, cellText(r, c)));
        }
      }
    }

    const rowText = (r) => `${flame.stagePath(profile, r.stage)}: ${columns.slice(1).map((c) => `${c.head} ${cellText(r, c)}`).join(', ')}`;

    function copy() {
      const cells = (r) => columns.map((c) => (c.id === 'name' ? flame.stagePath(profile, r.stage) : cellText(r, c)));
      const lines = [columns.map((c) => c.head), ...rows.map(cells)];
      app.copy(lines.map((l) => l.map((x) => x.replace(/\t/g, ' ')).join('\t')).join('\n'), 'the table');
    }

    function words() {
      const { kept, of } = profile.meta.spans || { kept: profile.spans.count, of: profile.spans.count };
      const { stage } = app.state;
      note.textContent = [
        stage >= 0 ? `Filter: ${flame.stagePath(profile, stage)}.` : '',
        kept < of ? `The ${flame.count(kept)} longest of ${flame.count(of)} stages are drawn; sums hold all.` : '',
      ].filter(Boolean).join(' ') || 'A click on a stage makes it the filter of all views.';
      all.disabled = inFlame.disabled = stage === flame.ALL;
    }

    const onTable = () => table.box.contains(document.activeElement);
    const keys = {
      c: copy,
      Enter: () => (table.cursor >= 0 && onTable() ? flame.toggleStage(app, rows[table.cursor].stage) : false),
    };
    for (const key of new Set([...Object.keys(plot.keys), ...Object.keys(table.keys)]))
      keys[key] = (event) => {
        const onPlot = document.activeElement === plot.canvas;
        const action = onPlot || !table.keys[key] ? plot.keys[key] : table.keys[key];
        return action ? action(event) : false;
      };

    return {
      render(changed) {
        const has = (...list) => changed === null || list.some((k) => changed.has(k));
        if (has('a', 'b')) loadLanes();
        inside = app.state.stage >= 0 ? flame.stagesInside(profile, app.state.stage) : null;
        if (has('a', 'b', 'sort', 'stage', 'theme')) loadRows();
        words();
        if (has('left', 'right', 'stage', 'theme', 'a', 'b')) plot.render();
        else plot.repaint();
      },
      resize() {
        plot.render();
        table.draw();
      },
      focus: () => table.focus(),
      keys,
      help: HELP,
    };
  }

  flame.views.push({ id: 'stages', help: HELP, create });
})(globalThis);
