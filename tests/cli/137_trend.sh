#!/bin/bash
# protea-prof report --trend: changes of level at the commit where they happened, counts to the unit, drift, machines apart,
# and what cannot be said. Runs are made, so that the answers are known.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
CHECK=$PWD/tests/cli/site_check.py
S=$TMP/t.sqlite
if ! command -v python3 >/dev/null || ! command -v sqlite3 >/dev/null; then
	skip "trends" "python3 or sqlite3 is missing"
	exit 0
fi
cd "$TMP" || exit 1
unset PROTEA_PROF_STORE
export LC_ALL=C COLUMNS=120
sql() { sqlite3 "${2:-$S}" "$1"; }
trend() { "$PROF" report --trend --store "${STORE:-$S}" "$@"; }
has() { grep -qE -- "$1" out || { echo "not there: $1"; cat out; return 1; }; }
holds() { # EXPRESSION…: true of the JSON `d` in "out"; s(stage, metric) is a series
	python3 - "$@" <<'P'
import json, sys
d = json.load(open("out"))
def s(stage, metric, host=0):
    return next(x for x in d["series"] if (x["stage"], x["metric"], x["host"]) == (stage, metric, host))
for e in sys.argv[1:]:
    if not eval(e):
        sys.exit(f"not so: {e}\n{json.dumps(d)[:3000]}")
P
}

# 16 commits, two runs each, half a day apart, noise of 1 %: from c09 on stage knn takes 20 % more, from c05 on load makes 3
# blocks more, and align takes 1 % more with each commit. Strings 1 … 4 are load, knn, align, write.
fill() { "$TOOLS/store_fill" "$1" --runs "$2" --seed "$3" --stages 4 --stacks 20 --depth 4 --samples 100 --threads 1 --name nightly >/dev/null; }
noise='((id >> 32) * 2654435761 + name * 40503 * (id >> 32)) / 4096 % 401'
fill "$S" 32 7 && sql "UPDATE run SET labels = json_object('commit', printf('c%02d', (key - 1) / 2), 'branch', 'main'), exit_code = 0,
		duration_ns = 1000000000 + key * 2654435761 / 4096 % 20001 * 1000, started_at = 1700000000000000000 + key * 43200000000000;
	UPDATE stage_row SET wall_ns = 200000000 + ($noise) * 10000;
	UPDATE stage_row SET wall_ns = wall_ns + 40000000 WHERE name = 2 AND (id >> 32) > 18;
	UPDATE stage_row SET wall_ns = wall_ns + ((id >> 32) - 1) / 2 * 2000000 WHERE name = 3;
	UPDATE stage_row SET alloc_count = 1000 + 3 * ((id >> 32) > 10) WHERE name = 1" || exit 1

