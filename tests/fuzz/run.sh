#!/bin/bash
# Runs the named fuzz targets for FUZZ_SECONDS each, starting from a copy of the kept corpus. New
# inputs stay in $FUZZ_O/corpus/NAME; crashes in $FUZZ_O/crashes.
set -u
cd "$(dirname "$0")/../.." || exit 1
FUZZ_O=${FUZZ_O:-build-fuzz}
seconds=${FUZZ_SECONDS:-60}
mkdir -p "$FUZZ_O/crashes"
rc=0
for name in "$@"; do
	mkdir -p "$FUZZ_O/corpus/$name"
	kept=tests/fuzz/corpus/$name
	[ -d "$kept" ] || kept=
	echo "== fuzz $name for $seconds s"
	"$FUZZ_O/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -rss_limit_mb=4096 -timeout=20 \
		-artifact_prefix="$FUZZ_O/crashes/$name-" -print_final_stats=0 -verbosity=0 \
		"$FUZZ_O/corpus/$name" ${kept:+"$kept"} || rc=1
done
exit $rc
