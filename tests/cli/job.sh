# Sourced by tests of whole jobs, after lib.sh: random bundles of tests/oracle with their jobs, changed job
# files, digests of what was published, questions to a bundle. Needs python3 with NumPy and sqlite3.
# shellcheck shell=bash
PY=/usr/bin/python3
export PYTHONDONTWRITEBYTECODE=1
unset PROTEA_DB_URL "${!PROTEA_@}"

# need: skips the whole file when the tools are missing.
need() {
	local missing=
	[ -x "$PY" ] || missing="no $PY"
	[ -n "$missing" ] || "$PY" -c 'import numpy' 2>/dev/null || missing="python3-numpy is missing"
	[ -n "$missing" ] || command -v sqlite3 >/dev/null || missing="sqlite3 is missing"
	[ -z "$missing" ] && return
	skip "$1" "$missing"
	exit 0
}

# world FOLDER SEED SIZE [FEATURES]: a bundle, its side files and jobs.
world() {
	"$PY" tests/oracle/make_bundle.py "$2" --out "$1" --size "$3" --features "${4:-default}" >/dev/null
}

# job FROM TO [STATEMENT…]: a job file changed by Python statements on j (all), p (payload), e (environment).
job() {
	"$PY" - "$@" <<-'EOF'
		import json, sys
		j = json.load(open(sys.argv[1]))
		p, e = j["payload"], j["environment"]
		for statement in sys.argv[3:]:
		    exec(statement)
		json.dump(j, open(sys.argv[2], "w"), indent=1)
	EOF
}

# run LOG ARGUMENT…: the program; its talk and results go to LOG; returns its exit code. The limit keeps a
# machine that is busy with other things from failing the memory plan.
run() {
	local log=$1
	shift
	timeout -k 5 120 "$EXPORT" run --memory-limit 4GiB "$@" >"$log" 2>&1
}

# sql BUNDLE STATEMENT
sql() { sqlite3 -batch -noheader -cmd '.timeout 20000' "$1" "$2"; }

# published FOLDER NAME: digests of the three files of a data set.
published() {
	(cd "$1/store/datasets/$2" && sha256sum train.parquet eval.parquet manifest.json)
}

# says LOG TEXT…: every text is in the log.
says() {
	local log=$1 text
	shift
	for text; do
		grep -qF -- "$text" "$log" && continue
		echo "'$text' is not said in:"
		cat "$log"
		return 1
	done
}

# nothing_left FOLDER: a refused job left no row, event, staging or store.
nothing_left() {
	local rows
	rows=$(sql "$1/bundle.sqlite" 'SELECT count(*) FROM job; SELECT count(*) FROM job_event; SELECT count(*) FROM dataset')
	[ "$rows" = $'0\n0\n0' ] || { echo "rows in job, job_event, dataset: $rows" && return 1; }
	absent "$1/resume" "$1/store" "$1"/bundle.sqlite?*
}

# empty FOLDER: it is there and nothing is in it.
empty() {
	[ -d "$1" ] || return 1
	[ -z "$(ls -A "$1")" ] || { ls -lA "$1" && return 1; }
}

# absent PATH…: none of these is there.
absent() {
	local path
	for path; do
		[ ! -e "$path" ] || { echo "there is $path" && return 1; }
	done
}

# asks BUNDLE STATEMENT WANT: the answer is WANT.
asks() {
	local got
	got=$(sql "$1" "$2")
	[ "$got" = "$3" ] || { printf '%s\ngives: %s\nwanted: %s\n' "$2" "$got" "$3" && return 1; }
}

# whole BUNDLE: SQLite finds no fault.
whole() { [ "$(sql "$1" 'PRAGMA integrity_check')" = ok ]; }

# last_job BUNDLE COLUMN: of the newest job row.
last_job() { sql "$1" "SELECT $2 FROM job ORDER BY started_at DESC, rowid DESC LIMIT 1"; }
