
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * nginx's side: directives, requests, connections.  What the files of src/http
 * share.
 *
 *     module    the table of directives, life of the module
 *     conf      what the directives mean
 *     handler   which request is it, is it allowed (Engine.IO verify)
 *     send      headers and answers
 *     refuse    what other modules answer here
 *     polling   GET and POST
 *     jsonp     their other form
 *     compress  of what answers a GET
 *     api       orders and questions over HTTP
 *     websocket the handshake, up to the 101 and the detached connection
 *     ws_io     the detached connection
 *     cookie, cors, serve, variables
 */


#ifndef _NGX_HTTP_SIO_MODULE_H_INCLUDED_
#define _NGX_HTTP_SIO_MODULE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include "../wire/sio_eio.h"
#include "../wire/sio_ws.h"
#include "../core/ngx_sio_core.h"
#include "../core/ngx_sio_rules.h"


#define NGX_HTTP_SIO_POLLING    0x0002
#define NGX_HTTP_SIO_WEBSOCKET  0x0004

#define NGX_HTTP_SIO_DEFAULT_ZONE_SIZE  (32 * 1024 * 1024)


typedef struct ngx_http_sio_deflate_s   ngx_http_sio_deflate_t;
typedef struct ngx_http_sio_loc_conf_s  ngx_http_sio_loc_conf_t;
typedef struct ngx_http_sio_api_s       ngx_http_sio_api_t;


/* a zone in this cycle; shm_zone->data */

typedef struct {
    ngx_sio_server_t          server;
    size_t                    size;         /* bytes, 0: not declared */
    u_char                   *file;         /* where it is named first */
    ngx_uint_t                line;
    ngx_http_sio_loc_conf_t  *rules;        /* the location with its rules */
    unsigned                  unnamed:1;    /* by "sio on" */
} ngx_http_sio_zone_t;


typedef struct {
    ngx_array_t               zones;        /* of ngx_http_sio_zone_t * */
    ngx_array_t               locations;    /* of ngx_http_sio_loc_conf_t * */
    ngx_array_t               apis;         /* of ngx_http_sio_api_t * */
    ngx_msec_t                drain_time;   /* milliseconds */
    void                     *rule_main;    /* ngx_http_sio_rules.h */
} ngx_http_sio_main_conf_t;


/* sio_cookie */

typedef struct {
    ngx_str_t                 name;         /* empty: none is set */
    ngx_str_t                 attributes;   /* "; Path=/; HttpOnly" ... */
} ngx_http_sio_cookie_t;


typedef struct {
    ngx_str_t                 origin;       /* exact */
#if (NGX_PCRE)
    ngx_regex_t              *regex;        /* or this */
#endif
} ngx_http_sio_origin_t;


struct ngx_http_sio_loc_conf_s {
    /* the location whose "sio" applies: itself, or, inside of its "if" and
       "limit_except" blocks, the one around; NULL: no "sio" here */
    ngx_http_sio_loc_conf_t  *self;

    ngx_http_sio_zone_t      *zone;
    ngx_http_core_srv_conf_t *server;
    ngx_http_core_loc_conf_t *location;
    u_char                   *file;         /* of "sio" */
    ngx_uint_t                line;

    ngx_sio_options_t         options;      /* from what follows, merged */
    ngx_sio_rules_t          *rules;        /* not inherited */

    ngx_msec_t                ping_interval;
    ngx_msec_t                ping_timeout;
    ngx_msec_t                upgrade_timeout;
    ngx_msec_t                connect_timeout;
    size_t                    max_http_buffer_size;
    ngx_uint_t                transports;   /* NGX_HTTP_SIO_POLLING ... */
    ngx_flag_t                allow_upgrades;
    ngx_flag_t                allow_eio3;
    ngx_uint_t                protocol;     /* 1: engine.io */
    ngx_uint_t                parser;       /* 1: msgpack */
    ngx_uint_t                limit_log_level;  /* NGX_LOG_ERR ... */
    size_t                    http_compression;    /* from how many bytes on,
                                               or NGX_HTTP_SIO_NEVER */
    ngx_http_sio_deflate_t   *per_message_deflate; /* NULL: off */

