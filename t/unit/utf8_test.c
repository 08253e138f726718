
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "unit.h"
#include "../../src/wire/sio_utf8.h"


typedef struct {
    const char  *text;
    size_t       len;
    int          rc;
} utf8_case_t;

#define CASE(s, rc)  { s, sizeof(s) - 1, rc }


static const utf8_case_t  cases[] = {
    CASE("", SIO_OK),
    CASE("a", SIO_OK),
    CASE("plain text of more than sixteen bytes, and more", SIO_OK),
    CASE("\0\x01\x7f", SIO_OK),
    CASE("\xc2\x80\xdf\xbf", SIO_OK),
    CASE("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf", SIO_OK),
    CASE("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", SIO_OK),
    CASE("1234567\xc3\xa9" "1234567\xe2\x82\xac" "1234567\xf0\x9f\x98\x80",
         SIO_OK),
    CASE("\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82 \xd0\xbc", SIO_OK),
    CASE("\xe4\xbd\xa0\xe5\xa5\xbd\xef\xbc\x8c\xe4\xb8\x96\xe7\x95\x8c",
         SIO_OK),

    CASE("\x80", SIO_ERROR),
    CASE("12345678\xbf", SIO_ERROR),
    CASE("\xc0\x80", SIO_ERROR),
    CASE("\xc1\xbf", SIO_ERROR),
    CASE("\xc3", SIO_ERROR),
    CASE("\xc3z", SIO_ERROR),
    CASE("\xc3\xc3\xa9", SIO_ERROR),
    CASE("\xe0\x9f\xbf", SIO_ERROR),
    CASE("\xe2\x82", SIO_ERROR),
    CASE("\xe2\x82z", SIO_ERROR),
    CASE("\xed\xa0\x80", SIO_ERROR),
    CASE("\xed\xbf\xbf", SIO_ERROR),
    CASE("\xf0\x8f\xbf\xbf", SIO_ERROR),
    CASE("\xf0\x9f\x98", SIO_ERROR),
    CASE("\xf0\x9f\x98z", SIO_ERROR),
    CASE("\xf4\x90\x80\x80", SIO_ERROR),
    CASE("\xf5\x80\x80\x80", SIO_ERROR),
    CASE("\xfe", SIO_ERROR),
    CASE("\xff", SIO_ERROR)
};

#define NCASES  (sizeof(cases) / sizeof(cases[0]))


/* decodes the long way; RFC 3629, 3 */

static int
slow_valid(const uint8_t *p, size_t len)
{
    size_t    i, n;
    uint32_t  c, min;

    while (len) {

        if (*p < 0x80) {
            p++;
            len--;
            continue;
        }

        if (*p >= 0xf0 && *p < 0xf8) {
            n = 4;
            c = *p & 7;
            min = 0x10000;

        } else if (*p >= 0xe0 && *p < 0xf0) {
            n = 3;
            c = *p & 0xf;
            min = 0x800;

        } else if (*p >= 0xc0 && *p < 0xe0) {
            n = 2;
            c = *p & 0x1f;
            min = 0x80;

        } else {
            return SIO_ERROR;
        }

        if (len < n) {
            return SIO_ERROR;
        }

        for (i = 1; i < n; i++) {
            if (p[i] < 0x80 || p[i] > 0xbf) {
                return SIO_ERROR;
            }

            c = c << 6 | (p[i] & 0x3f);
        }

        if (c < min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
            return SIO_ERROR;
        }

        p += n;
        len -= n;
    }

    return SIO_OK;
}


/* the bytes in two parts, each on its own */

static int
split_valid(const uint8_t *p, size_t len, size_t at)
{
    int         rc;
    uint8_t    *a, *b;
    sio_utf8_t  u;

    a = unit_copy(p, at);
    b = unit_copy(p + at, len - at);

    memset(&u, 0, sizeof(u));

    rc = sio_utf8_check(&u, a, at);

    if (rc == SIO_OK) {
        rc = sio_utf8_check(&u, b, len - at);
    }

    if (rc == SIO_OK) {
        rc = sio_utf8_done(&u);
    }

    free(a);
    free(b);

    return rc;
}


static void
test_whole(void)
{
    size_t    i;
    uint8_t  *p;

    for (i = 0; i < NCASES; i++) {
        p = unit_copy(cases[i].text, cases[i].len);
        check_int(sio_utf8_valid(p, cases[i].len), cases[i].rc);
        check_int(slow_valid(p, cases[i].len), cases[i].rc);
        free(p);
    }
}


static void
test_every_split(void)
{
    size_t  i, at;

    for (i = 0; i < NCASES; i++) {
        for (at = 0; at <= cases[i].len; at++) {
            check_int(split_valid((uint8_t *) cases[i].text, cases[i].len, at),
                      cases[i].rc);
        }
    }
}


static void
test_byte_by_byte(void)
{
    int         rc;
    size_t      i, k;
    uint8_t    *p;
    sio_utf8_t  u;

    for (i = 0; i < NCASES; i++) {
        memset(&u, 0, sizeof(u));
        rc = SIO_OK;

        for (k = 0; k < cases[i].len && rc == SIO_OK; k++) {
            p = unit_copy(cases[i].text + k, 1);
            rc = sio_utf8_check(&u, p, 1);
            free(p);

            /* an empty piece changes nothing */

            if (rc == SIO_OK) {
                rc = sio_utf8_check(&u, NULL, 0);
            }
        }

        if (rc == SIO_OK) {
            rc = sio_utf8_done(&u);
        }

        check_int(rc, cases[i].rc);
    }
}


