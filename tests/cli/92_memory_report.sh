#!/bin/bash
# protea-prof report --memory, --leaks, --source, --snapshot; protea-prof snapshot; kinds of memory in flame and export:
# on a real program with known answers, by SQL against the store, with hostile names, and what is refused.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
PROGRAMS=$PWD/$O/samples/programs
S=$TMP/s.sqlite
unset PROTEA_PROF_STORE COLUMNS NO_COLOR CLICOLOR_FORCE
cp samples/programs/grow.c "$TMP/elsewhere.c"
cd "$TMP" || exit 1
mkfifo go out
report() { "$PROF" report --store "$S" "$@"; }
has() { grep -q -- "$1" <<<"$2" || { printf 'no %s in:\n%s\n' "$1" "$2"; return 1; }; }
lacks() { ! grep -q -- "$1" <<<"$2" || { printf '%s in:\n%s\n' "$1" "$2"; return 1; }; }
json() { python3 -c "import json, sys; d = json.load(sys.stdin); sys.exit(not ($1))"; }
sum() { sqlite3 -cmd '.timeout 10000' "$S" "SELECT coalesce(sum(value), 0) FROM sample WHERE kind = '$1'"; }

# ---- a program that grows, with snapshots on the way --------------------------------------------------------

"$PROF" run -q -o "$S" -n grow --memory full -- "$PROGRAMS/grow" 700 wait <go >out 2>run.err &
runner=$!
exec 3>go
read -r pid <out
snapshot_taken() {
	"$PROF" snapshot -p "$pid" --name before >snap.out 2>snap.err && grep -q "live in [0-9]* stacks.*$S" snap.out &&
		grep -q 'next: protea-prof report --snapshot' snap.err &&
		"$PROF" snapshot -p "$pid" --store "$S" --json | json 'd["name"] == "asked" and d["heap_bytes"] >= 1350000 and d["snapshot"] > 1'
}
check "a running program's memory is noted on request" snapshot_taken
check_fails 2 "a snapshot's name that means something else is refused" "$PROF" snapshot -p "$pid" --name last
check_fails 2 "… or looks like a number" "$PROF" snapshot -p "$pid" --name 12
check_fails 1 "a store that the run is not in" "$PROF" snapshot -p "$pid" --store nosuch.sqlite
printf '\n' >&3
exec 3>&-
wait $runner
check "the program went its way" test $? -eq 0
check_fails 1 "a process that nobody records" "$PROF" snapshot -p $$
check_fails 2 "no process is refused" "$PROF" snapshot
check_fails 2 "a process and a list are two things" "$PROF" snapshot -p 1 list

sums() {
	local text
	text=$(report --memory)
	has '^memory   full: exact, every allocation was followed$' "$text" && has '^peak     1.3 MiB in ' "$text" &&
		has '^live     .* at the end, all of it leaked$' "$text" && has '^976.6 KiB .* fill_cache  grow$' "$text" &&
		has '^341.8 KiB .* 700 .* remember  grow$' "$text"
}
check "--memory says who holds it" sums
temporary() { has ' 700  100.0 %  17 B .* scratch  grow$' "$(report --memory --sort temporary)"; }
check "temporaries belong to the program's own function" temporary
raw() { report --memory -a --json | json 'any(r["function"].endswith("strdup") and r["alloc"]["self"] == 700 * 17 for r in d["rows"])'; }
check "-a shows who called malloc" raw
memory_json() {
	report --memory --json >m.json &&
		json "d['memory']['alloc']['bytes'] == $(sum alloc) and d['memory']['peak']['bytes'] == $(sum peak) \
			and d['memory']['leak']['bytes'] == $(sum leak) and d['memory']['exact'] and d['memory']['peak_ns'] > 0 \
			and sum(r['alloc']['self'] for r in d['rows']) == $(sum alloc) \
			and sum(r['peak']['self'] for r in d['rows']) == $(sum peak) \
			and max(r['alloc']['total'] for r in d['rows']) == $(sum alloc) \
			and all(r['alloc']['self_ci'] == [r['alloc']['self']] * 2 for r in d['rows'])" <m.json
}
check "the JSON of --memory adds up to the store's views" memory_json
orders() {
	local key
	for key in peak live leak alloc temporary mmap copy; do
		report --memory --sort "${key/alloc/total}" --json |
			json "[r['$key']['self'] for r in d['rows']] == sorted((r['$key']['self'] for r in d['rows']), reverse=True)" || return 1
	done
	report --memory --sort count --json | json 'd["rows"][0]["function"] in ("remember", "scratch")' &&
		report --memory --sort life --json | json '[r["mean_life_ns"] or -1 for r in d["rows"]] == sorted((r["mean_life_ns"] or -1 for r in d["rows"]), reverse=True)'
}
check "--sort takes each order" orders
by_each() {
	local by
	for by in function line module stage thread process stack; do
		echo "$by"
		report --memory --by $by >/dev/null || return 1
		report --memory --by $by --json | json "d['by'] == '$by' and sum(r['alloc']['self'] for r in d['rows']) == $(sum alloc)" || return 1
	done
}
check "--memory by each" by_each

