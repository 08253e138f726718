
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * No memory.  First, the Nth allocation of every operation fails, for every N:
 * NGX_BUSY, and the zone is as before; without the failure it then succeeds.
 * Then a small zone is really filled up, with one kind of thing after the
 * other; it refuses, stays whole, and works again when things are freed.
 */


#include "zone_scene.h"
#include "../../src/zone/ngx_sio_internal.h"


static void oom_nth(const zs_op_t *op);
static void oom_fill(void);


static zs_t          zs;
static zt_image_t    start, before;
static ngx_uint_t    oom_at, oom_count, oom_begun;
static ngx_uint_t    nfailures;


static ngx_uint_t
oom_alloc(ngx_sio_zone_t *z)
{
    return ++oom_count != oom_at;
}


static void
oom_begin(ngx_sio_zone_t *z)
{
    oom_begun++;
    zt_image_save(&before, &zs.zone);
}


/*
 * The workers' private arrays are spoiled by the repetitions: what is applied
 * is not looked at here.
 */

static void
oom_apply(void *data, ngx_sio_entry_t *e)
{
}


static void
oom_ready(void *data, ngx_sio_handle_t session, ngx_sio_role_e role,
    ngx_uint_t wake)
{
}


static void
oom_nth(const zs_op_t *op)
{
    ngx_int_t           rc;
    const char         *text;
    ngx_uint_t          i, n;
    zt_worker_t         w[ZS_WORKERS], other;
    ngx_sio_counters_t  c, first;

    memcpy(w, zs.w, sizeof(w));
    memcpy(&other, &zs.other, sizeof(other));

    for (n = 1; ; n++) {
        zt_image_restore(&start, &zs.zone);

        /* without what an operation on a slot did to the views */

        for (i = 0; i < ZS_WORKERS; i++) {
            zs.w[i].z.slot = w[i].z.slot;
            zs.w[i].z.slot_gen = w[i].z.slot_gen;
        }

        zs.other.z.slot = other.z.slot;
        zs.other.z.slot_gen = other.z.slot_gen;

        zt_rc(ngx_sio_zone_counters(&zs.w[2].z, &first), NGX_OK);

        oom_count = 0;
        oom_begun = 0;
        oom_at = n;
        zt_hooks.alloc = oom_alloc;
        zt_hooks.begun = oom_begin;

        rc = op->op(&zs);

        zt_hooks.alloc = NULL;
        zt_hooks.begun = NULL;

        zt_check(&zs.w[2].z);

        if (oom_count < n) {
            zt_ok(rc == NGX_OK, "%s: %s", op->name, zt_rc_name(rc));
            break;
        }

        nfailures++;

        /* what needs no memory goes on without: ready lists, sweeps that put
           it off, sessions that are closed for want of a node */

        zt_ok(rc == NGX_OK || rc == NGX_BUSY || (rc == NGX_AGAIN
              && !op->memory), "%s: allocation %lu fails: %s", op->name,
              (unsigned long) n, zt_rc_name(rc));

        if (rc == NGX_OK) {
            continue;
        }

        zt_rc(ngx_sio_zone_counters(&zs.w[2].z, &c), NGX_OK);

        zt_ok(rc != NGX_BUSY || c.refusals > first.refusals, "%s: allocation "
              "%lu fails: not counted", op->name, (unsigned long) n);

        if (oom_begun == 1) {
            text = zt_image_diff(&zs.zone, before.mem,
                                 (u_char *) zs.zone.shpool);
            zt_ok(text == NULL, "%s: allocation %lu fails: %s", op->name,
                  (unsigned long) n, text);

        } else {
            zt_settle(&zs.w[2].z);
            zt_rc(ngx_sio_zone_counters(&zs.w[2].z, &c), NGX_OK);

            if (zs.zone.root->slots[0].state == NGX_SIO_SLOT_LIVE) {
                zt_same(&first, &c);
            }
        }

        rc = op->op(&zs);

        zt_ok(rc == NGX_OK, "%s: after allocation %lu failed: %s", op->name,
              (unsigned long) n, zt_rc_name(rc));
        zt_check(&zs.w[2].z);
    }
}


/* makes sessions, sockets, rooms, messages until there is no room */

static ngx_sio_handle_t  fill_sessions[20000];
static ngx_sio_handle_t  fill_sockets[20000];


static ngx_int_t
fill_session(ngx_sio_zone_t *z, ngx_uint_t n)
{
    char                      id[32];
    ngx_sio_session_params_t  p;

    memset(&p, 0, sizeof(p));
    snprintf(id, sizeof(id), "fill-%015lu", (unsigned long) n);
    memcpy(p.sid, id, NGX_SIO_ID_LEN);
    p.ping_interval = 25000;
    p.ping_timeout = 20000;
    p.connect_timeout = 45000;
    p.info.data = p.sid;
    p.info.len = zt_rand(NGX_SIO_ID_LEN);

    return ngx_sio_session_create(z, &p, ngx_current_msec,
                                  &fill_sessions[n]);
}


static ngx_int_t
fill_socket(ngx_sio_zone_t *z, ngx_uint_t n)
{
    zt_body_t                b;
    ngx_int_t                rc;
    ngx_str_t                room;
    char                     id[32];
    u_char                   name[32];
    ngx_sio_socket_params_t  p;

    memset(&b, 0, sizeof(b));
    zt_body(&b, n, ZT_BODY_MIN + zt_rand(40));

    room.data = name;
    room.len = sprintf((char *) name, "room %lu", (unsigned long) n / 3);

    memset(&p, 0, sizeof(p));
    snprintf(id, sizeof(id), "sock-%015lu", (unsigned long) n);
    memcpy(p.id, id, NGX_SIO_ID_LEN);
    ngx_str_set(&p.nsp, "/");
    p.rooms = &room;
    p.nrooms = 1;

    rc = ngx_sio_socket_connect(z, fill_sessions[n], &p, &b.body,
                                &fill_sockets[n]);
    zt_body_free(&b);

    return rc;
}


