
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * The blocks.  Their commands belong to a module with a type of its own, so
 * that "set" or "join" mean something inside of rules and nothing outside:
 * while a block is read, cf->module_type and cf->cmd_type are that module's.
 * (cf->handler would be simpler, but cannot hold blocks in blocks.)
 */


#include "ngx_http_sio_module.h"
#include "ngx_http_sio_rule.h"


static char *ngx_http_sio_nsp_set(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

static ngx_int_t ngx_http_sio_nsp_init(ngx_conf_t *cf, ngx_sio_nsp_t *nsp);
static char *ngx_http_sio_nsp_parse(ngx_conf_t *cf,
    ngx_http_sio_scope_t *scope);
static char *ngx_http_sio_nsp_duplicate(ngx_conf_t *cf, ngx_array_t *nsps,
    ngx_str_t *name);


static ngx_command_t  ngx_http_sio_rule_commands[] = {

    { ngx_string("sio_on"),
      NGX_HTTP_SIO_NSP_CONF|NGX_CONF_BLOCK|NGX_CONF_1MORE,
      ngx_http_sio_on,
      0,
      0,
      NULL },

    { ngx_string("sio_on_ack"),
      NGX_HTTP_SIO_NSP_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_sio_on_ack,
      0,
      0,
      NULL },

    { ngx_string("sio_hook"),
      NGX_HTTP_SIO_NSP_CONF|NGX_CONF_1MORE,
      ngx_http_sio_nsp_hook,
      0,
      0,
      NULL },

    { ngx_string("sio_room_hook"),
      NGX_HTTP_SIO_NSP_CONF|NGX_CONF_1MORE,
      ngx_http_sio_nsp_room_hook,
      0,
      0,
      NULL },

    { ngx_string("sio_use"),
      NGX_HTTP_SIO_NSP_CONF|NGX_CONF_BLOCK|NGX_CONF_NOARGS,
      ngx_http_sio_use,
      0,
      0,
      NULL },

    { ngx_string("sio_set"),
      NGX_HTTP_SIO_NSP_CONF|NGX_CONF_2MORE,
      ngx_http_sio_nsp_set,
      0,
      0,
      NULL },

    { ngx_string("sio_join_allow"),
      NGX_HTTP_SIO_NSP_CONF|NGX_CONF_1MORE,
      ngx_http_sio_allow,
      0,
      offsetof(ngx_sio_access_t, join),
      NULL },

    { ngx_string("sio_emit_allow"),
      NGX_HTTP_SIO_NSP_CONF|NGX_CONF_1MORE,
      ngx_http_sio_allow,
      0,
      offsetof(ngx_sio_access_t, emit),
      NULL },

    { ngx_string("sio_user"),
      NGX_HTTP_SIO_NSP_CONF|NGX_CONF_TAKE1,
      ngx_http_sio_user,
      0,
      0,
      NULL },

    { ngx_string("sio_user_room"),
      NGX_HTTP_SIO_NSP_CONF|NGX_CONF_TAKE1,
      ngx_http_sio_user_room,
      0,
      0,
      NULL },

    { ngx_string("sio_user_sessions"),
      NGX_HTTP_SIO_NSP_CONF|NGX_CONF_TAKE12,
      ngx_http_sio_user_sessions,
      0,
      0,
      NULL },

    { ngx_string("sio_limit_events"),
      NGX_HTTP_SIO_NSP_CONF|NGX_CONF_1MORE,
      ngx_http_sio_limit_events,
      0,
      0,
      NULL },

    { ngx_string("sio_jwt"),
      NGX_HTTP_SIO_NSP_CONF|NGX_CONF_1MORE,
      ngx_http_sio_jwt,
      0,
      0,
      NULL },

    { ngx_string("require"),
      NGX_HTTP_SIO_USE_CONF|NGX_HTTP_SIO_RULE_CONF|NGX_CONF_1MORE,
      ngx_http_sio_rule_require,
      0,
      0,
      NULL },

    { ngx_string("reject"),
      NGX_HTTP_SIO_USE_CONF|NGX_HTTP_SIO_RULE_CONF|NGX_CONF_ANY,
      ngx_http_sio_rule_reject,
      0,
      0,
      NULL },

    { ngx_string("set"),
      NGX_HTTP_SIO_USE_CONF|NGX_HTTP_SIO_RULE_CONF|NGX_CONF_TAKE2,
      ngx_http_sio_rule_data,
      0,
      0,
      NULL },

    { ngx_string("hook"),
      NGX_HTTP_SIO_USE_CONF|NGX_HTTP_SIO_RULE_CONF|NGX_CONF_1MORE,
      ngx_http_sio_rule_hook,
      0,
      0,
      NULL },

    { ngx_string("join"),
      NGX_HTTP_SIO_RULE_CONF|NGX_CONF_1MORE,
      ngx_http_sio_rule_join,
      0,
      0,
      NULL },

    { ngx_string("leave"),
      NGX_HTTP_SIO_RULE_CONF|NGX_CONF_1MORE,
      ngx_http_sio_rule_leave,
      0,
      0,
      NULL },

    { ngx_string("emit"),
      NGX_HTTP_SIO_RULE_CONF|NGX_CONF_1MORE,
      ngx_http_sio_rule_emit,
      0,
      0,
      NULL },

    { ngx_string("relay"),
      NGX_HTTP_SIO_RULE_CONF|NGX_CONF_ANY,
      ngx_http_sio_rule_relay,
      0,
      0,
      NULL },

    { ngx_string("ack"),
      NGX_HTTP_SIO_RULE_CONF|NGX_CONF_ANY,
      ngx_http_sio_rule_ack,
      0,
      0,
      NULL },

    { ngx_string("disconnect"),
      NGX_HTTP_SIO_RULE_CONF|NGX_CONF_ANY,
      ngx_http_sio_rule_disconnect,
      0,
      0,
      NULL },

      ngx_null_command
};


ngx_module_t  ngx_http_sio_rule_module = {
    NGX_MODULE_V1,
    NULL,                                  /* module context */
    ngx_http_sio_rule_commands,            /* module directives */
    NGX_HTTP_SIO_RULE_MODULE,              /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


ngx_http_sio_rule_main_t *
ngx_http_sio_rule_main(ngx_conf_t *cf)
{
    ngx_http_sio_rule_main_t  *main;
    ngx_http_sio_main_conf_t  *smcf;

    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_sio_module);

    if (smcf->rule_main) {
        return smcf->rule_main;
    }

    main = ngx_pcalloc(cf->pool, sizeof(ngx_http_sio_rule_main_t));

    if (main == NULL
        || ngx_array_init(&main->sets, cf->pool, 8, sizeof(ngx_sio_set_t *))
           != NGX_OK
        || ngx_array_init(&main->rules, cf->pool, 1,
                          sizeof(ngx_sio_rules_t *))
           != NGX_OK
        || ngx_array_init(&main->mentions, cf->pool, 32,
                          sizeof(ngx_http_sio_mention_t))
           != NGX_OK
        || ngx_array_init(&main->acks, cf->pool, 4,
                          sizeof(ngx_http_sio_ack_t))
           != NGX_OK)
    {
        return NULL;
    }

    smcf->rule_main = main;

    return main;
}


ngx_sio_rules_t *
ngx_http_sio_rule_rules(ngx_conf_t *cf, ngx_http_sio_rule_main_t *main,
    void *conf)
{
    ngx_uint_t                i;
    ngx_sio_rules_t          *rules, **prules;
    ngx_sio_program_t        *program;
    ngx_http_sio_program_t   *full;
    ngx_http_sio_loc_conf_t  *slcf;

    slcf = conf;

    if (slcf->rules) {
        return slcf->rules;
    }

    rules = ngx_pcalloc(cf->pool, sizeof(ngx_sio_rules_t));
    full = ngx_pcalloc(cf->pool, sizeof(ngx_http_sio_program_t));
    prules = ngx_array_push(&main->rules);

    if (rules == NULL || full == NULL || prules == NULL) {
        return NULL;
    }

    for (i = 0; i < NGX_HTTP_SIO_NLIMITS; i++) {
        full->limits[i] = NGX_CONF_UNSET;
    }

    full->conf = slcf;
    program = &full->program;

    if (ngx_array_init(&rules->captures, cf->pool, 4,
                       sizeof(ngx_sio_capture_t))
        != NGX_OK
        || ngx_array_init(&program->limits, cf->pool, 1,
                          sizeof(ngx_sio_event_limit_t))
           != NGX_OK
        || ngx_array_init(&program->names, cf->pool, 2,
                          sizeof(ngx_sio_nsp_t *))
           != NGX_OK
        || ngx_array_init(&program->patterns, cf->pool, 2,
                          sizeof(ngx_sio_nsp_t *))
           != NGX_OK
        || ngx_array_init(&full->hooks, cf->pool, 4,
                          sizeof(ngx_http_sio_shorthand_t))
           != NGX_OK
        || ngx_http_sio_nsp_init(cf, &program->main) != NGX_OK)
    {
        return NULL;
    }

    ngx_str_set(&program->main.name, "/");

    rules->program = full;
    rules->file = cf->conf_file->file.name;
    rules->line = cf->conf_file->line;

    *prules = rules;
    slcf->rules = rules;

    return rules;
}


ngx_int_t
ngx_http_sio_scope_init(ngx_conf_t *cf, void *conf,
    ngx_http_sio_scope_t *scope)
{
    ngx_http_sio_program_t  *program;

    ngx_memzero(scope, sizeof(ngx_http_sio_scope_t));

    scope->main = ngx_http_sio_rule_main(cf);
    if (scope->main == NULL) {
        return NGX_ERROR;
    }

    scope->rules = ngx_http_sio_rule_rules(cf, scope->main, conf);
    if (scope->rules == NULL) {
        return NGX_ERROR;
    }

    program = scope->rules->program;
    scope->nsp = &program->program.main;

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_rule_scope(ngx_conf_t *cf, void *conf,
    ngx_http_sio_scope_t *scope)
{
    if (conf) {
        return ngx_http_sio_scope_init(cf, conf, scope);
    }

    *scope = *(ngx_http_sio_scope_t *) cf->handler_conf;

    return NGX_OK;
}


char *
ngx_http_sio_on(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_scope_t  scope;

    if (ngx_http_sio_rule_scope(cf, conf, &scope) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_sio_on_event(cf, &scope);
}


char *
ngx_http_sio_on_ack(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_scope_t  scope;

    if (ngx_http_sio_rule_scope(cf, conf, &scope) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_sio_on_ack_block(cf, &scope);
}


char *
ngx_http_sio_use(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_scope_t  scope;

    if (ngx_http_sio_rule_scope(cf, conf, &scope) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_sio_use_block(cf, &scope);
}


static char *
ngx_http_sio_nsp_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_scope_t  *scope;

    scope = cf->handler_conf;

    return ngx_http_sio_rule_set(cf, scope->main);
}


char *
ngx_http_sio_namespace(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_sio_scope_t  scope;

    if (ngx_http_sio_scope_init(cf, conf, &scope) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_sio_nsp_parse(cf, &scope);
}


static char *
ngx_http_sio_nsp_parse(ngx_conf_t *cf, ngx_http_sio_scope_t *scope)
{
    char               *rv;
    ngx_str_t          *value, name;
    ngx_uint_t          caseless;
    ngx_array_t        *nsps;
    ngx_sio_nsp_t      *nsp, **pnsp;
    ngx_sio_program_t  *program;

    value = cf->args->elts;
    program = scope->rules->program;

    caseless = ngx_http_sio_rule_is(&value[1], "~*");

    nsp = ngx_pcalloc(cf->pool, sizeof(ngx_sio_nsp_t));

    if (nsp == NULL || ngx_http_sio_nsp_init(cf, nsp) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (caseless || ngx_http_sio_rule_is(&value[1], "~")) {

        if (cf->args->nelts != 3) {
            return "needs one regex behind \"~\"";
        }

        name = value[2];
        nsps = &program->patterns;

        nsp->regex = ngx_http_sio_rule_regex(cf, &name, caseless);
        if (nsp->regex == NULL) {
            return NGX_CONF_ERROR;
        }

    } else {

        if (cf->args->nelts != 2) {
            return ngx_http_sio_rule_unknown(cf, &value[2]);
        }

        if (value[1].len && value[1].data[0] == '~') {
            return "needs a space between \"~\" and its regex";
        }

        if (ngx_http_sio_rule_nsp_name(cf, &value[1]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

        name = value[1];
        nsps = &program->names;

        if (ngx_http_sio_rule_is(&name, "/")) {

            /* the same as outside */

            return ngx_http_sio_block_parse(cf, scope, NGX_HTTP_SIO_NSP_CONF);
        }
    }

    rv = ngx_http_sio_nsp_duplicate(cf, nsps, &name);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    nsp->name = name;

    pnsp = ngx_array_push(nsps);
    if (pnsp == NULL) {
        return NGX_CONF_ERROR;
    }

    *pnsp = nsp;
    scope->nsp = nsp;

    return ngx_http_sio_block_parse(cf, scope, NGX_HTTP_SIO_NSP_CONF);
}


static char *
ngx_http_sio_nsp_duplicate(ngx_conf_t *cf, ngx_array_t *nsps, ngx_str_t *name)
{
    ngx_uint_t       i;
    ngx_sio_nsp_t  **nsp;

    nsp = nsps->elts;

    for (i = 0; i < nsps->nelts; i++) {

        if (nsp[i]->name.len == name->len
            && ngx_strncmp(nsp[i]->name.data, name->data, name->len) == 0)
        {
            return ngx_http_sio_duplicate(cf, nsp[i]->file, nsp[i]->line);
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_sio_nsp_init(ngx_conf_t *cf, ngx_sio_nsp_t *nsp)
{
    size_t  size;

    nsp->file = cf->conf_file->file.name.data;
    nsp->line = cf->conf_file->line;

    size = sizeof(ngx_sio_block_t *);

    if (ngx_array_init(&nsp->uses, cf->pool, 1, size) != NGX_OK
        || ngx_array_init(&nsp->events, cf->pool, 8, size) != NGX_OK
        || ngx_array_init(&nsp->patterns, cf->pool, 1, size) != NGX_OK
        || ngx_array_init(&nsp->acks, cf->pool, 1, size) != NGX_OK
        || ngx_array_init(&nsp->limits, cf->pool, 1,
                          sizeof(ngx_sio_event_limit_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}
