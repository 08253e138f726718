
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The three forms of a message: a body (parts, as it lies in the zone), frames
 * (as they go to a WebSocket, made once per worker and shared by all its
 * receivers) and a payload (as it answers a GET).
 */


#include "ngx_sio_worker.h"


static ngx_int_t ngx_sio_part_next(ngx_sio_worker_t *w,
    const ngx_sio_body_t *body, size_t *off, size_t *len, ngx_uint_t *binary);


size_t
ngx_sio_part_write(u_char *dst, ngx_uint_t binary, const u_char *p, size_t len)
{
    uint32_t  head;

    head = ((uint32_t) len << 1) | (binary ? 1 : 0);

    ngx_memcpy(dst, &head, NGX_SIO_PART_HEAD);
    ngx_memcpy(dst + NGX_SIO_PART_HEAD, p, len);

    return NGX_SIO_PART_HEAD + len;
}


/* head and json are the first part's text; buf is what body points to */

ngx_int_t
ngx_sio_body_build(ngx_pool_t *pool, const ngx_str_t *head,
    const ngx_str_t *json, const ngx_str_t *attachments, ngx_uint_t n,
    ngx_str_t *buf, ngx_sio_body_t *body)
{
    u_char      *p;
    size_t       len;
    uint32_t     word;
    ngx_uint_t   i;

    len = NGX_SIO_PART_HEAD + head->len + json->len;

    for (i = 0; i < n; i++) {
        len += NGX_SIO_PART_HEAD + attachments[i].len;
    }

    /* a part's length has 31 bits; limits keep far below */

    if (len > NGX_MAX_INT32_VALUE) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    buf->data = p;
    buf->len = len;

    word = (uint32_t) (head->len + json->len) << 1;

    p = ngx_cpymem(p, &word, NGX_SIO_PART_HEAD);
    p = ngx_cpymem(p, head->data, head->len);
    p = ngx_cpymem(p, json->data, json->len);

    for (i = 0; i < n; i++) {
        p += ngx_sio_part_write(p, 1, attachments[i].data,
                                attachments[i].len);
    }

    ngx_memzero(body, sizeof(ngx_sio_body_t));

    body->len = len;
    body->bufs = buf;
    body->nbufs = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_sio_part_next(ngx_sio_worker_t *w, const ngx_sio_body_t *body,
    size_t *off, size_t *len, ngx_uint_t *binary)
{
    uint32_t  head;

    if (body->len - *off < NGX_SIO_PART_HEAD) {
        return NGX_DONE;
    }

    ngx_sio_body_read(&w->zone, body, *off, (u_char *) &head,
                      NGX_SIO_PART_HEAD);

    *off += NGX_SIO_PART_HEAD;
    *len = head >> 1;
    *binary = head & 1;

    if (*len > body->len - *off) {
        ngx_log_error(NGX_LOG_ALERT, w->log, 0,
                      "sio zone: bad part in a message");
        ngx_debug_point();
        return NGX_DONE;
    }

    return NGX_OK;
}


ngx_sio_buf_t *
ngx_sio_buf_create(size_t len)
{
    ngx_sio_buf_t  *buf;

    buf = ngx_alloc(offsetof(ngx_sio_buf_t, data) + len, ngx_cycle->log);

    if (buf) {
        buf->refs = 1;
        buf->deflated = NULL;
        buf->len = len;
    }

    return buf;
}


void
ngx_sio_buf_release(ngx_sio_buf_t *buf)
{
    if (--buf->refs == 0) {

        if (buf->deflated && buf->deflated != buf) {
            ngx_sio_buf_release(buf->deflated);
        }

        ngx_free(buf);
    }
}


/* RFC 6455, 5.2 and Engine.IO v4: "4" and the text, or the bytes as they are */

ngx_sio_buf_t *
ngx_sio_frames(ngx_sio_worker_t *w, const ngx_sio_body_t *body)
{
    u_char         *p;
    size_t          off, len, size;
    ngx_uint_t      binary;
    ngx_sio_buf_t  *buf;

    size = 0;
    off = 0;

    while (ngx_sio_part_next(w, body, &off, &len, &binary) == NGX_OK) {
        off += len;
        len += binary ? 0 : 1;
        size += sio_ws_header_len(len) + len;
    }

    buf = ngx_sio_buf_create(size);
    if (buf == NULL) {
        return NULL;
    }

    p = buf->data;
    off = 0;

    while (ngx_sio_part_next(w, body, &off, &len, &binary) == NGX_OK) {

        if (binary) {
            p += sio_ws_write_header(p, SIO_WS_BINARY, len);

        } else {
            p += sio_ws_write_header(p, SIO_WS_TEXT, len + 1);
            *p++ = SIO_EIO_MESSAGE;
        }

        ngx_sio_body_read(&w->zone, body, off, p, len);
        p += len;
        off += len;
    }

    return buf;
}


/*
 * Engine.IO v4, Payload encoding: packets joined by 0x1e, binary ones as "b"
 * and base64.  An empty batch to be closed is "6" and "1".  *compress: the
 * payload may be compressed.
 */

ngx_int_t
ngx_sio_payload(ngx_sio_worker_t *w, ngx_sio_batch_t *batch, ngx_pool_t *pool,
    ngx_str_t *payload, ngx_uint_t *compress)
{
    u_char           *p, *tmp;
    size_t            off, len, size, max;
    ngx_uint_t        binary;
    ngx_sio_batch_t   b;
    ngx_sio_entry_t   entry;

    b = *batch;
    size = 4;
    max = 0;
    *compress = 0;

    while (ngx_sio_batch_next(&w->zone, &b, &entry) == NGX_OK) {

        size += 2;

        if (entry.type == NGX_SIO_ENTRY_PING) {
            *compress = 1;
            continue;
        }

        /* as in Node, one packet that may be compressed is enough */

        if (!(entry.flags & NGX_SIO_NO_COMPRESS)) {
            *compress = 1;
        }

        off = 0;

        while (ngx_sio_part_next(w, &entry.body, &off, &len, &binary)
               == NGX_OK)
        {
            size += 2 + (binary ? sio_base64_len(len) : len);
            max = binary ? ngx_max(max, len) : max;
            off += len;
        }
    }

    payload->data = ngx_pnalloc(pool, size);
    if (payload->data == NULL) {
        return NGX_ERROR;
    }

    tmp = NULL;

    if (max) {
        tmp = ngx_alloc(max, w->log);
        if (tmp == NULL) {
            return NGX_ERROR;
        }
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
                ngx_sio_body_read(&w->zone, &entry.body, off, tmp, len);
                p += sio_base64_write(p, tmp, len);

            } else {
                *p++ = SIO_EIO_MESSAGE;
                ngx_sio_body_read(&w->zone, &entry.body, off, p, len);
                p += len;
            }

            *p++ = SIO_EIO_SEPARATOR;
            off += len;
        }
    }

    if (tmp) {
        ngx_free(tmp);
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
