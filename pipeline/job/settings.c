/* Environment variables of spec 7 for one job: see settings.h. */
#include "pipeline/job/settings.h"

#include "pipeline/core/fsio.h"
#include "pipeline/core/workers.h"
#include "pipeline/job/problems.h"
#include "pipeline/source/source_jobs.h"
#include "prof/base/buf.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BLANK " \t\n\v\f\r"

/* Everything that some part of the program reads, plus what the original knows and we pass over. */
static const char *const known_names[] = {
	"PROTEA_DB_URL",
	"PROTEA_PAIR_FEATURE_WORKERS",
	"PROTEA_ALIGN_CACHE_DIR",
	"PROTEA_METHOD_NUMPY_QUERY_CHUNK",
	"PROTEA_ANC2VEC_PATH",
	"PROTEA_METHOD_ANC2VEC_PATH",
	"PROTEA_INTERPRO_GO_PRED_PATH",
	"PROTEA_TAXONOMY_PATH",
	"PROTEA_REF_CACHE_DIR",
	"PROTEA_PCA_ARTIFACTS_DIR",
	"PROTEA_STORAGE_BACKEND",
	"PROTEA_STORAGE_ROOT",
	"PROTEA_ARTIFACTS_DIR",
	"PROTEA_MINIO_ENDPOINT",
	"PROTEA_MINIO_BUCKET",
	"PROTEA_MINIO_ACCESS_KEY",
	"PROTEA_MINIO_SECRET_KEY",
	"PROTEA_MINIO_SECURE",
	"PROTEA_MINIO_RETRY_SECONDS",
	"PROTEA_EXPORT_RESUME_DIR",
	"PROTEA_SCHEMA_SHA_V2_WRITE_ENABLED",
	"PROTEA_JOB_HEARTBEAT_INTERVAL_SECONDS",
	"PROTEA_JOB_LOOK_INTERVAL_SECONDS",
	"PROTEA_JOB_LEASE_SECONDS",
	"PROTEA_DB_RETRY_SECONDS",
	"PROTEA_TUNING__OPERATION__STREAM_CHUNK_SIZE",
	"PROTEA_TUNING__OPERATION__ANNOTATION_CHUNK_SIZE",
	"PROTEA_TUNING__OPERATION__NUMPY_QUERY_CHUNK",
	"PROTEA_EXPORT_MINIJOBS",
};

/* One load under way. */
struct loader {
	const json_t *job; /* the job file's object; NULL: none */
	const char *base_dir;
	struct buf warnings;
	int nomem; /* sticky */
};

/* A variable's text; NULL when it is unset or blank. `from_job`: the job file said so, be it blank,
 * which hides the process's. */
static const char *look_up(const struct loader *l, const char *name, int *from_job)
{
	const char *text = json_string_value(json_object_get(l->job, name));

	*from_job = text != NULL;
	if (!text)
		text = getenv(name);
	return text && text[strspn(text, BLANK)] != '\0' ? text : NULL;
}

static char *keep(struct loader *l, char *fresh)
{
	if (!fresh)
		l->nomem = 1;
	return fresh;
}

/* The text without white space around it, or `fallback` (NULL: unset); malloc'ed. */
static char *get_text(struct loader *l, const char *name, const char *fallback)
{
	int from_job;
	const char *text = look_up(l, name, &from_job);
	size_t n;

	if (!text)
		return fallback ? keep(l, strdup(fallback)) : NULL;
	text += strspn(text, BLANK);
	for (n = strlen(text); n > 0 && strchr(BLANK, text[n - 1]); n--)
		;
	return keep(l, strndup(text, n));
}

/* A path; those of the job file are relative to its folder. */
static char *get_path(struct loader *l, const char *name, const char *fallback)
{
	int from_job;
	const char *text = look_up(l, name, &from_job);

	if (text)
		return keep(l, fsio_resolve(from_job ? l->base_dir : NULL, text));
	return fallback ? keep(l, fsio_resolve(NULL, fallback)) : NULL;
}

