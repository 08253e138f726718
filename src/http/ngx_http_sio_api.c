
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The API's requests: who may, which one it is, and orders that were posted.
 *
 *     POST .../              orders, one, an array of them, or one a line
 *     POST .../emit/EVENT    any JSON, the event's only argument
 *     GET  .../sockets       ?room= &nsp= &limit= &cursor=
 *     GET  .../rooms         ?nsp= &limit= &cursor=
 *     GET  .../rooms/NAME    ?nsp=
 */


#include "ngx_http_sio_api.h"
#include "../wire/sio_utf8.h"


#define NGX_HTTP_SIO_API_NAME_MAX  64


/* the query's parameters: a bit of each */

#define NGX_HTTP_SIO_API_TO        0x001
#define NGX_HTTP_SIO_API_EXCEPT    0x002
#define NGX_HTTP_SIO_API_ROOM      0x004
#define NGX_HTTP_SIO_API_NSP       0x008
#define NGX_HTTP_SIO_API_CURSOR    0x010
#define NGX_HTTP_SIO_API_LIMIT     0x020
#define NGX_HTTP_SIO_API_TIMEOUT   0x040

typedef enum {
    NGX_HTTP_SIO_API_LIST,
    NGX_HTTP_SIO_API_ONE,
    NGX_HTTP_SIO_API_FLAG
} ngx_http_sio_api_kind_e;

typedef struct {
    ngx_str_t                  name;
    ngx_uint_t                 bit;
    ngx_http_sio_api_kind_e    kind;
    size_t                     offset;      /* of an array or a string */
} ngx_http_sio_api_param_t;

typedef struct {
    ngx_str_t                  path;        /* "/" at its end: a name follows */
    ngx_uint_t                 methods;
    ngx_uint_t                 params;
    ngx_int_t                (*handler)(ngx_http_sio_api_ctx_t *api);
} ngx_http_sio_api_route_t;


static ngx_int_t ngx_http_sio_api_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_sio_api_authorized(ngx_http_request_t *r,
    ngx_array_t *keys);
static ngx_int_t ngx_http_sio_api_route(ngx_http_sio_api_ctx_t *api,
    ngx_str_t *path);
static ngx_int_t ngx_http_sio_api_arg(void *data, ngx_str_t *name,
    ngx_str_t *value);
static ngx_int_t ngx_http_sio_api_wrong(ngx_http_sio_api_ctx_t *api,
    const ngx_str_t *name, const char *why);
static ngx_uint_t ngx_http_sio_api_guarded(ngx_conf_t *cf,
    ngx_http_sio_api_t *api);


#define ngx_http_sio_api_field(name)  offsetof(ngx_http_sio_api_ctx_t, name)

static const ngx_http_sio_api_param_t  ngx_http_sio_api_params[] = {

    { ngx_string("to"), NGX_HTTP_SIO_API_TO, NGX_HTTP_SIO_API_LIST,
      ngx_http_sio_api_field(to) },

    { ngx_string("in"), NGX_HTTP_SIO_API_TO, NGX_HTTP_SIO_API_LIST,
      ngx_http_sio_api_field(to) },

    { ngx_string("room"), NGX_HTTP_SIO_API_ROOM, NGX_HTTP_SIO_API_LIST,
      ngx_http_sio_api_field(to) },

    { ngx_string("except"), NGX_HTTP_SIO_API_EXCEPT, NGX_HTTP_SIO_API_LIST,
      ngx_http_sio_api_field(except) },

    { ngx_string("nsp"), NGX_HTTP_SIO_API_NSP, NGX_HTTP_SIO_API_ONE,
      ngx_http_sio_api_field(nsp) },

    { ngx_string("cursor"), NGX_HTTP_SIO_API_CURSOR, NGX_HTTP_SIO_API_ONE,
      ngx_http_sio_api_field(cursor) },

    { ngx_string("limit"), NGX_HTTP_SIO_API_LIMIT, NGX_HTTP_SIO_API_ONE,
      ngx_http_sio_api_field(limit) },

    { ngx_string("timeout"), NGX_HTTP_SIO_API_TIMEOUT, NGX_HTTP_SIO_API_ONE,
      ngx_http_sio_api_field(timeout) },

    { ngx_string("all"), NGX_HTTP_SIO_API_ALL, NGX_HTTP_SIO_API_FLAG, 0 },

    { ngx_string("volatile"), NGX_HTTP_SIO_API_VOLATILE,
      NGX_HTTP_SIO_API_FLAG, 0 },

    { ngx_string("compress"), NGX_HTTP_SIO_API_COMPRESS,
      NGX_HTTP_SIO_API_FLAG, 0 },

    { ngx_string("ack"), NGX_HTTP_SIO_API_ACK, NGX_HTTP_SIO_API_FLAG, 0 },

    { ngx_null_string, 0, 0, 0 }
};


