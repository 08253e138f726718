
/*
 * Copyright (C) the ngx_http_sio_module authors
 */


#include "sio_jwt.h"
#include "sio_json.h"


#define SIO_JWT_NPARTS    3


static int sio_jwt_header(const sio_str_t *header, unsigned max_depth,
    sio_jwt_t *jwt, const char **why);
static int sio_jwt_unique(const sio_str_t *value, uint8_t *scratch);
static int sio_jwt_date(const sio_str_t *value, double *date);
static uint8_t *sio_jwt_integer(uint8_t *dst, const uint8_t *p, size_t len);


static const struct {
    char           name[6];
    sio_jwt_alg_e  alg;
} sio_jwt_algs[] = {
    { "HS256", SIO_JWT_HS256 },
    { "HS384", SIO_JWT_HS384 },
    { "HS512", SIO_JWT_HS512 },
    { "RS256", SIO_JWT_RS256 },
    { "RS384", SIO_JWT_RS384 },
    { "RS512", SIO_JWT_RS512 },
    { "PS256", SIO_JWT_PS256 },
    { "PS384", SIO_JWT_PS384 },
    { "PS512", SIO_JWT_PS512 },
    { "ES256", SIO_JWT_ES256 },
    { "ES384", SIO_JWT_ES384 },
    { "ES512", SIO_JWT_ES512 },
    { "EdDSA", SIO_JWT_EDDSA }
};


sio_jwt_alg_e
sio_jwt_alg(const uint8_t *p, size_t len)
{
    size_t  i;

    for (i = 0; i < sizeof(sio_jwt_algs) / sizeof(sio_jwt_algs[0]); i++) {

        if (len == 5 && memcmp(p, sio_jwt_algs[i].name, 5) == 0) {
            return sio_jwt_algs[i].alg;
        }
    }

    return SIO_JWT_NONE;
}


int
sio_base64url_read(uint8_t *dst, const uint8_t *src, size_t len, size_t *n)
{
    size_t    i;
    uint8_t   c, *p;
    uint32_t  v;
    unsigned  bits;

    if (len % 4 == 1) {
        return SIO_ERROR;
    }

    p = dst;
    v = 0;
    bits = 0;

    for (i = 0; i < len; i++) {
        c = src[i];

        if (c >= 'A' && c <= 'Z') {
            c = c - 'A';

        } else if (c >= 'a' && c <= 'z') {
            c = c - 'a' + 26;

        } else if (c >= '0' && c <= '9') {
            c = c - '0' + 52;

        } else if (c == '-') {
            c = 62;

        } else if (c == '_') {
            c = 63;

        } else {
            return SIO_ERROR;
        }

        v = (v << 6 | c) & 0xffff;
        bits += 6;

        if (bits >= 8) {
            bits -= 8;
            *p++ = (v >> bits) & 0xff;
        }
    }

    /* the same bytes must not have two spellings: RFC 4648, 3.5 */

    if (v & ((1u << bits) - 1)) {
        return SIO_ERROR;
    }

    *n = p - dst;

    return SIO_OK;
}


int
sio_jwt_parse(uint8_t *dst, const uint8_t *token, size_t len,
    unsigned max_depth, sio_jwt_t *jwt, const char **why)
{
    size_t     i, n, from;
    uint8_t   *p;
    sio_str_t  part[SIO_JWT_NPARTS];

    memset(jwt, 0, sizeof(sio_jwt_t));

    p = dst;
    n = 0;
    from = 0;

    for (i = 0; i <= len; i++) {

        if (i < len && token[i] != '.') {
            continue;
        }

        if (n == SIO_JWT_NPARTS || (i == len && n != SIO_JWT_NPARTS - 1)) {
            *why = "it has not three parts";
            return SIO_ERROR;
        }

        if (n == SIO_JWT_NPARTS - 1) {
            jwt->input.data = (uint8_t *) token;
            jwt->input.len = from ? from - 1 : 0;
        }

        part[n].data = p;

        if (sio_base64url_read(p, token + from, i - from, &part[n].len)
            != SIO_OK)
        {
            *why = "it is not base64url";
            return SIO_ERROR;
        }

        p += part[n].len;
        from = i + 1;
        n++;
    }

    jwt->payload = part[1];
    jwt->signature = part[2];

    return sio_jwt_header(&part[0], max_depth, jwt, why);
}


