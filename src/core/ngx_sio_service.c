
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What rules can do: emit, ack, join, leave, disconnect.  While a CONNECT call
 * runs, all of it is held back in call->connect.
 */


#include "ngx_sio_worker.h"


#define NGX_SIO_SELECT_MAX  1000000


static ngx_int_t ngx_sio_call_hold(ngx_sio_call_t *call,
    ngx_sio_event_out_t *out);
static void ngx_sio_call_target(ngx_sio_call_t *call, ngx_sio_where_t *where,
    ngx_sio_target_t *target);
static ngx_int_t ngx_sio_call_select(ngx_sio_call_t *call,
    ngx_sio_where_t *where, ngx_sio_handle_t **handles, ngx_uint_t *n);
static ngx_uint_t ngx_sio_call_meant(ngx_sio_call_t *call,
    ngx_sio_where_t *where);
static ngx_int_t ngx_sio_call_code(ngx_sio_call_t *call, ngx_int_t rc);


/* what the zone says, as rules understand it */

static ngx_int_t
ngx_sio_call_code(ngx_sio_call_t *call, ngx_int_t rc)
{
    switch (rc) {

    case NGX_OK:
    case NGX_DONE:
    case NGX_BUSY:
        return rc;

    case NGX_ABORT:
        ngx_post_event(&call->worker->more, &ngx_posted_events);
        return NGX_DONE;

    default:
        return NGX_DECLINED;
    }
}


static void
ngx_sio_call_target(ngx_sio_call_t *call, ngx_sio_where_t *where,
    ngx_sio_target_t *target)
{
    ngx_memzero(target, sizeof(ngx_sio_target_t));

    target->nsp = where->nsp.len ? where->nsp : call->nsp;
    target->to = where->to;
    target->nto = where->nto;
    target->all = where->all;
    target->except = where->except;
    target->nexcept = where->nexcept;

    if (where->except_self) {
        target->except_self = call->socket;
    }
}


ngx_int_t
ngx_sio_call_emit(ngx_sio_call_t *call, ngx_sio_event_out_t *out)
{
    u_char            number[NGX_INT32_LEN];
    unsigned          type;
    uint32_t          ack_id;
    ngx_int_t         rc;
    sio_str_t         name, id;
    ngx_str_t         head, buf;
    ngx_uint_t       *receivers;
    ngx_sio_emit_t    emit;
    ngx_sio_where_t  *where;

    where = &out->where;

    if (call->connect) {
        return ngx_sio_call_hold(call, out);
    }

    if (where->self
        && (call->peer == NULL || call->peer->ending || call->peer->muted
            || call->type == NGX_SIO_CALL_DISCONNECT))
    {
        return NGX_DONE;
    }

    if (!where->self && !where->all && where->nto == 0) {
        return NGX_OK;
    }

    receivers = where->counted ? &where->count : NULL;
    call->worker->delivered = 0;

    if (ngx_sio_plain_call(call)) {
        ngx_memzero(&emit, sizeof(ngx_sio_emit_t));
        ngx_sio_call_target(call, where, &emit.target);

        rc = ngx_sio_plain_emit(call, out, &emit, receivers);
        where->count += call->worker->delivered;

        return ngx_sio_call_code(call, rc);
    }

    type = out->nattachments ? SIO_BINARY_EVENT : SIO_EVENT;

    if (where->self && out->ack_name.len == 0) {
        return ngx_sio_call_code(call,
                   ngx_sio_client_packet(call->client, type, &call->nsp, NULL,
                                         &out->json, out->attachments,
                                         out->nattachments, out->flags));
    }

    ngx_memzero(&emit, sizeof(ngx_sio_emit_t));

    ngx_sio_call_target(call, where, &emit.target);

    if (where->self) {
        emit.target.to = &call->id;
        emit.target.nto = 1;
    }

    emit.flags = out->flags;
    emit.ack_name = out->ack_name;
    emit.ack_timeout = out->ack_timeout;

    id.data = number;
    id.len = 0;
    ack_id = 0;

    if (out->ack_name.len) {

        rc = ngx_sio_ack_id(&call->worker->zone, &emit.target.nsp, &ack_id);

        if (rc != NGX_OK) {
            /* a namespace without sockets: nobody is asked */
            return rc == NGX_DECLINED ? NGX_OK : ngx_sio_call_code(call, rc);
        }

        id.len = ngx_sprintf(number, "%uD", ack_id) - number;
    }

    name.data = emit.target.nsp.data;
    name.len = emit.target.nsp.len;

    head.len = sio_packet_write_head(NULL, type, out->nattachments, &name,
                                     &id);

    head.data = ngx_pnalloc(call->pool, head.len);
    if (head.data == NULL) {
        return NGX_BUSY;
    }

    (void) sio_packet_write_head(head.data, type, out->nattachments, &name,
                                 &id);

    if (ngx_sio_body_build(call->pool, &head, &out->json, out->attachments,
                           out->nattachments, &buf, &emit.body)
        != NGX_OK)
    {
        return NGX_BUSY;
    }

    rc = ngx_sio_emit(&call->worker->zone, &emit, ack_id, receivers);
    where->count += call->worker->delivered;

    return ngx_sio_call_code(call, rc);
}


