
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Hooks: a request of our own for a location, on no connection.
 */


#ifndef _NGX_HTTP_SIO_HOOK_H_INCLUDED_
#define _NGX_HTTP_SIO_HOOK_H_INCLUDED_


#include "ngx_http_sio_module.h"


/* where to: hook->target */

typedef struct {
    ngx_str_t                  uri;
    ngx_str_t                  args;
} ngx_http_sio_hook_conf_t;


/*
 * Asks hook->target; hook->body and its like are needed only meanwhile.
 * ngx_sio_hook_done() is called from the event loop, later.
 *
 * NGX_OK, NGX_ERROR: it could not be asked (logged)
 */
ngx_int_t ngx_http_sio_hook_send(ngx_sio_hook_t *hook);

/*
 * Sets listening and local_sockaddr, from c->pool, to where the server listens,
 * or to another place if it has none to itself.  Never a wildcard: nginx would
 * ask the connection's descriptor, which there is not
 *
 * NGX_OK, NGX_ERROR: no memory
 */
ngx_int_t ngx_http_sio_hook_local(ngx_connection_t *c,
    ngx_http_core_srv_conf_t *server);


#endif /* _NGX_HTTP_SIO_HOOK_H_INCLUDED_ */
