
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Who held something is dead, or somebody else wants a socket gone: the work
 * goes to the right worker.
 */


#include "zone_steps.h"

#include <sys/wait.h>


/* a child claims a slot, does what it is told, and is gone */

static void
t_dead(void (*what)(zt_worker_t *w, t_session_t *s), t_session_t *s)
{
    int           status;
    pid_t         pid;
    zt_worker_t   w;
    ngx_int_t     rc;

    pid = zt_fork();

    if (pid == 0) {
        zt_worker_init(&w, &zone, 7);
        w.receive = t_receive;
        what(&w, s);
        _exit(0);
    }

    zt_ok(waitpid(pid, &status, 0) == pid && status == 0, "status %x",
          (unsigned) status);

    do {
        rc = ngx_sio_reap(&b.z);
        zt_ok(rc == NGX_OK || rc == NGX_AGAIN, "reap: %s", zt_rc_name(rc));
    } while (rc == NGX_AGAIN);

    zt_check(&b.z);
}


static void
die_with_get(zt_worker_t *w, t_session_t *s)
{
    ngx_sio_request_t  rq;

    zt_rc(ngx_sio_get_open(&w->z, s->sid, 0, now, &rq), NGX_AGAIN);
}


static void
die_with_post(zt_worker_t *w, t_session_t *s)
{
    ngx_sio_request_t  rq;

    zt_rc(ngx_sio_post_open(&w->z, s->sid, 0, now, pool, &rq), NGX_OK);
}


static void
die_with_candidate(zt_worker_t *w, t_session_t *s)
{
    uint32_t  gen;

    zt_rc(ngx_sio_session_probe(&w->z, s->h, &gen), NGX_OK);
}


static void
die_with_ws(zt_worker_t *w, t_session_t *s)
{
    ngx_str_t             partial;
    ngx_uint_t            n;
    ngx_sio_batch_t       batch;
    ngx_sio_membership_t  m[8];

    n = 8;
    zt_rc(ngx_sio_session_upgrade(&w->z, s->h, 0, &batch, m, &n, pool,
                                  &partial), NGX_OK);
}


static void
die_with_end(zt_worker_t *w, t_session_t *s)
{
    zt_rc(ngx_sio_session_close(&w->z, s->h, NGX_SIO_SERVER_SHUTTING_DOWN, 0),
          NGX_OK);
}


static void
die_idle(zt_worker_t *w, t_session_t *s)
{
    zt_rc(ngx_sio_session_send(&w->z, s->h, t_body(77, 30), 0), NGX_OK);
}


/* between the sections that take cells for a large message */

static ngx_uint_t  sections;

static void
die_now(ngx_sio_zone_t *z)
{
    if (++sections == 3) {
        _exit(0);
    }
}


static void
die_preparing(zt_worker_t *w, t_session_t *s)
{
    sections = 0;
    zt_hooks.begun = die_now;

    (void) ngx_sio_session_send(&w->z, s->h, t_body(78, 600000), 0);

    zt_ok(0, "it lives");
}


/* what was taken, and not given back yet */

static void
die_reading(zt_worker_t *w, t_session_t *s)
{
    ngx_sio_request_t  rq;

    zt_rc(ngx_sio_get_open(&w->z, s->sid, 0, now, &rq), NGX_OK);
    zt_rc(ngx_sio_post_open(&w->z, s->sid, 0, now, pool, &rq), NGX_OK);
    zt_ok(rq.partial.len == 2, "no partial packet");
}


