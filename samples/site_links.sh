#!/bin/sh
# Puts links to the pages that lie beside a site's index into it: samples/site_links.sh DIR
# Pages: DIR/grid/index.html (samples/site.sh), DIR/full/index.html (samples/site_full.sh) and DIR/growth/index.html. A second call changes nothing.
set -eu
index=${1:?DIR}/index.html
[ -f "$index" ] || exit 0
links=
for page in grid full growth; do
	[ -f "$1/$page/index.html" ] || continue
	case $page in
	grid) text='the 24 cells in one run, profiled' ;;
	full) text='one cell of the full sample, profiled' ;;
	growth) text='how the stages grow with n, q, K and d' ;;
	esac
	links="$links <a href=\"$page/index.html\">$text</a>."
done
sed -i '/^<p class="beside">/d' "$index"
[ -z "$links" ] || sed -i "0,/^<\/header>/s|^</header>|<p class=\"beside\">Beside this site:$links</p>\n</header>|" "$index"
