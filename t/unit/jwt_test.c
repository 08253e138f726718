
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "unit.h"
#include "../../src/wire/sio_jwt.h"
#include "../../src/wire/sio_json.h"


#define DEPTH  8


typedef struct {
    const char  *text;
    const char  *bytes;             /* NULL: refused */
    size_t       len;
} read_case_t;


/* RFC 7515, appendix C; RFC 4648, 10 */

static const read_case_t  reads[] = {
    { "", "", 0 },
    { "Zg", "f", 1 },
    { "Zm8", "fo", 2 },
    { "Zm9v", "foo", 3 },
    { "Zm9vYmFy", "foobar", 6 },
    { "A-z_4ME", "\x03\xec\xff\xe0\xc1", 5 },
    { "_-8", "\xff\xef", 2 },
    { "Zg==", NULL, 0 },
    { "Zm8=", NULL, 0 },
    { "Zm9v=", NULL, 0 },
    { "A", NULL, 0 },
    { "Zm9vY", NULL, 0 },
    { "Zh", NULL, 0 },
    { "Zm9", NULL, 0 },
    { "+A", NULL, 0 },
    { "/w", NULL, 0 },
    { "Zg ", NULL, 0 },
    { " Zg", NULL, 0 },
    { "Z\ng", NULL, 0 },
    { "Z\xc3g", NULL, 0 }
};


typedef struct {
    const char     *header;
    sio_jwt_alg_e   alg;            /* SIO_JWT_NONE: refused */
    const char     *kid;
} header_case_t;


static const header_case_t  headers[] = {
    { "{\"alg\":\"HS256\"}", SIO_JWT_HS256, NULL },
    { "{\"typ\":\"JWT\",\r\n \"alg\":\"HS512\"}", SIO_JWT_HS512, NULL },
    { "{\"alg\":\"EdDSA\",\"kid\":\"a\\u0062\\n\"}", SIO_JWT_EDDSA, "ab\n" },
    { "{\"kid\":\"\",\"alg\":\"ES512\"}", SIO_JWT_ES512, "" },
    { "{\"alg\":\"PS384\",\"x\":[[1,{\"alg\":\"none\"}]]}", SIO_JWT_PS384,
      NULL },
    { "", SIO_JWT_NONE, NULL },
    { "{}", SIO_JWT_NONE, NULL },
    { "[]", SIO_JWT_NONE, NULL },
    { "\"alg\"", SIO_JWT_NONE, NULL },
    { "{\"alg\":\"none\"}", SIO_JWT_NONE, NULL },
    { "{\"alg\":\"NONE\"}", SIO_JWT_NONE, NULL },
    { "{\"alg\":\"hs256\"}", SIO_JWT_NONE, NULL },
    { "{\"alg\":\"HS256 \"}", SIO_JWT_NONE, NULL },
    { "{\"alg\":\"\"}", SIO_JWT_NONE, NULL },
    { "{\"alg\":null}", SIO_JWT_NONE, NULL },
    { "{\"alg\":[\"HS256\"]}", SIO_JWT_NONE, NULL },
    { "{\"ALG\":\"HS256\"}", SIO_JWT_NONE, NULL },
    { "{\"alg\":\"HS256\",\"alg\":\"HS256\"}", SIO_JWT_NONE, NULL },
    { "{\"alg\":\"HS256\",\"x\":1,\"x\":2}", SIO_JWT_NONE, NULL },
    { "{\"\\u0061lg\":\"HS256\"}", SIO_JWT_NONE, NULL },
    { "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", SIO_JWT_NONE, NULL },
    { "{\"alg\":\"HS256\",\"crit\":null}", SIO_JWT_NONE, NULL },
    { "{\"alg\":\"HS256\",\"kid\":7}", SIO_JWT_NONE, NULL },
    { "{\"alg\":\"HS256\"", SIO_JWT_NONE, NULL },
    { "{\"alg\":\"HS256\"}x", SIO_JWT_NONE, NULL },
    { "{\"alg\":\"HS256\",\"x\":[[[[[[[[1]]]]]]]]}", SIO_JWT_NONE, NULL }
};


