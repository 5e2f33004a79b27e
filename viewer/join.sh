#!/bin/sh
# Prints the page in one piece: style and scripts inside it, a mark where the writer puts the data, and a
# policy that forbids it to load anything. The order and the names come from page.html.
set -eu
cd "$(dirname "$0")"
# What would end the element it is put into may not be in a part.
if grep -il '</script\|<!--' js/*.js >&2 || grep -il '</style' page.css >&2; then
	echo "join.sh: the files above cannot be put into a page" >&2
	exit 1
fi
# A part without indentation, comments that have a line of their own or follow code without texts, empty
# lines, and blanks around signs ($2) outside of 'texts'; lines with other texts or patterns stay as they are.
# Together a third of its size. No text goes over several lines.
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
policy="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
policy="$policy; base-uri 'none'; form-action 'none'"
while IFS= read -r line; do
	case $line in
	'<!-- data:'*)
		while IFS= read -r line && [ "$line" != '<!-- data end -->' ]; do :; done
		printf '<script id="flame-data" type="text/plain">\n@PROTEA-FLAME-DATA@</script>\n'
		;;
	'<meta charset='*)
		printf '%s\n<meta http-equiv="Content-Security-Policy" content="%s">\n' "$line" "$policy"
		;;
	'<link rel="stylesheet"'*)
		printf '<style>\n'
		part=${line#*href=\"}
		lean "${part%%\"*}" '[{}:;,]' 1
		printf '</style>\n'
		;;
	'<script src='*)
		printf '<script>\n'
		part=${line#*src=\"}
		lean "${part%%\"*}" '[=,;(){}?:<>&|*]' 0
		printf '</script>\n'
		;;
	*) printf '%s\n' "$line" ;;
	esac
done <page.html
