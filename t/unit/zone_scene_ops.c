
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The operations on the scene.  Each returns what the zone returned; the
 * expected codes are those of a run that is not disturbed.
 */


#include "zone_scene.h"


static ngx_int_t
zs_op_create(zs_t *zs, ngx_uint_t address, ngx_uint_t websocket)
{
    zs_session_t  s;

    memcpy(s.sid, "session-of-an-other-", NGX_SIO_ID_LEN);
    s.address = address;

    return zs_session_create(zs, &s, 0, websocket);
}


static ngx_int_t
zs_op_create_polling(zs_t *zs)
{
    return zs_op_create(zs, zs->s[ZS_HELD_0].address, 0);
}


static ngx_int_t
zs_op_create_ws(zs_t *zs)
{
    return zs_op_create(zs, zs->s[ZS_HELD_0].address, 1);
}


static ngx_int_t
zs_op_create_address(zs_t *zs)
{
    return zs_op_create(zs, 255, 0);
}


static ngx_int_t
zs_op_create_full(zs_t *zs)
{
    ngx_int_t  rc;

    rc = zs_op_create(zs, ZS_FULL, 0);

    return (rc == NGX_DECLINED) ? NGX_OK : (rc == NGX_OK) ? NGX_ERROR : rc;
}


static ngx_int_t
zs_op_params(zs_t *zs)
{
    ngx_str_t  info;

    return ngx_sio_session_params(zs_z(0), zs_h(ZS_IDLE), zs->pool, &info);
}


/* a GET whose outcome is known; NGX_BUSY is not for lack of memory then */

static ngx_int_t
zs_get_open(zs_t *zs, zs_session_e i, ngx_uint_t w, ngx_int_t want)
{
    ngx_int_t          rc;
    ngx_sio_entry_t    e;
    ngx_sio_request_t  rq;

    rc = ngx_sio_get_open(zs_z(w), zs->s[i].sid, 0, zs->now, &rq);

    if (rc == NGX_OK) {
        while (ngx_sio_batch_next(zs_z(w), &rq.batch, &e) == NGX_OK) {
            zs->sum += zt_body_id(zs_z(w), &e.body);
        }
    }

    return (rc == want) ? NGX_OK : rc;
}


static ngx_int_t
zs_op_get_park(zs_t *zs)
{
    return zs_get_open(zs, ZS_IDLE, 0, NGX_AGAIN);
}


static ngx_int_t
zs_op_get_queued(zs_t *zs)
{
    return zs_get_open(zs, ZS_QUEUED, 0, NGX_OK);
}


static ngx_int_t
zs_op_get_linger(zs_t *zs)
{
    return zs_get_open(zs, ZS_LINGERS, 1, NGX_OK);
}


static ngx_int_t
zs_op_get_get(zs_t *zs)
{
    return zs_get_open(zs, ZS_GET_0, 2, NGX_BUSY);
}


static ngx_int_t
zs_op_get_ws(zs_t *zs)
{
    return zs_get_open(zs, ZS_WS_1, 2, NGX_ERROR);
}


static ngx_int_t
zs_op_take(zs_t *zs)
{
    ngx_sio_batch_t  batch;

    return ngx_sio_get_take(zs_z(1), zs_h(ZS_GET_1), zs->s[ZS_GET_1].get_gen,
                            0, zs->now, &batch);
}


static ngx_int_t
zs_op_take_force(zs_t *zs)
{
    ngx_sio_batch_t  batch;

    return ngx_sio_get_take(zs_z(0), zs_h(ZS_GET_0), zs->s[ZS_GET_0].get_gen,
                            1, zs->now, &batch);
}


static ngx_int_t
zs_op_get_abort(zs_t *zs)
{
    return ngx_sio_get_abort(zs_z(0), zs_h(ZS_GET_0), zs->s[ZS_GET_0].get_gen);
}


static ngx_int_t
zs_op_post_open(zs_t *zs)
{
    ngx_sio_request_t  rq;

    return ngx_sio_post_open(zs_z(2), zs->s[ZS_QUEUED].sid, 0, zs->now,
                             zs->pool, &rq);
}


