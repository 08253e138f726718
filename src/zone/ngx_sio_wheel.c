
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Wheels of deadlines: buckets of 128 ms.  A deadline that moves away stays
 * where it is and is put into its place when the bucket's turn comes; so does
 * one that lies further ahead than the wheel reaches (131 s).
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


#define NGX_SIO_WHEEL_TICKS   (0xffffffffU >> NGX_SIO_WHEEL_SHIFT)
#define NGX_SIO_WHEEL_DUE     (NGX_SIO_WHEEL_SIZE + 1)

/* ticks count modulo 2^25 */
#define ngx_sio_ticks(a, b)   (((a) - (b)) & NGX_SIO_WHEEL_TICKS)
#define ngx_sio_tick_before(a, b)                                             \
    (ngx_sio_ticks(a, b) > NGX_SIO_WHEEL_TICKS / 2)


static uint32_t *ngx_sio_timer_list(ngx_sio_zone_t *z, ngx_uint_t wheel,
    uint32_t bucket);
static void ngx_sio_timer_link(ngx_sio_zone_t *z, ngx_uint_t wheel,
    ngx_sio_timer_sh_t *timer, uint32_t bucket);
static uint32_t ngx_sio_timer_bucket(ngx_sio_wheel_sh_t *w, uint32_t due);


static uint32_t *
ngx_sio_timer_list(ngx_sio_zone_t *z, ngx_uint_t wheel, uint32_t bucket)
{
    uint32_t  *buckets;

    if (bucket == NGX_SIO_WHEEL_DUE) {
        return &z->root->wheels[wheel].due;
    }

    buckets = (uint32_t *) (z->base + z->root->wheel_off);

    return &buckets[wheel * NGX_SIO_WHEEL_SIZE + bucket - 1];
}


static uint32_t
ngx_sio_timer_bucket(ngx_sio_wheel_sh_t *w, uint32_t due)
{
    uint32_t  tick, n;

    tick = due >> NGX_SIO_WHEEL_SHIFT;

    n = ngx_sio_tick_before(tick, w->tick) ? 0 : ngx_sio_ticks(tick, w->tick);

    if (n >= NGX_SIO_WHEEL_SIZE) {
        n = NGX_SIO_WHEEL_SIZE - 1;
    }

    return ((w->tick + n) & (NGX_SIO_WHEEL_SIZE - 1)) + 1;
}


static void
ngx_sio_timer_link(ngx_sio_zone_t *z, ngx_uint_t wheel,
    ngx_sio_timer_sh_t *timer, uint32_t bucket)
{
    uint32_t            *head;
    ngx_sio_ref_t        ref;
    ngx_sio_timer_sh_t  *next;

    head = ngx_sio_timer_list(z, wheel, bucket);
    ref = ngx_sio_ref(z, timer);

    ngx_sio_set(z, &timer->bucket, bucket);
    ngx_sio_set(z, &timer->prev, 0);
    ngx_sio_set(z, &timer->next, *head);

    if (*head) {
        next = ngx_sio_ptr(z, *head);
        ngx_sio_set(z, &next->prev, ref);
    }

    ngx_sio_set(z, head, ref);
    ngx_sio_add(z, &z->root->wheels[wheel].count, 1);
}


void
ngx_sio_timer_set_locked(ngx_sio_zone_t *z, ngx_uint_t wheel,
    ngx_sio_timer_sh_t *timer, uint32_t due, uint32_t now)
{
    uint32_t             bucket;
    ngx_sio_wheel_sh_t  *w;

    w = &z->root->wheels[wheel];

    if (!w->started) {
        ngx_sio_set(z, &w->started, 1);
        ngx_sio_set(z, &w->tick, now >> NGX_SIO_WHEEL_SHIFT);
    }

    ngx_sio_set(z, &timer->due, due);

    if (timer->bucket == NGX_SIO_WHEEL_DUE) {
        /* whoever takes it looks what is due */
        return;
    }

    bucket = ngx_sio_timer_bucket(w, due);

    if (timer->bucket) {

        if (((timer->bucket - 1 - w->tick) & (NGX_SIO_WHEEL_SIZE - 1))
            <= ((bucket - 1 - w->tick) & (NGX_SIO_WHEEL_SIZE - 1)))
        {
            return;
        }

        ngx_sio_timer_del_locked(z, wheel, timer);
    }

    ngx_sio_timer_link(z, wheel, timer, bucket);
}


void
ngx_sio_timer_del_locked(ngx_sio_zone_t *z, ngx_uint_t wheel,
    ngx_sio_timer_sh_t *timer)
{
    ngx_sio_timer_sh_t  *t;

    if (timer->bucket == 0) {
        return;
    }

    if (timer->prev) {
        t = ngx_sio_ptr(z, timer->prev);
        ngx_sio_set(z, &t->next, timer->next);

    } else {
        ngx_sio_set(z, ngx_sio_timer_list(z, wheel, timer->bucket),
                    timer->next);
    }

    if (timer->next) {
        t = ngx_sio_ptr(z, timer->next);
        ngx_sio_set(z, &t->prev, timer->prev);
    }

    ngx_sio_set(z, &timer->next, 0);
    ngx_sio_set(z, &timer->prev, 0);
    ngx_sio_set(z, &timer->bucket, 0);
    ngx_sio_add(z, &z->root->wheels[wheel].count, -1);
}


ngx_int_t
ngx_sio_wheel_turn_locked(ngx_sio_zone_t *z, ngx_uint_t wheel, uint32_t now,
    ngx_uint_t max)
{
    uint32_t             tick, bucket, to;
    ngx_uint_t           n;
    ngx_sio_ref_t        ref, next;
    ngx_sio_timer_sh_t  *timer;
    ngx_sio_wheel_sh_t  *w;

    w = &z->root->wheels[wheel];
    tick = now >> NGX_SIO_WHEEL_SHIFT;

    if (!w->started || ngx_sio_tick_before(tick, w->tick)) {
        return NGX_OK;
    }

    if (w->count == 0) {
        ngx_sio_set(z, &w->tick, tick);
        return NGX_OK;
    }

    if (ngx_sio_ticks(tick, w->tick) >= NGX_SIO_WHEEL_SIZE) {
        /* all buckets are past; one round meets each */
        ngx_sio_set(z, &w->tick,
                    ngx_sio_ticks(tick, NGX_SIO_WHEEL_SIZE - 1));
    }

    n = 0;

    for ( ;; ) {
        bucket = (w->tick & (NGX_SIO_WHEEL_SIZE - 1)) + 1;

        for (ref = *ngx_sio_timer_list(z, wheel, bucket); ref; ref = next) {
            timer = ngx_sio_ptr(z, ref);
            next = timer->next;

            to = ngx_sio_before(now, timer->due)
                 ? ngx_sio_timer_bucket(w, timer->due) : NGX_SIO_WHEEL_DUE;

            if (to == bucket) {
                continue;
            }

            if (n++ == max || ngx_sio_failed(z)) {
                return NGX_AGAIN;
            }

            ngx_sio_timer_del_locked(z, wheel, timer);
            ngx_sio_timer_link(z, wheel, timer, to);
        }

        if (w->tick == tick || ngx_sio_failed(z)) {
            return NGX_OK;
        }

        ngx_sio_set(z, &w->tick, ngx_sio_ticks(w->tick + 1, 0));
    }
}
