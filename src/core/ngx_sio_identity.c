
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Who a socket is: a name in the zone, and what sio_user_room and
 * sio_user_sessions make of it.
 */


#include "ngx_sio_worker.h"
#include "../wire/sio_utf8.h"


ngx_int_t
ngx_sio_call_user(ngx_sio_call_t *call, ngx_str_t *user)
{
    ngx_int_t           rc;
    ngx_sio_connect_t  *connect;

    ngx_str_null(user);

    if (call->has_user) {
        *user = call->user;

    } else if (call->connect) {
        connect = call->connect;
        *user = connect->user.name;

    } else if (call->socket.ref) {

        rc = ngx_sio_socket_user(&call->worker->zone, call->socket,
                                 call->pool, user);

        if (rc != NGX_OK) {
            ngx_str_null(user);
            return rc == NGX_ERROR ? NGX_ERROR : NGX_DECLINED;
        }
    }

    return user->len ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_sio_user_check(ngx_sio_call_t *call, const ngx_str_t *name)
{
    if (name->len > call->server->max_user) {
        ngx_str_set(&call->failure, "the user's name is too long");
        return NGX_DECLINED;
    }

    /* of bytes that are not, U+FFFD may be left: two names might become one */

    if (name->len
        && (sio_utf8_valid(name->data, name->len) != SIO_OK
            || memmem(name->data, name->len, "\xef\xbf\xbd", 3)))
    {
        ngx_str_set(&call->failure, "the user's name is not valid UTF-8");
        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_int_t
ngx_sio_call_identify(ngx_sio_call_t *call, const ngx_str_t *name)
{
    u_char             *p;
    ngx_int_t           rc;
    ngx_sio_nsp_t      *nsp;
    ngx_sio_user_t      user;
    ngx_sio_connect_t  *connect;

    if (ngx_sio_user_check(call, name) != NGX_OK) {
        return NGX_DECLINED;
    }

    ngx_memzero(&user, sizeof(ngx_sio_user_t));

    nsp = call->program;

    if (name->len) {

        p = ngx_pnalloc(call->pool,
                        (nsp ? nsp->access.room.len : 0) + 2 * name->len);
        if (p == NULL) {
            return NGX_BUSY;
        }

        user.name.data = p;
        user.name.len = name->len;

        p = ngx_cpymem(p, name->data, name->len);

        if (nsp && nsp->access.room.len) {
            user.room.data = p;
            user.room.len = nsp->access.room.len + name->len;

            p = ngx_cpymem(p, nsp->access.room.data, nsp->access.room.len);
            ngx_memcpy(p, name->data, name->len);

            user.max = nsp->access.sessions;
            user.kick = nsp->access.kick;
        }
    }

    if (call->connect) {
        connect = call->connect;
        connect->user = user;
        return NGX_OK;
    }

    if (call->peer == NULL || call->peer->ending || call->peer->ended
        || call->type == NGX_SIO_CALL_DISCONNECT)
    {
        return NGX_DONE;
    }

    rc = ngx_sio_socket_identify(&call->worker->zone, call->socket, &user);

    switch (rc) {

    case NGX_OK:
    case NGX_DONE:
    case NGX_BUSY:
        return rc;

    case NGX_ABORT:
        ngx_post_event(&call->worker->more, &ngx_posted_events);
        return NGX_DONE;

    case NGX_AGAIN:
        ngx_sio_identity_full(call);
        return NGX_DECLINED;

    default:
        ngx_str_set(&call->failure, "the user's name is too long");
        return NGX_DECLINED;
    }
}


void
ngx_sio_identity_full(ngx_sio_call_t *call)
{
    ngx_str_set(&call->failure, "too many sessions");
    ngx_str_null(&call->failure_data);

    ngx_sio_refused(&call->worker->zone, NGX_SIO_REFUSED_USER);
}
