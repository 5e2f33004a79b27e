#!/bin/bash
# What the agent stands in front of: environment, exec, fork, signals, libraries, stages, pp_start. Programs
# print what they see; that has to be the same with and without the agent.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
LIB=${AGENT:-$PWD/$O/libprotea-prof.so}
DUMP=$TOOLS/spool_dump
export XDG_CACHE_HOME=$TMP/cache
build() { # NAME FLAGS…
	local name=$1
	shift
	"${CC:-gcc}" -std=gnu17 -D_GNU_SOURCE -O1 -g -Iprof/include -pthread "tests/programs/wrap_$name.c" "$@" || exit 1
}
for p in exec signal stage; do build $p -o "$TMP/$p"; done
build fork -o "$TMP/fork" -lutil
build start -o "$TMP/start" -Wl,--no-as-needed "$LIB" -Wl,-rpath,"$(dirname "$LIB")"
mkdir -p "$TMP/dl/sub"
build dl -o "$TMP/dl/main"
# shellcheck disable=SC2016 # $ORIGIN is for the loader
build dl -DOUTER -shared -fPIC -o "$TMP/dl/outer.so" -Wl,--enable-new-dtags,-rpath,'$ORIGIN/sub'
build dl -DINNER -shared -fPIC -o "$TMP/dl/sub/inner.so"

dump() { "$DUMP" -l "$LIB" -o "$TMP/records" -c "$TMP/cache" "$@"; }
images() { grep -c '^summary' "$TMP/records"; }
# same NAME FILTER CMD…: prints, complains and exits as without the agent, at 1 kHz; FILTER (sed) takes out
# what may differ.
same() {
	local name=$1 filter=$2 want got
	shift 2
	"$@" >"$TMP/want" 2>"$TMP/want.err"
	want=$?
	dump -s -r 1000 -- "$@" >"$TMP/got" 2>"$TMP/got.err"
	got=$?
	sed -i "$filter" "$TMP/want" "$TMP/got"
	if [ $want = $got ] && diff "$TMP/want" "$TMP/got" >"$TMP/diff" &&
		diff "$TMP/want.err" "$TMP/got.err" >>"$TMP/diff"; then
		ok "$name"
	else
		not_ok "$name"
		echo "# exit codes $want, $got"
		head -n 20 "$TMP/diff" | sed 's/^/# /'
	fi
}
claim() { # NAME EXPRESSION
	if awk "BEGIN { exit !($2) }" </dev/null; then ok "$1"; else
		not_ok "$1"
		echo "# $2"
	fi
}

# ---- environment and exec
same "the environment is the one it would have without us" 's/^_=.*//' env
same "every way to start a program gives it the same environment, mask and ignored signals" \
	's/agent [01]//' "$TMP/exec"
dump -r 199 -- "$TMP/exec" >"$TMP/got" 2>/dev/null
claim "every one of them is followed" "$(grep -c 'agent 1' "$TMP/got") == 23 && $(grep -c 'agent 0' "$TMP/got") == 0"
dump -n -s -r 199 -- "$TMP/exec" >"$TMP/got" 2>/dev/null
claim "without children none is followed, but what takes the process's place" \
	"$(grep -c 'agent 1' "$TMP/got") == 1 && $(images) == 2"
dump -s -- sh -c 'env | wc -l; (exit 3) | true; env -i sh -c env | sort' >"$TMP/got"
check "a pipeline of a shell works" grep -q PWD "$TMP/got"
claim "and each of its programs is followed" "$(images) >= 5"
same "a program that cannot be preloaded is run all the same" '' "$(command -v ldconfig || echo /sbin/ldconfig)" -p
# shellcheck disable=SC2016 # for the inner shell
same "very many variables are passed on" '' env -i sh -c \
	'i=0; while [ $i -lt 3000 ]; do export "V$i=$i"; i=$((i + 1)); done; env | sort | md5sum; sh -c "env | sort | md5sum"'
