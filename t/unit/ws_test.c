
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "unit.h"
#include "../../src/wire/sio_ws.h"


#define MAX_MESSAGE    1000
#define MAX_FRAGMENTS  16


typedef struct {
    uint8_t   bytes[8192];
    size_t    len;
} stream_t;


/*
 * What came of a stream, as text: "[t" and "]" around a whole text message,
 * "[b" for a binary one, "z" behind if it is compressed; "(9:data)" is a
 * control frame, "(8:code:reason)" a close; "!code" is an error.
 */

typedef struct {
    char      text[16384];
    size_t    len;
    char      message[16384];       /* in progress */
    size_t    nmessage;
    int       rc;
    unsigned  in_message:1;
} log_t;


static unsigned       deflate;         /* is agreed on */
static const uint8_t  mask[4] = { 0x37, 0xfa, 0x21, 0x3d };


/* RFC 6455, 5.2; form: 0 the shortest, else how many bytes of length */

static void
put_frame(stream_t *s, unsigned first, const void *data, uint64_t len,
    unsigned form)
{
    unsigned        i;
    uint64_t        k;
    uint8_t        *p;
    const uint8_t  *d;

    p = s->bytes + s->len;
    d = data;

    *p++ = first;

    if (form == 0) {
        form = len < 126 ? 1 : len < 65536 ? 2 : 8;
    }

    *p++ = 0x80 | (form == 1 ? len : form == 2 ? 126 : 127);

    if (form > 1) {
        for (i = 0; i < form; i++) {
            *p++ = len >> (8 * (form - 1 - i));
        }
    }

    memcpy(p, mask, 4);
    p += 4;

    if (d) {
        for (k = 0; k < len; k++) {
            *p++ = d[k] ^ mask[k & 3];
        }
    }

    s->len = p - s->bytes;
}


static void
put(stream_t *s, unsigned first, const char *text)
{
    put_frame(s, first, text, strlen(text), 0);
}


static void
put_log(log_t *log, const char *fmt, unsigned n)
{
    log->len += sprintf(log->text + log->len, fmt, n);
}


static void
put_bytes(log_t *log, const void *p, size_t len)
{
    memcpy(log->text + log->len, p, len);
    log->len += len;
}


static void
log_event(log_t *log, sio_ws_event_t *ev)
{
    switch (ev->type) {

    case SIO_WS_TEXT:
    case SIO_WS_BINARY:

        check_int(ev->first, !log->in_message);
        check_int(ev->code, 0);

        if (ev->first) {
            log->nmessage = 0;
        }

        memcpy(log->message + log->nmessage, ev->data, ev->len);
        log->nmessage += ev->len;

        if (ev->last) {
            put_log(log, ev->type == SIO_WS_TEXT ? "[t" : "[b", 0);
            put_log(log, ev->compressed ? "z" : "", 0);
            put_bytes(log, log->message, log->nmessage);
            put_log(log, "]", 0);
        }

        log->in_message = !ev->last;
        break;

    case SIO_WS_PING:
    case SIO_WS_PONG:
        put_log(log, "(%u:", ev->type);
        put_bytes(log, ev->data, ev->len);
        put_log(log, ")", 0);
        break;

    case SIO_WS_CLOSE:
        put_log(log, "(8:%u:", ev->code);
        put_bytes(log, ev->data, ev->len);
        put_log(log, ")", 0);
        break;

    default:
        check(0);
    }
}


/*
 * Feeds one more piece, as a caller does: what the parser left stands in
 * front of it, in memory exactly as long.
 */

static size_t
feed(sio_ws_t *ws, log_t *log, uint8_t *rest, size_t nrest, const uint8_t *p,
    size_t len)
{
    int              rc;
    uint8_t         *b, *pos, *last;
    sio_ws_event_t   ev;

    b = malloc(nrest + len);

    if (nrest) {
        memcpy(b, rest, nrest);
    }

    if (len) {
        memcpy(b + nrest, p, len);
    }

    pos = b;
    last = b + nrest + len;

    while ((rc = sio_ws_parse(ws, &pos, last, &ev)) == SIO_OK) {
        check(pos >= b && pos <= last);
        check(ev.data >= b && ev.data <= last);
        check((size_t) (last - ev.data) >= ev.len);
        log_event(log, &ev);
    }

    log->rc = rc;
    nrest = 0;

    if (rc == SIO_AGAIN) {
        nrest = last - pos;
        check(nrest <= SIO_WS_MAX_REST);
        memcpy(rest, pos, nrest);

    } else {
        check_int(rc, SIO_ERROR);
        put_log(log, "!%u", ev.code);
    }

    free(b);

    return nrest;
}


