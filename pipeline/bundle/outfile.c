/* A bundle being written: see outfile.h. */
#include "pipeline/bundle/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/bundle/db.h"
#include "pipeline/bundle/schema.h"
#include "pipeline/core/fsio.h"
#include "prof/base/buf.h"

/* No journal and no sync: the file is worthless until it is complete, and synced once then. Pages of
 * 16 KiB hold several embeddings; with 4 KiB one of 1,280 float16 values wastes a third of its page.
 * The cache (KiB) bounds memory and is what CREATE INDEX sorts in. */
static const char pragmas[] = "PRAGMA page_size = 16384; PRAGMA journal_mode = OFF;"
			      "PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;"
			      "PRAGMA cache_size = -131072; BEGIN EXCLUSIVE";

/* Files that SQLite keeps beside a database; those of a replaced file must not meet the new one. */
static const char *const companions[] = {"-journal", "-wal", "-shm"};

static char *with_suffix(const char *path, const char *suffix)
{
	struct buf b = BUF_INIT;
	char *text;

	buf_printf(&b, "%s%s", path, suffix);
	text = buf_steal(&b, NULL);
	buf_release(&b);
	return text;
}

static void release(struct outfile *o)
{
	if (o->db)
		sqlite3_close_v2(o->db);
	free(o->path);
	free(o->tmp);
	*o = (struct outfile){0};
}

void outfile_abort(struct outfile *o)
{
	if (o->db) {
		sqlite3_close_v2(o->db);
		o->db = NULL;
	}
	if (o->tmp)
		fsio_remove(o->tmp);
	release(o);
}

static int refuse_existing(const char *path, struct err *err)
{
	return err_set(err, ERR_EXISTS,
		       "'%s' exists; choose another name or replace it with --force", path);
}

static int check_target(const char *path, int replace, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(err, ERR_IO, "cannot write '%s'", path);
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_ARG, "'%s' is a folder; name a file", path);
	return replace ? 0 : refuse_existing(path, err);
}

/* Makes the file, so that a folder that cannot be written to is told by its errno. */
static int make_file(const char *tmp, struct err *err)
{
	int fd = open(tmp, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);

	if (fd < 0 && errno == EEXIST && fsio_remove(tmp) == 0)
		fd = open(tmp, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
	if (fd < 0)
		return err_sys(err, ERR_IO, "cannot create '%s'", tmp);
	close(fd);
	return 0;
}

int outfile_open(struct outfile *o, const char *path, int replace, struct err *err)
{
	char suffix[32];
	int rc;

	*o = (struct outfile){.replace = replace};
	rc = check_target(path, replace, err);
	if (rc < 0)
		return rc;
	snprintf(suffix, sizeof suffix, ".tmp.%ld", (long)getpid());
	o->path = strdup(path);
	o->tmp = with_suffix(path, suffix);
	if (!o->path || !o->tmp) {
		release(o);
		return err_nomem(err, "a path");
	}
	rc = make_file(o->tmp, err);
	if (rc < 0) {
		release(o);
		return rc;
	}
	rc = sqlite3_open_v2(o->tmp, &o->db,
			     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
			     NULL);
	if (rc != SQLITE_OK)
		rc = o->db ? bundle_db_fail(o->db, rc, "create", err)
			   : err_nomem(err, "the database");
	if (rc == 0)
		rc = bundle_db_exec(o->db, pragmas, "create", err);
	if (rc == 0)
		rc = bundle_schema_create_tables(o->db, err);
	if (rc < 0)
		outfile_abort(o);
	return rc;
}

int outfile_prepare(struct outfile *o, sqlite3_stmt **stmt, const char *sql, struct err *err)
{
	int rc = sqlite3_prepare_v2(o->db, sql, -1, stmt, NULL);

	return rc == SQLITE_OK ? 0 : bundle_db_fail(o->db, rc, "write", err);
}

int outfile_insert(struct outfile *o, sqlite3_stmt *stmt, int bound, struct err *err)
{
	int rc = bound;

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc != SQLITE_DONE)
		return bundle_db_fail(o->db, rc, "write", err);
	sqlite3_reset(stmt);
	return 0;
}

static int sync_file(const char *path, uint64_t *bytes, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int rc = 0;

	if (fd < 0)
		return err_sys(err, ERR_IO, "cannot open '%s'", path);
	if (fsync(fd) < 0 || fstat(fd, &st) < 0)
		rc = err_sys(err, ERR_IO, "cannot write '%s'", path);
	else
		*bytes = (uint64_t)st.st_size;
	close(fd);
	return rc;
}

static int remove_companions(const char *path, struct err *err)
{
	char *name;
	size_t i;
	int rc = 0;

	for (i = 0; i < sizeof companions / sizeof companions[0] && rc == 0; i++) {
		name = with_suffix(path, companions[i]);
		if (!name)
			return err_nomem(err, "a path");
		if (fsio_remove(name) < 0)
			rc = err_sys(err, ERR_IO, "cannot remove '%s'", name);
		free(name);
	}
	return rc;
}

/* Gives the file its name. Without `replace` a file that appeared meanwhile is left alone. */
static int publish(const struct outfile *o, struct err *err)
{
	int rc = 0;

	if (o->replace || !fsio_exists(o->path))
		rc = remove_companions(o->path, err);
	if (rc < 0)
		return rc;
	if (o->replace)
		rc = rename(o->tmp, o->path);
	else
		rc = renameat2(AT_FDCWD, o->tmp, AT_FDCWD, o->path, RENAME_NOREPLACE);
	if (rc == 0)
		return 0;
	if (errno == EEXIST)
		return refuse_existing(o->path, err);
	/* file systems without the flag: the window between the two calls is theirs */
	if ((errno == EINVAL || errno == ENOSYS) && !fsio_exists(o->path) &&
	    rename(o->tmp, o->path) == 0)
		return 0;
	return err_sys(err, ERR_IO, "cannot rename '%s' to '%s'", o->tmp, o->path);
}

static void sync_folder(const char *path)
{
	char *dir = fsio_dirname(path);
	int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (fd >= 0) {
		fsync(fd); /* what cannot be synced (some network folders) is published all the same */
		close(fd);
	}
	free(dir);
}

static int finish_database(struct outfile *o, struct err *err)
{
	int rc = bundle_schema_create_indexes(o->db, err);

	if (rc == 0)
		rc = bundle_db_exec(o->db, "COMMIT", "write", err);
	if (rc == 0 && sqlite3_close(o->db) != SQLITE_OK)
		rc = err_set(err, ERR_INTERNAL, "a statement on '%s' is still open", o->tmp);
	if (rc == 0)
		o->db = NULL;
	return rc;
}

int outfile_commit(struct outfile *o, uint64_t *bytes, struct err *err)
{
	int rc = finish_database(o, err);

	if (rc == 0)
		rc = sync_file(o->tmp, bytes, err);
	if (rc == 0)
		rc = publish(o, err);
	if (rc < 0) {
		outfile_abort(o);
		return rc;
	}
	sync_folder(o->path);
	release(o);
	return 0;
}
