#!/bin/bash
# Statements reach the library they would reach without us: a libpq that a plug-in brought for itself under a name of its
# own, two of them in one process, none at all. Made-up ones (tests/programs/fake_pq.c); no server.
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
LIB=${AGENT:-$PWD/$O/libprotea-prof.so}
cc=${CC:-cc}
build() { "$cc" -std=gnu17 -O1 -g -Wall -Wextra "$@" || exit 1; }
mkdir "$TMP/a" "$TMP/b"
build -shared -fPIC tests/programs/fake_pq.c -Wl,-soname,libpq-1a2b3c.so.5 -o "$TMP/a/libpq-1a2b3c.so.5"
build -shared -fPIC -DFAKE_OTHER tests/programs/fake_pq.c -Wl,-soname,libpq.so.5 -o "$TMP/b/libpq.so.5"
cat >"$TMP/plug.c" <<-'END'
	void *PQconnectdb(const char *);
	void *PQexec(void *, const char *);
	int PQntuples(const void *);
	void PQfinish(void *);
	int WHO(int n)
	{
		void *c = PQconnectdb("");
		int rows = 0;
		for (int i = 0; i < n; i++)
			rows += PQntuples(PQexec(c, "select id from protein where id = 7"));
		PQfinish(c);
		return rows;
	}
END
build -shared -fPIC -DWHO=plug_a "$TMP/plug.c" -o "$TMP/plug_a.so" "$TMP/a/libpq-1a2b3c.so.5" -Wl,-rpath,"$TMP/a"
build -shared -fPIC -DWHO=plug_b "$TMP/plug.c" -o "$TMP/plug_b.so" "$TMP/b/libpq.so.5" -Wl,-rpath,"$TMP/b"
cat >"$TMP/host.c" <<-'END'
	#include <dlfcn.h>
	#include <stdio.h>
	#include <string.h>
	static void call(const char *file, const char *name, int n)
	{
		void *h = dlopen(file, RTLD_NOW | RTLD_LOCAL);
		int (*f)(int) = h ? (int (*)(int))dlsym(h, name) : 0;
		printf("%s %d\n", name, f ? f(n) : -1);
	}
	int main(int argc, char **argv)
	{
		for (int i = 1; i + 1 < argc; i += 2)
			call(argv[i], argv[i + 1], 10);
		return 0;
	}
END
build "$TMP/host.c" -o "$TMP/host" -ldl
says() {
	if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1"; echo "# wanted '$2', got '$3'"; fi
}
a=("$TMP/plug_a.so" plug_a)
b=("$TMP/plug_b.so" plug_b)
for how in "" "env LD_PRELOAD=$LIB" "$PROF run -q --sql --memory off -o $TMP/s.sqlite --"; do
	says "a library of a plug-in's own" "plug_a 10" "$($how "$TMP/host" "${a[@]}" 2>&1)"
	says "two in one process" "plug_a 10 plug_b 20 plug_a 10" "$($how "$TMP/host" "${a[@]}" "${b[@]}" "${a[@]}" 2>&1 | paste -sd' ')"
	says "none in the process" "nothing -1" "$($how "$TMP/host" "$TMP/nothing.so" nothing 2>&1)"
done
says "calls and rows, by who sent them" "plug_a 30 30 plug_b 10 20" "$(sqlite3 -separator ' ' "$TMP/s.sqlite" "select f.function, sum(calls), sum(rows)
	from sql_statement s join stack k on k.id = s.stack_id join frame f on f.id = k.frame_id where s.kind = 'query' group by 1 order by 1" | paste -sd' ')"
says "nothing is loaded that was not" "0" "$("$PROF" run -q --sql --memory off -o "$TMP/n.sqlite" -- grep -c libpq /proc/self/maps)"
check "a limit on files: no statements, the program unharmed" bash -c "ulimit -f 20000; '$PROF' run -q --sql --memory off -o '$TMP/l.sqlite' -- '$TMP/host' '${a[0]}' plug_a | grep -q 'plug_a 10'"
says "which is counted" "1" "$(sqlite3 "$TMP/l.sqlite" "select count from loss where reason = 'table_full'")"
echo "1..$tap_n"
[ "$tap_failed" -eq 0 ]
