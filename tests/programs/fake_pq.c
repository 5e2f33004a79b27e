/* A libpq that answers at once, for tests and benchmarks of what is added to its calls: one row, one column. Built as a
 * library named libpq-fake.so, as wheels bring theirs. With FAKE_OTHER its results have two rows. */
#include <stddef.h>

struct PGconn {
	int calls;
};

struct PGresult {
	int status, rows;
};

#ifdef FAKE_OTHER
#define ROWS 2
#else
#define ROWS 1
#endif

static struct PGconn conn;
static struct PGresult result = {2, ROWS};

#define API __attribute__((visibility("default")))

API void *PQconnectdb(const char *info)
{
	(void)info;
	return &conn;
}

API int PQstatus(const void *c)
{
	return c == NULL;
}

API void PQfinish(void *c)
{
	(void)c;
}

API void *PQexec(void *c, const char *sql)
{
	((struct PGconn *)c)->calls += sql[0] != 0;
	return &result;
}

API void *PQexecParams(void *c, const char *sql, int n, const unsigned *types,
		       const char *const *values, const int *lengths, const int *formats,
		       int result_format)
{
	(void)types, (void)values, (void)lengths, (void)formats, (void)result_format;
	((struct PGconn *)c)->calls += (sql[0] != 0) + n;
	return &result;
}

API void *PQprepare(void *c, const char *name, const char *sql, int n, const unsigned *types)
{
	(void)name, (void)types;
	((struct PGconn *)c)->calls += (sql[0] != 0) + n;
	return &result;
}

API void *PQexecPrepared(void *c, const char *name, int n, const char *const *values,
			 const int *lengths, const int *formats, int result_format)
{
	(void)values, (void)lengths, (void)formats, (void)result_format;
	((struct PGconn *)c)->calls += (name[0] != 0) + n;
	return &result;
}

API void *PQgetResult(void *c)
{
	(void)c;
	return NULL;
}

API int PQresultStatus(const void *r)
{
	return ((const struct PGresult *)r)->status;
}

API int PQntuples(const void *r)
{
	return ((const struct PGresult *)r)->rows;
}

API int PQnfields(const void *r)
{
	return r != NULL;
}

API int PQgetlength(const void *r, int row, int column)
{
	return r && row >= 0 && column >= 0 ? 7 : 0;
}

API char *PQcmdTuples(void *r)
{
	static char none[] = "";

	(void)r;
	return none;
}

API void PQclear(void *r)
{
	(void)r;
}
