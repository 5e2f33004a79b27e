/* Files kept for names: see held.h. Those that their path leads to are held here; those that are gone, or whose name
 * has become another file's, in a set of modules like that of a recording from outside. */
#include "prof/record/held.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "prof/attach/modules.h"
#include "prof/attach/proc.h"
#include "prof/base/hash.h"
#include "prof/elf/elffile.h"
#include "prof/record/livenames.h"

struct held_file {
	char *path, *build_id; /* owned */
	int fd;                /* -1: not here */
	char link[32];         /* of the descriptor */
};

struct held {
	struct held_file *files; /* owned */
	uint32_t n, cap, n_open, max_open;
	struct hashidx index;
	struct module_set *gone; /* NULL until needed */
};

struct held *held_new(void)
{
	struct held *h = calloc(1, sizeof *h);
	struct rlimit limit;

	if (!h)
		return NULL;
	h->max_open = HELD_MAX;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 4 < h->max_open)
		h->max_open = (uint32_t)(limit.rlim_cur / 4);
	return h;
}

void held_free(struct held *h)
{
	if (!h)
		return;
	for (uint32_t i = 0; i < h->n; i++) {
		if (h->files[i].fd >= 0)
			(void)close(h->files[i].fd);
		free(h->files[i].path);
		free(h->files[i].build_id);
	}
	module_set_free(h->gone);
	hashidx_release(&h->index);
	free(h->files);
	free(h);
}

struct key {
	const struct held *h;
	const char *path, *build_id;
};

static int is_file(const void *ctx, uint32_t id)
{
	const struct key *k = ctx;
	const struct held_file *f = &k->h->files[id];

	return strcmp(f->path, k->path) == 0 && strcmp(f->build_id, k->build_id) == 0;
}

static uint64_t hash_file(const char *path, const char *build_id)
{
	return hash_bytes(path, strlen(path), hash_bytes(build_id, strlen(build_id), 0));
}

static struct held_file *find(const struct held *h, const char *path, const char *build_id)
{
	struct key key = {h, path, build_id};
	uint32_t id = hashidx_find(&h->index, hash_file(path, build_id), is_file, &key);

	return id == HASHIDX_NONE ? NULL : &h->files[id];
}

static struct held_file *add(struct held *h, const char *path, const char *build_id)
{
	uint32_t cap = h->cap ? 2 * h->cap : 64;
	struct held_file f = {.path = strdup(path), .build_id = strdup(build_id), .fd = -1}, *p;

	if (h->n == h->cap && (p = realloc(h->files, cap * sizeof *p)) != NULL) {
		h->files = p;
		h->cap = cap;
	}
	if (!f.path || !f.build_id || h->n == h->cap ||
	    hashidx_add(&h->index, hash_file(path, build_id), h->n)) {
		free(f.path);
		free(f.build_id);
		return NULL;
	}
	h->files[h->n] = f;
	return &h->files[h->n++];
}

/* The file of that name, if it is the one that was loaded: a descriptor or -1. Without a build id there is no
 * telling. */
static int open_file(const char *path, const char *build_id)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), same;
	char id[ELF_BUILD_ID_HEX];
	struct elf_file elf;
	struct stat st;

	if (fd < 0)
		return -1;
	same = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && elf_open_fd(&elf, fd, path, NULL) == 0;
	if (same) {
		same = !build_id[0] || (elf_build_id(&elf, id) && strcmp(id, build_id) == 0);
		elf_close(&elf);
	}
	if (same)
		return fd;
	(void)close(fd);
	return -1;
}

/* All that the process runs and that is not known yet: where it can be had while the process lives. */
static void take_from_process(struct held *h, int pid)
{
	struct attach_space *space = NULL;
	struct proc proc = {.dir = -1, .pidfd = -1};

	if (!h->gone)
		h->gone = module_set_new(NULL);
	if (!h->gone || module_count(h->gone) >= h->max_open || proc_open(&proc, pid, NULL))
		return;
	space = attach_space_new(h->gone, &proc);
	if (space)
		(void)attach_space_refresh(space, 0, NULL);
	attach_space_free(space);
	proc_close(&proc);
}

void held_add(struct held *h, int pid, const char *path, const char *build_id)
{
	struct held_file *f;

	if (path[0] != '/' || path[1] == '/' || find(h, path, build_id))
		return;
	f = add(h, path, build_id);
	if (!f || h->n_open >= h->max_open)
		return;
	f->fd = open_file(path, build_id);
	if (f->fd >= 0) {
		h->n_open++;
		snprintf(f->link, sizeof f->link, "/proc/self/fd/%d", f->fd);
	} else {
		take_from_process(h, pid);
	}
}

void held_locate(void *ctx, struct symbol_module *module)
{
	const struct held *h = ctx;
	const struct held_file *f = find(h, module->path, module->build_id ? module->build_id : "");
	struct symbol_module other = *module;
	char path[PATH_MAX];

	if (f && f->fd >= 0) {
		module->file = f->link;
		return;
	}
	if (!f || !h->gone)
		return;
	snprintf(path, sizeof path, "%.*s", (int)proc_plain_length(module->path), module->path);
	other.path = path;
	livenames_locate(h->gone, &other);
	module->file = other.file;
	module->build_id = other.build_id;
}
