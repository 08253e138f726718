
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What the checker's files share.
 */


#ifndef _NGX_SIO_CHECK_H_INCLUDED_
#define _NGX_SIO_CHECK_H_INCLUDED_


#include "ngx_sio_internal.h"


typedef struct {
    ngx_sio_zone_t       *z;
    const char           *what;
    uint32_t              steps;          /* left, for all lists */
    uint32_t              live[NGX_SIO_NCLASSES];
    uint32_t              data;           /* live cells of all data classes */
    uint32_t              cells;          /* of those, found to belong to
                                             something */
    uint32_t              blobs;
    uint32_t              nodes;
    uint32_t              members;
    uint32_t              room_members;
    uint32_t              acks;
    uint32_t              tokens;
    uint32_t              sockets;
    uint32_t              sessions;
    uint32_t              polling;
    uint32_t              handshakes;
    uint32_t              rooms;
    uint32_t              namespaces;
    uint32_t              timers[NGX_SIO_NWHEELS];
    uint32_t              hashed;
    uint32_t              roles[NGX_SIO_MAX_SLOTS];
    uint32_t              slots[NGX_SIO_MAX_SLOTS];
} ngx_sio_check_t;


typedef void (*ngx_sio_check_pt)(ngx_sio_check_t *ck, ngx_sio_ref_t ref);


#define ngx_sio_wrong(ck, text)                                               \
    do {                                                                      \
        if ((ck)->what == NULL) {                                             \
            (ck)->what = text;                                                \
        }                                                                     \
    } while (0)

#define ngx_sio_check_is(ck, ref, cl)                                         \
    (ngx_sio_class((ck)->z, ref) == (ngx_uint_t) (cl))


/* one more step of a list; 0: something is wrong, or the list has no end */
ngx_uint_t ngx_sio_check_step(ngx_sio_check_t *ck);

/* calls the handler for each live record of a class */
void ngx_sio_check_records(ngx_sio_check_t *ck, ngx_uint_t class,
    ngx_sio_check_pt handler);

/* all records, and what they refer to; passes 0, 1, 2 */
void ngx_sio_check_pass(ngx_sio_check_t *ck, ngx_uint_t pass);


#endif /* _NGX_SIO_CHECK_H_INCLUDED_ */
