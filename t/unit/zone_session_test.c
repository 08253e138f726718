
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The life of a session, step by step: what the random tests meet rarely or
 * do not look at.  Heartbeats, overlapping requests, upgrades, lingering,
 * acks in time.
 */


#include "zone_steps.h"


/* Engine.IO v4, Heartbeat: a ping each interval, a pong in time */

static void
test_heartbeat(void)
{
    t_session_t        s;
    ngx_sio_batch_t    batch;
    ngx_sio_request_t  rq;

    t_create(&a, &s, 0);
    t_connect(&a, &s, NULL);
    zt_rc(ngx_sio_get_open(&b.z, s.sid, 0, now, &rq), NGX_OK);
    t_batch(&b, &rq.batch, 1, 0, 0);

    /* a ping comes into a parked GET */

    zt_rc(ngx_sio_get_open(&b.z, s.sid, 0, now, &rq), NGX_AGAIN);
    zt_ok(rq.ping_at == now + T_INTERVAL, "the ping is due in %ld ms",
          (long) (rq.ping_at - now));

    t_pass(&a, T_INTERVAL - 1000);
    t_calm(&b);
    t_pass(&a, 1500);
    t_woken(&b, &s, NGX_SIO_ROLE_GET, NGX_SIO_WAKE_DATA);
    zt_rc(ngx_sio_get_take(&b.z, s.h, rq.gen, 0, now, &batch), NGX_OK);
    t_batch(&b, &batch, 0, 1, 0);

    /* one only, until the pong; any other packet gives it the time anew */

    t_pass(&a, T_TIMEOUT - 2000);
    zt_rc(ngx_sio_session_alive(&b.z, s.h, now), NGX_OK);
    t_pass(&a, T_TIMEOUT - 2000);
    t_reason(&s, NGX_SIO_REASON_NONE);

    /* while its POST is held, as often as need be */

    zt_rc(ngx_sio_session_held(&b.z, s.h, now), NGX_OK);
    t_pass(&a, T_TIMEOUT - 2000);
    zt_rc(ngx_sio_session_held(&b.z, s.h, now), NGX_OK);
    t_pass(&a, T_TIMEOUT - 2000);
    t_reason(&s, NGX_SIO_REASON_NONE);
    zt_rc(ngx_sio_get_open(&b.z, s.sid, 0, now, &rq), NGX_AGAIN);
    zt_rc(ngx_sio_session_pong(&b.z, s.h, now), NGX_OK);
    t_pass(&a, T_INTERVAL - 1000);
    t_calm(&b);

    /* the holder of the GET finds it due, without any sweep */

    t_clock(1500);
    zt_rc(ngx_sio_get_take(&b.z, s.h, rq.gen, 0, now, &batch), NGX_OK);
    t_batch(&b, &batch, 0, 1, 0);

    /* no pong */

    zt_rc(ngx_sio_get_open(&b.z, s.sid, 0, now, &rq), NGX_AGAIN);
    t_pass(&a, T_TIMEOUT - 1000);
    t_calm(&a);
    t_pass(&a, 1500);
    t_reason(&s, NGX_SIO_PING_TIMEOUT);
    t_end(&a, &s);
    t_woken(&b, &s, NGX_SIO_ROLE_GET, NGX_SIO_WAKE_CLOSE);
    zt_rc(ngx_sio_get_take(&b.z, s.h, rq.gen, 1, now, &batch), NGX_OK);
    t_batch(&b, &batch, 0, 0, 1);
    t_gone(&s);

    /* nor does a POST come in time that is there before the sweep */

    t_create(&a, &s, 0);
    t_connect(&a, &s, NULL);
    t_pass(&a, T_INTERVAL + 500);
    t_clock(T_TIMEOUT);
    zt_rc(ngx_sio_post_open(&b.z, s.sid, 0, now, pool, &rq), NGX_DECLINED);
    t_reason(&s, NGX_SIO_PING_TIMEOUT);
    t_end(&b, &s);
    t_gone(&s);
}