typedef struct {
    const char  *claims;
    int          rc;
    double       exp;
} claims_case_t;


static const claims_case_t  payloads[] = {
    { "{}", SIO_OK, 0 },
    { "{\"exp\":12.5,\"nbf\":-1,\"iat\":1e3}", SIO_OK, 12.5 },
    { "{\"a\":{\"exp\":1},\"exp\":2}", SIO_OK, 2 },
    { "{\"exp\":\"12\"}", SIO_ERROR, 0 },
    { "{\"exp\":null}", SIO_ERROR, 0 },
    { "{\"nbf\":true}", SIO_ERROR, 0 },
    { "{\"iat\":[]}", SIO_ERROR, 0 },
    { "{\"exp\":1,\"exp\":1}", SIO_ERROR, 0 },
    { "{\"exp\":1,\"e\\u0078p\":1}", SIO_ERROR, 0 },
    { "{\"a\":[{\"b\":1,\"c\":{\"d\":1,\"d\":1}}]}", SIO_ERROR, 0 },
    { "{\"a\":{\"b\":1},\"c\":{\"b\":1}}", SIO_OK, 0 },
    { "{\"a\":[\"a\",\"a\"]}", SIO_OK, 0 },
    { "[]", SIO_ERROR, 0 },
    { "", SIO_ERROR, 0 },
    { "{\"a\":\"\x80\"}", SIO_ERROR, 0 },
    { "{\"a\":[[[[[[[[1]]]]]]]]}", SIO_ERROR, 0 }
};


/* of our own, not of the library under test */

static size_t
encode(char *dst, const char *src, size_t len)
{
    size_t    i, n;
    unsigned  v, bits;

    static const char  chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnop"
                                 "qrstuvwxyz0123456789-_";

    v = 0;
    bits = 0;
    n = 0;

    for (i = 0; i < len; i++) {
        v = (v << 8 | (uint8_t) src[i]) & 0xffff;

        for (bits += 8; bits >= 6; bits -= 6) {
            dst[n++] = chars[v >> (bits - 6) & 63];
        }
    }

    if (bits) {
        dst[n++] = chars[v << (6 - bits) & 63];
    }

    return n;
}


static void
test_read(void)
{
    int       rc;
    size_t    i, n, len;
    uint8_t  *p;

    for (i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
        len = strlen(reads[i].text);
        p = unit_copy(reads[i].text, len);

        rc = sio_base64url_read(p, p, len, &n);

        check_int(rc, reads[i].bytes ? SIO_OK : SIO_ERROR);

        if (reads[i].bytes) {
            check_bytes(p, n, reads[i].bytes, reads[i].len);
        }

        free(p);
    }
}


static int
parse(const char *header, sio_jwt_t *jwt, uint8_t **dst, uint8_t **token)
{
    int          rc;
    char         text[2048];
    size_t       n;
    const char  *why;

    n = encode(text, header, strlen(header));
    text[n++] = '.';
    n += encode(text + n, "{\"sub\":1}", 9);
    text[n++] = '.';
    n += encode(text + n, "signature", 9);

    *token = unit_copy(text, n);
    *dst = unit_copy(text, n);

    why = NULL;
    rc = sio_jwt_parse(*dst, *token, n, DEPTH, jwt, &why);

    check((rc == SIO_OK) == (why == NULL));

    return rc;
}


static void
test_header(void)
{
    int         rc;
    size_t      i;
    uint8_t    *dst, *token;
    sio_jwt_t   jwt;

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {

        rc = parse(headers[i].header, &jwt, &dst, &token);

        check_int(rc, headers[i].alg ? SIO_OK : SIO_ERROR);

        if (headers[i].alg) {
            check_int(jwt.alg, headers[i].alg);
            check((jwt.kid.data == NULL) == (headers[i].kid == NULL));

            if (headers[i].kid) {
                check_text(jwt.kid.data, jwt.kid.len, headers[i].kid);
            }

            check_text(jwt.payload.data, jwt.payload.len, "{\"sub\":1}");
            check_text(jwt.signature.data, jwt.signature.len, "signature");
            check(jwt.input.data == token
                  && token[jwt.input.len] == '.');
        }

        free(dst);
        free(token);
    }
}


