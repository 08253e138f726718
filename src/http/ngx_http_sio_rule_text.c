
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Variables, plain text and regexes in the parameters of rules.
 */


#include "ngx_http_sio_rule.h"
#include "../wire/sio_utf8.h"


#define NGX_HTTP_SIO_MAX_INDEX  65535       /* of $sio_arg_N */


typedef struct {
    ngx_str_t                  name;
    ngx_sio_var_e              type;
} ngx_http_sio_builtin_t;


static ngx_int_t ngx_http_sio_rule_name(ngx_conf_t *cf, u_char **p,
    u_char *last, ngx_str_t *name);
static ngx_int_t ngx_http_sio_rule_group(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope, ngx_str_t *name, ngx_sio_var_t *var);
static ngx_int_t ngx_http_sio_rule_named(ngx_sio_regex_t *regex,
    ngx_str_t *name);
static ngx_int_t ngx_http_sio_rule_mention(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope, ngx_sio_var_t *var);


static ngx_http_sio_builtin_t  ngx_http_sio_builtins[] = {

    { ngx_string("sio_id"), NGX_SIO_VAR_ID },
    { ngx_string("sio_nsp"), NGX_SIO_VAR_NSP },
    { ngx_string("sio_event"), NGX_SIO_VAR_EVENT },
    { ngx_string("sio_args"), NGX_SIO_VAR_ARGS },
    { ngx_string("sio_ack"), NGX_SIO_VAR_ACK },
    { ngx_string("sio_rooms"), NGX_SIO_VAR_ROOMS },
    { ngx_string("sio_auth"), NGX_SIO_VAR_AUTH },
    { ngx_string("sio_handshake"), NGX_SIO_VAR_HANDSHAKE },
    { ngx_string("sio_reason"), NGX_SIO_VAR_REASON },
    { ngx_string("sio_error"), NGX_SIO_VAR_ERROR },
    { ngx_string("sio_transport"), NGX_SIO_VAR_TRANSPORT },
    { ngx_string("sio_recovered"), NGX_SIO_VAR_RECOVERED },
    { ngx_string("sio_user"), NGX_SIO_VAR_USER },
    { ngx_string("sio_time"), NGX_SIO_VAR_TIME },

    { ngx_null_string, 0 }
};


ngx_sio_var_t *
ngx_http_sio_rule_var(ngx_conf_t *cf, ngx_http_sio_scope_t *scope, u_char **p,
    u_char *last)
{
    ngx_int_t       rc;
    ngx_str_t       name;
    ngx_sio_var_t  *var;

    if (ngx_http_sio_rule_name(cf, p, last, &name) != NGX_OK) {
        return NULL;
    }

    var = ngx_pcalloc(cf->pool, sizeof(ngx_sio_var_t));
    if (var == NULL) {
        return NULL;
    }

    rc = ngx_http_sio_rule_group(cf, scope, &name, var);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_sio_rule_builtin(cf, &name, var);
    }

    if (rc == NGX_DONE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown variable \"$%V\"", &name);
        return NULL;
    }

    if (rc == NGX_ERROR) {
        return NULL;
    }

    if (rc == NGX_DECLINED) {

        /* sio_set's, maybe further down, or another module's */

        var->type = NGX_SIO_VAR_NAME;
        var->name = name;
    }

    if (ngx_http_sio_rule_mention(cf, scope, var) != NGX_OK) {
        return NULL;
    }

    return var;
}


/* as nginx reads them: $1, $name or ${name}; in lower case */

