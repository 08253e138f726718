
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Answers expected from polling sockets.  Those of WebSockets are noted by
 * their worker.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


#define NGX_SIO_ACK_TURN      64


static ngx_int_t ngx_sio_ack_mine(ngx_sio_zone_t *z, ngx_sio_ack_sh_t *ack);


ngx_int_t
ngx_sio_ack_id(ngx_sio_zone_t *z, const ngx_str_t *nsp, uint32_t *id)
{
    ngx_int_t           rc;
    ngx_sio_room_sh_t  *room;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    room = ngx_sio_room_lookup_locked(z, 0, nsp);

    if (room == NULL) {
        return ngx_sio_finish(z, NGX_DECLINED);
    }

    *id = room->ack_id;

    ngx_sio_add(z, &room->ack_id, 1);

    return ngx_sio_finish(z, NGX_OK);
}


/* past the socket's limit the oldest one is given up */

void
ngx_sio_ack_create_locked(ngx_sio_zone_t *z, ngx_sio_socket_sh_t *k,
    uint32_t id, uint32_t timeout, ngx_sio_ref_t name)
{
    uint32_t           max;
    ngx_sio_ref_t      ref;
    ngx_sio_ack_sh_t  *ack, *last;

    ref = ngx_sio_alloc(z, NGX_SIO_CLASS_ACK);
    if (ref == 0) {
        return;
    }

    ack = ngx_sio_ptr(z, ref);

    ngx_memzero(ack, sizeof(ngx_sio_ack_sh_t));

    ack->socket = ngx_sio_ref(z, k);
    ack->id = id;
    ack->name = name;
    ack->prev = k->acks_last;

    ngx_sio_blob_retain_locked(z, name);

    if (k->acks_last) {
        last = ngx_sio_ptr(z, k->acks_last);
        ngx_sio_set(z, &last->next, ref);

    } else {
        ngx_sio_set(z, &k->acks, ref);
    }

    ngx_sio_set(z, &k->acks_last, ref);
    ngx_sio_add(z, &k->acks_count, 1);
    ngx_sio_add(z, &z->root->counts.acks, 1);

    if (timeout) {
        ngx_sio_timer_set_locked(z, NGX_SIO_WHEEL_ACKS, &ack->timer,
                                 (uint32_t) ngx_current_msec + timeout,
                                 (uint32_t) ngx_current_msec);
    }

    max = z->root->limits.max_acks;

    if (max && k->acks_count > max && !ngx_sio_failed(z)) {
        ngx_sio_refused(z, NGX_SIO_REFUSED_ACK);
        ngx_sio_ack_free_locked(z, ngx_sio_ptr(z, k->acks));
    }
}


void
ngx_sio_ack_free_locked(ngx_sio_zone_t *z, ngx_sio_ack_sh_t *ack)
{
    ngx_sio_ack_sh_t     *other;
    ngx_sio_socket_sh_t  *k;

    k = ngx_sio_ptr(z, ack->socket);

    ngx_sio_timer_del_locked(z, NGX_SIO_WHEEL_ACKS, &ack->timer);

    if (ack->prev) {
        other = ngx_sio_ptr(z, ack->prev);
        ngx_sio_set(z, &other->next, ack->next);

    } else {
        ngx_sio_set(z, &k->acks, ack->next);
    }

    if (ack->next) {
        other = ngx_sio_ptr(z, ack->next);
        ngx_sio_set(z, &other->prev, ack->prev);

    } else {
        ngx_sio_set(z, &k->acks_last, ack->prev);
    }

    ngx_sio_add(z, &k->acks_count, -1);
    ngx_sio_add(z, &z->root->counts.acks, -1);

    ngx_sio_blob_release_locked(z, ack->name);

    ngx_sio_free(z, ngx_sio_ref(z, ack));
}


ngx_int_t
ngx_sio_ack_answer(ngx_sio_zone_t *z, ngx_sio_handle_t socket, uint32_t id,
    ngx_pool_t *pool, ngx_str_t *name)
{
    ngx_int_t             rc;
    ngx_sio_ref_t         ref;
    ngx_sio_ack_sh_t     *ack;
    ngx_sio_socket_sh_t  *k;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    k = ngx_sio_socket_lookup(z, socket);

    if (k == NULL) {
        return ngx_sio_finish(z, NGX_DONE);
    }

    rc = NGX_DECLINED;

    for (ref = k->acks; ref; ref = ack->next) {
        ack = ngx_sio_ptr(z, ref);

        if (ack->id == id) {
            rc = ngx_sio_blob_copy(z, ack->name, pool, name);

            if (rc == NGX_OK) {
                ngx_sio_ack_free_locked(z, ack);
            }

            break;
        }
    }

    return ngx_sio_finish(z, rc);
}


