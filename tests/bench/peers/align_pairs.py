#!/usr/bin/python3
"""Real pairs of a finished run: align_pairs.py BUNDLE ALIGNMENT-CACHE N FILE.tsv

Each line is a query text, a tab, a reference text: every M-th key of the cache, so that N pairs of queries with their
neighbours come out, mostly relatives, as an export aligns them.
"""
import sqlite3
import sys


def main(bundle, cache, wanted, path):
    texts = dict(sqlite3.connect(f"file:{bundle}?mode=ro&immutable=1", uri=True).execute(
        "SELECT sequence_hash, sequence FROM sequence"))
    db = sqlite3.connect(f"file:{cache}?mode=ro", uri=True)
    total = db.execute("SELECT count(*) FROM align").fetchone()[0]
    step = max(1, total // wanted)
    n = 0
    with open(path, "w", encoding="ascii") as f:
        for i, (key,) in enumerate(db.execute("SELECT k FROM align ORDER BY k")):
            a, b = key.split(":")[:2]
            if i % step == 0 and n < wanted and a in texts and b in texts:
                f.write(f"{texts[a]}\t{texts[b]}\n")
                n += 1
    print(f"{n} of {total} pairs")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
