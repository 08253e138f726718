'use strict';

/*
 * "nginx -t" of everything that can be wrong in a configuration: it is
 * refused, and the message names the file, the line and the offender.
 *
 * The line at fault ends with "# HERE".
 */

const test = require('node:test');
const assert = require('node:assert');
const crypto = require('node:crypto');

const sio = require('../lib/sio.js');


/* in a rule: the line, and what the message has to name */

const ACTIONS = [
  ['an unknown action', 'emitt message x;', /emitt/],
  ['an action in capitals', 'Emit message x;', /Emit/],
  ['nginx\'s directive as an action', 'return 200;', /return/],
  ['a directive of the module as an action', 'sio_ping_interval 1s;',
   /sio_ping_interval/],
  ['if', 'if ($sio_id) { }', /if/],

  ['emit without an event', 'emit;', /emit/],
  ['a mistyped option', 'emit message x too=room;', /too=room/],
  ['an option of another action', 'join room to=other;', /to=other/],
  ['an option in capitals', 'emit message x TO=room;', /TO=room/],
  ['an unknown except', 'emit message exept=self;', /exept=self/],
  ['an empty to=', 'emit message x to=;', /room/],
  ['an empty ack=', 'emit message x ack=;', /ack=/],
  ['an unknown ack=', 'emit message x ack=nobody;', /nobody/],
  ['timeout= of no time', 'emit message x ack=known timeout=soon;', /soon/],
  ['compress= of no meaning', 'emit message x compress=maybe;', /maybe/],
  ['nsp= without to=', 'emit message x nsp=/chat;', /nsp=/],
  ['a stray quote', 'emit message a"b;', /a"b/],

  ...['connect', 'connect_error', 'disconnect', 'disconnecting',
      'newListener', 'removeListener'].map((name) =>
    [`emit of ${name}`, `emit ${name} x;`, new RegExp(name)]),
  ['emit of an empty event', 'emit "" x;', /./],

  ['a bad template', 'emit message \'{"a":}\';', /\{"a":\}/],
  ['a template that does not end', 'emit message \'{"a":1\';', /\{"a":1/],
  ['something behind a template', 'emit message \'{"a":1} x\';', /./],
  ['a trailing comma', 'emit message \'[1,]\';', /\[1,\]/],
  ['a bare word in a template', 'emit message \'{"a":maybe}\';', /maybe/],
  ['a key without quotes', 'emit message \'{a:1}\';', /\{a:1\}/],
  ['a variable as a key', 'emit message \'{$sio_id:1}\';', /./],
  ['an escape that is none', 'emit message \'{"a":"\\\\x"}\';', /./],
  ['json: of nothing', 'emit message json:;', /json:/],
  ['json: of no JSON', 'emit message json:nope;', /nope/],
  ['base64: of no base64', 'emit message base64:!!!;', /base64/],
  ['an unknown variable in a template',
   'emit message \'{"a":$nosuch}\';', /nosuch/],

  ['an unknown variable', 'emit message $nosuch;', /nosuch/],
  ['an unknown variable in a string', 'emit message "a $nosuch b";',
   /nosuch/],
  ['an unknown variable in a room', 'join "room:$nosuch";', /nosuch/],
  ['an unknown variable as a room', 'emit message x to=$nosuch;', /nosuch/],
  ['an unknown variable in a condition', 'require $nosuch;', /nosuch/],
  ['an unknown variable of ours', 'emit message $sio_nosuch;',
   /sio_nosuch/],
  ['a dollar alone', 'emit message "a $ b";', /\$/],

  ['join without a room', 'join;', /join/],
  ['leave without a room', 'leave;', /leave/],
  ['an empty room', 'join "";', /./],
  ['max= of no number', 'join room max=many;', /many/],
  ['max=0', 'join room max=0;', /max=0/],
  ['max= of less than nothing', 'join room max=-1;', /max=-1/],

  ['require without a condition', 'require;', /require/],
  ['a comparison with nothing', 'require $sio_id =;', /./],
  ['an unknown comparison', 'require $sio_id == x;', /==/],
  ['a regex that does not compile', 'require $sio_id ~ "(";', /\(/],
  ['member without a room', 'require member;', /member/],
  ['a condition on a constant', 'require yes;', /yes/],
  ['data= of no JSON', 'require $sio_id \'data={"a":\';', /./],
  ['an unknown option of require', 'require $sio_id eror=x;', /eror/],
  ['reject with two texts', 'reject one two;', /./],

  ['set without a value', 'set key;', /set/],
  ['set of a key in capitals', 'set Key x;', /Key/],
  ['set of a key with a dash', 'set a-b x;', /a-b/],
  ['set of an empty key', 'set "" x;', /./],

  ['disconnect and something', 'disconnect now;', /now/],
  ['relay and an argument', 'relay x;', /x/],

  ['hook without a URI', 'hook;', /hook/],
  ['hook of no URI', 'hook backend;', /backend/],
  ['hook of a URL', 'hook http://localhost/;', /http:/],
  ['hook with a variable', 'hook /backend/$sio_event;', /variables/],
  ['hook and a word', 'hook /backend sync;', /sync/],
  ['hook async twice', 'hook /backend async async;', /async/],
];


const HOOKS = ['connection', 'newListener', '$sio_event', '~', '""'];


/* keys for sio_jwt */

const KEYS = keys();

function keys() {
  const pair = (type, options) => crypto.generateKeyPairSync(type, options);
  const pem = (key) => key.export({ format: 'pem',
                                    type: key.type === 'private' ? 'pkcs8'
                                      : 'spki' });
  const short = pair('rsa', { modulusLength: 1024 });
  const good = pair('ec', { namedCurve: 'P-256' });
  const other = pair('ec', { namedCurve: 'secp256k1' });
  const jwk = good.publicKey.export({ format: 'jwk' });

  return {
    'good.pem': pem(good.publicKey) + pem(pair('ed25519').publicKey),
    'good.jwks': JSON.stringify({ keys: [jwk] }),
    'one.jwk': JSON.stringify(jwk),
    secret: 'x'.repeat(40),
    'private.pem': pem(good.privateKey),
    'short.pem': pem(short.publicKey),
    'other.pem': pem(other.publicKey),
    'cut.pem': pem(good.publicKey).replace(/\n.*\n/, '\nMFkw\n'),
    'empty.jwks': '{"keys":[{"kty":"x"}]}',
    'short.jwks': JSON.stringify({
      keys: [short.publicKey.export({ format: 'jwk' })] }),
    'private.jwks': JSON.stringify({
      keys: [good.privateKey.export({ format: 'jwk' })] }),
    'bad.jwks': JSON.stringify({ keys: [{ ...jwk, y: jwk.x }] }),
  };
}


/* around rules: what stands in the location, in server and in http */

const PLACES = [
  ['sio_jwt without a source', { files: KEYS, location: `sio on;
     sio_jwt secret=0123456789abcdef0123456789abcdef; # HERE` },
   /auth, query, cookie or header/],
  ['sio_jwt without a key', { files: KEYS, location: `sio on;
     sio_jwt auth /token; # HERE` },
   /secret=/],
  ['sio_jwt of a source without a name', { files: KEYS, location: `sio on;
     sio_jwt secret=0123456789abcdef0123456789abcdef query; # HERE` },
   /\"query\"/],
  ['sio_jwt of no pointer', { files: KEYS, location: `sio on;
     sio_jwt auth token secret=0123456789abcdef0123456789abcdef; # HERE` },
   /\"token\"/],
  ['sio_jwt of an empty pointer', { files: KEYS, location: `sio on;
     sio_jwt auth "" secret=0123456789abcdef0123456789abcdef; # HERE` },
   /pointer/],
  ['sio_jwt of an empty name', { files: KEYS, location: `sio on;
     sio_jwt cookie "" secret=0123456789abcdef0123456789abcdef; # HERE` },
   /cookie/],
  ['sio_jwt of a name too long', { files: KEYS, location: `sio on;
     sio_jwt header ${'x'.repeat(201)} secret=0123456789abcdef0123456789abcdef; # HERE` },
   /xxx/],
  ['sio_jwt with an unknown word', { files: KEYS, location: `sio on;
     sio_jwt auth /token secret=0123456789abcdef0123456789abcdef maybe; # HERE` },
   /maybe/],
  ['sio_jwt with an unknown option', { files: KEYS, location: `sio on;
     sio_jwt auth /token secret=0123456789abcdef0123456789abcdef audience=x; # HERE` },
   /audience=x/],
  ['sio_jwt with an empty secret', { files: KEYS, location: `sio on;
     sio_jwt auth /token secret=; # HERE` },
   /empty secret/],
  ['sio_jwt with an empty aud', { files: KEYS, location: `sio on;
     sio_jwt auth /token secret=0123456789abcdef0123456789abcdef aud=; # HERE` },
   /aud=/],
  ['sio_jwt with an unknown alg', { files: KEYS, location: `sio on;
     sio_jwt auth /token secret=0123456789abcdef0123456789abcdef alg=HS256,none; # HERE` },
   /\"none\"/],
  ['sio_jwt with an alg of no key', { files: KEYS, location: `sio on;
     sio_jwt auth /token secret=0123456789abcdef0123456789abcdef alg=RS256; # HERE` },
   /alg=/],
  ['sio_jwt with a leeway of no time', { files: KEYS, location: `sio on;
     sio_jwt auth /token secret=0123456789abcdef0123456789abcdef leeway=soon; # HERE` },
   /soon/],
  ['sio_jwt with a grace alone', { files: KEYS, location: `sio on;
     sio_jwt auth /token secret=0123456789abcdef0123456789abcdef grace=1m; # HERE` },
   /grace=/],
  ['sio_jwt with a grace of nothing', { files: KEYS, location: `sio on;
     sio_jwt auth /token secret=0123456789abcdef0123456789abcdef expire=x grace=0; # HERE` },
   /\"0\"/],
  ['sio_jwt with a reserved event', { files: KEYS, location: `sio on;
     sio_jwt auth /token secret=0123456789abcdef0123456789abcdef expire=disconnect; # HERE` },
   /\"disconnect\"/],
  ['sio_jwt off and something', { files: KEYS, location: `sio on;
     sio_jwt off secret=0123456789abcdef0123456789abcdef; # HERE` },
   /secret=/],
  ['sio_jwt twice', { files: KEYS, location: `sio on;
     sio_jwt off; sio_jwt auth /token secret=0123456789abcdef0123456789abcdef; # HERE` },
   /duplicate/],
  ['sio_jwt of a file that is not there', { files: KEYS, location: `sio on;
     sio_jwt auth /token key=nosuch.pem; # HERE` },
   /nosuch\.pem/],
  ['sio_jwt of a secret that is not there', { files: KEYS, location: `sio on;
     sio_jwt auth /token secret_file=nosuch; # HERE` },
   /nosuch/],
  ['sio_jwt of a directory', { files: KEYS, location: `sio on;
     sio_jwt auth /token key=tmp; # HERE` },
   /tmp/],
  ['sio_jwt of a file without a key', { files: KEYS, location: `sio on;
     sio_jwt auth /token key=nginx.conf; # HERE` },
   /no public key in \"[^\"]*nginx\.conf/],
  ['sio_jwt of a private key', { files: KEYS, location: `sio on;
     sio_jwt auth /token key=private.pem; # HERE` },
   /PRIVATE KEY\" in \"[^\"]*private\.pem/],
  ['sio_jwt of a short RSA key', { files: KEYS, location: `sio on;
     sio_jwt auth /token key=short.pem; # HERE` },
   /short\.pem\" has 1024 bits/],
  ['sio_jwt of a key of another kind', { files: KEYS, location: `sio on;
     sio_jwt auth /token key=other.pem; # HERE` },
   /other\.pem\" is of no kind/],
  ['sio_jwt of a key that is cut', { files: KEYS, location: `sio on;
     sio_jwt auth /token key=cut.pem; # HERE` },
   /cut\.pem/],
  ['sio_jwt of a JWKS that is none', { files: KEYS, location: `sio on;
     sio_jwt auth /token jwks=nginx.conf; # HERE` },
   /nginx\.conf\" is not a JSON Web Key Set/],
  ['sio_jwt of an empty JWKS', { files: KEYS, location: `sio on;
     sio_jwt auth /token jwks=empty.jwks; # HERE` },
   /empty\.jwks\" has no key/],
  ['sio_jwt of a JWKS with a short key', { files: KEYS, location: `sio on;
     sio_jwt auth /token jwks=short.jwks; # HERE` },
   /short\.jwks\" has 1024 bits/],
  ['sio_jwt of a JWKS with a private key', { files: KEYS, location: `sio on;
     sio_jwt auth /token jwks=private.jwks; # HERE` },
   /private\.jwks\": it is a private key/],
  ['sio_jwt of a JWKS with a bad key', { files: KEYS, location: `sio on;
     sio_jwt auth /token jwks=bad.jwks; # HERE` },
   /bad\.jwks\" cannot be read/],
  ['a claim without sio_jwt', { location: `sio on;
     sio_on a {
         ack $sio_jwt_sub; # HERE
     }` }, /sio_jwt/],
  ['sio_set of a claim without sio_jwt', { location: `sio on;
     sio_set $x jwt /sub;
     sio_on a {
         ack $x; # HERE
     }` }, /sio_jwt/],
  ['sio_jwt in a server', { location: 'sio on;', server: `
     sio_jwt off; # HERE` }, /sio_jwt/],
  ['sio_api of a zone that is not there', { location: 'sio on;', server: `
     location /api/ { sio_api zone=other; allow all; } # HERE` }, /other/],
  ['sio_api of a zone without sio', { location: 'sio on;',
     http: 'sio_zone zone=other:1m;', server: `
     location /api/ { sio_api zone=other; allow all; } # HERE` }, /other/],
  ['sio_api with a word', { location: 'sio on;', server: `
     location /api/ { sio_api on; } # HERE` }, /"on"/],
  ['sio_api zone= of nothing', { location: 'sio on;', server: `
     location /api/ { sio_api zone=; } # HERE` }, /zone=/],
  ['sio_api twice', { location: 'sio on;', server: `
     location /api/ { sio_api; sio_api; } # HERE` }, /sio_api/],
  ['sio_api where sio is', { location: 'sio on; sio_api; # HERE' },
   /handler/],
  ['sio_api in a location with a regex', { location: 'sio on;', server: `
     location ~ ^/api/ { sio_api; } # HERE` }, /sio_api/],
  ['sio_api in a named location', { location: 'sio on;', server: `
     location @api { sio_api; } # HERE` }, /sio_api/],
  ['sio_on without an event', { location: `
     sio on;
     sio_on { join r; } # HERE` }, /sio_on/],
  ['sio_on with three names', { location: `
     sio on;
     sio_on a b c { join r; } # HERE` }, /sio_on|"b"|"a"/],
  ...['connection', 'connect_error', 'newListener', 'removeListener']
    .map((name) => [`sio_on ${name}`, { location: `
     sio on;
     sio_on ${name} { # HERE
         join r;
     }` }, new RegExp(name)]),
  ['an event twice', { location: `
     sio on;
     sio_on a { join r; }
     sio_on a { # HERE
         join s;
     }` }, /"?a"?/],
  ['the catch-all twice', { location: `
     sio on;
     sio_on * { join r; }
     sio_on * { # HERE
         join s;
     }` }, /\*/],
  ['a regex that does not compile', { location: `
     sio on;
     sio_on ~ "(a" { # HERE
         join r;
     }` }, /\(a/],
  ['sio_on_ack twice', { location: `
     sio on;
     sio_on_ack a { join r; }
     sio_on_ack a { # HERE
         join s;
     }` }, /"?a"?/],
  ['a namespace twice', { location: `
     sio on;
     sio_namespace /chat { }
     sio_namespace /chat { # HERE
     }` }, /chat/],
  ['a namespace\'s regex that does not compile', { location: `
     sio on;
     sio_namespace ~ "(" { # HERE
     }` }, /\(/],
  ['a namespace in a namespace', { location: `
     sio on;
     sio_namespace /a {
         sio_namespace /b { # HERE
         }
     }` }, /sio_namespace/],
  ['sio_on in sio_on', { location: `
     sio on;
     sio_on a {
         sio_on b { # HERE
         }
     }` }, /sio_on/],
  ['join in sio_use', { location: `
     sio on;
     sio_use {
         join r; # HERE
     }` }, /join/],
  ['emit in sio_use', { location: `
     sio on;
     sio_use {
         emit a; # HERE
     }` }, /emit/],
  ['a directive of nginx in a namespace', { location: `
     sio on;
     sio_namespace /a {
         return 200; # HERE
     }` }, /return/],
  ['a rule in http', { http: 'sio_on a { join r; } # HERE',
                       location: 'sio on;' }, /sio_on/],
  ['a rule in server', { server: 'sio_on a { join r; } # HERE',
                         location: 'sio on;' }, /sio_on/],
  ['a rule without sio', { location: `
     sio_on a { # HERE
         join r;
     }` }, /sio/],

  ...HOOKS.map((name) => [`sio_hook of ${name}`, { location: `
     sio on;
     sio_hook /backend a ${name}; # HERE` },
     new RegExp(name === '""' ? 'event' : name.replace('$', '\\$'))]),
  ['sio_hook of one event twice', { location: `
     sio on;
     sio_hook /backend a b;
     sio_hook /other c a; # HERE` }, /"a"/],
  ['two sio_hook without an event', { location: `
     sio on;
     sio_hook /backend;
     sio_hook /other; # HERE` }, /"connect"/],
  ['sio_hook of no URI', { location: `
     sio on;
     sio_hook backend; # HERE` }, /"backend"/],
  ['sio_hook with a variable', { location: `
     sio on;
     sio_hook /$sio_event; # HERE` }, /variables/],
  ['sio_hook without sio', { location: 'sio_hook /backend; # HERE' }, /sio/],
  ['sio_hook in a rule', { location: `
     sio on;
     sio_on a { sio_hook /b; } # HERE` }, /sio_hook/],
  ...['whsec_', 'whsec_!!', '""', 'a whsec_*'].map((keys) =>
    [`sio_hook_secret ${keys}`, { location: `
     sio on;
     sio_hook_secret ${keys}; # HERE` }, /key [12] in "sio_hook_secret"/]),
  ['three keys', { location: `
     sio on;
     sio_hook_secret a b c; # HERE` }, /sio_hook_secret/],
  ['sio_hook_secret twice', { location: `
     sio on;
     sio_hook_secret a;
     sio_hook_secret b; # HERE` }, /sio_hook_secret/],
  ...['0', '-1', 'many', '65536', '""'].map((n) =>
    [`sio_hook_concurrency ${n}`, { location: `
     sio on;
     sio_hook_concurrency ${n}; # HERE` }, /sio_hook_concurrency/]),
  ['sio_hook_concurrency twice', { location: `
     sio on;
     sio_hook_concurrency 2;
     sio_hook_concurrency 2; # HERE` }, /sio_hook_concurrency/],
  ['sio_room_hook of a mistyped event', { location: `
     sio on;
     sio_room_hook /backend joined-room; # HERE` }, /joined-room/],
  ['sio_room_hook of one event twice', { location: `
     sio on;
     sio_namespace /a {
         sio_room_hook /backend join-room;
         sio_room_hook /other; # HERE
     }` }, /join-room/],
  ['sio_room_hook of no URI', { location: `
     sio on;
     sio_room_hook backend; # HERE` }, /"backend"/],

  ['sio_user of itself', { location: `
     sio on;
     sio_user "a$sio_user"; # HERE` }, /sio_user/],
  ['sio_user of an unknown variable', { location: `
     sio on;
     sio_user $nosuch; # HERE` }, /nosuch/],
  ['sio_user of a capture that there is not', { location: `
     sio on;
     sio_user $1; # HERE` }, /\$1/],
  ['sio_user in an event', { location: `
     sio on;
     sio_on a {
         sio_user $remote_user; # HERE
     }` }, /sio_user/],
  ['sio_user twice in a namespace', { location: `
     sio on;
     sio_user $remote_user;
     sio_namespace /a {
         sio_user $remote_user;
         sio_user $remote_addr; # HERE
     }` }, /sio_user/],
  ['sio_user_room with a variable', { location: `
     sio on;
     sio_user_room "a:$remote_user"; # HERE` }, /a:\$remote_user/],
  ['sio_user_room too long', { location: `
     sio on;
     sio_user_room ${'p'.repeat(257)}; # HERE` }, /ppp/],
  ['sio_user_sessions without the room', { location: `
     sio on;
     sio_user $remote_user;
     sio_user_sessions 3 kick; # HERE` },
   /sio_user_sessions.*sio_user_room.*"\/"/],
  ['sio_user_sessions of a namespace without the room', { location: `
     sio on;
     sio_user_room on;
     sio_user_sessions 3 refuse; # HERE
     sio_namespace /a { sio_user_room off; }` },
   /sio_user_sessions.*sio_user_room.*"\/a"/],
  ['sio_join_allow of an unknown variable', { location: `
     sio on;
     sio_join_allow a "b:$nosuch:*"; # HERE` }, /nosuch/],
  ['sio_emit_allow with two stars', { location: `
     sio on;
     sio_emit_allow a "b:**"; # HERE` }, /b:\*\*/],
  ['sio_emit_allow of nothing', { location: `
     sio on;
     sio_emit_allow ""; # HERE` }, /sio_emit_allow|empty pattern/],
  ['sio_emit_allow with a quote inside', { location: `
     sio on;
     sio_namespace /a {
         sio_emit_allow a:"b"; # HERE
     }` }, /a:"b"/],

  ['sio of an unknown zone', { location: 'sio zone=nosuch; # HERE' },
   /nosuch/],
  ['sio with a word', { location: 'sio maybe; # HERE' }, /maybe/],
  ['sio twice', { location: 'sio on;\nsio on; # HERE' }, /sio/],
  ['a second "sio on"', {
     server: 'location /other/ { sio on; } # HERE',
     location: 'sio on; # OR HERE' }, /sio/],
  ['sio in a regex location', { path: '~ /socket.io/',
     location: 'sio on; # HERE' }, /regex|location/],
  ['sio in a named location', { path: '@socket',
     location: 'sio on; # HERE' }, /named|location/],
  ['sio in if', { location: `
     if ($request_method = GET) {
         sio on; # HERE
     }` }, /sio/],
  ['sio in server', { server: 'sio on; # HERE', location: '' }, /sio/],

  ['a parser without packets', { location: `
     sio on; # HERE
     sio_protocol engine.io;
     sio_parser msgpack;` }, /"sio_parser msgpack".*engine\.io/],

  ['rules of one zone in two places', {
     zone: '1m',
     server: `location /other/ {
         sio zone=default; # HERE
         sio_on b { join r; }
     }`,
     location: `
         sio zone=default;
         sio_on a { join r; }` }, /"default".* two locations/],

  ['a zone twice', { http: `
     sio_zone zone=a:1m;
     sio_zone zone=a:1m; # HERE`, location: 'sio zone=a;' }, /"?a/],
  ['a zone without a name', { http: 'sio_zone zone=:1m; # HERE',
                              location: '' }, /zone=:1m/],
  ['a zone without a size', { http: 'sio_zone zone=a; # HERE',
                              location: '' }, /zone=a/],
  ['a zone with an unknown option', {
     http: 'sio_zone zone=a:1m size=2m; # HERE', location: '' }, /sio_zone/],

  ['sio_set without a pointer', { location: `
     sio on;
     sio_set $x args; # HERE` }, /sio_set/],
  ['sio_set of no variable', { location: `
     sio on;
     sio_set x args /0; # HERE` }, /"x"/],
  ['sio_set of an unknown source', { location: `
     sio on;
     sio_set $x arg /0; # HERE` }, /"?arg"?/],
  ['sio_set of an unknown type', { location: `
     sio on;
     sio_set $x args /0 text; # HERE` }, /text/],
  ['a pointer without a slash', { location: `
     sio on;
     sio_set $x args 0; # HERE` }, /"?0"?/],
  ['a pointer with ~2', { location: `
     sio on;
     sio_set $x args /a~2; # HERE` }, /~2/],
  ['a pointer that ends with ~', { location: `
     sio on;
     sio_set $x args /a~; # HERE` }, /~/],
  ['sio_set of one name in two ways', { location: `
     sio on;
     sio_set $x args /0;
     sio_set $x args /1; # HERE` }, /x/],
  ['sio_set of a variable of ours', { location: `
     sio on;
     sio_set $sio_id args /0; # HERE` }, /sio_id/],
  ['sio_set of a variable of nginx', { location: `
     sio on;
     sio_set $host args /0; # HERE` }, /host/],
];


/* server options: the directive, and what it does not take */

const NUMBERS = [
  ['sio_ping_interval', ['soon', '-1', '1x', '', '25s 20s']],
  ['sio_ping_timeout', ['soon', '-1', '']],
  ['sio_upgrade_timeout', ['soon', '-1', '']],
  ['sio_connect_timeout', ['soon', '-1', '']],
  ['sio_max_http_buffer_size', ['many', '-1', '1q', '']],
  ['sio_transports', ['smoke', 'polling smoke', '']],
  ['sio_allow_upgrades', ['maybe', '']],
  ['sio_origin_check', ['maybe', '', 'on off']],
  ['sio_parser', ['bson', '', 'json msgpack']],
  ['sio_allow_eio3', ['maybe', '3', '']],
  ['sio_http_compression', ['maybe', 'threshold', 'threshold=',
                            'threshold=many', 'threshold=-1', '1k', '']],
  ['sio_per_message_deflate', ['maybe', 'threshold=', 'threshold=2g',
                               'threshold=1k on', 'on level=1', 'level=0',
                               'level=10', 'mem_level=0', 'mem_level=10',
                               'contexts=many', 'contexts=-1', 'bits=15',
                               'server_max_window_bits=7',
                               'client_max_window_bits=16',
                               'client_max_window_bits=on',
                               'server_no_context_takeover=maybe',
                               'server_no_context_takeover=9',
                               'server_no_context_takeover',
                               'level=1 level=2',
                               'threshold=1k level=9 threshold=1k', '']],
  ['sio_limit', ['nosuch=1', 'rooms', 'rooms=', 'rooms=many', 'rooms=-1',
                 'room_name=x', 'acks=1q', 'hooks=0', 'hook_buffer=x',
                 'room_hooks=0', 'user=0', 'user=4097', 'api_orders=0',
                 'api_line=63', 'api_timeout=0', 'api_timeout=2h',
                 'api_timeout=5q', 'api_answers=1', 'api_waiting=x', '']],
  ['sio_user', ['']],
  ['sio_user_room', ['""', '*', 'self', '']],
  ['sio_user_sessions', ['0 kick', '-1 kick', 'many kick', '1001 kick', '3',
                         '3 both', 'kick', 'kick 3', '']],
];


/* what the message has to say */

function names(r, offender, file = r.file) {
  assert.equal(r.signal, null, r.output);
  assert.ok(!r.ok, `it is accepted:\n${r.conf}`);

  const message = r.output.split('\n').find((l) => /\[emerg\]/.test(l));
  const escaped = file.replace(/[.\\/]/g, '\\$&');

  assert.ok(message, r.output);
  assert.match(message, offender);

  const lines = r.conf.split('\n')
    .map((text, n) => (/# (OR )?HERE/.test(text) ? n + 1 : 0)).filter(Boolean);

  if (file !== r.file) {
    return message;
  }

  assert.ok(lines.some((n) => new RegExp(`${escaped}:${n}\\b`).test(message)),
            `line ${lines} is not named: ${message}`);

  return message;
}


const refused = (name, options, offender) =>
  test(`refused: ${name}`, async () => {
    names(await sio.testConfig(options), offender);
  });


for (const [name, line, offender] of ACTIONS) {
  refused(name, { location: `
    sio on;
    sio_on_ack known { join r; }
    sio_on before { join r; }
    sio_on test {
        join before;
        ${line} # HERE
        join after;
    }` }, offender);
}


for (const [name, options, offender] of PLACES) {
  refused(name, options, offender);
}


for (const [directive, values] of NUMBERS) {
  for (const value of values) {
    refused(`${directive} ${value}`, {
      location: `sio on;\n${directive} ${value}; # HERE`,
    }, offender(directive, value));
  }

  /* several transports may stand in several directives */

  if (directive === 'sio_transports') {
    continue;
  }

  refused(`${directive} twice`, {
    location: `sio on;
      ${directive} ${good(directive)};
      ${directive} ${good(directive)}; # HERE`,
  }, new RegExp(directive === 'sio_limit' ? 'rooms' : directive));
}


/* nginx's own conversions name the directive, not the value */

function offender(directive, value) {
  const word = value.split(' ').pop().split('=')[0];

  return word ? new RegExp(`${directive}|"${word}`) : new RegExp(directive);
}


function good(directive) {
  return {
    sio_max_http_buffer_size: '1m',
    sio_transports: 'polling websocket',
    sio_allow_upgrades: 'on',
    sio_origin_check: 'on',
    sio_parser: 'msgpack',
    sio_allow_eio3: 'on',
    sio_http_compression: 'threshold=1k',
    sio_per_message_deflate: 'on',
    sio_limit: 'rooms=10',
    sio_user_sessions: '3 kick',
  }[directive] || '10s';
}


for (const directive of ['sio_ping_interval', 'sio_ping_timeout']) {
  refused(`${directive} 0`, {
    server: `location /other/ {
      sio on; # HERE
      ${directive} 0;
    }`,
    location: '',
  }, new RegExp(directive));
}


/* whoever reaches it, commands it */

for (const [name, guard, warned] of [
  ['nothing', '', true],
  ['deny', 'deny all;', false],
  ['auth_basic', 'auth_basic x; auth_basic_user_file /dev/null;', false],
  ['auth_request', 'auth_request /auth;', false],
  ['internal', 'internal;', false],
  ['a key', 'sio_api_key x;', false],
]) {
  test(`sio_api guarded by ${name}`, async () => {
    const r = await sio.testConfig({ location: 'sio on;', server: `
      location /api/ { sio_api; ${guard} }` });

    assert.ok(r.ok, r.output);
    assert.equal(/\[warn\].*sio_api.*\/api\//.test(r.output), warned,
                 r.output);
  });
}


for (const [size, warned] of [['16m', false], ['17m', true]]) {
  test(`sio_max_http_buffer_size ${size}`, async () => {
    const r = await sio.testConfig({
      location: `sio on; sio_max_http_buffer_size ${size};` });

    assert.ok(r.ok, r.output);
    assert.equal(new RegExp(`\\[warn\\].*buffer_size is ${size} .*conf:\\d+`)
                 .test(r.output), warned, r.output);
  });
}


test('refused: a block that does not end', async () => {
  const r = await sio.testConfig({ conf: `
    load_module ${sio.MODULE};
    events { }
    http {
        server {
            location / {
                sio on;
                sio_on a {
                    join r;
  ` });

  assert.ok(!r.ok);
  assert.match(r.output, /unexpected end of file/);
  assert.match(r.output, /nginx\.conf:\d+/);
});


test('refused: an action that does not end', async () => {
  const r = await sio.testConfig({ location: `
    sio on;
    sio_on a {
        join r
    }` });

  assert.ok(!r.ok);
  assert.match(r.output, /nginx\.conf:\d+/);
});


test('refused: a mistake in a file that is included', async () => {
  const r = await sio.testConfig({
    location: `
      sio on;
      include rules.conf;`,
    files: { 'rules.conf': 'sio_on a {\n    join r;\n    jion r;\n}\n' },
  });

  assert.match(names(r, /jion/, 'rules.conf'), /rules\.conf:3\b/);
});


test('refused: an included mistake inside of a rule', async () => {
  const r = await sio.testConfig({
    location: `
      sio on;
      sio_on a {
          include action.conf;
      }`,
    files: { 'action.conf': '\n\nemit x ack=nobody;\n' },
  });

  assert.match(names(r, /nobody/, 'action.conf'), /action\.conf:3\b/);
});


/* and what is right */

const ACCEPTED = [
  ['a location that only says so', { location: 'sio on;' }],
  ['an exact location', { path: '= /socket.io/', location: 'sio on;' }],
  ['a location with ^~', { path: '^~ /socket.io/', location: 'sio on;' }],
  ['two zones', {
     http: 'sio_zone zone=a:1m; sio_zone zone=b:1m;',
     server: 'location /b/ { sio zone=b; sio_on x { join r; } }',
     location: 'sio zone=a; sio_on x { join r; }' }],
  ['one zone in two locations, rules in one', {
     zone: '1m',
     server: 'location /b/ { sio zone=default; }',
     location: 'sio zone=default; sio_on x { join r; }' }],
  ['the seeds', { location: `
     sio on;
     sio_set $room args /0/roomId;     sio_set $text args /0/message;

     sio_on joinRoom    { join $sio_arg_0;
                          emit message "$sio_id joined $sio_arg_0"
                               to=$sio_arg_0 except=self; }
     sio_on chatMessage { emit chatMessage
                               '{"sender": $sio_id, "text": $text}'
                               to=$room; }
     sio_on disconnecting { emit left $sio_id to=$sio_rooms except=self; }` }],
  ['every action and option', { location: `
     sio on;
     sio_set $n size users;
     sio_set $all size *;
     sio_set $peers sockets users;
     sio_set $s args /0/a~1b~0c string;
     sio_set $q query /token;
     sio_set $d data /name string;
     sio_limit room_name=1k rooms=100 namespaces=8 data=2k acks=10;
     sio_user "$remote_user$arg_x";
     sio_user_room on;
     sio_user_sessions 3 kick;
     sio_join_allow a "b:$n:*" *;
     sio_emit_allow "*:$sio_user" "to:*:*" ;
     sio_emit_allow "more:$d";
     sio_use { require $q "error=not allowed" 'data={"code":401}';
               set token $q; }
     sio_on connect { join "#general" users; emit welcome $n $peers; }
     sio_on all {
         require $s;
         require !$d;
         require $s = x;
         require $s != x error=no;
         require $s ~ ^a;
         require $s ~* "^a b";
         require $s !~ b;
         require member users;
         require !member "room:$s";
         join a b c max=10;
         join d in=users except=self;
         leave a;
         leave d in=*;
         emit e;
         emit e 1 two "three $s" $sio_args '{"a":[$n,"$s"],"b":{"c":$s}}'
              [1,2] json:null base64:Bg== to=a "to=b:$s" except=self
              except=c nsp=/custom volatile;
         emit e x to=* local compress=off;
         emit e x ack=name timeout=5s;
         relay to=a except=self;
         ack $sio_args_1 '{"ok":true}';
         set name $sio_arg_0;
         disconnect in=a;
         disconnect close;
         reject;
         reject "a text" 'data={"a":1}';
     }
     sio_on_ack name { emit answer $sio_args $sio_error; }
     sio_on ~ ^a(?<rest>.*)$ { emit rest $rest; }
     sio_on * { relay to=* except=self; }
     sio_on disconnecting { emit left $sio_id $sio_reason to=$sio_rooms; }
     sio_on disconnect { emit gone $sio_id to=users; }
     sio_namespace /custom {
         sio_use { reject; }
         sio_on x { ack; }
     }
     sio_namespace ~ ^/room-(?<number>\\d+)$ {
         sio_on x { emit number $number; }
     }` }],
  ['an identical sio_set twice', {
     http: 'sio_set $x args /0; sio_set $x args /0;', location: 'sio on;' }],
  ['every option of the server', { location: `
     sio on;
     sio_ping_interval 25s;
     sio_ping_timeout 20s;
     sio_max_http_buffer_size 1000000;
     sio_upgrade_timeout 10s;
     sio_connect_timeout 45s;
     sio_transports polling websocket;
     sio_allow_upgrades on;
     sio_allow_eio3 on;
     sio_http_compression threshold=2k;
     sio_per_message_deflate threshold=2k;` }],
  ['sio_jwt', { files: KEYS, location: `
     sio on;
     sio_set $role jwt /realm_access/roles/0 string;
     sio_jwt auth /token query token cookie a header Authorization
             header X secret=0123456789abcdef0123456789abcdef
             secret_file=secret key=good.pem jwks=good.jwks jwks=one.jwk
             alg=HS256,ES256 alg=EdDSA aud=a aud=b iss=c leeway=10s
             expire=expiring grace=1m optional;
     sio_on a { ack $sio_jwt_sub $role; }
     sio_namespace /b { sio_jwt off; sio_on a { ack $sio_jwt_sub; } }
     sio_namespace /c { sio_jwt auth /a/b key=good.pem expire=off; }` }],
  ['sio_jwt with a short secret', {
     location: 'sio on; sio_jwt auth /token secret=x expire=close;' }],
  ['no compression', { http: 'sio_http_compression off;',
                       location: 'sio on;' }],
];

for (const [name, options] of ACCEPTED) {
  test(`accepted: ${name}`, async () => {
    const r = await sio.testConfig(options);

    assert.ok(r.ok, r.output);
  });
}