static ngx_int_t
zs_op_post_post(zs_t *zs)
{
    ngx_int_t          rc;
    ngx_sio_request_t  rq;

    rc = ngx_sio_post_open(zs_z(2), zs->s[ZS_POST_1].sid, 0, zs->now, zs->pool,
                           &rq);

    return (rc == NGX_BUSY) ? NGX_OK : rc;
}


static ngx_int_t
zs_op_post_close(zs_t *zs)
{
    ngx_str_t  partial;

    ngx_str_null(&partial);

    return ngx_sio_post_close(zs_z(1), zs_h(ZS_POST_1),
                              zs->s[ZS_POST_1].post_gen, &partial);
}


static ngx_int_t
zs_op_post_close_partial(zs_t *zs)
{
    ngx_str_t  partial;

    partial.data = (u_char *) zs_long;
    partial.len = ZS_LONG;

    return ngx_sio_post_close(zs_z(0), zs_h(ZS_CAND_POST),
                              zs->s[ZS_CAND_POST].post_gen, &partial);
}


static ngx_int_t
zs_op_post_abort(zs_t *zs)
{
    return ngx_sio_post_abort(zs_z(1), zs_h(ZS_POST_1),
                              zs->s[ZS_POST_1].post_gen);
}


static ngx_int_t
zs_op_pong(zs_t *zs)
{
    return ngx_sio_session_pong(zs_z(2), zs_h(ZS_IDLE), zs->now + 1000);
}


/* a packet of a client that has been asked for a pong */

static ngx_int_t
zs_op_alive(zs_t *zs)
{
    ngx_int_t  rc;

    rc = ngx_sio_sweep(zs_z(1), zs->now + 26000);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_sio_session_alive(zs_z(2), zs_h(ZS_IDLE), zs->now + 27000);

    /* one without memory for its ping is closed */

    return (rc == NGX_DONE) ? NGX_OK : rc;
}


static ngx_int_t
zs_op_probe(zs_t *zs)
{
    uint32_t  gen;

    return ngx_sio_session_probe(zs_z(2), zs_h(ZS_GET_0), &gen);
}


static ngx_int_t
zs_op_unprobe(zs_t *zs)
{
    return ngx_sio_session_unprobe(zs_z(0), zs_h(ZS_CAND_0),
                                   zs->s[ZS_CAND_0].cand_gen);
}


static ngx_int_t
zs_upgrade(zs_t *zs, zs_session_e i, uint32_t gen, ngx_int_t want)
{
    ngx_int_t             rc;
    ngx_str_t             partial;
    ngx_uint_t            n;
    ngx_sio_batch_t       batch;
    ngx_sio_membership_t  members[32];

    n = 32;

    rc = ngx_sio_session_upgrade(zs_z(0), zs_h(i), gen, &batch, members, &n,
                                 zs->pool, &partial);

    return (rc == want) ? NGX_OK : rc;
}


static ngx_int_t
zs_op_upgrade(zs_t *zs)
{
    return zs_upgrade(zs, ZS_CAND_0, zs->s[ZS_CAND_0].cand_gen, NGX_OK);
}


static ngx_int_t
zs_op_upgrade_direct(zs_t *zs)
{
    return zs_upgrade(zs, ZS_QUEUED, 0, NGX_OK);
}


static ngx_int_t
zs_op_upgrade_wait(zs_t *zs)
{
    return zs_upgrade(zs, ZS_CAND_POST, zs->s[ZS_CAND_POST].cand_gen,
                      NGX_AGAIN);
}


/* a POST that goes on with a packet, and brings the rest of it */

static ngx_int_t
zs_op_partial(zs_t *zs)
{
    ngx_int_t          rc;
    ngx_sio_request_t  rq;

    rc = ngx_sio_post_open(zs_z(0), zs->s[ZS_QUEUED].sid, 0, zs->now,
                           zs->pool, &rq);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_sio_post_close(zs_z(0), zs_h(ZS_QUEUED), rq.gen, NULL);
}