static ngx_int_t
ngx_http_sio_rule_name(ngx_conf_t *cf, u_char **p, u_char *last,
    ngx_str_t *name)
{
    u_char      c, *s, *start;
    ngx_uint_t  bracket;

    start = *p;
    s = start + 1;
    bracket = 0;

    if (s < last && *s == '{') {
        bracket = 1;
        s++;
    }

    name->data = s;

    if (!bracket && s < last && *s >= '1' && *s <= '9') {
        s++;

    } else {

        for ( /* void */ ; s < last; s++) {
            c = *s;

            if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                  || (c >= '0' && c <= '9') || c == '_'))
            {
                break;
            }
        }
    }

    name->len = s - name->data;

    if (bracket) {

        if (s == last || *s != '}') {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "the closing bracket is missing in \"%*s\"",
                               (size_t) (last - start), start);
            return NGX_ERROR;
        }

        s++;
    }

    if (name->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid variable name in \"%*s\"; a plain \"$\" "
                           "can be written \\u0024 in JSON",
                           (size_t) (last - start), start);
        return NGX_ERROR;
    }

    *p = s;

    s = ngx_pnalloc(cf->pool, name->len + 1);
    if (s == NULL) {
        return NGX_ERROR;
    }

    ngx_strlow(s, name->data, name->len);
    s[name->len] = '\0';
    name->data = s;

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_rule_builtin(ngx_conf_t *cf, ngx_str_t *name, ngx_sio_var_t *var)
{
    size_t                   skip;
    ngx_int_t                n;
    ngx_http_sio_builtin_t  *b;

    if (name->len < 4 || ngx_strncmp(name->data, "sio_", 4) != 0) {
        return NGX_DECLINED;
    }

    var->name = *name;

    for (b = ngx_http_sio_builtins; b->name.len; b++) {

        if (b->name.len == name->len
            && ngx_strncmp(b->name.data, name->data, name->len) == 0)
        {
            var->type = b->type;
            return NGX_OK;
        }
    }

    if (name->len > 9 && ngx_strncmp(name->data, "sio_data_", 9) == 0) {

        /* the key as a JSON pointer: it has neither "~" nor "/" */

        var->type = NGX_SIO_VAR_DATA;
        var->name.len = name->len - 8;
        var->name.data = ngx_pnalloc(cf->pool, var->name.len);
        if (var->name.data == NULL) {
            return NGX_ERROR;
        }

        var->name.data[0] = '/';
        ngx_memcpy(var->name.data + 1, name->data + 9, name->len - 9);

        return NGX_OK;
    }

    if (name->len > 8 && ngx_strncmp(name->data, "sio_jwt_", 8) == 0) {

        /* likewise */

        var->type = NGX_SIO_VAR_JWT;
        var->name.len = name->len - 7;
        var->name.data = ngx_pnalloc(cf->pool, var->name.len);
        if (var->name.data == NULL) {
            return NGX_ERROR;
        }

        var->name.data[0] = '/';
        ngx_memcpy(var->name.data + 1, name->data + 8, name->len - 8);

        return NGX_OK;
    }

    if (name->len > 8 && ngx_strncmp(name->data, "sio_arg_", 8) == 0) {
        var->type = NGX_SIO_VAR_ARG;
        skip = 8;

    } else if (name->len > 9 && ngx_strncmp(name->data, "sio_args_", 9) == 0) {
        var->type = NGX_SIO_VAR_ARGS;
        skip = 9;

    } else {
        return NGX_DONE;
    }

    n = ngx_atoi(name->data + skip, name->len - skip);

    if (n == NGX_ERROR || n > NGX_HTTP_SIO_MAX_INDEX) {
        return NGX_DONE;
    }

    var->n = n;

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_rule_builtin_name(ngx_uint_t i, ngx_str_t *name)
{
    *name = ngx_http_sio_builtins[i].name;

    return name->len ? NGX_OK : NGX_DONE;
}


/* the groups of the rule's regex, then of the namespace's */

static ngx_int_t
ngx_http_sio_rule_group(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_str_t *name, ngx_sio_var_t *var)
{
    ngx_int_t         n;
    ngx_uint_t        i, number;
    ngx_sio_regex_t  *regex[2];

    regex[0] = scope->block ? scope->block->regex : NULL;
    regex[1] = scope->nsp ? scope->nsp->regex : NULL;

    number = (name->len == 1 && name->data[0] >= '1' && name->data[0] <= '9');

    for (i = 0; i < 2; i++) {

        if (regex[i] == NULL) {
            continue;
        }

        if (number) {
            n = name->data[0] - '0';

#if (NGX_PCRE)
            if ((ngx_uint_t) n > regex[i]->captures) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "\"$%V\" has no group in the regex", name);
                return NGX_ERROR;
            }
#endif

        } else {
            n = ngx_http_sio_rule_named(regex[i], name);

            if (n == NGX_DECLINED) {
                continue;
            }
        }

        var->type = i ? NGX_SIO_VAR_NSP_CAPTURE : NGX_SIO_VAR_CAPTURE;
        var->name = *name;
        var->n = n;

        return NGX_OK;
    }

    if (number) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"$%V\" stands in no rule with a regex", name);
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_sio_rule_named(ngx_sio_regex_t *regex, ngx_str_t *name)
{
#if (NGX_PCRE)

    u_char      *p;
    ngx_uint_t   i;

    p = regex->names;

    for (i = 0; i < regex->named; i++, p += regex->name_size) {

        /* pcre(3), the name table: number in two bytes, name, zero */

        if (ngx_strlen(p + 2) == name->len
            && ngx_strncasecmp(p + 2, name->data, name->len) == 0)
        {
            return (p[0] << 8) + p[1];
        }
    }

#endif

    return NGX_DECLINED;
}


