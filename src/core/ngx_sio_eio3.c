
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Clients of Socket.IO 2 (Engine.IO v3, Socket.IO protocol v4): a namespace is
 * named by a URL, whose query is what later protocols call auth.
 */


#include "ngx_sio_worker.h"


/* as many parameters as the query of a client that means well has, and more:
   duplicates are found by comparing each with all others */
#define NGX_SIO_EIO3_MAX_PARAMS  64


typedef struct {
    ngx_str_t    name;          /* decoded */
    ngx_str_t    value;
} ngx_sio_eio3_param_t;


static ngx_int_t ngx_sio_eio3_path(ngx_pool_t *pool, u_char *p, u_char *last,
    ngx_str_t *nsp);
static ngx_int_t ngx_sio_eio3_query(ngx_pool_t *pool, u_char *p, u_char *last,
    ngx_str_t *auth);
static ngx_int_t ngx_sio_eio3_unescape(ngx_pool_t *pool, u_char *p,
    u_char *last, ngx_str_t *s);
static ngx_int_t ngx_sio_eio3_json(ngx_pool_t *pool,
    ngx_sio_eio3_param_t *params, ngx_uint_t n, ngx_str_t *json);


/* bytes of such a URL: name, "?", and a query that escapes every byte */

uint32_t
ngx_sio_eio3_max_nsp(ngx_sio_server_t *server)
{
    uint64_t  max;

    max = server->packet_limits.max_nsp + 1 + 3 * (uint64_t) server->max_auth;

    return (uint32_t) ngx_min(max, NGX_MAX_INT32_VALUE);
}


/*
 * Of a packet's namespace as it came: the namespace, and an object of strings
 * for auth (empty: no query).  Both from the worker's pool, when they are not
 * the packet's own bytes.  As in Node, new URL() is the grammar.
 *
 * NGX_OK; NGX_DECLINED: not a path, a name that is too long, or too many
 * parameters; NGX_ERROR
 */

