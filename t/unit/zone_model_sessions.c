
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Random operations on sessions: handshake, GET, POST, upgrade, close.
 */


#include "zone_model.h"


void
op_create(void)
{
    u_char                    address[NGX_SIO_ADDRESS_LEN];
    ngx_uint_t                i, n;
    ngx_str_t                 info;
    zt_worker_t              *w;
    m_session_t              *s;
    ngx_sio_handle_t          h;
    ngx_sio_session_params_t  p;

    for (i = 0; i < M_SESSIONS && sessions[i].used; i++) { /* void */ }

    if (i == M_SESSIONS) {
        return;
    }

    w = m_worker();
    s = &sessions[i];

    free(s->pend);
    memset(s, 0, sizeof(m_session_t));

    s->info = zt_rand(1000);
    s->location = zt_rand(1000);
    m_id(s->sid);

    info = m_string(s->info);

    memset(&p, 0, sizeof(p));
    memcpy(p.sid, s->sid, NGX_SIO_ID_LEN);
    p.location = s->location;
    p.websocket = zt_rand(2);
    p.ping_interval = 100000000;
    p.ping_timeout = 100000000;
    p.connect_timeout = 100000000;
    p.info = info;

    s->ws = p.websocket ? (ngx_int_t) w->n : -1;
    s->get = s->post = s->cand = s->end_by = -1;

    s->address = zt_rand(4);

    if (s->address) {
        memset(address, s->address, sizeof(address));
        p.address = address;
    }

    for (i = 0, n = 0; i < M_SESSIONS; i++) {
        n += (sessions[i].used && sessions[i].address == s->address);
    }

    if (s->address && n == M_ADDRESS) {
        zt_rc(ngx_sio_session_create(&w->z, &p, now, &h), NGX_DECLINED);
        m_log("worker %lu: address %u has enough\n", w->n, s->address);
        return;
    }

    zt_rc(ngx_sio_session_create(&w->z, &p, now, &h), NGX_OK);
    zt_ok(m_by_handle(h) == NULL, "a handle is given twice");
    s->h = h;
    s->used = 1;

    m_log("worker %lu: session %ld created, %s\n", w->n, s - sessions,
          s->ws < 0 ? "polling" : "websocket");

    zt_rc(ngx_sio_session_create(&workers[zt_rand(M_WORKERS)].z, &p, now, &h),
          NGX_ERROR);
}


void
op_find(void)
{
    ngx_str_t                str;
    m_session_t             *s;
    zt_worker_t             *w;
    ngx_sio_session_info_t   info;

    w = m_worker();
    s = m_session();

    if (s == NULL || s->ended) {
        return;
    }

    if (s->closing && (!s->linger || s->last_get)) {
        zt_rc(ngx_sio_session_find(&w->z, s->sid, &info), NGX_DECLINED);
        return;
    }

    zt_rc(ngx_sio_session_find(&w->z, s->sid, &info), NGX_OK);
    zt_ok(zt_handle_eq(info.session, s->h), "another handle");
    zt_ok(info.location == s->location, "another location");
    zt_ok(info.websocket == (s->ws >= 0), "websocket is %u", info.websocket);
    zt_ok(info.closing == s->closing, "closing is %u", info.closing);
    zt_ok(info.joined == s->joined, "joined is %u", info.joined);
    zt_ok(s->closing || info.upgrading == (s->cand >= 0), "upgrading is %u",
          info.upgrading);

    zt_rc(ngx_sio_session_params(&w->z, s->h, pool, &str), NGX_OK);
    m_string_is(&str, s->info, "session info");
}


/* what is queued comes by itself, the close packet in the answer after it */

static void
m_last_batch(zt_worker_t *w, m_session_t *s, ngx_sio_batch_t *batch)
{
    zt_ok(batch->close == (s->npend == 0), "session %ld: close is %u, with "
          "%lu queued", (long) (s - sessions), batch->close,
          (unsigned long) s->npend);

    s->last_get = batch->close;
    m_batch(w, s, batch);
    m_gone(s);
}


