'use strict';

/*
 * sio_jwt with official clients: tokens of well-known libraries and of the
 * RFCs, where they come from, what is refused, claims in rules.
 */

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { after, afterEach, before, describe, it } = require('node:test');

const lib = require('./lib.js');
const sio = require('../lib/sio.js');
const { ALGS, b64, libraries, makeKeys, now } = require('./tokens.js');

const { ask, client, connect, disconnectAll, until } = lib;

/* RFC 7515, appendix A.1 to A.3; RFC 8037, A.4 */

const RFC = {
  keys: [
    { kid: 'hs', kty: 'oct',
      k: 'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4'
         + 'hcgUuTwjAzZr1Z9CAow' },
    { kid: 'rs', kty: 'RSA', e: 'AQAB',
      n: 'ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Va'
         + 'w-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b3'
         + '2690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KX'
         + 'BdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5I'
         + 'hlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54'
         + 'h4FRWyuXpoQ' },
    { kid: 'es', kty: 'EC', crv: 'P-256',
      x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
      y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0' },
    { kid: 'ed', kty: 'OKP', crv: 'Ed25519',
      x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' },
  ],
  payload: 'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcG'
           + 'xlLmNvbS9pc19yb290Ijp0cnVlfQ',
};

RFC.tokens = {
  'RFC 7515, A.1': `eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.${RFC.payload}.`
    + 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
  'RFC 7515, A.2': `eyJhbGciOiJSUzI1NiJ9.${RFC.payload}.`
    + 'cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4'
    + 'Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_'
    + 'nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn'
    + '6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI'
    + '8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw',
  'RFC 7515, A.3': `eyJhbGciOiJFUzI1NiJ9.${RFC.payload}.`
    + 'DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfK'
    + 'TUJqPP3-Kg6NU1Q',
  'RFC 8037, A.4': 'eyJhbGciOiJFZERTQSJ9.'
    + 'RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.'
    + 'hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g'
    + '7sVvpAr_MuM0KAg',
};


describe('sio_jwt', { skip: lib.NODE }, () => {
  let server, base, keys, libs;

  before(async () => {
    keys = await makeKeys();
    libs = libraries(keys);

    const file = (name) => path.join(keys.dir, name);

    fs.writeFileSync(file('rfc.jwks'), JSON.stringify({ keys: RFC.keys }));

    server = await sio.startNginx({
      workers: 4,
      tls: true,
      http: `map $sio_jwt_org $tier { volatile; acme gold; default tin; }`,
      location: `sio on;
        sio_allow_eio3 on;
        sio_limit token=2k tokens=8;

        sio_set $first  jwt /realm_access/roles/0 string;
        sio_set $roles  jwt /realm_access/roles array;
        sio_set $url    jwt /https:~1~1example.com~1id;
        sio_set $number jwt /sub number;

        sio_jwt auth /token  header Authorization  header X-Token
                query token  cookie session  secret_file=${file('secret')};

        sio_on enter    { join "org:$sio_jwt_org"; join $sio_jwt_groups; ack; }
        sio_on who      { ack $sio_jwt_sub $first $sio_jwt_org; }
        sio_on more     { ack '{"roles":$roles,"url":$url,"n":$number,"tier":$tier,
                                "all":$sio_jwt_realm_access}'; }
        sio_on rooms    { ack $sio_rooms; }
        sio_on admin    { require $first = admin error=no; ack yes; }
        sio_on org      { emit org $sio_jwt_sub "to=org:$sio_jwt_org"; ack; }
        sio_on message  { emit message $sio_jwt_sub; }
        sio_on asked    { hook /asked; ack never; }
        sio_on disconnect { emit gone $sio_jwt_sub "to=org:$sio_jwt_org"; }

        sio_namespace /off  { sio_jwt off;
                              sio_on who { ack $sio_jwt_sub; } }
        sio_namespace /same { sio_on who { ack $sio_jwt_sub; } }
        sio_namespace ~ ^/any- { sio_on who { ack $sio_jwt_sub; } }
        sio_namespace /maybe { sio_jwt auth /token optional
                                       secret_file=${file('secret')};
                               sio_on who { ack $sio_jwt_sub; } }
        sio_namespace /rfc  { sio_jwt auth /token jwks=${file('rfc.jwks')}; }
        sio_namespace /jwks { sio_jwt auth /token jwks=${file('all.jwks')};
                              sio_on who { ack $sio_jwt_sub; } }
        sio_namespace /pem  { sio_jwt auth /token key=${file('rsa.pub')}
                                      key=${file('p256.pub')}
                                      key=${file('ed25519.pub')};
                              sio_on who { ack $sio_jwt_sub; } }
        sio_namespace /ps   { sio_jwt auth /token key=${file('rsa.pub')}
                                      alg=PS256,PS384; }
        sio_namespace /mine { sio_jwt auth /token aud=chat aud=news iss=us
                                      leeway=1h
                                      secret_file=${file('secret')}; }`,
      server: `location = /eio/ { sio zone=default; sio_protocol engine.io; }
               location = /asked { internal; default_type application/json;
                 return 200 '["$sio_jwt_email","$first"]'; }`,
    });

    base = await server.counters();
  });

  afterEach(() => disconnectAll());

  after(async () => {
    await lib.finish(server, base);
    keys.remove();
  });


  /* the answer to a CONNECT that is refused */

  async function refusal(token, options = {}) {
    const socket = client(server, { reconnection: false,
                                    ...(token === undefined ? {}
                                      : { auth: { token } }), ...options });

    try {
      return await new Promise((resolve, reject) => {
        socket.on('connect', () => reject(new Error('it was let in')));
        socket.on('connect_error', (e) => resolve({ message: e.message,
                                                    data: e.data }));
        socket.io.on('error', reject);
      });

    } finally {
      socket.disconnect();
    }
  }

  const INVALID = { message: 'invalid token',
                    data: { code: 'invalid_token' } };
  const REQUIRED = { message: 'token required',
                     data: { code: 'token_required' } };
  const EXPIRED = { message: 'token expired',
                    data: { code: 'token_expired' } };
  const EARLY = { message: 'token not active',
                  data: { code: 'token_not_active' } };

  const CLAIMS = { sub: 'ann', org: 'acme' };

  const enter = (token, options = {}) =>
    connect(server, { auth: { token }, ...options });


  describe('takes tokens of', () => {
    for (const library of ['jsonwebtoken', 'jose', 'python']) {
      it(library, async () => {
        const asked = Object.keys(ALGS).flatMap((alg) =>
          [ALGS[alg], ''].map((kid) =>
            [{ sub: `${library} ${alg}`, exp: now() + 600 }, alg, kid]));
        const tokens = await libs[library](asked);

        const all = tokens.map(async (token, i) => {
          if (token) {
            const [claims] = asked[i];
            const transport = ['websocket', 'polling', 'upgrade'][i % 3];
            const socket = await enter(token, { nsp: '/jwks', transport });

            assert.equal(await ask(socket, 'who'), claims.sub);
            socket.disconnect();
          }
        });

        await Promise.all(all);
      });
    }


    it('the RFCs', async () => {
      for (const [name, token] of Object.entries(RFC.tokens)) {
        /* these have expired, and one says nothing: but it is signed */

        assert.deepEqual(await refusal(token, { nsp: '/rfc' }),
                         name === 'RFC 8037, A.4' ? INVALID : EXPIRED, name);

        const at = token.lastIndexOf('.') + 5;
        const other = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A')
                      + token.slice(at + 1);

        assert.deepEqual(await refusal(other, { nsp: '/rfc' }), INVALID,
                         name);
      }

      const log = server.errorLog();

      assert.match(log, /"\/rfc" refused: its claims are not a JSON object/);
      assert.match(log, /"\/rfc" refused: its signature is wrong/);
    });


    it('PEM keys, one of several', async () => {
      for (const alg of ['RS256', 'PS512', 'ES256', 'EdDSA']) {
        const socket = await enter(keys.sign({ sub: alg }, { alg }),
                                   { nsp: '/pem' });

        assert.equal(await ask(socket, 'who'), alg);
      }
    });
  });


  describe('refuses', () => {
    const good = (more) => keys.sign({ ...CLAIMS, ...more });
    const part = (token, n, change) => {
      const parts = token.split('.');

      parts[n] = change(parts[n]);
      return parts.join('.');
    };

    const BAD = {
      'no token at all': 'x',
      'two parts': () => good().split('.').slice(0, 2).join('.'),
      'four parts': () => `${good()}.`,
      'five parts': () => `${good()}.x.y`,
      'an empty header': () => part(good(), 0, () => ''),
      'an empty signature': () => part(good(), 2, () => ''),
      padding: () => part(good(), 2, (s) => `${s}=`),
      'the other alphabet': () => part(good(), 2, (s) =>
        `${s.slice(0, -2)}+/`),
      'bits left over': () => part(good(), 2, (s) =>
        s.slice(0, -1) + String.fromCharCode(s.charCodeAt(s.length - 1) + 1)),
      'a space': () => ` ${good()}`,
      'an escape': () => `${good()}\n`,
      'another claim': () => part(good(), 1, () =>
        b64(JSON.stringify({ sub: 'bob' }))),
      'another header': () => part(good(), 0, () =>
        b64(JSON.stringify({ alg: 'HS384' }))),
      'a shorter signature': () => part(good(), 2, (s) => s.slice(0, -4)),
      'a longer signature': () => part(good(), 2, (s) => `${s}AAAA`),
      'alg none': () => `${b64('{"alg":"none"}')}.${b64('{}')}.`,
      'alg None': () => `${b64('{"alg":"None"}')}.${b64('{}')}.AAAA`,
      'no alg': () => keys.sign({}, { headerText: '{"typ":"JWT"}' }),
      'alg that is no string': () => keys.sign({}, { header: { alg: 256 } }),
      'alg twice': () => keys.sign({}, {
        headerText: '{"alg":"none","alg":"HS256"}' }),
      'alg escaped': () => keys.sign({}, {
        headerText: '{"\\u0061lg":"HS256"}' }),
      crit: () => keys.sign({}, { header: { crit: ['exp'] } }),
      'kid that is no string': () => keys.sign({}, { header: { kid: 1 } }),
      'a header that is no object': () => keys.sign({}, {
        headerText: '["alg"]' }),
      'a header too deep': () => keys.sign({}, {
        header: { x: JSON.parse('['.repeat(40) + ']'.repeat(40)) } }),
      'a header with too much in it': () => keys.sign({}, {
        header: Object.fromEntries(Array.from({ length: 40 },
                                              (_, i) => [`k${i}`, i])) }),
      'claims that are no object': () => keys.sign({}, { text: '"ann"' }),
      'claims that are no JSON': () => keys.sign({}, { text: '{' }),
      'claims that are no UTF-8': () => keys.sign({}, {
        text: Buffer.from('{"sub":"\xff"}', 'latin1') }),
      'a claim twice': () => keys.sign({}, {
        text: '{"sub":"ann","sub":"bob"}' }),
      'a claim twice, by an escape': () => keys.sign({}, {
        text: '{"sub":"ann","s\\u0075b":"bob"}' }),
      'a nested claim twice': () => keys.sign({}, {
        text: '{"a":[{"b":{"c":1,"c":2}}]}' }),
      'claims too deep': () => keys.sign({}, {
        text: `{"a":${'['.repeat(40)}${']'.repeat(40)}}` }),
      'exp that is no number': () => good({ exp: '9999999999' }),
      'nbf that is no number': () => good({ nbf: null }),
      'iat that is no number': () => good({ iat: 'now' }),
      'a token that is a number': 5,
      'a token that is an object': { a: 1 },
      'another secret': () => keys.sign(CLAIMS, { key: Buffer.alloc(64) }),
      'RS256, there are no keys for it': () => keys.sign(CLAIMS,
                                                         { alg: 'RS256' }),
    };

    for (const [name, token] of Object.entries(BAD)) {
      it(name, async () => {
        assert.deepEqual(
          await refusal(typeof token === 'function' ? token() : token),
          INVALID);
      });
    }


    it('HMAC with a public key', async () => {
      const pem = fs.readFileSync(path.join(keys.dir, 'rsa.pub'));

      for (const key of [pem, pem.subarray(0, -1)]) {
        for (const nsp of ['/pem', '/ps', '/jwks']) {
          assert.deepEqual(
            await refusal(keys.sign(CLAIMS, { key }), { nsp }), INVALID);
        }
      }
    });


    it('an algorithm that is not among alg=', async () => {
      for (const alg of ['RS256', 'PS512']) {
        assert.deepEqual(await refusal(keys.sign(CLAIMS, { alg }),
                                       { nsp: '/ps' }), INVALID);
      }

      await enter(keys.sign(CLAIMS, { alg: 'PS384' }), { nsp: '/ps' });
    });


    it('keys that are for something else', async () => {
      const to = (kid, alg, key) => refusal(
        keys.sign(CLAIMS, { alg, key, header: { kid } }), { nsp: '/jwks' });

      assert.deepEqual(await to('rsa2', 'RS256', 'rsa'), INVALID);
      assert.deepEqual(await to('p256', 'RS256', 'rsa'), INVALID);
      assert.deepEqual(await to('rsa', 'ES256', 'p256'), INVALID);
      assert.deepEqual(await to('enc', 'RS256', 'rsa'), INVALID);
      assert.deepEqual(await to('ops', 'RS256', 'rsa'), INVALID);
      assert.deepEqual(await to('rs384', 'RS256', 'rsa'), INVALID);
      assert.deepEqual(await to('nobody', 'RS256', 'rsa'), INVALID);

      await enter(keys.sign(CLAIMS, { alg: 'RS384',
                                      header: { kid: 'rs384' } }),
                  { nsp: '/jwks' });
      await enter(keys.sign(CLAIMS, { alg: 'RS256', key: 'rsa2',
                                      header: { kid: 'rsa2' } }),
                  { nsp: '/jwks' });
    });


    it('ECDSA as DER, too short, too long, or zero', async () => {
      const token = keys.sign(CLAIMS, { alg: 'ES256' });
      const input = token.slice(0, token.lastIndexOf('.'));
      const raw = Buffer.from(token.slice(input.length + 1), 'base64url');
      const der = require('node:crypto').sign(
        'sha256', Buffer.from(input), keys.pairs.p256.privateKey);

      for (const s of [der, raw.subarray(0, 63), raw.subarray(0, 62),
                       Buffer.concat([raw, Buffer.alloc(2)]),
                       Buffer.alloc(64), Buffer.alloc(64, 255),
                       Buffer.concat([Buffer.alloc(16),
                                      raw.subarray(0, 32), Buffer.alloc(16),
                                      raw.subarray(32)])]) {
        assert.deepEqual(
          await refusal(`${input}.${s.toString('base64url')}`,
                        { nsp: '/pem' }), INVALID);
      }

      await enter(token, { nsp: '/pem' });
    });


    it('what has expired, or is not valid yet', async () => {
      assert.deepEqual(await refusal(good({ exp: now() - 1 })), EXPIRED);
      assert.deepEqual(await refusal(good({ exp: 0 })), EXPIRED);
      assert.deepEqual(await refusal(good({ exp: -1e30 })), EXPIRED);
      assert.deepEqual(await refusal(good({ exp: now() - 0.5 })), EXPIRED);
      assert.deepEqual(await refusal(good({ nbf: now() + 600 })), EARLY);
      assert.deepEqual(await refusal(keys.sign({}, {
        text: '{"nbf":1e999}' })), EARLY);

      await enter(good({ exp: now() + 600.5, nbf: now() - 1.5,
                         iat: now() + 5 }));
      await enter(keys.sign({}, { text: '{"exp":1e999}' }));
      await enter(good({ exp: 1e15 }));
    });


    it('other audiences and issuers', async () => {
      const to = (claims) => refusal(keys.sign(claims), { nsp: '/mine' });

      assert.deepEqual(await to({ iss: 'us' }), INVALID);
      assert.deepEqual(await to({ aud: 'chat' }), INVALID);
      assert.deepEqual(await to({ iss: 'them', aud: 'chat' }), INVALID);
      assert.deepEqual(await to({ iss: ['us'], aud: 'cha' }), INVALID);
      assert.deepEqual(await to({ iss: 'us', aud: ['a', 'b', 5] }), INVALID);
      assert.deepEqual(await to({ iss: 'us', aud: { chat: 1 } }), INVALID);
      assert.deepEqual(await to({ iss: 'us', aud: 'chat',
                                  exp: now() - 3601 }), EXPIRED);
      assert.deepEqual(await to({ iss: 'us', aud: 'chat',
                                  nbf: now() + 4000 }), EARLY);

      for (const claims of [{ aud: 'chat' }, { aud: ['x', 'news'] },
                            { aud: 'chat', exp: now() - 3000,
                              nbf: now() + 3000 }]) {
        await enter(keys.sign({ iss: 'us', ...claims }), { nsp: '/mine' });
      }
    });


    it('one byte more than the limit', async () => {
      const of = (len) => {
        for (let pad = 0; ; pad++) {
          const token = good({ pad: 'x'.repeat(pad) });

          if (token.length >= len) {
            return token;
          }
        }
      };

      const fits = of(2045);

      assert.ok(fits.length <= 2048);
      assert.deepEqual(await refusal(of(2049)), INVALID);

      assert.deepEqual(
        await refusal(undefined, { query: { token: of(2049) } }), INVALID);
      assert.match(server.errorLog(), /it is too long/);

      await enter(fits);
    });


    it('no more than so many of a connection', async () => {
      for (const transport of ['websocket', 'polling']) {
        if (transport === 'websocket') {
          const w = await sio.wsOpen(server);

          for (let i = 0; i < 8; i++) {
            w.send('40{"token":"x"}');
            assert.match(await w.recvText(), /^44\{"message":"invalid token"/);
          }

          w.send('40{"token":"x"}');
          assert.match(await w.recvText(), /^44/);
          await w.waitClose();

        } else {
          const p = await sio.poll(server);

          await p.post(Array(20).fill('40{"token":"x"}'));

          const { packets } = await p.get();

          assert.equal(packets.filter((s) => /^44/.test(s)).length, 9);
          await p.get();
        }
      }
    });


    it('counts and logs each, without the token', async () => {
      const before = await server.counters();
      const token = keys.sign({ secretive: 'yes' }, { key: Buffer.alloc(32) });

      await refusal(token);
      await refusal(undefined);

      const after = await server.counters();

      assert.equal(after.refused_tokens - before.refused_tokens, 2);
      assert.match(server.errorLog(), /token for namespace "\/" refused: there/);
      assert.ok(!server.errorLog().includes(token.split('.')[1]));
    });
  });


  describe('finds a token', () => {
    const token = (sub) => keys.sign({ sub });

    for (const [name, options] of Object.entries({
      'in the query': (t) => ({ query: { token: t } }),
      'in Authorization': (t) => ({
        extraHeaders: { Authorization: `Bearer ${t}` } }),
      'in Authorization, in lower case': (t) => ({
        extraHeaders: { authorization: `bearer  ${t}` } }),
      'in another header': (t) => ({ extraHeaders: { 'X-Token': t } }),
      'in a cookie': (t) => ({
        extraHeaders: { Cookie: `a=b; session=${t}; c=d` } }),
    })) {
      it(name, async () => {
        for (const transport of ['websocket', 'polling', 'upgrade']) {
          for (const tls of [false, true]) {
            const socket = await connect(server, { transport, tls,
                                                   ...options(token(name)) });

            assert.equal(await ask(socket, 'who'), name);

            /* and once more for another namespace of the connection */

            const other = socket.io.socket('/same');

            await sio.connected(other);
            assert.equal(await ask(other, 'who'), name);
            socket.disconnect();
            other.disconnect();
          }
        }
      });
    }


    it('in the first place that has one', async () => {
      const all = {
        extraHeaders: { Authorization: `Bearer ${token('header')}`,
                        Cookie: `session=${token('cookie')}` },
        query: { token: token('query') },
      };

      const who = async (options) =>
        ask(await connect(server, options), 'who');

      assert.equal(await who({ ...all, auth: { token: token('auth') } }),
                   'auth');
      assert.equal(await who({ ...all, auth: { token: null } }), 'header');
      assert.equal(await who({ ...all, auth: { token: '' } }), 'header');
      assert.equal(await who({ ...all, extraHeaders: {
        Cookie: all.extraHeaders.Cookie } }), 'query');

      /* a bad one is not passed over */

      assert.deepEqual(await refusal('x', all), INVALID);
    });


    it('of plain Engine.IO', async () => {
      const open = (t) => sio.wsOpen({ ...server,
        path: `/eio/?EIO=4&transport=websocket&token=${t}` });

      const good = await open(token('eio'));

      good.send('4x');
      assert.equal(await good.recvText(), '4eio');
      good.close(1000);

      await (await open('x')).waitClose();
      await (await open('')).waitClose();
    });


    it('in a browser\'s or old client\'s query', async () => {
      const socket = client(server, { version: '2.5',
                                      query: { token: token('old') } });

      await sio.connected(socket);
      assert.equal(await ask(socket, 'who'), 'old');
    });
  });


  describe('without a token', () => {
    it('nobody comes in', async () => {
      for (const nsp of ['/', '/same', '/any-thing', '/jwks']) {
        for (const transport of ['websocket', 'polling']) {
          assert.deepEqual(await refusal(undefined, { nsp, transport }),
                           REQUIRED);
        }
      }

      assert.equal((await refusal(undefined, { nsp: '/none' })).message,
                   'Invalid namespace');
    });


    it('anybody comes in where it is off or optional', async () => {
      for (const nsp of ['/off', '/maybe']) {
        const socket = await connect(server, { nsp });

        assert.equal(await ask(socket, 'who'), null);
      }

      assert.deepEqual(await refusal('x', { nsp: '/maybe' }), INVALID);

      const off = await enter(keys.sign({ sub: 'ann' }), { nsp: '/off' });
      const maybe = await enter(keys.sign({ sub: 'ann' }), { nsp: '/maybe' });

      assert.equal(await ask(off, 'who'), null);
      assert.equal(await ask(maybe, 'who'), 'ann');
    });
  });


  describe('claims', () => {
    const claims = {
      sub: 'ann', org: 'acme', groups: ['g1', 'g2'],
      realm_access: { roles: ['admin', 'ü'] },
      'https://example.com/id': { a: [1, 'x'] },
    };

    for (const transport of ['websocket', 'polling', 'upgrade']) {
      it(`in rules, ${transport}`, async () => {
        const socket = await enter(keys.sign(claims), { transport });
        const other = await enter(keys.sign({ ...claims, sub: 'bob',
                                              realm_access: null }),
                                  { transport });

        await sio.emitAck(socket, 'enter');
        await sio.emitAck(other, 'enter');

        assert.deepEqual(
          await new Promise((resolve) => socket.emit('who',
            (...args) => resolve(args))), ['ann', 'admin', 'acme']);

        assert.deepEqual(await ask(socket, 'more'), {
          roles: ['admin', 'ü'], url: { a: [1, 'x'] }, tier: 'gold',
          all: claims.realm_access });
        assert.deepEqual(await ask(other, 'more'), {
          url: { a: [1, 'x'] }, tier: 'gold', all: null });

        assert.equal(await ask(socket, 'admin'), 'yes');
        assert.deepEqual(await ask(other, 'admin'), { error: 'no' });

        assert.deepEqual(await ask(socket, 'rooms'),
                         [socket.id, 'org:acme', 'g1', 'g2']);

        const heard = lib.record(other);

        await sio.emitAck(socket, 'org');
        await until(() => heard.length === 1);
        socket.disconnect();
        await until(() => heard.length === 2);
        assert.deepEqual(heard.slice(), [['org', 'ann'], ['gone', 'ann']]);
      });
    }


    it('in the location of a hook', async () => {
      for (const transport of ['websocket', 'polling']) {
        const socket = await enter(keys.sign({ ...claims, email: 'a@b' }),
                                   { transport });

        assert.deepEqual(
          await new Promise((resolve) => socket.emit('asked',
            (...args) => resolve(args))), ['a@b', 'admin']);
      }
    });


    it('of several tokens in one connection', async () => {
      const socket = await enter(keys.sign({ sub: 'one', org: 'x' }));
      const other = socket.io.socket('/same', {
        auth: { token: keys.sign({ sub: 'two' }) } });
      const third = socket.io.socket('/any-x', { auth: { token: 'bad' } });

      await Promise.all([sio.connected(other), new Promise((resolve) =>
        third.on('connect_error', resolve))]);

      assert.equal(await ask(socket, 'who'), 'one');
      assert.equal(await ask(other, 'who'), 'two');
      socket.disconnect();
      other.disconnect();
    });
  });
});
