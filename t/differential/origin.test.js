'use strict';

/* CORS, cookies, and who is refused: sio_origin_check. */

const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');

const lib = require('./lib.js');

const ORIGIN = 'http://example.com';
const OTHER = 'http://other.example';

const PREFLIGHT = { 'Access-Control-Request-Method': 'POST',
                    'Access-Control-Request-Headers': 'content-type,x-own' };


/* every form of an option, as it stands in nginx and in Node */

const cors = {
  'off': ['sio_cors_origin off;', { origin: false }],
  'any': ['sio_cors_origin *;', { origin: '*' }],
  'any-default': ['sio_cors_origin *;', {}],
  'any-credentials': ['sio_cors_origin *; sio_cors_credentials on;',
                      { origin: '*', credentials: true }],
  'one': [`sio_cors_origin ${ORIGIN};`, { origin: ORIGIN }],
  'one-credentials': [`sio_cors_origin ${ORIGIN}; sio_cors_credentials on;`,
                      { origin: ORIGIN, credentials: true }],
  'list': [`sio_cors_origin ${ORIGIN} ${OTHER};`,
           { origin: [ORIGIN, OTHER] }],
  'regex': ['sio_cors_origin ~^http://[a-z]+\\.com$;',
            { origin: /^http:\/\/[a-z]+\.com$/ }],
  'regex-list': [`sio_cors_origin ~\\.com$ ${OTHER};`,
                 { origin: [/\.com$/, OTHER] }],
  'reflect': ['sio_cors_origin ~^ ;', { origin: true }],
  'function': ['sio_cors_origin ~\\.com$;', {
    origin: (origin, done) => done(null, /\.com$/.test(origin)
                                         ? origin : [ORIGIN]) }],
  'methods': ['sio_cors_origin *; sio_cors_methods GET;',
              { methods: 'GET' }],
  'methods-list': [`sio_cors_origin ${ORIGIN} ${OTHER};
                    sio_cors_methods GET POST;`,
                   { origin: [ORIGIN, OTHER], methods: ['GET', 'POST'] }],
  'headers': ['sio_cors_origin *; sio_cors_headers X-One X-Two;',
              { allowedHeaders: ['X-One', 'X-Two'] }],
  'headers-one': [`sio_cors_origin ${ORIGIN}; sio_cors_headers X-One;`,
                  { origin: ORIGIN, allowedHeaders: 'X-One' }],
  'expose': [`sio_cors_origin *; sio_cors_expose_headers X-Three;`,
             { exposedHeaders: 'X-Three' }],
  'expose-list': [`sio_cors_origin ~com$;
                   sio_cors_expose_headers X-Three X-Four;
                   sio_cors_credentials on;`,
                  { origin: /com$/, exposedHeaders: ['X-Three', 'X-Four'],
                    credentials: true }],
  'max-age': ['sio_cors_origin *; sio_cors_max_age 10m;', { maxAge: 600 }],
  'max-age-0': ['sio_cors_origin *; sio_cors_max_age 0;', { maxAge: 0 }],
};

const cookies = {
  'default': ['sio_cookie io;', true],
  'named': ['sio_cookie x-y.z;', { name: 'x-y.z' }],
  'path': ['sio_cookie io path=/a/b;', { path: '/a/b' }],
  'no-path': ['sio_cookie io path=;', { path: undefined }],
  'script': ['sio_cookie io httponly=off;', { httpOnly: false }],
  'strict': ['sio_cookie io samesite=strict;', { sameSite: true }],
  'none': ['sio_cookie io samesite=none secure;',
           { sameSite: 'none', secure: true }],
  'no-samesite': ['sio_cookie io samesite=off;', { sameSite: false }],
  'age': ['sio_cookie io max_age=1d;', { maxAge: 86400 }],
  'age-0': ['sio_cookie io max_age=0;', { maxAge: 0 }],
  'domain': ['sio_cookie io domain=a.example;', { domain: 'a.example' }],
  'all': [`sio_cookie name path=/x domain=example.com secure
           samesite=strict max_age=1h;`,
          { name: 'name', path: '/x', domain: 'example.com', secure: true,
            sameSite: 'strict', maxAge: 3600 }],
};

/* Node asks about handshakes only, so it has no more in common */

