/* Resumable staging: see staging.h. */
#include "pipeline/job/staging.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "pipeline/core/fsio.h"
#include "pipeline/job/folder_name.h"

#define MARKER_MAX ((size_t)4 << 20)
#define LOCK       ".lock"
#define OWNER      ".source" /* digest of the source's identity: folders may be shared by databases */

char *staging_path(const struct staging *s, const char *name)
{
	return fsio_join(s->dir, name);
}

char *staging_shard(const struct staging *s, const char *pair_label, enum category cat)
{
	char name[PLAN_LABEL_TEXT + 32];

	snprintf(name, sizeof name, "%s.%s.parquet", pair_label, category_name[cat]);
	return staging_path(s, name);
}

static char *marker_path(const struct staging *s, const char *pair_label)
{
	char name[PLAN_LABEL_TEXT + 32];

	snprintf(name, sizeof name, "%s.json", pair_label);
	return staging_path(s, name);
}

int staging_open(struct staging *s, const char *resume_dir, const char *name,
		 const char *fingerprint, struct err *err)
{
	char folder[FOLDER_NAME_TEXT], tail[FOLDER_DIGITS + 1], *lock;

	*s = (struct staging){.lock = -1};
	memccpy(s->fingerprint, fingerprint, '\0', SHA256_HEX - 1);
	memcpy(s->content, s->fingerprint, SHA256_HEX);
	snprintf(tail, sizeof tail, "%s", fingerprint);
	if (folder_name(name, tail, folder) == 0)
		s->dir = fsio_join(resume_dir, folder);
	lock = s->dir ? staging_path(s, LOCK) : NULL;
	if (!lock) {
		staging_close(s);
		return err_nomem(err, "the staging folder");
	}
	s->lock = fsio_mkdirs(s->dir, err);
	if (s->lock == 0)
		s->lock = fsio_lock(lock, 0, err);
	free(lock);
	if (s->lock < 0) {
		int rc = s->lock;

		if (rc == ERR_EXISTS)
			err_set(err, rc, "another run is working on data set '%s' in '%s'", name,
				s->dir);
		staging_close(s);
		return rc;
	}
	return 0;
}

void staging_close(struct staging *s)
{
	if (s->lock >= 0)
		fsio_unlock(s->lock);
	free(s->dir);
	free(s->text);
	*s = (struct staging){.lock = -1};
}

void staging_remove(struct staging *s)
{
	struct err err = ERR_INIT;

	staging_remove_others(s);
	if (s->dir)
		(void)fsio_remove_tree(
			s->dir, &err); /* what is left is found and used, or removed, next time */
	staging_close(s);
}

/* ---- folders of other fingerprints -------------------------------------------------------------------- */

int staging_own(const struct staging *s, const struct source *source, struct err *err)
{
	char *path = staging_path(s, OWNER), sha[SHA256_HEX];
	int rc = path ? folder_source(source, sha) : ERR_NOMEM;

	if (rc)
		err_nomem(err, "the staging folder");
	else
		rc = fsio_write_file(path, sha, strlen(sha), err);
	free(path);
	return rc;
}

static int is_hex(const char *text, size_t n)
{
	return strlen(text) == n && strspn(text, "0123456789abcdef") == n;
}

/* A folder, not a link to one, with the same owner as ours. */
static int same_owner(const struct staging *s, const char *dir)
{
	struct staging other = {.dir = (char *)(uintptr_t)dir}; /* only joined */
	char *mine = staging_path(s, OWNER), *theirs = staging_path(&other, OWNER);
	struct buf a = BUF_INIT, b = BUF_INIT;
	struct stat st;
	int same;

	same = mine && theirs && lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) &&
	       fsio_exists(theirs) && fsio_read_all(mine, SHA256_HEX, &a, NULL) == 0 &&
	       fsio_read_all(theirs, SHA256_HEX, &b, NULL) == 0 &&
	       is_hex(buf_str(&a), SHA256_HEX - 1) && strcmp(buf_str(&a), buf_str(&b)) == 0;
	buf_release(&a);
	buf_release(&b);
	free(mine);
	free(theirs);
	return same;
}

/* Removes one, unless some run is in it. */
static void remove_idle(const char *dir)
{
	char *lock = fsio_join(dir, LOCK);
	struct err err = ERR_INIT;
	int fd = lock ? fsio_lock(lock, 0, &err) : -1;

	if (fd >= 0) {
		(void)fsio_remove_tree(dir, &err); /* what is left does no harm */
		fsio_unlock(fd);
	}
	free(lock);
}

