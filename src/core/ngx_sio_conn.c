
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * A WebSocket of this worker: its unsent messages, and Engine.IO over it:
 * handshake, heartbeat, close.
 */


#include "ngx_sio_worker.h"


#define NGX_SIO_OUT_KEEP  8     /* entries that an idle ring may hold on to */


static ngx_int_t ngx_sio_conn_grow(ngx_sio_conn_t *conn);
static int ngx_sio_conn_parse(ngx_sio_conn_t *conn, ngx_uint_t binary,
    u_char *data, size_t len, sio_eio_packet_t *pkt);
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

void
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

    if (options->msgpack) {
        conn->form |= NGX_SIO_FORM_MSGPACK;
    }

    ngx_sio_client_params(w, options, conn->form, info, &params);
    params.websocket = 1;
    params.address = address;

    rc = ngx_sio_session_create(&w->zone, &params, ngx_current_msec, &session);

    if (rc != NGX_OK) {

        if (rc == NGX_ABORT) {
            ngx_sio_worker_abort(w);
        }

        return (rc == NGX_BUSY || rc == NGX_DECLINED) ? rc : NGX_ERROR;
    }

    client = ngx_sio_client_create(w, options, session, conn->form, NULL);

    if (client == NULL) {
        (void) ngx_sio_session_close(&w->zone, session,
                                     NGX_SIO_TRANSPORT_ERROR, 0);
        return NGX_ERROR;
    }

    client->conn = conn;
    conn->client = client;

    ngx_sio_conn_beat(client, ngx_current_msec + options->ping_interval);

    ngx_sio_timer_add(w, &client->connect, NGX_SIO_TIMER_CONNECT,
                      options->connect_timeout,
                      ngx_current_msec + options->connect_timeout);

    len = sio_eio_write_open(open, params.sid, 0, options->ping_interval,
                             options->ping_timeout,
                             options->max_http_buffer_size);

    if (ngx_sio_conn_send_text(conn, open, len) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_sio_connects_itself(options, conn->form)) {
        (void) ngx_sio_connect_root(client);
    }

    return NGX_OK;
}


/* Engine.IO, Heartbeat.  v4: the next ping, at due; v3: the client pings, and
   has the whole time for it again */

void
ngx_sio_conn_beat(ngx_sio_client_t *client, ngx_msec_t due)
{
    ngx_msec_t          timeout;
    ngx_sio_options_t  *options;

    options = client->options;

    if (client->eio3) {
        timeout = options->ping_interval + options->ping_timeout;

        ngx_sio_timer_add(client->worker, &client->timer, NGX_SIO_TIMER_PONG,
                          timeout, ngx_current_msec + timeout);
        return;
    }

    ngx_sio_timer_add(client->worker, &client->timer, NGX_SIO_TIMER_PING,
                      options->ping_interval, due);
}


/*
 * Nothing is read from it, its pongs neither: pings go on, as it counts on
 * them, but none has to be answered
 */

void
ngx_sio_conn_pause(ngx_sio_client_t *client)
{
    if (client->conn->paused) {
        return;
    }

    client->conn->paused = 1;

    if (client->eio3) {
        ngx_sio_timer_del(&client->timer);

    } else if (client->timer.set && client->timer.type == NGX_SIO_TIMER_PONG) {
        ngx_sio_conn_beat(client, ngx_current_msec
                                  + client->options->ping_interval);
    }
}


void
ngx_sio_conn_resume(ngx_sio_client_t *client)
{
    ngx_sio_conn_t  *conn;

    conn = client->conn;
    conn->paused = 0;

    if (client->eio3 && !client->closed) {
        ngx_sio_conn_beat(client, 0);
    }

    conn->transport->resume(conn);
}


void
ngx_sio_conn_ping(ngx_sio_client_t *client)
{
    u_char  ping;

    if (client->conn == NULL || client->closed) {
        return;
    }

    ping = SIO_EIO_PING;

    (void) ngx_sio_conn_send_text(client->conn, &ping, 1);

    if (client->conn->paused) {
        ngx_sio_conn_beat(client, ngx_current_msec
                                  + client->options->ping_interval);
        return;
    }

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
        && !client->refreshed && !client->eio3)
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


/* one message is one packet.  SIO_OK, SIO_ERROR */

static int
ngx_sio_conn_parse(ngx_sio_conn_t *conn, ngx_uint_t binary, u_char *data,
    size_t len, sio_eio_packet_t *pkt)
{
    if (conn->form & NGX_SIO_FORM_EIO3) {
        return sio_eio3_parse(data, len, binary ? 1 : 0, pkt);
    }

    if (!binary) {
        return sio_eio_parse(data, len, pkt);
    }

    ngx_memzero(pkt, sizeof(sio_eio_packet_t));

    pkt->type = SIO_EIO_MESSAGE;
    pkt->binary = 1;
    pkt->has_data = 1;
    pkt->data.data = data;
    pkt->data.len = len;

    return SIO_OK;
}


ngx_int_t
ngx_sio_conn_message(ngx_sio_conn_t *conn, ngx_uint_t binary, u_char *data,
    size_t len)
{
    int                rc;
    u_char             pong;
    ngx_sio_client_t  *client;
    sio_eio_packet_t   pkt;

    if (conn->closed) {
        return NGX_DONE;
    }

    ngx_sio_worker_catch_up(conn->worker);

    rc = ngx_sio_conn_parse(conn, binary, data, len, &pkt);

    if (conn->candidate) {
        return ngx_sio_conn_candidate_packet(conn, rc == SIO_OK ? &pkt : NULL);
    }

    client = conn->client;

    if (client == NULL || client->closed) {
        return NGX_DONE;
    }

    if (rc != SIO_OK) {
        ngx_sio_client_close(client, NGX_SIO_PARSE_ERROR, 0);
        return NGX_DONE;
    }

    if (pkt.type != SIO_EIO_PONG) {
        ngx_sio_conn_refresh(client);
    }

    switch (pkt.type) {

    case SIO_EIO_MESSAGE:

        if (pkt.base64) {
            pkt.data.len = sio_base64_read(pkt.data.data, pkt.data.data,
                                           pkt.data.len);
        }

        if (ngx_sio_hook_full(client)
            && !ngx_sio_hook_passes(client, &pkt))
        {
            return ngx_sio_hook_hold(client, pkt.binary, pkt.data.data,
                                     pkt.data.len);
        }

        return pkt.binary ? ngx_sio_dispatch_binary(client, pkt.data.data,
                                                    pkt.data.len)
                          : ngx_sio_dispatch_text(client, pkt.data.data,
                                                  pkt.data.len);

    case SIO_EIO_PING:
    case SIO_EIO_PONG:

        if (client->eio3 != (pkt.type == SIO_EIO_PING)) {
            /* "invalid heartbeat direction" */
            ngx_sio_client_close(client, NGX_SIO_TRANSPORT_ERROR, 0);
            return NGX_DONE;
        }

        if (client->eio3) {
            pong = SIO_EIO_PONG;
            (void) ngx_sio_conn_send_text(conn, &pong, 1);
        }

        ngx_sio_conn_beat(client, ngx_current_msec
                                  + client->options->ping_interval);
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
