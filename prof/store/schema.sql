-- The profile store, version 2. docs/store.md is the reference of the names that others rely on: the
-- tables `run` and `sample_kind`, and the views. Tables that end in _row are how it is packed.
--
-- A row of a run has the id (run.key << 32) | n, n = 1, 2, 3, ...: ids of runs that are recorded at the
-- same time never clash, the rows of a run lie together, and removing a run is removing a range. Inside
-- a _row table another row of the same run is named by its n alone, and 0 is "none".

CREATE TABLE run (
	key INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice
	id TEXT NOT NULL UNIQUE,
	name TEXT,
	command TEXT,
	argv TEXT,
	job TEXT,
	started_at INTEGER NOT NULL,
	duration_ns INTEGER,
	exit_code INTEGER,
	signal INTEGER,
	host TEXT,
	cpu_model TEXT,
	ncpu INTEGER,
	kernel TEXT,
	version TEXT,
	git_sha TEXT,
	labels TEXT NOT NULL DEFAULT '{}',
	rate_hz REAL,
	mode TEXT,
	engine TEXT,
	memory TEXT,
	memory_rate_bytes INTEGER,
	memory_temporary INTEGER,
	finished INTEGER NOT NULL DEFAULT 0,
	start_ns INTEGER NOT NULL,
	spool_path TEXT,
	tick_stride INTEGER NOT NULL DEFAULT 1
);

-- Texts of a run, each once. `folded` is the text without what the folded format cannot hold, NULL if
-- it is the same.
CREATE TABLE string_row (
	id INTEGER PRIMARY KEY,
	text TEXT NOT NULL,
	folded TEXT
);

CREATE TABLE process_row (
	id INTEGER PRIMARY KEY,
	pid INTEGER NOT NULL,
	ppid INTEGER,
	name TEXT,
	start_ns INTEGER,
	end_ns INTEGER,
	cpu_ns INTEGER,
	max_rss_bytes INTEGER
);

CREATE TABLE thread_row (
	id INTEGER PRIMARY KEY,
	process INTEGER NOT NULL,
	tid INTEGER NOT NULL,
	name TEXT,
	start_ns INTEGER,
	end_ns INTEGER,
	cpu_ns INTEGER
);

CREATE TABLE module_row (
	id INTEGER PRIMARY KEY,
	path TEXT NOT NULL,
	build_id TEXT,
	start INTEGER,
	"end" INTEGER,
	offset INTEGER
);

-- function, file, language: string_row. function 0: not named yet.
CREATE TABLE frame_row (
	id INTEGER PRIMARY KEY,
	module INTEGER NOT NULL,
	rel_addr INTEGER NOT NULL,
	function INTEGER NOT NULL DEFAULT 0,
	file INTEGER NOT NULL DEFAULT 0,
	line INTEGER NOT NULL DEFAULT 0,
	inline_depth INTEGER NOT NULL DEFAULT 0,
	language INTEGER NOT NULL DEFAULT 0
);

-- up: the parent's id is id - up (small numbers are small in the file), 0 at the root. path: n in path_row,
-- for stacks with samples once the run is named.
CREATE TABLE stack_row (
	id INTEGER PRIMARY KEY,
	up INTEGER NOT NULL,
	frame INTEGER NOT NULL,
	depth INTEGER NOT NULL,
	path INTEGER NOT NULL DEFAULT 0
);

-- The tree of names, for the view `folded`: stacks that differ in addresses only are one path. text: the
-- whole path down to here, ready, in a few rows that many paths lead through.
CREATE TABLE path_row (
	id INTEGER PRIMARY KEY,
	up INTEGER NOT NULL,
	name INTEGER NOT NULL,
	text TEXT
);

