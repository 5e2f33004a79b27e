#!/bin/bash
# dump: what it prints, for people and scripts; processes with many threads, short-lived ones, ones that execute and
# fork all the time; programs that are deleted, static, stripped, of C++, an interpreter.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/stacks.sh
. tests/cli/stacks.sh

can_compile || { skip "dump" "there is no C compiler"; exit 0; }
build O2 -O2 || exit 1
build O0 -O0 || exit 1

# py CODE: python with the JSON of standard input as d.
py() { python3 -c "import json, sys
d = json.load(sys.stdin)
t = {x['name']: x for x in d.get('threads', [])}
def names(x): return [f['function'] for f in x['frames']]
$1"; }
dump() { "$PROF" dump "$@"; }

# ---- one process ----

start "$TMP/ks-O0" all || exit 1
all=$pid
dump -p "$all" >"$TMP/text" 2>"$TMP/err"
dump -p "$all" --json >"$TMP/json"

fields() { py '
assert isinstance(d["pid"], int) and d["pid"] == '"$all"' and d["name"] == "ks-O0", d["name"]
assert "ks-O0 all" in d["command"], d["command"]
for k in ("p50", "p99", "max", "stops", "skipped"): assert isinstance(d["pause_ns"][k], int), k
for x in d["threads"]:
    assert isinstance(x["tid"], int) and isinstance(x["name"], str) and isinstance(x["cpu_ns"], int)
    assert x["state"] in ("running", "runnable", "sleeping", "disk", "stopped", "zombie"), x["state"]
    for k in ("syscall", "waits_on"): assert x[k] is None or isinstance(x[k], str), k
    assert x["how"] in ("blocked", "stopped", "perf", "none")
    for f in x["frames"]:
        assert isinstance(f["function"], str) and f["function"]
        assert f["file"] is None or isinstance(f["file"], str)
        assert f["line"] is None or isinstance(f["line"], int)
        assert f["module"] is None or isinstance(f["module"], str)
        assert int(f["address"], 16) > 0 and isinstance(f["inlined"], bool)
        assert f["language"] is None or isinstance(f["language"], str)
' <"$TMP/json"; }
check "JSON has the fields and types of the contract" fields
main_first() { py '
tids = [x["tid"] for x in d["threads"]]
assert len(tids) == 17 and tids[0] == d["pid"] and tids[1:] == sorted(tids[1:]), tids' <"$TMP/json"; }
check "all threads are there, the main one first" main_first
sleepers() { py '
for n, x in t.items():
    assert (x["state"] == "sleeping") == (n != "spinner"), (n, x["state"])
    if n != "spinner": assert x["how"] == "blocked" and x["pause_ns"] == 0, (n, x["how"])
assert t["spinner"]["cpu_ns"] > max(x["cpu_ns"] for n, x in t.items() if n != "spinner")' <"$TMP/json"; }
check "sleeping threads are read without a stop, the spinner has the CPU time" sleepers
calls() { py '
want = {"locked": "futex(0x", "reader": "read(", "poller": "poll([{", "epoller": "epoll_wait(",
        "sleeper": "clock_nanosleep(CLOCK_MONOTONIC", "accepter": "accept(", "owner": "pause()"}
for n, c in want.items():
    assert t[n]["syscall"].startswith(c), (n, t[n]["syscall"])
    assert c.startswith(t[n]["syscall_name"]), t[n]["syscall_name"]
assert t["spinner"]["syscall"] is None' <"$TMP/json"; }
check "system calls are told with their arguments" calls
locks() { py '
w = t["locked"]["waits_on"]
assert w.startswith("mutex 0x") and w.endswith("held by thread %d (owner)" % t["owner"]["tid"]), w
w = t["joiner"]["waits_on"]
assert w == "thread %d (owner) to end" % t["owner"]["tid"], w
assert "pipe:[" in t["reader"]["waits_on"], t["reader"]["waits_on"]' <"$TMP/json"; }
check "a lock has its holder, a descriptor its file" locks
chains() { py '
def chain(n, *want):
    have = [f for f in names(t[n]) if f in want]
    assert have == list(want), (n, names(t[n]))
chain("reader", "read_2", "read_1", "run_role")
chain("owner", "own_2", "own_1", "run_role")
chain("spinner", "spin_3", "spin_2", "spin_1", "run_role")
chain("handled", "handler_read", "on_signal", "handle_2", "handle_1", "run_role")
chain("ks-O0", "wait_end", "hold", "all", "main")
f = [f for f in t["reader"]["frames"] if f["function"] == "read_1"][0]
assert f["file"].endswith("known_stacks.c") and f["language"] == "C" and f["module"].endswith("ks-O0")
src = open("tests/programs/known_stacks.c").read().split("\n")
assert "read_2();" in src[f["line"] - 1], f["line"]' <"$TMP/json"; }
check "stacks are the known chains, with lines" chains
text_form() {
	grep -q "^process $all (ks-O0)  .*ks-O0 all$" "$TMP/text" &&
		grep -Eq "^thread [0-9]+ \(locked\)  sleeping  cpu .*  in futex\(0x[^)]*\)  waits on mutex 0x[0-9a-f]+ held by thread [0-9]+ \(owner\)" "$TMP/text" &&
		grep -Eq "^ +[0-9]+  read_1 at known_stacks.c:[0-9]+  \(ks-O0\)$" "$TMP/text" &&
		grep -Eq "^ +[0-9]+  inline_b \(inlined\) at known_stacks.c:[0-9]+$" "$TMP/text" &&
		tail -n 1 "$TMP/text" | grep -Eq "^17 threads: 1[0-9] read without a stop, [0-9]+ stopped; (0 pauses|pause p50 .*, p99 .*, max .*)$" &&
		[ ! -s "$TMP/err" ]
}
check "text for people: process, threads, frames, the pause" text_form
check "whole paths if asked for" bash -c "'$PROF' dump -p $all --full-paths | grep -q 'at .*tests/programs/known_stacks.c:[0-9]*  (/.*/ks-O0)'"
none_stopped() { dump -p "$all" --nonblocking --json | py '
assert d["pause_ns"]["stops"] == 0 and all(x["how"] != "stopped" for x in d["threads"])
assert "own_2" in names(t["owner"])'; }
check "--nonblocking stops nothing" none_stopped
no_pauses() { dump -p "$all" --nonblocking | tail -n 1 | grep -q ', 0 stopped.*; 0 pauses$'; }
check "and says so" no_pauses
filtered() { dump -p "$all" --thread '^(owner|locked)$' --json | py 'assert sorted(t) == ["locked", "owner"], list(t)'; }
check "threads by name" filtered
by_tid() { dump -p "$all" --thread "$all" --json | py 'assert [x["tid"] for x in d["threads"]] == ['"$all"']'; }
check "threads by id" by_tid
unasked() { dump -p "$all" --thread reader --json | py 'assert d["pause_ns"]["stops"] == 0 and len(d["threads"]) == 1'; }
check "a thread that was not asked for is not stopped" unasked
check_fails 1 "a thread that is not there" "$PROF" dump -p "$all" --thread nobody
check_fails 2 "a pattern that is none" "$PROF" dump -p "$all" --thread '('
limited() {
	dump -p "$all" --max-frames 2 --thread reader | grep -q '^ *\[truncated\]$' &&
		dump -p "$all" --max-frames 2 --thread reader --json | py '
x = t["reader"]
assert x["truncated"] and x["frames"][-1]["function"] == "[truncated]" and x["frames"][-1]["address"] is None
assert len([f for f in x["frames"] if not f["inlined"]]) == 3'
}
check "a limit on frames is marked" limited

# ---- what cannot be dumped ----

for bad in 0 -1 abc 99999999999 1,x ''; do check_fails 2 "pid '$bad' is a mistake" "$PROF" dump -p "$bad"; done
check_fails 2 "no pid" "$PROF" dump
check_fails 2 "an operand" "$PROF" dump "$all"
check_fails 2 "a core and a process" "$PROF" dump --core x -p "$all"
check_fails 2 "a sysroot without a core" "$PROF" dump --sysroot / -p "$all"
check_fails 2 "no frames at all" "$PROF" dump -p "$all" --max-frames 0
gone() {
	local p
	sh -c : & p=$!
	wait "$p"
	"$PROF" dump -p "$p" 2>"$TMP/gone"
	[ $? -eq 1 ] && grep -q "no process $p" "$TMP/gone"
}
check "a process that has ended is named" gone
start "$TMP/ks-O2" all || exit 1
several() {
	dump -p "$all,$pid" --json | py '
assert [p["name"] for p in d["processes"]] == ["ks-O0", "ks-O2"], d.keys()
assert all(len(p["threads"]) == 17 for p in d["processes"])' && dump -p "$all" -p "$pid" | grep -c '^process ' | grep -qx 2
}
check "several processes" several
one_of_two() {
	local p rc
	sh -c : & p=$!
	wait "$p"
	dump -p "$all,$p" --json >"$TMP/two" 2>"$TMP/two.err"
	rc=$?
	py 'ok, bad = sorted(d["processes"], key=lambda p: "error" in p)
assert len(ok["threads"]) == 17 and bad["pid"] == '"$p"' and bad["error"]' <"$TMP/two" && [ "$rc" -eq 1 ] && grep -q "no process $p" "$TMP/two.err"
}
check "of two processes the one that is there is shown" one_of_two
end_all
started=()

# ---- many threads ----

start "$TMP/ks-O2" deep 50 21 || exit 1
fifty() { dump -p "$pid" --json | py '
assert len(d["threads"]) == 51
for x in d["threads"][1:]:
    assert len([f for f in x["frames"] if f["function"] == "deep"]) == 22, names(x)
    assert len([f for f in x["frames"] if not f["inlined"]]) >= 25'; }
check "50 threads of 25 frames" fifty
folded() {
	dump -p "$pid" >"$TMP/folded" && grep -q "^ *49 more threads with this stack: [0-9]* (deep-1), .*, … (--all shows each)$" "$TMP/folded" &&
		[ "$(grep -c '^thread ' "$TMP/folded")" -eq 2 ] && [ "$(dump -p "$pid" --all | grep -c '^thread ')" -eq 51 ]
}
check "equal stacks are shown once, unless all are wanted" folded
stop
if start "$TMP/ks-O2" deep 5000 4; then
	thousands() { timeout 30 "$PROF" dump -p "$pid" --json | py '
assert len(d["threads"]) == 5001
assert sum(names(x).count("deep") == 5 for x in d["threads"]) == 5000
assert d["pause_ns"]["stops"] == 0'; }
	check "5,000 threads" thousands
else
	skip "5,000 threads" "this machine does not give as many: $(cat "$TMP/start.err")"
fi
stop

# ---- restless processes ----

restless() { # 15 dumps, each a good answer or a clear refusal; the process is there in the end
	local i rc
	for ((i = 0; i < 15; i++)); do
		timeout 20 "$PROF" dump -p "$pid" --json >"$TMP/out" 2>"$TMP/err"
		rc=$?
		case $rc in
		0) py 'assert d["threads"] and d["pid"] == '"$pid" <"$TMP/out" || return 1 ;;
		1) grep -q '^protea-prof: error: ' "$TMP/err" || return 1 ;;
		*) echo "exit code $rc"; cat "$TMP/err"; return 1 ;;
		esac
	done
	kill -0 "$pid"
}
for mode in "churn threads that come and go" "exec a program that executes itself all the time" "fork a program that forks all the time"; do
	start "$TMP/ks-O2" "${mode%% *}" || exit 1
	check "${mode#* }" restless
	stop
done

# ---- programs of all kinds ----

has_chain() { # PID: the reader's chain with lines
	dump -p "$1" --json | py 'f = [x for x in t["reader"]["frames"] if x["function"] in ("read_2", "read_1", "run_role")]
assert [x["function"] for x in f] == ["read_2", "read_1", "run_role"], names(t["reader"])
assert all(x["line"] for x in f)'
}
cp "$TMP/ks-O2" "$TMP/ks-gone" && start "$TMP/ks-gone" all && rm "$TMP/ks-gone"
check "a program that was deleted" has_chain "$pid"
stop
cp "$TMP/ks-O2" "$TMP/new" && start "$TMP/new" all && cp "$TMP/ks-O0" "$TMP/newer" && mv "$TMP/newer" "$TMP/new"
check "a program that was replaced" has_chain "$pid"
stop
if build static -O2 -static 2>/dev/null; then
	start "$TMP/ks-static" all
	check "a static program" has_chain "$pid"
	stop
else
	skip "a static program" "there is no static libc"
fi
strip -o "$TMP/ks-stripped" "$TMP/ks-O2" && start "$TMP/ks-stripped" all
stripped() {
	dump -p "$pid" --json | py '
a = [f for f in t["reader"]["frames"] if f["module"].endswith("ks-stripped")]
assert len(a) == 3 and all(f["function"].startswith("[unknown in ks-stripped+0x") for f in a), a
assert names(t["reader"])[-1] in ("clone3", "__clone3", "clone"), names(t["reader"])'
}
check "a stripped program: whole stacks, addresses for names" stripped
stop
cat >"$TMP/names.cc" <<-'END'
	#include <cstdio>
	#include <string>
	#include <unistd.h>
	#define AFTER __asm__ volatile("" ::: "memory")
	namespace outer {
	namespace {
	template <typename T> struct Box {
		T value;
		__attribute__((noinline)) void wait(const std::string &s)
		{
			char c;
			puts(s.c_str());
			fflush(stdout);
			while (read(0, &c, 1) > 0)
				;
			AFTER;
		}
	};
	}
	__attribute__((noinline)) void enter(Box<double> b)
	{
		auto l = [&](int) { b.wait("ready"); AFTER; };
		l(3);
		AFTER;
	}
	}
	int main() { outer::enter({1.5}); return 0; }
END
if "${CXX:-g++}" -g -O1 "$TMP/names.cc" -o "$TMP/names" 2>"$TMP/cxx.err"; then
	start "$TMP/names"
	cxx() { dump -p "$pid" --json | py '
n = names(d["threads"][0])
assert any("outer::(anonymous namespace)::Box<double>::wait" in x for x in n), n
assert any(x.startswith("outer::enter") for x in n), n
assert not any("_ZN" in x for x in n), n
assert [f["language"] for f in d["threads"][0]["frames"] if f["function"] == "main"] == ["C++"]'; }
	check "names of C++" cxx
	stop
else
	skip "names of C++" "there is no C++ compiler"
fi
start python3 -c 'import sys; print("ready", flush=True); sys.stdin.read()'
interpreter() { dump -p "$pid" --json | py '
x = d["threads"][0]
assert x["syscall"].startswith("read(0"), x["syscall"]
assert x["frames"][-1]["function"] == "_start", names(x)
assert x["complete"] and len(x["frames"]) > 8, names(x)'; }
check "an interpreter" interpreter
stop

# ---- passwords in command lines ----

pad=$(printf '%0*d' 16 0)
start python3 -c 'print("ready",flush=True);input()' "postgresql://me:geheim$pad@host/db" password=geheim
hides() { dump -p "$pid" "$@" >"$TMP/hidden" && grep -q 'postgresql://me:\*\*\*@host/db password=\*\*\*' "$TMP/hidden" && ! grep -q geheim "$TMP/hidden"; }
check "passwords in arguments are not shown" hides --full-paths
check "nor in JSON" hides --json
if command -v gcore >/dev/null; then
	gcore -o "$TMP/secret" "$pid" >"$TMP/gcore.log" 2>&1
	# the kernel's cores have the first 79 bytes of the arguments (gcore's none), without the sign that ends the password
	python3 - "$TMP/secret.$pid" <<-'END'
		import struct, sys
		core = bytearray(open(sys.argv[1], "rb").read())
		at = core.index(struct.pack("<III", 5, 136, 3) + b"CORE\0") + 20 + 56 # NT_PRPSINFO, pr_psargs
		core[at:at + 80] = (b"export --work postgresql://me:" + b"geheim" * 9)[:79] + b"\0"
		open(sys.argv[1], "wb").write(core)
	END
	hides_cut() { "$PROF" dump --core "$TMP/secret.$pid" --json >"$TMP/hidden" && grep -q 'postgresql://me:\*\*\*' "$TMP/hidden" && ! grep -q geheim "$TMP/hidden"; }
	check "nor those of a core, which are cut off" hides_cut
else
	skip "passwords in a core's arguments" "gdb's gcore is not installed"
fi
stop
exit $((tap_failed > 0))