static void
test_death(void)
{
    uint32_t            gen;
    t_session_t         s;
    ngx_str_t           room = ngx_string("r"), half = ngx_string("51");
    ngx_uint_t          i;
    ngx_sio_request_t   rq;
    ngx_sio_counters_t  first, c;

    static void (*const closed[])(zt_worker_t *w, t_session_t *s) = {
        die_with_get, die_with_post, die_with_ws
    };

    zt_rc(ngx_sio_zone_counters(&a.z, &first), NGX_OK);

    for (i = 0; i < 3; i++) {
        t_create(&a, &s, 0);
        t_connect(&a, &s, &room);
        zt_rc(ngx_sio_get_open(&a.z, s.sid, 0, now, &rq), NGX_OK);
        t_dead(closed[i], &s);
        t_reason(&s, NGX_SIO_TRANSPORT_ERROR);
        t_end(&b, &s);
        t_gone(&s);
    }

    /* the candidate is not the transport: another one may come */

    t_create(&a, &s, 0);
    t_dead(die_with_candidate, &s);
    t_reason(&s, NGX_SIO_REASON_NONE);
    zt_rc(ngx_sio_session_probe(&a.z, s.h, &gen), NGX_OK);
    zt_rc(ngx_sio_session_unprobe(&a.z, s.h, gen), NGX_OK);
    t_kill(&a, &s);

    /* who had to do the end has died: the one who reaps does it */

    t_create(&a, &s, 0);
    t_connect(&a, &s, &room);
    t_dead(die_with_end, &s);
    t_reason(&s, NGX_SIO_SERVER_SHUTTING_DOWN);
    t_end(&b, &s);
    t_gone(&s);

    /* other polling sessions do not notice, nothing sent is lost */

    t_create(&a, &s, 0);
    t_dead(die_idle, &s);
    zt_rc(ngx_sio_get_open(&b.z, s.sid, 0, now, &rq), NGX_OK);
    t_batch(&b, &rq.batch, 1, 0, 0);
    zt_ok(last == 77, "message %u", last);
    t_kill(&a, &s);

    /* nothing of what it was doing stays */

    t_create(&a, &s, 0);
    t_dead(die_preparing, &s);
    zt_rc(ngx_sio_get_open(&b.z, s.sid, 0, now, &rq), NGX_AGAIN);
    zt_rc(ngx_sio_get_abort(&b.z, s.h, rq.gen), NGX_OK);
    t_end(&b, &s);

    t_create(&a, &s, 0);
    zt_rc(ngx_sio_post_open(&a.z, s.sid, 0, now, pool, &rq), NGX_OK);
    zt_rc(ngx_sio_post_close(&a.z, s.h, rq.gen, &half), NGX_OK);
    zt_rc(ngx_sio_session_send(&a.z, s.h, t_body(79, 30000), 0), NGX_OK);
    t_dead(die_reading, &s);
    t_end(&b, &s);
    t_gone(&s);

    zt_settle(&a.z);
    zt_settle(&b.z);
    zt_rc(ngx_sio_zone_counters(&a.z, &c), NGX_OK);
    zt_same(&first, &c);
}


/* a kick asks whoever processes the session's input to disconnect a socket */

static void
t_kicked(zt_worker_t *w, t_session_t *s, ngx_uint_t close)
{
    ngx_uint_t        how;
    ngx_sio_handle_t  h;

    zt_rc(ngx_sio_session_kicked(&w->z, s->h, &h, &how), NGX_OK);
    zt_ok(zt_handle_eq(h, s->socket), "another socket is kicked");
    zt_ok(how == close, "close is %lu", (unsigned long) how);
    zt_rc(ngx_sio_session_kicked(&w->z, s->h, &h, &how), NGX_DECLINED);
}


