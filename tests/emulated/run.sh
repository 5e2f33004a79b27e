#!/bin/bash
# Runs the kernels of AVX-512 and AMX on an emulated processor: a small Linux boots in Bochs, runs our unit tests of
# kernels and the tiny sample job, and what it prints becomes TAP here.
#   tests/emulated/run.sh BOCHS [MODEL…]
# MODEL: corei7_skylake_x (AVX-512), corei7_icelake_u (with VNNI), sapphire_rapids (with AMX); no_tiles and no_vectors: the
# last of them under a system that does not keep tiles, or none of the vectors beyond SSE. All unless named.
# BOCHS: 3.0 or later, with AVX-512 and AMX and without its debugger (that of Debian 12 is 2.7, with it). Variables: O
# (build folder), BXSHARE (folder of Bochs' BIOS images), DISPLAY_LIBRARY (nogui), TESTS="a b" instead of each model's own
# list, JOBS="LEVEL …" likewise ("" for none), LIMIT (seconds a model, 7200). Needs the packages of `.ci/packages emulated`.
# The kernel, image and logs are in O/emulated; the kernel is built once.
set -u
cd "$(dirname "$0")/../.." || exit 1
O=${O:-build}
[ $# -ge 1 ] || { sed -n '2,10s/^# \?//p' "$0" >&2 && exit 2; }
bochs=$1
shift
models=("$@")
[ ${#models[@]} -gt 0 ] || models=(corei7_skylake_x corei7_icelake_u sapphire_rapids no_tiles no_vectors)
work=$PWD/$O/emulated
linux=6.1
mkdir -p "$work"
n=0 failed=0

fatal() { echo "Bail out! $*" && exit 1; }
result() { # ok|not ok, name
	n=$((n + 1))
	[ "$1" = ok ] || failed=$((failed + 1))
	echo "$1 $n - $2"
}

command -v "$bochs" >/dev/null || fatal "no program $bochs"
share=${BXSHARE:-}
for d in "$(dirname "$(command -v "$bochs")")/../share/bochs" /usr/share/bochs; do
	[ -n "$share" ] || [ ! -e "$d/BIOS-bochs-latest" ] || share=$d
done
[ -n "$share" ] || fatal "no BIOS images: set BXSHARE"
vga=
for f in "$share"/VGABIOS-lgpl-latest{,.bin}; do [ ! -e "$f" ] || vga=$f; done
[ -n "$vga" ] || fatal "no VGA BIOS in $share"

# What a model has, in our words: the kernels that must be chosen at each value of PROTEA_SIMD, and what it runs.
# Tests with @LEVEL run with PROTEA_SIMD set so.
of_model() {
	cpu=$1 switch='' tests=(test_knn_kernel_bytes test_knn_kernel_wide test_dot test_anc2vec_max test_knn_wide) jobs=(any)
	case $1 in
	corei7_skylake_x) top=avx512 && tests+=(test_align_kernel test_align_low test_pca) ;;
	corei7_icelake_u) top=avx512vnni ;;
	sapphire_rapids) top=amx && tests+=(test_knn_many) && jobs=(any avx512) ;;
	no_tiles) cpu=sapphire_rapids top=avx512vnni switch=clearcpuid=amx_tile tests=() jobs=() ;;
	no_vectors) cpu=sapphire_rapids top=portable switch=noxsave tests=() jobs=() ;;
	*) fatal "unknown model $1" ;;
	esac
	wide=$top
	[ "$top" != amx ] || wide=avx512vnni
	printf -v expected '%s\n' "- align avx512 knn $top simd 2" "portable align scalar knn portable simd 0" \
		"avx2 align avx2 knn avx2 simd 1" "avx512 align avx512 knn $wide simd 2" "amx align avx512 knn $top simd 2"
	[ "$top" != portable ] ||
		printf -v expected '%s align scalar knn portable simd 0\n' - portable avx2 avx512 amx
	[ -z "${TESTS+x}" ] || read -ra tests <<<"$TESTS"
	[ -z "${JOBS+x}" ] || read -ra jobs <<<"$JOBS"
}

