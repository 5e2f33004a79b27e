/* What makes a function of one build the same as one of another: names without what compilers and packagers add to
 * them, and, for what is left over, the name alone. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/compare_internal.h"

/* ---- functions ---- */

/* What compilers put behind the name of a copy of a function, which changes from build to build. */
static const char *const clones[] = {".cold", ".part", ".isra", ".constprop", ".lto_priv", ".llvm"};

static size_t without_number(const char *text, size_t n)
{
	size_t k = n;

	while (k && isdigit((unsigned char)text[k - 1]))
		k--;
	return k < n && k && text[k - 1] == '.' ? k - 1 : n;
}

/* Length of the name without one such suffix; `n` when it has none. */
static size_t without_clone(const char *text, size_t n)
{
	size_t k = without_number(text, n), i;

	for (i = 0; i < sizeof clones / sizeof clones[0]; i++) {
		size_t len = strlen(clones[i]);

		if (k > len && memcmp(text + k - len, clones[i], len) == 0)
			return k - len;
	}
	return n;
}

/* "f() [clone .isra.0]" of demanglers. */
static size_t without_clone_words(const char *text, size_t n)
{
	const char *open = memrchr(text, '[', n);

	if (!open || open == text || text[n - 1] != ']' || open[-1] != ' ' ||
	    strncmp(open, "[clone ", 7) != 0)
		return n;
	return (size_t)(open - 1 - text);
}

static size_t function_length(const char *text, size_t n)
{
	size_t before;

	if (*text == '[')
		return n;
	do {
		before = n;
		n = without_clone_words(text, without_clone(text, n));
	} while (n < before);
	return n;
}

/* "[unknown in libx.so+0x10]": where in the file says nothing about another build of it. */
static int unknown_key(struct compare *c, const char *text, uint32_t *key)
{
	const char *plus = strrchr(text, '+');
	char *name;
	int rc;

	name = strndup(text, (size_t)(plus - text) + 1);
	if (!name)
		return ERR_NOMEM;
	name[plus - text] = ']';
	rc = strtab_intern_text(c->strings, name, key);
	free(name);
	return rc;
}

static int function_key(struct compare *c, const char *text, size_t n, uint32_t *key)
{
	static const char unknown[] = "[unknown in ";

	if (strncmp(text, unknown, sizeof unknown - 1) == 0 && strstr(text, "+0x"))
		return unknown_key(c, text, key);
	return strtab_intern(c->strings, text, function_length(text, n), key);
}

/* ---- modules ---- */

static size_t without_version(const char *name, size_t n)
{
	size_t k = n;
	int dots = 0;

	while (k && (isdigit((unsigned char)name[k - 1]) || name[k - 1] == '.'))
		dots += name[--k] == '.';
	if (k == n || k == 0)
		return n;
	if (name[k - 1] == '-' && k > 1)
		return k - 1;
	return dots && name[k] != '.' ? k : n;
}

/* "/usr/lib/libfoo-1.2.so.3.4 (deleted)" is "libfoo.so", "/opt/python3.11" is "python". */
static int module_key(struct compare *c, const char *path, size_t n, uint32_t *key)
{
	const char *slash = *path == '[' ? NULL : memrchr(path, '/', n), *name = path, *so;
	char text[256];
	size_t base;

	if (slash && slash[1]) {
		name = slash + 1;
		n -= (size_t)(name - path);
	}
	if (n > 10 && memcmp(name + n - 10, " (deleted)", 10) == 0)
		n -= 10;
	so = *name == '[' ? NULL : memmem(name, n, ".so", 3);
	if (so && so > name && (so + 3 == name + n || so[3] == '.'))
		base = (size_t)(so - name);
	else
		so = NULL, base = n;
	if (*name != '[')
		base = without_version(name, base);
	if (!so || base + 4 > sizeof text)
		return strtab_intern(c->strings, name, base, key);
	memcpy(text, name, base);
	memcpy(text + base, ".so", 3);
	return strtab_intern(c->strings, text, base + 3, key);
}

/* ---- each text once ---- */

static uint32_t key_of(struct compare *c, struct idmap *map, uint32_t raw,
		       int (*make)(struct compare *, const char *, size_t, uint32_t *))
{
	uint32_t key = idmap_get(map, raw);

	if (key != IDMAP_NONE)
		return key;
	if (make(c, strtab_text(c->strings, raw), strtab_len(c->strings, raw), &key) ||
	    idmap_set(map, raw, key))
		return PROFILE_NONE;
	return key;
}

uint32_t compare_function_key(struct compare *c, uint32_t raw)
{
	return key_of(c, &c->function_keys, raw, function_key);
}

uint32_t compare_module_key(struct compare *c, uint32_t raw)
{
	return key_of(c, &c->module_keys, raw, module_key);
}
