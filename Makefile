# protea-prof: profiler and export pipeline. One Makefile, no configure.
#   make            build the programs into build/
#   make run        install what is missing, build, run the sample job
#   make test       install what is missing, build, run every test
#   make help       everything else
# Variables: O=dir (build folder), V=1 (show commands), SAN=1 (ASan and UBSan), SAN=thread (TSan),
# CC, CFLAGS, LDFLAGS, PRESET=tiny|medium|full, NO_CURL=1, NO_ZSTD=1, NO_NCURSES=1, NO_LIBPQ=1, DESTDIR and prefix
# (install).

VERSION := 0.1.0
O ?= build
PRESET ?= tiny
prefix ?= /usr/local
SHELL := /bin/bash

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-7s %s\n'
endif

# ---- flags ---------------------------------------------------------------------------------------

GIT_SHA := $(shell git rev-parse HEAD 2>/dev/null)
WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes
ifeq ($(WERROR),1)
WARN += -Werror
endif
# No value-changing float optimisation and no fused multiply-add unless written as such: results are
# normative to the last bit.
CFLAGS ?= -O2 -g
ALL_CFLAGS = -std=gnu17 $(CFLAGS) $(WARN) -ffp-contract=off -fno-math-errno -fPIC -pthread \
	-D_GNU_SOURCE -I. -Iprof/include $(SAN_CFLAGS) $(PROBE_CFLAGS)
# Our functions stay ours: libpq brings libkrb5, which has a profile_init() of its own and must find that one.
ALL_LDFLAGS = $(LDFLAGS) -pthread $(SAN_CFLAGS) -Wl,--exclude-libs,libprof.a:libexport.a

ifeq ($(SAN),1)
SAN_CFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
else ifeq ($(SAN),thread)
SAN_CFLAGS := -fsanitize=thread -fno-omit-frame-pointer
else ifneq ($(SAN),)
SAN_CFLAGS := -fsanitize=$(SAN) -fno-omit-frame-pointer
endif

# ---- sources -------------------------------------------------------------------------------------

EXPORT_ROOMS := core source bundle ontology pool knn align taxonomy anc2vec pca features output \
	events job cli
