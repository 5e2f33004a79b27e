/* Files: paths, reads with a limit, write-aside, folders, locks, a disk that is really full. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/core/cancel.h"
#include "tests/unit/scratch.h"

/* Entries of the scratch folder. */
static size_t entries(void)
{
	DIR *d = opendir(scratch_dir);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2; /* "." and ".." */
}

static int empty_folder(void **state)
{
	(void)state;
	return fsio_remove_tree(scratch_dir, NULL) == 0 && mkdir(scratch_dir, 0777) == 0 ? 0 : -1;
}

/* ---- paths ------------------------------------------------------------------------------------ */

static void is_text(char *got, const char *want)
{
	assert_non_null(got);
	assert_string_equal(got, want);
	free(got);
}

static void paths_are_joined(void **state)
{
	(void)state;
	is_text(fsio_join("a", "b"), "a/b");
	is_text(fsio_join("a/", "b"), "a/b");
	is_text(fsio_join("/", "b"), "/b");
	is_text(fsio_join("a", "/b"), "/b");
	is_text(fsio_join("", "b"), "b");
}

static void the_folder_part_is_found(void **state)
{
	(void)state;
	is_text(fsio_dirname("a"), ".");
	is_text(fsio_dirname("a/b"), "a");
	is_text(fsio_dirname("a/b/"), "a");
	is_text(fsio_dirname("a//b"), "a");
	is_text(fsio_dirname("/a"), "/");
	is_text(fsio_dirname("/"), "/");
	is_text(fsio_dirname(""), ".");
}

static void home_and_base_are_resolved(void **state)
{
	char *home = getenv("HOME") ? strdup(getenv("HOME")) : NULL;

	(void)state;
	setenv("HOME", "/home/me", 1);
	is_text(fsio_resolve("/job", "~/x"), "/home/me/x");
	is_text(fsio_resolve("/job", "~//x"), "/home/me/x");
	is_text(fsio_resolve("/job", "~"), "/home/me");
	is_text(fsio_resolve("/job", "~you/x"), "/job/~you/x");
	is_text(fsio_resolve("/job", "x/y"), "/job/x/y");
	is_text(fsio_resolve("/job", "/x"), "/x");
	is_text(fsio_resolve(NULL, "x"), "x");
	unsetenv("HOME");
	is_text(fsio_resolve(NULL, "~/x"), "~/x");
	if (home)
		setenv("HOME", home, 1);
	free(home);
}

static void absolute_paths_need_not_exist(void **state)
{
	char here[PATH_MAX], want[PATH_MAX + 16];

	(void)state;
	assert_non_null(getcwd(here, sizeof here));
	snprintf(want, sizeof want, "%s/no/where", here);
	is_text(fsio_absolute("no/./where"), want);
	is_text(fsio_absolute("/a//b/./c/"), "/a/b/c");
	is_text(fsio_absolute("/a/../b"), "/a/../b"); /* a may be a link */
	is_text(fsio_absolute("/a/.b/..c"), "/a/.b/..c");
	is_text(fsio_absolute("//"), "/");
}

/* ---- reading ---------------------------------------------------------------------------------- */

static void a_file_is_read_up_to_a_limit(void **state)
{
	static char bytes[200001];
	const char *path;
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	uint64_t size = 0;

	(void)state;
	memset(bytes, 'x', sizeof bytes);
	path = scratch_write("f", bytes, sizeof bytes);
	assert_int_equal(fsio_read_all(path, sizeof bytes, &out, &err), 0);
	assert_int_equal(out.len, sizeof bytes);
	assert_memory_equal(out.data, bytes, sizeof bytes);
	buf_clear(&out);
	assert_int_equal(fsio_read_all(path, sizeof bytes - 1, &out, &err), ERR_LIMIT);
	assert_non_null(strstr(err.text, "larger than 200000 bytes"));
	assert_int_equal(fsio_size(path, &size, &err), 0);
	assert_int_equal(size, sizeof bytes);
	buf_release(&out);
}

static void an_empty_file_is_read_as_nothing(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	assert_int_equal(fsio_read_all(scratch_write("e", "", 0), 0, &out, NULL), 0);
	assert_int_equal(out.len, 0);
	assert_string_equal(buf_str(&out), "");
	buf_release(&out);
}

static void what_is_missing_is_told_from_what_fails(void **state)
{
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	uint64_t size;

	(void)state;
	assert_int_equal(fsio_read_all(scratch("no"), 10, &out, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, scratch("no")));
	assert_int_equal(fsio_size(scratch("no"), &size, &err), ERR_NOTFOUND);
	assert_int_equal(fsio_read_all(scratch_dir, 10, &out, &err), ERR_IO);
	assert_int_equal(fsio_exists(scratch("no")), 0);
	assert_int_equal(fsio_exists(scratch_dir), 1);
	buf_release(&out);
}

