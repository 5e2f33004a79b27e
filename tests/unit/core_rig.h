/* Core files made by hand, and one of this very process: its stack, what the dynamic linker keeps, first pages of its
 * files, notes as the kernel writes them. */
#ifndef TESTS_CORE_RIG_H
#define TESTS_CORE_RIG_H

#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/procfs.h>
#include <ucontext.h>
#include <unistd.h>

#include "prof/attach/core.h"
#include "prof/attach/core_file.h"
#include "prof/base/buf.h"

#define CORE_RIG_LOADS 4096 /* a sanitizer maps much */

struct core_rig {
	Elf64_Phdr ph[CORE_RIG_LOADS]; /* [0]: the notes */
	void *bytes[CORE_RIG_LOADS];   /* owned */
	uint32_t n;
	struct buf notes, out;
	uint16_t machine, type;
	uint8_t class;
	int whole; /* mappings of files are dumped too, as by coredump_filter 0x7f */
	int many; /* the number of program headers is told by a section header, as of more than 65,534 */
};

static inline void core_rig_init(struct core_rig *r)
{
	memset(r, 0, sizeof *r);
	r->n = 1;
	r->ph[0].p_type = PT_NOTE;
	r->machine = EM_X86_64;
	r->type = ET_CORE;
	r->class = ELFCLASS64;
	buf_init(&r->notes, BUF_NO_LIMIT);
	buf_init(&r->out, BUF_NO_LIMIT);
}

static inline void core_rig_release(struct core_rig *r)
{
	for (uint32_t i = 0; i < r->n; i++)
		free(r->bytes[i]);
	buf_release(&r->notes);
	buf_release(&r->out);
}

static inline void core_rig_note(struct core_rig *r, uint32_t type, const void *desc, size_t n)
{
	static const char zero[4];
	Elf64_Nhdr head = {5, (uint32_t)n, type};

	buf_put(&r->notes, &head, sizeof head);
	buf_put(&r->notes, "CORE\0\0\0", 8);
	buf_put(&r->notes, desc, n);
	buf_put(&r->notes, zero, -n & 3);
}

/* `bytes` is copied; `filesz` of `memsz` are dumped. */
static inline void core_rig_load(struct core_rig *r, uint64_t start, uint64_t memsz, uint32_t flags,
				 const void *bytes, size_t filesz)
{
	uint32_t i = r->n++;

	if (i >= CORE_RIG_LOADS)
		abort();
	r->ph[i] = (Elf64_Phdr){.p_type = PT_LOAD,
				.p_flags = flags,
				.p_vaddr = start,
				.p_filesz = filesz,
				.p_memsz = memsz};
	r->bytes[i] = malloc(filesz ? filesz : 1);
	memcpy(r->bytes[i], bytes, filesz);
}

static inline void core_rig_thread(struct core_rig *r, int tid, int sig,
				   const uint64_t reg[CORE_REGS], int64_t cpu_us)
{
	struct elf_prstatus s = {0};

	s.pr_pid = tid;
	s.pr_cursig = (short)sig;
	s.pr_utime.tv_sec = cpu_us / 1000000;
	s.pr_utime.tv_usec = cpu_us % 1000000;
	memcpy(&s.pr_reg, reg, sizeof s.pr_reg);
	core_rig_note(r, NT_PRSTATUS, &s, sizeof s);
}

static inline void core_rig_process(struct core_rig *r, int pid, const char *name, const char *args)
{
	struct elf_prpsinfo s = {.pr_sname = 'R', .pr_pid = pid};

	memcpy(s.pr_fname, name, strnlen(name, sizeof s.pr_fname));
	memcpy(s.pr_psargs, args, strnlen(args, sizeof s.pr_psargs));
	core_rig_note(r, NT_PRPSINFO, &s, sizeof s);
}

static inline void core_rig_siginfo(struct core_rig *r, int sig, int code, uint64_t address)
{
	siginfo_t s;

	memset(&s, 0, sizeof s);
	s.si_signo = sig;
	s.si_code = code;
	if (code > 0)
		s.si_addr = (void *)(uintptr_t)address;
	else
		s.si_pid = (int)address;
	core_rig_note(r, NT_SIGINFO, &s, sizeof s);
}

