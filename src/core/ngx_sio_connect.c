
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * CONNECT: sio_use, then "connect", then the answer with its joins in effect,
 * then what "connect" emitted.  Until the answer nothing of it is in the zone.
 */


#include "ngx_sio_worker.h"


static ngx_int_t ngx_sio_connect_begin(ngx_sio_call_t *call,
    ngx_sio_connect_t *connect);
static ngx_int_t ngx_sio_connect_hooked(ngx_sio_call_t *call);
static ngx_int_t ngx_sio_connect_id(ngx_sio_call_t *call, ngx_str_t *id);
static ngx_int_t ngx_sio_connect_refuse(ngx_sio_client_t *client,
    const ngx_str_t *nsp, const ngx_str_t *text, const ngx_str_t *data,
    ngx_pool_t *pool);
static ngx_int_t ngx_sio_connect_error(ngx_sio_client_t *client,
    const ngx_str_t *nsp, const ngx_str_t *text, const ngx_str_t *data,
    ngx_pool_t *pool);
static ngx_int_t ngx_sio_connect_join(ngx_sio_call_t *call);
static ngx_int_t ngx_sio_connect_answer(ngx_sio_call_t *call, ngx_str_t *buf,
    ngx_sio_body_t *body);
static void ngx_sio_connect_release(ngx_sio_call_t *call, ngx_uint_t refused);


ngx_int_t
ngx_sio_connect(ngx_sio_client_t *client, const ngx_str_t *name,
    const ngx_str_t *auth)
{
    ngx_int_t           rc;
    ngx_str_t           nsp, text;
    ngx_uint_t          n;
    ngx_sio_peer_t     *peer;
    ngx_sio_call_t      call;
    ngx_sio_worker_t   *w;
    ngx_sio_connect_t   connect;

    w = client->worker;

    ngx_sio_call_init(&call, NGX_SIO_CALL_CONNECT, client, NULL);

    nsp.len = name->len;
    nsp.data = ngx_pnalloc(call.pool, ngx_max(nsp.len, 1));
    if (nsp.data == NULL) {
        return NGX_OK;
    }

    ngx_memcpy(nsp.data, name->data, nsp.len);

    if (w->server->rules == NULL) {

        /* a location without rules still is a server with "/" */

        rc = (nsp.len == 1 && nsp.data[0] == '/') ? NGX_OK : NGX_DECLINED;

    } else {
        rc = ngx_sio_rules_app.nsp(w->server->rules, &nsp, &call.program);
    }

    call.nsp = nsp;
    call.auth = *auth;

    if (ngx_sio_call_limit(&call) != NGX_OK) {

        /* an answer in any case: without one the client would wait for ever */

        if (!client->close_later) {
            (void) ngx_sio_connect_refuse(client, &nsp, &call.failure,
                                          &call.failure_data, call.pool);
        }

        goto done;
    }

    if (rc != NGX_OK) {
        ngx_str_set(&text, "Invalid namespace");
        ngx_str_null(&call.failure_data);
        rc = ngx_sio_connect_error(client, &nsp, &text, &call.failure_data,
                                   call.pool);
        goto done;
    }

    n = 0;

    for (peer = client->peers; peer; peer = peer->next) {
        n += !peer->ended;
    }

    if (n >= w->server->limits.max_namespaces) {
        ngx_sio_refused(&w->zone, NGX_SIO_REFUSED_NAMESPACE);
        ngx_str_set(&text, "too many namespaces");
        rc = ngx_sio_connect_refuse(client, &nsp, &text, &call.failure_data,
                                    call.pool);
        goto done;
    }

    if (auth->len > w->server->max_auth) {
        ngx_sio_refused(&w->zone, NGX_SIO_REFUSED_PACKET);

        ngx_str_set(&text, "auth is too large");
        rc = ngx_sio_connect_refuse(client, &nsp, &text, &call.failure_data,
                                    call.pool);
        goto done;
    }

    if (w->server->rules && w->server->rules->waits
        && ngx_sio_rules_app.hooked(&call))
    {
        return ngx_sio_connect_hooked(&call);
    }

    if (ngx_sio_connect_begin(&call, &connect) != NGX_OK) {
        goto done;
    }

    ngx_sio_connect_done(&call, ngx_sio_call_run(&call));

    return client->closed ? NGX_DONE : NGX_OK;

done:

    ngx_sio_call_done(&call);

    return client->closed ? NGX_DONE : NGX_OK;
}


