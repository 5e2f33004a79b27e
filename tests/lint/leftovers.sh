#!/bin/bash
# Products of programs in the source tree: objects, databases, results, crash inputs, core dumps. Tests
# write into a folder of their own and remove it; builds write into build*/.
# Large files do not belong into git either (1 MiB is the whole of samples/data, as the design says).
# `leftovers.sh list` prints what git does not know; `leftovers.sh since FILE` what is new since that
# list, as TAP.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"
products='(^|/)(core(\.[0-9]+)?|a\.out|vgcore\.[0-9]+|perf\.data(\.old)?|gmon\.out)$'
products+='|(^|/)(crash|leak|timeout|oom|slow-unit)-[0-9a-f]{8,}$|(^|/)__pycache__/'
products+='|\.(o|a|so|gcda|gcno|profraw|pyc|tmp|part|log|orig|rej|swp)$|~$'
products+='|\.(sqlite|sqlite3|db|parquet|npz|npy)(-wal|-shm|-journal)?$'
# Kept inputs of tests and the sample cut are files of ours.
kept='^(tests/fuzz/corpus|tests/golden|samples/data)/'

strangers() { git ls-files -o --exclude-standard | sort; }
case ${1:-} in
list)
	strangers
	exit
	;;
since)
	if left=$(comm -13 "$2" <(strangers) | sed 's/$/:1: left behind/' | verdict); then
		echo "ok 1 - the tests left nothing in the tree"
		exit 0
	fi
	printf 'not ok 1 - the tests left nothing in the tree\n%s\n' "$left"
	exit 1
	;;
esac

everything() {
	if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
		git ls-files -co | grep -vE '^build[^/]*/|(^|/)node_modules/'
	else
		files '*'
	fi
}
{
	everything | grep -E "$products" | grep -vE "$kept" | sed 's/$/:1: a product in the source tree/'
	files '*' | tr '\n' '\0' | du --apparent-size -b --files0-from=- 2>/dev/null |
		awk '$1 > 1048576 { print $2 ":1: " $1 " bytes; at most 1 MiB" }'
	[ ! -d samples/data ] || du -sb --apparent-size samples/data |
		awk '$1 > 1048576 + 65536 { print "samples/data:1: " $1 " bytes; at most 1 MiB in all" }'
} | verdict