-- folded NULL: one stage; else the row in which the stages of that name beyond the 10,000th are added up.
CREATE TABLE stage_row (
	id INTEGER PRIMARY KEY,
	parent INTEGER NOT NULL,
	thread INTEGER NOT NULL,
	name INTEGER NOT NULL,
	seq INTEGER NOT NULL,
	start_ns INTEGER NOT NULL,
	wall_ns INTEGER,
	cpu_ns INTEGER,
	items REAL,
	params TEXT,
	alloc_bytes INTEGER,
	alloc_count INTEGER,
	peak_heap_bytes INTEGER,
	peak_rss_bytes INTEGER,
	samples INTEGER NOT NULL DEFAULT 0,
	folded INTEGER
);

CREATE TABLE sample_kind (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	unit TEXT NOT NULL
);
INSERT INTO sample_kind VALUES
	(0, 'cpu', 'ns'), (1, 'wall', 'ns'), (2, 'offcpu', 'ns'),
	(3, 'alloc', 'bytes'), (4, 'live', 'bytes'), (5, 'peak', 'bytes'),
	(6, 'leak', 'bytes'), (7, 'temporary', 'bytes'), (8, 'mmap', 'bytes'),
	(9, 'copy', 'bytes'), (10, 'sql', 'ns'), (11, 'gpu', 'ns');

CREATE TABLE sample_row (
	run INTEGER NOT NULL,
	kind INTEGER NOT NULL,
	stage INTEGER NOT NULL,
	thread INTEGER NOT NULL,
	stack INTEGER NOT NULL,
	count INTEGER NOT NULL,
	value INTEGER NOT NULL,
	variance REAL, -- of memory alone, NULL is 0
	life REAL,
	PRIMARY KEY (run, kind, stage, thread, stack)
) WITHOUT ROWID;

-- Live memory at one moment, and its rows, one a stack.
CREATE TABLE snapshot_row (
	id INTEGER PRIMARY KEY,
	t INTEGER NOT NULL, -- ns since run.start_ns
	name INTEGER NOT NULL,
	heap_bytes INTEGER NOT NULL
);

CREATE TABLE snapshot_sample_row (
	run INTEGER NOT NULL,
	snapshot INTEGER NOT NULL,
	stack INTEGER NOT NULL,
	count INTEGER NOT NULL,
	value INTEGER NOT NULL,
	PRIMARY KEY (run, snapshot, stack)
) WITHOUT ROWID;

CREATE TABLE tick_row (
	id INTEGER PRIMARY KEY,
	thread INTEGER NOT NULL,
	t INTEGER NOT NULL, -- ns since run.start_ns
	stack INTEGER NOT NULL,
	state INTEGER NOT NULL
);

CREATE TABLE counter_row (
	id INTEGER PRIMARY KEY,
	t INTEGER NOT NULL, -- ns since run.start_ns
	name INTEGER NOT NULL,
	value REAL NOT NULL
);

-- One statement, issued from one stack in one stage of one process.
CREATE TABLE sql_statement_row (
	id INTEGER PRIMARY KEY,
	fingerprint TEXT NOT NULL,
	text TEXT,
	calls INTEGER NOT NULL,
	total_ns INTEGER NOT NULL,
	rows INTEGER,
	distinct_params INTEGER,
	stack INTEGER NOT NULL,
	stage INTEGER NOT NULL,
	kind TEXT NOT NULL DEFAULT 'query',
	process INTEGER NOT NULL DEFAULT 0,
	p95_ns INTEGER,
	max_ns INTEGER,
	inside_ns INTEGER,
	bytes_sent INTEGER,
	bytes_received INTEGER,
	errors INTEGER,
	unfinished INTEGER,
	unjudged INTEGER,
	statement_distinct INTEGER,
	times TEXT,
	examples TEXT
);

CREATE TABLE loss_row (
	run INTEGER NOT NULL,
	reason TEXT NOT NULL,
	count INTEGER NOT NULL,
	PRIMARY KEY (run, reason)
) WITHOUT ROWID;

