#!/usr/bin/python3
"""Frames of protea-prof top --json against what a program is known to do.

usage: top_frames.py [-n SAMPLES] CHECK... -- PROF ARGUMENT...
Runs the command (top --json …), adds frames up until there are that many samples (600), then checks; the
command is left by closing its output. Shares may be off by 5 points and 4 standard errors. CHECK:
  self:FUNCTION=SHARE  total:FUNCTION=SHARE   of the sampled time
  line:FILE=SHARE                             of the sampled time, by the lines' own time in a file
  cpu:THREAD=SHARE                            of the threads' CPU time
  as:FUNCTION=START                           its total share is the CPU time of the threads whose names start so, of all
  state:THREAD=STATE   call:THREAD=NAME       in at least half of the frames
  function:THREAD=NAME                        in at least one frame
  sums                                        self times add up to the sampled time, which is CPU time
"""
import json
import math
import signal
import subprocess
import sys
from collections import Counter, defaultdict


def collect(command, wanted):
    frames = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as top:
        for line in top.stdout:
            frames.append(json.loads(line))
            if sum(f["samples"] for f in frames) >= wanted:
                break
        top.stdout.close()
        rc = top.wait()
    if rc == -signal.SIGKILL:
        print("the watchdog ended it")
        sys.exit(137)
    if rc not in (0, -signal.SIGPIPE):
        sys.exit(f"exit code {rc} of {command}")
    return frames


class Sums:
    def __init__(self, frames):
        self.frames = frames
        self.samples = sum(f["samples"] for f in frames)
        self.self, self.total, self.line, self.cpu = Counter(), Counter(), Counter(), Counter()
        self.state, self.call, self.function = (defaultdict(Counter) for _ in range(3))
        for f in frames:
            for fn in f["functions"]:
                self.self[fn["function"]] += fn["self_ns"]
                self.total[fn["function"]] += fn["total_ns"]
            for line in f["lines"]:
                self.line[line["file"].rsplit("/", 1)[-1]] += line["self_ns"]
            for t in f["threads"]:
                self.cpu[t["name"]] += t["cpu_ns"]
                self.state[t["name"]][t["state"]] += 1
                self.call[t["name"]][t["syscall"]] += 1
                self.function[t["name"]][t["function"]] += 1

    def share(self, kind, name):
        table = getattr(self, kind)
        whole = sum((self.cpu if kind == "cpu" else self.self).values())
        return table[name] / whole if whole else 0

    def check(self, text):
        if text == "sums":
            sampled, used = sum(self.self.values()), sum(self.cpu.values())
            return abs(sampled - used) <= 0.1 * used, f"samples {sampled} ns, threads {used} ns"
        kind, rest = text.split(":", 1)
        name, want = rest.rsplit("=", 1)
        if kind in ("state", "call"):
            seen = getattr(self, kind)[name]
            return 2 * seen[want] >= sum(seen.values()) > 0, f"{kind} of {name}: {dict(seen)}"
        if kind == "function":
            return self.function[name][want] > 0, f"functions of {name}: {dict(self.function[name])}"
        if kind == "as":
            used = sum(ns for thread, ns in self.cpu.items() if thread.startswith(want))
            kind, want = "total", used / sum(self.cpu.values())
        got, share = self.share(kind, name), float(want)
        slack = 0.05 + 4 * math.sqrt(share * (1 - share) / max(self.samples, 1))
        return abs(got - share) <= slack, f"{kind} of {name}: {got:.3f}, expected {share} ± {slack:.3f}"


def main():
    at = sys.argv.index("--")
    checks, command, wanted = sys.argv[1:at], sys.argv[at + 1:], 600
    if checks[0] == "-n":
        wanted, checks = int(checks[1]), checks[2:]
    sums = Sums(collect(command, wanted))
    bad = [why for good, why in map(sums.check, checks) if not good]
    if sums.samples < wanted:
        bad.append(f"only {sums.samples} samples")
    if bad:
        top = [(n, round(sums.share("self", n), 3)) for n, _ in sums.self.most_common(8)]
        sys.exit("\n".join(bad) + f"\n{len(sums.frames)} frames, {sums.samples} samples, self: {top}")


main()
