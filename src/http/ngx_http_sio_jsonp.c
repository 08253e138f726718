
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * JSONP: long-polling of browsers without cross-origin requests.  A GET is
 * answered with a script, a POST is a form (engine.io, polling-jsonp).
 */


#include "ngx_http_sio_module.h"


#define NGX_HTTP_SIO_JSONP_DIGITS  9

#define NGX_HTTP_SIO_JSONP_HEAD    "___eio["
#define NGX_HTTP_SIO_JSONP_FOOT    ");"


typedef struct {
    ngx_str_t   payload;
    ngx_uint_t  count;
} ngx_http_sio_jsonp_form_t;


static u_char *ngx_http_sio_jsonp_line(u_char *p, u_char *last);
static ngx_int_t ngx_http_sio_jsonp_field(void *data, ngx_str_t *name,
    ngx_str_t *value);


uint32_t
ngx_http_sio_jsonp_index(ngx_str_t *j)
{
    size_t      i;
    uint32_t    index;
    ngx_uint_t  digits;

    index = 1;
    digits = 0;

    for (i = 0; i < j->len; i++) {

        if (j->data[i] < '0' || j->data[i] > '9') {
            continue;
        }

        if (++digits > NGX_HTTP_SIO_JSONP_DIGITS) {
            return NGX_HTTP_SIO_JSONP_BAD;
        }

        index = index * 10 + (j->data[i] - '0');
    }

    return index;
}


ngx_int_t
ngx_http_sio_jsonp_write(ngx_pool_t *pool, uint32_t jsonp, ngx_str_t *payload)
{
    u_char  *p, *src, *last, *line;
    u_char   digits[NGX_INT32_LEN];
    size_t   n, len;

    n = ngx_sprintf(digits, "%uD", jsonp) - digits - 1;

    len = sizeof(NGX_HTTP_SIO_JSONP_HEAD) + n + sizeof("](\"\"")
          + sio_json_escape_len(payload->data, payload->len)
          + sizeof(NGX_HTTP_SIO_JSONP_FOOT);

    src = payload->data;
    last = src + payload->len;

    for (p = src; ; p = line + 3) {

        line = ngx_http_sio_jsonp_line(p, last);
        if (line == last) {
            break;
        }

        len += sizeof("\\u2028") - 1 - 3;
    }

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    payload->data = p;

    p = ngx_cpymem(p, NGX_HTTP_SIO_JSONP_HEAD,
                   sizeof(NGX_HTTP_SIO_JSONP_HEAD) - 1);
    p = ngx_cpymem(p, digits + 1, n);
    p = ngx_cpymem(p, "](\"", 3);

    for ( ;; ) {

        line = ngx_http_sio_jsonp_line(src, last);
        p += sio_json_escape_write(p, src, line - src);

        if (line == last) {
            break;
        }

        p = ngx_cpymem(p, "\\u202", 5);
        *p++ = (line[2] == 0xa8) ? '8' : '9';
        src = line + 3;
    }

    *p++ = '"';
    p = ngx_cpymem(p, NGX_HTTP_SIO_JSONP_FOOT,
                   sizeof(NGX_HTTP_SIO_JSONP_FOOT) - 1);

    payload->len = p - payload->data;

    return NGX_OK;
}


/* the next U+2028 or U+2029: JSON may have them, JavaScript of old may not */

static u_char *
ngx_http_sio_jsonp_line(u_char *p, u_char *last)
{
    for ( /* void */ ; last - p >= 3; p++) {

        p = ngx_strlchr(p, last, 0xe2);

        if (p == NULL || last - p < 3) {
            break;
        }

        if (p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9)) {
            return p;
        }
    }

    return last;
}


/*
 * The form has one field, "d".  A browser that submits a form makes "\r\n" of
 * each new line: the client writes "\n" for one, and "\\n" for those two
 * characters.
 */

ngx_int_t
ngx_http_sio_jsonp_read(ngx_pool_t *pool, ngx_str_t *form, ngx_str_t *payload)
{
    u_char                     *p, *dst, *last;
    ngx_http_sio_jsonp_form_t   ctx;

    ngx_memzero(&ctx, sizeof(ngx_http_sio_jsonp_form_t));

    if (ngx_http_sio_args(pool, form, ngx_http_sio_jsonp_field, &ctx)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* of more than one, Node makes an array and reads none */

    if (ctx.count != 1) {
        return NGX_DECLINED;
    }

    p = ctx.payload.data;
    last = p + ctx.payload.len;
    dst = p;

    *payload = ctx.payload;

    while (p < last) {

        if (last - p >= 3 && p[0] == '\\' && p[1] == '\\' && p[2] == 'n') {
            *dst++ = '\\';
            *dst++ = 'n';
            p += 3;

        } else if (last - p >= 2 && p[0] == '\\' && p[1] == 'n') {
            *dst++ = '\n';
            p += 2;

        } else {
            *dst++ = *p++;
        }
    }

    payload->len = dst - payload->data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_jsonp_field(void *data, ngx_str_t *name, ngx_str_t *value)
{
    ngx_http_sio_jsonp_form_t *form = data;

    if (name->len == 1 && name->data[0] == 'd') {
        form->payload = *value;
        form->count++;
    }

    return NGX_OK;
}
