
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "zone_kill.h"


/*
 * The logs of any two lives, as far as they overlap, are the same: from the
 * first message of the one that came later, until one of them ends.
 */

#define K_HASH  (4 * K_LOG)

static uint32_t  hash[K_HASH];     /* position in the log, plus 1 */


static uint32_t
k_position(k_log_t *l, uint32_t id)
{
    uint32_t  i;

    for (i = (id * 2654435761u) % K_HASH; hash[i]; i = (i + 1) % K_HASH) {
        if (l->ids[hash[i] - 1] == id) {
            return hash[i];
        }
    }

    return 0;
}


static ngx_uint_t
k_compare(ngx_uint_t a, ngx_uint_t b)
{
    k_log_t   *l, *m;
    uint32_t   i, k, at;

    l = &shared->logs[a];
    m = &shared->logs[b];
    at = 0;

    for (i = 0; i < m->n; i++) {
        at = k_position(l, m->ids[i]);

        if (at) {
            break;
        }
    }

    if (at == 0) {
        return 0;
    }

    zt_ok(i == 0 || at == 1, "lives %lu and %lu: message %x is number %u and "
          "%u, but those before are not the same", (unsigned long) a,
          (unsigned long) b, m->ids[i], at - 1, i);

    for (k = 0; i + k < m->n && at - 1 + k < l->n; k++) {
        zt_ok(m->ids[i + k] == l->ids[at - 1 + k], "lives %lu and %lu: "
              "message %x of one, %x of the other, %u after the first of both",
              (unsigned long) a, (unsigned long) b, l->ids[at - 1 + k],
              m->ids[i + k], k);
    }

    return k;
}


ngx_uint_t
k_orders(void)
{
    uint32_t     i, j, k, n;
    k_log_t     *l;
    ngx_uint_t   common;

    n = shared->lives;
    common = 0;

    for (i = 1; i <= n; i++) {
        l = &shared->logs[i];
        memset(hash, 0, sizeof(hash));

        for (j = 0; j < l->n; j++) {
            zt_ok(k_position(l, l->ids[j]) == 0, "life %u: message %x twice",
                  i, l->ids[j]);

            k = (l->ids[j] * 2654435761u) % K_HASH;

            while (hash[k]) {
                k = (k + 1) % K_HASH;
            }

            hash[k] = j + 1;
        }

        for (j = i + 1; j <= n && j < i + 8 * K_PROCESSES; j++) {
            common += k_compare(i, j);
        }
    }

    return common;
}
