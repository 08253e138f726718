
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "zone_scene.h"


static void zs_receive(zt_worker_t *w, ngx_sio_handle_t session,
    ngx_sio_handle_t socket, ngx_sio_entry_t *e);
static void zs_create(zs_t *zs, zs_session_e i, ngx_uint_t w,
    ngx_uint_t websocket);
static void zs_connect(zs_t *zs, zs_session_e i, ngx_uint_t w,
    const char *rooms);


const u_char  zs_long[] =
    "a room with a name that is far too long for the place that a room keeps "
    "for short names, so that it lies somewhere else, and it goes on and on";

static zt_body_t  zs_body;
static uint32_t   zs_next;


ngx_str_t
zs_str(const char *s)
{
    ngx_str_t  str;

    str.data = (u_char *) s;
    str.len = strlen(s);

    return str;
}


/* one room for each letter; "L" is the long one; at most 8 */

ngx_uint_t
zs_rooms(const char *letters, ngx_str_t *rooms)
{
    ngx_uint_t  i;

    for (i = 0; letters[i]; i++) {

        if (letters[i] == 'L') {
            rooms[i].data = (u_char *) zs_long;
            rooms[i].len = ZS_LONG;
            continue;
        }

        rooms[i].data = (u_char *) letters + i;
        rooms[i].len = 1;
    }

    return i;
}


static void
zs_receive(zt_worker_t *w, ngx_sio_handle_t session, ngx_sio_handle_t socket,
    ngx_sio_entry_t *e)
{
    zs_t *zs = w->data;

    zs->sum += zt_body_id(&w->z, &e->body);
}


const ngx_sio_body_t *
zs_message(size_t len)
{
    zt_body(&zs_body, ++zs_next, len);

    return &zs_body.body;
}


ngx_int_t
zs_session_create(zs_t *zs, zs_session_t *s, ngx_uint_t w,
    ngx_uint_t websocket)
{
    u_char                    address[NGX_SIO_ADDRESS_LEN];
    ngx_sio_session_params_t  p;

    memset(address, s->address, sizeof(address));

    memset(&p, 0, sizeof(p));
    memcpy(p.sid, s->sid, NGX_SIO_ID_LEN);
    p.address = address;
    p.location = 7;
    p.websocket = websocket;
    p.ping_interval = 25000;
    p.ping_timeout = 20000;
    p.connect_timeout = 45000;
    p.info = zs_str("what the handshake was like");

    return ngx_sio_session_create(zs_z(w), &p, zs->now, &s->h);
}


static void
zs_create(zs_t *zs, zs_session_e i, ngx_uint_t w, ngx_uint_t websocket)
{
    char           sid[NGX_SIO_ID_LEN + 1];
    zs_session_t  *s;

    s = &zs->s[i];
    sprintf(sid, "session-%02d----------", (int) i);
    memcpy(s->sid, sid, NGX_SIO_ID_LEN);

    s->address = (i >= ZS_NSESSIONS - ZS_NALONE) ? 'A' + i : ZS_FULL;

    zt_rc(zs_session_create(zs, s, w, websocket), NGX_OK);
}


ngx_int_t
zs_socket_connect(zs_t *zs, zs_session_t *s, ngx_uint_t w, const char *nsp,
    const char *id, const char *rooms, ngx_sio_handle_t *socket)
{
    ngx_int_t                rc;
    ngx_str_t                names[8];
    ngx_sio_socket_params_t  p;

    memset(&p, 0, sizeof(p));
    p.nsp = zs_str(nsp);
    memcpy(p.id, id, NGX_SIO_ID_LEN);
    p.auth = zs_str("{\"token\":\"abc\"}");
    p.data = zs_str("{\"name\":\"x\"}");
    p.token.claims = zs_str("{\"sub\":\"somebody\"}");
    p.token.expires = ngx_time() + (s == &zs->s[ZS_WS_1] ? ZS_EXPIRES / 10
                                    : s == &zs->s[ZS_IDLE] ? ZS_EXPIRES / 5
                                    : ZS_EXPIRES);
    p.token.warn = ZS_WARN;
    p.nrooms = zs_rooms(rooms, names);
    p.rooms = names;

    zs->w[w].connecting = s->h;
    rc = ngx_sio_socket_connect(zs_z(w), s->h, &p, zs_message(40), socket);
    zs->w[w].connecting.ref = 0;

    return rc;
}


/* more than max of a user's: the oldest go */

ngx_int_t
zs_identify(zs_t *zs, ngx_uint_t w, zs_session_e i, const char *user,
    ngx_uint_t max)
{
    ngx_sio_user_t  u;

    memset(&u, 0, sizeof(u));
    u.name = zs_str(user);
    u.room = u.name;
    u.max = max;
    u.kick = 1;

    return ngx_sio_socket_identify(zs_z(w), zs->s[i].socket, &u);
}


