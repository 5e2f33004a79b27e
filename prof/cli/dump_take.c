/* Reading one live process for a dump: all that is needed of it is read, then it is let go. */
#include "prof/cli/dump.h"

#include "prof/attach/pick.h"
#include "prof/attach/rights.h"
#include "prof/cli/shown_command.h"

static int read_process(struct dump *d, struct dump_target *t, const struct snap_options *o,
			struct err *err)
{
	int rc;

	shown_command(&t->proc, t->command, sizeof(t->command));
	t->space = attach_space_new(d->set, &t->proc);
	if (!t->space)
		return err_nomem(err, "the address space of a process");
	rc = attach_space_refresh(t->space, 0, err);
	if (rc == ERR_DENIED) {
		struct rights rights;

		rights_look(&rights, &t->proc);
		return rights_refuse(&rights, RIGHT_READ, &t->proc, err);
	}
	return rc ? rc : snap_take(&t->snap, &t->proc, t->space, o, err);
}

int dump_take(struct dump *d, struct dump_target *t, int pid, const struct snap_options *o)
{
	int rc;

	t->pid = pid;
	rc = pick_check(&t->proc, pid, !o->nonblocking, &t->err);
	if (rc)
		return rc;
	t->open = 1;
	rc = read_process(d, t, o, &t->err);
	if (rc == 0)
		return 0;
	snap_release(&t->snap);
	attach_space_free(t->space);
	proc_close(&t->proc);
	t->space = NULL;
	t->open = 0;
	return rc;
}
