#!/usr/bin/python3
"""Plots of bench_growth.sh as one page without script: growth_page.py STORE FIT.json PAGE.html

A row for each stage that takes 20 ms somewhere, a column for each of n, q, K and d: CPU time of the stage in a run over
that size, both axes logarithmic, every run a dot, the line through the medians. Below it the exponent that `model fit`
found, its interval and what is declared.
"""
import html
import json
import math
import sqlite3
import sys
from statistics import median

SERIES = (("n", "proteins"), ("q", "queries of a pair"), ("k", "neighbours K"), ("d", "dimension"))
LEAST_NS = 20e6
AROUND = ("split", "dump")    # what lies around other stages; "export" is the run
W, H, LEFT, BOTTOM, TOP, RIGHT = 236, 150, 44, 24, 8, 18
CSS = """
:root{color-scheme:light dark;--ink:#1b1b1b;--soft:#5d5d5d;--line:#1d5fa8;--grid:#d8d8d8;--paper:#fff;--bad:#a02020}
@media (prefers-color-scheme:dark){:root{--ink:#e8e8e8;--soft:#a8a8a8;--line:#7db5f0;--grid:#444;--paper:#161616;--bad:#ff9c9c}}
body{font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:1.5rem auto;max-width:70rem;padding:0 1rem}
h1{font-size:1.4rem}h2{font-size:1.05rem;margin:1.6rem 0 .3rem}.row{display:flex;flex-wrap:wrap;gap:.6rem}
figure{margin:0}figcaption{font-size:.85rem;color:var(--soft);max-width:14.5rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem}dt{color:var(--soft)}dd{margin:0}
svg text{font-size:10px;fill:var(--soft)}svg .dot{fill:var(--line)}svg .fit{stroke:var(--line);fill:none;stroke-width:1.5}
svg .grid{stroke:var(--grid)}.worse{color:var(--bad)}a{color:var(--line)}
table{border-collapse:collapse}td,th{padding:.1rem .7rem;text-align:right;border-bottom:1px solid var(--grid)}th:first-child,td:first-child{text-align:left}
.wide{overflow-x:auto}
"""