#define zs_define_send(name, w, i, len)                                       \
    static ngx_int_t                                                          \
    zs_op_send_##name(zs_t *zs)                                               \
    {                                                                         \
        return ngx_sio_session_send(zs_z(w), zs_h(i), zs_message(len), 0);    \
    }

zs_define_send(local, 0, ZS_WS_0, 100)
zs_define_send(remote, 0, ZS_WS_2, 100)
zs_define_send(large, 0, ZS_WS_2, 20000)
zs_define_send(idle, 0, ZS_IDLE, 100)
zs_define_send(queued, 0, ZS_QUEUED, 9000)
zs_define_send(parked, 2, ZS_GET_0, 100)


/* answers for a worker that waits */

#define zs_define_reply(name, from, to, len)                                  \
    static ngx_int_t                                                          \
    zs_op_reply_##name(zs_t *zs)                                              \
    {                                                                         \
        return ngx_sio_reply(zs_z(from), zs_z(to)->slot, zs_z(to)->slot_gen,  \
                             7, zs_message(len));                             \
    }

zs_define_reply(local, 0, 0, 100)
zs_define_reply(remote, 0, 2, 100)
zs_define_reply(large, 0, 2, 20000)


static ngx_int_t
zs_op_reply_gone(zs_t *zs)
{
    ngx_int_t  rc;

    rc = ngx_sio_reply(zs_z(0), zs_z(2)->slot, zs_z(2)->slot_gen - 1, 7,
                       zs_message(100));

    return (rc == NGX_DONE) ? NGX_OK : (rc == NGX_OK) ? NGX_ERROR : rc;
}


#define zs_define_close(name, w, i, linger)                                   \
    static ngx_int_t                                                          \
    zs_op_close_##name(zs_t *zs)                                              \
    {                                                                         \
        return ngx_sio_session_close(zs_z(w), zs_h(i),                        \
                                     NGX_SIO_FORCED_CLOSE, linger);           \
    }

zs_define_close(local, 0, ZS_WS_0, 0)
zs_define_close(remote, 0, ZS_WS_2, 0)
zs_define_close(idle, 0, ZS_IDLE, 0)
zs_define_close(queued, 0, ZS_QUEUED, 0)
zs_define_close(linger, 0, ZS_QUEUED, 1)
zs_define_close(parked, 0, ZS_GET_1, 1)
zs_define_close(posting, 0, ZS_POST_1, 0)
zs_define_close(candidate, 1, ZS_CAND_0, 0)


/* the end-of-life work of a session with sockets */

static ngx_int_t
zs_op_end(zs_t *zs)
{
    ngx_int_t  rc;

    rc = ngx_sio_socket_remove(zs_z(0), zs->s[ZS_CLOSING_0].socket);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_sio_session_end(zs_z(0), zs_h(ZS_CLOSING_0), zs->now);
}


static ngx_int_t
zs_op_drop(zs_t *zs)
{
    return ngx_sio_session_drop(zs_z(2), zs_h(ZS_LINGERS));
}


#define zs_define_kick(name, w, i)                                            \
    static ngx_int_t                                                          \
    zs_op_kick_##name(zs_t *zs)                                               \
    {                                                                         \
        return ngx_sio_socket_kick(zs_z(w), zs->s[i].socket, 1);              \
    }

zs_define_kick(local, 0, ZS_WS_0)
zs_define_kick(remote, 0, ZS_WS_2)
zs_define_kick(polling, 2, ZS_IDLE)


static ngx_int_t
zs_op_kicked(zs_t *zs)
{
    ngx_int_t         rc;
    ngx_uint_t        close;
    ngx_sio_handle_t  h;

    rc = ngx_sio_socket_kick(zs_z(0), zs->s[ZS_WS_0].socket, 0);

    while (rc == NGX_OK) {
        rc = ngx_sio_session_kicked(zs_z(0), zs_h(ZS_WS_0), &h, &close);
    }

    return (rc == NGX_DECLINED) ? NGX_OK : rc;
}


