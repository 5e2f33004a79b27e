#!/bin/bash
# All stacks of a live process, 50 threads of 25 frames with functions and lines: dump with what earlier runs kept on disk
# (warm) and without (cold), gdb and eu-stack, in turn. Medians of TURNS turns; the target's own pause is dump's word.
set -u
cd "$(dirname "$0")/../.." || exit 1
O=${O:-build}
PROF=$PWD/$O/protea-prof
turns=${TURNS:-9}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/protea-bench.XXXXXX")
target=
trap '[ -n "$target" ] && kill -9 "$target" 2>/dev/null; rm -rf "$tmp"' EXIT

mkfifo "$tmp/in"
exec 9<>"$tmp/in"
start() { # ARG…
	"$tmp/stacks" "$@" <"$tmp/in" >"$tmp/ready" &
	target=$!
	until grep -q ready "$tmp/ready"; do sleep 0.05; done
}
"${CC:-gcc}" -std=gnu17 -D_GNU_SOURCE -g -O2 -pthread tests/programs/known_stacks.c -o "$tmp/stacks" || exit 1
export PROTEA_PROF_CACHE=$tmp/cache

timed() { # NAME CMD…: milliseconds, to $tmp/NAME
	local name=$1 t0 t1
	shift
	t0=${EPOCHREALTIME/./}
	"$@" >"$tmp/out.$name" 2>/dev/null
	t1=${EPOCHREALTIME/./}
	echo "$(((t1 - t0) / 10))" >>"$tmp/$name" # hundredths of a millisecond
}
cold() { PROTEA_PROF_CACHE=$(mktemp -d "$tmp/cold.XXXXXX") "$PROF" dump -p "$target"; }
median() { sort -n "$tmp/$1" 2>/dev/null | awk '{v[NR] = $1} END {if (NR) printf "%.2f", v[int((NR + 1) / 2)] / 100; else print "-"}'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN {if (a == "-" || b + 0 == 0) print "-"; else printf "%.1f", a / b}'; }

run() { # TITLE ARG…
	local title=$1 name
	shift
	start "$@"
	rm -f "$tmp"/warm "$tmp"/json "$tmp"/none "$tmp"/cold "$tmp"/gdb "$tmp"/eu
	"$PROF" dump -p "$target" --all >/dev/null
	for ((i = 0; i < turns; i++)); do
		timed warm "$PROF" dump -p "$target" --all
		timed json "$PROF" dump -p "$target" --json
		timed cold cold
		command -v gdb >/dev/null && timed gdb gdb -q -nx -batch -p "$target" -ex 'thread apply all bt'
		command -v eu-stack >/dev/null && timed eu eu-stack -l -s -i -p "$target"
	done
	kill -9 "$target"
	wait "$target" 2>/dev/null
	target=
	echo "$title, milliseconds (median of $turns)"
	for name in warm json cold gdb eu; do
		printf '  %-9s %8s   %s\n' "$name" "$(median $name)" "$(ratio "$(median $name)" "$(median warm)") times warm dump"
	done
	tail -n 1 "$tmp/out.warm"
}
run "50 threads of 25 frames" deep 50 21
run "17 threads in calls of all kinds, one of them runs" all
run "1,000 threads of 8 frames" deep 1000 4
