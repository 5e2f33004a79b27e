#!/bin/bash
# protea-prof site: its matrix has the numbers of the store, its pages are whole and linked, an old site stays until
# the new one is complete, and folders that are no site are left alone. What pages do is tested in tests/browser.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
CHECK=$PWD/tests/cli/site_check.py
S=$TMP/s.sqlite
if ! command -v python3 >/dev/null || ! command -v sqlite3 >/dev/null; then
	skip "sites" "python3 or sqlite3 is missing"
	exit 0
fi
cd "$TMP" || exit 1

fill() { # store args…: runs of a few stacks
	local store=$1
	shift
	"$TOOLS/store_fill" "$store" --stacks 60 --depth 6 --samples 500 --threads 2 "$@" >ids || exit 1
}
sql() { sqlite3 -separator $'\t' "${2:-$S}" "$1"; }
# Four models and K 3, 5, 10, three runs each but for one cell, each longer than the one before; stages, look-ups.
fill "$S" --runs 36 --seed 7 --stages 4 --name cell
sql "UPDATE run SET
		labels = json_object('plm', 'plm' || ((key - 1) / 3 % 4), 'k', json_extract('[\"3\",\"5\",\"10\"]', '\$[' || ((key - 1) % 3) || ']'),
			'dataset', 'made'),
		duration_ns = 1000000000 + key * 7000000,
		started_at = started_at + key * 3600000000000,
		command = '/srv/anna/bin/export run /srv/anna/data/job.json',
		host = 'workshop', cpu_model = 'a CPU', kernel = 'Linux 6', exit_code = 0;
	UPDATE stage_row SET wall_ns = 10000000 + id % 1000 * 1000000, items = 50 + id % 100,
		params = '{\"cache_lookups\": 40, \"cache_hits\": ' || (id % 41) || ', \"n\": ' || ((id >> 32) % 9) || '}';
	DELETE FROM run WHERE json_extract(labels, '\$.plm') = 'plm2' AND json_extract(labels, '\$.k') = '5'"

site() { "$PROF" site --store "$S" "$@" 2>err; }
site a || { cat err; exit 1; }
python3 "$CHECK" a >a.tsv

