
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Engine.IO v3 and Socket.IO v4 in the zone: a session that pings, requests
 * of the other protocol, and ids with a namespace in front.
 */


#include "zone_steps.h"


static ngx_str_t  custom = ngx_string("/custom");


static void
v3_create(zt_worker_t *w, t_session_t *s)
{
    ngx_sio_session_params_t  p;

    memset(s, 0, sizeof(t_session_t));
    memset(&p, 0, sizeof(p));
    t_id(p.sid, "sess");
    memcpy(s->sid, p.sid, NGX_SIO_ID_LEN);
    p.form = NGX_SIO_FORM_EIO3 | 0x42;
    p.ping_timeout = T_INTERVAL + T_TIMEOUT;

    zt_rc(ngx_sio_session_create(&w->z, &p, now, &s->h), NGX_OK);
}


/* as a client's packets are: its sid, in other namespaces behind their name */

static void
v3_connect(zt_worker_t *w, t_session_t *s, const ngx_str_t *where,
    ngx_sio_handle_t *socket)
{
    ngx_sio_socket_params_t  p;

    memset(&p, 0, sizeof(p));
    p.nsp = *where;
    p.prefixed = where->len > 1;
    memcpy(p.id, s->sid, NGX_SIO_ID_LEN);

    zt_rc(ngx_sio_socket_connect(&w->z, s->h, &p, NULL, socket), NGX_OK);
}


static ngx_str_t
v3_id(const ngx_str_t *where, const t_session_t *s)
{
    static u_char  text[64];
    ngx_str_t      id;

    id.data = text;
    id.len = 0;

    if (where) {
        memcpy(text, where->data, where->len);
        id.len = where->len;
        text[id.len++] = '#';
    }

    memcpy(text + id.len, s->sid, NGX_SIO_ID_LEN);
    id.len += NGX_SIO_ID_LEN;

    return id;
}


/* the client pings, the answer is an entry; without a ping it is closed */

static void
test_heartbeat(void)
{
    t_session_t             s;
    ngx_sio_batch_t         batch;
    ngx_sio_request_t       rq;
    ngx_sio_session_info_t  info;

    v3_create(&a, &s);

    zt_rc(ngx_sio_session_find(&b.z, s.sid, &info), NGX_OK);
    zt_ok(info.form == (NGX_SIO_FORM_EIO3 | 0x42), "form %x", info.form);
    zt_ok(memcmp(info.sid, s.sid, NGX_SIO_ID_LEN) == 0, "another sid");

    zt_rc(ngx_sio_get_open(&b.z, s.sid, info.form, now, &rq), NGX_AGAIN);
    zt_ok(rq.ping_at == now + T_INTERVAL + T_TIMEOUT, "due in %ld ms",
          (long) (rq.ping_at - now));

    t_pass(&a, T_INTERVAL + T_TIMEOUT - 2000);
    t_calm(&b);

    zt_rc(ngx_sio_session_pong(&a.z, s.h, now), NGX_OK);
    t_woken(&b, &s, NGX_SIO_ROLE_GET, NGX_SIO_WAKE_DATA);
    zt_rc(ngx_sio_get_take(&b.z, s.h, rq.gen, 0, now, &batch), NGX_OK);
    t_batch(&b, &batch, 0, 1, 0);

    /* each one is answered */

    zt_rc(ngx_sio_session_pong(&a.z, s.h, now), NGX_OK);
    zt_rc(ngx_sio_session_send(&a.z, s.h, t_body(1, 20), 0), NGX_OK);
    zt_rc(ngx_sio_session_pong(&b.z, s.h, now), NGX_OK);
    zt_rc(ngx_sio_get_open(&a.z, s.sid, info.form, now, &rq), NGX_OK);
    t_batch(&a, &rq.batch, 1, 2, 0);

    /* another packet is no ping */

    t_pass(&a, T_INTERVAL + T_TIMEOUT - 1000);
    zt_rc(ngx_sio_session_alive(&a.z, s.h, now), NGX_OK);
    t_reason(&s, NGX_SIO_REASON_NONE);
    t_pass(&a, 1500);
    t_reason(&s, NGX_SIO_PING_TIMEOUT);
    t_end(&a, &s);
    t_gone(&s);

    zt_rc(ngx_sio_session_pong(&a.z, s.h, now), NGX_DONE);
}


