
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Keys, read with the configuration, and signatures.
 */


#include "ngx_http_sio_jwt.h"
#include "../wire/sio_json.h"

#if (NGX_HTTP_SIO_HAVE_JWT)

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>


#define NGX_HTTP_SIO_JWT_FILE     (1024 * 1024)   /* bytes, at most */
#define NGX_HTTP_SIO_JWT_KEYS     256
#define NGX_HTTP_SIO_JWT_DEPTH    16
#define NGX_HTTP_SIO_JWT_SECRET   32          /* bytes; shorter ones: warn */
#define NGX_HTTP_SIO_JWT_RSA_MIN  2048        /* bits: RFC 7518, 3.3 */
#define NGX_HTTP_SIO_JWT_RSA_MAX  8192        /* more costs too much */


static ngx_http_sio_jwt_key_t *ngx_http_sio_jwt_key_add(ngx_conf_t *cf,
    ngx_array_t *keys);
static ngx_int_t ngx_http_sio_jwt_read(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *bytes);
static ngx_int_t ngx_http_sio_jwt_block(ngx_conf_t *cf, ngx_array_t *keys,
    ngx_str_t *file, const char *name, const u_char *der, long len);
static ngx_int_t ngx_http_sio_jwt_public(ngx_conf_t *cf, ngx_array_t *keys,
    ngx_str_t *file, EVP_PKEY *pkey, ngx_http_sio_jwt_key_t **key);
static void ngx_http_sio_jwt_free(void *data);
static ngx_int_t ngx_http_sio_jwt_jwk(ngx_conf_t *cf, ngx_array_t *keys,
    ngx_str_t *file, sio_str_t *value, ngx_uint_t n);
static const EVP_MD *ngx_http_sio_jwt_md(sio_jwt_alg_e alg);
static ngx_int_t ngx_http_sio_jwt_hmac(ngx_http_sio_jwt_key_t *key,
    sio_jwt_t *jwt);


static ngx_http_sio_jwt_key_t *
ngx_http_sio_jwt_key_add(ngx_conf_t *cf, ngx_array_t *keys)
{
    ngx_http_sio_jwt_key_t  *key;

    if (keys->nelts == NGX_HTTP_SIO_JWT_KEYS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"sio_jwt\" has more than %d keys",
                           NGX_HTTP_SIO_JWT_KEYS);
        return NULL;
    }

    key = ngx_array_push(keys);

    if (key) {
        ngx_memzero(key, sizeof(ngx_http_sio_jwt_key_t));
    }

    return key;
}


ngx_int_t
ngx_http_sio_jwt_secret(ngx_conf_t *cf, ngx_array_t *keys, ngx_str_t *secret)
{
    ngx_http_sio_jwt_key_t  *key;

    if (secret->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"sio_jwt\" with an empty secret");
        return NGX_ERROR;
    }

    if (secret->len < NGX_HTTP_SIO_JWT_SECRET) {

        /* RFC 7518, 3.2; RFC 8725, 3.5: but such are in use */

        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"sio_jwt\" with a secret of less than %d bytes, "
                           "which can be guessed from one token",
                           NGX_HTTP_SIO_JWT_SECRET);
    }

    key = ngx_http_sio_jwt_key_add(cf, keys);
    if (key == NULL) {
        return NGX_ERROR;
    }

    key->algs = SIO_JWT_HS;
    key->secret = *secret;

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_jwt_secret_file(ngx_conf_t *cf, ngx_array_t *keys,
    ngx_str_t *name)
{
    ngx_str_t  secret;

    if (ngx_http_sio_jwt_read(cf, name, &secret) != NGX_OK) {
        return NGX_ERROR;
    }

    /* the line's end that an editor leaves is not part of it */

    if (secret.len && secret.data[secret.len - 1] == LF) {
        secret.len--;

        if (secret.len && secret.data[secret.len - 1] == CR) {
            secret.len--;
        }
    }

    return ngx_http_sio_jwt_secret(cf, keys, &secret);
}