/* to be looked at again when everything has been read */

static ngx_int_t
ngx_http_sio_rule_mention(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_sio_var_t *var)
{
    ngx_sio_var_t           **v;
    ngx_http_sio_mention_t   *mention;

    if (var->type != NGX_SIO_VAR_NAME
        && var->type != NGX_SIO_VAR_AUTH
        && var->type != NGX_SIO_VAR_JWT
        && var->type != NGX_SIO_VAR_HANDSHAKE)
    {
        return NGX_OK;
    }

    if (scope->set) {
        v = ngx_array_push(&scope->set->vars);
        if (v == NULL) {
            return NGX_ERROR;
        }

        *v = var;

        return NGX_OK;
    }

    mention = ngx_array_push(&scope->main->mentions);
    if (mention == NULL) {
        return NGX_ERROR;
    }

    mention->var = var;
    mention->rules = scope->rules;
    mention->file = cf->conf_file->file.name.data;
    mention->line = cf->conf_file->line;

    return NGX_OK;
}


ngx_uint_t
ngx_http_sio_rule_lone(const ngx_str_t *src)
{
    size_t  i;
    u_char  c;

    if (src->len < 2 || src->data[0] != '$') {
        return 0;
    }

    i = 1;

    if (src->data[1] == '{') {
        c = '}';

        return ngx_strlchr(src->data, src->data + src->len, c)
               == src->data + src->len - 1;
    }

    if (src->data[1] >= '1' && src->data[1] <= '9') {
        return src->len == 2;
    }

    for ( /* void */ ; i < src->len; i++) {
        c = src->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '_'))
        {
            return 0;
        }
    }

    return 1;
}


