
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What an inbox entry does to this worker: appends a message to the
 * connections of its receivers, or edits the arrays that say who they are.
 * Pure (architecture rule 3): no rule, no lock, no write, no close.
 */


#include "ngx_sio_worker.h"


typedef struct {
    ngx_sio_worker_t  *worker;
    ngx_sio_entry_t   *entry;
    ngx_sio_buf_t     *frames[NGX_SIO_NFORMS];  /* each made for the first
                                                   receiver of its form */
    uint32_t           stamp;
    ngx_uint_t         delivered;
} ngx_sio_fanout_t;


static void ngx_sio_fanout_message(ngx_sio_worker_t *w,
    ngx_sio_entry_t *entry);
static void ngx_sio_fanout_room(ngx_sio_fanout_t *f, ngx_sio_ref_t room);
static void ngx_sio_fanout_except(ngx_sio_fanout_t *f);
static void ngx_sio_fanout_deliver(ngx_sio_fanout_t *f, ngx_sio_peer_t *peer);
static void ngx_sio_fanout_send(ngx_sio_worker_t *w, ngx_sio_entry_t *entry);
static void ngx_sio_fanout_add(ngx_sio_worker_t *w, ngx_sio_entry_t *entry);
static void ngx_sio_fanout_remove(ngx_sio_worker_t *w,
    ngx_sio_entry_t *entry);
static void ngx_sio_fanout_kick(ngx_sio_worker_t *w, ngx_sio_entry_t *entry);
static void ngx_sio_fanout_overflow(ngx_sio_worker_t *w);
static ngx_sio_array_t *ngx_sio_array_get(ngx_sio_worker_t *w,
    ngx_sio_ref_t room);
static void ngx_sio_seat_remove(ngx_sio_worker_t *w, ngx_sio_seat_t *seat);


void
ngx_sio_fanout_apply(void *data, ngx_sio_entry_t *entry)
{
    ngx_sio_worker_t  *w;

    w = data;

    switch (entry->type) {

    case NGX_SIO_ENTRY_MESSAGE:
        ngx_sio_fanout_message(w, entry);
        return;

    case NGX_SIO_ENTRY_SEND:
        ngx_sio_fanout_send(w, entry);
        return;

    case NGX_SIO_ENTRY_ADD:
        ngx_sio_fanout_add(w, entry);
        return;

    case NGX_SIO_ENTRY_REMOVE:
        ngx_sio_fanout_remove(w, entry);
        return;

    case NGX_SIO_ENTRY_KICK:
        ngx_sio_fanout_kick(w, entry);
        return;

    case NGX_SIO_ENTRY_REPLY:
        ngx_sio_gather_apply(w, entry);
        return;

    case NGX_SIO_ENTRY_OVERFLOW:
        ngx_sio_fanout_overflow(w);
        return;

    default:
        return;
    }
}


/* each receiver once: whoever has the stamp got it, or is excepted */

static void
ngx_sio_fanout_message(ngx_sio_worker_t *w, ngx_sio_entry_t *entry)
{
    ngx_uint_t         i;
    ngx_sio_link_t    *link;
    ngx_sio_fanout_t   f;

    f.worker = w;
    f.entry = entry;
    f.stamp = ++w->stamp;
    ngx_memzero(f.frames, sizeof(f.frames));
    f.delivered = 0;

    ngx_sio_fanout_except(&f);

    for (i = 0; i < entry->nto_rooms; i++) {
        ngx_sio_fanout_room(&f, entry->to_rooms[i]);
    }

    for (i = 0; i < entry->nto_sockets; i++) {
        link = ngx_sio_table_lookup(&w->peers, entry->to_sockets[i]);

        if (link) {
            ngx_sio_fanout_deliver(&f, (ngx_sio_peer_t *) link);
        }
    }

    for (i = 0; i < NGX_SIO_NFORMS; i++) {
        if (f.frames[i]) {
            ngx_sio_buf_release(f.frames[i]);
        }
    }

    if (entry->body.ref == 0) {
        w->delivered = f.delivered;
    }
}


static void
ngx_sio_fanout_except(ngx_sio_fanout_t *f)
{
    uint32_t           k;
    ngx_uint_t         i;
    ngx_sio_link_t    *link;
    ngx_sio_array_t   *array;
    ngx_sio_entry_t   *entry;
    ngx_sio_worker_t  *w;

    w = f->worker;
    entry = f->entry;

    for (i = 0; i < entry->nexcept_rooms; i++) {

        array = (ngx_sio_array_t *)
                    ngx_sio_table_lookup(&w->arrays, entry->except_rooms[i]);

        for (k = 0; array && k < array->n; k++) {
            array->peers[k]->stamp = f->stamp;
        }
    }

    for (i = 0; i < entry->nexcept_sockets; i++) {

        link = ngx_sio_table_lookup(&w->peers, entry->except_sockets[i]);

        if (link) {
            ((ngx_sio_peer_t *) link)->stamp = f->stamp;
        }
    }
}


