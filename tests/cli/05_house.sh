#!/bin/bash
# The house: make's targets, installing and removing, the public header in C and C++, and a build without
# the optional libraries.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh

# make as a user calls it, not as a child of the make that runs this test.
house() { env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make --no-print-directory "$@"; }

# ---- targets ---------------------------------------------------------------------------------------

house help >"$TMP/help" 2>&1
listed=$(sed -n '/^Targets:/,$ s/^  \([a-z-]*\)  .*/\1/p' "$TMP/help")
for target in build run test test-unit test-san fuzz bench lint install packages clean; do
	grep -qx "$target" <<<"$listed" || echo "$target"
done >"$TMP/unlisted"
check "make help lists the targets" test ! -s "$TMP/unlisted"
for target in $listed uninstall; do
	house -n O="$O" "$target" >"$TMP/n.log" 2>&1 || {
		echo "make -n $target: $(tail -n 1 "$TMP/n.log")"
	}
done >"$TMP/broken"
check "make -n knows every listed target" diff "$TMP/broken" /dev/null
check_fails 2 "an unknown target is refused" house O="$O" no-such-target

# ---- install -----------------------------------------------------------------------------------------

check "make install takes DESTDIR and prefix" house O="$O" DESTDIR="$TMP/x" prefix=/usr install
for file in bin/protea-export bin/protea-prof lib/libprotea-prof.so include/protea-prof.h \
	lib/pkgconfig/protea-prof.pc share/man/man1/protea-export.1 share/man/man1/protea-prof.1; do
	check "installed: $file" test -s "$TMP/x/usr/$file"
done
check "nothing is installed elsewhere" test "$(ls "$TMP/x")" = usr
check "the installed program is the built one" \
	test "$("$TMP/x/usr/bin/protea-export" --version)" = "$("$EXPORT" --version)"
installed_records() {
	"$TMP/x/usr/bin/protea-prof" run -q -o "$TMP/installed.sqlite" -- true &&
		"$TMP/x/usr/bin/protea-prof" runs --store "$TMP/installed.sqlite" | grep -q 'exit 0'
}
check "the installed profiler finds its agent and records" installed_records
check "the pc file names prefix and version" grep -q '^prefix=/usr$' "$TMP/x/usr/lib/pkgconfig/protea-prof.pc"
check "no marker is left in the pc file" test "$(grep -c '@' "$TMP/x/usr/lib/pkgconfig/protea-prof.pc")" = 0
if command -v pkg-config >/dev/null; then
	export PKG_CONFIG_PATH=$TMP/x/usr/lib/pkgconfig
	check "pkg-config knows the version" \
		test "$(pkg-config --modversion protea-prof)" = "$("$EXPORT" --version | cut -d' ' -f2)"
	flags=$(PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_SYSROOT_DIR=$TMP/x pkg-config --cflags protea-prof)
	check "pkg-config points at the header" test "${flags%% *}" = "-I$TMP/x/usr/include"
	unset PKG_CONFIG_PATH
else
	skip "pkg-config knows the version" "pkg-config is not installed"
fi
if command -v groff >/dev/null; then
	groff -man -Tutf8 -ww -z "$TMP/x/usr/share/man/man1/protea-export.1" >"$TMP/man.log" 2>&1
	check "groff has nothing to say about the man page" diff "$TMP/man.log" /dev/null
else
	skip "groff has nothing to say about the man page" "groff is not installed"
fi

# ---- the public header -------------------------------------------------------------------------------

cat >"$TMP/marks.c" <<'C'
#include <protea-prof.h>

#include <errno.h>

