#!/usr/bin/python3
"""Compares what diff says with sums over the store's view `folded` and its tables.

diff_oracle.py PROF STORE BASE CANDIDATE [DIFF-OPTION…]      BASE, CANDIDATE: names of runs

Prints how many numbers agree, or what differs and exits with 1. Nothing of the program's own arithmetic is used: sums are made
anew, run by run, from the paths of names, to the last ns or byte where nothing is scaled.
"""
import json
import re
import sqlite3
import subprocess
import sys
from collections import defaultdict

PROF, STORE, BASE, CANDIDATE = sys.argv[1:5]
OPTIONS = sys.argv[5:]
NORM = OPTIONS[OPTIONS.index("--normalise") + 1] if "--normalise" in OPTIONS else "none"
BY = OPTIONS[OPTIONS.index("--by") + 1] if "--by" in OPTIONS else "function"
STAGE = OPTIONS[OPTIONS.index("--stage") + 1] if "--stage" in OPTIONS else None
CLONE = re.compile(r"(\.(cold|part|isra|constprop|lto_priv|llvm)(\.\d+)?|(?<=.) \[clone [^]]*\])$")


def plain(name):
    if name.startswith("[unknown in ") and "+0x" in name:
        return name[: name.rindex("+")] + "]"
    while not name.startswith("[") and CLONE.search(name) and CLONE.sub("", name):
        name = CLONE.sub("", name)
    return name


def diff():
    out = subprocess.run([PROF, "diff", BASE, CANDIDATE, "--json", "--store", STORE, *OPTIONS], capture_output=True)
    if out.returncode:
        raise SystemExit(f"exit {out.returncode}: {out.stderr.decode()}")
    return json.loads(out.stdout)


db = sqlite3.connect(f"file:{STORE}?mode=ro", uri=True)
db.row_factory = sqlite3.Row


def runs_of(name):
    return [r["id"] for r in db.execute("SELECT id FROM run WHERE name = ? ORDER BY started_at", (name,))]


def rows_of(run, kind):
    """(path of names, chain of stages, value) of each sample."""
    stages = {r["id"]: r for r in db.execute("SELECT id, parent_id, name, items FROM stage WHERE run_id = ?", (run,))}
    frames = {r["id"]: plain(r["function"]) for r in db.execute("SELECT id, function FROM frame WHERE run_id = ?", (run,))}
    stacks = {r["id"]: (r["parent_id"], r["frame_id"]) for r in db.execute("SELECT id, parent_id, frame_id FROM stack WHERE id IN "
              "(SELECT id FROM stack)") if r["frame_id"] in frames}
    for s in db.execute("SELECT stage_id, stack_id, value FROM sample WHERE run_id = ? AND kind = ?", (run, kind)):
        path, at = [], s["stack_id"]
        while at is not None and at in stacks:
            path.append(frames[stacks[at][1]])
            at = stacks[at][0]
        chain, stage = [], s["stage_id"]
        while stage is not None:
            chain.append((stages[stage]["name"], stages[stage]["items"] or 0))
            stage = stages[stage]["parent_id"]
        yield tuple(reversed(path)), chain, s["value"]


def folded_total(run, kind):
    return db.execute("SELECT coalesce(sum(value), 0) FROM folded WHERE run_id = ? AND kind = ?", (run, kind)).fetchone()[0]


def norm_key(chain):
    if NORM == "stage":
        return chain[0][0] if chain else None
    return next((name for name, items in chain if items > 0), None)


def amounts(run, samples):
    """What values of the run are divided by: one number, or one for each key."""
    if NORM == "total":
        return {None: sum(v for _, _, v in samples)}
    if NORM == "duration":
        return {None: db.execute("SELECT duration_ns FROM run WHERE id = ?", (run,)).fetchone()[0]}
    out = defaultdict(float)
    if NORM == "stage":
        for _, chain, v in samples:
            if chain:
                out[chain[0][0]] += v
    if NORM == "items":
        for r in db.execute("SELECT name, items FROM stage WHERE run_id = ? AND items > 0", (run,)):
            out[r["name"]] += r["items"]
    return out


def group(name, kind):
    result = []
    for run in runs_of(name):
        samples = [x for x in rows_of(run, kind) if not STAGE or any(STAGE == n for n, _ in x[1])]
        result.append((run, samples, amounts(run, samples)))
    return result


def sums(run, samples, has, base):
    """Own and total cost of each row."""
    own, total, all_of_it = defaultdict(float), defaultdict(float), 0
    for path, chain, value in samples:
        key = norm_key(chain) if NORM in ("stage", "items") else None
        if NORM != "none" and has.get(key) and base.get(key):
            value *= base[key] / has[key]
        all_of_it += value
        if BY == "stage":
            names = [n for n, _ in chain] or ["[no stage]"]
        elif BY == "stack":
            names = [";".join(path[: n]).replace("\n", "?") for n in range(len(path), 0, -1)] or ["[no stack]"]
        else:
            names = list(reversed(path)) or ["[no stack]"]
        own[names[0]] += value
        for name in set(names):
            total[name] += value
    return own, total, all_of_it


def mean(dicts, n):
    out = defaultdict(float)
    for d in dicts:
        for k, v in d.items():
            out[k] += v / n
    return out


def close(a, b):
    return a == b if NORM == "none" and SINGLE else abs(a - b) <= 1e-9 * max(1, abs(a), abs(b))


doc = diff()
kind = doc["kind"]
sides = {"base": group(BASE, kind), "candidate": group(CANDIDATE, kind)}
SINGLE = all(len(g) == 1 for g in sides.values())
base = mean([has for _, _, has in sides["base"]], len(sides["base"]))
bad, good = [], 0


def compare(what, is_, wanted):
    global good
    if close(is_, wanted):
        good += 1
    else:
        bad.append(f"{what}: {is_!r}, the store says {wanted!r}")


for side, runs in sides.items():
    parts = [sums(run, samples, has, base) for run, samples, has in runs]
    own, total = mean([p[0] for p in parts], len(runs)), mean([p[1] for p in parts], len(runs))
    names = defaultdict(list)
    for f in doc["functions"]:
        names[f["function"].replace(";", ":") if BY == "function" else f["function"]].append(f)
    compare(f"total of the {side}", doc["total"][side], sum(p[2] for p in parts) / len(runs))
    if NORM == "none" and not STAGE:
        compare(f"folded of the {side}", doc["total"][side], sum(folded_total(r, kind) for r, _, _ in runs) / len(runs))
    for name in set(own) | set(total):
        rows = names.get(name.replace(";", ":") if BY == "function" else name, [])
        if not rows and BY == "stack" and not own.get(name):
            continue
        compare(f"{side} {name}", sum(f[side] for f in rows), own.get(name, 0))
        if len(rows) == 1:
            compare(f"{side} {name} with callees", rows[0]["total"][side], total.get(name, 0))
    for name, rows in names.items():
        if name not in total and sum(f["total"][side] for f in rows):
            bad.append(f"{side} {name}: the store has none of it")

for f in doc["functions"]:
    if abs(f["candidate"] - f["base"] - f["delta"]) > 1e-9 * max(1, abs(f["delta"])):
        bad.append(f"{f['function']}: delta {f['delta']}")
    if f["delta_ci"][0] is not None and not f["delta_ci"][0] <= f["delta"] <= f["delta_ci"][1]:
        bad.append(f"{f['function']}: {f['delta']} is outside of {f['delta_ci']}")
if bad:
    print("\n".join(bad[:20]))
    raise SystemExit(1)
print(f"{good} numbers agree")