def read(path):
    """stage -> series -> size -> [CPU ns of a run]; facts of the runs."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    facts = dict(zip(("host", "cpu", "ncpu", "kernel", "version", "git", "first", "last", "runs"), db.execute(
        "SELECT max(host), max(cpu_model), max(ncpu), max(kernel), max(version), max(git_sha), min(started_at),"
        " max(started_at), count(*) FROM run WHERE finished AND exit_code = 0").fetchone()))
    times = {}
    for labels, name, cpu in db.execute(
            "SELECT r.labels, s.name, sum(s.cpu_ns) FROM stage s JOIN run r ON r.id = s.run_id"
            " WHERE r.finished AND r.exit_code = 0 GROUP BY r.id, s.name"):
        labels = json.loads(labels)
        series = labels["series"]
        times.setdefault(name, {}).setdefault(series, {}).setdefault(int(labels[series]), []).append(cpu or 0)
    return times, facts


def log_ticks(low, high):
    """Powers of ten and, where few, their doubles and halves."""
    ticks = [10.0 ** e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    if len([t for t in ticks if low <= t <= high]) < 2:
        ticks = sorted(t * m for t in ticks for m in (1, 2, 5))
    return [t for t in ticks if low * 0.999 <= t <= high * 1.001]


def seconds(t):
    return f"{t:g} s" if t >= 1 else f"{t * 1000:g} ms"


def plot(name, param, sizes, low, high):
    xs = sorted(sizes)
    x0, x1 = math.log(xs[0]), math.log(xs[-1])
    y0, y1 = math.log(low), math.log(high)

    def px(x):
        return LEFT + (math.log(x) - x0) / (x1 - x0) * (W - LEFT - RIGHT)

    def py(t):
        return H - BOTTOM - (math.log(max(t, low)) - y0) / (y1 - y0) * (H - BOTTOM - TOP)

    out = [f'<svg width="{W}" height="{H}" viewBox="0 0 {W} {H}" role="img"'
           f' aria-label="{html.escape(name)} against {param}">']
    for t in log_ticks(low, high):
        out.append(f'<path class="grid" d="M{LEFT} {py(t):.1f}H{W - RIGHT}"/>'
                   f'<text x="{LEFT - 4}" y="{py(t) + 3:.1f}" text-anchor="end">{seconds(t)}</text>')
    for x in xs:
        out.append(f'<text x="{px(x):.1f}" y="{H - 8}" text-anchor="middle">{x if x < 10000 else f"{x // 1000}k"}</text>')
    line = " ".join(f"{px(x):.1f},{py(median(sizes[x]) / 1e9):.1f}" for x in xs)
    out.append(f'<polyline class="fit" points="{line}"/>')
    for x in xs:
        for t in sizes[x]:
            out.append(f'<circle class="dot" r="2.2" cx="{px(x):.1f}" cy="{py(t / 1e9):.1f}"><title>{param} = {x}:'
                       f' {t / 1e9:.4g} s</title></circle>')
    out.append("</svg>")
    return "".join(out)


def exponent_text(e):
    """n^0.98 (0.95 … 1.02), declared n^1: as declared"""
    name = html.escape(e["param"])
    if e.get("fitted") is None:
        return f"{name}: {e['growth']}"
    ci = e.get("ci")
    interval = f" ({ci[0]:.2f} … {ci[1]:.2f})" if ci and None not in ci else ""
    text = f"{name}<sup>{e['fitted']:.2f}</sup>{interval}, declared {name}<sup>{e['declared']:.2f}</sup>: {e['growth']}"
    if e.get("with"):
        text += f" (varies with {html.escape(str(e['with']))})"
    return f'<span class="worse">{text}</span>' if e["growth"] == "worse" else text


def slope(sizes):
    """Of the medians between the smallest and the largest size, nothing else."""
    xs = sorted(sizes)
    a, b = median(sizes[xs[0]]), median(sizes[xs[-1]])
    return math.log(b / a) / math.log(xs[-1] / xs[0]) if a > 0 and b > 0 else float("nan")


def stage_section(name, series, fit):
    values = [t / 1e9 for s in series.values() for ts in s.values() for t in ts if t > 0]
    low, high = min(values) * 0.8, max(values) * 1.25
    if high / low < 4:
        low, high = low / 2, high * 2
    out = [f'<h2 id="{html.escape(name)}">{html.escape(name)}</h2>']
    terms = " + ".join(c["term"] for c in (fit or {}).get("coefficients", []))
    if terms and fit["declared_by"] != "not declared" and fit.get("exponents"):
        out.append(f"<p>Cost {html.escape(terms)}; " + "; ".join(map(exponent_text, fit["exponents"])) + ".</p>")
    out.append('<div class="row">')
    for param, title in SERIES:
        if param in series and len(series[param]) > 1:
            out.append(f"<figure>{plot(name, param, series[param], low, high)}<figcaption>{title}: slope"
                       f" {slope(series[param]):.2f}</figcaption></figure>")
    out.append("</div>")
    return "\n".join(out)


def summary(times, names):
    out = ['<div class="wide"><table><tr><th>stage</th>']
    out += [f"<th>{title}</th>" for _, title in SERIES] + ["<th>CPU of the largest run</th></tr>"]
    for name in names:
        most = max(median(ts) for s in times[name].values() for ts in s.values()) / 1e9
        cells = "".join(f"<td>{slope(times[name][p]):.2f}</td>" if p in times[name] else "<td>-</td>" for p, _ in SERIES)
        out.append(f'<tr><td><a href="#{html.escape(name)}">{html.escape(name)}</a></td>{cells}<td>{most:.3f} s</td></tr>')
    return "".join(out) + "</table></div>"


def main(store, fit_path, page):
    times, facts = read(store)
    with open(fit_path, encoding="utf-8") as f:
        fits = {x["stage"]: x for x in json.load(f)["fits"] if x["metric"] == "cpu"}
    names = [n for n in times if n not in AROUND and max(t for s in times[n].values() for ts in s.values() for t in ts) >= LEAST_NS]
    names.sort(key=lambda n: -max(median(ts) for s in times[n].values() for ts in s.values()))
    rows = [("machine", f"{facts['ncpu']} × {facts['cpu']}"), ("kernel", facts["kernel"]), ("version", facts["version"]),
            ("commit", (facts["git"] or "")[:12]), ("runs", str(facts["runs"]))]
    for param, title in SERIES:
        sizes = sorted({x for n in names for x in times[n].get(param, {})})
        rows.append((title, ", ".join(f"{x:,}" for x in sizes)))
    with open(page, "w", encoding="utf-8") as f:
        f.write('<!doctype html>\n<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
                f"<title>How the export's stages grow</title><style>{CSS}</style>\n<h1>How the export's stages grow</h1>\n"
                '<p>CPU time of each stage against one size at a time, the others fixed, on bundles made of cuts of the'
                ' <i>medium</i> sample by <code>tests/bench/bench_growth.sh</code>. Exponents: <code>protea-prof model fit'
                " -m cpu</code> over all runs, against the declared costs.</p>\n<dl>")
        f.write("".join(f"<dt>{html.escape(a)}</dt><dd>{html.escape(str(b))}</dd>" for a, b in rows) + "</dl>\n")
        f.write("<h2>Slopes between the smallest and the largest size</h2>\n" + summary(times, names) + "\n")
        f.write("\n".join(stage_section(n, times[n], fits.get(n)) for n in names) + "\n</html>\n")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
