#!/bin/sh
# Cuts samples/data (preset tiny) out of the Debian packages that samples/data/README.md names:
#   samples/cut.sh [DIR]
# The same packages give the same bytes. DIR is samples/data unless given.
set -eu
cd "$(dirname "$0")/.."
. samples/lib.sh
. samples/sources.sh
need_programs
need_packages

out=${1:-samples/data}
work=$(mktemp -d "${TMPDIR:-/tmp}/protea-cut.XXXXXX")
trap 'rm -rf "$work"' EXIT

make_sources "$work" 500 60-500 4-14 0.5 160 165 170 175 180 185
say "cutting ontologies and taxonomy"
zcat "$work"/goa-*.gaf.gz | sed '/^!/d' | cut -f 5 | sort -u >"$work/terms.txt"
mkdir -p "$out"
rm -f "$out"/*.gz
for year in 2013 2022; do
	"$TOOLS/obo_cut" --terms "$work/terms.txt" "$work/go-$year.obo" | gzip -n9 >"$out/go-$year.obo.gz"
done
for gaf in "$work"/goa-*.gaf.gz; do
	zcat "$gaf" | gzip -n9 >"$out/$(basename "$gaf")"
done
cp "$work/proteins.fasta.gz" "$out/"
"$TOOLS/tax_cut" --taxdump "$TAXDUMP" --out "$out/taxonomy" "$work/proteins.fasta.gz"
say "$out holds $(du -sb "$out" | cut -f 1) bytes"
