/* What is wrong before a source is opened: see refusal.h. */
#include "pipeline/job/refusal.h"

#include "pipeline/job/context.h"
#include "pipeline/job/payload.h"
#include "pipeline/job/preflight.h"

/* A user who mends the payload should not find the next fault only then. */
static void list_the_rest(const struct settings *settings, const char *source_url,
			  struct problems *problems)
{
	struct source *source = NULL;
	struct context context;
	struct err why = ERR_INIT;

	if (source_open(&source, source_url, SOURCE_READ, &why) != 0)
		problems_add_err(problems, &why);
	context_init(&context, source, settings);
	preflight_settings(&context, problems);
	context_release(&context);
	source_close(source);
}

int refusal_check(const struct settings *settings, const char *source_url, const json_t *payload,
		  struct problems *problems, struct err *err)
{
	struct payload parsed = {0};
	int rc = payload_parse(&parsed, payload, problems, err);

	payload_release(&parsed);
	if (rc && rc != ERR_ARG)
		return rc;
	if (!problems->count)
		return problems_result(problems, err); /* none, or none could be kept */
	list_the_rest(settings, source_url, problems);
	return 1;
}
