#!/bin/bash
# `calls`: functions of banned.txt in C code (not in comments or texts), and streams of the terminal
# outside commands. `words`: reminders, paths of a developer's machine and addresses of package
# registries, in any text file.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

calls() {
	files '*.c' '*.h' '*.cc' '*.cpp' | xargs awk -f tests/lint/code.awk | awk -v table=tests/lint/banned.txt '
	BEGIN {
		while ((getline line < table) > 0) {
			if (line ~ /^#/ || split(line, w, /  +/) != 4) continue
			n++
			names[n] = w[1]; scope[n] = w[2]; free[n] = w[3]; instead[n] = w[4]
			all = all (n > 1 ? "|" : "") w[1]
		}
		any = "(^|[^A-Za-z0-9_.>])(" all ")[ \t]*\\("
		talk = "(^|[^A-Za-z0-9_])(stdout|stderr)([^A-Za-z0-9_]|$)"
	}
	{
		file = substr($0, 1, index($0, ":") - 1)
		rest = substr($0, length(file) + 2)
		line = substr(rest, 1, index(rest, ":") - 1)
		rest = substr(rest, length(line) + 2)
		if (rest ~ talk && file ~ /^(prof|pipeline)\// && file !~ /^(prof|pipeline)\/cli\//)
			print file ":" line ": stdout and stderr belong to the commands"
		while (match(rest, any)) {
			hit = substr(rest, RSTART, RLENGTH)
			gsub(/^[^A-Za-z_]|[ \t]*\($/, "", hit)
			rest = substr(rest, RSTART + RLENGTH)
			for (i = 1; i <= n; i++)
				if (hit ~ ("^(" names[i] ")$") && file ~ scope[i] && (free[i] == "-" || file !~ free[i]))
					print file ":" line ": " hit "(): " instead[i]
		}
	}'
}

# The words are put together here so that this file does not hold them itself.
words() {
	local reminders="TO""DO|FIX""ME|HA""CK|NEEDS""WORK|(^|[^X])X""XX([^X]|\$)"
	local places="(^|[\"' =:(])/(wo""rk|ro""ot)(/|\$|[\"' ])|/ho""me/[a-z]"
	local hosts="registry\\.np""mjs|(pypi|pythonhosted)\\.o""rg|deb\\.deb""ian\\.org|crates\\.i""o|proxy\\.gol""ang"

	files '*' | grep -vE '^(tests/fuzz/corpus|samples/data|tests/golden)/' |
		xargs -d '\n' grep -nIHE "$reminders|$places|$hosts" |
		# A path that a test makes up is no path of this machine.
		grep -vE '^tests/unit/test_(fsio|settings)\.c:[0-9]+:.*"(~|HOME|/ho''me/me)' |
		cut -c1-160
}

case ${1:-} in
calls | words) "$1" | verdict ;;
*)
	echo "usage: banned.sh calls|words" >&2
	exit 2
	;;
esac