# The run in the middle of each cell by time, and a number of it.
same_as_sql() { # metric expression
	sql "WITH ranked AS (SELECT r.id AS run, labels ->> 'plm' AS plm, 'k ' || (labels ->> 'k') AS k, duration_ns,
			row_number() OVER (PARTITION BY labels ->> 'plm', labels ->> 'k' ORDER BY duration_ns) AS nth,
			count(*) OVER (PARTITION BY labels ->> 'plm', labels ->> 'k') AS n FROM run r)
		SELECT plm, k, printf('%.6g', $2) FROM ranked WHERE nth = (n + 1) / 2 ORDER BY plm, k" >want.tsv
	awk -F'\t' -v m="$1" '$3 == m { printf "%s\t%s\t%.6g\n", $1, $2, $4 }' a.tsv | sort >got.tsv
	sort want.tsv | diff - got.tsv && [ "$(wc -l <got.tsv)" -eq 11 ]
}
is_whole() { # dir cells
	python3 "$CHECK" "$1" >/dev/null && [ "$(find "$1/cells" -name '*.html' | wc -l)" -eq "$2" ] &&
		[ "$(tail -n 1 "$1/index.html")" = '</html>' ] && [ "$(tail -n 1 "$1/compare.html")" = '</html>' ]
}
same_bytes() {
	site b && diff -r a b
}
names_its_facts() {
	local text
	for text in 'a CPU' workshop 'Linux 6' made '/srv/anna/bin/export run' 0000000 '33 runs in 11 cells' late_tick \
		'One cell of the matrix has no run.' '1000 Hz'; do
		grep -qF "$text" a/index.html || { echo "not there: $text"; return 1; }
	done
}
trend_of_one_commit() { grep -q 'spread of repeated runs' a/index.html; }
trend_of_several() {
	cp "$S" t.sqlite
	sql "UPDATE run SET git_sha = printf('%040d', (key - 1) / 12)" t.sqlite
	"$PROF" -q site --store t.sqlite t && grep -q 'One point a commit' t/index.html &&
		grep -q 'class="change">+' t/index.html && python3 "$CHECK" t >/dev/null
}
no_trend() {
	site one --cols name plm=plm0 && site two plm=plm1 k=3 --rows plm --cols k
	fill n.sqlite --runs 1 --seed 3
	"$PROF" -q site --store n.sqlite n && grep -q 'no trend yet' n/index.html && [ ! -e n/compare.html ]
}
picks_runs() {
	local id
	id=$(sql 'SELECT id FROM run LIMIT 1')
	site p plm=plm1 "$id" && grep -q '10 runs in 4 cells' p/index.html
}
unknown_run() {
	! site q nosuchrun && grep -q nosuchrun err && [ ! -e q ] &&
		! site q plm=nothing && grep -q 'plm=nothing' err && [ ! -e q ]
}
other_labels() {
	site r --rows k --cols plm && python3 "$CHECK" r | grep -q "^10	plm plm3	wall" &&
		! site r2 --rows nosuch && grep -q "label 'nosuch'" err
}
one_label() {
	site l1 --rows plm && python3 "$CHECK" l1 | grep -q '^plm3	k 10	wall' &&
		site l2 --rows k && python3 "$CHECK" l2 | grep -q '^10	plm plm3	wall' &&
		site l3 --rows plm --cols none && python3 "$CHECK" l3 >l3.tsv && grep -q '^plm3	value	wall' l3.tsv &&
		! grep -q 'k 10' l3.tsv
}
own_labels() { # no plm, no k: the two with most values
	cp "$S" o.sqlite
	sql "UPDATE run SET labels = json_object('a', key % 2, 'b', key % 5, 'c', key % 3, 'd', 'same')" o.sqlite
	"$PROF" -q site --store o.sqlite o && python3 "$CHECK" o | grep -q '^4	c 2	wall'
}
no_labels() {
	cp "$S" nl.sqlite
	sql "UPDATE run SET labels = '{}', name = 'run ' || (key % 4)" nl.sqlite
	"$PROF" -q site --store nl.sqlite nl && python3 "$CHECK" nl | grep -q '^run 3	value	wall'
}
own_shares() {
	site sh --share 'reading=load,align' --per-second 'units=write' --x n && python3 "$CHECK" sh >sh.tsv &&
		grep -q 'reading share' sh.tsv && grep -q 'units/s' sh.tsv && ! grep -q 'KNN share' sh.tsv &&
		grep -q '>n</text>' sh/index.html &&
		! site sh2 --share nothing && grep -q 'NAME=STAGE' err
}
redacts() {
	cp "$S" red.sqlite
	sql "UPDATE string_row SET text = 'of /srv/anna/' || text WHERE text IN ('load', 'knn', 'late_tick');
		UPDATE run SET name = '/srv/anna/' || name" red.sqlite
	"$PROF" -q site --store red.sqlite red --redact --share 'reading=of /srv/anna/load' --max-bytes 300k &&
		python3 "$CHECK" red >red.tsv && grep -q '	reading share	' red.tsv && ! grep -q 'workshop' -r red &&
		! sed 's/wall time of stage of [a-z/]* //' red/index.html | grep anna &&
		"$PROF" -q site --store red.sqlite red --redact --rows name --cols none && ! grep anna red/index.html
}
strips() {
	site st --strip /srv/anna && grep -q '<bdi>bin/export run data/job.json' st/index.html && ! grep -q anna st/index.html
}

# ---- labels and runs at their worst ----

