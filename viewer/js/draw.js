// Paints a graph onto a canvas: only what is on the screen, whatever the tree's size. Boxes become pixels
// here, a line per row that is then copied downwards, because hundreds of thousands of rectangles are too
// many for a canvas; letters, hatching and outlines are the canvas's. Keeps no state of the page but the
// canvas and its patterns; what to paint comes with each call.
(function (root) {
  'use strict';

  const flame = typeof module === 'object' ? { ...require('./layout.js'), ...require('./search.js'), ...require('./colours.js'), ...require('./decode.js') } : root.flame;
  const ROW = 20;
  const GAP = 1;
  const FONT = '12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace';
  const LEAST_PX = 0.5; // narrower frames are only seen together
  const FADED = 0.5; // callers of the zoomed frame
  const DIMMED = 0.4; // what a search does not find
  const PLAIN = /^[\x20-\x7e]*$/;

  // '#rrggbb' as a pixel of canvas memory.
  const pixelOf = (colour) => {
    const v = parseInt(colour.slice(1), 16);
    return (0xff000000 | ((v & 255) << 16) | (v & 0xff00) | (v >> 16)) >>> 0;
  };

  // Colours as pixels: by place in the list, plain, dimmed, faded and both, each when it is first used.
  const TONES = [1, DIMMED, FADED, FADED * DIMMED];
  function inks(colours) {
    const of = (c, alpha) => pixelOf(alpha === 1 ? c : colours.over(c, alpha));
    const onHit = (alpha) => (flame.contrast(colours.over(colours.hit, alpha), colours.hitText) >= 4.5 ? colours.hitText : colours.text);
    return {
      hitText: [onHit(1), onHit(FADED)],
      sets: TONES.map(() => []),
      add(tone, place) {
        return (this.sets[tone][place] = of(colours.list[place], TONES[tone]));
      },
      all: [1, 1, FADED, FADED].map((a) => of(colours.all, a)),
      hit: [1, 1, FADED, FADED].map((a) => of(colours.hit, a)),
      line: pixelOf(colours.line),
      back: pixelOf(colours.back),
    };
  }

  class Painter {
    constructor(canvas) {
      this.canvas = canvas;
      this.context = canvas.getContext('2d', { alpha: false });
      this.patterns = new Map();
      this.inks = new WeakMap();
      this.context.font = FONT;
      this.charWidth = this.context.measureText('0123456789').width / 10;
    }

    // To the size of its box in CSS pixels.
    resize(width, height, ratio = root.devicePixelRatio || 1) {
      const w = Math.max(1, Math.round(width * ratio));
      const h = Math.max(1, Math.round(height * ratio));
      if (this.canvas.width !== w || this.canvas.height !== h || !this.image) {
        this.canvas.width = w;
        this.canvas.height = h;
        this.image = this.context.createImageData(w, h);
        this.pixels = new Uint32Array(this.image.data.buffer);
      }
      this.width = width;
      this.height = height;
      this.ratio = ratio;
    }

    rowTop(view, depth) {
      return (view.offset || 0) + (view.flip ? view.rows - 1 - depth : depth) * ROW - (view.scroll || 0);
    }

    rowAt(view, y) {
      const row = Math.floor((y + (view.scroll || 0) - (view.offset || 0)) / ROW);
      return view.flip ? view.rows - 1 - row : row;
    }

    // The part of the graph that fills the width: given, or the zoomed frame.
    window(view) {
      const { graph, zoom } = view;
      const from = view.from ?? graph.start[zoom];
      const to = view.to ?? from + graph.total[zoom];
      return { from, to, scale: this.width / (to - from) };
    }

    // The node at a point in CSS pixels of the canvas; -1: none.
    nodeAt(view, x, y) {
      const { tree, total, start } = view.graph;
      const depth = this.rowAt(view, y);
      if (depth < 0 || depth >= view.rows || !(total[view.zoom] > 0)) return -1;
      const { from, scale } = this.window(view);
      const node = flame.hit(tree, total, start, 0, Math.min(from + x / scale, start[0] + total[0] * (1 - 1e-12)), depth);
      return node >= 0 && total[node] * scale >= LEAST_PX / 2 ? node : -1;
    }

    // Where a node is on the canvas, in CSS pixels, as far as it can be seen.
    boxOf(view, node) {
      const { tree, total, start } = view.graph;
      const { from, scale } = this.window(view);
      const x = Math.max(0, (start[node] - from) * scale);
      const right = Math.min(this.width, (start[node] + total[node] - from) * scale);
      return { x, y: this.rowTop(view, tree.depth[node]), width: right - x, height: ROW - GAP };
    }

    // view: {graph, profile, zoom, from?, to?, rows, offset, scroll, flip, hits, found?, selected, hover,
    // colours, doubtful?, name(node)}; hits: 1 by label; found: a searchIndex, to show matches that are too
    // narrow; doubtful: 1 by node where a change may be chance.
    paint(view) {
      if (!this.image) return; // not measured yet: resize() paints
      const c = this.context;
      const { tree, total, start } = view.graph;
      const { colours, found } = view;
      if (!this.inks.has(colours)) this.inks.set(colours, inks(colours));
      const work = {
        view,
        ink: this.inks.get(colours),
        steps: colours.steps(view.graph, view.doubtful),
        texts: [],
        hatched: [],
        dust: [],
        first: 0,
        last: -1,
        lines: null,
        ...this.window(view),
      };
      c.setTransform(1, 0, 0, 1, 0, 0);
      if (total[view.zoom] > 0 && work.to > work.from) {
        const a = this.rowAt(view, 0);
        const b = this.rowAt(view, this.height - 1);
        work.first = Math.max(0, Math.min(a, b));
        work.last = Math.min(tree.maxDepth, Math.max(a, b));
        work.lines = this.lines(Math.max(0, work.last - work.first + 1) * this.canvas.width, work.ink.back);
        flame.visit(
          tree, total, start,
          {
            zoom: 0, first: work.first, last: work.last, least: LEAST_PX / work.scale, from: work.from, to: work.to,
            contains: found ? (node, end) => flame.matchesBefore(found, end) > flame.matchesBefore(found, node) : null,
          },
          (node, from, to) => this.box(work, node, from, to),
          (depth, from, to, matching) => work.dust.push(depth, from, to, matching),
        );
      }
      this.copyLines(work);
      this.copyDust(work);
      c.putImageData(this.image, 0, 0);
      c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
      this.hatch(work);
      this.letters(work);
      this.outline(view, view.hover, 1);
      this.outline(view, view.selected, 2);
    }

    lines(size, back) {
      if (!this.buffer || this.buffer.length < size) this.buffer = new Uint32Array(size);
      return this.buffer.fill(back, 0, size);
    }

    // One box: its pixels in the line of its row; what else it has is remembered for the end.
    box(work, node, from, to) {
      const { view, ink, lines } = work;
      const { tree } = view.graph;
      const width = this.canvas.width;
      const scale = work.scale * this.ratio;
      const x0 = Math.max(0, Math.round((from - work.from) * scale));
      let x1 = Math.min(width, Math.round((to - work.from) * scale));
      const depth = tree.depth[node];
      if (x1 <= x0) {
        if (x0 >= width) return;
        x1 = x0 + 1;
      } else if (x1 - x0 > 3 * this.ratio && x1 < width) x1 -= Math.round(GAP * this.ratio);
      const label = tree.label[node];
      const hit = node > 0 && view.hits !== null && view.hits[label] === 1;
      const faded = node < view.zoom && tree.end[node] > view.zoom;
      const tone = (faded ? 2 : 0) + (view.hits !== null && !hit ? 1 : 0);
      const noCode = node > 0 && (view.profile.labels.flags[label] & flame.NO_CODE) !== 0;
      let pixel;
      if (node === 0) pixel = ink.all[tone];
      else if (hit) pixel = ink.hit[tone];
      else {
        const place = noCode ? 0 : work.steps ? work.steps[node] : view.colours.place(label);
        pixel = ink.sets[tone][place] ?? ink.add(tone, place);
      }
      const line = (depth - work.first) * width;
      if (x1 - x0 < 8) for (let x = line + x0; x < line + x1; x++) lines[x] = pixel;
      else lines.fill(pixel, line + x0, line + x1);
      const w = (x1 - x0) / this.ratio;
      if (noCode && !hit && w >= 3) work.hatched.push(node, x0, x1, tone);
      if (w >= 3.5 * this.charWidth + 8) work.texts.push(node, x0, x1, hit ? (faded ? 2 : 1) : 0);
    }

    // The pixel rows of a row: [top, bottom) on the canvas.
    band(view, depth) {
      const top = this.rowTop(view, depth) * this.ratio;
      return [Math.round(top), Math.round(top + (ROW - GAP) * this.ratio)];
    }

    copyLines(work) {
      const { width, height } = this.canvas;
      const { pixels } = this;
      pixels.fill(work.ink.back);
      for (let depth = work.first; depth <= work.last; depth++) {
        const line = work.lines.subarray((depth - work.first) * width, (depth - work.first + 1) * width);
        const [top, bottom] = this.band(work.view, depth);
        for (let y = Math.max(0, top); y < Math.min(height, bottom); y++) pixels.set(line, y * width);
      }
    }

    // Frames too narrow to see one by one: a thin line, in the colour of matches if one is in there.
    copyDust({ view, dust, ink, from, scale }) {
      const { width, height } = this.canvas;
      const third = Math.round((ROW * this.ratio) / 3);
      for (let k = 0; k < dust.length; k += 4) {
        const x0 = Math.max(0, Math.round((dust[k + 1] - from) * scale * this.ratio));
        const x1 = Math.min(width, Math.max(x0 + 1, Math.round((dust[k + 2] - from) * scale * this.ratio)));
        const top = this.band(view, dust[k])[0] + third;
        for (let y = Math.max(0, top); y < Math.min(height, top + third); y++)
          this.pixels.fill(dust[k + 3] ? ink.hit[0] : ink.line, y * width + x0, y * width + x1);
      }
    }

    // Hatching for what is no code: "[truncated]" and the like.
    hatch({ view, hatched }) {
      const c = this.context;
      const { tree } = view.graph;
      for (let k = 0; k < hatched.length; k += 4) {
        c.fillStyle = this.pattern(view.colours);
        c.globalAlpha = [1, DIMMED, FADED, FADED][hatched[k + 3]];
        const x = hatched[k + 1] / this.ratio;
        c.fillRect(x, this.rowTop(view, tree.depth[hatched[k]]), hatched[k + 2] / this.ratio - x, ROW - GAP);
      }
      c.globalAlpha = 1;
    }

    pattern(colours) {
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

    letters({ view, texts, ink }) {
      const c = this.context;
      const { tree } = view.graph;
      const { labels } = view.profile;
      c.textBaseline = 'middle';
      for (const italic of [0, flame.INLINED]) { // one font after the other: changing it is slow
        c.font = italic ? `italic ${FONT}` : FONT;
        c.fillStyle = view.colours.text;
        for (let k = 0; k < texts.length; k += 4) {
          const node = texts[k];
          const flags = node === 0 ? 0 : labels.flags[tree.label[node]];
          if ((flags & flame.INLINED) !== italic) continue;
          const x = texts[k + 1] / this.ratio + 4;
          const y = this.rowTop(view, tree.depth[node]);
          const text = this.fit(view.name(node), texts[k + 2] / this.ratio - 4 - x);
          if (texts[k + 3]) c.fillStyle = ink.hitText[texts[k + 3] - 1];
          else if (flags & flame.NO_CODE) { // hatching under letters is hard to read
            c.fillStyle = view.colours.all;
            c.fillRect(x - 2, y + 3, this.measure(text) + 4, ROW - GAP - 6);
            c.fillStyle = view.colours.text;
          }
          c.fillText(text, x, y + (ROW - GAP) / 2 + 1);
          if (texts[k + 3]) c.fillStyle = view.colours.text;
        }
      }
    }

    outline(view, node, thick) {
      if (!(node > 0) || node >= view.graph.tree.count) return;
      const { x, y, width, height } = this.boxOf(view, node);
      if (width < 0 || y > this.height || y + height < 0) return;
      const c = this.context;
      c.strokeStyle = view.colours.text;
      c.lineWidth = thick;
      c.strokeRect(x + thick / 2, y + thick / 2, Math.max(width - GAP - thick, 0.5), height - thick);
    }

    measure(text) {
      return PLAIN.test(text) ? text.length * this.charWidth : this.context.measureText(text).width;
    }

    // The start of the text that fits, with "…" where it was cut. Plain text has one width per letter.
    fit(text, width) {
      const most = Math.floor(width / this.charWidth);
      const start = text.slice(0, most + 1);
      if (PLAIN.test(start)) return start.length <= most ? start : `${start.slice(0, most - 1)}…`;
      const letters = [...start];
      if (start.length === text.length && this.measure(start) <= width) return start;
      while (letters.length > 0 && this.context.measureText(`${letters.join('')}…`).width > width) letters.pop();
      return `${letters.join('')}…`;
    }
  }

  const api = { Painter, ROW };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
