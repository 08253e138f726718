
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "unit.h"
#include "../../src/wire/sio_date.h"
#include "../../src/wire/sio_msgpack.h"


#define MAX_ATTACHMENTS  4


static const sio_packet_limits_t  limits = { MAX_ATTACHMENTS, 6, 16 };


/* bytes as they stand in a C string: "\x83" "\xa4type" ... */

#define bytes(s)  s, sizeof(s) - 1

#define TYPE(n)   "\xa4type" n
#define NSP       "\xa3nsp\xa1/"
#define DATA      "\xa4""data"
#define ID        "\xa2id"

/* an event with one argument */
#define EVENT(arg)  "\x83" TYPE("\x02") DATA "\x92\xa1x" arg NSP


/*
 * A message as one line: "type nsp id json", then "|" and each attachment; "!"
 * if it was refused.
 */

static size_t
show(char *out, size_t size, const void *message, size_t len)
{
    int             rc;
    size_t          n;
    uint8_t        *p, *json;
    uint32_t        i;
    sio_str_t       attachments[MAX_ATTACHMENTS];
    sio_msgpack_t   pkt;

    p = unit_copy(message, len);
    rc = sio_msgpack_parse(p, len, &limits, &pkt);

    if (rc != SIO_OK) {
        check_int(rc, SIO_ERROR);
        free(p);
        return snprintf(out, size, "!");
    }

    check(pkt.type <= SIO_ACK);
    check(pkt.nattachments <= MAX_ATTACHMENTS);

    json = malloc(pkt.json_len + 1);

    if (pkt.data.len) {
        sio_msgpack_write_json(json, attachments, &pkt);
    }

    n = snprintf(out, size, "%u %.*s %.*s ", pkt.type, (int) pkt.nsp.len,
                 (char *) pkt.nsp.data, pkt.id_len ? (int) pkt.id_len : 1,
                 pkt.id_len ? (char *) pkt.id : "-");

    memcpy(out + n, json, pkt.json_len);
    n += pkt.json_len;

    for (i = 0; i < pkt.nattachments; i++) {
        out[n++] = '|';
        memcpy(out + n, attachments[i].data, attachments[i].len);
        n += attachments[i].len;
    }

    free(json);
    free(p);

    return n;
}


static void
check_message(const char *message, size_t len, const char *want,
    size_t want_len)
{
    char    out[70000];
    size_t  n;

    n = show(out, sizeof(out), message, len);
    unit_check_text(out, n, want, want_len, "message", 0, want);

    if (n == 1) {
        return;
    }

    /* none of its beginnings is a message, nor one with a byte more */

    for (n = 0; n < len; n++) {
        check_int(show(out, sizeof(out), message, n), 1);
    }

    memcpy(out, message, len);
    out[len] = '\xc0';

    check_int(show(out, 300, out, len + 1), 1);
}


#define take(message, want)                                                   \
    check_message(message, sizeof(message) - 1, want, sizeof(want) - 1)

#define refuse(message)  check_message(message, sizeof(message) - 1, "!", 1)

/* the JSON of one argument */
#define arg(value, json)  take(EVENT(value), "2 / - [\"x\"," json "]")

#define PLACEHOLDER(n)  "{\"_placeholder\":true,\"num\":" n "}"


/* protocol.md, 8 */

static void
test_vectors(void)
{
    take("\x83" TYPE("\x00") DATA "\xd4\x00\x00" "\xa3nsp\xa4/nsp",
         "0 /nsp - ");
    take("\x83" TYPE("\x00") DATA "\x81\xa1t\x01" NSP, "0 / - {\"t\":1}");
    take("\x84" ID "\x03" TYPE("\x03") DATA "\x90" NSP, "3 / 3 []");
    take("\x84" TYPE("\x02") DATA "\x91\xa1x" "\xa7options"
         "\x81\xa8""compress\xc3" NSP, "2 / - [\"x\"]");
    take("\x82" TYPE("\x01") NSP, "1 / - ");
    take(EVENT("\xc4\x02\x01\x02"),
         "2 / - [\"x\"," PLACEHOLDER("0") "]|\x01\x02");
}


/* the packet: any order, the last of equal keys, nothing else matters */

