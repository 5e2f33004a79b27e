#!/bin/sh
# A smaller copy of a bundle: N of its proteins, chosen by the hash of their sequences, with what belongs to them.
#   tests/tools/bundle_cut.sh FROM TO N
# The same N of the same bundle are the same proteins, and those of a smaller N are among those of a larger one.
set -eu
[ $# -eq 3 ] || {
	echo "usage: tests/tools/bundle_cut.sh FROM TO N" >&2
	exit 2
}
cp "$1" "$2"
sqlite3 -batch "$2" "PRAGMA foreign_keys = OFF; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
CREATE TEMP TABLE keep AS SELECT accession, sequence_id FROM protein JOIN sequence ON sequence.id = sequence_id
	ORDER BY sequence_hash, accession LIMIT $3;
CREATE UNIQUE INDEX temp.keep_accession ON keep (accession);
CREATE INDEX temp.keep_sequence ON keep (sequence_id);
DELETE FROM protein_go_annotation WHERE protein_accession NOT IN (SELECT accession FROM keep);
DELETE FROM sequence_embedding WHERE sequence_id NOT IN (SELECT sequence_id FROM keep);
DELETE FROM protein WHERE accession NOT IN (SELECT accession FROM keep);
DELETE FROM sequence WHERE id NOT IN (SELECT sequence_id FROM keep);
VACUUM;" >/dev/null