static const ngx_http_sio_api_route_t  ngx_http_sio_api_routes[] = {

    { ngx_string(""), NGX_HTTP_POST, 0, ngx_http_sio_api_post },

    { ngx_string("emit/"), NGX_HTTP_POST,
      NGX_HTTP_SIO_API_TO|NGX_HTTP_SIO_API_EXCEPT|NGX_HTTP_SIO_API_NSP
      |NGX_HTTP_SIO_API_TIMEOUT|NGX_HTTP_SIO_API_FLAGS,
      ngx_http_sio_api_post },

    { ngx_string("sockets"), NGX_HTTP_GET|NGX_HTTP_HEAD,
      NGX_HTTP_SIO_API_ROOM|NGX_HTTP_SIO_API_EXCEPT|NGX_HTTP_SIO_API_NSP
      |NGX_HTTP_SIO_API_CURSOR|NGX_HTTP_SIO_API_LIMIT,
      ngx_http_sio_api_sockets },

    { ngx_string("rooms"), NGX_HTTP_GET|NGX_HTTP_HEAD,
      NGX_HTTP_SIO_API_NSP|NGX_HTTP_SIO_API_CURSOR|NGX_HTTP_SIO_API_LIMIT,
      ngx_http_sio_api_rooms },

    { ngx_string("rooms/"), NGX_HTTP_GET|NGX_HTTP_HEAD,
      NGX_HTTP_SIO_API_NSP, ngx_http_sio_api_room },

    { ngx_null_string, 0, 0, NULL }
};


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
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    call = &api->call;

    call->type = NGX_SIO_CALL_API;
    call->server = &slcf->api->zone->server;
    call->worker = call->server->worker;
    call->pool = r->pool;

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

    ngx_str_t                       *s;
    ngx_array_t                     *list;
    const ngx_http_sio_api_param_t  *param;

    for (param = ngx_http_sio_api_params; param->name.len; param++) {

        if (param->name.len == name->len
            && ngx_strncmp(param->name.data, name->data, name->len) == 0)
        {
            break;
        }
    }

    if (param->name.len == 0 || !(api->may & param->bit)) {

        /* a mistyped "to" must not go unnoticed */

        return ngx_http_sio_api_wrong(api, name, "has no meaning here");
    }

    s = (ngx_str_t *) ((u_char *) api + param->offset);

    if (param->kind == NGX_HTTP_SIO_API_LIST) {

        list = (ngx_array_t *) s;

        s = ngx_array_push(list);
        if (s == NULL) {
            return NGX_ERROR;
        }

    } else if (api->given & param->bit) {
        return ngx_http_sio_api_wrong(api, name, "is given twice");
    }

    api->given |= param->bit;

    if (param->kind == NGX_HTTP_SIO_API_FLAG) {

        if (value->len != 1 || (*value->data != '0' && *value->data != '1')) {
            return ngx_http_sio_api_wrong(api, name, "must be 0 or 1");
        }

        if (*value->data == '1') {
            api->flags |= param->bit;
        }

        return NGX_OK;
    }

    if (sio_utf8_valid(value->data, value->len) != SIO_OK) {
        return ngx_http_sio_api_wrong(api, name, "is not valid UTF-8");
    }

    *s = *value;

    return NGX_OK;
}


/* NGX_DECLINED, or NGX_ERROR; a name that we do not know is any bytes */

