
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What rules remember of the first request, $sio_sid and $sio_zone_counters.
 */


#include "ngx_http_sio_module.h"
#include "ngx_http_sio_hook.h"
#include "ngx_http_sio_jwt.h"


#define NGX_HTTP_SIO_MAX_PARAMS  256


typedef struct {
    ngx_str_t                 name;
    ngx_str_t                 value;
} ngx_http_sio_pair_t;


/* JSON in the making */

typedef struct {
    ngx_pool_t               *pool;
    u_char                   *data;
    size_t                    len;
    size_t                    size;
    unsigned                  failed:1;     /* no memory */
    unsigned                  comma:1;
} ngx_http_sio_json_t;


static ngx_int_t ngx_http_sio_capture_variable(ngx_http_request_t *r,
    ngx_str_t *name, ngx_http_sio_pair_t *pair);
static ngx_int_t ngx_http_sio_capture_query(ngx_http_request_t *r,
    ngx_str_t *json);
static ngx_int_t ngx_http_sio_query_pair(void *data, ngx_str_t *name,
    ngx_str_t *value);
static ngx_int_t ngx_http_sio_capture_handshake(ngx_http_request_t *r,
    ngx_str_t *query, ngx_str_t *json);
static void ngx_http_sio_handshake_headers(ngx_http_request_t *r,
    ngx_http_sio_json_t *j);
static ngx_uint_t ngx_http_sio_header_repeats(ngx_array_t *headers,
    ngx_table_elt_t *h);
static void ngx_http_sio_json_raw(ngx_http_sio_json_t *j, const char *p,
    size_t len);
static void ngx_http_sio_json_string(ngx_http_sio_json_t *j, ngx_str_t *s);
static void ngx_http_sio_json_member(ngx_http_sio_json_t *j, ngx_str_t *name,
    ngx_str_t *value);
static ngx_int_t ngx_http_sio_sid_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_sio_sid_arg(void *data, ngx_str_t *name,
    ngx_str_t *value);
static ngx_int_t ngx_http_sio_counters_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


#define ngx_http_sio_json_text(j, text)                                       \
    ngx_http_sio_json_raw(j, text, sizeof(text) - 1)


