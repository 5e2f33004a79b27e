/* What the files of tables.h share and nobody else sees. */
#ifndef HEAP_TABLES_INTERNAL_H
#define HEAP_TABLES_INTERNAL_H

#include "prof/heap/tables.h"

enum heap_part { HEAP_PART_HEAD, HEAP_PART_THREADS, HEAP_PART_SITES, HEAP_PART_STACKS, HEAP_PARTS };

/* Memory under the first `bytes` of a part: 0; -1: there is none. Lock-free, signal-safe. */
int heap_file_room(struct heap_head *head, enum heap_part part, uint64_t bytes);

/* own.c: all that is noted goes into a new file. */
void heap_own_note_all(struct heap_head *head);
/* stacks.c: which stacks are known is forgotten. */
void heap_stacks_drop(struct heap_head *head);

#endif