static void
test_parts(void)
{
    size_t       i, n;
    uint8_t     *dst, *token;
    sio_jwt_t    jwt;
    const char  *why;

    static const char  *bad[] = {
        "", ".", "..", "...", "e30", "e30.e30", "e30.e30.", ".e30.e30",
        "eyJhbGciOiJIUzI1NiJ9.e30", "eyJhbGciOiJIUzI1NiJ9.e30.x",
        "eyJhbGciOiJIUzI1NiJ9.e30.xx.", "eyJhbGciOiJIUzI1NiJ9.e30.xx.xx",
        "eyJhbGciOiJIUzI1NiJ9.e3.xw", "eyJhbGciOiJIUzI1NiJ9.e30=.xw",
        "eyJhbGciOiJIUzI1NiJ9..e30.xw", " eyJhbGciOiJIUzI1NiJ9.e30.xw"
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        n = strlen(bad[i]);
        token = unit_copy(bad[i], n);
        dst = unit_copy(bad[i], n);

        check_int(sio_jwt_parse(dst, token, n, DEPTH, &jwt, &why), SIO_ERROR);

        free(token);
        free(dst);
    }
}


static void
test_claims(void)
{
    int                rc;
    size_t             i;
    uint8_t           *p, *scratch;
    sio_str_t          s;
    const char        *why;
    sio_jwt_claims_t   c;

    for (i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
        s.len = strlen(payloads[i].claims);
        p = unit_copy(payloads[i].claims, s.len);
        scratch = unit_copy(payloads[i].claims, s.len);
        s.data = p;

        rc = sio_jwt_claims(&s, DEPTH, scratch, &c, &why);

        check_int(rc, payloads[i].rc);

        if (rc == SIO_OK) {
            check(c.exp == payloads[i].exp);
        }

        free(p);
        free(scratch);
    }
}


static void
test_ecdsa(void)
{
    size_t   n;
    uint8_t  raw[132], dst[132 + 16];

    memset(raw, 0, sizeof(raw));
    raw[31] = 1;
    raw[32] = 0x80;

    n = sio_jwt_ecdsa_write(dst, raw, 64);
    check_int(n, 40);
    check_bytes(dst, 9, "\x30\x26\x02\x01\x01\x02\x21\x00\x80", 9);

    memset(raw, 0, sizeof(raw));
    n = sio_jwt_ecdsa_write(dst, raw, 64);
    check_bytes(dst, n, "\x30\x06\x02\x01\x00\x02\x01\x00", 8);

    memset(raw, 0xff, sizeof(raw));
    n = sio_jwt_ecdsa_write(dst, raw, 132);
    check_int(n, 3 + 2 * (2 + 67));
    check(dst[0] == 0x30 && dst[1] == 0x81 && dst[2] == 138);

    check_int(sio_jwt_ecdsa_write(dst, raw, 134), 0);
}


typedef struct {
    const char  *jwk;
    int          rc;
    uint32_t     algs;
} jwk_case_t;


/* RFC 7517, A.1 and A.3; RFC 8037, A.2; what is passed over or refused */