static void
test_packets(void)
{
    take("\x82" NSP TYPE("\x00"), "0 / - ");
    take("\x84" NSP DATA "\x90" TYPE("\x02") "\x05\x06", "2 / - []");
    take("\x83" "\xa3nsp\x01" NSP TYPE("\x00"), "0 / - ");
    take("\x84" DATA "\x90" DATA "\xd4\x00\x00" TYPE("\x00") NSP, "0 / - ");
    take("\xde\x00\x02" TYPE("\x00") NSP, "0 / - ");
    take("\xdf\x00\x00\x00\x02" TYPE("\x00") NSP, "0 / - ");
    take("\x82" "\xd9\x04type" "\xcb\x00\x00\x00\x00\x00\x00\x00\x00"
         "\xdb\x00\x00\x00\x03nsp" "\xda\x00\x01/", "0 / - ");
    take("\x82" "\xc4\x04type\x00" NSP, "0 / - ");
    take("\x83" "\xc0" "\x93\x01\x92\x01\x81\x01\x02\x80" TYPE("\x00") NSP,
         "0 / - ");

    /* types */

    refuse("\x82" TYPE("\x04") NSP);
    refuse("\x83" TYPE("\x04") DATA "\x80" NSP);
    refuse("\x83" TYPE("\x05") DATA "\x91\xa1x" NSP);
    refuse("\x83" TYPE("\xff") DATA "\x91\xa1x" NSP);
    refuse("\x83" TYPE("\xa1""2") DATA "\x91\xa1x" NSP);
    refuse("\x83" TYPE("\xc0") DATA "\x91\xa1x" NSP);
    refuse("\x83" TYPE("\xca\x40\x20\x00\x00") DATA "\x91\xa1x" NSP);
    refuse("\x82" DATA "\x91\xa1x" NSP);
    take("\x83" TYPE("\xca\x40\x00\x00\x00") DATA "\x91\xa1x" NSP,
         "2 / - [\"x\"]");
    take("\x83" TYPE("\xd3\x00\x00\x00\x00\x00\x00\x00\x02") DATA
         "\x91\xa1x" NSP, "2 / - [\"x\"]");

    /* data: none, map, array, the rest */

    refuse("\x83" TYPE("\x00") DATA "\x90" NSP);
    refuse("\x83" TYPE("\x00") DATA "\xc0" NSP);
    refuse("\x83" TYPE("\x00") DATA "\xa1x" NSP);
    refuse("\x83" TYPE("\x00") DATA "\xc4\x01x" NSP);
    refuse("\x83" TYPE("\x01") DATA "\x80" NSP);
    refuse("\x83" TYPE("\x01") DATA "\xc0" NSP);
    refuse("\x82" TYPE("\x02") NSP);
    refuse("\x83" TYPE("\x02") DATA "\xd4\x00\x00" NSP);
    refuse("\x83" TYPE("\x02") DATA "\x80" NSP);
    refuse("\x83" TYPE("\x02") DATA "\xa1x" NSP);
    refuse("\x83" TYPE("\x02") DATA "\xd5\x05\x01\x02" NSP);
    refuse("\x82" TYPE("\x03") NSP);
    take("\x83" TYPE("\x01") DATA "\xd4\x00\x00" NSP, "1 / - ");
    take("\x83" TYPE("\x02") DATA "\xdc\x00\x01\xa1x" NSP, "2 / - [\"x\"]");
    take("\x83" TYPE("\x02") DATA "\xdd\x00\x00\x00\x00" NSP, "2 / - []");
    take("\x83" TYPE("\x00") DATA "\xde\x00\x00" NSP, "0 / - {}");
    take("\x83" TYPE("\x00") DATA "\xdf\x00\x00\x00\x00" NSP, "0 / - {}");

    /* no name is refused here */

    take("\x83" TYPE("\x02") DATA "\x91\xaa""disconnect" NSP,
         "2 / - [\"disconnect\"]");
    take("\x83" TYPE("\x02") DATA "\x91\xc0" NSP, "2 / - [null]");

    /* namespaces */

    refuse("\x81" TYPE("\x00"));
    refuse("\x82" TYPE("\x00") "\xa3nsp\xc0");
    refuse("\x82" TYPE("\x00") "\xa3nsp\xc4\x01/");
    refuse("\x82" TYPE("\x00") "\xa3nsp\xa0");
    refuse("\x82" TYPE("\x00") "\xa3nsp\xa1x");
    refuse("\x82" TYPE("\x00") "\xa3nsp\xa4/a,b");
    refuse("\x82" TYPE("\x00") "\xa3nsp\xa3/a\x1e");
    refuse("\x82" TYPE("\x00") "\xa3nsp\xa2/\x7f");
    refuse("\x82" TYPE("\x00") "\xa3nsp\xa2/\xff");
    refuse("\x82" TYPE("\x00") "\xa3nsp\xb1/0123456789abcdef");
    take("\x82" TYPE("\x00") "\xa3nsp\xb0/0123456789abcde",
         "0 /0123456789abcde - ");

    /* what is no packet at all */

    refuse("");
    refuse("\x80");
    refuse("\x90");
    refuse("\x02");
    refuse("\xc0");
    refuse("\xc1");
    refuse("\x82" TYPE("\x00") "\xa3nsp\xc1");
    refuse("\xdf\xff\xff\xff\xff" TYPE("\x00") NSP);
    refuse("\x83" TYPE("\x00") NSP);
}


