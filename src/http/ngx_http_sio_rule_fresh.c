
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Maps that are volatile, evaluated afresh at each use in a rule, and the
 * variables of rules as nginx's own, for the sources and values of such maps.
 *
 * A rule has no request.  What a map needs of one is made up for a single
 * evaluation, so that nothing is left for the next client; every variable
 * that could ask it for more is marked as not found beforehand, and its
 * handler never runs.
 */


#include "ngx_http_sio_module.h"
#include "ngx_http_sio_rule.h"


/* maps whose sources are maps ... */
#define NGX_HTTP_SIO_MAX_MAPS  16


/* the beginning of ngx_http_map_module's private structure; compared with a
   map of our own before it is relied upon */

typedef struct {
    ngx_http_map_t             map;
    ngx_http_complex_value_t   value;       /* the source */
} ngx_http_sio_map_t;


/* an evaluation while it runs */

typedef struct {
    ngx_sio_run_t             *run;
    ngx_uint_t                 failed;
} ngx_http_sio_fresh_t;


static ngx_http_variable_value_t *ngx_http_sio_fresh_blank(
    ngx_http_request_t *r, ngx_http_sio_rule_main_t *main);
static ngx_int_t ngx_http_sio_fresh_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_sio_fresh_add(ngx_conf_t *cf, ngx_str_t *name,
    ngx_sio_var_t *var);
static ngx_int_t ngx_http_sio_fresh_probe(ngx_conf_t *cf,
    ngx_http_sio_rule_main_t *main);
static ngx_http_variable_t *ngx_http_sio_fresh_find(ngx_conf_t *cf,
    ngx_str_t *name);
static ngx_uint_t ngx_http_sio_fresh_source(ngx_conf_t *cf,
    ngx_http_sio_rule_main_t *main, ngx_http_variable_t *v, ngx_uint_t ours,
    ngx_str_t *name, ngx_uint_t depth);
static ngx_uint_t ngx_http_sio_fresh_is_safe(ngx_str_t *name);


static ngx_http_sio_fresh_t  *ngx_http_sio_fresh_now;


/* handlers that look at the clock or the configuration only */

static ngx_str_t  ngx_http_sio_fresh_safe[] = {
    ngx_string("msec"),
    ngx_string("time_iso8601"),
    ngx_string("time_local"),
    ngx_string("hostname"),
    ngx_string("nginx_version"),
    ngx_string("pid"),
    ngx_null_string
};


ngx_int_t
ngx_http_sio_fresh(ngx_sio_run_t *run, ngx_uint_t index,
    ngx_sio_value_t *value)
{
    ngx_pool_t                 *pool;
    ngx_uint_t                  n;
    ngx_connection_t           *c;
    ngx_http_request_t         *r;
    ngx_http_sio_fresh_t        now, *outer;
    ngx_http_sio_program_t     *program;
    ngx_http_sio_loc_conf_t    *slcf;
    ngx_http_sio_main_conf_t   *smcf;
    ngx_http_variable_value_t  *v, *blank;
    ngx_http_core_main_conf_t  *cmcf;

    pool = run->call->pool;

    r = ngx_pcalloc(pool, sizeof(ngx_http_request_t));
    if (r == NULL) {
        return NGX_ERROR;
    }

    c = ngx_pcalloc(pool, sizeof(ngx_connection_t));
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->fd = (ngx_socket_t) -1;
    c->log = pool->log;
    c->pool = pool;

    program = run->call->server->rules->program;
    slcf = program->conf;

    r->signature = NGX_HTTP_MODULE;
    r->connection = c;
    r->main_conf = slcf->server->ctx->main_conf;
    r->srv_conf = slcf->server->ctx->srv_conf;
    r->loc_conf = slcf->location->loc_conf;
    r->pool = pool;
    r->main = r;
    r->count = 1;

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);
    smcf = ngx_http_get_module_main_conf(r, ngx_http_sio_module);

    blank = ngx_http_sio_fresh_blank(r, smcf->rule_main);
    if (blank == NULL) {
        return NGX_ERROR;
    }

    n = cmcf->variables.nelts * sizeof(ngx_http_variable_value_t);

    r->variables = ngx_palloc(pool, n);
    if (r->variables == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(r->variables, blank, n);

    now.run = run;
    now.failed = 0;

    /* a sio_set among its sources may need a map itself */

    outer = ngx_http_sio_fresh_now;
    ngx_http_sio_fresh_now = &now;

    v = ngx_http_get_indexed_variable(r, index);

    ngx_http_sio_fresh_now = outer;

    /* nginx takes a variable that failed for an empty one: a "require !$x"
       would then be fulfilled */

    if (v == NULL || now.failed) {

        if (run->why == NULL) {
            run->why = "a map failed";
        }

        return NGX_ERROR;
    }

    if (v->not_found) {
        return NGX_OK;
    }

    value->kind = NGX_SIO_VALUE_TEXT;
    value->s.len = v->len;
    value->s.data = v->data;
    value->foreign = 1;

    return NGX_OK;
}


