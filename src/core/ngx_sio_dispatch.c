
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Socket.IO packets of a client: parsed, put together with their attachments,
 * and handed to the rules of their socket.
 */


#include "ngx_sio_worker.h"


static int ngx_sio_dispatch_parse(ngx_sio_client_t *client, u_char *p,
    size_t len, sio_packet_t *pkt);
static ngx_int_t ngx_sio_dispatch(ngx_sio_client_t *client, sio_packet_t *pkt,
    ngx_str_t *attachments);
static ngx_int_t ngx_sio_dispatch_bad(ngx_sio_client_t *client);
static ngx_int_t ngx_sio_dispatch_hold(ngx_sio_client_t *client, u_char *p,
    size_t len, ngx_uint_t binary);
static ngx_int_t ngx_sio_dispatch_whole(ngx_sio_client_t *client);
static ngx_uint_t ngx_sio_dispatch_left(ngx_sio_client_t *client,
    const ngx_str_t *nsp);
static ngx_int_t ngx_sio_dispatch_event(ngx_sio_peer_t *peer,
    sio_packet_t *pkt, ngx_str_t *attachments);
static ngx_int_t ngx_sio_dispatch_id(ngx_sio_call_t *call,
    const sio_str_t *id);
static ngx_int_t ngx_sio_dispatch_ack(ngx_sio_peer_t *peer,
    sio_packet_t *pkt, ngx_str_t *attachments);
static void ngx_sio_dispatch_args(ngx_sio_call_t *call, sio_packet_t *pkt,
    ngx_uint_t first);


static int
ngx_sio_dispatch_parse(ngx_sio_client_t *client, u_char *p, size_t len,
    sio_packet_t *pkt)
{
    ngx_sio_worker_t           *w;
    sio_packet_limits_t         own;
    const sio_packet_limits_t  *limits;

    w = client->worker;
    limits = &w->server->packet_limits;

    if (client->eio3) {
        own = *limits;
        own.max_nsp = ngx_sio_eio3_max_nsp(w->server);
        limits = &own;
    }

    return sio_packet_parse(p, len, limits, pkt, w->args,
                            w->server->max_args + 1);
}


ngx_int_t
ngx_sio_dispatch_text(ngx_sio_client_t *client, u_char *p, size_t len)
{
    sio_packet_t  pkt;

    client->packet_size = len;

    if (ngx_sio_plain(client)) {
        return ngx_sio_plain_message(client, p, len, 0);
    }

    if (client->partial
        || ngx_sio_msgpack(client)
        || ngx_sio_dispatch_parse(client, p, len, &pkt) != SIO_OK)
    {
        return ngx_sio_dispatch_bad(client);
    }

    if (pkt.nattachments) {
        client->partial_need = pkt.nattachments;
        return ngx_sio_dispatch_hold(client, p, len, 0);
    }

    return ngx_sio_dispatch(client, &pkt, NULL);
}


ngx_int_t
ngx_sio_dispatch_binary(ngx_sio_client_t *client, u_char *p, size_t len)
{
    ngx_int_t          rc;
    ngx_str_t         *attachments;
    sio_packet_t       pkt;
    ngx_sio_worker_t  *w;

    w = client->worker;
    client->packet_size = len;

    if (ngx_sio_plain(client)) {
        return ngx_sio_plain_message(client, p, len, 1);
    }

    if (ngx_sio_msgpack(client)) {
        rc = ngx_sio_msgpack_read(client, p, len, &pkt, &attachments);

        if (rc == NGX_OK) {
            rc = ngx_sio_dispatch(client, &pkt, attachments);
        }

        ngx_reset_pool(w->pool);

        return rc == NGX_ERROR ? ngx_sio_dispatch_bad(client) : rc;
    }

    if (client->partial == NULL) {
        return ngx_sio_dispatch_bad(client);
    }

    rc = ngx_sio_dispatch_hold(client, p, len, 1);

    if (rc != NGX_OK || --client->partial_need) {
        return rc;
    }

    return ngx_sio_dispatch_whole(client);
}


/* any decoder error closes the connection: protocol, 3.2 */

