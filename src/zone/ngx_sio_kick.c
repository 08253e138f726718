
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Sockets that are to be disconnected from outside.  A mark on the socket and
 * the session's END role, given to whoever processes its input: no memory.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


ngx_int_t
ngx_sio_socket_kick(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    ngx_uint_t close)
{
    uint32_t               flags;
    ngx_int_t              rc;
    ngx_sio_socket_sh_t   *k;
    ngx_sio_session_sh_t  *s;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    k = ngx_sio_socket_lookup(z, socket);

    if (k == NULL || (k->flags & NGX_SIO_SOCKET_REMOVED)) {
        return ngx_sio_finish(z, NGX_DONE);
    }

    s = ngx_sio_socket_session(z, k);

    if (s->state != NGX_SIO_SESSION_OPEN) {
        return ngx_sio_finish(z, NGX_DONE);
    }

    flags = k->flags | NGX_SIO_SOCKET_KICKED;

    if (close) {
        flags |= NGX_SIO_SOCKET_KICK_CLOSE;
    }

    ngx_sio_set(z, &k->flags, flags);

    ngx_sio_session_assign_locked(z, s, NGX_SIO_WAKE_KICK);

    return ngx_sio_finish(z, NGX_OK);
}


ngx_int_t
ngx_sio_session_kicked(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    ngx_sio_handle_t *socket, ngx_uint_t *close)
{
    ngx_int_t              rc;
    ngx_sio_ref_t          ref;
    ngx_sio_socket_sh_t   *k;
    ngx_sio_session_sh_t  *s;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    s = ngx_sio_session_lookup(z, session);

    /* the role may have moved to a worker that processes a POST */

    if (s == NULL
        || !ngx_sio_role_held(s, NGX_SIO_ROLE_END)
        || ngx_sio_role_slot(s->roles[NGX_SIO_ROLE_END].info) != z->slot)
    {
        return ngx_sio_finish(z, NGX_DECLINED);
    }

    for (ref = s->sockets; ref; ref = k->session_next) {

        k = ngx_sio_ptr(z, ref);

        if ((k->flags & NGX_SIO_SOCKET_REMOVED)
            || !(k->flags & NGX_SIO_SOCKET_KICKED))
        {
            continue;
        }

        *close = (k->flags & NGX_SIO_SOCKET_KICK_CLOSE) ? 1 : 0;

        socket->ref = ref;
        socket->gen = k->gen;

        ngx_sio_set(z, &k->flags,
                    k->flags & ~(NGX_SIO_SOCKET_KICKED
                                 |NGX_SIO_SOCKET_KICK_CLOSE));

        return ngx_sio_finish(z, NGX_OK);
    }

    /* the role was given for this only */

    if (s->state == NGX_SIO_SESSION_OPEN) {
        ngx_sio_role_drop_locked(z, s, NGX_SIO_ROLE_END);
    }

    return ngx_sio_finish(z, NGX_DECLINED);
}


/* of two workers that end a socket at the same time one says so */

ngx_int_t
ngx_sio_socket_leaving(ngx_sio_zone_t *z, ngx_sio_handle_t socket)
{
    ngx_int_t             rc;
    ngx_sio_socket_sh_t  *k;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    k = ngx_sio_socket_lookup(z, socket);

    if (k == NULL
        || (k->flags & (NGX_SIO_SOCKET_REMOVED|NGX_SIO_SOCKET_LEAVING)))
    {
        return ngx_sio_finish(z, NGX_DONE);
    }

    ngx_sio_set(z, &k->flags, k->flags | NGX_SIO_SOCKET_LEAVING);

    return ngx_sio_finish(z, NGX_OK);
}
