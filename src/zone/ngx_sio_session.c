
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Sessions: their records, closing, and what is sent to one of them.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


#define NGX_SIO_SWEEP_LATE    2000      /* milliseconds: not by sweeps alone */


static void ngx_sio_session_unhash_locked(ngx_sio_zone_t *z,
    ngx_sio_session_sh_t *s);
static void ngx_sio_session_free_locked(ngx_sio_zone_t *z,
    ngx_sio_session_sh_t *s);
static void ngx_sio_session_ping_locked(ngx_sio_zone_t *z,
    ngx_sio_session_sh_t *s, uint32_t now);

#define ngx_sio_session_hash(z, sid)                                          \
    ngx_sio_hash(z, NGX_SIO_TABLE_SESSIONS, (const u_char *) (sid),           \
                 NGX_SIO_ID_LEN)

ngx_int_t
ngx_sio_session_create(ngx_sio_zone_t *z,
    const ngx_sio_session_params_t *params, ngx_msec_t now,
    ngx_sio_handle_t *session)
{
    uint32_t              *bucket, max;
    ngx_int_t              rc;
    ngx_sio_ref_t          ref, info, prepared;
    ngx_sio_slot_sh_t     *slot;
    ngx_sio_session_sh_t  *s;

    rc = ngx_sio_string_prepare(z, &params->info, &prepared);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    info = 0;

    if (z->slot == NGX_SIO_NO_SLOT) {
        ngx_sio_private(z)->failed = 1;
        goto done;
    }

    if (ngx_sio_session_by_sid_locked(z, params->sid) != NULL) {
        rc = NGX_ERROR;
        goto done;
    }

    max = z->root->limits.max_handshakes;

    if (max && z->root->counts.handshakes >= max) {
        ngx_sio_refused(z, NGX_SIO_REFUSED_HANDSHAKE);
        ngx_sio_private(z)->failed = 1;
        goto done;
    }

    info = ngx_sio_string_publish_locked(z, &params->info, prepared);

    ref = ngx_sio_alloc(z, NGX_SIO_CLASS_SESSION);
    if (ref == 0) {
        goto done;
    }

    s = ngx_sio_ptr(z, ref);

    ngx_memzero(s, ngx_sio_class_size(NGX_SIO_CLASS_SESSION));

    bucket = ngx_sio_bucket(z, NGX_SIO_TABLE_SESSIONS,
                            ngx_sio_session_hash(z, params->sid));

    s->gen = ngx_sio_next_gen(z);
    s->next = *bucket;
    s->state = NGX_SIO_SESSION_OPEN;
    s->flags = NGX_SIO_SESSION_HASHED | (params->form & 0xff) << 8;
    s->location = params->location;
    s->slot = NGX_SIO_NO_SLOT;
    s->info = info;
    s->ping_interval = (uint32_t) params->ping_interval;
    s->ping_timeout = (uint32_t) params->ping_timeout;
    s->jsonp = params->jsonp;

    ngx_memcpy(s->sid, params->sid, NGX_SIO_ID_LEN);

    if (ngx_sio_address_count_locked(z, s, params->address) != NGX_OK) {
        ngx_sio_undo_section(z);
        ngx_sio_refused(z, NGX_SIO_REFUSED_SESSION);
        rc = NGX_DECLINED;
        goto done;
    }

    ngx_sio_set(z, bucket, ref);
    ngx_sio_add(z, &z->root->counts.sessions, 1);
    ngx_sio_add(z, &z->root->counts.handshakes, 1);

    if (params->websocket) {
        s->slot = (uint32_t) z->slot;
        slot = ngx_sio_slot(z, z->slot);
        ngx_sio_add(z, &slot->sessions, 1);
        (void) ngx_sio_role_acquire_locked(z, s, NGX_SIO_ROLE_WS);

    } else {
        ngx_sio_add(z, &z->root->counts.polling, 1);

        if (params->ping_interval) {
            s->ping_at = ngx_sio_time(now + params->ping_interval);

        } else if (params->ping_timeout) {
            s->pong_at = ngx_sio_time(now + params->ping_timeout);
        }

        if (params->connect_timeout) {
            s->connect_at = ngx_sio_time(now + params->connect_timeout);
        }

        ngx_sio_session_schedule_locked(z, s, (uint32_t) now);
    }

    ngx_sio_session_handle(z, s, session);

done:

    rc = ngx_sio_finish(z, rc);

    if (rc != NGX_OK && rc != NGX_ABORT && prepared) {
        ngx_sio_blob_discard(z, prepared);
    }

    return rc;
}


