
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Users: names, rooms, and how many sockets one may have.
 */


#include "zone_lib.h"
#include "../../src/zone/ngx_sio_shared.h"


#define U_MANY   200       /* more than go in one section */
#define U_ROOMS  3


static zt_zone_t      zone;
static zt_worker_t    a, b;
static ngx_pool_t    *pool;
static zt_body_t      body;
static uint32_t       serial;
static ngx_str_t      nsp = ngx_string("/");
static ngx_str_t      room = ngx_string("user:x");


static void
u_receive(zt_worker_t *w, ngx_sio_handle_t session, ngx_sio_handle_t socket,
    ngx_sio_entry_t *e)
{
    (void) zt_body_id(&w->z, &e->body);
}


static ngx_sio_user_t
u_user(const char *name, ngx_uint_t max, ngx_uint_t kick)
{
    static u_char   buf[4][32];
    static int      n;
    ngx_sio_user_t  user;

    memset(&user, 0, sizeof(user));

    if (name) {
        n = (n + 1) % 4;
        snprintf((char *) buf[n], sizeof(buf[n]), "user:%s", name);

        user.room.data = buf[n];
        user.room.len = strlen((char *) buf[n]);
        user.name.data = buf[n] + 5;
        user.name.len = user.room.len - 5;
    }

    user.max = max;
    user.kick = kick;

    return user;
}


static ngx_sio_handle_t
u_session(zt_worker_t *w, ngx_uint_t websocket)
{
    char                      text[64];
    ngx_sio_handle_t          h;
    ngx_sio_session_params_t  p;

    memset(&p, 0, sizeof(p));
    snprintf(text, sizeof(text), "sess-%015u", ++serial);
    memcpy(p.sid, text, NGX_SIO_ID_LEN);
    p.websocket = websocket;
    p.ping_interval = 25000;
    p.ping_timeout = 20000;

    zt_rc(ngx_sio_session_create(&w->z, &p, ngx_current_msec, &h), NGX_OK);

    return h;
}


static ngx_int_t
u_connect(zt_worker_t *w, ngx_sio_handle_t session, ngx_sio_user_t user,
    ngx_str_t *rooms, ngx_uint_t n, ngx_sio_handle_t *socket)
{
    char                     text[64];
    ngx_int_t                rc;
    ngx_sio_socket_params_t  p;

    memset(&p, 0, sizeof(p));
    snprintf(text, sizeof(text), "sock-%015u", ++serial);
    memcpy(p.id, text, NGX_SIO_ID_LEN);
    p.nsp = nsp;
    p.user = user;
    p.rooms = rooms;
    p.nrooms = n;

    zt_body(&body, 0, 20);

    w->connecting = session;
    rc = ngx_sio_socket_connect(&w->z, session, &p, &body.body, socket);
    w->connecting.ref = 0;

    return rc;
}


static void
u_close(zt_worker_t *w, ngx_sio_handle_t session)
{
    (void) ngx_sio_session_close(&w->z, session, NGX_SIO_FORCED_CLOSE, 0);
    zt_rc(ngx_sio_session_end(&w->z, session, ngx_current_msec), NGX_OK);
    (void) ngx_sio_role_release(&w->z, session, NGX_SIO_ROLE_WS, 0);
}


static ngx_uint_t
u_size(const ngx_str_t *name)
{
    ngx_uint_t  size;

    zt_rc(ngx_sio_room_size(&b.z, &nsp, name, &size), NGX_OK);

    return size;
}


static void
u_is(ngx_sio_handle_t socket, const char *name)
{
    ngx_str_t  s;

    zt_rc(ngx_sio_socket_user(&b.z, socket, pool, &s), NGX_OK);
    zt_ok(s.len == strlen(name)
          && (s.len == 0 || memcmp(s.data, name, s.len) == 0),
          "it is \"%.*s\"", (int) s.len, s.data);
}


/* the wake-ups that a worker got to disconnect sockets of a session */

static ngx_uint_t
u_kicked(zt_worker_t *w, ngx_sio_handle_t session)
{
    ngx_uint_t        n, close;
    zt_ready_t        r;
    ngx_sio_handle_t  socket;

    zt_drain(w);
    n = 0;

    while (zt_ready_next(w, &r)) {

        if (!(r.wake & NGX_SIO_WAKE_KICK)) {
            continue;
        }

        while (ngx_sio_session_kicked(&w->z, r.session, &socket, &close)
               == NGX_OK)
        {
            zt_ok(close, "only the socket");
            n += zt_handle_eq(r.session, session);
        }
    }

    return n;
}


