
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The HTTP API: sio_api, sio_api_key.
 */


#ifndef _NGX_HTTP_SIO_API_H_INCLUDED_
#define _NGX_HTTP_SIO_API_H_INCLUDED_


#include "ngx_http_sio_module.h"
#include "../core/ngx_sio_order.h"


struct ngx_http_sio_api_s {
    ngx_http_sio_zone_t       *zone;
    ngx_http_core_loc_conf_t  *location;
    u_char                    *file;        /* of "sio_api" */
    ngx_uint_t                 line;
};


/* one request */

typedef struct {
    ngx_http_sio_ctx_t         ctx;         /* first: for the answers */
    ngx_http_request_t        *request;
    ngx_sio_call_t             call;

    /* the query, decoded; an array of ngx_str_t or one */
    ngx_array_t                to;
    ngx_array_t                except;
    ngx_str_t                  room;
    ngx_str_t                  nsp;
    ngx_str_t                  cursor;
    ngx_str_t                  limit;
    ngx_str_t                  event;
    ngx_str_t                  unknown;     /* the last one of no meaning */
    unsigned                   all:1;
    unsigned                   is_volatile:1;
    unsigned                   has_room:1;
} ngx_http_sio_api_ctx_t;


/* ngx_http_sio_api.c; return codes of a content handler */

/* {"error":{"code":CODE,"message":...}}: code is a word of ours, the message
   any text */
ngx_int_t ngx_http_sio_api_error(ngx_http_sio_api_ctx_t *api,
    ngx_uint_t status, const char *code, const ngx_str_t *message);

/* 503: the worker has no part in the zone, or it is being reset */
ngx_int_t ngx_http_sio_api_busy(ngx_http_sio_api_ctx_t *api);

/* 200 */
ngx_int_t ngx_http_sio_api_send(ngx_http_sio_api_ctx_t *api,
    ngx_str_t *json);

/* ngx_http_sio_api_get.c; name: a room's, decoded */
ngx_int_t ngx_http_sio_api_sockets(ngx_http_sio_api_ctx_t *api);
ngx_int_t ngx_http_sio_api_rooms(ngx_http_sio_api_ctx_t *api);
ngx_int_t ngx_http_sio_api_room(ngx_http_sio_api_ctx_t *api,
    const ngx_str_t *name);


#endif /* _NGX_HTTP_SIO_API_H_INCLUDED_ */
