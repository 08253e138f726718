
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Payloads: what answers a GET.
 */


#include "ngx_sio_worker.h"


static ngx_int_t ngx_sio_payload_next(ngx_sio_park_t *park,
    ngx_sio_batch_t *batch, ngx_sio_entry_t *entry, ngx_str_t *buf);
static ngx_int_t ngx_sio_payload_v3(ngx_sio_park_t *park,
    ngx_sio_batch_t *batch, ngx_pool_t *pool, ngx_str_t *payload);
static u_char *ngx_sio_payload_v3_part(ngx_sio_park_t *park,
    const ngx_sio_body_t *body, size_t off, size_t len, ngx_uint_t binary,
    u_char *p);
static u_char *ngx_sio_payload_v3_head(u_char *p, ngx_uint_t binary,
    ngx_uint_t bytes, size_t len);


/*
 * Engine.IO v4, Payload encoding: packets joined by 0x1e, binary ones as "b"
 * and base64.  An empty batch to be closed is "6" and "1".
 */

ngx_int_t
ngx_sio_payload(ngx_sio_park_t *park, ngx_sio_batch_t *batch,
    ngx_pool_t *pool, ngx_str_t *payload)
{
    u_char            *p;
    size_t             off, len, size;
    ngx_int_t          rc;
    ngx_str_t          buf;
    ngx_uint_t         binary;
    ngx_sio_batch_t    b;
    ngx_sio_entry_t    entry;
    ngx_sio_worker_t  *w;

    w = park->worker;

    b = *batch;
    size = 4;

    park->compress = 0;
    park->binary = 0;

    ngx_str_null(&buf);

    if (park->form & NGX_SIO_FORM_EIO3) {
        return ngx_sio_payload_v3(park, batch, pool, payload);
    }

    while ((rc = ngx_sio_payload_next(park, &b, &entry, &buf)) == NGX_OK) {

        size += 2;

        if (entry.type == NGX_SIO_ENTRY_PING) {
            park->compress = 1;
            continue;
        }

        /* as in Node, one packet that may be compressed is enough */

        if (!(entry.flags & NGX_SIO_NO_COMPRESS)) {
            park->compress = 1;
        }

        off = 0;

        while (ngx_sio_part_next(w, &entry.body, &off, &len, &binary)
               == NGX_OK)
        {
            size += 2 + (binary ? sio_base64_len(len) : len);
            off += len;
        }
    }

    if (rc != NGX_DONE) {
        return NGX_ERROR;
    }

    payload->data = ngx_pnalloc(pool, size);
    if (payload->data == NULL) {
        return NGX_ERROR;
    }

    b = *batch;
    p = payload->data;

    while ((rc = ngx_sio_payload_next(park, &b, &entry, &buf)) == NGX_OK) {

        if (entry.type == NGX_SIO_ENTRY_PING) {
            *p++ = SIO_EIO_PING;
            *p++ = SIO_EIO_SEPARATOR;
            continue;
        }

        off = 0;

        while (ngx_sio_part_next(w, &entry.body, &off, &len, &binary)
               == NGX_OK)
        {
            if (binary) {
                *p++ = 'b';
                p = ngx_sio_part_base64(w, &entry.body, off, len, p);

            } else {
                *p++ = SIO_EIO_MESSAGE;
                ngx_sio_body_read(&w->zone, &entry.body, off, p, len);
                p += len;
            }

            *p++ = SIO_EIO_SEPARATOR;
            off += len;
        }
    }

    if (rc != NGX_DONE) {
        return NGX_ERROR;
    }

    /* to be closed, or what there was cannot be said in this form */

    if (p == payload->data && (batch->close || batch->n)) {
        *p++ = SIO_EIO_NOOP;
        *p++ = SIO_EIO_SEPARATOR;
    }

    if (batch->close) {
        *p++ = SIO_EIO_CLOSE;
        *p++ = SIO_EIO_SEPARATOR;
    }

    if (p == payload->data) {
        payload->len = 0;
        return NGX_OK;
    }

    payload->len = p - payload->data - 1;

    return NGX_OK;
}


/*
 * The next of a batch in the form of the park's client; buf holds it until the
 * next call, its data is NULL before the first.  NGX_OK, NGX_DONE, NGX_ERROR
 */

