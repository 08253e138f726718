
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Tokens: verified once, when a socket connects; what they say is kept with it
 * in the zone, and it ends with them.
 */


#include "ngx_sio_worker.h"


#define NGX_SIO_EXPIRE_MAX  512         /* tokens in one tick */


static ngx_int_t ngx_sio_token_filter(ngx_sio_call_t *call,
    ngx_sio_rules_t *rules);
static ngx_uint_t ngx_sio_token_mentioned(ngx_sio_rules_t *rules,
    const sio_str_t *key);
static void ngx_sio_expire_tell(ngx_sio_worker_t *w, ngx_sio_handle_t socket,
    time_t left);


/* who has no good token does not come in; a client that tries on and on is
   sent away: a signature costs more than any other packet */

ngx_int_t
ngx_sio_token_verify(ngx_sio_call_t *call, ngx_sio_jwt_t *jwt)
{
    ngx_int_t          rc;
    ngx_sio_client_t  *client;
    ngx_sio_rules_t   *rules;

    client = call->client;
    rules = call->server->rules;

    call->has_claims = 1;

    rc = rules->token(call, jwt);

    if (rc == NGX_OK && call->claims.len) {
        call->warn = jwt->event.len ? jwt->grace : 0;
        rc = ngx_sio_token_filter(call, rules);
    }

    if (rc == NGX_OK) {
        return NGX_OK;
    }

    if (rc == NGX_ERROR) {
        ngx_str_set(&call->failure, "internal error");
        return NGX_DECLINED;
    }

    ngx_sio_refused(&call->worker->zone, NGX_SIO_REFUSED_TOKEN);

    if (++client->tokens > call->server->max_tokens) {
        ngx_log_error(NGX_LOG_INFO, call->pool->log, 0,
                      "sio jwt: more than %ui tokens refused, closing",
                      call->server->max_tokens);

        client->close_later = 1;
    }

    return rc;
}


/* of the claims only those that rules mention are kept, as an object */

