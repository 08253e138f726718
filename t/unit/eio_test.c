
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "unit.h"
#include "../../src/wire/sio_eio.h"


/*
 * Writes the packets of a payload as one line: type, "b" if binary, ":" and
 * data (nothing behind the type: no data), "!" for a bad packet.
 */

static size_t
walk(char *out, const void *text, size_t len)
{
    int                rc;
    char              *o;
    uint8_t           *p;
    sio_eio_packet_t   pkt;
    sio_eio_payload_t  pl;

    p = unit_copy(text, len);
    o = out;

    sio_eio_payload_init(&pl, p, len);

    while ((rc = sio_eio_payload_next(&pl, &pkt)) == SIO_OK) {

        if (o != out) {
            *o++ = ' ';
        }

        *o++ = pkt.type;

        if (pkt.binary) {
            check(pkt.base64);
            *o++ = 'b';
        }

        if (pkt.has_data) {
            *o++ = ':';
        }

        check(pkt.data.data > p && pkt.data.data <= p + len);
        check((size_t) (p + len - pkt.data.data) >= pkt.data.len);
        check(memchr(pkt.data.data, 0x1e, pkt.data.len) == NULL);

        memcpy(o, pkt.data.data, pkt.data.len);
        o += pkt.data.len;
    }

    if (rc == SIO_ERROR) {
        *o++ = '!';
        check_int(sio_eio_payload_next(&pl, &pkt), SIO_DONE);
    }

    check_int(sio_eio_payload_next(&pl, &pkt), SIO_DONE);

    free(p);

    return o - out;
}


static void
check_walk(const char *text, const char *want)
{
    char    out[256];
    size_t  n;

    n = walk(out, text, strlen(text));
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

        if (c >= '0' && c <= '6') {
            check_int(sio_eio_parse(p, 1, &pkt), SIO_OK);
            check_int(pkt.type, c);
            check(!pkt.has_data && !pkt.binary && pkt.data.len == 0);

        } else if (c == 'b') {
            check_int(sio_eio_parse(p, 1, &pkt), SIO_OK);
            check_int(pkt.type, SIO_EIO_MESSAGE);
            check(pkt.has_data && pkt.binary && pkt.base64);
            check_int(pkt.data.len, 0);

        } else {
            check_int(sio_eio_parse(p, 1, &pkt), SIO_ERROR);
        }

        free(p);
    }

    check_int(sio_eio_parse(NULL, 0, &pkt), SIO_ERROR);

    p = unit_copy("2probe", 6);
    check_int(sio_eio_parse(p, 6, &pkt), SIO_OK);
    check_int(pkt.type, SIO_EIO_PING);
    check(pkt.has_data);
    check_str(pkt.data, "probe");
    free(p);
}


static void
test_payloads(void)
{
    check_walk("40", "4:0");
    check_walk("4", "4");
    check_walk("4hello\x1e" "2\x1e" "4world", "4:hello 2 4:world");
    check_walk("42[\"m\"]\x1e" "451-[\"m\",{}]\x1e" "bAQI=",
               "4:2[\"m\"] 4:51-[\"m\",{}] 4b:AQI=");
    check_walk("1\x1e" "42[1]", "1 4:2[1]");
    check_walk("4\xc3\xa9", "4:\xc3\xa9");
    check_walk("b", "4b:");

    check_walk("", "!");
    check_walk("x", "!");
    check_walk("7", "!");
    check_walk("abc", "!");
    check_walk("\x1e", "!");
    check_walk("40\x1e", "4:0!");
    check_walk("\x1e" "40", "!");
    check_walk("40\x1e\x1e" "40", "4:0!");
    check_walk("40\x1e" "x\x1e" "40", "4:0!");
}


/* every prefix of a payload: as many whole packets, then the part */

