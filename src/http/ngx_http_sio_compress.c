
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Compressed answers to a GET: sio_http_compression.  The client's choice is
 * read as Node's Engine.IO reads it (npm's accepts and negotiator).
 *
 * A long answer is deflated a slice in each turn of the event loop, by a stream
 * of its own; its length must be known before the header goes.
 */


#include "ngx_http_sio_module.h"

#if (NGX_SIO_HAVE_ZLIB)
#include <zlib.h>
#endif


#define NGX_HTTP_SIO_SLICE       (128 * 1024)
#define NGX_HTTP_SIO_SLICES_TIME 60000

#define NGX_HTTP_SIO_GZIP_HEAD   10     /* RFC 1952, 2.3 */
#define NGX_HTTP_SIO_GZIP_TAIL   8
#define NGX_HTTP_SIO_ZLIB_HEAD   2      /* RFC 1950, 2.2 */
#define NGX_HTTP_SIO_ZLIB_TAIL   4


typedef enum {
    NGX_HTTP_SIO_IDENTITY = 0,
    NGX_HTTP_SIO_GZIP,
    NGX_HTTP_SIO_DEFLATE
} ngx_http_sio_encoding_e;


#if (NGX_SIO_HAVE_ZLIB)

/* what is known of one encoding; quality in millionths, 0: not
   acceptable */

typedef struct {
    ngx_int_t   quality;
    ngx_int_t   order;          /* its place in the header, -1: not there */
    ngx_uint_t  named;          /* not by "*" */
} ngx_http_sio_priority_t;


typedef struct {
    z_stream                    zs;
    ngx_event_t                 event;          /* posted: the next slice */
    ngx_http_request_t         *request;
    u_char                     *start;
    size_t                      left;           /* bytes not given to zs yet */
    ngx_http_sio_encoding_e     encoding;
    ngx_http_sio_compressed_pt  handler;
} ngx_http_sio_slices_t;


static ngx_int_t ngx_http_sio_compress_header(ngx_http_request_t *r,
    ngx_http_sio_encoding_e encoding);
static ngx_int_t ngx_http_sio_slices(ngx_http_request_t *r, ngx_str_t *body,
    ngx_http_sio_encoding_e encoding, ngx_http_sio_compressed_pt handler);
static void ngx_http_sio_slice(ngx_event_t *ev);
static void ngx_http_sio_slices_cleanup(void *data);
static ngx_http_sio_encoding_e ngx_http_sio_encoding(ngx_http_request_t *r);
static void ngx_http_sio_encoding_parse(u_char *p, u_char *last,
    ngx_int_t *order, ngx_http_sio_priority_t *gzip,
    ngx_http_sio_priority_t *deflate);
static ngx_int_t ngx_http_sio_encoding_quality(u_char *p, u_char *last);
static ngx_int_t ngx_http_sio_quality(u_char *p, u_char *last);
static void ngx_http_sio_encoding_prefer(ngx_http_sio_priority_t *old,
    ngx_int_t quality, ngx_int_t order, ngx_uint_t named);
static u_char *ngx_http_sio_put32(u_char *p, uint32_t n, ngx_uint_t big);

#endif


/* sio_http_compression */

char *
ngx_http_sio_threshold(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char *p = conf;

    size_t     *field;
    ssize_t     size;
    ngx_str_t  *value, s;

    field = (size_t *) (p + cmd->offset);

    if (*field != NGX_CONF_UNSET_SIZE) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        *field = NGX_HTTP_SIO_NEVER;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value[1].data, "on") == 0) {
        size = NGX_HTTP_SIO_THRESHOLD;

    } else {
        size = NGX_ERROR;

        if (ngx_strncmp(value[1].data, "threshold=", 10) == 0) {
            s.data = value[1].data + 10;
            s.len = value[1].len - 10;
            size = ngx_parse_size(&s);
        }

        if (size == NGX_ERROR || size > NGX_MAX_INT32_VALUE - 1) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid value \"%V\" in \"%V\" directive, it "
                               "is \"on\", \"off\" or \"threshold=SIZE\"",
                               &value[1], &cmd->name);
            return NGX_CONF_ERROR;
        }
    }

