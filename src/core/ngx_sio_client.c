
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Clients and peers: the private side of a session and of its sockets.
 *
 * With a WebSocket a client lives as long as the session does; for a POST, or
 * for the end-of-life work of a polling session, it is made from the zone's
 * records and goes with the pool given.
 */


#include "ngx_sio_worker.h"


static void ngx_sio_peer_detach(ngx_sio_peer_t *peer);


/* of a new session */

void
ngx_sio_client_params(ngx_sio_worker_t *w, ngx_sio_options_t *options,
    ngx_uint_t form, const ngx_str_t *info, ngx_sio_session_params_t *params)
{
    ngx_memzero(params, sizeof(ngx_sio_session_params_t));

    ngx_sio_random_id(w, params->sid);
    params->location = options->key;
    params->form = (uint32_t) form;
    params->ping_interval = options->ping_interval;
    params->ping_timeout = options->ping_timeout;
    params->connect_timeout = options->connect_timeout;
    params->info = *info;

    if (form & NGX_SIO_FORM_EIO3) {
        params->ping_interval = 0;
        params->ping_timeout += options->ping_interval;
    }
}


ngx_sio_client_t *
ngx_sio_client_create(ngx_sio_worker_t *w, ngx_sio_options_t *options,
    ngx_sio_handle_t session, ngx_uint_t form, ngx_pool_t *pool)
{
    ngx_sio_client_t  *client;

    if (pool) {
        client = ngx_pcalloc(pool, sizeof(ngx_sio_client_t));

    } else {
        client = ngx_calloc(sizeof(ngx_sio_client_t), w->log);
    }

    if (client == NULL) {
        return NULL;
    }

    client->worker = w;
    client->options = options;
    client->session = session;
    client->pool = pool;
    client->eio3 = (form & NGX_SIO_FORM_EIO3) ? 1 : 0;

    if (pool == NULL) {
        client->websocket = 1;
        client->linked = 1;
        ngx_sio_table_insert(&w->clients, &client->link, session.ref);
    }

    return client;
}


/* its sockets, from the zone.  NGX_OK, NGX_ERROR, NGX_DONE: it is gone */

ngx_int_t
ngx_sio_client_load(ngx_sio_client_t *client, ngx_pool_t *pool)
{
    ngx_int_t               rc;
    ngx_uint_t              i, n;
    ngx_sio_peer_t         *peer;
    ngx_sio_worker_t       *w;
    ngx_sio_socket_info_t  *sockets;

    w = client->worker;

    rc = ngx_sio_session_sockets(&w->zone, client->session, pool, &sockets,
                                 &n);
    if (rc != NGX_OK) {
        return rc == NGX_DONE ? NGX_DONE : NGX_ERROR;
    }

    for (i = 0; i < n; i++) {

        peer = ngx_sio_peer_create(client, &sockets[i].nsp, &sockets[i].id);
        if (peer == NULL) {
            return NGX_ERROR;
        }

        peer->socket = sockets[i].socket;
        peer->muted = sockets[i].muted;
        peer->expires = sockets[i].expires;

        if (client->websocket) {
            peer->linked = 1;
            ngx_sio_table_insert(&w->peers, &peer->link, peer->socket.ref);
        }

        /* a reload may have taken the namespace away: then no rule runs */

        if (w->server->rules == NULL
            || ngx_sio_rules_app.nsp(w->server->rules, &peer->nsp,
                                     &peer->program)
               != NGX_OK)
        {
            peer->program = NULL;
        }
    }

    client->joined = (n != 0);

    return NGX_OK;
}


/* one that polls does not hear what becomes of its sockets meanwhile */

void
ngx_sio_client_refresh(ngx_sio_client_t *client)
{
    ngx_uint_t              i, n;
    ngx_sio_peer_t         *peer, *next;
    ngx_sio_worker_t       *w;
    ngx_sio_socket_info_t  *sockets;

    w = client->worker;

    if (ngx_sio_session_sockets(&w->zone, client->session, w->pool, &sockets,
                                &n)
        == NGX_OK)
    {
        for (peer = client->peers; peer; peer = next) {
            next = peer->next;

            for (i = 0; i < n; i++) {
                if (sockets[i].socket.ref == peer->socket.ref
                    && sockets[i].socket.gen == peer->socket.gen)
                {
                    peer->muted = sockets[i].muted;
                    break;
                }
            }

            if (i == n && !peer->ended) {
                peer->ended = 1;
                ngx_sio_peer_retire(peer);
            }
        }
    }

    ngx_reset_pool(w->pool);
}


ngx_sio_client_t *
ngx_sio_client_lookup(ngx_sio_worker_t *w, ngx_sio_handle_t session)
{
    ngx_sio_client_t  *client;

    client = (ngx_sio_client_t *)
                 ngx_sio_table_lookup(&w->clients, session.ref);

    if (client && client->session.gen == session.gen) {
        return client;
    }

    return NULL;
}


