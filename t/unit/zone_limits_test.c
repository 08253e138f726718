
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Every limit, and one more.
 */


#include "zone_lib.h"
#include "../../src/zone/ngx_sio_shared.h"


#define L_ROOMS       5
#define L_NAMESPACES  3
#define L_ACKS        4
#define L_NAME        40
#define L_DATA        100
#define L_QUEUE       8
#define L_QUEUE_SIZE  4000
#define L_INBOX       10
#define L_INBOX_SIZE  5000
#define L_SESSIONS    3
#define L_HANDSHAKES  10


static zt_zone_t      zone;
static zt_worker_t    a, b;
static ngx_pool_t    *pool;
static zt_body_t      body;
static uint32_t       serial;
static uint32_t       last;
static ngx_uint_t     nreceived, noverflows;
static ngx_str_t      nsp = ngx_string("/");


static void
l_receive(zt_worker_t *w, ngx_sio_handle_t session, ngx_sio_handle_t socket,
    ngx_sio_entry_t *e)
{
    last = zt_body_id(&w->z, &e->body);
    nreceived++;
}


static void
l_overflow(zt_worker_t *w)
{
    noverflows++;
}


static void
l_id(u_char *id, const char *what)
{
    char  text[64];

    snprintf(text, sizeof(text), "%s-%015u", what, ++serial);
    memcpy(id, text, NGX_SIO_ID_LEN);
}


static ngx_sio_handle_t
l_session(zt_worker_t *w, ngx_uint_t websocket, u_char *sid)
{
    ngx_sio_handle_t          h;
    ngx_sio_session_params_t  p;

    memset(&p, 0, sizeof(p));
    l_id(p.sid, "sess");
    p.websocket = websocket;
    p.ping_interval = 25000;
    p.ping_timeout = 20000;

    if (sid) {
        memcpy(sid, p.sid, NGX_SIO_ID_LEN);
    }

    zt_rc(ngx_sio_session_create(&w->z, &p, ngx_current_msec, &h), NGX_OK);

    return h;
}


static ngx_int_t
l_connect(zt_worker_t *w, ngx_sio_handle_t session, const char *name,
    const ngx_str_t *rooms, const ngx_uint_t *max, ngx_uint_t n,
    ngx_sio_handle_t *socket)
{
    ngx_int_t                rc;
    ngx_sio_socket_params_t  p;

    memset(&p, 0, sizeof(p));
    p.nsp.data = (u_char *) name;
    p.nsp.len = strlen(name);
    l_id(p.id, "sock");
    p.rooms = rooms;
    p.max = max;
    p.nrooms = n;

    zt_body(&body, 0, 20);

    w->connecting = session;
    rc = ngx_sio_socket_connect(&w->z, session, &p, &body.body, socket);
    w->connecting.ref = 0;

    return rc;
}


static void
l_close(zt_worker_t *w, ngx_sio_handle_t session)
{
    (void) ngx_sio_session_close(&w->z, session, NGX_SIO_FORCED_CLOSE, 0);
    zt_rc(ngx_sio_session_end(&w->z, session, ngx_current_msec), NGX_OK);
    (void) ngx_sio_role_release(&w->z, session, NGX_SIO_ROLE_WS, 0);
    zt_rc(ngx_sio_session_close(&w->z, session, NGX_SIO_FORCED_CLOSE, 0),
          NGX_DONE);
}


static ngx_int_t
l_emit(zt_worker_t *w, uint32_t id, size_t len, const char *ack,
    uint32_t ack_id)
{
    ngx_sio_emit_t  emit;

    memset(&emit, 0, sizeof(emit));
    zt_body(&body, id, len);
    emit.target.nsp = nsp;
    emit.target.all = 1;
    emit.body = body.body;

    if (ack) {
        emit.ack_name.data = (u_char *) ack;
        emit.ack_name.len = strlen(ack);
    }

    return ngx_sio_emit(&w->z, &emit, ack_id, NULL);
}


