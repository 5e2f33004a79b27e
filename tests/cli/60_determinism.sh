#!/bin/bash
# The same inputs give the same bytes: any number of threads, any instruction set, any cache, any chunk, one
# grid or single runs, killed at any moment and resumed. What a run leaves in staging counts only while its
# inputs are the same and it is whole.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/job.sh
. tests/cli/job.sh
need "outputs are deterministic"

NAME=same
world "$TMP/mid" 1 mid
job "$TMP/mid/job-v5-all.json" "$TMP/mid/job.json" "p['output_name']='$NAME'" "p['compute_association']=True"
world "$TMP/small" 3 small
job "$TMP/small/job-v5-all.json" "$TMP/small/job.json" "p['output_name']='$NAME'"

# fresh FOLDER FROM: a copy to run in.
fresh() { rm -rf "$1" && cp -r "$2" "$1"; }
same_as_reference() { diff "$TMP/reference" <(published "$1" $NAME); }

# variant TITLE [VARIABLE=VALUE…] [-- ARGUMENT…]: a fresh run's files are those of the first run.
variant() {
	local title=$1 environment=("_=")
	shift
	while [ $# -gt 0 ] && [ "$1" != -- ]; do environment+=("$1") && shift; done
	[ $# -gt 0 ] && shift
	fresh "$TMP/v" "$TMP/mid"
	if ! (export "${environment[@]}" && run "$TMP/log" "$@" "$TMP/v/job.json"); then
		not_ok "$title"
		tail -n 5 "$TMP/log" | sed 's/^/# /'
		return
	fi
	check "$title" same_as_reference "$TMP/v"
}

# ---- threads, instruction sets, chunks, caches ------------------------------------------------------------

run "$TMP/log" "$TMP/mid/job.json"
check "a run of every family succeeds" grep -q manifest.json "$TMP/log"
published "$TMP/mid" $NAME >"$TMP/reference"
check "it left three files" test "$(wc -l <"$TMP/reference")" -eq 3
check "it left nothing in staging" empty "$TMP/mid/resume"
rm -rf "$TMP/mid/store" "$TMP/mid/resume"
sql "$TMP/mid/bundle.sqlite" 'DELETE FROM dataset; DELETE FROM job_event; DELETE FROM job; VACUUM'

variant "2 workers write the same bytes" -- --workers 2
variant "7 workers write the same bytes" PROTEA_PAIR_FEATURE_WORKERS=7
variant "portable code writes the same bytes" PROTEA_SIMD=portable
variant "portable code with 3 workers writes the same bytes" PROTEA_SIMD=portable -- -w 3
variant "query chunks of 1 write the same bytes" PROTEA_METHOD_NUMPY_QUERY_CHUNK=1
variant "query chunks of 7 with 2 workers write the same bytes" PROTEA_METHOD_NUMPY_QUERY_CHUNK=7 -- -w 2
variant "another time zone writes the same bytes" TZ=Asia/Kolkata
variant "with the cold alignment cache the bytes are the same" PROTEA_ALIGN_CACHE_DIR="$TMP/cache"
variant "with the warm alignment cache the bytes are the same" PROTEA_ALIGN_CACHE_DIR="$TMP/cache" -- -w 2
check "the warm cache answered every alignment" asks "$TMP/v/bundle.sqlite" "SELECT count(*), sum(fields->>'computed'),
	sum(fields->>'cache_hits') > 0 FROM job_event WHERE event LIKE '%.alignment_done'" "3|0|1"
variant "with the cold pool and PCA caches the bytes are the same" PROTEA_REF_CACHE_DIR="$TMP/pool" \
	PROTEA_PCA_ARTIFACTS_DIR="$TMP/pca"
variant "with the warm pool and PCA caches the bytes are the same" PROTEA_REF_CACHE_DIR="$TMP/pool" \
	PROTEA_PCA_ARTIFACTS_DIR="$TMP/pca" -- -w 2
check "the warm caches were used" asks "$TMP/v/bundle.sqlite" "SELECT count(*) FROM job_event WHERE
	event LIKE '%.refpool.cache_hit' OR (event LIKE '%.pca_fit' AND fields->>'source' LIKE '$TMP/pca/%')" 2
head -c 100 "$TMP/cache/alignments.sqlite" >"$TMP/cut" && mkdir "$TMP/badcache" && mv "$TMP/cut" "$TMP/badcache/alignments.sqlite"
variant "with a corrupt alignment cache the bytes are the same" PROTEA_ALIGN_CACHE_DIR="$TMP/badcache"
check "and the corrupt cache was a warning" says "$TMP/log" "the alignment cache is not used"
flip() { "$PY" -c 'import sys
d = bytearray(open(sys.argv[1], "rb").read()); d[-9] ^= 1; open(sys.argv[1], "wb").write(d)' "$1"; }
flip "$(ls "$TMP"/pool/*_embeddings.npy)"
variant "with a flipped bit in the pool cache the bytes are the same" PROTEA_REF_CACHE_DIR="$TMP/pool"
check "the pool was made again" asks "$TMP/v/bundle.sqlite" "SELECT count(*) FROM job_event WHERE
	event LIKE '%.refpool.cache_stale' OR event LIKE '%.refpool.cache_write'" 2
# Two runs at once with no pool yet: one makes it, the other waits and maps it.
rm -rf "$TMP/pool"
fresh "$TMP/a" "$TMP/mid" && fresh "$TMP/b" "$TMP/mid"
PROTEA_REF_CACHE_DIR="$TMP/pool" "$EXPORT" run -q --memory-limit 4GiB "$TMP/a/job.json" >"$TMP/log" 2>&1 &
PROTEA_REF_CACHE_DIR="$TMP/pool" "$EXPORT" run -q --memory-limit 4GiB "$TMP/b/job.json" >"$TMP/log.b" 2>&1
wait $!
check "two runs at once with a cold pool cache write the same bytes" eval "same_as_reference '$TMP/a' && same_as_reference '$TMP/b'"
check "one of them made the pool, the other used it" test "$(for d in a b; do sql "$TMP/$d/bundle.sqlite" \
	"SELECT replace(event, 'export_research_dataset.refpool.', '') FROM job_event WHERE event LIKE '%.refpool.%'"; done | sort | xargs)" = \
	"cache_hit cache_write"
for f in "$TMP"/pool/*; do head -c 40 "$f" >"$f.cut" && mv "$f.cut" "$f"; done
variant "with a truncated pool cache the bytes are the same" PROTEA_REF_CACHE_DIR="$TMP/pool"

# ---- grid and single runs ---------------------------------------------------------------------------------

cells_equal_single_runs() {
	local k name cell rc=0
	for k in 7 2; do
		for cell in f16 f32; do
			name=bench-v1-K$k-v175-lineage-model-$cell
			fresh "$TMP/v" "$TMP/mid"
			job "$TMP/v/job.json" "$TMP/v/cell.json" "p['output_name']='$name'" "p['k']=$k" \
				"p['embedding_config_id']='$(sql "$TMP/mid/bundle.sqlite" \
					"SELECT id FROM embedding_config WHERE model_name = 'model-$cell'")'"
			run "$TMP/log" "$TMP/v/cell.json" || { cat "$TMP/log" && return 1; }
			diff <(published "$TMP/v" "$name") <(published "$TMP/grid" "$name") || rc=1
		done
	done
	return $rc
}
fresh "$TMP/grid" "$TMP/mid"
job "$TMP/grid/job.json" "$TMP/grid/grid.json" "j['operation']='export_grid'" "[p.pop(x) for x in ('output_name', 'k')]" \
	"j['cells']=dict(plm=['model-f16', 'model-f32'], k=[2, 7])"
check "a grid of two configurations and two K runs" "$EXPORT" grid -w 2 --memory-limit 4GiB "$TMP/grid/grid.json"
check "its cells are byte for byte the files of single runs" cells_equal_single_runs
check "it leaves nothing but published files" empty "$TMP/grid/resume"

# ---- kill -9 at random moments ----------------------------------------------------------------------------

# in_order FOLDER: whatever is published under a final name is whole, and no manifest stands for less.
in_order() {
	local dir=$1/store/datasets/$NAME f
	whole "$1/bundle.sqlite" || { echo "the bundle is damaged" && return 1; }
	for f in train.parquet eval.parquet manifest.json; do
		[ ! -e "$dir/$f" ] || (cd "$dir" && grep " $f\$" "$TMP/reference" | sha256sum --quiet -c -) || return 1
	done
	[ ! -e "$dir/manifest.json" ] || { [ -e "$dir/train.parquet" ] && [ -e "$dir/eval.parquet" ]; }
}
# clean FOLDER: after success nothing but the three files, the report and the bundle is left.
clean() {
	local left
	left=$(ls -A "$1/resume" && cd "$1" && find store/ -type f ! -path "store/datasets/$NAME/train.parquet" \
		! -path "store/datasets/$NAME/eval.parquet" ! -path "store/datasets/$NAME/manifest.json" \
		! -path "store/datasets/$NAME/report.json" && find . -name 'bundle.sqlite?*')
	[ -z "$left" ] || { echo "left: $left" && return 1; }
}
registered() { [ "$(sql "$1/bundle.sqlite" "SELECT count(*) FROM dataset WHERE name = '$NAME'")" = 1 ]; }

# A run takes as long as the machine is busy: moments are drawn from the time of a whole one.
fresh "$TMP/k" "$TMP/mid"
start=${EPOCHREALTIME/[.,]/}
run "$TMP/log" -q "$TMP/k/job.json"
span=$(((${EPOCHREALTIME/[.,]/} - start) / 1000))
kills=0 runs=0 bad=0 tries=0
deadline=$((SECONDS + 200)) # a quick machine is done in ten
RANDOM=4711
while [ $kills -lt 25 ] && [ $SECONDS -lt $deadline ]; do
	fresh "$TMP/k" "$TMP/mid"
	until registered "$TMP/k"; do
		"$EXPORT" run -q --memory-limit 4GiB "$TMP/k/job.json" >"$TMP/log" 2>&1 &
		pid=$!
		tries=$((tries + 1))
		ms=$((RANDOM * span / 32768 + 5))
		[ $((tries % 13)) -eq 0 ] || sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))" # the 13th may finish
		if [ $((tries % 13)) -ne 0 ] && kill -9 $pid 2>/dev/null; then
			wait $pid 2>/dev/null
			[ $? -eq 137 ] && kills=$((kills + 1))
		else
			wait $pid || { bad=$((bad + 1)) && sed 's/^/# /' "$TMP/log" && break 2; }
		fi
		in_order "$TMP/k" >"$TMP/out" 2>&1 || { bad=$((bad + 1)) && sed 's/^/# /' "$TMP/out" && break 2; }
	done
	same_as_reference "$TMP/k" || bad=$((bad + 1))
	runs=$((runs + 1))
done
echo "# $kills kills, $runs data sets finished"
check "killed at $kills random moments, every run in the end writes the same bytes" eval "[ $bad -eq 0 ] && [ $kills -ge 20 ] && [ $runs -gt 0 ]"

# ---- killed at a system call --------------------------------------------------------------------------------

# A library that ends the process at its N-th call that changes a file.
cat >"$TMP/die.c" <<-'EOF'
	#define _GNU_SOURCE
	#include <dlfcn.h>
	#include <signal.h>
	#include <stdarg.h>
	#include <stdatomic.h>
	#include <stdio.h>
	#include <stdlib.h>
	#include <sys/types.h>
	#include <unistd.h>
	static atomic_int calls;
	static void step(void)
	{
		const char *at = getenv("DIE_AT");
		int n = atomic_fetch_add(&calls, 1) + 1;
		if (at && n == atoi(at))
			kill(getpid(), SIGKILL);
	}
	__attribute__((destructor)) static void tell(void)
	{
		const char *out = getenv("DIE_COUNT");
		FILE *f = out ? fopen(out, "w") : NULL;
		if (f) {
			fprintf(f, "%d\n", calls);
			fclose(f);
		}
	}
	#define WRAP(type, name, params, args) \
		type name params { static type (*next) params; step(); \
		if (!next) next = (type(*) params)dlsym(RTLD_NEXT, #name); return next args; }
	WRAP(ssize_t, write, (int fd, const void *b, size_t n), (fd, b, n))
	WRAP(ssize_t, pwrite64, (int fd, const void *b, size_t n, off64_t o), (fd, b, n, o))
	WRAP(ssize_t, pwrite, (int fd, const void *b, size_t n, off_t o), (fd, b, n, o))
	WRAP(int, rename, (const char *a, const char *b), (a, b))
	WRAP(int, renameat2, (int x, const char *a, int y, const char *b, unsigned f), (x, a, y, b, f))
	WRAP(int, linkat, (int x, const char *a, int y, const char *b, int f), (x, a, y, b, f))
	WRAP(int, unlink, (const char *a), (a))
	WRAP(int, unlinkat, (int x, const char *a, int f), (x, a, f))
	WRAP(int, rmdir, (const char *a), (a))
	WRAP(int, mkdir, (const char *a, mode_t m), (a, m))
	WRAP(int, fsync, (int fd), (fd))
	WRAP(int, fdatasync, (int fd), (fd))
	WRAP(int, ftruncate, (int fd, off_t n), (fd, n))
	WRAP(int, ftruncate64, (int fd, off64_t n), (fd, n))
EOF
die() { # N JOB: N = 0 never dies
	timeout 300 env LD_PRELOAD="$TMP/die.so" DIE_AT="$1" DIE_COUNT="$TMP/count" "$EXPORT" run -q --memory-limit 4GiB "$2" >"$TMP/log" 2>&1
}
# place: a fresh world, its store perhaps elsewhere.
place() {
	fresh "$TMP/k" "$TMP/small"
	[ -z "$ELSEWHERE" ] || { rm -rf "$ELSEWHERE" && mkdir "$ELSEWHERE" && ln -s "$ELSEWHERE" "$TMP/k/store"; }
}
# survives N: a run killed at its N-th change is finished by the next one, with the same bytes.
survives() {
	local rc
	place
	die "$1" "$TMP/k/job.json"
	rc=$?
	[ $rc -eq 137 ] || [ $rc -eq 0 ] || { echo "exit code $rc at $1" && cat "$TMP/log" && return 1; }
	in_order "$TMP/k" || return 1
	if ! registered "$TMP/k"; then
		run "$TMP/log" "$TMP/k/job.json" || { echo "not resumed after $1:" && cat "$TMP/log" && return 1; }
		clean "$TMP/k" || { echo "after $1" && return 1; }
	fi
	same_as_reference "$TMP/k"
}
# sweep TITLE POINT…
sweep() {
	local title=$1 failed=0 n
	shift
	for n; do survives "$n" >"$TMP/out" 2>&1 || { failed=$((failed + 1)) && sed 's/^/# /' "$TMP/out"; }; done
	check "$title ($# of $total changes)" eval "[ $failed -eq 0 ] && [ $# -ge 10 ]"
}
ELSEWHERE=
if ! "${CC:-cc}" -shared -fPIC -o "$TMP/die.so" "$TMP/die.c" -ldl 2>"$TMP/cc.log"; then
	skip "killed at any change of a file, a run is finished by the next one" "no C compiler"
elif nm -D "$EXPORT" | grep -q __asan; then
	skip "killed at any change of a file, a run is finished by the next one" "the program is sanitized"
else
	cp "$TMP/reference" "$TMP/reference.mid"
	fresh "$TMP/k" "$TMP/small"
	die 0 "$TMP/k/job.json"
	published "$TMP/k" $NAME >"$TMP/reference"
	total=$(cat "$TMP/count")
	late=$((total > 160 ? total - 160 : 1)) # assembly, upload, registration: densely
	sweep "killed at any change of a file, a run is finished by the next one" $(seq 7 41 $late) $(seq $late 5 "$total")
	# The store on another file system: files are copied there, not linked.
	if [ "$(stat -f -c %i /dev/shm 2>/dev/null)" = "$(stat -f -c %i "$TMP")" ] || [ ! -w /dev/shm ]; then
		skip "the same with the store on another file system" "/dev/shm is none"
	else
		ELSEWHERE=$(mktemp -d /dev/shm/protea-test.XXXXXX)
		trap 'rm -rf "$TMP" "$ELSEWHERE"' EXIT
		place
		die 0 "$TMP/k/job.json"
		total=$(cat "$TMP/count")
		sweep "the same with the store on another file system" $(seq $((total - 110)) 4 "$total")
	fi
	mv "$TMP/reference.mid" "$TMP/reference"
fi
[ "$tap_failed" -eq 0 ]
