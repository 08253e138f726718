'use strict';

/*
 * The language of rules where Node has nothing to compare with: forms of
 * arguments, of rooms, what fails and what is told then, limits.
 */

const assert = require('node:assert/strict');
const { after, afterEach, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const { ask, collect, connected, emitAck, once, poll, record, until } = lib;

const bytes = (...list) => Buffer.from(list);

const rules = `
    sio_set $a       args /0/a;
    sio_set $deep    args /0/a/1/b~1c~0d string;
    sio_set $all     args "" array;
    sio_set $str     args /0 string;
    sio_set $num     args /0 number;
    sio_set $bool    args /0 boolean;
    sio_set $arr     args /0 array;
    sio_set $obj     args /0 object;
    sio_set $bin     args /0 binary;
    sio_set $first   data /list/0;
    sio_set $token   query /token;
    sio_set $esc     query "/a~1b c";
    sio_set $crowd   size *;
    sio_set $hall    size hall;

    sio_on value     { ack $sio_arg_0; }
    sio_on text      { ack "<$sio_arg_0>"; }
    sio_on template  { ack '{"v": $sio_arg_0, "s": "<$sio_arg_0>",
                             "list": [$sio_arg_0, $sio_arg_1],
                             "n": 1.0, "deep": {"v": $sio_arg_1}}'; }
    sio_on array     { ack '[$sio_arg_0, [], {}, "$sio_id"]'; }
    sio_on rest      { ack $sio_args_1; }
    sio_on between   { ack first $sio_args last; }
    sio_on constants { ack json:1 json:null 'json:"x"' base64:AQI= text 1 ""
                           "json" "a b" '{"_base64": "Aw=="}' [] '{}'; }
    sio_on dollar    { ack '{"price": "\\u0024sio_id"}'; }
    sio_on pointer   { ack $a $deep $all; }
    sio_on types     { ack $str $num $bool $arr $obj $bin; }
    sio_on query     { ack $token $esc; }
    sio_on own       { ack $sio_event $sio_nsp $sio_ack $sio_transport; }
    sio_on time      { ack $sio_time; }
    sio_on foreign   { ack $remote_addr $arg_token $request_method; }

    sio_on keep      { set list $sio_arg_0; set other "x"; ack $first; }
    sio_on kept      { ack $sio_data_list $sio_data_other $sio_data_none; }

    sio_on twice     { ack one; ack two; }
    sio_on late      { emit before; ack answer; require $sio_arg_5;
                       emit after; }
    sio_on exact     { ack exact; }
    sio_on ~ ^ex     { ack first; }
    sio_on ~ ^e(?<tail>x.*)$ { ack second $tail; }
    sio_on ~ "^(?<one>[a-z]+):(?<two>\\d+)$" { ack $one $two; }
    sio_on *         { ack star $sio_event; }

    sio_on truth     { require $sio_arg_0; ack yes; }
    sio_on untruth   { require !$sio_arg_0; ack yes; }
    sio_on equal     { require $sio_arg_0 = 5; ack yes; }
    sio_on unequal   { require $sio_arg_0 != "a b"; ack yes; }
    sio_on same      { require $sio_arg_0 = $sio_arg_1; ack yes; }
    sio_on match     { require $sio_arg_0 ~ ^a+$; ack yes; }
    sio_on imatch    { require $sio_arg_0 ~* ^a+$; ack yes; }
    sio_on nomatch   { require $sio_arg_0 !~ ^a+$; ack yes; }
    sio_on member    { require member "r:$sio_arg_0"; ack yes; }
    sio_on stranger  { require !member "r:$sio_arg_0"; ack yes; }
    sio_on told      { require $sio_arg_9 "error=no $sio_arg_0"
                               'data=[$sio_arg_0]'; }
    sio_on untold    { reject; }

    sio_on join      { join $sio_arg_0; ack; }
    sio_on joinText  { join "r:$sio_arg_0"; ack; }
    sio_on joinTwo   { join $sio_arg_0 $sio_arg_1; ack; }
    sio_on joinData  { join $sio_data_list; ack; }
    sio_on leave     { leave $sio_arg_0; ack; }
    sio_on rooms     { ack $sio_rooms; }
    sio_on to        { emit said $sio_args_1 to=$sio_arg_0; ack; }
    sio_on toData    { emit said $sio_args to=$sio_data_list; ack; }
    sio_on notData   { emit said $sio_args to=* except=$sio_data_list; ack; }
    sio_on notHere   { emit said $sio_args to=* except=$sio_rooms; ack; }
    sio_on event     { emit $sio_arg_0 $sio_args_1; ack; }
    sio_on eventText { emit "got: $sio_arg_0" $sio_args_1; ack; }
    sio_on hello     { emit hello to=* except=self; ack; }

    sio_on connect   { require $arg_refuse = "" "error=not now"
                               'data={"again": true}';
                       join hall; emit welcome $hall; }

    sio_limit room_name=100 rooms=5 namespaces=3 data=200 acks=2;

    sio_on askMe     { emit question ack=answer; ack; }
    sio_on_ack answer { emit answered; }

    sio_namespace ~ ^/n\\d+$ { sio_on id { ack $sio_nsp; } }
`;


describe('rules', { skip: lib.NODE && 'rules are nginx\'s own' }, () => {
  let server, base;

  before(async () => {
    server = await lib.serve({ app: { rules }, workers: 2 });
    base = await server.counters();
  });

  afterEach(() => lib.disconnectAll());

  after(() => lib.finish(server, base));

  const connect = (more) => lib.connect(server, more);
  const values = ['text', '', 5, -1.5, 0, true, false, null, [1, [2]],
                  { a: { b: 'c' } }, bytes(1, 2), '"\\\n\u20ac'];
  const texts = ['text', '', '5', '-1.5', '0', 'true', 'false', undefined,
                 '[1,[2]]', '{"a":{"b":"c"}}', 'AQI=', '"\\\n\u20ac'];


  it('a lone variable is its value', async () => {
    const s = await connect();

    for (const value of values) {
      assert.deepEqual(await emitAck(s, 'value', value), [value]);
    }

    assert.deepEqual(await emitAck(s, 'value'), [null]);
  });


  it('in text it is text', async () => {
    const s = await connect();

    for (const [i, value] of values.entries()) {
      if (texts[i] !== undefined) {
        assert.deepEqual(await emitAck(s, 'text', value), [`<${texts[i]}>`]);
      }
    }

    assert.deepEqual(await emitAck(s, 'text'), ['<>']);
  });


  it('in templates it is a value, or escaped in a string', async () => {
    const s = await connect();

    for (const [i, value] of values.entries()) {
      if (texts[i] !== undefined) {
        assert.deepEqual(await ask(s, 'template', value, 'x'), {
          v: value, s: `<${texts[i]}>`, list: [value, 'x'], n: 1,
          deep: { v: 'x' },
        });
      }
    }

    /* missing: null in an array, left out of an object */

    assert.deepEqual(await ask(s, 'template'),
                     { s: '<>', list: [null, null], n: 1, deep: {} });
    assert.deepEqual(await ask(s, 'array', bytes(1)),
                     [bytes(1), [], {}, s.id]);
  });


  it('values of clients are never templates', async () => {
    const s = await connect();

    for (const value of ['$sio_id', '{"a": $sio_id}', 'json:1', 'base64:AQ==',
                         '*', { _base64: 'AQ==' }, '","x":"']) {
      assert.deepEqual(await emitAck(s, 'value', value), [value]);
      assert.equal((await ask(s, 'template', value)).v?.toString(),
                   value.toString());
    }

    assert.deepEqual(await ask(s, 'dollar'), { price: '$sio_id' });
  });


  it('spreads arguments', async () => {
    const s = await connect();

    assert.deepEqual(await emitAck(s, 'rest', 1, bytes(2), 3), [bytes(2), 3]);
    assert.deepEqual(await emitAck(s, 'rest', 1), []);
    assert.deepEqual(await emitAck(s, 'rest'), []);
    assert.deepEqual(await emitAck(s, 'between', [1], bytes(2)),
                     ['first', [1], bytes(2), 'last']);
    assert.deepEqual(await emitAck(s, 'between'), ['first', 'last']);
  });


  it('constants', async () => {
    const s = await connect();

    assert.deepEqual(await emitAck(s, 'constants'),
                     [1, null, 'x', bytes(1, 2), 'text', '1', '', 'json',
                      'a b', bytes(3), [], {}]);
  });


  it('pointers and types', async () => {
    const s = await connect();

    assert.deepEqual(await emitAck(s, 'pointer', { a: [0, { 'b/c~d': 'x' }] }),
                     [[0, { 'b/c~d': 'x' }], 'x',
                      [{ a: [0, { 'b/c~d': 'x' }] }]]);
    assert.deepEqual(await emitAck(s, 'pointer', { a: bytes(1) }),
                     [bytes(1), null, [{ a: bytes(1) }]]);
    assert.deepEqual(await emitAck(s, 'pointer', 'a'), [null, null, ['a']]);

    const row = (i, value) => Array.from({ length: 6 },
                                         (_, k) => (k === i ? value : null));

    for (const [i, value] of ['x', 1, false, [], {}, bytes(1)].entries()) {
      assert.deepEqual(await emitAck(s, 'types', value), row(i, value));
    }
  });


  it('query and variables of other modules', async () => {
    for (const transport of ['websocket', 'polling', 'upgrade']) {
      const s = await connect({ transport,
                                query: { token: 'a b', 'a/b c': '1' } });

      assert.deepEqual(await emitAck(s, 'query'), ['a b', '1']);
      assert.deepEqual(await emitAck(s, 'foreign'),
                       ['127.0.0.1', 'a%20b', 'GET']);
      assert.deepEqual(await emitAck(s, 'own'), ['own', '/', '1',
        transport === 'polling' ? 'polling' : 'websocket']);
    }

    const s = await connect();

    assert.deepEqual(await emitAck(s, 'query'), [null, null]);
    assert.ok(Math.abs(await ask(s, 'time') - Date.now()) < 5000);
  });


  it('data', async () => {
    const s = await connect();

    assert.deepEqual(await emitAck(s, 'kept'), [null, null, null]);
    assert.deepEqual(await emitAck(s, 'keep', [['x'], 2]), [['x']]);
    assert.deepEqual(await emitAck(s, 'kept'), [[['x'], 2], 'x', null]);
    assert.deepEqual(await emitAck(s, 'keep', null), [null]);
    assert.deepEqual(await emitAck(s, 'kept'), [null, 'x', null]);
  });


  it('answers once, and what ran before a failure stays', async () => {
    const s = await connect(), log = record(s);

    assert.deepEqual(await emitAck(s, 'twice'), ['one']);
    assert.deepEqual(await emitAck(s, 'late'), ['answer']);
    await emitAck(s, 'own');
    assert.deepEqual(log.map(([e]) => e).filter((e) => e !== 'welcome'),
                     ['before']);
  });


  it('finds the rule: exact, first expression, any', async () => {
    const s = await connect();

    assert.deepEqual(await emitAck(s, 'exact'), ['exact']);
    assert.deepEqual(await emitAck(s, 'exactly'), ['first']);
    assert.deepEqual(await emitAck(s, 'abc:12'), ['abc', '12']);
    assert.deepEqual(await emitAck(s, 'abc:x'), ['star', 'abc:x']);
    assert.deepEqual(await emitAck(s, '\u20ac "'), ['star', '\u20ac "']);
  });


  it('truth is JavaScript\'s', async () => {
    const s = await connect();
    const yes = async (...args) => await ask(s, ...args) === 'yes';

    for (const value of ['a', '0', 1, -1, true, [], {}, bytes()]) {
      assert.ok(await yes('truth', value), JSON.stringify(value));
      assert.ok(!await yes('untruth', value), JSON.stringify(value));
    }

    for (const value of ['', 0, -0, false, null]) {
      assert.ok(!await yes('truth', value), JSON.stringify(value));
      assert.ok(await yes('untruth', value), JSON.stringify(value));
    }

    assert.deepEqual(await ask(s, 'truth'), { error: 'not allowed' });
  });


  it('compares and matches', async () => {
    const s = await connect();
    const yes = async (...args) => await ask(s, ...args) === 'yes';

    for (const [event, value, result] of [
      ['equal', 5, true], ['equal', '5', true], ['equal', 6, false],
      ['equal', '', false], ['unequal', 'a b', false], ['unequal', 'c', true],
      ['match', 'aaa', true], ['match', 'AAA', false], ['match', '', false],
      ['imatch', 'AAA', true], ['nomatch', 'aaa', false],
      ['nomatch', 'b', true],
    ]) {
      assert.equal(await yes(event, value), result, `${event} ${value}`);
    }

    assert.ok(await yes('same', 'x', 'x'));
    assert.ok(!await yes('same', 'x', 'y'));
    assert.ok(!await yes('member', 'x'));
    assert.ok(await yes('stranger', 'x'));
    await emitAck(s, 'joinText', 'x');
    assert.ok(await yes('member', 'x'));
    assert.ok(!await yes('stranger', 'x'));
  });


  it('tells what failed', async () => {
    const s = await connect();

    assert.deepEqual(await emitAck(s, 'told', 'a"b'),
                     [{ error: 'no a"b', data: ['a"b'] }]);
    assert.deepEqual(await emitAck(s, 'told', bytes(1, 2)),
                     [{ error: 'no AQI=', data: [{ _base64: 'AQI=' }] }]);
    assert.deepEqual(await emitAck(s, 'untold'), [{ error: 'not allowed' }]);
  });


  it('refuses at connect: nothing of it stays', async () => {
    const s = await connect();
    const refused = lib.client(server, { query: { refuse: '1' } });
    const [error] = await once(refused, 'connect_error');

    assert.equal(error.message, 'not now');
    assert.deepEqual(error.data, { again: true });
    assert.deepEqual((await ask(s, 'rooms')).sort(), [s.id, 'hall'].sort());

    const other = lib.client(server);
    const [size] = await once(other, 'welcome');

    assert.equal(size, 2);
  });


  it('rooms: strings and numbers', async () => {
    const s = await connect();

    for (const [value, name] of [['a', 'a'], ['', ''], [5, '5'], [-1.5, '-1.5'],
                                 [1e21, '1e+21']]) {
      assert.deepEqual(await emitAck(s, 'join', value), []);
      assert.ok((await ask(s, 'rooms')).includes(name), name);
      assert.deepEqual(await emitAck(s, 'leave', value), []);
      assert.ok(!(await ask(s, 'rooms')).includes(name), name);
    }

    for (const value of [null, true, [], ['a'], {}, bytes(1)]) {
      for (const event of ['join', 'to']) {
        const answer = await ask(s, event, value);

        assert.equal(typeof answer?.error, 'string',
                     `${event} ${JSON.stringify(value)}`);
      }
    }

    assert.equal(typeof (await ask(s, 'join'))?.error, 'string');
    assert.equal(typeof (await ask(s, 'joinText', ''))?.error, 'string');
    assert.equal(typeof (await ask(s, 'joinText'))?.error, 'string');
    assert.deepEqual((await ask(s, 'rooms')).sort(), [s.id, 'hall'].sort());
  });


  it('rooms: lists from data, never from clients', async () => {
    const [s, a, b, c] = await Promise.all([connect(), connect(), connect(),
                                            connect()]);
    const logs = [s, a, b, c].map((x) => collect(x, 'said'));

    await emitAck(s, 'keep', ['x', 5]);
    await emitAck(s, 'joinData');
    assert.ok((await ask(s, 'rooms')).includes('5'));
    await emitAck(a, 'join', 'x');
    await emitAck(b, 'joinTwo', 'x', '5');
    await emitAck(c, 'join', 'y');
    await emitAck(s, 'toData', 'to x and 5');
    await emitAck(s, 'notData', 'not to x and 5');
    await emitAck(s, 'keep', []);
    await emitAck(s, 'toData', 'to nobody');
    await emitAck(s, 'keep', ['x', null]);
    assert.equal(typeof (await ask(s, 'toData', 'fails'))?.error, 'string');
    await emitAck(c, 'leave', 'hall');
    await emitAck(s, 'notHere', 'not in my rooms');

    for (const x of [s, a, b, c]) {
      await emitAck(x, 'own');
    }

    await until(() => logs[3].length === 2);
    assert.deepEqual(logs, [['to x and 5'], ['to x and 5'], ['to x and 5'],
                            ['not to x and 5', 'not in my rooms']]);
  });


  it('events: a name that is none fails the rule', async () => {
    const [s, other] = await Promise.all([connect(), connect()]);
    const log = record(s);

    for (const name of ['', 'connect', 'disconnect', 'connect_error',
                        'disconnecting', 'newListener', 'removeListener',
                        null, {}, [], bytes(1)]) {
      const answer = await ask(s, 'event', name, 1);

      assert.equal(typeof answer?.error, 'string', JSON.stringify(name));
    }

    await emitAck(s, 'event', 'fine "\u20ac', bytes(1));
    await emitAck(s, 'eventText', 'disconnect', 2);
    await emitAck(other, 'hello');
    await until(() => log.some(([e]) => e === 'hello'));
    assert.deepEqual(log.filter(([e]) => e !== 'welcome' && e !== 'hello'),
                     [['fine "\u20ac', bytes(1)], ['got: disconnect', 2]]);
  });


  it('limits: one more is refused', async () => {
    const s = await connect();

    assert.deepEqual(await emitAck(s, 'join', 'x'.repeat(100)), []);
    assert.equal(typeof (await ask(s, 'join', 'x'.repeat(101))).error,
                 'string');

    /* five rooms: hall, this one, and three more; its own is not counted,
       or is: the first that is refused tells */

    let n = 0;

    while (n < 10 && (await emitAck(s, 'join', `room ${n}`)).length === 0) {
      n++;
    }

    assert.ok(n === 3 || n === 2, `${n} more`);
    await emitAck(s, 'leave', 'room 0');
    assert.deepEqual(await emitAck(s, 'join', 'another'), []);

    assert.deepEqual(await emitAck(s, 'keep', ['x'.repeat(100)]),
                     ['x'.repeat(100)]);
    assert.equal(typeof (await ask(s, 'keep', ['x'.repeat(200)])).error,
                 'string');
    assert.deepEqual((await emitAck(s, 'kept'))[0], ['x'.repeat(100)]);

    /* two questions may wait for their answers, a third is forgotten */

    const acks = collect(s, 'question');
    const answered = collect(s, 'answered');

    for (let i = 0; i < 3; i++) {
      await emitAck(s, 'askMe');
    }

    await until(() => acks.length >= 2);
    acks.forEach((ack) => ack());
    await emitAck(s, 'kept');
    assert.equal(answered.length, 2);
  });


  it('limits: namespaces of a connection', async () => {
    const s = await connect({ forceNew: undefined });
    const two = s.io.socket('/n1'), three = s.io.socket('/n2');

    await Promise.all([connected(two), connected(three)]);

    const four = s.io.socket('/n3');
    const [error] = await once(four, 'connect_error');

    assert.equal(typeof error.message, 'string');
    assert.equal(await ask(three, 'id'), '/n2');
  });


  it('one client\'s values are not another\'s', async () => {
    const session = await poll({ port: server.port });

    await session.connectNsp();

    const r = await session.post([
      '420["abc:12"]', '421["exact"]', '422["text","x"]', '423["text"]',
      '424["pointer",{"a":1}]', '425["pointer"]',
    ]);

    assert.equal(r.status, 200);
    await session.wait('430["abc","12"]');
    await session.wait('431["exact"]');
    await session.wait('432["<x>"]');
    await session.wait('433["<>"]');
    await session.wait('434[1,null,[{"a":1}]]');
    await session.wait('435[null,null,[]]');
    await session.close();
  });
});
