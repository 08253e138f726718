
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Binary values.  In a packet they are attachments, and a placeholder stands
 * where they belong; in socket.data they are {"_base64":"..."}, which only we
 * write there.
 */


#include "ngx_sio_value.h"
#include "../wire/sio_base64.h"


static ngx_int_t ngx_sio_value_renumber(ngx_sio_run_t *run,
    ngx_sio_value_t *value, ngx_sio_result_t *result);
static ngx_int_t ngx_sio_value_number(ngx_sio_run_t *run, uint32_t num,
    ngx_sio_result_t *result, uint32_t *to);
static ngx_int_t ngx_sio_value_decode(ngx_sio_run_t *run,
    ngx_sio_value_t *value, ngx_sio_result_t *result);
static u_char *ngx_sio_find_base64(u_char *p, u_char *last);


ngx_int_t
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

ngx_int_t
ngx_sio_result_grow(ngx_sio_run_t *run, ngx_sio_result_t *result, size_t size)
{
    if (size > NGX_SIO_MAX_RESULT - result->size) {
        run->why = "the result is too long";
        return NGX_DECLINED;
    }

    result->size += size;

    return NGX_OK;
}


/* makes value->s what can be written: binaries in it are the result's */

ngx_int_t
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


ngx_uint_t
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
