/* Environment variables of a job: defaults, who overrides whom, what paths mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/text.h"
#include "pipeline/job/problems.h"
#include "pipeline/job/settings.h"

extern char **environ;

static struct settings s;
static struct problems p;
static struct err err;

/* No PROTEA_ variable of the shell that runs the tests may be seen. */
static int clean(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; environ[i];) {
		size_t n = strcspn(environ[i], "=");
		char name[256];

		if (strncmp(environ[i], "PROTEA_", 7) != 0 || n >= sizeof name) {
			i++;
			continue;
		}
		memcpy(name, environ[i], n);
		name[n] = '\0';
		unsetenv(name);
		i = 0;
	}
	setenv("HOME", "/home/me", 1);
	s = (struct settings){0};
	p = (struct problems)PROBLEMS_INIT;
	err = (struct err)ERR_INIT;
	return 0;
}

static int release(void **state)
{
	(void)state;
	settings_release(&s);
	problems_release(&p);
	return 0;
}

/* Loads with the job file's `environment` (JSON text; NULL: none) in folder /job. */
static void load(const char *environment)
{
	json_t *object =
		environment ? json_parse("env", environment, strlen(environment), &err) : NULL;

	assert_true(!environment || object);
	assert_int_equal(settings_load(&s, object, environment ? "/job" : NULL, &p, &err), 0);
	json_decref(object);
}

static void defaults_are_those_of_the_spec(void **state)
{
	(void)state;
	load(NULL);
	assert_null(s.base_dir);
	assert_null(s.anc2vec_path);
	assert_null(s.interpro_path);
	assert_string_equal(s.taxonomy_path, "/home/me/.etetoolkit/taxa.sqlite");
	assert_null(s.align_cache_dir);
	assert_null(s.ref_cache_dir);
	assert_null(s.pca_dir);
	assert_string_equal(s.resume_dir, "storage/export_resume");
	assert_string_equal(s.storage_backend, "local");
	assert_string_equal(s.storage_root, "storage/evaluation_artifacts");
	assert_null(s.minio_endpoint);
	assert_string_equal(s.minio_bucket, "protea");
	assert_null(s.minio_access_key);
	assert_null(s.minio_secret_key);
	assert_int_equal(s.minio_secure, 0);
	assert_int_equal(s.workers, 1);
	assert_int_equal(s.query_chunk, 500);
	assert_int_equal(s.schema_sha_v2, 0);
	assert_int_equal(s.heartbeat_s, 30);
	assert_int_equal(s.look_s, 2);
	assert_int_equal(s.minio_retry_s, 120);
	assert_null(s.warnings);
	assert_int_equal(p.count, 0);
}

static void the_job_file_overrides_the_process(void **state)
{
	(void)state;
	setenv("PROTEA_PAIR_FEATURE_WORKERS", "3", 1);
	setenv("PROTEA_ANC2VEC_PATH", "outer.npz", 1);
	setenv("PROTEA_INTERPRO_GO_PRED_PATH", "ip.tsv", 1);
	setenv("PROTEA_ALIGN_CACHE_DIR", "cache", 1);
	load("{\"PROTEA_ANC2VEC_PATH\": \"inner.npz\", \"PROTEA_ALIGN_CACHE_DIR\": \" \"}");
	assert_int_equal(s.workers, 3);
	assert_string_equal(s.anc2vec_path, "/job/inner.npz");
	assert_string_equal(s.interpro_path, "ip.tsv"); /* as the process knows it */
	assert_null(s.align_cache_dir);                 /* blank switches off */
	assert_string_equal(s.base_dir, "/job");
}

static void paths_know_home_and_the_job_folder(void **state)
{
	(void)state;
	load("{\"PROTEA_TAXONOMY_PATH\": \"~/tax\", \"PROTEA_STORAGE_ROOT\": \"out\","
	     " \"PROTEA_EXPORT_RESUME_DIR\": \"/abs\", \"PROTEA_REF_CACHE_DIR\": \"ref\","
	     " \"PROTEA_PCA_ARTIFACTS_DIR\": \"../pca\"}");
	assert_string_equal(s.taxonomy_path, "/home/me/tax");
	assert_string_equal(s.storage_root, "/job/out");
	assert_string_equal(s.resume_dir, "/abs");
	assert_string_equal(s.ref_cache_dir, "/job/ref");
	assert_string_equal(s.pca_dir, "/job/../pca");
}

