#!/bin/bash
# protea-prof plan batch: the worked example, a program of which base, shared, per item and time are known, and what
# cannot be said.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
BATCH=$PWD/$O/samples/programs/batch
FILL=$TOOLS/store_fill
if ! command -v python3 >/dev/null || ! command -v sqlite3 >/dev/null; then
	skip "plans" "python3 or sqlite3 is missing"
	exit 0
fi
cd "$TMP" || exit 1
unset PROTEA_PROF_STORE
export COLUMNS=200
plan() { "$PROF" plan batch "$@"; }
has() { grep -qE -- "$1" out || { echo "not there: $1"; cat out; return 1; }; }
# holds EXPRESSION…: each is true of the JSON `d` in the file "out".
holds() {
	python3 - "$@" <<'P'
import json, sys
MIB = 2 ** 20
d = json.load(open("out"))
near = lambda a, b, by: abs(a - b) <= by
for e in sys.argv[1:]:
    if not eval(e):
        sys.exit(f"not so: {e}\n{json.dumps(d)[:3000]}")
P
}

# ---- numbers alone -------------------------------------------------------------------------------------

example() { # 16 GiB x 0.85 = 13,926 MiB; - 800 - 323 = 12,803; / 2,873 = 4.45
	plan --base 800M --shared 323M --per-item 2873M --memory 16G --headroom 0.85 >out &&
		has '^  limit +16,384 MiB  --memory$' && has '^  x 0\.85 head-room +13,926 MiB' && has '^  - base +800 MiB$' &&
		has '^  - shared +323 MiB$' && has '^  = for items +12,803 MiB$' && has '^  / per item +2,873 MiB$' &&
		has '^  = items +4\.45$' && has '^largest batch: 4 items$' && has '^ +4 +12,615 MiB +1$' && has '^ +1 +3,996 MiB +3$'
}
check "the worked example gives 4, line by line" example
example_json() {
	plan --base 800M --shared 323M --per-item 2873M --memory 16G --headroom 85% --json >out &&
		holds 'd["largest"] == 4 and d["verdict"] == "fits"' 'd["limit"] == 16 * 2**30 and d["headroom"] == 0.85' \
			'd["for_items"] == round(16 * 2**30 * 0.85) - (800 + 323) * MIB' '[b["workers"] for b in d["batches"]] == [3, 2, 1]' \
			'd["stage"] is None and d["best"] is None'
}
check "and as JSON" example_json
units() { # 16GB is 16 x 10^9
	plan --base 800M --shared 323M --per-item 2873M --memory 16GB --json >out && holds 'd["limit"] == 16 * 10**9 and d["largest"] == 4' &&
		plan --base 1GiB --per-item 1024M --memory 3g --headroom 1 --json >out && holds 'd["largest"] == 2 and d["memory"]["shared"] == 0'
}
check "sizes are read as everywhere" units
nothing_fits() {
	plan --base 800M --shared 323M --per-item 2873M --memory 1G >out
	[ $? -eq 1 ] && has 'base and shared alone are more' || return 1
	plan --base 800M --shared 323M --per-item 2873M --memory 4G --json >out
	[ $? -eq 1 ] && holds 'd["largest"] == 0 and d["verdict"] == "does not fit" and d["batches"] == []'
}
check "where not one item fits that is said, with exit code 1" nothing_fits
usual_limit() {
	plan --base 1M --per-item 1M >out && has '^  limit .*(MemAvailable|cgroup|MemTotal)'
}
check "without --memory the machine's or container's limit is taken, and said" usual_limit
for bad in '--headroom 0' '--headroom 1.1' '--headroom nan' '--headroom 0.8x' '--memory 0' '--memory -5' '--per-item 0' \
	'--base nonsense' '--metric wall' '--nosuch'; do
	# shellcheck disable=SC2086
	check_fails 2 "refused: $bad" plan --base 1M --per-item 1M --memory 1G $bad
done
check_fails 2 "plan alone is usage" "$PROF" plan
check_fails 2 "so is another word" "$PROF" plan lunch
check_fails 1 "no store" plan --memory 1G

# ---- a program with a known answer ---------------------------------------------------------------------

