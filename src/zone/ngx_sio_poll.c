
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Polling: the queue of a session, its GETs and POSTs.
 *
 * "A GET is pending" is cleared in the section that takes the queue, "a POST
 * is in progress" in one before the "ok" is written; both carry a generation,
 * and whoever gives up acts only if it still matches.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


static void ngx_sio_poll_due_locked(ngx_sio_zone_t *z,
    ngx_sio_session_sh_t *s, ngx_msec_t now);
static ngx_msec_t ngx_sio_poll_next(ngx_sio_session_sh_t *s, ngx_msec_t now);
static void ngx_sio_poll_last_locked(ngx_sio_zone_t *z,
    ngx_sio_session_sh_t *s, ngx_sio_batch_t *batch);


void
ngx_sio_queue_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    ngx_uint_t type, ngx_uint_t flags, ngx_sio_ref_t blob)
{
    size_t                size;
    ngx_sio_ref_t         ref;
    ngx_sio_blob_sh_t    *b;
    ngx_sio_node_sh_t    *last;
    ngx_sio_limits_sh_t  *limits;

    limits = &z->root->limits;
    size = 0;

    if (blob) {
        b = ngx_sio_ptr(z, blob);
        size = b->len;
    }

    /* a ping of ours is one at a time, an answer to the client's is not */

    if (blob || s->ping_interval == 0) {

        if (s->queue_count
            && ((limits->max_queue && s->queue_count >= limits->max_queue)
                || (limits->max_queue_size
                    && s->queue_size + size > limits->max_queue_size)))
        {
            if (ngx_sio_session_close_locked(z, s, NGX_SIO_TRANSPORT_ERROR, 0)
                == NGX_OK)
            {
                ngx_sio_refused(z, NGX_SIO_REFUSED_QUEUE);
            }

            return;
        }
    }

    ref = ngx_sio_node_create_locked(z, type, flags, blob);
    if (ref == 0) {
        return;
    }

    if (s->queue_last) {
        last = ngx_sio_ptr(z, s->queue_last);
        ngx_sio_set(z, &last->next, ref);

    } else {
        ngx_sio_set(z, &s->queue, ref);
    }

    ngx_sio_set(z, &s->queue_last, ref);
    ngx_sio_add(z, &s->queue_count, 1);
    ngx_sio_add(z, &s->queue_size, size);

    if (s->queue_count == 1) {
        ngx_sio_role_wake_locked(z, s, NGX_SIO_ROLE_GET, NGX_SIO_WAKE_DATA);
    }
}


static void
ngx_sio_queue_empty_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s)
{
    ngx_sio_set(z, &s->queue, 0);
    ngx_sio_set(z, &s->queue_last, 0);
    ngx_sio_set(z, &s->queue_count, 0);
    ngx_sio_set(z, &s->queue_size, 0);
}


void
ngx_sio_queue_take_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    ngx_sio_batch_t *batch)
{
    ngx_memzero(batch, sizeof(ngx_sio_batch_t));

    batch->next = s->queue;
    batch->n = s->queue_count;
    batch->len = s->queue_size;

    ngx_sio_nodes_used_locked(z, s->queue, s->queue_last);
    ngx_sio_queue_empty_locked(z, s);
}


void
ngx_sio_queue_drop_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s)
{
    ngx_sio_nodes_trash_locked(z, s->queue, s->queue_last);
    ngx_sio_queue_empty_locked(z, s);
}


/* a ping or a deadline that nobody has swept yet; without memory for it that
   is left to the sweep */

static void
ngx_sio_poll_due_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    ngx_msec_t now)
{
    if (s->state != NGX_SIO_SESSION_OPEN || !ngx_sio_session_polling(s)) {
        return;
    }

    ngx_sio_session_due_locked(z, s, (uint32_t) now);

    if (ngx_sio_failed(z)) {
        ngx_sio_undo_section(z);
    }
}


static ngx_msec_t
ngx_sio_poll_next(ngx_sio_session_sh_t *s, ngx_msec_t now)
{
    uint32_t  at;

    at = s->ping_at ? s->ping_at : s->pong_at;

    return at ? now + (ngx_msec_t) (ngx_msec_int_t)
                                   (int32_t) (at - (uint32_t) now)
              : 0;
}


