#!/bin/bash
# Sources of more than 600 lines: a file with one job does not get there.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
limit=600
# Generated or data, one a line with the reason.
excepted() {
	cat <<-'LIST'
		tests/golden/vectors.h      numbers written by make_vectors.py
		tests/golden/numerics.h     numbers written by make_numerics.py
	LIST
}

files '*.c' '*.h' '*.sh' '*.py' '*.mjs' '*.js' '*.css' '*.html' '*.awk' .ci/run .ci/packages |
	grep -vxFf <(excepted | awk '{print $1}') | xargs -d '\n' wc -l |
	awk -v limit=$limit '$2 != "total" && $1 > limit {
		print $2 ":" $1 ": " $1 " lines; cut it by job to at most " limit }' | verdict