static ngx_int_t
zs_op_leaving(zs_t *zs)
{
    return ngx_sio_socket_leaving(zs_z(0), zs->s[ZS_WS_0].socket, 0);
}


static ngx_int_t
zs_op_leaving_mute(zs_t *zs)
{
    return ngx_sio_socket_leaving(zs_z(1), zs->s[ZS_QUEUED].socket, 1);
}


static ngx_int_t
zs_op_release(zs_t *zs)
{
    return ngx_sio_role_release(zs_z(0), zs_h(ZS_HELD_0), NGX_SIO_ROLE_WS, 0);
}


static ngx_int_t
zs_op_connect_ws(zs_t *zs)
{
    ngx_sio_handle_t  h;

    return zs_socket_connect(zs, &zs->s[ZS_WS_1], 1, "/a",
                             "socket-of-an-other--", "axyL", &h);
}


static ngx_int_t
zs_op_connect_polling(zs_t *zs)
{
    ngx_sio_handle_t  h;

    return zs_socket_connect(zs, &zs->s[ZS_FRESH], 1, "/new",
                             "socket-of-an-other--", "a", &h);
}


#define zs_define_remove(name, w, i)                                          \
    static ngx_int_t                                                          \
    zs_op_remove_##name(zs_t *zs)                                             \
    {                                                                         \
        return ngx_sio_socket_remove(zs_z(w), zs->s[i].socket);               \
    }

zs_define_remove(local, 0, ZS_WS_0)
zs_define_remove(remote, 0, ZS_WS_2)
zs_define_remove(polling, 2, ZS_IDLE)
zs_define_remove(candidate, 2, ZS_CAND_0)


#define zs_define_join(name, w, i, letters)                                   \
    static ngx_int_t                                                          \
    zs_op_join_##name(zs_t *zs)                                               \
    {                                                                         \
        ngx_str_t   rooms[8];                                                 \
        ngx_uint_t  n;                                                        \
                                                                              \
        n = zs_rooms(letters, rooms);                                         \
        return ngx_sio_join(zs_z(w), zs->s[i].socket, rooms, NULL, n);        \
    }

zs_define_join(local, 0, ZS_WS_0, "mL")
zs_define_join(remote, 0, ZS_WS_2, "cm")
zs_define_join(polling, 0, ZS_QUEUED, "bcmnL")


#define zs_define_leave(name, w, i, letters)                                  \
    static ngx_int_t                                                          \
    zs_op_leave_##name(zs_t *zs)                                              \
    {                                                                         \
        ngx_str_t   rooms[8];                                                 \
        ngx_uint_t  n;                                                        \
                                                                              \
        n = zs_rooms(letters, rooms);                                         \
        return ngx_sio_leave(zs_z(w), zs->s[i].socket, rooms, n);             \
    }

zs_define_leave(local, 0, ZS_WS_0, "ac")
zs_define_leave(remote, 0, ZS_WS_2, "aL")
zs_define_leave(polling, 1, ZS_IDLE, "abc")


static ngx_int_t
zs_op_set_data(zs_t *zs)
{
    ngx_str_t  str;

    str.data = (u_char *) zs_long;
    str.len = ZS_LONG;

    return ngx_sio_socket_set_data(zs_z(0), zs->s[ZS_WS_1].socket, &str);
}


static ngx_int_t
zs_op_connect_user(zs_t *zs)
{
    ngx_int_t                rc;
    ngx_sio_handle_t         h;
    ngx_sio_socket_params_t  p;

    memset(&p, 0, sizeof(p));
    p.nsp = zs_str("/");
    memcpy(p.id, "socket-of-an-other--", NGX_SIO_ID_LEN);
    p.user.name = zs_str("user");
    p.user.room = p.user.name;
    p.user.max = 1;
    p.user.kick = 1;

    zs->w[1].connecting = zs_h(ZS_FRESH);
    rc = ngx_sio_socket_connect(zs_z(1), zs_h(ZS_FRESH), &p, zs_message(40),
                                &h);
    zs->w[1].connecting.ref = 0;

    return rc;
}


