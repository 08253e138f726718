
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Acknowledgements that rules asked of sockets (`emit ... ack=NAME`): noted at
 * the peer while its WebSocket is here, in the zone while it polls.  Each
 * counts once, by an answer or by its timeout.
 */


#include "ngx_sio_worker.h"


static void ngx_sio_asked_run(ngx_sio_peer_t *peer, const ngx_str_t *name);


/* timeout in milliseconds, 0: waits as long as the socket is there; interval:
   the timer list, see ngx_sio_timer_add() */

ngx_int_t
ngx_sio_asked_add(ngx_sio_peer_t *peer, uint32_t id, const ngx_str_t *name,
    ngx_msec_t timeout, ngx_msec_t interval)
{
    ngx_sio_asked_t   *asked;
    ngx_sio_worker_t  *w;

    w = peer->client->worker;

    if (peer->nasked >= w->server->limits.max_acks) {
        ngx_sio_refused(&w->zone, NGX_SIO_REFUSED_ACK);
        return NGX_DECLINED;
    }

    asked = ngx_calloc(offsetof(ngx_sio_asked_t, name) + name->len, w->log);
    if (asked == NULL) {
        return NGX_ERROR;
    }

    asked->peer = peer;
    asked->id = id;
    asked->len = (uint32_t) name->len;
    ngx_memcpy(asked->name, name->data, name->len);

    asked->next = peer->asked;
    peer->asked = asked;
    peer->nasked++;

    if (timeout) {
        ngx_sio_timer_add(w, &asked->timer, NGX_SIO_TIMER_ACK, interval,
                          ngx_current_msec + timeout);
    }

    return NGX_OK;
}


ngx_int_t
ngx_sio_asked_take(ngx_sio_peer_t *peer, uint32_t id, ngx_pool_t *pool,
    ngx_str_t *name)
{
    ngx_sio_asked_t  *asked, **p;

    for (p = &peer->asked; *p; p = &(*p)->next) {

        asked = *p;

        if (asked->id != id) {
            continue;
        }

        name->len = asked->len;
        name->data = ngx_pnalloc(pool, asked->len + 1);

        if (name->data) {
            ngx_memcpy(name->data, asked->name, asked->len);
        }

        *p = asked->next;
        peer->nasked--;

        ngx_sio_timer_del(&asked->timer);
        ngx_free(asked);

        return name->data ? NGX_OK : NGX_DECLINED;
    }

    return NGX_DECLINED;
}


void
ngx_sio_asked_free(ngx_sio_peer_t *peer)
{
    ngx_sio_asked_t  *asked;

    while ((asked = peer->asked) != NULL) {
        peer->asked = asked->next;
        ngx_sio_timer_del(&asked->timer);
        ngx_free(asked);
    }

    peer->nasked = 0;
}


void
ngx_sio_asked_expired(ngx_sio_asked_t *asked)
{
    ngx_str_t        name;
    ngx_sio_peer_t  *peer;

    peer = asked->peer;

    if (ngx_sio_asked_take(peer, asked->id, peer->client->worker->pool, &name)
        == NGX_OK)
    {
        ngx_sio_asked_run(peer, &name);
    }
}


static void
ngx_sio_asked_run(ngx_sio_peer_t *peer, const ngx_str_t *name)
{
    ngx_sio_call_t  call;

    if (ngx_sio_gather_named(name)) {
        return;
    }

    ngx_sio_call_init(&call, NGX_SIO_CALL_ACK, peer->client, peer);

    call.event = *name;
    ngx_str_set(&call.error, "operation has timed out");

    if (ngx_sio_call_run(&call) == NGX_AGAIN) {
        ngx_reset_pool(call.pool);
        return;
    }

    ngx_sio_call_done(&call);
}


/* of polling sockets, whose deadlines are in the zone */

void
ngx_sio_asked_sweep(ngx_sio_worker_t *w)
{
    uint32_t                 id;
    ngx_str_t                name;
    ngx_uint_t               n;
    ngx_pool_t              *pool;
    ngx_sio_peer_t          *peer;
    ngx_sio_client_t        *client;
    ngx_sio_handle_t         socket, session;
    ngx_sio_options_t       *options;
    ngx_sio_socket_info_t    info;
    ngx_sio_session_info_t   si;

    for (n = 0; n < 64; n++) {

        pool = ngx_create_pool(1024, w->log);
        if (pool == NULL) {
            return;
        }

        if (ngx_sio_ack_expired(&w->zone, ngx_current_msec, pool, &socket,
                                &id, &name)
            != NGX_OK)
        {
            ngx_destroy_pool(pool);
            return;
        }

        if (ngx_sio_socket_info(&w->zone, socket, pool, &info, &session)
            == NGX_OK
            && ngx_sio_session_info(&w->zone, session, &si) == NGX_OK)
        {
            options = ngx_sio_options_lookup(w->server, si.location);
            client = ngx_sio_client_create(w, options, session, si.form,
                                           pool);

            if (client) {

                if (ngx_sio_client_load(client, pool) == NGX_OK) {

                    peer = ngx_sio_client_peer(client, &info.nsp);

                    if (peer) {
                        ngx_sio_asked_run(peer, &name);
                    }
                }

                ngx_sio_client_destroy(client);
            }
        }

        ngx_destroy_pool(pool);
    }
}
