#!/usr/bin/python3
"""Compares what report and export say of a run with sums over the store's views.

report_oracle.py PROF STORE RUN-UUID

Prints "ok NAME" or "not ok NAME: what differs" per comparison. Nothing of the program's own arithmetic is
used here: lists, trees and folded text are made anew from the tables that docs/store.md promises.
"""
import json
import math
import os
import sqlite3
import subprocess
import sys
from collections import defaultdict

PROF, STORE, RUN = sys.argv[1:4]
RUNTIME = ("libc.so", "libc-2", "ld-linux", "libpthread", "libm.so", "libstdc++", "libgcc_s", "[vdso]", "libprotea-prof.")


def prof(*args):
    out = subprocess.run([PROF, *args, "--store", STORE, RUN[:8]], capture_output=True)
    if out.returncode:
        raise SystemExit(f"{args}: exit {out.returncode}: {out.stderr.decode()}")
    return out.stdout


def wilson(k, n):
    if n <= 0:
        return 0.0, 1.0
    z = 1.959963984540054
    p = min(k / n, 1)
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - half) if p > 0 else 0.0, min(1.0, middle + half) if p < 1 else 1.0


class Run:
    def __init__(self):
        db = sqlite3.connect(f"file:{STORE}?mode=ro", uri=True)
        query = lambda sql: db.execute(sql, (RUN,)).fetchall()
        self.mode = query("SELECT mode FROM run WHERE id = ?")[0][0]  # the kind that views are of
        self.modules = dict(query("SELECT id, path FROM module WHERE run_id = ?"))
        self.frames = {
            r[0]: (r[1], self.modules.get(r[2], ""), f"{r[3]}:{r[4] or 0}" if r[3] else r[1])
            for r in query("SELECT id, function, module_id, file, line FROM frame WHERE run_id = ?")
        }
        self.lines = {r[0]: (r[1] or "", r[2] or 0) for r in query("SELECT id, file, line FROM frame WHERE run_id = ?")}
        stacks = {
            r[0]: r[1:]
            for r in query("SELECT id, parent_id, frame_id FROM stack WHERE run_id = ? ORDER BY depth")
        }
        self.paths = {}
        for s in stacks:  # parents first
            parent, frame = stacks[s]
            self.paths[s] = (self.paths[parent] if parent else ()) + (frame,)
        self.threads = {r[0]: r[1:] for r in query("SELECT id, name, tid, process_id FROM thread WHERE run_id = ?")}
        self.processes = {r[0]: r[1:] for r in query("SELECT id, name, pid FROM process WHERE run_id = ?")}
        self.stages = {r[0]: r[1:] for r in query("SELECT id, name, parent_id FROM stage WHERE run_id = ?")}
        self.samples = query("SELECT kind, stage_id, thread_id, stack_id, count, value FROM sample WHERE run_id = ?")
        self.summary = query(
            """SELECT name, n, wall_min_ns, wall_median_ns, wall_p95_ns, wall_max_ns, wall_sum_ns, cpu_median_ns,
               cpu_p95_ns, peak_heap_median_bytes, peak_heap_max_bytes FROM stage_summary WHERE run_id = ?"""
        )
        self.folded = query("SELECT kind, folded, sum(value) FROM folded WHERE run_id = ? GROUP BY 1, 2")

    def stage_chain(self, stage):
        while stage:
            yield self.stages[stage][0]
            stage = self.stages[stage][1]

    def select(self, kind, stage=None, thread=None):
        for k, g, t, s, count, value in self.samples:
            if k != kind or (stage and stage not in self.stage_chain(g)):
                continue
            if thread and thread not in (self.threads[t][0], str(self.threads[t][1])):
                continue
            yield g, t, s, count, value

    def chain(self, by, sample):
        """Labels from leaf to root."""
        g, t, s, _, _ = sample
        path = [self.frames[f] for f in reversed(self.paths[s])]
        if by == "function":
            return [(f[0], f[1]) for f in path]
        if by == "line":
            return [(f[2], f[0]) for f in path]
        if by == "module":
            return [(f[1] or f[0], "") for f in path]
        if by == "stage":
            return [(n, "") for n in self.stage_chain(g)] or [("[no stage]", "")]
        name, tid, process = self.threads[t]
        if by == "thread":
            return [(f"{name} ({tid})", self.processes[process][0])]
        if by == "process":
            return [("%s (%d)" % self.processes[process], "")]
        return [(";".join(f[0] for f in reversed(path)), "")]


def expected_list(run, by, **where):
    rows = defaultdict(lambda: [0, 0, 0, 0, 0, 0])  # self, total, counts, measured without samples
    count = value = weight = weight2 = 0
    for sample in run.select(**where):
        c, v = sample[3:]
        count, value = count + c, value + v
        if c:
            weight, weight2 = weight + v, weight2 + v * v / c
        labels = run.chain(by, sample)
        for label in set(labels):
            own = label == labels[0]
            for i, x in enumerate((v * own, v, c * own, c, 0 if c else v * own, 0 if c else v)):
                rows[label][i] += x
    n = min(weight * weight / weight2 if weight2 else 0, count)
    return rows, count, value, n, weight


def interval(value, exact, weight, whole, n):
    if whole <= 0:
        return 0.0, 1.0
    if exact and exact >= value:
        return exact / whole, exact / whole
    lo, hi = wilson((value - exact) / weight * n if weight else 0, n)
    return (exact + weight * lo) / whole, min(1.0, (exact + weight * hi) / whole)


