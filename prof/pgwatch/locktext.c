/* Locks in words: see locktext.h. */
#include "prof/pgwatch/locktext.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void relation(const struct locktext *l, char *out, size_t size)
{
	if (l->relation && *l->relation)
		snprintf(out, size, "%s", l->relation);
	else if (l->database && *l->database && !l->ours)
		snprintf(out, size, "relation %" PRIu32 " of database %s", l->relation_oid,
			 l->database);
	else
		snprintf(out, size, "relation %" PRIu32, l->relation_oid);
}

/* One key of 64 bits has its halves in class and object, and 1 behind; two of 32 bits have 2 there. */
static void advisory(const struct locktext *l, char *out, size_t size)
{
	if (l->sub_id == 1)
		snprintf(out, size, "advisory key %" PRId64,
			 (int64_t)((uint64_t)l->class_id << 32 | l->object_id));
	else
		snprintf(out, size, "advisory keys %" PRId32 ", %" PRId32, (int32_t)l->class_id,
			 (int32_t)l->object_id);
}

static void other(const struct locktext *l, char *out, size_t size)
{
	const char *type = l->type ? l->type : "lock";

	if (strcmp(type, "transactionid") == 0)
		snprintf(out, size, "transaction %s", l->xid ? l->xid : "?");
	else if (strcmp(type, "virtualxid") == 0)
		snprintf(out, size, "virtual transaction %s",
			 l->virtual_xid ? l->virtual_xid : "?");
	else if (strcmp(type, "advisory") == 0)
		advisory(l, out, size);
	else if (strcmp(type, "object") == 0)
		snprintf(out, size, "object %" PRIu32 " of class %" PRIu32, l->object_id,
			 l->class_id);
	else
		snprintf(out, size, "%s", type);
}

void locktext(const struct locktext *l, char *out, size_t size)
{
	const char *type = l->type ? l->type : "";
	char of[256];

	relation(l, of, sizeof(of));
	if (strcmp(type, "relation") == 0)
		snprintf(out, size, "%s", of);
	else if (strcmp(type, "tuple") == 0)
		snprintf(out, size, "tuple (%" PRIu32 ",%" PRIu32 ") of %s", l->page, l->tuple, of);
	else if (strcmp(type, "page") == 0)
		snprintf(out, size, "page %" PRIu32 " of %s", l->page, of);
	else if (strcmp(type, "extend") == 0)
		snprintf(out, size, "extension of %s", of);
	else
		other(l, out, size);
}

const char *locktext_next_pid(const char *at, int *pid)
{
	char *end;
	long n;

	at += strspn(at, "{, ");
	if (!*at || *at == '}')
		return NULL;
	errno = 0;
	n = strtol(at, &end, 10);
	if (end == at || errno || n < 0 || n > INT_MAX)
		return NULL;
	*pid = (int)n;
	return end;
}

void locktext_mode(const char *mode, char *out, size_t size)
{
	size_t n = strlen(mode);

	if (n > 4 && strcmp(mode + n - 4, "Lock") == 0)
		n -= 4;
	snprintf(out, size, "%.*s", (int)n, mode);
}
