#!/bin/sh
# Runs the sample job of a preset under the profiler and says where its files are; `make run` calls it:
#   samples/run.sh [tiny|medium|full|grid-tiny|grid-medium]
# The bundle is made once in O/samples/PRESET. Each run works on a copy of it in O/run (tiny) or
# O/run-PRESET and starts afresh; only the alignment cache of the larger presets is kept.
# PROTEA_PAIR_FEATURE_WORKERS sets the threads (default: all processors).
set -eu
cd "$(dirname "$0")/.."
. samples/lib.sh

job=${1:-tiny}
preset=${job#grid-}
case $job in
tiny | medium | full | grid-tiny | grid-medium) ;;
*)
	echo "usage: samples/run.sh [tiny|medium|full|grid-tiny|grid-medium]" >&2
	exit 2
	;;
esac
command=run
[ "$job" = "$preset" ] || command=grid
# The grid of medium needs the models that its job names.
[ "$job" != grid-medium ] || export PLMS="${PLMS:-prot_t5 esm2_650m}"
need_programs
samples/build.sh "$preset" "$O/samples/$preset"

run=$O/run
[ "$preset" = tiny ] || run=$O/run-$preset
mkdir -p "$run"
rm -rf "$run/artifacts" "$run/resume" "$run/$preset.bundle" "$run/$preset.bundle"-* "$run/report.json"
cp --reflink=auto "$O/samples/$preset/$preset.bundle" "$run/$preset.bundle"
# The job files of samples/jobs name build/; the copy in the run folder names this build folder.
sed -e "s|\.\./\.\./build/$(basename "$run")/||g" -e 's|\.\./\.\./build/|../|g' \
	"samples/jobs/$job.json" >"$run/$job.json"

workers=${PROTEA_PAIR_FEATURE_WORKERS:-$(nproc)}
quiet=
[ "$job" != tiny ] || quiet=-q # over in two seconds
say "running $run/$job.json with $workers threads"
if [ "$command" = run ]; then
	"$EXPORT" check -w "$workers" "$run/$job.json"
	echo
fi
store=$run/protea-prof.sqlite
page=$run/profile.html
rm -f "$store" "$store"-* "$page"
# shellcheck disable=SC2086  # empty or one word
"$PROF" run -o "$store" -r "${PROTEA_PROF_RATE:-999}" "$run/$job.json" $quiet -w "$workers"
"$PROF" -q flame --store "$store" -o "$page"

echo
[ "$command" = run ] || name='*'
echo "profile   $page    (open it in a browser)"
echo "store     $store    (SQLite; $PROF report --store $store)"
echo "report    $run/artifacts/datasets/${name:-sample-$preset}/report.json"
echo "events    $run/$preset.bundle, table job_event"
echo "next      $EXPORT bundle info $run/$preset.bundle"
case $job in
tiny) echo "          samples/run.sh grid-tiny    (8 models x K = 3, 5, 10)" ;;
medium) echo "          samples/run.sh grid-medium    (2 models x K = 3, 5, 10)" ;;
esac
