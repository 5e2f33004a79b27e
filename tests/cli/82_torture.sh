#!/bin/bash
# Programs that do everything at once, under the profiler: same output, same exit code, no crash, no deadlock,
# a sound store.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
P=$PWD/$O/samples/programs
store=$TMP/s.sqlite

same() { # NAME OPTIONS… -- PROGRAM ARGS…: with and without the profiler
	local options=() a b
	while [ "$1" != -- ]; do options+=("$1"); shift; done
	shift
	timeout 120 "$@" >"$TMP/alone" 2>"$TMP/alone.err"
	a=$?
	timeout 120 "$PROF" run -q -o "$store" "${options[@]}" -- "$@" >"$TMP/with" 2>"$TMP/with.err"
	b=$?
	echo "exit codes $a alone, $b with"
	diff "$TMP/alone" "$TMP/with" && diff "$TMP/alone.err" "$TMP/with.err" && [ "$a" = "$b" ]
}
sound() { [ "$(sqlite3 "$store" 'PRAGMA integrity_check')" = ok ]; }
followed() { # children and threads are in the store
	[ "$(sqlite3 "$store" "select count(*) > 15 from process")" = 1 ] &&
		[ "$(sqlite3 "$store" "select count(*) > 300 from thread")" = 1 ]
}

check "torture at 999 Hz by perf events" same -r 999 -- "$P/torture" 5
check "torture at 10 kHz by perf events" same -r 10khz -- "$P/torture" 5
check "torture by CPU timers" same -r 999 --engine clock -- "$P/torture" 5
check "torture with sleeping threads observed" same -r 499 --mode wall -- "$P/torture" 5
check "the store is sound" sound
check "children and threads were followed" followed
check "a million signals of its own and the ticks between them" same -r 10khz -- "$P/torture" 40
check "each sample program prints what it prints alone: forks" same -- "$P/forks" 0.1
check "each sample program prints what it prints alone: sleepy" same -r 5khz -- "$P/sleepy" 0.3
check "a pipeline of shells" same -- sh -c 'seq 1 20000 | sort -rn | sed "s/1/x/" | tail -n 3; exit 7'
check "an environment is what it was" same -- env
check "an empty environment" same -- env -i /usr/bin/env
check "standard input reaches the program" same -- sh -c 'echo hello | cat'
check "a program that dies by a signal" same -- sh -c 'kill -SEGV $$'
check "the store is sound in the end" sound
exit $((tap_failed > 0))
