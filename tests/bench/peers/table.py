#!/usr/bin/python3
"""Medians and ratios of a run: table.py add FILE WHAT NAME < JSON lines;  table.py show FILE WHAT BASE

`add` appends lines to FILE. `show` prints a Markdown table of WHAT: the median of each name's seconds over the
rounds, its range, its CPU time, and how many times BASE's they are.
"""
import json
import sys
from statistics import median


def add(path, what, name):
    with open(path, "a", encoding="utf-8") as f:
        for line in sys.stdin:
            entry = json.loads(line)
            entry.update(what=what, name=entry.get("name", name))
            f.write(json.dumps(entry) + "\n")


def details(entries):
    """What else the lines say: the median of numbers, the last of texts."""
    out = []
    for key in entries[-1]:
        values = [e[key] for e in entries if key in e]
        if key in ("what", "name", "seconds", "cpu", "pairs"):
            continue
        if all(isinstance(v, (int, float)) for v in values):
            out.append(f"{key} {median(values):.4g}")
        else:
            out.append(f"{key} {values[-1]}")
    return ", ".join(out)


def show(path, what, base):
    rows = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            entry = json.loads(line)
            if entry["what"] == what:
                rows.setdefault(entry["name"], []).append(entry)
    per_second = all("pairs" in e for entries in rows.values() for e in entries)
    wall, cpu = (median(e[key] for e in rows[base]) for key in ("seconds", "cpu"))
    print(f"| {what} | wall s, median | range |{' pairs/s |' if per_second else ''} times ours | CPU s | times ours | |")
    print("| --- | ---: | --- |" + (" ---: |" if per_second else "") + " ---: | ---: | ---: | --- |")
    for name, entries in rows.items():
        times = [e["seconds"] for e in entries]
        t, c = median(times), median(e["cpu"] for e in entries)
        rate = f" {entries[0]['pairs'] / t:,.0f} |" if per_second else ""
        print(f"| {name} | {t:.3f} | {min(times):.3f} - {max(times):.3f} |{rate} {t / wall:.2f} | {c:.3f} | {c / cpu:.2f} |"
              f" {details(entries)} |")
    print()


if __name__ == "__main__":
    if len(sys.argv) != 5 or sys.argv[1] not in ("add", "show"):
        sys.exit(__doc__)
    {"add": add, "show": show}[sys.argv[1]](*sys.argv[2:])
