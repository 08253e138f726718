
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * sio_limit_events.  The buckets are in the zone (ngx_sio_rate.c), so that it
 * does not matter which worker processes a packet.
 */


#include "ngx_sio_worker.h"
#include "ngx_sio_limit.h"


#define NGX_SIO_LIMIT_LOG  1000             /* milliseconds between lines of
                                               one limit and worker */


typedef struct {
    ngx_sio_call_t           *call;
    uint64_t                  now;
    ngx_sio_rate_t            taken[2 * NGX_SIO_MAX_EVENT_LIMITS];
    ngx_uint_t                n;
} ngx_sio_limiting_t;


static ngx_int_t ngx_sio_limit_all(ngx_sio_limiting_t *l,
    ngx_array_t *limits);
static ngx_int_t ngx_sio_limit_one(ngx_sio_limiting_t *l,
    ngx_sio_event_limit_t *limit);
static ngx_uint_t ngx_sio_limit_meant(ngx_sio_call_t *call,
    ngx_sio_event_limit_t *limit);
static ngx_int_t ngx_sio_limit_key(ngx_sio_call_t *call,
    ngx_sio_event_limit_t *limit, ngx_str_t *key);
static void ngx_sio_limit_over(ngx_sio_limiting_t *l,
    ngx_sio_event_limit_t *limit, ngx_str_t *key, uint64_t wait);
static void ngx_sio_limit_log(ngx_sio_call_t *call,
    ngx_sio_event_limit_t *limit, ngx_str_t *key);


ngx_int_t
ngx_sio_call_limit(ngx_sio_call_t *call)
{
    ngx_sio_nsp_t       *nsp;
    ngx_sio_rules_t     *rules;
    ngx_sio_program_t   *program;
    ngx_sio_limiting_t   l;

    rules = call->server->rules;

    if (rules == NULL || !rules->limits_events) {
        return NGX_OK;
    }

    program = rules->program;
    nsp = call->program;

    l.call = call;
    l.n = 0;
    l.now = call->client->arrived ? call->client->arrived
                                  : ngx_sio_rate_now();

    if (ngx_sio_limit_all(&l, &program->limits) == NGX_OK
        && (nsp == NULL || ngx_sio_limit_all(&l, &nsp->limits) == NGX_OK))
    {
        return NGX_OK;
    }

    /* it does not happen: the others' are not used */

    while (l.n) {
        ngx_sio_rate_give(&call->worker->zone, &l.taken[--l.n]);
    }

    return NGX_DECLINED;
}


uint64_t
ngx_sio_limit_clock(ngx_sio_server_t *server)
{
    return (server->rules && server->rules->limits_events)
           ? ngx_sio_rate_now() : 0;
}


