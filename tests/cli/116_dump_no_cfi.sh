#!/bin/bash
# Stacks through code that has no call frame information: musl's libc, shared and static. Where its frames cannot be
# followed by rule, return addresses are searched for; the program's own functions are all there, in order.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
mkdir "$TMP/cache"
export PROTEA_PROF_CACHE=$TMP/cache
pid=
holder=
trap 'kill -9 $pid $holder 2>/dev/null; rm -rf "$TMP"' EXIT

if ! command -v musl-gcc >/dev/null; then
	skip "stacks through musl" "musl-gcc is missing"
	exit 0
fi
mkfifo "$TMP/in"
sleep 1000 >"$TMP/in" &
holder=$!

# chains: how often each chain of the program's own functions is among the threads, the innermost first. 3: the one that runs
# got no CPU in the time that a stop may take, and has no stack.
chains() {
	"$PROF" dump -p "$pid" --json >"$TMP/dump.json" || return 1
	python3 - "$TMP/dump.json" <<'END'
import json, sys
d = json.load(open(sys.argv[1]))
own = {"inner", "middle", "main", "polled", "poller", "locked", "locker", "read_line", "reader", "slept", "sleeper", "compare", "sorted", "sorter"}
got = [" ".join(f["function"] for f in t["frames"] if f["function"] in own and f["file"]) for t in d["threads"]]
got = sorted(g.replace("compare sorted", "sorted") for g in got)
want = sorted(["inner middle main", "polled poller", "locked locker", "read_line reader", "slept sleeper", "sorted sorter"])
if any(t["how"] == "none" and t["state"] in ("running", "runnable") for t in d["threads"]):
    sys.exit(3)
if got != want:
    print(got)
    for t in d["threads"]:
        print(t["tid"], t["syscall"], [f["function"] for f in t["frames"]])
    sys.exit(1)
END
}
often() { # ten looks that got all stacks
	local good=0 tries=0 rc
	while [ $good -lt 10 ] && [ $((tries++)) -lt 200 ]; do
		chains
		rc=$?
		[ $rc -ne 3 ] || continue
		[ $rc -eq 0 ] || return 1
		good=$((good + 1))
	done
	[ $good -eq 10 ]
}
is_ready() { chains; }

for how in shared static; do
	flags=
	[ $how = static ] && flags=-static
	# shellcheck disable=SC2086
	musl-gcc -std=gnu17 -O2 -g $flags tests/programs/no_cfi.c -o "$TMP/no_cfi" || exit 1
	"$TMP/no_cfi" <"$TMP/in" >/dev/null 2>&1 &
	pid=$!
	if "$PROF" dump -p "$pid" >/dev/null 2>"$TMP/why"; then
		wait_for 30 is_ready
		check "stacks through musl's libc, $how" often
	else
		skip "stacks through musl's libc, $how" "processes may not be looked at here: $(head -n 1 "$TMP/why")"
	fi
	kill -9 "$pid"
	wait "$pid" 2>/dev/null
done
kill "$holder"
[ $tap_failed -eq 0 ]
