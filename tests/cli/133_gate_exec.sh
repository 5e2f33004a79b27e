#!/bin/bash
# gate --exec: order, labels, padding, what is measured beside; commands that fail, are killed, hang, or leave something
# behind; Ctrl-C; instructions under callgrind. What is judged is 130_gate.sh's.
# shellcheck disable=SC2317 # called by check
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
PROF=$PWD/$O/protea-prof
PAIRS=$TOOLS/gate_pairs
S=$TMP/store.sqlite
if ! command -v sqlite3 >/dev/null; then
	skip "commands in turns" "sqlite3 is missing"
	exit 0
fi

# pairs N WARMUP A B [MORE…]: without a verdict; rows in $TMP/rows, talk in $TMP/talk.
pairs() {
	local n=$1 warmup=$2
	shift 2
	rm -f "$S"*
	"$PAIRS" "$PROF" "$S" "$n" "$warmup" off "$@" >"$TMP/rows" 2>"$TMP/talk" <<<"not for commands"
}
ask() { sqlite3 -batch -noheader "$S" "$1"; }
is() { # WANT GOT
	[ "$1" = "$2" ] || { printf 'got: %s\nwanted: %s\n' "$2" "$1" && cat "$TMP/talk" && return 1; }
}
says() { grep -qF -- "$1" "$TMP/talk" "$TMP/rows" || { cat "$TMP/talk" "$TMP/rows" && return 1; }; }
nothing_runs() { ! pgrep -f "$1" >/dev/null || { pgrep -af "$1" && return 1; }; }
no_folder() { is "" "$(ls -A "$TMP/tmp")"; }

mkdir "$TMP/tmp"
export TMPDIR=$TMP/tmp
# What a command sees of its turn: a line for each run.
cat >"$TMP/turn" <<-SH
	#!/bin/sh
	read -r x && echo stdin >>"$TMP/turns"
	echo "\$1 \${#PROTEA_GATE_PAD}" >>"$TMP/turns"
	echo talk
SH
chmod +x "$TMP/turn"

# ---- order ----
check "eight pairs" pairs 8 1 "$TMP/turn a" "$TMP/turn b"
# Each two pairs are turned around; which way is a coin that falls the same way four times in eight sessions.
turns() {
	is "a b" "$(head -n 2 "$TMP/turns" | cut -d ' ' -f 1 | paste -sd ' ')" &&
		is "" "$(tail -n 16 "$TMP/turns" | cut -d ' ' -f 1 | paste -sd '   \n' | grep -vE '^(a b b a|b a a b)$')"
}
check "warm-up, then two pairs turned around each time" turns
paddings() {
	local of_pairs
	of_pairs=$(tail -n 16 "$TMP/turns" | cut -d ' ' -f 2 | paste - - | awk '$1 == $2 { print $1 }')
	is 8 "$(echo "$of_pairs" | wc -l)" && [ "$(echo "$of_pairs" | sort -u | wc -l)" -ge 7 ]
}
check "the environment is padded by pair" paddings
check "nothing is read from our stdin" sh -c "! grep -q stdin '$TMP/turns'"
check "nothing is printed by the commands" sh -c "! grep -q talk '$TMP/talk' '$TMP/rows'"
labels() {
	is 16 "$(ask "SELECT count(*) FROM run WHERE finished AND labels ->> 'gate' = (SELECT labels ->> 'gate' FROM run)
		AND CAST(labels ->> 'noise' AS REAL) BETWEEN 0 AND 1")" &&
		ask "SELECT group_concat(x) FROM (SELECT labels ->> 'pair' || ' ' || (labels ->> 'side') x FROM run ORDER BY started_at LIMIT 4)" |
			grep -qxE '1 base,1 candidate,2 candidate,2 base|1 candidate,1 base,2 base,2 candidate' &&
		is 2 "$(ask "SELECT count(DISTINCT name) FROM run WHERE name NOT LIKE '%noisy'")"
}
check "sixteen runs, with labels" labels
check "of these, --label too" sh -c "'$PROF' gate --store '$TMP/l.sqlite' --exec true true -n 1 --warmup 0 --label commit=abc --memory off
	sqlite3 '$TMP/l.sqlite' \"SELECT count(*) FROM run WHERE labels ->> 'commit' = 'abc'\" | grep -qx 2"
check "a look may end it" pairs 20 0 true true stop-after 3
check "after the pair it was called for" is 6 "$(ask 'SELECT count(*) FROM run')"
check "and that is said" says '# end: enough'
by_shell() {
	pairs 1 0 "echo x | cat" "$TMP/turn  c" &&
		is "sh -c echo x | cat|$TMP/turn c" "$(ask "SELECT group_concat(command, '|') FROM (SELECT command FROM run ORDER BY labels ->> 'side')")"
}
check "a shell is started only for what needs one" by_shell
check "no file is left" no_folder

