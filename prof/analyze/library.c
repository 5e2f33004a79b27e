/* Own code and that of others, told apart by names: see library.h. */
#include "prof/analyze/library.h"

#include <string.h>

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int library_is_module(const char *path)
{
	static const char *const stems[] = {"libc",   "ld",        "libpthread", "libm",
					    "libdl",  "librt",     "libstdc++",  "libgcc_s",
					    "libc++", "libc++abi", NULL};
	const char *name = base_name(path);
	size_t i;

	if (strncmp(name, "ld-linux", 8) == 0 || strncmp(name, "ld-musl", 7) == 0 ||
	    strncmp(name, "[vdso]", 6) == 0 || strncmp(name, "libprotea-prof.", 15) == 0)
		return 1;
	for (i = 0; stems[i]; i++) {
		const char *rest = name + strlen(stems[i]);

		if (strncmp(name, stems[i], strlen(stems[i])) == 0 &&
		    (strncmp(rest, ".so", 3) == 0 ||
		     (rest[0] == '-' && rest[1] >= '0' && rest[1] <= '9')))
			return 1;
	}
	return 0;
}

int library_is_frame(const struct profile *p, const struct profile_frame *f)
{
	return (f->module != PROFILE_NONE &&
		library_is_module(strtab_text(p->strings, p->modules[f->module].path))) ||
	       strcmp(strtab_text(p->strings, f->function), "_start") == 0;
}

/* Parameters begin at the first parenthesis outside of template arguments, the name behind the last blank
 * before them; operators have blanks and brackets of their own in their names. */
const char *library_name(const char *function)
{
	const char *begin = function, *at;
	int depth = 0;

	for (at = function; *at; at++) {
		if (depth == 0 && strncmp(at, "operator", 8) == 0 &&
		    (at == function || at[-1] == ' ' || at[-1] == ':'))
			break;
		if (*at == '(' && depth == 0)
			break;
		if (*at == '<' || *at == '(')
			depth++;
		else if ((*at == '>' || *at == ')') && depth > 0)
			depth--;
		else if (*at == ' ' && depth == 0)
			begin = at + 1;
	}
	return begin;
}

/* Functions whose caller is who wanted the memory; a name that ends in '*' is a beginning. */
static int hands_on(const char *name)
{
	static const char *const names[] = {"std::*",           "__gnu_cxx::*",    "operator new*",
					    "operator delete*", "malloc",          "calloc",
					    "realloc",          "strdup",          "strndup",
					    "asprintf",         "vasprintf",       "posix_memalign",
					    "xmalloc*",         "xcalloc*",        "xrealloc*",
					    "xstrdup*",         "xstrndup*",       "xzalloc",
					    "xnmalloc",         "safe_malloc",     "g_malloc*",
					    "g_realloc*",       "g_try_*",         "g_strdup*",
					    "g_strndup",        "g_slice_*",       "g_memdup*",
					    "g_array_*",        "g_ptr_array*",    "PyMem_*",
					    "_PyMem_*",         "PyObject_Malloc", "_PyObject_*",
					    "alloc::*",         "<alloc::*",       "core::*",
					    "<core::*",         "<std::*",         "__rust_*",
					    "__rdl_*",          "hashbrown::*",    NULL};
	size_t i;

	for (i = 0; names[i]; i++) {
		size_t n = strlen(names[i]);

		if (names[i][n - 1] == '*' ? strncmp(name, names[i], n - 1) == 0
					   : strcmp(name, names[i]) == 0)
			return 1;
	}
	return 0;
}

int library_is_plumbing(const struct profile *p, const struct profile_frame *f)
{
	return f->module == PROFILE_NONE || library_is_frame(p, f) ||
	       hands_on(library_name(strtab_text(p->strings, f->function)));
}

uint32_t library_user_stack(const struct profile *p, uint32_t stack)
{
	uint32_t at = stack;

	while (at && library_is_plumbing(p, &p->frames[p->stacks[at].frame]))
		at = p->stacks[at].parent;
	return at ? at : stack;
}
