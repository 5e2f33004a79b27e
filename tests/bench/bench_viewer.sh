#!/bin/bash
# Pages of a small profile, of a stack of 5,000 frames, of 200,000 and of 1,000,000 distinct stacks in Chromium without a GPU: how long until the graph
# is painted, and what a frame takes while zooming, moving, searching and scrolling.
set -u
cd "$(dirname "$0")/../.." || exit 1
O=${O:-build}
tool=$O/tests/tools/flame_page
for need in "$tool" tests/node/node_modules/playwright-core; do
	[ -e "$need" ] || { echo "skipped: no $need"; exit 0; }
done
CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome)} ||
	{ echo "skipped: no chromium"; exit 0; }
export CHROMIUM
tmp=$(mktemp -d "${TMPDIR:-/tmp}/protea-bench.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
"$tool" typical >"$tmp/small.html" 2>/dev/null || exit 1
"$tool" deep >"$tmp/deep.html" 2>/dev/null || exit 1
for n in 200000 1000000; do "$tool" many "$n" >"$tmp/$n.html" || exit 1; done
node tests/bench/bench_viewer.mjs "small=$tmp/small.html" "5,000 deep=$tmp/deep.html" "200,000=$tmp/200000.html" "1,000,000=$tmp/1000000.html"
