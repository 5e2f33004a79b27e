/* Statements over a period: see stmts.h. */
#include "prof/pgwatch/stmts.h"

#include <stdlib.h>
#include <string.h>

#include "prof/base/err.h"
#include "prof/base/sqlnorm.h"
#include "prof/pgwatch/watch_int.h"

#define TEXT_MAX     2048    /* of a normalised text */
#define LITERALS_MAX 262144u /* different ones are told apart up to so many */

struct seen_session {
	int pid;
	int64_t backend_start_us, query_start_us;
	uint64_t fingerprint;
};

int stmts_init(struct stmts *s)
{
	memset(s, 0, sizeof(*s));
	s->texts = strtab_new();
	return s->texts ? 0 : ERR_NOMEM;
}

void stmts_release(struct stmts *s)
{
	strtab_free(s->texts);
	free(s->rows);
	free(s->seen);
	idmap_release(&s->by_fingerprint);
	idmap_release(&s->sessions);
	idmap_release(&s->literals);
	idmap_release(&s->members);
	idmap_release(&s->known_texts);
	memset(s, 0, sizeof(*s));
}

void stmts_begin(struct stmts *s)
{
	s->n = 0;
	s->looks = 0;
	s->counted = 0;
	s->counted_s = 0;
	s->begun_ns = s->ended_ns = 0;
	idmap_release(&s->by_fingerprint);
	idmap_release(&s->literals);
	idmap_release(&s->members);
}

struct stmt *stmts_row(struct stmts *s, uint64_t fingerprint, const char *text, size_t len)
{
	uint32_t at = idmap_intern(&s->by_fingerprint, fingerprint, s->n);
	char norm_text[TEXT_MAX];
	struct sqlnorm norm;

	if (at == IDMAP_NONE)
		return NULL;
	if (at < s->n)
		return &s->rows[at];
	if (s->n == s->cap) {
		uint32_t cap = s->cap ? 2 * s->cap : 64;
		struct stmt *more = reallocarray(s->rows, cap, sizeof(*more));

		if (!more)
			return NULL;
		s->rows = more;
		s->cap = cap;
	}
	memset(&s->rows[at], 0, sizeof(s->rows[at]));
	s->rows[at].fingerprint = fingerprint;
	sqlnorm(&norm, norm_text, sizeof(norm_text), text, len, 0);
	if (strtab_intern_text(s->texts, norm_text, &s->rows[at].text))
		return NULL;
	s->n++;
	return &s->rows[at];
}

/* ---- seen ---- */

/* What is kept of the session; NULL: no memory. *fresh: it is met for the first time. */
static struct seen_session *session_of(struct stmts *s, const struct shot_session *a, int *fresh)
{
	uint32_t at = idmap_intern(&s->sessions, (uint32_t)a->pid, s->n_seen);
	struct seen_session *q;

	if (at == IDMAP_NONE)
		return NULL;
	if (at == s->n_seen) {
		if (s->n_seen == s->cap_seen) {
			uint32_t cap = s->cap_seen ? 2 * s->cap_seen : 64;
			struct seen_session *more = reallocarray(s->seen, cap, sizeof(*more));

			if (!more)
				return NULL;
			s->seen = more;
			s->cap_seen = cap;
		}
		s->seen[s->n_seen++] = (struct seen_session){.pid = a->pid};
	}
	q = &s->seen[at];
	*fresh = q->backend_start_us != a->backend_start_us || !q->backend_start_us;
	q->backend_start_us = a->backend_start_us;
	return q;
}

/* One of a set that is remembered as numbers: 1 it is new, 0 it was there, or negative. */
static int is_new(struct idmap *set, uint64_t a, uint64_t b)
{
	uint64_t key = hash_u64(a ^ hash_u64(b));

	if (idmap_get(set, key) != IDMAP_NONE || set->count >= LITERALS_MAX)
		return 0;
	return idmap_set(set, key, 1) ? ERR_NOMEM : 1;
}

/* Who belongs to a statement: sessions, sessions with a process, processes; each by its pid. */
enum member { MEMBER_SESSION, MEMBER_LINKED, MEMBER_PROCESS };

static int is_new_member(struct stmts *s, const struct stmt *q, enum member as, int pid)
{
	return is_new(&s->members, q->fingerprint, (uint64_t)as << 32 | (uint32_t)pid);
}

