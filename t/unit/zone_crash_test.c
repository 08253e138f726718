
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * A worker dies after any write of any operation.  The operation runs in a
 * child that kills itself after the k-th write of its m-th section; whoever
 * takes the lock then rolls back, and the zone must be as it was when the
 * section began, to the byte.  For every operation, every m, every k.
 *
 * "When the section began" is an image that the child itself makes each time
 * when it gets the lock or commits.
 *
 * A roll-back may be interrupted as well: words that it has restored already
 * are spoiled again, and it must come to the same end.
 *
 * ZONE_OP: the name of one operation.
 */


#include "zone_scene.h"
#include "../../src/zone/ngx_sio_internal.h"

#include <sys/wait.h>


static ngx_uint_t crash(const zs_op_t *op, ngx_uint_t m, ngx_uint_t k);
static void crash_locked(void);
static void crash_roll_back(const zs_op_t *op, ngx_uint_t k);
static void crash_again(const zs_op_t *op, ngx_uint_t k);
static void crash_goes_on(const zs_op_t *op, ngx_uint_t k);
static void crash_committed(ngx_sio_zone_t *z);


static zs_t          zs;
static zt_worker_t   observer;
static zt_image_t    start;             /* of the scene */
static zt_image_t    before;            /* when the child's section began */
static zt_image_t    after;             /* when the child was dead */
static zt_image_t    undone;
static ngx_uint_t   *nsections;         /* of the last child */
static ngx_uint_t    crash_section, crash_write;
static ngx_uint_t    ndeaths, nforks;


/* in the child */

static void
crash_locked(void)
{
    ngx_uint_t  i, k;

    (*nsections)++;

    k = (*nsections == crash_section) ? crash_write : 0;

    for (i = 0; i < ZS_WORKERS; i++) {
        zs.w[i].z.crash_at = k;
    }

    zs.other.z.crash_at = k;

    zt_image_save(&before, &zs.zone);
}


static void
crash_committed(ngx_sio_zone_t *z)
{
    zt_image_save(&before, &zs.zone);
}


/* 0: the section has fewer writes */

static ngx_uint_t
crash(const zs_op_t *op, ngx_uint_t m, ngx_uint_t k)
{
    int        status;
    pid_t      pid;
    ngx_int_t  rc;

    zt_image_restore(&start, &zs.zone);

    *nsections = 0;
    crash_section = m;
    crash_write = k;

    nforks++;
    pid = zt_fork();

    if (pid == 0) {
        zt_hooks.locked = crash_locked;
        zt_hooks.committed = crash_committed;

        rc = op->op(&zs);

        if (rc != NGX_OK) {
            fprintf(stderr, "%s: %s\n", op->name, zt_rc_name(rc));
        }

        _exit(rc == NGX_OK ? 0 : 2);
    }

    zt_ok(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));

    if (WIFEXITED(status)) {
        zt_ok(WEXITSTATUS(status) == 0, "%s: the child said %d", op->name,
              WEXITSTATUS(status));
        return 0;
    }

    zt_ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
          "%s: died of status %x", op->name, (unsigned) status);

    ndeaths++;

    zt_ok(*zs.zone.shpool->mutex.lock == (ngx_atomic_uint_t) pid, "%s: died "
          "without the lock, of lock word %lu", op->name,
          (unsigned long) *zs.zone.shpool->mutex.lock);
    zt_ok(zs.zone.root->journal, "%s: died with an empty journal", op->name);

    zt_image_save(&after, &zs.zone);

    /* as nginx's master does, when it hears of the death */
    zt_ok(ngx_shmtx_force_unlock(&zs.zone.shpool->mutex, pid), "%s: the lock "
          "is still held", op->name);

    crash_roll_back(op, k);

    return 1;
}


