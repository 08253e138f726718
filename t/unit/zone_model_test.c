
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Random operations by several workers in one process, beside a model that
 * is as naive as can be: a list of sessions, each with the messages that it
 * has still to receive, in order.  What a worker hands to its connections must
 * be the head of that list, and at the end all lists must be empty: that is
 * exactly once, and one order for all members of a room.
 *
 * ZONE_ROUNDS: rounds, each with a new set of sessions in the same zone.
 * ZONE_OPS: operations in a round.
 */


#include "zone_model.h"


/* the last one takes several cells */
static u_char  room_names[M_ROOMS][5000];


/* the end-of-life work, as core does it */

static void
m_end(zt_worker_t *w, m_session_t *s)
{
    ngx_uint_t              i, j, n;
    ngx_sio_socket_info_t  *infos;
    uint64_t                born;

    zt_ok(s->closing, "session %ld ends and is not closed",
          (long) (s - sessions));
    zt_ok(!s->end_seen, "session %ld ends twice", (long) (s - sessions));
    zt_ok(s->end_by == (ngx_int_t) w->n, "session %ld ends on worker %lu, not "
          "%ld", (long) (s - sessions), (unsigned long) w->n,
          (long) s->end_by);

    s->end_seen = 1;
    born = 0;

    zt_rc(ngx_sio_session_sockets(&w->z, s->h, pool, &infos, &n), NGX_OK);

    for (i = 0; i < n; i++) {
        for (j = 0; j < M_SOCKETS; j++) {
            if (sockets[j].used && zt_handle_eq(sockets[j].h,
                                                infos[i].socket))
            {
                break;
            }
        }

        zt_ok(j < M_SOCKETS, "a socket that is not known");
        zt_ok(i == 0 || sockets[j].born > born, "not the oldest first");
        born = sockets[j].born;

        m_socket_remove(w, &sockets[j]);
    }

    for (i = 0; i < M_NSPS; i++) {
        zt_ok(m_socket_of(s, i) == NULL, "a socket was forgotten");
    }

    m_log("worker %lu: session %ld ends\n", w->n, s - sessions);
    zt_rc(ngx_sio_session_end(&w->z, s->h, now), NGX_OK);
    s->ended = 1;
    m_gone(s);
}


/* sockets of the session were kicked, by any worker */

static void
m_kicked(zt_worker_t *w, m_session_t *s)
{
    ngx_int_t         rc;
    ngx_uint_t        i, close;
    ngx_sio_handle_t  h;

    for ( ;; ) {
        rc = ngx_sio_session_kicked(&w->z, s->h, &h, &close);

        if (rc != NGX_OK) {
            break;
        }

        zt_ok(s->end_by == (ngx_int_t) w->n, "session %ld: kicked on worker "
              "%lu, not %ld", (long) (s - sessions), (unsigned long) w->n,
              (long) s->end_by);

        for (i = 0; i < M_SOCKETS; i++) {
            if (sockets[i].used && zt_handle_eq(sockets[i].h, h)) {
                break;
            }
        }

        zt_ok(i < M_SOCKETS, "a socket that is not known");
        zt_ok(sockets[i].kicked == 1 + close, "kicked %lu, not %lu",
              (unsigned long) close, (unsigned long) sockets[i].kicked);
        sockets[i].kicked = 0;

        if (!close) {
            m_socket_remove(w, &sockets[i]);

        } else if (!s->closing) {
            zt_rc(ngx_sio_session_close(&w->z, s->h, NGX_SIO_FORCED_CLOSE, 1),
                  NGX_OK);
            m_closed(s, w, NGX_SIO_FORCED_CLOSE, 1);
        }
    }

    zt_ok(rc == NGX_DECLINED, "kicked: %s", zt_rc_name(rc));

    if (!s->closing && s->end_by == (ngx_int_t) w->n) {
        s->end_by = -1;
    }
}


static ngx_uint_t
m_ready(zt_worker_t *w)
{
    ngx_int_t     n;
    zt_ready_t    r;
    m_session_t  *s;

    if (!zt_ready_next(w, &r)) {
        return 0;
    }

    n = w->n;
    s = m_by_handle(r.session);

    m_log("worker %lu: session %ld, role %d is woken: %lx\n", w->n,
          s ? (long) (s - sessions) : -1, (int) r.role, r.wake);

    if (s == NULL) {
        return 1;
    }

    switch (r.role) {

    case NGX_SIO_ROLE_GET:
        if (s->get == n) {
            m_take(w, s, (r.wake & (NGX_SIO_WAKE_NOOP|NGX_SIO_WAKE_CLOSE))
                         != 0);
        }
        break;

    case NGX_SIO_ROLE_POST:
        if ((r.wake & NGX_SIO_WAKE_CLOSE) && s->post == n) {
            m_post_close(s);
        }
        break;

    case NGX_SIO_ROLE_WS:
        if ((r.wake & NGX_SIO_WAKE_CLOSE) && s->ws == n) {
            zt_rc(ngx_sio_role_release(&w->z, s->h, NGX_SIO_ROLE_WS, 0),
                  NGX_OK);
            s->ws = -1;
            m_gone(s);
        }
        break;

    case NGX_SIO_ROLE_CANDIDATE:
        if (s->cand != n) {
            break;
        }

        if (r.wake & NGX_SIO_WAKE_CLOSE) {
            zt_rc(ngx_sio_role_release(&w->z, s->h, NGX_SIO_ROLE_CANDIDATE,
                                       s->cand_gen),
                  NGX_OK);
            s->cand = -1;
            m_gone(s);

        } else if ((r.wake & NGX_SIO_WAKE_POST_END) && s->waits_post) {
            s->waits_post = 0;
            m_upgrade(w, s, s->cand_gen);
        }
        break;

    default: /* NGX_SIO_ROLE_END */
        if (r.wake & NGX_SIO_WAKE_KICK) {
            m_kicked(w, s);
        }

        if (r.wake & NGX_SIO_WAKE_END) {
            m_end(w, s);
        }
    }

    return 1;
}


