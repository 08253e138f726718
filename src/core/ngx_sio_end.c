
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The end of a socket, "disconnecting" (rooms still there), rooms left,
 * "disconnect"; and of a session: all its sockets, then its record.
 */


#include "ngx_sio_worker.h"


static ngx_str_t  ngx_sio_reasons[] = {
    ngx_string(""),
    ngx_string("transport error"),
    ngx_string("transport close"),
    ngx_string("forced close"),
    ngx_string("ping timeout"),
    ngx_string("parse error"),
    ngx_string("server shutting down"),
    ngx_string("forced server close"),
    ngx_string("client namespace disconnect"),
    ngx_string("server namespace disconnect")
};


/* the words of Node's DisconnectReason */

void
ngx_sio_reason_text(ngx_sio_reason_e reason, ngx_str_t *text)
{
    if ((ngx_uint_t) reason
        >= sizeof(ngx_sio_reasons) / sizeof(ngx_sio_reasons[0]))
    {
        reason = NGX_SIO_REASON_NONE;
    }

    *text = ngx_sio_reasons[reason];
}


ngx_sio_peer_t *
ngx_sio_client_next(ngx_sio_client_t *client)
{
    ngx_sio_peer_t  *peer;

    for (peer = client->peers; peer && peer->ended; peer = peer->next) {
        /* void */
    }

    return peer;
}


/* tell: send a DISCONNECT packet first; only the peer's name is left */

void
ngx_sio_peer_end(ngx_sio_peer_t *peer, ngx_sio_reason_e reason,
    ngx_uint_t tell)
{
    u_char             head[8];
    sio_str_t          nsp;
    ngx_str_t          packet;
    ngx_sio_call_t     call;
    ngx_sio_client_t  *client;
    ngx_sio_worker_t  *w;

    if (peer->ended) {
        return;
    }

    client = peer->client;
    w = client->worker;

    peer->ended = 1;
    peer->ending = 0;

    tell = tell && !ngx_sio_plain(client);

    if (ngx_sio_socket_leaving(&w->zone, peer->socket, tell) != NGX_OK) {
        ngx_sio_peer_retire(peer);
        return;
    }

    ngx_sio_call_init(&call, NGX_SIO_CALL_DISCONNECTING, client, peer);

    ngx_str_null(&packet);

    if (tell) {
        nsp.data = peer->nsp.data;
        nsp.len = peer->nsp.len;

        packet.len = sio_packet_write_head(NULL, SIO_DISCONNECT, 0, &nsp,
                                           NULL);
        packet.data = packet.len <= sizeof(head)
                      ? head : ngx_pnalloc(call.pool, packet.len);

        if (packet.data) {
            (void) sio_packet_write_head(packet.data, SIO_DISCONNECT, 0, &nsp,
                                         NULL);

            /* a WebSocket's bytes go out when all is done; a GET may be
               answered at once by another worker: then it comes last, and
               what Node sends behind it, to nobody, is not sent */

            if (client->websocket) {
                (void) ngx_sio_client_send(client, &packet);
                packet.len = 0;
            }
        }

        peer->muted = !client->websocket;
    }

    ngx_sio_reason_text(reason, &call.reason);
    ngx_str_set(&call.event, "disconnecting");
    (void) ngx_sio_call_run(&call);

    if (call.program) {
        (void) ngx_sio_call_data(&call, &call.data);
        (void) ngx_sio_call_user(&call, &call.user);
        call.has_user = 1;
        (void) ngx_sio_call_claims(&call, &call.claims);

        if (call.server->rules && call.server->rules->needs_auth
            && call.auth.len == 0)
        {
            (void) ngx_sio_socket_auth(&w->zone, peer->socket, call.pool,
                                       &call.auth);
        }
    }

    (void) ngx_sio_socket_remove(&w->zone, peer->socket);

    if (packet.len && packet.data) {
        (void) ngx_sio_client_send(client, &packet);
    }

    call.type = NGX_SIO_CALL_DISCONNECT;
    ngx_str_set(&call.event, "disconnect");
    (void) ngx_sio_call_run(&call);

    ngx_reset_pool(call.pool);

    ngx_sio_peer_retire(peer);
}


