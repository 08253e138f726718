
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * ARG: a lone variable, a JSON template, binary, or a string.  A packet's
 * array is put together piece by piece; constants that meet become one.
 */


#include "ngx_http_sio_rule.h"
#include "../wire/sio_base64.h"
#include "../wire/sio_utf8.h"


#define NGX_HTTP_SIO_MAX_NESTING  64
#define NGX_HTTP_SIO_CHUNK        4096


static ngx_int_t ngx_http_sio_builder_text(ngx_http_sio_builder_t *b,
    ngx_str_t *src);
static ngx_int_t ngx_http_sio_builder_binary(ngx_http_sio_builder_t *b,
    ngx_uint_t comma, ngx_str_t *prefix, u_char *p, size_t len);
static ngx_int_t ngx_http_sio_template(ngx_http_sio_builder_t *b,
    ngx_str_t *src);
static ngx_int_t ngx_http_sio_template_value(ngx_http_sio_builder_t *b,
    ngx_str_t *key, ngx_uint_t depth);
static ngx_int_t ngx_http_sio_template_object(ngx_http_sio_builder_t *b,
    ngx_str_t *key, ngx_uint_t depth);
static ngx_int_t ngx_http_sio_template_base64(ngx_http_sio_builder_t *b,
    ngx_str_t *key);
static ngx_int_t ngx_http_sio_template_array(ngx_http_sio_builder_t *b,
    ngx_str_t *key, ngx_uint_t depth);
static ngx_int_t ngx_http_sio_template_key(ngx_http_sio_builder_t *b,
    ngx_str_t *key);
static ngx_int_t ngx_http_sio_template_string(ngx_http_sio_builder_t *b,
    ngx_str_t *key);
static ngx_int_t ngx_http_sio_template_segment(ngx_http_sio_builder_t *b,
    u_char *p, size_t len);
static ngx_int_t ngx_http_sio_template_scalar(ngx_http_sio_builder_t *b,
    ngx_str_t *key);
static ngx_int_t ngx_http_sio_template_const(ngx_http_sio_builder_t *b,
    ngx_str_t *key, const char *text, size_t len);
static void ngx_http_sio_template_skip(ngx_http_sio_builder_t *b);
static ngx_int_t ngx_http_sio_template_error(ngx_http_sio_builder_t *b,
    const char *what);


ngx_int_t
ngx_http_sio_builder_init(ngx_http_sio_builder_t *b, ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope)
{
    ngx_memzero(b, sizeof(ngx_http_sio_builder_t));

    b->cf = cf;
    b->scope = scope;

    return ngx_array_init(&b->pieces, cf->temp_pool, 8,
                          sizeof(ngx_sio_piece_t));
}


/* comma: in front, unless what comes before is "[" or "{" */

ngx_int_t
ngx_http_sio_builder_const(ngx_http_sio_builder_t *b, ngx_uint_t comma,
    const u_char *p, size_t len)
{
    u_char           *last;
    size_t            size;
    ngx_sio_piece_t  *piece;

    piece = NULL;

    if (b->pieces.nelts) {
        piece = b->pieces.elts;
        piece += b->pieces.nelts - 1;
    }

    if (piece && piece->type == NGX_SIO_PIECE_CONST
        && piece->bytes.data + piece->bytes.len == b->pos
        && (size_t) (b->end - b->pos) > len)
    {
        last = b->pos - 1;

        if (comma && *last != '[' && *last != '{') {
            *b->pos++ = ',';
            piece->bytes.len++;
        }

    } else {

        if ((size_t) (b->end - b->pos) < len) {
            size = ngx_max(len, NGX_HTTP_SIO_CHUNK);

            b->pos = ngx_pnalloc(b->cf->temp_pool, size);
            if (b->pos == NULL) {
                return NGX_ERROR;
            }

            b->end = b->pos + size;
        }

        piece = ngx_http_sio_builder_piece(b, NGX_SIO_PIECE_CONST, comma,
                                           NULL);
        if (piece == NULL) {
            return NGX_ERROR;
        }

        piece->bytes.data = b->pos;
    }

    b->pos = ngx_cpymem(b->pos, p, len);
    piece->bytes.len += len;

    return NGX_OK;
}


/* plain text as a constant string, a comma in front */

ngx_int_t
ngx_http_sio_builder_string(ngx_http_sio_builder_t *b, ngx_str_t *text)
{
    u_char  *p;
    size_t   len;

    if (text->len && sio_utf8_valid(text->data, text->len) != SIO_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, b->cf, 0,
                           "\"%V\" is not valid UTF-8", text);
        return NGX_ERROR;
    }

    p = ngx_pnalloc(b->cf->temp_pool,
                    sio_json_string_len(text->data, text->len));
    if (p == NULL) {
        return NGX_ERROR;
    }

    len = sio_json_string_write(p, text->data, text->len);

    return ngx_http_sio_builder_const(b, 1, p, len);
}


