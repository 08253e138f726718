
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Answers that somebody outside of the rules asked of many sockets: they are
 * sent to the worker that asked, wherever they come in.
 */


#ifndef _NGX_SIO_GATHER_H_INCLUDED_
#define _NGX_SIO_GATHER_H_INCLUDED_


#include "ngx_sio_core.h"


typedef struct ngx_sio_gather_s  ngx_sio_gather_t;

/* zeroed by the caller, who sets done */

struct ngx_sio_gather_s {
    ngx_sio_link_t            link;         /* worker->gathers, by number */
    ngx_sio_worker_t         *worker;
    ngx_event_t               event;        /* the timeout; posted: it is
                                               over before */
    ngx_uint_t                receivers;    /* sockets that were asked */
    ngx_uint_t                answered;     /* that have, those left out, too */
    ngx_uint_t                nresponses;

    u_char                   *data;         /* "1,{},null": the responses, JSON
                                               with commas between */
    size_t                    len;
    size_t                    cap;
    unsigned                  linked:1;
    unsigned                  truncated:1;  /* some had no room */

    /* called from the event loop, once: all have answered, or it is time, or
       the worker ends; not linked any more, close() it */
    void                    (*done)(ngx_sio_gather_t *gather);
};


/*
 * Emits out, which asks for an answer, and collects for timeout milliseconds.
 *
 * NGX_OK        nobody was there to be asked: all is known, close() it
 * NGX_AGAIN     done() will be called, unless it is closed before
 * NGX_DECLINED  too many are waiting in this worker already
 * NGX_BUSY      the zone is full, or the worker has no slot in it
 */
ngx_int_t ngx_sio_gather_open(ngx_sio_gather_t *gather, ngx_sio_call_t *call,
    ngx_sio_event_out_t *out, ngx_msec_t timeout);

/* forgets it and frees the responses; any number of times */
void ngx_sio_gather_close(ngx_sio_gather_t *gather);


/* inside of core */

/* is it the name of an ack asked by ngx_sio_gather_open() */
ngx_uint_t ngx_sio_gather_named(const ngx_str_t *name);

/* call->event is such a name: its first argument goes to whom it names */
void ngx_sio_gather_answer(ngx_sio_call_t *call);

/* an answer has come to this worker: pure, see z->apply */
void ngx_sio_gather_apply(ngx_sio_worker_t *w, ngx_sio_entry_t *entry);

/* all of them are over, with what is there; 0: there were none */
ngx_uint_t ngx_sio_gathers_end(ngx_sio_worker_t *w);


#endif /* _NGX_SIO_GATHER_H_INCLUDED_ */
