
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "unit.h"
#include "../../src/wire/sio_packet.h"


#define MAX_ARGS  4


static const sio_packet_limits_t  limits = { 10, 16, 32 };


/*
 * A packet as one line: "type n nsp id payload" with "-" for what is missing,
 * then "|" and each argument; "!" if it was refused.
 */

static size_t
show(char *out, size_t size, const void *text, size_t len)
{
    int           rc;
    size_t        i, n;
    uint8_t      *p;
    sio_str_t     args[MAX_ARGS + 1];
    sio_packet_t  pkt;

    memset(args, 0, sizeof(args));

    p = unit_copy(text, len);
    rc = sio_packet_parse(p, len, &limits, &pkt, args, MAX_ARGS);

    if (rc != SIO_OK) {
        check_int(rc, SIO_ERROR);
        free(p);
        return snprintf(out, size, "!");
    }

    n = snprintf(out, size, "%u %u %.*s %.*s %.*s", pkt.type,
                 pkt.nattachments, (int) pkt.nsp.len, (char *) pkt.nsp.data,
                 pkt.id.len ? (int) pkt.id.len : 1,
                 pkt.id.len ? (char *) pkt.id.data : "-",
                 pkt.json.type ? (int) pkt.json.value.len : 1,
                 pkt.json.type ? (char *) pkt.json.value.data : "-");

    for (i = 0; i < pkt.json.nelts && i < MAX_ARGS; i++) {
        check(args[i].data >= p && args[i].data + args[i].len <= p + len);

        n += snprintf(out + n, size - n, "|%.*s", (int) args[i].len,
                      (char *) args[i].data);
    }

    check(args[MAX_ARGS].data == NULL);
    check(pkt.type < 5 ? pkt.nattachments == 0
                       : pkt.nattachments >= 1
                         && pkt.nattachments <= limits.max_attachments);

    free(p);

    return n;
}


static void
check_packet(const char *text, const char *want)
{
    char    out[512];
    size_t  n;

    n = show(out, sizeof(out), text, strlen(text));
    unit_check_text(out, n, want, strlen(want), text, 0, "packet");
}


#define refuse(text)  check_packet(text, "!")


/* protocol.md, 14; without the Engine.IO type in front */

static void
test_vectors(void)
{
    check_packet("0{\"a\":1}", "0 0 / - {\"a\":1}");
    check_packet("0", "0 0 / - -");
    check_packet("0/custom,", "0 0 /custom - -");
    check_packet("0/random,", "0 0 /random - -");
    check_packet("2[\"echo\",1]", "2 0 / - [\"echo\",1]|\"echo\"|1");
    check_packet("212[\"echo\",1]", "2 0 / 12 [\"echo\",1]|\"echo\"|1");
    check_packet("2/custom,7[\"e\"]", "2 0 /custom 7 [\"e\"]|\"e\"");
    check_packet("51-[\"echo\",{\"_placeholder\":true,\"num\":0}]",
                 "5 1 / - [\"echo\",{\"_placeholder\":true,\"num\":0}]"
                 "|\"echo\"|{\"_placeholder\":true,\"num\":0}");
    check_packet("52-7[\"echo\",{\"_placeholder\":true,\"num\":1},"
                 "{\"x\":{\"_placeholder\":true,\"num\":0}}]",
                 "5 2 / 7 [\"echo\",{\"_placeholder\":true,\"num\":1},"
                 "{\"x\":{\"_placeholder\":true,\"num\":0}}]"
                 "|\"echo\"|{\"_placeholder\":true,\"num\":1}"
                 "|{\"x\":{\"_placeholder\":true,\"num\":0}}");
    check_packet("62-7[{\"_placeholder\":true,\"num\":0},1]",
                 "6 2 / 7 [{\"_placeholder\":true,\"num\":0},1]"
                 "|{\"_placeholder\":true,\"num\":0}|1");
    check_packet("1", "1 0 / - -");

    refuse("2{}");
    refuse("2[]");
    refuse("2\"x\"");
    refuse("2[\"a\"");
    refuse("2[\"a\"]x");
    refuse("2[null]");
    refuse("2[\"connect\"]");
    refuse("2abc[\"x\"]");
    refuse("1{}");
    refuse("0[1]");
    refuse("0null");
    refuse("7");
    refuse("x");
    refuse("");
    refuse("50-[\"a\"]");
    refuse("511-[\"a\"]");
    refuse("51[\"a\"]");

    /* type 4 is refused later, by state */

    check_packet("4{\"message\":\"x\"}", "4 0 / - {\"message\":\"x\"}");

    check_packet("2", "2 0 / - -");
    check_packet("21", "2 0 / 1 -");
    check_packet("3", "3 0 / - -");
    check_packet("399[1]", "3 0 / 99 [1]|1");
    check_packet("2[5,1]", "2 0 / - [5,1]|5|1");
    check_packet("2[\"error\"]", "2 0 / - [\"error\"]|\"error\"");
}


