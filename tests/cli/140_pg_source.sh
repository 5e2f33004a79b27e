#!/bin/bash
# PostgreSQL as a source: a bundle loaded into a database in each of the four types of embeddings gives the files
# that the bundle gives, byte for byte, and comes back as the same bundle. Optional columns may be missing.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/job.sh
. tests/cli/job.sh
# shellcheck source=tests/cli/pg_rig.sh
. tests/cli/pg_rig.sh
need "a database gives what a bundle gives"
pg_rig_need "a database gives what a bundle gives"
pg_rig_start || { not_ok "the server starts" && exit 1; }

NAME=same
samples/build.sh tiny "$O/samples/tiny" >"$TMP/build" 2>&1 || { not_ok "the tiny bundle is built" && exit 1; }
TINY=$PWD/$O/samples/tiny
mkdir "$TMP/t"
cp "$TINY/tiny.bundle" "$TMP/t/bundle.sqlite"
B=$TMP/t/bundle.sqlite
"$PY" - "$TMP/t/job.json" "$TINY" <<'END'
import json, sys
tiny = sys.argv[2]
json.dump({"operation": "export_research_dataset", "source": "bundle:bundle.sqlite", "payload": {
    "output_name": "same", "embedding_config_id": "084943c6-fec1-441d-bdc5-63b0268ada1b",
    "ontology_snapshot_id": "884d1167-86e5-8831-94d6-f1160a3c5244",
    "train_versions": [160, 165, 170, 175, 180], "test_versions": [185], "k": 5, "compute_alignments": True,
    "compute_taxonomy": True, "expand_votes_to_ancestors": True, "use_embedding_pca": True},
    "environment": {"PROTEA_ANC2VEC_PATH": tiny + "/anc2vec.npz", "PROTEA_TAXONOMY_PATH": tiny + "/taxonomy",
    "PROTEA_STORAGE_ROOT": "store", "PROTEA_EXPORT_RESUME_DIR": "resume"}}, open(sys.argv[1], "w"))
END
run "$TMP/log" "$TMP/t/job.json" || { not_ok "the bundle's own run" && tail -n 3 "$TMP/log" && exit 1; }
published "$TMP/t" $NAME >"$TMP/reference"
# the copy that is loaded is as it was before that run
cp "$TINY/tiny.bundle" "$B"

# content BUNDLE: all its rows, whatever order they lie in.
content() { sqlite3 "$1" .dump | LC_ALL=C sort; }

# files_of URL [STATEMENT…]: what a run of the job gives with that source.
files_of() {
	local url=$1
	shift
	rm -rf "$TMP/t/store" "$TMP/t/resume"
	job "$TMP/t/job.json" "$TMP/t/pg.json" "j['source'] = '$url'" "$@"
	run "$TMP/log" "$TMP/t/pg.json" || { tail -n 3 "$TMP/log" && return 1; }
	published "$TMP/t" $NAME
}
same_files() { diff "$TMP/reference" <(files_of "$@"); }

# ---- four types of embeddings ----------------------------------------------------------------------------

load() { # TYPE DATABASE
	"$EXPORT" bundle load -q "$B" --to "$(pg_rig_url "$2")" --vectors "$1"
}
back_again() { # DATABASE
	rm -f "$TMP/back.sqlite"
	"$EXPORT" bundle create -q --from "$(pg_rig_url "$1")" "$TMP/back.sqlite" || return 1
	diff <(content "$B") <(content "$TMP/back.sqlite")
}
# A wider type gives wider values: compared as what a run makes of them.
wider_again() {
	rm -f "$TMP/back.sqlite"
	"$EXPORT" bundle create -q --from "$(pg_rig_url "$1")" "$TMP/back.sqlite" || return 1
	diff <(sqlite3 "$B" .dump | grep -v 'INTO sequence_embedding' | LC_ALL=C sort) \
		<(sqlite3 "$TMP/back.sqlite" .dump | grep -v 'INTO sequence_embedding' | LC_ALL=C sort) || return 1
	"$PY" - "$B" "$TMP/back.sqlite" <<-'END'
		import sqlite3, sys, numpy
		rows = [sqlite3.connect(p).execute("SELECT id, sequence_id, embedding_config_id, chunk_index_s, chunk_index_e,"
		    " embedding_dim, embedding FROM sequence_embedding ORDER BY id").fetchall() for p in sys.argv[1:]]
		assert len(rows[0]) == len(rows[1]) > 0
		for a, b in zip(*rows):
		    assert a[:6] == b[:6], (a[:6], b[:6])
		    half, full = numpy.frombuffer(a[6], "<f2"), numpy.frombuffer(b[6], "<f4")
		    assert (half.astype("f4").view("u4") == full.view("u4")).all()
	END
}

