#!/bin/bash
# A file that starts with "#!" is executable, and an executable file starts with "#!".
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
files '*' | while IFS= read -r f; do
	IFS= read -r -n 2 first <"$f" 2>/dev/null || first=
	if [ "$first" = '#!' ]; then
		[ -x "$f" ] || echo "$f:1: has an interpreter line and is not executable"
	elif [ -x "$f" ]; then
		echo "$f:1: executable, and no script"
	fi
done | verdict
