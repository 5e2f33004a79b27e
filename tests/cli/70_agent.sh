#!/bin/bash
# The agent in programs of every kind, by what it writes into its session: rates, values, threads, stacks,
# engines, and that the program notices nothing.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
LIB=${AGENT:-$PWD/$O/libprotea-prof.so}
DUMP=$TOOLS/spool_dump
for p in spin calls threads stacks odd torture; do
	"${CC:-gcc}" -std=gnu17 -D_GNU_SOURCE -O2 -g -pthread "tests/programs/agent_$p.c" -o "$TMP/$p" || exit 1
done
export XDG_CACHE_HOME=$TMP/cache

# What a hypervisor took from all CPUs since the machine started, in ns: the clocks of threads run on, and of the ticks
# that were due meanwhile there is one.
stolen_ns() { awk '$1 == "cpu" { printf "%.0f", $9 * 1e7 }' /proc/stat; }
# dump OPTIONS -- CMD…: records in $TMP/records, the program's own output in $TMP/out, its code in $rc.
dump() {
	local before
	before=$(stolen_ns)
	"$DUMP" -l "$LIB" -o "$TMP/records" -c "$TMP/cache" "$@" >"$TMP/out" 2>"$TMP/err"
	rc=$?
	stolen=$(($(stolen_ns) - before))
}
# field NAME: of the summary of the first image (or of image $2).
field() {
	awk -v want="$1" -v image="${2:-0}" '$1 == "summary" { split($2, n, "."); if (n[2] == image)
		for (i = 5; i < NF; i++) if ($i == want) { print $(i + 1); exit } }' "$TMP/records"
}
# loss REASON: how many.
loss() { grep -o " $1=[0-9]*" "$TMP/records" | awk -F= '{ s += $2 } END { print s + 0 }'; }
# holds EXPRESSION: in awk, over numbers.
holds() { awk "BEGIN { exit !($1) }" </dev/null; }
claim() { # NAME EXPRESSION
	if holds "$2"; then ok "$1"; else
		not_ok "$1"
		echo "# $2"
		grep -h '^summary\|^rusage' "$TMP/records" | sed 's/^/# /' | head -n 6
		head -n 5 "$TMP/err" | sed 's/^/# /'
	fi
}

perf=1
dump -r 1000 -- "$TMP/spin" 20
[ "$(field engine)" = 1 ] || perf=0
needs_perf() { [ $perf = 1 ] || { skip "$1" "perf_event_open is refused here (errno $(field errno))"; return 1; }; }

# ---- what the program sees
mkdir "$TMP/bare"
for n in 1 3; do
	"$TMP/spin" 50 $n >"$TMP/bare/out"
	want=$?
	dump -r 1000 -- "$TMP/spin" 50 $n
	claim "$n threads: output, messages and exit code are the program's own" \
		"$rc == $want && $(cmp -s "$TMP/out" "$TMP/bare/out" && echo 1 || echo 0) && $(wc -c <"$TMP/err") == 0"
done
check "preloaded without a session it does nothing" \
	bash -c "[ \"\$(LD_PRELOAD=$LIB $TMP/spin 5)\" = \"\$($TMP/spin 5)\" ]"
dump -r 1000 -- "$TMP/calls"
claim "no sleeping call is interrupted, errno stays" "\"$(cat "$TMP/out")\" == \"interrupted 0 changed 0 failed 0\""
claim "calls: there were samples" "$(field samples) > 50"

# ---- rates and values. A tick is due per interval of CPU time.
rate() { # HZ SHARE
	dump -r "$1" -- "$TMP/spin" 600 2
	claim "$1 Hz: at least $2 of the ticks" "$(field samples) >= $2 * $1 * ($(field value) - $stolen) / 1e9"
	claim "$1 Hz: never more ticks than were asked for" "$(field samples) <= 1.05 * $1 * $(field value) / 1e9 + 4"
	claim "$1 Hz: values add up to the CPU time of the process, but its start and its last intervals" \
		"$(field value) <= 1.005 * $(field process_cpu) && $(field value) >= 0.99 * $(field process_cpu) - 20e6 - 3e9 / $1 - $stolen"
	claim "$1 Hz: every stack reaches its root" "$(field roots) >= 0.999 * $(field samples)"
}
if needs_perf "rates by perf events"; then
	rate 199 0.90
	rate 1000 0.90
	rate 10000 0.50
fi
dump -r 100 -e clock -- "$TMP/spin" 600 2
claim "by timers: engine 2, and at least 0.7 of the ticks at 100 Hz" \
	"$(field engine) == 2 && $(field samples) >= 0.7 * 100 * ($(field value) - $stolen) / 1e9"
claim "by timers: values add up" \
	"$(field value) <= 1.005 * $(field process_cpu) && $(field value) >= 0.99 * $(field process_cpu) - 80e6 - $stolen"
dump -e none -- "$TMP/spin" 20 3
claim "engine none: threads, no samples" "$(field engine) == 3 && $(field threads) == 3 && $(field samples) == 0"

# ---- threads
dump -r 1000 -- "$TMP/threads"
claim "threads: the program ran to its end" "$rc == 0 && $(field ended) == 1"
# seen TID: start, end and samples of it.
seen() {
	awk -v tid="$1" '$6 == "thread-start" { of[$3] = $8; if ($8 == tid) start = 1 }
		$6 == "thread-end" && $8 == tid { end = 1 }
		$6 ~ /^sample/ && of[$3] == tid { n++ } END { print start + 0, end + 0, n + 0 }' "$TMP/records"
}
cp "$TMP/out" "$TMP/tids"
while read -r kind tid; do
	read -r start end n <<<"$(seen "$tid")"
	case $kind in
	bare | notify) # found by the supervisor's asking, while they run; nothing tells of their end
		[ "$kind" = notify ] || claim "thread made by clone(): found and sampled" "$start && $n > 10" ;;
	*) claim "thread $kind: start, end, samples" "$start && $end && $n > 5" ;;
	esac
