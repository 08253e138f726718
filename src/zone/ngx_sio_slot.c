
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Workers: their slots, their inboxes and ready lists, and taking apart what
 * a dead one had.
 *
 * A wake-up is judged in the section (nothing was there before), the eventfd
 * is written after it.  The worker reads its eventfd first and takes its inbox
 * then; what is lost when the writer dies in between is found on the next
 * tick.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


#define NGX_SIO_REAP_SESSIONS  64
#define NGX_SIO_REAP_PAGES     4096
#define NGX_SIO_DRAIN_ROUNDS   64      /* of NGX_SIO_TRASH_NODES */


static ngx_uint_t ngx_sio_slot_used(ngx_sio_slot_sh_t *slot);
static void ngx_sio_slot_bury_locked(ngx_sio_zone_t *z,
    ngx_sio_slot_sh_t *slot);
static void ngx_sio_slot_settle_locked(ngx_sio_zone_t *z);
static void ngx_sio_reap_session_locked(ngx_sio_zone_t *z,
    ngx_sio_session_sh_t *s);
static ngx_int_t ngx_sio_reap_walk_locked(ngx_sio_zone_t *z);


ngx_int_t
ngx_sio_slot_claim(ngx_sio_zone_t *z)
{
    uint32_t            start[2];
    ngx_int_t           rc;
    ngx_uint_t          i;
    ngx_sio_slot_sh_t  *slot;

    z->slot = NGX_SIO_NO_SLOT;
    z->slot_gen = 0;
    z->base = (u_char *) z->root;
    z->epoch = z->root->epoch;

    (void) ngx_sio_process_start(ngx_pid, start);

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_sio_slot_settle_locked(z);

    rc = NGX_BUSY;
    slot = NULL;

    for (i = 0; i < NGX_SIO_MAX_SLOTS && !ngx_sio_slot_live(z, i); i++) {
        /* void */
    }

    if (i == NGX_SIO_MAX_SLOTS) {
        /* sessions that closed when nobody was there */
        ngx_sio_set(z, &z->root->reap_page, 1);
    }

    for (i = 0; i < NGX_SIO_MAX_SLOTS; i++) {
        slot = ngx_sio_slot(z, i);

        if (slot->state == NGX_SIO_SLOT_FREE) {
            ngx_sio_set(z, &slot->gen, ngx_sio_next_gen(z));
            ngx_sio_set(z, &slot->pid, (uint32_t) ngx_pid);
            ngx_sio_set(z, &slot->start[0], start[0]);
            ngx_sio_set(z, &slot->start[1], start[1]);
            ngx_sio_set(z, &slot->epoch, z->root->epoch);
            ngx_sio_set(z, &slot->overflowed, 0);
            ngx_sio_set(z, &slot->state, NGX_SIO_SLOT_LIVE);
            rc = NGX_OK;
            break;
        }
    }

    rc = ngx_sio_finish(z, rc);

    if (rc == NGX_OK) {
        z->slot = i;
        z->slot_gen = slot->gen;
    }

    return rc;
}


void
ngx_sio_slot_release(ngx_sio_zone_t *z)
{
    if (z->slot != NGX_SIO_NO_SLOT && z->slot_gen
        && ngx_sio_begin(z) == NGX_OK)
    {
        ngx_sio_slot_bury_locked(z, ngx_sio_slot(z, z->slot));
        ngx_sio_slot_settle_locked(z);

        if (!ngx_sio_failed(z)) {
            z->slot = NGX_SIO_NO_SLOT;
        }

        (void) ngx_sio_finish(z, NGX_OK);
    }

    z->slot = NGX_SIO_NO_SLOT;
    z->slot_gen = 0;

    ngx_sio_private_free(z);
}


ngx_fd_t
ngx_sio_slot_fd(ngx_sio_zone_t *z)
{
    if (z->slot == NGX_SIO_NO_SLOT || !z->root->fds_made) {
        return -1;
    }

    return z->root->fds[z->slot];
}


ngx_uint_t
ngx_sio_pending(ngx_sio_zone_t *z)
{
    volatile ngx_sio_slot_sh_t  *slot;

    if (z->slot == NGX_SIO_NO_SLOT || z->slot_gen == 0) {
        return 0;
    }

    /* each is one word; a value that is undone later only costs a drain */

    slot = ngx_sio_slot(z, z->slot);

    return slot->inbox || slot->ready || slot->overflowed
           || slot->gen != z->slot_gen
           || z->epoch != *(volatile uint32_t *) &z->root->epoch;
}


