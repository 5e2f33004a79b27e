#!/bin/bash
# The story of docs/attach.md: a worker that ingests slowly. dump names the lock and who holds it, record and top name the
# slow function, and nobody touched the worker.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/live_rig.sh
. tests/cli/live_rig.sh
PROF=$PWD/$O/protea-prof
S=$TMP/s.sqlite
mkdir "$TMP/cache"
export PROTEA_PROF_CACHE=$TMP/cache
make -s "O=$O" "$O/samples/programs/ingest" >/dev/null || exit 1
"$O/samples/programs/ingest" 300 >"$TMP/said" &
pid=$!
trap 'kill -9 $pid 2>/dev/null; rm -rf "$TMP"' EXIT

if ! "$PROF" check -p "$pid" >"$TMP/may" 2>&1; then
	skip "the story of a slow worker" "processes may not be looked at here: $(head -n 1 "$TMP/may")"
	exit 0
fi

# The lock is held for 300 ms in each second.
lock_is_seen() {
	"$PROF" dump -p "$pid" --json >"$TMP/dump.json" || return 1
	python3 - "$TMP/dump.json" <<'END'
import json, sys
d = json.load(open(sys.argv[1]))
threads = {t["name"]: t for t in d["threads"]}
assert set(threads) == {"ingest", "reader", "worker-1", "worker-2", "worker-3", "archiver"}, list(threads)
holder = threads["archiver"]
f = [x["function"] for x in holder["frames"]]
if "throttle" not in f:
    sys.exit(1)
assert f[f.index("throttle"):][:3] == ["throttle", "tidy_up", "archive"], f
waiting = [t for n, t in threads.items() if n.startswith("worker") and "journal_append" in [x["function"] for x in t["frames"]]]
if len(waiting) < 3:
    sys.exit(1)
for t in waiting:
    assert f"held by thread {holder['tid']} (archiver)" in t["waits_on"], t["waits_on"]
    frame = [x for x in t["frames"] if x["function"] == "journal_append"][0]
    assert frame["file"].endswith("ingest.c") and frame["line"] > 0, frame
END
}
check "dump: all workers wait for a mutex that archiver holds in throttle()" wait_for 60 lock_is_seen
blocked_cost_nothing() { python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); assert d["pause_ns"]["max"] == 0, d["pause_ns"]' "$TMP/dump.json"; }
nobody_stopped() { lock_is_seen && blocked_cost_nothing; }
check "and none of them was stopped for it" wait_for 60 nobody_stopped
slow_function() {
	record_while "$S" story uses 100 "$pid" -- "$PROF" record -q -p "$pid" -n story -o "$S" && "$PROF" report --store "$S" --json >"$TMP/hot.json" &&
		python3 - "$TMP/hot.json" <<'END'
import json, sys
d = json.load(open(sys.argv[1]))
total = sum(r["self"] for r in d["rows"])
slow = [r for r in d["rows"] if r["function"] == "term_index"][0]
assert slow["total"] > 0.8 * total, (slow, total)
END
}
check "record: more than 80 % of the CPU time is term_index" slow_function
has_looked() { "$PROF" top -p "$pid" --once --json >"$TMP/top.json" && ! grep -q '^ "samples": 0,' "$TMP/top.json"; } # it ran meanwhile
in_top() {
	wait_for 60 has_looked && python3 - "$TMP/top.json" <<'END'
import json, sys
d = json.load(open(sys.argv[1]))
total = sum(f["self_ns"] for f in d["functions"])
slow = [f for f in d["functions"] if f["function"] == "term_index"][0]
assert slow["total_ns"] > 0.7 * total, (slow, total)
assert {"worker-1", "archiver"} <= {t["name"] for t in d["threads"]}
END
}
check "top shows it too" in_top
kill "$pid"
wait "$pid"
ended=$?
went_on() { [ $ended -eq 0 ] && grep -q '^[1-9][0-9]* records,' "$TMP/said"; }
check "and the worker went on as if nobody had looked" went_on
[ $tap_failed -eq 0 ]