static void
test_ids(void)
{
#define id(value, want)                                                       \
    take("\x84" ID value TYPE("\x03") DATA "\x90" NSP, "3 / " want " []")
#define no_id(value)                                                          \
    refuse("\x84" ID value TYPE("\x03") DATA "\x90" NSP)

    id("\x00", "0");
    id("\x7f", "127");
    id("\xff", "-1");
    id("\xd4\x00\x00", "-");
    id("\xcd\x04\x00", "1024");
    id("\xcb\x40\x14\x00\x00\x00\x00\x00\x00", "5");
    id("\xcb\x80\x00\x00\x00\x00\x00\x00\x00", "0");
    id("\xcf\x00\x20\x00\x00\x00\x00\x00\x00", "9007199254740992");
    id("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709552000");
    id("\xd3\x80\x00\x00\x00\x00\x00\x00\x00", "-9223372036854776000");

    no_id("\xc0");
    no_id("\xa1""1");
    no_id("\x90");
    no_id("\xcb\x40\x16\x00\x00\x00\x00\x00\x00");
    no_id("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00");
    no_id("\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00");
    no_id("\xcb\x44\x4b\x1a\xe4\xd6\xe2\xef\x50");
}


/* every head that there is, at its ends */

static void
test_values(void)
{
    arg("\xc0", "null");
    arg("\xc2", "false");
    arg("\xc3", "true");
    arg("\xd4\x00\x00", "null");
    arg("\xd4\x00\xff", "null");

    arg("\x00", "0");
    arg("\x7f", "127");
    arg("\xe0", "-32");
    arg("\xff", "-1");
    arg("\xcc\x00", "0");
    arg("\xcc\xff", "255");
    arg("\xcd\xff\xff", "65535");
    arg("\xce\xff\xff\xff\xff", "4294967295");
    arg("\xcf\x00\x1f\xff\xff\xff\xff\xff\xff", "9007199254740991");
    arg("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709552000");
    arg("\xd0\x80", "-128");
    arg("\xd0\x7f", "127");
    arg("\xd1\x80\x00", "-32768");
    arg("\xd2\x80\x00\x00\x00", "-2147483648");
    arg("\xd3\xff\xff\xff\xff\x7f\xff\xff\xff", "-2147483649");
    arg("\xd3\x80\x00\x00\x00\x00\x00\x00\x00", "-9223372036854776000");

    arg("\xca\x3d\xcc\xcc\xcd", "0.10000000149011612");
    arg("\xca\x7f\x80\x00\x00", "null");
    arg("\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", "1.5");
    arg("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", "null");
    arg("\xcb\xff\xf0\x00\x00\x00\x00\x00\x00", "null");
    arg("\xcb\x80\x00\x00\x00\x00\x00\x00\x00", "0");
    arg("\xcb\x44\x4b\x1a\xe4\xd6\xe2\xef\x50", "1e+21");

    arg("\xa0", "\"\"");
    arg("\xd9\x01""a", "\"a\"");
    arg("\xda\x00\x01""a", "\"a\"");
    arg("\xdb\x00\x00\x00\x01""a", "\"a\"");
    arg("\xa9\"\\/\x00\x1e\x7f\n\xc3\xa9",
        "\"\\\"\\\\/\\u0000\\u001e\x7f\\n\xc3\xa9\"");
    arg("\xa4\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\"");

    arg("\x90", "[]");
    arg("\xdc\x00\x02\x01\x02", "[1,2]");
    arg("\xdd\x00\x00\x00\x01\x90", "[[]]");
    arg("\x9f\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01",
        "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]");
    arg("\x80", "{}");
    arg("\x82\xa1""a\x01\xa1""b\x92\xc0\xc3", "{\"a\":1,\"b\":[null,true]}");
    arg("\x82\xa1""a\x01\xa1""a\x02", "{\"a\":1,\"a\":2}");

    /* undefined */

    arg("\x81\xa1""a\xd4\x00\x00", "{}");
    arg("\x83\xa1""a\xd4\x00\x00\xa1""b\x01\xa1""c\xd4\x00\x00", "{\"b\":1}");
    arg("\x92\xd4\x00\x00\x01", "[null,1]");

    /* names of properties */

    arg("\x84\x05\x01\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00\x02\xc0\x03\xc3\x04",
        "{\"5\":1,\"1.5\":2,\"null\":3,\"true\":4}");
    arg("\x83\xc2\x01\xd4\x00\x00\x02\xc4\x01""a\x03",
        "{\"false\":1,\"undefined\":2,\"a\":3}");
    refuse(EVENT("\x81\x90\x01"));
    refuse(EVENT("\x81\x80\x01"));
    refuse(EVENT("\x81\xd5\x05\x01\x02\x01"));
    refuse(EVENT("\x81\xd7\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"));

    /* more is said to follow than there is */

    refuse(EVENT("\xdb\xff\xff\xff\xff"));
    refuse(EVENT("\xc6\xff\xff\xff\xff"));
    refuse(EVENT("\xc9\xff\xff\xff\xff\x05"));
    refuse(EVENT("\xdd\xff\xff\xff\xff"));
    refuse(EVENT("\xdf\xff\xff\xff\xff"));
    refuse(EVENT("\x92"));
}


