#!/bin/bash
# protea-prof top: one frame as text and JSON against programs with known answers, frames until the target ends,
# refusals; and the live view on a terminal of tmux: tabs, tree, sort, filter, pause, reset, help, sizes, Ctrl-Z, and
# the terminal as it was on every way out.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
P=$PWD/$O/samples/programs
FRAMES=$PWD/tests/cli/top_frames.py
MUX=(tmux -L "protea-top-$$" -f /dev/null)
finish() {
	"${MUX[@]}" kill-server 2>/dev/null
	[ ! -s "$TMP/started" ] || xargs kill -KILL <"$TMP/started" 2>/dev/null
	rm -rf "$TMP"
}
trap finish EXIT
unset NO_COLOR CLICOLOR_FORCE TMUX
export TMUX_TMPDIR=$TMP

# begin PROGRAM ARG…: in the background; its pid in $pid.
begin() {
	"$P/$1" "${@:2}" >/dev/null 2>&1 &
	pid=$!
	echo "$pid" >>"$TMP/started" # also in a subshell of check
	wait_for 30 grep -q "/$1\$" "/proc/$pid/maps"
}
end() {
	kill -KILL "$1" 2>/dev/null
	wait "$1" 2>/dev/null
	return 0
}
# says PATTERN FILE
says() { grep -qE -- "$1" "$2" || { cat "$2"; return 1; }; }

# ---- refusals ------------------------------------------------------------------------------------------

refused() { # CODE PATTERN ARG…
	local want=$1 pattern=$2 rc
	shift 2
	"$PROF" top "$@" >"$TMP/out" 2>"$TMP/talk" </dev/null
	rc=$?
	[ "$rc" -eq "$want" ] && [ ! -s "$TMP/out" ] && says "$pattern" "$TMP/talk"
}
check "without a process it says how to name one" refused 2 'which process' --once
check "a mode that is none is refused" refused 2 'cpu or wall' --once -p 1 --mode both
check "an engine that is none is refused" refused 2 'auto, perf, clock' --once -p 1 --engine x
check "pid 0 is refused as no pid" refused 2 '0' --once -p 0
check "a process that does not exist" refused 1 'process 4194000' --once -p 4194000
check "an interval that would show top its own work" refused 2 'at least 10ms' --once -p 1 --interval 1us
check "a rate that cannot be reached" refused 2 'at most 10khz' --once -p 1 -r 50khz
check "a name that nobody has" refused 1 'no-such-program-anywhere' --once --name no-such-program-anywhere
check "without a terminal the live view says what there is instead" refused 2 'terminal.*--once' -p 1

# ---- frames --------------------------------------------------------------------------------------------

if [ ! -x "$P/split" ]; then
	skip "frames of programs with known answers" "make sample-programs has not been run"
	exit 0
fi

