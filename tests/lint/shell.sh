#!/bin/bash
# What shellcheck says of our shell scripts.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
command -v shellcheck >/dev/null || {
	echo "shellcheck is not installed (package shellcheck)"
	exit 77
}
files '*.sh' .ci/run .ci/packages | xargs -d '\n' -P 2 -n 8 shellcheck -x -f gcc | verdict
