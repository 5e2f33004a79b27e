#!/usr/bin/python3
"""Stages of the plain cell beside ours: stages.py RESULTS.jsonl PLAIN.json REPORT.json NAME

REPORT.json is the last of our runs, whose stages are shown; the ratio at the end is that of the whole runs, ours the
median of all rounds. Stages of ours that run beside others are counted in full, so their sum may pass the wall time.
"""
import json
import sys
from statistics import median

GROUPS = (
    ("loading", ("preflight", "load_maps", "load_embeddings", "load_files", "fingerprint"),
     ("load_maps", "load_embeddings", "load_files")),
    ("PCA fit", ("pca_fit",), ("pca_fit",)),
    ("annotations, ground truth, references", ("load_annotations", "ground_truth", "references"),
     ("annotations", "ground_truth", "references")),
    ("neighbours", ("knn",), ("knn_references", "knn")),
    ("alignments", ("alignment",), ("alignment",)),
    ("taxonomy, votes, features, records, files", None, ("taxonomy", "transfer", "records", "output")),
)


def main(results, plain_path, report_path, name):
    with open(results, encoding="utf-8") as f:
        ours = [e for e in map(json.loads, f) if e["what"] == "cell"]
    with open(plain_path, encoding="utf-8") as f:
        plain = json.load(f)
    with open(report_path, encoding="utf-8") as f:
        stages = json.load(f)["run"]["stages"]
    rest = set(stages) - {s for _, mine, _ in GROUPS for s in mine or ()}
    share = plain["taken"] / plain["queries"]
    print(f"Cell {name}: {plain['pool']:,} proteins, d = {plain['dim']}, K = {plain['k']}, {plain['queries']:,} queries in"
          f" all pairs, {plain['rows']['train'] + plain['rows']['eval']:,} plain rows; the plain rendering worked on"
          f" {plain['taken']:,} queries" + (" (stages per query scaled)" if share < 1 else "") + ".")
    print()
    print("| stage | ours, wall s | CPU s | plain, wall s | CPU s | wall, times ours |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for title, mine, theirs in GROUPS:
        mine = [stages[s] for s in (mine if mine is not None else rest) if s in stages]
        a, c = (sum(s[key] for s in mine) for key in ("wall_s", "cpu_s"))
        b, d = (sum(plain[key].get(s, 0.0) for s in theirs) for key in ("scaled", "scaled_cpu"))
        print(f"| {title} | {a:.2f} | {c:.2f} | {b:.1f} | {d:.1f} | {b / a if a else float('nan'):.1f} |")
    wall, cpu = (median(e[key] for e in ours) for key in ("seconds", "cpu"))
    all_cpu = sum(plain["scaled_cpu"].values())
    print(f"| **the whole run** | **{wall:.2f}** | **{cpu:.2f}** | **{plain['scaled_wall']:.1f}** | **{all_cpu:.1f}** |"
          f" **{plain['scaled_wall'] / wall:.1f}** (CPU {all_cpu / cpu:.1f}) |")
    print()
    print(f"ours: {len(ours)} runs, {min(e['seconds'] for e in ours):.2f} to {max(e['seconds'] for e in ours):.2f} s, peak"
          f" {max(e['peak_mib'] for e in ours):,.0f} MiB; plain: {plain['wall']:.1f} s measured,"
          f" {plain['workers']} processes for alignments, peak of the parent {plain['peak_rss_mib']:,.0f} MiB")
    print()


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
