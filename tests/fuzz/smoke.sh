#!/bin/bash
# Builds every fuzz target and runs it on its kept corpus and for a few seconds more. TAP output.
set -u
cd "$(dirname "$0")/../.." || exit 1
O=${O:-build}
FUZZ_O=$O-fuzz
n=0
failed=0
if ! command -v clang >/dev/null; then
	echo "ok 1 - fuzz targets # SKIP clang is not installed"
	exit 0
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! make --no-print-directory O="$O" fuzz-bins >"$log" 2>&1; then
	tail -n 20 "$log" | sed 's/^/# /'
	echo "not ok 1 - fuzz targets build"
	exit 1
fi
for src in tests/fuzz/fuzz_*.c; do
	name=$(basename "${src%.c}")
	name=${name#fuzz_}
	n=$((n + 1))
	if FUZZ_O=$FUZZ_O FUZZ_SECONDS=${FUZZ_SMOKE_SECONDS:-3} tests/fuzz/run.sh "$name" >"$log" 2>&1; then
		echo "ok $n - fuzz $name"
	else
		failed=1
		tail -n 25 "$log" | sed 's/^/# /'
		echo "not ok $n - fuzz $name"
	fi
done
exit $failed
