#!/bin/bash
# Memory, sampled: estimates against a program that says what it allocates, the exact sums of stages, and the
# volume of copies. Bounds are five standard deviations of the estimate (one run in two million is beyond).
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
LIB=${AGENT:-$PWD/$O/libprotea-prof.so}
store=$TMP/s.sqlite
cc=${CC:-cc}
"$cc" -std=gnu17 -O2 -g -Wall -Iprof/include -pthread tests/programs/memory_known.c -o "$TMP/known" || exit 1
build_copies=("$cc" -std=gnu17 -D_GNU_SOURCE -O2 -g -Wall -pthread tests/programs/copy_calls.c)
"${build_copies[@]}" -DLIBRARY -fPIC -shared -Wl,-z,now -o "$TMP/libcopies.so" || exit 1
"${build_copies[@]}" -o "$TMP/copies" -Wl,--no-as-needed -L"$TMP" -lcopies -Wl,-rpath,"$TMP" || exit 1

# ---- what the program sees: copies, done by whoever they are done by
"$TMP/copies" check >"$TMP/alone"
LD_PRELOAD=$LIB "$TMP/copies" check >"$TMP/idle"
check "copying functions do and return what they do without us" cmp "$TMP/alone" "$TMP/idle"
for m in off sampled full; do
	"$PROF" run -q -o "$store" --memory $m --memory-rate 64 -- "$TMP/copies" check >"$TMP/out" 2>"$TMP/err"
	check "the same under --memory $m" cmp "$TMP/alone" "$TMP/out"
done
read -r before library _ <"$TMP/alone"
check "copies before main were of all kinds" test "$before" = "$library" -a "$before" != 0000000000000000
# Every copy and every block is a sample: nothing may wait, break or be lost in the middle of it.
for m in sampled full; do
	check "threads, handlers and children at once under --memory $m" bash -c \
		"[ \"\$(timeout 300 '$PROF' run -q -o '$store' --memory $m --memory-rate 1 -- '$TMP/copies' storm 1500)\" = 'wrong 0' ]"
done
# In shells of their own, which say what became of them.
overflow() { bash -c "$1 '$TMP/copies' overflow $2; echo code \$?" 2>&1 | sed 's/^.*line [0-9]*: *[0-9]* *//; s/ *\(LD_PRELOAD[^ ]* \)\?[^ ]*copies.*//'; }
wrong=
for f in memcpy memmove strcpy stpcpy strcat strncpy strncat; do
	a=$(overflow "" $f)
	b=$(overflow "LD_PRELOAD=$LIB" $f)
	[ "$a" = "$b" ] && [[ $a == *"buffer overflow detected"*"code 134"* ]] || wrong+=" $f: '$a' '$b'"
done
check "fortified copies are refused by libc, in its words" test -z "$wrong"
[ -z "$wrong" ] || echo "#$wrong"

# ---- how the library is made: nothing of ours may call a hook of ours, and no hook may stand in a stack
mapfile -t hooks < <(sed -n '/mem_copy.c/,/^local/s/^\t\([_a-z]*\);$/\1/p' prof/agent/exports.map)
printf ' %s[-+]0x\n' "${hooks[@]}" >"$TMP/patterns"
called='' objects=0
for object in "$O"/obj-agent/prof/*/*.o; do
	[ "${object##*/}" != mem_copy.o ] || continue
	objects=$((objects + 1))
	objdump -r "$object" | grep -q -f "$TMP/patterns" && called+=" $object"