static void
run(log_t *log, const stream_t *s, size_t at, size_t step)
{
    size_t    n, nrest;
    uint8_t   rest[SIO_WS_MAX_REST];
    sio_ws_t  ws;

    memset(log, 0, sizeof(log_t));
    sio_ws_init(&ws, MAX_MESSAGE, MAX_FRAGMENTS);
    ws.deflate = deflate;

    nrest = feed(&ws, log, rest, 0, s->bytes, at);

    while (log->rc == SIO_AGAIN && at < s->len) {
        n = s->len - at < step ? s->len - at : step;
        nrest = feed(&ws, log, rest, nrest, s->bytes + at, n);
        at += n;
    }
}


/* whole, byte by byte, in every two parts, in pieces of 2..9 */

static void
check_stream(const stream_t *s, const char *want, size_t want_len)
{
    size_t  i;
    log_t   log;

    run(&log, s, s->len, 1);
    check_bytes(log.text, log.len, want, want_len);

    for (i = 1; i < 10; i++) {
        run(&log, s, 0, i);
        check_bytes(log.text, log.len, want, want_len);
    }

    for (i = 0; i <= s->len; i++) {
        run(&log, s, i, s->len);
        check_bytes(log.text, log.len, want, want_len);
    }
}


#define check_log(s, want)  check_stream(s, want, strlen(want))


static void
check_one(unsigned first, const char *text, const char *want)
{
    stream_t  s;

    s.len = 0;
    put(&s, first, text);
    check_log(&s, want);
}


/* RFC 6455, 5.7 */

static void
test_rfc(void)
{
    stream_t  s;

    memcpy(s.bytes, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11);
    s.len = 11;
    check_log(&s, "[tHello]");

    memcpy(s.bytes, "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11);
    check_log(&s, "(10:Hello)");

    /* unmasked, as a server sends it */

    memcpy(s.bytes, "\x81\x05\x48\x65\x6c\x6c\x6f", 7);
    s.len = 7;
    check_log(&s, "!1002");
}


static void
test_messages(void)
{
    stream_t  s;

    check_one(0x81, "", "[t]");
    check_one(0x82, "", "[b]");
    check_one(0x81, "42[\"\xe2\x82\xac\"]", "[t42[\"\xe2\x82\xac\"]]");
    check_one(0x82, "\xff\xfe", "[b\xff\xfe]");

    s.len = 0;
    put(&s, 0x81, "one");
    put(&s, 0x82, "two");
    put(&s, 0x81, "");
    put(&s, 0x81, "three");
    check_log(&s, "[tone][btwo][t][tthree]");

    /* fragments, empty ones too; a character cut in two */

    s.len = 0;
    put(&s, 0x01, "a\xf0\x9f");
    put(&s, 0x00, "\x98");
    put(&s, 0x00, "");
    put(&s, 0x80, "\x80" "b");
    check_log(&s, "[ta\xf0\x9f\x98\x80" "b]");

    s.len = 0;
    put(&s, 0x02, "");
    put(&s, 0x00, "");
    put(&s, 0x80, "");
    put(&s, 0x01, "");
    put(&s, 0x80, "x");
    put(&s, 0x01, "y");
    put(&s, 0x80, "");
    check_log(&s, "[b][tx][ty]");

    /* control frames in between */

    s.len = 0;
    put(&s, 0x89, "");
    put(&s, 0x01, "a\xe2");
    put(&s, 0x89, "ping");
    put(&s, 0x00, "\x82");
    put(&s, 0x8a, "\xff pong");
    put(&s, 0x80, "\xac");
    put(&s, 0x88, "");
    check_log(&s, "(9:)(9:ping)(10:\xff pong)[ta\xe2\x82\xac](8:1005:)");
}


static void
test_lengths(void)
{
    char      text[MAX_MESSAGE + 1], want[MAX_MESSAGE + 8];
    size_t    i;
    stream_t  s;

    static const size_t  lens[] = {
        1, 7, 8, 9, 31, 32, 33, 124, 125, 126, 127, 128, 255, 256, 999, 1000
    };

    for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        memset(text, 'x', lens[i]);
        text[lens[i]] = '\0';
        sprintf(want, "[b%s]", text);

        s.len = 0;
        put_frame(&s, 0x82, text, lens[i], 0);
        check_log(&s, want);

        /* longer forms than needed */

        s.len = 0;
        put_frame(&s, 0x82, text, lens[i], 8);
        check_log(&s, want);

        s.len = 0;
        put_frame(&s, 0x82, text, lens[i], 2);
        check_log(&s, want);
    }

    /* the longest control frame and one byte more */

    memset(text, 'p', 126);
    text[125] = '\0';
    snprintf(want, sizeof(want), "(9:%.200s)", text);
    check_one(0x89, text, want);
    check_one(0x8a, "1", "(10:1)");

    text[125] = 'p';
    text[126] = '\0';
    check_one(0x89, text, "!1002");
    check_one(0x88, text, "!1002");

    s.len = 0;
    put_frame(&s, 0x89, "ab", 2, 2);
    check_log(&s, "!1002");
}