for list in '' ' ' 'libm.so.6' ' libm.so.6: ' 'libm.so.6:libdl.so.2'; do
	same "a preload list of the user's own stays: '$list'" '' env -i LD_PRELOAD="$list" sh -c env
done
# shellcheck disable=SC2016 # for the inner shell
same "a very long preload list is passed on" '' env -i sh -c \
	'LD_PRELOAD=$(i=0; while [ $i -lt 6000 ]; do printf "           "; i=$((i + 1)); done); export LD_PRELOAD; env | wc -c; sh -c "env | wc -c"'

# ---- fork
same "forks of every kind" '' "$TMP/fork"
claim "all children have records of their own" "$(images) >= 320"
dump -r 199 -- "$TMP/fork" >/dev/null
claim "parents note their children" "$(grep -c ' fork extra ' "$TMP/records") >= 310"
claim "a stage around a fork stays the parent's" \
	"$(grep -c 'name around$' "$TMP/records") == 1 && $(grep -c "name child's$" "$TMP/records") == 1"
same "a storm of forks" '' "$TMP/fork" storm 300

# ---- signals
same "every real-time signal is the program's own" '' "$TMP/signal"
for hz in 199 4000; do
	"$TMP/signal" >"$TMP/want"
	dump -s -r $hz -- "$TMP/signal" >"$TMP/got"
	check "and so it is at $hz Hz" diff "$TMP/want" "$TMP/got"
done
dump -s -r 1000 -e clock -- "$TMP/signal" >"$TMP/got"
check "and with timers instead of events" diff "$TMP/want" "$TMP/got"

# ---- libraries
same "dlopen() looks where the library that asks would have it look" '' "$TMP/dl/main" "$TMP/dl"
dump -r 1000 -- "$TMP/dl/main" "$TMP/dl" >/dev/null
claim "libraries that come and go are seen" \
	"$(grep -c 'module-load.*sub/inner.so' "$TMP/records") >= 20 && $(grep -c module-unload "$TMP/records") >= 20"

# ---- stages: counted from records
stages() {
	awk '/ stage-begin / { n = $0; sub(/.* name /, "", n); split($0, f, " id "); split(f[2], g, " "); begun[n]++; id[g[1]] = n }
	/ stage-end / { split($0, f, " id "); split(f[2], g, " "); if (g[1] in id) ended[id[g[1]]]++; else lost++ }
	/ stage-whole / { n = $0; sub(/.* name /, "", n); begun[n]++; ended[n]++ }
	/ stage-fold / { n = $0; sub(/.* name /, "", n); split($0, f, " count "); split(f[2], g, " "); begun[n] += g[1]; ended[n] += g[1] }
	/ sample / { split($0, f, " stage "); split(f[2], g, " "); if (g[1] != 0 && !(g[1] in id)) lost++ }
	END { for (n in begun) print n, begun[n], ended[n] + 0; print "lost", lost + 0 }' "$TMP/records" | LC_ALL=C sort
}
dump -b 1048576 -r 4000 -- "$TMP/stage" threads 8 >/dev/null
claim "nested stages of eight threads are all there, samples name stages that began" \
	"\"$(stages | tr '\n' ' ')\" == \"a 2400 2400 b 7200 7200 c 7200 7200 lost 0 \""
dump -r 1000 -- "$TMP/stage" flood 300000 >/dev/null
claim "a flood is counted to the last one" "\"$(stages | tr '\n' ' ')\" == \"drop 300000 300000 lost 0 out 1 1 \""
claim "and takes little room" "$(wc -l <"$TMP/records") < 40000"
dump -b 1048576 -r 1000 -- "$TMP/stage" odd >"$TMP/got"
claim "odd uses end what is open, once, and keep errno" \
	"\"$(stages | tr '\n' ' ')$(cat "$TMP/got")\" == \"? 1 1 after 1 1 deep 1024 1024 ended elsewhere 1 1 inner 1 1 left inside 1 1 left open 1 1 lost 0 middle 1 1 outer 1 1 errno 4711\""