static void
zs_connect(zs_t *zs, zs_session_e i, ngx_uint_t w, const char *rooms)
{
    char           id[NGX_SIO_ID_LEN + 1];
    zs_session_t  *s;

    s = &zs->s[i];
    sprintf(id, "socket-%02d-----------", (int) i);
    memcpy(s->id, id, NGX_SIO_ID_LEN);

    zt_rc(zs_socket_connect(zs, s, w, "/", id, rooms, &s->socket), NGX_OK);
}


/* takes the queue, so that nothing is in it */

static void
zs_empty(zs_t *zs, zs_session_e i, ngx_uint_t w)
{
    ngx_sio_request_t  rq;

    zt_rc(ngx_sio_get_open(zs_z(w), zs->s[i].sid, 0, zs->now, &rq), NGX_OK);
}


static void
zs_get(zs_t *zs, zs_session_e i, ngx_uint_t w)
{
    ngx_sio_request_t  rq;

    zt_rc(ngx_sio_get_open(zs_z(w), zs->s[i].sid, 0, zs->now, &rq), NGX_AGAIN);
    zs->s[i].get_gen = rq.gen;
}


static void
zs_post(zs_t *zs, zs_session_e i, ngx_uint_t w)
{
    ngx_sio_request_t  rq;

    zt_rc(ngx_sio_post_open(zs_z(w), zs->s[i].sid, 0, zs->now, zs->pool, &rq),
          NGX_OK);
    zs->s[i].post_gen = rq.gen;
}