static void
ngx_sio_fanout_room(ngx_sio_fanout_t *f, ngx_sio_ref_t room)
{
    uint32_t          i;
    ngx_sio_array_t  *array;

    array = (ngx_sio_array_t *)
                ngx_sio_table_lookup(&f->worker->arrays, room);

    for (i = 0; array && i < array->n; i++) {
        ngx_sio_fanout_deliver(f, array->peers[i]);
    }
}


static void
ngx_sio_fanout_deliver(ngx_sio_fanout_t *f, ngx_sio_peer_t *peer)
{
    ngx_sio_buf_t    *frames;
    ngx_sio_conn_t   *conn;
    ngx_sio_entry_t  *entry;

    if (peer->stamp == f->stamp) {
        return;
    }

    peer->stamp = f->stamp;

    entry = f->entry;
    conn = peer->client->conn;

    if (conn == NULL || conn->closed || peer->client->closed || peer->muted) {
        return;
    }

    /* rule 8: to a WebSocket, iff nothing is unsent */

    if ((entry->flags & NGX_SIO_VOLATILE) && conn->nout) {
        return;
    }

    frames = f->frames[conn->form];

    if (frames == NULL) {
        frames = ngx_sio_frames(f->worker, &entry->body, conn->form);

        if (frames == NULL) {
            conn->overflow = 1;
            ngx_sio_worker_dirty(f->worker, conn);
            return;
        }

        f->frames[conn->form] = frames;
    }

    if (entry->ack_name.len) {
        /* past the limit its answer is not waited for */
        (void) ngx_sio_asked_add(peer, entry->ack_id, &entry->ack_name,
                                 entry->ack_timeout, entry->ack_timeout);
    }

    (void) ngx_sio_conn_queue(conn, frames);
    f->delivered++;
}


static void
ngx_sio_fanout_send(ngx_sio_worker_t *w, ngx_sio_entry_t *entry)
{
    ngx_sio_conn_t    *conn;
    ngx_sio_client_t  *client;

    client = ngx_sio_client_lookup(w, entry->session);

    if (client == NULL || client->conn == NULL || client->conn->closed) {
        return;
    }

    conn = client->conn;

    if ((entry->flags & NGX_SIO_VOLATILE) && conn->nout) {
        return;
    }

    if (ngx_sio_conn_send(conn, &entry->body) == NGX_ERROR) {
        conn->overflow = 1;
        ngx_sio_worker_dirty(w, conn);
    }
}


static void
ngx_sio_fanout_add(ngx_sio_worker_t *w, ngx_sio_entry_t *entry)
{
    ngx_sio_peer_t  *peer;

    peer = (ngx_sio_peer_t *)
               ngx_sio_table_lookup(&w->peers, entry->socket.ref);

    /* an entry for another socket may have waited in the inbox */

    if (peer == NULL && w->connecting
        && w->connecting->client->session.ref == entry->session.ref
        && w->connecting->client->session.gen == entry->session.gen)
    {
        peer = w->connecting;
        w->connecting = NULL;

        peer->socket = entry->socket;
        peer->linked = 1;
        ngx_sio_table_insert(&w->peers, &peer->link, entry->socket.ref);
    }

    if (peer == NULL || peer->socket.gen != entry->socket.gen) {
        return;
    }

    if (ngx_sio_seat_add(w, peer, entry->room) != NGX_OK
        && peer->client->conn)
    {
        /* it would miss messages: better to connect again */
        peer->client->conn->overflow = 1;
        ngx_sio_worker_dirty(w, peer->client->conn);
    }
}


static void
ngx_sio_fanout_remove(ngx_sio_worker_t *w, ngx_sio_entry_t *entry)
{
    ngx_sio_peer_t  *peer;
    ngx_sio_seat_t  *seat;

    peer = (ngx_sio_peer_t *)
               ngx_sio_table_lookup(&w->peers, entry->socket.ref);

    if (peer == NULL || peer->socket.gen != entry->socket.gen) {
        return;
    }

    for (seat = peer->seats; seat; seat = seat->next) {

        if (seat->array->link.ref == entry->room) {
            ngx_sio_seat_remove(w, seat);
            break;
        }
    }

    if (peer->seats == NULL && !peer->ended) {

        /* its last one was the namespace's: another worker, which had begun
           to disconnect it before the upgrade, has ended it.  The record's
           place may be given to another socket at once. */

        peer->ended = 1;
        peer->linked = 0;
        ngx_sio_table_remove(&w->peers, &peer->link);
    }
}