static void
test_types(void)
{
    int      c;
    char     text[2], want[32];

    text[1] = '\0';

    for (c = 1; c < 256; c++) {
        text[0] = c;

        if (c >= '0' && c <= '4') {
            sprintf(want, "%d 0 / - -", c - '0');
            check_packet(text, want);

        } else {
            refuse(text);
        }
    }

    refuse("5");
    refuse("6");

    /* which payload suits which type: object, array, string, the rest */

    check_packet("0{}", "0 0 / - {}");
    refuse("0[]");
    refuse("0\"a\"");
    refuse("0true");
    refuse("1{}");
    refuse("1[]");
    refuse("1\"a\"");
    refuse("1null");
    refuse("1/a,null");
    refuse("3{}");
    check_packet("3[]", "3 0 / - []");
    refuse("3\"a\"");
    refuse("3null");
    check_packet("4{}", "4 0 / - {}");
    refuse("4[]");
    check_packet("4\"a\"", "4 0 / - \"a\"");
    refuse("4null");
    refuse("51-{}");
    refuse("51-[]");
    refuse("51-[{}]");
    check_packet("51-[\"a\"]", "5 1 / - [\"a\"]|\"a\"");
    refuse("61-{}");
    check_packet("61-[]", "6 1 / - []");
    check_packet("61-9[]", "6 1 / 9 []");

    /* without a payload, as in Node */

    check_packet("1/a,", "1 0 /a - -");
    check_packet("4", "4 0 / - -");
    check_packet("51-", "5 1 / - -");
    check_packet("61-/a,5", "6 1 /a 5 -");
    check_packet("01", "0 0 / 1 -");
    check_packet("01{}", "0 0 / 1 {}");
}


