#!/bin/sh
# What go_load reads, from samples/data: OUT/RELEASE/ACCESSION.gaf for each protein, and OUT/world.sql, which makes the tables and
# fills proteins and terms (psql -f).
#   samples/ingest/prepare.sh OUT [RELEASE…]     (185; there are 160 165 170 175 180 185)
set -eu
out=${1:?usage: samples/ingest/prepare.sh OUT [RELEASE…]}
shift
data=$(dirname "$0")/../data
mkdir -p "$out"
for release in "${@:-185}"; do
	mkdir -p "$out/$release"
	zcat "$data/goa-$release.gaf.gz" | grep -v '^!' |
		awk -F '\t' -v out="$out/$release" '
			$2 != last { if (last) close(file); last = $2; file = out "/" $2 ".gaf" }
			{ print >> file }'
done
{
	echo 'CREATE TABLE protein (id int PRIMARY KEY, accession text NOT NULL UNIQUE);'
	echo 'CREATE TABLE go_term (id int PRIMARY KEY, go_id text NOT NULL UNIQUE);'
	echo 'CREATE TABLE release (number int PRIMARY KEY, loaded_at timestamptz);'
	echo 'CREATE TABLE annotation (release int NOT NULL REFERENCES release, protein_id int NOT NULL REFERENCES protein,'
	echo '  term_id int NOT NULL REFERENCES go_term, evidence text NOT NULL, negated boolean NOT NULL);'
	echo 'COPY protein FROM STDIN;'
	zcat "$data/proteins.fasta.gz" | sed -n 's/^>sp|\([^|]*\)|.*/\1/p' | awk '{ print NR "\t" $0 }'
	printf '\\.\nCOPY go_term FROM STDIN;\n'
	zcat "$data/go-2013.obo.gz" "$data/go-2022.obo.gz" | sed -n 's/^id: \(GO:[0-9]*\)$/\1/p' | sort -u |
		awk '{ print NR "\t" $0 }'
	printf '\\.\nCOPY release (number) FROM STDIN;\n160\n165\n170\n175\n180\n185\n\\.\n'
	echo 'ANALYZE;'
} >"$out/world.sql"