def compare_list(run, by, options=(), **where):
    where.setdefault("kind", run.mode)
    got = json.loads(prof("report", "--json", "--by", by, *options))
    rows, count, value, n, weight = expected_list(run, by, **where)
    if (got["by"], got["kind"], got["samples"], got["value"]) != (by, where["kind"], count, value):
        return f"head {got['by']} {got['kind']} {got['samples']} {got['value']}, not {count} {value}"
    if len(got["rows"]) != len(rows):
        return f"{len(got['rows'])} rows, not {len(rows)}"
    last = None
    for r in got["rows"]:
        detail = r.get({"line": "function", "thread": "process"}.get(by, "module"), "") if by != "module" else ""
        want = rows.get((r[by], detail))
        if not want or [r["self"], r["total"], r["self_samples"], r["total_samples"]] != want[:4]:
            return f"{r} is not {want}"
        for what, exact in (("self", want[4]), ("total", want[5])):
            lo, hi = interval(r[what], exact, weight, value, n)
            if where["kind"] in ("alloc", "live"):  # bytes that nobody sampled are exact
                lo = hi = r[what] / value
            if abs(r[what + "_ci"][0] - lo) > 1e-9 or abs(r[what + "_ci"][1] - hi) > 1e-9:
                return f"{r}: interval of {what} is not {lo} {hi}"
            if value and abs(r[what + "_share"] - r[what] / value) > 1e-12:
                return f"{r}: share of {what}"
        order = (-r["self"], -r["total"], r[by].encode(), detail.encode())
        if last and order < last:
            return f"{r} is out of order"
        last = order
    return None


def is_library(module, function):
    return os.path.basename(module).startswith(RUNTIME) or function == "_start"


def expected_tree(run, fold, by_line, **where):
    """Values by path of labels; below the program's own code a run of one library is one label."""
    total, own = defaultdict(int), defaultdict(int)
    for sample in run.select(**where):
        path, inside = [], False
        for frame in run.paths[sample[2]]:
            function, module, _ = run.frames[frame]
            library = is_library(module, function)
            label = (function, module) + (run.lines[frame] if by_line else ())
            if fold and library and inside:
                label = (f"[{os.path.basename(module)}]", module) + (("", 0) if by_line else ())
                if path and path[-1] == label:
                    continue
            inside = inside or not library
            path.append(label)
        for i in range(len(path)):
            total[tuple(path[: i + 1])] += sample[4]
        own[tuple(path)] += sample[4]
    return total, own


def compare_tree(run, options=(), fold=True, by_line=False, **where):
    where.setdefault("kind", run.mode)
    got = json.loads(prof("report", "--json", "--tree", *options))
    total, own = expected_tree(run, fold, by_line, **where)
    paths = {0: ()}
    siblings = {}
    for node in got["nodes"]:
        label = (node["function"], node["module"]) + ((node["file"], node["line"]) if by_line else ())
        path = paths[node["node"]] = paths[node["parent"]] + (label,)
        if (node["total"], node["self"]) != (total.get(path), own.get(path, 0)):
            return f"{path}: {node['total']} {node['self']}, not {total.get(path)} {own.get(path, 0)}"
        if siblings.get(node["parent"], node["total"]) < node["total"]:
            return f"{path}: a larger sibling comes later"
        siblings[node["parent"]] = node["total"]
    return None if len(got["nodes"]) == len(total) else f"{len(got['nodes'])} nodes, not {len(total)}"


def compare_stages(run):
    got = json.loads(prof("report", "--json", "--stages"))["stages"]
    want = {r[0]: r[1:] for r in run.summary}
    for r in got:
        w, c, h = r["wall_ns"], r["cpu_ns"], r["peak_heap_bytes"] or {"median": None, "max": None}
        row = (r["n"], w["min"], w["median"], w["p95"], w["max"], w["sum"], c["median"], c["p95"], h["median"], h["max"])
        if row != want.get(r["stage"]):
            return f"{r['stage']}: {row}, not {want.get(r['stage'])}"
    return None if len(got) == len(want) else f"{len(got)} stages, not {len(want)}"


def compare_folded(run, kind):
    got = prof("export", "--format", "folded", "--kind", kind).decode()
    want = sorted((f"{text} {value}" for k, text, value in run.folded if k == kind and value), key=lambda t: t.rsplit(" ", 1)[0].encode())
    return None if got.splitlines() == want else f"{len(got.splitlines())} lines, not {len(want)}, or other ones"


def main():
    run = Run()
    kinds = sorted({s[0] for s in run.samples})
    results = [(f"list by {by}", compare_list(run, by)) for by in ("function", "line", "module", "stage", "thread", "process", "stack")]
    for kind in kinds:
        results.append((f"list of kind {kind}", compare_list(run, "function", ("--kind", kind), kind=kind)))
        results.append((f"folded text of kind {kind} is the view's", compare_folded(run, kind)))
    names = sorted({g[0] for g in run.stages.values()})
    tids = sorted(str(t[1]) for t in run.threads.values())
    if names:
        results.append(("list of a stage", compare_list(run, "line", ("--stage", names[0]), stage=names[0])))
        results.append(("tree of a stage", compare_tree(run, ("--stage", names[0]), stage=names[0])))
    results.append(("list of a thread", compare_list(run, "function", ("--thread", tids[-1]), thread=tids[-1])))
    results.append(("tree", compare_tree(run)))
    results.append(("tree with library code", compare_tree(run, ("--all",), fold=False)))
    results.append(("tree by line", compare_tree(run, ("--by", "line", "--all"), fold=False, by_line=True)))
    results.append(("tree by line, folded", compare_tree(run, ("--by", "line"), by_line=True)))
    results.append(("stages", compare_stages(run)))
    for name, wrong in results:
        print(f"not ok {name}: {wrong}"[:500] if wrong else f"ok {name}")


main()
