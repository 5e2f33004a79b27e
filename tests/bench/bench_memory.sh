#!/bin/sh
# What memory tracking costs whole programs, in turns: alone, with tracking off, sampled, full (all without
# CPU samples beside the start: 1 Hz), and under heaptrack where it is installed. Each program prints the
# time per unit of work of its own loop. Medians of the turns; numbers, no verdict.
set -eu
O=${O:-build}
TURNS=${TURNS:-7}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cc=${CC:-cc}
$cc -std=gnu17 -O2 -g tests/bench/work_paths.c -o "$tmp/paths" -pthread
$cc -std=gnu17 -O2 -g tests/bench/work_sqlite.c -o "$tmp/sqlite" -lsqlite3
export PROTEA_PROF_STORE="$tmp/store.sqlite"

measure() { # way program args…
	way=$1
	shift
	case $way in
	alone) "$@" ;;
	heaptrack) heaptrack -r -o "$tmp/heaptrack" "$@" 2>/dev/null | sed -n '/^[0-9][0-9.]*$/p' | head -n 1 ;;
	*) "$O/protea-prof" run -q -r 1 --memory "$way" -- "$@" ;;
	esac
	rm -f "$tmp"/heaptrack* "$PROTEA_PROF_STORE"*
}

ways="alone off sampled full"
if command -v heaptrack >/dev/null; then ways="$ways heaptrack"; else echo "heaptrack is not installed: no comparison with it"; fi

compare() { # title unit program args…
	title=$1 unit=$2
	shift 2
	: >"$tmp/rows"
	turn=0
	while [ $turn -lt "$TURNS" ]; do
		for way in $ways; do echo "$way $(measure "$way" "$@")" >>"$tmp/rows"; done
		turn=$((turn + 1))
	done
	echo "$title"
	for way in $ways; do
		sed -n "s/^$way //p" "$tmp/rows" | sort -n | awk -v way="$way" '{ v[NR] = $1 } END { print way, v[int((NR + 1) / 2)] }'
	done | awk -v unit="$unit" '
		{ value[$1] = $2; order[NR] = $1 }
		END {
			base = value["alone"]
			for (i = 1; i <= NR; i++) {
				w = order[i]
				printf "  %-10s %10.1f ns a %s   x %.2f   +%.1f ns", w, value[w], unit, value[w] / base, value[w] - base
				if (w == "full" && ("heaptrack" in value))
					printf "   heaptrack adds %.1f times as much", (value["heaptrack"] - base) / (value[w] - base)
				printf "\n"
			}
		}'
}

compare "malloc+free from 200 paths, 17 to 19 frames" pair "$tmp/paths" "${PAIRS:-2000000}"
compare "the same on 2 threads" "pair and thread" "$tmp/paths" "${PAIRS:-2000000}" 2
compare "SQLite, inserts" row "$tmp/sqlite" "${ROWS:-150000}"
