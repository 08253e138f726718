
/*
 * Copyright (C) the ngx_http_sio_module authors
 *
 * Random packets through rules: a module that nginx loads in place of the real
 * one.  It has the real parser and evaluation, but services that only look at
 * what they are given.  "nginx -t" with fuzz.conf reads the rules, runs the
 * packets, and fails with them.
 *
 * What must hold for every result, whatever the client sent:
 *
 *     it is valid JSON, an array where a packet is made of it;
 *     its placeholders are those of its attachments;
 *     a placeholder behind a tag "@N" stands for attachment N of the packet,
 *     and what only looks like one (tag "@!") is never among attachments;
 *     a room's name is not longer than it may be, and valid UTF-8.
 *
 * Pools are malloc() here, so that the address sanitizer sees every byte.
 */


#include "../../../src/http/ngx_http_sio_module.h"
#include "../../../src/http/ngx_http_sio_rule.h"
#include "../../../src/wire/sio_utf8.h"


#define FUZZ_MAX_BLOCKS  100000
#define FUZZ_MAX_ARGS    16
#define FUZZ_MAX_JSON    (1024 * 1024)
#define FUZZ_MAX_DEPTH   5
#define FUZZ_MAX_ROOM    200

#define FUZZ_FAKE        "{\"_placeholder\":true,\"num\":0}"

#define fuzz_array(a)    (sizeof(a) / sizeof((a)[0]))


void *rules_palloc(ngx_pool_t *pool, size_t size);
void *rules_pnalloc(ngx_pool_t *pool, size_t size);
void *rules_pcalloc(ngx_pool_t *pool, size_t size);

static void *fuzz_create_main_conf(ngx_conf_t *cf);
static void *fuzz_create_loc_conf(ngx_conf_t *cf);
static ngx_int_t fuzz_postconf(ngx_conf_t *cf);
static ngx_int_t fuzz_run(ngx_sio_rules_t *rules, ngx_uint_t runs);
static void fuzz_packet(ngx_sio_rules_t *rules, ngx_pool_t *pool);
static void fuzz_value(ngx_uint_t depth);
static void fuzz_string(void);
static void fuzz_put(const char *text);
static uint32_t fuzz_random(uint32_t n);
static void fuzz_check_json(const char *what, const ngx_str_t *json,
    ngx_str_t *attachments, ngx_uint_t n, ngx_uint_t packet);
static void fuzz_check_tag(const char *what, const ngx_str_t *json,
    sio_str_t *placeholder, ngx_str_t *attachment);
static void fuzz_check_rooms(const char *what, const ngx_str_t *rooms,
    ngx_uint_t n);
static void fuzz_check_where(const char *what, const ngx_sio_where_t *where);
static void fuzz_fail(const char *what, const char *why,
    const ngx_str_t *text);


static uint64_t     fuzz_state = 88172645463325252ULL;
static void        *fuzz_blocks[FUZZ_MAX_BLOCKS];
static ngx_uint_t   fuzz_nblocks;
static ngx_uint_t   fuzz_running;
static ngx_uint_t   fuzz_failures;
static ngx_uint_t   fuzz_results;
static ngx_uint_t   fuzz_refusals;
static ngx_uint_t   fuzz_nattachments;
static u_char      *fuzz_json;
static size_t       fuzz_len;
static ngx_log_t   *fuzz_log;