ngx_int_t
ngx_sio_drain(ngx_sio_zone_t *z)
{
    ngx_int_t   rc, more;
    ngx_uint_t  n;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_sio_inbox_take_locked(z);

    rc = ngx_sio_finish(z, NGX_OK);
    more = NGX_OK;

    /* what was applied is returned, a little in the beginning of each section:
       otherwise it would pile up with a worker that only receives */

    for (n = 0; rc == NGX_OK; n++) {

        if (ngx_sio_private(z)->nwoken == NGX_SIO_READY_MAX) {
            more = NGX_AGAIN;
        }

        if (z->slot == NGX_SIO_NO_SLOT || n == NGX_SIO_DRAIN_ROUNDS
            || ngx_sio_slot(z, z->slot)->used == 0)
        {
            return more;
        }

        rc = ngx_sio_begin(z);

        if (rc == NGX_OK) {
            rc = ngx_sio_finish(z, NGX_OK);
        }
    }

    return rc;
}


void
ngx_sio_slot_wake_locked(ngx_sio_zone_t *z, ngx_uint_t slot)
{
    if (slot != z->slot) {
        ngx_sio_private(z)->wake[slot / 32] |= (uint32_t) 1 << (slot % 32);
    }
}


/* the node becomes the inbox's, or is freed */

void
ngx_sio_inbox_push_locked(ngx_sio_zone_t *z, ngx_uint_t n, ngx_sio_ref_t ref)
{
    size_t               size;
    uint32_t             max;
    ngx_sio_node_sh_t   *node, *last;
    ngx_sio_slot_sh_t   *slot;
    ngx_sio_blob_sh_t   *blob;

    slot = ngx_sio_slot(z, n);
    node = ngx_sio_ptr(z, ref);

    if (slot->state != NGX_SIO_SLOT_LIVE || slot->overflowed) {
        ngx_sio_node_free_locked(z, ref);
        return;
    }

    size = 0;

    if (node->blob) {
        blob = ngx_sio_ptr(z, node->blob);
        size = blob->len;
    }

    if (slot->inbox == 0 && slot->ready == 0) {
        ngx_sio_slot_wake_locked(z, n);
    }

    max = z->root->limits.max_inbox;

    if (slot->inbox
        && ((max && slot->inbox_count >= max)
            || (z->root->limits.max_inbox_size
                && slot->inbox_size + size > z->root->limits.max_inbox_size)))
    {
        ngx_sio_nodes_trash_locked(z, slot->inbox, slot->inbox_last);

        ngx_sio_set(z, &slot->inbox, 0);
        ngx_sio_set(z, &slot->inbox_last, 0);
        ngx_sio_set(z, &slot->inbox_count, 0);
        ngx_sio_set(z, &slot->inbox_size, 0);
        ngx_sio_set(z, &slot->overflowed, 1);
        ngx_sio_refused(z, NGX_SIO_REFUSED_INBOX);

        ngx_sio_node_free_locked(z, ref);
        ngx_sio_slot_wake_locked(z, n);
        return;
    }

    if (slot->inbox_last) {
        last = ngx_sio_ptr(z, slot->inbox_last);
        ngx_sio_set(z, &last->next, ref);

    } else {
        ngx_sio_set(z, &slot->inbox, ref);
    }

    ngx_sio_set(z, &slot->inbox_last, ref);
    ngx_sio_add(z, &slot->inbox_count, 1);
    ngx_sio_add(z, &slot->inbox_size, size);
}


void
ngx_sio_inbox_take_locked(ngx_sio_zone_t *z)
{
    ngx_sio_slot_sh_t  *slot;
    ngx_sio_private_t  *p;

    if (z->slot == NGX_SIO_NO_SLOT) {
        return;
    }

    slot = ngx_sio_slot(z, z->slot);
    p = ngx_sio_private(z);

    p->overflowed = slot->overflowed;
    p->inbox = slot->inbox;
    p->inbox_count = slot->inbox_count;

    if (slot->inbox) {
        ngx_sio_nodes_used_locked(z, slot->inbox, slot->inbox_last);

        ngx_sio_set(z, &slot->inbox, 0);
        ngx_sio_set(z, &slot->inbox_last, 0);
        ngx_sio_set(z, &slot->inbox_count, 0);
        ngx_sio_set(z, &slot->inbox_size, 0);
    }

    ngx_sio_set(z, &slot->overflowed, 0);
}