#define zs_define_identify(name, w, i, user, max)                             \
    static ngx_int_t                                                          \
    zs_op_identify_##name(zs_t *zs)                                           \
    {                                                                         \
        return zs_identify(zs, w, i, user, max);                              \
    }

zs_define_identify(local, 0, ZS_WS_0, "user", 0)
zs_define_identify(remote, 0, ZS_WS_2, "another", 1)
zs_define_identify(polling, 1, ZS_QUEUED, (char *) zs_long, 0)
zs_define_identify(kick, 2, ZS_GET_1, "user", 1)
zs_define_identify(nobody, 1, ZS_CAND_0, "", 0)


#define zs_define_emit(name, w, to, except, len, flags, ack)                  \
    static ngx_int_t                                                          \
    zs_op_emit_##name(zs_t *zs)                                               \
    {                                                                         \
        return zs_emit(zs, w, to, except, len, flags, ack);                   \
    }

zs_define_emit(room, 0, "a", NULL, 100, 0, NULL)
zs_define_emit(rooms, 1, "abL", "c", 100, 0, NULL)
zs_define_emit(all, 2, NULL, NULL, 100, 0, NULL)
zs_define_emit(large, 2, NULL, "b", 30000, 0, NULL)
zs_define_emit(volatile, 0, NULL, NULL, 100, NGX_SIO_VOLATILE, NULL)
zs_define_emit(ack, 0, "ab", NULL, 100, 0, "an answer please")
zs_define_emit(own, 0, "c", "ab", 100, 0, NULL)
zs_define_emit(nobody, 0, "z", NULL, 100, 0, NULL)


static ngx_int_t
zs_op_ack_answer(zs_t *zs)
{
    ngx_str_t  name;

    return ngx_sio_ack_answer(zs_z(2), zs->s[ZS_IDLE].socket, 1, zs->pool,
                              &name);
}


static ngx_int_t
zs_op_ack_expired(zs_t *zs)
{
    uint32_t          id;
    ngx_str_t         name;
    ngx_sio_handle_t  h;

    return ngx_sio_ack_expired(zs_z(2), zs->now + 10000, zs->pool, &h, &id,
                               &name);
}


/* seconds later, one by one */

static ngx_int_t
zs_tokens(zs_t *zs, ngx_uint_t w, ngx_msec_t seconds)
{
    time_t             expires;
    ngx_int_t          rc;
    ngx_uint_t         kicked;
    ngx_time_t        *tp;
    ngx_sio_handle_t   h;

    tp = ngx_timeofday();

    do {
        rc = ngx_sio_token_due(zs_z(w), zs->now + seconds * 1000,
                               (uint64_t) (tp->sec + seconds) * 1000
                               + tp->msec, &h, &expires, &kicked);
    } while (rc == NGX_OK);

    return (rc == NGX_DECLINED) ? NGX_OK : rc;
}


static ngx_int_t
zs_op_tokens_told(zs_t *zs)
{
    return zs_tokens(zs, 1, ZS_EXPIRES / 10 - ZS_WARN + 1);
}


/* another worker's */

static ngx_int_t
zs_op_tokens_remote(zs_t *zs)
{
    return zs_tokens(zs, 0, ZS_EXPIRES / 10 + 1);
}


/* its own, and one that polls */

static ngx_int_t
zs_op_tokens_local(zs_t *zs)
{
    return zs_tokens(zs, 1, ZS_EXPIRES / 5 + 1);
}


static ngx_int_t
zs_op_claims(zs_t *zs)
{
    ngx_str_t  claims;

    return ngx_sio_socket_claims(zs_z(0), zs->s[ZS_WS_1].socket, zs->pool,
                                 &claims);
}


static ngx_int_t
zs_op_session_acks(zs_t *zs)
{
    ngx_uint_t              n;
    ngx_sio_pending_ack_t  *acks;

    return ngx_sio_session_acks(zs_z(0), zs_h(ZS_CAND_0), zs->pool, &acks,
                                &n);
}