# Bochs has no XFD, by which Linux gives tiles to a process only when it first uses them; so this Linux keeps tiles for
# every process from the start, and the permission that a program asks for is there already.
build_kernel() {
	[ -s "$work/bzImage" ] && [ "$work/bzImage" -nt tests/emulated/kernel.config ] && return
	echo "# building Linux $linux in $work/linux"
	mkdir -p "$work/linux"
	[ -e "$work/linux/Makefile" ] ||
		tar -xf "/usr/src/linux-source-$linux.tar.xz" --strip-components=1 -C "$work/linux" || return
	sed -i 's/XFEATURE_MASK_USER_DYNAMIC/0ULL/' "$work/linux/arch/x86/kernel/fpu/xstate.c" &&
		sed -i 's/__padding\[PAGE_SIZE\]/__padding[4 * PAGE_SIZE]/' "$work/linux/arch/x86/include/asm/fpu/types.h" ||
		return
	make -s -C "$work/linux" tinyconfig >"$work/linux.log" 2>&1 || return
	cat tests/emulated/kernel.config >>"$work/linux/.config"
	{ make -s -C "$work/linux" olddefconfig && make -C "$work/linux" -j"$(nproc)" bzImage; } >>"$work/linux.log" 2>&1 ||
		return
	cp "$work/linux/arch/x86/boot/bzImage" "$work/bzImage"
}

# The sample job beside its files, so that its paths are the same everywhere; it must give the digests of the
# narrowest kernels here.
make_job() {
	local job=$work/job
	O=$O samples/build.sh tiny "$work/tiny" >/dev/null || return
	rm -rf "$job" "$work/there"
	mkdir -p "$job"
	cp -r "$work/tiny/tiny.bundle" "$work/tiny/anc2vec.npz" "$work/tiny/taxonomy" "$job/"
	sed -E 's|"(bundle:)?\.\./\.\./build/(run\|samples/tiny)/|"\1|g' samples/jobs/tiny.json >"$job/job.json"
	cp -r "$job" "$work/there"
	PROTEA_SIMD=portable "$O/protea-export" run -q -w 2 --memory-limit 512MiB "$work/there/job.json" >/dev/null || return
	(cd "$work/there/artifacts/datasets/sample-tiny" && sha256sum train.parquet eval.parquet manifest.json) >"$work/digests"
}

# Programs and the libraries they name, stripped, with busybox, in an archive that the kernel unpacks.
make_image() {
	local root=$work/root p lib
	rm -rf "$root"
	mkdir -p "$root"/{bin,tests,tmp,proc,sys,dev,job}
	cp /bin/busybox "$root/bin/"
	for p in $(/bin/busybox --list); do ln -s busybox "$root/bin/$p" 2>/dev/null; done
	cp tests/emulated/init "$root/init"
	cp -r "$work/job/." "$root/job/"
	mkdir -p "$root/tests/golden/npz"
	cp tests/golden/npz/pca_original.npz "$root/tests/golden/npz/" || return
	for p in "$@"; do
		strip -o "$root/tests/$(basename "$p")" "$p" || return
		for lib in $(ldd "$p" | grep -o '/[^ ]*'); do
			[ -e "$root$lib" ] && continue
			mkdir -p "$root$(dirname "$lib")"
			strip -o "$root$lib" "$(readlink -f "$lib")" || return
		done
	done
	(cd "$root" && find . | cpio --quiet -o -H newc) >"$work/disc/initrd"
}

# boot MODEL: until the guest says that it is done; what it said is in $work/MODEL.txt.
boot() {
	local said=$work/$1.txt pid deadline
	{
		echo "default linux"
		echo "label linux"
		echo " kernel bzImage"
		echo " append initrd=initrd console=ttyS0 loglevel=1 $switch emulated_tests=$(IFS=, && echo "${tests[*]}")" \
			"emulated_jobs=$(IFS=, && echo "${jobs[*]}")"
	} >"$work/disc/isolinux.cfg"
	xorriso -as mkisofs -quiet -o "$work/disc.iso" -b isolinux.bin -c boot.cat -no-emul-boot -boot-load-size 4 \
		-boot-info-table "$work/disc" 2>"$work/disc.log" || return
	cat >"$work/bochsrc" <<-EOF
		display_library: ${DISPLAY_LIBRARY:-nogui}
		cpu: model=$cpu, count=1, ips=100000000, reset_on_triple_fault=0
		memory: guest=1024, host=1024
		romimage: file=$share/BIOS-bochs-latest
		vgaromimage: file=$vga
		ata0-master: type=cdrom, path=$work/disc.iso, status=inserted
		boot: cdrom
		clock: sync=none
		com1: enabled=1, mode=file, dev=$said
		log: $work/$1.log
		panic: action=fatal
		error: action=report
	EOF
	rm -f "$said"
	deadline=$((SECONDS + ${LIMIT:-7200}))
	BXSHARE=$share "$bochs" -q -f "$work/bochsrc" >"$work/$1.out" 2>&1 </dev/null &
	pid=$!
	until grep -qE '^emulated: end|^Kernel panic' "$said" 2>/dev/null || ! kill -0 "$pid" 2>/dev/null || [ "$SECONDS" -ge "$deadline" ]; do
		sleep 1
	done
	kill "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	tr -d '\r' <"$said" >"$said.lines"
	grep -q '^emulated: end' "$said.lines"
}

