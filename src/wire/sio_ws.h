
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * WebSocket frames (RFC 6455): a push parser for the server's side and the
 * writer of frame headers.
 *
 * The parser keeps 40 bytes between two buffers and no payload: a frame header
 * or a control frame that is not whole yet stays unread in the caller's
 * buffer (at most SIO_WS_MAX_REST bytes); the caller puts these bytes in front
 * of the next ones.  Payload is unmasked in place and handed on in pieces.
 */


#ifndef _SIO_WS_H_INCLUDED_
#define _SIO_WS_H_INCLUDED_


#include "sio_wire.h"
#include "sio_utf8.h"


#define SIO_WS_CONTINUATION  0x0
#define SIO_WS_TEXT          0x1
#define SIO_WS_BINARY        0x2
#define SIO_WS_CLOSE         0x8
#define SIO_WS_PING          0x9
#define SIO_WS_PONG          0xa

/* the most that the parser leaves unread: 14 bytes of header, less one, or
   a control frame less one byte */
#define SIO_WS_MAX_REST      131

/* the longest header that sio_ws_write_header() writes (no mask) */
#define SIO_WS_MAX_HEADER    10

/* close codes, RFC 6455, 7.4.1 */
#define SIO_WS_NORMAL        1000
#define SIO_WS_PROTOCOL      1002
#define SIO_WS_BAD_DATA      1007
#define SIO_WS_POLICY        1008
#define SIO_WS_TOO_BIG       1009


typedef struct {
    uint64_t    max_message;   /* bytes; more is SIO_WS_TOO_BIG */
    uint32_t    max_fragments; /* frames of one message; more is 1008 */
    uint32_t    nfragments;
    uint64_t    left;          /* payload bytes of this frame still to come */
    uint64_t    message;       /* payload bytes of this message so far */
    uint8_t     mask[4];
    uint8_t     shift;         /* where in the mask the next byte stands */
    uint8_t     opcode;        /* of the message in progress, 0: none */
    unsigned    fin:1;         /* this frame is the message's last */
    unsigned    in_frame:1;
    unsigned    deflate:1;     /* set by the caller after sio_ws_init():
                                  permessage-deflate (RFC 7692) is agreed on */
    unsigned    compressed:1;  /* the message in progress is */
    sio_utf8_t  utf8;
} sio_ws_t;


typedef struct {
    uint8_t     type;          /* SIO_WS_TEXT, _BINARY, _CLOSE, _PING, _PONG */
    unsigned    first:1;       /* TEXT, BINARY: the message starts here ... */
    unsigned    last:1;        /* ... and ends here */
    unsigned    compressed:1;  /* TEXT, BINARY: the data is, and text is not
                                  checked; max_message counts it as it came */
    uint16_t    code;          /* CLOSE: the peer's code, 1005 if none;
                                  on SIO_ERROR: the code to answer with */
    uint8_t    *data;          /* unmasked payload, in the caller's buffer;
                                  CLOSE: the reason */
    size_t      len;
} sio_ws_event_t;


/* max_message in bytes, max_fragments in frames (ws, the library: 16384) */
void sio_ws_init(sio_ws_t *ws, uint64_t max_message, uint32_t max_fragments);

/*
 * Reads on from *pos, at most to last, and moves *pos behind what it took.
 *
 * SIO_OK     *ev holds an event; call again
 * SIO_AGAIN  needs more bytes; *pos..last (at most SIO_WS_MAX_REST bytes) must
 *            be kept and stand in front of the next ones
 * SIO_ERROR  protocol violation: close with ev->code (1002: RSV bits, but for
 *            RSV1 of a message's first frame if ws->deflate is set, unknown
 *            opcode, no mask, control frame too long or fragmented, bad close
 *            payload, stray or missing continuation; 1007: text that is not
 *            UTF-8; 1008: too many fragments; 1009: too big, judged from the
 *            header already); the parser must not be called again
 *
 * An empty message gives one event with len 0.  An event always has bytes or
 * is the last of its message.  After a CLOSE event no more is to be read.
 *
 * A length in a longer form than needed is accepted, as by Node's ws.
 * Cost: linear; a frame without payload that is not a message's last gives no
 * event, but counts as a fragment.
 */
int sio_ws_parse(sio_ws_t *ws, uint8_t **pos, uint8_t *last,
    sio_ws_event_t *ev);

/*
 * x ^= mask over len bytes, beginning with mask[shift]; returns the shift for
 * the bytes behind them.  Eight bytes and more at a step on long payloads.
 */
unsigned sio_ws_mask(uint8_t *p, size_t len, const uint8_t mask[4],
    unsigned shift);

/* length of the header of an unmasked frame with len bytes of payload */
size_t sio_ws_header_len(uint64_t len);

/* writes it to dst (fin set), returns its length in bytes */
size_t sio_ws_write_header(uint8_t *dst, unsigned opcode, uint64_t len);

/* writes a close frame (at most 4 bytes; code 0: empty payload) */
size_t sio_ws_write_close(uint8_t *dst, unsigned code);


#endif /* _SIO_WS_H_INCLUDED_ */
