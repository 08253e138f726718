
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Rules as nginx's configuration parser meets them: handlers of the directives
 * that a location may hold (they go into ngx_http_sio_module's table), and the
 * second module, whose commands exist inside of their blocks only.
 *
 *     sio_on sio_on_ack sio_use sio_namespace    NGX_HTTP_LOC_CONF
 *     sio_set                                    MAIN, SRV and LOC_CONF
 *     sio_limit sio_limit_events sio_hook        NGX_HTTP_LOC_CONF
 *     sio_room_hook sio_hook_concurrency         NGX_HTTP_LOC_CONF
 *
 * For all: cmd->conf is NGX_HTTP_LOC_CONF_OFFSET, cmd->offset and cmd->post
 * are free.
 *
 * In the structures of ngx_http_sio_module.h they need
 *
 *     in ngx_http_sio_main_conf_t:   void             *rule_main;
 *     in ngx_http_sio_loc_conf_t:    ngx_sio_rules_t  *rules;
 *
 * both NULL at first, created here when a directive needs them; rules is not
 * inherited and never merged.  The zone's server gets the rules of its one
 * location that has any (server->rules), then ngx_http_sio_rules_limits().
 */


#ifndef _NGX_HTTP_SIO_RULES_H_INCLUDED_
#define _NGX_HTTP_SIO_RULES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "../core/ngx_sio_rules.h"


/* sio_on EVENT { ... }    NGX_CONF_BLOCK|NGX_CONF_1MORE
   sio_on ~ REGEX { ... }  (the handlers count and explain themselves) */
char *ngx_http_sio_on(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* sio_on_ack NAME { ... }    NGX_CONF_BLOCK|NGX_CONF_TAKE1 */
char *ngx_http_sio_on_ack(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* sio_use { ... }    NGX_CONF_BLOCK|NGX_CONF_NOARGS */
char *ngx_http_sio_use(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* sio_namespace NAME { ... }    NGX_CONF_BLOCK|NGX_CONF_1MORE */
char *ngx_http_sio_namespace(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* sio_hook URI [EVENT ...], sio_room_hook URI [EVENT ...]
   NGX_CONF_1MORE */
char *ngx_http_sio_hook(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_sio_room_hook(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* sio_jwt WORD ...    NGX_CONF_1MORE */
char *ngx_http_sio_jwt(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* sio_hook_concurrency N    NGX_CONF_TAKE1 */
char *ngx_http_sio_hook_concurrency(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* sio_set $name SOURCE ...    NGX_CONF_2MORE */
char *ngx_http_sio_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* sio_user TEXT, sio_user_room on|off|PREFIX    NGX_CONF_TAKE1,
   sio_user_sessions N kick|refuse               NGX_CONF_TAKE12
   (these in sio_namespace, too) */
char *ngx_http_sio_user(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_sio_user_room(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_sio_user_sessions(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* sio_join_allow PATTERN ..., sio_emit_allow PATTERN ...    NGX_CONF_1MORE
   (in sio_namespace, too); cmd->offset: where in ngx_sio_access_t */
char *ngx_http_sio_allow(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* sio_limit name=value ...    NGX_CONF_1MORE */
char *ngx_http_sio_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* sio_limit_events name=value ...    NGX_CONF_1MORE */
char *ngx_http_sio_limit_events(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/*
 * In postconfiguration, once: what can be checked only when everything has
 * been read.  Unknown variables of other modules, ack= names without
 * sio_on_ack, each with the rule's own file and line.  NGX_OK, NGX_ERROR
 * (logged)
 */
ngx_int_t ngx_http_sio_rules_postconf(ngx_conf_t *cf);

/* writes what sio_limit in that location said over the server's defaults
   (limits, packet_limits, max_args, max_buffer); rules may be NULL */
void ngx_http_sio_rules_limits(ngx_sio_rules_t *rules,
    ngx_sio_server_t *server);


/* its type is its own: nginx sees it in the blocks of rules, nowhere else */
extern ngx_module_t  ngx_http_sio_rule_module;


#endif /* _NGX_HTTP_SIO_RULES_H_INCLUDED_ */