static void blank_means_unset(void **state)
{
	(void)state;
	setenv("PROTEA_ANC2VEC_PATH", " \t", 1);
	setenv("PROTEA_METHOD_ANC2VEC_PATH", "second.npz", 1);
	setenv("PROTEA_TAXONOMY_PATH", "", 1);
	setenv("PROTEA_MINIO_BUCKET", " ", 1);
	setenv("PROTEA_PAIR_FEATURE_WORKERS", "", 1);
	load(NULL);
	assert_string_equal(s.anc2vec_path, "second.npz");
	assert_string_equal(s.taxonomy_path, "/home/me/.etetoolkit/taxa.sqlite");
	assert_string_equal(s.minio_bucket, "protea");
	assert_int_equal(s.workers, 1);
	assert_null(s.warnings);
}

static void the_storage_root_has_two_names(void **state)
{
	(void)state;
	setenv("PROTEA_ARTIFACTS_DIR", "artifacts", 1);
	load(NULL);
	assert_string_equal(s.storage_root, "artifacts");
	settings_release(&s);
	setenv("PROTEA_STORAGE_ROOT", "root", 1);
	load(NULL);
	assert_string_equal(s.storage_root, "root");
}

static void the_query_chunk_has_two_names(void **state)
{
	(void)state;
	setenv("PROTEA_TUNING__OPERATION__NUMPY_QUERY_CHUNK", "100", 1);
	load(NULL);
	assert_int_equal(s.query_chunk, 100);
	settings_release(&s);
	setenv("PROTEA_METHOD_NUMPY_QUERY_CHUNK", "7", 1);
	load(NULL);
	assert_int_equal(s.query_chunk, 7);
}

static void fetch_sizes_of_the_original_are_taken_in_silence(void **state)
{
	(void)state;
	setenv("PROTEA_TUNING__OPERATION__STREAM_CHUNK_SIZE", "many", 1);
	setenv("PROTEA_TUNING__OPERATION__ANNOTATION_CHUNK_SIZE", "0", 1);
	load("{\"PROTEA_TUNING__OPERATION__STREAM_CHUNK_SIZE\": \"2000\","
	     " \"PROTEA_TUNING__OPERATION__ANNOTATION_CHUNK_SIZE\": \"10000\","
	     " \"PROTEA_TUNING__OPERATION__NUMPY_QUERY_CHUNK\": \"50\","
	     " \"PROTEA_EXPORT_MINIJOBS\": \"1\"}");
	assert_int_equal(s.query_chunk, 50);
	assert_null(s.warnings);
	assert_int_equal(p.count, 0);
}

static void numbers_are_strict_but_forgiving(void **state)
{
	static const struct {
		const char *text;
		int workers, warned;
	} cases[] = {
		{"4", 4, 0},       {" 4 ", 4, 0},     {"0", 1, 0},
		{"-5", 1, 0},      {"four", 1, 1},    {"4.5", 1, 1},
		{"4x", 1, 1},      {"0x10", 1, 1},    {"+2", 2, 0},
		{"4096", 4096, 0}, {"4097", 4096, 1}, {"99999999999999999999", 4096, 1},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		setenv("PROTEA_PAIR_FEATURE_WORKERS", cases[i].text, 1);
		load(NULL);
		assert_int_equal(s.workers, cases[i].workers);
		assert_int_equal(s.warnings != NULL, cases[i].warned);
		if (s.warnings)
			assert_non_null(strstr(s.warnings, "PROTEA_PAIR_FEATURE_WORKERS"));
		settings_release(&s);
	}
	assert_int_equal(p.count, 0);
}

static void a_jobs_signs_of_life_have_their_times(void **state)
{
	(void)state;
	setenv("PROTEA_JOB_HEARTBEAT_INTERVAL_SECONDS", "7", 1);
	setenv("PROTEA_JOB_LOOK_INTERVAL_SECONDS", "3600", 1);
	setenv("PROTEA_JOB_LEASE_SECONDS", "60", 1);
	load(NULL);
	assert_int_equal(s.heartbeat_s, 7);
	assert_int_equal(s.look_s, 3600);
	assert_int_equal(s.lease_s, 60);
	assert_null(s.warnings);
}

