// What there is to say of a frame, and what can be done with it: for tooltip, details, menu and readers of
// the screen.
(function (root) {
  'use strict';

  const flame = root.flame;
  const { element, textName, pairs } = flame;
  const MOST_STAGES = 4;

  const flagsOf = (app, graph, node) => (node > 0 ? app.profile.labels.flags[graph.tree.label[node]] : 0);

  // File and line where a frame spends most: {file, line}, file '' if unknown.
  function placeOf(app, graph, node) {
    const { tree, strings } = app.profile;
    if (node === 0) return { file: '', line: 0 };
    const base = graph.base(node);
    return { file: strings.text(tree.file[base]), line: tree.line[base] };
  }

  // "10 s, 47.9 %, 1,992 samples"
  function amounts(app, graph, value, count, part) {
    const list = graph.value[0] > 0 ? [app.amountOfKind(value)] : [];
    const noun = Math.round(count) === 1 ? app.noun.replace(/ies$/, 'y').replace(/s$/, '') : app.noun;
    list.push(flame.percent(part, graph.total[0]), `${flame.count(count)} ${noun}`);
    return list.join(', ');
  }

  // A frame of a comparison: what it costs in A and in B, and whether that is more than chance.
  function differences(app, graph, node, long) {
    const { a, b } = graph.compare;
    const side = (c) => `${app.amount(c.total[node])}, ${flame.percent(c.total[node], c.total[0])}; self ${app.amount(c.self[node])}`;
    const delta = b.total[node] - a.total[node];
    const part = (v) => flame.percent(v, a.total[node]);
    const how = a.total[node] > 0 ? `, ${flame.signedText(delta, part)}` : delta > 0 ? ', only in B' : '';
    const rows = [['A', side(a)], [app.state.norm === 'none' ? 'B' : 'B, scaled', side(b)], ['change', `${flame.signedText(delta, app.amount)}${how}`]];
    if (!long || node === 0 || !flame.frameP) return rows;
    const p = flame.frameP(app.profile, app.state, graph, node);
    if (Number.isNaN(p)) rows.push(['chance', 'not known: counts of an estimate']);
    else if (p > 0 || delta !== 0) rows.push(['chance', p < 0.05 ? `more than chance (p ${p < 0.001 ? '< 0.001' : `= ${flame.digits(p, 2)}`})` : `chance may explain it (p = ${flame.digits(p, 2)})`]);
    return rows;
  }

  // What each stage has of a frame in a run, the most first.
  function stageList(app, graph, node, run) {
    const { profile } = app;
    if (profile.stages.length === 0 || app.ranged() || graph.time) return [];
    const state = { ...app.state, run, by: graph.byCount ? 'count' : 'value' };
    return graph.tree.count === profile.tree.count ? flame.stageShares(profile, state, graph.base(node)) : flame.joinedShares(profile, state, graph, node);
  }

  function stages(app, graph, node, run) {
    const list = stageList(app, graph, node, run);
    if (list.length === 0) return null;
    const box = element('span');
    list.slice(0, MOST_STAGES).forEach(({ stage, share }, i) => box.append(i ? ', ' : '',
      stage < 0 ? 'outside of stages' : textName(app.profile.stages[stage].name), ` ${flame.percent(share, 1)}`));
    if (list.length > MOST_STAGES) box.append(` and ${list.length - MOST_STAGES} more`);
    return box;
  }

  // Rows [term, text or element]; long: all there is, for the details.
  function factRows(app, graph, node, long) {
    const flags = flagsOf(app, graph, node);
    const { file, line } = placeOf(app, graph, node);
    const module = node > 0 ? app.module(graph.tree.label[node]) : '';
    const rows = graph.compare ? differences(app, graph, node, long) : [
      ['total', amounts(app, graph, graph.value[node], graph.count[node], graph.total[node])],
      ['self', amounts(app, graph, graph.selfValue[node], graph.selfCount[node], graph.self[node])],
    ];
    if (graph.time) rows.push(['when', `${flame.time(graph.start[node])} – ${flame.time(graph.start[node] + graph.total[node])}`]);
    if (long && node > 0 && !graph.compare) rows.push(['of its caller', flame.percent(graph.total[node], graph.total[graph.tree.parent[node]])]);
    const { state } = app;
    for (const [term, run] of graph.compare ? [['stages of A', state.a], ['stages of B', state.b]] : [['stages', 0]]) {
      const shares = stages(app, graph, node, run);
      if (shares) rows.push([term, shares]);
    }
    if (flags & flame.INLINED) rows.push(['inlined into', textName(app.nodeName(graph.tree.parent[node], graph))]);
    if (file) rows.push([flags & flame.NO_CODE ? 'at' : 'mostly at', textName(`${file}${line ? `:${line}` : ''}`)]);
    if (module) rows.push(['module', textName(module)]);
    if (!long || graph.compare) return rows;
    const inner = node > 0 ? flame.inlinedInto(app.profile, graph, node) : [];
    if (inner.length > 0) {
      const box = element('span', { class: 'inner' });
      inner.slice(0, 6).forEach((x, i) => box.append(i ? ' · ' : '', textName(app.name(x.label)), ` ${flame.percent(x.weight, graph.total[node])}`));
      if (inner.length > 6) box.append(` and ${inner.length - 6} more`);
      rows.push(['inlined into it', box]);
    }
    return rows;
  }

  function tipOf(app, graph, node) {
    const name = app.nodeName(node, graph);
    return [element('strong', null, textName(flame.shorten(name, 400))), pairs(factRows(app, graph, node, false))];
  }

  // One line for readers of the screen.
  function saidOf(app, graph, node) {
    const inlined = flagsOf(app, graph, node) & flame.INLINED ? ', inlined' : '';
    const rows = factRows(app, graph, node, false).filter(([, v]) => typeof v === 'string');
    return `${app.nodeName(node, graph)}${inlined}: ${rows.map(([k, v]) => `${k} ${v}`).join('; ')}`;
  }

  // The names of a stack, outermost first, one per line.
  function stackText(app, graph, node) {
    const { labels, strings } = app.profile;
    const names = flame.pathTo(graph.tree, node).slice(1).map((n) => strings.text(labels.name[graph.tree.label[n]]));
    return names.map((n) => flame.nameText(n)).join('\n');
  }

  // Actions on a frame as menu items: [text, act, key, why not]; zoom: how to zoom to it, if not in the
  // flame view.
  function frameActions(app, graph, node, zoom) {
    const { profile } = app;
    const base = graph.base(node);
    const inFlame = () => app.toFlame({ zoom: base, selected: base });
    const { labels, strings } = profile;
    const label = graph.tree.label[node];
    const raw = node > 0 ? strings.text(labels.name[label]) : '';
    const { file, line } = placeOf(app, graph, node);
    const place = flame.sourceFileOf ? flame.sourceFileOf(profile, file) : -1; // pages may lack it
    const ofRoot = node === 0 ? 'this is the whole graph' : '';
    const view = (id) => {
      const spec = app.views.find((v) => v.id === id);
      return spec ? spec.why : 'there is no such view';
    };
    return [
      ['Zoom to it', zoom ?? inFlame, 'Enter', ''],
      ['Copy name', () => app.copy(raw, 'the name'), 'y', ofRoot],
      ['Copy stack', () => app.copy(stackText(app, graph, node), 'the stack'), 'Y', ofRoot],
      ['Find this name', () => app.set({ find: flame.escaped(raw) }), 'f', ofRoot],
      ['Callers and callees', () => app.set({ view: 'callers', fn: label }), 'w', ofRoot || view('callers')],
      ['Show in table', () => app.set({ view: 'table', fn: label }), '', ofRoot || view('table')],
      ['Show source', () => app.set({ view: 'source', file: place, line }), 'v',
        ofRoot || view('source') || (place < 0 ? 'its source is not in this page' : '')],
    ];
  }

  Object.assign(flame, { factRows, tipOf, saidOf, stackText, frameActions, flagsOf, placeOf });
})(globalThis);