static ngx_int_t
ngx_sio_dispatch_bad(ngx_sio_client_t *client)
{
    ngx_sio_worker_t  *w;

    w = client->worker;

    ngx_sio_refused(&w->zone, NGX_SIO_REFUSED_PACKET);

    ngx_log_error(NGX_LOG_INFO, w->log, 0,
                  "sio packet: client sent what is no packet, "
                  "or too much in it");

    ngx_sio_client_close(client, NGX_SIO_FORCED_CLOSE, 1);

    return NGX_DONE;
}


/* attachments of a packet's text, "5<n>-" or "6<n>-", accepted before */

uint32_t
ngx_sio_attachments(const u_char *p, size_t len)
{
    size_t    i;
    uint32_t  n;

    n = 0;

    for (i = 1; i < len && p[i] >= '0' && p[i] <= '9' && n < 100000; i++) {
        n = n * 10 + (p[i] - '0');
    }

    return n;
}


/*
 * The packet in progress, as the parts of a body: private with a WebSocket, in
 * the zone between two POSTs.  A client may leave it there, so that it has a
 * limit beside those of its messages; one binary of full size always fits.
 */

static ngx_int_t
ngx_sio_dispatch_hold(ngx_sio_client_t *client, u_char *p, size_t len,
    ngx_uint_t binary)
{
    size_t   need, cap, max;
    u_char  *new;

    need = client->partial_len + NGX_SIO_PART_HEAD + len;

    max = ngx_max(client->worker->server->max_packet,
                  2 * client->options->max_http_buffer_size);

    if (need > max) {
        ngx_log_error(NGX_LOG_INFO, client->worker->log, 0,
                      "sio packet: more than %uz bytes with its binaries",
                      max);

        ngx_sio_refused(&client->worker->zone, NGX_SIO_REFUSED_PACKET);
        ngx_sio_client_close(client, NGX_SIO_TRANSPORT_ERROR, 0);
        return NGX_DONE;
    }

    if (need > client->partial_cap || client->partial == NULL) {

        cap = ngx_max(need + 64, client->partial_cap * 2);

        new = ngx_alloc(cap, client->worker->log);
        if (new == NULL) {
            ngx_sio_client_close(client, NGX_SIO_TRANSPORT_ERROR, 0);
            return NGX_DONE;
        }

        if (client->partial) {
            ngx_memcpy(new, client->partial, client->partial_len);
            ngx_free(client->partial);
        }

        client->partial = new;
        client->partial_cap = cap;
    }

    client->partial_len += ngx_sio_part_write(client->partial
                                              + client->partial_len,
                                              binary, p, len);
    return NGX_OK;
}


static ngx_int_t
ngx_sio_dispatch_whole(ngx_sio_client_t *client)
{
    size_t             len;
    u_char            *p, *last, *partial;
    uint32_t           word;
    ngx_int_t          rc;
    ngx_str_t          text, *attachments;
    ngx_uint_t         n;
    sio_packet_t       pkt;
    ngx_sio_worker_t  *w;

    w = client->worker;

    partial = client->partial;
    p = partial;
    last = p + client->partial_len;

    client->partial = NULL;
    client->partial_len = 0;
    client->partial_cap = 0;

    ngx_memcpy(&word, p, NGX_SIO_PART_HEAD);
    text.data = p + NGX_SIO_PART_HEAD;
    text.len = word >> 1;
    p = text.data + text.len;

    rc = NGX_ERROR;

    if (ngx_sio_dispatch_parse(client, text.data, text.len, &pkt) != SIO_OK) {
        goto done;
    }

    attachments = ngx_palloc(w->pool, pkt.nattachments * sizeof(ngx_str_t));
    if (attachments == NULL) {
        goto done;
    }

    for (n = 0; n < pkt.nattachments && p < last; n++) {
        ngx_memcpy(&word, p, NGX_SIO_PART_HEAD);
        p += NGX_SIO_PART_HEAD;

        len = word >> 1;
        attachments[n].data = p;
        attachments[n].len = len;
        p += len;
    }

    if (n == pkt.nattachments) {
        client->packet_size = (p - partial) - (n + 1) * NGX_SIO_PART_HEAD;

        rc = ngx_sio_dispatch(client, &pkt, attachments);
    }

done:

    ngx_free(partial);
    ngx_reset_pool(w->pool);

    return rc == NGX_ERROR ? ngx_sio_dispatch_bad(client) : rc;
}


