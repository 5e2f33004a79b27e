/* A missing right in words: why, the line that grants it where we run, and the road that needs none. The flags are
 * those of docker-run(1), docker-exec(1), podman-exec(1), kubectl-debug(1) and systemd.exec(5). */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "prof/attach/procmaps.h"
#include "prof/attach/rights_internal.h"
#include "prof/base/buf.h"

#define LINE_MAX_BYTES 360 /* of a command line of ours that is worth repeating */

static void say(char *out, size_t size, const char *fmt, ...) ERR_PRINTF(3, 4);

/* Appends; what does not fit is cut. */
static void say(char *out, size_t size, const char *fmt, ...)
{
	size_t len = strlen(out);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(out + len, size - len, fmt, ap);
	va_end(ap);
}

#define WHY(finding, ...)    say((finding)->why, sizeof(finding)->why, __VA_ARGS__)
#define REMEDY(finding, ...) say((finding)->remedy, sizeof(finding)->remedy, __VA_ARGS__)

/* ---- our own command line ----------------------------------------------------------------------- */

static void quote(struct buf *b, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_-+=.,/:@%";

	if (*word && !word[strspn(word, plain)]) {
		(void)buf_puts(b, word);
		return;
	}
	(void)buf_putc(b, '\'');
	for (; *word; word++)
		(void)(*word == '\'' ? buf_puts(b, "'\\''") : buf_putc(b, *word));
	(void)buf_putc(b, '\'');
}

/* What was typed, to be typed again with more rights; after `check` the command that it was asked for. */
static void own_line(const struct rights_facts *f, char *out, size_t size)
{
	char args[4096];
	long n = procfile_read(args, sizeof args, "/proc/self/cmdline");
	struct buf b;

	buf_init(&b, LINE_MAX_BYTES);
	for (long at = 0, i = 0; at < n; at += (long)strlen(args + at) + 1, i++) {
		if (i == 1 && strncmp(args + at, "ch", 2) == 0) {
			(void)buf_printf(&b, " dump -p %d", f->pid);
			break;
		}
		if (i)
			(void)buf_putc(&b, ' ');
		quote(&b, args + at);
	}
	if (n <= 0 || n >= (long)sizeof args - 1 || buf_failed(&b) || !b.len)
		snprintf(out, size, "protea-prof … -p %d", f->pid);
	else
		snprintf(out, size, "%s", buf_str(&b));
	buf_release(&b);
}

static int is_engine(const struct rights_facts *f)
{
	return strcmp(f->container, "docker") == 0 || strcmp(f->container, "podman") == 0;
}

static void as_root(struct right_finding *finding, const struct rights_facts *f)
{
	char line[LINE_MAX_BYTES + 8];

	own_line(f, line, sizeof line);
	if (access("/usr/bin/sudo", X_OK) == 0)
		REMEDY(finding, "sudo %s", line);
	else if (is_engine(f))
		REMEDY(finding, "as root (%s exec -u 0 CONTAINER …): %s", f->container, line);
	else
		REMEDY(finding, "as root: %s", line);
}

/* ---- remedies ----------------------------------------------------------------------------------- */

static const char *cap_name(enum right right)
{
	return right == RIGHT_PERF ? "PERFMON" : "SYS_PTRACE";
}

/* A capability that a container was not given. */
static void container_cap(struct right_finding *finding, const struct rights_facts *f)
{
	const char *cap = cap_name(finding->right);

	if (strcmp(f->container, "kubernetes") == 0)
		REMEDY(finding,
		       "kubectl debug -it POD --image=IMAGE --target=CONTAINER --profile=%s (an "
		       "image "
		       "with protea-prof in it; nothing is started anew), or in the pod's spec: "
		       "securityContext: {capabilities: {add: [%s]}}; to see other containers' "
		       "processes: shareProcessNamespace: true",
		       finding->right == RIGHT_PERF ? "sysadmin" : "general", cap);
	else if (is_engine(f))
		REMEDY(finding,
		       "%s exec --privileged -u 0 CONTAINER protea-prof … -p %d (nothing is "
		       "started "
		       "anew), or %s run --cap-add %s …; compose: cap_add: [%s]",
		       f->container, f->pid, f->container, cap, cap);
	else if (f->container[0])
		REMEDY(finding,
		       "as root of the host, by the process's number there; or give the container "
		       "CAP_%s",
		       cap);
	else
		REMEDY(finding,
		       "CAP_%s is out of reach here (not in CapBnd of /proc/self/status): look "
		       "from "
		       "a login shell, or a service with AmbientCapabilities=CAP_%s",
		       cap, cap);
}

