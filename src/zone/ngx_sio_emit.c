
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Emits.  One section: every polling member's queue, every other worker's
 * inbox and this worker's inbox, taken.  The blob is made by the first that
 * needs one; an emit for this worker's WebSockets alone needs none.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


typedef struct {
    ngx_sio_emit_t       *emit;
    uint32_t              ack_id;
    ngx_sio_targets_t     targets;
    size_t                head;           /* bytes before the body */
    ngx_sio_ref_t         prepared;
    ngx_sio_ref_t         blob;
    ngx_sio_ref_t         name;           /* for the acks of polling sockets */
    uint32_t              stamp;
    ngx_uint_t            receivers;
    unsigned              prepare:1;      /* stop, the body must be prepared */
} ngx_sio_emission_t;


static ngx_int_t ngx_sio_emit_locked(ngx_sio_zone_t *z,
    ngx_sio_emission_t *em, ngx_uint_t count, ngx_sio_entry_t *entry);
static ngx_int_t ngx_sio_emit_blob(ngx_sio_zone_t *z, ngx_sio_emission_t *em);
static void ngx_sio_emit_head(ngx_sio_zone_t *z, ngx_sio_emission_t *em);
static void ngx_sio_emit_polling(ngx_sio_zone_t *z, ngx_sio_emission_t *em,
    ngx_sio_socket_sh_t *k);
static void ngx_sio_emit_slots(ngx_sio_zone_t *z, ngx_sio_emission_t *em,
    uint32_t *mask);
static ngx_uint_t ngx_sio_emit_count(ngx_sio_zone_t *z,
    ngx_sio_emission_t *em);
static void ngx_sio_emit_own(ngx_sio_emission_t *em, ngx_sio_entry_t *entry);


ngx_int_t
ngx_sio_emit(ngx_sio_zone_t *z, ngx_sio_emit_t *emit, uint32_t ack_id,
    ngx_uint_t *receivers)
{
    ngx_int_t           rc;
    ngx_sio_entry_t     entry;
    ngx_sio_emission_t  em;

    ngx_memzero(&em, sizeof(ngx_sio_emission_t));

    em.emit = emit;
    em.ack_id = ack_id;
    em.head = ngx_align(ngx_sio_targets_refs(&emit->target)
                        * sizeof(ngx_sio_ref_t) + emit->ack_name.len, 4);

    for ( ;; ) {

        rc = ngx_sio_reserve(z, 0, ngx_sio_targets_refs(&emit->target));
        if (rc != NGX_OK) {
            break;
        }

        rc = ngx_sio_begin(z);
        if (rc != NGX_OK) {
            break;
        }

        em.blob = 0;
        em.name = 0;
        em.receivers = 0;
        em.prepare = 0;

        rc = ngx_sio_emit_locked(z, &em, receivers != NULL, &entry);

        if (em.prepare) {
            ngx_sio_undo_section(z);
            (void) ngx_sio_finish(z, NGX_OK);

            rc = ngx_sio_blob_prepare(z, em.head, &emit->body, &em.prepared);
            if (rc != NGX_OK) {
                return rc;
            }

            continue;
        }

        rc = ngx_sio_finish(z, rc);

        if (rc == NGX_OK && em.blob == em.prepared) {
            em.prepared = 0;
        }

        break;
    }

    if (em.prepared && rc != NGX_ABORT) {
        ngx_sio_blob_discard(z, em.prepared);
    }

    if (receivers) {
        *receivers = (rc == NGX_OK) ? em.receivers : 0;
    }

    return rc;
}