static ngx_command_t  fuzz_commands[] = {

    { ngx_string("sio_on"),
      NGX_HTTP_LOC_CONF|NGX_CONF_BLOCK|NGX_CONF_1MORE,
      ngx_http_sio_on,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sio_on_ack"),
      NGX_HTTP_LOC_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_sio_on_ack,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("sio_join_allow"),
      NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_sio_allow,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_sio_access_t, join),
      NULL },

    { ngx_string("sio_emit_allow"),
      NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_http_sio_allow,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_sio_access_t, emit),
      NULL },

    { ngx_string("sio_set"),
      NGX_HTTP_LOC_CONF|NGX_CONF_2MORE,
      ngx_http_sio_set,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  fuzz_module_ctx = {
    NULL,                                  /* preconfiguration */
    fuzz_postconf,                         /* postconfiguration */
    fuzz_create_main_conf,                 /* create main configuration */
    NULL,                                  /* init main configuration */
    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */
    fuzz_create_loc_conf,                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_http_sio_module = {
    NGX_MODULE_V1,
    &fuzz_module_ctx,                      /* module context */
    fuzz_commands,                         /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


ngx_module_t *ngx_modules[] = {
    &ngx_http_sio_module,
    &ngx_http_sio_rule_module,
    NULL
};

char *ngx_module_names[] = {
    "ngx_http_sio_module",
    "ngx_http_sio_rule_module",
    NULL
};

char *ngx_module_order[] = { NULL };


static void *
fuzz_create_main_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_http_sio_main_conf_t));
}


static void *
fuzz_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_sio_loc_conf_t  *slcf;

    slcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_sio_loc_conf_t));

    if (slcf) {
        slcf->self = slcf;
    }

    return slcf;
}


