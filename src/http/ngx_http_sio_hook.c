
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Hooks.  A client's request has gone long ago, or would grow with each
 * subrequest; so a hook has a request of its own, on a connection that is none
 * (as those of HTTP/2 streams), and a subrequest in it, whose answer is kept
 * in memory.  All of it goes with one pool.
 */


#include "ngx_http_sio_rule.h"
#include "ngx_http_sio_hook.h"


typedef struct {
    ngx_sio_hook_t            *hook;
    ngx_connection_t          *connection;
    ngx_http_request_t        *request;     /* the subrequest's parent */
    ngx_http_post_subrequest_t  post;
    ngx_event_t                done;
    ngx_uint_t                 status;
    ngx_str_t                  answer;
    unsigned                   paged:1;     /* error_page had its chance */
} ngx_http_sio_hook_ctx_t;


static ngx_connection_t *ngx_http_sio_hook_connection(ngx_pool_t *pool,
    ngx_sio_hook_t *hook, ngx_http_sio_loc_conf_t *slcf);
static void ngx_http_sio_hook_address(ngx_connection_t *c,
    ngx_sio_hook_t *hook);
static ngx_http_request_t *ngx_http_sio_hook_request(ngx_connection_t *c,
    ngx_sio_hook_t *hook, ngx_http_sio_loc_conf_t *slcf);
static ngx_int_t ngx_http_sio_hook_body(ngx_http_request_t *sr,
    ngx_sio_hook_t *hook);
static ngx_int_t ngx_http_sio_hook_answered(ngx_http_request_t *sr, void *data,
    ngx_int_t rc);
static ngx_uint_t ngx_http_sio_hook_usable(ngx_http_request_t *sr);
static void ngx_http_sio_hook_done(ngx_event_t *ev);
static void ngx_http_sio_hook_close(ngx_http_sio_hook_ctx_t *ctx);
static void ngx_http_sio_hook_event(ngx_event_t *ev);
static void ngx_http_sio_hook_nothing(ngx_http_request_t *r);
static u_char *ngx_http_sio_hook_log(ngx_log_t *log, u_char *buf, size_t len);


ngx_int_t
ngx_http_sio_hook_send(ngx_sio_hook_t *hook)
{
    ngx_str_t                  uri;
    ngx_pool_t                *pool;
    ngx_connection_t          *c;
    ngx_http_request_t        *r, *sr;
    ngx_http_sio_zone_t       *zone;
    ngx_http_sio_hook_ctx_t   *ctx;
    ngx_http_sio_loc_conf_t   *slcf;
    ngx_http_sio_hook_conf_t  *target;

    zone = (ngx_http_sio_zone_t *) hook->call.server;
    slcf = zone->rules;
    target = hook->target;

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    ctx = ngx_pcalloc(pool, sizeof(ngx_http_sio_hook_ctx_t));
    c = ngx_http_sio_hook_connection(pool, hook, slcf);

    if (ctx == NULL || c == NULL) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    ctx->hook = hook;
    ctx->connection = c;

    ctx->done.handler = ngx_http_sio_hook_done;
    ctx->done.data = ctx;
    ctx->done.log = ngx_cycle->log;

    ctx->post.handler = ngx_http_sio_hook_answered;
    ctx->post.data = ctx;

    r = ngx_http_sio_hook_request(c, hook, slcf);
    if (r == NULL) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    ctx->request = r;

    /* for variables of the location */
    ngx_http_set_ctx(r, ctx, ngx_http_sio_module);

    uri = target->uri;

    /* the parent never ends by itself */
    r->count++;

    if (ngx_http_subrequest(r, &uri, &target->args, &sr, &ctx->post,
                            NGX_HTTP_SUBREQUEST_IN_MEMORY
                            |NGX_HTTP_SUBREQUEST_BACKGROUND)
        != NGX_OK
        || ngx_http_sio_hook_body(sr, hook) != NGX_OK)
    {
        /* nothing has run yet */
        ctx->hook = NULL;
        ngx_http_sio_hook_close(ctx);
        return NGX_ERROR;
    }

    /* the one that timers of the connection, as of limit_req, wake */
    c->data = sr;

    hook->asked = &ctx->done;

    ngx_http_run_posted_requests(c);

    return NGX_OK;
}


