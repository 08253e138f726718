
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#ifndef _NGX_SIO_ACTION_H_INCLUDED_
#define _NGX_SIO_ACTION_H_INCLUDED_


#include "ngx_sio_rules.h"


/* what the client is told when a rule fails that says nothing itself */
#define NGX_SIO_NOT_ALLOWED  "not allowed"


/*
 * Runs one action.  NGX_OK; NGX_DONE: the socket is gone, nothing was done;
 * all others end the block: NGX_DECLINED (run->why is set unless it was a
 * require), NGX_BUSY: the zone is full; NGX_ERROR: no memory.  A require or
 * reject that fails sets call->failure and failure_data.
 */
ngx_int_t ngx_sio_action_run(ngx_sio_run_t *run, ngx_sio_action_t *action);


#endif /* _NGX_SIO_ACTION_H_INCLUDED_ */
