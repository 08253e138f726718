
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * More than a section does at once: roles woken, sessions reaped and swept,
 * memberships of a socket, cells of a message, receivers of an emit.
 */


#include "zone_steps.h"
#include "../../src/zone/ngx_sio_shared.h"

#include <poll.h>
#include <sys/wait.h>


#define Y_READY     150
#define Y_SWEEP     600
#define Y_ROOMS     100             /* zt_limits() */
#define Y_LARGE     300000


static t_session_t  many[Y_SWEEP];


static ngx_uint_t
y_readable(zt_worker_t *w)
{
    struct pollfd  pfd;

    pfd.fd = ngx_sio_slot_fd(&w->z);
    pfd.events = POLLIN;

    return poll(&pfd, 1, 0) == 1;
}


static void
y_read(zt_worker_t *w)
{
    uint64_t  n;

    zt_ok(y_readable(w), "the eventfd has nothing");
    zt_ok(read(ngx_sio_slot_fd(&w->z), &n, sizeof(n)) == sizeof(n), "%s",
          strerror(errno));
}


/* takes the wake-up of each, in any order */

static void
y_woken(zt_worker_t *w, ngx_uint_t n, ngx_sio_role_e role, ngx_uint_t wake)
{
    zt_ready_t  r;
    ngx_uint_t  i, k;
    static u_char  seen[Y_SWEEP];

    memset(seen, 0, sizeof(seen));

    for (i = 0; zt_ready_next(w, &r); i++) {
        zt_ok(r.role == role && r.wake == wake, "role %d is woken with %lx",
              (int) r.role, (unsigned long) r.wake);

        for (k = 0; k < n && !zt_handle_eq(many[k].h, r.session); k++) {
            /* void */
        }

        zt_ok(k < n && !seen[k], "another one is woken, or twice");
        seen[k] = 1;
    }

    zt_ok(i == n, "%lu are woken, not %lu", (unsigned long) i,
          (unsigned long) n);
}


/* the rest of a ready list is not forgotten by one who sleeps */

static void
test_ready(void)
{
    uint32_t           gen[Y_READY];
    ngx_int_t          rc;
    ngx_uint_t         i, taken;
    ngx_sio_batch_t    batch;
    ngx_sio_request_t  rq;

    for (i = 0; i < Y_READY; i++) {
        t_create(&a, &many[i], 0);
        t_connect(&a, &many[i], NULL);
        zt_rc(ngx_sio_get_open(&b.z, many[i].sid, 0, now, &rq), NGX_OK);
        zt_rc(ngx_sio_get_open(&b.z, many[i].sid, 0, now, &rq), NGX_AGAIN);
        gen[i] = rq.gen;
    }

    zt_drain(&b);

    while (y_readable(&b)) {
        y_read(&b);
    }

    t_emit(&a, NULL, 5, NULL, 0, 0);

    for (taken = 0; ngx_sio_pending(&b.z); taken++) {
        y_read(&b);
        rc = ngx_sio_drain(&b.z);
        zt_ok(rc == NGX_OK || rc == NGX_AGAIN, "drain: %s", zt_rc_name(rc));
    }

    zt_ok(taken > 1, "all at once");
    y_woken(&b, Y_READY, NGX_SIO_ROLE_GET, NGX_SIO_WAKE_DATA);

    for (i = 0; i < Y_READY; i++) {
        zt_rc(ngx_sio_get_take(&b.z, many[i].h, gen[i], 0, now, &batch),
              NGX_OK);
        t_batch(&b, &batch, 1, 0, 0);
        t_kill(&a, &many[i]);
    }
}


/* all that a dead worker had; its pid may be another process's by now */

static void
y_reap(ngx_uint_t reused)
{
    int               status;
    pid_t             pid;
    ngx_int_t         rc;
    ngx_uint_t        i, n, holds;
    zt_worker_t       w;
    ngx_sio_slot_sh_t  *slot;
    ngx_sio_handle_t  *handles;

    handles = mmap(NULL, ngx_pagesize, PROT_READ|PROT_WRITE,
                   MAP_ANON|MAP_SHARED, -1, 0);
    zt_ok(handles != MAP_FAILED, "%s", strerror(errno));

    pid = zt_fork();

    if (pid == 0) {
        zt_worker_init(&w, &zone, 7);
        w.receive = t_receive;

        for (i = 0; i < Y_READY; i++) {
            t_create(&w, &many[i], 1);
            t_connect(&w, &many[i], NULL);
            handles[i] = many[i].h;
        }

        _exit(0);
    }

    zt_ok(waitpid(pid, &status, 0) == pid && status == 0, "status %x",
          (unsigned) status);

    for (i = 0; i < Y_READY; i++) {
        many[i].h = handles[i];
    }

    for (i = 0; reused && i < NGX_SIO_MAX_SLOTS; i++) {
        slot = &zone.root->slots[i];

        if (slot->pid == (uint32_t) pid) {
            slot->pid = ngx_pid;
            slot->start[0] += 1000;
        }
    }

    for (holds = 0, n = 1; n; holds++) {
        rc = ngx_sio_reap(&b.z);
        zt_ok(rc == NGX_OK || rc == NGX_AGAIN, "reap: %s", zt_rc_name(rc));
        n = (rc == NGX_AGAIN);
    }

    zt_ok(holds > 1, "all at once");
    zt_drain(&b);
    y_woken(&b, Y_READY, NGX_SIO_ROLE_END, NGX_SIO_WAKE_END);

    for (i = 0; i < Y_READY; i++) {
        t_reason(&many[i], NGX_SIO_TRANSPORT_ERROR);
        zt_rc(ngx_sio_session_end(&b.z, many[i].h, now), NGX_OK);
    }

    /* with the last one the slot is free */

    zt_rc(ngx_sio_reap(&b.z), NGX_OK);
    munmap(handles, ngx_pagesize);
}