/* The file: header, program headers, notes, segments. */
static inline void core_rig_finish(struct core_rig *r)
{
	Elf64_Ehdr eh = {.e_type = r->type,
			 .e_machine = r->machine,
			 .e_version = EV_CURRENT,
			 .e_phoff = sizeof eh,
			 .e_ehsize = sizeof eh,
			 .e_phentsize = sizeof(Elf64_Phdr),
			 .e_phnum = (uint16_t)r->n};
	uint64_t at = sizeof eh + r->n * sizeof(Elf64_Phdr);
	Elf64_Shdr first = {.sh_info = r->n};

	memcpy(eh.e_ident, ELFMAG, SELFMAG);
	eh.e_ident[EI_CLASS] = r->class;
	eh.e_ident[EI_DATA] = ELFDATA2LSB;
	eh.e_ident[EI_VERSION] = EV_CURRENT;
	if (r->many) {
		eh.e_phnum = PN_XNUM;
		eh.e_shoff = at;
		eh.e_shnum = 1;
		eh.e_shentsize = sizeof first;
		at += sizeof first;
	}
	r->ph[0].p_filesz = r->notes.len;
	for (uint32_t i = 0; i < r->n; i++) {
		r->ph[i].p_offset = at;
		at += r->ph[i].p_filesz;
	}
	buf_clear(&r->out);
	buf_put(&r->out, &eh, sizeof eh);
	buf_put(&r->out, r->ph, r->n * sizeof(Elf64_Phdr));
	if (r->many)
		buf_put(&r->out, &first, sizeof first);
	buf_put(&r->out, r->notes.data, r->notes.len);
	for (uint32_t i = 1; i < r->n; i++)
		buf_put(&r->out, r->bytes[i], r->ph[i].p_filesz);
	if (buf_failed(&r->out))
		abort();
}

/* ---- of this process ---- */

struct core_rig_files { /* NT_FILE in the making */
	struct buf rows, paths;
	uint64_t n;
};

static inline void core_rig_file(struct core_rig_files *f, uint64_t start, uint64_t end,
				 uint64_t offset, const char *path)
{
	buf_put_u64(&f->rows, start);
	buf_put_u64(&f->rows, end);
	buf_put_u64(&f->rows, offset / 4096);
	buf_put(&f->paths, path, strlen(path) + 1);
	f->n++;
}

static inline void core_rig_note_files(struct core_rig *r, struct core_rig_files *f)
{
	struct buf all = BUF_INIT;

	buf_put_u64(&all, f->n);
	buf_put_u64(&all, 4096);
	buf_put(&all, f->rows.data, f->rows.len);
	buf_put(&all, f->paths.data, f->paths.len);
	core_rig_note(r, NT_FILE, all.data, all.len);
	buf_release(&all);
	buf_release(&f->rows);
	buf_release(&f->paths);
}

#define CORE_RIG_RELRO (1u << 20) /* more than any has here */

/* What a kernel dumps of a mapping: what was written to (the linker protects some of it later), the vDSO, the first
 * page of ELF files. */
static inline size_t core_rig_dumped(int fd, const char *path, const char *rights, uint64_t start,
				     uint64_t end, uint64_t offset, uint64_t sp)
{
	char magic[4] = "";

	if (strcmp(path, "[vdso]") == 0 || (sp >= start && sp < end))
		return end - start;
	if (strcmp(rights, "r--p") == 0 && offset && end - start <= CORE_RIG_RELRO)
		return end - start;
	if (rights[1] == 'w')
		return end - start;
	if (path[0] == '/' && offset == 0 && pread(fd, magic, 4, (off_t)start) == 4 &&
	    memcmp(magic, ELFMAG, SELFMAG) == 0)
		return 4096;
	return 0;
}

/* Of the mapping [start, end) what was read of its first `n` bytes. */
static inline void core_rig_copy(struct core_rig *r, int fd, uint64_t start, uint64_t end,
				 uint32_t flags, size_t n)
{
	uint8_t *bytes = malloc(n ? n : 1);
	ssize_t got = pread(fd, bytes, n, (off_t)start);

	core_rig_load(r, start, end - start, flags, bytes, got > 0 ? (size_t)got : 0);
	free(bytes);
}

