'use strict';

/*
 * docs/openapi.json against a real server: each operation, example and status
 * in it is tried, each answer must fit its schema, and what the code knows
 * (members, parameters, errors) is in the file, and the other way round.
 */

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');

const Ajv = require('ajv/dist/2020');

const lib = require('./lib.js');
const sio = require('../lib/sio.js');

const { connectMany, emitAck } = lib;

const KEY = 'secret';
const ROOT = path.join(__dirname, '../..');
const FILE = path.join(ROOT, 'docs/openapi.json');

const doc = JSON.parse(fs.readFileSync(FILE, 'utf8'));
const source = (name) => fs.readFileSync(path.join(ROOT, 'src', name), 'utf8');

/* one validator for each schema of the file, references as they stand */

const ajv = new Ajv({ strict: false, allErrors: true });

ajv.addSchema(doc, 'openapi');

const follow = (node) => (node.$ref
  ? node.$ref.slice(2).split('/').reduce((at, key) => at[key], doc) : node);

const operations = Object.entries(doc.paths).flatMap(([p, item]) =>
  Object.entries(item).map(([method, operation]) =>
    ({ path: p, method, operation })));

const answer = (value) => (...args) =>
  typeof args.at(-1) === 'function' && args.at(-1)(value);

const sorted = (list) => [...new Set(list)].sort();


/* what must come for `default` cannot be brought about here: a worker that has
   lost its place in the zone */