record() { "$PROF" -q run -o b.sqlite "$@"; }
record -n ladder -- "$BATCH" 1 2 4 8 && record -n ladder -- "$BATCH" 1 2 4 8 && record -n ladder -- "$BATCH" 1 2 4 8 || exit 1
known() {
	plan --store b.sqlite --memory 1G --cpus 8 ladder --json >out &&
		holds 'd["stage"] == "batch" and d["memory"]["metric"] == "peak_rss" and d["memory"]["sizes"] == 4' \
			'near(d["memory"]["base"], 40 * MIB, 4 * MIB)' 'near(d["memory"]["shared"], 26 * MIB, 4 * MIB)' \
			'near(d["memory"]["per_item"], 12 * MIB, 0.3 * MIB)' \
			'd["memory"]["per_item_ci"][0] <= d["memory"]["per_item"] <= d["memory"]["per_item_ci"][1]' \
			'62 <= d["largest"] <= 67' 'd["batches"][-1]["items"] == d["largest"] and not d["batches"][-1]["measured"]'
}
check "base, shared and per item of runs are those of the program" known
in_time() { # 40 ms + 15 ms an item, and what a busy machine adds
	holds 'd["wall_ns"]["per_item"] > 7e6 and d["wall_ns"]["per_item_ci"][1] > 14e6' \
		'all(b["latency_ns"] > 40e6 and b["items_per_s"] > 0 and b["workers"] >= 1 for b in d["batches"])' \
		'all(a["latency_ns"] < b["latency_ns"] and a["workers"] >= b["workers"] for a, b in zip(d["batches"], d["batches"][1:]))' \
		'd["best"]["all_items_per_s"] >= 0.99 * max(b["all_items_per_s"] for b in d["batches"])' \
		'any(b["items"] == 8 and b["measured"] for b in d["batches"])'
}
check "latency and throughput for each size" in_time
workers() { # shared is there once
	holds 'all(b["workers"] == int((d["usable"] - d["memory"]["shared"]) / (b["memory"] - d["memory"]["shared"])) for b in d["batches"])' \
		'all(near(b["memory"], d["memory"]["base"] + d["memory"]["shared"] + b["items"] * d["planned_per_item"], 2 + b["items"]) for b in d["batches"])'
}
check "workers that fit count what is shared once" workers
told() {
	plan --store b.sqlite --memory 1G ladder >out && has '^stage    batch$' && has '^runs     .*ladder' && has '^batches  12 of 4 sizes, 1 to 8 items$' &&
		has '^  shared +2[0-9]\.[0-9] MiB  files and shared memory' && has '^time of a batch = ' && has 'upper end of the interval' &&
		has 'not measured$' && has 'beyond it the plan trusts the line'
}
check "the text says what it stands on" told
given() {
	plan --store b.sqlite --memory 1G --shared 0 --json ladder >out && holds 'd["memory"]["shared"] == 0 and near(d["memory"]["base"], 66 * MIB, 5 * MIB)' &&
		plan --store b.sqlite --memory 1G --base 100M --json ladder >out && holds 'd["memory"]["base"] == 100 * MIB' &&
		plan --store b.sqlite --memory 1G --per-item 100M --json ladder >out && holds 'd["largest"] == 8 and d["wall_ns"]["per_item"] > 1e7'
}
check "what is given counts instead" given
by_param() {
	plan --store b.sqlite --memory 1G --param rows --json ladder >out &&
		holds 'd["counted_in"] == "rows" and near(d["memory"]["per_item"], 12 * MIB / 1000, 400)' '60000 < d["largest"] < 68000'
}
check "batches may be counted in a parameter" by_param
by_heap() {
	plan --store b.sqlite --memory 1G --metric peak_heap --json ladder >out &&
		holds 'near(d["memory"]["base"], 40 * MIB, MIB) and near(d["memory"]["per_item"], 12 * MIB, 0.1 * MIB)' \
			'd["memory"]["shared"] is None and any("heap" in r for r in d["remarks"])'
}
check "the heap by itself" by_heap
optimistic() {
	plan --store b.sqlite --memory 1G --optimistic --json ladder >out && holds 'd["planned_per_item"] == d["memory"]["per_item"] and d["largest"] == d["largest_at_estimate"]'
}
check "--optimistic plans with the estimate" optimistic

# ---- what cannot be said -------------------------------------------------------------------------------

record -n one -- "$BATCH" 4 && record -n down -- "$BATCH" 8 4 2 1 && record -n bent -- "$BATCH" x2 1 2 3 12 &&
	record -n off --memory off -- "$BATCH" 1 2 || exit 1
