
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Templates: the TEXT, ROOM and ARG parameters of rules in their compiled
 * form (owner: the cycle's pool), and what they come to in a call.
 */


#ifndef _NGX_SIO_VALUE_H_INCLUDED_
#define _NGX_SIO_VALUE_H_INCLUDED_


#include "ngx_sio_vars.h"


/* plain text with variables in it: TEXT, ROOM, EVENT */

typedef struct {
    ngx_str_t                 text;         /* when var is NULL */
    ngx_sio_var_t            *var;
} ngx_sio_part_t;

struct ngx_sio_text_s {
    ngx_str_t                 constant;     /* when there are no parts */
    ngx_sio_part_t           *parts;
    ngx_uint_t                nparts;       /* 1: a variable and nothing else */
};


/*
 * JSON with variables in it: one ARG, or a packet's whole array.
 *
 * Pieces are written one behind the other.  A comma goes in front of a piece
 * that asks for one, unless the byte written last is "[" or "{": so members
 * and arguments that are missing take theirs along.
 */

typedef enum {
    NGX_SIO_PIECE_CONST = 0,                /* bytes */
    NGX_SIO_PIECE_VALUE,                    /* missing: null */
    NGX_SIO_PIECE_MEMBER,                   /* missing: nothing at all */
    NGX_SIO_PIECE_SPREAD,                   /* all elements of $sio_args */
    NGX_SIO_PIECE_TEXT,                     /* inside of a string */
    NGX_SIO_PIECE_BINARY,                   /* a constant attachment */
    NGX_SIO_PIECE_EVENT                     /* the name given by the caller */
} ngx_sio_piece_e;

typedef struct {
    ngx_sio_piece_e           type;
    ngx_uint_t                comma;
    ngx_str_t                 bytes;        /* CONST: all of it; else what goes
                                               in front of the value */
    ngx_str_t                 binary;       /* BINARY: raw bytes */
    ngx_sio_var_t            *var;
} ngx_sio_piece_t;

typedef struct {
    ngx_sio_piece_t          *pieces;
    ngx_uint_t                npieces;
} ngx_sio_json_t;


/* what a JSON template came to; zeroed by the caller, then plain and strict */

typedef struct {
    ngx_str_t                 json;
    ngx_str_t                *attachments;
    ngx_uint_t                nattachments;
    ngx_uint_t                cap;
    size_t                    size;         /* bytes so far, attachments too */
    uint32_t                 *map;          /* of the call's attachments: where
                                               they are in attachments */
    unsigned                  plain:1;      /* no attachments: a binary value is
                                               {"_base64":""} */
    unsigned                  strict:1;     /* a client's value that looks like
                                               that fails */
} ngx_sio_result_t;


/*
 * NGX_OK; NGX_DECLINED: the rule fails (run->why); NGX_ERROR: no memory.
 * Results are constants of the configuration, the packet's bytes, or from the
 * call's pool.
 */

/* event: the name for an EVENT piece, valid UTF-8; else NULL */
ngx_int_t ngx_sio_json_eval(ngx_sio_run_t *run, const ngx_sio_json_t *json,
    const ngx_str_t *event, ngx_sio_result_t *result);

/* a missing variable is empty */
ngx_int_t ngx_sio_text_eval(ngx_sio_run_t *run, const ngx_sio_text_t *text,
    ngx_str_t *result);

/* the same, the text made valid UTF-8 */
ngx_int_t ngx_sio_utf8_eval(ngx_sio_run_t *run, const ngx_sio_text_t *text,
    ngx_str_t *result);

/* EVENT: not empty, not reserved, valid UTF-8 */
ngx_int_t ngx_sio_event_eval(ngx_sio_run_t *run, const ngx_sio_text_t *text,
    ngx_str_t *result);

/* one ROOM that is not a list */
ngx_int_t ngx_sio_room_eval(ngx_sio_run_t *run, const ngx_sio_text_t *text,
    ngx_str_t *room);

/* ROOMs, lists among them in place of their elements; *n may become 0 */
ngx_int_t ngx_sio_rooms_eval(ngx_sio_run_t *run, const ngx_sio_text_t *texts,
    ngx_uint_t ntexts, ngx_str_t **rooms, ngx_uint_t *n);

/* a value as JSON without attachments, in result->json */
ngx_int_t ngx_sio_value_plain(ngx_sio_run_t *run, ngx_sio_value_t *value,
    ngx_sio_result_t *result);

/*
 * Binary values (ngx_sio_binary.c)
 */

#define NGX_SIO_BASE64_HEAD   "{\"_base64\":\""
#define NGX_SIO_BASE64_TAIL   "\"}"

#define ngx_sio_base64_marks                                                  \
    (sizeof(NGX_SIO_BASE64_HEAD NGX_SIO_BASE64_TAIL) - 1)

/* adds an attachment; *num is its number */
ngx_int_t ngx_sio_result_attach(ngx_sio_run_t *run, ngx_sio_result_t *result,
    const ngx_str_t *bytes, uint32_t *num);

/* counts size bytes; NGX_DECLINED: too many in all */
ngx_int_t ngx_sio_result_grow(ngx_sio_run_t *run, ngx_sio_result_t *result,
    size_t size);

/* makes value->s what can be written: binaries in it become the result's */
ngx_int_t ngx_sio_value_settle(ngx_sio_run_t *run, ngx_sio_value_t *value,
    ngx_sio_result_t *result);

/* is there something in valid JSON that a receiver would take for a
   placeholder: 1 or 0 */
ngx_uint_t ngx_sio_look_alike(const ngx_str_t *s);

/* text as valid UTF-8 */
ngx_int_t ngx_sio_text_repair(ngx_sio_run_t *run, ngx_str_t *text);

/* is a slice of call data or arguments a binary value: 1 or 0; *bytes (NULL:
   not wanted) is then its raw bytes (packet) or base64 text (data) */
ngx_uint_t ngx_sio_value_binary(ngx_sio_run_t *run,
    const ngx_sio_value_t *value, ngx_str_t *bytes);


#endif /* _NGX_SIO_VALUE_H_INCLUDED_ */
