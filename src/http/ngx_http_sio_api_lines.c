
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Orders on lines, application/x-ndjson: each is carried out as it comes, the
 * body is kept nowhere.  The first that is wrong ends it.
 */


#include "ngx_http_sio_api.h"


#define NGX_HTTP_SIO_API_PIECE  16384       /* bytes read from a file */

#define NGX_HTTP_SIO_API_HEAD   "{\"results\":["


struct ngx_http_sio_api_lines_s {
    u_char                    *line;        /* its beginning, malloc()ed */
    size_t                     len;
    size_t                     size;
    ngx_uint_t                 number;      /* of the line, from 1 on */
    u_char                    *piece;       /* of a file */
    ngx_int_t                  rc;          /* final, of NGX_DECLINED */
};


static void ngx_http_sio_api_lines_body(ngx_http_request_t *r);
static void ngx_http_sio_api_lines_event(ngx_http_request_t *r);
static void ngx_http_sio_api_lines_resume(ngx_event_t *ev);
static ngx_int_t ngx_http_sio_api_lines_go(ngx_http_sio_api_ctx_t *api);
static ngx_int_t ngx_http_sio_api_lines_bufs(ngx_http_sio_api_ctx_t *api,
    uint64_t start);
static ngx_int_t ngx_http_sio_api_lines_buf(ngx_http_sio_api_ctx_t *api,
    ngx_buf_t *b, uint64_t start);
static ngx_int_t ngx_http_sio_api_lines_bytes(ngx_http_sio_api_ctx_t *api,
    u_char **pos, u_char *last, uint64_t start);
static ngx_int_t ngx_http_sio_api_lines_keep(ngx_http_sio_api_ctx_t *api,
    u_char *p, size_t len);
static ngx_int_t ngx_http_sio_api_lines_one(ngx_http_sio_api_ctx_t *api,
    u_char *p, size_t len);
static ngx_int_t ngx_http_sio_api_lines_wrong(ngx_http_sio_api_ctx_t *api,
    ngx_uint_t status, const char *code, const ngx_str_t *why);
static ngx_int_t ngx_http_sio_api_lines_final(ngx_http_sio_api_ctx_t *api,
    ngx_int_t rc);
static ngx_int_t ngx_http_sio_api_lines_end(ngx_http_sio_api_ctx_t *api);


ngx_int_t
ngx_http_sio_api_lines(ngx_http_sio_api_ctx_t *api)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = api->request;

    api->lines = ngx_pcalloc(r->pool, sizeof(ngx_http_sio_api_lines_t));
    api->pool = ngx_create_pool(4096, r->connection->log);

    if (api->lines == NULL || api->pool == NULL
        || ngx_http_sio_api_add(api, NGX_HTTP_SIO_API_HEAD,
                                sizeof(NGX_HTTP_SIO_API_HEAD) - 1)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->request_body_no_buffering = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_sio_api_lines_body);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}


void
ngx_http_sio_api_lines_free(ngx_http_sio_api_ctx_t *api)
{
    if (api->lines && api->lines->line) {
        ngx_free(api->lines->line);
        api->lines->line = NULL;
    }
}


static void
ngx_http_sio_api_lines_body(ngx_http_request_t *r)
{
    r->read_event_handler = ngx_http_sio_api_lines_event;
    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_http_sio_api_lines_event(r);
}


static void
ngx_http_sio_api_lines_event(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_http_sio_api_ctx_t  *api;

    api = (ngx_http_sio_api_ctx_t *)
              ngx_http_get_module_ctx(r, ngx_http_sio_module);

    if (api->event.posted) {
        /* what came before is not through yet */
        return;
    }

    rc = ngx_http_sio_api_lines_go(api);

    if (rc != NGX_DONE) {
        r->read_event_handler = ngx_http_block_reading;
        ngx_http_finalize_request(r, rc);
    }
}


static void
ngx_http_sio_api_lines_resume(ngx_event_t *ev)
{
    ngx_connection_t        *c;
    ngx_http_request_t      *r;
    ngx_http_sio_api_ctx_t  *api;

    api = ev->data;
    r = api->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_http_sio_api_lines_event(r);

    ngx_http_run_posted_requests(c);
}


/* a final code, or NGX_DONE: it will go on */