void
op_get(void)
{
    ngx_int_t           rc;
    zt_worker_t        *w;
    m_session_t        *s;
    ngx_sio_request_t   rq;

    w = m_worker();
    s = m_session();

    if (s == NULL) {
        return;
    }

    rc = ngx_sio_get_open(&w->z, s->sid, 0, now, &rq);
    m_log("worker %lu: session %ld GET: %s\n", w->n, s - sessions,
          zt_rc_name(rc));

    if (s->closing) {

        /* the last one of a lingering session, or unknown */

        if (rc == NGX_OK && s->ws < 0 && s->get < 0) {
            m_last_batch(w, s, &rq.batch);
            return;
        }

        zt_ok(rc == NGX_DECLINED || (rc == NGX_ERROR && s->ws >= 0),
              "GET of a closed session: %s", zt_rc_name(rc));
        zt_ok(!s->linger || s->last_get || s->get >= 0, "lingers, and has no "
              "last GET");
        return;
    }

    if (s->ws >= 0) {
        zt_ok(rc == NGX_ERROR, "GET of a WebSocket: %s", zt_rc_name(rc));
        return;
    }

    if (s->get >= 0) {
        zt_ok(rc == NGX_BUSY, "GET in a GET: %s", zt_rc_name(rc));
        m_closed(s, w, NGX_SIO_TRANSPORT_ERROR, 0);
        return;
    }

    if (s->npend) {
        zt_ok(rc == NGX_OK, "GET with %lu queued: %s",
              (unsigned long) s->npend, zt_rc_name(rc));
        zt_ok(!rq.batch.close, "a close packet");
        m_batch(w, s, &rq.batch);
        return;
    }

    zt_ok(rc == NGX_AGAIN, "GET: %s", zt_rc_name(rc));
    s->get = w->n;
    s->get_gen = rq.gen;
}


void
m_take(zt_worker_t *w, m_session_t *s, ngx_uint_t force)
{
    ngx_int_t        rc;
    ngx_sio_batch_t  batch;

    rc = ngx_sio_get_take(&w->z, s->h, s->get_gen, force, now, &batch);
    m_log("worker %lu: session %ld take%s: %s\n", w->n, s - sessions,
          force ? " by force" : "", zt_rc_name(rc));

    if (s->ws >= 0) {

        /* it was upgraded below the GET: what was queued went there */

        zt_ok(rc == NGX_DONE || (rc == NGX_OK && batch.n == 0),
              "take after the upgrade: %s", zt_rc_name(rc));
        s->get = -1;
        m_gone(s);
        return;
    }

    if (s->npend == 0 && !force && !s->closing) {
        zt_ok(rc == NGX_AGAIN, "take of nothing: %s", zt_rc_name(rc));
        return;
    }

    if (rc == NGX_AGAIN && s->closing && !s->ended && !force) {
        return;
    }

    zt_ok(rc == NGX_OK, "take of %lu: %s", (unsigned long) s->npend,
          zt_rc_name(rc));

    s->get = -1;

    if (s->closing) {
        m_last_batch(w, s, &batch);
        return;
    }

    zt_ok(!batch.close, "a close packet");
    m_batch(w, s, &batch);
}


void
op_get_take(void)
{
    m_session_t  *s;

    s = m_session();

    if (s && s->get >= 0) {
        m_take(&workers[s->get], s, zt_rand(4) == 0);
    }
}


void
op_get_abort(void)
{
    m_session_t  *s;
    zt_worker_t  *w;

    s = m_session();

    if (s == NULL) {
        return;
    }

    if (s->get < 0) {

        /* late: the role is given back already */

        if (!s->closing && s->get_gen) {
            zt_rc(ngx_sio_get_abort(&m_worker()->z, s->h, s->get_gen),
                  NGX_DONE);
        }

        return;
    }

    if (s->closing || s->ws >= 0) {
        return;
    }

    w = &workers[s->get];
    m_log("worker %lu: session %ld GET aborted\n", w->n, s - sessions);

    zt_rc(ngx_sio_get_abort(&w->z, s->h, s->get_gen), NGX_OK);
    s->get = -1;
    m_closed(s, w, NGX_SIO_TRANSPORT_ERROR, 0);
}


void
op_post(void)
{
    ngx_int_t           rc;
    m_session_t        *s;
    zt_worker_t        *w;
    ngx_sio_request_t   rq;

    w = m_worker();
    s = m_session();

    if (s == NULL) {
        return;
    }

    rc = ngx_sio_post_open(&w->z, s->sid, 0, now, pool, &rq);
    m_log("worker %lu: session %ld POST: %s\n", w->n, s - sessions,
          zt_rc_name(rc));

    if (s->closing) {
        zt_ok((rc == NGX_ERROR && s->ws >= 0)
              || rc == (s->linger && !s->last_get ? NGX_DONE : NGX_DECLINED),
              "POST of a closed session: %s", zt_rc_name(rc));
        return;
    }

    if (s->ws >= 0) {
        zt_ok(rc == NGX_ERROR, "POST of a WebSocket: %s", zt_rc_name(rc));
        return;
    }

    if (s->post >= 0) {
        zt_ok(rc == NGX_BUSY, "POST in a POST: %s", zt_rc_name(rc));
        m_closed(s, w, NGX_SIO_TRANSPORT_ERROR, 0);
        return;
    }

    zt_ok(rc == NGX_OK, "POST: %s", zt_rc_name(rc));
    zt_ok(zt_handle_eq(rq.info.session, s->h), "another handle");
    m_string_is(&rq.partial, s->partial, "partial");
    s->partial = 0;

    s->post = w->n;
    s->post_gen = rq.gen;

    if (s->end_by >= 0) {
        /* a kick is done by who processes the input */
        m_assign(s, w);
    }
}