ngx_sio_peer_t *
ngx_sio_client_peer(ngx_sio_client_t *client, const ngx_str_t *nsp)
{
    ngx_sio_peer_t  *peer;

    for (peer = client->peers; peer; peer = peer->next) {

        if (!peer->ended
            && peer->nsp.len == nsp->len
            && ngx_memcmp(peer->nsp.data, nsp->data, nsp->len) == 0)
        {
            return peer;
        }
    }

    return NULL;
}


ngx_sio_peer_t *
ngx_sio_peer_create(ngx_sio_client_t *client, const ngx_str_t *nsp,
    const ngx_str_t *id)
{
    size_t            size;
    u_char           *p;
    ngx_sio_peer_t   *peer, **last;

    size = sizeof(ngx_sio_peer_t) + nsp->len + id->len;

    peer = ngx_calloc(size, client->worker->log);
    if (peer == NULL) {
        return NULL;
    }

    p = (u_char *) peer + sizeof(ngx_sio_peer_t);

    peer->client = client;
    peer->nsp.data = p;
    peer->nsp.len = nsp->len;

    p = ngx_cpymem(p, nsp->data, nsp->len);
    ngx_memcpy(p, id->data, id->len);

    peer->id.data = p;
    peer->id.len = id->len;

    for (last = &client->peers; *last; last = &(*last)->next) { /* void */ }

    *last = peer;

    return peer;
}


/*
 * Only its name is left, until what came with its end is read: in Node events
 * act when all of that is, and one for a namespace that has just been left
 * does nothing, while later it closes the connection.
 */

void
ngx_sio_peer_retire(ngx_sio_peer_t *peer)
{
    ngx_uint_t         n;
    ngx_sio_peer_t    *other;
    ngx_sio_client_t  *client;

    client = peer->client;
    n = 0;

    for (other = client->peers; other; other = other->next) {
        n += other->ended;
    }

    if (n > client->worker->server->limits.max_namespaces) {
        ngx_sio_peer_destroy(peer);
        return;
    }

    ngx_sio_peer_detach(peer);

    client->retired = 1;
}


void
ngx_sio_client_sweep(ngx_sio_client_t *client)
{
    ngx_sio_peer_t  *peer, *next;

    if (!client->retired) {
        return;
    }

    client->retired = 0;

    for (peer = client->peers; peer; peer = next) {
        next = peer->next;

        if (peer->ended) {
            ngx_sio_peer_destroy(peer);
        }
    }
}


void
ngx_sio_peer_destroy(ngx_sio_peer_t *peer)
{
    ngx_sio_peer_t  **p;

    for (p = &peer->client->peers; *p; p = &(*p)->next) {

        if (*p == peer) {
            *p = peer->next;
            break;
        }
    }

    ngx_sio_peer_detach(peer);

    ngx_free(peer);
}


static void
ngx_sio_peer_detach(ngx_sio_peer_t *peer)
{
    ngx_sio_worker_t  *w;

    w = peer->client->worker;

    ngx_sio_seat_remove_all(w, peer);
    ngx_sio_asked_free(peer);

    if (peer->linked) {
        ngx_sio_table_remove(&w->peers, &peer->link);
        peer->linked = 0;
    }

    if (w->connecting == peer) {
        w->connecting = NULL;
    }
}


void
ngx_sio_client_destroy(ngx_sio_client_t *client)
{
    while (client->peers) {
        ngx_sio_peer_destroy(client->peers);
    }

    ngx_sio_timer_del(&client->timer);
    ngx_sio_timer_del(&client->connect);
    ngx_sio_hook_forget(client);

    if (client->partial) {
        ngx_free(client->partial);
        client->partial = NULL;
    }

    if (client->conn) {
        client->conn->client = NULL;
        client->conn = NULL;
    }

    if (client->linked) {
        ngx_sio_table_remove(&client->worker->clients, &client->link);
    }

    if (client->pool == NULL) {

        if (client->info.data) {
            ngx_free(client->info.data);
        }

        ngx_free(client);
    }
}


/*
 * No more input is taken.  The end-of-life work comes back as a task, to this
 * worker or to whoever processes the session's input.
 */

void
ngx_sio_client_close(ngx_sio_client_t *client, ngx_sio_reason_e reason,
    ngx_uint_t linger)
{
    if (client->closed) {
        return;
    }

    client->closed = 1;

    ngx_sio_timer_del(&client->timer);
    ngx_sio_timer_del(&client->connect);

    if (ngx_sio_session_close(&client->worker->zone, client->session, reason,
                              linger)
        == NGX_ABORT)
    {
        /* not here: the caller may be in the middle of something */
        ngx_post_event(&client->worker->more, &ngx_posted_events);
    }
}


/* a packet without attachments, to this client only */