/* a session that never has a socket is closed */

static void
test_connect_timeout(void)
{
    t_session_t        s, k;
    ngx_sio_request_t  rq;

    t_create(&a, &s, 0);
    t_create(&a, &k, 0);
    t_connect(&a, &k, NULL);
    t_pass(&b, T_INTERVAL + 500);
    zt_rc(ngx_sio_session_pong(&b.z, s.h, now), NGX_OK);
    zt_rc(ngx_sio_session_pong(&b.z, k.h, now), NGX_OK);
    t_pass(&b, T_CONNECT - T_INTERVAL);

    t_reason(&s, NGX_SIO_FORCED_CLOSE);
    t_reason(&k, NGX_SIO_REASON_NONE);
    t_end(&b, &s);

    /* its ping lies there still */
    zt_rc(ngx_sio_get_open(&a.z, s.sid, 0, now, &rq), NGX_OK);
    t_batch(&a, &rq.batch, 0, 1, 0);
    zt_rc(ngx_sio_get_open(&a.z, s.sid, 0, now, &rq), NGX_OK);
    t_batch(&a, &rq.batch, 0, 0, 1);
    t_gone(&s);

    t_kill(&a, &k);
}


/* Engine.IO: a second GET or POST closes the session */

static void
test_overlap(void)
{
    t_session_t        s;
    ngx_sio_batch_t    batch;
    ngx_sio_request_t  rq, other;

    t_create(&a, &s, 0);
    zt_rc(ngx_sio_get_open(&a.z, s.sid, 0, now, &rq), NGX_AGAIN);
    zt_rc(ngx_sio_get_open(&b.z, s.sid, 0, now, &other), NGX_BUSY);
    t_reason(&s, NGX_SIO_TRANSPORT_ERROR);
    t_end(&b, &s);
    t_woken(&a, &s, NGX_SIO_ROLE_GET, NGX_SIO_WAKE_CLOSE);

    /* a late abort of another GET changes nothing */
    zt_rc(ngx_sio_get_abort(&a.z, s.h, rq.gen + 1), NGX_DONE);
    zt_rc(ngx_sio_get_abort(&b.z, s.h, rq.gen), NGX_DONE);
    zt_rc(ngx_sio_get_take(&a.z, s.h, rq.gen, 1, now, &batch), NGX_OK);
    t_batch(&a, &batch, 0, 0, 1);
    t_gone(&s);

    t_create(&a, &s, 0);
    zt_rc(ngx_sio_post_open(&a.z, s.sid, 0, now, pool, &rq), NGX_OK);
    zt_rc(ngx_sio_post_open(&b.z, s.sid, 0, now, pool, &other), NGX_BUSY);
    t_calm(&b);

    /* who processes its input does the end, too */
    t_end(&a, &s);
    t_woken(&a, &s, NGX_SIO_ROLE_POST, NGX_SIO_WAKE_CLOSE);
    zt_rc(ngx_sio_post_close(&a.z, s.h, rq.gen, NULL), NGX_DONE);
    t_gone(&s);

    /* an abort that comes when the POST has ended, and a new one runs */

    t_create(&a, &s, 0);
    zt_rc(ngx_sio_post_open(&a.z, s.sid, 0, now, pool, &rq), NGX_OK);
    zt_rc(ngx_sio_post_close(&a.z, s.h, rq.gen, NULL), NGX_OK);
    zt_rc(ngx_sio_post_open(&a.z, s.sid, 0, now, pool, &other), NGX_OK);
    zt_rc(ngx_sio_post_abort(&a.z, s.h, rq.gen), NGX_DONE);
    zt_rc(ngx_sio_post_close(&a.z, s.h, rq.gen, NULL), NGX_DONE);
    zt_rc(ngx_sio_post_close(&a.z, s.h, other.gen, NULL), NGX_OK);
    t_kill(&b, &s);
}


/* close with packets queued: a last GET gets them, or nobody */

