#!/bin/bash
# `protea-export bundle` from small files: rows, summary, info, check, term vectors, and what is left
# after failures, signals and full disks.
# shellcheck disable=SC2016,SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
cd "$TMP" || exit 1

# ---- inputs --------------------------------------------------------------------------------------

cat > go.obo <<'OBO'
format-version: 1.2
data-version: releases/2024-01-17

[Term]
id: GO:0003674
name: molecular_function
namespace: molecular_function

[Term]
id: GO:0005488
name: binding
namespace: molecular_function
is_a: GO:0003674 ! molecular_function

[Term]
id: GO:0005515
name: protein binding
namespace: molecular_function
alt_id: GO:0045308
is_a: GO:0005488 ! binding

[Term]
id: GO:0008150
name: biological_process
namespace: biological_process

[Term]
id: GO:0006357
name: regulation of transcription
namespace: biological_process
is_a: GO:0008150
relationship: part_of GO:0005515 {source="test"} ! protein binding
relationship: regulates GO:0008150

[Term]
id: GO:0000005
name: obsolete thing
namespace: molecular_function
is_obsolete: true
OBO
cat > p.fasta <<'FASTA'
>sp|P1|A_HUMAN One OS=Homo sapiens OX=9606 PE=1 SV=1
MKVLA
WGG
>sp|P2|B_ECOLI Two OS=Escherichia coli (strain K12) PE=1 SV=1
MSTN
>P3 the sequence of P1 again
MKVLAWGG
FASTA
gaf() { # id qualifier go evidence aspect
	printf 'UniProtKB\t%s\tS\t%s\t%s\tPMID:1\t%s\t\t%s\tn\t\tprotein\ttaxon:562\t20240101\tUniProt\t\t\n' "$@"
}
{
	echo '!gaf-version: 2.2'
	gaf P1 enables GO:0005488 IEA F
	gaf P2 enables GO:0003674 IDA F
} > a.gaf
{
	echo '!gaf-version: 2.2'
	gaf P1 enables GO:0045308 IPI F
	gaf P1 enables GO:0045308 IPI F
	gaf P2 'NOT|involved_in' GO:0006357 IDA P
	gaf P2 enables GO:9999999 IDA F
	gaf X9 enables GO:0005515 IDA F
} > b.gaf
mkdir tax
printf '1\t|\t1\t|\tno rank\t|\n562\t|\t1\t|\tspecies\t|\n9606\t|\t1\t|\tspecies\t|\n' > tax/nodes.dmp
printf '562\t|\tEscherichia coli\t|\t\t|\tscientific name\t|\n' > tax/names.dmp
printf '7\t|\t562\t|\n' > tax/merged.dmp
# npy F DESCR ROWS COLS: a header of 80 bytes; the data comes from standard input
npy() {
	local dict
	dict=$(printf "{'descr': '%s', 'fortran_order': False, 'shape': (%s, %s), }" "$2" "$3" "$4")
	{ printf '\x93NUMPY\x01\x00\x46\x00%-69s\n' "$dict"; cat; } > "$1"
}
printf '\x00\x3c\x00\x40\x00\x38\x00\xbc' | npy e.npy '<f2' 2 2 # 1 2, 0.5 -1
printf 'P2\nP1\n' > e.txt

common=(--obo go.obo --fasta p.fasta --taxdump tax --created-at 2024-01-01T00:00:00Z)
all=("${common[@]}" --gaf a.gaf@160 --gaf b.gaf@165 --embeddings esm2_650m=e.npy
	--note 'embeddings=made up' --note 'releases=a of b')
sql() { sqlite3 -readonly "$1" "$2"; }
is() { [ "$1" = "$2" ] || { printf 'got:\n%s\nexpected:\n%s\n' "$1" "$2"; return 1; }; }
nothing_left() { ! compgen -G "$1*" > /dev/null || { ls -l "$1"*; return 1; }; }

# ---- create --------------------------------------------------------------------------------------

check "a bundle is made from all kinds of files" bash -c '"$@" > summary.txt' _ \
	"$EXPORT" bundle create "${all[@]}" x.bundle
check "the summary ends with the next command" is "$(tail -n 1 summary.txt)" \
	"next: protea-export bundle check x.bundle"
check "the summary counts what was skipped" grep -qE '1  release 165: lines skipped, their 1 GO ids are not' summary.txt
if ! command -v sqlite3 > /dev/null; then
	skip "the rows are as given" "sqlite3 is missing"