/* what is not fit for the state closes the connection: protocol, 4.1 */

static ngx_int_t
ngx_sio_dispatch(ngx_sio_client_t *client, sio_packet_t *pkt,
    ngx_str_t *attachments)
{
    ngx_int_t        rc;
    ngx_str_t        nsp, auth;
    ngx_sio_peer_t  *peer;

    nsp.data = pkt->nsp.data;
    nsp.len = pkt->nsp.len;

    auth.data = pkt->json.value.data;
    auth.len = pkt->json.value.len;

    if (client->eio3 && nsp.len > 1) {
        rc = ngx_sio_eio3_nsp(client, &nsp, &auth);

        if (rc != NGX_OK) {
            return ngx_sio_dispatch_bad(client);
        }

    } else if (client->eio3) {
        ngx_str_null(&auth);
    }

    peer = ngx_sio_client_peer(client, &nsp);

    if (peer == NULL) {

        if (pkt->type == SIO_CONNECT) {
            return ngx_sio_connect(client, &nsp, &auth);
        }

        if (pkt->type != SIO_CONNECT_ERROR
            && ngx_sio_dispatch_left(client, &nsp))
        {
            return NGX_OK;
        }

        return ngx_sio_dispatch_bad(client);
    }

    if (peer->muted && pkt->type != SIO_CONNECT
        && pkt->type != SIO_CONNECT_ERROR)
    {
        /* its end is on the way */
        return NGX_OK;
    }

    switch (pkt->type) {

    case SIO_EVENT:
    case SIO_BINARY_EVENT:
        return ngx_sio_dispatch_event(peer, pkt, attachments);

    case SIO_ACK:
    case SIO_BINARY_ACK:
        return ngx_sio_dispatch_ack(peer, pkt, attachments);

    case SIO_DISCONNECT:
        ngx_sio_peer_end(peer, NGX_SIO_CLIENT_NAMESPACE_DISCONNECT, 0);
        return client->closed ? NGX_DONE : NGX_OK;

    default:
        return ngx_sio_dispatch_bad(client);
    }
}


/* has the namespace been left by what came just before */

static ngx_uint_t
ngx_sio_dispatch_left(ngx_sio_client_t *client, const ngx_str_t *nsp)
{
    ngx_sio_peer_t  *peer;

    for (peer = client->peers; peer; peer = peer->next) {

        if (peer->nsp.len == nsp->len
            && ngx_memcmp(peer->nsp.data, nsp->data, nsp->len) == 0)
        {
            return peer->ended;
        }
    }

    return 0;
}


static ngx_int_t
ngx_sio_dispatch_event(ngx_sio_peer_t *peer, sio_packet_t *pkt,
    ngx_str_t *attachments)
{
    u_char            *p;
    ngx_int_t          rc;
    sio_str_t         *name;
    ngx_sio_call_t     call;
    sio_json_type_e    type;
    ngx_sio_client_t  *client;

    client = peer->client;

    if (pkt->json.type == SIO_JSON_NONE) {
        /* decoded, delivered to nobody: protocol, 3.2 */
        return NGX_OK;
    }

    ngx_sio_call_init(&call, NGX_SIO_CALL_EVENT, client, peer);

    name = &client->worker->args[0];
    type = pkt->json.nelts ? sio_json_type(name) : SIO_JSON_NONE;

    if (type != SIO_JSON_STRING && type != SIO_JSON_NUMBER) {

        /* msgpack: what has no name has no listener */

        ngx_sio_call_done(&call);
        return NGX_OK;
    }

    p = ngx_pnalloc(call.pool, ngx_max(name->len, SIO_JSON_NUMBER_MAX));
    if (p == NULL) {
        return NGX_OK;
    }

    call.event.data = p;

    if (type == SIO_JSON_STRING) {
        call.event.len = sio_json_string_read(p, name);

    } else {
        call.event.len = sio_json_number_write(p, name);
    }

    if (call.event.len > client->worker->server->max_event) {
        ngx_sio_call_done(&call);
        return ngx_sio_dispatch_bad(client);
    }

    ngx_sio_dispatch_args(&call, pkt, 1);

    call.attachments = attachments;
    call.nattachments = pkt->nattachments;

    if (ngx_sio_dispatch_id(&call, &pkt->id) != NGX_OK) {
        ngx_sio_call_done(&call);
        return NGX_OK;
    }

    call.ack_asked = (pkt->id.len != 0);

    if (ngx_sio_call_limit(&call) != NGX_OK) {
        ngx_sio_call_done(&call);
        return client->closed ? NGX_DONE : NGX_OK;
    }

    rc = ngx_sio_call_run(&call);

    if (rc == NGX_AGAIN) {
        ngx_reset_pool(call.pool);
        return client->closed ? NGX_DONE : NGX_OK;
    }

    if (rc == NGX_DECLINED) {
        ngx_sio_call_fail(&call);
    }

    ngx_sio_call_done(&call);

    return client->closed ? NGX_DONE : NGX_OK;
}


