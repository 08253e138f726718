
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * sio_parser msgpack: packets of such a location's clients come as one binary
 * message and go as one; in between they are what all packets are.
 */


#include "ngx_sio_worker.h"
#include "../wire/sio_msgpack.h"


/* how much longer than its body a message may get: a binary is written as
   often as a hostile packet speaks of it */
#define NGX_SIO_MSGPACK_GROWTH  4


/*
 * A message of a client as a packet, all of it from the worker's pool.
 * NGX_OK; NGX_ERROR: it is none, or too much
 */

ngx_int_t
ngx_sio_msgpack_read(ngx_sio_client_t *client, u_char *p, size_t len,
    sio_packet_t *pkt, ngx_str_t **attachments)
{
    size_t               max;
    u_char              *json;
    sio_str_t           *list;
    sio_msgpack_t        message;
    ngx_sio_worker_t    *w;
    ngx_sio_server_t    *server;
    sio_packet_limits_t  limits;

    w = client->worker;
    server = w->server;

    limits = server->packet_limits;
    limits.max_attachments = server->max_binaries;

    if (client->eio3) {
        limits.max_nsp = ngx_sio_eio3_max_nsp(server);
    }

    if (sio_msgpack_parse(p, len, &limits, &message) != SIO_OK) {
        return NGX_ERROR;
    }

    max = ngx_max(server->max_packet,
                  2 * client->options->max_http_buffer_size);

    if (message.json_len > max) {
        ngx_log_error(NGX_LOG_INFO, w->log, 0,
                      "sio packet: more than %uz bytes as JSON", max);
        return NGX_ERROR;
    }

    ngx_memzero(pkt, sizeof(sio_packet_t));

    pkt->type = message.type;
    pkt->nattachments = message.nattachments;
    pkt->nsp = message.nsp;

    *attachments = NULL;

    if (message.id_len) {

        pkt->id.data = ngx_pnalloc(w->pool, message.id_len);
        if (pkt->id.data == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(pkt->id.data, message.id, message.id_len);
        pkt->id.len = message.id_len;
    }

    if (message.data.len == 0) {
        return NGX_OK;
    }

    json = ngx_pnalloc(w->pool, message.json_len);
    list = ngx_palloc(w->pool, (message.nattachments + 1) * sizeof(sio_str_t));

    if (json == NULL || list == NULL) {
        return NGX_ERROR;
    }

    sio_msgpack_write_json(json, list, &message);

    /* same layout: wire does not know ngx_str_t */

    *attachments = (ngx_str_t *) list;

    return sio_json_parse(json, message.json_len, SIO_JSON_MAX_DEPTH,
                          &pkt->json, w->args, server->max_args + 1)
           == SIO_OK ? NGX_OK : NGX_ERROR;
}


/*
 * A message's body as another one, of a single binary part; buf is what it
 * points to, its data is to be ngx_free()d if it is not NULL.
 *
 * NGX_OK, NGX_ERROR: no memory.  What cannot be said has no part, its
 * receivers go without.
 */

ngx_int_t
ngx_sio_msgpack_body(ngx_sio_worker_t *w, const ngx_sio_body_t *body,
    ngx_str_t *buf, ngx_sio_body_t *packed)
{
    size_t       off, len, size, max;
    u_char      *raw, *p;
    uint32_t     word;
    sio_str_t   *part;
    ngx_uint_t   n, binary;

    ngx_memzero(packed, sizeof(ngx_sio_body_t));

    buf->data = NULL;
    buf->len = 0;

    n = 0;
    off = 0;

    while (ngx_sio_part_next(w, body, &off, &len, &binary) == NGX_OK) {
        off += len;
        n++;
    }

    if (n == 0) {
        return NGX_OK;
    }

    part = ngx_alloc(n * sizeof(sio_str_t) + body->len, w->log);
    if (part == NULL) {
        return NGX_ERROR;
    }

    raw = (u_char *) &part[n];

    ngx_sio_body_read(&w->zone, body, 0, raw, body->len);

    n = 0;
    off = 0;

    while (ngx_sio_part_next(w, body, &off, &len, &binary) == NGX_OK) {
        part[n].data = raw + off;
        part[n].len = len;
        off += len;
        n++;
    }

    size = sio_msgpack_write(NULL, &part[0], &part[1], n - 1);
    max = ngx_max(w->server->max_packet, NGX_SIO_MSGPACK_GROWTH * body->len);

    if (size == 0 || size > max || size > NGX_MAX_INT32_VALUE) {
        ngx_log_error(NGX_LOG_INFO, w->log, 0,
                      "sio packet: dropped, too %s for sio_parser msgpack",
                      size ? "long" : "deep");
        goto done;
    }

    p = ngx_alloc(NGX_SIO_PART_HEAD + size, w->log);

    if (p == NULL) {
        ngx_free(part);
        return NGX_ERROR;
    }

    word = ((uint32_t) size << 1) | 1;
    ngx_memcpy(p, &word, NGX_SIO_PART_HEAD);

    (void) sio_msgpack_write(p + NGX_SIO_PART_HEAD + size, &part[0], &part[1],
                             n - 1);

    buf->data = p;
    buf->len = NGX_SIO_PART_HEAD + size;

    packed->bufs = buf;
    packed->nbufs = 1;
    packed->len = buf->len;

done:

    ngx_free(part);

    return NGX_OK;
}
