#!/bin/bash
# The examples of docs/ci.md, run as they stand: the shell lines of the GitHub, GitLab, make and plain ones, in a repository
# with a program that a branch makes worse; the thresholds file. Only the servers' own programs (gh) are stood in for.
# shellcheck disable=SC2317,SC2016
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
DOC=$PWD/docs/ci.md
LINES=$PWD/tests/cli/gate_docs.py
BIN=$(cd "$O" && pwd)
export PATH="$BIN:$PATH"
unset PROTEA_PROF_STORE NO_COLOR CLICOLOR_FORCE GITHUB_ACTIONS GITLAB_CI GITHUB_STEP_SUMMARY GITHUB_WORKSPACE CI_PROJECT_DIR COLUMNS
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
example() { python3 "$LINES" "$DOC" "$1"; }
cd "$TMP" || exit 1

# ---- a project -----------------------------------------------------------------------------------------

# app: some blocks and some work; LINES rows are read into a block each.
project() {
	git init -q -b main project && cd project || return 1
	cat >app.c <<-'C'
		#include <stdlib.h>
		#include <string.h>
		static volatile unsigned long sink;
		__attribute__((noinline)) void read_row(int i)
		{
			char *row = malloc(100);
			if (!row)
				abort();
			memset(row, i, 100);
			sink += (unsigned char)row[50];
			free(row);
		}
		int main(void)
		{
			for (int i = 0; i < ROWS; i++)
				read_row(i);
			for (unsigned long i = 0; i < 20000000; i++)
				sink += i;
			return 0;
		}
	C
	printf 'ROWS = 1000\napp: app.c Makefile\n\tcc -O1 -g -fno-builtin -DROWS=$(ROWS) app.c -o app\n' >Makefile
	printf 'app\n*.sqlite*\n*.html\n*.xml\n*.md\n' >.gitignore
	git add . && git commit -qm base && git checkout -qb branch && sed -i 's/= 1000/= 1100/' Makefile && git commit -qam 'more rows' && cd ..
}
check "a project with a branch that allocates more" project
clone() { # NAME: as a CI server checks it out
	cd "$TMP" && rm -rf "$1" && git clone -q -b branch project "$1" && cd "$1" || return 1
}

# ---- GitHub --------------------------------------------------------------------------------------------

github() {
	clone hub || return 1
	# Shorter than a real job: three pairs, all allocations counted.
	example github | sed 's/-n 20/-n 3 --memory full/' >lines
	mkdir ../gh && printf '#!/bin/sh\nprintf "%%s\\n" "$*" >"$GH_LOG"\nfor f; do :; done\ncat "$f" >>"$GH_LOG"\n' >../gh/gh && chmod +x ../gh/gh
	export GH_LOG=$TMP/gh.log
	sed -n '1,/html/p' lines | grep -q 'gate --exec' || return 1
	# The steps up to the comparison end with 1, as its regression does; the comment comes all the same.
	awk '/^gh /{exit} {print}' lines >compare
	awk '/^gh /{on=1} on' lines >comment
	GITHUB_ACTIONS=true GITHUB_BASE_REF=main GITHUB_STEP_SUMMARY=summary.md bash -e compare >out 2>err
	local rc=$?
	cat out err
	[ $rc -eq 1 ] && grep -q '^regression: ' out && grep -q '^::error ' err && grep -q '^### ❌ regression' summary.md && [ -s gate.html ] || return 1
	PATH="$TMP/gh:$PATH" GITHUB_REF_NAME=12/merge bash -e comment && head -n 1 "$GH_LOG" | grep -q '^pr comment 12 ' && grep -q '^### ❌ regression' "$GH_LOG"
}
check "GitHub: the steps find the regression, and comment" github
inconclusive_passes() {
	example github | grep -qF '[ $? -eq 3 ]'
}
check "GitHub: what cannot be told is let through, and said" inconclusive_passes

# ---- GitLab --------------------------------------------------------------------------------------------

gitlab() {
	clone lab || return 1
	example gitlab | sed 's/-n 20/-n 3 --memory full/' >lines
	[ "$(wc -l <lines)" -ge 5 ] || { cat lines; return 1; }
	GITLAB_CI=true CI_MERGE_REQUEST_TARGET_BRANCH_NAME=main CI_PROJECT_DIR=$PWD bash -e lines >out 2>err
	local rc=$?
	cat out err
	[ $rc -eq 1 ] && grep -q '^regression: ' out && [ -s gate.xml ] && [ -s gate.md ] && [ -s gate.html ] && python3 -c '
import json
d = json.load(open("gl-code-quality-report.json"))
assert any(i["check_name"] == "protea-gate-regression" for i in d), d'
}
check "GitLab: the script finds the regression" gitlab

# ---- make ----------------------------------------------------------------------------------------------

