
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * A worker's part in a zone: it is woken through its eventfd, applies its
 * inbox, runs the tasks that other workers left it, and writes each dirty
 * connection once per tick.
 */


#include "ngx_sio_worker.h"

#include <sys/random.h>


#define NGX_SIO_TICK           50       /* milliseconds, with sessions */
#define NGX_SIO_IDLE_TICK      500      /* without */
#define NGX_SIO_SWEEP          200
#define NGX_SIO_REAP           1000
#define NGX_SIO_CLAIM          500      /* when all slots are taken */
#define NGX_SIO_FLUSH_MAX      1024     /* writes in one turn of the loop */
#define NGX_SIO_FIRST_TASKS    64


static void ngx_sio_worker_ready(void *data, ngx_sio_handle_t session,
    ngx_sio_role_e role, ngx_uint_t wake);
static ngx_int_t ngx_sio_worker_start(ngx_sio_worker_t *w);
static void ngx_sio_worker_claim_handler(ngx_event_t *ev);
static ngx_int_t ngx_sio_worker_listen(ngx_sio_worker_t *w);
static void ngx_sio_worker_relisten(ngx_sio_worker_t *w);
static void ngx_sio_worker_wake_handler(ngx_event_t *ev);
static void ngx_sio_worker_more_handler(ngx_event_t *ev);
static void ngx_sio_worker_tick_handler(ngx_event_t *ev);
static void ngx_sio_worker_clock_handler(ngx_event_t *ev);
static void ngx_sio_worker_tasks_handler(ngx_event_t *ev);
static void ngx_sio_worker_flush_handler(ngx_event_t *ev);
static void ngx_sio_worker_overflow(ngx_sio_worker_t *w,
    ngx_sio_conn_t *conn);
static void ngx_sio_worker_drain_handler(ngx_event_t *ev);
static void ngx_sio_worker_drain(ngx_sio_worker_t *w);
static void ngx_sio_worker_run(ngx_sio_worker_t *w, ngx_sio_task_t *task);
static void ngx_sio_worker_event(ngx_event_t *ev, ngx_sio_worker_t *w,
    ngx_event_handler_pt handler);


ngx_int_t
ngx_sio_worker_init(ngx_sio_server_t *server, ngx_cycle_t *cycle)
{
    ngx_int_t          rc;
    ngx_sio_worker_t  *w;

    server->worker = NULL;

    w = ngx_pcalloc(cycle->pool, sizeof(ngx_sio_worker_t));
    if (w == NULL) {
        return NGX_ERROR;
    }

    w->server = server;
    w->cycle = cycle;
    w->log = cycle->log;

    w->zone.shpool = (ngx_slab_pool_t *) server->shm_zone->shm.addr;
    w->zone.root = server->root;
    w->zone.log = cycle->log;
    w->zone.apply = ngx_sio_fanout_apply;
    w->zone.ready = ngx_sio_worker_ready;
    w->zone.data = w;

    ngx_queue_init(&w->dirty);
    ngx_queue_init(&w->hooks);
    ngx_queue_init(&w->waiting);

    if (server->rules && server->rules->rooms) {
        w->zone.life = ngx_sio_life_told;
    }

    w->max_tasks = NGX_SIO_FIRST_TASKS;
    w->tasks = ngx_alloc(w->max_tasks * sizeof(ngx_sio_task_t), w->log);
    w->args = ngx_alloc((server->max_args + 1) * sizeof(sio_str_t), w->log);
    w->pool = ngx_create_pool(4096, w->log);

    if (w->tasks == NULL || w->args == NULL || w->pool == NULL
        || ngx_sio_table_init(&w->clients) != NGX_OK
        || ngx_sio_table_init(&w->peers) != NGX_OK
        || ngx_sio_table_init(&w->arrays) != NGX_OK
        || ngx_sio_table_init(&w->parks) != NGX_OK
        || ngx_sio_table_init(&w->posts) != NGX_OK
        || ngx_sio_table_init(&w->candidates) != NGX_OK
        || ngx_sio_table_init(&w->lanes) != NGX_OK
        || ngx_sio_table_init(&w->gathers) != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_sio_slot_claim(&w->zone);

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
                      "sio zone: no free slot in \"%V\" for this worker, "
                      "too many old workers are still there", &server->name);

        ngx_sio_worker_event(&w->tick, w, ngx_sio_worker_claim_handler);
        w->tick.cancelable = 1;
        ngx_add_timer(&w->tick, NGX_SIO_CLAIM);

        return NGX_OK;
    }

    return ngx_sio_worker_start(w);
}


