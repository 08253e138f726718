
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The WebSocket handshake (RFC 6455, 4.2), and how the connection leaves its
 * request: a request costs 9.8 KB for as long as it lives, the connection
 * alone a tenth of that.
 */


#include "ngx_http_sio_module.h"
#include "ngx_http_sio_ws.h"

#include <ngx_sha1.h>


typedef struct {
    ngx_http_sio_ws_t       *ws;
    ngx_sio_server_t        *server;
    ngx_sio_session_info_t   session;
    unsigned                 candidate:1;
} ngx_http_sio_upgrade_t;


static ngx_int_t ngx_http_sio_websocket_check(ngx_http_request_t *r,
    ngx_str_t *key, ngx_str_t *protocol);
static ngx_int_t ngx_http_sio_websocket_key(ngx_table_elt_t *h);
static ngx_int_t ngx_http_sio_websocket_protocol(ngx_table_elt_t *h,
    ngx_str_t *protocol);
static ngx_int_t ngx_http_sio_websocket_open(ngx_http_request_t *r,
    ngx_http_sio_ctx_t *ctx, ngx_sio_session_info_t *session,
    ngx_uint_t reject, ngx_http_sio_agreed_t *agreed,
    ngx_http_sio_upgrade_t *up);
static ngx_int_t ngx_http_sio_websocket_headers(ngx_http_request_t *r,
    ngx_http_sio_ctx_t *ctx, ngx_str_t *key, ngx_str_t *protocol,
    ngx_str_t *extensions);
static void ngx_http_sio_websocket_detach(ngx_http_request_t *r);
static void ngx_http_sio_websocket_free(ngx_connection_t *c,
    ngx_http_connection_t *hc);
static void ngx_http_sio_websocket_cleanup(void *data);