static void more_rights(struct right_finding *finding, const struct rights_facts *f, int cap)
{
	int in_reach = (int)(f->self.cap_bounding >> cap & 1);

	if (!in_reach || (f->container[0] && f->self.euid == 0)) {
		container_cap(finding, f);
	} else if (f->self.no_new_privs) {
		REMEDY(finding, "no_new_privs is set here, so sudo cannot help; from a shell "
				"without it: ");
		as_root(finding, f);
		REMEDY(finding, f->container[0] ? "; kubernetes: allowPrivilegeEscalation: true"
						: "; systemd: NoNewPrivileges=no");
	} else {
		as_root(finding, f);
	}
}

static void filter_remedy(struct right_finding *finding, const struct rights_facts *f,
			  const char *call)
{
	if (strcmp(f->container, "kubernetes") == 0)
		REMEDY(finding,
		       "kubectl debug -it POD --image=IMAGE --target=CONTAINER --profile=sysadmin, "
		       "or "
		       "in the pod's spec: securityContext: {seccompProfile: {type: Unconfined}}");
	else if (is_engine(f))
		REMEDY(finding,
		       "%s run --security-opt seccomp=unconfined … (or a profile that allows %s; "
		       "compose: security_opt: [seccomp:unconfined])%s%s",
		       f->container, call, finding->right == RIGHT_PERF ? ", or --cap-add " : "",
		       finding->right == RIGHT_PERF ? "PERFMON" : "");
	else
		REMEDY(finding,
		       "whatever started us filters system calls (seccomp); it must allow %s "
		       "(systemd: SystemCallFilter=%s)",
		       call, call);
}

static void sysctl_remedy(struct right_finding *finding, const struct rights_facts *f,
			  const char *setting)
{
	if (f->container[0])
		REMEDY(finding, "on the host: sysctl %s", setting);
	else
		REMEDY(finding, "%ssysctl %s", f->self.euid ? "sudo " : "", setting);
}

/* ---- reasons ------------------------------------------------------------------------------------ */

static void user_words(struct right_finding *finding, const struct rights_facts *f, int cap)
{
	const char *name = cap_name(finding->right);

	if (f->same_user)
		WHY(finding, "%s needs CAP_%s, which we have not", right_name(finding->right),
		    name);
	else if (f->self.uid == f->target.uid && f->target.uid == f->target.euid)
		WHY(finding,
		    "it is in group %u (or saved ids differ), we are in group %u, without CAP_%s",
		    f->target.gid, f->self.gid, name);
	else
		WHY(finding, "it belongs to %s (uid %u), we are uid %u without CAP_%s",
		    f->target.euid ? "another user" : "root", f->target.euid, f->self.uid, name);
	if (f->self.euid == 0)
		WHY(finding, " (root here has not all of root's rights)");
	more_rights(finding, f, cap);
}

static void dumpable_words(struct right_finding *finding, const struct rights_facts *f, int cap)
{
	WHY(finding,
	    "it is not dumpable: it said so (PR_SET_DUMPABLE), changed its user, is set-uid, or "
	    "its "
	    "program may not be read; so only root may look (CAP_%s)",
	    cap_name(finding->right));
	more_rights(finding, f, cap);
}

static void yama_words(struct right_finding *finding, const struct rights_facts *f)
{
	static const char *const lets[] = {"", "only parents trace their children",
					   "only CAP_SYS_PTRACE trace", "nobody trace"};
	int level = f->yama < 1 ? 1 : f->yama > 3 ? 3 : f->yama;

	WHY(finding, "Yama lets %s (kernel.yama.ptrace_scope = %d)", lets[level], f->yama);
	if (level == 3) {
		REMEDY(finding,
		       "none until the next start of the machine: take kernel.yama.ptrace_scope=3 "
		       "out of /etc/sysctl.d and start anew; record and top do without, where perf "
		       "events are permitted");
		return;
	}
	more_rights(finding, f, RIGHTS_CAP_SYS_PTRACE);
	if (level == 1) {
		REMEDY(finding, ", or for all: ");
		sysctl_remedy(finding, f, "kernel.yama.ptrace_scope=0");
	}
}

static void userns_words(struct right_finding *finding, const struct rights_facts *f)
{
	WHY(finding, "it is not in our user namespace, and our rights end where that ends");
	REMEDY(finding, "from outside our user namespace, as root there%s",
	       f->same_pidns ? "" : " (by the process's number there)");
	if (!f->container[0])
		REMEDY(finding, "; or from inside its own: sudo nsenter -t %d -U -p -m …", f->pid);
}

static void caps_words(struct right_finding *finding, const struct rights_facts *f)
{
	WHY(finding,
	    "it has capabilities that we have not (CapPrm %llx, ours %llx), and we have no "
	    "CAP_SYS_PTRACE",
	    (unsigned long long)f->target.cap_permitted, (unsigned long long)f->self.cap_permitted);
	more_rights(finding, f, RIGHTS_CAP_SYS_PTRACE);
}

static void traced_words(struct right_finding *finding, const struct rights_facts *f)
{
	WHY(finding, "process %d (%s) traces it, and a process has one tracer", f->target.tracer,
	    f->tracer_name[0] ? f->tracer_name : "?");
	REMEDY(finding,
	       "let that one go first (gdb: detach; strace: Ctrl-C); sleeping threads can be read "
	       "all the same, running ones with --nonblocking");
}

