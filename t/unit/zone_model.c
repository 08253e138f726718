
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "zone_model.h"


zt_zone_t       zone;
zt_worker_t     workers[M_WORKERS];
m_session_t     sessions[M_SESSIONS];
m_socket_t      sockets[M_SOCKETS];
uint32_t        ack_next[M_NSPS];
ngx_pool_t     *pool;
zt_body_t       body;
uint32_t        next_id;
ngx_msec_t      now;
uint64_t        nmessages, nreceived;
ngx_uint_t      verbose;

const char     *nsp_names[M_NSPS] = { "/", "/a", "/chat-of-the-day" };
ngx_str_t       nsps[M_NSPS];
ngx_str_t       rooms[M_ROOMS];


void
m_push(m_session_t *s, uint32_t id)
{
    if (s->npend == s->pend_size) {
        s->pend_size = s->pend_size ? 2 * s->pend_size : 64;
        s->pend = realloc(s->pend, s->pend_size * sizeof(uint32_t));
        zt_ok(s->pend, "no memory");
    }

    s->pend[s->npend++] = id;
}


void
m_shift(m_session_t *s, uint32_t id, const char *where)
{
    zt_ok(s->npend, "session %ld: %s: message %u is not expected",
          (long) (s - sessions), where, id);
    zt_ok(s->pend[0] == id, "session %ld: %s: message %u instead of %u",
          (long) (s - sessions), where, id, s->pend[0]);

    s->npend--;
    memmove(s->pend, s->pend + 1, s->npend * sizeof(uint32_t));
    nreceived++;
}


m_session_t *
m_by_handle(ngx_sio_handle_t h)
{
    ngx_uint_t  i;

    for (i = 0; i < M_SESSIONS; i++) {
        if (sessions[i].used && zt_handle_eq(sessions[i].h, h)) {
            return &sessions[i];
        }
    }

    return NULL;
}


m_socket_t *
m_socket_of(m_session_t *s, ngx_uint_t nsp)
{
    ngx_uint_t  i;

    for (i = 0; i < M_SOCKETS; i++) {
        if (sockets[i].used && &sessions[sockets[i].session] == s
            && sockets[i].nsp == nsp)
        {
            return &sockets[i];
        }
    }

    return NULL;
}


ngx_uint_t
m_in_room(m_socket_t *k, ngx_uint_t room)
{
    ngx_uint_t  i;

    for (i = 0; i < k->nrooms; i++) {
        if (k->rooms[i] == room) {
            return 1;
        }
    }

    return 0;
}


ngx_uint_t
m_room_size(ngx_uint_t nsp, ngx_uint_t room)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < M_SOCKETS; i++) {
        if (sockets[i].used && sockets[i].nsp == nsp
            && (room == M_ROOMS || m_in_room(&sockets[i], room)))
        {
            n++;
        }
    }

    return n;
}


/* is the socket meant by a name: of a room of it, or its id? */