const check = (...allowed) => ({
  allowRequest: (req, done) => {
    const { origin, host } = req.headers;

    done(null, origin === undefined || allowed.some((a) =>
      (a.test ? a.test(origin) : a === origin))
      || /^\w+:\/\/(.*)/.exec(origin)?.[1] === host);
  },
});

const checks = {
  'check': ['sio_origin_check on;', check()],
  'check-one': [`sio_origin_check on; sio_cors_origin ${ORIGIN};`,
                { ...check(ORIGIN), cors: { origin: ORIGIN } }],
  'check-list': [`sio_origin_check on; sio_cors_origin ${OTHER} ~\\.com$;`,
                 { ...check(OTHER, /\.com$/),
                   cors: { origin: [OTHER, /\.com$/] } }],
  'check-any': ['sio_origin_check on; sio_cors_origin *;',
                { ...check(/^/), cors: { origin: '*' } }],
};

const locations = {};

for (const [name, [directives, options]] of Object.entries(cors)) {
  locations[`/${name}/`] = { directives, options: { cors: options } };
}

for (const [name, [directives, cookie]] of Object.entries(cookies)) {
  locations[`/cookie-${name}/`] = { directives, options: { cookie } };
}

for (const [name, [directives, options]] of Object.entries(checks)) {
  locations[`/${name}/`] = { directives, options };
}

const query = '?EIO=4&transport=';

const origins = [undefined, ORIGIN, OTHER, 'http://evil.example', 'null', ''];
const named = (origin) => ({ undefined: 'no origin', '': 'an empty one' })[
  origin] || origin;
const head = (origin) => (origin === undefined ? {} : { Origin: origin });


describe('CORS', () => {
  const both = lib.pair({ locations });

  before(() => both.start());
  after(() => both.stop());

  for (const name of Object.keys(cors)) {
    for (const origin of origins) {
      const headers = head(origin);

      it(`${name}, ${named(origin)}: a handshake, an error, a preflight`,
         () => both.compare(async ({ note, http }) => {
           const path = `/${name}/${query}polling`;

           note(await http({ path, headers }));
           note(await http({ path: `${path}&sid=none`, headers }));
           note(await http({ path, method: 'OPTIONS',
                             headers: { ...headers, ...PREFLIGHT } }));
         }));
    }


    it(`${name}: a preflight of nothing, with a body, with a bad query`,
       () => both.compare(async ({ note, http }) => {
         const path = `/${name}/${query}polling`;
         const headers = head(ORIGIN);

         note(await http({ path, method: 'OPTIONS', headers }));
         note(await http({ path, method: 'OPTIONS', headers, body: 'x' }));
         note(await http({ path: `/${name}/`, method: 'OPTIONS', headers }));
         note(await http({ path: `/${name}/more?sid=x`, method: 'OPTIONS',
                           headers }));
         note(await http({ path, method: 'OPTIONS', headers: {
           ...headers, 'Access-Control-Request-Headers': '' } }));
       }));


    it(`${name}: a session`, () => both.compare(async ({ note, poll }) => {
      const s = await poll({ path: `/${name}/`, headers: head(ORIGIN) });

      note(s.response);
      note(await s.post('40'));
      note(await s.get());
      note(await s.post('40', { headers: {
        ...head(ORIGIN), 'Content-Type': 'application/octet-stream' } }));
      note(await s.get());
    }));


    it(`${name}: the 101, and an upgrade refused`, () => both.compare(
      async ({ note, ws }) => {
        for (const origin of [undefined, ORIGIN, 'http://evil.example']) {
          for (const sid of ['', '&sid=none']) {
            const w = await ws({ path: `/${name}/${query}websocket${sid}`,
                                 headers: head(origin) });

            note(w.response);
            w.destroy();
          }
        }
      }));
  }
});


describe('cookies', () => {
  const both = lib.pair({ locations });

  before(() => both.start());
  after(() => both.stop());

  for (const name of Object.keys(cookies)) {
    it(name, () => both.compare(async ({ note, poll, ws }) => {
      const s = await poll({ path: `/cookie-${name}/` });
      const cookie = s.response.header('set-cookie');

      note(cookie, cookie.includes(s.sid));
      note((await s.post('40')).header('set-cookie'));
      note((await s.get()).header('set-cookie'));

      const w = await ws({ path: `/cookie-${name}/${query}websocket` });

      note(w.response.header('set-cookie'));
      await w.close();
    }));
  }
});


