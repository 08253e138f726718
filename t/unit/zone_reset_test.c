
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What a dead worker left cannot be trusted: the checker finds something wrong
 * after the roll-back, and the zone starts over.  All workers are told, let go
 * of what they have and say so; not before the last one has is memory given
 * out again.  Then everything works as in a new zone.
 *
 * Words are spoiled at random: the checker must neither crash nor run for
 * ever, and what it does not find must not matter to it later.
 *
 * ZONE_ROUNDS: how many words are spoiled, one each time.
 */


#include "zone_scene.h"
#include "../../src/zone/ngx_sio_internal.h"

#include <sys/wait.h>


#define R_FOUND  10


static zs_t        zs;
static zt_image_t  start;


static void
r_apply(void *data, ngx_sio_entry_t *e)
{
}


static void
r_ready(void *data, ngx_sio_handle_t session, ngx_sio_role_e role,
    ngx_uint_t wake)
{
}


/* as if a worker had died in a section: one word noted, the lock not held */

static void
r_open_journal(void)
{
    ngx_sio_undo_sh_t  *undo;

    undo = (ngx_sio_undo_sh_t *) ((u_char *) zs.zone.root
                                  + zs.zone.root->journal_off);
    undo->word = offsetof(ngx_sio_root_t, gen) / 4;
    undo->value = zs.zone.root->gen;

    zs.zone.root->journal = 1;
}


/* a session and a socket in it, as in any zone */

static void
r_works(ngx_sio_zone_t *z, ngx_uint_t n)
{
    zt_body_t                 b;
    ngx_uint_t                size;
    ngx_sio_handle_t          h, k;
    ngx_sio_socket_params_t   sp;
    ngx_sio_session_params_t  p;

    static ngx_str_t  nsp = ngx_string("/works");

    memset(&b, 0, sizeof(b));
    zt_body(&b, 1, 30);

    memset(&p, 0, sizeof(p));
    memcpy(p.sid, "session-that-works--", NGX_SIO_ID_LEN);
    p.sid[0] = (u_char) ('a' + n);
    zt_rc(ngx_sio_session_create(z, &p, ngx_current_msec, &h), NGX_OK);

    memset(&sp, 0, sizeof(sp));
    memcpy(sp.id, p.sid, NGX_SIO_ID_LEN);
    sp.nsp = nsp;
    zt_rc(ngx_sio_socket_connect(z, h, &sp, &b.body, &k), NGX_OK);

    zt_rc(ngx_sio_room_size(z, &nsp, NULL, &size), NGX_OK);
    zt_ok(size >= 1, "size is %lu", (unsigned long) size);

    zt_rc(ngx_sio_session_close(z, h, NGX_SIO_FORCED_CLOSE, 0), NGX_OK);
    zt_rc(ngx_sio_session_end(z, h, ngx_current_msec), NGX_OK);

    zt_body_free(&b);
}


/* all workers, one after the other */

static void
r_acknowledge(ngx_uint_t epoch)
{
    ngx_int_t            rc;
    ngx_uint_t           i;
    ngx_sio_counters_t   c;

    for (i = 0; i < ZS_WORKERS; i++) {
        zt_ok(ngx_sio_pending(zs.w[i].z.slot == NGX_SIO_NO_SLOT
                              ? &zs.w[0].z : &zs.w[i].z),
              "a reset is not pending");
        zt_rc(ngx_sio_zone_counters(&zs.w[i].z, &c), NGX_ABORT);
        zt_rc(ngx_sio_drain(&zs.w[i].z), NGX_ABORT);
    }

    for (i = 0; i < ZS_WORKERS; i++) {
        rc = ngx_sio_zone_acknowledge(&zs.w[i].z);
        zt_ok(rc == (i == ZS_WORKERS - 1 ? NGX_OK : NGX_AGAIN),
              "worker %lu acknowledges: %s", (unsigned long) i,
              zt_rc_name(rc));

        if (rc == NGX_AGAIN) {
            zt_rc(ngx_sio_zone_counters(&zs.w[i].z, &c), NGX_ABORT);
        }
    }

    for (i = 0; i < ZS_WORKERS; i++) {

        if (i < ZS_WORKERS - 1) {
            zt_rc(ngx_sio_zone_acknowledge(&zs.w[i].z), NGX_OK);
        }

        zt_rc(ngx_sio_zone_counters(&zs.w[i].z, &c), NGX_OK);
        zt_ok(c.sessions == 0 && c.sockets == 0 && c.messages == 0
              && c.nodes == 0, "it is not empty");
        zt_ok(c.epoch == epoch, "epoch %lu", (unsigned long) c.epoch);
        zt_ok(c.slots == ZS_WORKERS, "%lu slots", (unsigned long) c.slots);
    }

    zt_check(&zs.w[0].z);

    for (i = 0; i < ZS_WORKERS; i++) {
        r_works(&zs.w[i].z, i);
    }

    zt_check(&zs.w[0].z);
}


