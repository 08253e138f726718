
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "sio_ws.h"
#include "sio_scan.h"


#define SIO_WS_FIN          0x80
#define SIO_WS_RSV          0x70
#define SIO_WS_RSV1         0x40
#define SIO_WS_OPCODE       0x0f
#define SIO_WS_CONTROL      0x08
#define SIO_WS_MASKED       0x80

#define SIO_WS_MAX_CONTROL  125

#define SIO_WS_NO_STATUS    1005


static int sio_ws_valid_rsv(sio_ws_t *ws, unsigned first);
static int sio_ws_parse_data(sio_ws_t *ws, uint8_t **pos, uint8_t *last,
    sio_ws_event_t *ev);
static int sio_ws_frame(sio_ws_t *ws, unsigned opcode, unsigned fin,
    uint64_t len, sio_ws_event_t *ev);
static int sio_ws_control(sio_ws_event_t *ev);
static int sio_ws_error(sio_ws_event_t *ev, unsigned code);
static int sio_ws_valid_code(unsigned code);


void
sio_ws_init(sio_ws_t *ws, uint64_t max_message, uint32_t max_fragments)
{
    memset(ws, 0, sizeof(sio_ws_t));

    ws->max_message = max_message;
    ws->max_fragments = max_fragments;
}


int
sio_ws_parse(sio_ws_t *ws, uint8_t **pos, uint8_t *last, sio_ws_event_t *ev)
{
    int        rc;
    size_t     size, left;
    uint8_t   *p;
    uint64_t   len;
    unsigned   i, opcode, fin;

    memset(ev, 0, sizeof(sio_ws_event_t));

    for ( ;; ) {

        if (ws->in_frame) {

            rc = sio_ws_parse_data(ws, pos, last, ev);

            if (rc != SIO_DONE) {
                return rc;
            }
        }

        p = *pos;
        left = last - p;

        if (left < 2) {
            return SIO_AGAIN;
        }

        /* RFC 6455, 5.1: clients must mask */

        opcode = p[0] & SIO_WS_OPCODE;
        fin = (p[0] & SIO_WS_FIN) ? 1 : 0;
        len = p[1] & ~SIO_WS_MASKED;

        if (!sio_ws_valid_rsv(ws, p[0]) || !(p[1] & SIO_WS_MASKED)) {
            return sio_ws_error(ev, SIO_WS_PROTOCOL);
        }

        /* RFC 6455, 5.5: control frames are short and not fragmented */

        if ((opcode & SIO_WS_CONTROL)
            && (opcode > SIO_WS_PONG || !fin || len > SIO_WS_MAX_CONTROL))
        {
            return sio_ws_error(ev, SIO_WS_PROTOCOL);
        }

        size = 2;

        if (len == 126) {
            size += 2;

        } else if (len == 127) {
            size += 8;
        }

        if (left < size + 4) {
            return SIO_AGAIN;
        }

        /* a longer form than needed is accepted, as by Node's ws */

        if (size > 2) {
            len = 0;

            for (i = 2; i < size; i++) {
                len = len << 8 | p[i];
            }
        }

        if (opcode & SIO_WS_CONTROL) {

            if (left - size - 4 < len) {
                return SIO_AGAIN;
            }

            ev->type = opcode;
            ev->data = p + size + 4;
            ev->len = len;

            (void) sio_ws_mask(ev->data, ev->len, p + size, 0);

            *pos = ev->data + len;

            return sio_ws_control(ev);
        }

        if (sio_ws_frame(ws, opcode, fin, len, ev) != SIO_OK) {
            return SIO_ERROR;
        }

        if (opcode != SIO_WS_CONTINUATION) {
            ws->compressed = (p[0] & SIO_WS_RSV1) ? 1 : 0;
        }

        memcpy(ws->mask, p + size, 4);
        *pos = p + size + 4;
    }
}


/* RFC 6455, 5.2; RFC 7692, 6: RSV1 is of a message, so it stands in the first
   frame of one */

static int
sio_ws_valid_rsv(sio_ws_t *ws, unsigned first)
{
    unsigned  opcode;

    opcode = first & SIO_WS_OPCODE;

    switch (first & SIO_WS_RSV) {

    case 0:
        return 1;

    case SIO_WS_RSV1:
        return ws->deflate
               && (opcode == SIO_WS_TEXT || opcode == SIO_WS_BINARY);

    default:
        return 0;
    }
}


/*
 * Payload of the data frame in progress.
 *
 * SIO_OK     *ev holds an event
 * SIO_AGAIN  nothing there to read
 * SIO_DONE   the frame was empty and is not the message's last
 * SIO_ERROR  ev->code is set
 */

static int
sio_ws_parse_data(sio_ws_t *ws, uint8_t **pos, uint8_t *last,
    sio_ws_event_t *ev)
{
    size_t  size;

    size = last - *pos;

    if (size > ws->left) {
        size = ws->left;
    }

    if (size == 0 && ws->left) {
        return SIO_AGAIN;
    }

    ws->left -= size;

    if (ws->left == 0) {
        ws->in_frame = 0;

        if (size == 0 && !ws->fin) {
            return SIO_DONE;
        }
    }

    ev->data = *pos;
    ev->len = size;
    ev->first = (ws->message == 0);
    ev->last = (ws->fin && ws->left == 0);

    *pos += size;
    ws->message += size;
    ws->shift = sio_ws_mask(ev->data, size, ws->mask, ws->shift);

    ev->compressed = ws->compressed;

    /* RFC 6455, 8.1: the text is checked as a whole, not each fragment */

    if (ws->opcode == SIO_WS_TEXT && !ws->compressed) {

        if (sio_utf8_check(&ws->utf8, ev->data, size) != SIO_OK) {
            return sio_ws_error(ev, SIO_WS_BAD_DATA);
        }

        if (ev->last && sio_utf8_done(&ws->utf8) != SIO_OK) {
            return sio_ws_error(ev, SIO_WS_BAD_DATA);
        }
    }

    ev->type = ws->opcode;

    if (ev->last) {
        ws->opcode = 0;
    }

    return SIO_OK;
}


