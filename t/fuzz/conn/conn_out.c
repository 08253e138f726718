
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What a client makes of the bytes it gets: whatever came in, what goes out
 * is HTTP, WebSocket frames, Engine.IO payloads and Socket.IO packets, each
 * with its attachments behind it and nothing between.
 */


#include "conn.h"
#include "../../../src/wire/sio_eio.h"
#include "../../../src/wire/sio_msgpack_value.h"
#include "../../../src/wire/sio_utf8.h"
#include "../../../src/wire/sio_ws.h"

#include <zlib.h>


#define CONN_HEAD  4096


static size_t conn_out_fill(conn_out_t *out, const u_char *p, size_t len);
static void conn_out_head(conn_out_t *out);
static void conn_out_body(conn_out_t *out);
static ngx_uint_t conn_out_frame(conn_out_t *out);
static void conn_out_message(conn_out_t *out, ngx_uint_t binary, u_char *p,
    size_t len);
static void conn_out_packet(conn_out_t *out, u_char *p, size_t len);
static void conn_out_msgpack(const u_char *p, size_t len);
static u_char *conn_inflate(int window, u_char *p, size_t *len);


static u_char  conn_inflated[2 * CONN_OUT];


void
conn_out_reset(conn_out_t *out)
{
    ngx_memzero(out, offsetof(conn_out_t, buf));
}


void
conn_out_bytes(conn_out_t *out, const u_char *p, size_t len)
{
    size_t  n;

    while (len) {

        switch (out->state) {

        case CONN_OUT_HEAD:
            out->need = out->len + 1;
            n = conn_out_fill(out, p, len);

            if (out->len >= 4
                && memcmp(out->buf + out->len - 4, "\r\n\r\n", 4) == 0)
            {
                conn_out_head(out);

            } else if (out->len == CONN_HEAD) {
                conn_fail("an endless header");
            }

            break;

        case CONN_OUT_BODY:
            n = conn_out_fill(out, p, len);

            if (out->len == out->need) {
                conn_out_body(out);
            }

            break;

        case CONN_OUT_FRAME:
            n = conn_out_fill(out, p, len);

            if (out->len == out->need && conn_out_frame(out)
                && out->state == CONN_OUT_FRAME)
            {
                out->len = 0;
                out->need = 2;
            }

            break;

        case CONN_OUT_CLOSED:
            conn_fail("%zu bytes behind a close frame", len);

        default: /* CONN_OUT_IGNORED */
            return;
        }

        p += n;
        len -= n;
    }
}


static size_t
conn_out_fill(conn_out_t *out, const u_char *p, size_t len)
{
    size_t  n;

    conn_ok(out->need <= CONN_OUT, "%zu bytes at once", out->need);

    n = ngx_min(len, out->need - out->len);

    ngx_memcpy(out->buf + out->len, p, n);
    out->len += n;

    return n;
}


static void
conn_out_head(conn_out_t *out)
{
    int          status;
    char        *length, *text;

    /* what is behind the header is the next one's first byte */

    text = (char *) out->buf;
    text[out->len - 1] = '\0';

    conn_ok(strncmp(text, "HTTP/1.1 ", 9) == 0, "no HTTP: %s", text);
    status = atoi(text + 9);

    length = strstr(text, "\r\nContent-Length: ");

    out->len = 0;
    out->window = 0;

    if (status == 101) {
        out->deflate = strstr(text, "permessage-deflate") != NULL;
        out->state = CONN_OUT_FRAME;
        out->need = 2;
        return;
    }

    if (length == NULL) {
        out->state = (status == 204) ? CONN_OUT_HEAD : CONN_OUT_IGNORED;
        return;
    }

    out->need = atoi(length + 18);
    out->poll = (status == 200 && strstr(text, "Content-Type: text/plain"));

    if (strstr(text, "Content-Encoding: gzip")) {
        out->window = 16 + 15;

    } else if (strstr(text, "Content-Encoding: deflate")) {
        out->window = 15;
    }

    out->state = out->need ? CONN_OUT_BODY : CONN_OUT_HEAD;
}


static void
conn_out_body(conn_out_t *out)
{
    size_t             len;
    u_char            *p;
    sio_eio_packet_t   pkt;
    sio_eio_payload_t  pl;

    out->state = CONN_OUT_HEAD;

    p = out->buf;
    len = out->len;
    out->len = 0;

    if (!out->poll || out->mixed || out->location > 'l') {
        return;
    }

    if (out->window) {
        p = conn_inflate(out->window, p, &len);
    }

    conn_ok(sio_utf8_valid(p, len) == SIO_OK, "a payload is not UTF-8");

    sio_eio_payload_init(&pl, p, len);

    while (sio_eio_payload_next(&pl, &pkt) == SIO_OK) {

        if (pkt.binary) {
            pkt.data.len = sio_base64_read(pkt.data.data, pkt.data.data,
                                           pkt.data.len);
            conn_out_message(out, 1, pkt.data.data, pkt.data.len);

        } else {
            conn_out_message(out, 0, pkt.data.data - 1, pkt.data.len + 1);
        }
    }

    conn_ok(pl.end && pl.pos == pl.last, "a bad payload: %.*s", (int) len, p);
    conn_ok(out->attachments == 0, "a payload without all attachments");
}


/* 1: it was whole */

