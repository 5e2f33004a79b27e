#!/bin/bash
# protea-prof export: folded text against the store's own view, units and filters, files that appear whole or
# not at all, hostile names, wrong arguments.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
S=$TMP/s.sqlite
unset PROTEA_PROF_STORE
id=$("$TOOLS/store_fill" "$S" --stacks 200 --depth 8 --samples 2000 --threads 3 --stages 8 --memory --inline \
	--seed 5) || exit 1
cd "$TMP" || exit 1
folded() { "$PROF" export --store "$S" --format folded "$@"; }
sql() { sqlite3 "$S" "$1"; }
sum() { awk '{ n += $NF } END { printf "%.0f\n", n }'; }

like_the_view() { # kind
	folded -k "$1" >out && [ -s out ] &&
		sql "SELECT folded || ' ' || sum(value) FROM folded WHERE kind = '$1' GROUP BY folded" | LC_ALL=C sort >view &&
		LC_ALL=C sort out | diff - view | head -n 5 >difference
	[ ! -s difference ] || { cat difference; return 1; }
}
check "cpu is the view folded" like_the_view cpu
check "alloc is the view folded" like_the_view alloc
sorted() { LC_ALL=C sort -c -t ' ' -k 1,1 <(folded) && [ "$(folded | sed 's/ [0-9]*$//' | sort -u | wc -l)" -eq "$(folded | wc -l)" ]; }
check "paths are sorted and each is there once" sorted
counts() {
	[ "$(folded --count | sum)" = 2000 ] && [ "$(folded | sum)" = 2000000000 ] &&
		[ "$(folded -k alloc --count | sum)" = "$(sql "SELECT sum(count) FROM sample WHERE kind = 'alloc'")" ]
}
check "--count writes samples" counts
filters() {
	[ "$(folded --stage knn --count | sum)" = "$(sql "SELECT sum(s.count) FROM sample s JOIN stage g ON g.id = s.stage_id
		WHERE kind = 'cpu' AND g.name = 'knn'")" ] &&
		[ "$(folded --thread worker-2 | sum)" = "$(sql "SELECT sum(s.value) FROM sample s JOIN thread t ON t.id = s.thread_id
		WHERE kind = 'cpu' AND t.name = 'worker-2'")" ] &&
		[ "$(folded --thread 1002 | sum)" = "$(folded --thread worker-2 | sum)" ]
}
check "--stage and --thread choose samples" filters
ways() {
	folded -o a.folded "${id:0:8}" && folded last >b.folded && folded -o - >c.folded &&
		"$PROF" exp -ffolded --store="$S" >d.folded && cmp a.folded b.folded && cmp a.folded c.folded && cmp a.folded d.folded &&
		[ "$(stat -c %a a.folded)" = "$(umask | sed 's/.*/0666 \& ~&/' | while read -r x; do printf '%o' $((x)); done)" ]
}
check "file, stdout and - are the same bytes" ways
readable() { ! grep -qv '^[^ ;][^;]*\(;[^;]\+\)* [0-9]\+$' <(folded); }
check "every line is names and a number" readable
hostile() {
	sqlite3 "$S" ".backup h.sqlite"
	sqlite3 h.sqlite "CREATE TEMP TABLE t AS SELECT id, row_number() OVER (ORDER BY id) AS n FROM string_row WHERE text LIKE 'function_%';
		UPDATE string_row SET text = 'two' || char(10) || 'lines;' || char(13) || char(27) || '[1m' WHERE id IN (SELECT id FROM t WHERE n % 3 = 1);
		UPDATE string_row SET text = CAST(x'ff3b20' AS TEXT) WHERE id IN (SELECT id FROM t WHERE n % 3 = 2)"
	"$PROF" export --store h.sqlite -f folded >out || return 1
	[ "$(sum <out)" = 2000000000 ] && ! LC_ALL=C grep -q "$(printf '[\001-\011\013-\037\177]')" out && grep -q 'two?lines:??\[1m' out
}
check "names cannot break lines or paths" hostile
old_or_new() { # a file that cannot be written leaves the old one, and nothing beside it
	echo old >old.folded
	"$TOOLS/store_fill" big.sqlite --stacks 1500 --depth 12 --samples 3000 >/dev/null
	(
		ulimit -f 64 # the store's own shared memory is 32 KiB
		trap '' XFSZ
		! "$PROF" export --store big.sqlite -f folded -o old.folded 2>err
	) && [ "$(cat old.folded)" = old ] && [ "$(find . -name 'old*' | wc -l)" -eq 1 ] && grep -q old.folded err
}
check "a file that cannot be written leaves the old one" old_or_new
full() { # what
	"$@" 2>err >/dev/full
	[ $? -eq 1 ] && grep -q 'No space left' err
}
check "a full disk behind stdout is a failure" full folded
check "a full disk behind -o is a failure" full folded -o /dev/full
missing_folder() {
	folded -o no/such/x 2>err
	[ $? -eq 1 ] && grep -q 'no/such/x' err
}
check "a folder that does not exist is a failure" missing_folder
early() {
	folded 2>err | head -n 1 >/dev/null
	[ ! -s err ]
}
check "a reader that goes away is no drama" early
none() {
	"$TOOLS/store_fill" n.sqlite --samples 0 --stacks 1 --stages 0 >/dev/null
	[ -z "$("$PROF" export --store n.sqlite -f folded)" ]
}
check "no samples are no lines" none
for wrong in "" "-f nonsense" "-f" "-f folded -k nonsense" "-f folded last last" "-f folded --nosuch" "-f folded -o ."; do
	# shellcheck disable=SC2086 # words
	check_fails 2 "refused: export $wrong" "$PROF" export --store "$S" $wrong
done
for wrong in nosuchrun "--stage nosuch" "--thread nosuch"; do
	# shellcheck disable=SC2086 # words
	check_fails 1 "fails: export $wrong" folded $wrong -o never
done
check_fails 1 "a store that does not exist" "$PROF" export --store nosuch.sqlite -f folded -o never
check "and no file is made" test ! -e never

echo "1..$tap_n"
[ "$tap_failed" -eq 0 ]