static ngx_int_t
ngx_sio_emit_locked(ngx_sio_zone_t *z, ngx_sio_emission_t *em,
    ngx_uint_t count, ngx_sio_entry_t *entry)
{
    uint32_t              mask[NGX_SIO_MAX_SLOTS / 32];
    ngx_uint_t            i;
    ngx_sio_ref_t         ref, node;
    ngx_sio_room_sh_t    *room;
    ngx_sio_targets_t    *t;
    ngx_sio_member_sh_t  *m;

    t = &em->targets;

    ngx_sio_inbox_take_locked(z);

    if (ngx_sio_targets_locked(z, &em->emit->target, t) != NGX_OK) {
        return NGX_OK;
    }

    ngx_memzero(mask, sizeof(mask));

    ngx_sio_emit_slots(z, em, mask);

    if (count) {
        em->receivers = ngx_sio_emit_count(z, em);
    }

    /* polling members */

    em->stamp = ngx_sio_stamp_locked(z, t, 0);

    for (i = 0; i < t->n[NGX_SIO_TO_ROOMS]; i++) {
        room = ngx_sio_ptr(z, t->refs[NGX_SIO_TO_ROOMS][i]);

        for (ref = room->polling.members; ref; ref = m->room_next) {
            m = ngx_sio_ptr(z, ref);

            ngx_sio_emit_polling(z, em, ngx_sio_ptr(z, m->socket));

            if (ngx_sio_failed(z) || em->prepare) {
                return NGX_OK;
            }
        }
    }

    for (i = 0; i < t->n[NGX_SIO_TO_SOCKETS]; i++) {
        ngx_sio_emit_polling(z, em,
                        ngx_sio_ptr(z, t->refs[NGX_SIO_TO_SOCKETS][i]));

        if (ngx_sio_failed(z) || em->prepare) {
            return NGX_OK;
        }
    }

    /* other workers' WebSockets */

    for (i = 0; i < NGX_SIO_MAX_SLOTS; i++) {

        if (!(mask[i / 32] & ((uint32_t) 1 << (i % 32)))
            || i == z->slot || !ngx_sio_slot_live(z, i))
        {
            continue;
        }

        if (ngx_sio_emit_blob(z, em) != NGX_OK) {
            return NGX_OK;
        }

        node = ngx_sio_node_create_locked(z, NGX_SIO_ENTRY_MESSAGE,
                                          em->emit->flags, em->blob);
        if (node == 0) {
            return NGX_OK;
        }

        ngx_sio_inbox_push_locked(z, i, node);
    }

    if (em->blob) {
        ngx_sio_blob_release_locked(z, em->blob);
    }

    if (em->name) {
        ngx_sio_blob_release_locked(z, em->name);
    }

    /* and its own */

    if (z->slot != NGX_SIO_NO_SLOT
        && (mask[z->slot / 32] & ((uint32_t) 1 << (z->slot % 32))))
    {
        ngx_sio_emit_own(em, entry);
        ngx_sio_private(z)->own = entry;
    }

    return NGX_OK;
}


/* the slots that have a WebSocket among the receivers, or perhaps only among
   those excepted */

static void
ngx_sio_emit_slots(ngx_sio_zone_t *z, ngx_sio_emission_t *em, uint32_t *mask)
{
    ngx_uint_t             i;
    ngx_sio_targets_t     *t;
    ngx_sio_socket_sh_t   *k;
    ngx_sio_session_sh_t  *s;

    t = &em->targets;

    for (i = 0; i < t->n[NGX_SIO_TO_ROOMS]; i++) {
        ngx_sio_room_slots(z, ngx_sio_ptr(z, t->refs[NGX_SIO_TO_ROOMS][i]),
                           mask);
    }

    for (i = 0; i < t->n[NGX_SIO_TO_SOCKETS]; i++) {
        k = ngx_sio_ptr(z, t->refs[NGX_SIO_TO_SOCKETS][i]);
        s = ngx_sio_socket_session(z, k);

        if (!ngx_sio_session_polling(s)) {
            mask[s->slot / 32] |= (uint32_t) 1 << (s->slot % 32);
        }
    }
}


/* NGX_DECLINED: the memory ran out, or the body must be prepared first */

static ngx_int_t
ngx_sio_emit_blob(ngx_sio_zone_t *z, ngx_sio_emission_t *em)
{
    if (em->blob) {
        return NGX_OK;
    }

    if (em->prepared) {
        ngx_sio_blob_publish_locked(z, em->prepared);
        em->blob = em->prepared;

    } else if (em->emit->body.len > NGX_SIO_COPY_MAX
               && z->slot != NGX_SIO_NO_SLOT)
    {
        em->prepare = 1;
        return NGX_DECLINED;

    } else {
        em->blob = ngx_sio_blob_create_locked(z, em->head, &em->emit->body);
        if (em->blob == 0) {
            return NGX_DECLINED;
        }
    }

    ngx_sio_emit_head(z, em);

    return NGX_OK;
}


static void
ngx_sio_emit_head(ngx_sio_zone_t *z, ngx_sio_emission_t *em)
{
    size_t              off, len;
    ngx_uint_t          i;
    ngx_sio_blob_sh_t  *blob;
    ngx_sio_targets_t  *t;

    t = &em->targets;
    blob = ngx_sio_ptr(z, em->blob);
    off = 0;

    for (i = 0; i < 4; i++) {
        ngx_sio_set(z, &blob->n[i], t->n[i]);

        len = t->n[i] * sizeof(ngx_sio_ref_t);
        ngx_sio_blob_write(z, em->blob, off, t->refs[i], len);
        off += len;
    }

    if (em->emit->ack_name.len) {
        ngx_sio_set(z, &blob->ack_id, em->ack_id);
        ngx_sio_set(z, &blob->ack_timeout, em->emit->ack_timeout);
        ngx_sio_set(z, &blob->name_len, em->emit->ack_name.len);

        ngx_sio_blob_write(z, em->blob, off, em->emit->ack_name.data,
                           em->emit->ack_name.len);
    }
}


