
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Base64 (RFC 4648): strict when writing, lenient as Node's when reading.
 */


#ifndef _SIO_BASE64_H_INCLUDED_
#define _SIO_BASE64_H_INCLUDED_


#include "sio_wire.h"


/* length of len bytes when written, padding included */
#define sio_base64_len(len)       ((((size_t) (len)) + 2) / 3 * 4)

/* the most bytes that len characters can decode to */
#define sio_base64_max_read(len)  ((((size_t) (len)) + 3) / 4 * 3)

/* writes sio_base64_len(len) characters to dst, returns that number */
size_t sio_base64_write(uint8_t *dst, const uint8_t *src, size_t len);

/*
 * Reads as Buffer.from(s, "base64") does: "+/" and "-_", anything else is
 * skipped, the first "=" ends it, padding may be missing; never fails.
 * dst needs sio_base64_max_read(len) bytes, and may be src itself.
 * Returns the number of bytes written.  (Engine.IO v4, Packet encoding)
 */
size_t sio_base64_read(uint8_t *dst, const uint8_t *src, size_t len);


#endif /* _SIO_BASE64_H_INCLUDED_ */
