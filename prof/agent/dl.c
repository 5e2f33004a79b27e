/* Modules that come and go. dlopen() is not wrapped: it looks at its caller (RPATH, RUNPATH, $ORIGIN,
 * namespace), which a wrapper would be. Instead each library tells of itself: the start-up code that
 * every compiler links in (crti.o, _init) calls __gmon_start__ where one is defined, which profilers
 * have been for since the first of them. It runs before the library's own constructors, with all
 * libraries of that dlopen() in place, also for those that libc loads by itself (NSS, iconv).
 *
 * dlclose() does not look at its caller and is wrapped. Normal context. */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <unistd.h>

#include "prof/agent/agent.h"
#include "prof/agent/sql.h"

static _Atomic uint64_t known; /* the loader's count of loads and unloads at the last look */

static int read_count(struct dl_phdr_info *info, size_t bytes, void *arg)
{
	uint64_t *count = arg;

	if (bytes >= offsetof(struct dl_phdr_info, dlpi_subs) + sizeof info->dlpi_subs)
		*count = info->dlpi_adds * 2 + info->dlpi_subs;
	return 1;
}

void agent_modules_changed(void)
{
	struct agent_slot *s;
	int saved = errno;
	uint64_t now = 0;

	if (!agent_live())
		return;
	s = agent_slot_self();
	if (s)
		s->own_work++;
	(void)dl_iterate_phdr(read_count, &now);
	if (now == 0 || atomic_exchange(&known, now) != now)
		agent_modules_refresh();
	if (s)
		s->own_work--;
	errno = saved;
}

extern void __gmon_start__(void);

AGENT_EXPORT void __gmon_start__(void)
{
	/* Libraries are initialised before us, who are among the first to be loaded: what their constructors
	 * do is the program's too. libc comes before all others. */
	if (environ)
		agent_start();
	sql_libs_changed();
	agent_modules_changed();
}

AGENT_EXPORT int dlclose(void *handle)
{
	int rc = AGENT_NEXT(dlclose)(handle);

	sql_libs_changed();
	agent_modules_changed();
	return rc;
}
