
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Random operations on sockets and rooms: connect, join, leave, emit, acks.
 */


#include "zone_model.h"


static uint64_t  births;


/* the worker that a session's input comes to */

zt_worker_t *
m_exec(m_session_t *s)
{
    return (s->post >= 0) ? &workers[s->post]
           : (s->ws >= 0) ? &workers[s->ws] : m_worker();
}


void
op_connect(void)
{
    size_t                    len;
    ngx_int_t                 rc, want;
    ngx_str_t                 names[4];
    ngx_uint_t                i, nsp, max[4], list[4], n, full;
    m_session_t              *s;
    m_socket_t               *k, *old;
    zt_worker_t              *w;
    ngx_sio_handle_t          h;
    ngx_sio_socket_params_t   p;
    u_char                    auth[4096], data[4096];

    s = m_session();

    if (s == NULL || s->closing) {
        return;
    }

    w = m_exec(s);
    nsp = zt_rand(M_NSPS);
    old = m_socket_of(s, nsp);

    for (i = 0; i < M_SOCKETS && sockets[i].used; i++) { /* void */ }
    k = &sockets[i];

    memset(&p, 0, sizeof(p));
    n = zt_rand(4);
    full = 0;

    for (i = 0; i < n; i++) {
        list[i] = (i * 3 + zt_rand(3)) % M_ROOMS;
        names[i] = rooms[list[i]];
        max[i] = zt_rand(4) ? 0 : 1 + zt_rand(5);

        if (max[i] && m_room_size(nsp, list[i]) >= max[i]) {
            full = 1;
        }
    }

    p.nsp = nsps[nsp];
    m_id(p.id);
    p.rooms = names;
    p.max = max;
    p.nrooms = n;

    next_id++;

    memset(k, 0, sizeof(m_socket_t));
    k->auth = zt_rand(100);
    k->data = zt_rand(100);

    p.auth = m_string(k->auth);
    p.auth.data = memcpy(auth, p.auth.data, p.auth.len);
    p.data = m_string(k->data);
    p.data.data = memcpy(data, p.data.data, p.data.len);

    len = ZT_BODY_MIN + zt_rand(100);
    zt_body(&body, next_id, len);

    want = old ? NGX_ERROR : full ? NGX_DECLINED : NGX_OK;

    if (want == NGX_OK) {
        m_push(s, next_id);
    }

    w->connecting = s->h;
    rc = ngx_sio_socket_connect(&w->z, s->h, &p, &body.body, &h);
    w->connecting.ref = 0;

    m_log("worker %lu: session %ld connects to %s, message %u: %s\n", w->n,
          s - sessions, nsp_names[nsp], next_id, zt_rc_name(rc));

    zt_ok(rc == want, "connect: %s, not %s", zt_rc_name(rc),
          zt_rc_name(want));

    if (rc != NGX_OK) {
        return;
    }

    if (m_room_size(nsp, M_ROOMS) == 0) {
        ack_next[nsp] = 0;
    }

    k->used = 1;
    k->h = h;
    memcpy(k->id, p.id, NGX_SIO_ID_LEN);
    k->session = s - sessions;
    k->nsp = nsp;
    k->nrooms = n;
    memcpy(k->rooms, list, sizeof(list));
    k->born = births++;
    s->joined = 1;
}


void
m_socket_remove(zt_worker_t *w, m_socket_t *k)
{
    ngx_int_t     rc;
    ngx_uint_t    i;
    m_session_t  *s;

    s = &sessions[k->session];
    m_log("worker %lu: session %ld leaves %s\n", w->n, s - sessions,
          nsp_names[k->nsp]);

    for (i = 0; i < 100; i++) {
        rc = ngx_sio_socket_remove(&w->z, k->h);

        if (rc != NGX_AGAIN) {
            break;
        }
    }

    zt_ok(rc == NGX_OK, "socket_remove: %s", zt_rc_name(rc));
    k->used = 0;

    zt_rc(ngx_sio_socket_remove(&m_worker()->z, k->h), NGX_DONE);
}