claim "what was too deep is counted" "$(grep -o 'record_dropped=[0-9]*' "$TMP/records" | cut -d= -f2) >= 1976"
dump -r 1000 -- "$TMP/stage" token >/dev/null
job=$(grep 'name job$' "$TMP/records" | sed 's/.* id \([0-9]*\) .*/\1/')
claim "work handed to a thread counts for the stage" \
	"$(grep -c "stage-begin .* parent $job .* name helped$" "$TMP/records") == 1 && $(grep -c "stage-add id $job " "$TMP/records") == 1 && $(grep -c " sample .* stage $job " "$TMP/records") >= 5"
dump -- "$TMP/stage" names >/dev/null
claim "long names are cut between characters" \
	"$(grep -c "name x\{255\}$" "$TMP/records") == 1 && $(grep -c "name y\{254\}$" "$TMP/records") == 1"
for p in flood odd token names; do
	check "without an agent stages do nothing: $p" "$TMP/stage" $p 1000
done

# ---- programs whose libc has something in front: locks that a tick must not meet
for cc in gcc clang; do
	for kind in thread address; do
		name="$cc's $kind sanitizer"
		if "$cc" -D_GNU_SOURCE -O1 -g -Iprof/include -pthread -fsanitize=$kind tests/programs/wrap_stage.c \
			-o "$TMP/san" 2>/dev/null && "$TMP/san" threads 4 >"$TMP/want" 2>&1; then
			dump -s -r 4000 -- timeout 300 "$TMP/san" threads 4 >"$TMP/got" 2>&1
			check "$name" diff "$TMP/want" "$TMP/got"
		else
			skip "$name" "no such compiler or runtime here"
		fi
	done
done

# gcc's keeps signals back until the next call of libc. Ticks do not wait for one: a loop has its samples.
loop='int main(void) { for (volatile int i = 0; i < 300000000; i++) ; return 0; }'
if gcc -O1 -g -fsanitize=thread -x c - -o "$TMP/loop" <<<"$loop" 2>/dev/null && "$TMP/loop" >/dev/null 2>&1; then
	dump -r 1000 -- timeout 300 "$TMP/loop" >/dev/null 2>&1
	claim "a loop under gcc's thread sanitizer has samples" "$(grep -c ' sample ' "$TMP/records") >= 20"
else
	skip "a loop under gcc's thread sanitizer has samples" "no such compiler or runtime here"
fi

# ---- pp_start
cat >"$TMP/want" <<'END'
stop first: invalid
END
for i in 1 2 3; do
	printf 'start: ok\nstart again: already\nchild: 1\nstop: ok\nstop again: invalid\nchildren %d, none left 1\n' $i
done >>"$TMP/want"
printf 'descriptors 0\nno such folder: fails\nafter it: ok\n' >>"$TMP/want"
PROTEA_PROF=$PWD/$O/protea-prof timeout 120 "$TMP/start" "$TMP/s.sqlite" >"$TMP/got"
check "a program starts and stops its own recording, and notices nothing else" diff "$TMP/want" "$TMP/got"
runs() { python3 -c 'import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchone()[0])' "$TMP/s.sqlite" "$1"; }
finished() { [ "$(runs 'select count(*) from run where finished = 1')" = 4 ]; }
check "four runs are in the store, the one that was never stopped too" wait_for 20 finished
claim "stages are in the runs they were made in" "$(runs "select count(*) from stage where name = 'main'") == 3"
claim "samples are of this process alone" "$(runs 'select count(*) from process') == 4"
PROTEA_PROF=/nowhere/protea-prof PATH=/nowhere "$TMP/start" "$TMP/none.sqlite" >"$TMP/got"
case $LIB in
*/"$O"/*) skip "without the command it says so" "protea-prof lies beside the library" ;;
*) check "without the command it says so" grep -q "start: fails" "$TMP/got" ;;
esac
dump -s -- "$TMP/start" "$TMP/none.sqlite" >"$TMP/got"
check "under the command it is recorded already" grep -q "^start: already" "$TMP/got"
[ "$tap_failed" -eq 0 ]