static void
test_rooms(void)
{
    char              text[L_ROOMS + 2][16];
    ngx_str_t         rooms[L_ROOMS + 2], *names;
    ngx_uint_t        i, n, size;
    ngx_sio_handle_t  s, k;

    for (i = 0; i < L_ROOMS + 2; i++) {
        rooms[i].data = (u_char *) text[i];
        rooms[i].len = snprintf(text[i], 16, "room %lu", (unsigned long) i);
    }

    s = l_session(&a, 0, NULL);
    zt_rc(l_connect(&a, s, "/", rooms, NULL, L_ROOMS + 1, &k), NGX_DECLINED);
    zt_rc(l_connect(&a, s, "/", rooms, NULL, L_ROOMS, &k), NGX_OK);

    zt_rc(ngx_sio_join(&a.z, k, &rooms[L_ROOMS], NULL, 1), NGX_ERROR);
    zt_rc(ngx_sio_join(&a.z, k, rooms, NULL, L_ROOMS), NGX_OK);
    zt_rc(ngx_sio_leave(&a.z, k, rooms, 1), NGX_OK);

    /* all or none */

    zt_rc(ngx_sio_join(&a.z, k, &rooms[L_ROOMS], NULL, 2), NGX_ERROR);
    zt_rc(ngx_sio_member(&a.z, k, &rooms[L_ROOMS]), NGX_DECLINED);
    zt_rc(ngx_sio_room_size(&a.z, &nsp, &rooms[L_ROOMS], &size), NGX_OK);
    zt_ok(size == 0, "size is %lu", (unsigned long) size);
    zt_rc(ngx_sio_join(&a.z, k, &rooms[L_ROOMS], NULL, 1), NGX_OK);
    zt_rc(ngx_sio_socket_rooms(&a.z, k, pool, &names, &n), NGX_OK);
    zt_ok(n == L_ROOMS + 1, "%lu rooms", (unsigned long) n);

    l_close(&a, s);
}


static void
test_room_max(void)
{
    ngx_str_t         rooms[2] = { ngx_string("r"), ngx_string("q") };
    ngx_uint_t        max[2] = { 2, 0 }, size, i;
    ngx_sio_handle_t  s[3], k[3];

    for (i = 0; i < 3; i++) {
        s[i] = l_session(&a, i == 1, NULL);
        zt_rc(l_connect(&a, s[i], "/", NULL, NULL, 0, &k[i]), NGX_OK);
    }

    zt_rc(ngx_sio_join(&a.z, k[0], rooms, max, 2), NGX_OK);
    zt_rc(ngx_sio_join(&b.z, k[1], rooms, max, 2), NGX_OK);
    zt_rc(ngx_sio_join(&a.z, k[2], rooms, max, 2), NGX_DECLINED);
    zt_rc(ngx_sio_member(&a.z, k[2], &rooms[1]), NGX_DECLINED);
    zt_rc(ngx_sio_join(&a.z, k[0], rooms, max, 2), NGX_OK);
    zt_rc(ngx_sio_leave(&a.z, k[1], rooms, 2), NGX_OK);
    zt_rc(ngx_sio_join(&a.z, k[2], rooms, max, 2), NGX_OK);

    zt_rc(ngx_sio_room_size(&a.z, &nsp, &rooms[0], &size), NGX_OK);
    zt_ok(size == 2, "size is %lu", (unsigned long) size);

    zt_drain(&a);

    for (i = 0; i < 3; i++) {
        l_close(&a, s[i]);
    }
}


static void
test_room_name(void)
{
    u_char            text[NGX_SIO_MAX_NAME + 1];
    ngx_str_t         room;
    ngx_sio_handle_t  s, k;
    ngx_sio_limits_t  limits;

    memset(text, 'n', sizeof(text));
    room.data = text;

    s = l_session(&a, 0, NULL);
    zt_rc(l_connect(&a, s, "/", NULL, NULL, 0, &k), NGX_OK);

    room.len = L_NAME;
    zt_rc(ngx_sio_join(&a.z, k, &room, NULL, 1), NGX_OK);
    room.len = L_NAME + 1;
    zt_rc(ngx_sio_join(&a.z, k, &room, NULL, 1), NGX_ERROR);

    /* there is one, too, when none is set */

    limits = zone.limits;
    limits.max_room_name = 0;
    zt_rc(ngx_sio_zone_configure(zone.root, &limits, &zt_log), NGX_OK);
    room.len = NGX_SIO_MAX_NAME;
    zt_rc(ngx_sio_join(&a.z, k, &room, NULL, 1), NGX_OK);
    zt_rc(ngx_sio_member(&a.z, k, &room), NGX_OK);
    room.len = NGX_SIO_MAX_NAME + 1;
    zt_rc(ngx_sio_join(&a.z, k, &room, NULL, 1), NGX_ERROR);
    zt_rc(ngx_sio_zone_configure(zone.root, &zone.limits, &zt_log), NGX_OK);

    /* the empty name is one as well */

    room.len = 0;
    zt_rc(ngx_sio_join(&a.z, k, &room, NULL, 1), NGX_OK);
    zt_rc(ngx_sio_member(&a.z, k, &room), NGX_OK);

    l_close(&a, s);
}