named() {
	trend --json >out && holds '[c["name"] for c in d["hosts"][0]["commits"]] == [f"c{i:02d}" for i in range(16)]' 'd["label"] == "commit"' \
		'[c["at"] for c in s("knn", "wall")["changes"]] == ["c09"]' 's("knn", "wall")["changes"][0]["after"] == "c08"' \
		'0.15 < s("knn", "wall")["changes"][0]["ci"][0] < 0.2 < s("knn", "wall")["changes"][0]["ci"][1] < 0.25' \
		's("knn", "wall")["changes"][0]["place"] == 9 and s("knn", "wall")["drift"] is None' \
		'all(len(c["runs"]) == 2 for c in d["hosts"][0]["commits"])' 's("knn", "wall")["unit"] == "ns"'
}
check "a change is named by its commit" named
exact() {
	holds '[(c["at"], c["before_value"], c["after_value"], c["exact"]) for c in s("load", "alloc_count")["changes"]] == [("c05", 1000, 1003, True)]' \
		's("load", "alloc_count")["changes"][0]["change"] == 1003 / 1000 - 1' 's("knn", "alloc_count")["changes"] == []'
}
check "a count is exact" exact
drifts() {
	holds 's("align", "wall")["changes"] == []' '0.12 < s("align", "wall")["drift"]["change"] < 0.18' 's("align", "wall")["drift"]["since"] == "c00"'
}
check "what grows slowly is a drift, not a step" drifts
nothing_else() {
	holds 'sum(len(x["changes"]) for x in d["series"]) == 2' 'sum(x["drift"] is not None for x in d["series"]) == 1' 'all(x["enough"] for x in d["series"])'
}
check "nothing else has changed" nothing_else
text() {
	trend >out && has '^trend    the 32 runs named .nightly.$' && has '^         32 runs of 16 values of commit, 2023-11-15 … 2023-11-30$' &&
		has '^  at c09  2023-11-24  \(after c08\)$' && has '^    wall +knn +20[0-9] ms → 24[0-9] ms +\+(19|20).* %  \(95 %: ' &&
		has '^  at c05  ' && has '^    alloc_count load +1,000 → 1,003 +\+0\.3 %  \(exact\)$' && has '^slow drift$' &&
		has '^    wall +align +\+1[0-9.]* % over 16 commits since c00' && has '^wall +knn +[_.:=+*#-]{9}\|[_.:=+*#-]{7}  '
}
check "the text says the same, with a plot in plain letters" text
utf8() { LC_ALL=C.UTF-8 trend --stage knn --metric wall >out && has '^wall +knn +[▁▂▃▄▅▆▇█]+│[▁▂▃▄▅▆▇█]+  ' && [ "$(grep -c '→' out)" -eq 2 ]; }
check "in UTF-8 it has blocks; --stage and --metric choose" utf8
the_same() { trend --json >a && trend --json >b && cmp a b && trend nightly --json >b && cmp a b && trend branch=main --json >b && cmp a b && trend "$S" --json >b && cmp a b; }
check "the same runs, however named, give the same bytes" the_same
by_label() { # one value: each run would be its own commit of one
	trend --label branch --json >out && holds 'len(d["hosts"][0]["commits"]) == 1' && trend --label nosuch >out 2>&1
	[ $? -eq 1 ] && has "none of these runs has a label 'nosuch'"
}
check "--label chooses what a point is" by_label
least() { trend --min 30 --metric wall --json >out && holds 'sum(len(x["changes"]) for x in d["series"]) == 0'; }
check "--min leaves out what does not matter" least
no_commits() { # neither label nor hash: each run
	cp "$S" n.sqlite && sql "UPDATE run SET labels = '{}'" n.sqlite && STORE=n.sqlite trend --json >out &&
		holds 'd["label"] is None and len(d["hosts"][0]["commits"]) == 32' '[c["place"] for c in s("knn", "wall")["changes"]] == [18]'
}
check "without commits each run is a point" no_commits
by_sha() {
	cp n.sqlite g.sqlite && sql "UPDATE run SET git_sha = printf('%040x', (key - 1) / 2 * 77777777 + 1)" g.sqlite && STORE=g.sqlite trend --json >out &&
		holds 'd["label"] == "git_sha" and len(d["hosts"][0]["commits"]) == 16 and len(s("knn", "wall")["changes"]) == 1'
}
check "or those of one git hash" by_sha
few_commits() { # four commits of eight runs: values are runs, changes are between commits
	cp "$S" f.sqlite && sql "UPDATE run SET labels = json_object('commit', 'd' || ((key - 1) / 8))" f.sqlite &&
		sql "UPDATE stage_row SET wall_ns = 200000000 + ($noise) * 10000 + 30000000 * ((id >> 32) > 16) WHERE name = 4" f.sqlite &&
		STORE=f.sqlite trend --stage write --metric wall --json >out && holds '[c["at"] for c in s("write", "wall")["changes"]] == ["d2"]'
}
check "a few commits with many runs each" few_commits

# ---- machines, failures, too little --------------------------------------------------------------------