static ngx_int_t
ngx_sio_call_hold(ngx_sio_call_t *call, ngx_sio_event_out_t *out)
{
    ngx_sio_held_t     *held;
    ngx_sio_connect_t  *connect;

    connect = call->connect;

    held = ngx_palloc(call->pool, sizeof(ngx_sio_held_t));
    if (held == NULL) {
        return NGX_BUSY;
    }

    held->out = *out;
    held->next = NULL;

    *connect->last = held;
    connect->last = &held->next;

    return NGX_OK;
}


ngx_int_t
ngx_sio_call_ack(ngx_sio_call_t *call, const ngx_str_t *json,
    ngx_str_t *attachments, ngx_uint_t nattachments)
{
    ngx_str_t  id;

    if (call->ack.len == 0) {
        return NGX_OK;
    }

    id = call->ack;
    ngx_str_null(&call->ack);

    if (call->client == NULL) {
        return NGX_DONE;
    }

    return ngx_sio_call_code(call,
               ngx_sio_client_packet(call->client,
                                     nattachments ? SIO_BINARY_ACK : SIO_ACK,
                                     &call->nsp, &id, json, attachments,
                                     nattachments, 0));
}


static ngx_int_t
ngx_sio_call_select(ngx_sio_call_t *call, ngx_sio_where_t *where,
    ngx_sio_handle_t **handles, ngx_uint_t *n)
{
    ngx_uint_t        total;
    ngx_sio_target_t  target;

    ngx_sio_call_target(call, where, &target);

    if (!target.all && target.nto == 0) {
        *n = 0;
        return NGX_OK;
    }

    return ngx_sio_call_code(call,
               ngx_sio_select(&call->worker->zone, &target,
                              NGX_SIO_SELECT_MAX, call->pool, handles, n,
                              &total));
}


/* is the socket that connects, which the zone does not know yet, among them */

static ngx_uint_t
ngx_sio_call_meant(ngx_sio_call_t *call, ngx_sio_where_t *where)
{
    ngx_uint_t  i;

    if (call->connect == NULL
        || where->except_self
        || (where->nsp.len
            && (where->nsp.len != call->nsp.len
                || ngx_memcmp(where->nsp.data, call->nsp.data, call->nsp.len)
                   != 0)))
    {
        return 0;
    }

    for (i = 0; i < where->nexcept; i++) {
        if (ngx_sio_call_held_room(call, &where->except[i])) {
            return 0;
        }
    }

    for (i = 0; i < where->nto; i++) {
        if (ngx_sio_call_held_room(call, &where->to[i])) {
            return 1;
        }
    }

    return where->all;
}


ngx_int_t
ngx_sio_call_join(ngx_sio_call_t *call, const ngx_str_t *rooms,
    const ngx_uint_t *max, ngx_uint_t n, ngx_sio_where_t *where)
{
    ngx_int_t           rc;
    ngx_str_t          *room;
    ngx_uint_t          i, count, *m;
    ngx_sio_handle_t   *handles;
    ngx_sio_connect_t  *connect;

    call->njoined = 0;

    if (where && !where->self) {

        rc = ngx_sio_call_select(call, where, &handles, &count);

        for (i = 0; rc == NGX_OK && i < count; i++) {
            rc = ngx_sio_call_code(call,
                     ngx_sio_join(&call->worker->zone, handles[i], rooms, max,
                                  n));
            if (rc == NGX_DONE) {
                rc = NGX_OK;

            } else if (rc == NGX_OK) {
                where->count++;
            }
        }

        if (rc != NGX_OK || !ngx_sio_call_meant(call, where)) {
            return rc;
        }
    }

    if (call->connect == NULL) {

        if (call->peer == NULL || call->peer->ending || call->peer->ended) {
            return NGX_DONE;
        }

        call->joined = rooms;
        call->sizes = ngx_palloc(call->pool, n * sizeof(ngx_uint_t));
        if (call->sizes == NULL) {
            return NGX_BUSY;
        }

        rc = ngx_sio_join_counted(&call->worker->zone, call->socket, rooms,
                                  max, n, call->sizes);

        call->njoined = (rc == NGX_OK) ? n : 0;

        if (rc == NGX_ERROR) {
            ngx_sio_refused(&call->worker->zone, NGX_SIO_REFUSED_ROOM);
        }

        return ngx_sio_call_code(call, rc);
    }

    connect = call->connect;

    for (i = 0; i < n; i++) {

        if (connect->rooms.nelts >= call->server->limits.max_rooms) {
            ngx_sio_refused(&call->worker->zone, NGX_SIO_REFUSED_ROOM);
            return NGX_DECLINED;
        }

        room = ngx_array_push(&connect->rooms);
        m = ngx_array_push(&connect->max);

        if (room == NULL || m == NULL) {
            return NGX_BUSY;
        }

        *room = rooms[i];
        *m = max ? max[i] : 0;
    }

    return NGX_OK;
}


