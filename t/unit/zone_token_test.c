
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Tokens: when they are told of, when their sockets are disconnected, by
 * whom, and that nothing of them is left.
 */


#include "zone_steps.h"
#include "../../src/zone/ngx_sio_internal.h"


#define T_CLAIMS  "{\"sub\":\"ann\"}"


static uint64_t  clock_ms;              /* since 1970, when the last came */
static uint64_t  passed;                /* milliseconds since then; a wheel
                                           turns in one direction only */


static void
t_connect_token(zt_worker_t *w, t_session_t *s, int64_t seconds, time_t warn,
    const char *claims)
{
    ngx_time_t               *tp;
    ngx_sio_socket_params_t   p;

    t_clock(passed);
    passed = 0;

    tp = ngx_timeofday();
    clock_ms = (uint64_t) tp->sec * 1000 + tp->msec;

    memset(&p, 0, sizeof(p));
    p.nsp = nsp;
    t_id(p.id, "sock");
    memcpy(s->id, p.id, NGX_SIO_ID_LEN);

    p.token.claims.data = (u_char *) claims;
    p.token.claims.len = claims ? strlen(claims) : 0;
    p.token.expires = seconds ? tp->sec + seconds : 0;
    p.token.warn = warn;

    w->connecting = s->h;
    zt_rc(ngx_sio_socket_connect(&w->z, s->h, &p, t_body(1, 20), &s->socket),
          NGX_OK);
    w->connecting.ref = 0;
}


/* ms later */

static ngx_int_t
t_due(zt_worker_t *w, uint64_t ms, t_session_t *s, ngx_uint_t want)
{
    time_t            expires;
    ngx_int_t         rc;
    ngx_uint_t        kicked;
    ngx_sio_handle_t  h;

    passed = ms;

    rc = ngx_sio_token_due(&w->z, now + ms, clock_ms + ms, &h, &expires,
                           &kicked);

    if (rc == NGX_OK) {
        zt_ok(zt_handle_eq(h, s->socket), "another socket's token");
        zt_ok(kicked == want, "kicked is %lu", (unsigned long) kicked);
        zt_ok((uint64_t) expires * 1000 > clock_ms, "expires at %lu",
              (unsigned long) expires);
    }

    zt_check(&w->z);

    return rc;
}


/* the worker is to disconnect that socket, not its session */

static void
t_kicked(zt_worker_t *w, t_session_t *s)
{
    ngx_uint_t        how;
    ngx_sio_handle_t  h;

    t_woken(w, s, NGX_SIO_ROLE_END, NGX_SIO_WAKE_KICK);
    zt_rc(ngx_sio_session_kicked(&w->z, s->h, &h, &how), NGX_OK);
    zt_ok(zt_handle_eq(h, s->socket) && how == 0, "another one");
    zt_rc(ngx_sio_session_kicked(&w->z, s->h, &h, &how), NGX_DECLINED);
}


static void
test_claims(void)
{
    t_session_t            s;
    ngx_str_t              claims;
    ngx_sio_counters_t     c;
    ngx_sio_handle_t       session;
    ngx_sio_socket_info_t  info;

    t_create(&a, &s, 0);
    t_connect_token(&b, &s, 100, 0, T_CLAIMS);

    zt_rc(ngx_sio_socket_claims(&b.z, s.socket, pool, &claims), NGX_OK);
    zt_ok(claims.len == sizeof(T_CLAIMS) - 1
          && memcmp(claims.data, T_CLAIMS, claims.len) == 0, "claims: %.*s",
          (int) claims.len, claims.data);

    zt_rc(ngx_sio_socket_info(&a.z, s.socket, pool, &info, &session), NGX_OK);
    zt_ok(info.expires == ngx_time() + 100, "expires at %lu",
          (unsigned long) info.expires);

    zt_rc(ngx_sio_zone_counters(&a.z, &c), NGX_OK);
    zt_ok(c.tokens == 1, "%lu tokens", (unsigned long) c.tokens);

    zt_rc(ngx_sio_socket_remove(&a.z, s.socket), NGX_OK);
    zt_rc(ngx_sio_socket_claims(&b.z, s.socket, pool, &claims), NGX_DONE);
    zt_rc(ngx_sio_zone_counters(&a.z, &c), NGX_OK);
    zt_ok(c.tokens == 0, "%lu tokens", (unsigned long) c.tokens);
    zt_rc(t_due(&a, 200000, &s, 0), NGX_DECLINED);
    t_kill(&a, &s);

    /* neither claims nor an end: no record */

    t_create(&a, &s, 0);
    t_connect_token(&a, &s, 0, 0, NULL);
    zt_rc(ngx_sio_zone_counters(&a.z, &c), NGX_OK);
    zt_ok(c.tokens == 0, "%lu tokens", (unsigned long) c.tokens);
    zt_rc(ngx_sio_socket_claims(&b.z, s.socket, pool, &claims), NGX_OK);
    zt_ok(claims.len == 0, "claims");
    t_kill(&a, &s);

    /* claims without an end: never due */

    t_create(&a, &s, 0);
    t_connect_token(&a, &s, 0, 0, T_CLAIMS);
    zt_rc(t_due(&a, 1000000, &s, 0), NGX_DECLINED);
    t_kill(&a, &s);
}


