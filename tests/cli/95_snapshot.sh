#!/bin/bash
# protea-prof snapshot: a running program's memory noted on request, to the byte, and found again by name; who
# cannot be asked is told why.
# shellcheck disable=SC2317,SC2016
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
S=$TMP/s.sqlite
mkdir "$TMP/cache"
export PROTEA_PROF_CACHE=$TMP/cache

if ! command -v sqlite3 >/dev/null; then
	skip "a snapshot of a running program" "sqlite3 is missing"
	exit 0
fi
"${CC:-gcc}" -std=gnu17 -D_GNU_SOURCE -O2 -g -fno-builtin -Iprof/include tests/programs/memory_steps.c -o "$TMP/steps" || exit 1

last="(SELECT id FROM run ORDER BY key DESC LIMIT 1)"
# one SQL EXPECTED
one() {
	local got
	got=$(sqlite3 -cmd '.timeout 20000' "$S" "$1")
	[ "$got" = "$2" ] || { echo "$1: '$got', expected '$2'"; return 1; }
}
has() { grep -q -- "$1" "$2" || { echo "no '$1' in:"; cat "$2"; return 1; }; }

# A program that is told its steps while it is recorded: begin OPTIONS…, steps LETTERS, finish.
begin() {
	rm -f "$TMP/in" "$TMP/answer"
	mkfifo "$TMP/in" "$TMP/answer"
	"$PROF" run -q -o "$S" "$@" -- "$TMP/steps" <"$TMP/in" >"$TMP/answer" 2>"$TMP/talk" &
	supervisor=$!
	exec 8>"$TMP/in" 9<"$TMP/answer"
	steps ""
	target=$(ps -o pid= --ppid "$supervisor" | head -n 1 | tr -d " ")
}
steps() { # waits until they are done
	printf '%sw' "$1" >&8
	read -r -t 60 <&9
}
finish() {
	exec 8>&-
	wait "$supervisor"
	local rc=$?
	exec 9<&-
	return $rc
}
snapshot() { "$PROF" snapshot -p "$target" "$@" >"$TMP/out" 2>"$TMP/err" || { cat "$TMP/err"; return 1; }; }
# taken NAME BYTES STACKS: what the store has of it
taken() {
	one "SELECT heap_bytes || ' ' || (SELECT sum(value) || ' ' || count(*) FROM snapshot_sample x WHERE x.snapshot_id = s.id)
		FROM snapshot s WHERE run_id = $last AND name = '$1' ORDER BY t_ns DESC LIMIT 1" "$2 $2 $3"
}

begin --memory full
by_name() {
	steps aab && snapshot && has "165.0 KiB live in 2 stacks" "$TMP/out" && taken asked 168960 2 &&
		snapshot -n first && taken first 168960 2 &&
		steps f && snapshot -n fewer --json && has '"heap_bytes": 136960' "$TMP/out" && has '"name": "fewer"' "$TMP/out" &&
		has "\"store\": \"$S\"" "$TMP/out" && taken fewer 136960 2 &&
		one "SELECT sum(x.count) FROM snapshot_sample x JOIN snapshot s ON s.id = x.snapshot_id WHERE s.name = 'fewer'" 1510
}
check "what is live is noted while the program runs, by name" by_name
is_listed() {
	"$PROF" snapshot list --store "$S" >"$TMP/out" && has ' 2  asked$' "$TMP/out" && has ' 2  fewer$' "$TMP/out"
}
check "it is listed while the program runs" is_listed
many_ask() {
	local i pids=() rc=0
	for i in 1 2 3 4; do
		"$PROF" snapshot -p "$target" >"$TMP/many.$i" 2>&1 &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i" || rc=1; done
	cat "$TMP"/many.*
	[ $rc -eq 0 ] && [ "$(grep -c '133.8 KiB live in 2 stacks' "$TMP"/many.1)" -eq 1 ]
}
check "several that ask at once are all answered" many_ask
goes_on() { steps aaa && snapshot -n more && taken more 328960 2; }
check "the program goes on as before" goes_on
finish
check "it ends as without us" [ $? -eq 0 ]
shows_difference() {
	"$PROF" report --store "$S" --snapshot fewer --since first >"$TMP/out" 2>&1 && has '-31.2 KiB  shrunk' "$TMP/out" && has 'hold  ' "$TMP/out" &&
		"$PROF" report --store "$S" --snapshot end >"$TMP/out" 2>&1 && has 'hold_large' "$TMP/out" && taken end 328960 2
}
check "two are compared, and the last one shows the end" shows_difference

# ---- who cannot be asked

off() {
	begin --memory off
	"$PROF" snapshot -p "$target" >"$TMP/out" 2>"$TMP/err"
	local rc=$?
	finish
	[ $rc -eq 1 ] && has "memory off" "$TMP/err" && [ ! -s "$TMP/out" ]
}
check "a program without memory tracking says so" off
refuses() { # refuses CODE TEXT ARGUMENT…
	local want=$1 text=$2 rc
	shift 2
	"$PROF" snapshot "$@" >"$TMP/out" 2>"$TMP/err"
	rc=$?
	[ $rc -eq "$want" ] && has "$text" "$TMP/err" && [ ! -s "$TMP/out" ]
}
check "a process that nobody records" refuses 1 "nobody records process $$" -p $$
check "no process" refuses 1 "nobody records" -p 4194303
check "no number" refuses 2 "snapshot" -p x
check "nothing to do" refuses 2 "PID is missing"
for name in auto end last 12 "" "$(printf '%040d' 0 | tr 0 x)"; do
	check "a name that cannot be: '$name'" refuses 2 "--name" -p $$ -n "$name"
done

# ---- a recording that ends while somebody asks

ends_meanwhile() {
	local asker rc
	begin --memory full
	steps a
	"$PROF" snapshot -p "$target" >"$TMP/out" 2>"$TMP/err" &
	asker=$!
	finish
	wait $asker
	rc=$?
	[ $rc -eq 0 ] || has "ended meanwhile\|nobody records\|cannot open" "$TMP/err"
}
for i in 1 2 3; do check "a recording that ends while somebody asks, $i" ends_meanwhile; done
a_child() { # any process of the recording may be named
	"$PROF" run -q -o "$S" --memory full -- bash -c 'sleep 3600 & echo $! >"$0"; wait' "$TMP/child" 2>"$TMP/talk" &
	supervisor=$!
	wait_for 60 test -s "$TMP/child" || return 1
	target=$(cat "$TMP/child")
	wait_for 30 compgen -G "/dev/shm/protea-prof-*/$target.[0-9]*" || return 1 # it is recorded
	snapshot -n both
	local rc=$?
	kill "$target"
	wait "$supervisor"
	[ $rc -eq 0 ] && one "SELECT count(*) FROM snapshot WHERE run_id = $last AND name = 'both' AND heap_bytes > 0" 1
}
check "a child's recording is its parent's" a_child
[ $tap_failed -eq 0 ]