static void
test_namespaces(void)
{
    char              name[16];
    ngx_uint_t        i;
    ngx_sio_handle_t  s, k[L_NAMESPACES], last_one;

    s = l_session(&a, 0, NULL);

    for (i = 0; i < L_NAMESPACES; i++) {
        snprintf(name, sizeof(name), "/%lu", (unsigned long) i);
        zt_rc(l_connect(&a, s, name, NULL, NULL, 0, &k[i]), NGX_OK);
        zt_rc(l_connect(&a, s, name, NULL, NULL, 0, &last_one), NGX_ERROR);
    }

    zt_rc(l_connect(&a, s, "/more", NULL, NULL, 0, &last_one), NGX_DECLINED);
    zt_rc(ngx_sio_socket_remove(&b.z, k[1]), NGX_OK);
    zt_rc(l_connect(&a, s, "/more", NULL, NULL, 0, &last_one), NGX_OK);
    l_close(&a, s);
}


static void
test_data(void)
{
    u_char            bytes[L_DATA + 1];
    ngx_str_t         data, got;
    ngx_sio_handle_t  s, k;

    memset(bytes, 'd', sizeof(bytes));
    data.data = bytes;

    s = l_session(&a, 0, NULL);
    zt_rc(l_connect(&a, s, "/", NULL, NULL, 0, &k), NGX_OK);

    data.len = L_DATA;
    zt_rc(ngx_sio_socket_set_data(&a.z, k, &data), NGX_OK);
    data.len = L_DATA + 1;
    zt_rc(ngx_sio_socket_set_data(&a.z, k, &data), NGX_ERROR);
    zt_rc(ngx_sio_socket_data(&b.z, k, pool, &got), NGX_OK);
    zt_ok(got.len == L_DATA, "%zu bytes", got.len);
    data.len = 0;
    zt_rc(ngx_sio_socket_set_data(&a.z, k, &data), NGX_OK);
    zt_rc(ngx_sio_socket_data(&b.z, k, pool, &got), NGX_OK);
    zt_ok(got.len == 0, "%zu bytes", got.len);
    l_close(&a, s);
}


static ngx_int_t
l_from(zt_worker_t *w, int from, ngx_sio_handle_t *session)
{
    u_char                    address[NGX_SIO_ADDRESS_LEN];
    ngx_sio_session_params_t  p;

    memset(address, from, sizeof(address));

    memset(&p, 0, sizeof(p));
    l_id(p.sid, "sess");
    p.address = from ? address : NULL;
    p.websocket = serial % 2;

    return ngx_sio_session_create(&w->z, &p, ngx_current_msec, session);
}


/* a session counts until its record is gone */

