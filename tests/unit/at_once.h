/* The same act in several processes at the same moment, for tests of locks. */
#ifndef TESTS_AT_ONCE_H
#define TESTS_AT_ONCE_H

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_PROCESSES 6

/* A process that waits for the pipe to close, then runs `act` and exits with its result. */
static inline pid_t at_once_start(int gate[2], int (*act)(int nth), int nth)
{
	pid_t pid = fork();
	char byte;

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	close(gate[1]);
	while (read(gate[0], &byte, 1) > 0) {
	}
	_exit(act(nth));
}

/* Runs `act` in N_PROCESSES processes at once; how many exited with each of 0 … 3. */
static inline void at_once(int (*act)(int nth), int count[4])
{
	pid_t pids[N_PROCESSES];
	int gate[2];

	memset(count, 0, 4 * sizeof *count);
	assert_int_equal(pipe(gate), 0);
	for (int i = 0; i < N_PROCESSES; i++)
		pids[i] = at_once_start(gate, act, i);
	close(gate[0]);
	close(gate[1]);
	for (int i = 0; i < N_PROCESSES; i++) {
		int status;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 4);
		count[WEXITSTATUS(status)]++;
	}
}

#endif
