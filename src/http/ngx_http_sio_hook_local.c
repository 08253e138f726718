
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Where a hook's request seems to have come in: $server_addr, $server_port.
 */


#include "ngx_http_sio_rule.h"
#include "ngx_http_sio_hook.h"


static ngx_uint_t ngx_http_sio_hook_serves(ngx_listening_t *ls,
    ngx_http_core_srv_conf_t *server);


ngx_int_t
ngx_http_sio_hook_local(ngx_connection_t *c, ngx_http_core_srv_conf_t *server)
{
    ngx_uint_t        i;
    struct sockaddr  *sa;
    ngx_listening_t  *ls;

    ls = ngx_cycle->listening.elts;

    /* there is one, or there would be no client */
    c->listening = ls;

    for (i = 0; i < ngx_cycle->listening.nelts; i++) {
        if (ngx_http_sio_hook_serves(&ls[i], server)) {
            c->listening = &ls[i];
            break;
        }
    }

    sa = ngx_pnalloc(c->pool, c->listening->socklen);
    if (sa == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(sa, c->listening->sockaddr, c->listening->socklen);

    c->local_sockaddr = sa;
    c->local_socklen = c->listening->socklen;

    if (ngx_inet_wildcard(sa)) {

#if (NGX_HAVE_INET6)
        if (sa->sa_family == AF_INET6) {
            ((struct sockaddr_in6 *) sa)->sin6_addr = in6addr_loopback;
            return NGX_OK;
        }
#endif

        ((struct sockaddr_in *) sa)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }

    return NGX_OK;
}


/* it is the default server there */

static ngx_uint_t
ngx_http_sio_hook_serves(ngx_listening_t *ls, ngx_http_core_srv_conf_t *server)
{
    ngx_uint_t             i;
    ngx_http_port_t       *port;
    ngx_http_addr_conf_t  *conf;

    if (ls->handler != ngx_http_init_connection) {
        return 0;
    }

    port = ls->servers;

    for (i = 0; i < port->naddrs; i++) {

#if (NGX_HAVE_INET6)
        if (ls->sockaddr->sa_family == AF_INET6) {
            conf = &((ngx_http_in6_addr_t *) port->addrs)[i].conf;
        } else
#endif
        {
            conf = &((ngx_http_in_addr_t *) port->addrs)[i].conf;
        }

        if (conf->default_server == server) {
            return 1;
        }
    }

    return 0;
}
