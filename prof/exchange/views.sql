-- What outsiders read of a team's runs in PostgreSQL: the views of prof/store/schema.sql under the same names, with the same
-- columns in the same order (tests/cli/160_runs_push.sh compares both). Run with the schema as the search path, at making and
-- after each migration. The range condition beside each join lets a query for one run read that run only.

DROP VIEW IF EXISTS process, thread, module, frame, stack, stage, sample, snapshot, snapshot_sample, tick, counter,
	sql_statement, loss, folded, stage_summary;

CREATE VIEW process AS
SELECT p.id, r.id AS run_id, p.pid, p.ppid, p.name, p.start_ns, p.end_ns, p.cpu_ns, p.max_rss_bytes
FROM process_row p JOIN run r
	ON r.key = p.id >> 32 AND p.id BETWEEN r.key << 32 AND (r.key << 32) + 4294967295;

CREATE VIEW thread AS
SELECT t.id, r.id AS run_id, r.key << 32 | t.process AS process_id, p.pid, t.tid, p.ppid, t.name,
	t.start_ns, t.end_ns, t.cpu_ns, p.max_rss_bytes
FROM thread_row t JOIN run r
	ON r.key = t.id >> 32 AND t.id BETWEEN r.key << 32 AND (r.key << 32) + 4294967295
LEFT JOIN process_row p ON p.id = (r.key << 32 | t.process);

CREATE VIEW module AS
SELECT m.id, r.id AS run_id, m.path, m.build_id, m.start, m."end", m."offset"
FROM module_row m JOIN run r
	ON r.key = m.id >> 32 AND m.id BETWEEN r.key << 32 AND (r.key << 32) + 4294967295;

CREATE VIEW frame AS
SELECT f.id, r.id AS run_id, CASE WHEN f.module <> 0 THEN r.key << 32 | f.module END AS module_id, f.rel_addr,
	fn.text AS function, fi.text AS file, nullif(f.line, 0) AS line, f.inline_depth,
	la.text AS language
FROM frame_row f JOIN run r
	ON r.key = f.id >> 32 AND f.id BETWEEN r.key << 32 AND (r.key << 32) + 4294967295
LEFT JOIN string_row fn ON fn.id = (r.key << 32 | f.function)
LEFT JOIN string_row fi ON fi.id = (r.key << 32 | f.file)
LEFT JOIN string_row la ON la.id = (r.key << 32 | f.language);

CREATE VIEW stack AS
SELECT s.id, r.id AS run_id, CASE WHEN s.up <> 0 THEN s.id - s.up END AS parent_id,
	r.key << 32 | s.frame AS frame_id, s.depth
FROM stack_row s JOIN run r
	ON r.key = s.id >> 32 AND s.id BETWEEN r.key << 32 AND (r.key << 32) + 4294967295;

CREATE VIEW stage AS
SELECT s.id, r.id AS run_id, CASE WHEN s.parent <> 0 THEN r.key << 32 | s.parent END AS parent_id,
	CASE WHEN s.thread <> 0 THEN r.key << 32 | s.thread END AS thread_id, n.text AS name, s.seq, s.start_ns,
	s.wall_ns, s.cpu_ns, s.items, s.params, s.alloc_bytes, s.alloc_count, s.peak_heap_bytes,
	s.peak_rss_bytes, s.samples, coalesce(s.folded, 1) AS folded
FROM stage_row s JOIN run r
	ON r.key = s.id >> 32 AND s.id BETWEEN r.key << 32 AND (r.key << 32) + 4294967295
LEFT JOIN string_row n ON n.id = (r.key << 32 | s.name);

CREATE VIEW sample AS
SELECT r.id AS run_id, k.name AS kind, CASE WHEN s.stage <> 0 THEN r.key << 32 | s.stage END AS stage_id,
	CASE WHEN s.thread <> 0 THEN r.key << 32 | s.thread END AS thread_id,
	CASE WHEN s.stack <> 0 THEN r.key << 32 | s.stack END AS stack_id, s.count, s.value, s.variance,
	s.life AS life_ns
FROM run r JOIN sample_row s ON s.run = r.key JOIN sample_kind k ON k.id = s.kind;

CREATE VIEW snapshot AS
SELECT s.id, r.id AS run_id, r.start_ns + s.t AS t_ns, n.text AS name, s.heap_bytes
FROM snapshot_row s JOIN run r
	ON r.key = s.id >> 32 AND s.id BETWEEN r.key << 32 AND (r.key << 32) + 4294967295
