
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Upgrade (Engine.IO, Upgrade; architecture rule 11): a WebSocket that is a
 * polling session's candidate, and what it takes over.
 */


#include "ngx_sio_worker.h"


static void ngx_sio_conn_probe(ngx_sio_conn_t *conn);
static void ngx_sio_conn_become(ngx_sio_conn_t *conn,
    ngx_sio_session_info_t *info, ngx_sio_batch_t *batch,
    ngx_sio_membership_t *members, ngx_uint_t n, ngx_pool_t *pool,
    ngx_str_t *partial);
static ngx_int_t ngx_sio_conn_append_batch(ngx_sio_conn_t *conn,
    ngx_sio_batch_t *batch);
static void ngx_sio_conn_take_acks(ngx_sio_client_t *client,
    ngx_pool_t *pool);


ngx_int_t
ngx_sio_conn_candidate(ngx_sio_conn_t *conn,
    const ngx_sio_session_info_t *session)
{
    if (session->websocket || session->upgrading || session->closing) {
        return NGX_DECLINED;
    }

    if (ngx_sio_session_candidate(&conn->worker->zone, session->session,
                                  &conn->gen)
        != NGX_OK)
    {
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


void
ngx_sio_conn_unprobe(ngx_sio_conn_t *conn)
{
    if (conn->candidate) {
        (void) ngx_sio_session_unprobe(&conn->worker->zone, conn->session,
                                       conn->gen);
    }
}


/* pkt NULL: it was none */

ngx_int_t
ngx_sio_conn_candidate_packet(ngx_sio_conn_t *conn, sio_eio_packet_t *pkt)
{
    if (pkt && !conn->upgrade_waits) {

        if (pkt->type == SIO_EIO_PING && !pkt->binary && pkt->data.len == 5
            && ngx_memcmp(pkt->data.data, "probe", 5) == 0)
        {
            ngx_sio_conn_probe(conn);
            return conn->closed ? NGX_DONE : NGX_OK;
        }

        if (pkt->type == SIO_EIO_UPGRADE) {
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

        rc = ngx_sio_session_upgrade(z, conn->session, conn->gen, &batch,
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

    } else if (rc == NGX_BUSY) {
        ngx_sio_conn_forget(conn);
        (void) ngx_sio_conn_append_batch(conn, &batch);
        ngx_sio_conn_drop(conn, 0);

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

    client = options ? ngx_sio_client_create(w, options, conn->session,
                                             conn->form, NULL)
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

    ngx_sio_conn_beat(client, due);

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

    /* v3: the answer to the client's */

    ping = (conn->form & NGX_SIO_FORM_EIO3) ? SIO_EIO_PONG : SIO_EIO_PING;

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