for type in halfvec vector real bytea; do
	url=$(pg_rig_db "db_$type")
	if [ $type = halfvec ] || [ $type = vector ]; then
		if ! pg_rig_vectors "db_$type" 2>"$TMP/why"; then
			skip "$type: the same files" "no server headers to build the types with"
			continue
		fi
	fi
	check "$type: the bundle is loaded" load $type "db_$type"
	check "$type: the same files" same_files "$url"
	case $type in
	halfvec | bytea) check "$type: the same bundle comes back" back_again "db_$type" ;;
	*) check "$type: the same bundle comes back, in wider values" wider_again "db_$type" ;;
	esac
done

# float32 values midway between two halves go where their decimal text lies: what the pool holds is what NumPy makes
# of the text.
midway() {
	local id=00000000-0000-4000-8000-00000000aaaa url
	url=$(pg_rig_url db_vector)
	pg_sql "INSERT INTO embedding_config VALUES ('$id', 'midway')" db_vector || return 1
	"$PY" - "$url" "$id" >"$TMP/midway" <<-'END' || return 1
		import hashlib, numpy, psycopg2, sys
		db = psycopg2.connect(sys.argv[1])
		c = db.cursor()
		c.execute("SELECT id FROM sequence ORDER BY id LIMIT 40")
		ids = [r[0] for r in c.fetchall()]
		rng = numpy.random.default_rng(5)
		for i, s in enumerate(ids):
		    bits = rng.integers(0x38000000, 0x477fe000, 64, dtype=numpy.uint32) & 0xffffe000
		    v = (bits | 0x1000).view(numpy.float32) * rng.choice([-1, 1], 64).astype("f4")
		    c.execute("INSERT INTO sequence_embedding (id, sequence_id, embedding_config_id, embedding, embedding_dim)"
		        " VALUES (%s, %s, %s, %s, 64)", (10**6 + i, s, sys.argv[2], "[" + ",".join(repr(float(x)) for x in v) + "]"))
		db.commit()
		c.execute("SELECT p.accession, e.embedding FROM protein p JOIN sequence_embedding e USING (sequence_id)"
		    " WHERE e.embedding_config_id = %s ORDER BY p.accession COLLATE \"C\"", (sys.argv[2],))
		rows = [[float(x) for x in text[1:-1].split(",")] for _, text in c]
		print(hashlib.sha256(numpy.array(rows, dtype=numpy.float16).tobytes()).hexdigest())
	END
	"$TOOLS/source_load" "$url" "$id" >"$TMP/pool" || return 1
	grep -q "$(cat "$TMP/midway")" "$TMP/pool" || { cat "$TMP/midway" "$TMP/pool" && return 1; }
}
if [ ! -x "$TOOLS/source_load" ] || ! "$PY" -c 'import psycopg2' 2>/dev/null; then
	skip "vector: values midway between two halves" "needs python3-psycopg2 and the test tools"
elif pg_sql "SELECT 'vector'::regtype" db_vector >/dev/null 2>&1; then
	check "vector: values midway between two halves" midway
fi

# ---- a random world: odd rows, float32, no constraints -----------------------------------------------------

