#!/bin/bash
# Our own gate: the tiny sample job's counts against the kept baseline; they do not vary from run to run, and one more
# allocation for each statement is found, in the stage where it is.
# shellcheck disable=SC2317 # called by check
# shellcheck source=tests/cli/lib.sh
. "$(dirname "$0")/lib.sh"
PROF=$PWD/$O/protea-prof
STORE=$TMP/store.sqlite
KEPT=tests/golden/gate/tiny.json

one_more() { # a library that allocates once more whenever a statement is prepared
	cat >"$TMP/more.c" <<-'C'
		#include <dlfcn.h>
		#include <stdlib.h>
		struct sqlite3;
		struct sqlite3_stmt;
		int sqlite3_prepare_v2(struct sqlite3 *db, const char *sql, int n, struct sqlite3_stmt **stmt,
				       const char **tail)
		{
			int (*real)(struct sqlite3 *, const char *, int, struct sqlite3_stmt **, const char **) =
				dlsym(RTLD_NEXT, "sqlite3_prepare_v2");
			void *volatile more = malloc(24);

			free(more);
			return real(db, sql, n, stmt, tail);
		}
	C
	cc -shared -fPIC -D_GNU_SOURCE -O2 -o "$TMP/more.so" "$TMP/more.c" -ldl
}

gate() { "$PROF" gate --store "$STORE" --counts "$@" >"$TMP/out" 2>&1; }
judged() { # exit code, gate's words
	local want=$1 rc
	shift
	gate "$@"
	rc=$?
	[ "$rc" -eq "$want" ] || { echo "exit code $rc, expected $want" && cat "$TMP/out" && return 1; }
}
says() {
	grep -qE -- "$1" "$TMP/out" || { echo "'$1' is not said in:" && cat "$TMP/out" && return 1; }
}

# The kept counts are of these libraries and this kind of processor, or it is said which differ.
kept() {
	samples/gate.sh >"$TMP/kept" 2>&1
	case $? in
	0) ok "the tiny job counts what the baseline has" ;;
	3) skip "the tiny job counts what the baseline has" "$(grep -m 1 '^>' "$TMP/kept" || echo 'another machine')" ;;
	*)
		not_ok "the tiny job counts what the baseline has"
		sed 's/^/# /' "$TMP/kept"
		;;
	esac
}

check "the baseline is of counts alone" sh -c "! grep -qE '\"metric\": \"(wall|cpu|peak_rss)\"' $KEPT && grep -q '\"alloc_count\"' $KEPT"
kept
check "the tiny job runs" samples/gate.sh run "$STORE"
check "and again" samples/gate.sh run "$STORE"
check "and, on one processor" taskset -c "$(taskset -cp $$ | sed 's/.*[ :,-]//')" samples/gate.sh run "$STORE"
check "two runs count the same" judged 0 last~2 last~1
check "on one processor too" judged 0 last~2 last
check "with one more allocation for each statement it runs" one_more
check "likewise" env GATE_PRELOAD="$TMP/more.so" samples/gate.sh run "$STORE"
check "that is a regression" judged 1 last~3 last
check "of the number of allocations, where statements are prepared" says '^ *regression +load_maps +allocations'
check "not where there are none" sh -c "! grep -qE '^ *regression +(knn|transfer|pca)' '$TMP/out'"
check "and the function is named" says 'sqlite3_prepare_v2 +more\.so'
check "against kept values too" sh -c "
	'$PROF' gate --store '$STORE' --counts --save '$TMP/base.json' last~3 &&
	! '$PROF' gate --store '$STORE' --counts --baseline '$TMP/base.json' last >'$TMP/out'"
check "and said so" says '^regression:'
exit "$tap_failed"