ngx_sio_piece_t *
ngx_http_sio_builder_piece(ngx_http_sio_builder_t *b, ngx_sio_piece_e type,
    ngx_uint_t comma, ngx_sio_var_t *var)
{
    ngx_sio_piece_t  *piece;

    piece = ngx_array_push(&b->pieces);
    if (piece == NULL) {
        return NULL;
    }

    ngx_memzero(piece, sizeof(ngx_sio_piece_t));

    piece->type = type;
    piece->comma = comma;
    piece->var = var;

    return piece;
}


ngx_int_t
ngx_http_sio_builder_done(ngx_http_sio_builder_t *b, ngx_sio_json_t *json)
{
    ngx_str_t         bytes;
    ngx_uint_t        i;
    ngx_sio_piece_t  *piece;

    json->npieces = b->pieces.nelts;

    json->pieces = ngx_palloc(b->cf->pool,
                              json->npieces * sizeof(ngx_sio_piece_t));
    if (json->pieces == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(json->pieces, b->pieces.elts,
               json->npieces * sizeof(ngx_sio_piece_t));

    piece = json->pieces;

    for (i = 0; i < json->npieces; i++) {

        if (piece[i].bytes.len == 0) {
            continue;
        }

        bytes = piece[i].bytes;

        piece[i].bytes.data = ngx_pstrdup(b->cf->pool, &bytes);
        if (piece[i].bytes.data == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_sio_json_t *
ngx_http_sio_rule_json(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_str_t *src)
{
    ngx_sio_json_t          *json;
    ngx_http_sio_builder_t   b;

    json = ngx_pcalloc(cf->pool, sizeof(ngx_sio_json_t));

    if (json == NULL
        || ngx_http_sio_builder_init(&b, cf, scope) != NGX_OK
        || ngx_http_sio_builder_arg(&b, src, 0) != NGX_OK
        || ngx_http_sio_builder_done(&b, json) != NGX_OK)
    {
        return NULL;
    }

    /* nothing stands before it */

    json->pieces[0].comma = 0;

    return json;
}


ngx_int_t
ngx_http_sio_builder_arg(ngx_http_sio_builder_t *b, ngx_str_t *src,
    ngx_uint_t spread)
{
    u_char           *p;
    ngx_str_t         rest;
    ngx_sio_var_t    *var;
    ngx_sio_piece_e   type;

    if (src->len && (src->data[0] == '{' || src->data[0] == '[')) {
        return ngx_http_sio_template(b, src);
    }

    if (src->len >= 5 && ngx_strncmp(src->data, "json:", 5) == 0) {
        rest.data = src->data + 5;
        rest.len = src->len - 5;

        if (rest.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, b->cf, 0,
                               "a value is missing behind \"%V\"", src);
            return NGX_ERROR;
        }

        return ngx_http_sio_template(b, &rest);
    }

    if (src->len >= 7 && ngx_strncmp(src->data, "base64:", 7) == 0) {
        return ngx_http_sio_builder_binary(b, 1, NULL, src->data + 7,
                                           src->len - 7);
    }

    if (ngx_http_sio_rule_lone(src)) {
        p = src->data;

        var = ngx_http_sio_rule_var(b->cf, b->scope, &p, p + src->len);
        if (var == NULL) {
            return NGX_ERROR;
        }

        type = (spread && var->type == NGX_SIO_VAR_ARGS)
               ? NGX_SIO_PIECE_SPREAD : NGX_SIO_PIECE_VALUE;

        return ngx_http_sio_builder_piece(b, type, 1, var) ? NGX_OK
                                                           : NGX_ERROR;
    }

    return ngx_http_sio_builder_text(b, src);
}


/* a string with variables in it */

static ngx_int_t
ngx_http_sio_builder_text(ngx_http_sio_builder_t *b, ngx_str_t *src)
{
    u_char          *p;
    size_t           len;
    ngx_str_t       *s;
    ngx_uint_t       i;
    ngx_sio_text_t   text;

    if (ngx_http_sio_rule_quotes(b->cf, src) != NGX_OK
        || ngx_http_sio_rule_text(b->cf, b->scope, src, &text) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (text.nparts == 0) {
        return ngx_http_sio_builder_string(b, &text.constant);
    }

    if (ngx_http_sio_builder_const(b, 1, (u_char *) "\"", 1) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < text.nparts; i++) {

        if (text.parts[i].var) {

            if (ngx_http_sio_builder_piece(b, NGX_SIO_PIECE_TEXT, 0,
                                           text.parts[i].var)
                == NULL)
            {
                return NGX_ERROR;
            }

            continue;
        }

        s = &text.parts[i].text;

        p = ngx_pnalloc(b->cf->temp_pool,
                        sio_json_escape_len(s->data, s->len) + 1);
        if (p == NULL) {
            return NGX_ERROR;
        }

        len = sio_json_escape_write(p, s->data, s->len);

        if (ngx_http_sio_builder_const(b, 0, p, len) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_http_sio_builder_const(b, 0, (u_char *) "\"", 1);
}


static ngx_int_t
ngx_http_sio_builder_binary(ngx_http_sio_builder_t *b, ngx_uint_t comma,
    ngx_str_t *prefix, u_char *p, size_t len)
{
    size_t            i;
    ngx_sio_piece_t  *piece;

    for (i = 0; i < len; i++) {

        if ((p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z')
            || (p[i] >= '0' && p[i] <= '9')
            || p[i] == '+' || p[i] == '/' || p[i] == '-' || p[i] == '_'
            || (p[i] == '=' && i + 2 >= len))
        {
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, b->cf, 0,
                           "invalid base64 \"%*s\"", len, p);
        return NGX_ERROR;
    }

    piece = ngx_http_sio_builder_piece(b, NGX_SIO_PIECE_BINARY, comma, NULL);
    if (piece == NULL) {
        return NGX_ERROR;
    }

    if (prefix) {
        piece->bytes = *prefix;
    }

    piece->binary.data = ngx_pnalloc(b->cf->pool,
                                     sio_base64_max_read(len) + 1);
    if (piece->binary.data == NULL) {
        return NGX_ERROR;
    }

    piece->binary.len = sio_base64_read(piece->binary.data, p, len);

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_template(ngx_http_sio_builder_t *b, ngx_str_t *src)
{
    b->src = src;
    b->p = src->data;
    b->last = src->data + src->len;

    if (ngx_http_sio_template_value(b, NULL, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_sio_template_skip(b);

    if (b->p != b->last) {
        return ngx_http_sio_template_error(b, "unexpected text");
    }

    return NGX_OK;
}


/* key: with its quotes and colon, NULL: it stands in an array or alone */

static ngx_int_t
ngx_http_sio_template_value(ngx_http_sio_builder_t *b, ngx_str_t *key,
    ngx_uint_t depth)
{
    ngx_sio_var_t    *var;
    ngx_sio_piece_t  *piece;

    ngx_http_sio_template_skip(b);

    if (b->p == b->last) {
        return ngx_http_sio_template_error(b, "a value is missing");
    }

    if (depth > NGX_HTTP_SIO_MAX_NESTING) {
        return ngx_http_sio_template_error(b, "too many brackets");
    }

    switch (*b->p) {

    case '$':
        break;

    case '{':
        return ngx_http_sio_template_object(b, key, depth + 1);

    case '[':
        return ngx_http_sio_template_array(b, key, depth + 1);

    case '"':
        return ngx_http_sio_template_string(b, key);

    default:
        return ngx_http_sio_template_scalar(b, key);
    }

    var = ngx_http_sio_rule_var(b->cf, b->scope, &b->p, b->last);
    if (var == NULL) {
        return NGX_ERROR;
    }

    piece = ngx_http_sio_builder_piece(b, key ? NGX_SIO_PIECE_MEMBER
                                              : NGX_SIO_PIECE_VALUE, 1, var);
    if (piece == NULL) {
        return NGX_ERROR;
    }

    if (key) {
        piece->bytes = *key;
    }

    if (b->p < b->last && *b->p != ',' && *b->p != ']' && *b->p != '}'
        && *b->p != ' ' && *b->p != '\t' && *b->p != CR && *b->p != LF)
    {
        return ngx_http_sio_template_error(b, "unexpected text behind "
                                           "a variable");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_template_object(ngx_http_sio_builder_t *b, ngx_str_t *key,
    ngx_uint_t depth)
{
    ngx_int_t   rc;
    ngx_str_t   member;
    ngx_uint_t  n;

    rc = ngx_http_sio_template_base64(b, key);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    b->p++;

    if (ngx_http_sio_template_const(b, key, "{", 1) != NGX_OK) {
        return NGX_ERROR;
    }

    for (n = 0; /* void */ ; n++) {

        ngx_http_sio_template_skip(b);

        if (b->p == b->last) {
            return ngx_http_sio_template_error(b, "\"}\" is missing");
        }

        if (*b->p == '}' && n == 0) {
            break;
        }

        if (*b->p != '"') {
            return ngx_http_sio_template_error(b, "a key in double quotes is "
                                               "expected");
        }

        if (ngx_http_sio_template_key(b, &member) != NGX_OK
            || ngx_http_sio_template_value(b, &member, depth) != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_http_sio_template_skip(b);

        if (b->p < b->last && *b->p == '}') {
            break;
        }

        if (b->p == b->last || *b->p != ',') {
            return ngx_http_sio_template_error(b, "\",\" or \"}\" is "
                                               "expected");
        }

        b->p++;
    }

    b->p++;

    return ngx_http_sio_builder_const(b, 0, (u_char *) "}", 1);
}


/* {"_base64":"Bg=="}; NGX_DECLINED: it is something else */

static ngx_int_t
ngx_http_sio_template_base64(ngx_http_sio_builder_t *b, ngx_str_t *key)
{
    u_char  *start, *text;
    size_t   len;

    start = b->p++;

    ngx_http_sio_template_skip(b);

    if (b->last - b->p < 9 || ngx_strncmp(b->p, "\"_base64\"", 9) != 0) {
        b->p = start;
        return NGX_DECLINED;
    }

    b->p += 9;
    ngx_http_sio_template_skip(b);

    if (b->p == b->last || *b->p != ':') {
        return ngx_http_sio_template_error(b, "\":\" is expected");
    }

    b->p++;
    ngx_http_sio_template_skip(b);

    if (b->p == b->last || *b->p != '"') {
        return ngx_http_sio_template_error(b, "\"_base64\" is a constant "
                                           "string");
    }

    text = ++b->p;

    while (b->p < b->last && *b->p != '"') {
        b->p++;
    }

    len = b->p - text;

    if (b->p < b->last) {
        b->p++;
    }

    ngx_http_sio_template_skip(b);

    if (b->p == b->last || *b->p != '}') {
        return ngx_http_sio_template_error(b, "\"_base64\" stands alone in "
                                           "its object");
    }

    b->p++;

    return ngx_http_sio_builder_binary(b, 1, key, text, len);
}


static ngx_int_t
ngx_http_sio_template_array(ngx_http_sio_builder_t *b, ngx_str_t *key,
    ngx_uint_t depth)
{
    ngx_uint_t  n;

    b->p++;

    if (ngx_http_sio_template_const(b, key, "[", 1) != NGX_OK) {
        return NGX_ERROR;
    }

    for (n = 0; /* void */ ; n++) {

        ngx_http_sio_template_skip(b);

        if (b->p < b->last && *b->p == ']' && n == 0) {
            break;
        }

        if (ngx_http_sio_template_value(b, NULL, depth) != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_http_sio_template_skip(b);

        if (b->p < b->last && *b->p == ']') {
            break;
        }

        if (b->p == b->last || *b->p != ',') {
            return ngx_http_sio_template_error(b, "\",\" or \"]\" is "
                                               "expected");
        }

        b->p++;
    }

    b->p++;

    return ngx_http_sio_builder_const(b, 0, (u_char *) "]", 1);
}


static ngx_int_t
ngx_http_sio_template_key(ngx_http_sio_builder_t *b, ngx_str_t *key)
{
    u_char           *start, *end, *p;
    sio_str_t         slice;
    sio_json_info_t   info;

    start = b->p++;

    while (b->p < b->last && *b->p != '"') {

        if (*b->p == '$') {
            return ngx_http_sio_template_error(b, "keys have no variables");
        }

        b->p += (*b->p == '\\' && b->last - b->p > 1) ? 2 : 1;
    }

    if (b->p == b->last) {
        b->p = start;
        return ngx_http_sio_template_error(b, "a quote is missing");
    }

    end = ++b->p;

    slice.data = start;
    slice.len = end - start;

    if (sio_json_parse(slice.data, slice.len, 1, &info, NULL, 0) != SIO_OK) {
        b->p = start;
        return ngx_http_sio_template_error(b, "a key is no JSON string");
    }

    if (sio_json_string_eq(&slice, (uint8_t *) "_placeholder", 12) == SIO_OK
        || sio_json_string_eq(&slice, (uint8_t *) "_base64", 7) == SIO_OK)
    {
        b->p = start;
        return ngx_http_sio_template_error(b, "a key is reserved");
    }

    ngx_http_sio_template_skip(b);

    if (b->p == b->last || *b->p != ':') {
        return ngx_http_sio_template_error(b, "\":\" is expected");
    }

    b->p++;

    key->len = slice.len + 1;
    key->data = ngx_pnalloc(b->cf->temp_pool, key->len);
    if (key->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(key->data, slice.data, slice.len);
    *p = ':';

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_template_string(ngx_http_sio_builder_t *b, ngx_str_t *key)
{
    u_char         *start, *from;
    ngx_sio_var_t  *var;

    if (ngx_http_sio_template_const(b, key, "\"", 1) != NGX_OK) {
        return NGX_ERROR;
    }

    start = b->p++;
    from = b->p;

    for ( ;; ) {

        if (b->p >= b->last) {
            b->p = start;
            return ngx_http_sio_template_error(b, "a quote is missing");
        }

        if (*b->p == '\\' && b->last - b->p > 1) {
            b->p += 2;
            continue;
        }

        if (*b->p != '"' && *b->p != '$') {
            b->p++;
            continue;
        }

        if (ngx_http_sio_template_segment(b, from, b->p - from) != NGX_OK) {
            return NGX_ERROR;
        }

        if (*b->p == '"') {
            b->p++;
            return ngx_http_sio_builder_const(b, 0, (u_char *) "\"", 1);
        }

        var = ngx_http_sio_rule_var(b->cf, b->scope, &b->p, b->last);

        if (var == NULL
            || ngx_http_sio_builder_piece(b, NGX_SIO_PIECE_TEXT, 0, var)
               == NULL)
        {
            return NGX_ERROR;
        }

        from = b->p;
    }
}


/* constant text inside of a string: nginx has made a newline of \n already */

static ngx_int_t
ngx_http_sio_template_segment(ngx_http_sio_builder_t *b, u_char *p, size_t len)
{
    u_char           *dst, *start;
    size_t            i;
    sio_json_info_t   info;

    if (len == 0) {
        return NGX_OK;
    }

    start = ngx_pnalloc(b->cf->temp_pool, len * 6 + 2);
    if (start == NULL) {
        return NGX_ERROR;
    }

    dst = start;
    *dst++ = '"';

    for (i = 0; i < len; i++) {

        if (p[i] == '\n' || p[i] == '\r' || p[i] == '\t') {
            dst += sio_json_escape_write(dst, &p[i], 1);

        } else {
            *dst++ = p[i];
        }
    }

    *dst++ = '"';

    if (sio_json_parse(start, dst - start, 1, &info, NULL, 0) != SIO_OK) {
        b->p = p;
        return ngx_http_sio_template_error(b, "text that is no JSON string");
    }

    return ngx_http_sio_builder_const(b, 0, start + 1, dst - start - 2);
}


static ngx_int_t
ngx_http_sio_template_scalar(ngx_http_sio_builder_t *b, ngx_str_t *key)
{
    u_char           *start;
    sio_json_info_t   info;

    start = b->p;

    while (b->p < b->last && *b->p != ',' && *b->p != ']' && *b->p != '}'
           && *b->p != ' ' && *b->p != '\t' && *b->p != CR && *b->p != LF)
    {
        b->p++;
    }

    if (b->p == start
        || sio_json_parse(start, b->p - start, 1, &info, NULL, 0) != SIO_OK)
    {
        b->p = start;
        return ngx_http_sio_template_error(b, "a value is expected");
    }

    return ngx_http_sio_template_const(b, key, (char *) start, b->p - start);
}


static ngx_int_t
ngx_http_sio_template_const(ngx_http_sio_builder_t *b, ngx_str_t *key,
    const char *text, size_t len)
{
    if (key == NULL) {
        return ngx_http_sio_builder_const(b, 1, (u_char *) text, len);
    }

    if (ngx_http_sio_builder_const(b, 1, key->data, key->len) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_sio_builder_const(b, 0, (u_char *) text, len);
}


static void
ngx_http_sio_template_skip(ngx_http_sio_builder_t *b)
{
    while (b->p < b->last
           && (*b->p == ' ' || *b->p == '\t' || *b->p == CR || *b->p == LF))
    {
        b->p++;
    }
}


static ngx_int_t
ngx_http_sio_template_error(ngx_http_sio_builder_t *b, const char *what)
{
    if (b->p == b->last) {
        ngx_conf_log_error(NGX_LOG_EMERG, b->cf, 0,
                           "bad JSON template \"%V\": %s at its end",
                           b->src, what);
    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, b->cf, 0,
                           "bad JSON template \"%V\": %s at \"%*s\"",
                           b->src, what, (size_t) (b->last - b->p), b->p);
    }

    return NGX_ERROR;
}