done
check "there are hooks of copies" test ${#hooks[@]} -ge 29
check "none of the agent's $objects other objects calls one" test -z "$called" -a $objects -gt 40
[ -z "$called" ] || echo "#$called"
objdump -d --no-show-raw-insn "$O/obj-agent/prof/agent/mem_copy.o" >"$TMP/hooks"
check "hooks leave by jumps: they stand in no stack" \
	bash -c "grep -q 'jmp .*<slow>' '$TMP/hooks' && ! grep -q 'call .*<slow>' '$TMP/hooks'"

command -v sqlite3 >/dev/null || { skip "estimates" "no sqlite3 shell"; echo "1..$tap_n"; exit 0; }
sql() { sqlite3 -readonly "$store" "$1"; }

# ---- estimates
# run_known OPTIONS…: the program's own words in $TMP/said.
run_known() {
	rm -f "$store"*
	"$PROF" run -q -o "$store" "$@" -- "$TMP/known" >"$TMP/said" 2>"$TMP/err" ||
		{ echo "# exit code $?"; sed 's/^/# /' "$TMP/err"; }
}
# seen KIND: "function bytes count variance" by function of the leaf.
seen() {
	sql "SELECT f.function, sum(s.value), sum(s.count), sum(coalesce(s.variance, 0)) FROM sample s
		JOIN stack k ON k.id = s.stack_id JOIN frame f ON f.id = k.frame_id
		WHERE s.kind = '$1' GROUP BY f.function" | tr '|' ' '
}
# near WHAT COLUMN KIND: each function's estimate lies by what the program said.
near() {
	seen "$3" >"$TMP/seen"
	if awk -v column="$2" -v rate="$4" '
		FILENAME == ARGV[1] { value[$1] = $2; variance[$1] = $4; next }
		$1 == "stage" { next }
		{
			d = value[$1] - $column
			# Half of what a sample stands for on top, as in score intervals.
			bound = 5 * sqrt(variance[$1] + 0.01) + 12.5 * rate
			if (column == 4) bound = 5 * sqrt(rate * ($4 + value[$1])) + 12.5 * rate
			if (d * d > bound * bound) { print "# " $1 ": " value[$1] " for " $column ", bound " bound; bad = 1 }
			n++
		}
		END { exit bad || n < 6 }' "$TMP/seen" "$TMP/said"; then ok "$1"; else
		not_ok "$1"
		sql "SELECT kind, count(*), sum(value) FROM sample GROUP BY kind; SELECT reason, count FROM loss;
			SELECT pid, name, cpu_ns FROM process; SELECT finished FROM run" | sed 's/^/# /'
	fi
}
stages_exact() {
	local want
	want=$(awk '$1 == "stage" { print $2 "|" $3 "|" $4 }' "$TMP/said" | sort)
	check "$1" test "$(sql "SELECT name, alloc_bytes, alloc_count FROM stage ORDER BY name")" = "$want"
}
run_known --memory sampled --memory-rate 4096
near "4096: bytes allocated, by function" 2 alloc 4096
near "4096: bytes leaked, by function" 4 leak 4096
stages_exact "4096: stages know exactly"
# Blocks: those of 0 bytes are worth 4,096.5 each.
check "4096: empty blocks are counted" bash -c "seen=\$(echo '$(seen alloc)' | awk '\$1 == \"empty\" { print \$3 }')
	[ \$seen -gt 200000 ] && [ \$seen -lt 600000 ]"
run_known --memory sampled
near "512k: bytes allocated, by function" 2 alloc 524288
stages_exact "512k: stages know exactly"
check "the run knows how memory was tracked" \
	test "$(sql "SELECT memory, memory_rate_bytes FROM run")" = "sampled|524288"
run_known --memory sampled --memory-rate 1
near "rate 1: everything, exactly" 2 alloc 0
run_known --memory off
check "off: no memory in the store" test "$(sql "SELECT count(*) FROM sample WHERE kind NOT IN ('cpu', 'wall')")" = 0

# ---- copies
copies() { # NAME RATE BYTES OPTIONS…
	local name=$1 rate=$2 bytes=$3 lines
	shift 3
	rm -f "$store"*
	"$PROF" run -q -o "$store" "$@" -- "$TMP/copies" volume "$bytes" 2>"$TMP/err" ||
		{ echo "# exit code $?"; sed 's/^/# /' "$TMP/err"; }
	lines=$(seen copy | awk -v bytes="$bytes" -v rate="$rate" '
		$1 ~ /^copy_/ {
			n++
			d = $2 - bytes
			bound = 5 * sqrt($4) + 12.5 * rate
			size = $1 == "copy_blocks" ? 100 : $1 == "copy_large" ? 1048576 : 1000
			if (d * d > bound * bound) print $1, $2, bound
			c = $3 * size / bytes - 1
			if (c * c > 25 * $4 / bytes / bytes + 0.01) print $1, "calls", $3
		}
		END { if (n != 3) print n + 0, "functions" }')
	check "$name" test -z "$lines"
	[ -z "$lines" ] || { echo "# $lines"; seen copy | sed 's/^/# /'; }
}
# Whole numbers of copies: 131,072,000 is 125 MiB.
copies "copies, rate 65,536: bytes and calls by function" 65536 262144000 --memory sampled --memory-rate 4096
copies "the same in full mode" 65536 262144000 --memory full --memory-rate 4096
copies "copies at the rate that is the default" 8388608 3932160000 --memory sampled

echo "1..$tap_n"
[ "$tap_failed" -eq 0 ]
