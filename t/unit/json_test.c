
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include <locale.h>
#include <math.h>

#include "unit.h"
#include "../../src/wire/sio_json.h"


#define MAX_ELTS  8


static int
parse(const void *text, size_t len, unsigned depth)
{
    int              rc;
    uint8_t         *p;
    sio_json_info_t  info;

    p = unit_copy(text, len);
    rc = sio_json_parse(p, len, depth, &info, NULL, 0);
    free(p);

    return rc;
}


#define accepts(s)  check_int(parse(s, sizeof(s) - 1, 64), SIO_OK)
#define refuses(s)  check_int(parse(s, sizeof(s) - 1, 64), SIO_ERROR)


static void
test_accepts(void)
{
    accepts("null");
    accepts("true");
    accepts("false");
    accepts("0");
    accepts("-0");
    accepts("-1");
    accepts("10");
    accepts("1.5");
    accepts("0.0001");
    accepts("1e5");
    accepts("1E+5");
    accepts("1.25e-300");
    accepts("1e99999");
    accepts("123456789012345678901234567890");
    accepts("\"\"");
    accepts("\"a\"");
    accepts("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\uABcd\"");
    accepts("\"\\ud800\"");
    accepts("\"\x7f\"");
    accepts("\"1234567\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
    accepts("\"\xe2\x80\xa8\"");
    accepts("[]");
    accepts("[ ]");
    accepts("{}");
    accepts("{ }");
    accepts("[1,2,[3,{\"a\":[]}]]");
    accepts("{\"a\":1,\"a\":2,\"\":{}}");
    accepts(" \t\n\r{ \"a\" : [ 1 , true , null ] } \t\n\r");
    accepts("{\"__proto__\":1}");
}


static void
test_refuses(void)
{
    refuses("");
    refuses(" ");
    refuses("nul");
    refuses("nulll");
    refuses("null null");
    refuses("True");
    refuses("undefined");
    refuses("NaN");
    refuses("Infinity");
    refuses("-Infinity");
    refuses("+1");
    refuses("-");
    refuses("01");
    refuses("-01");
    refuses("1.");
    refuses(".5");
    refuses("1.e5");
    refuses("1e");
    refuses("1e+");
    refuses("1e5.");
    refuses("0x10");
    refuses("1_000");
    refuses("--1");
    refuses("\"");
    refuses("\"a");
    refuses("'a'");
    refuses("\"\\\"");
    refuses("\"\\x41\"");
    refuses("\"\\u12\"");
    refuses("\"\\u12g4\"");
    refuses("\"\\U0041\"");
    refuses("\"\\\n\"");
    refuses("\"a\nb\"");
    refuses("\"a\x1e" "b\"");
    refuses("\"a\0b\"");
    refuses("[");
    refuses("]");
    refuses("[1");
    refuses("[1,");
    refuses("[1,]");
    refuses("[,1]");
    refuses("[1 2]");
    refuses("[1,,2]");
    refuses("[1}");
    refuses("[1]]");
    refuses("[\"a\":1]");
    refuses("{");
    refuses("}");
    refuses("{\"a\"");
    refuses("{\"a\":");
    refuses("{\"a\":1");
    refuses("{\"a\":1,");
    refuses("{\"a\":1,}");
    refuses("{\"a\":}");
    refuses("{\"a\"}");
    refuses("{a:1}");
    refuses("{1:1}");
    refuses("{\"a\" 1}");
    refuses("{\"a\":1 \"b\":2}");
    refuses("{\"a\":1]");
    refuses("{,}");
    refuses("{\"a\":{\"b\":[1}]}");
    refuses("[\"a\"]x");
    refuses("[]//");
    refuses("/**/[]");
    refuses("\xef\xbb\xbf[]");
    refuses("\xc2\xa0[]");
    refuses("\v[]");
    refuses("\f[]");

    /* not UTF-8 */

    refuses("\"\x80\"");
    refuses("\"\xc0\x80\"");
    refuses("\"\xc3\"");
    refuses("\"\xc3");
    refuses("\"\xe2\x82\"");
    refuses("\"\xed\xa0\x80\"");
    refuses("\"\xf4\x90\x80\x80\"");
    refuses("\"12345678\xff" "12345678\"");
    refuses("{\"\xff\":1}");
    refuses("\xc3\xa9");
}


/* each byte, at each place of a string's eight-byte steps, and outside */

static void
test_every_byte(void)
{
    int      c, ok;
    size_t   at;
    uint8_t  text[24];

    for (c = 0; c < 256; c++) {

        ok = (c >= 0x20 && c < 0x80 && c != '"' && c != '\\');

        for (at = 1; at < 20; at++) {
            memset(text, 'x', sizeof(text));
            text[0] = '"';
            text[20] = '"';
            text[at] = c;

            check_int(parse(text, 21, 1), ok ? SIO_OK : SIO_ERROR);
        }

        ok = (c == ' ' || c == '\t' || c == '\n' || c == '\r');

        memcpy(text, "[1x,x{x\"a\"x:x1x}x]x", 19);

        for (at = 0; at < 19; at++) {
            if (text[at] == 'x') {
                text[at] = c;
            }
        }

        check_int(parse(text, 19, 2), ok ? SIO_OK : SIO_ERROR);
    }
}


static void
test_depth(void)
{
    char      text[2 * SIO_JSON_MAX_DEPTH + 16];
    size_t    i, n;
    uint8_t  *p;

    check_int(parse("1", 1, 0), SIO_OK);
    check_int(parse("[]", 2, 0), SIO_ERROR);
    check_int(parse("{}", 2, 0), SIO_ERROR);
    check_int(parse("[]", 2, 1), SIO_OK);
    check_int(parse("[[]]", 4, 1), SIO_ERROR);
    check_int(parse("[{}]", 4, 1), SIO_ERROR);
    check_int(parse("[[],[],{}]", 10, 2), SIO_OK);
    check_int(parse("{\"a\":{\"b\":1}}", 13, 2), SIO_OK);
    check_int(parse("{\"a\":{\"b\":1}}", 13, 1), SIO_ERROR);

    for (n = 1; n <= SIO_JSON_MAX_DEPTH + 1; n++) {

        for (i = 0; i < n; i++) {
            text[i] = '[';
            text[2 * n - 1 - i] = ']';
        }

        check_int(parse(text, 2 * n, n),
                  n <= SIO_JSON_MAX_DEPTH ? SIO_OK : SIO_ERROR);
        check_int(parse(text, 2 * n, n - 1), SIO_ERROR);
        check_int(parse(text, 2 * n, 0xffffffff),
                  n <= SIO_JSON_MAX_DEPTH ? SIO_OK : SIO_ERROR);

        /* one bracket of the other kind, at each end */

        text[n - 1] = '{';
        check_int(parse(text, 2 * n, n), SIO_ERROR);

        text[n] = '}';
        check_int(parse(text, 2 * n, n),
                  n <= SIO_JSON_MAX_DEPTH ? SIO_OK : SIO_ERROR);

        text[n - 1] = '[';
        check_int(parse(text, 2 * n, n), SIO_ERROR);
    }

    /* a megabyte of brackets */

    p = malloc(1 << 20);
    memset(p, '[', 1 << 20);
    check_int(parse(p, 1 << 20, SIO_JSON_MAX_DEPTH), SIO_ERROR);
    free(p);
}


/* no beginning of a text that ends with its last bracket is a text */

static void
test_every_split(void)
{
    size_t  i;

    static const char  text[] =
        " [\"abc\\u00e9\\n\xe2\x82\xac\xf0\x9f\x98\x80\", -12.5e+10, true,"
        " false, null, {\"key\" : [{}, []], \"_placeholder\":true}]";

    for (i = 0; i < sizeof(text) - 1; i++) {
        check_int(parse(text, i, 64), SIO_ERROR);
    }

    check_int(parse(text, i, 64), SIO_OK);
}


static void
check_slices(const char *text, sio_json_type_e type, const char *value,
    size_t max_elts, size_t nelts, const char *joined)
{
    char              buf[256];
    size_t            i, n;
    uint8_t          *p;
    sio_str_t         elts[MAX_ELTS + 1];
    sio_json_info_t   info;

    memset(elts, 0, sizeof(elts));

    p = unit_copy(text, strlen(text));

    check_int(sio_json_parse(p, strlen(text), 64, &info, elts, max_elts),
              SIO_OK);
    check_int(info.type, type);
    check_str(info.value, value);
    check_int(info.nelts, nelts);
    check_int(sio_json_type(&info.value), type);

    n = 0;

    for (i = 0; i < nelts && i < max_elts; i++) {
        n += snprintf(buf + n, sizeof(buf) - n, "%s%.*s", i ? "|" : "",
                      (int) elts[i].len, (char *) elts[i].data);
    }

    check_text(buf, n, joined);

    /* nothing beyond */

    check(elts[max_elts].data == NULL);

    free(p);
}


static void
test_slices(void)
{
    check_slices(" 1.5\n", SIO_JSON_NUMBER, "1.5", 8, 0, "");
    check_slices("\t\"a\" ", SIO_JSON_STRING, "\"a\"", 8, 0, "");
    check_slices(" null ", SIO_JSON_NULL, "null", 8, 0, "");
    check_slices("true", SIO_JSON_TRUE, "true", 8, 0, "");
    check_slices("false", SIO_JSON_FALSE, "false", 8, 0, "");
    check_slices(" {\"a\":[1,2]} ", SIO_JSON_OBJECT, "{\"a\":[1,2]}", 8, 0,
                 "");
    check_slices("[]", SIO_JSON_ARRAY, "[]", 8, 0, "");
    check_slices(" [ ] ", SIO_JSON_ARRAY, "[ ]", 8, 0, "");
    check_slices("[\"e\"]", SIO_JSON_ARRAY, "[\"e\"]", 8, 1, "\"e\"");
    check_slices("[ \"e\" , 1 ,{ \"a\" : [2,3] } , [ [], 4 ],null ]",
                 SIO_JSON_ARRAY,
                 "[ \"e\" , 1 ,{ \"a\" : [2,3] } , [ [], 4 ],null ]", 8, 5,
                 "\"e\"|1|{ \"a\" : [2,3] }|[ [], 4 ]|null");
    check_slices("[[[]],{},[{}]]", SIO_JSON_ARRAY, "[[[]],{},[{}]]", 8, 3,
                 "[[]]|{}|[{}]");

    /* as many as there is room for, and one more */

    check_slices("[1,2,3]", SIO_JSON_ARRAY, "[1,2,3]", 3, 3, "1|2|3");
    check_slices("[1,2,3,4]", SIO_JSON_ARRAY, "[1,2,3,4]", 3, 4, "1|2|3");
    check_slices("[1,2,3,4]", SIO_JSON_ARRAY, "[1,2,3,4]", 0, 4, "");
}


static void
check_placeholder(const char *text, int want)
{
    uint8_t          *p;
    sio_json_info_t   info;

    p = unit_copy(text, strlen(text));

    check_int(sio_json_parse(p, strlen(text), 64, &info, NULL, 0), SIO_OK);
    check_int(info.placeholder, want);

    free(p);
}


static void
test_placeholder(void)
{
    check_placeholder("[{\"_placeholder\":true,\"num\":0}]", 1);
    check_placeholder("{\"_placeholder\":false}", 1);
    check_placeholder("[1,{\"a\":{\"b\":[{\"_placeholder\" : 1}]}}]", 1);
    check_placeholder("{\"\\u005fplaceholder\":true}", 1);
    check_placeholder("{\"_pl\\u0061ceholde\\u0072\":true}", 1);
    check_placeholder("{\"\\u005f\\u0070\\u006c\\u0061\\u0063\\u0065\\u0068"
                      "\\u006f\\u006c\\u0064\\u0065\\u0072\":true}", 1);

    check_placeholder("[\"_placeholder\"]", 0);
    check_placeholder("{\"a\":\"_placeholder\"}", 0);
    check_placeholder("{\"_placeholder2\":true}", 0);
    check_placeholder("{\"_Placeholder\":true}", 0);
    check_placeholder("{\"placeholder\":true}", 0);
    check_placeholder("{\"_placeholde\\u0073\":true}", 0);
    check_placeholder("{\"_placeholder\\u0000\":true}", 0);
    check_placeholder("[]", 0);
}


static void
check_get(const char *text, const char *pointer, const char *want)
{
    int               rc;
    uint8_t          *p, *q;
    sio_str_t         ptr, out;
    sio_json_info_t   info;

    p = unit_copy(text, strlen(text));
    q = unit_copy(pointer, strlen(pointer));

    check_int(sio_json_parse(p, strlen(text), 64, &info, NULL, 0), SIO_OK);

    ptr.len = strlen(pointer);
    ptr.data = q;

    check_int(sio_json_pointer_valid(&ptr), SIO_OK);

    rc = sio_json_get(&info.value, &ptr, &out);

    if (want == NULL) {
        check_int(rc, SIO_DECLINED);

    } else {
        check_int(rc, SIO_OK);

        if (rc == SIO_OK) {
            check(out.data >= p && out.data + out.len <= p + strlen(text));
            check_str(out, want);
        }
    }

    free(p);
    free(q);
}


static void
test_get(void)
{
    size_t       i;
    sio_str_t    ptr;
    const char  *t;

    /* RFC 6901, 5 */

    t = "{ \"foo\": [\"bar\", \"baz\"], \"\": 0, \"a/b\": 1, \"c%d\": 2,"
        " \"e^f\": 3, \"g|h\": 4, \"i\\\\j\": 5, \"k\\\"l\": 6, \" \": 7,"
        " \"m~n\": 8 }";

    check_get(t, "", t);
    check_get(t, "/foo", "[\"bar\", \"baz\"]");
    check_get(t, "/foo/0", "\"bar\"");
    check_get(t, "/foo/1", "\"baz\"");
    check_get(t, "/", "0");
    check_get(t, "/a~1b", "1");
    check_get(t, "/c%d", "2");
    check_get(t, "/e^f", "3");
    check_get(t, "/g|h", "4");
    check_get(t, "/i\\j", "5");
    check_get(t, "/k\"l", "6");
    check_get(t, "/ ", "7");
    check_get(t, "/m~0n", "8");

    check_get(t, "/foo/2", NULL);
    check_get(t, "/foo/00", NULL);
    check_get(t, "/foo/01", NULL);
    check_get(t, "/foo/-", NULL);
    check_get(t, "/foo/-1", NULL);
    check_get(t, "/foo/+1", NULL);
    check_get(t, "/foo/1 ", NULL);
    check_get(t, "/foo/", NULL);
    check_get(t, "/foo/999999999", NULL);
    check_get(t, "/foo/18446744073709551616", NULL);
    check_get(t, "/foo/0/", NULL);
    check_get(t, "/fo", NULL);
    check_get(t, "/fooo", NULL);
    check_get(t, "/FOO", NULL);
    check_get(t, "//", NULL);
    check_get(t, "/m~1n", NULL);

    check_get("1", "", "1");
    check_get("1", "/", NULL);
    check_get("\"abc\"", "/0", NULL);
    check_get("null", "/a", NULL);
    check_get("[]", "/0", NULL);
    check_get("{}", "/0", NULL);
    check_get("{\"0\":\"zero\"}", "/0", "\"zero\"");
    check_get("[[1,[2,[3]]]]", "/0/1/1/0", "3");
    check_get("[10,11,12,13,14,15,16,17,18,19,20]", "/10", "20");
    check_get("{\"a\":{\"b\":{\"c\":\"d\"}}}", "/a/b/c", "\"d\"");

    /* the last of equal names, spelled in any way */

    check_get("{\"a\":1,\"b\":2,\"a\":3}", "/a", "3");
    check_get("{\"a\":1,\"\\u0061\":[2]}", "/a", "[2]");
    check_get("{\"a\":{\"x\":1},\"a\":{}}", "/a/x", NULL);
    check_get("{\"\\u00e9\":1}", "/\xc3\xa9", "1");
    check_get("{\"\\ud83d\\ude00\":1}", "/\xf0\x9f\x98\x80", "1");
    check_get("{\"\\u007e\\u002f~\":1}", "/~0~1~0", "1");
    check_get("{\"a\\n\":1}", "/a\n", "1");
    check_get("{\"~a\":1}", "/~0", NULL);
    check_get("{\"~\":1}", "/~0a", NULL);
    check_get("{\"~\\u00e9\":1}", "/~0\xc3", NULL);
    check_get("{\"~\\u00e9\":1}", "/~0\xc3\xa9", "1");

    static const struct {
        const char  *text;
        int          rc;
    } pointers[] = {
        { "", SIO_OK }, { "/", SIO_OK }, { "/a/~0/~1", SIO_OK },
        { "//", SIO_OK }, { "a", SIO_ERROR }, { "~0", SIO_ERROR },
        { "/~", SIO_ERROR }, { "/~2", SIO_ERROR }, { "/a~/b", SIO_ERROR },
        { "/~~0", SIO_ERROR }
    };

    for (i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
        ptr.len = strlen(pointers[i].text);
        ptr.data = unit_copy(pointers[i].text, ptr.len);

        check_int(sio_json_pointer_valid(&ptr), pointers[i].rc);

        free(ptr.data);
    }
}


static void
check_iter(const char *text, const char *want)
{
    char              out[512];
    size_t            n;
    uint8_t          *p;
    sio_str_t         value, key, elt;
    sio_json_iter_t   it;

    value.len = strlen(text);
    value.data = p = unit_copy(text, value.len);
    n = 0;

    sio_json_iter_init(&it, &value);

    while (sio_json_iter_next(&it, &key, &elt) == SIO_OK) {
        n += snprintf(out + n, sizeof(out) - n, "<%.*s=%.*s>", (int) key.len,
                      (char *) key.data, (int) elt.len, (char *) elt.data);
    }

    check_int(sio_json_iter_next(&it, &key, &elt), SIO_DONE);
    check_text(out, n, want);

    free(p);
}


static void
test_iter(void)
{
    check_iter("[]", "");
    check_iter("{}", "");
    check_iter(" [ \n ] ", "");
    check_iter("[1]", "<=1>");
    check_iter("[1,\"a,]\",[2,3],{\"b\":4},true]",
               "<=1><=\"a,]\"><=[2,3]><={\"b\":4}><=true>");
    check_iter(" [ 1 , \"a\" , [ 2 ] ] ", "<=1><=\"a\"><=[ 2 ]>");
    check_iter("{\"a\":1,\"b\\\"\":[2],\"\":{\"c\":\":\"}}",
               "<\"a\"=1><\"b\\\"\"=[2]><\"\"={\"c\":\":\"}>");
    check_iter(" { \"a\" : 1 , \"b\" : \"c\" } ", "<\"a\"=1><\"b\"=\"c\">");

    /* nothing inside */

    check_iter("1", "");
    check_iter("\"[1]\"", "");
    check_iter("null", "");
    check_iter("", "");
}


static void
check_string(const char *text, const char *want, size_t want_len)
{
    size_t      n, i;
    uint8_t    *dst;
    sio_str_t   value;

    value.len = strlen(text);
    value.data = unit_copy(text, value.len);
    dst = malloc(value.len);

    n = sio_json_string_read(dst, &value);
    check_bytes(dst, n, want, want_len);
    check_int(sio_json_string_read(NULL, &value), n);

    check_int(sio_json_string_eq(&value, dst, n), SIO_OK);

    /* what is shorter, longer or other in one byte is not equal */

    if (n) {
        check_int(sio_json_string_eq(&value, dst, n - 1), SIO_ERROR);
        check_int(sio_json_string_eq(&value, NULL, 0), SIO_ERROR);
    }

    for (i = 0; i < n; i++) {
        dst[i] ^= 1;
        check_int(sio_json_string_eq(&value, dst, n), SIO_ERROR);
        dst[i] ^= 1;
    }

    n = sio_json_string_read(value.data, &value);
    check_bytes(value.data, n, want, want_len);

    free(value.data);
    free(dst);
}


#define string_is(t, w)  check_string(t, w, sizeof(w) - 1)


static void
test_string_read(void)
{
    string_is("\"\"", "");
    string_is("\"plain\"", "plain");
    string_is("\"\xc3\xa9\xf0\x9f\x98\x80\"", "\xc3\xa9\xf0\x9f\x98\x80");
    string_is("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t");
    string_is("\"a\\u0000b\"", "a\0b");
    string_is("\"\\u0041\\u00e9\\u20AC\\uffff\"",
              "A\xc3\xa9\xe2\x82\xac\xef\xbf\xbf");
    string_is("\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80");
    string_is("\"\\uDBFF\\uDFFF\"", "\xf4\x8f\xbf\xbf");
    string_is("\"\\u007f\\u0080\\u07ff\\u0800\"",
              "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80");
    string_is("\"\\ud800\\udc00\"", "\xf0\x90\x80\x80");
    string_is("\"\\ud7ff\\ue000\"", "\xed\x9f\xbf\xee\x80\x80");
    string_is("\"\\ud800\\udbff\"", "\xef\xbf\xbd\xef\xbf\xbd");
    string_is("\"\\udc00\\udfff\"", "\xef\xbf\xbd\xef\xbf\xbd");
    string_is("\"\\ud800\\ue000\"", "\xef\xbf\xbd\xee\x80\x80");
    string_is("\"\\ud800\\ud7ff\"", "\xef\xbf\xbd\xed\x9f\xbf");
    string_is("\"\\ud83d\"", "\xef\xbf\xbd");
    string_is("\"\\ude00\"", "\xef\xbf\xbd");
    string_is("\"\\ude00\\ud83d\"", "\xef\xbf\xbd\xef\xbf\xbd");
    string_is("\"\\ud83dx\"", "\xef\xbf\xbdx");
    string_is("\"\\ud83d\\n\"", "\xef\xbf\xbd\n");
    string_is("\"\\ud83d\\u0041\"", "\xef\xbf\xbd" "A");
    string_is("\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80");
    string_is("\"\\\\u0041\"", "\\u0041");
    string_is("\"long text in front \\n and behind \\t it\"",
              "long text in front \n and behind \t it");
}


static void
check_escape(const char *text, size_t len, const char *want)
{
    size_t    n;
    uint8_t  *p, *dst;

    p = unit_copy(text, len);

    n = sio_json_string_len(p, len);
    dst = malloc(n);

    check_int(sio_json_string_write(dst, p, len), n);
    check_text(dst, n, want);
    free(dst);

    n -= 2;
    check_int(sio_json_escape_len(p, len), n);
    dst = malloc(n);

    check_int(sio_json_escape_write(dst, p, len), n);
    check_bytes(dst, n, want + 1, n);
    free(dst);

    check_string(want, text, len);

    free(p);
}


#define escape_is(t, w)  check_escape(t, sizeof(t) - 1, w)


/* the right sides are JSON.stringify()'s */

static void
test_string_write(void)
{
    int   c;
    char  text[2], want[16];

    escape_is("", "\"\"");
    escape_is("plain", "\"plain\"");
    escape_is("a\"b\\c/d", "\"a\\\"b\\\\c/d\"");
    escape_is("\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"");
    escape_is("\0\x01\x0b\x1e\x1f\x7f",
              "\"\\u0000\\u0001\\u000b\\u001e\\u001f\x7f\"");
    escape_is("\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80",
              "\"\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80\"");
    escape_is("12345678\n12345678\"12345678",
              "\"12345678\\n12345678\\\"12345678\"");

    for (c = 0; c < 0x20; c++) {
        if (strchr("\b\f\n\r\t", c) && c) {
            continue;
        }

        text[0] = c;
        sprintf(want, "\"\\u00%02x\"", c);
        check_escape(text, 1, want);
    }
}


static void
check_number(const char *text, const char *want)
{
    size_t      n;
    uint8_t    *dst;
    sio_str_t   value;

    value.len = strlen(text);
    value.data = unit_copy(text, value.len);
    dst = malloc(SIO_JSON_NUMBER_MAX);

    n = sio_json_number_write(dst, &value);
    check(n <= SIO_JSON_NUMBER_MAX);
    check_text(dst, n, want);

    free(value.data);
    free(dst);
}


/* the right sides are JSON.stringify(JSON.parse(text))'s in Node 20 */

static void
test_numbers(void)
{
    char  text[2048];
    int   i;

    static const char *const  numbers[][2] = {
        { "0", "0" }, { "-0", "0" }, { "0.0", "0" }, { "0e5", "0" },
        { "-0e-5", "0" }, { "0e99999999999999999999", "0" },
        { "5", "5" }, { "5.0", "5" }, { "5e0", "5" }, { "0.5e1", "5" },
        { "50e-1", "5" }, { "-5.0", "-5" }, { "1e0", "1" }, { "10", "10" },
        { "100", "100" }, { "1E2", "100" }, { "1e+2", "100" },
        { "0.1", "0.1" }, { "1.10", "1.1" }, { "-1.5e1", "-15" },
        { "123.456", "123.456" }, { "1e-6", "0.000001" },
        { "1e-7", "1e-7" }, { "1.5e-7", "1.5e-7" }, { "123e-9", "1.23e-7" },
        { "0.0000012345", "0.0000012345" },
        { "1e20", "100000000000000000000" }, { "1e21", "1e+21" },
        { "-1e21", "-1e+21" }, { "12e20", "1.2e+21" },
        { "123456789012345678901", "123456789012345680000" },
        { "1234567890123456789012", "1.2345678901234568e+21" },
        { "12345678901234567890123", "1.2345678901234568e+22" },
        { "999999999999999", "999999999999999" },
        { "9999999999999999", "10000000000000000" },
        { "9007199254740991", "9007199254740991" },
        { "9007199254740992", "9007199254740992" },
        { "9007199254740993", "9007199254740992" },
        { "9007199254740992.99999999999999999999", "9007199254740992" },
        { "9007199254740993.00000000000000000001", "9007199254740994" },
        { "-9007199254740993", "-9007199254740992" },
        { "0.1e1", "1" }, { "0.30000000000000004", "0.30000000000000004" },
        { "0.299999999999999988897769753748", "0.3" },
        { "1.7976931348623157e308", "1.7976931348623157e+308" },
        { "1.7976931348623158e308", "1.7976931348623157e+308" },
        { "1.7976931348623159e308", "null" },
        { "-1.7976931348623159e308", "null" },
        { "1e309", "null" }, { "1e99999999999999999999", "null" },
        { "5e-324", "5e-324" }, { "4.9e-324", "5e-324" },
        { "2.4703282292062328e-324", "5e-324" },
        { "2.4703282292062327e-324", "0" }, { "1e-400", "0" },
        { "-1e-400", "0" }, { "1e-99999999999999999999", "0" },
        { "2.2250738585072014e-308", "2.2250738585072014e-308" },
        { "2.2250738585072011e-308", "2.225073858507201e-308" },
        { "5.684341886080801486968994140625e-14", "5.684341886080802e-14" },
        { "9.5367431640625e-7", "9.5367431640625e-7" },
        { "4503599627370495.5", "4503599627370495.5" },
        { "4503599627370496.5", "4503599627370496" },
        { "1.00000000000000011102230246251565404236316680908203125", "1" },
        { "1.00000000000000011102230246251565404236316680908203126",
          "1.0000000000000002" }
    };

    for (i = 0; i < (int) (sizeof(numbers) / sizeof(numbers[0])); i++) {
        check_number(numbers[i][0], numbers[i][1]);
    }

    /* integers up to 1e21, digit by digit */

    for (i = 1; i <= 22; i++) {
        memset(text, '0', i);
        text[0] = '1';
        text[i] = '\0';
        check_number(text, i < 22 ? text : "1e+21");
    }

    /* very long spellings, beyond the digits that are kept */

    memset(text, '0', sizeof(text));
    text[1] = '.';
    strcpy(text + 1500, "7e1499");
    check_number(text, "7");

    memset(text, '0', sizeof(text));
    text[0] = '3';
    strcpy(text + 1500, "e-1499");
    check_number(text, "3");

    memset(text, '9', sizeof(text));
    strcpy(text + 1500, "e-1500");
    check_number(text, "1");

    /* 2^53 + 1 and a little more, the little after 1000 zeros */

    memset(text, '0', sizeof(text));
    memcpy(text, "9007199254740993.", 17);
    strcpy(text + 1017, "1");
    check_number(text, "9007199254740994");
    text[1017] = '0';
    check_number(text, "9007199254740992");
}


static void
test_doubles(void)
{
    size_t      n;
    double      d, back;
    uint8_t     dst[SIO_JSON_NUMBER_MAX];
    uint64_t    seed, bits, k;
    sio_str_t   value;

    n = sio_json_double_write(dst, NAN);
    check_text(dst, n, "null");
    n = sio_json_double_write(dst, INFINITY);
    check_text(dst, n, "null");
    n = sio_json_double_write(dst, -INFINITY);
    check_text(dst, n, "null");
    n = sio_json_double_write(dst, -0.0);
    check_text(dst, n, "0");
    n = sio_json_double_write(dst, 0.1 + 0.2);
    check_text(dst, n, "0.30000000000000004");
    n = sio_json_double_write(dst, 1732116000123.0);
    check_text(dst, n, "1732116000123");

    /* what is written is read as the same number, and is JSON */

    seed = 4;

    for (k = 0; k < 30000; k++) {
        bits = (uint64_t) unit_random(&seed) << 32 | unit_random(&seed);

        if (k % 8 == 0) {
            bits &= 0xfff0000000000000ULL;
        }

        memcpy(&d, &bits, 8);

        n = sio_json_double_write(dst, d);
        check(n <= SIO_JSON_NUMBER_MAX);
        check_int(parse(dst, n, 0), SIO_OK);

        if (isfinite(d)) {
            value.data = dst;
            value.len = n;
            back = sio_json_number_read(&value);
            check(back == d);

        } else {
            check_text(dst, n, "null");
        }
    }
}


/* a worker's locale may have been set by another module */

static void
test_locale(void)
{
    size_t  i;

    static const char *const  names[] = {
        "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8", "ru_RU.utf8"
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (setlocale(LC_ALL, names[i])) {
            break;
        }
    }

    check_number("1.5", "1.5");
    check_number("1.25e-7", "1.25e-7");
    check_number("1234567890.123", "1234567890.123");

    (void) setlocale(LC_ALL, "C");
}


static void
check_truthy(const char *text, int want)
{
    sio_str_t  value;

    value.len = strlen(text);
    value.data = unit_copy(text, value.len);

    check_int(sio_json_truthy(&value), want);

    free(value.data);
}


static void
test_truthy(void)
{
    check_truthy("", 0);
    check_truthy("null", 0);
    check_truthy("false", 0);
    check_truthy("0", 0);
    check_truthy("-0", 0);
    check_truthy("0.0", 0);
    check_truthy("0e9", 0);
    check_truthy("-0.000e+1", 0);
    check_truthy("1e-400", 0);
    check_truthy("\"\"", 0);

    check_truthy("true", 1);
    check_truthy("1", 1);
    check_truthy("-1", 1);
    check_truthy("0.1", 1);
    check_truthy("5e-324", 1);
    check_truthy("1e999", 1);
    check_truthy("\"0\"", 1);
    check_truthy("\" \"", 1);
    check_truthy("\"\\u0000\"", 1);
    check_truthy("[]", 1);
    check_truthy("{}", 1);
}


static void
check_compact(const char *text, const char *want)
{
    size_t      n;
    uint8_t    *dst;
    sio_str_t   value;

    value.len = strlen(text);
    value.data = unit_copy(text, value.len);
    dst = malloc(value.len);

    n = sio_json_compact(dst, &value);
    check_text(dst, n, want);

    n = sio_json_compact(value.data, &value);
    check_text(value.data, n, want);

    free(value.data);
    free(dst);
}


static void
test_compact(void)
{
    check_compact("", "");
    check_compact("1", "1");
    check_compact(" 1 ", "1");
    check_compact("[]", "[]");
    check_compact(" [ 1 , \"a b\" , { \"c d\" : \"\\\" \" } ] ",
                  "[1,\"a b\",{\"c d\":\"\\\" \"}]");
    check_compact("{\n\t\"a\" :\r\n true\n}\n", "{\"a\":true}");
    check_compact("[1,2,\"x\"]", "[1,2,\"x\"]");
    check_compact("\" \\\\\" ", "\" \\\\\"");
}


/* bytes that no parser accepted: nothing outside the slice is touched */

static void
test_garbage(void)
{
    size_t            i, k, n;
    uint8_t          *p, *dst;
    uint32_t          r;
    uint64_t          seed;
    sio_str_t         value, key, out, ptr;
    sio_json_iter_t   it;

    static const char  likely[] = "{}[]\",:\\u0d8 \n\"\"1-e.tfn~/\xc3";

    seed = 5;

    for (k = 0; k < 20000; k++) {
        n = unit_random(&seed) % 24;
        p = malloc(n);

        for (i = 0; i < n; i++) {
            r = unit_random(&seed);
            p[i] = (r & 0x1000) ? (uint8_t) likely[r % (sizeof(likely) - 1)]
                                : (uint8_t) r;
        }

        value.len = n;
        value.data = p;
        dst = malloc(n < SIO_JSON_NUMBER_MAX ? SIO_JSON_NUMBER_MAX : n);

        sio_json_iter_init(&it, &value);

        for (i = 0; sio_json_iter_next(&it, &key, &out) == SIO_OK; i++) {
            check(i <= n);
            check(key.data >= p && key.data + key.len <= p + n);
            check(out.data >= p && out.data + out.len <= p + n);
        }

        ptr.data = (uint8_t *) "/0/~0a";
        ptr.len = 6;

        if (sio_json_get(&value, &ptr, &out) == SIO_OK) {
            check(out.data >= p && out.data + out.len <= p + n);
        }

        ptr.len = 2;
        (void) sio_json_get(&value, &ptr, &out);

        check(sio_json_number_write(dst, &value) <= SIO_JSON_NUMBER_MAX);
        (void) sio_json_truthy(&value);
        (void) sio_json_string_eq(&value, (uint8_t *) "abc", 3);
        check(sio_json_string_read(dst, &value) <= n);
        check(sio_json_compact(dst, &value) <= n);
        check(sio_json_compact(p, &value) <= n);

        free(p);
        free(dst);
    }
}


int
main(void)
{
    group(test_accepts);
    group(test_refuses);
    group(test_every_byte);
    group(test_depth);
    group(test_every_split);
    group(test_slices);
    group(test_placeholder);
    group(test_get);
    group(test_iter);
    group(test_string_read);
    group(test_string_write);
    group(test_numbers);
    group(test_doubles);
    group(test_locale);
    group(test_truthy);
    group(test_compact);
    group(test_garbage);

    return unit_result();
}
