
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Orders that were posted, one or an array of them.  All are read before the
 * first is carried out; both in slices, between which the worker does what
 * else there is to do.  Once the first is carried out all are, also when the
 * client has gone.
 */


#include "ngx_http_sio_api.h"


#define NGX_HTTP_SIO_API_READS  16          /* orders read at a time */


static void ngx_http_sio_api_cleanup(void *data);
static void ngx_http_sio_api_body(ngx_http_request_t *r);
static ngx_int_t ngx_http_sio_api_body_read(ngx_http_request_t *r,
    ngx_str_t *body);
static ngx_int_t ngx_http_sio_api_shorthand(ngx_http_sio_api_ctx_t *api,
    ngx_str_t *body);
static size_t ngx_http_sio_api_order_write(ngx_http_sio_api_ctx_t *api,
    u_char *p, const sio_str_t *arg);
static u_char *ngx_http_sio_api_names_write(u_char *p, const char *key,
    ngx_array_t *names, size_t *len);
static void ngx_http_sio_api_resume(ngx_event_t *ev);
static ngx_int_t ngx_http_sio_api_orders(ngx_http_sio_api_ctx_t *api);
static ngx_int_t ngx_http_sio_api_read(ngx_http_sio_api_ctx_t *api,
    uint64_t start);
static ngx_int_t ngx_http_sio_api_run(ngx_http_sio_api_ctx_t *api,
    uint64_t start);
static ngx_uint_t ngx_http_sio_api_is_type(ngx_str_t *type, ngx_str_t *name);


ngx_int_t
ngx_http_sio_api_post(ngx_http_sio_api_ctx_t *api)
{
    ngx_int_t            rc;
    ngx_str_t            text, *type;
    ngx_http_cleanup_t  *cln;
    ngx_http_request_t  *r;

    static ngx_str_t  json = ngx_string("application/json");
    static ngx_str_t  lines = ngx_string("application/x-ndjson");

    r = api->request;

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_sio_api_cleanup;
    cln->data = api;

    /* a page of another origin cannot send these types unasked: Fetch, CORS */

    type = r->headers_in.content_type ? &r->headers_in.content_type->value
                                      : NULL;

    if (api->name.len == 0 && ngx_http_sio_api_is_type(type, &lines)) {
        return ngx_http_sio_api_lines(api);
    }

    if (!ngx_http_sio_api_is_type(type, &json)) {
        ngx_str_set(&text, "the body must be application/json");
        return ngx_http_sio_api_error(api, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                      "unsupported_media_type", &text);
    }

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_sio_api_body);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}


static ngx_uint_t
ngx_http_sio_api_is_type(ngx_str_t *type, ngx_str_t *name)
{
    return type
           && type->len >= name->len
           && ngx_strncasecmp(type->data, name->data, name->len) == 0
           && (type->len == name->len || type->data[name->len] == ';'
               || type->data[name->len] == ' ');
}


/* whatever ends the request */

static void
ngx_http_sio_api_cleanup(void *data)
{
    ngx_http_sio_api_ctx_t *api = data;

    ngx_sio_gather_close(&api->gather);

    if (api->event.posted) {
        ngx_delete_posted_event(&api->event);
    }

    if (api->pool) {
        ngx_destroy_pool(api->pool);
        api->pool = NULL;
    }

    ngx_http_sio_api_lines_free(api);

    if (api->out) {
        ngx_free(api->out);
        api->out = NULL;
    }
}