void
op_socket_remove(void)
{
    m_socket_t  *k;

    k = m_any_socket();

    if (k && zt_rand(2)) {

        /* its own worker, or another one's bulk operation */

        m_socket_remove(zt_rand(2) ? m_exec(&sessions[k->session])
                                   : m_worker(), k);
    }
}


void
op_kick(void)
{
    ngx_uint_t    close;
    m_socket_t   *k;
    m_session_t  *s;
    zt_worker_t  *w;

    w = m_worker();
    k = m_any_socket();

    if (k == NULL) {
        return;
    }

    s = &sessions[k->session];
    close = (zt_rand(3) == 0);

    m_log("worker %lu: kicks session %ld from %s\n", w->n, s - sessions,
          nsp_names[k->nsp]);

    zt_rc(ngx_sio_socket_kick(&w->z, k->h, close),
          s->closing ? NGX_DONE : NGX_OK);

    if (!s->closing) {
        k->kicked = ngx_max(k->kicked, 1 + close);
        k->muted = 1;
        m_assign(s, w);
    }
}


void
op_join(void)
{
    ngx_int_t     rc, want;
    ngx_str_t     names[4];
    ngx_uint_t    i, k, n, max[4], list[4], with_max;
    m_socket_t   *m;
    zt_worker_t  *w;

    m = m_any_socket();

    if (m == NULL) {
        return;
    }

    w = m_worker();
    n = 1 + zt_rand(3);
    with_max = zt_rand(2);
    want = NGX_OK;

    for (i = 0; i < n; i++) {
        list[i] = zt_rand(M_ROOMS);
        names[i] = rooms[list[i]];
        max[i] = zt_rand(3) ? 0 : 1 + zt_rand(8);

        if (with_max && max[i] && !m_in_room(m, list[i])
            && m_room_size(m->nsp, list[i]) >= max[i])
        {
            for (k = 0; k < i; k++) {
                if (list[k] == list[i]) {
                    break;
                }
            }

            want = (k == i) ? NGX_DECLINED : want;
        }
    }

    rc = ngx_sio_join(&w->z, m->h, names, with_max ? max : NULL, n);
    m_log("worker %lu: session %lu joins %lu.. in %s: %s\n", w->n, m->session,
          list[0], nsp_names[m->nsp], zt_rc_name(rc));

    if (sessions[m->session].closing && rc == NGX_DONE) {
        return;
    }

    zt_ok(rc == want, "join: %s, not %s", zt_rc_name(rc), zt_rc_name(want));

    for (i = 0; i < n && rc == NGX_OK; i++) {
        if (!m_in_room(m, list[i])) {
            m->rooms[m->nrooms++] = list[i];
        }
    }
}


void
op_leave(void)
{
    ngx_int_t     rc;
    ngx_str_t     names[4];
    ngx_uint_t    i, j, n, list[4];
    m_socket_t   *m;
    zt_worker_t  *w;

    m = m_any_socket();

    if (m == NULL) {
        return;
    }

    w = m_worker();
    n = 1 + zt_rand(3);

    for (i = 0; i < n; i++) {
        list[i] = zt_rand(M_ROOMS);
        names[i] = rooms[list[i]];
    }

    rc = ngx_sio_leave(&w->z, m->h, names, n);
    m_log("worker %lu: session %lu leaves %lu.. of %s: %s\n", w->n, m->session,
          list[0], nsp_names[m->nsp], zt_rc_name(rc));

    if (sessions[m->session].closing && rc == NGX_DONE) {
        return;
    }

    zt_ok(rc == NGX_OK, "leave: %s", zt_rc_name(rc));

    for (i = 0; i < n; i++) {
        for (j = 0; j < m->nrooms; j++) {
            if (m->rooms[j] == list[i]) {
                m->nrooms--;
                memmove(&m->rooms[j], &m->rooms[j + 1],
                        (m->nrooms - j) * sizeof(m->rooms[0]));
                break;
            }
        }
    }
}


