
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What a hook is told in headers.
 */


#include "ngx_http_sio_hook.h"


#define NGX_HTTP_SIO_HOOK_HEADERS  8192     /* bytes of Sio-... in all */


typedef struct {
    ngx_list_t                *headers;
    ngx_pool_t                *pool;
    size_t                     size;        /* bytes so far */
    u_char                    *omitted;     /* names */
    u_char                    *last;
} ngx_http_sio_hook_headers_t;


static ngx_int_t ngx_http_sio_hook_header(ngx_http_sio_hook_headers_t *h,
    const char *name, const ngx_str_t *value, ngx_uint_t must);


ngx_int_t
ngx_http_sio_hook_describe(ngx_http_request_t *r, ngx_sio_hook_t *hook,
    ngx_http_sio_loc_conf_t *slcf)
{
    u_char                       names[256];
    ngx_str_t                    type, value, *server;
    ngx_list_t                  *headers;
    ngx_sio_call_t              *call;
    ngx_http_sio_hook_headers_t  h;

    call = &hook->call;
    headers = &r->headers_in.headers;

    ngx_str_set(&value, "application/json");

    r->headers_in.content_type = ngx_http_sio_hook_push(headers,
                                                        "Content-Type",
                                                        &value, r->pool);

    value.data = ngx_pnalloc(r->pool, NGX_SIZE_T_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "%uz", hook->body.len) - value.data;

    r->headers_in.content_length = ngx_http_sio_hook_push(headers,
                                                          "Content-Length",
                                                          &value, r->pool);

    server = r->headers_in.server.len ? &r->headers_in.server : &value;

    if (server == &value) {
        ngx_str_set(&value, "localhost");
    }

    r->headers_in.host = ngx_http_sio_hook_push(headers, "Host", server,
                                                r->pool);

    if (r->headers_in.content_type == NULL
        || r->headers_in.content_length == NULL
        || r->headers_in.host == NULL)
    {
        return NGX_ERROR;
    }

    if (slcf->hook_secrets
        && ngx_http_sio_hook_sign(r, hook, slcf->hook_secrets) != NGX_OK)
    {
        return NGX_ERROR;
    }

    h.headers = headers;
    h.pool = r->pool;
    h.size = 0;
    h.omitted = names;
    h.last = names;

    ngx_sio_hook_type(hook, &type);

    if (ngx_http_sio_hook_header(&h, "Sio-Type", &type, 1) != NGX_OK
        || ngx_http_sio_hook_header(&h, "Sio-Nsp", &call->nsp, 1) != NGX_OK
        || ngx_http_sio_hook_header(&h, "Sio-Id", &call->id, 1) != NGX_OK
        || ngx_http_sio_hook_header(&h, "Sio-Event", &call->event, 0)
           != NGX_OK
        || ngx_http_sio_hook_header(&h, "Sio-Reason", &call->reason, 0)
           != NGX_OK
        || ngx_http_sio_hook_header(&h, "Sio-Error", &call->error, 0)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&value, "1");

    if (call->ack.len
        && ngx_http_sio_hook_header(&h, "Sio-Ack", &value, 1) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (call->nattachments) {

        value.data = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
        if (value.data == NULL) {
            return NGX_ERROR;
        }

        value.len = ngx_sprintf(value.data, "%ui", call->nattachments)
                    - value.data;

        if (ngx_http_sio_hook_header(&h, "Sio-Attachments", &value, 1)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (hook->lane) {

        value.data = ngx_pnalloc(r->pool, NGX_INT64_LEN);
        if (value.data == NULL) {
            return NGX_ERROR;
        }

        value.len = ngx_sprintf(value.data, "%uL", hook->seq) - value.data;

        if (ngx_http_sio_hook_header(&h, "Sio-Seq", &value, 1) != NGX_OK
            || ngx_http_sio_hook_header(&h, "Sio-Room", &hook->room, 0)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_http_sio_hook_header(&h, "Sio-User", &hook->user, 0) != NGX_OK
        || ngx_http_sio_hook_header(&h, "Sio-Data", &hook->data, 0) != NGX_OK
        || ngx_http_sio_hook_header(&h, "Sio-Rooms", &hook->rooms, 0) != NGX_OK
        || ngx_http_sio_hook_header(&h, "Sio-Handshake", &hook->handshake, 0)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (h.last != names) {
        value.data = names;
        value.len = h.last - names;

        return ngx_http_sio_hook_header(&h, "Sio-Omitted", &value, 1);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_hook_header(ngx_http_sio_hook_headers_t *h, const char *name,
    const ngx_str_t *value, ngx_uint_t must)
{
    ngx_str_t  s;

    if (value->len == 0) {
        return NGX_OK;
    }

    if (ngx_http_sio_hook_escape(h->pool, value, &s) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!must && h->size + s.len > NGX_HTTP_SIO_HOOK_HEADERS) {

        if (h->last != h->omitted) {
            h->last = ngx_cpymem(h->last, ", ", 2);
        }

        h->last = ngx_cpymem(h->last, name, ngx_strlen(name));

        return NGX_OK;
    }

    h->size += s.len;

    return ngx_http_sio_hook_push(h->headers, name, &s, h->pool)
           ? NGX_OK : NGX_ERROR;
}


/*
 * Control bytes and "%" as %XX: a client's names and values end no header.
 * Bytes of UTF-8, too: of them every backend has another idea (RFC 9110, 5.5)
 */

#define ngx_http_sio_hook_escapes(c)                                          \
    ((c) < ' ' || (c) == '%' || (c) >= 0x7f)


ngx_int_t
ngx_http_sio_hook_escape(ngx_pool_t *pool, const ngx_str_t *value,
    ngx_str_t *escaped)
{
    u_char  *p;
    size_t   i, n;

    static u_char  hex[] = "0123456789ABCDEF";

    n = 0;

    for (i = 0; i < value->len; i++) {
        n += ngx_http_sio_hook_escapes(value->data[i]);
    }

    p = ngx_pnalloc(pool, value->len + 2 * n);
    if (p == NULL) {
        return NGX_ERROR;
    }

    escaped->data = p;

    for (i = 0; i < value->len; i++) {

        if (ngx_http_sio_hook_escapes(value->data[i])) {
            *p++ = '%';
            *p++ = hex[value->data[i] >> 4];
            *p++ = hex[value->data[i] & 0xf];

        } else {
            *p++ = value->data[i];
        }
    }

    escaped->len = p - escaped->data;

    return NGX_OK;
}


ngx_table_elt_t *
ngx_http_sio_hook_push(ngx_list_t *headers, const char *name,
    ngx_str_t *value, ngx_pool_t *pool)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(headers);
    if (h == NULL) {
        return NULL;
    }

    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;

    h->lowcase_key = ngx_pnalloc(pool, h->key.len);
    if (h->lowcase_key == NULL) {
        return NULL;
    }

    h->hash = ngx_hash_strlow(h->lowcase_key, h->key.data, h->key.len);

#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return h;
}