/* the views, as they were at the start */

static void
r_restore(ngx_sio_zone_t *views)
{
    ngx_uint_t  i;

    zt_image_restore(&start, &zs.zone);

    for (i = 0; i < ZS_WORKERS; i++) {
        zs.w[i].z.slot = views[i].slot;
        zs.w[i].z.slot_gen = views[i].slot_gen;
        zs.w[i].z.epoch = views[i].epoch;
    }
}


static void
test_reset(void)
{
    ngx_uint_t          epoch;
    ngx_sio_counters_t  c;

    epoch = zs.zone.root->epoch;

    /* a roll-back with nothing wrong is not one */

    r_open_journal();
    zt_rc(ngx_sio_zone_counters(&zs.w[1].z, &c), NGX_OK);
    zt_ok(c.epoch == epoch && c.rollbacks == 1, "epoch %lu, %lu roll-backs",
          (unsigned long) c.epoch, (unsigned long) c.rollbacks);

    r_open_journal();
    zs.zone.root->counts.sessions += 3;
    zt_rc(ngx_sio_zone_counters(&zs.w[1].z, &c), NGX_ABORT);
    zt_ok(zt_alerts == 1, "%lu alerts", (unsigned long) zt_alerts);

    /* handles of the old epoch are not good for anything */

    zt_rc(ngx_sio_session_close(&zs.w[0].z, zs.s[ZS_IDLE].h,
                                NGX_SIO_FORCED_CLOSE, 0), NGX_ABORT);
    r_acknowledge(epoch + 1);
    zt_rc(ngx_sio_session_close(&zs.w[0].z, zs.s[ZS_IDLE].h,
                                NGX_SIO_FORCED_CLOSE, 0), NGX_DONE);
    zt_rc(ngx_sio_socket_remove(&zs.w[0].z, zs.s[ZS_IDLE].socket), NGX_DONE);
}


/* a worker that is dead need not acknowledge */

static void
test_dead(void)
{
    int           status;
    pid_t         pid;
    zt_worker_t   w;
    ngx_uint_t    epoch;

    epoch = zs.zone.root->epoch;

    pid = zt_fork();

    if (pid == 0) {
        zt_worker_init(&w, &zs.zone, 7);
        r_open_journal();
        zs.zone.root->counts.sessions += 3;
        _exit(0);
    }

    zt_ok(waitpid(pid, &status, 0) == pid && status == 0, "status %x",
          (unsigned) status);

    r_acknowledge(epoch + 1);
}


/*
 * What is written once, or never journalled, and who the workers are: these
 * have nothing that they could be compared with.
 */

static ngx_uint_t
r_trusted(uint64_t word)
{
    uint64_t  off;

    off = word * 4;

    if (off < offsetof(ngx_sio_root_t, gen)) {
        return 1;
    }

    if (off < offsetof(ngx_sio_root_t, slots)
        || off >= sizeof(ngx_sio_root_t))
    {
        return 0;
    }

    off -= offsetof(ngx_sio_root_t, slots);

    return off % sizeof(ngx_sio_slot_sh_t) < offsetof(ngx_sio_slot_sh_t,
                                                      inbox);
}


