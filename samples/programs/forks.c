/* Children: the parent works 1 part, a forked child 2, a child that runs this program again (exec) 3 parts.
 * Answer: three processes with 1/6, 2/6, 3/6 of the CPU time, functions `parent_work`, `child_work`,
 * `exec_work`; exit code 3.
 * build: -O2 */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "samples/programs/spin.h"

static __attribute__((noinline)) void parent_work(unsigned long n)
{
	spin_sink = spin_body(n, spin_sink);
}

static __attribute__((noinline)) void child_work(unsigned long n)
{
	spin_sink = spin_body(2 * n, spin_sink);
}

static __attribute__((noinline)) void exec_work(unsigned long n)
{
	spin_sink = spin_body(3 * n, spin_sink);
}

int main(int argc, char **argv)
{
	unsigned long n = (unsigned long)(400 * spin_scale(argc, argv)) * SPIN_UNIT;
	int status, bad = 0;
	pid_t child, other;

	if (argc > 2 && strcmp(argv[2], "again") == 0) {
		exec_work(n);
		return 0;
	}
	child = fork();
	if (child == 0) {
		child_work(n);
		_exit(0);
	}
	other = fork();
	if (other == 0) {
		execl(argv[0], argv[0], argc > 1 ? argv[1] : "1", "again", (char *)NULL);
		_exit(127);
	}
	parent_work(n);
	bad |= waitpid(child, &status, 0) != child || status;
	bad |= waitpid(other, &status, 0) != other || status;
	return bad ? 1 : 3;
}
