#!/bin/bash
# C files differ from what clang-format makes of them. `format.sh --fix` rewrites them.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
command -v clang-format >/dev/null || {
	echo "clang-format is not installed (package clang-format)"
	exit 77
}
# Files made by a program keep its form.
sources() { files '*.c' '*.h' | grep -v '^tests/golden/'; }
if [ "${1:-}" = --fix ]; then
	sources | xargs -d '\n' clang-format -i
	exit
fi
# One process per batch, two at a time; one complaint per file is enough.
sources | xargs -d '\n' -P 2 -n 40 clang-format --dry-run -Werror 2>&1 | grep -E '^[^ ]+:[0-9]+:[0-9]+: error:' |
	awk -F: '!said[$1]++ { print $1 ":" $2 ": not in form; run tests/lint/format.sh --fix" }' | verdict
