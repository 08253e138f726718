
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * What can be known only when all of http{} has been read: whose variable a
 * name is, and whether somebody waits for the answers that are asked for.
 */


#include "ngx_http_sio_module.h"
#include "ngx_http_sio_rule.h"
#include "ngx_http_sio_jwt.h"


/* sio_set's whose rooms mention sio_set's ... */
#define NGX_HTTP_SIO_MAX_SETS  16


static ngx_int_t ngx_http_sio_check_var(ngx_conf_t *cf,
    ngx_http_sio_mention_t *mention, ngx_uint_t depth);
static ngx_int_t ngx_http_sio_check_name(ngx_conf_t *cf,
    ngx_http_sio_mention_t *mention);
static ngx_int_t ngx_http_sio_check_set(ngx_conf_t *cf,
    ngx_http_sio_mention_t *mention, ngx_uint_t depth);
static ngx_uint_t ngx_http_sio_check_known(ngx_conf_t *cf, ngx_str_t *name);
static ngx_int_t ngx_http_sio_check_capture(ngx_conf_t *cf,
    ngx_http_sio_mention_t *mention);
static ngx_int_t ngx_http_sio_check_claim(ngx_conf_t *cf,
    ngx_http_sio_mention_t *mention, ngx_str_t *pointer);
static ngx_int_t ngx_http_sio_check_ack(ngx_conf_t *cf,
    ngx_http_sio_ack_t *ack);


