
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What all of src/wire shares.  This folder turns bytes into meaning and back:
 * libc only, no allocation, no globals, no clock.  The caller owns all memory;
 * slices that come back point into the caller's bytes.
 */


#ifndef _SIO_WIRE_H_INCLUDED_
#define _SIO_WIRE_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>
#include <string.h>


/* the values are nginx's (ngx_core.h), so that no layer has to translate */

#define SIO_OK         0
#define SIO_ERROR     -1
#define SIO_AGAIN     -2
#define SIO_BUSY      -3
#define SIO_DONE      -4
#define SIO_DECLINED  -5


/* same layout as ngx_str_t; the bytes belong to somebody else */

typedef struct {
    size_t    len;
    uint8_t  *data;
} sio_str_t;


#define sio_string(s)  { sizeof(s) - 1, (uint8_t *) s }


#endif /* _SIO_WIRE_H_INCLUDED_ */
