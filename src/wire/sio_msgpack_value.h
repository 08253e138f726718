
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * MessagePack, value by value, as notepack.io 2.2 understands it.  Not for
 * other layers.
 */


#ifndef _SIO_MSGPACK_VALUE_H_INCLUDED_
#define _SIO_MSGPACK_VALUE_H_INCLUDED_


#include "sio_wire.h"


typedef enum {
    SIO_MSGPACK_NIL = 0,
    SIO_MSGPACK_UNDEFINED,
    SIO_MSGPACK_FALSE,
    SIO_MSGPACK_TRUE,
    SIO_MSGPACK_NUMBER,
    SIO_MSGPACK_DATE,                 /* number: milliseconds */
    SIO_MSGPACK_STR,
    SIO_MSGPACK_BIN,
    SIO_MSGPACK_EXT,                  /* number: its type */
    SIO_MSGPACK_ARRAY,
    SIO_MSGPACK_MAP
} sio_msgpack_kind_e;


typedef struct {
    sio_msgpack_kind_e  kind;
    double              number;       /* JavaScript has no other */
    const uint8_t      *p;            /* STR, BIN, EXT: the bytes */
    size_t              n;            /* their number; ARRAY, MAP: elements */
} sio_msgpack_value_t;


/*
 * The value at *pos, which moves behind it; of an array or a map only behind
 * what stands in front of the elements.
 *
 * SIO_OK, or SIO_ERROR: it is none, or not whole
 */
int sio_msgpack_next(const uint8_t **pos, const uint8_t *last,
    sio_msgpack_value_t *v);


#endif /* _SIO_MSGPACK_VALUE_H_INCLUDED_ */
