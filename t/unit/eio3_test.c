
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "unit.h"
#include "../../src/wire/sio_eio3.h"


/*
 * Writes the packets of a payload as one line: type, "b" if binary, "B" if
 * base64, ":" and data (nothing behind the type: no data), "!" for an error.
 */

static size_t
walk(char *out, const void *text, size_t len, unsigned binary)
{
    int                 rc;
    char               *o;
    uint8_t            *p;
    sio_eio_packet_t    pkt;
    sio_eio3_payload_t  pl;

    p = unit_copy(text, len);
    o = out;

    sio_eio3_payload_init(&pl, p, len, binary);

    while ((rc = sio_eio3_payload_next(&pl, &pkt)) == SIO_OK) {

        if (o != out) {
            *o++ = ' ';
        }

        *o++ = pkt.type;

        if (pkt.binary) {
            *o++ = pkt.base64 ? 'B' : 'b';
        }

        if (pkt.has_data) {
            *o++ = ':';
        }

        check(pkt.data.data >= p && pkt.data.data <= p + len);
        check((size_t) (p + len - pkt.data.data) >= pkt.data.len);

        memcpy(o, pkt.data.data, pkt.data.len);
        o += pkt.data.len;
    }

    if (rc == SIO_ERROR) {
        *o++ = '!';
        check_int(sio_eio3_payload_next(&pl, &pkt), SIO_DONE);
    }

    check_int(sio_eio3_payload_next(&pl, &pkt), SIO_DONE);

    free(p);

    return o - out;
}


static void
check_walk(const char *text, const char *want)
{
    char    out[256];
    size_t  n;

    n = walk(out, text, strlen(text), 0);
    check_text(out, n, want);
}


/* a literal with zeros in it */

#define check_bin(text, want)                                                 \
    check_bin_len(text, sizeof(text) - 1, want)

static void
check_bin_len(const char *text, size_t len, const char *want)
{
    char    out[2048];
    size_t  n;

    n = walk(out, text, len, 1);
    check_text(out, n, want);
}


static void
test_packets(void)
{
    int                c;
    uint8_t           *p;
    sio_eio_packet_t   pkt;

    for (c = 0; c < 256; c++) {
        p = malloc(1);
        *p = c;

        if (c == 'b') {
            check_int(sio_eio3_parse(p, 1, 0, &pkt), SIO_OK);
            check_int(pkt.type, SIO_EIO_NOOP);
            check(pkt.binary && pkt.base64 && pkt.data.len == 0);

        } else if (c >= '0' && c <= '6') {
            check_int(sio_eio3_parse(p, 1, 0, &pkt), SIO_OK);
            check_int(pkt.type, c);
            check(!pkt.has_data && !pkt.binary && pkt.data.len == 0);

        } else {
            check_int(sio_eio3_parse(p, 1, 0, &pkt), SIO_ERROR);
        }

        check_int(sio_eio3_parse(p, 1, 1, &pkt), SIO_OK);
        check_int(pkt.type, c <= 6 ? '0' + c : SIO_EIO_NOOP);
        check(pkt.binary && !pkt.base64 && pkt.data.len == 0);

        free(p);
    }

    check_int(sio_eio3_parse(NULL, 0, 0, &pkt), SIO_ERROR);
    check_int(sio_eio3_parse(NULL, 0, 1, &pkt), SIO_OK);
    check_int(pkt.type, SIO_EIO_NOOP);

    p = unit_copy("b4AQID", 6);
    check_int(sio_eio3_parse(p, 6, 0, &pkt), SIO_OK);
    check_int(pkt.type, SIO_EIO_MESSAGE);
    check(pkt.binary && pkt.base64);
    check_str(pkt.data, "AQID");
    free(p);

    p = unit_copy("b9AQID", 6);
    check_int(sio_eio3_parse(p, 6, 0, &pkt), SIO_OK);
    check_int(pkt.type, SIO_EIO_NOOP);
    free(p);

    p = unit_copy("\x04" "4x", 3);
    check_int(sio_eio3_parse(p, 3, 1, &pkt), SIO_OK);
    check_int(pkt.type, SIO_EIO_MESSAGE);
    check_str(pkt.data, "4x");
    free(p);
}