describe('openapi.json', { skip: process.env.SIO_TARGET === 'node' }, () => {
  let server, small, sockets;
  const tried = new Set(), members = new Map();

  before(async () => {
    [server, small] = await Promise.all([
      sio.startNginx({
        workers: 4,
        location: `sio on; sio_allow_eio3 on;
                   sio_on join { join $sio_arg_0; ack; }`,
        server: `location /sio-api/ { sio_api; sio_api_key ${KEY};
                                      client_max_body_size 10k; }`,
      }),
      sio.startNginx({
        workers: 1,
        location: `sio on; sio_on join { join $sio_arg_0; ack; }
                   sio_limit api_waiting=1 api_answers=16 api_line=100;`,
        server: `location /sio-api/ { sio_api; sio_api_key ${KEY}; }`,
      }),
    ]);

    sockets = await connectMany(server, 4, (i) => ({
      transport: i % 2 ? 'polling' : 'websocket' }));

    for (const s of sockets) {
      await emitAck(s, 'join', 'room');
      s.on('ask', answer({ yes: s.id }));
    }
  });

  after(async () => {
    lib.disconnectAll();
    await Promise.all([server, small].map((s) => s && s.stop()));
  });


  /* what a schema's properties were seen in */

  function see(schema, value) {
    schema = follow(schema);

    for (const part of [...(schema.oneOf || []), ...(schema.anyOf || [])]) {
      see(part, value);
    }

    if (Array.isArray(value) && schema.items) {
      value.forEach((one) => see(schema.items, one));
    }

    if (schema.properties && value && typeof value === 'object'
        && !Array.isArray(value)) {
      const seen = members.get(schema) || new Set();

      members.set(schema, seen);

      for (const [name, one] of Object.entries(value)) {
        if (schema.properties[name]) {
          seen.add(name);
          see(schema.properties[name], one);
        }
      }
    }
  }


  /* sends it, and holds the answer against the file */

  async function call(s, p, method, { params = {}, query = '', body,
                      type = 'application/json', key = KEY } = {}) {
    const where = p.replace(/\{(\w+)\}/, (_, name) =>
      encodeURIComponent(params[name]));
    const r = await fetch(`${s.url}/sio-api${where}${query}`, {
      method: method.toUpperCase(), body,
      headers: { ...(key ? { Authorization: `Bearer ${key}` } : {}),
                 ...(body === undefined ? {} : { 'Content-Type': type }) },
    });
    const text = await r.text();
    const operation = doc.paths[p][method];

    assert.ok(operation, `${method} ${p}`);

    const response = operation.responses[r.status];

    assert.ok(response, `${method} ${p}: ${r.status} is not in the file: `
                        + text);
    tried.add(`${method} ${p} ${r.status}`);

    const content = follow(response).content;

    for (const name of Object.keys(follow(response).headers || {})) {
      assert.ok(r.headers.get(name), name);
    }

    if (method === 'head') {
      assert.equal(text, '');
      return { status: r.status };
    }

    const kind = r.headers.get('content-type').split(';')[0];

    assert.ok(content[kind], `${method} ${p} ${r.status}: ${kind}`);

    if (kind !== 'application/json') {
      return { status: r.status, text };
    }

    const value = JSON.parse(text);

    fits(content[kind].schema, value, `${method} ${p} ${r.status}`);
    see(content[kind].schema, value);

    return { status: r.status, value };
  }

  const compiled = new Map();

  function fits(schema, value, what) {
    if (!compiled.has(schema)) {
      compiled.set(schema, ajv.compile(
        JSON.parse(JSON.stringify(schema)
          .replaceAll('"#/', '"openapi#/'))));
    }

    const check = compiled.get(schema);

    assert.ok(check(value), `${what}: ${JSON.stringify(value)}: `
                            + ajv.errorsText(check.errors));
  }

  const url = (o) => `?${new URLSearchParams(o)}`;


  it('is what OpenAPI 3.1 asks for', async () => {
    const { Validator } = await import(
      '@seriousme/openapi-schema-validator');
    const validator = new Validator();
    const r = await validator.validate(JSON.parse(JSON.stringify(doc)));

    assert.ok(r.valid, JSON.stringify(r.errors));
    assert.equal(validator.version, '3.1');
  });

  it('every example is carried out', async () => {
    let n = 0;

    for (const { path: p, method, operation } of operations) {
      for (const [type, { schema, examples }] of
           Object.entries((operation.requestBody || { content: {} })
             .content)) {
        for (const [name, { value }] of Object.entries(examples)) {
          if (type === 'application/json') {
            fits(schema, value, name);
          }

          const r = await call(server, p, method, {
            params: { event: 'hello' }, query: p === '/' ? '' : '?to=room',
            type,
            body: type === 'application/json' ? JSON.stringify(value)
                                              : value,
          });

          assert.equal(r.status, 200, `${name}: ${JSON.stringify(r.value)}`);
          n++;
        }
      }
    }

    assert.ok(n >= 13);
  });

  it('what the schema of an order refuses is refused, and names the member',
     async () => {
       const { schema, examples } = doc.paths['/'].post.requestBody
         .content['application/json'];
       const check = ajv.compile(JSON.parse(
         JSON.stringify(schema).replaceAll('"#/', '"openapi#/')));

       for (const [name, { value }] of Object.entries(examples)) {
         const list = Array.isArray(value);
         const one = list ? value[0] : value;

         /* each member of another type, doubled aims, unknown ones */

         const wrong = [
           ...Object.keys(one).map((key) => [key, { ...one, [key]: {} }]),
           ['all', { ...one, in: undefined, to: 'x', all: true }],
           ['to', { ...one, in: 'x', to: 'x', all: undefined }],
           ['unheard', { ...one, unheard: 1 }],
         ];

         for (const [key, order] of wrong) {
           const body = list ? [order] : order;
           const text = JSON.stringify(body);

           assert.ok(!check(JSON.parse(text)), `${name}: ${text}`);

           const r = await call(server, '/', 'post', { body: text });

           assert.equal(r.status, 400, text);

           assert.match(r.value.error.message,
                        new RegExp(`(^|[. '])${key}\\b`), text);
         }
       }
     });

  it('every status comes about', async () => {
    const post = (s, body, more) => call(s, '/', 'post', { body, ...more });
    const lines = 'application/x-ndjson';
    const [, , , last] = sockets;
    const held = [];

    /* / */

    await post(server, '{}');
    await post(server, '{}', { key: 'wrong' });
    await post(server, '{}', { type: 'text/plain' });
    await post(server, 'x'.repeat(11000));
    await post(server, '{"join":"y","to":"room","max":1}');
    await post(server, '{"join":"y","to":"room","max":1}', { type: lines });
    await post(server, '{"emit":"x","all":true}\n{}', { type: lines });
    await post(small, 'x'.repeat(200), { type: lines });

    const [one] = await connectMany(small, 1);

    one.on('ask', answer('x'.repeat(100)));
    one.on('hold', (cb) => held.push(cb));
    await post(small, JSON.stringify({ emit: 'ask', to: one.id, ack: true }));

    /* one waits, one more is too many */

    const order = { emit: 'hold', to: one.id, ack: true };
    const first = post(small, JSON.stringify({ ...order, timeout: 60000 }));

    await sio.until(() => held.length === 1);
    await post(small, JSON.stringify(order));

    /* /emit/{event} */

    const emit = (s, o, more) => call(s, '/emit/{event}', 'post', {
      params: { event: 'ask' }, query: url(o), body: '1', ...more });

    assert.equal((await emit(server, { to: last.id, ack: 1, timeout: 20000,
                                       compress: 0, volatile: 0, nsp: '/' }))
      .value.responses.length, 1);
    await emit(server, { in: 'room', except: last.id });
    await emit(server, { all: 1 });
    await emit(server, {});
    await emit(server, { all: 1 }, { key: null });
    await emit(server, { all: 1 }, { type: 'text/plain' });
    await emit(server, { all: 1 }, { body: `"${'x'.repeat(11000)}"` });
    await emit(small, { all: 1, ack: 1 });
    held[0](1);
    await first;

    /* questions */

    const params = { room: 'room' };

    for (const method of ['get', 'head']) {
      for (const p of ['/sockets', '/rooms', '/rooms/{room}']) {
        await call(server, p, method, { params });
        await call(server, p, method, { params, query: '?x=1' });
        await call(server, p, method, { params, key: 'wrong' });
      }
    }

    await emitAck(last, 'join', 'another');

    for (const [p, o] of [['/sockets', { room: 'room', except: last.id }],
                          ['/rooms', {}]]) {
      const first = await call(server, p, 'get', {
        query: url({ ...o, limit: 1, nsp: '/' }) });
      const second = await call(server, p, 'get', {
        query: url({ ...o, limit: 1, cursor: first.value.cursor }) });

      assert.notDeepEqual(first.value, second.value);
    }

    /* all of them */

    assert.deepEqual(sorted(tried),
      sorted(operations.flatMap(({ path: p, method, operation }) =>
        Object.keys(operation.responses).filter((s) => s !== 'default')
          .map((status) => `${method} ${p} ${status}`))));
  });

  it('every member of an answer was there', () => {
    const missing = [];

    for (const [name, schema] of Object.entries(doc.components.schemas)) {
      for (const part of [schema, ...(schema.oneOf || []).map(follow),
                          ...Object.values(schema.properties || {})]) {
        if (!members.has(part)) {
          continue;
        }

        for (const key of Object.keys(part.properties)) {
          if (!members.get(part).has(key)) {
            missing.push(`${name}.${key}`);
          }
        }
      }
    }

    assert.deepEqual(missing, []);

    /* and no schema of an answer was left out */

    for (const name of ['Answers', 'Lines', 'Socket', 'SocketsPage', 'Room',
                        'RoomsPage', 'Error']) {
      assert.ok(members.has(doc.components.schemas[name]), name);
    }
  });

  it('has what the code has: paths, members, parameters, errors', () => {
    const order = source('core/ngx_sio_order.c');
    const api = ['api', 'api_ack', 'api_get', 'api_lines', 'api_post']
      .map((name) => source(`http/ngx_http_sio_${name}.c`)).join('\n');
    const { schemas, parameters } = doc.components;
    const keys = [...order.matchAll(/^ {4}\{ "(\w+)", ngx_sio_order_/mg)]
      .map(([, key]) => key)
      .filter((key) => !['relay', 'except_self'].includes(key));

    assert.ok(keys.length > 10);
    assert.deepEqual(
      sorted(['Emit', 'Join', 'Leave', 'Disconnect'].flatMap((name) =>
        Object.keys(schemas[name].properties))), sorted(keys));

    const params = [...api.matchAll(
      /ngx_string\("(\w+)"\), NGX_HTTP_SIO_API_\w+,/g)].map(([, n]) => n);

    assert.deepEqual(sorted(Object.keys(parameters)), sorted(params));

    const routes = [...api.matchAll(
      /ngx_string\("([\w/]*)"\), NGX_HTTP_(?:POST|GET)/g)].map(([, n]) => n);

    assert.deepEqual(
      sorted(Object.keys(doc.paths).map((p) =>
        p.slice(1).replace(/\{.*/, ''))), sorted(routes));

    const codes = [...api.matchAll(
      /(?:_error(?:_at)?|_wrong)\([^;]*?"([a-z_]+)",\s*&/g)].map(([, n]) => n);

    assert.deepEqual(
      sorted(schemas.Error.properties.error.properties.code.enum),
      sorted(codes));
  });

  it('what is not in it is 404 or 405', async () => {
    for (const [method, p, status] of [
      ['GET', '/nothing', 404], ['GET', '/rooms/', 404],
      ['POST', '/emit/', 404], ['GET', '/', 405], ['POST', '/rooms', 405],
      ['DELETE', '/sockets', 405], ['OPTIONS', '/', 405],
      ['PUT', '/emit/x', 405]]) {
      const r = await fetch(`${server.url}/sio-api${p}`, {
        method, headers: { Authorization: `Bearer ${KEY}` } });

      assert.equal(r.status, status, `${method} ${p}`);
      fits(doc.components.schemas.Error, await r.json(), p);

      if (status === 405) {
        const known = Object.entries(doc.paths).find(([name]) =>
          new RegExp(`^${name.replace(/\{\w+\}/, '.+')}$`).test(p))[1];

        assert.deepEqual(r.headers.get('allow').toLowerCase().split(', ')
                           .sort(), Object.keys(known).sort());
      }
    }
  });
});