static ngx_int_t
ngx_http_sio_jwt_read(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *bytes)
{
    off_t       size;
    ssize_t     n;
    ngx_file_t  file;

    if (ngx_conf_full_name(cf->cycle, name, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = *name;
    file.log = cf->log;

    file.fd = ngx_open_file(name->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", name);
        return NGX_ERROR;
    }

    n = NGX_ERROR;

    if (ngx_fd_info(file.fd, &file.info) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_fd_info_n " \"%V\" failed", name);
        goto done;
    }

    size = ngx_file_size(&file.info);

    if (!ngx_is_file(&file.info) || size > NGX_HTTP_SIO_JWT_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is no file of keys", name);
        goto done;
    }

    bytes->data = ngx_pnalloc(cf->pool, (size_t) size + 1);
    if (bytes->data == NULL) {
        goto done;
    }

    n = ngx_read_file(&file, bytes->data, (size_t) size, 0);

    if (n != NGX_ERROR) {
        bytes->len = n;
    }

done:

    if (ngx_close_file(file.fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", name);
    }

    return n == NGX_ERROR ? NGX_ERROR : NGX_OK;
}


/* public keys and certificates, as many as there are: RFC 7468 */

ngx_int_t
ngx_http_sio_jwt_pem(ngx_conf_t *cf, ngx_array_t *keys, ngx_str_t *file)
{
    BIO        *bio;
    char       *name, *header;
    long        len;
    u_char     *der;
    ngx_int_t   rc;
    ngx_str_t   pem;
    ngx_uint_t  n;

    if (ngx_http_sio_jwt_read(cf, file, &pem) != NGX_OK) {
        return NGX_ERROR;
    }

    bio = BIO_new_mem_buf(pem.data, (int) pem.len);
    if (bio == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_OK;

    for (n = 0; rc == NGX_OK; n++) {

        if (PEM_read_bio(bio, &name, &header, &der, &len) != 1) {
            break;
        }

        rc = ngx_http_sio_jwt_block(cf, keys, file, name, der, len);

        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(der);
    }

    BIO_free(bio);
    ERR_clear_error();

    if (rc == NGX_OK && n == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no public key in \"%V\"", file);
        return NGX_ERROR;
    }

    return rc;
}


static ngx_int_t
ngx_http_sio_jwt_block(ngx_conf_t *cf, ngx_array_t *keys, ngx_str_t *file,
    const char *name, const u_char *der, long len)
{
    X509                    *cert;
    EVP_PKEY                *pkey;
    ngx_http_sio_jwt_key_t  *key;

    pkey = NULL;

    if (ngx_strcmp(name, "PUBLIC KEY") == 0) {
        pkey = d2i_PUBKEY(NULL, &der, len);

    } else if (ngx_strcmp(name, "RSA PUBLIC KEY") == 0) {
        pkey = d2i_PublicKey(EVP_PKEY_RSA, NULL, &der, len);

    } else if (ngx_strcmp(name, "CERTIFICATE") == 0) {
        cert = d2i_X509(NULL, &der, len);

        if (cert) {
            pkey = X509_get_pubkey(cert);
            X509_free(cert);
        }

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%s\" in \"%V\": only public keys and "
                           "certificates belong there", name, file);
        return NGX_ERROR;
    }

    return ngx_http_sio_jwt_public(cf, keys, file, pkey, &key);
}


/* pkey is freed with the cycle, or here */

static ngx_int_t
ngx_http_sio_jwt_public(ngx_conf_t *cf, ngx_array_t *keys, ngx_str_t *file,
    EVP_PKEY *pkey, ngx_http_sio_jwt_key_t **key)
{
    int                  len, bits;
    u_char              *der;
    uint32_t             algs;
    ngx_pool_cleanup_t  *cln;

    if (pkey == NULL) {
        ERR_clear_error();
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a key in \"%V\" cannot be read", file);
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        EVP_PKEY_free(pkey);
        return NGX_ERROR;
    }

    cln->handler = ngx_http_sio_jwt_free;
    cln->data = pkey;

    der = NULL;
    len = i2d_PUBKEY(pkey, &der);

    algs = len > 0 ? sio_jwk_algs(der, len) : 0;

    OPENSSL_free(der);
    ERR_clear_error();

    if (algs == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a key in \"%V\" is of no kind that is known: RSA, "
                           "P-256, P-384, P-521 or Ed25519", file);
        return NGX_ERROR;
    }

    bits = EVP_PKEY_bits(pkey);

    if (algs == SIO_JWT_RSA
        && (bits < NGX_HTTP_SIO_JWT_RSA_MIN
            || bits > NGX_HTTP_SIO_JWT_RSA_MAX))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "an RSA key in \"%V\" has %d bits, from %d to %d "
                           "are taken", file, bits, NGX_HTTP_SIO_JWT_RSA_MIN,
                           NGX_HTTP_SIO_JWT_RSA_MAX);
        return NGX_ERROR;
    }

    *key = ngx_http_sio_jwt_key_add(cf, keys);
    if (*key == NULL) {
        return NGX_ERROR;
    }

    (*key)->algs = algs;
    (*key)->pkey = pkey;

    return NGX_OK;
}