odd() { # SEED: case A and B, dangling terms, duplicate chunks, values that are not finite
	local dir=$TMP/odd$1 url
	world "$dir" "$1" small
	url=$(pg_rig_db "odd$1") || return 1
	"$EXPORT" bundle load -q --no-constraints "$dir/bundle.sqlite" --to "$url" --vectors bytea || return 1
	for j in v5-all pivot-b; do
		[ -f "$dir/job-$j.json" ] || continue
		rm -rf "$dir/store" "$dir/resume"
		job "$dir/job-$j.json" "$dir/a.json" "p['output_name'] = '$j'"
		run "$TMP/log" "$dir/a.json" || { tail -n 3 "$TMP/log" && return 1; }
		published "$dir" "$j" >"$TMP/odd"
		rm -rf "$dir/store" "$dir/resume"
		job "$dir/job-$j.json" "$dir/b.json" "p['output_name'] = '$j'" "j['source'] = '$url'"
		run "$TMP/log" "$dir/b.json" || { tail -n 3 "$TMP/log" && return 1; }
		diff "$TMP/odd" <(published "$dir" "$j") || return 1
	done
}
check "a random world gives the same files" odd 3
check "another one" odd 11

no_hashes() { # a bundle may lack the hash of some sequences
	local url
	url=$(pg_rig_db no_hashes) || return 1
	cp "$TMP/odd3/bundle.sqlite" "$TMP/hashes.sqlite"
	sqlite3 "$TMP/hashes.sqlite" "ALTER TABLE sequence ADD COLUMN sequence_hash TEXT" || return 1
	"$EXPORT" bundle load -q --no-constraints "$TMP/hashes.sqlite" --to "$url" || return 1
	[ "$(pg_sql "SELECT count(*) > 1, bool_and(sequence_hash = md5(sequence)) FROM sequence" no_hashes)" = "t|t" ]
}
check "hashes that the bundle lacks are made" no_hashes

# ---- columns -----------------------------------------------------------------------------------------------

D=db_bytea
pg_sql "ALTER TABLE sequence_embedding DROP COLUMN chunk_index_s CASCADE, DROP COLUMN chunk_index_e;
	ALTER TABLE ontology_snapshot DROP COLUMN obo_url, DROP COLUMN ia_url, DROP COLUMN loaded_at;
	ALTER TABLE go_term DROP COLUMN name, DROP COLUMN is_obsolete;
	ALTER TABLE sequence DROP COLUMN sequence_hash;
	ALTER TABLE protein ADD COLUMN reviewed boolean, ADD COLUMN gene_name text;
	ALTER TABLE protein_go_annotation ADD COLUMN with_from text;
	ALTER TABLE job DROP COLUMN parent_job_id, DROP COLUMN leased_until;
	ALTER TABLE dataset DROP COLUMN schema_sha_v2;
	DELETE FROM dataset; DELETE FROM job_event; DELETE FROM job" $D >/dev/null
check "optional columns missing, others added: the same files" same_files "$(pg_rig_url $D)"
D=db_real
pg_sql "ALTER TABLE sequence_embedding DROP COLUMN embedding_dim; ALTER TABLE sequence_embedding ALTER id TYPE integer;
	ALTER TABLE go_term ALTER id TYPE integer; ALTER TABLE evaluation_set ALTER stats TYPE json;
	ALTER TABLE protein ALTER accession TYPE text COLLATE \"en-x-icu\";
	DELETE FROM dataset; DELETE FROM job_event; DELETE FROM job" $D >/dev/null
check "no dimension beside an array, other widths, another collation: the same files" same_files "$(pg_rig_url $D)"

# ---- statements ------------------------------------------------------------------------------------------------

asked_once() { # every table is one stream, every set is read once, nothing is counted beforehand
	pg_rig_set log_statement all
	wait_for 60 eval "pg_sql 'SHOW log_statement' | grep -q all"
	: >"$PG_RIG/log"
	pg_sql "DELETE FROM dataset; DELETE FROM job_event; DELETE FROM job" db_bytea
	same_files "$(pg_rig_url db_bytea)" || return 1
	pg_rig_set log_statement none
	grep -o 'COPY (SELECT .*' "$PG_RIG/log" >"$TMP/streams"
	! grep -i 'count(' "$TMP/streams" || return 1
	for t in 'FROM protein_go_annotation WHERE annotation_set_id' 'FROM protein ORDER' 'FROM go_term WHERE' 'ORDER BY sequence_id, id) TO'; do
		grep -F "$t" "$TMP/streams" | sort | uniq -c | awk -v what="$t" '{ n++; if ($1 > 1) many = $0 }
			END { if (!n || many != "") { print what, n + 0, many; exit 1 } }' || return 1
	done
	[ "$(grep -cF 'FROM protein_go_annotation WHERE annotation_set_id' "$TMP/streams")" = 6 ]
}
check "each set of annotations is read once, nothing is counted" asked_once

