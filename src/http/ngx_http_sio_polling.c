
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * HTTP long-polling: the handshake, GET and POST.  Engine.IO v4, Transports,
 * HTTP long-polling.
 *
 * The body of a POST is read unbuffered and by ourselves, because one that is
 * too large must be answered 413 without a body and must not end the session,
 * and one that is not whole must end it.
 */


#include "ngx_http_sio_module.h"


#define NGX_HTTP_SIO_BODY_FIRST  4096


static ngx_int_t ngx_http_sio_polling_body(ngx_http_request_t *r,
    ngx_http_sio_ctx_t *ctx, ngx_str_t *payload);
static void ngx_http_sio_polling_compressed(ngx_http_request_t *r,
    ngx_str_t *body);
static ngx_int_t ngx_http_sio_polling_headers(ngx_http_request_t *r,
    ngx_http_sio_ctx_t *ctx);
static ngx_int_t ngx_http_sio_polling_cookie(ngx_http_request_t *r,
    ngx_http_sio_ctx_t *ctx, u_char *sid);
static ngx_int_t ngx_http_sio_polling_send(ngx_http_request_t *r,
    ngx_http_sio_ctx_t *ctx, ngx_str_t *payload, uint32_t jsonp,
    ngx_uint_t compress);
static void ngx_http_sio_polling_answer(ngx_sio_park_t *park,
    ngx_str_t *payload, ngx_pool_t *pool);
static void ngx_http_sio_polling_closed(ngx_sio_post_t *post);
static void ngx_http_sio_polling_cleanup(void *data);
static void ngx_http_sio_body_init(ngx_http_request_t *r);
static void ngx_http_sio_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_sio_body_take(ngx_http_request_t *r,
    ngx_http_sio_ctx_t *ctx);
static ngx_int_t ngx_http_sio_body_append(ngx_http_request_t *r,
    ngx_http_sio_ctx_t *ctx, u_char *p, size_t len);
static void ngx_http_sio_polling_done(ngx_sio_post_t *post);
static void ngx_http_sio_polling_ok(ngx_http_request_t *r,
    ngx_http_sio_ctx_t *ctx);
static void ngx_http_sio_body_done(ngx_http_request_t *r,
    ngx_http_sio_ctx_t *ctx);
static size_t ngx_http_sio_body_max(ngx_http_sio_ctx_t *ctx);