LEFT JOIN string_row n ON n.id = (r.key << 32 | s.name);

CREATE VIEW snapshot_sample AS
SELECT r.key << 32 | s.snapshot AS snapshot_id, r.id AS run_id,
	CASE WHEN s.stack <> 0 THEN r.key << 32 | s.stack END AS stack_id, s.count, s.value
FROM run r JOIN snapshot_sample_row s ON s.run = r.key;

CREATE VIEW tick AS
SELECT r.id AS run_id, CASE WHEN t.thread <> 0 THEN r.key << 32 | t.thread END AS thread_id,
	r.start_ns + t.t AS t_ns, CASE WHEN t.stack <> 0 THEN r.key << 32 | t.stack END AS stack_id,
	CASE t.state WHEN 0 THEN 'running' WHEN 1 THEN 'runnable' WHEN 2 THEN 'sleeping'
		WHEN 3 THEN 'disk' WHEN 4 THEN 'stopped' WHEN 5 THEN 'zombie' END AS state
FROM tick_row t JOIN run r
	ON r.key = t.id >> 32 AND t.id BETWEEN r.key << 32 AND (r.key << 32) + 4294967295;

CREATE VIEW counter AS
SELECT r.id AS run_id, r.start_ns + c.t AS t_ns, n.text AS name, c.value
FROM counter_row c JOIN run r
	ON r.key = c.id >> 32 AND c.id BETWEEN r.key << 32 AND (r.key << 32) + 4294967295
LEFT JOIN string_row n ON n.id = (r.key << 32 | c.name);

CREATE VIEW sql_statement AS
SELECT r.id AS run_id, q.fingerprint, q.text, q.calls, q.total_ns, q.rows, q.distinct_params,
	CASE WHEN q.stack <> 0 THEN r.key << 32 | q.stack END AS stack_id,
	CASE WHEN q.stage <> 0 THEN r.key << 32 | q.stage END AS stage_id,
	q.kind, CASE WHEN q.process <> 0 THEN r.key << 32 | q.process END AS process_id, q.p95_ns, q.max_ns,
	q.inside_ns, q.bytes_sent, q.bytes_received, q.errors, q.unfinished, q.unjudged,
	q.statement_distinct, q.times, q.examples
FROM sql_statement_row q JOIN run r
	ON r.key = q.id >> 32 AND q.id BETWEEN r.key << 32 AND (r.key << 32) + 4294967295;

CREATE VIEW loss AS
SELECT r.id AS run_id, l.reason, l.count FROM run r JOIN loss_row l ON l.run = r.key;

-- The classic text, one row per path of names: a path is walked from its leaf up to the root, or to a row that knows the rest.
CREATE VIEW folded AS
WITH leaf AS NOT MATERIALIZED (
	SELECT r.id AS run_id, r.key AS run, s.kind, g.name AS stage, k.path, sum(s.value)::bigint AS value
	FROM run r JOIN sample_row s ON s.run = r.key
	LEFT JOIN stage_row g ON g.id = (s.run << 32 | s.stage)
	LEFT JOIN stack_row k ON k.id = (s.run << 32 | s.stack)
	GROUP BY r.id, r.key, s.kind, g.name, k.path
)
SELECT l.run_id, k.name AS kind, n.text AS stage, coalesce((
	WITH RECURSIVE up(path, text) AS (
		SELECT l.run << 32 | l.path, NULL::text
		UNION ALL
		SELECT one.next, one.name || coalesce(';' || up.text, '')
		FROM up CROSS JOIN LATERAL ( -- LIMIT: one row by its key for each step, never a join of whole tables
			SELECT CASE WHEN p.text IS NULL AND p.up <> 0 THEN p.id - p.up END AS next,
				coalesce(p.text, s.folded, s.text, '[unknown]') AS name
			FROM path_row p LEFT JOIN string_row s ON s.id = (l.run << 32 | p.name)
			WHERE p.id = up.path LIMIT 1) one
	)
	SELECT text FROM up WHERE path IS NULL), '[unknown]') AS folded, l.value
FROM leaf l JOIN sample_kind k ON k.id = l.kind
LEFT JOIN string_row n ON n.id = (l.run << 32 | l.stage);

