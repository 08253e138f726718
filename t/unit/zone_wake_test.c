
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Wake-ups between processes by eventfd.  Rounds: each process sends one
 * message to all, and one to the polling session of its neighbour, whose GET
 * is parked there; then it sleeps until it has everybody's.  There is no tick:
 * what stays in an inbox or on a ready list while its owner sleeps stops all.
 *
 * ZONE_ROUNDS, ZONE_PROCESSES.
 */


#include "zone_lib.h"

#include <poll.h>
#include <sys/wait.h>


#define W_PROCESSES  8
#define W_TIMEOUT    20000      /* ms */


typedef struct {
    volatile uint32_t        ready;
    volatile uint32_t        failed;
    ngx_sio_handle_t         polling[W_PROCESSES];
    volatile uint64_t        sleeps;
} w_shared_t;


static zt_zone_t       zone;
static w_shared_t     *shared;
static zt_worker_t     worker;
static zt_body_t       body;
static ngx_pool_t     *pool;
static ngx_uint_t      nprocesses, nrounds;
static ngx_uint_t      got_room, got_poll;
static ngx_sio_handle_t  polling;
static u_char          polling_sid[NGX_SIO_ID_LEN];
static uint32_t        get_gen;
static ngx_str_t       nsp = ngx_string("/");


static void
w_receive(zt_worker_t *w, ngx_sio_handle_t session, ngx_sio_handle_t socket,
    ngx_sio_entry_t *e)
{
    (void) zt_body_id(&w->z, &e->body);

    if (socket.ref) {
        got_room++;
    }
}


static void
w_sid(u_char *sid, const char *what, ngx_uint_t n)
{
    char  text[48];

    snprintf(text, sizeof(text), "%s-%015lu", what, (unsigned long) n);
    memcpy(sid, text, NGX_SIO_ID_LEN);
}


static void
w_session(ngx_uint_t n, ngx_uint_t websocket, ngx_sio_handle_t *h)
{
    ngx_sio_handle_t          k;
    ngx_sio_socket_params_t   sp;
    ngx_sio_session_params_t  p;

    memset(&p, 0, sizeof(p));
    w_sid(p.sid, websocket ? "webs" : "poll", n);
    p.websocket = websocket;
    p.ping_interval = 1000000;
    p.ping_timeout = 1000000;
    p.connect_timeout = 1000000;

    zt_rc(ngx_sio_session_create(&worker.z, &p, ngx_current_msec, h), NGX_OK);

    if (!websocket) {
        memcpy(polling_sid, p.sid, NGX_SIO_ID_LEN);
        return;
    }

    memset(&sp, 0, sizeof(sp));
    sp.nsp = nsp;
    w_sid(sp.id, "sock", n);
    zt_body(&body, 0, 20);

    worker.connecting = *h;
    zt_rc(ngx_sio_socket_connect(&worker.z, *h, &sp, &body.body, &k), NGX_OK);
    worker.connecting.ref = 0;
}


static void
w_batch(ngx_sio_batch_t *batch)
{
    ngx_sio_entry_t  e;

    while (ngx_sio_batch_next(&worker.z, batch, &e) == NGX_OK) {
        (void) zt_body_id(&worker.z, &e.body);
        got_poll++;
    }
}


/* a GET comes; it is answered at once as often as there is something */

static void
w_park(void)
{
    ngx_int_t          rc;
    ngx_sio_request_t  rq;

    for ( ;; ) {
        rc = ngx_sio_get_open(&worker.z, polling_sid, 0, ngx_current_msec, &rq);

        if (rc == NGX_AGAIN) {
            get_gen = rq.gen;
            return;
        }

        zt_ok(rc == NGX_OK, "GET: %s", zt_rc_name(rc));
        w_batch(&rq.batch);
    }
}


static void
w_ready(void)
{
    ngx_int_t        rc;
    zt_ready_t       r;
    ngx_sio_batch_t  batch;

    while (zt_ready_next(&worker, &r)) {

        zt_ok(r.role == NGX_SIO_ROLE_GET && r.wake == NGX_SIO_WAKE_DATA
              && zt_handle_eq(r.session, polling), "role %d is woken: %lx",
              (int) r.role, (unsigned long) r.wake);

        rc = ngx_sio_get_take(&worker.z, polling, get_gen, 0,
                              ngx_current_msec, &batch);

        zt_ok(rc == NGX_OK || rc == NGX_AGAIN, "take: %s", zt_rc_name(rc));

        if (rc == NGX_OK) {
            w_batch(&batch);
            w_park();
        }
    }
}


