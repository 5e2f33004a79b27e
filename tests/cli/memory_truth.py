#!/usr/bin/python3
"""Compares the memory of a run, as anybody reads it from the store by SQL, with what a program promises.

memory_truth.py STORE RUN CHECK…, each CHECK one of
  KIND:FUNCTION=BYTES/BLOCKS   sum of the samples of that kind whose stacks have FUNCTION on them; /BLOCKS may
                               be left out
  thread:KIND:NAME:FUNCTION=BYTES/BLOCKS   the same on threads of that name only
  stage:NAME:COLUMN=VALUE      sum over the stages of that name (peak_…: the highest)
  stage-over:NAME:COLUMN:OTHER=VALUE   difference of the column between two stages' highest values
  total:KIND=BYTES/BLOCKS      all of that kind
  none:KIND                    no sample of it
  lost:REASON=COUNT
A value written ~VALUE~PERCENT may differ by that much; >=VALUE is a lower bound.
"""
import sqlite3
import sys

store, run_name = sys.argv[1:3]
db = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
run = db.execute("SELECT id FROM run WHERE name = ? ORDER BY started_at DESC", (run_name,)).fetchone()[0]
failures = []

frame = {}
for stack, parent, function in db.execute(
        "SELECT s.id, s.parent_id, f.function FROM stack s JOIN frame f ON f.id = s.frame_id WHERE s.run_id = ?", (run,)):
    frame[stack] = (parent, function)


def functions(stack):
    out = set()
    while stack is not None:
        stack, function = frame[stack]
        out.add(function)
    return out


rows = [(kind, thread, functions(stack), count, value) for kind, thread, stack, count, value in db.execute(
    "SELECT s.kind, t.name, s.stack_id, s.count, s.value FROM sample s LEFT JOIN thread t ON t.id = s.thread_id"
    " WHERE s.run_id = ? AND s.kind NOT IN ('cpu', 'wall')", (run,))]


def expect(what, got, want):
    if want.startswith(">="):
        ok = got >= float(want[2:])
    elif want.startswith("~"):
        value, percent = want[1:].split("~")
        ok = abs(got - float(value)) <= abs(float(value)) * float(percent) / 100
    else:
        ok = got == float(want)
    if not ok:
        failures.append(f"{what}: {got}, expected {want}")


def pair(check, got, want):
    for what, g, w in zip(("bytes", "blocks"), got, want.split("/")):
        if w:
            expect(f"{check} {what}", g, w)


def summed(kind, function=None, thread=None):
    hits = [r for r in rows if r[0] == kind and (function is None or function in r[2]) and thread in (None, r[1])]
    return sum(r[4] for r in hits), sum(r[3] for r in hits)


def stage(name, column):
    how = "max" if column.startswith("peak_") else "sum"
    return db.execute(f"SELECT {how}({column}) FROM stage WHERE run_id = ? AND name = ?", (run, name)).fetchone()[0]


for check in sys.argv[3:]:
    name, _, want = check.partition("=") if ">=" not in check else (*check.split("=", 1)[:1], "", check.split("=", 1)[1])
    part = name.split(":")
    if part[0] == "thread":
        pair(check, summed(part[1], part[3], part[2]), want)
    elif part[0] == "stage":
        expect(check, stage(part[1], part[2]) or 0, want)
    elif part[0] == "stage-over":
        expect(check, (stage(part[1], part[2]) or 0) - (stage(part[3], part[2]) or 0), want)
    elif part[0] == "total":
        pair(check, summed(part[1]), want)
    elif part[0] == "none":
        if summed(part[1]) != (0, 0):
            failures.append(f"{check}: {summed(part[1])}")
    elif part[0] == "lost":
        got = db.execute("SELECT coalesce(sum(count), 0) FROM loss WHERE run_id = ? AND reason = ?", (run, part[1])).fetchone()[0]
        expect(check, got, want)
    else:
        pair(check, summed(part[0], part[1]), want)

for failure in failures:
    print(failure)
sys.exit(1 if failures else 0)
