#!/bin/bash
# protea-prof import: files that other tools write, here by the tools themselves where they are installed; every view on
# them; round trips through export; files of ours in other tools; wrong files and wrong arguments; nothing half-written.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
REPO=$PWD
CORPUS=$PWD/tests/fuzz/corpus
unset PROTEA_PROF_STORE
cd "$TMP" || exit 1
export PROTEA_PROF_STORE=$TMP/s.sqlite
sql() { sqlite3 "$PROTEA_PROF_STORE" "$1"; }
folded() { "$PROF" export -f folded "$@"; }
sum() { awk '{ n += $NF } END { printf "%.0f\n", n }'; }
kept() { tail -c +2 "$CORPUS/$1"; } # an input of the fuzz targets, without its byte of options

printf 'main;a b;c_[k] 42\nmain;a b 7\r\n\nmain 1\n' >a.folded
id=$("$PROF" import a.folded 2>err)
first() {
	[ "$(wc -l <err)" -eq 3 ] && grep -q "next: protea-prof report ${id:0:8}$" err &&
		[ "$(folded "$id")" = "$(printf 'main 1\nmain;a b 7\nmain;a b;c_[k] 42')" ] &&
		[ "$(sql "SELECT name, engine, mode, rate_hz, finished, host FROM run WHERE id = '$id'")" = "a.folded|import|cpu|0.0|1|" ] &&
		[ "$(sql "PRAGMA integrity_check")" = ok ]
}
check "a folded file becomes a run; its id is on stdout, what next on stderr" first
views() {
	"$PROF" report "$id" | grep -q '84.0 %.* c_\[k\]' && "$PROF" report "$id" --tree | grep -q 'a b' &&
		"$PROF" report "$id" --json | python3 -m json.tool >/dev/null && "$PROF" report "$id" | grep -q '^samples  50 of cpu, 50 ns (import)' &&
		"$PROF" flame "$id" -o f.html 2>/dev/null && [ -s f.html ] && "$PROF" runs | grep -q a.folded &&
		[ "$(sql "SELECT sum(value) FROM folded WHERE run_id = '$id'")" = 50 ]
}
check "report, flame, runs and the view folded work on it" views
parts() { # of samples: shares would be lost
	printf 'main;a 0.4\nmain;b 0.5\n' >parts.folded && ! "$PROF" import parts.folded >out 2>err && grep -q 'line 1: the value 0.4 is no number of samples: .*--unit' err &&
		id=$("$PROF" import -q parts.folded --unit ms) && [ "$(folded "$id" | sum)" = 900000 ]
}
check "parts of samples are refused, with a unit they count" parts
lacks() {
	! folded "$id" --kind alloc >out 2>err && [ ! -s out ] && grep -q 'no samples of kind alloc; it has: cpu$' err && ! folded "$id" --kind alloc -o not.folded 2>/dev/null && [ ! -e not.folded ]
}
check "export of a kind that the run lacks is an error" lacks
compared() {
	printf 'main;a b;c_[k] 420\nmain;a b 7\nmain 1\n' >b.folded
	other=$("$PROF" import b.folded -q) && "$PROF" diff "$id" "$other" 2>&1 | grep -q 'c_\[k\]'
}
check "two imported runs can be compared" compared
named() {
	id=$("$PROF" import -q a.folded --name nightly -l commit=abc -l k=v --kind wall --unit us) &&
		[ "$(sql "SELECT name, labels, mode FROM run WHERE id = '$id'")" = 'nightly|{"commit":"abc","k":"v"}|wall' ] &&
		[ "$(folded "$id" | sum)" = 50000 ] && [ "$(folded "$id" --kind wall --count | sum)" = 3 ] &&
		id=$("$PROF" import -q a.folded --rate 1000) && [ "$(folded "$id" | sum)" = 50000000 ] && [ "$(folded "$id" --count | sum)" = 50 ] &&
		"$PROF" report "$id" | grep -q 'at 1000 Hz'
}
check "--name, --label, --kind, --unit, --rate" named
pipes() {
	gzip -9 <a.folded >a.gz && mv a.gz "odd name" && id=$("$PROF" import -q - <"odd name") && [ "$(folded "$id" | sum)" = 50 ] &&
		id=$("$PROF" import -q --format folded "odd name") && [ "$(folded "$id" | sum)" = 50 ]
}
check "standard input, gzip, a name that says nothing" pipes

