
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * sio_set: one definition per name in all of http{}; sio_limit.
 */


#include "ngx_http_sio_rule.h"


#define NGX_HTTP_SIO_MAX_INDEX  65535


typedef struct {
    ngx_str_t                  name;
    ngx_uint_t                 value;
} ngx_http_sio_word_t;


typedef struct {
    ngx_str_t                  name;
    ngx_http_sio_limit_e       limit;
    ngx_uint_t                 size;        /* 1: in bytes, 2: a time;
                                               units are allowed */
    ngx_int_t                  min;
    ngx_int_t                  max;
} ngx_http_sio_limit_t;


static ngx_int_t ngx_http_sio_set_name(ngx_conf_t *cf, ngx_str_t *src,
    ngx_str_t *name);
static ngx_int_t ngx_http_sio_set_spelling(ngx_conf_t *cf, ngx_sio_set_t *set);
static ngx_int_t ngx_http_sio_set_room(ngx_conf_t *cf,
    ngx_http_sio_rule_main_t *main, ngx_sio_set_t *set, ngx_str_t *src);
static ngx_int_t ngx_http_sio_set_pointer(ngx_conf_t *cf, ngx_sio_set_t *set,
    ngx_str_t *src);
static ngx_int_t ngx_http_sio_word(ngx_http_sio_word_t *words,
    ngx_str_t *name);
static char *ngx_http_sio_limit_one(ngx_conf_t *cf,
    ngx_http_sio_program_t *program, ngx_str_t *arg);


static ngx_http_sio_word_t  ngx_http_sio_sources[] = {
    { ngx_string("args"), NGX_SIO_SET_ARGS },
    { ngx_string("auth"), NGX_SIO_SET_AUTH },
    { ngx_string("data"), NGX_SIO_SET_DATA },
    { ngx_string("query"), NGX_SIO_SET_QUERY },
    { ngx_string("jwt"), NGX_SIO_SET_JWT },
    { ngx_string("size"), NGX_SIO_SET_SIZE },
    { ngx_string("sockets"), NGX_SIO_SET_SOCKETS },
    { ngx_null_string, 0 }
};


static ngx_http_sio_word_t  ngx_http_sio_types[] = {
    { ngx_string("string"), NGX_SIO_TYPE_STRING },
    { ngx_string("number"), NGX_SIO_TYPE_NUMBER },
    { ngx_string("boolean"), NGX_SIO_TYPE_BOOLEAN },
    { ngx_string("array"), NGX_SIO_TYPE_ARRAY },
    { ngx_string("object"), NGX_SIO_TYPE_OBJECT },
    { ngx_string("binary"), NGX_SIO_TYPE_BINARY },
    { ngx_null_string, 0 }
};


#define NGX_HTTP_SIO_MANY  0x7fffffff