ngx_int_t
ngx_sio_client_send(ngx_sio_client_t *client, const ngx_str_t *text)
{
    u_char           head[NGX_SIO_PART_HEAD];
    uint32_t         word;
    ngx_str_t        bufs[2];
    ngx_sio_body_t   body;

    word = (uint32_t) text->len << 1;
    ngx_memcpy(head, &word, NGX_SIO_PART_HEAD);

    bufs[0].data = head;
    bufs[0].len = NGX_SIO_PART_HEAD;
    bufs[1] = *text;

    ngx_memzero(&body, sizeof(ngx_sio_body_t));
    body.bufs = bufs;
    body.nbufs = 2;
    body.len = NGX_SIO_PART_HEAD + text->len;

    if (client->websocket) {
        return client->conn ? ngx_sio_conn_send(client->conn, &body)
                            : NGX_DONE;
    }

    return ngx_sio_session_send(&client->worker->zone, client->session, &body,
                                0);
}


/*
 * An event or answer to this client only; no lock, when its WebSocket is
 * here.
 */

ngx_int_t
ngx_sio_client_packet(ngx_sio_client_t *client, unsigned type,
    const ngx_str_t *nsp, const ngx_str_t *id, const ngx_str_t *json,
    const ngx_str_t *attachments, ngx_uint_t n, ngx_uint_t flags)
{
    u_char          *p;
    size_t           len, size;
    ngx_int_t        rc;
    sio_str_t        name, number;
    ngx_str_t        head, buf;
    ngx_uint_t       i;
    ngx_pool_t      *pool;
    ngx_sio_buf_t   *frames;
    ngx_sio_body_t   body;

    if (client->closed) {
        return NGX_DONE;
    }

    name.data = nsp->data;
    name.len = nsp->len;
    number.data = id ? id->data : NULL;
    number.len = id ? id->len : 0;

    head.len = sio_packet_write_head(NULL, type, n, &name, &number);

    if (client->websocket) {

        if (client->conn == NULL) {
            return NGX_DONE;
        }

        if ((flags & NGX_SIO_VOLATILE) && client->conn->nout) {
            return NGX_OK;
        }
    }

    if (!client->websocket || client->conn->form) {
        pool = client->worker->pool;

        head.data = ngx_pnalloc(pool, head.len);
        if (head.data == NULL) {
            return NGX_ERROR;
        }

        (void) sio_packet_write_head(head.data, type, n, &name, &number);

        rc = ngx_sio_body_build(pool, &head, json, attachments, n, &buf,
                                &body);

        if (rc != NGX_OK) {
            return rc;
        }

        return client->websocket ? ngx_sio_conn_send(client->conn, &body)
                                 : ngx_sio_session_send(&client->worker->zone,
                                                        client->session,
                                                        &body, flags);
    }

    /* of the common form its bytes are copied once */

    len = 1 + head.len + json->len;
    size = sio_ws_header_len(len) + len;

    for (i = 0; i < n; i++) {
        size += sio_ws_header_len(attachments[i].len) + attachments[i].len;
    }

    frames = ngx_sio_buf_create(size);
    if (frames == NULL) {
        return NGX_ERROR;
    }

    p = frames->data;
    p += sio_ws_write_header(p, SIO_WS_TEXT, len);
    *p++ = SIO_EIO_MESSAGE;
    p += sio_packet_write_head(p, type, n, &name, &number);
    p = ngx_cpymem(p, json->data, json->len);

    for (i = 0; i < n; i++) {
        p += sio_ws_write_header(p, SIO_WS_BINARY, attachments[i].len);
        p = ngx_cpymem(p, attachments[i].data, attachments[i].len);
    }

    rc = ngx_sio_conn_queue(client->conn, frames);
    ngx_sio_buf_release(frames);

    return rc;
}


/* a packet in progress that another request, or the polling transport, began;
   how many attachments it waits for stands in its text */

ngx_int_t
ngx_sio_client_partial(ngx_sio_client_t *client, const ngx_str_t *partial)
{
    u_char    *p, *last;
    uint32_t   word, have, need;

    if (partial->len < NGX_SIO_PART_HEAD + 2) {
        return NGX_OK;
    }

    client->partial = ngx_alloc(partial->len, client->worker->log);
    if (client->partial == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(client->partial, partial->data, partial->len);
    client->partial_len = partial->len;
    client->partial_cap = partial->len;

    p = client->partial;
    last = p + partial->len;

    ngx_memcpy(&word, p, NGX_SIO_PART_HEAD);
    p += NGX_SIO_PART_HEAD;

    need = 0;

    if (word >> 1 <= (size_t) (last - p)) {
        need = ngx_sio_attachments(p, word >> 1);
        p += word >> 1;
    }

    for (have = 0; (size_t) (last - p) >= NGX_SIO_PART_HEAD; have++) {
        ngx_memcpy(&word, p, NGX_SIO_PART_HEAD);
        p += NGX_SIO_PART_HEAD;

        if (word >> 1 > (size_t) (last - p)) {
            break;
        }

        p += word >> 1;
    }

    if (need <= have) {
        ngx_log_error(NGX_LOG_ALERT, client->worker->log, 0,
                      "sio packet: bad packet in progress");
        ngx_debug_point();
        ngx_free(client->partial);
        client->partial = NULL;
        return NGX_ERROR;
    }

    client->partial_need = need - have;

    return NGX_OK;
}
