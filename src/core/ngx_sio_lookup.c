
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What rules can ask: membership, rooms, sizes, sockets, socket.data, the
 * handshake.  While a CONNECT call runs, what it holds back counts as done.
 */


#include "ngx_sio_worker.h"


#define NGX_SIO_MAX_SOCKETS  1000


static ngx_int_t ngx_sio_call_same(const ngx_str_t *a, const ngx_str_t *b);
static ngx_int_t ngx_sio_data_set(ngx_pool_t *pool, const ngx_str_t *json,
    const ngx_str_t *key, const ngx_str_t *value, ngx_str_t *out);


static ngx_int_t
ngx_sio_call_same(const ngx_str_t *a, const ngx_str_t *b)
{
    return a->len == b->len && ngx_memcmp(a->data, b->data, a->len) == 0;
}


ngx_uint_t
ngx_sio_call_held_room(ngx_sio_call_t *call, const ngx_str_t *room)
{
    ngx_str_t          *rooms;
    ngx_uint_t          i;
    ngx_sio_connect_t  *connect;

    connect = call->connect;
    rooms = connect->rooms.elts;

    for (i = 0; i < connect->rooms.nelts; i++) {
        if (ngx_sio_call_same(&rooms[i], room)) {
            return 1;
        }
    }

    return ngx_sio_call_same(&call->id, room)
           || (connect->user.room.len
               && ngx_sio_call_same(&connect->user.room, room));
}


ngx_int_t
ngx_sio_call_member(ngx_sio_call_t *call, const ngx_str_t *room)
{
    ngx_int_t  rc;

    if (call->connect) {
        return ngx_sio_call_held_room(call, room) ? NGX_OK : NGX_DECLINED;
    }

    rc = ngx_sio_member(&call->worker->zone, call->socket, room);

    return rc == NGX_OK ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_sio_call_rooms(ngx_sio_call_t *call, ngx_str_t **rooms, ngx_uint_t *n)
{
    ngx_int_t           rc;
    ngx_str_t          *list, *held;
    ngx_uint_t          i, k;
    ngx_sio_connect_t  *connect;

    *n = 0;

    if (call->connect == NULL) {
        rc = ngx_sio_socket_rooms(&call->worker->zone, call->socket,
                                  call->pool, rooms, n);
        if (rc != NGX_OK) {
            *n = 0;
        }

        return NGX_OK;
    }

    connect = call->connect;
    held = connect->rooms.elts;

    list = ngx_palloc(call->pool,
                      (connect->rooms.nelts + 2) * sizeof(ngx_str_t));
    if (list == NULL) {
        return NGX_BUSY;
    }

    list[0] = call->id;
    *n = 1;

    if (connect->user.room.len) {
        list[(*n)++] = connect->user.room;
    }

    for (i = 0; i < connect->rooms.nelts; i++) {

        for (k = 0; k < *n; k++) {
            if (ngx_sio_call_same(&list[k], &held[i])) {
                break;
            }
        }

        if (k == *n) {
            list[(*n)++] = held[i];
        }
    }

    *rooms = list;

    return NGX_OK;
}


ngx_int_t
ngx_sio_call_size(ngx_sio_call_t *call, const ngx_str_t *room,
    ngx_uint_t *size)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    /* `join`, then the size, are one step: no other gets the same number */

    for (i = 0; room && i < call->njoined; i++) {

        if (call->joined[i].len == room->len
            && ngx_memcmp(call->joined[i].data, room->data, room->len) == 0)
        {
            *size = call->sizes[i];
            return NGX_OK;
        }
    }

    *size = 0;

    rc = ngx_sio_room_size(&call->worker->zone, &call->nsp, room, size);

    if (rc != NGX_OK) {
        *size = 0;
    }

    if (call->connect
        && (room == NULL || ngx_sio_call_held_room(call, room)))
    {
        (*size)++;
    }

    return NGX_OK;
}


ngx_int_t
ngx_sio_call_sockets(ngx_sio_call_t *call, const ngx_str_t *room,
    ngx_str_t *json)
{
    u_char                 *p;
    size_t                  len;
    ngx_int_t               rc;
    ngx_str_t              *data;
    ngx_uint_t              i, n, m, total;
    ngx_sio_zone_t         *z;
    ngx_sio_target_t        target;
    ngx_sio_handle_t       *handles, session;
    ngx_sio_socket_info_t  *info;

    z = &call->worker->zone;

    ngx_memzero(&target, sizeof(ngx_sio_target_t));

    target.nsp = call->nsp;
    target.to = room;
    target.nto = room ? 1 : 0;
    target.all = (room == NULL);

    n = 0;
    total = 0;

    rc = ngx_sio_select(z, &target, NGX_SIO_MAX_SOCKETS, call->pool, &handles,
                        &n, &total);

    if (rc != NGX_OK || total > NGX_SIO_MAX_SOCKETS) {
        return NGX_DECLINED;
    }

    info = ngx_palloc(call->pool, (n + 1) * sizeof(ngx_sio_socket_info_t));
    data = ngx_pcalloc(call->pool, (n + 1) * sizeof(ngx_str_t));

    if (info == NULL || data == NULL) {
        return NGX_BUSY;
    }

    len = 2;
    m = 0;

    for (i = 0; i < n; i++) {

        /* one that left meanwhile is passed over */

        if (ngx_sio_socket_info(z, handles[i], call->pool, &info[m], &session)
            != NGX_OK
            || ngx_sio_socket_data(z, handles[i], call->pool, &data[m])
               != NGX_OK)
        {
            continue;
        }

        if (data[m].len == 0) {
            ngx_str_set(&data[m], "{}");
        }

        len += sizeof("{\"id\":,\"data\":},") - 1 + data[m].len
               + sio_json_string_len(info[m].id.data, info[m].id.len);
        m++;
    }

    p = ngx_pnalloc(call->pool, len);
    if (p == NULL) {
        return NGX_BUSY;
    }

    json->data = p;
    *p++ = '[';

    for (i = 0; i < m; i++) {

        if (i) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, "{\"id\":", sizeof("{\"id\":") - 1);
        p += sio_json_string_write(p, info[i].id.data, info[i].id.len);
        p = ngx_cpymem(p, ",\"data\":", sizeof(",\"data\":") - 1);
        p = ngx_cpymem(p, data[i].data, data[i].len);
        *p++ = '}';
    }

    *p++ = ']';

    json->len = p - json->data;

    return NGX_OK;
}