static ngx_int_t
zs_op_select(zs_t *zs)
{
    ngx_str_t          names[8];
    ngx_uint_t         n, total;
    ngx_sio_target_t   t;
    ngx_sio_handle_t  *handles;

    memset(&t, 0, sizeof(t));
    t.nsp = zs_str("/");
    t.to = names;
    t.nto = zs_rooms("ab", names);

    return ngx_sio_select(zs_z(0), &t, 10, zs->pool, &handles, &n, &total);
}


#define zs_define_drain(w)                                                    \
    static ngx_int_t                                                          \
    zs_op_drain_##w(zs_t *zs)                                                 \
    {                                                                         \
        return ngx_sio_drain(zs_z(w));                                        \
    }

zs_define_drain(0)
zs_define_drain(1)


/* nothing, pings, the linger time, the deadlines of pongs */

#define zs_define_sweep(after)                                                \
    static ngx_int_t                                                          \
    zs_op_sweep_##after(zs_t *zs)                                             \
    {                                                                         \
        return ngx_sio_sweep(zs_z(1), zs->now + after);                       \
    }

zs_define_sweep(1000)
zs_define_sweep(26000)
zs_define_sweep(31000)
zs_define_sweep(90000)


static ngx_int_t
zs_op_reap_none(zs_t *zs)
{
    return ngx_sio_reap(zs_z(0));
}


static ngx_int_t
zs_op_slot_release(zs_t *zs)
{
    ngx_sio_slot_release(zs_z(0));

    return NGX_OK;
}


/* all that worker 0 had is taken apart by worker 1 */

static ngx_int_t
zs_op_reap(zs_t *zs)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    ngx_sio_slot_release(zs_z(0));

    for (i = 0; i < 1000; i++) {
        rc = ngx_sio_reap(zs_z(1));

        if (rc != NGX_AGAIN) {
            return rc;
        }
    }

    return NGX_AGAIN;
}


static ngx_int_t
zs_op_slot_claim(zs_t *zs)
{
    return ngx_sio_slot_claim(&zs->other.z);
}