/* the client of a session; made for this work, with *pool, when it is not
   here.  NULL: it is gone, or no memory */

ngx_sio_client_t *
ngx_sio_client_borrow(ngx_sio_worker_t *w, ngx_sio_handle_t session,
    ngx_pool_t **pool)
{
    ngx_sio_client_t        *client;
    ngx_sio_options_t       *options;
    ngx_sio_session_info_t   info;

    *pool = NULL;

    client = ngx_sio_client_lookup(w, session);

    if (client) {
        return client;
    }

    if (ngx_sio_session_info(&w->zone, session, &info) != NGX_OK) {
        return NULL;
    }

    *pool = ngx_create_pool(1024, w->log);
    if (*pool == NULL) {
        return NULL;
    }

    options = ngx_sio_options_lookup(w->server, info.location);

    client = ngx_sio_client_create(w, options, session, info.form, *pool);

    if (client == NULL || ngx_sio_client_load(client, *pool) != NGX_OK) {

        if (client) {
            ngx_sio_client_destroy(client);
        }

        ngx_destroy_pool(*pool);
        *pool = NULL;

        return NULL;
    }

    return client;
}


void
ngx_sio_client_return(ngx_sio_client_t *client, ngx_pool_t *pool)
{
    if (pool) {
        ngx_sio_client_destroy(client);
        ngx_destroy_pool(pool);
    }
}


void
ngx_sio_end_session(ngx_sio_worker_t *w, ngx_sio_handle_t session)
{
    ngx_pool_t        *pool;
    ngx_sio_peer_t    *peer;
    ngx_sio_client_t  *client;
    ngx_sio_reason_e   reason;

    client = ngx_sio_client_borrow(w, session, &pool);

    if (client) {
        client->closed = 1;
        ngx_sio_timer_del(&client->timer);
        ngx_sio_timer_del(&client->connect);

        reason = ngx_sio_session_reason(&w->zone, session);

        while ((peer = ngx_sio_client_next(client)) != NULL) {
            ngx_sio_peer_end(peer, reason, 0);
        }
    }

    if (ngx_sio_session_end(&w->zone, session, ngx_current_msec) == NGX_BUSY) {
        /* nobody else would */
        ngx_sio_worker_later(w, session, NGX_SIO_ROLE_END, NGX_SIO_WAKE_END);
    }

    ngx_sio_client_return(client, pool);
}


/* sockets that somebody's `disconnect in=ROOM` means */

void
ngx_sio_end_kicked(ngx_sio_worker_t *w, ngx_sio_handle_t session)
{
    ngx_uint_t         close;
    ngx_pool_t        *pool;
    ngx_sio_client_t  *client;
    ngx_sio_handle_t   socket;

    client = ngx_sio_client_borrow(w, session, &pool);

    if (client) {
        ngx_sio_end_kicked_peers(client);

    } else {

        while (ngx_sio_session_kicked(&w->zone, session, &socket, &close)
               == NGX_OK)
        {
            /* void */
        }
    }

    ngx_sio_client_return(client, pool);
}


void
ngx_sio_end_kicked_peers(ngx_sio_client_t *client)
{
    ngx_uint_t         close;
    ngx_sio_peer_t    *peer;
    ngx_sio_handle_t   socket;

    while (ngx_sio_session_kicked(&client->worker->zone, client->session,
                                  &socket, &close)
           == NGX_OK)
    {
        if (close || ngx_sio_plain(client)) {
            while ((peer = ngx_sio_client_next(client)) != NULL) {
                ngx_sio_peer_end(peer, NGX_SIO_SERVER_NAMESPACE_DISCONNECT,
                                 1);
            }

            ngx_sio_client_close(client, NGX_SIO_FORCED_CLOSE, 1);
            continue;
        }

        for (peer = client->peers; peer; peer = peer->next) {

            if (peer->socket.ref == socket.ref
                && peer->socket.gen == socket.gen)
            {
                ngx_sio_peer_end(peer, NGX_SIO_SERVER_NAMESPACE_DISCONNECT,
                                 1);
                break;
            }
        }
    }
}
