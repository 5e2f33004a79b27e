// The texts around the graph: head, legend, path, details, tooltip. Names go into the page as text nodes
// only, in elements that keep their direction to themselves; nothing here makes markup from data.
(function (root) {
  'use strict';

  const flame = root.flame;

  // element('p', {class: 'x'}, 'text', child, …)
  function element(tag, attributes, ...children) {
    const e = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes ?? {})) {
      if (key.startsWith('on')) e.addEventListener(key.slice(2), value);
      else if (value !== false && value !== undefined) e.setAttribute(key, value === true ? '' : value);
    }
    e.append(...children.filter((c) => c !== null && c !== undefined));
    return e;
  }

  const name = (text, attributes) => element('bdi', attributes, flame.nameText(text));

  function amounts(profile) {
    const { meta } = profile;
    const ofTime = meta.unit === 'ns';
    return {
      value: ofTime ? flame.time : flame.bytes,
      unit: ofTime ? 'ns' : 'bytes',
      noun: flame.countNoun(meta.kind),
    };
  }

  // ---- head ----

  // Each reason by itself: some lost a sample, others a part of its stack, so a sum would say nothing.
  function losses(meta) {
    const lost = meta.losses.filter(([, n]) => n > 0);
    if (lost.length === 0) return element('dd', null, 'nothing');
    const dd = element('dd', { class: 'lost' });
    lost.forEach(([reason, n], i) => {
      const title = flame.visible(flame.lossText(reason));
      dd.append(i ? ', ' : '', `${flame.count(n)} `, element('abbr', { title }, name(reason)));
    });
    return dd;
  }

  function ending(run) {
    if (!run.finished) return 'still being recorded';
    if (run.signal) return `killed by signal ${run.signal}`;
    return run.exit_code === undefined ? '–' : String(run.exit_code);
  }

  function labelsOf(run) {
    try {
      return Object.entries(JSON.parse(run.labels || '{}')).map(([k, v]) => `${k}=${v}`).join(', ');
    } catch {
      return run.labels;
    }
  }

  // The interval is that of the whole page, so it goes when a stage or thread is chosen.
  function totalText(profile, sums, a) {
    const { interval } = profile.meta;
    const all = profile.samples.value.reduce((x, y) => x + y, 0);
    const text = a.value(sums.value[0]);
    return Array.isArray(interval) && sums.value[0] === all ? `${text} (95 %: ${a.value(interval[0])} … ${a.value(interval[1])})` : text;
  }

  function facts(profile, sums) {
    const { meta } = profile;
    const { run } = meta;
    const a = amounts(profile);
    const all = sums.count[0];
    const list = [
      ['kind', element('dd', null, `${meta.kind}: ${flame.kindText(meta.kind)}`)],
      ['unit', element('dd', null, a.unit)],
      ['total', element('dd', null, totalText(profile, sums, a))],
      [a.noun, element('dd', null, flame.count(all))],
      meta.precision
        ? ['precision', element('dd', null, flame.visible(meta.precision))]
        : ['rate', element('dd', null, run.rate_hz ? flame.rate(run.rate_hz) : '–')],
      ['lost', losses(meta)],
      ['filter', element('dd', null, meta.filter ? name(meta.filter) : 'none')],
      ['run', element('dd', null, name(run.id))],
      ['host', element('dd', { title: flame.visible(`${run.cpu_model} × ${run.ncpu}, ${run.kernel}`) }, name(run.host || '–'))],
      ['date', element('dd', null, flame.date(run.started_ms))],
      ['duration', element('dd', null, flame.time(run.duration_ns))],
      ['exit', element('dd', null, ending(run))],
    ];
    if (run.engine) list.push(['engine', element('dd', null, name(run.mode ? `${run.engine}, ${run.mode}` : run.engine))]);
    if (labelsOf(run)) list.push(['labels', element('dd', null, name(labelsOf(run)))]);
    if (meta.folded)
      list.push(['folded', element('dd', { class: 'lost' },
        `${flame.count(meta.folded.nodes)} small frames (${flame.percent(meta.folded.value || meta.folded.count, sums.value[0] || all)}) are in “(other)”`)]);
    return list;
  }

  function head(profile, sums) {
    const { meta } = profile;
    const { run } = meta;
    document.title = flame.visible(`${meta.title || run.name || run.command || 'profile'} · ${meta.kind}`).slice(0, 300);
    document.getElementById('run-name').replaceChildren(name(meta.title || run.name || 'unnamed run'));
    document.getElementById('command').replaceChildren(name(run.command || '(no command recorded)'));
    document.getElementById('facts').replaceChildren(
      ...facts(profile, sums).map(([dt, dd]) => element('div', { 'data-fact': dt }, element('dt', null, dt), dd)));
  }

  // ---- legend ----

  function legend(profile, colours, total, pick) {
    const shown = colours.modules.filter((m) => m.module >= 0).slice(0, 8);
    const rest = colours.modules.filter((m) => m.module >= 0).length - shown.length;
    const items = shown.map((m) => {
      const path = profile.strings.text(m.module);
      const title = `${flame.visible(path)}: ${flame.percent(m.weight, total)} in its own functions; click to find it`;
      return element('button', { type: 'button', class: 'module', title, onclick: () => pick(path) },
        element('span', { class: 'swatch', style: `background:${m.fill}` }), name(flame.shorten(flame.baseName(path), 28)),
        element('span', { class: 'share' }, flame.percent(m.weight, total)));
    });
    if (rest > 0) items.push(element('span', { class: 'more' }, `and ${flame.count(rest)} more`));
    if (profile.labels.flags.some((f) => f & flame.INLINED)) items.push(element('i', { class: 'more' }, 'italic: inlined'));
    if (profile.labels.flags.some((f) => f & flame.NO_CODE))
      items.push(element('span', { class: 'more' }, element('span', { class: 'swatch hatch' }), 'no code'));
    document.getElementById('legend').replaceChildren(...items);
  }

  // ---- one frame ----

  // What there is to say of a node, as data: for the tooltip, the details and readers of the screen.
  function describe(view, node) {
    const { profile, sums, total } = view;
    const { tree, labels, strings } = profile;
    const a = amounts(profile);
    const label = tree.label[node];
    const module = node > 0 ? labels.module[label] : 0;
    const file = node > 0 ? strings.text(tree.file[node]) : '';
    const all = total[0];
    const share = (v, c) => {
      const own = view.byCount ? c : v;
      const amount = view.byCount && !(sums.value[0] > 0) ? '' : `${a.value(v)}, `;
      return `${amount}${flame.percent(own, all)}, ${flame.count(c)} ${a.noun}`;
    };
    return {
      name: view.name(node),
      module: module ? strings.text(module - 1) : '',
      place: file ? `${file}${tree.line[node] ? `:${tree.line[node]}` : ''}` : '',
      inlined: node > 0 && (labels.flags[label] & flame.INLINED) !== 0,
      noCode: node > 0 && (labels.flags[label] & flame.NO_CODE) !== 0,
      caller: node > 0 ? view.name(tree.parent[node]) : '',
      total: share(sums.value[node], sums.count[node]),
      self: share(sums.selfValue[node], sums.selfCount[node]),
      ofCaller: node > 0 ? flame.percent(total[node], total[tree.parent[node]]) : '',
      ofView: flame.percent(total[node], total[view.zoom]),
    };
  }

  function rows(d, long) {
    const list = [['total', d.total], ['self', d.self]];
    if (long && d.ofCaller) list.push(['of its caller', d.ofCaller]);
    if (d.inlined) list.push(['inlined into', name(d.caller)]);
    if (d.place) list.push([d.noCode ? 'at' : 'mostly at', name(d.place)]);
    if (d.module) list.push(['module', name(d.module)]);
    return element('dl', null, ...list.flatMap(([k, v]) => [element('dt', null, k), element('dd', null, v)]));
  }

  function details(view, node) {
    const d = describe(view, node);
    const box = document.getElementById('details');
    const inner = node > 0 ? flame.inlinedInto(view.profile, view.total, node) : [];
    const { labels, strings } = view.profile;
    box.replaceChildren(element('h2', null, name(d.name)), rows(d, true));
    if (inner.length > 0) {
      const parts = inner.slice(0, 6).map((x) => element('li', null,
        name(strings.text(labels.name[x.label])), ` ${flame.percent(x.weight, view.total[node])}`));
      if (inner.length > 6) parts.push(element('li', null, `and ${inner.length - 6} more`));
      box.append(element('p', { class: 'inner' }, 'inlined into it:'), element('ul', null, ...parts));
    }
    document.getElementById('said').textContent =
      flame.visible(`${d.name}${d.inlined ? ', inlined' : ''}: total ${d.total}; self ${d.self}`).slice(0, 400);
  }

  function tooltip(view, node, x, y) {
    const tip = document.getElementById('tip');
    if (node < 0) {
      tip.hidden = true;
      return;
    }
    if (tip.hidden || tip.dataset.node !== String(node)) {
      const d = describe(view, node);
      tip.replaceChildren(element('strong', null, name(d.name.length > 400 ? `${d.name.slice(0, 400)}…` : d.name)), rows(d, false));
      tip.dataset.node = String(node);
      tip.hidden = false;
    }
    const box = tip.getBoundingClientRect();
    const w = document.documentElement.clientWidth;
    const h = document.documentElement.clientHeight;
    tip.style.left = `${Math.max(4, Math.min(x + 14, w - box.width - 4))}px`;
    tip.style.top = `${y + 18 + box.height > h ? Math.max(4, y - box.height - 12) : y + 18}px`;
  }

  function crumbs(view, go) {
    const path = flame.pathTo(view.profile.tree, view.zoom);
    const items = path.map((node, i) => element('li', null,
      i === path.length - 1
        ? element('span', { 'aria-current': 'location' }, name(view.name(node)))
        : element('button', { type: 'button', onclick: () => go(node) }, name(view.name(node)))));
    const list = document.getElementById('crumbs');
    list.replaceChildren(...items);
    list.scrollLeft = list.scrollWidth;
  }

  root.flame = Object.assign(root.flame ?? {}, { element, textName: name, head, legend, describe, details, tooltip, crumbs });
})(globalThis);
