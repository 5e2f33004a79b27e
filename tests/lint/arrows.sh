#!/bin/bash
# Do includes follow arrows.txt? `rooms`: each include has its arrow; `cycles`: no circle of rooms in what
# the files really include; `private`: headers named *_internal.h, *_int.h, *_body.h or *_parts.h serve
# their own room only.
# shellcheck source=tests/lint/lib.sh
. "$(dirname "$0")/lib.sh"

list_includes() { # "file:line:<name>" or "file:line:"name""
	files '*.c' '*.h' '*.cc' '*.cpp' | grep -E '^(prof|pipeline|viewer|samples|tests)/' |
		xargs grep -nHE '^[[:space:]]*#[[:space:]]*include' |
		sed -E 's/^([^:]*:[0-9]+:)[^"<]*(["<][^">]*[">]).*/\1\2/'
}

rooms() {
	list_includes | awk -v table=tests/lint/arrows.txt '
	function room(path) { return match(path, /^(prof|pipeline)\/[^\/]+\//) ? substr(path, 1, RLENGTH - 1) : (path ~ /^viewer\//) ? "viewer" : "" }
	function bad(text) { print $1 ":" $2 ": " text }
	function may(key, from,    n, list, i) {
		n = split(allowed[key], list, " ")
		for (i = 1; i <= n; i++)
			if (list[i] == from || (list[i] ~ /\/\*$/ && index(from, substr(list[i], 1, length(list[i]) - 1)) == 1))
				return 1
		return 0
	}
	BEGIN {
		FS = ":"
		libc = " assert ctype cpio dirent dlfcn elf endian errno fcntl float ftw getopt glob inttypes libgen " \
			"limits link locale malloc math netdb poll pthread regex sched semaphore setjmp signal " \
			"spawn stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib string strings wchar " \
			"termios time ucontext unistd wait "
		while ((getline line < table) > 0) {
			n = split(line, w, " ")
			if (!n || w[1] ~ /^#/) continue
			known[w[1]] = 1
			for (i = 2; i <= n; i++) allowed[w[1]] = allowed[w[1]] " " w[i]
		}
	}
	{
		me = room($1)
		name = substr($3, 2, length($3) - 2)
		if (me == "") {
			if ($1 ~ /^tests\// || $1 ~ /^samples\//) {
				if (name ~ /^(prof|pipeline|viewer|tests|samples)\// || $3 ~ /^</ || name == "protea-prof.h") next
				bad("write \"" name "\" from the root of the repository")
			}
			next
		}
		if (!(me in known)) { if (!said[me]++) bad("room " me " is not in " table); next }
		if ($3 ~ /^</) {
			base = name
			sub(/\.h$/, "", base)
			if (index(libc, " " base " ") || base ~ /^(sys|linux|asm)\//) next
			if (!(("<" name ">") in known)) bad("<" name "> is neither libc nor a library in " table)
			else if (!may("<" name ">", me)) bad(me " may not see <" name ">")
			next
		}
		if (name == "protea-prof.h") {
			if (me !~ /^pipeline\// && !may(me, "prof/include")) bad(me " may not include the public header")
			next
		}
		if (name ~ /^tests\//) { bad("nothing includes tests/"); next }
		to = room(name)
		if (to == "") { bad("write \"" name "\" from the root of the repository"); next }
		if (!(name in there)) there[name] = system("test -f " name) == 0
		if (!there[name]) { bad("there is no " name); next }
		if (to == me) next
		if (to == "prof/base" && me ~ /^pipeline\//) next
		if (!may(me, to)) bad("no arrow from " me " to " to " (" name ")")
	}'
}

# Rooms that are still on a circle after all rooms that include nothing more were taken away.
cycles() {
	list_includes | awk '
	function room(path) { return match(path, /^(prof|pipeline)\/[^\/]+\//) ? substr(path, 1, RLENGTH - 1) : (path ~ /^viewer\//) ? "viewer" : "" }
	BEGIN { FS = ":" }
	{
		me = room($1)
		to = room(substr($3, 2))
		if (me == "" || to == "" || me == to) next
		if (!((me, to) in where)) where[me, to] = $1 ":" $2
	}
	END {
		do {
			again = 0
			for (e in where) { split(e, w, SUBSEP); includes[w[1]]++ }
			for (e in where) {
				split(e, w, SUBSEP)
				if (!includes[w[2]]) { delete where[e]; again = 1 }
			}
			for (r in includes) delete includes[r]
		} while (again)
		for (e in where) { split(e, w, SUBSEP); print where[e] ": " w[1] " includes " w[2] " and is included by it in turn" }
	}' | sort
}

private() {
	list_includes | awk '
	function folder(path) { sub(/\/[^\/]*$/, "", path); return path }
	BEGIN { FS = ":" }
	{
		name = substr($3, 2, length($3) - 2)
		if (name !~ /_(internal|int|body|parts)\.h$/ || folder(name) == folder($1)) next
		if ($1 ~ /^tests\//) next
		print $1 ":" $2 ": " name " is private to " folder(name)
	}'
}

case ${1:-} in
rooms | cycles | private) "$1" | verdict ;;
*)
	echo "usage: arrows.sh rooms|cycles|private" >&2
	exit 2
	;;
esac
