/* Who supervises a session: whoever holds the lock on its folder's file `session`. The kernel takes it
 * away from a process that dies, so a session without a holder is one to recover. */
#ifndef RECORD_LEASE_H
#define RECORD_LEASE_H

/* A file descriptor to keep; ERR_EXISTS: another process holds it; ERR_NOTFOUND; ERR_IO. */
int lease_take(const char *session_path);
void lease_drop(int lease);

#endif
