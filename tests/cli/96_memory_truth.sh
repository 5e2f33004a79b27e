#!/bin/bash
# The sample programs of memory under the tracker: to the byte what their heads promise; and three real
# programs beside heaptrack and massif.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
P=$O/samples/programs
store=$TMP/s.sqlite

if [ ! -x /usr/bin/python3 ]; then
	skip "memory is compared with the truth" "python3 is missing"
	exit 0
fi

# truth NAME OPTIONS… -- CHECK…
truth() {
	local name=$1 args=()
	shift
	while [ "$1" != -- ]; do args+=("$1"); shift; done
	shift
	rm -f "$store"*
	if ! "$PROF" run -q -o "$store" -n "$name" "${args[@]}" -- "$P/$name" >"$TMP/out" 2>"$TMP/talk"; then
		not_ok "$name runs as it does alone"
		sed 's/^/# /' "$TMP/talk"
		return
	fi
	check "$name ${args[*]}: $*" tests/cli/memory_truth.py "$store" "$name" "$@"
}

for rate in 199 5000; do
	truth heap --memory full -r $rate -- \
		alloc:keep=200000/200 leak:keep=200000/200 live:keep=200000/200 peak:keep=200000/200 temporary:keep=0/0 \
		alloc:scratch=640000/10000 temporary:scratch=640000/10000 peak:scratch=0/0 leak:scratch=0/0 \
		alloc:grow=16368/10 temporary:grow=16368/10 leak:grow=0/0 \
		alloc:swell=5120000/50 peak:swell=5120000/50 temporary:swell=102400/1 leak:swell=0/0 \
		alloc:maker=153600/300 leak:maker=0/0 temporary:maker=0/0 thread:alloc:maker:maker=153600/300 \
		alloc:aligned=50000/5 leak:aligned=50000/5 mmap:mapped=4194304 \
		lost:record_dropped=0 lost:table_full=0
done
truth heap --memory full --engine clock -- alloc:scratch=640000/10000 leak:keep=200000/200 peak:swell=5120000/50
truth heap --memory full --memory-temporary 64 -- temporary:scratch=640000/10000 temporary:swell=5120000/50
truth heap --memory off -- none:alloc none:leak none:peak none:mmap
truth heap --memory sampled --memory-rate 1 -- alloc:keep=200000/200 leak:keep=200000/200 alloc:scratch=640000/10000 \
	alloc:swell=5120000/50 peak:swell=5120000/50
M=1048576
truth heap_stages --memory full -- \
	stage:outer:alloc_bytes=$((M * 7 / 2)) stage:outer:alloc_count=3 \
	stage:inner:alloc_bytes=$((2 * M)) stage:inner:alloc_count=1 stage:second:alloc_bytes=$((M / 2)) \
	stage-over:inner:peak_heap_bytes:second=$((M * 3 / 2)) stage-over:outer:peak_heap_bytes:inner=0 \
	"stage:outer:peak_heap_bytes=~$((3 * M))~3" "stage:threads:peak_heap_bytes=~$M~10" \
	"stage:threads:alloc_bytes=~$M~1" stage:tiny:alloc_bytes=1000000 stage:tiny:alloc_count=10000
truth heap_stages --memory sampled -- stage:outer:alloc_bytes=$((M * 7 / 2)) stage:outer:alloc_count=3 \
	stage:inner:alloc_bytes=$((2 * M)) stage:tiny:alloc_bytes=1000000 stage:tiny:alloc_count=10000 \
	"stage:threads:alloc_bytes=~$M~1"
truth heap_stages --memory off -- stage:outer:alloc_bytes=0 stage:outer:peak_heap_bytes=0

# Real programs beside other tools.
peers() { # title program…
	local title=$1
	shift
	check "$title: totals and peak as heaptrack and massif have them" \
		tests/cli/memory_peers.py "$PROF" "$store" "$TMP" "$@"
}
if command -v heaptrack_print >/dev/null && command -v valgrind >/dev/null; then
	"${CC:-cc}" -std=gnu17 -O2 -g tests/bench/work_sqlite.c -o "$TMP/work_sqlite" -lsqlite3
	peers "SQLite" "$TMP/work_sqlite" 3000
	PYTHONHASHSEED=0 PYTHONMALLOC=malloc peers "Python" /usr/bin/python3 -S -c \
		'd = {i: [str(i)] * 3 for i in range(3000)}; print(sum(len(v) for v in d.values()))'
	peers "xz" /usr/bin/xz -k -c -1 -T1 "$TMP/work_sqlite"
else
	skip "totals and peak as heaptrack and massif have them" "heaptrack or valgrind is missing"
fi