static ngx_int_t
ngx_http_sio_api_wrong(ngx_http_sio_api_ctx_t *api, const ngx_str_t *name,
    const char *why)
{
    u_char      *p;
    ngx_uint_t   i;

    p = ngx_pnalloc(api->request->pool,
                    NGX_HTTP_SIO_API_NAME_MAX + 1 + ngx_strlen(why));
    if (p == NULL) {
        return NGX_ERROR;
    }

    api->wrong.data = p;

    for (i = 0; i < name->len && i < NGX_HTTP_SIO_API_NAME_MAX; i++) {
        *p++ = (name->data[i] > 0x20 && name->data[i] < 0x7f) ? name->data[i]
                                                              : '?';
    }

    *p++ = ' ';
    p = ngx_cpymem(p, why, ngx_strlen(why));

    api->wrong.len = p - api->wrong.data;

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_sio_api_route(ngx_http_sio_api_ctx_t *api, ngx_str_t *path)
{
    ngx_int_t                        rc;
    ngx_str_t                        text, *allow;
    ngx_http_request_t              *r;
    const ngx_http_sio_api_route_t  *route;

    static ngx_str_t  post = ngx_string("POST");
    static ngx_str_t  get = ngx_string("GET, HEAD");

    r = api->request;

    for (route = ngx_http_sio_api_routes; route->handler; route++) {

        if (path->len < route->path.len
            || ngx_strncmp(path->data, route->path.data, route->path.len) != 0)
        {
            continue;
        }

        /* a name follows, or nothing */

        if (route->path.len && route->path.data[route->path.len - 1] == '/'
            ? path->len > route->path.len
            : path->len == route->path.len)
        {
            break;
        }
    }

    if (route->handler == NULL) {
        ngx_str_set(&text, "no such resource");
        return ngx_http_sio_api_error(api, NGX_HTTP_NOT_FOUND, "not_found",
                                      &text);
    }

    if (!(r->method & route->methods)) {

        ngx_str_set(&text, "the method does not fit the resource");

        allow = (route->methods & NGX_HTTP_POST) ? &post : &get;

        if (ngx_http_sio_set_header(r, "Allow", allow) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_sio_api_error(api, NGX_HTTP_NOT_ALLOWED,
                                      "method_not_allowed", &text);
    }

    api->may = route->params;
    api->name.data = path->data + route->path.len;
    api->name.len = path->len - route->path.len;

    rc = (sio_utf8_valid(path->data, path->len) == SIO_OK)
         ? ngx_http_sio_args(r->pool, &r->args, ngx_http_sio_api_arg, api)
         : NGX_DECLINED;

    if (rc == NGX_DECLINED) {

        if (api->wrong.len == 0) {
            ngx_str_set(&api->wrong, "the URL is not valid UTF-8");
        }

        return ngx_http_sio_api_error(api, NGX_HTTP_BAD_REQUEST,
                                      "invalid_query", &api->wrong);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (api->nsp.len == 0) {
        ngx_str_set(&api->nsp, "/");
    }

    api->call.nsp = api->nsp;

    if (api->call.worker == NULL) {
        return ngx_http_sio_api_busy(api);
    }

    return route->handler(api);
}


ngx_int_t
ngx_http_sio_api_error(ngx_http_sio_api_ctx_t *api, ngx_uint_t status,
    const char *code, const ngx_str_t *message)
{
    return ngx_http_sio_api_error_at(api, status, code, message, 0, 0);
}


ngx_int_t
ngx_http_sio_api_error_at(ngx_http_sio_api_ctx_t *api, ngx_uint_t status,
    const char *code, const ngx_str_t *message, ngx_uint_t line,
    ngx_uint_t done)
{
    u_char     *p;
    size_t      len;
    ngx_str_t   json;

    static ngx_str_t  type = ngx_string("application/json");

    len = sizeof("{\"error\":{\"code\":\"\",\"message\":,\"line\":,\"done\":}}")
          - 1 + 2 * NGX_INT_T_LEN + ngx_strlen(code)
          + sio_json_string_len(message->data, message->len);

    p = ngx_pnalloc(api->request->pool, len);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    json.data = p;

    p = ngx_sprintf(p, "{\"error\":{\"code\":\"%s\",\"message\":", code);
    p += sio_json_string_write(p, message->data, message->len);

    if (line) {
        p = ngx_sprintf(p, ",\"line\":%ui,\"done\":%ui", line, done);
    }

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