/* the rooms of each namespace, page by page, are those that have members */

static void
look_rooms(zt_worker_t *w)
{
    uint64_t              cursor;
    ngx_uint_t            i, k, n, room, pages, seen[M_ROOMS];
    ngx_sio_room_info_t  *page;

    for (i = 0; i < M_NSPS; i++) {

        memset(seen, 0, sizeof(seen));
        cursor = 0;
        pages = 0;

        do {
            zt_rc(ngx_sio_rooms(&w->z, &nsps[i], &cursor, 2, pool, &page, &n),
                  NGX_OK);
            zt_ok(n <= 2, "%lu rooms on a page", (unsigned long) n);
            zt_ok(pages++ < 1000, "pages without end");

            for (k = 0; k < n; k++) {

                for (room = 0; room < M_ROOMS; room++) {
                    if (page[k].name.len == rooms[room].len
                        && memcmp(page[k].name.data, rooms[room].data,
                                  rooms[room].len) == 0)
                    {
                        break;
                    }
                }

                zt_ok(room < M_ROOMS && !seen[room], "a room not known, or "
                      "twice");
                zt_ok(page[k].size == m_room_size(i, room),
                      "room %lu has %lu, not %lu", (unsigned long) room,
                      (unsigned long) page[k].size,
                      (unsigned long) m_room_size(i, room));
                seen[room] = 1;
            }

        } while (cursor);

        for (room = 0; room < M_ROOMS; room++) {
            zt_ok(seen[room] == (m_room_size(i, room) != 0),
                  "room %lu is missing", (unsigned long) room);
        }
    }
}


void
op_look(void)
{
    ngx_int_t               rc;
    ngx_str_t              *names, id, str;
    ngx_uint_t              i, n, size, room, want;
    m_socket_t             *m;
    zt_worker_t            *w;
    ngx_sio_handle_t        h;
    ngx_sio_socket_info_t   info, *infos;

    w = m_worker();

    for (i = 0; i < M_NSPS; i++) {
        for (room = 0; room <= M_ROOMS; room++) {
            rc = ngx_sio_room_size(&w->z, &nsps[i],
                                   room < M_ROOMS ? &rooms[room] : NULL,
                                   &size);
            want = m_room_size(i, room);
            zt_ok((rc == NGX_OK && size == want)
                  || (rc == NGX_DECLINED && want == 0),
                  "%s: size of %s, room %lu is %lu, not %lu",
                  zt_rc_name(rc), nsp_names[i], (unsigned long) room,
                  (unsigned long) size, (unsigned long) want);
        }
    }

    look_rooms(w);

    m = m_any_socket();

    if (m == NULL) {
        return;
    }

    id.len = NGX_SIO_ID_LEN;
    id.data = m->id;

    zt_rc(ngx_sio_room_size(&w->z, &nsps[m->nsp], &id, &size), NGX_OK);
    zt_ok(size == 1, "%lu sockets with an id", (unsigned long) size);
    zt_rc(ngx_sio_member(&w->z, m->h, &id), NGX_OK);

    for (room = 0; room < M_ROOMS; room++) {
        zt_rc(ngx_sio_member(&w->z, m->h, &rooms[room]),
              m_in_room(m, room) ? NGX_OK : NGX_DECLINED);
    }

    zt_rc(ngx_sio_socket_rooms(&w->z, m->h, pool, &names, &n), NGX_OK);
    zt_ok(n == m->nrooms + 1, "%lu rooms, not %lu", (unsigned long) n,
          (unsigned long) m->nrooms + 1);
    zt_ok(names[0].len == id.len && memcmp(names[0].data, id.data, id.len)
          == 0, "the first room is not the id");

    for (i = 1; i < n; i++) {
        zt_ok(names[i].len == rooms[m->rooms[i - 1]].len
              && memcmp(names[i].data, rooms[m->rooms[i - 1]].data,
                        names[i].len) == 0, "room %lu is another one",
              (unsigned long) i);
    }

    zt_rc(ngx_sio_socket_info(&w->z, m->h, pool, &info, &h), NGX_OK);
    zt_ok(zt_handle_eq(h, sessions[m->session].h), "another session");
    zt_ok(zt_handle_eq(info.socket, m->h), "another handle");
    zt_ok(info.id.len == NGX_SIO_ID_LEN
          && memcmp(info.id.data, m->id, NGX_SIO_ID_LEN) == 0, "another id");
    zt_ok(info.nsp.len == nsps[m->nsp].len
          && memcmp(info.nsp.data, nsps[m->nsp].data, info.nsp.len) == 0,
          "another namespace");

    zt_rc(ngx_sio_session_sockets(&w->z, h, pool, &infos, &n), NGX_OK);

    for (i = 0, want = 0; i < M_NSPS; i++) {
        want += m_socket_of(&sessions[m->session], i) != NULL;
    }

    zt_ok(n == want, "%lu sockets, not %lu", (unsigned long) n,
          (unsigned long) want);

    zt_rc(ngx_sio_socket_data(&w->z, m->h, pool, &str), NGX_OK);
    m_string_is(&str, m->data, "data");
    zt_rc(ngx_sio_socket_auth(&w->z, m->h, pool, &str), NGX_OK);
    m_string_is(&str, m->auth, "auth");

    if (zt_rand(2)) {
        size = zt_rand(1000);
        str = m_string(size);
        rc = ngx_sio_socket_set_data(&w->z, m->h, &str);

        zt_ok(rc == NGX_OK
              || (rc == NGX_DONE && sessions[m->session].closing),
              "set_data: %s", zt_rc_name(rc));

        m->data = (rc == NGX_OK) ? size : m->data;
    }
}


