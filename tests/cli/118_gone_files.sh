#!/bin/bash
# Names of a run whose files are gone when it ends: a library that is removed as soon as it is loaded, or when it has done
# its work; another one that takes its name; a program that removes itself.
# shellcheck disable=SC2317
# shellcheck source=tests/cli/lib.sh
. tests/cli/lib.sh
PROF=$PWD/$O/protea-prof
cc=${CC:-gcc}
export PROTEA_PROF_CACHE=$TMP/cache
mkdir "$TMP/cache"
cd "$TMP" || exit 1

cat >main.c <<'C'
/* main LIBRARY now|later|replaced|stays [self]: loads it; removes it, or gives its name to "other.so"; works 0.3 s in
 * library_work() of it. With "self" the program's own file is removed before. */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
static double cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
int main(int argc, char **argv)
{
	void *library = argc > 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
	void (*work)(void) = NULL;
	if (library)
		*(void **)&work = dlsym(library, "library_work");
	if (!work || (strcmp(argv[2], "now") == 0 && unlink(argv[1])) ||
	    (strcmp(argv[2], "replaced") == 0 && rename("other.so", argv[1])) || (argc > 3 && unlink(argv[0])))
		return 1;
	for (double end = cpu() + 0.3; cpu() < end;)
		work();
	return strcmp(argv[2], "later") == 0 && unlink(argv[1]);
}
C
library() { # NAME: with the functions library_work and NAME
	cat <<-C
		static volatile unsigned long sink;
		static __attribute__((noinline)) void $1(void)
		{
			for (unsigned long i = 0; i < 300000; i++)
				sink += i;
			__asm__ volatile("");
		}
		void library_work(void);
		void library_work(void)
		{
			$1();
			__asm__ volatile("");
		}
	C
}
library inner >lib.c
library something_else >other.c
"$cc" -g -O1 -shared -fPIC lib.c -o lib.so && "$cc" -g -O1 -shared -fPIC other.c -o other_lib.so &&
	"$cc" -g -O1 main.c -o main -ldl || exit 1

# named WHEN [self]: the share of the time that has all names
named() {
	cp lib.so l.so && cp other_lib.so other.so && cp main program && rm -f s.sqlite || return 1
	"$PROF" run -q -o s.sqlite -- ./program ./l.so "$@" || return 1
	"$PROF" export -f folded --store s.sqlite >"folded" || return 1
	awk -v want="$inner" '{ v = $NF; $NF = ""; all += v } $0 ~ want { ours += v }
		END { exit !(all > 0.25e9 && ours > 0.8 * all) }' folded || { tail -n 5 folded; return 1; }
}
inner=';main;library_work;inner $'
check "files that stay" named stays
check "a library that is removed when it has done its work" named later
check "a program that removes itself" named stays self
check "a library whose name another one takes: the names are of the one that ran" named replaced
# Rebuilt from memory, without rights to the files that are mapped, it has no names but exported ones.
[ "$(id -u)" = 0 ] || inner=';main;library_work'
check "a library that is removed at once" named now
check "and the program, too" named now self
lines() { "$PROF" report --by line --store s.sqlite | grep -q '/lib\.c:[0-9]*  inner'; }
if [ "$(id -u)" = 0 ]; then check "with their lines" lines; fi

# ---- many files: no more descriptors than a quarter of those allowed --------------------------------------------

many() {
	local i
	cat >many.c <<-'C'
		#include <dlfcn.h>
		#include <stdio.h>
		#include <unistd.h>
		int main(void)
		{
			char name[64];
			for (int i = 0; i < 60; i++) {
				snprintf(name, sizeof name, "./copy.%d.so", i);
				void *library = dlopen(name, RTLD_NOW);
				void (*work)(void) = NULL;
				if (library)
					*(void **)&work = dlsym(library, "library_work");
				if (!work || unlink(name))
					return 1;
				for (int k = 0; k < 10; k++)
					work();
			}
			return 0;
		}
	C
	"$cc" -O1 many.c -o many -ldl || return 1
	for ((i = 0; i < 60; i++)); do cp lib.so copy.$i.so; done
	(ulimit -n 64 && "$PROF" run -q -o many.sqlite -- ./many) || return 1
	[ "$(sqlite3 many.sqlite "SELECT finished, exit_code FROM run")" = "1|0" ]
}
check "60 libraries removed at once, with 64 descriptors: recorded all the same" many
[ $tap_failed -eq 0 ]