ngx_int_t
ngx_http_sio_websocket_handler(ngx_http_request_t *r, ngx_http_sio_ctx_t *ctx,
    ngx_sio_session_info_t *session, ngx_uint_t reject)
{
    ngx_int_t                rc;
    ngx_str_t                key, protocol, extensions;
    ngx_uint_t               bad_version;
    ngx_connection_t        *c;
    ngx_http_cleanup_t      *cln;
    ngx_http_sio_agreed_t    agreed;
    ngx_http_sio_upgrade_t  *up;

    static ngx_str_t  bad_extensions =
        ngx_string("Invalid or unacceptable Sec-WebSocket-Extensions header");

    c = r->connection;

    ngx_str_null(&key);
    ngx_str_null(&protocol);

    rc = ngx_http_sio_websocket_check(r, &key, &protocol);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    ngx_str_null(&extensions);

    if (ctx->conf->per_message_deflate) {

        rc = ngx_http_sio_ws_negotiate(r, ctx->conf->per_message_deflate,
                                       &extensions, &agreed);

        if (rc == NGX_DECLINED) {
            return ngx_http_sio_send_text(r, NGX_HTTP_BAD_REQUEST,
                                          &bad_extensions);
        }

        if (rc != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    /* as in Node, this comes behind the 101 */

    bad_version = (session == NULL && !reject && !ctx->conf->allow_eio3
                   && (ctx->query.form & NGX_SIO_FORM_EIO3));

    if (ngx_exiting) {
        /* nobody would close it any more */
        return ngx_http_sio_send_busy(r);
    }

    cln = ngx_http_cleanup_add(r, sizeof(ngx_http_sio_upgrade_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    up = cln->data;
    ngx_memzero(up, sizeof(ngx_http_sio_upgrade_t));
    cln->handler = ngx_http_sio_websocket_cleanup;

    up->server = &ctx->conf->zone->server;

    rc = ngx_http_sio_websocket_open(r, ctx, reject ? NULL : session,
                                     reject || bad_version,
                                     (extensions.len && !bad_version)
                                     ? &agreed : NULL, up);

    if (rc == NGX_BUSY) {
        return ngx_http_sio_send_busy(r);
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_sio_send_error(r, NGX_HTTP_SIO_TOO_MANY);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    up->ws->reject = reject || bad_version;
    up->ws->bad_version = bad_version;

    if (ngx_http_sio_websocket_headers(r, ctx, &key, &protocol, &extensions)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->keepalive = 0;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return rc;
    }

    rc = ngx_http_send_special(r, NGX_HTTP_FLUSH);

    if (rc == NGX_ERROR) {
        return rc;
    }

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    /* when nginx is done with this request's phases */

    ctx->upgrade = 0;
    ngx_http_set_ctx(r, up, ngx_http_sio_module);

    r->main->count++;
    r->read_event_handler = ngx_http_request_empty_handler;
    r->write_event_handler = ngx_http_sio_websocket_detach;

    if (ngx_http_post_request(r, NULL) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_DONE;
}


/*
 * The tests of ws, the library, in its order.  NGX_DECLINED: all is well
 */

static ngx_int_t
ngx_http_sio_websocket_check(ngx_http_request_t *r, ngx_str_t *key,
    ngx_str_t *protocol)
{
    ngx_str_t        *value;
    ngx_table_elt_t  *h;

    static ngx_str_t  bad_method = ngx_string("Invalid HTTP method");
    static ngx_str_t  bad_upgrade = ngx_string("Invalid Upgrade header");
    static ngx_str_t  bad_key =
                   ngx_string("Missing or invalid Sec-WebSocket-Key header");
    static ngx_str_t  bad_version =
               ngx_string("Missing or invalid Sec-WebSocket-Version header");
    static ngx_str_t  bad_protocol =
                          ngx_string("Invalid Sec-WebSocket-Protocol header");
    static ngx_str_t  versions = ngx_string("13, 8");

    if (r->method != NGX_HTTP_GET) {
        return ngx_http_sio_send_text(r, NGX_HTTP_NOT_ALLOWED, &bad_method);
    }

    value = &r->headers_in.upgrade->value;

    if (value->len != 9
        || ngx_strncasecmp(value->data, (u_char *) "websocket", 9) != 0
        || r->http_version != NGX_HTTP_VERSION_11)
    {
        return ngx_http_sio_send_text(r, NGX_HTTP_BAD_REQUEST, &bad_upgrade);
    }

    h = ngx_http_sio_get_header(r, "sec-websocket-key");

    if (ngx_http_sio_websocket_key(h) != NGX_OK) {
        return ngx_http_sio_send_text(r, NGX_HTTP_BAD_REQUEST, &bad_key);
    }

    *key = h->value;

    h = ngx_http_sio_get_header(r, "sec-websocket-version");

    if (h == NULL
        || !((h->value.len == 2 && ngx_strncmp(h->value.data, "13", 2) == 0)
             || (h->value.len == 1 && h->value.data[0] == '8')))
    {
        if (ngx_http_sio_set_header(r, "Sec-WebSocket-Version", &versions)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_sio_send_text(r, NGX_HTTP_BAD_REQUEST, &bad_version);
    }

    h = ngx_http_sio_get_header(r, "sec-websocket-protocol");

    if (h && ngx_http_sio_websocket_protocol(h, protocol) != NGX_OK) {
        return ngx_http_sio_send_text(r, NGX_HTTP_BAD_REQUEST, &bad_protocol);
    }

    return NGX_DECLINED;
}


/* RFC 6455, 4.1: base64 of 16 bytes */

static ngx_int_t
ngx_http_sio_websocket_key(ngx_table_elt_t *h)
{
    u_char      ch;
    ngx_uint_t  i;

    if (h == NULL || h->value.len != 24
        || h->value.data[22] != '=' || h->value.data[23] != '=')
    {
        return NGX_DECLINED;
    }

    for (i = 0; i < 22; i++) {
        ch = h->value.data[i];

        if ((ch < 'a' || ch > 'z') && (ch < 'A' || ch > 'Z')
            && (ch < '0' || ch > '9') && ch != '+' && ch != '/')
        {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


/* tokens of RFC 9110 with commas between; the first is taken */

static ngx_int_t
ngx_http_sio_websocket_protocol(ngx_table_elt_t *h, ngx_str_t *protocol)
{
    u_char      *p, *last, *start;
    ngx_uint_t   token;

    p = h->value.data;
    last = p + h->value.len;

    for ( ;; ) {

        while (p < last && (*p == ' ' || *p == '\t')) {
            p++;
        }

        start = p;

        while (p < last && *p > 0x20 && *p < 0x7f
               && ngx_strchr("()<>@,;:\\\"/[]?={}", *p) == NULL)
        {
            p++;
        }

        token = (p != start);

        if (token && protocol->data == NULL) {
            protocol->data = start;
            protocol->len = p - start;
        }

        while (p < last && (*p == ' ' || *p == '\t')) {
            p++;
        }

        if (!token) {
            return NGX_DECLINED;
        }

        if (p == last) {
            return NGX_OK;
        }

        if (*p++ != ',') {
            return NGX_DECLINED;
        }
    }
}


/* before the 101, so that a full zone can still be said */

static ngx_int_t
ngx_http_sio_websocket_open(ngx_http_request_t *r, ngx_http_sio_ctx_t *ctx,
    ngx_sio_session_info_t *session, ngx_uint_t reject,
    ngx_http_sio_agreed_t *agreed, ngx_http_sio_upgrade_t *up)
{
    u_char                     address[NGX_SIO_ADDRESS_LEN];
    ngx_str_t                  info;
    ngx_sio_options_t         *options;
    ngx_http_core_loc_conf_t  *clcf;

    options = NULL;

    if (session) {
        up->session = *session;
        up->candidate = 1;

        options = ngx_sio_options_lookup(up->server, session->location);
    }

    if (options == NULL) {
        options = &ctx->conf->options;
    }

    up->ws = ngx_http_sio_ws_create(up->server->worker, options,
                                    ngx_cycle->log);
    if (up->ws == NULL) {
        return NGX_ERROR;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    up->ws->send_timeout = (uint32_t) clcf->send_timeout;

    up->ws->conn.form = ctx->query.form;

#if (NGX_SIO_HAVE_ZLIB)

    if (agreed) {
        up->ws->parser.deflate = 1;

        if (ngx_sio_conn_deflate(&up->ws->conn, &agreed->form,
                                 agreed->deflates, agreed->inflates)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

#endif

    if (session || reject) {
        return NGX_OK;
    }

    if (ngx_http_sio_capture(r, ctx->conf, &info) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_sio_conn_open(&up->ws->conn, &info,
                             ngx_http_sio_address(r, address));
}


static ngx_int_t
ngx_http_sio_websocket_headers(ngx_http_request_t *r, ngx_http_sio_ctx_t *ctx,
    ngx_str_t *key, ngx_str_t *protocol, ngx_str_t *extensions)
{
    u_char      digest[20];
    ngx_str_t   hash, accept;
    ngx_sha1_t  sha1;

    static ngx_str_t  websocket = ngx_string("websocket");

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, key->data, key->len);
    ngx_sha1_update(&sha1, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", 36);
    ngx_sha1_final(digest, &sha1);

    hash.data = digest;
    hash.len = 20;

    accept.data = ngx_pnalloc(r->pool, ngx_base64_encoded_length(20));
    if (accept.data == NULL) {
        return NGX_ERROR;
    }

    ngx_encode_base64(&accept, &hash);

    /* "Connection: upgrade" is nginx's */

    if (ngx_http_sio_set_header(r, "Upgrade", &websocket) != NGX_OK
        || ngx_http_sio_set_header(r, "Sec-WebSocket-Accept", &accept)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (protocol->len
        && ngx_http_sio_set_header(r, "Sec-WebSocket-Protocol", protocol)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (extensions->len
        && ngx_http_sio_set_header(r, "Sec-WebSocket-Extensions", extensions)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_sio_cors(r, ctx->conf) != NGX_OK) {
        return NGX_ERROR;
    }

    r->headers_out.status = NGX_HTTP_SWITCHING_PROTOCOLS;
    ngx_str_set(&r->headers_out.status_line, "101 Switching Protocols");
    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);

    return NGX_OK;
}


/*
 * The 101 is out: the request goes, the connection stays.  The steps are
 * those of nginx's own keepalive.
 */

static void
ngx_http_sio_websocket_detach(ngx_http_request_t *r)
{
    u_char                  *p;
    size_t                   len;
    ngx_int_t                rc;
    ngx_event_t             *wev;
    ngx_connection_t        *c;
    ngx_http_sio_ws_t       *ws;
    ngx_http_connection_t   *hc;
    ngx_sio_session_info_t   session;
    ngx_http_sio_upgrade_t  *up;

    c = r->connection;
    wev = c->write;
    up = ngx_http_get_module_ctx(r, ngx_http_sio_module);
    ws = up->ws;

    if (wev->timedout) {
        c->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (r->out || c->buffered) {

        if (ngx_http_output_filter(r, NULL) == NGX_ERROR) {
            ngx_http_finalize_request(r, NGX_ERROR);
            return;
        }

        if (r->out || c->buffered) {
            ngx_add_timer(wev, ws->send_timeout);

            if (ngx_handle_write_event(wev, 0) != NGX_OK) {
                ngx_http_finalize_request(r, NGX_ERROR);
            }

            return;
        }
    }

    if (wev->timer_set) {
        ngx_del_timer(wev);
    }

    if (ngx_tcp_nodelay(c) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    /* a client may send frames right behind the handshake */

    len = r->header_in->last - r->header_in->pos;
    p = r->header_in->pos;

    rc = ngx_http_sio_ws_attach(ws, c, p, len);

    if (rc != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    up->ws = NULL;

    if (up->candidate) {
        session = up->session;

        if (ngx_sio_conn_candidate(&ws->conn, &session) != NGX_OK) {
            ws->reject = 1;
        }
    }

    hc = r->http_connection;

    ngx_http_free_request(r, 0);

    ngx_http_sio_websocket_free(c, hc);

    c->log->action = "handling WebSocket";

    /* the rest waits for the connection's own event, which is posted */
}


/* as ngx_http_set_keepalive() does */

static void
ngx_http_sio_websocket_free(ngx_connection_t *c, ngx_http_connection_t *hc)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl, *ln;

    b = c->buffer;

    if (ngx_pfree(c->pool, b->start) == NGX_OK) {
        b->pos = NULL;

    } else {
        b->pos = b->start;
        b->last = b->start;
    }

    for (cl = hc->free; cl; /* void */) {
        ln = cl;
        cl = cl->next;
        ngx_pfree(c->pool, ln->buf->start);
        ngx_free_chain(c->pool, ln);
    }

    hc->free = NULL;

    for (cl = hc->busy; cl; /* void */) {
        ln = cl;
        cl = cl->next;
        ngx_pfree(c->pool, ln->buf->start);
        ngx_free_chain(c->pool, ln);
    }

    hc->busy = NULL;
    hc->nbusy = 0;

#if (NGX_HTTP_SSL)
    if (c->ssl) {
        ngx_ssl_free_buffer(c);
    }
#endif
}


static void
ngx_http_sio_websocket_cleanup(void *data)
{
    ngx_http_sio_upgrade_t *up = data;

    if (up->ws) {
        ngx_http_sio_ws_destroy(up->ws);
        up->ws = NULL;
    }
}
