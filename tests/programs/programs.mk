# Programs that tests/unit/test_unwind_step steps: SOURCE-SHAPE is built into O/tests/programs, with the
# flags of its shape. Never instrumented, whatever SAN says.
STEP_FLAGS_O0 := -O0
STEP_FLAGS_O2 := -O2
STEP_FLAGS_fp := -O2 -fno-omit-frame-pointer
STEP_FLAGS_lazy := -O2 -Wl,-z,lazy -fcf-protection=none
STEP_FLAGS_static := -O1 -static-pie
STEP_FLAGS_os := -Os -fno-pie -no-pie -Wl,-z,lazy -fcf-protection=full
STEP_SHAPES_calls := O0 O2 fp lazy static os
STEP_SHAPES_signal := O0 O2 static
STEP_SHAPES_thread := O2
STEP_SHAPES_asm := O2
STEP_SHAPES_throw := O2
STEP_BIN := $(foreach p,calls signal thread asm throw,$(STEP_SHAPES_$(p):%=$(O)/tests/programs/step_$(p)-%))

step_compiler = $(if $(wildcard tests/programs/$(1).cc),$(CXX) -std=gnu++17,$(CC) -std=gnu17)
$(STEP_BIN): $(O)/tests/programs/%: $(wildcard tests/programs/step_*)
	@mkdir -p $(@D)
	$(say) STEP $@
	$(Q)s=$(firstword $(subst -, ,$*)); $(call step_compiler,$(firstword $(subst -, ,$*))) -g -Wall -Wextra -pthread \
		$(STEP_FLAGS_$(lastword $(subst -, ,$*))) $$(ls tests/programs/$$s.c tests/programs/$$s.cc \
		tests/programs/$${s}_parts.S 2>/dev/null) -o $@
$(O)/tests/unit/test_unwind_step: | $(STEP_BIN)

# Sleeping threads for tests/unit/test_attach_blocked, compiled in each way that makes other frames.
BLOCKED_FLAGS_O0 := -O0
BLOCKED_FLAGS_O2 := -O2
BLOCKED_FLAGS_fp := -O2 -fno-omit-frame-pointer
BLOCKED_FLAGS_fp0 := -O0 -fcf-protection=none -no-pie -fno-plt
# clang knows no -maccumulate-outgoing-args.
BLOCKED_FLAGS_os := -Os -fno-omit-frame-pointer $(if $(findstring clang,$(CC)),,-maccumulate-outgoing-args)
BLOCKED_FLAGS_static := -O1 -static -fno-omit-frame-pointer
BLOCKED_BIN := $(foreach s,O0 O2 fp fp0 os static,$(O)/tests/programs/blocked_calls-$(s))
$(BLOCKED_BIN): $(O)/tests/programs/blocked_calls-%: tests/programs/blocked_calls.c
	@mkdir -p $(@D)
	$(say) STEP $@
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE -g -Wall -Wextra -pthread $(BLOCKED_FLAGS_$*) $< -o $@
$(O)/tests/unit/test_attach_blocked: | $(BLOCKED_BIN)

# A libpq that answers at once, for tests/bench/bench_sql and tests/cli/151_sql_libs.sh.
$(O)/tests/programs/libpq-fake.so: tests/programs/fake_pq.c
	@mkdir -p $(@D)
	$(say) STEP $@
	$(Q)$(CC) -std=gnu17 -O2 -g -Wall -Wextra -shared -fPIC -Wl,-soname,libpq-fake.so $< -o $@
LIBS_bench_sql = -L$(O)/tests/programs -lpq-fake -Wl,-rpath,$(abspath $(O)/tests/programs)
$(O)/tests/bench/bench_sql: | $(O)/tests/programs/libpq-fake.so