static void
ngx_sio_ready_unlink(ngx_sio_zone_t *z, ngx_sio_role_sh_t *role)
{
    ngx_sio_role_sh_t  *other;
    ngx_sio_slot_sh_t  *slot;

    slot = ngx_sio_slot(z, ngx_sio_role_slot(role->info));

    if (role->prev) {
        other = ngx_sio_ptr(z, role->prev);
        ngx_sio_set(z, &other->next, role->next);

    } else {
        ngx_sio_set(z, &slot->ready, role->next);
    }

    if (role->next) {
        other = ngx_sio_ptr(z, role->next);
        ngx_sio_set(z, &other->prev, role->prev);

    } else {
        ngx_sio_set(z, &slot->ready_last, role->prev);
    }

    ngx_sio_set(z, &role->next, 0);
    ngx_sio_set(z, &role->prev, 0);
}


void
ngx_sio_ready_take_locked(ngx_sio_zone_t *z)
{
    ngx_uint_t             index;
    ngx_sio_ref_t          ref, next;
    ngx_sio_role_sh_t     *role;
    ngx_sio_slot_sh_t     *slot;
    ngx_sio_woken_t       *woken;
    ngx_sio_private_t     *p;
    ngx_sio_session_sh_t  *s;

    p = ngx_sio_private(z);
    slot = ngx_sio_slot(z, z->slot);

    p->nwoken = 0;

    for (ref = slot->ready;
         ref && p->nwoken < NGX_SIO_READY_MAX;
         ref = next)
    {
        role = ngx_sio_ptr(z, ref);
        next = role->next;

        index = ngx_sio_role_index(role->info);
        s = ngx_sio_ptr(z, ref - index - 1);

        woken = &p->woken[p->nwoken++];

        ngx_sio_session_handle(z, s, &woken->session);
        woken->role = index;
        woken->wake = ngx_sio_role_wake(role->info);

        ngx_sio_ready_unlink(z, role);

        ngx_sio_set(z, &role->info,
                    ngx_sio_role_info(z->slot, 0, index, NGX_SIO_ROLE_HELD));
    }

    if (slot->ready) {
        /* come back for the rest */
        p->wake[z->slot / 32] |= (uint32_t) 1 << (z->slot % 32);
    }
}


/* the role becomes this worker's; returns its generation */

uint32_t
ngx_sio_role_acquire_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    ngx_uint_t role)
{
    return ngx_sio_role_give_locked(z, s, role, z->slot);
}


uint32_t
ngx_sio_role_give_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    ngx_uint_t role, ngx_uint_t slot)
{
    uint32_t  gen;

    gen = ngx_sio_next_gen(z);

    ngx_sio_set(z, &s->roles[role].gen, gen);
    ngx_sio_set(z, &s->roles[role].info,
                ngx_sio_role_info(slot, 0, role, NGX_SIO_ROLE_HELD));

    ngx_sio_add(z, &ngx_sio_slot(z, slot)->roles, 1);

    return gen;
}


void
ngx_sio_role_drop_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    ngx_uint_t role)
{
    ngx_sio_slot_sh_t  *slot;
    ngx_sio_role_sh_t  *r;

    r = &s->roles[role];

    if (!ngx_sio_role_held(s, role)) {
        return;
    }

    slot = ngx_sio_slot(z, ngx_sio_role_slot(r->info));

    if (r->info & NGX_SIO_ROLE_QUEUED) {
        ngx_sio_ready_unlink(z, r);
    }

    ngx_sio_set(z, &r->info, 0);
    ngx_sio_set(z, &r->gen, 0);
    ngx_sio_add(z, &slot->roles, -1);
}


