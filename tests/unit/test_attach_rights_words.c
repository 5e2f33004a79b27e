/* prof/attach/rights: the rule, the containers and the words, for the machines that this one is not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "prof/attach/rights.h"
#include "prof/attach/rights_internal.h"

/* ---- containers --------------------------------------------------------------------------------- */

static void containers_are_told_by_cgroups(void **state)
{
#define ID "3f4e21d05fec8601b76db4142ae4c81671ba7b2c3d4e5f60718293a4b5c6d7e8"
	static const struct {
		const char *text, *kind;
	} rows[] = {
		{"", ""},
		{"0::/\n", ""},
		{"0::/user.slice/user-1000.slice/session-3.scope\n", ""},
		{"0::/system.slice/docker.service\n", ""}, /* the engine, on the host */
		{"0::/system.slice/containerd.service\n", ""},
		{"0::/machine.slice/libpod-conmon-" ID ".scope\n", ""},
		{"0::/system.slice/docker-" ID ".scope\n", "docker"},
		{"0::/docker/" ID "\n", "docker"},
		{"0::/docker/" ID "/system.slice/cron.service\n", "docker"},
		{"0::/docker/buildkit\n", ""},
		{"12:pids:/docker/" ID "\n11:memory:/docker/" ID "\n1:name=systemd:/\n", "docker"},
		{"4:memory:/ecs/task/" ID "\n", "docker"},
		{"0::/machine.slice/libpod-" ID ".scope\n", "podman"},
		{"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID
		 ".scope/container\n",
		 "podman"},
		{"2:cpu:/libpod_parent/libpod-" ID "\n", "podman"},
		{"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/"
		 "cri-containerd-" ID ".scope\n",
		 "kubernetes"},
		{"11:memory:/kubepods/besteffort/pod1/" ID "\n", "kubernetes"},
		{"0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod1.slice\n",
		 "kubernetes"},
		{"3:cpu:/docker/" ID "/kubepods/pod1/" ID "\n", "kubernetes"}, /* kind */
		{"0::/lxc.payload.web\n", "lxc"},
		{"5:memory:/lxc/web\n", "lxc"},
		{"0::/lxc\n", ""},
		{"0::/lxc.monitor.web\n", ""},
		{"0::/machine.slice/systemd-nspawn@deb.service/payload\n", "nspawn"},
		{"0::/system.slice/nerdctl-" ID ".scope\n", "containerd"},
		{"no colons", ""},
		{"1:\n2:x\n", ""},
		{":::/docker/" ID, "docker"},
	};
#undef ID

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (strcmp(rights_container_of(rows[i].text), rows[i].kind) != 0)
			fail_msg("'%s' is told as '%s'", rows[i].text,
				 rights_container_of(rows[i].text));
}

static void we_know_where_we_are(void **state)
{
	const char *old = getenv("KUBERNETES_SERVICE_HOST");
	char keep[128];

	(void)state;
	snprintf(keep, sizeof keep, "%s", old ? old : "");
	setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1);
	assert_string_equal(rights_where(), "kubernetes");
	unsetenv("KUBERNETES_SERVICE_HOST");
	assert_non_null(rights_where());
	if (old)
		setenv("KUBERNETES_SERVICE_HOST", keep, 1);
}

/* ---- the rule ----------------------------------------------------------------------------------- */

static struct rights_facts plain_facts(void)
{
	struct rights_facts f;

	memset(&f, 0, sizeof f);
	f.pid = 4711;
	snprintf(f.name, sizeof f.name, "server");
	f.yama = -1;
	f.paranoid = 2;
	f.mlock_kb = 516;
	f.same_pidns = f.same_user = 1;
	f.self.uid = f.self.euid = f.self.suid = 1000;
	f.target.uid = f.target.euid = f.target.suid = 1000;
	f.self.cap_bounding = (UINT64_C(1) << 41) - 1;
	return f;
}

