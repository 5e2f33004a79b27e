// The page as one object: the profile, the state with its history and address, the graph of the present
// choice, and what every view shares (colours, texts, tooltip, copying). Views are made when they are first
// shown.
//
// A view: flame.views.push({ id, help: [[keys, text]],
//   create(app, host) → { render(changed), resize(), focus(), keys: { key: (event) => … }, help } }); views.js lists them.
// render(changed): a Set of state keys, or null: everything (first time, shown again).
(function (root) {
  'use strict';

  const flame = root.flame;
  const { byId, element } = flame;

  // What the graph depends on; a change of anything else leaves it alone.
  const GRAPH_KEYS = ['kind', 'stage', 'thread', 'by', 'order', 'fold', 'own', 'from', 'to', 'a', 'b', 'norm', 'width'];
  const keyOf = (state, names) => names.map((k) => state[k]).join('\n');

  // The last result of make() as long as key() says the same.
  function memo(key, make) {
    let known;
    let value;
    return () => {
      const k = key();
      if (k !== known) {
        value = make();
        known = k;
      }
      return value;
    };
  }

  function createApp(profile) {
    const store = flame.createStore(flame.parseState(root.location.hash, profile));
    const names = new Array(profile.labels.count);
    const made = new Map(); // by id of view: {host, view}
    let hashTimer = 0;
    let parts = [];
    let bar = null;

    const app = {
      profile,
      get state() {
        return store.get();
      },
      set: (patch, options) => store.set(patch, options),
      undo: () => store.undo(),
      redo: () => store.redo(),
      canUndo: () => store.canUndo(),
      canRedo: () => store.canRedo(),
      get unit() {
        return flame.unitOf(store.get().kind);
      },
      get noun() {
        return flame.countNoun(store.get().kind);
      },
    };

    // ---- the graph and what is said of it ----

    // Time is the axis of the flame graphs alone: lists, sums and colours are of the same samples, heaviest first.
    const alongTime = () => app.state.order === 'time' && flame.hasTimes(profile, app.state);
    app.graph = memo(() => keyOf(app.state, GRAPH_KEYS), () => flame.deriveGraph(profile, alongTime() ? { ...app.state, order: 'heavy' } : app.state));
    app.flameGraph = () => (alongTime() ? flame.deriveGraph(profile, app.state) : app.graph());
    // The node of app.graph() that a flame graph is zoomed to: 0, everything, if it weighs nothing, and along time.
    app.zoomNode = () => {
      const graph = app.graph();
      const zoom = alongTime() ? 0 : graph.node(app.state.zoom);
      return graph.total[zoom] > 0 ? zoom : 0;
    };
    app.ranged = () => flame.hasRange(profile, app.state);
    app.name = (label) => names[label] ?? (names[label] = flame.nameText(profile.strings.text(profile.labels.name[label])));
    app.nodeName = (node, graph) => (node === 0 ? 'all' : app.name((graph ?? app.graph()).tree.label[node]));
    app.module = (label) => (profile.labels.module[label] ? profile.strings.text(profile.labels.module[label] - 1) : '');
    app.amountOfKind = (v) => (app.unit === 'ns' ? flame.time(v) : flame.bytes(v));
    app.amount = (v) => (app.graph().byCount ? `${flame.count(v)} ${app.noun}` : app.amountOfKind(v));
    app.share = (part) => flame.percent(part, app.graph().total[0]);
    app.sums = (run) => {
      const { kind, stage, thread } = app.state;
      const graph = app.graph();
      if (profile.runs.length === 1) return { value: graph.value[0], count: graph.count[0] };
      const w = flame.weigh(profile, { run, kind, stage, thread, scales: null });
      const sum = (column) => column.reduce((x, y) => x + y, 0);
      return { value: sum(w.selfValue), count: sum(w.selfCount) };
    };
    const valuedKinds = memo(() => '', () => {
      const kinds = new Set();
      profile.groups.kind.forEach((k, g) => {
        const first = profile.groups.first[g];
        for (let at = first; at < first + profile.groups.samples[g]; at++)
          if (profile.samples.value[at] > 0) {
            kinds.add(profile.kinds[k]);
            break;
          }
      });
      return kinds;
    });
    app.valued = () => valuedKinds().has(app.state.kind);

    // ---- search ----

    const query = memo(() => app.state.find, () => {
      if (app.state.find === '') return { hits: null };
      const q = flame.compile(app.state.find);
      if (q.error) return { hits: null, error: q.error };
      try {
        return { hits: flame.matchLabels(profile, q) };
      } catch (e) { // it takes too long
        return { hits: null, error: e.message };
      }
    });
    app.hits = () => query().hits; // 1 by label, or null
    app.search = memo(() => `${keyOf(app.state, GRAPH_KEYS)}\n${app.state.zoom}\n${app.state.find}`, () => {
      const { hits, error } = query();
      if (error) return { hits, error, text: '' };
      if (!hits) return { hits, text: '' };
      const graph = app.graph();
      const zoom = app.zoomNode();
      const m = flame.matched(graph.tree, graph.total, hits, zoom);
      const where = zoom === 0 ? '' : ' of the zoomed frame';
      const share = (total, sum) => flame.percent(sum, total[zoom]);
      const ofRun = (r) => {
        const { total } = graph.compare[r];
        return `${share(total, flame.matched(graph.tree, total, hits, zoom).sum)} of ${r.toUpperCase()}`;
      };
      return {
        hits,
        ...m,
        text: `matched ${graph.compare ? ['a', 'b'].map(ofRun).join(', ') : share(graph.total, m.sum)}${where}, ${flame.count(m.frames)} ${m.frames === 1 ? 'frame' : 'frames'}`,
      };
    });

    // ---- colours ----

    let paper = false; // which is light
    app.dark = () => {
      if (paper) return false;
      const theme = app.state.theme;
      return theme ? theme === 'dark' : root.matchMedia('(prefers-color-scheme: dark)').matches;
    };
    app.colours = memo(
      () => `${app.dark()}\n${app.state.colour}\n${app.state.colour === 'delta' ? keyOf(app.state, GRAPH_KEYS) : app.state.kind}`,
      () => flame.palette(profile, { dark: app.dark(), scheme: app.state.colour, kind: app.state.kind, graph: app.graph() }));
    app.switchTheme = () => app.set({ theme: app.dark() ? 'light' : 'dark' });

    // ---- tooltip, words, copying ----

    app.tip = (content, x, y) => {
      const tip = byId('tip');
      tip.hidden = !content;
      if (!content) return;
      tip.replaceChildren(...[].concat(content));
      const box = tip.getBoundingClientRect();
      const w = document.documentElement.clientWidth;
      const h = document.documentElement.clientHeight;
      tip.style.left = `${Math.max(4, Math.min(x + 14, w - box.width - 4))}px`;
      tip.style.top = `${y + 18 + box.height > h ? Math.max(4, y - box.height - 12) : y + 18}px`;
    };
    app.say = (text) => {
      byId('said').textContent = flame.visible(text).slice(0, 400);
    };
    app.copy = async (text, what) => {
      try {
        await root.navigator.clipboard.writeText(text);
      } catch {
        const area = element('textarea', { style: 'position:fixed;opacity:0' });
        area.value = text;
        document.body.append(area);
        area.select();
        const done = document.execCommand('copy');
        area.remove();
        if (!done) {
          app.toast(`this browser does not let the page copy ${what}`);
          return;
        }
      }
      app.toast(`copied ${what}`);
    };
    let toastTimer = 0;
    app.toast = (text) => {
      const box = byId('toast');
      box.textContent = text;
      box.hidden = false;
      app.say(text);
      root.clearTimeout(toastTimer);
      toastTimer = root.setTimeout(() => (box.hidden = true), 1800);
    };
    app.copyLink = () => {
      writeHash();
      app.copy(root.location.href, 'the link');
    };
    app.help = () => flame.help(app);

    // ---- views ----

    app.views = flame.viewsOf(profile, flame.views);
    const specOf = (id) => app.views.find((v) => v.id === id);
    app.viewId = () => (specOf(app.state.view).why ? 'flame' : app.state.view);
    app.viewLabel = () => specOf(app.viewId()).label;
    app.view = () => (made.get(app.viewId()) ?? {}).view;
    app.showView = (place) => {
      const spec = app.views[place];
      if (spec && !spec.why) app.set({ view: spec.id });
    };
    // To the Flame view with the whole of a frame in sight, or of everything; a graph along time has no zoom to a
    // frame of the tree. `more`: what else of the state changes.
    app.toFlame = ({ zoom = 0, ...more } = {}) =>
      app.set({ view: 'flame', zoom, x0: 0, x1: 1, ...(zoom > 0 && app.state.order === 'time' ? { order: 'heavy' } : {}), ...more });
    // To or from an order along time a zoomed frame and its window mean nothing.
    app.orderBy = (order) => app.set({ order, ...(order === 'time' || app.flameGraph().time ? { zoom: 0, x0: 0, x1: 1 } : {}) });
    app.focus = () => {
      const m = made.get(app.viewId());
      if (m && m.view.focus) m.view.focus();
    };

    function showView(changed) {
      const id = app.viewId();
      const spec = specOf(id);
      let fresh = changed === null || changed.has('view');
      if (!made.has(id)) {
        const host = element('section', { class: 'view', id: `panel-${id}`, role: 'tabpanel', 'aria-labelledby': `tab-${id}` });
        byId('views').append(host);
        made.set(id, { host, view: spec.create(app, host) });
        fresh = true;
      }
      for (const [other, m] of made) m.host.hidden = other !== id;
      const { view } = made.get(id);
      if (!view.help) view.help = spec.help;
      view.render(fresh ? null : changed);
    }

    // ---- nothing to see ----

    function empty() {
      const box = byId('empty');
      const graph = app.graph();
      box.hidden = graph.total[0] > 0 || ['stages', 'memory'].includes(app.viewId());
      if (!box.hidden) {
        const { kind } = app.state;
        const others = [...new Set(profile.runs.flatMap((r) => Object.keys(r.kinds)))].filter((k) => k !== kind);
        const chosen = profile.meta.filter || ['stage', 'thread'].some((k) => app.state[k] !== flame.ALL) || app.ranged();
        box.textContent = `No samples of kind ${kind}${chosen ? ' that pass the filter' : ' in this run'}. ${
          others.length ? `The run has samples of: ${others.join(', ')}.` : 'The run has no samples of any other kind.'}`;
      }
    }

    // ---- address ----

    function writeHash() {
      root.clearTimeout(hashTimer);
      hashTimer = 0;
      const hash = flame.stateHash(app.state, profile) || '#';
      if (hash === (root.location.hash || '#')) return;
      try {
        root.history.replaceState(null, '', hash);
      } catch { /* some browsers refuse this for local files: the page works without */ }
    }

    function render(changed) {
      document.documentElement.dataset.theme = app.dark() ? 'dark' : 'light';
      app.tip(null);
      if (changed === null || GRAPH_KEYS.some((k) => changed.has(k))) {
        flame.head(app);
        if (bar) bar.render(changed);
      }
      empty();
      for (const part of parts) part.render(changed);
      showView(changed);
      // Some browsers allow few changes of the address in a second: typing and dragging wait for a rest.
      root.clearTimeout(hashTimer);
      hashTimer = root.setTimeout(writeHash, 120);
    }

    app.start = () => {
      if (profile.runs.length > 1 && flame.compareBar) bar = flame.compareBar(app, byId('compare'));
      parts = [flame.controls(app), flame.tabs(app)];
      store.subscribe((state, changed) => render(changed));
      flame.keys(app);
      root.addEventListener('hashchange', () => app.set(flame.parseState(root.location.hash, profile)));
      root.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => render(null));
      new root.ResizeObserver(() => {
        const view = app.view();
        if (view && view.resize) view.resize();
      }).observe(byId('views'));
      // Before the views' own listeners, which paint for paper.
      for (const event of ['beforeprint', 'afterprint'])
        root.addEventListener(event, () => {
          paper = event === 'beforeprint';
          render(null);
        });
      if (bar) bar.render(null);
      render(null);
    };
    return app;
  }

  flame.createApp = createApp;
})(globalThis);