ngx_uint_t
m_named(m_socket_t *k, const ngx_str_t *name)
{
    ngx_uint_t  i;

    if (name->len == NGX_SIO_ID_LEN
        && memcmp(name->data, k->id, NGX_SIO_ID_LEN) == 0)
    {
        return 1;
    }

    for (i = 0; i < k->nrooms; i++) {
        if (rooms[k->rooms[i]].len == name->len
            && memcmp(rooms[k->rooms[i]].data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


ngx_uint_t
m_target(m_socket_t *k, const ngx_sio_target_t *t)
{
    ngx_uint_t  i, to;

    if (!k->used
        || nsps[k->nsp].len != t->nsp.len
        || memcmp(nsps[k->nsp].data, t->nsp.data, t->nsp.len) != 0)
    {
        return 0;
    }

    to = t->all;

    for (i = 0; i < t->nto && !to; i++) {
        to = m_named(k, &t->to[i]);
    }

    for (i = 0; i < t->nexcept && to; i++) {
        to = !m_named(k, &t->except[i]);
    }

    return to && !zt_handle_eq(k->h, t->except_self);
}


/* who does the end-of-life work: who processes the input, else who was asked
   before, else this one */

void
m_assign(m_session_t *s, zt_worker_t *w)
{
    s->end_by = (s->post >= 0) ? s->post
                : (s->ws >= 0) ? s->ws
                : (s->end_by >= 0) ? s->end_by : (ngx_int_t) w->n;
}


void
m_closed(m_session_t *s, zt_worker_t *w, ngx_sio_reason_e reason,
    ngx_uint_t linger)
{
    zt_ok(!s->closing, "session %ld closed twice", (long) (s - sessions));

    s->closing = 1;
    s->reason = reason;
    s->linger = linger && s->ws < 0;
    m_assign(s, w);
    s->waits_post = 0;

    if (!s->linger && s->get < 0) {
        s->npend = 0;
    }

    zt_ok(ngx_sio_session_reason(&w->z, s->h) == reason,
          "session %ld has reason %d, not %d", (long) (s - sessions),
          (int) ngx_sio_session_reason(&w->z, s->h), (int) reason);
}


/* forgets a session whose record must be gone */

void
m_gone(m_session_t *s)
{
    zt_worker_t             *w;
    ngx_sio_session_info_t   info;

    if (!s->ended || s->ws >= 0 || s->get >= 0 || s->post >= 0 || s->cand >= 0
        || (s->linger && !s->last_get))
    {
        return;
    }

    w = &workers[zt_rand(M_WORKERS)];
    m_log("session %ld must be gone\n", s - sessions);
    zt_rc(ngx_sio_session_find(&w->z, s->sid, &info), NGX_DECLINED);
    zt_rc(ngx_sio_session_close(&w->z, s->h, NGX_SIO_FORCED_CLOSE, 0),
          NGX_DONE);

    m_log("  session %ld gone\n", (long) (s - sessions));
    s->used = 0;
}


void
m_batch(zt_worker_t *w, m_session_t *s, ngx_sio_batch_t *batch)
{
    size_t           len;
    uint32_t         id;
    ngx_int_t        rc;
    ngx_uint_t       n;
    ngx_sio_entry_t  e;

    n = 0;
    len = 0;

    zt_ok(batch->n == s->npend, "session %ld: a batch of %lu entries, not %lu",
          (long) (s - sessions), (unsigned long) batch->n,
          (unsigned long) s->npend);

    while ((rc = ngx_sio_batch_next(&w->z, batch, &e)) == NGX_OK) {
        zt_ok(e.type == NGX_SIO_ENTRY_MESSAGE, "an entry of type %d",
              (int) e.type);
        id = zt_body_id(&w->z, &e.body);
        len += e.body.len;
        m_shift(s, id, "in a batch");
        n++;
    }

    zt_ok(rc == NGX_DONE, "batch_next: %s", zt_rc_name(rc));
    zt_ok(s->npend == 0, "%lu entries are missing", (unsigned long) s->npend);
    zt_ok(len == batch->len, "%zu bytes, not %zu", len, batch->len);
}


void
m_receive(zt_worker_t *w, ngx_sio_handle_t session, ngx_sio_handle_t socket,
    ngx_sio_entry_t *e)
{
    uint32_t      id;
    ngx_uint_t    i;
    m_session_t  *s;

    id = zt_body_id(&w->z, &e->body);
    s = m_by_handle(session);

    if (s == NULL || s->closing) {
        return;
    }

    zt_ok(s->ws == (ngx_int_t) w->n, "message %u for session %ld came to "
          "worker %lu, not %ld", id, (long) (s - sessions),
          (unsigned long) w->n, (long) s->ws);

    m_shift(s, id, "by WebSocket");

    /* a socket that was removed meanwhile got it before */

    for (i = 0; socket.ref && i < M_SOCKETS; i++) {
        if (sockets[i].used && zt_handle_eq(sockets[i].h, socket)) {
            zt_ok(&sessions[sockets[i].session] == s, "message %u for a "
                  "socket of another session", id);
        }
    }
}


/* what the operations share */


zt_worker_t *
m_worker(void)
{
    return &workers[zt_rand(M_WORKERS)];
}


m_session_t *
m_session(void)
{
    ngx_uint_t   i, k;

    k = zt_rand(M_SESSIONS);

    for (i = 0; i < M_SESSIONS; i++) {
        if (sessions[(i + k) % M_SESSIONS].used) {
            return &sessions[(i + k) % M_SESSIONS];
        }
    }

    return NULL;
}


m_socket_t *
m_any_socket(void)
{
    ngx_uint_t  i, k;

    k = zt_rand(M_SOCKETS);

    for (i = 0; i < M_SOCKETS; i++) {
        if (sockets[(i + k) % M_SOCKETS].used) {
            return &sockets[(i + k) % M_SOCKETS];
        }
    }

    return NULL;
}


/* strings that follow from a number; 0 is the empty one */

ngx_str_t
m_string(uint32_t id)
{
    ngx_str_t      s;
    ngx_uint_t     i;
    static u_char  buf[4096];

    s.data = buf;
    s.len = id ? 1 + (id * 2654435761u) % ((id % 16) ? 100 : 4000) : 0;

    for (i = 0; i < s.len; i++) {
        buf[i] = (u_char) (id * 31 + i * 7);
    }

    return s;
}


void
m_string_is(const ngx_str_t *s, uint32_t id, const char *what)
{
    ngx_str_t  want;

    want = m_string(id);

    zt_ok(s->len == want.len
          && (s->len == 0 || memcmp(s->data, want.data, s->len) == 0),
          "%s: %zu bytes, not the %zu expected", what, s->len, want.len);
}


size_t
m_size(void)
{
    switch (zt_rand(20)) {
    case 0:
        return ZT_BODY_MIN + zt_rand(50000);
    case 1:
    case 2:
    case 3:
        return ZT_BODY_MIN + zt_rand(5000);
    default:
        return ZT_BODY_MIN + zt_rand(200);
    }
}


void
m_id(u_char *id)
{
    ngx_uint_t    i;
    static const u_char  abc[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP"
                                 "QRSTUVWXYZ0123456789-_";

    for (i = 0; i < NGX_SIO_ID_LEN; i++) {
        id[i] = abc[zt_rand(64)];
    }
}
