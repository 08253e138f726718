
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


/* ngx_http_sio_hook_headers.c: NGX_OK, NGX_ERROR: no memory */
ngx_int_t ngx_http_sio_hook_describe(ngx_http_request_t *r,
    ngx_sio_hook_t *hook, ngx_http_sio_loc_conf_t *slcf);

/* name is a constant; NULL: no memory */
ngx_table_elt_t *ngx_http_sio_hook_push(ngx_list_t *headers,
    const char *name, ngx_str_t *value, ngx_pool_t *pool);

/* value not empty, escaped is from pool; NGX_OK, NGX_ERROR: no memory */
ngx_int_t ngx_http_sio_hook_escape(ngx_pool_t *pool, const ngx_str_t *value,
    ngx_str_t *escaped);

/* the hook that this request, or its parent, asks; NULL: none */
ngx_sio_hook_t *ngx_http_sio_hook_of(ngx_http_request_t *r);

/* ngx_http_sio_hook_vars.c: variables that only hooks have; in
   preconfiguration */
ngx_int_t ngx_http_sio_hook_add_variables(ngx_conf_t *cf);

/* a variable of rules, for who asks by name; in postconfiguration */
ngx_int_t ngx_http_sio_hook_add_variable(ngx_conf_t *cf, ngx_str_t *name,
    ngx_sio_var_t *var);

/* its value where no rule runs; a get_handler's codes */
ngx_int_t ngx_http_sio_hook_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_sio_var_t *var);

/* ngx_http_sio_hook_sign.c: sio_hook_secret KEY [KEY] */
char *ngx_http_sio_hook_secret(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* headers webhook-...; keys: of ngx_str_t.  NGX_OK, NGX_ERROR */
ngx_int_t ngx_http_sio_hook_sign(ngx_http_request_t *r, ngx_sio_hook_t *hook,
    ngx_array_t *keys);


#endif /* _NGX_HTTP_SIO_HOOK_H_INCLUDED_ */
