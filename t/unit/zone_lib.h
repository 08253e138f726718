
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What the tests of the zone share: a real slab pool in an anonymous shared
 * mapping, random numbers, message bodies that can be recognised, and a
 * worker as seen by the zone: private arrays and a ready list, maintained
 * exactly as src/core does.
 *
 * The tests are shared objects that are preloaded into an nginx binary and
 * run instead of its main(), so that the slab pool, the mutex, the pools and
 * the log are nginx's own (README.md).
 */


#ifndef _ZONE_LIB_H_INCLUDED_
#define _ZONE_LIB_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "../../src/zone/ngx_sio_zone.h"


#define ZT_SLOTS  NGX_SIO_MAX_SLOTS


/* fails the test with a message; zt_ok(condition, format, ...) */

#define zt_ok(cond, ...)                                                      \
    do {                                                                      \
        if (!(cond)) {                                                        \
            zt_fail(__FILE__, __LINE__, #cond, __VA_ARGS__);                  \
        }                                                                     \
    } while (0)

#define zt_rc(expr, want)                                                     \
    do {                                                                      \
        ngx_int_t  zt_rc_ = (expr);                                           \
        zt_ok(zt_rc_ == (want), "%s is %s, not %s", #expr, zt_rc_name(zt_rc_),\
              zt_rc_name(want));                                              \
    } while (0)

void zt_fail(const char *file, int line, const char *cond, const char *fmt,
    ...) __attribute__((noreturn, format(printf, 4, 5)));
const char *zt_rc_name(ngx_int_t rc);

/* called by zt_fail() before it exits, may be NULL */
extern void (*zt_on_fail)(void);


/*
 * The test itself: run instead of nginx's main(); its return value is the
 * exit code.  ZONE_SEED in the environment sets the seed.
 */

int zt_main(int argc, char **argv);

extern const char  *zt_name;
extern uint64_t     zt_seed;

/*
 * As fork(); the child has its own ngx_pid and dies with its parent, so that a
 * failed test leaves nothing running.
 */
pid_t zt_fork(void);

/* 64-bit xorshift; zt_rand(n) is below n */
void zt_srand(uint64_t seed);
uint64_t zt_rand64(void);
ngx_uint_t zt_rand(ngx_uint_t n);

/* an environment variable as a number */
ngx_uint_t zt_env(const char *name, ngx_uint_t value);

/* microseconds, monotonic */
uint64_t zt_now(void);

/* sanitizers make fork() and everything else several times slower */
#if defined(__SANITIZE_ADDRESS__)
#define ZT_SANITIZED  1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ZT_SANITIZED  1
#endif
#endif

#ifndef ZT_SANITIZED
#define ZT_SANITIZED  0
#endif


/* the zone */

typedef struct {
    ngx_slab_pool_t         *shpool;
    size_t                   size;
    ngx_sio_root_t          *root;
    ngx_sio_limits_t         limits;
} zt_zone_t;

extern ngx_log_t   zt_log;

/* how many [alert] lines this process has logged; unless they are wanted the
   test fails in the end */
extern ngx_uint_t  zt_alerts;
extern ngx_uint_t  zt_alerts_wanted;

/* limits that no test reaches by chance */
void zt_limits(ngx_sio_limits_t *limits);

/* an anonymous shared mapping, a slab pool as of ngx_init_zone_pool() */
ngx_slab_pool_t *zt_pool(size_t size);
void zt_zone_open(zt_zone_t *zone, size_t size,
    const ngx_sio_limits_t *limits);
void zt_zone_close(zt_zone_t *zone);

/* fails the test when the checker finds something */
void zt_check(ngx_sio_zone_t *z);

/* sections that change nothing, until what was freed, and what this worker
   took, is back on its lists */
void zt_settle(ngx_sio_zone_t *z);

/* fails the test when the two differ in what must come back to the start */
void zt_same(const ngx_sio_counters_t *start, const ngx_sio_counters_t *now);


/*
 * Bodies: an id, a length and bytes that follow from both, in one to three
 * buffers
 */

typedef struct {
    ngx_sio_body_t           body;
    ngx_str_t                bufs[3];
    u_char                  *bytes;
    size_t                   size;         /* allocated */
} zt_body_t;

#define ZT_BODY_MIN  8

void zt_body(zt_body_t *b, uint32_t id, size_t len);
void zt_body_free(zt_body_t *b);

/* reads a body in pieces of random lengths, checks each byte; the id */
uint32_t zt_body_id(ngx_sio_zone_t *z, const ngx_sio_body_t *body);


/*
 * A worker: what src/core keeps privately
 */

typedef struct {
    ngx_sio_handle_t         socket;
    ngx_sio_handle_t         session;
    ngx_sio_ref_t            room;
    ngx_uint_t               muted;             /* was kicked */
} zt_member_t;

typedef struct {
    ngx_sio_handle_t         session;
    ngx_sio_role_e           role;
    ngx_uint_t               wake;
} zt_ready_t;

typedef struct zt_worker_s  zt_worker_t;

/* socket.ref is 0 when the entry is for the session */
typedef void (*zt_receive_pt)(zt_worker_t *w, ngx_sio_handle_t session,
    ngx_sio_handle_t socket, ngx_sio_entry_t *entry);
typedef void (*zt_overflow_pt)(zt_worker_t *w);

struct zt_worker_s {
    ngx_sio_zone_t           z;
    ngx_uint_t               n;            /* index in the test */
    ngx_uint_t               applying;     /* apply must not be re-entered */

    zt_member_t             *members;
    ngx_uint_t               nmembers;
    ngx_uint_t               members_size;

    zt_ready_t              *ready;        /* a FIFO */
    ngx_uint_t               ready_first;
    ngx_uint_t               nready;
    ngx_uint_t               ready_size;

    ngx_sio_handle_t         connecting;   /* session whose socket connects */

    ngx_uint_t               forgetful;    /* zt_member_forget() was called */
    ngx_uint_t               ignored;

    zt_receive_pt            receive;
    zt_overflow_pt           overflow;
    void                    *data;

    uint64_t                 received;
    uint64_t                 replies;
    uint32_t                 reply_id;      /* the last one's */
};

/* claims a slot */
void zt_worker_init(zt_worker_t *w, zt_zone_t *zone, ngx_uint_t n);
/* the same without a slot: who only looks */
void zt_worker_view(zt_worker_t *w, zt_zone_t *zone);
void zt_worker_cleanup(zt_worker_t *w);

/* takes all there is: calls ngx_sio_drain() until it says NGX_OK */
void zt_drain(zt_worker_t *w);

/* the oldest of the ready list; 0: none */
ngx_uint_t zt_ready_next(zt_worker_t *w, zt_ready_t *r);

void zt_member_mute(zt_worker_t *w, ngx_sio_handle_t socket);
void zt_member_add(zt_worker_t *w, ngx_sio_handle_t session,
    ngx_sio_handle_t socket, ngx_sio_ref_t room);
void zt_member_remove(zt_worker_t *w, ngx_sio_handle_t socket,
    ngx_sio_ref_t room);

/*
 * Forgets all sockets of a session, its WebSocket is closed.  What others did
 * to them before may still lie in the inbox: from then on an ADD of an unknown
 * socket is ignored, as by src/core.
 */
void zt_member_forget(zt_worker_t *w, ngx_sio_handle_t session);

/* how many of its memberships, or sockets when room is 0 */
ngx_uint_t zt_members(zt_worker_t *w, ngx_sio_ref_t room);


/*
 * Images: copies of the whole mapping
 */

typedef struct {
    u_char                  *mem;
    size_t                   size;
} zt_image_t;

/* in memory that children share */
void zt_image_init(zt_image_t *image, zt_zone_t *zone);
void zt_image_free(zt_image_t *image);
void zt_image_save(zt_image_t *image, zt_zone_t *zone);
void zt_image_restore(zt_image_t *image, zt_zone_t *zone);

/*
 * The first difference in what must be equal: all but the lock word, the
 * journal, what is marked "scratch", the bytes of free cells and the content
 * of blobs in preparation.  NULL: none
 */
const char *zt_image_diff(zt_zone_t *zone, const u_char *a, const u_char *b);


/*
 * Called from inside of the zone (by the linker's --wrap), may be NULL
 */

typedef struct {
    void       (*locked)(void);               /* just got the lock */
    void       (*begun)(ngx_sio_zone_t *z);   /* a section begins */
    void       (*committed)(ngx_sio_zone_t *z);
    ngx_uint_t (*alloc)(ngx_sio_zone_t *z);   /* 0: has no memory */
} zt_hooks_t;

extern zt_hooks_t  zt_hooks;


static ngx_inline ngx_uint_t
zt_handle_eq(ngx_sio_handle_t a, ngx_sio_handle_t b)
{
    return a.ref == b.ref && a.gen == b.gen;
}


#endif /* _ZONE_LIB_H_INCLUDED_ */
