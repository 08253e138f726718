
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "zone_kill.h"
#include "../../src/zone/ngx_sio_internal.h"


zt_zone_t       zone;
k_shared_t     *shared;
zt_worker_t     worker;
k_session_t     known[K_SESSIONS];
ngx_pool_t     *pool;
zt_body_t       body;
uint32_t        life, seq;
k_log_t        *order;
ngx_sio_handle_t  order_session;
ngx_str_t       rooms[K_ROOMS];
char            room_names[K_ROOMS][16];
ngx_str_t       nsp = ngx_string("/");
ngx_str_t       order_room = ngx_string("order");

static uint32_t        last_seq[K_LIVES];


/*
 * A message's id: life of the sender, its number.  What one process receives
 * of one sender in the room "order" must come in order.
 */

static uint32_t
k_id(void)
{
    zt_ok(seq < K_SEQ, "too many messages");

    return life << 23 | ++seq;
}


void
k_receive(zt_worker_t *w, ngx_sio_handle_t session, ngx_sio_handle_t socket,
    ngx_sio_entry_t *e)
{
    uint32_t  id;

    id = zt_body_id(&w->z, &e->body);

    if (!zt_handle_eq(session, order_session) || socket.ref == 0) {
        return;
    }

    zt_ok((id & K_SEQ) > last_seq[id >> 23], "message %u of %u comes after "
          "%u", id & K_SEQ, id >> 23, last_seq[id >> 23]);
    last_seq[id >> 23] = id & K_SEQ;

    if (order->n < K_LOG) {
        order->ids[order->n] = id;
        order->n++;
    }
}


/* the zone was reset, or this worker was taken for dead; what was found is
   still there */

static void
k_abort(const char *what)
{
    const char         *text;
    ngx_sio_root_t     *root;
    ngx_sio_slot_sh_t  *slot;

    root = worker.z.root;
    slot = &root->slots[worker.z.slot % NGX_SIO_MAX_SLOTS];

    text = root->resetting ? ngx_sio_check_locked(&worker.z) : NULL;

    zt_ok(0, "%s: NGX_ABORT, epoch %u, was %u; slot %lu in state %u of "
          "generation %u, was %u; checker: %s", what, root->epoch,
          worker.z.epoch, (unsigned long) worker.z.slot, slot->state,
          slot->gen, worker.z.slot_gen, text ? text : "nothing");
}


/* NGX_BUSY: an inbox grows while its owner gets no processor */

void
k_fine(ngx_int_t rc, const char *what)
{
    if (rc == NGX_ABORT) {
        k_abort(what);
    }

    if (rc == NGX_BUSY) {
        (void) __sync_add_and_fetch(&shared->full, 1);
    }
}


void
k_new_sid(u_char *sid)
{
    char  text[32];

    snprintf(text, sizeof(text), "kill-%015u",
             __sync_add_and_fetch(&shared->sids, 1));
    memcpy(sid, text, NGX_SIO_ID_LEN);
}


ngx_int_t
k_create_session(const u_char *sid, ngx_uint_t websocket,
    ngx_sio_handle_t *h)
{
    u_char                    address[NGX_SIO_ADDRESS_LEN];
    ngx_sio_session_params_t  p;

    memset(&p, 0, sizeof(p));
    memcpy(p.sid, sid, NGX_SIO_ID_LEN);
    memset(address, zt_rand(20), sizeof(address));
    p.address = address;
    p.websocket = websocket;
    p.ping_interval = 1000000;
    p.ping_timeout = 1000000;
    p.connect_timeout = 1000000;
    ngx_str_set(&p.info, "the handshake");

    return ngx_sio_session_create(&worker.z, &p, ngx_current_msec, h);
}


ngx_int_t
k_connect(ngx_sio_handle_t session, const ngx_str_t *names, ngx_uint_t n)
{
    ngx_int_t                rc;
    ngx_sio_handle_t         h;
    ngx_sio_socket_params_t  p;

    memset(&p, 0, sizeof(p));
    p.nsp = nsp;
    k_new_sid(p.id);
    p.rooms = names;
    p.nrooms = n;
    ngx_str_set(&p.data, "{}");

    if (zt_rand(2)) {
        ngx_str_set(&p.token.claims, "{\"sub\":\"somebody\"}");
        p.token.expires = ngx_time() + zt_rand(3);
        p.token.warn = zt_rand(2);
    }

    zt_body(&body, k_id(), ZT_BODY_MIN + zt_rand(60));

    worker.connecting = session;
    rc = ngx_sio_socket_connect(&worker.z, session, &p, &body.body, &h);
    worker.connecting.ref = 0;

    return rc;
}