static ngx_uint_t
conn_out_frame(conn_out_t *out)
{
    size_t       len, head;
    u_char      *p;
    ngx_uint_t   opcode;

    p = out->buf;
    opcode = p[0] & 0x0f;

    conn_ok((p[1] & 0x80) == 0, "a masked frame");
    conn_ok(p[0] & 0x80, "a fragment");
    conn_ok((p[0] & 0x30) == 0, "RSV bits");

    len = p[1] & 0x7f;
    head = 2;

    if (len == 126) {
        head = 4;

    } else if (len == 127) {
        head = 10;
    }

    if (out->len < head) {
        out->need = head;
        return 0;
    }

    if (len == 126) {
        len = (p[2] << 8) | p[3];
        conn_ok(len >= 126, "a length of more bytes than it needs");

    } else if (len == 127) {
        conn_ok(p[2] == 0 && p[3] == 0 && p[4] == 0 && p[5] == 0,
                "a huge frame");
        len = ((size_t) p[6] << 24) | (p[7] << 16) | (p[8] << 8) | p[9];
        conn_ok(len >= 65536, "a length of more bytes than it needs");
    }

    if (out->len < head + len) {
        out->need = head + len;
        return 0;
    }

    p += head;

    if (out->buf[0] & 0x40) {
        conn_ok(out->deflate && opcode <= 2, "RSV1");

        memcpy(p + len, "\x00\x00\xff\xff", 4);
        len += 4;
        p = conn_inflate(-15, p, &len);
    }

    switch (opcode) {

    case 1:
        conn_ok(sio_utf8_valid(p, len) == SIO_OK, "a text is not UTF-8");
        conn_out_message(out, 0, p, len);
        break;

    case 2:
        conn_out_message(out, 1, p, len);
        break;

    case 8:
        conn_ok(len != 1 && len < 126, "a close frame of %zu bytes", len);
        out->state = CONN_OUT_CLOSED;
        break;

    case 10:
        conn_ok(len < 126, "a pong of %zu bytes", len);
        break;

    default:
        conn_fail("a frame with opcode %lu", (unsigned long) opcode);
    }

    return 1;
}


/* conn.conf: Socket.IO is at a to d, with MessagePack at k and l; plain
   Engine.IO at e and f; of Engine.IO v3, at m and n, frames are looked at */

#define conn_is_json(out)     ((out)->location <= 'd')
#define conn_is_msgpack(out)  ((out)->location == 'k' || (out)->location == 'l')


static void
conn_out_message(conn_out_t *out, ngx_uint_t binary, u_char *p, size_t len)
{
    sio_json_info_t   info;
    sio_eio_packet_t  pkt;

    if (out->mixed || out->location > 'l') {
        return;
    }

    if (binary) {

        if (conn_is_msgpack(out)) {
            conn_out_msgpack(p, len);

        } else if (conn_is_json(out)) {
            conn_ok(out->attachments, "an attachment of nothing");
            out->attachments--;
        }

        return;
    }

    conn_ok(sio_eio_parse(p, len, &pkt) == SIO_OK && !pkt.binary,
            "no Engine.IO packet: %.*s", (int) len, p);

    switch (pkt.type) {

    case SIO_EIO_OPEN:
        conn_ok(sio_json_parse(pkt.data.data, pkt.data.len, 4, &info, NULL, 0)
                == SIO_OK, "no open packet: %.*s", (int) len, p);
        break;

    case SIO_EIO_MESSAGE:
        conn_ok(!conn_is_msgpack(out), "no MessagePack: %.*s", (int) len, p);

        if (conn_is_json(out)) {
            conn_out_packet(out, p + 1, len - 1);
        }

        break;

    case SIO_EIO_UPGRADE:
        conn_fail("a server sends no upgrade packet");

    default:
        break;
    }
}


static void
conn_out_packet(conn_out_t *out, u_char *p, size_t len)
{
    sio_packet_t         pkt;
    sio_packet_limits_t  limits;

    conn_ok(out->attachments == 0, "a packet among attachments: %.*s",
            (int) len, p);

    limits.max_attachments = 100000;
    limits.max_depth = SIO_JSON_MAX_DEPTH;
    limits.max_nsp = 8192;

    conn_ok(sio_packet_parse(p, len, &limits, &pkt, NULL, 0) == SIO_OK,
            "no Socket.IO packet: %.*s", (int) len, p);

    if (pkt.type == SIO_BINARY_EVENT || pkt.type == SIO_BINARY_ACK) {
        out->attachments = pkt.nattachments;
    }
}


/* one map, and nothing behind it */

static void
conn_out_msgpack(const u_char *p, size_t len)
{
    size_t               n;
    const u_char        *last;
    sio_msgpack_value_t  v;

    last = p + len;

    for (n = 1; n; n--) {
        conn_ok(sio_msgpack_next(&p, last, &v) == SIO_OK, "bad MessagePack");

        if (v.kind == SIO_MSGPACK_MAP) {
            n += 2 * v.n;

        } else if (v.kind == SIO_MSGPACK_ARRAY) {
            n += v.n;
        }
    }

    conn_ok(p == last, "%zu bytes behind a packet", (size_t) (last - p));
}


static u_char *
conn_inflate(int window, u_char *p, size_t *len)
{
    int  rc;

    static z_stream  zs;

    if (zs.state == NULL) {
        conn_ok(inflateInit2(&zs, 15) == Z_OK, "zlib");
    }

    conn_ok(inflateReset2(&zs, window) == Z_OK, "zlib");

    zs.next_in = p;
    zs.avail_in = *len;
    zs.next_out = conn_inflated;
    zs.avail_out = sizeof(conn_inflated);

    rc = inflate(&zs, Z_SYNC_FLUSH);

    conn_ok((rc == Z_OK && window < 0) || (rc == Z_STREAM_END && window > 0),
            "compressed wrongly: %d", rc);
    conn_ok(zs.avail_in == 0 && zs.avail_out, "compressed wrongly");

    *len = sizeof(conn_inflated) - zs.avail_out;

    return conn_inflated;
}
