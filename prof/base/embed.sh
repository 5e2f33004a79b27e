#!/bin/sh
# A file as a C array: embed.sh NAME FILE > out.c defines `const char NAME[]` (NUL-terminated) and
# `const unsigned long NAME_len`. Used at build time for the store's schema and the viewer's page.
set -eu
echo "/* made from $2 by prof/base/embed.sh */"
echo "extern const char $1[];"
echo "extern const unsigned long $1_len;"
echo "const char $1[] = {"
od -An -v -td1 "$2" | sed 's/ *\(-\{0,1\}[0-9][0-9]*\)/\1,/g'
echo "0};"
echo "const unsigned long $1_len = sizeof($1) - 1;"