static void
k_create(void)
{
    ngx_int_t         rc;
    ngx_uint_t        i, k, websocket;
    k_entry_t        *e;
    ngx_sio_handle_t  h;

    for (i = 0, k = zt_rand(K_SESSIONS); i < K_SESSIONS; i++) {
        e = &shared->entries[(i + k) % K_SESSIONS];

        if (__sync_bool_compare_and_swap(&e->state, K_FREE, K_CREATED)) {
            break;
        }
    }

    if (i == K_SESSIONS) {
        return;
    }

    i = e - shared->entries;
    e->by = life;
    k_new_sid(e->sid);
    websocket = zt_rand(2);

    rc = k_create_session(e->sid, websocket, &h);
    k_fine(rc, "create");

    if (rc != NGX_OK) {
        zt_ok(rc == NGX_BUSY, "create: %s", zt_rc_name(rc));
        e->state = K_FREE;
        return;
    }

    memset(&known[i], 0, sizeof(k_session_t));
    known[i].h = h;
    known[i].ws = websocket;

    /* nobody else knows it yet: who connects processes its input */

    rc = k_connect(h, &rooms[zt_rand(K_ROOMS - 2)], 1 + zt_rand(2));
    k_fine(rc, "connect");

    e->state = K_LIVE;
}


/* a session that lives, and its entry; NULL: none found */

k_session_t *
k_pick(k_entry_t **entry)
{
    ngx_int_t               rc;
    ngx_uint_t              i;
    k_entry_t              *e;
    k_session_t            *s;
    ngx_sio_session_info_t  info;
    u_char                  sid[NGX_SIO_ID_LEN];

    i = zt_rand(K_SESSIONS);
    e = &shared->entries[i];
    s = &known[i];

    if (e->state != K_LIVE) {
        return NULL;
    }

    memcpy(sid, e->sid, NGX_SIO_ID_LEN);

    rc = ngx_sio_session_find(&worker.z, sid, &info);
    k_fine(rc, "find");

    if (rc == NGX_DECLINED) {

        if (memcmp(sid, e->sid, NGX_SIO_ID_LEN) == 0) {
            (void) __sync_bool_compare_and_swap(&e->state, K_LIVE, K_FREE);
        }

        return NULL;
    }

    if (!zt_handle_eq(s->h, info.session)) {
        memset(s, 0, sizeof(k_session_t));
        s->h = info.session;
    }

    *entry = e;

    return s;
}


static k_session_t *
k_by_handle(ngx_sio_handle_t h)
{
    ngx_uint_t  i;

    for (i = 0; i < K_SESSIONS; i++) {
        if (zt_handle_eq(known[i].h, h)) {
            return &known[i];
        }
    }

    return NULL;
}


static void
k_batch(ngx_sio_batch_t *batch)
{
    ngx_uint_t       n;
    ngx_sio_entry_t  e;

    for (n = 0; ngx_sio_batch_next(&worker.z, batch, &e) == NGX_OK; n++) {
        if (e.type == NGX_SIO_ENTRY_MESSAGE) {
            (void) zt_body_id(&worker.z, &e.body);
        }
    }

    zt_ok(n == batch->n, "a batch of %lu, not %lu", (unsigned long) n,
          (unsigned long) batch->n);
}


static void
k_get(k_entry_t *e, k_session_t *s)
{
    ngx_int_t          rc;
    ngx_sio_batch_t    batch;
    ngx_sio_request_t  rq;

    if (s->get) {
        rc = ngx_sio_get_take(&worker.z, s->h, s->get_gen, zt_rand(2),
                              ngx_current_msec, &batch);
        k_fine(rc, "take");

        if (rc == NGX_OK) {
            k_batch(&batch);
        }

        s->get = (rc == NGX_AGAIN);
        return;
    }

    rc = ngx_sio_get_open(&worker.z, e->sid, 0, ngx_current_msec, &rq);
    zt_ok(rc != NGX_ABORT, "get: the zone was reset");

    if (rc == NGX_OK) {
        k_batch(&rq.batch);

    } else if (rc == NGX_AGAIN) {
        s->h = rq.info.session;
        s->get = 1;
        s->get_gen = rq.gen;
    }
}


