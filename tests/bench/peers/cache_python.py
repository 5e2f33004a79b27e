#!/usr/bin/python3
"""The same look-ups in Python: cache_python.py FOLDER. 800 keys a statement and json.loads, as the original does it."""
import json
import sqlite3
import sys
import time

BATCH = 800


def main(folder):
    path = folder + "/alignments.sqlite"
    keys = [k for k, in sqlite3.connect(f"file:{path}?mode=ro", uri=True).execute("SELECT k FROM align ORDER BY rowid")]
    db = sqlite3.connect(path)
    start, cpu = time.perf_counter(), time.process_time()
    found = {}
    for lo in range(0, len(keys), BATCH):
        part = keys[lo:lo + BATCH]
        for k, v in db.execute(f"SELECT k, v FROM align WHERE k IN ({','.join('?' * len(part))})", part):
            found[k] = json.loads(v)
    took, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(json.dumps({"seconds": took, "cpu": cpu, "pairs": len(keys), "hits": len(found)}))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
