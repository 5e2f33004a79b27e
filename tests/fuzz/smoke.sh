#!/bin/bash
# Builds every fuzz target and runs it on its kept corpus and for a few seconds more, as many at a time as there are
# processors. TAP output.
set -u
cd "$(dirname "$0")/../.." || exit 1
O=${O:-build}
FUZZ_O=$O-fuzz
if ! command -v clang >/dev/null; then
	echo "ok 1 - fuzz targets # SKIP clang is not installed"
	exit 0
fi
logs=$(mktemp -d "${TMPDIR:-/tmp}/protea-fuzz.XXXXXX") || exit 1
trap 'rm -rf "$logs"' EXIT
if ! make --no-print-directory O="$O" fuzz-bins >"$logs/build" 2>&1; then
	tail -n 20 "$logs/build" | sed 's/^/# /'
	echo "not ok 1 - fuzz targets build"
	exit 1
fi

one() { # name
	FUZZ_O=$FUZZ_O FUZZ_SECONDS=${FUZZ_SMOKE_SECONDS:-3} tests/fuzz/run.sh "$1" >"$logs/$1" 2>&1
	echo $? >"$logs/$1.rc"
}
names=()
for src in tests/fuzz/fuzz_*.c; do
	name=$(basename "${src%.c}")
	names+=("${name#fuzz_}")
done
running=0
for name in "${names[@]}"; do
	if [ "$running" -ge "$(nproc)" ]; then
		wait -n
		running=$((running - 1))
	fi
	one "$name" &
	running=$((running + 1))
done
wait

n=0
failed=0
for name in "${names[@]}"; do
	n=$((n + 1))
	if [ "$(cat "$logs/$name.rc" 2>/dev/null)" = 0 ]; then
		echo "ok $n - fuzz $name"
	else
		failed=1
		tail -n 25 "$logs/$name" | sed 's/^/# /'
		echo "not ok $n - fuzz $name"
	fi
done
exit $failed