static void
test_sessions(void)
{
    ngx_int_t           rc;
    ngx_uint_t          i;
    ngx_sio_handle_t    s[L_SESSIONS], t[L_SESSIONS + 1], more;
    ngx_sio_counters_t  first, c;
    ngx_sio_limits_t    limits;

    zt_rc(ngx_sio_zone_counters(&a.z, &first), NGX_OK);

    for (i = 0; i < L_SESSIONS; i++) {
        zt_rc(l_from(&a, 1, &s[i]), NGX_OK);
        zt_rc(l_from(&a, 2, &t[i]), NGX_OK);
    }

    zt_rc(l_from(&a, 1, &more), NGX_DECLINED);
    zt_rc(l_from(&b, 1, &more), NGX_DECLINED);
    zt_rc(l_from(&b, 2, &more), NGX_DECLINED);
    zt_check(&a.z);

    zt_rc(ngx_sio_zone_counters(&a.z, &c), NGX_OK);
    zt_ok(c.refused[NGX_SIO_REFUSED_SESSION]
          == first.refused[NGX_SIO_REFUSED_SESSION] + 3
          && c.refusals == first.refusals, "%lu refused, %lu refusals",
          (unsigned long) c.refused[NGX_SIO_REFUSED_SESSION],
          (unsigned long) c.refusals);
    zt_ok(c.sessions == 2 * L_SESSIONS, "%lu", (unsigned long) c.sessions);

    /* others are not concerned, and who is not counted is not */

    zt_rc(l_from(&a, 3, &more), NGX_OK);
    l_close(&a, more);

    zt_rc(l_from(&a, 0, &more), NGX_OK);
    l_close(&a, more);

    /* closed is not gone */

    zt_rc(ngx_sio_session_close(&a.z, s[0], NGX_SIO_FORCED_CLOSE, 0), NGX_OK);
    zt_rc(l_from(&a, 1, &more), NGX_DECLINED);
    l_close(&a, s[0]);
    zt_rc(l_from(&b, 1, &s[0]), NGX_OK);
    zt_rc(l_from(&b, 1, &more), NGX_DECLINED);
    l_close(&b, s[0]);

    /* without a limit nobody is counted; who was before goes all the same */

    limits = zone.limits;
    limits.max_sessions = 0;
    zt_rc(ngx_sio_zone_configure(zone.root, &limits, &zt_log), NGX_OK);
    rc = l_from(&a, 2, &t[L_SESSIONS]);
    zt_rc(ngx_sio_zone_configure(zone.root, &zone.limits, &zt_log), NGX_OK);
    zt_rc(rc, NGX_OK);
    zt_rc(l_from(&a, 2, &more), NGX_DECLINED);
    zt_check(&a.z);

    for (i = 1; i < L_SESSIONS; i++) {
        l_close(&a, s[i]);
    }

    for (i = 0; i <= L_SESSIONS; i++) {
        l_close(&a, t[i]);
    }
}


/* who has joined, or is gone, is not in the handshake any more */

static void
test_handshakes(void)
{
    ngx_uint_t          i;
    ngx_sio_handle_t    s[L_HANDSHAKES + 1], k;
    ngx_sio_counters_t  first, c;

    zt_rc(ngx_sio_zone_counters(&a.z, &first), NGX_OK);

    for (i = 0; i < L_HANDSHAKES; i++) {
        zt_rc(l_from(&a, 0, &s[i]), NGX_OK);
    }

    zt_rc(l_from(&a, 0, &s[i]), NGX_BUSY);
    zt_rc(l_from(&b, 0, &s[i]), NGX_BUSY);

    zt_rc(ngx_sio_zone_counters(&a.z, &c), NGX_OK);
    zt_ok(c.refused[NGX_SIO_REFUSED_HANDSHAKE]
          == first.refused[NGX_SIO_REFUSED_HANDSHAKE] + 2
          && c.handshakes == L_HANDSHAKES, "%lu refused, %lu handshakes",
          (unsigned long) c.refused[NGX_SIO_REFUSED_HANDSHAKE],
          (unsigned long) c.handshakes);

    zt_rc(l_connect(&a, s[0], "/", NULL, NULL, 0, &k), NGX_OK);
    zt_rc(l_from(&a, 0, &s[i]), NGX_OK);
    zt_rc(l_connect(&a, s[0], "/a", NULL, NULL, 0, &k), NGX_OK);
    zt_rc(ngx_sio_zone_counters(&a.z, &c), NGX_OK);
    zt_ok(c.handshakes == L_HANDSHAKES, "%lu", (unsigned long) c.handshakes);

    l_close(&a, s[1]);
    zt_rc(l_from(&b, 0, &s[1]), NGX_OK);
    l_close(&b, s[1]);

    for (i = 0; i <= L_HANDSHAKES; i++) {
        if (i != 1) {
            l_close(&a, s[i]);
        }
    }
}


/* one ack more: the oldest is given up */

