# Sourced by cut.sh and build.sh: proteins, annotations and ontologies from Debian packages, in the
# formats that `protea-export bundle create` reads. Everything is derived the same way every time.
# shellcheck shell=sh
# shellcheck disable=SC2153  # TOOLS comes from lib.sh
METASTUDENT=/usr/share/metastudent-data/dataset_201401
MMSEQS=/usr/share/doc/mmseqs2/example-data
GO_2013=/usr/share/EMBOSS/data/OBO/go.obo
# shellcheck disable=SC2034  # used by the scripts that source this file
TAXDUMP=/usr/share/EMBOSS/data/TAXONOMY
GO_SQLITE=/usr/lib/R/site-library/GO.db/extdata/GO.sqlite

need_packages() {
	for file in "$METASTUDENT/MFO/goasp.fasta.psq" "$MMSEQS/DB.fasta.gz" "$GO_2013" \
		"$TAXDUMP/nodes.dmp" "$GO_SQLITE"; do
		[ -e "$file" ] || die "$file is missing; type: .ci/packages build samples"
	done
	for program in blastdbcmd sqlite3; do
		command -v "$program" >/dev/null || die "$program is missing; type: .ci/packages build samples"
	done
}

# All Swiss-Prot proteins with molecular functions, ascending accession: swissprot.fasta.
swissprot_fasta() {
	blastdbcmd -db "$METASTUDENT/MFO/goasp.fasta" -entry all -outfmt '%t %s' |
		sed 's/|[^ ]*//' | sort -k 1,1 | sed 's/^/>/; s/ /\n/' >"$1"
}

# Accessions that the UniProt headers of mmseqs2-examples name.
known_organisms() {
	zcat "$MMSEQS/DB.fasta.gz" "$MMSEQS/QUERY.fasta.gz" | sed -n 's/^>[a-z]*|\([^|]*\)|.*/\1/p' | sort -u
}

# make_sources DIR COUNT LENGTHS SIZES STUDIED RELEASE…: proteins.fasta.gz, goa-N.gaf.gz, go-2013.obo,
# go-2022.obo in DIR. COUNT "all" takes every protein.
make_sources() {
	dir=$1 count=$2 lengths=$3 sizes=$4 studied=$5
	shift 5
	mkdir -p "$dir"
	say "reading Swiss-Prot of 2014-01"
	swissprot_fasta "$dir/swissprot.fasta"
	say "choosing proteins and their organisms"
	known_organisms >"$dir/known.txt"
	set -- "$dir" "$@"
	if [ "$count" = all ]; then
		sed -n 's/^>//p' "$dir/swissprot.fasta" >"$dir/chosen.txt"
	else
		"$TOOLS/families" --count "$count" --length "$lengths" --size "$sizes" \
			--prefer "$dir/known.txt" "$dir/swissprot.fasta" >"$dir/chosen.txt"
	fi
	"$TOOLS/organisms" --names "$TAXDUMP/names.dmp" --headers "$MMSEQS/DB.fasta.gz" \
		--headers "$MMSEQS/QUERY.fasta.gz" --stand-ins samples/organisms.txt \
		--only "$dir/chosen.txt" "$dir/swissprot.fasta" | gzip -n9 >"$dir/proteins.fasta.gz"
	say "deriving annotation releases"
	shift
	cp "$GO_2013" "$dir/go-2013.obo"
	sqlite3 -readonly "$GO_SQLITE" <samples/go2022.sql >"$dir/go-2022.obo"
	for release; do
		shift
		set -- "$@" --release "$release=$dir/go-2013.obo"
	done
	"$TOOLS/releases" "$@" --annotations "F=$METASTUDENT/MFO/goasp_annot.dat" \
		--annotations "P=$METASTUDENT/BPO/goasp_annot.dat" \
		--annotations "C=$METASTUDENT/CCO/goasp_annot.dat" \
		--studied "$studied" --out "$dir" "$dir/proteins.fasta.gz"
	rm -f "$dir/swissprot.fasta" "$dir/known.txt" "$dir/chosen.txt"
}
