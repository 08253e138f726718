
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What the parser's files share.  All functions that take cf report what is
 * wrong themselves, with the file and line of the rule.
 *
 *     rules         the commands, sio_namespace
 *     rule_block    sio_on sio_on_ack sio_use
 *     rule_action   what stands in them
 *     rule_option   to= in= except= nsp= and their like
 *     rule_text     variables, TEXT, ROOM, EVENT, regexes
 *     rule_json     ARG
 *     rule_set      sio_set, sio_limit
 *     rule_hook     hook, and the directives of hooks
 *     rule_user     sio_user and its like, sio_join_allow, sio_emit_allow
 *     rule_limit    sio_limit_events
 *     rule_check    what is known when all has been read
 *     rule_fresh    volatile maps; variables of rules as nginx's
 */


#ifndef _NGX_HTTP_SIO_RULE_H_INCLUDED_
#define _NGX_HTTP_SIO_RULE_H_INCLUDED_


#include "ngx_http_sio_rules.h"
#include "ngx_http_sio_hook.h"


/* bits inside of NGX_ANY_CONF, so that "include" works; not NGX_MAIN_CONF */
#define NGX_HTTP_SIO_NSP_CONF   0x02000000
#define NGX_HTTP_SIO_USE_CONF   0x04000000
#define NGX_HTTP_SIO_RULE_CONF  0x08000000

#define NGX_HTTP_SIO_RULE_MODULE  0x524f4953      /* "SIOR" */


/* a variable in a rule that stands for more than itself */

typedef struct {
    ngx_sio_var_t             *var;
    ngx_sio_rules_t           *rules;
    u_char                    *file;
    ngx_uint_t                 line;
} ngx_http_sio_mention_t;


/* "emit ... ack=NAME" */

typedef struct {
    ngx_str_t                  name;
    ngx_sio_rules_t           *rules;
    ngx_sio_nsp_t             *nsp;         /* the rule's own */
    ngx_sio_text_t            *to_nsp;      /* nsp=; NULL: none */
    u_char                    *file;
    ngx_uint_t                 line;
} ngx_http_sio_ack_t;


typedef struct {
    ngx_array_t                sets;        /* of ngx_sio_set_t * */
    ngx_array_t                rules;       /* of ngx_sio_rules_t * */
    ngx_array_t                mentions;    /* of ngx_http_sio_mention_t */
    ngx_array_t                acks;        /* of ngx_http_sio_ack_t */

    /* ngx_http_sio_rule_fresh.c's */
    ngx_pool_t                *pool;        /* the cycle's */
    ngx_http_get_variable_pt   map_handler; /* NULL: there are no maps */
    ngx_http_variable_value_t *blank;       /* what an evaluation begins with */
    unsigned                   probed:1;
    unsigned                   map_source:1;   /* it can be looked at */
} ngx_http_sio_rule_main_t;


typedef enum {
    NGX_HTTP_SIO_LIMIT_ROOM_NAME = 0,
    NGX_HTTP_SIO_LIMIT_ROOMS,
    NGX_HTTP_SIO_LIMIT_NAMESPACES,
    NGX_HTTP_SIO_LIMIT_DATA,
    NGX_HTTP_SIO_LIMIT_ACKS,
    NGX_HTTP_SIO_LIMIT_ARGS,
    NGX_HTTP_SIO_LIMIT_DEPTH,
    NGX_HTTP_SIO_LIMIT_ATTACHMENTS,
    NGX_HTTP_SIO_LIMIT_NAMESPACE_NAME,
    NGX_HTTP_SIO_LIMIT_QUEUE,
    NGX_HTTP_SIO_LIMIT_QUEUE_SIZE,
    NGX_HTTP_SIO_LIMIT_INBOX,
    NGX_HTTP_SIO_LIMIT_INBOX_SIZE,
    NGX_HTTP_SIO_LIMIT_BUFFER,
    NGX_HTTP_SIO_LIMIT_PACKET_SIZE,
    NGX_HTTP_SIO_LIMIT_EVENT_NAME,
    NGX_HTTP_SIO_LIMIT_AUTH,
    NGX_HTTP_SIO_LIMIT_USER,
    NGX_HTTP_SIO_LIMIT_TOKEN,
    NGX_HTTP_SIO_LIMIT_TOKENS,
    NGX_HTTP_SIO_LIMIT_SESSIONS,
    NGX_HTTP_SIO_LIMIT_HANDSHAKES,
    NGX_HTTP_SIO_LIMIT_HOOKS,
    NGX_HTTP_SIO_LIMIT_HOOK_BUFFER,
    NGX_HTTP_SIO_LIMIT_ROOM_HOOKS,
    NGX_HTTP_SIO_LIMIT_API_WAITING,
    NGX_HTTP_SIO_LIMIT_API_ANSWERS,
    NGX_HTTP_SIO_LIMIT_API_TIMEOUT,
    NGX_HTTP_SIO_LIMIT_API_ORDERS,
    NGX_HTTP_SIO_LIMIT_API_LINE,
    NGX_HTTP_SIO_NLIMITS
} ngx_http_sio_limit_e;


