// Flame: the graph as boxes, in its bar the choices of how, above it the path to the zoomed frame, below it
// what is known of the selected one. What the mouse, fingers and keys do is in flame_input.js.
(function (root) {
  'use strict';

  const flame = root.flame;
  const { element, textName, button, chooser, toggle } = flame;

  const GLIDE_MS = 170;
  const MODULES = 6; // in the legend
  const PRINTED_WIDTH = 1200;
  const PRINTED_ROWS = 80;
  const SHAPE = ['kind', 'stage', 'thread', 'by', 'order', 'fold', 'own', 'from', 'to', 'a', 'b', 'norm', 'width', 'flip'];
  const ORDERS = [['heavy', 'heaviest first'], ['name', 'by name'], ['time', 'by time']];
  const COLOURS = [['module', 'by module'], ['name', 'by name'], ['delta', 'by change']];
  const HELP = [
    ['click Enter', 'zoom to the frame; its callers above lead back'],
    ['← ↑ ↓ →', 'neighbours, caller and heaviest callee'],
    ['Backspace', 'zoom out to the caller'],
    ['0 Home', 'zoom out to everything'],
    ['+ -', 'wider and narrower; also Ctrl and the wheel, or two fingers'],
    ['Shift+← Shift+→', 'move sideways; also Shift and the wheel, or drag'],
    ['PgUp PgDn', 'scroll'],
    ['i', 'root at the top (icicle) or at the bottom (flame graph)'],
    ['o', 'order: heaviest first, by name, by time'],
    ['k', 'colours: by module, by name, by change'],
    ['c', 'join recursive calls'],
    ['l', 'leave out frames of libraries; their cost goes to the caller'],
    ['m', 'menu of the frame; also the right button'],
    ['y Y', 'copy its name, its stack'],
    ['f w v', 'find this name, callers and callees, source'],
  ];

  // ---- bar: how the graph is drawn ----

  function flameBar(app, actions) {
    const { profile } = app;
    const several = profile.runs.length > 1;
    const orders = ORDERS.filter(([o]) => o !== 'time' || (profile.ticks.count > 0 && !several));
    const colourings = COLOURS.filter(([c]) => c !== 'delta' || several);
    const flip = toggle('Flame graph', 'root at the bottom instead of the top (i)', actions.flip);
    const order = chooser('order', orders, actions.order);
    const colour = chooser('colours', colourings, (v) => app.set({ colour: v }));
    const fold = toggle('Join recursion', 'a function called by itself becomes one frame (c)', actions.fold);
    const own = toggle('Hide libraries', 'leave out frames of libraries; their cost goes to the caller (l)', actions.own);
    const reset = button('Whole graph', 'zoom out to everything (0)', actions.reset, { id: 'reset' });
    for (const [c, id] of [[flip, 'flip'], [fold, 'fold'], [own, 'own']]) c.box.id = id;
    order.select.id = 'order';
    colour.select.id = 'colour';
    own.box.hidden = !profile.labels.flags.some((f) => f & flame.LIBRARY);
    const note = element('span', { class: 'more', id: 'flame-note' });
    const legend = element('div', { class: 'legend', 'aria-label': 'what the colours mean' });
    let untimed = ''; // why not by time
    return {
      box: element('div', { class: 'viewbar flame-bar' }, flip.box, order.box, colour.box, fold.box, own.box, reset, note),
      legend,
      orders: () => orders.map(([o]) => o).filter((o) => o !== 'time' || flame.hasTimes(profile, app.state)),
      colours: colourings.map(([c]) => c),
      render(state) {
        flip.show(state.flip);
        fold.show(state.fold);
        own.show(state.own);
        const why = flame.withoutTimes(profile, state);
        if (why !== untimed) {
          order.fill(orders.map(([o, text]) => [o, o === 'time' && why ? `${text}: ${why}` : text]));
          for (const option of order.select.options) option.disabled = option.value === 'time' && why !== '';
          untimed = why;
        }
        order.select.value = why && state.order === 'time' ? 'heavy' : state.order;
        colour.select.value = state.colour;
        reset.disabled = state.zoom === 0 && state.x0 === 0 && state.x1 === 1;
        const { time, thread } = app.flameGraph();
        note.hidden = !time;
        if (time) note.replaceChildren('time of ', textName(thread >= 0 ? profile.threads[thread].name : 'all threads'), ', from left to right');
      },
    };
  }

  const swatch = (fill) => element('span', { class: 'swatch', style: `background:${fill}` });
  const more = (...content) => element('span', { class: 'more' }, ...content);

  function moduleLegend(app, graph, colours) {
    const modules = flame.modulesByWeight(app.profile, graph.tree, graph.self).filter((m) => m.module >= 0 && m.weight > 0);
    const share = (weight) => flame.percent(weight, graph.total[0]);
    const items = modules.slice(0, MODULES).map((m) => {
      const path = app.profile.strings.text(m.module);
      const title = `${flame.visible(path)}: ${share(m.weight)} in its own functions; click to find it`;
      return element('button', { type: 'button', class: 'module', title, onclick: () => app.set({ find: `module:${flame.escaped(path)}` }) },
        swatch(colours.ofModule(m.module)), textName(flame.shorten(flame.baseName(path), 28)),
        element('span', { class: 'share' }, share(m.weight)));
    });
    if (modules.length > MODULES) items.push(more(`and ${flame.count(modules.length - MODULES)} more`));
    return items;
  }

  function changeLegend(colours) {
    const ends = flame.STEPS.length;
    return [
      more('less in B', ...colours.scale.slice(0, 2 * ends + 1).map(swatch), 'more in B'),
      more(swatch(colours.scale[2 * ends + 1]), 'may be chance'),
    ];
  }

  function fillLegend(app, graph, colours, box) {
    const { flags } = app.profile.labels;
    const items = colours.scheme === 'module' ? moduleLegend(app, graph, colours)
      : colours.scheme === 'delta' ? changeLegend(colours) : [more('a colour for each name, the same in every page')];
    if (flags.some((f) => f & flame.INLINED)) items.push(element('i', { class: 'more' }, 'italic: inlined'));
    if (flags.some((f) => f & flame.NO_CODE)) items.push(more(element('span', { class: 'swatch hatch' }), 'no code'));
    box.replaceChildren(...items);
  }

  // ---- the view ----

  function create(app, host) {
    const canvas = element('canvas', {
      id: 'graph', tabindex: '0', role: 'application', 'aria-describedby': 'flame-how',
      'aria-label': 'flame graph; the views Table and Tree hold the same as text',
    });
    const how = element('span', { id: 'flame-how', class: 'unseen' }, 'arrow keys move, Enter zooms, Backspace goes back, slash searches, question mark lists all keys');
    const tall = element('div', { class: 'flame-tall' }, canvas);
    const scroll = element('div', { class: 'flame-scroll', id: 'scroll', tabindex: '-1' }, tall);
    const crumbs = element('ol', { class: 'crumbs' });
    const where = element('div', { class: 'flame-where', 'aria-hidden': 'true' }, element('i'));
    const details = element('section', { class: 'flame-details', 'aria-label': 'selected frame' });

    // What the painter paints; `from` and `to` may run ahead of the state while the wheel turns.
    const v = {
      graph: null, profile: app.profile, zoom: 0, from: 0, to: 1, rows: 1, offset: 0, scroll: 0, flip: false,
      hits: null, found: null, selected: 0, hover: -1, colours: null, doubtful: null,
      name: (node) => app.nodeName(node, v.graph),
    };
    let painter = null;
    let frame = 0; // of requestAnimationFrame
    let painted = false;
    let moving = false;
    let picked = { graph: null, node: 0 };
    let glide = null; // {since, from, to}: the window it comes from
    const view = { app, v, canvas, scroll, get painter() { return painter; } };
    const bar = flameBar(app, {
      flip: () => app.set({ flip: app.state.flip ? 0 : 1 }),
      fold: () => app.set({ fold: app.state.fold ? 0 : 1 }),
      own: () => app.set({ own: app.state.own ? 0 : 1 }),
      order: app.orderBy,
      reset: () => view.zoomTo(0),
    });
    view.bar = bar;
    host.classList.add('flame');
    host.append(bar.box,
      element('div', { class: 'flame-top' }, element('nav', { 'aria-label': 'path to the zoomed frame' }, crumbs), bar.legend),
      where, scroll, how, details);

    // ---- painting ----

    function paint(now) {
      frame = 0;
      if (!v.graph || host.hidden || printing) return;
      v.scroll = scroll.scrollTop;
      const shown = glide ? gliding(now) : v;
      painter.paint(shown);
      if (glide) repaint();
      if (!painted) root.performance.mark('flame-painted');
      painted = true;
    }

    function repaint() {
      if (!frame) frame = root.requestAnimationFrame(paint);
    }
    view.repaint = repaint;

    // Between two windows: how fast the eye follows, at a constant rate of widening.
    function gliding(now) {
      const t = Math.min(1, Math.max(0, (now - glide.since) / GLIDE_MS));
      const eased = 1 - (1 - t) ** 3;
      const mix = (a, b) => a + (b - a) * eased;
      const shown = { ...v, from: mix(glide.from, v.from), to: mix(glide.to, v.to) };
      if (t === 1) glide = null;
      return glide ? shown : v;
    }

    function startGlide(from, to) {
      const still = root.matchMedia('(prefers-reduced-motion: reduce)').matches;
      glide = still || !(to > from) || (from === v.from && to === v.to) ? null : { since: root.performance.now(), from, to };
    }

    // ---- size and place ----

    // The canvas covers what is seen of the graph; the box behind it is as high as the graph. While a window
    // is being changed rows are only added: nothing jumps.
    function fit(growing) {
      const width = scroll.clientWidth;
      const height = scroll.clientHeight;
      const { tree, total, start } = v.graph;
      const least = ((v.to - v.from) * 0.5) / Math.max(width, 1);
      const rows = total[v.zoom] > 0 ? flame.depthSeen(tree, total, 0, least, start, v.from, v.to) + 1 : 1;
      const below = v.offset + v.rows * flame.ROW - scroll.scrollTop; // how far the root of a flame graph is
      v.rows = growing ? Math.max(rows, v.rows) : rows;
      const full = Math.max(v.rows * flame.ROW, height);
      v.offset = v.flip ? full - v.rows * flame.ROW : 0; // a low flame graph stands on the ground
      tall.style.height = `${full}px`;
      painter.resize(width, height);
      if (growing && v.flip) scroll.scrollTop = v.offset + v.rows * flame.ROW - below;
      where.firstChild.hidden = v.to - v.from >= total[0] * (1 - 1e-9);
      where.firstChild.style.left = `${(100 * (v.from - start[0])) / total[0]}%`;
      where.firstChild.style.width = `${(100 * (v.to - v.from)) / total[0]}%`;
      repaint();
    }
    view.fit = fit;

    // To the zoomed frame, with a few of its callers; the rest of them is a scroll away.
    function toZoom() {
      const above = Math.max(0, v.graph.tree.depth[v.zoom] - 3) * flame.ROW;
      scroll.scrollTop = v.flip ? tall.offsetHeight - scroll.clientHeight - above : above;
    }

    // Scrolls so that the row of a node is on the screen.
    function reveal(node) {
      const depth = v.graph.tree.depth[node];
      const top = v.offset + (v.flip ? v.rows - 1 - depth : depth) * flame.ROW;
      if (top < scroll.scrollTop) scroll.scrollTop = top - flame.ROW;
      else if (top + 2 * flame.ROW > scroll.scrollTop + scroll.clientHeight) scroll.scrollTop = top + 2 * flame.ROW - scroll.clientHeight;
    }

    // ---- texts around it ----

    function fillCrumbs() {
      const path = flame.pathTo(v.graph.tree, v.zoom);
      const shown = path.length > 200 ? [...path.slice(0, 20), -1, ...path.slice(-150)] : path;
      crumbs.replaceChildren(...shown.map((node) => element('li', null,
        node < 0 ? element('span', null, `${flame.count(path.length - 170)} frames`)
          : node === v.zoom ? element('span', { 'aria-current': 'location' }, textName(v.name(node)))
            : element('button', { type: 'button', onclick: () => view.zoomTo(node) }, textName(v.name(node))))));
      crumbs.scrollLeft = crumbs.scrollWidth;
    }

    function fillDetails() {
      const items = flame.frameActions(app, v.graph, v.selected).filter(([, , , why]) => !why).slice(1);
      details.replaceChildren(
        element('div', { class: 'flame-name' }, element('h2', null, textName(v.name(v.selected))),
          element('p', { class: 'actions' }, ...items.map(([text, act, key]) => button(text, key ? `${text} (${key})` : text, act)))),
        flame.pairs(flame.factRows(app, v.graph, v.selected, true)));
    }

    // ---- from the state to the screen ----

    function take(state) {
      v.graph = app.flameGraph();
      const node = (base) => {
        const found = v.graph.node(base);
        return v.graph.total[found] > 0 ? found : 0;
      };
      // Along time a function has many frames: the one that was picked, and windows of everything.
      v.zoom = app.zoomNode();
      v.selected = picked.graph === v.graph && v.graph.base(picked.node) === state.selected ? picked.node : node(state.selected);
      const known = v.graph.time || v.zoom === v.graph.node(state.zoom);
      Object.assign(v, flame.windowOf(v.graph, v.zoom, known ? state.x0 : 0, known ? state.x1 : 1));
      if (v.graph.time) v.zoom = flame.coverOf(v.graph, v.from, v.to);
      v.flip = state.flip === 1;
      v.hits = app.hits();
      v.found = v.hits ? flame.searchIndex(v.graph.tree, v.graph.total, v.hits) : null;
      v.colours = app.colours();
      v.doubtful = v.graph.compare && app.state.colour === 'delta' ? flame.frameDoubts(app.profile, app.state, v.graph) : null;
    }

    function render(changed) {
      if (!painter) painter = new flame.Painter(canvas);
      const has = (...keys) => changed === null || keys.some((k) => changed.has(k));
      const before = { graph: v.graph, from: v.from, to: v.to };
      const { state } = app;
      take(state);
      const reshaped = before.graph !== v.graph || has(...SHAPE);
      const jumps = reshaped || (!moving && (has('zoom') || (v.graph.time && has('x0', 'x1')))); // else the window only follows the wheel or a finger
      if (has('zoom', 'x0', 'x1') && !reshaped && !moving) startGlide(before.from, before.to);
      else glide = null;
      bar.render(state);
      if (reshaped || has('colour', 'theme')) fillLegend(app, v.graph, v.colours, bar.legend);
      if (jumps || has('zoom', 'x0', 'x1')) fillCrumbs();
      if (reshaped || has('selected', 'zoom')) fillDetails();
      if (jumps || has('zoom', 'x0', 'x1')) fit(!jumps);
      if (jumps) toZoom();
      if (jumps || has('selected')) {
        if (v.selected >= v.zoom && v.selected < v.graph.tree.end[v.zoom]) reveal(v.selected);
        if (changed !== null) app.say(flame.saidOf(app, v.graph, v.selected));
      }
      repaint();
    }

    // ---- what input does ----

    function pick(node) {
      picked = { graph: v.graph, node };
      return v.graph.base(node);
    }

    // Zooms to a node; `selected` is selected, else the node itself.
    view.zoomTo = (node, selected = node) => {
      const { graph } = v;
      const to = graph.time ? flame.zoomFor(graph, 0, graph.start[node], graph.start[node] + graph.total[node]) : { zoom: graph.base(node), x0: 0, x1: 1 };
      app.set({ ...to, selected: pick(selected) });
    };

    view.select = (node) => {
      const same = v.graph.base(node) === app.state.selected && node !== v.selected;
      app.set({ selected: pick(node) }, { step: false });
      if (same) render(new Set(['selected']));
    };

    // Selects a node; zooms out as far as needed if it lies outside of the window or is too narrow to see.
    view.show = (node) => {
      const { tree, total, start } = v.graph;
      const width = v.to - v.from;
      const least = (2 / Math.max(painter.width, 1)) * width;
      const inside = start[node] + total[node] > v.from && start[node] < v.to;
      if (inside && total[node] >= least) return view.select(node);
      let zoom = v.zoom;
      while (!(node >= zoom && node < tree.end[zoom])) zoom = tree.parent[zoom];
      if (total[node] < (2 / Math.max(painter.width, 1)) * total[zoom]) zoom = tree.parent[node];
      return view.zoomTo(zoom, node);
    };

    // The window as it is now becomes the state: a step that can be undone.
    view.keep = (step = true) => {
      const to = flame.zoomFor(v.graph, v.graph.time ? 0 : v.zoom, v.from, v.to);
      moving = true;
      app.set({ ...to, zoom: to.zoom > 0 ? v.graph.base(to.zoom) : 0 }, { step });
      moving = false;
    };

    const input = flame.flameInput(view);

    // On paper the graph has the width of the page and as many rows as fit on one.
    let printing = false;
    root.addEventListener('beforeprint', () => {
      if (host.hidden || !v.graph) return;
      printing = true;
      glide = null;
      const rows = Math.min(v.rows, PRINTED_ROWS);
      painter.resize(PRINTED_WIDTH, rows * flame.ROW, 2);
      painter.paint({ ...v, offset: 0, scroll: v.flip ? (v.rows - rows) * flame.ROW : 0 });
    });
    root.addEventListener('afterprint', () => {
      printing = false;
      if (v.graph) fit(false);
    });
    scroll.addEventListener('scroll', () => {
      app.tip(null);
      repaint();
    });

    return {
      render,
      resize: () => v.graph && !printing && fit(false),
      focus: () => canvas.focus(),
      keys: input.keys,
      help: HELP,
      view, // for the console, and for tests
    };
  }

  flame.views.push({ id: 'flame', label: 'Flame', help: HELP, create });
})(globalThis);