ngx_sio_session_sh_t *
ngx_sio_session_by_sid_locked(ngx_sio_zone_t *z, const u_char *sid)
{
    ngx_sio_ref_t          ref;
    ngx_sio_session_sh_t  *s;

    ref = *ngx_sio_bucket(z, NGX_SIO_TABLE_SESSIONS,
                          ngx_sio_session_hash(z, sid));

    for ( /* void */ ; ref; ref = s->next) {
        s = ngx_sio_ptr(z, ref);

        if (ngx_memcmp(s->sid, sid, NGX_SIO_ID_LEN) == 0) {
            return s;
        }
    }

    return NULL;
}


static void
ngx_sio_session_unhash_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s)
{
    uint32_t              *p;
    ngx_sio_session_sh_t  *other;

    if (!(s->flags & NGX_SIO_SESSION_HASHED)) {
        return;
    }

    p = ngx_sio_bucket(z, NGX_SIO_TABLE_SESSIONS,
                       ngx_sio_session_hash(z, s->sid));

    while (*p && *p != ngx_sio_ref(z, s)) {
        other = ngx_sio_ptr(z, *p);
        p = &other->next;
    }

    if (*p) {
        ngx_sio_set(z, p, s->next);
    }

    ngx_sio_set(z, &s->next, 0);
    ngx_sio_set(z, &s->flags, s->flags & ~NGX_SIO_SESSION_HASHED);
}


void
ngx_sio_session_info_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    ngx_sio_session_info_t *info)
{
    ngx_memzero(info, sizeof(ngx_sio_session_info_t));

    ngx_sio_session_handle(z, s, &info->session);
    ngx_memcpy(info->sid, s->sid, NGX_SIO_ID_LEN);
    info->location = s->location;
    info->form = ngx_sio_session_form(s);
    info->websocket = !ngx_sio_session_polling(s);
    info->upgrading = (s->flags & NGX_SIO_SESSION_PROBED) ? 1 : 0;
    info->closing = (s->state != NGX_SIO_SESSION_OPEN);
    info->joined = (s->flags & NGX_SIO_SESSION_JOINED) ? 1 : 0;
    info->jsonp = s->jsonp;

    /* times have 32 bits in the zone, the clock of the callers may have more */

    if (s->ping_at) {
        info->ping_at = ngx_sio_msec(s->ping_at);
    }

    if (s->connect_at) {
        info->connect_at = ngx_sio_msec(s->connect_at);
    }
}


ngx_int_t
ngx_sio_session_info(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    ngx_sio_session_info_t *info)
{
    ngx_int_t              rc;
    ngx_sio_session_sh_t  *s;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    s = ngx_sio_session_lookup(z, session);

    if (s == NULL) {
        rc = NGX_DONE;

    } else {
        ngx_sio_session_info_locked(z, s, info);
    }

    return ngx_sio_finish(z, rc);
}


ngx_int_t
ngx_sio_session_find(ngx_sio_zone_t *z, const u_char *sid,
    ngx_sio_session_info_t *info)
{
    ngx_int_t              rc;
    ngx_sio_session_sh_t  *s;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    s = ngx_sio_session_by_sid_locked(z, sid);

    if (!ngx_sio_session_known(s)) {
        rc = NGX_DECLINED;

    } else {
        ngx_sio_session_info_locked(z, s, info);
    }

    return ngx_sio_finish(z, rc);
}