ran() { "$PROF" top -p "$pid" --once --json --interval 300ms >"$TMP/frame" && ! grep -q '^ "samples": 0,' "$TMP/frame"; }
frame() { # one frame of $pid, which had a CPU meanwhile, as JSON has the fields that scripts rely on
	wait_for 30 ran || return 1
	/usr/bin/python3 - "$TMP/frame" "$pid" <<'EOP'
import json, sys
f, pid = json.load(open(sys.argv[1])), int(sys.argv[2])
assert 250e6 < f["interval_ns"] < 30e9 and f["samples"] > 0 and f["pid"] == pid, f
for row in f["functions"]:
    assert row["function"] and isinstance(row["module"], str), row
    assert 0 <= row["self_ns"] <= row["total_ns"] <= sum(r["self_ns"] for r in f["functions"]) + 5, row
assert any(row["module"].endswith("/split") for row in f["functions"])
for t in f["threads"]:
    assert t["tid"] > 0 and t["name"] == "split" and t["state"] in ("running", "runnable", "sleeping"), t
    assert 0 < t["cpu_ns"] <= t["total_cpu_ns"] and t["cpu_pct"] > 0, t
for key in "cpu_pct rss_bytes minor_faults_per_s engine lost pause_ns own_cpu_pct rate_hz kind".split():
    assert key in f, key
assert f["rss_bytes"] > 4096 and f["kind"] == "cpu" and not f["ended"], f
EOP
}
three_ran() { COLUMNS=100 "$PROF" top -p "$pid" --once --interval 300ms >"$TMP/text" && grep -q ' three  split$' "$TMP/text"; }
text() {
	wait_for 30 three_ran || return 1
	says "^split \($pid\)" "$TMP/text" && says '^CPU [0-9.]+ %  threads 1, ' "$TMP/text" &&
		says '%.* three  split$' "$TMP/text" && says "^ +$pid .*% .* split +(three|one)" "$TMP/text" &&
		! grep -nE '^.{101}' "$TMP/text"
}
live=(--json --interval 200ms)
begin split 1000
split=$pid
if [ -x /usr/bin/python3 ]; then
	check "a frame as JSON" frame
	check "shares of functions and lines are those of the program" "$FRAMES" self:three=0.75 self:one=0.25 \
		total:work=1 total:main=1 line:split.c=1 sums -- "$PROF" top "${live[@]}" -r 999 -p "$split"
	# Where the machine stalls for long while a thread is held, the watchdog ends it (137): once more then, not otherwise.
	stopping_threads() {
		local rc=137 tries=0
		while [ $rc -eq 137 ] && [ $((tries++)) -lt 5 ]; do
			"$FRAMES" -n 80 self:three=0.75 total:main=1 -- "$PROF" top "${live[@]}" --engine clock -p "$split"
			rc=$?
		done
		return $rc
	}
	check "… with threads stopped for microseconds" stopping_threads
	begin threads 1000
	threads=$pid
	check "threads with names, states, CPU time and system calls" "$FRAMES" self:nine=0.9 total:worker=1 \
		state:threads=sleeping call:threads=futex function:w1=nine sums \
		-- "$PROF" top "${live[@]}" -r 999 -p "$threads"
	# what each gets of the processors is the scheduler's business, and other programs'
	check "two processes at once" "$FRAMES" as:worker=w as:work=split \
		-- "$PROF" top "${live[@]}" -r 999 -p "$split,$threads"
	end "$threads"
	begin recurse 1000
	check "a function that calls itself counts once" "$FRAMES" self:leaf=1 total:down=0.5 total:even=0.5 total:main=1 \
		-- "$PROF" top "${live[@]}" -r 999 -p "$pid"
	end "$pid"
	begin inline 1000
	check "inlined functions are rows" "$FRAMES" self:inner=0.75 total:outer=0.75 self:plain=0.25 \
		-- "$PROF" top "${live[@]}" -r 999 --name "$P/inline"
	end "$pid"
	begin sleepy 1000
	check "wall mode shows where threads sleep" "$FRAMES" -n 300 state:sleeper=sleeping call:sleepy=futex \
		total:sleeper=0.33 total:main=0.33 -- "$PROF" top "${live[@]}" --mode wall -p "$pid"
	end "$pid"
else
	skip "frames as JSON" "python3 is missing"
fi
pid=$split
check "a frame as text" text

full() { # DISK is full
	"$PROF" top -p "$split" --once --interval 100ms "$@" >/dev/full 2>"$TMP/talk"
	[ $? -eq 1 ] && says 'cannot write' "$TMP/talk"
}
check "text that cannot be written is a failure" full
check "so is JSON" full --json
becomes() { # another program while it is looked at
	local frames=$TMP/becomes
	bash -c "$P/split 1000; exec $P/recurse 1000" >/dev/null 2>&1 &
	pid=$!
	echo "$pid" >>"$TMP/started"
	"$PROF" top -p "$pid" --children --json --interval 100ms >"$frames" &
	local top=$!
	echo "$top" >>"$TMP/started"
	wait_for 20 grep -q '"function":"three"' "$frames" && kill "$(pgrep -P "$pid" -x split)" && wait_for 20 grep -q '"function":"down"' "$frames" &&
		wait_for 20 grep -q '"name":"recurse","processes":1' "$frames"
	local rc=$?
	pkill -9 -P "$pid"
	end "$pid"
	wait "$top" && [ $rc -eq 0 ]
}
check "children, and a process that becomes another program" becomes
unprivileged() {
	runuser -u nobody -- "$PROF" top -p "$split" --once >"$TMP/out" 2>"$TMP/talk"
	[ $? -eq 1 ] && [ ! -s "$TMP/out" ] && says 'sudo|CAP_|setcap|root' "$TMP/talk"
}
if [ "$(id -u)" = 0 ] && runuser -u nobody -- "$PROF" --version >/dev/null 2>&1; then
	check "without the right to look the refusal says which line grants it" unprivileged