/* fills a target; names has room for 6 */

static void
m_make_target(ngx_sio_target_t *t, ngx_str_t *names)
{
    ngx_uint_t   i, n;
    m_socket_t  *m;

    memset(t, 0, sizeof(ngx_sio_target_t));

    t->nsp = nsps[zt_rand(M_NSPS)];
    t->all = (zt_rand(4) == 0);
    t->nto = t->all ? 0 : 1 + zt_rand(3);
    t->nexcept = zt_rand(3) ? 0 : 1 + zt_rand(3);
    t->to = names;
    t->except = names + 3;

    for (i = 0; i < 6; i++) {
        m = m_any_socket();

        if (m && zt_rand(3) == 0) {
            names[i].len = NGX_SIO_ID_LEN;
            names[i].data = m->id;

        } else {
            names[i] = rooms[zt_rand(M_ROOMS)];
        }
    }

    m = m_any_socket();

    if (m && zt_rand(3) == 0) {
        n = m->nsp;
        t->nsp = nsps[n];
        t->except_self = m->h;
    }
}


void
op_emit(void)
{
    ngx_int_t        rc;
    ngx_str_t        names[6];
    ngx_uint_t       i, receivers, want, exact, nsp;
    uint32_t         ack;
    m_socket_t      *k;
    m_session_t     *s;
    zt_worker_t     *w;
    ngx_sio_emit_t   emit;
    u_char           name[64];

    w = m_worker();
    memset(&emit, 0, sizeof(emit));
    m_make_target(&emit.target, names);

    next_id++;
    nmessages++;
    zt_body(&body, next_id, m_size());
    emit.body = body.body;
    emit.flags = (zt_rand(6) == 0) ? NGX_SIO_VOLATILE : 0;

    ack = 0;

    for (nsp = 0; nsps[nsp].len != emit.target.nsp.len; nsp++) { /* void */ }

    if (zt_rand(6) == 0) {
        rc = ngx_sio_ack_id(&w->z, &emit.target.nsp, &ack);

        if (m_room_size(nsp, M_ROOMS) == 0) {
            zt_ok(rc == NGX_DECLINED, "ack id: %s", zt_rc_name(rc));

        } else {
            zt_ok(rc == NGX_OK, "ack id: %s", zt_rc_name(rc));
            zt_ok(ack == ack_next[nsp], "ack id %u, not %u", ack,
                  ack_next[nsp]);
            ack_next[nsp]++;

            emit.ack_name.data = name;
            emit.ack_name.len = sprintf((char *) name, "ack-%u", ack);
        }
    }

    want = 0;
    exact = 1;

    for (i = 0; i < M_SOCKETS; i++) {
        k = &sockets[i];
        s = &sessions[k->session];

        if (!m_target(k, &emit.target)) {
            continue;
        }

        if (s->closing || k->muted) {
            exact = 0;
            continue;
        }

        if (s->ws < 0 && (emit.flags & NGX_SIO_VOLATILE)
            && (s->get < 0 || s->npend))
        {
            continue;
        }

        if (s->ws < 0 && emit.ack_name.len) {
            zt_ok(k->nacks < 64, "too many acks");
            k->acks[k->nacks++] = ack;
        }

        m_push(s, next_id);

        if (s->ws != (ngx_int_t) w->n) {
            want++;
        }
    }

    rc = ngx_sio_emit(&w->z, &emit, ack, &receivers);

    m_log("worker %lu: emit %u to %lu%s in %s: %s\n", w->n, next_id,
          emit.target.nto, emit.target.nexcept ? " except" : "",
          nsp_names[nsp], zt_rc_name(rc));

    zt_ok(rc == NGX_OK, "emit: %s", zt_rc_name(rc));
    zt_ok(!exact || receivers == want, "%lu receivers, not %lu",
          (unsigned long) receivers, (unsigned long) want);
}


