
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Figures, for status pages and for tests.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


void
ngx_sio_refused(ngx_sio_zone_t *z, ngx_sio_refused_e what)
{
    (void) __sync_fetch_and_add(&z->root->scratch.refused[what], 1);
}


void
ngx_sio_hook_count(ngx_sio_zone_t *z, ngx_sio_hook_e what, ngx_uint_t n)
{
    (void) __sync_fetch_and_add(&z->root->scratch.hooks[what], (uint32_t) n);
}


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
    c->handshakes = n->handshakes;
    c->sockets = n->sockets;
    c->namespaces = n->namespaces;
    c->rooms = n->rooms;
    c->memberships = n->memberships;
    c->messages = n->blobs;
    c->nodes = n->nodes;
    c->acks = n->acks;
    c->tokens = n->tokens;
    c->pages = z->root->npages;
    c->free_pages = n->free_pages;
    c->refusals = s->refusals;
    c->rollbacks = s->rollbacks;
    c->epoch = z->root->epoch;
    c->lock_holds = s->holds;
    c->lock_waits = s->waits;
    c->lock_hold_max = s->hold_max;
    c->lock_wait_max = s->wait_max;
    c->rate_keys = s->rate_keys;
    c->rate_evictions = s->rate_evictions;

    for (i = 0; i < NGX_SIO_NREFUSED; i++) {
        c->refused[i] = s->refused[i];
    }

    for (i = 0; i < NGX_SIO_NHOOK; i++) {
        c->hooks[i] = s->hooks[i];
    }

    for (i = 0; i < NGX_SIO_MAX_SLOTS; i++) {
        if (z->root->slots[i].state == NGX_SIO_SLOT_LIVE) {
            c->slots++;
        }
    }

    return ngx_sio_finish(z, NGX_OK);
}
