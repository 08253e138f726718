
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * sio_limit_events: how often, or how much, a client may send.
 */


#ifndef _NGX_SIO_LIMIT_H_INCLUDED_
#define _NGX_SIO_LIMIT_H_INCLUDED_


#include "ngx_sio_value.h"


/* of one place: their rates are taken from together */
#define NGX_SIO_MAX_EVENT_LIMITS  16


/* owner: the cycle's pool */

typedef struct {
    ngx_sio_text_t           *key;          /* NULL: the connection */
    ngx_array_t               events;       /* of ngx_str_t; empty: all, and
                                               CONNECTs and answers, too */
    uint64_t                  rate;         /* events or bytes ... */
    uint64_t                  period;       /* ... in so long a time */
    uint64_t                  burst;        /* events or bytes */
    ngx_sio_refused_e         action;       /* NGX_SIO_REFUSED_EVENT ... */
    uint32_t                  id;           /* the same after a reload that
                                               does not change it */
    unsigned                  bytes:1;
    unsigned                  dry_run:1;

    ngx_str_t                 spelling;     /* "rate=10r/s" */
    u_char                   *file;
    ngx_uint_t                line;

    /* this process's */
    ngx_msec_t                logged;
    ngx_uint_t                over;         /* since then */
} ngx_sio_event_limit_t;


/* how long the rate takes for n events or bytes: never more than what
   ngx_sio_rate_t takes, if n is below 2^32 */
#define ngx_sio_event_limit_cost(limit, n)                                    \
    ngx_max((uint64_t) (n) * (limit)->period / (limit)->rate, 1)


/*
 * May the packet of a call be processed, by all limits of the location and of
 * call's namespace.  Before its rules run.
 *
 * NGX_OK; NGX_DECLINED: it may not: call->failure says why, and the rest is
 * done: counted, logged, an acknowledgement that waits is answered if that is
 * wanted, close_later set
 */
ngx_int_t ngx_sio_call_limit(ngx_sio_call_t *call);


/* the time for what waits before it is processed: it counts when it came.  0:
   there are no limits */
uint64_t ngx_sio_limit_clock(ngx_sio_server_t *server);


#endif /* _NGX_SIO_LIMIT_H_INCLUDED_ */
