#!/bin/sh
# Prints the page in one piece: base.css and a boot script inside it, the rest of the style and the code packed, marks
# where the writer puts data and plain table, and a policy that forbids the page to load anything. The order and
# the names come from page.html; LEAN is the program of viewer/lean.
set -eu
cd "$(dirname "$0")"
LEAN=${LEAN:-../build/gen/lean}
[ -x "$LEAN" ] || {
	echo "join.sh: LEAN=$LEAN is not there; make builds it" >&2
	exit 1
}
# What would end the element it is put into may not be in a part.
if grep -il '</script\|<!--' js/*.js >&2 || grep -il '</style' base.css page.css css/*.css >&2; then
	echo "join.sh: the files above cannot be put into a page" >&2
	exit 1
fi
# Without comments and indentation, and without blanks around signs outside of texts.
style() {
	sed -e 's/^[ \t]*//' -e '/^\/\*.*\*\/$/d' -e '/^$/d' "$1" |
		sed -e "/[\"']/!s/ *\([{};,]\) */\1/g" -e "/[\"']/!s/: /:/g"
}
# Bytes as letters, two for each 13 bits: 23 % more than the bytes, where base64 is 33 %. boot.js reads them. The letters are
# those of ASCII that can be seen, without & < and \.
letters() {
	od -An -v -tu1 | awk '
	BEGIN {
		for (i = 33; i < 127; i++) if (i != 60 && i != 38 && i != 92) letter[n++] = sprintf("%c", i)
	}
	function put(v) {
		out = out letter[v % 91] letter[int(v / 91)]
		if (length(out) > 118) { print out; out = "" }
	}
	{
		for (f = 1; f <= NF; f++) {
			acc += $f * 2 ^ bits
			bits += 8
			if (bits >= 13) { put(acc % 8192); acc = int(acc / 8192); bits -= 13 }
		}
	}
	END { if (bits > 0) put(acc); if (out != "") print out }'
}
# gzip without name and time: the same parts give the same bytes.
packed() { # id cmd…: what it prints; in a file first, so that its failure ends this
	id=$1
	shift
	"$@" >"$work.plain"
	gzip -9nc "$work.plain" >"$work"
	printf '<script id="%s" type="text/plain" data-bytes="%d">\n' "$id" "$(wc -c <"$work")"
	letters <"$work"
	printf '</script>\n'
}
# Sources of page.html by element, attribute and the part that they belong to.
names() { sed -n "s/.*<$1=\"\\([^\"]*\\)\"$2.*/\\1/p" page.html; }
scripts() { # part
	for file in $(names 'script src' " data-part=\"$1\""); do "$LEAN" <"$file" || exit 1; done
}
styles() { # part
	for file in $(names 'link rel="stylesheet" href' " data-part=\"$1\""); do style "$file" || exit 1; done
}
work=$(mktemp)
trap 'rm -f "$work" "$work.plain"' EXIT
policy="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
policy="$policy; base-uri 'none'; form-action 'none'"
while IFS= read -r line; do
	case $line in
	'<!-- up -->') printf '@PROTEA-FLAME-UP@' ;;
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
	'<!-- code -->')
		packed flame-style styles core
		packed flame-code scripts core
		# What only pages of one run need or of several, and what small pages do without, as the writer chooses.
		for part in lists stages one source several; do
			printf '@PROTEA-FLAME-%s@\n' "$(echo "$part" | tr '[:lower:]' '[:upper:]')"
			case $part in
			one) ;; # its style is that of the stages
			*) packed "flame-style-$part" styles "$part" ;;
			esac
			packed "flame-code-$part" scripts "$part"
			printf '@PROTEA-FLAME-END@\n'
		done
		packed flame-code-start scripts start
		printf '<script>\n'
		for file in js/inflate.js js/boot.js; do "$LEAN" <"$file"; done
		printf '</script>\n'
		;;
	'<script src='*) ;;
	*) printf '%s\n' "$line" ;;
	esac
done <page.html