/* as Buffer.toString() */

static void
test_utf8(void)
{
    arg("\xa1\xff", "\"\xef\xbf\xbd\"");
    arg("\xa3""a\xc3""b", "\"a\xef\xbf\xbd""b\"");
    arg("\xa2\xe2\x82", "\"\xef\xbf\xbd\"");
    arg("\xa3\xf0\x9f\x98", "\"\xef\xbf\xbd\"");
    arg("\xa3\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    arg("\xa2\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    arg("\xa5\xe2\x82\"\xc3\n", "\"\xef\xbf\xbd\\\"\xef\xbf\xbd\\n\"");
    arg("\x81\xa1\x80\x01", "{\"\xef\xbf\xbd\":1}");
}


static void
test_binary(void)
{
    char  message[80];
    int   i, n;

    take(EVENT("\xc4\x00"), "2 / - [\"x\"," PLACEHOLDER("0") "]|");
    take(EVENT("\xc5\x00\x01""a"), "2 / - [\"x\"," PLACEHOLDER("0") "]|a");
    take(EVENT("\xc6\x00\x00\x00\x01""a"),
         "2 / - [\"x\"," PLACEHOLDER("0") "]|a");
    take(EVENT("\x93\xc4\x01""a\x05\x81\xa1k\xc4\x02""bc"),
         "2 / - [\"x\",[" PLACEHOLDER("0") ",5,{\"k\":" PLACEHOLDER("1")
         "}]]|a|bc");

    /* ArrayBuffers of Node, ext of others */

    take(EVENT("\xc7\x01\x00""a"), "2 / - [\"x\"," PLACEHOLDER("0") "]|a");
    take(EVENT("\xc8\x00\x01\x00""a"),
         "2 / - [\"x\"," PLACEHOLDER("0") "]|a");
    take(EVENT("\xc9\x00\x00\x00\x01\x00""a"),
         "2 / - [\"x\"," PLACEHOLDER("0") "]|a");
    take(EVENT("\xc7\x00\x00"), "2 / - [\"x\"," PLACEHOLDER("0") "]|");
    take(EVENT("\xd4\x05""a"), "2 / - [\"x\",[5," PLACEHOLDER("0") "]]|a");
    take(EVENT("\xd5\x00""ab"), "2 / - [\"x\",[0," PLACEHOLDER("0") "]]|ab");
    take(EVENT("\xd6\xff""abcd"),
         "2 / - [\"x\",[-1," PLACEHOLDER("0") "]]|abcd");
    take(EVENT("\xd7\x80""abcdefgh"),
         "2 / - [\"x\",[-128," PLACEHOLDER("0") "]]|abcdefgh");
    take(EVENT("\xd8\x00""abcdefghabcdefgh"),
         "2 / - [\"x\",[0," PLACEHOLDER("0") "]]|abcdefghabcdefgh");
    take(EVENT("\xc7\x02\x7f""ab"),
         "2 / - [\"x\",[127," PLACEHOLDER("0") "]]|ab");

    /* as many as there may be, and one more */

    for (n = MAX_ATTACHMENTS; n <= MAX_ATTACHMENTS + 1; n++) {

        i = sprintf(message, "\x83\xa4type\x02\xa4""data%c\xa1x",
                    0x90 + n + 1);

        while (i < 15 + 2 * n) {
            message[i++] = '\xc4';
            message[i++] = 0;
        }

        memcpy(message + i, NSP, 6);

        if (n == MAX_ATTACHMENTS) {
            check_message(message, i + 6,
                          bytes("2 / - [\"x\"," PLACEHOLDER("0") ","
                                PLACEHOLDER("1") "," PLACEHOLDER("2") ","
                                PLACEHOLDER("3") "]||||"));
        } else {
            check_message(message, i + 6, "!", 1);
        }
    }

    /* a look-alike is nothing but an object, unless there are binaries */

    arg("\x81\xac_placeholder\xc3", "{\"_placeholder\":true}");
    refuse(EVENT("\x82\xac_placeholder\xc3\xa1""a\xc4\x00"));
    refuse(EVENT("\x82\xa1""a\xc4\x00\xc4\x0c_placeholder\xc3"));
    arg("\xac_placeholder", "\"_placeholder\"");
    take(EVENT("\x82\xac_placeholder\x01\xa1""a\xc4\x00"),
         "2 / - [\"x\",{\"_placeholder\":1,\"a\":" PLACEHOLDER("0") "}]|");
    take(EVENT("\x92\xac_placeholder\xc4\x00"),
         "2 / - [\"x\",[\"_placeholder\"," PLACEHOLDER("0") "]]|");

    /* CONNECT has no attachments */

    take("\x83" TYPE("\x00") DATA "\x82\xa1t\xc4\x02hi\xa1u\xc7\x00\x00" NSP,
         "0 / - {\"t\":{\"_base64\":\"aGk=\"},\"u\":{\"_base64\":\"\"}}");
}


static void
test_depth(void)
{
    /* the array of the event is the first of six */

    arg("\x91\x81\xa1""a\x91\x91\x90", "[{\"a\":[[[]]]}]");
    refuse(EVENT("\x91\x81\xa1""a\x91\x91\x91\x90"));
    refuse(EVENT("\x91\x91\x91\x91\x91\x80"));
    arg("\x91\x91\x91\x91\xc0", "[[[[null]]]]");
    take(EVENT("\x91\x91\x91\x91\xd4\x05""a"),
         "2 / - [\"x\",[[[[[5," PLACEHOLDER("0") "]]]]]]|a");
    refuse(EVENT("\x91\x91\x91\x91\x91\xd4\x05""a"));

    /* other keys of the packet too */

    take("\x83\xa1o\x91\x91\x91\x91\x91\x90" TYPE("\x00") NSP, "0 / - ");
    refuse("\x83\xa1o\x91\x91\x91\x91\x91\x91\x90" TYPE("\x00") NSP);
}


static void
test_dates(void)
{
    size_t    i, n;
    uint8_t   buf[SIO_DATE_LEN];
    int64_t   ms;
    uint64_t  state;

    static const struct {
        int64_t      ms;
        const char  *text;
    } dates[] = {
        { 0, "1970-01-01T00:00:00.000Z" },
        { -1, "1969-12-31T23:59:59.999Z" },
        { 951782400000, "2000-02-29T00:00:00.000Z" },
        { 4107542400000, "2100-03-01T00:00:00.000Z" },
        { 1795176000123, "2026-11-20T12:00:00.123Z" },
        { 253402300799999, "9999-12-31T23:59:59.999Z" },
        { 253402300800000, "+010000-01-01T00:00:00.000Z" },
        { -62167219200000, "0000-01-01T00:00:00.000Z" },
        { -62167219200001, "-000001-12-31T23:59:59.999Z" },
        { SIO_DATE_MAX, "+275760-09-13T00:00:00.000Z" },
        { -SIO_DATE_MAX, "-271821-04-20T00:00:00.000Z" },
    };

    static const char *wrong[] = {
        "2026-02-30T00:00:00.000Z", "2026-13-01T00:00:00.000Z",
        "2026-00-01T00:00:00.000Z", "2026-01-00T00:00:00.000Z",
        "2026-01-01T24:00:00.000Z", "2026-01-01T00:60:00.000Z",
        "2026-01-01T00:00:00.000z", "2026-01-01 00:00:00.000Z",
        "2026-01-01T00:00:00.00Z", "2026-01-01T00:00:00Z", "",
        "+002026-01-01T00:00:00.000Z", "-000000-01-01T00:00:00.000Z",
        "+275760-09-13T00:00:00.001Z", "+999999-12-31T23:59:59.999Z",
        "/////////////////////////", "~~~~~~~~~~~~~~~~~~~~~~~~",
    };

    for (i = 0; i < sizeof(dates) / sizeof(dates[0]); i++) {
        n = sio_date_write(buf, dates[i].ms);
        check_text(buf, n, dates[i].text);
        check_int(sio_date_read(buf, n, &ms), SIO_OK);
        check_int(ms, dates[i].ms);
    }

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        check_int(sio_date_read((uint8_t *) wrong[i], strlen(wrong[i]), &ms),
                  SIO_DECLINED);
    }

    state = 1;

    for (i = 0; i < 20000; i++) {
        ms = (int64_t) ((uint64_t) unit_random(&state) << 32
                        | unit_random(&state)) % SIO_DATE_MAX;
        n = sio_date_write(buf, ms);
        check(sio_date_read(buf, n, &ms) == SIO_OK);
        check(sio_date_write(buf, ms) == n);
    }

    arg("\xd7\x00\x00\x00\x00\x00\x00\x00\x00\x05",
        "\"\\u0031970-01-01T00:00:00.005Z\"");
    arg("\xd7\x00\xff\xff\xff\xff\xff\xff\xff\xff",
        "\"\\u0031969-12-31T23:59:59.999Z\"");
    arg("\xd7\x00\x00\x1e\xb2\x08\xc2\xdc\x00\x00",
        "\"\\u002b275760-09-13T00:00:00.000Z\"");
    arg("\xd7\x00\x00\x1e\xb2\x08\xc2\xdc\x00\x01", "null");
    arg("\xd7\x00\x80\x00\x00\x00\x00\x00\x00\x00", "null");
}