/* RFC 7515, 4 */

static int
sio_jwt_header(const sio_str_t *header, unsigned max_depth, sio_jwt_t *jwt,
    const char **why)
{
    size_t           i, k;
    sio_str_t        key, value, keys[SIO_JWT_MAX_MEMBERS];
    sio_json_info_t  info;
    sio_json_iter_t  it;

    if (sio_json_parse(header->data, header->len, max_depth, &info, NULL, 0)
        != SIO_OK
        || info.type != SIO_JSON_OBJECT)
    {
        *why = "its header is not a JSON object";
        return SIO_ERROR;
    }

    sio_json_iter_init(&it, header);

    for (i = 0; sio_json_iter_next(&it, &key, &value) == SIO_OK; i++) {

        if (i == SIO_JWT_MAX_MEMBERS) {
            *why = "its header has too many members";
            return SIO_ERROR;
        }

        /* no name in use needs an escape; so bytes can be compared */

        if (memchr(key.data, '\\', key.len)) {
            *why = "a name in its header is escaped";
            return SIO_ERROR;
        }

        for (k = 0; k < i; k++) {
            if (keys[k].len == key.len
                && memcmp(keys[k].data, key.data, key.len) == 0)
            {
                *why = "its header has a member twice";
                return SIO_ERROR;
            }
        }

        keys[i] = key;

        if (sio_json_string_eq(&key, (uint8_t *) "crit", 4) == SIO_OK) {

            /* RFC 7515, 4.1.11: none of these is known here */

            *why = "its header has \"crit\"";
            return SIO_ERROR;
        }

        if (sio_json_string_eq(&key, (uint8_t *) "alg", 3) == SIO_OK) {

            jwt->alg = sio_json_type(&value) == SIO_JSON_STRING
                       ? sio_jwt_alg(value.data + 1, value.len - 2)
                       : SIO_JWT_NONE;

            if (jwt->alg == SIO_JWT_NONE) {
                *why = "its \"alg\" is none that is known";
                return SIO_ERROR;
            }
        }

        if (sio_json_string_eq(&key, (uint8_t *) "kid", 3) == SIO_OK) {

            if (sio_json_type(&value) != SIO_JSON_STRING) {
                *why = "its \"kid\" is not a string";
                return SIO_ERROR;
            }

            jwt->kid = value;
        }
    }

    if (jwt->alg == SIO_JWT_NONE) {
        *why = "its header has no \"alg\"";
        return SIO_ERROR;
    }

    if (jwt->kid.data) {
        /* in place */
        jwt->kid.len = sio_json_string_read(jwt->kid.data, &jwt->kid);
    }

    return SIO_OK;
}


int
sio_jwt_claims(const sio_str_t *payload, unsigned max_depth,
    uint8_t *scratch, sio_jwt_claims_t *claims, const char **why)
{
    double           iat;
    sio_str_t        key, value;
    sio_json_info_t  info;
    sio_json_iter_t  it;

    memset(claims, 0, sizeof(sio_jwt_claims_t));

    if (sio_json_parse(payload->data, payload->len, max_depth, &info, NULL, 0)
        != SIO_OK
        || info.type != SIO_JSON_OBJECT)
    {
        *why = "its claims are not a JSON object";
        return SIO_ERROR;
    }

    if (sio_jwt_unique(payload, scratch) != SIO_OK) {
        *why = "its claims have a member twice";
        return SIO_ERROR;
    }

    sio_json_iter_init(&it, payload);

    while (sio_json_iter_next(&it, &key, &value) == SIO_OK) {

        if (sio_json_string_eq(&key, (uint8_t *) "exp", 3) == SIO_OK) {

            if (sio_jwt_date(&value, &claims->exp) != SIO_OK) {
                *why = "its \"exp\" is not a number";
                return SIO_ERROR;
            }

            claims->has_exp = 1;

        } else if (sio_json_string_eq(&key, (uint8_t *) "nbf", 3) == SIO_OK) {

            if (sio_jwt_date(&value, &claims->nbf) != SIO_OK) {
                *why = "its \"nbf\" is not a number";
                return SIO_ERROR;
            }

            claims->has_nbf = 1;

        } else if (sio_json_string_eq(&key, (uint8_t *) "iat", 3) == SIO_OK) {

            /* RFC 7519, 4.1.6, gives no reason to refuse one */

            if (sio_jwt_date(&value, &iat) != SIO_OK) {
                *why = "its \"iat\" is not a number";
                return SIO_ERROR;
            }

        } else if (sio_json_string_eq(&key, (uint8_t *) "aud", 3) == SIO_OK) {
            claims->aud = value;

        } else if (sio_json_string_eq(&key, (uint8_t *) "iss", 3) == SIO_OK) {
            claims->iss = value;
        }
    }

    return SIO_OK;
}