ngx_int_t
ngx_http_sio_rule_text(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_str_t *src, ngx_sio_text_t *text)
{
    u_char          *p, *last, *start;
    ngx_array_t      parts;
    ngx_sio_part_t  *part;

    ngx_memzero(text, sizeof(ngx_sio_text_t));

    if (src->len && sio_utf8_valid(src->data, src->len) != SIO_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not valid UTF-8", src);
        return NGX_ERROR;
    }

    text->constant = *src;

    p = src->data;
    last = p + src->len;

    if (src->len == 0 || ngx_strlchr(p, last, '$') == NULL) {
        return NGX_OK;
    }

    if (ngx_array_init(&parts, cf->pool, 4, sizeof(ngx_sio_part_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    while (p < last) {

        part = ngx_array_push(&parts);
        if (part == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(part, sizeof(ngx_sio_part_t));

        if (*p == '$') {
            part->var = ngx_http_sio_rule_var(cf, scope, &p, last);

            if (part->var == NULL) {
                return NGX_ERROR;
            }

            continue;
        }

        start = p;

        p = ngx_strlchr(p, last, '$');

        if (p == NULL) {
            p = last;
        }

        part->text.data = start;
        part->text.len = p - start;
    }

    text->parts = parts.elts;
    text->nparts = parts.nelts;

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_rule_room(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_str_t *src, ngx_sio_text_t *text)
{
    if (src->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "empty room");
        return NGX_ERROR;
    }

    if (ngx_http_sio_rule_is(src, "*") || ngx_http_sio_rule_is(src, "self")) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is no room here", src);
        return NGX_ERROR;
    }

    if (ngx_http_sio_rule_quotes(cf, src) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_sio_rule_text(cf, scope, src, text);
}


/*
 * nginx takes a quote for one only at the beginning of a parameter; in
 * to="a b" it would go to the wire, and the b" to the arguments.  What was
 * quoted as a whole cannot be told from what was not, but for the bytes that
 * can stand in quotes only.
 */

ngx_int_t
ngx_http_sio_rule_quotes(ngx_conf_t *cf, ngx_str_t *src)
{
    u_char      *p, *last;
    ngx_uint_t   quote;

    if (src->len == 0) {
        return NGX_OK;
    }

    quote = 0;
    p = src->data;
    last = p + src->len;

    if (*p == '\'' || last[-1] == '\'') {
        quote = 1;
    }

    for ( /* void */ ; p < last; p++) {

        if (*p == ' ' || *p == '\t' || *p == CR || *p == LF || *p == ';'
            || (*p == '{' && (p == src->data || p[-1] != '$')))
        {
            return NGX_OK;
        }

        if (*p == '"') {
            quote = 1;
        }
    }

    if (!quote) {
        return NGX_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "a quote inside of the parameter \"%V\": quote the "
                       "whole parameter, as in \"to=a b\"", src);

    return NGX_ERROR;
}


ngx_sio_regex_t *
ngx_http_sio_rule_regex(ngx_conf_t *cf, ngx_str_t *pattern,
    ngx_uint_t caseless)
{
#if (NGX_PCRE)

    u_char                *p, errstr[NGX_MAX_CONF_ERRSTR];
    int                    i;
    ngx_sio_regex_t       *regex;
    ngx_regex_compile_t    rc;

    regex = ngx_pcalloc(cf->pool, sizeof(ngx_sio_regex_t));
    if (regex == NULL) {
        return NULL;
    }

    ngx_memzero(&rc, sizeof(ngx_regex_compile_t));

    rc.pattern = *pattern;
    rc.pool = cf->pool;
    rc.options = caseless ? NGX_REGEX_CASELESS : 0;
    rc.err.len = NGX_MAX_CONF_ERRSTR;
    rc.err.data = errstr;

    if (ngx_regex_compile(&rc) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%V", &rc.err);
        return NULL;
    }

    regex->regex = rc.regex;
    regex->captures = rc.captures;
    regex->named = rc.named_captures;
    regex->name_size = rc.name_size;
    regex->names = rc.names;

    p = rc.names;

    for (i = 0; i < rc.named_captures; i++, p += rc.name_size) {

        if (ngx_strncasecmp(p + 2, (u_char *) "sio_", 4) == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "the name \"%s\" of a group is reserved",
                               p + 2);
            return NULL;
        }
    }

    return regex;

#else

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "using regex \"%V\" requires the PCRE library",
                       pattern);
    return NULL;

#endif
}


ngx_int_t
ngx_http_sio_rule_nsp_name(ngx_conf_t *cf, ngx_str_t *src)
{
    if (src->len && src->data[0] != '/') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the name \"%V\" of a namespace does not begin "
                           "with \"/\"", src);
        return NGX_ERROR;
    }

    if (src->len == 0
        || ngx_strlchr(src->data, src->data + src->len, ',')
        || ngx_strlchr(src->data, src->data + src->len, '?')
        || ngx_strlchr(src->data, src->data + src->len, '$')
        || sio_utf8_valid(src->data, src->len) != SIO_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid name \"%V\" of a namespace", src);
        return NGX_ERROR;
    }

    return ngx_http_sio_rule_quotes(cf, src);
}
