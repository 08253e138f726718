
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The upgrade: a WebSocket probes, becomes the candidate, and then the
 * transport.  That last step is one section: the transport, the counts in the
 * rooms, the queue and the inbox (architecture, rule 2).
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


static ngx_int_t ngx_sio_candidate_acquire(ngx_sio_zone_t *z,
    ngx_sio_handle_t session, ngx_uint_t probed, uint32_t *gen);
static ngx_int_t ngx_sio_upgrade_last_locked(ngx_sio_zone_t *z,
    ngx_sio_session_sh_t *s, uint32_t gen, ngx_sio_batch_t *batch);
static ngx_uint_t ngx_sio_upgrade_count_locked(ngx_sio_zone_t *z,
    ngx_sio_session_sh_t *s);
static void ngx_sio_upgrade_move_locked(ngx_sio_zone_t *z,
    ngx_sio_session_sh_t *s, ngx_sio_membership_t *members);


ngx_int_t
ngx_sio_session_candidate(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    uint32_t *gen)
{
    *gen = 0;

    return ngx_sio_candidate_acquire(z, session, 0, gen);
}


ngx_int_t
ngx_sio_session_probe(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    uint32_t *gen)
{
    return ngx_sio_candidate_acquire(z, session, 1, gen);
}


static ngx_int_t
ngx_sio_candidate_acquire(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    ngx_uint_t probed, uint32_t *gen)
{
    ngx_int_t              rc;
    ngx_sio_session_sh_t  *s;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    s = ngx_sio_session_lookup(z, session);

    if (s == NULL || s->state != NGX_SIO_SESSION_OPEN) {
        return ngx_sio_finish(z, NGX_DONE);
    }

    if (!ngx_sio_session_polling(s) || z->slot == NGX_SIO_NO_SLOT) {
        return ngx_sio_finish(z, NGX_DECLINED);
    }

    if (!ngx_sio_role_held(s, NGX_SIO_ROLE_CANDIDATE)) {
        *gen = ngx_sio_role_acquire_locked(z, s, NGX_SIO_ROLE_CANDIDATE);

    } else if (!ngx_sio_role_mine(z, s, NGX_SIO_ROLE_CANDIDATE, *gen)) {
        return ngx_sio_finish(z, NGX_DECLINED);
    }

    if (probed) {
        ngx_sio_set(z, &s->flags, s->flags | NGX_SIO_SESSION_PROBED);
        ngx_sio_role_wake_locked(z, s, NGX_SIO_ROLE_GET, NGX_SIO_WAKE_NOOP);
    }

    return ngx_sio_finish(z, NGX_OK);
}


ngx_int_t
ngx_sio_session_unprobe(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    uint32_t gen)
{
    return ngx_sio_role_release(z, session, NGX_SIO_ROLE_CANDIDATE, gen);
}


/* a closed session's queue goes to the candidate, as to a last GET */

static ngx_int_t
ngx_sio_upgrade_last_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    uint32_t gen, ngx_sio_batch_t *batch)
{
    if (!ngx_sio_role_mine(z, s, NGX_SIO_ROLE_CANDIDATE, gen)) {
        return NGX_DONE;
    }

    ngx_sio_queue_take_locked(z, s, batch);

    ngx_sio_role_drop_locked(z, s, NGX_SIO_ROLE_CANDIDATE);

    ngx_sio_set(z, &s->flags, s->flags & ~NGX_SIO_SESSION_LINGER);
    ngx_sio_set(z, &s->linger_at, 0);

    ngx_sio_session_settle_locked(z, s);

    return NGX_BUSY;
}


static ngx_uint_t
ngx_sio_upgrade_count_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s)
{
    ngx_uint_t            n;
    ngx_sio_ref_t         ref;
    ngx_sio_socket_sh_t  *k;

    n = 0;

    for (ref = s->sockets; ref; ref = k->session_next) {
        k = ngx_sio_ptr(z, ref);
        n += k->members_count;
    }

    return n;
}


static void
ngx_sio_upgrade_move_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    ngx_sio_membership_t *members)
{
    ngx_sio_ref_t         ref, mref;
    ngx_sio_socket_sh_t  *k;
    ngx_sio_member_sh_t  *m;

    for (ref = s->sockets; ref; ref = k->session_next) {
        k = ngx_sio_ptr(z, ref);

        for (mref = k->members; mref; mref = m->socket_next) {
            m = ngx_sio_ptr(z, mref);

            ngx_sio_member_move_locked(z, m, z->slot);

            members->socket.ref = ref;
            members->socket.gen = k->gen;
            members->room = m->room;
            members++;
        }
    }
}


