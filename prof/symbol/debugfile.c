/* Separate debug files: by build id, by .gnu_debuglink and its checksum, from debuginfod if asked; and the
 * file that dwz made of what several share. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "prof/symbol/cursor.h"
#include "prof/symbol/files.h"

#define DEFAULT_DIRS "/usr/lib/debug"

/* The next of colon-separated folders; 0 at the end. */
static int next_dir(const char **dirs, char *out, size_t size)
{
	while (**dirs) {
		size_t n = strcspn(*dirs, ":");
		int fits = n && n < size;

		if (fits) {
			memcpy(out, *dirs, n);
			out[n] = 0;
		}
		*dirs += n + ((*dirs)[n] == ':');
		if (fits)
			return 1;
	}
	return 0;
}

static const char *dirs_of(const struct symbol_options *options)
{
	return options->debug_dirs ? options->debug_dirs : DEFAULT_DIRS;
}

static int has_id(const struct elf_file *elf, const char *id)
{
	char its[ELF_BUILD_ID_HEX];

	return elf_build_id(elf, its) && !strcmp(its, id);
}

/* Notes a path whose appearance would tell more; one that is there already told nothing. Below a process's
 * root a path means nothing to others. */
static void miss(struct buf *missing, const char *path)
{
	if (strncmp(path, "/proc/", 6) != 0 && access(path, F_OK) < 0)
		buf_put(missing, path, strlen(path) + 1);
}

/* Opens a path if it is the file of that build id. */
static int open_of_id(struct elf_file *out, const char *path, const char *id)
{
	if (elf_open(out, path, NULL) < 0)
		return 0;
	if (has_id(out, id))
		return 1;
	elf_close(out);
	return 0;
}

static int by_id(const struct symbol_options *options, const char *root, const char *id,
		 struct elf_file *out, char path[PATH_MAX], struct buf *missing)
{
	const char *dirs = dirs_of(options);
	char dir[PATH_MAX];

	if (strlen(id) < 3)
		return 0;
	while (next_dir(&dirs, dir, sizeof dir)) {
		if (snprintf(path, PATH_MAX, "%s%s/.build-id/%.2s/%s.debug", root, dir, id,
			     id + 2) >= PATH_MAX)
			continue;
		if (open_of_id(out, path, id))
			return 1;
		miss(missing, path);
	}
	return 0;
}

static int has_checksum(const struct elf_file *f, uint32_t want)
{
	return (uint32_t)crc32_z(0, f->bytes, f->len) == want;
}

struct link {
	const char *name;
	uint32_t checksum;
};

/* The name is a plain file name: nothing that leads elsewhere. */
static int read_link(const struct elf_file *f, struct link *out)
{
	struct elf_section s;
	struct cursor c;
	struct span name;

	if (!elf_section_named(f, ".gnu_debuglink", &s) || !s.data)
		return 0;
	c = cursor_at((struct span){s.data, (size_t)s.size}, 0);
	name = cursor_text(&c);
	cursor_skip(&c, -(name.n + 1) & 3);
	out->checksum = cursor_u32(&c);
	out->name = (const char *)name.p;
	return !c.bad && name.n && !memchr(name.p, '/', name.n);
}

static int try_link(struct files *f, const char *path, const struct link *link)
{
	struct elf_file elf;

	if (strlen(path) >= sizeof f->debug_path || elf_open(&elf, path, NULL) < 0) {
		miss(&f->missing, path);
		return 0;
	}
	if (!has_checksum(&elf, link->checksum)) {
		elf_close(&elf);
		files_warn(f, "%s is not the debug file of %s (checksum differs)", path,
			   f->main_path);
		return 0;
	}
	f->debug = elf;
	f->have_debug = 1;
	snprintf(f->debug_path, sizeof f->debug_path, "%s", path);
	return 1;
}

