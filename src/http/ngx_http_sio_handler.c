
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The content handler: which request it is, and whether Engine.IO's verify()
 * lets it pass.  The order of the tests is Node's, clients' test suites know
 * it.
 */


#include "ngx_http_sio_module.h"


static ngx_int_t ngx_http_sio_verify(ngx_http_request_t *r,
    ngx_http_sio_ctx_t *ctx);
static ngx_int_t ngx_http_sio_verify_sid(ngx_http_request_t *r,
    ngx_http_sio_ctx_t *ctx);
static ngx_int_t ngx_http_sio_upgrade(ngx_http_request_t *r,
    ngx_http_sio_ctx_t *ctx);
static ngx_uint_t ngx_http_sio_origin_valid(ngx_http_request_t *r);
static ngx_int_t ngx_http_sio_query_arg(void *data, ngx_str_t *name,
    ngx_str_t *value);
static ngx_int_t ngx_http_sio_unescape(ngx_pool_t *pool, u_char *p,
    u_char *last, ngx_str_t *value);


ngx_int_t
ngx_http_sio_handler(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_sio_ctx_t       *ctx;
    ngx_http_sio_loc_conf_t  *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sio_module);
    slcf = slcf->self;

    if (slcf == NULL || r != r->main) {
        /* a subrequest cannot wait for packets */
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_sio_ctx_t));
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->request = r;
    ctx->conf = slcf;
    ngx_http_set_ctx(r, ctx, ngx_http_sio_module);

    /* no answer here is a document with a date */
    r->disable_not_modified = 1;

    ctx->query.form = NGX_SIO_FORM_EIO3;

    rc = ngx_http_sio_args(r->pool, &r->args, ngx_http_sio_query_arg,
                           &ctx->query);
    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* with no "websocket" Node does not listen for upgrades */

    if (slcf->options.websocket && ngx_http_sio_is_upgrade(r)) {
        ctx->upgrade = 1;
        return ngx_http_sio_upgrade(r, ctx);
    }

    if (ngx_http_sio_cors(r, slcf) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_sio_serve(r, slcf);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = ngx_http_sio_verify(r, ctx);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ctx->query.sid.len == 0) {

        if ((ctx->query.form & NGX_SIO_FORM_EIO3) && !slcf->allow_eio3) {
            return ngx_http_sio_send_error(r, NGX_HTTP_SIO_BAD_VERSION);
        }

        if (ctx->query.jsonp == NGX_HTTP_SIO_JSONP_BAD) {
            return ngx_http_sio_send_error(r, NGX_HTTP_SIO_BAD_REQUEST);
        }

        return ngx_http_sio_polling_open(r, ctx);
    }

    if (r->method == NGX_HTTP_GET) {
        return ngx_http_sio_polling_get(r, ctx);
    }

    if (r->method == NGX_HTTP_POST) {
        return ngx_http_sio_polling_post(r, ctx);
    }

    /* the session exists and is polling; Engine.IO v4, Transports */

    return ngx_http_sio_send_empty(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
}


/* Server.verify().  NGX_DECLINED: it passes; else the answer is on its way */

static ngx_int_t
ngx_http_sio_verify(ngx_http_request_t *r, ngx_http_sio_ctx_t *ctx)
{
    ngx_str_t          *transport;
    ngx_uint_t          websocket;
    ngx_sio_options_t  *options;

    options = &ctx->conf->options;
    transport = &ctx->query.transport;

    websocket = (transport->len == 9
                 && ngx_strncmp(transport->data, "websocket", 9) == 0);

    if (websocket ? !options->websocket
                  : (!options->polling
                     || transport->len != 7
                     || ngx_strncmp(transport->data, "polling", 7) != 0))
    {
        return ngx_http_sio_send_error(r, NGX_HTTP_SIO_UNKNOWN_TRANSPORT);
    }

    if (!ngx_http_sio_origin_valid(r)) {
        return ngx_http_sio_send_error(r, NGX_HTTP_SIO_BAD_REQUEST);
    }

    if (ctx->conf->zone->server.worker == NULL) {
        return ngx_http_sio_send_busy(r);
    }

    if (ctx->query.sid.len) {

        if (!ngx_http_sio_origin_allowed(r, ctx->conf)) {
            return ngx_http_sio_send_error(r, NGX_HTTP_SIO_FORBIDDEN);
        }

        if (sio_eio_check_sid(ctx->query.sid.data, ctx->query.sid.len)
            != SIO_OK)
        {
            return ngx_http_sio_send_error(r, NGX_HTTP_SIO_UNKNOWN_SID);
        }

        if (ctx->upgrade) {
            return NGX_DECLINED;
        }

        /* GET and POST look the session up when they take their role */

        if (!websocket && (r->method & (NGX_HTTP_GET|NGX_HTTP_POST))) {
            return NGX_DECLINED;
        }

        return ngx_http_sio_verify_sid(r, ctx);
    }

    if (r->method != NGX_HTTP_GET) {
        return ngx_http_sio_send_error(r, NGX_HTTP_SIO_BAD_METHOD);
    }

    if (websocket && !ctx->upgrade) {
        return ngx_http_sio_send_error(r, NGX_HTTP_SIO_BAD_REQUEST);
    }

    /* where Node asks allowRequest(), but it does so of handshakes only */

    if (!ngx_http_sio_origin_allowed(r, ctx->conf)) {
        return ngx_http_sio_send_error(r, NGX_HTTP_SIO_FORBIDDEN);
    }

    return NGX_DECLINED;
}


