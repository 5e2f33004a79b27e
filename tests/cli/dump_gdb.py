"""dump against gdb. Two uses:

  gdb -batch -p PID -x dump_gdb.py                       (inside gdb) prints its view of all threads as JSON
  python3 dump_gdb.py DUMP.json GDB.json PROGRAM [NAME…] compares; threads called NAME run, so that only what is below
                                                         their innermost frame can be the same

Every physical frame must be at the same address; in the program's own code the functions, inlined ones too, and the
lines must be the same. What the two say of library code is compared by address only: which of several names of one
address is shown is a matter of taste.
"""
import json
import os
import sys

try:
    import gdb
except ImportError:
    gdb = None


def base_name(name):
    """ns::f(int) and ns::f alike; operators and anonymous namespaces keep their parentheses."""
    if name is None:
        return ""
    name = name.replace("(anonymous namespace)", "<anon>").replace("operator()", "operator<call>")
    return name.split("(")[0].split(" [clone")[0].split("@")[0].strip()


def gdb_threads():
    threads = []
    for t in gdb.selected_inferior().threads():
        t.switch()
        frames, f = [], gdb.newest_frame()
        while f is not None and f.is_valid():
            sal = f.find_sal()
            # Frames of tail calls are not on the stack: gdb infers them from debug information.
            if f.type() != gdb.TAILCALL_FRAME:
                frames.append({
                    "pc": f.pc(),
                    "function": f.name(),
                    "file": sal.symtab.filename if sal.symtab else None,
                    "line": sal.line,
                    "inlined": f.type() == gdb.INLINE_FRAME,
                    "signal": f.type() == gdb.SIGTRAMP_FRAME,
                    "module": gdb.solib_name(f.pc()) or "",
                })
            try:
                f = f.older()
            except gdb.error:
                break
        threads.append({"tid": t.ptid[1] or t.ptid[0], "name": t.name, "frames": frames})
    return threads


def physical_ours(frames):
    """[(address, [(function, file, line), …])], innermost first."""
    out, names = [], []
    for f in frames:
        if f["address"] is None:
            continue
        names.append((base_name(f["function"]), os.path.basename(f["file"] or ""), f["line"] or 0))
        if not f["inlined"]:
            out.append((int(f["address"], 16), names, f["module"]))
            names = []
    return out


def physical_gdb(frames):
    out, names = [], []
    for f in frames:
        names.append((base_name(f["function"]), os.path.basename(f["file"] or ""), f["line"]))
        if not f["inlined"]:
            out.append((f["pc"], names, f["signal"]))
            names = []
    return out


def compare_thread(ours, theirs, program, runs):
    a, b = physical_ours(ours["frames"]), physical_gdb(theirs["frames"])
    if runs:
        a, b = a[1:], b[1:]
    if len(a) != len(b):
        yield f"{len(a)} frames, gdb has {len(b)}:" + "".join(f" {x[1][-1][0]}" for x in a) + " / " + \
            "".join(f" {y[1][-1][0]}" for y in b)
        return
    for i, (x, y) in enumerate(zip(a, b)):
        # Ours is the byte that names the frame: one before a return address.
        if y[0] - x[0] not in (0, 1):
            yield f"frame {i} at {x[0]:#x}, gdb has {y[0]:#x}"
        elif x[2] and os.path.basename(x[2]) == program and x[1] != y[1] and y[1][-1][1]:
            yield f"frame {i} is {x[1]}, gdb has {y[1]}"


def main(args):
    with open(args[0], encoding="utf-8") as f:
        ours = json.load(f)
    with open(args[1], encoding="utf-8") as f:
        theirs = {t["tid"]: t for t in json.load(f)}
    bad = frames = 0
    tids = {t["tid"] for t in ours["threads"]}
    if tids != set(theirs):
        print(f"threads {sorted(tids)}, gdb has {sorted(theirs)}")
        bad += 1
    for t in ours["threads"]:
        frames += len(t["frames"])
        for what in compare_thread(t, theirs.get(t["tid"], {"frames": []}), args[2], t["name"] in args[3:]):
            print(f"thread {t['tid']} ({t['name']}), {t['how']}: {what}")
            bad += 1
    print(f"{len(tids)} threads, {frames} frames, {bad} differences")
    return 1 if bad or not frames else 0


if gdb is not None:
    gdb.execute("set backtrace past-main on")
    print("GDB-JSON " + json.dumps(gdb_threads()))
else:
    sys.exit(main(sys.argv[1:]))