static ngx_int_t
ngx_sio_connect_begin(ngx_sio_call_t *call, ngx_sio_connect_t *connect)
{
    ngx_memzero(connect, sizeof(ngx_sio_connect_t));

    connect->last = &connect->held;
    call->connect = connect;

    if (ngx_sio_connect_id(call, &call->id) != NGX_OK
        || ngx_array_init(&connect->rooms, call->pool, 4, sizeof(ngx_str_t))
           != NGX_OK
        || ngx_array_init(&connect->max, call->pool, 4, sizeof(ngx_uint_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* the same with a call that can wait */

static ngx_int_t
ngx_sio_connect_hooked(ngx_sio_call_t *call)
{
    ngx_int_t           rc;
    ngx_str_t           text, none;
    ngx_sio_hook_t     *hook;
    ngx_sio_client_t   *client;
    ngx_sio_connect_t  *connect;

    client = call->client;

    hook = ngx_sio_hook_keep(call);
    connect = hook ? ngx_palloc(hook->pool, sizeof(ngx_sio_connect_t)) : NULL;

    if (connect == NULL
        || ngx_sio_connect_begin(&hook->call, connect) != NGX_OK)
    {
        if (hook) {
            ngx_sio_hook_free(hook);
        }

        ngx_str_set(&text, "internal error");
        ngx_str_null(&none);

        (void) ngx_sio_connect_refuse(client, &call->nsp, &text, &none,
                                      call->pool);
        ngx_sio_call_done(call);

        return client->closed ? NGX_DONE : NGX_OK;
    }

    ngx_reset_pool(call->pool);

    rc = ngx_sio_call_run(&hook->call);

    if (rc == NGX_AGAIN) {
        ngx_sio_hook_wait(hook);

    } else {
        ngx_sio_hook_end(hook, rc);
    }

    return client->closed ? NGX_DONE : NGX_OK;
}


/* its rules have ended, with rc */

void
ngx_sio_connect_done(ngx_sio_call_t *call, ngx_int_t rc)
{
    ngx_sio_client_t   *client;
    ngx_sio_connect_t  *connect;

    client = call->client;
    connect = call->connect;

    if (rc == NGX_OK) {
        rc = ngx_sio_connect_join(call);
    }

    if (rc == NGX_OK) {
        ngx_sio_connect_release(call, 0);

        if (connect->disconnect) {
            call->peer->ending = 1;
            client->close_later |= connect->close;
        }

    } else if (rc != NGX_DONE) {

        if (call->failure.len == 0) {
            ngx_str_set(&call->failure, "not allowed");
        }

        (void) ngx_sio_connect_refuse(client, &call->nsp, &call->failure,
                                      &call->failure_data, call->pool);

        ngx_sio_connect_release(call, 1);
    }

    /* NGX_DONE: closed meanwhile */

    ngx_sio_call_done(call);
}


ngx_int_t
ngx_sio_connect_root(ngx_sio_client_t *client)
{
    ngx_str_t  nsp, auth;

    ngx_str_set(&nsp, "/");
    ngx_str_null(&auth);

    return ngx_sio_connect(client, &nsp, &auth);
}


/* the same for a session that polls, which has no client of its own */

void
ngx_sio_connect_polling(ngx_sio_worker_t *w, ngx_sio_options_t *options,
    ngx_sio_handle_t session, ngx_uint_t form)
{
    ngx_pool_t        *pool;
    ngx_sio_client_t  *client;

    pool = ngx_create_pool(1024, w->log);
    if (pool == NULL) {
        return;
    }

    client = ngx_sio_client_create(w, options, session, form, pool);

    if (client) {
        (void) ngx_sio_connect_root(client);
        ngx_sio_client_destroy(client);
    }

    ngx_destroy_pool(pool);
}


/* a new one; in Socket.IO v4 the session's, "NSP#SID" in namespaces */

static ngx_int_t
ngx_sio_connect_id(ngx_sio_call_t *call, ngx_str_t *id)
{
    u_char                  *p;
    size_t                   prefix;
    ngx_sio_worker_t        *w;
    ngx_sio_session_info_t   info;

    w = call->worker;

    prefix = (call->client->eio3 && call->nsp.len > 1) ? call->nsp.len + 1 : 0;

    p = ngx_pnalloc(call->pool, prefix + NGX_SIO_ID_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    id->data = p;
    id->len = prefix + NGX_SIO_ID_LEN;

    if (prefix) {
        p = ngx_cpymem(p, call->nsp.data, call->nsp.len);
        *p++ = '#';
    }

    if (!call->client->eio3) {
        ngx_sio_random_id(w, p);
        return NGX_OK;
    }

    if (ngx_sio_session_info(&w->zone, call->client->session, &info)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(p, info.sid, NGX_SIO_ID_LEN);

    return NGX_OK;
}


/* 44[nsp,]{"message":TEXT[,"data":DATA]} */

static ngx_int_t
ngx_sio_connect_error(ngx_sio_client_t *client, const ngx_str_t *nsp,
    const ngx_str_t *text, const ngx_str_t *data, ngx_pool_t *pool)
{
    size_t      len;
    u_char     *p;
    sio_str_t   name;
    ngx_str_t   packet;

    if (ngx_sio_plain(client)) {
        /* there is no packet that says why */
        ngx_sio_client_close(client, NGX_SIO_FORCED_CLOSE, 1);
        return NGX_OK;
    }

    name.data = nsp->data;
    name.len = nsp->len;

    len = sio_packet_write_head(NULL, SIO_CONNECT_ERROR, 0, &name, NULL)
          + sizeof("{\"message\":,\"data\":}") - 1
          + sio_json_string_len(text->data, text->len) + data->len;

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    packet.data = p;

    p += sio_packet_write_head(p, SIO_CONNECT_ERROR, 0, &name, NULL);
    p = ngx_cpymem(p, "{\"message\":", sizeof("{\"message\":") - 1);
    p += sio_json_string_write(p, text->data, text->len);

    if (data->len) {
        p = ngx_cpymem(p, ",\"data\":", sizeof(",\"data\":") - 1);
        p = ngx_cpymem(p, data->data, data->len);
    }

    *p++ = '}';

    packet.len = p - packet.data;

    return ngx_sio_client_send(client, &packet);
}


/* the same by a middleware; in Socket.IO v4 44[nsp,]DATA or 44[nsp,]TEXT */

static ngx_int_t
ngx_sio_connect_refuse(ngx_sio_client_t *client, const ngx_str_t *nsp,
    const ngx_str_t *text, const ngx_str_t *data, ngx_pool_t *pool)
{
    u_char     *p;
    sio_str_t   name, json;
    ngx_str_t   packet;

    if (!client->eio3 || ngx_sio_plain(client)) {
        return ngx_sio_connect_error(client, nsp, text, data, pool);
    }

    name.data = nsp->data;
    name.len = nsp->len;
    json.data = data->data;
    json.len = data->len;

    p = ngx_pnalloc(pool, sio_packet_write_head(NULL, SIO_CONNECT_ERROR, 0,
                                                &name, NULL)
                          + sio_json_string_len(text->data, text->len)
                          + data->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    packet.data = p;

    p += sio_packet_write_head(p, SIO_CONNECT_ERROR, 0, &name, NULL);

    /* what JavaScript takes for false is no data */

    if (sio_json_truthy(&json)) {
        p = ngx_cpymem(p, data->data, data->len);

    } else {
        p += sio_json_string_write(p, text->data, text->len);
    }

    packet.len = p - packet.data;

    return ngx_sio_client_send(client, &packet);
}


/* one section: socket, rooms, answer.  NGX_OK, NGX_DECLINED with the failure
   set, NGX_DONE */

static ngx_int_t
ngx_sio_connect_join(ngx_sio_call_t *call)
{
    ngx_int_t                 rc;
    ngx_str_t                 buf;
    ngx_sio_peer_t           *peer;
    ngx_sio_body_t            body;
    ngx_sio_client_t         *client;
    ngx_sio_worker_t         *w;
    ngx_sio_connect_t        *connect;
    ngx_sio_socket_params_t   params;

    w = call->worker;
    client = call->client;
    connect = call->connect;

    if (ngx_sio_connect_answer(call, &buf, &body) != NGX_OK) {
        return NGX_DECLINED;
    }

    peer = ngx_sio_peer_create(client, &call->nsp, &call->id);
    if (peer == NULL) {
        return NGX_DECLINED;
    }

    peer->program = call->program;
    peer->expires = call->expires;

    ngx_memzero(&params, sizeof(ngx_sio_socket_params_t));

    params.nsp = call->nsp;
    ngx_memcpy(params.id, call->id.data + call->id.len - NGX_SIO_ID_LEN,
               NGX_SIO_ID_LEN);
    params.prefixed = (call->id.len > NGX_SIO_ID_LEN);

    if (call->server->rules && call->server->rules->needs_auth) {
        params.auth = call->auth;
    }

    params.data = connect->data;
    params.user = connect->user;
    params.token.claims = call->claims;
    params.token.expires = call->expires;
    params.token.warn = call->warn;
    params.rooms = connect->rooms.elts;
    params.max = connect->max.elts;
    params.nrooms = connect->rooms.nelts;

    if (client->websocket) {
        w->connecting = peer;
    }

    rc = ngx_sio_socket_connect(&w->zone, client->session, &params,
                                ngx_sio_plain(client) ? NULL : &body,
                                &peer->socket);

    w->connecting = NULL;

    if (rc == NGX_OK) {
        call->peer = peer;
        call->socket = peer->socket;
        client->joined = 1;
        ngx_sio_timer_del(&client->connect);
        return NGX_OK;
    }

    ngx_sio_peer_destroy(peer);

    switch (rc) {

    case NGX_DECLINED:
        ngx_str_set(&call->failure, "room is full");
        return NGX_DECLINED;

    case NGX_AGAIN:
        ngx_sio_identity_full(call);
        return NGX_DECLINED;

    case NGX_DONE:
    case NGX_ABORT:
        return NGX_DONE;

    default:
        ngx_str_set(&call->failure, "server is full");
        return NGX_DECLINED;
    }
}


/* 40[nsp,]{"sid":"..."}, in Socket.IO v4 without the object */

static ngx_int_t
ngx_sio_connect_answer(ngx_sio_call_t *call, ngx_str_t *buf,
    ngx_sio_body_t *body)
{
    u_char     *p;
    sio_str_t   nsp;
    ngx_str_t   head, json;

    nsp.data = call->nsp.data;
    nsp.len = call->nsp.len;

    head.len = sio_packet_write_head(NULL, SIO_CONNECT, 0, &nsp, NULL);
    json.len = call->client->eio3
               ? 0 : sizeof("{\"sid\":\"\"}") - 1 + call->id.len;

    p = ngx_pnalloc(call->pool, head.len + json.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    head.data = p;
    p += sio_packet_write_head(p, SIO_CONNECT, 0, &nsp, NULL);

    json.data = p;

    if (json.len) {
        p = ngx_cpymem(p, "{\"sid\":\"", sizeof("{\"sid\":\"") - 1);
        p = ngx_cpymem(p, call->id.data, call->id.len);
        *p++ = '"';
        *p++ = '}';
    }

    return ngx_sio_body_build(call->pool, &head, &json, NULL, 0, buf, body);
}


/* emits that were held back; of a refused socket only those to others */

static void
ngx_sio_connect_release(ngx_sio_call_t *call, ngx_uint_t refused)
{
    ngx_sio_held_t     *held;
    ngx_sio_connect_t  *connect;

    connect = call->connect;
    call->connect = NULL;

    for (held = connect->held; held; held = held->next) {

        if (refused && held->out.where.self) {
            continue;
        }

        (void) ngx_sio_call_emit(call, &held->out);
    }
}
