/* What the parts of rights.h share: the facts about us and the process, the reason that follows from them, and the
 * words for it. Private to prof/attach/rights*.c. */
#ifndef ATTACH_RIGHTS_INTERNAL_H
#define ATTACH_RIGHTS_INTERNAL_H

#include "prof/attach/proc.h"
#include "prof/attach/rights.h"

/* linux/capability.h */
#define RIGHTS_CAP_SYS_PTRACE         19
#define RIGHTS_CAP_SYS_ADMIN          21
#define RIGHTS_CAP_PERFMON            38 /* Linux 5.8 */
#define RIGHTS_CAP_CHECKPOINT_RESTORE 40 /* Linux 5.9 */

enum rights_reason {
	REASON_NONE,
	REASON_GONE,
	REASON_FILTER,   /* a seccomp filter refuses the system call whatever it is asked for */
	REASON_YAMA,     /* ptrace_scope */
	REASON_USER,     /* another user's */
	REASON_DUMPABLE, /* PR_SET_DUMPABLE 0, set-uid, or a program that may not be read */
	REASON_CAPS,     /* it has capabilities that we have not */
	REASON_USERNS,   /* its user namespace is not ours, nor below ours */
	REASON_TRACED,   /* somebody traces it */
	REASON_PARANOID,
	REASON_MLOCK,  /* perf's memory is used up */
	REASON_LIMIT,  /* descriptors */
	REASON_KERNEL, /* the kernel is built without it */
	REASON_MODULE, /* nothing of the above: a security module, a sandbox */
};

enum rights_userns {
	USERNS_SAME,
	USERNS_BELOW, /* made by one of ours: our capabilities hold there */
	USERNS_OTHER,
};

struct rights_facts {
	int pid;
	char name[128], tracer_name[64];
	struct proc_status self, target;
	int yama, paranoid, mlock_kb; /* -1: not there */
	enum rights_userns userns;
	int same_pidns, same_user, below_us; /* below_us: a descendant, which Yama 1 allows */
	int not_dumpable;
	int filtered[RIGHTS];    /* the call fails on ourselves too: errno */
	char label[96];          /* of AppArmor or SELinux; "" */
	int selinux_deny_ptrace; /* the boolean of that name */
	char container[32];      /* where we are */
};

/* Everything that can be known without asking for the right itself. */
void rights_gather(struct rights_facts *f, const struct proc *p);
int rights_has_cap(const struct proc_status *status, int cap);
/* Why the kernel would refuse a look by ptrace rules (ptrace(2), "Ptrace access mode checking"): `attach`, else
 * only read. `cap`: the capability that overrides (perf's rules are looser). REASON_NONE: nothing we know of. */
enum rights_reason rights_ptrace_rule(const struct rights_facts *f, int attach, int cap);
/* Fills why, remedy and other. */
void rights_words(struct right_finding *finding, const struct rights_facts *f,
		  enum rights_reason reason);

#endif
