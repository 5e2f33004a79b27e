/* Rows of a shot and their memory: see shot.h. */
#include "prof/pgwatch/shot.h"

#include <stdlib.h>
#include <string.h>

#include "prof/base/err.h"

static const char *const states[SHOT_STATES] = {
	[SHOT_ACTIVE] = "active",
	[SHOT_IDLE] = "idle",
	[SHOT_IN_TRANSACTION] = "idle in transaction",
	[SHOT_ABORTED] = "idle in transaction (aborted)",
	[SHOT_FASTPATH] = "fastpath function call",
	[SHOT_DISABLED] = "disabled",
	[SHOT_NO_STATE] = "",
};

const char *shot_state_name(enum shot_state state)
{
	return state >= 0 && state < SHOT_STATES ? states[state] : "";
}

enum shot_state shot_state_of(const char *name)
{
	int i;

	for (i = 0; name && i < SHOT_NO_STATE; i++)
		if (strcmp(states[i], name) == 0)
			return (enum shot_state)i;
	return SHOT_NO_STATE;
}

void shot_init(struct shot *s)
{
	memset(s, 0, sizeof(*s));
}

void shot_clear(struct shot *s)
{
	arena_release(&s->arena);
	idmap_release(&s->by_pid);
	idmap_release(&s->waits);
	s->n_sessions = s->n_locks = s->n_prepared = s->n_edges = s->n_databases = 0;
	s->partial = s->locks_failed = 0;
	s->note[0] = '\0';
}

void shot_release(struct shot *s)
{
	shot_clear(s);
	free(s->sessions);
	free(s->locks);
	free(s->prepared);
	free(s->edges);
	free(s->databases);
	memset(s, 0, sizeof(*s));
}

const char *shot_text(struct shot *s, const char *text)
{
	size_t n;

	if (!text || !*text)
		return "";
	n = strnlen(text, SHOT_TEXT_MAX);
	/* A character of UTF-8 stays whole. */
	while (n == SHOT_TEXT_MAX && n && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	return arena_strndup(&s->arena, text, n);
}

/* Room for one more row, zeroed. */
static void *grow(void **rows, uint32_t *n, uint32_t *cap, size_t size)
{
	if (*n == *cap) {
		uint32_t want = *cap ? 2 * *cap : 64;
		void *more = want < *cap ? NULL : reallocarray(*rows, want, size);

		if (!more)
			return NULL;
		*rows = more;
		*cap = want;
	}
	return memset((char *)*rows + (size_t)(*n)++ * size, 0, size);
}

#define GROW(s, what)                                                                              \
	grow((void **)(void *)&(s)->what, &(s)->n_##what, &(s)->cap_##what, sizeof(*(s)->what))

struct shot_session *shot_add_session(struct shot *s)
{
	struct shot_session *row = GROW(s, sessions);

	if (!row)
		return NULL;
	row->database = row->user = row->application = row->client_address = row->backend_type = "";
	row->wait_type = row->wait_event = row->query = row->client_name = "";
	row->state = SHOT_NO_STATE;
	row->xact_age_s = row->query_age_s = row->state_age_s = -1;
	return row;
}

struct shot_lock *shot_add_lock(struct shot *s)
{
	struct shot_lock *row = GROW(s, locks);

	if (!row)
		return NULL;
	row->type = row->mode = row->text = "";
	row->prepared = SHOT_NONE;
	row->wait_s = -1;
	return row;
}

struct shot_prepared *shot_add_prepared(struct shot *s)
{
	struct shot_prepared *row = GROW(s, prepared);

	if (row)
		row->gid = row->user = row->database = "";
	return row;
}

struct shot_edge *shot_add_edge(struct shot *s, int waiter, int blocker)
{
	struct shot_edge *row = GROW(s, edges);

	if (row)
		*row = (struct shot_edge){waiter, blocker};
	return row;
}

struct shot_database *shot_add_database(struct shot *s)
{
	struct shot_database *row = GROW(s, databases);

	if (row)
		row->name = "";
	return row;
}

static int by_pid(const void *a, const void *b)
{
	const struct shot_session *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int by_object(const void *a, const void *b)
{
	const struct shot_lock *x = a, *y = b;

	if (x->object != y->object)
		return x->object < y->object ? -1 : 1;
	if (x->granted != y->granted)
		return y->granted - x->granted;
	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	if (x->prepared != y->prepared)
		return x->prepared < y->prepared ? -1 : 1;
	return strcmp(x->mode, y->mode);
}

int shot_finish(struct shot *s)
{
	uint32_t i;
	int bad = 0;

	if (s->n_sessions)
		qsort(s->sessions, s->n_sessions, sizeof(*s->sessions), by_pid);
	if (s->n_locks)
		qsort(s->locks, s->n_locks, sizeof(*s->locks), by_object);
	idmap_release(&s->by_pid);
	idmap_release(&s->waits);
	for (i = 0; i < s->n_sessions; i++)
		bad |= idmap_set(&s->by_pid, (uint64_t)(uint32_t)s->sessions[i].pid, i);
	for (i = 0; i < s->n_locks; i++)
		if (!s->locks[i].granted)
			bad |= idmap_set(&s->waits, (uint64_t)(uint32_t)s->locks[i].pid, i);
	return bad ? ERR_NOMEM : 0;
}

uint32_t shot_find(const struct shot *s, int pid)
{
	uint32_t at = idmap_get(&s->by_pid, (uint64_t)(uint32_t)pid);

	return at == IDMAP_NONE ? SHOT_NONE : at;
}

const struct shot_lock *shot_waited(const struct shot *s, int pid)
{
	uint32_t at = idmap_get(&s->waits, (uint64_t)(uint32_t)pid);

	return at == IDMAP_NONE ? NULL : &s->locks[at];
}

const struct shot_lock *shot_object(const struct shot *s, uint32_t object, uint32_t *n)
{
	uint32_t lo = 0, hi = s->n_locks, first;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (s->locks[mid].object < object)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (first = lo; lo < s->n_locks && s->locks[lo].object == object;)
		lo++;
	*n = lo - first;
	return &s->locks[first];
}