/* Node's "initial_headers" and "headers" */

describe('add_header', () => {
  let nginx;

  before(async () => {
    nginx = await lib.startNginx({
      location: `sio on; sio_cors_origin *;
                 add_header X-Some $request_method;
                 add_header X-All "a $arg_transport" always;`,
    });
  });

  after(() => nginx.stop());

  it('works for every answer', async () => {
    const s = await lib.poll(nginx);
    const w = await lib.ws(nginx);
    const answers = [
      ['GET', s.response], ['POST', await s.post('40')],
      ['GET', await s.get()], [undefined, await s.send({ method: 'PUT',
                                                         path: s.url() })],
      ['OPTIONS', await s.send({ method: 'OPTIONS', path: s.url() })],
      [undefined, await lib.http({ port: nginx.port,
                                   path: `${s.url()}x` })],
    ];

    for (const [some, r] of answers) {
      assert.equal(r.header('x-some'), some, `${r.status} ${r.text}`);
      assert.equal(r.header('x-all'), 'a polling', `${r.status} ${r.text}`);
    }

    assert.equal(w.response.header('x-all'), 'a websocket');
    await w.close();
  });
});


describe('sio_origin_check', () => {
  const both = lib.pair({ locations });

  before(() => both.start());
  after(() => both.stop());

  const more = [...origins, 'http://localhost', 'https://localhost',
                'http://localhost:80', 'http://localhost.evil.example',
                'http://evil.example/localhost', 'localhost', '//localhost',
                'http:localhost', 'http://', '://localhost'];

  for (const name of Object.keys(checks)) {
    for (const origin of more) {
      it(`${name}, ${named(origin)}`, () => both.compare(
        async ({ note, http, ws }) => {
          const headers = head(origin);

          note(await http({ path: `/${name}/${query}polling`, headers }));

          const w = await ws({ path: `/${name}/${query}websocket`, headers });

          note(w.response);
          w.destroy();
        }));
    }
  }


  it('comes behind the other tests', () => both.compare(
    async ({ note, http, ws }) => {
      const headers = head('http://evil.example');

      for (const [path, method] of [
        ['/check/?EIO=4&transport=x'], ['/check/?EIO=3&transport=polling'],
        [`/check/${query}websocket`], [`/check/${query}polling`, 'POST'],
      ]) {
        note(await http({ path, method, headers }));
      }

      note((await ws({ path: '/check/?EIO=4&transport=x', headers }))
        .response);
    }));


  /* in Node who has the sid is asked no more; here each request is looked at */

  it('holds for every request', { skip: lib.NODE }, async () => {
    const { nginx } = both.servers;
    const s = await lib.poll({ port: nginx.port, path: '/check/' });
    const forbidden = '{"code":4,"message":"Forbidden"}';
    const headers = head('http://evil.example');

    for (const r of [await s.get({ headers }),
                     await s.post('40', { headers })]) {
      assert.deepEqual([r.status, r.text], [403, forbidden]);
    }

    const w = await s.candidate({ headers });

    assert.deepEqual([w.response.status, w.response.text],
                     [400, 'Forbidden']);

    for (const r of [await s.post('40', { headers: head('http://localhost') }),
                     await s.get()]) {
      assert.equal(r.status, 200);
    }
  });


  it('compares the port, and no case', { skip: lib.NODE }, async () => {
    const { port } = both.servers.nginx;

    for (const [host, origin, status] of [
      ['a.example:8080', 'http://a.example:8080', 200],
      ['a.example:8080', 'http://a.example', 403],
      ['a.example', 'http://a.example:8080', 403],
      ['a.example', 'HTTPS://A.Example', 200],
      ['[::1]:8080', 'http://[::1]:8080', 200],
      ['a.example', 'http://b.a.example', 403],
    ]) {
      const r = await lib.http({ port, path: `/check/${query}polling`, host,
                                 headers: head(origin) });

      assert.equal(r.status, status, `${origin} at ${host}`);
    }
  });
});
