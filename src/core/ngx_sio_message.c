
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * A message's body (parts, as it lies in the zone) and its frames (as they go
 * to a WebSocket, made once for a worker and form and shared by all receivers).
 */


#include "ngx_sio_worker.h"


/* bytes that are read and encoded at a time: whole groups of base64 */
#define NGX_SIO_BASE64_STEP  768


static size_t ngx_sio_frame_len(size_t len, ngx_uint_t binary,
    ngx_uint_t form);


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


/* the part at *off: its bytes begin at the new *off.  NGX_OK, NGX_DONE */

ngx_int_t
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


/* returns the end of what is written */

u_char *
ngx_sio_part_base64(ngx_sio_worker_t *w, const ngx_sio_body_t *body,
    size_t off, size_t len, u_char *dst)
{
    size_t  n;
    u_char  raw[NGX_SIO_BASE64_STEP];

    while (len) {
        n = ngx_min(len, NGX_SIO_BASE64_STEP);

        ngx_sio_body_read(&w->zone, body, off, raw, n);
        dst += sio_base64_write(dst, raw, n);

        off += n;
        len -= n;
    }

    return dst;
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


/* of a part in a WebSocket message */

static size_t
ngx_sio_frame_len(size_t len, ngx_uint_t binary, ngx_uint_t form)
{
    if (!binary) {
        return 1 + len;
    }

    if (form & NGX_SIO_FORM_B64) {
        len = 1 + sio_base64_len(len);
    }

    return (form & NGX_SIO_FORM_EIO3) ? 1 + len : len;
}


/*
 * RFC 6455, 5.2 and Engine.IO: "4" and the text; bytes as they are (v4), with
 * the byte 4 in front (v3), or as base64 behind "b" (v4) or "b4" (v3).
 */

ngx_sio_buf_t *
ngx_sio_frames(ngx_sio_worker_t *w, const ngx_sio_body_t *body,
    ngx_uint_t form)
{
    u_char          *p;
    size_t           off, len, size;
    ngx_str_t        bytes;
    ngx_uint_t       binary;
    ngx_sio_buf_t   *buf;
    ngx_sio_body_t   packed;

    if (form & NGX_SIO_FORM_MSGPACK) {

        if (ngx_sio_msgpack_body(w, body, &bytes, &packed) != NGX_OK) {
            return NULL;
        }

        buf = ngx_sio_frames(w, &packed, form & ~NGX_SIO_FORM_MSGPACK);

        if (bytes.data) {
            ngx_free(bytes.data);
        }

        return buf;
    }

    size = 0;
    off = 0;

    while (ngx_sio_part_next(w, body, &off, &len, &binary) == NGX_OK) {
        off += len;
        len = ngx_sio_frame_len(len, binary, form);
        size += sio_ws_header_len(len) + len;
    }

    buf = ngx_sio_buf_create(size);
    if (buf == NULL) {
        return NULL;
    }

    p = buf->data;
    off = 0;

    while (ngx_sio_part_next(w, body, &off, &len, &binary) == NGX_OK) {

        p += sio_ws_write_header(p,
                                 (binary && !(form & NGX_SIO_FORM_B64))
                                 ? SIO_WS_BINARY : SIO_WS_TEXT,
                                 ngx_sio_frame_len(len, binary, form));

        if (!binary) {
            *p++ = SIO_EIO_MESSAGE;

        } else if (form & NGX_SIO_FORM_B64) {
            *p++ = 'b';

            if (form & NGX_SIO_FORM_EIO3) {
                *p++ = SIO_EIO_MESSAGE;
            }

            p = ngx_sio_part_base64(w, body, off, len, p);
            off += len;
            continue;

        } else if (form & NGX_SIO_FORM_EIO3) {
            *p++ = SIO_EIO_MESSAGE - '0';
        }

        ngx_sio_body_read(&w->zone, body, off, p, len);
        p += len;
        off += len;
    }

    return buf;
}