# ---- what moves, and what is refused -------------------------------------------------------------------------

before=$(pg_sql "SELECT count(*), max(id) FROM protein_go_annotation" db_bytea)
check_fails 1 "a database with rows is not loaded again" load bytea db_bytea
check "and nothing was added to it" test "$before" = "$(pg_sql 'SELECT count(*), max(id) FROM protein_go_annotation' db_bytea)"
check_fails 1 "a bundle is not replaced" "$EXPORT" bundle create -q --from "$(pg_rig_url db_bytea)" "$B"
check "but for --force" "$EXPORT" bundle create -q -f --from "$(pg_rig_url db_bytea)" "$TMP/back.sqlite"
check "what came from a poorer database is a sound bundle" "$EXPORT" bundle check -q "$TMP/back.sqlite"
check_fails 2 "a URL of something else" "$EXPORT" bundle load "$B" --to mysql://u:secret@h/d
check_fails 2 "no URL at all" env -u PROTEA_DB_URL "$EXPORT" bundle load "$B"
check_fails 1 "a type the database lacks" load halfvec db_bytea

json() {
	local url
	url=$(pg_rig_db json) || return 1
	PROTEA_DB_URL=$url "$EXPORT" bundle load -q --json "$B" >"$TMP/json" || return 1
	"$PY" - "$TMP/json" "$B" <<-'END'
		import json, sqlite3, sys
		j, db = json.load(open(sys.argv[1])), sqlite3.connect(sys.argv[2])
		assert j["schema_created"] is True and j["embedding_type"] == "bytea" and j["bytes"] > 0, j
		for table, n in j["tables"].items():
		    assert db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == n, table
		assert len(j["tables"]) == 11, j
	END
}
check "the summary as JSON counts every table" json

jobs_too() { # a run's job, events and data set go over and come back
	local url
	rm -rf "$TMP/t/store" "$TMP/t/resume"
	cp "$B" "$TMP/t/ran.sqlite"
	job "$TMP/t/job.json" "$TMP/t/ran.json" "j['source'] = 'bundle:ran.sqlite'"
	run "$TMP/log" "$TMP/t/ran.json" || return 1
	url=$(pg_rig_db jobs) || return 1
	"$EXPORT" bundle load -q --jobs "$TMP/t/ran.sqlite" --to "$url" || return 1
	[ "$(pg_sql "SELECT status, count(*) FROM job GROUP BY 1" jobs)" = "SUCCEEDED|1" ] || return 1
	"$EXPORT" bundle create -q -f --jobs --from "$url" "$TMP/back.sqlite" || return 1
	"$PY" - "$TMP/t/ran.sqlite" "$TMP/back.sqlite" <<-'END' || return 1
		import json, sqlite3, sys
		def rows(path):
		    db, out = sqlite3.connect(path), []
		    for table in "job", "job_event", "dataset":
		        for row in db.execute(f"SELECT * FROM {table} ORDER BY id"):
		            out.append([json.loads(v) if isinstance(v, str) and v[:1] in "[{" else v for v in row])
		    return out
		a, b = map(rows, sys.argv[1:])
		assert a == b and len(a) > 10
	END
	# the next event has an id of its own
	pg_sql "INSERT INTO job_event (job_id, event) SELECT id, 'x' FROM job" jobs
}
check "jobs, events and data sets move when asked" jobs_too

# ---- the schema script -------------------------------------------------------------------------------------

