/* protea-prof: stage marks for a program's own phases.
 *
 * Include this header and call the functions below; nothing needs to be linked. If the profiler's
 * agent (libprotea-prof.so) is in the process, preloaded by `protea-prof run` or linked, the marks
 * record wall time, CPU time, allocations, peak heap and samples per stage. Without it every call is
 * one predicted branch on a weak symbol: no output, no allocation, no lock, errno unchanged.
 *
 * A program that calls pp_start() links the library. Linkers that drop what only weak symbols need (the
 * default of gcc on Debian and Ubuntu) must be told: -Wl,--no-as-needed -lprotea-prof (pkg-config does).
 *
 * Threads: every function may be called from any thread. Stages nest per thread: the stage begun
 * last is ended first. Signals: not async-signal-safe.
 * Units: counters and parameters are plain doubles, their unit is part of their name ("rss_bytes").
 *
 * SPDX-License-Identifier: MIT */
#ifndef PROTEA_PROF_H
#define PROTEA_PROF_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PP_API_VERSION 1

/* A stage that was begun. A plain value: keep it until pp_stage_end(), do not look inside. */
typedef struct pp_stage {
	uint64_t id;    /* 0: no agent */
	uint64_t owner; /* agent's own */
} pp_stage;

/* A stage handed to another thread. */
typedef struct pp_token {
	uint64_t id;
	uint64_t owner;
} pp_token;

#define PP_WEAK __attribute__((weak, visibility("default")))

/* The agent's entry points; absent (NULL) without it. Call the pp_* functions below instead. */
extern PP_WEAK void pp_agent_stage_begin(pp_stage *stage, const char *name);
extern PP_WEAK void pp_agent_stage_items(pp_stage *stage, uint64_t items);
extern PP_WEAK void pp_agent_stage_param(pp_stage *stage, const char *name, double value);
extern PP_WEAK void pp_agent_stage_end(pp_stage *stage);
extern PP_WEAK void pp_agent_stage_token(pp_token *token);
extern PP_WEAK void pp_agent_stage_adopt(const pp_token *token);
extern PP_WEAK void pp_agent_stage_adopt_end(void);
extern PP_WEAK void pp_agent_counter(const char *name, double value);
extern PP_WEAK int pp_agent_start(const char *store_path);
extern PP_WEAK int pp_agent_stop(void);

/* 1 if the agent is in this process. */
static inline int pp_present(void)
{
	return pp_agent_stage_begin != 0;
}

/* Begins a stage on the calling thread, inside the one begun last. `name` must outlive the process
 * (a literal, or interned); at most 255 bytes of it are kept. */
static inline pp_stage pp_stage_begin(const char *name)
{
	pp_stage stage = {0, 0};

	if (pp_agent_stage_begin)
		pp_agent_stage_begin(&stage, name);
	return stage;
}

/* Units of work done in the stage, for throughput and the cost model. The last call counts. */
static inline void pp_stage_items(pp_stage *stage, uint64_t items)
{
	if (pp_agent_stage_items)
		pp_agent_stage_items(stage, items);
}

/* A size that explains the stage's cost ("n", "q", "d"). Up to 8 per stage; `name` as above. */
static inline void pp_stage_param(pp_stage *stage, const char *name, double value)
{
	if (pp_agent_stage_param)
		pp_agent_stage_param(stage, name, value);
}

/* Ends the stage, and stages begun inside it that are still open. A second end does nothing. */
static inline void pp_stage_end(pp_stage *stage)
{
	if (pp_agent_stage_end)
		pp_agent_stage_end(stage);
}

/* The calling thread's innermost stage, for a thread that works on its behalf. */
static inline pp_token pp_stage_token(void)
{
	pp_token token = {0, 0};

	if (pp_agent_stage_token)
		pp_agent_stage_token(&token);
	return token;
}

/* What the calling thread does from here counts for the token's stage, until pp_stage_adopt_end()
 * or the thread's end. */
static inline void pp_stage_adopt(pp_token token)
{
	if (pp_agent_stage_adopt)
		pp_agent_stage_adopt(&token);
}

static inline void pp_stage_adopt_end(void)
{
	if (pp_agent_stage_adopt_end)
		pp_agent_stage_adopt_end();
}

/* A named value over time. */
static inline void pp_counter(const char *name, double value)
{
	if (pp_agent_counter)
		pp_agent_counter(name, value);
}

/* Profiles this process from here on into the store at `path` (NULL: $PROTEA_PROF_STORE, else
 * ./protea-prof.sqlite). 0; -1 without the agent or when it cannot start (errno says why). */
static inline int pp_start(const char *path)
{
	return pp_agent_start ? pp_agent_start(path) : -1;
}

/* Ends what pp_start() began; when it returns the store is complete, and closed. 0 or -1. */
static inline int pp_stop(void)
{
	return pp_agent_stop ? pp_agent_stop() : -1;
}

#ifdef __cplusplus
}
#endif

#endif /* PROTEA_PROF_H */
