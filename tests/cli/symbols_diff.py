#!/usr/bin/env python3
"""symbols_diff.py SYMBOLIZE FILE [MAX] [OPTION=VALUE...]: names addresses of FILE's code with the project's
symbolizer and with addr2line, and prints where they differ; exit 1 if they do.

What may differ, and why:
* code that no symbol of known size covers (padding): addr2line names the neighbour, we say unknown;
* the bare file name that a symbol table has for local functions without debug information: not shown;
* which name of several of the same address a symbol table gives, where there is nothing else;
* a C function's assembler name (__GI_x), where DWARF has the source's;
* what llvm-symbolizer says too. binutils 2.40 loses inlined calls whose ranges clang writes in DWARF 5,
  loses DW_LNS_set_file in some units of DWARF 5, and gives the symbol of a C++ function without linkage
  name to the innermost of its inlined calls."""
import re
import subprocess
import sys


def run(argv, text=""):
    p = subprocess.run(argv, input=text, capture_output=True, text=True, errors="replace", check=False)
    return p.stdout


def plain_path(path):
    path = re.sub(r" \(discriminator \d+\)$", "", path)
    path = re.sub(r":\?$", ":0", path)
    if re.fullmatch(r"[^/]*:0", path):
        return "??:0"
    return re.sub(r"(?<=.)/(\./)+", "/", re.sub(r"/+", "/", path))


def plain_name(name):
    name = re.sub(r"( \[clone [^]]*\])+$", "", name)
    return re.sub(r"^__GI_", "", name)


def frames(lines):
    return [(plain_name(lines[i]), plain_path(lines[i + 1])) for i in range(0, len(lines) - 1, 2)]


def functions(path):
    """(start, end, name) of function symbols, those of the debug file included."""
    out = set()
    m = re.search(r"Build ID: (..)([0-9a-f]+)", run(["readelf", "-nW", path]))
    files = [path] + ([f"/usr/lib/debug/.build-id/{m.group(1)}/{m.group(2)}.debug"] if m else [])
    for line in "".join(run(["readelf", "-sW", p]) for p in files).splitlines():
        f = line.split()
        if len(f) >= 8 and f[3] in ("FUNC", "IFUNC") and f[6] not in ("UND", "ABS"):
            out.add((int(f[1], 16), int(f[1], 16) + int(f[2], 0), f[7]))
    return sorted(out)


def are_aliases(mine, other, addr, symbols):
    names = {n for s, e, n in symbols if s <= addr < e}
    return len(mine) == len(other) == 1 and mine[0][1] == other[0][1] == "??:0" and {mine[0][0], other[0][0]} <= names


def addresses(path, most):
    out = []
    for line in run(["readelf", "-SW", path]).splitlines():
        m = re.search(r"\] (\.text\S*)\s+\S+\s+([0-9a-f]+) [0-9a-f]+ ([0-9a-f]+)", line)
        if m:
            low, size = int(m.group(2), 16), int(m.group(3), 16)
            step = max(1, size // most)
            # A step that shares no factor with the alignment of functions.
            out += range(low, low + size, step | 1)
    return out


def ours(tool, path, addrs, options):
    text = run([tool, path] + options, "".join(f"{a:x}\n" for a in addrs))
    return [frames(block.split("\n")) for block in text.split("\n\n")][: len(addrs)]


def theirs(path, addrs):
    text = run(["addr2line", "-afiC", "-e", path], "".join(f"{a:x}\n" for a in addrs))
    out = []
    for line in text.splitlines():
        if re.fullmatch(r"0x[0-9a-f]{16}", line):
            out.append([])
        else:
            out[-1].append(line)
    return [frames(block) for block in out]


def third(path, addrs):
    text = run(["llvm-symbolizer", "--inlines", "-C", "-e", path], "".join(f"{a:#x}\n" for a in addrs))
    out = []
    for block in text.split("\n\n")[: len(addrs)]:
        lines = block.strip("\n").split("\n")
        lines[1::2] = [re.sub(r":\d+$", "", p) for p in lines[1::2]]
        out.append(frames(lines))
    return out


def spelled(name):
    return re.sub(r"(\.(cold|constprop|isra|part)(\.\d+)*)+$", "", name.replace(" ", ""))


def agree(mine, llvm, other):
    """llvm-symbolizer's places; names as one of the two says, but for lambdas, which each spells its way."""
    if [p for _, p in mine] != [p for _, p in llvm]:
        return False
    other = other if len(other) == len(mine) else llvm
    return all(
        spelled(a) in (spelled(b), spelled(c)) or "lambda" in a + b for (a, _), (b, _), (c, _) in zip(mine, llvm, other)
    )


def main():
    tool, path, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
    most = int(rest.pop(0)) if rest and rest[0].isdigit() else 4000
    have_llvm = bool(run(["sh", "-c", "command -v llvm-symbolizer"]))
    addrs, covered = addresses(path, most), functions(path)
    a, b = ours(tool, path, addrs, rest), theirs(path, addrs)
    assert len(addrs) == len(a) == len(b), (len(addrs), len(a), len(b))
    padding, inlined, doubtful = 0, 0, []
    for addr, mine, other in zip(addrs, a, b):
        inlined += len(mine) > 1
        if mine == other:
            continue
        if mine[0][0].startswith("[unknown") and not any(s <= addr < e for s, e, _ in covered):
            padding += 1
        elif not are_aliases(mine, other, addr, covered):
            doubtful.append((addr, mine, other))
    llvm = third(path, [d[0] for d in doubtful]) if have_llvm and doubtful else [[]] * len(doubtful)
    bad = [(d, l) for d, l in zip(doubtful, llvm) if not agree(d[1], l, d[2])]
    for (addr, mine, other), l in bad[:10]:
        print(f"{addr:#x}\n  ours      {mine}\n  addr2line {other}\n  llvm      {l}")
    print(f"{len(addrs)} addresses, {inlined} with inlined calls, {padding} in padding, "
          f"{len(doubtful) - len(bad)} as llvm-symbolizer says, {len(bad)} different")
    return bool(bad) or not addrs


if __name__ == "__main__":
    sys.exit(main())