static ngx_int_t
fuzz_postconf(ngx_conf_t *cf)
{
    char                       *runs;
    ngx_sio_rules_t           **rules;
    ngx_http_sio_rule_main_t   *main;

    if (ngx_http_sio_rules_postconf(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    main = ngx_http_sio_rule_main(cf);

    if (main == NULL || main->rules.nelts != 1) {
        return NGX_ERROR;
    }

    rules = main->rules.elts;
    runs = getenv("RULES_RUNS");

    fuzz_log = cf->log;

    return fuzz_run(rules[0], runs ? strtoul(runs, NULL, 10) : 20000);
}


static ngx_int_t
fuzz_run(ngx_sio_rules_t *rules, ngx_uint_t runs)
{
    ngx_log_t    quiet;
    ngx_uint_t   i;
    ngx_pool_t  *pool;

    /* failures of rules are many and wanted */

    quiet = *fuzz_log;
    quiet.log_level = NGX_LOG_EMERG;

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, &quiet);
    fuzz_json = malloc(FUZZ_MAX_JSON);

    if (pool == NULL || fuzz_json == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < runs && fuzz_failures == 0; i++) {

        fuzz_running = 1;
        fuzz_packet(rules, pool);
        fuzz_running = 0;

        while (fuzz_nblocks) {
            free(fuzz_blocks[--fuzz_nblocks]);
        }
    }

    free(fuzz_json);
    ngx_destroy_pool(pool);

    printf("%s rules_fuzz (%lu packets, %lu results, %lu refused)\n",
           fuzz_failures ? "not ok" : "ok", (unsigned long) i,
           (unsigned long) fuzz_results, (unsigned long) fuzz_refusals);
    fflush(stdout);

    return fuzz_failures ? NGX_ERROR : NGX_OK;
}


/* one event, with some arguments, for one of the rules */

static void
fuzz_packet(ngx_sio_rules_t *rules, ngx_pool_t *pool)
{
    u_char             *p;
    sio_str_t           elts[FUZZ_MAX_ARGS];
    ngx_str_t           args[FUZZ_MAX_ARGS], attachments[4];
    ngx_uint_t          i, n;
    ngx_sio_call_t      call;
    sio_json_info_t     info;
    ngx_sio_block_t   **block;
    ngx_sio_server_t    server;
    ngx_sio_program_t  *program;

    ngx_memzero(&call, sizeof(ngx_sio_call_t));
    ngx_memzero(&server, sizeof(ngx_sio_server_t));

    program = rules->program;
    block = program->main.events.elts;

    server.limits.max_room_name = FUZZ_MAX_ROOM;
    server.packet_limits.max_nsp = 100;
    server.rules = rules;

    fuzz_nattachments = fuzz_random(2) ? fuzz_random(5) : 0;
    fuzz_len = 0;

    fuzz_put("[");

    n = fuzz_random(5);

    for (i = 0; i < n; i++) {
        fuzz_put(i ? (fuzz_random(4) ? "," : " , ") : "");
        fuzz_value(0);
    }

    fuzz_put("]");

    /* exactly as long as it is */

    p = rules_pnalloc(pool, fuzz_len);
    ngx_memcpy(p, fuzz_json, fuzz_len);

    if (sio_json_parse(p, fuzz_len, 64, &info, elts, FUZZ_MAX_ARGS) != SIO_OK)
    {
        call.args_json.data = p;
        call.args_json.len = fuzz_len;
        fuzz_fail("the generator", "made no JSON", &call.args_json);
        return;
    }

    for (i = 0; i < info.nelts; i++) {
        args[i].len = elts[i].len;
        args[i].data = elts[i].data;
    }

    if (info.nelts) {
        call.args_json.data = args[0].data;
        call.args_json.len = args[i - 1].data + args[i - 1].len
                             - args[0].data;
    }

    for (i = 0; i < fuzz_nattachments; i++) {

        /* its number, and more of it */

        attachments[i].len = 1 + fuzz_random(5);
        attachments[i].data = rules_pnalloc(pool, attachments[i].len);
        ngx_memset(attachments[i].data, '0' + i, attachments[i].len);
    }

    call.type = NGX_SIO_CALL_EVENT;
    call.server = &server;
    call.pool = pool;
    call.program = &program->main;
    call.args = args;
    call.nargs = info.nelts;
    call.placeholder = info.placeholder;
    call.attachments = attachments;
    call.nattachments = fuzz_nattachments;
    call.ack_asked = fuzz_random(2);

    ngx_str_set(&call.nsp, "/");
    ngx_str_set(&call.id, "abcdefghijklmnopqrst");

    if (call.ack_asked) {
        ngx_str_set(&call.ack, "1");
    }

    if (fuzz_random(4) == 0) {
        ngx_str_set(&call.auth, "{\"a\":[\"@!\"," FUZZ_FAKE "]}");
    }

    i = fuzz_random(program->main.events.nelts + 2);

    if (i < program->main.events.nelts) {
        call.event = block[i]->name;

    } else if (i == program->main.events.nelts) {
        ngx_str_set(&call.event, "user-12-\xc3\xa4");

    } else {
        ngx_str_set(&call.event, "nobody knows \"it\"");
    }

    if (ngx_sio_rules_app.run(&call) != NGX_OK) {
        fuzz_refusals++;

        if (call.failure_data.len) {
            fuzz_check_json("failure", &call.failure_data, NULL, 0, 0);
        }
    }
}


static void
fuzz_value(ngx_uint_t depth)
{
    char        buf[64];
    ngx_uint_t  i, n;

    static const char  *scalars[] = {
        "null", "true", "false", "0", "-0", "5.0", "1e21", "-17", "1E400"
    };

    n = fuzz_random(depth < FUZZ_MAX_DEPTH ? 10 : 5);

    switch (n) {

    case 0:
    case 1:
    case 2:
        fuzz_put(scalars[fuzz_random(fuzz_array(scalars))]);
        return;

    case 3:
    case 4:
        fuzz_string();
        return;

    case 5:
        if (fuzz_nattachments) {
            n = fuzz_random(fuzz_nattachments);

            snprintf(buf, sizeof(buf), fuzz_random(2)
                     ? "[\"@%u\",{\"_placeholder\":true,\"num\":%u}]"
                     : "[\"@%u\",{\"num\" : %u , \"_placeholder\":true}]",
                     (unsigned) n, (unsigned) n);
            fuzz_put(buf);
            return;
        }

        /* text packets may hold what only looks so; no attachment begins
           with a "!" */

        fuzz_put(fuzz_random(2) ? "[\"@!\"," FUZZ_FAKE "]"
                                : "{\"_base64\":\"AQID\"}");
        return;

    case 6:
    case 7:
        fuzz_put("[");
        n = fuzz_random(4);

        for (i = 0; i < n; i++) {
            fuzz_put(i ? "," : "");
            fuzz_value(depth + 1);
        }

        fuzz_put("]");
        return;

    default:
        fuzz_put("{");
        n = fuzz_random(4);

        for (i = 0; i < n; i++) {
            fuzz_put(i ? ", " : " ");
            fuzz_string();
            fuzz_put(":");
            fuzz_value(depth + 1);
        }

        fuzz_put("}");
    }
}


static void
fuzz_string(void)
{
    ngx_uint_t  i, n;

    static const char  *parts[] = {
        "a", "k", "\\n", "\\u0000", "\\\"", "\\\\", "\xc3\xa4", "\\u00e4",
        "\\ud83d\\ude00", "\\ud800", "{", "[", "}", ",",
        "{\\\"_base64\\\":\\\"",
        " ", "/", "*", "self", "$sio_id", "0123456789012345678901234567890123"
    };

    fuzz_put("\"");

    n = fuzz_random(6);

    for (i = 0; i < n; i++) {
        fuzz_put(parts[fuzz_random(fuzz_array(parts))]);
    }

    fuzz_put("\"");
}


static void
fuzz_put(const char *text)
{
    size_t  len;

    len = ngx_strlen(text);

    if (len < FUZZ_MAX_JSON - fuzz_len) {
        ngx_memcpy(fuzz_json + fuzz_len, text, len);
        fuzz_len += len;
    }
}


static uint32_t
fuzz_random(uint32_t n)
{
    fuzz_state ^= fuzz_state << 13;
    fuzz_state ^= fuzz_state >> 7;
    fuzz_state ^= fuzz_state << 17;

    return (uint32_t) (fuzz_state >> 24) % n;
}


static void
fuzz_check_json(const char *what, const ngx_str_t *json,
    ngx_str_t *attachments, ngx_uint_t n, ngx_uint_t packet)
{
    int               rc;
    uint8_t          *pos;
    uint32_t          num;
    sio_str_t         slice, found;
    sio_json_info_t   info;

    fuzz_results++;

    if (sio_json_parse(json->data, json->len, 512, &info, NULL, 0) != SIO_OK) {
        fuzz_fail(what, "no JSON", json);
        return;
    }

    if (packet && info.type != SIO_JSON_ARRAY) {
        fuzz_fail(what, "no array", json);
        return;
    }

    if (n == 0) {
        return;
    }

    slice = ngx_sio_slice(json);
    pos = slice.data;

    for ( ;; ) {
        rc = sio_packet_next_placeholder(&slice, &pos, &found, &num);

        if (rc == SIO_DONE) {
            return;
        }

        if (rc != SIO_OK || num >= n) {
            fuzz_fail(what, "a placeholder without its attachment", json);
            return;
        }

        fuzz_check_tag(what, json, &found, &attachments[num]);
    }
}


/* "@N",{"_placeholder" ... */

static void
fuzz_check_tag(const char *what, const ngx_str_t *json,
    sio_str_t *placeholder, ngx_str_t *attachment)
{
    u_char  *p;

    p = placeholder->data;

    if (p - json->data < 5 || ngx_strncmp(p - 5, "\"@", 2) != 0
        || ngx_strncmp(p - 2, "\",", 2) != 0)
    {
        return;
    }

    if (attachment->len == 0 || attachment->data[0] != p[-3]) {
        fuzz_fail(what, "another's attachment", json);
    }
}


static void
fuzz_check_rooms(const char *what, const ngx_str_t *rooms, ngx_uint_t n)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {

        if (rooms[i].len > FUZZ_MAX_ROOM
            || (rooms[i].len
                && sio_utf8_valid(rooms[i].data, rooms[i].len) != SIO_OK))
        {
            fuzz_fail(what, "a bad room", &rooms[i]);
        }
    }
}


