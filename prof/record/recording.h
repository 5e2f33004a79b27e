/* One run being recorded (or recovered): its session, its process images and their rings, what is known
 * and not stored yet. Shared by the files of this room; one thread. */
#ifndef RECORD_RECORDING_H
#define RECORD_RECORDING_H

#include <stdint.h>

#include "prof/base/buf.h"
#include "prof/record/batch.h"
#include "prof/record/heap.h"
#include "prof/record/held.h"
#include "prof/record/known.h"
#include "prof/record/record.h"
#include "prof/record/resolve.h"
#include "prof/record/snapshot.h"
#include "prof/record/sql.h"
#include "prof/record/timeline.h"
#include "prof/spool/reader.h"
#include "prof/spool/session.h"

struct image_ring {
	struct ring_reader reader;
	int ready;         /* reader is made */
	uint64_t opened;   /* claim that is being read */
	uint32_t thread;   /* of that claim, KNOWN_NONE: not known yet */
	uint64_t from, to; /* bytes of the round at hand */
	uint64_t stored;   /* up to here in the store, or beyond saving */
	uint64_t marked_opened, marked_losses[SPOOL_RING_LOSSES]; /* as the store's marks say */
	uint64_t bad;                                             /* of reader.bad, counted */
	uint64_t losses[SPOOL_RING_LOSSES];                       /* counted */
	uint64_t ticks; /* of this claim, counted in totals */
};

struct image { /* one PID.N file */
	char name[32];
	uint32_t name_string, number;
	struct spool_file file; /* head NULL: not readable yet */
	int64_t seen_ns;        /* when its file was met first */
	struct space space;
	uint32_t process;
	int pidfd;    /* -1: none */
	int gone;     /* its process ended */
	int replaced; /* exec: a newer image of the process took over */
	int quiet;    /* rounds with nothing new, one after the other */
	int ended;    /* image_ended() was here: to be closed once that is stored */
	struct image_ring *rings;
	uint32_t n_rings;
	uint64_t losses[SPOOL_LOSSES], marked_losses[SPOOL_LOSSES]; /* of the head, counted */
	int process_marked;
	int64_t self_cpu_ns;
	int64_t watched_ns;       /* its clock was read last */
	int64_t tasks_ns;         /* its threads were looked at last */
	int64_t asked_ns;         /* its agent was asked for a thread last, 0: never */
	int wake_fd;              /* event that wakes the agent, -1 */
	struct wall_thread *wall; /* owned: wall mode */
	uint32_t n_wall, cap_wall;
	int64_t wall_ns;             /* last look */
	int journal;                 /* fd of PID.N.mod, -1 */
	struct image_heap *heap;     /* owned; NULL: no memory tracked (yet) */
	int no_heap;                 /* and there never will be */
	struct image_sql *sql;       /* owned; NULL: no statements recorded (yet) */
	int no_sql;                  /* and there never will be */
	struct image_memory *memory; /* owned; NULL: not polled yet */
};

struct round_event { /* a definition, kept until all rings were read */
	int64_t t_ns;
	uint32_t image, ring, type, extra;
	size_t at, bytes; /* in event_bytes */
};

struct recording_mark { /* a row of the store's marks */
	char file[32];
	uint32_t ring;
	uint64_t offset;
};

/* What marks say of a ring (`ring` + SPOOL_RINGS_MAX * kind) and of a whole file. */
enum mark_kind {
	MARK_POSITION,
	MARK_THREAD, /* its row in the store */
	MARK_OPENED,
	MARK_LOSSES,    /* and the following: counted so far */
	MARK_FILE = 64, /* `ring` is 0: the process's row; 1 + loss: counted so far */
	MARK_HEAP,      /* `ring` is 0: 1, the sums of the heap file are in the store */
	MARK_STAGE,     /* `ring` is 0, `opened` the stage's id: its row in the store */
	MARK_SQL,       /* `ring` is 0: 1, the statements of the image are in the store */
};

struct recording_stage_mark {
	char file[32];
	uint64_t id, row;
};

struct recording_totals {
	int64_t self_cpu_ns; /* of images that are closed */
	uint64_t ticks;
	uint32_t engine;
	int engine_errno, have_engine;
	uint32_t images;
	char foreign_malloc[SPOOL_NAME_MAX + 1]; /* a process that has its own; "" none */
	uint32_t untracked;                      /* images without a heap file */
	uint32_t sealed; /* ended by a seccomp filter that would have killed them */
};

