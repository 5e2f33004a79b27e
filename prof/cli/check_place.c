/* Checks of where things lie: agent, shared memory, caches, debug information, rights, containers. */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "prof/base/units.h"
#include "prof/cli/check.h"
#include "prof/cli/cmd.h"
#include "prof/elf/elffile.h"
#include "prof/record/program.h"
#include "prof/store/store.h"
#include "prof/unwind/table.h"

#define CAP_SYS_PTRACE_BIT 19 /* linux/capability.h */

void check_read_line(const char *path, char *line, int size)
{
	FILE *in = fopen(path, "re");

	line[0] = '\0';
	if (!in)
		return;
	if (!fgets(line, size, in))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	fclose(in);
}

void check_status(const char *key, char *value, int size)
{
	FILE *in = fopen("/proc/self/status", "re");
	char line[256];
	size_t len = strlen(key);

	value[0] = '\0';
	while (in && fgets(line, sizeof(line), in)) {
		if (strncmp(line, key, len) != 0 || line[len] != ':')
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(value, (size_t)size, "%s", line + len + 1 + strspn(line + len + 1, " \t"));
		break;
	}
	if (in)
		fclose(in);
}

const char *check_container_kind(void)
{
	char line[512];

	if (getenv("KUBERNETES_SERVICE_HOST"))
		return "kubernetes";
	if (access("/.dockerenv", F_OK) == 0)
		return "docker";
	if (access("/run/.containerenv", F_OK) == 0)
		return "podman";
	check_read_line("/proc/1/cgroup", line, sizeof(line));
	if (strstr(line, "kubepods"))
		return "kubernetes";
	if (strstr(line, "docker"))
		return "docker";
	if (strstr(line, "libpod"))
		return "podman";
	if (strstr(line, "containerd") || strstr(line, "lxc") || getenv("container"))
		return "container";
	return NULL;
}

void check_container(struct check_finding *f)
{
	const char *kind = check_container_kind();

	f->name = "container";
	snprintf(f->what, sizeof(f->what), "%s", kind ? kind : "none noticed");
}

void check_agent(struct check_finding *f)
{
	char path[PATH_MAX], id[ELF_BUILD_ID_HEX];
	struct err err = ERR_INIT;
	struct elf_file elf;

	f->name = "agent";
	if (agent_find(path, NULL, &err) == 0 && elf_open(&elf, path, &err) == 0) {
		snprintf(f->what, sizeof(f->what), "%.180s%s", path,
			 elf_build_id(&elf, id) ? "" : " (without a build id)");
		elf_close(&elf);
		return;
	}
	f->state = CHECK_BAD;
	snprintf(f->what, sizeof(f->what), "%.250s", err.text);
	snprintf(f->remedy, sizeof(f->remedy), "make, or make install");
}

void check_shm(struct check_finding *f)
{
	struct statvfs fs;
	char room[UNITS_TEXT];
	uint64_t bytes;

	f->name = "shared-memory";
	if (statvfs("/dev/shm", &fs)) {
		f->state = CHECK_POOR;
		snprintf(f->what, sizeof(f->what),
			 "/dev/shm: %s; the store's folder is used instead", strerror(errno));
		snprintf(f->remedy, sizeof(f->remedy), "mount -t tmpfs tmpfs /dev/shm");
		return;
	}
	bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	snprintf(f->what, sizeof(f->what), "/dev/shm has %s free", units_bytes(room, bytes));
	if (bytes < (uint64_t)32 << 20) {
		f->state = CHECK_POOR;
		snprintf(f->remedy, sizeof(f->remedy), "%s",
			 check_container_kind() ? "docker run --shm-size 256m …"
						: "mount -o remount,size=256m /dev/shm");
	}
}

/* Tries it: rights, read-only and made-up file systems all count. */
static int can_make_in(const char *dir)
{
	char *path;
	int made;

	if (asprintf(&path, "%s/.protea-prof-XXXXXX", dir) < 0)
		return 0;
	made = mkdtemp(path) && rmdir(path) == 0;
	free(path);
	return made;
}

void check_cache(struct check_finding *f)
{
	char dir[4096], *slash;

	f->name = "cache";
	unwind_table_dir(dir, sizeof(dir), environ);
	if (!*dir) {
		f->state = CHECK_POOR;
		snprintf(f->what, sizeof(f->what),
			 "no folder for unwind tables and symbols: each run makes "
			 "them anew");
		snprintf(f->remedy, sizeof(f->remedy),
			 "export PROTEA_PROF_CACHE=/var/tmp/protea-prof");
		return;
	}
	snprintf(f->what, sizeof(f->what), "%.200s", dir);
	while (access(dir, F_OK) && (slash = strrchr(dir, '/')) && slash != dir)
		*slash = '\0';
	if (!can_make_in(dir)) {
		f->state = CHECK_POOR;
		snprintf(f->what, sizeof(f->what), "%.200s cannot be written", dir);
		snprintf(f->remedy, sizeof(f->remedy),
			 "export PROTEA_PROF_CACHE=/var/tmp/protea-prof");
	}
}