static ngx_int_t
fill_message(ngx_sio_zone_t *z, ngx_uint_t n, size_t len)
{
    zt_body_t       b;
    ngx_int_t       rc;
    ngx_uint_t      receivers;
    ngx_sio_emit_t  emit;

    memset(&b, 0, sizeof(b));
    zt_body(&b, n, len);

    memset(&emit, 0, sizeof(emit));
    ngx_str_set(&emit.target.nsp, "/");
    emit.target.all = 1;
    emit.body = b.body;

    rc = ngx_sio_emit(z, &emit, 0, &receivers);
    zt_body_free(&b);

    return rc;
}


static void
oom_fill(void)
{
    size_t               len;
    ngx_int_t            rc;
    zt_zone_t            zone;
    zt_worker_t          w;
    ngx_uint_t           i, sessions, sockets, messages, round;
    ngx_sio_counters_t   first, c;

    zt_zone_open(&zone, NGX_SIO_MIN_ZONE, NULL);
    zt_worker_init(&w, &zone, 0);
    w.z.apply = oom_apply;
    w.z.ready = oom_ready;

    zt_rc(ngx_sio_zone_counters(&w.z, &first), NGX_OK);

    for (round = 0; round < 4; round++) {

        for (sessions = 0; ; sessions++) {
            rc = fill_session(&w.z, sessions);

            if (rc != NGX_OK || (round == 1 && sessions == 100)
                || (round == 2 && sessions == 20))
            {
                break;
            }
        }

        zt_ok(rc == (round == 1 || round == 2 ? NGX_OK : NGX_BUSY),
              "session %lu: %s", (unsigned long) sessions, zt_rc_name(rc));
        sessions += (rc == NGX_OK);
        zt_check(&w.z);

        for (sockets = 0; sockets < sessions; sockets++) {
            rc = fill_socket(&w.z, sockets);

            if (rc != NGX_OK) {
                zt_ok(rc == NGX_BUSY, "socket %lu: %s",
                      (unsigned long) sockets, zt_rc_name(rc));
                break;
            }
        }

        zt_check(&w.z);

        len = (round == 2) ? 10000 : 100;

        /* without a socket there is no namespace to send to */

        for (messages = 0; sockets; messages++) {
            rc = fill_message(&w.z, messages, len);

            if (rc != NGX_OK) {
                zt_ok(rc == NGX_BUSY, "message %lu: %s",
                      (unsigned long) messages, zt_rc_name(rc));
                break;
            }
        }

        zt_check(&w.z);

        zt_rc(ngx_sio_zone_counters(&w.z, &c), NGX_OK);
        zt_ok(c.sessions == sessions, "%lu sessions, not %lu",
              (unsigned long) c.sessions, (unsigned long) sessions);
        zt_ok(c.refusals > first.refusals, "no refusals");

        printf("# full with %lu sessions, %lu sockets, %lu messages of %zu\n",
               (unsigned long) sessions, (unsigned long) sockets,
               (unsigned long) messages, len);

        /* what must not fail needs no memory */

        for (i = 0; i < sessions; i++) {
            zt_rc(ngx_sio_session_close(&w.z, fill_sessions[i],
                                        NGX_SIO_FORCED_CLOSE, 0),
                  NGX_OK);

            if (i < sockets) {
                zt_rc(ngx_sio_socket_remove(&w.z, fill_sockets[i]), NGX_OK);
            }

            zt_rc(ngx_sio_session_end(&w.z, fill_sessions[i],
                                      ngx_current_msec),
                  NGX_OK);

            if (i % 32 == 0) {
                zt_check(&w.z);
            }
        }

        zt_drain(&w);
        zt_settle(&w.z);
        zt_check(&w.z);

        zt_rc(ngx_sio_zone_counters(&w.z, &c), NGX_OK);
        zt_same(&first, &c);
    }

    zt_worker_cleanup(&w);
    zt_zone_close(&zone);
}


int
zt_main(int argc, char **argv)
{
    ngx_uint_t   i;
    const char  *only;

    zt_name = "zone_oom_test";
    only = getenv("ZONE_OP");

    zs_open(&zs, NGX_SIO_MIN_ZONE);

    for (i = 0; i < ZS_WORKERS; i++) {
        zs.w[i].z.apply = oom_apply;
        zs.w[i].z.ready = oom_ready;

        /* ready lists are taken after a section that failed, too */
        zt_drain(&zs.w[i]);
        zt_settle(&zs.w[i].z);
    }

    zt_image_init(&start, &zs.zone);
    zt_image_init(&before, &zs.zone);
    zt_image_save(&start, &zs.zone);

    for (i = 0; i < zs_nops; i++) {
        if (only == NULL || strcmp(only, zs_ops[i].name) == 0) {
            oom_nth(&zs_ops[i]);
        }
    }

    zt_image_restore(&start, &zs.zone);
    zs_close(&zs);
    zt_image_free(&start);
    zt_image_free(&before);

    oom_fill();

    printf("# %lu operations, %lu failed allocations\n",
           (unsigned long) zs_nops, (unsigned long) nfailures);

    return 0;
}