static void
k_post(k_entry_t *e, k_session_t *s)
{
    ngx_int_t          rc;
    ngx_str_t          partial;
    ngx_sio_request_t  rq;

    if (s->post) {

        if (zt_rand(2)) {
            rc = k_connect(s->h, rooms, zt_rand(3));
            k_fine(rc, "connect");
        }

        partial.len = zt_rand(2) ? 0 : 20;
        partial.data = (u_char *) room_names;

        rc = zt_rand(8) ? ngx_sio_post_close(&worker.z, s->h, s->post_gen,
                                             &partial)
                        : ngx_sio_post_abort(&worker.z, s->h, s->post_gen);
        k_fine(rc, "post end");
        s->post = 0;
        return;
    }

    rc = ngx_sio_post_open(&worker.z, e->sid, 0, ngx_current_msec, pool, &rq);
    zt_ok(rc != NGX_ABORT, "post: the zone was reset");

    if (rc == NGX_OK) {
        s->h = rq.info.session;
        s->post = 1;
        s->post_gen = rq.gen;
    }
}


static void
k_upgrade(k_session_t *s)
{
    ngx_int_t             rc;
    ngx_str_t             partial;
    ngx_uint_t            i, n;
    ngx_sio_batch_t       batch;
    ngx_sio_membership_t  members[K_ROOMS + 4];

    if (!s->cand) {
        rc = ngx_sio_session_probe(&worker.z, s->h, &s->cand_gen);
        k_fine(rc, "probe");
        s->cand = (rc == NGX_OK);
        return;
    }

    if (zt_rand(8) == 0) {
        rc = ngx_sio_session_unprobe(&worker.z, s->h, s->cand_gen);
        k_fine(rc, "unprobe");
        s->cand = 0;
        return;
    }

    n = K_ROOMS + 4;
    rc = ngx_sio_session_upgrade(&worker.z, s->h, s->cand_gen, &batch,
                                 members, &n, pool, &partial);
    k_fine(rc, "upgrade");

    if (rc == NGX_AGAIN) {
        return;
    }

    s->cand = 0;

    if (rc != NGX_OK) {
        return;
    }

    s->ws = 1;
    k_batch(&batch);

    for (i = 0; i < n; i++) {
        zt_member_add(&worker, s->h, members[i].socket, members[i].room);
    }
}


/* one of a few users, of whose sockets the oldest may go */

static void
k_identify(ngx_sio_handle_t socket)
{
    u_char           name[2];
    ngx_int_t        rc;
    ngx_sio_user_t   user;

    memset(&user, 0, sizeof(user));
    name[0] = 'U';
    name[1] = 'a' + zt_rand(3);

    if (zt_rand(8)) {
        user.name.data = name;
        user.name.len = 2;
        user.room = user.name;
        user.max = zt_rand(2) ? 0 : 4 + zt_rand(20);
        user.kick = zt_rand(2);
    }

    rc = ngx_sio_socket_identify(&worker.z, socket, &user);

    if (rc != NGX_AGAIN) {
        k_fine(rc, "identify");
    }
}


static void
k_sockets(k_session_t *s)
{
    ngx_int_t               rc;
    ngx_str_t               str;
    ngx_uint_t              n;
    ngx_sio_socket_info_t  *infos;

    rc = ngx_sio_session_sockets(&worker.z, s->h, pool, &infos, &n);
    k_fine(rc, "sockets");

    if (rc != NGX_OK || n == 0) {
        return;
    }

    switch (zt_rand(7)) {

    case 6:
        k_identify(infos[0].socket);
        break;

    case 0:
    case 1:
        rc = ngx_sio_join(&worker.z, infos[0].socket,
                          &rooms[zt_rand(K_ROOMS - 2)], NULL, 1 + zt_rand(3));
        k_fine(rc, "join");
        break;

    case 2:
    case 3:
        rc = ngx_sio_leave(&worker.z, infos[0].socket,
                           &rooms[zt_rand(K_ROOMS - 2)], 1 + zt_rand(3));
        k_fine(rc, "leave");
        break;

    case 4:
        str.data = (u_char *) room_names;
        str.len = zt_rand(sizeof(room_names));
        rc = ngx_sio_socket_set_data(&worker.z, infos[0].socket, &str);
        k_fine(rc, "data");
        break;

    default:
        if (zt_rand(4) == 0) {
            rc = ngx_sio_socket_kick(&worker.z, infos[0].socket, zt_rand(2));
            k_fine(rc, "kick");

        } else if (zt_rand(4) == 0) {
            rc = ngx_sio_socket_remove(&worker.z, infos[0].socket);
            k_fine(rc, "remove");
        }
    }
}


