
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Several workers in one process: each has a slot, an inbox and events of its
 * own, and runs when conn_turn() says so.  Whose an event is, its connection
 * knows, or its log.
 *
 * Time is nginx's, and passes when the script says so.
 */


#include "conn.h"

#include <poll.h>


#define CONN_ROUNDS   1000
#define CONN_ALIGN    (128 * 1024)   /* milliseconds: once around a wheel */


static void conn_log_writer(ngx_log_t *log, ngx_uint_t level, u_char *buf,
    size_t len);
static void conn_worker_start(ngx_uint_t k);
static void conn_worker_exit(ngx_uint_t k);
static void conn_worker_free(ngx_sio_worker_t *w);
static void conn_table_free(ngx_sio_table_t *t);
static ngx_uint_t conn_woken(ngx_uint_t k);
static void conn_posted(ngx_uint_t k);
static ngx_uint_t conn_timers_left(ngx_uint_t k);
static void conn_expire(void);
static ngx_uint_t conn_owner(ngx_event_t *ev);


conn_worker_t      conn_workers[CONN_WORKERS];
ngx_sio_server_t  *conn_servers[CONN_ZONES];
ngx_uint_t         conn_nservers;

static uint32_t    conn_random;


/* those that nginx has made are replaced by ours */

void
conn_workers_init(ngx_cycle_t *cycle)
{
    ngx_uint_t                  i, k;
    ngx_http_sio_zone_t       **zones;
    ngx_http_sio_main_conf_t   *smcf;

    smcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_sio_module);
    conn_ok(smcf && smcf->zones.nelts <= CONN_ZONES, "zones");

    zones = smcf->zones.elts;
    conn_nservers = smcf->zones.nelts;

    for (i = 0; i < conn_nservers; i++) {
        conn_servers[i] = &zones[i]->server;
        conn_workers[0].zones[i] = conn_servers[i]->worker;
    }

    conn_worker_exit(0);

    /* whoever logs, formats; connections take over their location's level */

    cycle->log->log_level = NGX_LOG_INFO;
    cycle->log->writer = conn_log_writer;

    for (k = 0; k < CONN_WORKERS; k++) {
        conn_workers[k].log = *cycle->log;
        conn_workers[k].log.wdata = (void *) (uintptr_t) (k + 1);
        conn_workers[k].log.next = NULL;

        conn_workers[k].cycle = *cycle;
        conn_workers[k].cycle.log = &conn_workers[k].log;

        ngx_queue_init(&conn_workers[k].next);
    }

    conn_net_init();

    for (k = 0; k < CONN_WORKERS; k++) {
        conn_worker_start(k);
    }
}


/* the same input shall be the same again: ids, and where on the wheels */

void
conn_workers_reset(void)
{
    ngx_uint_t         i, k;
    ngx_sio_worker_t  *w;

    ngx_current_msec = (ngx_current_msec / CONN_ALIGN + 1) * CONN_ALIGN;
    conn_expire();
    conn_settle();

    conn_random = 0;

    for (k = 0; k < CONN_WORKERS; k++) {
        for (i = 0; i < conn_nservers; i++) {
            w = conn_workers[k].zones[i];
            w->nrandom = 0;

            /* it keeps what it once had */
            ngx_destroy_pool(w->pool);
            w->pool = ngx_create_pool(4096, w->log);

            if (w->tick.timer_set) {
                ngx_del_timer(&w->tick);
                ngx_add_timer(&w->tick, 50);
            }
        }
    }
}


static void
conn_log_writer(ngx_log_t *log, ngx_uint_t level, u_char *buf, size_t len)
{
    if (conn_verbose || level <= NGX_LOG_ALERT) {
        (void) ngx_write_fd(STDERR_FILENO, buf, len);
    }

    conn_ok(level > NGX_LOG_ALERT, "an alert in the log");
}


void
conn_switch(ngx_uint_t k)
{
    ngx_uint_t  i;

    ngx_exiting = conn_workers[k].exiting;

    for (i = 0; i < conn_nservers; i++) {
        conn_servers[i]->worker = conn_workers[k].zones[i];
    }
}


static void
conn_worker_start(ngx_uint_t k)
{
    ngx_uint_t  i;

    /* without memory it would try again, and again */
    conn_alloc_refuse(0);

    ngx_exiting = 0;
    conn_workers[k].exiting = 0;

    for (i = 0; i < conn_nservers; i++) {
        conn_ok(ngx_sio_worker_init(conn_servers[i], &conn_workers[k].cycle)
                == NGX_OK, "a worker does not start");

        conn_workers[k].zones[i] = conn_servers[i]->worker;
        conn_ok(conn_workers[k].zones[i], "a worker without a slot");
    }
}


