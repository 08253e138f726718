
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * JSON Web Keys (RFC 7517; 7518, 6; 8037, 2) as what libraries of any version
 * read: a SubjectPublicKeyInfo (RFC 5280, 4.1) in DER.
 */


#include "sio_jwt.h"
#include "sio_json.h"


/* RFC 3279, 2.3; RFC 5480, 2.1; RFC 8410, 3: AlgorithmIdentifiers */

static const uint8_t  sio_jwk_rsa[] = {
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01,
    0x01, 0x05, 0x00
};

static const uint8_t  sio_jwk_p256[] = {
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07
};

static const uint8_t  sio_jwk_p384[] = {
    0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22
};

static const uint8_t  sio_jwk_p521[] = {
    0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
    0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23
};

static const uint8_t  sio_jwk_ed25519[] = {
    0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70
};


typedef struct {
    char            kty[4];
    char            crv[8];
    size_t          size;             /* bytes of x, and of y */
    const uint8_t  *id;
    size_t          id_len;
    uint32_t        algs;
} sio_jwk_kind_t;


static const sio_jwk_kind_t  sio_jwk_kinds[] = {
    { "RSA", "", 0, sio_jwk_rsa, sizeof(sio_jwk_rsa), SIO_JWT_RSA },
    { "EC", "P-256", 32, sio_jwk_p256, sizeof(sio_jwk_p256),
      sio_jwt_bit(SIO_JWT_ES256) },
    { "EC", "P-384", 48, sio_jwk_p384, sizeof(sio_jwk_p384),
      sio_jwt_bit(SIO_JWT_ES384) },
    { "EC", "P-521", 66, sio_jwk_p521, sizeof(sio_jwk_p521),
      sio_jwt_bit(SIO_JWT_ES512) },
    { "OKP", "Ed25519", 32, sio_jwk_ed25519, sizeof(sio_jwk_ed25519),
      sio_jwt_bit(SIO_JWT_EDDSA) },
    { "oct", "", 0, NULL, 0, SIO_JWT_HS }
};

#define SIO_JWK_NKINDS  (sizeof(sio_jwk_kinds) / sizeof(sio_jwk_kinds[0]))


typedef struct {
    sio_str_t       kty;
    sio_str_t       crv;
    sio_str_t       use;
    sio_str_t       key_ops;
    sio_str_t       alg;
    sio_str_t       kid;
    sio_str_t       d;
    sio_str_t       n;
    sio_str_t       e;
    sio_str_t       x;
    sio_str_t       y;
    sio_str_t       k;
} sio_jwk_members_t;


/* DER is written from its end: a length is known when its head is written */

typedef struct {
    uint8_t        *pos;              /* of the first byte written */
} sio_der_t;


static int sio_jwk_members(const sio_str_t *value, sio_jwk_members_t *m,
    const char **why);
static const sio_jwk_kind_t *sio_jwk_kind(const sio_jwk_members_t *m);
static uint32_t sio_jwk_purpose(const sio_jwk_kind_t *kind,
    const sio_jwk_members_t *m);
static int sio_jwk_point(sio_der_t *der, uint8_t *dst,
    const sio_jwk_kind_t *kind, const sio_jwk_members_t *m, const char **why);
static int sio_jwk_numbers(sio_der_t *der, uint8_t *dst,
    const sio_jwk_members_t *m, const char **why);
static int sio_jwk_bytes(uint8_t *dst, const sio_str_t *value,
    sio_str_t *bytes);
static int sio_jwk_text(const sio_str_t *value, const char *text);
static void sio_der_put(sio_der_t *der, const uint8_t *p, size_t len);
static void sio_der_head(sio_der_t *der, uint8_t tag, const uint8_t *end);
static void sio_der_integer(sio_der_t *der, const sio_str_t *n);


static const struct {
    char    name[8];
    size_t  offset;
} sio_jwk_names[] = {
    { "kty", offsetof(sio_jwk_members_t, kty) },
    { "crv", offsetof(sio_jwk_members_t, crv) },
    { "use", offsetof(sio_jwk_members_t, use) },
    { "key_ops", offsetof(sio_jwk_members_t, key_ops) },
    { "alg", offsetof(sio_jwk_members_t, alg) },
    { "kid", offsetof(sio_jwk_members_t, kid) },
    { "d", offsetof(sio_jwk_members_t, d) },
    { "n", offsetof(sio_jwk_members_t, n) },
    { "e", offsetof(sio_jwk_members_t, e) },
    { "x", offsetof(sio_jwk_members_t, x) },
    { "y", offsetof(sio_jwk_members_t, y) },
    { "k", offsetof(sio_jwk_members_t, k) }
};

