
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The lock, and the beginning and the end of a section.
 *
 * The lock is the slab pool's mutex: when its holder dies nginx's master
 * releases that one, in the zones of the current cycle.  In others, and when
 * the master itself is gone, whoever waits does it.  It is only ever tried,
 * never slept on: the mutex's own semaphore would be left with a count.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <signal.h>
#include <time.h>
#include "ngx_sio_internal.h"


#define NGX_SIO_LOCK_SPIN     200               /* tries with a pause */
#define NGX_SIO_LOCK_YIELD    20                /* then with sched_yield() */
#define NGX_SIO_LOCK_SLEEP    50000             /* then with sleeps, ns ... */
#define NGX_SIO_LOCK_SLEEP_MAX  200000         /* ... doubled up to this */
#define NGX_SIO_LOCK_SUSPECT  100000000         /* ns */
#define NGX_SIO_LOCK_AGAIN    1000000000        /* ns */

#define NGX_SIO_TRASH_ROUNDS  16


static ngx_int_t ngx_sio_private_init(ngx_sio_zone_t *z);
static void ngx_sio_lock_wait(ngx_sio_zone_t *z, uint64_t start);
static uint64_t ngx_sio_clock(void);
static void ngx_sio_wake_others(ngx_sio_zone_t *z);
static void ngx_sio_apply_taken(ngx_sio_zone_t *z);


ngx_int_t
ngx_sio_begin(ngx_sio_zone_t *z)
{
    ngx_uint_t          n;
    const char         *what;
    ngx_sio_root_t     *root;
    ngx_sio_slot_sh_t  *slot;
    ngx_sio_private_t  *p;

    if (ngx_sio_private_init(z) != NGX_OK) {
        return NGX_BUSY;
    }

    root = z->root;
    p = ngx_sio_private(z);
    what = NULL;

    ngx_sio_lock(z);

    p->failed = 0;
    p->writes = 0;
    p->outside = 1;
    p->taken = 0;
    p->overflowed = 0;
    p->inbox_count = 0;
    p->nwoken = 0;
    p->own = NULL;
    p->nchanges = 0;
    p->life_len = 0;
    p->life_lost = 0;
    ngx_memzero(p->wake, sizeof(p->wake));

    if (root->journal) {
        ngx_sio_rollback(z);
        root->scratch.rollbacks++;

        what = ngx_sio_check_locked(z);

        if (what) {
            root->epoch++;
            root->resetting = 1;
        }
    }

    if (root->resetting || z->epoch != root->epoch) {
        ngx_sio_unlock(z);

        if (what) {
            ngx_log_error(NGX_LOG_ALERT, z->log, 0,
                          "sio zone: a worker died and %s, all sessions are "
                          "closed", what);
        }

        return NGX_ABORT;
    }

    if (z->slot != NGX_SIO_NO_SLOT) {
        slot = ngx_sio_slot(z, z->slot);

        if (slot->state != NGX_SIO_SLOT_LIVE || slot->gen != z->slot_gen) {
            /* others took this worker for dead */
            ngx_sio_unlock(z);
            return NGX_ABORT;
        }
    }

    for (n = 0; n < NGX_SIO_TRASH_ROUNDS; n++) {

        if (ngx_sio_trash_locked(z) == NGX_OK
            || root->counts.free_pages > root->npages / 16)
        {
            n = NGX_SIO_TRASH_ROUNDS;
        }

        if (p->failed) {
            ngx_sio_rollback(z);
            p->failed = 0;
            break;
        }

        if (root->journal) {
            ngx_sio_commit(z);
        }
    }

    root->scratch.section++;

    p->outside = 0;

    if (!(z->crash_at & NGX_SIO_CRASH_OUTSIDE)) {
        p->writes = 0;
    }

    return NGX_OK;
}


ngx_int_t
ngx_sio_finish(ngx_sio_zone_t *z, ngx_int_t rc)
{
    ngx_uint_t          i;
    ngx_sio_private_t  *p;

    p = ngx_sio_private(z);

    if (p->failed) {
        ngx_sio_undo_section(z);
        z->root->scratch.refusals++;
        rc = NGX_BUSY;

    } else {
        ngx_sio_commit(z);
    }

    p->outside = 1;

    if (z->slot != NGX_SIO_NO_SLOT) {
        ngx_sio_ready_take_locked(z);

        if (p->failed) {
            ngx_sio_rollback(z);
            p->failed = 0;
            p->nwoken = 0;

        } else {
            ngx_sio_commit(z);
        }
    }

    ngx_sio_unlock(z);

    ngx_sio_wake_others(z);

    ngx_sio_apply_taken(z);

    if (z->ready) {
        for (i = 0; i < p->nwoken; i++) {
            z->ready(z->data, p->woken[i].session, p->woken[i].role,
                     p->woken[i].wake);
        }
    }

    if (z->life) {
        ngx_sio_life_tell(z);
    }

    return rc;
}