static void module_words(struct right_finding *finding, const struct rights_facts *f)
{
	WHY(finding, "%s, though all that can be seen allows it: a security module",
	    strerror(finding->sys));
	if (f->selinux_deny_ptrace)
		WHY(finding, " (SELinux: deny_ptrace is on)");
	else if (f->label[0])
		WHY(finding, " (we are '%s')", f->label);
	else
		WHY(finding, " or the sandbox we are in forbids it");
	if (f->selinux_deny_ptrace)
		REMEDY(finding, "sudo setsebool deny_ptrace 0");
	else if (is_engine(f) && f->label[0])
		REMEDY(finding,
		       "%s run --security-opt apparmor=unconfined --security-opt "
		       "label=disable …; what forbade it: journalctl -k | grep -iE "
		       "'apparmor|avc'",
		       f->container);
	else if (f->container[0])
		REMEDY(finding,
		       "look from the host, by the process's number there; what forbade it, "
		       "there: journalctl -k | grep -iE 'apparmor|avc|lockdown'");
	else
		REMEDY(finding,
		       "what forbade it: journalctl -k | grep -iE 'apparmor|avc|lockdown'");
}

static void paranoid_words(struct right_finding *finding, const struct rights_facts *f)
{
	WHY(finding,
	    "kernel.perf_event_paranoid is %d, which forbids perf events without CAP_PERFMON",
	    f->paranoid);
	sysctl_remedy(finding, f, "kernel.perf_event_paranoid=2");
	REMEDY(finding, ", or ");
	more_rights(finding, f, RIGHTS_CAP_PERFMON);
}

static void mlock_words(struct right_finding *finding, const struct rights_facts *f)
{
	WHY(finding,
	    "perf's buffers may take %d KiB per CPU and user (kernel.perf_event_mlock_kb) and the "
	    "locked memory of ulimit -l, and these are used up",
	    f->mlock_kb);
	sysctl_remedy(finding, f, "kernel.perf_event_mlock_kb=4096");
	REMEDY(finding, ", or ulimit -l unlimited, or end other profilers");
}

static void kernel_words(struct right_finding *finding)
{
	int perf = finding->right == RIGHT_PERF;

	WHY(finding, "this kernel has no %s: %s",
	    perf ? "perf events" : "calls for reading processes", strerror(finding->sys));
	REMEDY(finding, "a kernel with %s",
	       perf ? "CONFIG_PERF_EVENTS" : "CONFIG_CROSS_MEMORY_ATTACH");
}

static const char *call_of(enum right right)
{
	return right == RIGHT_PERF     ? "perf_event_open"
	       : right == RIGHT_PTRACE ? "ptrace"
				       : "process_vm_readv";
}

static void other_road(struct right_finding *finding, const struct rights_facts *f)
{
	if (finding->right == RIGHT_PERF && !f->filtered[RIGHT_READ])
		say(finding->other, sizeof finding->other,
		    "record and top read stacks without perf events too (--engine clock), if the "
		    "process may be traced; ");
	say(finding->other, sizeof finding->other,
	    "started under the profiler it needs no right at all: protea-prof run -- CMD (or "
	    "pp_start() in the program)");
}

void rights_words(struct right_finding *finding, const struct rights_facts *f,
		  enum rights_reason reason)
{
	int cap = finding->right == RIGHT_PERF ? RIGHTS_CAP_PERFMON : RIGHTS_CAP_SYS_PTRACE;

	finding->why[0] = finding->remedy[0] = finding->other[0] = '\0';
	switch (reason) {
	case REASON_GONE:
		WHY(finding, "it ended just now");
		return;
	case REASON_FILTER:
		WHY(finding, "a seccomp filter on us forbids the system call %s",
		    call_of(finding->right));
		filter_remedy(finding, f, call_of(finding->right));
		break;
	case REASON_YAMA:
		yama_words(finding, f);
		break;
	case REASON_USER:
		user_words(finding, f, cap);
		break;
	case REASON_DUMPABLE:
		dumpable_words(finding, f, cap);
		break;
	case REASON_CAPS:
		caps_words(finding, f);
		break;
	case REASON_USERNS:
		userns_words(finding, f);
		break;
	case REASON_TRACED:
		traced_words(finding, f);
		break;
	case REASON_PARANOID:
		paranoid_words(finding, f);
		break;
	case REASON_MLOCK:
		mlock_words(finding, f);
		break;
	case REASON_LIMIT:
		WHY(finding, "no file descriptor is left: %s", strerror(finding->sys));
		REMEDY(finding, "ulimit -n $(ulimit -Hn)");
		break;
	case REASON_KERNEL:
		kernel_words(finding);
		break;
	default:
		module_words(finding, f);
	}
	other_road(finding, f);
}
