/* Servers made up for tests of pgwatch: sessions, locks and who blocks whom, in a few words each. */
#ifndef TESTS_UNIT_PGWATCH_MADE_H
#define TESTS_UNIT_PGWATCH_MADE_H

#include "prof/pgwatch/shot.h"

/* A client, by its pid; NULL: no memory. */
static inline struct shot_session *made_session(struct shot *s, int pid, enum shot_state state)
{
	struct shot_session *a = shot_add_session(s);

	if (a) {
		a->pid = pid;
		a->kind = SHOT_CLIENT;
		a->state = state;
		a->backend_start_us = 1000 + pid;
	}
	return a;
}

/* A row of the lock with that number. 0 or -1. */
static inline int made_lock(struct shot *s, int pid, uint32_t object, int granted)
{
	struct shot_lock *l = shot_add_lock(s);

	if (!l)
		return -1;
	l->pid = pid;
	l->object = object;
	l->granted = granted;
	l->type = "transactionid";
	l->mode = granted ? "ExclusiveLock" : "ShareLock";
	l->text = shot_text(s, "transaction 7");
	l->wait_s = granted ? -1 : 2;
	return l->text ? 0 : -1;
}

/* `waiter` waits for the lock `object`, which `holder` has. 0 or -1. */
static inline int made_wait(struct shot *s, int waiter, int holder, uint32_t object)
{
	return made_lock(s, holder, object, 1) || made_lock(s, waiter, object, 0) ||
			       !shot_add_edge(s, waiter, holder)
		       ? -1
		       : 0;
}

#endif
