# Sourced by the checks of this folder: which files there are, and C without its comments and texts.
# shellcheck shell=bash
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1

# files PATTERN…: files that git tracks or would add and that are there, one a line, matched like
# '*.c'; without git every file outside the build folders. Not what `make site` writes.
files() {
	if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		git ls-files -co --exclude-standard -- "$@" | sort -u
	else
		local tests=() p
		for p in "$@"; do tests+=(-o -path "./$p"); done
		find . \( -name 'build*' -o -name node_modules \) -prune -o -type f \
			\( "${tests[@]:1}" \) -print | sed 's|^\./||' | sort
	fi | grep -v '^docs/perf/' | while IFS= read -r f; do [ -f "$f" ] && printf '%s\n' "$f"; done
}

# code FILE…: "file:line:code" of C files, comments and the insides of quotes taken out.
code() {
	[ $# -gt 0 ] || return 0
	awk -f tests/lint/code.awk "$@"
}

# Passes a list of complaints on; fails if there is one.
verdict() {
	local all
	all=$(cat)
	[ -z "$all" ] || {
		printf '%s\n' "$all"
		return 1
	}
}
