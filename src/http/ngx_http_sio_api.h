
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The HTTP API: sio_api, sio_api_key.
 */


#ifndef _NGX_HTTP_SIO_API_H_INCLUDED_
#define _NGX_HTTP_SIO_API_H_INCLUDED_


#include "ngx_http_sio_module.h"
#include "../core/ngx_sio_gather.h"
#include "../core/ngx_sio_order.h"


struct ngx_http_sio_api_s {
    ngx_http_sio_zone_t       *zone;
    ngx_http_core_loc_conf_t  *location;
    u_char                    *file;        /* of "sio_api" */
    ngx_uint_t                 line;
};


/* flags of the query */

#define NGX_HTTP_SIO_API_ALL       0x100
#define NGX_HTTP_SIO_API_VOLATILE  0x200
#define NGX_HTTP_SIO_API_COMPRESS  0x400
#define NGX_HTTP_SIO_API_ACK       0x800
#define NGX_HTTP_SIO_API_FLAGS     0xf00


typedef struct ngx_http_sio_api_lines_s  ngx_http_sio_api_lines_t;

/* one request */

typedef struct {
    ngx_http_sio_ctx_t         ctx;         /* first: for the answers */
    ngx_http_request_t        *request;
    ngx_sio_call_t             call;

    /* the query, decoded; an array of ngx_str_t or one */
    ngx_array_t                to;
    ngx_array_t                except;
    ngx_str_t                  nsp;
    ngx_str_t                  cursor;
    ngx_str_t                  limit;
    ngx_str_t                  timeout;
    ngx_str_t                  name;        /* an event's, a room's */
    ngx_str_t                  wrong;       /* what is, of the query */
    ngx_uint_t                 may;         /* parameters: a bit of each */
    ngx_uint_t                 given;
    ngx_uint_t                 flags;       /* those that are 1 */

    /* orders that were posted */
    ngx_sio_orders_t           orders;
    ngx_uint_t                 done;        /* carried out */
    ngx_pool_t                *pool;        /* for one of many, or NULL */
    ngx_event_t                event;       /* posted: goes on */
    ngx_sio_gather_t           gather;
    ngx_http_sio_api_lines_t  *lines;       /* or NULL */

    u_char                    *out;         /* the answer so far, malloc()ed */
    size_t                     out_len;
    size_t                     out_size;
} ngx_http_sio_api_ctx_t;


/* ngx_http_sio_api.c; return codes of a content handler */

/* {"error":{"code":CODE,"message":...}}: code is a word of ours, the message
   any text */
ngx_int_t ngx_http_sio_api_error(ngx_http_sio_api_ctx_t *api,
    ngx_uint_t status, const char *code, const ngx_str_t *message);

/* the same of orders on lines: ,"line":LINE,"done":DONE behind the message */
ngx_int_t ngx_http_sio_api_error_at(ngx_http_sio_api_ctx_t *api,
    ngx_uint_t status, const char *code, const ngx_str_t *message,
    ngx_uint_t line, ngx_uint_t done);

/* 503: the worker has no part in the zone, or it is being reset */
ngx_int_t ngx_http_sio_api_busy(ngx_http_sio_api_ctx_t *api);

/* 200 */
ngx_int_t ngx_http_sio_api_send(ngx_http_sio_api_ctx_t *api,
    ngx_str_t *json);

/* ngx_http_sio_api_get.c */
ngx_int_t ngx_http_sio_api_sockets(ngx_http_sio_api_ctx_t *api);
ngx_int_t ngx_http_sio_api_rooms(ngx_http_sio_api_ctx_t *api);
ngx_int_t ngx_http_sio_api_room(ngx_http_sio_api_ctx_t *api);

/* ngx_http_sio_api_post.c */
ngx_int_t ngx_http_sio_api_post(ngx_http_sio_api_ctx_t *api);

/* carries out one order, and adds {"receivers":n} to the answer.  NGX_OK;
   NGX_DECLINED, NGX_BUSY: see ngx_sio_order_run(); NGX_ERROR: no memory */
ngx_int_t ngx_http_sio_api_run_one(ngx_http_sio_api_ctx_t *api,
    ngx_sio_order_t *order);

/* the answer to an order that was refused with rc; where: what says which */
ngx_int_t ngx_http_sio_api_refused(ngx_http_sio_api_ctx_t *api, ngx_int_t rc,
    const ngx_str_t *where);

/* adds to the answer.  NGX_OK, NGX_ERROR */
ngx_int_t ngx_http_sio_api_add(ngx_http_sio_api_ctx_t *api, const void *p,
    size_t len);

/* 200, with what was added */
ngx_int_t ngx_http_sio_api_send_out(ngx_http_sio_api_ctx_t *api);

/* milliseconds that go on while a worker is at work */
uint64_t ngx_http_sio_api_clock(void);

/* the slice is over: handler goes on after others had their turn */
void ngx_http_sio_api_pause(ngx_http_sio_api_ctx_t *api,
    ngx_event_handler_pt handler);

/* how long a request may work without a pause, milliseconds */
#define NGX_HTTP_SIO_API_SLICE  2

/* ngx_http_sio_api_ack.c; a final code, or NGX_DONE: it will be answered */
ngx_int_t ngx_http_sio_api_ask(ngx_http_sio_api_ctx_t *api,
    ngx_sio_order_t *order);

/* ngx_http_sio_api_lines.c */
ngx_int_t ngx_http_sio_api_lines(ngx_http_sio_api_ctx_t *api);
void ngx_http_sio_api_lines_free(ngx_http_sio_api_ctx_t *api);


#endif /* _NGX_HTTP_SIO_API_H_INCLUDED_ */
