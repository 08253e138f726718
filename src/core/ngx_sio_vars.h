
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Variables of rules: what "$name" in a rule is, and its value during a call.
 *
 * A value is a slice: of the packet's own bytes wherever possible, else of
 * bytes in the call's pool.  Nothing is kept from one call to the next.
 */


#ifndef _NGX_SIO_VARS_H_INCLUDED_
#define _NGX_SIO_VARS_H_INCLUDED_


#include "ngx_sio_core.h"


typedef struct ngx_sio_var_s   ngx_sio_var_t;
typedef struct ngx_sio_set_s   ngx_sio_set_t;
typedef struct ngx_sio_text_s  ngx_sio_text_t;


/* the most that one packet, or one text, may come to: bytes */
#define NGX_SIO_MAX_RESULT  (16 * 1024 * 1024)

/* ECMA-262, Number.MAX_SAFE_INTEGER: beyond it two numbers may look the same */
#define NGX_SIO_MAX_INTEGER  9007199254740991


typedef enum {
    NGX_SIO_VAR_NAME = 0,           /* sio_set's or another module's: not
                                       known before all has been read */
    NGX_SIO_VAR_SET,                /* sio_set */
    NGX_SIO_VAR_INFO,               /* another module's, of the handshake */
    NGX_SIO_VAR_FRESH,              /* a volatile map: fresh at each use */
    NGX_SIO_VAR_MSEC,               /* $msec and $time_*: fresh at each use */
    NGX_SIO_VAR_TIME_LOCAL,
    NGX_SIO_VAR_TIME_ISO8601,
    NGX_SIO_VAR_CAPTURE,            /* of the rule's regex */
    NGX_SIO_VAR_NSP_CAPTURE,        /* of the namespace's */

    NGX_SIO_VAR_ID,
    NGX_SIO_VAR_NSP,
    NGX_SIO_VAR_EVENT,
    NGX_SIO_VAR_ARGS,               /* from index n on */
    NGX_SIO_VAR_ARG,                /* index n */
    NGX_SIO_VAR_ACK,
    NGX_SIO_VAR_ROOMS,
    NGX_SIO_VAR_AUTH,
    NGX_SIO_VAR_HANDSHAKE,
    NGX_SIO_VAR_DATA,
    NGX_SIO_VAR_JWT,
    NGX_SIO_VAR_REASON,
    NGX_SIO_VAR_ERROR,
    NGX_SIO_VAR_TRANSPORT,
    NGX_SIO_VAR_RECOVERED,
    NGX_SIO_VAR_USER,
    NGX_SIO_VAR_TIME
} ngx_sio_var_e;


struct ngx_sio_var_s {
    ngx_sio_var_e             type;
    ngx_uint_t                n;            /* ARG, ARGS: index; captures:
                                               number; FRESH: http's */
    ngx_str_t                 name;         /* without "$", lower case; DATA,
                                               JWT: a JSON pointer */
    ngx_sio_set_t            *set;
};


typedef enum {
    NGX_SIO_SET_ARGS = 0,
    NGX_SIO_SET_AUTH,
    NGX_SIO_SET_DATA,
    NGX_SIO_SET_QUERY,
    NGX_SIO_SET_JWT,
    NGX_SIO_SET_SIZE,
    NGX_SIO_SET_SOCKETS
} ngx_sio_set_e;


typedef enum {
    NGX_SIO_TYPE_ANY = 0,
    NGX_SIO_TYPE_STRING,
    NGX_SIO_TYPE_NUMBER,
    NGX_SIO_TYPE_BOOLEAN,
    NGX_SIO_TYPE_ARRAY,
    NGX_SIO_TYPE_OBJECT,
    NGX_SIO_TYPE_BINARY
} ngx_sio_type_e;


struct ngx_sio_set_s {
    ngx_str_t                 name;         /* without "$" */
    ngx_sio_set_e             source;
    ngx_sio_type_e            type;
    ngx_str_t                 pointer;      /* ARGS: behind the index */
    ngx_int_t                 index;        /* ARGS: -1 is all of them */
    ngx_sio_text_t           *room;         /* SIZE, SOCKETS; NULL: "*" */
    ngx_array_t               vars;         /* of ngx_sio_var_t *, in room */
    ngx_str_t                 spelling;     /* of the directive's words */
    u_char                   *file;
    ngx_uint_t                line;
};


