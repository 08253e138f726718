
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The first byte chooses what it is: a token, its claims, a key.  Whatever was
 * accepted is made of one spelling only, and stays inside of its memory.
 */


#include "fuzz.h"
#include "../../src/wire/sio_jwt.h"
#include "../../src/wire/sio_json.h"


#define DEPTH  20


static void
fuzz_token(uint8_t *p, size_t len)
{
    size_t       i, n;
    uint8_t     *dst, *der;
    sio_jwt_t    jwt;
    const char  *why;

    dst = fuzz_alloc(len);
    why = NULL;

    if (sio_jwt_parse(dst, p, len, DEPTH, &jwt, &why) != SIO_OK) {
        fuzz_check(why);
        free(dst);
        return;
    }

    fuzz_check(jwt.alg >= SIO_JWT_HS256 && jwt.alg <= SIO_JWT_EDDSA);
    fuzz_check(fuzz_inside(jwt.payload.data, jwt.payload.len, dst, len));
    fuzz_check(fuzz_inside(jwt.signature.data, jwt.signature.len, dst, len));
    fuzz_check(jwt.kid.data == NULL
               || fuzz_inside(jwt.kid.data, jwt.kid.len, dst, len));
    fuzz_check(jwt.input.data == p && jwt.input.len < len
               && p[jwt.input.len] == '.');

    for (i = 0, n = 0; i < len; i++) {
        n += (p[i] == '.');
    }

    fuzz_check(n == 2);

    der = fuzz_alloc(jwt.signature.len + 16);
    n = sio_jwt_ecdsa_write(der, jwt.signature.data, jwt.signature.len);
    fuzz_check(n <= jwt.signature.len + 16);

    free(der);
    free(dst);
}


static void
fuzz_claims(uint8_t *p, size_t len)
{
    uint8_t           *scratch;
    sio_str_t          s;
    const char        *why;
    sio_jwt_claims_t   claims;

    s.data = p;
    s.len = len;
    scratch = fuzz_alloc(len);
    why = NULL;

    if (sio_jwt_claims(&s, DEPTH, scratch, &claims, &why) == SIO_OK) {
        fuzz_check(claims.aud.len == 0
                   || fuzz_inside(claims.aud.data, claims.aud.len, p, len));
        fuzz_check(claims.iss.len == 0
                   || fuzz_inside(claims.iss.data, claims.iss.len, p, len));
        (void) sio_jwt_is(&claims.aud, (const uint8_t *) "chat", 4);

    } else {
        fuzz_check(why);
    }

    free(scratch);
}


static void
fuzz_key(uint8_t *p, size_t len)
{
    int              rc;
    size_t           size;
    uint8_t         *dst;
    sio_jwk_t        jwk;
    sio_str_t        s;
    const char      *why;
    sio_json_info_t  info;

    if (sio_json_parse(p, len, DEPTH, &info, NULL, 0) != SIO_OK) {
        return;
    }

    s = info.value;
    size = 3 * s.len + SIO_DER_OVERHEAD;
    dst = fuzz_alloc(size);
    why = NULL;

    rc = sio_jwk_parse(dst, &s, &jwk, &why);

    if (rc == SIO_OK) {
        fuzz_check(jwk.algs);
        fuzz_check(fuzz_inside(jwk.bytes.data, jwk.bytes.len, dst, size));
        fuzz_check(jwk.secret
                   || (sio_jwk_algs(jwk.bytes.data, jwk.bytes.len)
                       & jwk.algs) == jwk.algs);

    } else {
        fuzz_check(rc == SIO_DECLINED || why);
    }

    free(dst);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t  *p;

    if (size == 0) {
        return 0;
    }

    p = fuzz_copy(data + 1, size - 1);

    switch (data[0] % 3) {

    case 0:
        fuzz_token(p, size - 1);
        break;

    case 1:
        fuzz_claims(p, size - 1);
        break;

    default:
        fuzz_key(p, size - 1);
    }

    free(p);

    return 0;
}
