#!/bin/bash
# How long an import takes: 1,000,000 different folded stacks into a new store, and the same file through export and import
# as speedscope's and pprof's. Prints seconds of CPU and of the clock, and the largest memory; nothing passes or fails.
set -u
cd "$(dirname "$0")/../.." || exit 1
PROF=$PWD/${O:-build}/protea-prof
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
# A tree that grows: each stack leaves the one before at some depth, as in sorted folded files.
awk 'BEGIN {
	s = 42; d = 0
	for (i = 0; i < 1000000; i++) {
		for (d -= d > 1 ? 1 + next_number(3) : 0; d > 12 && next_number(8) == 0; d--) ;
		if (d < 0) d = 0
		for (k = 1 + next_number(4) + (d < 12 ? 3 : 0); k > 0 && d < 20; k--) f[d++] = "fn_" next_number(8000)
		line = f[0]
		for (k = 1; k < d; k++) line = line ";" f[k]
		print line, 1 + next_number(500)
	}
}
function next_number(n) {
	s = (s * 16807) % 2147483647
	return s % n
}' >big.folded
printf '%-12s %10s\n' folded "$(stat -c %s big.folded) bytes"
timed() { # what command…
	local what=$1
	shift
	python3 - "$what" "$@" <<'P'
import resource, subprocess, sys, time
t = time.monotonic()
subprocess.run(sys.argv[2:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
u = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{sys.argv[1]:<24} {u.ru_utime + u.ru_stime:6.2f} s of CPU, {time.monotonic() - t:6.2f} s, {u.ru_maxrss / 1024:6.0f} MiB")
P
}
timed "import folded" "$PROF" import --store s.sqlite big.folded --name a
for format in folded speedscope pprof; do
	timed "export $format" "$PROF" export a --store s.sqlite -f $format -o "out.$format"
	timed "import $format" "$PROF" import --store $format.sqlite "out.$format"
	rm -f $format.sqlite*
done