# ---- by the tools themselves ----------------------------------------------------------------------------------

cat >work.c <<'C'
#include <math.h>
#include <stdio.h>
__attribute__((noinline)) double inner(double x)
{
	double s = 0;
	for (int i = 0; i < 3000; i++)
		s += sqrt(x + i);
	return s;
}
__attribute__((noinline)) double outer(int n)
{
	double s = 0;
	for (int i = 0; i < n; i++)
		s += inner(i) + 1;
	return s;
}
int main(void)
{
	printf("%f\n", outer(40000));
	return 0;
}
C
recorded() { gcc -O1 -g -fno-omit-frame-pointer work.c -o work -lm && perf record -q -e cpu-clock -F 499 -g -o p.data ./work; }
perf_default() {
	perf script --header -i p.data >p.txt 2>/dev/null && id=$("$PROF" import -q p.txt) &&
		[ "$(folded "$id" --count | sum)" -eq "$(grep -c cpu-clock: p.txt)" ] &&
		[ "$(folded "$id" | sum)" -eq "$(awk '/cpu-clock: *$/ { n += $(NF - 1) } END { printf "%.0f", n }' p.txt)" ] &&
		folded "$id" | grep -q 'main;outer;inner ' && "$PROF" report "$id" --by module | grep -q '/work$' &&
		[ "$(sql "SELECT host || kernel FROM run WHERE id = '$id'")" = "$(uname -n)$(uname -r)" ]
}
perf_fields() {
	id=$("$PROF" import -q p.txt)
	folded "$id" >want
	for fields in comm,pid,tid,time,event,ip,sym,dso,period comm,tid,time,period,event,ip,sym,symoff,dso,srcline; do
		id=$(perf script -F "$fields" -i p.data 2>/dev/null | "$PROF" import -q -) && folded "$id" | diff - want || return 1
	done
	"$PROF" report "$id" --by line | grep -q 'work.c:[0-9]*  *inner'
}
perf_flat() { # no call chains: one line a sample
	perf record -q -e cpu-clock -F 499 -o p2.data ./work >/dev/null && perf script -i p2.data >p2.txt 2>/dev/null &&
		id=$("$PROF" import -q p2.txt) && [ "$(folded "$id" --count | sum)" -eq "$(wc -l <p2.txt)" ] && folded "$id" | grep -q '^inner '
}
perf_raw() {
	"$PROF" import p.data 2>err
	[ $? -eq 1 ] && grep -q 'perf script -i' err
}
if ! command -v perf >/dev/null; then
	skip "perf script's text" "no perf (package linux-perf)"
elif ! recorded >/dev/null 2>rec.err; then
	skip "perf script's text" "perf record does not work here: $(tail -n 1 rec.err)"
else
	check "perf script's text: samples and times are what perf printed" perf_default
	check "perf script -F: the same stacks, places in the source" perf_fields
	check "perf script without call chains" perf_flat
	check "a perf.data file is refused, with what to do" perf_raw