/* sio_hook of one event: a rule, if there is no other */

typedef struct {
    ngx_sio_nsp_t             *nsp;
    ngx_sio_block_t           *block;
    ngx_uint_t                 named;       /* the event is, in the directive */
} ngx_http_sio_shorthand_t;


/* ngx_sio_rules_t's program, and what of it is the parser's only */

typedef struct {
    ngx_sio_program_t          program;
    ngx_int_t                  limits[NGX_HTTP_SIO_NLIMITS];
    ngx_array_t                hooks;       /* of ngx_http_sio_shorthand_t */
    ngx_uint_t                 concurrency; /* of them, of a session; 0: not
                                               said */
    void                      *conf;        /* ngx_http_sio_loc_conf_t */
} ngx_http_sio_program_t;


typedef enum {
    NGX_HTTP_SIO_BLOCK_USE = 0,
    NGX_HTTP_SIO_BLOCK_EVENT,
    NGX_HTTP_SIO_BLOCK_LIFE,                /* connect, disconnect ... */
    NGX_HTTP_SIO_BLOCK_ACK
} ngx_http_sio_block_e;


/* where the parser is: cf->handler_conf inside of blocks */

typedef struct {
    ngx_http_sio_rule_main_t  *main;
    ngx_sio_rules_t           *rules;       /* NULL: in a sio_set */
    ngx_sio_nsp_t             *nsp;
    ngx_sio_block_t           *block;       /* NULL: not inside of one */
    ngx_http_sio_block_e       kind;
    ngx_sio_set_t             *set;
} ngx_http_sio_scope_t;


/* ngx_http_sio_rules.c */

ngx_http_sio_rule_main_t *ngx_http_sio_rule_main(ngx_conf_t *cf);
ngx_sio_rules_t *ngx_http_sio_rule_rules(ngx_conf_t *cf,
    ngx_http_sio_rule_main_t *main, void *conf);

/* of the namespace "/"; conf is the location's */
ngx_int_t ngx_http_sio_scope_init(ngx_conf_t *cf, void *conf,
    ngx_http_sio_scope_t *scope);

/* where a directive stands that is allowed in a location (then conf is its
   configuration) and in sio_namespace (then it is NULL) */
ngx_int_t ngx_http_sio_rule_scope(ngx_conf_t *cf, void *conf,
    ngx_http_sio_scope_t *scope);


/* ngx_http_sio_rule_block.c */

char *ngx_http_sio_on_event(ngx_conf_t *cf, ngx_http_sio_scope_t *scope);
char *ngx_http_sio_on_ack_block(ngx_conf_t *cf, ngx_http_sio_scope_t *scope);
char *ngx_http_sio_use_block(ngx_conf_t *cf, ngx_http_sio_scope_t *scope);

/* reads what stands in a block, type says which commands may */
char *ngx_http_sio_block_parse(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_uint_t type);

/* says that this directive stands there already; NGX_CONF_ERROR */
char *ngx_http_sio_duplicate(ngx_conf_t *cf, u_char *file, ngx_uint_t line);