ngx_int_t
ngx_sio_call_leave(ngx_sio_call_t *call, const ngx_str_t *rooms, ngx_uint_t n,
    ngx_sio_where_t *where)
{
    ngx_int_t           rc;
    ngx_str_t          *room;
    ngx_uint_t          i, k, count, *max;
    ngx_sio_handle_t   *handles;
    ngx_sio_connect_t  *connect;

    call->njoined = 0;

    if (where && !where->self) {

        rc = ngx_sio_call_select(call, where, &handles, &count);

        for (i = 0; rc == NGX_OK && i < count; i++) {
            rc = ngx_sio_call_code(call,
                     ngx_sio_leave(&call->worker->zone, handles[i], rooms,
                                   n));
            if (rc == NGX_DONE) {
                rc = NGX_OK;

            } else if (rc == NGX_OK) {
                where->count++;
            }
        }

        if (rc != NGX_OK || !ngx_sio_call_meant(call, where)) {
            return rc;
        }
    }

    if (call->connect == NULL) {

        if (call->peer == NULL || call->peer->ending) {
            return NGX_DONE;
        }

        rc = ngx_sio_leave(&call->worker->zone, call->socket, rooms, n);

        return ngx_sio_call_code(call, rc);
    }

    connect = call->connect;
    room = connect->rooms.elts;
    max = connect->max.elts;

    for (i = 0; i < n; i++) {

        for (k = 0; k < connect->rooms.nelts; /* void */ ) {

            if (room[k].len != rooms[i].len
                || ngx_memcmp(room[k].data, rooms[i].data, rooms[i].len) != 0)
            {
                k++;
                continue;
            }

            count = connect->rooms.nelts - k - 1;

            ngx_memmove(&room[k], &room[k + 1], count * sizeof(ngx_str_t));
            ngx_memmove(&max[k], &max[k + 1], count * sizeof(ngx_uint_t));

            connect->rooms.nelts--;
            connect->max.nelts--;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_sio_call_disconnect(ngx_sio_call_t *call, ngx_uint_t close,
    ngx_sio_where_t *where)
{
    ngx_int_t           rc;
    ngx_uint_t          i, n;
    ngx_sio_peer_t     *peer;
    ngx_sio_handle_t   *handles;
    ngx_sio_connect_t  *connect;

    if (where == NULL || where->self) {

        if (call->connect) {
            connect = call->connect;
            connect->disconnect = 1;
            connect->close |= (close ? 1 : 0);
            return NGX_OK;
        }

        if (call->peer == NULL || call->peer->ended) {
            return NGX_DONE;
        }

        call->peer->ending = 1;
        call->client->close_later |= (close ? 1 : 0);

        return NGX_OK;
    }

    call->njoined = 0;

    rc = ngx_sio_call_select(call, where, &handles, &n);

    for (i = 0; rc == NGX_OK && i < n; i++) {

        if (handles[i].ref == call->socket.ref
            && handles[i].gen == call->socket.gen)
        {
            (void) ngx_sio_call_disconnect(call, close, NULL);
            continue;
        }

        /* others of its own client go before what comes next; an order of
           the API has none */

        peer = call->client ? call->client->peers : NULL;

        for ( /* void */ ; peer; peer = peer->next) {
            call->client->kicked |= (peer->socket.ref == handles[i].ref
                                     && peer->socket.gen == handles[i].gen);
        }

        rc = ngx_sio_call_code(call, ngx_sio_socket_kick(&call->worker->zone,
                                                         handles[i], close));
        if (rc == NGX_DONE) {
            rc = NGX_OK;

        } else if (rc == NGX_OK) {
            where->count++;
        }
    }

    if (rc == NGX_OK && ngx_sio_call_meant(call, where)) {
        rc = ngx_sio_call_disconnect(call, close, NULL);
    }

    return rc;
}