ngx_int_t
ngx_sio_session_params(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    ngx_pool_t *pool, ngx_str_t *info)
{
    ngx_int_t              rc;
    ngx_sio_session_sh_t  *s;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    s = ngx_sio_session_lookup(z, session);

    if (s == NULL) {
        rc = NGX_DONE;

    } else {
        rc = ngx_sio_blob_copy(z, s->info, pool, info);
    }

    return ngx_sio_finish(z, rc);
}


ngx_sio_reason_e
ngx_sio_session_reason(ngx_sio_zone_t *z, ngx_sio_handle_t session)
{
    ngx_sio_reason_e       reason;
    ngx_sio_session_sh_t  *s;

    if (ngx_sio_begin(z) != NGX_OK) {
        return NGX_SIO_REASON_NONE;
    }

    s = ngx_sio_session_lookup(z, session);

    reason = s ? s->reason : NGX_SIO_REASON_NONE;

    (void) ngx_sio_finish(z, NGX_OK);

    return reason;
}


ngx_int_t
ngx_sio_session_send(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    const ngx_sio_body_t *body, ngx_uint_t flags)
{
    ngx_int_t              rc;
    ngx_sio_ref_t          blob, node, prepared;
    ngx_sio_entry_t        entry;
    ngx_sio_node_sh_t     *n;
    ngx_sio_session_sh_t  *s;

    prepared = 0;

again:

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    s = ngx_sio_session_lookup(z, session);

    if (s == NULL || s->state != NGX_SIO_SESSION_OPEN) {
        rc = NGX_DONE;
        goto done;
    }

    ngx_sio_inbox_take_locked(z);

    if (!ngx_sio_session_polling(s) && s->slot == z->slot) {
        ngx_memzero(&entry, sizeof(ngx_sio_entry_t));

        entry.type = NGX_SIO_ENTRY_SEND;
        entry.flags = flags;
        entry.body = *body;
        entry.session = session;

        ngx_sio_private(z)->own = &entry;
        goto done;
    }

    if (ngx_sio_session_polling(s)) {

        if ((flags & NGX_SIO_VOLATILE) && !ngx_sio_queue_idle(s)) {
            goto done;
        }

    } else if (!ngx_sio_slot_live(z, s->slot)) {
        goto done;
    }

    if (prepared) {
        ngx_sio_blob_publish_locked(z, prepared);
        blob = prepared;

    } else if (body->len > NGX_SIO_COPY_MAX && z->slot != NGX_SIO_NO_SLOT) {

        /* start again, with its bytes in the zone */

        ngx_sio_undo_section(z);
        (void) ngx_sio_finish(z, NGX_OK);

        rc = ngx_sio_blob_prepare(z, 0, body, &prepared);
        if (rc != NGX_OK) {
            return rc;
        }

        goto again;

    } else {
        blob = ngx_sio_blob_create_locked(z, 0, body);
        if (blob == 0) {
            goto done;
        }
    }

    if (ngx_sio_session_polling(s)) {
        ngx_sio_queue_locked(z, s, NGX_SIO_ENTRY_MESSAGE, flags, blob);

    } else {
        node = ngx_sio_node_create_locked(z, NGX_SIO_ENTRY_SEND, flags, blob);
        if (node == 0) {
            goto done;
        }

        n = ngx_sio_ptr(z, node);
        n->ref = session.ref;
        n->gen = session.gen;

        ngx_sio_inbox_push_locked(z, s->slot, node);
    }

    ngx_sio_blob_release_locked(z, blob);

    rc = ngx_sio_finish(z, rc);

    if (rc == NGX_OK) {
        prepared = 0;
    }

    goto discard;

done:

    rc = ngx_sio_finish(z, rc);

discard:

    if (prepared && rc != NGX_ABORT) {
        ngx_sio_blob_discard(z, prepared);
    }

    return rc;
}