# What follows from what the emulator does wrong (tests/tools/tiles_probe.c): the kernel of tiles fails its trial and the
# next one is taken; those tests fail that say so. They count as skipped.
excuse() {
	excused='' silent=''
	if grep -q '^emulated: tdpbssd wrong' "$1"; then
		echo "# this Bochs multiplies signed bytes as unsigned ones (TDPBSSD)"
		expected=${expected//knn amx/knn $wide} silent='/the amx kernel gives wrong products/d'
		excused="sums_are_exact_with_tiles the_choice_keeps_to_the_level_that_was_named"
	fi
	if grep -q '^emulated: tdpbf16ps wrong' "$1"; then
		echo "# this Bochs flushes normal numbers below 2^-125 (TDPBF16PS)"
		excused+=" the_tile_unit_does_what_its_model_does"
	fi
	if grep -q '^emulated: xsave wrong' "$1"; then
		echo "# this Bochs does not keep tiles over a switch of threads: a kernel of tiles that is used here dies of it"
	fi
}

# judge MODEL: what the guest said, as TAP.
judge() {
	local model=$1 line test='' bad=0 name level digest file said=$work/$1.txt.lines
	excuse "$said"
	sed -n 's/^emulated: cpu/#/p' "$said" | fold -s -w 140 | sed 's/^\([^#]\)/# \1/'
	if diff <(printf '%s' "$expected") <(sed "1,/^emulated: kernels/d; /^emulated:/,\$d; $silent" "$said") >"$work/diff"; then
		result ok "$model: the kernels that it has are sound and chosen, PROTEA_SIMD limits them"
	else
		result "not ok" "$model: the kernels that it has are sound and chosen, PROTEA_SIMD limits them"
		sed 's/^/# /' "$work/diff"
	fi
	while IFS= read -r line; do
		case $line in
		"emulated: test "*) bad=0 test=${line#emulated: test } && test=${test%% *} ;;
		"emulated: exit $bad" | "#"*) ;; # as many as failed
		"emulated: exit "*) result "not ok" "$model: $test ends with ${line#emulated: exit }" ;;
		"not ok "*"# SKIP "*)
			if [ "$wide" != "$top" ]; then
				result "not ok" "$model: $test: ${line#*SKIP } (skipped, but this processor has everything)"
			else
				result ok "$model: $test: ${line#*SKIP } # SKIP this processor lacks it"
			fi
			;;
		"ok "*) result ok "$model: $test: ${line#*- }" ;;
		"not ok "*)
			name=${line#*- } bad=$((bad + 1))
			if [[ " $excused " == *" $name "* ]]; then
				n=$((n + 1))
				echo "ok $n - $model: $test: $name # SKIP this Bochs multiplies tiles wrongly"
			else
				result "not ok" "$model: $test: $name"
			fi
			;;
		"emulated: digest "*)
			read -r _ _ level digest file <<<"$line"
			if grep -qx "$digest  $file" "$work/digests"; then
				result ok "$model: level $level writes the bytes of portable: $file"
			else
				result "not ok" "$model: level $level writes the bytes of portable: $file"
			fi
			;;
		esac
	done <"$said"
}

all=()
for model in "${models[@]}"; do
	of_model "$model"
	all+=("${tests[@]%@*}")
done
mapfile -t all < <(printf '%s\n' "${all[@]}" | sed '/^$/d' | sort -u)
make --no-print-directory -s -j"$(nproc)" O="$O" build sample-tools "$O/tests/tools/"{kernels,tiles_probe} "${all[@]/#/$O/tests/unit/}" ||
	fatal "the programs do not build"
build_kernel || fatal "the kernel does not build: $work/linux.log"
make_job || fatal "the sample job does not run here"
rm -rf "$work/disc"
mkdir -p "$work/disc"
cp "$work/bzImage" /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$work/disc/" || exit
make_image "$O/tests/tools/"{kernels,tiles_probe} "$O/protea-export" "${all[@]/#/$O/tests/unit/}" || fatal "no image of the programs"
for model in "${models[@]}"; do
	of_model "$model"
	start=$SECONDS
	if boot "$model"; then
		result ok "$model: the guest ran to its end"
	else
		result "not ok" "$model: the guest ran to its end"
		tail -n 5 "$work/$model.out" "$work/$model.txt" 2>/dev/null | sed 's/^/# /'
	fi
	judge "$model"
	echo "# $model: $((SECONDS - start)) s"
done
echo "1..$n"
[ "$failed" -eq 0 ]