static void
test_limits(void)
{
    char      text[MAX_MESSAGE + 2], want[MAX_MESSAGE + 32];
    size_t    i;
    stream_t  s;

    memset(text, 'x', MAX_MESSAGE + 1);

    /* one more byte: from the header already, without any payload */

    s.len = 0;
    put_frame(&s, 0x82, NULL, MAX_MESSAGE + 1, 0);
    check_log(&s, "!1009");

    s.len = 0;
    put_frame(&s, 0x81, NULL, 65536, 0);
    check_log(&s, "!1009");

    s.len = 0;
    put_frame(&s, 0x81, NULL, UINT64_MAX, 8);
    check_log(&s, "!1009");

    s.len = 0;
    put_frame(&s, 0x81, NULL, (uint64_t) 1 << 63, 8);
    check_log(&s, "!1009");

    /* in fragments: as much as allowed, then more */

    text[MAX_MESSAGE] = '\0';

    s.len = 0;
    put_frame(&s, 0x01, text, 600, 0);
    put_frame(&s, 0x00, text, 399, 0);
    put_frame(&s, 0x80, text, 1, 0);
    put_frame(&s, 0x81, text, 2, 0);
    sprintf(want, "[t%s][txx]", text);
    check_log(&s, want);

    s.len = 0;
    put_frame(&s, 0x01, text, 600, 0);
    put_frame(&s, 0x00, text, 399, 0);
    put_frame(&s, 0x80, text, 2, 0);
    strcpy(want, "!1009");
    check_log(&s, want);

    s.len = 0;
    put_frame(&s, 0x01, text, 999, 0);
    put_frame(&s, 0x80, NULL, UINT64_MAX - 998, 8);
    check_log(&s, want);

    /* fragments: 16, then 17, empty ones count as well */

    s.len = 0;
    put(&s, 0x02, "");

    for (i = 1; i < MAX_FRAGMENTS - 1; i++) {
        put(&s, 0x00, (i & 1) ? "" : "a");
    }

    put(&s, 0x80, "");
    put(&s, 0x82, "b");
    check_log(&s, "[baaaaaaa][bb]");

    s.len = 0;
    put(&s, 0x02, "a");

    for (i = 1; i < MAX_FRAGMENTS; i++) {
        put(&s, 0x00, "");
        put(&s, 0x89, "");
    }

    put(&s, 0x80, "");
    check_log(&s, "(9:)(9:)(9:)(9:)(9:)(9:)(9:)(9:)(9:)(9:)(9:)(9:)(9:)"
                  "(9:)(9:)!1008");
}


static void
test_violations(void)
{
    unsigned  i;
    stream_t  s;

    /* reserved bits and opcodes */

    for (i = 0x10; i < 0x80; i += 0x10) {
        check_one(0x81 | i, "x", "!1002");
        check_one(0x89 | i, "", "!1002");
    }

    for (i = 3; i < 16; i++) {
        if (i < 8 || i > 10) {
            check_one(0x80 | i, "", "!1002");
            check_one(i, "", "!1002");
        }
    }

    /* fragmented control frames */

    check_one(0x08, "", "!1002");
    check_one(0x09, "", "!1002");
    check_one(0x0a, "", "!1002");

    /* stray and missing continuation */

    check_one(0x80, "x", "!1002");
    check_one(0x00, "", "!1002");

    s.len = 0;
    put(&s, 0x81, "x");
    put(&s, 0x80, "y");
    check_log(&s, "[tx]!1002");

    s.len = 0;
    put(&s, 0x01, "x");
    put(&s, 0x81, "y");
    check_log(&s, "!1002");

    s.len = 0;
    put(&s, 0x02, "");
    put(&s, 0x02, "y");
    check_log(&s, "!1002");

    /* an error is told before the header is whole */

    memcpy(s.bytes, "\xc1\xfe", 2);
    s.len = 2;
    check_log(&s, "!1002");
}


