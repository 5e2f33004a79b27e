#!/bin/bash
# The checks against a made-up tree: each must refuse a file that breaks its rule and let the sound one pass.
# Prints what went wrong, exits 0 or 1. Runs without git, on copies of the checks.
set -u
cd "$(dirname "$0")/../.." || exit 1
tree=$(mktemp -d "${TMPDIR:-/tmp}/protea-lint-self.XXXXXX") || exit 1
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree"/tests/lint "$tree"/pipeline/{core,knn,pool,source,cli,bundle} "$tree"/prof/{base,model}
cp tests/lint/* "$tree/tests/lint" && cp .clang-format "$tree" || exit 1
cd "$tree" || exit 1
export GIT_CEILING_DIRECTORIES=$tree GIT_DIR=$tree/none
bad=0

put() { # file text
	mkdir -p "$(dirname "$1")"
	printf '%b' "$2" >"$1"
}
passes() { # check
	local out
	# shellcheck disable=SC2086 # a check and its word
	if ! out=$(tests/lint/$1 2>&1); then
		echo "selftest: a sound tree fails '$1': $out"
		bad=1
	fi
}
# refuses CHECK FILE WORDS TEXT: with FILE holding TEXT the check fails and says WORDS.
refuses() {
	local out rc kept=
	[ ! -f "$2" ] || kept=$(cat "$2")
	put "$2" "$4"
	[[ $2 != *.sh ]] || chmod +x "$2"
	# shellcheck disable=SC2086
	out=$(tests/lint/$1 2>&1)
	rc=$?
	if [ $rc -ne 1 ] || [[ $out != *"$3"* ]]; then
		echo "selftest: '$1' on $2 exits $rc and says '$out', not '$3'"
		bad=1
	fi
	if [ -n "$kept" ]; then printf '%s\n' "$kept" >"$2"; else rm "$2"; fi
}

put pipeline/core/a.h '/* A. */\n#ifndef CORE_A_H\n#define CORE_A_H\n\n#include "prof/base/b.h"\n\n#endif\n'
put pipeline/core/a_internal.h '/* A. */\n#ifndef CORE_A_INTERNAL_H\n#define CORE_A_INTERNAL_H\n\n#endif\n'
put prof/base/b.h '/* B. */\n#ifndef BASE_B_H\n#define BASE_B_H\n\n#include <stdint.h>\n\n#endif\n'
put pipeline/knn/k.h '/* K. */\n#ifndef KNN_K_H\n#define KNN_K_H\n\n#endif\n'
put pipeline/source/s.h '/* S. */\n#ifndef SOURCE_S_H\n#define SOURCE_S_H\n\n#endif\n'
put pipeline/core/a.c '/* gets(x) in a comment, "strcpy(" in a text. */\n#include "pipeline/core/a.h"\n\nconst char *a_text = "sprintf(x) \\" system(";\n'

for check in "arrows.sh rooms" "arrows.sh cycles" "arrows.sh private" length.sh "banned.sh calls" \
	"banned.sh words" headers.sh scripts.sh leftovers.sh; do
	passes "$check"
done
head='/* X. */\n'
refuses "arrows.sh rooms" pipeline/knn/x.c "no arrow from pipeline/knn to pipeline/source" "$head#include \"pipeline/source/s.h\"\n"
refuses "arrows.sh rooms" prof/base/x.c "no arrow from prof/base to pipeline/core" "$head#include \"pipeline/core/a.h\"\n"
refuses "arrows.sh rooms" prof/base/x.c "<jansson.h>" "$head#include <jansson.h>\n"
refuses "arrows.sh rooms" pipeline/knn/x.c "<parasail.h>" "$head#include <parasail.h>\n"
refuses "arrows.sh rooms" pipeline/knn/x.c "<libother.h>" "$head  #  include <libother.h>\n"
refuses "arrows.sh rooms" pipeline/cli/x.c "nothing includes tests/" "$head#include \"tests/unit/x.h\"\n"
refuses "arrows.sh rooms" pipeline/cli/x.c "from the root" "$head#include \"x.h\"\n"
refuses "arrows.sh rooms" pipeline/new/x.c "room pipeline/new is not in" "$head#include \"pipeline/core/a.h\"\n"
refuses "arrows.sh rooms" pipeline/cli/x.c "there is no pipeline/core/gone.h" "$head#include \"pipeline/core/gone.h\"\n"
put pipeline/knn/y.c '/* Y. */\n#include "pipeline/source/s.h"\n'
refuses "arrows.sh cycles" pipeline/source/x.c "pipeline/knn includes pipeline/source" "$head#include \"pipeline/knn/k.h\"\n"
rm pipeline/knn/y.c
refuses "arrows.sh private" pipeline/knn/x.c "private to pipeline/core" "$head#include \"pipeline/core/a_internal.h\"\n"
refuses length.sh pipeline/knn/x.c "601 lines" "$head$(printf '\\n%.0s' {1..600})"
for call in gets strcpy strcat sprintf strtok atoi alloca system popen tmpnam mktemp rand srand setlocale printf \
	puts exit localtime gmtime signal strncpy perror abort; do
	refuses "banned.sh calls" pipeline/knn/x.c "x.c:3: $call()" "$head\nint x = $call (1);\n"
done
refuses "banned.sh calls" pipeline/knn/x.c "stderr" "${head}void f(void) { fputs(0, stderr); }\n"
refuses "banned.sh calls" prof/model/x.c "assert()" "${head}void f(void) { assert(1); }\n"
refuses "banned.sh words" pipeline/knn/x.c "x.c:1" "/* TO""DO: later. */\n"
refuses "banned.sh words" pipeline/knn/x.sh "x.sh:2" "#!/bin/sh\ncd /wo""rk/main\n"
refuses headers.sh pipeline/knn/x.h "no include guard" "$head#include <stdio.h>\n"
refuses headers.sh pipeline/knn/x.h "also that of" "$head#ifndef KNN_K_H\n#define KNN_K_H\n#endif\n"
refuses headers.sh pipeline/knn/x.c "open with a comment" "int x;\n"
refuses scripts.sh pipeline/knn/x.txt "not executable" "#!/bin/sh\n"
refuses leftovers.sh pipeline/knn/x.sqlite "a product" "x\n"
refuses leftovers.sh pipeline/knn/crash-0123456789abcdef "a product" "x\n"
refuses leftovers.sh pipeline/knn/x.txt "at most 1 MiB" "$(head -c 1100000 /dev/zero | tr '\0' x)"
if command -v clang-format >/dev/null; then
	passes format.sh
	refuses format.sh pipeline/knn/x.c "not in form" "${head}int  x;\n"
fi
if command -v shellcheck >/dev/null; then
	passes shell.sh
	# shellcheck disable=SC2016
	refuses shell.sh pipeline/knn/x.sh "SC2086" '#!/bin/sh\n# X.\nls $1\n'
fi
exit $bad