static void
test_reap(void)
{
    y_reap(0);
    y_reap(1);
}


static void
test_sweep(void)
{
    ngx_int_t   rc;
    ngx_uint_t  i, calls;

    for (i = 0; i < Y_SWEEP; i++) {
        t_create(&a, &many[i], 0);
    }

    t_clock(T_CONNECT + 1000);

    for (calls = 0; calls < 10; calls++) {
        rc = ngx_sio_sweep(&b.z, now);

        if (rc == NGX_OK) {
            break;
        }

        zt_ok(rc == NGX_AGAIN, "sweep: %s", zt_rc_name(rc));
    }

    zt_ok(rc == NGX_OK && calls > 0, "%lu calls", (unsigned long) calls);
    zt_drain(&b);
    y_woken(&b, Y_SWEEP, NGX_SIO_ROLE_END, NGX_SIO_WAKE_END);

    for (i = 0; i < Y_SWEEP; i++) {
        zt_rc(ngx_sio_session_end(&b.z, many[i].h, now), NGX_OK);
    }

    t_pass(&b, 31000);
    t_gone(&many[0]);
    t_gone(&many[Y_SWEEP - 1]);
}


/* a socket leaves all its rooms, by its own worker, by another, polling */

static void
test_rooms(void)
{
    char         names[Y_ROOMS][16];
    ngx_str_t    rooms[Y_ROOMS];
    ngx_uint_t   i, round, size;
    t_session_t  s;

    for (i = 0; i < Y_ROOMS; i++) {
        rooms[i].data = (u_char *) names[i];
        rooms[i].len = snprintf(names[i], sizeof(names[i]), "room %lu",
                                (unsigned long) i);
    }

    for (round = 0; round < 3; round++) {
        t_create(&a, &s, round < 2);
        t_connect(&a, &s, NULL);
        zt_rc(ngx_sio_join(&b.z, s.socket, rooms, NULL, Y_ROOMS), NGX_OK);
        zt_drain(&a);
        zt_ok(zt_members(&a, 0) == (round < 2 ? Y_ROOMS + 1 : 0), "%lu "
              "memberships", (unsigned long) zt_members(&a, 0));

        zt_rc(ngx_sio_socket_remove(round == 1 ? &b.z : &a.z, s.socket),
              NGX_OK);
        zt_drain(&a);
        zt_ok(zt_members(&a, 0) == 0, "%lu memberships",
              (unsigned long) zt_members(&a, 0));

        for (i = 0; i < Y_ROOMS; i++) {
            zt_rc(ngx_sio_room_size(&b.z, &nsp, &rooms[i], &size), NGX_OK);
            zt_ok(size == 0, "size is %lu", (unsigned long) size);
        }

        zt_rc(ngx_sio_session_close(&a.z, s.h, NGX_SIO_FORCED_CLOSE, 0),
              NGX_OK);
        t_end(&a, &s);

        if (round < 2) {
            t_woken(&a, &s, NGX_SIO_ROLE_WS, NGX_SIO_WAKE_CLOSE);
            zt_rc(ngx_sio_role_release(&a.z, s.h, NGX_SIO_ROLE_WS, 0),
                  NGX_OK);
        }

        t_gone(&s);
    }
}


/* a message of many cells, to an inbox and a queue; one that has no room */

static void
test_large(void)
{
    t_session_t         s, p;
    ngx_sio_emit_t      emit;
    ngx_sio_request_t   rq;
    ngx_sio_counters_t  c;

    t_create(&a, &s, 1);
    t_connect(&a, &s, NULL);
    t_create(&a, &p, 0);
    t_connect(&a, &p, NULL);
    zt_rc(ngx_sio_get_open(&a.z, p.sid, 0, now, &rq), NGX_OK);

    memset(&emit, 0, sizeof(emit));
    emit.target.nsp = nsp;
    emit.target.all = 1;
    emit.body = *t_body(11, Y_LARGE);
    zt_rc(ngx_sio_emit(&b.z, &emit, 0, NULL), NGX_OK);

    last = 0;
    zt_drain(&a);
    zt_ok(last == 11, "message %u", last);

    zt_rc(ngx_sio_get_open(&b.z, p.sid, 0, now, &rq), NGX_OK);
    last = 0;
    t_batch(&b, &rq.batch, 1, 0, 0);
    zt_ok(last == 11, "message %u", last);

    emit.body = *t_body(12, zone.size);
    zt_rc(ngx_sio_emit(&b.z, &emit, 0, NULL), NGX_BUSY);
    zt_check(&a.z);
    zt_settle(&a.z);
    zt_settle(&b.z);

    zt_rc(ngx_sio_zone_counters(&a.z, &c), NGX_OK);
    zt_ok(c.messages == 0 && c.nodes == 0, "%lu messages, %lu nodes",
          (unsigned long) c.messages, (unsigned long) c.nodes);

    t_kill(&a, &p);
    zt_rc(ngx_sio_session_close(&a.z, s.h, NGX_SIO_FORCED_CLOSE, 0), NGX_OK);
    t_end(&a, &s);
    t_woken(&a, &s, NGX_SIO_ROLE_WS, NGX_SIO_WAKE_CLOSE);
    zt_rc(ngx_sio_role_release(&a.z, s.h, NGX_SIO_ROLE_WS, 0), NGX_OK);
}


static const t_test_t  tests[] = {
    { "ready", test_ready },
    { "reap", test_reap },
    { "sweep", test_sweep },
    { "rooms", test_rooms },
    { "large", test_large }
};


int
zt_main(int argc, char **argv)
{
    return t_run("zone_many_test", tests, sizeof(tests) / sizeof(tests[0]));
}
