
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
