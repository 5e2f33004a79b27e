#!/bin/bash
# What memory tracking costs when it is meant to cost nothing: single calls (malloc and free, memcpy, strcpy) and
# real programs, in turns: alone, behind a library that only passes calls on, with tracking off, sampled. CPU
# samples are out of the way: 1 Hz. Medians of the turns, and the best, which a busy machine disturbs least; numbers,
# no verdict.
# TURNS (9), ROWS (300000) of SQLite; a bundle's tiny export where there is one.
set -eu
O=${O:-build}
TURNS=${TURNS:-9}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cc=${CC:-cc}
$cc -std=gnu17 -D_GNU_SOURCE -O2 -g tests/bench/work_pairs.c -o "$tmp/pairs"
$cc -std=gnu17 -D_GNU_SOURCE -O2 -g tests/bench/work_sqlite.c -o "$tmp/sqlite" -lsqlite3
$cc -std=gnu17 -D_GNU_SOURCE -O2 -g -fPIC -shared -fno-builtin tests/programs/bare_preload.c -o "$tmp/bare.so"
export PROTEA_PROF_STORE="$tmp/store.sqlite"
ways="alone bare off sampled"

under() { # way program args…
	local way=$1
	shift
	case $way in
	alone) "$@" ;;
	bare) LD_PRELOAD="$tmp/bare.so" "$@" ;;
	*) "$O/protea-prof" run -q -r 1 --memory "$way" -- "$@" ;;
	esac
	rm -f "$PROTEA_PROF_STORE"*
}

# The median and the best of each way, beside alone and bare.
show() { # title unit
	printf '%s\n' "$1"
	for way in $ways; do
		sed -n "s/^$way //p" "$tmp/rows" | sort -n |
			awk -v way="$way" '{ v[NR] = $1 } END { print way, v[int((NR + 1) / 2)], v[1] }'
	done | awk -v unit="$2" '
		{
			mid[$1] = $2; best[$1] = $3
			printf "  %-8s %9.2f %s   x %.3f of alone", $1, $2, unit, $2 / mid["alone"]
			if ($1 == "off" || $1 == "sampled") printf "   bare %+.2f", $2 - mid["bare"]
			printf "   best %.2f, x %.3f", $3, $3 / best["alone"]
			if ($1 == "off" || $1 == "sampled") printf ", bare %+.2f", $3 - best["bare"]
			printf "\n"
		}'
}

compare() { # title unit program args…
	local title=$1 unit=$2
	shift 2
	: >"$tmp/rows"
	for ((turn = 0; turn < TURNS; turn++)); do
		for way in $ways; do echo "$way $(under "$way" "$@")" >>"$tmp/rows"; done
	done
	show "$title" "$unit"
}

# Runs the sample job on a fresh copy of its bundle in $tmp/run; prints its CPU time in ms.
cat >"$tmp/export.sh" <<'END'
#!/bin/bash
set -eu
rm -rf "$2/artifacts" "$2/resume" "$2"/*.bundle*
cp "$3" "$2"
TIMEFORMAT='%U %S'
{ time "$1" run "$2/job.json" -q >/dev/null 2>&1; } 2>&1 | awk '{ printf "%.1f\n", ($1 + $2) * 1000 }'
END
chmod +x "$tmp/export.sh"

compare "malloc and free, 64 bytes" ns "$tmp/pairs" pair 64
compare "malloc and free, 1,000 bytes" ns "$tmp/pairs" pair 1000
compare "malloc and free, 16 to 2,048 bytes, eight alive" ns "$tmp/pairs" mixed 0
for size in 16 64 256 1024 4096; do compare "memcpy, $size bytes" ns "$tmp/pairs" copy $size; done
for size in 10 100; do compare "strcpy, $size characters" ns "$tmp/pairs" text $size; done
compare "SQLite, inserts and an ordered read" "ns a row" "$tmp/sqlite" "${ROWS:-300000}"
for preset in tiny medium; do
	bundle=$O/samples/$preset/$preset.bundle
	if [ ! -e "$bundle" ] || [ ! -x "$O/protea-export" ]; then
		echo "no $preset bundle here (samples/run.sh $preset makes one): that export is not measured"
		continue
	fi
	if [ $preset = medium ] && [ -z "${MEDIUM:-}" ]; then
		echo "set MEDIUM=1 to measure the medium export, too"
		continue
	fi
	mkdir -p "$tmp/run"
	sed -e "s|\.\./\.\./build/run[^/]*/||g" -e "s|\.\./\.\./build/|$PWD/$O/|g" "samples/jobs/$preset.json" >"$tmp/run/job.json"
	compare "export of the $preset bundle, CPU time" ms "$tmp/export.sh" "$PWD/$O/protea-export" "$tmp/run" "$PWD/$bundle"
done
