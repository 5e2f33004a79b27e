// Time: who ran when, thread by thread, with the stages above; below it the flame graph of the range that is
// selected, and the numbers of that range.
(function (root) {
  'use strict';

  const flame = root.flame;
  const { element, textName, button, toggle, pairs } = flame;
  const STRIP = 26; // height of a thread's strip
  const LANES = 8; // threads that are shown at first
  const LEVELS = 6; // of stages in a lane; the view of stages has all
  const STATES = [['running', 'running'], ['runnable', 'ready, without a CPU'], ['disk', 'waiting for a disk'], ['sleeping', 'asleep']];
  const INK = { runnable: ['#e69f00', '#c98700'], disk: ['#8f4fb0', '#a374c2'], sleeping: ['#c9c6c0', '#4b4b53'] }; // light, dark
  const HELP = [
    ['click', 'a stage: its time becomes the range; a thread: only it'],
    ...flame.rangeHelp,
    ['Enter', 'the flame graph of the range in the Flame view'],
    ['o', 'the flame graph in the order of time, or the heaviest frames first'],
    ['a', 'all threads, or the busiest'],
  ];

  function threadName(t) {
    if (!t) return '(unknown thread)';
    const which = t.count > 1 ? ` (${flame.count(t.count)} threads)` : t.tid ? ` ${t.tid}` : '';
    return flame.shorten(flame.nameText(t.name || 'thread'), 60) + which;
  }

  // Threads with ticks or stages, those that ran most first; shown in the order in which they began.
  function lanesOf(profile) {
    const { lists, from } = flame.tickIndex(profile);
    const ran = lists.map((list) => list.reduce((n, i) => n + (profile.ticks.state[i] === 0 ? 1 : 0), 0));
    const bars = new Map(flame.spanLanes(profile, 0).map((lane) => [lane.thread, lane]));
    return lists.map((list, k) => {
      const lane = bars.get(k - 1) || null;
      const first = Math.min(list.length ? from[list[0]] : Infinity, lane ? profile.spans.start[lane.rows[0]] : Infinity);
      return { thread: k - 1, ticks: list.length, ran: ran[k], bars: lane, first };
    })
      .filter((l) => l.first < Infinity)
      .sort((a, b) => b.ran - a.ran || b.ticks - a.ticks || a.thread - b.thread);
  }

  // What colours the strips: stages of the first level on which there are several, else modules.
  function keys(app) {
    const { profile } = app;
    const { ticks, stages } = profile;
    const { stage } = flame.tickIndex(profile);
    const depth = [];
    stages.forEach((s) => (depth[s.id] = s.parent < 0 ? 0 : depth[s.parent] + 1));
    const used = new Set(stage.filter((s) => s >= 0));
    const above = (s, level) => {
      while (depth[s] > level) s = stages[s].parent;
      return s;
    };
    let level = 0;
    const at = (l) => new Set([...used].filter((s) => depth[s] >= l).map((s) => above(s, l)));
    while (at(level).size === 1 && at(level + 1).size > 0) level++;
    if (at(level).size > 0) {
      const shown = stages.map((s) => above(s.id, level));
      const colour = flame.stageColours(profile, app.dark());
      return { of: (i) => (stage[i] < 0 ? -1 : shown[stage[i]]), fill: colour, name: (k) => flame.nameText(stages[k].name), what: 'stage' };
    }
    const { labels, tree, strings } = profile;
    return {
      of: (i) => (ticks.node[i] > 0 ? labels.module[tree.label[ticks.node[i]]] - 1 : -1),
      fill: (k) => (k < 0 ? '#8a8a92' : app.colours().ofModule(k)), name: (k) => flame.baseName(strings.text(k)), what: 'module',
    };
  }

  function create(app, host) {
    const { profile } = app;
    const lanes = lanesOf(profile);
    const end = flame.runEnd(profile);
    const heap = profile.series.find((s) => s.name === 'heap_bytes');
    let all = lanes.length <= LANES + 1;
    let shown = [];
    let colouring = null;
    let inside = null;
    let bins = null;

    const facts = element('p', { class: 'range-facts' });
    const legend = element('p', { class: 'time-legend' });
    const note = element('p', { class: 'note' });
    const toFlame = button('Show in Flame', 'the range as a filter of the Flame view (Enter)', () => app.set({ view: 'flame' }));
    const wide = button('Zoom to range', 'the range over the whole width (z)', () => plot.fitRange(app.state.from, app.state.to));
    const whole = button('Whole run', 'the whole run over the whole width (0)', () => app.set({ left: -1, right: -1 }));
    const order = toggle('In order of time', 'frames below where they ran, instead of the heaviest first (o)', flip);
    const more = button('', 'all threads, or the busiest (a)', () => showAll(!all));
    const graph = flame.frameBox(app);
    const plot = flame.timePlot(app, {
      label: 'threads and stages over time: drag or Shift and arrow keys select a range', end,
      content: () => shown.reduce((sum, l) => sum + l.height, 0),
      paint, tip, click, said,
    });
    host.classList.add('time');
    const bar = element('div', { class: 'viewbar' }, facts, element('span', { class: 'group' }, order.box, toFlame, wide, whole, more));
    host.append(bar, plot.box, legend, graph.box, note);

    function layout() {
      shown = lanes.slice(0, all ? lanes.length : LANES).sort((a, b) => a.first - b.first || a.thread - b.thread);
      let y = 0;
      shown = shown.map((l) => {
        const levels = l.bars ? Math.min(LEVELS, l.bars.levels) : 0;
        const lane = { ...l, levels, y, strip: y + levels * flame.BAR_ROW, height: levels * flame.BAR_ROW + STRIP + 6 };
        y += lane.height;
        return lane;
      });
      more.hidden = lanes.length <= LANES + 1;
      more.textContent = all ? `${LANES} threads` : `All ${flame.count(lanes.length)} threads`;
    }

    function flip() {
      const why = flame.withoutTimes(profile, app.state);
      if (why) app.toast(why);
      else app.orderBy(app.state.order === 'time' ? 'heavy' : 'time');
    }

    function showAll(on) {
      all = on;
      layout();
      plot.render();
    }

    // ---- the strips ----

    function paint(c) {
      const width = Math.ceil(plot.width);
      const key = `${plot.left} ${plot.right} ${width} ${shown.length}`;
      if (!bins || bins.key !== key) {
        const only = new Set(shown.map((l) => l.thread));
        bins = { key, rows: flame.timeBins(profile, plot.left, plot.right, width, colouring.of, only) };
      }
      const { thread } = app.state;
      for (const lane of shown) {
        const y = plot.top + lane.y - plot.scroll;
        if (y > plot.height || y + lane.height < plot.top) continue;
        if (lane.bars) flame.paintBars(c, plot, profile, lane.bars, y, lane.levels, flame.stageColours(profile, plot.dark), inside);
        c.globalAlpha = thread >= 0 && thread !== lane.thread ? 0.3 : 1;
        strip(c, bins.rows[lane.thread + 1], plot.top + lane.strip - plot.scroll);
        c.globalAlpha = 1;
        name(c, lane, plot.top + lane.strip - plot.scroll);
      }
    }

    // Running, ready and waiting for a disk on top of each other. Pixels that look the same become one box.
    function strip(c, row, y) {
      const bins = row.running.length;
      const wide = (plot.right - plot.left) / bins;
      const bottom = y + STRIP;
      const ink = (state) => INK[state][plot.dark ? 1 : 0];
      const high = (v) => (v > 0 ? Math.max(1, Math.round(Math.min(1, v / wide) * 2 * (STRIP - 4)) / 2) : 0);
      c.fillStyle = plot.ink.line;
      c.fillRect(0, bottom, plot.width, 1);
      let before = [0, 0, 0, 0, -1];
      let from = 0;
      for (let x = 0; x <= bins; x++) {
        const asleep = row.sleeping[x] > wide / 50 ? 3 : 0;
        const now = [asleep, high(row.running[x]), high(row.runnable[x]), high(row.disk[x]), row.keys[x]];
        if (x < bins && now.every((v, i) => v === before[i])) continue;
        let at = bottom;
        [ink('sleeping'), colouring.fill(before[4]), ink('runnable'), ink('disk')].forEach((fill, i) => {
          if (!before[i]) return;
          c.fillStyle = fill;
          c.fillRect(from, at - before[i], x - from, before[i]);
          if (i > 0) at -= before[i];
        });
        before = now;
        from = x;
      }
    }

    function name(c, lane, y) {
      const text = flame.fitText(c, threadName(profile.threads[lane.thread]), plot.width - 8);
      c.strokeStyle = plot.ink.back;
      c.lineWidth = 3;
      c.lineJoin = 'round';
      c.strokeText(text, 5, y + 9);
      c.fillStyle = plot.ink.text;
      c.fillText(text, 5, y + 9);
    }

    // ---- pointing ----

    const laneAt = (y) => shown.find((l) => y >= l.y && y < l.y + l.height);
    function barUnder(t, y) {
      const lane = laneAt(y);
      return lane && lane.bars && y < lane.strip ? flame.barAt(plot, profile, lane.bars, t, y - lane.y) : -1;
    }

    function tip(t, y) {
      const row = barUnder(t, y);
      if (row >= 0) return { nodes: flame.spanTip(app, row), clicks: true };
      const lane = laneAt(y);
      if (!lane) return null;
      const x = Math.floor(plot.x(t));
      const wideBin = (plot.right - plot.left) / Math.ceil(plot.width);
      const bin = bins && bins.rows[lane.thread + 1];
      const list = [['time', flame.time(t)]];
      if (bin && x < bin.running.length) {
        for (const [part, text] of STATES) if (bin[part][x] > 0) list.push([text, flame.percent(bin[part][x], wideBin)]);
        if (bin.keys[x] >= 0) list.push([colouring.what, textName(colouring.name(bin.keys[x]))]);
      }
      const head = element('strong', null, textName(threadName(profile.threads[lane.thread])));
      return { nodes: [head, pairs(list)], clicks: y >= lane.strip && lanes.length > 1 };
    }

    function click(t, y) {
      const row = barUnder(t, y);
      if (row >= 0) {
        const from = profile.spans.start[row];
        plot.setRange(from, Math.max(from + 1, flame.spanEnd(profile, row)));
        return true;
      }
      const lane = laneAt(y);
      if (!lane || lanes.length < 2 || lane.thread < 0) return false;
      app.set({ thread: app.state.thread === lane.thread ? flame.ALL : lane.thread });
      return true;
    }

    // ---- words ----

    function numbers() {
      const { state } = app;
      const n = flame.rangeNumbers(profile, state, heap);
      const list = [];
      if (state.from >= 0) list.push(['range', `${flame.rangeText(state)} (${flame.time(state.to - state.from)})`]);
      else list.push(['whole run', flame.time(end)]);
      if (n.cpu === n.cpu) list.push(['CPU', flame.time(n.cpu)], ['samples', flame.count(n.samples)], ['threads busy', flame.count(n.threads)]);
      if (n.heap === n.heap) list.push(['heap', flame.changeText(n.heap)]);
      return list;
    }

    function said() {
      return numbers().map((x) => x.join(' ')).join(', ');
    }

    function words() {
      facts.replaceChildren(...numbers().map(([k, v]) => element('span', null, element('b', null, k), ` ${v}`)));
      const { kept, of } = profile.meta.ticks || { kept: profile.ticks.count, of: profile.ticks.count };
      const estimate = app.ranged();
      const { time: along, thread } = app.flameGraph();
      note.textContent = [
        `${flame.count(kept)} ${kept < of ? `of ${flame.count(of)} ` : ''}ticks in the order of time.`,
        estimate ? 'Values of a range are estimates: its ticks share what samples of the same thread and stack weigh.' : '',
        along ? `The graph is of ${threadName(profile.threads[thread])}, along the axis above.` : '',
        !flame.hasTicks(profile, app.state.kind) ? `Ticks say nothing of kind ${app.state.kind}: the graph is that of the whole run.` : '',
      ].filter(Boolean).join(' ');
      toFlame.disabled = wide.disabled = app.state.from < 0;
    }

    function fillLegend() {
      const used = new Map();
      bins = null;
      const rows = flame.timeBins(profile, 0, end, 400, colouring.of);
      const states = STATES.filter(([part]) => part !== 'running' && rows.some((r) => r[part].some((v) => v > 0)));
      for (const r of rows) r.keys.forEach((k, x) => k >= 0 && used.set(k, (used.get(k) || 0) + r.running[x]));
      const items = [...used].sort((a, b) => b[1] - a[1]);
      const swatch = (fill) => element('span', { class: 'swatch', style: `background:${fill}` });
      legend.replaceChildren(
        ...items.slice(0, 8).map(([k]) => element('span', null, swatch(colouring.fill(k)), textName(flame.shorten(colouring.name(k), 28)))),
        ...(items.length > 8 ? [element('span', null, `and ${items.length - 8} more`)] : []),
        ...states.map(([part, text]) => element('span', null, swatch(INK[part][app.dark() ? 1 : 0]), text)));
    }

    layout();
    const keyOf = (key) => (event) => {
      const action = (document.activeElement === graph.canvas && graph.keys[key]) || mine[key];
      return action ? action(event) : false;
    };
    const mine = { ...plot.keys, Enter: () => app.set({ view: 'flame' }), a: () => !more.hidden && showAll(!all), o: flip };
    const names = new Set([...Object.keys(mine), ...Object.keys(graph.keys)]);

    return {
      render(changed) {
        const has = (...list) => changed === null || list.some((k) => changed.has(k));
        if (has('theme', 'colour', 'kind')) {
          colouring = keys(app);
          fillLegend();
        }
        if (has('stage')) inside = app.state.stage >= 0 ? flame.stagesInside(profile, app.state.stage) : null;
        if (has('kind', 'from', 'to', 'stage', 'thread', 'order')) words();
        order.show(app.flameGraph().time);
        order.box.disabled = !flame.hasTimes(profile, app.state);
        whole.disabled = app.state.left < 0;
        if (has('left', 'right', 'stage', 'thread', 'theme', 'colour', 'kind')) plot.render();
        else plot.repaint();
        graph.render(changed);
      },
      resize() {
        plot.render();
        graph.resize();
      },
      focus: () => plot.canvas.focus(),
      keys: Object.fromEntries([...names].map((key) => [key, keyOf(key)])),
      help: HELP,
    };
  }

  flame.views.push({ id: 'time', help: HELP, create });
})(globalThis);
