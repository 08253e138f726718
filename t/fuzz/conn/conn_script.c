
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * An input is a script, a line for each thing that happens.  What a line needs
 * and does not say is taken for 0, so that every input means something.
 *
 *     hSWLF          handshake of a polling session
 *     gSWLFN         a GET of session N
 *     pSWLFN text    a POST
 *     wSWLFN         a WebSocket: of session N, "-": of its own
 *     aSWL json      an order to the API
 *     ASWL path      a question
 *     qSW text       bytes of a request, and whatever else
 *     tS text        a text frame           TS  compressed
 *     bS bytes       a binary frame         BS  compressed
 *     mS text        a packet, written as MessagePack, in a binary frame
 *     MSWLFN text    the same in a POST
 *     fSHH bytes     a frame with this first byte
 *     xS  XS         the client is gone: FIN, RST
 *     sSH            it takes 2^H bytes more, 0: none, f: all
 *     kSH            its bytes come H at a time, 0: as they are
 *     +H             time passes: 10 ms, 20 ms, 40 ms, ...
 *     !W             worker W quits, as after a reload, and comes back
 *     oHH            allocation HH from now on fails
 *     #              a comment
 *
 * S is a connection (0-9), W a worker (0-2), L a location (conn.conf), F flags
 * (CONN_GZIP ...), N a session in the order they were made, H a hexadecimal
 * digit.  Requests open the connection if it is not open.
 *
 * In text: \sN and \kN are ids of sessions and sockets, \xHH a byte, \rHHC
 * 16 * HH times C, \n a line feed, \e 0x1e, \\ a backslash.
 *
 * After each line all workers run until nobody has anything to do; only the
 * connection's own does, once, when the line begins with a "-".
 */


#include "conn.h"


#define CONN_LINES    256
#define CONN_STRIDES  8
#define CONN_LOCATIONS  14
#define CONN_CHUNKS   200


static void conn_line(const u_char *p, size_t len);
static u_char conn_next(const u_char **p, const u_char *last);
static ngx_uint_t conn_hex(u_char ch);
static const u_char *conn_session(u_char ch);
static size_t conn_unescape(const u_char *p, const u_char *last);


conn_id_t        conn_sessions[CONN_IDS];
conn_id_t        conn_sockets[CONN_IDS];
ngx_uint_t       conn_nsessions;
ngx_uint_t       conn_nsockets;

static u_char    conn_data[CONN_IN];


void
conn_script(const u_char *p, size_t len)
{
    ngx_uint_t     n;
    const u_char  *last, *end;

    last = p + len;

    for (n = 0; p < last && n < CONN_LINES; n++) {

        end = memchr(p, '\n', last - p);
        end = end ? end : last;

        if (conn_verbose) {
            conn_show("line", n, p, end - p);
        }

        conn_line(p, end - p);

        p = end + 1;
    }
}


