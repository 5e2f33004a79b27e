# Sourced by tests of dump: tests/programs/known_stacks.c built in a shape, started, ended with the test.
# shellcheck shell=bash
export PROF=$PWD/$O/protea-prof
export PROTEA_PROF_CACHE=$TMP/cache
started=()
mkfifo "$TMP/in"
exec 9<>"$TMP/in" # programs live until this is closed, or they are ended
end_all() { for p in "${started[@]}"; do kill -9 "$p"; wait "$p"; done 2>/dev/null; }
trap 'end_all; rm -rf "$TMP"' EXIT

build() { # SHAPE FLAGS…: $TMP/ks-SHAPE
	local out=$TMP/ks-$1
	shift
	"${CC:-gcc}" -std=gnu17 -D_GNU_SOURCE -g -pthread "$@" tests/programs/known_stacks.c -o "$out"
}
# start PROGRAM ARG…: waits until it says "ready"; its pid is in $pid.
start() {
	: >"$TMP/ready"
	"$@" <"$TMP/in" >"$TMP/ready" 2>"$TMP/start.err" &
	pid=$!
	started+=("$pid")
	wait_for 20 grep -q ready "$TMP/ready"
}
stop() {
	kill -9 "$pid"
	wait "$pid"
} 2>/dev/null
can_compile() { "${CC:-gcc}" --version >/dev/null 2>&1; }
gdb_has_python() { gdb -q -nx -batch -ex 'python print(6 * 7)' 2>/dev/null | grep -q 42; }
