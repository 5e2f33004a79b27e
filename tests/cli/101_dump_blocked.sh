#!/bin/bash
# Stacks of sleeping threads, read without a stop, against gdb on the same process: the same frames at the same addresses,
# the same functions and lines, in programs of all shapes. What runs is compared below its innermost frame.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/stacks.sh
. tests/cli/stacks.sh

can_compile || { skip "stacks against gdb" "there is no C compiler"; exit 0; }
gdb_has_python || { skip "stacks against gdb" "there is no gdb that speaks Python"; exit 0; }

# A thread that runs may wait for a CPU longer than it would be held: it has no stack then, and is asked again.
dump_all() { # FILE
	local try
	for try in 1 2 3 4 5; do
		"$PROF" dump -p "$pid" --json >"$1" || return 1
		grep -q 'could not be stopped in time' "$1" || return 0
	done
	echo "$try dumps without a stack of each thread"
	return 1
}
# Before and after gdb had it: being looked at by us changes nothing, by gdb neither.
same_as_gdb() {
	local turn
	dump_all "$TMP/before.json" || return 1
	gdb -q -nx -batch -p "$pid" -x tests/cli/dump_gdb.py 2>"$TMP/gdb.err" | sed -n 's/^GDB-JSON //p' >"$TMP/gdb.json"
	[ -s "$TMP/gdb.json" ] || { tail -n 5 "$TMP/gdb.err"; return 1; }
	dump_all "$TMP/after.json" || return 1
	for turn in before after; do
		python3 tests/cli/dump_gdb.py "$TMP/$turn.json" "$TMP/gdb.json" "$program" spinner || return 1
	done
}
shape() { # NAME FLAGS…
	local name=$1
	shift
	if ! build "$name" "$@" 2>"$TMP/build.err"; then
		skip "$name ($*)" "it cannot be built here: $(head -n 1 "$TMP/build.err")"
		return
	fi
	program=ks-$name
	start "$TMP/$program" all || { not_ok "$name ($*) starts"; return; }
	check "each role, $name: built with $*" same_as_gdb
	stop
}

shape O0 -O0
shape O2 -O2
shape O3 -O3 -funroll-loops
shape Os -Os
shape fp -O2 -fno-omit-frame-pointer
shape nopie -O1 -no-pie -fno-pie
shape static -O2 -static
shape staticpie -O2 -static-pie
shape lto -O2 -flto
shape realign -O1 -mstackrealign
shape dwarf4 -O2 -gdwarf-4
if command -v clang >/dev/null; then CC=clang shape clang -O2; else skip "clang" "it is not installed"; fi

program=ks-O2
start "$TMP/ks-O2" deep 50 21
check "50 threads of 25 frames" same_as_gdb
stop
exit $((tap_failed > 0))
