
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "zone_steps.h"


zt_zone_t      zone;
zt_worker_t    a, b;
ngx_pool_t    *pool;
zt_body_t      body;
ngx_msec_t     now;
uint32_t       serial;
uint32_t       last;          /* id received last, of any worker */
ngx_uint_t     nreceived;
ngx_str_t      nsp = ngx_string("/");


void
t_receive(zt_worker_t *w, ngx_sio_handle_t session, ngx_sio_handle_t socket,
    ngx_sio_entry_t *e)
{
    last = zt_body_id(&w->z, &e->body);
    nreceived++;
}


void
t_id(u_char *id, const char *what)
{
    char  text[64];

    snprintf(text, sizeof(text), "%s-%015u", what, ++serial);
    memcpy(id, text, NGX_SIO_ID_LEN);
}


const ngx_sio_body_t *
t_body(uint32_t id, size_t len)
{
    zt_body(&body, id, len);

    return &body.body;
}


void
t_create(zt_worker_t *w, t_session_t *s, ngx_uint_t websocket)
{
    ngx_sio_session_params_t  p;

    memset(s, 0, sizeof(t_session_t));
    memset(&p, 0, sizeof(p));
    t_id(p.sid, "sess");
    memcpy(s->sid, p.sid, NGX_SIO_ID_LEN);
    p.websocket = websocket;
    p.ping_interval = T_INTERVAL;
    p.ping_timeout = T_TIMEOUT;
    p.connect_timeout = T_CONNECT;

    zt_rc(ngx_sio_session_create(&w->z, &p, now, &s->h), NGX_OK);
}


void
t_connect(zt_worker_t *w, t_session_t *s, const ngx_str_t *room)
{
    ngx_sio_socket_params_t  p;

    memset(&p, 0, sizeof(p));
    p.nsp = nsp;
    t_id(p.id, "sock");
    memcpy(s->id, p.id, NGX_SIO_ID_LEN);
    p.rooms = room;
    p.nrooms = room ? 1 : 0;

    w->connecting = s->h;
    zt_rc(ngx_sio_socket_connect(&w->z, s->h, &p, t_body(1, 20), &s->socket),
          NGX_OK);
    w->connecting.ref = 0;
}


/* the ready list must hold exactly this one, next */

void
t_woken(zt_worker_t *w, t_session_t *s, ngx_sio_role_e role, ngx_uint_t wake)
{
    zt_ready_t  r;

    zt_drain(w);

    zt_ok(zt_ready_next(w, &r), "nothing is woken, not role %d with %lx",
          (int) role, (unsigned long) wake);
    zt_ok(zt_handle_eq(r.session, s->h), "another session is woken, role %d",
          (int) r.role);
    zt_ok(r.role == role && r.wake == wake, "role %d is woken with %lx, not "
          "%d with %lx", (int) r.role, (unsigned long) r.wake, (int) role,
          (unsigned long) wake);
}


void
t_calm(zt_worker_t *w)
{
    zt_ready_t  r;

    zt_drain(w);
    zt_ok(!zt_ready_next(w, &r), "role %d is woken with %lx", (int) r.role,
          (unsigned long) r.wake);
}


void
t_batch(zt_worker_t *w, ngx_sio_batch_t *batch, ngx_uint_t messages,
    ngx_uint_t pings, ngx_uint_t close)
{
    ngx_sio_entry_t  e;

    zt_ok(batch->n == messages + pings, "%lu entries, not %lu",
          (unsigned long) batch->n, (unsigned long) (messages + pings));
    zt_ok(batch->close == close, "close is %u", batch->close);

    while (ngx_sio_batch_next(&w->z, batch, &e) == NGX_OK) {

        if (e.type == NGX_SIO_ENTRY_PING) {
            zt_ok(pings--, "a ping too much");

        } else {
            zt_ok(e.type == NGX_SIO_ENTRY_MESSAGE, "type %d", (int) e.type);
            zt_ok(messages--, "a message too much");
            last = zt_body_id(&w->z, &e.body);
        }
    }

    zt_ok(messages == 0 && pings == 0, "%lu messages, %lu pings are missing",
          (unsigned long) messages, (unsigned long) pings);
}


/* the whole end of a session, by the worker who was woken for it */

void
t_end(zt_worker_t *w, t_session_t *s)
{
    ngx_uint_t              i, n;
    ngx_sio_socket_info_t  *infos;

    t_woken(w, s, NGX_SIO_ROLE_END, NGX_SIO_WAKE_END);

    zt_rc(ngx_sio_session_sockets(&w->z, s->h, pool, &infos, &n), NGX_OK);

    for (i = 0; i < n; i++) {
        zt_rc(ngx_sio_socket_remove(&w->z, infos[i].socket), NGX_OK);
    }

    zt_rc(ngx_sio_session_end(&w->z, s->h, now), NGX_OK);
}


