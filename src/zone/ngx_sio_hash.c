
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF"), with a
 * random key for each zone: clients choose the names of rooms.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ngx_sio_internal.h"


#define ngx_sio_rotl(x, b)    (((x) << (b)) | ((x) >> (64 - (b))))

#define ngx_sio_sipround(v)                                                   \
    v[0] += v[1]; v[1] = ngx_sio_rotl(v[1], 13); v[1] ^= v[0];                \
    v[0] = ngx_sio_rotl(v[0], 32);                                            \
    v[2] += v[3]; v[3] = ngx_sio_rotl(v[3], 16); v[3] ^= v[2];                \
    v[0] += v[3]; v[3] = ngx_sio_rotl(v[3], 21); v[3] ^= v[0];                \
    v[2] += v[1]; v[1] = ngx_sio_rotl(v[1], 17); v[1] ^= v[2];                \
    v[2] = ngx_sio_rotl(v[2], 32)


/* seed: of what kind, or of which namespace, the name is */

uint32_t
ngx_sio_hash(ngx_sio_zone_t *z, uint32_t seed, const u_char *data, size_t len)
{
    uint64_t  m;

    m = ngx_sio_hash64(z, seed, data, len);

    return (uint32_t) (m ^ (m >> 32));
}


uint64_t
ngx_sio_hash64(ngx_sio_zone_t *z, uint32_t seed, const u_char *data,
    size_t len)
{
    size_t           i, total;
    uint64_t         k0, k1, m, v[4];
    const uint32_t  *key;

    key = z->root->key;

    k0 = (uint64_t) key[1] << 32 | key[0];
    k1 = (uint64_t) key[3] << 32 | key[2];

    v[0] = k0 ^ 0x736f6d6570736575ULL;
    v[1] = k1 ^ 0x646f72616e646f6dULL;
    v[2] = k0 ^ 0x6c7967656e657261ULL;
    v[3] = k1 ^ 0x7465646279746573ULL;

    total = len + 8;

    m = seed;
    v[3] ^= m;
    ngx_sio_sipround(v);
    ngx_sio_sipround(v);
    v[0] ^= m;

    for ( /* void */ ; len >= 8; data += 8, len -= 8) {

        for (i = 0, m = 0; i < 8; i++) {
            m |= (uint64_t) data[i] << (8 * i);
        }

        v[3] ^= m;
        ngx_sio_sipround(v);
        ngx_sio_sipround(v);
        v[0] ^= m;
    }

    m = (uint64_t) (total & 0xff) << 56;

    for (i = 0; i < len; i++) {
        m |= (uint64_t) data[i] << (8 * i);
    }

    v[3] ^= m;
    ngx_sio_sipround(v);
    ngx_sio_sipround(v);
    v[0] ^= m;

    v[2] ^= 0xff;

    for (i = 0; i < 4; i++) {
        ngx_sio_sipround(v);
    }

    return v[0] ^ v[1] ^ v[2] ^ v[3];
}


uint32_t *
ngx_sio_bucket(ngx_sio_zone_t *z, ngx_uint_t table, uint32_t hash)
{
    uint32_t        *buckets;
    ngx_sio_root_t  *root;

    root = z->root;
    buckets = (uint32_t *) (z->base + root->table_off);

    return &buckets[table * root->nbuckets + (hash & (root->nbuckets - 1))];
}
