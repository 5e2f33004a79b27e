#!/usr/bin/python3
"""A program's memory by three tools that do not know of each other: protea-prof (full), heaptrack, massif.

memory_peers.py PROF STORE TMP PROGRAM…: runs the program under each and compares what they say of the same
thing. Allowed: what loaders and libraries allocate before one tool or the other is there (heaptrack sees it
from the first call and brings libstdc++ with its pool of 72,704 bytes along; we begin with the first library
that initialises itself), and heaptrack's printing of three digits.
"""
import os
import re
import sqlite3
import subprocess
import sys

prof, store, tmp = sys.argv[1:4]
program = sys.argv[4:]
EARLY_BLOCKS, EARLY_BYTES = 40, 80000
LIBSTDCXX_POOL = 72704
failures = []


def run(*args):
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
    return done.stdout.decode("utf-8", "replace") + done.stderr.decode("utf-8", "replace")


def ours():
    run(prof, "run", "-q", "-o", store, "-n", "peer", "--memory", "full", "--", *program)
    db = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    row = db.execute("SELECT id FROM run ORDER BY started_at DESC").fetchone()[0]
    out = {}
    for kind, count, value in db.execute(
            "SELECT kind, sum(count), sum(value) FROM sample WHERE run_id = ? GROUP BY kind", (row,)):
        out[kind] = (count, value)
    return {"blocks": out["alloc"][0], "temporary": out.get("temporary", (0, 0))[0], "leaked": out.get("leak", (0, 0))[0],
            "peak": out["peak"][1]}


def heaptrack():
    data = os.path.join(tmp, "heaptrack")
    text = run("heaptrack", "-o", data, *program)
    said = dict((k, int(v)) for k, v in re.findall(r"^\s*(?:.*stats:)?\s*([a-z ]*allocations):\s+(\d+)\s*$", text, re.M))
    printed = run("heaptrack_print", "-f", data + ".zst")
    number, unit = re.search(r"peak heap memory consumption: ([0-9.]+)([KMG]?)B?", printed).groups()
    peak = float(number) * {"": 1, "K": 1e3, "M": 1e6, "G": 1e9}[unit]
    return {"blocks": said["allocations"], "temporary": said["temporary allocations"],
            "leaked": said["leaked allocations"], "peak": peak - LIBSTDCXX_POOL}


def massif():
    data = os.path.join(tmp, "massif")
    run("valgrind", "--tool=massif", "--peak-inaccuracy=0.0", "--heap-admin=0", f"--massif-out-file={data}", *program)
    with open(data) as f:
        text = f.read()
    peaks = [int(b) for b in re.findall(r"mem_heap_B=(\d+)", text)]
    return {"peak": max(peaks)}


def near(what, a, b, absolute, relative):
    if abs(a - b) > absolute + relative * max(a, b):
        failures.append(f"{what}: {a} and {b}")


mine = ours()
theirs = heaptrack()
other = massif()
print("ours", mine, "heaptrack", theirs, "massif", other)
near("blocks, heaptrack", mine["blocks"], theirs["blocks"], EARLY_BLOCKS, 0.0005)
if mine["temporary"] + EARLY_BLOCKS < theirs["temporary"]:  # it wants no free of another block in between either
    failures.append(f"temporary, heaptrack: {mine['temporary']} and {theirs['temporary']}")
near("leaked, heaptrack", mine["leaked"], theirs["leaked"], EARLY_BLOCKS, 0)
near("peak, heaptrack", mine["peak"], theirs["peak"], EARLY_BYTES, 0.01)
near("peak, massif", mine["peak"], other["peak"], EARLY_BYTES, 0.002)
for failure in failures:
    print(failure)
sys.exit(1 if failures else 0)