static void
ngx_http_sio_jwt_free(void *data)
{
    EVP_PKEY_free(data);
}


/* RFC 7517, 5; a key alone will do as well */

ngx_int_t
ngx_http_sio_jwt_jwks(ngx_conf_t *cf, ngx_array_t *keys, ngx_str_t *file)
{
    sio_str_t        set, pointer, key, value, list;
    ngx_str_t        json;
    ngx_uint_t       n, before;
    sio_json_info_t  info;
    sio_json_iter_t  it;

    if (ngx_http_sio_jwt_read(cf, file, &json) != NGX_OK) {
        return NGX_ERROR;
    }

    if (sio_json_parse(json.data, json.len, NGX_HTTP_SIO_JWT_DEPTH, &info,
                       NULL, 0)
        != SIO_OK
        || info.type != SIO_JSON_OBJECT)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not a JSON Web Key Set", file);
        return NGX_ERROR;
    }

    before = keys->nelts;

    set = info.value;
    pointer.data = (u_char *) "/keys";
    pointer.len = 5;

    if (sio_json_get(&set, &pointer, &list) != SIO_OK) {

        if (ngx_http_sio_jwt_jwk(cf, keys, file, &set, 0) != NGX_OK) {
            return NGX_ERROR;
        }

        goto done;
    }

    if (sio_json_type(&list) != SIO_JSON_ARRAY) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"keys\" in \"%V\" is not an array", file);
        return NGX_ERROR;
    }

    sio_json_iter_init(&it, &list);

    for (n = 0; sio_json_iter_next(&it, &key, &value) == SIO_OK; n++) {
        if (ngx_http_sio_jwt_jwk(cf, keys, file, &value, n) != NGX_OK) {
            return NGX_ERROR;
        }
    }

