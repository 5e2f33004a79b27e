#!/usr/bin/env python3
"""symbols_diff.py SYMBOLIZE FILE [MAX] [OPTION=VALUE...]: names addresses of FILE's code with the project's
symbolizer and with addr2line, and prints where they differ; exit 1 if they do.

What may differ, and why:
* code that no symbol and no function covers (padding): addr2line names the neighbour, we say unknown;
* the file of a frame, where llvm-symbolizer says what we say: binutils 2.40 loses DW_LNS_set_file in some
  units of DWARF 5 and names the unit's main file;
* names of functions, where addr2line gives the symbol of a C++ function without linkage name and we
  the same with its clone's suffix, or the other way round: compared without `[clone ...]`;
* a C function's assembler name (__GI_x), where DWARF has the source's."""
import re
import subprocess
import sys


def run(argv, text=""):
    p = subprocess.run(argv, input=text, capture_output=True, text=True, errors="replace", check=False)
    return p.stdout


def plain_path(path):
    path = re.sub(r" \(discriminator \d+\)$", "", path)
    path = re.sub(r":\?$", ":0", path)
    return re.sub(r"(?<=.)/(\./)+", "/", re.sub(r"/+", "/", path))


def plain_name(name):
    name = re.sub(r"( \[clone [^]]*\])+$", "", name)
    return re.sub(r"^__GI_", "", name)


def frames(lines):
    return [(plain_name(lines[i]), plain_path(lines[i + 1])) for i in range(0, len(lines) - 1, 2)]


def functions(path):
    """(start, end) of sized function symbols."""
    out = []
    for line in run(["readelf", "-sW", path]).splitlines():
        f = line.split()
        if len(f) >= 8 and f[3] in ("FUNC", "IFUNC") and f[6] not in ("UND", "ABS"):
            out.append((int(f[1], 16), int(f[1], 16) + int(f[2], 0)))
    return sorted(set(out))


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


def third(path, addr):
    lines = run(["llvm-symbolizer", "--inlines", "-C", "-e", path, hex(addr)]).strip("\n").split("\n")
    lines[1::2] = [re.sub(r":\d+$", "", p) for p in lines[1::2]]
    return frames(lines)


def main():
    tool, path, rest = sys.argv[1], sys.argv[2], sys.argv[3:]
    most = int(rest.pop(0)) if rest and rest[0].isdigit() else 4000
    have_llvm = bool(run(["sh", "-c", "command -v llvm-symbolizer"]))
    addrs, covered = addresses(path, most), functions(path)
    a, b = ours(tool, path, addrs, rest), theirs(path, addrs)
    assert len(addrs) == len(a) == len(b), (len(addrs), len(a), len(b))
    bad, padding, files, inlined = 0, 0, 0, 0
    for addr, mine, other in zip(addrs, a, b):
        inlined += len(mine) > 1
        if mine == other:
            continue
        if mine[0][0].startswith("[unknown") and not any(s <= addr < e for s, e in covered):
            padding += 1
            continue
        same = [(n, p.rsplit(":", 1)[1]) for n, p in mine] == [(n, p.rsplit(":", 1)[1]) for n, p in other]
        if same and files < 200 and (not have_llvm or [p for _, p in third(path, addr)] == [p for _, p in mine]):
            files += 1
            continue
        bad += 1
        if bad <= 10:
            print(f"{addr:#x}\n  ours      {mine}\n  addr2line {other}\n  llvm      {third(path, addr) if have_llvm else ''}")
    print(f"{len(addrs)} addresses, {inlined} with inlined calls, {padding} in padding, {files} with a better file, {bad} different")
    return bad != 0 or not addrs


if __name__ == "__main__":
    sys.exit(main())
