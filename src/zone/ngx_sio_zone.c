
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The zone as a whole: formatting, attaching, and starting over when what a
 * dead worker left cannot be trusted.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <sys/eventfd.h>
#include "ngx_sio_internal.h"


#define NGX_SIO_MIN_PAGES     16          /* of the heap */
#define NGX_SIO_MIN_BUCKETS   64
#define NGX_SIO_MAX_SIZE      ((uint64_t) 0xffffffff * 4)


static ngx_int_t ngx_sio_zone_layout(ngx_sio_root_t *root, uint64_t size);
static void ngx_sio_zone_key(uint32_t key[4]);
static void ngx_sio_zone_limits(ngx_sio_root_t *root,
    const ngx_sio_limits_t *limits);


ngx_int_t
ngx_sio_zone_init(ngx_slab_pool_t *shpool, const ngx_sio_limits_t *limits,
    ngx_sio_root_t **rootp, ngx_log_t *log)
{
    size_t           size;
    ngx_sio_root_t  *root;

    root = shpool->data;

    if (root) {

        if (root->magic != NGX_SIO_MAGIC || root->layout != NGX_SIO_LAYOUT) {
            ngx_log_error(NGX_LOG_EMERG, log, 0,
                          "sio zone: it has the layout %uD instead of %ui, "
                          "nginx has to be restarted",
                          root->layout, (ngx_uint_t) NGX_SIO_LAYOUT);
            return NGX_ERROR;
        }

        *rootp = root;

        return NGX_OK;
    }

    size = shpool->pfree * ngx_pagesize;

    root = size ? ngx_slab_alloc_locked(shpool, size) : NULL;

    if (root == NULL) {
        ngx_log_error(NGX_LOG_EMERG, log, 0, "sio zone: no free pages");
        return NGX_ERROR;
    }

    ngx_memzero(root, sizeof(ngx_sio_root_t));

    if (ngx_sio_zone_layout(root, size) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "sio zone: its size does not fit, %uz bytes are free",
                      size);
        return NGX_ERROR;
    }

    ngx_sio_zone_key(root->key);
    ngx_sio_zone_limits(root, limits);
    ngx_sio_zone_format(root);

    root->epoch = 1;
    root->scratch.section = 1;
    root->layout = NGX_SIO_LAYOUT;
    root->magic = NGX_SIO_MAGIC;

    shpool->data = root;
    *rootp = root;

    return NGX_OK;
}


static ngx_int_t
ngx_sio_zone_layout(ngx_sio_root_t *root, uint64_t size)
{
    uint64_t  off, n, journal;

    if (size > NGX_SIO_MAX_SIZE) {
        size = NGX_SIO_MAX_SIZE & ~(uint64_t) (NGX_SIO_PAGE_SIZE - 1);
    }

    root->size = size;

    off = ngx_align(sizeof(ngx_sio_root_t), 64);

    root->wheel_off = off;
    off += NGX_SIO_NWHEELS * NGX_SIO_WHEEL_SIZE * sizeof(uint32_t);

    for (n = NGX_SIO_MIN_BUCKETS; n * 2 <= size / 1024; n *= 2) { /* void */ }

    root->nbuckets = (uint32_t) n;
    root->table_off = off;
    off = ngx_align(off + n * NGX_SIO_NTABLES * sizeof(uint32_t), 64);

    /* about a 64th of it */

    for (n = 1; n < NGX_SIO_RATE_SETS && n * 2 <= size / 3072; n *= 2) {
        /* void */
    }

    root->rate_sets = (uint32_t) n;
    root->rate_off = off;
    off += n * NGX_SIO_RATE_WORDS * sizeof(uint64_t);

    journal = size / 16;

    root->pages_off = off;

    if (off + journal >= size) {
        return NGX_ERROR;
    }

    n = (size - off - journal)
        / (NGX_SIO_PAGE_SIZE + sizeof(ngx_sio_page_sh_t));

    off = ngx_align(off + n * sizeof(ngx_sio_page_sh_t), 64);

    root->journal_off = off;
    off = ngx_align(off + journal, NGX_SIO_PAGE_SIZE);

    root->heap_off = off;
    root->journal_max = (uint32_t) (journal / sizeof(ngx_sio_undo_sh_t));

    if (off >= size) {
        return NGX_ERROR;
    }

    n = ngx_min(n, (size - off) / NGX_SIO_PAGE_SIZE);

    root->npages = (uint32_t) n;

    return (n < NGX_SIO_MIN_PAGES) ? NGX_ERROR : NGX_OK;
}


/* an empty zone; slots, limits and generations stay */

void
ngx_sio_zone_format(ngx_sio_root_t *root)
{
    u_char             *base;
    ngx_uint_t          i;
    ngx_sio_slot_sh_t  *slot, old;

    base = (u_char *) root;

    /* the rates stay: of a new mapping all is 0, and most is never touched */

    ngx_memzero(base + root->wheel_off, root->rate_off - root->wheel_off);
    ngx_memzero(base + root->pages_off, root->journal_off - root->pages_off);

    root->journal = 0;
    root->fresh = 0;
    root->pages = 0;
    root->trash_blobs = 0;
    root->trash = 0;
    root->trash_last = 0;
    root->reap_page = 0;

    ngx_memzero(root->partial, sizeof(root->partial));
    ngx_memzero(&root->counts, sizeof(ngx_sio_counts_sh_t));
    ngx_memzero(root->wheels, sizeof(root->wheels));

    root->counts.free_pages = root->npages;

    for (i = 0; i < NGX_SIO_MAX_SLOTS; i++) {
        slot = &root->slots[i];
        old = *slot;

        ngx_memzero(slot, sizeof(ngx_sio_slot_sh_t));

        if (old.state == NGX_SIO_SLOT_LIVE) {
            slot->state = old.state;
            slot->pid = old.pid;
            slot->start[0] = old.start[0];
            slot->start[1] = old.start[1];
            slot->gen = old.gen;
            slot->epoch = old.epoch;
        }
    }
}


