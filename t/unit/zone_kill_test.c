
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


#include "zone_lib.h"

#include <sys/wait.h>


#define K_PROCESSES  8
#define K_SESSIONS   48
#define K_ROOMS      6
#define K_LIVES      512
#define K_LOG        16384


#define K_SEQ        0x7fffff              /* of a message's id */


/* what a life saw in the room "order", in shared memory */

typedef struct {
    volatile uint32_t        n;
    uint32_t                 ids[K_LOG];
} k_log_t;


#define K_FREE     0
#define K_LIVE     1
#define K_CREATED  2                       /* is being created */

typedef struct {
    volatile uint32_t        state;
    volatile uint32_t        by;           /* process that creates it */
    u_char                   sid[NGX_SIO_ID_LEN];
} k_entry_t;


typedef struct {
    volatile uint32_t        stop;
    volatile uint32_t        lives;
    volatile uint32_t        sids;
    volatile uint32_t        full;
    volatile uint64_t        ops;
    volatile uint64_t        received;
    k_entry_t                entries[K_SESSIONS];
    k_log_t                  logs[K_LIVES];
} k_shared_t;


/* a session, as one process knows it; its index is that of the entry */

typedef struct {
    ngx_sio_handle_t         h;
    uint32_t                 get_gen;
    uint32_t                 post_gen;
    uint32_t                 cand_gen;
    unsigned                 get:1;
    unsigned                 post:1;
    unsigned                 cand:1;
    unsigned                 ws:1;
} k_session_t;


static void k_receive(zt_worker_t *w, ngx_sio_handle_t session,
    ngx_sio_handle_t socket, ngx_sio_entry_t *e);


static zt_zone_t       zone;
static k_shared_t     *shared;
static zt_worker_t     worker;
static k_session_t     known[K_SESSIONS];
static ngx_pool_t     *pool;
static zt_body_t       body;
static uint32_t        life, seq;
static k_log_t        *order;
static ngx_sio_handle_t  order_session;
static uint32_t        last_seq[K_LIVES];
static ngx_str_t       rooms[K_ROOMS];
static char            room_names[K_ROOMS][16];
static ngx_str_t       nsp = ngx_string("/");
static ngx_str_t       order_room = ngx_string("order");


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


static void
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


/* NGX_BUSY: an inbox grows while its owner gets no processor */

static void
k_fine(ngx_int_t rc, const char *what)
{
    zt_ok(rc != NGX_ABORT, "%s: the zone was reset, or this worker was taken "
          "for dead", what);

    if (rc == NGX_BUSY) {
        (void) __sync_add_and_fetch(&shared->full, 1);
    }
}


static void
k_new_sid(u_char *sid)
{
    char  text[32];

    snprintf(text, sizeof(text), "kill-%015u",
             __sync_add_and_fetch(&shared->sids, 1));
    memcpy(sid, text, NGX_SIO_ID_LEN);
}


static ngx_int_t
k_create_session(const u_char *sid, ngx_uint_t websocket,
    ngx_sio_handle_t *h)
{
    ngx_sio_session_params_t  p;

    memset(&p, 0, sizeof(p));
    memcpy(p.sid, sid, NGX_SIO_ID_LEN);
    p.websocket = websocket;
    p.ping_interval = 1000000;
    p.ping_timeout = 1000000;
    p.connect_timeout = 1000000;
    ngx_str_set(&p.info, "the handshake");

    return ngx_sio_session_create(&worker.z, &p, ngx_current_msec, h);
}


static ngx_int_t
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

static k_session_t *
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

    rc = ngx_sio_get_open(&worker.z, e->sid, ngx_current_msec, &rq);
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

    rc = ngx_sio_post_open(&worker.z, e->sid, pool, &rq);
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

    switch (zt_rand(6)) {

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

    zt_body(&body, k_id(), ZT_BODY_MIN + zt_rand(zt_rand(8) ? 200 : 6000));

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


static ngx_uint_t
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


static void
k_drain(void)
{
    uint64_t  n;
    ngx_fd_t  fd;

    fd = ngx_sio_slot_fd(&worker.z);

    if (fd != -1 && read(fd, &n, sizeof(n)) == -1) {
        zt_ok(errno == EAGAIN, "eventfd: %s", strerror(errno));
    }

    zt_drain(&worker);
}


static void
k_op(void)
{
    ngx_int_t          rc;
    uint32_t           id;
    ngx_str_t          name;
    ngx_uint_t         n, k;
    k_entry_t         *e;
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


/*
 * The logs of any two lives, as far as they overlap, are the same: from the
 * first message of the one that came later, until one of them ends.
 */

#define K_HASH  (4 * K_LOG)

static uint32_t  hash[K_HASH];     /* position in the log, plus 1 */


static uint32_t
k_position(k_log_t *l, uint32_t id)
{
    uint32_t  i;

    for (i = (id * 2654435761u) % K_HASH; hash[i]; i = (i + 1) % K_HASH) {
        if (l->ids[hash[i] - 1] == id) {
            return hash[i];
        }
    }

    return 0;
}


static ngx_uint_t
k_compare(ngx_uint_t a, ngx_uint_t b)
{
    k_log_t   *l, *m;
    uint32_t   i, k, at;

    l = &shared->logs[a];
    m = &shared->logs[b];
    at = 0;

    for (i = 0; i < m->n; i++) {
        at = k_position(l, m->ids[i]);

        if (at) {
            break;
        }
    }

    if (at == 0) {
        return 0;
    }

    zt_ok(i == 0 || at == 1, "lives %lu and %lu: message %x is number %u and "
          "%u, but those before are not the same", (unsigned long) a,
          (unsigned long) b, m->ids[i], at - 1, i);

    for (k = 0; i + k < m->n && at - 1 + k < l->n; k++) {
        zt_ok(m->ids[i + k] == l->ids[at - 1 + k], "lives %lu and %lu: message "
              "%x of one, %x of the other, %u after the first of both",
              (unsigned long) a, (unsigned long) b, l->ids[at - 1 + k],
              m->ids[i + k], k);
    }

    return k;
}


static ngx_uint_t
k_orders(void)
{
    uint32_t     i, j, k, n;
    k_log_t     *l;
    ngx_uint_t   common;

    n = shared->lives;
    common = 0;

    for (i = 1; i <= n; i++) {
        l = &shared->logs[i];
        memset(hash, 0, sizeof(hash));

        for (j = 0; j < l->n; j++) {
            zt_ok(k_position(l, l->ids[j]) == 0, "life %u: message %x twice",
                  i, l->ids[j]);

            k = (l->ids[j] * 2654435761u) % K_HASH;

            while (hash[k]) {
                k = (k + 1) % K_HASH;
            }

            hash[k] = j + 1;
        }

        for (j = i + 1; j <= n && j < i + 8 * K_PROCESSES; j++) {
            common += k_compare(i, j);
        }
    }

    return common;
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