/* the odd ones among requests with a sid that are no upgrades */

static ngx_int_t
ngx_http_sio_verify_sid(ngx_http_request_t *r, ngx_http_sio_ctx_t *ctx)
{
    ngx_int_t                rc;
    ngx_sio_worker_t        *worker;
    ngx_sio_session_info_t   info;

    worker = ctx->conf->zone->server.worker;

    rc = ngx_sio_session_find(ngx_sio_worker_zone(worker),
                              ctx->query.sid.data, &info);

    if (rc == NGX_ABORT) {
        return ngx_http_sio_send_busy(r);
    }

    if (rc != NGX_OK) {
        return ngx_http_sio_send_error(r, NGX_HTTP_SIO_UNKNOWN_SID);
    }

    /* "websocket" without an upgrade never has what it names */

    if (((info.form ^ ctx->query.form) & NGX_SIO_FORM_EIO3)
        || info.websocket
        || ctx->query.transport.data[0] == 'w')
    {
        return ngx_http_sio_send_error(r, NGX_HTTP_SIO_BAD_REQUEST);
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_sio_upgrade(ngx_http_request_t *r, ngx_http_sio_ctx_t *ctx)
{
    ngx_int_t                rc;
    ngx_uint_t               reject;
    ngx_sio_worker_t        *worker;
    ngx_sio_session_info_t   info;

    rc = ngx_http_sio_verify(r, ctx);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    reject = (ctx->query.transport.data[0] == 'p');

    if (ctx->query.sid.len == 0) {
        return ngx_http_sio_websocket_handler(r, ctx, NULL, reject);
    }

    worker = ctx->conf->zone->server.worker;

    rc = ngx_sio_session_find(ngx_sio_worker_zone(worker),
                              ctx->query.sid.data, &info);

    if (rc == NGX_ABORT) {
        return ngx_http_sio_send_busy(r);
    }

    if (rc != NGX_OK) {
        return ngx_http_sio_send_error(r, NGX_HTTP_SIO_UNKNOWN_SID);
    }

    if ((info.form ^ ctx->query.form) & NGX_SIO_FORM_EIO3) {
        return ngx_http_sio_send_error(r, NGX_HTTP_SIO_BAD_REQUEST);
    }

    return ngx_http_sio_websocket_handler(r, ctx, &info, reject);
}


static ngx_uint_t
ngx_http_sio_origin_valid(ngx_http_request_t *r)
{
    size_t            i;
    u_char            ch;
    ngx_table_elt_t  *h;

    h = ngx_http_sio_get_header(r, "origin");

    if (h == NULL) {
        return 1;
    }

    for (i = 0; i < h->value.len; i++) {
        ch = h->value.data[i];

        if ((ch < 0x20 && ch != '\t') || ch == 0x7f) {
            return 0;
        }
    }

    return 1;
}


/* RFC 9110, 7.8: both "Upgrade" and "Connection: upgrade" */

ngx_uint_t
ngx_http_sio_is_upgrade(ngx_http_request_t *r)
{
    u_char           *p, *last;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    if (r->headers_in.upgrade == NULL
        || r->http_version > NGX_HTTP_VERSION_11)
    {
        return 0;
    }

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return 0;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len != 10
            || ngx_strncmp(h[i].lowcase_key, "connection", 10) != 0)
        {
            continue;
        }

        p = h[i].value.data;
        last = p + h[i].value.len;

        while (p < last) {

            while (p < last && (*p == ' ' || *p == '\t' || *p == ',')) {
                p++;
            }

            if (last - p >= 7
                && ngx_strncasecmp(p, (u_char *) "upgrade", 7) == 0
                && (last - p == 7
                    || p[7] == ',' || p[7] == ' ' || p[7] == '\t'))
            {
                return 1;
            }

            while (p < last && *p != ',') {
                p++;
            }
        }
    }
}


