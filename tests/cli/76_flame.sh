#!/bin/bash
# protea-prof flame: which file it writes, what it says of runs, kinds, stages and threads that do not exist,
# that a page appears whole or not at all. What pages hold is in 120_flame_*.sh, what they do in tests/browser.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
S=$TMP/s.sqlite
unset PROTEA_PROF_STORE
"$TOOLS/store_fill" "$S" --runs 3 --stacks 300 --depth 8 --samples 2000 --threads 3 --stages 2 --memory \
	--name 'a/run of <b>' >"$TMP/ids" || exit 1
id=$(tail -n 1 "$TMP/ids")
before=$(tail -n 2 "$TMP/ids" | head -n 1)
cd "$TMP" || exit 1

flame() { "$PROF" flame --store "$S" "$@"; }
only_page() { # name: the only one there is
	ls ./*.html
	[ "$(ls ./*.html)" = "./$1" ] && [ "$(head -n 1 "$1")" = '<!DOCTYPE html>' ] && rm "$1"
}
default_name() {
	flame 2>err >out || return 1
	grep -q "wrote .*-${id:0:8}.html" err || { cat err; return 1; }
	[ ! -s out ] && only_page "a-run-of-b-${id:0:8}.html"
}
compared_name() {
	flame last last~1 2>/dev/null && only_page "a-run-of-b-${id:0:8}-vs-${before:0:8}.html" &&
		flame last last~1 last~2 2>/dev/null && only_page "a-run-of-b-${id:0:8}-and-2-more.html"
}
into_folder() {
	mkdir pages && flame -o pages last && ls pages/a-run-of-b-"${id:0:8}".html
}
separate() {
	mkdir apart && flame --separate -o apart last last~1 last~2 && [ "$(find apart -type f | wc -l)" -eq 3 ] &&
		cmp pages/a-run-of-b-"${id:0:8}".html apart/a-run-of-b-"${id:0:8}".html
}
separate_of_one() { flame --separate -o one.html last && rm one.html; }
named_twice() {
	flame -o - last "${id:0:8}" 2>err | cmp - pages/a-run-of-b-"${id:0:8}".html && grep -q 'shown once' err
}
to_stdout() {
	flame -o - >a.html 2>err && flame -o b.html 2>/dev/null && [ ! -s err ] && cmp a.html b.html && rm a.html
}
is_whole() {
	[ "$(head -n 1 b.html)" = '<!DOCTYPE html>' ] && [ "$(tail -n 1 b.html)" = '</html>' ] && rm b.html
}
refuses() { # pattern args…
	local pattern=$1
	shift
	if flame -o no.html "$@" 2>err; then return 1; fi
	cat err
	[ ! -e no.html ] && grep -q "$pattern" err
}
keeps_the_old() {
	echo old >old.html
	(
		ulimit -f 8
		trap '' XFSZ
		! flame -o old.html 2>err
	) && [ "$(cat old.html)" = old ] && [ "$(find . -name 'old*' | wc -l)" -eq 1 ]
}
full_disk() {
	[ -c /dev/full ] || return 0
	flame -o /dev/full 2>err && return 1
	cat err
	grep -q '/dev/full.*No space' err
}
full_stdout() { flame -o - >/dev/full 2>err && return 1; grep -q 'No space' err; }
locked_folder() {
	mkdir locked && chmod a-w locked
	if [ "$(id -u)" -eq 0 ]; then
		local target=/proc/no.html
	else
		local target=locked/no.html
	fi
	flame -o "$target" 2>err && return 1
	cat err
	grep -q "cannot write '$target'" err
}

check "without -o the page is named after run and id" default_name
check "… and a comparison after its runs" compared_name
check "-o may be a folder" into_folder
check "--separate writes a page of each run, the same one" separate
check "… and --separate of one run is that page" separate_of_one
check "a run that is named twice is one run" named_twice
check "-o - is stdout, and the same bytes" to_stdout
check "a page is whole" is_whole
check_fails 2 "several pages do not go into one file" "$PROF" flame --store "$S" --separate -o one.html last last~1
check_fails 2 "a kind that does not exist is refused" "$PROF" flame --store "$S" --kind nonsense
check_fails 2 "a size that is none is refused" "$PROF" flame --store "$S" --max-bytes many
check_fails 2 "a size below that of the code is refused" "$PROF" flame --store "$S" --max-bytes 10K -o no.html
check "… and says which would do" refuses 'allow at least' --max-bytes 10K
check "a run that does not exist is told" refuses "no run 'nosuchrun'" nosuchrun
check "… and one of two" refuses "no run 'nosuchrun'" last nosuchrun
check "… and a label" refuses "label 'no=such'" no=such
check "a store that does not exist is told" refuses 'nosuch.sqlite' --store nosuch.sqlite
check "a stage that does not exist is told" refuses 'nosuchstage' --stage nosuchstage
check "a thread that does not exist is told" refuses 'nosuchthread' --thread nosuchthread
check "… with two runs, too" refuses 'nosuchthread' --thread nosuchthread last last~1
check "a page that cannot be written leaves the old one" keeps_the_old
check "a full disk is told" full_disk
check "… and a full pipe's end" full_stdout
check "a folder that does not let us is told" locked_folder
[ $tap_failed -eq 0 ]
