
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Payloads: what answers a GET.
 */


#include "ngx_sio_worker.h"


static ngx_int_t ngx_sio_payload_next(ngx_sio_park_t *park,
    ngx_sio_batch_t *batch, ngx_sio_entry_t *entry, ngx_str_t *buf);


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