/* is it the name of an event that a client can send, or of a socket's life */
ngx_int_t ngx_http_sio_rule_event(ngx_conf_t *cf, ngx_str_t *name);

/* where the block of connect, disconnecting, disconnect is kept; NULL: name is
   none of these */
ngx_sio_block_t **ngx_http_sio_life(ngx_sio_nsp_t *nsp, ngx_str_t *name);

/* an empty one, in blocks unless that is NULL; NULL: no memory */
ngx_sio_block_t *ngx_http_sio_block_create(ngx_conf_t *cf,
    ngx_array_t *blocks, ngx_str_t *name);


/* ngx_http_sio_rule_action.c: a new action at the end of the block, or NULL */
ngx_sio_action_t *ngx_http_sio_rule_push(ngx_conf_t *cf,
    ngx_sio_action_e type, const char *name);


/* ngx_http_sio_rule_text.c */

/* a variable at *p, which is "$"; *p is then behind it */
ngx_sio_var_t *ngx_http_sio_rule_var(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope, u_char **p, u_char *last);

/* $sio_...; name is in lower case and stays.  NGX_DECLINED: no name of ours;
   NGX_DONE: it looks like one, but is unknown */
ngx_int_t ngx_http_sio_rule_builtin(ngx_conf_t *cf, ngx_str_t *name,
    ngx_sio_var_t *var);

/* the names of those without a number or a key, i from 0 on.  NGX_OK;
   NGX_DONE: no more */
ngx_int_t ngx_http_sio_rule_builtin_name(ngx_uint_t i, ngx_str_t *name);

/* text is one variable and nothing else: 1 or 0 */
ngx_uint_t ngx_http_sio_rule_lone(const ngx_str_t *src);

ngx_int_t ngx_http_sio_rule_text(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_str_t *src, ngx_sio_text_t *text);

/* ROOM, but neither "*" nor "self" */
ngx_int_t ngx_http_sio_rule_room(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_str_t *src, ngx_sio_text_t *text);

/* a quote that nginx did not take for one */
ngx_int_t ngx_http_sio_rule_quotes(ngx_conf_t *cf, ngx_str_t *src);

ngx_sio_regex_t *ngx_http_sio_rule_regex(ngx_conf_t *cf, ngx_str_t *pattern,
    ngx_uint_t caseless);

/* a namespace's constant name */
ngx_int_t ngx_http_sio_rule_nsp_name(ngx_conf_t *cf, ngx_str_t *src);


/* ngx_http_sio_rule_json.c */

typedef struct {
    ngx_conf_t                *cf;
    ngx_http_sio_scope_t      *scope;
    ngx_array_t                pieces;      /* of ngx_sio_piece_t */
    u_char                    *pos;         /* free, in the chunk of text */
    u_char                    *end;

    ngx_str_t                 *src;         /* what is being parsed */
    u_char                    *p;
    u_char                    *last;
} ngx_http_sio_builder_t;

ngx_int_t ngx_http_sio_builder_init(ngx_http_sio_builder_t *b, ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope);
ngx_int_t ngx_http_sio_builder_const(ngx_http_sio_builder_t *b,
    ngx_uint_t comma, const u_char *p, size_t len);
ngx_int_t ngx_http_sio_builder_string(ngx_http_sio_builder_t *b,
    ngx_str_t *text);
ngx_sio_piece_t *ngx_http_sio_builder_piece(ngx_http_sio_builder_t *b,
    ngx_sio_piece_e type, ngx_uint_t comma, ngx_sio_var_t *var);

/* one ARG; spread: $sio_args stands for all its elements */
ngx_int_t ngx_http_sio_builder_arg(ngx_http_sio_builder_t *b, ngx_str_t *src,
    ngx_uint_t spread);
ngx_int_t ngx_http_sio_builder_done(ngx_http_sio_builder_t *b,
    ngx_sio_json_t *json);

/* an ARG by itself, from the cycle's pool */
ngx_sio_json_t *ngx_http_sio_rule_json(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope, ngx_str_t *src);


/* ngx_http_sio_rule_option.c */