void check_store(struct check_finding *f)
{
	const char *path = cli_store_path(NULL);
	struct err err = ERR_INIT;
	struct store *s = NULL;
	char folder[4096], *slash;

	f->name = "store";
	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';
	else
		snprintf(folder, sizeof(folder), ".");
	snprintf(f->what, sizeof(f->what), "%.200s%s", path,
		 access(path, F_OK) ? " (not made yet)" : "");
	if (access(path, F_OK) == 0 && store_open(&s, path, STORE_READ, &err)) {
		f->state = CHECK_POOR;
		snprintf(f->what, sizeof(f->what), "%.250s", err.text);
		snprintf(f->remedy, sizeof(f->remedy),
			 "protea-prof run -o FILE …, or export PROTEA_PROF_STORE=FILE");
		return;
	}
	store_close(s);
	if (!can_make_in(folder)) {
		f->state = CHECK_POOR;
		snprintf(f->what, sizeof(f->what), "%.200s: its folder cannot be written", path);
		snprintf(f->remedy, sizeof(f->remedy),
			 "protea-prof run -o FILE …, or export "
			 "PROTEA_PROF_STORE=FILE");
	}
}

void check_debuginfo(struct check_finding *f)
{
	const char *urls = getenv("DEBUGINFOD_URLS");
	void *library = dlopen("libdebuginfod.so.1", RTLD_LAZY | RTLD_LOCAL);
	int local = access("/usr/lib/debug/.build-id", R_OK) == 0;

	f->name = "debug-info";
	snprintf(
		f->what, sizeof(f->what),
		"separate debug files %s; debuginfod %s (asked only with PROTEA_PROF_DEBUGINFOD=1)",
		local ? "in /usr/lib/debug" : "not installed",
		!library        ? "not installed"
		: urls && *urls ? "ready"
				: "has no DEBUGINFOD_URLS");
	if (!local)
		snprintf(f->remedy, sizeof(f->remedy),
			 "apt-get install libc6-dbg (names inside libc)");
	if (library)
		dlclose(library);
}

/* What this build was made without (tests/features/probe.sh), and what that costs. */
void check_build(struct check_finding *f)
{
	static const char *const costs[] = {
#ifndef HAVE_ZSTD
		"without zstd: zstd-compressed debug sections and ground-truth files cannot be "
		"read",
#endif
#ifndef HAVE_CURL
		"without curl: protea-export has no S3 artifact store",
#endif
#ifndef HAVE_NCURSES
		"without ncurses: top has no live view, only --once and --json",
#endif
#ifndef HAVE_LIBPQ
		"without libpq: no PostgreSQL sources, jobs and stores, no pg",
#endif
		NULL};
	size_t i;

	f->name = "build";
	snprintf(f->what, sizeof(f->what), "with all optional libraries");
	for (i = 0; costs[i]; i++) {
		size_t at = i ? strlen(f->what) : 0;

		snprintf(f->what + at, sizeof(f->what) - at, "%s%s", i ? "; " : "", costs[i]);
		f->state = CHECK_POOR;
	}
	if (f->state == CHECK_POOR)
		snprintf(f->remedy, sizeof(f->remedy), "make packages clean build");
}

void check_ptrace(struct check_finding *f)
{
	char scope[16], caps[32], probe = 'x', copy = 0;
	struct iovec to = {&copy, 1}, from = {&probe, 1};
	unsigned long long bits;
	int reads = process_vm_readv(getpid(), &to, 1, &from, 1, 0) == 1 && copy == 'x';

	f->name = "other-processes";
	check_read_line("/proc/sys/kernel/yama/ptrace_scope", scope, sizeof(scope));
	check_status("CapEff", caps, sizeof(caps));
	bits = strtoull(caps, NULL, 16);
	snprintf(f->what, sizeof(f->what),
		 "process_vm_readv %s, ptrace_scope %s, CAP_SYS_PTRACE %s",
		 reads ? "works" : "is forbidden", *scope ? scope : "absent",
		 bits >> CAP_SYS_PTRACE_BIT & 1 ? "yes" : "no");
	if (!reads) {
		f->state = CHECK_POOR;
		snprintf(f->remedy, sizeof(f->remedy), "docker run --cap-add SYS_PTRACE …");
	}
}
