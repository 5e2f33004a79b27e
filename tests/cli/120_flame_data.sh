#!/bin/bash
# What a page of protea-prof flame holds: every kind with the sums of the store, under filters too; a size that is
# kept; nothing of the place with --redact. And that labels name groups, files stores, and runs may differ.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
PAYLOAD=$PWD/tests/browser/payload.mjs
S=$TMP/s.sqlite
OTHER=$TMP/other.sqlite
unset PROTEA_PROF_STORE
if ! command -v node >/dev/null || ! command -v sqlite3 >/dev/null; then
	skip "a page has what the store has" "node or sqlite3 is missing"
	exit 0
fi
"$TOOLS/store_fill" "$S" --stacks 3000 --depth 12 --samples 9000 --threads 5 --stages 4 --memory --seed 7 \
	--name first >"$TMP/ids" || exit 1
"$TOOLS/store_fill" "$S" --stacks 500 --depth 9 --samples 2000 --threads 2 --stages 1 --seed 8 --name second \
	>>"$TMP/ids" || exit 1
"$TOOLS/store_fill" "$OTHER" --stacks 400 --depth 9 --samples 1500 --threads 2 --memory --seed 9 --name third \
	>>"$TMP/ids" || exit 1
mapfile -t ids <"$TMP/ids"
cd "$TMP" || exit 1

flame() { "$PROF" flame --store "$S" "$@"; }
payload() { node "$PAYLOAD" "$@"; }
same() { [ "$1" = "$2" ] || { printf 'is\n%s\nnot\n%s\n' "$1" "$2"; return 1; }; }

# ---- sums ---------------------------------------------------------------------------------------------------

stored() { # place of the run in the page, store, id, where
	sqlite3 -separator '|' "$2" "SELECT $1, kind, sum(count), sum(value) FROM sample s JOIN thread ON thread.id = thread_id
		WHERE s.run_id = '$3' AND ${4:-1} GROUP BY kind" | sort
}
has_sums() { # where options…
	local where=$1
	shift
	same "$(flame -o - first "$@" | payload sums | sort)" "$(stored 0 "$S" "${ids[0]}" "$where")"
}
check "each kind of a page has the sums of the store" has_sums 1
thread=$(sqlite3 "$S" "SELECT tid FROM thread WHERE run_id = '${ids[0]}' ORDER BY id LIMIT 1")
check "… of a thread" has_sums "tid = $thread" --thread "$thread"
in_stage="stage_id IN (SELECT id FROM stage WHERE name = 'knn')"
check "… of a stage" has_sums "$in_stage" --stage knn
check "… of both" has_sums "tid = $thread AND s.stage_id IN (SELECT id FROM stage WHERE name = 'load')" \
	--thread "$thread" --stage load
check "… of one kind alone" has_sums "kind = 'alloc'" --kind alloc --only
first_kind() { same "$(flame -o - first --kind live | payload head | grep -o '"kind":"[a-z]*"')" '"kind":"live"'; }
check "--kind is what is shown first" first_kind
memory_only() {
	cp "$S" m.sqlite
	sqlite3 m.sqlite 'DELETE FROM sample_row WHERE kind = 0' || return 1
	"$PROF" flame --store m.sqlite -o - first 2>err | payload head | grep -o '"kind":"[a-z]*"' >kind
	[ ! -s err ] && same "$(cat kind)" '"kind":"alloc"'
}
check "a run that has other kinds shows the first of them" memory_only
no_samples() {
	cp "$S" e.sqlite
	sqlite3 e.sqlite 'DELETE FROM sample_row; DELETE FROM tick_row' || return 1
	"$PROF" flame --store e.sqlite -o e.html first 2>err && grep -q 'no samples of kind cpu' err
}
check "a run without samples is a page, with a warning" no_samples

# ---- size ---------------------------------------------------------------------------------------------------

smallest=$(flame -o - first --max-bytes 1 2>&1 | grep -o 'smallest has [0-9]*' | grep -o '[0-9]*')
keeps_size() {
	local i max size
	for i in 0 1 2 5 10 20 40 60 90 150; do
		max=$((smallest + i * 1024))
		flame -o size.html first --max-bytes $max 2>err || { cat err; return 1; }
		size=$(wc -c <size.html)
		[ "$size" -le "$max" ] || { echo "$size bytes, not $max"; return 1; }
		same "$(payload sums <size.html | sort)" "$(stored 0 "$S" "${ids[0]}" 1)" || return 1
	done
	[ "$(wc -c <size.html)" -gt $((smallest + 10000)) ]
}
check "a page is at most as large as it may be, and its sums stay" keeps_size

# ---- redaction ----------------------------------------------------------------------------------------------