    ngx_http_sio_cookie_t    *cookie;
    ngx_str_t                 serve_client; /* directory, empty: off */

    ngx_array_t              *cors_origins; /* of ngx_http_sio_origin_t */
    ngx_uint_t                cors_mode;
    ngx_flag_t                cors_credentials;
    ngx_flag_t                origin_check;
    ngx_str_t                 cors_methods;
    ngx_str_t                 cors_headers;
    ngx_str_t                 cors_expose_headers;
    time_t                    cors_max_age; /* seconds, -1: none */

    ngx_http_sio_api_t       *api;          /* sio_api, or NULL */
    ngx_array_t              *api_keys;     /* of ngx_str_t */
    ngx_array_t              *hook_secrets; /* the same, decoded; or NULL */
};

/* RFC 7692, 7.1: the parameters of permessage-deflate */

typedef enum {
    NGX_HTTP_SIO_SERVER_NO_CONTEXT = 0,
    NGX_HTTP_SIO_CLIENT_NO_CONTEXT,
    NGX_HTTP_SIO_SERVER_BITS,
    NGX_HTTP_SIO_CLIENT_BITS,
    NGX_HTTP_SIO_NOFFERED
} ngx_http_sio_offered_e;

/* what the configuration says of each; a size of window otherwise */

#define NGX_HTTP_SIO_OFF        0           /* not accepted */
#define NGX_HTTP_SIO_ON         1           /* always agreed on */
#define NGX_HTTP_SIO_OFFERED    2           /* as the client offers */

struct ngx_http_sio_deflate_s {
    ngx_sio_deflate_t         form;
    ngx_uint_t                params[NGX_HTTP_SIO_NOFFERED];
    ngx_uint_t                contexts;     /* connections of a worker */
};

typedef struct {
    ngx_sio_deflate_t         form;
    unsigned                  deflates:1;   /* with a context that is kept */
    unsigned                  inflates:1;
} ngx_http_sio_agreed_t;

#define NGX_HTTP_SIO_THRESHOLD  1024        /* "on", as Socket.IO's default */
#define NGX_HTTP_SIO_NEVER      (NGX_CONF_UNSET_SIZE - 1)

#define NGX_HTTP_SIO_CORS_OFF   0
#define NGX_HTTP_SIO_CORS_ANY   1           /* "*" */
#define NGX_HTTP_SIO_CORS_FIXED 2           /* one string, sent to everyone */
#define NGX_HTTP_SIO_CORS_LIST  3           /* the request's, if it matches */


/* the parameters that Engine.IO looks at; Engine.IO v4 */

typedef struct {
    ngx_str_t                 transport;
    ngx_str_t                 sid;          /* empty: a handshake */
    uint32_t                  jsonp;        /* 0: no "j" */
    ngx_uint_t                form;         /* NGX_SIO_FORM_EIO3: not EIO=4,
                                               NGX_SIO_FORM_B64: b64=1 */
} ngx_http_sio_query_t;


typedef struct {
    ngx_sio_park_t            park;
    ngx_sio_post_t            post;

    ngx_http_request_t       *request;
    ngx_http_sio_loc_conf_t  *conf;
    ngx_http_sio_query_t      query;

    u_char                   *body;         /* of a POST, malloc()ed */
    size_t                    body_len;
    size_t                    body_size;

    unsigned                  upgrade:1;    /* "Connection: upgrade" */
    unsigned                  parked:1;
    unsigned                  posting:1;
} ngx_http_sio_ctx_t;


/* Engine.IO's error codes: they index ngx_http_sio_errors[] */

typedef enum {
    NGX_HTTP_SIO_UNKNOWN_TRANSPORT = 0,
    NGX_HTTP_SIO_UNKNOWN_SID,
    NGX_HTTP_SIO_BAD_METHOD,
    NGX_HTTP_SIO_BAD_REQUEST,
    NGX_HTTP_SIO_FORBIDDEN,
    NGX_HTTP_SIO_BAD_VERSION,
    NGX_HTTP_SIO_TOO_MANY
} ngx_http_sio_error_e;