else
	check "the file is whole" is "$(sql x.bundle 'PRAGMA integrity_check; PRAGMA foreign_key_check')" ok
	check "terms are as given" is \
		"$(sql x.bundle 'SELECT go_id, aspect, is_obsolete FROM go_term ORDER BY id' | paste -sd' ')" \
		"GO:0003674|F|0 GO:0005488|F|0 GO:0005515|F|0 GO:0008150|P|0 GO:0006357|P|0 GO:0000005|F|1"
	check "edges are as given" is \
		"$(sql x.bundle 'SELECT child_go_term_id, relation_type, parent_go_term_id FROM go_term_relationship ORDER BY id' | paste -sd' ')" \
		"2|is_a|1 3|is_a|2 5|is_a|4 5|part_of|3 5|regulates|4"
	check "proteins share sequences and have taxa" is \
		"$(sql x.bundle 'SELECT accession, sequence, taxonomy_id FROM protein JOIN sequence s ON s.id = sequence_id' | paste -sd' ')" \
		"P1|MKVLAWGG|9606 P2|MSTN|562 P3|MKVLAWGG|"
	check "annotations are as given" is \
		"$(sql x.bundle 'SELECT source_version, protein_accession, go_id, qualifier, evidence_code FROM protein_go_annotation a JOIN annotation_set s ON s.id = annotation_set_id JOIN go_term t ON t.id = go_term_id ORDER BY a.id' | paste -sd' ')" \
		"160|P1|GO:0005488|enables|IEA 160|P2|GO:0003674|enables|IDA 165|P1|GO:0005515|enables|IPI 165|P2|GO:0006357|NOT|involved_in|IDA"
	check "embeddings are as given" is \
		"$(sql x.bundle 'SELECT model_name, sequence, embedding_dim, hex(embedding) FROM sequence_embedding JOIN sequence s ON s.id = sequence_id JOIN embedding_config c ON c.id = embedding_config_id ORDER BY s.id' | paste -sd' ')" \
		"facebook/esm2_t33_650M_UR50D|MKVLAWGG|2|003800BC facebook/esm2_t33_650M_UR50D|MSTN|2|003C0040"
	check "releases in a row are paired" is \
		"$(sql x.bundle "SELECT o.source_version, n.source_version, groundtruth_uri IS NULL FROM evaluation_set JOIN annotation_set o ON o.id = old_annotation_set_id JOIN annotation_set n ON n.id = new_annotation_set_id")" \
		"160|165|1"
fi
check "the same files give the same bytes" bash -c '"$1" bundle create "${@:2}" -q y.bundle && cmp x.bundle y.bundle' _ \
	"$EXPORT" "${all[@]}"
gzip -k go.obo p.fasta a.gaf b.gaf
check "gzipped files give the same rows" bash -c '
	"$1" bundle create -q --obo go.obo.gz --fasta p.fasta.gz --taxdump tax --gaf a.gaf.gz@160 --gaf b.gaf.gz@165 \
		--embeddings esm2_650m=e.npy --created-at 2024-01-01T00:00:00Z z.bundle &&
	for t in go_term go_term_relationship sequence protein protein_go_annotation sequence_embedding evaluation_set; do
		cmp <(sqlite3 -readonly x.bundle "SELECT * FROM $t") <(sqlite3 -readonly z.bundle "SELECT * FROM $t") || exit 1
	done' _ "$EXPORT"
check_fails 1 "an existing bundle is kept" "$EXPORT" bundle create "${common[@]}" x.bundle
check "--force replaces it" "$EXPORT" bundle create "${common[@]}" --force x.bundle
check "--keep-unknown keeps annotated strangers" bash -c '
	"$1" bundle create -q "${@:2}" --keep-unknown k.bundle && [ "$("$1" bundle info --json k.bundle | grep -c "\"total\": 4")" = 1 ]' _ \
	"$EXPORT" "${all[@]}"
"$EXPORT" bundle create -q "${all[@]}" -f x.bundle

# ---- info and check ------------------------------------------------------------------------------

check "info names releases, models and what is derived" bash -c '
	out=$("$1" bundle info x.bundle) && grep -q "releases/2024-01-17" <<< "$out" && grep -q "esm2_t33_650M_UR50D" <<< "$out" &&
	grep -q "made up" <<< "$out"' _ "$EXPORT"
