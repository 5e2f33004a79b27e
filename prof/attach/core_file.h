/* What an ELF core file says: segments, mapped files, threads, the process. Every offset is checked; a file that was
 * cut off gives what is there. Pointers are into the file's bytes. Private to core*.c. Foreign bytes. */
#ifndef ATTACH_CORE_FILE_H
#define ATTACH_CORE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

/* Places of registers in an elf_gregset_t (struct user_regs_struct of <sys/user.h>). */
enum {
	CORE_R15,
	CORE_R14,
	CORE_R13,
	CORE_R12,
	CORE_BP,
	CORE_BX,
	CORE_R11,
	CORE_R10,
	CORE_R9,
	CORE_R8,
	CORE_AX,
	CORE_CX,
	CORE_DX,
	CORE_SI,
	CORE_DI,
	CORE_ORIG_AX,
	CORE_IP,
	CORE_CS,
	CORE_FLAGS,
	CORE_SP,
	CORE_SS,
	CORE_REGS = 27
};

struct core_segment {        /* PT_LOAD */
	uint64_t start, end; /* in the process */
	uint64_t size;       /* bytes of it that are in the file */
	const uint8_t *bytes;
	int executable;
};

struct core_mapping { /* of a file, by NT_FILE */
	uint64_t start, end, offset;
	const char *path; /* NUL-terminated */
};

struct core_thread {
	int tid;
	int signal; /* it was ended by, or being handled; 0: none */
	int64_t cpu_ns;
	uint64_t reg[CORE_REGS];
	int has_info;    /* the three below */
	int info_signal; /* siginfo_t */
	int info_code;
	uint64_t info_address; /* the fault, or who sent it */
};

struct core_file {
	const uint8_t *bytes; /* borrowed */
	size_t len;
	struct core_segment *segments; /* owned, by start */
	struct core_mapping *mappings; /* owned, by start */
	struct core_thread *threads;   /* owned, in the file's order */
	uint32_t n_segments, n_mappings, n_threads, cap_threads;
	int pid;
	char state;                                /* letter, of NT_PRPSINFO; 0: none */
	char name[17], arguments[81];              /* comm; the first bytes of the command */
	uint64_t vdso, phdr, phnum, entry, execfn; /* NT_AUXV, 0: not told */
	uint64_t missing; /* bytes that the headers promise and the file lacks */
	char **texts;     /* owned, each too: paths that core_links_read() found */
	uint32_t n_texts;
};

/* `name` is for messages. Zeroed and released on failure: ERR_FORMAT (no core, nothing left of its notes),
 * ERR_UNSUPPORTED, ERR_NOMEM. */
int core_file_parse(struct core_file *f, const void *bytes, size_t len, const char *name,
		    struct err *err);
void core_file_release(struct core_file *f);

/* Puts mappings into their order, which the searches below need. */
void core_file_sort(struct core_file *f);
/* core_links.c: of a core without NT_FILE, what the dynamic linker knew becomes mappings. 0 or ERR_NOMEM. */
int core_links_read(struct core_file *f, const char *sysroot, struct err *err);

/* The segment that holds the address, or NULL. */
const struct core_segment *core_file_segment(const struct core_file *f, uint64_t address);
const struct core_mapping *core_file_mapping(const struct core_file *f, uint64_t address);

#endif
