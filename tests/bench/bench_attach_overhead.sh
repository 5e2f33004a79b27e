#!/bin/bash
# What `record` costs a program that runs, and itself, at 199 Hz: programs that repeat the same piece of work tell the
# CPU time of each piece, while they are left alone, recorded, and (where perf is installed) recorded by
# `perf record` with stack copies, in turns. Medians over the turns of the CPU time per piece against that of
# the same turn alone; CPU use of the profilers. Numbers, no verdict.
# TURNS (7), SECS (4) of each way, KINDS (cpu sqlite deep switch), RATE (199).
set -eu
O=${O:-build}
TURNS=${TURNS:-7}
SECS=${SECS:-4}
RATE=${RATE:-199}
KINDS=${KINDS:-cpu sqlite deep switch}
tmp=$(mktemp -d)
target=
trap '[ -z "$target" ] || kill $target 2>/dev/null; rm -rf "$tmp"' EXIT
cc=${CC:-cc}
$cc -std=gnu17 -D_GNU_SOURCE -O2 -g tests/bench/work_slices.c -o "$tmp/slices" -lsqlite3 -pthread
ways="alone record"
perf=$(command -v perf || true)
if [ -n "$perf" ] && "$perf" record -o "$tmp/try" -- true >/dev/null 2>&1; then ways="$ways perf"; fi
now() { awk '{ print $1 }' /proc/uptime; }

# The profiler's own CPU time in % of the time it ran.
own() { # command…
	TIMEFORMAT='%U %S %R'
	{ time "$@" >/dev/null 2>"$tmp/err"; } 2>&1 | awk '{ printf "%.2f\n", ($1 + $2) / $3 * 100 }'
}

turn() { # way
	case $1 in
	alone) sleep "$SECS"; echo 0 ;;
	record) own "$O/protea-prof" record -q -r "$RATE" -p "$target" -d "${SECS}s" -o "$tmp/store.sqlite" ;;
	perf) own "$perf" record -q -F "$RATE" -g --call-graph dwarf -p "$target" -o "$tmp/data" -- sleep "$SECS" ;;
	esac
	rm -f "$tmp"/store.sqlite* "$tmp"/data*
}

for kind in $KINDS; do
	"$tmp/slices" "$kind" >"$tmp/pieces" &
	target=$!
	sleep 0.5
	: >"$tmp/turns"
	for ((i = 0; i < TURNS; i++)); do
		for way in $ways; do
			begin=$(now)
			cpu=$(turn "$way")
			echo "$i $way $begin $(now) $cpu" >>"$tmp/turns"
		done
	done
	kill "$target"
	wait "$target" 2>/dev/null || true
	target=
	echo "$kind:"
	# The middle eight tenths of each turn; of its pieces the one that a quarter is faster than, which a busy machine
	# disturbs least.
	awk -v ways="$ways" '
		function middle(list, n,    i, j, t) {
			for (i = 2; i <= n; i++)
				for (j = i; j > 1 && list[j] < list[j - 1]; j--) { t = list[j]; list[j] = list[j - 1]; list[j - 1] = t }
			return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
		}
		FNR == NR { way[FNR] = $2; lo[FNR] = $3 + ($4 - $3) * 0.1; hi[FNR] = $4 - ($4 - $3) * 0.1; cpu[FNR] = $5; turn[FNR] = $1; n = FNR; at = 1; next }
		{
			while (at <= n && $1 > hi[at]) at++
			if (at <= n && $1 >= lo[at]) { k[at]++; piece[at, k[at]] = $2 }
		}
		END {
			for (i = 1; i <= n; i++) {
				for (j = 1; j <= k[i]; j++) one[j] = piece[i, j]
				middle(one, k[i])
				piece_ns[turn[i], way[i]] = k[i] ? one[int((k[i] + 3) / 4)] : 0
				own[turn[i], way[i]] = cpu[i]
				if (turn[i] + 1 > turns) turns = turn[i] + 1
			}
			split(ways, w, " ")
			for (i = 1; i in w; i++) {
				for (j = 0; j < turns; j++) {
					r[j + 1] = piece_ns[j, "alone"] ? piece_ns[j, w[i]] / piece_ns[j, "alone"] : 1
					c[j + 1] = own[j, w[i]]
					ms[j + 1] = piece_ns[j, w[i]] / 1e6
				}
				printf "  %-7s %9.3f ms a piece   slower by %6.2f %%   own CPU %5.2f %%\n", w[i], middle(ms, turns), (middle(r, turns) - 1) * 100, middle(c, turns)
			}
		}' "$tmp/turns" "$tmp/pieces"
done
