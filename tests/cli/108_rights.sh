#!/bin/bash
# An unprivileged user, root without its capabilities, user namespaces, processes that hide, system call filters: each
# missing right is named, with a line that grants it and the road that needs none; check, dump, record and top say the same.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
started=
trap 'kill -9 $started 2>/dev/null; rm -rf "$TMP"' EXIT
if [ "$(id -u)" != 0 ] || ! command -v setpriv >/dev/null; then
	skip "rights" "root and setpriv are needed, to become others"
	echo "1..$tap_n"
	exit 0
fi
# Where everybody may go, whatever the checkout's folders allow.
chmod 711 "$TMP"
cp "$PWD/$O/protea-prof" "$PWD/$O/libprotea-prof.so" "$TMP/" || exit 1
mkdir -m 777 "$TMP/free"
PROF=$TMP/protea-prof
cd "$TMP/free" || exit 1
export HOME=$TMP/free PROTEA_PROF_CACHE=$TMP/free/cache
unset KUBERNETES_SERVICE_HOST
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
lesser=(setpriv "--bounding-set=-sys_ptrace,-perfmon,-sys_admin" "--inh-caps=-all")
if ! "${nobody[@]}" "$PROF" --version >/dev/null 2>&1; then
	skip "rights" "$TMP is out of reach for others"
	echo "1..$tap_n"
	exit 0
fi

start() {
	"$@" &
	pid=$!
	started="$started $pid"
	wait_for 30 runs "$pid"
}
stop() {
	kill -9 "$@" 2>/dev/null
	wait "$@" 2>/dev/null
}
runs() { [ "$(cat "/proc/$1/comm")" = "$comm" ] && grep -q '^State:.S' "/proc/$1/status"; } # and sleeps
comm="sleep"
right() { # FILE right field
	python3 -c 'import json, sys
print(next(c[sys.argv[3]] for c in json.load(open(sys.argv[1]))["rights"] if c["right"] == sys.argv[2]))' "$@"
}
# granted "READ PTRACE PERF FILES" PID CMD…: what check -p says as somebody else; the report stays in "out"
granted() {
	local want=$1 p=$2
	shift 2
	"$@" "$PROF" check -p "$p" --json >out 2>err
	local rc=$? got
	got=$(python3 -c 'import json
print(*("yn"[not r["granted"]] for r in json.load(open("out"))["rights"]))') || { cat err; return 1; }
	[ "$got" = "$want" ] || { echo "rights are $got, not $want"; cat out; return 1; }
	[ $rc -eq "$([ "${want:0:1}" = y ] && echo 0 || echo 1)" ]
}
# says RIGHT FIELD WORDS…: of the last report
says() {
	local text w
	text=$(right out "$1" "$2")
	shift 2
	for w in "$@"; do
		case "$text" in *"$w"*) ;; *) echo "'$w' is not in: $text"; return 1 ;; esac
	done
}
# The commands say what check says: all_say PID WORDS… -- CMD… (how to become somebody else)
all_say() {
	local p=$1 words=() c w
	shift
	while [ "$1" != -- ]; do
		words+=("$1")
		shift
	done
	shift
	for c in "dump" "record -d 0.1s -o denied.sqlite" "top --once --interval 0.1s"; do
		# shellcheck disable=SC2086
		"$@" "$PROF" $c -p "$p" >said 2>&1 && { echo "$c: is not refused"; return 1; }
		for w in "${words[@]}" "process $p" "protea-prof run"; do
			grep -qF -- "$w" said || { echo "$c does not say '$w':"; cat said; return 1; }
		done
	done
}
perf=n
python3 - <<'P' && perf=y
import ctypes, os, struct, sys
attr = bytearray(112)
struct.pack_into("<IIQQ", attr, 0, 1, 112, 1, 1000000)
struct.pack_into("<Q", attr, 40, 1 | 1 << 5 | 1 << 6)
os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
sys.exit(ctypes.CDLL(None).syscall(298, (ctypes.c_char * 112).from_buffer(attr), 0, -1, -1, 0) < 0)
P
yama=$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)

# ---- users ---------------------------------------------------------------------------------------------

