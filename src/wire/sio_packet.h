
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Socket.IO v5 packets: what stands in the data of an Engine.IO message.
 *
 *     <type>[<attachments>-][<namespace>,][<id>][<JSON>]
 */


#ifndef _SIO_PACKET_H_INCLUDED_
#define _SIO_PACKET_H_INCLUDED_


#include "sio_wire.h"
#include "sio_json.h"


#define SIO_CONNECT        0
#define SIO_DISCONNECT     1
#define SIO_EVENT          2
#define SIO_ACK            3
#define SIO_CONNECT_ERROR  4
#define SIO_BINARY_EVENT   5
#define SIO_BINARY_ACK     6


typedef struct {
    uint32_t         max_attachments;  /* Node: 10 */
    uint32_t         max_depth;        /* of the JSON, open brackets */
    uint32_t         max_nsp;          /* bytes of a namespace name */
} sio_packet_limits_t;


typedef struct {
    uint8_t          type;
    uint32_t         nattachments;     /* BINARY_*: 1..max_attachments */
    sio_str_t        nsp;              /* "/" when the text names none (this
                                          one is constant, not the text's) */
    sio_str_t        id;               /* decimal digits without leading zeros,
                                          at most 20; empty: none */
    sio_json_info_t  json;             /* json.type NONE: no payload */
} sio_packet_t;


/*
 * Parses the text of a packet.  args gets the slices of the payload array's
 * first max_args elements (args[0] is the event's name for EVENT), their
 * number is json.nelts.
 *
 * Refused (SIO_ERROR), as Node's decoder does: bad type; missing, zero,
 * non-numeric or too many attachments; JSON that does not parse or does not
 * suit the type (CONNECT: object; DISCONNECT: none; EVENT: array that begins
 * with a number or a string that is not reserved; ACK: array); for BINARY_*: a
 * placeholder whose num is not a whole number below nattachments.  Every type
 * may come without a payload, also as Node has it.
 *
 * Refused beyond that: an id of more than 20 digits; control characters in a
 * namespace, or one longer than max_nsp; in BINARY_* what is said at
 * sio_packet_next_placeholder().  A space in front of the JSON is white space,
 * not the id 0.
 *
 * After SIO_OK all of the text is valid UTF-8 and has no bytes below 0x20, but
 * for white space between the tokens of the JSON.
 */
int sio_packet_parse(uint8_t *p, size_t len, const sio_packet_limits_t *limits,
    sio_packet_t *pkt, sio_str_t *args, size_t max_args);

/* 1 when a plain name is one of connect connect_error disconnect disconnecting
   newListener removeListener, else 0 */
int sio_packet_reserved(const uint8_t *name, size_t len);

/*
 * Writes everything in front of the JSON: type digit, attachments with "-"
 * (types 5 and 6), namespace with "," unless it is "/", id.  dst NULL: only
 * counts.  Returns the length in bytes.
 */
size_t sio_packet_write_head(uint8_t *dst, unsigned type,
    uint32_t nattachments, const sio_str_t *nsp, const sio_str_t *id);

/*
 * Placeholders in a JSON value, {"_placeholder":true,"num":N}, in the order
 * they stand.  *pos starts at value->data.
 *
 * SIO_OK        *out is the slice of the next placeholder object, *num its
 *               number; *pos is behind it
 * SIO_DONE      no more
 * SIO_ERROR     an object with "_placeholder":true whose num is not a whole
 *               number from 0 to 4294967295, or that has an array or object
 *               among its members: Node ignores other members, but then one
 *               walk over the value would not do, and no client sends any
 *
 * In packets that are not binary such objects are plain data; do not ask.
 * Cost: all calls together look at each byte at most twice.
 */
int sio_packet_next_placeholder(const sio_str_t *value, uint8_t **pos,
    sio_str_t *out, uint32_t *num);

/* writes {"_placeholder":true,"num":N}; at most 40 bytes */
#define SIO_PLACEHOLDER_MAX  40

size_t sio_packet_write_placeholder(uint8_t *dst, uint32_t num);


#endif /* _SIO_PACKET_H_INCLUDED_ */