u_char *
ngx_http_sio_address(ngx_http_request_t *r,
    u_char address[NGX_SIO_ADDRESS_LEN])
{
    struct sockaddr      *sa;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    sa = r->connection->sockaddr;

    ngx_memzero(address, NGX_SIO_ADDRESS_LEN);
    address[0] = (u_char) sa->sa_family;

    switch (sa->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;

        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            address[0] = AF_INET;
            ngx_memcpy(address + 8, &sin6->sin6_addr.s6_addr[12], 4);

        } else {
            ngx_memcpy(address + 8, &sin6->sin6_addr, 8);
        }

        return address;
#endif

    case AF_INET:
        sin = (struct sockaddr_in *) sa;
        ngx_memcpy(address + 8, &sin->sin_addr, 4);
        return address;

    default:
        return NULL;
    }
}


ngx_table_elt_t *
ngx_http_sio_header_in(ngx_http_request_t *r, const char *name, size_t len)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == len
                && ngx_strncmp(h[i].lowcase_key, name, len) == 0)
            {
                return &h[i];
            }
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_sio_query_arg(void *data, ngx_str_t *name, ngx_str_t *value)
{
    ngx_http_sio_query_t *query = data;

    /* the last one wins */

    if (name->len == 3 && ngx_strncmp(name->data, "EIO", 3) == 0) {
        query->form |= NGX_SIO_FORM_EIO3;

        if (value->len == 1 && value->data[0] == '4') {
            query->form &= ~NGX_SIO_FORM_EIO3;
        }

    } else if (name->len == 3 && ngx_strncmp(name->data, "b64", 3) == 0) {
        query->form &= ~NGX_SIO_FORM_B64;

        if (value->len) {
            query->form |= NGX_SIO_FORM_B64;
        }

    } else if (name->len == 3 && ngx_strncmp(name->data, "sid", 3) == 0) {
        query->sid = *value;

    } else if (name->len == 9 && ngx_strncmp(name->data, "transport", 9) == 0)
    {
        query->transport = *value;

    } else if (name->len == 1 && name->data[0] == 'j') {
        query->jsonp = ngx_http_sio_jsonp_index(value);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_args(ngx_pool_t *pool, ngx_str_t *args,
    ngx_http_sio_arg_pt handler, void *data)
{
    u_char     *p, *end, *last, *eq;
    ngx_int_t   rc;
    ngx_str_t   name, value;

    if (args->len == 0) {
        /* data may be NULL */
        return NGX_OK;
    }

    p = args->data;
    last = p + args->len;

    while (p < last) {

        end = ngx_strlchr(p, last, '&');
        if (end == NULL) {
            end = last;
        }

        if (end == p) {
            p++;
            continue;
        }

        eq = ngx_strlchr(p, end, '=');
        if (eq == NULL) {
            eq = end;
        }

        if (ngx_http_sio_unescape(pool, p, eq, &name) != NGX_OK
            || ngx_http_sio_unescape(pool, (eq < end) ? eq + 1 : end, end,
                                     &value)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        rc = handler(data, &name, &value);
        if (rc != NGX_OK) {
            return rc;
        }

        p = end + 1;
    }

    return NGX_OK;
}


/* as URLSearchParams does: "+" is a space, a bad %XX stays as it is */

static ngx_int_t
ngx_http_sio_unescape(ngx_pool_t *pool, u_char *p, u_char *last,
    ngx_str_t *value)
{
    u_char     *dst;
    ngx_int_t   ch;

    value->data = p;
    value->len = last - p;

    while (p < last && *p != '%' && *p != '+') {
        p++;
    }

    if (p == last) {
        return NGX_OK;
    }

    dst = ngx_pnalloc(pool, value->len);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    p = value->data;
    value->data = dst;

    while (p < last) {

        if (*p == '+') {
            *dst++ = ' ';
            p++;

        } else if (*p == '%' && last - p >= 3
                   && (ch = ngx_hextoi(p + 1, 2)) != NGX_ERROR)
        {
            *dst++ = (u_char) ch;
            p += 3;

        } else {
            *dst++ = *p++;
        }
    }

    value->len = dst - value->data;

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_watch(ngx_http_request_t *r)
{
    ngx_event_t  *rev;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    if (r->http_version >= NGX_HTTP_VERSION_20) {
        /* a stream: its connection hears of a reset */
        return NGX_OK;
    }

    rev = r->connection->read;

    if (rev->timer_set) {
        ngx_del_timer(rev);
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    if (rev->ready && !rev->posted) {
        /* the end may have come with the header: there is no second event */
        ngx_post_event(rev, &ngx_posted_events);
    }

    return NGX_OK;
}
