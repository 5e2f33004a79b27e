/* Any bytes as a text of a store: it goes as UTF-8 without NUL that is at most four times as long, sound text as it is, and
 * comes back byte for byte. Any bytes as a text of the database: it never grows, and what the text then is goes and
 * comes back too. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/utf8.h"
#include "prof/exchange/oddtext.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void there_and_back(const char *text, size_t n)
{
	int plain = oddtext_is_plain(text, n);
	struct buf out = BUF_INIT;

	if (oddtext_put(&out, text, n) || out.len < n || out.len > 4 * n)
		abort();
	if (n && (!utf8_valid(out.data, out.len) || memchr(out.data, 0, out.len)))
		abort();
	if (plain != (out.len == n) || (plain && n && memcmp(out.data, text, n) != 0))
		abort();
	if (n && (oddtext_back(out.data, out.len) != n || memcmp(out.data, text, n) != 0))
		abort();
	buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = malloc(n ? n : 1); /* of its length, so that a byte too far is seen */
	size_t back;

	if (!text)
		return 0;
	if (n)
		memcpy(text, data, n);
	there_and_back(text, n);
	back = oddtext_back(text, n);
	if (back > n || (oddtext_is_plain((const char *)data, n) && back != n))
		abort();
	there_and_back(text, back);
	free(text);
	return 0;
}
