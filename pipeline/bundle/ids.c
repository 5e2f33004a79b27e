/* Names that fix identifiers: see ids.h. */
#include "pipeline/bundle/ids.h"

#include <string.h>

#include "pipeline/core/digest.h"
#include "prof/base/buf.h"

int bundle_uuid(const char *kind, const char *name, char out[UUID_TEXT], struct err *err)
{
	static const char digits[] = "0123456789abcdef";
	struct buf text = BUF_INIT;
	char hex[SHA256_HEX];
	size_t from = 0, to;
	int rc;

	buf_printf(&text, "protea-bundle\n%s\n%s", kind, name);
	rc = buf_failed(&text) ? ERR_NOMEM : sha256_hex(buf_str(&text), text.len, hex);
	buf_release(&text);
	if (rc < 0)
		return err_set(err, rc, "cannot derive an id for %s '%s'", kind, name);
	hex[12] = '8';
	hex[16] =
		digits[8 + (strchr(digits, hex[16]) - digits) % 4]; /* the two upper bits are 10 */
	for (to = 0; to < UUID_TEXT - 1; to++)
		out[to] = to == 8 || to == 13 || to == 18 || to == 23 ? '-' : hex[from++];
	out[to] = '\0';
	return 0;
}