/*
 * Closing.  No memory is needed: it is a state, and one role's link on the
 * list of a worker.
 */

ngx_int_t
ngx_sio_session_close_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    ngx_sio_reason_e reason, ngx_uint_t linger)
{
    if (s->state != NGX_SIO_SESSION_OPEN) {
        return NGX_DONE;
    }

    ngx_sio_set(z, &s->state, NGX_SIO_SESSION_CLOSING);
    ngx_sio_set(z, &s->reason, reason);

    ngx_sio_set(z, &s->ping_at, 0);
    ngx_sio_set(z, &s->pong_at, 0);
    ngx_sio_set(z, &s->connect_at, 0);

    if (linger && ngx_sio_session_polling(s)) {
        ngx_sio_set(z, &s->flags, s->flags | NGX_SIO_SESSION_LINGER);

    } else if (!ngx_sio_role_held(s, NGX_SIO_ROLE_GET)) {
        ngx_sio_queue_drop_locked(z, s);
    }

    /* a GET that waits has the queue already, its worker only is not there */

    ngx_sio_session_assign_locked(z, s, NGX_SIO_WAKE_END);

    return NGX_OK;
}


/* who does the end-of-life work: who processes its input, else who has been
   asked before, else the closer */

void
ngx_sio_session_assign_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    ngx_uint_t wake)
{
    ngx_uint_t  slot, end;

    end = NGX_SIO_NO_SLOT;

    if (ngx_sio_role_held(s, NGX_SIO_ROLE_END)) {
        end = ngx_sio_role_slot(s->roles[NGX_SIO_ROLE_END].info);
    }

    if (ngx_sio_role_held(s, NGX_SIO_ROLE_POST)) {
        slot = ngx_sio_role_slot(s->roles[NGX_SIO_ROLE_POST].info);

        if (ngx_sio_slot_live(z, slot)) {
            goto found;
        }
    }

    if (ngx_sio_role_held(s, NGX_SIO_ROLE_WS)) {
        slot = ngx_sio_role_slot(s->roles[NGX_SIO_ROLE_WS].info);

        if (ngx_sio_slot_live(z, slot)) {
            goto found;
        }
    }

    if (ngx_sio_slot_live(z, end)) {
        slot = end;
        goto found;
    }

    slot = z->slot;

    if (ngx_sio_slot_live(z, slot)) {
        goto found;
    }

    for (slot = 0; slot < NGX_SIO_MAX_SLOTS; slot++) {
        if (ngx_sio_slot_live(z, slot)) {
            goto found;
        }
    }

    /* nobody is there; the next worker's walk finds it */

    ngx_sio_set(z, &z->root->reap_page, 1);

    return;

found:

    if (slot != end) {
        ngx_sio_role_drop_locked(z, s, NGX_SIO_ROLE_END);
        (void) ngx_sio_role_give_locked(z, s, NGX_SIO_ROLE_END, slot);
    }

    ngx_sio_role_wake_locked(z, s, NGX_SIO_ROLE_END, wake);
}


ngx_int_t
ngx_sio_session_close(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    ngx_sio_reason_e reason, ngx_uint_t linger)
{
    ngx_int_t              rc;
    ngx_sio_session_sh_t  *s;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    s = ngx_sio_session_lookup(z, session);

    rc = s ? ngx_sio_session_close_locked(z, s, reason, linger) : NGX_DONE;

    return ngx_sio_finish(z, rc);
}