#define SIO_JWK_NNAMES  (sizeof(sio_jwk_names) / sizeof(sio_jwk_names[0]))


int
sio_jwk_parse(uint8_t *dst, const sio_str_t *value, sio_jwk_t *jwk,
    const char **why)
{
    int                    rc;
    uint8_t               *end;
    sio_der_t              der;
    sio_jwk_members_t      m;
    const sio_jwk_kind_t  *kind;

    memset(jwk, 0, sizeof(sio_jwk_t));

    if (sio_jwk_members(value, &m, why) != SIO_OK) {
        return SIO_ERROR;
    }

    kind = sio_jwk_kind(&m);

    if (kind == NULL) {
        return SIO_DECLINED;
    }

    jwk->algs = sio_jwk_purpose(kind, &m);

    if (jwk->algs == 0) {
        return SIO_DECLINED;
    }

    if (m.d.len) {
        *why = "it is a private key";
        return SIO_ERROR;
    }

    end = dst + 3 * value->len + SIO_DER_OVERHEAD;

    if (m.kid.len) {

        if (sio_json_type(&m.kid) != SIO_JSON_STRING) {
            *why = "its \"kid\" is not a string";
            return SIO_ERROR;
        }

        jwk->kid.data = dst;
        jwk->kid.len = sio_json_string_read(dst, &m.kid);
        dst += jwk->kid.len;
    }

    if (kind->id == NULL) {

        if (sio_jwk_bytes(dst, &m.k, &jwk->bytes) != SIO_OK) {
            *why = "its \"k\" is not base64url";
            return SIO_ERROR;
        }

        jwk->secret = 1;

        return SIO_OK;
    }

    der.pos = end;

    rc = kind->size ? sio_jwk_point(&der, dst, kind, &m, why)
                    : sio_jwk_numbers(&der, dst, &m, why);

    if (rc != SIO_OK) {
        return rc;
    }

    /* SEQUENCE { algorithm, BIT STRING } with no unused bits */

    sio_der_put(&der, (const uint8_t *) "", 1);
    sio_der_head(&der, 0x03, end);
    sio_der_put(&der, kind->id, kind->id_len);
    sio_der_head(&der, 0x30, end);

    jwk->bytes.data = der.pos;
    jwk->bytes.len = end - der.pos;

    return SIO_OK;
}


static int
sio_jwk_members(const sio_str_t *value, sio_jwk_members_t *m,
    const char **why)
{
    size_t           i;
    sio_str_t        key, elt, *member;
    sio_json_iter_t  it;

    memset(m, 0, sizeof(sio_jwk_members_t));

    if (sio_json_type(value) != SIO_JSON_OBJECT) {
        *why = "it is not an object";
        return SIO_ERROR;
    }

    sio_json_iter_init(&it, value);

    while (sio_json_iter_next(&it, &key, &elt) == SIO_OK) {

        for (i = 0; i < SIO_JWK_NNAMES; i++) {

            if (!sio_jwk_text(&key, sio_jwk_names[i].name)) {
                continue;
            }

            member = (sio_str_t *) ((char *) m + sio_jwk_names[i].offset);

            if (member->len) {
                *why = "it has a member twice";
                return SIO_ERROR;
            }

            *member = elt;
        }
    }

    if (sio_json_type(&m->kty) != SIO_JSON_STRING) {
        *why = "it has no \"kty\"";
        return SIO_ERROR;
    }

    return SIO_OK;
}


static const sio_jwk_kind_t *
sio_jwk_kind(const sio_jwk_members_t *m)
{
    size_t                 i;
    const sio_jwk_kind_t  *kind;

    for (i = 0; i < SIO_JWK_NKINDS; i++) {
        kind = &sio_jwk_kinds[i];

        if (sio_jwk_text(&m->kty, kind->kty)
            && (kind->size == 0 || sio_jwk_text(&m->crv, kind->crv)))
        {
            return kind;
        }
    }

    return NULL;
}


/* RFC 7517, 4.2 to 4.4 */

static uint32_t
sio_jwk_purpose(const sio_jwk_kind_t *kind, const sio_jwk_members_t *m)
{
    if (m->use.len && !sio_jwk_text(&m->use, "sig")) {
        return 0;
    }

    if (m->key_ops.len
        && (sio_json_type(&m->key_ops) != SIO_JSON_ARRAY
            || !sio_jwt_is(&m->key_ops, (const uint8_t *) "verify", 6)))
    {
        return 0;
    }

    if (m->alg.len == 0) {
        return kind->algs;
    }

    if (sio_json_type(&m->alg) != SIO_JSON_STRING) {
        return 0;
    }

    return kind->algs
           & sio_jwt_bit(sio_jwt_alg(m->alg.data + 1, m->alg.len - 2));
}