#if (NGX_SIO_HAVE_ZLIB)

    *field = size;

    return NGX_CONF_OK;

#else

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%V\" needs zlib, which this module was built "
                       "without; only \"off\" is possible", &cmd->name);
    return NGX_CONF_ERROR;

#endif
}


#if (NGX_SIO_HAVE_ZLIB)

ngx_int_t
ngx_http_sio_compress(ngx_http_request_t *r, ngx_http_sio_loc_conf_t *conf,
    ngx_str_t *body, ngx_http_sio_compressed_pt handler)
{
    u_char                   *p, *dst;
    size_t                    size, len;
    ngx_http_sio_encoding_e   encoding;

    /* a zlib stream of RFC 1950: window of 32 KB, fastest level */
    static u_char  zlib[] = { 0x78, 0x01 };

    /* RFC 1952: no name, no time, fastest level, Unix */
    static u_char  gzip[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 3 };

    if (conf->http_compression == NGX_HTTP_SIO_NEVER
        || body->len < conf->http_compression)
    {
        return NGX_OK;
    }

    encoding = ngx_http_sio_encoding(r);

    if (encoding == NGX_HTTP_SIO_IDENTITY) {
        return NGX_OK;
    }

    if (body->len > NGX_HTTP_SIO_SLICE) {
        return ngx_http_sio_slices(r, body, encoding, handler);
    }

    size = ngx_sio_deflate_bound(body->len);
    if (size == 0) {
        return NGX_OK;
    }

    dst = ngx_pnalloc(r->pool, NGX_HTTP_SIO_GZIP_HEAD + size
                               + NGX_HTTP_SIO_GZIP_TAIL);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    if (encoding == NGX_HTTP_SIO_GZIP) {
        p = ngx_cpymem(dst, gzip, NGX_HTTP_SIO_GZIP_HEAD);

    } else {
        p = ngx_cpymem(dst, zlib, NGX_HTTP_SIO_ZLIB_HEAD);
    }

    len = ngx_sio_deflate(p, size, body->data, body->len);
    if (len == 0) {
        /* no memory: as it is */
        return NGX_OK;
    }

    p += len;

    if (encoding == NGX_HTTP_SIO_GZIP) {
        p = ngx_http_sio_put32(p, crc32(crc32(0, NULL, 0), body->data,
                                        (uInt) body->len), 0);
        p = ngx_http_sio_put32(p, (uint32_t) body->len, 0);

    } else {
        p = ngx_http_sio_put32(p, adler32(adler32(0, NULL, 0), body->data,
                                          (uInt) body->len), 1);
    }

    body->data = dst;
    body->len = p - dst;

    return ngx_http_sio_compress_header(r, encoding);
}