int main(void)
{
	pp_stage stage;
	pp_token token;

	errno = 7;
	stage = pp_stage_begin("stage");
	pp_stage_items(&stage, 1);
	pp_stage_param(&stage, "n", 2.0);
	token = pp_stage_token();
	pp_stage_adopt(token);
	pp_stage_adopt_end();
	pp_counter("rows", 3.0);
	pp_stage_end(&stage);
	return !(errno == 7 && !pp_present() && pp_start("x") == -1 && pp_stop() == -1);
}
C
cp "$TMP/marks.c" "$TMP/marks.cc"
header() { # COMPILER STANDARD FILE
	if ! command -v "$1" >/dev/null; then
		skip "the header compiles as $2 with $1" "$1 is not installed"
		return
	fi
	check "the header compiles as $2 with $1" "$1" "-std=$2" -pedantic -Wall -Wextra -Wshadow -Wconversion \
		-Werror -I "$TMP/x/usr/include" "$TMP/$3" -o "$TMP/marks"
	check "… and does nothing without an agent" "$TMP/marks"
}
header gcc c99 marks.c
header gcc gnu17 marks.c
header clang c11 marks.c
header g++ c++11 marks.cc
header g++ c++20 marks.cc
header clang++ c++17 marks.cc

house O="$O" DESTDIR="$TMP/x" prefix=/usr uninstall >"$TMP/uninstall.log" 2>&1
check "make uninstall takes everything away" test -z "$(find "$TMP/x" ! -type d)"

# ---- without the optional libraries ------------------------------------------------------------------

build() { house -j2 NO_CURL=1 NO_ZSTD=1 NO_NCURSES=1 WERROR=1 CFLAGS=-O0 O="$TMP/b" build; }
if build >"$TMP/build.log" 2>&1; then ok "the build goes without curl, zstd and ncurses"; else
	not_ok "the build goes without curl, zstd and ncurses"
	tail -n 20 "$TMP/build.log" | sed 's/^/# /'
fi
check "what curl's absence costs is said once" test "$(grep -c 'PROBE.*curl.*minio' "$TMP/build.log")" = 1
check "what zstd's absence costs is said once" test "$(grep -c 'PROBE.*zstd' "$TMP/build.log")" = 1
check "what ncurses' absence costs is said once" test "$(grep -c 'PROBE.*ncurses.*live view' "$TMP/build.log")" = 1
build >"$TMP/again.log" 2>&1
check "and not said again" test "$(grep -c PROBE "$TMP/again.log")" = 0
check "a second build compiles nothing" test "$(grep -cE '^  (CC|LD|AR) ' "$TMP/again.log")" = 0
check "that program runs" test "$("$TMP/b/protea-export" --version)" = "$("$EXPORT" --version)"
ldd "$TMP/b/protea-export" >"$TMP/ldd" 2>&1
check "and needs neither library" test "$(grep -cE 'libcurl|libzstd' "$TMP/ldd")" = 0
"$TMP/b/protea-prof" check >"$TMP/check" 2>&1
check "what is missing is told by check" grep -q 'build .*zstd.*ncurses.*live view' "$TMP/check"
ldd "$TMP/b/protea-prof" >"$TMP/ldd" 2>&1
check "a profiler without ncurses does not need it" test "$(grep -cE 'ncurses|tinfo' "$TMP/ldd")" = 0

# A library that is not there is said with the package that brings it, and what it costs.
mkdir -p "$TMP/fake"
cat >"$TMP/fake/cc" <<'SH'
#!/bin/sh
case $* in *have_curl*) exit 1 ;; esac
exec gcc "$@"
SH
chmod +x "$TMP/fake/cc"
CC=$TMP/fake/cc tests/features/probe.sh "$TMP/probes.mk" >"$TMP/probe.log" 2>&1
check "a missing library is named with its package" grep -q 'curl: not found (package libcurl4-openssl-dev)' "$TMP/probe.log"
check "and the others are used" grep -q -- '-DHAVE_ZSTD=1' "$TMP/probes.mk"
check "and it is not" test "$(grep -c HAVE_CURL "$TMP/probes.mk")" = 0
sed -i 's/have_curl/have_sqlite3/' "$TMP/fake/cc"
check_fails 1 "without a required library there is no build" env CC="$TMP/fake/cc" \
	tests/features/probe.sh "$TMP/probes2.mk"
CC=$TMP/fake/cc tests/features/probe.sh "$TMP/probes2.mk" >"$TMP/probe.log" 2>&1
check "which says what to install" grep -q 'libsqlite3-dev' "$TMP/probe.log"
check "and leaves no file" test ! -e "$TMP/probes2.mk"

echo "1..$tap_n"
[ "$tap_failed" -eq 0 ]