/* value may have lost its UTF-8 in decoding */
typedef ngx_int_t (*ngx_http_sio_arg_pt)(void *data, ngx_str_t *name,
    ngx_str_t *value);


typedef void (*ngx_http_sio_compressed_pt)(ngx_http_request_t *r,
    ngx_str_t *body);


/* ngx_http_sio_conf.c */
void *ngx_http_sio_create_main_conf(ngx_conf_t *cf);
char *ngx_http_sio_init_main_conf(ngx_conf_t *cf, void *conf);
void *ngx_http_sio_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_sio_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child);
ngx_int_t ngx_http_sio_postconf(ngx_conf_t *cf);
char *ngx_http_sio_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_sio_enable(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_sio_serve_client(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* the zone of that name, made if there is none; NULL: no memory */
ngx_http_sio_zone_t *ngx_http_sio_zone_add(ngx_conf_t *cf, ngx_str_t *name);

/* ngx_http_sio_api.c */
char *ngx_http_sio_api(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
ngx_int_t ngx_http_sio_api_postconf(ngx_conf_t *cf);

/* ngx_http_sio_compress.c; on, off or threshold=SIZE to a size_t */
char *ngx_http_sio_threshold(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* compresses *body, into r->pool, if it is long enough and the client wants
   that, and sets Content-Encoding.  NGX_OK, also if nothing was done;
   NGX_AGAIN: the handler will be called with it, from the event loop, unless
   the request is freed before (NULL: failed); NGX_ERROR */
ngx_int_t ngx_http_sio_compress(ngx_http_request_t *r,
    ngx_http_sio_loc_conf_t *conf, ngx_str_t *body,
    ngx_http_sio_compressed_pt handler);

/* ngx_http_sio_cookie.c */
char *ngx_http_sio_cookie(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* ngx_http_sio_handler.c */
ngx_int_t ngx_http_sio_handler(ngx_http_request_t *r);

/* 1 if a WebSocket is wanted, or something else instead of HTTP; else 0 */
ngx_uint_t ngx_http_sio_is_upgrade(ngx_http_request_t *r);
/* a request that waits hears when its client goes, and ends then.  NGX_OK,
   NGX_ERROR */
ngx_int_t ngx_http_sio_watch(ngx_http_request_t *r);

/* the bytes that a client's sessions are counted by: its IPv4 address, the
   network (64 bits) of its IPv6 address.  Returns address; NULL: it has none */
u_char *ngx_http_sio_address(ngx_http_request_t *r,
    u_char address[NGX_SIO_ADDRESS_LEN]);

/* walks a query string or a form: names and values decoded, from pool.  Stops
   at the first answer that is not NGX_OK and returns it */
ngx_int_t ngx_http_sio_args(ngx_pool_t *pool, ngx_str_t *args,
    ngx_http_sio_arg_pt handler, void *data);

/* the first header with that name (in lower case), or NULL */
ngx_table_elt_t *ngx_http_sio_header_in(ngx_http_request_t *r,
    const char *name, size_t len);

#define ngx_http_sio_get_header(r, name)                                      \
    ngx_http_sio_header_in(r, name, sizeof(name) - 1)

/* ngx_http_sio_jsonp.c; the "j" of a handshake: its digits as a number with a
   1 in front, so that none are lost and 0 is no JSONP; or, of more digits than
   fit, NGX_HTTP_SIO_JSONP_BAD */
#define NGX_HTTP_SIO_JSONP_BAD  0xffffffff

uint32_t ngx_http_sio_jsonp_index(ngx_str_t *j);

/* makes the call of a function of *payload, from pool.  NGX_OK, NGX_ERROR */
ngx_int_t ngx_http_sio_jsonp_write(ngx_pool_t *pool, uint32_t jsonp,
    ngx_str_t *payload);

/* the payload in a form; from pool, writable.  NGX_OK; NGX_DECLINED: none;
   NGX_ERROR */
ngx_int_t ngx_http_sio_jsonp_read(ngx_pool_t *pool, ngx_str_t *form,
    ngx_str_t *payload);

/* ngx_http_sio_send.c; return codes of a content handler.  Strings must live
   as long as the request */

/* the answer of a failed verify: JSON, or an upgrade's text */
ngx_int_t ngx_http_sio_send_error(ngx_http_request_t *r,
    ngx_http_sio_error_e error);

/* 503: the zone is full, or the worker has no part in it */
ngx_int_t ngx_http_sio_send_busy(ngx_http_request_t *r);

/* the answer to an upgrade that is refused: text, and the connection goes */
ngx_int_t ngx_http_sio_send_text(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *text);

ngx_int_t ngx_http_sio_send_empty(ngx_http_request_t *r, ngx_uint_t status);
ngx_int_t ngx_http_sio_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *type, ngx_str_t *body);

/* NGX_OK, NGX_ERROR */
ngx_int_t ngx_http_sio_header_out(ngx_http_request_t *r, const char *name,
    size_t len, ngx_str_t *value);

#define ngx_http_sio_set_header(r, name, value)                               \
    ngx_http_sio_header_out(r, name, sizeof(name) - 1, value)

/* ngx_http_sio_polling.c */
ngx_int_t ngx_http_sio_polling_open(ngx_http_request_t *r,
    ngx_http_sio_ctx_t *ctx);
ngx_int_t ngx_http_sio_polling_get(ngx_http_request_t *r,
    ngx_http_sio_ctx_t *ctx);
ngx_int_t ngx_http_sio_polling_post(ngx_http_request_t *r,
    ngx_http_sio_ctx_t *ctx);

/* ngx_http_sio_ws_deflate.c */
char *ngx_http_sio_per_message_deflate(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* the answer to Sec-WebSocket-Extensions, from r->pool, empty: none, and what
   is agreed by it.  NGX_OK; NGX_DECLINED: malformed, or none of the offers of
   permessage-deflate can be met; NGX_ERROR */
ngx_int_t ngx_http_sio_ws_negotiate(ngx_http_request_t *r,
    ngx_http_sio_deflate_t *conf, ngx_str_t *answer,
    ngx_http_sio_agreed_t *agreed);

/* ngx_http_sio_websocket.c; session NULL: one of its own.  reject: only
   closed after the 101 */
ngx_int_t ngx_http_sio_websocket_handler(ngx_http_request_t *r,
    ngx_http_sio_ctx_t *ctx, ngx_sio_session_info_t *session,
    ngx_uint_t reject);

/* ngx_http_sio_cors.c */
char *ngx_http_sio_cors_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_sio_cors_list(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* sets the headers that answers of this location have, those of a preflight
   for OPTIONS.  NGX_OK, NGX_ERROR */
ngx_int_t ngx_http_sio_cors(ngx_http_request_t *r,
    ngx_http_sio_loc_conf_t *conf);

/* sio_origin_check: 1 if it is off, if no page sent the request, or one of
   this host, or of an origin that CORS allows; else 0 */
ngx_uint_t ngx_http_sio_origin_allowed(ngx_http_request_t *r,
    ngx_http_sio_loc_conf_t *conf);

/* ngx_http_sio_serve.c; NGX_DECLINED: not one of the client's files */
ngx_int_t ngx_http_sio_serve(ngx_http_request_t *r,
    ngx_http_sio_loc_conf_t *conf);

/* ngx_http_sio_variables.c */
ngx_int_t ngx_http_sio_add_variables(ngx_conf_t *cf);

/* what rules want to know of the first request, from r->pool; empty: nothing */
ngx_int_t ngx_http_sio_capture(ngx_http_request_t *r,
    ngx_http_sio_loc_conf_t *conf, ngx_str_t *info);


extern ngx_module_t  ngx_http_sio_module;

/* ngx_http_sio_refuse.c */
extern ngx_module_t  ngx_http_sio_filter_module;


#endif /* _NGX_HTTP_SIO_MODULE_H_INCLUDED_ */
