
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Evaluation of templates.  Each variable is taken once; then the length is
 * known, and everything is written to one allocation.  A client's JSON goes
 * through as the bytes it came in, unless its placeholders need other numbers.
 */


#include "ngx_sio_value.h"
#include "../wire/sio_base64.h"
#include "../wire/sio_utf8.h"


#define NGX_SIO_BASE64_HEAD   "{\"_base64\":\""
#define NGX_SIO_BASE64_TAIL   "\"}"

#define ngx_sio_base64_marks                                                  \
    (sizeof(NGX_SIO_BASE64_HEAD NGX_SIO_BASE64_TAIL) - 1)


typedef enum {
    NGX_SIO_ITEM_NONE = 0,          /* left out */
    NGX_SIO_ITEM_RAW,
    NGX_SIO_ITEM_ESCAPE,            /* inside a string */
    NGX_SIO_ITEM_STRING             /* escaped, with quotes */
} ngx_sio_item_e;


/* what a piece came to */

typedef struct {
    ngx_str_t                 s;
    size_t                    len;          /* when written */
    uint8_t                   type;
    uint8_t                   comma;
    uint8_t                   brackets;     /* a LIST as one value */
    uint8_t                   suspect;      /* JSON that was not checked for
                                               placeholders' look-alikes */
} ngx_sio_item_t;


static ngx_int_t ngx_sio_piece_eval(ngx_sio_run_t *run,
    const ngx_sio_piece_t *piece, const ngx_str_t *event,
    ngx_sio_result_t *result, ngx_sio_item_t *item);
static ngx_int_t ngx_sio_piece_text(ngx_sio_run_t *run,
    ngx_sio_value_t *value, ngx_sio_item_t *item);
static ngx_int_t ngx_sio_piece_binary(ngx_sio_run_t *run,
    const ngx_sio_piece_t *piece, ngx_sio_result_t *result,
    ngx_sio_item_t *item);
static u_char *ngx_sio_item_write(u_char *p, const ngx_sio_item_t *item);
static ngx_int_t ngx_sio_result_attach(ngx_sio_run_t *run,
    ngx_sio_result_t *result, const ngx_str_t *bytes, uint32_t *num);
static ngx_int_t ngx_sio_result_grow(ngx_sio_run_t *run,
    ngx_sio_result_t *result, size_t size);
static ngx_int_t ngx_sio_value_settle(ngx_sio_run_t *run,
    ngx_sio_value_t *value, ngx_sio_result_t *result);
static ngx_int_t ngx_sio_value_renumber(ngx_sio_run_t *run,
    ngx_sio_value_t *value, ngx_sio_result_t *result);
static ngx_int_t ngx_sio_value_number(ngx_sio_run_t *run, uint32_t num,
    ngx_sio_result_t *result, uint32_t *to);
static ngx_int_t ngx_sio_value_decode(ngx_sio_run_t *run,
    ngx_sio_value_t *value, ngx_sio_result_t *result);
static u_char *ngx_sio_find_base64(u_char *p, u_char *last);
static ngx_uint_t ngx_sio_look_alike(const ngx_str_t *s);