else
	skip "without the right to look the refusal says which line grants it" "needs root and a program that nobody may run"
fi
ends() { # a target that ends: its last frame says so, and that is no failure
	local rc
	begin threads 100000
	rm -f "$TMP/frames"
	"$PROF" top -p "$pid" --json --interval 100ms >"$TMP/frames" 2>"$TMP/talk" &
	local top=$!
	echo "$top" >>"$TMP/started"
	wait_for 20 grep -q nine "$TMP/frames"
	end "$pid"
	wait "$top"
	rc=$?
	[ $rc -eq 0 ] && [ "$(grep -c '"ended":true' "$TMP/frames")" = 1 ] &&
		tail -n 1 "$TMP/frames" | grep -q '"ended":true' && return
	echo "exit code $rc"
	cat "$TMP/talk"
	grep -o '"ended":[a-z]*' "$TMP/frames" | uniq -c
	return 1
}
check "frames go on until the target ends" ends
some() { # two frames, then it ends by itself
	"$PROF" top -p "$split" --json -n 2 --interval 100ms >"$TMP/frames" && [ "$(wc -l <"$TMP/frames")" = 2 ]
}
check "as many frames as asked for" some
interrupted() { # Ctrl-C is a way to end
	# A background job of a script ignores SIGINT.
	rm -f "$TMP/frames"
	env --default-signal=INT "$PROF" top -p "$split" --json --interval 100ms >"$TMP/frames" &
	local top=$!
	echo "$top" >>"$TMP/started"
	wait_for 60 test -s "$TMP/frames" && kill -INT $top && wait $top
}
check "an interrupt ends the frames with success" interrupted

# ---- the live view -------------------------------------------------------------------------------------

if ! command -v tmux >/dev/null; then
	skip "the live view" "tmux is missing"
	[ "$tap_failed" -eq 0 ]
	exit
fi
if "$PROF" check | grep -q 'without ncurses'; then
	skip "the live view" "built without ncurses"
	[ "$tap_failed" -eq 0 ]
	exit
fi

mux() { "${MUX[@]}" "$@"; }
screen() { mux capture-pane -p; }
# on PATTERN…: all on the screen as it is now.
on() {
	local now pattern
	now=$(screen)
	for pattern; do grep -qE -- "$pattern" <<<"$now" || return 1; done
}
off() { ! on "$1"; }
# sees PATTERN… / sees_not PATTERN: on one screen, within 20 s, else the screen is shown.
sees() { wait_for 20 on "$@" || { echo "not seen:" "$@"; screen; return 1; }; }
sees_not() { wait_for 20 off "$1" || { echo "still seen: $1"; screen; return 1; }; }
keys() { mux send-keys "$@"; }
# top ARG…: typed in the shell of the terminal; the view is there when this returns. Short intervals: less to wait for.
# The process that the shell knows, and the one that shows.
top_pid() { pgrep -P "$(mux display -p '#{pane_pid}')" -x protea-prof; }
view_pid() { pgrep -P "$(top_pid)" -x protea-prof; }
top() {
	keys "clear; echo mark''er; $PROF top --interval 300ms $*; echo rc=\$?" Enter
	sees 'q quit'
}
restored() { # after PATTERN: the screen of before, its cursor, its modes
	sees "$1" '^marker' && [ "$(mux display -p '#{alternate_on} #{cursor_flag}')" = "0 1" ] &&
		keys 'clear; stty -a | tr ";" "\n"; echo d''one' Enter && sees '^done' ' icanon' '[^-]echo '
}

begin threads 100000
threads=$pid
there() { [ "$(find "/proc/$threads/task" -mindepth 1 -maxdepth 1 | wc -l)" -eq 5 ]; }
wait_for 30 there # its start is not what is looked at
mux new-session -d -x 100 -y 30 "env LC_ALL=C.UTF-8 PS1='$ ' bash --norc"
mux set -g default-terminal screen-256color 2>/dev/null
keys "cd $TMP" Enter