ngx_int_t
ngx_http_sio_polling_open(ngx_http_request_t *r, ngx_http_sio_ctx_t *ctx)
{
    u_char                    sid[NGX_SIO_ID_LEN];
    u_char                    address[NGX_SIO_ADDRESS_LEN];
    ngx_int_t                 rc;
    ngx_str_t                 info, payload;
    ngx_http_sio_loc_conf_t  *slcf;

    slcf = ctx->conf;

    if (ngx_http_sio_capture(r, slcf, &info) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    payload.data = ngx_pnalloc(r->pool, NGX_SIO_OPEN_MAX);
    if (payload.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_sio_polling_open(slcf->zone->server.worker, &slcf->options,
                              ctx->query.form, &info,
                              ngx_http_sio_address(r, address),
                              ctx->query.jsonp, sid,
                              payload.data, &payload.len);

    if (rc == NGX_BUSY) {
        return ngx_http_sio_send_busy(r);
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_sio_send_error(r, NGX_HTTP_SIO_TOO_MANY);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_sio_polling_cookie(r, ctx, sid) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sio_polling_send(r, ctx, &payload, ctx->query.jsonp, 1);
}


/* only here, never with a WebSocket; Node does the same */

static ngx_int_t
ngx_http_sio_polling_cookie(ngx_http_request_t *r, ngx_http_sio_ctx_t *ctx,
    u_char *sid)
{
    u_char                 *p;
    ngx_str_t               value;
    ngx_http_sio_cookie_t  *cookie;

    cookie = ctx->conf->cookie;

    if (cookie == NULL) {
        return NGX_OK;
    }

    value.len = cookie->name.len + 1 + NGX_SIO_ID_LEN + cookie->attributes.len;

    value.data = ngx_pnalloc(r->pool, value.len);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(value.data, cookie->name.data, cookie->name.len);
    *p++ = '=';
    p = ngx_cpymem(p, sid, NGX_SIO_ID_LEN);
    ngx_memcpy(p, cookie->attributes.data, cookie->attributes.len);

    return ngx_http_sio_set_header(r, "Set-Cookie", &value);
}


/* NGX_DONE: ngx_http_sio_polling_compressed() ends the request, which is to be
   counted once more until then; NGX_AGAIN is nginx's, of a client that reads
   slowly */

static ngx_int_t
ngx_http_sio_polling_send(ngx_http_request_t *r, ngx_http_sio_ctx_t *ctx,
    ngx_str_t *payload, uint32_t jsonp, ngx_uint_t compress)
{
    ngx_int_t  rc;

    if (jsonp && ngx_http_sio_jsonp_write(r->pool, jsonp, payload) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (compress) {
        rc = ngx_http_sio_compress(r, ctx->conf, payload,
                                   ngx_http_sio_polling_compressed);

        if (rc == NGX_AGAIN) {
            return NGX_DONE;
        }

        if (rc != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return ngx_http_sio_polling_body(r, ctx, payload);
}


static ngx_int_t
ngx_http_sio_polling_body(ngx_http_request_t *r, ngx_http_sio_ctx_t *ctx,
    ngx_str_t *payload)
{
    static ngx_str_t  text = ngx_string("text/plain; charset=UTF-8");
    static ngx_str_t  binary = ngx_string("application/octet-stream");

    if (ngx_http_sio_polling_headers(r, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sio_send(r, NGX_HTTP_OK,
                             ctx->park.binary ? &binary : &text, payload);
}


static void
ngx_http_sio_polling_compressed(ngx_http_request_t *r, ngx_str_t *body)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    rc = body ? ngx_http_sio_polling_body(r,
                          ngx_http_get_module_ctx(r, ngx_http_sio_module),
                          body)
              : NGX_ERROR;

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_sio_polling_headers(ngx_http_request_t *r, ngx_http_sio_ctx_t *ctx)
{
    ngx_table_elt_t  *h;

    static ngx_str_t  no_store = ngx_string("no-store");
    static ngx_str_t  off = ngx_string("0");

    if (ngx_http_sio_set_header(r, "cache-control", &no_store) != NGX_OK) {
        return NGX_ERROR;
    }

    /* Internet Explorer would filter a payload that looks like a script */

    h = r->headers_in.user_agent;

    if (h
        && (ngx_strnstr(h->value.data, ";MSIE", h->value.len)
            || ngx_strnstr(h->value.data, "Trident/", h->value.len)))
    {
        return ngx_http_sio_set_header(r, "X-XSS-Protection", &off);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_polling_get(ngx_http_request_t *r, ngx_http_sio_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_str_t            payload;
    ngx_sio_worker_t    *worker;
    ngx_http_cleanup_t  *cln;

    worker = ctx->conf->zone->server.worker;

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_sio_polling_cleanup;
    cln->data = ctx;

    ctx->park.worker = worker;
    ctx->park.answer = ngx_http_sio_polling_answer;

    rc = ngx_sio_polling_get(worker, ctx->query.sid.data, ctx->query.form,
                             &ctx->park, r->pool, &payload);

    switch (rc) {

    case NGX_OK:
        rc = ngx_http_sio_polling_send(r, ctx, &payload, ctx->park.jsonp,
                                       ctx->park.compress);

        if (rc == NGX_DONE) {
            r->main->count++;
            r->write_event_handler = ngx_http_request_empty_handler;
            return NGX_DONE;
        }

        return rc;

    case NGX_AGAIN:
        break;

    case NGX_BUSY:
        /* overlap */
        return ngx_http_sio_send_empty(r, NGX_HTTP_BAD_REQUEST);

    case NGX_DECLINED:
        return ngx_http_sio_send_error(r, NGX_HTTP_SIO_UNKNOWN_SID);

    default:
        return ngx_http_sio_send_error(r, NGX_HTTP_SIO_BAD_REQUEST);
    }

    ctx->parked = 1;

    /* a GET with a body: its bytes are no sign of life */

    if (r->headers_in.content_length_n > 0 || r->headers_in.chunked) {
        r->keepalive = 0;
    }

    r->main->count++;
    r->connection->log->action = "waiting for packets";

    if (ngx_http_sio_watch(r) != NGX_OK) {
        /* balances the count; the cleanup tells core */
        r->main->count--;
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_DONE;
}


static void
ngx_http_sio_polling_answer(ngx_sio_park_t *park, ngx_str_t *payload,
    ngx_pool_t *pool)
{
    ngx_int_t            rc;
    ngx_str_t            body;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;
    ngx_http_sio_ctx_t  *ctx;

    ctx = (ngx_http_sio_ctx_t *) ((u_char *) park
                                  - offsetof(ngx_http_sio_ctx_t, park));
    r = ctx->request;
    c = r->connection;

    ctx->parked = 0;

    ngx_http_set_log_request(c->log, r);

    /* the answer may have to wait for the client, the caller's pool not */

    body.len = payload->len;
    body.data = (pool == r->pool) ? payload->data
                                  : ngx_pstrdup(r->pool, payload);

    if (body.data == NULL) {
        rc = NGX_ERROR;

    } else {
        rc = ngx_http_sio_polling_send(r, ctx, &body, park->jsonp,
                                       park->compress);

        if (rc == NGX_DONE) {
            return;
        }
    }

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


/* whatever ends the request */

static void
ngx_http_sio_polling_cleanup(void *data)
{
    ngx_http_sio_ctx_t *ctx = data;

    if (ctx->parked) {
        ctx->parked = 0;
        ngx_sio_polling_get_abort(&ctx->park);
    }

    if (ctx->posting) {
        ctx->posting = 0;
        ngx_sio_polling_post_abort(&ctx->post);
    }

    if (ctx->body) {
        ngx_free(ctx->body);
        ctx->body = NULL;
    }
}


ngx_int_t
ngx_http_sio_polling_post(ngx_http_request_t *r, ngx_http_sio_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_str_t           *type;
    ngx_sio_worker_t    *worker;
    ngx_http_cleanup_t  *cln;

    worker = ctx->conf->zone->server.worker;

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_sio_polling_cleanup;
    cln->data = ctx;

    rc = ngx_sio_polling_post_open(worker, ctx->query.sid.data,
                                   ctx->query.form, r->pool, &ctx->post);

    switch (rc) {

    case NGX_OK:
        break;

    case NGX_BUSY:
        /* overlap */
        return ngx_http_sio_send_empty(r, NGX_HTTP_BAD_REQUEST);

    case NGX_DECLINED:
        return ngx_http_sio_send_error(r, NGX_HTTP_SIO_UNKNOWN_SID);

    default:
        return ngx_http_sio_send_error(r, NGX_HTTP_SIO_BAD_REQUEST);
    }

    ctx->posting = 1;
    ctx->post.closed = ngx_http_sio_polling_closed;

    type = r->headers_in.content_type ? &r->headers_in.content_type->value
                                      : NULL;

    if (type && type->len == sizeof("application/octet-stream") - 1
        && ngx_strncmp(type->data, "application/octet-stream", type->len) == 0)
    {
        if (!(ctx->query.form & NGX_SIO_FORM_EIO3)) {
            ctx->posting = 0;
            ngx_sio_polling_post_abort(&ctx->post);

            return ngx_http_sio_send_empty(r, NGX_HTTP_BAD_REQUEST);
        }

        /* a script cannot send it: of JSONP it is a form all the same */

        ctx->post.binary = (ctx->post.rq.info.jsonp == 0);
    }

    if (r->headers_in.content_length_n > 0
        && (size_t) r->headers_in.content_length_n
           > ngx_http_sio_body_max(ctx))
    {
        ctx->posting = 0;
        ngx_sio_polling_post_cancel(&ctx->post);

        return ngx_http_sio_send_empty(r, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE);
    }

    r->request_body_no_buffering = 1;
    r->request_body_in_file_only = 0;

    rc = ngx_http_read_client_request_body(r, ngx_http_sio_body_init);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


/* the session has closed: Node destroys the connection */

static void
ngx_http_sio_polling_closed(ngx_sio_post_t *post)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;
    ngx_http_sio_ctx_t  *ctx;

    ctx = (ngx_http_sio_ctx_t *) ((u_char *) post
                                  - offsetof(ngx_http_sio_ctx_t, post));
    r = ctx->request;
    c = r->connection;

    ctx->posting = 0;

    ngx_http_set_log_request(c->log, r);

    ngx_http_finalize_request(r, NGX_ERROR);
    ngx_http_run_posted_requests(c);
}


static size_t
ngx_http_sio_body_max(ngx_http_sio_ctx_t *ctx)
{
    return ctx->post.options ? ctx->post.options->max_http_buffer_size
                             : ctx->conf->options.max_http_buffer_size;
}


/* what came with the header, perhaps all */

static void
ngx_http_sio_body_init(ngx_http_request_t *r)
{
    r->read_event_handler = ngx_http_sio_body_handler;
    r->write_event_handler = ngx_http_request_empty_handler;
    r->connection->log->action = "reading client request body";

    ngx_http_sio_body_handler(r);
}


static void
ngx_http_sio_body_handler(ngx_http_request_t *r)
{
    ngx_int_t            rc;
    ngx_http_sio_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_sio_module);

    for ( ;; ) {

        rc = ngx_http_sio_body_take(r, ctx);

        if (rc == NGX_OK && !r->reading_body) {
            ngx_http_sio_body_done(r, ctx);
            return;
        }

        if (rc == NGX_DECLINED) {
            ctx->posting = 0;
            ngx_sio_polling_post_cancel(&ctx->post);

            /* what is left of the body cannot be told from a request */
            r->keepalive = 0;

            rc = ngx_http_sio_send_empty(r,
                                         NGX_HTTP_REQUEST_ENTITY_TOO_LARGE);
            ngx_http_finalize_request(r, rc);
            return;
        }

        if (rc != NGX_OK) {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            /* the cleanup closes the session */
            ngx_http_finalize_request(r, rc);
            return;
        }

        if (rc == NGX_AGAIN && r->request_body->bufs == NULL) {
            return;
        }
    }
}


/* moves what nginx has of the body.  NGX_OK, NGX_ERROR; NGX_DECLINED: it is
   too large */

static ngx_int_t
ngx_http_sio_body_take(ngx_http_request_t *r, ngx_http_sio_ctx_t *ctx)
{
    ngx_buf_t    *b;
    ngx_int_t     rc;
    ngx_chain_t  *cl, *next;

    if (r->request_body == NULL) {
        return NGX_OK;
    }

    cl = r->request_body->bufs;
    r->request_body->bufs = NULL;

    rc = NGX_OK;

    for ( /* void */ ; cl; cl = next) {

        b = cl->buf;
        next = cl->next;

        if (rc == NGX_OK && ngx_buf_in_memory(b)) {
            rc = ngx_http_sio_body_append(r, ctx, b->pos, b->last - b->pos);

        } else if (rc == NGX_OK && b->in_file) {
            /* a filter of another module's: nginx has no reason to */
            rc = NGX_ERROR;
        }

        /* nginx reads into it again */

        b->pos = b->last;
        b->file_pos = b->file_last;

        ngx_free_chain(r->pool, cl);
    }

    return rc;
}


/* a length that is only announced costs nothing: the buffer doubles */

static ngx_int_t
ngx_http_sio_body_append(ngx_http_request_t *r, ngx_http_sio_ctx_t *ctx,
    u_char *p, size_t len)
{
    off_t    whole;
    size_t   max, size;
    u_char  *body;

    max = ngx_http_sio_body_max(ctx);

    if (len > max - ctx->body_len) {
        return NGX_DECLINED;
    }

    if (len > ctx->body_size - ctx->body_len) {

        size = ngx_max(ctx->body_len + len, NGX_HTTP_SIO_BODY_FIRST);
        size = ngx_max(size, 2 * ctx->body_size);
        size = ngx_min(size, max);

        whole = r->headers_in.content_length_n;

        if (!r->headers_in.chunked && whole > 0
            && (size_t) whole >= ctx->body_len + len)
        {
            size = ngx_min(size, (size_t) whole);
        }

        body = ngx_alloc(size, r->connection->log);
        if (body == NULL) {
            return NGX_ERROR;
        }

        if (ctx->body) {
            ngx_memcpy(body, ctx->body, ctx->body_len);
            ngx_free(ctx->body);
        }

        ctx->body = body;
        ctx->body_size = size;
    }

    if (len) {
        ngx_memcpy(ctx->body + ctx->body_len, p, len);
        ctx->body_len += len;
    }

    return NGX_OK;
}


static void
ngx_http_sio_body_done(ngx_http_request_t *r, ngx_http_sio_ctx_t *ctx)
{
    u_char     *repaired;
    ngx_int_t   rc;
    ngx_str_t   form, data;

    static u_char  empty[1];

    data.data = ctx->body ? ctx->body : empty;
    data.len = ctx->body_len;

    rc = NGX_OK;

    if (ctx->post.rq.info.jsonp) {
        form = data;
        rc = ngx_http_sio_jsonp_read(r->pool, &form, &data);
    }

    /* Node reads the body as UTF-8 text: what is none becomes U+FFFD */

    if (rc == NGX_OK && !ctx->post.binary
        && sio_utf8_valid(data.data, data.len) != SIO_OK)
    {

        repaired = ngx_palloc(r->pool,
                              sio_utf8_repair(NULL, data.data, data.len));

        if (repaired == NULL) {
            rc = NGX_ERROR;

        } else {
            data.len = sio_utf8_repair(repaired, data.data, data.len);
            data.data = repaired;
        }
    }

    if (rc == NGX_ERROR) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ctx->posting = 0;

    if (rc != NGX_OK) {
        ngx_sio_polling_post_cancel(&ctx->post);

    } else {
        ctx->post.done = ngx_http_sio_polling_done;

        if (ngx_sio_polling_post(&ctx->post, r->pool, data.data, data.len)
            == NGX_AGAIN)
        {
            ctx->posting = 1;
            r->read_event_handler = ngx_http_block_reading;
            return;
        }
    }

    ngx_http_sio_polling_ok(r, ctx);
}


/* a hook was waited for */

static void
ngx_http_sio_polling_done(ngx_sio_post_t *post)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;
    ngx_http_sio_ctx_t  *ctx;

    ctx = (ngx_http_sio_ctx_t *) ((u_char *) post
                                  - offsetof(ngx_http_sio_ctx_t, post));
    r = ctx->request;
    c = r->connection;

    ctx->posting = 0;

    ngx_http_set_log_request(c->log, r);

    ngx_http_sio_polling_ok(r, ctx);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_sio_polling_ok(ngx_http_request_t *r, ngx_http_sio_ctx_t *ctx)
{
    ngx_int_t  rc;

    static ngx_str_t  type = ngx_string("text/html");
    static ngx_str_t  ok = ngx_string("ok");

    if (ctx->body) {
        ngx_free(ctx->body);
        ctx->body = NULL;
    }

    if (ngx_http_sio_polling_headers(r, ctx) != NGX_OK) {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

    } else {
        rc = ngx_http_sio_send(r, NGX_HTTP_OK, &type, &ok);
    }

    ngx_http_finalize_request(r, rc);
}