/* Beside the file, in .debug beside it, and under each debug folder by its whole path. */
static int by_link(struct files *f, const struct symbol_options *options, const char *root)
{
	const char *dirs = dirs_of(options), *slash = strrchr(f->main_path, '/');
	char dir[PATH_MAX], path[3 * PATH_MAX + sizeof f->root], here[PATH_MAX] = ".";
	struct link link;

	if (!read_link(&f->main, &link))
		return 0;
	if (slash)
		snprintf(here, sizeof here, "%.*s", (int)(slash - f->main_path), f->main_path);
	snprintf(path, sizeof path, "%s%s/%s", root, here, link.name);
	if (strcmp(path, f->main_path) != 0 && try_link(f, path, &link))
		return 1;
	snprintf(path, sizeof path, "%s%s/.debug/%s", root, here, link.name);
	if (try_link(f, path, &link))
		return 1;
	while (slash && next_dir(&dirs, dir, sizeof dir)) {
		snprintf(path, sizeof path, "%s%s%s/%s", root, dir, here, link.name);
		if (try_link(f, path, &link))
			return 1;
	}
	return 0;
}

static int below_root(struct files *f, const struct symbol_options *options, const char *root)
{
	if (by_id(options, root, f->build_id, &f->debug, f->debug_path, &f->missing))
		f->have_debug = 1;
	return f->have_debug || (f->have_main && by_link(f, options, root));
}

int files_find_debug(struct files *f, const struct symbol_options *options)
{
	if (below_root(f, options, "") || (f->root[0] && below_root(f, options, f->root)))
		return 0;
	if (options->debuginfod && f->build_id[0] &&
	    debuginfod_fetch(f->build_id, f->debug_path, sizeof f->debug_path) &&
	    open_of_id(&f->debug, f->debug_path, f->build_id))
		f->have_debug = 1;
	return buf_failed(&f->missing) == ERR_NOMEM ? ERR_NOMEM : 0;
}

struct alt {
	const char *name;
	char id[ELF_BUILD_ID_HEX];
};

static void to_hex(char out[ELF_BUILD_ID_HEX], struct span id)
{
	size_t n = id.n < (ELF_BUILD_ID_HEX - 1) / 2 ? id.n : (ELF_BUILD_ID_HEX - 1) / 2;

	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", id.p[i]);
	out[2 * n] = 0;
}

/* .gnu_debugaltlink, or .debug_sup of DWARF 5. */
static int read_alt(const struct elf_file *elf, struct alt *out)
{
	struct elf_section s;
	struct cursor c;
	struct span name, id;

	if (elf_section_named(elf, ".gnu_debugaltlink", &s) && s.data) {
		c = cursor_at((struct span){s.data, (size_t)s.size}, 0);
		name = cursor_text(&c);
		id = (struct span){c.p, cursor_left(&c)};
	} else if (elf_section_named(elf, ".debug_sup", &s) && s.data) {
		c = cursor_at((struct span){s.data, (size_t)s.size}, 0);
		cursor_skip(&c, 2);
		if (cursor_u8(&c)) /* it is the shared file itself */
			return 0;
		name = cursor_text(&c);
		id.n = (size_t)cursor_uleb(&c);
		id.p = c.p;
		cursor_skip(&c, id.n);
	} else {
		return 0;
	}
	out->name = (const char *)name.p;
	to_hex(out->id, id);
	return !c.bad && name.n && name.n < PATH_MAX && out->id[0];
}

int files_find_alt(struct files *f, const struct symbol_options *options)
{
	const char *home = files_dwarf(f) == &f->main ? f->main_path : f->debug_path;
	const char *slash = strrchr(home, '/'), *root = options->sysroot ? options->sysroot : "";
	char path[2 * PATH_MAX], found[PATH_MAX];
	struct alt alt;

	if (!read_alt(files_dwarf(f), &alt))
		return 0;
	if (alt.name[0] == '/')
		snprintf(path, sizeof path, "%s%s", root, alt.name);
	else
		snprintf(path, sizeof path, "%.*s/%s", slash ? (int)(slash - home) : 1,
			 slash ? home : ".", alt.name);
	f->have_alt = open_of_id(&f->alt, path, alt.id) ||
		      by_id(options, "", alt.id, &f->alt, found, &f->missing) ||
		      (f->root[0] && by_id(options, f->root, alt.id, &f->alt, found, &f->missing));
	if (!f->have_alt) {
		miss(&f->missing, path);
		files_warn(f, "%s shares debug information with %s, which is not there", home,
			   path);
	}
	return buf_failed(&f->missing) == ERR_NOMEM ? ERR_NOMEM : 0;
}
