
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Engine.IO over HTTP requests, any of which may land on any worker: the
 * handshake, GETs that wait, POSTs.
 */


#include "ngx_sio_worker.h"


#define NGX_SIO_NOOP_DELAY  100     /* milliseconds: Engine.IO v4, Upgrade */

#define NGX_SIO_POST_SLICE  256     /* packets, then others have their turn */


typedef struct {
    sio_eio_payload_t    v4;
    sio_eio3_payload_t   v3;
    ngx_uint_t           eio3;
} ngx_sio_packets_t;


static void ngx_sio_park_timer(ngx_event_t *ev);
static void ngx_sio_park_unlink(ngx_sio_park_t *park);
static void ngx_sio_park_answer(ngx_sio_park_t *park, ngx_sio_batch_t *batch,
    u_char empty);
static void ngx_sio_post_unlink(ngx_sio_post_t *post);
static void ngx_sio_post_closing(ngx_sio_post_t *post, u_char *data,
    size_t len);
static void ngx_sio_packets_init(ngx_sio_packets_t *packets,
    ngx_sio_post_t *post, u_char *data, size_t len);
static int ngx_sio_packets_next(ngx_sio_packets_t *packets,
    sio_eio_packet_t *pkt);
static ngx_int_t ngx_sio_post_run(ngx_sio_post_t *post);
static void ngx_sio_post_later(ngx_sio_post_t *post);
static void ngx_sio_post_slice(ngx_event_t *ev);
static void ngx_sio_post_finish(ngx_sio_post_t *post,
    ngx_sio_client_t *client, ngx_str_t *partial);
static ngx_int_t ngx_sio_post_packets(ngx_sio_client_t *client,
    ngx_sio_packets_t *packets);
static ngx_int_t ngx_sio_post_beat(ngx_sio_client_t *client,
    ngx_uint_t type);


ngx_int_t
ngx_sio_polling_open(ngx_sio_worker_t *w, ngx_sio_options_t *options,
    ngx_uint_t form, const ngx_str_t *info, const u_char *address,
    uint32_t jsonp, u_char sid[NGX_SIO_ID_LEN], u_char *dst, size_t *len)
{
    size_t                     n, head;
    ngx_int_t                  rc;
    ngx_uint_t                 upgrades;
    ngx_sio_handle_t           session;
    ngx_sio_session_params_t   params;

    if (jsonp && (form & NGX_SIO_FORM_EIO3)) {
        /* a script is text */
        form |= NGX_SIO_FORM_B64;
    }

    if (options->msgpack) {
        form |= NGX_SIO_FORM_MSGPACK;
    }

    ngx_sio_client_params(w, options, form, info, &params);
    params.jsonp = jsonp;
    params.address = address;

    rc = ngx_sio_session_create(&w->zone, &params, ngx_current_msec, &session);

    if (rc != NGX_OK) {

        if (rc == NGX_ABORT) {
            ngx_post_event(&w->more, &ngx_posted_events);
        }

        return (rc == NGX_BUSY || rc == NGX_DECLINED) ? rc : NGX_ERROR;
    }

    ngx_memcpy(sid, params.sid, NGX_SIO_ID_LEN);

    upgrades = options->websocket && options->allow_upgrades;
    head = 0;

    if (form & NGX_SIO_FORM_EIO3) {
        n = sio_eio_write_open(NULL, sid, upgrades, options->ping_interval,
                               options->ping_timeout,
                               options->max_http_buffer_size);

        head = sio_eio3_write_text_head(dst, n);
    }

    n = sio_eio_write_open(dst + head, sid, upgrades, options->ping_interval,
                           options->ping_timeout,
                           options->max_http_buffer_size);

    *len = head + n;

    if (ngx_sio_connects_itself(options, form)) {
        ngx_sio_connect_polling(w, options, session, form);
    }

    return NGX_OK;
}