ngx_int_t
ngx_sio_call_data(ngx_sio_call_t *call, ngx_str_t *json)
{
    ngx_sio_connect_t  *connect;

    ngx_str_null(json);

    if (call->connect) {
        connect = call->connect;
        *json = connect->data;

    } else if (call->socket.ref) {

        if (call->type == NGX_SIO_CALL_DISCONNECT) {
            /* the socket has left the zone, its data has not left us */
            *json = call->data;

        } else if (ngx_sio_socket_data(&call->worker->zone, call->socket,
                                       call->pool, json)
                   != NGX_OK)
        {
            ngx_str_null(json);
        }
    }

    if (json->len == 0) {
        ngx_str_set(json, "{}");
    }

    return NGX_OK;
}


ngx_int_t
ngx_sio_call_set(ngx_sio_call_t *call, const ngx_str_t *key,
    const ngx_str_t *value)
{
    ngx_str_t  json, out;

    if (call->type == NGX_SIO_CALL_DISCONNECT) {
        return NGX_DONE;
    }

    (void) ngx_sio_call_data(call, &json);

    if (ngx_sio_data_set(call->pool, &json, key, value, &out) != NGX_OK) {
        return NGX_BUSY;
    }

    return ngx_sio_call_replace(call, &out);
}


ngx_int_t
ngx_sio_call_replace(ngx_sio_call_t *call, ngx_str_t *json)
{
    ngx_int_t           rc;
    ngx_sio_connect_t  *connect;

    if (json->len > call->server->limits.max_data) {
        ngx_sio_refused(&call->worker->zone, NGX_SIO_REFUSED_DATA);
        return NGX_DECLINED;
    }

    if (call->connect) {
        connect = call->connect;
        connect->data = *json;
        return NGX_OK;
    }

    rc = ngx_sio_socket_set_data(&call->worker->zone, call->socket, json);

    switch (rc) {

    case NGX_OK:
    case NGX_DONE:
    case NGX_BUSY:
        return rc;

    case NGX_ABORT:
        return NGX_DONE;

    default:
        return NGX_DECLINED;
    }
}


/* an object with one member replaced or added */

static ngx_int_t
ngx_sio_data_set(ngx_pool_t *pool, const ngx_str_t *json,
    const ngx_str_t *key, const ngx_str_t *value, ngx_str_t *out)
{
    u_char           *p;
    sio_str_t         object, name, old;
    sio_json_iter_t   it;

    p = ngx_pnalloc(pool, json->len + key->len + value->len
                          + sizeof("{,\"\":}"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    out->data = p;
    *p++ = '{';

    object.data = json->data;
    object.len = json->len;

    sio_json_iter_init(&it, &object);

    while (sio_json_iter_next(&it, &name, &old) == SIO_OK) {

        if (sio_json_string_eq(&name, key->data, key->len) == SIO_OK) {
            continue;
        }

        p = ngx_cpymem(p, name.data, name.len);
        *p++ = ':';
        p = ngx_cpymem(p, old.data, old.len);
        *p++ = ',';
    }

    *p++ = '"';
    p = ngx_cpymem(p, key->data, key->len);
    *p++ = '"';
    *p++ = ':';
    p = ngx_cpymem(p, value->data, value->len);
    *p++ = '}';

    out->len = p - out->data;

    return NGX_OK;
}


ngx_int_t
ngx_sio_call_info(ngx_sio_call_t *call, const ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_str_t          info;
    ngx_sio_client_t  *client;

    client = call->client;

    if (client == NULL) {
        return NGX_DECLINED;
    }

    if (client->info.data == NULL) {

        if (ngx_sio_session_params(&call->worker->zone, client->session,
                                   call->pool, &info)
            != NGX_OK)
        {
            return NGX_DECLINED;
        }

        if (client->pool) {
            client->info.data = ngx_pnalloc(client->pool, info.len + 1);

        } else {
            client->info.data = ngx_alloc(info.len + 1, call->worker->log);
        }

        if (client->info.data == NULL) {
            return NGX_DECLINED;
        }

        client->info.len = info.len;

        if (info.len) {
            ngx_memcpy(client->info.data, info.data, info.len);
        }
    }

    return ngx_sio_info_get(&client->info, name, value);
}


void
ngx_sio_call_transport(ngx_sio_call_t *call, ngx_str_t *name)
{
    if (call->client && call->client->websocket) {
        ngx_str_set(name, "websocket");

    } else {
        ngx_str_set(name, "polling");
    }
}
