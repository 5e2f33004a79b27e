/* Reading a run that may still be going on: its frames have no names in the store yet, nor has it a duration. Both
 * are made up for in memory. */
#include "prof/base/clock.h"
#include "prof/base/log.h"
#include "prof/base/units.h"
#include "prof/cli/cmd.h"
#include "prof/record/livenames.h"
#include "prof/store/read.h"
#include "prof/unwind/table.h"

extern char **environ;

int64_t cli_so_far_ns(int64_t started_at)
{
	int64_t now = clock_real_ns();

	return started_at > 0 && now > started_at ? now - started_at : 0;
}

int cli_read_run(struct store *s, int64_t run, unsigned parts, struct profile *p, struct err *err)
{
	char cache_dir[4096];
	int rc = store_read_run(s, run, parts, p, err);

	if (rc || p->run.finished)
		return rc;
	if (p->run.duration_ns == 0)
		p->run.duration_ns = cli_so_far_ns(p->run.started_at);
	unwind_table_dir(cache_dir, sizeof cache_dir, environ);
	if (livenames_profile(p, cache_dir)) {
		profile_release(p);
		return err_nomem(err, "the names of a run");
	}
	return 0;
}

void cli_say_live(const struct profile *p)
{
	char so_far[UNITS_TEXT];

	if (!p->run.finished)
		log_info("run %.8s is still being recorded: this is what is there after %s",
			 strtab_text(p->strings, p->run.id), units_ns(so_far, p->run.duration_ns));
}
