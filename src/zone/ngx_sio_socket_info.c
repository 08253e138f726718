
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What is known of a socket: its public face, data, auth.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


static ngx_int_t ngx_sio_socket_blob(ngx_sio_zone_t *z,
    ngx_sio_handle_t socket, ngx_pool_t *pool, ngx_str_t *s, ngx_uint_t auth);


ngx_int_t
ngx_sio_session_sockets(ngx_sio_zone_t *z, ngx_sio_handle_t session,
    ngx_pool_t *pool, ngx_sio_socket_info_t **sockets, ngx_uint_t *n)
{
    ngx_int_t               rc;
    ngx_sio_ref_t           ref;
    ngx_sio_socket_sh_t    *k;
    ngx_sio_session_sh_t   *s;
    ngx_sio_socket_info_t  *info;

    *n = 0;
    *sockets = NULL;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    s = ngx_sio_session_lookup(z, session);

    if (s == NULL) {
        return ngx_sio_finish(z, NGX_DONE);
    }

    if (s->sockets_count == 0) {
        return ngx_sio_finish(z, NGX_OK);
    }

    info = ngx_pcalloc(pool, s->sockets_count * sizeof(ngx_sio_socket_info_t));
    if (info == NULL) {
        return ngx_sio_finish(z, NGX_ERROR);
    }

    *sockets = info;

    for (ref = s->sockets; ref; ref = k->session_next) {
        k = ngx_sio_ptr(z, ref);

        if (ngx_sio_socket_info_locked(z, k, pool, info) != NGX_OK) {
            return ngx_sio_finish(z, NGX_ERROR);
        }

        info++;
    }

    *n = info - *sockets;

    return ngx_sio_finish(z, NGX_OK);
}


ngx_int_t
ngx_sio_socket_info_locked(ngx_sio_zone_t *z, ngx_sio_socket_sh_t *k,
    ngx_pool_t *pool, ngx_sio_socket_info_t *info)
{
    u_char             *p;
    ngx_sio_room_sh_t  *nsp;

    nsp = ngx_sio_ptr(z, k->nsp);

    info->socket.ref = ngx_sio_ref(z, k);
    info->socket.gen = k->gen;
    info->nsp_room = k->nsp;
    info->muted = (k->flags & NGX_SIO_SOCKET_MUTED) ? 1 : 0;
    info->expires = ngx_sio_token_expires(z, k);

    /* "NSP#ID": both, or each of them */

    p = ngx_pnalloc(pool, nsp->name_len + 1 + NGX_SIO_ID_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    info->nsp.len = nsp->name_len;
    info->nsp.data = p;

    ngx_sio_room_name(z, nsp, p);

    p += nsp->name_len;
    *p++ = '#';
    ngx_memcpy(p, k->id, NGX_SIO_ID_LEN);

    info->id.data = (k->flags & NGX_SIO_SOCKET_PREFIXED) ? info->nsp.data : p;
    info->id.len = p + NGX_SIO_ID_LEN - info->id.data;

    return NGX_OK;
}


ngx_int_t
ngx_sio_socket_info(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    ngx_pool_t *pool, ngx_sio_socket_info_t *info, ngx_sio_handle_t *session)
{
    ngx_int_t              rc;
    ngx_sio_socket_sh_t   *k;
    ngx_sio_session_sh_t  *s;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    k = ngx_sio_socket_lookup(z, socket);

    if (k == NULL) {
        return ngx_sio_finish(z, NGX_DONE);
    }

    if (session) {
        s = ngx_sio_socket_session(z, k);
        ngx_sio_session_handle(z, s, session);
    }

    rc = ngx_sio_socket_info_locked(z, k, pool, info);

    return ngx_sio_finish(z, rc);
}


ngx_int_t
ngx_sio_socket_set_data(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    const ngx_str_t *data)
{
    ngx_int_t             rc;
    ngx_sio_ref_t         prepared;
    ngx_sio_socket_sh_t  *k;

    if (z->root->limits.max_data && data->len > z->root->limits.max_data) {
        return NGX_ERROR;
    }

    rc = ngx_sio_string_prepare(z, data, &prepared);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    k = ngx_sio_socket_connected(z, socket);

    if (k == NULL) {
        rc = NGX_DONE;

    } else {
        ngx_sio_string_replace_locked(z, &k->data, data, prepared);
    }

    rc = ngx_sio_finish(z, rc);

    if (rc != NGX_OK && rc != NGX_ABORT && prepared) {
        ngx_sio_blob_discard(z, prepared);
    }

    return rc;
}


static ngx_int_t
ngx_sio_socket_blob(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    ngx_pool_t *pool, ngx_str_t *s, ngx_uint_t auth)
{
    ngx_int_t             rc;
    ngx_sio_socket_sh_t  *k;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    k = ngx_sio_socket_lookup(z, socket);

    if (k == NULL) {
        rc = NGX_DONE;

    } else {
        rc = ngx_sio_blob_copy(z, auth ? k->auth : k->data, pool, s);
    }

    return ngx_sio_finish(z, rc);
}


ngx_int_t
ngx_sio_socket_data(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    ngx_pool_t *pool, ngx_str_t *data)
{
    return ngx_sio_socket_blob(z, socket, pool, data, 0);
}


ngx_int_t
ngx_sio_socket_auth(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    ngx_pool_t *pool, ngx_str_t *auth)
{
    return ngx_sio_socket_blob(z, socket, pool, auth, 1);
}
