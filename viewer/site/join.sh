#!/bin/sh
# Prints the index page of a site in one piece: style and scripts inside it, with a policy that forbids it to load
# anything. Order and names come from index.html; the marks (@NAME@) stay for the writer.
set -eu
cd "$(dirname "$0")"
if grep -il '</script\|<!--' ../js/format.js ./*.js >&2 || grep -il '</style' ../base.css ./*.css >&2; then
	echo "join.sh: the files above cannot be put into a page" >&2
	exit 1
fi
# Without indentation, empty lines, and comments that have a line of their own.
lean() {
	sed -e 's/^[ \t]*//' -e '/^\/\//d' -e '/^\/\*.*\*\/$/d' -e '/^$/d' "$1"
}
policy="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
policy="$policy; base-uri 'none'; form-action 'none'"
while IFS= read -r line; do
	case $line in
	'<meta charset='*)
		printf '%s\n<meta http-equiv="Content-Security-Policy" content="%s">\n' "$line" "$policy"
		;;
	'<link rel="stylesheet"'*)
		part=${line#*href=\"}
		printf '<style>\n%s\n</style>\n' "$(lean "${part%%\"*}")"
		;;
	'<script src='*)
		part=${line#*src=\"}
		printf '<script>\n%s\n</script>\n' "$(lean "${part%%\"*}")"
		;;
	*) printf '%s\n' "$line" ;;
	esac
done <index.html
