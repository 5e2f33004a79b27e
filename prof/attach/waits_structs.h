/* Structures that system calls are given, as bytes read from a process: told in words. Any bytes will do; nothing
 * beyond the length is looked at. No I/O. */
#ifndef ATTACH_WAITS_STRUCTS_H
#define ATTACH_WAITS_STRUCTS_H

#include <stddef.h>
#include <stdint.h>

#include "prof/attach/waits_words.h"

#define STRUCTS_POLL_MAX 16   /* entries that are told; a set may have any number */
#define STRUCTS_FD_MAX   1024 /* of select's sets: FD_SETSIZE of the kernel's callers */

/* A timespec or (micro) timeval as nanoseconds, kept in range; -1: it is none. */
int64_t structs_time(const uint8_t bytes[16], int micro);

/* "127.0.0.1:80", "[::1]:80", "unix:/run/x", "unix:@name", "netlink 12", "family 17". */
void structs_sockaddr(struct words *w, const uint8_t *bytes, size_t n);
/* "[{3, POLLIN}, {4, POLLOUT}]"; `count` is what the call was told, `n` bytes are at hand. */
void structs_pollfds(struct words *w, const uint8_t *bytes, size_t n, uint64_t count);
/* "[3 7]" of a set of `nfds` descriptors. */
void structs_fdset(struct words *w, const uint8_t *bytes, size_t n, uint64_t nfds);
/* "[{0, -1}, {1, 1, SEM_UNDO}]" */
void structs_sembufs(struct words *w, const uint8_t *bytes, size_t n, uint64_t count);

/* "{F_WRLCK, SEEK_SET, 100, 10}" of a struct flock of 64 bits; nothing of fewer bytes. */
#define STRUCTS_FLOCK 24u
void structs_flock(struct words *w, const uint8_t bytes[STRUCTS_FLOCK]);

/* Descriptor and events of entry `i`; 0, or -1: there is none. */
int structs_pollfd(const uint8_t *bytes, size_t n, size_t i, int *fd, uint32_t *events);
/* Is `fd` in the set? */
int structs_fdset_has(const uint8_t *bytes, size_t n, uint64_t nfds, int fd);

#endif
