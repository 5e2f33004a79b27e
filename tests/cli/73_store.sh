#!/bin/bash
# The profile store as an outsider sees it: plain SQL in the sqlite3 shell, no extension.
. tests/cli/lib.sh
FILL=$TOOLS/store_fill
S=$TMP/s.sqlite

sql() { sqlite3 -readonly "$1" "$2"; }
# is WANT STORE SQL
is() {
	local got
	got=$(sql "$2" "$3") && [ "$got" = "$1" ] && return 0
	echo "got '$got', expected '$1': $3"
	return 1
}

command -v sqlite3 >/dev/null || { skip "plain SQL" "no sqlite3 shell"; echo "1..$tap_n"; exit 0; }
run=$("$FILL" "$S" --seed 7 --stacks 3000 --samples 50000 --depth 12 --stages 40 --threads 3 --inline --memory)
check "one file, nothing beside it" test "$(find "$TMP" -name 's.sqlite*' | wc -l)" = 1
check "a store is sound" is ok "$S" "PRAGMA integrity_check"
for t in run process thread module frame stack stage sample tick counter loss folded stage_summary; do
	check "table or view $t has rows" is 1 "$S" "SELECT count(*) > 0 FROM $t"
done
check "columns of the contract" sql "$S" "
	SELECT id, name, command, argv, job, started_at, duration_ns, exit_code, signal, host, cpu_model, ncpu,
		kernel, version, git_sha, labels, rate_hz, mode, engine, finished FROM run;
	SELECT id, run_id, pid, ppid, name, start_ns, end_ns, cpu_ns, max_rss_bytes FROM process;
	SELECT id, run_id, process_id, tid, name, start_ns, end_ns, cpu_ns FROM thread;
	SELECT id, run_id, path, build_id, start, \"end\", offset FROM module;
	SELECT id, module_id, rel_addr, function, file, line, inline_depth, language FROM frame LIMIT 1;
	SELECT id, parent_id, frame_id, depth FROM stack LIMIT 1;
	SELECT id, run_id, parent_id, thread_id, name, seq, start_ns, wall_ns, cpu_ns, items, params, alloc_bytes,
		alloc_count, peak_heap_bytes, peak_rss_bytes, samples FROM stage LIMIT 1;
	SELECT run_id, kind, stage_id, thread_id, stack_id, count, value FROM sample LIMIT 1;
	SELECT run_id, thread_id, t_ns, stack_id, state FROM tick LIMIT 1;
	SELECT run_id, t_ns, name, value FROM counter LIMIT 1;
	SELECT run_id, fingerprint, text, calls, total_ns, rows, distinct_params, stack_id, stage_id FROM sql_statement;
	SELECT run_id, reason, count FROM loss;
	SELECT run_id, kind, stage, folded, value FROM folded LIMIT 1"
check "ids join: every sample has a thread and a stack, every stack a frame" is "0|0|0|0" "$S" "
	SELECT (SELECT count(*) FROM sample a LEFT JOIN thread t ON t.id = a.thread_id WHERE t.id IS NULL),
	(SELECT count(*) FROM sample a LEFT JOIN stack k ON k.id = a.stack_id WHERE k.id IS NULL),
	(SELECT count(*) FROM stack k LEFT JOIN frame f ON f.id = k.frame_id WHERE f.id IS NULL),
	(SELECT count(*) FROM stack k LEFT JOIN stack p ON p.id = k.parent_id WHERE k.depth <> coalesce(p.depth, 0) + 1)"
check "samples in sum" is "50000|50000000000" "$S" "
	SELECT sum(count), sum(value) FROM sample WHERE kind = 'cpu' AND run_id = '$run'"
check "the folded text has the same sum" is 50000000000 "$S" "
	SELECT sum(value) FROM folded WHERE kind = 'cpu' AND run_id = '$run'"
check "no line of it comes twice" is 0 "$S" "
	SELECT count(*) FROM (SELECT 1 FROM folded GROUP BY run_id, kind, stage, folded HAVING count(*) > 1)"
check "inlined functions are in it" is 1 "$S" "
	SELECT count(*) > 0 FROM folded WHERE folded LIKE '%function_3_owner;shared_inline;function_3%'"

# The same lines by walking the stacks in SQL.
sql "$S" "WITH RECURSIVE up(run_id, kind, stage_id, at, text, value) AS (
	SELECT run_id, kind, stage_id, stack_id, NULL, value FROM sample
	UNION ALL
	SELECT u.run_id, u.kind, u.stage_id, k.parent_id, f.function || coalesce(';' || u.text, ''), u.value
	FROM up u JOIN stack k ON k.id = u.at JOIN frame f ON f.id = k.frame_id)
	SELECT kind, g.name, u.text, sum(u.value) FROM up u LEFT JOIN stage g ON g.id = u.stage_id
	WHERE u.at IS NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3" >"$TMP/walked"
sql "$S" "SELECT kind, stage, folded, value FROM folded ORDER BY 1, 2, 3" >"$TMP/view"
check "the view says what the stacks say" cmp "$TMP/walked" "$TMP/view"
check "stages: n, percentiles and sum" is "10|1|1|1|1|1" "$S" "
	SELECT n, wall_min_ns <= wall_median_ns, wall_median_ns <= wall_p95_ns, wall_p95_ns <= wall_max_ns,
	wall_sum_ns > wall_max_ns, peak_heap_max_bytes > 0 FROM stage_summary WHERE name = 'knn'"

# Eight writers make one store at once.
for i in 1 2 3 4 5 6 7 8; do
	"$FILL" "$TMP/many.sqlite" --stacks 300 --samples 3000 --batch 500 --seed "$i" --runs 2 >"$TMP/ids.$i" 2>&1 &
done
wait
check "eight writers at once: all runs are there" is 16 "$TMP/many.sqlite" "SELECT count(*) FROM run WHERE finished"
check "eight writers at once: sound" is ok "$TMP/many.sqlite" "PRAGMA integrity_check"
check "eight writers at once: no row is mixed up" is 0 "$TMP/many.sqlite" "
	SELECT count(*) FROM (SELECT run_id, sum(value) AS v FROM folded GROUP BY run_id) WHERE v <> 3000000000"

# A writer is killed at some moment of a long recording.
"$FILL" "$TMP/kill.sqlite" --seed 1 --stacks 20000 --samples 5000000 --batch 2000 >/dev/null 2>&1 &
pid=$!
begun() { [ -s "$TMP/kill.sqlite" ] && [ "$(sqlite3 "$TMP/kill.sqlite" "SELECT count(*) FROM run" 2>/dev/null)" = 1 ]; }
wait_for 60 begun
sleep 0.2
kill -9 $pid 2>/dev/null
wait $pid 2>/dev/null
check "killed while writing: sound" is ok "$TMP/kill.sqlite" "PRAGMA integrity_check"
check "killed while writing: the next run is stored" "$FILL" "$TMP/kill.sqlite" --seed 2
check "killed while writing: what was committed is there" is "1|1" "$TMP/kill.sqlite" "
	SELECT count(*) = 2, sum(finished) FROM run"

# Size of a long run.
"$FILL" "$TMP/long.sqlite" --seed 3 --stacks 15000 --depth 25 --samples 1000000 --threads 1 --stages 0 >/dev/null
size=$(stat -c %s "$TMP/long.sqlite")
check "a million samples with 15,000 stacks take at most 4 bytes each ($size)" test "$size" -le 4000000

echo "1..$tap_n"
[ "$tap_failed" -eq 0 ]