BASE_SRC := $(sort $(wildcard prof/base/*.c))
MODEL_SRC := $(sort $(wildcard prof/model/*.c))
# Connections to PostgreSQL, for both programs.
POSTGRES_SRC := $(sort $(wildcard prof/postgres/*.c))
EXPORT_SRC := $(sort $(wildcard $(EXPORT_ROOMS:%=pipeline/%/*.c)))
EXPORT_MAIN := pipeline/cli/main.c
# The profiler: what runs beside the target and offline (libprof.a), and what runs inside it (the agent).
PROF_ROOMS := elf unwind spool heap attach record store exchange pgwatch symbol analyze formats cli
PROF_SRC := $(sort $(wildcard $(PROF_ROOMS:%=prof/%/*.c) viewer/*.c))
PROF_MAIN := prof/cli/main.c
PROF_GEN := $(O)/gen/schema.c $(O)/gen/team.c $(O)/gen/page.c $(O)/gen/site.c
AGENT_SRC := $(filter-out prof/heap/reader.c, \
	$(sort $(wildcard prof/agent/*.c prof/unwind/*.c prof/elf/*.c prof/spool/*.c prof/heap/*.c))) \
	prof/base/err.c prof/base/clock.c prof/base/sqlnorm.c prof/base/sqlnorm_list.c

obj = $(patsubst %.c,$(O)/obj/%.o,$(1))
BASE_OBJ := $(call obj,$(BASE_SRC))
MODEL_OBJ := $(call obj,$(MODEL_SRC) $(POSTGRES_SRC))
EXPORT_OBJ := $(call obj,$(filter-out $(EXPORT_MAIN),$(EXPORT_SRC)))
PROF_OBJ := $(call obj,$(filter-out $(PROF_MAIN),$(PROF_SRC))) $(PROF_GEN:$(O)/gen/%.c=$(O)/obj/gen/%.o)
AGENT_OBJ := $(patsubst %.c,$(O)/obj-agent/%.o,$(AGENT_SRC))

UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c))
FAULT_SRC := $(sort $(wildcard tests/fault/*_fault.c))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
BENCH_SRC := $(sort $(wildcard tests/bench/bench_*.c))
TOOL_SRC := $(sort $(wildcard tests/tools/*.c))
SAMPLE_TOOL_SRC := $(sort $(wildcard samples/tools/*.c))

UNIT_BIN := $(UNIT_SRC:%.c=$(O)/%)
FAULT_BIN := $(FAULT_SRC:%.c=$(O)/%)
BENCH_BIN := $(BENCH_SRC:%.c=$(O)/%)
PEER_BIN := $(patsubst %.c,$(O)/%,$(sort $(wildcard tests/bench/peers/*.c)))
TOOL_BIN := $(TOOL_SRC:%.c=$(O)/%)
SAMPLE_TOOL_BIN := $(SAMPLE_TOOL_SRC:%.c=$(O)/%)

# Libraries that only one test needs.
LIBS_test_align_parasail := -lparasail
LIBS_test_pca_eigen := -lopenblas
LIBS_bench_knn := -lopenblas
LIBS_bench_align := -lparasail
LIBS_peers/align_ours := -lparasail
LIBS_test_unwind_step := -lunwind-ptrace -lunwind-generic
LIBS_bench_unwind := -lunwind
LIBS_bench_trail := -lunwind

# Programs with a known answer, built as their heads say.
-include samples/programs/programs.mk
-include tests/programs/programs.mk
-include samples/ingest/ingest.mk

PROGRAMS := $(O)/protea-export $(O)/protea-prof
LIBRARIES := $(O)/libprotea-prof.so

.PHONY: all build run gate gate-baseline test test-unit test-emulated test-san test-asan test-tsan fuzz bench bench-peers lint install uninstall \
	clean help packages check-format
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.PRECIOUS: $(O)/obj/%.o

all: build
build: $(PROGRAMS) $(LIBRARIES)

# ---- probes --------------------------------------------------------------------------------------

# One small program per feature, tried once per build folder; what is missing is said once.
NEEDS_PROBES := $(filter-out help clean packages run gate gate-baseline site test fuzz-clean,$(or $(MAKECMDGOALS),all))
ifneq ($(NEEDS_PROBES),)
-include $(O)/probes.mk
endif

# What an object depends on besides its sources: other flags or switches rebuild everything.
FLAGS_NOW := $(CC) $(CFLAGS) $(LDFLAGS) $(SAN_CFLAGS) no:$(NO_CURL):$(NO_ZSTD):$(NO_NCURSES):$(NO_LIBPQ)
$(O)/flags: FORCE
	@mkdir -p $(O)
	@echo '$(FLAGS_NOW)' | cmp -s - $@ || echo '$(FLAGS_NOW)' > $@

$(O)/probes.mk: tests/features/probe.sh $(wildcard tests/features/have_*.c) $(O)/flags
	@mkdir -p $(O)
	$(Q)CC="$(CC)" NO_CURL="$(NO_CURL)" NO_ZSTD="$(NO_ZSTD)" NO_NCURSES="$(NO_NCURSES)" NO_LIBPQ="$(NO_LIBPQ)" tests/features/probe.sh $@

PROF_LIBS = $(PROBE_LIBS) $(PROBE_PROF_LIBS) -lsqlite3 -ljansson -ldw -lelf -llzma -liberty -lz -lm
LIBS = $(PROBE_LIBS) -lsqlite3 -ljansson -lzip -lz -lsnappy -lcrypto -lm

# ---- rules ---------------------------------------------------------------------------------------

$(O)/obj/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(ALL_CFLAGS) $(CPPFLAGS_$(basename $(notdir $<))) -DPROTEA_VERSION='"$(VERSION)"' -MMD -MP -c $< -o $@

# Only this object knows the commit, so that a new commit does not rebuild everything.
$(O)/obj/pipeline/core/version.o: CPPFLAGS_version = -DPROTEA_GIT_SHA='"$(GIT_SHA)"'
$(O)/obj/pipeline/core/version.o: $(O)/git-sha
$(O)/git-sha: FORCE
	@mkdir -p $(O)
	@echo '$(GIT_SHA) $(VERSION)' | cmp -s - $@ || echo '$(GIT_SHA) $(VERSION)' > $@
FORCE:

$(O)/libexport.a: $(EXPORT_OBJ) $(BASE_OBJ) $(MODEL_OBJ)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(O)/protea-export: $(call obj,$(EXPORT_MAIN)) $(O)/libexport.a
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $^ -o $@ $(ALL_LDFLAGS) $(LIBS)

# Text files as C arrays: the schema, the page.
$(O)/gen/schema.c: prof/base/embed.sh prof/store/schema.sql
	@mkdir -p $(@D)
	$(Q)prof/base/embed.sh store_schema_sql prof/store/schema.sql > $@
$(O)/gen/team.c: prof/base/embed.sh prof/exchange/views.sql
	@mkdir -p $(@D)
	$(Q)prof/base/embed.sh exchange_views_sql prof/exchange/views.sql > $@
PAGE_PARTS := $(sort $(wildcard viewer/*.html viewer/*.css viewer/css/*.css viewer/js/*.js))
# What makes the page's code small; it runs here, not where the programs will.
$(O)/gen/lean: $(wildcard viewer/lean/*.c viewer/lean/*.h)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -O2 $(WARN) -D_GNU_SOURCE -I. $(filter %.c,$^) -o $@
$(O)/gen/page.c: prof/base/embed.sh viewer/join.sh $(O)/gen/lean $(PAGE_PARTS)
	@mkdir -p $(@D)
	$(Q)LEAN=$(abspath $(O)/gen/lean) viewer/join.sh > $(@D)/page.html
	$(Q)prof/base/embed.sh viewer_page_html $(@D)/page.html > $@
SITE_PARTS := viewer/base.css viewer/js/format.js $(sort $(wildcard viewer/site/*))
$(O)/gen/site.c: prof/base/embed.sh $(SITE_PARTS)
	@mkdir -p $(@D)
	$(Q)viewer/site/join.sh > $(@D)/site.html
	$(Q)prof/base/embed.sh viewer_site_html $(@D)/site.html > $@
$(O)/obj/gen/%.o: $(O)/gen/%.c $(O)/flags
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@

$(O)/libprof.a: $(PROF_OBJ) $(BASE_OBJ) $(MODEL_OBJ)
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(O)/obj/prof/cli/version.o: CPPFLAGS_version = -DPROTEA_GIT_SHA='"$(GIT_SHA)"'
$(O)/obj/prof/cli/version.o: $(O)/git-sha
$(O)/protea-prof: $(call obj,$(PROF_MAIN)) $(O)/libprof.a
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $^ -o $@ $(ALL_LDFLAGS) $(PROF_LIBS)

# Inside the target: never instrumented, no symbol visible but the ones it is there for.
AGENT_CFLAGS = -std=gnu17 $(AGENT_OPT) $(WARN) -fPIC -pthread -fvisibility=hidden -ftls-model=initial-exec \
	-fno-stack-protector -fno-plt -fomit-frame-pointer -fasynchronous-unwind-tables \
	-D_GNU_SOURCE -DPROTEA_AGENT -I. -Iprof/include $(AGENT_BUILTINS)
AGENT_OPT ?= -O2 -g
AGENT_BUILTINS = -include prof/agent/builtins.h
$(O)/obj-agent/prof/agent/mem_copy.o: AGENT_BUILTINS :=
$(O)/obj-agent/%.o: %.c $(O)/flags prof/agent/builtins.h
	@mkdir -p $(@D)
	$(say) CC $< "(agent)"
	$(Q)$(CC) $(AGENT_CFLAGS) -DPROTEA_VERSION='"$(VERSION)"' -MMD -MP -c $< -o $@
$(O)/libprotea-prof.so: $(AGENT_OBJ) prof/agent/exports.map
	$(say) LD $@
	$(Q)$(CC) -shared -o $@ $(AGENT_OBJ) -Wl,--version-script=prof/agent/exports.map \
		-Wl,-soname,libprotea-prof.so -Wl,-z,now -Wl,-z,nodelete -Wl,-z,noexecstack -Wl,--no-undefined -pthread -ldl

# The test links what its room needs: pipeline tests libexport.a, profiler tests libprof.a.
$(O)/tests/unit/%: $(O)/obj/tests/unit/%.o $(O)/libexport.a $(O)/libprof.a
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $^ -o $@ $(ALL_LDFLAGS) -lcmocka $(LIBS_$*) $(LIBS) $(PROF_LIBS)

FAULT_WRAP := malloc calloc realloc aligned_alloc strdup strndup posix_spawn pthread_create waitpid poll
comma := ,
$(O)/tests/fault/%_fault: $(O)/obj/tests/fault/%_fault.o $(O)/obj/tests/fault/fault.o $(O)/libexport.a $(O)/libprof.a
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $^ -o $@ $(ALL_LDFLAGS) $(FAULT_WRAP:%=-Wl$(comma)--wrap=%) -lcmocka $(LIBS) $(PROF_LIBS)

$(O)/tests/bench/%: $(O)/obj/tests/bench/%.o $(O)/libexport.a $(O)/libprof.a
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $^ -o $@ $(ALL_LDFLAGS) $(LIBS_$*) $(LIBS) $(PROF_LIBS)

$(O)/tests/tools/%: $(O)/obj/tests/tools/%.o $(O)/libexport.a $(O)/libprof.a
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $^ -o $@ $(ALL_LDFLAGS) $(LIBS_$*) $(LIBS) $(PROF_LIBS)

$(O)/samples/tools/%: $(O)/obj/samples/tools/%.o $(O)/libexport.a
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) $^ -o $@ $(ALL_LDFLAGS) $(LIBS)

-include $(shell [ -d $(O)/obj ] && find $(O)/obj $(wildcard $(O)/obj-agent) -name '*.d')

# ---- run -----------------------------------------------------------------------------------------

packages:
	@.ci/packages build

run:
	@.ci/packages build $(if $(filter-out tiny,$(PRESET)),samples)
	@$(MAKE) --no-print-directory -j$$(nproc) build sample-tools
	@O=$(O) samples/run.sh $(PRESET)

# Pages about the 24 cells of the tiny grid; REPEATS=1 for a look, SITE=dir elsewhere.
SITE ?= docs/perf
site:
	@.ci/packages build
	@$(MAKE) --no-print-directory -j$$(nproc) build sample-tools
	@O=$(O) samples/site.sh $(SITE)
# A page about one cell of the full sample and plots of growth, beside them; PAGES=full or growth for one of the two.
site-full:
	@.ci/packages build samples
	@$(MAKE) --no-print-directory -j$$(nproc) build sample-tools
	@O=$(O) samples/site_full.sh $(SITE)

gate gate-baseline:
	@.ci/packages build
	@$(MAKE) --no-print-directory -j$$(nproc) build sample-tools
	@O=$(O) samples/gate.sh $(if $(filter gate-baseline,$@),save)

.PHONY: sample-tools tools site site-full
sample-tools: $(SAMPLE_TOOL_BIN)
tools: $(TOOL_BIN)

# ---- tests ---------------------------------------------------------------------------------------

test:
	@.ci/packages build test samples
	@$(MAKE) --no-print-directory -j$$(nproc) WERROR=1 build sample-tools tools test-bins sample-programs
	@O=$(O) tests/run.sh

.PHONY: test-bins
test-bins: $(UNIT_BIN) $(FAULT_BIN)

test-unit:
	@$(MAKE) --no-print-directory -j$$(nproc) WERROR=1 test-bins
	@O=$(O) tests/run.sh unit fault

# Units and fault twins under sanitizers, in build folders of their own.
test-san: test-asan test-tsan
test-asan:
	@$(MAKE) --no-print-directory -j$$(nproc) SAN=1 O=$(O)-asan test-bins
	@O=$(O)-asan tests/run.sh unit fault
test-tsan:
	@$(MAKE) --no-print-directory -j$$(nproc) SAN=thread O=$(O)-tsan $(TSAN_TESTS:%=$(O)-tsan/tests/unit/%)
	@O=$(O)-tsan TESTS="$(TSAN_TESTS)" tests/run.sh unit
TSAN_TESTS := test_workers test_knn test_align test_events

# Kernels of AVX-512 and AMX on emulated processors; docs/testing.md.
BOCHS ?= bochs
test-emulated:
	@.ci/packages build test emulated
	@O=$(O) tests/emulated/run.sh $(BOCHS) $(MODELS)

lint:
	@tests/lint/run.sh

check-format:
	@tests/lint/format.sh

# ---- fuzzing -------------------------------------------------------------------------------------

FUZZ_O := $(O)-fuzz
FUZZ_SECONDS ?= 60
FUZZ_NAMES := $(FUZZ_SRC:tests/fuzz/fuzz_%.c=%)
FUZZ_CFLAGS := -O1 -g -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined

.PHONY: fuzz-bins $(FUZZ_NAMES:%=fuzz-%)
# Every target for FUZZ_SECONDS seconds on a copy of its kept corpus.
fuzz: fuzz-bins
	@FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_O=$(FUZZ_O) tests/fuzz/run.sh $(FUZZ_NAMES)
$(FUZZ_NAMES:%=fuzz-%): fuzz-%:
	@$(MAKE) --no-print-directory -j$$(nproc) CC=clang O=$(FUZZ_O) CFLAGS='$(FUZZ_CFLAGS)' \
		$(FUZZ_O)/tests/fuzz/fuzz_$*
	@FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_O=$(FUZZ_O) tests/fuzz/run.sh $*
fuzz-bins:
	@$(MAKE) --no-print-directory -j$$(nproc) CC=clang O=$(FUZZ_O) CFLAGS='$(FUZZ_CFLAGS)' \
		$(FUZZ_NAMES:%=$(FUZZ_O)/tests/fuzz/fuzz_%)
$(O)/tests/fuzz/fuzz_%: $(O)/obj/tests/fuzz/fuzz_%.o $(O)/libexport.a $(O)/libprof.a
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(ALL_CFLAGS) -fsanitize=fuzzer $^ -o $@ $(ALL_LDFLAGS) $(LIBS) $(PROF_LIBS)

# ---- benchmarks ----------------------------------------------------------------------------------

bench:
	@.ci/packages build test samples
	@$(MAKE) --no-print-directory -j$$(nproc) build $(BENCH_BIN)
	@for b in $(BENCH_BIN) $(wildcard tests/bench/bench_*.sh); do echo "== $$(basename $$b)"; O=$(O) $$b || exit 1; done

# Beside NumPy, FAISS and parasail of Debian; what tests/bench/peers/run.sh reads from the environment chooses and sizes.
bench-peers:
	@.ci/packages build samples peers
	@$(MAKE) --no-print-directory -j$$(nproc) build sample-tools $(PEER_BIN)
	@O=$(O) tests/bench/peers/run.sh

# ---- install -------------------------------------------------------------------------------------

install: build
	install -d $(DESTDIR)$(prefix)/bin $(DESTDIR)$(prefix)/include $(DESTDIR)$(prefix)/lib/pkgconfig \
		$(DESTDIR)$(prefix)/share/man/man1
	install -m 755 $(PROGRAMS) $(DESTDIR)$(prefix)/bin
	install -m 755 $(LIBRARIES) $(DESTDIR)$(prefix)/lib
	install -m 644 prof/include/protea-prof.h $(DESTDIR)$(prefix)/include
	sed -e 's|@PREFIX@|$(prefix)|' -e 's|@VERSION@|$(VERSION)|' prof/include/protea-prof.pc.in \
		> $(DESTDIR)$(prefix)/lib/pkgconfig/protea-prof.pc
	install -m 644 docs/man/*.1 $(DESTDIR)$(prefix)/share/man/man1

uninstall:
	rm -f $(addprefix $(DESTDIR)$(prefix)/bin/,$(notdir $(PROGRAMS))) \
		$(addprefix $(DESTDIR)$(prefix)/lib/,$(notdir $(LIBRARIES))) \
		$(DESTDIR)$(prefix)/include/protea-prof.h \
		$(DESTDIR)$(prefix)/lib/pkgconfig/protea-prof.pc \
		$(addprefix $(DESTDIR)$(prefix)/share/man/man1/,$(notdir $(wildcard docs/man/*.1)))

clean:
	rm -rf $(O) $(O)-asan $(O)-tsan $(O)-fuzz

help:
	@sed -n 's/^# \?//; 2,8p' Makefile
	@echo
	@echo 'Targets:'
	@echo '  build        the programs (default)'
	@echo '  run          the sample job; PRESET=tiny (default), medium, full'
	@echo '  site         profile the 24 cells of the tiny grid and write docs/perf'
	@echo '  site-full    profile one cell of the full sample, measure growth; pages beside those of site'
	@echo '  gate         count what the tiny job allocates and compare with what was kept; gate-baseline keeps it'
	@echo '  test         everything: lint, unit, fault, cli, browser-side readers, fuzz smoke'
	@echo '  test-unit    unit tests and fault twins only'
	@echo '  test-san     unit tests and fault twins under ASan+UBSan and TSan'
	@echo '  test-emulated  kernels of AVX-512 and AMX in Bochs: BOCHS=program MODELS="model…"'
	@echo '  fuzz         every fuzz target for FUZZ_SECONDS (60) seconds; fuzz-NAME for one'
	@echo '  bench        benchmarks: ratios against peers in the same run'
	@echo '  bench-peers  neighbours, alignments, cache and a whole cell beside NumPy, FAISS and parasail'
	@echo '  lint         include arrows, file length, banned calls, format, shell scripts'
	@echo '  install      to DESTDIR and prefix (/usr/local); uninstall'
	@echo '  packages     install what the build needs (apt-get)'
	@echo '  clean        remove the build folders'
