#!/bin/bash
# Source in pages of protea-prof flame: the numbers of report --source, the text of the files that were compiled and of
# no others, and none at all when it is not wanted.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
PAYLOAD=$PWD/tests/browser/payload.mjs
S=$TMP/s.sqlite
unset PROTEA_PROF_STORE
if ! command -v node >/dev/null || ! command -v sqlite3 >/dev/null || ! command -v gcc >/dev/null; then
	skip "source is in a page" "node, sqlite3 or gcc is missing"
	exit 0
fi
mkdir -p "$TMP/src/include" "$TMP/out"
cd "$TMP/src" || exit 1
{
	echo '#include <stdlib.h>'
	echo '#include <string.h>'
	echo '#include "near.h"'
	for i in $(seq 20); do echo "/* far $i from what costs */"; done
	echo 'int main(void)'
	echo '{'
	echo '	for (int i = 0; i < 200; i++)'
	echo '		keep[i] = fill(malloc(70000 + i)); // text-of-main'
	echo '	return near(300000000) == 7;'
	echo '}'
	for i in $(seq 20); do echo "/* behind $i */"; done
} >main.c
cat >near.h <<'C'
static char *keep[200];
static inline char *fill(char *p)
{
	return memset(p, 1, 70000); // text-of-fill
}
static __attribute__((noinline)) unsigned near(unsigned n)
{
	unsigned x = 1;
	while (n--)
		x = x * 5 + (n ^ x >> 3); // text-of-near
	return x;
}
C
gcc -g -O1 -o ../prog main.c || exit 1
gcc -g -O1 -fdebug-prefix-map="$TMP/src"=. -o ../relative main.c || exit 1
sleep 0.05
cd "$TMP" || exit 1
"$PROF" run -q -o "$S" -n one --memory full -- ./prog 2>run.err || { cat run.err; exit 1; }
"$PROF" run -q -o "$S" -n relative --memory full -- ./relative 2>run.err || { cat run.err; exit 1; }

flame() { "$PROF" flame --store "$S" -o "$@" 2>err; }
source_of() { flame - "$@" | node "$PAYLOAD" source; }
same() { [ "$1" = "$2" ] || { printf 'is\n%s\nnot\n%s\n' "$1" "$2"; return 1; }; }