leaks() {
	local text
	text=$(report --leaks)
	has '^976.6 KiB in 100 blocks, ' "$text" && has '^12.1 KiB in 1 block, ' "$text" && has '^    lose  grow.c:[0-9]*$' "$text" &&
		has '^suppressed .*stdio buffers' "$text" && lacks '_IO_file_doallocate' "$text"
}
check "--leaks names blocks that were never freed" leaks
# As long as it takes until there are snapshots enough to tell.
enough() { [ "$(sqlite3 -cmd '.timeout 10000' long.sqlite "SELECT count(*) FROM snapshot WHERE name = 'auto'" 2>/dev/null)" -ge 12 ]; }
growing() {
	"$PROF" run -q -o long.sqlite --memory full -- "$PROGRAMS/grow" 1000000 &
	local runner=$!
	wait_for 60 enough || return 1
	kill "$(pgrep -P "$runner")"
	wait "$runner"
	"$PROF" report --store long.sqlite --leaks --json >growing.json
	json 'd["growth_test"]["snapshots"] >= 12 and [r["stack"][0]["function"] for r in d["growing"]] == ["remember"]
		and d["growing"][0]["q"] < 0.05' <growing.json || { cat growing.json && return 1; }
	# 500 bytes each 3 ms at most, and as many as there were on the whole.
	json "$(sqlite3 long.sqlite "SELECT sum(s.value) / (r.duration_ns / 1e9) FROM run r JOIN sample s ON s.run_id = r.id JOIN stack k ON
		k.id = s.stack_id JOIN frame f ON f.id = k.frame_id WHERE s.kind = 'leak' AND f.function = 'remember'") * 0.4 < d['growing'][0]['bytes_per_s'] < 170000" \
		<growing.json || { cat growing.json && return 1; }
}
check "what grows is told from what filled at the start" growing
suppressions() {
	printf '# ours\nleak:^fill_cache$  warm by design\n' >my.supp
	local text
	text=$(report --leaks --suppressions my.supp)
	has 'suppressed  976.6 KiB in 1 stack: ^fill_cache$ (warm by design)' "$text" && lacks '^976.6 KiB in 100' "$text" &&
		has ' in .* blocks\? of ' "$(report --leaks --no-default-suppressions)" &&
		lacks 'stdio buffers' "$(report --leaks --no-default-suppressions)" || return 1
	cp my.supp protea-prof.supp
	has 'suppressed  976.6 KiB' "$(report --leaks)"
	local rc=$?
	rm protea-prof.supp
	report --leaks --suppressions my.supp --json | json 'd["suppressed_bytes"] >= 1000000 and any(r["suppressed_by"] == "^fill_cache$" for r in d["leaks"])' && return $rc
}
check "suppressions by file, by the usual file, built in" suppressions
wrong_suppressions() {
	printf 'leak:a\n\nrace:b\n' >wrong.supp
	report --leaks --suppressions wrong.supp >out.txt 2>err
	[ $? -eq 1 ] && grep -q 'wrong.supp:3: ' err && ! report --leaks --suppressions nosuch.supp 2>/dev/null
}
check "a line that is no suppression is named" wrong_suppressions