static void
test_linger(void)
{
    t_session_t         s;
    ngx_sio_batch_t     batch;
    ngx_sio_request_t   rq;
    ngx_sio_counters_t  c;

    t_create(&a, &s, 0);
    zt_rc(ngx_sio_session_send(&a.z, s.h, t_body(5, 30), 0), NGX_OK);
    zt_rc(ngx_sio_session_close(&a.z, s.h, NGX_SIO_FORCED_SERVER_CLOSE, 1),
          NGX_OK);
    zt_rc(ngx_sio_session_close(&b.z, s.h, NGX_SIO_PARSE_ERROR, 0), NGX_DONE);
    t_reason(&s, NGX_SIO_FORCED_SERVER_CLOSE);
    zt_rc(ngx_sio_session_send(&a.z, s.h, t_body(6, 30), 0), NGX_DONE);
    t_end(&a, &s);

    t_pass(&a, 29000);
    zt_rc(ngx_sio_get_open(&b.z, s.sid, 0, now, &rq), NGX_OK);
    t_batch(&b, &rq.batch, 1, 0, 0);
    zt_ok(last == 5, "message %u", last);
    zt_rc(ngx_sio_get_open(&a.z, s.sid, 0, now, &rq), NGX_OK);
    t_batch(&a, &rq.batch, 0, 0, 1);
    t_gone(&s);

    t_create(&a, &s, 0);
    zt_rc(ngx_sio_session_close(&a.z, s.h, NGX_SIO_FORCED_CLOSE, 1), NGX_OK);
    t_end(&a, &s);
    t_pass(&b, 31000);
    t_gone(&s);

    /* let go before */

    t_create(&a, &s, 0);
    zt_rc(ngx_sio_session_send(&a.z, s.h, t_body(5, 30), 0), NGX_OK);
    zt_rc(ngx_sio_session_drop(&b.z, s.h), NGX_DONE);
    zt_rc(ngx_sio_session_close(&a.z, s.h, NGX_SIO_FORCED_CLOSE, 1), NGX_OK);
    t_end(&a, &s);
    zt_rc(ngx_sio_session_drop(&b.z, s.h), NGX_OK);
    t_gone(&s);
    zt_rc(ngx_sio_session_drop(&b.z, s.h), NGX_DONE);

    /* dropped at once */

    t_create(&a, &s, 0);
    zt_rc(ngx_sio_session_send(&a.z, s.h, t_body(5, 30), 0), NGX_OK);
    zt_rc(ngx_sio_session_close(&a.z, s.h, NGX_SIO_PARSE_ERROR, 0), NGX_OK);
    t_end(&a, &s);
    t_gone(&s);

    /* with a GET parked: it gets the close packet */

    t_create(&a, &s, 0);
    zt_rc(ngx_sio_get_open(&b.z, s.sid, 0, now, &rq), NGX_AGAIN);
    zt_rc(ngx_sio_session_close(&a.z, s.h, NGX_SIO_FORCED_CLOSE, 1), NGX_OK);
    t_end(&a, &s);
    t_woken(&b, &s, NGX_SIO_ROLE_GET, NGX_SIO_WAKE_CLOSE);
    zt_rc(ngx_sio_get_take(&b.z, s.h, rq.gen, 1, now, &batch), NGX_OK);
    t_batch(&b, &batch, 0, 0, 1);
    t_gone(&s);

    zt_rc(ngx_sio_zone_counters(&a.z, &c), NGX_OK);
    zt_ok(c.sessions == 0, "%lu sessions", (unsigned long) c.sessions);
}


/* Engine.IO, Upgrade */