static void
test_names(void)
{
    check_packet("2[\"\"]", "2 0 / - [\"\"]|\"\"");
    check_packet("2[-1.5]", "2 0 / - [-1.5]|-1.5");
    check_packet("2[ \"a\" ] ", "2 0 / - [ \"a\" ]|\"a\"");
    check_packet("2 [\"a\"]", "2 0 / - [\"a\"]|\"a\"");
    check_packet("2[\"connection\"]",
                 "2 0 / - [\"connection\"]|\"connection\"");
    check_packet("2[\"Connect\"]", "2 0 / - [\"Connect\"]|\"Connect\"");
    check_packet("2[\"message\",\"connect\"]",
                 "2 0 / - [\"message\",\"connect\"]|\"message\"|\"connect\"");

    refuse("2[true]");
    refuse("2[false]");
    refuse("2[{}]");
    refuse("2[[\"a\"]]");

    refuse("2[\"connect_error\"]");
    refuse("2[\"disconnect\"]");
    refuse("2[\"disconnecting\"]");
    refuse("2[\"newListener\"]");
    refuse("2[\"removeListener\"]");
    refuse("2[\"conn\\u0065ct\"]");
    refuse("2[\"\\u0064isconnect\",1]");
    refuse("2[ \"connect\" ]");
    refuse("51-[\"disconnect\"]");

    /* acks have no name */

    check_packet("31[\"connect\"]", "3 0 / 1 [\"connect\"]|\"connect\"");
    check_packet("31[null]", "3 0 / 1 [null]|null");

    check_int(sio_packet_reserved((uint8_t *) "connect", 7), 1);
    check_int(sio_packet_reserved((uint8_t *) "connect_error", 13), 1);
    check_int(sio_packet_reserved((uint8_t *) "disconnect", 10), 1);
    check_int(sio_packet_reserved((uint8_t *) "disconnecting", 13), 1);
    check_int(sio_packet_reserved((uint8_t *) "newListener", 11), 1);
    check_int(sio_packet_reserved((uint8_t *) "removeListener", 14), 1);
    check_int(sio_packet_reserved((uint8_t *) "connec", 6), 0);
    check_int(sio_packet_reserved((uint8_t *) "connects", 8), 0);
    check_int(sio_packet_reserved((uint8_t *) "Connect", 7), 0);
    check_int(sio_packet_reserved((uint8_t *) "error", 5), 0);
    check_int(sio_packet_reserved(NULL, 0), 0);
}


static void
test_attachments(void)
{
    char  text[64], want[64];
    int   i;

    for (i = 0; i <= 12; i++) {
        sprintf(text, "5%d-[\"a\"]", i);
        sprintf(want, "5 %d / - [\"a\"]|\"a\"", i);
        check_packet(text, i >= 1 && i <= 10 ? want : "!");
    }

    check_packet("501-[\"a\"]", "5 1 / - [\"a\"]|\"a\"");
    check_packet("50000000010-[\"a\"]", "5 10 / - [\"a\"]|\"a\"");

    refuse("5-[\"a\"]");
    refuse("5a-[\"a\"]");
    refuse("51");
    refuse("5 1-[\"a\"]");
    refuse("51 -[\"a\"]");
    refuse("5-1-[\"a\"]");
    refuse("5+1-[\"a\"]");
    refuse("51.0-[\"a\"]");
    refuse("51e0-[\"a\"]");
    refuse("54294967297-[\"a\"]");
    refuse("518446744073709551617-[\"a\"]");
    refuse("599999999999999999999999999999999999-[\"a\"]");

    /* the other types have none: what is there is an id, then no JSON */

    refuse("21-[\"a\"]");
    refuse("31-[\"a\"]");
}


static void
test_namespaces(void)
{
    check_packet("2/,[\"a\"]", "2 0 / - [\"a\"]|\"a\"");
    check_packet("2/[\"a\"]", "2 0 /[\"a\"] - -");
    check_packet("0/custom", "0 0 /custom - -");
    check_packet("0/custom,{}", "0 0 /custom - {}");
    check_packet("0/custom?a=1,", "0 0 /custom?a=1 - -");
    check_packet("2/a/b-c,1[\"a\"]", "2 0 /a/b-c 1 [\"a\"]|\"a\"");
    check_packet("51-/a,[\"a\"]", "5 1 /a - [\"a\"]|\"a\"");
    check_packet("0/\xc3\xa9,", "0 0 /\xc3\xa9 - -");
    check_packet("0/a b~,", "0 0 /a b~ - -");
    refuse("0/a\x1f,");

    /* 32 bytes, then 33 */

    check_packet("0/2345678901234567890123456789012,",
                 "0 0 /2345678901234567890123456789012 - -");
    check_packet("0/2345678901234567890123456789012",
                 "0 0 /2345678901234567890123456789012 - -");
    refuse("0/23456789012345678901234567890123,");
    refuse("0/23456789012345678901234567890123");

    refuse("0/a\x1e,");
    refuse("0/a\n,");
    refuse("0/a\x7f,");
    refuse("0/a\xff,");
    refuse("0/a\xc3,");
    refuse("0custom,");
    refuse("0,");
}


