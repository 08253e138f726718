
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * DEFLATE (RFC 1951) for whole messages.  A stream costs 256 KB, so there is
 * one for the worker, reset before each message: connections have no state.
 * For permessage-deflate (RFC 7692) this is "no context takeover", both ways.
 */


#include "ngx_sio_worker.h"

#if (NGX_SIO_HAVE_ZLIB)

#include <zlib.h>


#define NGX_SIO_DEFLATE_LEVEL  1    /* as "gzip_comp_level" by default */
#define NGX_SIO_INFLATE_FIRST  1024

#define NGX_SIO_DEFLATE_TAIL   4    /* RFC 7692, 7.2.1: 00 00 ff ff */
#define NGX_SIO_FRAME_RSV1     0x40


static z_stream *ngx_sio_deflate_stream(void);
static size_t ngx_sio_deflate_message(u_char *dst, const u_char *src,
    size_t len);
static ngx_sio_buf_t *ngx_sio_buf_deflate(ngx_sio_buf_t *buf,
    size_t threshold);
static z_stream *ngx_sio_inflate_stream(void);


static z_stream    ngx_sio_deflater;
static ngx_uint_t  ngx_sio_deflater_ready;

static z_stream    ngx_sio_inflater;
static ngx_uint_t  ngx_sio_inflater_ready;


static z_stream *
ngx_sio_deflate_stream(void)
{
    if (!ngx_sio_deflater_ready) {

        /* negative: no header and no checksum, those are the caller's */

        if (deflateInit2(&ngx_sio_deflater, NGX_SIO_DEFLATE_LEVEL, Z_DEFLATED,
                         -MAX_WBITS, MAX_MEM_LEVEL - 1, Z_DEFAULT_STRATEGY)
            != Z_OK)
        {
            return NULL;
        }

        ngx_sio_deflater_ready = 1;
        return &ngx_sio_deflater;
    }

    if (deflateReset(&ngx_sio_deflater) != Z_OK) {
        return NULL;
    }

    return &ngx_sio_deflater;
}


size_t
ngx_sio_deflate_bound(size_t len)
{
    z_stream  *zs;

    zs = ngx_sio_deflate_stream();

    return zs ? deflateBound(zs, len) : 0;
}


size_t
ngx_sio_deflate(u_char *dst, size_t size, const u_char *src, size_t len)
{
    z_stream  *zs;

    zs = ngx_sio_deflate_stream();

    if (zs == NULL) {
        return 0;
    }

    zs->next_in = (u_char *) src;
    zs->avail_in = (uInt) len;
    zs->next_out = dst;
    zs->avail_out = (uInt) size;

    if (deflate(zs, Z_FINISH) != Z_STREAM_END) {
        return 0;
    }

    return size - zs->avail_out;
}


/* RFC 7692, 7.2.1, to dst of len + NGX_SIO_DEFLATE_TAIL bytes.  Returns its
   length, or 0: it is not shorter than src */

static size_t
ngx_sio_deflate_message(u_char *dst, const u_char *src, size_t len)
{
    z_stream  *zs;

    zs = ngx_sio_deflate_stream();

    if (zs == NULL) {
        return 0;
    }

    zs->next_in = (u_char *) src;
    zs->avail_in = (uInt) len;
    zs->next_out = dst;
    zs->avail_out = (uInt) (len + NGX_SIO_DEFLATE_TAIL);

    /* a flush that has used up its space may not be complete */

    if (deflate(zs, Z_SYNC_FLUSH) != Z_OK || zs->avail_out == 0) {
        return 0;
    }

    return len - zs->avail_out;
}


/*
 * The same frames for a client that agreed on permessage-deflate: those of
 * threshold bytes and more compressed.  Made once and kept with the plain
 * ones, to which the reference belongs; these themselves if none is shorter.
 */

ngx_sio_buf_t *
ngx_sio_buf_deflated(ngx_sio_buf_t *buf, size_t threshold)
{
    ngx_sio_buf_t  *deflated;

    if (buf->len < threshold) {
        return buf;
    }

    if (buf->deflated) {

        if (buf->threshold == threshold) {
            return buf->deflated;
        }

        /* of another location */

        if (buf->deflated != buf) {
            ngx_sio_buf_release(buf->deflated);
        }
    }

    deflated = ngx_sio_buf_deflate(buf, threshold);

    buf->deflated = deflated ? deflated : buf;
    buf->threshold = threshold;

    return buf->deflated;
}


/* the frames are our own: RFC 6455, 5.2, not masked, whole */

