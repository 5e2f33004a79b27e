#!/bin/sh
# Profiles every cell of the tiny grid and makes pages of them; `make site` calls it:
#   samples/site.sh [DIR]
# A cell is one model and one K of samples/jobs/grid-tiny.json, run alone as `protea-prof run JOB` with the labels
# plm, k and dataset. Each run begins with nothing: a fresh copy of the bundle, no artifacts, no resume folder and
# an empty alignment cache, so that repeats of a cell do the same work and only chance makes them differ; hits of the
# cache are then pairs that a release shares with an earlier one. REPEATS (3) rounds over all cells, one after the
# other, so that what disturbs the machine for a while does not hit one cell alone. After each round the grid runs as a
# whole, from nothing too: its neighbours and alignments are shared by the cells; the page of its last run is DIR/grid.
# PROTEA_PAIR_FEATURE_WORKERS sets the threads (default: all processors).
set -eu
cd "$(dirname "$0")/.."
. samples/lib.sh

site=${1:-docs/perf}
repeats=${REPEATS:-3}
workers=${PROTEA_PAIR_FEATURE_WORKERS:-$(nproc)}
grid=samples/jobs/grid-tiny.json
run=$O/site
store=$run/protea-prof.sqlite
need_programs
samples/build.sh tiny "$O/samples/tiny"
mkdir -p "$run"
grid_store=$run/grid.sqlite
rm -f "$store" "$store"-* "$grid_store" "$grid_store"-*

# The texts of a list in the grid, one a line.
cells() {
	sed -n "s/.*\"$1\": *\[\(.*\)\].*/\1/p" "$grid" | tr ',' '\n' | tr -d '" '
}
# The grid, in the run folder.
whole_job() {
	sed -e 's|\.\./\.\./build/run/||g' -e 's|\.\./\.\./build/|../|g' "$grid"
}
# The grid with one cell.
job() {
	whole_job | sed -e "s/\"plm\": \[.*\]/\"plm\": [\"$1\"]/" -e "s/\"k\": \[.*\]/\"k\": [$2]/" >"$run/cell.json"
}
begin_with_nothing() {
	rm -rf "$run/artifacts" "$run/resume" "$run/cache" "$run/tiny.bundle" "$run/tiny.bundle"-*
	cp --reflink=auto "$O/samples/tiny/tiny.bundle" "$run/tiny.bundle"
}
run_cell() {
	begin_with_nothing
	job "$1" "$2"
	"$PROF" -q run -o "$store" -r "${PROTEA_PROF_RATE:-999}" --name "$1-k$2" -l "plm=$1" -l "k=$2" -l dataset=tiny \
		"$run/cell.json" -q -w "$workers" >/dev/null
}
run_grid() {
	begin_with_nothing
	whole_job >"$run/grid.json"
	"$PROF" -q run -o "$grid_store" -r "${PROTEA_PROF_RATE:-999}" --name grid -l dataset=tiny "$run/grid.json" -q \
		-w "$workers" >/dev/null
}

round=1
while [ "$round" -le "$repeats" ]; do
	say "round $round of $repeats with $workers threads"
	start=$(date +%s)
	for plm in $(cells plm); do
		for k in $(cells k); do
			run_cell "$plm" "$k"
		done
	done
	middle=$(date +%s)
	run_grid
	say "the cells one by one: $((middle - start)) s; the grid: $(($(date +%s) - middle)) s"
	round=$((round + 1))
done

pages() { # SIZE DIR
	"$PROF" -q site --store "$store" --strip "$PWD" --max-bytes "$1" \
		--title "Export of the tiny data set: 8 models, K 3, 5 and 10" "$2"
}
mkdir -p "$site/grid"
"$PROF" -q flame --store "$grid_store" --strip "$PWD" --max-bytes 200000 --title "Export of the tiny data set: 24 cells in one run" \
	-o "$site/grid/index.html"
# What lies beside the site (that page, and those of samples/site_full.sh) stays and counts.
beside=0
for page in grid full growth; do
	[ ! -d "$site/$page" ] || beside=$((beside + $(find "$site/$page" -type f -exec cat {} + | wc -c)))
done
# The largest pages with which all of it stays within 3 MB; only those come to their place.
most=$((2999000 - beside))
chosen=
trial=$run/trial
for bytes in $(seq 140000 -2000 60000); do
	pages "$bytes" "$trial" || break
	size=$(find "$trial" -type f -exec cat {} + | wc -c)
	if [ "$size" -le "$most" ]; then
		chosen=$bytes
		break
	fi
done
rm -rf "$trial"
[ -n "$chosen" ] || die "pages that small are not possible: the site would pass 3 MB; $site is as it was"
if [ "$beside" -eq 0 ]; then
	pages "$chosen" "$site"
else # a site with other files beside it is never replaced as a whole
	rm -rf "$run/pages"
	pages "$chosen" "$run/pages"
	rm -rf "$site/cells"
	cp -r "$run/pages/." "$site/"
	rm -rf "$run/pages"
fi
samples/site_links.sh "$site"
say "$size bytes in $site"

echo
echo "pages     $site/index.html    (open it in a browser)"
echo "store     $store    ($PROF runs --store $store)"