void staging_remove_others(const struct staging *s)
{
	char *parent = s->dir ? fsio_dirname(s->dir) : NULL;
	const char *own = s->dir ? strrchr(s->dir, '/') : NULL;
	DIR *d = parent ? opendir(parent) : NULL;
	struct dirent *e;
	size_t stem;

	own = own ? own + 1 : s->dir;
	stem = own ? strlen(own) - FOLDER_DIGITS : 0; /* "NAME-" */
	while (d && own && (e = readdir(d))) {
		char *dir;

		/* The rest must be a fingerprint: "a-b-…" is no folder of data set "a". */
		if (strncmp(e->d_name, own, stem) != 0 ||
		    !is_hex(e->d_name + stem, FOLDER_DIGITS) || strcmp(e->d_name, own) == 0)
			continue;
		dir = fsio_join(parent, e->d_name);
		if (dir && same_owner(s, dir))
			remove_idle(dir);
		free(dir);
	}
	if (d)
		closedir(d);
	free(parent);
}

/* ---- markers ------------------------------------------------------------------------------------------ */

/* Digest of the marker without its field "checksum". */
static int marker_digest(const json_t *marker, char out[SHA256_HEX])
{
	char *text = json_compact(marker);
	int rc = text ? sha256_hex(text, strlen(text), out) : ERR_NOMEM;

	free(text);
	return rc;
}

/* A marker of this run's inputs, whole; its checksum is taken out. */
static int marker_fits(const struct staging *s, json_t *marker)
{
	const char *fp = json_string_value(json_object_get(marker, "fingerprint"));
	json_t *sum = json_incref(json_object_get(marker, "checksum"));
	char sha[SHA256_HEX];
	int fits;

	json_object_del(marker, "checksum");
	fits = fp && strcmp(fp, s->content) == 0 && json_is_string(sum) &&
	       marker_digest(marker, sha) == 0 && strcmp(sha, json_string_value(sum)) == 0;
	json_decref(sum);
	return fits;
}

/* Is the shard the marker speaks of really there? */
static int shard_fits(const struct staging *s, const char *pair_label, enum category cat,
		      const json_t *shard, char why[256])
{
	char *path = staging_shard(s, pair_label, cat), sha[SHA256_HEX];
	const char *want = json_string_value(json_object_get(shard, "sha256"));
	uint64_t size = 0;
	int fits;

	if (json_integer_value(json_object_get(shard, "rows")) == 0) {
		free(path);
		return 1; /* no rows, no file */
	}
	fits = path && want && sha256_file(path, sha, &size, NULL) == 0 &&
	       size == (uint64_t)json_integer_value(json_object_get(shard, "bytes")) &&
	       strcmp(sha, want) == 0;
	if (!fits && why)
		snprintf(why, 256, "shard %s of pair %s is missing or has changed",
			 category_name[cat], pair_label);
	free(path);
	return fits;
}

int staging_has_marker(const struct staging *s, const struct plan *plan)
{
	size_t i;
	int has = 0;

	for (i = 0; !has && i < plan->n_pairs; i++) {
		char *path = marker_path(s, plan->pairs[i].label);

		has = path && fsio_exists(path);
		free(path);
	}
	return has;
}

json_t *staging_load_marker(const struct staging *s, const char *pair_label, char why[256])
{
	char *path = marker_path(s, pair_label);
	struct buf text = BUF_INIT;
	json_t *marker = NULL;
	int cat;

	if (why)
		why[0] = '\0';
	buf_init(&text, MARKER_MAX);
	if (path && fsio_exists(path)) {
		if (fsio_read_all(path, MARKER_MAX, &text, NULL) == 0)
			marker = json_parse(path, buf_str(&text), text.len, NULL);
		if (!marker || !marker_fits(s, marker)) {
			if (why)
				snprintf(why, 256,
					 "the marker of pair %s is damaged, or of other sequences",
					 pair_label);
			json_decref(marker);
			marker = NULL;
		}
	}
	for (cat = 0; marker && cat < CATEGORIES; cat++)
		if (!shard_fits(
			    s, pair_label, (enum category)cat,
			    json_object_get(json_object_get(marker, "shards"), category_name[cat]),
			    why)) {
			json_decref(marker);
			marker = NULL;
		}
	buf_release(&text);
	free(path);
	return marker;
}

int staging_save_marker(const struct staging *s, const char *pair_label, const json_t *marker,
			struct err *err)
{
	char *path = marker_path(s, pair_label), *text = NULL;
	json_t *signed_marker = json_copy((json_t *)(uintptr_t)marker); /* only reads it */
	char sha[SHA256_HEX];
	int rc = 0;

	if (signed_marker &&
	    json_object_set_new(signed_marker, "fingerprint", json_string(s->content)) == 0 &&
	    marker_digest(signed_marker, sha) == 0 &&
	    json_object_set_new(signed_marker, "checksum", json_string(sha)) == 0)
		text = json_compact(signed_marker);
	if (!path || !text)
		rc = err_nomem(err, "a marker");
	else
		rc = fsio_write_file(path, text, strlen(text), err);
	json_decref(signed_marker);
	free(path);
	free(text);
	return rc;
}
