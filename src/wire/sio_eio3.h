
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Engine.IO v3: what differs from v4 (sio_eio.h) on the wire.  Packets are
 * sio_eio_packet_t, but for an unknown type, which a binary or base64 packet
 * may have: like Node's server it is passed over, as SIO_EIO_NOOP.
 */


#ifndef _SIO_EIO3_H_INCLUDED_
#define _SIO_EIO3_H_INCLUDED_


#include "sio_eio.h"


/*
 * Parses one packet as it stands in a WebSocket message.  Text: a type
 * character and data, or "b", a type character and base64; binary: a type byte
 * (0-6) and data.  Engine.IO v3, Encoding.
 *
 * SIO_OK, or SIO_ERROR: empty text, or its first character is not 0-6 or b
 */
int sio_eio3_parse(uint8_t *p, size_t len, unsigned binary,
    sio_eio_packet_t *pkt);

/*
 * Walks the packets of a polling payload.
 *
 * Text (valid UTF-8): "LENGTH:PACKET" again and again, the length in UTF-16
 * units; items of length 0 are passed over.  Nothing at all is an error.
 *
 * Binary: for each packet 0 (text) or another byte (binary), the digits of its
 * length in bytes as the values 0-9, 255, then the packet.  A last one that is
 * cut off is taken as it is; a bad length anywhere spoils the whole payload.
 * Nothing at all is no packet.
 *
 * Codes as of sio_eio_payload_next().  Cost: linear, binary twice.
 */
typedef struct {
    uint8_t   *pos;
    uint8_t   *last;
    unsigned   binary:1;
    unsigned   bad:1;      /* the next one is SIO_ERROR ... */
    unsigned   end:1;      /* ... or SIO_DONE */
} sio_eio3_payload_t;

void sio_eio3_payload_init(sio_eio3_payload_t *pl, uint8_t *p, size_t len,
    unsigned binary);
int sio_eio3_payload_next(sio_eio3_payload_t *pl, sio_eio_packet_t *pkt);

/* UTF-16 units of a valid UTF-8 text */
size_t sio_eio3_units(const uint8_t *p, size_t len);

/*
 * Writes what stands in front of a packet in a payload, at most
 * SIO_EIO3_HEAD_MAX bytes; returns the length.  units: of the packet, its type
 * included; len: the same in bytes
 */
#define SIO_EIO3_HEAD_MAX  22

size_t sio_eio3_write_text_head(uint8_t *dst, size_t units);
size_t sio_eio3_write_binary_head(uint8_t *dst, unsigned binary, size_t len);


#endif /* _SIO_EIO3_H_INCLUDED_ */
