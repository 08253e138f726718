'use strict';

/*
 * Maps that are volatile, in rules: evaluated at each use, from the variables
 * of the call that runs.  Node has nothing like it.
 */

const assert = require('node:assert/strict');
const fs = require('fs');
const path = require('path');
const { spawnSync } = require('child_process');
const { after, afterEach, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const { ask, emitAck, once } = lib;


const BUILT = spawnSync(lib.NGINX, ['-V'], { encoding: 'utf8' }).stderr;

/* what is there with a request only: empty, and no harm */

const FOREIGN = ['remote_addr', 'http_x', 'arg_x', 'request_uri', 'host',
                 'cookie_a', 'request_body', 'ssl_protocol', 'upstream_addr',
                 'document_root', 'realpath_root', 'realip_remote_addr',
                 'request_id', 'connection', 'connection_requests',
                 'bytes_sent', 'request_length', 'request_time', 'status',
                 'server_addr', 'server_port', 'server_name', 'args', 'uri',
                 'remote_user', 'binary_remote_addr', 'tcpinfo_rtt',
                 'proxy_protocol_addr', 'sent_http_x', 'limit_rate', 'scheme',
                 'proxy_add_x_forwarded_for', 'content_length', 'is_args',
                 'http_cookie', 'request_filename', 'request_completion',
                 'invalid_referer', 'gzip_ratio', 'http2', 'geo', 'split']
  .filter((name) => !/^realip/.test(name) || /http_realip/.test(BUILT));

const CLOCK = ['msec', 'time_iso8601', 'time_local', 'pid', 'hostname',
               'nginx_version'];

const volatileMap = (source, name, lines) =>
  `map ${source} ${name} { volatile; ${lines} }\n`;

const http = `
    geo $geo { default in; }
    split_clients $sio_id $split { * in; }
` + volatileMap('$sio_arg_0', '$color', 'default none; red warm; ~^b cold;')
  + volatileMap('$sio_data_role', '$grade',
                'default 0; admin 2; ~^(?<rank>mod|aide)-(\\d+)$ "$rank/$2";')
  + volatileMap('$color', '$twice', 'warm "$color:$sio_arg_1"; default $grade;')
  + 'map $sio_arg_0 $inner { default $sio_arg_0; x y; }\n'
  + volatileMap('$inner|$sio_id', '$outer', '~^(.*)[|](.*)$ "$2 $1";')
  + volatileMap('$word', '$worded', '"" missing; default "<$word>";')
  + volatileMap('$crowd', '$size', '1 one; 2 two; default many;')
  + volatileMap('$token', '$tokened', 'default "t:$token";')
  + volatileMap('$sio_auth', '$authed', 'default $sio_auth;')
  + volatileMap('$sio_arg_0', '$spread', '~^(?<first>.)? "[$first]";'
                + ' default "[$first]";')
  + volatileMap('$sio_arg_0', '$open', 'yes 1; default "";')
  + volatileMap('$sio_id', '$mine', 'default "u:$sio_id";')
  + volatileMap('$sio_time', '$clock', 'default $sio_time;')
  + volatileMap('"$sio_event|$sio_nsp|$sio_ack|$sio_transport|$sio_args_1'
                + '|$sio_rooms|$sio_reason|$sio_error"', '$all',
                '~^(.*)$ $1;')
  + volatileMap('"$loop"', '$looped', 'default x$loop;')
  + FOREIGN.map((name) => volatileMap(`$${name}`, `$of_${name}`,
                 `"" "empty$${name}"; default "got $${name}";`)).join('')
  + CLOCK.map((name) => volatileMap(`$${name}`, `$of_${name}`,
                 `"" empty; default $${name};`)).join('')
  + 'map $arg_plain $plain { default "p:$arg_plain"; }\n'
  + `log_format ours "$sio_id $sio_arg_0 $sio_data_role $word";
    access_log off;`;

const rules = `
    sio_set $word    args /0/word string;
    sio_set $crowd   size hall;
    sio_set $token   query /token;
    sio_set $loop    size "r:$looped";

    access_log access.log ours;

    sio_on color     { ack $color $color; }
    sio_on role      { set role $sio_arg_0; ack $grade; }
    sio_on grade     { ack $grade; }
    sio_on twice     { ack $twice; }
    sio_on outer     { ack $outer; }
    sio_on word      { ack $worded; }
    sio_on join      { join hall; ack $size; }
    sio_on token     { ack $tokened $authed $plain; }
    sio_on spread    { ack $spread; }
    sio_on only      { require $open error=closed; ack in; }
    sio_on never     { require !$open error=open; ack in; }
    sio_on admin     { require $grade = 2 "error=no $grade"; ack in; }
    sio_on matched   { require $color ~ ^w; ack in; }
    sio_on say       { emit said $color '{"c": $color, "s": "<$color>"}'; }
    sio_on named     { emit "e-$color" 1; ack; }
    sio_on mine      { join $mine; emit told $sio_arg_0 to=$mine; ack; }
    sio_on clock     { ack $clock; }
    sio_on all       { ack $all; }
    sio_on loop      { require !$looped; ack in; }
    sio_on before    { ack $color; set role $color; }
    sio_on foreign   { ack ${FOREIGN.map((n) => `$of_${n}`).join(' ')}; }
    sio_on now       { ack ${CLOCK.map((n) => `$of_${n}`).join(' ')}; }
`;


describe('volatile maps', { skip: lib.NODE && 'rules are nginx\'s own' },
() => {
  let server, base;

  before(async () => {
    server = await lib.serve({ app: { rules }, http, workers: 2,
                               allowErrors: [/cycle while evaluating/] });
    base = await server.counters();
  });

  afterEach(() => lib.disconnectAll());

  after(() => lib.finish(server, base));

  const connect = (more) => lib.connect(server, more);


  it('of an argument', async () => {
    const s = await connect();

    for (const [arg, color] of [['red', 'warm'], ['blue', 'cold'], [5, 'none'],
                                ['red', 'warm'], [{ b: 1 }, 'none'],
                                [null, 'none'], ['', 'none'],
                                ['black', 'cold']]) {
      assert.deepEqual(await emitAck(s, 'color', arg), [color, color]);
    }

    assert.deepEqual(await emitAck(s, 'color'), ['none', 'none']);
  });


  it('of the socket\'s data, fresh after "set"; groups of a regex',
     async () => {
    const s = await connect();

    assert.equal(await ask(s, 'grade'), '0');
    assert.equal(await ask(s, 'role', 'admin'), '2');
    assert.equal(await ask(s, 'admin'), 'in');
    assert.equal(await ask(s, 'role', 'mod-17'), 'mod/17');
    assert.deepEqual(await ask(s, 'admin'), { error: 'no mod/17' });
    assert.equal(await ask(s, 'role', 'aide-3'), 'aide/3');
    assert.equal(await ask(s, 'role', 'x'), '0');
  });


  it('of maps', async () => {
    const s = await connect();

    assert.equal(await ask(s, 'twice', 'red', 'r1'), 'warm:r1');
    assert.equal(await ask(s, 'twice', 'blue', 'r1'), '0');
    await ask(s, 'role', 'admin');
    assert.equal(await ask(s, 'twice', 'blue', 'r1'), '2');
    assert.equal(await ask(s, 'outer', 'x'), `${s.id} y`);
    assert.equal(await ask(s, 'outer', 'z'), `${s.id} z`);
  });


  it('of sio_set', async () => {
    const [a, b] = [await connect({ query: { token: 'abc', plain: 'q' },
                                    auth: { k: 1 } }), await connect()];

    assert.equal(await ask(a, 'word', { word: 'hi' }), '<hi>');
    assert.equal(await ask(a, 'word', { word: 1 }), 'missing');
    assert.equal(await ask(a, 'word', { word: '\u20ac\n' }), '<\u20ac\n>');
    assert.equal(await ask(a, 'join'), 'one');
    assert.equal(await ask(b, 'join'), 'two');
    assert.deepEqual(await emitAck(a, 'token'), ['t:abc', '{"k":1}', 'p:q']);
    assert.deepEqual(await emitAck(b, 'token'), ['t:', '{}', 'p:']);
  });


  it('nothing is left of one client for another', async () => {
    const [a, b] = [await connect(), await connect({ transport: 'polling' })];

    await ask(a, 'role', 'admin');
    await ask(b, 'role', 'mod-2');

    for (let i = 0; i < 20; i++) {
      const [x, y] = await Promise.all([
        Promise.all([ask(a, 'grade'), ask(a, 'outer', `a${i}`),
                     ask(a, 'spread', 'a')]),
        Promise.all([ask(b, 'grade'), ask(b, 'outer', `b${i}`),
                     ask(b, 'spread')]),
      ]);

      assert.deepEqual(x, ['2', `${a.id} a${i}`, '[a]']);
      assert.deepEqual(y, ['mod/2', `${b.id} b${i}`, '[]']);
    }
  });


  it('in conditions', async () => {
    const s = await connect();

    assert.equal(await ask(s, 'only', 'yes'), 'in');
    assert.deepEqual(await ask(s, 'only', 'no'), { error: 'closed' });
    assert.deepEqual(await ask(s, 'never', 'yes'), { error: 'open' });
    assert.equal(await ask(s, 'never', 'no'), 'in');
    assert.equal(await ask(s, 'matched', 'red'), 'in');
    assert.deepEqual(await ask(s, 'matched', 'blue'),
                     { error: 'not allowed' });
  });


  it('emitted, as an event\'s name, as a room', async () => {
    const s = await connect();

    let got = once(s, 'said');
    s.emit('say', 'red');
    assert.deepEqual(await got, ['warm', { c: 'warm', s: '<warm>' }]);

    got = once(s, 'e-cold');
    await emitAck(s, 'named', 'blue');
    assert.deepEqual(await got, ['1']);

    got = once(s, 'told');
    await emitAck(s, 'mine', 'me');
    assert.deepEqual(await got, ['me']);
  });


  it('all variables of the call', async () => {
    const s = await connect();

    const args = '[{"a":" "},{"_base64":"AQI="},1.5]';

    assert.equal(await ask(s, 'all', 1, { a: ' ' }, Buffer.from([1, 2]), 1.50),
                 `all|/|1|websocket|${args}|["${s.id}"]||`);

    const now = Number(await ask(s, 'clock'));
    assert.ok(Math.abs(Date.now() - now) < 60000 * lib.SLOW, String(now));
  });


  it('one that needs itself fails', async () => {
    const s = await connect();

    assert.deepEqual(await ask(s, 'loop'), { error: 'not allowed' });
    assert.deepEqual(await emitAck(s, 'color', 'red'), ['warm', 'warm']);
  });


  it('what needs a request is empty', async () => {
    const s = await connect({ query: { x: 'y' },
                              extraHeaders: { x: 'y', cookie: 'a=b' } });

    assert.deepEqual(await emitAck(s, 'foreign'), FOREIGN.map(() => 'empty'));
    assert.deepEqual(await emitAck(s, 'foreign'), FOREIGN.map(() => 'empty'));
  });


  it('clocks and constants of nginx are there', async () => {
    const s = await connect();
    const now = await emitAck(s, 'now');

    assert.match(now[0], /^\d+\.\d{3}$/);
    assert.match(now[1], /^\d{4}-\d\d-\d\dT/);
    assert.match(now[2], /^\d\d\/\w{3}\/\d{4}:/);
    assert.match(now[3], /^\d+$/);
    assert.match(now[4], /./);
    assert.match(now[5], /^\d+\.\d+\.\d+/);
  });
});


describe('maps of rules\' variables',
         { skip: lib.NODE && 'rules are nginx\'s own' }, () => {

  const test = (map, rest = '', action = 'ack $x') => lib.testConfig({
    http: map,
    location: `sio on; sio_set $room args /0/r;
      sio_on a {
          ${action}; # HERE
      }
      ${rest}`,
  });

  for (const [what, map, name] of [
    ['an argument', 'map $sio_arg_0 $x { default 1; }', 'sio_arg_0'],
    ['text', 'map "a ${sio_ID}" $x { default 1; }', 'sio_ID'],
    ['sio_set', 'map $room $x { default 1; }', 'room'],
    ['a volatile map', `map $y $x { default 1; }
       map $sio_id $y { volatile; default 1; }`, 'sio_id'],
  ]) {
    it(`refused: one of ${what} that is not volatile`, async () => {
      const r = await test(map);

      assert.ok(!r.ok);
      assert.match(r.output, new RegExp(
        `emerg.*"\\$x" is of "\\$${name}".*"volatile;" is missing.*` +
        `nginx\\.conf:${r.line(/# HERE/)}`));
    });
  }


  it('warned of: a volatile one of what needs a request', async () => {
    const r = await test('map $remote_addr$sio_id $x { volatile; }');

    assert.ok(r.ok, r.output);
    assert.match(r.output, new RegExp(
      `warn.*"\\$x" is of "\\$remote_addr", which is empty.*` +
      `nginx\\.conf:${r.line(/# HERE/)}`));
  });


  it('taken without a word: all others', async () => {
    for (const map of ['map $remote_addr $x { default 1; }',
                       'map $sio_id $x { volatile; default 1; }',
                       'map $room $x { volatile; default $sio_id; }',
                       'map $msec $x { volatile; }',
                       'map $arg_x $x { default "$1"; ~(?<x1>.) $x1; }',
                       `map $sio_id $y { default 1; }
                        map $y $x { volatile; default 1; }`]) {
      const r = await test(map);

      assert.ok(r.ok, r.output);
      assert.doesNotMatch(r.output, /warn|emerg/);
    }
  });


  it('refused: names that are not ours to give', async () => {
    for (const map of ['map $sio_nosuch $x { volatile; default 1; }',
                       'map $sio_arg_x $x { volatile; default 1; }',
                       'map $arg_x $sio_id { default 1; } ' +
                       'map $sio_id $x { volatile; }']) {
      const r = await test(map);

      assert.ok(!r.ok, map);
      assert.match(r.output, /sio_(nosuch|arg_x|id)/);
    }
  });


  it('refused: a map that sio_set hides', async () => {
    const r = await test('map $sio_id $room { volatile; default 1; }', '',
                         'ack $room');

    assert.ok(!r.ok);
    assert.match(r.output, /"sio_set \$room" hides/);
  });


  it('taken: the maps of docs/directives.md', async () => {
    const page = fs.readFileSync(path.join(lib.ROOT, 'docs/directives.md'),
                                 'utf8');
    const [, http, rules] = page.split('## Maps')[1].split('```nginx');
    const block = (text) => text.split('```')[0];

    const r = await lib.testConfig({ http: block(http),
                                     location: `sio on; ${block(rules)}` });

    assert.ok(r.ok, r.output);
    assert.doesNotMatch(r.output, /warn/);
  });
});
