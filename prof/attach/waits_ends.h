/* Who holds the ends of pipes and unix sockets, as far as we may look: the process's relatives first, then everybody. Lists
 * that are kept a tenth of a second, bounded in time and size. One thread. */
#ifndef ATTACH_WAITS_ENDS_H
#define ATTACH_WAITS_ENDS_H

#include <stdint.h>

#include "prof/attach/waits_words.h"

enum end_mode { END_READ = 1, END_WRITE = 2, END_SOCKET = 4 };

/* "cat 99, sh 12 and 3 more", "itself": processes that hold an end of that kind of the pipe or socket with that inode; how many.
 * 0: none is known. */
uint32_t ends_words(struct words *w, uint64_t inode, enum end_mode mode, int self_pid);

#endif