void
m_post_close(m_session_t *s)
{
    uint32_t      partial;
    ngx_str_t     str;
    zt_worker_t  *w;

    w = &workers[s->post];
    partial = zt_rand(3) ? 0 : zt_rand(1000);
    str = m_string(partial);

    m_log("worker %lu: session %ld POST ends\n", w->n, s - sessions);

    zt_rc(ngx_sio_post_close(&w->z, s->h, s->post_gen, &str),
          s->closing ? NGX_DONE : NGX_OK);

    if (!s->closing) {
        s->partial = partial;
    }

    s->post = -1;
    m_gone(s);
}


void
op_post_close(void)
{
    m_session_t  *s;

    s = m_session();

    if (s && s->post >= 0) {
        m_post_close(s);
    }
}


void
op_post_abort(void)
{
    m_session_t  *s;
    zt_worker_t  *w;

    s = m_session();

    if (s == NULL || s->post < 0 || s->closing) {
        return;
    }

    w = &workers[s->post];
    m_log("worker %lu: session %ld POST aborted\n", w->n, s - sessions);

    zt_rc(ngx_sio_post_abort(&w->z, s->h, s->post_gen), NGX_OK);
    s->post = -1;
    m_closed(s, w, NGX_SIO_TRANSPORT_ERROR, 0);
}


void
op_probe(void)
{
    ngx_int_t     rc;
    uint32_t      gen;
    m_session_t  *s;
    zt_worker_t  *w;

    w = m_worker();
    s = m_session();

    if (s == NULL) {
        return;
    }

    /* the candidate may say so again, another one may not */

    gen = (zt_rand(2) && s->cand == (ngx_int_t) w->n) ? s->cand_gen : 0;

    rc = ngx_sio_session_probe(&w->z, s->h, &gen);
    m_log("worker %lu: session %ld probe: %s\n", w->n, s - sessions,
          zt_rc_name(rc));

    if (s->closing) {
        zt_ok(rc == NGX_DONE, "probe of a closed session: %s",
              zt_rc_name(rc));
        return;
    }

    if (s->ws < 0 && s->cand >= 0 && gen) {
        zt_ok(rc == NGX_OK, "probe again: %s", zt_rc_name(rc));
        return;
    }

    if (s->ws >= 0 || s->cand >= 0) {
        zt_ok(rc == NGX_DECLINED, "probe: %s", zt_rc_name(rc));
        return;
    }

    zt_ok(rc == NGX_OK, "probe: %s", zt_rc_name(rc));
    s->cand = w->n;
    s->cand_gen = gen;
}


void
op_unprobe(void)
{
    m_session_t  *s;
    zt_worker_t  *w;

    s = m_session();

    if (s == NULL || s->cand < 0 || s->closing) {
        return;
    }

    w = &workers[s->cand];
    m_log("worker %lu: session %ld unprobe\n", w->n, s - sessions);

    zt_rc(ngx_sio_session_unprobe(&w->z, s->h, s->cand_gen), NGX_OK);
    s->cand = -1;
    s->waits_post = 0;
}


void
m_upgrade(zt_worker_t *w, m_session_t *s, uint32_t gen)
{
    ngx_int_t             rc, ws;
    ngx_str_t             partial;
    ngx_uint_t            i, n, want, acks;
    m_socket_t           *k;
    ngx_sio_batch_t       batch;
    ngx_sio_membership_t  members[M_NSPS * (M_ROOMS + 2)];
    ngx_sio_pending_ack_t *pending;

    want = 0;
    acks = 0;

    for (i = 0; i < M_NSPS; i++) {
        k = m_socket_of(s, i);
        want += k ? k->nrooms + 1 : 0;
        acks += k ? k->nacks : 0;
    }

    ws = s->ws;

    if (s->post < 0) {
        s->ws = w->n;
    }

    n = zt_rand(4) ? sizeof(members) / sizeof(members[0]) : 0;

    rc = ngx_sio_session_upgrade(&w->z, s->h, gen, &batch, members, &n, pool,
                                 &partial);

    if (rc == NGX_DECLINED) {
        zt_ok(want && n >= want, "%lu memberships, not %lu",
              (unsigned long) n, (unsigned long) want);
        n = sizeof(members) / sizeof(members[0]);
        rc = ngx_sio_session_upgrade(&w->z, s->h, gen, &batch, members, &n,
                                     pool, &partial);
    }

    m_log("worker %lu: session %ld upgrade: %s\n", w->n, s - sessions,
          zt_rc_name(rc));

    if (s->post >= 0) {
        zt_ok(rc == NGX_AGAIN, "upgrade in a POST: %s", zt_rc_name(rc));
        s->ws = ws;
        s->waits_post = 1;
        return;
    }

    zt_ok(rc == NGX_OK, "upgrade: %s", zt_rc_name(rc));
    zt_ok(n == want, "%lu memberships, not %lu", (unsigned long) n,
          (unsigned long) want);

    m_string_is(&partial, s->partial, "partial");
    s->partial = 0;
    s->cand = -1;
    s->waits_post = 0;

    if (s->end_by >= 0) {
        m_assign(s, w);
    }

    m_batch(w, s, &batch);

    for (i = 0; i < n; i++) {
        zt_member_add(w, s->h, members[i].socket, members[i].room);
    }

    for (i = 0; i < M_SOCKETS; i++) {
        if (sockets[i].used && sockets[i].muted
            && &sessions[sockets[i].session] == s)
        {
            zt_member_mute(w, sockets[i].h);
        }
    }

    zt_rc(ngx_sio_session_acks(&w->z, s->h, pool, &pending, &n), NGX_OK);
    zt_ok(n == acks, "%lu acks, not %lu", (unsigned long) n,
          (unsigned long) acks);

    for (i = 0; i < M_NSPS; i++) {
        k = m_socket_of(s, i);

        if (k) {
            k->nacks = 0;
        }
    }
}