hostile_labels() {
	local long
	long=$(printf 'x%.0s' {1..300})
	fill h.sqlite --runs 12 --seed 9 --stages 4
	sql "UPDATE run SET labels = json_object(
		'plm', json_extract('[\"<script>alert(1)</script>\",\"../../etc/passwd\",\"$long\",\"\",\"\\u202eabc\",\"a b\"]', '\$[' || (key % 6) || ']'),
		'k', json_extract('[\"\\\"><img src=x onerror=alert(1)>\",\"a-b\"]', '\$[' || (key / 6 % 2) || ']'));
		UPDATE string_row SET text = '<b onclick=x>' || text WHERE text IN ('load', 'knn')" h.sqlite
	"$PROF" -q site --store h.sqlite h && python3 "$CHECK" h >/dev/null || return 1
	! find h -type f | grep -v '^h/\(cells/[A-Za-z0-9._-]*\|index\|compare\).html$' &&
		! find h | awk -F/ 'length($NF) > 130' | grep . && [ ! -e etc ] && ! grep -q '<img\|<script>alert' h/index.html
}
file_names_collide() { # ids that begin alike, labels that differ in signs only
	fill c.sqlite --runs 3 --seed 11
	sql "UPDATE run SET id = printf('aaaaaaaa-0000-4000-8000-%012d', key),
		labels = json_object('plm', json_extract('[\"a/b\",\"a b\",\"A:B\"]', '\$[' || (key - 1) || ']'), 'k', '3')" c.sqlite
	"$PROF" -q site --store c.sqlite c && python3 "$CHECK" c >/dev/null && [ "$(find c/cells -type f | wc -l)" -eq 3 ] &&
		sql "UPDATE run SET id = 'aaaaaaaa-0000-4000-8000-000000000000-' || key, labels = json_set(labels, '\$.plm', replace('a/b', '/', char(31 + key)))" c.sqlite &&
		"$PROF" -q site --store c.sqlite c && python3 "$CHECK" c >/dev/null && [ "$(find c/cells -type f | wc -l)" -eq 3 ]
}
foreign_ids() { # longer than an id, with slashes
	local id
	id=$(printf 'ab/%.0s' {1..30})
	fill long.sqlite --runs 2 --seed 12
	sql "UPDATE run SET id = '../' || key || '/$id', labels = json_object('plm', key, 'k', '3')" long.sqlite
	"$PROF" -q site --store long.sqlite long && python3 "$CHECK" long >/dev/null && [ -e long/cells/1-3-1-ab-ab-.html ] &&
		mkdir pages && "$PROF" -q flame --store long.sqlite -o pages --separate "plm=1" && ls pages/*-1-ab-ab.html
}
impossible_numbers() {
	cp "$S" i.sqlite
	sql "UPDATE stage_row SET wall_ns = -5, items = 9e999 WHERE id % 3 = 0;
		UPDATE stage_row SET items = 1e-320, params = '{\"n\": 1e300, \"cache_hits\": \"x\"}' WHERE id % 3 = 1;
		UPDATE run SET duration_ns = key % 4 - 2 WHERE key % 2; UPDATE process_row SET max_rss_bytes = -1, cpu_ns = -9" i.sqlite
	"$PROF" -q site --store i.sqlite --x n --per-second u=knn i && "$PROF" -q site --store i.sqlite --x items i &&
		python3 "$CHECK" i >/dev/null && ! grep -qiE '[^a-z](nan|inf)[^a-z]' <(sed '/<script>/,$d' i/index.html)
}
no_runs() {
	fill e.sqlite --runs 1 --seed 1
	sql 'DELETE FROM run' e.sqlite
	! "$PROF" site --store e.sqlite e 2>err && grep -q 'no runs' err && [ ! -e e ]
}
without_stages() {
	fill ws.sqlite --runs 3 --seed 2 --stages 0
	"$PROF" -q site --store ws.sqlite ws && grep -q 'mark no stages' ws/index.html && python3 "$CHECK" ws >/dev/null
}
unfinished() { # while a run is recorded
	"$PROF" -q run -o u.sqlite -- sleep 300 &
	local pid=$!
	wait_for 20 sh -c "[ \"\$(sqlite3 u.sqlite 'SELECT count(*) FROM run')\" = 1 ]"
	! "$PROF" site --store u.sqlite u 2>err && grep -q 'has ended yet' err && [ ! -e u ] &&
		fill u.sqlite --runs 2 --seed 4 && "$PROF" site --store u.sqlite u 2>err &&
		grep -q '1 run without an end left out' err && grep -q 'A run has not ended' u/index.html
	local rc=$?
	kill "$pid"
	wait "$pid"
	cat err
	return $rc
}
failed_runs() {
	cp "$S" f.sqlite
	sql "UPDATE run SET exit_code = 3 WHERE labels ->> 'plm' = 'plm0' AND labels ->> 'k' = '3';
		UPDATE run SET exit_code = NULL, signal = 9 WHERE key = 2" f.sqlite
	"$PROF" -q site --store f.sqlite f && grep -q 'exit 3' f/index.html && grep -q 'signal 9' f/index.html &&
		grep -q '4 runs failed' f/index.html
}
thousand_runs() {
	"$TOOLS/store_fill" m.sqlite --runs 1000 --seed 5 --stacks 3 --depth 3 --samples 5 --threads 1 --stages 2 >ids || return 1
	sql "UPDATE run SET labels = json_object('a', key, 'b', 'x' || key)" m.sqlite
	"$PROF" -q site --store m.sqlite --no-compare m && python3 "$CHECK" m >m.tsv &&
		[ "$(cut -f 1,2 m.tsv | sort -u | wc -l)" -eq 1000 ] && [ "$(wc -c <m/index.html)" -lt 4000000 ]
}

# ---- the folder ----

replaces_old() {
	site a plm=plm1 && is_whole a 3 && site a && diff -r a b && [ -z "$(find . -name 'a.*-*')" ]
}
stays_when_it_fails() {
	(
		ulimit -f 100
		trap '' XFSZ
		! site a plm=plm1
	) && diff -r a b && [ -z "$(find . -name 'a.tmp*')" ]
}
takes_empty_folder() {
	mkdir empty && site empty plm=plm1 && is_whole empty 3
}
refuses_folder() { # name
	local before
	before=$(find "$1" -exec ls -ld --time-style=full-iso {} +)
	if site "$1"; then return 1; fi
	cat err
	[ "$before" = "$(find "$1" -exec ls -ld --time-style=full-iso {} +)" ] && [ -z "$(find . -name '*.tmp-*')" ]
}
keeps_strangers() {
	mkdir mine && echo text >mine/notes.txt && refuses_folder mine &&
		cp -r b other && echo text >other/cells/notes.txt && refuses_folder other &&
		mkdir foreign && echo '<html></html>' >foreign/index.html && refuses_folder foreign &&
		echo x >file && refuses_folder file
}
cannot_make() {
	! site /proc/nowhere/site && grep -q 'cannot make' err && ! site nosuch/site && grep -q 'cannot make' err
}
follows_links() {
	mkdir real && ln -s real link && site link/ plm=plm1 && [ -L link ] && is_whole real 3
}
foreign_pages() { # what is not a page of ours in places where such are
	local name
	for name in notes-1.html 'my notes-1.html' folder-1.html; do
		rm -rf fp && cp -r b fp || return 1
		if [ "$name" = folder-1.html ]; then mkdir "fp/cells/$name"; else echo '<title>mine</title>' >"fp/cells/$name"; fi
		refuses_folder fp | grep -F "cells/$name" || return 1
	done
	rm -rf fp && cp -r b fp && echo mine >fp/compare.html && refuses_folder fp | grep compare.html || return 1
	rm -rf fp && mkdir fp && mkfifo fp/index.html && timeout 20 "$PROF" -q site --store "$S" fp 2>err
	[ $? -ne 124 ] && grep -q index.html err
}
linked_cells() { # pages behind a link are somebody else's
	rm -rf lc victim && cp -r b lc && mv lc/cells victim && ln -s ../victim lc/cells && refuses_folder lc &&
		diff -r b/cells victim
}
half_made() { # folder: as a killed one leaves it
	mkdir -p "$1/cells" && touch "$1/.protea-prof-site" "$1/cells/x-1.html" "$1/index.html.abcdef"
}
clears_what_was_killed() {
	half_made k.tmp-00abcd && cp -r b k.tmp-00abce && site k plm=plm1 && is_whole k 3 &&
		[ -z "$(find . -name 'k.*')" ]
}
clears_nothing_else() {
	rm -rf k victim && cp -r b victim && half_made half &&
		ln -s victim k.tmp-000001 && ln -s half k.tmp-000002 && mkdir -p k.tmp-000003/cells &&
		touch k.tmp-000003/index.html k.tmp-000003/cells/x-1.html && half_made k.tmp-000004 &&
		ln -s ../victim/cells k.tmp-000005 && half_made k.tmp-notes && half_made k.tmp-00000é || return 1
	find k.tmp-* half victim | sort >before
	(
		flock 9
		site k plm=plm1
	) 9<k.tmp-000004/.protea-prof-site && is_whole k 3 || return 1
	find k.tmp-* half victim | sort | diff before - && rm -r k.tmp-*
}
old_one_returns() { # killed where two folders cannot be swapped in one step
	rm -rf k && cp -r b k.old-00abcd && half_made k.tmp-00abcd || return 1
	(
		ulimit -f 100
		trap '' XFSZ
		! site k plm=plm1
	) && diff -r b k && [ -z "$(find . -name 'k.*')" ] && cp -r k k.old-00abcd && site k plm=plm1 && is_whole k 3 &&
		[ -z "$(find . -name 'k.*')" ]
}
same_folder_at_once() {
	site z plm=plm1 &
	"$PROF" -q site --store "$S" z plm=plm1
	wait
	is_whole z 3 && [ -z "$(find . -name 'z.*')" ]
}

check "a site is whole and each page is linked" is_whole a 11
check "wall times of the matrix are those of the store" same_as_sql wall duration_ns
check "peak memory, too" same_as_sql 'peak memory' '(SELECT max(max_rss_bytes) FROM process WHERE run_id = run)'
check "CPU, too" same_as_sql CPU '(SELECT sum(cpu_ns) FROM process WHERE run_id = run)'
check "shares, too" same_as_sql 'KNN share' \
	"(SELECT sum(wall_ns) FROM stage WHERE run_id = run AND name = 'knn') * 1.0 / duration_ns"
check "cache hits, too" same_as_sql 'cache hits' \
	"(SELECT sum(params ->> 'cache_hits') * 1.0 / sum(params ->> 'cache_lookups') FROM stage WHERE run_id = run)"
check "the same store gives the same bytes" same_bytes
check "the head names machine, command, data set, losses" names_its_facts
check "repeated runs of one commit show their spread" trend_of_one_commit
check "runs of several commits are a trend" trend_of_several
check "one run of each cell is no trend" no_trend
check "RUN and LABEL=VALUE choose runs" picks_runs
check "runs that are not there are told" unknown_run
check "--rows and --cols choose the labels" other_labels
check "--rows alone finds its columns, --cols none has one" one_label
check "without plm and k the two labels with most values are taken" own_labels
check "without labels there is a row for each name" no_labels
check "--share, --per-second and --x name stages and sizes" own_shares
check "--redact leaves out host and paths" redacts
check "--strip leaves out a folder" strips
check "labels with HTML, slashes, nothing or 300 characters" hostile_labels
check "cells whose files would have one name" file_names_collide
check "ids as no run has them" foreign_ids
check "numbers that cannot be" impossible_numbers
check "a store without runs is told" no_runs
check "runs without stages" without_stages
check "runs without an end" unfinished
check "failed runs are marked" failed_runs
check "a thousand runs" thousand_runs
check "a site replaces an older one" replaces_old
check "a site that cannot be written leaves the old one" stays_when_it_fails
check "an empty folder is taken" takes_empty_folder
check "folders with other files are left alone" keeps_strangers
check "a folder that cannot be made is told" cannot_make
check "a link to a folder stays a link" follows_links
check "what a killed one left is cleared away" clears_what_was_killed
check "nothing else is: links, folders that are written, or of others" clears_nothing_else
check "a site that was aside when it was killed returns" old_one_returns
check "pages that no site wrote are named and left alone" foreign_pages
check "a link in place of the cells is left alone" linked_cells
check "two at once" same_folder_at_once
check_fails 2 "the folder has to be named" "$PROF" site --store "$S"
[ $tap_failed -eq 0 ]