#if (NGX_PCRE)

typedef struct {
    ngx_regex_t              *regex;
    ngx_uint_t                captures;     /* groups */
    ngx_uint_t                named;
    size_t                    name_size;
    u_char                   *names;
} ngx_sio_regex_t;

#else

typedef void  ngx_sio_regex_t;

#endif


/* one call while it runs */

typedef struct {
    ngx_sio_call_t           *call;
    ngx_sio_regex_t          *regex;        /* of the rule, NULL: none */
    int                      *captures;     /* of call->event */
    ngx_sio_regex_t          *nsp_regex;    /* of the namespace */
    int                      *nsp_captures; /* of call->nsp, when asked for */
    const char               *why;          /* of a failure, for the log */
} ngx_sio_run_t;


typedef enum {
    NGX_SIO_VALUE_MISSING = 0,
    NGX_SIO_VALUE_TEXT,                     /* plain bytes */
    NGX_SIO_VALUE_JSON,                     /* a value as it is spelled */
    NGX_SIO_VALUE_LIST                      /* elements with commas between, no
                                               brackets: may be empty */
} ngx_sio_value_e;


typedef struct {
    ngx_sio_value_e           kind;
    ngx_str_t                 s;
    unsigned                  packet:1;     /* its placeholders are the call's
                                               attachments */
    unsigned                  whole:1;      /* LIST: all arguments */
    unsigned                  data:1;       /* {"_base64":""} in it is ours */
    unsigned                  rooms:1;      /* an array stands for its elements
                                               where a ROOM is asked for */
    unsigned                  foreign:1;    /* TEXT of another module */
    unsigned                  utf8:1;       /* TEXT that is known to be valid */
    unsigned                  checked:1;    /* JSON: no look-alikes in it */
} ngx_sio_value_t;


/* a core type as a wire type; the bytes are the same ones */

static ngx_inline sio_str_t
ngx_sio_slice(const ngx_str_t *s)
{
    sio_str_t  slice;

    slice.len = s->len;
    slice.data = s->data;

    return slice;
}


/*
 * The value of a variable now.  Bytes: the packet's, or from the call's pool.
 *
 * NGX_OK (value->kind may be MISSING), NGX_ERROR: no memory
 */
ngx_int_t ngx_sio_var_get(ngx_sio_run_t *run, const ngx_sio_var_t *var,
    ngx_sio_value_t *value);

/* the claim at that JSON pointer, into value, which is zeroed
   (ngx_sio_expire.c).  NGX_OK */
ngx_int_t ngx_sio_var_jwt(ngx_sio_run_t *run, const ngx_str_t *pointer,
    ngx_sio_value_t *value);

/*
 * A value as text: a string itself, a number in JavaScript's form, compact
 * JSON, base64 of a binary; missing is empty.  May point into value->s.
 *
 * NGX_OK; NGX_DECLINED: too long (run->why); NGX_ERROR: no memory
 */
ngx_int_t ngx_sio_value_text(ngx_sio_run_t *run, const ngx_sio_value_t *value,
    ngx_str_t *text);

/*
 * A value that must be a string or a number, as a name.
 *
 * NGX_OK; NGX_DECLINED: it is neither (run->why); NGX_ERROR: no memory
 */
ngx_int_t ngx_sio_value_name(ngx_sio_run_t *run, const ngx_sio_value_t *value,
    ngx_str_t *text);

/* is a value true in a condition: 1 or 0 */
ngx_uint_t ngx_sio_value_truthy(const ngx_sio_value_t *value);

/*
 * Matches text against a regex; captures (NULL: none wanted) come from the
 * call's pool, (regex->captures + 1) * 3 of them.
 *
 * NGX_OK; NGX_DECLINED: no match; NGX_ERROR: the regex failed (run->why) or no
 * memory
 */
ngx_int_t ngx_sio_regex_match(ngx_sio_run_t *run, ngx_sio_regex_t *regex,
    const ngx_str_t *text, int **captures);


#endif /* _NGX_SIO_VARS_H_INCLUDED_ */