ngx_int_t
ngx_sio_session_end(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    ngx_msec_t now)
{
    ngx_int_t              rc;
    ngx_sio_session_sh_t  *s;

    for ( ;; ) {

        /* sockets that the caller has left */

        rc = ngx_sio_reserve(z, NGX_SIO_REMOVE_MAX, 0);
        if (rc != NGX_OK) {
            return rc;
        }

        ngx_sio_life_reserve_any(z);

        rc = ngx_sio_begin(z);
        if (rc != NGX_OK) {
            return rc;
        }

        s = ngx_sio_session_lookup(z, session);

        if (s == NULL || s->state == NGX_SIO_SESSION_ENDED) {
            return ngx_sio_finish(z, NGX_DONE);
        }

        if (s->state == NGX_SIO_SESSION_OPEN) {
            (void) ngx_sio_session_close_locked(z, s, NGX_SIO_FORCED_CLOSE, 0);
        }

        if (s->sockets == 0) {
            break;
        }

        ngx_sio_inbox_take_locked(z);

        (void) ngx_sio_socket_remove_locked(z, ngx_sio_ptr(z, s->sockets),
                                            NGX_SIO_REMOVE_MAX);

        rc = ngx_sio_finish(z, NGX_OK);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_sio_set(z, &s->state, NGX_SIO_SESSION_ENDED);

    ngx_sio_role_drop_locked(z, s, NGX_SIO_ROLE_END);

    ngx_sio_role_wake_locked(z, s, NGX_SIO_ROLE_GET, NGX_SIO_WAKE_CLOSE);
    ngx_sio_role_wake_locked(z, s, NGX_SIO_ROLE_POST, NGX_SIO_WAKE_CLOSE);
    ngx_sio_role_wake_locked(z, s, NGX_SIO_ROLE_WS, NGX_SIO_WAKE_CLOSE);

    if (s->flags & NGX_SIO_SESSION_LINGER) {
        ngx_sio_set(z, &s->linger_at, ngx_sio_time(now + NGX_SIO_LINGER_TIME));
        ngx_sio_session_schedule_locked(z, s, (uint32_t) now);
    }

    ngx_sio_session_settle_locked(z, s);

    return ngx_sio_finish(z, NGX_OK);
}


/* an ended session is forgotten when nothing lingers, and freed when no role
   is held.  What lingers a candidate may still fetch */

void
ngx_sio_session_settle_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s)
{
    ngx_uint_t  i;

    if (s->state != NGX_SIO_SESSION_ENDED
        || (s->flags & NGX_SIO_SESSION_LINGER))
    {
        return;
    }

    ngx_sio_session_unhash_locked(z, s);

    ngx_sio_role_wake_locked(z, s, NGX_SIO_ROLE_CANDIDATE,
                             NGX_SIO_WAKE_CLOSE);

    for (i = 0; i < NGX_SIO_NROLES; i++) {
        if (ngx_sio_role_held(s, i)) {
            return;
        }
    }

    ngx_sio_session_free_locked(z, s);
}


static void
ngx_sio_session_free_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s)
{
    ngx_sio_queue_drop_locked(z, s);
    ngx_sio_timer_del_locked(z, NGX_SIO_WHEEL_SESSIONS, &s->timer);

    if (s->info) {
        ngx_sio_blob_release_locked(z, s->info);
    }

    if (s->partial) {
        ngx_sio_blob_release_locked(z, s->partial);
    }

    if (ngx_sio_session_polling(s)) {
        ngx_sio_add(z, &z->root->counts.polling, -1);

    } else {
        ngx_sio_add(z, &ngx_sio_slot(z, s->slot)->sessions, -1);
    }

    ngx_sio_session_joined_locked(z, s);
    ngx_sio_address_uncount_locked(z, s);

    ngx_sio_add(z, &z->root->counts.sessions, -1);

    ngx_sio_free(z, ngx_sio_ref(z, s));
}


