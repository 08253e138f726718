
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Rules: what `sio_on EVENT { ... }` blocks become when the configuration is
 * read, and their evaluation.  All structures live in the cycle's pool and are
 * read only afterwards.
 *
 *     ngx_sio_rules_t      one location's: what core and http know
 *     ngx_sio_program_t    its namespaces: exact names, then regexes
 *     ngx_sio_nsp_t        blocks by event, by regex, of the life cycle
 *     ngx_sio_block_t      actions, from top to bottom
 */


#ifndef _NGX_SIO_RULES_H_INCLUDED_
#define _NGX_SIO_RULES_H_INCLUDED_


#include "ngx_sio_core.h"
#include "ngx_sio_vars.h"
#include "ngx_sio_value.h"
#include "ngx_sio_limit.h"


/* a variable of another module that rules mention; taken at the handshake */

typedef struct {
    ngx_str_t                 name;         /* lower case, without "$" */
    ngx_str_t                 file;         /* where it is mentioned first */
    ngx_uint_t                line;
} ngx_sio_capture_t;


/* sio_jwt, as core knows it; what is behind it is http's */

typedef struct {
    ngx_str_t                 event;        /* emitted when the end is near, a
                                               JSON string; empty: none */
    time_t                    grace;        /* that long before, seconds */
    unsigned                  off:1;
    unsigned                  optional:1;   /* a client may come without one */
} ngx_sio_jwt_t;


/* captures and needs_* are known after postconfiguration */

struct ngx_sio_rules_s {
    ngx_array_t               captures;     /* of ngx_sio_capture_t */
    unsigned                  needs_query:1;
    unsigned                  needs_handshake:1;
    unsigned                  needs_auth:1;
    ngx_str_t                 file;         /* of the location they stand in */
    ngx_uint_t                line;

    /*
     * The value of a variable that is FRESH, from the call's pool; set by http
     * if there are any.  Calls ngx_sio_var_get() for what it is made of.
     * value is zeroed.  NGX_OK; NGX_ERROR: it failed (run->why) or no memory
     */
    ngx_int_t               (*fresh)(ngx_sio_run_t *run, ngx_uint_t index,
                                     ngx_sio_value_t *value);

    /*
     * Asks hook->target, set by http if there are hooks; calls
     * ngx_sio_hook_done() later, never at once.  NGX_OK; NGX_ERROR: it cannot
     */
    ngx_int_t               (*hook)(ngx_sio_hook_t *hook);

    /*
     * The token of a CONNECT call, set by http if there is a sio_jwt: claims
     * and expires are put into the call, none when it has none and need not.
     * NGX_OK; NGX_DECLINED: call->failure is set (logged); NGX_ERROR: no memory
     */
    ngx_int_t               (*token)(ngx_sio_call_t *call,
                                     ngx_sio_jwt_t *jwt);

    ngx_array_t               tokens;       /* http's: what of the handshake is
                                               kept for sio_jwt */
    ngx_array_t               claims;       /* of ngx_sio_capture_t: mentioned
                                               by rules */
    unsigned                  all_claims:1;

    unsigned                  waits:1;      /* some block does, for a hook */
    unsigned                  ack_waits:1;  /* a sio_on_ack does */
    unsigned                  rooms:1;      /* some namespace has room hooks */

    unsigned                  limits_events:1;  /* there are sio_limit_events */
    ngx_uint_t                limits_log_level;

    void                     *program;      /* ngx_sio_rules.c's own */
};


typedef enum {
    NGX_SIO_DO_REQUIRE = 0,
    NGX_SIO_DO_REJECT,
    NGX_SIO_DO_JOIN,
    NGX_SIO_DO_LEAVE,
    NGX_SIO_DO_EMIT,
    NGX_SIO_DO_ACK,
    NGX_SIO_DO_SET,
    NGX_SIO_DO_DISCONNECT,
    NGX_SIO_DO_HOOK
} ngx_sio_action_e;


typedef enum {
    NGX_SIO_COND_TRUE = 0,
    NGX_SIO_COND_EQUAL,
    NGX_SIO_COND_MATCH,
    NGX_SIO_COND_MEMBER
} ngx_sio_cond_e;


