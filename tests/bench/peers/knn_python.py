#!/usr/bin/python3
"""Neighbours of Q rows among all: knn_python.py faiss|argsort|argpartition N D Q K FILE RESULT.npy

Prints one JSON line. Reading the file and widening to float32 are not timed; normalising is, as the original does it
for each search. FAISS: IndexFlatIP over normalised rows, adding them apart from searching. OpenBLAS is what NumPy and
FAISS are linked with; OPENBLAS_CORETYPE chooses its kernels, OPENBLAS_NUM_THREADS and OMP_NUM_THREADS the threads.
"""
import ctypes
import json
import resource
import sys
import time

import numpy as np

from plain_features import nearest, normalise


def blas_core():
    """Name of the kernels that OpenBLAS chose, or what is there instead."""
    with open("/proc/self/maps", encoding="utf-8") as f:
        paths = sorted({line.split()[-1] for line in f if "blas" in line and ".so" in line})
    for path in paths:
        try:
            get = ctypes.CDLL(path).openblas_get_corename
        except (OSError, AttributeError):
            continue
        get.restype = ctypes.c_char_p
        return get().decode()
    return "no OpenBLAS"


def search_faiss(r, q, k):
    import faiss
    index = faiss.IndexFlatIP(r.shape[1])
    start = time.perf_counter()
    index.add(r)
    middle = time.perf_counter()
    _, idx = index.search(q, k)
    return idx, middle - start, time.perf_counter() - middle


def main(method, n, d, q, k, path, result):
    pool = np.fromfile(path, dtype=np.float16).reshape(n, d).astype(np.float32)
    query = pool[np.arange(q) * (n // q)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _ = query @ query.T                          # starts the threads
    cpu = time.process_time()
    start = time.perf_counter()
    r, x = normalise(pool), normalise(query)
    made = time.perf_counter() - start
    add = 0.0
    if method == "faiss":
        idx, add, search = search_faiss(r, x, k)
    else:
        start = time.perf_counter()
        idx, _ = nearest(x, r, k, method)
        search = time.perf_counter() - start
    cpu = time.process_time() - cpu
    np.save(result, idx.astype(np.int64))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"core": blas_core(), "normalise": made, "add": add, "search": search,
                      "seconds": made + add + search, "cpu": cpu, "extra_mib": (after - before) / 1024}))


if __name__ == "__main__":
    if len(sys.argv) != 8:
        sys.exit(__doc__)
    main(sys.argv[1], *map(int, sys.argv[2:6]), *sys.argv[6:])
