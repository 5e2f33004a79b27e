# Sourced by tests that need PostgreSQL, after lib.sh: a private cluster in the test's folder, on loopback with
# a password, stopped when the test ends.
#   pg_rig_need NAME   skips the whole file, with the reason, when PostgreSQL is not installed
#   pg_rig_start       (never in a subshell) initdb and start; sets PG_URL (with password), PG_PORT, PG_BIN, PG_DATA, PG_PASSWORD
#   pg_rig_stop        smart stop of what pg_rig_start started; pg_rig_kill: kill -9 of the whole server
#   pg_rig_freeze      stops all its processes (SIGSTOP): the kernel takes connections, nobody answers; pg_rig_thaw
#   pg_rig_restart     stop if it runs, start again on the same port with the same data
#   pg_rig_db NAME [OPTION…]  a new database; prints its URL
#   pg_sql STATEMENT [DATABASE]  answers as text, '|' between columns; PG_PSQL is the command behind it
#   pg_rig_vectors [DATABASE]  types vector and halfvec in it; fails without postgresql-server-dev
#   pg_rig_set NAME VALUE  a setting of the server (ALTER SYSTEM) and reload
# shellcheck shell=bash
PG_BIN=
PG_DATA=
PG_PORT=
PG_USER=protea
PG_PASSWORD='s3cr3t/w?rd@x'        # letters that a URL must escape
PG_PASSWORD_URL='s3cr3t%2Fw%3Frd%40x'
PG_RIG=
export PGCONNECT_TIMEOUT=10
unset PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE PGSERVICE PGOPTIONS PGPASSFILE PROTEA_DB_URL

pg_rig_find() {
	local dir
	for dir in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -rV); do
		[ -x "$dir/initdb" ] && [ -x "$dir/postgres" ] && PG_BIN=$dir && return 0
	done
	return 1
}

pg_rig_need() {
	local missing=
	pg_rig_find || missing="PostgreSQL is not installed (package postgresql-15)"
	[ -n "$missing" ] || command -v psql >/dev/null || missing="psql is not installed"
	if [ -z "$missing" ] && [ "$(id -u)" = 0 ] && ! id -u postgres >/dev/null 2>&1; then
		missing="there is no user postgres to run the server as"
	fi
	[ -z "$missing" ] && return
	skip "$1" "$missing"
	exit 0
}

# PostgreSQL refuses to run as root.
pg_as_owner() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid postgres --regid postgres --clear-groups env -u HOME PATH="$PATH" LC_ALL=C "$@"
	else
		env LC_ALL=C "$@"
	fi
}

