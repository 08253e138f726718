
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Answers of many sockets, collected by the worker that asked.  The name of
 * the ack says where that is: no rule's name begins with a zero byte.
 */


#include "ngx_sio_worker.h"
#include "ngx_sio_value.h"
#include "ngx_sio_gather.h"


typedef struct {
    uint32_t  zero;
    uint32_t  slot;
    uint32_t  gen;
    uint32_t  number;
} ngx_sio_gather_name_t;


/* what is no JSON: an answer that was too long to be sent on */

#define NGX_SIO_GATHER_TOO_LONG  "!"
#define NGX_SIO_GATHER_FIRST     1024
#define NGX_SIO_GATHER_EXPIRES   1024       /* milliseconds */


static ngx_int_t ngx_sio_gather_response(ngx_sio_call_t *call,
    ngx_str_t *json);
static ngx_int_t ngx_sio_gather_room(ngx_sio_gather_t *g, size_t len);
static void ngx_sio_gather_unlink(ngx_sio_gather_t *g);
static void ngx_sio_gather_handler(ngx_event_t *ev);


ngx_int_t
ngx_sio_gather_open(ngx_sio_gather_t *g, ngx_sio_call_t *call,
    ngx_sio_event_out_t *out, ngx_msec_t timeout)
{
    ngx_int_t               rc;
    ngx_sio_worker_t       *w;
    ngx_sio_gather_name_t   name;

    w = call->worker;
    g->worker = w;

    if (w->zone.slot == NGX_SIO_NO_SLOT) {
        return NGX_BUSY;
    }

    if (w->gathers.n >= w->server->max_gathers) {
        return NGX_DECLINED;
    }

    do {
        w->gather++;
    } while (ngx_sio_table_lookup(&w->gathers, w->gather));

    name.zero = 0;
    name.slot = (uint32_t) w->zone.slot;
    name.gen = w->zone.slot_gen;
    name.number = w->gather;

    out->ack_name.data = (u_char *) &name;
    out->ack_name.len = sizeof(ngx_sio_gather_name_t);
    out->where.counted = 1;
    out->where.count = 0;

    /*
     * The sockets forget it some time after us: with few different times, as
     * a worker keeps a list for each.
     */

    out->ack_timeout = NGX_SIO_GATHER_EXPIRES;

    while (out->ack_timeout < timeout) {
        out->ack_timeout *= 2;
    }

    rc = ngx_sio_call_emit(call, out);

    ngx_str_null(&out->ack_name);

    if (rc != NGX_OK && rc != NGX_DONE) {
        return NGX_BUSY;
    }

    g->receivers = out->where.count;

    if (g->receivers == 0) {
        return NGX_OK;
    }

    /* no answer can be there yet: they come with the sections that follow */

    ngx_sio_table_insert(&w->gathers, &g->link, name.number);
    g->linked = 1;

    g->event.handler = ngx_sio_gather_handler;
    g->event.data = g;
    g->event.log = w->log;

    ngx_add_timer(&g->event, timeout);

    return NGX_AGAIN;
}


void
ngx_sio_gather_close(ngx_sio_gather_t *g)
{
    ngx_sio_gather_unlink(g);

    if (g->data) {
        ngx_free(g->data);
        g->data = NULL;
        g->cap = 0;
    }
}


static void
ngx_sio_gather_unlink(ngx_sio_gather_t *g)
{
    if (!g->linked) {
        return;
    }

    g->linked = 0;
    ngx_sio_table_remove(&g->worker->gathers, &g->link);

    if (g->event.timer_set) {
        ngx_del_timer(&g->event);
    }

    if (g->event.posted) {
        ngx_delete_posted_event(&g->event);
    }
}


static void
ngx_sio_gather_handler(ngx_event_t *ev)
{
    ngx_sio_gather_t  *g;

    g = ev->data;

    ngx_sio_gather_unlink(g);

    g->done(g);
}


ngx_uint_t
ngx_sio_gathers_end(ngx_sio_worker_t *w)
{
    ngx_uint_t         i;
    ngx_sio_link_t    *link;
    ngx_sio_gather_t  *g;

    for (i = 0; i <= w->gathers.mask; i++) {

        for (link = w->gathers.buckets[i]; link; link = link->next) {
            g = (ngx_sio_gather_t *) link;

            if (!g->event.posted) {
                ngx_post_event(&g->event, &ngx_posted_events);
            }
        }
    }

    return w->gathers.n;
}


