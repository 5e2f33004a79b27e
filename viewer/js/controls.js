// The bar above the views: kind, stage, thread, widths, search, range, undo, link, theme, help; and the tabs.
(function (root) {
  'use strict';

  const flame = root.flame;
  const { element, byId, chooser, button } = flame;

  // Stages indented below their parents, in the order of the data.
  function stageOptions(profile) {
    const { stages, groups } = profile;
    const children = new Map();
    for (const s of stages) {
      if (!children.has(s.parent)) children.set(s.parent, []);
      children.get(s.parent).push(s);
    }
    const options = [[flame.ALL, 'all stages']];
    const todo = (children.get(-1) ?? []).map((s) => [s, 0]).reverse();
    while (todo.length > 0) {
      const [s, depth] = todo.pop();
      options.push([s.id, `${'\u00a0\u00a0'.repeat(Math.min(depth, 20))}${s.name.slice(0, 80) || '(no name)'}`]);
      todo.push(...(children.get(s.id) ?? []).map((c) => [c, depth + 1]).reverse());
    }
    if (stages.length > 0 && groups.stage.some((s) => s === 0)) options.push([flame.OUTSIDE, '(outside of stages)']);
    return options;
  }

  // Threads of the shown runs, those with most samples first; what is to B as a thread is to A is one with it.
  function threadOptions(profile, runs) {
    const sums = new Map();
    profile.groups.thread.forEach((t, g) => {
      let n = 0;
      for (let at = profile.groups.first[g], end = at + profile.groups.samples[g]; at < end; at++) n += profile.samples.count[at];
      sums.set(t - 1, (sums.get(t - 1) ?? 0) + n);
    });
    const of = (run) => profile.threads.filter((t) => t.run === run);
    const joined = of(runs[0]).map((t) => ({ t, other: runs.length > 1 ? profile.threads[flame.threadIn(profile, t.id, runs[1])] : null }));
    const only = runs.slice(1).flatMap(of).filter((t) => flame.threadIn(profile, t.id, runs[0]) < 0).map((t) => ({ t, only: 'B' }));
    const several = runs.some((run) => new Set(of(run).map((t) => `${t.process}\n${t.pid}`)).size > 1);
    const which = (t) => (t.count > 1 ? `${flame.count(t.count)} threads` : t.tid ? String(t.tid) : '');
    const text = ({ t, other, only: letter = runs.length > 1 && !other ? 'A' : '' }) => {
      const ids = [t, other].map((x) => (x ? which(x) : '')).filter(Boolean).join(', ');
      const process = several ? ` of ${t.process}${t.pid && !other ? ` ${t.pid}` : ''}` : '';
      return `${t.name || 'thread'}${ids ? ` (${ids})` : ''}${process}`.slice(0, 100) + (letter ? `, only in ${letter}` : '');
    };
    const sum = ({ t, other }) => (sums.get(t.id) ?? 0) + (other ? sums.get(other.id) ?? 0 : 0);
    const sorted = [...joined, ...only].sort((a, b) => sum(b) - sum(a));
    return [[flame.ALL, 'all threads'], ...sorted.map((x) => [x.t.id, text(x)])];
  }

  // The place in that list of a thread of any run.
  function threadShown(profile, thread, runs) {
    const found = runs.map((run) => flame.threadIn(profile, thread, run)).find((t) => t >= 0);
    return thread < 0 || found === undefined ? thread : found;
  }

  function kindOptions(profile) {
    return profile.kinds.map((k) => [k, `${k}: ${flame.kindText(k)}`]);
  }

  function rangeText(state) {
    return `${flame.time(state.from)} – ${flame.time(state.to)}`;
  }

  // → { render(changed) }
  function controls(app) {
    const { profile } = app;
    let typing = false; // what is typed in one go is one step
    const kind = chooser('kind', kindOptions(profile), (v) => app.set({ kind: v }));
    const stage = chooser('stage', stageOptions(profile), (v) => app.set({ stage: Number(v) }));
    const thread = chooser('thread', [], (v) => app.set({ thread: Number(v) }));
    const by = chooser('by', [['value', 'value'], ['count', 'count']], (v) => app.set({ by: v }));
    for (const [c, id] of [[kind, 'kind'], [stage, 'stage'], [thread, 'thread'], [by, 'by']]) c.select.id = id;
    const range = button('', 'show the whole run again', () => app.set({ from: -1, to: -1 }), { class: 'chip', id: 'range' });
    const matched = element('output', { id: 'matched', for: 'search' });
    const search = element('input', {
      id: 'search', type: 'search', placeholder: 'search (regex)', autocomplete: 'off', spellcheck: 'false',
      'aria-label': 'search functions by regular expression; module: before it searches modules',
      oninput: (e) => {
        app.set({ find: e.target.value }, { step: !typing });
        typing = true;
      },
      onblur: () => (typing = false),
    });
    const undo = button('↶', 'undo (u)', app.undo, { id: 'undo', 'aria-label': 'undo' });
    const redo = button('↷', 'redo (U)', app.redo, { id: 'redo', 'aria-label': 'redo' });
    const link = button('Link', 'copy a link to this view (s)', app.copyLink, { id: 'link' });
    const theme = button('Theme', 'light or dark (t)', app.switchTheme, { id: 'theme' });
    const help = button('?', 'keys (?)', app.help, { id: 'help-open', 'aria-label': 'help' });
    const choices = element('div', { class: 'row' }, kind.box, stage.box, thread.box, by.box, range, element('span', { class: 'group' }, undo, redo, link, theme, help));
    byId('bar').replaceChildren(search, matched, choices);
    kind.box.hidden = profile.kinds.length < 2;
    stage.box.hidden = profile.stages.length === 0;
    let runs = [];

    function fillThreads({ a, b, thread: chosen }) {
      const shown = profile.runs.length > 1 && a !== b ? [a, b] : [a];
      if (shown.join() !== runs.join()) {
        runs = shown;
        const options = threadOptions(profile, runs);
        thread.fill(options);
        thread.box.hidden = options.length < 3;
      }
      const place = String(threadShown(profile, chosen, runs));
      // One that neither run has is a choice all the same: it is why there is nothing to see.
      thread.select.value = place;
      if (thread.select.value === place) return;
      thread.fill([...threadOptions(profile, runs), [place, `${profile.threads[chosen].name || 'thread'}, in neither run`]]);
      thread.select.value = place;
    }

    return {
      render() {
        const { state } = app;
        kind.select.value = state.kind;
        stage.select.value = String(state.stage);
        fillThreads(state);
        by.fill([['value', app.unit === 'ns' ? 'time' : 'bytes'], ['count', app.noun]]);
        by.select.value = state.by;
        by.box.hidden = !app.valued();
        if (search.value !== state.find) search.value = state.find;
        range.hidden = state.from < 0;
        range.textContent = `${rangeText(state)}${app.ranged() ? '' : ` not applied: ${flame.withoutTimes(profile, state)}`} ×`;
        undo.disabled = !app.canUndo();
        redo.disabled = !app.canRedo();
        const m = app.search();
        matched.classList.toggle('wrong', Boolean(m.error));
        matched.textContent = m.error ?? m.text;
      },
    };
  }

  // The row of tabs; panels are made by app.js.
  function tabs(app) {
    const list = byId('tabs');
    const items = app.views.map((view, i) => {
      const { why } = view;
      return element('button', {
        type: 'button', role: 'tab', id: `tab-${view.id}`, 'aria-controls': `panel-${view.id}`,
        title: why || `${view.label} (${i + 1})`, 'aria-disabled': why ? 'true' : null,
        onclick: () => (why ? app.say(`${view.label}: ${why}`) : app.set({ view: view.id })),
      }, view.label);
    });
    list.replaceChildren(...items);
    list.addEventListener('keydown', (event) => {
      const at = items.indexOf(document.activeElement);
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: items.length - 1 }[event.key];
      if (at < 0 || to === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      items[(to + items.length) % items.length].focus();
    });
    return {
      render() {
        app.views.forEach((view, i) => {
          const on = view.id === app.viewId();
          items[i].setAttribute('aria-selected', String(on));
          items[i].tabIndex = on ? 0 : -1;
        });
      },
    };
  }

  Object.assign(flame, { controls, tabs, rangeText });
})(globalThis);