static void
check_write(const char *text, size_t len, const char *want, size_t want_len)
{
    size_t                 n;
    uint8_t               *p, *out;
    sio_str_t              slice;
    static uint8_t         byte[] = { 0xff };
    static const sio_str_t attachments[] = {
        { 0, NULL }, { 2, (uint8_t *) "ab" }, { 1, byte }
    };

    p = unit_copy(text, len);

    slice.data = p;
    slice.len = len;

    n = sio_msgpack_write(NULL, &slice, attachments, 3);
    check_int(n, want_len);

    if (n == 0) {
        free(p);
        return;
    }

    out = malloc(n);

    check_int(sio_msgpack_write(out + n, &slice, attachments, 3), n);
    unit_check_text(out, n, want, want_len, text, 0, "write");

    free(out);
    free(p);
}


#define write(text, want)                                                     \
    check_write(text, sizeof(text) - 1, want, sizeof(want) - 1)

/* an argument in JSON and in MessagePack */
#define write_arg(json, value)  write("2[\"x\"," json "]", EVENT(value))


/* protocol.md, 8, and as socket.io 4.8.4 was seen to */

static void
test_write_packets(void)
{
    write("0{\"sid\":\"abc\"}",
          "\x83" TYPE("\x00") DATA "\x81\xa3sid\xa3""abc" NSP);
    write("0", "\x82" TYPE("\x00") NSP);
    write("1", "\x82" TYPE("\x01") NSP);
    write("1/nsp,", "\x82" TYPE("\x01") "\xa3nsp\xa4/nsp");
    write("1/nsp", "\x82" TYPE("\x01") "\xa3nsp\xa4/nsp");
    write("212[\"x\"]",
          "\x84" TYPE("\x02") DATA "\x91\xa1x" ID "\x0c" NSP);
    write("2/nsp,[\"x\"]",
          "\x83" TYPE("\x02") DATA "\x91\xa1x" "\xa3nsp\xa4/nsp");
    write("33[1]", "\x84" ID "\x03" TYPE("\x03") DATA "\x91\x01" NSP);
    write("3-3[]", "\x84" ID "\xfd" TYPE("\x03") DATA "\x90" NSP);
    write("3/a,-300[]",
          "\x84" ID "\xd1\xfe\xd4" TYPE("\x03") DATA "\x90" "\xa3nsp\xa2/a");
    write("4/random,{\"message\":\"Invalid namespace\"}",
          "\x83" TYPE("\x04") "\xa3nsp\xa7/random" DATA
          "\x81\xa7message\xb1Invalid namespace");
    write("4{\"message\":\"no\",\"data\":{\"a\":1}}",
          "\x83" TYPE("\x04") DATA "\x82\xa7message\xa2no\xa4""data\x81\xa1""a"
          "\x01" NSP);

    write("", "");
    write("2[", "");
    write("2]", "");
    write("2]]", "");
}