static void truth_has_four_words(void **state)
{
	static const char *const yes[] = {"1", "true", "YES", " On "};
	static const char *const no[] = {"0", "false", "off", "2", "y"};
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		setenv("PROTEA_MINIO_SECURE", yes[i], 1);
		setenv("PROTEA_SCHEMA_SHA_V2_WRITE_ENABLED", yes[i], 1);
		load(NULL);
		assert_int_equal(s.minio_secure, 1);
		assert_int_equal(s.schema_sha_v2, 1);
		settings_release(&s);
	}
	for (i = 0; i < 5; i++) {
		setenv("PROTEA_MINIO_SECURE", no[i], 1);
		load(NULL);
		assert_int_equal(s.minio_secure, 0);
		settings_release(&s);
	}
}

static void the_store_gets_what_was_set(void **state)
{
	struct artifact_config c;

	(void)state;
	load("{\"PROTEA_STORAGE_BACKEND\": \"MinIO\", \"PROTEA_MINIO_ENDPOINT\": \"host:9000\","
	     " \"PROTEA_MINIO_BUCKET\": \"b\", \"PROTEA_MINIO_ACCESS_KEY\": \"ak\","
	     " \"PROTEA_MINIO_SECRET_KEY\": \"sk\", \"PROTEA_MINIO_SECURE\": \"yes\"}");
	c = settings_artifact_config(&s);
	assert_string_equal(c.backend, "MinIO");
	assert_string_equal(c.endpoint, "host:9000");
	assert_string_equal(c.bucket, "b");
	assert_string_equal(c.access_key, "ak");
	assert_string_equal(c.secret_key, "sk");
	assert_int_equal(c.secure, 1);
	assert_int_equal(c.retry_s, 120);
	assert_null(c.region);
	assert_string_equal(c.root, "storage/evaluation_artifacts");
}

static void unknown_names_in_a_job_file_are_remarks(void **state)
{
	(void)state;
	setenv("PROTEA_OF_SOMEBODY_ELSE", "x", 1);
	load("{\"PROTEA_ANC2VECPATH\": \"x\", \"PROTEA_DB_URL\": \"x\", \"OMP_NUM_THREADS\": \"2\","
	     " \"PROTEA_PROF_STORE\": \"x\", \"PROTEA_EXPORT_MINIJOBS\": \"1\"}");
	assert_string_equal(s.warnings,
			    "PROTEA_ANC2VECPATH in the job file is no variable of this program; "
			    "OMP_NUM_THREADS in the job file has no effect; set it outside");
	assert_int_equal(p.count, 0);
}

static void values_that_are_no_strings_are_problems(void **state)
{
	(void)state;
	load("{\"PROTEA_PAIR_FEATURE_WORKERS\": 4, \"PROTEA_MINIO_SECURE\": true}");
	assert_int_equal(p.count, 2);
	assert_int_equal(p.list[0].code, ERR_ARG);
	assert_string_equal(p.list[0].text,
			    "environment.PROTEA_PAIR_FEATURE_WORKERS: must be a string (put it in "
			    "quotes)");
	assert_int_equal(s.workers, 1);
}

static void an_environment_that_is_no_object_is_a_problem(void **state)
{
	(void)state;
	load("[\"PROTEA_MINIO_SECURE\"]");
	assert_int_equal(p.count, 1);
	assert_non_null(strstr(p.list[0].text, "environment: must be a JSON object"));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, clean, release)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(defaults_are_those_of_the_spec),
		CASE(the_job_file_overrides_the_process),
		CASE(paths_know_home_and_the_job_folder),
		CASE(blank_means_unset),
		CASE(the_storage_root_has_two_names),
		CASE(the_query_chunk_has_two_names),
		CASE(fetch_sizes_of_the_original_are_taken_in_silence),
		CASE(numbers_are_strict_but_forgiving),
		CASE(a_jobs_signs_of_life_have_their_times),
		CASE(truth_has_four_words),
		CASE(the_store_gets_what_was_set),
		CASE(unknown_names_in_a_job_file_are_remarks),
		CASE(values_that_are_no_strings_are_problems),
		CASE(an_environment_that_is_no_object_is_a_problem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
