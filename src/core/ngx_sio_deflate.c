
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * DEFLATE (RFC 1951) for whole messages.  A stream costs 256 KB, so there is
 * one for the worker, reset before each message: connections have no state.
 * For permessage-deflate (RFC 7692) this is "no context takeover".  Only a
 * connection that has agreed on context takeover has streams of its own, made
 * when they are needed first.
 */


#include "ngx_sio_worker.h"

#if (NGX_SIO_HAVE_ZLIB)

#include <zlib.h>


#define NGX_SIO_INFLATE_FIRST  1024

#define NGX_SIO_DEFLATE_ROOM   16   /* what a flush adds to deflateBound() */

#define NGX_SIO_DEFLATE_TAIL   4    /* RFC 7692, 7.2.1: 00 00 ff ff */
#define NGX_SIO_FRAME_RSV1     0x40


/* of a connection, for the directions that keep their context */

struct ngx_sio_contexts_s {
    z_stream                  deflater;
    z_stream                  inflater;
    unsigned                  deflates:1;
    unsigned                  inflates:1;
    unsigned                  deflater_ready:1;
    unsigned                  inflater_ready:1;
};


static ngx_int_t ngx_sio_deflate_init(z_stream *zs,
    const ngx_sio_deflate_t *form);
static z_stream *ngx_sio_deflate_stream(const ngx_sio_deflate_t *form);
static z_stream *ngx_sio_deflate_own(ngx_sio_conn_t *conn);
static size_t ngx_sio_deflate_message(z_stream *zs, u_char *dst, size_t size,
    const u_char *src, size_t len);
static ngx_sio_buf_t *ngx_sio_buf_deflate(ngx_sio_conn_t *conn,
    ngx_sio_buf_t *buf, z_stream *own);
static u_char *ngx_sio_deflate_room(u_char **start, size_t *size, u_char *p,
    size_t len);
static z_stream *ngx_sio_inflate_stream(ngx_sio_conn_t *conn);


/* an answer to a GET: as "gzip_comp_level" is by default */

static const ngx_sio_deflate_t  ngx_sio_deflate_http = { 0, 1, 8, 15, 15 };

static z_stream           ngx_sio_deflater;
static ngx_sio_deflate_t  ngx_sio_deflater_form;    /* level 0: not ready */

static z_stream    ngx_sio_inflater;
static ngx_uint_t  ngx_sio_inflater_ready;

static ngx_uint_t  ngx_sio_ncontexts;


ngx_int_t
ngx_sio_conn_deflate(ngx_sio_conn_t *conn, const ngx_sio_deflate_t *form,
    ngx_uint_t deflates, ngx_uint_t inflates)
{
    ngx_sio_contexts_t  *contexts;

    if (deflates || inflates) {
        contexts = ngx_calloc(sizeof(ngx_sio_contexts_t), conn->worker->log);
        if (contexts == NULL) {
            return NGX_ERROR;
        }

        contexts->deflates = deflates;
        contexts->inflates = inflates;

        conn->contexts = contexts;
        ngx_sio_ncontexts++;
    }

    conn->deflate = *form;

    return NGX_OK;
}


ngx_uint_t
ngx_sio_contexts(void)
{
    return ngx_sio_ncontexts;
}


void
ngx_sio_conn_deflate_end(ngx_sio_conn_t *conn)
{
    ngx_sio_contexts_t  *contexts;

    contexts = conn->contexts;

    if (contexts == NULL) {
        return;
    }

    if (contexts->deflater_ready) {
        (void) deflateEnd(&contexts->deflater);
    }

    if (contexts->inflater_ready) {
        (void) inflateEnd(&contexts->inflater);
    }

    ngx_free(contexts);

    conn->contexts = NULL;
    ngx_sio_ncontexts--;
}


static ngx_int_t
ngx_sio_deflate_init(z_stream *zs, const ngx_sio_deflate_t *form)
{
    /*
     * Negative: no header and no checksum, those are the caller's.  zlib has
     * no raw window of 256 bytes, but with one of 512 it looks back 250 bytes
     * at most.
     */

    ngx_memzero(zs, sizeof(z_stream));

    return deflateInit2(zs, form->level, Z_DEFLATED,
                        -(form->server_bits == 8 ? 9 : form->server_bits),
                        form->mem_level, Z_DEFAULT_STRATEGY)
           == Z_OK ? NGX_OK : NGX_ERROR;
}


/* the worker's, made anew when locations differ */