static void
w_wait(ngx_uint_t room, ngx_uint_t poll_n)
{
    int            n;
    uint64_t       count;
    struct pollfd  pfd;

    pfd.fd = ngx_sio_slot_fd(&worker.z);
    pfd.events = POLLIN;

    zt_ok(pfd.fd != -1, "no eventfd");

    for ( ;; ) {
        w_ready();

        if (got_room >= room && got_poll >= poll_n) {
            return;
        }

        n = poll(&pfd, 1, W_TIMEOUT);

        zt_ok(n != 0, "process %lu sleeps, with %lu of %lu and %lu of %lu, "
              "pending: %lu", (unsigned long) worker.n,
              (unsigned long) got_room, (unsigned long) room,
              (unsigned long) got_poll, (unsigned long) poll_n,
              (unsigned long) ngx_sio_pending(&worker.z));

        shared->sleeps++;

        /* first the eventfd, then the inbox */

        n = read(pfd.fd, &count, sizeof(count));
        zt_ok(n == sizeof(count) || errno == EAGAIN, "eventfd: %s",
              strerror(errno));

        zt_drain(&worker);
    }
}


static void
w_child(ngx_uint_t n)
{
    ngx_int_t         rc;
    ngx_uint_t        i, receivers;
    ngx_sio_emit_t    emit;
    ngx_sio_handle_t  h;

    zt_srand(zt_seed + n);

    zt_worker_init(&worker, &zone, n);
    worker.receive = w_receive;

    w_session(n, 1, &h);
    w_session(n, 0, &polling);
    shared->polling[n] = polling;
    w_park();

    got_room = 0;
    got_poll = 0;

    (void) __sync_add_and_fetch(&shared->ready, 1);

    while (shared->ready < nprocesses) {
        zt_ok(!shared->failed, "another one has failed");
        sched_yield();
    }

    for (i = 1; i <= nrounds; i++) {
        memset(&emit, 0, sizeof(emit));
        zt_body(&body, i, ZT_BODY_MIN + zt_rand(100));
        emit.target.nsp = nsp;
        emit.target.all = 1;
        emit.body = body.body;

        rc = ngx_sio_emit(&worker.z, &emit, 0, &receivers);
        zt_ok(rc == NGX_OK, "emit: %s", zt_rc_name(rc));

        rc = ngx_sio_session_send(&worker.z,
                                  shared->polling[(n + 1) % nprocesses],
                                  &body.body, 0);
        zt_ok(rc == NGX_OK, "send: %s", zt_rc_name(rc));

        w_wait(i * nprocesses, i);
    }

    _exit(0);
}


int
zt_main(int argc, char **argv)
{
    int                  status;
    pid_t                pid;
    ngx_uint_t           i;
    ngx_sio_counters_t   c;

    zt_name = "zone_wake_test";
    nprocesses = ngx_min(zt_env("ZONE_PROCESSES", 4), W_PROCESSES);
    nrounds = zt_env("ZONE_ROUNDS", ZT_SANITIZED ? 3000 : 20000);

    pool = ngx_create_pool(4096, &zt_log);
    zt_zone_open(&zone, 4 * 1024 * 1024, NULL);

    shared = mmap(NULL, sizeof(w_shared_t), PROT_READ|PROT_WRITE,
                  MAP_ANON|MAP_SHARED, -1, 0);
    zt_ok(shared != MAP_FAILED, "%s", strerror(errno));

    for (i = 0; i < nprocesses; i++) {
        pid = zt_fork();

        if (pid == 0) {
            w_child(i);
        }
    }

    for (i = 0; i < nprocesses; i++) {
        zt_ok(waitpid(-1, &status, 0) > 0, "waitpid: %s", strerror(errno));

        if (status) {
            shared->failed = 1;
        }

        zt_ok(status == 0, "a child has ended with status %x",
              (unsigned) status);
    }

    zt_worker_view(&worker, &zone);
    zt_check(&worker.z);
    zt_rc(ngx_sio_zone_counters(&worker.z, &c), NGX_OK);

    printf("# %lu rounds of %lu processes, %lu wake-ups, %lu lock waits\n",
           (unsigned long) nrounds, (unsigned long) nprocesses,
           (unsigned long) shared->sleeps, (unsigned long) c.lock_waits);

    zt_worker_cleanup(&worker);
    zt_body_free(&body);
    ngx_destroy_pool(pool);
    munmap(shared, sizeof(w_shared_t));
    zt_zone_close(&zone);

    return 0;
}