static void
test_identify(void)
{
    ngx_str_t         other = ngx_string("user:other");
    ngx_str_t         rooms[U_ROOMS + 1];
    u_char            names[U_ROOMS + 1];
    ngx_uint_t        i;
    ngx_sio_user_t    user;
    ngx_sio_handle_t  s, k;

    for (i = 0; i <= U_ROOMS; i++) {
        names[i] = 'a' + i;
        rooms[i].data = &names[i];
        rooms[i].len = 1;
    }

    s = u_session(&a, 1);
    zt_rc(u_connect(&a, s, u_user("x", 0, 0), rooms, U_ROOMS, &k), NGX_OK);
    u_is(k, "x");
    zt_rc(ngx_sio_member(&b.z, k, &room), NGX_OK);

    /* its room does not count, and is not left */

    zt_rc(ngx_sio_join(&a.z, k, &rooms[U_ROOMS], NULL, 1), NGX_ERROR);
    zt_rc(ngx_sio_leave(&b.z, k, &room, 1), NGX_OK);
    zt_ok(u_size(&room) == 1, "it left");

    zt_rc(ngx_sio_socket_identify(&b.z, k, &(ngx_sio_user_t) { 0 }), NGX_OK);
    u_is(k, "");
    zt_ok(u_size(&room) == 0, "it is still there");

    user = u_user("other", 0, 0);
    zt_rc(ngx_sio_socket_identify(&b.z, k, &user), NGX_OK);
    zt_rc(ngx_sio_socket_identify(&a.z, k, &user), NGX_OK);
    u_is(k, "other");
    zt_ok(u_size(&other) == 1, "not in the room");

    /* a room that it joined by itself becomes its user's */

    zt_rc(ngx_sio_socket_identify(&a.z, k, &(ngx_sio_user_t) { 0 }), NGX_OK);
    zt_rc(ngx_sio_leave(&a.z, k, &rooms[0], 1), NGX_OK);
    zt_rc(ngx_sio_join(&a.z, k, &room, NULL, 1), NGX_OK);
    user = u_user("x", 0, 0);
    zt_rc(ngx_sio_socket_identify(&b.z, k, &user), NGX_OK);
    zt_ok(u_size(&room) == 1, "not in the room");
    zt_rc(ngx_sio_leave(&a.z, k, &room, 1), NGX_OK);
    zt_ok(u_size(&room) == 1, "it left");

    user.name.len = NGX_SIO_MAX_NAME + 1;
    zt_rc(ngx_sio_socket_identify(&b.z, k, &user), NGX_ERROR);
    u_is(k, "x");

    u_close(&a, s);
    zt_rc(ngx_sio_socket_identify(&b.z, k, &user), NGX_DONE);
}


static void
test_refuse(void)
{
    ngx_sio_user_t    user;
    ngx_sio_handle_t  s[4], k[4];

    user = u_user("x", 2, 0);

    s[0] = u_session(&a, 1);
    s[1] = u_session(&b, 0);
    s[2] = u_session(&b, 1);
    s[3] = u_session(&a, 0);

    zt_rc(u_connect(&a, s[0], user, NULL, 0, &k[0]), NGX_OK);
    zt_rc(u_connect(&b, s[1], user, NULL, 0, &k[1]), NGX_OK);
    zt_rc(u_connect(&b, s[2], user, NULL, 0, &k[2]), NGX_AGAIN);
    zt_rc(u_connect(&b, s[2], u_user("y", 2, 0), NULL, 0, &k[2]), NGX_OK);
    zt_rc(ngx_sio_socket_identify(&a.z, k[2], &user), NGX_AGAIN);
    u_is(k[2], "y");
    zt_ok(u_size(&room) == 2, "%lu there", (unsigned long) u_size(&room));

    /* one more is refused, one that is about to end does not count */

    zt_rc(ngx_sio_socket_identify(&a.z, k[1], &user), NGX_OK);
    zt_rc(ngx_sio_session_close(&b.z, s[1], NGX_SIO_FORCED_CLOSE, 0), NGX_OK);
    zt_rc(ngx_sio_socket_identify(&a.z, k[2], &user), NGX_OK);
    zt_ok(u_size(&room) == 2, "%lu there", (unsigned long) u_size(&room));

    zt_rc(ngx_sio_socket_leaving(&a.z, k[0], 1), NGX_OK);
    zt_rc(u_connect(&a, s[3], user, NULL, 0, &k[3]), NGX_OK);
    zt_rc(ngx_sio_member(&a.z, k[0], &room), NGX_DECLINED);
    zt_ok(u_size(&room) == 2, "%lu there", (unsigned long) u_size(&room));

    u_close(&a, s[0]);
    u_close(&b, s[1]);
    u_close(&b, s[2]);
    u_close(&a, s[3]);
}


static void
test_kick(void)
{
    ngx_uint_t        i;
    ngx_sio_user_t    user;
    ngx_sio_handle_t  s[6], k[6];

    user = u_user("x", 2, 1);

    for (i = 0; i < 6; i++) {
        s[i] = u_session((i & 1) ? &a : &b, i < 4);
        zt_rc(u_connect((i & 1) ? &a : &b, s[i], user, NULL, 0, &k[i]),
              NGX_OK);
        zt_ok(u_size(&room) == ngx_min(i + 1, 2), "%lu there",
              (unsigned long) u_size(&room));

        if (i >= 2) {
            zt_rc(ngx_sio_member(&b.z, k[i - 2], &room), NGX_DECLINED);
            zt_ok(u_kicked((i & 1) ? &a : &b, s[i - 2]) == 1,
                  "%lu was not kicked", (unsigned long) i - 2);
        }
    }

    /* who was kicked is nobody else any more */

    zt_rc(ngx_sio_socket_identify(&a.z, k[0], &user), NGX_DONE);

    for (i = 0; i < 6; i++) {
        u_close((i & 1) ? &a : &b, s[i]);
    }
}