start sleep 3600
roots=$pid
start "${nobody[@]}" sleep 3600
nobodys=$pid
start setpriv --reuid=65533 --regid=65533 --clear-groups sleep 3600
others=$pid

nobody_on_root() {
	granted "n n n n" "$roots" "${nobody[@]}" && says read why "it belongs to root (uid 0), we are uid 65534" CAP_SYS_PTRACE &&
		says perf why CAP_PERFMON && says read remedy "$PROF" "-p $roots" && says read other "protea-prof run" &&
		all_say "$roots" "it belongs to root (uid 0), we are uid 65534" "-p $roots" -- "${nobody[@]}"
}
check "nobody, on root's process: another user's, by which line, and what else" nobody_on_root
nobody_on_other() {
	granted "n n n n" "$others" "${nobody[@]}" && says read why "it belongs to another user (uid 65533), we are uid 65534" &&
		all_say "$others" "another user (uid 65533)" -- "${nobody[@]}"
}
check "nobody, on another user's process" nobody_on_other
own() {
	granted "y y $perf y" "$nobodys" "${nobody[@]}" && says files why map_files || return 1
	"${nobody[@]}" "$PROF" dump -p "$nobodys" >said 2>&1 || { cat said; return 1; }
	grep -q nanosleep said || { cat said; return 1; }
	"${nobody[@]}" "$PROF" top --once --interval 0.1s -p "$nobodys" >said 2>&1 || { cat said; return 1; }
	"${nobody[@]}" "$PROF" record -q -d 0.1s -o own.sqlite -p "$nobodys" >said 2>&1 || { cat said; return 1; }
}
if [ "$yama" = 0 ]; then
	check "nobody, on its own process: everything works" own
else
	skip "nobody, on its own process" "Yama's ptrace_scope is $yama"
fi
sudo_line() { # what is to be typed is what was typed
	"${nobody[@]}" "$PROF" dump --json -p "$roots" 2>said
	grep -qF "$PROF dump --json -p $roots" said
}
check "the line to type with more rights is the one that was typed" sudo_line
check "root, on nobody's process" granted "y y y y" "$nobodys"

# ---- capabilities --------------------------------------------------------------------------------------

lesser_root() {
	granted "n n n n" "$nobodys" "${lesser[@]}" && says read why "root here has not all of root's rights" CAP_SYS_PTRACE &&
		says read remedy SYS_PTRACE && all_say "$nobodys" SYS_PTRACE -- "${lesser[@]}" &&
		granted "n n n n" "$roots" "${lesser[@]}" && says read why "it has capabilities that we have not"
}
check "root without CAP_SYS_PTRACE" lesser_root
perfmon() { # samples without pauses, but no look into its memory
	granted "n n y n" "$roots" setpriv --bounding-set=-sys_ptrace,-sys_admin --inh-caps=-all || return 1
	granted "y y y y" "$roots" setpriv --bounding-set=-perfmon,-sys_admin --inh-caps=-all || return 1 # CAP_SYS_PTRACE will do
	granted "n n n n" "$roots" setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs && says read remedy no_new_privs
}
if [ "$perf" = y ]; then
	check "CAP_PERFMON alone; no_new_privs" perfmon
else
	skip "CAP_PERFMON alone; no_new_privs" "users have no perf events here"
fi
kubernetes() {
	KUBERNETES_SERVICE_HOST=10.0.0.1 granted "n n n n" "$nobodys" "${lesser[@]}" &&
		says read remedy "kubectl debug -it POD" "--target=CONTAINER" "--profile=general" "add: [SYS_PTRACE]" "shareProcessNamespace: true" &&
		says perf remedy "--profile=sysadmin" "add: [PERFMON]" &&
		KUBERNETES_SERVICE_HOST=10.0.0.1 all_say "$nobodys" "kubectl debug -it POD" -- "${lesser[@]}"
}
check "in a pod the remedy is kubectl's" kubernetes

# ---- dumpable, namespaces, filters ---------------------------------------------------------------------

