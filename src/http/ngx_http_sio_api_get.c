
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What the API tells: sockets and rooms, a page at a time.
 */


#include "ngx_http_sio_api.h"


#define NGX_HTTP_SIO_API_LIMIT      100
#define NGX_HTTP_SIO_API_MAX_LIMIT  1000
#define NGX_HTTP_SIO_API_SELECT     10000000
#define NGX_HTTP_SIO_API_MAX_CURSOR  ((uint64_t) -1)


/* a number of its own for each socket */

#define ngx_http_sio_api_place(h)                                             \
    ((uint64_t) (h)->gen << 32 | (h)->ref)


typedef struct {
    ngx_sio_socket_info_t     info;
    ngx_sio_session_info_t    session;
    ngx_str_t                 user;         /* empty: nobody */
    ngx_str_t                 data;
    ngx_str_t                *rooms;
    ngx_uint_t                nrooms;
} ngx_http_sio_api_socket_t;


static ngx_int_t ngx_http_sio_api_page(ngx_http_sio_api_ctx_t *api,
    ngx_uint_t *limit, uint64_t *cursor);
static ngx_int_t ngx_http_sio_api_look(ngx_http_sio_api_ctx_t *api,
    ngx_sio_handle_t handle, ngx_http_sio_api_socket_t *socket);
static ngx_uint_t ngx_http_sio_api_next(ngx_sio_handle_t *handles,
    ngx_uint_t n, uint64_t cursor, ngx_uint_t limit, ngx_uint_t *more);
static int ngx_libc_cdecl ngx_http_sio_api_compare(const void *one,
    const void *two);
static ngx_int_t ngx_http_sio_api_wrong_page(ngx_http_sio_api_ctx_t *api);


/* NGX_OK, or NGX_DECLINED: a number is none */

