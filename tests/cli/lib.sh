# Sourced by tests/cli/*.sh: TAP output, a fresh folder, the programs' paths. Run from the repo root.
# Every test prints "ok N - name", "not ok N - name" or "ok N - name # SKIP reason".
# shellcheck shell=bash
set -u
O=${O:-build}
EXPORT=$PWD/$O/protea-export
TOOLS=$PWD/$O/tests/tools
TMP=$(mktemp -d "${TMPDIR:-/tmp}/protea-test.XXXXXX")
trap 'rm -rf "$TMP"' EXIT
tap_n=0
tap_failed=0
export EXPORT TOOLS TMP

ok() { tap_n=$((tap_n + 1)); echo "ok $tap_n - $1"; }
not_ok() { tap_n=$((tap_n + 1)); tap_failed=$((tap_failed + 1)); echo "not ok $tap_n - $1"; }
skip() { tap_n=$((tap_n + 1)); echo "ok $tap_n - $1 # SKIP $2"; }
# check NAME CMD…: passes when the command succeeds; its output is shown when it does not.
check() {
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then ok "$name"; else
		not_ok "$name"
		printf '%s\n' "$out" | tail -n 30 | sed 's/^/# /'
	fi
}
# check_fails CODE NAME CMD…: passes when the command exits with CODE.
check_fails() {
	local want=$1 name=$2 out rc
	shift 2
	out=$("$@" 2>&1)
	rc=$?
	if [ "$rc" -eq "$want" ]; then ok "$name"; else
		not_ok "$name"
		printf 'exit code %s, expected %s\n%s\n' "$rc" "$want" "$out" | tail -n 30 | sed 's/^/# /'
	fi
}
# wait_for SECONDS CMD…: until the command succeeds.
wait_for() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.05
	done
}
