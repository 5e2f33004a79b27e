#!/bin/bash
# The sample programs under the profiler: does the profile say what their heads promise?
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
P=$O/samples/programs
store=$TMP/s.sqlite
OPTIONS=()

if [ ! -x /usr/bin/python3 ]; then
	skip "profiles are compared with the truth" "python3 is missing"
	exit 0
fi

# truth NAME EXIT-CODE PROGRAM-ARGS… -- CHECK…: one run at 999 Hz, then the checks.
truth() {
	local name=$1 want=$2 args=() rc
	shift 2
	while [ "$1" != -- ]; do args+=("$1"); shift; done
	shift
	"$PROF" run -q -o "$store" -n "$name" -r 999 "${OPTIONS[@]}" -- "$P/$name" "${args[@]}" >"$TMP/out" 2>"$TMP/talk"
	rc=$?
	if [ "$rc" -ne "$want" ]; then
		not_ok "$name runs as it does alone"
		sed 's/^/# /' "$TMP/talk"
		return
	fi
	check "$name: $*" tests/cli/truth.py "$PROF" "$store" "$name" "$@"
}

truth split 0 2 -- self:three=0.75 self:one=0.25 total:work=1 total:main=1 path:main\>work\>three root:_start=0.999 lost:truncated=0 lost:ring_full=0
truth recurse 0 2 -- self:leaf=1 total:down=0.5 total:even=0.5 path:main\>down\>down path:main\>even\>odd\>even
truth threads 0 4 -- thread:w1=0.1 thread:w2=0.2 thread:w3=0.3 thread:w4=0.4 self:nine=0.9 self:tenth=0.1 path:worker\>nine
truth nofp 0 2 -- self:bottom=1 path:main\>f39\>f30\>f20\>f19\>f10\>f5\>f0\>bottom root:_start=0.999
truth inline 0 2 -- self:inner=0.75 total:middle=0.75 total:outer=0.75 self:plain=0.25 path:main\>outer\>middle\>inner
SPIN_SCALE=0.1 truth dlopen 0 1 -- path:main\>plugin_work\>plugin_inner path:main\>plugin_init\>plugin_start root:_start=0.999
# A library's constructor before main, which runs before ours does.
linked() {
	echo 'unsigned long plugin_work(unsigned long x); int main(void) { return plugin_work(1) == 0; }' >"$TMP/linked.c"
	"${CC:-cc}" -O2 -g "$TMP/linked.c" "$P/plugin.so" -Wl,-rpath,"$P" -o "$TMP/linked" || return 1
	SPIN_SCALE=4 LD_LIBRARY_PATH=$P "$PROF" run -q -o "$store" -n linked -r 999 -- "$TMP/linked" || return 1
	tests/cli/truth.py "$PROF" "$store" linked path:plugin_init\>plugin_start total:plugin_start=0.99 lost:no_unwind_info=0
}
check "constructors of libraries are seen" linked
truth forks 3 1 -- self:parent_work=0.1667 self:child_work=0.3333 self:exec_work=0.5
truth sleepy 0 1 -- only:burst
truth throw 0 2 -- "total:geo::Shape<int>::area() const=0.98" path:main\>area
truth longjmp 0 2 -- path:main\>dive\>dive\>before path:main\>after
truth sigframe 0 2 -- total:on_normal=0.5 total:on_alternate=0.5 path:main\>raiser\>__restore_rt\>in_handler path:raiser\>on_normal path:raiser\>on_alternate root:_start=0.999
truth asmcfi 0 2 -- total:asm_leaf=1 path:main\>asm_in_rbx\>asm_middle\>asm_expression\>asm_leaf root:_start=0.999
truth deep 0 1 -- path:\[truncated\]\>down\>bottom lost:truncated=100
truth stages 0 1 -- total:load_rows=0.2 total:score_rows=0.8

OPTIONS=(--engine clock)
truth split 0 4 -- self:three=0.75 self:one=0.25 path:main\>work\>three
OPTIONS=()

# CPU time is getrusage's, kernel included.
cpu_is_rusage() {
	local printed summed
	printed=$(sed -n 's/^cpu_ns \([0-9]*\).*/\1/p' "$TMP/out")
	summed=$("$PROF" export syscalls --format folded --store "$store" | awk '{ s += $NF } END { printf "%.0f", s }')
	echo "getrusage $printed ns, samples $summed ns"
	awk -v a="$printed" -v b="$summed" 'BEGIN { d = (b - a) / a; exit !(d > -0.01 && d < 0.03) }'
}
truth syscalls 0 2 -- total:main=1
check "the sum of CPU time is getrusage's" cpu_is_rusage

# The program profiles itself.
selfprof() {
	"$P/selfprof" "$TMP/self.sqlite" || return 1
	[ "$("$PROF" runs --store "$TMP/self.sqlite" --json | grep -c '"finished": true')" = 2 ] || return 1
	tests/cli/truth.py "$PROF" "$TMP/self.sqlite" last self:measured=1 none:unmeasured
}
if [ -x "$P/selfprof" ]; then
	PROTEA_PROF_RATE=999 check "pp_start and pp_stop fill a store without the command" selfprof
else
	skip "pp_start and pp_stop fill a store without the command" "make sample-programs has not been run"
fi
exit $((tap_failed > 0))
