#!/bin/bash
# Targets that live elsewhere: their own mount, pid and user namespaces, a chroot, a file that is gone or another one by
# now, no file at all. dump and record name functions and lines all the same.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/live_rig.sh
. tests/cli/live_rig.sh
PROF=$PWD/$O/protea-prof
S=$TMP/s.sqlite
mkdir "$TMP/cache" "$TMP/hidden" "$TMP/bin"
export PROTEA_PROF_CACHE=$TMP/cache
started=
inner=
pid=
trap 'kill -9 $started $inner 2>/dev/null; rm -rf "$TMP"' EXIT

if [ "$(id -u)" != 0 ] || ! unshare -m true 2>/dev/null; then
	skip "other namespaces" "they need root"
	exit 0
fi

# Spins in hot(), called by outer(); its second thread "sleeper" waits in doze(). The one line of hot() is marked.
cat >"$TMP/place.c" <<'END'
#include <pthread.h>
#include <signal.h>
#include <unistd.h>
#define NOINLINE __attribute__((noinline, noclone))
volatile unsigned long sink;
NOINLINE void hot(void)
{
	for (unsigned long i = 0; i < 100000; i++) sink += i; /* HOT */
}
NOINLINE void outer(void)
{
	for (;;) {
		hot();
		sink++;
	}
}
NOINLINE void doze(void)
{
	pause();
	sink++;
}
void *sleeper(void *p)
{
	pthread_setname_np(pthread_self(), "sleeper");
	doze();
	return p;
}
int main(void)
{
	pthread_t t;

	pthread_create(&t, NULL, sleeper, NULL);
	outer();
	return 0;
}
END
line=$(grep -n 'HOT \*/' "$TMP/place.c" | cut -d: -f1)
cc=${CC:-gcc}
"$cc" -D_GNU_SOURCE -O1 -g -pthread "$TMP/place.c" -o "$TMP/bin/place" &&
	"$cc" -D_GNU_SOURCE -O1 -g -pthread -static "$TMP/place.c" -o "$TMP/bin/static" &&
	cp "$TMP/bin/place" "$TMP/bin/stripped" && strip "$TMP/bin/stripped" || exit 1