/*
 * A closed session's last answers: what is queued by itself, and in the next
 * one the close packet (protocol, 1.15): a client that finds both in one
 * payload hears of the close before it has acted on the packets.
 */

static void
ngx_sio_poll_last_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    ngx_sio_batch_t *batch)
{
    ngx_sio_queue_take_locked(z, s, batch);

    if (batch->n) {
        return;
    }

    batch->close = 1;

    ngx_sio_set(z, &s->flags, s->flags & ~NGX_SIO_SESSION_LINGER);
    ngx_sio_set(z, &s->linger_at, 0);
}


ngx_int_t
ngx_sio_get_open(ngx_sio_zone_t *z, const u_char *sid, uint32_t form,
    ngx_msec_t now, ngx_sio_request_t *rq)
{
    ngx_int_t              rc;
    ngx_sio_session_sh_t  *s;

    ngx_memzero(rq, sizeof(ngx_sio_request_t));

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    s = ngx_sio_session_by_sid_locked(z, sid);

    if (!ngx_sio_session_known(s) || z->slot == NGX_SIO_NO_SLOT) {
        return ngx_sio_finish(z, NGX_DECLINED);
    }

    if (!ngx_sio_session_polling(s)
        || ((ngx_sio_session_form(s) ^ form) & NGX_SIO_FORM_EIO3))
    {
        return ngx_sio_finish(z, NGX_ERROR);
    }

    ngx_sio_poll_due_locked(z, s, now);

    ngx_sio_session_info_locked(z, s, &rq->info);

    if (ngx_sio_role_held(s, NGX_SIO_ROLE_GET)) {

        if (s->state != NGX_SIO_SESSION_OPEN) {
            return ngx_sio_finish(z, NGX_DECLINED);
        }

        (void) ngx_sio_session_close_locked(z, s, NGX_SIO_TRANSPORT_ERROR, 0);

        return ngx_sio_finish(z, NGX_BUSY);
    }

    if (s->state != NGX_SIO_SESSION_OPEN) {

        if (!(s->flags & NGX_SIO_SESSION_LINGER)) {
            return ngx_sio_finish(z, NGX_DECLINED);
        }

        ngx_sio_poll_last_locked(z, s, &rq->batch);
        ngx_sio_session_settle_locked(z, s);

        return ngx_sio_finish(z, NGX_OK);
    }

    if (s->queue_count) {
        ngx_sio_queue_take_locked(z, s, &rq->batch);
        return ngx_sio_finish(z, NGX_OK);
    }

    rq->gen = ngx_sio_role_acquire_locked(z, s, NGX_SIO_ROLE_GET);
    rq->ping_at = ngx_sio_poll_next(s, now);

    return ngx_sio_finish(z, NGX_AGAIN);
}


ngx_int_t
ngx_sio_get_take(ngx_sio_zone_t *z, ngx_sio_handle_t session, uint32_t gen,
    ngx_uint_t force, ngx_msec_t now, ngx_sio_batch_t *batch)
{
    ngx_int_t              rc;
    ngx_sio_session_sh_t  *s;

    ngx_memzero(batch, sizeof(ngx_sio_batch_t));

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    s = ngx_sio_session_lookup(z, session);

    if (s == NULL || !ngx_sio_role_mine(z, s, NGX_SIO_ROLE_GET, gen)) {
        return ngx_sio_finish(z, NGX_DONE);
    }

    ngx_sio_poll_due_locked(z, s, now);

    if (s->state != NGX_SIO_SESSION_OPEN) {
        ngx_sio_poll_last_locked(z, s, batch);
        ngx_sio_role_drop_locked(z, s, NGX_SIO_ROLE_GET);
        ngx_sio_session_settle_locked(z, s);

        return ngx_sio_finish(z, NGX_OK);
    }

    if (s->queue_count == 0 && !force && ngx_sio_session_polling(s)) {
        return ngx_sio_finish(z, NGX_AGAIN);
    }

    ngx_sio_queue_take_locked(z, s, batch);
    ngx_sio_role_drop_locked(z, s, NGX_SIO_ROLE_GET);

    return ngx_sio_finish(z, NGX_OK);
}