machines() {
	cp "$S" h.sqlite && sql "UPDATE run SET host = 'other', started_at = started_at + 1 WHERE key % 2" h.sqlite && STORE=h.sqlite trend --json >out &&
		holds 'len(d["hosts"]) == 2 and {h["name"] for h in d["hosts"]} == {"other", "synthetic"}' \
			'[c["at"] for c in s("knn", "wall", 0)["changes"]] == ["c09"] == [c["at"] for c in s("knn", "wall", 1)["changes"]]' &&
		STORE=h.sqlite trend >out && has '^runs of 2 machines: a series for each$'
}
check "machines have series of their own" machines
failed() {
	cp "$S" e.sqlite && sql "UPDATE run SET exit_code = 1 WHERE key IN (3, 4); UPDATE run SET exit_code = NULL, signal = 9 WHERE key = 8" e.sqlite &&
		STORE=e.sqlite trend --json >out && holds 'd["left_out"] == 3 and len(d["hosts"][0]["commits"]) == 15' && STORE=e.sqlite trend >out && has '^left out 3 that failed' &&
		sql "UPDATE run SET exit_code = 1" e.sqlite
	STORE=e.sqlite trend >out 2>&1
	[ $? -eq 1 ] && has 'no trend: all of these runs failed'
}
check "failed runs are left out, and said" failed
unlabelled() {
	cp "$S" l.sqlite && sql "UPDATE run SET labels = '{}' WHERE key IN (1, 2, 9)" l.sqlite && STORE=l.sqlite trend --json >out &&
		holds 'd["unlabelled"] == 3 and [c["name"] for c in d["hosts"][0]["commits"]] == [f"c{i:02d}" for i in range(1, 16)]' &&
		STORE=l.sqlite trend >out && has '^left out 3 without the label commit$'
}
check "runs without the label are left out, and said" unlabelled
levels() { # one value, unless it changed
	sql "UPDATE run SET host = 'a-host-with-a-name-of-some-length.example', cpu_model = 'Some Processor With 128 Cores and More'" l.sqlite &&
		STORE=l.sqlite COLUMNS=80 trend >out && has '^wall +knn .* ms → [0-9]+ ms$' && has '^wall +load .* [0-9]+ ms$' && ! grep -qE '^wall +load .*→' out &&
		has '^peak_heap +load .* ~1\.0 MiB$' && [ "$(LC_ALL=C.UTF-8 wc -L <out)" -le 80 ]
}
check "a series without a change has one level; lines fit 80 columns" levels
too_few() {
	fill few.sqlite 3 5 && STORE=few.sqlite trend --json >out && holds 'all(x["changes"] == [] and x["drift"] is None for x in d["series"])' &&
		STORE=few.sqlite trend >out && has '^too few to tell a change from noise: 10 ' || return 1
	fill one.sqlite 1 5 && STORE=one.sqlite trend >out && has '^         1 run'
}
check "three runs, and one, say nothing" too_few
no_values() {
	cp "$S" v.sqlite && sql "UPDATE stage_row SET wall_ns = NULL WHERE name = 2 AND (id >> 32) % 5 = 0; UPDATE stage_row SET alloc_count = NULL" v.sqlite &&
		STORE=v.sqlite trend --json >out && holds '[c["at"] for c in s("knn", "wall")["changes"]] == ["c09"]' 'not any(x["metric"] == "alloc_count" for x in d["series"])'
}
check "values that are missing are left out" no_values
hostile() {
	cp "$S" x.sqlite && sql "UPDATE string_row SET text = char(27) || '[31m<b>' || char(10) WHERE text = 'knn';
		UPDATE run SET host = char(27) || 'host', labels = json_object('commit', char(27) || ']0;' || (key / 2)), cpu_model = x'ff41';
		UPDATE stage_row SET wall_ns = 9223372036854775807 WHERE id % 7 = 0" x.sqlite
	STORE=x.sqlite trend >out 2>err || return 1
	! grep -q $'\033' out err && iconv -f utf-8 -t utf-8 <out >/dev/null && STORE=x.sqlite trend --json | python3 -m json.tool >/dev/null
}
check "hostile names cannot act" hostile
check_fails 2 "--metric that is none" trend --metric nonsense
check_fails 2 "--metric and --label are for --trend" "$PROF" report --store "$S" --metric wall
check_fails 2 "--trend beside another view" trend --stages
check_fails 2 "--min that is no number" trend --min x
check_fails 1 "a stage that is not there" trend --stage nosuch
check_fails 1 "no store" "$PROF" report --trend --store no.sqlite
check_fails 1 "no such run" trend nosuchrun

# ---- the site ------------------------------------------------------------------------------------------

in_site() {
	cp "$S" p.sqlite && sql "UPDATE run SET labels = '{\"plm\": \"a\", \"k\": \"3\"}', git_sha = printf('%040x', (key - 1) / 2 * 77777777 + 1),
		duration_ns = duration_ns + 150000000 * (key > 18)" p.sqlite && "$PROF" -q site --store p.sqlite site && [ "$(grep -c 'class="step"' site/index.html)" -eq 1 ] &&
		grep -q '<div class="steps">+1[45]\.[0-9] % from 000000000 on' site/index.html && python3 "$CHECK" site >/dev/null
}
check "a site's trend marks the change" in_site
[ "$tap_failed" -eq 0 ]
