#!/bin/bash
# Every lint check, as TAP; each is a script of this folder that lists what is wrong as
# "file:line: text" and exits 0 (fine), 1 (wrong) or 77 (cannot be checked here; its last line says why).
# No arguments. Checks what git tracks and what it would add.
set -u
cd "$(dirname "$0")/../.." || exit 1
checks=(
	"arrows.sh rooms|includes point only where the plan draws an arrow"
	"arrows.sh cycles|no rooms include each other in a circle"
	"arrows.sh private|private headers stay in their room"
	"length.sh|files keep to 600 lines"
	"banned.sh calls|no banned calls"
	"banned.sh words|no reminders, machine paths or registry addresses"
	"headers.sh|headers have guards, and files say what they are for"
	"format.sh|C files are in clang-format's form"
	"shell.sh|shell scripts pass shellcheck"
	"scripts.sh|scripts with an interpreter line, and only they, are executable"
	"leftovers.sh|no file that a program made lies in the tree"
	"selftest.sh|each of these checks refuses what it should"
)
tmp=$(mktemp -d "${TMPDIR:-/tmp}/protea-lint.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT

# Side by side: the slow ones (format, shellcheck) are waiting for a processor each.
for i in "${!checks[@]}"; do
	read -ra words <<<"${checks[i]%%|*}"
	(
		tests/lint/"${words[0]}" "${words[@]:1}" >"$tmp/$i.out" 2>&1
		echo $? >"$tmp/$i.rc"
	) &
done
wait
failed=0
for i in "${!checks[@]}"; do
	name=${checks[i]#*|}
	case $(cat "$tmp/$i.rc") in
	0) echo "ok $((i + 1)) - $name" ;;
	77) echo "ok $((i + 1)) - $name # SKIP $(tail -n 1 "$tmp/$i.out")" ;;
	*)
		echo "not ok $((i + 1)) - $name"
		sed 's/^/# /' "$tmp/$i.out"
		failed=1
		;;
	esac
done
echo "1..${#checks[@]}"
exit $failed
