/* Resumable staging: see staging.h. */
#include "pipeline/job/staging.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/fsio.h"

#define MARKER_MAX ((size_t)4 << 20)

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
	char *folder, *lock;
	size_t len = strlen(name) + 16;

	*s = (struct staging){.lock = -1};
	memccpy(s->fingerprint, fingerprint, '\0', SHA256_HEX - 1);
	folder = malloc(len);
	if (!folder)
		return err_nomem(err, "the staging folder");
	snprintf(folder, len, "%s-%.12s", name, fingerprint);
	s->dir = fsio_join(resume_dir, folder);
	free(folder);
	lock = s->dir ? staging_path(s, ".lock") : NULL;
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
	*s = (struct staging){.lock = -1};
}

void staging_remove(struct staging *s)
{
	struct err err = ERR_INIT;

	if (s->dir)
		(void)fsio_remove_tree(
			s->dir, &err); /* what is left is found and used, or removed, next time */
	staging_close(s);
}

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
	fits = fp && strcmp(fp, s->fingerprint) == 0 && json_is_string(sum) &&
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
				snprintf(why, 256, "the marker of pair %s is damaged", pair_label);
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

	if (signed_marker && marker_digest(marker, sha) == 0 &&
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