check "info --json is JSON with the counts" bash -c '
	"$1" bundle info --json x.bundle > info.json &&
	[ "$(sqlite3 :memory: "SELECT json_extract(readfile(\"info.json\"), \"\$.proteins.total\")")" = 3 ]' _ "$EXPORT"
check "a new bundle is sound" "$EXPORT" bundle check -q x.bundle
cp x.bundle broken.bundle
sqlite3 broken.bundle "UPDATE protein_go_annotation SET go_term_id = 999 WHERE id = 1" 2> /dev/null
check_fails 1 "a dangling reference is found" "$EXPORT" bundle check broken.bundle
head -c 3000 x.bundle > cut.bundle
check_fails 1 "a cut file is refused" "$EXPORT" bundle check cut.bundle
check_fails 1 "a missing file is refused" "$EXPORT" bundle info absent.bundle
check_fails 2 "info needs a bundle" "$EXPORT" bundle info
check_fails 2 "unknown options are refused" "$EXPORT" bundle check --nonsense x.bundle
check_fails 2 "unknown parts are refused" "$EXPORT" bundle explode x.bundle
check_fails 2 "ambiguous beginnings are refused" "$EXPORT" bundle c x.bundle
check "beginnings of parts are understood" "$EXPORT" bundle i x.bundle
check "help is printed" bash -c '"$1" bundle --help | grep -q "^usage: " && "$1" bundle create --help | grep -q -- --obo &&
	"$1" bundle anc2vec --help | grep -q -- --dim' _ "$EXPORT"

# ---- failures ------------------------------------------------------------------------------------

# fails_at MESSAGE NAME ARGS…: exit 1, the message on stderr, nothing under the final name or beside it
fails_at() {
	local message=$1 name=$2 out rc
	shift 2
	out=$("$EXPORT" bundle create "$@" bad.bundle 2>&1 > /dev/null)
	rc=$?
	if [ $rc -eq 1 ] && grep -qF -- "$message" <<< "$out" && nothing_left bad.bundle > /dev/null; then ok "$name"; else
		not_ok "$name"
		printf 'exit code %s, expected 1 and "%s"\n%s\n' "$rc" "$message" "$out" | sed 's/^/# /'
		rm -f bad.bundle*
	fi
}
printf 'data-version: x\n[Term]\nname: no id\n' > bad.obo
fails_at "bad.obo:2: [Term] without an id" "a term without an id is named" --obo bad.obo
printf '>P1\nMK1V\n' > bad.fasta
fails_at "bad.fasta:2: byte 0x31 ('1') in column 3" "a bad residue is named" --obo go.obo --fasta bad.fasta
printf '>P1\nMK\n>P1\nMK\n' > bad.fasta
fails_at "bad.fasta:3: accession 'P1' appears again" "a duplicate accession is named" --obo go.obo --fasta bad.fasta
printf '>P1\n>P2\nMK\n' > bad.fasta
fails_at "bad.fasta:1: 'P1' has an empty sequence" "an empty sequence is named" --obo go.obo --fasta bad.fasta
printf '!gaf-version: 2.2\nUniProtKB\tP1\tS\n' > bad.gaf
fails_at "bad.gaf:2: 3 tab-separated columns" "a short GAF line is named" "${common[@]}" --gaf bad.gaf@1
head -c 60 a.gaf.gz > cut.gaf.gz
fails_at "cut.gaf.gz" "a truncated gzip file is named" "${common[@]}" --gaf cut.gaf.gz@1
printf 'P1\n' > short.txt
fails_at "short.txt names 1 accessions, e.npy has 2 rows" "a short list of accessions is named" \
	"${common[@]}" --embeddings m=e.npy:short.txt
printf '\x00\x3c\x00\x40' | npy cut.npy '<f2' 2 2
printf 'P2\nP1\n' > cut.txt
fails_at "cut.npy" "a truncated matrix is named" "${common[@]}" --embeddings m=cut.npy
fails_at "absent.obo" "a missing file is named" --obo absent.obo
check_fails 2 "a GAF file without a release is asked about" "$EXPORT" bundle create "${common[@]}" --gaf a.gaf bad.bundle
check_fails 2 "no ontology is a usage error" "$EXPORT" bundle create --fasta p.fasta bad.bundle
check_fails 2 "two outputs are a usage error" "$EXPORT" bundle create --obo go.obo bad.bundle worse.bundle
check_fails 2 "an option without its value is a usage error" "$EXPORT" bundle create bad.bundle --obo
check "none of these left a file" nothing_left bad.bundle

# endless FASTA through a pipe, so that the program is in the middle of its work whenever we look
endless() { awk 'BEGIN { for (i = 0; ; i++) printf ">E%d\nMKVLAWGG%s\n", i, substr("ACDEFGHIKLMNPQRSTVWY", i % 20 + 1, 1) }' > pipe.fasta 2> /dev/null; }
mkfifo pipe.fasta
stop_with() { # signal
	endless &
	local feeder=$!
	"$EXPORT" bundle create -q --obo go.obo --fasta pipe.fasta bad.bundle 2> stop.err &
	local pid=$!
	wait_for 20 compgen -G 'bad.bundle.tmp.*'
	sleep 0.5
	kill -"$1" $pid
	{ wait $pid; } 2> /dev/null
	stopped=$?
	kill $feeder 2> /dev/null
	wait $feeder 2> /dev/null
}
stop_with TERM
check "SIGTERM ends it with exit code 1" [ "$stopped" -eq 1 ]
check "SIGTERM is told" grep -q SIGTERM stop.err
check "SIGTERM leaves nothing" nothing_left bad.bundle
stop_with KILL
check "kill -9 leaves nothing under the final name" [ ! -e bad.bundle ]
rm -f bad.bundle*

yes '>' 2> /dev/null | head -n 4000 | awk '{ print ">F" NR; s = "MKVLAWGGACDEFGHIKLMNPQRSTVWY"; print s s s s substr(s, NR % 28 + 1) }' > many.fasta
check "a full disk is told and leaves nothing" bash -c '
	trap "" XFSZ
	ulimit -f 64
	"$1" bundle create -q --obo go.obo --fasta many.fasta bad.bundle 2> full.err
	[ $? -eq 1 ] && [ -s full.err ] && ! compgen -G "bad.bundle*"' _ "$EXPORT"

# ---- term vectors --------------------------------------------------------------------------------

check "term vectors are derived" "$EXPORT" bundle anc2vec x.bundle --out a.npz --dim 64 --seed 3
check "they are the same every time" bash -c '"$1" bundle anc2vec x.bundle --out b.npz --dim 64 --seed 3 && cmp a.npz b.npz' _ "$EXPORT"
check "another seed gives others" bash -c '"$1" bundle anc2vec x.bundle --out c.npz --dim 64 --seed 4 && ! cmp -s a.npz c.npz' _ "$EXPORT"
check_fails 1 "an existing archive is kept" "$EXPORT" bundle anc2vec x.bundle --out a.npz
check_fails 2 "a dimension of nothing is refused" "$EXPORT" bundle anc2vec x.bundle --out d.npz --dim 0
check_fails 1 "an unknown ontology is refused" "$EXPORT" bundle anc2vec x.bundle --out d.npz --snapshot nope
check "converting our own archive changes nothing" bash -c '"$1" bundle anc2vec --convert a.npz --out d.npz && cmp a.npz d.npz' _ "$EXPORT"
check_fails 2 "--convert stands alone" "$EXPORT" bundle anc2vec x.bundle --convert a.npz --out e.npz
if /usr/bin/python3 -c 'import numpy' 2> /dev/null; then
	check "NumPy reads the vectors, all of length 1" /usr/bin/python3 -c '
import numpy as np
z = np.load("a.npz")
e = z["embeddings"]
assert e.dtype == np.float32 and e.shape == (6, 64), e.shape
assert abs((e.astype(float) ** 2).sum(1) - 1).max() < 1e-6
assert list(z["go_ids"]) == sorted(z["go_ids"]) and str(z["ontology_release"]) == "releases/2024-01-17"
np.savez("pickled.npz", embeddings=e.astype("f8"), go_ids=np.array(list(z["go_ids"]), dtype=object),
         ontology_release=z["ontology_release"])'
	check "a pickled list of terms is converted to the same archive" bash -c '
		"$1" bundle anc2vec --convert pickled.npz --out f.npz && cmp a.npz f.npz' _ "$EXPORT"
else
	skip "NumPy reads the vectors, all of length 1" "python3-numpy is missing"
	skip "a pickled list of terms is converted to the same archive" "python3-numpy is missing"
fi
exit $((tap_failed > 0))