static void
test_acks(void)
{
    uint32_t            id;
    ngx_str_t           name;
    ngx_uint_t          i;
    ngx_sio_handle_t    s, k;
    ngx_sio_counters_t  c;

    s = l_session(&a, 0, NULL);
    zt_rc(l_connect(&a, s, "/", NULL, NULL, 0, &k), NGX_OK);

    for (i = 0; i <= L_ACKS; i++) {
        zt_rc(ngx_sio_ack_id(&b.z, &nsp, &id), NGX_OK);
        zt_ok(id == i, "id %u", id);
        zt_rc(l_emit(&b, i, 20, "ack", id), NGX_OK);
    }

    zt_rc(ngx_sio_zone_counters(&a.z, &c), NGX_OK);
    zt_ok(c.acks == L_ACKS, "%lu acks", (unsigned long) c.acks);

    zt_rc(ngx_sio_ack_answer(&a.z, k, 0, pool, &name), NGX_DECLINED);

    for (i = 1; i <= L_ACKS; i++) {
        zt_rc(ngx_sio_ack_answer(&a.z, k, i, pool, &name), NGX_OK);
    }

    l_close(&a, s);
}


/* past its limit a queue is dropped and the session closed */

static void
test_queue(void)
{
    u_char             sid[NGX_SIO_ID_LEN];
    ngx_uint_t         i, n, round;
    size_t             len;
    ngx_sio_handle_t   s;
    ngx_sio_request_t  rq;

    for (round = 0; round < 3; round++) {
        len = (round == 1) ? L_QUEUE_SIZE / 4 : 20;
        n = (round == 1) ? 4 : L_QUEUE;

        s = l_session(&a, 0, sid);

        for (i = 0; i < n; i++) {
            zt_body(&body, i, len);
            zt_rc(ngx_sio_session_send(&b.z, s, &body.body, 0), NGX_OK);
        }

        zt_ok(ngx_sio_session_reason(&a.z, s) == NGX_SIO_REASON_NONE,
              "closed early");

        if (round == 2) {
            /* taken in time */
            zt_rc(ngx_sio_get_open(&a.z, sid, 0, ngx_current_msec, &rq),
                  NGX_OK);
            zt_ok(rq.batch.n == L_QUEUE, "%lu", (unsigned long) rq.batch.n);
            l_close(&b, s);
            continue;
        }

        zt_body(&body, i, (round == 1) ? ZT_BODY_MIN : 20);
        zt_rc(ngx_sio_session_send(&b.z, s, &body.body, 0), NGX_OK);

        zt_ok(ngx_sio_session_reason(&a.z, s) == NGX_SIO_TRANSPORT_ERROR,
              "not closed, reason %d",
              (int) ngx_sio_session_reason(&a.z, s));

        zt_rc(ngx_sio_get_open(&a.z, sid, 0, ngx_current_msec, &rq),
              NGX_DECLINED);
        l_close(&b, s);
    }

    /* one message may be longer than the queue */

    s = l_session(&a, 0, sid);
    zt_body(&body, 1, 10 * L_QUEUE_SIZE);
    zt_rc(ngx_sio_session_send(&b.z, s, &body.body, 0), NGX_OK);
    zt_rc(ngx_sio_get_open(&a.z, sid, 0, ngx_current_msec, &rq), NGX_OK);
    zt_ok(rq.batch.n == 1 && rq.batch.len == 10 * L_QUEUE_SIZE, "%lu",
          (unsigned long) rq.batch.n);
    l_close(&b, s);
}


/* past its limit an inbox is dropped; its owner hears of it, and only of what
   comes after it has looked */

