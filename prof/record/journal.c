/* Modules that were read from the rings are noted in PID.N.mod, in the format of the rings: whoever takes
 * up the session after this supervisor died needs them, and the rings have them no more. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/record/recording.h"
#include "prof/spool/crc32c.h"

#define RECORD_HEAD sizeof(struct spool_record)
#define JOURNAL_MAX ((size_t)64 << 20)
#define RECORD_MAX  65536u

static int journal_path(const struct recording *r, const struct image *m, char *path, size_t size)
{
	return snprintf(path, size, "%s/%s.mod", r->session_path, m->name) < (int)size ? 0 : -1;
}

static uint32_t record_crc(const uint8_t *bytes, size_t n)
{
	uint32_t crc = crc32c(0, bytes, offsetof(struct spool_record, crc));

	return crc32c(crc, bytes + offsetof(struct spool_record, extra),
		      n - offsetof(struct spool_record, extra));
}

static int open_journal(const struct recording *r, struct image *m)
{
	char path[SPOOL_PATH_MAX + 64];

	if (m->journal < 0 && journal_path(r, m, path, sizeof path) == 0)
		m->journal =
			open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	return m->journal;
}

void journal_module(struct recording *r, struct image *m, const struct round_event *e,
		    const uint8_t *payload)
{
	_Alignas(8) uint8_t bytes[RECORD_MAX];
	struct spool_record *rec = (struct spool_record *)(void *)bytes;
	size_t n = RECORD_HEAD + e->bytes;

	if (r->recovering || n > sizeof bytes || open_journal(r, m) < 0)
		return;
	memset(rec, 0, sizeof *rec);
	memcpy(bytes + RECORD_HEAD, payload, e->bytes);
	rec->bytes = (uint32_t)n;
	rec->type = (uint16_t)e->type;
	rec->extra = e->extra;
	rec->t_ns = e->t_ns;
	rec->crc = record_crc(bytes, n);
	if (write(m->journal, bytes, n) != (ssize_t)n)
		batch_loss(&r->batch, SPOOL_LOSS_DISK_FULL, 1);
}

static int replay(struct recording *r, struct image *m, const struct spool_record *rec,
		  const uint8_t *payload, size_t n)
{
	uint64_t range[2];

	if (rec->type == SPOOL_MODULE_LOAD && n > sizeof(struct spool_module) &&
	    memchr(payload + sizeof(struct spool_module), 0, n - sizeof(struct spool_module)))
		return space_load(&r->resolver, &m->space, rec->t_ns, (const void *)payload,
				  (const char *)payload + sizeof(struct spool_module));
	if (rec->type == SPOOL_MODULE_UNLOAD && n >= sizeof range) {
		memcpy(range, payload, sizeof range);
		return space_unload(&r->resolver, &m->space, rec->t_ns, range[0], range[1]);
	}
	return 0;
}

static int replay_all(struct recording *r, struct image *m, int fd)
{
	_Alignas(8) uint8_t bytes[RECORD_MAX];
	struct spool_record *rec = (struct spool_record *)(void *)bytes;
	size_t total = 0;
	int rc = 0;

	while (rc == 0 && total < JOURNAL_MAX) {
		ssize_t n = read(fd, bytes, RECORD_HEAD);

		if (n != (ssize_t)RECORD_HEAD || rec->bytes < RECORD_HEAD ||
		    rec->bytes > RECORD_MAX)
			break;
		n = read(fd, bytes + RECORD_HEAD, rec->bytes - RECORD_HEAD);
		if (n != (ssize_t)(rec->bytes - RECORD_HEAD) ||
		    record_crc(bytes, rec->bytes) != rec->crc)
			break;
		total += rec->bytes;
		rc = replay(r, m, rec, bytes + RECORD_HEAD, (size_t)n);
	}
	return rc;
}

int journal_replay(struct recording *r, struct image *m)
{
	char path[SPOOL_PATH_MAX + 64];
	int fd, rc;

	if (journal_path(r, m, path, sizeof path))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return 0;
	rc = replay_all(r, m, fd);
	(void)close(fd);
	return rc;
}