struct recording {
	struct store *store; /* borrowed */
	int64_t run;
	struct spool_session *session; /* borrowed */
	char session_path[SPOOL_PATH_MAX];
	struct known known;
	struct batch batch;
	struct resolver resolver;
	struct image **images; /* owned */
	uint32_t n_images, cap_images;
	uint32_t images_met,
		images_next; /* numbers taken by images; session->next_image at the scan */
	int64_t scanned_ns;
	struct round_event *events;
	uint32_t n_events, cap_events;
	struct buf event_bytes;
	int64_t last_ns;    /* latest time in a record */
	int64_t round_ns;   /* time that the round at hand reads up to */
	int64_t flushed_ns; /* last commit */
	int64_t failed_ns;  /* last flush that failed, 0: none since a commit */
	int fill_pct;       /* of the fullest ring, at the last round */
	uint32_t n_ended;   /* rings of threads that are gone, at the last round */
	int recovering;     /* marks tell where rings begin; no process is asked anything */
	int attached;       /* the program ran before: what it used until then is not ours */
	struct recording_mark *marks; /* owned: of the run that is recovered */
	uint32_t n_marks;
	struct recording_stage_mark *stage_marks; /* owned: likewise */
	uint32_t n_stage_marks;
	struct held *held; /* owned; NULL: no module told of yet */
	struct snapshots snapshots;
	struct timeline timeline;
	struct recording_totals totals;
	uint64_t wall_addresses[UNWIND_DEPTH_MAX];
	char flush_error[512]; /* of the last flush that failed */
};

/* `store` and `session` are borrowed. 0 or ERR_NOMEM. */
int recording_init(struct recording *r, struct store *store, int64_t run,
		   struct spool_session *session, const char *session_path);
void recording_release(struct recording *r);

/* images.c: finds new files, forgets finished ones. */
int images_scan(struct recording *r);
/* Watches for the ends of processes; CPU time and memory of the living. 0 or ERR_NOMEM. */
int images_watch(struct recording *r);
/* Takes an image out of the list: everything of it is stored. */
void image_close(struct recording *r, uint32_t i, int unlink_file);
/* The process of an image ended at `t_ns`: stages, threads, row. 0 or ERR_NOMEM. */
int image_ended(struct recording *r, struct image *m, int64_t t_ns);

/* drain.c: one round over all rings; 0 or ERR_NOMEM. `final`: without a limit in time. */
int drain_round(struct recording *r, int final);
/* Counts what the producers lost; called once a flush. */
void drain_losses(struct recording *r);

/* events.c: definitions, in the order of time. */
int event_keep(struct recording *r, uint32_t image, uint32_t ring, const struct spool_view *v);
int events_apply(struct recording *r);
/* take.c: everything else, in the order of its ring. */
int record_take(struct recording *r, struct image *m, struct image_ring *ring,
		const struct spool_view *v);
uint32_t ring_thread(struct recording *r, struct image *m, struct image_ring *ring, int64_t t_ns);
/* stage.c */
int stage_begin(struct recording *r, struct image *m, uint32_t thread, int64_t t_ns,
		const struct spool_stage_begin *b, const char *name);
int stage_end(struct recording *r, struct image *m, const struct spool_view *v);
int stage_whole(struct recording *r, struct image *m, uint32_t thread, const struct spool_view *v);
int stage_fold(struct recording *r, struct image *m, uint32_t thread, const struct spool_view *v);
int stage_add(struct recording *r, struct image *m, const struct spool_view *v);
/* Stages of a space that are still open end at `t_ns`. */
void stages_close(struct recording *r, const struct image *m, int64_t t_ns);

/* keep.c: flushes if it is time (or `now`), gives the rings back, closes finished images. 0, or the
 * flush's failure, which is not the end: everything is kept and tried again. */
int recording_flush(struct recording *r, int now, struct err *err);
/* What a mark says; 1 and *offset, or 0. */
int recording_marked(const struct recording *r, const struct image *m, uint32_t ring,
		     enum mark_kind kind, uint64_t *offset);

/* recover.c: a ring, an image or its heap, whose beginning another supervisor stored. */
void recover_ring(struct recording *r, struct image *m, uint32_t i);
void recover_image(struct recording *r, struct image *m);
int recover_heap(struct recording *r, struct image *m); /* 0 or ERR_NOMEM */

/* journal.c: modules are kept beside the spool file, for whoever recovers it. */
void journal_module(struct recording *r, struct image *m, const struct round_event *e,
		    const uint8_t *payload);
int journal_replay(struct recording *r, struct image *m);

#endif