/* known only after all modules' postconfiguration: made by the first one that
   needs it, in the cycle's pool */

static ngx_http_variable_value_t *
ngx_http_sio_fresh_blank(ngx_http_request_t *r, ngx_http_sio_rule_main_t *main)
{
    ngx_uint_t                  i;
    ngx_http_variable_t        *v;
    ngx_http_variable_value_t  *blank;
    ngx_http_core_main_conf_t  *cmcf;

    if (main->blank) {
        return main->blank;
    }

    cmcf = ngx_http_get_module_main_conf(r, ngx_http_core_module);

    blank = ngx_pcalloc(main->pool, cmcf->variables.nelts
                                    * sizeof(ngx_http_variable_value_t));
    if (blank == NULL) {
        return NULL;
    }

    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {

        if (v[i].get_handler == main->map_handler
            || v[i].get_handler == ngx_http_sio_fresh_variable
            || ngx_http_sio_fresh_is_safe(&v[i].name))
        {
            continue;
        }

        blank[i].not_found = 1;
    }

    main->blank = blank;

    return blank;
}


static ngx_uint_t
ngx_http_sio_fresh_is_safe(ngx_str_t *name)
{
    ngx_str_t  *s;

    for (s = ngx_http_sio_fresh_safe; s->len; s++) {

        if (s->len == name->len
            && ngx_strncmp(s->data, name->data, s->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* $sio_... and sio_set's as variables of nginx, in rules and elsewhere */

static ngx_int_t
ngx_http_sio_fresh_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_sio_var_t *var = (ngx_sio_var_t *) data;

    ngx_int_t              rc;
    ngx_str_t              text;
    ngx_sio_value_t        value;
    ngx_http_sio_fresh_t  *now;

    now = ngx_http_sio_fresh_now;

    if (now == NULL) {
        return ngx_http_sio_hook_variable(r, v, var);
    }

    v->not_found = 1;

    rc = ngx_sio_var_get(now->run, var, &value);

    if (rc == NGX_OK) {

        if (value.kind == NGX_SIO_VALUE_MISSING) {
            return NGX_OK;
        }

        rc = ngx_sio_value_text(now->run, &value, &text);
    }

    if (rc != NGX_OK) {
        now->failed = 1;
        return NGX_ERROR;
    }

    v->len = text.len;
    v->data = text.data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_fresh_postconf(ngx_conf_t *cf, ngx_http_sio_rule_main_t *main)
{
    ngx_int_t                   rc;
    ngx_str_t                   name;
    ngx_uint_t                  i;
    ngx_sio_set_t             **set;
    ngx_sio_var_t              *var;
    ngx_http_variable_t        *v;
    ngx_http_core_main_conf_t  *cmcf;

    main->pool = cf->pool;

    set = main->sets.elts;

    for (i = 0; i < main->sets.nelts; i++) {

        var = ngx_pcalloc(cf->pool, sizeof(ngx_sio_var_t));
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->type = NGX_SIO_VAR_SET;
        var->name = set[i]->name;
        var->set = set[i];

        if (ngx_http_sio_fresh_add(cf, &var->name, var) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    for (i = 0; i < cmcf->variables.nelts; i++) {

        v = cmcf->variables.elts;
        name = v[i].name;

        var = ngx_pcalloc(cf->pool, sizeof(ngx_sio_var_t));
        if (var == NULL) {
            return NGX_ERROR;
        }

        rc = ngx_http_sio_rule_builtin(cf, &name, var);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        /* others are unknown, and nginx will say so, but for these, which
           have a prefix in common with some that are known */

        if (rc == NGX_DONE && name.len > 7
            && ngx_strncmp(name.data, "sio_arg", 7) == 0)
        {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "unknown \"%V\" variable", &name);
            return NGX_ERROR;
        }

        if (rc == NGX_OK && ngx_http_sio_fresh_add(cf, &name, var) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    /* others may be asked for by their names */

    for (i = 0; ngx_http_sio_rule_builtin_name(i, &name) == NGX_OK; i++) {

        if (ngx_http_sio_fresh_find(cf, &name)) {
            continue;
        }

        var = ngx_pcalloc(cf->pool, sizeof(ngx_sio_var_t));

        if (var == NULL
            || ngx_http_sio_rule_builtin(cf, &name, var) != NGX_OK
            || ngx_http_sio_hook_add_variable(cf, &var->name, var) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_sio_fresh_add(ngx_conf_t *cf, ngx_str_t *name, ngx_sio_var_t *var)
{
    ngx_http_variable_t  *v;

    if (ngx_http_sio_fresh_find(cf, name)) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "the variable name \"$%V\" is reserved", name);
        return NGX_ERROR;
    }

    v = ngx_http_add_variable(cf, name, NGX_HTTP_VAR_NOCACHEABLE);
    if (v == NULL) {
        return NGX_ERROR;
    }

    v->get_handler = ngx_http_sio_fresh_variable;
    v->data = (uintptr_t) var;

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_fresh_needs(ngx_conf_t *cf, ngx_sio_rules_t *rules)
{
    ngx_uint_t                  i;
    ngx_hash_key_t             *key;
    ngx_http_variable_t        *v;
    ngx_http_sio_mention_t      inner;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    for (i = 0; i < cmcf->variables_keys->keys.nelts; i++) {

        key = cmcf->variables_keys->keys.elts;
        v = key[i].value;

        if (v->get_handler != ngx_http_sio_fresh_variable) {
            continue;
        }

        inner.var = (ngx_sio_var_t *) v->data;
        inner.rules = rules;
        inner.file = rules->file.data;
        inner.line = rules->line;

        if (ngx_http_sio_rule_check(cf, &inner) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_fresh_check(ngx_conf_t *cf, ngx_http_sio_rule_main_t *main,
    ngx_http_sio_mention_t *mention)
{
    ngx_int_t             n;
    ngx_str_t             name;
    ngx_sio_var_t        *var;
    ngx_http_variable_t  *v;

    var = mention->var;

    v = ngx_http_sio_fresh_find(cf, &var->name);

    if (v == NULL || !(v->flags & NGX_HTTP_VAR_CHANGEABLE)
        || v->get_handler == NULL)
    {
        return NGX_DECLINED;
    }

    if (ngx_http_sio_fresh_probe(cf, main) != NGX_OK) {
        return NGX_ERROR;
    }

    if (v->get_handler != main->map_handler) {
        return NGX_DECLINED;
    }

    if (v->flags & NGX_HTTP_VAR_NOCACHEABLE) {

        if (ngx_http_sio_fresh_source(cf, main, v, 0, &name, 0)) {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "the map \"$%V\" is of \"$%V\", which is empty in "
                          "a volatile map used by rules, in %s:%ui",
                          &var->name, &name, mention->file, mention->line);
        }

        n = ngx_http_get_variable_index(cf, &var->name);
        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        var->n = n;
        var->type = NGX_SIO_VAR_FRESH;

        return NGX_OK;
    }

    if (ngx_http_sio_fresh_source(cf, main, v, 1, &name, 0)) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "the map \"$%V\" is of \"$%V\", which is not known at "
                      "the handshake: \"volatile;\" is missing in the map, "
                      "which is used in %s:%ui",
                      &var->name, &name, mention->file, mention->line);
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}


/*
 * The handler of maps is static in its module: an empty map of our own shows
 * which one it is, and whether the source is where we think.
 */

static ngx_int_t
ngx_http_sio_fresh_probe(ngx_conf_t *cf, ngx_http_sio_rule_main_t *main)
{
    ngx_buf_t             buf;
    ngx_str_t             args[3], name;
    ngx_conf_t            probe;
    ngx_uint_t            i;
    ngx_array_t           array;
    ngx_module_t         *module;
    ngx_command_t        *cmd;
    ngx_conf_file_t       file;
    ngx_http_variable_t  *v;
    ngx_http_sio_map_t   *map;
    ngx_http_conf_ctx_t  *ctx;

    if (main->probed) {
        return NGX_OK;
    }

    main->probed = 1;
    module = NULL;

    for (i = 0; cf->cycle->modules[i]; i++) {
        if (ngx_strcmp(cf->cycle->modules[i]->name, "ngx_http_map_module")
            == 0)
        {
            module = cf->cycle->modules[i];
        }
    }

    if (module == NULL) {
        return NGX_OK;
    }

    for (cmd = module->commands; cmd->name.len; cmd++) {
        if (ngx_strcmp(cmd->name.data, "map") == 0) {
            break;
        }
    }

    if (cmd->name.len == 0) {
        return NGX_OK;
    }

    ngx_str_set(&args[0], "map");
    ngx_str_set(&args[1], "sio");
    ngx_str_set(&args[2], "$sio_map_probe");

    array.elts = args;
    array.nelts = 3;
    array.size = sizeof(ngx_str_t);
    array.nalloc = 3;
    array.pool = cf->pool;

    /* as -g is read: the end of the text is the end of the block */

    ngx_memzero(&buf, sizeof(ngx_buf_t));
    ngx_memzero(&file, sizeof(ngx_conf_file_t));

    file.file.fd = NGX_INVALID_FILE;
    file.file.name = cf->conf_file->file.name;
    file.line = cf->conf_file->line;
    file.buffer = &buf;

    probe = *cf;
    probe.args = &array;
    probe.conf_file = &file;

    ctx = cf->ctx;

    if (cmd->set(&probe, cmd, ctx->main_conf[module->ctx_index])
        != NGX_CONF_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&name, "sio_map_probe");

    v = ngx_http_sio_fresh_find(cf, &name);

    if (v == NULL || v->get_handler == NULL) {
        return NGX_OK;
    }

    main->map_handler = v->get_handler;

    map = (ngx_http_sio_map_t *) v->data;

    main->map_source = (map->value.value.len == args[1].len
                        && map->value.value.data == args[1].data);

    return NGX_OK;
}


static ngx_http_variable_t *
ngx_http_sio_fresh_find(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_uint_t                  i;
    ngx_hash_key_t             *key;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    key = cmcf->variables_keys->keys.elts;

    for (i = 0; i < cmcf->variables_keys->keys.nelts; i++) {

        if (key[i].key.len == name->len
            && ngx_strncmp(key[i].key.data, name->data, name->len) == 0)
        {
            return key[i].value;
        }
    }

    return NULL;
}


/* is there a variable of ours, or one that needs a request, among a map's
   sources or in turn theirs: its name */

static ngx_uint_t
ngx_http_sio_fresh_source(ngx_conf_t *cf, ngx_http_sio_rule_main_t *main,
    ngx_http_variable_t *v, ngx_uint_t ours, ngx_str_t *name,
    ngx_uint_t depth)
{
    u_char                buf[256], *p, *last, *start;
    ngx_str_t             s;
    ngx_http_sio_map_t   *map;
    ngx_http_variable_t  *inner;

    if (!main->map_source || depth == NGX_HTTP_SIO_MAX_MAPS) {
        return 0;
    }

    map = (ngx_http_sio_map_t *) v->data;

    p = map->value.value.data;
    last = p + map->value.value.len;

    while (p < last) {

        if (*p++ != '$') {
            continue;
        }

        if (p < last && *p == '{') {
            p++;
        }

        start = p;

        while (p < last
               && ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
                   || (*p >= '0' && *p <= '9') || *p == '_'))
        {
            p++;
        }

        s.data = buf;
        s.len = p - start;

        if (s.len == 0 || s.len > sizeof(buf)) {
            continue;
        }

        ngx_strlow(buf, start, s.len);

        if (ngx_http_sio_rule_set_lookup(main, &s)
            || (s.len > 4 && ngx_strncmp(buf, "sio_", 4) == 0
                && !ngx_http_sio_rule_is(&s, "sio_zone_counters")))
        {
            if (!ours) {
                continue;
            }

            name->data = start;
            name->len = s.len;
            return 1;
        }

        inner = ngx_http_sio_fresh_find(cf, &s);

        if (inner && inner->get_handler == main->map_handler) {

            if (ngx_http_sio_fresh_source(cf, main, inner, ours, name,
                                          depth + 1))
            {
                return 1;
            }

            continue;
        }

        /* a group of a regex may have been set */

        if (ours || (inner && (inner->flags & NGX_HTTP_VAR_CHANGEABLE))
            || (*start >= '0' && *start <= '9')
            || ngx_http_sio_fresh_is_safe(&s))
        {
            continue;
        }

        name->data = start;
        name->len = s.len;
        return 1;
    }

    return 0;
}