static int get_bool(struct loader *l, const char *name)
{
	static const char *const truths[] = {"1", "true", "yes", "on"};
	char *text = get_text(l, name, NULL);
	int on = 0;
	size_t i;

	for (i = 0; text && i < sizeof truths / sizeof truths[0]; i++)
		on |= strcasecmp(text, truths[i]) == 0;
	free(text);
	return on;
}

static void warn(struct loader *l, const char *name, const char *what)
{
	if (l->warnings.len)
		buf_puts(&l->warnings, "; ");
	buf_printf(&l->warnings, "%s%s", name, what);
}

/* An integer; values below 1 mean 1 and too large ones INT_MAX. Anything else is a remark and leaves
 * *value alone. 1 if the variable is set, 0 not. */
static int get_int(struct loader *l, const char *name, int *value)
{
	char *text = get_text(l, name, NULL), *end;
	long v;

	if (!text)
		return 0;
	v = strtol(text, &end, 10);
	if (end == text || *end != '\0') {
		buf_printf(&l->warnings, "%s%s=%s is no integer, %d is used",
			   l->warnings.len ? "; " : "", name, text, *value);
	} else {
		*value = v < 1 ? 1 : v > INT_MAX ? INT_MAX : (int)v;
	}
	free(text);
	return 1;
}

static int is_known(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof known_names / sizeof known_names[0]; i++)
		if (strcmp(name, known_names[i]) == 0)
			return 1;
	return strncmp(name, "PROTEA_PROF_", strlen("PROTEA_PROF_")) == 0; /* the profiler's */
}

/* Complains about values that are no strings, remarks on names nobody reads. */
static void check_names(struct loader *l, const json_t *environment, struct problems *problems)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)environment, name, value)
	{
		if (!json_is_string(value))
			problems_add(problems, ERR_ARG,
				     "environment.%s: must be a string (put it in quotes)", name);
		if (!is_known(name))
			warn(l, name,
			     strncmp(name, "PROTEA_", 7) == 0
				     ? " in the job file is no variable of this program"
				     : " in the job file has no effect; set it outside");
	}
}

static void load_files(struct loader *l, struct settings *s)
{
	s->anc2vec_path = get_path(l, "PROTEA_ANC2VEC_PATH", NULL);
	if (!s->anc2vec_path)
		s->anc2vec_path = get_path(l, "PROTEA_METHOD_ANC2VEC_PATH", NULL);
	s->interpro_path = get_path(l, "PROTEA_INTERPRO_GO_PRED_PATH", NULL);
	s->taxonomy_path = get_path(l, "PROTEA_TAXONOMY_PATH", "~/.etetoolkit/taxa.sqlite");
	s->align_cache_dir = get_path(l, "PROTEA_ALIGN_CACHE_DIR", NULL);
	s->ref_cache_dir = get_path(l, "PROTEA_REF_CACHE_DIR", NULL);
	s->pca_dir = get_path(l, "PROTEA_PCA_ARTIFACTS_DIR", NULL);
	s->resume_dir = get_path(l, "PROTEA_EXPORT_RESUME_DIR", "storage/export_resume");
}

static void load_storage(struct loader *l, struct settings *s)
{
	s->storage_backend = get_text(l, "PROTEA_STORAGE_BACKEND", "local");
	s->storage_root = get_path(l, "PROTEA_STORAGE_ROOT", NULL);
	if (!s->storage_root)
		s->storage_root =
			get_path(l, "PROTEA_ARTIFACTS_DIR", "storage/evaluation_artifacts");
	s->minio_endpoint = get_text(l, "PROTEA_MINIO_ENDPOINT", NULL);
	s->minio_bucket = get_text(l, "PROTEA_MINIO_BUCKET", "protea");
	s->minio_access_key = get_text(l, "PROTEA_MINIO_ACCESS_KEY", NULL);
	s->minio_secret_key = get_text(l, "PROTEA_MINIO_SECRET_KEY", NULL);
	s->minio_secure = get_bool(l, "PROTEA_MINIO_SECURE");
}