static void
fuzz_check_where(const char *what, const ngx_sio_where_t *where)
{
    if (where == NULL) {
        return;
    }

    fuzz_check_rooms(what, where->to, where->nto);
    fuzz_check_rooms(what, where->except, where->nexcept);

    if (where->all + where->self + (where->nto != 0) != 1) {
        fuzz_fail(what, "nobody or too many addressed", &where->nsp);
    }
}


static void
fuzz_fail(const char *what, const char *why, const ngx_str_t *text)
{
    fuzz_failures++;

    fprintf(stderr, "%s: %s: %.*s\n    of %.*s\n", what, why,
            (int) text->len, text->data, (int) fuzz_len, fuzz_json);
}


/* the pools of what is under test */

void *
rules_palloc(ngx_pool_t *pool, size_t size)
{
    void  *p;

    p = malloc(size);

    if (p == NULL || (fuzz_running && fuzz_nblocks == FUZZ_MAX_BLOCKS)) {
        fprintf(stderr, "out of memory\n");
        exit(2);
    }

    if (fuzz_running) {
        fuzz_blocks[fuzz_nblocks++] = p;
    }

    return p;
}


void *
rules_pnalloc(ngx_pool_t *pool, size_t size)
{
    return rules_palloc(pool, size);
}


void *
rules_pcalloc(ngx_pool_t *pool, size_t size)
{
    void  *p;

    p = rules_palloc(pool, size);
    ngx_memzero(p, size);

    return p;
}