static void
test_ids(void)
{
    check_packet("20[\"a\"]", "2 0 / 0 [\"a\"]|\"a\"");
    check_packet("2007[\"a\"]", "2 0 / 7 [\"a\"]|\"a\"");
    check_packet("2000[\"a\"]", "2 0 / 0 [\"a\"]|\"a\"");
    check_packet("29007199254740993[\"a\"]",
                 "2 0 / 9007199254740993 [\"a\"]|\"a\"");

    /* 20 digits, then 21 */

    check_packet("299999999999999999999[\"a\"]",
                 "2 0 / 99999999999999999999 [\"a\"]|\"a\"");
    check_packet("2000000000000000000000000099999999999999999999[\"a\"]",
                 "2 0 / 99999999999999999999 [\"a\"]|\"a\"");
    refuse("2999999999999999999991[\"a\"]");
    refuse("2999999999999999999991");

    refuse("2-1[\"a\"]");
    refuse("21.5[\"a\"]");
    refuse("21e3[\"a\"]");
    refuse("2/a,1,[\"a\"]");
}


static void
test_json_limits(void)
{
    int           i;
    char          text[64];
    uint8_t      *p;
    sio_str_t     args[2];
    sio_packet_t  pkt;

    /* 16 brackets, then 17 */

    memset(text, 0, sizeof(text));
    strcpy(text, "2[\"a\",");
    memset(text + 6, '[', 15);
    memset(text + 21, ']', 16);

    p = unit_copy(text, 37);
    check_int(sio_packet_parse(p, 37, &limits, &pkt, NULL, 0), SIO_OK);
    check_int(pkt.json.nelts, 2);
    free(p);

    memset(text + 6, '[', 16);
    memset(text + 22, ']', 17);

    p = unit_copy(text, 39);
    check_int(sio_packet_parse(p, 39, &limits, &pkt, NULL, 0), SIO_ERROR);
    free(p);

    /* the name is judged without any room for arguments */

    p = unit_copy("2[null]", 7);
    check_int(sio_packet_parse(p, 7, &limits, &pkt, NULL, 0), SIO_ERROR);
    free(p);

    p = unit_copy("2[\"connect\"]", 12);
    check_int(sio_packet_parse(p, 12, &limits, &pkt, NULL, 0), SIO_ERROR);
    free(p);

    p = unit_copy("2[1]", 4);
    check_int(sio_packet_parse(p, 4, &limits, &pkt, NULL, 0), SIO_OK);
    free(p);

    /* more arguments than room */

    memset(args, 0, sizeof(args));
    p = unit_copy("2[\"a\",1,2,3]", 12);
    check_int(sio_packet_parse(p, 12, &limits, &pkt, args, 1), SIO_OK);
    check_int(pkt.json.nelts, 4);
    check_str(args[0], "\"a\"");
    check(args[1].data == NULL);
    free(p);

    /* raw control characters, the one that separates above all */

    for (i = 0; i < 0x20; i++) {
        strcpy(text, "2[\"a\",\"?\"]");
        text[7] = i;

        p = unit_copy(text, 10);
        check_int(sio_packet_parse(p, 10, &limits, &pkt, NULL, 0), SIO_ERROR);
        free(p);
    }
}


/* no beginning of a packet reads outside, and few are packets */

static void
test_every_split(void)
{
    size_t  i, n;
    char    out[512];

    static const char  text[] =
        "52-/custom,12[\"ev\xc3\xa9nt\",{\"_placeholder\":true,\"num\":1},"
        "\"\\u00e9\",[{\"num\":0,\"_placeholder\":true}]]";

    for (i = 0; i < sizeof(text); i++) {
        n = show(out, sizeof(out), text, i);

        /* "52-" up to "52-/custom,12" without payload, and the whole */

        if ((i >= 3 && i <= 13) || i == sizeof(text) - 1) {
            check(n > 1);

        } else {
            check_text(out, n, "!");
        }
    }
}


