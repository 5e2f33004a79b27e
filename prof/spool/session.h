/* Session folders: made and found, by the supervisor and by agents. Plain system calls, no malloc; not
 * for handlers. */
#ifndef SPOOL_SESSION_H
#define SPOOL_SESSION_H

#include <stddef.h>

#include "prof/base/err.h"
#include "prof/spool/format.h"
#include "prof/spool/writer.h"

/* Environment of the target; the agent takes them out of its environ and puts them back for exec. */
#define SPOOL_ENV_SESSION "PROTEA_PROF_SESSION"

/* Makes a session folder (mode 0700) under the best place for shared memory: /dev/shm, else `fallback`
 * (a folder on disk). `config` gives the fields to record; magic, version, state are filled in. The
 * folder's name starts with "protea-prof-UID-". 0, ERR_IO, ERR_LIMIT (no space). */
int session_make(struct spool_session **out, char path[SPOOL_PATH_MAX],
		 const struct spool_session *config, const char *fallback, struct err *err);
/* Maps an existing one, checked; ERR_NOTFOUND, ERR_FORMAT, ERR_UNSUPPORTED (other version). */
int session_map(struct spool_session **out, const char *path, struct err *err);
void session_unmap(struct spool_session *s);
int session_remove(const char *path, struct err *err); /* files of ours and the folder */

/* Agent: makes PID.N with all descriptors and room for its rings (sparse). */
int spool_make(struct spool_head **out, const char *session_path, struct spool_session *session,
	       struct err *err);
/* Claims a free ring and reserves its memory so that writing can never fault: 0 and *w;
 * ERR_LIMIT (no ring free; counted as thread_limit), ERR_IO (no space; counted as disk_full).
 * Thread-safe, lock-free; system calls only (madvise; before Linux 5.14 open and fallocate). */
int spool_claim(struct spool_head *head, int tid, struct ring_writer *w);
void spool_release(struct spool_head *head, struct ring_writer *w); /* the thread ended */

/* A process file as a reader maps it. The sizes are private copies, checked once: the producer may
 * scribble over its own head later. */
struct spool_file {
	struct spool_head *head; /* shared */
	size_t bytes;
	uint32_t rings_max, ring_bytes;
};

/* Reader: maps a process file, whole, after checking head and sizes. ERR_NOTFOUND, ERR_IO,
 * ERR_FORMAT, ERR_UNSUPPORTED (other version). */
int spool_map(struct spool_file *out, const char *file, struct err *err);
void spool_unmap(struct spool_file *f); /* a zeroed one is fine */
/* Descriptors that may be looked at now: 0 ... n - 1. */
uint32_t spool_rings(const struct spool_file *f);
struct spool_ring *spool_ring_at(const struct spool_file *f, uint32_t i); /* i < rings_max */

/* Producer: forgets a file made by spool_make() (in a forked child: the parent's). */
void spool_drop(struct spool_head *head);

#endif
