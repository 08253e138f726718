
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * UTF-8 (RFC 3629): incremental validation, and repair as Node does it.
 */


#ifndef _SIO_UTF8_H_INCLUDED_
#define _SIO_UTF8_H_INCLUDED_


#include "sio_wire.h"


/* what survives between two buffers of one text; all zero is the start */

typedef struct {
    uint8_t  need;     /* continuation bytes still to come */
    uint8_t  low;      /* bounds of the next continuation byte */
    uint8_t  high;
} sio_utf8_t;


/*
 * Checks the next len bytes of a text.  Overlong forms, surrogates and
 * anything above U+10FFFF are errors.  Fast over ASCII (8 bytes a step).
 *
 * SIO_OK     valid so far, the last character may be incomplete
 * SIO_ERROR  invalid; the state is then of no use
 */
int sio_utf8_check(sio_utf8_t *u, const uint8_t *p, size_t len);

/* SIO_OK when the text so far ends with a whole character, else SIO_ERROR */
int sio_utf8_done(sio_utf8_t *u);

/* one-shot: SIO_OK when the len bytes are a valid text, else SIO_ERROR */
int sio_utf8_valid(const uint8_t *p, size_t len);

/*
 * Writes src as valid UTF-8 to dst (room for 3 * len bytes, not overlapping),
 * each maximal invalid part replaced by U+FFFD (WHATWG Encoding, as Node's
 * Buffer does).  dst NULL: writes nothing.  Returns the length of the result
 * in bytes.
 */
size_t sio_utf8_repair(uint8_t *dst, const uint8_t *src, size_t len);


#endif /* _SIO_UTF8_H_INCLUDED_ */
