#!/bin/sh
# Our own gate: runs the tiny sample job with every allocation counted, on one thread, in a plain environment, and compares
# what it counted with what is kept in tests/golden/gate:
#   samples/gate.sh                gate; exit code and text of protea-prof gate
#   samples/gate.sh save           keep the counts of this build as the new baseline
#   samples/gate.sh run STORE      one run into STORE, for a comparison by hand
# Counts depend on the libraries that allocate and on the width of vectors: tiny.on says which they were, and with others the
# comparison is refused (exit code 3). Further words of the first form go to protea-prof gate.
set -eu
cd "$(dirname "$0")/.."
. samples/lib.sh

kept=tests/golden/gate
need_programs
case ${O} in
/*) out=$O ;;
*) out=$PWD/$O ;;
esac
PLMS=prot_t5 samples/build.sh tiny "$out/samples/gate"

# What the counts depend on beside our own code.
machine() {
	for package in libc6 libsqlite3-0 libjansson4 zlib1g libzip4 libsnappy1v5 libzstd1 libssl3; do
		version=$(dpkg-query -W -f '${Version}' "$package" 2>/dev/null || echo none)
		echo "$package ${version%-*}" # upstream's: fixes of Debian's allocate no more
	done
	for flag in avx2 avx512f avx512bw; do
		if grep -qw "$flag" /proc/cpuinfo; then echo "cpu $flag"; fi
	done
}

# The folder has a name of fixed length and the job file is given without one: paths are allocated too.
run() { # store
	work=$(mktemp -d /tmp/protea-gate-XXXXXX)
	trap 'rm -rf "$work"' EXIT
	trap 'exit 1' HUP INT TERM
	cp --reflink=auto "$out/samples/gate/tiny.bundle" "$work/tiny.bundle"
	cp -r "$out/samples/gate/taxonomy" "$out/samples/gate/anc2vec.npz" "$work/"
	sed -e 's|\.\./\.\./build/run/||' -e 's|\.\./\.\./build/samples/tiny/||' samples/jobs/tiny.json >"$work/tiny.json"
	case $1 in
	/*) store=$1 ;;
	*) store=$PWD/$1 ;;
	esac
	# A look at the job's row allocates, and a slow machine has time for more of them.
	if ! (cd "$work" && env -i PATH="$PATH" LC_ALL=C \
		PROTEA_JOB_HEARTBEAT_INTERVAL_SECONDS=3600 PROTEA_JOB_LOOK_INTERVAL_SECONDS=3600 \
		${GATE_PRELOAD:+LD_PRELOAD="$GATE_PRELOAD"} \
		"$out/protea-prof" -q run --store "$store" --name gate-tiny --memory full tiny.json -q -w 1) >"$work/log" 2>&1; then
		tail -n 20 "$work/log" >&2
		die "the tiny job failed"
	fi
	rm -rf "$work"
	trap - EXIT HUP INT TERM
}

case ${1:-} in
run)
	run "$2"
	exit
	;;
esac

store=$(mktemp -d)/gate.sqlite
trap 'rm -rf "${store%/*}"' EXIT
(run "$store")
if [ "${1:-}" = save ]; then
	mkdir -p "$kept"
	"$PROF" -q gate --store "$store" --counts --save "$kept/tiny.json" last
	machine >"$kept/tiny.on"
	say "wrote $kept/tiny.json: look at the difference (git diff), and commit it with the change that explains it"
	exit
fi
machine >"${store%/*}/tiny.on"
if ! cmp -s "${store%/*}/tiny.on" "$kept/tiny.on"; then
	diff "$kept/tiny.on" "${store%/*}/tiny.on" >&2 || :
	say "the kept counts are of other libraries or another processor (< kept, > here); samples/gate.sh save keeps those of here"
	exit 3
fi
"$PROF" gate --store "$store" --counts --baseline "$kept/tiny.json" "$@" last
