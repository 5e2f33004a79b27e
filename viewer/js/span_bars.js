// Stages as bars on a strip of time, and what is said of one of them: shared by the views of time, stages
// and memory.
(function (root) {
  'use strict';

  const flame = root.flame;
  const { element, textName, pairs } = flame;
  const ROW = 18;

  // A colour for each name of a stage, in the order of the data: neighbours differ.
  function stageColours(profile, dark) {
    const places = new Map();
    for (const s of profile.stages) if (!places.has(s.name)) places.set(s.name, places.size);
    return (stage) => (stage < 0 ? (dark ? '#6b6b75' : '#b9b6b0') : flame.frame(places.get(profile.stages[stage].name), 0.5, dark));
  }

  // 'export › knn'
  function stagePath(profile, stage) {
    const names = [];
    for (let s = stage; s >= 0; s = profile.stages[s].parent) names.unshift(flame.nameText(profile.stages[s].name));
    return names.join(' › ');
  }

  // The bars of a lane below y; those that are not in `inside` (0 or 1 by stage) are pale.
  function paintBars(c, plot, profile, lane, y, levels, colours, inside) {
    const { spans, stages } = profile;
    const edge = new Float64Array(levels); // what is painted already, by level
    lane.rows.forEach((row, k) => {
      const level = lane.level[k];
      const end = flame.spanEnd(profile, row);
      if (level >= levels || end < plot.left || spans.start[row] > plot.right) return;
      const x0 = Math.max(0, plot.x(spans.start[row]));
      const x1 = Math.min(plot.width, Math.max(plot.x(end), x0 + 0.5));
      if (x1 - edge[level] < 0.5) return;
      edge[level] = x1;
      const top = y + level * ROW;
      if (top > plot.height || top + ROW < plot.top) return;
      const open = !(spans.wall[row] >= 0);
      c.globalAlpha = inside && !inside[spans.stage[row]] ? 0.3 : 1;
      c.fillStyle = colours(spans.stage[row]);
      c.fillRect(x0, top, Math.max(0.7, x1 - x0 - (x1 - x0 > 3 ? 1 : 0)), ROW - 2);
      if (open) {
        c.fillStyle = plot.ink.warn;
        c.fillRect(x1 - 3, top, 3, ROW - 2);
      }
      if (x1 - x0 > 24) {
        c.fillStyle = plot.dark ? flame.TEXT.dark : flame.TEXT.light;
        c.fillText(flame.fitText(c, flame.nameText(stages[spans.stage[row]].name), x1 - x0 - 8), x0 + 4, top + ROW / 2 - 0.5);
      }
      c.globalAlpha = 1;
    });
  }

  // The span of a lane at a time and a distance from its top, or one within a few pixels; -1: none.
  function barAt(plot, profile, lane, t, y) {
    const level = Math.floor(y / ROW);
    const near = (3 * (plot.right - plot.left)) / plot.width;
    let best = -1;
    let least = near;
    lane.rows.forEach((row, k) => {
      if (lane.level[k] !== level) return;
      const start = profile.spans.start[row];
      const away = Math.max(start - t, t - flame.spanEnd(profile, row), 0);
      if (away < least || (away === 0 && best < 0)) {
        best = row;
        least = away;
      }
    });
    return best;
  }

  const perSecond = (v) => (v < 100 ? flame.digits(v, 3) : flame.count(v));

  function paramList(text) {
    try {
      return Object.entries(JSON.parse(text) || {}).map(([k, v]) => [k, typeof v === 'string' ? v : JSON.stringify(v)]);
    } catch {
      return [];
    }
  }

  // Everything that is known of one stage, as [term, text] pairs.
  function spanFacts(app, row) {
    const { profile } = app;
    const { spans, threads, strings } = profile;
    const thread = threads[spans.thread[row]];
    const list = [];
    const add = (term, value, text) => value >= 0 && list.push([term, text(value)]);
    if (thread) list.push(['thread', textName(thread.name || 'thread')]);
    list.push(['start', flame.time(spans.start[row])]);
    if (spans.wall[row] >= 0) list.push(['wall', flame.time(spans.wall[row])]);
    else list.push(['wall', 'still open at the end of the run']);
    add('CPU', spans.cpu[row], (v) => (spans.wall[row] > 0 ? `${flame.time(v)}, ${flame.percent(v, spans.wall[row])} of wall` : flame.time(v)));
    add('peak heap', spans.peakHeap[row], flame.bytes);
    add('peak RSS', spans.peakRss[row], flame.bytes);
    const blocks = spans.allocCount[row];
    const seconds = spans.wall[row] / 1e9;
    add('allocated', spans.allocBytes[row], (v) => `${flame.bytes(v)}${blocks >= 0 ? ` in ${flame.count(blocks)} blocks` : ''}`);
    add('items', spans.items[row] || NaN, (v) => `${flame.count(v)}${seconds > 0 ? `, ${perSecond(v / seconds)} per s` : ''}`);
    add('samples', spans.samples[row], flame.count);
    for (const [k, v] of paramList(strings.text(spans.params[row]))) list.push([textName(flame.shorten(k, 60)), textName(flame.shorten(v, 200))]);
    return list;
  }

  const spanTip = (app, row) => [
    element('strong', null, textName(flame.shorten(stagePath(app.profile, app.profile.spans.stage[row]), 400))),
    pairs(spanFacts(app, row)),
  ];

  // The stage becomes the filter of the page, or no longer is.
  const toggleStage = (app, stage) => app.set({ stage: app.state.stage === stage ? flame.ALL : stage });

  Object.assign(flame, { stageColours, stagePath, paintBars, barAt, spanFacts, spanTip, toggleStage, perSecond, BAR_ROW: ROW });
})(globalThis);
