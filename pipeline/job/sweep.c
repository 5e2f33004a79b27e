/* Removing leftovers: see sweep.h. */
#include "pipeline/job/sweep.h"

#include "pipeline/core/fsio.h"
#include "pipeline/job/objects.h"
#include "pipeline/job/retry.h"
#include "pipeline/job/uploads.h"
#include "prof/base/buf.h"

#define OWNER_S 10 /* how long a dead process may still own the name */

static int sweep_object(const struct uploads *u, struct artifact_store *store, const char *name,
			int i, const char *scratch, struct err *err)
{
	char key[OBJECT_KEY_BYTES];
	int rc;

	object_key(name, object_names[i], key);
	rc = uploads_noted(u, key) ? artifact_exists(store, key, err) : 0;
	if (rc == 1)
		rc = uploads_ours(u, store, key, scratch, err);
	if (rc == 1)
		rc = artifact_remove(store, key, err);
	return rc < 0 && rc != ERR_NOTFOUND ? rc : 0;
}

static int sweep_store(struct uploads *u, const struct settings *settings, const char *name,
		       struct err *err)
{
	struct artifact_config config = settings_artifact_config(settings);
	struct artifact_store *store = NULL;
	struct buf scratch = BUF_INIT;
	int i, rc = buf_printf(&scratch, "%s.sweep", u->path) ? err_nomem(err, "a path") : 0;

	if (!rc)
		rc = artifact_open(&store, &config, err);
	for (i = OBJECTS - 1; !rc && i >= 0; i--)
		rc = sweep_object(u, store, name, i, buf_str(&scratch), err);
	artifact_close(store);
	buf_release(&scratch);
	if (!rc)
		uploads_end(u);
	return rc;
}

/* 1 the name is ours and nothing is registered under it, 0 it is registered. */
static int own_once(struct source *s, const char *name, int *held, struct err *err)
{
	int rc = *held ? source_check_name(s, err) : source_reserve_name(s, name, err);

	if (rc < 0)
		return rc;
	*held = 1;
	rc = source_has_dataset(s, name, err);
	return rc < 0 ? rc : !rc;
}

static int own(struct source *s, const struct settings *settings, const char *name, int *held,
	       struct err *err)
{
	struct retry database, owner;
	int rc;

	retry_begin(&database, settings->db_retry_s);
	retry_begin(&owner, *held ? 0 : OWNER_S);
	do {
		rc = own_once(s, name, held, err);
	} while (rc == ERR_EXISTS ? retry_anyway(&owner) : rc < 0 && retry_again(&database, err));
	return rc == ERR_EXISTS ? 0 : rc; /* its owner clears what is there */
}

/* A store that does not answer must not look like a database that will in a moment. */
static int out_of_reach(const struct err *why, struct err *err)
{
	if (err)
		*err = *why;
	return why->code == ERR_NETWORK ? err_set(err, ERR_IO, "%s", why->text) : why->code;
}

int sweep_leftovers(struct source *s, const struct settings *settings, const char *name, int held,
		    struct err *err)
{
	struct err why = ERR_INIT;
	int was_held = held, rc;
	struct uploads u;

	rc = uploads_open(&u, settings->resume_dir, s, name, err);
	if (rc)
		return rc;
	rc = 1;
	if (fsio_exists(u.path))
		rc = own(s, settings, name, &held, err);
	if (rc == 1 && fsio_exists(u.path))
		rc = sweep_store(&u, settings, name, &why) ? out_of_reach(&why, err) : 1;
	if (held && !was_held)
		source_release_name(s);
	uploads_close(&u);
	return rc;
}