ngx_sio_hook_t *
ngx_http_sio_hook_of(ngx_http_request_t *r)
{
    ngx_http_sio_hook_ctx_t  *ctx;

    if (r->connection->log->handler != ngx_http_sio_hook_log) {
        return NULL;
    }

    ctx = ngx_http_get_module_ctx(r->main, ngx_http_sio_module);

    return ctx ? ctx->hook : NULL;
}


static ngx_connection_t *
ngx_http_sio_hook_connection(ngx_pool_t *pool, ngx_sio_hook_t *hook,
    ngx_http_sio_loc_conf_t *slcf)
{
    ngx_log_t              *log;
    ngx_event_t            *rev, *wev;
    ngx_connection_t       *c;
    ngx_http_log_ctx_t     *log_ctx;
    ngx_http_connection_t  *hc;

    c = ngx_pcalloc(pool, sizeof(ngx_connection_t));
    rev = ngx_pcalloc(pool, 2 * sizeof(ngx_event_t));
    log = ngx_pcalloc(pool, sizeof(ngx_log_t));
    log_ctx = ngx_pcalloc(pool, sizeof(ngx_http_log_ctx_t));
    hc = ngx_pcalloc(pool, sizeof(ngx_http_connection_t));

    if (c == NULL || rev == NULL || log == NULL || log_ctx == NULL
        || hc == NULL)
    {
        return NULL;
    }

    wev = rev + 1;

    *log = *ngx_cycle->log;
    log->handler = ngx_http_sio_hook_log;
    log->data = log_ctx;
    log->action = NULL;

    log_ctx->connection = c;

    /* no descriptor; -1 would mean to Lua that there is no request, either */
    c->fd = (ngx_socket_t) -2;

    /* nor are options to be set */
    c->sndlowat = 1;
    c->tcp_nodelay = NGX_TCP_NODELAY_DISABLED;
    c->tcp_nopush = NGX_TCP_NOPUSH_DISABLED;

    c->pool = pool;
    c->log = log;
    c->read = rev;
    c->write = wev;
    c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);

    /* active: nobody may add them to epoll */

    rev->data = c;
    rev->index = NGX_INVALID_INDEX;
    rev->handler = ngx_http_sio_hook_event;
    rev->log = log;
    rev->active = 1;

    wev->data = c;
    wev->index = NGX_INVALID_INDEX;
    wev->handler = ngx_http_sio_hook_event;
    wev->log = log;
    wev->write = 1;
    wev->active = 1;
    wev->ready = 1;

    hc->conf_ctx = slcf->server->ctx;
    c->data = hc;

    c->buffer = ngx_create_temp_buf(pool, 1);
    if (c->buffer == NULL) {
        return NULL;
    }

    if (ngx_http_sio_hook_local(c, slcf->server) != NGX_OK) {
        return NULL;
    }

    ngx_http_sio_hook_address(c, hook);

    return c;
}


/* the client's, as it was at the handshake */

static void
ngx_http_sio_hook_address(ngx_connection_t *c, ngx_sio_hook_t *hook)
{
    ngx_str_t           handshake, name, text;
    sio_str_t           value, json;
    ngx_addr_t          addr;

    static struct sockaddr  unknown = { .sa_family = AF_UNSPEC };
    static const sio_str_t  address = sio_string("/address");

    c->sockaddr = &unknown;
    c->socklen = sizeof(struct sockaddr);
    ngx_str_set(&c->addr_text, "unknown");

    ngx_str_set(&name, ".handshake");

    if (hook->call.client == NULL
        || ngx_sio_call_info(&hook->call, &name, &handshake) != NGX_OK)
    {
        return;
    }

    json.data = handshake.data;
    json.len = handshake.len;

    if (sio_json_get(&json, &address, &value) != SIO_OK || value.len < 2) {
        return;
    }

    text.data = ngx_pnalloc(c->pool, value.len);
    if (text.data == NULL) {
        return;
    }

    text.len = sio_json_string_read(text.data, &value);

    if (ngx_parse_addr(c->pool, &addr, text.data, text.len) == NGX_OK) {
        c->sockaddr = addr.sockaddr;
        c->socklen = addr.socklen;
        c->addr_text = text;
    }
}


