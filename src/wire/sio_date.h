
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * JavaScript's Date as text: what toJSON() writes, in UTC.
 */


#ifndef _SIO_DATE_H_INCLUDED_
#define _SIO_DATE_H_INCLUDED_


#include "sio_wire.h"


/* ECMA-262, Time Values: milliseconds from 1970 either way */
#define SIO_DATE_MAX  8640000000000000LL

/* "2026-11-20T12:00:00.000Z"; years beyond 0..9999 have a sign and 6 digits */
#define SIO_DATE_LEN  27


/*
 * Writes ms milliseconds since 1970 (at most SIO_DATE_MAX either way) to dst,
 * at most SIO_DATE_LEN bytes.  Returns the length.
 */
size_t sio_date_write(uint8_t *dst, int64_t ms);

/*
 * Reads exactly what sio_date_write() writes.  SIO_OK; SIO_DECLINED: it is
 * something else
 */
int sio_date_read(const uint8_t *p, size_t len, int64_t *ms);


#endif /* _SIO_DATE_H_INCLUDED_ */