static void
check_holders(const char *json, const char *want)
{
    int               rc;
    char              out[512];
    size_t            n;
    uint8_t          *p, *pos;
    uint32_t          num;
    sio_str_t         slice;
    sio_json_info_t   info;

    p = unit_copy(json, strlen(json));
    check_int(sio_json_parse(p, strlen(json), 64, &info, NULL, 0), SIO_OK);

    n = 0;
    pos = info.value.data;

    while ((rc = sio_packet_next_placeholder(&info.value, &pos, &slice, &num))
           == SIO_OK)
    {
        check(slice.data >= p && slice.data + slice.len == pos);
        check(pos <= p + strlen(json));
        check(slice.data[0] == '{' && slice.data[slice.len - 1] == '}');

        n += snprintf(out + n, sizeof(out) - n, "%u@%u ", num,
                      (unsigned) (slice.data - p));
    }

    if (rc == SIO_ERROR) {
        n += snprintf(out + n, sizeof(out) - n, "!");

    } else {
        check_int(rc, SIO_DONE);
        check(pos == info.value.data + info.value.len);
        check_int(sio_packet_next_placeholder(&info.value, &pos, &slice, &num),
                  SIO_DONE);
    }

    unit_check_text(out, n, want, strlen(want), json, 0, "placeholders");

    free(p);
}


static void
test_placeholders(void)
{
    check_holders("[]", "");
    check_holders("1", "");
    check_holders("[\"a\",{\"_placeholder\":true,\"num\":0}]", "0@5 ");
    check_holders("{\"_placeholder\":true,\"num\":3}", "3@0 ");
    check_holders("[{\"_placeholder\":true,\"num\":1},"
                  "{\"_placeholder\":true,\"num\":0}]", "1@1 0@31 ");
    check_holders("[{\"num\":2,\"_placeholder\":true}]", "2@1 ");
    check_holders("[ { \"_placeholder\" : true , \"num\" : 4 } ]", "4@2 ");
    check_holders("[{\"_placeholder\":true,\"num\":0,\"x\":\"}\"},1]", "0@1 ");
    check_holders("{\"a\":{\"_placeholder\":true,\"num\":1},\"b\":[{\"c\":"
                  "{\"_placeholder\":true,\"num\":2}}]}", "1@5 2@45 ");
    check_holders("[{\"a\":1,\"b\":{\"c\":{}},\"d\":"
                  "{\"_placeholder\":true,\"num\":9}}]", "9@25 ");
    check_holders("[{\"\\u005fplaceholder\":true,\"n\\u0075m\":5}]", "5@1 ");
    check_holders("[{\"_placeholder\":true,\"num\":4294967295}]",
                  "4294967295@1 ");
    check_holders("[{\"_placeholder\":true,\"num\":1.0e1}]", "10@1 ");
    check_holders("[{\"_placeholder\":true,\"num\":-0}]", "0@1 ");

    /* the last of equal keys */

    check_holders("[{\"_placeholder\":true,\"num\":1,\"num\":2}]", "2@1 ");
    check_holders("[{\"_placeholder\":true,\"num\":1,"
                  "\"_placeholder\":false}]", "");
    check_holders("[{\"_placeholder\":0,\"num\":1,\"_placeholder\":true}]",
                  "1@1 ");

    /* not placeholders */

    check_holders("[{\"_placeholder\":1,\"num\":0}]", "");
    check_holders("[{\"_placeholder\":\"true\",\"num\":0}]", "");
    check_holders("[{\"_placeholder\":false}]", "");
    check_holders("[{\"_placeholder\":null,\"a\":{}}]", "");
    check_holders("[{\"_placeholder\":{},\"num\":0}]", "");
    check_holders("[{\"_placeholder\":[true]}]", "");
    check_holders("[\"_placeholder\",true,{\"num\":0}]", "");
    check_holders("[{\"a\":\"_placeholder\"}]", "");
    check_holders("[{\"a\":\"{\\\"_placeholder\\\":true}\"}]", "");
    check_holders("[{\"_Placeholder\":true}]", "");

    /* placeholders without a good number */

    check_holders("[{\"_placeholder\":true}]", "!");
    check_holders("[{\"_placeholder\":true,\"num\":\"0\"}]", "!");
    check_holders("[{\"_placeholder\":true,\"num\":null}]", "!");
    check_holders("[{\"_placeholder\":true,\"num\":-1}]", "!");
    check_holders("[{\"_placeholder\":true,\"num\":0.5}]", "!");
    check_holders("[{\"_placeholder\":true,\"num\":4294967296}]", "!");
    check_holders("[{\"_placeholder\":true,\"num\":1e300}]", "!");
    check_holders("[{\"_placeholder\":true,\"num\":1e999}]", "!");
    check_holders("[{\"_placeholder\":true,\"num\":[0]}]", "!");
    check_holders("[{\"_placeholder\":true,\"num\":0},"
                  "{\"_placeholder\":true}]", "0@1 !");

    /* and with arrays or objects beside it: not to be decided in one walk */

    check_holders("[{\"_placeholder\":true,\"num\":0,\"x\":{}}]", "!");
    check_holders("[{\"x\":[],\"_placeholder\":true,\"num\":0}]", "!");
    check_holders("[{\"x\":{\"_placeholder\":true,\"num\":0},"
                  "\"_placeholder\":true,\"num\":1}]", "0@6 !");
    check_holders("[{\"x\":[],\"\\u005fplaceholder\" : true}]", "!");
    check_holders("[{\"x\":[],\"_placeholder\":false,\"num\":0}]", "");
}


