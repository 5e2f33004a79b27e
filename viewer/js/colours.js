// Which colour a frame has: one hue per module, the heaviest modules first, so that code of one's own,
// libraries and the rest are told apart at a glance; a shade per function. Text on all of them keeps a
// contrast of at least 4.5 to 1 (WCAG 2, AA). No DOM.
(function (root) {
  'use strict';

  // Far apart in a row, so that neighbours in the list differ; reds and magentas are left to search.
  const HUES = [30, 205, 135, 268, 52, 178, 12, 232, 88, 158];
  const TEXT = { light: '#1c1c1e', dark: '#f3f3f5' };

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

  function luminance(colour) {
    const part = (i) => {
      const v = parseInt(colour.slice(i, i + 2), 16) / 255;
      return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    };
    return 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5);
  }

  function contrast(a, b) {
    const [hi, lo] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (hi + 0.05) / (lo + 0.05);
  }

  // place: 0 for the heaviest module, …; -1: none. shade: 0 to 1.
  function frame(place, shade, dark) {
    const few = place >= 0 && place < HUES.length;
    const hue = place < 0 ? 220 : HUES[place % HUES.length];
    const rich = place < 0 ? 0.04 : few ? 1 : 0.45; // beyond ten modules hues come again, paler
    if (!dark) return hex(hue, 0.78 * rich, 0.73 + 0.09 * shade);
    // Yellow and green are brighter than blue at the same lightness: darken until letters stand out.
    for (let light = 0.31 + 0.06 * shade; ; light -= 0.01) {
      const colour = hex(hue, 0.5 * rich, light);
      if (contrast(colour, TEXT.dark) >= 4.9) return colour;
    }
  }

  // Modules by what their functions have themselves: [{module (string, -1: none), weight}], heaviest first.
  function modulesByWeight(profile, self) {
    const { tree, labels } = profile;
    const sums = new Map();
    for (let i = 1; i < tree.count; i++) {
      const module = labels.flags[tree.label[i]] & 2 ? -1 : labels.module[tree.label[i]] - 1;
      sums.set(module, (sums.get(module) ?? 0) + self[i]);
    }
    return [...sums].map(([module, weight]) => ({ module, weight }))
      .sort((a, b) => b.weight - a.weight || a.module - b.module);
  }

  // A colour for each label, and for the legend.
  function palette(profile, self, dark) {
    const { labels, strings } = profile;
    const modules = modulesByWeight(profile, self);
    const placeOf = new Map();
    for (const m of modules) if (m.module >= 0) placeOf.set(m.module, placeOf.size);
    const fills = new Array(labels.count);
    for (let l = 0; l < labels.count; l++) {
      const place = labels.flags[l] & 2 ? -1 : placeOf.get(labels.module[l] - 1) ?? -1;
      fills[l] = frame(place, hash(strings.text(labels.name[l]).slice(0, 200)), dark);
    }
    return {
      fills,
      modules: modules.map((m) => ({ ...m, fill: frame(placeOf.get(m.module) ?? -1, 0.5, dark) })),
      text: TEXT[dark ? 'dark' : 'light'],
      all: dark ? '#3a3a40' : '#e4e2de',
      hit: dark ? '#b3179b' : '#c2179f',
      hitText: '#ffffff',
      back: dark ? '#161618' : '#fdfdfc',
      line: dark ? '#55555c' : '#b9b6b0',
    };
  }

  const api = { palette, modulesByWeight, contrast, hex, frame, HUES, TEXT };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