static ngx_http_request_t *
ngx_http_sio_hook_request(ngx_connection_t *c, ngx_sio_hook_t *hook,
    ngx_http_sio_loc_conf_t *slcf)
{
    ngx_http_request_t    *r;
    ngx_http_conf_ctx_t   *conf;

    static ngx_str_t  protocol = ngx_string("HTTP/1.1");
    static ngx_str_t  method = ngx_string("POST");

    r = ngx_http_create_request(c);
    if (r == NULL) {
        return NULL;
    }

    c->data = r;

#if (NGX_STAT_STUB)
    /* it is nobody's request */
    (void) ngx_atomic_fetch_add(ngx_stat_reading, -1);
    (void) ngx_atomic_fetch_add(ngx_stat_requests, -1);
    r->stat_reading = 0;
#endif

    conf = slcf->server->ctx;

    r->main_conf = conf->main_conf;
    r->srv_conf = conf->srv_conf;
    r->loc_conf = slcf->location->loc_conf;

    r->read_event_handler = ngx_http_sio_hook_nothing;
    r->write_event_handler = ngx_http_sio_hook_nothing;

    r->method = NGX_HTTP_POST;
    r->method_name = method;
    r->http_version = NGX_HTTP_VERSION_11;
    r->http_protocol = protocol;
    r->uri = slcf->location->name;
    r->unparsed_uri = r->uri;
    r->valid_unparsed_uri = 1;
    r->request_line = method;
    r->internal = 1;
    r->header_in = c->buffer;
    r->header_sent = 1;

    r->headers_in.server = slcf->server->server_name;
    r->headers_in.content_length_n = hook->body.len;

    if (ngx_list_init(&r->headers_in.headers, r->pool, 16,
                      sizeof(ngx_table_elt_t))
        != NGX_OK
        || ngx_http_sio_hook_describe(r, hook, slcf) != NGX_OK)
    {
        /* its pool is its own, the connection's is the caller's */
        r->logged = 1;
        ngx_http_free_request(r, 0);
        return NULL;
    }

    return r;
}


static ngx_int_t
ngx_http_sio_hook_body(ngx_http_request_t *sr, ngx_sio_hook_t *hook)
{
    u_char                   *p;
    ngx_buf_t                *b;
    ngx_http_request_body_t  *rb;

    rb = ngx_pcalloc(sr->pool, sizeof(ngx_http_request_body_t));
    b = ngx_calloc_buf(sr->pool);
    p = ngx_pnalloc(sr->pool, hook->body.len);

    if (rb == NULL || b == NULL || p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, hook->body.data, hook->body.len);

    b->start = p;
    b->pos = p;
    b->last = p + hook->body.len;
    b->end = b->last;
    b->memory = 1;
    b->last_buf = 1;

    rb->bufs = ngx_alloc_chain_link(sr->pool);
    if (rb->bufs == NULL) {
        return NGX_ERROR;
    }

    rb->bufs->buf = b;
    rb->bufs->next = NULL;
    rb->buf = b;

    sr->request_body = rb;
    sr->method = NGX_HTTP_POST;
    ngx_str_set(&sr->method_name, "POST");

    return NGX_OK;
}


/*
 * Records only: nginx is still busy with the subrequest.  Any other value than
 * NGX_OK lets error_page have its turn, and we are called again.
 */

static ngx_int_t
ngx_http_sio_hook_answered(ngx_http_request_t *sr, void *data, ngx_int_t rc)
{
    ngx_http_sio_hook_ctx_t *ctx = data;

    ngx_buf_t                 *b;
    ngx_http_core_loc_conf_t  *clcf;

    if (ctx->done.posted) {
        return NGX_OK;
    }

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE
        && rc != NGX_HTTP_REQUEST_TIME_OUT
        && rc != NGX_HTTP_CLIENT_CLOSED_REQUEST
        && rc != NGX_HTTP_CLOSE
        && !ctx->paged && !sr->header_sent)
    {
        ctx->paged = 1;

        clcf = ngx_http_get_module_loc_conf(sr, ngx_http_core_module);

        if (clcf->error_pages) {
            return rc;
        }
    }

    ctx->status = sr->headers_out.status;

    if (rc == NGX_ERROR || rc == NGX_HTTP_CLOSE || sr->connection->error) {
        ctx->status = 0;

    } else if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        ctx->status = rc;

    } else if (rc == NGX_HTTP_NO_CONTENT || rc == NGX_HTTP_CREATED) {
        ctx->status = rc;
    }

    if (!ngx_http_sio_hook_usable(sr)) {
        ctx->status = 0;

    } else if (sr->out && sr->out->buf) {
        b = sr->out->buf;

        ctx->answer.len = b->last - b->pos;
        ctx->answer.data = b->pos;
    }

    ngx_post_event(&ctx->done, &ngx_posted_events);

    /* with an error, as of an answer that is too long, nginx would close the
       connection */

    sr->connection->error = 0;

    return NGX_OK;
}