/* bytes that no parser accepted: nothing outside the slice is touched */

static void
test_garbage(void)
{
    int         rc;
    size_t      i, k, n;
    uint8_t    *p, *pos;
    uint32_t    num;
    uint64_t    seed;
    sio_str_t   value, out;

    static const char *const  likely[] = {
        "{", "}", "[", "]", ",", ":", "\"", "\\", " ", "true", "false", "0",
        "\"num\"", "\"_placeholder\"", "\"_placeholder\":true,\"num\":",
        "{\"_placeholder\":true", "\"a\"", "\\u0", "1e5"
    };

    seed = 6;

    for (k = 0; k < 20000; k++) {
        value.len = 0;
        p = malloc(512);

        for (i = unit_random(&seed) % 12; i; i--) {
            n = unit_random(&seed) % (sizeof(likely) / sizeof(likely[0]));
            memcpy(p + value.len, likely[n], strlen(likely[n]));
            value.len += strlen(likely[n]);
        }

        value.data = unit_copy(p, value.len);
        pos = value.data;

        for (i = 0; i <= value.len; i++) {
            rc = sio_packet_next_placeholder(&value, &pos, &out, &num);

            check(pos >= value.data && pos <= value.data + value.len);

            if (rc != SIO_OK) {
                break;
            }

            check(out.data >= value.data && out.len > 0);
            check(out.data + out.len == pos);
        }

        check(i <= value.len);

        free(value.data);
        free(p);
    }
}


