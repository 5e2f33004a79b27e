/* The journal of uploads: see uploads.h. Lines "sha256 key"; a line that a killed run did not finish
 * fits no key. */
#include "pipeline/job/uploads.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/core/fsio.h"
#include "pipeline/job/folder_name.h"
#include "prof/base/buf.h"

#define JOURNAL_MAX ((size_t)1 << 20)

int uploads_open(struct uploads *u, const char *resume_dir, const struct source *source,
		 const char *name, struct err *err)
{
	char file[FOLDER_NAME_TEXT], tail[64], sha[SHA256_HEX];
	int rc = folder_source(source, sha);

	u->path = NULL;
	if (!rc) {
		snprintf(tail, sizeof tail, "uploads-%.*s.txt", FOLDER_DIGITS, sha);
		rc = folder_name(name, tail, file);
	}
	if (!rc)
		u->path = fsio_join(resume_dir, file);
	return u->path ? 0 : err_nomem(err, "the upload journal");
}

void uploads_close(struct uploads *u)
{
	free(u->path);
	u->path = NULL;
}

void uploads_end(struct uploads *u)
{
	if (u->path)
		(void)fsio_remove(u->path); /* what it names is gone, or will be found as ours */
	uploads_close(u);
}

static int append(int fd, const struct buf *line)
{
	size_t at = 0;

	while (at < line->len) {
		ssize_t n = write(fd, line->data + at, line->len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		at += (size_t)n;
	}
	return fsync(fd);
}

int uploads_note(const struct uploads *u, const char *key, const char sha[SHA256_HEX],
		 struct err *err)
{
	int fd = open(u->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666), rc = 0;
	struct buf line = BUF_INIT;

	if (fd < 0)
		return err_sys(err, ERR_IO, "cannot open '%s'", u->path);
	/* The first newline ends what a killed run may have left unfinished. */
	if (buf_printf(&line, "\n%s %s\n", sha, key) != 0)
		rc = err_nomem(err, "the upload journal");
	else if (append(fd, &line) != 0)
		rc = err_sys(err, ERR_IO, "cannot write '%s'", u->path);
	buf_release(&line);
	close(fd);
	return rc;
}

/* Is there a line for this key (and, unless NULL, these bytes)? */
static int has_line(const struct uploads *u, const char *key, const char *sha)
{
	struct buf text = BUF_INIT;
	char *line, *rest;
	int has = 0;

	if (!fsio_exists(u->path) || fsio_read_all(u->path, JOURNAL_MAX, &text, NULL) != 0) {
		buf_release(&text);
		return 0;
	}
	for (line = text.data; !has && line && *line; line = rest) {
		rest = strchr(line, '\n');
		if (!rest)
			break; /* unfinished */
		*rest++ = '\0';
		has = strlen(line) > SHA256_HEX && line[SHA256_HEX - 1] == ' ' &&
		      strcmp(line + SHA256_HEX, key) == 0 &&
		      (!sha || strncmp(line, sha, SHA256_HEX - 1) == 0);
	}
	buf_release(&text);
	return has;
}

int uploads_noted(const struct uploads *u, const char *key)
{
	return has_line(u, key, NULL);
}

int uploads_ours(const struct uploads *u, struct artifact_store *store, const char *key,
		 const char *scratch, struct err *err)
{
	char sha[SHA256_HEX];
	uint64_t size;
	int rc;

	if (!uploads_noted(u, key))
		return 0;
	rc = artifact_get(store, key, scratch, err);
	if (!rc)
		rc = sha256_file(scratch, sha, &size, err);
	(void)fsio_remove(scratch);
	return rc ? rc : has_line(u, key, sha);
}
