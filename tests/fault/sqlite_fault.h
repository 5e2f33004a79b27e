/* SQLite allocates inside its shared library, where the twins' wrappers do not reach: this makes it
 * allocate through functions of the test, which are wrapped. (core/json does the same for jansson.) */
#ifndef TESTS_SQLITE_FAULT_H
#define TESTS_SQLITE_FAULT_H

#include <sqlite3.h>
#include <stdlib.h>

void *__real_malloc(size_t n);
void *__real_realloc(void *p, size_t n);

/* 0: SQLite's allocations succeed and are not counted, so that only our own fail. */
static int sqlite_fault_on = 1;

/* SQLite asks for the size of a block, so each has it in front. 16: malloc's alignment. */
#define SQLITE_FAULT_HEAD 16

static void *sqlite_fault_malloc(int n)
{
	size_t size = (size_t)n + SQLITE_FAULT_HEAD;
	char *block = sqlite_fault_on ? malloc(size) : __real_malloc(size);

	if (!block)
		return NULL;
	*(int *)(void *)block = n;
	return block + SQLITE_FAULT_HEAD;
}

static void sqlite_fault_free(void *p)
{
	if (p)
		free((char *)p - SQLITE_FAULT_HEAD);
}

static void *sqlite_fault_realloc(void *p, int n)
{
	size_t size = (size_t)n + SQLITE_FAULT_HEAD;
	char *block = p ? (char *)p - SQLITE_FAULT_HEAD : NULL;

	block = sqlite_fault_on ? realloc(block, size) : __real_realloc(block, size);
	if (!block)
		return NULL;
	*(int *)(void *)block = n;
	return block + SQLITE_FAULT_HEAD;
}

static int sqlite_fault_size(void *p)
{
	return p ? *(int *)(void *)((char *)p - SQLITE_FAULT_HEAD) : 0;
}

static int sqlite_fault_roundup(int n)
{
	return (n + 7) & ~7;
}

static int sqlite_fault_init(void *data)
{
	(void)data;
	return SQLITE_OK;
}

static void sqlite_fault_shutdown(void *data)
{
	(void)data;
}

/* Before any other use of SQLite. */
static inline void sqlite_fault_install(void)
{
	static const sqlite3_mem_methods methods = {
		sqlite_fault_malloc,  sqlite_fault_free, sqlite_fault_realloc,  sqlite_fault_size,
		sqlite_fault_roundup, sqlite_fault_init, sqlite_fault_shutdown, NULL};

	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK ||
	    sqlite3_initialize() != SQLITE_OK)
		abort();
}

#endif