static void
test_kick(void)
{
    t_session_t           s;
    ngx_str_t             partial;
    ngx_uint_t            how, n;
    ngx_sio_batch_t       batch;
    ngx_sio_handle_t      h;
    ngx_sio_request_t     rq;
    ngx_sio_membership_t  m[8];

    /* nobody processes its input: the one who kicks does it */

    t_create(&b, &s, 0);
    t_connect(&b, &s, NULL);
    zt_rc(ngx_sio_socket_kick(&a.z, s.socket, 0), NGX_OK);
    t_calm(&b);
    t_woken(&a, &s, NGX_SIO_ROLE_END, NGX_SIO_WAKE_KICK);
    zt_rc(ngx_sio_session_kicked(&b.z, s.h, &h, &how), NGX_DECLINED);
    t_kicked(&a, &s, 0);
    zt_rc(ngx_sio_socket_remove(&a.z, s.socket), NGX_OK);
    zt_rc(ngx_sio_socket_kick(&a.z, s.socket, 0), NGX_DONE);
    t_calm(&a);
    t_kill(&b, &s);

    /* a POST at b */

    t_create(&a, &s, 0);
    t_connect(&a, &s, NULL);
    zt_rc(ngx_sio_post_open(&b.z, s.sid, 0, now, pool, &rq), NGX_OK);
    zt_rc(ngx_sio_socket_kick(&a.z, s.socket, 1), NGX_OK);
    t_calm(&a);
    t_woken(&b, &s, NGX_SIO_ROLE_END, NGX_SIO_WAKE_KICK);
    t_kicked(&b, &s, 1);
    zt_rc(ngx_sio_post_close(&b.z, s.h, rq.gen, NULL), NGX_OK);
    t_kill(&a, &s);

    /* kicked by a, which has not looked yet; then b has a POST and closes: all
       is b's */

    t_create(&a, &s, 0);
    t_connect(&a, &s, NULL);
    zt_rc(ngx_sio_socket_kick(&a.z, s.socket, 0), NGX_OK);
    zt_rc(ngx_sio_post_open(&b.z, s.sid, 0, now, pool, &rq), NGX_OK);
    zt_rc(ngx_sio_session_close(&b.z, s.h, NGX_SIO_FORCED_CLOSE, 0), NGX_OK);

    t_woken(&a, &s, NGX_SIO_ROLE_END, NGX_SIO_WAKE_KICK);
    zt_rc(ngx_sio_session_kicked(&a.z, s.h, &h, &how), NGX_DECLINED);
    t_calm(&a);
    t_woken(&b, &s, NGX_SIO_ROLE_END, NGX_SIO_WAKE_KICK);
    t_end(&b, &s);
    t_woken(&b, &s, NGX_SIO_ROLE_POST, NGX_SIO_WAKE_CLOSE);
    zt_rc(ngx_sio_post_close(&b.z, s.h, rq.gen, NULL), NGX_DONE);
    t_gone(&s);

    /* the same with an upgrade: the worker of the WebSocket does it */

    t_create(&a, &s, 0);
    t_connect(&a, &s, NULL);
    zt_rc(ngx_sio_socket_kick(&a.z, s.socket, 0), NGX_OK);
    n = 8;
    zt_rc(ngx_sio_session_upgrade(&b.z, s.h, 0, &batch, m, &n, pool,
                                  &partial), NGX_OK);
    zt_ok(n == 1, "%lu memberships", (unsigned long) n);
    zt_member_add(&b, s.h, m[0].socket, m[0].room);
    t_woken(&a, &s, NGX_SIO_ROLE_END, NGX_SIO_WAKE_KICK);
    zt_rc(ngx_sio_session_kicked(&a.z, s.h, &h, &how), NGX_DECLINED);
    t_woken(&b, &s, NGX_SIO_ROLE_END, NGX_SIO_WAKE_KICK);
    t_kicked(&b, &s, 0);
    zt_rc(ngx_sio_socket_leaving(&b.z, s.socket, 0), NGX_OK);
    zt_rc(ngx_sio_socket_leaving(&a.z, s.socket, 0), NGX_DONE);
    zt_rc(ngx_sio_socket_remove(&b.z, s.socket), NGX_OK);
    zt_rc(ngx_sio_socket_leaving(&b.z, s.socket, 0), NGX_DONE);
    zt_rc(ngx_sio_session_close(&b.z, s.h, NGX_SIO_FORCED_CLOSE, 0), NGX_OK);
    t_end(&b, &s);
    t_woken(&b, &s, NGX_SIO_ROLE_WS, NGX_SIO_WAKE_CLOSE);
    zt_rc(ngx_sio_role_release(&b.z, s.h, NGX_SIO_ROLE_WS, 0), NGX_OK);
    t_gone(&s);

    /* kicked and closed by the same */

    t_create(&a, &s, 0);
    t_connect(&a, &s, NULL);
    zt_rc(ngx_sio_socket_kick(&b.z, s.socket, 0), NGX_OK);
    t_woken(&b, &s, NGX_SIO_ROLE_END, NGX_SIO_WAKE_KICK);
    zt_rc(ngx_sio_session_close(&a.z, s.h, NGX_SIO_FORCED_CLOSE, 0), NGX_OK);
    t_calm(&a);
    t_end(&b, &s);
    t_gone(&s);
}


static void
die_with_kick(zt_worker_t *w, t_session_t *s)
{
    zt_rc(ngx_sio_socket_kick(&w->z, s->socket, 1), NGX_OK);
}


/* who was to disconnect it is dead: the one who reaps does it */

static void
test_kick_death(void)
{
    t_session_t  s;

    t_create(&a, &s, 0);
    t_connect(&a, &s, NULL);
    t_dead(die_with_kick, &s);
    t_reason(&s, NGX_SIO_REASON_NONE);
    t_woken(&b, &s, NGX_SIO_ROLE_END, NGX_SIO_WAKE_KICK);
    t_kicked(&b, &s, 1);
    t_kill(&a, &s);
}


static const t_test_t  tests[] = {
    { "death", test_death },
    { "kick", test_kick },
    { "kick and death", test_kick_death }
};


int
zt_main(int argc, char **argv)
{
    return t_run("zone_death_test", tests, sizeof(tests) / sizeof(tests[0]));
}