static z_stream *
ngx_sio_deflate_stream(const ngx_sio_deflate_t *form)
{
    ngx_sio_deflate_t  *ready;

    ready = &ngx_sio_deflater_form;

    if (ready->level == form->level && ready->mem_level == form->mem_level
        && ready->server_bits == form->server_bits)
    {
        return deflateReset(&ngx_sio_deflater) == Z_OK ? &ngx_sio_deflater
                                                       : NULL;
    }

    if (ready->level) {
        (void) deflateEnd(&ngx_sio_deflater);
        ready->level = 0;
    }

    if (ngx_sio_deflate_init(&ngx_sio_deflater, form) != NGX_OK) {
        return NULL;
    }

    *ready = *form;

    return &ngx_sio_deflater;
}


/* RFC 7692, 7.1.1: the connection's own, as the last message left it */

static z_stream *
ngx_sio_deflate_own(ngx_sio_conn_t *conn)
{
    ngx_sio_contexts_t  *contexts;

    contexts = conn->contexts;

    if (!contexts->deflater_ready) {

        if (ngx_sio_deflate_init(&contexts->deflater, &conn->deflate)
            != NGX_OK)
        {
            return NULL;
        }

        contexts->deflater_ready = 1;
    }

    return &contexts->deflater;
}


size_t
ngx_sio_deflate_bound(size_t len)
{
    z_stream  *zs;

    zs = ngx_sio_deflate_stream(&ngx_sio_deflate_http);

    return zs ? deflateBound(zs, len) : 0;
}