ngx_int_t
zs_emit(zs_t *zs, ngx_uint_t w, const char *to, const char *except,
    size_t len, ngx_uint_t flags, const char *ack)
{
    uint32_t         id;
    ngx_int_t        rc;
    ngx_str_t        names[8], others[8];
    ngx_uint_t       receivers;
    ngx_sio_emit_t   emit;

    memset(&emit, 0, sizeof(emit));
    emit.target.nsp = zs_str("/");
    emit.target.to = names;
    emit.target.except = others;
    emit.target.all = (to == NULL);
    emit.target.nto = to ? zs_rooms(to, names) : 0;
    emit.target.nexcept = except ? zs_rooms(except, others) : 0;
    emit.body = *zs_message(len);
    emit.flags = flags;

    id = 0;

    if (ack) {
        emit.ack_name = zs_str(ack);
        emit.ack_timeout = 5000;

        rc = ngx_sio_ack_id(zs_z(w), &emit.target.nsp, &id);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    zs->ack = id;

    return ngx_sio_emit(zs_z(w), &emit, id, &receivers);
}


void
zs_open(zs_t *zs, size_t size)
{
    ngx_str_t         str;
    ngx_uint_t        i;
    ngx_sio_handle_t  h;
    ngx_sio_limits_t  limits;

    memset(zs, 0, sizeof(zs_t));
    zs_next = 0;

    zs->pool = ngx_create_pool(4096, &zt_log);
    zt_ok(zs->pool, "no memory");

    zt_limits(&limits);
    limits.max_sessions = ZS_NSESSIONS - ZS_NALONE;

    zt_zone_open(&zs->zone, size, &limits);
    zs->now = ngx_current_msec;

    for (i = 0; i < ZS_WORKERS; i++) {
        zt_worker_init(&zs->w[i], &zs->zone, i);
        zs->w[i].receive = zs_receive;
        zs->w[i].data = zs;
    }

    zt_worker_view(&zs->other, &zs->zone);

    zs_create(zs, ZS_WS_0, 0, 1);
    zs_connect(zs, ZS_WS_0, 0, "abc");
    zt_rc(zs_socket_connect(zs, &zs->s[ZS_WS_0], 0, "/a",
                            "socket-00-in-a------", "a", &h), NGX_OK);
    zs_create(zs, ZS_WS_1, 1, 1);
    zs_connect(zs, ZS_WS_1, 1, "ab");
    zs_create(zs, ZS_WS_2, 2, 1);
    zs_connect(zs, ZS_WS_2, 2, "abL");

    zs_create(zs, ZS_IDLE, 0, 0);
    zs_connect(zs, ZS_IDLE, 0, "abc");
    zs_create(zs, ZS_QUEUED, 1, 0);
    zs_connect(zs, ZS_QUEUED, 1, "a");
    zs_create(zs, ZS_GET_0, 0, 0);
    zs_connect(zs, ZS_GET_0, 0, "ab");
    zs_create(zs, ZS_GET_1, 0, 0);
    zs_connect(zs, ZS_GET_1, 0, "ab");
    zs_create(zs, ZS_POST_1, 2, 0);
    zs_connect(zs, ZS_POST_1, 2, "a");
    zs_create(zs, ZS_CAND_0, 0, 0);
    zs_connect(zs, ZS_CAND_0, 0, "abc");
    zt_rc(zs_socket_connect(zs, &zs->s[ZS_CAND_0], 0, "/a",
                            "socket-08-in-a------", "ab", &h), NGX_OK);
    zs_create(zs, ZS_CAND_POST, 0, 0);
    zs_connect(zs, ZS_CAND_POST, 0, "a");
    zs_create(zs, ZS_FRESH, 0, 0);
    zs_create(zs, ZS_CLOSING_0, 0, 1);
    zs_connect(zs, ZS_CLOSING_0, 0, "ab");
    zs_create(zs, ZS_LINGERS, 0, 0);
    zs_create(zs, ZS_HELD_0, 0, 1);

    /* acks asked of ZS_IDLE, ZS_CAND_0 and others */

    zt_rc(zs_emit(zs, 1, "c", NULL, 100, 0, "first"), NGX_OK);
    zt_rc(zs_emit(zs, 1, "c", NULL, 100, 0, "second"), NGX_OK);

    zs_empty(zs, ZS_IDLE, 0);
    zs_empty(zs, ZS_GET_0, 0);
    zs_empty(zs, ZS_GET_1, 0);

    str = zs_str("51-[\"half a packet\"");
    zs_post(zs, ZS_QUEUED, 0);
    zt_rc(ngx_sio_post_close(zs_z(0), zs_h(ZS_QUEUED),
                             zs->s[ZS_QUEUED].post_gen, &str), NGX_OK);

    /* one user's, the oldest of them first */

    zt_rc(zs_identify(zs, 0, ZS_WS_1, "user", 0), NGX_OK);
    zt_rc(zs_identify(zs, 0, ZS_WS_2, "user", 0), NGX_OK);
    zt_rc(zs_identify(zs, 0, ZS_CAND_0, "user", 0), NGX_OK);

    for (i = 0; i < ZS_WORKERS; i++) {
        zt_drain(&zs->w[i]);
    }

    zs_get(zs, ZS_GET_0, 0);
    zs_get(zs, ZS_GET_1, 1);
    zs_post(zs, ZS_POST_1, 1);

    zt_rc(ngx_sio_session_probe(zs_z(0), zs_h(ZS_CAND_0),
                                &zs->s[ZS_CAND_0].cand_gen), NGX_OK);
    zt_rc(ngx_sio_session_probe(zs_z(0), zs_h(ZS_CAND_POST),
                                &zs->s[ZS_CAND_POST].cand_gen), NGX_OK);
    zs_post(zs, ZS_CAND_POST, 0);

    zt_rc(zs_emit(zs, 0, "a", "b", 300, 0, NULL), NGX_OK);
    zt_rc(ngx_sio_session_send(zs_z(1), zs_h(ZS_LINGERS), zs_message(20), 0),
          NGX_OK);

    zt_rc(ngx_sio_session_close(zs_z(0), zs_h(ZS_LINGERS),
                                NGX_SIO_FORCED_CLOSE, 1), NGX_OK);
    zt_rc(ngx_sio_session_end(zs_z(0), zs_h(ZS_LINGERS), zs->now), NGX_OK);
    zt_rc(ngx_sio_session_close(zs_z(0), zs_h(ZS_HELD_0),
                                NGX_SIO_FORCED_CLOSE, 0), NGX_OK);
    zt_rc(ngx_sio_session_end(zs_z(0), zs_h(ZS_HELD_0), zs->now), NGX_OK);
    zt_rc(ngx_sio_session_close(zs_z(0), zs_h(ZS_CLOSING_0),
                                NGX_SIO_FORCED_CLOSE, 0), NGX_OK);

    /* something in the inboxes of workers 0 and 1 and on ready lists */

    zt_rc(zs_emit(zs, 2, "c", NULL, 200, 0, NULL), NGX_OK);
    zt_rc(ngx_sio_session_send(zs_z(2), zs_h(ZS_WS_1), zs_message(5000), 0),
          NGX_OK);
    zt_rc(ngx_sio_session_send(zs_z(2), zs_h(ZS_GET_1), zs_message(10), 0),
          NGX_OK);
    zt_rc(ngx_sio_session_send(zs_z(2), zs_h(ZS_GET_0), zs_message(10), 0),
          NGX_OK);

    zt_check(zs_z(0));
}


void
zs_close(zs_t *zs)
{
    ngx_uint_t  i;

    for (i = 0; i < ZS_WORKERS; i++) {
        zt_worker_cleanup(&zs->w[i]);
    }

    zt_worker_cleanup(&zs->other);
    ngx_destroy_pool(zs->pool);
    zt_zone_close(&zs->zone);
    zt_body_free(&zs_body);
}
