
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Payloads: what answers a GET.
 */


#include "ngx_sio_worker.h"


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
    ngx_uint_t         binary;
    ngx_sio_batch_t    b;
    ngx_sio_entry_t    entry;
    ngx_sio_worker_t  *w;

    w = park->worker;

    b = *batch;
    size = 4;

    park->compress = 0;
    park->binary = 0;

    while (ngx_sio_batch_next(&w->zone, &b, &entry) == NGX_OK) {

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

    payload->data = ngx_pnalloc(pool, size);
    if (payload->data == NULL) {
        return NGX_ERROR;
    }

    b = *batch;
    p = payload->data;

    while (ngx_sio_batch_next(&w->zone, &b, &entry) == NGX_OK) {

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

    if (batch->close) {

        if (p == payload->data) {
            *p++ = SIO_EIO_NOOP;
            *p++ = SIO_EIO_SEPARATOR;
        }

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