script() {
	pg_rig_db "script$1" >/dev/null || return 1
	"$EXPORT" bundle schema --vectors bytea >"$TMP/schema.sql" || return 1
	[ -z "${2:-}" ] || pg_sql "$2" "script$1" || return 1
	pg_sql_file "$TMP/schema.sql" "script$1" 2>"$TMP/notice" >/dev/null && pg_sql_file "$TMP/schema.sql" "script$1" 2>/dev/null >/dev/null
}
check "the schema script runs, and again" script 1
check "its view has the seed's columns" pg_sql "SELECT id, job_id, event, created_at, level, message, payload->>'elapsed_s' FROM job_events" script1
check "a bundle fits into its tables" "$EXPORT" bundle load -q "$B" --to "$(pg_rig_url script1)"
check "a view that cannot be made is no failure" script 2 "CREATE TABLE job_events (x int)"
check "all tables are there then too" test "$(pg_sql "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'" script2)" = 14

# ---- URLs ----------------------------------------------------------------------------------------------------

pg_sql "DELETE FROM dataset; DELETE FROM job_event; DELETE FROM job" db_bytea
count() { "$EXPORT" bundle create -q -f --from "$1" "$TMP/url.sqlite"; }
tail_of_url=${PG_URL#postgresql://}
for scheme in postgres postgresql+psycopg postgresql+psycopg2; do
	check "scheme $scheme" count "$scheme://${tail_of_url%/postgres}/db_bytea"
done
check "options in the URL" count "$(pg_rig_url db_bytea)?connect_timeout=5&application_name=mine"
check "a socket's folder" count "postgresql://$PG_USER:$PG_PASSWORD_URL@/db_bytea?host=$PG_RIG&port=$PG_PORT"
printf '127.0.0.1:%s:*:%s:%s\n' "$PG_PORT" "$PG_USER" "$PG_PASSWORD" >"$TMP/pgpass"
chmod 600 "$TMP/pgpass"
check "a password of .pgpass" env PGPASSFILE="$TMP/pgpass" "$EXPORT" bundle create -q -f \
	--from "postgresql://$PG_USER@127.0.0.1:$PG_PORT/db_bytea" "$TMP/url.sqlite"
printf '[protea]\nhost=127.0.0.1\nport=%s\nuser=%s\npassword=%s\ndbname=db_bytea\n' "$PG_PORT" "$PG_USER" "$PG_PASSWORD" >"$TMP/service"
check "a service" env PGSERVICEFILE="$TMP/service" PGSERVICE=protea "$EXPORT" bundle create -q -f --from postgresql:// "$TMP/url.sqlite"

# ---- rights, TLS -----------------------------------------------------------------------------------------------

rights() { # those that docs/postgres.md lists are enough
	pg_sql "CREATE ROLE exporter LOGIN PASSWORD 'exporter';
		GRANT SELECT ON ontology_snapshot, go_term, go_term_relationship, annotation_set, sequence, protein,
		protein_go_annotation, embedding_config, sequence_embedding, evaluation_set TO exporter;
		GRANT SELECT, INSERT, UPDATE ON job TO exporter; GRANT SELECT, INSERT ON job_event, dataset TO exporter;
		GRANT USAGE ON SEQUENCE job_event_id_seq TO exporter" db_bytea || return 1
	same_files "postgresql://exporter:exporter@127.0.0.1:$PG_PORT/db_bytea"
}
check "a user with no more rights than are listed" rights

encrypted() {
	openssl req -new -x509 -nodes -days 2 -subj /CN=localhost -out "$TMP/server.crt" -keyout "$TMP/server.key" 2>/dev/null || return 1
	chmod 600 "$TMP/server.key"
	[ "$(id -u)" != 0 ] || chown postgres: "$TMP/server.key" "$TMP/server.crt"
	pg_rig_set ssl_cert_file "$TMP/server.crt"
	pg_rig_set ssl_key_file "$TMP/server.key"
	pg_rig_set ssl on
	wait_for 60 psql "$PG_URL?sslmode=require" -c 'SELECT 1' || return 1
	count "$(pg_rig_url db_bytea)?sslmode=require" || return 1
	count "$(pg_rig_url db_bytea)?sslmode=verify-ca&sslrootcert=$TMP/server.crt" || return 1
	! count "$(pg_rig_url db_bytea)?sslmode=verify-full&sslrootcert=$TMP/server.crt" # the name is another
}
if command -v openssl >/dev/null; then
	check "TLS, and a certificate that must be checked" encrypted
else
	skip "TLS, and a certificate that must be checked" "no openssl"
fi
[ "$tap_failed" -eq 0 ]