ngx_int_t
ngx_sio_polling_get(ngx_sio_worker_t *w, const u_char *sid, ngx_uint_t form,
    ngx_sio_park_t *park, ngx_pool_t *pool, ngx_str_t *payload)
{
    ngx_int_t          rc;
    ngx_msec_t         wait;
    ngx_sio_request_t  rq;

    ngx_memzero(&rq, sizeof(ngx_sio_request_t));

    rc = ngx_sio_get_open(&w->zone, sid, (uint32_t) form, ngx_current_msec,
                          &rq);

    park->worker = w;
    park->form = rq.info.form;

    park->jsonp = rq.info.jsonp;

    switch (rc) {

    case NGX_OK:

        if (ngx_sio_payload(park, &rq.batch, pool, payload) != NGX_OK) {
            (void) ngx_sio_session_close(&w->zone, rq.info.session,
                                         NGX_SIO_TRANSPORT_ERROR, 0);
            return NGX_DECLINED;
        }

        return NGX_OK;

    case NGX_AGAIN:
        break;

    case NGX_ABORT:
        ngx_post_event(&w->more, &ngx_posted_events);
        return NGX_DECLINED;

    case NGX_DONE:
        return NGX_DECLINED;

    default:
        return rc;
    }

    park->session = rq.info.session;
    park->gen = rq.gen;
    park->pool = pool;

    park->linked = 1;
    ngx_sio_table_insert(&w->parks, &park->link, park->session.ref);

    park->timer.handler = ngx_sio_park_timer;
    park->timer.data = park;
    park->timer.log = w->log;

    /* a worker that goes answers it first */
    park->timer.cancelable = !w->draining;

    park->noop = rq.info.upgrading || w->draining;

    if (park->noop) {
        wait = NGX_SIO_NOOP_DELAY;

    } else {
        wait = rq.ping_at - ngx_current_msec;

        if ((ngx_msec_int_t) wait < 1) {
            wait = 1;
        }
    }

    ngx_add_timer(&park->timer, wait);

    return NGX_AGAIN;
}


static void
ngx_sio_park_unlink(ngx_sio_park_t *park)
{
    if (park->linked) {
        ngx_sio_table_remove(&park->worker->parks, &park->link);
        park->linked = 0;
    }

    if (park->timer.timer_set) {
        ngx_del_timer(&park->timer);
    }
}


void
ngx_sio_polling_get_abort(ngx_sio_park_t *park)
{
    if (!park->linked) {
        return;
    }

    ngx_sio_park_unlink(park);

    (void) ngx_sio_get_abort(&park->worker->zone, park->session, park->gen);
}


/* empty: the packet to answer when there is none */

static void
ngx_sio_park_answer(ngx_sio_park_t *park, ngx_sio_batch_t *batch, u_char empty)
{
    ngx_str_t  payload;

    ngx_sio_park_unlink(park);

    /* a GET that waits is closed with "1" alone, "6" is for a later one */

    if (batch == NULL
        || batch->n == 0
        || ngx_sio_payload(park, batch, park->pool, &payload) != NGX_OK
        || payload.len == 0)
    {
        if (ngx_sio_payload_single(park, empty, park->pool, &payload)
            != NGX_OK)
        {
            ngx_str_set(&payload, "1");
        }
    }

    park->answer(park, &payload, park->pool);
}


static void
ngx_sio_park_timer(ngx_event_t *ev)
{
    ngx_int_t                rc;
    ngx_msec_t               wait;
    ngx_sio_park_t          *park;
    ngx_sio_batch_t          batch;
    ngx_sio_session_info_t   info;

    park = ev->data;

    rc = ngx_sio_get_take(&park->worker->zone, park->session, park->gen,
                          park->noop, ngx_current_msec, &batch);

    switch (rc) {

    case NGX_OK:
        ngx_sio_park_answer(park, &batch, batch.close ? SIO_EIO_CLOSE
                                                      : SIO_EIO_NOOP);
        return;

    case NGX_AGAIN:
        /* not due yet by the zone's record: a pong came meanwhile */

        wait = NGX_SIO_NOOP_DELAY;

        if (ngx_sio_session_info(&park->worker->zone, park->session, &info)
            == NGX_OK
            && info.ping_at
            && (ngx_msec_int_t) (info.ping_at - ngx_current_msec)
               > (ngx_msec_int_t) wait)
        {
            wait = info.ping_at - ngx_current_msec;
        }

        ngx_add_timer(ev, wait);
        return;

    default:
        ngx_sio_park_answer(park, NULL, SIO_EIO_CLOSE);
        return;
    }
}


