# The ingestion program of docs/story-ingest.md; needs libpq, so it is built by name: make ingest-sample.
$(O)/samples/ingest/go_load: samples/ingest/go_load.c prof/include/protea-prof.h
	@mkdir -p $(@D)
	$(say) SAMPLE $@
	$(Q)$(CC) -std=gnu17 -O1 -g -fno-inline $(WARN) -D_GNU_SOURCE -Iprof/include -I$$(pg_config --includedir) $< -o $@ -lpq
.PHONY: ingest-sample
ingest-sample: $(O)/samples/ingest/go_load
