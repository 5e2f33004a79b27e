// Memory: heap, resident and mapped memory over time, and whatever else was counted; where the peak is and
// what it was made of. The list of lines is the table for readers of the screen, too.
(function (root) {
  'use strict';

  const flame = root.flame;
  const { element, textName, button } = flame;
  const FIRST = ['heap_bytes', 'rss_bytes', 'mapped_bytes'];
  const LEAST = 130; // height of a panel
  const LEVELS = 2; // of stages above the lines
  const HELP = [
    ...flame.rangeHelp,
    ['p', 'what was live at the peak, as a flame graph'],
  ];
  const NAMES = {
    __proto__: null, // a series may have any name
    heap_bytes: 'heap', rss_bytes: 'RSS', mapped_bytes: 'mapped', pss_bytes: 'PSS', own_bytes: 'profiler', cgroup_bytes: 'cgroup',
    cgroup_limit_bytes: 'cgroup limit', page_faults_minor: 'minor page faults', page_faults_major: 'major page faults',
  };
  const TITLES = {
    __proto__: null,
    heap_bytes: 'live memory of the malloc family', rss_bytes: 'resident memory, without the profiler’s',
    mapped_bytes: 'mapped by mmap, brk and for thread stacks', pss_bytes: 'proportional share of resident memory',
    own_bytes: 'resident memory of the profiler’s tables', page_faults_minor: 'since the recording began', page_faults_major: 'since the recording began',
  };
  const nameOf = (series) => NAMES[series.name] || flame.nameText(series.name);

  function create(app, host) {
    const { profile } = app;
    const { series } = profile;
    const end = flame.runEnd(profile);
    // The usual ones first, what the program counts last.
    const known = Object.keys(NAMES);
    const rank = (s) => (known.includes(s.name) ? known.indexOf(s.name) : known.length);
    const places = series.map((_, i) => i).sort((a, b) => rank(series[a]) - rank(series[b]) || a - b);
    const units = series.map((s) => flame.seriesUnit(s.name));
    const peaks = series.map(flame.peakOf);
    const main = ['heap_bytes', 'rss_bytes'].map((n) => series.findIndex((s) => s.name === n)).find((i) => i >= 0 && peaks[i]);
    const lanes = flame.spanLanes(profile, 0);
    const covers = (lane) => lane.rows.reduce((sum, r, k) => sum + (lane.level[k] === 0 ? flame.spanEnd(profile, r) - profile.spans.start[r] : 0), 0);
    const lane = lanes.sort((a, b) => covers(b) - covers(a))[0] || null;
    const line = lane && flame.spanLine(profile, lane.rows);
    let chosen = [];
    let panels = []; // {unit, list, y, height}: from the top of the content

    const facts = element('p', { class: 'range-facts' });
    const live = button('Live at the peak', 'what the heap held at its peak, as a flame graph (p)', atPeak);
    const whole = button('Whole run', 'the whole run over the whole width (0)', () => app.set({ left: -1, right: -1 }));
    const plot = flame.timePlot(app, {
      label: 'memory over time; the table below has the numbers', end,
      content: () => content(), paint, tip, click: () => false, said: (t) => saidAt(t),
    });
    const body = element('tbody');
    const caption = element('caption');
    const heads = ['series', 'at the start', 'lowest', 'highest', 'at', 'at the end'];
    const head = element('tr', null, ...heads.map((h) => element('th', { scope: 'col' }, h)));
    const table = element('table', { class: 'series' }, caption, element('thead', null, head), body);
    host.classList.add('memory');
    const bar = element('div', { class: 'viewbar' }, facts, element('span', { class: 'group' }, live, whole));
    host.append(bar, plot.box, element('div', { class: 'series-box' }, table));

    function choose() {
      const given = new Set(app.state.series.split('.').filter(Boolean).map(Number));
      const wanted = places.filter((i) => given.has(i));
      const usual = places.filter((i) => FIRST.includes(series[i].name) && peaks[i]);
      chosen = wanted.length ? wanted : usual.length ? usual : places.slice(0, 1);
      panels = ['bytes', 'count', 'ns'].map((unit) => ({ unit, list: chosen.filter((i) => units[i] === unit) })).filter((p) => p.list.length);
    }
    function pick(i, on) {
      const next = on ? [...chosen, i] : chosen.filter((k) => k !== i);
      if (next.length) app.set({ series: next.sort((a, b) => a - b).join('.') });
      else fillTable();
    }

    const bands = () => (lane ? Math.min(LEVELS, lane.levels) * flame.BAR_ROW + 4 : 0);
    function content() {
      const room = plot.paper ? panels.length * 3 * LEAST : plot.box.clientHeight - plot.top;
      const top = bands();
      const height = Math.max(LEAST, Math.floor((room - top) / panels.length));
      panels.forEach((p, k) => Object.assign(p, { y: top + k * height, height }));
      return top + panels.length * height;
    }

    // ---- painting ----

    const colourOf = (i) => flame.seriesColour(places.indexOf(i), plot.dark);

    function paint(c) {
      const top = plot.top - plot.scroll;
      const colours = flame.stageColours(profile, plot.dark);
      if (lane) tint(c, colours);
      for (const p of panels) panel(c, p, top + p.y);
      if (lane) {
        c.fillStyle = plot.ink.back;
        c.fillRect(0, top, plot.width, bands());
        flame.paintBars(c, plot, profile, lane, top + 1, Math.min(LEVELS, lane.levels), colours, null);
      }
    }

    // The stages of the last row of bars, as bands behind the lines.
    function tint(c, colours) {
      const level = Math.min(LEVELS, lane.levels) - 1;
      c.globalAlpha = plot.dark ? 0.25 : 0.16;
      lane.rows.forEach((row, k) => {
        if (lane.level[k] !== level) return;
        const x0 = plot.x(profile.spans.start[row]);
        const x1 = plot.x(flame.spanEnd(profile, row));
        if (x1 < 0 || x0 > plot.width || x1 - x0 < 1) return;
        c.fillStyle = colours(profile.spans.stage[row]);
        c.fillRect(x0, plot.top, x1 - x0, plot.height);
      });
      c.globalAlpha = 1;
    }

    function panel(c, p, top) {
      const width = Math.ceil(plot.width);
      const lines = p.list.map((i) => flame.reduce(series[i], plot.left, plot.right, width));
      let hi = 0;
      let lo = 0;
      for (const l of lines)
        for (let x = 0; x < width; x++) {
          if (l.hi[x] > hi) hi = l.hi[x];
          if (l.lo[x] < lo) lo = l.lo[x];
        }
      if (!(hi > lo)) hi = lo + 1;
      p.hi = hi + (hi - lo) * 0.06;
      p.lo = lo;
      const bottom = top + p.height - 10;
      const y = (v) => bottom - ((v - lo) * (p.height - 26)) / (p.hi - lo);
      const { step, at } = flame.marks(lo, p.hi, Math.max(2, p.height / 45), p.unit);
      c.fillStyle = plot.ink.line;
      for (const v of at) c.fillRect(0, Math.round(y(v)), plot.width, 1);
      lines.forEach((l, k) => stroke(c, l, y, bottom, colourOf(p.list[k]), k === 0 && p.unit === 'bytes'));
      for (const v of at) {
        const text = v === 0 ? '0' : flame.markText(v, step, p.unit, p.hi);
        c.globalAlpha = 0.7;
        c.fillStyle = plot.ink.back;
        c.fillRect(2, y(v) - 14, c.measureText(text).width + 4, 13);
        c.globalAlpha = 1;
        c.fillStyle = plot.ink.soft;
        c.fillText(text, 4, y(v) - 7);
      }
      if (main !== undefined && p.list.includes(main)) peak(c, main, y);
    }

    // Steps, with the whole height that a pixel covers.
    function stroke(c, { lo, hi, last }, y, bottom, colour, area) {
      let before = NaN;
      c.beginPath();
      for (let x = 0; x < lo.length; x++) {
        if (!(hi[x] === hi[x])) {
          before = NaN;
          continue;
        }
        if (before === before) c.lineTo(x, y(before));
        else c.moveTo(x, y(hi[x]));
        c.lineTo(x, y(hi[x]));
        if (lo[x] !== hi[x]) c.lineTo(x, y(lo[x]));
        c.lineTo(x, y(last[x]));
        c.lineTo(x + 1, y(last[x]));
        before = last[x];
      }
      c.strokeStyle = colour;
      c.lineWidth = 1.75;
      c.stroke();
      if (!area) return;
      c.globalAlpha = 0.13;
      c.fillStyle = colour;
      for (let x = 0; x < hi.length; x++) if (hi[x] === hi[x]) c.fillRect(x, y(hi[x]), 1, bottom - y(hi[x]));
      c.globalAlpha = 1;
    }

    function peak(c, i, y) {
      const { t, value } = peaks[i];
      const x = plot.x(t);
      if (x < -1 || x > plot.width + 1) return;
      c.fillStyle = plot.ink.accent;
      c.beginPath();
      c.arc(Math.max(4, Math.min(plot.width - 4, x)), y(value), 4.5, 0, 7);
      c.fill();
      const text = `peak ${flame.bytes(value)} at ${flame.time(t)}`;
      c.font = `600 12px ${plot.font.slice(5)}`;
      const w = c.measureText(text).width + 10;
      const left = x + 8 + w < plot.width ? x + 8 : Math.max(0, x - 8 - w);
      c.globalAlpha = 0.85;
      c.fillStyle = plot.ink.back;
      c.fillRect(left, y(value) - 9, w, 18);
      c.globalAlpha = 1;
      c.fillStyle = plot.ink.accent;
      c.fillText(text, left + 5, y(value));
      c.font = plot.font;
    }

    // ---- words ----

    const stageAt = (t) => {
      const row = line ? flame.innermost(line, t) : -1;
      return row < 0 ? '' : flame.stagePath(profile, profile.spans.stage[row]);
    };
    const within = ({ t: times }, t) => t >= times[0] && t <= times[times.length - 1];
    const valueAt = (i, t) => flame.seriesValue(units[i], within(series[i], t) ? flame.seriesAt(series[i], t) : NaN);
    function tip(t) {
      const rows = [['time', flame.time(t)], ...chosen.map((i) => [nameOf(series[i]), valueAt(i, t)])];
      if (stageAt(t)) rows.push(['stage', textName(stageAt(t))]);
      return { nodes: [flame.pairs(rows)], clicks: false };
    }
    const saidAt = (t) => [...chosen.map((i) => `${nameOf(series[i])} ${valueAt(i, t)}`), stageAt(t)].filter(Boolean).join(', ');

    function words() {
      const { state } = app;
      const list = [];
      const add = (term, ...content) => list.push(element('span', null, element('b', null, term), ' ', ...content));
      if (main !== undefined) {
        const { t, value } = peaks[main];
        const stage = stageAt(t);
        const other = series.findIndex((s) => s.name === 'rss_bytes');
        const where = stage ? [' in ', textName(flame.shorten(stage, 200))] : [];
        add(`${nameOf(series[main])} peak`, `${flame.bytes(value)} at ${flame.time(t)}`, ...where);
        if (main !== other && other >= 0 && peaks[other]) add('RSS peak', `${flame.bytes(peaks[other].value)} at ${flame.time(peaks[other].t)}`);
      }
      if (state.from >= 0) {
        const heap = series.find((s) => s.name === 'heap_bytes');
        const change = heap ? flame.seriesAt(heap, state.to) - flame.seriesAt(heap, state.from) : NaN;
        add('range', `${flame.rangeText(state)} (${flame.time(state.to - state.from)})`);
        if (change === change) add('heap', flame.changeText(change));
      }
      facts.replaceChildren(...list);
      live.hidden = !profile.kinds.includes('peak');
      whole.disabled = state.left < 0;
    }

    function fillTable() {
      const { from, to } = app.state;
      const range = from >= 0;
      const [a, b] = range ? [from, to] : [0, end];
      const without = profile.meta.series_left_out;
      caption.textContent = `${range ? `in the range ${flame.rangeText(app.state)}` : 'in the whole run'}${without ? `; ${flame.count(without)} more are not in the page` : ''}`;
      body.replaceChildren(...places.map((i) => {
        const s = series[i];
        const on = chosen.includes(i);
        const box = element('input', { type: 'checkbox', onchange: (e) => pick(i, e.target.checked) });
        box.checked = on;
        const text = (v) => flame.seriesValue(units[i], v);
        const r = flame.rangeStats(s, a, b);
        const cells = s.t.length ? [text(r.first), text(r.lo), text(r.hi), flame.time(r.at), text(r.last)] : ['–', '–', '–', '–', '–'];
        const swatch = element('span', { class: 'swatch', style: `background:${flame.seriesColour(places.indexOf(i), app.dark())}` });
        return element('tr', { class: on ? 'on' : null },
          element('th', { scope: 'row', title: TITLES[s.name] }, element('label', null, box, swatch, textName(nameOf(s)))),
          ...cells.map((x) => element('td', null, x)));
      }));
    }

    function atPeak() {
      if (profile.kinds.includes('peak')) app.toFlame({ kind: 'peak', selected: 0 });
    }

    return {
      render(changed) {
        const has = (...list) => changed === null || list.some((k) => changed.has(k));
        if (has('series')) choose();
        if (has('from', 'to', 'left')) words();
        if (has('from', 'to', 'series', 'theme')) fillTable();
        if (has('left', 'right', 'series', 'theme')) plot.render();
        else plot.repaint();
      },
      resize: () => plot.render(),
      focus: () => plot.canvas.focus(),
      keys: { ...plot.keys, p: () => (profile.kinds.includes('peak') ? atPeak() : false) },
      help: HELP,
    };
  }

  flame.views.push({ id: 'memory', help: HELP, create });
})(globalThis);