static void
ngx_http_sio_api_body(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_str_t                body;
    ngx_http_sio_api_ctx_t  *api;

    api = (ngx_http_sio_api_ctx_t *)
              ngx_http_get_module_ctx(r, ngx_http_sio_module);

    r->read_event_handler = ngx_http_block_reading;

    if (ngx_http_sio_api_body_read(r, &body) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    rc = NGX_OK;

    if (api->name.len) {
        rc = ngx_http_sio_api_shorthand(api, &body);

    } else {
        rc = ngx_sio_orders_open(&api->orders, &api->call, &body);
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_http_sio_api_error(api, NGX_HTTP_BAD_REQUEST,
                                    "invalid_action", &api->orders.error);

    } else if (rc == NGX_OK) {
        rc = ngx_http_sio_api_orders(api);

    } else {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }
}


/* in one piece, and writable */

static ngx_int_t
ngx_http_sio_api_body_read(ngx_http_request_t *r, ngx_str_t *body)
{
    size_t        n;
    off_t         len;
    u_char       *p;
    ssize_t       size;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    len = 0;

    if (r->request_body == NULL) {
        ngx_str_null(body);
        return NGX_OK;
    }

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        len += ngx_buf_size(cl->buf);
    }

    p = ngx_palloc(r->pool, len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    body->data = p;
    body->len = len;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {

        b = cl->buf;

        if (b->in_file) {
            n = b->file_last - b->file_pos;

            size = ngx_read_file(b->file, p, n, b->file_pos);

            if (size == NGX_ERROR || (size_t) size != n) {
                return NGX_ERROR;
            }

        } else {
            n = b->last - b->pos;

            if (n) {
                ngx_memcpy(p, b->pos, n);
            }
        }

        p += n;
    }

    return NGX_OK;
}


/* the same as an order, which then is checked as any other; codes as
   ngx_sio_orders_open() */

static ngx_int_t
ngx_http_sio_api_shorthand(ngx_http_sio_api_ctx_t *api, ngx_str_t *body)
{
    u_char           *p;
    ngx_str_t         order;
    sio_json_info_t   info;

    if (sio_json_parse(body->data, body->len, SIO_JSON_MAX_DEPTH, &info, NULL,
                       0)
        != SIO_OK)
    {
        ngx_str_set(&api->orders.error, "the body is not valid JSON");
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(api->request->pool,
                    ngx_http_sio_api_order_write(api, NULL, &info.value));
    if (p == NULL) {
        return NGX_ERROR;
    }

    order.data = p;
    order.len = ngx_http_sio_api_order_write(api, p, &info.value);

    return ngx_sio_orders_open(&api->orders, &api->call, &order);
}


/* p NULL: only counts */

static size_t
ngx_http_sio_api_order_write(ngx_http_sio_api_ctx_t *api, u_char *p,
    const sio_str_t *arg)
{
    size_t      len;
    u_char     *start;
    ngx_uint_t  i;

    static const struct {
        ngx_uint_t   bit;
        const char  *key;
    } flags[] = {
        { NGX_HTTP_SIO_API_ALL, "all" },
        { NGX_HTTP_SIO_API_VOLATILE, "volatile" },
        { NGX_HTTP_SIO_API_COMPRESS, "compress" },
        { NGX_HTTP_SIO_API_ACK, "ack" }
    };

    start = p;

    if (p == NULL) {

        len = sizeof("{\"emit\":,\"args\":[],\"nsp\":,\"timeout\":\"\"}")
              + sizeof(flags) / sizeof(flags[0])
                * (sizeof(",\"volatile\":false") - 1)
              + sio_json_string_len(api->name.data, api->name.len)
              + arg->len
              + sio_json_string_len(api->nsp.data, api->nsp.len)
              + sio_json_string_len(api->timeout.data, api->timeout.len);

        (void) ngx_http_sio_api_names_write(NULL, "to", &api->to, &len);
        (void) ngx_http_sio_api_names_write(NULL, "except", &api->except,
                                            &len);
        return len;
    }

    p = ngx_cpymem(p, "{\"emit\":", sizeof("{\"emit\":") - 1);
    p += sio_json_string_write(p, api->name.data, api->name.len);
    p = ngx_cpymem(p, ",\"args\":[", sizeof(",\"args\":[") - 1);
    p = ngx_cpymem(p, arg->data, arg->len);
    *p++ = ']';

    p = ngx_http_sio_api_names_write(p, "to", &api->to, NULL);
    p = ngx_http_sio_api_names_write(p, "except", &api->except, NULL);

    for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {

        if (api->given & flags[i].bit) {
            p = ngx_sprintf(p, ",\"%s\":%s", flags[i].key,
                            (api->flags & flags[i].bit) ? "true" : "false");
        }
    }

    if (api->timeout.len) {

        p = ngx_cpymem(p, ",\"timeout\":", sizeof(",\"timeout\":") - 1);

        /* what is no number is refused as a string */

        if (ngx_atoi(api->timeout.data, api->timeout.len) == NGX_ERROR
            || (api->timeout.data[0] == '0' && api->timeout.len > 1))
        {
            p += sio_json_string_write(p, api->timeout.data,
                                       api->timeout.len);

        } else {
            p = ngx_cpymem(p, api->timeout.data, api->timeout.len);
        }
    }

    p = ngx_cpymem(p, ",\"nsp\":", sizeof(",\"nsp\":") - 1);
    p += sio_json_string_write(p, api->nsp.data, api->nsp.len);
    *p++ = '}';

    return p - start;
}


/* ,"to":["a","b"]; p NULL: adds its length.  Nothing for an empty list */

static u_char *
ngx_http_sio_api_names_write(u_char *p, const char *key, ngx_array_t *names,
    size_t *len)
{
    ngx_str_t   *name;
    ngx_uint_t   i;

    if (names->nelts == 0) {
        return p;
    }

    name = names->elts;

    if (p == NULL) {

        *len += sizeof(",\"\":[]") - 1 + ngx_strlen(key) + names->nelts;

        for (i = 0; i < names->nelts; i++) {
            *len += sio_json_string_len(name[i].data, name[i].len);
        }

        return NULL;
    }

    p = ngx_sprintf(p, ",\"%s\":[", key);

    for (i = 0; i < names->nelts; i++) {

        if (i) {
            *p++ = ',';
        }

        p += sio_json_string_write(p, name[i].data, name[i].len);
    }

    *p++ = ']';

    return p;
}


uint64_t
ngx_http_sio_api_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


void
ngx_http_sio_api_pause(ngx_http_sio_api_ctx_t *api,
    ngx_event_handler_pt handler)
{
    api->event.handler = handler;
    api->event.data = api;
    api->event.log = api->request->connection->log;

    ngx_post_event(&api->event, &ngx_posted_next_events);
}


static void
ngx_http_sio_api_resume(ngx_event_t *ev)
{
    ngx_int_t                rc;
    ngx_connection_t        *c;
    ngx_http_request_t      *r;
    ngx_http_sio_api_ctx_t  *api;

    api = ev->data;
    r = api->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    rc = ngx_http_sio_api_orders(api);

    if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }

    ngx_http_run_posted_requests(c);
}


/* all of them are right, or none is carried out.  A final code, or NGX_DONE: it
   goes on later */

static ngx_int_t
ngx_http_sio_api_orders(ngx_http_sio_api_ctx_t *api)
{
    uint64_t   start;
    ngx_int_t  rc;
    ngx_str_t  where;

    /* a reload may have taken the worker's place in the zone meanwhile */

    if (api->call.server->worker == NULL) {
        return ngx_http_sio_api_busy(api);
    }

    start = ngx_http_sio_api_clock();

    rc = ngx_http_sio_api_read(api, start);

    if (rc == NGX_DECLINED) {
        return ngx_http_sio_api_error(api, NGX_HTTP_BAD_REQUEST,
                                      "invalid_action", &api->orders.error);
    }

    if (rc == NGX_OK) {

        if (api->orders.n && api->orders.orders[0].timeout) {
            return ngx_http_sio_api_ask(api, &api->orders.orders[0]);
        }

        rc = ngx_http_sio_api_run(api, start);
    }

    switch (rc) {

    case NGX_OK:
        return ngx_http_sio_api_send_out(api);

    case NGX_AGAIN:
        ngx_http_sio_api_pause(api, ngx_http_sio_api_resume);
        return NGX_DONE;

    case NGX_ERROR:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    where.data = ngx_pnalloc(api->request->pool, NGX_INT_T_LEN + 2);
    if (where.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    where.len = ngx_sprintf(where.data, "[%ui]", api->done) - where.data;

    return ngx_http_sio_api_refused(api, rc, &where);
}


/* NGX_OK: all; NGX_AGAIN: the slice is over; NGX_DECLINED: one is wrong */

static ngx_int_t
ngx_http_sio_api_read(ngx_http_sio_api_ctx_t *api, uint64_t start)
{
    ngx_int_t  rc;

    for ( ;; ) {
        rc = ngx_sio_orders_more(&api->orders, NGX_HTTP_SIO_API_READS);

        if (rc != NGX_AGAIN) {
            return rc;
        }

        if (ngx_http_sio_api_clock() - start >= NGX_HTTP_SIO_API_SLICE) {
            return NGX_AGAIN;
        }
    }
}


/* NGX_OK: all; NGX_AGAIN: the slice is over; NGX_DECLINED, NGX_BUSY: one was
   refused */

static ngx_int_t
ngx_http_sio_api_run(ngx_http_sio_api_ctx_t *api, uint64_t start)
{
    ngx_int_t          rc;
    ngx_sio_orders_t  *orders;

    orders = &api->orders;

    if (orders->n > 1 && api->pool == NULL) {

        api->pool = ngx_create_pool(4096, api->request->connection->log);
        if (api->pool == NULL) {
            return NGX_ERROR;
        }
    }

    if (orders->list && api->out_len == 0
        && ngx_http_sio_api_add(api, "[", 1) != NGX_OK)
    {
        return NGX_ERROR;
    }

    while (api->done < orders->n) {

        if (api->done && ngx_http_sio_api_add(api, ",", 1) != NGX_OK) {
            return NGX_ERROR;
        }

        rc = ngx_http_sio_api_run_one(api, &orders->orders[api->done]);

        if (rc != NGX_OK) {
            return rc;
        }

        if (api->done < orders->n
            && ngx_http_sio_api_clock() - start >= NGX_HTTP_SIO_API_SLICE)
        {
            return NGX_AGAIN;
        }
    }

    return orders->list ? ngx_http_sio_api_add(api, "]", 1) : NGX_OK;
}


ngx_int_t
ngx_http_sio_api_run_one(ngx_http_sio_api_ctx_t *api, ngx_sio_order_t *order)
{
    u_char       buf[sizeof("{\"receivers\":}") - 1 + NGX_INT_T_LEN];
    ngx_int_t    rc;
    const char  *what;
    ngx_uint_t   count;
    ngx_pool_t  *pool;

    pool = api->call.pool;

    /* an order on a line goes with api->pool */

    what = (order->type == NGX_SIO_ORDER_EMIT) ? "receivers" : "sockets";

    if (api->pool) {
        api->call.pool = api->pool;
    }

    order->out.where.counted = 1;

    rc = ngx_sio_order_run(&api->call, order, &count);

    api->call.pool = pool;

    if (api->pool) {
        ngx_reset_pool(api->pool);
    }

    if (rc != NGX_OK && rc != NGX_DONE) {
        return rc;
    }

    api->done++;

    return ngx_http_sio_api_add(api, buf,
               ngx_sprintf(buf, "{\"%s\":%ui}", what, count) - buf);
}


ngx_int_t
ngx_http_sio_api_refused(ngx_http_sio_api_ctx_t *api, ngx_int_t rc,
    const ngx_str_t *where)
{
    ngx_str_t  text;

    text.data = ngx_pnalloc(api->request->pool, 128 + where->len);
    if (text.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text.len = ngx_sprintf(text.data, "%V %s, those before it are done", where,
                           rc == NGX_DECLINED
                           ? "a room is full, or a socket is in too many"
                           : "the zone is full")
               - text.data;

    return rc == NGX_DECLINED
           ? ngx_http_sio_api_error(api, NGX_HTTP_CONFLICT, "refused", &text)
           : ngx_http_sio_api_error(api, NGX_HTTP_SERVICE_UNAVAILABLE,
                                    "zone_full", &text);
}


ngx_int_t
ngx_http_sio_api_add(ngx_http_sio_api_ctx_t *api, const void *p, size_t len)
{
    size_t   size;
    u_char  *out;

    if (api->out_size - api->out_len < len) {

        size = ngx_max(2 * (api->out_len + len), 256);

        out = ngx_alloc(size, api->request->connection->log);
        if (out == NULL) {
            return NGX_ERROR;
        }

        if (api->out) {
            ngx_memcpy(out, api->out, api->out_len);
            ngx_free(api->out);
        }

        api->out = out;
        api->out_size = size;
    }

    ngx_memcpy(api->out + api->out_len, p, len);
    api->out_len += len;

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_api_send_out(ngx_http_sio_api_ctx_t *api)
{
    ngx_str_t  json;

    json.data = api->out;
    json.len = api->out_len;

    return ngx_http_sio_api_send(api, &json);
}
