
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Sockets that are to be disconnected from outside.  A mark on the socket and
 * the session's END role, given to whoever processes its input: no memory.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


static void ngx_sio_kick_tell_locked(ngx_sio_zone_t *z,
    ngx_sio_session_sh_t *s, ngx_sio_socket_sh_t *k);
static void ngx_sio_kick_mark_locked(ngx_sio_zone_t *z,
    ngx_sio_session_sh_t *s, ngx_sio_socket_sh_t *k, ngx_uint_t close);


ngx_int_t
ngx_sio_socket_kick(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    ngx_uint_t close)
{
    ngx_int_t              rc;
    ngx_sio_socket_sh_t   *k;
    ngx_sio_session_sh_t  *s;

    rc = ngx_sio_reserve(z, 1, 0);
    if (rc != NGX_OK) {
        return rc;
    }

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

    ngx_sio_kick_tell_locked(z, s, k);

    if (ngx_sio_failed(z)) {
        ngx_sio_undo_section(z);
    }

    ngx_sio_inbox_take_locked(z);

    ngx_sio_kick_mark_locked(z, s, k, close);

    return ngx_sio_finish(z, NGX_OK);
}


void
ngx_sio_kick_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    ngx_sio_socket_sh_t *k, ngx_uint_t close)
{
    ngx_sio_kick_tell_locked(z, s, k);
    ngx_sio_kick_mark_locked(z, s, k, close);
}


static void
ngx_sio_kick_mark_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    ngx_sio_socket_sh_t *k, ngx_uint_t close)
{
    uint32_t  flags;

    flags = k->flags | NGX_SIO_SOCKET_KICKED | NGX_SIO_SOCKET_MUTED;

    if (close) {
        flags |= NGX_SIO_SOCKET_KICK_CLOSE;
    }

    ngx_sio_set(z, &k->flags, flags);

    ngx_sio_session_assign_locked(z, s, NGX_SIO_WAKE_KICK);
}


/* in the order of the messages: those before it still go out */

static void
ngx_sio_kick_tell_locked(ngx_sio_zone_t *z, ngx_sio_session_sh_t *s,
    ngx_sio_socket_sh_t *k)
{
    ngx_sio_ref_t       ref;
    ngx_sio_node_sh_t  *node;

    if (ngx_sio_session_polling(s) || (k->flags & NGX_SIO_SOCKET_MUTED)) {
        return;
    }

    if (s->slot == z->slot) {
        ngx_sio_change_own(z, NGX_SIO_ENTRY_KICK, k, 0);
        return;
    }

    if (!ngx_sio_slot_live(z, s->slot)) {
        return;
    }

    ref = ngx_sio_node_create_locked(z, NGX_SIO_ENTRY_KICK, 0, 0);
    if (ref == 0) {
        return;
    }

    node = ngx_sio_ptr(z, ref);
    node->ref = ngx_sio_ref(z, k);
    node->gen = k->gen;

    ngx_sio_inbox_push_locked(z, s->slot, ref);
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
ngx_sio_socket_leaving(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    ngx_uint_t mute)
{
    uint32_t              flags;
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

    flags = k->flags | NGX_SIO_SOCKET_LEAVING;

    if (mute) {
        flags |= NGX_SIO_SOCKET_MUTED;
    }

    ngx_sio_set(z, &k->flags, flags);

    return ngx_sio_finish(z, NGX_OK);
}
