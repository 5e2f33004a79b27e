#!/usr/bin/python3
"""Compares neighbour lists: knn_check.py N D Q K FILE OURS.npy OTHER.npy...

Says in how many rows the same neighbours come in the same order. Rows that differ must be near ties: the float64
distances of both lists, rank by rank, may differ by 2e-6, which is what float32 sums leave open. Exit 1 otherwise.
"""
import sys

import numpy as np


def main(n, d, q, k, path, ours, others):
    pool = np.memmap(path, dtype=np.float16, mode="r", shape=(n, d))
    lists = {p: np.load(p) for p in (ours, *others)}
    bad = 0
    for other in others:
        differ = [i for i in range(q) if not np.array_equal(lists[ours][i], lists[other][i])]
        worst = 0.0
        for i in differ:
            x = pool[i * (n // q)].astype(np.float64)
            dist = []
            for p in (ours, other):
                rows = pool[lists[p][i]].astype(np.float64)
                dist.append(1 - rows @ x / (np.linalg.norm(rows, axis=1) * np.linalg.norm(x)))
            worst = max(worst, float(np.abs(dist[0] - dist[1]).max()))
        bad += worst > 2e-6
        name = other.rsplit("/", 1)[-1].removesuffix(".npy")
        print(f"neighbours: {q - len(differ)} of {q} queries as {name}'s, in order; the rest differ by {worst:.1e} at most")
    return 1 if bad else 0


if __name__ == "__main__":
    if len(sys.argv) < 8:
        sys.exit(__doc__)
    sys.exit(main(*map(int, sys.argv[1:5]), sys.argv[5], sys.argv[6], sys.argv[7:]))
