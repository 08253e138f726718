
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Several processes do random operations on the same sessions, are killed at
 * random and started again, for some seconds.  The others must not notice:
 * no reset, no refusal, and the members of a room on different workers all see
 * the same messages in the same order, none missing, as long as they live.
 * At the end the checker finds nothing, and when all is closed the counters
 * are where they were.
 *
 * ZONE_SECONDS: how long.  ZONE_PROCESSES: how many at once.
 */


#include "zone_kill.h"

#include <sys/wait.h>


static void
k_child(ngx_uint_t n)
{
    ngx_int_t   rc;
    u_char      sid[NGX_SIO_ID_LEN];

    zt_srand(zt_seed + life * 7919);
    order = &shared->logs[life];

    zt_worker_init(&worker, &zone, n);
    worker.receive = k_receive;

    /* as a worker that was started again */
    while ((rc = ngx_sio_reap(&worker.z)) == NGX_AGAIN) { /* void */ }
    k_fine(rc, "reap");

    k_new_sid(sid);
    rc = k_create_session(sid, 1, &order_session);
    k_fine(rc, "create");
    rc = k_connect(order_session, &order_room, 1);
    zt_ok(rc == NGX_OK, "connect: %s", zt_rc_name(rc));

    while (!shared->stop) {
        k_op();
        ngx_reset_pool(pool);
        shared->ops++;
    }

    shared->received += worker.received;

    /* one leaves properly, one is gone, one is killed by the parent */

    if (n % 2) {
        k_drain();
        ngx_sio_slot_release(&worker.z);
    }

    _exit(0);
}


static pid_t
k_spawn(ngx_uint_t n)
{
    pid_t  pid;

    life = ++shared->lives;
    zt_ok(life < K_LIVES, "too many lives");

    pid = zt_fork();

    if (pid == 0) {
        k_child(n);
    }

    return pid;
}


static void
k_died(pid_t pid, uint32_t the_life, ngx_uint_t master_tells)
{
    int         status;
    ngx_uint_t  i;

    zt_ok(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
    zt_ok((WIFEXITED(status) && WEXITSTATUS(status) == 0)
          || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL),
          "a child has ended with status %x", (unsigned) status);

    if (master_tells) {
        (void) ngx_shmtx_force_unlock(&zone.shpool->mutex, pid);
    }

    /* sessions that it was about to create may exist, or not */

    for (i = 0; i < K_SESSIONS; i++) {
        if (shared->entries[i].state == K_CREATED
            && shared->entries[i].by == the_life)
        {
            shared->entries[i].state = K_LIVE;
        }
    }
}


static void
k_too_long(int signo)
{
    static const char  text[] = "not ok zone_kill_test: hangs\n";

    (void) ngx_write_fd(STDERR_FILENO, (void *) text, sizeof(text) - 1);
    _exit(1);
}


/* closes all that is left, as the only worker */

static void
k_close_all(void)
{
    ngx_int_t    rc;
    ngx_uint_t   i, n;
    k_entry_t   *e;
    k_session_t *s;

    while ((rc = ngx_sio_reap(&worker.z)) == NGX_AGAIN) { /* void */ }
    zt_ok(rc == NGX_OK, "reap: %s", zt_rc_name(rc));

    for (i = 0; i < 100 * K_SESSIONS; i++) {
        s = k_pick(&e);

        if (s) {
            (void) ngx_sio_session_close(&worker.z, s->h,
                                         NGX_SIO_FORCED_CLOSE, 0);
        }

        do {
            k_drain();
            for (n = 0; k_ready(); n++) { /* void */ }
        } while (n);
    }

    ngx_current_msec += 40000;

    do {
        rc = ngx_sio_sweep(&worker.z, ngx_current_msec);
    } while (rc == NGX_AGAIN);

    do {
        k_drain();
        for (n = 0; k_ready(); n++) { /* void */ }
    } while (n);

    zt_settle(&worker.z);
}


int
zt_main(int argc, char **argv)
{
    int                  status;
    pid_t                pid, pids[K_PROCESSES];
    uint32_t             lives[K_PROCESSES];
    uint64_t             end;
    ngx_uint_t           i, n, kills, common;
    struct timespec      ts;
    ngx_sio_counters_t   start, c;

    zt_name = "zone_kill_test";

    signal(SIGALRM, k_too_long);
    alarm(120);

    n = ngx_min(zt_env("ZONE_PROCESSES", 5), K_PROCESSES);

    for (i = 0; i < K_ROOMS; i++) {
        rooms[i].data = (u_char *) room_names[i];
        rooms[i].len = snprintf(room_names[i], sizeof(room_names[i]),
                                "room %lu", (unsigned long) i);
    }

    pool = ngx_create_pool(4096, &zt_log);
    zt_ok(pool, "no memory");

    zt_zone_open(&zone, 64 * 1024 * 1024, NULL);
    zt_worker_init(&worker, &zone, 100);
    zt_rc(ngx_sio_zone_counters(&worker.z, &start), NGX_OK);
    ngx_sio_slot_release(&worker.z);
    zt_worker_cleanup(&worker);

    shared = mmap(NULL, sizeof(k_shared_t), PROT_READ|PROT_WRITE,
                  MAP_ANON|MAP_SHARED, -1, 0);
    zt_ok(shared != MAP_FAILED, "%s", strerror(errno));

    for (i = 0; i < n; i++) {
        pids[i] = k_spawn(i);
        lives[i] = life;
    }

    end = zt_now() + 1000000 * zt_env("ZONE_SECONDS", 6);
    kills = 0;

    while (zt_now() < end && shared->lives < K_LIVES - 2) {
        ts.tv_sec = 0;
        ts.tv_nsec = 1000000 * (5 + zt_rand(40));
        (void) nanosleep(&ts, NULL);

        i = zt_rand(n);

        zt_ok(kill(pids[i], SIGKILL) == 0, "kill: %s", strerror(errno));
        k_died(pids[i], lives[i], zt_rand(8));
        kills++;

        pids[i] = k_spawn(i);
        lives[i] = life;

        /* others must not have ended by themselves */

        pid = waitpid(-1, &status, WNOHANG);
        zt_ok(pid == 0, "a child has ended with status %x",
              (unsigned) status);
    }

    shared->stop = 1;

    for (i = 0; i < n; i++) {
        if (i % 3 == 2) {
            (void) kill(pids[i], SIGKILL);
        }

        k_died(pids[i], lives[i], 1);
    }

    common = k_orders();

    life = ++shared->lives;
    order = &shared->logs[life];
    seq = 0;
    memset(known, 0, sizeof(known));

    zt_worker_init(&worker, &zone, 100);
    worker.receive = k_receive;

    zt_check(&worker.z);
    k_close_all();
    zt_check(&worker.z);

    zt_rc(ngx_sio_zone_counters(&worker.z, &c), NGX_OK);
    zt_same(&start, &c);

    printf("# %lu killed, %lu operations, %lu received, %lu roll-backs, "
           "%lu compared, %u times full\n", (unsigned long) kills,
           (unsigned long) shared->ops, (unsigned long) shared->received,
           (unsigned long) c.rollbacks, (unsigned long) common, shared->full);

    zt_worker_cleanup(&worker);
    zt_body_free(&body);
    ngx_destroy_pool(pool);
    munmap(shared, sizeof(k_shared_t));
    zt_zone_close(&zone);

    return 0;
}
