
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "sio_date.h"
#include "sio_scan.h"


#define SIO_DATE_DAY   86400000LL           /* milliseconds */
#define SIO_DATE_CYCLE  146097LL            /* days of 400 years */

/* from 0000-03-01, where a year ends with its leap day, to 1970-01-01 */
#define SIO_DATE_EPOCH  719468LL


static uint8_t *sio_date_digits(uint8_t *dst, uint32_t v, unsigned n);
static const uint8_t *sio_date_number(const uint8_t *p, unsigned n,
    int64_t *v);


/* the proleptic Gregorian calendar, counted in years that begin in March */

size_t
sio_date_write(uint8_t *dst, int64_t ms)
{
    int64_t   days, cycle, year;
    uint8_t  *p;
    uint32_t  day, y, month, rest;

    days = ms / SIO_DATE_DAY;
    rest = (uint32_t) (ms % SIO_DATE_DAY + SIO_DATE_DAY) % SIO_DATE_DAY;

    if (ms < 0 && rest) {
        days--;
    }

    days += SIO_DATE_EPOCH;
    cycle = days / SIO_DATE_CYCLE - (days % SIO_DATE_CYCLE < 0);

    day = (uint32_t) (days - cycle * SIO_DATE_CYCLE);
    y = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * y + y / 4 - y / 100;

    month = (5 * day + 2) / 153;
    day -= (153 * month + 2) / 5;
    month = month < 10 ? month + 3 : month - 9;

    year = cycle * 400 + y + (month <= 2);

    p = dst;

    if (year >= 0 && year <= 9999) {
        p = sio_date_digits(p, (uint32_t) year, 4);

    } else {
        *p++ = year < 0 ? '-' : '+';
        p = sio_date_digits(p, (uint32_t) (year < 0 ? -year : year), 6);
    }

    *p++ = '-';
    p = sio_date_digits(p, month, 2);
    *p++ = '-';
    p = sio_date_digits(p, day + 1, 2);
    *p++ = 'T';
    p = sio_date_digits(p, rest / 3600000, 2);
    *p++ = ':';
    p = sio_date_digits(p, rest / 60000 % 60, 2);
    *p++ = ':';
    p = sio_date_digits(p, rest / 1000 % 60, 2);
    *p++ = '.';
    p = sio_date_digits(p, rest % 1000, 3);
    *p++ = 'Z';

    return p - dst;
}


int
sio_date_read(const uint8_t *p, size_t len, int64_t *ms)
{
    int64_t         year, month, day, hour, min, sec, milli, cycle;
    uint8_t         buf[SIO_DATE_LEN];
    const uint8_t  *start;

    start = p;

    if (len == 24) {
        p = sio_date_number(p, 4, &year);

    } else if (len == 27 && (*p == '+' || *p == '-')) {
        p = sio_date_number(p + 1, 6, &year);
        year = *start == '-' ? -year : year;

    } else {
        return SIO_DECLINED;
    }

    p = sio_date_number(p + 1, 2, &month);
    p = sio_date_number(p + 1, 2, &day);
    p = sio_date_number(p + 1, 2, &hour);
    p = sio_date_number(p + 1, 2, &min);
    p = sio_date_number(p + 1, 2, &sec);
    (void) sio_date_number(p + 1, 3, &milli);

    if (month < 1 || month > 12) {
        return SIO_DECLINED;
    }

    year -= (month <= 2);
    cycle = year / 400 - (year % 400 < 0);
    year -= cycle * 400;
    month += month > 2 ? -3 : 9;

    day += (153 * month + 2) / 5 - 1 + 365 * year + year / 4 - year / 100
           + cycle * SIO_DATE_CYCLE - SIO_DATE_EPOCH;

    *ms = day * SIO_DATE_DAY + hour * 3600000 + min * 60000 + sec * 1000
          + milli;

    if (*ms > SIO_DATE_MAX || *ms < -SIO_DATE_MAX) {
        return SIO_DECLINED;
    }

    /* signs, separators, February 30: written again it is the same or not */

    return sio_date_write(buf, *ms) == len && memcmp(buf, start, len) == 0
           ? SIO_OK : SIO_DECLINED;
}


static uint8_t *
sio_date_digits(uint8_t *dst, uint32_t v, unsigned n)
{
    unsigned  i;

    for (i = n; i; i--) {
        dst[i - 1] = (uint8_t) ('0' + v % 10);
        v /= 10;
    }

    return dst + n;
}


/* what is no digit counts as something: the comparison finds it */

static const uint8_t *
sio_date_number(const uint8_t *p, unsigned n, int64_t *v)
{
    *v = 0;

    while (n--) {
        *v = *v * 10 + (*p++ - '0');
    }

    return p;
}
