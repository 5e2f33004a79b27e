// Paints the graph onto its canvas: only what is on the screen, whatever the tree's size. Keeps no state
// of the page but the canvas and its patterns; what to paint comes with each call.
(function (root) {
  'use strict';

  const flame = root.flame;
  const ROW = 20;
  const GAP = 1;
  const FONT = '12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace';
  const LEAST_PX = 0.5; // narrower frames are only seen together

  class Painter {
    constructor(canvas) {
      this.canvas = canvas;
      this.context = canvas.getContext('2d');
      this.patterns = new Map();
      this.context.font = FONT;
      this.charWidth = this.context.measureText('0123456789').width / 10;
    }

    // To the size of its box in CSS pixels.
    resize(width, height) {
      const ratio = root.devicePixelRatio || 1;
      const w = Math.max(1, Math.round(width * ratio));
      const h = Math.max(1, Math.round(height * ratio));
      if (this.canvas.width !== w || this.canvas.height !== h) {
        this.canvas.width = w;
        this.canvas.height = h;
      }
      this.width = width;
      this.height = height;
      this.ratio = ratio;
    }

    // Hatching for what is no code: "[truncated]" and the like.
    hatch(colours) {
      if (!this.patterns.has(colours.line)) {
        const tile = document.createElement('canvas');
        tile.width = tile.height = 8;
        const c = tile.getContext('2d');
        c.fillStyle = colours.all;
        c.fillRect(0, 0, 8, 8);
        c.strokeStyle = colours.line;
        c.lineWidth = 1.2;
        c.beginPath();
        for (const x of [-8, 0, 8]) {
          c.moveTo(x, 8);
          c.lineTo(x + 8, 0);
        }
        c.stroke();
        this.patterns.set(colours.line, this.context.createPattern(tile, 'repeat'));
      }
      return this.patterns.get(colours.line);
    }

    rowTop(view, depth) {
      return view.offset + (view.flip ? view.rows - 1 - depth : depth) * ROW - view.scroll;
    }

    rowAt(view, y) {
      const row = Math.floor((y + view.scroll - view.offset) / ROW);
      return view.flip ? view.rows - 1 - row : row;
    }

    // view: {profile, total, start, zoom, rows, scroll, flip, hits, selected, hover, colours, name(node)}
    paint(view) {
      const c = this.context;
      c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
      c.fillStyle = view.colours.back;
      c.fillRect(0, 0, this.width, this.height);
      c.font = FONT;
      c.textBaseline = 'middle';
      if (!(view.total[view.zoom] > 0)) return;
      const { tree } = view.profile;
      const a = this.rowAt(view, 0);
      const b = this.rowAt(view, this.height - 1);
      const first = Math.max(0, Math.min(a, b));
      const last = Math.max(a, b);
      const scale = this.width / view.total[view.zoom];
      const left = view.start[view.zoom];
      for (const node of flame.pathTo(tree, view.zoom))
        if (node !== view.zoom && tree.depth[node] >= first && tree.depth[node] <= last)
          this.box(view, node, 0, this.width, true);
      flame.visit(
        tree, view.total, view.start,
        { zoom: view.zoom, first, last, least: LEAST_PX / scale },
        (node, from, to) => this.box(view, node, (from - left) * scale, (to - left) * scale, false),
        (depth, from, to) => this.dust(view, depth, (from - left) * scale, (to - left) * scale),
      );
    }

    dust(view, depth, x0, x1) {
      this.context.fillStyle = view.colours.line;
      this.context.fillRect(x0, this.rowTop(view, depth) + ROW / 3, Math.max(x1 - x0, 0.5), ROW / 3);
    }

    box(view, node, x0, x1, faded) {
      const c = this.context;
      const { tree, labels } = view.profile;
      const label = tree.label[node];
      const flags = node === 0 ? 0 : labels.flags[label];
      const hit = node > 0 && view.hits !== null && view.hits[label] === 1;
      const y = this.rowTop(view, tree.depth[node]);
      const w = Math.max(x1 - x0 - (x1 - x0 > 3 ? GAP : 0), 0.5);
      if (hit) c.fillStyle = view.colours.hit;
      else if (node === 0) c.fillStyle = view.colours.all;
      else if (flags & flame.NO_CODE) c.fillStyle = this.hatch(view.colours);
      else c.fillStyle = view.colours.fills[label];
      c.globalAlpha = (faded ? 0.55 : 1) * (view.hits !== null && !hit && node > 0 ? 0.45 : 1);
      c.fillRect(x0, y, w, ROW - GAP);
      if (node === view.hover && node !== view.selected) this.frame(view, x0, y, w, 1);
      c.globalAlpha = 1;
      if (w >= 3 * this.charWidth + 6) this.name(view, node, x0 + 4, y, w - 8, flags, hit);
      if (node === view.selected && node > 0) this.frame(view, x0, y, w, 2);
    }

    frame(view, x, y, w, thick) {
      const c = this.context;
      c.strokeStyle = view.colours.text;
      c.lineWidth = thick;
      c.strokeRect(x + thick / 2, y + thick / 2, Math.max(w - thick, 0.5), ROW - GAP - thick);
    }

    name(view, node, x, y, width, flags, hit) {
      const c = this.context;
      const text = view.name(node);
      c.font = flags & flame.INLINED ? `italic ${FONT}` : FONT;
      c.fillStyle = hit ? view.colours.hitText : view.colours.text;
      if (flags & flame.NO_CODE && !hit) { // hatching under letters is hard to read
        const fill = c.fillStyle;
        c.fillStyle = view.colours.all;
        c.fillRect(x - 2, y + 3, Math.min(this.measure(text), width) + 4, ROW - GAP - 6);
        c.fillStyle = fill;
      }
      c.fillText(this.fit(text, width), x, y + (ROW - GAP) / 2 + 1);
    }

    measure(text) {
      return /^[\x20-\x7e]*$/.test(text) ? text.length * this.charWidth : this.context.measureText(text).width;
    }

    // The start of the text that fits, with "…" where it was cut. Plain text has one width per letter.
    fit(text, width) {
      const most = Math.floor(width / this.charWidth);
      const start = text.slice(0, most + 1);
      if (/^[\x20-\x7e]*$/.test(start)) return start.length <= most ? start : `${start.slice(0, most - 1)}…`;
      const letters = [...start];
      if (start.length === text.length && this.measure(start) <= width) return start;
      while (letters.length > 0 && this.context.measureText(`${letters.join('')}…`).width > width) letters.pop();
      return `${letters.join('')}…`;
    }
  }

  root.flame = Object.assign(root.flame ?? {}, { Painter, ROW });
})(globalThis);
