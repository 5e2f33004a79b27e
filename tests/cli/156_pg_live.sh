#!/bin/bash
# protea-prof pg --watch on a terminal of tmux: head, tree, tabs, the dump of a client, sorting, cancel and terminate
# only when confirmed, a server that goes away, sizes, Ctrl-Z, and the terminal as it was.
# shellcheck disable=SC2317,SC2119,SC2120
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
# shellcheck source=tests/cli/pg_rig.sh
. tests/cli/pg_rig.sh
PROF=$PWD/$O/protea-prof
MUX=(tmux -L "protea-pg-$$" -f /dev/null)
pg_rig_need "the live view of a server"
if ! command -v tmux >/dev/null; then
	skip "the live view of a server" "tmux is missing"
	exit 0
fi
if "$PROF" check | grep -q 'without ncurses' || "$PROF" pg postgresql://127.0.0.1:1/x 2>&1 | grep -q libpq; then
	skip "the live view of a server" "built without ncurses or libpq"
	exit 0
fi
finish() {
	"${MUX[@]}" kill-server 2>/dev/null
	[ ! -s "$TMP/started" ] || xargs kill -KILL <"$TMP/started" 2>/dev/null
	pg_rig_end
}
unset NO_COLOR CLICOLOR_FORCE TMUX
export TMUX_TMPDIR=$TMP

mux() { "${MUX[@]}" "$@"; }
screen() { mux capture-pane -p; }
on() { screen | grep -qE -- "$1"; }
off() { ! on "$1"; }
sees() { wait_for 30 on "$1" || { echo "not seen: $1"; screen; return 1; }; }
sees_not() { wait_for 30 off "$1" || { echo "still seen: $1"; screen; return 1; }; }
keys() { mux send-keys "$@"; }

pg_rig_start || { not_ok "a server"; exit 1; }
trap finish EXIT
trap "" PIPE
export PGPASSWORD=$PG_PASSWORD
pg_sql "CREATE TABLE job (id int PRIMARY KEY, v int); INSERT INTO job VALUES (1, 0), (2, 0)"
declare -A FD PSQL_PID
begin() {
	mkfifo "$TMP/fifo.$1"
	PGAPPNAME=$1 $PG_PSQL -v ON_ERROR_STOP=0 -h 127.0.0.1 -p "$PG_PORT" -U "$PG_USER" -d postgres <"$TMP/fifo.$1" >"$TMP/$1.out" 2>&1 &
	PSQL_PID[$1]=$!
	echo $! >>"$TMP/started"
	exec {fd}>"$TMP/fifo.$1"
	FD[$1]=$fd
}
tell() { echo "$2;" >&"${FD[$1]}"; }
backend() { pg_sql "SELECT pid FROM pg_stat_activity WHERE application_name = '$1'"; }
state() { [ "$(pg_sql "SELECT state || coalesce(' ' || wait_event_type, '') FROM pg_stat_activity WHERE application_name = '$1'")" = "$2" ]; }
begin root && begin late && begin later
tell root "BEGIN" && tell root "UPDATE job SET v = 1 WHERE id = 1" && wait_for 30 state root 'idle in transaction Client'
tell late "BEGIN" && tell late "UPDATE job SET v = 2 WHERE id = 2" && tell late "UPDATE job SET v = 2 WHERE id = 1" && wait_for 30 state late 'active Lock'
tell later "UPDATE job SET v = 3 WHERE id = 2" && wait_for 30 state later 'active Lock'
root=$(backend root) late=$(backend late) later=$(backend later)