#define RULE(f, attach) rights_ptrace_rule(&(f), attach, RIGHTS_CAP_SYS_PTRACE)

static void the_rule_knows_users_and_capabilities(void **state)
{
	struct rights_facts f = plain_facts();

	(void)state;
	assert_int_equal(RULE(f, 1), REASON_NONE);
	f.same_user = 0;
	assert_int_equal(RULE(f, 0), REASON_USER);
	f.self.cap_effective = UINT64_C(1) << RIGHTS_CAP_SYS_PTRACE;
	assert_int_equal(RULE(f, 1), REASON_NONE);
	f.userns = USERNS_BELOW;
	assert_int_equal(RULE(f, 1), REASON_NONE);
	f.userns = USERNS_OTHER; /* where our capabilities do not count */
	assert_int_equal(RULE(f, 1), REASON_USERNS);
	f = plain_facts();
	f.not_dumpable = 1;
	assert_int_equal(RULE(f, 0), REASON_DUMPABLE);
	f = plain_facts();
	f.target.cap_permitted = 0x400;
	assert_int_equal(RULE(f, 0), REASON_CAPS);
	f.self.cap_permitted = 0x401;
	assert_int_equal(RULE(f, 0), REASON_NONE);
	f = plain_facts();
	f.userns = USERNS_BELOW; /* we made it: all rights in it */
	f.target.cap_permitted = UINT64_MAX;
	assert_int_equal(RULE(f, 1), REASON_NONE);
	f = plain_facts();
	f.same_user = 0;
	f.self.cap_effective = UINT64_C(1) << RIGHTS_CAP_PERFMON; /* enough for perf alone */
	assert_int_equal(RULE(f, 0), REASON_USER);
	assert_int_equal(rights_ptrace_rule(&f, 0, RIGHTS_CAP_PERFMON), REASON_NONE);
	f.self.cap_effective = UINT64_C(1) << RIGHTS_CAP_SYS_ADMIN; /* as before Linux 5.8 */
	assert_int_equal(rights_ptrace_rule(&f, 0, RIGHTS_CAP_PERFMON), REASON_NONE);
}