/* A number meant as "as many as there are" would cost the buffers of so many threads. */
static void cap_workers(struct loader *l, struct settings *s)
{
	if (s->workers <= WORKERS_MAX)
		return;
	s->workers = WORKERS_MAX;
	warn(l, "PROTEA_PAIR_FEATURE_WORKERS", " is too large, 4096 is used");
}

static void load_numbers(struct loader *l, struct settings *s)
{
	s->workers = 1; /* serial, by the seed documents */
	s->query_chunk = 500;
	s->heartbeat_s = 30; /* a lease lasts 120 s */
	s->look_s = 2;
	s->lease_s = SOURCE_LEASE_S;
	s->db_retry_s = 120;
	s->minio_retry_s = 120;
	get_int(l, "PROTEA_PAIR_FEATURE_WORKERS", &s->workers);
	cap_workers(l, s);
	if (!get_int(l, "PROTEA_METHOD_NUMPY_QUERY_CHUNK", &s->query_chunk))
		get_int(l, "PROTEA_TUNING__OPERATION__NUMPY_QUERY_CHUNK", &s->query_chunk);
	get_int(l, "PROTEA_JOB_HEARTBEAT_INTERVAL_SECONDS", &s->heartbeat_s);
	get_int(l, "PROTEA_JOB_LOOK_INTERVAL_SECONDS", &s->look_s);
	get_int(l, "PROTEA_JOB_LEASE_SECONDS", &s->lease_s);
	get_int(l, "PROTEA_DB_RETRY_SECONDS", &s->db_retry_s);
	get_int(l, "PROTEA_MINIO_RETRY_SECONDS", &s->minio_retry_s);
	s->schema_sha_v2 = get_bool(l, "PROTEA_SCHEMA_SHA_V2_WRITE_ENABLED");
}

int settings_load(struct settings *out, const json_t *environment, const char *base_dir,
		  struct problems *problems, struct err *err)
{
	struct loader l = {.base_dir = base_dir, .warnings = BUF_INIT};

	*out = (struct settings){0};
	if (json_is_object(environment))
		l.job = environment;
	else if (environment)
		problems_add(problems, ERR_ARG, "environment: must be a JSON object of strings");
	check_names(&l, l.job, problems);
	if (base_dir)
		out->base_dir = keep(&l, strdup(base_dir));
	load_files(&l, out);
	load_storage(&l, out);
	load_numbers(&l, out);
	l.nomem |= buf_failed(&l.warnings) != 0;
	out->warnings = buf_steal(&l.warnings, NULL);
	buf_release(&l.warnings);
	if (!l.nomem)
		return 0;
	settings_release(out);
	return err_nomem(err, "the settings");
}

void settings_release(struct settings *s)
{
	free(s->base_dir);
	free(s->anc2vec_path);
	free(s->interpro_path);
	free(s->taxonomy_path);
	free(s->align_cache_dir);
	free(s->ref_cache_dir);
	free(s->pca_dir);
	free(s->resume_dir);
	free(s->storage_backend);
	free(s->storage_root);
	free(s->minio_endpoint);
	free(s->minio_bucket);
	free(s->minio_access_key);
	free(s->minio_secret_key);
	free(s->warnings);
	*s = (struct settings){0};
}

struct artifact_config settings_artifact_config(const struct settings *s)
{
	return (struct artifact_config){
		.backend = s->storage_backend,
		.root = s->storage_root,
		.endpoint = s->minio_endpoint,
		.bucket = s->minio_bucket,
		.access_key = s->minio_access_key,
		.secret_key = s->minio_secret_key,
		.secure = s->minio_secure,
		.retry_s = (unsigned)s->minio_retry_s,
	};
}