ngx_int_t
ngx_sio_eio3_nsp(ngx_sio_client_t *client, ngx_str_t *nsp, ngx_str_t *auth)
{
    u_char      *p, *path, *query, *last;
    ngx_int_t    rc;
    ngx_pool_t  *pool;

    pool = client->worker->pool;

    p = nsp->data;
    last = p + nsp->len;

    while (last > p && last[-1] <= ' ') {
        last--;
    }

    path = p;

    while (p < last && *p != '?' && *p != '#') {
        p++;
    }

    query = p;

    if (query - path > 1
        && (path[1] == '/' || path[1] == '\\'))
    {
        /* the name of a host */
        return NGX_DECLINED;
    }

    if ((size_t) (query - path) > client->worker->server->packet_limits.max_nsp)
    {
        return NGX_DECLINED;
    }

    while (p < last && *p != '#') {
        p++;
    }

    ngx_str_null(auth);

    if (p - query > 1) {
        rc = ngx_sio_eio3_query(pool, query + 1, p, auth);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_sio_eio3_path(pool, path, query, nsp);
}


/* WHATWG URL, path percent-encode set; path state: "." and ".." */

static ngx_int_t
ngx_sio_eio3_path(ngx_pool_t *pool, u_char *p, u_char *last, ngx_str_t *nsp)
{
    u_char      *dst, *start, *segment;
    size_t       len;
    ngx_uint_t   dots, end;

    static u_char  hex[] = "0123456789ABCDEF";

    start = ngx_pnalloc(pool, 3 * (last - p) + 1);
    if (start == NULL) {
        return NGX_ERROR;
    }

    dst = start;
    segment = start;

    for ( ;; ) {

        end = (p == last);

        if (end || *p == '/' || *p == '\\') {

            /* the segment that ends here */

            len = dst - segment;
            dots = 0;

            if (len == 2 && segment[0] == '/' && segment[1] == '.') {
                dots = 1;

            } else if (len == 3 && ngx_memcmp(segment, "/..", 3) == 0) {
                dots = 2;
            }

            if (dots) {
                dst = segment;

                if (dots == 2) {
                    while (dst > start && *--dst != '/') { /* void */ }
                }

                if (end) {
                    *dst++ = '/';
                }
            }

            if (end) {
                break;
            }

            segment = dst;
            *dst++ = '/';
            p++;
            continue;
        }

        if (*p == '\t' || *p == '\n' || *p == '\r') {
            /* void */

        } else if (*p <= ' ' || *p >= 0x7f
                   || ngx_strchr("\"<>`{}", *p) != NULL)
        {
            *dst++ = '%';
            *dst++ = hex[*p >> 4];
            *dst++ = hex[*p & 0x0f];

        } else {
            *dst++ = *p;
        }

        p++;
    }

    nsp->data = start;
    nsp->len = dst - start;

    return NGX_OK;
}


/* of duplicates the last value counts, at the place of the first */

static ngx_int_t
ngx_sio_eio3_query(ngx_pool_t *pool, u_char *p, u_char *last, ngx_str_t *auth)
{
    u_char                *end, *eq;
    ngx_str_t              name, value;
    ngx_uint_t             i, n;
    ngx_sio_eio3_param_t  *params;

    params = ngx_palloc(pool, NGX_SIO_EIO3_MAX_PARAMS
                              * sizeof(ngx_sio_eio3_param_t));
    if (params == NULL) {
        return NGX_ERROR;
    }

    n = 0;

    for ( /* void */ ; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, '&');
        if (end == NULL) {
            end = last;
        }

        if (end == p) {
            continue;
        }

        eq = ngx_strlchr(p, end, '=');
        if (eq == NULL) {
            eq = end;
        }

        if (ngx_sio_eio3_unescape(pool, p, eq, &name) != NGX_OK
            || ngx_sio_eio3_unescape(pool, eq < end ? eq + 1 : end, end,
                                     &value)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        for (i = 0; i < n; i++) {

            if (params[i].name.len == name.len
                && ngx_memcmp(params[i].name.data, name.data, name.len) == 0)
            {
                break;
            }
        }

        if (i == NGX_SIO_EIO3_MAX_PARAMS) {
            return NGX_DECLINED;
        }

        if (i == n) {
            params[n++].name = name;
        }

        params[i].value = value;
    }

    return n ? ngx_sio_eio3_json(pool, params, n, auth) : NGX_OK;
}


/* URLSearchParams: "+" is a space, a bad %XX stays, what is no UTF-8 becomes
   U+FFFD */

static ngx_int_t
ngx_sio_eio3_unescape(ngx_pool_t *pool, u_char *p, u_char *last, ngx_str_t *s)
{
    u_char     *dst, *raw;
    size_t      len;
    ngx_int_t   ch;

    raw = ngx_pnalloc(pool, last - p + 1);
    if (raw == NULL) {
        return NGX_ERROR;
    }

    dst = raw;

    while (p < last) {

        if (*p == '%' && last - p >= 3
            && (ch = ngx_hextoi(p + 1, 2)) != NGX_ERROR)
        {
            *dst++ = (u_char) ch;
            p += 3;
            continue;
        }

        if (*p == '+') {
            *dst++ = ' ';

        } else if (*p != '\t' && *p != '\n' && *p != '\r') {
            *dst++ = *p;
        }

        p++;
    }

    len = dst - raw;

    s->data = raw;
    s->len = len;

    if (sio_utf8_valid(raw, len) == SIO_OK) {
        return NGX_OK;
    }

    s->len = sio_utf8_repair(NULL, raw, len);

    s->data = ngx_pnalloc(pool, s->len);
    if (s->data == NULL) {
        return NGX_ERROR;
    }

    (void) sio_utf8_repair(s->data, raw, len);

    return NGX_OK;
}


static ngx_int_t
ngx_sio_eio3_json(ngx_pool_t *pool, ngx_sio_eio3_param_t *params,
    ngx_uint_t n, ngx_str_t *json)
{
    u_char      *p;
    size_t       len;
    ngx_uint_t   i;

    len = 2;

    for (i = 0; i < n; i++) {
        len += sio_json_string_len(params[i].name.data, params[i].name.len)
               + sio_json_string_len(params[i].value.data,
                                     params[i].value.len)
               + 2;
    }

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    json->data = p;

    for (i = 0; i < n; i++) {
        *p++ = i ? ',' : '{';
        p += sio_json_string_write(p, params[i].name.data,
                                   params[i].name.len);
        *p++ = ':';
        p += sio_json_string_write(p, params[i].value.data,
                                   params[i].value.len);
    }

    *p++ = '}';

    json->len = p - json->data;

    return NGX_OK;
}