done <"$TMP/tids"
claim "1000 brief threads: each has a start and no ring is lost" \
	"$(field threads) >= 1009 && $(loss thread_limit) == 0 && $(field rings) < 1009"
check "a thread's name is the one it had at its end" grep -q 'thread-name.*name worker-bee' "$TMP/records"

# ---- stacks
dump -r 1000 -- "$TMP/stacks"
"$TMP/stacks" >"$TMP/bare/out"
claim "foreign stacks, coroutines, longjmp out of handlers: same output" \
	"$rc == 0 && $(cmp -s "$TMP/out" "$TMP/bare/out" && echo 1 || echo 0)"
# frames FUNCTION [END]: samples with an address in it, and that end so.
frames() {
	local lo size
	read -r lo size <<<"$(nm -S "$TMP/stacks" | awk -v f="$1" '$4 == f { print $1, $2 }')"
	awk -v lo="$((16#$lo))" -v size="$((16#$size))" -v end="${2:-}" '
		function num(s, i, v) { v = 0; for (i = 1; i <= length(s); i++) v = v * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1; return v }
		$6 == "module-load" && $NF ~ /\/stacks$/ { bias = num($9) }
		$6 ~ /^sample/ && (end == "" || $12 == end) { for (i = 16; i <= NF; i++) { a = num($i) - bias; if (a >= lo && a < lo + size) { n++; break } } }
		END { print n + 0 }' "$TMP/records"
}
for f in on_altstack deep in_coroutine coroutine_main small_thread full_thread; do
	claim "work is seen in $f" "$(frames $f) > 5"
done
claim "a coroutine's stack ends where makecontext() let it begin" "$(frames coroutine_main root) == $(frames coroutine_main)"
claim "stacks deeper than 2048 are cut and counted" "$(loss truncated) > 5"

# ---- hard cases
dump -r 1000 -- "$TMP/odd" closes
"$DUMP" -e none -o "$TMP/none" -l "$TMP/nothing.so" -- "$TMP/odd" closes >"$TMP/bare/out" 2>/dev/null
claim "a program that closes every descriptor sees none of ours" "$(cmp -s "$TMP/out" "$TMP/bare/out" && echo 1 || echo 0)"
if needs_perf "ticks outlive a program that closes every descriptor"; then
	claim "ticks outlive a program that closes every descriptor" "$(field samples) >= 0.7 * ($(field process_cpu) - $stolen) / 1e6 - 20"
fi
dump -r 1000 -- "$TMP/odd" blocks
claim "signals blocked by the program: late ticks are counted, their time is kept" \
	"$(loss late_tick) > 20 && $(field value) >= 0.95 * $(field process_cpu) - 20e6 - $stolen"
dump -r 1000 -- "$TMP/odd" forbidden
if [ $rc = 77 ]; then skip "perf forbidden by seccomp" "no seccomp filters here"; else
	claim "perf forbidden by seccomp: timers take over, and the reason is told" \
		"$(field engine 1) == 2 && $(field errno 1) == 13 && $(field samples 1) > 5"
fi
dump -r 1000 -- "$TMP/odd" execs
claim "four images of one process, each with its samples" \
	"$(for i in 0 1 2 3; do printf '%s > 5 && ' "$(field samples $i)"; done) $(field ended 0) == 2 && $(field ended 3) == 1"
dump -r 1000 -- "$TMP/odd" pending
claim "a tick that is pending at exec does not kill the new program" \
	"$rc == 0 && \"$(cat "$TMP/out")\" == \"alive\" && $(field ended) == 2"
for limit in 0 2; do
	dump -r 1000 -- bash -c "ulimit -i $limit && exec $TMP/spin 50 3"
	claim "a queue of signals that holds $limit: no harm, and samples" "$rc == 7 && $(field samples 1) > 50"
done
dump -r 1000 -- bash -c 'kill -IO $$; echo survived'
claim "a SIGIO of the program's own ends it as ever" "$rc == 157 && $(wc -c <"$TMP/out") == 0"
dump -r 1000 -- bash -c "ulimit -n 64 && exec $TMP/spin 300 2"
claim "few descriptors: none is taken, timers tick" "$rc == 7 && $(field engine 1) == 2 && $(field samples 1) > 10"
dump -r 1000 -- bash -c "ulimit -v 200000 && exec $TMP/spin 50 2"
claim "little address space: it fits in" "$rc == 7 && $(field samples 1) > 20"
for how in _exit quick_exit thread main; do
	"$TMP/odd" ends $how
	want=$?
	dump -r 1000 -- "$TMP/odd" ends $how
	claim "end by $how: exit code and samples" "$rc == $want && $(field samples) > 10"
done
for how in kill abort; do
	dump -r 1000 -- "$TMP/odd" ends $how
	claim "end by $how: what was written is there" "$rc > 128 && $(field samples) > 10 && $(field bad) == 0"
done

dump -r 5000 -- "$TMP/torture" 3 libm.so.6
claim "torture: malloc, dlopen, threads, forks, jumps, signals, a timer of its own" \
	"$rc == 0 && \"$(cat "$TMP/out")\" == \"torture wrong 0\" && $(field samples) > 100 && $(field bad) == 0"
[ "$tap_failed" -eq 0 ]
