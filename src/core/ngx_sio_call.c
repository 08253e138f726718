
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * One run of rules, and what is left to do behind it: a failed requirement's
 * answer, disconnects that rules asked for.
 */


#include "ngx_sio_worker.h"


void
ngx_sio_call_init(ngx_sio_call_t *call, ngx_sio_call_e type,
    ngx_sio_client_t *client, ngx_sio_peer_t *peer)
{
    ngx_memzero(call, sizeof(ngx_sio_call_t));

    call->type = type;
    call->worker = client->worker;
    call->server = client->worker->server;
    call->client = client;
    call->pool = client->worker->pool;

    if (peer) {
        call->peer = peer;
        call->socket = peer->socket;
        call->nsp = peer->nsp;
        call->id = peer->id;
        call->program = peer->program;
    }
}


/* NGX_AGAIN: another call has taken over, it waits for a hook or has ended */

ngx_int_t
ngx_sio_call_run(ngx_sio_call_t *call)
{
    if (call->program == NULL || call->server->rules == NULL) {
        return NGX_OK;
    }

    if ((call->type == NGX_SIO_CALL_EVENT || call->type == NGX_SIO_CALL_ACK)
        && call->peer && ngx_sio_peer_expired(call->peer))
    {
        return NGX_OK;
    }

    if (call->server->rules->waits
        && call->hook == NULL
        && (call->type == NGX_SIO_CALL_EVENT
            || call->type == NGX_SIO_CALL_ACK)
        && ngx_sio_rules_app.hooked(call))
    {
        return ngx_sio_hook_run(call);
    }

    return ngx_sio_rules_app.run(call);
}


/* a failed require answers an ack that waits: [{"error":TEXT,"data":...}] */

void
ngx_sio_call_fail(ngx_sio_call_t *call)
{
    u_char     *p;
    size_t      len;
    ngx_str_t   json;

    if (!call->ack_asked || call->ack.len == 0) {
        return;
    }

    len = sizeof("[{\"error\":,\"data\":}]") - 1
          + sio_json_string_len(call->failure.data, call->failure.len)
          + call->failure_data.len;

    p = ngx_pnalloc(call->pool, len);
    if (p == NULL) {
        return;
    }

    json.data = p;

    p = ngx_cpymem(p, "[{\"error\":", sizeof("[{\"error\":") - 1);
    p += sio_json_string_write(p, call->failure.data, call->failure.len);

    if (call->failure_data.len) {
        p = ngx_cpymem(p, ",\"data\":", sizeof(",\"data\":") - 1);
        p = ngx_cpymem(p, call->failure_data.data, call->failure_data.len);
    }

    *p++ = '}';
    *p++ = ']';

    json.len = p - json.data;

    (void) ngx_sio_call_ack(call, &json, NULL, 0);
}


void
ngx_sio_call_done(ngx_sio_call_t *call)
{
    ngx_sio_peer_t    *peer;
    ngx_sio_client_t  *client;

    peer = call->peer;
    client = call->client;

    ngx_reset_pool(call->pool);

    if (client == NULL) {
        return;
    }

    if (peer && peer->ending && ngx_sio_plain(client)) {
        client->close_later = 1;
    }

    if (client->close_later) {
        client->close_later = 0;

        while ((peer = ngx_sio_client_next(client)) != NULL) {
            ngx_sio_peer_end(peer, NGX_SIO_SERVER_NAMESPACE_DISCONNECT, 1);
        }

        ngx_sio_client_close(client, NGX_SIO_FORCED_CLOSE, 1);
        return;
    }

    if (peer && peer->ending) {
        ngx_sio_peer_end(peer, NGX_SIO_SERVER_NAMESPACE_DISCONNECT, 1);
    }

    if (client->kicked) {
        client->kicked = 0;
        ngx_sio_end_kicked_peers(client);
    }
}
