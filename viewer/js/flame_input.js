// Mouse, wheel, fingers and keys on the flame view. The plain wheel scrolls, as everywhere; with Ctrl (which
// is also what two fingers on a touchpad send) it widens around the pointer, with Shift or sideways it
// moves. A click zooms; a finger's first tap selects and its second one zooms.
(function (root) {
  'use strict';

  const flame = root.flame;
  const REST_MS = 150; // of the wheel, before the window becomes a step
  const CLICK_PX = 4;
  const STEP = 1.25; // of + and -

  function flameInput(view) {
    const { app, v, canvas, scroll } = view;
    const fingers = new Map(); // by pointer: {x, y}
    let drag = null; // {x, y, from, to, top, moved}
    let pinch = null; // {distance, at, from, to}
    let resting = 0;
    let told = null; // what the tooltip says of the frame below the pointer

    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top, width: box.width };
    };
    const nodeAt = (event) => {
      const { x, y } = at(event);
      return view.painter.nodeAt(v, x, y);
    };

    // ---- windows ----

    function turn(change) {
      if (!(v.graph.total[0] > 0)) return;
      Object.assign(v, flame.turned(v.graph, v, change));
      v.zoom = v.graph.time ? flame.coverOf(v.graph, v.from, v.to) : flame.zoomFor(v.graph, v.zoom, v.from, v.to).zoom;
      app.tip(null);
      view.fit(true);
    }

    // Windows follow each event; the state follows when they rest, and a burst is one step.
    function keepSoon() {
      root.clearTimeout(resting);
      resting = root.setTimeout(keepNow, REST_MS);
    }
    function keepNow() {
      root.clearTimeout(resting);
      resting = 0;
      view.keep();
    }

    function wheel(event) {
      const unit = [1, 20, 400][event.deltaMode]; // pixels, lines, pages
      const sideways = event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX;
      const zooms = event.ctrlKey || event.metaKey;
      if (!zooms && !event.shiftKey && Math.abs(event.deltaX) <= Math.abs(event.deltaY)) return; // scrolls
      event.preventDefault();
      const { x, width } = at(event);
      if (zooms) {
        const steps = Math.max(-60, Math.min(60, event.deltaY * unit));
        turn({ x: v.from + (x / width) * (v.to - v.from), factor: Math.exp(steps / 200) });
      } else {
        turn({ shift: (sideways * unit) / width });
      }
      keepSoon();
    }

    // ---- mouse and fingers ----

    function down(event) {
      if (event.button !== 0) return;
      if (resting) keepNow();
      const { x, y } = at(event);
      fingers.set(event.pointerId, { x, y });
      if (fingers.size === 2) {
        const [a, b] = [...fingers.values()];
        drag = null;
        pinch = { distance: Math.max(20, Math.hypot(a.x - b.x, a.y - b.y)), at: v.from + ((a.x + b.x) / 2 / at(event).width) * (v.to - v.from), from: v.from, to: v.to };
      } else if (fingers.size === 1) {
        drag = { x, y, from: v.from, to: v.to, top: scroll.scrollTop, moved: false };
      }
    }

    function move(event) {
      const { x, y, width } = at(event);
      if (fingers.has(event.pointerId)) fingers.set(event.pointerId, { x, y });
      if (pinch && fingers.size === 2) {
        const [a, b] = [...fingers.values()];
        Object.assign(v, { from: pinch.from, to: pinch.to });
        turn({ x: pinch.at, factor: pinch.distance / Math.max(20, Math.hypot(a.x - b.x, a.y - b.y)) });
      } else if (drag && fingers.size === 1) {
        if (!drag.moved && Math.hypot(x - drag.x, y - drag.y) <= CLICK_PX) return;
        if (!drag.moved) {
          drag.moved = true;
          canvas.setPointerCapture(event.pointerId);
          canvas.style.cursor = 'grabbing';
        }
        if (event.pointerType !== 'touch') scroll.scrollTop = drag.top - (y - drag.y); // fingers scroll by themselves
        Object.assign(v, { from: drag.from, to: drag.to });
        turn({ shift: (drag.x - x) / width });
      } else if (fingers.size === 0 && event.pointerType !== 'touch') {
        hover(event);
      }
    }

    function up(event) {
      const known = fingers.delete(event.pointerId);
      if (!known) return;
      canvas.style.cursor = '';
      if (pinch) {
        if (fingers.size === 0) {
          pinch = null;
          keepNow();
        }
      } else if (drag) {
        const { moved, from, to } = drag;
        drag = null;
        if (moved && (v.from !== from || v.to !== to)) keepNow();
        else if (!moved && event.type === 'pointerup') click(event);
      }
    }

    function click(event) {
      const node = nodeAt(event);
      app.tip(null);
      canvas.focus({ preventScroll: true });
      if (node < 0) return;
      if (event.pointerType === 'touch' && node !== v.selected) view.select(node);
      else view.zoomTo(node);
    }

    function hover(event) {
      const node = event.type === 'pointerleave' ? -1 : nodeAt(event);
      canvas.style.cursor = node < 0 ? '' : 'pointer';
      if (node >= 0 && (node !== v.hover || !told || told.graph !== v.graph)) told = { graph: v.graph, rows: flame.tipOf(app, v.graph, node) };
      app.tip(node < 0 ? null : told.rows, event.clientX, event.clientY);
      if (node !== v.hover) {
        v.hover = node;
        view.repaint();
      }
    }

    function menu(event) {
      const byKey = !event || !('clientX' in event) || event.type === 'keydown' || (event.clientX === 0 && event.clientY === 0);
      const node = byKey ? v.selected : nodeAt(event);
      if (event) event.preventDefault();
      if (node < 0) return;
      fingers.clear();
      drag = null;
      app.tip(null);
      view.select(node);
      const box = canvas.getBoundingClientRect();
      const place = view.painter.boxOf(v, node);
      const x = byKey ? box.left + place.x + 8 : event.clientX;
      const y = byKey ? box.top + place.y + flame.ROW : event.clientY;
      flame.menu(`actions on ${v.name(node)}`, flame.frameActions(app, v.graph, node, () => view.zoomTo(node)), x, y);
    }

    canvas.addEventListener('wheel', wheel, { passive: false });
    canvas.addEventListener('pointerdown', down);
    canvas.addEventListener('pointermove', move);
    canvas.addEventListener('pointerup', up);
    canvas.addEventListener('pointercancel', up);
    canvas.addEventListener('pointerleave', (event) => {
      if (fingers.size === 0) hover(event);
    });
    canvas.addEventListener('contextmenu', menu);

    // ---- keys ----

    function step(where) {
      const next = flame.step(v.graph.tree, v.graph.total, v.selected, where);
      if (next !== v.selected) view.show(next);
    }
    // Sideways with Shift moves the window.
    function sideways(event, where, shift) {
      if (!event.shiftKey) step(where);
      else {
        turn({ shift });
        keepSoon();
      }
    }
    function widen(factor) {
      const { tree, start, total } = v.graph;
      const middle = Math.min(v.to, Math.max(v.from, start[v.selected] + total[v.selected] / 2));
      turn({ x: tree.depth[v.selected] === 0 ? (v.from + v.to) / 2 : middle, factor });
      keepSoon();
    }
    function nextHit(forward) {
      if (!v.hits) return;
      const node = flame.nextMatch(v.graph.tree, v.graph.total, v.hits, v.selected, forward);
      if (node >= 0) view.show(node);
      else app.say('no match');
    }
    const cycle = (list, now) => list[(list.indexOf(now) + 1) % list.length];
    const page = (sign) => {
      scroll.scrollTop += sign * Math.max(flame.ROW, scroll.clientHeight - 2 * flame.ROW);
    };
    function act(key) {
      const found = flame.frameActions(app, v.graph, v.selected).find(([, , k]) => k === key);
      if (!found[3]) found[1]();
      else app.toast(found[3]);
    }
    const wait = (make) => (event) => { // a window that has not become the state yet comes first
      if (resting) keepNow();
      return make(event);
    };

    const keys = {
      // Up and down are what they look like: towards the callers or away from them.
      ArrowUp: wait(() => step(v.flip ? 'callee' : 'caller')),
      ArrowDown: wait(() => step(v.flip ? 'caller' : 'callee')),
      ArrowLeft: (event) => sideways(event, 'left', -0.25),
      ArrowRight: (event) => sideways(event, 'right', 0.25),
      Enter: wait(() => view.zoomTo(v.selected)),
      ' ': wait(() => view.zoomTo(v.selected)),
      Backspace: wait(() => view.zoomTo(v.graph.tree.parent[v.zoom])),
      Home: wait(() => view.zoomTo(0, v.selected)),
      0: wait(() => view.zoomTo(0, v.selected)),
      '+': () => widen(1 / STEP),
      '=': () => widen(1 / STEP),
      '-': () => widen(STEP),
      PageUp: () => page(-1),
      PageDown: () => page(1),
      n: wait(() => nextHit(true)),
      N: wait(() => nextHit(false)),
      i: () => app.set({ flip: app.state.flip ? 0 : 1 }),
      c: () => app.set({ fold: app.state.fold ? 0 : 1 }),
      l: () => app.set({ own: app.state.own ? 0 : 1 }),
      o: () => app.orderBy(cycle(view.bar.orders(), app.state.order)),
      k: () => app.set({ colour: cycle(view.bar.colours, app.state.colour) }),
      m: menu,
      ContextMenu: menu,
      Escape: () => {
        if (app.state.find) app.set({ find: '' });
        else if (app.state.zoom !== 0 || app.state.x0 !== 0 || app.state.x1 !== 1) view.zoomTo(0, v.selected);
        else return false;
        return true;
      },
    };
    for (const key of ['y', 'Y', 'f', 'w', 'v']) keys[key] = wait(() => act(key));
    return { keys };
  }

  Object.assign(flame, { flameInput });
})(globalThis);
