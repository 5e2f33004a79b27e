#!/bin/bash
# A whole run with one failing allocation, or with none left from some point on: it ends in an error or in the
# same bytes, never in other bytes, and the next run finishes what it began. Libraries that end the process
# when they get no memory (snappy, libcrypto while it starts) are as a kill to us.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/job.sh
. tests/cli/job.sh
need "runs survive failing allocations"

NAME=memory
world "$TMP/base" 3 small
job "$TMP/base/job-v5-all.json" "$TMP/base/job.json" "p['output_name']='$NAME'"
cat >"$TMP/fail.c" <<-'EOF'
	#include <errno.h>
	#include <stdatomic.h>
	#include <stddef.h>
	#include <stdio.h>
	#include <stdlib.h>
	extern void *__libc_malloc(size_t);
	extern void *__libc_calloc(size_t, size_t);
	extern void *__libc_realloc(void *, size_t);
	static atomic_long calls;
	static long at = -1, last = -1;
	static int fails(void)
	{
		long n = atomic_fetch_add(&calls, 1) + 1;
		if (at == -1) {
			const char *from = getenv("FAIL_AT"), *ever = getenv("FAIL_EVER");
			last = ever ? 1L << 60 : from ? atol(from) : 0;
			at = from ? atol(from) : 0;
		}
		if (at <= 0 || n < at || n > last)
			return 0;
		errno = ENOMEM;
		return 1;
	}
	void *malloc(size_t n) { return fails() ? NULL : __libc_malloc(n); }
	void *calloc(size_t n, size_t m) { return fails() ? NULL : __libc_calloc(n, m); }
	void *realloc(void *p, size_t n) { return fails() ? NULL : __libc_realloc(p, n); }
	__attribute__((destructor)) static void tell(void)
	{
		const char *out = getenv("FAIL_COUNT");
		FILE *f = out ? fopen(out, "w") : NULL;
		if (f) {
			fprintf(f, "%ld\n", calls);
			fclose(f);
		}
	}
EOF
if nm -D "$EXPORT" | grep -q -e __asan -e __tsan; then
	skip "a run with a failing allocation ends in an error or in the same bytes" "the program is sanitized"
	exit 0
elif ! "${CC:-cc}" -O1 -fno-builtin -shared -fPIC -o "$TMP/fail.so" "$TMP/fail.c" 2>"$TMP/cc.log"; then
	skip "a run with a failing allocation ends in an error or in the same bytes" "no C compiler for glibc"
	exit 0
fi
fresh() { rm -rf "$TMP/w" && cp -r "$TMP/base" "$TMP/w"; }
# with VARIABLE=VALUE…: a run under the library; its exit code.
with() {
	timeout 300 env LD_PRELOAD="$TMP/fail.so" "$@" "$EXPORT" run -q --memory-limit 4GiB "$TMP/w/job.json" >"$TMP/log" 2>&1
}
fresh
with FAIL_COUNT="$TMP/count"
published "$TMP/w" $NAME >"$TMP/reference"
total=$(cat "$TMP/count")
check "a run makes some ten thousand allocations" test "$total" -gt 10000
same() { diff "$TMP/reference" <(published "$TMP/w" $NAME) >/dev/null; }

# survives N [FAIL_EVER=1]
survives() {
	local rc
	fresh
	with FAIL_AT="$1" "${2:-FAIL_ONCE=1}"
	rc=$?
	case $rc in
	0)
		hidden=$((hidden + 1))
		same || { echo "exit code 0 and other bytes at $1" && return 1; }
		return 0
		;;
	1 | 2)
		told=$((told + 1))
		grep -q 'error: ' "$TMP/log" || { echo "nothing said at $1" && return 1; }
		;;
	*) ended=$((ended + 1)) ;;
	esac
	whole "$TMP/w/bundle.sqlite" || { echo "bundle damaged at $1" && return 1; }
	[ "$(sql "$TMP/w/bundle.sqlite" 'SELECT count(*) FROM dataset')" = 0 ] || { same && return 0; }
	run "$TMP/log" "$TMP/w/job.json" || { echo "not finished after $1:" && cat "$TMP/log" && return 1; }
	same || { echo "finished with other bytes after $1" && return 1; }
}
# sweep TITLE STEP [FAIL_EVER=1]
sweep() {
	local n failed=0
	hidden=0 told=0 ended=0
	for n in $(seq $(($2 / 3)) "$2" "$total"); do
		survives "$n" "${3:-}" >"$TMP/out" 2>&1 || { failed=$((failed + 1)) && sed 's/^/# /' "$TMP/out"; }
	done
	echo "# $told errors, $hidden without effect, $ended ended by a library"
	check "$1" eval "[ $failed -eq 0 ] && [ $told -gt $ended ] && [ $told -ge 10 ]"
}
sweep "a run with a failing allocation ends in an error or in the same bytes" $((total / 60))
sweep "so does one that gets no memory any more" $((total / 20)) FAIL_EVER=1
[ "$tap_failed" -eq 0 ]
