
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The API's requests: who may, which one it is, and orders that were posted.
 *
 *     POST .../              orders, one or an array of them
 *     POST .../emit/EVENT    any JSON, the event's only argument
 *     GET  .../sockets       ?room= &nsp= &limit= &cursor=
 *     GET  .../rooms         ?nsp= &limit= &cursor=
 *     GET  .../rooms/NAME    ?nsp=
 */


#include "ngx_http_sio_api.h"
#include "../wire/sio_utf8.h"


static ngx_int_t ngx_http_sio_api_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_sio_api_authorized(ngx_http_request_t *r,
    ngx_array_t *keys);
static ngx_int_t ngx_http_sio_api_route(ngx_http_sio_api_ctx_t *api,
    ngx_str_t *path);
static ngx_int_t ngx_http_sio_api_arg(void *data, ngx_str_t *name,
    ngx_str_t *value);
static ngx_int_t ngx_http_sio_api_utf8(ngx_http_sio_api_ctx_t *api);
static ngx_int_t ngx_http_sio_api_post(ngx_http_sio_api_ctx_t *api);
static void ngx_http_sio_api_body(ngx_http_request_t *r);
static ngx_int_t ngx_http_sio_api_read(ngx_http_request_t *r,
    ngx_str_t *body);
static ngx_int_t ngx_http_sio_api_orders(ngx_http_sio_api_ctx_t *api,
    ngx_str_t *body);
static ngx_int_t ngx_http_sio_api_emit(ngx_http_sio_api_ctx_t *api,
    ngx_str_t *body);
static size_t ngx_http_sio_api_names(u_char *p, const char *key,
    ngx_array_t *names);
static ngx_uint_t ngx_http_sio_api_guarded(ngx_conf_t *cf,
    ngx_http_sio_api_t *api);


/* sio_api [zone=NAME] */

char *
ngx_http_sio_api(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_loc_conf_t *slcf = conf;

    ngx_str_t                 *value, name;
    ngx_http_sio_api_t        *api, **p;
    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_sio_main_conf_t  *smcf;

    if (slcf->api) {
        return "is duplicate";
    }

    value = cf->args->elts;
    ngx_str_set(&name, "default");

    if (cf->args->nelts == 2) {

        if (ngx_strncmp(value[1].data, "zone=", 5) != 0
            || value[1].len == 5)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\", it is "
                               "\"sio_api [zone=NAME]\"", &value[1]);
            return NGX_CONF_ERROR;
        }

        name.data = value[1].data + 5;
        name.len = value[1].len - 5;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sio_module);

    if (clcf->handler) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "location \"%V\" has another handler already",
                           &clcf->name);
        return NGX_CONF_ERROR;
    }

#if (NGX_PCRE)
    if (clcf->regex || clcf->named) {
#else
    if (clcf->named) {
#endif
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"sio_api\" needs a location that is a prefix or "
                           "exact, \"%V\" is not", &clcf->name);
        return NGX_CONF_ERROR;
    }

    api = ngx_pcalloc(cf->pool, sizeof(ngx_http_sio_api_t));
    p = ngx_array_push(&smcf->apis);

    if (api == NULL || p == NULL) {
        return NGX_CONF_ERROR;
    }

    api->zone = ngx_http_sio_zone_add(cf, &name);
    if (api->zone == NULL) {
        return NGX_CONF_ERROR;
    }

    api->location = clcf;
    api->file = cf->conf_file->file.name.data;
    api->line = cf->conf_file->line;

    *p = api;
    slcf->api = api;
    clcf->handler = ngx_http_sio_api_handler;

    return NGX_CONF_OK;
}


/* after all has been read and merged */