static void
test_every_split(void)
{
    char    out[256], want[256];
    size_t  at, n, w;

    static const char  text[] = "4a\x1e" "bQQ==\x1e" "3\x1e" "4bc\x1e" "2";
    static const char  line[] = "4:a 4b:QQ== 3 4:bc 2";

    for (at = 0; at < sizeof(text); at++) {

        n = walk(out, text, at);

        w = 0;

        if (n && out[n - 1] == '!') {
            check(at == 0 || text[at - 1] == '\x1e');
            n--;

        } else {
            check(at > 0 && text[at - 1] != '\x1e');
        }

        /* "b" and a type alone stand for themselves in the line */

        memcpy(want, line, sizeof(line));

        while (w < n && out[w] == want[w]) {
            w++;
        }

        check_int(w, n);
    }
}


static void
test_open(void)
{
    size_t         n;
    uint8_t        buf[SIO_EIO_OPEN_MAX];
    const uint8_t *sid;

    sid = (const uint8_t *) "abcdefghijklmnopqrst";

    n = sio_eio_write_open(buf, sid, 1, 25000, 20000, 1000000);

    check_text(buf, n,
               "0{\"sid\":\"abcdefghijklmnopqrst\""
               ",\"upgrades\":[\"websocket\"]"
               ",\"pingInterval\":25000,\"pingTimeout\":20000"
               ",\"maxPayload\":1000000}");

    check_int(n, 118);
    check_int(sio_eio_write_open(NULL, sid, 1, 25000, 20000, 1000000), n);

    n = sio_eio_write_open(buf, sid, 0, 300, 200, 0);

    check_text(buf, n,
               "0{\"sid\":\"abcdefghijklmnopqrst\",\"upgrades\":[]"
               ",\"pingInterval\":300,\"pingTimeout\":200,\"maxPayload\":0}");

    check_int(sio_eio_write_open(NULL, sid, 0, 300, 200, 0), n);

    /* the longest there is */

    n = sio_eio_write_open(NULL, sid, 1, UINT64_MAX, UINT64_MAX, UINT64_MAX);
    check(n <= SIO_EIO_OPEN_MAX);
    check_int(sio_eio_write_open(buf, sid, 1, UINT64_MAX, UINT64_MAX,
                                 UINT64_MAX), n);
}


static void
test_sid(void)
{
    int       c, i, ok;
    uint8_t   raw[15], sid[SIO_EIO_SID_LEN + 1];
    uint64_t  seed;

    memset(raw, 0, sizeof(raw));
    sio_eio_write_sid(sid, raw);
    check_text(sid, SIO_EIO_SID_LEN, "AAAAAAAAAAAAAAAAAAAA");

    memset(raw, 0xff, sizeof(raw));
    sio_eio_write_sid(sid, raw);
    check_text(sid, SIO_EIO_SID_LEN, "____________________");

    memcpy(raw, "\xfb\xef\xbe\x00\x10\x83\x10\x51\x87\x20\x92\x8b\xff\xff\xfe",
           15);
    sio_eio_write_sid(sid, raw);
    check_text(sid, SIO_EIO_SID_LEN, "----ABCDEFGHIJKL___-");

    seed = 3;

    for (i = 0; i < 1000; i++) {
        for (c = 0; c < 15; c++) {
            raw[c] = unit_random(&seed);
        }

        sio_eio_write_sid(sid, raw);
        check_int(sio_eio_check_sid(sid, SIO_EIO_SID_LEN), SIO_OK);
    }

    check_int(sio_eio_check_sid(sid, SIO_EIO_SID_LEN - 1), SIO_ERROR);
    sid[SIO_EIO_SID_LEN] = 'a';
    check_int(sio_eio_check_sid(sid, SIO_EIO_SID_LEN + 1), SIO_ERROR);
    check_int(sio_eio_check_sid(sid, 0), SIO_ERROR);
    check_int(sio_eio_check_sid(NULL, 0), SIO_ERROR);

    for (c = 0; c < 256; c++) {
        ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
             || (c >= '0' && c <= '9') || c == '-' || c == '_';

        for (i = 0; i < SIO_EIO_SID_LEN; i++) {
            memset(sid, 'a', sizeof(sid));
            sid[i] = c;
            check_int(sio_eio_check_sid(sid, SIO_EIO_SID_LEN),
                      ok ? SIO_OK : SIO_ERROR);
        }
    }
}


int
main(void)
{
    group(test_packets);
    group(test_payloads);
    group(test_every_split);
    group(test_open);
    group(test_sid);

    return unit_result();
}
