#!/bin/sh
# Profiles one cell of the full sample and measures how the stages grow; `make site-full` calls it:
#   samples/site_full.sh [DIR]
# Writes DIR/full/index.html and DIR/growth/index.html, which `make site` leaves alone, and links to them from DIR/index.html.
# The cell runs once, from nothing: a fresh copy of the bundle, no artifacts, no resume folder, no caches. It takes some
# minutes and 12 GB of disk, most of it for making the bundle the first time.
#   PAGES="full growth"   which of them
#   FULL=DIR              where full.bundle is (default: O/samples/full, made when it is missing); likewise MEDIUM
#   LOCK=FILE             taken (flock) around each run
# PROTEA_PAIR_FEATURE_WORKERS sets the threads of the cell (default: all processors).
set -eu
cd "$(dirname "$0")/.."
. samples/lib.sh

site=${1:-docs/perf}
run=$O/site-full
store=$run/protea-prof.sqlite
need_programs
mkdir -p "$run"

measured() {
	if [ -n "${LOCK:-}" ]; then
		flock "$LOCK" "$@"
	else
		"$@"
	fi
}

full_page() {
	bundle=${FULL:-$O/samples/full}
	[ -f "$bundle/full.bundle" ] || samples/build.sh full "$bundle"
	rm -rf "$run/artifacts" "$run/resume" "$run/full.bundle" "$run/full.bundle"-* "$store" "$store"-*
	cp --reflink=auto "$bundle/full.bundle" "$run/full.bundle"
	bundle=$(cd "$bundle" && pwd)
	sed -e 's|\.\./\.\./build/run-full/||g' -e "s|\.\./\.\./build/samples/full|$bundle|g" -e '/PROTEA_ALIGN_CACHE_DIR/d' \
		-e '/PROTEA_REF_CACHE_DIR/d' -e '/PROTEA_PCA_ARTIFACTS_DIR/d' -e 's|\("PROTEA_EXPORT_RESUME_DIR": "[^"]*"\),|\1|' \
		-e "s|\"k\": [0-9]*|\"k\": 10|" samples/jobs/full.json >"$run/full.json"
	k=10
	measured "$PROF" -q run -o "$store" -r "${PROTEA_PROF_RATE:-499}" --name "full-k$k" -l plm=prot_t5 -l "k=$k" -l dataset=full \
		"$run/full.json" -q -w "${PROTEA_PAIR_FEATURE_WORKERS:-$(nproc)}" >/dev/null
	mkdir -p "$site/full"
	"$PROF" -q flame --store "$store" --max-bytes 70000 --redact --title "Export of the full data set: 459,503 proteins, K = $k" \
		-o "$site/full/index.html"
	rm -rf "$run/full.bundle" "$run/full.bundle"-* "$run/resume"
	say "$(wc -c <"$site/full/index.html") bytes in $site/full"
	"$PROF" report --stages --store "$store"
}

growth_page() {
	mkdir -p "$site/growth"
	STORE=$run/growth.sqlite
	rm -f "$STORE" "$STORE"-*
	export O STORE
	BUNDLE=${MEDIUM:-$O/samples/medium} PAGE=$site/growth/index.html tests/bench/bench_growth.sh
	say "$(wc -c <"$site/growth/index.html") bytes in $site/growth"
}

for page in ${PAGES:-full growth}; do
	"${page}_page"
done
samples/site_links.sh "$site"