static ngx_sio_buf_t *
ngx_sio_buf_deflate(ngx_sio_buf_t *buf, size_t threshold)
{
    u_char         *p, *last, *q, *start;
    size_t          n, len, head;
    uint64_t        size;
    ngx_uint_t      i, opcode, compressed;
    ngx_sio_buf_t  *deflated;

    start = ngx_alloc(buf->len + SIO_WS_MAX_HEADER + NGX_SIO_DEFLATE_TAIL,
                      ngx_cycle->log);
    if (start == NULL) {
        return NULL;
    }

    p = buf->data;
    last = p + buf->len;
    q = start;
    compressed = 0;

    while (p < last) {

        opcode = p[0] & 0x0f;
        size = p[1];
        head = 2;

        if (size >= 126) {
            head = (size == 126) ? 4 : 10;
            size = 0;

            for (i = 2; i < head; i++) {
                size = size << 8 | p[i];
            }
        }

        len = (size_t) size;
        n = 0;

        if (len >= threshold && len
            && (opcode == SIO_WS_TEXT || opcode == SIO_WS_BINARY))
        {
            n = ngx_sio_deflate_message(q + SIO_WS_MAX_HEADER, p + head, len);
        }

        if (n) {
            i = sio_ws_write_header(q, opcode | NGX_SIO_FRAME_RSV1, n);
            ngx_memmove(q + i, q + SIO_WS_MAX_HEADER, n);
            q += i + n;
            compressed = 1;

        } else {
            q = ngx_cpymem(q, p, head + len);
        }

        p += head + len;
    }

    deflated = NULL;

    if (compressed) {
        deflated = ngx_sio_buf_create(q - start);

        if (deflated) {
            ngx_memcpy(deflated->data, start, q - start);
        }
    }

    ngx_free(start);

    return deflated;
}


static z_stream *
ngx_sio_inflate_stream(void)
{
    if (!ngx_sio_inflater_ready) {

        if (inflateInit2(&ngx_sio_inflater, -MAX_WBITS) != Z_OK) {
            return NULL;
        }

        ngx_sio_inflater_ready = 1;
        return &ngx_sio_inflater;
    }

    if (inflateReset(&ngx_sio_inflater) != Z_OK) {
        return NULL;
    }

    return &ngx_sio_inflater;
}


ngx_int_t
ngx_sio_inflate(const u_char *src, size_t len, size_t max, size_t pad,
    u_char **dst, size_t *dst_len)
{
    int         rc;
    u_char     *buf, *p;
    size_t      n, size;
    z_stream   *zs;
    ngx_int_t   error;
    ngx_uint_t  tail;

    static u_char  end[NGX_SIO_DEFLATE_TAIL] = { 0x00, 0x00, 0xff, 0xff };

    zs = ngx_sio_inflate_stream();

    if (zs == NULL) {
        return NGX_ERROR;
    }

    /* one byte more than may come: then it is too much */

    size = ngx_min(ngx_max(4 * len, NGX_SIO_INFLATE_FIRST), max + 1);

    buf = ngx_alloc(size + pad, ngx_cycle->log);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    zs->next_in = (u_char *) src;
    zs->avail_in = (uInt) len;

    n = 0;
    tail = 0;

    for ( ;; ) {

        if (n == size) {
            size = ngx_min(2 * size, max + 1);

            p = ngx_alloc(size + pad, ngx_cycle->log);
            if (p == NULL) {
                error = NGX_ERROR;
                goto failed;
            }

            ngx_memcpy(p, buf, n);
            ngx_free(buf);
            buf = p;
        }

        zs->next_out = buf + n;
        zs->avail_out = (uInt) (size - n);

        rc = inflate(zs, Z_SYNC_FLUSH);

        n = size - zs->avail_out;

        if (n > max) {
            error = NGX_BUSY;
            goto failed;
        }

        if (rc == Z_STREAM_END) {
            /* RFC 7692, 7.2.3.4: a block with BFINAL; as in Node, nothing of
               what follows is looked at */
            break;
        }

        if (rc == Z_MEM_ERROR) {
            error = NGX_ERROR;
            goto failed;
        }

        if (rc != Z_OK && rc != Z_BUF_ERROR) {
            error = NGX_DECLINED;
            goto failed;
        }

        if (zs->avail_out == 0) {
            continue;
        }

        if (!tail) {
            tail = 1;
            zs->next_in = end;
            zs->avail_in = NGX_SIO_DEFLATE_TAIL;
            continue;
        }

        /* 128: between two blocks, as it must be behind the tail */

        if (zs->avail_in || !(zs->data_type & 128)) {
            error = NGX_DECLINED;
            goto failed;
        }

        break;
    }

    *dst = buf;
    *dst_len = n;

    return NGX_OK;

failed:

    ngx_free(buf);

    return error;
}


#else

ngx_sio_buf_t *
ngx_sio_buf_deflated(ngx_sio_buf_t *buf, size_t threshold)
{
    return buf;
}

#endif