check "the view opens" top -p "$threads"
head() { sees "^threads \($threads\)  .*$P/threads 100000" && sees '^CPU [0-9.]+ %  threads 5, .*RSS .*faults' && sees ' Hz  samples [0-9,]+, [0-9,]+ in all  lost .*own CPU'; }
check "its head tells process, use and sampling" head
functions() { sees '^ +[0-9]{2}.[0-9] % .* nine  threads$' '^ +- +100\.0 % .* worker  threads$' '^ +self +total .*function'; }
check "functions, self and total" functions
lines() { keys 2 && sees 'nine  threads.c:[0-9]+$'; }
check "lines" lines
thread_tab() { keys 3 && sees '^ +[0-9]+ .* running +w4 +nine' && sees '^ +'"$threads"' .* sleeping +threads +futex'; }
check "threads, with the system call of one that sleeps" thread_tab
tree() { keys 4 && sees '^ .*▾ worker  threads$' && sees '^ .*[0-9] %.*   nine  threads$'; }
check "the call tree is open where it is hot" tree
folding() {
	keys Home Left && sees '▸ clone3' && sees_not 'worker' && keys Right && sees '▾ clone3' && sees '▾ worker' &&
		keys Down Down Left && sees '▸ worker' && sees_not ' nine' && keys Enter && sees ' nine'
}
check "its nodes close and open" folding
sorting() {
	keys 1 s s && sees ', by name' && wait_for 20 sorted_names && keys s && sees ', by self'
}
sorted_names() { screen | sed -n 's/^.* %.* \([a-z_0-9]*\)  [a-z.0-9]*$/\1/p' >"$TMP/names" && [ -s "$TMP/names" ] && LC_ALL=C sort -c "$TMP/names"; }
check "s sorts" sorting
filtering() {
	keys / ten && sees '^filter: ten' && keys Enter && sees 'filter ten' && sees ' tenth  threads' && sees_not ' nine  threads' &&
		keys Escape && sees ' nine  threads' && keys / '(' Enter && sees 'filter: .*[Uu]nmatched' && keys C-u Enter && sees 'q quit'
}
check "/ filters, escape does no longer, and a wrong pattern is told" filtering
total() { screen | sed -n 's/.*samples [0-9,]*, \([0-9,]*\) in all.*/\1/p' | tr -d ,; }
has_total() { total >"$TMP/total" && [ -s "$TMP/total" ]; }
resetting() {
	local before
	wait_for 20 has_total && before=$(cat "$TMP/total") && keys r && wait_for 20 fewer "$before"
}
fewer() { # THAN
	local now
	now=$(total)
	[ -n "$now" ] && [ "$now" -lt "$1" ]
}
check "r forgets what was seen" resetting
spans() { keys t && sees 'CPU, since start' && keys t && sees 'CPU, last interval' && keys t && sees 'CPU, recent'; }
check "t chooses the span" spans
watched() { # PID: perf events and other things of the target that top holds
	find "/proc/$1/fd" -lname 'anon_inode:\[perf_event\]' -o -lname "/proc/$threads*" 2>/dev/null | grep -q .
}
pausing() {
	local me before
	me=$(view_pid)
	keys p && sees '^PAUSED' && ! watched "$me" && before=$(total) && keys 3 && sees 'w4' && [ "$(total)" = "$before" ] &&
		keys 1 Space && sees_not '^PAUSED' && sees 'samples [1-9]' && wait_for 20 watched "$me"
}
check "p lets go of the target, the view stays; blank goes on" pausing
helping() { keys '?' && sees 'filter by an extended' && sees 'any key' && keys x && sees_not 'any key' && sees ' nine'; }
check "? tells the keys" helping
walling() { keys w && sees 'wall, ' && keys 3 && sees 'sleeping +threads +.*futex' && keys c && sees 'CPU, ' && keys 1 && sees ' nine'; }
check "w shows wall time, c CPU time" walling
sized() { # COLUMNS LINES PATTERN
	mux resize-window -x "$1" -y "$2" && sees "$3" && kill -0 "$(view_pid)"
}
check "a small terminal: fewer heads" sized 60 8 'nine'
check "a tiny one: the hottest rows" sized 12 3 'nine'
check "one line" sized 20 1 'nine'
check "one cell, which a terminal may keep empty" sized 1 1 '^.?$'
check "a huge one: everything" sized 200 60 'q quit.*r reset'
check "and back" sized 100 30 'q quit'
stopping() {
	local me
	me=$(view_pid)
	keys C-z && sees 'Stopped' && ! watched "$me" && [ "$(mux display -p '#{alternate_on} #{cursor_flag}')" = "0 1" ] &&
		keys fg Enter && sees 'q quit' && sees ' nine' && wait_for 20 watched "$me"
}
check "Ctrl-Z gives the terminal back and holds nothing; fg goes on" stopping
quits() { keys q && sees_not 'q quit' && keys 'echo rc=$?' Enter && restored rc=0; }
check "q gives the terminal back" quits
by_signal() {
	top -p "$threads" && kill "-$1" "$(top_pid)" && restored rc=0
}
by_key() { top -p "$threads" && keys C-c && restored rc=0; }
check "so does Ctrl-C" by_key
for signal in TERM HUP QUIT; do check "so does SIG$signal" by_signal $signal; done
killed() { top -p "$threads" && kill -KILL "$(view_pid)" && restored rc=1 && kill -0 "$threads"; }
check "even a view that is killed leaves the terminal as it was" killed
colours() { # an escape sequence for a foreground colour
	mux capture-pane -p -e | grep -q $'\033''\[[0-9;]*3[1-6]m'
}
coloured() { top -p "$threads" && sees ' nine' && wait_for 60 colours && keys q && sees 'rc=0'; }
check "colours where the terminal has them" coloured
plain() {
	keys 'export NO_COLOR=1' Enter && top -p "$threads" && sees ' nine' && ! colours && keys q && sees 'rc=0' && keys 'unset NO_COLOR' Enter
}
check "none with NO_COLOR" plain
ascii() {
	keys 'export LC_ALL=C' Enter && top -p "$threads" && keys 4 && sees '- worker  threads' && ! screen | LC_ALL=C grep -q '[^ -~]' && keys q &&
		sees 'rc=0' && keys 'export LC_ALL=C.UTF-8' Enter
}
check "nothing but ASCII in a plain locale" ascii
terminal() { # PATTERN TERM; the answer of the one before may still be on the screen
	keys "clear; TERM=$2 $PROF top -p $threads; echo TERM=$2: rc=\$?" Enter && sees "^TERM=$2: rc=2" "$1"
}
check "an unknown terminal is told" terminal "unknown terminal 'no-such-term'" no-such-term
check "so is one that cannot place its cursor" terminal "such as 'dumb'" dumb
check "so is none" terminal 'TERM is not set' ''
piped() { keys "clear; $PROF top -p $threads | cat; echo pipe: rc=\${PIPESTATUS[0]}" Enter && sees '^pipe: rc=2' 'needs a terminal'; }
check "so is a pipe" piped
ended() {
	top -p "$threads" && sees ' nine' && end "$threads" && sees 'rc=0' "^ENDED threads \($threads\)" ' nine  threads' &&
		on "process $threads \(threads\) ended"
}
check "when the target ends, its last frame stays" ended

