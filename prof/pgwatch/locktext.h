/* What a lock is of, in words, from the columns of pg_locks; and lists of pids as the server writes arrays. Takes any
 * text. */
#ifndef PGWATCH_LOCKTEXT_H
#define PGWATCH_LOCKTEXT_H

#include <stddef.h>
#include <stdint.h>

struct locktext { /* texts may be NULL */
	const char *type, *database, *relation, *virtual_xid, *xid;
	int ours; /* it lies in the database that we are connected to */
	uint32_t relation_oid, page, tuple, class_id, object_id, sub_id;
};

/* "tuple (0,1) of public.job", "transaction 742", "advisory key 42", "advisory keys 7, 9"; cut where it does not fit. */
void locktext(const struct locktext *l, char *out, size_t size);

/* The next number of "{12,0,13}", and where to go on; NULL: there is none. */
const char *locktext_next_pid(const char *at, int *pid);

/* "AccessExclusiveLock" without "Lock". */
void locktext_mode(const char *mode, char *out, size_t size);

#endif
