/* Any bytes as what a target left behind: as the head of a process file, as the raw bytes of a ring, and as
 * records with a right checksum but any content, all the way through one round of the recording. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prof/record/recording.h"
#include "prof/spool/session.h"

#define RING_BYTES 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct spool_session *session;
static struct spool_head *head;
static char folder[SPOOL_PATH_MAX];
static struct ring_writer writer;

static void leave(void)
{
	(void)session_remove(folder, NULL);
}

static void prepare(void)
{
	struct spool_session config = {.ring_bytes = RING_BYTES, .rate_hz = 199};

	if (session)
		return;
	if (session_make(&session, folder, &config, "/tmp", NULL) ||
	    spool_make(&head, folder, session, NULL) || spool_claim(head, 77, &writer))
		abort();
	head->start_ticks = 1;
	head->pid = INT32_MAX; /* nobody: no maps, no clock */
	atexit(leave);
}

/* type, extra, flags, length, then so many bytes: one record each. */
static void write_records(const uint8_t *p, size_t n)
{
	int64_t t = 1;

	while (n >= 6) {
		uint32_t len = (uint32_t)(p[4] | p[5] << 8) % 4096, extra = p[1];
		uint8_t *payload;

		if (len > n - 6)
			len = (uint32_t)(n - 6);
		payload = ring_begin(&writer, (enum spool_type)(p[0] % 18), len);
		if (!payload)
			return;
		memcpy(payload, p + 6, len);
		t += p[3];
		ring_commit(&writer, p[2], extra, p[3] == 255 ? INT64_MAX : t, len);
		p += 6 + len;
		n -= 6 + len;
	}
}

static void round_over(struct recording *r)
{
	if (recording_init(r, NULL, 1, session, folder) || images_scan(r))
		abort();
	for (int i = 0; i < 2; i++)
		if (drain_round(r, i))
			abort();
	drain_losses(r);
	for (uint32_t i = 0; i < r->n_images; i++)
		if (r->images[i]->file.head)
			image_ended(r, r->images[i], 1000);
	recording_release(r);
}

static void reset_ring(void)
{
	struct spool_ring *ring = writer.ring;

	memset(writer.bytes, 0, RING_BYTES);
	atomic_store(&ring->head, 0);
	atomic_store(&ring->tail, 0);
	writer.busy = 0;
}

/* The head of the file, as the reader checks it: a copy, so that ours stays whole. */
static void map_head(const uint8_t *p, size_t n)
{
	char path[SPOOL_PATH_MAX + 32];
	struct spool_file file;
	FILE *f;

	snprintf(path, sizeof path, "%s/9.9", folder);
	f = fopen(path, "wb");
	if (!f)
		abort();
	if (fwrite(head, 1, sizeof *head, f) != sizeof *head)
		abort();
	rewind(f);
	if (n > sizeof *head)
		n = sizeof *head;
	if (fwrite(p, 1, n, f) != n || fclose(f) || truncate(path, (off_t)head->file_bytes))
		abort();
	if (spool_map(&file, path, NULL) == 0) {
		if (spool_rings(&file) > file.rings_max)
			abort();
		spool_unmap(&file);
	}
	(void)unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct recording r;

	if (size < 9)
		return 0;
	prepare();
	reset_ring();
	switch (data[0] % 3) {
	case 0:
		map_head(data + 1, size - 1);
		return 0;
	case 1:
		memcpy(writer.bytes, data + 9, size - 9 < RING_BYTES ? size - 9 : RING_BYTES);
		atomic_store(&writer.ring->head,
			     (uint64_t)(data[1] | data[2] << 8 | data[3] << 16));
		break;
	default:
		write_records(data + 1, size - 1);
	}
	round_over(&r);
	return 0;
}