static void
crash_roll_back(const zs_op_t *op, ngx_uint_t k)
{
    const char  *text;

    ngx_sio_lock(&observer.z);
    ngx_sio_rollback(&observer.z);

    text = zt_image_diff(&zs.zone, before.mem, (u_char *) zs.zone.shpool);
    zt_ok(text == NULL, "%s: death after write %lu%s: %s", op->name,
          (unsigned long) (k & ~(ngx_uint_t) NGX_SIO_CRASH_OUTSIDE),
          (k & NGX_SIO_CRASH_OUTSIDE) ? " outside" : "", text);

    text = ngx_sio_check_locked(&observer.z);
    zt_ok(text == NULL, "%s: checker after write %lu: %s", op->name,
          (unsigned long) k, text);

    if (k % 5 == 0) {
        crash_again(op, k);
    }

    ngx_sio_unlock(&observer.z);

    if (k % 7 == 0) {
        crash_goes_on(op, k);
    }
}


/* as if the one who rolled back had been killed as well, at any point */

static void
crash_again(const zs_op_t *op, ngx_uint_t k)
{
    size_t       i, n, base;
    uint32_t    *now, *then;
    const char  *text;

    zt_image_save(&undone, &zs.zone);

    base = (u_char *) zs.zone.root - (u_char *) zs.zone.shpool;
    now = (uint32_t *) zs.zone.root;
    then = (uint32_t *) (after.mem + base);
    n = (zs.zone.size - base) / 4;

    for (i = 0; i < n; i++) {
        if (now[i] != then[i] && zt_rand(2)) {
            now[i] = then[i];
        }
    }

    memcpy((u_char *) zs.zone.root + zs.zone.root->journal_off,
           after.mem + base + zs.zone.root->journal_off,
           zs.zone.root->heap_off - zs.zone.root->journal_off);
    zs.zone.root->journal = ((ngx_sio_root_t *) (after.mem + base))->journal;

    ngx_sio_rollback(&observer.z);

    text = zt_image_diff(&zs.zone, undone.mem, (u_char *) zs.zone.shpool);
    zt_ok(text == NULL, "%s: second roll-back, after write %lu: %s", op->name,
          (unsigned long) k, text);
}


/* and now the same without a crash; the roll-back is found by the next who
   comes */

static void
crash_goes_on(const zs_op_t *op, ngx_uint_t k)
{
    int                   status;
    pid_t                 pid;
    ngx_sio_counters_t    c;

    memcpy(zs.zone.shpool, after.mem, zs.zone.size);
    *zs.zone.shpool->mutex.lock = 0;

    nforks++;
    pid = zt_fork();

    if (pid == 0) {
        zt_rc(ngx_sio_zone_counters(&observer.z, &c), NGX_OK);
        zt_ok(c.rollbacks == 1, "%lu roll-backs",
              (unsigned long) c.rollbacks);
        zt_ok(c.epoch == observer.z.epoch, "a new epoch");

        /* what sections before the broken one did is still there: some
           operations cannot be had twice */

        (void) op->op(&zs);
        zt_check(&observer.z);
        _exit(0);
    }

    zt_ok(waitpid(pid, &status, 0) == pid, "waitpid: %s", strerror(errno));
    zt_ok(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s: after a death "
          "after write %lu: status %x", op->name, (unsigned long) k,
          (unsigned) status);
}


/*
 * What an operation frees it does not get again in the same section, of any
 * class: the old bytes may have to come back.
 */

static void
crash_heap(void)
{
    u_char           bytes[4096];
    size_t           size;
    ngx_uint_t       class, i, n;
    ngx_sio_ref_t    ref[200], again;
    ngx_sio_zone_t  *z;

    z = &zs.w[0].z;

    for (class = NGX_SIO_CLASS_SESSION; class < NGX_SIO_NCLASSES; class++) {
        zt_image_restore(&start, &zs.zone);
        size = ngx_sio_class_size(class);

        /* a full page and a few cells of the next one */

        n = ngx_sio_class_cells(class) + 2;

        zt_rc(ngx_sio_begin(z), NGX_OK);

        for (i = 0; i < n; i++) {
            ref[i] = ngx_sio_alloc(z, class);
            zt_ok(ref[i], "no cell of class %lu", (unsigned long) class);
            memset(ngx_sio_ptr(z, ref[i]), 'a', size);
        }

        zt_rc(ngx_sio_finish(z, NGX_OK), NGX_OK);
        zt_rc(ngx_sio_begin(z), NGX_OK);

        for (i = 0; i < n; i++) {
            ngx_sio_free(z, ref[i]);
        }

        for (i = 0; i < n; i++) {
            again = ngx_sio_alloc(z, class);

            if (again == 0) {
                /* it is a small zone */
                break;
            }

            memset(ngx_sio_ptr(z, again), 'b', size);
        }

        ngx_sio_undo_section(z);
        zt_rc(ngx_sio_finish(z, NGX_OK), NGX_OK);

        memset(bytes, 'a', sizeof(bytes));

        for (i = 0; i < n; i++) {
            zt_ok(memcmp(ngx_sio_ptr(z, ref[i]), bytes, size) == 0,
                  "a cell of class %lu was given out again",
                  (unsigned long) class);
            zt_ok(ngx_sio_class(z, ref[i]) == class, "another class");
        }
    }
}