void
ngx_sio_role_wake_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    ngx_uint_t role, ngx_uint_t wake)
{
    uint32_t            info;
    ngx_uint_t          n;
    ngx_sio_ref_t       ref;
    ngx_sio_role_sh_t  *r, *last;
    ngx_sio_slot_sh_t  *slot;

    if (!ngx_sio_role_held(s, role)) {
        return;
    }

    r = &s->roles[role];
    info = r->info;

    n = ngx_sio_role_slot(info);
    slot = ngx_sio_slot(z, n);

    if (slot->state != NGX_SIO_SLOT_LIVE) {
        return;
    }

    ngx_sio_set(z, &r->info, info | NGX_SIO_ROLE_QUEUED
                             | (uint32_t) wake << 16);

    if (info & NGX_SIO_ROLE_QUEUED) {
        return;
    }

    if (slot->inbox == 0 && slot->ready == 0 && slot->overflowed == 0) {
        ngx_sio_slot_wake_locked(z, n);
    }

    ref = ngx_sio_ref(z, r);

    ngx_sio_set(z, &r->next, 0);
    ngx_sio_set(z, &r->prev, slot->ready_last);

    if (slot->ready_last) {
        last = ngx_sio_ptr(z, slot->ready_last);
        ngx_sio_set(z, &last->next, ref);

    } else {
        ngx_sio_set(z, &slot->ready, ref);
    }

    ngx_sio_set(z, &slot->ready_last, ref);
}


static ngx_uint_t
ngx_sio_slot_used(ngx_sio_slot_sh_t *slot)
{
    return slot->roles || slot->sessions || slot->inbox || slot->ready
           || slot->used || slot->prepared || slot->read;
}


/* is the process there that claimed it, and no other with its pid */

ngx_uint_t
ngx_sio_slot_alive(ngx_sio_slot_sh_t *slot)
{
    uint32_t  start[2];

    if (slot->pid == 0
        || !ngx_sio_process_start((ngx_pid_t) slot->pid, start))
    {
        return 0;
    }

    /* 0: it could not be told */

    return start[0] == 0 || slot->start[0] == 0
           || (start[0] == slot->start[0] && start[1] == slot->start[1]);
}


/* live becomes dead: its lists go, its roles are left to the walk */

static void
ngx_sio_slot_bury_locked(ngx_sio_zone_t *z, ngx_sio_slot_sh_t *slot)
{
    ngx_sio_nodes_trash_locked(z, slot->inbox, slot->inbox_last);
    ngx_sio_nodes_trash_locked(z, slot->used, slot->used_last);

    ngx_sio_set(z, &slot->inbox, 0);
    ngx_sio_set(z, &slot->inbox_last, 0);
    ngx_sio_set(z, &slot->inbox_count, 0);
    ngx_sio_set(z, &slot->inbox_size, 0);
    ngx_sio_set(z, &slot->overflowed, 0);
    ngx_sio_set(z, &slot->used, 0);
    ngx_sio_set(z, &slot->used_last, 0);

    ngx_sio_blobs_trash_locked(z, &slot->prepared);
    ngx_sio_blobs_trash_locked(z, &slot->read);

    ngx_sio_set(z, &slot->state, NGX_SIO_SLOT_DEAD);
    ngx_sio_set(z, &slot->gen, 0);

    if (slot->roles || slot->sessions) {
        ngx_sio_set(z, &z->root->reap_page, 1);
    }
}


static void
ngx_sio_slot_settle_locked(ngx_sio_zone_t *z)
{
    ngx_uint_t          i;
    ngx_sio_slot_sh_t  *slot;

    for (i = 0; i < NGX_SIO_MAX_SLOTS; i++) {
        slot = ngx_sio_slot(z, i);

        if (slot->state == NGX_SIO_SLOT_DEAD && !ngx_sio_slot_used(slot)) {
            ngx_sio_set(z, &slot->pid, 0);
            ngx_sio_set(z, &slot->state, NGX_SIO_SLOT_FREE);
        }
    }
}