/* one word after the other; a journal of rubbish, too */

static ngx_uint_t
test_spoil(ngx_uint_t rounds, ngx_sio_zone_t *views)
{
    int                  status;
    pid_t                pid;
    uint32_t            *words;
    ngx_int_t            rc;
    ngx_uint_t           i, k, n, found;
    ngx_sio_undo_sh_t   *undo;
    ngx_sio_counters_t   c;

    found = 0;

    for (i = 0; i < rounds; i++) {
        r_restore(views);

        /* in a child: a crash or a loop is to be seen, and what it spoils
           privately is gone */

        pid = zt_fork();

        if (pid != 0) {
            zt_ok(waitpid(pid, &status, 0) == pid, "waitpid: %s",
                  strerror(errno));
            zt_ok(WIFEXITED(status) && (WEXITSTATUS(status) == 0
                                        || WEXITSTATUS(status) == R_FOUND),
                  "round %lu: status %x", (unsigned long) i,
                  (unsigned) status);
            found += (WEXITSTATUS(status) == R_FOUND);
            continue;
        }

        alarm(20);
        zt_srand(zt_seed + 1 + i);
        r_open_journal();

        words = (uint32_t *) zs.zone.root;
        n = zs.zone.root->heap_off / 4 + zs.zone.root->fresh * 1024;
        undo = (ngx_sio_undo_sh_t *) ((u_char *) zs.zone.root
                                      + zs.zone.root->journal_off);

        switch (zt_rand(3)) {

        case 0:
            /* anywhere behind what never changes */

            do {
                k = zt_rand(n);
            } while (r_trusted(k));

            words[k] = zt_rand(2) ? zt_rand64() : words[zt_rand(n)];
            break;

        case 1:
            /* a reference or a small number, in use */

            k = zs.zone.root->heap_off / 4
                + zt_rand(zs.zone.root->fresh * 1024);
            words[k] = zt_rand(2) ? words[k] + 1 + zt_rand(3)
                                  : zt_rand(zs.zone.root->size / 16);
            break;

        default:
            for (k = 0; k < 20; k++) {
                undo[k].word = zt_rand(2) ? zt_rand64() : zt_rand(n);
                undo[k].value = zt_rand64();
            }

            for (k = 0; k < 20; k++) {
                if (r_trusted(undo[k].word)) {
                    undo[k].word = 0xffffffff;
                }
            }

            zs.zone.root->journal = zt_rand(2) ? 20 : 0xfffffff0;
        }

        rc = ngx_sio_zone_counters(&zs.w[1].z, &c);

        if (rc == NGX_ABORT) {
            r_acknowledge(views[0].epoch + 1);
            _exit(R_FOUND);
        }

        /* free, scratch, or bytes of a message */

        zt_ok(rc == NGX_OK, "round %lu: %s", (unsigned long) i,
              zt_rc_name(rc));
        zt_check(&zs.w[1].z);
        _exit(0);
    }

    return found;
}


int
zt_main(int argc, char **argv)
{
    ngx_uint_t      i, n, rounds;
    ngx_sio_zone_t  views[ZS_WORKERS];

    zt_name = "zone_reset_test";
    rounds = zt_env("ZONE_ROUNDS", ZT_SANITIZED ? 1000 : 3000);

    zs_open(&zs, NGX_SIO_MIN_ZONE);

    for (i = 0; i < ZS_WORKERS; i++) {
        zs.w[i].z.apply = r_apply;
        zs.w[i].z.ready = r_ready;
        views[i] = zs.w[i].z;
    }

    zt_image_init(&start, &zs.zone);
    zt_image_save(&start, &zs.zone);

    zt_alerts_wanted = 1;

    test_reset();
    r_restore(views);
    test_dead();
    n = test_spoil(rounds, views);

    r_restore(views);
    zs_close(&zs);
    zt_image_free(&start);

    printf("# %lu words spoiled, %lu times started over\n",
           (unsigned long) rounds, (unsigned long) n);

    return 0;
}