static void
ngx_sio_zone_key(uint32_t key[4])
{
    ssize_t     n;
    ngx_fd_t    fd;
    ngx_uint_t  i;

    fd = ngx_open_file("/dev/urandom", NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd != NGX_INVALID_FILE) {
        n = ngx_read_fd(fd, key, 4 * sizeof(uint32_t));

        (void) ngx_close_file(fd);

        if (n == (ssize_t) (4 * sizeof(uint32_t))) {
            return;
        }
    }

    for (i = 0; i < 4; i++) {
        key[i] = (uint32_t) ngx_random() ^ (uint32_t) ngx_random() << 16;
    }
}


static void
ngx_sio_zone_limits(ngx_sio_root_t *root, const ngx_sio_limits_t *limits)
{
    root->limits.max_rooms = (uint32_t) limits->max_rooms;
    root->limits.max_namespaces = (uint32_t) limits->max_namespaces;
    root->limits.max_acks = (uint32_t) limits->max_acks;
    root->limits.max_room_name = (uint32_t) limits->max_room_name;
    root->limits.max_data = (uint32_t) limits->max_data;
    root->limits.max_queue = (uint32_t) limits->max_queue;
    root->limits.max_queue_size = (uint32_t) limits->max_queue_size;
    root->limits.max_inbox = (uint32_t) limits->max_inbox;
    root->limits.max_inbox_size = (uint32_t) limits->max_inbox_size;
    root->limits.max_sessions = (uint32_t) limits->max_sessions;
    root->limits.max_handshakes = (uint32_t) limits->max_handshakes;
}


ngx_int_t
ngx_sio_zone_configure(ngx_sio_root_t *root, const ngx_sio_limits_t *limits,
    ngx_log_t *log)
{
    int         fd;
    ngx_uint_t  i;

    ngx_sio_zone_limits(root, limits);

    if (root->fds_made) {
        return NGX_OK;
    }

    for (i = 0; i < NGX_SIO_MAX_SLOTS; i++) {

        fd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);

        if (fd == -1) {
            ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                          "sio zone: eventfd() failed");

            while (i--) {
                (void) close(root->fds[i]);
            }

            return NGX_ERROR;
        }

        root->fds[i] = fd;
    }

    root->fds_made = 1;

    return NGX_OK;
}


void
ngx_sio_zone_close(ngx_sio_root_t *root)
{
    ngx_uint_t  i;

    if (!root->fds_made) {
        return;
    }

    for (i = 0; i < NGX_SIO_MAX_SLOTS; i++) {
        (void) close(root->fds[i]);
    }
}


/*
 * Starting over.  The heap is given out anew only when no live worker still
 * reads in it: each has acknowledged, or its process is gone.  Nothing here is
 * journalled: as long as "resetting" is set nobody reads what is written.
 */

ngx_int_t
ngx_sio_zone_reset_locked(ngx_sio_zone_t *z)
{
    ngx_uint_t          i;
    ngx_sio_root_t     *root;
    ngx_sio_slot_sh_t  *slot;

    root = z->root;

    for (i = 0; i < NGX_SIO_MAX_SLOTS; i++) {
        slot = &root->slots[i];

        if (slot->state != NGX_SIO_SLOT_LIVE || slot->epoch == root->epoch) {
            continue;
        }

        if (ngx_sio_slot_alive(slot)) {
            return NGX_AGAIN;
        }

        slot->state = NGX_SIO_SLOT_FREE;
    }

    ngx_sio_zone_format(root);

    ngx_sio_barrier();

    root->resetting = 0;

    return NGX_OK;
}


ngx_int_t
ngx_sio_zone_acknowledge(ngx_sio_zone_t *z)
{
    ngx_int_t           rc;
    ngx_uint_t          lost;
    ngx_sio_root_t     *root;
    ngx_sio_slot_sh_t  *slot;

    rc = ngx_sio_reserve(z, 0, 0);
    if (rc != NGX_OK) {
        return NGX_AGAIN;
    }

    root = z->root;
    rc = NGX_OK;
    lost = 1;

    ngx_sio_lock(z);

    if (root->journal && !root->resetting) {
        /* left to ngx_sio_begin(), which checks */
        ngx_sio_unlock(z);

        z->epoch = root->epoch;
        z->slot = NGX_SIO_NO_SLOT;

        return ngx_sio_slot_claim(z) == NGX_OK ? NGX_OK : NGX_AGAIN;
    }

    if (z->slot != NGX_SIO_NO_SLOT) {
        slot = ngx_sio_slot(z, z->slot);

        if (slot->state == NGX_SIO_SLOT_LIVE && slot->gen == z->slot_gen) {
            slot->epoch = root->epoch;
            lost = 0;
        }
    }

    if (root->resetting) {
        rc = ngx_sio_zone_reset_locked(z);
    }

    if (rc == NGX_OK) {
        z->epoch = root->epoch;
    }

    ngx_sio_unlock(z);

    if (rc == NGX_OK && lost) {
        rc = ngx_sio_slot_claim(z);

        if (rc == NGX_ABORT) {
            rc = NGX_AGAIN;
        }
    }

    return rc;
}