ngx_int_t
ngx_sio_session_upgrade(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    uint32_t gen, ngx_sio_batch_t *batch, ngx_sio_membership_t *members,
    ngx_uint_t *n, ngx_pool_t *pool, ngx_str_t *partial)
{
    ngx_int_t              rc;
    ngx_uint_t             count, held;
    ngx_sio_ref_t          ref;
    ngx_sio_session_sh_t  *s;

    ngx_memzero(batch, sizeof(ngx_sio_batch_t));
    ngx_str_null(partial);

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    s = ngx_sio_session_lookup(z, session);

    if (!ngx_sio_session_known(s)) {
        return ngx_sio_finish(z, NGX_DONE);
    }

    if (!ngx_sio_session_polling(s) || z->slot == NGX_SIO_NO_SLOT) {
        return ngx_sio_finish(z, NGX_ERROR);
    }

    if (s->state != NGX_SIO_SESSION_OPEN) {
        return ngx_sio_finish(z, ngx_sio_upgrade_last_locked(z, s, gen,
                                                             batch));
    }

    held = ngx_sio_role_held(s, NGX_SIO_ROLE_CANDIDATE);

    if (gen) {

        if (!ngx_sio_role_mine(z, s, NGX_SIO_ROLE_CANDIDATE, gen)) {
            return ngx_sio_finish(z, NGX_ERROR);
        }

    } else if (held
               && ((s->flags & NGX_SIO_SESSION_PROBED)
                   || ngx_sio_role_slot(
                                s->roles[NGX_SIO_ROLE_CANDIDATE].info)
                      != z->slot))
    {
        return ngx_sio_finish(z, NGX_ERROR);
    }

    if (ngx_sio_role_held(s, NGX_SIO_ROLE_POST)) {

        if (!held) {
            (void) ngx_sio_role_acquire_locked(z, s, NGX_SIO_ROLE_CANDIDATE);
        }

        ngx_sio_set(z, &s->flags, s->flags | NGX_SIO_SESSION_WAITING);

        return ngx_sio_finish(z, NGX_AGAIN);
    }

    count = ngx_sio_upgrade_count_locked(z, s);

    if (count > *n) {
        *n = count;
        return ngx_sio_finish(z, NGX_DECLINED);
    }

    *n = count;

    ngx_sio_role_drop_locked(z, s, NGX_SIO_ROLE_CANDIDATE);
    (void) ngx_sio_role_acquire_locked(z, s, NGX_SIO_ROLE_WS);

    if (ngx_sio_role_held(s, NGX_SIO_ROLE_END)) {
        /* a socket is to be disconnected: now by who processes the input */
        ngx_sio_session_assign_locked(z, s, NGX_SIO_WAKE_KICK);
    }

    ngx_sio_set(z, &s->slot, z->slot);
    ngx_sio_add(z, &ngx_sio_slot(z, z->slot)->sessions, 1);
    ngx_sio_add(z, &z->root->counts.polling, -1);

    ngx_sio_set(z, &s->flags, s->flags & ~(NGX_SIO_SESSION_PROBED
                                           |NGX_SIO_SESSION_WAITING));

    ngx_sio_set(z, &s->ping_at, 0);
    ngx_sio_set(z, &s->pong_at, 0);
    ngx_sio_set(z, &s->connect_at, 0);
    ngx_sio_timer_del_locked(z, NGX_SIO_WHEEL_SESSIONS, &s->timer);

    ngx_sio_upgrade_move_locked(z, s, members);

    /* the inbox first: it is applied before the queue is appended */

    ngx_sio_inbox_take_locked(z);
    ngx_sio_queue_take_locked(z, s, batch);

    ref = ngx_sio_partial_take_locked(z, s);

    /* a GET that is still parked is answered "1": Node closes the transport */

    ngx_sio_role_wake_locked(z, s, NGX_SIO_ROLE_GET, NGX_SIO_WAKE_CLOSE);

    rc = ngx_sio_finish(z, NGX_OK);

    if (rc != NGX_OK || ref == 0) {
        return rc;
    }

    if (ngx_sio_blob_copy(z, ref, pool, partial) != NGX_OK) {
        (void) ngx_sio_session_close(z, session, NGX_SIO_TRANSPORT_ERROR, 0);
        return NGX_DONE;
    }

    return NGX_OK;
}