static ngx_http_sio_limit_t  ngx_http_sio_limits[] = {

    { ngx_string("room_name"), NGX_HTTP_SIO_LIMIT_ROOM_NAME,
      1, 20, 8192 },

    { ngx_string("rooms"), NGX_HTTP_SIO_LIMIT_ROOMS,
      0, 1, NGX_HTTP_SIO_MANY },

    { ngx_string("namespaces"), NGX_HTTP_SIO_LIMIT_NAMESPACES,
      0, 1, NGX_HTTP_SIO_MANY },

    { ngx_string("data"), NGX_HTTP_SIO_LIMIT_DATA,
      1, 2, NGX_HTTP_SIO_MANY },

    { ngx_string("acks"), NGX_HTTP_SIO_LIMIT_ACKS,
      0, 1, NGX_HTTP_SIO_MANY },

    { ngx_string("args"), NGX_HTTP_SIO_LIMIT_ARGS,
      0, 0, NGX_HTTP_SIO_MAX_INDEX },

    { ngx_string("depth"), NGX_HTTP_SIO_LIMIT_DEPTH,
      0, 2, SIO_JSON_MAX_DEPTH },

    { ngx_string("attachments"), NGX_HTTP_SIO_LIMIT_ATTACHMENTS,
      0, 0, 65535 },

    { ngx_string("namespace_name"), NGX_HTTP_SIO_LIMIT_NAMESPACE_NAME,
      1, 1, 8192 },

    { ngx_string("queue"), NGX_HTTP_SIO_LIMIT_QUEUE,
      0, 1, NGX_HTTP_SIO_MANY },

    { ngx_string("queue_size"), NGX_HTTP_SIO_LIMIT_QUEUE_SIZE,
      1, 1024, NGX_HTTP_SIO_MANY },

    { ngx_string("inbox"), NGX_HTTP_SIO_LIMIT_INBOX,
      0, 1, NGX_HTTP_SIO_MANY },

    { ngx_string("inbox_size"), NGX_HTTP_SIO_LIMIT_INBOX_SIZE,
      1, 1024, NGX_HTTP_SIO_MANY },

    { ngx_string("buffer"), NGX_HTTP_SIO_LIMIT_BUFFER,
      1, 1024, NGX_HTTP_SIO_MANY },

    { ngx_string("packet_size"), NGX_HTTP_SIO_LIMIT_PACKET_SIZE,
      1, 1024, NGX_HTTP_SIO_MANY },

    { ngx_string("event_name"), NGX_HTTP_SIO_LIMIT_EVENT_NAME,
      1, 20, NGX_HTTP_SIO_MANY },

    { ngx_string("auth"), NGX_HTTP_SIO_LIMIT_AUTH,
      1, 2, NGX_HTTP_SIO_MANY },

    { ngx_string("user"), NGX_HTTP_SIO_LIMIT_USER,
      1, 1, 4096 },

    { ngx_string("token"), NGX_HTTP_SIO_LIMIT_TOKEN,
      1, 64, 65536 },

    { ngx_string("tokens"), NGX_HTTP_SIO_LIMIT_TOKENS,
      0, 0, NGX_HTTP_SIO_MANY },

    { ngx_string("sessions"), NGX_HTTP_SIO_LIMIT_SESSIONS,
      0, 0, NGX_HTTP_SIO_MANY },

    { ngx_string("handshakes"), NGX_HTTP_SIO_LIMIT_HANDSHAKES,
      0, 0, NGX_HTTP_SIO_MANY },

    { ngx_string("hooks"), NGX_HTTP_SIO_LIMIT_HOOKS,
      0, 1, NGX_HTTP_SIO_MANY },

    { ngx_string("hook_buffer"), NGX_HTTP_SIO_LIMIT_HOOK_BUFFER,
      1, 1, NGX_HTTP_SIO_MANY },

    { ngx_string("room_hooks"), NGX_HTTP_SIO_LIMIT_ROOM_HOOKS,
      0, 1, NGX_HTTP_SIO_MANY },

    { ngx_string("api_waiting"), NGX_HTTP_SIO_LIMIT_API_WAITING,
      0, 0, NGX_HTTP_SIO_MANY },

    { ngx_string("api_answers"), NGX_HTTP_SIO_LIMIT_API_ANSWERS,
      1, 16, NGX_HTTP_SIO_MANY },

    { ngx_string("api_timeout"), NGX_HTTP_SIO_LIMIT_API_TIMEOUT,
      2, 1, 3600000 },

    { ngx_string("api_orders"), NGX_HTTP_SIO_LIMIT_API_ORDERS,
      0, 1, NGX_HTTP_SIO_MANY },

    { ngx_string("api_line"), NGX_HTTP_SIO_LIMIT_API_LINE,
      1, 64, NGX_HTTP_SIO_MANY },

    { ngx_null_string, 0, 0, 0, 0 }
};


char *
ngx_http_sio_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_rule_main_t  *main;

    main = ngx_http_sio_rule_main(cf);
    if (main == NULL) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_sio_rule_set(cf, main);
}