done:

    if (keys->nelts == before) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" has no key for signatures that are known",
                           file);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_jwt_jwk(ngx_conf_t *cf, ngx_array_t *keys, ngx_str_t *file,
    sio_str_t *value, ngx_uint_t n)
{
    int                      rc;
    u_char                  *dst;
    ngx_str_t                secret;
    sio_jwk_t                jwk;
    const char              *why;
    const u_char            *der;
    ngx_http_sio_jwt_key_t  *key;

    dst = ngx_pnalloc(cf->pool, 3 * value->len + SIO_DER_OVERHEAD);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    rc = sio_jwk_parse(dst, value, &jwk, &why);

    if (rc == SIO_DECLINED) {
        return NGX_OK;
    }

    if (rc != SIO_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "key %ui in \"%V\": %s", n, file, why);
        return NGX_ERROR;
    }

    if (jwk.secret) {
        secret.data = jwk.bytes.data;
        secret.len = jwk.bytes.len;

        if (ngx_http_sio_jwt_secret(cf, keys, &secret) != NGX_OK) {
            return NGX_ERROR;
        }

        key = keys->elts;
        key += keys->nelts - 1;

    } else {
        der = jwk.bytes.data;

        if (ngx_http_sio_jwt_public(cf, keys, file,
                                    d2i_PUBKEY(NULL, &der, jwk.bytes.len),
                                    &key)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    key->algs &= jwk.algs;
    key->kid.data = jwk.kid.data;
    key->kid.len = jwk.kid.len;

    return NGX_OK;
}


static const EVP_MD *
ngx_http_sio_jwt_md(sio_jwt_alg_e alg)
{
    switch (alg) {

    case SIO_JWT_HS256:
    case SIO_JWT_RS256:
    case SIO_JWT_PS256:
    case SIO_JWT_ES256:
        return EVP_sha256();

    case SIO_JWT_HS384:
    case SIO_JWT_RS384:
    case SIO_JWT_PS384:
    case SIO_JWT_ES384:
        return EVP_sha384();

    case SIO_JWT_HS512:
    case SIO_JWT_RS512:
    case SIO_JWT_PS512:
    case SIO_JWT_ES512:
        return EVP_sha512();

    default:
        /* EdDSA has its own */
        return NULL;
    }
}


ngx_int_t
ngx_http_sio_jwt_verify(ngx_http_sio_jwt_key_t *key, sio_jwt_t *jwt)
{
    int            rc;
    u_char         buf[132 + 16];
    size_t         len;
    EVP_MD_CTX    *ctx;
    EVP_PKEY_CTX  *pctx;
    const u_char  *sig;

    len = sio_jwt_signature_len(jwt->alg);

    if (len && jwt->signature.len != len) {
        return NGX_DECLINED;
    }

    if (key->pkey == NULL) {
        return ngx_http_sio_jwt_hmac(key, jwt);
    }

    sig = jwt->signature.data;
    len = jwt->signature.len;

    switch (jwt->alg) {

    case SIO_JWT_ES256:
    case SIO_JWT_ES384:
    case SIO_JWT_ES512:
        len = sio_jwt_ecdsa_write(buf, sig, len);
        sig = buf;
        break;

    default:
        break;
    }

    ctx = EVP_MD_CTX_new();
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    rc = EVP_DigestVerifyInit(ctx, &pctx, ngx_http_sio_jwt_md(jwt->alg), NULL,
                              key->pkey);

    if (rc == 1) {

        switch (jwt->alg) {

        case SIO_JWT_PS256:
        case SIO_JWT_PS384:
        case SIO_JWT_PS512:

            /* RFC 7518, 3.5: the salt is as long as the hash, -1 */

            if (EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) <= 0
                || EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, -1) <= 0)
            {
                rc = 0;
            }

            break;

        default:
            break;
        }
    }

    if (rc == 1) {
        rc = EVP_DigestVerify(ctx, sig, len, jwt->input.data, jwt->input.len);
    }

    EVP_MD_CTX_free(ctx);

    /* or the next connection with TLS would find it there */

    ERR_clear_error();

    return rc == 1 ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_sio_jwt_hmac(ngx_http_sio_jwt_key_t *key, sio_jwt_t *jwt)
{
    u_char    mac[EVP_MAX_MD_SIZE];
    unsigned  len;

    if (HMAC(ngx_http_sio_jwt_md(jwt->alg), key->secret.data,
             (int) key->secret.len, jwt->input.data, jwt->input.len, mac, &len)
        == NULL)
    {
        ERR_clear_error();
        return NGX_ERROR;
    }

    /* in constant time */

    if (len != jwt->signature.len
        || CRYPTO_memcmp(mac, jwt->signature.data, len) != 0)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}

#endif