/* answers that nobody fetches have the limit of a queue */

static void
test_flood(void)
{
    ngx_uint_t        i;
    t_session_t       s;
    ngx_sio_limits_t  limits;

    limits = zone.limits;
    limits.max_queue = 10;
    zt_rc(ngx_sio_zone_configure(zone.root, &limits, &zt_log), NGX_OK);

    v3_create(&a, &s);

    for (i = 0; i < 10; i++) {
        zt_rc(ngx_sio_session_pong(&a.z, s.h, now), NGX_OK);
    }

    t_reason(&s, NGX_SIO_REASON_NONE);
    zt_rc(ngx_sio_session_pong(&a.z, s.h, now), NGX_OK);
    t_reason(&s, NGX_SIO_TRANSPORT_ERROR);
    zt_rc(ngx_sio_session_pong(&a.z, s.h, now), NGX_DONE);

    t_end(&a, &s);
    t_gone(&s);

    zt_rc(ngx_sio_zone_configure(zone.root, &zone.limits, &zt_log), NGX_OK);
}


/* Engine.IO, PROTOCOL_MISMATCH: the session does not notice */

static void
test_protocol(void)
{
    t_session_t        s, k;
    ngx_sio_request_t  rq;

    v3_create(&a, &s);
    t_create(&a, &k, 0);

    zt_rc(ngx_sio_get_open(&a.z, s.sid, 0, now, &rq), NGX_ERROR);
    zt_rc(ngx_sio_post_open(&a.z, s.sid, 0x42, now, pool, &rq), NGX_ERROR);
    zt_rc(ngx_sio_get_open(&a.z, k.sid, NGX_SIO_FORM_EIO3, now, &rq),
          NGX_ERROR);
    zt_rc(ngx_sio_post_open(&a.z, k.sid, NGX_SIO_FORM_EIO3, now, pool, &rq),
          NGX_ERROR);

    /* the other bits are nobody's business */

    zt_rc(ngx_sio_post_open(&a.z, s.sid, NGX_SIO_FORM_EIO3, now, pool, &rq),
          NGX_OK);
    zt_rc(ngx_sio_post_close(&a.z, s.h, rq.gen, NULL), NGX_OK);
    zt_rc(ngx_sio_post_open(&a.z, k.sid, 0x42, now, pool, &rq), NGX_OK);
    zt_rc(ngx_sio_post_close(&a.z, k.h, rq.gen, NULL), NGX_OK);

    t_kill(&a, &s);
    t_kill(&a, &k);
}


/* two sockets of one session have its id, told apart by the prefix */