void
ngx_sio_undo_section(ngx_sio_zone_t *z)
{
    ngx_sio_private_t  *p;

    p = ngx_sio_private(z);

    ngx_sio_rollback(z);

    p->failed = 0;
    p->taken = 0;
    p->overflowed = 0;
    p->inbox_count = 0;
    p->own = NULL;
    p->nchanges = 0;
    p->life_len = 0;
    p->life_lost = 0;
    ngx_memzero(p->wake, sizeof(p->wake));
}


ngx_int_t
ngx_sio_reserve(ngx_sio_zone_t *z, ngx_uint_t nchanges, ngx_uint_t nrefs)
{
    void               *new;
    ngx_sio_private_t  *p;

    if (ngx_sio_private_init(z) != NGX_OK) {
        return NGX_BUSY;
    }

    p = ngx_sio_private(z);

    if (nchanges > p->max_changes) {
        nchanges += nchanges / 2 + 16;

        new = ngx_alloc(nchanges * sizeof(ngx_sio_change_t), z->log);
        if (new == NULL) {
            return NGX_BUSY;
        }

        if (p->changes) {
            ngx_free(p->changes);
        }

        p->changes = new;
        p->max_changes = nchanges;
    }

    if (nrefs > p->max_refs) {
        nrefs += nrefs / 2 + 64;

        new = ngx_alloc(nrefs * sizeof(ngx_sio_ref_t), z->log);
        if (new == NULL) {
            return NGX_BUSY;
        }

        if (p->refs) {
            ngx_free(p->refs);
        }

        p->refs = new;
        p->max_refs = nrefs;
    }

    return NGX_OK;
}


void
ngx_sio_private_free(ngx_sio_zone_t *z)
{
    ngx_sio_private_t  *p;

    p = ngx_sio_private(z);

    if (p == NULL) {
        return;
    }

    if (p->changes) {
        ngx_free(p->changes);
    }

    if (p->refs) {
        ngx_free(p->refs);
    }

    if (p->buf) {
        ngx_free(p->buf);
    }

    if (p->life) {
        ngx_free(p->life);
    }

    ngx_free(p);

    z->scratch = NULL;
    z->scratch_size = 0;
}


static ngx_int_t
ngx_sio_private_init(ngx_sio_zone_t *z)
{
    if (z->scratch) {
        return NGX_OK;
    }

    z->scratch = ngx_calloc(sizeof(ngx_sio_private_t), z->log);
    if (z->scratch == NULL) {
        return NGX_BUSY;
    }

    z->scratch_size = sizeof(ngx_sio_private_t);
    z->base = (u_char *) z->root;

    if (z->slot_gen == 0) {
        z->slot = NGX_SIO_NO_SLOT;
    }

    if (z->epoch == 0) {
        z->epoch = z->root->epoch;
    }

    return NGX_OK;
}


void
ngx_sio_lock(ngx_sio_zone_t *z)
{
    uint64_t            start, wait;
    ngx_sio_private_t  *p;

    start = ngx_sio_clock();
    p = ngx_sio_private(z);

    if (ngx_shmtx_trylock(&z->shpool->mutex)) {
        p->locked_at = start;
        z->root->scratch.holds++;
        return;
    }

    ngx_sio_lock_wait(z, start);

    p->locked_at = ngx_sio_clock();
    wait = (p->locked_at - start) / 1000;

    z->root->scratch.holds++;
    z->root->scratch.waits++;

    if (wait > z->root->scratch.wait_max) {
        z->root->scratch.wait_max = wait;
    }
}


void
ngx_sio_unlock(ngx_sio_zone_t *z)
{
    uint64_t            hold;
    ngx_sio_private_t  *p;

    p = ngx_sio_private(z);

    hold = (ngx_sio_clock() - p->locked_at) / 1000;

    if (hold > z->root->scratch.hold_max) {
        z->root->scratch.hold_max = hold;
    }

    ngx_shmtx_unlock(&z->shpool->mutex);
}


