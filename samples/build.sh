#!/bin/sh
# Makes the bundle of a preset, its term vectors and its taxonomy:
#   samples/build.sh tiny|medium|full OUTDIR
# tiny needs nothing but samples/data; medium (20,000 proteins) and full (459,503) need the Debian
# packages of `.ci/packages samples`. PLMS="prot_t5 esm2_650m" chooses the models whose stand-in
# embeddings are made (default: all eight for tiny, prot_t5 for the others). Does nothing when
# OUTDIR/PRESET.bundle is there and newer than what it is made from.
set -eu
[ $# -eq 2 ] || {
	echo "usage: samples/build.sh tiny|medium|full OUTDIR" >&2
	exit 2
}
preset=$1
case $2 in
/*) out=$2 ;;
*) out=$PWD/$2 ;;
esac
cd "$(dirname "$0")/.."
. samples/lib.sh
. samples/sources.sh
ALL_PLMS="esm2_150m esm2_650m esm2_3b prot_t5 prostt5 ankh_base ankh_large esmc_600m"

case $preset in
tiny) plms=$ALL_PLMS releases="160 165 170 175 180 185" count=500 studied=0.5 ;;
medium) plms=prot_t5 releases="160 165 170 175 180 185" count=20000 studied=0.6 ;;
full) plms=prot_t5 releases="160 165 170 175" count=all studied=0.056 ;;
*) die "unknown preset '$preset': tiny, medium or full" ;;
esac
plms=${PLMS:-$plms}
settings="$preset: $releases: $count: $studied"

# Current: same settings, all models wanted, and nothing it is made from is newer.
is_current() {
	[ -e "$out/$preset.bundle" ] && [ -e "$out/anc2vec.npz" ] && [ -e "$out/settings" ] || return 1
	[ "$(head -n 1 "$out/settings")" = "$settings" ] || return 1
	for plm in $plms; do
		grep -qx "$plm" "$out/settings" || return 1
	done
	[ -z "$(find samples/build.sh samples/sources.sh samples/go2022.sql samples/organisms.txt \
		samples/data samples/tools pipeline/bundle pipeline/anc2vec \
		-newer "$out/settings" -type f -print -quit)" ]
}
if is_current; then exit 0; fi
need_programs
[ "$preset" = tiny ] || need_packages
mkdir -p "$out"
rm -f "$out/settings" "$out/anc2vec.npz"
work=$(mktemp -d "$out/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

if [ "$preset" = tiny ]; then
	sources=samples/data
	rm -rf "$out/taxonomy"
	cp -r samples/data/taxonomy "$out/taxonomy"
	taxonomy=$out/taxonomy
	obo_2013=$sources/go-2013.obo.gz obo_2022=$sources/go-2022.obo.gz
else
	sources=$work/sources
	# shellcheck disable=SC2086  # a list of words
	make_sources "$sources" "$count" 40-2000 2-40 "$studied" $releases
	taxonomy=$TAXDUMP
	obo_2013=$sources/go-2013.obo obo_2022=$sources/go-2022.obo
fi

set -- bundle create -q --force --obo "$obo_2013" --obo "$obo_2022" --fasta "$sources/proteins.fasta.gz" \
	--taxdump "$taxonomy" --created-at 2014-01-22T00:00:00Z
for release in $releases; do
	set -- "$@" --gaf "$sources/goa-$release.gaf.gz@$release:2013-07-13"
done
for plm in $plms; do
	say "deriving embeddings: $plm"
	"$TOOLS/embed" --model "$plm" "$sources/proteins.fasta.gz" "$work/$plm.npy"
	set -- "$@" --embeddings "$plm=$work/$plm.npy"
done
say "making $out/$preset.bundle"
"$EXPORT" "$@" \
	--note "proteins=Swiss-Prot of 2014-01 (metastudent-data), CC BY 4.0" \
	--note "ontology=Gene Ontology of 2013-07-13 (emboss-data) and 2022-07-01 (r-bioc-go.db), CC BY 4.0" \
	--note "taxonomy=NCBI taxonomy (emboss-data), public domain" \
	--note "embeddings=derived: random projection of the 3-mers of each sequence, not of a language model" \
	--note "annotations=terms of metastudent-data; release, evidence and qualifier derived by hash" \
	--note "taxa=of UniProt headers (mmseqs2-examples) where they name an organism, else derived by hash" \
	"$out/$preset.bundle"
"$EXPORT" bundle anc2vec -q --force "$out/$preset.bundle" --snapshot releases/2022-07-01 \
	--out "$out/anc2vec.npz"
# shellcheck disable=SC2086  # a line for each word
printf '%s\n' "$settings" $plms >"$out/settings"