static ngx_int_t
ngx_sio_payload_next(ngx_sio_park_t *park, ngx_sio_batch_t *batch,
    ngx_sio_entry_t *entry, ngx_str_t *buf)
{
    ngx_int_t       rc;
    ngx_sio_body_t  body;

    if (buf->data) {
        ngx_free(buf->data);
        buf->data = NULL;
    }

    rc = ngx_sio_batch_next(&park->worker->zone, batch, entry);

    if (rc != NGX_OK
        || !(park->form & NGX_SIO_FORM_MSGPACK)
        || entry->type == NGX_SIO_ENTRY_PING)
    {
        return rc;
    }

    body = entry->body;

    if (ngx_sio_msgpack_body(park->worker, &body, buf, &entry->body)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* an answer of one packet without data, from pool */

ngx_int_t
ngx_sio_payload_single(ngx_sio_park_t *park, u_char type, ngx_pool_t *pool,
    ngx_str_t *payload)
{
    u_char  *p;

    park->compress = 0;
    park->binary = 0;

    p = ngx_pnalloc(pool, 3);
    if (p == NULL) {
        return NGX_ERROR;
    }

    payload->data = p;

    if (park->form & NGX_SIO_FORM_EIO3) {
        *p++ = '1';
        *p++ = ':';
    }

    *p++ = type;

    payload->len = p - payload->data;

    return NGX_OK;
}


/*
 * Engine.IO v3, Payload: a length before each packet; all of it is binary if a
 * packet is, unless the client wants base64.  A ping here is the answer to the
 * client's.
 */

static ngx_int_t
ngx_sio_payload_v3(ngx_sio_park_t *park, ngx_sio_batch_t *batch,
    ngx_pool_t *pool, ngx_str_t *payload)
{
    u_char            *p;
    size_t             off, len, size;
    ngx_int_t          rc;
    ngx_str_t          buf;
    ngx_uint_t         binary;
    ngx_sio_batch_t    b;
    ngx_sio_entry_t    entry;
    ngx_sio_worker_t  *w;

    w = park->worker;
    b = *batch;
    size = 2 * (SIO_EIO3_HEAD_MAX + 1);

    ngx_str_null(&buf);

    while ((rc = ngx_sio_payload_next(park, &b, &entry, &buf)) == NGX_OK) {

        if (!(entry.flags & NGX_SIO_NO_COMPRESS)) {
            park->compress = 1;
        }

        if (entry.type == NGX_SIO_ENTRY_PING) {
            size += SIO_EIO3_HEAD_MAX + 1;
            continue;
        }

        off = 0;

        while (ngx_sio_part_next(w, &entry.body, &off, &len, &binary)
               == NGX_OK)
        {
            off += len;

            if (binary && (park->form & NGX_SIO_FORM_B64)) {
                len = 1 + sio_base64_len(len);

            } else if (binary) {
                park->binary = 1;
            }

            size += SIO_EIO3_HEAD_MAX + 1 + len;
        }
    }

    if (rc != NGX_DONE) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    payload->data = p;
    b = *batch;

    while ((rc = ngx_sio_payload_next(park, &b, &entry, &buf)) == NGX_OK) {

        if (entry.type == NGX_SIO_ENTRY_PING) {
            p = ngx_sio_payload_v3_head(p, park->binary, 0, 1);
            *p++ = SIO_EIO_PONG;
            continue;
        }

        off = 0;

        while (ngx_sio_part_next(w, &entry.body, &off, &len, &binary)
               == NGX_OK)
        {
            p = ngx_sio_payload_v3_part(park, &entry.body, off, len, binary,
                                        p);
            off += len;
        }
    }

    if (rc != NGX_DONE) {
        return NGX_ERROR;
    }

    if (p == payload->data && (batch->close || batch->n)) {
        p = ngx_sio_payload_v3_head(p, 0, 0, 1);
        *p++ = SIO_EIO_NOOP;
    }

    if (batch->close) {
        p = ngx_sio_payload_v3_head(p, park->binary, 0, 1);
        *p++ = SIO_EIO_CLOSE;
    }

    payload->len = p - payload->data;

    return NGX_OK;
}


static u_char *
ngx_sio_payload_v3_part(ngx_sio_park_t *park, const ngx_sio_body_t *body,
    size_t off, size_t len, ngx_uint_t binary, u_char *p)
{
    u_char            *text;
    ngx_sio_worker_t  *w;

    w = park->worker;

    if (binary && (park->form & NGX_SIO_FORM_B64)) {
        p = ngx_sio_payload_v3_head(p, 0, 0, 2 + sio_base64_len(len));
        *p++ = 'b';
        *p++ = SIO_EIO_MESSAGE;

        return ngx_sio_part_base64(w, body, off, len, p);
    }

    if (park->binary) {
        p = ngx_sio_payload_v3_head(p, 1, binary, 1 + len);
        *p++ = binary ? SIO_EIO_MESSAGE - '0' : SIO_EIO_MESSAGE;

        ngx_sio_body_read(&w->zone, body, off, p, len);

        return p + len;
    }

    /* how many UTF-16 units it has is known when it is read */

    text = p + SIO_EIO3_HEAD_MAX;
    *text = SIO_EIO_MESSAGE;

    ngx_sio_body_read(&w->zone, body, off, text + 1, len);

    p = ngx_sio_payload_v3_head(p, 0, 0, sio_eio3_units(text, 1 + len));

    return ngx_movemem(p, text, 1 + len);
}


/* binary: the payload is; bytes: the packet is */

static u_char *
ngx_sio_payload_v3_head(u_char *p, ngx_uint_t binary, ngx_uint_t bytes,
    size_t len)
{
    return p + (binary ? sio_eio3_write_binary_head(p, bytes, len)
                       : sio_eio3_write_text_head(p, len));
}
