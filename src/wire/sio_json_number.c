
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Numbers between their spelling in JSON and JavaScript's form.  strtod() and
 * snprintf() read and write the locale's decimal point, which other modules
 * may have set: they are given and asked for whole digits and an exponent.
 */


#include <float.h>
#include <stdio.h>
#include <stdlib.h>

#include "sio_json.h"
#include "sio_scan.h"


/*
 * Digits that can matter: the middle between two doubles has at most 767;
 * what stands behind only says "a little more".
 */
#define SIO_JSON_DIGITS      800

/* beyond it any number of SIO_JSON_DIGITS is 0 or infinite */
#define SIO_JSON_EXPONENT    9999

#define SIO_DOUBLE_DIGITS    17            /* enough for every double */
#define SIO_DOUBLE_SURE      15            /* digits that survive a double */
#define SIO_DOUBLE_WHOLE     9007199254740992.0


typedef struct {
    char     text[SIO_JSON_DIGITS + 16];   /* digits, "e", exponent, \0 */
    size_t   n;                            /* of digits, no leading zeros */
    int64_t  exp;
} sio_json_decimal_t;


static const uint8_t *sio_json_mantissa(sio_json_decimal_t *dec,
    const uint8_t *p, const uint8_t *last);
static double sio_json_decimal_read(sio_json_decimal_t *dec);
static size_t sio_json_shortest(char *digits, int *point, double d);
static size_t sio_json_print(char *digits, int *point, double d, unsigned n);
static int sio_json_same(const char *digits, size_t n, int point, double d);
static size_t sio_json_increment(char *digits, size_t n, int *point);


size_t
sio_json_number_write(uint8_t *dst, const sio_str_t *value)
{
    size_t    i;
    uint8_t  *p;

    p = value->data;

    /* whole and short is how nearly all come, and how they go */

    if (value->len && value->len <= SIO_DOUBLE_SURE && *p != '0') {

        for (i = 0; i < value->len; i++) {
            if (!sio_is_digit(p[i])) {
                break;
            }
        }

        if (i == value->len) {
            memcpy(dst, p, i);
            return i;
        }
    }

    return sio_json_double_write(dst, sio_json_number_read(value));
}


double
sio_json_number_read(const sio_str_t *value)
{
    int                  minus, less;
    double               d;
    int64_t              e;
    const uint8_t       *p, *last;
    sio_json_decimal_t   dec;

    if (value->len == 0) {
        return 0;
    }

    p = value->data;
    last = p + value->len;

    minus = (*p == '-');

    if (minus) {
        p++;
    }

    dec.n = 0;
    dec.exp = 0;

    p = sio_json_mantissa(&dec, p, last);

    if (p < last && (*p == 'e' || *p == 'E')) {
        p++;
        less = 0;

        if (p < last && (*p == '+' || *p == '-')) {
            less = (*p++ == '-');
        }

        /* the mantissa may be a message long: 0.000...1e+1000000 is 1 */

        for (e = 0; p < last && sio_is_digit(*p); p++) {
            if (e < INT64_MAX / 100) {
                e = e * 10 + (*p - '0');
            }
        }

        dec.exp += less ? -e : e;
    }

    d = sio_json_decimal_read(&dec);

    return minus ? -d : d;
}


static const uint8_t *
sio_json_mantissa(sio_json_decimal_t *dec, const uint8_t *p,
    const uint8_t *last)
{
    int      fraction;
    uint8_t  c;

    fraction = 0;

    for ( /* void */ ; p < last; p++) {

        c = *p;

        if (c == '.' && !fraction) {
            fraction = 1;
            continue;
        }

        if (!sio_is_digit(c)) {
            break;
        }

        if (fraction) {
            dec->exp--;
        }

        if (dec->n == 0 && c == '0') {
            continue;
        }

        if (dec->n < SIO_JSON_DIGITS) {
            dec->text[dec->n++] = c;
            continue;
        }

        /* dropped, but it is told that something was there */

        dec->exp++;

        if (c != '0') {
            dec->text[SIO_JSON_DIGITS - 1] = '1';
        }
    }

    return p;
}


static double
sio_json_decimal_read(sio_json_decimal_t *dec)
{
    size_t    i;
    uint64_t  v;

    if (dec->n == 0) {
        return 0;
    }

    if (dec->exp == 0 && dec->n <= SIO_DOUBLE_SURE) {
        v = 0;

        for (i = 0; i < dec->n; i++) {
            v = v * 10 + (dec->text[i] - '0');
        }

        return (double) v;
    }

    if (dec->exp > SIO_JSON_EXPONENT) {
        dec->exp = SIO_JSON_EXPONENT;

    } else if (dec->exp < -SIO_JSON_EXPONENT) {
        dec->exp = -SIO_JSON_EXPONENT;
    }

    (void) snprintf(dec->text + dec->n, sizeof(dec->text) - dec->n, "e%d",
                    (int) dec->exp);

    return strtod(dec->text, NULL);
}