/* the services */

ngx_int_t
ngx_sio_call_emit(ngx_sio_call_t *call, ngx_sio_event_out_t *out)
{
    fuzz_check_where("emit", &out->where);
    fuzz_check_json("emit", &out->json, out->attachments, out->nattachments,
                    1);

    return NGX_OK;
}


ngx_int_t
ngx_sio_call_ack(ngx_sio_call_t *call, const ngx_str_t *json,
    ngx_str_t *attachments, ngx_uint_t nattachments)
{
    fuzz_check_json("ack", json, attachments, nattachments, 1);

    return NGX_OK;
}


ngx_int_t
ngx_sio_call_join(ngx_sio_call_t *call, const ngx_str_t *rooms,
    const ngx_uint_t *max, ngx_uint_t n, ngx_sio_where_t *where)
{
    fuzz_check_where("join", where);
    fuzz_check_rooms("join", rooms, n);

    return NGX_OK;
}


ngx_int_t
ngx_sio_call_leave(ngx_sio_call_t *call, const ngx_str_t *rooms,
    ngx_uint_t n, ngx_sio_where_t *where)
{
    fuzz_check_where("leave", where);
    fuzz_check_rooms("leave", rooms, n);

    return NGX_OK;
}


ngx_int_t
ngx_sio_call_disconnect(ngx_sio_call_t *call, ngx_uint_t close,
    ngx_sio_where_t *where)
{
    fuzz_check_where("disconnect", where);

    return NGX_OK;
}


ngx_int_t
ngx_sio_call_set(ngx_sio_call_t *call, const ngx_str_t *key,
    const ngx_str_t *value)
{
    fuzz_check_json("set", value, NULL, 0, 0);

    return NGX_OK;
}


