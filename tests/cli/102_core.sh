#!/bin/bash
# dump --core: cores that the kernel and gcore write, of programs of all shapes, against gdb and eu-stack; cores that are
# cut off, lack their list of files, or whose files are gone or others by now.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/stacks.sh
. tests/cli/stacks.sh

can_compile || { skip "cores" "there is no C compiler"; exit 0; }
core=$TMP/core

# ---- against the debuggers ----

as_gdb_says() { # PROGRAM CORE
	"$PROF" dump --core "$2" --json >"$TMP/ours.json" || return 1
	gdb -q -nx -batch "$TMP/$1" "$2" -x tests/cli/dump_gdb.py 2>"$TMP/gdb.err" | sed -n 's/^GDB-JSON //p' >"$TMP/gdb.json"
	[ -s "$TMP/gdb.json" ] || { tail -n 5 "$TMP/gdb.err"; return 1; }
	python3 tests/cli/dump_gdb.py "$TMP/ours.json" "$TMP/gdb.json" "$1"
}
as_eu_stack_says() { # PROGRAM CORE: the same addresses, thread by thread
	"$PROF" dump --core "$2" --json >"$TMP/ours.json" || return 1
	eu-stack --core="$2" --executable="$TMP/$1" >"$TMP/eu.txt" 2>"$TMP/eu.err"
	python3 - "$TMP/ours.json" "$TMP/eu.txt" <<-'END'
		import json, re, sys
		ours = {t["tid"]: [int(f["address"], 16) for f in t["frames"] if not f["inlined"]] for t in json.load(open(sys.argv[1]))["threads"]}
		theirs, tid = {}, None
		for line in open(sys.argv[2]):
		    m = re.match(r"TID (\d+):", line)
		    f = re.match(r"#\d+ +0x([0-9a-f]+)", line)
		    if m: tid = int(m[1]); theirs[tid] = []
		    elif f: theirs[tid].append(int(f[1], 16))
		assert set(ours) == set(theirs), (ours.keys(), theirs.keys())
		for tid in ours:
		    # eu-stack shows a return address as it is, ours is one less; it stops at what CFI does not tell.
		    a, b = ours[tid], theirs[tid]
		    assert len(b) > 1 and len(a) >= len(b) and all(y - x in (0, 1) for x, y in zip(a, b)), (tid, [hex(x) for x in a], [hex(x) for x in b])
	END
}
if ! command -v gcore >/dev/null; then
	for what in "cores of gcore against gdb" "cores of gcore against eu-stack"; do skip "$what" "gdb's gcore is not installed"; done
else
	for shape in "O0 -O0" "O2 -O2" "nopie -O1 -no-pie -fno-pie" "static -O2 -static" "staticpie -O2 -static-pie"; do
		# shellcheck disable=SC2086
		if ! build $shape 2>/dev/null; then
			skip "a core of gcore, $shape" "it cannot be built here"
			continue
		fi
		program=ks-${shape%% *}
		start "$TMP/$program" all || exit 1
		gcore -o "$core" "$pid" >"$TMP/gcore.log" 2>&1
		mv "$core.$pid" "$core-$program"
		stop
		if gdb_has_python; then check "a core of gcore has gdb's stacks, $shape" as_gdb_says "$program" "$core-$program"; else
			skip "a core of gcore has gdb's stacks, $shape" "gdb speaks no Python here"
		fi
		# The static ones have no symbol that eu-stack would end at.
		case $shape in static*) continue ;; esac
		if command -v eu-stack >/dev/null; then check "and eu-stack's, $shape" as_eu_stack_says "$program" "$core-$program"; else
			skip "and eu-stack's, $shape" "eu-stack is not installed"
		fi
	done
fi

# ---- what the kernel writes ----

