
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Figures, for status pages and for tests.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


static uint64_t ngx_sio_digest_add(uint64_t h, const void *data, size_t len);
static uint64_t ngx_sio_digest_cell(ngx_sio_zone_t *z, uint64_t h,
    ngx_uint_t class, u_char *p);


ngx_int_t
ngx_sio_zone_counters(ngx_sio_zone_t *z, ngx_sio_counters_t *c)
{
    ngx_int_t              rc;
    ngx_uint_t             i;
    ngx_sio_counts_sh_t   *n;
    ngx_sio_scratch_sh_t  *s;

    ngx_memzero(c, sizeof(ngx_sio_counters_t));

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    n = &z->root->counts;
    s = &z->root->scratch;

    c->sessions = n->sessions;
    c->polling = n->polling;
    c->sockets = n->sockets;
    c->namespaces = n->namespaces;
    c->rooms = n->rooms;
    c->memberships = n->memberships;
    c->messages = n->blobs;
    c->nodes = n->nodes;
    c->acks = n->acks;
    c->pages = z->root->npages;
    c->free_pages = n->free_pages;
    c->refusals = s->refusals;
    c->rollbacks = s->rollbacks;
    c->epoch = z->root->epoch;
    c->lock_holds = s->holds;
    c->lock_waits = s->waits;
    c->lock_hold_max = s->hold_max;
    c->lock_wait_max = s->wait_max;

    for (i = 0; i < NGX_SIO_MAX_SLOTS; i++) {
        if (z->root->slots[i].state == NGX_SIO_SLOT_LIVE) {
            c->slots++;
        }
    }

    return ngx_sio_finish(z, NGX_OK);
}


/* FNV-1a */

static uint64_t
ngx_sio_digest_add(uint64_t h, const void *data, size_t len)
{
    const u_char  *p;

    for (p = data; len; len--) {
        h = (h ^ *p++) * 0x100000001b3ULL;
    }

    return h;
}


static uint64_t
ngx_sio_digest_cell(ngx_sio_zone_t *z, uint64_t h, ngx_uint_t class,
    u_char *p)
{
    size_t  len;

    len = ngx_sio_class_size(class);

    switch (class) {

    case NGX_SIO_CLASS_SESSION:
        len = sizeof(ngx_sio_session_sh_t);
        break;

    case NGX_SIO_CLASS_SOCKET:
        /* but for the stamp */
        len = offsetof(ngx_sio_socket_sh_t, stamp);
        break;

    default:

        if (class >= NGX_SIO_CLASS_DATA) {
            /* bytes of a blob only change while nothing leads to them */
            return h;
        }
    }

    return ngx_sio_digest_add(h, p, len);
}


uint64_t
ngx_sio_zone_digest(ngx_sio_zone_t *z)
{
    u_char             *p;
    uint32_t            i, cell;
    uint64_t            h;
    ngx_uint_t          class;
    ngx_sio_root_t     *root;
    ngx_sio_page_sh_t  *page;

    /* until nothing is left to be freed */

    do {
        if (ngx_sio_begin(z) != NGX_OK) {
            return 0;
        }

        i = z->root->trash || z->root->trash_blobs
            || (z->slot != NGX_SIO_NO_SLOT
                && z->root->slots[z->slot].used);

        if (i) {
            (void) ngx_sio_finish(z, NGX_OK);
        }

    } while (i);

    root = z->root;

    h = ngx_sio_digest_add(0xcbf29ce484222325ULL, &root->gen,
                           (u_char *) root + sizeof(ngx_sio_root_t)
                           - (u_char *) &root->gen);

    h = ngx_sio_digest_add(h, z->base + root->wheel_off,
                           root->pages_off - root->wheel_off);

    for (i = 0; i < root->fresh; i++) {
        page = ngx_sio_pages(z) + i;
        class = page->state & 0xff;

        h = ngx_sio_digest_add(h, page, offsetof(ngx_sio_page_sh_t, freed));
        h = ngx_sio_digest_add(h, page->used, sizeof(page->used));

        for (cell = 0; cell < ngx_sio_class_cells(class); cell++) {

            if (!(page->used[cell / 32] & ((uint32_t) 1 << (cell % 32)))) {
                continue;
            }

            p = z->base + root->heap_off + (uint64_t) i * NGX_SIO_PAGE_SIZE
                + cell * ngx_sio_class_size(class);

            h = ngx_sio_digest_cell(z, h, class, p);
        }
    }

    (void) ngx_sio_finish(z, NGX_OK);

    return h;
}
