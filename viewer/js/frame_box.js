// A flame graph of the present choice as a part of a view: painting, pointing, keys. The Flame view does
// more.
(function (root) {
  'use strict';

  const flame = root.flame;
  const { element } = flame;

  // Of a graph along time the part from state.left to state.right, so that it fits the axis above it.
  function frameBox(app) {
    const canvas = element('canvas', {
      tabindex: '0', role: 'application', 'aria-describedby': 'said', 'aria-label': 'flame graph of the range: arrow keys move, Enter zooms',
    });
    const tall = element('div', null, canvas);
    const box = element('div', { class: 'frame-box', tabindex: '-1' }, tall);
    const painter = new flame.Painter(canvas);
    const v = {
      graph: null, profile: app.profile, zoom: 0, rows: 1, offset: 0, scroll: 0, flip: false, hits: null, selected: 0, hover: -1,
      colours: null, name: (node) => app.nodeName(node, v.graph),
    };
    let frame = 0;
    let paper = false;
    let told = null; // what the tooltip says of the frame below the pointer

    function paint() {
      if (frame || paper) return;
      frame = root.requestAnimationFrame(() => {
        frame = 0;
        v.scroll = box.scrollTop;
        if (v.graph) painter.paint(v);
      });
    }

    function fit() {
      const width = Math.max(1, box.clientWidth);
      const height = Math.max(1, box.clientHeight);
      const { total, tree, start } = v.graph;
      const { left, right } = app.state;
      v.from = !v.graph.time ? start[v.zoom] : left >= 0 ? left : 0;
      v.to = !v.graph.time ? v.from + total[v.zoom] : left >= 0 ? right : flame.runEnd(app.profile);
      v.rows = total[v.zoom] > 0 ? flame.depthSeen(tree, total, 0, (v.to - v.from) / (2 * width), start, v.from, v.to) + 1 : 1;
      const full = Math.max(v.rows * flame.ROW, height);
      v.offset = v.flip ? full - v.rows * flame.ROW : 0;
      tall.style.height = `${full}px`;
      painter.resize(width, height);
      paint();
    }

    function render(changed) {
      const { state } = app;
      const before = v.graph;
      v.graph = app.flameGraph();
      const node = (base) => {
        const found = v.graph.node(base);
        return v.graph.total[found] > 0 ? found : 0;
      };
      v.zoom = app.zoomNode();
      v.selected = node(state.selected);
      v.flip = state.flip === 1;
      v.hits = app.hits();
      v.colours = app.colours();
      v.hover = -1;
      fit();
      if (before !== v.graph || changed === null || changed.has('zoom')) {
        const above = Math.max(0, v.graph.tree.depth[v.zoom] - 3) * flame.ROW;
        box.scrollTop = v.flip ? tall.offsetHeight - box.clientHeight - above : above;
      }
    }

    function zoomTo(n) {
      const { start, total, time } = v.graph;
      const selected = v.graph.base(n);
      if (!time) app.set({ zoom: selected, x0: 0, x1: 1, selected });
      else if (n === 0) app.set({ left: -1, right: -1, selected });
      else app.set({ left: Math.floor(start[n]), right: Math.ceil(start[n] + total[n]), selected });
    }
    function move(where) {
      const next = flame.step(v.graph.tree, v.graph.total, v.selected, where);
      if (next === v.selected) return;
      app.set({ selected: v.graph.base(next) }, { step: false });
      app.say(flame.saidOf(app, v.graph, next));
      const row = v.flip ? v.rows - 1 - v.graph.tree.depth[next] : v.graph.tree.depth[next];
      const top = v.offset + row * flame.ROW;
      if (top < box.scrollTop) box.scrollTop = top;
      else if (top + flame.ROW > box.scrollTop + box.clientHeight) box.scrollTop = top + flame.ROW - box.clientHeight;
    }

    function nodeAt(event) {
      const at = canvas.getBoundingClientRect();
      return painter.nodeAt(v, event.clientX - at.left, event.clientY - at.top);
    }
    canvas.addEventListener('pointermove', (event) => {
      const node = event.pointerType === 'touch' ? -1 : nodeAt(event);
      canvas.style.cursor = node < 0 ? 'default' : 'pointer';
      if (node >= 0 && (!told || told.node !== node || told.graph !== v.graph)) told = { graph: v.graph, node, rows: flame.tipOf(app, v.graph, node) };
      app.tip(node < 0 ? null : told.rows, event.clientX, event.clientY);
      if (node === v.hover) return;
      v.hover = node;
      paint();
    });
    canvas.addEventListener('pointerleave', () => {
      v.hover = -1;
      app.tip(null);
      paint();
    });
    canvas.addEventListener('click', (event) => {
      const node = nodeAt(event);
      if (node >= 0) zoomTo(node);
    });
    box.addEventListener('scroll', () => {
      app.tip(null);
      paint();
    }, { passive: true });

    for (const event of ['beforeprint', 'afterprint'])
      root.addEventListener(event, () => {
        if (!v.graph || box.offsetParent === null) return;
        paper = event === 'beforeprint';
        if (!paper) {
          fit();
          return;
        }
        const rows = Math.min(v.rows, 60);
        painter.resize(1000, rows * flame.ROW, 2);
        painter.paint({ ...v, offset: 0, scroll: v.flip ? (v.rows - rows) * flame.ROW : 0 });
      });

    return {
      box, canvas, render,
      resize: () => v.graph && !paper && fit(),
      keys: {
        ArrowUp: () => move(v.flip ? 'callee' : 'caller'),
        ArrowDown: () => move(v.flip ? 'caller' : 'callee'),
        ArrowLeft: () => move('left'),
        ArrowRight: () => move('right'),
        Enter: () => zoomTo(v.selected),
        Backspace: () => zoomTo(v.graph.time ? 0 : v.graph.tree.parent[v.zoom]),
      },
    };
  }

  Object.assign(flame, { frameBox });
})(globalThis);