hung_up() { # the terminal goes away
	local shown
	begin threads 100000
	mux new-window "env LC_ALL=C.UTF-8 $PROF top --interval 300ms -p $pid"
	sees 'q quit' && shown=$(mux display -p '#{pane_pid}') && mux kill-window && wait_for 20 gone "$shown" && kill -0 "$pid"
	local rc=$?
	end "$pid"
	return $rc
}
gone() { ! kill -0 "$1" 2>/dev/null && ! pgrep -P "$1" >/dev/null; }
check "a terminal that goes away ends the view" hung_up

# Names that would be commands to a terminal.
cat >"$TMP/evil.c" <<'C'
#include <pthread.h>
int main(void)
{
	pthread_setname_np(pthread_self(), "\033]2;pwned\007\033[2J");
	for (;;)
		__asm__ volatile("");
}
C
evil() {
	"${CC:-cc}" -O1 -D_GNU_SOURCE -pthread "$TMP/evil.c" -o "$TMP/evil" || return 1
	"$TMP/evil" &
	echo $! >>"$TMP/started"
	wait_for 30 grep -q pwned "/proc/$!/comm"
	top -p $! && keys 3 && sees 'running +\?\]2;pwned\?' && [ "$(mux display -p '#{pane_title}')" != pwned ] && keys q && sees 'rc=0' && end $!
}
check "names cannot command the terminal" evil
end "$split"
[ "$tap_failed" -eq 0 ]
