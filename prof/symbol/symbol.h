/* From (module, address in the file's terms) to function, file, line and inlined callers. Reads ELF
 * symbols, DWARF, minidebuginfo, separate debug files, JIT maps; keeps what it found on disk
 * by build id. Offline: may allocate, block, read anything; input is never trusted. Not thread-safe;
 * two symbolizers may be used at the same time. */
#ifndef SYMBOL_SYMBOL_H
#define SYMBOL_SYMBOL_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"
#include "prof/model/strtab.h"

struct symbol_options {
	const char *cache_dir;  /* NULL or "": no disk cache */
	const char *debug_dirs; /* colon-separated; NULL: /usr/lib/debug */
	const char *sysroot;    /* put before module paths; NULL: none */
	int debuginfod;         /* ask the servers of DEBUGINFOD_URLS; 0: never a network request */
	int no_dwarf;           /* names only */
};

struct symbol_frame {
	uint32_t function; /* never empty: "[unknown in libx.so+0x1234]" when nothing is known */
	uint32_t file;     /* STRTAB_EMPTY: unknown */
	uint32_t line;     /* 0: unknown */
	uint32_t
		language; /* "C", "C++", "Rust", "Go", "Fortran", "asm", …; STRTAB_EMPTY: unknown */
};

struct symbol_module {
	const char *path;     /* as mapped; "[vdso]"; "[jit]", "//anon" and the like for no file */
	const char *build_id; /* hex, NULL or "" */
	int64_t pid;          /* for perf-PID.map of modules without a file; 0: none */
	/* To read instead of `path`, by which its debug files are still looked for: "/proc/self/fd/N"; for
	 * modules without a file the perf-PID.map. NULL: none. */
	const char *file;
};

/* What is known of a module's symbols, for "37 % of samples in libfoo without debug info". */
enum symbol_source {
	SYMBOL_NONE,    /* no file, or nothing in it */
	SYMBOL_DYNAMIC, /* exported names only */
	SYMBOL_TABLE,   /* full symbol table (perhaps minidebuginfo) */
	SYMBOL_DEBUG,   /* DWARF with lines */
};

/* Chains of frames, one per address asked: frames[first[i]] … frames[first[i + 1] - 1], the function
 * that owns the code first, inlined ones after it, the innermost last; at least one. */
struct symbol_answer {
	struct symbol_frame *frames; /* owned */
	uint32_t *first;             /* owned, n + 1 */
	uint32_t n;
	enum symbol_source source;
};

struct symbolizer;

/* `strings` (borrowed) takes all names. NULL: no memory. */
struct symbolizer *symbolizer_new(struct strtab *strings, const struct symbol_options *options);
void symbolizer_free(struct symbolizer *s);

/* All addresses of one module at once (any order, duplicates allowed). Bad files, missing files and
 * corrupt DWARF give poorer names, never a failure; `warning` (may be NULL, NUL-terminated, at most
 * `warning_size`) says what was wrong. 0 or ERR_NOMEM. */
int symbolize(struct symbolizer *s, const struct symbol_module *module, const uint64_t *rel_addrs,
	      size_t n, struct symbol_answer *answer, char *warning, size_t warning_size);
void symbol_answer_release(struct symbol_answer *a);

/* C++ (Itanium) and Rust (legacy, v0) names readable, anything else as it is; "" on no memory. The
 * result is malloc'ed. Names longer than 64 KiB are cut with a mark. */
char *symbol_demangle(const char *name);

#endif
