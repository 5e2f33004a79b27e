/* Names from files: see text.h. */
#include "prof/symbol/text.h"

#include <stdlib.h>

#include "prof/base/utf8.h"
#include "prof/symbol/symbol.h"

int text_clean(struct buf *out, struct span text)
{
	static const char mark[] = "\xe2\x80\xa6", bad[] = "\xef\xbf\xbd";
	size_t i = 0, plain;

	buf_clear(out);
	while (i < text.n && !buf_failed(out)) {
		size_t room = TEXT_NAME_MAX - (sizeof mark - 1) - out->len, len;

		for (plain = i; plain < text.n && text.p[plain] < 0x80 && plain - i < room; plain++)
			;
		buf_put(out, text.p + i, plain - i);
		room -= plain - i;
		i = plain;
		if (i == text.n)
			break;
		len = utf8_length((const char *)text.p + i, text.n - i);
		if (room < (len ? len : sizeof bad - 1)) {
			buf_put(out, mark, sizeof mark - 1);
			break;
		}
		if (len)
			buf_put(out, text.p + i, len);
		else
			buf_put(out, bad, sizeof bad - 1);
		i += len ? len : 1;
	}
	buf_put(out, "", 0);
	return buf_failed(out) ? ERR_NOMEM : 0;
}

void namer_init(struct namer *n, struct strtab *strings)
{
	*n = (struct namer){.strings = strings};
	buf_init(&n->scratch, BUF_NO_LIMIT);
}

void namer_release(struct namer *n)
{
	idmap_release(&n->by_place);
	buf_release(&n->scratch);
}

int namer_text(struct namer *n, const char *text, size_t len, uint32_t fallback, uint32_t *id)
{
	int rc;

	*id = fallback;
	if (!len)
		return 0;
	if (text_clean(&n->scratch, (struct span){(const uint8_t *)text, len}) < 0)
		return ERR_NOMEM;
	rc = strtab_intern(n->strings, buf_str(&n->scratch), n->scratch.len, id);
	if (rc == ERR_LIMIT)
		*id = fallback;
	return rc == ERR_NOMEM ? rc : 0;
}

static int demangled_id(struct namer *n, struct span text, uint32_t fallback, uint32_t *id)
{
	char *name;
	int rc;

	if (text_clean(&n->scratch, text) < 0)
		return ERR_NOMEM;
	name = symbol_demangle(buf_str(&n->scratch));
	if (!name || !*name) {
		free(name);
		return ERR_NOMEM;
	}
	rc = strtab_intern_text(n->strings, name, id);
	free(name);
	if (rc == ERR_LIMIT)
		*id = fallback;
	return rc == ERR_NOMEM ? rc : 0;
}

int namer_id(struct namer *n, struct span text, int demangle, uint32_t fallback, uint32_t *id)
{
	uint64_t key = (uint64_t)(uintptr_t)text.p << 1 | (demangle != 0);
	int rc;

	*id = fallback;
	if (!text.n)
		return 0;
	*id = idmap_get(&n->by_place, key);
	if (*id != IDMAP_NONE)
		return 0;
	if (demangle && text.n > 2 && (text.p[0] == '_'))
		rc = demangled_id(n, text, fallback, id);
	else
		rc = namer_text(n, (const char *)text.p, text.n, fallback, id);
	return rc < 0 ? rc : idmap_set(&n->by_place, key, *id);
}
