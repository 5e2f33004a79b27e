#!/bin/bash
# Address space by who asked for it, at the heap's high-water mark, as the program itself knows it; memory over
# time: steps, stages, what is ours, points that are few; what polling costs.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
export XDG_CACHE_HOME=$TMP/cache
store=$TMP/s.sqlite
cc() { "${CC:-gcc}" -std=gnu17 -O1 -g -fno-builtin -fno-optimize-sibling-calls -pthread -Iprof/include "$@" || exit 1; }
sql() { sqlite3 -separator ' ' "$store" "$1"; }
cc tests/programs/memory_maps.c -o "$TMP/maps"
cc tests/programs/memory_time.c -o "$TMP/time"

# run OPTIONS… -- CMD…: into a fresh store.
run() {
	rm -f "$store"*
	"$PROF" run -q -o "$store" "$@" >"$TMP/out" 2>"$TMP/talk"
}
mapped_by() {
	sql "WITH RECURSIVE up(leaf, id) AS (SELECT DISTINCT stack_id, stack_id FROM sample WHERE kind = 'mmap'
			UNION SELECT up.leaf, k.parent_id FROM up JOIN stack k ON k.id = up.id WHERE k.parent_id IS NOT NULL),
		who(leaf, function) AS (SELECT DISTINCT up.leaf, f.function FROM up JOIN stack k ON k.id = up.id
			JOIN frame f ON f.id = k.frame_id WHERE f.function LIKE 'by\_%' ESCAPE '\\')
		SELECT w.function, sum(s.value), sum(s.count) FROM who w JOIN sample s ON s.stack_id = w.leaf
		WHERE s.kind = 'mmap' GROUP BY 1 ORDER BY 1"
}
# maps NAME SEED OPTIONS…
maps() {
	local name=$1 seed=$2
	shift 2
	run "$@" -- "$TMP/maps" "$TMP/want" "$seed" 20000
	mapped_by >"$TMP/got"
	if [ -s "$TMP/got" ] && LC_ALL=C sort "$TMP/want" | diff - "$TMP/got" >"$TMP/diff"; then
		ok "$name: pages and ranges are the program's own"
	else
		not_ok "$name: pages and ranges are the program's own"
		cat "$TMP/diff" "$TMP/talk" | head -n 20 | sed 's/^/# /'
	fi
}
maps "four threads at random, full" 1 --memory full
maps "another stream, many ticks" 2 --memory full -r 5000
maps "a third one, sampled" 3 --memory sampled
check "stacks of threads and the break have names" \
	test "$(sql "SELECT count(DISTINCT function) FROM frame WHERE function IN ('[thread stack]', '[brk]')")" = 2
check "nothing is counted as lost" test -z "$(sql "SELECT reason FROM loss WHERE reason IN ('record_dropped', 'table_full')")"
run --memory off -- "$TMP/maps" "$TMP/want" 1 20000
check "with memory off nothing is noted" test -z "$(mapped_by)"

# between NAME VALUE LOW HIGH
between() {
	check "$1" awk -v v="$2" -v lo="$3" -v hi="$4" 'BEGIN { print v, "not in", lo, hi; exit !(v != "" && v >= lo && v <= hi) }'
}
# Pages are counted per CPU, and added up when there are max(32, 2 CPUs) of them, for each of three kinds; the
# program, its libraries and we touch a few as time goes by: 1 MiB.
cpus=$(getconf _NPROCESSORS_CONF)
batch=$((cpus > 16 ? 2 * cpus : 32))
off=$((3 * cpus * batch * 4096 + 1048576))
M=1048576
run --memory full -- "$TMP/time"
low=$(sql "SELECT peak_rss_bytes FROM stage WHERE name = 'nothing'")
peak() { sql "SELECT peak_rss_bytes - $low FROM stage WHERE name = '$1'"; }
between "a stage has the highest resident set of its time" "$(peak much)" $((200 * M - off)) $((200 * M + off))
between "another one its own" "$(peak some)" $((50 * M - off)) $((50 * M + off))
between "one that is over in a moment has no more than it can have" "$(peak brief)" $((-off)) $((100 * M + off))
between "and one after them" "$(peak end)" $((-off)) $off
highest=$(sql "SELECT max(value) FROM counter WHERE name = 'rss_bytes'")
between "the time line has the step" "$((${highest%.*} - low))" $((200 * M - off)) $((200 * M + off))
between "and a smaller one" "$(sql "SELECT max(value) - $low FROM counter WHERE name = 'rss_bytes' AND t_ns <
	(SELECT start_ns FROM stage WHERE name = 'nothing')")" $((30 * M - off)) $((30 * M + off))
between "mapped as well as resident" "$(sql "SELECT max(value) FROM counter WHERE name = 'mapped_bytes'")" \
	$((200 * M)) $((200 * M))
between "the process's mark is not below" "$(sql "SELECT max(max_rss_bytes) FROM process")" "$highest" $((300 * M))
between "page faults add up" "$(sql "SELECT max(value) FROM counter WHERE name = 'page_faults_minor'")" \
	$((380 * M / 2097152)) 1000000
between "proportional memory is measured" "$(sql "SELECT max(value) FROM counter WHERE name = 'pss_bytes'")" 100000 $((300 * M))
between "our own memory is told apart" "$(sql "SELECT max(value) FROM counter WHERE name = 'own_bytes'")" 4096 $((64 * M))
between "points are few: twenty a second, or a few more" "$(sql "SELECT max(n) FROM (SELECT count(*) n FROM counter GROUP BY name)")" \
	2 "$(sql "SELECT 20 + duration_ns / 40000000 FROM run")"
check "times never go back" test "$(sql "SELECT count(*) FROM (SELECT t_ns < lag(t_ns) OVER
	(PARTITION BY name ORDER BY rowid) back FROM counter) WHERE back")" = 0

limit=$(cat "/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/memory.max" 2>/dev/null || cat \
	"/sys/fs/cgroup/memory$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)/memory.limit_in_bytes" 2>/dev/null || true)
case $limit in
'' | max | 9223372036854771712)
	# A group of our own, where we may make one.
	group=/sys/fs/cgroup/memory$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)/protea-test.$$
	if [ -w "${group%/*}/cgroup.procs" ] && mkdir "$group" 2>/dev/null && echo $((512 * M)) >"$group/memory.limit_in_bytes"; then
		(echo "$BASHPID" >"$group/cgroup.procs" && run --memory sampled -- "$TMP/time")
		between "the limit of a container is seen" "$(sql "SELECT max(value) FROM counter WHERE name = 'cgroup_limit_bytes'")" \
			$((512 * M)) $((512 * M))
		between "and what is used of it" "$(sql "SELECT max(value) FROM counter WHERE name = 'cgroup_bytes'")" $((190 * M)) $((512 * M))
		rmdir "$group"
	else
		skip "the limit of a container is seen" "this shell has no memory limit and may not set one"
	fi
	;;
*)
	between "the limit of a container is seen" "$(sql "SELECT max(value) FROM counter WHERE name = 'cgroup_limit_bytes'")" 1 "$limit"
	;;
esac
[ "$tap_failed" -eq 0 ]