static ngx_http_variable_t  ngx_http_sio_vars[] = {

    { ngx_string("sio_sid"), NULL, ngx_http_sio_sid_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("sio_zone_counters"), NULL, ngx_http_sio_counters_variable, 0,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


/* by ngx_sio_refused_e */

static ngx_str_t  ngx_http_sio_refused[NGX_SIO_NREFUSED] = {
    ngx_string("sessions"),
    ngx_string("handshakes"),
    ngx_string("namespaces"),
    ngx_string("rooms"),
    ngx_string("data"),
    ngx_string("acks"),
    ngx_string("queues"),
    ngx_string("inboxes"),
    ngx_string("buffers"),
    ngx_string("messages"),
    ngx_string("packets"),
    ngx_string("users"),
    ngx_string("allow"),
    ngx_string("events"),
    ngx_string("event_nacks"),
    ngx_string("event_closes"),
    ngx_string("event_dry_runs"),
    ngx_string("tokens")
};


/* by ngx_sio_hook_e */

static ngx_str_t  ngx_http_sio_hooks[NGX_SIO_NHOOK] = {
    ngx_string("hooks"),
    ngx_string("hooks_busy"),
    ngx_string("hooks_timeout"),
    ngx_string("hooks_failed"),
    ngx_string("hooks_invalid"),
    ngx_string("hooks_refused"),
    ngx_string("hooks_lost")
};


ngx_int_t
ngx_http_sio_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_sio_vars; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return ngx_http_sio_hook_add_variables(cf);
}


ngx_int_t
ngx_http_sio_capture(ngx_http_request_t *r, ngx_http_sio_loc_conf_t *conf,
    ngx_str_t *info)
{
    size_t                len;
    u_char               *p;
    ngx_str_t             query;
    ngx_uint_t            i, n;
    ngx_sio_rules_t      *rules;
    ngx_sio_capture_t    *captures;
    ngx_http_sio_pair_t  *pairs;

    ngx_str_null(info);

    rules = conf->zone->server.rules;

    if (rules == NULL) {
        return NGX_OK;
    }

    n = rules->captures.nelts;
    captures = rules->captures.elts;

    pairs = ngx_pcalloc(r->pool, (n + 2 + rules->tokens.nelts)
                                 * sizeof(ngx_http_sio_pair_t));
    if (pairs == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        if (ngx_http_sio_capture_variable(r, &captures[i].name, &pairs[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (rules->needs_query || rules->needs_handshake) {

        if (ngx_http_sio_capture_query(r, &query) != NGX_OK) {
            return NGX_ERROR;
        }

        if (rules->needs_query) {
            ngx_str_set(&pairs[n].name, ".query");
            pairs[n++].value = query;
        }

        if (rules->needs_handshake) {
            ngx_str_set(&pairs[n].name, ".handshake");

            if (ngx_http_sio_capture_handshake(r, &query, &pairs[n++].value)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    for (i = 0; i < rules->tokens.nelts; i++, n++) {

        if (ngx_http_sio_jwt_capture(r, rules, i, &pairs[n].name,
                                     &pairs[n].value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        /* enough to see that it is too long */

        pairs[n].value.len = ngx_min(pairs[n].value.len,
                                     conf->zone->server.max_token + 1);
    }

    len = 0;

    for (i = 0; i < n; i++) {
        len += ngx_sio_info_write(NULL, &pairs[i].name,
                                  pairs[i].value.data ? &pairs[i].value
                                                      : NULL);
    }

    if (len == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    info->data = p;
    info->len = len;

    for (i = 0; i < n; i++) {
        p += ngx_sio_info_write(p, &pairs[i].name,
                                pairs[i].value.data ? &pairs[i].value : NULL);
    }

    return NGX_OK;
}


/* a missing one has no data */

static ngx_int_t
ngx_http_sio_capture_variable(ngx_http_request_t *r, ngx_str_t *name,
    ngx_http_sio_pair_t *pair)
{
    size_t                      len;
    u_char                     *p;
    ngx_uint_t                  key;
    ngx_http_variable_value_t  *vv;

    pair->name = *name;

    p = ngx_pnalloc(r->pool, name->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    key = ngx_hash_strlow(p, name->data, name->len);

    vv = ngx_http_get_variable(r, name, key);
    if (vv == NULL) {
        return NGX_ERROR;
    }

    if (vv->not_found) {
        return NGX_OK;
    }

    /* it becomes a JSON string some day */

    len = vv->len;

    pair->value.data = vv->len ? vv->data : (u_char *) "";
    pair->value.len = len;

    if (sio_utf8_valid(pair->value.data, len) == SIO_OK) {
        return NGX_OK;
    }

    pair->value.len = sio_utf8_repair(NULL, vv->data, len);

    pair->value.data = ngx_pnalloc(r->pool, pair->value.len);
    if (pair->value.data == NULL) {
        return NGX_ERROR;
    }

    (void) sio_utf8_repair(pair->value.data, vv->data, len);

    return NGX_OK;
}


/* an object, as URLSearchParams make it: the last one of a name counts, at
   the first one's place */

static ngx_int_t
ngx_http_sio_capture_query(ngx_http_request_t *r, ngx_str_t *json)
{
    ngx_uint_t            i;
    ngx_array_t           pairs;
    ngx_http_sio_json_t   j;
    ngx_http_sio_pair_t  *pair;

    if (ngx_array_init(&pairs, r->pool, 8, sizeof(ngx_http_sio_pair_t))
        != NGX_OK
        || ngx_http_sio_args(r->pool, &r->args, ngx_http_sio_query_pair,
                             &pairs)
           == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    ngx_memzero(&j, sizeof(ngx_http_sio_json_t));
    j.pool = r->pool;

    ngx_http_sio_json_text(&j, "{");

    pair = pairs.elts;

    for (i = 0; i < pairs.nelts; i++) {
        ngx_http_sio_json_member(&j, &pair[i].name, &pair[i].value);
    }

    ngx_http_sio_json_text(&j, "}");

    json->data = j.data;
    json->len = j.len;

    return j.failed ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_http_sio_query_pair(void *data, ngx_str_t *name, ngx_str_t *value)
{
    ngx_array_t *pairs = data;

    ngx_uint_t            i;
    ngx_http_sio_pair_t  *pair;

    pair = pairs->elts;

    for (i = 0; i < pairs->nelts; i++) {
        if (pair[i].name.len == name->len
            && ngx_memcmp(pair[i].name.data, name->data, name->len) == 0)
        {
            pair[i].value = *value;
            return NGX_OK;
        }
    }

    if (pairs->nelts == NGX_HTTP_SIO_MAX_PARAMS) {
        /* the walk above is what is bounded */
        return NGX_DONE;
    }

    pair = ngx_array_push(pairs);
    if (pair == NULL) {
        return NGX_ERROR;
    }

    pair->name = *name;
    pair->value = *value;

    return NGX_OK;
}


/* socket.handshake of Socket.IO, without "auth" */

static ngx_int_t
ngx_http_sio_capture_handshake(ngx_http_request_t *r, ngx_str_t *query,
    ngx_str_t *json)
{
    u_char                buf[NGX_INT64_LEN + sizeof("Fri Nov 20 2026 00:00:00"
                              " GMT+0000 (Coordinated Universal Time)")];
    u_char               *p;
    ngx_tm_t              tm;
    ngx_str_t             s;
    ngx_time_t           *tp;
    ngx_http_sio_json_t   j;

    static char  *week[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
    static char  *months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

    ngx_memzero(&j, sizeof(ngx_http_sio_json_t));
    j.pool = r->pool;

    tp = ngx_timeofday();
    ngx_gmtime(tp->sec, &tm);

    ngx_http_sio_json_text(&j, "{\"headers\":{");
    ngx_http_sio_handshake_headers(r, &j);
    ngx_http_sio_json_text(&j, "},\"time\":");

    p = ngx_sprintf(buf, "%s %s %02d %04d %02d:%02d:%02d GMT+0000 "
                    "(Coordinated Universal Time)",
                    week[tm.ngx_tm_wday], months[tm.ngx_tm_mon - 1],
                    tm.ngx_tm_mday, tm.ngx_tm_year, tm.ngx_tm_hour,
                    tm.ngx_tm_min, tm.ngx_tm_sec);

    s.data = buf;
    s.len = p - buf;

    ngx_http_sio_json_string(&j, &s);

    ngx_http_sio_json_text(&j, ",\"address\":");
    ngx_http_sio_json_string(&j, &r->connection->addr_text);

    if (ngx_http_sio_get_header(r, "origin")) {
        ngx_http_sio_json_text(&j, ",\"xdomain\":true");

    } else {
        ngx_http_sio_json_text(&j, ",\"xdomain\":false");
    }

#if (NGX_HTTP_SSL)
    if (r->connection->ssl) {
        ngx_http_sio_json_text(&j, ",\"secure\":true");

    } else
#endif
    {
        ngx_http_sio_json_text(&j, ",\"secure\":false");
    }

    p = ngx_sprintf(buf, ",\"issued\":%uL",
                    (uint64_t) tp->sec * 1000 + tp->msec);
    ngx_http_sio_json_raw(&j, (char *) buf, p - buf);

    ngx_http_sio_json_text(&j, ",\"url\":");
    ngx_http_sio_json_string(&j, &r->unparsed_uri);

    ngx_http_sio_json_text(&j, ",\"query\":");
    ngx_http_sio_json_raw(&j, (char *) query->data, query->len);
    ngx_http_sio_json_text(&j, "}");

    json->data = j.data;
    json->len = j.len;

    return j.failed ? NGX_ERROR : NGX_OK;
}


/* as Node joins what is repeated; names are in lower case */

static void
ngx_http_sio_handshake_headers(ngx_http_request_t *r, ngx_http_sio_json_t *j)
{
    u_char            *p;
    ngx_str_t          name, value;
    ngx_uint_t         i, k;
    ngx_array_t        headers;
    ngx_list_part_t   *part;
    ngx_table_elt_t   *h, **elts, **elt;
    ngx_uint_t         cookie;

    if (ngx_array_init(&headers, r->pool, 16, sizeof(ngx_table_elt_t *))
        != NGX_OK)
    {
        j->failed = 1;
        return;
    }

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            elt = ngx_array_push(&headers);

            if (elt == NULL) {
                j->failed = 1;
                return;
            }

            *elt = &h[i];
        }
    }

    elts = headers.elts;

    for (i = 0; i < headers.nelts; i++) {

        name.data = elts[i]->lowcase_key;
        name.len = elts[i]->key.len;
        value = elts[i]->value;

        for (k = 0; k < i; k++) {
            if (elts[k]->key.len == name.len
                && ngx_memcmp(elts[k]->lowcase_key, name.data, name.len) == 0)
            {
                break;
            }
        }

        if (k < i) {
            /* stands with the first one */
            continue;
        }

        if (!ngx_http_sio_header_repeats(&headers, elts[i])) {
            ngx_http_sio_json_member(j, &name, &value);
            continue;
        }

        cookie = (name.len == 6 && ngx_memcmp(name.data, "cookie", 6) == 0);
        value.len = 0;

        for (k = i; k < headers.nelts; k++) {
            value.len += elts[k]->value.len + 2;
        }

        value.data = ngx_pnalloc(r->pool, value.len);
        if (value.data == NULL) {
            j->failed = 1;
            return;
        }

        p = value.data;

        for (k = i; k < headers.nelts; k++) {

            if (elts[k]->key.len != name.len
                || ngx_memcmp(elts[k]->lowcase_key, name.data, name.len) != 0)
            {
                continue;
            }

            if (k != i) {
                *p++ = cookie ? ';' : ',';
                *p++ = ' ';
            }

            p = ngx_cpymem(p, elts[k]->value.data, elts[k]->value.len);
        }

        value.len = p - value.data;

        ngx_http_sio_json_member(j, &name, &value);
    }
}


/* is that header there more than once, and one that Node joins */

static ngx_uint_t
ngx_http_sio_header_repeats(ngx_array_t *headers, ngx_table_elt_t *h)
{
    ngx_uint_t         i, n;
    const char       **s;
    ngx_table_elt_t  **elts;

    static const char  *first[] = {
        "age", "authorization", "content-length", "content-type", "etag",
        "expires", "from", "host", "if-modified-since", "if-unmodified-since",
        "last-modified", "location", "max-forwards", "proxy-authorization",
        "referer", "retry-after", "server", "user-agent", NULL
    };

    for (s = first; *s; s++) {
        if (ngx_strlen(*s) == h->key.len
            && ngx_memcmp(*s, h->lowcase_key, h->key.len) == 0)
        {
            return 0;
        }
    }

    elts = headers->elts;
    n = 0;

    for (i = 0; i < headers->nelts; i++) {
        if (elts[i]->key.len == h->key.len
            && ngx_memcmp(elts[i]->lowcase_key, h->lowcase_key, h->key.len)
               == 0)
        {
            n++;
        }
    }

    return n > 1;
}


static void
ngx_http_sio_json_raw(ngx_http_sio_json_t *j, const char *p, size_t len)
{
    size_t   size;
    u_char  *data;

    if (j->failed || len == 0) {
        return;
    }

    if (len > j->size - j->len) {

        size = ngx_max(2 * j->size, j->len + len);
        size = ngx_max(size, 512);

        data = ngx_pnalloc(j->pool, size);
        if (data == NULL) {
            j->failed = 1;
            return;
        }

        if (j->len) {
            ngx_memcpy(data, j->data, j->len);
        }

        j->data = data;
        j->size = size;
    }

    ngx_memcpy(j->data + j->len, p, len);
    j->len += len;
}


static void
ngx_http_sio_json_string(ngx_http_sio_json_t *j, ngx_str_t *s)
{
    size_t   len;
    u_char  *text, *p;

    len = sio_utf8_repair(NULL, s->data, s->len);

    text = ngx_pnalloc(j->pool, len + 1);
    if (text == NULL) {
        j->failed = 1;
        return;
    }

    (void) sio_utf8_repair(text, s->data, s->len);

    p = ngx_pnalloc(j->pool, sio_json_string_len(text, len));
    if (p == NULL) {
        j->failed = 1;
        return;
    }

    len = sio_json_string_write(p, text, len);

    ngx_http_sio_json_raw(j, (char *) p, len);
}


static void
ngx_http_sio_json_member(ngx_http_sio_json_t *j, ngx_str_t *name,
    ngx_str_t *value)
{
    if (j->comma) {
        ngx_http_sio_json_text(j, ",");
    }

    j->comma = 1;

    ngx_http_sio_json_string(j, name);
    ngx_http_sio_json_text(j, ":");
    ngx_http_sio_json_string(j, value);
}


/*
 * The session that the request names, empty for a handshake.  It is read as
 * the handler reads it: what decides who has to prove himself must not take
 * for a session's request what the handler takes for a handshake.
 */

static ngx_int_t
ngx_http_sio_sid_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t  sid;

    /* a subrequest is asked about its request */

    ngx_str_null(&sid);

    if (ngx_http_sio_args(r->pool, &r->main->args, ngx_http_sio_sid_arg, &sid)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    v->len = sid.len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->data = sid.data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_sid_arg(void *data, ngx_str_t *name, ngx_str_t *value)
{
    ngx_str_t  *sid = data;

    if (name->len == 3 && ngx_strncmp(name->data, "sid", 3) == 0) {
        *sid = *value;
    }

    return NGX_OK;
}


/* for tests: of the zone "default", else of the first */

static ngx_int_t
ngx_http_sio_counters_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                     *p;
    ngx_uint_t                  i;
    ngx_sio_server_t           *server;
    ngx_sio_counters_t          c;
    ngx_http_sio_zone_t       **zones;
    ngx_http_sio_main_conf_t   *smcf;

    v->not_found = 1;

    smcf = ngx_http_get_module_main_conf(r, ngx_http_sio_module);

    zones = smcf->zones.elts;
    server = NULL;

    for (i = 0; i < smcf->zones.nelts; i++) {
        if (i == 0 || zones[i]->unnamed) {
            server = &zones[i]->server;
        }
    }

    if (server == NULL || server->worker == NULL
        || ngx_sio_zone_counters(ngx_sio_worker_zone(server->worker), &c)
           != NGX_OK)
    {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, (18 + NGX_SIO_NREFUSED + NGX_SIO_NHOOK)
                             * (sizeof("refused_event_dry_runs= ")
                                + NGX_INT_T_LEN));
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->data = p;

    p = ngx_sprintf(p, "sessions=%ui polling=%ui handshakes=%ui "
                    "sockets=%ui namespaces=%ui "
                    "rooms=%ui memberships=%ui messages=%ui nodes=%ui "
                    "acks=%ui tokens=%ui slots=%ui ",
                    c.sessions, c.polling, c.handshakes, c.sockets,
                    c.namespaces,
                    c.rooms, c.memberships, c.messages, c.nodes,
                    c.acks, c.tokens, c.slots);

    p = ngx_sprintf(p, "pages=%ui free_pages=%ui refusals=%ui rollbacks=%ui "
                    "epoch=%ui rate_keys=%uL rate_evictions=%uL",
                    c.pages, c.free_pages, c.refusals, c.rollbacks, c.epoch,
                    c.rate_keys, c.rate_evictions);

    for (i = 0; i < NGX_SIO_NREFUSED; i++) {
        p = ngx_sprintf(p, " refused_%V=%ui", &ngx_http_sio_refused[i],
                        c.refused[i]);
    }

    for (i = 0; i < NGX_SIO_NHOOK; i++) {
        p = ngx_sprintf(p, " %V=%ui", &ngx_http_sio_hooks[i], c.hooks[i]);
    }

    v->len = p - v->data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}