static void free_room_is_that_of_the_nearest_folder(void **state)
{
	uint64_t here = 0, below = 0;

	(void)state;
	assert_int_equal(fsio_free_bytes(scratch_dir, &here), 0);
	assert_int_equal(fsio_free_bytes(scratch("a/b/c"), &below), 0);
	assert_true(here > 0 && below > 0);
	assert_int_equal(fsio_free_bytes("no-such-file-here", &below), 0);
}

/* ---- writing ---------------------------------------------------------------------------------- */

static void a_file_gets_its_name_when_it_is_complete(void **state)
{
	struct fsio_out out;
	struct buf got = BUF_INIT;
	struct err err = ERR_INIT;
	const char *path = scratch("final");
	static char big[700000];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof big; i++)
		big[i] = (char)(i * 31);
	assert_int_equal(fsio_create(&out, path, &err), 0);
	assert_int_equal(fsio_write(&out, big, 10, &err), 0);
	assert_int_equal(fsio_write(&out, NULL, 0, &err), 0);
	assert_int_equal(fsio_write(&out, big + 10, 300000, &err), 0); /* above the buffer */
	for (i = 300010; i < sizeof big; i += 9)
		assert_int_equal(
			fsio_write(&out, big + i, sizeof big - i < 9 ? sizeof big - i : 9, &err),
			0);
	assert_int_equal(out.offset, sizeof big);
	assert_int_equal(fsio_exists(path), 0);
	assert_int_equal(entries(), 1);
	assert_int_equal(fsio_commit(&out, &err), 0);
	assert_int_equal(entries(), 1);
	assert_int_equal(fsio_read_all(path, sizeof big, &got, &err), 0);
	assert_int_equal(got.len, sizeof big);
	assert_memory_equal(got.data, big, sizeof big);
	buf_release(&got);
}

static void an_aborted_file_leaves_nothing(void **state)
{
	struct fsio_out out = {0};
	struct err err = ERR_INIT;

	(void)state;
	fsio_abort(&out); /* a zeroed struct */
	assert_int_equal(fcntl(0, F_GETFD) >= 0 || errno == EBADF, 1);
	assert_int_equal(fsio_create(&out, scratch("gone"), &err), 0);
	assert_int_equal(fsio_write(&out, "abc", 3, &err), 0);
	fsio_abort(&out);
	fsio_abort(&out);
	assert_int_equal(entries(), 0);
}

static void an_old_file_stays_until_the_new_one_is_there(void **state)
{
	const char *path = scratch_write("f", "old", 3);
	struct fsio_out out;
	struct buf got = BUF_INIT;

	(void)state;
	assert_int_equal(fsio_create(&out, path, NULL), 0);
	assert_int_equal(fsio_write(&out, "newer", 5, NULL), 0);
	assert_int_equal(fsio_read_all(path, 10, &got, NULL), 0);
	assert_string_equal(buf_str(&got), "old");
	assert_int_equal(fsio_commit(&out, NULL), 0);
	buf_clear(&got);
	assert_int_equal(fsio_read_all(path, 10, &got, NULL), 0);
	assert_string_equal(buf_str(&got), "newer");
	buf_release(&got);
}

static void two_writers_of_one_name_do_not_meet(void **state)
{
	struct fsio_out a, b;
	struct buf got = BUF_INIT;

	(void)state;
	assert_int_equal(fsio_create(&a, scratch("f"), NULL), 0);
	assert_int_equal(fsio_create(&b, scratch("f"), NULL), 0);
	assert_string_not_equal(a.tmp, b.tmp);
	assert_int_equal(fsio_write(&a, "a", 1, NULL), 0);
	assert_int_equal(fsio_write(&b, "b", 1, NULL), 0);
	assert_int_equal(fsio_commit(&a, NULL), 0);
	assert_int_equal(fsio_commit(&b, NULL), 0);
	assert_int_equal(fsio_read_all(scratch("f"), 10, &got, NULL), 0);
	assert_string_equal(buf_str(&got), "b");
	assert_int_equal(entries(), 1);
	buf_release(&got);
}

static void a_file_in_no_folder_cannot_be_made(void **state)
{
	struct fsio_out out;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(fsio_create(&out, scratch("no/such"), &err), ERR_IO);
	assert_non_null(strstr(err.text, "no/such"));
	assert_int_equal(fsio_write_file(scratch("no/such"), "x", 1, &err), ERR_IO);
}

