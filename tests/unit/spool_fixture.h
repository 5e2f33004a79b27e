/* A session with one process file, made by this process, and the same file mapped as a reader does. */
#ifndef TESTS_SPOOL_FIXTURE_H
#define TESTS_SPOOL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "prof/spool/reader.h"
#include "prof/spool/session.h"

struct spool_rig {
	char path[SPOOL_PATH_MAX];
	struct spool_session *session;
	struct spool_head *head; /* the producer's mapping */
	struct spool_file file;  /* the reader's */
};

static inline void rig_make(struct spool_rig *rig, uint32_t ring_bytes)
{
	struct spool_session config = {.ring_bytes = ring_bytes, .rate_hz = 199};
	const char *tmp = getenv("TMPDIR");
	struct err err = ERR_INIT;

	memset(rig, 0, sizeof *rig);
	if (session_make(&rig->session, rig->path, &config, tmp ? tmp : "/tmp", &err) ||
	    spool_make(&rig->head, rig->path, rig->session, &err) ||
	    spool_map(&rig->file, rig->head->file, &err))
		fail_msg("%s", err.text);
}

static inline void rig_drop(struct spool_rig *rig)
{
	spool_unmap(&rig->file);
	spool_drop(rig->head);
	session_unmap(rig->session);
	assert_int_equal(session_remove(rig->path, NULL), 0);
	assert_int_not_equal(access(rig->path, F_OK), 0);
}

/* A counter record whose value and name are told by its number. */
static inline int rig_put(struct ring_writer *w, uint64_t number, uint32_t name_bytes)
{
	double value = (double)number;
	uint8_t *p = ring_begin(w, SPOOL_COUNTER, (uint32_t)sizeof value + name_bytes);

	if (!p)
		return 0;
	memcpy(p, &value, sizeof value);
	memset(p + sizeof value, 'a' + (int)(number % 26), name_bytes);
	ring_commit(w, (uint16_t)(number & 3), (uint32_t)number, (int64_t)number,
		    (uint32_t)sizeof value + name_bytes);
	return 1;
}

static inline void rig_check(const struct spool_view *v, uint64_t number, uint32_t name_bytes)
{
	double value;

	assert_int_equal(v->type, SPOOL_COUNTER);
	assert_int_equal(v->t_ns, number);
	assert_int_equal(v->extra, (uint32_t)number);
	assert_int_equal(v->flags, number & 3);
	assert_true(v->payload_bytes >= sizeof value + name_bytes);
	memcpy(&value, v->payload, sizeof value);
	assert_true(value == (double)number);
	for (uint32_t i = 0; i < name_bytes; i++)
		assert_int_equal(v->payload[sizeof value + i], 'a' + (int)(number % 26));
	assert_int_equal(v->payload[v->payload_bytes], 0);
}

#endif
