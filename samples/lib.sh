# Sourced by the scripts of samples/: paths and talk. The caller has changed to the repository's root.
# shellcheck shell=sh
O=${O:-build}
export LC_ALL=C
EXPORT=$O/protea-export
PROF=$O/protea-prof
# shellcheck disable=SC2034  # used by the scripts that source this file
TOOLS=$O/samples/tools

say() { echo "protea-prof: $*" >&2; }
die() {
	say "$@"
	exit 1
}
need_programs() {
	if [ ! -x "$EXPORT" ] || [ ! -x "$PROF" ] || [ ! -x "$TOOLS/embed" ]; then
		die "$EXPORT and $PROF are not built yet; type: make build sample-tools"
	fi
}
