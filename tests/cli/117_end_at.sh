#!/bin/bash
# A process that ends at a chosen moment of a look at it (tests/tools/end_at.c): at moments from the first word about the
# process to the last, its number free or a zombie. Each command ends with what it has, or with a
# message that says so; never with another exit code, without a word, or never.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
export PROTEA_PROF_CACHE=$TMP/cache
mkdir "$TMP/cache"
cd "$TMP" || exit 1
# at HOW STATE MOMENT COMMAND…: its exit code; $pid and $moments are set
at() {
	timeout -k 1 120 "$TOOLS/end_at" "$@" >out 2>err
	local rc=$?
	read -r pid moments < <(tail -n 1 out)
	return $rc
}
if at gone asleep 1 "$PROF" check -p @ || [ -z "${moments:-}" ]; then
	skip "a process ends at a moment of a look at it" "a command cannot be traced here: $(head -n 1 err)"
	exit 0
fi
first=$((moments - 20)) # what is before it is the same for every process: libraries are loaded
phase=0
# Close together where a process is looked up and prepared, then wider. END_AT_STEP=1: each moment, some hours.
ends() { # ends HOW STATE ARGUMENTS…
	local how=$1 state=$2 moment=0 rc tried=0 step
	shift 2
	at "$how" "$state" 1000000 "$PROF" "$@"
	step=${END_AT_STEP:-$(((moments - first) / 5 + 43))}
	phase=$(((phase + 11) % ${END_AT_STEP:-43}))
	for ((moment = first + phase, moments = moment; moments >= moment; tried++)); do
		[ "$tried" -eq 0 ] || moment=$((moment + (moment < first + 400 ? ${END_AT_STEP:-43} : step)))
		pid='' moments=0
		at "$how" "$state" "$moment" "$PROF" "$@"
		rc=$?
		# On a machine that has no CPU time to give, the watchdog ends the profiler rather than let a thread be held.
		if [ "$rc" -eq 137 ]; then
			moments=$moment
		elif [ -z "$pid" ] || [ "$rc" -gt 1 ] || { [ "$rc" -eq 1 ] && ! grep -qE "process $pid|ended" out err; }; then
			echo "$* at moment $moment of $moments: exit code $rc"
			cat out err
			return 1
		fi
	done
	[ "$tried" -ge 5 ] || { echo "$*: only $tried moments"; return 1; }
}
for how in gone zombie; do
	check "check, $how" ends $how asleep check -p @
	check "snapshot, $how" ends $how asleep snapshot -p @
	check "record by polling, $how" ends $how running record --engine clock -d 0.05s -o clock.sqlite -p @
	check "record of all time, $how" ends $how asleep record --mode wall -d 0.05s -o wall.sqlite -p @
	for state in asleep running; do
		check "dump, $state, $how" ends $how $state dump -p @
		check "record by events, $state, $how" ends $how $state record --engine perf -d 0.05s -o perf.sqlite -p @
		check "top, $state, $how" ends $how $state top --once --interval 0.05s -p @
	done
done
exit $((tap_failed > 0))
