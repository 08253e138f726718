
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Sweeps: the deadlines of polling sessions that have passed.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


#define NGX_SIO_SWEEP_HOLD    64
#define NGX_SIO_SWEEP_MAX     512


static ngx_int_t ngx_sio_sweep_hold(ngx_sio_zone_t *z, uint32_t now,
    ngx_uint_t forced);


/*
 * A ping takes a node; where there is no memory for it, "forced", the session
 * is closed instead.
 */

static ngx_int_t
ngx_sio_sweep_hold(ngx_sio_zone_t *z, uint32_t now, ngx_uint_t forced)
{
    ngx_int_t              rc, more;
    ngx_uint_t             n;
    ngx_sio_session_sh_t  *s;
    ngx_sio_timer_sh_t    *timer;
    ngx_sio_wheel_sh_t    *w;

    rc = ngx_sio_begin(z);
    if (rc != NGX_OK) {
        return rc;
    }

    w = &z->root->wheels[NGX_SIO_WHEEL_SESSIONS];

    more = ngx_sio_wheel_turn_locked(z, NGX_SIO_WHEEL_SESSIONS, now,
                                     NGX_SIO_SWEEP_HOLD);

    for (n = 0; w->due && n < NGX_SIO_SWEEP_HOLD && !ngx_sio_failed(z); n++) {
        timer = ngx_sio_ptr(z, w->due);
        s = (ngx_sio_session_sh_t *) ((u_char *) timer
                                      - offsetof(ngx_sio_session_sh_t, timer));

        ngx_sio_timer_del_locked(z, NGX_SIO_WHEEL_SESSIONS, timer);

        if (forced && ngx_sio_passed(s->ping_at, now)) {
            (void) ngx_sio_session_close_locked(z, s, NGX_SIO_TRANSPORT_ERROR,
                                                0);
        }

        ngx_sio_session_due_locked(z, s, now);
    }

    if (w->due) {
        more = NGX_AGAIN;
    }

    return ngx_sio_finish(z, more);
}


ngx_int_t
ngx_sio_sweep(ngx_sio_zone_t *z, ngx_msec_t now)
{
    ngx_int_t   rc;
    ngx_uint_t  n;

    rc = NGX_AGAIN;

    for (n = 0; n < NGX_SIO_SWEEP_MAX && rc == NGX_AGAIN;
         n += NGX_SIO_SWEEP_HOLD)
    {
        rc = ngx_sio_sweep_hold(z, (uint32_t) now, 0);

        if (rc == NGX_BUSY) {
            rc = ngx_sio_sweep_hold(z, (uint32_t) now, 1);
        }
    }

    return rc;
}