void
t_gone(t_session_t *s)
{
    ngx_sio_request_t       rq;
    ngx_sio_session_info_t  info;

    zt_rc(ngx_sio_session_find(&a.z, s->sid, &info), NGX_DECLINED);
    zt_rc(ngx_sio_get_open(&a.z, s->sid, 0, now, &rq), NGX_DECLINED);
    zt_rc(ngx_sio_post_open(&a.z, s->sid, 0, now, pool, &rq), NGX_DECLINED);
    zt_rc(ngx_sio_session_close(&a.z, s->h, NGX_SIO_FORCED_CLOSE, 0),
          NGX_DONE);
    zt_rc(ngx_sio_session_send(&a.z, s->h, t_body(9, 9), 0), NGX_DONE);
    zt_rc(ngx_sio_session_end(&a.z, s->h, now), NGX_DONE);
    zt_rc(ngx_sio_role_release(&a.z, s->h, NGX_SIO_ROLE_WS, 0), NGX_DONE);
}


void
t_kill(zt_worker_t *w, t_session_t *s)
{
    zt_rc(ngx_sio_session_close(&w->z, s->h, NGX_SIO_FORCED_CLOSE, 0),
          NGX_OK);
    t_end(w, s);
    t_gone(s);
}


void
t_reason(t_session_t *s, ngx_sio_reason_e reason)
{
    zt_ok(ngx_sio_session_reason(&a.z, s->h) == reason, "reason %d, not %d",
          (int) ngx_sio_session_reason(&a.z, s->h), (int) reason);
}


void
t_clock(ngx_msec_t ms)
{
    now += ms;
    ngx_current_msec = now;
}


/* sweeps as a tick would, each second */

void
t_pass(zt_worker_t *w, ngx_msec_t ms)
{
    ngx_int_t   rc;
    ngx_msec_t  step;

    while (ms) {
        step = ngx_min(ms, 1000);
        ms -= step;
        t_clock(step);

        do {
            rc = ngx_sio_sweep(&w->z, now);
            zt_ok(rc == NGX_OK || rc == NGX_AGAIN, "sweep: %s",
                  zt_rc_name(rc));
        } while (rc == NGX_AGAIN);
    }
}


void
t_emit(zt_worker_t *w, const ngx_str_t *to, uint32_t id, const char *ack,
    uint32_t ack_id, ngx_msec_t timeout)
{
    ngx_sio_emit_t  emit;

    memset(&emit, 0, sizeof(emit));
    emit.target.nsp = nsp;
    emit.target.to = to;
    emit.target.nto = to ? 1 : 0;
    emit.target.all = to ? 0 : 1;
    emit.body = *t_body(id, 40);

    if (ack) {
        emit.ack_name.data = (u_char *) ack;
        emit.ack_name.len = strlen(ack);
        emit.ack_timeout = timeout;
    }

    zt_rc(ngx_sio_emit(&w->z, &emit, ack_id, NULL), NGX_OK);
}


int
t_run(const char *name, const t_test_t *tests, ngx_uint_t n)
{
    ngx_uint_t           i;
    ngx_sio_counters_t   first, c;

    zt_name = name;

    pool = ngx_create_pool(4096, &zt_log);
    zt_ok(pool, "no memory");

    zt_zone_open(&zone, 1024 * 1024, NULL);
    zt_worker_init(&a, &zone, 0);
    zt_worker_init(&b, &zone, 1);
    a.receive = t_receive;
    b.receive = t_receive;

    /* the clock of the zone has 32 bits: it passes their end on the way */

    now = ((ngx_msec_t) 3 << 32) - 100000;
    ngx_current_msec = now;

    zt_rc(ngx_sio_zone_counters(&a.z, &first), NGX_OK);

    for (i = 0; i < n; i++) {
        tests[i].test();

        t_calm(&a);
        t_calm(&b);
        zt_check(&a.z);
        zt_settle(&a.z);
        zt_settle(&b.z);
        zt_rc(ngx_sio_zone_counters(&a.z, &c), NGX_OK);
        zt_same(&first, &c);

        printf("# %s\n", tests[i].name);
    }

    zt_worker_cleanup(&a);
    zt_worker_cleanup(&b);
    zt_body_free(&body);
    ngx_destroy_pool(pool);
    zt_zone_close(&zone);

    return 0;
}
