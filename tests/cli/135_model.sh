#!/bin/bash
# Cost models: the export at several sizes, a program that grows worse than declared, predictions of a held-back run, kept
# models, and what is no question.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/job.sh
. tests/cli/job.sh
PROF=$PWD/$O/protea-prof
need "cost models"
"${CC:-cc}" -std=gnu17 -O2 -g -Wall -Iprof/include tests/programs/model_sizes.c -o "$TMP/sizes" -lm || exit 1
S=$TMP/sizes.sqlite
model() { "$PROF" model "$@" 2>"$TMP/err"; }
# asks_json FILE PYTHON-EXPRESSION on j: it is true.
asks_json() {
	"$PY" - "$1" "$2" <<-'EOF'
		import json, math, sys
		j = json.load(open(sys.argv[1]))
		fit = lambda stage, metric: next(f for f in j["fits"] if (f["stage"], f["metric"]) == (stage, metric))
		at = lambda stage: next(s for s in j["stages"] if s["stage"] == stage)
		if not eval(sys.argv[2]):
		    print(json.dumps(j, indent=1)[:3000])
		    sys.exit(f"not so: {sys.argv[2]}")
	EOF
}
has() { grep -qF -- "$1" "$2" || { echo "'$1' is not in:" && cat "$2" && return 1; }; }
hasnt() { ! grep -F -- "$1" "$2"; }

# ---- a program that grows worse than declared ---------------------------------------------------------------

for n in 10000 20000 40000 80000 160000 10000 20000 40000 80000; do
	small=no
	[ "$n" -gt 40000 ] || small=yes
	"$PROF" run -q -o "$S" --name sizes --label "small=$small" --memory off -r 1 -- "$TMP/sizes" "$n" || exit 1
done
cat >"$TMP/declared.json" <<-'EOF'
	{"stages": {"load": {"wall": "n"}, "dedup": {"wall": "n"}, "index": {"wall": "n*log(n)"}}}
EOF
# CPU time, so that what else the machine does matters less; declared as the wall time is.
fit() { model fit --store "$S" --declarations "$TMP/declared.json" -m cpu "$@"; }
fit >"$TMP/fit.txt"
fit --json >"$TMP/fit.json"
check "the stage whose growth is worse than declared is named, and no other" asks_json "$TMP/fit.json" 'j["worse"] == ["dedup"]'
check "its exponent is right, and so is the interval" asks_json "$TMP/fit.json" \
	'(lambda e: e["declared"] == 1 and 1.8 < e["fitted"] < 2.2 and e["ci"][0] > 1.1 and e["growth"] == "worse")(fit("dedup", "cpu")["exponents"][0])'
check "the text says it first" bash -c "head -n 2 '$TMP/fit.txt' | tail -n 1 | grep -q '^  dedup (cpu, .*grows by n^.*declared n^1: ten times n costs'"
check "stages have their sizes from the stage around them" asks_json "$TMP/fit.json" \
	'fit("load", "cpu")["observations"] == 9 and fit("load", "cpu")["sizes"] == 5'
check "residuals, their spread and R² are told" asks_json "$TMP/fit.json" \
	'len(fit("load", "cpu")["residuals"]) == 9 and fit("load", "cpu")["spread"] > 0 and fit("load", "cpu")["r2_log"] > 0.5'
check "the error of sizes left out is told" asks_json "$TMP/fit.json" 'fit("dedup", "cpu")["cv_mean"] > 0.3 and fit("index", "cpu")["cv_mean"] >= 0'
fit --declare 'dedup:wall=n^2' --json >"$TMP/right.json"
check "declared as it is, none is named" asks_json "$TMP/right.json" 'j["worse"] == [] and fit("dedup", "cpu")["declared_by"] == "option"'
check "of what is not declared, a size is found" asks_json "$TMP/right.json" \
	'fit("job", "cpu")["declared_by"] == "not declared" and fit("fixed", "cpu")["form"] == "1"'
model fit --store "$S" -m cpu --declare 'no such:cpu=n' --json >"$TMP/none.json"
check "where nothing is declared, the law that explains it is found" asks_json "$TMP/none.json" \
	'fit("dedup", "cpu")["declared_by"] == "not declared" and fit("dedup", "cpu")["form"] == "n^2" and j["worse"] == []'
check "a declaration for a stage that is not there is told" has "'no such' is declared" "$TMP/err"
(cd "$TMP" && cp declared.json protea-prof.model.json && "$PROF" model fit --store "$S" -m cpu --json >here.json)
check "the file of declarations is found by its name" cmp "$TMP/here.json" "$TMP/fit.json"

# ---- keeping --------------------------------------------------------------------------------------------------

fit --save "$TMP/kept.json" >/dev/null
"$PROF" model fit --model "$TMP/kept.json" --declarations "$TMP/declared.json" -m cpu --json >"$TMP/again.json"
check "a kept model gives the same fits" cmp "$TMP/again.json" "$TMP/fit.json"
"$PROF" model fit --model "$TMP/kept.json" --store "$S" sizes --declarations "$TMP/declared.json" -m cpu --json >"$TMP/again.json"
check "runs that are kept and named count once" cmp "$TMP/again.json" "$TMP/fit.json"