/* Large ones (a sanitizer's, which the kernel may have joined with the linker's) at both ends only. */
#define CORE_RIG_LARGE ((uint64_t)4 << 20)
#define CORE_RIG_ENDS  ((uint64_t)256 << 10)

static inline void core_rig_pieces(struct core_rig *r, int fd, uint64_t start, uint64_t end,
				   uint32_t flags, size_t n)
{
	if (n < CORE_RIG_LARGE || !(flags & PF_W)) {
		core_rig_copy(r, fd, start, end, flags, n);
		return;
	}
	core_rig_copy(r, fd, start, start + CORE_RIG_ENDS, flags, CORE_RIG_ENDS);
	core_rig_copy(r, fd, start + CORE_RIG_ENDS, end - CORE_RIG_ENDS, flags, 0);
	core_rig_copy(r, fd, end - CORE_RIG_ENDS, end, flags, CORE_RIG_ENDS);
}

/* Maps of this process from the stack pointer `sp` on; NT_FILE only with `list`. */
static inline void core_rig_maps(struct core_rig *r, uint64_t sp, int list)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	struct core_rig_files files = {BUF_INIT, BUF_INIT, 0};
	char line[4400], path[4096], rights[5];

	if (!maps || fd < 0)
		abort();
	while (fgets(line, sizeof line, maps)) {
		unsigned long start, end, offset;
		uint32_t flags;
		size_t n;

		path[0] = '\0';
		if (sscanf(line, "%lx-%lx %4s %lx %*s %*s %4095[^\n]", &start, &end, rights,
			   &offset, path) < 4)
			abort();
		memmove(path, path + strspn(path, " "), strlen(path + strspn(path, " ")) + 1);
		if (path[0] == '/')
			core_rig_file(&files, start, end, offset, path);
		if (sp >= start && sp < end)
			start = sp & ~(uint64_t)4095;
		flags = (rights[0] == 'r' ? PF_R : 0u) | (rights[1] == 'w' ? PF_W : 0u) |
			(rights[2] == 'x' ? PF_X : 0u);
		n = core_rig_dumped(fd, path, rights, start, end, offset, sp);
		if (r->whole && path[0] == '/')
			n = end - start;
		if (start < UINT64_C(1) << 47)
			core_rig_pieces(r, fd, start, end, flags, n);
	}
	fclose(maps);
	close(fd);
	if (list)
		core_rig_note_files(r, &files);
	buf_release(&files.rows);
	buf_release(&files.paths);
}

static inline void core_rig_auxv(struct core_rig *r)
{
	char bytes[4096];
	int fd = open("/proc/self/auxv", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, bytes, sizeof bytes);

	close(fd);
	core_rig_note(r, NT_AUXV, bytes, n > 0 ? (size_t)n : 0);
}

static inline void core_rig_regs(uint64_t reg[CORE_REGS], const ucontext_t *uc)
{
	static const int from[CORE_REGS] = {
		[CORE_R15] = REG_R15, [CORE_R14] = REG_R14, [CORE_R13] = REG_R13,
		[CORE_R12] = REG_R12, [CORE_BP] = REG_RBP,  [CORE_BX] = REG_RBX,
		[CORE_R11] = REG_R11, [CORE_R10] = REG_R10, [CORE_R9] = REG_R9,
		[CORE_R8] = REG_R8,   [CORE_AX] = REG_RAX,  [CORE_CX] = REG_RCX,
		[CORE_DX] = REG_RDX,  [CORE_SI] = REG_RSI,  [CORE_DI] = REG_RDI,
		[CORE_IP] = REG_RIP,  [CORE_SP] = REG_RSP};

	memset(reg, 0, CORE_REGS * sizeof *reg);
	for (int i = 0; i < CORE_REGS; i++)
		if (i < CORE_ORIG_AX || i == CORE_IP || i == CORE_SP)
			reg[i] = (uint64_t)uc->uc_mcontext.gregs[from[i]];
	reg[CORE_ORIG_AX] = UINT64_MAX;
	reg[CORE_CS] = 0x33;
}

#endif
