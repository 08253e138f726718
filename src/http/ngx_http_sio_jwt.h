
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * sio_jwt: who a client is, by a token that somebody has signed.
 *
 *     jwt        the directive
 *     jwt_token  of the handshake and of a CONNECT
 *     jwt_key    keys and signatures: all that needs OpenSSL
 */


#ifndef _NGX_HTTP_SIO_JWT_H_INCLUDED_
#define _NGX_HTTP_SIO_JWT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "../wire/sio_jwt.h"
#include "../core/ngx_sio_rules.h"


/* OpenSSL is nginx's own; Ed25519 came with 1.1.1, as in LibreSSL 3.7 */

#if (NGX_OPENSSL && OPENSSL_VERSION_NUMBER >= 0x10101000L)
#define NGX_HTTP_SIO_HAVE_JWT  1
#endif


typedef struct {
    uint32_t                   algs;        /* that it is for */
    ngx_str_t                  kid;         /* data NULL: none */
    ngx_str_t                  secret;      /* of HS*, when pkey is NULL */
    void                      *pkey;        /* EVP_PKEY */
} ngx_http_sio_jwt_key_t;


typedef enum {
    NGX_HTTP_SIO_JWT_AUTH = 0,
    NGX_HTTP_SIO_JWT_QUERY,
    NGX_HTTP_SIO_JWT_COOKIE,
    NGX_HTTP_SIO_JWT_HEADER
} ngx_http_sio_jwt_source_e;


typedef struct {
    ngx_http_sio_jwt_source_e  type;
    ngx_str_t                  name;        /* AUTH: a JSON pointer; HEADER: in
                                               lower case */
    ngx_str_t                  info;        /* its name in what is kept of the
                                               handshake */
} ngx_http_sio_jwt_source_t;


typedef struct {
    ngx_sio_jwt_t              jwt;         /* core's */
    ngx_array_t                sources;     /* of ngx_http_sio_jwt_source_t */
    ngx_array_t                keys;        /* of ngx_http_sio_jwt_key_t */
    ngx_array_t                aud;         /* of ngx_str_t: one of them */
    ngx_array_t                iss;         /* likewise */
    uint32_t                   algs;        /* that are taken */
    time_t                     leeway;      /* seconds */
    ngx_uint_t                 expire;      /* ends with its token */
    ngx_uint_t                 named;       /* "alg=" was there */
    u_char                    *file;
    ngx_uint_t                 line;
} ngx_http_sio_jwt_t;


/* ngx_http_sio_jwt.c */

/* namespaces without one have the location's.  NGX_OK, NGX_ERROR (logged) */
ngx_int_t ngx_http_sio_jwt_postconf(ngx_conf_t *cf, ngx_sio_rules_t *rules);

/* ngx_http_sio_jwt_token.c */

/*
 * The n-th of what rules->tokens want to know of the first request: its name
 * among what is kept of the handshake, its value, data NULL: there is none.
 * NGX_OK, NGX_ERROR
 */
ngx_int_t ngx_http_sio_jwt_capture(ngx_http_request_t *r,
    ngx_sio_rules_t *rules, ngx_uint_t n, ngx_str_t *name, ngx_str_t *value);

/* ngx_sio_rules_t's token */
ngx_int_t ngx_http_sio_jwt_token(ngx_sio_call_t *call, ngx_sio_jwt_t *conf);


/* ngx_http_sio_jwt_key.c; they add to keys (of ngx_http_sio_jwt_key_t) and
   report what is wrong themselves: NGX_OK, NGX_ERROR */

/* the bytes stay */
ngx_int_t ngx_http_sio_jwt_secret(ngx_conf_t *cf, ngx_array_t *keys,
    ngx_str_t *secret);

ngx_int_t ngx_http_sio_jwt_secret_file(ngx_conf_t *cf, ngx_array_t *keys,
    ngx_str_t *name);
ngx_int_t ngx_http_sio_jwt_pem(ngx_conf_t *cf, ngx_array_t *keys,
    ngx_str_t *name);
ngx_int_t ngx_http_sio_jwt_jwks(ngx_conf_t *cf, ngx_array_t *keys,
    ngx_str_t *name);

/* is it the signature of jwt->input; key->algs has jwt->alg.  NGX_OK,
   NGX_DECLINED, NGX_ERROR: no memory */
ngx_int_t ngx_http_sio_jwt_verify(ngx_http_sio_jwt_key_t *key,
    sio_jwt_t *jwt);


#endif /* _NGX_HTTP_SIO_JWT_H_INCLUDED_ */