void
op_select(void)
{
    ngx_str_t          names[6];
    ngx_uint_t         i, j, n, total, want, max;
    zt_worker_t       *w;
    ngx_sio_handle_t  *handles;
    ngx_sio_target_t   t;

    w = m_worker();
    m_make_target(&t, names);
    want = 0;

    for (i = 0; i < M_SOCKETS; i++) {
        want += m_target(&sockets[i], &t);
    }

    max = zt_rand(3) ? 1000 : 1 + zt_rand(5);

    zt_rc(ngx_sio_select(&w->z, &t, max, pool, &handles, &n, &total), NGX_OK);
    zt_ok(total == want, "%lu selected, not %lu", (unsigned long) total,
          (unsigned long) want);
    zt_ok(n == ngx_min(max, want), "%lu returned of %lu", (unsigned long) n,
          (unsigned long) want);

    for (i = 0; i < n; i++) {
        for (j = 0; j < i; j++) {
            zt_ok(!zt_handle_eq(handles[i], handles[j]), "selected twice");
        }

        for (j = 0; j < M_SOCKETS; j++) {
            if (sockets[j].used && zt_handle_eq(sockets[j].h, handles[i])) {
                zt_ok(m_target(&sockets[j], &t), "selected, not a target");
                break;
            }
        }

        zt_ok(j < M_SOCKETS, "selected is unknown");
    }
}


void
op_ack(void)
{
    char         name[64];
    ngx_int_t    rc;
    ngx_str_t    str;
    uint32_t     id;
    ngx_uint_t   i;
    m_socket_t  *k;

    k = m_any_socket();

    if (k == NULL || k->nacks == 0 || sessions[k->session].closing) {
        return;
    }

    i = zt_rand(k->nacks);
    id = k->acks[i];
    sprintf(name, "ack-%u", id);
    k->acks[i] = k->acks[--k->nacks];

    zt_rc(ngx_sio_ack_answer(&m_worker()->z, k->h, id, pool, &str), NGX_OK);
    zt_ok(str.len == strlen(name) && memcmp(str.data, name, str.len) == 0,
          "name of the ack is %.*s, not %s", (int) str.len, str.data, name);

    rc = ngx_sio_ack_answer(&m_worker()->z, k->h, id, pool, &str);
    zt_ok(rc == NGX_DECLINED, "the ack once more: %s", zt_rc_name(rc));
}