char *
ngx_http_sio_rule_set(ngx_conf_t *cf, ngx_http_sio_rule_main_t *main)
{
    ngx_int_t        n;
    ngx_str_t       *value;
    ngx_sio_set_t   *set, *other, **pset;

    value = cf->args->elts;

    set = ngx_pcalloc(cf->pool, sizeof(ngx_sio_set_t));
    if (set == NULL) {
        return NGX_CONF_ERROR;
    }

    set->file = cf->conf_file->file.name.data;
    set->line = cf->conf_file->line;

    if (ngx_http_sio_set_name(cf, &value[1], &set->name) != NGX_OK
        || ngx_http_sio_set_spelling(cf, set) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    other = ngx_http_sio_rule_set_lookup(main, &set->name);

    if (other) {

        /* the same, by "include" in two servers */

        if (other->spelling.len == set->spelling.len
            && ngx_memcmp(other->spelling.data, set->spelling.data,
                          set->spelling.len)
               == 0)
        {
            return NGX_CONF_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"sio_set $%V\" is another one in %s:%ui",
                           &set->name, other->file, other->line);
        return NGX_CONF_ERROR;
    }

    if (ngx_array_init(&set->vars, cf->pool, 1, sizeof(ngx_sio_var_t *))
        != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    n = ngx_http_sio_word(ngx_http_sio_sources, &value[2]);

    if (n == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown source \"%V\": args, auth, data, jwt, "
                           "query, size and sockets are known", &value[2]);
        return NGX_CONF_ERROR;
    }

    set->source = n;

    if (cf->args->nelts < 4) {
        return set->source >= NGX_SIO_SET_SIZE ? "needs a room"
                                               : "needs a JSON pointer";
    }

    if (set->source >= NGX_SIO_SET_SIZE) {

        if (cf->args->nelts > 4) {
            return ngx_http_sio_rule_unknown(cf, &value[4]);
        }

        if (ngx_http_sio_set_room(cf, main, set, &value[3]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

        goto done;
    }

    if (ngx_http_sio_set_pointer(cf, set, &value[3]) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts > 5) {
        return ngx_http_sio_rule_unknown(cf, &value[5]);
    }

    if (cf->args->nelts == 5) {

        n = ngx_http_sio_word(ngx_http_sio_types, &value[4]);

        if (n == NGX_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown type \"%V\": string, number, boolean, "
                               "array, object and binary are known",
                               &value[4]);
            return NGX_CONF_ERROR;
        }

        set->type = n;
    }

done:

    pset = ngx_array_push(&main->sets);
    if (pset == NULL) {
        return NGX_CONF_ERROR;
    }

    *pset = set;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_sio_set_name(ngx_conf_t *cf, ngx_str_t *src, ngx_str_t *name)
{
    if (!ngx_http_sio_rule_lone(src) || src->data[1] == '{'
        || (src->data[1] >= '0' && src->data[1] <= '9'))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid variable name \"%V\"", src);
        return NGX_ERROR;
    }

    name->len = src->len - 1;
    name->data = ngx_pnalloc(cf->pool, name->len + 1);
    if (name->data == NULL) {
        return NGX_ERROR;
    }

    ngx_strlow(name->data, src->data + 1, name->len);
    name->data[name->len] = '\0';

    if (ngx_strncmp(name->data, "sio_", 4) == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the variable name \"%V\" is reserved", src);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_set_spelling(ngx_conf_t *cf, ngx_sio_set_t *set)
{
    u_char      *p;
    size_t       len;
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;
    len = 0;

    for (i = 2; i < cf->args->nelts; i++) {
        len += value[i].len + 1;
    }

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    set->spelling.data = p;
    set->spelling.len = len;

    for (i = 2; i < cf->args->nelts; i++) {
        p = ngx_cpymem(p, value[i].data, value[i].len);
        *p++ = '\0';
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_set_room(ngx_conf_t *cf, ngx_http_sio_rule_main_t *main,
    ngx_sio_set_t *set, ngx_str_t *src)
{
    ngx_http_sio_scope_t  scope;

    if (ngx_http_sio_rule_is(src, "*")) {
        return NGX_OK;
    }

    set->room = ngx_pcalloc(cf->pool, sizeof(ngx_sio_text_t));
    if (set->room == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(&scope, sizeof(ngx_http_sio_scope_t));

    scope.main = main;
    scope.set = set;

    return ngx_http_sio_rule_room(cf, &scope, src, set->room);
}


static ngx_int_t
ngx_http_sio_set_pointer(ngx_conf_t *cf, ngx_sio_set_t *set, ngx_str_t *src)
{
    u_char     *p, *last, *start;
    sio_str_t   slice;

    slice = ngx_sio_slice(src);

    if (sio_json_pointer_valid(&slice) != SIO_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid JSON pointer \"%V\"", src);
        return NGX_ERROR;
    }

    set->pointer = *src;
    set->index = -1;

    if (set->source != NGX_SIO_SET_ARGS || src->len == 0) {
        return NGX_OK;
    }

    start = src->data + 1;
    last = src->data + src->len;

    p = ngx_strlchr(start, last, '/');

    if (p == NULL) {
        p = last;
    }

    set->index = ngx_atoi(start, p - start);

    if (set->index == NGX_ERROR || set->index > NGX_HTTP_SIO_MAX_INDEX
        || (*start == '0' && p - start > 1))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the pointer \"%V\" does not begin with the index "
                           "of an argument, as in /0", src);
        return NGX_ERROR;
    }

    set->pointer.data = p;
    set->pointer.len = last - p;

    return NGX_OK;
}


ngx_sio_set_t *
ngx_http_sio_rule_set_lookup(ngx_http_sio_rule_main_t *main,
    const ngx_str_t *name)
{
    ngx_uint_t       i;
    ngx_sio_set_t  **set;

    set = main->sets.elts;

    for (i = 0; i < main->sets.nelts; i++) {

        if (set[i]->name.len == name->len
            && ngx_strncmp(set[i]->name.data, name->data, name->len) == 0)
        {
            return set[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_sio_word(ngx_http_sio_word_t *words, ngx_str_t *name)
{
    for ( /* void */ ; words->name.len; words++) {

        if (words->name.len == name->len
            && ngx_strncmp(words->name.data, name->data, name->len) == 0)
        {
            return words->value;
        }
    }

    return NGX_ERROR;
}


char *
ngx_http_sio_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                      *rv;
    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_sio_rules_t           *rules;
    ngx_http_sio_rule_main_t  *main;

    value = cf->args->elts;

    main = ngx_http_sio_rule_main(cf);
    if (main == NULL) {
        return NGX_CONF_ERROR;
    }

    rules = ngx_http_sio_rule_rules(cf, main, conf);
    if (rules == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        rv = ngx_http_sio_limit_one(cf, rules->program, &value[i]);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_sio_limit_one(ngx_conf_t *cf, ngx_http_sio_program_t *program,
    ngx_str_t *arg)
{
    ssize_t                n;
    ngx_str_t              name, value;
    ngx_http_sio_limit_t  *limit;

    if (!ngx_http_sio_rule_option(arg, &name, &value)) {
        return ngx_http_sio_rule_unknown(cf, arg);
    }

    for (limit = ngx_http_sio_limits; limit->name.len; limit++) {

        if (limit->name.len == name.len
            && ngx_strncmp(limit->name.data, name.data, name.len) == 0)
        {
            break;
        }
    }

    if (limit->name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown limit \"%V\"", arg);
        return NGX_CONF_ERROR;
    }

    if (program->limits[limit->limit] != NGX_CONF_UNSET) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate limit \"%V\"", arg);
        return NGX_CONF_ERROR;
    }

    n = (limit->size == 2) ? ngx_parse_time(&value, 0)
        : limit->size ? ngx_parse_size(&value)
                      : ngx_atoi(value.data, value.len);

    if (n == NGX_ERROR || n < limit->min || n > limit->max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid limit \"%V\": from %i to %i", arg,
                           limit->min, limit->max);
        return NGX_CONF_ERROR;
    }

    program->limits[limit->limit] = n;

    return NGX_CONF_OK;
}


void
ngx_http_sio_rules_limits(ngx_sio_rules_t *rules, ngx_sio_server_t *server)
{
    ngx_int_t               *n;
    ngx_http_sio_program_t  *program;

    if (rules == NULL || rules->program == NULL) {
        return;
    }

    program = rules->program;
    n = program->limits;

    if (program->concurrency) {
        server->max_client_hooks = program->concurrency;
    }

#define ngx_http_sio_limit_take(field, limit)                                 \
    if (n[NGX_HTTP_SIO_LIMIT_##limit] != NGX_CONF_UNSET) {                    \
        server->field = n[NGX_HTTP_SIO_LIMIT_##limit];                        \
    }

    ngx_http_sio_limit_take(limits.max_room_name, ROOM_NAME)
    ngx_http_sio_limit_take(limits.max_rooms, ROOMS)
    ngx_http_sio_limit_take(limits.max_namespaces, NAMESPACES)
    ngx_http_sio_limit_take(limits.max_data, DATA)
    ngx_http_sio_limit_take(limits.max_acks, ACKS)
    ngx_http_sio_limit_take(limits.max_queue, QUEUE)
    ngx_http_sio_limit_take(limits.max_queue_size, QUEUE_SIZE)
    ngx_http_sio_limit_take(limits.max_inbox, INBOX)
    ngx_http_sio_limit_take(limits.max_inbox_size, INBOX_SIZE)
    ngx_http_sio_limit_take(packet_limits.max_depth, DEPTH)
    ngx_http_sio_limit_take(packet_limits.max_attachments, ATTACHMENTS)
    ngx_http_sio_limit_take(max_binaries, ATTACHMENTS)
    ngx_http_sio_limit_take(packet_limits.max_nsp, NAMESPACE_NAME)
    ngx_http_sio_limit_take(max_args, ARGS)
    ngx_http_sio_limit_take(max_buffer, BUFFER)
    ngx_http_sio_limit_take(max_packet, PACKET_SIZE)
    ngx_http_sio_limit_take(max_event, EVENT_NAME)
    ngx_http_sio_limit_take(max_auth, AUTH)
    ngx_http_sio_limit_take(max_user, USER)
    ngx_http_sio_limit_take(max_token, TOKEN)
    ngx_http_sio_limit_take(max_tokens, TOKENS)
    ngx_http_sio_limit_take(limits.max_sessions, SESSIONS)
    ngx_http_sio_limit_take(limits.max_handshakes, HANDSHAKES)
    ngx_http_sio_limit_take(max_hooks, HOOKS)
    ngx_http_sio_limit_take(max_held, HOOK_BUFFER)
    ngx_http_sio_limit_take(max_room_hooks, ROOM_HOOKS)
    ngx_http_sio_limit_take(max_gathers, API_WAITING)
    ngx_http_sio_limit_take(max_answers, API_ANSWERS)
    ngx_http_sio_limit_take(max_ack_timeout, API_TIMEOUT)
    ngx_http_sio_limit_take(max_orders, API_ORDERS)
    ngx_http_sio_limit_take(max_line, API_LINE)
}