static void
test_ids(void)
{
    ngx_str_t               id, room, *rooms;
    ngx_uint_t              n, total, size;
    t_session_t             s, k;
    ngx_sio_target_t        target;
    ngx_sio_handle_t        root, socket, other, session, *handles;
    ngx_sio_socket_info_t   info, *infos;

    v3_create(&a, &s);
    v3_create(&a, &k);
    v3_connect(&a, &s, &nsp, &root);
    v3_connect(&a, &s, &custom, &socket);
    v3_connect(&a, &k, &custom, &other);

    zt_rc(ngx_sio_socket_info(&b.z, root, pool, &info, &session), NGX_OK);
    zt_ok(info.id.len == NGX_SIO_ID_LEN
          && memcmp(info.id.data, s.sid, NGX_SIO_ID_LEN) == 0, "another id");

    zt_rc(ngx_sio_session_sockets(&b.z, s.h, pool, &infos, &n), NGX_OK);
    id = v3_id(&custom, &s);
    zt_ok(n == 2 && infos[1].id.len == id.len
          && memcmp(infos[1].id.data, id.data, id.len) == 0
          && infos[1].nsp.len == custom.len
          && memcmp(infos[1].nsp.data, custom.data, custom.len) == 0,
          "another id or namespace");

    zt_rc(ngx_sio_socket_rooms(&b.z, socket, pool, &rooms, &n), NGX_OK);
    zt_ok(n == 1 && rooms[0].len == id.len
          && memcmp(rooms[0].data, id.data, id.len) == 0, "another room");

    /* each is in the room of its own id, and no other */

    zt_rc(ngx_sio_member(&b.z, socket, &id), NGX_OK);
    zt_rc(ngx_sio_member(&b.z, root, &id), NGX_DECLINED);
    zt_rc(ngx_sio_member(&b.z, other, &id), NGX_DECLINED);
    id = v3_id(NULL, &s);
    zt_rc(ngx_sio_member(&b.z, root, &id), NGX_OK);
    zt_rc(ngx_sio_member(&b.z, socket, &id), NGX_DECLINED);
    id = v3_id(&nsp, &s);
    zt_rc(ngx_sio_member(&b.z, root, &id), NGX_DECLINED);

    /* a name is an id in one namespace only */

    memset(&target, 0, sizeof(target));
    target.to = &room;
    target.nto = 1;

    room = v3_id(&custom, &s);
    target.nsp = custom;
    zt_rc(ngx_sio_select(&b.z, &target, 8, pool, &handles, &n, &total),
          NGX_OK);
    zt_ok(n == 1 && zt_handle_eq(handles[0], socket), "another socket");
    zt_rc(ngx_sio_room_size(&b.z, &custom, &room, &size), NGX_OK);
    zt_ok(size == 1, "size %lu", (unsigned long) size);

    target.nsp = nsp;
    zt_rc(ngx_sio_select(&b.z, &target, 8, pool, &handles, &n, &total),
          NGX_OK);
    zt_ok(n == 0, "found in another namespace");

    room = v3_id(NULL, &s);
    zt_rc(ngx_sio_select(&b.z, &target, 8, pool, &handles, &n, &total),
          NGX_OK);
    zt_ok(n == 1 && zt_handle_eq(handles[0], root), "another socket");

    target.nsp = custom;
    zt_rc(ngx_sio_select(&b.z, &target, 8, pool, &handles, &n, &total),
          NGX_OK);
    zt_ok(n == 0, "found without its prefix");

    /* what looks like one */

    room.len = 0;
    zt_rc(ngx_sio_select(&b.z, &target, 8, pool, &handles, &n, &total),
          NGX_OK);
    zt_ok(n == 0, "found by an empty name");

    room = v3_id(&custom, &s);
    room.data += custom.len;
    room.len -= custom.len;
    zt_rc(ngx_sio_select(&b.z, &target, 8, pool, &handles, &n, &total),
          NGX_OK);
    zt_ok(n == 0, "found without a namespace");

    room = v3_id(&custom, &s);
    room.data[custom.len] = '!';
    zt_rc(ngx_sio_select(&b.z, &target, 8, pool, &handles, &n, &total),
          NGX_OK);
    zt_ok(n == 0, "found without the \"#\"");

    /* joining it changes nothing, and it is twice in one namespace never */

    id = v3_id(&custom, &s);
    zt_rc(ngx_sio_join(&b.z, socket, &id, NULL, 1), NGX_OK);
    zt_rc(ngx_sio_socket_rooms(&b.z, socket, pool, &rooms, &n), NGX_OK);
    zt_ok(n == 1, "%lu rooms", (unsigned long) n);

    zt_rc(ngx_sio_socket_remove(&a.z, socket), NGX_OK);
    v3_connect(&a, &s, &custom, &socket);
    zt_check(&a.z);

    t_kill(&a, &s);
    t_kill(&a, &k);
}


static const t_test_t  tests[] = {
    { "heartbeat", test_heartbeat },
    { "flood", test_flood },
    { "protocol", test_protocol },
    { "ids", test_ids }
};


int
zt_main(int argc, char **argv)
{
    return t_run("zone_eio3_test", tests, sizeof(tests) / sizeof(tests[0]));
}
