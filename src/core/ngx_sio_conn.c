
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * A WebSocket of this worker: its unsent messages, and Engine.IO over it:
 * handshake, heartbeat, upgrade, close.
 */


#include "ngx_sio_worker.h"


#define NGX_SIO_OUT_KEEP  8     /* entries that an idle ring may hold on to */


static ngx_int_t ngx_sio_conn_grow(ngx_sio_conn_t *conn);
static ngx_int_t ngx_sio_conn_candidate_message(ngx_sio_conn_t *conn,
    u_char *data, size_t len);
static void ngx_sio_conn_probe(ngx_sio_conn_t *conn);
static void ngx_sio_conn_unprobe(ngx_sio_conn_t *conn);
static void ngx_sio_conn_become(ngx_sio_conn_t *conn,
    ngx_sio_session_info_t *info, ngx_sio_batch_t *batch,
    ngx_sio_membership_t *members, ngx_uint_t n, ngx_pool_t *pool,
    ngx_str_t *partial);
static ngx_int_t ngx_sio_conn_append_batch(ngx_sio_conn_t *conn,
    ngx_sio_batch_t *batch);
static void ngx_sio_conn_take_acks(ngx_sio_client_t *client,
    ngx_pool_t *pool);
static void ngx_sio_conn_forget(ngx_sio_conn_t *conn);
static void ngx_sio_conn_await_pong(ngx_sio_client_t *client);
static void ngx_sio_conn_refresh(ngx_sio_client_t *client);


void
ngx_sio_conn_init(ngx_sio_conn_t *conn)
{
    conn->out = conn->first;
    conn->cap = NGX_SIO_OUT_INLINE;
}


void
ngx_sio_conn_cleanup(ngx_sio_conn_t *conn)
{
    ngx_sio_conn_forget(conn);

    if (conn->is_dirty) {
        ngx_queue_remove(&conn->dirty);
        conn->is_dirty = 0;
    }

    while (conn->nout) {
        ngx_sio_buf_release(conn->out[conn->head].buf);
        conn->head = (conn->head + 1) % conn->cap;
        conn->nout--;
    }

    if (conn->out != conn->first) {
        ngx_free(conn->out);
    }

    ngx_sio_conn_deflate_end(conn);

    conn->unsent = 0;
    conn->head = 0;
    ngx_sio_conn_init(conn);
}


/* unlinks a candidate; the client's side is the caller's business */

static void
ngx_sio_conn_forget(ngx_sio_conn_t *conn)
{
    if (conn->candidate) {
        ngx_sio_table_remove(&conn->worker->candidates, &conn->link);
        conn->candidate = 0;
    }

    ngx_sio_timer_del(&conn->timer);

    if (conn->client) {
        conn->client->conn = NULL;
        conn->client = NULL;
    }
}


static ngx_int_t
ngx_sio_conn_grow(ngx_sio_conn_t *conn)
{
    uint32_t        i, cap;
    ngx_sio_out_t  *out;

    cap = conn->cap * 4;

    out = ngx_alloc(cap * sizeof(ngx_sio_out_t), conn->worker->log);
    if (out == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < conn->nout; i++) {
        out[i] = conn->out[(conn->head + i) % conn->cap];
    }

    if (conn->out != conn->first) {
        ngx_free(conn->out);
    }

    conn->out = out;
    conn->cap = cap;
    conn->head = 0;

    return NGX_OK;
}


ngx_int_t
ngx_sio_conn_queue(ngx_sio_conn_t *conn, ngx_sio_buf_t *buf)
{
    uint32_t        i;
    ngx_sio_buf_t  *own;

    if (conn->closed || conn->overflow) {
        return NGX_DONE;
    }

    if (buf->len == 0) {
        /* what this form cannot say */
        return NGX_OK;
    }

    own = NULL;

    if (conn->contexts) {
        own = ngx_sio_buf_deflated_own(conn, buf);
        buf = own;

    } else if (conn->deflate.level) {
        buf = ngx_sio_buf_deflated(conn, buf);
    }

    if (buf == NULL
        || (conn->nout == conn->cap && ngx_sio_conn_grow(conn) != NGX_OK)
        || (conn->nout
            && conn->unsent + buf->len > conn->worker->server->max_buffer))
    {
        /* closed from the event loop: this may be the middle of a fan-out */
        conn->overflow = 1;
        ngx_sio_worker_dirty(conn->worker, conn);

        if (own) {
            ngx_sio_buf_release(own);
        }

        return NGX_ERROR;
    }

    i = conn->head + conn->nout;

    if (i >= conn->cap) {
        i -= conn->cap;
    }

    conn->out[i].buf = buf;
    conn->out[i].sent = 0;
    conn->nout++;
    conn->unsent += buf->len;

    if (own == NULL) {
        buf->refs++;
    }

    ngx_sio_worker_dirty(conn->worker, conn);

    return NGX_OK;
}