static void
op_ready(void)
{
    (void) m_ready(m_worker());
}


static void
op_drain(void)
{
    zt_worker_t  *w;

    w = m_worker();
    m_log("worker %lu: drains\n", w->n);
    zt_drain(w);

    zt_ok(!ngx_sio_pending(&w->z), "pending after a drain");
}


/* drains all workers until nothing moves */

static void
m_drain(void)
{
    ngx_uint_t  i, more;

    do {
        more = 0;

        for (i = 0; i < M_WORKERS; i++) {
            zt_drain(&workers[i]);

            while (m_ready(&workers[i])) {
                more = 1;
            }
        }
    } while (more);
}


/* then nothing may be due */

static void
m_quiet(void)
{
    ngx_uint_t           i, n, polling, acks;
    m_session_t         *s;
    ngx_sio_counters_t   c;

    m_drain();

    n = 0;
    polling = 0;
    acks = 0;

    for (i = 0; i < M_SESSIONS; i++) {
        s = &sessions[i];

        if (!s->used) {
            continue;
        }

        n++;
        polling += (s->ws < 0);

        zt_ok(!s->closing || s->ended, "session %lu was never ended",
              (unsigned long) i);
        zt_ok(!s->ended || (s->linger && !s->last_get), "session %lu, closed, "
              "was not let go: ws %ld, get %ld, post %ld, cand %ld",
              (unsigned long) i, (long) s->ws, (long) s->get, (long) s->post,
              (long) s->cand);
        zt_ok(s->ws < 0 || s->get < 0, "session %lu: a GET waits below a "
              "WebSocket", (unsigned long) i);
        zt_ok(s->npend == 0 || (s->ws < 0 && s->get < 0), "session %lu has "
              "not received %lu messages", (unsigned long) i,
              (unsigned long) s->npend);
    }

    for (i = 0; i < M_SOCKETS; i++) {
        acks += sockets[i].used ? sockets[i].nacks : 0;
        zt_ok(!sockets[i].used || !sockets[i].kicked, "a socket was kicked, "
              "and nobody heard");
    }

    zt_rc(ngx_sio_zone_counters(&workers[0].z, &c), NGX_OK);
    zt_ok(c.sessions == n, "%lu sessions, not %lu",
          (unsigned long) c.sessions, (unsigned long) n);
    zt_ok(c.polling == polling, "%lu polling sessions, not %lu",
          (unsigned long) c.polling, (unsigned long) polling);
    zt_ok(c.acks == acks, "%lu acks, not %lu", (unsigned long) c.acks,
          (unsigned long) acks);

    for (i = 0, n = 0; i < M_SOCKETS; i++) {
        n += sockets[i].used;
    }

    zt_ok(c.sockets == n, "%lu sockets, not %lu", (unsigned long) c.sockets,
          (unsigned long) n);

    for (i = 0, n = 0; i < M_NSPS; i++) {
        n += (m_room_size(i, M_ROOMS) != 0);
    }

    zt_ok(c.namespaces == n, "%lu namespaces, not %lu",
          (unsigned long) c.namespaces, (unsigned long) n);
}


static const struct {
    void      (*op)(void);
    ngx_uint_t  weight;
} ops[] = {
    { op_create, 6 },
    { op_find, 2 },
    { op_get, 10 },
    { op_get_take, 3 },
    { op_get_abort, 1 },
    { op_post, 6 },
    { op_post_close, 6 },
    { op_post_abort, 1 },
    { op_probe, 3 },
    { op_unprobe, 1 },
    { op_upgrade, 3 },
    { op_connect, 10 },
    { op_socket_remove, 2 },
    { op_kick, 2 },
    { op_join, 12 },
    { op_leave, 8 },
    { op_look, 2 },
    { op_emit, 20 },
    { op_select, 2 },
    { op_ack, 4 },
    { op_send, 6 },
    { op_close, 1 },
    { op_drop, 1 },
    { op_ready, 20 },
    { op_drain, 10 }
};


