#!/bin/bash
# Progress on a terminal: drawn with rate and time left while a stage lasts, gone without a trace, and
# nowhere else. The terminal is that of script(1); the long stage is an alignment of long sequences.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/job.sh
. tests/cli/job.sh
need "progress on a terminal"
if ! command -v script >/dev/null; then
	skip "progress on a terminal" "script (bsdutils) is missing"
	exit 0
fi
W=$TMP/world
unset NO_COLOR
export TERM=xterm
SHORT="p['train_versions'], p['test_versions'] = [170, 175], [180]"

# Sequences of 3,500 residues: a few hundred pairs of them last seconds.
make_world() {
	world "$W" 3 small none || return 1
	"$PY" - "$W/bundle.sqlite" <<-'EOP'
		import random, sqlite3, sys
		db = sqlite3.connect(sys.argv[1])
		for id, in db.execute("SELECT id FROM sequence").fetchall():
		    text = "".join(random.Random(id).choices("ACDEFGHIKLMNPQRSTVWY", k=3500))
		    db.execute("UPDATE sequence SET sequence = ? WHERE id = ?", (text, id))
		db.commit()
	EOP
}

# on_tty NAME COMMAND…: a shell command on a terminal of its own; what the terminal was sent goes to
# $TMP/NAME.tty. $JOB names a fresh job.
on_tty() {
	local name=$1
	shift
	job "$W/job-v2-all.json" "$W/tty-$name.json" "p['output_name'] = 'tty-$name'" "$SHORT"
	JOB=$W/tty-$name.json timeout -k 5 120 script -qefc "$*" "$TMP/$name.tty" </dev/null >/dev/null 2>&1
}

# What one sees at the end: carriage return, erase to the end of the line and colours carried out.
rendered() {
	"$PY" - "$1" <<-'EOP'
		import re, sys
		text = open(sys.argv[1], encoding="utf-8", errors="replace", newline="").read()
		text = re.sub(r"^Script started.*?\n|\n?Script done.*\n?", "", text)
		row, col = [], 0
		for part in re.findall(r"\x1b\[[0-9;]*[A-Za-z]|[\s\S]", text):
		    if part == "\n":
		        print("".join(row).rstrip())
		        row, col = [], 0
		    elif part == "\r":
		        col = 0
		    elif part == "\x1b[K":
		        del row[col:]
		    elif part[0] != "\x1b":
		        row[col:col + 1] = part
		        col += 1
		print("".join(row).rstrip(), end="")
	EOP
}

ESC=$'\033'
LINE=' [0-9,]+ / [0-9,]+ pairs  [0-9.]+ %  [0-9.,]+/s  [0-9][0-9a-z ]* left'

draws() { grep -qE "alignment($ESC\[0m)?$LINE" "$TMP/$1.tty"; }
draws_nothing() { ! grep -qE "$ESC|[0-9] / [0-9,]+ (pairs|rows|queries|bytes)" "$1"; }

colourless() { ! grep -qE "$ESC\[[0-9;]*m" "$1"; }

# Every line that is seen is a whole message or result, none the remains of a progress line.
clean() {
	rendered "$TMP/$1.tty" >"$TMP/$1.seen"
	if grep -nE "[0-9] / [0-9,]+ (pairs|rows|queries|bytes)|$ESC" "$TMP/$1.seen"; then return 1; fi
	if grep -nvE '^(protea-export: .*|data set .*|train .*|eval .*|manifest .*|elapsed .*|\^C|)$' "$TMP/$1.seen"; then return 1; fi
	grep -q '^protea-export: alignment_done' "$TMP/$1.seen"
}

# The events that are seen, without what differs from run to run.
events_of() { sed -nE 's/^protea-export: ([a-z_.]+)  .*/\1/p' "$1"; }
same_events() { diff <(events_of "$TMP/$1.seen") <(events_of "$2"); }

check "a bundle of long sequences" make_world

check "a run on a terminal" on_tty colour "$EXPORT run \$JOB"
check "a stage that lasts shows progress, rate and time left" draws colour
check "its name is bold" grep -qF "${ESC}[1malignment${ESC}[0m" "$TMP/colour.tty"
check "nothing of it stays on the terminal" clean colour
check "the cursor ends on an empty line" test -z "$(rendered "$TMP/colour.tty" | tail -c 1 | tr -d '\n')"

check "a run with NO_COLOR" on_tty plain "NO_COLOR=1 $EXPORT run \$JOB"
check "progress without colours" draws plain
check "no colour anywhere" colourless "$TMP/plain.tty"
check "nothing of it stays with NO_COLOR" clean plain

check "a run whose stderr is a file" on_tty file "$EXPORT run \$JOB 2>$TMP/file.err"
check "no progress in the file" draws_nothing "$TMP/file.err"
check "none on the terminal" draws_nothing "$TMP/file.tty"
check "the file has the lines of the terminal" same_events colour "$TMP/file.err"

check "a run on a dumb terminal" on_tty dumb "TERM=dumb $EXPORT run \$JOB"
check "draws nothing" draws_nothing "$TMP/dumb.tty"
check "a quiet run" on_tty quiet "$EXPORT run -q \$JOB"
check "draws nothing either" draws_nothing "$TMP/quiet.tty"

check "a run on a narrow terminal" on_tty narrow "stty cols 30; $EXPORT run \$JOB"
narrow() {
	tr '\r' '\n' <"$TMP/narrow.tty" | sed "s/$ESC\[[0-9;]*[A-Za-z]//g" | grep -E '^alignment [0-9]' >"$TMP/narrow.lines"
	[ -s "$TMP/narrow.lines" ] && ! grep -nE '^.{30}' "$TMP/narrow.lines"
}
check "its progress fits on a line" narrow

# Ctrl-C, typed in the middle of the stage.
interrupted() {
	local rc
	job "$W/job-v2-all.json" "$W/tty-int.json" "p['output_name'] = 'tty-int'" "$SHORT"
	{ wait_for 60 draws int && printf '\003'; } |
		timeout -k 5 120 script -qefc "exec $EXPORT run $W/tty-int.json" "$TMP/int.tty" >/dev/null 2>&1
	rc=$?
	rendered "$TMP/int.tty" >"$TMP/int.seen"
	[ "$rc" -eq 1 ] && tail -n 1 "$TMP/int.seen" | grep -E '^protea-export: error: .*SIGINT' && return
	echo "exit code $rc"
	tail -n 3 "$TMP/int.seen"
	return 1
}
check "an interrupted run ends with its error on a line of its own" interrupted
[ "$tap_failed" -eq 0 ]