/* is the input of the ack's session processed here, or by nobody */

static ngx_int_t
ngx_sio_ack_mine(ngx_sio_zone_t *z, ngx_sio_ack_sh_t *ack)
{
    ngx_uint_t             slot;
    ngx_sio_socket_sh_t   *k;
    ngx_sio_session_sh_t  *s;

    k = ngx_sio_ptr(z, ack->socket);
    s = ngx_sio_socket_session(z, k);

    if (!ngx_sio_session_polling(s)) {
        /* its worker is about to call ngx_sio_session_acks() */
        return 0;
    }

    if (!ngx_sio_role_held(s, NGX_SIO_ROLE_POST)) {
        return 1;
    }

    slot = ngx_sio_role_slot(s->roles[NGX_SIO_ROLE_POST].info);

    return slot == z->slot || !ngx_sio_slot_live(z, slot);
}


ngx_int_t
ngx_sio_ack_expired(ngx_sio_zone_t *z, ngx_msec_t now, ngx_pool_t *pool,
    ngx_sio_handle_t *socket, uint32_t *id, ngx_str_t *name)
{
    ngx_int_t            rc;
    ngx_uint_t           n;
    ngx_sio_ref_t        ref;
    ngx_sio_ack_sh_t    *ack;
    ngx_sio_timer_sh_t  *timer;
    ngx_sio_socket_sh_t *k;

    if (z->root->counts.acks == 0) {
        return NGX_DECLINED;
    }

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    (void) ngx_sio_wheel_turn_locked(z, NGX_SIO_WHEEL_ACKS, (uint32_t) now,
                                     NGX_SIO_ACK_TURN);

    rc = NGX_DECLINED;
    n = 0;

    for (ref = z->root->wheels[NGX_SIO_WHEEL_ACKS].due;
         ref && n < NGX_SIO_ACK_TURN * 4;
         ref = timer->next, n++)
    {
        timer = ngx_sio_ptr(z, ref);
        ack = (ngx_sio_ack_sh_t *) ((u_char *) timer
                                    - offsetof(ngx_sio_ack_sh_t, timer));

        if (!ngx_sio_ack_mine(z, ack)) {
            continue;
        }

        k = ngx_sio_ptr(z, ack->socket);

        socket->ref = ack->socket;
        socket->gen = k->gen;
        *id = ack->id;

        rc = ngx_sio_blob_copy(z, ack->name, pool, name);

        if (rc == NGX_OK) {
            ngx_sio_ack_free_locked(z, ack);
        }

        break;
    }

    return ngx_sio_finish(z, rc);
}


ngx_int_t
ngx_sio_session_acks(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    ngx_pool_t *pool, ngx_sio_pending_ack_t **acks, ngx_uint_t *n)
{
    ngx_int_t               rc;
    ngx_uint_t              count;
    ngx_sio_ref_t           ref;
    ngx_sio_ack_sh_t       *ack;
    ngx_sio_socket_sh_t    *k;
    ngx_sio_session_sh_t   *s;
    ngx_sio_pending_ack_t  *p;

    *n = 0;
    *acks = NULL;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    s = ngx_sio_session_lookup(z, session);

    if (s == NULL) {
        return ngx_sio_finish(z, NGX_DONE);
    }

    count = 0;

    for (ref = s->sockets; ref; ref = k->session_next) {
        k = ngx_sio_ptr(z, ref);
        count += k->acks_count;
    }

    if (count == 0) {
        return ngx_sio_finish(z, NGX_OK);
    }

    p = ngx_pcalloc(pool, count * sizeof(ngx_sio_pending_ack_t));
    if (p == NULL) {
        return ngx_sio_finish(z, NGX_ERROR);
    }

    *acks = p;

    for (ref = s->sockets; ref; ref = k->session_next) {
        k = ngx_sio_ptr(z, ref);

        while (k->acks && !ngx_sio_failed(z)) {
            ack = ngx_sio_ptr(z, k->acks);

            p->socket.ref = ref;
            p->socket.gen = k->gen;
            p->id = ack->id;

            if (ack->timer.bucket) {
                p->deadline = ngx_current_msec
                              + (ngx_msec_t) (ngx_msec_int_t) (int32_t)
                                (ack->timer.due - (uint32_t) ngx_current_msec);
            }

            if (ngx_sio_blob_copy(z, ack->name, pool, &p->name) != NGX_OK) {
                ngx_sio_undo_section(z);
                return ngx_sio_finish(z, NGX_ERROR);
            }

            p++;

            ngx_sio_ack_free_locked(z, ack);
        }
    }

    *n = p - *acks;

    rc = ngx_sio_finish(z, NGX_OK);

    if (rc != NGX_OK) {
        *n = 0;
    }

    return rc;
}