static void
test_binary(void)
{
    check_packet("51-[\"a\",{\"_placeholder\":true,\"num\":0}]",
                 "5 1 / - [\"a\",{\"_placeholder\":true,\"num\":0}]"
                 "|\"a\"|{\"_placeholder\":true,\"num\":0}");
    refuse("51-[\"a\",{\"_placeholder\":true,\"num\":1}]");
    refuse("51-[\"a\",{\"_placeholder\":true,\"num\":-1}]");
    refuse("51-[\"a\",{\"_placeholder\":true}]");
    refuse("61-1[{\"_placeholder\":true,\"num\":1}]");
    refuse("510-[\"a\",{\"b\":[{\"_placeholder\":true,\"num\":10}]}]");
    check_packet("510-[\"a\",{\"b\":[{\"_placeholder\":true,\"num\":9}]}]",
                 "5 10 / - [\"a\",{\"b\":[{\"_placeholder\":true,\"num\":9}]}]"
                 "|\"a\"|{\"b\":[{\"_placeholder\":true,\"num\":9}]}");

    /* twice the same, and none at all */

    check_packet("61-[{\"_placeholder\":true,\"num\":0},"
                 "{\"_placeholder\":true,\"num\":0}]",
                 "6 1 / - [{\"_placeholder\":true,\"num\":0},"
                 "{\"_placeholder\":true,\"num\":0}]"
                 "|{\"_placeholder\":true,\"num\":0}"
                 "|{\"_placeholder\":true,\"num\":0}");
    check_packet("52-[\"a\"]", "5 2 / - [\"a\"]|\"a\"");

    /* in a plain event they are data */

    check_packet("2[\"a\",{\"_placeholder\":true}]",
                 "2 0 / - [\"a\",{\"_placeholder\":true}]"
                 "|\"a\"|{\"_placeholder\":true}");
}


static void
check_head(unsigned type, uint32_t n, const char *nsp, const char *id,
    const char *want)
{
    size_t      len;
    uint8_t    *dst;
    sio_str_t   nsp_str, id_str;

    nsp_str.len = strlen(nsp);
    nsp_str.data = unit_copy(nsp, nsp_str.len);
    id_str.len = strlen(id);
    id_str.data = unit_copy(id, id_str.len);

    len = sio_packet_write_head(NULL, type, n, &nsp_str, &id_str);
    check_int(len, strlen(want));

    dst = malloc(len);
    check_int(sio_packet_write_head(dst, type, n, &nsp_str, &id_str), len);
    check_text(dst, len, want);

    if (id_str.len == 0) {
        check_int(sio_packet_write_head(dst, type, n, &nsp_str, NULL), len);
        check_text(dst, len, want);
    }

    free(nsp_str.data);
    free(id_str.data);
    free(dst);
}


static void
test_write(void)
{
    size_t    n;
    uint8_t   dst[SIO_PLACEHOLDER_MAX];

    check_head(SIO_CONNECT, 0, "/", "", "0");
    check_head(SIO_DISCONNECT, 0, "/", "", "1");
    check_head(SIO_DISCONNECT, 0, "/admin", "", "1/admin,");
    check_head(SIO_EVENT, 0, "/", "12", "212");
    check_head(SIO_EVENT, 3, "/", "", "2");
    check_head(SIO_ACK, 0, "/custom", "7", "3/custom,7");
    check_head(SIO_CONNECT_ERROR, 0, "/x", "", "4/x,");
    check_head(SIO_BINARY_EVENT, 1, "/", "", "51-");
    check_head(SIO_BINARY_EVENT, 10, "/a", "0", "510-/a,0");
    check_head(SIO_BINARY_ACK, 4294967295, "/", "99999999999999999999",
               "64294967295-99999999999999999999");
    check_head(SIO_BINARY_EVENT, 0, "/", "", "50-");
    check_head(SIO_EVENT, 0, "", "", "2");
    check_head(SIO_EVENT, 0, "a", "", "2a,");

    n = sio_packet_write_placeholder(dst, 0);
    check_text(dst, n, "{\"_placeholder\":true,\"num\":0}");

    n = sio_packet_write_placeholder(dst, 4294967295);
    check_text(dst, n, "{\"_placeholder\":true,\"num\":4294967295}");
    check(n <= SIO_PLACEHOLDER_MAX);
}


int
main(void)
{
    group(test_vectors);
    group(test_types);
    group(test_names);
    group(test_attachments);
    group(test_namespaces);
    group(test_ids);
    group(test_json_limits);
    group(test_every_split);
    group(test_placeholders);
    group(test_garbage);
    group(test_binary);
    group(test_write);

    return unit_result();
}
