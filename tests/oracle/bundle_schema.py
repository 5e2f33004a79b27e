"""Empty bundle: the tables of spec 2.1 as SQLite (architecture section 6)."""
import sqlite3

APPLICATION_ID = 0x50525442
NOW = "DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))"


def tables(features):
    """DDL; optional columns disappear with the features that say so."""
    opt = "no_opt_columns" not in features
    chunk = "no_chunk_column" not in features
    unique = ", UNIQUE (sequence_id, embedding_config_id, chunk_index_s)"
    if not chunk or "dup_chunks" in features:
        unique = ""
    return f"""
CREATE TABLE bundle_note (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE ontology_snapshot (id TEXT PRIMARY KEY, obo_version TEXT NOT NULL UNIQUE
  {", obo_url TEXT, ia_url TEXT, loaded_at TEXT" if opt else ""});
CREATE TABLE go_term (id INTEGER PRIMARY KEY, go_id TEXT NOT NULL, aspect TEXT
  {", name TEXT, is_obsolete INTEGER" if opt else ""},
  ontology_snapshot_id TEXT NOT NULL REFERENCES ontology_snapshot(id), UNIQUE (go_id, ontology_snapshot_id));
CREATE TABLE go_term_relationship (id INTEGER PRIMARY KEY, child_go_term_id INTEGER NOT NULL REFERENCES go_term(id),
  parent_go_term_id INTEGER NOT NULL REFERENCES go_term(id), relation_type TEXT NOT NULL,
  ontology_snapshot_id TEXT NOT NULL REFERENCES ontology_snapshot(id));
CREATE TABLE annotation_set (id TEXT PRIMARY KEY, source TEXT NOT NULL, source_version TEXT,
  ontology_snapshot_id TEXT NOT NULL REFERENCES ontology_snapshot(id), created_at TEXT NOT NULL {NOW});
CREATE TABLE sequence (id INTEGER PRIMARY KEY, sequence TEXT NOT NULL{", sequence_hash TEXT NOT NULL UNIQUE" if opt else ""});
CREATE TABLE protein (accession TEXT PRIMARY KEY, sequence_id INTEGER REFERENCES sequence(id), taxonomy_id TEXT);
CREATE TABLE protein_go_annotation (id INTEGER PRIMARY KEY,
  annotation_set_id TEXT NOT NULL REFERENCES annotation_set(id),
  protein_accession TEXT NOT NULL REFERENCES protein(accession),
  go_term_id INTEGER NOT NULL REFERENCES go_term(id), qualifier TEXT, evidence_code TEXT,
  UNIQUE (annotation_set_id, protein_accession, go_term_id, evidence_code));
CREATE INDEX annotation_by_set ON protein_go_annotation (annotation_set_id, protein_accession);
CREATE TABLE embedding_config (id TEXT PRIMARY KEY, model_name TEXT NOT NULL);
CREATE TABLE sequence_embedding (id INTEGER PRIMARY KEY, sequence_id INTEGER NOT NULL REFERENCES sequence(id),
  embedding_config_id TEXT NOT NULL REFERENCES embedding_config(id)
  {", chunk_index_s INTEGER NOT NULL DEFAULT 0" if chunk else ""}{", chunk_index_e INTEGER" if chunk and opt else ""},
  embedding BLOB NOT NULL, embedding_dim INTEGER NOT NULL{unique});
CREATE INDEX embedding_by_config ON sequence_embedding (embedding_config_id, sequence_id);
CREATE TABLE evaluation_set (id TEXT PRIMARY KEY, old_annotation_set_id TEXT NOT NULL REFERENCES annotation_set(id),
  new_annotation_set_id TEXT NOT NULL REFERENCES annotation_set(id), stats TEXT NOT NULL DEFAULT '{{}}',
  groundtruth_uri TEXT, created_at TEXT NOT NULL {NOW});
CREATE TABLE job (id TEXT PRIMARY KEY, operation TEXT NOT NULL, queue_name TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'QUEUED', payload TEXT NOT NULL DEFAULT '{{}}', meta TEXT NOT NULL DEFAULT '{{}}',
  created_at TEXT NOT NULL {NOW}, started_at TEXT, finished_at TEXT, progress_current INTEGER, progress_total INTEGER,
  parent_job_id TEXT REFERENCES job(id), leased_until TEXT, error_code TEXT, error_message TEXT);
CREATE TABLE job_event (id INTEGER PRIMARY KEY AUTOINCREMENT,
  job_id TEXT NOT NULL REFERENCES job(id) ON DELETE CASCADE, ts TEXT NOT NULL {NOW},
  level TEXT NOT NULL DEFAULT 'info', event TEXT NOT NULL, message TEXT, fields TEXT NOT NULL DEFAULT '{{}}');
CREATE VIEW job_events AS SELECT id, job_id, event, ts AS created_at, level, message, fields AS payload FROM job_event;
CREATE TABLE dataset (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, operation TEXT NOT NULL,
  job_id TEXT REFERENCES job(id), storage_backend TEXT NOT NULL, key_prefix TEXT NOT NULL, train_uri TEXT, eval_uri TEXT,
  manifest_uri TEXT NOT NULL, schema_sha TEXT NOT NULL, schema_sha_v2 TEXT, manifest_sha TEXT,
  n_train_rows INTEGER NOT NULL DEFAULT 0, n_eval_rows INTEGER NOT NULL DEFAULT 0, k INTEGER NOT NULL,
  annotation_source TEXT NOT NULL, embedding_config_id TEXT REFERENCES embedding_config(id),
  ontology_snapshot_id TEXT REFERENCES ontology_snapshot(id), train_snapshot_pairs TEXT NOT NULL DEFAULT '[]',
  eval_snapshot_pair TEXT, producer_version TEXT, producer_git_sha TEXT, meta TEXT NOT NULL DEFAULT '{{}}',
  created_at TEXT NOT NULL {NOW});
"""


def create(path, features):
    db = sqlite3.connect(path)
    db.execute("PRAGMA foreign_keys = OFF")      # rows that dangle are part of what is tested
    db.executescript(tables(features))
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute("PRAGMA user_version = 1")
    return db


def insert(db, table, rows):
    """Insert dicts; keys without a column in this bundle are left out."""
    have = [r[1] for r in db.execute(f"PRAGMA table_info({table})")]
    for row in rows:
        names = [n for n in row if n in have]
        db.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",
                   [row[n] for n in names])