/* nesting is bounded by max_depth, that the text has been parsed with */

static int
sio_jwt_unique(const sio_str_t *value, uint8_t *scratch)
{
    size_t           len;
    sio_str_t        key, elt, other, skip;
    sio_json_iter_t  it, rest;
    sio_json_type_e  type;

    type = sio_json_type(value);

    if (type != SIO_JSON_OBJECT && type != SIO_JSON_ARRAY) {
        return SIO_OK;
    }

    sio_json_iter_init(&it, value);

    while (sio_json_iter_next(&it, &key, &elt) == SIO_OK) {

        if (type == SIO_JSON_OBJECT) {
            len = sio_json_string_read(scratch, &key);
            rest = it;

            while (sio_json_iter_next(&rest, &other, &skip) == SIO_OK) {
                if (sio_json_string_eq(&other, scratch, len) == SIO_OK) {
                    return SIO_ERROR;
                }
            }
        }

        if (sio_jwt_unique(&elt, scratch) != SIO_OK) {
            return SIO_ERROR;
        }
    }

    return SIO_OK;
}


/* RFC 7519, 2: NumericDate */

static int
sio_jwt_date(const sio_str_t *value, double *date)
{
    if (sio_json_type(value) != SIO_JSON_NUMBER) {
        return SIO_ERROR;
    }

    *date = sio_json_number_read(value);

    return SIO_OK;
}


int
sio_jwt_is(const sio_str_t *value, const uint8_t *p, size_t len)
{
    sio_str_t        key, elt;
    sio_json_iter_t  it;

    switch (sio_json_type(value)) {

    case SIO_JSON_STRING:
        return sio_json_string_eq(value, p, len) == SIO_OK;

    case SIO_JSON_ARRAY:

        sio_json_iter_init(&it, value);

        while (sio_json_iter_next(&it, &key, &elt) == SIO_OK) {
            if (sio_json_type(&elt) == SIO_JSON_STRING
                && sio_json_string_eq(&elt, p, len) == SIO_OK)
            {
                return 1;
            }
        }

        return 0;

    default:
        return 0;
    }
}


size_t
sio_jwt_signature_len(sio_jwt_alg_e alg)
{
    switch (alg) {

    case SIO_JWT_HS256:
        return 32;

    case SIO_JWT_HS384:
        return 48;

    case SIO_JWT_HS512:
    case SIO_JWT_ES256:
    case SIO_JWT_EDDSA:
        return 64;

    case SIO_JWT_ES384:
        return 96;

    case SIO_JWT_ES512:
        return 132;

    default:
        return 0;
    }
}


size_t
sio_jwt_ecdsa_write(uint8_t *dst, const uint8_t *raw, size_t len)
{
    size_t    n;
    uint8_t  *p, body[2 * (66 + 3)];

    len /= 2;

    if (len > 66) {
        return 0;
    }

    p = sio_jwt_integer(body, raw, len);
    p = sio_jwt_integer(p, raw + len, len);
    n = p - body;

    p = dst;

    *p++ = 0x30;

    if (n > 127) {
        *p++ = 0x81;
    }

    *p++ = (uint8_t) n;

    memcpy(p, body, n);

    return p + n - dst;
}


/* X.690, 8.3: the fewest bytes, the first bit is the sign */

static uint8_t *
sio_jwt_integer(uint8_t *dst, const uint8_t *p, size_t len)
{
    unsigned  sign;

    while (len > 1 && *p == 0) {
        p++;
        len--;
    }

    sign = (len == 0 || (*p & 0x80)) ? 1 : 0;

    *dst++ = 0x02;
    *dst++ = (uint8_t) (len + sign);

    if (sign) {
        *dst++ = 0;
    }

    if (len) {
        memcpy(dst, p, len);
    }

    return dst + len;
}