static void the_rule_knows_yama(void **state)
{
	static const struct {
		int yama, below, cap, attach;
		enum rights_reason reason;
	} rows[] = {
		{-1, 0, 0, 1, REASON_NONE}, {0, 0, 0, 1, REASON_NONE}, {1, 0, 0, 1, REASON_YAMA},
		{1, 1, 0, 1, REASON_NONE},  {1, 0, 1, 1, REASON_NONE}, {1, 0, 0, 0, REASON_NONE},
		{2, 1, 0, 1, REASON_YAMA},  {2, 0, 1, 1, REASON_NONE}, {2, 0, 0, 0, REASON_NONE},
		{3, 1, 1, 1, REASON_YAMA},  {3, 0, 0, 0, REASON_NONE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct rights_facts f = plain_facts();

		f.yama = rows[i].yama;
		f.below_us = rows[i].below;
		f.self.cap_effective = (uint64_t)rows[i].cap << RIGHTS_CAP_SYS_PTRACE;
		if (RULE(f, rows[i].attach) != rows[i].reason)
			fail_msg("row %zu", i);
	}
}

/* ---- words -------------------------------------------------------------------------------------- */

static struct right_finding words(const struct rights_facts *f, enum right right,
				  enum rights_reason reason)
{
	struct right_finding finding = {.right = right, .sys = EPERM};

	rights_words(&finding, f, reason);
	return finding;
}

static void says(const struct right_finding *f, const char *why, const char *remedy)
{
	if (!strstr(f->why, why))
		fail_msg("'%s' is not in why: %s", why, f->why);
	if (!strstr(f->remedy, remedy))
		fail_msg("'%s' is not in remedy: %s", remedy, f->remedy);
	if (!strstr(f->other, "protea-prof run"))
		fail_msg("no other road: %s", f->other);
}

static void every_refusal_has_words_that_fit_in_every_place(void **state)
{
	static const char *const places[] = {"",    "docker", "podman",     "kubernetes",
					     "lxc", "nspawn", "containerd", "container"};
	const enum rights_reason last = REASON_MODULE;

	(void)state;
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
		for (int reason = REASON_FILTER; reason <= (int)last; reason++)
			for (int right = 0; right < RIGHTS; right++)
				for (int kind = 0; kind < 8; kind++) {
					struct rights_facts f = plain_facts();
					struct right_finding w;

					snprintf(f.container, sizeof f.container, "%s", places[i]);
					f.yama = 1 + kind % 3;
					f.paranoid = 4;
					f.self.euid = kind & 1 ? 0 : 1000;
					f.self.no_new_privs = kind >> 1 & 1;
					f.self.cap_bounding = kind & 4 ? 0 : UINT64_MAX;
					f.target.tracer = 2147483647;
					f.target.cap_permitted = UINT64_MAX;
					memset(f.tracer_name, 'x', sizeof f.tracer_name - 1);
					memset(f.label, 'y', sizeof f.label - 1);
					w = words(&f, (enum right)right,
						  (enum rights_reason)reason);
					if (!w.why[0] || !w.remedy[0] || !w.other[0] ||
					    strlen(w.why) >= sizeof w.why - 1 ||
					    strlen(w.remedy) >= sizeof w.remedy - 1 ||
					    strlen(w.other) >= sizeof w.other - 1)
						fail_msg("'%s', reason %d, right %d, kind %d: %s | "
							 "%s",
							 places[i], reason, right, kind, w.why,
							 w.remedy);
				}
}

static void on_a_host_the_remedy_is_sudo_or_sysctl(void **state)
{
	struct rights_facts f = plain_facts();
	struct right_finding w;

	(void)state;
	f.same_user = 0;
	f.target.uid = f.target.euid = 0;
	w = words(&f, RIGHT_READ, REASON_USER);
	says(&w, "it belongs to root (uid 0), we are uid 1000 without CAP_SYS_PTRACE",
	     program_invocation_short_name); /* the very line, to be typed as root */
	f.yama = 1;
	w = words(&f, RIGHT_PTRACE, REASON_YAMA);
	says(&w, "kernel.yama.ptrace_scope = 1", "sudo sysctl kernel.yama.ptrace_scope=0");
	f.yama = 2;
	w = words(&f, RIGHT_PTRACE, REASON_YAMA);
	says(&w, "kernel.yama.ptrace_scope = 2", program_invocation_short_name);
	f.yama = 3;
	w = words(&f, RIGHT_PTRACE, REASON_YAMA);
	says(&w, "kernel.yama.ptrace_scope = 3", "start anew");
	f.paranoid = 4;
	w = words(&f, RIGHT_PERF, REASON_PARANOID);
	says(&w, "kernel.perf_event_paranoid is 4", "sudo sysctl kernel.perf_event_paranoid=2");
	assert_non_null(strstr(w.other, "--engine clock"));
	w = words(&f, RIGHT_PERF, REASON_MLOCK);
	says(&w, "kernel.perf_event_mlock_kb", "sudo sysctl kernel.perf_event_mlock_kb=");
	w = words(&f, RIGHT_PERF, REASON_LIMIT);
	says(&w, "file descriptor", "ulimit -n");
	w = words(&f, RIGHT_PERF, REASON_KERNEL);
	says(&w, "no perf events", "CONFIG_PERF_EVENTS");
	f.self.no_new_privs = 1;
	w = words(&f, RIGHT_READ, REASON_USER);
	says(&w, "it belongs to root", "NoNewPrivileges=no");
	f.self.no_new_privs = 0;
	f.self.cap_bounding = 0;
	w = words(&f, RIGHT_READ, REASON_USER);
	says(&w, "it belongs to root", "CapBnd");
	w = words(&f, RIGHT_PERF, REASON_FILTER);
	says(&w, "seccomp", "SystemCallFilter=perf_event_open");
	f.selinux_deny_ptrace = 1;
	w = words(&f, RIGHT_READ, REASON_MODULE);
	says(&w, "SELinux", "setsebool deny_ptrace 0");
	f.target.tracer = 77;
	snprintf(f.tracer_name, sizeof f.tracer_name, "gdb");
	w = words(&f, RIGHT_PTRACE, REASON_TRACED);
	says(&w, "process 77 (gdb) traces it", "detach");
	w = words(&f, RIGHT_PTRACE, REASON_GONE);
	assert_string_equal(w.why, "it ended just now");
}

static void in_containers_the_remedy_is_the_engines(void **state)
{
	struct rights_facts f = plain_facts();
	struct right_finding w;

	(void)state;
	f.self.uid = f.self.euid = 0;
	f.self.cap_bounding = 0xa80425fb; /* docker's */
	f.same_user = 0;
	snprintf(f.container, sizeof f.container, "docker");
	w = words(&f, RIGHT_READ, REASON_USER);
	says(&w, "root here has not all", "docker exec --privileged -u 0 CONTAINER");
	says(&w, "CAP_SYS_PTRACE", "docker run --cap-add SYS_PTRACE");
	says(&w, "", "compose: cap_add: [SYS_PTRACE]");
	w = words(&f, RIGHT_PERF, REASON_USER);
	says(&w, "CAP_PERFMON", "docker run --cap-add PERFMON");
	w = words(&f, RIGHT_PERF, REASON_FILTER);
	says(&w, "perf_event_open", "docker run --security-opt seccomp=unconfined");
	says(&w, "", "compose: security_opt: [seccomp:unconfined]");
	w = words(&f, RIGHT_PTRACE, REASON_FILTER);
	says(&w, "system call ptrace", "a profile that allows ptrace");
	snprintf(f.label, sizeof f.label, "docker-default (enforce)");
	w = words(&f, RIGHT_READ, REASON_MODULE);
	says(&w, "docker-default (enforce)", "--security-opt apparmor=unconfined");
	f.paranoid = 3;
	w = words(&f, RIGHT_PERF, REASON_PARANOID);
	says(&w, "paranoid is 3", "on the host: sysctl kernel.perf_event_paranoid=2");
	snprintf(f.container, sizeof f.container, "podman");
	w = words(&f, RIGHT_READ, REASON_USER);
	says(&w, "", "podman exec --privileged -u 0 CONTAINER");
	says(&w, "", "podman run --cap-add SYS_PTRACE");
	snprintf(f.container, sizeof f.container, "kubernetes");
	w = words(&f, RIGHT_READ, REASON_USER);
	says(&w, "", "kubectl debug -it POD --image=IMAGE --target=CONTAINER --profile=general");
	says(&w, "", "securityContext: {capabilities: {add: [SYS_PTRACE]}}");
	says(&w, "", "shareProcessNamespace: true");
	w = words(&f, RIGHT_PERF, REASON_FILTER);
	says(&w, "", "--profile=sysadmin");
	says(&w, "", "seccompProfile: {type: Unconfined}");
	snprintf(f.container, sizeof f.container, "lxc");
	w = words(&f, RIGHT_READ, REASON_USER);
	says(&w, "", "as root of the host");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(containers_are_told_by_cgroups),
		cmocka_unit_test(we_know_where_we_are),
		cmocka_unit_test(the_rule_knows_users_and_capabilities),
		cmocka_unit_test(the_rule_knows_yama),
		cmocka_unit_test(every_refusal_has_words_that_fit_in_every_place),
		cmocka_unit_test(on_a_host_the_remedy_is_sudo_or_sysctl),
		cmocka_unit_test(in_containers_the_remedy_is_the_engines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