ngx_int_t
ngx_sio_reap(ngx_sio_zone_t *z)
{
    ngx_int_t           rc;
    ngx_uint_t          i, ndead, nburied;
    ngx_uint_t          dead[NGX_SIO_MAX_SLOTS];
    ngx_sio_slot_sh_t  *slot, seen[NGX_SIO_MAX_SLOTS];

    /* looking for the processes: without the lock */

    ndead = 0;
    nburied = 0;

    for (i = 0; i < NGX_SIO_MAX_SLOTS; i++) {
        slot = &z->root->slots[i];
        if (slot->state == NGX_SIO_SLOT_DEAD) {
            nburied++;
        }

        if (slot->state != NGX_SIO_SLOT_LIVE
            || (z->slot_gen && i == z->slot))
        {
            continue;
        }

        /* it may be given to another worker at any time: what is looked at
           is compared when the lock is held */

        ngx_sio_barrier();

        seen[ndead] = *slot;

        if (seen[ndead].state == NGX_SIO_SLOT_LIVE
            && !ngx_sio_slot_alive(&seen[ndead]))
        {
            dead[ndead++] = i;
        }
    }

    if (ndead == 0 && nburied == 0 && z->root->reap_page == 0) {
        return NGX_OK;
    }

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; i < ndead; i++) {
        slot = ngx_sio_slot(z, dead[i]);

        if (slot->state == NGX_SIO_SLOT_LIVE
            && slot->gen == seen[i].gen
            && slot->pid == seen[i].pid
            && slot->start[0] == seen[i].start[0]
            && slot->start[1] == seen[i].start[1])
        {
            ngx_sio_slot_bury_locked(z, slot);
        }
    }

    rc = ngx_sio_finish(z, NGX_OK);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = NGX_OK;

    if (z->root->reap_page) {
        rc = ngx_sio_reap_walk_locked(z);
    }

    if (rc == NGX_OK) {
        ngx_sio_slot_settle_locked(z);
    }

    return ngx_sio_finish(z, rc);
}


/* all sessions, a few in each hold; new ones never refer to a dead slot */

static ngx_int_t
ngx_sio_reap_walk_locked(ngx_sio_zone_t *z)
{
    uint32_t            i;
    uint64_t            off;
    ngx_uint_t          n, npages, cell, size;
    ngx_sio_root_t     *root;
    ngx_sio_page_sh_t  *page;

    root = z->root;
    size = ngx_sio_class_size(NGX_SIO_CLASS_SESSION);

    n = 0;
    npages = 0;

    for (i = root->reap_page - 1; i < root->fresh; i++) {

        if (n >= NGX_SIO_REAP_SESSIONS || npages++ == NGX_SIO_REAP_PAGES) {
            ngx_sio_set(z, &root->reap_page, i + 1);
            return NGX_AGAIN;
        }

        page = ngx_sio_pages(z) + i;

        if ((page->state & 0xff) != NGX_SIO_CLASS_SESSION) {
            continue;
        }

        off = root->heap_off + (uint64_t) i * NGX_SIO_PAGE_SIZE;

        for (cell = 0;
             cell < ngx_sio_class_cells(NGX_SIO_CLASS_SESSION);
             cell++)
        {
            if (page->used[cell / 32] & ((uint32_t) 1 << (cell % 32))) {
                ngx_sio_reap_session_locked(z,
                        (ngx_sio_session_sh_t *) (z->base + off + cell * size));
                n++;
            }
        }
    }

    ngx_sio_set(z, &root->reap_page, 0);

    return NGX_OK;
}


static void
ngx_sio_reap_session_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s)
{
    ngx_uint_t  role, lost, kicked;

    lost = 0;
    kicked = 0;

    for (role = 0; role < NGX_SIO_NROLES; role++) {

        if (!ngx_sio_role_held(s, role)
            || ngx_sio_slot_live(z, ngx_sio_role_slot(s->roles[role].info)))
        {
            continue;
        }

        ngx_sio_role_drop_locked(z, s, role);

        switch (role) {

        case NGX_SIO_ROLE_CANDIDATE:
            ngx_sio_set(z, &s->flags,
                        s->flags & ~(NGX_SIO_SESSION_PROBED
                                     |NGX_SIO_SESSION_WAITING));
            break;

        case NGX_SIO_ROLE_END:
            kicked = 1;
            break;

        case NGX_SIO_ROLE_GET:
            /* one that is left from before the upgrade does not matter */
            lost |= ngx_sio_session_polling(s);
            break;

        default:
            lost = 1;
        }
    }

    if (lost && s->state == NGX_SIO_SESSION_OPEN) {
        (void) ngx_sio_session_close_locked(z, s, NGX_SIO_TRANSPORT_ERROR, 0);
    }

    if (s->state == NGX_SIO_SESSION_CLOSING
        && !ngx_sio_role_held(s, NGX_SIO_ROLE_END))
    {
        ngx_sio_session_assign_locked(z, s, NGX_SIO_WAKE_END);

    } else if (s->state == NGX_SIO_SESSION_OPEN && kicked) {
        ngx_sio_session_assign_locked(z, s, NGX_SIO_WAKE_KICK);
    }

    ngx_sio_session_settle_locked(z, s);
}
