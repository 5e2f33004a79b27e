#!/bin/bash
# Each C file and script opens with a comment that says what it is for; each header has an include guard,
# and no two headers share one. A header made to be included more than once says so in its opening comment
# ("The including file defines ...") and needs none.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

opening() {
	files '*.c' '*.h' '*.sh' '*.mjs' '*.py' '*.awk' .ci/run .ci/packages | xargs -d '\n' awk '
	FNR == 1 { looked = 0 }
	looked || (FNR == 1 && /^#!/) || /^[ \t]*$/ { next }
	{
		looked = 1
		if (FILENAME ~ /\.(c|h|mjs|js)$/ ? !/^(\/\*|\/\/)/ : !/^(#|""")/)
			print FILENAME ":" FNR ": open with a comment: the job of the file, what it leaves to others"
	}'
}
# shellcheck disable=SC2016 # awk's own $1
guards() {
	files '*.h' | xargs -d '\n' awk '
	FNR == 1 { state = 0 }
	state == 0 && /The including file defines/ { state = 2 }
	state == 0 && /^#/ {
		if (/^#pragma once/) { state = 2; next }
		if (!/^#ifndef [A-Z]/) { print FILENAME ":" FNR ": the first directive is no include guard"; state = 2; next }
		guard = $2
		state = 1
		next
	}
	state == 1 {
		if ($1 != "#define" || $2 != guard) print FILENAME ":" FNR ": the guard " guard " is not defined here"
		else if (guard in owner) print FILENAME ":" FNR ": the guard " guard " is also that of " owner[guard]
		owner[guard] = FILENAME
		state = 2
	}'
}
{
	opening
	guards
} | verdict