ngx_int_t
ngx_http_sio_api_postconf(ngx_conf_t *cf)
{
    ngx_uint_t                 i;
    ngx_http_sio_api_t       **apis;
    ngx_http_sio_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sio_module);
    apis = smcf->apis.elts;

    for (i = 0; i < smcf->apis.nelts; i++) {

        if (apis[i]->zone->server.options.nelts == 0) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"sio_api\" of zone \"%V\", in which no location "
                          "has \"sio\", in %s:%ui",
                          &apis[i]->zone->server.name, apis[i]->file,
                          apis[i]->line);
            return NGX_ERROR;
        }

        if (!ngx_http_sio_api_guarded(cf, apis[i])) {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "\"sio_api\" without \"sio_api_key\" or an access "
                          "rule: whoever reaches location \"%V\" may use it, "
                          "in %s:%ui",
                          &apis[i]->location->name, apis[i]->file,
                          apis[i]->line);
        }
    }

    return NGX_OK;
}


/*
 * Other modules' configurations are their own; but in each of these the first
 * word is a pointer or a length that is not zero when the module is in use.
 */

static ngx_uint_t
ngx_http_sio_api_guarded(ngx_conf_t *cf, ngx_http_sio_api_t *api)
{
    void                     **conf;
    ngx_uint_t                 i, k;
    ngx_module_t              *module;
    ngx_http_sio_loc_conf_t   *slcf;

    static const char  *guards[] = {
        "ngx_http_access_module",
        "ngx_http_auth_basic_module",
        "ngx_http_auth_request_module"
    };

    slcf = api->location->loc_conf[ngx_http_sio_module.ctx_index];

    if (slcf->api_keys || api->location->internal) {
        return 1;
    }

    for (i = 0; cf->cycle->modules[i]; i++) {

        module = cf->cycle->modules[i];

        for (k = 0; k < sizeof(guards) / sizeof(guards[0]); k++) {

            if (ngx_strcmp(module->name, guards[k]) != 0) {
                continue;
            }

            conf = api->location->loc_conf[module->ctx_index];

            if (conf && *conf && *conf != NGX_CONF_UNSET_PTR) {
                return 1;
            }
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_sio_api_handler(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_str_t                  path, text;
    ngx_sio_call_t            *call;
    ngx_http_sio_api_ctx_t    *api;
    ngx_http_sio_loc_conf_t   *slcf;

    slcf = ngx_http_get_module_loc_conf(r, ngx_http_sio_module);

    api = ngx_pcalloc(r->pool, sizeof(ngx_http_sio_api_ctx_t));
    if (api == NULL || slcf->api == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    api->request = r;
    ngx_http_set_ctx(r, &api->ctx, ngx_http_sio_module);

    rc = ngx_http_sio_api_authorized(r, slcf->api_keys);

    if (rc == NGX_DECLINED) {
        ngx_str_set(&text, "the key is missing or wrong");
        return ngx_http_sio_api_error(api, NGX_HTTP_UNAUTHORIZED,
                                      "unauthorized", &text);
    }

    if (rc != NGX_OK
        || ngx_array_init(&api->to, r->pool, 4, sizeof(ngx_str_t)) != NGX_OK
        || ngx_array_init(&api->except, r->pool, 4, sizeof(ngx_str_t))
           != NGX_OK
        || ngx_http_sio_args(r->pool, &r->args, ngx_http_sio_api_arg,
                             api)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    call = &api->call;

    call->type = NGX_SIO_CALL_API;
    call->server = &slcf->api->zone->server;
    call->worker = call->server->worker;
    call->pool = r->pool;

    if (api->nsp.len == 0) {
        ngx_str_set(&api->nsp, "/");
    }

    call->nsp = api->nsp;

    if (call->worker == NULL) {
        return ngx_http_sio_api_busy(api);
    }

    path = r->uri;

    if (path.len >= slcf->api->location->name.len) {
        path.data += slcf->api->location->name.len;
        path.len -= slcf->api->location->name.len;
    }

    if (path.len && path.data[0] == '/') {
        path.data++;
        path.len--;
    }

    return ngx_http_sio_api_route(api, &path);
}


/* RFC 6750, 2.1 */

static ngx_int_t
ngx_http_sio_api_authorized(ngx_http_request_t *r, ngx_array_t *keys)
{
    u_char      diff;
    size_t      i;
    ngx_str_t  *key, given, bearer;
    ngx_uint_t  k, found;

    if (keys == NULL) {
        return NGX_OK;
    }

    ngx_str_null(&given);

    if (r->headers_in.authorization) {
        given = r->headers_in.authorization->value;
    }

    found = 0;

    if (given.len > 7
        && ngx_strncasecmp(given.data, (u_char *) "bearer ", 7) == 0)
    {
        given.data += 7;
        given.len -= 7;

        key = keys->elts;

        /* in a time that does not depend on how much of it is right */

        for (k = 0; k < keys->nelts; k++) {

            if (key[k].len != given.len) {
                continue;
            }

            diff = 0;

            for (i = 0; i < given.len; i++) {
                diff |= key[k].data[i] ^ given.data[i];
            }

            found |= (diff == 0);
        }
    }

    if (found) {
        return NGX_OK;
    }

    ngx_str_set(&bearer, "Bearer");

    return ngx_http_sio_set_header(r, "WWW-Authenticate", &bearer) == NGX_OK
           ? NGX_DECLINED : NGX_ERROR;
}


static ngx_int_t
ngx_http_sio_api_arg(void *data, ngx_str_t *name, ngx_str_t *value)
{
    ngx_http_sio_api_ctx_t *api = data;

    ngx_str_t    *s, *one;
    ngx_array_t  *list;

#define ngx_http_sio_api_is(s)                                                \
    (name->len == sizeof(s) - 1                                               \
     && ngx_strncmp(name->data, s, sizeof(s) - 1) == 0)

    list = NULL;
    one = NULL;

    if (ngx_http_sio_api_is("to") || ngx_http_sio_api_is("in")) {
        list = &api->to;

    } else if (ngx_http_sio_api_is("except")) {
        list = &api->except;

    } else if (ngx_http_sio_api_is("all")) {
        api->all = (value->len == 1 && value->data[0] == '1');
        return NGX_OK;

    } else if (ngx_http_sio_api_is("volatile")) {
        api->is_volatile = (value->len == 1 && value->data[0] == '1');
        return NGX_OK;

    } else if (ngx_http_sio_api_is("room")) {
        api->has_room = 1;
        one = &api->room;

    } else if (ngx_http_sio_api_is("nsp")) {
        one = &api->nsp;

    } else if (ngx_http_sio_api_is("cursor")) {
        one = &api->cursor;

    } else if (ngx_http_sio_api_is("limit")) {
        one = &api->limit;

    } else {
        /* a mistyped "to" must not go unnoticed */
        api->unknown = *name;
        return NGX_OK;
    }

    if (list) {
        s = ngx_array_push(list);
        if (s == NULL) {
            return NGX_ERROR;
        }

        *s = *value;

    } else {
        *one = *value;
    }

    return NGX_OK;
}


/* NGX_OK; NGX_DECLINED: something in the query is not UTF-8 */

static ngx_int_t
ngx_http_sio_api_utf8(ngx_http_sio_api_ctx_t *api)
{
    ngx_str_t   *s;
    ngx_uint_t   i;

    s = api->to.elts;

    for (i = 0; i < api->to.nelts; i++) {
        if (sio_utf8_valid(s[i].data, s[i].len) != SIO_OK) {
            return NGX_DECLINED;
        }
    }

    s = api->except.elts;

    for (i = 0; i < api->except.nelts; i++) {
        if (sio_utf8_valid(s[i].data, s[i].len) != SIO_OK) {
            return NGX_DECLINED;
        }
    }

    return (sio_utf8_valid(api->room.data, api->room.len) == SIO_OK
            && sio_utf8_valid(api->nsp.data, api->nsp.len) == SIO_OK)
           ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_sio_api_route(ngx_http_sio_api_ctx_t *api, ngx_str_t *path)
{
    ngx_str_t            text, allow;
    ngx_uint_t           post, get;
    ngx_http_request_t  *r;

    r = api->request;

    post = (path->len == 0
            || (path->len > 5 && ngx_strncmp(path->data, "emit/", 5) == 0));

    get = ((path->len == 7 && ngx_strncmp(path->data, "sockets", 7) == 0)
           || (path->len == 5 && ngx_strncmp(path->data, "rooms", 5) == 0)
           || (path->len > 6 && ngx_strncmp(path->data, "rooms/", 6) == 0));

    if (!post && !get) {
        ngx_str_set(&text, "no such resource");
        return ngx_http_sio_api_error(api, NGX_HTTP_NOT_FOUND, "not_found",
                                      &text);
    }

    if (post ? !(r->method & NGX_HTTP_POST)
             : !(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)))
    {
        ngx_str_set(&text, "the method does not fit the resource");

        if (post) {
            ngx_str_set(&allow, "POST");

        } else {
            ngx_str_set(&allow, "GET, HEAD");
        }

        if (ngx_http_sio_set_header(r, "Allow", &allow) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_sio_api_error(api, NGX_HTTP_NOT_ALLOWED,
                                      "method_not_allowed", &text);
    }

    if (api->unknown.len) {
        ngx_str_set(&text, "an unknown parameter in the query");
        return ngx_http_sio_api_error(api, NGX_HTTP_BAD_REQUEST,
                                      "invalid_query", &text);
    }

    if (ngx_http_sio_api_utf8(api) != NGX_OK
        || sio_utf8_valid(path->data, path->len) != SIO_OK)
    {
        ngx_str_set(&text, "the URL is not valid UTF-8");
        return ngx_http_sio_api_error(api, NGX_HTTP_BAD_REQUEST,
                                      "invalid_query", &text);
    }

    if (post) {

        if (path->len) {
            api->event.data = path->data + 5;
            api->event.len = path->len - 5;
        }

        return ngx_http_sio_api_post(api);
    }

    if (path->data[0] == 's') {
        return ngx_http_sio_api_sockets(api);
    }

    if (path->len == 5) {
        return ngx_http_sio_api_rooms(api);
    }

    path->data += 6;
    path->len -= 6;

    return ngx_http_sio_api_room(api, path);
}


static ngx_int_t
ngx_http_sio_api_post(ngx_http_sio_api_ctx_t *api)
{
    size_t               len;
    ngx_int_t            rc;
    ngx_str_t            text, *type;
    ngx_http_request_t  *r;

    static ngx_str_t  json = ngx_string("application/json");

    r = api->request;

    /* a page of another origin cannot send this type unasked: Fetch, CORS */

    type = r->headers_in.content_type ? &r->headers_in.content_type->value
                                      : NULL;
    len = json.len;

    if (type == NULL || type->len < len
        || ngx_strncasecmp(type->data, json.data, len) != 0
        || (type->len > len && type->data[len] != ';'
            && type->data[len] != ' '))
    {
        ngx_str_set(&text, "the body must be application/json");
        return ngx_http_sio_api_error(api, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                      "unsupported_media_type", &text);
    }

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_sio_api_body);

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}


static void
ngx_http_sio_api_body(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_str_t                body;
    ngx_http_sio_api_ctx_t  *api;

    api = (ngx_http_sio_api_ctx_t *)
              ngx_http_get_module_ctx(r, ngx_http_sio_module);

    rc = ngx_http_sio_api_read(r, &body);

    if (rc != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    /* a reload may have taken the worker's place in the zone meanwhile */

    if (api->call.server->worker == NULL) {
        ngx_http_finalize_request(r, ngx_http_sio_api_busy(api));
        return;
    }

    rc = api->event.data ? ngx_http_sio_api_emit(api, &body)
                         : ngx_http_sio_api_orders(api, &body);

    ngx_http_finalize_request(r, rc);
}


/* in one piece, and writable */

static ngx_int_t
ngx_http_sio_api_read(ngx_http_request_t *r, ngx_str_t *body)
{
    size_t        n;
    off_t         len;
    u_char       *p;
    ssize_t       size;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    len = 0;

    if (r->request_body == NULL) {
        ngx_str_null(body);
        return NGX_OK;
    }

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        len += ngx_buf_size(cl->buf);
    }

    p = ngx_palloc(r->pool, len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    body->data = p;
    body->len = len;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {

        b = cl->buf;

        if (b->in_file) {
            n = b->file_last - b->file_pos;

            size = ngx_read_file(b->file, p, n, b->file_pos);

            if (size == NGX_ERROR || (size_t) size != n) {
                return NGX_ERROR;
            }

        } else {
            n = b->last - b->pos;

            if (n) {
                ngx_memcpy(p, b->pos, n);
            }
        }

        p += n;
    }

    return NGX_OK;
}


/* all of them are right, or none is carried out */

static ngx_int_t
ngx_http_sio_api_orders(ngx_http_sio_api_ctx_t *api, ngx_str_t *body)
{
    u_char           *p;
    ngx_int_t         rc;
    ngx_str_t         text, json;
    ngx_uint_t        i, n, count, list;
    ngx_sio_order_t  *orders;

    rc = ngx_sio_orders_read(&api->call, body, &orders, &n, &text);

    if (rc == NGX_DECLINED) {
        return ngx_http_sio_api_error(api, NGX_HTTP_BAD_REQUEST,
                                      "invalid_action", &text);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* valid JSON by now: "[" or "{" comes first */

    for (p = body->data; *p != '[' && *p != '{'; p++) { /* void */ }

    list = (*p == '[');

    p = ngx_pnalloc(api->request->pool,
                    n * (sizeof("{\"receivers\":},") - 1 + NGX_INT_T_LEN)
                    + 2);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    json.data = p;

    if (list) {
        *p++ = '[';
    }

    for (i = 0; i < n; i++) {

        orders[i].out.where.counted = 1;

        rc = ngx_sio_order_run(&api->call, &orders[i], &count);

        if (rc != NGX_OK && rc != NGX_DONE) {

            text.data = ngx_pnalloc(api->request->pool, 128);
            if (text.data == NULL) {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }

            text.len = ngx_sprintf(text.data, "[%ui] %s, those before it are "
                                   "done", i,
                                   rc == NGX_DECLINED
                                   ? "a room is full, or a socket is in too "
                                     "many"
                                   : "the zone is full")
                       - text.data;

            return rc == NGX_DECLINED
                   ? ngx_http_sio_api_error(api, NGX_HTTP_CONFLICT, "refused",
                                            &text)
                   : ngx_http_sio_api_error(api,
                                            NGX_HTTP_SERVICE_UNAVAILABLE,
                                            "zone_full", &text);
        }

        p = ngx_sprintf(p, "%s{\"%s\":%ui}", i ? "," : "",
                        orders[i].type == NGX_SIO_ORDER_EMIT ? "receivers"
                                                             : "sockets",
                        count);
    }

    if (list) {
        *p++ = ']';
    }

    json.len = p - json.data;

    return ngx_http_sio_api_send(api, &json);
}


/* the same as an order, which then is checked as any other */

static ngx_int_t
ngx_http_sio_api_emit(ngx_http_sio_api_ctx_t *api, ngx_str_t *body)
{
    u_char           *p;
    size_t            len;
    ngx_str_t         order, text;
    sio_json_info_t   info;

    if (sio_json_parse(body->data, body->len, SIO_JSON_MAX_DEPTH, &info, NULL,
                       0)
        != SIO_OK)
    {
        ngx_str_set(&text, "the body is not valid JSON");
        return ngx_http_sio_api_error(api, NGX_HTTP_BAD_REQUEST,
                                      "invalid_action", &text);
    }

    len = sizeof("{\"emit\":,\"args\":[],\"all\":true,\"volatile\":true,"
                 "\"nsp\":}") - 1
          + sio_json_string_len(api->event.data, api->event.len)
          + info.value.len
          + sio_json_string_len(api->nsp.data, api->nsp.len)
          + ngx_http_sio_api_names(NULL, "to", &api->to)
          + ngx_http_sio_api_names(NULL, "except", &api->except);

    p = ngx_pnalloc(api->request->pool, len);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    order.data = p;

    p = ngx_cpymem(p, "{\"emit\":", sizeof("{\"emit\":") - 1);
    p += sio_json_string_write(p, api->event.data, api->event.len);
    p = ngx_cpymem(p, ",\"args\":[", sizeof(",\"args\":[") - 1);
    p = ngx_cpymem(p, info.value.data, info.value.len);
    *p++ = ']';

    p += ngx_http_sio_api_names(p, "to", &api->to);
    p += ngx_http_sio_api_names(p, "except", &api->except);

    if (api->all) {
        p = ngx_cpymem(p, ",\"all\":true", sizeof(",\"all\":true") - 1);
    }

    if (api->is_volatile) {
        p = ngx_cpymem(p, ",\"volatile\":true",
                       sizeof(",\"volatile\":true") - 1);
    }

    p = ngx_cpymem(p, ",\"nsp\":", sizeof(",\"nsp\":") - 1);
    p += sio_json_string_write(p, api->nsp.data, api->nsp.len);
    *p++ = '}';

    order.len = p - order.data;

    return ngx_http_sio_api_orders(api, &order);
}


/* ,"to":["a","b"]; p NULL: only counts.  Nothing for an empty list */

static size_t
ngx_http_sio_api_names(u_char *p, const char *key, ngx_array_t *names)
{
    size_t       len;
    u_char      *start;
    ngx_str_t   *name;
    ngx_uint_t   i;

    if (names->nelts == 0) {
        return 0;
    }

    name = names->elts;

    if (p == NULL) {

        len = sizeof(",\"\":[]") - 1 + ngx_strlen(key) + names->nelts;

        for (i = 0; i < names->nelts; i++) {
            len += sio_json_string_len(name[i].data, name[i].len);
        }

        return len;
    }

    start = p;
    p = ngx_sprintf(p, ",\"%s\":[", key);

    for (i = 0; i < names->nelts; i++) {

        if (i) {
            *p++ = ',';
        }

        p += sio_json_string_write(p, name[i].data, name[i].len);
    }

    *p++ = ']';

    return p - start;
}


ngx_int_t
ngx_http_sio_api_error(ngx_http_sio_api_ctx_t *api, ngx_uint_t status,
    const char *code, const ngx_str_t *message)
{
    u_char     *p;
    size_t      len;
    ngx_str_t   json;

    static ngx_str_t  type = ngx_string("application/json");

    len = sizeof("{\"error\":{\"code\":\"\",\"message\":}}") - 1
          + ngx_strlen(code)
          + sio_json_string_len(message->data, message->len);

    p = ngx_pnalloc(api->request->pool, len);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    json.data = p;

    p = ngx_sprintf(p, "{\"error\":{\"code\":\"%s\",\"message\":", code);
    p += sio_json_string_write(p, message->data, message->len);
    *p++ = '}';
    *p++ = '}';

    json.len = p - json.data;

    ngx_log_error(NGX_LOG_INFO, api->request->connection->log, 0,
                  "sio api: %ui, %V", status, message);

    return ngx_http_sio_send(api->request, status, &type, &json);
}


ngx_int_t
ngx_http_sio_api_busy(ngx_http_sio_api_ctx_t *api)
{
    ngx_str_t  text;

    ngx_str_set(&text, "this worker has no part in the zone now");

    return ngx_http_sio_api_error(api, NGX_HTTP_SERVICE_UNAVAILABLE, "busy",
                                  &text);
}


ngx_int_t
ngx_http_sio_api_send(ngx_http_sio_api_ctx_t *api, ngx_str_t *json)
{
    static ngx_str_t  type = ngx_string("application/json");

    return ngx_http_sio_send(api->request, NGX_HTTP_OK, &type, json);
}