/*
 * What nginx would pass on, and close the client's connection if it must, is
 * no answer: one that ends before its end (the conditions are those of
 * ngx_http_upstream_process_request() and of its unbuffered sibling), and one
 * that is encoded
 */

static ngx_uint_t
ngx_http_sio_hook_usable(ngx_http_request_t *sr)
{
    ngx_table_elt_t      *h;
    ngx_event_pipe_t     *p;
    ngx_http_upstream_t  *u;

    h = sr->headers_out.content_encoding;

    if (h && h->hash && h->value.len) {
        ngx_log_error(NGX_LOG_ERR, sr->connection->log, 0,
                      "sio hook: the answer is encoded, \"Content-Encoding: "
                      "%V\": the location needs \"gunzip on\", or a backend "
                      "that does not", &h->value);
        return 0;
    }

    u = sr->upstream;

    /* or another location answered in its place, or the cache */

    if (u == NULL || !u->header_sent) {
        return 1;
    }

    if (!u->buffering) {
        return u->length == 0 || u->length == -1;
    }

    p = u->pipe;

    return p->upstream_done || (p->upstream_eof && p->length == -1);
}


static void
ngx_http_sio_hook_done(ngx_event_t *ev)
{
    ngx_sio_hook_t           *hook;
    ngx_http_sio_hook_ctx_t  *ctx;

    ctx = ev->data;
    hook = ctx->hook;

    if (ctx->request->blocked) {
        /* out of time, but a thread is at it */
        return;
    }

    hook->asked = NULL;
    hook->status = ctx->status;
    hook->answer.len = 0;
    hook->answer.data = ngx_pnalloc(hook->pool, ctx->answer.len + 1);

    if (hook->answer.data == NULL) {
        hook->status = 0;

    } else if (ctx->answer.len) {
        ngx_memcpy(hook->answer.data, ctx->answer.data, ctx->answer.len);
        hook->answer.len = ctx->answer.len;
    }

    ngx_http_sio_hook_close(ctx);

    ngx_sio_hook_done(hook);
}


static void
ngx_http_sio_hook_close(ngx_http_sio_hook_ctx_t *ctx)
{
    ngx_pool_t        *pool;
    ngx_connection_t  *c;

    c = ctx->connection;
    pool = c->pool;

    ctx->request->logged = 1;
    ngx_http_free_request(ctx->request, 0);

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    ngx_destroy_pool(pool);
}


/* a subrequest that waits, as for limit_rate, comes back by these */

static void
ngx_http_sio_hook_event(ngx_event_t *ev)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    c = ev->data;
    r = c->data;

    if (ev->delayed && ev->timedout) {
        ev->delayed = 0;
        ev->timedout = 0;
    }

    if (ev->write) {
        r->write_event_handler(r);

    } else {
        r->read_event_handler(r);
    }

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_sio_hook_nothing(ngx_http_request_t *r)
{
    /* void */
}


static u_char *
ngx_http_sio_hook_log(ngx_log_t *log, u_char *buf, size_t len)
{
    u_char              *p;
    ngx_http_request_t  *r;
    ngx_http_log_ctx_t  *ctx;

    p = buf;

    if (log->action) {
        p = ngx_snprintf(buf, len, " while %s", log->action);
        len -= p - buf;
        buf = p;
    }

    ctx = log->data;
    r = ctx->current_request ? ctx->current_request : ctx->request;

    if (r) {
        p = ngx_snprintf(buf, len, ", hook: \"%V\"", &r->uri);
        len -= p - buf;
        buf = p;

        if (r->upstream && r->upstream->peer.name) {
            p = ngx_snprintf(buf, len, ", upstream: \"%V\"",
                             r->upstream->peer.name);
        }
    }

    return p;
}