static void
ngx_sio_emit_polling(ngx_sio_zone_t *z, ngx_sio_emission_t *em,
    ngx_sio_socket_sh_t *k)
{
    ngx_sio_session_sh_t  *s;

    if (k->stamp == em->stamp) {
        return;
    }

    k->stamp = em->stamp;

    s = ngx_sio_socket_session(z, k);

    if (!ngx_sio_session_polling(s)
        || s->state != NGX_SIO_SESSION_OPEN
        || (k->flags & (NGX_SIO_SOCKET_REMOVED|NGX_SIO_SOCKET_MUTED))
        || ((em->emit->flags & NGX_SIO_VOLATILE) && !ngx_sio_queue_idle(s)))
    {
        return;
    }

    if (ngx_sio_emit_blob(z, em) != NGX_OK) {
        return;
    }

    ngx_sio_queue_locked(z, s, NGX_SIO_ENTRY_MESSAGE, em->emit->flags,
                         em->blob);

    if (ngx_sio_failed(z) || s->state != NGX_SIO_SESSION_OPEN) {
        return;
    }

    em->receivers++;

    if (em->emit->ack_name.len == 0) {
        return;
    }

    if (em->name == 0) {
        em->name = ngx_sio_blob_string_locked(z, &em->emit->ack_name);
        if (em->name == 0) {
            return;
        }
    }

    ngx_sio_ack_create_locked(z, k, em->ack_id, em->emit->ack_timeout,
                              em->name);
}


/* sockets with a WebSocket at other workers */

static ngx_uint_t
ngx_sio_emit_count(ngx_sio_zone_t *z, ngx_sio_emission_t *em)
{
    uint32_t               stamp;
    ngx_uint_t             i, n;
    ngx_sio_ref_t          ref;
    ngx_sio_room_sh_t     *room;
    ngx_sio_targets_t     *t;
    ngx_sio_socket_sh_t   *k;
    ngx_sio_member_sh_t   *m;
    ngx_sio_session_sh_t  *s;

    t = &em->targets;

    if (t->n[NGX_SIO_TO_ROOMS] == 1 && t->n[NGX_SIO_TO_SOCKETS] == 0
        && t->n[NGX_SIO_NOT_ROOMS] == 0 && t->n[NGX_SIO_NOT_SOCKETS] == 0)
    {
        room = ngx_sio_ptr(z, t->refs[NGX_SIO_TO_ROOMS][0]);

        return room->ws.count - ngx_sio_room_count(z, room, z->slot);
    }

    n = 0;
    stamp = ngx_sio_stamp_locked(z, t, 1);

    for (i = 0; i < t->n[NGX_SIO_TO_ROOMS]; i++) {
        room = ngx_sio_ptr(z, t->refs[NGX_SIO_TO_ROOMS][i]);

        for (ref = room->ws.members; ref; ref = m->room_next) {
            m = ngx_sio_ptr(z, ref);
            k = ngx_sio_ptr(z, m->socket);

            if (k->stamp != stamp && m->slot != z->slot) {
                n++;
            }

            k->stamp = stamp;
        }
    }

    for (i = 0; i < t->n[NGX_SIO_TO_SOCKETS]; i++) {
        k = ngx_sio_ptr(z, t->refs[NGX_SIO_TO_SOCKETS][i]);
        s = ngx_sio_socket_session(z, k);

        if (k->stamp != stamp && !ngx_sio_session_polling(s)
            && s->slot != z->slot)
        {
            n++;
        }

        k->stamp = stamp;
    }

    return n;
}


static void
ngx_sio_emit_own(ngx_sio_emission_t *em, ngx_sio_entry_t *entry)
{
    ngx_sio_targets_t  *t;

    t = &em->targets;

    ngx_memzero(entry, sizeof(ngx_sio_entry_t));

    entry->type = NGX_SIO_ENTRY_MESSAGE;
    entry->flags = em->emit->flags;
    entry->body = em->emit->body;

    entry->to_rooms = t->refs[NGX_SIO_TO_ROOMS];
    entry->nto_rooms = t->n[NGX_SIO_TO_ROOMS];
    entry->to_sockets = t->refs[NGX_SIO_TO_SOCKETS];
    entry->nto_sockets = t->n[NGX_SIO_TO_SOCKETS];
    entry->except_rooms = t->refs[NGX_SIO_NOT_ROOMS];
    entry->nexcept_rooms = t->n[NGX_SIO_NOT_ROOMS];
    entry->except_sockets = t->refs[NGX_SIO_NOT_SOCKETS];
    entry->nexcept_sockets = t->n[NGX_SIO_NOT_SOCKETS];

    entry->ack_id = em->ack_id;
    entry->ack_timeout = em->emit->ack_timeout;
    entry->ack_name = em->emit->ack_name;
}