static ngx_int_t
ngx_sio_token_filter(ngx_sio_call_t *call, ngx_sio_rules_t *rules)
{
    u_char           *p;
    sio_str_t         claims, key, value;
    sio_json_iter_t   it;

    if (rules->all_claims) {
        return NGX_OK;
    }

    p = ngx_pnalloc(call->pool, call->claims.len + 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    claims = ngx_sio_slice(&call->claims);
    sio_json_iter_init(&it, &claims);

    call->claims.data = p;

    *p++ = '{';

    while (sio_json_iter_next(&it, &key, &value) == SIO_OK) {

        if (!ngx_sio_token_mentioned(rules, &key)) {
            continue;
        }

        if (p[-1] != '{') {
            *p++ = ',';
        }

        p = ngx_cpymem(p, key.data, key.len);
        *p++ = ':';
        p = ngx_cpymem(p, value.data, value.len);
    }

    if (p[-1] == '{') {
        call->claims.len = 0;
        return NGX_OK;
    }

    *p++ = '}';

    call->claims.len = p - call->claims.data;

    return NGX_OK;
}


static ngx_uint_t
ngx_sio_token_mentioned(ngx_sio_rules_t *rules, const sio_str_t *key)
{
    ngx_uint_t          i;
    ngx_sio_capture_t  *claim;

    claim = rules->claims.elts;

    for (i = 0; i < rules->claims.nelts; i++) {
        if (sio_json_string_eq(key, claim[i].name.data, claim[i].name.len)
            == SIO_OK)
        {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_sio_call_claims(ngx_sio_call_t *call, ngx_str_t *json)
{
    if (!call->has_claims) {

        if (call->socket.ref && call->server->rules
            && call->server->rules->token
            && ngx_sio_socket_claims(&call->worker->zone, call->socket,
                                     call->pool, &call->claims)
               != NGX_OK)
        {
            ngx_str_null(&call->claims);
        }

        call->has_claims = 1;
    }

    *json = call->claims;

    return json->len ? NGX_OK : NGX_DECLINED;
}


/* what was signed is to be trusted: an array may be one of rooms */

ngx_int_t
ngx_sio_var_jwt(ngx_sio_run_t *run, const ngx_str_t *pointer,
    ngx_sio_value_t *value)
{
    ngx_str_t  json;
    sio_str_t  slice, ptr, out;

    if (ngx_sio_call_claims(run->call, &json) != NGX_OK) {
        return NGX_OK;
    }

    slice = ngx_sio_slice(&json);
    ptr = ngx_sio_slice(pointer);

    if (sio_json_get(&slice, &ptr, &out) != SIO_OK) {
        return NGX_OK;
    }

    value->kind = NGX_SIO_VALUE_JSON;
    value->s.len = out.len;
    value->s.data = out.data;
    value->rooms = 1;

    return NGX_OK;
}


ngx_uint_t
ngx_sio_peer_expired(ngx_sio_peer_t *peer)
{
    if (peer->expires == 0 || ngx_time() < peer->expires) {
        return 0;
    }

    /* no need to wait for the sweep */

    peer->ending = 1;

    return 1;
}


void
ngx_sio_expire_sweep(ngx_sio_worker_t *w)
{
    time_t             expires;
    ngx_uint_t         n, kicked;
    ngx_time_t        *tp;
    ngx_sio_handle_t   socket;

    tp = ngx_timeofday();

    for (n = 0; n < NGX_SIO_EXPIRE_MAX; n++) {

        if (ngx_sio_token_due(&w->zone, ngx_current_msec,
                              (uint64_t) tp->sec * 1000 + tp->msec, &socket,
                              &expires, &kicked)
            != NGX_OK)
        {
            return;
        }

        if (kicked) {
            ngx_log_error(NGX_LOG_INFO, w->log, 0,
                          "sio jwt: a token has expired, disconnecting its "
                          "socket");
            continue;
        }

        ngx_sio_expire_tell(w, socket, expires - tp->sec);
    }
}


/* "expire=EVENT": a word to that one socket, wherever it is */

static void
ngx_sio_expire_tell(ngx_sio_worker_t *w, ngx_sio_handle_t socket, time_t left)
{
    void                   *program;
    u_char                 *p;
    ngx_pool_t             *pool;
    ngx_sio_jwt_t          *jwt;
    ngx_sio_call_t          call;
    ngx_sio_handle_t        session;
    ngx_sio_event_out_t     out;
    ngx_sio_socket_info_t   info;

    pool = ngx_create_pool(1024, w->log);
    if (pool == NULL) {
        return;
    }

    if (ngx_sio_socket_info(&w->zone, socket, pool, &info, &session) != NGX_OK
        || w->server->rules == NULL
        || ngx_sio_rules_app.nsp(w->server->rules, &info.nsp, &program)
           != NGX_OK
        || program == NULL)
    {
        goto done;
    }

    jwt = ((ngx_sio_nsp_t *) program)->jwt;

    if (jwt == NULL || jwt->event.len == 0) {
        /* a reload took it away */
        goto done;
    }

    ngx_memzero(&call, sizeof(ngx_sio_call_t));

    call.type = NGX_SIO_CALL_API;
    call.worker = w;
    call.server = w->server;
    call.pool = pool;
    call.nsp = info.nsp;

    ngx_memzero(&out, sizeof(ngx_sio_event_out_t));

    out.where.nsp = info.nsp;
    out.where.to = &info.id;
    out.where.nto = 1;

    p = ngx_pnalloc(pool, jwt->event.len + sizeof("[,]") - 1 + NGX_TIME_T_LEN);
    if (p == NULL) {
        goto done;
    }

    out.json.data = p;
    out.json.len = ngx_sprintf(p, "[%V,%T]", &jwt->event, left) - p;

    (void) ngx_sio_call_emit(&call, &out);

done:

    ngx_destroy_pool(pool);
}