static void
test_write_values(void)
{
    write_arg("null", "\xc0");
    write_arg("true", "\xc3");
    write_arg(" false ", "\xc2");
    write_arg("0", "\x00");
    write_arg("-0", "\x00");
    write_arg("127", "\x7f");
    write_arg("128", "\xcc\x80");
    write_arg("255", "\xcc\xff");
    write_arg("256", "\xcd\x01\x00");
    write_arg("65535", "\xcd\xff\xff");
    write_arg("65536", "\xce\x00\x01\x00\x00");
    write_arg("4294967295", "\xce\xff\xff\xff\xff");
    write_arg("4294967296", "\xcf\x00\x00\x00\x01\x00\x00\x00\x00");
    write_arg("9007199254740992", "\xcf\x00\x20\x00\x00\x00\x00\x00\x00");
    write_arg("18446744073709549568", "\xcf\xff\xff\xff\xff\xff\xff\xf8\x00");
    write_arg("18446744073709551616", "\xcb\x43\xf0\x00\x00\x00\x00\x00\x00");
    write_arg("1e21", "\xcb\x44\x4b\x1a\xe4\xd6\xe2\xef\x50");
    write_arg("-1", "\xff");
    write_arg("-32", "\xe0");
    write_arg("-33", "\xd0\xdf");
    write_arg("-128", "\xd0\x80");
    write_arg("-129", "\xd1\xff\x7f");
    write_arg("-32768", "\xd1\x80\x00");
    write_arg("-32769", "\xd2\xff\xff\x7f\xff");
    write_arg("-2147483648", "\xd2\x80\x00\x00\x00");
    write_arg("-2147483649", "\xd3\xff\xff\xff\xff\x7f\xff\xff\xff");
    write_arg("-9223372036854775808",
              "\xd3\x80\x00\x00\x00\x00\x00\x00\x00");
    write_arg("-1e19", "\xcb\xc3\xe1\x58\xe4\x60\x91\x3d\x00");
    write_arg("1.5", "\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00");
    write_arg("5.0", "\x05");
    write_arg("1e2", "\x64");
    write_arg("1e999", "\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00");

    write_arg("\"\"", "\xa0");
    write_arg("\"\\\"\"", "\xa1\"");
    write_arg("\"\\\\\"", "\xa1\\");
    write_arg("\"\\\\\\\"\"", "\xa2\\\"");
    write_arg("\"\\u00e9\\n\\ud83d\\ude00\"", "\xa7\xc3\xa9\n\xf0\x9f\x98\x80");
    write_arg("\"\\ud83d\"", "\xa3\xef\xbf\xbd");
    write_arg("\"[{,:\"", "\xa4[{,:");

    write_arg("[]", "\x90");
    write_arg("{}", "\x80");
    write_arg("[ ]", "\x90");
    write_arg("{\"a\" : [1 ,{ \"b\":\"c\" } ]\n}",
              "\x81\xa1""a\x92\x01\x81\xa1""b\xa1""c");
    write_arg("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]",
              "\x9f\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
              "\x01");
    write_arg("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]",
              "\xdc\x00\x10\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
              "\x01\x01\x01\x01");

    /* a Date, and what only looks like one */

    write_arg("\"\\u0031970-01-01T00:00:00.005Z\"",
              "\xd7\x00\x00\x00\x00\x00\x00\x00\x00\x05");
    write_arg("\"\\u0031969-12-31T23:59:59.999Z\"",
              "\xd7\x00\xff\xff\xff\xff\xff\xff\xff\xff");
    write_arg("\"\\u002b275760-09-13T00:00:00.000Z\"",
              "\xd7\x00\x00\x1e\xb2\x08\xc2\xdc\x00\x00");
    write_arg("\"1970-01-01T00:00:00.005Z\"",
              "\xb8""1970-01-01T00:00:00.005Z");
    write_arg("\"\\u0031970-02-30T00:00:00.005Z\"",
              "\xb8""1970-02-30T00:00:00.005Z");
    write_arg("\"\\u0031\"", "\xa1""1");
    write_arg("{\"\\u0031970-01-01T00:00:00.005Z\":1}",
              "\x81\xb8""1970-01-01T00:00:00.005Z\x01");

    /* placeholders, in a binary packet only */

#define write_binary(json, value)                                             \
    write("53-[\"x\"," json "]", EVENT(value))

    write_binary(PLACEHOLDER("0"), "\xc4\x00");
    write_binary(PLACEHOLDER("1"), "\xc4\x02""ab");
    write_binary("[{\"a\":" PLACEHOLDER("2") "}," PLACEHOLDER("2") "]",
                 "\x92\x81\xa1""a\xc4\x01\xff\xc4\x01\xff");
    write_binary("{ \"num\" : 1 , \"a\":\"{}\",\"_placeholder\":true }",
                 "\xc4\x02""ab");
    write_binary("{\"a\":" PLACEHOLDER("1") ",\"b\":{\"c\":\"}\"}}",
                 "\x82\xa1""a\xc4\x02""ab\xa1""b\x81\xa1""c\xa1}");
    write_binary("{\"_placeholder\":false,\"num\":1}",
                 "\x82\xac_placeholder\xc2\xa3num\x01");
    write_binary(PLACEHOLDER("3"), "\x82\xac_placeholder\xc3\xa3num\x03");
    write("62-7[" PLACEHOLDER("1") "]",
          "\x84" ID "\x07" TYPE("\x03") DATA "\x91\xc4\x02""ab" NSP);
    write("61--7[" PLACEHOLDER("0") "]",
          "\x84" ID "\xf9" TYPE("\x03") DATA "\x91\xc4\x00" NSP);
    write_arg(PLACEHOLDER("0"), "\x82\xac_placeholder\xc3\xa3num\x00");
}