static ngx_int_t
ngx_http_sio_compress_header(ngx_http_request_t *r,
    ngx_http_sio_encoding_e encoding)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    ngx_str_set(&h->key, "Content-Encoding");
    h->lowcase_key = NULL;

    if (encoding == NGX_HTTP_SIO_GZIP) {
        ngx_str_set(&h->value, "gzip");

    } else {
        ngx_str_set(&h->value, "deflate");
    }

    /* nginx's gzip filter stays away from what has one */

    r->headers_out.content_encoding = h;

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_slices(ngx_http_request_t *r, ngx_str_t *body,
    ngx_http_sio_encoding_e encoding, ngx_http_sio_compressed_pt handler)
{
    size_t                  size;
    ngx_http_cleanup_t     *cln;
    ngx_http_sio_slices_t  *s;

    cln = ngx_http_cleanup_add(r, sizeof(ngx_http_sio_slices_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    s = cln->data;
    ngx_memzero(s, sizeof(ngx_http_sio_slices_t));

    /* 16: zlib writes gzip's header and trailer */

    if (deflateInit2(&s->zs, 1, Z_DEFLATED,
                     MAX_WBITS + (encoding == NGX_HTTP_SIO_GZIP ? 16 : 0),
                     MAX_MEM_LEVEL - 1, Z_DEFAULT_STRATEGY)
        != Z_OK)
    {
        /* no memory: as it is */
        return NGX_OK;
    }

    cln->handler = ngx_http_sio_slices_cleanup;

    size = deflateBound(&s->zs, body->len);

    s->start = ngx_pnalloc(r->pool, size);
    if (s->start == NULL) {
        return NGX_ERROR;
    }

    s->zs.next_in = body->data;
    s->zs.next_out = s->start;
    s->zs.avail_out = (uInt) size;

    s->left = body->len;
    s->request = r;
    s->encoding = encoding;
    s->handler = handler;

    s->event.handler = ngx_http_sio_slice;
    s->event.data = s;
    s->event.log = r->connection->log;

    ngx_post_event(&s->event, &ngx_posted_events);

    /* a worker that shuts down waits for timers, not for posted events */

    ngx_add_timer(&s->event, NGX_HTTP_SIO_SLICES_TIME);

    return NGX_AGAIN;
}


static void
ngx_http_sio_slice(ngx_event_t *ev)
{
    int                     rc;
    size_t                  n;
    ngx_str_t               body;
    ngx_http_sio_slices_t  *s;

    s = ev->data;

    n = ngx_min(s->left, NGX_HTTP_SIO_SLICE);

    s->zs.avail_in += (uInt) n;
    s->left -= n;

    rc = deflate(&s->zs, s->left ? Z_NO_FLUSH : Z_FINISH);

    if (s->left && rc == Z_OK) {
        ngx_post_event(ev, &ngx_posted_next_events);
        return;
    }

    body.data = s->start;
    body.len = s->zs.next_out - s->start;

    if (rc != Z_STREAM_END
        || ngx_http_sio_compress_header(s->request, s->encoding) != NGX_OK)
    {
        s->handler(s->request, NULL);
        return;
    }

    s->handler(s->request, &body);
}


/* the answer is on its way, or its client is gone */

static void
ngx_http_sio_slices_cleanup(void *data)
{
    ngx_http_sio_slices_t *s = data;

    if (s->event.posted) {
        ngx_delete_posted_event(&s->event);
    }

    if (s->event.timer_set) {
        ngx_del_timer(&s->event);
    }

    (void) deflateEnd(&s->zs);
}


static u_char *
ngx_http_sio_put32(u_char *p, uint32_t n, ngx_uint_t big)
{
    ngx_uint_t  i;

    for (i = 0; i < 4; i++) {
        *p++ = (u_char) (n >> 8 * (big ? 3 - i : i));
    }

    return p;
}


static ngx_http_sio_encoding_e
ngx_http_sio_encoding(ngx_http_request_t *r)
{
    ngx_int_t                 order;
    ngx_uint_t                i;
    ngx_list_part_t          *part;
    ngx_table_elt_t          *h;
    ngx_http_sio_priority_t   gzip, deflate;

    gzip.quality = 0;
    gzip.order = -1;
    gzip.named = 0;

    deflate = gzip;
    order = 0;

    /* several headers are one list */

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].hash == 0
                || h[i].key.len != sizeof("accept-encoding") - 1
                || ngx_strncmp(h[i].lowcase_key, "accept-encoding",
                               h[i].key.len)
                   != 0)
            {
                continue;
            }

            ngx_http_sio_encoding_parse(h[i].value.data,
                                        h[i].value.data + h[i].value.len,
                                        &order, &gzip, &deflate);
        }
    }

    if (gzip.quality <= 0) {
        return deflate.quality > 0 ? NGX_HTTP_SIO_DEFLATE
                                   : NGX_HTTP_SIO_IDENTITY;
    }

    if (deflate.quality <= 0) {
        return NGX_HTTP_SIO_GZIP;
    }

    if (deflate.quality != gzip.quality) {
        return deflate.quality > gzip.quality ? NGX_HTTP_SIO_DEFLATE
                                              : NGX_HTTP_SIO_GZIP;
    }

    if (deflate.named != gzip.named) {
        return deflate.named ? NGX_HTTP_SIO_DEFLATE : NGX_HTTP_SIO_GZIP;
    }

    return deflate.order < gzip.order ? NGX_HTTP_SIO_DEFLATE
                                      : NGX_HTTP_SIO_GZIP;
}


