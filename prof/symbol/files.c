/* The files that tell of a module: see files.h. Here: the module's own file, told apart from what may
 * have taken its place since. */
#include "prof/symbol/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char deleted[] = " (deleted)";

void files_warn(struct files *f, const char *fmt, ...)
{
	va_list ap;

	if (f->warning.len)
		buf_puts(&f->warning, "; ");
	va_start(ap, fmt);
	buf_vprintf(&f->warning, fmt, ap);
	va_end(ap);
}

int files_has_debug(const struct elf_file *f)
{
	struct elf_section s;

	return (elf_section_named(f, ".debug_info", &s) && s.data && s.size) ||
	       (elf_section_named(f, ".zdebug_info", &s) && s.data && s.size);
}

int files_has_symtab(const struct elf_file *f)
{
	struct elf_section s;

	return elf_section_named(f, ".symtab", &s) && s.data && s.size;
}

const struct elf_file *files_dwarf(const struct files *f)
{
	if (f->have_main && files_has_debug(&f->main))
		return &f->main;
	if (f->have_debug && files_has_debug(&f->debug))
		return &f->debug;
	return NULL;
}

/* Is it the file that was mapped? Without a recorded id there is no telling, but a file whose path was
 * told as deleted is surely another. */
static int belongs(const struct files *f, const struct elf_file *elf, const char *recorded,
		   int gone)
{
	char id[ELF_BUILD_ID_HEX];

	if (!recorded[0])
		return !gone;
	(void)f;
	return elf_build_id(elf, id) && !strcmp(id, recorded);
}

enum { TRY_ABSENT, TRY_TAKEN, TRY_OTHER, TRY_BAD };

static int try_main(struct files *f, const char *path, const char *recorded, int gone,
		    struct err *err)
{
	struct elf_file elf;
	int rc = elf_open(&elf, path, err);

	if (rc == ERR_IO)
		return TRY_ABSENT;
	if (rc < 0)
		return TRY_BAD;
	if (!belongs(f, &elf, recorded, gone)) {
		elf_close(&elf);
		return TRY_OTHER;
	}
	f->main = elf;
	f->have_main = 1;
	snprintf(f->main_path, sizeof f->main_path, "%s", path);
	return TRY_TAKEN;
}

/* The file at hand, under the name that its debug files are looked for by. */
static int open_given(struct files *f, const struct symbol_module *module, const char *path)
{
	if (!module->file || try_main(f, module->file, f->build_id, 0, NULL) != TRY_TAKEN)
		return 0;
	snprintf(f->main_path, sizeof f->main_path, "%s", path);
	return 1;
}

/* Does what a link of the process leads to differ from what ours does? */
static int differs(int64_t pid, const char *link)
{
	char path[64], own[64];
	struct stat ours, theirs;

	snprintf(path, sizeof path, "/proc/%lld/%s", (long long)pid, link);
	snprintf(own, sizeof own, "/proc/self/%s", link);
	return stat(path, &theirs) == 0 && stat(own, &ours) == 0 &&
	       (theirs.st_dev != ours.st_dev || theirs.st_ino != ours.st_ino);
}

/* Programs in containers bring their debug files along. */
static void find_root(struct files *f, const struct symbol_module *module,
		      const struct symbol_options *options)
{
	if (module->pid <= 0 || (options->sysroot && options->sysroot[0]))
		return;
	if (differs(module->pid, "ns/mnt") || differs(module->pid, "root/"))
		snprintf(f->root, sizeof f->root, "/proc/%lld/root", (long long)module->pid);
}

/* The file at hand, else the path as told, else as the process sees it if that is in a container. */
static void open_main(struct files *f, const struct symbol_module *module,
		      const struct symbol_options *options)
{
	const char *recorded = f->build_id, *root = options->sysroot ? options->sysroot : "";
	char plain[PATH_MAX], path[PATH_MAX];
	size_t n = strlen(module->path);
	struct err err = ERR_INIT;
	int gone, got;

	if (n >= sizeof plain)
		return;
	memcpy(plain, module->path, n + 1);
	gone = n >= sizeof deleted && !strcmp(plain + n - (sizeof deleted - 1), deleted);
	if (gone)
		plain[n - (sizeof deleted - 1)] = 0;
	if (snprintf(path, sizeof path, "%s%s", root, plain) >= (int)sizeof path)
		return;
	if (open_given(f, module, path))
		return;
	got = try_main(f, path, recorded, gone, &err);
	if (got != TRY_TAKEN && module->pid > 0 && !root[0] &&
	    snprintf(path, sizeof path, "/proc/%lld/root%s", (long long)module->pid, plain) <
		    (int)sizeof path &&
	    try_main(f, path, recorded, gone, NULL) == TRY_TAKEN)
		return;
	if (got == TRY_OTHER)
		files_warn(f, "%s is not the file that ran (%s); its names are not used", plain,
			   recorded[0] ? "its build id differs" : "that one was deleted");
	else if (got == TRY_ABSENT)
		files_warn(f, "%s cannot be read", plain);
	else if (got == TRY_BAD)
		files_warn(f, "%s", err.text);
}

void files_copy_id(char out[ELF_BUILD_ID_HEX], const char *id)
{
	size_t n = 0;

	for (; id && n + 1 < ELF_BUILD_ID_HEX && id[n]; n++) {
		char c = id[n] >= 'A' && id[n] <= 'F' ? (char)(id[n] - 'A' + 'a') : id[n];

		if (!strchr("0123456789abcdef", c)) {
			n = 0;
			break;
		}
		out[n] = c;
	}
	out[n] = 0;
}

int files_open(struct files *f, const struct symbol_module *module,
	       const struct symbol_options *options)
{
	struct elf_section mark;
	int rc = 0;

	memset(f, 0, sizeof *f);
	buf_init(&f->missing, 1 << 16);
	buf_init(&f->warning, 1 << 12);
	files_copy_id(f->build_id, module->build_id);
	if (!strcmp(module->path, "[vdso]") && !open_given(f, module, module->path)) {
		char id[ELF_BUILD_ID_HEX];

		f->have_main = vdso_image(&f->main);
		if (f->have_main && f->build_id[0] &&
		    !(elf_build_id(&f->main, id) && !strcmp(id, f->build_id))) {
			f->have_main = 0;
			files_warn(f, "the vDSO of another kernel ran");
		}
		return 0;
	}
	if (!f->have_main)
		open_main(f, module, options);
	if (f->have_main && !f->build_id[0])
		elf_build_id(&f->main, f->build_id);
	f->partial = f->have_main && elf_section_named(&f->main, ELF_IMAGE_MARK, &mark);
	find_root(f, module, options);
	if (!f->have_main || !files_has_debug(&f->main))
		rc = files_find_debug(f, options);
	if (rc == 0 && files_dwarf(f))
		rc = files_find_alt(f, options);
	if (rc == 0 && f->have_main && !files_has_symtab(&f->main) &&
	    !(f->have_debug && files_has_symtab(&f->debug)))
		rc = files_open_mini(f);
	return rc;
}

void files_close(struct files *f)
{
	if (f->have_main)
		elf_close(&f->main);
	if (f->have_debug)
		elf_close(&f->debug);
	if (f->have_alt)
		elf_close(&f->alt);
	if (f->have_mini)
		elf_close(&f->mini);
	free(f->mini_bytes);
	buf_release(&f->missing);
	buf_release(&f->warning);
	memset(f, 0, sizeof *f);
}