static void
conn_worker_exit(ngx_uint_t k)
{
    ngx_uint_t         i;
    ngx_sio_worker_t  *w;

    conn_switch(k);

    for (i = 0; i < CONN_SLOTS; i++) {
        conn_ok(conn_slots[i].connection == NULL || conn_slots[i].worker != k,
                "an exiting worker leaves connection %lu open",
                (unsigned long) i);
    }

    for (i = 0; i < conn_nservers; i++) {
        w = conn_workers[k].zones[i];

        /* in this process all use the same descriptors */

        if (w->wake) {
            w->wake->fd = dup(w->wake->fd);
        }

        ngx_sio_worker_exit(conn_servers[i]);
        conn_worker_free(w);
    }
}


/* what the end of the process would do */

static void
conn_worker_free(ngx_sio_worker_t *w)
{
    ngx_uint_t    i;
    ngx_event_t  *events[8];

    events[0] = &w->tick;
    events[1] = &w->clock;
    events[2] = &w->drain;
    events[3] = &w->flush;
    events[4] = &w->tasks_event;
    events[5] = &w->more;
    events[6] = &w->life;
    events[7] = &w->hooks_end;

    for (i = 0; i < 8; i++) {
        if (events[i]->timer_set) {
            ngx_del_timer(events[i]);
        }

        if (events[i]->posted) {
            ngx_delete_posted_event(events[i]);
        }
    }

    conn_table_free(&w->clients);
    conn_table_free(&w->peers);
    conn_table_free(&w->arrays);
    conn_table_free(&w->parks);
    conn_table_free(&w->posts);
    conn_table_free(&w->candidates);
    conn_table_free(&w->lanes);
    conn_table_free(&w->gathers);

    ngx_free(w->tasks);
    ngx_free(w->args);
    ngx_destroy_pool(w->pool);

    (void) ngx_pfree(ngx_cycle->pool, w);
}


static void
conn_table_free(ngx_sio_table_t *t)
{
    conn_ok(t->n == 0, "an exiting worker has sessions");
    ngx_free(t->buckets);
}


/* a turn of a worker's event loop */

ngx_uint_t
conn_turn(ngx_uint_t k)
{
    ngx_uint_t      i, busy;
    conn_worker_t  *worker;

    worker = &conn_workers[k];

    conn_switch(k);

    busy = 0;

    if (!ngx_queue_empty(&worker->next)) {
        ngx_queue_add(&ngx_posted_next_events, &worker->next);
        ngx_queue_init(&worker->next);

        ngx_event_move_posted_next((ngx_cycle_t *) ngx_cycle);
        busy = 1;
    }

    busy |= conn_woken(k);

    for (i = 0; i < CONN_SLOTS; i++) {
        if (conn_slots[i].worker == k) {
            busy |= conn_deliver(&conn_slots[i]);
        }
    }

    busy |= !ngx_queue_empty(&ngx_posted_events);
    conn_posted(k);

    if (worker->exiting && !conn_timers_left(k)) {
        conn_worker_exit(k);
        conn_worker_start(k);
        busy = 1;
    }

    return busy;
}


/* eventfds are real: a wake-up that is forgotten is one here */

static ngx_uint_t
conn_woken(ngx_uint_t k)
{
    ngx_uint_t         i, n;
    struct pollfd      fds[CONN_ZONES];
    ngx_connection_t  *c[CONN_ZONES];

    n = 0;

    for (i = 0; i < conn_nservers; i++) {
        c[n] = conn_workers[k].zones[i]->wake;

        if (c[n]) {
            fds[n].fd = c[n]->fd;
            fds[n].events = POLLIN;
            n++;
        }
    }

    if (poll(fds, n, 0) <= 0) {
        return 0;
    }

    for (i = 0; i < n; i++) {
        if (fds[i].revents) {
            c[i]->read->ready = 1;
            c[i]->read->handler(c[i]->read);
        }
    }

    return 1;
}


static void
conn_posted(ngx_uint_t k)
{
    ngx_event_process_posted((ngx_cycle_t *) ngx_cycle, &ngx_posted_events);

    if (!ngx_queue_empty(&ngx_posted_next_events)) {
        ngx_queue_add(&conn_workers[k].next, &ngx_posted_next_events);
        ngx_queue_init(&ngx_posted_next_events);
    }
}