ngx_int_t
ngx_sio_conn_append(ngx_sio_conn_t *conn, const u_char *p, size_t len)
{
    ngx_int_t       rc;
    ngx_sio_buf_t  *buf;

    buf = ngx_sio_buf_create(len);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(buf->data, p, len);

    rc = ngx_sio_conn_queue(conn, buf);
    ngx_sio_buf_release(buf);

    return rc;
}


/* a message.  NGX_OK, NGX_DONE: closed, NGX_ERROR */

ngx_int_t
ngx_sio_conn_send(ngx_sio_conn_t *conn, const ngx_sio_body_t *body)
{
    ngx_int_t       rc;
    ngx_sio_buf_t  *frames;

    frames = ngx_sio_frames(conn->worker, body, conn->form);
    if (frames == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_sio_conn_queue(conn, frames);
    ngx_sio_buf_release(frames);

    return rc;
}


/* an Engine.IO packet as one text frame */

ngx_int_t
ngx_sio_conn_send_text(ngx_sio_conn_t *conn, const u_char *p, size_t len)
{
    u_char         *dst;
    ngx_int_t       rc;
    ngx_sio_buf_t  *buf;

    buf = ngx_sio_buf_create(sio_ws_header_len(len) + len);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    dst = buf->data + sio_ws_write_header(buf->data, SIO_WS_TEXT, len);
    ngx_memcpy(dst, p, len);

    rc = ngx_sio_conn_queue(conn, buf);
    ngx_sio_buf_release(buf);

    return rc;
}


void
ngx_sio_conn_sent(ngx_sio_conn_t *conn, size_t n)
{
    size_t          left;
    ngx_sio_out_t  *out;

    conn->unsent -= ngx_min(n, conn->unsent);

    while (n && conn->nout) {

        out = &conn->out[conn->head];
        left = out->buf->len - out->sent;

        if (n < left) {
            out->sent += n;
            return;
        }

        n -= left;
        ngx_sio_buf_release(out->buf);

        conn->nout--;
        conn->head++;

        if (conn->head == conn->cap) {
            conn->head = 0;
        }
    }

    if (conn->nout == 0) {
        conn->head = 0;

        if (conn->cap > NGX_SIO_OUT_KEEP) {
            ngx_free(conn->out);
            ngx_sio_conn_init(conn);
        }
    }
}


ngx_int_t
ngx_sio_conn_open(ngx_sio_conn_t *conn, const ngx_str_t *info,
    const u_char *address)
{
    u_char                     open[SIO_EIO_OPEN_MAX];
    size_t                     len;
    ngx_int_t                  rc;
    ngx_sio_worker_t          *w;
    ngx_sio_client_t          *client;
    ngx_sio_handle_t           session;
    ngx_sio_options_t         *options;
    ngx_sio_session_params_t   params;

    w = conn->worker;
    options = conn->options;

    ngx_memzero(&params, sizeof(ngx_sio_session_params_t));

    if (options->msgpack) {
        conn->form |= NGX_SIO_FORM_MSGPACK;
    }

    ngx_sio_random_id(w, params.sid);
    params.location = options->key;
    params.form = conn->form;
    params.websocket = 1;
    params.ping_interval = options->ping_interval;
    params.ping_timeout = options->ping_timeout;
    params.connect_timeout = options->connect_timeout;
    params.info = *info;
    params.address = address;

    rc = ngx_sio_session_create(&w->zone, &params, ngx_current_msec, &session);

    if (rc != NGX_OK) {

        if (rc == NGX_ABORT) {
            ngx_sio_worker_abort(w);
        }

        return (rc == NGX_BUSY || rc == NGX_DECLINED) ? rc : NGX_ERROR;
    }

    client = ngx_sio_client_create(w, options, session, NULL);

    if (client == NULL) {
        (void) ngx_sio_session_close(&w->zone, session,
                                     NGX_SIO_TRANSPORT_ERROR, 0);
        return NGX_ERROR;
    }

    client->conn = conn;
    conn->client = client;

    ngx_sio_timer_add(w, &client->timer, NGX_SIO_TIMER_PING,
                      options->ping_interval,
                      ngx_current_msec + options->ping_interval);

    ngx_sio_timer_add(w, &client->connect, NGX_SIO_TIMER_CONNECT,
                      options->connect_timeout,
                      ngx_current_msec + options->connect_timeout);

    len = sio_eio_write_open(open, params.sid, 0, options->ping_interval,
                             options->ping_timeout,
                             options->max_http_buffer_size);

    if (ngx_sio_conn_send_text(conn, open, len) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_sio_plain(client)) {
        (void) ngx_sio_plain_open(client);
    }

    return NGX_OK;
}


/* Engine.IO v4, Heartbeat */

void
ngx_sio_conn_ping(ngx_sio_client_t *client)
{
    u_char  ping;

    if (client->conn == NULL || client->closed) {
        return;
    }

    ping = SIO_EIO_PING;

    (void) ngx_sio_conn_send_text(client->conn, &ping, 1);

    client->refreshed = 0;

    ngx_sio_conn_await_pong(client);
}


static void
ngx_sio_conn_await_pong(ngx_sio_client_t *client)
{
    ngx_sio_timer_add(client->worker, &client->timer, NGX_SIO_TIMER_PONG,
                      client->options->ping_timeout,
                      ngx_current_msec + client->options->ping_timeout);
}


/* any packet is a sign of life: once for each ping it begins the time for the
   pong anew (protocol, 0) */

static void
ngx_sio_conn_refresh(ngx_sio_client_t *client)
{
    if (client->timer.set && client->timer.type == NGX_SIO_TIMER_PONG
        && !client->refreshed)
    {
        client->refreshed = 1;
        ngx_sio_conn_await_pong(client);
    }
}


void
ngx_sio_conn_begin(ngx_sio_conn_t *conn)
{
    if (conn->client) {
        ngx_sio_client_sweep(conn->client);
    }
}


ngx_int_t
ngx_sio_conn_message(ngx_sio_conn_t *conn, ngx_uint_t binary, u_char *data,
    size_t len)
{
    ngx_sio_client_t  *client;
    sio_eio_packet_t   pkt;

    if (conn->closed) {
        return NGX_DONE;
    }

    ngx_sio_worker_catch_up(conn->worker);

    if (conn->candidate) {
        return ngx_sio_conn_candidate_message(conn, binary ? NULL : data, len);
    }

    client = conn->client;

    if (client == NULL || client->closed) {
        return NGX_DONE;
    }

    if (binary) {
        ngx_sio_conn_refresh(client);
        return ngx_sio_dispatch_binary(client, data, len);
    }

    if (sio_eio_parse(data, len, &pkt) != SIO_OK) {
        ngx_sio_client_close(client, NGX_SIO_PARSE_ERROR, 0);
        return NGX_DONE;
    }

    if (pkt.type != SIO_EIO_PONG) {
        ngx_sio_conn_refresh(client);
    }

    switch (pkt.type) {

    case SIO_EIO_MESSAGE:

        if (pkt.binary) {
            pkt.data.len = sio_base64_read(pkt.data.data, pkt.data.data,
                                           pkt.data.len);
            return ngx_sio_dispatch_binary(client, pkt.data.data,
                                           pkt.data.len);
        }

        return ngx_sio_dispatch_text(client, pkt.data.data, pkt.data.len);

    case SIO_EIO_PING:
        /* "invalid heartbeat direction" */
        ngx_sio_client_close(client, NGX_SIO_TRANSPORT_ERROR, 0);
        return NGX_DONE;

    case SIO_EIO_PONG:
        ngx_sio_timer_add(conn->worker, &client->timer, NGX_SIO_TIMER_PING,
                          client->options->ping_interval,
                          ngx_current_msec + client->options->ping_interval);
        return NGX_OK;

    default:
        /* open, close, upgrade and noop mean nothing here */
        return NGX_OK;
    }
}


void
ngx_sio_conn_lost(ngx_sio_conn_t *conn, ngx_sio_reason_e reason)
{
    ngx_sio_client_t  *client;

    client = conn->client;

    ngx_sio_conn_unprobe(conn);
    ngx_sio_conn_forget(conn);
    conn->closed = 1;

    if (client) {
        ngx_sio_client_close(client, reason, 0);
    }
}


/* core lets go first, then the transport closes: nothing comes back up */

void
ngx_sio_conn_drop(ngx_sio_conn_t *conn, ngx_uint_t code)
{
    ngx_sio_conn_forget(conn);

    if (conn->closed) {
        return;
    }

    conn->closed = 1;
    conn->transport->close(conn, code);
}


/*
 * Upgrade (Engine.IO v4, Upgrade; architecture rule 11)
 */

ngx_int_t
ngx_sio_conn_candidate(ngx_sio_conn_t *conn,
    const ngx_sio_session_info_t *session)
{
    if (session->websocket || session->upgrading || session->closing) {
        return NGX_DECLINED;
    }

    if (ngx_sio_candidate_lookup(conn->worker, session->session)) {
        return NGX_DECLINED;
    }

    conn->session = session->session;
    conn->form |= session->form & NGX_SIO_FORM_MSGPACK;
    conn->candidate = 1;

    ngx_sio_table_insert(&conn->worker->candidates, &conn->link,
                         session->session.ref);

    ngx_sio_timer_add(conn->worker, &conn->timer, NGX_SIO_TIMER_UPGRADE,
                      conn->options->upgrade_timeout,
                      ngx_current_msec + conn->options->upgrade_timeout);

    return NGX_OK;
}


ngx_sio_conn_t *
ngx_sio_candidate_lookup(ngx_sio_worker_t *w, ngx_sio_handle_t session)
{
    ngx_sio_conn_t  *conn;

    conn = (ngx_sio_conn_t *)
               ngx_sio_table_lookup(&w->candidates, session.ref);

    if (conn && conn->session.gen == session.gen) {
        return conn;
    }

    return NULL;
}


void
ngx_sio_conn_timeout(ngx_sio_conn_t *conn)
{
    if (!conn->candidate) {
        return;
    }

    ngx_sio_conn_unprobe(conn);
    ngx_sio_conn_drop(conn, 0);
}


/* one that waits for the end of a POST has the role without a probe, too */

static void
ngx_sio_conn_unprobe(ngx_sio_conn_t *conn)
{
    if (conn->candidate && (conn->probed || conn->upgrade_waits)) {
        (void) ngx_sio_session_unprobe(&conn->worker->zone, conn->session,
                                       conn->probed ? conn->gen : 0);
    }
}


static ngx_int_t
ngx_sio_conn_candidate_message(ngx_sio_conn_t *conn, u_char *data, size_t len)
{
    if (data && !conn->upgrade_waits) {

        if (len == 6 && ngx_memcmp(data, "2probe", 6) == 0) {
            ngx_sio_conn_probe(conn);
            return conn->closed ? NGX_DONE : NGX_OK;
        }

        if (len && data[0] == SIO_EIO_UPGRADE) {
            ngx_sio_conn_upgrade(conn);
            return conn->closed ? NGX_DONE : NGX_OK;
        }
    }

    /* anything else: the session goes on without this candidate */

    ngx_sio_conn_timeout(conn);

    return NGX_DONE;
}


static void
ngx_sio_conn_probe(ngx_sio_conn_t *conn)
{
    static u_char  pong[] = "3probe";

    if (!conn->probed) {

        if (ngx_sio_session_probe(&conn->worker->zone, conn->session,
                                  &conn->gen)
            != NGX_OK)
        {
            ngx_sio_conn_drop(conn, 0);
            return;
        }

        conn->probed = 1;
    }

    (void) ngx_sio_conn_send_text(conn, pong, sizeof(pong) - 1);
}


void
ngx_sio_conn_upgrade(ngx_sio_conn_t *conn)
{
    ngx_int_t                rc;
    ngx_str_t                partial;
    ngx_uint_t               n;
    ngx_pool_t              *pool;
    ngx_sio_zone_t          *z;
    ngx_sio_batch_t          batch;
    ngx_sio_membership_t    *members;
    ngx_sio_session_info_t   info;

    z = &conn->worker->zone;

    if (ngx_sio_session_info(z, conn->session, &info) != NGX_OK) {
        ngx_sio_conn_timeout(conn);
        return;
    }

    pool = ngx_create_pool(4096, conn->worker->log);
    if (pool == NULL) {
        ngx_sio_conn_timeout(conn);
        return;
    }

    n = 64;

    for ( ;; ) {

        members = ngx_palloc(pool, n * sizeof(ngx_sio_membership_t));
        if (members == NULL) {
            rc = NGX_ERROR;
            break;
        }

        ngx_str_null(&partial);

        rc = ngx_sio_session_upgrade(z, conn->session,
                                     conn->probed ? conn->gen : 0, &batch,
                                     members, &n, pool, &partial);

        if (rc != NGX_DECLINED) {
            break;
        }

        n += 16;
    }

    if (rc == NGX_OK) {
        ngx_sio_conn_become(conn, &info, &batch, members, n, pool, &partial);

    } else if (rc == NGX_AGAIN) {
        /* a POST is in progress: its end wakes us, or the timeout comes */
        conn->upgrade_waits = 1;

    } else {
        ngx_sio_conn_timeout(conn);
    }

    ngx_destroy_pool(pool);
}


/*
 * The inbox is applied; now the queue, then the arrays: in this order every
 * receiver sees the messages of a room in the room's order.
 */

static void
ngx_sio_conn_become(ngx_sio_conn_t *conn, ngx_sio_session_info_t *info,
    ngx_sio_batch_t *batch, ngx_sio_membership_t *members, ngx_uint_t n,
    ngx_pool_t *pool, ngx_str_t *partial)
{
    ngx_int_t           rc;
    ngx_uint_t          i;
    ngx_msec_t          due;
    ngx_sio_peer_t     *peer;
    ngx_sio_client_t   *client;
    ngx_sio_worker_t   *w;
    ngx_sio_options_t  *options;

    w = conn->worker;

    ngx_sio_conn_forget(conn);
    conn->upgrade_waits = 0;

    options = ngx_sio_options_lookup(w->server, info->location);

    client = options ? ngx_sio_client_create(w, options, conn->session, NULL)
                     : NULL;

    if (client == NULL) {
        (void) ngx_sio_session_close(&w->zone, conn->session,
                                     NGX_SIO_TRANSPORT_ERROR, 0);
        ngx_sio_conn_drop(conn, 0);
        return;
    }

    client->conn = conn;
    conn->client = client;
    conn->options = options;

    rc = ngx_sio_conn_append_batch(conn, batch);

    if (rc == NGX_OK) {
        rc = ngx_sio_client_load(client, pool);
    }

    for (i = 0; rc == NGX_OK && i < n; i++) {

        peer = (ngx_sio_peer_t *)
                   ngx_sio_table_lookup(&w->peers, members[i].socket.ref);

        if (peer && peer->socket.gen == members[i].socket.gen) {
            rc = ngx_sio_seat_add(w, peer, members[i].room);
        }
    }

    if (rc == NGX_OK) {
        rc = ngx_sio_client_partial(client, partial);
    }

    if (rc != NGX_OK) {
        ngx_sio_client_close(client, NGX_SIO_TRANSPORT_ERROR, 0);
        return;
    }

    ngx_sio_conn_take_acks(client, pool);

    /* the heartbeat goes on where it was */

    due = ngx_current_msec + options->ping_interval;

    if (info->ping_at && (ngx_msec_int_t) (due - info->ping_at) > 0) {
        due = info->ping_at;
    }

    ngx_sio_timer_add(w, &client->timer, NGX_SIO_TIMER_PING,
                      options->ping_interval, due);

    if (client->peers || info->joined) {
        client->joined = 1;

    } else {
        ngx_sio_timer_add(w, &client->connect, NGX_SIO_TIMER_CONNECT,
                          options->connect_timeout,
                          info->connect_at ? info->connect_at
                                           : ngx_current_msec
                                             + options->connect_timeout);
    }
}


static ngx_int_t
ngx_sio_conn_append_batch(ngx_sio_conn_t *conn, ngx_sio_batch_t *batch)
{
    u_char            ping;
    ngx_int_t         rc;
    ngx_sio_entry_t   entry;

    ping = SIO_EIO_PING;

    while (ngx_sio_batch_next(&conn->worker->zone, batch, &entry) == NGX_OK) {

        if (entry.type == NGX_SIO_ENTRY_PING) {
            rc = ngx_sio_conn_send_text(conn, &ping, 1);

        } else {
            rc = ngx_sio_conn_send(conn, &entry.body);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_sio_conn_take_acks(ngx_sio_client_t *client, ngx_pool_t *pool)
{
    ngx_msec_t              timeout;
    ngx_uint_t              i, n;
    ngx_sio_peer_t         *peer;
    ngx_sio_worker_t       *w;
    ngx_sio_pending_ack_t  *acks;

    w = client->worker;

    if (ngx_sio_session_acks(&w->zone, client->session, pool, &acks, &n)
        != NGX_OK)
    {
        return;
    }

    for (i = 0; i < n; i++) {

        peer = (ngx_sio_peer_t *)
                   ngx_sio_table_lookup(&w->peers, acks[i].socket.ref);

        if (peer == NULL) {
            continue;
        }

        timeout = 0;

        if (acks[i].deadline) {
            timeout = acks[i].deadline - ngx_current_msec;

            if ((ngx_msec_int_t) timeout <= 0) {
                timeout = 1;
            }
        }

        (void) ngx_sio_asked_add(peer, acks[i].id, &acks[i].name, timeout,
                                 NGX_SIO_TIMER_TAKEN);
    }
}