static void
test_utf8(void)
{
    stream_t  s;

    check_one(0x81, "\xff", "!1007");
    check_one(0x81, "\xc3", "!1007");
    check_one(0x81, "\xed\xa0\x80", "!1007");
    check_one(0x01, "\xc3(", "!1007");

    /* at once, not only at the end of the message */

    check_one(0x01, "\x80", "!1007");

    s.len = 0;
    put(&s, 0x01, "\xe2\x82");
    put(&s, 0x80, "");
    check_log(&s, "!1007");

    s.len = 0;
    put(&s, 0x01, "\xf0");
    put(&s, 0x89, "");
    put(&s, 0x80, "\x80\x80\x80");
    check_log(&s, "(9:)!1007");

    /* the state does not outlive the message */

    s.len = 0;
    put(&s, 0x82, "\xc3");
    put(&s, 0x81, "a");
    put(&s, 0x81, "\xc3\xa9");
    check_log(&s, "[b\xc3][ta][t\xc3\xa9]");
}


/* RFC 7692, 6: RSV1 says that a message is compressed, in its first frame */

static void
test_deflate(void)
{
    unsigned  i;
    stream_t  s;

    /* without an agreement */

    check_one(0xc1, "x", "!1002");
    check_one(0xc2, "x", "!1002");

    deflate = 1;

    check_one(0x81, "x", "[tx]");
    check_one(0xc1, "x", "[tzx]");
    check_one(0xc2, "", "[bz]");

    /* its bytes are no text yet; the next message's are */

    check_one(0xc1, "\xff\xfe", "[tz\xff\xfe]");

    s.len = 0;
    put(&s, 0xc1, "\xff");
    put(&s, 0x81, "\xff");
    check_log(&s, "[tz\xff]!1007");

    s.len = 0;
    put(&s, 0x41, "\xff");
    put(&s, 0x00, "");
    put(&s, 0x89, "ping");
    put(&s, 0x00, "b");
    put(&s, 0x80, "\xc3");
    put(&s, 0x82, "c");
    put(&s, 0x42, "");
    put(&s, 0x80, "d");
    put(&s, 0x81, "e");
    check_log(&s, "(9:ping)[tz\xff" "b\xc3][bc][bzd][te]");

    /* not in another frame, no other bit */

    s.len = 0;
    put(&s, 0x41, "a");
    put(&s, 0xc0, "b");
    check_log(&s, "!1002");

    s.len = 0;
    put(&s, 0x01, "a");
    put(&s, 0xc0, "b");
    check_log(&s, "!1002");

    s.len = 0;
    put(&s, 0x41, "a");
    put(&s, 0xc1, "b");
    check_log(&s, "!1002");

    check_one(0xc0, "x", "!1002");

    for (i = 0xc3; i <= 0xcf; i++) {
        check_one(i, "", "!1002");
    }

    for (i = 0x90; i <= 0xf0; i += 0x10) {
        check_one(i | SIO_WS_TEXT, "", i == 0xc0 ? "[tz]" : "!1002");
        check_one(i | SIO_WS_PING, "", "!1002");
    }

    deflate = 0;
}



static void
test_close(void)
{
    int        ok;
    char       text[126], want[160];
    unsigned   code;
    stream_t   s;

    for (code = 0; code < 65536; code += (code < 5100) ? 1 : 997) {

        ok = (code >= 1000 && code <= 1003)
             || (code >= 1007 && code <= 1014)
             || (code >= 3000 && code <= 4999);

        text[0] = code >> 8;
        text[1] = code & 0xff;
        sprintf(want, ok ? "(8:%u:)" : "!1002", code);

        s.len = 0;
        put_frame(&s, 0x88, text, 2, 0);
        check_log(&s, want);
    }

    check_one(0x88, "", "(8:1005:)");
    check_one(0x88, "\x03", "!1002");
    check_one(0x88, "\x03\xe8 going \xe2\x82\xac",
              "(8:1000: going \xe2\x82\xac)");
    check_one(0x88, "\x03\xe8\xff", "!1007");
    check_one(0x88, "\x03\xe8\xe2\x82", "!1007");

    memset(text, 'r', 125);
    text[0] = 0x0f;
    text[1] = 0xa0;
    text[125] = '\0';
    sprintf(want, "(8:4000:%s)", text + 2);
    check_one(0x88, text, want);

    /* within a message */

    s.len = 0;
    put(&s, 0x01, "x");
    put(&s, 0x88, "\x03\xe9");
    check_log(&s, "(8:1001:)");
}