void
ngx_sio_park_wake(ngx_sio_worker_t *w, ngx_sio_handle_t session,
    ngx_uint_t wake)
{
    u_char            empty;
    ngx_int_t         rc;
    ngx_uint_t        force;
    ngx_sio_link_t   *link;
    ngx_sio_park_t   *park;
    ngx_sio_batch_t   batch;

    park = NULL;

    for (link = ngx_sio_table_lookup(&w->parks, session.ref);
         link;
         link = link->next)
    {
        park = ngx_queue_data(link, ngx_sio_park_t, link);

        if (link->ref == session.ref && park->session.gen == session.gen) {
            break;
        }
    }

    if (link == NULL) {
        return;
    }

    if (wake & NGX_SIO_WAKE_CLOSE) {
        force = 1;

        /* a client that said goodbye by POST gets "6": Node does so */

        empty = (ngx_sio_session_reason(&w->zone, session)
                 == NGX_SIO_TRANSPORT_CLOSE) ? SIO_EIO_NOOP : SIO_EIO_CLOSE;

    } else if (wake & NGX_SIO_WAKE_DATA) {
        force = 0;
        empty = SIO_EIO_NOOP;

    } else {
        if ((wake & NGX_SIO_WAKE_NOOP) && !park->noop) {
            park->noop = 1;
            ngx_add_timer(&park->timer, NGX_SIO_NOOP_DELAY);
        }

        return;
    }

    rc = ngx_sio_get_take(&w->zone, session, park->gen, force,
                          ngx_current_msec, &batch);

    if (rc == NGX_OK) {

        if (batch.close && !(wake & NGX_SIO_WAKE_CLOSE)) {
            empty = SIO_EIO_CLOSE;
        }

        ngx_sio_park_answer(park, &batch, empty);

    } else if (rc == NGX_DONE || rc == NGX_ABORT || force) {
        ngx_sio_park_answer(park, NULL, empty);

    } else if (wake & NGX_SIO_WAKE_NOOP) {
        park->noop = 1;
        ngx_add_timer(&park->timer, NGX_SIO_NOOP_DELAY);
    }
}


/* this worker goes: clients ask again, at another one */

void
ngx_sio_parks_answer_all(ngx_sio_worker_t *w)
{
    ngx_int_t         rc;
    ngx_uint_t        i;
    ngx_sio_park_t   *park;
    ngx_sio_batch_t   batch;

    for (i = 0; i <= w->parks.mask; i++) {

        while (w->parks.buckets[i]) {

            park = ngx_queue_data(w->parks.buckets[i], ngx_sio_park_t, link);

            rc = ngx_sio_get_take(&w->zone, park->session, park->gen, 1,
                                  ngx_current_msec, &batch);

            ngx_sio_park_answer(park, rc == NGX_OK ? &batch : NULL,
                                (rc == NGX_OK && !batch.close)
                                ? SIO_EIO_NOOP : SIO_EIO_CLOSE);
        }
    }
}


ngx_int_t
ngx_sio_polling_post_open(ngx_sio_worker_t *w, const u_char *sid,
    ngx_uint_t form, ngx_pool_t *pool, ngx_sio_post_t *post)
{
    ngx_int_t  rc;

    ngx_memzero(post, sizeof(ngx_sio_post_t));

    post->worker = w;

    rc = ngx_sio_post_open(&w->zone, sid, (uint32_t) form, ngx_current_msec,
                           pool, &post->rq);

    if (rc == NGX_ABORT) {
        ngx_post_event(&w->more, &ngx_posted_events);
        return NGX_DECLINED;
    }

    if (rc == NGX_DONE) {
        post->closing = 1;
        return NGX_OK;
    }

    if (rc == NGX_OK) {
        post->options = ngx_sio_options_lookup(w->server,
                                               post->rq.info.location);

        post->linked = 1;
        ngx_sio_table_insert(&w->posts, &post->link,
                             post->rq.info.session.ref);
    }

    return rc;
}


static void
ngx_sio_post_unlink(ngx_sio_post_t *post)
{
    if (post->linked) {
        ngx_sio_table_remove(&post->worker->posts, &post->link);
        post->linked = 0;
    }
}


/* the session has closed: a body that is on its way is of no use, and its
   role would keep the record.  NGX_OK; NGX_DECLINED: there is none */