/* the header of a data frame; RFC 6455, 5.4.  Fragmentation */

static int
sio_ws_frame(sio_ws_t *ws, unsigned opcode, unsigned fin, uint64_t len,
    sio_ws_event_t *ev)
{
    if (opcode > SIO_WS_BINARY) {
        return sio_ws_error(ev, SIO_WS_PROTOCOL);
    }

    if (opcode == SIO_WS_CONTINUATION) {

        if (ws->opcode == 0) {
            return sio_ws_error(ev, SIO_WS_PROTOCOL);
        }

    } else {

        if (ws->opcode) {
            return sio_ws_error(ev, SIO_WS_PROTOCOL);
        }

        ws->opcode = opcode;
        ws->message = 0;
        ws->nfragments = 0;
        memset(&ws->utf8, 0, sizeof(sio_utf8_t));
    }

    /* ws->message never exceeds max_message */

    if (len > ws->max_message - ws->message) {
        return sio_ws_error(ev, SIO_WS_TOO_BIG);
    }

    if (ws->nfragments >= ws->max_fragments) {
        return sio_ws_error(ev, SIO_WS_POLICY);
    }

    ws->nfragments++;
    ws->left = len;
    ws->fin = fin;
    ws->shift = 0;
    ws->in_frame = 1;

    return SIO_OK;
}


static int
sio_ws_control(sio_ws_event_t *ev)
{
    unsigned  code;

    if (ev->type != SIO_WS_CLOSE) {
        return SIO_OK;
    }

    /* RFC 6455, 5.5.1 */

    if (ev->len == 0) {
        ev->code = SIO_WS_NO_STATUS;
        return SIO_OK;
    }

    if (ev->len == 1) {
        return sio_ws_error(ev, SIO_WS_PROTOCOL);
    }

    code = ev->data[0] << 8 | ev->data[1];

    if (!sio_ws_valid_code(code)) {
        return sio_ws_error(ev, SIO_WS_PROTOCOL);
    }

    ev->data += 2;
    ev->len -= 2;

    if (sio_utf8_valid(ev->data, ev->len) != SIO_OK) {
        return sio_ws_error(ev, SIO_WS_BAD_DATA);
    }

    ev->code = code;

    return SIO_OK;
}


static int
sio_ws_error(sio_ws_event_t *ev, unsigned code)
{
    memset(ev, 0, sizeof(sio_ws_event_t));

    ev->code = code;

    return SIO_ERROR;
}


/* RFC 6455, 7.4, and the codes registered with IANA since */

static int
sio_ws_valid_code(unsigned code)
{
    if (code >= 3000) {
        return code <= 4999;
    }

    return code >= 1000 && code <= 1014
           && code != 1004 && code != 1005 && code != 1006;
}


unsigned
sio_ws_mask(uint8_t *p, size_t len, const uint8_t mask[4], unsigned shift)
{
    unsigned  i;
    uint8_t   m[8];
    uint64_t  w, w0, w1, w2, w3;

    shift &= 3;

    if (len >= 8) {

        for (i = 0; i < 8; i++) {
            m[i] = mask[(shift + i) & 3];
        }

        w = sio_load64(m);

        while (len >= 32) {
            w0 = sio_load64(p) ^ w;
            w1 = sio_load64(p + 8) ^ w;
            w2 = sio_load64(p + 16) ^ w;
            w3 = sio_load64(p + 24) ^ w;

            memcpy(p, &w0, 8);
            memcpy(p + 8, &w1, 8);
            memcpy(p + 16, &w2, 8);
            memcpy(p + 24, &w3, 8);

            p += 32;
            len -= 32;
        }

        while (len >= 8) {
            w0 = sio_load64(p) ^ w;
            memcpy(p, &w0, 8);

            p += 8;
            len -= 8;
        }
    }

    while (len) {
        *p++ ^= mask[shift];
        shift = (shift + 1) & 3;
        len--;
    }

    return shift;
}


size_t
sio_ws_header_len(uint64_t len)
{
    if (len < 126) {
        return 2;
    }

    return (len <= 0xffff) ? 4 : 10;
}


size_t
sio_ws_write_header(uint8_t *dst, unsigned opcode, uint64_t len)
{
    unsigned  i;

    dst[0] = SIO_WS_FIN | opcode;

    if (len < 126) {
        dst[1] = (uint8_t) len;
        return 2;
    }

    if (len <= 0xffff) {
        dst[1] = 126;
        dst[2] = (uint8_t) (len >> 8);
        dst[3] = (uint8_t) len;
        return 4;
    }

    dst[1] = 127;

    for (i = 0; i < 8; i++) {
        dst[2 + i] = (uint8_t) (len >> (56 - 8 * i));
    }

    return 10;
}


size_t
sio_ws_write_close(uint8_t *dst, unsigned code)
{
    size_t  n;

    n = sio_ws_write_header(dst, SIO_WS_CLOSE, code ? 2 : 0);

    if (code) {
        dst[n++] = (uint8_t) (code >> 8);
        dst[n++] = (uint8_t) code;
    }

    return n;
}