-- How far the rings of a live recording are in the store.
CREATE TABLE mark_row (
	run INTEGER NOT NULL,
	file TEXT NOT NULL,
	ring INTEGER NOT NULL,
	opened INTEGER NOT NULL,
	offset INTEGER NOT NULL,
	PRIMARY KEY (run, file, ring, opened)
) WITHOUT ROWID;

-- What outsiders read. The range condition beside each join lets a query for one run read that run only.

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
SELECT m.id, r.id AS run_id, m.path, m.build_id, m.start, m."end", m.offset
FROM module_row m JOIN run r
	ON r.key = m.id >> 32 AND m.id BETWEEN r.key << 32 AND (r.key << 32) + 4294967295;

CREATE VIEW frame AS
SELECT f.id, r.id AS run_id, iif(f.module, r.key << 32 | f.module, NULL) AS module_id, f.rel_addr,
	fn.text AS function, fi.text AS file, nullif(f.line, 0) AS line, f.inline_depth,
	la.text AS language
FROM frame_row f JOIN run r
	ON r.key = f.id >> 32 AND f.id BETWEEN r.key << 32 AND (r.key << 32) + 4294967295
LEFT JOIN string_row fn ON fn.id = (r.key << 32 | f.function)
LEFT JOIN string_row fi ON fi.id = (r.key << 32 | f.file)
LEFT JOIN string_row la ON la.id = (r.key << 32 | f.language);

CREATE VIEW stack AS
SELECT s.id, r.id AS run_id, iif(s.up, s.id - s.up, NULL) AS parent_id,
	r.key << 32 | s.frame AS frame_id, s.depth
FROM stack_row s JOIN run r
	ON r.key = s.id >> 32 AND s.id BETWEEN r.key << 32 AND (r.key << 32) + 4294967295;

CREATE VIEW stage AS
SELECT s.id, r.id AS run_id, iif(s.parent, r.key << 32 | s.parent, NULL) AS parent_id,
	iif(s.thread, r.key << 32 | s.thread, NULL) AS thread_id, n.text AS name, s.seq, s.start_ns,
	s.wall_ns, s.cpu_ns, s.items, s.params, s.alloc_bytes, s.alloc_count, s.peak_heap_bytes,
	s.peak_rss_bytes, s.samples, coalesce(s.folded, 1) AS folded
FROM stage_row s JOIN run r
	ON r.key = s.id >> 32 AND s.id BETWEEN r.key << 32 AND (r.key << 32) + 4294967295
LEFT JOIN string_row n ON n.id = (r.key << 32 | s.name);

CREATE VIEW sample AS
SELECT r.id AS run_id, k.name AS kind, iif(s.stage, r.key << 32 | s.stage, NULL) AS stage_id,
	iif(s.thread, r.key << 32 | s.thread, NULL) AS thread_id,
	iif(s.stack, r.key << 32 | s.stack, NULL) AS stack_id, s.count, s.value, s.variance,
	s.life AS life_ns
FROM run r JOIN sample_row s ON s.run = r.key JOIN sample_kind k ON k.id = s.kind;

CREATE VIEW snapshot AS
SELECT s.id, r.id AS run_id, r.start_ns + s.t AS t_ns, n.text AS name, s.heap_bytes
FROM snapshot_row s JOIN run r
	ON r.key = s.id >> 32 AND s.id BETWEEN r.key << 32 AND (r.key << 32) + 4294967295
LEFT JOIN string_row n ON n.id = (r.key << 32 | s.name);

CREATE VIEW snapshot_sample AS
SELECT r.key << 32 | s.snapshot AS snapshot_id, r.id AS run_id,
	iif(s.stack, r.key << 32 | s.stack, NULL) AS stack_id, s.count, s.value
FROM run r JOIN snapshot_sample_row s ON s.run = r.key;

