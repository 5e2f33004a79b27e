/* Stores of groups: see gate_stores.h. */
#include "prof/cli/gate_stores.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prof/cli/cmd.h"
#include "prof/store/read.h"

static int add_head(void *ctx, const struct store_run_row *row)
{
	struct gate_store *s = ctx;
	struct gate_head *more = realloc(s->heads, (s->n + 1) * sizeof(*more));
	struct gate_head *h;

	if (!more)
		return ERR_NOMEM;
	s->heads = more;
	h = &more[s->n];
	*h = (struct gate_head){.run = row->key,
				.started_at = row->started_at,
				.finished = row->finished,
				.id = strdup(row->id),
				.name = strdup(row->name)};
	s->n++;
	return h->id && h->name ? 0 : ERR_NOMEM;
}

static void close_store(struct gate_store *s)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		free(s->heads[i].id);
		free(s->heads[i].name);
	}
	free(s->heads);
	free(s->path);
	store_close(s->store);
}

static int list_runs(struct gate_store *s, const char *path, struct err *err)
{
	int rc;

	s->path = strdup(path);
	rc = s->path ? store_list_heads(s->store, add_head, s, err) : ERR_NOMEM;
	if (rc == ERR_NOMEM)
		err_nomem(err, "the runs of a store");
	return rc;
}

static int open_one(struct gate_store *s, const char *path, struct err *err)
{
	int rc = cli_open_store(&s->store, path, 0, err);

	return rc ? rc : list_runs(s, path, err);
}

int gate_store_adopt(struct gate_stores *stores, struct store *own, size_t *place, struct err *err)
{
	struct gate_store *more = realloc(stores->items, (stores->n + 1) * sizeof(*more));
	struct gate_store new = {.store = own};
	int rc;

	if (more)
		stores->items = more;
	rc = more ? list_runs(&new, store_path(own), err) : err_nomem(err, "the runs of a store");
	if (rc) {
		close_store(&new);
		return rc;
	}
	*place = stores->n;
	more[stores->n++] = new;
	return 0;
}

int gate_store_open(struct gate_stores *stores, const char *path, size_t *place, struct err *err)
{
	struct gate_store *more, new = {0};
	struct stat st;
	int rc;

	if (stat(path, &st) == 0) {
		new.device = st.st_dev;
		new.inode = st.st_ino;
		for (*place = 0; *place < stores->n; ++*place)
			if (stores->items[*place].device == new.device &&
			    stores->items[*place].inode == new.inode)
				return 0;
	}
	more = realloc(stores->items, (stores->n + 1) * sizeof(*more));
	if (!more)
		return err_nomem(err, "the runs of a store");
	stores->items = more;
	rc = open_one(&new, path, err);
	if (rc) {
		close_store(&new);
		return rc;
	}
	*place = stores->n;
	more[stores->n++] = new;
	return 0;
}

void gate_stores_release(struct gate_stores *stores)
{
	size_t i;

	for (i = 0; i < stores->n; i++)
		close_store(&stores->items[i]);
	free(stores->items);
	*stores = (struct gate_stores){0};
}

/* ---- files ---- */

enum gate_file gate_file_kind(const char *path)
{
	char head[4096];
	struct stat st;
	ssize_t n;
	int fd;

	if (stat(path, &st))
		return GATE_FILE_NONE;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? GATE_FILE_FOLDER : GATE_FILE_DEVICE;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return GATE_FILE_DENIED;
	n = read(fd, head, sizeof head - 1);
	close(fd);
	if (n < 0)
		return GATE_FILE_DENIED;
	head[n] = '\0';
	if (n >= 16 && memcmp(head, "SQLite format 3", 16) == 0)
		return GATE_FILE_STORE;
	return strstr(head, "\"protea-gate-baseline\"") ? GATE_FILE_VALUES : GATE_FILE_OTHER;
}