static void
test_upgrade(void)
{
    uint32_t                gen, other;
    t_session_t             s;
    ngx_str_t               partial, half;
    ngx_uint_t              n;
    ngx_sio_batch_t         batch;
    ngx_sio_request_t       rq, post;
    ngx_sio_membership_t    m[8];
    ngx_sio_session_info_t  info;

    static ngx_str_t  room = ngx_string("a room");

    t_create(&a, &s, 0);
    t_connect(&a, &s, &room);
    zt_rc(ngx_sio_get_open(&a.z, s.sid, 0, now, &rq), NGX_OK);
    t_batch(&a, &rq.batch, 1, 0, 0);
    zt_rc(ngx_sio_get_open(&a.z, s.sid, 0, now, &rq), NGX_AGAIN);

    zt_rc(ngx_sio_session_probe(&b.z, s.h, &gen), NGX_OK);
    other = 0;
    zt_rc(ngx_sio_session_probe(&a.z, s.h, &other), NGX_DECLINED);
    t_woken(&a, &s, NGX_SIO_ROLE_GET, NGX_SIO_WAKE_NOOP);
    zt_rc(ngx_sio_get_take(&a.z, s.h, rq.gen, 1, now, &batch), NGX_OK);
    t_batch(&a, &batch, 0, 0, 0);

    zt_rc(ngx_sio_session_find(&a.z, s.sid, &info), NGX_OK);
    zt_ok(info.upgrading && !info.websocket, "upgrading %u, websocket %u",
          info.upgrading, info.websocket);

    /* another one without a probe, a wrong generation, another worker */

    n = 8;
    zt_rc(ngx_sio_session_upgrade(&a.z, s.h, 0, &batch, m, &n, pool,
                                  &partial), NGX_ERROR);
    zt_rc(ngx_sio_session_upgrade(&b.z, s.h, gen + 1, &batch, m, &n, pool,
                                  &partial), NGX_ERROR);
    zt_rc(ngx_sio_session_upgrade(&a.z, s.h, gen, &batch, m, &n, pool,
                                  &partial), NGX_ERROR);

    /* what is emitted between comes with the upgrade, after what the inbox
       held before */

    t_emit(&a, &room, 31, NULL, 0, 0);

    zt_rc(ngx_sio_post_open(&a.z, s.sid, 0, now, pool, &post), NGX_OK);
    n = 8;
    zt_rc(ngx_sio_session_upgrade(&b.z, s.h, gen, &batch, m, &n, pool,
                                  &partial), NGX_AGAIN);
    t_calm(&b);
    ngx_str_set(&half, "51-[");
    zt_rc(ngx_sio_post_close(&a.z, s.h, post.gen, &half), NGX_OK);
    t_woken(&b, &s, NGX_SIO_ROLE_CANDIDATE, NGX_SIO_WAKE_POST_END);

    n = 0;
    zt_rc(ngx_sio_session_upgrade(&b.z, s.h, gen, &batch, m, &n, pool,
                                  &partial), NGX_DECLINED);
    zt_ok(n == 2, "%lu memberships", (unsigned long) n);
    n = 8;
    zt_rc(ngx_sio_session_upgrade(&b.z, s.h, gen, &batch, m, &n, pool,
                                  &partial), NGX_OK);
    zt_ok(n == 2, "%lu memberships", (unsigned long) n);
    zt_ok(partial.len == 4 && memcmp(partial.data, "51-[", 4) == 0,
          "another partial packet");
    t_batch(&b, &batch, 1, 0, 0);
    zt_ok(last == 31, "message %u", last);

    while (n--) {
        zt_member_add(&b, s.h, m[n].socket, m[n].room);
    }

    zt_rc(ngx_sio_get_open(&a.z, s.sid, 0, now, &rq), NGX_ERROR);
    zt_rc(ngx_sio_post_open(&a.z, s.sid, 0, now, pool, &post), NGX_ERROR);
    other = 0;
    zt_rc(ngx_sio_session_probe(&a.z, s.h, &other), NGX_DECLINED);
    zt_rc(ngx_sio_session_find(&a.z, s.sid, &info), NGX_OK);
    zt_ok(!info.upgrading && info.websocket, "upgrading %u, websocket %u",
          info.upgrading, info.websocket);

    /* no ping and no timeout of polling any more */

    t_pass(&a, 100000);
    t_reason(&s, NGX_SIO_REASON_NONE);

    nreceived = 0;
    t_emit(&a, &room, 32, NULL, 0, 0);
    zt_drain(&b);
    zt_ok(nreceived == 1 && last == 32, "%lu received, %u last",
          (unsigned long) nreceived, last);

    zt_rc(ngx_sio_session_close(&a.z, s.h, NGX_SIO_FORCED_CLOSE, 1), NGX_OK);
    t_calm(&a);
    t_end(&b, &s);
    t_woken(&b, &s, NGX_SIO_ROLE_WS, NGX_SIO_WAKE_CLOSE);
    zt_rc(ngx_sio_role_release(&b.z, s.h, NGX_SIO_ROLE_WS, 0), NGX_OK);
    t_gone(&s);

    zt_ok(zt_members(&b, 0) == 0, "%lu members are left",
          (unsigned long) zt_members(&b, 0));

    /* a GET that waits when the upgrade comes */

    t_create(&a, &s, 0);
    zt_rc(ngx_sio_session_probe(&b.z, s.h, &gen), NGX_OK);
    zt_rc(ngx_sio_get_open(&a.z, s.sid, 0, now, &rq), NGX_AGAIN);
    n = 8;
    zt_rc(ngx_sio_session_upgrade(&b.z, s.h, gen, &batch, m, &n, pool,
                                  &partial), NGX_OK);
    zt_ok(n == 0 && batch.n == 0, "%lu memberships, %lu queued",
          (unsigned long) n, (unsigned long) batch.n);
    t_woken(&a, &s, NGX_SIO_ROLE_GET, NGX_SIO_WAKE_CLOSE);
    zt_rc(ngx_sio_get_take(&a.z, s.h, rq.gen, 1, now, &batch), NGX_OK);
    t_batch(&a, &batch, 0, 0, 0);
    zt_rc(ngx_sio_get_take(&a.z, s.h, rq.gen, 1, now, &batch), NGX_DONE);
    zt_rc(ngx_sio_session_close(&a.z, s.h, NGX_SIO_FORCED_CLOSE, 0), NGX_OK);
    t_end(&b, &s);
    t_woken(&b, &s, NGX_SIO_ROLE_WS, NGX_SIO_WAKE_CLOSE);
    zt_rc(ngx_sio_role_release(&b.z, s.h, NGX_SIO_ROLE_WS, 0), NGX_OK);
    t_gone(&s);

    /* the candidate is lost, and another one comes; the GET goes on */

    t_create(&a, &s, 0);
    zt_rc(ngx_sio_session_probe(&b.z, s.h, &gen), NGX_OK);
    zt_rc(ngx_sio_session_unprobe(&b.z, s.h, gen), NGX_OK);
    zt_rc(ngx_sio_session_unprobe(&b.z, s.h, gen), NGX_DONE);
    n = 8;
    zt_rc(ngx_sio_session_upgrade(&b.z, s.h, gen, &batch, m, &n, pool,
                                  &partial), NGX_ERROR);
    zt_rc(ngx_sio_session_probe(&a.z, s.h, &gen), NGX_OK);
    zt_rc(ngx_sio_get_open(&b.z, s.sid, 0, now, &rq), NGX_AGAIN);

    /* closed: both must let go */

    zt_rc(ngx_sio_session_close(&a.z, s.h, NGX_SIO_FORCED_CLOSE, 0), NGX_OK);
    t_end(&a, &s);
    t_woken(&a, &s, NGX_SIO_ROLE_CANDIDATE, NGX_SIO_WAKE_CLOSE);
    t_woken(&b, &s, NGX_SIO_ROLE_GET, NGX_SIO_WAKE_CLOSE);
    zt_rc(ngx_sio_role_release(&a.z, s.h, NGX_SIO_ROLE_CANDIDATE, gen),
          NGX_OK);
    zt_rc(ngx_sio_get_take(&b.z, s.h, rq.gen, 1, now, &batch), NGX_OK);
    t_gone(&s);
}


