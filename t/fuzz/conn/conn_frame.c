
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What clients send: requests with the headers they have, frames with the
 * header that belongs to their payload.
 */


#include "conn.h"
#include "../../../src/wire/sio_msgpack.h"

#include <zlib.h>


#define CONN_TEXT  (CONN_IN + 4096)


static u_char *conn_frame_head(u_char *p, ngx_uint_t first, size_t len);


static u_char  conn_text[CONN_TEXT];


void
conn_request(conn_slot_t *slot, const char *method, u_char location,
    const u_char *sid, ngx_uint_t flags, const u_char *body, size_t len)
{
    int          n, eio;
    char         query[64], *text;
    size_t       cut;
    ngx_uint_t   i;

    query[0] = '\0';
    text = (char *) conn_text;

    if (sid) {
        snprintf(query, sizeof(query), "&sid=%.20s", (const char *) sid);
    }

    eio = (location == 'm' || location == 'n') ? 3 : 4;

    n = sprintf(text, "%s /%c/?EIO=%d&transport=%s%s HTTP/1.1\r\nHost: a\r\n",
                method, location, eio,
                (flags & CONN_WEBSOCKET) ? "websocket" : "polling", query);

    if (flags & CONN_WEBSOCKET) {
        n += sprintf(text + n, "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                     "Sec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s",
                     (flags & CONN_EXTENSION)
                     ? "Sec-WebSocket-Extensions: permessage-deflate; "
                       "client_max_window_bits\r\n" : "");
    }

    if (flags & CONN_GZIP) {
        n += sprintf(text + n, "Accept-Encoding: gzip, deflate\r\n");
    }

    if (flags & CONN_ORIGIN) {
        n += sprintf(text + n, "Origin: http://b\r\n");
    }

    if (flags & CONN_CLOSE) {
        n += sprintf(text + n, "Connection: close\r\n");
    }

    if (body && (flags & CONN_CHUNKED)) {
        n += sprintf(text + n, "Transfer-Encoding: chunked\r\n\r\n");

        cut = len / 3;

        if (cut) {
            n += sprintf(text + n, "%zx\r\n", cut);
            memcpy(text + n, body, cut);
            n += cut;
            n += sprintf(text + n, "\r\n");
        }

        if (len > cut) {
            n += sprintf(text + n, "%zx\r\n", len - cut);
            memcpy(text + n, body + cut, len - cut);
            n += len - cut;
            n += sprintf(text + n, "\r\n");
        }

        n += sprintf(text + n, "0\r\n\r\n");

    } else if (body) {
        n += sprintf(text + n, "Content-Length: %zu\r\n\r\n", len);
        memcpy(text + n, body, len);
        n += len;

    } else {
        n += sprintf(text + n, "\r\n");
    }

    /* what it speaks is the session's, wherever its requests come to */

    for (i = 0; sid && i < conn_nsessions; i++) {
        if (sid == conn_sessions[i].id) {
            location = conn_sessions[i].location;
        }
    }

    slot->out.mixed |= (slot->out.location && slot->out.location != location);
    slot->out.location = location;

    conn_feed(slot, conn_text, n);
}


/* the HTTP API: an order, or a question's path and query */

void
conn_api(conn_slot_t *slot, u_char location, ngx_uint_t question,
    const u_char *p, size_t len)
{
    int    n;
    char  *text;

    text = (char *) conn_text;

    if (!question) {
        n = sprintf(text, "POST /%c/ HTTP/1.1\r\nHost: a\r\n"
                    "Content-Type: application/json\r\n"
                    "Content-Length: %zu\r\n\r\n", location, len);
        memcpy(text + n, p, len);
        n += len;

    } else {
        n = sprintf(text, "GET /%c/", location);
        memcpy(text + n, p, len);
        n += len;
        n += sprintf(text + n, " HTTP/1.1\r\nHost: a\r\n\r\n");
    }

    slot->out.mixed |= (slot->out.location && slot->out.location != location);
    slot->out.location = location;

    conn_feed(slot, conn_text, n);
}


/* RFC 6455, 5.2; the mask is not what breaks servers: it is always the same */

static u_char *
conn_frame_head(u_char *p, ngx_uint_t first, size_t len)
{
    *p++ = (u_char) first;

    if (len < 126) {
        *p++ = (u_char) (0x80 | len);

    } else if (len < 65536) {
        *p++ = 0x80 | 126;
        *p++ = (u_char) (len >> 8);
        *p++ = (u_char) len;

    } else {
        *p++ = 0x80 | 127;
        ngx_memzero(p, 4);
        p[4] = (u_char) (len >> 24);
        p[5] = (u_char) (len >> 16);
        p[6] = (u_char) (len >> 8);
        p[7] = (u_char) len;
        p += 8;
    }

    return ngx_cpymem(p, "\x12\x00\x80\x7f", 4);
}


void
conn_frame(conn_slot_t *slot, ngx_uint_t first, const u_char *p, size_t len)
{
    size_t   i;
    u_char  *dst, *mask;

    dst = conn_frame_head(conn_text, first, len);
    mask = dst - 4;

    for (i = 0; i < len; i++) {
        *dst++ = p[i] ^ mask[i % 4];
    }

    conn_feed(slot, conn_text, dst - conn_text);
}


/* RFC 7692, 7.2.1 */

void
conn_deflated(conn_slot_t *slot, ngx_uint_t first, const u_char *p,
    size_t len)
{
    static u_char    buf[CONN_IN];
    static z_stream  zs;

    if (zs.state == NULL) {
        conn_ok(deflateInit2(&zs, 6, Z_DEFLATED, -15, 8, 0) == Z_OK, "zlib");
    }

    (void) deflateReset(&zs);

    zs.next_in = (u_char *) p;
    zs.avail_in = len;
    zs.next_out = buf;
    zs.avail_out = sizeof(buf);

    if (deflate(&zs, Z_SYNC_FLUSH) == Z_OK && zs.avail_out) {
        conn_frame(slot, first, buf, sizeof(buf) - zs.avail_out - 4);
    }
}


/* the text of a packet as socket.io-msgpack-parser sends it, with as many
   attachments as it says; what is no text stays as it is */

size_t
conn_msgpack(u_char *p, size_t len, ngx_uint_t base64)
{
    size_t      n;
    sio_str_t   text, attachments[4];
    ngx_uint_t  i;

    static u_char  buf[CONN_IN];

    text.data = p;
    text.len = len;

    for (i = 0; i < 4; i++) {
        attachments[i].data = (u_char *) "\x01\x02\x03\xff";
        attachments[i].len = i;
    }

    n = sio_msgpack_write(NULL, &text, attachments, 4);

    if (n == 0 || n > CONN_IN / 2) {
        return len;
    }

    (void) sio_msgpack_write(buf + n, &text, attachments, 4);

    if (!base64) {
        ngx_memcpy(p, buf, n);
        return n;
    }

    *p = 'b';

    return 1 + sio_base64_write(p + 1, buf, n);
}
