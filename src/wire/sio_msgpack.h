
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Packets of socket.io-msgpack-parser: a packet is one MessagePack map
 * {type, data, id, nsp} in one binary message.  Here they come from and go to
 * the form that everything else knows, the text of a Socket.IO v5 packet with
 * attachments, so that rules see JSON and rooms are shared.
 *
 *     nil, true, false, numbers   the same; NaN and infinities are null
 *     str                         string, invalid UTF-8 replaced as in Node
 *     bin, ext 0                  an attachment; written as bin
 *     ext 0 of 1 byte             undefined: no member of an object, else null
 *     ext 0 of 8 bytes            Date: the string of its toJSON()
 *     any other ext               [type, attachment]
 *
 * This is how JSON.stringify() would have them.  A Date is known again when
 * it goes to a client with this parser, by a spelling that no JSON writer
 * uses: its first character is escaped, "\u0032026-11-20T12:00:00.000Z".
 */


#ifndef _SIO_MSGPACK_H_INCLUDED_
#define _SIO_MSGPACK_H_INCLUDED_


#include "sio_wire.h"
#include "sio_packet.h"


#define SIO_MSGPACK_ID_LEN  21

/* open brackets that sio_msgpack_write() follows */
#define SIO_MSGPACK_MAX_DEPTH  1024


typedef struct {
    uint8_t          type;            /* SIO_CONNECT .. SIO_ACK */
    uint8_t          id_len;          /* 0: none */
    uint8_t          id[SIO_MSGPACK_ID_LEN];  /* decimal, also below 0 */
    sio_str_t        nsp;             /* in the message */
    sio_str_t        data;            /* in the message; len 0: none */
    size_t           json_len;        /* bytes of data as JSON */
    uint32_t         nattachments;
} sio_msgpack_t;


/*
 * Parses a message that must be one whole packet, and no byte more.
 *
 * Refused (SIO_ERROR) as by Node: what is not MessagePack; a type that is not
 * 0..3 (4 is not a client's); nsp not a string; data that does not suit the
 * type (CONNECT: none or a map; DISCONNECT: none; EVENT, ACK: an array); an id
 * that is not a whole number.  Undefined is as good as absent, other keys of
 * the packet are ignored.  An EVENT may have any name, or none.
 *
 * Refused beyond that: more than max_attachments binaries in the data, more
 * than max_depth open containers in it; a key that is an array, a map or an
 * ext; an id past 20 digits; a namespace that cannot stand in a JSON packet:
 * one that does not begin with "/", has a comma or control characters, or is
 * longer than max_nsp; a member _placeholder: true in data with binaries.
 *
 * Cost: the bytes of strings are looked at once, the rest twice.
 */
int sio_msgpack_parse(uint8_t *p, size_t len,
    const sio_packet_limits_t *limits, sio_msgpack_t *pkt);

/*
 * Writes the data of a parsed packet as JSON: pkt->json_len bytes to dst, and
 * where the pkt->nattachments binaries lie in the message to attachments.  In
 * a CONNECT binaries are {"_base64":"..."} instead, and nattachments is 0.
 * The message must be as it was.
 */
void sio_msgpack_write_json(uint8_t *dst, sio_str_t *attachments,
    const sio_msgpack_t *pkt);

/*
 * Writes a packet of ours or an accepted one, the text and its attachments, as
 * notepack.io 2.2 does: least widths, doubles for what is not whole, keys in
 * the order of Node's server.  Whole numbers beyond 64 bits are doubles,
 * which Node gets wrong.  Members that are undefined there are left out.
 *
 * last is the end of the place for it, as it is written backwards; NULL: only
 * counts, which must come first.  Returns the length in bytes; 0: nested
 * deeper than SIO_MSGPACK_MAX_DEPTH, or no such text.  An attachment is there
 * as often as the text speaks of it: the length may be far above that of both.
 */
size_t sio_msgpack_write(uint8_t *last, const sio_str_t *text,
    const sio_str_t *attachments, uint32_t nattachments);


#endif /* _SIO_MSGPACK_H_INCLUDED_ */
