
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * sio_protocol engine.io: no Socket.IO on top.  A session is one socket of
 * "/", from its handshake on; every message is the event "message" with the
 * text or the bytes as its only argument, and so is what is emitted.
 */


#include "ngx_sio_worker.h"


static ngx_int_t ngx_sio_plain_body(ngx_sio_call_t *call,
    ngx_sio_event_out_t *out, ngx_str_t *buf, ngx_sio_body_t *body);


/* a call that no client made: as all the server's locations are */

ngx_uint_t
ngx_sio_plain_call(ngx_sio_call_t *call)
{
    ngx_sio_options_t  **options;

    if (call->client) {
        return ngx_sio_plain(call->client);
    }

    options = call->server->options.elts;

    return call->server->options.nelts && options[0]->engine_io;
}


ngx_int_t
ngx_sio_plain_message(ngx_sio_client_t *client, u_char *p, size_t len,
    ngx_uint_t binary)
{
    u_char            *json;
    ngx_str_t          arg, attachment;
    ngx_sio_call_t     call;
    ngx_sio_peer_t    *peer;

    static ngx_str_t  placeholder =
                          ngx_string("{\"_placeholder\":true,\"num\":0}");

    peer = ngx_sio_client_next(client);

    if (peer == NULL) {
        return NGX_OK;
    }

    ngx_sio_call_init(&call, NGX_SIO_CALL_EVENT, client, peer);

    ngx_str_set(&call.event, "message");

    if (binary) {
        arg = placeholder;
        attachment.data = p;
        attachment.len = len;

        call.attachments = &attachment;
        call.nattachments = 1;
        call.placeholder = 1;

    } else {
        json = ngx_pnalloc(call.pool, sio_json_string_len(p, len));
        if (json == NULL) {
            return NGX_OK;
        }

        arg.data = json;
        arg.len = sio_json_string_write(json, p, len);
    }

    call.args = &arg;
    call.nargs = 1;
    call.args_json = arg;

    if (ngx_sio_call_limit(&call) == NGX_OK
        && ngx_sio_call_run(&call) == NGX_AGAIN)
    {
        ngx_reset_pool(call.pool);
        return client->closed ? NGX_DONE : NGX_OK;
    }

    ngx_sio_call_done(&call);

    return client->closed ? NGX_DONE : NGX_OK;
}


/* NGX_OK; NGX_DECLINED: not the event "message" with one argument */

static ngx_int_t
ngx_sio_plain_body(ngx_sio_call_t *call, ngx_sio_event_out_t *out,
    ngx_str_t *buf, ngx_sio_body_t *body)
{
    u_char           *p;
    size_t            len;
    uint32_t          word;
    sio_str_t         elts[2];
    ngx_uint_t        binary;
    sio_json_info_t   info;

    if (sio_json_parse(out->json.data, out->json.len, SIO_JSON_MAX_DEPTH,
                       &info, elts, 2)
        != SIO_OK
        || info.nelts != 2
        || sio_json_string_eq(&elts[0], (uint8_t *) "message", 7) != SIO_OK)
    {
        return NGX_DECLINED;
    }

    binary = (out->nattachments == 1
              && sio_json_type(&elts[1]) == SIO_JSON_OBJECT);

    len = binary ? out->attachments[0].len : elts[1].len;

    p = ngx_pnalloc(call->pool, NGX_SIO_PART_HEAD + len);
    if (p == NULL) {
        return NGX_BUSY;
    }

    buf->data = p;

    if (binary) {
        buf->len = ngx_sio_part_write(p, 1, out->attachments[0].data, len);

    } else if (sio_json_type(&elts[1]) == SIO_JSON_STRING) {

        /* not in place: constants belong to the configuration */

        len = sio_json_string_read(p + NGX_SIO_PART_HEAD, &elts[1]);
        word = (uint32_t) len << 1;
        ngx_memcpy(p, &word, NGX_SIO_PART_HEAD);

        buf->len = NGX_SIO_PART_HEAD + len;

    } else {
        buf->len = ngx_sio_part_write(p, 0, elts[1].data, len);
    }

    ngx_memzero(body, sizeof(ngx_sio_body_t));

    body->len = buf->len;
    body->bufs = buf;
    body->nbufs = 1;

    return NGX_OK;
}


ngx_int_t
ngx_sio_plain_emit(ngx_sio_call_t *call, ngx_sio_event_out_t *out,
    ngx_sio_emit_t *emit, ngx_uint_t *receivers)
{
    ngx_int_t          rc;
    ngx_str_t          buf;
    ngx_sio_client_t  *client;

    rc = ngx_sio_plain_body(call, out, &buf, &emit->body);

    if (rc != NGX_OK) {
        return rc;
    }

    client = call->client;

    if (!out->where.self) {
        emit->flags = out->flags;
        return ngx_sio_emit(&call->worker->zone, emit, 0, receivers);
    }

    if (!client->websocket) {
        return ngx_sio_session_send(&call->worker->zone, client->session,
                                    &emit->body, out->flags);
    }

    if (client->conn == NULL) {
        return NGX_DONE;
    }

    if ((out->flags & NGX_SIO_VOLATILE) && client->conn->nout) {
        return NGX_OK;
    }

    rc = ngx_sio_conn_send(client->conn, &emit->body);

    return rc == NGX_ERROR ? NGX_DONE : rc;
}