# ---- predictions ----------------------------------------------------------------------------------------------

predict() { model predict --store "$S" --declarations "$TMP/declared.json" --declare 'dedup:wall=n^2' "$@"; }
predict -p n=320000 --json >"$TMP/p.json"
predict -p n=320000 >"$TMP/p.txt"
# The truth for twice the size: dedup four times, load twice.
check "twice the size: each stage grows as its law" asks_json "$TMP/p.json" \
	'3 < at("dedup")["cpu"]["value"] / at("dedup")["cpu"]["pattern"] < 5 and 1.5 < at("load")["cpu"]["value"] / at("load")["cpu"]["pattern"] < 2.6'
check "stages within others count once" asks_json "$TMP/p.json" \
	'abs(j["total"]["wall"]["value"] - j["outside_ns"] - sum(at(s)["wall"]["value"] for s in ("job",))) < 1e-6 * j["total"]["wall"]["value"]'
check "the interval holds the value" asks_json "$TMP/p.json" \
	'j["total"]["wall"]["ci"][0] < j["total"]["wall"]["value"] < j["total"]["wall"]["ci"][1]'
check "how far beyond what was measured is said" has "note: n is 2 times the largest that was measured" "$TMP/p.txt"
check "how good predictions were is said" has "where a size was left out" "$TMP/p.txt"
predict -p n=160000 --times job=3 --json >"$TMP/p3.json"
check "three jobs take three times as long" asks_json "$TMP/p3.json" \
	'abs(at("dedup")["wall"]["value"] / (3 * at("dedup")["wall"]["pattern"]) - 1) < 0.8 and at("job")["instances"] == 3'

# Four times the largest size, held back. Both are measured on a machine that does other things: CPU time, and room.
predict small=yes -p n=160000 --json >"$TMP/held.json"
held() {
	local cpu
	cpu=$(sqlite3 "$S" "SELECT max(cpu_ns) FROM stage WHERE name = '$1'")
	asks_json "$TMP/held.json" "$cpu / 1.7 < at('$1')['cpu']['value'] < $cpu * 1.7 and j['params'][0]['beyond'] == 4"
}
check "a held-back run of four times the size: the stage that grows with n²" held dedup
check "and the whole job" held job

# ---- the export -----------------------------------------------------------------------------------------------

E=$TMP/export.sqlite
if [ -x "$O/samples/tools/embed" ]; then
	samples/build.sh tiny "$PWD/$O/samples/tiny" 2>/dev/null
fi
if [ -e "$O/samples/tiny/tiny.bundle" ]; then
	tiny=$PWD/$O/samples/tiny
	for n in 125 200 320 500; do
		tests/tools/bundle_cut.sh "$tiny/tiny.bundle" "$TMP/now.bundle" "$n"
		job samples/jobs/tiny.json "$TMP/job.json" "j['source'] = 'bundle:$TMP/now.bundle'" "p['output_name'] = 'n$n'" \
			"e.update(PROTEA_ANC2VEC_PATH='$tiny/anc2vec.npz', PROTEA_TAXONOMY_PATH='$tiny/taxonomy')" \
			"e.update(PROTEA_STORAGE_ROOT='$TMP/store', PROTEA_EXPORT_RESUME_DIR='$TMP/resume')"
		"$PROF" -q run -q -o "$E" --name export "$TMP/job.json" -q -w 1 >/dev/null 2>&1 || exit 1
		rm -f "$TMP"/now.bundle*
	done
	model fit --store "$E" --json >"$TMP/export.json"
	check "the export's stages have the parameters that they are declared by" asks_json "$TMP/export.json" \
		'all(f["state"] != "a parameter is missing" for f in j["fits"]) and all(fit(s, "wall")["declared_by"] == "built in" for s in
		("load_embeddings", "knn", "transfer", "alignment", "taxonomy", "anc2vec", "pca_fit", "pca", "parquet", "upload", "records"))'
	# Neighbours and alignments of all pairs are found in one pass.
	check "each pair of each run is an observation" asks_json "$TMP/export.json" \
		'fit("knn", "wall")["observations"] == 4 and fit("records", "wall")["observations"] == 20 and fit("export", "wall")["observations"] == 4'
	check "parameters that did not vary are named" asks_json "$TMP/export.json" \
		'[(e["param"], e["growth"]) for e in fit("knn", "wall")["exponents"] if e["growth"] == "fixed"] == [("d", "fixed"), ("k", "fixed")]'
	model predict --store "$E" -p n=2000 --json >"$TMP/export2.json"
	check "a larger export is predicted from the pool's size alone" asks_json "$TMP/export2.json" \
		'at("knn")["instances"] == 1 and at("split")["instances"] == 5 and at("records")["wall"]["value"] > 0 and j["total"]["peak_heap"]["value"] > 0 and j["params"][0]["beyond"] == 4'
	model fit --store "$E" >"$TMP/export.txt"
	check "and shown" has "q*n*d + n*d + q*k" "$TMP/export.txt"
else
	skip "models of the export" "there is no bundle: make sample-tools"