void
conn_settle(void)
{
    ngx_uint_t  i, k, busy, round;

    for (round = 0; /* void */ ; round++) {

        conn_ok(round < CONN_ROUNDS, "workers keep each other busy");

        busy = 0;

        for (k = 0; k < CONN_WORKERS; k++) {
            busy |= conn_turn(k);
        }

        if (!busy) {
            break;
        }
    }

    for (k = 0; k < CONN_WORKERS; k++) {
        for (i = 0; i < conn_nservers; i++) {
            conn_ok(!ngx_sio_pending(&conn_workers[k].zones[i]->zone),
                    "worker %lu sleeps, with something in its inbox",
                    (unsigned long) k);
        }
    }
}


void
conn_pass(ngx_msec_t ms, ngx_uint_t strides)
{
    ngx_msec_t  end, stride;

    end = ngx_current_msec + ms;
    stride = ngx_max(10, ms / strides);

    while (ngx_current_msec < end) {
        ngx_current_msec += ngx_min(stride, end - ngx_current_msec);

        conn_expire();
        conn_settle();
    }
}


/* ngx_event_expire_timers(), each at its own worker */

static void
conn_expire(void)
{
    ngx_uint_t          k;
    ngx_event_t        *ev;
    ngx_rbtree_node_t  *node;

    for ( ;; ) {
        node = ngx_event_timer_rbtree.root;

        if (node == ngx_event_timer_rbtree.sentinel) {
            return;
        }

        node = ngx_rbtree_min(node, ngx_event_timer_rbtree.sentinel);

        if ((ngx_msec_int_t) (node->key - ngx_current_msec) > 0) {
            return;
        }

        ev = ngx_rbtree_data(node, ngx_event_t, timer);
        k = conn_owner(ev);

        ngx_del_timer(ev);
        ev->timedout = 1;

        conn_switch(k);
        ev->handler(ev);
        conn_posted(k);
    }
}


static ngx_uint_t
conn_owner(ngx_event_t *ev)
{
    ngx_uint_t    k;
    conn_slot_t  *slot;

    /* a request's log is its location's */

    slot = conn_slot(ev->data);

    if (slot) {
        return slot->worker;
    }

    k = (ngx_uint_t) (uintptr_t) ev->log->wdata;

    conn_ok(k >= 1 && k <= CONN_WORKERS, "nobody's event");

    return k - 1;
}


/* a reload: as ngx_worker_process_cycle() does */

void
conn_quit(ngx_uint_t k)
{
    ngx_uint_t         i;
    ngx_connection_t  *c;

    if (conn_workers[k].exiting) {
        return;
    }

    conn_workers[k].exiting = 1;
    conn_switch(k);

    /* ngx_close_idle_connections() */

    c = ngx_cycle->connections;

    for (i = 0; i < ngx_cycle->connection_n; i++) {

        if (c[i].fd != (ngx_socket_t) -1 && c[i].idle && c[i].read->log
            && conn_owner(c[i].read) == k)
        {
            c[i].close = 1;
            c[i].read->handler(c[i].read);
        }
    }

    conn_posted(k);
}


static ngx_uint_t
conn_timers_left(ngx_uint_t k)
{
    ngx_event_t        *ev;
    ngx_rbtree_node_t  *node;

    node = ngx_event_timer_rbtree.root;

    if (node == ngx_event_timer_rbtree.sentinel) {
        return 0;
    }

    for (node = ngx_rbtree_min(node, ngx_event_timer_rbtree.sentinel);
         node;
         node = ngx_rbtree_next(&ngx_event_timer_rbtree, node))
    {
        ev = ngx_rbtree_data(node, ngx_event_t, timer);

        if (!ev->cancelable && conn_owner(ev) == k) {
            return 1;
        }
    }

    return 0;
}


/* never the same id twice in an input, the same ones in the next */

ssize_t
conn_getrandom(void *buf, size_t len, unsigned flags)
{
    size_t   i;
    u_char  *p;

    p = buf;

    for (i = 0; i < len; i++) {

        if (i % 15 == 0) {
            conn_random++;
        }

        p[i] = (i % 15 < 4) ? (u_char) (conn_random >> (i % 15 * 8)) : 0x55;
    }

    return len;
}
