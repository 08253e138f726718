
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The browser's client, at the path where it looks for its server
 * (sio_serve_client): these names and no others.
 */


#include "ngx_http_sio_module.h"


#define NGX_HTTP_SIO_HEAD_COMMENT  256


static ngx_int_t ngx_http_sio_serve_send(ngx_http_request_t *r,
    ngx_str_t *path, ngx_open_file_info_t *of, ngx_uint_t map,
    ngx_str_t *etag);
static ngx_int_t ngx_http_sio_serve_open(ngx_http_request_t *r,
    ngx_str_t *path, ngx_open_file_info_t *of);
static ngx_int_t ngx_http_sio_serve_etag(ngx_http_request_t *r, ngx_fd_t fd,
    ngx_str_t *etag);
static ngx_uint_t ngx_http_sio_serve_fresh(ngx_http_request_t *r,
    ngx_str_t *etag);


static ngx_str_t  ngx_http_sio_client_files[] = {
    ngx_string("socket.io.js"),
    ngx_string("socket.io.min.js"),
    ngx_string("socket.io.esm.min.js"),
    ngx_string("socket.io.msgpack.min.js"),
    ngx_null_string
};


ngx_int_t
ngx_http_sio_serve(ngx_http_request_t *r, ngx_http_sio_loc_conf_t *conf)
{
    u_char                *p;
    ngx_str_t             *file, name, path, etag;
    ngx_int_t              rc;
    ngx_uint_t             map;
    ngx_open_file_info_t   of;

    if (conf->serve_client.len == 0
        || r->uri.len < conf->location->name.len)
    {
        return NGX_DECLINED;
    }

    name.data = r->uri.data + conf->location->name.len;
    name.len = r->uri.len - conf->location->name.len;

    if (name.len && name.data[0] == '/') {
        name.data++;
        name.len--;
    }

    map = 0;

    for (file = ngx_http_sio_client_files; /* void */ ; file++) {

        if (file->len == 0) {
            return NGX_DECLINED;
        }

        if (name.len < file->len
            || ngx_strncmp(name.data, file->data, file->len) != 0)
        {
            continue;
        }

        if (name.len == file->len) {
            break;
        }

        if (name.len == file->len + 4
            && ngx_strncmp(name.data + file->len, ".map", 4) == 0)
        {
            map = 1;
            break;
        }
    }

    path.len = conf->serve_client.len + 1 + name.len;

    path.data = ngx_pnalloc(r->pool, path.len + 1);
    if (path.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_cpymem(path.data, conf->serve_client.data, conf->serve_client.len);
    *p++ = '/';
    p = ngx_cpymem(p, name.data, file->len);
    *p = '\0';

    /* the version stands in the script, also that of its map */

    path.len = p - path.data;
    ngx_str_null(&etag);

    rc = ngx_http_sio_serve_open(r, &path, &of);

    if (rc == NGX_OK) {
        rc = ngx_http_sio_serve_etag(r, of.fd, &etag);
        if (rc == NGX_ERROR) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        rc = NGX_OK;
    }

    if (map) {
        p = ngx_cpymem(p, ".map", 4);
        *p = '\0';
        path.len = p - path.data;

        rc = ngx_http_sio_serve_open(r, &path, &of);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_sio_serve_send(r, &path, &of, map, &etag);
}


static ngx_int_t
ngx_http_sio_serve_send(ngx_http_request_t *r, ngx_str_t *path,
    ngx_open_file_info_t *of, ngx_uint_t map, ngx_str_t *etag)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    static ngx_str_t  cache = ngx_string("public, max-age=0");

    rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (etag->len && ngx_http_sio_serve_fresh(r, etag)) {
        r->headers_out.status = NGX_HTTP_NOT_MODIFIED;
        r->header_only = 1;

        return ngx_http_send_header(r);
    }

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = of->size;

    if (map) {
        ngx_str_set(&r->headers_out.content_type,
                    "application/json; charset=utf-8");
        r->headers_out.content_type_len = sizeof("application/json") - 1;

    } else {
        ngx_str_set(&r->headers_out.content_type,
                    "application/javascript; charset=utf-8");
        r->headers_out.content_type_len = sizeof("application/javascript") - 1;
    }

    r->headers_out.content_type_lowcase = NULL;

    if (ngx_http_sio_set_header(r, "Cache-Control", &cache) != NGX_OK
        || (etag->len && ngx_http_sio_set_header(r, "ETag", etag) != NGX_OK))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->file = ngx_pcalloc(r->pool, sizeof(ngx_file_t));
    if (b->file == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->file_pos = 0;
    b->file_last = of->size;
    b->in_file = b->file_last ? 1 : 0;
    b->last_buf = 1;
    b->last_in_chain = 1;

    b->file->fd = of->fd;
    b->file->name = *path;
    b->file->log = r->connection->log;
    b->file->directio = of->is_directio;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


/* NGX_OK, or the status to answer with; path ends with a null byte */

static ngx_int_t
ngx_http_sio_serve_open(ngx_http_request_t *r, ngx_str_t *path,
    ngx_open_file_info_t *of)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    ngx_memzero(of, sizeof(ngx_open_file_info_t));

    of->read_ahead = clcf->read_ahead;
    of->directio = clcf->directio;
    of->valid = clcf->open_file_cache_valid;
    of->min_uses = clcf->open_file_cache_min_uses;
    of->errors = clcf->open_file_cache_errors;
    of->events = clcf->open_file_cache_events;

    if (ngx_open_cached_file(clcf->open_file_cache, path, of, r->pool)
        != NGX_OK)
    {
        if (of->err == 0) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_log_error(NGX_LOG_ERR, r->connection->log, of->err,
                      "sio client: %s \"%s\" failed", of->failed, path->data);

        return (of->err == NGX_EACCES) ? NGX_HTTP_FORBIDDEN
                                       : NGX_HTTP_NOT_FOUND;
    }

    return of->is_file ? NGX_OK : NGX_HTTP_NOT_FOUND;
}


/* "Socket.IO v4.8.4" in the head comment.  NGX_OK, NGX_DECLINED: none there */

static ngx_int_t
ngx_http_sio_serve_etag(ngx_http_request_t *r, ngx_fd_t fd, ngx_str_t *etag)
{
    u_char      *p, *last, *v, buf[NGX_HTTP_SIO_HEAD_COMMENT];
    ssize_t      n;
    ngx_file_t   file;

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.fd = fd;
    file.log = r->connection->log;
    ngx_str_set(&file.name, "socket.io.js");

    n = ngx_read_file(&file, buf, sizeof(buf), 0);

    if (n <= 0) {
        return NGX_DECLINED;
    }

    last = buf + n;

    p = ngx_strnstr(buf, "Socket.IO v", n);
    if (p == NULL) {
        return NGX_DECLINED;
    }

    v = p + sizeof("Socket.IO v") - 1;

    for (p = v; p < last; p++) {
        if ((*p < '0' || *p > '9') && (*p < 'a' || *p > 'z')
            && *p != '.' && *p != '-')
        {
            break;
        }
    }

    etag->len = p - v + 2;

    etag->data = ngx_pnalloc(r->pool, etag->len);
    if (etag->data == NULL) {
        return NGX_ERROR;
    }

    etag->data[0] = '"';
    ngx_memcpy(etag->data + 1, v, p - v);
    etag->data[etag->len - 1] = '"';

    return NGX_OK;
}


/* lists and "*" are not understood, as in Node */

static ngx_uint_t
ngx_http_sio_serve_fresh(ngx_http_request_t *r, ngx_str_t *etag)
{
    ngx_str_t  value;

    if (r->headers_in.if_none_match == NULL) {
        return 0;
    }

    value = r->headers_in.if_none_match->value;

    if (value.len > 2 && ngx_strncmp(value.data, "W/", 2) == 0) {
        value.data += 2;
        value.len -= 2;
    }

    return value.len == etag->len
           && ngx_strncmp(value.data, etag->data, etag->len) == 0;
}
