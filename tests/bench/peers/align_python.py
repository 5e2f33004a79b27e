#!/usr/bin/python3
"""All twelve values of every pair from Python's parasail in a pool of processes, as the original does it:

    align_python.py PAIRS.tsv WORKERS striped_32|scan_16 [VALUES.f64]

Prints one JSON line; compares with VALUES.f64 (12 doubles a pair, of align_ours) when it is given.
"""
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

from plain_features import NO_ALIGNMENT, align

# Order of align_ours: that of struct align_values.
ORDER = ("identity_nw similarity_nw alignment_score_nw gaps_pct_nw alignment_length_nw length_query length_ref"
         " identity_sw similarity_sw alignment_score_sw gaps_pct_sw alignment_length_sw").split()


def main(path, workers, kind, values=None):
    assert sorted(ORDER) == sorted(NO_ALIGNMENT)
    with open(path, encoding="ascii") as f:
        pairs = [tuple(line.rstrip("\n").split("\t")) for line in f]
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(align, pairs[:workers], chunksize=1))     # the processes are there
        start, own = time.perf_counter(), time.process_time()
        found = list(pool.map(partial(align, kind=kind), pairs, chunksize=16))
        took, own = time.perf_counter() - start, time.process_time() - own
    children = os.times()
    out = {"seconds": took, "cpu": own + children.children_user + children.children_system, "pairs": len(pairs)}
    if values:
        ours = np.fromfile(values).reshape(-1, len(ORDER))
        theirs = np.array([[v[name] for name in ORDER] for v in found])
        out["different"] = int((ours != theirs).any(axis=1).sum())
    print(json.dumps(out))


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
