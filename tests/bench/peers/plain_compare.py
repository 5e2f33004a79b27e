#!/usr/bin/python3
"""Compares the rows of plain_cell.py with those of the export.

    plain_compare.py PLAIN.npz EXPORT.tsv     (EXPORT.tsv: tests/tools/parquet_dump.mjs of the same split)

Rows are matched by their key. Doubles may differ as far as float32 BLAS sums do (1e-4 absolute for what comes from
distances and cosines, nothing for counts and alignments); PCA columns are left out (another sample, other signs).
With a share of the queries, only rows of the plain side are looked up. Exit 0 when at most 1 row in 1,000 differs:
near ties may swap neighbours.
"""
import csv
import sys

import numpy as np

from plain_source import ASPECTS    # noqa: F401  (sets the path to tests/oracle)

from oracle_output import STRINGS, columns    # noqa: E402

KEY = ("snapshot_pair", "category", "protein_accession", "go_term_id", "aspect")
LOOSE = ("distance", "anc2vec_", "neighbor_")


def same(name, a, b):
    if name in STRINGS:
        return a == b
    if b == "\\N":
        return np.isnan(a)
    b = float(b)
    return a == b or (name.startswith(LOOSE) and abs(a - b) <= 1e-4)


def main(plain_path, export_path):
    plain = dict(np.load(plain_path))
    names = [c for c in columns("v2-56") if not c.startswith("emb_pca_")]
    csv.field_size_limit(1 << 24)
    with open(export_path, encoding="utf-8", newline="") as f:
        reader = csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE)
        export = {tuple(r[k] for k in KEY): r for r in reader}
    keys = list(zip(*(plain[k].tolist() for k in KEY)))
    table = [plain[n].tolist() for n in names]
    missing, different, per_column = 0, 0, {}
    for i, key in enumerate(keys):
        row = export.get(key)
        if row is None:
            missing += 1
            continue
        bad = [n for n, column in zip(names, table) if not same(n, column[i], row[n])]
        different += bool(bad)
        for n in bad:
            per_column[n] = per_column.get(n, 0) + 1
    print(f"{len(keys)} plain rows, {len(export)} export rows: {missing} without partner, {different} different"
          + "".join(f"; {n} {c}" for n, c in sorted(per_column.items())))
    return 0 if missing + different <= len(keys) / 1000 else 1


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2]))