/* JavaScript's numbers have 53 bits: the client's own id is rounded, too */

static ngx_int_t
ngx_sio_dispatch_id(ngx_sio_call_t *call, const sio_str_t *id)
{
    call->ack.data = id->data;
    call->ack.len = id->len;

    if (id->len < sizeof("9007199254740992") - 1) {
        return NGX_OK;
    }

    call->ack.data = ngx_pnalloc(call->pool, SIO_JSON_NUMBER_MAX);
    if (call->ack.data == NULL) {
        return NGX_ERROR;
    }

    call->ack.len = sio_json_number_write(call->ack.data, id);

    return NGX_OK;
}


static ngx_int_t
ngx_sio_dispatch_ack(ngx_sio_peer_t *peer, sio_packet_t *pkt,
    ngx_str_t *attachments)
{
    uint32_t           id;
    ngx_int_t          n, rc;
    ngx_str_t          name;
    ngx_sio_call_t     call;
    ngx_sio_client_t  *client;

    client = peer->client;

    n = ngx_atoi(pkt->id.data, pkt->id.len);

    if (n == NGX_ERROR || n > (ngx_int_t) NGX_MAX_UINT32_VALUE) {
        return NGX_OK;
    }

    id = (uint32_t) n;

    ngx_sio_call_init(&call, NGX_SIO_CALL_ACK, client, peer);

    ngx_str_null(&name);

    if (ngx_sio_call_limit(&call) != NGX_OK) {
        rc = NGX_DECLINED;

    } else if (client->websocket) {
        rc = ngx_sio_asked_take(peer, id, call.pool, &name);

    } else {
        rc = ngx_sio_ack_answer(&client->worker->zone, peer->socket, id,
                                call.pool, &name);
    }

    if (rc == NGX_OK) {
        call.event = name;

        if (pkt->json.type != SIO_JSON_NONE) {
            ngx_sio_dispatch_args(&call, pkt, 0);
        }

        call.attachments = attachments;
        call.nattachments = pkt->nattachments;

        if (ngx_sio_gather_named(&name)) {
            ngx_sio_gather_answer(&call);

        } else if (ngx_sio_call_run(&call) == NGX_AGAIN) {
            ngx_reset_pool(call.pool);
            return client->closed ? NGX_DONE : NGX_OK;
        }
    }

    ngx_sio_call_done(&call);

    return client->closed ? NGX_DONE : NGX_OK;
}


/* the payload array's elements from the first one on */

static void
ngx_sio_dispatch_args(ngx_sio_call_t *call, sio_packet_t *pkt,
    ngx_uint_t first)
{
    u_char      *start, *end;
    sio_str_t   *args;
    ngx_uint_t   n;

    args = call->worker->args;
    n = ngx_min(pkt->json.nelts, call->server->max_args + 1);

    call->placeholder = pkt->json.placeholder;

    if (pkt->json.nelts <= first || n <= first) {
        return;
    }

    /* same layout: wire does not know ngx_str_t */

    call->args = (ngx_str_t *) &args[first];
    call->nargs = n - first;

    start = args[first].data;
    end = pkt->json.value.data + pkt->json.value.len - 1;

    while (end > start
           && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\n'
               || end[-1] == '\r'))
    {
        end--;
    }

    call->args_json.data = start;
    call->args_json.len = end - start;
}