pattern=$(cat /proc/sys/kernel/core_pattern)
crash() { # PROGRAM ARG…: its core, if one was written, is $core
	rm -rf "$TMP/crash" && mkdir "$TMP/crash"
	(cd "$TMP/crash" && ulimit -c unlimited && exec "$@" <"$TMP/in" >/dev/null 2>&1)
	local found=("$TMP"/crash/core*)
	[ -s "${found[0]}" ] && mv "${found[0]}" "$core"
} 2>/dev/null
by_kernel=
[ -x "$TMP/ks-O2" ] || build O2 -O2
case $pattern in
"|"* | /*) kernel_says="the kernel gives cores to '$pattern'" ;;
*) kernel_says="no core was written (a limit, or a file system without room)" ;;
esac
if case $pattern in "|"* | /*) false ;; *) crash "$TMP/ks-O2" crash ;; esac; then
	crashed() {
		"$PROF" dump --core "$core" >"$TMP/text" 2>"$TMP/err" && grep -q "^thread [0-9]* (ks-O2)  running .*SIGSEGV at 0x0" "$TMP/text" &&
			grep -q " 0  crash_2 at known_stacks.c:" "$TMP/text" && grep -q " 2  main at known_stacks.c:" "$TMP/text" &&
			tail -n 1 "$TMP/text" | grep -qx "1 thread in the core" && [ ! -s "$TMP/err" ]
	}
	check "a crash: the signal, the address, the stack" crashed
	json() { "$PROF" dump --core "$core" --json | python3 -c '
import json, sys
d = json.load(sys.stdin)
t = d["threads"][0]
assert d["name"] == "ks-O2" and d["command"].endswith("ks-O2 crash") and d["pause_ns"]["stops"] == 0
assert t["how"] == "core" and t["signal"] == "SIGSEGV at 0x0" and t["complete"] and t["tid"] == d["pid"]
assert [f["function"] for f in t["frames"] if not f["inlined"]][:3] == ["crash_2", "crash_1", "main"], t["frames"]'; }
	check "the same for scripts" json
	if gdb_has_python; then check "a core of the kernel has gdb's stacks" as_gdb_says ks-O2 "$core"; else
		skip "a core of the kernel has gdb's stacks" "gdb speaks no Python here"
	fi
	cp "$core" "$TMP/crash.core"
	by_kernel=1
	killed() {
		(cd "$TMP/crash" && ulimit -c unlimited && exec "$TMP/ks-O2" all <"$TMP/in" >"$TMP/ready2" 2>/dev/null) &
		local p=$! found
		wait_for 20 grep -q ready "$TMP/ready2" && kill -ABRT "$p"
		wait "$p"
		found=("$TMP"/crash/core*)
		mv "${found[0]}" "$TMP/all.core" && "$PROF" dump --core "$TMP/all.core" >"$TMP/text" && grep -q "SIGABRT from process $BASHPID" "$TMP/text" &&
			grep -Eq "waits on mutex 0x[0-9a-f]+ held by thread [0-9]+$" "$TMP/text" && tail -n 1 "$TMP/text" | grep -qx "17 threads in the core"
	} 2>/dev/null
	check "a process that was killed: who did it, which thread holds the lock" killed
	if gdb_has_python && [ -s "$TMP/all.core" ]; then check "its threads have gdb's stacks" as_gdb_says ks-O2 "$TMP/all.core"; fi
else
	for what in "a crash: the signal, the address, the stack" "a core of the kernel has gdb's stacks" "a process that was killed"; do skip "$what" "$kernel_says"; done
	cp "$core-ks-O2" "$TMP/crash.core" 2>/dev/null
fi

# ---- cores that lack something ----

core=$TMP/crash.core
if [ ! -s "$core" ]; then
	skip "cores that lack something" "neither the kernel nor gcore gives one here"
	exit $((tap_failed > 0))
fi
innermost() { "$PROF" dump --core "$@" 2>"$TMP/err" | grep -m 1 ' 0  '; }
want=$(innermost "$core")
check "the whole core has an innermost frame" test -n "$want"
no_list() { # the note that lists the files gets a type that nobody knows
	python3 - "$core" "$TMP/nolist" <<-'END'
		import struct, sys
		b = bytearray(open(sys.argv[1], "rb").read())
		phoff, n = struct.unpack_from("<Q", b, 32)[0], struct.unpack_from("<H", b, 56)[0]
		for i in range(n):
		    t, _, off, _, _, size = struct.unpack_from("<IIQQQQ", b, phoff + 56 * i)
		    at = off
		    while t == 4 and at + 12 <= off + size:
		        name, desc, kind = struct.unpack_from("<III", b, at)
		        if kind == 0x46494c45: struct.pack_into("<I", b, at + 8, 0x7777)
		        at += 12 + (name + 3 & ~3) + (desc + 3 & ~3)
		open(sys.argv[2], "wb").write(b)
	END
	[ "$(innermost "$TMP/nolist")" = "$want" ] && [ ! -s "$TMP/err" ] &&
		[ "$("$PROF" dump --core "$TMP/nolist" | grep -c '^ *[0-9]*  ')" = "$("$PROF" dump --core "$core" | grep -c '^ *[0-9]*  ')" ]
}
check "without its list of files the linker's is used" no_list
cut_off() {
	head -c "$(($(stat -c %s "$core") - 20000))" "$core" >"$TMP/cut"
	case $(innermost "$TMP/cut") in *crash_2* | *read*) ;; *) return 1 ;; esac
	grep -q 'the core is cut off' "$TMP/err"
}
if [ -n "$by_kernel" ]; then check "cut off: what is there, and a warning" cut_off; else
	skip "cut off: what is there, and a warning" "gcore puts the threads at the end"
fi
head -c 1000 "$core" >"$TMP/tiny"
check_fails 1 "cut off before its threads" "$PROF" dump --core "$TMP/tiny"
gone() {
	mv "$TMP/ks-O2" "$TMP/ks-away"
	"$PROF" dump --core "$core" >"$TMP/text" 2>"$TMP/err"
	local rc=$?
	grep -q "ks-O2" "$TMP/err" && grep -q 'cannot be read here' "$TMP/err" && grep -q 'sysroot' "$TMP/err" && [ "$rc" -eq 0 ] &&
		grep -Eq ' 0  \[unknown in ks-O2[^+]*\+0x[0-9a-f]+\]' "$TMP/text"
}
check "the program is gone: addresses, and a warning" gone
other() {
	cp /bin/true "$TMP/ks-O2"
	"$PROF" dump --core "$core" >"$TMP/text" 2>"$TMP/err"
	grep -q 'changed since the core was written' "$TMP/err" && grep -Eq ' 0  \[unknown in ks-O2[^+]*\+0x[0-9a-f]+\]' "$TMP/text"
}
check "another program is there: it is not believed" other
sysroot() {
	local f
	for f in $("$PROF" dump --core "$core" --json 2>/dev/null | grep -o '"module": "/[^"]*' | sed 's/"module": "//' | sort -u); do
		mkdir -p "$TMP/root${f%/*}"
		if [ "$f" = "$TMP/ks-O2" ]; then cp "$TMP/ks-away" "$TMP/root$f"; else cp "$f" "$TMP/root$f"; fi
	done
	[ "$(innermost "$core" --sysroot "$TMP/root")" = "$want" ]
}
check "--sysroot says where the right files are" sysroot
threads() { "$PROF" dump --core "$core" --thread nobody; }
check_fails 1 "a thread that is not in the core" threads

# ---- what is no core ----

gzip -c "$core" >"$TMP/core.gz"
packed() { "$PROF" dump --core "$TMP/core.gz" 2>"$TMP/err"; [ $? -eq 1 ] && grep -q 'unpack it first (gzip -d)' "$TMP/err"; }
check "a packed core says how to unpack it" packed
check_fails 1 "a program is no core" "$PROF" dump --core /bin/true
check_fails 1 "a text is no core" "$PROF" dump --core "$0"
check_fails 1 "a folder is no core" "$PROF" dump --core "$TMP"
check_fails 1 "a core that is not there" "$PROF" dump --core "$TMP/absent"
: >"$TMP/empty"
check_fails 1 "an empty file" "$PROF" dump --core "$TMP/empty"
exit $((tap_failed > 0))