ngx_int_t
ngx_http_sio_rules_postconf(ngx_conf_t *cf)
{
    ngx_uint_t                  i, j;
    ngx_sio_set_t             **set;
    ngx_sio_var_t             **var;
    ngx_sio_rules_t           **rules;
    ngx_http_sio_ack_t         *ack;
    ngx_http_sio_mention_t     *mention, inner;
    ngx_http_sio_program_t     *program;
    ngx_http_sio_loc_conf_t    *slcf;
    ngx_http_sio_rule_main_t   *main;

    main = ngx_http_sio_rule_main(cf);
    if (main == NULL) {
        return NGX_ERROR;
    }

    rules = main->rules.elts;

    for (i = 0; i < main->rules.nelts; i++) {

        program = rules[i]->program;
        slcf = program->conf;

        if (slcf->self == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "rules in a location without \"sio\" in %V:%ui",
                          &rules[i]->file, rules[i]->line);
            return NGX_ERROR;
        }

        if (ngx_http_sio_rule_access(cf, &program->program) != NGX_OK
            || ngx_http_sio_hooks_finish(cf, program) != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_sio_program_finish(&program->program);
    }

    mention = main->mentions.elts;

    for (i = 0; i < main->mentions.nelts; i++) {
        if (ngx_http_sio_check_var(cf, &mention[i], 0) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    /* of all that were set, mentioned in a rule or not */

    set = main->sets.elts;

    for (i = 0; i < main->sets.nelts; i++) {

        if (ngx_http_sio_check_known(cf, &set[i]->name)) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "\"sio_set $%V\" hides a variable of nginx in "
                          "%s:%ui", &set[i]->name, set[i]->file, set[i]->line);
            return NGX_ERROR;
        }

        var = set[i]->vars.elts;

        for (j = 0; j < set[i]->vars.nelts; j++) {

            inner.var = var[j];
            inner.rules = NULL;
            inner.file = set[i]->file;
            inner.line = set[i]->line;

            if (ngx_http_sio_check_var(cf, &inner, 1) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    for (i = 0; i < main->rules.nelts; i++) {
        if (ngx_http_sio_jwt_postconf(cf, rules[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_http_sio_fresh_postconf(cf, main) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < main->rules.nelts; i++) {
        if ((rules[i]->fresh || rules[i]->hook)
            && ngx_http_sio_fresh_needs(cf, rules[i]) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ack = main->acks.elts;

    for (i = 0; i < main->acks.nelts; i++) {
        if (ngx_http_sio_check_ack(cf, &ack[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_rule_check(ngx_conf_t *cf, ngx_http_sio_mention_t *mention)
{
    return ngx_http_sio_check_var(cf, mention, 0);
}


static ngx_int_t
ngx_http_sio_check_var(ngx_conf_t *cf, ngx_http_sio_mention_t *mention,
    ngx_uint_t depth)
{
    if (mention->var->type == NGX_SIO_VAR_NAME
        && ngx_http_sio_check_name(cf, mention) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (mention->var->type == NGX_SIO_VAR_SET) {
        return ngx_http_sio_check_set(cf, mention, depth);
    }

    if (mention->rules == NULL) {
        return NGX_OK;
    }

    switch (mention->var->type) {

    case NGX_SIO_VAR_AUTH:
        mention->rules->needs_auth = 1;
        return NGX_OK;

    case NGX_SIO_VAR_HANDSHAKE:
        mention->rules->needs_handshake = 1;
        mention->rules->needs_auth = 1;
        return NGX_OK;

    case NGX_SIO_VAR_JWT:
        return ngx_http_sio_check_claim(cf, mention, &mention->var->name);

    case NGX_SIO_VAR_FRESH:
        mention->rules->fresh = ngx_http_sio_fresh;
        return NGX_OK;

    case NGX_SIO_VAR_INFO:
        return ngx_http_sio_check_capture(cf, mention);

    default:
        return NGX_OK;
    }
}


static ngx_int_t
ngx_http_sio_check_name(ngx_conf_t *cf, ngx_http_sio_mention_t *mention)
{
    ngx_int_t                  rc;
    ngx_sio_var_t             *var;
    ngx_http_sio_rule_main_t  *main;

    var = mention->var;

    main = ngx_http_sio_rule_main(cf);
    if (main == NULL) {
        return NGX_ERROR;
    }

    var->set = ngx_http_sio_rule_set_lookup(main, &var->name);

    if (var->set) {
        var->type = NGX_SIO_VAR_SET;
        return NGX_OK;
    }

    if (ngx_http_sio_rule_is(&var->name, "msec")) {
        var->type = NGX_SIO_VAR_MSEC;
        return NGX_OK;
    }

    if (ngx_http_sio_rule_is(&var->name, "time_local")) {
        var->type = NGX_SIO_VAR_TIME_LOCAL;
        return NGX_OK;
    }

    if (ngx_http_sio_rule_is(&var->name, "time_iso8601")) {
        var->type = NGX_SIO_VAR_TIME_ISO8601;
        return NGX_OK;
    }

    if (var->name.len > 255 || !ngx_http_sio_check_known(cf, &var->name)) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "unknown variable \"$%V\" in %s:%ui", &var->name,
                      mention->file, mention->line);
        return NGX_ERROR;
    }

    rc = ngx_http_sio_fresh_check(cf, main, mention);

    if (rc == NGX_DECLINED) {
        var->type = NGX_SIO_VAR_INFO;
        return NGX_OK;
    }

    return rc;
}


static ngx_int_t
ngx_http_sio_check_set(ngx_conf_t *cf, ngx_http_sio_mention_t *mention,
    ngx_uint_t depth)
{
    ngx_uint_t               i;
    ngx_sio_set_t           *set;
    ngx_sio_var_t          **var;
    ngx_http_sio_mention_t   inner;

    set = mention->var->set;

    if (mention->rules) {

        if (set->source == NGX_SIO_SET_AUTH) {
            mention->rules->needs_auth = 1;

        } else if (set->source == NGX_SIO_SET_QUERY) {
            mention->rules->needs_query = 1;

        } else if (set->source == NGX_SIO_SET_JWT
                   && ngx_http_sio_check_claim(cf, mention, &set->pointer)
                      != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (depth == NGX_HTTP_SIO_MAX_SETS) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"sio_set $%V\" stands for itself, or for too many "
                      "others, in %s:%ui", &set->name, set->file, set->line);
        return NGX_ERROR;
    }

    var = set->vars.elts;

    for (i = 0; i < set->vars.nelts; i++) {

        inner.var = var[i];
        inner.rules = mention->rules;
        inner.file = set->file;
        inner.line = set->line;

        if (ngx_http_sio_check_var(cf, &inner, depth + 1) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* as ngx_http_variables_init_vars() will look for it, which knows no line */

static ngx_uint_t
ngx_http_sio_check_known(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_uint_t                  i;
    ngx_hash_key_t             *key;
    ngx_http_variable_t        *v;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    key = cmcf->variables_keys->keys.elts;

    for (i = 0; i < cmcf->variables_keys->keys.nelts; i++) {

        if (key[i].key.len == name->len
            && ngx_strncmp(key[i].key.data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    v = cmcf->prefix_variables.elts;

    for (i = 0; i < cmcf->prefix_variables.nelts; i++) {

        if (name->len > v[i].name.len
            && ngx_strncmp(name->data, v[i].name.data, v[i].name.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_sio_check_capture(ngx_conf_t *cf, ngx_http_sio_mention_t *mention)
{
    ngx_str_t          *name;
    ngx_uint_t          i;
    ngx_array_t        *captures;
    ngx_sio_capture_t  *capture;

    name = &mention->var->name;
    captures = &mention->rules->captures;
    capture = captures->elts;

    for (i = 0; i < captures->nelts; i++) {

        if (capture[i].name.len == name->len
            && ngx_strncmp(capture[i].name.data, name->data, name->len) == 0)
        {
            return NGX_OK;
        }
    }

    capture = ngx_array_push(captures);
    if (capture == NULL) {
        return NGX_ERROR;
    }

    capture->name = *name;
    capture->file.data = mention->file;
    capture->file.len = ngx_strlen(mention->file);
    capture->line = mention->line;

    return NGX_OK;
}


/* only claims that somebody wants are kept: those of the first level */

static ngx_int_t
ngx_http_sio_check_claim(ngx_conf_t *cf, ngx_http_sio_mention_t *mention,
    ngx_str_t *pointer)
{
    u_char             *p, *dst, *last;
    ngx_str_t           name;
    ngx_uint_t          i;
    ngx_sio_capture_t  *claim;

    if (pointer->len == 0) {
        mention->rules->all_claims = 1;
        return NGX_OK;
    }

    /* RFC 6901, 4: "~1" is "/", "~0" is "~" */

    name.data = ngx_pnalloc(cf->pool, pointer->len);
    if (name.data == NULL) {
        return NGX_ERROR;
    }

    dst = name.data;
    last = pointer->data + pointer->len;

    for (p = pointer->data + 1; p < last && *p != '/'; p++) {

        if (*p == '~' && p + 1 < last) {
            *dst++ = (*++p == '1') ? '/' : '~';

        } else {
            *dst++ = *p;
        }
    }

    name.len = dst - name.data;

    claim = mention->rules->claims.elts;

    for (i = 0; i < mention->rules->claims.nelts; i++) {

        if (claim[i].name.len == name.len
            && ngx_memcmp(claim[i].name.data, name.data, name.len) == 0)
        {
            return NGX_OK;
        }
    }

    if (claim == NULL
        && ngx_array_init(&mention->rules->claims, cf->pool, 4,
                          sizeof(ngx_sio_capture_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    claim = ngx_array_push(&mention->rules->claims);
    if (claim == NULL) {
        return NGX_ERROR;
    }

    claim->name = name;
    claim->file.data = mention->file;
    claim->file.len = ngx_strlen(mention->file);
    claim->line = mention->line;

    return NGX_OK;
}


/* the answers are handled in the namespace of the sockets that were asked */

static ngx_int_t
ngx_http_sio_check_ack(ngx_conf_t *cf, ngx_http_sio_ack_t *ack)
{
    ngx_sio_nsp_t  *nsp;

    nsp = ack->nsp;

    if (ack->to_nsp) {

        if (ack->to_nsp->nparts) {
            return NGX_OK;
        }

        nsp = ngx_sio_nsp_lookup(ack->rules->program, &ack->to_nsp->constant,
                                 cf->log);

        if (nsp == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "no sio_namespace \"%V\" for \"ack=%V\" in %s:%ui",
                          &ack->to_nsp->constant, &ack->name, ack->file,
                          ack->line);
            return NGX_ERROR;
        }
    }

    if (ngx_sio_block_lookup(&nsp->acks, &ack->name)) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "no \"sio_on_ack %V\" in namespace \"%V\" for the \"ack=\" "
                  "in %s:%ui", &ack->name, &nsp->name, ack->file, ack->line);

    return NGX_ERROR;
}
