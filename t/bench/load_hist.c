
/*
 * Latency histogram: buckets grow with the value, 64 to an octave.
 */


#include "load.h"


static unsigned
load_hist_bucket(uint64_t ns)
{
    unsigned  shift, i;

    if (ns < LOAD_HIST_STEPS) {
        return (unsigned) ns;
    }

    /* the six bits below the highest one are the step in the octave */

    shift = 63 - (unsigned) __builtin_clzll(ns) - 6;
    i = (shift + 1) * LOAD_HIST_STEPS
        + (unsigned) ((ns >> shift) & (LOAD_HIST_STEPS - 1));

    return i < LOAD_HIST_SIZE ? i : LOAD_HIST_SIZE - 1;
}


void
load_hist_add(load_hist_t *h, uint64_t ns)
{
    h->n++;
    h->count[load_hist_bucket(ns)]++;

    if (ns > h->max) {
        h->max = ns;
    }
}


uint64_t
load_hist_part(load_hist_t *h, double part)
{
    uint64_t  want, sum, upper;
    unsigned  i, shift;

    if (h->n == 0) {
        return 0;
    }

    want = (uint64_t) (part * (double) h->n + 0.5);

    if (want == 0) {
        want = 1;
    }

    sum = 0;

    for (i = 0; i < LOAD_HIST_SIZE; i++) {
        sum += h->count[i];

        if (sum >= want) {
            break;
        }
    }

    if (i < LOAD_HIST_STEPS) {
        return i;
    }

    shift = i / LOAD_HIST_STEPS - 1;
    upper = ((uint64_t) (LOAD_HIST_STEPS + i % LOAD_HIST_STEPS) + 1) << shift;

    return upper < h->max ? upper : h->max;
}