mux new-session -d -x 130 -y 30 "env LC_ALL=C.UTF-8 PS1='$ ' bash --norc"
mux set -g default-terminal screen-256color 2>/dev/null
keys "cd $TMP; export PROTEA_DB_URL='$PG_URL'; clear" Enter
pg() {
	keys "clear; echo mark''er; $PROF pg --watch 0.3 $*; echo rc=\$?" Enter
	sees 'q quit'
}
restored() {
	sees "$1" && on '^marker' && [ "$(mux display -p '#{alternate_on} #{cursor_flag}')" = "0 1" ] &&
		keys 'clear; stty -a | tr ";" "\n"; echo d''one' Enter && sees '^done' && on ' icanon' && on '[^-]echo '
}
check "the view opens" pg
headline() { sees "^postgresql://127.0.0.1:$PG_PORT/postgres  PostgreSQL 15" && sees 'connections 3 of 40 .* blocked 2 ' && sees 'Lock:transactionid 2'; }
check "its head tells server, sessions and waits" headline
tree() { sees "^$root  idle in transaction .* client ${PSQL_PID[root]} psql  2 wait" && on "^ └ $late  waits .* for Share on transaction" && on "^   └ $later  waits"; }
check "the tree of those that wait" tree
details() { sees "^session $root  .*protea-prof dump -p ${PSQL_PID[root]}" && on '^UPDATE job SET v = 1 WHERE id = 1;'; }
check "the session under the cursor in full" details
dumps() { keys d && sees "^client of session $root, as: protea-prof dump -p ${PSQL_PID[root]}" && sees "^process ${PSQL_PID[root]} \(psql\)" && sees '\(psql\)$' && keys q && sees "^ └ $late"; }
check "d shows where its client stands, q goes back" dumps
sessions() { keys 2 && sees '^ +pid +transaction +query  state' && sees "^ +$root .* idle in transaction +${PSQL_PID[root]} psql .*UPDATE job" && sees "^ +$later .* Lock: transactionid"; }
check "sessions" sessions
sorting() { keys s && sees 'by age of query' && keys s s && sees 'by pid' && keys s && sees 'by age of transaction'; }
check "s sorts" sorting
statements() { keys 3 && sees 'update job set v = \? where id = \?' && sees 'CREATE EXTENSION|shared_preload_libraries|seen in sessions' && keys Tab && sees "^$root  idle"; }
check "statements, and tab goes on to the next tab" statements
pausing() { keys p && sees 'PAUSED' && keys p && sees_not 'PAUSED'; }
check "p stops looking, and goes on" pausing
helping() { keys '?' && sees 'stacks of the local process' && keys x && sees_not 'stacks of the local process'; }
check "? tells the keys" helping
careful() { keys Down && sees "^session $late " && keys k && sees "end session $late\\?" && keys n && sees 'nothing was done' && [ "$(backend late)" = "$late" ]; }
check "k asks first, and a no is none" careful
cancels() { keys Down && sees "^session $later " && keys c && sees "cancel the statement of session $later\\?" && keys y && sees "cancelled the statement of session $later" && wait_for 30 grep -q 'canceling statement due to user request' "$TMP/later.out" && sees 'blocked 1 '; }
check "c cancels a statement" cancels
ends() { keys Home && sees "^session $root " && keys k && sees "end session $root\\?" && keys y && sees "ended session $root" && sees 'nobody waits for anybody'; }
check "k ends a session, and the others go on" ends
goes_away() {
	pg_rig_kill
	sees '^LOST postgresql://' && sees 'no server' && pg_rig_restart && sees_not '^LOST' && sees 'connected anew 1 time'
}
if goes_away >"$TMP/why" 2>&1; then ok "a server that goes away and comes back"; else
	not_ok "a server that goes away and comes back"
	tail -n 40 "$TMP/why" | sed 's/^/# /'
fi
sized() { mux resize-window -x "$1" -y "$2" && sees "$3" && pgrep -P "$(mux display -p '#{pane_pid}')" -x protea-prof >/dev/null; }
check "a small terminal" sized 60 8 'Blockers'
check "one line" sized 20 1 '.'
check "and back" sized 130 30 'q quit'
stopping() {
	keys C-z && sees 'Stopped' && [ "$(mux display -p '#{alternate_on} #{cursor_flag}')" = "0 1" ] && keys fg Enter && sees 'q quit'
}
check "Ctrl-Z gives the terminal back; fg goes on" stopping
quits() { keys q && sees_not 'q quit' && keys 'echo rc=$?' Enter && restored rc=0; }
check "q gives the terminal back" quits
by_key() { pg && keys C-c && restored rc=0; }
check "so does Ctrl-C" by_key
frames() { keys "clear; echo mark''er; $PROF pg --watch 0.2 -n 2; echo rc=\$?" Enter && restored rc=0; }
check "as many frames as asked for" frames
refuses() { keys "clear; TERM=dumb $PROF pg --watch; echo rc=\$?" Enter && sees 'rc=2' && on "pg: .*such as 'dumb'"; }
check "a terminal that cannot place its cursor is told" refuses
[ "$tap_failed" -eq 0 ]