/*
 * Nobody tells that the holder is dead: the next who wants the lock finds out
 * himself, also when the dead process is a zombie.
 */

static void
crash_unnoticed(void)
{
    pid_t               pid;
    uint64_t            started, took;
    siginfo_t           info;
    ngx_sio_counters_t  c;

    zt_image_restore(&start, &zs.zone);

    pid = zt_fork();

    if (pid == 0) {
        zs.w[0].z.crash_at = 3;
        (void) zs_ops[0].op(&zs);
        _exit(0);
    }

    zt_ok(waitid(P_PID, pid, &info, WEXITED|WNOWAIT) == 0, "waitid: %s",
          strerror(errno));
    zt_ok(*zs.zone.shpool->mutex.lock == (ngx_atomic_uint_t) pid,
          "the lock is not held");

    started = zt_now();
    zt_rc(ngx_sio_zone_counters(&observer.z, &c), NGX_OK);
    took = zt_now() - started;

    zt_ok(c.rollbacks == 1, "%lu roll-backs", (unsigned long) c.rollbacks);
    zt_ok(took < 3000000, "it took %lu us", (unsigned long) took);
    zt_check(&observer.z);

    zt_ok(waitpid(pid, NULL, 0) == pid, "waitpid: %s", strerror(errno));
}


int
zt_main(int argc, char **argv)
{
    ngx_uint_t   i, m, k, step;
    const char  *only;

    zt_name = "zone_crash_test";
    only = getenv("ZONE_OP");

    zs_open(&zs, NGX_SIO_MIN_ZONE);
    zt_worker_view(&observer, &zs.zone);
    zt_check(&observer.z);

    nsections = mmap(NULL, ngx_pagesize, PROT_READ|PROT_WRITE,
                     MAP_ANON|MAP_SHARED, -1, 0);
    zt_ok(nsections != MAP_FAILED, "%s", strerror(errno));

    zt_image_init(&start, &zs.zone);
    zt_image_init(&before, &zs.zone);
    zt_image_init(&after, &zs.zone);
    zt_image_init(&undone, &zs.zone);
    zt_image_save(&start, &zs.zone);

    for (i = 0; i < zs_nops; i++) {

        if (only && strcmp(only, zs_ops[i].name) != 0) {
            continue;
        }

        /* under a sanitizer one of a few, another each time */
        step = ZT_SANITIZED ? zt_env("ZONE_STEP", 3) : 1;

        for (m = 1; m == 1 || m <= *nsections; m++) {

            for (k = 1 + zt_rand(step); crash(&zs_ops[i], m, k); k += step) {
                /* void */
            }

            for (k = 1 + zt_rand(step);
                 crash(&zs_ops[i], m, k | NGX_SIO_CRASH_OUTSIDE);
                 k += step)
            {
                /* void */
            }
        }
    }

    crash_heap();
    crash_unnoticed();

    zt_image_restore(&start, &zs.zone);
    zt_worker_cleanup(&observer);
    zs_close(&zs);

    zt_image_free(&start);
    zt_image_free(&before);
    zt_image_free(&after);
    zt_image_free(&undone);

    printf("# %lu operations, %lu deaths, %lu children\n",
           (unsigned long) zs_nops, (unsigned long) ndeaths,
           (unsigned long) nforks);

    return 0;
}