# A port nobody listens at, of those the kernel does not give out by itself.
pg_rig_port() {
	local try port
	for try in $(seq 50); do
		port=$((20000 + (RANDOM * 32768 + RANDOM + try) % 12000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo $port && return 0; }
	done
	return 1
}

# The server itself, in the background of this shell; ready when it answers.
pg_rig_launch() {
	pg_as_owner "$PG_BIN/postgres" -D "$PG_DATA" >>"$PG_RIG/log" 2>&1 &
	wait_for 30 "$PG_BIN/pg_isready" -q -h 127.0.0.1 -p "$PG_PORT" && return 0
	tail -n 20 "$PG_RIG/log" >&2
	return 1
}

# PG_ENCODING: another than UTF8 goes with the C locale.
pg_rig_start() {
	[ -n "$PG_BIN" ] || pg_rig_find || return 1
	PG_RIG=$TMP/pg
	PG_DATA=$PG_RIG/data
	mkdir -p "$PG_RIG"
	chmod 711 "$TMP" "$PG_RIG"
	mkdir "$PG_DATA"
	chmod 700 "$PG_DATA"
	[ "$(id -u)" = 0 ] && chown postgres: "$PG_RIG" "$PG_DATA"
	trap pg_rig_end EXIT
	printf '%s\n' "$PG_PASSWORD" >"$TMP/pg-password"
	chmod 644 "$TMP/pg-password"
	pg_as_owner "$PG_BIN/initdb" -D "$PG_DATA" -U "$PG_USER" -A scram-sha-256 --pwfile "$TMP/pg-password" \
		-E "${PG_ENCODING:-UTF8}" --locale=C --no-sync --no-instructions >"$PG_RIG/initdb" 2>&1 || {
		cat "$PG_RIG/initdb" >&2
		return 1
	}
	PG_PORT=$(pg_rig_port) || return 1
	pg_as_owner tee -a "$PG_DATA/postgresql.conf" >/dev/null <<-END
		listen_addresses = '127.0.0.1'
		port = $PG_PORT
		unix_socket_directories = '$PG_RIG'
		fsync = off
		synchronous_commit = off
		full_page_writes = off
		shared_buffers = 32MB
		max_connections = 40
		autovacuum = off
		log_min_messages = warning
		log_statement = none
	END
	PG_URL=postgresql://$PG_USER:$PG_PASSWORD_URL@127.0.0.1:$PG_PORT/postgres
	PG_PSQL="psql -X -q -A -t -v ON_ERROR_STOP=1"
	export PG_URL PG_PORT PG_BIN PG_PSQL
	pg_rig_launch
}

# The postmaster's own id, whichever shell started it (one in a subshell is not this shell's job).
pg_rig_master() { head -n 1 "$PG_DATA/postmaster.pid" 2>/dev/null; }
pg_rig_running() {
	local master state
	master=$(pg_rig_master)
	[ -n "$master" ] && state=$(command cut -d ' ' -f 3 "/proc/$master/stat" 2>/dev/null) && [ "$state" != Z ]
}

pg_rig_signal() {
	local master
	pg_rig_running || return 0
	master=$(pg_rig_master)
	kill "-$1" "$master" 2>/dev/null
	wait_for 30 pg_rig_gone "$master"
}
# Seen as gone, not waited for: it may be the job of another shell.
pg_rig_gone() { [ "$(command cut -d ' ' -f 3 "/proc/$1/stat" 2>/dev/null || echo Z)" = Z ]; }

pg_rig_stop() { pg_rig_signal INT; } # fast: sessions are ended

# All its processes at once, as when the machine goes; the one that forks is stopped first. No server starts anew while
# one of them still has the shared memory.
pg_rig_kill() {
	local all id
	pg_rig_running || return 0
	all=$(pg_rig_master)
	kill -STOP "$all"
	all="$all $(ps -o pid= --ppid "$all" | tr '\n' ' ')"
	# shellcheck disable=SC2086 # a list of ids
	kill -9 $all 2>/dev/null
	for id in $all; do wait_for 30 pg_rig_gone "$id"; done
}

# The one that forks goes first.
pg_rig_freeze() {
	local master
	PG_FROZEN=
	pg_rig_running || return 0
	master=$(pg_rig_master)
	kill -STOP "$master"
	PG_FROZEN="$master $(ps -o pid= --ppid "$master" | tr '\n' ' ')"
	# shellcheck disable=SC2086 # a list of ids
	kill -STOP $PG_FROZEN 2>/dev/null
}

pg_rig_thaw() {
	# shellcheck disable=SC2086 # a list of ids
	[ -n "${PG_FROZEN:-}" ] && kill -CONT $PG_FROZEN 2>/dev/null
	PG_FROZEN=
	return 0
}

pg_rig_restart() {
	pg_rig_stop
	rm -f "$PG_DATA/postmaster.pid"
	pg_rig_launch
}

pg_rig_end() {
	[ -n "$PG_RIG" ] && pg_rig_signal QUIT
	rm -rf "$TMP"
}

pg_sql() { PGPASSWORD=$PG_PASSWORD $PG_PSQL -h 127.0.0.1 -p "$PG_PORT" -U "$PG_USER" -d "${2:-postgres}" -c "$1"; }

# pg_sql_file FILE [DATABASE]
pg_sql_file() { PGPASSWORD=$PG_PASSWORD $PG_PSQL -h 127.0.0.1 -p "$PG_PORT" -U "$PG_USER" -d "${2:-postgres}" -f "$1"; }

pg_rig_url() { echo "postgresql://$PG_USER:$PG_PASSWORD_URL@127.0.0.1:$PG_PORT/$1"; }

pg_rig_db() {
	local name=$1
	shift
	pg_sql "CREATE DATABASE \"$name\" $*" >/dev/null && pg_rig_url "$name"
}

pg_rig_set() { pg_sql "ALTER SYSTEM SET $1 TO '$2'" && pg_sql "SELECT pg_reload_conf()" >/dev/null; }

pg_rig_vectors() {
	local headers so=$PG_RIG/pgvec.so
	headers=$("$PG_BIN/pg_config" --includedir-server) && [ -f "$headers/postgres.h" ] || return 1
	[ -f "$so" ] || "${CC:-cc}" -O2 -shared -fPIC -I"$headers" tests/programs/pgvec/pgvec.c -o "$so" -lm || return 1
	PGPASSWORD=$PG_PASSWORD $PG_PSQL -h 127.0.0.1 -p "$PG_PORT" -U "$PG_USER" -d "${1:-postgres}" -v so="$so" \
		-f tests/programs/pgvec/pgvec.sql >/dev/null 2>"$PG_RIG/vectors" || { cat "$PG_RIG/vectors" >&2 && return 1; }
}