static int note_process(struct stmts *s, struct stmt *q, const struct shot_session *a)
{
	int linked = is_new_member(s, q, MEMBER_LINKED, a->pid);
	int process = is_new_member(s, q, MEMBER_PROCESS, a->client_pid);
	struct stmt_client *to = &q->clients[q->n_clients];

	if (linked < 0 || process < 0)
		return ERR_NOMEM;
	q->linked += (uint32_t)linked;
	q->processes += (uint32_t)process;
	if (!process || q->n_clients == STMT_CLIENTS)
		return 0;
	to->pid = a->client_pid;
	if (strtab_intern_text(s->texts, a->client_name, &to->name))
		return ERR_NOMEM;
	q->n_clients++;
	return 0;
}

static int note_session(struct stmts *s, struct stmt *q, const struct shot_session *a)
{
	int member = is_new_member(s, q, MEMBER_SESSION, a->pid);

	if (member < 0)
		return ERR_NOMEM;
	q->sessions += (uint32_t)member;
	if (member && q->n_pids < STMT_PIDS)
		q->pids[q->n_pids++] = a->pid;
	return a->client_pid ? note_process(s, q, a) : 0;
}

static int note_execution(struct stmts *s, struct stmt *q, const struct shot_session *a)
{
	int fresh = is_new(&s->literals, a->fingerprint, a->literals);

	q->seen++;
	if (fresh < 0)
		return ERR_NOMEM;
	q->distinct += (uint64_t)fresh;
	return 0;
}

/* Running, and not merely waiting for its client. */
static int is_running(const struct shot_session *a)
{
	return a->state == SHOT_ACTIVE && strcmp(a->wait_type, "Client") != 0;
}

static int look_at(struct stmts *s, const struct shot_session *a, double since_s)
{
	struct seen_session *was;
	struct stmt *q;
	int fresh, again;

	if (a->kind != SHOT_CLIENT || !a->fingerprint || a->state == SHOT_NO_STATE)
		return 0;
	was = session_of(s, a, &fresh);
	if (!was)
		return ERR_NOMEM;
	/* What ended before we came is none of the period's. */
	again = a->query_start_us != was->query_start_us || a->fingerprint != was->fingerprint;
	if (fresh)
		again = a->state == SHOT_ACTIVE;
	was->query_start_us = a->query_start_us;
	was->fingerprint = a->fingerprint;
	if (!again && !is_running(a))
		return 0;
	q = stmts_row(s, a->fingerprint, a->query, strlen(a->query));
	if (!q)
		return ERR_NOMEM;
	if (is_running(a)) {
		q->active++;
		/* Not longer than it has been running. */
		q->active_s +=
			a->query_age_s >= 0 && a->query_age_s < since_s ? a->query_age_s : since_s;
	}
	if (note_session(s, q, a))
		return ERR_NOMEM;
	return again || q->seen == 0 ? note_execution(s, q, a) : 0;
}

int stmts_look(struct stmts *s, const struct shot *shot)
{
	double since_s = s->looks ? (double)(shot->at_ns - s->last_ns) / 1e9 : 0;
	uint32_t i;
	int rc = 0;

	if (!s->looks++)
		s->begun_ns = shot->at_ns;
	s->last_ns = shot->at_ns;
	for (i = 0; i < shot->n_sessions && rc == 0; i++)
		rc = look_at(s, &shot->sessions[i], since_s);
	return rc;
}

/* ---- counted ---- */

static int most_time(const void *a, const void *b)
{
	const struct count_row *x = *(const struct count_row *const *)a;
	const struct count_row *y = *(const struct count_row *const *)b;

	if (x->total_ms != y->total_ms)
		return x->total_ms > y->total_ms ? -1 : 1;
	return (x->key > y->key) - (x->key < y->key);
}

static int most_calls(const void *a, const void *b)
{
	const struct count_row *x = *(const struct count_row *const *)a;
	const struct count_row *y = *(const struct count_row *const *)b;

	if (x->calls != y->calls)
		return x->calls > y->calls ? -1 : 1;
	return (x->key > y->key) - (x->key < y->key);
}

static int learn_text(void *ctx, int64_t id, const char *text)
{
	struct stmts *s = ctx;
	uint32_t place;

	/* Our own looks are not what anybody wants to see. */
	if (strtab_intern_text(s->texts, !text || strstr(text, WATCH_MARK) ? "" : text, &place) ||
	    idmap_set(&s->known_texts, (uint64_t)id, place))
		return ERR_NOMEM;
	return 0;
}

