# Sample programs: each is built into O/samples/programs with the flags that its head gives after "build:".
PROGRAM_SRC := $(sort $(wildcard samples/programs/*.c samples/programs/*.cc))
PROGRAM_BIN := $(patsubst samples/programs/%,$(O)/samples/programs/%,$(basename $(filter-out %/plugin.c,$(PROGRAM_SRC)))) \
	$(O)/samples/programs/plugin.so \
	$(patsubst samples/programs/%.c,$(O)/samples/programs/%_after,$(wildcard samples/programs/planted_*.c))
PROGRAM_PLANTED := $(patsubst samples/programs/%.c,$(O)/samples/programs/%,$(wildcard samples/programs/planted_*.c))
program_flags = $(subst $$(O),$(O),$(shell sed -n 's|^[ */]*build: \([^*]*\).*|\1|p' $(1)))
PROGRAM_CFLAGS = -g $(WARN) -D_GNU_SOURCE -I. -Iprof/include

$(O)/samples/programs/%: samples/programs/%.c samples/programs/spin.h $(O)/libprotea-prof.so
	@mkdir -p $(@D)
	$(say) SAMPLE $@
	$(Q)$(CC) -std=gnu17 $(PROGRAM_CFLAGS) $< -o $@ $(call program_flags,$<)
# The other variant as a build of its own.
$(O)/samples/programs/%_after: samples/programs/%.c samples/programs/spin.h samples/programs/planted.h $(O)/libprotea-prof.so
	@mkdir -p $(@D)
	$(say) SAMPLE $@
	$(Q)$(CC) -std=gnu17 $(PROGRAM_CFLAGS) -DAFTER $< -o $@ $(call program_flags,$<)
$(PROGRAM_PLANTED): samples/programs/planted.h
$(O)/samples/programs/%: samples/programs/%.cc samples/programs/spin.h
	@mkdir -p $(@D)
	$(say) SAMPLE $@
	$(Q)$(CXX) -std=gnu++17 -g -Wall -Wextra -D_GNU_SOURCE -I. -Iprof/include $< -o $@ $(call program_flags,$<)
$(O)/samples/programs/plugin.so: samples/programs/plugin.c samples/programs/spin.h
	@mkdir -p $(@D)
	$(say) SAMPLE $@
	$(Q)$(CC) -std=gnu17 $(PROGRAM_CFLAGS) $< -o $@ $(call program_flags,$<)

.PHONY: sample-programs
sample-programs: $(PROGRAM_BIN)