static void
round_run(ngx_uint_t nops)
{
    ngx_uint_t  i, k, n, total;

    total = 0;

    for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        total += ops[i].weight;
    }

    for (n = 0; n < nops; n++) {
        k = zt_rand(total);

        for (i = 0; k >= ops[i].weight; i++) {
            k -= ops[i].weight;
        }

        ops[i].op();

        if (n % 64 == 63) {
            zt_check(&m_worker()->z);
            ngx_reset_pool(pool);
        }

        if (n % 512 == 511) {
            m_quiet();
        }
    }
}


/* closes everything; the lingering ones go by time */

static void
round_end(const ngx_sio_counters_t *start)
{
    ngx_int_t            rc;
    ngx_uint_t           i;
    m_session_t         *s;
    zt_worker_t         *w;
    ngx_sio_counters_t   c;

    m_quiet();

    for (i = 0; i < M_SESSIONS; i++) {
        s = &sessions[i];

        if (s->used && !s->closing) {
            w = m_worker();
            zt_rc(ngx_sio_session_close(&w->z, s->h, NGX_SIO_FORCED_CLOSE, 0),
                  NGX_OK);
            m_closed(s, w, NGX_SIO_FORCED_CLOSE, 0);
        }
    }

    m_quiet();
    zt_check(&workers[0].z);

    now += 31000;
    ngx_current_msec = now;

    do {
        rc = ngx_sio_sweep(&m_worker()->z, now);
        zt_ok(rc == NGX_OK || rc == NGX_AGAIN, "sweep: %s", zt_rc_name(rc));
    } while (rc == NGX_AGAIN);

    for (i = 0; i < M_SESSIONS; i++) {
        sessions[i].last_get = 1;
        sessions[i].npend = 0;
    }

    /* the candidates that waited for them */

    m_drain();

    for (i = 0; i < M_SESSIONS; i++) {
        s = &sessions[i];

        if (s->used) {
            m_gone(s);
            zt_ok(!s->used, "session %lu does not go", (unsigned long) i);
        }
    }

    m_quiet();
    zt_check(&workers[0].z);

    for (i = 0; i < M_WORKERS; i++) {
        zt_ok(workers[i].nmembers == 0, "worker %lu still has %lu members",
              (unsigned long) i, (unsigned long) workers[i].nmembers);
        zt_ok(!ngx_sio_pending(&workers[i].z), "pending at the end");
    }

    for (i = 0; i < M_WORKERS; i++) {
        zt_settle(&workers[i].z);
    }

    zt_rc(ngx_sio_zone_counters(&workers[0].z, &c), NGX_OK);
    zt_same(start, &c);
}


int
zt_main(int argc, char **argv)
{
    ngx_uint_t           i, n, rounds, nops;
    ngx_sio_limits_t     limits;
    ngx_sio_counters_t   start;

    zt_name = "zone_model_test";
    verbose = zt_env("ZONE_VERBOSE", 0);
    rounds = zt_env("ZONE_ROUNDS", 40);
    nops = zt_env("ZONE_OPS", ZT_SANITIZED ? 2000 : 6000);

    for (i = 0; i < M_NSPS; i++) {
        nsps[i].data = (u_char *) nsp_names[i];
        nsps[i].len = strlen(nsp_names[i]);
    }

    for (i = 0; i < M_ROOMS; i++) {
        rooms[i].data = room_names[i];
        rooms[i].len = sprintf((char *) room_names[i], "room %lu",
                               (unsigned long) i);

        if (i == M_ROOMS - 1) {
            memset(room_names[i], 'x', sizeof(room_names[i]));
            rooms[i].len = sizeof(room_names[i]);
        }
    }

    pool = ngx_create_pool(4096, &zt_log);
    zt_ok(pool, "no memory");

    zt_limits(&limits);
    limits.max_namespaces = M_NSPS;
    limits.max_sessions = M_ADDRESS;
    limits.max_room_name = sizeof(room_names[0]);
    zt_zone_open(&zone, 16 * 1024 * 1024, &limits);

    now = ngx_current_msec;

    for (i = 0; i < M_WORKERS; i++) {
        zt_worker_init(&workers[i], &zone, i);
        workers[i].receive = m_receive;
    }

    zt_rc(ngx_sio_zone_counters(&workers[0].z, &start), NGX_OK);

    for (n = 0; n < rounds; n++) {
        round_run(nops);
        round_end(&start);
        zt_rc(ngx_sio_zone_counters(&workers[0].z, &start), NGX_OK);
    }

    for (i = 0; i < M_WORKERS; i++) {
        zt_worker_cleanup(&workers[i]);
    }

    for (i = 0; i < M_SESSIONS; i++) {
        free(sessions[i].pend);
    }

    ngx_destroy_pool(pool);
    zt_body_free(&body);
    zt_zone_close(&zone);

    printf("# %lu rounds of %lu operations, %lu messages sent, %lu "
           "received\n", (unsigned long) rounds, (unsigned long) nops,
           (unsigned long) nmessages, (unsigned long) nreceived);

    return 0;
}