static int learn_texts(struct stmts *s, struct watch *w, const struct count_row *const *rows,
		       uint32_t n, struct err *err)
{
	int64_t *ids = calloc((size_t)n + 1, sizeof(*ids));
	uint32_t i, missing = 0;
	int rc = 0;

	if (!ids)
		return err_nomem(err, "texts of statements");
	for (i = 0; i < n; i++)
		if (idmap_get(&s->known_texts, (uint64_t)rows[i]->query_id) == IDMAP_NONE)
			ids[missing++] = rows[i]->query_id;
	if (missing)
		rc = counts_texts(w, ids, missing, learn_text, s, err);
	free(ids);
	return rc == ERR_NOMEM ? err_nomem(err, "texts of statements") : rc;
}

static int add_counted(struct stmts *s, const struct count_row *row)
{
	uint32_t place = idmap_get(&s->known_texts, (uint64_t)row->query_id);
	const char *text = place == IDMAP_NONE ? "" : strtab_text(s->texts, place);
	struct sqlnorm norm;
	struct stmt *q;

	if (!*text)
		return 0;
	sqlnorm(&norm, NULL, 0, text, strlen(text), 0);
	q = stmts_row(s, norm.fingerprint, text, strlen(text));
	if (!q)
		return ERR_NOMEM;
	q->counted = 1;
	q->calls += row->calls;
	q->rows += row->rows;
	q->hit += row->hit;
	q->read += row->read;
	q->total_ms += row->total_ms;
	return 0;
}

int stmts_count(struct stmts *s, struct watch *w, const struct counts *delta, double period_s,
		uint32_t most, struct err *err)
{
	const struct count_row **rows = calloc((size_t)delta->n + 1, sizeof(*rows));
	uint32_t i, n = delta->n, kept;
	int rc;

	if (!rows)
		return err_nomem(err, "statements");
	for (i = 0; i < n; i++)
		rows[i] = &delta->rows[i];
	qsort(rows, n, sizeof(*rows), most_time);
	kept = n < most ? n : most;
	/* Of the others those that are called most. */
	if (n > kept) {
		qsort(rows + kept, n - kept, sizeof(*rows), most_calls);
		kept = n - kept < most ? n : kept + most;
	}
	s->counted = 1;
	s->counted_s = period_s;
	rc = learn_texts(s, w, rows, kept, err);
	for (i = 0; i < kept && rc == 0; i++)
		if (add_counted(s, rows[i]))
			rc = err_nomem(err, "statements");
	free(rows);
	return rc;
}

/* ---- the end ---- */

double stmt_calls(const struct stmt *q)
{
	return q->counted ? (double)q->calls : (double)q->seen;
}

double stmt_total_ms(const struct stmt *q)
{
	return q->counted ? q->total_ms : q->active_s * 1e3;
}

double stmts_period_s(const struct stmts *s)
{
	return s->ended_ns > s->begun_ns && s->begun_ns ? (double)(s->ended_ns - s->begun_ns) / 1e9
							: 0;
}

static int is_repeated(const struct stmts *s, const struct stmt *q)
{
	if (q->counted && s->counted_s > 0)
		return (double)q->calls >= STMT_REPEAT_HZ * s->counted_s &&
		       (double)q->rows <= 1.5 * (double)q->calls;
	return q->seen >= STMT_REPEAT_SEEN && q->seen * 4 >= s->looks;
}

static int by_time(const void *a, const void *b)
{
	const struct stmt *x = a, *y = b;
	double p = stmt_total_ms(x), q = stmt_total_ms(y);

	if (p != q)
		return p > q ? -1 : 1;
	if (stmt_calls(x) != stmt_calls(y))
		return stmt_calls(x) > stmt_calls(y) ? -1 : 1;
	return (x->fingerprint > y->fingerprint) - (x->fingerprint < y->fingerprint);
}

void stmts_end(struct stmts *s, int64_t now_ns)
{
	uint32_t i;

	s->ended_ns = now_ns;
	for (i = 0; i < s->n; i++)
		s->rows[i].repeated = is_repeated(s, &s->rows[i]);
	if (s->n)
		qsort(s->rows, s->n, sizeof(*s->rows), by_time);
	/* Places changed: rows are found anew in the next period. */
	idmap_release(&s->by_fingerprint);
	for (i = 0; i < s->n; i++)
		(void)idmap_set(&s->by_fingerprint, s->rows[i].fingerprint, i);
}