ngx_int_t
ngx_sio_json_eval(ngx_sio_run_t *run, const ngx_sio_json_t *json,
    const ngx_str_t *event, ngx_sio_result_t *result)
{
    u_char           *p, last;
    size_t            len;
    ngx_int_t         rc;
    ngx_uint_t        i;
    ngx_sio_item_t   *items, *item;
    ngx_sio_piece_t  *piece;

    piece = json->pieces;

    if (json->npieces == 1 && piece->type == NGX_SIO_PIECE_CONST) {
        result->json = piece->bytes;
        return NGX_OK;
    }

    items = ngx_palloc(run->call->pool,
                       json->npieces * sizeof(ngx_sio_item_t));
    if (items == NULL) {
        return NGX_ERROR;
    }

    len = 0;
    last = '[';

    for (i = 0; i < json->npieces; i++) {
        item = &items[i];

        rc = ngx_sio_piece_eval(run, &piece[i], event, result, item);
        if (rc != NGX_OK) {
            return rc;
        }

        if (item->type == NGX_SIO_ITEM_NONE) {
            continue;
        }

        item->comma = (piece[i].comma && last != '[' && last != '{');

        len += item->comma + item->len;

        if (piece[i].type != NGX_SIO_PIECE_CONST) {
            len += piece[i].bytes.len;
        }

        rc = ngx_sio_result_grow(run, result, item->len);
        if (rc != NGX_OK) {
            return rc;
        }

        /* what the byte written last will be, as far as it matters */

        if (item->brackets || item->type != NGX_SIO_ITEM_RAW) {
            last = '"';

        } else if (item->s.len) {
            last = item->s.data[item->s.len - 1];
        }
    }

    if (result->nattachments) {

        /* the receiver would put attachments in their place */

        for (i = 0; i < json->npieces; i++) {
            if (items[i].suspect && ngx_sio_look_alike(&items[i].s)) {
                run->why = "a value looks like a placeholder";
                return NGX_DECLINED;
            }
        }
    }

    p = ngx_pnalloc(run->call->pool, len ? len : 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    result->json.data = p;

    for (i = 0; i < json->npieces; i++) {
        item = &items[i];

        if (item->type == NGX_SIO_ITEM_NONE) {
            continue;
        }

        if (item->comma) {
            *p++ = ',';
        }

        if (piece[i].type != NGX_SIO_PIECE_CONST && piece[i].bytes.len) {
            p = ngx_cpymem(p, piece[i].bytes.data, piece[i].bytes.len);
        }

        p = ngx_sio_item_write(p, item);
    }

    result->json.len = p - result->json.data;

    return NGX_OK;
}


static ngx_int_t
ngx_sio_piece_eval(ngx_sio_run_t *run, const ngx_sio_piece_t *piece,
    const ngx_str_t *event, ngx_sio_result_t *result, ngx_sio_item_t *item)
{
    ngx_int_t        rc;
    ngx_sio_value_t  value;

    ngx_memzero(item, sizeof(ngx_sio_item_t));
    item->type = NGX_SIO_ITEM_RAW;

    switch (piece->type) {

    case NGX_SIO_PIECE_CONST:
        item->s = piece->bytes;
        item->len = item->s.len;
        return NGX_OK;

    case NGX_SIO_PIECE_EVENT:
        item->s = *event;
        item->type = NGX_SIO_ITEM_STRING;
        item->len = sio_json_string_len(item->s.data, item->s.len);
        return NGX_OK;

    case NGX_SIO_PIECE_BINARY:
        return ngx_sio_piece_binary(run, piece, result, item);

    default:
        break;
    }

    rc = ngx_sio_var_get(run, piece->var, &value);
    if (rc != NGX_OK) {
        return rc;
    }

    if (piece->type == NGX_SIO_PIECE_TEXT) {
        return ngx_sio_piece_text(run, &value, item);
    }

    switch (value.kind) {

    case NGX_SIO_VALUE_MISSING:

        if (piece->type == NGX_SIO_PIECE_MEMBER) {
            item->type = NGX_SIO_ITEM_NONE;
            return NGX_OK;
        }

        ngx_str_set(&item->s, "null");
        item->len = item->s.len;
        return NGX_OK;

    case NGX_SIO_VALUE_TEXT:

        if (!value.utf8) {
            rc = ngx_sio_text_repair(run, &value.s);
            if (rc != NGX_OK) {
                return rc;
            }
        }

        item->s = value.s;
        item->type = NGX_SIO_ITEM_STRING;
        item->len = sio_json_string_len(item->s.data, item->s.len);
        return NGX_OK;

    default: /* NGX_SIO_VALUE_JSON, NGX_SIO_VALUE_LIST */
        break;
    }

    rc = ngx_sio_value_settle(run, &value, result);
    if (rc != NGX_OK) {
        return rc;
    }

    item->s = value.s;
    item->len = value.s.len;

    if (value.packet) {
        item->suspect = run->call->nattachments == 0
                        && run->call->placeholder;
    } else {
        item->suspect = 1;
    }

    if (value.checked) {
        item->suspect = 0;
    }

    if (value.kind == NGX_SIO_VALUE_LIST) {

        if (piece->type == NGX_SIO_PIECE_SPREAD) {
            if (item->len == 0) {
                item->type = NGX_SIO_ITEM_NONE;
            }

        } else {
            item->brackets = 1;
            item->len += 2;
        }
    }

    return NGX_OK;
}


/* a variable inside of a string of the template */

static ngx_int_t
ngx_sio_piece_text(ngx_sio_run_t *run, ngx_sio_value_t *value,
    ngx_sio_item_t *item)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    if (value->kind == NGX_SIO_VALUE_JSON
        && value->s.len >= 2 && value->s.data[0] == '"')
    {
        /* it is escaped already */

        item->s.data = value->s.data + 1;
        item->s.len = value->s.len - 2;
        item->len = item->s.len;

        return NGX_OK;
    }

    rc = ngx_sio_value_text(run, value, &text);
    if (rc != NGX_OK) {
        return rc;
    }

    if (value->kind == NGX_SIO_VALUE_TEXT && !value->utf8) {
        rc = ngx_sio_text_repair(run, &text);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    item->s = text;
    item->type = NGX_SIO_ITEM_ESCAPE;
    item->len = sio_json_escape_len(text.data, text.len);

    return NGX_OK;
}


static ngx_int_t
ngx_sio_piece_binary(ngx_sio_run_t *run, const ngx_sio_piece_t *piece,
    ngx_sio_result_t *result, ngx_sio_item_t *item)
{
    u_char     *p;
    uint32_t    num;
    ngx_int_t   rc;

    if (result->plain) {

        p = ngx_pnalloc(run->call->pool,
                        ngx_sio_base64_marks
                        + sio_base64_len(piece->binary.len));
        if (p == NULL) {
            return NGX_ERROR;
        }

        item->s.data = p;

        p = ngx_cpymem(p, NGX_SIO_BASE64_HEAD,
                       sizeof(NGX_SIO_BASE64_HEAD) - 1);
        p += sio_base64_write(p, piece->binary.data, piece->binary.len);
        p = ngx_cpymem(p, NGX_SIO_BASE64_TAIL,
                       sizeof(NGX_SIO_BASE64_TAIL) - 1);

    } else {

        rc = ngx_sio_result_attach(run, result, &piece->binary, &num);
        if (rc != NGX_OK) {
            return rc;
        }

        p = ngx_pnalloc(run->call->pool, SIO_PLACEHOLDER_MAX);
        if (p == NULL) {
            return NGX_ERROR;
        }

        item->s.data = p;
        p += sio_packet_write_placeholder(p, num);
    }

    item->s.len = p - item->s.data;
    item->len = item->s.len;

    return NGX_OK;
}


static u_char *
ngx_sio_item_write(u_char *p, const ngx_sio_item_t *item)
{
    switch (item->type) {

    case NGX_SIO_ITEM_ESCAPE:
        return p + sio_json_escape_write(p, item->s.data, item->s.len);

    case NGX_SIO_ITEM_STRING:
        return p + sio_json_string_write(p, item->s.data, item->s.len);

    default:
        break;
    }

    if (item->brackets) {
        *p++ = '[';
    }

    if (item->s.len) {
        p = ngx_cpymem(p, item->s.data, item->s.len);
    }

    if (item->brackets) {
        *p++ = ']';
    }

    return p;
}


static ngx_int_t
ngx_sio_result_attach(ngx_sio_run_t *run, ngx_sio_result_t *result,
    const ngx_str_t *bytes, uint32_t *num)
{
    ngx_int_t   rc;
    ngx_str_t  *attachments;
    ngx_uint_t  cap;

    rc = ngx_sio_result_grow(run, result, bytes->len);
    if (rc != NGX_OK) {
        return rc;
    }

    if (result->nattachments == result->cap) {

        cap = result->cap ? result->cap * 2 : 8;

        attachments = ngx_palloc(run->call->pool, cap * sizeof(ngx_str_t));
        if (attachments == NULL) {
            return NGX_ERROR;
        }

        if (result->nattachments) {
            ngx_memcpy(attachments, result->attachments,
                       result->nattachments * sizeof(ngx_str_t));
        }

        result->attachments = attachments;
        result->cap = cap;
    }

    *num = result->nattachments;
    result->attachments[result->nattachments++] = *bytes;

    return NGX_OK;
}


/* "emit x $sio_args $sio_args ..." must end somewhere */

static ngx_int_t
ngx_sio_result_grow(ngx_sio_run_t *run, ngx_sio_result_t *result, size_t size)
{
    if (size > NGX_SIO_MAX_RESULT - result->size) {
        run->why = "the result is too long";
        return NGX_DECLINED;
    }

    result->size += size;

    return NGX_OK;
}


ngx_int_t
ngx_sio_value_plain(ngx_sio_run_t *run, ngx_sio_value_t *value,
    ngx_sio_result_t *result)
{
    u_char     *p;
    ngx_int_t   rc;

    rc = ngx_sio_value_settle(run, value, result);
    if (rc != NGX_OK) {
        return rc;
    }

    result->json = value->s;

    if (value->kind == NGX_SIO_VALUE_LIST) {

        p = ngx_pnalloc(run->call->pool, value->s.len + 2);
        if (p == NULL) {
            return NGX_ERROR;
        }

        result->json.data = p;
        result->json.len = value->s.len + 2;

        *p++ = '[';

        if (value->s.len) {
            p = ngx_cpymem(p, value->s.data, value->s.len);
        }

        *p = ']';
    }

    return NGX_OK;
}


/* makes value->s what can be written: binaries in it are the result's */

static ngx_int_t
ngx_sio_value_settle(ngx_sio_run_t *run, ngx_sio_value_t *value,
    ngx_sio_result_t *result)
{
    ngx_uint_t       i;
    ngx_sio_call_t  *call;

    call = run->call;

    if (value->data) {

        if (result->plain) {
            return NGX_OK;
        }

        return ngx_sio_value_decode(run, value, result);
    }

    if (result->strict && value->s.len
        && ngx_sio_find_base64(value->s.data, value->s.data + value->s.len))
    {
        run->why = "a value looks like a binary one";
        return NGX_DECLINED;
    }

    if (!value->packet || call->nattachments == 0 || value->s.len == 0) {
        return NGX_OK;
    }

    if (value->whole && !result->plain && result->nattachments == 0) {

        /* all of them and first: nothing has to change */

        for (i = 0; i < call->nattachments; i++) {
            if (ngx_sio_result_grow(run, result, call->attachments[i].len)
                != NGX_OK)
            {
                return NGX_DECLINED;
            }
        }

        result->map = ngx_palloc(call->pool,
                                 call->nattachments * sizeof(uint32_t));
        if (result->map == NULL) {
            return NGX_ERROR;
        }

        for (i = 0; i < call->nattachments; i++) {
            result->map[i] = i;
        }

        result->attachments = call->attachments;
        result->nattachments = call->nattachments;
        result->cap = call->nattachments;

        return NGX_OK;
    }

    return ngx_sio_value_renumber(run, value, result);
}


static ngx_int_t
ngx_sio_value_renumber(ngx_sio_run_t *run, ngx_sio_value_t *value,
    ngx_sio_result_t *result)
{
    int              rc;
    u_char          *p, *from;
    size_t           len;
    uint8_t         *pos, buf[SIO_PLACEHOLDER_MAX];
    uint32_t         num, to;
    sio_str_t        slice, found;
    ngx_int_t        n;
    ngx_uint_t       same;
    ngx_sio_call_t  *call;

    call = run->call;
    slice = ngx_sio_slice(&value->s);

    pos = slice.data;
    len = slice.len;
    same = 1;

    for ( ;; ) {
        rc = sio_packet_next_placeholder(&slice, &pos, &found, &num);

        if (rc == SIO_DONE) {
            break;
        }

        if (rc != SIO_OK || num >= call->nattachments) {
            run->why = "a placeholder is wrong";
            return NGX_DECLINED;
        }

        len -= found.len;

        if (result->plain) {
            len += ngx_sio_base64_marks
                   + sio_base64_len(call->attachments[num].len);
            same = 0;

            if (len > NGX_SIO_MAX_RESULT) {
                run->why = "the result is too long";
                return NGX_DECLINED;
            }

            continue;
        }

        n = ngx_sio_value_number(run, num, result, &to);
        if (n != NGX_OK) {
            return n;
        }

        len += sio_packet_write_placeholder(buf, to);

        if (to != num) {
            same = 0;
        }
    }

    if (same) {
        return NGX_OK;
    }

    p = ngx_pnalloc(call->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value->s.data = p;

    pos = slice.data;
    from = pos;

    while (sio_packet_next_placeholder(&slice, &pos, &found, &num) == SIO_OK) {

        p = ngx_cpymem(p, from, found.data - from);
        from = found.data + found.len;

        if (!result->plain) {
            p += sio_packet_write_placeholder(p, result->map[num]);
            continue;
        }

        p = ngx_cpymem(p, NGX_SIO_BASE64_HEAD,
                       sizeof(NGX_SIO_BASE64_HEAD) - 1);
        p += sio_base64_write(p, call->attachments[num].data,
                              call->attachments[num].len);
        p = ngx_cpymem(p, NGX_SIO_BASE64_TAIL,
                       sizeof(NGX_SIO_BASE64_TAIL) - 1);
    }

    p = ngx_cpymem(p, from, slice.data + slice.len - from);

    value->s.len = p - value->s.data;

    return NGX_OK;
}


/* the number that attachment num of the call has in the result; each goes in
   once, however often it is spoken of */

static ngx_int_t
ngx_sio_value_number(ngx_sio_run_t *run, uint32_t num,
    ngx_sio_result_t *result, uint32_t *to)
{
    ngx_int_t        rc;
    ngx_sio_call_t  *call;

    call = run->call;

    if (result->map == NULL) {

        result->map = ngx_palloc(call->pool,
                                 call->nattachments * sizeof(uint32_t));
        if (result->map == NULL) {
            return NGX_ERROR;
        }

        ngx_memset(result->map, 0xff, call->nattachments * sizeof(uint32_t));
    }

    if (result->map[num] == 0xffffffff) {

        rc = ngx_sio_result_attach(run, result, &call->attachments[num],
                                   &result->map[num]);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    *to = result->map[num];

    return NGX_OK;
}


/* binaries of socket.data become attachments */

static ngx_int_t
ngx_sio_value_decode(ngx_sio_run_t *run, ngx_sio_value_t *value,
    ngx_sio_result_t *result)
{
    u_char      *p, *from, *last, *mark, *end;
    size_t       n, len;
    uint32_t     num;
    ngx_int_t    rc;
    ngx_str_t    bytes;
    ngx_pool_t  *pool;

    pool = run->call->pool;

    from = value->s.data;
    last = from + value->s.len;

    if (value->s.len == 0 || ngx_sio_find_base64(from, last) == NULL) {
        return NGX_OK;
    }

    if (ngx_sio_look_alike(&value->s)) {
        run->why = "a value looks like a placeholder";
        return NGX_DECLINED;
    }

    /* a placeholder may be longer than what it stands for, by 40 bytes */

    len = value->s.len;
    n = sizeof(NGX_SIO_BASE64_HEAD) - 1;

    for (mark = from; (mark = ngx_sio_find_base64(mark, last)); mark += n) {
        len += SIO_PLACEHOLDER_MAX;
    }

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value->s.data = p;

    while ((mark = ngx_sio_find_base64(from, last))) {

        end = ngx_strlchr(mark + n, last, '"');

        if (end == NULL || last - end < 2 || end[1] != '}') {
            p = ngx_cpymem(p, from, mark + n - from);
            from = mark + n;
            continue;
        }

        p = ngx_cpymem(p, from, mark - from);
        from = end + 2;

        mark += n;

        bytes.data = ngx_pnalloc(pool, sio_base64_max_read(end - mark) + 1);
        if (bytes.data == NULL) {
            return NGX_ERROR;
        }

        bytes.len = sio_base64_read(bytes.data, mark, end - mark);

        rc = ngx_sio_result_attach(run, result, &bytes, &num);
        if (rc != NGX_OK) {
            return rc;
        }

        p += sio_packet_write_placeholder(p, num);
    }

    p = ngx_cpymem(p, from, last - from);

    value->s.len = p - value->s.data;
    value->checked = 1;

    return NGX_OK;
}


/*
 * Exactly as it is written here.  In valid JSON these bytes are always an
 * object that begins so, as a quote inside of a string is escaped.
 */

static u_char *
ngx_sio_find_base64(u_char *p, u_char *last)
{
    size_t  len;

    len = sizeof(NGX_SIO_BASE64_HEAD) - 1;

    while ((size_t) (last - p) >= len) {

        p = memchr(p, '{', last - p - len + 1);

        if (p == NULL) {
            return NULL;
        }

        if (ngx_memcmp(p, NGX_SIO_BASE64_HEAD, len) == 0) {
            return p;
        }

        p++;
    }

    return NULL;
}


static ngx_uint_t
ngx_sio_look_alike(const ngx_str_t *s)
{
    uint8_t    *pos;
    uint32_t    num;
    sio_str_t   slice, found;

    if (s->len == 0) {
        return 0;
    }

    slice = ngx_sio_slice(s);
    pos = slice.data;

    return sio_packet_next_placeholder(&slice, &pos, &found, &num) != SIO_DONE;
}


ngx_uint_t
ngx_sio_value_binary(ngx_sio_run_t *run, const ngx_sio_value_t *value,
    ngx_str_t *bytes)
{
    u_char    *p, *last, *end;
    uint8_t   *pos;
    uint32_t   num;
    sio_str_t  slice, found;

    if (value->kind != NGX_SIO_VALUE_JSON
        || value->s.len < 2 || value->s.data[0] != '{')
    {
        return 0;
    }

    if (value->packet && run->call->nattachments) {

        slice = ngx_sio_slice(&value->s);
        pos = slice.data;

        if (sio_packet_next_placeholder(&slice, &pos, &found, &num) != SIO_OK
            || found.data != slice.data
            || num >= run->call->nattachments)
        {
            return 0;
        }

        if (bytes) {
            *bytes = run->call->attachments[num];
        }

        return 1;
    }

    if (!value->data) {
        return 0;
    }

    p = value->s.data;
    last = p + value->s.len;

    if (ngx_sio_find_base64(p, last) != p) {
        return 0;
    }

    p += sizeof(NGX_SIO_BASE64_HEAD) - 1;
    end = ngx_strlchr(p, last, '"');

    if (end == NULL || last - end != 2 || end[1] != '}') {
        return 0;
    }

    if (bytes) {
        bytes->data = p;
        bytes->len = end - p;
    }

    return 1;
}


ngx_int_t
ngx_sio_text_repair(ngx_sio_run_t *run, ngx_str_t *text)
{
    size_t   len;
    u_char  *p;

    if (text->len == 0 || sio_utf8_valid(text->data, text->len) == SIO_OK) {
        return NGX_OK;
    }

    len = sio_utf8_repair(NULL, text->data, text->len);

    /* sio_utf8_repair() asks for three bytes a byte */

    p = ngx_pnalloc(run->call->pool, text->len * 3);
    if (p == NULL) {
        return NGX_ERROR;
    }

    (void) sio_utf8_repair(p, text->data, text->len);

    text->data = p;
    text->len = len;

    return NGX_OK;
}