fi

# ---- what is no question --------------------------------------------------------------------------------------

"$PROF" run -q -o "$TMP/bare.sqlite" --memory off -r 1 -- /bin/true
check_fails 1 "runs without stages" "$PROF" model fit --store "$TMP/bare.sqlite"
check_fails 2 "neither fit nor predict" "$PROF" model --store "$S"
check_fails 2 "another word" "$PROF" model fits --store "$S"
check_fails 2 "predict without a size" "$PROF" model predict --store "$S"
check_fails 2 "a size that is no number" "$PROF" model predict --store "$S" -p n=many
check_fails 2 "a size below 0" "$PROF" model predict --store "$S" -p n=-5
check_fails 2 "a size that is none" "$PROF" model predict --store "$S" -p n=nan
check_fails 2 "a size twice" "$PROF" model predict --store "$S" -p n=5 -p n=6
check_fails 2 "a size beyond all reason" "$PROF" model predict --store "$S" -p n=1e300
check_fails 2 "a parameter that no stage has" "$PROF" model predict --store "$S" -p rows=5
check_fails 2 "a stage that is not there, many times" "$PROF" model predict --store "$S" -p n=5 --times nosuch=5
check_fails 1 "a pattern that is not there" "$PROF" model predict --store "$S" -p n=5 --like nosuch
check_fails 2 "sizes belong to predict" "$PROF" model fit --store "$S" -p n=5
check_fails 2 "a metric that there is not" "$PROF" model fit --store "$S" -m time
check_fails 2 "a declaration that is none" "$PROF" model fit --store "$S" --declare 'load:wall=n**2'
check_fails 1 "a store that is not there" "$PROF" model fit --store "$TMP/none.sqlite"
check_fails 1 "a file of declarations that is not there" "$PROF" model fit --store "$S" --declarations "$TMP/none.json"
echo '{"stages": {"load": {"wall": "n*"}}}' >"$TMP/bad.json"
check_fails 1 "a wrong file of declarations" "$PROF" model fit --store "$S" --declarations "$TMP/bad.json"
"$PROF" model fit --store "$S" --declarations "$TMP/bad.json" 2>"$TMP/err"
check "and where it is wrong" has "wall of stage 'load': no name of a parameter at byte 3" "$TMP/err"
head -c 500 "$TMP/kept.json" >"$TMP/cut.json"
check_fails 1 "a cut model" "$PROF" model fit --model "$TMP/cut.json"
check_fails 1 "a model that is none" "$PROF" model fit --model "$TMP/bad.json"
"$PROF" model predict --store "$S" -p rows=5 2>"$TMP/err"
check "parameters that there are, are listed" has "there are: n" "$TMP/err"

cp "$S" "$TMP/failed.sqlite"
sqlite3 "$TMP/failed.sqlite" "UPDATE run SET exit_code = 137 WHERE key IN (1, 2)"
model fit --store "$TMP/failed.sqlite" --json >"$TMP/failed.json"
check "runs that failed say nothing" asks_json "$TMP/failed.json" 'len(j["runs"]) == 7'
check "and are counted" has "2 of 9 runs ended by a signal or with an exit code" "$TMP/err"
one=$("$PROF" runs --store "$S" --json 2>/dev/null | "$PY" -c 'import json, sys; r = json.load(sys.stdin); print((r["runs"] if isinstance(r, dict) else r)[0]["id"])')
model fit --store "$S" --declarations "$TMP/declared.json" "$one" >"$TMP/one.txt"
check "one run alone: what cannot be said is said" bash -c "grep -q 'no growth can be judged' '$TMP/one.txt' && grep -q 'one run only' '$TMP/one.txt'"

# Names of a store that act on a terminal, and numbers that are none.
cp "$S" "$TMP/odd.sqlite"
sqlite3 "$TMP/odd.sqlite" "UPDATE stage_row SET params = '{\"n\": 1e300, \"m\": -1, \"x\": \"y\"}' WHERE rowid % 5 = 0;
	UPDATE stage_row SET params = '[[[' WHERE rowid % 7 = 0; UPDATE stage_row SET wall_ns = 0 WHERE rowid % 11 = 0;
	UPDATE string_row SET text = 'de' || char(27) || '[31mdup' WHERE text = 'dedup'" 2>/dev/null
odd() {
	local rc=0
	"$PROF" model fit --store "$TMP/odd.sqlite" >"$TMP/odd.txt" 2>&1 || rc=1
	"$PROF" model fit --store "$TMP/odd.sqlite" --json >"$TMP/odd.json" 2>/dev/null && "$PY" -m json.tool "$TMP/odd.json" >/dev/null || rc=1
	"$PROF" model predict --store "$TMP/odd.sqlite" -p n=1000 >>"$TMP/odd.txt" 2>&1 || rc=1
	! grep -q $'\e' "$TMP/odd.txt" || rc=1
	return $rc
}
check "hostile names and absurd numbers harm nobody" odd
check "help" bash -c "'$PROF' model --help | grep -q 'model fit|predict'"

echo "1..$tap_n"
[ "$tap_failed" -eq 0 ]
