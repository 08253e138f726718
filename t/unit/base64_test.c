
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "unit.h"
#include "../../src/wire/sio_base64.h"


typedef struct {
    const char  *text;
    const char  *bytes;
    size_t       len;
} base64_case_t;

#define CASE(t, b)  { t, b, sizeof(b) - 1 }


/* RFC 4648, 10 */

static const base64_case_t  vectors[] = {
    CASE("", ""),
    CASE("Zg==", "f"),
    CASE("Zm8=", "fo"),
    CASE("Zm9v", "foo"),
    CASE("Zm9vYg==", "foob"),
    CASE("Zm9vYmE=", "fooba"),
    CASE("Zm9vYmFy", "foobar"),
    CASE("AQID", "\1\2\3"),
    CASE("////", "\xff\xff\xff"),
    CASE("+/+/", "\xfb\xff\xbf")
};


/* what Buffer.from(text, "base64") gives in Node 20 */

static const base64_case_t  lenient[] = {
    CASE("AQ==AQ", "\1"),
    CASE("AQ", "\1"),
    CASE("AQI", "\1\2"),
    CASE("AQ=", "\1"),
    CASE("AQID=AQID", "\1\2\3"),
    CASE("=AQID", ""),
    CASE("====", ""),
    CASE("A", ""),
    CASE("AQIDA", "\1\2\3"),
    CASE("AR==", "\1"),
    CASE("__--", "\xff\xff\xbe"),
    CASE("_/-+", "\xff\xff\xbe"),
    CASE(" A\nQ\tI\rD ", "\1\2\3"),
    CASE("A.Q*I!D", "\1\2\3"),
    CASE("\x80\xff" "AQID\xc3\xa9" "AQID", "\1\2\3\1\2\3"),
    CASE("AQIDAQIDAQIDAQ ID", "\1\2\3\1\2\3\1\2\3\1\2\3"),
    CASE("AQIDAQIDAQIDAQ=ID", "\1\2\3\1\2\3\1\2\3\1")
};


static void
test_vectors(void)
{
    size_t    i, n;
    uint8_t  *p, *dst;

    for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        p = unit_copy(vectors[i].bytes, vectors[i].len);
        dst = malloc(sio_base64_len(vectors[i].len));

        n = sio_base64_write(dst, p, vectors[i].len);

        check_text(dst, n, vectors[i].text);
        check_int(n, sio_base64_len(vectors[i].len));

        free(p);
        free(dst);
    }
}


static void
test_read(const base64_case_t *c)
{
    size_t    n, len;
    uint8_t  *p, *dst;

    len = strlen(c->text);
    p = unit_copy(c->text, len);
    dst = malloc(sio_base64_max_read(len));

    n = sio_base64_read(dst, p, len);
    check_bytes(dst, n, c->bytes, c->len);
    check(n <= sio_base64_max_read(len));

    /* in place */

    n = sio_base64_read(p, p, len);
    check_bytes(p, n, c->bytes, c->len);

    free(p);
    free(dst);
}


static void
test_lenient(void)
{
    size_t  i;

    for (i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        test_read(&vectors[i]);
    }

    for (i = 0; i < sizeof(lenient) / sizeof(lenient[0]); i++) {
        test_read(&lenient[i]);
    }
}


/* every byte value alone between good ones */

static void
test_every_byte(void)
{
    int      c;
    size_t   n;
    uint8_t  text[9], dst[9];

    for (c = 0; c < 256; c++) {
        memcpy(text, "AQIDxAQID", 9);
        text[4] = c;

        n = sio_base64_read(dst, text, 9);

        if (c == '=') {
            check_int(n, 3);

        } else if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
                   || (c >= '0' && c <= '9') || c == '+' || c == '/'
                   || c == '-' || c == '_')
        {
            check_int(n, 6);
            check(memcmp(dst, "\1\2\3\1\2\3", 6) != 0 || c == 'A');

        } else {
            check_bytes(dst, n, "\1\2\3\1\2\3", 6);
        }
    }
}


static void
test_round_trip(void)
{
    size_t    i, len, n;
    uint8_t  *p, *text, *back;
    uint64_t  seed;

    seed = 2;

    for (len = 0; len < 300; len++) {
        p = malloc(len);
        text = malloc(sio_base64_len(len));

        for (i = 0; i < len; i++) {
            p[i] = unit_random(&seed);
        }

        n = sio_base64_write(text, p, len);
        check_int(n, sio_base64_len(len));

        back = malloc(sio_base64_max_read(n));
        check_bytes(back, sio_base64_read(back, text, n), p, len);

        /* without the padding, in the other alphabet, in place */

        while (n && text[n - 1] == '=') {
            n--;
        }

        for (i = 0; i < n; i++) {
            if (text[i] == '+') {
                text[i] = '-';

            } else if (text[i] == '/') {
                text[i] = '_';
            }
        }

        check_bytes(text, sio_base64_read(text, text, n), p, len);

        free(p);
        free(text);
        free(back);
    }
}


int
main(void)
{
    group(test_vectors);
    group(test_lenient);
    group(test_every_byte);
    group(test_round_trip);

    return unit_result();
}