lines() {
	local text
	text=$(report --source grow.c)
	has '^ *[0-9]*  .*341.8 KiB .*void \*\*p = malloc(500);$' "$text" && has '^ *…$' "$text" && lacks '^ *2 ' "$text" &&
		has '^ *2 ' "$(report --source grow.c -a)" && has '^function remember$' "$(report --source remember)" &&
		report --source grow.c --json | json 'sum(l["alloc"]["self"] for l in d["lines"]) > 1300000 and all(l["text"] for l in d["lines"])'
}
check "--source shows lines with what they cost" lines
no_text() {
	sqlite3 "$S" ".backup moved.sqlite"
	sqlite3 moved.sqlite "UPDATE string_row SET text = '/nowhere/deep/elsewhere.c' WHERE text LIKE '%grow.c'"
	mkdir -p other/deep
	has 'text of the file is not there' "$(cd other && "$PROF" report --store ../moved.sqlite --source elsewhere.c)" &&
		"$PROF" report --store moved.sqlite --source-dir other --source elsewhere.c --json | json 'd["source"] is None and d["lines"][0]["text"] is None' &&
		mv elsewhere.c other/deep/ && has 'malloc(500)' "$("$PROF" report --store moved.sqlite --source-dir other --source elsewhere.c)"
}
check "without the text of a file its numbers are shown" no_text

snapshots() {
	local text
	has '  before$' "$("$PROF" snapshot list --store "$S")" && has '  end$' "$("$PROF" snapshot li --store "$S" last)" || return 1
	text=$(report --snapshot end --since before)
	has '^+12.1 KiB  new: from 0 B in 0 blocks to 12.1 KiB in 1$' "$text" && has '^    lose  grow.c' "$text" &&
		report --snapshot before --since end --json | json 'any(r["state"] == "gone" and r["change_bytes"] == -12345 for r in d["rows"])
			and d["after_bytes"] - d["before_bytes"] == sum(r["change_bytes"] for r in d["rows"])' &&
		report --memory --snapshot before --json | json '1350000 <= sum(r["live"]["self"] for r in d["rows"]) <= 1370000 and d["snapshot"] == "before"' &&
		has 'remember' "$(report --snapshot before --tree)" &&
		"$PROF" snapshot list --store "$S" --json | json 'd["snapshots"][-1]["name"] == "end" and len({s["snapshot"] for s in d["snapshots"]}) == len(d["snapshots"])'
}
check "snapshots are listed, shown and compared" snapshots
check_fails 1 "a snapshot that does not exist" report --snapshot nosuch

kinds() {
	local kind
	for kind in alloc live peak leak temporary; do
		has "^$kind by function, all of it " "$(report -k $kind)" && has "^$kind, all of it " "$(report -k $kind -t)" || return 1
		[ "$("$PROF" export -f folded --store "$S" -k $kind | awk '{ n += $NF } END { print n + 0 }')" -eq "$(sum $kind)" ] || return 1
		"$PROF" flame -q --store "$S" -k $kind -o page.html && [ -s page.html ] || return 1
	done
}
check "kinds of memory in tables, trees, folded stacks and pages" kinds

# ---- stages and samples -------------------------------------------------------------------------------------

stages() {
	"$PROF" run -q -o st.sqlite --memory full -- "$PROGRAMS/heap_stages" >/dev/null 2>&1
	local text
	text=$("$PROF" report --store st.sqlite --stages)
	has '^stage .* allocated .* blocks .* peak heap' "$text" && has '^outer .* 3.5 MiB ' "$text" &&
		"$PROF" report --store st.sqlite --stages --json | json 'next(s for s in d["stages"] if s["stage"] == "outer")["alloc_bytes"] == 3670016'
}
check "--stages shows what stages allocate and hold" stages
sampled() {
	"$PROF" run -q -o sa.sqlite --memory sampled --memory-rate 4096 -- "$PROGRAMS/grow" 300 >/dev/null
	has '^memory   sampled: estimates from one sample in 4.0 KiB, with 95 % intervals$' "$("$PROF" report --store sa.sqlite --memory)" &&
		has '^total    .* (95 %: .* … .*) in ' "$("$PROF" report --store sa.sqlite --memory)" &&
		"$PROF" report --store sa.sqlite --memory --json |
		json 'not d["memory"]["exact"] and d["memory"]["alloc"]["ci"][0] < d["memory"]["alloc"]["bytes"] < d["memory"]["alloc"]["ci"][1]
			and abs(d["memory"]["alloc"]["bytes"] / 1171541 - 1) < 0.45' && # 7.5 standard deviations
		"$PROF" report --store sa.sqlite -k alloc --json | json 'd["rows"][0]["self_ci"][0] < d["rows"][0]["self_share"] < d["rows"][0]["self_ci"][1]'
}
check "estimates are called estimates" sampled
nothing() {
	"$PROF" run -q -o off.sqlite --memory off -- "$PROGRAMS/grow" 1 >/dev/null
	has '^memory   off: it was not followed' "$("$PROF" report --store off.sqlite --memory)" &&
		has 'no samples of kind peak' "$("$PROF" report --store off.sqlite --memory)" &&
		has '^never freed: nothing$' "$("$PROF" report --store off.sqlite --leaks)" &&
		has 'no snapshots' "$("$PROF" snapshot list --store off.sqlite)" &&
		"$PROF" report --store off.sqlite --memory --json | json 'd["rows"] == []'
}
check "what was not followed is said" nothing

