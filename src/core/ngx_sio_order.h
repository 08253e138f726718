
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Orders: actions given as JSON, the `do` of a backend and the body of the
 * API.
 *
 *     {"emit":"news","args":[1],"to":["r1"],"except":"r2"}
 *
 * All of them are read, checked and made ready first; then nothing can be
 * wrong with them any more but a full zone.
 */


#ifndef _NGX_SIO_ORDER_H_INCLUDED_
#define _NGX_SIO_ORDER_H_INCLUDED_


#include "ngx_sio_value.h"


typedef enum {
    NGX_SIO_ORDER_NONE = 0,
    NGX_SIO_ORDER_EMIT = 0x01,
    NGX_SIO_ORDER_JOIN = 0x02,
    NGX_SIO_ORDER_LEAVE = 0x04,
    NGX_SIO_ORDER_DISCONNECT = 0x08,
    NGX_SIO_ORDER_RELAY = 0x10              /* becomes an EMIT */
} ngx_sio_order_e;


typedef struct {
    ngx_sio_order_e           type;
    ngx_sio_event_out_t       out;          /* EMIT; all: out.where */
    ngx_str_t                *rooms;        /* JOIN, LEAVE */
    ngx_uint_t               *max;          /* JOIN: of each, or NULL */
    ngx_uint_t                nrooms;
    ngx_msec_t                timeout;      /* EMIT that asks for acks, else
                                               0: milliseconds */
    ngx_uint_t                close;        /* DISCONNECT */
} ngx_sio_order_t;


/* orders that are read piece by piece */

typedef struct {
    ngx_sio_order_t          *orders;       /* nread of n are there */
    ngx_uint_t                nread;
    ngx_uint_t                n;
    ngx_uint_t                list;         /* an array was given */
    ngx_str_t                 error;        /* of NGX_DECLINED: which member is
                                               wrong, and why; JSON-safe */
    ngx_sio_call_t           *call;
    sio_json_iter_t           it;
    sio_str_t                 value;
} ngx_sio_orders_t;


/*
 * One order (an object) or many (an array of objects, at most the server's
 * max_orders) from a whole JSON text; they and all they point to are from
 * call->pool or parts of json.  A call without a socket has to say whom it
 * means.  open() checks the text, more() reads at most max of them: nothing may
 * be carried out before all are read.
 *
 * NGX_OK        done; more(): orders has all of them
 * NGX_AGAIN     more(): there are more
 * NGX_DECLINED  see orders->error
 * NGX_ERROR     no memory
 */
ngx_int_t ngx_sio_orders_open(ngx_sio_orders_t *orders, ngx_sio_call_t *call,
    const ngx_str_t *json);
ngx_int_t ngx_sio_orders_more(ngx_sio_orders_t *orders, ngx_uint_t max);

/* both, for a hook's answer */
ngx_int_t ngx_sio_orders_read(ngx_sio_call_t *call, const ngx_str_t *json,
    ngx_sio_order_t **orders, ngx_uint_t *n, ngx_str_t *error);

/*
 * Carries one out.  *count: sockets it reached.
 *
 * NGX_OK; NGX_DONE: the call's socket is gone; NGX_DECLINED: a room is full,
 * or a socket would be in too many; NGX_BUSY: the zone is full
 */
ngx_int_t ngx_sio_order_run(ngx_sio_call_t *call, ngx_sio_order_t *order,
    ngx_uint_t *count);

/*
 * May the call's socket do all of this, by sio_join_allow and sio_emit_allow?
 * NGX_OK; NGX_DECLINED: *error says what not; NGX_ERROR: no memory
 */
ngx_int_t ngx_sio_orders_allowed(ngx_sio_call_t *call,
    ngx_sio_order_t *orders, ngx_uint_t n, ngx_str_t *error);

/*
 * Makes the packet of an EMIT: of the event's name as it is spelled and the
 * array of arguments (empty: none); or of the call's own event and arguments.
 * NGX_OK; NGX_DECLINED: *why says what is wrong; NGX_ERROR: no memory
 */
ngx_int_t ngx_sio_order_packet(ngx_sio_call_t *call, ngx_sio_order_t *order,
    const sio_str_t *event, const sio_str_t *array, const char **why);
ngx_int_t ngx_sio_order_relayed(ngx_sio_call_t *call, ngx_sio_order_t *order);

/*
 * An array's text as it goes into a packet: without white space, objects
 * {"_base64":"..."} become result's attachments.  result is zeroed here; *why
 * says what is wrong.
 *
 * NGX_OK, NGX_DECLINED, NGX_ERROR: no memory
 */
ngx_int_t ngx_sio_order_values(ngx_sio_call_t *call, const sio_str_t *array,
    ngx_str_t *json, ngx_sio_result_t *result, const char **why);


#endif /* _NGX_SIO_ORDER_H_INCLUDED_ */
