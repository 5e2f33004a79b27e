// A strip along the time of a run: axis, what a view paints below it, the range that is selected and a line
// under the pointer. Dragging selects, the wheel widens, arrow keys move. Which part of the run is on it and
// what is selected are the page's (left, right, from, to), so that all strips show the same.
(function (root) {
  'use strict';

  const flame = root.flame;
  const { element } = flame;
  const AXIS = 22;
  const FONT = '11px system-ui, "DejaVu Sans", sans-serif';
  const PAPER = 1000; // width on paper
  const GRAB = 5; // pixels around an end of the range that take hold of it
  const FLUID_MS = 12; // if all views follow in that time, they do while dragging
  const STEP_MS = 800; // keys and wheel turns closer than that are one step to undo

  const HELP = [
    ['drag', 'select a range of time; its ends can be moved'],
    ['← →', 'move the range, or a line in time'],
    ['Shift+← Shift+→', 'make the range longer or shorter'],
    ['+ -', 'wider and narrower; also the wheel'],
    ['PgUp PgDn', 'earlier and later; also Shift and the wheel'],
    ['z', 'the range over the whole width'],
    ['0', 'the whole run over the whole width'],
    ['Esc', 'no range'],
  ];

  // The start of a text that fits, with "…" where it was cut.
  function fitText(c, text, width) {
    const start = text.slice(0, 200);
    const full = c.measureText(start).width;
    if (full <= width && start.length === text.length) return start;
    let n = Math.min(start.length, Math.floor((start.length * width) / full));
    while (n > 0 && c.measureText(`${start.slice(0, n)}…`).width > width) n--;
    return n > 0 ? `${start.slice(0, n)}…` : '';
  }

  // options: {label, content() (height below the axis), paint(c, plot), tip(t, y) → nodes or null,
  // click(t, y) → whether it did something, said() → text, select (false: dragging moves)}. y is from the
  // top of the content.
  function timePlot(app, options) {
    const { label, content, paint, tip, click, said, select = true, end } = options;
    const base = element('canvas', { 'aria-hidden': 'true' });
    const over = element('canvas', { tabindex: '0', role: 'application', 'aria-label': label, 'aria-describedby': 'said' });
    const stick = element('div', { class: 'stick' }, base, over);
    const tall = element('div', null, stick);
    const box = element('div', { class: 'time-plot', tabindex: '-1' }, tall);
    const c = base.getContext('2d', { alpha: false });
    const front = over.getContext('2d');
    const plot = { box, canvas: over, left: 0, right: end, width: 1, height: 1, scroll: 0, top: AXIS, ink: {}, font: FONT, end };
    let drag = null; // {anchor (time), x, from, to, moved}
    let hover = NaN; // time under the pointer
    let caret = NaN; // time that keys move while nothing is selected
    let frame = 0;
    let dirty = false;
    let cost = 0; // of the last change of the range, in ms
    let last = -Infinity;
    let paper = false;

    plot.x = (t) => ((t - plot.left) * plot.width) / (plot.right - plot.left);
    plot.t = (x) => plot.left + (x * (plot.right - plot.left)) / plot.width;
    const clamp = (t) => Math.round(Math.max(0, Math.min(end, t)));
    plot.range = () => (drag && drag.moved && select ? [drag.from, drag.to] : [app.state.from, app.state.to]);

    // ---- painting ----

    function inks() {
      const style = root.getComputedStyle(document.documentElement);
      for (const name of ['text', 'soft', 'line', 'back', 'panel', 'focus', 'accent', 'warn'])
        plot.ink[name] = style.getPropertyValue(`--${name}`).trim();
      plot.dark = app.dark();
    }

    function prepare(canvas, context) {
      const ratio = paper ? 2 : root.devicePixelRatio || 1;
      const w = Math.max(1, Math.round(plot.width * ratio));
      const h = Math.max(1, Math.round(plot.height * ratio));
      if (canvas.width !== w || canvas.height !== h) {
        canvas.width = w;
        canvas.height = h;
      }
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.font = FONT;
      context.textBaseline = 'middle';
    }

    function axis() {
      const { ink } = plot;
      const { step, at } = flame.marks(plot.left, plot.right, Math.max(2, plot.width / 90), 'ns');
      c.fillStyle = ink.line;
      for (const t of at) c.fillRect(Math.round(plot.x(t)), AXIS - 5, 1, plot.height);
      return () => {
        c.fillStyle = ink.back;
        c.fillRect(0, 0, plot.width, AXIS - 5);
        c.fillStyle = ink.soft;
        let free = -Infinity;
        for (const t of at) {
          const text = flame.timeMark(t, step, plot.right);
          const w = c.measureText(text).width;
          const x = Math.max(2, Math.min(plot.width - w - 2, plot.x(t) - w / 2));
          if (x < free) continue;
          c.fillText(text, x, AXIS / 2 - 2);
          free = x + w + 8;
        }
      };
    }

    function draw() {
      frame = 0;
      if (dirty) {
        dirty = false;
        plot.scroll = paper ? 0 : box.scrollTop;
        prepare(base, c);
        c.fillStyle = plot.ink.back;
        c.fillRect(0, 0, plot.width, plot.height);
        const texts = axis();
        c.save();
        c.beginPath();
        c.rect(0, AXIS, plot.width, plot.height);
        c.clip();
        paint(c, plot);
        c.restore();
        texts();
      }
      prepare(over, front);
      front.clearRect(0, 0, plot.width, plot.height);
      const [from, to] = plot.range();
      if (from >= 0) selection(plot.x(from), plot.x(to));
      const still = document.activeElement === over && from < 0 ? caret : NaN;
      for (const t of [hover, still]) if (t === t) line(t);
    }

    function selection(x0, x1) {
      const { ink } = plot;
      front.globalAlpha = 0.6;
      front.fillStyle = ink.back;
      front.fillRect(0, AXIS, Math.max(0, x0), plot.height);
      front.fillRect(x1, AXIS, Math.max(0, plot.width - x1), plot.height);
      front.globalAlpha = 1;
      front.fillStyle = ink.focus;
      front.fillRect(x0, AXIS - 4, Math.max(1, x1 - x0), 3);
      for (const x of [x0, x1]) front.fillRect(Math.round(x) - 1, AXIS - 4, 2, plot.height);
    }

    function line(t) {
      const x = plot.x(t);
      front.fillStyle = plot.ink.text;
      front.fillRect(Math.round(x), AXIS - 4, 1, plot.height);
      const text = flame.timeMark(t, 10 ** Math.floor(Math.log10(Math.max(1, (plot.right - plot.left) / plot.width))), plot.right);
      const w = front.measureText(text).width + 8;
      const left = Math.max(0, Math.min(plot.width - w, x - w / 2));
      front.fillRect(left, 0, w, AXIS - 5);
      front.fillStyle = plot.ink.back;
      front.fillText(text, left + 4, AXIS / 2 - 2);
    }

    function repaint(all) {
      dirty = dirty || all;
      if (!frame) frame = root.requestAnimationFrame(draw);
    }

    plot.repaint = () => repaint(false);

    // To the size of the box; then everything anew.
    plot.render = () => {
      const { left, right } = app.state;
      plot.left = left >= 0 ? Math.min(left, end - 1) : 0;
      plot.right = left >= 0 ? Math.min(right, end) : end;
      if (!(plot.right > plot.left)) plot.right = plot.left + 1;
      plot.width = paper ? PAPER : Math.max(1, box.clientWidth);
      const full = content() + AXIS;
      tall.style.height = `${full}px`;
      plot.height = Math.max(1, paper ? full : Math.min(full, box.clientHeight || full));
      stick.style.height = `${plot.height}px`;
      inks();
      repaint(true);
    };
    // Paper gets all of it at once.
    for (const event of ['beforeprint', 'afterprint'])
      root.addEventListener(event, () => {
        if (box.offsetParent === null) return;
        plot.paper = paper = event === 'beforeprint';
        plot.render();
        if (paper) draw();
      });

    // ---- what keys and pointers change ----

    function paced() {
      const now = root.performance.now();
      const step = now - last > STEP_MS;
      last = now;
      return { step };
    }

    function window(left, right, options) {
      const wide = Math.min(end, Math.max(Math.min(100, end), right - left));
      const l = Math.round(Math.max(0, Math.min(end - wide, left)));
      const whole = wide >= end;
      app.tip(null);
      app.set(whole ? { left: -1, right: -1 } : { left: l, right: Math.round(l + wide) }, options || paced());
    }
    function zoom(factor, t) {
      const at = t === t ? t : (plot.left + plot.right) / 2;
      window(at - (at - plot.left) * factor, at + (plot.right - at) * factor);
    }
    const shift = (part) => window(plot.left + part * (plot.right - plot.left), plot.right + part * (plot.right - plot.left));

    plot.setRange = (from, to, options) =>
      app.set(to > from ? { from: clamp(from), to: Math.max(clamp(to), clamp(from) + 1) } : { from: -1, to: -1 }, options);
    plot.fitRange = (from, to) => {
      const margin = (to - from) / 20;
      if (to > from) window(from - margin, to + margin, { step: true });
    };

    function keep(t) {
      const wide = plot.right - plot.left;
      if (t < plot.left) window(t - wide / 10, t + 0.9 * wide);
      else if (t > plot.right) window(t - 0.9 * wide, t + wide / 10);
    }

    function arrow(event, sign) {
      const by = Math.max(1, Math.round((plot.right - plot.left) / 50)) * sign;
      const { from, to } = app.state;
      if (!(caret === caret)) caret = clamp((plot.left + plot.right) / 2);
      let now = caret;
      if (from < 0 && !(event.shiftKey && select)) now = caret = clamp(caret + by);
      else if (from < 0) {
        now = clamp(caret + by);
        plot.setRange(Math.min(caret, now), Math.max(caret, now), paced());
      } else if (event.shiftKey) {
        now = clamp(to + by);
        if (now > from) plot.setRange(from, now, paced());
      } else {
        const d = Math.max(-from, Math.min(end - to, by));
        plot.setRange(from + d, to + d, paced());
        now = sign > 0 ? to + d : from + d;
      }
      keep(now);
      repaint(false);
      app.say(`${flame.time(now)}: ${said(now)}`);
    }

    plot.keys = {
      ArrowLeft: (e) => arrow(e, -1),
      ArrowRight: (e) => arrow(e, 1),
      '+': () => zoom(0.7, NaN),
      '=': () => zoom(0.7, NaN),
      '-': () => zoom(1 / 0.7, NaN),
      PageUp: () => shift(-0.8),
      PageDown: () => shift(0.8),
      0: () => app.set({ left: -1, right: -1 }),
      z: () => plot.fitRange(app.state.from, app.state.to),
      Escape: () => {
        if (drag) {
          drag = null;
          repaint(false);
        } else if (app.state.find) app.set({ find: '' });
        else plot.setRange(-1, -1);
      },
    };

    const place = (event) => {
      const at = over.getBoundingClientRect();
      return { x: Math.max(0, Math.min(plot.width, event.clientX - at.left)), y: event.clientY - at.top };
    };
    const edgeAt = (x) => {
      const { from, to } = app.state;
      if (!select || from < 0) return '';
      return Math.abs(x - plot.x(to)) <= GRAB ? 'to' : Math.abs(x - plot.x(from)) <= GRAB ? 'from' : '';
    };

    over.addEventListener('pointerdown', (event) => {
      if (event.button !== 0 || !event.isPrimary) return;
      const { x, y } = place(event);
      const edge = edgeAt(x);
      const anchor = edge === 'to' ? app.state.from : edge === 'from' ? app.state.to : clamp(plot.t(x));
      drag = { anchor, x, y, moved: false, steps: 0, left: plot.left, right: plot.right };
      over.setPointerCapture(event.pointerId);
    });
    over.addEventListener('pointermove', (event) => {
      if (!event.isPrimary) return;
      const { x, y } = place(event);
      hover = event.pointerType === 'touch' ? NaN : plot.t(x);
      if (drag && (drag.moved || Math.abs(x - drag.x) > 3)) {
        drag.moved = true;
        hover = NaN;
        app.tip(null);
        if (select) pull(clamp(plot.t(x)));
        else {
          const by = ((drag.x - x) * (drag.right - drag.left)) / plot.width;
          window(drag.left + by, drag.right + by, { step: drag.steps++ === 0 });
        }
      } else if (event.pointerType !== 'touch') {
        const found = y >= AXIS ? tip(plot.t(x), y - AXIS + plot.scroll) : null;
        over.style.cursor = edgeAt(x) ? 'ew-resize' : found && found.clicks ? 'pointer' : select ? 'crosshair' : 'grab';
        app.tip(found && found.nodes, event.clientX, event.clientY);
      }
      repaint(false);
    });
    // The range follows the pointer; the other views, too, if they are fast enough.
    function pull(t) {
      drag.from = Math.min(drag.anchor, t);
      drag.to = Math.max(drag.anchor, t, drag.from + 1);
      if (cost < FLUID_MS) commit();
    }
    function commit() {
      const { from, to } = drag;
      const now = root.performance.now();
      plot.setRange(from, to, { step: drag.steps++ === 0 });
      cost = root.performance.now() - now;
    }
    over.addEventListener('pointerup', (event) => {
      if (!drag) return;
      if (drag.moved) {
        if (select && (drag.from !== app.state.from || drag.to !== app.state.to)) commit();
        cost *= 0.7; // what was slow once gets another chance
        drag = null;
      } else {
        const { x, y } = place(event);
        drag = null;
        caret = clamp(plot.t(x));
        if (y < AXIS || !click(plot.t(x), y - AXIS + plot.scroll)) plot.setRange(-1, -1);
      }
      repaint(false);
    });
    over.addEventListener('pointercancel', () => {
      drag = null;
      repaint(false);
    });
    over.addEventListener('pointerleave', () => {
      hover = NaN;
      app.tip(null);
      repaint(false);
    });
    over.addEventListener('wheel', (event) => {
      event.preventDefault();
      const size = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
      const across = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
      if (Math.abs(across) > Math.abs(event.shiftKey ? 0 : event.deltaY)) shift((across * size) / plot.width);
      else zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY * size * 0.002))), plot.t(place(event).x));
    }, { passive: false });
    for (const name of ['focus', 'blur']) over.addEventListener(name, () => repaint(false));
    box.addEventListener('scroll', () => {
      app.tip(null);
      repaint(true);
    }, { passive: true });
    return plot;
  }

  const rangeHelp = HELP;
  Object.assign(flame, { timePlot, fitText, rangeHelp });
})(globalThis);
