"""Shell lines of docs/ci.md. gate_docs.py FILE NAME: the block behind "<!-- run: NAME -->" (or "<!-- file: NAME -->"); of YAML the
lines that it runs (GitHub's run:, GitLab's script:), in order."""
import re
import sys


def block(text, name):
    found = re.search(r"<!-- (?:run|file): %s -->\n```(\w+)\n(.*?)\n```" % re.escape(name), text, re.S)
    if not found:
        sys.exit("no block '%s'" % name)
    return found.group(1), found.group(2) + "\n"


def indent(line):
    return len(line) - len(line.lstrip(" "))


def run_lines(lines):
    """GitHub: "run: |" and what is indented deeper."""
    out = []
    at = 0
    while at < len(lines):
        key = re.match(r"( *)(?:- )?run: (.*)", lines[at])
        at += 1
        if not key:
            continue
        if key.group(2) != "|":
            out.append(key.group(2))
            continue
        depth = len(key.group(1))
        first = indent(lines[at])
        while at < len(lines) and (not lines[at].strip() or indent(lines[at]) > depth):
            out.append(lines[at][first:])
            at += 1
    return out


def script_lines(lines):
    """GitLab: the items of "script:"."""
    out = []
    at = lines.index("  script:") + 1
    while at < len(lines) and lines[at].startswith("    - "):
        out.append(lines[at][6:])
        at += 1
    return out


kind, body = block(open(sys.argv[1], encoding="utf-8").read(), sys.argv[2])
if kind == "yaml":
    lines = body.split("\n")
    body = "\n".join(run_lines(lines) or script_lines(lines)) + "\n"
sys.stdout.write(body)