CREATE VIEW tick AS
SELECT r.id AS run_id, iif(t.thread, r.key << 32 | t.thread, NULL) AS thread_id,
	r.start_ns + t.t AS t_ns, iif(t.stack, r.key << 32 | t.stack, NULL) AS stack_id,
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
	iif(q.stack, r.key << 32 | q.stack, NULL) AS stack_id,
	iif(q.stage, r.key << 32 | q.stage, NULL) AS stage_id,
	q.kind, iif(q.process, r.key << 32 | q.process, NULL) AS process_id, q.p95_ns, q.max_ns,
	q.inside_ns, q.bytes_sent, q.bytes_received, q.errors, q.unfinished, q.unjudged,
	q.statement_distinct, q.times, q.examples
FROM sql_statement_row q JOIN run r
	ON r.key = q.id >> 32 AND q.id BETWEEN r.key << 32 AND (r.key << 32) + 4294967295;

CREATE VIEW loss AS
SELECT r.id AS run_id, l.reason, l.count FROM run r JOIN loss_row l ON l.run = r.key;

-- The classic text, one row per path of names. A path is walked from its leaf, eight names a step, up to
-- the root or to a row that knows the rest.
CREATE VIEW folded AS
WITH leaf AS (
	SELECT r.id AS run_id, r.key AS run, s.kind, g.name AS stage, k.path, sum(s.value) AS value
	FROM run r JOIN sample_row s ON s.run = r.key
	LEFT JOIN stage_row g ON g.id = (s.run << 32 | s.stage)
	LEFT JOIN stack_row k ON k.id = (s.run << 32 | s.stack)
	GROUP BY r.id, s.kind, g.name, k.path
)
SELECT l.run_id, k.name AS kind, n.text AS stage, coalesce((
	WITH RECURSIVE up(path, text) AS (
		SELECT l.run << 32 | l.path, NULL
		UNION ALL
		SELECT iif(p8.text IS NULL AND p8.up, p8.id - p8.up, NULL),
			coalesce(coalesce(p8.text, n8.folded, n8.text) || ';', '') ||
			coalesce(coalesce(p7.text, n7.folded, n7.text) || ';', '') ||
			coalesce(coalesce(p6.text, n6.folded, n6.text) || ';', '') ||
			coalesce(coalesce(p5.text, n5.folded, n5.text) || ';', '') ||
			coalesce(coalesce(p4.text, n4.folded, n4.text) || ';', '') ||
			coalesce(coalesce(p3.text, n3.folded, n3.text) || ';', '') ||
			coalesce(coalesce(p2.text, n2.folded, n2.text) || ';', '') ||
			coalesce(p1.text, n1.folded, n1.text, '[unknown]') || coalesce(';' || up.text, '')
		FROM up
		JOIN path_row p1 ON p1.id = up.path
		LEFT JOIN string_row n1 ON n1.id = (l.run << 32 | p1.name)
		LEFT JOIN path_row p2 ON p2.id = iif(p1.text IS NULL AND p1.up, p1.id - p1.up, NULL)
		LEFT JOIN string_row n2 ON n2.id = (l.run << 32 | p2.name)
		LEFT JOIN path_row p3 ON p3.id = iif(p2.text IS NULL AND p2.up, p2.id - p2.up, NULL)
		LEFT JOIN string_row n3 ON n3.id = (l.run << 32 | p3.name)
		LEFT JOIN path_row p4 ON p4.id = iif(p3.text IS NULL AND p3.up, p3.id - p3.up, NULL)
		LEFT JOIN string_row n4 ON n4.id = (l.run << 32 | p4.name)
		LEFT JOIN path_row p5 ON p5.id = iif(p4.text IS NULL AND p4.up, p4.id - p4.up, NULL)
		LEFT JOIN string_row n5 ON n5.id = (l.run << 32 | p5.name)
		LEFT JOIN path_row p6 ON p6.id = iif(p5.text IS NULL AND p5.up, p5.id - p5.up, NULL)
		LEFT JOIN string_row n6 ON n6.id = (l.run << 32 | p6.name)
		LEFT JOIN path_row p7 ON p7.id = iif(p6.text IS NULL AND p6.up, p6.id - p6.up, NULL)
		LEFT JOIN string_row n7 ON n7.id = (l.run << 32 | p7.name)
		LEFT JOIN path_row p8 ON p8.id = iif(p7.text IS NULL AND p7.up, p7.id - p7.up, NULL)
		LEFT JOIN string_row n8 ON n8.id = (l.run << 32 | p8.name)
	)
	SELECT text FROM up WHERE path IS NULL), '[unknown]') AS folded, l.value
