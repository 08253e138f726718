
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Calls that wait for a hook, inside of core.
 */


#ifndef _NGX_SIO_HOOK_H_INCLUDED_
#define _NGX_SIO_HOOK_H_INCLUDED_


#include "ngx_sio_core.h"


/* an empty one with a pool, on the worker's list; NULL: no memory, or too many
   of them (logged and counted) */
ngx_sio_hook_t *ngx_sio_hook_create(ngx_sio_worker_t *worker);

/* s is then a copy from pool.  NGX_OK, NGX_ERROR */
ngx_int_t ngx_sio_hook_copy(ngx_pool_t *pool, ngx_str_t *s);

/* a copy of the call, all its bytes in a pool of its own; NULL: no memory, or
   too many of them */
ngx_sio_hook_t *ngx_sio_hook_keep(ngx_sio_call_t *call);

/*
 * An event or answer whose rules may wait: keeps it and runs them.  NGX_AGAIN:
 * all that is to be done behind them is, or will be, done; NGX_DECLINED: it
 * could not be kept
 */
ngx_int_t ngx_sio_hook_run(ngx_sio_call_t *call);

/* the rules of a call that was kept have asked (run() said NGX_AGAIN) */
void ngx_sio_hook_wait(ngx_sio_hook_t *hook);

/* or have come to their end, with rc; hook is gone afterwards */
void ngx_sio_hook_end(ngx_sio_hook_t *hook, ngx_int_t rc);

void ngx_sio_hook_free(ngx_sio_hook_t *hook);

/*
 * Carries out the answer (ngx_sio_answer.c).  NGX_OK; NGX_DECLINED: as a
 * require that failed, call->failure is set
 */
ngx_int_t ngx_sio_hook_answer(ngx_sio_hook_t *hook);


/* the answer to what was told of a room (ngx_sio_room_life.c); hook is gone
   afterwards */
void ngx_sio_life_done(ngx_sio_hook_t *hook);


#endif /* _NGX_SIO_HOOK_H_INCLUDED_ */
