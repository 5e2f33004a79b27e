#!/bin/sh
# Prints the page in one piece: base.css and a boot script inside it, the rest of the style and the code deflated, marks
# where the writer puts data and plain table, and a policy that forbids the page to load anything. The order and
# the names come from page.html.
set -eu
cd "$(dirname "$0")"
# What would end the element it is put into may not be in a part.
if grep -il '</script\|<!--' js/*.js >&2 || grep -il '</style' base.css page.css css/*.css 2>/dev/null >&2; then
	echo "join.sh: the files above cannot be put into a page" >&2
	exit 1
fi
# A part without indentation, comments that have a line of their own or follow code without texts, empty
# lines, and blanks around signs ($2) outside of 'texts'; lines with other texts or patterns stay as they are.
# No text goes over several lines.
lean() {
	awk -v signs=" *($2) *" -v css="$3" '
	{ sub(/^[ \t]+/, "") }
	/^\/\// || /^\/\*.*\*\/$/ || /^$/ { next }
	!css && !/["`\047]/ { sub(/ \/\/ .*/, "") }
	/["`\\]/ || (!css && /\//) { print; next }
	{
		n = split($0, part, "\047")
		if (n % 2 == 0) { print; next }
		for (i = 1; i <= n; i += 2) {
			out = ""
			while (match(part[i], signs)) {
				sign = substr(part[i], RSTART, RLENGTH)
				gsub(/ /, "", sign)
				out = out substr(part[i], 1, RSTART - 1) sign
				part[i] = substr(part[i], RSTART + RLENGTH)
			}
			part[i] = out part[i]
		}
		line = part[1]
		for (i = 2; i <= n; i++) line = line "\047" part[i]
		print line
	}' "$1"
}
style() { lean "$1" '[{}:;,]' 1; }
script() { lean "$1" '[=,;(){}?:<>&|*]' 0; }
names() { sed -n "/^$1/,\$ s/.*<$2=\"\\([^\"]*\\)\".*/\\1/p" page.html; }
# gzip without name and time: the same parts give the same bytes.
packed() {
	printf '<script id="%s" type="text/plain">\n' "$1"
	gzip -9n | base64 -w 0
	printf '\n</script>\n'
}
policy="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
policy="$policy; base-uri 'none'; form-action 'none'"
while IFS= read -r line; do
	case $line in
	'<!-- static -->') printf '@PROTEA-FLAME-STATIC@\n' ;;
	'<!-- data:'*)
		while IFS= read -r line && [ "$line" != '<!-- data end -->' ]; do :; done
		printf '<script id="flame-data" type="text/plain">\n@PROTEA-FLAME-DATA@</script>\n'
		;;
	'<meta charset='*)
		printf '%s\n<meta http-equiv="Content-Security-Policy" content="%s">\n' "$line" "$policy"
		;;
	'<link rel="stylesheet" href="base.css">')
		printf '<style>\n'
		style base.css
		printf '</style>\n'
		;;
	'<link rel="stylesheet"'*) ;;
	'<script src="js/inflate.js"'*)
		names '<link' 'link rel="stylesheet" href' | grep -v '^base\.css$' | while IFS= read -r part; do style "$part"; done | packed flame-style
		names '<!-- code' 'script src' | while IFS= read -r part; do script "$part"; done | packed flame-code
		printf '<script>\n'
		script js/inflate.js
		script js/boot.js
		printf '</script>\n'
		;;
	'<!-- code -->' | '<script src='*) ;;
	*) printf '%s\n' "$line" ;;
	esac
done <page.html
