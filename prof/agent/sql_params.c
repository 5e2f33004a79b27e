/* What goes into a statement and what comes back: parameters, hashed or, if that is asked for, as text; results,
 * counted by libpq's own functions. */
#include <string.h>

#include "prof/agent/sql.h"

#define VALUES_SEEN 256 /* of a result are measured one by one; of more, so many evenly spread */

static uint64_t one_value(const struct sql_params *p, int i, uint64_t seed, uint64_t *bytes)
{
	const char *v = p->values[i];
	int binary = p->formats && p->formats[i] && p->lengths;
	size_t len;

	if (!v)
		return sqlnorm_hash("", 0, seed + 2);
	len = binary ? (size_t)(p->lengths[i] > 0 ? p->lengths[i] : 0) : sql_length(v);
	*bytes += len;
	return sqlnorm_hash(v, len, seed + 1);
}

uint64_t sql_params_hash(const struct sql_params *p, uint64_t seed, uint64_t *bytes)
{
	for (int i = 0; p->values && i < p->n; i++)
		seed = one_value(p, i, seed, bytes);
	return seed;
}

uint32_t sql_example_text(char *out, const char *sql, const struct sql_params *p)
{
	uint32_t n = 0;

	if (sql) {
		n = (uint32_t)strnlen(sql, SQL_EXAMPLE_MAX);
		memcpy(out, sql, n);
		return n;
	}
	for (int i = 0; p->values && i < p->n && n + 8 < SQL_EXAMPLE_MAX; i++) {
		const char *v = p->values[i];
		int binary = p->formats && p->formats[i];
		size_t room = SQL_EXAMPLE_MAX - n - 8, len;

		if (i) {
			memcpy(out + n, ", ", 2);
			n += 2;
		}
		if (!v || binary) {
			memcpy(out + n, v ? "\\x.." : "NULL", 4);
			n += 4;
			continue;
		}
		len = strnlen(v, room - 4);
		out[n++] = '\'';
		memcpy(out + n, v, len);
		n += (uint32_t)len;
		out[n++] = '\'';
	}
	return n;
}

static uint64_t bytes_of(const struct sql_lib *lib, const void *result, int rows, int columns)
{
	uint64_t values = (uint64_t)rows * (uint64_t)columns, sum = 0;
	uint64_t seen = values < VALUES_SEEN ? values : VALUES_SEEN;

	if (rows <= 0 || columns <= 0)
		return 0;
	for (uint64_t i = 0; i < seen; i++) {
		uint64_t v = values <= VALUES_SEEN ? i : i * values / VALUES_SEEN;
		int n = lib->PQgetlength(result, (int)(v / (uint64_t)columns),
					 (int)(v % (uint64_t)columns));

		sum += n > 0 ? (uint64_t)n : 0;
	}
	return values <= VALUES_SEEN ? sum
				     : (uint64_t)((double)sum / (double)seen * (double)values);
}

static uint64_t number_in(const char *s)
{
	uint64_t n = 0;

	for (; s && *s >= '0' && *s <= '9'; s++)
		n = n * 10 + (uint64_t)(*s - '0');
	return n;
}

void sql_result_add(struct sql_call *c, const struct sql_lib *lib, void *result)
{
	int rows;

	c->answered = 1;
	if (!result) {
		c->failed = 1;
		return;
	}
	switch (lib->PQresultStatus(result)) {
	case PQ_COMMAND_OK:
		c->rows += number_in(lib->PQcmdTuples(result));
		break;
	case PQ_TUPLES_OK:
	case PQ_SINGLE_TUPLE:
	case PQ_TUPLES_CHUNK:
		rows = lib->PQntuples(result);
		c->rows += rows > 0 ? (uint64_t)rows : 0;
		c->received += bytes_of(lib, result, rows, lib->PQnfields(result));
		break;
	case PQ_BAD_RESPONSE:
	case PQ_FATAL:
	case PQ_PIPELINE_ABORTED:
		c->failed = 1;
		break;
	default:
		break;
	}
}