static void
test_inbox(void)
{
    ngx_uint_t          i, n, round;
    size_t              len;
    ngx_sio_handle_t    s, k;
    ngx_sio_counters_t  c;

    s = l_session(&a, 1, NULL);
    zt_rc(l_connect(&a, s, "/", NULL, NULL, 0, &k), NGX_OK);

    for (round = 0; round < 2; round++) {
        len = round ? L_INBOX_SIZE / 5 : 20;
        n = round ? 5 : L_INBOX;

        nreceived = 0;
        noverflows = 0;

        for (i = 0; i < n; i++) {
            zt_rc(l_emit(&b, i, len, NULL, 0), NGX_OK);
        }

        zt_drain(&a);
        zt_ok(nreceived == n && noverflows == 0, "%lu received, %lu "
              "overflows", (unsigned long) nreceived,
              (unsigned long) noverflows);

        for (i = 0; i < n + 3; i++) {
            zt_rc(l_emit(&b, i, len, NULL, 0), NGX_OK);
        }

        zt_ok(ngx_sio_pending(&a.z), "nothing is pending");
        zt_drain(&a);
        zt_ok(nreceived == n && noverflows == 1, "%lu received, %lu "
              "overflows", (unsigned long) nreceived,
              (unsigned long) noverflows);

        zt_rc(l_emit(&b, 1000, len, NULL, 0), NGX_OK);
        zt_drain(&a);
        zt_ok(nreceived == n + 1 && noverflows == 1 && last == 1000,
              "%lu received, %lu overflows, %u last",
              (unsigned long) nreceived, (unsigned long) noverflows, last);

        zt_settle(&b.z);
        zt_settle(&a.z);
        zt_rc(ngx_sio_zone_counters(&a.z, &c), NGX_OK);
        zt_ok(c.messages == 0 && c.nodes == 0, "%lu messages, %lu nodes",
              (unsigned long) c.messages, (unsigned long) c.nodes);
    }

    /* one message may be longer than the inbox */

    zt_rc(l_emit(&b, 5, 4 * L_INBOX_SIZE, NULL, 0), NGX_OK);
    zt_drain(&a);
    zt_ok(last == 5 && noverflows == 1, "%lu overflows",
          (unsigned long) noverflows);

    l_close(&a, s);
}


/* answers fill half of an inbox, the rest is for messages */

static void
test_replies(void)
{
    size_t              len;
    ngx_uint_t          i, n, round;
    ngx_sio_handle_t    s, k;
    ngx_sio_counters_t  before, c;

    s = l_session(&a, 1, NULL);
    zt_rc(l_connect(&a, s, "/", NULL, NULL, 0, &k), NGX_OK);

    for (round = 0; round < 3; round++) {
        len = (round == 1) ? L_INBOX_SIZE / 5 : 20;
        n = (round == 0) ? (L_INBOX + 1) / 2 : (round == 1) ? 2 : 0;

        a.replies = 0;
        noverflows = 0;
        nreceived = 0;
        zt_rc(ngx_sio_zone_counters(&a.z, &before), NGX_OK);

        if (round == 2) {
            len = L_INBOX_SIZE / 2 + 1;
        }

        zt_body(&body, 9, len);

        for (i = 0; i < n; i++) {
            zt_rc(ngx_sio_reply(&b.z, a.z.slot, a.z.slot_gen, i, &body.body),
                  NGX_OK);
        }

        zt_rc(ngx_sio_reply(&b.z, a.z.slot, a.z.slot_gen, n, &body.body),
              NGX_DECLINED);

        zt_rc(ngx_sio_zone_counters(&a.z, &c), NGX_OK);
        zt_ok(c.refused[NGX_SIO_REFUSED_INBOX]
              == before.refused[NGX_SIO_REFUSED_INBOX] + 1, "not counted");

        zt_rc(l_emit(&b, 1, 20, NULL, 0), NGX_OK);
        zt_drain(&a);

        zt_ok(a.replies == n && nreceived == 1 && noverflows == 0
              && (n == 0 || a.reply_id == n - 1),
              "%lu replies, %lu received, %lu overflows, the last one %u",
              (unsigned long) a.replies, (unsigned long) nreceived,
              (unsigned long) noverflows, a.reply_id);
    }

    /* to itself, and to one that is gone */

    zt_body(&body, 9, 20000);
    zt_rc(ngx_sio_reply(&a.z, a.z.slot, a.z.slot_gen, 70, &body.body), NGX_OK);
    zt_ok(a.reply_id == 70, "the last one %u", a.reply_id);

    zt_rc(ngx_sio_reply(&b.z, a.z.slot, a.z.slot_gen + 1, 71, &body.body),
          NGX_DONE);
    zt_rc(ngx_sio_reply(&b.z, NGX_SIO_MAX_SLOTS, 1, 71, &body.body),
          NGX_DONE);

    l_close(&a, s);
}


/* a room with members at more workers than a room's record has places */

