
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Rates: a token bucket for each key, kept as the one point in time at which
 * it is full again (the "theoretical arrival time" of ITU-T I.371's GCRA).
 *
 *     set     eight words, one cache line; the hash says which one
 *     word    bits 40-63  tag, the rest of the hash; 0: the word is free
 *             bits 0-39   when the bucket is full, in quarters of a microsecond
 *
 * A word is only ever changed by compare-and-swap, so that all workers count
 * in it without a lock, and one that dies leaves a whole word.  A bucket that
 * is full is as good as none: such a word may be given to another key at any
 * time.  When all eight are in use, the one that is full soonest is: that key
 * begins anew.  A key that has no word gets one under the zone's lock, or two
 * workers would each give it one.
 *
 * 40 bits are 76 hours.  Nothing is more than 24 hours ahead, so that a time
 * is known to have passed for 52 hours; the sweep clears it long before.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <time.h>
#include "ngx_sio_internal.h"


#if !(__GCC_HAVE_SYNC_COMPARE_AND_SWAP_8)
#error compare-and-swap of 64 bits is needed
#endif


#define NGX_SIO_RATE_TIME     0xffffffffffULL
#define NGX_SIO_RATE_BITS     40

#define NGX_SIO_RATE_TRIES    64    /* others were faster, each time */

#define ngx_sio_rate_tag(hash)                                                \
    ((hash) >> NGX_SIO_RATE_BITS ? (hash) >> NGX_SIO_RATE_BITS : 1)
#define ngx_sio_rate_load(p)  __atomic_load_n(p, __ATOMIC_RELAXED)


static uint64_t *ngx_sio_rate_set(ngx_sio_zone_t *z, uint64_t hash);
static uint64_t ngx_sio_rate_ahead(uint64_t word, uint64_t now);
static uint64_t *ngx_sio_rate_find(uint64_t *set, uint64_t tag,
    uint64_t *word);
static ngx_int_t ngx_sio_rate_add(ngx_sio_zone_t *z, uint64_t *set,
    uint64_t tag, uint64_t now);
static ngx_int_t ngx_sio_rate_add_locked(ngx_sio_zone_t *z, uint64_t *set,
    uint64_t tag, uint64_t now);


uint64_t
ngx_sio_rate_now(void)
{
    struct timespec  ts;

    /* not ngx_current_msec: too coarse, and each worker's own */

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * NGX_SIO_RATE_SECOND
           + (uint64_t) ts.tv_nsec / (1000000000 / NGX_SIO_RATE_SECOND);
}


uint64_t
ngx_sio_rate_hash(ngx_sio_zone_t *z, uint32_t limit, const u_char *key,
    size_t len)
{
    return ngx_sio_hash64(z, limit, key, len);
}


ngx_int_t
ngx_sio_rate_take(ngx_sio_zone_t *z, const ngx_sio_rate_t *rate, uint64_t now,
    uint64_t *wait)
{
    uint64_t    *set, *p, word, ahead, need, tag, full;
    ngx_uint_t   n;

    set = ngx_sio_rate_set(z, rate->hash);
    tag = ngx_sio_rate_tag(rate->hash);

    /* what is more than a whole bucket has to wait for a full one */

    need = ngx_min(rate->cost, rate->burst);

    for (n = 0; n < NGX_SIO_RATE_TRIES; n++) {

        p = ngx_sio_rate_find(set, tag, &word);

        if (p == NULL) {

            if (ngx_sio_rate_add(z, set, tag, now) != NGX_OK) {
                return NGX_OK;
            }

            continue;
        }

        ahead = ngx_sio_rate_ahead(word, now);

        if (ahead + need > rate->burst) {
            *wait = ahead + need - rate->burst;
            return NGX_DECLINED;
        }

        full = now + ngx_min(ahead + rate->cost, NGX_SIO_RATE_MAX);

        if (__sync_bool_compare_and_swap(p, word,
                                         tag << NGX_SIO_RATE_BITS
                                         | (full & NGX_SIO_RATE_TIME)))
        {
            return NGX_OK;
        }
    }

    /* nobody is to wait for others */

    *wait = need;

    return NGX_DECLINED;
}


void
ngx_sio_rate_give(ngx_sio_zone_t *z, const ngx_sio_rate_t *rate)
{
    uint64_t    *set, *p, word, tag;
    ngx_uint_t   n;

    set = ngx_sio_rate_set(z, rate->hash);
    tag = ngx_sio_rate_tag(rate->hash);

    for (n = 0; n < NGX_SIO_RATE_TRIES; n++) {

        p = ngx_sio_rate_find(set, tag, &word);

        if (p == NULL
            || __sync_bool_compare_and_swap(p, word,
                            tag << NGX_SIO_RATE_BITS
                            | ((word - ngx_min(rate->cost, NGX_SIO_RATE_MAX))
                               & NGX_SIO_RATE_TIME)))
        {
            return;
        }
    }
}


ngx_uint_t
ngx_sio_rate_sweep(ngx_sio_zone_t *z, ngx_uint_t set, uint64_t now)
{
    uint64_t        *p, word;
    ngx_uint_t       i, n;
    ngx_sio_root_t  *root;

    root = z->root;

    if (root->scratch.rate_keys == 0) {
        /* no page of it has been touched yet */
        return 0;
    }

    for (n = root->rate_sets / NGX_SIO_RATE_SWEEPS + 1; n; n--) {

        if (set >= root->rate_sets) {
            return 0;
        }

        p = ngx_sio_rate_set(z, set++);

        for (i = 0; i < NGX_SIO_RATE_WORDS; i++) {
            word = ngx_sio_rate_load(&p[i]);

            if (word && ngx_sio_rate_ahead(word, now) == 0) {
                (void) __sync_bool_compare_and_swap(&p[i], word, 0);
            }
        }
    }

    return set;
}


static uint64_t *
ngx_sio_rate_set(ngx_sio_zone_t *z, uint64_t hash)
{
    uint64_t        *rates;
    ngx_sio_root_t  *root;

    root = z->root;
    rates = (uint64_t *) ((u_char *) root + root->rate_off);

    return &rates[(hash & (root->rate_sets - 1)) * NGX_SIO_RATE_WORDS];
}


/* how long until the bucket is full, 0: it is */

static uint64_t
ngx_sio_rate_ahead(uint64_t word, uint64_t now)
{
    uint64_t  ahead;

    ahead = (word - now) & NGX_SIO_RATE_TIME;

    /* a clock read a little later elsewhere is no reason to forget it */

    return ahead > NGX_SIO_RATE_MAX + NGX_SIO_RATE_SECOND ? 0 : ahead;
}


static uint64_t *
ngx_sio_rate_find(uint64_t *set, uint64_t tag, uint64_t *word)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_SIO_RATE_WORDS; i++) {
        *word = ngx_sio_rate_load(&set[i]);

        if (*word >> NGX_SIO_RATE_BITS == tag) {
            return &set[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_sio_rate_add(ngx_sio_zone_t *z, uint64_t *set, uint64_t tag, uint64_t now)
{
    ngx_int_t  rc;

    /* no section: nothing of the journal's is touched */

    if (ngx_sio_reserve(z, 0, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_sio_lock(z);

    rc = ngx_sio_rate_add_locked(z, set, tag, now);

    ngx_sio_unlock(z);

    return rc;
}


/* a full bucket for that key; NGX_ERROR: others used all words all the time */

static ngx_int_t
ngx_sio_rate_add_locked(ngx_sio_zone_t *z, uint64_t *set, uint64_t tag,
    uint64_t now)
{
    uint64_t    *p, word, old, ahead, least;
    ngx_uint_t   i, n;

    for (n = 0; n < NGX_SIO_RATE_TRIES; n++) {

        if (ngx_sio_rate_find(set, tag, &word)) {
            return NGX_OK;
        }

        p = NULL;
        old = 0;
        least = NGX_SIO_RATE_TIME;

        for (i = 0; i < NGX_SIO_RATE_WORDS; i++) {
            word = ngx_sio_rate_load(&set[i]);

            if (word == 0) {
                p = &set[i];
                old = 0;
                least = 0;
                break;
            }

            ahead = ngx_sio_rate_ahead(word, now);

            if (ahead < least) {
                p = &set[i];
                old = word;
                least = ahead;
            }
        }

        if (__sync_bool_compare_and_swap(p, old,
                                         tag << NGX_SIO_RATE_BITS
                                         | (now & NGX_SIO_RATE_TIME)))
        {
            z->root->scratch.rate_keys++;

            if (least) {
                z->root->scratch.rate_evictions++;
            }

            return NGX_OK;
        }
    }

    return NGX_ERROR;
}