const zs_op_t  zs_ops[] = {
    { "create, polling", zs_op_create_polling, 1 },
    { "create, WebSocket", zs_op_create_ws, 1 },
    { "create, another address", zs_op_create_address, 1 },
    { "create, one too many", zs_op_create_full, 1 },
    { "params", zs_op_params, 0 },
    { "GET is parked", zs_op_get_park, 0 },
    { "GET takes the queue", zs_op_get_queued, 0 },
    { "last GET", zs_op_get_linger, 0 },
    { "GET in a GET", zs_op_get_get, 0 },
    { "GET of a WebSocket", zs_op_get_ws, 0 },
    { "parked GET takes", zs_op_take, 0 },
    { "parked GET takes by force", zs_op_take_force, 0 },
    { "GET is aborted", zs_op_get_abort, 0 },
    { "POST begins", zs_op_post_open, 0 },
    { "POST in a POST", zs_op_post_post, 0 },
    { "POST ends", zs_op_post_close, 0 },
    { "POST ends with a partial packet", zs_op_post_close_partial, 1 },
    { "POST is aborted", zs_op_post_abort, 0 },
    { "pong", zs_op_pong, 0 },
    { "sign of life", zs_op_alive, 0 },
    { "probe", zs_op_probe, 0 },
    { "unprobe", zs_op_unprobe, 0 },
    { "upgrade", zs_op_upgrade, 1 },
    { "upgrade without probe", zs_op_upgrade_direct, 1 },
    { "upgrade in a POST", zs_op_upgrade_wait, 0 },
    { "POST with a partial packet before", zs_op_partial, 0 },
    { "send, own", zs_op_send_local, 1 },
    { "send, other worker", zs_op_send_remote, 1 },
    { "send, large", zs_op_send_large, 1 },
    { "send, idle polling", zs_op_send_idle, 1 },
    { "send, polling", zs_op_send_queued, 1 },
    { "send, parked GET", zs_op_send_parked, 1 },
    { "reply, own", zs_op_reply_local, 0 },
    { "reply, other worker", zs_op_reply_remote, 1 },
    { "reply, large", zs_op_reply_large, 1 },
    { "reply, the worker is gone", zs_op_reply_gone, 0 },
    { "close, own", zs_op_close_local, 0 },
    { "close, other worker", zs_op_close_remote, 0 },
    { "close, idle polling", zs_op_close_idle, 0 },
    { "close, queue", zs_op_close_queued, 0 },
    { "close, queue, lingering", zs_op_close_linger, 0 },
    { "close, parked GET", zs_op_close_parked, 0 },
    { "close, POST in progress", zs_op_close_posting, 0 },
    { "close, upgrading", zs_op_close_candidate, 0 },
    { "end", zs_op_end, 0 },
    { "drop", zs_op_drop, 0 },
    { "kick, own", zs_op_kick_local, 0 },
    { "kick, other worker", zs_op_kick_remote, 0 },
    { "kick, polling", zs_op_kick_polling, 0 },
    { "kicked", zs_op_kicked, 0 },
    { "leaving", zs_op_leaving, 0 },
    { "leaving, muted", zs_op_leaving_mute, 0 },
    { "release", zs_op_release, 0 },
    { "connect, WebSocket", zs_op_connect_ws, 1 },
    { "connect, polling, a new namespace", zs_op_connect_polling, 1 },
    { "remove, own", zs_op_remove_local, 0 },
    { "remove, other worker", zs_op_remove_remote, 0 },
    { "remove, polling", zs_op_remove_polling, 0 },
    { "remove, upgrading", zs_op_remove_candidate, 0 },
    { "join, own", zs_op_join_local, 1 },
    { "join, other worker", zs_op_join_remote, 1 },
    { "join, polling", zs_op_join_polling, 1 },
    { "leave, own", zs_op_leave_local, 0 },
    { "leave, other worker", zs_op_leave_remote, 0 },
    { "leave, polling", zs_op_leave_polling, 0 },
    { "set data", zs_op_set_data, 1 },
    { "connect, others of the user kicked", zs_op_connect_user, 1 },
    { "identify, own", zs_op_identify_local, 1 },
    { "identify, other worker", zs_op_identify_remote, 1 },
    { "identify, polling", zs_op_identify_polling, 1 },
    { "identify, others kicked", zs_op_identify_kick, 1 },
    { "identify, nobody", zs_op_identify_nobody, 0 },
    { "emit to a room", zs_op_emit_room, 1 },
    { "emit to rooms, except", zs_op_emit_rooms, 1 },
    { "emit to all", zs_op_emit_all, 1 },
    { "emit, large", zs_op_emit_large, 1 },
    { "emit, volatile", zs_op_emit_volatile, 1 },
    { "emit, ack", zs_op_emit_ack, 1 },
    { "emit, own only", zs_op_emit_own, 1 },
    { "emit to nobody", zs_op_emit_nobody, 0 },
    { "ack answered", zs_op_ack_answer, 0 },
    { "ack expired", zs_op_ack_expired, 0 },
    { "tokens, told of", zs_op_tokens_told, 0 },
    { "tokens, at their end, own and polling", zs_op_tokens_local, 0 },
    { "tokens, at their end, other worker", zs_op_tokens_remote, 1 },
    { "claims", zs_op_claims, 0 },
    { "acks of a session", zs_op_session_acks, 0 },
    { "select", zs_op_select, 0 },
    { "drain, worker 0", zs_op_drain_0, 0 },
    { "drain, worker 1", zs_op_drain_1, 0 },
    { "sweep", zs_op_sweep_1000, 0 },
    { "sweep, pings", zs_op_sweep_26000, 0 },
    { "sweep, end of lingering", zs_op_sweep_31000, 0 },
    { "sweep, timeouts", zs_op_sweep_90000, 0 },
    { "reap, nothing", zs_op_reap_none, 0 },
    { "reap", zs_op_reap, 0 },
    { "slot release", zs_op_slot_release, 0 },
    { "slot claim", zs_op_slot_claim, 0 }
};

const ngx_uint_t  zs_nops = sizeof(zs_ops) / sizeof(zs_ops[0]);