ngx_int_t
ngx_sio_post_wake(ngx_sio_worker_t *w, ngx_sio_handle_t session)
{
    ngx_sio_link_t  *link;
    ngx_sio_post_t  *post;

    for (link = ngx_sio_table_lookup(&w->posts, session.ref);
         link;
         link = link->next)
    {
        post = ngx_queue_data(link, ngx_sio_post_t, link);

        if (link->ref == session.ref
            && post->rq.info.session.gen == session.gen)
        {
            ngx_sio_polling_post_abort(post);

            if (post->closed) {
                post->closed(post);
            }

            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


/* either protocol's */

static void
ngx_sio_packets_init(ngx_sio_packets_t *packets, ngx_sio_post_t *post,
    u_char *data, size_t len)
{
    packets->eio3 = (post->rq.info.form & NGX_SIO_FORM_EIO3);

    if (packets->eio3) {
        sio_eio3_payload_init(&packets->v3, data, len, post->binary);

    } else {
        sio_eio_payload_init(&packets->v4, data, len);
    }
}


static int
ngx_sio_packets_next(ngx_sio_packets_t *packets, sio_eio_packet_t *pkt)
{
    return packets->eio3 ? sio_eio3_payload_next(&packets->v3, pkt)
                         : sio_eio_payload_next(&packets->v4, pkt);
}


/* of a closing session's packets only "1" means something: as in Node it ends
   the wait for a last GET */

static void
ngx_sio_post_closing(ngx_sio_post_t *post, u_char *data, size_t len)
{
    sio_eio_packet_t    pkt;
    ngx_sio_packets_t   packets;

    ngx_sio_packets_init(&packets, post, data, len);

    while (ngx_sio_packets_next(&packets, &pkt) == SIO_OK) {

        if (pkt.type == SIO_EIO_CLOSE) {
            (void) ngx_sio_session_drop(&post->worker->zone,
                                        post->rq.info.session);
            return;
        }
    }
}


ngx_int_t
ngx_sio_polling_post(ngx_sio_post_t *post, ngx_pool_t *pool, u_char *data,
    size_t len)
{
    ngx_int_t           rc;
    ngx_sio_client_t   *client;
    ngx_sio_worker_t   *w;
    ngx_sio_packets_t  *packets;

    w = post->worker;

    if (post->closing) {
        ngx_sio_post_closing(post, data, len);
        return NGX_OK;
    }

    ngx_sio_post_unlink(post);

    ngx_sio_worker_catch_up(w);

    client = NULL;

    if (post->options) {
        client = ngx_sio_client_create(w, post->options,
                                       post->rq.info.session,
                                       post->rq.info.form, pool);
    }

    if (client == NULL) {
        rc = NGX_ERROR;

    } else {
        rc = ngx_sio_client_load(client, pool);

        if (rc == NGX_OK) {
            rc = ngx_sio_client_partial(client, &post->rq.partial);
        }
    }

    if (rc == NGX_OK) {

        /* no ping is to come: a pong is due; any packet is a sign of life */

        if (post->rq.info.ping_at == 0 && len && data[0] != SIO_EIO_PONG
            && !client->eio3)
        {
            (void) ngx_sio_session_alive(&w->zone, post->rq.info.session,
                                         ngx_current_msec);
        }

        packets = ngx_palloc(pool, sizeof(ngx_sio_packets_t));

        if (packets) {
            ngx_sio_packets_init(packets, post, data, len);

            client->post = post;
            client->arrived = ngx_sio_limit_clock(w->server);
            post->client = client;
            post->packets = packets;

            return ngx_sio_post_run(post);
        }

        rc = NGX_ERROR;
    }

    if (rc == NGX_ERROR) {
        (void) ngx_sio_session_close(&w->zone, post->rq.info.session,
                                     NGX_SIO_TRANSPORT_ERROR, 0);
    }

    ngx_sio_post_finish(post, client, NULL);

    return NGX_OK;
}


static ngx_int_t
ngx_sio_post_run(ngx_sio_post_t *post)
{
    ngx_int_t          rc;
    ngx_str_t          partial;
    ngx_sio_client_t  *client;

    client = post->client;

    rc = ngx_sio_post_packets(client, post->packets);

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    ngx_str_null(&partial);

    if (rc == NGX_OK && client->partial) {
        partial.data = client->partial;
        partial.len = client->partial_len;
    }

    post->client = NULL;

    ngx_sio_post_finish(post, client, partial.len ? &partial : NULL);

    return NGX_OK;
}


static void
ngx_sio_post_finish(ngx_sio_post_t *post, ngx_sio_client_t *client,
    ngx_str_t *partial)
{
    if (ngx_sio_post_close(&post->worker->zone, post->rq.info.session,
                           post->rq.gen, partial)
        == NGX_BUSY)
    {
        ngx_sio_polling_post_abort(post);
    }

    if (client) {
        ngx_sio_client_destroy(client);
    }
}


/* a megabyte can hold half a million packets */

static void
ngx_sio_post_later(ngx_sio_post_t *post)
{
    post->slice.handler = ngx_sio_post_slice;
    post->slice.data = post;
    post->slice.log = post->worker->log;

    ngx_post_event(&post->slice, &ngx_posted_next_events);

    post->worker->nslices++;
}


static void
ngx_sio_post_slice(ngx_event_t *ev)
{
    ngx_sio_post_t  *post;

    post = ev->data;

    post->worker->nslices--;

    ngx_sio_worker_catch_up(post->worker);

    ngx_sio_post_resume(post);
}


/* the hook that was waited for has answered, or others had their turn; the
   session, or a socket, may have been closed meanwhile */

void
ngx_sio_post_resume(ngx_sio_post_t *post)
{
    ngx_sio_session_info_t  info;

    if (ngx_sio_session_info(&post->worker->zone, post->rq.info.session, &info)
        != NGX_OK
        || info.closing)
    {
        post->client->closed = 1;

    } else {
        ngx_sio_client_refresh(post->client);
    }

    if (ngx_sio_post_run(post) == NGX_OK) {
        post->done(post);
    }
}


/* Engine.IO, Payload; protocol, 1.12 */

static ngx_int_t
ngx_sio_post_packets(ngx_sio_client_t *client, ngx_sio_packets_t *packets)
{
    int               rc;
    ngx_int_t         done;
    ngx_uint_t        n;
    sio_eio_packet_t  pkt;

    for (n = 0; /* void */ ; n++) {

        if (ngx_sio_hook_full(client)) {
            return NGX_AGAIN;
        }

        if (client->closed) {
            return NGX_DONE;
        }

        if (n == NGX_SIO_POST_SLICE) {
            ngx_sio_post_later(client->post);
            return NGX_AGAIN;
        }

        rc = ngx_sio_packets_next(packets, &pkt);

        if (rc == SIO_DONE) {
            /* "ok" means that all of them are through */
            return client->nhooks ? NGX_AGAIN : NGX_OK;
        }

        if (rc != SIO_OK) {
            ngx_sio_client_close(client, NGX_SIO_PARSE_ERROR, 0);
            return NGX_DONE;
        }

        done = NGX_OK;

        switch (pkt.type) {

        case SIO_EIO_MESSAGE:

            if (pkt.base64) {
                pkt.data.len = sio_base64_read(pkt.data.data, pkt.data.data,
                                               pkt.data.len);
            }

            if (pkt.binary) {
                done = ngx_sio_dispatch_binary(client, pkt.data.data,
                                               pkt.data.len);
                break;
            }

            done = ngx_sio_dispatch_text(client, pkt.data.data, pkt.data.len);
            break;

        case SIO_EIO_PING:
        case SIO_EIO_PONG:
            done = ngx_sio_post_beat(client, pkt.type);
            break;

        case SIO_EIO_CLOSE:
            ngx_sio_client_close(client, NGX_SIO_TRANSPORT_CLOSE, 0);
            return NGX_DONE;

        default:
            break;
        }

        if (done != NGX_OK) {
            return NGX_DONE;
        }
    }
}


/* Engine.IO, Heartbeat: a client of v3 pings, one of v4 answers */

static ngx_int_t
ngx_sio_post_beat(ngx_sio_client_t *client, ngx_uint_t type)
{
    ngx_int_t  rc;

    if (client->eio3 != (type == SIO_EIO_PING)) {
        /* "invalid heartbeat direction" */
        ngx_sio_client_close(client, NGX_SIO_TRANSPORT_ERROR, 0);
        return NGX_DONE;
    }

    rc = ngx_sio_session_pong(&client->worker->zone, client->session,
                              ngx_current_msec);

    if (rc == NGX_BUSY) {
        /* no memory for the answer */
        ngx_sio_client_close(client, NGX_SIO_TRANSPORT_ERROR, 0);
        return NGX_DONE;
    }

    return NGX_OK;
}


void
ngx_sio_polling_post_abort(ngx_sio_post_t *post)
{
    if (post->closing) {
        return;
    }

    ngx_sio_post_unlink(post);

    if (post->slice.posted) {
        ngx_delete_posted_event(&post->slice);
        post->worker->nslices--;
    }

    if (post->client) {
        ngx_sio_client_destroy(post->client);
        post->client = NULL;
    }

    (void) ngx_sio_post_abort(&post->worker->zone, post->rq.info.session,
                              post->rq.gen);
}


void
ngx_sio_polling_post_cancel(ngx_sio_post_t *post)
{
    ngx_str_t  partial;

    ngx_sio_refused(&post->worker->zone, NGX_SIO_REFUSED_MESSAGE);

    if (post->closing) {
        return;
    }

    ngx_sio_post_unlink(post);

    /* what was in progress still is */

    partial = post->rq.partial;

    if (ngx_sio_post_close(&post->worker->zone, post->rq.info.session,
                           post->rq.gen, partial.len ? &partial : NULL)
        == NGX_BUSY)
    {
        ngx_sio_polling_post_abort(post);
    }
}