-- Percentiles by nearest rank, as in the store.
CREATE VIEW stage_summary AS
WITH one AS NOT MATERIALIZED (
	SELECT r.id AS run_id, r.key << 32 | s.name AS name, coalesce(s.folded, 1) AS n,
		CASE WHEN s.folded > 1 THEN s.wall_ns::double precision / s.folded ELSE s.wall_ns END AS wall,
		CASE WHEN s.folded > 1 THEN s.cpu_ns::double precision / s.folded ELSE s.cpu_ns END AS cpu,
		s.peak_heap_bytes AS peak, s.wall_ns, s.cpu_ns
	FROM stage_row s JOIN run r
		ON r.key = s.id >> 32 AND s.id BETWEEN r.key << 32 AND (r.key << 32) + 4294967295
), ranked AS NOT MATERIALIZED (
	SELECT *,
		sum(CASE WHEN wall IS NULL THEN 0 ELSE n END) OVER (PARTITION BY run_id, name ORDER BY wall
			ROWS UNBOUNDED PRECEDING) AS wall_at,
		sum(CASE WHEN wall IS NULL THEN 0 ELSE n END) OVER (PARTITION BY run_id, name) AS wall_n,
		sum(CASE WHEN cpu IS NULL THEN 0 ELSE n END) OVER (PARTITION BY run_id, name ORDER BY cpu
			ROWS UNBOUNDED PRECEDING) AS cpu_at,
		sum(CASE WHEN cpu IS NULL THEN 0 ELSE n END) OVER (PARTITION BY run_id, name) AS cpu_n,
		sum(CASE WHEN peak IS NULL THEN 0 ELSE n END) OVER (PARTITION BY run_id, name ORDER BY peak
			ROWS UNBOUNDED PRECEDING) AS peak_at,
		sum(CASE WHEN peak IS NULL THEN 0 ELSE n END) OVER (PARTITION BY run_id, name) AS peak_n
	FROM one
)
SELECT a.run_id, g.text AS name, sum(a.n)::bigint AS n,
	min(a.wall) AS wall_min_ns,
	min(CASE WHEN a.wall_at * 2 >= a.wall_n THEN a.wall END) AS wall_median_ns,
	min(CASE WHEN a.wall_at * 100 >= a.wall_n * 95 THEN a.wall END) AS wall_p95_ns,
	max(a.wall) AS wall_max_ns,
	sum(a.wall_ns)::bigint AS wall_sum_ns,
	min(a.cpu) AS cpu_min_ns,
	min(CASE WHEN a.cpu_at * 2 >= a.cpu_n THEN a.cpu END) AS cpu_median_ns,
	min(CASE WHEN a.cpu_at * 100 >= a.cpu_n * 95 THEN a.cpu END) AS cpu_p95_ns,
	max(a.cpu) AS cpu_max_ns,
	sum(a.cpu_ns)::bigint AS cpu_sum_ns,
	min(a.peak) AS peak_heap_min_bytes,
	min(CASE WHEN a.peak_at * 2 >= a.peak_n THEN a.peak END) AS peak_heap_median_bytes,
	min(CASE WHEN a.peak_at * 100 >= a.peak_n * 95 THEN a.peak END) AS peak_heap_p95_bytes,
	max(a.peak) AS peak_heap_max_bytes,
	sum(a.peak * a.n)::bigint AS peak_heap_sum_bytes
FROM ranked a LEFT JOIN string_row g ON g.id = a.name
GROUP BY a.run_id, a.name, g.text;

-- Takes a run out, all of its rows: SELECT protea_prof.remove_run('<id>'). False: there is no such run.
CREATE OR REPLACE FUNCTION remove_run(which text) RETURNS boolean LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
	number bigint;
	t record;
BEGIN
	DELETE FROM run WHERE id = which RETURNING key INTO number;
	IF number IS NULL THEN
		RETURN false;
	END IF;
	FOR t IN SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = 1
		WHERE c.oid IN (SELECT oid FROM pg_class WHERE relnamespace = 'protea_prof'::regnamespace)
			AND c.relkind = 'r' AND c.relname LIKE '%\_row'
	LOOP
		IF t.attname = 'run' THEN
			EXECUTE format('DELETE FROM %I WHERE run = $1', t.relname) USING number;
		ELSE
			EXECUTE format('DELETE FROM %I WHERE id BETWEEN $1 AND $1 + 4294967295', t.relname)
				USING number << 32;
		END IF;
	END LOOP;
	RETURN true;
END
$$;
