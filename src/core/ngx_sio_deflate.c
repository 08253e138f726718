
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * DEFLATE (RFC 1951) for whole messages.  A stream costs 256 KB, so there is
 * one for the worker, reset before each message: connections have no state.
 */


#include "ngx_sio_worker.h"

#if (NGX_SIO_HAVE_ZLIB)

#include <zlib.h>


#define NGX_SIO_DEFLATE_LEVEL  1    /* as "gzip_comp_level" by default */


static z_stream *ngx_sio_deflate_stream(void);


static z_stream    ngx_sio_deflater;
static ngx_uint_t  ngx_sio_deflater_ready;


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


#endif
