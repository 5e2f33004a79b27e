/* Collecting between flushes: see batch.h. The flush itself is flush.c. */
#include "prof/record/batch.h"

#include <stdlib.h>
#include <string.h>

void batch_init(struct batch *b)
{
	memset(b, 0, sizeof *b);
}

void batch_release(struct batch *b)
{
	free(b->samples);
	free(b->ticks);
	free(b->counters);
	free(b->marks);
	hashidx_release(&b->sample_index);
	memset(b, 0, sizeof *b);
}

/* Room for one more; ERR_LIMIT beyond `max`. */
static int room(void **rows, uint32_t n, uint32_t *cap, uint32_t max, size_t size)
{
	uint32_t next = *cap ? 2 * *cap : 256;
	void *p;

	if (n < *cap)
		return 0;
	if (n >= max)
		return ERR_LIMIT;
	p = realloc(*rows, (size_t)next * size);
	if (!p)
		return ERR_NOMEM;
	*rows = p;
	*cap = next;
	return 0;
}

struct sample_key {
	const struct batch *b;
	uint32_t key[4];
};

static int same_sample(const void *ctx, uint32_t id)
{
	const struct sample_key *k = ctx;
	const struct batch_sample *s = &k->b->samples[id];

	return s->kind == k->key[0] && s->stage == k->key[1] && s->thread == k->key[2] &&
	       s->stack == k->key[3];
}

static int new_sample(struct batch *b, const uint32_t key[4], uint64_t hash, uint32_t *id)
{
	int rc = room((void **)&b->samples, b->n_samples, &b->cap_samples, BATCH_SAMPLES_MAX,
		      sizeof *b->samples);

	if (rc == 0)
		rc = hashidx_add(&b->sample_index, hash, b->n_samples);
	if (rc)
		return rc;
	*id = b->n_samples++;
	b->samples[*id] = (struct batch_sample){key[0], key[1], key[2], key[3], 0, 0};
	return 0;
}

int batch_sample(struct batch *b, enum profile_kind kind, uint32_t stage, uint32_t thread,
		 uint32_t stack, uint64_t count, int64_t value)
{
	struct sample_key k = {b, {(uint32_t)kind, stage, thread, stack}};
	uint64_t hash = hash_bytes(k.key, sizeof k.key, 0);
	uint32_t id = hashidx_find(&b->sample_index, hash, same_sample, &k);
	int rc = id == HASHIDX_NONE ? new_sample(b, k.key, hash, &id) : 0;

	if (rc) {
		batch_loss(b, SPOOL_LOSS_TABLE_FULL, 1);
		return rc;
	}
	b->samples[id].count += count;
	b->samples[id].value += value;
	if (kind == PROFILE_CPU)
		b->all_samples += count;
	return 0;
}

/* Every other tick goes: the timeline is thinned anyway. */
static void halve_ticks(struct batch *b)
{
	for (uint32_t i = 0; i < b->n_ticks / 2; i++)
		b->ticks[i] = b->ticks[2 * i];
	b->n_ticks /= 2;
}

void batch_tick(struct batch *b, uint32_t thread, int64_t t_ns, uint32_t stack,
		enum profile_state state)
{
	int rc = room((void **)&b->ticks, b->n_ticks, &b->cap_ticks, BATCH_TICKS_MAX,
		      sizeof *b->ticks);

	if (rc == ERR_LIMIT)
		halve_ticks(b);
	else if (rc)
		return;
	b->ticks[b->n_ticks++] = (struct batch_tick){t_ns, thread, stack, (uint32_t)state};
}

void batch_counter(struct batch *b, int64_t t_ns, uint32_t name, double value)
{
	if (room((void **)&b->counters, b->n_counters, &b->cap_counters, BATCH_COUNTERS_MAX,
		 sizeof *b->counters)) {
		batch_loss(b, SPOOL_LOSS_RECORD_DROPPED, 1);
		return;
	}
	b->counters[b->n_counters++] = (struct batch_counter){t_ns, name, value};
}

void batch_loss(struct batch *b, enum spool_loss loss, uint64_t n)
{
	if (loss < SPOOL_LOSSES) {
		b->losses[loss] += n;
		b->all_losses[loss] += n;
	}
}

int batch_mark(struct batch *b, const struct batch_mark *mark)
{
	int rc = room((void **)&b->marks, b->n_marks, &b->cap_marks, UINT32_MAX, sizeof *b->marks);

	if (rc == 0)
		b->marks[b->n_marks++] = *mark;
	return rc;
}

void batch_forget_marks(struct batch *b)
{
	b->n_marks = 0;
}
