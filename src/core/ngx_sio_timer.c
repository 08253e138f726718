
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Timers of a worker's own clients: one list per interval, appended at the
 * tail, so that it is sorted; one event, for the earliest of all.
 */


#include "ngx_sio_worker.h"


#define NGX_SIO_TIMERS_APART  10    /* milliseconds: many run at once */


static void ngx_sio_timers_arm(ngx_sio_worker_t *w, ngx_msec_t due);
static void ngx_sio_timer_fire(ngx_sio_worker_t *w, ngx_sio_timer_t *t);


/* due is now + interval but for heartbeats taken over at an upgrade, which
   are sorted in from the tail */

void
ngx_sio_timer_add(ngx_sio_worker_t *w, ngx_sio_timer_t *t,
    ngx_sio_timer_e type, ngx_msec_t interval, ngx_msec_t due)
{
    ngx_uint_t         i;
    ngx_queue_t       *q;
    ngx_sio_timer_t   *other;
    ngx_sio_timers_t  *list;

    ngx_sio_timer_del(t);

    for (i = 0; i < w->ntimers; i++) {
        if (w->timers[i].interval == interval) {
            break;
        }
    }

    if (i == w->ntimers) {

        if (i < NGX_SIO_MAX_TIMERS) {
            ngx_queue_init(&w->timers[i].queue);
            w->timers[i].interval = interval;
            w->ntimers++;

        } else {
            /* the last list serves all others, by searching */
            i--;
        }
    }

    list = &w->timers[i];

    t->type = type;
    t->due = due;
    t->set = 1;

    for (q = ngx_queue_last(&list->queue);
         q != ngx_queue_sentinel(&list->queue);
         q = ngx_queue_prev(q))
    {
        other = ngx_queue_data(q, ngx_sio_timer_t, queue);

        if ((ngx_msec_int_t) (due - other->due) >= 0) {
            break;
        }
    }

    ngx_queue_insert_after(q, &t->queue);

    ngx_sio_timers_arm(w, due);
}


static void
ngx_sio_timers_arm(ngx_sio_worker_t *w, ngx_msec_t due)
{
    ngx_msec_t  wait;

    wait = due - ngx_current_msec;

    if ((ngx_msec_int_t) wait < NGX_SIO_TIMERS_APART) {
        wait = NGX_SIO_TIMERS_APART;
    }

    if (w->clock.timer_set) {

        if ((ngx_msec_int_t) (ngx_current_msec + wait - w->clock.timer.key)
            >= 0)
        {
            return;
        }

        /* ngx_add_timer() alone would not move it by less than 300 ms */

        ngx_del_timer(&w->clock);
    }

    ngx_add_timer(&w->clock, wait);
}


void
ngx_sio_timer_del(ngx_sio_timer_t *t)
{
    if (t->set) {
        ngx_queue_remove(&t->queue);
        t->set = 0;
    }
}


void
ngx_sio_timers_run(ngx_sio_worker_t *w)
{
    ngx_uint_t        i;
    ngx_queue_t      *q;
    ngx_sio_timer_t  *t;

    for (i = 0; i < w->ntimers; i++) {

        while (!ngx_queue_empty(&w->timers[i].queue)) {

            q = ngx_queue_head(&w->timers[i].queue);
            t = ngx_queue_data(q, ngx_sio_timer_t, queue);

            if ((ngx_msec_int_t) (t->due - ngx_current_msec) > 0) {
                break;
            }

            ngx_sio_timer_del(t);
            ngx_sio_timer_fire(w, t);
        }
    }

    for (i = 0; i < w->ntimers; i++) {

        if (!ngx_queue_empty(&w->timers[i].queue)) {
            q = ngx_queue_head(&w->timers[i].queue);
            t = ngx_queue_data(q, ngx_sio_timer_t, queue);

            ngx_sio_timers_arm(w, t->due);
        }
    }
}


static void
ngx_sio_timer_fire(ngx_sio_worker_t *w, ngx_sio_timer_t *t)
{
    u_char  *p;

    p = (u_char *) t;

    switch (t->type) {

    case NGX_SIO_TIMER_PING:
        ngx_sio_conn_ping((ngx_sio_client_t *)
                          (p - offsetof(ngx_sio_client_t, timer)));
        return;

    case NGX_SIO_TIMER_PONG:
        ngx_sio_client_close((ngx_sio_client_t *)
                             (p - offsetof(ngx_sio_client_t, timer)),
                             NGX_SIO_PING_TIMEOUT, 0);
        return;

    case NGX_SIO_TIMER_CONNECT:
        ngx_sio_client_close((ngx_sio_client_t *)
                             (p - offsetof(ngx_sio_client_t, connect)),
                             NGX_SIO_FORCED_CLOSE, 0);
        return;

    case NGX_SIO_TIMER_UPGRADE:
        ngx_sio_conn_timeout((ngx_sio_conn_t *)
                             (p - offsetof(ngx_sio_conn_t, timer)));
        return;

    case NGX_SIO_TIMER_ACK:
        ngx_sio_asked_expired((ngx_sio_asked_t *)
                              (p - offsetof(ngx_sio_asked_t, timer)));
        return;
    }
}
