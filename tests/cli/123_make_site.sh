#!/bin/bash
# What `make site` does, one round of it: every cell of the tiny grid, the grid as a whole, their pages.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh

if [ ! -x "$O/samples/tools/embed" ]; then
	skip "make site makes the pages of all cells and of the grid" "make sample-tools has not been run"
	exit 0
fi
site() {
	O=$O REPEATS=1 samples/site.sh "$TMP/site" >"$TMP/said" 2>&1 || { tail -3 "$TMP/said"; return 1; }
	[ "$(find "$TMP/site/cells" -name '*.html' | wc -l)" -eq 24 ] || { ls "$TMP/site/cells"; return 1; }
	grep -q 'href="grid/index.html"' "$TMP/site/index.html" && [ -s "$TMP/site/grid/index.html" ] &&
		! grep -lrF "$PWD/" "$TMP/site"
}
check "make site makes the pages of all cells and of the grid" site
exit $((tap_failed > 0))