counts() {
	clone counted || return 1
	git checkout -q main || return 1
	example make >>Makefile
	make -s gate-baseline || return 1
	make -s gate >out 2>err || { cat out err; return 1; }
	grep -q '^ok: ' out || return 1
	git checkout -q -- Makefile && git checkout -q branch || return 1
	example make >>Makefile
	make -s gate >out 2>err && return 1
	cat out err
	grep -q '^regression: ' out && grep -qE '^regression .*allocations +1,000 +1,100 ' out
}
check "make: kept counts pass, and find 100 rows more" counts

# ---- stores, PostgreSQL --------------------------------------------------------------------------------

stores() {
	cd counted && make -s app && example sh >lines && bash -e lines >out 2>err && [ -s diff.html ]
	local rc=$?
	cat out err
	return $rc
}
check "stores: five runs of each, and the page" stores
database() {
	local server
	server=$(command -v postgres || find /usr/lib/postgresql -name postgres 2>/dev/null | sort | tail -n 1)
	server=$(dirname "$server")
	export PGDATA=$TMP/pg PGHOST=$TMP/sock PGUSER=gate PGDATABASE=postgres
	mkdir -p "$PGHOST" "$PGDATA"
	local as=()
	if [ "$(id -u)" -eq 0 ]; then
		chmod 755 "$TMP" && chown -R nobody "$PGHOST" "$PGDATA" || return 1
		as=(setpriv --reuid=nobody --clear-groups)
	fi
	(cd / && "${as[@]}" "$server/initdb" -U gate -A trust >/dev/null && "${as[@]}" "$server/pg_ctl" -w -o "-k $PGHOST -c listen_addresses=''" -l "$PGDATA/log" start >/dev/null) || return 1
	(cd counted && example psql >lines && bash -e lines >out 2>err)
	local rc=$?
	cat counted/out counted/err
	(cd counted && example team | sed "s|postgresql://ci@db/perf|postgresql://gate@/postgres?host=$PGHOST|" >lines &&
		head -n 1 lines | PROTEA_PROF_STORE=one.sqlite bash -e >team 2>err && tail -n +2 lines | PROTEA_PROF_STORE=other.sqlite bash -e >>team 2>>err)
	local pushed=$?
	cat counted/team counted/err
	(cd / && "${as[@]}" "$server/pg_ctl" -m immediate stop >/dev/null)
	[ $rc -eq 0 ] && grep -q '^ok: ' counted/out && cmp counted/gate-baseline.json counted/from-database.json || return 1
	grep -q 'libpq' counted/err || { [ $pushed -eq 0 ] && grep -q '^ok: ' counted/team; } # built without it: that is said
}
if command -v psql >/dev/null && { command -v initdb || find /usr/lib/postgresql -name initdb | grep .; } >/dev/null 2>&1; then
	check "a baseline comes back out of PostgreSQL, and runs of a team are one" database
else
	skip "a baseline comes back out of PostgreSQL, and runs of a team are one" "no PostgreSQL here"
fi

# ---- thresholds ----------------------------------------------------------------------------------------

thresholds() {
	local file=protea-prof.gate.json
	cd counted && example "$file" >thresholds.json && mv thresholds.json "$file" && protea-prof gate --counts base.sqlite:main new.sqlite:branch >out 2>err
	local rc=$?
	cat out err
	rm "$file"
	[ $rc -eq 0 ]
}
check "the thresholds of the page are read" thresholds
defaults() { # the table of defaults is what holds
	make -s -C counted app && protea-prof run -q --memory full -o limits.sqlite -n one -- counted/app && protea-prof run -q --memory full -o limits.sqlite -n two -- counted/app || return 1
	protea-prof gate --json --store limits.sqlite one two >limits.json
	python3 - "$DOC" <<'P'
import json, re, sys
text = open(sys.argv[1], encoding="utf-8").read()
rows = {r["metric"]: r for r in json.load(open("limits.json"))["metrics"] if r["stage"] is None}
unit = {"": 1, "ms": 1e6, "B": 1, "KiB": 1024, "MiB": 1 << 20}
def limits(cell):
    part, amount, u = re.fullmatch(r"([\d.]+) %(?: and ([\d,]+) ?(ms|B|KiB|MiB)?)?", cell).groups()
    return float(part) / 100, float((amount or "0").replace(",", "")) * unit[u or ""]
for title, metric, column in (("wall, CPU time", "wall", 2), ("wall, CPU time", "cpu", 2), ("peak heap", "peak_heap", 1),
                              ("peak RSS", "peak_rss", 2), ("allocations", "alloc_count", 1), ("allocated bytes", "alloc_bytes", 1)):
    cells = re.search(r"^\| %s \| ?(.*?) ?\| (.*?) \|$" % title, text, re.M)
    relative, absolute = limits(cells.group(column))
    row = rows[metric]
    assert abs(row["minimum_relative"] - relative) < 1e-9 and row["minimum_absolute"] == absolute, (metric, cells.groups(), row)
P
}
check "the defaults of the page are those that hold" defaults

echo "1..$tap_n"
[ "$tap_failed" -eq 0 ]
