-- The profile store, version 1. docs/store.md is the reference of the names that others rely on: the
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

-- name: the string of the frame's function; negative: the string is the whole folded path down to here;
-- 0: not known yet. For the view `folded`.
CREATE TABLE stack_row (
	id INTEGER PRIMARY KEY,
	parent INTEGER NOT NULL,
	frame INTEGER NOT NULL,
	depth INTEGER NOT NULL,
	name INTEGER NOT NULL DEFAULT 0
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
	PRIMARY KEY (run, kind, stage, thread, stack)
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

CREATE TABLE sql_statement_row (
	id INTEGER PRIMARY KEY,
	fingerprint TEXT NOT NULL,
	text TEXT,
	calls INTEGER NOT NULL,
	total_ns INTEGER NOT NULL,
	rows INTEGER,
	distinct_params INTEGER,
	stack INTEGER NOT NULL,
	stage INTEGER NOT NULL
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
SELECT s.id, r.id AS run_id, iif(s.parent, r.key << 32 | s.parent, NULL) AS parent_id,
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
	iif(s.stack, r.key << 32 | s.stack, NULL) AS stack_id, s.count, s.value
FROM run r JOIN sample_row s ON s.run = r.key JOIN sample_kind k ON k.id = s.kind;

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
	iif(q.stage, r.key << 32 | q.stage, NULL) AS stage_id
FROM sql_statement_row q JOIN run r
	ON r.key = q.id >> 32 AND q.id BETWEEN r.key << 32 AND (r.key << 32) + 4294967295;

CREATE VIEW loss AS
SELECT r.id AS run_id, l.reason, l.count FROM run r JOIN loss_row l ON l.run = r.key;
