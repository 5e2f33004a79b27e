#!/bin/bash
# Memory of stages: floods of them, those that other threads adopt or end, peaks of the whole process, and
# stages in signal handlers.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
store=$TMP/s.sqlite
"${CC:-cc}" -std=gnu17 -O2 -g -Wall -Iprof/include -pthread tests/programs/memory_stages.c -o "$TMP/stages" || exit 1

if [ ! -x /usr/bin/python3 ]; then
	skip "memory of stages" "python3 is missing"
	exit 0
fi
# ask SQL: the first row, by blanks.
ask() {
	/usr/bin/python3 -c 'import sqlite3, sys
print(*(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchone() or ("none",)))' "$store" "$1"
}
# says NAME SQL WANT
says() {
	local got
	got=$(ask "$2")
	check "$1" test "$got" = "$3"
	[ "$got" = "$3" ] || echo "# got $got, not $3"
}
run() { # mode arguments…
	rm -f "$store"*
	check "the program runs under --memory $1" \
		timeout 300 "$PROF" run -q -o "$store" --memory "$1" -- "$TMP/stages" "${@:2}"
}

for m in full sampled; do
	run $m
	says "$m: a flood is counted to the last block" \
		"SELECT sum(alloc_bytes), sum(alloc_count) FROM stage WHERE name = 'flood'" "300000 30000"
	# What pthread_create() allocates for a new thread is the stage's, too: a little more than the sum of ours.
	says "$m: what an adopter allocates is the stage's" "SELECT alloc_bytes - 300000 - 50000 - 300000 - 2000000
		BETWEEN 0 AND 2000, alloc_count - 30003 BETWEEN 0 AND 8 FROM stage WHERE name = 'outer'" "1 1"
done

run full
says "a stage that another thread ends has no peak after its end" "SELECT peak_heap_bytes BETWEEN 300000 AND 303000
	FROM stage WHERE name = 'ended'" "1"
says "the stage around it has" "SELECT peak_heap_bytes BETWEEN 2000000 AND 2003000 FROM stage WHERE name = 'outer'" "1"
says "what another thread holds is in a stage's peak" "SELECT peak_heap_bytes >= 5000000 FROM stage
	WHERE name = 'beside high'" "1"
says "also if it lets go of it meanwhile" "SELECT peak_heap_bytes >= 5000000 FROM stage
	WHERE name = 'low, then high''s end'" "1"
says "and not after that" "SELECT peak_heap_bytes BETWEEN 1000 AND 6000 FROM stage WHERE name = 'after high'" "1"
says "rows that a flood was folded into have its peak" "SELECT max(peak_heap_bytes) BETWEEN 10 AND 3000,
	min(peak_heap_bytes) >= 10 FROM stage WHERE name = 'flood'" "1 1"
says "samples name stages that there are" "SELECT count(*) FROM sample WHERE stage_id IS NOT NULL
	AND stage_id NOT IN (SELECT id FROM stage)" "0"
says "blocks are booked under the stage or the one around it" "SELECT sum(count) FROM sample JOIN stage ON
	stage.id = stage_id WHERE kind = 'alloc' AND value / count = 10 AND stage.name IN ('flood', 'outer')" "30000"

run full late
says "what an adopter does long after the end is the stage's" "SELECT alloc_count BETWEEN 1000 AND 1008,
	alloc_bytes BETWEEN 1000000 AND 1002000, cpu_ns >= 95000000, samples > 5 FROM stage WHERE name = 'early'" "1 1 1 1"
says "and the one's around it" "SELECT alloc_count BETWEEN 1000 AND 1016, cpu_ns >= 95000000 FROM stage WHERE name = 'around'" "1 1"

for m in full sampled; do
	run $m signals
	says "$m: stages in handlers, in the middle of anything, are all there" \
		"SELECT count(*) FROM (SELECT sum(n) AS n FROM stage_summary WHERE name = 'handler') WHERE n >= 200" "1"
done
