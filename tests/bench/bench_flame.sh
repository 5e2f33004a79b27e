#!/bin/bash
# How long pages take, the whole way from a store to a file, and how large they are: made-up runs of 1,000, 200,000
# and 1,000,000 distinct stacks, in turns with flamegraph.pl (B. Gregg) on the same stacks if FLAMEGRAPH_PL names it.
# Medians of the turns, wall-clock and CPU time; numbers, no verdict. STACKS and TURNS choose other sizes.
set -eu
O=${O:-build}
TURNS=${TURNS:-3}
PERL_TURNS_BELOW=500000 # stacks; beyond, one turn of flamegraph.pl is enough
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
tools=$O/tests/tools
[ -x "$tools/store_fill" ] || make --no-print-directory O="$O" "$tools/store_fill" >/dev/null
peer=${FLAMEGRAPH_PL:-}
[ -n "$peer" ] || echo "FLAMEGRAPH_PL does not name flamegraph.pl: no comparison with it"

TIMEFORMAT='%R %U %S'
measure() { # rows command…: appends its wall-clock and CPU time
	local rows=$1
	shift
	{ time "$@" >"$tmp/out" 2>"$tmp/err"; } 2>"$tmp/time" || { cat "$tmp/err"; exit 1; }
	awk '{ print $1, $2 + $3 }' "$tmp/time" >>"$rows"
}
median() { # rows column
	sort -n -k "$2,$2" "$1" | awk -v c="$2" '{ v[NR] = $c } END { printf "%.2f", v[int((NR + 1) / 2)] }'
}
size() { wc -c <"$1" | awk '{ if ($1 < 1e6) printf "%.0f KB", $1 / 1e3; else printf "%.2f MB", $1 / 1e6 }'; }
flamegraph() { perl "$peer" "$tmp/folded" >"$tmp/peer.svg"; }
row() { # what rows file
	printf '  %-14s %8s s   %8s s of CPU   %10s\n' "$1" "$(median "$2" 1)" "$(median "$2" 2)" "$(size "$3")"
}

for stacks in ${STACKS:-1000 200000 1000000}; do
	rm -f "$tmp"/*
	"$tools/store_fill" "$tmp/s.sqlite" --stacks "$stacks" --depth 30 --samples "$stacks" --threads 8 --stages 4 \
		--names 4000 --seed 1 >/dev/null
	turn=0
	while [ "$turn" -lt "$TURNS" ]; do
		measure "$tmp/page" "$O/protea-prof" flame -q --store "$tmp/s.sqlite" -o "$tmp/page.html"
		if [ -n "$peer" ] && { [ "$turn" -eq 0 ] || [ "$stacks" -lt $PERL_TURNS_BELOW ]; }; then
			[ "$turn" -gt 0 ] || "$O/protea-prof" export --format folded --store "$tmp/s.sqlite" -o "$tmp/folded"
			measure "$tmp/peer" flamegraph
		fi
		turn=$((turn + 1))
	done
	echo "$stacks stacks, $(size "$tmp/s.sqlite") of store"
	row flame "$tmp/page" "$tmp/page.html"
	[ ! -e "$tmp/peer" ] || row flamegraph.pl "$tmp/peer" "$tmp/peer.svg"
done
