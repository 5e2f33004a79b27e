/* Names from files as valid UTF-8 of bounded length, and as ids. Private to prof/symbol. */
#ifndef SYMBOL_TEXT_H
#define SYMBOL_TEXT_H

#include "prof/base/buf.h"
#include "prof/base/hash.h"
#include "prof/model/strtab.h"
#include "prof/symbol/cursor.h"

#define TEXT_NAME_MAX 65536               /* bytes of a name, the mark of a cut included */
#define TEXT_SEEN_MAX (TEXT_NAME_MAX + 1) /* more of a text is never looked at */

/* `out` becomes the text with each invalid byte as U+FFFD, cut with "…" if it is too long. Control
 * characters stay. 0 or ERR_NOMEM. */
int text_clean(struct buf *out, struct span text);

/* Ids of names that lie in mapped files: each place is cleaned, demangled and interned once. */
struct namer {
	struct strtab *strings; /* borrowed */
	struct idmap by_place;
	struct buf scratch;
};

void namer_init(struct namer *n, struct strtab *strings);
void namer_release(struct namer *n);
/* 0 or ERR_NOMEM; a full table gives `fallback`. */
int namer_id(struct namer *n, struct span text, int demangle, uint32_t fallback, uint32_t *id);
int namer_text(struct namer *n, const char *text, size_t len, uint32_t fallback, uint32_t *id);

#endif