ngx_int_t
ngx_sio_get_abort(ngx_sio_zone_t *z, ngx_sio_handle_t session, uint32_t gen)
{
    ngx_int_t              rc;
    ngx_sio_session_sh_t  *s;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    s = ngx_sio_session_lookup(z, session);

    if (s == NULL || !ngx_sio_role_mine(z, s, NGX_SIO_ROLE_GET, gen)) {
        return ngx_sio_finish(z, NGX_DONE);
    }

    ngx_sio_role_drop_locked(z, s, NGX_SIO_ROLE_GET);

    if (ngx_sio_session_polling(s)) {
        (void) ngx_sio_session_close_locked(z, s, NGX_SIO_TRANSPORT_ERROR, 0);
    }

    ngx_sio_session_settle_locked(z, s);

    return ngx_sio_finish(z, NGX_OK);
}


ngx_int_t
ngx_sio_session_drop(ngx_sio_zone_t *z, ngx_sio_handle_t session)
{
    ngx_int_t              rc;
    ngx_sio_session_sh_t  *s;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    s = ngx_sio_session_lookup(z, session);

    if (s == NULL || s->state == NGX_SIO_SESSION_OPEN) {
        return ngx_sio_finish(z, NGX_DONE);
    }

    ngx_sio_queue_drop_locked(z, s);

    ngx_sio_set(z, &s->flags, s->flags & ~NGX_SIO_SESSION_LINGER);
    ngx_sio_set(z, &s->linger_at, 0);

    ngx_sio_session_settle_locked(z, s);

    return ngx_sio_finish(z, NGX_OK);
}


ngx_sio_ref_t
ngx_sio_partial_take_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s)
{
    ngx_sio_ref_t       ref;
    ngx_sio_blob_sh_t  *blob;
    ngx_sio_slot_sh_t  *slot;

    ref = s->partial;

    if (ref == 0) {
        return 0;
    }

    slot = ngx_sio_slot(z, z->slot);
    blob = ngx_sio_ptr(z, ref);

    ngx_sio_set(z, &s->partial, 0);
    ngx_sio_set(z, &blob->refs, 0);
    ngx_sio_set(z, &blob->next, slot->read);
    ngx_sio_set(z, &slot->read, ref);

    return ref;
}


ngx_int_t
ngx_sio_post_open(ngx_sio_zone_t *z, const u_char *sid, uint32_t form,
    ngx_msec_t now, ngx_pool_t *pool, ngx_sio_request_t *rq)
{
    ngx_int_t              rc;
    ngx_sio_ref_t          ref;
    ngx_sio_session_sh_t  *s;

    ngx_memzero(rq, sizeof(ngx_sio_request_t));

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    s = ngx_sio_session_by_sid_locked(z, sid);

    if (!ngx_sio_session_known(s) || z->slot == NGX_SIO_NO_SLOT) {
        return ngx_sio_finish(z, NGX_DECLINED);
    }

    if (!ngx_sio_session_polling(s)
        || ((ngx_sio_session_form(s) ^ form) & NGX_SIO_FORM_EIO3))
    {
        return ngx_sio_finish(z, NGX_ERROR);
    }

    ngx_sio_poll_due_locked(z, s, now);

    ngx_sio_session_info_locked(z, s, &rq->info);

    if (s->state != NGX_SIO_SESSION_OPEN) {
        rc = (s->flags & NGX_SIO_SESSION_LINGER) ? NGX_DONE : NGX_DECLINED;

        return ngx_sio_finish(z, rc);
    }

    if (ngx_sio_role_held(s, NGX_SIO_ROLE_POST)) {
        (void) ngx_sio_session_close_locked(z, s, NGX_SIO_TRANSPORT_ERROR, 0);

        return ngx_sio_finish(z, NGX_BUSY);
    }

    rq->gen = ngx_sio_role_acquire_locked(z, s, NGX_SIO_ROLE_POST);

    if (ngx_sio_role_held(s, NGX_SIO_ROLE_END)) {
        /* a socket is to be disconnected: now by who processes the input */
        ngx_sio_session_assign_locked(z, s, NGX_SIO_WAKE_KICK);
    }

    ref = ngx_sio_partial_take_locked(z, s);

    rc = ngx_sio_finish(z, NGX_OK);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_sio_blob_copy(z, ref, pool, &rq->partial) != NGX_OK) {
        (void) ngx_sio_post_abort(z, rq->info.session, rq->gen);
        return NGX_BUSY;
    }

    return NGX_OK;
}