static void
ngx_sio_lock_wait(ngx_sio_zone_t *z, uint64_t start)
{
    uint64_t          suspect;
    ngx_pid_t         pid;
    ngx_uint_t        n;
    ngx_shmtx_t      *mutex;
    struct timespec   ts;

    mutex = &z->shpool->mutex;
    suspect = start + NGX_SIO_LOCK_SUSPECT;
    ts.tv_sec = 0;
    ts.tv_nsec = NGX_SIO_LOCK_SLEEP;

    for (n = 0; !ngx_shmtx_trylock(mutex); n++) {

        if (n < NGX_SIO_LOCK_SPIN && ngx_ncpu != 1) {
            ngx_cpu_pause();
            continue;
        }

        if (n < NGX_SIO_LOCK_SPIN + NGX_SIO_LOCK_YIELD) {
            ngx_sched_yield();
            continue;
        }

        (void) nanosleep(&ts, NULL);

        if (ts.tv_nsec < NGX_SIO_LOCK_SLEEP_MAX) {
            ts.tv_nsec *= 2;
        }

        if (ngx_sio_clock() < suspect) {
            continue;
        }

        suspect = ngx_sio_clock() + NGX_SIO_LOCK_AGAIN;

        pid = (ngx_pid_t) *mutex->lock;

        if (pid != 0 && ngx_sio_process_start(pid, NULL) == 0) {
            (void) ngx_shmtx_force_unlock(mutex, pid);
        }
    }
}


/*
 * Non-zero when the process lives; its start time in clock ticks, 0 when that
 * cannot be told.  A zombie does not live: it holds the lock for ever if its
 * parent has something better to do.
 */

ngx_uint_t
ngx_sio_process_start(ngx_pid_t pid, uint32_t start[2])
{
    u_char             *p, *last;
    size_t              n;
    ssize_t             size;
    ngx_fd_t            fd;
    uint64_t            ticks;
    u_char              buf[1024];

    if (start) {
        start[0] = 0;
        start[1] = 0;
    }

    if (kill(pid, 0) == -1 && ngx_errno == ESRCH) {
        return 0;
    }

    ngx_snprintf(buf, sizeof(buf), "/proc/%P/stat%Z", pid);

    fd = ngx_open_file(buf, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        return 1;
    }

    size = ngx_read_fd(fd, buf, sizeof(buf));

    (void) ngx_close_file(fd);

    if (size <= 0) {
        return 1;
    }

    /* proc(5): pid (comm) state ... starttime is the 22nd; comm may hold
       anything */

    last = buf + size;

    for (p = last - 1; p > buf && *p != ')'; p--) { /* void */ }

    if (p + 2 < last && (p[2] == 'Z' || p[2] == 'X')) {
        return 0;
    }

    for (n = 2; p < last; p++) {

        if (*p == ' ' && ++n == 22) {
            break;
        }
    }

    ticks = 0;

    for (p++; p < last && *p >= '0' && *p <= '9'; p++) {
        ticks = ticks * 10 + (*p - '0');
    }

    if (start) {
        start[0] = (uint32_t) ticks;
        start[1] = (uint32_t) (ticks >> 32);
    }

    return 1;
}


static uint64_t
ngx_sio_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


static void
ngx_sio_wake_others(ngx_sio_zone_t *z)
{
    uint64_t            one;
    ngx_uint_t          i;
    ngx_sio_private_t  *p;

    one = 1;
    p = ngx_sio_private(z);

    for (i = 0; i < NGX_SIO_MAX_SLOTS; i++) {

        if (p->wake[i / 32] == 0) {
            i += 31;
            continue;
        }

        if ((p->wake[i / 32] & ((uint32_t) 1 << (i % 32)))
            && z->root->fds_made)
        {
            /* full means that it is awake; for all else there is the tick */

            if (write(z->root->fds[i], &one, sizeof(uint64_t)) == -1) {
                continue;
            }
        }
    }
}


static void
ngx_sio_apply_taken(ngx_sio_zone_t *z)
{
    ngx_uint_t          i;
    ngx_sio_ref_t       ref;
    ngx_sio_entry_t     entry;
    ngx_sio_node_sh_t  *node;
    ngx_sio_private_t  *p;

    p = ngx_sio_private(z);

    if (z->apply == NULL) {
        return;
    }

    if (p->overflowed) {
        ngx_memzero(&entry, sizeof(ngx_sio_entry_t));
        entry.type = NGX_SIO_ENTRY_OVERFLOW;
        z->apply(z->data, &entry);
    }

    ref = p->inbox;

    for (i = 0; i < p->inbox_count; i++) {
        node = ngx_sio_ptr(z, ref);

        if (ngx_sio_node_entry(z, ref, &entry) != NGX_OK) {
            ngx_memzero(&entry, sizeof(ngx_sio_entry_t));
            entry.type = NGX_SIO_ENTRY_OVERFLOW;
        }

        z->apply(z->data, &entry);

        ref = node->next;
    }

    if (p->own) {
        z->apply(z->data, p->own);
    }

    for (i = 0; i < p->nchanges; i++) {
        ngx_memzero(&entry, sizeof(ngx_sio_entry_t));
        entry.type = p->changes[i].type;
        entry.session = p->changes[i].session;
        entry.socket = p->changes[i].socket;
        entry.room = p->changes[i].room;
        z->apply(z->data, &entry);
    }
}