/* every case at every distance from the ends of a long text */

static void
test_every_offset(void)
{
    size_t   i, before, after;
    uint8_t  *p, buf[128];

    for (i = 0; i < NCASES; i++) {
        for (before = 0; before < 20; before++) {
            for (after = 0; after < 20; after++) {
                memset(buf, 'x', sizeof(buf));
                memcpy(buf + before, cases[i].text, cases[i].len);

                p = unit_copy(buf, before + cases[i].len + after);

                check_int(sio_utf8_valid(p, before + cases[i].len + after),
                          cases[i].rc);
                free(p);
            }
        }
    }
}


static void
test_all_sequences(void)
{
    int       a, b, c, bad;
    uint8_t   t[4];
    uint32_t  i, n;

    bad = 0;

    for (a = 0; a < 256; a++) {
        for (b = 0; b < 256; b++) {
            t[0] = a;
            t[1] = b;

            if (sio_utf8_valid(t, 2) != slow_valid(t, 2)) {
                bad++;
            }

            if (a < 0xc0) {
                continue;
            }

            for (c = 0; c < 256; c++) {
                t[2] = c;

                if (sio_utf8_valid(t, 3) != slow_valid(t, 3)) {
                    bad++;
                }

                t[3] = (c & 1) ? 0x80 : 0xc0;

                if (sio_utf8_valid(t, 4) != slow_valid(t, 4)) {
                    bad++;
                }
            }
        }
    }

    check_int(bad, 0);

    /* all code points */

    n = 0;

    for (i = 0x10000; i < 0x120000; i++) {
        t[0] = 0xf0 | i >> 18;
        t[1] = 0x80 | (i >> 12 & 0x3f);
        t[2] = 0x80 | (i >> 6 & 0x3f);
        t[3] = 0x80 | (i & 0x3f);

        if (sio_utf8_valid(t, 4) == SIO_OK) {
            n++;
        }
    }

    check_int(n, 0x100000);
}


typedef struct {
    const char  *text;
    size_t       len;
    const char  *want;
} repair_case_t;

#define FIX(s, w)  { s, sizeof(s) - 1, w }
#define R          "\xef\xbf\xbd"


/* what Buffer.from(bytes).toString() gives in Node 20 */

static const repair_case_t  repairs[] = {
    FIX("", ""),
    FIX("plain", "plain"),
    FIX("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac"
        "\xf0\x9f\x98\x80"),
    FIX("a\xff" "b", "a" R "b"),
    FIX("\x80\x81", R R),
    FIX("\xc3", R),
    FIX("\xc3(", R "("),
    FIX("\xe2\x82", R),
    FIX("\xe2\x82(", R "("),
    FIX("\xe2\x28\xa1", R "(" R),
    FIX("\xf0\x9f\x98", R),
    FIX("\xf0\x9f\x98\xf0\x9f\x98\x80", R "\xf0\x9f\x98\x80"),
    FIX("\xed\xa0\x80", R R R),
    FIX("\xe0\x80\x80", R R R),
    FIX("\xf0\x80\x80\x80", R R R R),
    FIX("\xf4\x90\x80\x80", R R R R),
    FIX("\xf8\x88\x80\x80\x80", R R R R R),
    FIX("\xc0\xaf", R R),
    FIX("\xe1\x80\xe2\xf0\x91\x92\xf1\xbf", R R R R),
    FIX("12345678\xff" "12345678", "12345678" R "12345678")
};


static void
test_repair(void)
{
    size_t    i, n;
    uint8_t  *p, *dst;

    for (i = 0; i < sizeof(repairs) / sizeof(repairs[0]); i++) {
        p = unit_copy(repairs[i].text, repairs[i].len);
        dst = malloc(3 * repairs[i].len);

        n = sio_utf8_repair(dst, p, repairs[i].len);

        check_text(dst, n, repairs[i].want);
        check_int(sio_utf8_repair(NULL, p, repairs[i].len), n);
        check_int(sio_utf8_valid(dst, n), SIO_OK);

        free(p);
        free(dst);
    }
}


static void
test_repair_random(void)
{
    size_t    n, len, i, k;
    uint8_t  *p, dst[96], again[288], buf[32];
    uint64_t  seed;

    static const uint8_t  likely[] = {
        0xe0, 0xed, 0xf0, 0xf4, 0xc2, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 'a'
    };

    seed = 1;

    for (k = 0; k < 50000; k++) {
        len = unit_random(&seed) % sizeof(buf);

        for (i = 0; i < len; i++) {
            buf[i] = likely[unit_random(&seed) % sizeof(likely)];
        }

        p = unit_copy(buf, len);
        n = sio_utf8_repair(dst, p, len);

        check(n <= 3 * len);
        check_int(slow_valid(dst, n), SIO_OK);
        check_int(sio_utf8_valid(p, len), slow_valid(p, len));

        /* what is valid stays as it is */

        check_int(sio_utf8_repair(again, dst, n), n);
        check_bytes(again, n, dst, n);

        if (sio_utf8_valid(p, len) == SIO_OK) {
            check_bytes(dst, n, p, len);
        }

        free(p);
    }
}


int
main(void)
{
    group(test_whole);
    group(test_every_split);
    group(test_byte_by_byte);
    group(test_every_offset);
    group(test_all_sequences);
    group(test_repair);
    group(test_repair_random);

    return unit_result();
}