# ---- widths, names, refusals --------------------------------------------------------------------------------

"$TOOLS/store_fill" f.sqlite --stacks 200 --depth 8 --samples 2000 --threads 3 --stages 8 --memory --seed 5 >/dev/null
sqlite3 f.sqlite "UPDATE string_row SET text = 'std_of_vector<std::pair<long, std::string>>::~vector_of_names_' || text || '(std::allocator<char> const&)'
	WHERE text LIKE 'function_%'"
fits() {
	local view columns
	for view in "--memory --sort total" "--memory --sort live --by line" "--memory --sort total --by stack" "--memory --by stage --sort total" "--leaks -n 0" "--source synthetic.c"; do
		for columns in 80 100 200; do
			# shellcheck disable=SC2086 # words
			COLUMNS=$columns "$PROF" report --store f.sqlite $view >text || return 1
			python3 -c 'import sys
longest = max(len(l) for l in open("text", encoding="utf-8").read().split("\n"))
sys.exit(f"{sys.argv[1]}: {longest}" if longest > int(sys.argv[2]) else 0)' "$view" $columns || return 1
		done
	done
}
check "tables of memory keep to 80, 100 and 200 columns" fits
hostile() {
	sqlite3 f.sqlite "UPDATE string_row SET text = char(27) || '[31m' || char(10) || CAST(x'fffe' AS TEXT) || char(8238) || id WHERE text LIKE 'std_of%';
		UPDATE run SET memory = char(27) || 'x', memory_rate_bytes = -1, memory_temporary = -7;
		UPDATE sample_row SET variance = 9e999, life = -9e999, value = 9223372036854775807 WHERE rowid IN (SELECT rowid FROM sample_row LIMIT 9)" 2>/dev/null ||
		sqlite3 f.sqlite "UPDATE string_row SET text = char(27) || '[31m' || char(10) || CAST(x'fffe' AS TEXT) || char(8238) || id WHERE text LIKE 'std_of%';
		UPDATE sample_row SET variance = 9e999, value = 9223372036854775807"
	local view
	for view in "--memory --sort total" "--memory --by stack" "--leaks" "--source synthetic.c" "-k alloc" "-k live -t"; do
		# shellcheck disable=SC2086 # words
		if ! "$PROF" report --store f.sqlite $view >text 2>err; then grep -q error err || return 1; fi
		python3 -c 'import sys
text = open("text", "rb").read().decode()
sys.exit(any((ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160 or c == chr(8238) for c in text))' || { echo "$view"; return 1; }
		# shellcheck disable=SC2086 # words
		"$PROF" report --store f.sqlite $view --json 2>/dev/null >json || continue
		python3 -m json.tool json >/dev/null || { echo "$view"; return 1; }
	done
}
check "hostile names and numbers cannot act" hostile

for wrong in "--sort peak" "--memory --sort nonsense" "--memory --kind peak" "--memory --leaks" "--memory --stages" "--leaks --by line" \
	"--leaks -t" "--source x --memory" "--source-dir ." "--suppressions f" "--memory --since 1" "--snapshot 1 --thread main" \
	"--snapshot 1 --since 1 --by line" "--source f -n 3"; do
	# shellcheck disable=SC2086 # words
	check_fails 2 "refused: report $wrong" report $wrong
done
check_fails 1 "a file that the run does not have" report --source nosuch.c
full_disk() {
	local view rc
	for view in "--memory" "--leaks" "--source grow.c" "--memory --json" "--leaks --json" "--snapshot end --since before"; do
		# shellcheck disable=SC2086 # words
		report $view >/dev/full 2>err
		rc=$?
		echo "$view: exit $rc"
		if [ $rc -ne 1 ] || ! grep -q 'No space left' err; then return 1; fi
	done
}
check "a full disk is a failure, and said" full_disk

echo "1..$tap_n"
[ "$tap_failed" -eq 0 ]