cat >hide.c <<'END'
#include <sys/prctl.h>
#include <unistd.h>
int main(void)
{
	prctl(PR_SET_DUMPABLE, 0);
	pause();
	return 0;
}
END
is_hidden() { [ "$(stat -c %u "/proc/$1/maps")" = 0 ]; }
hidden() {
	"${CC:-gcc}" hide.c -o hide || return 1
	comm=hide
	start "${nobody[@]}" ./hide
	comm="sleep"
	wait_for 30 is_hidden "$pid" || return 1
	granted "n n n n" "$pid" "${nobody[@]}" && says read why "not dumpable" PR_SET_DUMPABLE && all_say "$pid" "not dumpable" -- "${nobody[@]}"
	local rc=$?
	stop "$pid"
	return $rc
}
check "a process that is not dumpable" hidden
userns() {
	granted "n n n n" "$roots" unshare -U -r && says read why "not in our user namespace" && says read remedy "outside our user namespace" &&
		all_say "$roots" "not in our user namespace" -- unshare -U -r || return 1
	start unshare -U -r sleep 3600
	granted "y y y y" "$pid" || { stop "$pid"; return 1; }
	granted "n n n n" "$pid" "${nobody[@]}" && says read why "not in our user namespace"
	local rc=$?
	stop "$pid"
	return $rc
}
if unshare -U -r true 2>/dev/null; then
	check "user namespaces" userns
else
	skip "user namespaces" "there are none here"
fi

# Filters system calls as container engines do, then runs CMD.
cat >filter.py <<'P'
import ctypes, os, struct, sys
action = 0x80000000 if sys.argv[1] == "kill" else 0x00050000 | int(sys.argv[1])
calls = [int(n) for n in sys.argv[2].split(",")]
code = [struct.pack("<HBBI", 0x20, 0, 0, 0)]
for n in calls:
    code += [struct.pack("<HBBI", 0x15, 0, 1, n), struct.pack("<HBBI", 0x06, 0, 0, action)]
code.append(struct.pack("<HBBI", 0x06, 0, 0, 0x7fff0000))
text = ctypes.create_string_buffer(b"".join(code))
prog = struct.pack("<HxxxxxxQ", len(code), ctypes.addressof(text))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.c_char_p(prog), 0, 0) == 0
os.execv(sys.argv[3], sys.argv[3:])
P
filtered() {
	granted "y y n y" "$roots" python3 filter.py 1 298 && says perf why "seccomp filter" perf_event_open && says perf remedy perf_event_open || return 1
	granted "y y n y" "$roots" python3 filter.py 38 298 && says perf why "seccomp filter" || return 1 # ENOSYS
	granted "n n n y" "$roots" python3 filter.py kill 298,310,101 && says read why "seccomp filter" || return 1 # as systemd does
	granted "n n n y" "$roots" python3 filter.py 1 298,310,101 && says read why "seccomp filter" process_vm_readv && says ptrace why ptrace || return 1
	# The samplers do without perf events, and say why.
	python3 filter.py 1 298 "$PROF" record -d 0.1s -o filtered.sqlite -p "$roots" >said 2>&1 || { cat said; return 1; }
	[ "$(sqlite3 filtered.sqlite 'SELECT engine FROM run')" != perf ]
}
if [ "$(uname -m)" = x86_64 ]; then
	check "seccomp filters, as engines set them" filtered
fi
hidepid() { # /proc that shows one's own processes only
	unshare --mount sh -c 'mount -t proc -o hidepid=2 proc /proc && exec "$@"' - "${nobody[@]}" "$PROF" check -p "$roots" >said 2>&1 && return 1
	grep -q "process $roots is there but hidden from us" said && grep -q hidepid=0 said
}
if unshare --mount sh -c 'mount -t proc -o hidepid=2 proc /proc' 2>/dev/null; then
	check "a /proc that hides other users' processes" hidepid
else
	skip "a /proc that hides other users' processes" "no mount namespaces here"
fi
foreign_proc() { # numbers of one namespace, /proc of another
	unshare --pid --fork "$PROF" check -p "$roots" >said 2>&1 && return 1
	grep -q 'another pid namespace' said && grep -q 'mount -t proc proc /proc' said
}
if unshare --pid --fork true 2>/dev/null; then
	check "a /proc of another pid namespace is not trusted" foreign_proc
else
	skip "a /proc of another pid namespace is not trusted" "no pid namespaces here"
fi
stop "$roots" "$nobodys" "$others"

echo "1..$tap_n"
[ "$tap_failed" -eq 0 ]