static ngx_int_t
ngx_http_sio_api_page(ngx_http_sio_api_ctx_t *api, ngx_uint_t *limit,
    uint64_t *cursor)
{
    ngx_int_t   n;
    ngx_uint_t  i, digit;

    *limit = NGX_HTTP_SIO_API_LIMIT;
    *cursor = 0;

    if (api->limit.len) {
        n = ngx_atoi(api->limit.data, api->limit.len);

        if (n <= 0 || n > NGX_HTTP_SIO_API_MAX_LIMIT) {
            return NGX_DECLINED;
        }

        *limit = n;
    }

    for (i = 0; i < api->cursor.len; i++) {

        digit = api->cursor.data[i] - '0';

        if (digit > 9
            || *cursor > (NGX_HTTP_SIO_API_MAX_CURSOR - digit) / 10)
        {
            return NGX_DECLINED;
        }

        *cursor = *cursor * 10 + digit;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_api_wrong_page(ngx_http_sio_api_ctx_t *api)
{
    ngx_str_t  text;

    ngx_str_set(&text, "limit is a number from 1 to 1000, cursor one that "
                       "came with the page before");

    return ngx_http_sio_api_error(api, NGX_HTTP_BAD_REQUEST, "invalid_query",
                                  &text);
}


/*
 * Sockets are told in the order of their places, which they keep, and a cursor
 * is the last one's: who is there all the time is in one page, whoever comes
 * and goes meanwhile.
 */

ngx_int_t
ngx_http_sio_api_sockets(ngx_http_sio_api_ctx_t *api)
{
    u_char                     *p;
    size_t                      len;
    uint64_t                    cursor;
    ngx_str_t                   json;
    ngx_uint_t                  i, k, n, m, limit, total, more;
    ngx_sio_zone_t             *z;
    ngx_sio_target_t            target;
    ngx_sio_handle_t           *handles;
    ngx_http_request_t         *r;
    ngx_http_sio_api_socket_t  *sockets, *s;

    r = api->request;

    if (ngx_http_sio_api_page(api, &limit, &cursor) != NGX_OK) {
        return ngx_http_sio_api_wrong_page(api);
    }

    ngx_memzero(&target, sizeof(ngx_sio_target_t));

    target.nsp = api->nsp;
    target.to = api->to.elts;
    target.nto = api->to.nelts;
    target.all = (api->to.nelts == 0);
    target.except = api->except.elts;
    target.nexcept = api->except.nelts;

    z = ngx_sio_worker_zone(api->call.worker);

    if (ngx_sio_select(z, &target, NGX_HTTP_SIO_API_SELECT, r->pool, &handles,
                       &n, &total)
        != NGX_OK)
    {
        return ngx_http_sio_api_busy(api);
    }

    n = ngx_http_sio_api_next(handles, n, cursor, limit, &more);

    sockets = ngx_palloc(r->pool, limit * sizeof(ngx_http_sio_api_socket_t));
    if (sockets == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    len = sizeof("{\"sockets\":[],\"total\":,\"cursor\":\"\"}") - 1
          + 2 * NGX_INT64_LEN;
    m = 0;

    for (i = 0; i < n; i++) {

        s = &sockets[m];

        /* one that left meanwhile is passed over */

        if (ngx_http_sio_api_look(api, handles[i], s) != NGX_OK) {
            continue;
        }

        len += sizeof("{\"id\":,\"nsp\":,\"transport\":\"websocket\","
                      "\"user\":null,\"rooms\":[],\"data\":},") - 1
               + s->data.len
               + sio_json_string_len(s->user.data, s->user.len)
               + sio_json_string_len(s->info.id.data, s->info.id.len)
               + sio_json_string_len(s->info.nsp.data, s->info.nsp.len);

        for (k = 0; k < s->nrooms; k++) {
            len += sio_json_string_len(s->rooms[k].data, s->rooms[k].len) + 1;
        }

        m++;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    json.data = p;
    p = ngx_cpymem(p, "{\"sockets\":[", sizeof("{\"sockets\":[") - 1);

    for (i = 0; i < m; i++) {

        s = &sockets[i];

        if (i) {
            *p++ = ',';
        }

        p = ngx_cpymem(p, "{\"id\":", sizeof("{\"id\":") - 1);
        p += sio_json_string_write(p, s->info.id.data, s->info.id.len);
        p = ngx_cpymem(p, ",\"nsp\":", sizeof(",\"nsp\":") - 1);
        p += sio_json_string_write(p, s->info.nsp.data, s->info.nsp.len);
        p = ngx_sprintf(p, ",\"transport\":\"%s\",\"user\":",
                        s->session.websocket ? "websocket" : "polling");

        if (s->user.len) {
            p += sio_json_string_write(p, s->user.data, s->user.len);

        } else {
            p = ngx_cpymem(p, "null", sizeof("null") - 1);
        }

        p = ngx_cpymem(p, ",\"rooms\":[", sizeof(",\"rooms\":[") - 1);

        for (k = 0; k < s->nrooms; k++) {

            if (k) {
                *p++ = ',';
            }

            p += sio_json_string_write(p, s->rooms[k].data, s->rooms[k].len);
        }

        p = ngx_cpymem(p, "],\"data\":", sizeof("],\"data\":") - 1);
        p = ngx_cpymem(p, s->data.data, s->data.len);
        *p++ = '}';
    }

    p = ngx_sprintf(p, "],\"total\":%ui", total);

    if (more) {
        p = ngx_sprintf(p, ",\"cursor\":\"%uL\"",
                        ngx_http_sio_api_place(&handles[n - 1]));
    }

    *p++ = '}';

    json.len = p - json.data;

    return ngx_http_sio_api_send(api, &json);
}


/* moves the next ones behind cursor to the beginning, in order; *more: others
   follow */

static ngx_uint_t
ngx_http_sio_api_next(ngx_sio_handle_t *handles, ngx_uint_t n,
    uint64_t cursor, ngx_uint_t limit, ngx_uint_t *more)
{
    ngx_uint_t  i, m;

    m = 0;

    for (i = 0; i < n; i++) {
        if (ngx_http_sio_api_place(&handles[i]) > cursor) {
            handles[m++] = handles[i];
        }
    }

    if (m > 1) {
        ngx_qsort(handles, m, sizeof(ngx_sio_handle_t),
                  ngx_http_sio_api_compare);
    }

    *more = (m > limit);

    return ngx_min(m, limit);
}


static int ngx_libc_cdecl
ngx_http_sio_api_compare(const void *one, const void *two)
{
    uint64_t  a, b;

    a = ngx_http_sio_api_place((const ngx_sio_handle_t *) one);
    b = ngx_http_sio_api_place((const ngx_sio_handle_t *) two);

    return a < b ? -1 : a > b;
}


static ngx_int_t
ngx_http_sio_api_look(ngx_http_sio_api_ctx_t *api, ngx_sio_handle_t handle,
    ngx_http_sio_api_socket_t *socket)
{
    ngx_pool_t        *pool;
    ngx_sio_zone_t    *z;
    ngx_sio_handle_t   session;

    z = ngx_sio_worker_zone(api->call.worker);
    pool = api->request->pool;

    if (ngx_sio_socket_info(z, handle, pool, &socket->info, &session)
        != NGX_OK
        || ngx_sio_session_info(z, session, &socket->session) != NGX_OK
        || ngx_sio_socket_user(z, handle, pool, &socket->user) != NGX_OK
        || ngx_sio_socket_data(z, handle, pool, &socket->data) != NGX_OK
        || ngx_sio_socket_rooms(z, handle, pool, &socket->rooms,
                                &socket->nrooms)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (socket->data.len == 0) {
        ngx_str_set(&socket->data, "{}");
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_api_rooms(ngx_http_sio_api_ctx_t *api)
{
    u_char               *p;
    size_t                len;
    uint64_t              cursor;
    ngx_str_t             json;
    ngx_uint_t            i, n, limit;
    ngx_http_request_t   *r;
    ngx_sio_room_info_t  *rooms;

    r = api->request;

    if (ngx_http_sio_api_page(api, &limit, &cursor) != NGX_OK) {
        return ngx_http_sio_api_wrong_page(api);
    }

    if (ngx_sio_rooms(ngx_sio_worker_zone(api->call.worker), &api->nsp,
                      &cursor, limit, r->pool, &rooms, &n)
        != NGX_OK)
    {
        return ngx_http_sio_api_busy(api);
    }

    len = sizeof("{\"rooms\":[],\"cursor\":\"\"}") - 1 + NGX_INT64_LEN;

    for (i = 0; i < n; i++) {
        len += sizeof("{\"room\":,\"size\":},") - 1 + NGX_INT_T_LEN
               + sio_json_string_len(rooms[i].name.data, rooms[i].name.len);
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    json.data = p;
    p = ngx_cpymem(p, "{\"rooms\":[", sizeof("{\"rooms\":[") - 1);

    for (i = 0; i < n; i++) {

        p = ngx_sprintf(p, "%s{\"room\":", i ? "," : "");
        p += sio_json_string_write(p, rooms[i].name.data, rooms[i].name.len);
        p = ngx_sprintf(p, ",\"size\":%ui}", rooms[i].size);
    }

    *p++ = ']';

    if (cursor) {
        p = ngx_sprintf(p, ",\"cursor\":\"%uL\"", cursor);
    }

    *p++ = '}';

    json.len = p - json.data;

    return ngx_http_sio_api_send(api, &json);
}


ngx_int_t
ngx_http_sio_api_room(ngx_http_sio_api_ctx_t *api)
{
    u_char      *p;
    ngx_str_t    json, *name;
    ngx_uint_t   size;

    name = &api->name;

    if (ngx_sio_room_size(ngx_sio_worker_zone(api->call.worker), &api->nsp,
                          name, &size)
        != NGX_OK)
    {
        return ngx_http_sio_api_busy(api);
    }

    p = ngx_pnalloc(api->request->pool,
                    sizeof("{\"room\":,\"size\":}") - 1 + NGX_INT_T_LEN
                    + sio_json_string_len(name->data, name->len));
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    json.data = p;

    p = ngx_cpymem(p, "{\"room\":", sizeof("{\"room\":") - 1);
    p += sio_json_string_write(p, name->data, name->len);
    p = ngx_sprintf(p, ",\"size\":%ui}", size);

    json.len = p - json.data;

    return ngx_http_sio_api_send(api, &json);
}
