
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Engine.IO v4 packets and payloads.
 */


#ifndef _SIO_EIO_H_INCLUDED_
#define _SIO_EIO_H_INCLUDED_


#include "sio_wire.h"


#define SIO_EIO_OPEN       '0'
#define SIO_EIO_CLOSE      '1'
#define SIO_EIO_PING       '2'
#define SIO_EIO_PONG       '3'
#define SIO_EIO_MESSAGE    '4'
#define SIO_EIO_UPGRADE    '5'
#define SIO_EIO_NOOP       '6'

#define SIO_EIO_SEPARATOR  0x1e
#define SIO_EIO_SID_LEN    20


typedef struct {
    uint8_t    type;       /* SIO_EIO_OPEN ... SIO_EIO_NOOP */
    unsigned   binary:1;   /* a binary message */
    unsigned   base64:1;   /* its data is base64 text still */
    unsigned   has_data:1; /* "4" alone has none (undefined in JavaScript) */
    sio_str_t  data;       /* behind the type character */
} sio_eio_packet_t;


/*
 * Parses one packet as it stands in a WebSocket text message or between two
 * separators.  Engine.IO v4, Packet encoding.
 *
 * SIO_OK, or SIO_ERROR: empty, or the first character is not 0-6 or b
 */
int sio_eio_parse(uint8_t *p, size_t len, sio_eio_packet_t *pkt);

/*
 * Walks the packets of a polling payload.  An empty payload is one bad packet,
 * so is what follows a trailing 0x1e.  Engine.IO v4, Payload encoding.
 *
 * SIO_OK     *pkt is filled
 * SIO_DONE   no more packets
 * SIO_ERROR  a bad packet; what stands behind it is not to be read (if called
 *            nevertheless: SIO_DONE)
 */
typedef struct {
    uint8_t   *pos;
    uint8_t   *last;
    unsigned   end:1;      /* the payload's last packet was taken */
} sio_eio_payload_t;

void sio_eio_payload_init(sio_eio_payload_t *pl, uint8_t *p, size_t len);
int sio_eio_payload_next(sio_eio_payload_t *pl, sio_eio_packet_t *pkt);

/*
 * Writes the open packet `0{"sid":...,"upgrades":[...],"pingInterval":...,
 * "pingTimeout":...,"maxPayload":...}`; intervals in milliseconds, max_payload
 * in bytes.  dst NULL: only counts.  Returns the length in bytes
 * (at most SIO_EIO_OPEN_MAX).
 */
#define SIO_EIO_OPEN_MAX  192

size_t sio_eio_write_open(uint8_t *dst, const uint8_t sid[SIO_EIO_SID_LEN],
    unsigned upgrades, uint64_t ping_interval, uint64_t ping_timeout,
    uint64_t max_payload);

/*
 * A public id of 20 characters [A-Za-z0-9_-] from 15 bytes (socket.io's
 * base64id); dst is not terminated.
 */
void sio_eio_write_sid(uint8_t dst[SIO_EIO_SID_LEN], const uint8_t raw[15]);

/* SIO_OK when p is such an id, else SIO_ERROR */
int sio_eio_check_sid(const uint8_t *p, size_t len);


#endif /* _SIO_EIO_H_INCLUDED_ */