# start CMD…: in the background, $pid. Not inside of check, whose output it would hold open.
start() {
	"$@" >/dev/null 2>&1 &
	started="$started $!"
	pid=$!
	program=place
	disown
}
# The process of that name, $pid or below it when unshare forked.
find_below() {
	local p
	for p in $(pgrep -x "$program"); do
		[ "$p" != "$pid" ] && [ "$(ps -o ppid= -p "$p" | tr -d ' ')" = "$pid" ] && { inner=$p; return 0; }
	done
	[ "$(cat "/proc/$pid/comm")" = "$program" ] && { inner=$pid; return 0; }
	return 1
}
# Its thread has its name and sleeps, the other one runs.
has_sleeper() {
	local t
	for t in "/proc/$1"/task/*; do
		if grep -qsx sleeper "$t/comm" && grep -qs '^State:.S' "$t/status"; then has_used "$1" 3 && return; fi
	done
	return 1
}

# dump_names PID: the spinning thread is in outer (and perhaps hot) below main, the other in doze below sleeper
dump_names() {
	"$PROF" dump -p "$1" --json >"$TMP/dump.json" || return 1
	python3 - "$TMP/dump.json" "$line" <<'END'
import json, sys
d = json.load(open(sys.argv[1]))
t = {x["name"]: x for x in d["threads"]}
assert len(d["threads"]) == 2, [x["name"] for x in d["threads"]]
main = [x for x in d["threads"] if x["name"] != "sleeper"][0]
f = [x["function"] for x in main["frames"]]
assert "outer" in f and f.index("main") == f.index("outer") + 1, f
if f[0] == "hot":
    assert main["frames"][0]["file"].endswith("place.c"), main["frames"][0]
g = [x["function"] for x in t["sleeper"]["frames"]]
assert g.index("sleeper") == g.index("doze") + 1, g
assert "pause" in t["sleeper"]["syscall"] or "pause" in g[0], t["sleeper"]
END
}
# record_names PID: 90 % and more of the CPU time are hot, with the marked line
record_names() {
	rm -f "$S"
	record_while "$S" names uses 40 "$1" -- "$PROF" record -q -p "$1" -n names -r 400 -o "$S" || return 1
	"$PROF" report --store "$S" --by line --json >"$TMP/lines.json" || return 1
	python3 - "$TMP/lines.json" "place.c:$line" <<'END'
import json, sys
d = json.load(open(sys.argv[1]))
text = json.dumps(d)
rows = d["rows"]
total = sum(r["self"] for r in rows)
hot = sum(r["self"] for r in rows if sys.argv[2] in json.dumps(r))
assert total > 0 and hot > 0.9 * total, (hot, total, text[:600])
END
}
both() {
	if ! wait_for 30 find_below || ! wait_for 30 has_sleeper "$inner"; then
		echo "it did not start"
		return 1
	fi
	dump_names "$inner" && record_names "$inner"
}
end() {
	find_below
	# shellcheck disable=SC2086
	kill -9 $inner $started 2>/dev/null
	inner=
	started=
}

# A program that exists only on a file system of its own mount namespace.
in_mounts="mount -t tmpfs none '$TMP/hidden' && cp '$TMP/bin/place' '$TMP/hidden/place' && exec '$TMP/hidden/place'"
start unshare -m sh -c "$in_mounts"
only_there() { both && [ ! -e "$TMP/hidden/place" ]; }
check "a program that only its own mount namespace has" only_there
end

# Another program under the same path here: build ids tell them apart.
cp "$TMP/bin/static" "$TMP/hidden/place"
start unshare -m sh -c "$in_mounts"
check "while another program has its path here" both
end
rm -f "$TMP/hidden/place"

start unshare -p -f -m --mount-proc "$TMP/bin/place"
check "a pid namespace" both
end

if unshare -U -r true 2>/dev/null; then
	start unshare -U -r "$TMP/bin/place"
	check "a user namespace" both
	end
else
	skip "a user namespace" "the kernel has none for us"
fi

mkdir -p "$TMP/root/bin"
cp "$TMP/bin/place" "$TMP/root/bin/"
for lib in $(ldd "$TMP/bin/place" | grep -o '/[^ ]*'); do
	mkdir -p "$TMP/root$(dirname "$lib")" && cp "$lib" "$TMP/root$lib"
done
start chroot "$TMP/root" /bin/place
check "a chroot" both
end

cp "$TMP/bin/place" "$TMP/gone"
start "$TMP/gone"
program=gone
wait_for 30 has_sleeper "$pid" && rm "$TMP/gone"
check "a program whose file was deleted" both
end

cp "$TMP/bin/place" "$TMP/upgraded"
start "$TMP/upgraded"
program=upgraded
wait_for 30 has_sleeper "$pid" && cp "$TMP/bin/static" "$TMP/new" && mv "$TMP/new" "$TMP/upgraded"
check "a program that was upgraded while it runs" both
end

# Its name is the number of a descriptor.
start python3 -c '
import os, sys
fd = os.memfd_create("place")
os.write(fd, open(sys.argv[1], "rb").read())
os.execve(fd, ["place"], {})' "$TMP/bin/place"
wait_for 30 has_sleeper "$pid"
inner=$pid
never_a_file() { dump_names "$inner" && record_names "$inner"; }
check "a program that was never a file" never_a_file
end

start "$TMP/bin/static"
program=static
check "a static program" both
end

# Without symbols only addresses have names; the shape of the stacks is the same.
start "$TMP/bin/stripped"
wait_for 30 has_sleeper "$pid"
inner=$pid
without_symbols() {
	"$PROF" dump -p "$inner" --json >"$TMP/dump.json" || return 1
	python3 - "$TMP/dump.json" <<'END'
import json, sys
t = {x["name"]: x for x in json.load(open(sys.argv[1]))["threads"]}
f = t["sleeper"]["frames"]
own = [x for x in f if x["module"].endswith("stripped")]
assert len(own) == 2, f
assert all("stripped+0x" in x["function"] for x in own), own
END
}
check "a stripped program" without_symbols
end
[ $tap_failed -eq 0 ]