/* volatile: to a polling session iff a GET waits and nothing is queued */

static void
test_volatile(void)
{
    t_session_t        s;
    ngx_sio_batch_t    batch;
    ngx_sio_request_t  rq;

    t_create(&a, &s, 0);

    zt_rc(ngx_sio_session_send(&b.z, s.h, t_body(1, 20), NGX_SIO_VOLATILE),
          NGX_OK);
    zt_rc(ngx_sio_get_open(&a.z, s.sid, 0, now, &rq), NGX_AGAIN);
    zt_rc(ngx_sio_session_send(&b.z, s.h, t_body(2, 20), NGX_SIO_VOLATILE),
          NGX_OK);
    zt_rc(ngx_sio_session_send(&b.z, s.h, t_body(3, 20), NGX_SIO_VOLATILE),
          NGX_OK);
    t_woken(&a, &s, NGX_SIO_ROLE_GET, NGX_SIO_WAKE_DATA);
    zt_rc(ngx_sio_get_take(&a.z, s.h, rq.gen, 0, now, &batch), NGX_OK);
    t_batch(&a, &batch, 1, 0, 0);
    zt_ok(last == 2, "message %u", last);
    t_kill(&a, &s);
}


/* acks of polling sockets: once, and in time */

static void
test_acks(void)
{
    uint32_t                first, second, id;
    t_session_t             s, k;
    ngx_str_t               name, partial;
    ngx_uint_t              n;
    ngx_sio_batch_t         batch;
    ngx_sio_handle_t        h;
    ngx_sio_request_t       rq;
    ngx_sio_membership_t    m[8];
    ngx_sio_pending_ack_t  *acks;

    zt_rc(ngx_sio_ack_id(&a.z, &nsp, &first), NGX_DECLINED);

    t_create(&a, &s, 0);
    t_connect(&a, &s, NULL);

    zt_rc(ngx_sio_ack_id(&a.z, &nsp, &first), NGX_OK);
    zt_rc(ngx_sio_ack_id(&b.z, &nsp, &second), NGX_OK);
    zt_ok(first == 0 && second == 1, "ids %u and %u", first, second);

    t_emit(&a, NULL, 1, "one", first, 5000);
    t_emit(&b, NULL, 2, "two", second, 0);

    zt_rc(ngx_sio_ack_answer(&b.z, s.socket, 7, pool, &name), NGX_DECLINED);
    t_clock(4000);
    zt_rc(ngx_sio_ack_expired(&b.z, now, pool, &h, &id, &name),
          NGX_DECLINED);

    t_clock(2000);
    zt_rc(ngx_sio_ack_expired(&b.z, now, pool, &h, &id, &name), NGX_OK);
    zt_ok(zt_handle_eq(h, s.socket) && id == first && name.len == 3
          && memcmp(name.data, "one", 3) == 0, "another ack");
    zt_rc(ngx_sio_ack_expired(&b.z, now, pool, &h, &id, &name),
          NGX_DECLINED);
    zt_rc(ngx_sio_ack_answer(&a.z, s.socket, first, pool, &name),
          NGX_DECLINED);

    /* one without timeout stays */

    t_clock(10000);
    zt_rc(ngx_sio_ack_expired(&b.z, now, pool, &h, &id, &name),
          NGX_DECLINED);
    zt_rc(ngx_sio_ack_answer(&b.z, s.socket, second, pool, &name), NGX_OK);
    zt_ok(name.len == 3 && memcmp(name.data, "two", 3) == 0, "another ack");
    zt_rc(ngx_sio_ack_answer(&b.z, s.socket, second, pool, &name),
          NGX_DECLINED);

    /* while somebody processes its input, its timeouts are that one's */

    t_emit(&a, NULL, 3, "three", 2, 1000);
    zt_rc(ngx_sio_post_open(&a.z, s.sid, 0, now, pool, &rq), NGX_OK);
    t_clock(2000);
    zt_rc(ngx_sio_ack_expired(&b.z, now, pool, &h, &id, &name),
          NGX_DECLINED);
    zt_rc(ngx_sio_ack_expired(&a.z, now, pool, &h, &id, &name), NGX_OK);
    zt_rc(ngx_sio_post_close(&a.z, s.h, rq.gen, NULL), NGX_OK);

    /* those pending at an upgrade are given to the worker, and with a socket
       they go */

    t_create(&a, &k, 0);
    t_connect(&a, &k, NULL);
    t_emit(&b, NULL, 4, "four", 3, 1000);

    n = 8;
    zt_rc(ngx_sio_session_upgrade(&b.z, k.h, 0, &batch, m, &n, pool,
                                  &partial), NGX_OK);

    while (n--) {
        zt_member_add(&b, k.h, m[n].socket, m[n].room);
    }

    zt_rc(ngx_sio_session_acks(&b.z, k.h, pool, &acks, &n), NGX_OK);
    zt_ok(n == 1 && acks[0].id == 3 && zt_handle_eq(acks[0].socket, k.socket)
          && acks[0].name.len == 4 && memcmp(acks[0].name.data, "four", 4) == 0
          && acks[0].deadline == now + 1000, "another ack, %lu of them",
          (unsigned long) n);
    zt_rc(ngx_sio_session_acks(&b.z, k.h, pool, &acks, &n), NGX_OK);
    zt_ok(n == 0, "given twice");

    zt_rc(ngx_sio_session_close(&b.z, k.h, NGX_SIO_FORCED_CLOSE, 0), NGX_OK);
    t_end(&b, &k);
    t_woken(&b, &k, NGX_SIO_ROLE_WS, NGX_SIO_WAKE_CLOSE);
    zt_rc(ngx_sio_role_release(&b.z, k.h, NGX_SIO_ROLE_WS, 0), NGX_OK);

    t_kill(&a, &s);
}


