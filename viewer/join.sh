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
# A part without indentation, comment lines and empty lines; in lines without texts and patterns also
# without blanks around signs ($2). Together a third of its size. No text goes over several lines.
lean() {
	sed -e 's/^[[:space:]]*//' -e '/^\/\//d' -e '/^\/\*.*\*\/$/d' -e '/^$/d' \
		-e "/[\"'\`\\/]/!s/ *\\($2\\) */\\1/g" "$1"
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
		lean "${part%%\"*}" '[{}:;,]'
		printf '</style>\n'
		;;
	'<script src='*)
		printf '<script>\n'
		part=${line#*src=\"}
		lean "${part%%\"*}" '[=,;(){}?:<>&|*]'
		printf '</script>\n'
		;;
	*) printf '%s\n' "$line" ;;
	esac
done <page.html