ngx_int_t
ngx_sio_post_close(ngx_sio_zone_t *z, ngx_sio_handle_t session, uint32_t gen,
    const ngx_str_t *partial)
{
    ngx_int_t              rc;
    ngx_sio_ref_t          prepared;
    ngx_sio_session_sh_t  *s;

    rc = ngx_sio_string_prepare(z, partial, &prepared);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    s = ngx_sio_session_lookup(z, session);

    if (s == NULL || !ngx_sio_role_mine(z, s, NGX_SIO_ROLE_POST, gen)) {
        rc = NGX_DONE;
        goto done;
    }

    ngx_sio_role_drop_locked(z, s, NGX_SIO_ROLE_POST);

    if (s->state != NGX_SIO_SESSION_OPEN) {
        ngx_sio_session_settle_locked(z, s);
        rc = NGX_DONE;
        goto done;
    }

    ngx_sio_string_replace_locked(z, &s->partial, partial, prepared);

    if (s->flags & NGX_SIO_SESSION_WAITING) {
        ngx_sio_set(z, &s->flags, s->flags & ~NGX_SIO_SESSION_WAITING);
        ngx_sio_role_wake_locked(z, s, NGX_SIO_ROLE_CANDIDATE,
                                 NGX_SIO_WAKE_POST_END);
    }

done:

    rc = ngx_sio_finish(z, rc);

    if (rc != NGX_OK && rc != NGX_ABORT && prepared) {
        ngx_sio_blob_discard(z, prepared);
    }

    return rc;
}


ngx_int_t
ngx_sio_post_abort(ngx_sio_zone_t *z, ngx_sio_handle_t session, uint32_t gen)
{
    ngx_int_t              rc;
    ngx_sio_session_sh_t  *s;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    s = ngx_sio_session_lookup(z, session);

    if (s == NULL || !ngx_sio_role_mine(z, s, NGX_SIO_ROLE_POST, gen)) {
        return ngx_sio_finish(z, NGX_DONE);
    }

    ngx_sio_role_drop_locked(z, s, NGX_SIO_ROLE_POST);

    (void) ngx_sio_session_close_locked(z, s, NGX_SIO_TRANSPORT_ERROR, 0);

    ngx_sio_session_settle_locked(z, s);

    return ngx_sio_finish(z, NGX_OK);
}


ngx_int_t
ngx_sio_session_pong(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    ngx_msec_t now)
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

    if (!ngx_sio_session_polling(s)) {
        return ngx_sio_finish(z, NGX_OK);
    }

    if (s->ping_interval) {
        ngx_sio_set(z, &s->pong_at, 0);
        ngx_sio_set(z, &s->ping_at, ngx_sio_time(now + s->ping_interval));

    } else if (s->ping_timeout) {
        /* Engine.IO v3: the client pings, this is the time until its next */
        ngx_sio_set(z, &s->pong_at, ngx_sio_time(now + s->ping_timeout));
        ngx_sio_queue_locked(z, s, NGX_SIO_ENTRY_PING, 0, 0);

        if (s->state != NGX_SIO_SESSION_OPEN) {
            /* its queue was full */
            return ngx_sio_finish(z, NGX_OK);
        }
    }

    ngx_sio_session_schedule_locked(z, s, (uint32_t) now);

    return ngx_sio_finish(z, NGX_OK);
}


/* what could say that the client is alive waits here: it has the whole time
   again */

ngx_int_t
ngx_sio_session_held(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    ngx_msec_t now)
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

    if (s->pong_at) {
        ngx_sio_set(z, &s->pong_at, ngx_sio_time(now + s->ping_timeout));
        ngx_sio_session_schedule_locked(z, s, (uint32_t) now);
    }

    return ngx_sio_finish(z, NGX_OK);
}


ngx_int_t
ngx_sio_session_alive(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    ngx_msec_t now)
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

    if (s->ping_interval && s->pong_at
        && !(s->flags & NGX_SIO_SESSION_REFRESHED))
    {
        ngx_sio_set(z, &s->flags, s->flags | NGX_SIO_SESSION_REFRESHED);
        ngx_sio_set(z, &s->pong_at, ngx_sio_time(now + s->ping_timeout));
        ngx_sio_session_schedule_locked(z, s, (uint32_t) now);
    }

    return ngx_sio_finish(z, NGX_OK);
}