static void
ngx_sio_fanout_kick(ngx_sio_worker_t *w, ngx_sio_entry_t *entry)
{
    ngx_sio_peer_t  *peer;

    peer = (ngx_sio_peer_t *)
               ngx_sio_table_lookup(&w->peers, entry->socket.ref);

    if (peer && peer->socket.gen == entry->socket.gen) {
        peer->muted = 1;
    }
}


/* messages are lost: all WebSockets of this worker start anew */

static void
ngx_sio_fanout_overflow(ngx_sio_worker_t *w)
{
    ngx_uint_t         i;
    ngx_sio_link_t    *link;
    ngx_sio_client_t  *client;

    for (i = 0; i <= w->clients.mask; i++) {

        for (link = w->clients.buckets[i]; link; link = link->next) {
            client = (ngx_sio_client_t *) link;

            if (client->conn) {
                client->conn->overflow = 1;
                client->conn->inbox_lost = 1;
                ngx_sio_worker_dirty(w, client->conn);
            }
        }
    }
}


static ngx_sio_array_t *
ngx_sio_array_get(ngx_sio_worker_t *w, ngx_sio_ref_t room)
{
    ngx_sio_array_t  *array;

    array = (ngx_sio_array_t *) ngx_sio_table_lookup(&w->arrays, room);

    if (array) {
        return array;
    }

    array = ngx_calloc(sizeof(ngx_sio_array_t), w->log);

    if (array) {
        ngx_sio_table_insert(&w->arrays, &array->link, room);
    }

    return array;
}


ngx_int_t
ngx_sio_seat_add(ngx_sio_worker_t *w, ngx_sio_peer_t *peer, ngx_sio_ref_t room)
{
    void             *p;
    uint32_t          cap;
    ngx_sio_seat_t   *seat;
    ngx_sio_array_t  *array;

    for (seat = peer->seats; seat; seat = seat->next) {
        if (seat->array->link.ref == room) {
            return NGX_OK;
        }
    }

    array = ngx_sio_array_get(w, room);
    if (array == NULL) {
        return NGX_ERROR;
    }

    if (array->n == array->cap) {

        /* peers and seats are one block */

        cap = array->cap ? array->cap * 2 : 2;

        p = ngx_alloc(cap * 2 * sizeof(void *), w->log);
        if (p == NULL) {
            goto failed;
        }

        if (array->n) {
            ngx_memcpy(p, array->peers, array->n * sizeof(void *));
            ngx_memcpy((void **) p + cap, array->seats,
                       array->n * sizeof(void *));
            ngx_free(array->peers);
        }

        array->peers = p;
        array->seats = (ngx_sio_seat_t **) ((void **) p + cap);
        array->cap = cap;
    }

    if (!peer->seat_used) {
        seat = &peer->seat;
        peer->seat_used = 1;

    } else {
        seat = ngx_alloc(sizeof(ngx_sio_seat_t), w->log);
        if (seat == NULL) {
            goto failed;
        }
    }

    seat->array = array;
    seat->peer = peer;
    seat->index = array->n;
    seat->next = peer->seats;
    peer->seats = seat;

    array->peers[array->n] = peer;
    array->seats[array->n] = seat;
    array->n++;

    return NGX_OK;

failed:

    if (array->n == 0) {
        ngx_sio_table_remove(&w->arrays, &array->link);

        if (array->peers) {
            ngx_free(array->peers);
        }

        ngx_free(array);
    }

    return NGX_ERROR;
}


static void
ngx_sio_seat_remove(ngx_sio_worker_t *w, ngx_sio_seat_t *seat)
{
    ngx_sio_peer_t    *peer;
    ngx_sio_seat_t   **p;
    ngx_sio_array_t   *array;

    peer = seat->peer;
    array = seat->array;

    array->n--;

    if (seat->index != array->n) {
        array->peers[seat->index] = array->peers[array->n];
        array->seats[seat->index] = array->seats[array->n];
        array->seats[seat->index]->index = seat->index;
    }

    if (array->n == 0) {
        ngx_sio_table_remove(&w->arrays, &array->link);
        ngx_free(array->peers);
        ngx_free(array);
    }

    for (p = &peer->seats; *p; p = &(*p)->next) {

        if (*p == seat) {
            *p = seat->next;
            break;
        }
    }

    if (seat == &peer->seat) {
        peer->seat_used = 0;

    } else {
        ngx_free(seat);
    }
}


void
ngx_sio_seat_remove_all(ngx_sio_worker_t *w, ngx_sio_peer_t *peer)
{
    while (peer->seats) {
        ngx_sio_seat_remove(w, peer->seats);
    }
}