static const jwk_case_t  jwks[] = {
    { "{\"kty\":\"EC\",\"crv\":\"P-256\","
      "\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
      "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\",\"kid\":\"1\"}",
      SIO_OK, sio_jwt_bit(SIO_JWT_ES256) },
    { "{\"kty\":\"EC\",\"crv\":\"P-256\","
      "\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
      "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\","
      "\"use\":\"enc\",\"kid\":\"1\"}", SIO_DECLINED, 0 },
    { "{\"kty\":\"oct\",\"k\":\"GawgguFyGrWKav7AX4VKUg\"}", SIO_OK,
      SIO_JWT_HS },
    { "{\"kty\":\"oct\",\"alg\":\"A128KW\",\"k\":\"GawgguFyGrWKav7AX4VKUg\"}",
      SIO_DECLINED, 0 },
    { "{\"kty\":\"oct\",\"alg\":\"HS384\",\"k\":\"GawgguFyGrWKav7AX4VKUg\"}",
      SIO_OK, sio_jwt_bit(SIO_JWT_HS384) },
    { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
      "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}", SIO_OK,
      sio_jwt_bit(SIO_JWT_EDDSA) },
    { "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"11qY\"}", SIO_DECLINED, 0 },
    { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qY\"}", SIO_ERROR, 0 },
    { "{\"kty\":\"RSA\",\"n\":\"gAAB\",\"e\":\"AQAB\"}", SIO_OK, SIO_JWT_RSA },
    { "{\"kty\":\"RSA\",\"n\":\"AAAB\",\"e\":\"AQAB\",\"alg\":\"PS256\"}",
      SIO_OK, sio_jwt_bit(SIO_JWT_PS256) },
    { "{\"kty\":\"RSA\",\"n\":\"gAAB\",\"e\":\"AQAB\",\"d\":\"AQAB\"}",
      SIO_ERROR, 0 },
    { "{\"kty\":\"RSA\",\"n\":\"gAAB\"}", SIO_ERROR, 0 },
    { "{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"AQAB\"}", SIO_ERROR, 0 },
    { "{\"kty\":\"RSA\",\"n\":\"gA==\",\"e\":\"AQAB\"}", SIO_ERROR, 0 },
    { "{\"kty\":\"RSA\",\"n\":\"gAAB\",\"e\":\"AQAB\",\"kid\":1}",
      SIO_ERROR, 0 },
    { "{\"kty\":\"RSA\",\"kty\":\"oct\",\"k\":\"AAAA\"}", SIO_ERROR, 0 },
    { "{\"kty\":\"RSA\",\"n\":\"gAAB\",\"e\":\"AQAB\","
      "\"key_ops\":[\"sign\"]}", SIO_DECLINED, 0 },
    { "{\"kty\":\"RSA\",\"n\":\"gAAB\",\"e\":\"AQAB\","
      "\"key_ops\":[\"verify\"]}", SIO_OK, SIO_JWT_RSA },
    { "{\"kty\":\"none\"}", SIO_DECLINED, 0 },
    { "{}", SIO_ERROR, 0 },
    { "[]", SIO_ERROR, 0 }
};


static void
test_jwk(void)
{
    int              rc;
    size_t           i;
    uint8_t         *p, *dst;
    sio_jwk_t        jwk;
    sio_str_t        s;
    const char      *why;
    sio_json_info_t  info;

    for (i = 0; i < sizeof(jwks) / sizeof(jwks[0]); i++) {
        s.len = strlen(jwks[i].jwk);
        p = unit_copy(jwks[i].jwk, s.len);
        s.data = p;
        dst = malloc(3 * s.len + SIO_DER_OVERHEAD);

        check_int(sio_json_parse(p, s.len, DEPTH, &info, NULL, 0), SIO_OK);

        rc = sio_jwk_parse(dst, &s, &jwk, &why);

        check_int(rc, jwks[i].rc);

        if (rc == SIO_OK) {
            check_int(jwk.algs, jwks[i].algs);

            if (!jwk.secret) {
                check((sio_jwk_algs(jwk.bytes.data, jwk.bytes.len)
                       & jwk.algs) == jwk.algs);
            }
        }

        free(p);
        free(dst);
    }

    /* SEQUENCE { rsaEncryption, BIT STRING { SEQUENCE { n, e } } } */

    s.data = (uint8_t *) jwks[8].jwk;
    s.len = strlen(jwks[8].jwk);
    dst = malloc(3 * s.len + SIO_DER_OVERHEAD);

    check_int(sio_jwk_parse(dst, &s, &jwk, &why), SIO_OK);
    check_bytes(jwk.bytes.data, jwk.bytes.len,
                "\x30\x1f\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
                "\x05\x00\x03\x0e\x00\x30\x0b\x02\x04\x00\x80\x00\x01\x02\x03"
                "\x01\x00\x01", 33);

    free(dst);
}


int
main(void)
{
    group(test_read);
    group(test_header);
    group(test_parts);
    group(test_claims);
    group(test_ecdsa);
    group(test_jwk);

    return unit_result();
}
