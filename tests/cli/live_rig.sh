# Sourced by tests that look at live programs, after lib.sh: waiting for what a program has done instead of for a time.
# shellcheck shell=bash

# cpu_of PID: CPU time that its threads have used, in clock ticks of 10 ms.
cpu_of() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"; }
has_used() { [ "$(cpu_of "$1")" -ge "$2" ]; }
# uses TICKS PID…: until each has used so many more.
uses() {
	local ticks=$1 p due=()
	shift
	for p; do due+=($(($(cpu_of "$p") + ticks))); done
	for p; do
		wait_for 60 has_used "$p" "${due[0]}" || { echo "process $p does not run"; return 1; }
		due=("${due[@]:1}")
	done
}
is_program() { [ "$(cat "/proc/$1/comm")" = "$2" ]; }
# at_work PID NAME: it has become that program, and is past its start.
at_work() { wait_for 30 is_program "$1" "$2" && uses 3 "$1"; }
state_is() { grep -q "^State:.[$2]" "/proc/$1/status"; }
# takes PID NUMBER: the process has a handler for that signal, or fetches it.
takes() {
	local bits
	bits=$(awk '/^Sig(Blk|Cgt)/ { print $2 }' "/proc/$1/status" | tail -n 2 | tr '\n' ' ')
	# shellcheck disable=SC2086 # two words
	set -- "$2" $bits
	[ $((((16#$2 | 16#$3) >> ($1 - 1)) & 1)) = 1 ]
}
# has_run STORE NAME: it is being recorded.
has_run() { [ -s "$1" ] && [ "$(sqlite3 -cmd '.timeout 5000' "$1" "SELECT count(*) FROM run WHERE name = '$2'")" -ge 1 ]; }
# has_samples STORE NAME: so much CPU time of it is in the store.
has_samples() { has_run "$1" "$2" && [ "$(sqlite3 -cmd '.timeout 5000' "$1" "SELECT sum(s.value) > $3 FROM sample s JOIN run r ON r.id = s.run_id WHERE r.name = '$2'")" = 1 ]; }
# record_while STORE RUN CONDITION… -- COMMAND…: starts the command, which records that run; ends it by a Ctrl-C when the
# condition, which begins when the recording has, is done. The recorder's process is in $recorder.
record_while() {
	local store=$1 run=$2 condition=() rc
	shift 2
	while [ "$1" != -- ]; do condition+=("$1"); shift; done
	shift
	env --default-signal=INT "$@" &
	recorder=$!
	wait_for 60 over_or has_run "$store" "$run"
	"${condition[@]}"
	rc=$?
	kill -INT "$recorder" 2>/dev/null
	wait "$recorder" && [ $rc -eq 0 ]
}
over_or() { ! kill -0 "$recorder" || "$@"; }