/* init() with old data only attaches; configure() takes new limits over */

static void
test_attach(void)
{
    t_session_t              s;
    ngx_str_t                data;
    ngx_fd_t                 fd;
    ngx_sio_root_t          *root;
    ngx_sio_limits_t         limits;
    ngx_sio_session_info_t   info;
    u_char                   buf[64];

    t_create(&a, &s, 0);
    t_connect(&a, &s, NULL);
    fd = ngx_sio_slot_fd(&a.z);

    limits = zone.limits;
    limits.max_data = 10;

    zt_rc(ngx_sio_zone_init(zone.shpool, &limits, &root, &zt_log), NGX_OK);
    zt_ok(root == zone.root, "another root");

    memset(buf, 'x', sizeof(buf));
    data.data = buf;
    data.len = 11;

    zt_rc(ngx_sio_socket_set_data(&a.z, s.socket, &data), NGX_OK);
    zt_rc(ngx_sio_zone_configure(root, &limits, &zt_log), NGX_OK);
    zt_rc(ngx_sio_socket_set_data(&a.z, s.socket, &data), NGX_ERROR);
    zt_ok(ngx_sio_slot_fd(&a.z) == fd, "another eventfd");
    zt_rc(ngx_sio_session_find(&b.z, s.sid, &info), NGX_OK);
    zt_rc(ngx_sio_zone_configure(root, &zone.limits, &zt_log), NGX_OK);
    t_kill(&a, &s);
}


static const t_test_t  tests[] = {
    { "heartbeat", test_heartbeat },
    { "connect timeout", test_connect_timeout },
    { "overlap", test_overlap },
    { "linger", test_linger },
    { "upgrade", test_upgrade },
    { "volatile", test_volatile },
    { "acks", test_acks },
    { "attach", test_attach }
};


int
zt_main(int argc, char **argv)
{
    return t_run("zone_session_test", tests, sizeof(tests) / sizeof(tests[0]));
}