/* until one of the old workers is gone, requests are answered 503 */

static void
ngx_sio_worker_claim_handler(ngx_event_t *ev)
{
    ngx_sio_worker_t  *w;

    w = ev->data;

    if (ngx_exiting) {
        return;
    }

    if (ngx_sio_slot_claim(&w->zone) != NGX_OK) {
        ngx_add_timer(ev, NGX_SIO_CLAIM);
        return;
    }

    if (ngx_sio_worker_start(w) != NGX_OK) {
        ngx_sio_slot_release(&w->zone);
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, w->log, 0,
                  "sio zone: a slot in \"%V\" is free for this worker now",
                  &w->server->name);
}


static ngx_int_t
ngx_sio_worker_start(ngx_sio_worker_t *w)
{
    ngx_sio_worker_event(&w->tick, w, ngx_sio_worker_tick_handler);
    ngx_sio_worker_event(&w->clock, w, ngx_sio_worker_clock_handler);
    ngx_sio_worker_event(&w->drain, w, ngx_sio_worker_drain_handler);
    ngx_sio_worker_event(&w->flush, w, ngx_sio_worker_flush_handler);
    ngx_sio_worker_event(&w->tasks_event, w, ngx_sio_worker_tasks_handler);
    ngx_sio_worker_event(&w->more, w, ngx_sio_worker_more_handler);
    ngx_sio_worker_event(&w->life, w, ngx_sio_life_handler);
    ngx_sio_worker_event(&w->hooks_end, w, ngx_sio_hooks_end_handler);

    if (ngx_sio_worker_listen(w) != NGX_OK) {
        return NGX_ERROR;
    }

    w->tick.cancelable = 1;
    w->clock.cancelable = 1;
    w->hooks_end.cancelable = 1;
    ngx_add_timer(&w->tick, NGX_SIO_IDLE_TICK);

    w->server->worker = w;

    /* what a dead predecessor left is taken apart at once */

    w->reaped = ngx_current_msec;

    if (ngx_sio_reap(&w->zone) == NGX_AGAIN) {
        w->reaped = ngx_current_msec - NGX_SIO_REAP;
    }

    return NGX_OK;
}


static void
ngx_sio_worker_event(ngx_event_t *ev, ngx_sio_worker_t *w,
    ngx_event_handler_pt handler)
{
    ev->data = w;
    ev->handler = handler;
    ev->log = w->log;
}


/* level-triggered, and exempt from "open socket left" as nginx's own channel */