static void
test_many_slots(void)
{
    ngx_uint_t           i, n;
    zt_worker_t         *w, other;
    ngx_sio_handle_t     s, *k;
    ngx_sio_counters_t   c;

    static zt_worker_t       workers[NGX_SIO_MAX_SLOTS];
    static ngx_sio_handle_t  sessions[NGX_SIO_MAX_SLOTS];

    k = &s;
    n = NGX_SIO_MAX_SLOTS - 2;

    for (i = 0; i < n; i++) {
        w = &workers[i];
        zt_worker_init(w, &zone, i);
        w->receive = l_receive;
        w->overflow = l_overflow;

        sessions[i] = l_session(w, 1, NULL);
        zt_rc(l_connect(w, sessions[i], "/", NULL, NULL, 0, k), NGX_OK);
    }

    zt_worker_view(&other, &zone);
    zt_rc(ngx_sio_slot_claim(&other.z), NGX_BUSY);
    zt_ok(other.z.slot == NGX_SIO_NO_SLOT, "has slot %lu",
          (unsigned long) other.z.slot);
    zt_ok(ngx_sio_slot_fd(&other.z) == -1, "has an eventfd");

    zt_rc(ngx_sio_zone_counters(&a.z, &c), NGX_OK);
    zt_ok(c.slots == NGX_SIO_MAX_SLOTS, "%lu slots", (unsigned long) c.slots);

    nreceived = 0;
    zt_rc(l_emit(&b, 77, 100, NULL, 0), NGX_OK);
    zt_check(&b.z);

    for (i = 0; i < n; i++) {
        zt_drain(&workers[i]);
        zt_ok(nreceived == i + 1 && last == 77, "%lu received",
              (unsigned long) nreceived);
        l_close(&workers[i], sessions[i]);
        zt_worker_cleanup(&workers[i]);
    }

    zt_rc(ngx_sio_slot_claim(&other.z), NGX_OK);
    zt_worker_cleanup(&other);
}


/* the checks of init() */

static void
test_init(void)
{
    ngx_int_t         rc;
    ngx_log_t         quiet;
    ngx_sio_root_t   *root;
    ngx_sio_limits_t  limits;
    ngx_slab_pool_t  *sp;

    zt_limits(&limits);
    quiet = zt_log;
    quiet.log_level = NGX_LOG_STDERR;

    sp = zt_pool(8 * ngx_pagesize);
    rc = ngx_sio_zone_init(sp, &limits, &root, &quiet);
    zt_ok(rc == NGX_ERROR, "init of 8 pages: %s", zt_rc_name(rc));
    munmap(sp, 8 * ngx_pagesize);
}


static const struct {
    const char  *name;
    void       (*test)(void);
} tests[] = {
    { "rooms", test_rooms },
    { "room max", test_room_max },
    { "room name", test_room_name },
    { "namespaces", test_namespaces },
    { "data", test_data },
    { "sessions", test_sessions },
    { "handshakes", test_handshakes },
    { "acks", test_acks },
    { "queue", test_queue },
    { "inbox", test_inbox },
    { "replies", test_replies },
    { "many slots", test_many_slots },
    { "init", test_init }
};


int
zt_main(int argc, char **argv)
{
    zt_ready_t           r;
    ngx_uint_t           i;
    ngx_sio_limits_t     limits;
    ngx_sio_counters_t   first, c;

    zt_name = "zone_limits_test";

    pool = ngx_create_pool(4096, &zt_log);
    zt_ok(pool, "no memory");

    zt_limits(&limits);
    limits.max_rooms = L_ROOMS;
    limits.max_namespaces = L_NAMESPACES;
    limits.max_acks = L_ACKS;
    limits.max_room_name = L_NAME;
    limits.max_data = L_DATA;
    limits.max_queue = L_QUEUE;
    limits.max_queue_size = L_QUEUE_SIZE;
    limits.max_inbox = L_INBOX;
    limits.max_inbox_size = L_INBOX_SIZE;
    limits.max_sessions = L_SESSIONS;
    limits.max_handshakes = L_HANDSHAKES;

    zt_zone_open(&zone, 2 * 1024 * 1024, &limits);
    zt_worker_init(&a, &zone, 0);
    zt_worker_init(&b, &zone, 1);
    a.receive = l_receive;
    b.receive = l_receive;
    a.overflow = l_overflow;
    b.overflow = l_overflow;

    zt_rc(ngx_sio_zone_counters(&a.z, &first), NGX_OK);

    for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        tests[i].test();

        zt_drain(&a);
        zt_drain(&b);
        while (zt_ready_next(&a, &r)) { /* void */ }
        while (zt_ready_next(&b, &r)) { /* void */ }

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