static void
k_emit(void)
{
    ngx_int_t        rc;
    uint32_t         ack;
    ngx_uint_t       receivers;
    ngx_sio_emit_t   emit;

    memset(&emit, 0, sizeof(emit));
    ack = 0;

    zt_body(&body, k_id(), ZT_BODY_MIN + zt_rand(zt_rand(8) ? 200
                                               : zt_rand(8) ? 6000 : 50000));

    emit.target.nsp = nsp;
    emit.target.to = zt_rand(3) ? &rooms[zt_rand(K_ROOMS - 1)] : &order_room;
    emit.target.nto = 1;
    emit.body = body.body;

    if (emit.target.to != &order_room) {

        if (zt_rand(4) == 0) {
            emit.target.except = &rooms[zt_rand(K_ROOMS)];
            emit.target.nexcept = 1;
        }

        if (zt_rand(8) == 0) {
            emit.flags = NGX_SIO_VOLATILE;
        }

        if (zt_rand(4) == 0
            && ngx_sio_ack_id(&worker.z, &nsp, &ack) == NGX_OK)
        {
            ngx_str_set(&emit.ack_name, "answer");
            emit.ack_timeout = 1 + zt_rand(3000);
        }
    }

    rc = ngx_sio_emit(&worker.z, &emit, ack, &receivers);
    k_fine(rc, "emit");
}


static void
k_end(ngx_sio_handle_t h)
{
    ngx_int_t               rc;
    ngx_uint_t              i, n;
    ngx_sio_socket_info_t  *infos;

    rc = ngx_sio_session_sockets(&worker.z, h, pool, &infos, &n);
    k_fine(rc, "end: sockets");

    for (i = 0; rc == NGX_OK && i < n; i++) {
        do {
            rc = ngx_sio_socket_remove(&worker.z, infos[i].socket);
            k_fine(rc, "end: remove");
        } while (rc == NGX_AGAIN);

        rc = NGX_OK;
    }

    rc = ngx_sio_session_end(&worker.z, h, ngx_current_msec);
    k_fine(rc, "end");
}


/* a socket was kicked, by any worker */

static void
k_kicked(ngx_sio_handle_t h)
{
    ngx_uint_t        close;
    ngx_sio_handle_t  k;

    while (ngx_sio_session_kicked(&worker.z, h, &k, &close) == NGX_OK) {

        if (close) {
            (void) ngx_sio_session_close(&worker.z, h, NGX_SIO_FORCED_CLOSE,
                                         1);

        } else {
            (void) ngx_sio_socket_remove(&worker.z, k);
        }
    }
}