/* the limit was another one: the rest goes at once, in several sections */

static void
test_many(void)
{
    ngx_uint_t        i, n;
    ngx_sio_user_t    user;
    ngx_sio_handle_t  s[U_MANY + 2], k[U_MANY + 2];

    user = u_user("x", 0, 0);

    for (i = 0; i <= U_MANY; i++) {
        s[i] = u_session((i & 1) ? &a : &b, i & 2);
        zt_rc(u_connect((i & 1) ? &a : &b, s[i], user, NULL, 0, &k[i]),
              NGX_OK);
    }

    zt_ok(u_size(&room) == U_MANY + 1, "%lu there",
          (unsigned long) u_size(&room));

    s[i] = u_session(&a, 1);
    zt_rc(u_connect(&a, s[i], u_user("x", 3, 0), NULL, 0, &k[i]), NGX_AGAIN);
    zt_ok(u_size(&room) == U_MANY + 1, "%lu there",
          (unsigned long) u_size(&room));

    zt_rc(u_connect(&a, s[i], u_user("x", 3, 1), NULL, 0, &k[i]), NGX_OK);
    zt_ok(u_size(&room) == 3, "%lu there", (unsigned long) u_size(&room));

    for (n = 0; n < U_MANY + 2; n++) {
        zt_rc(ngx_sio_member(&a.z, k[n], &room),
              n >= U_MANY - 1 ? NGX_OK : NGX_DECLINED);
    }

    zt_check(&a.z);

    /* the same by identify */

    for (n = 0; n <= U_MANY; n++) {
        u_close((n & 1) ? &a : &b, s[n]);
    }

    for (n = 0; n < U_MANY; n++) {
        s[n] = u_session(&b, n & 1);
        zt_rc(u_connect(&b, s[n], user, NULL, 0, &k[n]), NGX_OK);
    }

    user = u_user("y", 0, 0);
    zt_rc(ngx_sio_socket_identify(&a.z, k[i], &user), NGX_OK);
    user = u_user("x", 1, 1);
    zt_rc(ngx_sio_socket_identify(&a.z, k[i], &user), NGX_OK);
    zt_rc(ngx_sio_member(&a.z, k[i], &room), NGX_OK);
    zt_ok(u_size(&room) == 1, "%lu there", (unsigned long) u_size(&room));

    u_close(&a, s[i]);

    for (n = 0; n < U_MANY; n++) {
        u_close(&b, s[n]);
    }
}


/* a member of another kind is no session of the user */

static void
test_others(void)
{
    ngx_sio_user_t    user;
    ngx_sio_handle_t  s[3], k[3];

    user = u_user("x", 1, 1);

    s[0] = u_session(&a, 1);
    s[1] = u_session(&b, 1);
    s[2] = u_session(&b, 0);

    zt_rc(u_connect(&a, s[0], u_user(NULL, 0, 0), &room, 1, &k[0]), NGX_OK);
    zt_rc(u_connect(&b, s[1], user, NULL, 0, &k[1]), NGX_OK);
    zt_rc(u_connect(&b, s[2], user, NULL, 0, &k[2]), NGX_OK);

    zt_rc(ngx_sio_member(&b.z, k[0], &room), NGX_OK);
    zt_rc(ngx_sio_member(&b.z, k[1], &room), NGX_DECLINED);
    zt_rc(ngx_sio_member(&b.z, k[2], &room), NGX_OK);

    u_close(&a, s[0]);
    u_close(&b, s[1]);
    u_close(&b, s[2]);
}


static const struct {
    const char  *name;
    void       (*test)(void);
} tests[] = {
    { "identify", test_identify },
    { "refuse", test_refuse },
    { "kick", test_kick },
    { "many", test_many },
    { "others", test_others }
};


int
zt_main(int argc, char **argv)
{
    zt_ready_t           r;
    ngx_uint_t           i;
    ngx_sio_limits_t     limits;
    ngx_sio_counters_t   first, c;

    zt_name = "zone_user_test";

    pool = ngx_create_pool(4096, &zt_log);
    zt_ok(pool, "no memory");

    zt_limits(&limits);
    limits.max_rooms = U_ROOMS;

    zt_zone_open(&zone, 2 * 1024 * 1024, &limits);
    zt_worker_init(&a, &zone, 0);
    zt_worker_init(&b, &zone, 1);
    a.receive = u_receive;
    b.receive = u_receive;

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

    zt_body_free(&body);
    zt_worker_cleanup(&a);
    zt_worker_cleanup(&b);
    zt_zone_close(&zone);
    ngx_destroy_pool(pool);

    return 0;
}