size_t
ngx_sio_deflate(u_char *dst, size_t size, const u_char *src, size_t len)
{
    z_stream  *zs;

    zs = ngx_sio_deflate_stream(&ngx_sio_deflate_http);

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


/* RFC 7692, 7.2.1.  Returns its length, or 0: dst is too small */

static size_t
ngx_sio_deflate_message(z_stream *zs, u_char *dst, size_t size,
    const u_char *src, size_t len)
{
    zs->next_in = (u_char *) src;
    zs->avail_in = (uInt) len;
    zs->next_out = dst;
    zs->avail_out = (uInt) size;

    /* a flush that has used up its space may not be complete */

    if (deflate(zs, Z_SYNC_FLUSH) != Z_OK || zs->avail_out == 0) {
        return 0;
    }

    return size - zs->avail_out - NGX_SIO_DEFLATE_TAIL;
}


/*
 * Made once for connections without a context and kept with the plain frames,
 * to which the reference belongs; these themselves if none is shorter.
 */

ngx_sio_buf_t *
ngx_sio_buf_deflated(ngx_sio_conn_t *conn, ngx_sio_buf_t *buf)
{
    ngx_sio_buf_t  *deflated;

    if (buf->len < conn->deflate.threshold) {
        return buf;
    }

    if (buf->deflated) {

        /* nobody looks at the client's window here */

        if (ngx_memcmp(&buf->form, &conn->deflate,
                       offsetof(ngx_sio_deflate_t, client_bits))
            == 0)
        {
            return buf->deflated;
        }

        /* of another location, or for another window */

        if (buf->deflated != buf) {
            ngx_sio_buf_release(buf->deflated);
        }
    }

    deflated = ngx_sio_buf_deflate(conn, buf, NULL);

    buf->deflated = deflated ? deflated : buf;
    buf->form = conn->deflate;

    return buf->deflated;
}


ngx_sio_buf_t *
ngx_sio_buf_deflated_own(ngx_sio_conn_t *conn, ngx_sio_buf_t *buf)
{
    z_stream  *own;

    if (!conn->contexts->deflates) {
        buf = ngx_sio_buf_deflated(conn, buf);
        buf->refs++;
        return buf;
    }

    own = ngx_sio_deflate_own(conn);

    return own ? ngx_sio_buf_deflate(conn, buf, own) : NULL;
}


/*
 * The frames are our own: RFC 6455, 5.2, not masked, whole.  With a context of
 * its own (as in ws) every message goes through it, however short, and longer
 * if it must be; NULL: no memory.  Otherwise NULL: nothing is shorter.
 */

static ngx_sio_buf_t *
ngx_sio_buf_deflate(ngx_sio_conn_t *conn, ngx_sio_buf_t *buf, z_stream *own)
{
    u_char         *p, *last, *q, *start;
    size_t          n, len, head, size, room;
    uint64_t        length;
    z_stream       *zs;
    ngx_uint_t      i, opcode, compressed;
    ngx_sio_buf_t  *deflated;

    p = buf->data;
    last = p + buf->len;
    start = NULL;
    size = 0;
    q = NULL;
    compressed = (own != NULL);
    deflated = NULL;

    while (p < last) {

        opcode = p[0] & 0x0f;
        length = p[1];
        head = 2;

        if (length >= 126) {
            head = (length == 126) ? 4 : 10;
            length = 0;

            for (i = 2; i < head; i++) {
                length = length << 8 | p[i];
            }
        }

        len = (size_t) length;
        zs = NULL;
        n = 0;

        if (len && (opcode == SIO_WS_TEXT || opcode == SIO_WS_BINARY)) {

            if (own) {
                zs = own;

            } else if (len >= conn->deflate.threshold) {
                zs = ngx_sio_deflate_stream(&conn->deflate);
            }
        }

        room = own && zs ? deflateBound(zs, len) + NGX_SIO_DEFLATE_ROOM
                         : len + NGX_SIO_DEFLATE_TAIL;

        q = ngx_sio_deflate_room(&start, &size, q,
                                 SIO_WS_MAX_HEADER + room + (last - p));
        if (q == NULL) {
            goto done;
        }

        if (zs) {
            n = ngx_sio_deflate_message(zs, q + SIO_WS_MAX_HEADER, room,
                                        p + head, len);
        }

        if (n) {
            i = sio_ws_write_header(q, opcode | NGX_SIO_FRAME_RSV1, n);
            ngx_memmove(q + i, q + SIO_WS_MAX_HEADER, n);
            q += i + n;
            compressed = 1;

        } else if (own && zs) {
            /* the context has what the client will not get */
            goto done;

        } else {
            q = ngx_cpymem(q, p, head + len);
        }

        p += head + len;
    }

    if (compressed) {
        deflated = ngx_sio_buf_create(q - start);

        if (deflated) {
            ngx_memcpy(deflated->data, start, q - start);
        }
    }

done:

    if (start) {
        ngx_free(start);
    }

    return deflated;
}


/* p: where the bytes at start end.  Returns it, with room for len more */

static u_char *
ngx_sio_deflate_room(u_char **start, size_t *size, u_char *p, size_t len)
{
    u_char  *new;
    size_t   used;

    used = p - *start;

    if (*start && *size - used >= len) {
        return p;
    }

    new = ngx_alloc(used + len, ngx_cycle->log);
    if (new == NULL) {
        return NULL;
    }

    if (*start) {
        ngx_memcpy(new, *start, used);
        ngx_free(*start);
    }

    *start = new;
    *size = used + len;

    return new + used;
}


/* with the window that was agreed: a larger distance is an error */

static z_stream *
ngx_sio_inflate_stream(ngx_sio_conn_t *conn)
{
    int                  bits;
    z_stream            *zs;
    ngx_sio_contexts_t  *contexts;

    contexts = conn->contexts;
    bits = -conn->deflate.client_bits;

    if (contexts && contexts->inflates) {
        zs = &contexts->inflater;

        if (!contexts->inflater_ready) {

            if (inflateInit2(zs, bits) != Z_OK) {
                return NULL;
            }

            contexts->inflater_ready = 1;
        }

        return zs;
    }

    zs = &ngx_sio_inflater;

    if (!ngx_sio_inflater_ready) {

        if (inflateInit2(zs, bits) != Z_OK) {
            return NULL;
        }

        ngx_sio_inflater_ready = 1;
        return zs;
    }

    return inflateReset2(zs, bits) == Z_OK ? zs : NULL;
}


ngx_int_t
ngx_sio_inflate(ngx_sio_conn_t *conn, const u_char *src, size_t len,
    size_t max, size_t pad, u_char **dst, size_t *dst_len)
{
    int         rc;
    u_char     *buf, *p;
    size_t      n, size;
    z_stream   *zs;
    ngx_int_t   error;
    ngx_uint_t  tail;

    static u_char  end[NGX_SIO_DEFLATE_TAIL] = { 0x00, 0x00, 0xff, 0xff };

    zs = ngx_sio_inflate_stream(conn);

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
               what follows is looked at, and a context begins anew */
            (void) inflateReset(zs);
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
ngx_sio_buf_deflated(ngx_sio_conn_t *conn, ngx_sio_buf_t *buf)
{
    return buf;
}


ngx_sio_buf_t *
ngx_sio_buf_deflated_own(ngx_sio_conn_t *conn, ngx_sio_buf_t *buf)
{
    return NULL;
}


void
ngx_sio_conn_deflate_end(ngx_sio_conn_t *conn)
{
    /* void */
}

#endif
