#!/usr/bin/python3
"""Compares a run with what a sample program's head promises.

truth.py PROF STORE RUN CHECK…, each CHECK one of
  self:NAME=SHARE    total:NAME=SHARE     share of samples, by function
  thread:NAME=SHARE  process:NAME=SHARE   by thread or process name
  none:NAME                               no sample has it
  path:A>B>C         every stack with C has A above B above C (frames in between allowed)
  only:NAME          every sample has NAME on its stack
  root:NAME=SHARE    at least this share of samples has NAME as one of its two outermost frames
  lost:REASON=MIN    at least MIN losses of that kind; lost:REASON=0: none
Shares are of samples, not of their weights: on a virtual machine a thread's CPU clock also runs while
the host gives its processor to somebody else, which happens to this or that function by chance.
The tolerance is 4.5 standard deviations of a binomial share, with the run's own number of samples, and
half a percent for what the loops themselves cost: one false alarm in 100,000 checks. TRUTH_MIN in the environment: so many
samples there have to be (100).
"""
import json
import math
import os
import subprocess
import sys

prof, store, run = sys.argv[1:4]
failures = []


def tool(*args):
    out = subprocess.run([prof, *args, "--store", store, run], stdout=subprocess.PIPE, check=True)
    return out.stdout.decode("utf-8", "replace")


def folded():
    rows = []
    for line in tool("export", "--format", "folded", "--count").splitlines():
        path, value = line.rsplit(" ", 1)
        frames = path.split(";")
        rows.append((frames, int(value)))
    return rows


report = json.loads(tool("report", "--by", "function", "--json"))
samples = report["samples"]
stacks = folded()
whole = sum(v for _, v in stacks)


def near(what, got, want):
    margin = 4.5 * math.sqrt(max(want * (1 - want), 0) / max(samples, 1)) + 0.005
    if abs(got - want) > margin:
        failures.append(f"{what}: {got:.4f}, expected {want} ± {margin:.4f} of {samples} samples")


def ordered(frames, names):
    it = iter(frames)
    return all(any(n in f for f in it) for n in names)


for check in sys.argv[4:]:
    kind, rest = check.split(":", 1)
    name, _, number = rest.rpartition("=") if "=" in rest else (rest, "", "")
    if kind == "self":
        near(check, sum(v for f, v in stacks if f[-1] == name) / whole, float(number))
    elif kind == "total":
        near(check, sum(v for f, v in stacks if name in f) / whole, float(number))
    elif kind in ("thread", "process"):
        rows = json.loads(tool("report", "--by", kind, "--json"))["rows"]
        count = sum(r["self_samples"] for r in rows if r[kind].rsplit(" (", 1)[0] == name)
        near(check, count / samples, float(number))
    elif kind == "none":
        if any(name in f for f, _ in stacks):
            failures.append(f"{check}: there are samples of it")
    elif kind == "path":
        names = name.split(">")
        hits = [f for f, _ in stacks if any(names[-1] in x for x in f)]
        bad = [f for f in hits if not ordered(f, names)]
        if not hits or bad:
            failures.append(f"{check}: {len(bad)} of {len(hits)} paths differ: {bad[:2]}")
    elif kind == "only":
        other = sum(v for f, v in stacks if name not in f) / whole
        if other > 0.02:
            failures.append(f"{check}: {other:.4f} of the samples are elsewhere")
    elif kind == "root":
        got = sum(v for f, v in stacks if name in f[:2]) / whole
        if got < float(number):
            failures.append(f"{check}: only {got:.4f}")
    elif kind == "lost":
        got = report["run"]["lost"].get(name, 0)
        if got < float(number) or (float(number) == 0 and got):
            failures.append(f"{check}: {got}")
    else:
        failures.append(f"{check}: unknown check")

if samples < int(os.environ.get("TRUTH_MIN", "100")):
    failures.append(f"only {samples} samples")
for f in failures:
    print(f)
sys.exit(bool(failures))
