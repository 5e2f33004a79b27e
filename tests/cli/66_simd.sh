#!/bin/bash
# PROTEA_SIMD forces each level of vector instructions in turn: all that this processor has write the same
# bytes, and one that it has not, or an unknown word, does no harm.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/job.sh
. tests/cli/job.sh
need "levels of vector instructions write the same bytes"

NAME=same
world "$TMP/first" 11 small
job "$TMP/first/job-v5-all.json" "$TMP/first/job.json" "p['output_name']='$NAME'" "p['compute_association']=True"
cp -r "$TMP/first" "$TMP/clean"
run "$TMP/log" "$TMP/first/job.json"
check "without the variable a run succeeds" grep -q manifest.json "$TMP/log"
published "$TMP/first" $NAME >"$TMP/reference"
check "it left three files" test "$(wc -l <"$TMP/reference")" -eq 3

# same LEVEL: its files are those of the first run.
same() {
	rm -rf "$TMP/v" && cp -r "$TMP/clean" "$TMP/v"
	(export PROTEA_SIMD="$1" && run "$TMP/log" "$TMP/v/job.json") || { tail -n 5 "$TMP/log" && return 1; }
	diff "$TMP/reference" <(published "$TMP/v" $NAME)
}

# has FLAG…: the processor has these, and the system keeps their registers.
has() {
	local flag
	for flag; do grep -qw "$flag" /proc/cpuinfo || return 1; done
}

missing=
# level NAME FLAG…
level() {
	local name=$1
	shift
	if has "$@"; then
		check "level $name writes the same bytes" same "$name"
	else
		skip "level $name writes the same bytes" "this processor lacks some of: $*"
		missing=$name
	fi
}

level portable
level avx2 avx2 fma
level avx512 avx512f avx512bw avx512dq avx512vl
level amx amx_tile amx_bf16
if [ -n "$missing" ]; then
	check "level $missing, which it lacks, falls back to the same bytes" same "$missing"
else
	skip "a level that it lacks falls back to the same bytes" "this processor has all levels"
fi
check "an unknown word counts as none" same mmx
[ "$tap_failed" -eq 0 ]