FROM leaf l JOIN sample_kind k ON k.id = l.kind
LEFT JOIN string_row n ON n.id = (l.run << 32 | l.stage);

-- Nearest rank: the p-th percentile is the smallest value that at least p % of the stages do not exceed. A
-- row of many folded stages counts as that many of its mean (of its maximum, for the peak). Open stages
-- count in n alone.
CREATE VIEW stage_summary AS
WITH one AS (
	SELECT r.id AS run_id, r.key << 32 | s.name AS name, coalesce(s.folded, 1) AS n,
		iif(s.folded > 1, s.wall_ns * 1.0 / s.folded, s.wall_ns) AS wall,
		iif(s.folded > 1, s.cpu_ns * 1.0 / s.folded, s.cpu_ns) AS cpu,
		s.peak_heap_bytes AS peak, s.wall_ns, s.cpu_ns
	FROM stage_row s JOIN run r
		ON r.key = s.id >> 32 AND s.id BETWEEN r.key << 32 AND (r.key << 32) + 4294967295
), ranked AS (
	SELECT *,
		sum(iif(wall IS NULL, 0, n)) OVER (PARTITION BY run_id, name ORDER BY wall
			ROWS UNBOUNDED PRECEDING) AS wall_at,
		sum(iif(wall IS NULL, 0, n)) OVER (PARTITION BY run_id, name) AS wall_n,
		sum(iif(cpu IS NULL, 0, n)) OVER (PARTITION BY run_id, name ORDER BY cpu
			ROWS UNBOUNDED PRECEDING) AS cpu_at,
		sum(iif(cpu IS NULL, 0, n)) OVER (PARTITION BY run_id, name) AS cpu_n,
		sum(iif(peak IS NULL, 0, n)) OVER (PARTITION BY run_id, name ORDER BY peak
			ROWS UNBOUNDED PRECEDING) AS peak_at,
		sum(iif(peak IS NULL, 0, n)) OVER (PARTITION BY run_id, name) AS peak_n
	FROM one
)
SELECT a.run_id, g.text AS name, sum(a.n) AS n,
	min(a.wall) AS wall_min_ns,
	min(iif(a.wall_at * 2 >= a.wall_n, a.wall, NULL)) AS wall_median_ns,
	min(iif(a.wall_at * 100 >= a.wall_n * 95, a.wall, NULL)) AS wall_p95_ns,
	max(a.wall) AS wall_max_ns,
	sum(a.wall_ns) AS wall_sum_ns,
	min(a.cpu) AS cpu_min_ns,
	min(iif(a.cpu_at * 2 >= a.cpu_n, a.cpu, NULL)) AS cpu_median_ns,
	min(iif(a.cpu_at * 100 >= a.cpu_n * 95, a.cpu, NULL)) AS cpu_p95_ns,
	max(a.cpu) AS cpu_max_ns,
	sum(a.cpu_ns) AS cpu_sum_ns,
	min(a.peak) AS peak_heap_min_bytes,
	min(iif(a.peak_at * 2 >= a.peak_n, a.peak, NULL)) AS peak_heap_median_bytes,
	min(iif(a.peak_at * 100 >= a.peak_n * 95, a.peak, NULL)) AS peak_heap_p95_bytes,
	max(a.peak) AS peak_heap_max_bytes,
	sum(a.peak * a.n) AS peak_heap_sum_bytes
FROM ranked a LEFT JOIN string_row g ON g.id = a.name
GROUP BY a.run_id, a.name;