/* does arg begin with WORD=; then its value is in *value */
ngx_uint_t ngx_http_sio_rule_option(const ngx_str_t *arg, ngx_str_t *name,
    ngx_str_t *value);

#define ngx_http_sio_rule_is(s, text)                                         \
    ((s)->len == sizeof(text) - 1                                             \
     && ngx_strncmp((s)->data, text, sizeof(text) - 1) == 0)

char *ngx_http_sio_rule_unknown(ngx_conf_t *cf, ngx_str_t *arg);

typedef struct {
    ngx_array_t                to;          /* of ngx_sio_text_t */
    ngx_array_t                except;
    ngx_sio_text_t            *nsp;
    const char                *word;        /* "to" or "in" */
    unsigned                   all:1;
    unsigned                   except_self:1;
} ngx_http_sio_aim_t;

ngx_int_t ngx_http_sio_aim_init(ngx_conf_t *cf, ngx_http_sio_aim_t *aim,
    const char *word);

/* NGX_OK: it was one of these; NGX_DECLINED: it was not; NGX_ERROR */
ngx_int_t ngx_http_sio_aim_option(ngx_conf_t *cf, ngx_http_sio_scope_t *scope,
    ngx_http_sio_aim_t *aim, ngx_str_t *arg);
ngx_int_t ngx_http_sio_aim_done(ngx_conf_t *cf, ngx_http_sio_aim_t *from,
    ngx_sio_aim_t *to);


/* ngx_http_sio_rule_action.c */

char *ngx_http_sio_rule_require(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_sio_rule_reject(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_sio_rule_join(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_sio_rule_leave(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_sio_rule_emit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_sio_rule_relay(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_sio_rule_ack(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_sio_rule_data(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_sio_rule_disconnect(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


/* ngx_http_sio_rule_set.c */

char *ngx_http_sio_rule_set(ngx_conf_t *cf, ngx_http_sio_rule_main_t *main);
ngx_sio_set_t *ngx_http_sio_rule_set_lookup(ngx_http_sio_rule_main_t *main,
    const ngx_str_t *name);


/* ngx_http_sio_rule_hook.c */

char *ngx_http_sio_rule_hook(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* inside of sio_namespace */
char *ngx_http_sio_nsp_hook(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_sio_nsp_room_hook(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* when all has been read: sio_hook's where no rule stands */
ngx_int_t ngx_http_sio_hooks_finish(ngx_conf_t *cf,
    ngx_http_sio_program_t *program);


/* ngx_http_sio_rule_user.c */

/* gives namespaces what the location says and they do not; when all of it has
   been read.  NGX_OK, NGX_ERROR (logged) */
ngx_int_t ngx_http_sio_rule_access(ngx_conf_t *cf,
    ngx_sio_program_t *program);


/* ngx_http_sio_rule_check.c */

/* whose is it, and what do the rules that mention it need */
ngx_int_t ngx_http_sio_rule_check(ngx_conf_t *cf,
    ngx_http_sio_mention_t *mention);


/* ngx_http_sio_rule_fresh.c */

/* ngx_sio_rules_t's fresh */
ngx_int_t ngx_http_sio_fresh(ngx_sio_run_t *run, ngx_uint_t index,
    ngx_sio_value_t *value);

/* is another module's variable a volatile map: NGX_OK, the variable is FRESH
   then; NGX_DECLINED: it is not; NGX_ERROR: it ought to be one (logged) */
ngx_int_t ngx_http_sio_fresh_check(ngx_conf_t *cf,
    ngx_http_sio_rule_main_t *main, ngx_http_sio_mention_t *mention);

/* makes variables of nginx of sio_set's and of those $sio_... that are
   mentioned anywhere in http{} */
ngx_int_t ngx_http_sio_fresh_postconf(ngx_conf_t *cf,
    ngx_http_sio_rule_main_t *main);

/* rules with a volatile map, or with hooks: any of these variables may be in
   it, or in the hook's location */
ngx_int_t ngx_http_sio_fresh_needs(ngx_conf_t *cf,
    ngx_sio_rules_t *rules);


#endif /* _NGX_HTTP_SIO_RULE_H_INCLUDED_ */