cannot() { # runs words
	plan --store b.sqlite --memory 1G "$1" >out
	[ $? -eq 3 ] && has "^cannot be said: .*$2"
}
check "one size says nothing" cannot one 'one size'
check "sizes downwards in one process say nothing" cannot down 'one size'
downwards() { has 'its memory stays resident' && plan --store b.sqlite --memory 1G --metric peak_heap --json down >out && holds 'near(d["memory"]["per_item"], 12 * MIB, 0.1 * MIB)'; }
check "which is said, and the heap does" downwards
bent() {
	plan --store b.sqlite --memory 8G bent --json >out && holds 'd["largest"] == 12' 'any("faster than a line" in r for r in d["remarks"])' &&
		plan --store b.sqlite --memory 8G bent >out && has 'beyond 12, the largest size measured'
}
check "memory that grows faster than a line is not planned beyond what was measured" bent
no_heap() {
	plan --store b.sqlite --memory 1G --metric peak_heap off >out
	[ $? -eq 3 ] && has 'was not measured' && plan --store b.sqlite --memory 1G --json off >out && holds 'd["memory"]["per_item_ci"] is None'
}
check "memory that was not followed says nothing of the heap, two points nothing of their spread" no_heap
shrinks() {
	"$FILL" f.sqlite --runs 4 --seed 3 --stages 1 --stacks 9 --samples 9 --name f >/dev/null || return 1
	sqlite3 f.sqlite "UPDATE stage_row SET items = id >> 32, peak_rss_bytes = 100000000 - (id >> 32) * 1000000, wall_ns = 1000000" || return 1
	plan --store f.sqlite --memory 1G f >out
	[ $? -eq 3 ] && has 'do not use more memory' || return 1
	sqlite3 f.sqlite "UPDATE stage_row SET items = 0"
	plan --store f.sqlite --memory 1G f --json >out
	[ $? -eq 3 ] && holds 'd["verdict"] == "inconclusive" and "number of items" in d["reason"]'
}
check "memory that shrinks, and stages without items" shrinks
several_stages() {
	"$FILL" m.sqlite --runs 4 --seed 3 --stages 4 --stacks 9 --samples 9 --name m >/dev/null || return 1
	sqlite3 m.sqlite "UPDATE stage_row SET items = id >> 32, peak_rss_bytes = 100000000 + (id >> 32) * 1000000, wall_ns = 1000000 * (id >> 32)" || return 1
	plan --store m.sqlite --memory 1G m >out 2>&1
	[ $? -eq 2 ] && has 'several stages.*--stage names one of load, knn' && plan --store m.sqlite --memory 1G m --stage knn --json >out &&
		holds 'd["stage"] == "knn" and d["memory"]["per_item"] == 1000000' || return 1
	plan --store m.sqlite --memory 1G m --stage nosuch >out 2>&1
	[ $? -eq 1 ] && has "no stage 'nosuch'"
}
check "of several stages one is named" several_stages
machines() {
	cp m.sqlite k.sqlite && sqlite3 k.sqlite "UPDATE run SET host = 'other' WHERE key = 2" && plan --store k.sqlite --memory 1G --stage knn --json m >out &&
		holds 'any("several machines" in r for r in d["remarks"])' && plan --store m.sqlite --memory 1G --stage knn --json m >out &&
		holds 'not any("machines" in r for r in d["remarks"])'
}
check "runs of several machines are said" machines
failed() {
	cp m.sqlite e.sqlite && sqlite3 e.sqlite "UPDATE run SET exit_code = 1 WHERE key = 4" && plan --store e.sqlite --memory 1G --stage knn --json m >out &&
		holds 'd["largest"] == 3 and d["failed_at"] == 4 and d["failed_runs"] == 1 and d["memory"]["points"] == 3' &&
		COLUMNS=80 plan --store e.sqlite --memory 1G --stage knn m >out && has '^    a run failed at a batch of 4$' && has '^1 failed run left out: the smallest size at which one' &&
		[ "$(LC_ALL=C.UTF-8 wc -L <out)" -le 80 ] && sqlite3 e.sqlite "UPDATE run SET exit_code = NULL, signal = 9" || return 1
	plan --store e.sqlite --memory 1G m >out 2>&1
	[ $? -eq 1 ] && has 'no plan: all of these runs failed'
}
check "failed runs are left out, and no batch of their size is planned" failed
usual_runs() {
	plan --store m.sqlite --memory 1G --stage knn --json >out && holds 'd["memory"]["points"] == 4' && plan --store m.sqlite --memory 1G --stage knn >out && has "^runs +the 4 runs named 'm'"
}
check "without operands: all runs of the last one's name" usual_runs
unmeasured() {
	cp m.sqlite u.sqlite && sqlite3 u.sqlite "UPDATE stage_row SET peak_rss_bytes = NULL WHERE id >> 32 = 2" && plan --store u.sqlite --memory 1G --stage knn m >out &&
		has '^batches  [0-9]+ of 3 sizes' && has 'too short for (its|their) memory to be measured' && all=$(grep -o '^batches  [0-9]*' out) &&
		plan --store m.sqlite --memory 1G --stage knn m >out && ! has "^$all of" >/dev/null && ! grep -q 'too short' out
}
check "batches without measured memory are not counted" unmeasured
check_fails 2 "--cpus 0" plan --base 1M --per-item 1M --memory 1G --cpus 0
check_fails 2 "an empty operand" plan --memory 1G ""
hostile() {
	cp m.sqlite h.sqlite
	sqlite3 h.sqlite "UPDATE stage_row SET items = 1e308 WHERE id % 3 = 0; UPDATE stage_row SET peak_rss_bytes = 9223372036854775807 WHERE id % 3 = 1;
		UPDATE stage_row SET start_ns = -9223372036854775807, wall_ns = 9223372036854775807 WHERE id % 5 = 2;
		UPDATE string_row SET text = char(27) || '[31m' || text WHERE text = 'knn'"
	plan --store h.sqlite --memory 1G m >out 2>err
	[ $? -le 3 ] && ! grep -q $'\033' out err
}
check "numbers and names of a hostile store do no harm" hostile
[ "$tap_failed" -eq 0 ]
