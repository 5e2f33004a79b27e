#!/bin/sh
# Tries each tests/features/have_*.c once and writes make variables into the file named by $1:
# PROBE_CFLAGS (-DHAVE_X=1), PROBE_LIBS and PROBE_PROF_LIBS (the profiler's alone). A required feature
# that is missing ends the build with the package that brings it; an optional one costs what is printed, once.
set -eu
out=$1
cc=${CC:-cc}
here=$(dirname "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
missing=
# Debian keeps libpq's header in a folder of its own; others say where.
include=-I$(pg_config --includedir 2>/dev/null || echo /usr/include/postgresql)
cflags=\ $include
libs=
prof_libs=

try() { # name libs
	# shellcheck disable=SC2086 # the options are words, and CC may be several
	$cc -std=gnu17 -O0 $include "$here/have_$1.c" -o "$tmp/a" $2 >"$tmp/log" 2>&1
}
required() { # name libs package
	try "$1" "$2" || missing="$missing $3"
}
optional() { # name libs package switch cost [prof]
	if [ -n "$4" ]; then
		echo "  PROBE   $1: switched off; $5"
	elif try "$1" "$2"; then
		cflags="$cflags -DHAVE_$(echo "$1" | tr '[:lower:]' '[:upper:]')=1"
		if [ "${6:-}" = prof ]; then prof_libs="$prof_libs $2"; else libs="$libs $2"; fi
	else
		echo "  PROBE   $1: not found (package $3); $5"
	fi
}

required sqlite3 -lsqlite3 libsqlite3-dev
required jansson -ljansson libjansson-dev
required zlib -lz zlib1g-dev
required libzip -lzip libzip-dev
required snappy -lsnappy libsnappy-dev
required crypto -lcrypto libssl-dev
optional curl -lcurl libcurl4-openssl-dev "${NO_CURL:-}" "no S3 artifact store (backend minio)"
optional zstd -lzstd libzstd-dev "${NO_ZSTD:-}" "no zstd-compressed ground-truth files"
optional ncurses "-lncursesw -ltinfo" libncurses-dev "${NO_NCURSES:-}" "top has no live view, only --once and --json" prof
optional libpq -lpq libpq-dev "${NO_LIBPQ:-}" "no PostgreSQL: bundles and local stores only, no command pg"

if [ -n "$missing" ]; then
	echo "protea-prof: the build needs packages that are not installed:$missing" >&2
	echo "protea-prof: install them with: make packages" >&2
	exit 1
fi
{
	echo "PROBE_CFLAGS :=$cflags"
	echo "PROBE_LIBS :=$libs"
	echo "PROBE_PROF_LIBS :=$prof_libs"
} >"$out.tmp"
mv "$out.tmp" "$out"