static void a_folder_in_the_way_stops_the_rename(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(mkdir(scratch("d"), 0777), 0);
	assert_int_equal(fsio_write_file(scratch("d"), "x", 1, &err), ERR_IO);
	assert_int_equal(entries(), 1); /* no temporary file */
}

static void a_copy_is_complete_or_not_there(void **state)
{
	static char bytes[600001];
	struct buf got = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	memset(bytes, 'q', sizeof bytes);
	scratch_write("from", bytes, sizeof bytes);
	assert_int_equal(fsio_copy(scratch("from"), scratch("to"), &err), 0);
	assert_int_equal(fsio_read_all(scratch("to"), sizeof bytes, &got, &err), 0);
	assert_int_equal(got.len, sizeof bytes);
	assert_memory_equal(got.data, bytes, sizeof bytes);
	assert_int_equal(fsio_copy(scratch("none"), scratch("to2"), &err), ERR_NOTFOUND);
	assert_int_equal(fsio_copy(scratch_dir, scratch("to3"), &err), ERR_IO);
	assert_int_equal(entries(), 2);
	buf_release(&got);
}

/* A write beyond RLIMIT_FSIZE fails like a full disk, at a place we choose. */
static void a_failed_write_names_the_file_and_leaves_nothing(void **state)
{
	struct rlimit old, small;
	struct err err = ERR_INIT;
	static char bytes[500000];
	int rc;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 300000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	rc = fsio_write_file(scratch("big"), bytes, sizeof bytes, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(rc, ERR_IO);
	assert_int_equal(err.sys, EFBIG);
	assert_non_null(strstr(err.text, scratch("big")));
	assert_int_equal(entries(), 0);
}

/* Writes a short text to a file of /proc; 0 or -1. */
static int tell(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	close(fd);
	return n == (ssize_t)strlen(text) ? 0 : -1;
}

/* Mounts of this process's own, with the rights to make one; 0 or -1. Files on the new disk need an
 * owner and a group, so both are mapped. */
static int own_mounts(void)
{
	char uid[64], gid[64];

	snprintf(uid, sizeof uid, "0 %ld 1", (long)getuid());
	snprintf(gid, sizeof gid, "0 %ld 1", (long)getgid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 || tell("/proc/self/uid_map", uid) != 0 ||
	    tell("/proc/self/setgroups", "deny") != 0 || tell("/proc/self/gid_map", gid) != 0)
		return -1;
	return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

/* In a child: 0 good, 77 not permitted here, else what failed. */
static int on_a_full_disk(void)
{
	static char bytes[400000];
	struct err err = ERR_INIT;

	if (own_mounts() != 0)
		return 77;
	if (mount("none", scratch_dir, "tmpfs", 0, "size=128k") != 0)
		return 77;
	if (fsio_write_file(scratch("big"), bytes, sizeof bytes, &err) != ERR_IO)
		return 1;
	if (err.sys != ENOSPC || !strstr(err.text, "bytes free") || !strstr(err.text, "big"))
		return 2;
	return entries() == 0 ? 0 : 3;
}

static void a_full_disk_says_how_much_room_there_is(void **state)
{
	int status = -1;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(on_a_full_disk());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip(); /* no mounts in this container */
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- folders ---------------------------------------------------------------------------------- */

static void folders_are_made_with_their_parents(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(fsio_mkdirs(scratch("a/b//c/"), &err), 0);
	assert_int_equal(fsio_exists(scratch("a/b/c")), 1);
	assert_int_equal(fsio_mkdirs(scratch("a/b/c"), &err), 0);
	assert_int_equal(fsio_mkdirs("/", &err), 0);
	assert_int_equal(fsio_mkdirs(".", &err), 0);
	scratch_write("a/file", "x", 1);
	assert_int_equal(fsio_mkdirs(scratch("a/file"), &err), ERR_EXISTS);
	assert_int_equal(fsio_mkdirs(scratch("a/file/x"), &err), ERR_IO);
	assert_non_null(strstr(err.text, "a/file"));
}

static void a_tree_is_removed_without_following_links(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(fsio_mkdirs(scratch("tree/sub/sub"), &err), 0);
	assert_int_equal(fsio_mkdirs(scratch("outside"), &err), 0);
	scratch_write("outside/kept", "x", 1);
	scratch_write("tree/sub/f", "x", 1);
	assert_int_equal(symlink("../outside", scratch("tree/link")), 0);
	assert_int_equal(symlink("outside", scratch("top")), 0);
	assert_int_equal(mkfifo(scratch("tree/fifo"), 0600), 0);
	assert_int_equal(fsio_remove_tree(scratch("tree"), &err), 0);
	assert_int_equal(fsio_exists(scratch("tree")), 0);
	assert_int_equal(fsio_remove_tree(scratch("top"), &err), 0); /* the link itself */
	assert_int_equal(fsio_exists(scratch("outside/kept")), 1);
	assert_int_equal(fsio_remove_tree(scratch("tree"), &err), 0); /* nothing there is fine */
	assert_int_equal(fsio_remove_tree(scratch("outside/kept/x"), &err), 0);
}

static void a_missing_file_is_fine_to_remove(void **state)
{
	(void)state;
	scratch_write("f", "x", 1);
	assert_int_equal(fsio_remove(scratch("f")), 0);
	assert_int_equal(fsio_remove(scratch("f")), 0);
	assert_int_equal(mkdir(scratch("d"), 0777), 0);
	assert_int_equal(fsio_remove(scratch("d")), -1);
}

/* ---- locks ------------------------------------------------------------------------------------ */

static void a_lock_excludes_others_until_it_is_given_back(void **state)
{
	struct err err = ERR_INIT;
	int fd = fsio_lock(scratch("l"), 0, &err);
	int again;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fsio_lock(scratch("l"), 0, &err), ERR_EXISTS);
	fsio_unlock(fd);
	again = fsio_lock(scratch("l"), 1, &err);
	assert_true(again >= 0);
	fsio_unlock(again);
	fsio_unlock(-1);
	assert_int_equal(fsio_lock(scratch("no/l"), 0, &err), ERR_NOTFOUND);
}

static void a_lock_dies_with_its_process(void **state)
{
	struct err err = ERR_INIT;
	int fds[2], fd;
	char c;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		fsio_lock(scratch("l"), 1, NULL);
		if (write(fds[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	assert_int_equal(read(fds[0], &c, 1), 1);
	assert_int_equal(fsio_lock(scratch("l"), 0, &err), ERR_EXISTS);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	fd = fsio_lock(scratch("l"), 0, &err);
	assert_true(fd >= 0);
	fsio_unlock(fd);
	close(fds[0]);
	close(fds[1]);
}

static void on_alarm(int sig)
{
	(void)sig;
	cancel_request(SIGTERM);
}

static void waiting_for_a_lock_ends_on_request(void **state)
{
	struct sigaction act = {.sa_handler = on_alarm};
	struct err err = ERR_INIT;
	int fd = fsio_lock(scratch("l"), 0, &err);

	(void)state;
	assert_true(fd >= 0);
	sigaction(SIGALRM, &act, NULL);
	ualarm(50000, 50000); /* again, should the first come before the wait */
	assert_int_equal(fsio_lock(scratch("l"), 1, &err), ERR_CANCELLED);
	ualarm(0, 0);
	cancel_reset();
	fsio_unlock(fd);
}

#define IN_EMPTY(test) cmocka_unit_test_setup(test, empty_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_are_joined),
		cmocka_unit_test(the_folder_part_is_found),
		cmocka_unit_test(home_and_base_are_resolved),
		cmocka_unit_test(absolute_paths_need_not_exist),
		IN_EMPTY(a_file_is_read_up_to_a_limit),
		IN_EMPTY(an_empty_file_is_read_as_nothing),
		IN_EMPTY(what_is_missing_is_told_from_what_fails),
		IN_EMPTY(free_room_is_that_of_the_nearest_folder),
		IN_EMPTY(a_file_gets_its_name_when_it_is_complete),
		IN_EMPTY(an_aborted_file_leaves_nothing),
		IN_EMPTY(an_old_file_stays_until_the_new_one_is_there),
		IN_EMPTY(two_writers_of_one_name_do_not_meet),
		IN_EMPTY(a_file_in_no_folder_cannot_be_made),
		IN_EMPTY(a_folder_in_the_way_stops_the_rename),
		IN_EMPTY(a_copy_is_complete_or_not_there),
		IN_EMPTY(a_failed_write_names_the_file_and_leaves_nothing),
		IN_EMPTY(a_full_disk_says_how_much_room_there_is),
		IN_EMPTY(folders_are_made_with_their_parents),
		IN_EMPTY(a_tree_is_removed_without_following_links),
		IN_EMPTY(a_missing_file_is_fine_to_remove),
		IN_EMPTY(a_lock_excludes_others_until_it_is_given_back),
		IN_EMPTY(a_lock_dies_with_its_process),
		IN_EMPTY(waiting_for_a_lock_ends_on_request),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
