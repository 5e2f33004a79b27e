#!/usr/bin/python3
"""Compare two dumps of an export row by row: order, columns, values.

    compare_tsv.py EXPECTED.tsv ACTUAL.tsv [--ignore COLUMN,…] [--max-report N]

Strings, integers and booleans must be equal. Doubles must be bit-equal: every double of the export is
either a count, a quotient of counts, or a float32 whose rounding the specification fixes, so there is
nothing to be tolerant about. The exception are the 16 columns emb_pca_query_*: the eigenvectors come from
whatever eigensolver is linked, which may differ in the last bits of float64 and so, rarely, flip the
rounding of a component to float32 (6e-8 relative); in a pool without full rank the last components are any
basis of the null space and the projections only noise. They may differ by PCA_TOLERANCE times the greatest
standard deviation among the 16 columns. Differences below it are counted and reported, not failed.

Exit 0: equal; 1: different; 2: usage or unreadable file.
"""
import argparse
import math
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from oracle_output import column_type   # noqa: E402

PCA_TOLERANCE = 1e-6
NULL = "\\N"
KEY = ("snapshot_pair", "category", "protein_accession", "go_term_id", "aspect")
BOOL = {"true": True, "false": False, "1": True, "0": False, "True": True, "False": False}


def read(path):
    with open(path, encoding="utf-8", newline="") as f:
        lines = f.read().split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    header = lines[0].split("\t") if lines else []
    rows = [line.split("\t") for line in lines[1:]]
    for n, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise ValueError(f"{path}:{n}: {len(row)} fields, the header has {len(header)}")
    return header, rows


def same_value(kind, a, b):
    """Equality of two cells by the column's type; a and b are not equal texts."""
    if NULL in (a, b):
        return False
    if kind == "double":
        try:
            return struct.pack("<d", float(a)) == struct.pack("<d", float(b))
        except ValueError:
            return False
    if kind == "bool":
        return a in BOOL and b in BOOL and BOOL[a] == BOOL[b]
    if kind == "int":
        try:
            return int(a) == int(b)
        except ValueError:
            return False
    return False


def pca_scale(header, rows):
    """Greatest standard deviation among the emb_pca columns of the expected file."""
    best = 0.0
    for c, name in enumerate(header):
        if name.startswith("emb_pca_query_"):
            values = [float(r[c]) for r in rows if r[c] != NULL]
            if values:
                mean = math.fsum(values) / len(values)
                best = max(best, math.sqrt(math.fsum((v - mean) ** 2 for v in values) / len(values)))
    return best


class Report:
    def __init__(self, limit):
        self.limit, self.lines, self.per_column, self.tolerated, self.worst = limit, 0, {}, {}, 0.0

    def say(self, text):
        self.lines += 1
        if self.lines <= self.limit:
            print(text)

    def cell(self, n, key, name, a, b):
        self.per_column[name] = self.per_column.get(name, 0) + 1
        self.say(f"row {n} {key}: {name}: expected {a} actual {b}")


def compare_rows(header, expected, actual, ignore, report):
    kinds = [column_type(name) for name in header]
    keys = [header.index(k) for k in KEY if k in header]
    scale = pca_scale(header, expected)
    tolerance = PCA_TOLERANCE * scale
    for n, (a, b) in enumerate(zip(expected, actual), 1):
        if a == b:
            continue
        ka, kb = [a[k] for k in keys], [b[k] for k in keys]
        if ka != kb:
            report.per_column["(row order or set)"] = 1
            report.say(f"row {n}: expected {ka} actual {kb}; rows after this one are not compared")
            context(expected, actual, keys, n, report)
            return
        for c, name in enumerate(header):
            if a[c] == b[c] or name in ignore or same_value(kinds[c], a[c], b[c]):
                continue
            if name.startswith("emb_pca_query_") and NULL not in (a[c], b[c]) \
                    and abs(float(a[c]) - float(b[c])) <= tolerance:
                report.tolerated[name] = report.tolerated.get(name, 0) + 1
                report.worst = max(report.worst, abs(float(a[c]) - float(b[c])) / scale)
                continue
            report.cell(n, " ".join(ka), name, a[c], b[c])


def context(expected, actual, keys, n, report):
    """What is missing or extra, so that one lost row does not look like a thousand."""
    def bag(rows):
        out = {}
        for r in rows:
            k = tuple(r[x] for x in keys)
            out[k] = out.get(k, 0) + 1
        return out
    ea, eb = bag(expected), bag(actual)
    missing = [k for k in ea if ea[k] > eb.get(k, 0)]
    extra = [k for k in eb if eb[k] > ea.get(k, 0)]
    report.say(f"  {len(missing)} keys missing, first {missing[:3]}; {len(extra)} keys extra, first {extra[:3]}")
    for i in range(max(0, n - 3), min(n + 2, len(expected), len(actual))):
        report.say(f"  row {i + 1}: {[expected[i][k] for k in keys]} | {[actual[i][k] for k in keys]}")


def compare(expected_path, actual_path, ignore=(), limit=20):
    """Number of differences."""
    eh, expected = read(expected_path)
    ah, actual = read(actual_path)
    report = Report(limit)
    if eh != ah:
        report.say(f"columns differ: missing {[c for c in eh if c not in ah]}, extra {[c for c in ah if c not in eh]}"
                   + ("" if sorted(eh) != sorted(ah) else ", order differs"))
        return report
    if len(expected) != len(actual):
        report.per_column["(row count)"] = 1
        report.say(f"rows: expected {len(expected)} actual {len(actual)}")
    compare_rows(eh, expected, actual, set(ignore), report)
    return report


def main(argv=None):
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("expected")
    p.add_argument("actual")
    p.add_argument("--ignore", default="")
    p.add_argument("--max-report", type=int, default=20)
    args = p.parse_args(argv)
    try:
        report = compare(args.expected, args.actual, filter(None, args.ignore.split(",")), args.max_report)
    except (OSError, ValueError) as err:
        print(f"compare_tsv: {err}", file=sys.stderr)
        return 2
    if report.per_column:
        print("differences per column: " + ", ".join(f"{c} {n}" for c, n in sorted(report.per_column.items())))
    if report.tolerated:
        print(f"within tolerance: {sum(report.tolerated.values())} cells of emb_pca, worst {report.worst:.1e} of the scale")
    return 1 if report.lines else 0


if __name__ == "__main__":
    sys.exit(main())