ngx_uint_t
ngx_sio_gather_named(const ngx_str_t *name)
{
    return name->len == sizeof(ngx_sio_gather_name_t) && name->data[0] == '\0';
}


void
ngx_sio_gather_answer(ngx_sio_call_t *call)
{
    ngx_int_t               rc;
    ngx_str_t               json;
    ngx_sio_body_t          body;
    ngx_sio_gather_name_t   name;

    ngx_memcpy(&name, call->event.data, sizeof(ngx_sio_gather_name_t));

    if (ngx_sio_gather_response(call, &json) != NGX_OK
        || json.len > call->server->max_answers)
    {
        ngx_str_set(&json, NGX_SIO_GATHER_TOO_LONG);
    }

    ngx_memzero(&body, sizeof(ngx_sio_body_t));

    body.len = json.len;
    body.bufs = &json;
    body.nbufs = 1;

    rc = ngx_sio_reply(&call->worker->zone, name.slot, name.gen, name.number,
                       &body);

    if (rc == NGX_ABORT) {
        ngx_post_event(&call->worker->more, &ngx_posted_events);
    }

    if (rc == NGX_DECLINED || rc == NGX_BUSY) {
        ngx_log_error(NGX_LOG_INFO, call->worker->log, 0,
                      "sio api: a socket's answer is lost, the zone or the "
                      "inbox of the worker that waits for it is full");
    }
}


/* as Node's broadcasts with an ack: the first argument */

static ngx_int_t
ngx_sio_gather_response(ngx_sio_call_t *call, ngx_str_t *json)
{
    ngx_int_t          rc;
    ngx_sio_run_t      run;
    ngx_sio_value_t    value;
    ngx_sio_result_t   result;

    if (call->nargs == 0) {
        ngx_str_set(json, "null");
        return NGX_OK;
    }

    ngx_memzero(&run, sizeof(ngx_sio_run_t));
    ngx_memzero(&value, sizeof(ngx_sio_value_t));
    ngx_memzero(&result, sizeof(ngx_sio_result_t));

    run.call = call;

    value.kind = NGX_SIO_VALUE_JSON;
    value.s = call->args[0];
    value.packet = 1;

    result.plain = 1;

    rc = ngx_sio_value_plain(&run, &value, &result);

    *json = result.json;

    return rc;
}


void
ngx_sio_gather_apply(ngx_sio_worker_t *w, ngx_sio_entry_t *entry)
{
    size_t             len;
    u_char            *p;
    ngx_sio_gather_t  *g;

    g = (ngx_sio_gather_t *) ngx_sio_table_lookup(&w->gathers, entry->ack_id);

    if (g == NULL || g->answered == g->receivers) {
        return;
    }

    len = entry->body.len;

    if (ngx_sio_gather_room(g, len + 1) != NGX_OK) {
        g->truncated = 1;

    } else {

        p = g->data + g->len;

        if (g->len) {
            *p++ = ',';
        }

        ngx_sio_body_read(&w->zone, &entry->body, 0, p, len);

        if (len == sizeof(NGX_SIO_GATHER_TOO_LONG) - 1
            && *p == NGX_SIO_GATHER_TOO_LONG[0])
        {
            g->truncated = 1;

        } else {
            g->len = p + len - g->data;
            g->nresponses++;
        }
    }

    g->answered++;

    if (g->answered == g->receivers && !g->event.posted) {
        ngx_post_event(&g->event, &ngx_posted_events);
    }
}


/* for len bytes more; NGX_DECLINED: past the limit */

static ngx_int_t
ngx_sio_gather_room(ngx_sio_gather_t *g, size_t len)
{
    size_t   cap;
    u_char  *p;

    if (g->len + len > g->worker->server->max_answers) {
        return NGX_DECLINED;
    }

    if (g->len + len <= g->cap) {
        return NGX_OK;
    }

    cap = ngx_max(2 * (g->len + len), NGX_SIO_GATHER_FIRST);

    p = ngx_alloc(cap, g->worker->log);
    if (p == NULL) {
        return NGX_DECLINED;
    }

    if (g->data) {
        ngx_memcpy(p, g->data, g->len);
        ngx_free(g->data);
    }

    g->data = p;
    g->cap = cap;

    return NGX_OK;
}