static ngx_int_t
ngx_http_sio_api_lines_go(ngx_http_sio_api_ctx_t *api)
{
    uint64_t             start;
    ngx_int_t            rc;
    ngx_str_t            why;
    ngx_http_request_t  *r;

    r = api->request;
    start = ngx_http_sio_api_clock();

    for ( ;; ) {

        rc = ngx_http_sio_api_lines_bufs(api, start);

        if (rc == NGX_AGAIN) {
            ngx_http_sio_api_pause(api, ngx_http_sio_api_lines_resume);
            return NGX_DONE;
        }

        if (rc != NGX_OK) {
            return ngx_http_sio_api_lines_final(api, rc);
        }

        if (!r->reading_body) {
            return ngx_http_sio_api_lines_end(api);
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE) {
            ngx_str_set(&why, "the body is longer than client_max_body_size");
            return ngx_http_sio_api_lines_final(api,
                       ngx_http_sio_api_lines_wrong(api, rc, "too_large",
                                                    &why));
        }

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            return rc;
        }

        if (rc == NGX_AGAIN && r->request_body->bufs == NULL) {
            return NGX_DONE;
        }
    }
}


/* NGX_OK: all that came is through; NGX_AGAIN: the slice is over; NGX_DECLINED:
   it ends here, with lines->rc; NGX_ERROR */

