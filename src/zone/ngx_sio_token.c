
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Tokens: what somebody else has said of a socket, and until when.  The record
 * hangs on a wheel; whoever finds that its time has come, disconnects the
 * socket as ngx_sio_socket_kick() does, in that section.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


#define NGX_SIO_TOKEN_TURN    64

/* milliseconds: further ahead a timer of 32 bits cannot see, it is set anew */
#define NGX_SIO_TOKEN_FAR     (1 << 30)


static void ngx_sio_token_schedule_locked(ngx_sio_zone_t *z,
    ngx_sio_token_sh_t *token, uint32_t now, uint64_t clock);


void
ngx_sio_token_create_locked(ngx_sio_zone_t *z, ngx_sio_socket_sh_t *k,
    const ngx_sio_token_t *token)
{
    ngx_time_t          *tp;
    ngx_sio_ref_t        ref;
    ngx_sio_token_sh_t  *t;

    if (token->claims.len == 0 && token->expires == 0) {
        return;
    }

    ref = ngx_sio_alloc(z, NGX_SIO_CLASS_TOKEN);
    if (ref == 0) {
        return;
    }

    t = ngx_sio_ptr(z, ref);

    ngx_memzero(t, sizeof(ngx_sio_token_sh_t));

    t->socket = ngx_sio_ref(z, k);
    t->expires = (uint32_t) token->expires;
    t->warn = (uint32_t) token->warn;

    if (token->claims.len) {
        t->claims = ngx_sio_blob_string_locked(z, &token->claims);
        if (t->claims == 0) {
            return;
        }
    }

    ngx_sio_set(z, &k->token, ref);
    ngx_sio_add(z, &z->root->counts.tokens, 1);

    if (t->expires) {
        tp = ngx_timeofday();

        ngx_sio_token_schedule_locked(z, t, (uint32_t) ngx_current_msec,
                                      (uint64_t) tp->sec * 1000 + tp->msec);
    }
}


void
ngx_sio_token_free_locked(ngx_sio_zone_t *z, ngx_sio_socket_sh_t *k)
{
    ngx_sio_token_sh_t  *t;

    if (k->token == 0) {
        return;
    }

    t = ngx_sio_ptr(z, k->token);

    ngx_sio_timer_del_locked(z, NGX_SIO_WHEEL_TOKENS, &t->timer);

    if (t->claims) {
        ngx_sio_blob_release_locked(z, t->claims);
    }

    ngx_sio_free(z, k->token);

    ngx_sio_set(z, &k->token, 0);
    ngx_sio_add(z, &z->root->counts.tokens, -1);
}


uint32_t
ngx_sio_token_expires(ngx_sio_zone_t *z, ngx_sio_socket_sh_t *k)
{
    ngx_sio_token_sh_t  *t;

    if (k->token == 0) {
        return 0;
    }

    t = ngx_sio_ptr(z, k->token);

    return t->expires;
}


/* at the warning, then at the end */

static void
ngx_sio_token_schedule_locked(ngx_sio_zone_t *z, ngx_sio_token_sh_t *t,
    uint32_t now, uint64_t clock)
{
    uint64_t  at;

    at = (uint64_t) (t->expires - ngx_min(t->warn, t->expires)) * 1000;
    at = (at > clock) ? at - clock : 0;

    ngx_sio_timer_set_locked(z, NGX_SIO_WHEEL_TOKENS, &t->timer,
                             now + (uint32_t) ngx_min(at, NGX_SIO_TOKEN_FAR),
                             now);
}


ngx_int_t
ngx_sio_token_due(ngx_sio_zone_t *z, ngx_msec_t now, uint64_t clock,
    ngx_sio_handle_t *socket, time_t *expires, ngx_uint_t *kicked)
{
    ngx_int_t              rc;
    ngx_uint_t             n;
    ngx_sio_token_sh_t    *t;
    ngx_sio_wheel_sh_t    *w;
    ngx_sio_socket_sh_t   *k;
    ngx_sio_session_sh_t  *s;

    w = &z->root->wheels[NGX_SIO_WHEEL_TOKENS];

    if (w->count == 0
        || (w->due == 0 && w->tick == (uint32_t) now >> NGX_SIO_WHEEL_SHIFT))
    {
        return NGX_DECLINED;
    }

    rc = ngx_sio_reserve(z, 1, 0);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    (void) ngx_sio_wheel_turn_locked(z, NGX_SIO_WHEEL_TOKENS, (uint32_t) now,
                                     NGX_SIO_TOKEN_TURN);

    for (n = 0; w->due && n < NGX_SIO_TOKEN_TURN && !ngx_sio_failed(z); n++) {

        t = (ngx_sio_token_sh_t *) ((u_char *) ngx_sio_ptr(z, w->due)
                                    - offsetof(ngx_sio_token_sh_t, timer));

        ngx_sio_timer_del_locked(z, NGX_SIO_WHEEL_TOKENS, &t->timer);

        k = ngx_sio_ptr(z, t->socket);
        s = ngx_sio_socket_session(z, k);

        if ((k->flags & NGX_SIO_SOCKET_REMOVED)
            || s->state != NGX_SIO_SESSION_OPEN)
        {
            /* it ends already */
            continue;
        }

        socket->ref = t->socket;
        socket->gen = k->gen;
        *expires = t->expires;
        *kicked = 0;

        if (clock >= (uint64_t) t->expires * 1000) {

            *kicked = 1;

            ngx_sio_inbox_take_locked(z);
            ngx_sio_kick_locked(z, s, k, 0);

            return ngx_sio_finish(z, NGX_OK);
        }

        if (t->warn
            && clock >= (uint64_t) (t->expires
                                    - ngx_min(t->warn, t->expires)) * 1000)
        {
            ngx_sio_set(z, &t->warn, 0);
            ngx_sio_token_schedule_locked(z, t, (uint32_t) now, clock);

            return ngx_sio_finish(z, NGX_OK);
        }

        ngx_sio_token_schedule_locked(z, t, (uint32_t) now, clock);
    }

    return ngx_sio_finish(z, NGX_DECLINED);
}


ngx_int_t
ngx_sio_socket_claims(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    ngx_pool_t *pool, ngx_str_t *claims)
{
    ngx_int_t             rc;
    ngx_sio_token_sh_t   *t;
    ngx_sio_socket_sh_t  *k;

    ngx_str_null(claims);

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    k = ngx_sio_socket_lookup(z, socket);

    if (k == NULL) {
        return ngx_sio_finish(z, NGX_DONE);
    }

    if (k->token) {
        t = ngx_sio_ptr(z, k->token);
        rc = ngx_sio_blob_copy(z, t->claims, pool, claims);
    }

    return ngx_sio_finish(z, rc);
}
