#!/usr/bin/python3
"""Runs a command and prints its wall time, CPU time and peak memory as one JSON line: timed.py COMMAND ARGUMENT..."""
import json
import resource
import subprocess
import sys
import time


def main(command):
    start = time.perf_counter()
    code = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode
    took = time.perf_counter() - start
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    if code:
        sys.exit(code)
    print(json.dumps({"seconds": took, "cpu": usage.ru_utime + usage.ru_stime, "peak_mib": usage.ru_maxrss / 1024}))


if __name__ == "__main__":
    main(sys.argv[1:])