static void
test_text(void)
{
    check_walk("2:40", "4:0");
    check_walk("1:4", "4");
    check_walk("1:21:3", "2 3");
    check_walk("002:40", "4:0");
    check_walk("6:b4AQID", "4B:AQID");
    check_walk("0:2:400:", "4:0");
    check_walk("0:", "");
    check_walk("0000:", "");

    /* UTF-16 units, not bytes */

    check_walk("4:4\xc3\xa9\xe2\x82\xac" "x1:2",
               "4:\xc3\xa9\xe2\x82\xac" "x 2");
    check_walk("3:4\xf0\x9f\x98\x80" "1:2", "4:\xf0\x9f\x98\x80 2");
    check_walk("2:4\xf0\x9f\x98\x80" "1:2", "!");
    check_walk("6:4\xf0\x9f\x98\x80", "!");

    check_walk("", "!");
    check_walk(":", "!");
    check_walk("2", "!");
    check_walk("2:", "!");
    check_walk("2:4", "!");
    check_walk("2:402", "4:0!");
    check_walk("2:402:", "4:0!");
    check_walk("2:40x", "4:0!");
    check_walk("1:7", "!");
    check_walk("1:x", "!");
    check_walk("1:41:x1:4", "4!");
    check_walk("-1:4", "!");
    check_walk("+1:4", "!");
    check_walk(" 1:4", "!");
    check_walk("1 :4", "!");
    check_walk("1.0:4", "!");
    check_walk("0x1:4", "!");
    check_walk("1e0:4", "!");

    /* lengths beyond any memory */

    check_walk("4294967297:4", "!");
    check_walk("18446744073709551617:4", "!");
    check_walk("18446744073709551616:", "!");
    check_walk("1:499999999999999999999999999999999999999999:4", "4!");
}


static void
test_binary(void)
{
    char  many[400];

    /* protocol, 2 */

    check_bin("\x00\x07\xff" "4a\xc3\xa9\xe2\x82\xac"
              "\x01\x04\xff\x04\x01\x02\x03",
              "4:a\xc3\xa9\xe2\x82\xac 4b:\x01\x02\x03");

    check_bin("", "");
    check_bin("\x00\x01\xff" "2", "2");
    check_bin("\x00\x00\x00\x01\xff" "2", "2");
    check_bin("\x07\x01\xff\x04", "4b:");
    check_bin("\x01\x02\xff\x02p", "2b:p");
    check_bin("\x01\x02\xff\x09x", "6b:x");
    check_bin("\x01\x00\xff", "6b:");
    check_bin("\x00\x01\x00\xff" "4123456789", "4:123456789");
    check_bin("\x00\x06\xff" "b4AQID", "4B:AQID");

    /* bad text: the packets before it are good */

    check_bin("\x00\x00\xff", "!");
    check_bin("\x00\x01\xff" "x", "!");
    check_bin("\x00\x01\xff" "4\x00\x02\xff" "4\xff", "4!");
    check_bin("\x00\x01\xff" "4\x00\x01\xff" "x\x00\x01\xff" "4", "4!");

    /* cut off: as it is */

    check_bin("\x00\x09\xff" "4abc", "4:abc");
    check_bin("\x01\x09\xff\x04" "abc", "4b:abc");
    check_bin("\x01\x09\xff", "6b:");
    check_bin("\x00\x02\xff" "4\xc3", "!");

    /* a bad length anywhere: nothing is good */

    check_bin("\x00", "!");
    check_bin("\x00\x01", "!");
    check_bin("\x00\xff" "4", "!");
    check_bin("\x00\x0a\xff" "4", "!");
    check_bin("\x00\x01\xff" "4\x00\x01", "!");
    check_bin("\x00\x01\xff" "4\x01", "!");
    check_bin("\x00\x01\xff" "4\x01\xfe\xff\x04", "!");

    /* 311 digits are taken, as in Node */

    memset(many, 9, sizeof(many));
    many[0] = 1;

    many[312] = '\xff';
    many[313] = 4;
    many[314] = 'x';
    check_bin_len(many, 315, "4b:x");

    many[312] = 9;
    many[313] = '\xff';
    many[314] = 4;
    check_bin_len(many, 315, "!");
}