ngx_int_t
ngx_sio_role_release(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    ngx_sio_role_e role, uint32_t gen)
{
    ngx_int_t              rc;
    ngx_sio_session_sh_t  *s;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    s = ngx_sio_session_lookup(z, session);

    if (s == NULL || (ngx_uint_t) role >= NGX_SIO_NROLES
        || !ngx_sio_role_mine(z, s, role, gen ? gen : s->roles[role].gen))
    {
        return ngx_sio_finish(z, NGX_DONE);
    }

    ngx_sio_role_drop_locked(z, s, role);

    switch (role) {

    case NGX_SIO_ROLE_CANDIDATE:
        ngx_sio_set(z, &s->flags, s->flags & ~(NGX_SIO_SESSION_PROBED
                                               |NGX_SIO_SESSION_WAITING));
        break;

    case NGX_SIO_ROLE_END:

        if (s->state == NGX_SIO_SESSION_CLOSING) {
            ngx_sio_session_assign_locked(z, s, NGX_SIO_WAKE_END);
        }

        break;

    case NGX_SIO_ROLE_WS:
    case NGX_SIO_ROLE_POST:

        /* nobody would process its input */

        (void) ngx_sio_session_close_locked(z, s, NGX_SIO_TRANSPORT_ERROR, 0);
        break;

    default:
        break;
    }

    ngx_sio_session_settle_locked(z, s);

    return ngx_sio_finish(z, NGX_OK);
}


/* puts the session where its earliest time is due */

void
ngx_sio_session_schedule_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    uint32_t now)
{
    uint32_t    due;
    ngx_uint_t  i;
    uint32_t    times[4];

    times[0] = s->ping_at;
    times[1] = s->pong_at;
    times[2] = s->connect_at;
    times[3] = s->linger_at;

    due = 0;

    for (i = 0; i < 4; i++) {
        if (times[i] && (due == 0 || ngx_sio_before(times[i], due))) {
            due = times[i];
        }
    }

    if (due == 0) {
        ngx_sio_timer_del_locked(z, NGX_SIO_WHEEL_SESSIONS, &s->timer);
        return;
    }

    ngx_sio_timer_set_locked(z, NGX_SIO_WHEEL_SESSIONS, &s->timer, due, now);
}


/* does what is due; may free the session */

void
ngx_sio_session_due_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    uint32_t now)
{
    if (ngx_sio_passed(s->linger_at, now)) {
        ngx_sio_set(z, &s->linger_at, 0);
        ngx_sio_set(z, &s->flags, s->flags & ~NGX_SIO_SESSION_LINGER);
        ngx_sio_queue_drop_locked(z, s);
        ngx_sio_session_schedule_locked(z, s, now);
        ngx_sio_session_settle_locked(z, s);
        return;
    }

    if (ngx_sio_passed(s->connect_at, now)) {
        (void) ngx_sio_session_close_locked(z, s, NGX_SIO_FORCED_CLOSE, 1);

    } else if (ngx_sio_passed(s->ping_at, now)) {
        ngx_sio_session_ping_locked(z, s, now);

    } else if (ngx_sio_passed(s->pong_at, now)) {
        (void) ngx_sio_session_close_locked(z, s, NGX_SIO_PING_TIMEOUT, 0);
    }

    ngx_sio_session_schedule_locked(z, s, now);
}


/*
 * The time for the pong begins when the ping was due, not when a sweep met it:
 * Node counts it from there, whether or not a GET fetches the ping.  A GET that
 * waits gets it now; and when all workers were stopped for long, nobody could
 * have fetched it.
 */

static void
ngx_sio_session_ping_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    uint32_t now)
{
    uint32_t  from;

    from = s->ping_at;

    if (ngx_sio_role_held(s, NGX_SIO_ROLE_GET)
        || now - from > NGX_SIO_SWEEP_LATE)
    {
        from = now;
    }

    ngx_sio_set(z, &s->ping_at, 0);

    ngx_sio_set(z, &s->flags, s->flags & ~NGX_SIO_SESSION_REFRESHED);

    if (s->ping_timeout) {
        ngx_sio_set(z, &s->pong_at, ngx_sio_time(from + s->ping_timeout));

        if (ngx_sio_passed(s->pong_at, now)) {
            (void) ngx_sio_session_close_locked(z, s, NGX_SIO_PING_TIMEOUT, 0);
            return;
        }
    }

    ngx_sio_queue_locked(z, s, NGX_SIO_ENTRY_PING, 0, 0);
}