fi
v8() {
	cat >hot.js <<-'J'
		function hot(n) { let s = 0; for (let i = 0; i < n; i++) s += Math.sqrt(i); return s; }
		function callsHot() { let s = 0; for (let k = 0; k < 120; k++) s += hot(200000); return s; }
		console.log(callsHot());
	J
	node --cpu-prof --cpu-prof-dir=v8 hot.js >/dev/null && id=$("$PROF" import -q v8/*.cpuprofile) &&
		folded "$id" -k wall | grep -q 'callsHot;hot ' &&
		[ "$(folded "$id" -k wall --count | sum)" -eq "$(node -p "const p = JSON.parse(require('fs').readFileSync(process.argv[1])), root = p.nodes.find((n) => n.callFrame.functionName === '(root)').id; p.samples.filter((s) => s !== root).length" v8/*.cpuprofile)" ] &&
		"$PROF" report "$id" | grep -q 'hot  *\(.*\)\?hot.js\|  hot'
}
if command -v node >/dev/null; then check "node --cpu-prof: every sample is there" v8; else skip "node --cpu-prof" "no node"; fi
callgrind() {
	valgrind -q --tool=callgrind --callgrind-out-file=cg.out "$(command -v true)" && id=$("$PROF" import -q cg.out) &&
		[ "$(folded "$id" | sum)" -eq "$(awk '/^(summary|totals):/ { print $2; exit }' cg.out)" ] &&
		"$PROF" report "$id" >out && grep -q '^cost  .* (callgrind; ' out && ! grep -q ' Hz\|^host ' out
}
if command -v valgrind >/dev/null; then check "valgrind --tool=callgrind: all instructions are there" callgrind; else skip "callgrind" "no valgrind"; fi

# ---- kept files ----------------------------------------------------------------------------------------------

kinds() { # file kinds
	kept "$1" >k && id=$("$PROF" import -q k) && [ "$(sql "SELECT group_concat(DISTINCT kind) FROM sample WHERE run_id = '$id'")" = "$2" ]
}
check "speedscope, evented" kinds speedscope/evented cpu
check "Firefox, tables of each thread" kinds gecko/threads cpu,wall
check "Firefox, shared tables" kinds gecko/shared wall
check "Firefox, raw" kinds gecko/raw wall
check "pprof, not packed" kinds pprof/plain cpu

# ---- there and back ------------------------------------------------------------------------------------------

"$TOOLS/store_fill" full.sqlite --stacks 300 --depth 10 --samples 3000 --threads 3 --stages 4 --memory --inline --seed 7 >/dev/null || exit 1
full() { "$PROF" export --store full.sqlite "$@"; }
back() { # format kind
	full -f "$1" -k "$2" -o "$1.$2" && id=$("$PROF" import -q "$1.$2") && full -f folded -k "$2" >want && [ -s want ] &&
		folded "$id" -k "$2" | cmp - want
}
for kind in cpu alloc live; do
	check "pprof and back, $kind: the same stacks and values" back pprof "$kind"
done
counts_back() { folded "$("$PROF" import -q pprof.live)" -k live --count | cmp - <(full -f folded -k live --count); }
check "pprof and back: the same counts" counts_back
for kind in cpu alloc; do
	check "speedscope and back, $kind: the same stacks and values" back speedscope "$kind"
done
places() { # what folded text does not show
	id=$("$PROF" import -q pprof.cpu) && "$PROF" report "$id" --by line --json | python3 -m json.tool >/dev/null &&
		[ "$(sql "SELECT count(DISTINCT name) FROM thread WHERE run_id = '$id'")" = "$(sqlite3 full.sqlite "SELECT count(DISTINCT t.name) FROM sample s JOIN thread t ON t.id = s.thread_id WHERE s.kind = 'cpu'")" ] &&
		[ "$(sql "SELECT count(DISTINCT path) FROM module WHERE run_id = '$id'")" -gt 0 ] &&
		[ "$(sql "SELECT count(*) FROM frame WHERE run_id = '$id' AND inline_depth > 0")" -gt 0 ]
}
check "pprof and back: threads, modules, inlined functions" places
peer() { (cd "$REPO" && timeout 60 node tests/cli/import_peers.mjs "$@"); }
peer_check() { # name cmd…: skipped when the peer is not there
	local name=$1 out rc
	shift
	out=$("$@" 2>&1)
	rc=$?
	case $rc in
	0) ok "$name" ;;
	77) skip "$name" "$(tail -n 1 <<<"$out")" ;;
	*)
		not_ok "$name"
		tail -n 20 <<<"$out" | sed 's/^/# /'
		;;
	esac
}
by_schema() { peer schema "$TMP/speedscope.cpu" && peer schema "$TMP/speedscope.alloc"; }
by_pprof_format() {
	peer pprof "$TMP/pprof.cpu" >theirs || return
	grep -v '^#' theirs | awk '{ $(NF - 1) = ""; print }' | sed 's/  / /' | LC_ALL=C sort | cmp - <(full -f folded | LC_ALL=C sort) &&
		[ "$(grep '^#' theirs)" = "$(printf '# samples count\n# cpu nanoseconds')" ]
}
real_pprof() { # files that @datadog/pprof wrote, as pprof-format reads them and as we do
	local f kind
	for f in node_time:wall node_heap:live; do
		kind=${f#*:}
		kept "pprof/${f%:*}" >real.pb.gz && peer pprof "$TMP/real.pb.gz" >theirs || return
		id=$("$PROF" import -q real.pb.gz)
		grep -v '^#' theirs | LC_ALL=C sort |
			cmp - <(join -j 1 -t $'\t' <(folded "$id" -k "$kind" --count | sed 's/ \([0-9]*\)$/\t\1/' | LC_ALL=C sort) \
				<(folded "$id" -k "$kind" | sed 's/ \([0-9]*\)$/\t\1/' | LC_ALL=C sort) | tr '\t' ' ' | LC_ALL=C sort) || return 1
	done
}
by_speedscope() {
	local rc
	peer speedscope "$TMP/speedscope.cpu" "$TMP/pprof.cpu" >theirs
	rc=$?
	[ $rc -eq 0 ] || { cat theirs; return $rc; }
	full -f folded | sed 's/ [0-9]*$//' | tr ';' '\n' | sort -u >names
	[ "$(wc -l <theirs)" -eq 2 ] && while read -r line; do
		tr ';' '\n' <<<"$line" | sort -u | comm -23 - names | grep -q . && return 1
		[ "$(tr ';' '\n' <<<"$line" | wc -l)" -gt 5 ] || return 1
	done <theirs
}
if command -v node >/dev/null; then
	peer_check "speedscope's schema holds for what we write" by_schema
	peer_check "pprof-format decodes the same stacks, counts and values" by_pprof_format
	peer_check "pprof's files of node are read as pprof-format reads them" real_pprof
	peer_check "speedscope opens our files of both formats" by_speedscope
else
	skip "files of ours in other tools" "no node"
fi

# ---- wrong files ---------------------------------------------------------------------------------------------

before=$(sql 'SELECT count(*) FROM run')
refused() { # words file…
	local words=$1
	shift
	"$PROF" import "$@" >out 2>err
	[ $? -eq 1 ] && grep -q "$words" err && [ ! -s out ] && [ "$(wc -l <err)" -eq 1 ]
}
printf 'a;b 1 2\nc 3 4\n' >diff.folded
printf 'a;b 1\nnonsense\n' >bad.folded
: >empty
head -c 40 pprof.cpu >short.gz
head -c 2000 /dev/urandom >noise
check "the difference of two profiles" refused 'protea-prof diff' diff.folded
check "a bad line is named" refused 'bad.folded: line 2: ' bad.folded
check "an empty file" refused 'empty' empty
check "a file that was cut short" refused 'cut short' short.gz
check "noise" refused 'none of the known formats\|damaged\|no pprof' noise
check "a store" refused 'SQLite' s.sqlite
check "a program" refused 'program' /bin/true
check "a folder" refused 'folder' .
check "no such file" refused 'No such file' nosuch
check "a format that the file is not of" refused 'object' --format speedscope a.folded
check "no such event" refused "no sample is of event 'cycles'" --only cycles <(kept perf_script/flat)
check "control characters of a file are not printed" refused 'line 1: no number' <(printf 'a\033[31m\n') --format folded
nothing_new() { [ "$(sql 'SELECT count(*) FROM run')" = "$before" ] && [ "$(sql 'PRAGMA integrity_check')" = ok ]; }
check "no refused file left anything in the store" nothing_new
fresh() {
	"$PROF" import --store new.sqlite noise 2>/dev/null
	[ ! -e new.sqlite ]
}
check "and made no store" fresh
full_disk() { # the limit is met while rows are written
	awk 'BEGIN { for (i = 0; i < 30000; i++) printf "main;function_%d;%d_%d 1\n", i % 900, i, i }' >wide.folded
	before=$(sql 'SELECT count(*) FROM run')
	(
		ulimit -f 700
		trap '' XFSZ
		"$PROF" import wide.folded >out 2>err
	)
	[ $? -eq 1 ] && [ ! -s out ] && nothing_new && "$PROF" import -q wide.folded >/dev/null
}
check "a full disk leaves the store as it was" full_disk
killed() {
	before=$(sql 'SELECT count(*) FROM run')
	mkfifo feed
	"$PROF" import - <feed >/dev/null 2>&1 &
	local pid=$!
	exec 7>feed
	cat wide.folded >&7 # taken, but for what a pipe holds
	kill -9 $pid
	exec 7>&-
	wait $pid 2>/dev/null
	nothing_new
}
check "killed while it reads: nothing is in the store" killed

for wrong in "" "a.folded b.folded" "--format nonsense a.folded" "--kind nonsense a.folded" "--unit parsecs a.folded" "--rate 0 a.folded" \
	"--label x a.folded" "--nosuch a.folded" "--kind alloc --unit ms a.folded" "--only x a.folded"; do
	# shellcheck disable=SC2086 # words
	check_fails 2 "refused: import $wrong" "$PROF" import $wrong
done

echo "1..$tap_n"
[ "$tap_failed" -eq 0 ]