/* of a closed session, in the place of its last GET */

static void
m_upgrade_last(m_session_t *s)
{
    ngx_str_t             partial;
    ngx_uint_t            n;
    zt_worker_t          *w;
    ngx_sio_batch_t       batch;
    ngx_sio_membership_t  member;

    w = &workers[s->cand];
    n = 1;

    zt_rc(ngx_sio_session_upgrade(&w->z, s->h, s->cand_gen, &batch, &member,
                                  &n, pool, &partial),
          NGX_BUSY);
    m_log("worker %lu: session %ld upgrade, closed\n", w->n, s - sessions);

    s->cand = -1;
    s->last_get = 1;
    m_batch(w, s, &batch);
    m_gone(s);
}


void
op_upgrade(void)
{
    m_session_t  *s;

    s = m_session();

    if (s && s->closing && s->linger && !s->last_get && s->cand >= 0) {
        m_upgrade_last(s);
        return;
    }

    if (s == NULL || s->closing || s->ws >= 0 || s->waits_post) {
        return;
    }

    if (s->cand >= 0) {
        m_upgrade(&workers[s->cand], s, s->cand_gen);

    } else if (zt_rand(10) == 0 && s->post < 0) {
        m_upgrade(m_worker(), s, 0);
    }
}


void
op_send(void)
{
    ngx_int_t     rc;
    m_session_t  *s;
    zt_worker_t  *w;

    w = m_worker();
    s = m_session();

    if (s == NULL) {
        return;
    }

    next_id++;
    nmessages++;
    zt_body(&body, next_id, m_size());

    if (!s->closing) {
        m_push(s, next_id);
    }

    rc = ngx_sio_session_send(&w->z, s->h, &body.body, 0);
    m_log("worker %lu: send %u to session %ld: %s\n", w->n, next_id,
          s - sessions, zt_rc_name(rc));

    zt_ok(rc == (s->closing ? NGX_DONE : NGX_OK), "send: %s", zt_rc_name(rc));
}


void
op_close(void)
{
    ngx_uint_t    linger;
    m_session_t  *s;
    zt_worker_t  *w;

    w = m_worker();
    s = m_session();

    if (s == NULL) {
        return;
    }

    linger = zt_rand(2);

    if (s->closing) {
        zt_rc(ngx_sio_session_close(&w->z, s->h, NGX_SIO_PARSE_ERROR, linger),
              NGX_DONE);
        return;
    }

    m_log("worker %lu: closes session %ld%s\n", w->n, s - sessions,
          linger ? ", lingering" : "");

    zt_rc(ngx_sio_session_close(&w->z, s->h, NGX_SIO_FORCED_CLOSE, linger),
          NGX_OK);
    m_closed(s, w, NGX_SIO_FORCED_CLOSE, linger);
}


/* the client has said that it is gone: nothing lingers for it */

void
op_drop(void)
{
    m_session_t  *s;
    zt_worker_t  *w;

    w = m_worker();
    s = m_session();

    if (s == NULL || (s->closing && zt_rand(4))) {
        return;
    }

    zt_rc(ngx_sio_session_drop(&w->z, s->h), s->closing ? NGX_OK : NGX_DONE);

    if (s->closing) {
        m_log("worker %lu: session %ld is dropped\n", w->n, s - sessions);
        s->npend = 0;
        s->linger = 0;
        m_gone(s);
    }
}
