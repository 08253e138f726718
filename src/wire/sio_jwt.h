
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * JSON Web Tokens (RFC 7519) in the compact form of signed ones (RFC 7515),
 * and keys for them (RFC 7517): everything but the cryptography.  Strict: what
 * two readers could take for two different things is refused.
 */


#ifndef _SIO_JWT_H_INCLUDED_
#define _SIO_JWT_H_INCLUDED_


#include "sio_wire.h"


/* members of a token's header, the most that are read */
#define SIO_JWT_MAX_MEMBERS  32

/* bytes that DER adds to those of a key */
#define SIO_DER_OVERHEAD     64


/* RFC 7518, 3.1; RFC 8037, 3.1.  "none" is not among them */

typedef enum {
    SIO_JWT_NONE = 0,
    SIO_JWT_HS256,
    SIO_JWT_HS384,
    SIO_JWT_HS512,
    SIO_JWT_RS256,
    SIO_JWT_RS384,
    SIO_JWT_RS512,
    SIO_JWT_PS256,
    SIO_JWT_PS384,
    SIO_JWT_PS512,
    SIO_JWT_ES256,
    SIO_JWT_ES384,
    SIO_JWT_ES512,
    SIO_JWT_EDDSA
} sio_jwt_alg_e;

/* sets of them */

#define sio_jwt_bit(alg)  (1u << (alg))

#define SIO_JWT_HS   (sio_jwt_bit(SIO_JWT_HS256) | sio_jwt_bit(SIO_JWT_HS384) \
                      | sio_jwt_bit(SIO_JWT_HS512))
#define SIO_JWT_RSA  (sio_jwt_bit(SIO_JWT_RS256) | sio_jwt_bit(SIO_JWT_RS384) \
                      | sio_jwt_bit(SIO_JWT_RS512)                            \
                      | sio_jwt_bit(SIO_JWT_PS256)                            \
                      | sio_jwt_bit(SIO_JWT_PS384)                            \
                      | sio_jwt_bit(SIO_JWT_PS512))


/* the algorithm of that name, SIO_JWT_NONE: there is none here */
sio_jwt_alg_e sio_jwt_alg(const uint8_t *p, size_t len);


/*
 * RFC 4648, 5, as RFC 7515 has it: no padding, no other alphabet, no bits
 * left over.  dst needs len / 4 * 3 + 2 bytes and may be src.  SIO_OK, *n
 * bytes; SIO_ERROR
 */
int sio_base64url_read(uint8_t *dst, const uint8_t *src, size_t len,
    size_t *n);


typedef struct {
    sio_jwt_alg_e  alg;
    sio_str_t      kid;               /* plain text; data NULL: none */
    sio_str_t      input;             /* what is signed: part of the token */
    sio_str_t      payload;           /* bytes, not looked at */
    sio_str_t      signature;         /* bytes */
} sio_jwt_t;

/*
 * Takes a token apart and reads its header.  dst needs len bytes, what is
 * decoded is put there; it is not the token's own memory.
 *
 * SIO_OK; SIO_ERROR: *why says what is wrong with it
 */
int sio_jwt_parse(uint8_t *dst, const uint8_t *token, size_t len,
    unsigned max_depth, sio_jwt_t *jwt, const char **why);


typedef struct {
    double         exp;               /* seconds since 1970; valid if has_... */
    double         nbf;
    sio_str_t      aud;               /* JSON values; len 0: none */
    sio_str_t      iss;
    unsigned       has_exp:1;
    unsigned       has_nbf:1;
} sio_jwt_claims_t;

/*
 * Reads the payload of a token whose signature is good.  No object in it may
 * have two members of one name.  scratch needs payload->len bytes.
 *
 * SIO_OK; SIO_ERROR: *why
 */
int sio_jwt_claims(const sio_str_t *payload, unsigned max_depth,
    uint8_t *scratch, sio_jwt_claims_t *claims, const char **why);

/* is a string slice, or one of an array of them, that text: 1 or 0 */
int sio_jwt_is(const sio_str_t *value, const uint8_t *p, size_t len);


/*
 * A signature of ECDSA as RFC 7518, 3.4, has it, two numbers of len / 2 bytes
 * each, as the DER that libraries take.  dst needs len + 16 bytes; returns its
 * length
 */
size_t sio_jwt_ecdsa_write(uint8_t *dst, const uint8_t *raw, size_t len);

/* bytes of an algorithm's signature that are fixed; 0: the key's */
size_t sio_jwt_signature_len(sio_jwt_alg_e alg);


typedef struct {
    uint32_t       algs;              /* that it is for: sio_jwt_bit() */
    unsigned       secret:1;          /* bytes are the secret itself */
    sio_str_t      bytes;             /* else a SubjectPublicKeyInfo, in DER */
    sio_str_t      kid;               /* plain text; data NULL: none */
} sio_jwk_t;

/*
 * Reads a key, an object that sio_json_parse() has accepted.  dst needs
 * 3 * value->len + SIO_DER_OVERHEAD bytes.
 *
 * SIO_OK
 * SIO_DECLINED  it is for something else, or of a kind not known here; to be
 *               passed over (RFC 7517, 5)
 * SIO_ERROR     *why says what is wrong with it
 */
int sio_jwk_parse(uint8_t *dst, const sio_str_t *value, sio_jwk_t *jwk,
    const char **why);

/* the algorithms that a SubjectPublicKeyInfo is good for by its first bytes;
   0: none of those known here */
uint32_t sio_jwk_algs(const uint8_t *der, size_t len);


#endif /* _SIO_JWT_H_INCLUDED_ */