/* ECMA-262, Number::toString(), and JSON.stringify() for what is not finite */

size_t
sio_json_double_write(uint8_t *dst, double d)
{
    int       point, e;
    char      digits[SIO_DOUBLE_DIGITS + 1];
    size_t    n;
    uint8_t  *p;

    if (!(d >= -DBL_MAX && d <= DBL_MAX)) {
        memcpy(dst, "null", 4);
        return 4;
    }

    p = dst;

    if (d < 0) {
        *p++ = '-';
        d = -d;
    }

    if (d < SIO_DOUBLE_WHOLE && d == (double) (uint64_t) d) {
        p += sio_uint_write(p, (uint64_t) d);
        return p - dst;
    }

    /* d is 0.DIGITS times 10 to the power of point */

    n = sio_json_shortest(digits, &point, d);

    if (point > 21 || point < -5) {

        *p++ = digits[0];

        if (n > 1) {
            *p++ = '.';
            memcpy(p, digits + 1, n - 1);
            p += n - 1;
        }

        e = point - 1;

        *p++ = 'e';
        *p++ = (e < 0) ? '-' : '+';
        p += sio_uint_write(p, (e < 0) ? -e : e);

        return p - dst;
    }

    if (point <= 0) {
        *p++ = '0';
        *p++ = '.';
        memset(p, '0', -point);
        p += -point;
        memcpy(p, digits, n);
        p += n;

        return p - dst;
    }

    if ((size_t) point >= n) {
        memcpy(p, digits, n);
        p += n;
        memset(p, '0', point - n);
        p += point - n;

        return p - dst;
    }

    memcpy(p, digits, point);
    p += point;
    *p++ = '.';
    memcpy(p, digits + point, n - point);
    p += n - point;

    return p - dst;
}


/*
 * The fewest digits that are read back as d, and of these the nearest.  Below
 * a power of two doubles stand closer than above it: there the nearest digits
 * may be another double while the next ones up are d, hence the increment.
 */

static size_t
sio_json_shortest(char *digits, int *point, double d)
{
    size_t    n;
    unsigned  precision;

    /* shorter ones are found at 15, without the zeros, unless subnormal */

    precision = (d < DBL_MIN) ? 1 : SIO_DOUBLE_SURE;

    for ( ;; ) {
        n = sio_json_print(digits, point, d, precision);

        if (precision == SIO_DOUBLE_DIGITS
            || sio_json_same(digits, n, *point, d))
        {
            break;
        }

        while (n < precision) {
            digits[n++] = '0';
        }

        n = sio_json_increment(digits, n, point);

        if (sio_json_same(digits, n, *point, d)) {
            break;
        }

        precision++;
    }

    return n;
}


/* n significant digits of d > 0, without the zeros at the end */

static size_t
sio_json_print(char *digits, int *point, double d, unsigned precision)
{
    int     e, less;
    char    buf[SIO_DOUBLE_DIGITS + 32], *p;
    size_t  n;

    (void) snprintf(buf, sizeof(buf), "%.*e", (int) precision - 1, d);

    n = 0;

    for (p = buf; *p && *p != 'e'; p++) {
        if (sio_is_digit(*p) && n < precision) {
            digits[n++] = *p;
        }
    }

    while (n > 1 && digits[n - 1] == '0') {
        n--;
    }

    e = 0;
    less = 0;

    for ( /* void */ ; *p; p++) {
        if (*p == '-') {
            less = 1;

        } else if (sio_is_digit(*p)) {
            e = e * 10 + (*p - '0');
        }
    }

    *point = (less ? -e : e) + 1;

    return n;
}


static int
sio_json_same(const char *digits, size_t n, int point, double d)
{
    char  buf[SIO_DOUBLE_DIGITS + 16];

    memcpy(buf, digits, n);

    (void) snprintf(buf + n, sizeof(buf) - n, "e%d", point - (int) n);

    return strtod(buf, NULL) == d;
}


static size_t
sio_json_increment(char *digits, size_t n, int *point)
{
    while (n && digits[n - 1] == '9') {
        n--;
    }

    if (n == 0) {
        digits[0] = '1';
        (*point)++;
        return 1;
    }

    digits[n - 1]++;

    return n;
}
