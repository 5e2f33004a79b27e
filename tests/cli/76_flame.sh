#!/bin/bash
# protea-prof flame: which file it writes, what it says of runs, kinds, stages and threads that do not exist,
# that a page appears whole or not at all. What pages do is tested in tests/browser.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
PAGE_TEST=$PWD/tests/browser/payload.mjs
S=$TMP/s.sqlite
"$TOOLS/store_fill" "$S" --stacks 300 --depth 8 --samples 2000 --threads 3 --stages 2 --memory \
	--name 'a/run of <b>' >"$TMP/ids" || exit 1
id=$(tail -n 1 "$TMP/ids")
cd "$TMP" || exit 1

default_name() {
	"$PROF" flame --store "$S" 2>err >out || return 1
	grep -q "wrote .*-${id:0:8}.html" err || { cat err; return 1; }
	ls ./*.html
	[ ! -s out ] && [ "$(ls ./*.html)" = "./a-run-of-b-${id:0:8}.html" ] && rm ./*.html
}
into_folder() {
	mkdir pages
	"$PROF" flame --store "$S" -o pages last "${id:0:8}" || return 1
	[ "$(find pages -type f | wc -l)" -eq 1 ] # the same run twice is the same page
}
to_stdout() {
	"$PROF" flame --store "$S" -o - >a.html 2>err || return 1
	"$PROF" flame --store "$S" -o b.html 2>/dev/null || return 1
	[ ! -s err ] && cmp a.html b.html
}
is_whole() {
	[ "$(head -n 1 b.html)" = '<!DOCTYPE html>' ] && [ "$(tail -n 1 b.html)" = '</html>' ]
}
refuses() { # pattern args…
	local pattern=$1
	shift
	if "$PROF" flame --store "$S" -o no.html "$@" 2>err; then return 1; fi
	cat err
	[ ! -e no.html ] && grep -q "$pattern" err
}
sum_of() { # options…: samples and value of the page
	"$PROF" flame --store "$S" -o - "$@" 2>/dev/null | node "$PAGE_TEST"
}
same_as_store() { # where options…
	local want=$1
	shift
	want=$(sqlite3 "$S" "SELECT sum(count), sum(value) FROM sample JOIN thread ON thread.id = thread_id
		WHERE $want")
	[ "$(sum_of "$@")" = "$want" ] || { echo "$(sum_of "$@"), not $want"; return 1; }
}
keeps_the_old() {
	echo old >old.html
	(
		ulimit -f 8
		trap '' XFSZ
		! "$PROF" flame --store "$S" -o old.html 2>err
	) && [ "$(cat old.html)" = old ] && [ "$(find . -name 'old*' | wc -l)" -eq 1 ]
}

check "without -o the page is named after run and id" default_name
check "-o may be a folder" into_folder
check "-o - is stdout, and the same bytes" to_stdout
check "a page is whole" is_whole
check_fails 2 "several pages do not go into one file" "$PROF" flame --store "$S" --separate -o one.html last last~1
check_fails 2 "a kind that does not exist is refused" "$PROF" flame --store "$S" --kind nonsense
check "a run that does not exist is told" refuses . nosuchrun
check "a stage that does not exist is told" refuses 'nosuchstage' --stage nosuchstage
check "a thread that does not exist is told" refuses 'nosuchthread' --thread nosuchthread
check "a page that cannot be written leaves the old one" keeps_the_old
if command -v node >/dev/null && command -v sqlite3 >/dev/null; then
	thread=$(sqlite3 "$S" 'SELECT tid FROM thread ORDER BY id LIMIT 1')
	check "a page has the samples of the store" same_as_store "kind = 'cpu'"
	check "a page has the bytes of the store" same_as_store "kind = 'alloc'" --kind alloc
	check "a page of a thread has its samples" same_as_store "kind = 'cpu' AND tid = $thread" --thread "$thread"
else
	skip "a page has the samples of the store" "node or sqlite3 is missing"
fi
[ $tap_failed -eq 0 ]