secret() { # a store in which everything that tells of the place is marked
	cp "$S" r.sqlite
	sqlite3 r.sqlite "UPDATE run SET host = 'hosthide', command = '/hide1/bin/tool --key=hide2 hide3', job = 'hide4',
		argv = '[\"hide5\"]', labels = '{\"hide6\":\"hide7\"}';
		UPDATE module_row SET path = '/hide8/lib/' || id || '/libsyn.so';
		UPDATE string_row SET text = '/hide9/src/' || text WHERE text LIKE '%.c' OR text LIKE '%.h';
		UPDATE string_row SET text = 'JS:*fib /hide11/srv/fib.js:3' WHERE text = 'function_7';
		UPDATE stage_row SET params = '{\"file\":\"hide10\"}'"
}
is_redacted() { # runs…
	"$PROF" flame --store r.sqlite -o plain.html "$@" 2>/dev/null &&
		"$PROF" flame --store r.sqlite -o r.html --redact "$@" 2>/dev/null || return 1
	{ cat plain.html; payload raw <plain.html; } | grep -aq hide2 || { echo "nothing was hidden"; return 1; }
	{ cat r.html; payload raw <r.html; } | grep -aoE '.{20}(hide|/lib/|/src/).{20}' && return 1
	payload raw <r.html | grep -aq libsyn.so && payload raw <r.html | grep -aq 'synthetic.c' &&
		payload raw <r.html | grep -aq 'JS:\*fib fib.js:3' &&
		payload head <r.html | grep -q '"redacted":true' && payload head <r.html | grep -q '"command":"tool"' &&
		same "$(payload sums <r.html)" "$(payload sums <plain.html)"
}
secret
check "--redact leaves nothing of the place" is_redacted first
check "… nor in a comparison" is_redacted first second
strips() { # runs…
	"$PROF" flame --store r.sqlite -o s.html --strip /hide8/lib --no-source "$@" 2>/dev/null || return 1
	payload raw <s.html | grep -aq 'hide9/src/synthetic.c' && payload raw <s.html | grep -aq 'libsyn.so' &&
		! payload raw <s.html | grep -a hide8 && same "$(payload sums <s.html)" "$(payload sums <plain.html)"
}
check "--strip leaves out one folder, in a comparison too" strips first second

# ---- several runs -------------------------------------------------------------------------------------------

compares() {
	flame -o two.html first second 2>err || return 1
	same "$(payload sums <two.html | sort)" \
		"$(stored 0 "$S" "${ids[0]}"; stored 1 "$S" "${ids[1]}")" &&
		grep -q "the runs differ in kinds: cpu alloc live (${ids[0]:0:8}), cpu (${ids[1]:0:8})" err &&
		grep -q 'A: .*first.*' two.html && grep -q 'B: .*second.*' two.html
}
check "two runs are in one page, with what they differ in" compares
two_stores() {
	flame -o stores.html first "$OTHER:third" 2>err || { cat err; return 1; }
	same "$(payload sums <stores.html | sort)" \
		"$(stored 0 "$S" "${ids[0]}"; stored 1 "$OTHER" "${ids[2]}")"
}
check "FILE:RUN is a run of another store" two_stores
only_other() { (cd / && "$PROF" flame -o - "$OTHER:" | payload sums | grep -q '^0|cpu|1500|'); }
check "… without a store of its own here" only_other
differ() {
	sqlite3 r.sqlite "UPDATE run SET host = 'b' || char(27), rate_hz = 99, mode = 'wall' WHERE name = 'second'"
	"$PROF" flame --store r.sqlite -o - first second 2>err >/dev/null || return 1
	cat err
	grep -q 'differ in rate: 1000 Hz (.*), 99 Hz (' err && grep -q 'differ in host: hosthide (.*), b? (' err &&
		grep -q 'differ in mode: cpu (.*), wall (' err
}
check "other hosts, rates and modes are told" differ
by_label() {
	"$PROF" runs --store "$S" label first grid=a 2>/dev/null && "$PROF" runs --store "$S" label second grid=a 2>/dev/null || return 1
	"$PROF" runs --store "$OTHER" label third grid=a 2>/dev/null
	same "$(flame -o - grid=a 2>/dev/null | payload sums | cut -d'|' -f1,2 | sort -u | tr '\n' ' ')" '0|alloc 0|cpu 0|live 1|cpu ' &&
		flame -o - grid=a "$OTHER:grid=a" 2>/dev/null | payload sums | grep -q '^2|cpu|1500|' &&
		! flame -o - grid=b 2>/dev/null
}
check "k=v is all runs with that label" by_label
bad_labels() {
	sqlite3 r.sqlite "UPDATE run SET labels = 'no json' WHERE name = 'first'; UPDATE run SET labels = '{\"grid\":\"a\"}' WHERE name = 'second'"
	"$PROF" flame --store r.sqlite -o - grid=a | payload sums | grep -q '^0|cpu|2000|'
}
check "… whatever other labels are like" bad_labels
half_a_stage() {
	flame -o - --stage knn first second 2>err | payload sums >has || return 1
	cat err has
	grep -q "1 of the 2 runs: the run has no stage 'knn'" err && grep -q '^0|cpu' has && ! grep -q '^1|' has
}
check "a stage that only one of the runs has" half_a_stage
foreign_stage() {
	sqlite3 r.sqlite "UPDATE string_row SET text = 'lo' || char(27) || '[31mad' WHERE text = 'load'"
	"$PROF" flame --store r.sqlite -o - --stage knn second first 2>err >/dev/null || return 1
	cat -v err
	grep -q 'it has: lo?\[31mad' err && ! grep -q "$(printf '\033')" err
}
check "… whose names cannot act on a terminal" foreign_stage
named_like_a_label() {
	"$PROF" runs --store "$S" rename second k=v 2>/dev/null && flame -o - k=v | payload sums | grep -q '^0|cpu|2000|'
}
check "… and a run of that name is that run" named_like_a_label
many() {
	sqlite3 "$S" "UPDATE run SET labels = '{\"all\":\"1\"}'"
	"$TOOLS/store_fill" many.sqlite --runs 257 --stacks 5 --depth 3 --samples 9 --threads 1 >/dev/null || return 1
	"$PROF" flame --store many.sqlite -o many.html kind=synthetic 2>err && return 1
	cat err
	grep -q 'more than 256 runs' err || return 1
	"$PROF" runs --store many.sqlite label last kind=other 2>/dev/null
	"$PROF" flame --store many.sqlite -o many.html kind=synthetic 2>err && [ "$(payload sums <many.html | wc -l)" -eq 256 ]
}
check "256 runs go into one page, and no more" many
[ $tap_failed -eq 0 ]
