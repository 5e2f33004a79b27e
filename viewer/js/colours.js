// Which colour a frame has. By module: one hue each, the heaviest modules first, so that code of one's own,
// libraries and the rest are told apart at a glance, and a shade per function. By name: a hue per function,
// the same in every page. By change: from blue (less in B) over grey to orange (more), which people who
// cannot tell red from green can tell. Text on all of them keeps a contrast of at least 4.5 to 1 (WCAG 2,
// AA). No DOM.
(function (root) {
  'use strict';

  // Far apart in a row, so that neighbours in the list differ; reds and magentas are left to search.
  const HUES = [30, 205, 135, 268, 52, 178, 12, 232, 88, 158];
  const SHADES = 8;
  const NAME_HUES = 24;
  const TEXT = { light: '#1c1c1e', dark: '#f3f3f5' };
  // Bounds of the steps of a change, as a part of the larger of both: a frame that is twice as heavy as it
  // was has changed by 50 %, a new one by 100 %.
  const STEPS = [0.02, 0.1, 0.25, 0.5, 0.8];

  function hash(text) {
    let h = 0x811c9dc5; // FNV-1a
    for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
    h ^= h >>> 15;
    return (Math.imul(h, 0x2c1b3c6d) >>> 8) / 0x1000000;
  }

  function hex(h, s, l) {
    const f = (n) => {
      const k = (n + h / 30) % 12;
      const v = l - s * Math.min(l, 1 - l) * Math.max(-1, Math.min(k - 3, 9 - k, 1));
      return Math.round(255 * v).toString(16).padStart(2, '0');
    };
    return `#${f(0)}${f(8)}${f(4)}`;
  }

  const part = (colour, i) => parseInt(colour.slice(i, i + 2), 16);

  function luminance(colour) {
    const linear = (i) => {
      const v = part(colour, i) / 255;
      return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    };
    return 0.2126 * linear(1) + 0.7152 * linear(3) + 0.0722 * linear(5);
  }

  function contrast(a, b) {
    const [hi, lo] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (hi + 0.05) / (lo + 0.05);
  }

  // `colour` laid over `back` as if it covered only so much of it.
  const over = (colour, back, alpha) =>
    `#${[1, 3, 5].map((i) => Math.round(alpha * part(colour, i) + (1 - alpha) * part(back, i)).toString(16).padStart(2, '0')).join('')}`;

  // Yellow and green are brighter than blue at the same lightness: darken until letters stand out.
  function readable(hue, rich, light) {
    for (; ; light -= 0.01) {
      const colour = hex(hue, rich, light);
      if (contrast(colour, TEXT.dark) >= 4.9) return colour;
    }
  }

  // place: 0 for the heaviest module, …; -1: none. shade: 0 to 1.
  function frame(place, shade, dark) {
    const few = place >= 0 && place < HUES.length;
    const hue = place < 0 ? 220 : HUES[place % HUES.length];
    const rich = place < 0 ? 0.04 : few ? 1 : 0.45; // beyond ten modules hues come again, paler
    return dark ? readable(hue, 0.5 * rich, 0.31 + 0.06 * shade) : hex(hue, 0.78 * rich, 0.73 + 0.09 * shade);
  }

  // A function's own colour: orange to violet, without the reds and magentas of search.
  function named(place, dark) {
    const hue = 18 + (place * 262) / NAME_HUES;
    const shade = place % 3;
    return dark ? readable(hue, 0.42, 0.3 + 0.04 * shade) : hex(hue, 0.7, 0.74 + 0.04 * shade);
  }

  // step: -STEPS.length (gone) … 0 (the same) … STEPS.length (new); NaN: sampling may explain it.
  function change(step, dark) {
    if (Number.isNaN(step)) return dark ? '#34343a' : '#ecebe8';
    if (step === 0) return dark ? '#47474f' : '#dad7d1';
    const size = Math.abs(step) / STEPS.length;
    const hue = step < 0 ? 212 : 28;
    return dark ? readable(hue, 0.16 + 0.6 * size, 0.3 + 0.07 * size) : hex(hue, 0.4 + 0.55 * size, 0.86 - 0.22 * size);
  }

  function stepOf(a, b) {
    const most = Math.max(a, b);
    if (!(most > 0)) return 0;
    const size = Math.abs(b - a) / most;
    let step = 0;
    while (step < STEPS.length && size >= STEPS[step]) step++;
    return b < a ? -step : step;
  }

  // By label: its module + 1; 0: none.
  const modulesOf = ({ labels }) => labels.module.map((module, l) => (labels.flags[l] & 2 ? 0 : module));

  // [{module (string; -1: none), weight}] from sums by module + 1, heaviest first.
  function sorted(of, sums) {
    const modules = Array.from(new Set(of), (module) => ({ module: module - 1, weight: sums[module] }));
    return modules.sort((a, b) => b.weight - a.weight || a.module - b.module);
  }

  // Modules by what their functions have themselves.
  function modulesByWeight(profile, tree, self) {
    const of = modulesOf(profile);
    const sums = new Float64Array(profile.strings.count + 1);
    const { count, label } = tree;
    for (let i = 1; i < count; i++) sums[of[label[i]]] += self[i];
    return sorted(of, sums);
  }

  // By the samples of a kind, whatever stage or thread is chosen: colours stay while filters change.
  function modulesOfKind(profile, kind) {
    const { groups, samples, tree, strings } = profile;
    const of = modulesOf(profile);
    const sums = { value: new Float64Array(strings.count + 1), count: new Float64Array(strings.count + 1) };
    const place = profile.kinds.indexOf(kind);
    let valued = false;
    for (let g = 0; g < groups.samples.length; g++) {
      if (groups.kind[g] !== place) continue;
      for (let at = groups.first[g], end = at + groups.samples[g]; at < end; at++) {
        const node = samples.node[at];
        if (node === 0) continue;
        const module = of[tree.label[node]];
        sums.value[module] += samples.value[at];
        sums.count[module] += samples.count[at];
        valued = valued || samples.value[at] > 0;
      }
    }
    return sorted(of, valued ? sums.value : sums.count);
  }

  // The colours of a page: `list`, and for each label its place in it, found when it is first asked for.
  // options: {dark, scheme, kind}. By change, painters ask steps(graph) for places by node.
  function palette(profile, { dark, scheme, kind }) {
    const { labels, strings } = profile;
    const back = dark ? '#161618' : '#fdfdfc';
    const list = [];
    const place = new Uint16Array(labels.count);
    const modules = modulesOfKind(profile, kind);
    const placeOf = new Int32Array(strings.count + 1).fill(-1);
    let seen = 0;
    for (const m of modules) if (m.module >= 0) placeOf[m.module + 1] = seen++;
    const noCode = 0;
    list.push(frame(-1, 0.5, dark));

    const fill = { module: (l) => frame(placeOf[labels.module[l]], Math.floor(hashOf(l) * SHADES) / SHADES, dark),
      name: (l) => named(Math.floor(hashOf(l) * NAME_HUES), dark),
      delta: () => change(0, dark) }[scheme];
    const hashOf = (l) => hash(strings.text(labels.name[l]).slice(0, 200));
    const known = new Map([[list[0], 0]]);
    const intern = (colour) => {
      if (!known.has(colour)) known.set(colour, list.push(colour) - 1);
      return known.get(colour);
    };
    const steps = []; // by step + STEPS.length; the last one: not significant
    for (let s = -STEPS.length; s <= STEPS.length; s++) steps.push(intern(change(s, dark)));
    steps.push(intern(change(NaN, dark)));

    const placeOfLabel = (l) => {
      if (place[l] === 0) place[l] = 1 + (labels.flags[l] & 2 ? noCode : intern(fill(l)));
      return place[l] - 1;
    };
    const stepsOf = new WeakMap();
    return {
      dark, scheme, list, modules,
      place: placeOfLabel,
      fill: (l) => list[placeOfLabel(l)],
      ofModule: (module) => frame(module < 0 ? -1 : placeOf[module + 1], 0.5, dark),
      // Places by node, if the scheme has a colour per node; `doubtful`: 1 where sampling may explain it.
      steps(graph, doubtful) {
        if (scheme !== 'delta' || !graph.compare) return null;
        if (!stepsOf.has(graph)) {
          const { a, b } = graph.compare;
          stepsOf.set(graph, Uint8Array.from(graph.total, (_, i) => steps[doubtful && doubtful[i] ? steps.length - 1 : stepOf(a.total[i], b.total[i]) + STEPS.length]));
        }
        return stepsOf.get(graph);
      },
      scale: steps.map((p) => list[p]),
      over: (colour, alpha) => over(colour, back, alpha),
      text: TEXT[dark ? 'dark' : 'light'],
      all: dark ? '#3a3a40' : '#e4e2de',
      hit: dark ? '#b3179b' : '#c2179f',
      hitText: '#ffffff',
      back,
      line: dark ? '#55555c' : '#b9b6b0',
    };
  }

  const api = { palette, modulesByWeight, contrast, hex, frame, named, change, stepOf, STEPS, HUES, NAME_HUES, TEXT };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