/* lengths that need a longer head: there, back, and one less */

static void
test_lengths(void)
{
    int             map;
    char           *text;
    size_t          i, n, len, size;
    uint8_t        *p, *json;
    sio_str_t       slice, back[1], attachment;
    sio_msgpack_t   pkt;

    static const struct {
        size_t   len;
        uint8_t  head[5];
        size_t   size;
    } cases[] = {
        { 31, { 0xbf }, 1 },
        { 32, { 0xd9, 32 }, 2 },
        { 255, { 0xd9, 255 }, 2 },
        { 256, { 0xda, 1, 0 }, 3 },
        { 65535, { 0xda, 255, 255 }, 3 },
        { 65536, { 0xdb, 0, 1, 0, 0 }, 5 },
        { 255, { 0xc4, 255 }, 2 },
        { 256, { 0xc5, 1, 0 }, 3 },
        { 65535, { 0xc5, 255, 255 }, 3 },
        { 65536, { 0xc6, 0, 1, 0, 0 }, 5 },
        { 65535, { 0xdc, 255, 255 }, 3 },
        { 65536, { 0xdd, 0, 1, 0, 0 }, 5 },
        { 16, { 0xde, 0, 16 }, 3 },
        { 65536, { 0xdf, 0, 1, 0, 0 }, 5 },
    };

    text = malloc(65536 * 6 + 100);

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        attachment.len = 0;
        attachment.data = (uint8_t *) text + 100;

        if (cases[i].head[0] >= 0xc4 && cases[i].head[0] <= 0xc6) {
            attachment.len = cases[i].len;
            memset(text, 'y', cases[i].len + 100);
            len = sprintf(text, "51-[\"x\"," PLACEHOLDER("0") "]");

        } else if (cases[i].head[0] < 0xdc) {
            len = sprintf(text, "2[\"x\",\"");
            memset(text + len, 'y', cases[i].len);
            len += cases[i].len;
            len += sprintf(text + len, "\"]");

        } else {
            map = cases[i].head[0] >= 0xde;
            len = sprintf(text, "2[\"x\",%c", map ? '{' : '[');

            for (n = 0; n < cases[i].len; n++) {
                len += sprintf(text + len, "%s", map ? "\"\":1," : "1,");
            }

            text[len - 1] = map ? '}' : ']';
            text[len++] = ']';
        }

        slice.data = (uint8_t *) text;
        slice.len = len;

        size = sio_msgpack_write(NULL, &slice, &attachment, 1);
        p = malloc(size);
        check_int(sio_msgpack_write(p + size, &slice, &attachment, 1), size);

        check(size > 19 && memcmp(p + 15, cases[i].head, cases[i].size) == 0);

        check_int(sio_msgpack_parse(p, size, &limits, &pkt), SIO_OK);
        check_int(sio_msgpack_parse(p, size - 1, &limits, &pkt), SIO_ERROR);
        check_int(sio_msgpack_parse(p, size, &limits, &pkt), SIO_OK);

        n = attachment.len ? 3 : 1;
        check_int(pkt.nattachments, attachment.len ? 1 : 0);
        check_int(pkt.json_len, len - n);

        if (pkt.json_len == len - n) {
            json = malloc(pkt.json_len);
            sio_msgpack_write_json(json, back, &pkt);
            check(memcmp(json, text + n, len - n) == 0);
            free(json);

            if (attachment.len) {
                check_int(back[0].len, attachment.len);
                check(memcmp(back[0].data, attachment.data, back[0].len) == 0);
            }
        }

        free(p);
    }

    free(text);
}


static void
test_write_depth(void)
{
    size_t     n;
    uint8_t   *text;
    sio_str_t  slice;

    for (n = SIO_MSGPACK_MAX_DEPTH; n <= SIO_MSGPACK_MAX_DEPTH + 1; n++) {

        text = malloc(2 * n + 1);
        text[0] = '3';
        memset(text + 1, '[', n);
        memset(text + 1 + n, ']', n);

        slice.data = text;
        slice.len = 2 * n + 1;

        check_int(sio_msgpack_write(NULL, &slice, NULL, 0),
                  n == SIO_MSGPACK_MAX_DEPTH
                  ? sizeof("\x83" TYPE("\x03") DATA NSP) - 1 + n : 0);

        free(text);
    }
}


int
main(void)
{
    group(test_vectors);
    group(test_packets);
    group(test_ids);
    group(test_values);
    group(test_utf8);
    group(test_binary);
    group(test_depth);
    group(test_dates);
    group(test_write_packets);
    group(test_write_values);
    group(test_lengths);
    group(test_write_depth);

    return unit_result();
}
