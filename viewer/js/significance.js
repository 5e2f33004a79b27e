// Whether two runs differ by more than sampling explains. Of `c` samples that both runs have of a thing, those
// of A are binomial if both do the same work at the same speed (J. Przyborowski, H. Wilenski, Homogeneity of
// results in testing samples from Poisson series, Biometrika 31, 1940), and hypergeometric if its share of
// all samples is the same (R. A. Fisher, The logic of inductive inference, J. R. Stat. Soc. 98, 1935). From 20
// expected samples on the normal approximation is used; several stages are added up (N. Mantel, W. Haenszel,
// Statistical aspects of the analysis of data from retrospective studies of disease, J. Natl. Cancer Inst. 22,
// 1959). Of many functions those are picked of which 5 % are expected to be picked by chance (Y. Benjamini,
// Y. Hochberg, Controlling the false discovery rate, J. R. Stat. Soc. B 57, 1995), among the ones that have
// enough samples to differ at all (R. E. Tarone, A modified Bonferroni method for discrete data, Biometrics 46,
// 1990). It says nothing about how much a machine varies from run to run. No DOM.
(function (root) {
  'use strict';

  const FEW = 20;

  // The chance that a normal variable is at least |z| away from its mean.
  function normalP(z) {
    const x = Math.abs(z) / Math.SQRT2;
    const tail = Math.exp(-x * x) / Math.sqrt(Math.PI);
    if (x < 2) { // a series without changing signs
      let sum = 0;
      for (let term = 2 * x, n = 1; term > 1e-17; n += 2) {
        sum += term;
        term *= (2 * x * x) / (n + 2);
      }
      return 1 - tail * sum;
    }
    let f = x; // a continued fraction
    for (let k = 80; k > 0; k--) f = x + k / 2 / f;
    return tail / f;
  }

  // The chance of all outcomes that are no likelier than k of c; odds(i): chance of i + 1 against that of i.
  function exactP(k, c, odds) {
    let tail = 1;
    let rest = 0;
    for (const up of [true, false]) {
      let w = 1;
      for (let i = k; up ? i < c : i > 0; i += up ? 1 : -1) {
        w *= up ? odds(i) : 1 / odds(i - 1);
        if (!(w > 1e-20 * (tail + rest))) break; // it only gets less from here on
        if (w <= 1 + 1e-9) tail += w;
        else rest += w;
        if (rest > 1e290) return 0;
      }
    }
    return tail / (tail + rest);
  }

  // a, b: samples of both; e: how many of them A is expected to have; v: variance of that. nA, nB: all samples
  // of the runs, if shares are compared and there is one stage; else 0.
  function differenceP({ a, b, e, v, nA, nB }) {
    const c = Math.round(a) + Math.round(b);
    const sum = a + b;
    if (!(sum > 0)) return 1;
    if (Math.min(e, sum - e) >= FEW) {
      const off = Math.max(0, Math.abs(a - e) - 0.5);
      return off > 0 ? normalP(off / Math.sqrt(v)) : 1;
    }
    const k = Math.round(a);
    if (nA > 0) {
      const n = Math.max(k, Math.round(nA));
      const m = Math.max(c - k, Math.round(nB));
      return exactP(k, c, (i) => ((c - i) / (i + 1)) * ((n - i) / (m - c + i + 1)));
    }
    const part = Math.min(Math.max(e / sum, 1e-12), 1 - 1e-12);
    return exactP(k, c, (i) => ((c - i) / (i + 1)) * (part / (1 - part)));
  }

  // The least p that so many samples can have: one run has all of them.
  function leastP({ a, b, e }) {
    const c = Math.round(a + b);
    const part = a + b > 0 ? e / (a + b) : 0.5;
    return Math.min(part, 1 - part) ** c;
  }

  // Which of the p (a Float64Array) are picked at that rate of false ones; NaN: never, without counting.
  function pick(p, level, mayDiffer) {
    const counts = (i) => p[i] >= 0 && (!mayDiffer || mayDiffer(i));
    const sorted = p.filter((_, i) => counts(i)).sort();
    let last = sorted.length - 1;
    while (last >= 0 && sorted[last] > (level * (last + 1)) / sorted.length) last--;
    const picked = new Uint8Array(p.length);
    if (last >= 0) for (let i = 0; i < p.length; i++) if (p[i] <= sorted[last] && counts(i)) picked[i] = 1;
    return picked;
  }

  const api = { normalP, exactP, differenceP, leastP, pick };
  if (typeof module === 'object') module.exports = api;
  else root.flame = Object.assign(root.flame ?? {}, api);
})(globalThis);
