
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What is remembered of the handshake: pairs of
 *
 *     u8 name length, name, u32 value length (NGX_SIO_INFO_MISSING), value
 */


#include "ngx_sio_core.h"


#define NGX_SIO_INFO_MISSING  0xffffffff


size_t
ngx_sio_info_write(u_char *p, const ngx_str_t *name, const ngx_str_t *value)
{
    size_t    len, size;
    uint32_t  n;

    len = ngx_min(name->len, 255);
    size = 1 + len + sizeof(uint32_t) + (value ? value->len : 0);

    if (p == NULL) {
        return size;
    }

    *p++ = (u_char) len;
    p = ngx_cpymem(p, name->data, len);

    n = value ? (uint32_t) value->len : NGX_SIO_INFO_MISSING;
    p = ngx_cpymem(p, &n, sizeof(uint32_t));

    if (value) {
        ngx_memcpy(p, value->data, value->len);
    }

    return size;
}


ngx_int_t
ngx_sio_info_get(const ngx_str_t *info, const ngx_str_t *name,
    ngx_str_t *value)
{
    size_t     len;
    u_char    *p, *last, *key;
    uint32_t   n;

    p = info->data;
    last = p + info->len;

    while (p < last) {

        len = *p++;

        if ((size_t) (last - p) < len + sizeof(uint32_t)) {
            return NGX_DECLINED;
        }

        key = p;
        p += len;

        ngx_memcpy(&n, p, sizeof(uint32_t));
        p += sizeof(uint32_t);

        if (n != NGX_SIO_INFO_MISSING && n > (size_t) (last - p)) {
            return NGX_DECLINED;
        }

        if (len == name->len && ngx_memcmp(key, name->data, len) == 0) {

            if (n == NGX_SIO_INFO_MISSING) {
                return NGX_DECLINED;
            }

            value->len = n;
            value->data = p;
            return NGX_OK;
        }

        if (n != NGX_SIO_INFO_MISSING) {
            p += n;
        }
    }

    return NGX_DECLINED;
}
