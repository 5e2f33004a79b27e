/* The stores that groups of runs come from, each opened once with the list of its runs, and what kind of file a name is. */
#ifndef CLI_GATE_STORES_H
#define CLI_GATE_STORES_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"
#include "prof/store/store.h"

struct gate_head { /* a run of a store */
	int64_t run;
	int64_t started_at; /* unix ns */
	int finished;
	char *id, *name; /* owned */
};

struct gate_store {
	char *path;              /* owned */
	struct store *store;     /* owned */
	uint64_t device, inode;  /* the same file may have two names */
	struct gate_head *heads; /* owned; newest first */
	size_t n;
};

struct gate_stores { /* {0} to begin with; opened once each, open as long as groups are read */
	struct gate_store *items;
	size_t n;
};

/* The place of the store of that path in `stores`, opened if it is not. */
int gate_store_open(struct gate_stores *stores, const char *path, size_t *place, struct err *err);
/* A store that is open already, taken over whatever becomes of it; its path is the one it was opened with. */
int gate_store_adopt(struct gate_stores *stores, struct store *own, size_t *place, struct err *err);
void gate_stores_release(struct gate_stores *stores);

enum gate_file {
	GATE_FILE_NONE,   /* no file */
	GATE_FILE_DEVICE, /* neither a regular file nor a folder */
	GATE_FILE_DENIED, /* may not be read */
	GATE_FILE_FOLDER,
	GATE_FILE_STORE,  /* SQLite: whether it is a store is found when it is opened */
	GATE_FILE_VALUES, /* kept values: gate --save */
	GATE_FILE_OTHER
};
enum gate_file gate_file_kind(const char *path);

#endif
