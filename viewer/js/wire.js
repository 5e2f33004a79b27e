// Joins the parts: reads the data, keeps what the reader has chosen (zoom, search, stage, thread, theme),
// answers mouse, touch and keys, and keeps the address in step so that a view can be linked to.
(function (root) {
  'use strict';

  const flame = root.flame;
  const $ = (id) => document.getElementById(id);

  let profile;
  let painter;
  let names; // by label, as shown
  let frame = 0; // of requestAnimationFrame
  const view = {
    profile: null,
    sums: null,
    total: null, // what widths go by: values, or counts
    start: null,
    zoom: 0,
    selected: 0,
    hover: -1,
    hits: null,
    flip: false,
    rows: 1,
    offset: 0, // pixels above the first row
    scroll: 0,
    byCount: false,
    colours: null,
    stage: flame.ALL,
    thread: flame.ALL,
    name: (node) => (node === 0 ? 'all' : names(profile.tree.label[node])),
  };

  function namesOf(p) {
    const known = new Array(p.labels.count);
    return (label) => known[label] ?? (known[label] = flame.nameText(p.strings.text(p.labels.name[label])));
  }

  // ---- painting ----

  function dark() {
    const theme = document.documentElement.dataset.theme;
    return theme ? theme === 'dark' : root.matchMedia('(prefers-color-scheme: dark)').matches;
  }

  function repaint() {
    if (frame) return;
    frame = root.requestAnimationFrame(() => {
      frame = 0;
      view.scroll = $('scroll').scrollTop;
      painter.paint(view);
    });
  }

  // The canvas covers what is seen of the graph; the box behind it is as high as the graph.
  function resize(keepScroll) {
    const scroll = $('scroll');
    const width = scroll.clientWidth;
    const least = (view.total[view.zoom] * 0.5) / Math.max(width, 1);
    view.rows = flame.depthSeen(profile.tree, view.total, view.zoom, least) + 1;
    const height = scroll.clientHeight;
    const full = Math.max(view.rows * flame.ROW, height);
    view.offset = view.flip ? full - view.rows * flame.ROW : 0; // a low flame graph stands on the ground
    $('tall').style.height = `${full}px`;
    painter.resize(width, height);
    // To the zoomed frame, with a few of its callers; the rest of them is a scroll away.
    const above = Math.max(0, profile.tree.depth[view.zoom] - 3) * flame.ROW;
    if (!keepScroll) scroll.scrollTop = view.flip ? full - height - above : above;
    repaint();
  }

  function recolour() {
    const weights = view.byCount ? view.sums.selfCount : view.sums.selfValue;
    view.colours = flame.palette(profile, weights, dark());
    flame.legend(profile, view.colours, view.total[0], (path) =>
      search(`module:^${path.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`));
    repaint();
  }

  // ---- choices ----

  function reweigh() {
    view.sums = flame.weigh(profile, flame.chooseGroups(profile, view.stage, view.thread));
    view.byCount = $('weight').value === 'count' || !(view.sums.value[0] > 0);
    view.total = view.byCount ? view.sums.count : view.sums.value;
    view.start = flame.place(profile.tree, view.total);
    if (!(view.total[view.zoom] > 0)) view.zoom = 0;
    if (!(view.total[view.selected] > 0)) view.selected = view.zoom;
    flame.head(profile, view.sums);
    empty();
    recolour();
    zoomTo(view.zoom, view.selected);
  }

  function empty() {
    const box = $('empty');
    box.hidden = view.total[0] > 0;
    if (!box.hidden) {
      const { kind, kinds, filter } = profile.meta;
      const others = Object.keys(kinds).filter((k) => k !== kind);
      const chosen = filter || view.stage !== flame.ALL || view.thread !== flame.ALL;
      box.textContent = `No samples of kind ${kind}${chosen ? ' that pass the filter' : ' in this run'}. ${
        others.length ? `The run has samples of: ${others.join(', ')}.` : 'The run has no samples of any other kind.'}`;
    }
  }

  function select(node) {
    view.selected = node;
    flame.details(view, node);
    repaint();
  }

  function zoomTo(node, selected) {
    view.zoom = node;
    flame.crumbs(view, zoomTo);
    $('reset').disabled = node === 0;
    resize(false);
    report();
    select(selected ?? node);
    reveal(view.selected);
    remember();
  }

  // Scrolls so that the row of a node is on the screen.
  function reveal(node) {
    const scroll = $('scroll');
    const row = view.flip ? view.rows - 1 - profile.tree.depth[node] : profile.tree.depth[node];
    const top = view.offset + row * flame.ROW;
    if (top < scroll.scrollTop) scroll.scrollTop = top - flame.ROW;
    else if (top + 2 * flame.ROW > scroll.scrollTop + scroll.clientHeight)
      scroll.scrollTop = top + 2 * flame.ROW - scroll.clientHeight;
  }

  // Selects a node; zooms out as far as needed if it lies outside of what is shown or is too narrow to see.
  function show(node) {
    const { tree } = profile;
    const inside = (z) => node >= z && node < tree.end[z];
    let zoom = view.zoom;
    while (!inside(zoom)) zoom = tree.parent[zoom];
    const least = view.total[zoom] * (2 / Math.max(painter.width, 1));
    if (view.total[node] < least && view.total[tree.parent[node]] > 0) zoom = tree.parent[node];
    if (zoom !== view.zoom) zoomTo(zoom, node);
    else {
      select(node);
      reveal(node);
    }
  }

  function search(text) {
    $('search').value = text;
    view.hits = null;
    view.query = text === '' ? null : flame.compile(text);
    if (view.query && !view.query.error) view.hits = flame.matchLabels(profile, view.query);
    report();
    remember();
    repaint();
  }

  function report() {
    const out = $('matched');
    out.classList.toggle('wrong', Boolean(view.query && view.query.error));
    if (!view.query) out.textContent = '';
    else if (view.query.error) out.textContent = view.query.error;
    else {
      const m = flame.matched(profile.tree, view.total, view.hits, view.zoom);
      const where = view.zoom === 0 ? '' : ' of the zoomed frame';
      out.textContent = `matched ${flame.percent(m.sum, view.total[view.zoom])}${where}, ${flame.count(m.frames)} ${m.frames === 1 ? 'frame' : 'frames'}`;
    }
  }

  // ---- address ----

  function remember() {
    const state = new URLSearchParams();
    if (view.zoom) state.set('zoom', view.zoom);
    if ($('search').value) state.set('find', $('search').value);
    if (view.flip) state.set('flip', '1');
    if (view.stage !== flame.ALL) state.set('stage', view.stage);
    if (view.thread !== flame.ALL) state.set('thread', view.thread);
    if ($('weight').value === 'count') state.set('by', 'count');
    const hash = `#${state}`;
    if (hash !== (root.location.hash || '#')) {
      try {
        root.history.replaceState(null, '', hash);
      } catch { /* some browsers refuse this for local files: the page works without */ }
    }
  }

  function restore() {
    const state = new URLSearchParams(root.location.hash.slice(1));
    const number = (key, limit, otherwise) => {
      const text = state.get(key) ?? '';
      const n = Number(text);
      return /^-?\d+$/.test(text) && n >= flame.OUTSIDE && n < limit ? n : otherwise;
    };
    view.flip = state.get('flip') === '1';
    view.stage = number('stage', profile.stages.length, flame.ALL);
    view.thread = number('thread', profile.threads.length, flame.ALL);
    $('stage').value = String(view.stage);
    $('thread').value = String(view.thread);
    $('weight').value = state.get('by') === 'count' ? 'count' : 'value';
    view.zoom = view.selected = Math.max(0, number('zoom', profile.tree.count, 0));
    showFlip();
    reweigh();
    if (state.get('find')) search(state.get('find'));
  }

  // ---- controls ----

  function option(value, text) {
    return flame.element('option', { value: String(value) }, text);
  }

  function fillStages() {
    const { stages, groups } = profile;
    const outside = groups.stage.some((s) => s === 0);
    const depth = [];
    const children = new Map();
    for (const s of stages) {
      depth[s.id] = s.parent < 0 ? 0 : depth[s.parent] + 1;
      if (!children.has(s.parent)) children.set(s.parent, []);
      children.get(s.parent).push(s);
    }
    const options = [option(flame.ALL, 'all stages')];
    const todo = (children.get(-1) ?? []).slice().reverse();
    while (todo.length > 0) {
      const s = todo.pop();
      options.push(option(s.id, `${'\u00a0\u00a0'.repeat(Math.min(depth[s.id], 20))}${flame.visible(s.name).slice(0, 80)}`));
      todo.push(...(children.get(s.id) ?? []).slice().reverse());
    }
    if (outside) options.push(option(flame.OUTSIDE, '(outside of stages)'));
    $('stage').replaceChildren(...options);
    $('stage').closest('label').hidden = options.length < 3;
  }

  function fillThreads() {
    const sums = new Map();
    let at = 0;
    profile.groups.samples.forEach((n, g) => {
      const t = profile.groups.thread[g] - 1;
      for (let k = 0; k < n; k++, at++) sums.set(t, (sums.get(t) ?? 0) + profile.samples.value[at]);
    });
    const several = new Set(profile.threads.map((t) => `${t.process}\n${t.pid}`)).size > 1;
    const text = (t) => {
      const which = t.count > 1 ? `${flame.count(t.count)} threads` : t.tid ? String(t.tid) : '';
      const process = several ? ` of ${t.process}${t.pid ? ` ${t.pid}` : ''}` : '';
      return flame.visible(`${t.name || 'thread'}${which ? ` (${which})` : ''}${process}`).slice(0, 100);
    };
    const sorted = profile.threads.slice().sort((a, b) => (sums.get(b.id) ?? 0) - (sums.get(a.id) ?? 0));
    $('thread').replaceChildren(option(flame.ALL, 'all threads'), ...sorted.map((t) => option(t.id, text(t))));
    $('thread').closest('label').hidden = profile.threads.length < 2;
  }

  function fillWeights() {
    const { unit, kind } = profile.meta;
    const valued = profile.samples.value.some((v) => v > 0);
    const counted = option('count', flame.countNoun(kind));
    const options = [option('value', unit === 'ns' ? 'time' : 'bytes'), counted];
    $('weight').replaceChildren(...options);
    $('weight').closest('label').hidden = !valued;
  }

  function showFlip() {
    $('flip').setAttribute('aria-pressed', String(view.flip));
  }

  function flip() {
    view.flip = !view.flip;
    showFlip();
    resize(false);
    reveal(view.selected);
    remember();
  }

  function switchTheme() {
    document.documentElement.dataset.theme = dark() ? 'light' : 'dark';
    recolour();
  }

  function reset() {
    search('');
    zoomTo(0);
  }

  function help(open) {
    if (open) $('help').showModal();
    else $('help').close();
  }

  // ---- mouse, touch, keys ----

  function nodeAt(event) {
    const box = painter.canvas.getBoundingClientRect();
    const depth = painter.rowAt(view, event.clientY - box.top);
    if (depth < 0 || depth >= view.rows || !(view.total[view.zoom] > 0)) return -1;
    const scale = view.total[view.zoom] / box.width;
    const x = view.start[view.zoom] + (event.clientX - box.left) * scale;
    const node = flame.hit(profile.tree, view.total, view.start, view.zoom, x, depth);
    return node >= 0 && view.total[node] >= 0.25 * scale ? node : -1;
  }

  function hover(event) {
    const node = event.type === 'pointerleave' || event.pointerType === 'touch' ? -1 : nodeAt(event);
    painter.canvas.style.cursor = node < 0 ? 'default' : 'pointer';
    flame.tooltip(view, node, event.clientX, event.clientY);
    if (node !== view.hover) {
      view.hover = node;
      repaint();
    }
  }

  function move(where) {
    const { tree } = profile;
    const next = flame.step(tree, view.total, view.selected, where);
    if (next !== view.selected) show(next);
  }

  // Up and down are what they look like: towards the callers or away from them.
  const GRAPH_KEYS = {
    ArrowUp: () => move(view.flip ? 'callee' : 'caller'),
    ArrowDown: () => move(view.flip ? 'caller' : 'callee'),
    ArrowLeft: () => move('left'),
    ArrowRight: () => move('right'),
    Enter: () => zoomTo(view.selected),
    ' ': () => zoomTo(view.selected),
    Backspace: () => zoomTo(profile.tree.parent[view.zoom]),
    Home: () => show(view.zoom),
  };
  const nextHit = (forward) => {
    if (!view.hits) return;
    const node = flame.nextMatch(profile.tree, view.total, view.hits, view.selected, forward);
    if (node >= 0) show(node);
  };
  const PAGE_KEYS = {
    '/': () => $('search').focus(),
    n: () => nextHit(true),
    N: () => nextHit(false),
    r: reset,
    0: () => zoomTo(0),
    i: flip,
    t: switchTheme,
    '?': () => help(true),
    Escape: () => ($('search').value ? search('') : zoomTo(0)),
  };

  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || $('help').open) return;
    const target = event.target;
    if (target === $('search')) {
      if (event.key === 'Enter') nextHit(!event.shiftKey);
      else if (event.key === 'Escape') {
        if (target.value) search('');
        else painter.canvas.focus();
      } else return;
      event.preventDefault();
      return;
    }
    if (target instanceof HTMLSelectElement) return;
    const onButton = target instanceof HTMLButtonElement && (event.key === 'Enter' || event.key === ' ');
    const action = (target === painter.canvas || target === document.body ? GRAPH_KEYS[event.key] : null) ?? PAGE_KEYS[event.key];
    if (!action || onButton) return;
    event.preventDefault();
    flame.tooltip(view, -1);
    action();
  }

  function listen() {
    const canvas = painter.canvas;
    canvas.addEventListener('pointermove', hover);
    canvas.addEventListener('pointerleave', hover);
    canvas.addEventListener('click', (event) => {
      const node = nodeAt(event);
      flame.tooltip(view, -1);
      if (node >= 0) zoomTo(node);
    });
    $('scroll').addEventListener('scroll', () => {
      flame.tooltip(view, -1);
      repaint();
    });
    $('search').addEventListener('input', (event) => search(event.target.value));
    $('reset').addEventListener('click', reset);
    $('flip').addEventListener('click', flip);
    $('theme').addEventListener('click', switchTheme);
    $('help-open').addEventListener('click', () => help(true));
    $('help-close').addEventListener('click', () => help(false));
    for (const id of ['stage', 'thread'])
      $(id).addEventListener('change', (event) => {
        view[id] = Number(event.target.value);
        reweigh();
      });
    $('weight').addEventListener('change', reweigh);
    document.addEventListener('keydown', key);
    new ResizeObserver(() => resize(true)).observe($('scroll'));
    root.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', recolour);
    root.addEventListener('hashchange', restore);
  }

  function fail(error) {
    const box = $('empty');
    box.hidden = false;
    box.setAttribute('role', 'alert');
    box.textContent = error.message;
  }

  async function start() {
    try {
      profile = await flame.decode($('flame-data').textContent);
    } catch (error) {
      fail(error);
      return;
    }
    view.profile = profile;
    names = namesOf(profile);
    painter = new flame.Painter($('graph'));
    flame.view = view; // for the console, and for tests
    fillStages();
    fillThreads();
    fillWeights();
    restore();
    listen();
    document.documentElement.dataset.ready = '1';
  }

  start();
})(globalThis);
