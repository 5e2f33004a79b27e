#!/bin/bash
# Runs the tests of the named kinds (default: all) and ends with "N passed, N failed, N skipped".
# Unit tests and fault twins are cmocka programs that print TAP; cli tests and browser tests are scripts that print TAP.
# A test file that exits non-zero without a "not ok" counts as one failure. TESTS="a b" picks files by
# name. Logs: $O/test-logs.
set -u
cd "$(dirname "$0")/.." || exit 1
O=${O:-build}
export O
logs=$O/test-logs
mkdir -p "$logs"
passed=0 failed=0 skipped=0
broken=()
kinds=("$@")
[ ${#kinds[@]} -gt 0 ] || kinds=(lint unit fault cli browser fuzz)
limit=${TEST_TIMEOUT:-1800}

count_log() { # name rc log seconds
	local p f s
	f=$(grep -c '^not ok' "$3")
	s=$(grep -ciE '^(not )?ok .*# skip' "$3")
	p=$(grep -c '^ok' "$3")
	p=$((p - $(grep -ciE '^ok .*# skip' "$3")))
	f=$((f - $(grep -ciE '^not ok .*# skip' "$3")))
	if [ "$2" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
	if [ "$2" -eq 0 ] && [ $((p + f + s)) -eq 0 ]; then f=1; echo "# no test ran" >>"$3"; fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	printf '%-34s %4d passed %3d failed %3d skipped  %6.1f s\n' "$1" "$p" "$f" "$s" "$4"
	if [ "$f" -gt 0 ]; then
		broken+=("$1")
		grep -vE '^(ok|1\.\.)' "$3" | tail -n 40 | sed 's/^/    /'
		[ "$2" -eq 0 ] || echo "    (exit code $2; log $3)"
	fi
	grep -iE '^(not )?ok .*# skip' "$3" | sed 's/^/    /'
}
# Tests that measure nothing and wait for nothing but their own programs run side by side, as many as there are
# processors; all others alone, before them.
beside() {
	case $1 in
	cli/10_* | cli/60_* | cli/62_* | cli/65_*) return 1 ;;
	lint | fault/* | browser/* | cli/[1-6][0-9]_* | cli/05_*) return 0 ;;
	cli/7[346789]_* | cli/9[0124678]_* | cli/102_* | cli/107_* | cli/11[57]_* | cli/12[013]_*) return 0 ;;
	cli/130_gate_docs* | cli/13[1345678]_* | cli/14[0-9]_* | cli/15[0-9]_* | cli/16[02]_*) return 0 ;;
	unit/test_unwind_step | unit/test_buckets | unit/test_store_* | unit/test_table_oracle | unit/test_align*) return 0 ;;
	unit/test_rank | unit/test_bootstrap | unit/test_decide* | unit/test_sequential | unit/test_change_point) return 0 ;;
	*) return 1 ;;
	esac
}
run_logged() { # log cmd...: leaves exit code and seconds beside the log
	local log=$1 start=$EPOCHREALTIME rc
	shift
	CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 10 "$limit" "$@" >"$log" 2>&1 </dev/null
	rc=$?
	echo "$rc $(awk -v a="$EPOCHREALTIME" -v b="$start" 'BEGIN { print a - b }')" >"$log.end"
}
count_one() { # name
	local log=$logs/${1//\//_}.log rc=1 seconds=0
	if [ -f "$log.end" ]; then read -r rc seconds <"$log.end"; fi
	rm -f "$log.end"
	count_log "$1" "$rc" "$log" "$seconds"
}
names=() # of those that run side by side
run_one() { # name cmd...
	local name=$1 log=$logs/${1//\//_}.log
	shift
	if [ -n "${TESTS:-}" ] && ! [[ " $TESTS " == *" $(basename "$name") "* ]]; then return; fi
	if [ "$processors" -lt 2 ] || ! beside "$name"; then
		run_logged "$log" "$@"
		count_one "$name"
		return
	fi
	names+=("$name")
	waiting+=("$(printf '%q ' run_logged "$log" "$@")")
}
run_waiting() {
	local command running=0
	for command in "${waiting[@]}"; do
		if [ "$running" -ge "$processors" ]; then
			wait -n
			running=$((running - 1))
		fi
		eval "$command" &
		running=$((running + 1))
	done
	wait
	for command in "${names[@]}"; do count_one "$command"; done
}
waiting=()
processors=$(nproc)

tests/lint/leftovers.sh list >"$logs/before" 2>/dev/null
for kind in "${kinds[@]}"; do
	case $kind in
	lint)
		[ -x tests/lint/run.sh ] && run_one lint tests/lint/run.sh
		;;
	unit | fault)
		for src in "tests/$kind"/*.c; do
			bin=$O/${src%.c}
			[ "$kind" = unit ] && [[ $(basename "$src") != test_* ]] && continue
			[ "$kind" = fault ] && [[ $src != *_fault.c ]] && continue
			if [ -n "${TESTS:-}" ] && [ ! -x "$bin" ]; then continue; fi
			run_one "$kind/$(basename "${src%.c}")" "$bin"
		done
		;;
	cli)
		for t in tests/cli/[0-9]*; do
			case $t in
			*.sh) run_one "cli/$(basename "$t")" bash "$t" ;;
			*.mjs) run_one "cli/$(basename "$t")" node "$t" ;;
			esac
		done
		;;
	browser)
		for t in tests/browser/[0-9]*.mjs; do run_one "browser/$(basename "$t")" node "$t"; done
		;;
	fuzz)
		run_one fuzz tests/fuzz/smoke.sh
		;;
	*)
		echo "unknown kind of test: $kind" >&2
		exit 2
		;;
	esac
done
run_waiting
run_one leftovers tests/lint/leftovers.sh since "$logs/before"
if [ ${#broken[@]} -gt 0 ]; then echo "failed in: ${broken[*]}"; fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