typedef struct {
    ngx_sio_cond_e            type;
    ngx_uint_t                negative;
    ngx_sio_var_t            *var;          /* TRUE, EQUAL, MATCH */
    ngx_sio_text_t            text;         /* EQUAL; MEMBER: the room */
    ngx_sio_regex_t          *regex;        /* MATCH */
} ngx_sio_cond_t;


/* to= and in=, except=, nsp= */

typedef struct {
    ngx_sio_text_t           *to;
    ngx_uint_t                nto;
    ngx_sio_text_t           *except;
    ngx_uint_t                nexcept;
    ngx_sio_text_t           *nsp;          /* NULL: this one */
    unsigned                  all:1;
    unsigned                  self:1;       /* none given: this socket */
    unsigned                  except_self:1;
} ngx_sio_aim_t;


typedef struct {
    ngx_sio_action_e          type;
    const char               *name;
    u_char                   *file;
    ngx_uint_t                line;

    ngx_sio_cond_t           *cond;         /* REQUIRE */
    ngx_sio_text_t           *error;        /* REQUIRE, REJECT; or NULL */
    ngx_sio_json_t           *data;         /* likewise */

    ngx_sio_aim_t             aim;          /* all but the two, ACK, SET */

    ngx_sio_text_t           *rooms;        /* JOIN, LEAVE */
    ngx_uint_t                nrooms;
    ngx_uint_t                max;          /* JOIN; 0: none */

    ngx_sio_text_t           *event;        /* EMIT; NULL: constant, in json */
    ngx_sio_json_t            json;         /* EMIT: the packet's array, ACK:
                                               the answer's, SET: the value */
    ngx_uint_t                flags;        /* NGX_SIO_VOLATILE ... */
    ngx_str_t                 ack_name;
    ngx_msec_t                ack_timeout;

    ngx_str_t                 key;          /* SET */
    ngx_uint_t                close;        /* DISCONNECT */

    void                     *hook;         /* HOOK: http's */
    ngx_uint_t                async;
} ngx_sio_action_t;


typedef struct {
    ngx_str_t                 name;         /* event, ack name, or regex */
    ngx_sio_regex_t          *regex;        /* NULL: none */
    ngx_array_t               actions;      /* of ngx_sio_action_t */
    ngx_uint_t                waits;        /* for a hook */
    u_char                   *file;
    ngx_uint_t                line;
} ngx_sio_block_t;


/*
 * Who its sockets are, and where they may go (ngx_sio_access.c,
 * ngx_sio_allow.c).  What a namespace does not say itself is that of the
 * location.
 */

#define NGX_SIO_ACCESS_USER      0x01
#define NGX_SIO_ACCESS_ROOM      0x02
#define NGX_SIO_ACCESS_SESSIONS  0x04


/* one of sio_join_allow, sio_emit_allow */

typedef struct {
    ngx_str_t                 text;         /* when var is NULL; both: "*" */
    ngx_sio_var_t            *var;
} ngx_sio_glob_t;

typedef struct {
    ngx_sio_glob_t           *globs;
    ngx_uint_t                nglobs;
    unsigned                  any:1;        /* "*" and nothing else */
} ngx_sio_pattern_t;


typedef struct {
    ngx_uint_t                given;        /* NGX_SIO_ACCESS_USER ... */

    ngx_sio_text_t           *user;         /* sio_user; NULL: none */
    u_char                   *file;
    ngx_uint_t                line;

    ngx_str_t                 room;         /* sio_user_room, what stands in
                                               front; empty: off */

    ngx_uint_t                sessions;     /* sio_user_sessions, 0: any */
    u_char                   *sessions_file;
    ngx_uint_t                sessions_line;
    unsigned                  kick:1;       /* beyond that the oldest go */

    ngx_array_t              *join;         /* of ngx_sio_pattern_t; NULL: */
    ngx_array_t              *emit;         /* all is allowed */
} ngx_sio_access_t;


