// The row of controls on a page of several runs: which two are A and B, how B is scaled, whose widths are
// shown; a sentence that sums the difference up; and what makes the two hard to compare.
(function (root) {
  'use strict';

  const flame = root.flame;
  const { element, button, chooser } = flame;

  const NORMS = [['total', 'to the total of A'], ['stage', 'stage by stage'], ['none', 'not']];
  const WIDTHS = [['b', 'B'], ['a', 'A'], ['both', 'mean of A and B']];
  // The differences of this choice, worked out once: the bar, the changes and the sentence share them.
  const known = new WeakMap();
  function changesOf(app) {
    const graph = app.graph();
    if (!known.has(graph)) known.set(graph, flame.compareTable(app.profile, graph, app.state));
    return known.get(graph);
  }

  // → { render(changed) }
  function compareBar(app, host) {
    const { runs } = app.profile;
    const options = runs.map((run, r) => [r, `${runs.length > 2 ? `${r + 1}: ` : ''}${flame.runTitle(run)}`]);
    const runOf = (letter, key, id) => {
      const c = chooser(letter, options, (v) => app.set({ [key]: Number(v) }));
      c.select.id = id;
      c.box.classList.add('of-run');
      return c;
    };
    const a = runOf('A', 'a', 'run-a');
    const b = runOf('B', 'b', 'run-b');
    const swap = button('⇄', 'swap A and B (x)', swapRuns, { id: 'swap', 'aria-label': 'swap A and B' });
    const norm = chooser('scale B', NORMS, (v) => app.set({ norm: v }));
    norm.select.id = 'norm';
    const width = chooser('widths', WIDTHS, (v) => app.set({ width: v }));
    width.select.id = 'width';
    const sentence = element('p', { id: 'difference' });
    const warnings = element('ul', { id: 'compare-warnings', 'aria-label': 'what makes the runs hard to compare' });
    host.hidden = false;
    host.classList.add('compare-bar');
    host.replaceChildren(element('div', { class: 'row' }, a.box, swap, b.box, norm.box, width.box), sentence, warnings);

    function swapRuns() {
      const { state } = app;
      app.set({ a: state.b, b: state.a, width: { a: 'b', b: 'a' }[state.width] ?? state.width });
    }

    app.swapRuns = swapRuns;
    return {
      render() {
        const { state } = app;
        for (const [c, key] of [[a, 'a'], [b, 'b'], [norm, 'norm'], [width, 'width']]) c.select.value = String(state[key]);
        const { rows, method } = changesOf(app);
        const sum = flame.compareSummary(app.profile, state, rows);
        const more = flame.functionsSentence(state, sum, method);
        sentence.replaceChildren(element('b', null, flame.totalSentence(state, sum, app.amountOfKind)), ' ',
          ...(more ? [button(more, 'ranked, with the call paths that only one run has', () => app.set({ view: 'changes' }), { class: 'plain' })] : []));
        const list = flame.compareWarnings(app.profile, state);
        warnings.hidden = list.length === 0;
        warnings.replaceChildren(...list.map((text) => element('li', null, element('bdi', null, flame.visible(text)))));
      },
    };
  }

  Object.assign(flame, { compareBar, changesOf });
})(globalThis);