numbers() { # file, options of both…: every line's costs are those of the report
	local file=$1
	shift
	source_of one "$@" >page.jsonl
	"$PROF" report --store "$S" --source "$file" --json "$@" one >report.json || return 1
	python3 - "$file" <<'PY'
import json, sys
page = {r[1]: r for r in map(json.loads, open("page.jsonl")) if r[0].endswith("/" + sys.argv[1])}
report = {r["line"]: r for r in json.load(open("report.json"))["lines"]}
kinds = [k for k in next(iter(page.values()))[3]]
costly = {n: r for n, r in report.items() if any(r[k]["self"] or r[k]["total"] for k in kinds)}
assert "cpu" in kinds and len(page) > 1, (kinds, page)
assert sorted(page) == sorted(costly), (sorted(page), sorted(costly))
for n, r in page.items():
    for k in kinds:
        assert r[3][k] == {"self": report[n][k]["self"], "total": report[n][k]["total"]}, (n, k, r, report[n])
    assert r[2] == report[n]["text"], (r, report[n])
PY
}
check "lines cost what report --source says" numbers main.c
check "… of a header too" numbers near.h
check "… of a thread" numbers main.c --thread "$(sqlite3 "$S" "SELECT tid FROM thread LIMIT 1")"
memory() {
	source_of one | python3 -c '
import json, sys
rows = [json.loads(l) for l in sys.stdin]
assert any(r[2] and "text-of-main" in r[2] and r[3]["alloc"]["self"] == sum(70000 + i for i in range(200)) for r in rows), rows'
}
check "what a line allocated stands at it" memory
windows() { # ±10 lines around what costs something, no more
	flame one.html one || return 1
	node "$PAYLOAD" raw <one.html >bytes
	grep -aq 'text-of-near' bytes && grep -aq 'far 20 from' bytes && ! grep -aq 'far 3 from' bytes &&
		grep -aq 'behind 9 ' bytes && ! grep -aq 'behind 12 ' bytes
}
check "text is around lines that cost something" windows
heaviest_first() { same "$(source_of one | head -n 1 | cut -d'"' -f2)" "$TMP/src/near.h"; }
check "the file with the most own time comes first" heaviest_first
heaviest_bytes() { same "$(source_of one --kind alloc | head -n 1 | cut -d'"' -f2)" "$TMP/src/main.c"; }
check "… or the most of what is shown first" heaviest_bytes

has_text() { source_of "$@" | grep -q 'text-of-near'; }
no_text() {
	source_of "$@" >lines
	cat lines
	grep -q 'near.h",[0-9]*,null' lines && ! grep -q text-of-near lines
}
told() { # who sends a page to others knows what is in it
	flame told.html one && grep -q 'wrote told.html: .*, with source code' err &&
		flame told.html one --no-source && grep -q 'wrote told.html: [0-9.]* KiB$' err
}
check "that a page has source is said" told
small() { # no view of source, so no data of it, and neither is said
	flame small.html one --max-bytes 64K && grep -q 'wrote small.html: [0-9.]* KiB$' err &&
		! node "$PAYLOAD" raw <small.html | grep -aq text-of && node "$PAYLOAD" head <small.html | grep -q '"left_out":[1-9]'
}
check "… and a page that is too small for it has none" small
none() { # options…: neither text nor lines
	flame none.html one "$@" || return 1
	[ -z "$(node "$PAYLOAD" source <none.html)" ] && ! node "$PAYLOAD" raw <none.html | grep -aq 'text-of'
}
check "--no-source: none" none --no-source
check "--redact: none" none --redact
two() { flame - one relative | node "$PAYLOAD" source | wc -l | grep -qx 0; }
check "a comparison has none" two
relative_here() { (cd src && has_text relative) && ! (cd / && has_text relative); }
check "a relative name is looked for here" relative_here
beside() { cp src/near.h src/main.c . && touch -r src/near.h near.h main.c && (cd / && has_text relative) && rm near.h main.c; }
check "… and beside the program" beside
elsewhere() {
	mkdir -p moved/src && mv src/near.h moved/src/ && no_text one >/dev/null && has_text one --source-dir moved
	local rc=$?
	mv moved/src/near.h src/
	return $rc
}
check "--source-dir is where files are now" elsewhere
changed() {
	cp -p src/near.h kept.h && sed -i 's/text-of-near/text-of-near2/' src/near.h && no_text one >/dev/null && has_text one --source-dir src
	local rc=$?
	cp -p kept.h src/near.h
	return $rc
}
check "a file that changed since has no text" changed
since_the_build() { # but before the run
	touch -d "$(sqlite3 "$S" "SELECT datetime(started_at / 1000000000 - 3600, 'unixepoch') FROM run LIMIT 1") UTC" prog
	touch -d "$(sqlite3 "$S" "SELECT datetime(started_at / 1000000000 - 1800, 'unixepoch') FROM run LIMIT 1") UTC" src/near.h
	no_text one >/dev/null
	local rc=$?
	cp -p kept.h src/near.h
	touch prog
	return $rc
}
check "… or since its program was built" since_the_build
other_machine() {
	cp "$S" o.sqlite && sqlite3 o.sqlite "UPDATE run SET host = 'elsewhere'" &&
		"$PROF" flame --store o.sqlite -o o.html one 2>err && node "$PAYLOAD" source <o.html >lines &&
		! grep -q text-of lines && grep -q near.h lines &&
		"$PROF" flame --store o.sqlite -o o.html --source-dir src one 2>err && node "$PAYLOAD" source <o.html | grep -q text-of
}
check "of a run of another machine, only with --source-dir" other_machine
other_user() {
	cp "$S" u.sqlite && chown 12345 u.sqlite &&
		"$PROF" flame --store u.sqlite -o u.html one 2>err && node "$PAYLOAD" source <u.html >lines &&
		! grep -q text-of lines && grep -q near.h lines && grep -q "u.sqlite is another user's file" err &&
		"$PROF" flame --store "$S" -o u.html u.sqlite:one 2>err && ! node "$PAYLOAD" source <u.html | grep -q text-of &&
		"$PROF" flame --store u.sqlite -o u.html --source-dir src one 2>err && node "$PAYLOAD" source <u.html | grep -q text-of &&
		! grep -q "another user" err
}
if [ "$(id -u)" -eq 0 ]; then
	check "… as of a store of another user" other_user
else
	skip "… as of a store of another user" "only root can give files away"
fi
escapes() { # of a name on the terminal
	local name
	name=$(printf 'a\033]0;title\007b.html')
	flame "./$name" one && [ -s "$name" ] && grep -qF 'wrote ./a?]0;title?b.html' err && ! LC_ALL=C grep -q "$(printf '\033\|\007')" err
}
check "names of files are printed as text" escapes
foreign_names() { # name and id of a run name the file
	cp "$S" e.sqlite && sqlite3 e.sqlite "UPDATE run SET id = '../' || char(27) || '[2J', name = char(27) || ']0;x' || char(7) WHERE name = 'one'" &&
		mkdir -p made && (cd made && "$PROF" flame --store ../e.sqlite last~1 2>../err) && [ "$(ls made)" = '0-x-2J.html' ] &&
		! LC_ALL=C grep -q "$(printf '\033\|\007')" err
}
check "… and so are those of runs" foreign_names

# ---- files that are no source ------------------------------------------------------------------------------

named() { # path: near.h of the run is that
	cp "$S" n.sqlite && sqlite3 n.sqlite "UPDATE string_row SET text = '$1' WHERE text LIKE '%near.h'" &&
		timeout 20 "$PROF" flame --store n.sqlite -o n.html one 2>err || return 1
	node "$PAYLOAD" source <n.html | grep -F "[\"$1\"" >lines
	grep -q ',null,' lines && ! node "$PAYLOAD" raw <n.html | grep -aq 'SECRET'
}
old() { touch -d '2001-01-01' "$@"; }
for i in 1 2 3 4 5 6 7 8 9 10; do echo "SECRET $i"; done >secret
cp secret .hidden.c && cp secret noend && cp secret big.c && truncate -s 9M big.c && cp secret nul.c && printf '\0' >>nul.c
mkfifo pipe.c && mkdir folder.c && ln -s /dev/zero zero.c && : >empty.c && cp secret locked.c && chmod 0 locked.c
old secret .hidden.c noend big.c nul.c pipe.c empty.c locked.c
check "a name that is no source's is not read" named "$TMP/noend"
check "… nor a hidden file" named "$TMP/.hidden.c"
check "… nor a large one" named "$TMP/big.c"
check "… nor one that is no text" named "$TMP/nul.c"
check "… nor a pipe, which would hold us up" named "$TMP/pipe.c"
check "… nor a folder" named "$TMP/folder.c"
check "… nor a device" named "$TMP/zero.c"
check "… nor an empty one" named "$TMP/empty.c"
mkdir -p keys "src/include" && cp secret keys/id && old keys/id && ln -s "$TMP/noend" link.c
check "… nor one by way of a folder of headers" named "$TMP/src/include/../../keys/id"
check "… nor by a link that has a source's name" named "$TMP/link.c"
outside() { # --source-dir is the only folder
	cp "$S" n.sqlite && sqlite3 n.sqlite "UPDATE string_row SET text = '$1' WHERE text LIKE '%near.h'" &&
		"$PROF" flame --store n.sqlite -o n.html --source-dir src one 2>err && ! node "$PAYLOAD" raw <n.html | grep -aq 'SECRET'
}
cp secret near.py && cp secret keys/near.py && ln -s "$TMP/near.py" src/far.py
check "--source-dir: nothing beside it" outside ../near.py
check "… nor behind a link in it" outside far.py
check "… nor above all" outside "../../../../../../../../..$TMP/keys/near.py"
check "… nor what the system makes" named "/proc/self/environ"
if [ "$(id -u)" -ne 0 ]; then
	check "… nor one that may not be read" named "$TMP/locked.c"
else
	skip "… nor one that may not be read" "root may read all"
fi
long_lines() {
	{ cat src/near.h; printf '//'; head -c 100000 /dev/zero | tr '\0' 'x'; echo; } >long.h
	cp "$S" l.sqlite && sqlite3 l.sqlite "UPDATE string_row SET text = '$TMP/long.h' WHERE text LIKE '%near.h'" && old long.h &&
		"$PROF" flame --store l.sqlite -o l.html one 2>err && node "$PAYLOAD" raw <l.html >bytes &&
		grep -aq text-of-near bytes && ! grep -aq 'x\{1001\}' bytes && grep -aq 'x\{900\}' bytes
}
check "long lines are cut" long_lines
[ $tap_failed -eq 0 ]