ngx_uint_t
k_ready(void)
{
    zt_ready_t        r;
    k_session_t      *s;
    ngx_sio_batch_t   batch;

    if (!zt_ready_next(&worker, &r)) {
        return 0;
    }

    s = k_by_handle(r.session);

    if (r.role == NGX_SIO_ROLE_END) {

        if (r.wake & NGX_SIO_WAKE_KICK) {
            k_kicked(r.session);
        }

        if (r.wake & NGX_SIO_WAKE_END) {
            k_end(r.session);
        }

        return 1;
    }

    if (s == NULL) {
        return 1;
    }

    switch (r.role) {

    case NGX_SIO_ROLE_GET:
        if (s->get
            && ngx_sio_get_take(&worker.z, s->h, s->get_gen,
                                r.wake != NGX_SIO_WAKE_DATA,
                                ngx_current_msec, &batch)
               == NGX_OK)
        {
            k_batch(&batch);
            s->get = 0;
        }
        break;

    case NGX_SIO_ROLE_POST:
        if (s->post && (r.wake & NGX_SIO_WAKE_CLOSE)) {
            (void) ngx_sio_role_release(&worker.z, s->h, r.role, s->post_gen);
            s->post = 0;
        }
        break;

    case NGX_SIO_ROLE_WS:
        if (s->ws && (r.wake & NGX_SIO_WAKE_CLOSE)) {
            (void) ngx_sio_role_release(&worker.z, s->h, r.role, 0);
            zt_member_forget(&worker, s->h);
            s->ws = 0;
        }
        break;

    default: /* NGX_SIO_ROLE_CANDIDATE */
        if (s->cand && (r.wake & NGX_SIO_WAKE_CLOSE)) {
            (void) ngx_sio_role_release(&worker.z, s->h, r.role, s->cand_gen);
            s->cand = 0;

        } else if (s->cand && (r.wake & NGX_SIO_WAKE_POST_END)) {
            k_upgrade(s);
        }
    }

    return 1;
}


void
k_drain(void)
{
    uint64_t   n;
    ngx_fd_t   fd;
    ngx_int_t  rc;

    fd = ngx_sio_slot_fd(&worker.z);

    if (fd != -1 && read(fd, &n, sizeof(n)) == -1) {
        zt_ok(errno == EAGAIN, "eventfd: %s", strerror(errno));
    }

    do {
        rc = ngx_sio_drain(&worker.z);
        k_fine(rc, "drain");
    } while (rc == NGX_AGAIN);
}


/* an answer for a worker, which may be gone */

static void
k_reply(void)
{
    ngx_int_t           rc;
    ngx_uint_t          n;
    ngx_sio_slot_sh_t  *slot;

    n = zt_rand(8);
    slot = &worker.z.root->slots[n];

    zt_body(&body, 0, ZT_BODY_MIN + zt_rand(zt_rand(4) ? 300 : 30000));

    rc = ngx_sio_reply(&worker.z, n, slot->gen, zt_rand(100), &body.body);
    k_fine(rc, "reply");
}


void
k_op(void)
{
    time_t             expires;
    ngx_int_t          rc;
    uint32_t           id;
    ngx_str_t          name;
    ngx_uint_t         n, k, kicked;
    k_entry_t         *e;
    ngx_time_t        *tp;
    k_session_t       *s;
    ngx_sio_handle_t   h;

    k = zt_rand(100);

    if (k < 10) {
        k_create();

    } else if (k < 30) {
        k_emit();

    } else if (k < 45) {
        k_drain();

    } else if (k < 60) {
        for (n = 0; n < 8 && k_ready(); n++) { /* void */ }

    } else if (k < 62) {
        ngx_time_update();
        rc = ngx_sio_sweep(&worker.z, ngx_current_msec);
        k_fine(rc, "sweep");

        while (ngx_sio_ack_expired(&worker.z, ngx_current_msec, pool, &h, &id,
                                   &name)
               == NGX_OK)
        {
            /* void */
        }

        tp = ngx_timeofday();

        do {
            rc = ngx_sio_token_due(&worker.z, ngx_current_msec,
                                   (uint64_t) tp->sec * 1000 + tp->msec, &h,
                                   &expires, &kicked);
            k_fine(rc, "token");
        } while (rc == NGX_OK);

    } else if (k < 64) {
        rc = ngx_sio_reap(&worker.z);
        k_fine(rc, "reap");

    } else if ((s = k_pick(&e)) != NULL) {

        if (k < 72) {
            k_get(e, s);

        } else if (k < 80) {
            k_post(e, s);

        } else if (k < 84) {
            k_upgrade(s);

        } else if (k < 94) {
            k_sockets(s);

        } else if (k < 96) {
            k_reply();

        } else if (k < 98) {
            zt_body(&body, k_id(), ZT_BODY_MIN + zt_rand(300));
            rc = ngx_sio_session_send(&worker.z, s->h, &body.body, 0);
            k_fine(rc, "send");

        } else {
            rc = ngx_sio_session_close(&worker.z, s->h, NGX_SIO_FORCED_CLOSE,
                                       zt_rand(2));
            k_fine(rc, "close");
        }
    }
}