ngx_int_t
ngx_sio_call_member(ngx_sio_call_t *call, const ngx_str_t *room)
{
    fuzz_check_rooms("member", room, 1);

    return room->len % 2 ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_sio_call_rooms(ngx_sio_call_t *call, ngx_str_t **rooms, ngx_uint_t *n)
{
    static ngx_str_t  names[] = {
        ngx_string("abcdefghijklmnopqrst"), ngx_string("a \"q\" room\n")
    };

    *rooms = names;
    *n = fuzz_array(names);

    return NGX_OK;
}


ngx_int_t
ngx_sio_call_size(ngx_sio_call_t *call, const ngx_str_t *room,
    ngx_uint_t *size)
{
    *size = room ? room->len : 1000;

    return NGX_OK;
}


ngx_int_t
ngx_sio_call_sockets(ngx_sio_call_t *call, const ngx_str_t *room,
    ngx_str_t *json)
{
    ngx_str_set(json, "[{\"id\":\"x\",\"data\":{\"b\":"
                      "{\"_base64\":\"AAAA\"}}}]");

    return NGX_OK;
}


ngx_int_t
ngx_sio_call_data(ngx_sio_call_t *call, ngx_str_t *json)
{
    ngx_str_set(json, "{\"list\":[1,\"two\",3.0],\"none\":[],"
                      "\"bin\":{\"_base64\":\"AQID\"},"
                      "\"deep\":{\"x\":[{\"_base64\":\"/w==\"},"
                      "{\"_base64\":\"\"}]},"
                      "\"fake\":[\"@!\"," FUZZ_FAKE "],"
                      "\"mixed\":[\"@!\"," FUZZ_FAKE ","
                      "{\"_base64\":\"AQID\"}]}");

    return NGX_OK;
}


ngx_int_t
ngx_sio_call_user(ngx_sio_call_t *call, ngx_str_t *user)
{
    (void) call;

    ngx_str_set(user, "someone");

    return NGX_OK;
}


ngx_int_t
ngx_sio_call_identify(ngx_sio_call_t *call, const ngx_str_t *user)
{
    (void) call;
    (void) user;

    return NGX_OK;
}


ngx_int_t
ngx_sio_var_jwt(ngx_sio_run_t *run, const ngx_str_t *pointer,
    ngx_sio_value_t *value)
{
    value->kind = NGX_SIO_VALUE_JSON;
    ngx_str_set(&value->s, "[1,\"two\"]");
    value->rooms = 1;

    return NGX_OK;
}


ngx_int_t
ngx_sio_call_info(ngx_sio_call_t *call, const ngx_str_t *name,
    ngx_str_t *value)
{
    if (name->data[0] == '.') {
        ngx_str_set(value, "{\"token\":\"\xc3\xa4\",\"EIO\":\"4\"}");
        return NGX_OK;
    }

    /* not valid, as a header may be */

    ngx_str_set(value, "caf\xe9 \"\n\xff");

    return fuzz_random(4) ? NGX_OK : NGX_DECLINED;
}


void
ngx_sio_call_transport(ngx_sio_call_t *call, ngx_str_t *name)
{
    ngx_str_set(name, "polling");
}


ngx_int_t
ngx_sio_socket_auth(ngx_sio_zone_t *z, ngx_sio_handle_t socket,
    ngx_pool_t *pool, ngx_str_t *auth)
{
    return NGX_DONE;
}


ngx_sio_zone_t *
ngx_sio_worker_zone(ngx_sio_worker_t *worker)
{
    return NULL;
}


void
ngx_sio_refused(ngx_sio_zone_t *z, ngx_sio_refused_e what)
{
    /* a counter of the zone's */
}


/* fuzz.conf has no tokens */

ngx_int_t
ngx_sio_token_verify(ngx_sio_call_t *call, ngx_sio_jwt_t *jwt)
{
    return NGX_OK;
}


char *
ngx_http_sio_jwt(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return "is not for this test";
}


ngx_int_t
ngx_http_sio_jwt_postconf(ngx_conf_t *cf, ngx_sio_rules_t *rules)
{
    return NGX_OK;
}


/* fuzz.conf has no hooks */

ngx_str_t  ngx_sio_lives[NGX_SIO_NLIVES];


ngx_sio_hook_t *
ngx_sio_hook_keep(ngx_sio_call_t *call)
{
    return NULL;
}


void
ngx_sio_hook_free(ngx_sio_hook_t *hook)
{
    /* void */
}


ngx_int_t
ngx_http_sio_hook_add_variable(ngx_conf_t *cf, ngx_str_t *name,
    ngx_sio_var_t *var)
{
    return NGX_OK;
}


ngx_int_t
ngx_http_sio_hook_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, ngx_sio_var_t *var)
{
    v->not_found = 1;

    return NGX_OK;
}


ngx_int_t
ngx_http_sio_hook_send(ngx_sio_hook_t *hook)
{
    return NGX_ERROR;
}


void
ngx_sio_hook_count(ngx_sio_zone_t *z, ngx_sio_hook_e what, ngx_uint_t n)
{
    /* void */
}


ngx_int_t
ngx_sio_hook_copy(ngx_pool_t *pool, ngx_str_t *s)
{
    return NGX_ERROR;
}