/* a parser with limits of zero takes empty messages only, or none */

static void
test_zero_limits(void)
{
    uint8_t         *pos;
    stream_t         s;
    sio_ws_t         ws;
    sio_ws_event_t   ev;

    s.len = 0;
    put(&s, 0x81, "");
    put(&s, 0x81, "x");

    sio_ws_init(&ws, 0, 1);
    pos = s.bytes;

    check_int(sio_ws_parse(&ws, &pos, s.bytes + s.len, &ev), SIO_OK);
    check(ev.first && ev.last && ev.len == 0 && ev.type == SIO_WS_TEXT);
    check_int(sio_ws_parse(&ws, &pos, s.bytes + s.len, &ev), SIO_ERROR);
    check_int(ev.code, SIO_WS_TOO_BIG);

    sio_ws_init(&ws, 10, 0);
    pos = s.bytes;

    check_int(sio_ws_parse(&ws, &pos, s.bytes + s.len, &ev), SIO_ERROR);
    check_int(ev.code, SIO_WS_POLICY);

    /* 2^64 - 1 is no limit but the header's */

    sio_ws_init(&ws, UINT64_MAX, UINT32_MAX);
    s.len = 0;
    put(&s, 0x02, "abc");
    put_frame(&s, 0x80, NULL, UINT64_MAX, 8);
    pos = s.bytes;

    check_int(sio_ws_parse(&ws, &pos, s.bytes + s.len, &ev), SIO_OK);
    check_int(sio_ws_parse(&ws, &pos, s.bytes + s.len, &ev), SIO_ERROR);
    check_int(ev.code, SIO_WS_TOO_BIG);
}


static void
test_mask(void)
{
    size_t     i, len, at;
    uint8_t   *p, data[256], want[256];
    unsigned   shift, end;

    for (i = 0; i < sizeof(data); i++) {
        data[i] = i * 7 + 3;
    }

    for (shift = 0; shift < 4; shift++) {
        for (len = 0; len < 140; len++) {

            for (i = 0; i < len; i++) {
                want[i] = data[i] ^ mask[(shift + i) & 3];
            }

            p = unit_copy(data, len);
            end = sio_ws_mask(p, len, mask, shift);

            check_int(end, (shift + len) & 3);
            check_bytes(p, len, want, len);
            free(p);

            /* in two parts, unaligned */

            for (at = 0; at <= len; at += 3) {
                p = unit_copy(data, len);
                end = sio_ws_mask(p, at, mask, shift);
                end = sio_ws_mask(p + at, len - at, mask, end);

                check_int(end, (shift + len) & 3);
                check_bytes(p, len, want, len);
                free(p);
            }
        }
    }
}


static void
test_write(void)
{
    size_t    i, n;
    uint8_t  *p;

    static const struct {
        uint64_t     len;
        const char  *bytes;
        size_t       n;
    } headers[] = {
        { 0, "\x81\x00", 2 },
        { 5, "\x81\x05", 2 },
        { 125, "\x81\x7d", 2 },
        { 126, "\x81\x7e\x00\x7e", 4 },
        { 256, "\x81\x7e\x01\x00", 4 },
        { 65535, "\x81\x7e\xff\xff", 4 },
        { 65536, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10 },
        { 0x0102030405060708ULL,
          "\x81\x7f\x01\x02\x03\x04\x05\x06\x07\x08", 10 }
    };

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        check_int(sio_ws_header_len(headers[i].len), headers[i].n);
        check(headers[i].n <= SIO_WS_MAX_HEADER);

        p = malloc(headers[i].n);
        n = sio_ws_write_header(p, SIO_WS_TEXT, headers[i].len);
        check_bytes(p, n, headers[i].bytes, headers[i].n);

        (void) sio_ws_write_header(p, SIO_WS_BINARY, headers[i].len);
        check_int(p[0], 0x82);
        free(p);
    }

    p = malloc(2);
    check_bytes(p, sio_ws_write_close(p, 0), "\x88\x00", 2);
    free(p);

    p = malloc(4);
    check_bytes(p, sio_ws_write_close(p, 1002), "\x88\x02\x03\xea", 4);
    free(p);
}


int
main(void)
{
    group(test_rfc);
    group(test_messages);
    group(test_lengths);
    group(test_limits);
    group(test_violations);
    group(test_utf8);
    group(test_deflate);
    group(test_close);
    group(test_zero_limits);
    group(test_mask);
    group(test_write);

    return unit_result();
}