# ---- commands that fail ----
fails() { # WORDS A B [MORE…]
	local words=$1
	shift
	pairs 2 0 "$@" && return 1
	says "$words"
}
check "an exit code ends it" fails "candidate: 'exit 3' ended with exit code 3 in pair 1" true 'exit 3'
check "and keeps the runs out of the groups" is 1 "$(ask "SELECT count(*) > 0 AND sum(name NOT LIKE 'gate-%-failed') = 0 FROM run")"
check "with the command's own words" fails '  | oh dear' 'echo oh dear >&2; false' true
check "a signal" fails "base: 'kill -9 \$\$' was ended by signal 9" "kill -9 \$\$" true
check "no such program" fails "base: 'no-such-program x' could not be started" 'no-such-program x' true
check "no such file" fails "cannot start '/no/such': there is no such file" true /no/such
check "nothing" fails "an empty command" true '  '
check "in the warm-up" sh -c "! '$PAIRS' '$PROF' '$S' 2 1 off true false 2>'$TMP/talk' && grep -q 'in the warm-up' '$TMP/talk'"
ignored() { pairs 2 0 'exit 3' 'kill -9 $$' ignore && is "3 137 3 137" "$(awk '/^[0-9]/ { print $5 }' "$TMP/rows" | paste -sd ' ')"; }
check "--ignore-failure goes on" ignored
check "a folder that is not there" sh -c "! TMPDIR='$TMP/none' '$PAIRS' '$PROF' '$S' 1 0 off true true 2>'$TMP/talk' && grep -q 'cannot make a folder' '$TMP/talk'"
check "CPUs that are not there" fails "not all of them are there" true true cpus 1000-1023
store_full() { "$PAIRS" "$PROF" "$TMP/none/s.sqlite" 1 0 off true true 2>"$TMP/talk"; }
check_fails 1 "a store that cannot be made" store_full
check "and is said" says "could not be recorded"

# ---- what stays behind ----
behind() {
	pairs 1 0 "setsid sleep 987 & sleep 0.1" "(trap '' TERM; sleep 986) & sleep 0.1" && nothing_runs 'sleep 98[67]'
}
check "what commands leave in the background is ended" behind
check "and said" says 'had left in the background were ended'
runs_kept() { # when the first one is interrupted, there is no store
	if [ -n "$(ask "SELECT name FROM sqlite_master WHERE name = 'run'" 2>/dev/null)" ]; then ask 'SELECT count(*) FROM run'; else echo 0; fi
}
interrupt() { # SIGNAL COMMAND: the rows of whole pairs
	rm -f "$S"*
	"$PAIRS" "$PROF" "$S" 50 0 off true "$2" >"$TMP/rows" 2>"$TMP/talk" &
	local pid=$!
	wait_for 30 pgrep -f "^$3" || { echo "it did not start" && return 1; } # the command itself, not who was told to start it
	kill "-$1" "$pid"
	wait "$pid" || { echo "exit code $?" && cat "$TMP/talk" "$TMP/rows" && return 1; }
	nothing_runs "$3" && says '# end: interrupted' && is 0 "$(runs_kept)"
}
check "told to end, it ends the command, and keeps no half of a pair" interrupt TERM 'sleep 985' 'sleep 985'
check "also one that will not" interrupt HUP "trap '' TERM HUP; sleep 984; sleep 983" 'sleep 98[43]'
killed() {
	"$PAIRS" "$PROF" "$S" 50 0 off 'sleep 982' true >"$TMP/rows" 2>"$TMP/talk" &
	local pid=$!
	wait_for 30 pgrep -f '^sleep 982' || return 1
	kill -KILL "$pid"
	wait "$pid"
	wait_for 30 nothing_runs 'sleep 982'
}
check "killed, it leaves nothing running" killed
rm -rf "$TMP/tmp"/*

# ---- what else is measured ----
noise() { awk '/^[0-9]/ && ($6 < 0 || $6 > 1 || $7 < 0) { bad = 1 } END { exit bad || NR < 5 }' "$TMP/rows"; }
check "on one CPU" pairs 2 0 "sh -c 'taskset -cp \$\$ >>$TMP/cpus'" true cpus "$(taskset -cp $$ | sed 's/.*[ :,-]//')"
check "the commands are there" sh -c "[ \"\$(sort -u '$TMP/cpus' | wc -l)\" -le 2 ] && ! grep -q '[,-]' '$TMP/cpus'"
check "noise and switches are numbers" noise

# ---- instructions ----
count() { "$PAIRS" "$PROF" "$S" 1 0 off "$@" callgrind >"$TMP/rows" 2>"$TMP/talk"; }
if command -v valgrind >/dev/null; then
	check "instructions of two commands" count '/bin/true' '/bin/true && /bin/true'
	same() {
		local first
		first=$(awk '/^base/ { print $2 }' "$TMP/rows")
		count /bin/true /bin/true && is "$first $first" "$(awk '{ print $2 }' "$TMP/rows" | paste -sd ' ')"
	}
	check "the same program counts the same, each time" same
	check "a command that fails under valgrind" sh -c "! '$PAIRS' '$PROF' '$S' 1 0 off true 'exit 5' callgrind 2>'$TMP/talk' && grep -q 'ended with code 5 under valgrind' '$TMP/talk'"
	check "no file is left" no_folder
else
	skip "instructions" "valgrind is not installed"
fi
no_valgrind() { PATH=$TMP/empty "$PAIRS" "$PROF" "$S" 1 0 off /bin/true /bin/true callgrind 2>"$TMP/talk"; }
check_fails 1 "without valgrind" no_valgrind
check "it is said what installs it" says 'apt-get install valgrind'
exit "$tap_failed"