/* every prefix: as many whole packets, then an error, or (binary) the part */

static void
test_every_split(void)
{
    char    out[256], want[256];
    size_t  at, n, w, whole;

    static const char  text[] = "4:4\xc3\xa9\xe2\x82\xac" "x0:2:4y1:2";
    static const char  bin[] = "\x00\x03\xff" "4\xc3\xa9"
                               "\x01\x03\xff\x04\x80\xff" "\x00\x01\xff" "2";

    for (at = 1; at < sizeof(text); at++) {

        static const char  *packets[] = {
            "4:\xc3\xa9\xe2\x82\xac" "x", "4:y", "2"
        };

        /* items end at 9, 11, 15, 18 */

        whole = (at >= 9) + (at >= 15) + (at >= 18);
        w = 0;

        for (n = 0; n < whole; n++) {
            w += sprintf(want + w, "%s%s", n ? " " : "", packets[n]);
        }

        if (at != 9 && at != 11 && at != 15 && at != 18) {
            want[w++] = '!';
        }

        n = walk(out, text, at, 0);
        check_bytes(out, n, want, w);
    }

    for (at = 1; at < sizeof(bin); at++) {

        w = 0;

        switch (at) {

        case 3:                         /* an empty text */
        case 5:                         /* half a character */
            w = sprintf(want, "!");
            break;

        case 4:
            w = sprintf(want, "4");
            break;

        case 6:
            w = sprintf(want, "4:\xc3\xa9");
            break;

        case 9:
            w = sprintf(want, "4:\xc3\xa9 6b:");
            break;

        case 10:
            w = sprintf(want, "4:\xc3\xa9 4b:");
            break;

        case 11:
            w = sprintf(want, "4:\xc3\xa9 4b:\x80");
            break;

        case 12:
            w = sprintf(want, "4:\xc3\xa9 4b:\x80\xff");
            break;

        case 15:
            w = sprintf(want, "4:\xc3\xa9 4b:\x80\xff!");
            break;

        case 16:
            w = sprintf(want, "4:\xc3\xa9 4b:\x80\xff 2");
            break;

        default:                        /* within a length */
            w = sprintf(want, "!");
            break;
        }

        n = walk(out, bin, at, 1);
        check_bytes(out, n, want, w);
    }
}


static void
test_write(void)
{
    uint8_t  dst[SIO_EIO3_HEAD_MAX];

    check_text(dst, sio_eio3_write_text_head(dst, 0), "0:");
    check_text(dst, sio_eio3_write_text_head(dst, 114), "114:");
    check_bytes(dst, sio_eio3_write_binary_head(dst, 0, 7), "\x00\x07\xff",
                3);
    check_bytes(dst, sio_eio3_write_binary_head(dst, 1, 1904),
                "\x01\x01\x09\x00\x04\xff", 6);

    check_int(sio_eio3_write_text_head(dst, SIZE_MAX), 21);
    check_int(sio_eio3_write_binary_head(dst, 1, SIZE_MAX), 22);

    check_int(sio_eio3_units(NULL, 0), 0);
    check_int(sio_eio3_units((uint8_t *) "abc", 3), 3);
    check_int(sio_eio3_units((uint8_t *) "4a\xc3\xa9\xe2\x82\xac", 7), 4);
    check_int(sio_eio3_units((uint8_t *) "4\xf0\x9f\x98\x80", 5), 3);
}


int
main(void)
{
    group(test_packets);
    group(test_text);
    group(test_binary);
    group(test_every_split);
    group(test_write);

    return unit_result();
}