/* RFC 5480, 2.2: an uncompressed point; RFC 8410, 4: the bytes */

static int
sio_jwk_point(sio_der_t *der, uint8_t *dst, const sio_jwk_kind_t *kind,
    const sio_jwk_members_t *m, const char **why)
{
    unsigned   ec;
    sio_str_t  x, y;

    ec = (kind->algs != sio_jwt_bit(SIO_JWT_EDDSA));

    if (sio_jwk_bytes(dst, &m->x, &x) != SIO_OK
        || (ec && sio_jwk_bytes(dst + x.len, &m->y, &y) != SIO_OK))
    {
        *why = "its \"x\" or \"y\" is not base64url";
        return SIO_ERROR;
    }

    /* RFC 7518, 6.2.1.2: full size, zeros in front included */

    if (x.len != kind->size || (ec && y.len != kind->size)) {
        *why = "its \"x\" or \"y\" has a wrong length";
        return SIO_ERROR;
    }

    if (ec) {
        sio_der_put(der, y.data, y.len);
    }

    sio_der_put(der, x.data, x.len);

    if (ec) {
        sio_der_put(der, (const uint8_t *) "\x04", 1);
    }

    return SIO_OK;
}


/* RFC 8017, A.1.1: SEQUENCE { INTEGER n, INTEGER e } */

static int
sio_jwk_numbers(sio_der_t *der, uint8_t *dst, const sio_jwk_members_t *m,
    const char **why)
{
    uint8_t    *end;
    sio_str_t   n, e;

    if (sio_jwk_bytes(dst, &m->n, &n) != SIO_OK
        || sio_jwk_bytes(dst + n.len, &m->e, &e) != SIO_OK)
    {
        *why = "its \"n\" or \"e\" is not base64url";
        return SIO_ERROR;
    }

    end = der->pos;

    sio_der_integer(der, &e);
    sio_der_integer(der, &n);
    sio_der_head(der, 0x30, end);

    return SIO_OK;
}


/* a string of base64url, not empty */

static int
sio_jwk_bytes(uint8_t *dst, const sio_str_t *value, sio_str_t *bytes)
{
    bytes->data = dst;
    bytes->len = 0;

    if (sio_json_type(value) != SIO_JSON_STRING
        || sio_base64url_read(dst, value->data + 1, value->len - 2,
                              &bytes->len)
           != SIO_OK
        || bytes->len == 0)
    {
        return SIO_ERROR;
    }

    return SIO_OK;
}


static int
sio_jwk_text(const sio_str_t *value, const char *text)
{
    return sio_json_type(value) == SIO_JSON_STRING
           && sio_json_string_eq(value, (const uint8_t *) text, strlen(text))
              == SIO_OK;
}


uint32_t
sio_jwk_algs(const uint8_t *der, size_t len)
{
    size_t                 i, n;
    const sio_jwk_kind_t  *kind;

    /* a SEQUENCE and its length */

    if (len < 2 || der[0] != 0x30) {
        return 0;
    }

    n = 2 + ((der[1] & 0x80) ? (size_t) (der[1] & 0x7f) : 0);

    for (i = 0; i < SIO_JWK_NKINDS; i++) {
        kind = &sio_jwk_kinds[i];

        if (kind->id && len > n && len - n >= kind->id_len
            && memcmp(der + n, kind->id, kind->id_len) == 0)
        {
            return kind->algs;
        }
    }

    return 0;
}


static void
sio_der_put(sio_der_t *der, const uint8_t *p, size_t len)
{
    der->pos -= len;
    memcpy(der->pos, p, len);
}


/* X.690, 8.1.3: of what stands there up to end */

static void
sio_der_head(sio_der_t *der, uint8_t tag, const uint8_t *end)
{
    size_t   len, n;

    len = end - der->pos;

    if (len < 128) {
        *--der->pos = (uint8_t) len;

    } else {

        for (n = 0; len; n++) {
            *--der->pos = (uint8_t) (len & 0xff);
            len >>= 8;
        }

        *--der->pos = (uint8_t) (0x80 | n);
    }

    *--der->pos = tag;
}


static void
sio_der_integer(sio_der_t *der, const sio_str_t *n)
{
    size_t    len;
    uint8_t  *p, *end;

    p = n->data;
    len = n->len;

    while (len > 1 && *p == 0) {
        p++;
        len--;
    }

    end = der->pos;

    sio_der_put(der, p, len);

    if (*p & 0x80) {
        *--der->pos = 0;
    }

    sio_der_head(der, 0x02, end);
}