static ngx_int_t
ngx_http_sio_api_lines_bufs(ngx_http_sio_api_ctx_t *api, uint64_t start)
{
    ngx_int_t                rc;
    ngx_chain_t             *cl;
    ngx_http_request_body_t *rb;

    rb = api->request->request_body;

    while (rb && rb->bufs) {

        rc = ngx_http_sio_api_lines_buf(api, rb->bufs->buf, start);

        if (rc != NGX_OK) {
            return rc;
        }

        cl = rb->bufs;
        rb->bufs = cl->next;
        ngx_free_chain(api->request->pool, cl);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_api_lines_buf(ngx_http_sio_api_ctx_t *api, ngx_buf_t *b,
    uint64_t start)
{
    u_char                    *p;
    size_t                     n;
    ssize_t                    size;
    ngx_int_t                  rc;
    ngx_http_sio_api_lines_t  *lines;

    lines = api->lines;

    if (!b->in_file || ngx_buf_in_memory(b)) {
        return ngx_http_sio_api_lines_bytes(api, &b->pos, b->last, start);
    }

    /* another module has read the body before */

    if (lines->piece == NULL) {
        lines->piece = ngx_palloc(api->request->pool, NGX_HTTP_SIO_API_PIECE);
        if (lines->piece == NULL) {
            return NGX_ERROR;
        }
    }

    while (b->file_pos < b->file_last) {

        n = (size_t) ngx_min(b->file_last - b->file_pos,
                             NGX_HTTP_SIO_API_PIECE);

        size = ngx_read_file(b->file, lines->piece, n, b->file_pos);

        if (size == NGX_ERROR || (size_t) size != n) {
            return NGX_ERROR;
        }

        p = lines->piece;

        rc = ngx_http_sio_api_lines_bytes(api, &p, lines->piece + n, start);

        b->file_pos += p - lines->piece;

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_api_lines_bytes(ngx_http_sio_api_ctx_t *api, u_char **pos,
    u_char *last, uint64_t start)
{
    u_char                    *p, *end;
    ngx_int_t                  rc;
    ngx_http_sio_api_lines_t  *lines;

    lines = api->lines;

    while (*pos < last) {

        if (ngx_http_sio_api_clock() - start >= NGX_HTTP_SIO_API_SLICE) {
            return NGX_AGAIN;
        }

        p = *pos;
        end = ngx_strlchr(p, last, '\n');
        *pos = end ? end + 1 : last;

        if (end == NULL || lines->len) {

            rc = ngx_http_sio_api_lines_keep(api, p, (end ? end : last) - p);

            if (rc != NGX_OK || end == NULL) {
                return rc;
            }

            rc = ngx_http_sio_api_lines_one(api, lines->line, lines->len);
            lines->len = 0;

        } else {
            rc = ngx_http_sio_api_lines_one(api, p, end - p);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* a part of a line */

static ngx_int_t
ngx_http_sio_api_lines_keep(ngx_http_sio_api_ctx_t *api, u_char *p, size_t len)
{
    size_t                     size;
    u_char                    *line;
    ngx_http_sio_api_lines_t  *lines;

    lines = api->lines;

    if (lines->len + len > api->call.server->max_line) {
        /* says so */
        lines->len = 0;
        return ngx_http_sio_api_lines_one(api, p,
                                          api->call.server->max_line + 1);
    }

    if (lines->size - lines->len < len) {

        size = 2 * (lines->len + len);

        line = ngx_alloc(size, api->request->connection->log);
        if (line == NULL) {
            return NGX_ERROR;
        }

        if (lines->line) {
            ngx_memcpy(line, lines->line, lines->len);
            ngx_free(lines->line);
        }

        lines->line = line;
        lines->size = size;
    }

    if (len) {
        ngx_memcpy(lines->line + lines->len, p, len);
        lines->len += len;
    }

    return NGX_OK;
}


/* p is not read if len is more than may be */

static ngx_int_t
ngx_http_sio_api_lines_one(ngx_http_sio_api_ctx_t *api, u_char *p, size_t len)
{
    u_char      *last;
    ngx_int_t    rc;
    ngx_str_t    line, why;
    ngx_pool_t  *pool;

    api->lines->number++;

    if (len > api->call.server->max_line) {
        ngx_str_set(&why, "is longer than sio_limit api_line allows");
        return ngx_http_sio_api_lines_wrong(api,
                                            NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                            "too_large", &why);
    }

    last = p + len;

    while (p < last && (*p == ' ' || *p == '\t' || *p == '\r')) {
        p++;
    }

    if (p == last) {
        return NGX_OK;
    }

    /* a reload may have taken the worker's place in the zone meanwhile */

    if (api->call.server->worker == NULL) {
        ngx_str_set(&why, "this worker has no part in the zone now");
        return ngx_http_sio_api_lines_wrong(api,
                                            NGX_HTTP_SERVICE_UNAVAILABLE,
                                            "busy", &why);
    }

    if (api->done && ngx_http_sio_api_add(api, ",", 1) != NGX_OK) {
        return NGX_ERROR;
    }

    line.data = p;
    line.len = last - p;

    pool = api->call.pool;
    api->call.pool = api->pool;

    rc = ngx_sio_orders_open(&api->orders, &api->call, &line);

    if (rc == NGX_OK) {

        if (api->orders.list) {
            rc = NGX_DECLINED;
            ngx_str_set(&api->orders.error, "must be an object");

        } else {
            rc = ngx_sio_orders_more(&api->orders, 1);
        }
    }

    if (rc == NGX_OK && api->orders.orders[0].timeout) {
        rc = NGX_DECLINED;
        ngx_str_set(&api->orders.error, "ack is for an order that comes "
                                        "alone");
    }

    api->call.pool = pool;

    if (rc == NGX_DECLINED) {
        return ngx_http_sio_api_lines_wrong(api, NGX_HTTP_BAD_REQUEST,
                                            "invalid_action",
                                            &api->orders.error);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_sio_api_run_one(api, &api->orders.orders[0]);
    }

    switch (rc) {

    case NGX_OK:
        return NGX_OK;

    case NGX_DECLINED:
        ngx_str_set(&why, "a room is full, or a socket is in too many");
        return ngx_http_sio_api_lines_wrong(api, NGX_HTTP_CONFLICT, "refused",
                                            &why);

    case NGX_BUSY:
        ngx_str_set(&why, "the zone is full");
        return ngx_http_sio_api_lines_wrong(api,
                                            NGX_HTTP_SERVICE_UNAVAILABLE,
                                            "zone_full", &why);

    default:
        return NGX_ERROR;
    }
}


static ngx_int_t
ngx_http_sio_api_lines_wrong(ngx_http_sio_api_ctx_t *api, ngx_uint_t status,
    const char *code, const ngx_str_t *why)
{
    ngx_str_t  text;

    text.data = ngx_pnalloc(api->request->pool,
                            sizeof("line : ") - 1 + NGX_INT_T_LEN + why->len);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    text.len = ngx_sprintf(text.data, "line %ui: %V", api->lines->number, why)
               - text.data;

    api->lines->rc = ngx_http_sio_api_error_at(api, status, code, &text,
                                               api->lines->number, api->done);
    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_sio_api_lines_final(ngx_http_sio_api_ctx_t *api, ngx_int_t rc)
{
    return rc == NGX_DECLINED ? api->lines->rc
                              : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static ngx_int_t
ngx_http_sio_api_lines_end(ngx_http_sio_api_ctx_t *api)
{
    u_char      buf[sizeof("],\"done\":}") - 1 + NGX_INT_T_LEN];
    ngx_int_t   rc;

    if (api->lines->len) {

        /* the last line needs no end */

        rc = ngx_http_sio_api_lines_one(api, api->lines->line,
                                        api->lines->len);
        if (rc != NGX_OK) {
            return ngx_http_sio_api_lines_final(api, rc);
        }
    }

    if (ngx_http_sio_api_add(api, buf, ngx_sprintf(buf, "],\"done\":%ui}",
                                                   api->done)
                                       - buf)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_sio_api_send_out(api);
}