static ngx_int_t
ngx_sio_limit_all(ngx_sio_limiting_t *l, ngx_array_t *limits)
{
    ngx_uint_t              i;
    ngx_sio_event_limit_t  *limit;

    limit = limits->elts;

    for (i = 0; i < limits->nelts; i++) {

        if (ngx_sio_limit_meant(l->call, &limit[i])
            && ngx_sio_limit_one(l, &limit[i]) != NGX_OK)
        {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_sio_limit_meant(ngx_sio_call_t *call, ngx_sio_event_limit_t *limit)
{
    ngx_str_t   *name;
    ngx_uint_t   i;

    if (limit->events.nelts == 0) {
        return 1;
    }

    if (call->type != NGX_SIO_CALL_EVENT) {
        return 0;
    }

    name = limit->events.elts;

    for (i = 0; i < limit->events.nelts; i++) {

        if (name[i].len == call->event.len
            && ngx_memcmp(name[i].data, call->event.data, name[i].len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_sio_limit_one(ngx_sio_limiting_t *l, ngx_sio_event_limit_t *limit)
{
    size_t             n;
    uint64_t           wait;
    ngx_int_t          rc;
    ngx_str_t          key;
    ngx_sio_rate_t    *rate;
    ngx_sio_zone_t    *z;
    ngx_sio_client_t  *client;

    z = &l->call->worker->zone;
    client = l->call->client;
    rate = &l->taken[l->n];

    wait = 0;
    n = limit->bytes ? client->packet_size : 1;

    if (n == 0) {
        return NGX_OK;
    }

    rate->cost = ngx_sio_event_limit_cost(limit, n);
    rate->burst = limit->bytes
                  ? ngx_sio_event_limit_cost(limit, limit->burst)
                  : rate->cost * limit->burst;

    if (limit->key == NULL) {

        /* of one session, whatever worker has it */

        key.data = (u_char *) &client->session;
        key.len = sizeof(ngx_sio_handle_t);

        rc = NGX_OK;

    } else {
        rc = ngx_sio_limit_key(l->call, limit, &key);

        if (rc == NGX_OK && key.len == 0) {
            /* as with limit_req */
            return NGX_OK;
        }
    }

    if (rc == NGX_OK) {
        rate->hash = ngx_sio_rate_hash(z, limit->id, key.data, key.len);

        rc = ngx_sio_rate_take(z, rate, l->now, &wait);

        if (rc == NGX_OK) {
            l->n++;
            return NGX_OK;
        }
    }

    ngx_sio_limit_over(l, limit, &key, wait);

    return limit->dry_run ? NGX_OK : NGX_DECLINED;
}


/* one that cannot be told is no way around the limit: NGX_ERROR */

static ngx_int_t
ngx_sio_limit_key(ngx_sio_call_t *call, ngx_sio_event_limit_t *limit,
    ngx_str_t *key)
{
    ngx_sio_nsp_t  *nsp;
    ngx_sio_run_t   run;

    nsp = call->program;

    ngx_memzero(&run, sizeof(ngx_sio_run_t));

    run.call = call;
    run.nsp_regex = nsp ? nsp->regex : NULL;

    ngx_str_null(key);

    return ngx_sio_text_eval(&run, limit->key, key) == NGX_OK ? NGX_OK
                                                              : NGX_ERROR;
}


static void
ngx_sio_limit_over(ngx_sio_limiting_t *l, ngx_sio_event_limit_t *limit,
    ngx_str_t *key, uint64_t wait)
{
    uint64_t         ms;
    ngx_sio_call_t  *call;

    call = l->call;

    ngx_sio_refused(&call->worker->zone,
                    limit->dry_run ? NGX_SIO_REFUSED_EVENT_DRY_RUN
                                   : limit->action);

    ngx_sio_limit_log(call, limit, key);

    if (limit->dry_run) {
        return;
    }

    ms = wait / (NGX_SIO_RATE_SECOND / 1000) + 1;

    ngx_str_set(&call->failure, "too many events");

    call->failure_data.data = ngx_pnalloc(call->pool,
                                          sizeof("{\"retry_after\":.000}")
                                          + NGX_INT64_LEN);

    if (call->failure_data.data) {
        call->failure_data.len = ngx_sprintf(call->failure_data.data,
                                             "{\"retry_after\":%uL.%03uL}",
                                             ms / 1000, ms % 1000)
                                 - call->failure_data.data;
    }

    if (limit->action == NGX_SIO_REFUSED_EVENT_NACK
        && call->type == NGX_SIO_CALL_EVENT)
    {
        ngx_sio_call_fail(call);

    } else if (limit->action == NGX_SIO_REFUSED_EVENT_CLOSE) {
        call->client->close_later = 1;
    }
}


/* a client that sends too much shall not fill the log as well */

static void
ngx_sio_limit_log(ngx_sio_call_t *call, ngx_sio_event_limit_t *limit,
    ngx_str_t *key)
{
    u_char                  key_buf[NGX_SIO_LOG_NAME];
    u_char                  nsp_buf[NGX_SIO_LOG_NAME];
    ngx_str_t               name;
    const char             *what;
    ngx_sio_session_info_t  info;

    limit->over++;

    if (limit->logged
        && ngx_current_msec - limit->logged < NGX_SIO_LIMIT_LOG)
    {
        return;
    }

    if (limit->dry_run) {
        what = "dry run";

    } else if (limit->action == NGX_SIO_REFUSED_EVENT) {
        what = "dropped";

    } else if (limit->action == NGX_SIO_REFUSED_EVENT_NACK) {
        what = "refused";

    } else {
        what = "disconnected";
    }

    name = *key;

    if (limit->key == NULL) {
        ngx_str_null(&name);

        if (ngx_sio_session_info(&call->worker->zone, call->client->session,
                                 &info)
            == NGX_OK)
        {
            name.data = info.sid;
            name.len = NGX_SIO_ID_LEN;
        }
    }

    ngx_log_error(call->server->rules->limits_log_level, call->worker->log, 0,
                  "sio limit: %ui over \"%V\" in %s:%ui, now by \"%*s\" in "
                  "namespace \"%*s\", %s",
                  limit->over, &limit->spelling, limit->file, limit->line,
                  ngx_sio_log_name(key_buf, &name), key_buf,
                  ngx_sio_log_name(nsp_buf, &call->nsp), nsp_buf, what);

    limit->logged = ngx_max(ngx_current_msec, 1);
    limit->over = 0;
}