static void
conn_line(const u_char *p, size_t len)
{
    size_t         n;
    u_char         op, location;
    ngx_uint_t     k, alone, flags, first;
    const u_char  *last, *sid;
    conn_slot_t   *slot;

    last = p + len;
    alone = 0;

    op = conn_next(&p, last);

    if (op == '-') {
        alone = 1;
        op = conn_next(&p, last);
    }

    switch (op) {

    case '+':
        n = conn_hex(conn_next(&p, last));
        conn_pass((ngx_msec_t) 10 << n, CONN_STRIDES);
        return;

    case '!':
        conn_quit((u_char) (conn_next(&p, last) - '0') % CONN_WORKERS);
        conn_settle();
        return;

    case 'o':
        n = conn_hex(conn_next(&p, last)) << 4;
        conn_alloc_refuse(n | conn_hex(conn_next(&p, last)));
        return;
    }

    slot = &conn_slots[(u_char) (conn_next(&p, last) - '0') % CONN_SLOTS];

    switch (op) {

    case 'h':
    case 'g':
    case 'p':
    case 'M':
    case 'w':
    case 'a':
    case 'A':
    case 'q':

        k = (u_char) (conn_next(&p, last) - '0') % CONN_WORKERS;

        if (conn_workers[k].exiting) {
            k = (k + 1) % CONN_WORKERS;
        }

        if (slot->connection == NULL) {

            if (conn_workers[k].exiting) {
                return;
            }

            conn_open(slot, k);
        }

        if (op == 'q') {
            slot->out.state = CONN_OUT_IGNORED;
            break;
        }

        location = conn_next(&p, last);

        if (location < 'a' || location > 'z') {
            location = 'a' + location % CONN_LOCATIONS;
        }

        if (op == 'a' || op == 'A') {
            n = conn_unescape(p, last);
            conn_api(slot, location, op == 'A', conn_data, n);
            break;
        }

        flags = conn_hex(conn_next(&p, last));

        sid = (op == 'h') ? NULL : conn_session(conn_next(&p, last));

        n = conn_unescape(p, last);

        if (op == 'w') {
            conn_request(slot, "GET", location, sid, flags | CONN_WEBSOCKET,
                         NULL, 0);

        } else if (op == 'p' || op == 'M') {

            if (op == 'M') {
                n = conn_msgpack(conn_data, n, 1);
            }

            conn_request(slot, "POST", location, sid, flags, conn_data, n);

        } else {
            conn_request(slot, "GET", location, sid, flags, NULL, 0);
        }

        break;
    }

    if (slot->connection == NULL) {
        return;
    }

    switch (op) {

    case 'q':
    case 't':
    case 'b':
    case 'T':
    case 'B':
    case 'm':

        n = conn_unescape(p, last);

        if (op == 'q') {
            conn_feed(slot, conn_data, n);

        } else if (op == 'm') {
            n = conn_msgpack(conn_data, n, 0);
            conn_frame(slot, 0x82, conn_data, n);

        } else if (op == 't' || op == 'b') {
            conn_frame(slot, (op == 't') ? 0x81 : 0x82, conn_data, n);

        } else {
            conn_deflated(slot, (op == 'T') ? 0xc1 : 0xc2, conn_data, n);
        }

        break;

    case 'f':
        first = conn_hex(conn_next(&p, last)) << 4;
        first |= conn_hex(conn_next(&p, last));

        n = conn_unescape(p, last);
        conn_frame(slot, first, conn_data, n);
        break;

    case 'x':
    case 'X':
        conn_end(slot, op == 'X');
        break;

    case 's':
        n = conn_hex(conn_next(&p, last));

        slot->budget = (n == 15) ? CONN_NO_LIMIT : n ? (size_t) 1 << n : 0;
        slot->edge_out = 1;
        break;

    case 'k':
        n = conn_hex(conn_next(&p, last));
        slot->chunk = n ? n : CONN_NO_LIMIT;
        slot->chunks = CONN_CHUNKS;
        return;
    }

    if (alone) {
        (void) conn_turn(slot->worker);

    } else {
        conn_settle();
    }
}


static u_char
conn_next(const u_char **p, const u_char *last)
{
    return (*p < last) ? *(*p)++ : '0';
}


static ngx_uint_t
conn_hex(u_char ch)
{
    return (ch >= 'a' ? ch - 'a' + 10 : ch - '0') & 0xf;
}


/* one that is not there yet: an id that nobody has */

static const u_char *
conn_session(u_char ch)
{
    ngx_uint_t  n;

    if (ch == '-') {
        return NULL;
    }

    n = (u_char) (ch - '0') % 10;

    return (n < conn_nsessions) ? conn_sessions[n].id
                                : (const u_char *) "abcdefghijklmnopqrst";
}


/* to conn_data, which is as long as the longest of all requests may be */

static size_t
conn_unescape(const u_char *p, const u_char *last)
{
    u_char       ch;
    size_t       n, times;
    u_char      *dst, *end;
    ngx_uint_t   i;

    dst = conn_data;
    end = conn_data + sizeof(conn_data) - 4096;

    if (p < last && *p == ' ') {
        p++;
    }

    while (p < last && dst < end) {

        ch = *p++;

        if (ch != '\\') {
            *dst++ = ch;
            continue;
        }

        ch = conn_next(&p, last);

        switch (ch) {

        case 's':
            i = (u_char) (conn_next(&p, last) - '0') % 10;

            if (i < conn_nsessions) {
                dst = ngx_cpymem(dst, conn_sessions[i].id, NGX_SIO_ID_LEN);
            }

            break;

        case 'k':
            i = (u_char) (conn_next(&p, last) - '0') % 10;

            if (i < conn_nsockets) {
                dst = ngx_cpymem(dst, conn_sockets[i].id, NGX_SIO_ID_LEN);
            }

            break;

        case 'x':
            n = conn_hex(conn_next(&p, last)) << 4;
            *dst++ = (u_char) (n | conn_hex(conn_next(&p, last)));
            break;

        case 'r':
            n = conn_hex(conn_next(&p, last)) << 4;
            n |= conn_hex(conn_next(&p, last));
            ch = conn_next(&p, last);

            times = ngx_min(n * 16, (size_t) (end - dst));
            ngx_memset(dst, ch, times);
            dst += times;
            break;

        case 'n':
            *dst++ = '\n';
            break;

        case 'e':
            *dst++ = 0x1e;
            break;

        default:
            *dst++ = ch;
        }
    }

    return dst - conn_data;
}
