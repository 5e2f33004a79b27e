#!/bin/bash
# Embeddings out of PostgreSQL: rows/s and MB/s of a pool loaded by binary COPY, and of the same rows as the
# original reads them (psycopg2, server-side cursor, text '[…]' -> NumPy float16), in turns, on one private server
# in one run. Both results have the same bytes, or it fails. Numbers, no verdict.
# ROWS (100000), DIM (1280), TURNS (3) of ours, PEER_TURNS (1), TYPE (halfvec; vector, real, bytea: ours alone),
# PGVECTOR (folder of a built pgvector: its types instead of the test's own).
set -eu
O=${O:-build}
ROWS=${ROWS:-100000}
DIM=${DIM:-1280}
TURNS=${TURNS:-3}
PEER_TURNS=${PEER_TURNS:-1}
TYPE=${TYPE:-halfvec}
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/pg_rig.sh
. tests/cli/pg_rig.sh
PY=/usr/bin/python3
if ! pg_rig_find || ! "$PY" -c 'import numpy, psycopg2' 2>/dev/null; then
	echo "skipped: needs PostgreSQL, python3-numpy and python3-psycopg2"
	exit 0
fi
make -s --no-print-directory "$O/tests/tools/source_load"
pg_rig_start
case $TYPE in
halfvec | vector)
	if [ -n "${PGVECTOR:-}" ]; then
		cp "$PGVECTOR/vector.so" "$PG_RIG/vector.so"
		grep -v '^\\echo' "$PGVECTOR/sql/vector.sql" | sed "s|MODULE_PATHNAME|$PG_RIG/vector|" >"$TMP/vector.sql"
		pg_sql_file "$TMP/vector.sql" >/dev/null
	else
		pg_rig_vectors postgres
	fi
	;;
esac
"$EXPORT" bundle schema --vectors "$TYPE" >"$TMP/schema.sql"
pg_sql_file "$TMP/schema.sql" >/dev/null 2>&1
CONFIG=c2e9dda3-e505-4170-b50d-435a451761ac
pg_sql "INSERT INTO embedding_config VALUES ('$CONFIG', 'bench');
	INSERT INTO sequence SELECT i, 'M' || i, md5(i::text) FROM generate_series(1, $ROWS) AS i;
	INSERT INTO protein SELECT 'P' || lpad(i::text, 8, '0'), i, NULL FROM generate_series(1, $ROWS) AS i" >/dev/null

# Random halves, in binary COPY form.
"$PY" - "$ROWS" "$DIM" "$CONFIG" "$TYPE" >"$TMP/rows" <<'END'
import struct, sys, uuid, numpy
rows, dim, config, kind = int(sys.argv[1]), int(sys.argv[2]), uuid.UUID(sys.argv[3]).bytes, sys.argv[4]
out, rng = sys.stdout.buffer, numpy.random.default_rng(1)
out.write(b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0))
def field(b):
    return struct.pack(">i", len(b)) + b
for i in range(1, rows + 1):
    v = rng.standard_normal(dim, dtype=numpy.float32).astype("f2")
    if kind == "halfvec":
        b = struct.pack(">HH", dim, 0) + v.astype(">f2").tobytes()
    elif kind == "vector":
        b = struct.pack(">HH", dim, 0) + v.astype(">f4").tobytes()
    elif kind == "bytea":
        b = v.astype("<f2").tobytes()
    else:
        a = numpy.empty(dim, dtype=[("n", ">i4"), ("v", ">f4")])
        a["n"], a["v"] = 4, v
        b = struct.pack(">iiiii", 1, 0, 700, dim, 1) + a.tobytes()
    out.write(struct.pack(">h", 5) + field(struct.pack(">q", i)) + field(struct.pack(">i", i)) + field(config)
              + field(struct.pack(">i", dim)) + field(b))
out.write(struct.pack(">h", -1))
END
pg_sql "\\copy sequence_embedding (id, sequence_id, embedding_config_id, embedding_dim, embedding) FROM '$TMP/rows' (FORMAT binary)"
rm "$TMP/rows"
pg_sql "VACUUM ANALYZE"

ours() { "$O/tests/tools/source_load" "$PG_URL" "$CONFIG"; }
peer() {
	"$PY" - "$PG_URL" "$CONFIG" <<-'END'
		import hashlib, resource, sys, time, numpy, psycopg2
		def cpu():
		    u = resource.getrusage(resource.RUSAGE_SELF)
		    return u.ru_utime + u.ru_stime
		db = psycopg2.connect(sys.argv[1])
		start, used = time.monotonic(), cpu()
		cursor = db.cursor("stream")
		cursor.itersize = 2000
		cursor.execute("SELECT p.accession, e.embedding FROM protein p JOIN sequence_embedding e USING (sequence_id)"
		    " WHERE e.embedding_config_id = %s", (sys.argv[2],))
		names, vectors = [], []
		for accession, text in cursor:
		    names.append(accession)
		    vectors.append(numpy.array([float(x) for x in text[1:-1].split(",")], dtype=numpy.float16))
		pool = numpy.vstack(vectors)
		used, wall = cpu() - used, time.monotonic() - start
		pool = pool[numpy.argsort(names)]
		print(len(pool), pool.shape[1], f"{wall:.3f} {used:.3f}", hashlib.sha256(pool.tobytes()).hexdigest())
	END
}
show() { # NAME LINE
	echo "$2" | awk -v name="$1" '{ mb = $1 * $2 * 2 / 1e6
		printf "%-34s %8d rows  %7.2f s  %9.0f rows/s  %7.1f MB/s  client CPU %6.2f s\n", name, $1, $3, $1 / $3, mb / $3, $4 }'
}
echo "$TYPE${PGVECTOR:+ of pgvector}, $ROWS x $DIM; MB are those of the float16 rows"
line=$(ours)
digest=${line##* }
show "binary COPY, first" "$line"
for _ in $(seq "$TURNS"); do
	line=$(ours)
	show "binary COPY" "$line"
done
[ "$TYPE" = halfvec ] || [ "$TYPE" = vector ] || exit 0
for _ in $(seq "$PEER_TURNS"); do
	line=$(peer)
	show "psycopg2, text, NumPy" "$line"
	[ "${line##* }" = "$digest" ] || { echo "the two results differ" && exit 1; }
done