static void
test_end(void)
{
    t_session_t        s;
    ngx_sio_request_t  rq;

    /* polling: whoever finds it; once */

    t_create(&a, &s, 0);
    t_connect_token(&a, &s, 10, 0, NULL);
    zt_rc(t_due(&b, 5000, &s, 0), NGX_DECLINED);
    zt_rc(t_due(&b, 9000, &s, 0), NGX_DECLINED);
    zt_rc(t_due(&b, 10200, &s, 1), NGX_OK);
    zt_rc(t_due(&a, 10400, &s, 1), NGX_DECLINED);
    t_calm(&a);
    t_kicked(&b, &s);
    t_kill(&b, &s);

    /* a POST at a: a does it, whoever finds it */

    t_create(&a, &s, 0);
    t_connect_token(&a, &s, 10, 0, NULL);
    zt_rc(ngx_sio_post_open(&a.z, s.sid, 0, now, pool, &rq), NGX_OK);
    zt_rc(t_due(&b, 10200, &s, 1), NGX_OK);
    t_calm(&b);
    t_kicked(&a, &s);
    zt_rc(ngx_sio_post_close(&a.z, s.h, rq.gen, NULL), NGX_OK);
    t_kill(&a, &s);

    /* a session that is closing ends anyway */

    t_create(&a, &s, 0);
    t_connect_token(&a, &s, 10, 0, T_CLAIMS);
    zt_rc(ngx_sio_session_close(&a.z, s.h, NGX_SIO_FORCED_CLOSE, 0), NGX_OK);
    zt_rc(t_due(&b, 10200, &s, 1), NGX_DECLINED);
    t_end(&a, &s);
    t_gone(&s);
}


static void
test_warning(void)
{
    t_session_t  s;

    t_create(&a, &s, 0);
    t_connect_token(&a, &s, 100, 30, NULL);
    zt_rc(t_due(&a, 60000, &s, 0), NGX_DECLINED);
    zt_rc(t_due(&b, 70200, &s, 0), NGX_OK);
    zt_rc(t_due(&a, 70400, &s, 0), NGX_DECLINED);
    zt_rc(t_due(&b, 99000, &s, 0), NGX_DECLINED);
    zt_rc(t_due(&b, 100200, &s, 1), NGX_OK);
    t_calm(&a);
    t_kicked(&b, &s);
    t_kill(&b, &s);

    /* it is near from the beginning */

    t_create(&a, &s, 0);
    t_connect_token(&a, &s, 100, 1000, NULL);
    zt_rc(t_due(&a, 200, &s, 0), NGX_OK);
    zt_rc(t_due(&a, 400, &s, 0), NGX_DECLINED);
    t_kill(&a, &s);

    /* all workers were stopped for long: the end alone matters */

    t_create(&a, &s, 0);
    t_connect_token(&a, &s, 100, 30, NULL);
    zt_rc(t_due(&a, 500000, &s, 1), NGX_OK);
    zt_rc(t_due(&a, 500200, &s, 1), NGX_DECLINED);
    t_kicked(&a, &s);
    t_kill(&a, &s);
}


/* a year is more than a timer of 32 bits can hold */

static void
test_far(void)
{
    uint64_t     ms, year;
    t_session_t  s;

    year = (uint64_t) 365 * 24 * 3600 * 1000;

    t_create(&a, &s, 0);
    t_connect_token(&a, &s, 365 * 24 * 3600, 0, NULL);

    for (ms = 0; ms < year; ms += 3600 * 1000) {
        zt_rc(t_due(&a, ms, &s, 1), NGX_DECLINED);
    }

    zt_rc(t_due(&a, year + 200, &s, 1), NGX_OK);
    t_kicked(&a, &s);
    t_kill(&a, &s);
}


static void
t_kicked_ws(zt_worker_t *w, t_session_t *s)
{
    t_kicked(w, s);

    zt_rc(ngx_sio_session_close(&w->z, s->h, NGX_SIO_FORCED_CLOSE, 0),
          NGX_OK);
    t_end(w, s);
    t_woken(w, s, NGX_SIO_ROLE_WS, NGX_SIO_WAKE_CLOSE);
    zt_rc(ngx_sio_role_release(&w->z, s->h, NGX_SIO_ROLE_WS, 0), NGX_OK);
    t_gone(s);
}


/* the WebSocket's worker does it, before and after an upgrade */

static void
test_websocket(void)
{
    t_session_t           s;
    ngx_str_t             partial;
    ngx_uint_t            n;
    ngx_sio_batch_t       batch;
    ngx_sio_membership_t  m[8];

    t_create(&a, &s, 1);
    t_connect_token(&a, &s, 10, 5, T_CLAIMS);
    zt_rc(t_due(&b, 5200, &s, 0), NGX_OK);
    zt_rc(t_due(&b, 10200, &s, 1), NGX_OK);
    t_calm(&b);
    t_kicked_ws(&a, &s);

    t_create(&a, &s, 0);
    t_connect_token(&a, &s, 10, 0, T_CLAIMS);
    n = 8;
    zt_rc(ngx_sio_session_upgrade(&b.z, s.h, 0, &batch, m, &n, pool,
                                  &partial), NGX_OK);
    zt_member_add(&b, s.h, m[0].socket, m[0].room);
    zt_rc(t_due(&a, 10200, &s, 1), NGX_OK);
    t_calm(&a);
    t_kicked_ws(&b, &s);
}


static const t_test_t  tests[] = {
    { "claims", test_claims },
    { "end", test_end },
    { "warning", test_warning },
    { "far ahead", test_far },
    { "WebSocket", test_websocket }
};


int
zt_main(int argc, char **argv)
{
    return t_run("zone_token_test", tests, sizeof(tests) / sizeof(tests[0]));
}