typedef struct {
    ngx_str_t                 name;         /* with "/", or the regex */
    ngx_sio_regex_t          *regex;        /* NULL: an exact name */
    ngx_sio_access_t          access;
    ngx_sio_jwt_t            *jwt;          /* NULL: none, or the location's */

    ngx_array_t               uses;         /* of ngx_sio_block_t * */
    ngx_array_t               events;       /* exact; sorted at the end */
    ngx_array_t               patterns;     /* in the order of the file */
    ngx_array_t               acks;         /* sorted at the end */
    ngx_array_t               limits;       /* of ngx_sio_event_limit_t */
    ngx_sio_block_t          *any;          /* sio_on * */
    ngx_sio_block_t          *connect;
    ngx_sio_block_t          *disconnecting;
    ngx_sio_block_t          *disconnect;
    void                     *rooms[NGX_SIO_NLIVES];   /* hooks' targets, or
                                               NULL: nobody is told */

    u_char                   *file;
    ngx_uint_t                line;
} ngx_sio_nsp_t;


#define NGX_SIO_MAX_STRANGERS  64

typedef struct {
    ngx_array_t               limits;       /* of ngx_sio_event_limit_t: in
                                               all namespaces */
    ngx_sio_nsp_t             main;         /* "/" */
    ngx_array_t               names;        /* of ngx_sio_nsp_t *, exact */
    ngx_array_t               patterns;     /* likewise, regexes */

    uint32_t                  strangers[NGX_SIO_MAX_STRANGERS];
    ngx_uint_t                nstrangers;   /* events without a rule that were
                                               logged: this process's */
} ngx_sio_program_t;


/* sorts what is looked up by name; when all has been read */
void ngx_sio_program_finish(ngx_sio_program_t *program);

/* the namespace of that name, or NULL; log may get a failing regex */
ngx_sio_nsp_t *ngx_sio_nsp_lookup(ngx_sio_program_t *program,
    const ngx_str_t *name, ngx_log_t *log);

/* sio_user when a socket connects.  NGX_OK; NGX_DECLINED: no name of a user,
   call->failure is set; NGX_ERROR: no memory */
ngx_int_t ngx_sio_access_user(ngx_sio_run_t *run, ngx_sio_access_t *access);

/* a string or a whole number as a name; missing and null are empty.  NGX_OK;
   NGX_DECLINED: it is something else (run->why); NGX_ERROR: no memory */
ngx_int_t ngx_sio_access_name(ngx_sio_run_t *run, const ngx_sio_var_t *var,
    ngx_str_t *name);

/*
 * May the call's socket do this (ngx_sio_allow.c); the API may do all.
 *
 * join: be, or have others, in these rooms; where NULL or "self": itself, else
 * those that it must be allowed to reach.  emit: reach these.  Neither is
 * asked for a socket that leaves rooms.
 *
 * NGX_OK; NGX_DECLINED: it may not, which was counted; *room, unless NULL, is
 * the one; NGX_ERROR: no memory
 */
ngx_int_t ngx_sio_allow_join(ngx_sio_call_t *call, const ngx_str_t *rooms,
    ngx_uint_t n, const ngx_sio_where_t *where, ngx_str_t *room);
ngx_int_t ngx_sio_allow_emit(ngx_sio_call_t *call,
    const ngx_sio_where_t *where, ngx_str_t *room);

/* keeps, in call->pool, what patterns come to now: for a socket that may be
   gone when they are asked.  NGX_OK, NGX_ERROR: no memory */
ngx_int_t ngx_sio_allow_keep(ngx_sio_call_t *call);

/* does one of these rooms, in a namespace (empty: the call's), belong to a
   user by sio_user_room, so that nobody joins it otherwise: 1 or 0 */
ngx_uint_t ngx_sio_access_reserved(ngx_sio_call_t *call, const ngx_str_t *nsp,
    const ngx_str_t *rooms, ngx_uint_t n);

/* what a client sent, for the log: its beginning, control bytes and quotes
   escaped.  At most NGX_SIO_LOG_NAME bytes; their number */
#define NGX_SIO_LOG_NAME  (64 * 4 + 3)

size_t ngx_sio_log_name(u_char *dst, const ngx_str_t *s);

/* the token of a CONNECT call (ngx_sio_expire.c).  NGX_OK, NGX_DECLINED:
   call->failure is set */
ngx_int_t ngx_sio_token_verify(ngx_sio_call_t *call, ngx_sio_jwt_t *jwt);

/* a block by its name among sorted ones, or NULL */
ngx_sio_block_t *ngx_sio_block_lookup(const ngx_array_t *blocks,
    const ngx_str_t *name);


#endif /* _NGX_SIO_RULES_H_INCLUDED_ */