static ngx_int_t
ngx_sio_worker_listen(ngx_sio_worker_t *w)
{
    ngx_fd_t           fd;
    ngx_event_t       *rev;
    ngx_connection_t  *c;

    fd = ngx_sio_slot_fd(&w->zone);
    if (fd == -1) {
        return NGX_ERROR;
    }

    c = ngx_get_connection(fd, w->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->data = w;
    c->log = w->log;

    rev = c->read;
    rev->log = w->log;
    rev->handler = ngx_sio_worker_wake_handler;
    rev->channel = 1;
    c->write->channel = 1;

    /* nginx calls the handler once with c->close at a graceful shutdown */
    c->idle = 1;

    w->wake = c;

    if (ngx_add_event(rev, NGX_READ_EVENT, 0) == NGX_ERROR) {
        ngx_free_connection(c);
        w->wake = NULL;
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* a worker that was taken for dead has another slot now, with an eventfd of
   its own; the old one stays open, somebody may be given it by us later */

static void
ngx_sio_worker_relisten(ngx_sio_worker_t *w)
{
    ngx_fd_t           fd;
    ngx_connection_t  *c;

    fd = ngx_sio_slot_fd(&w->zone);
    c = w->wake;

    if (c) {

        if (c->fd == fd) {
            return;
        }

        (void) ngx_del_event(c->read, NGX_READ_EVENT, 0);
        ngx_free_connection(c);
        w->wake = NULL;
    }

    if (fd == -1 || ngx_sio_worker_listen(w) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, w->log, 0,
                      "sio zone: this worker has no slot in \"%V\" any more",
                      &w->server->name);
    }
}


void
ngx_sio_worker_exit(ngx_sio_server_t *server)
{
    ngx_queue_t       *q;
    ngx_sio_conn_t    *conn;
    ngx_sio_worker_t  *w;

    w = server->worker;

    if (w == NULL) {
        return;
    }

    while (!ngx_queue_empty(&w->dirty)) {
        q = ngx_queue_head(&w->dirty);
        conn = ngx_queue_data(q, ngx_sio_conn_t, dirty);
        ngx_queue_remove(q);
        conn->is_dirty = 0;
    }

    ngx_sio_slot_release(&w->zone);

    if (w->wake) {
        /* the other processes keep theirs */
        ngx_close_connection(w->wake);
        w->wake = NULL;
    }

    server->worker = NULL;
}


ngx_sio_zone_t *
ngx_sio_worker_zone(ngx_sio_worker_t *worker)
{
    return &worker->zone;
}


ngx_sio_options_t *
ngx_sio_options_lookup(ngx_sio_server_t *server, uint32_t key)
{
    ngx_uint_t           i;
    ngx_sio_options_t  **options;

    options = server->options.elts;

    for (i = 0; i < server->options.nelts; i++) {
        if (options[i]->key == key) {
            return options[i];
        }
    }

    return NULL;
}


/* z->ready: only queues, see architecture rule 3 */

static void
ngx_sio_worker_ready(void *data, ngx_sio_handle_t session,
    ngx_sio_role_e role, ngx_uint_t wake)
{
    ngx_sio_worker_task(data, session, role, wake);
}


void
ngx_sio_worker_task(ngx_sio_worker_t *w, ngx_sio_handle_t session,
    ngx_sio_role_e role, ngx_uint_t wake)
{
    ngx_sio_worker_later(w, session, role, wake);

    if (w->ntasks != w->first_task && !w->tasks_event.posted) {
        ngx_post_event(&w->tasks_event, &ngx_posted_events);
    }
}


/* with the next tick, unless there are other tasks before: what failed for lack
   of memory would only fail again */

void
ngx_sio_worker_later(ngx_sio_worker_t *w, ngx_sio_handle_t session,
    ngx_sio_role_e role, ngx_uint_t wake)
{
    ngx_sio_task_t  *task, *tasks;

    if (w->ntasks == w->max_tasks && w->first_task) {
        ngx_memmove(w->tasks, w->tasks + w->first_task,
                    (w->ntasks - w->first_task) * sizeof(ngx_sio_task_t));
        w->ntasks -= w->first_task;
        w->first_task = 0;
    }

    if (w->ntasks == w->max_tasks) {
        tasks = ngx_alloc(2 * w->max_tasks * sizeof(ngx_sio_task_t), w->log);
        if (tasks == NULL) {
            /* the session's deadline or the peer's close will end it */
            return;
        }

        ngx_memcpy(tasks, w->tasks, w->ntasks * sizeof(ngx_sio_task_t));
        ngx_free(w->tasks);
        w->tasks = tasks;
        w->max_tasks *= 2;
    }

    task = &w->tasks[w->ntasks++];
    task->session = session;
    task->role = role;
    task->wake = wake;
}


static void
ngx_sio_worker_tasks_handler(ngx_event_t *ev)
{
    ngx_uint_t         n;
    ngx_sio_task_t     task;
    ngx_sio_worker_t  *w;

    w = ev->data;

    /* what these leave behind is for the next turn, which it has asked for, or
       the next tick */

    for (n = w->ntasks - w->first_task; n; n--) {

        if (w->first_task == w->ntasks) {
            break;
        }

        task = w->tasks[w->first_task++];

        if (w->first_task == w->ntasks) {
            w->first_task = 0;
            w->ntasks = 0;
        }

        ngx_sio_worker_run(w, &task);
    }
}


static void
ngx_sio_worker_run(ngx_sio_worker_t *w, ngx_sio_task_t *task)
{
    ngx_sio_conn_t          *conn;
    ngx_sio_client_t        *client;
    ngx_sio_session_info_t   info;

    switch (task->role) {

    case NGX_SIO_ROLE_GET:
        ngx_sio_park_wake(w, task->session, task->wake);
        return;

    case NGX_SIO_ROLE_POST:

        if ((task->wake & NGX_SIO_WAKE_CLOSE)
            && ngx_sio_post_wake(w, task->session) != NGX_OK)
        {
            /* no request has it: without memory it was not given back */
            (void) ngx_sio_role_release(&w->zone, task->session,
                                        NGX_SIO_ROLE_POST, 0);
        }

        return;

    case NGX_SIO_ROLE_WS:

        if (!(task->wake & NGX_SIO_WAKE_CLOSE)) {
            return;
        }

        client = ngx_sio_client_lookup(w, task->session);

        if (client) {
            conn = client->conn;
            ngx_sio_client_destroy(client);

            if (conn) {
                ngx_sio_conn_drop(conn, 0);
            }
        }

        (void) ngx_sio_role_release(&w->zone, task->session,
                                    NGX_SIO_ROLE_WS, 0);
        return;

    case NGX_SIO_ROLE_CANDIDATE:

        conn = ngx_sio_candidate_lookup(w, task->session);

        if (conn == NULL) {
            (void) ngx_sio_role_release(&w->zone, task->session,
                                        NGX_SIO_ROLE_CANDIDATE, 0);
            return;
        }

        if (task->wake & NGX_SIO_WAKE_CLOSE) {
            (void) ngx_sio_role_release(&w->zone, task->session,
                                        NGX_SIO_ROLE_CANDIDATE, 0);
            ngx_sio_conn_drop(conn, 0);
            return;
        }

        if ((task->wake & NGX_SIO_WAKE_POST_END) && conn->upgrade_waits) {
            ngx_sio_conn_upgrade(conn);
        }

        return;

    case NGX_SIO_ROLE_END:

        if (task->wake & NGX_SIO_WAKE_KICK) {
            ngx_sio_end_kicked(w, task->session);
        }

        if (task->wake & NGX_SIO_WAKE_END) {
            if (ngx_sio_session_info(&w->zone, task->session, &info)
                == NGX_OK)
            {
                ngx_sio_end_session(w, task->session);
            }
        }

        return;

    default:
        return;
    }
}


/* Read the eventfd, then take the inbox: architecture rule 17, wake.pml */

static void
ngx_sio_worker_wake_handler(ngx_event_t *ev)
{
    uint64_t           n;
    ngx_connection_t  *c;
    ngx_sio_worker_t  *w;

    c = ev->data;
    w = c->data;

    if (c->close) {
        c->close = 0;
        ngx_sio_worker_drain(w);
        return;
    }

    if (read(c->fd, &n, sizeof(uint64_t)) == -1 && ngx_errno != NGX_EAGAIN) {
        ngx_log_error(NGX_LOG_ALERT, ev->log, ngx_errno,
                      "sio zone: read() of eventfd failed");
    }

    ngx_sio_worker_more_handler(&w->more);
}


static void
ngx_sio_worker_more_handler(ngx_event_t *ev)
{
    ngx_int_t          rc;
    ngx_sio_worker_t  *w;

    w = ev->data;

    rc = ngx_sio_drain(&w->zone);

    if (rc == NGX_AGAIN && !ev->posted) {
        ngx_post_event(ev, &ngx_posted_next_events);
    }

    if (rc == NGX_ABORT) {
        ngx_sio_worker_abort(w);
    }
}


/* before an event starts: what others emitted earlier takes effect first */

void
ngx_sio_worker_catch_up(ngx_sio_worker_t *w)
{
    if (ngx_sio_pending(&w->zone)) {
        ngx_sio_worker_more_handler(&w->more);
    }
}


static void
ngx_sio_worker_tick_handler(ngx_event_t *ev)
{
    ngx_msec_t         tick;
    ngx_sio_worker_t  *w;

    w = ev->data;

    ngx_sio_worker_catch_up(w);

    if (w->ntasks != w->first_task && !w->tasks_event.posted) {
        ngx_post_event(&w->tasks_event, &ngx_posted_events);
    }

    ngx_sio_expire_sweep(w);

    if (ngx_current_msec - w->swept >= NGX_SIO_SWEEP) {

        if (ngx_sio_sweep(&w->zone, ngx_current_msec) == NGX_OK) {
            w->swept = ngx_current_msec;
        }

        ngx_sio_hooks_alive(w);

        w->rates_swept = ngx_sio_rate_sweep(&w->zone, w->rates_swept,
                                            ngx_sio_rate_now());
        ngx_sio_asked_sweep(w);
    }

    if (ngx_current_msec - w->reaped >= NGX_SIO_REAP) {

        if (ngx_sio_reap(&w->zone) != NGX_AGAIN) {
            w->reaped = ngx_current_msec;
        }
    }

    tick = (w->clients.n || w->parks.n) ? NGX_SIO_TICK : NGX_SIO_IDLE_TICK;

    if (!ngx_exiting || w->draining) {
        ngx_add_timer(ev, tick);
    }
}


static void
ngx_sio_worker_clock_handler(ngx_event_t *ev)
{
    ngx_sio_worker_t  *w;

    w = ev->data;

    ngx_sio_worker_catch_up(w);
    ngx_sio_timers_run(w);
}


void
ngx_sio_worker_dirty(ngx_sio_worker_t *w, ngx_sio_conn_t *conn)
{
    if (conn->is_dirty) {
        return;
    }

    conn->is_dirty = 1;
    ngx_queue_insert_tail(&w->dirty, &conn->dirty);

    if (!w->flush.posted) {
        ngx_post_event(&w->flush, &ngx_posted_events);
    }
}


/* one write per connection and tick: architecture rule 4 */

static void
ngx_sio_worker_flush_handler(ngx_event_t *ev)
{
    ngx_uint_t         n;
    ngx_queue_t       *q;
    ngx_sio_conn_t    *conn;
    ngx_sio_worker_t  *w;

    w = ev->data;

    /* all that is there is appended before anything is written */

    ngx_sio_worker_catch_up(w);

    for (n = 0; n < NGX_SIO_FLUSH_MAX && !ngx_queue_empty(&w->dirty); n++) {

        q = ngx_queue_head(&w->dirty);
        conn = ngx_queue_data(q, ngx_sio_conn_t, dirty);

        ngx_queue_remove(q);
        conn->is_dirty = 0;

        if (conn->overflow && conn->client) {
            ngx_sio_worker_overflow(w, conn);
            ngx_sio_client_close(conn->client, NGX_SIO_TRANSPORT_ERROR, 0);
            continue;
        }

        conn->transport->flush(conn);
    }

    if (!ngx_queue_empty(&w->dirty) && !ev->posted) {
        ngx_post_event(ev, &ngx_posted_next_events);
    }
}


static void
ngx_sio_worker_overflow(ngx_sio_worker_t *w, ngx_sio_conn_t *conn)
{
    if (conn->inbox_lost) {
        ngx_log_error(NGX_LOG_INFO, w->log, 0,
                      "sio ws: closing, messages for this worker were lost");
        return;
    }

    ngx_sio_refused(&w->zone, NGX_SIO_REFUSED_BUFFER);

    ngx_log_error(NGX_LOG_INFO, w->log, 0,
                  "sio ws: client reads too slowly, %uz bytes unsent",
                  conn->unsent);
}


/*
 * Graceful shutdown.  Clients are sent away by closing their transports, never
 * with a Socket.IO DISCONNECT: they would not come back after one.  Polling
 * sessions live in the zone and go on at the new workers.
 */

static void
ngx_sio_worker_drain(ngx_sio_worker_t *w)
{
    ngx_core_conf_t  *ccf;

    if (w->draining) {
        return;
    }

    w->draining = 1;

    /* not cancelable: the worker must not exit under us */
    ngx_add_timer(&w->drain, 1);

    ccf = (ngx_core_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                           ngx_core_module);

    if (ccf->shutdown_timeout) {
        ngx_add_timer(&w->hooks_end, ccf->shutdown_timeout);
    }
}


static void
ngx_sio_worker_drain_handler(ngx_event_t *ev)
{
    ngx_uint_t         i, n;
    ngx_sio_conn_t    *conn;
    ngx_sio_link_t    *link, *next;
    ngx_sio_client_t  *client;
    ngx_sio_worker_t  *w;

    w = ev->data;

    ngx_sio_parks_answer_all(w);

    /*
     * A candidate's session goes on with polling.  Not so after "3probe": the
     * official client stops to poll then, and if the WebSocket is closed it
     * never begins again.  Its "5" is on the way, or upgrade_timeout is.
     */

    for (i = 0; i <= w->candidates.mask; i++) {

        for (link = w->candidates.buckets[i]; link; link = next) {
            next = link->next;
            conn = (ngx_sio_conn_t *) link;

            if (!conn->probed) {
                ngx_sio_conn_timeout(conn);
            }
        }
    }

    /* a share of what is left, so that all are gone in drain_time */

    n = 1 + w->clients.n * 100 / (w->server->drain_time + 1);

    if (w->server->drain_time == 0) {
        n = w->clients.n;
    }

    for (i = 0; i <= w->clients.mask && n; i++) {

        for (link = w->clients.buckets[i]; link && n; link = link->next) {
            client = (ngx_sio_client_t *) link;

            if (!client->closed) {
                ngx_sio_client_close(client, NGX_SIO_SERVER_SHUTTING_DOWN, 0);
                n--;
            }
        }
    }

    if (ngx_sio_gathers_end(w)
        || w->clients.n || w->candidates.n || w->parks.n || w->nslices
        || w->ntasks != w->first_task)
    {
        ngx_add_timer(ev, 100);
    }
}


/*
 * The zone was reset (docs/shared-memory.md, "Epoch"): every session is gone.
 * Transports are closed, clients connect again.
 */

void
ngx_sio_worker_abort(ngx_sio_worker_t *w)
{
    ngx_uint_t         i;
    ngx_sio_conn_t    *conn;
    ngx_sio_client_t  *client;

    if (w->aborting) {
        return;
    }

    w->aborting = 1;

    ngx_log_error(NGX_LOG_ERR, w->log, 0,
                  "sio zone: \"%V\" was reset after a crash, "
                  "all its clients are sent away", &w->server->name);

    ngx_sio_parks_answer_all(w);
    (void) ngx_sio_gathers_end(w);

    for (i = 0; i <= w->clients.mask; i++) {

        while (w->clients.buckets[i]) {
            client = (ngx_sio_client_t *) w->clients.buckets[i];
            conn = client->conn;

            ngx_sio_client_destroy(client);

            if (conn) {
                ngx_sio_conn_drop(conn, 0);
            }
        }
    }

    w->first_task = 0;
    w->ntasks = 0;

    (void) ngx_sio_zone_acknowledge(&w->zone);

    ngx_sio_worker_relisten(w);

    w->aborting = 0;
}


void
ngx_sio_random_id(ngx_sio_worker_t *w, u_char id[NGX_SIO_ID_LEN])
{
    size_t   n;
    ssize_t  rc;

    if (w->nrandom < 15) {

        for (n = 0; n < sizeof(w->random); n += rc) {
            rc = getrandom(w->random + n, sizeof(w->random) - n, 0);

            if (rc < 0) {
                rc = 0;

                if (ngx_errno != NGX_EINTR) {
                    /* cannot happen after boot; never a repeated id */
                    ngx_log_error(NGX_LOG_ALERT, w->log, ngx_errno,
                                  "getrandom() failed");
                    ngx_debug_point();
                    break;
                }
            }
        }

        w->nrandom = sizeof(w->random);
    }

    w->nrandom -= 15;
    sio_eio_write_sid(id, w->random + w->nrandom);
}