/* RFC 9110, 12.5.3: "gzip;q=0.5, *"; what is no element is passed over */

static void
ngx_http_sio_encoding_parse(u_char *p, u_char *last, ngx_int_t *order,
    ngx_http_sio_priority_t *gzip, ngx_http_sio_priority_t *deflate)
{
    u_char     *end, *name;
    size_t      len;
    ngx_int_t   quality;

    for ( /* void */ ; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, ',');

        if (end == NULL) {
            end = last;
        }

        (*order)++;

        while (p < end && (*p == ' ' || *p == '\t')) {
            p++;
        }

        name = p;

        while (p < end && *p != ' ' && *p != '\t' && *p != ';') {
            p++;
        }

        len = p - name;

        while (p < end && (*p == ' ' || *p == '\t')) {
            p++;
        }

        if (len == 0 || (p < end && *p != ';')) {
            continue;
        }

        quality = ngx_http_sio_encoding_quality(p, end);

        if (len == 1 && *name == '*') {
            ngx_http_sio_encoding_prefer(gzip, quality, *order, 0);
            ngx_http_sio_encoding_prefer(deflate, quality, *order, 0);

        } else if (len == 4
                   && ngx_strncasecmp(name, (u_char *) "gzip", 4) == 0)
        {
            ngx_http_sio_encoding_prefer(gzip, quality, *order, 1);

        } else if (len == 7
                   && ngx_strncasecmp(name, (u_char *) "deflate", 7) == 0)
        {
            ngx_http_sio_encoding_prefer(deflate, quality, *order, 1);
        }
    }
}


/* of parameters, each with ";" in front, the first "q" */

static ngx_int_t
ngx_http_sio_encoding_quality(u_char *p, u_char *last)
{
    while (p < last) {

        p++;

        while (p < last && (*p == ' ' || *p == '\t')) {
            p++;
        }

        if (p < last && *p == 'q') {

            if (p + 1 == last || p[1] == ';') {
                return 0;
            }

            if (p[1] == '=') {
                return ngx_http_sio_quality(p + 2, last);
            }
        }

        while (p < last && *p != ';') {
            p++;
        }
    }

    return 1000000;
}


/* a number in millionths; what is none counts as 0 */

static ngx_int_t
ngx_http_sio_quality(u_char *p, u_char *last)
{
    ngx_int_t   n, unit;
    ngx_uint_t  negative;

    negative = 0;

    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    if (p < last && (*p == '+' || *p == '-')) {
        negative = (*p++ == '-');
    }

    for (n = 0; p < last && *p >= '0' && *p <= '9'; p++) {
        n = ngx_min(n * 10 + (*p - '0') * 1000000, 100000000);
    }

    if (p < last && *p == '.') {
        p++;

        for (unit = 100000;
             unit && p < last && *p >= '0' && *p <= '9';
             unit /= 10)
        {
            n += (*p++ - '0') * unit;
        }
    }

    return negative ? -n : n;
}


/* a name says more than "*"; then the higher quality, then the later one */

static void
ngx_http_sio_encoding_prefer(ngx_http_sio_priority_t *old, ngx_int_t quality,
    ngx_int_t order, ngx_uint_t named)
{
    if (old->order != -1
        && (old->named > named
            || (old->named == named && old->quality > quality)))
    {
        return;
    }

    old->quality = quality;
    old->order = order;
    old->named = named;
}


#else

ngx_int_t
ngx_http_sio_compress(ngx_http_request_t *r, ngx_http_sio_loc_conf_t *conf,
    ngx_str_t *body, ngx_http_sio_compressed_pt handler)
{
    return NGX_OK;
}

#endif
