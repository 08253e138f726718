
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Calls that wait for a hook.  Such a call is kept, all its bytes in a pool of
 * its own, from before its first action on; the client's packets that come
 * behind wait in turn.  Where nobody can wait (a socket's end, "async") the
 * rules go on at once, as Node's do behind an async handler.
 */


#include "ngx_sio_worker.h"


#define NGX_SIO_HOOK_LINE  512              /* bytes, in the log */


ngx_str_t  ngx_sio_lives[NGX_SIO_NLIVES] = {
    ngx_string("create-room"),
    ngx_string("join-room"),
    ngx_string("leave-room"),
    ngx_string("delete-room")
};


static ngx_int_t ngx_sio_hook_args(ngx_sio_call_t *call);
static ngx_sio_peer_t *ngx_sio_hook_peer(ngx_sio_hook_t *hook,
    ngx_sio_client_t *client);
static void ngx_sio_hook_resume(ngx_sio_client_t *client);
static void ngx_sio_hook_unhold(ngx_sio_client_t *client);


ngx_int_t
ngx_sio_hook_copy(ngx_pool_t *pool, ngx_str_t *s)
{
    u_char  *p;

    p = ngx_pnalloc(pool, s->len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (s->len) {
        ngx_memcpy(p, s->data, s->len);
    }

    s->data = p;

    return NGX_OK;
}


ngx_sio_hook_t *
ngx_sio_hook_create(ngx_sio_worker_t *w)
{
    ngx_sio_hook_t  *hook;

    if (w->ended) {
        ngx_sio_hook_failed(w, NGX_SIO_HOOK_FAILED, "the worker is exiting");
        return NULL;
    }

    if (w->nhooks >= w->server->max_hooks) {
        ngx_sio_hook_failed(w, NGX_SIO_HOOK_BUSY,
                            "%ui are in progress already, which is the "
                            "limit \"hooks\"", w->nhooks);
        return NULL;
    }

    hook = ngx_calloc(sizeof(ngx_sio_hook_t), w->log);
    if (hook == NULL) {
        return NULL;
    }

    hook->pool = ngx_create_pool(1024, w->log);
    if (hook->pool == NULL) {
        ngx_free(hook);
        return NULL;
    }

    ngx_queue_insert_tail(&w->hooks, &hook->queue);
    w->nhooks++;

    hook->call.worker = w;

    return hook;
}


ngx_sio_hook_t *
ngx_sio_hook_keep(ngx_sio_call_t *from)
{
    ngx_sio_call_t  *call;
    ngx_sio_hook_t  *hook;

    hook = ngx_sio_hook_create(from->worker);
    if (hook == NULL) {
        return NULL;
    }

    hook->session = from->client->session;
    hook->call = *from;

    call = &hook->call;
    call->hook = hook;
    call->pool = hook->pool;

    if (ngx_sio_hook_copy(hook->pool, &call->nsp) != NGX_OK
        || ngx_sio_hook_copy(hook->pool, &call->id) != NGX_OK
        || ngx_sio_hook_copy(hook->pool, &call->event) != NGX_OK
        || ngx_sio_hook_copy(hook->pool, &call->ack) != NGX_OK
        || ngx_sio_hook_copy(hook->pool, &call->auth) != NGX_OK
        || ngx_sio_hook_copy(hook->pool, &call->reason) != NGX_OK
        || ngx_sio_hook_copy(hook->pool, &call->error) != NGX_OK
        || ngx_sio_hook_copy(hook->pool, &call->data) != NGX_OK
        || ngx_sio_hook_copy(hook->pool, &call->user) != NGX_OK
        || ngx_sio_hook_copy(hook->pool, &call->claims) != NGX_OK
        || ngx_sio_hook_copy(hook->pool, &call->failure) != NGX_OK
        || ngx_sio_hook_copy(hook->pool, &call->failure_data) != NGX_OK
        || ngx_sio_hook_args(call) != NGX_OK)
    {
        ngx_sio_hook_free(hook);
        return NULL;
    }

    return hook;
}


/* the arguments are slices of args_json */

static ngx_int_t
ngx_sio_hook_args(ngx_sio_call_t *call)
{
    u_char      *old;
    ngx_str_t   *args, *attachments;
    ngx_uint_t   i;

    old = call->args_json.data;

    if (ngx_sio_hook_copy(call->pool, &call->args_json) != NGX_OK) {
        return NGX_ERROR;
    }

    args = ngx_palloc(call->pool, (call->nargs + 1) * sizeof(ngx_str_t));
    attachments = ngx_palloc(call->pool,
                             (call->nattachments + 1) * sizeof(ngx_str_t));

    if (args == NULL || attachments == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < call->nargs; i++) {
        args[i].data = call->args_json.data + (call->args[i].data - old);
        args[i].len = call->args[i].len;
    }

    for (i = 0; i < call->nattachments; i++) {

        attachments[i] = call->attachments[i];

        if (ngx_sio_hook_copy(call->pool, &attachments[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    call->args = args;
    call->attachments = attachments;

    return NGX_OK;
}


void
ngx_sio_hook_free(ngx_sio_hook_t *hook)
{
    if (hook->client) {
        hook->client->nhooks--;

        if (hook->call.type == NGX_SIO_CALL_CONNECT) {
            hook->client->hooked = 0;
        }
    }

    ngx_queue_remove(&hook->queue);
    hook->call.worker->nhooks--;

    ngx_sio_life_wake(hook->call.worker);

    ngx_destroy_pool(hook->pool);
    ngx_free(hook);
}


void
ngx_sio_hook_failed(ngx_sio_worker_t *w, ngx_sio_hook_e what,
    const char *fmt, ...)
{
    u_char               buf[NGX_SIO_HOOK_LINE], *p;
    va_list              args;
    uint32_t             hash;
    ngx_uint_t           i;
    ngx_sio_hook_log_t  *log;

    ngx_sio_hook_count(&w->zone, what, 1);

    va_start(args, fmt);
    p = ngx_vslprintf(buf, buf + NGX_SIO_HOOK_LINE, fmt, args);
    va_end(args);

    hash = ngx_crc32_short(buf, p - buf);
    log = &w->hook_log;

    if (log->sec != ngx_time()) {

        if (log->silent) {
            ngx_log_error(NGX_LOG_ERR, w->log, 0,
                          "sio hook: %ui failures before were not logged",
                          log->silent);
        }

        log->sec = ngx_time();
        log->n = 0;
        log->silent = 0;
    }

    for (i = 0; i < log->n && log->hash[i] != hash; i++) { /* void */ }

    if (i < log->n || i == NGX_SIO_HOOK_LINES) {
        log->silent++;
        return;
    }

    log->hash[log->n++] = hash;

    ngx_log_error(NGX_LOG_ERR, w->log, 0, "sio hook: %*s",
                  (size_t) (p - buf), buf);
}


void
ngx_sio_hook_type(const ngx_sio_hook_t *hook, ngx_str_t *type)
{
    if (hook->lane) {
        *type = ngx_sio_lives[hook->life];
        return;
    }

    switch (hook->call.type) {

    case NGX_SIO_CALL_CONNECT:
        ngx_str_set(type, "connect");
        break;

    case NGX_SIO_CALL_EVENT:
        ngx_str_set(type, "event");
        break;

    case NGX_SIO_CALL_ACK:
        ngx_str_set(type, "ack");
        break;

    case NGX_SIO_CALL_DISCONNECTING:
        ngx_str_set(type, "disconnecting");
        break;

    default:
        ngx_str_set(type, "disconnect");
    }
}


/*
 * An event or answer whose rules may wait: NGX_AGAIN, all that is to be done
 * behind them is done here; NGX_DECLINED: it could not be kept
 */

ngx_int_t
ngx_sio_hook_run(ngx_sio_call_t *call)
{
    ngx_int_t        rc;
    ngx_sio_hook_t  *hook;

    hook = ngx_sio_hook_keep(call);

    if (hook == NULL) {
        ngx_str_set(&call->failure, "internal error");
        return NGX_DECLINED;
    }

    rc = ngx_sio_rules_app.run(&hook->call);

    if (rc != NGX_AGAIN) {
        ngx_sio_hook_end(hook, rc);

    } else {
        ngx_sio_hook_wait(hook);
    }

    return NGX_AGAIN;
}


/* a client that goes before the answer comes, or has another hook to wait for,
   is made anew then */

void
ngx_sio_hook_wait(ngx_sio_hook_t *hook)
{
    ngx_sio_client_t  *client;

    client = hook->call.client;

    if (ngx_sio_hook_full(client)
        || (!client->websocket && client->post == NULL))
    {
        hook->borrow = 1;

    } else {
        hook->client = client;
        client->nhooks++;
        client->hooked = (hook->call.type == NGX_SIO_CALL_CONNECT);
    }

    hook->call.client = NULL;
    hook->call.peer = NULL;
}


void
ngx_sio_hook_done(ngx_sio_hook_t *hook)
{
    ngx_int_t          rc;
    ngx_pool_t        *pool;
    ngx_sio_call_t    *call;
    ngx_sio_client_t  *client;

    call = &hook->call;

    ngx_sio_worker_catch_up(call->worker);

    if (hook->lane) {
        ngx_sio_life_done(hook);
        return;
    }

    pool = NULL;

    client = hook->borrow ? ngx_sio_client_borrow(call->worker, hook->session,
                                                  &pool)
                          : hook->client;

    call->client = client;
    call->peer = client ? ngx_sio_hook_peer(hook, client) : NULL;

    if (client == NULL && call->type == NGX_SIO_CALL_CONNECT) {
        /* nobody is there to be connected */
        ngx_sio_hook_free(hook);
        return;
    }

    rc = ngx_sio_hook_answer(hook);

    if (rc == NGX_OK && !hook->async
        && (call->peer || (client && call->connect)))
    {
        rc = ngx_sio_rules_app.resume(hook);

        if (rc == NGX_AGAIN) {
            call->client = NULL;
            call->peer = NULL;
            ngx_sio_client_return(client, pool);
            return;
        }
    }

    ngx_sio_hook_end(hook, rc);

    ngx_sio_client_return(client, pool);
}


static ngx_sio_peer_t *
ngx_sio_hook_peer(ngx_sio_hook_t *hook, ngx_sio_client_t *client)
{
    ngx_sio_peer_t  *peer;

    peer = ngx_sio_client_peer(client, &hook->call.nsp);

    if (peer && hook->async && hook->call.type == NGX_SIO_CALL_CONNECT) {
        /* it has become a socket meanwhile */
        hook->call.socket = peer->socket;
        return peer;
    }

    if (peer
        && peer->socket.ref == hook->call.socket.ref
        && peer->socket.gen == hook->call.socket.gen)
    {
        return peer;
    }

    return NULL;
}


/* what is left to do behind a call that was kept */

void
ngx_sio_hook_end(ngx_sio_hook_t *hook, ngx_int_t rc)
{
    ngx_sio_call_t    *call;
    ngx_sio_client_t  *client;

    call = &hook->call;
    client = hook->client;

    if (call->type == NGX_SIO_CALL_CONNECT && !hook->async) {
        ngx_sio_connect_done(call, rc);

    } else {

        if (rc == NGX_DECLINED && call->type == NGX_SIO_CALL_EVENT
            && call->peer && !hook->async)
        {
            ngx_sio_call_fail(call);
        }

        ngx_sio_call_done(call);
    }

    ngx_sio_hook_free(hook);

    if (client) {
        ngx_sio_hook_resume(client);
    }
}


/*
 * Packets that came meanwhile.  An acknowledgement is not one to wait: the
 * backend itself may want it.  1: process it now
 */

ngx_uint_t
ngx_sio_hook_passes(ngx_sio_client_t *client, sio_eio_packet_t *pkt)
{
    return !pkt->binary && pkt->data.len && pkt->data.data[0] == '0' + SIO_ACK
           && client->partial == NULL
           && (client->held == NULL || client->held->need == 0)
           && !ngx_sio_plain(client)
           && !client->worker->server->rules->ack_waits;
}


ngx_int_t
ngx_sio_hook_hold(ngx_sio_client_t *client, ngx_uint_t binary, u_char *p,
    size_t len)
{
    size_t                   need, cap;
    u_char                  *data;
    uint64_t                 arrived;
    ngx_sio_held_packets_t  *held;

    held = client->held;

    if (held == NULL) {

        held = ngx_calloc(sizeof(ngx_sio_held_packets_t),
                          client->worker->log);
        if (held == NULL) {
            goto failed;
        }

        client->held = held;
    }

    need = held->len + sizeof(uint64_t) + NGX_SIO_PART_HEAD + len;

    if (need > held->cap) {

        cap = ngx_max(need, 2 * held->cap);

        data = ngx_alloc(cap, client->worker->log);
        if (data == NULL) {
            goto failed;
        }

        if (held->data) {
            ngx_memcpy(data, held->data, held->len);
            ngx_free(held->data);
        }

        held->data = data;
        held->cap = cap;
    }

    arrived = ngx_sio_limit_clock(client->worker->server);
    ngx_memcpy(held->data + held->len, &arrived, sizeof(uint64_t));
    held->len += sizeof(uint64_t);

    held->len += ngx_sio_part_write(held->data + held->len, binary, p, len);

    if (binary) {
        held->need -= (held->need != 0);

    } else if (len && (p[0] == '0' + SIO_BINARY_EVENT
                       || p[0] == '0' + SIO_BINARY_ACK))
    {
        held->need = ngx_sio_attachments(p, len);
    }

    if (client->conn
        && held->len > client->worker->server->max_held)
    {
        ngx_sio_conn_pause(client);
    }

    return NGX_OK;

failed:

    ngx_sio_client_close(client, NGX_SIO_TRANSPORT_ERROR, 0);

    return NGX_DONE;
}


static void
ngx_sio_hook_unhold(ngx_sio_client_t *client)
{
    if (client->held) {

        if (client->held->data) {
            ngx_free(client->held->data);
        }

        ngx_free(client->held);
        client->held = NULL;
    }
}


/* the client goes */

void
ngx_sio_hook_forget(ngx_sio_client_t *client)
{
    ngx_queue_t     *q, *hooks;
    ngx_sio_hook_t  *hook;

    hooks = &client->worker->hooks;

    for (q = ngx_queue_head(hooks);
         client->nhooks && q != ngx_queue_sentinel(hooks);
         q = ngx_queue_next(q))
    {
        hook = ngx_queue_data(q, ngx_sio_hook_t, queue);

        if (hook->client == client) {
            hook->client = NULL;
            client->nhooks--;
        }
    }

    ngx_sio_hook_unhold(client);
}


static void
ngx_sio_hook_resume(ngx_sio_client_t *client)
{
    size_t                   len;
    u_char                  *p;
    uint32_t                 word;
    ngx_sio_held_packets_t  *held;

    if (client->post) {
        ngx_sio_post_resume(client->post);
        return;
    }

    held = client->held;

    while (held && held->pos < held->len && !ngx_sio_hook_full(client)
           && !client->closed)
    {
        p = held->data + held->pos;

        ngx_memcpy(&client->arrived, p, sizeof(uint64_t));
        p += sizeof(uint64_t);

        ngx_memcpy(&word, p, NGX_SIO_PART_HEAD);

        p += NGX_SIO_PART_HEAD;
        len = word >> 1;

        held->pos += sizeof(uint64_t) + NGX_SIO_PART_HEAD + len;

        if (word & 1) {
            (void) ngx_sio_dispatch_binary(client, p, len);

        } else {
            (void) ngx_sio_dispatch_text(client, p, len);
        }
    }

    client->arrived = 0;

    if (!client->closed && held && held->pos < held->len) {
        return;
    }

    ngx_sio_hook_unhold(client);

    if (client->conn && client->conn->paused) {
        ngx_sio_conn_resume(client);
    }
}


/* a client whose POST is held cannot say that it is alive */

void
ngx_sio_hooks_alive(ngx_sio_worker_t *w)
{
    ngx_queue_t     *q;
    ngx_sio_hook_t  *hook;

    for (q = ngx_queue_head(&w->hooks);
         q != ngx_queue_sentinel(&w->hooks);
         q = ngx_queue_next(q))
    {
        hook = ngx_queue_data(q, ngx_sio_hook_t, queue);

        if (hook->client && hook->client->post) {
            (void) ngx_sio_session_held(&w->zone, hook->session,
                                        ngx_current_msec);
        }
    }
}


/*
 * nginx closes all connections then, but a backend's knows nothing of it, and
 * its timer would keep the worker
 */

void
ngx_sio_hooks_end_handler(ngx_event_t *ev)
{
    ngx_queue_t       *q;
    ngx_sio_hook_t    *hook;
    ngx_sio_worker_t  *w;

    w = ev->data;
    w->ended = 1;

    for (q = ngx_queue_head(&w->hooks);
         q != ngx_queue_sentinel(&w->hooks);
         q = ngx_queue_next(q))
    {
        hook = ngx_queue_data(q, ngx_sio_hook_t, queue);

        if (hook->asked && !hook->asked->posted) {
            ngx_post_event(hook->asked, &ngx_posted_events);
        }
    }
}
