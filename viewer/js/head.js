// The head: whose profile this is, what was measured and what was lost; of a comparison, both runs.
(function (root) {
  'use strict';

  const flame = root.flame;
  const { element, textName } = flame;

  // Each reason by itself: some lost a sample, others a part of its stack, so a sum would say nothing.
  function losses(run) {
    const lost = run.losses.filter(([, n]) => n > 0);
    if (lost.length === 0) return 'nothing';
    const box = element('span', { class: 'lost' });
    lost.forEach(([reason, n], i) => {
      const title = flame.visible(flame.lossText(reason));
      box.append(i ? ', ' : '', `${flame.count(n)} `, element('abbr', { title }, textName(reason)));
    });
    return box;
  }

  function ending(run) {
    if (!run.finished) return 'still being recorded';
    if (run.signal) return `killed by signal ${run.signal}`;
    return run.exit_code >= 0 ? String(run.exit_code) : '–';
  }

  function labelsText(run) {
    try {
      return Object.entries(JSON.parse(run.labels || '{}')).map(([k, v]) => `${k}=${v}`).join(', ');
    } catch {
      return run.labels ?? '';
    }
  }

  // A run in a few words, for lists of runs.
  function runTitle(run) {
    const labels = labelsText(run);
    return `${run.name || 'unnamed run'}${labels ? ` (${labels})` : ''}, ${flame.date(run.started_ms)}`;
  }

  // How sure the sum is; the interval is that of the whole page, so it goes when something is chosen.
  function precision(app, run) {
    const p = (run.precision ?? {})[app.state.kind];
    if (!p) return run.rate_hz ? flame.rate(run.rate_hz) : '–';
    const whole = app.state.stage === flame.ALL && app.state.thread === flame.ALL && !app.ranged();
    const between = Array.isArray(p.interval) && whole ? `, 95 %: ${p.interval.map(app.amountOfKind).join(' … ')}` : '';
    return flame.visible(p.text) + between;
  }

  const isBytes = (app, run) => Boolean((run.precision ?? {})[app.state.kind]);

  function ofRun(app, run, sums) {
    const host = `${run.cpu_model || 'unknown CPU'} × ${run.ncpu}, ${run.kernel}`;
    const list = [
      ['total', app.amountOfKind(sums.value)],
      [app.noun, flame.count(sums.count)],
      [isBytes(app, run) ? 'precision' : 'rate', precision(app, run)],
      ['lost', losses(run)],
      ['host', element('span', { title: flame.visible(host) }, textName(run.host || '–'))],
      ['date', flame.date(run.started_ms)],
      ['duration', flame.time(run.duration_ns)],
      ['exit', ending(run)],
    ];
    if (run.engine) list.push(['engine', textName(run.mode ? `${run.engine}, ${run.mode}` : run.engine)]);
    if (labelsText(run)) list.push(['labels', textName(labelsText(run))]);
    list.push(['run', textName((run.id || '–').slice(0, 8), { title: flame.visible(run.id || '') })]);
    return list;
  }

  function ofPage(app) {
    const { meta } = app.profile;
    const { kind } = app.state;
    const list = [['kind', `${kind}: ${flame.kindText(kind)}`], ['unit', app.unit === 'ns' ? 'ns' : 'bytes']];
    if (meta.filter) list.push(['filter', textName(meta.filter)]);
    if (meta.folded)
      list.push(['folded', element('span', { class: 'lost' },
        `${flame.count(meta.folded.nodes)} light frames (at most ${flame.percent(meta.folded.share, 1)} of a kind) are in “(other)”`)]);
    const without = app.views.filter((v) => v.leftOut).map((v) => v.label);
    if (without.length > 0) list.push(['left out', element('span', { class: 'lost' }, `${without.join(', ')}: the page may not be larger`)]);
    if (meta.redacted) list.push(['redacted', 'names of hosts, arguments, folders, labels']);
    return list;
  }

  const facts = (list) =>
    list.map(([dt, dd]) => element('div', { 'data-fact': dt }, element('dt', null, dt), element('dd', null, dd)));

  // app.sums(run): {value, count} of that run under the filters.
  function head(app) {
    const { profile } = app;
    const { meta, runs } = profile;
    const shown = runs.length > 1 ? [['A', app.state.a], ['B', app.state.b]] : [['', 0]];
    const first = runs[shown[0][1]];
    const title = meta.title || (runs.length > 1 ? shown.map(([, r]) => runs[r].name || 'unnamed run').join(' → ') : first.name || first.command || 'profile');
    document.title = flame.visible(`${title} · ${app.state.kind}`).slice(0, 300);
    flame.byId('run-name').replaceChildren(textName(title));
    flame.byId('command').replaceChildren(textName(first.command || '(no command recorded)'));
    flame.byId('facts').replaceChildren(...facts(ofPage(app)));
    flame.byId('facts').classList.toggle('several', runs.length > 1);
    for (const [letter, r] of shown) {
      const list = facts(ofRun(app, runs[r], app.sums(r)));
      if (!letter) flame.byId('facts').append(...list);
      else flame.byId('facts').append(element('div', { class: 'of-run', 'data-run': letter },
        element('b', null, letter), element('dl', null, ...list)));
    }
  }

  Object.assign(flame, { head, runTitle, labelsText });
})(globalThis);
