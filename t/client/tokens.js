'use strict';

/*
 * Keys of all kinds, as files, and tokens signed with them by those who are
 * well known for it: jsonwebtoken, jose, PyJWT.
 */

const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFile } = require('node:child_process');

const jsonwebtoken = require('jsonwebtoken');

const SECRET = 'a secret that is long enough, of more than 64 bytes, for '
               + 'HMAC-SHA-512 as well';

const PAIRS = {
  rsa: ['rsa', { modulusLength: 2048 }],
  rsa2: ['rsa', { modulusLength: 2048 }],
  short: ['rsa', { modulusLength: 1024 }],
  p256: ['ec', { namedCurve: 'P-256' }],
  p384: ['ec', { namedCurve: 'P-384' }],
  p521: ['ec', { namedCurve: 'P-521' }],
  k256: ['ec', { namedCurve: 'secp256k1' }],
  ed25519: ['ed25519', {}],
};

/* by algorithm: the key that signs */

const ALGS = {
  HS256: 'secret', HS384: 'secret', HS512: 'secret',
  RS256: 'rsa', RS384: 'rsa', RS512: 'rsa',
  PS256: 'rsa', PS384: 'rsa', PS512: 'rsa',
  ES256: 'p256', ES384: 'p384', ES512: 'p521',
  EdDSA: 'ed25519',
};

const b64 = (s) => Buffer.from(s).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);


/* {dir, pairs, secret, remove()}: dir has NAME.pub, NAME.key and all.jwks */

async function makeKeys() {
  const jose = await import('jose');
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'sio-keys-'));
  const pairs = { secret: { privateKey: crypto.createSecretKey(
    Buffer.from(SECRET)) } };
  const jwks = { keys: [] };

  for (const [name, [type, options]] of Object.entries(PAIRS)) {
    const pair = crypto.generateKeyPairSync(type, options);

    pairs[name] = pair;
    fs.writeFileSync(path.join(dir, `${name}.pub`),
                     pair.publicKey.export({ type: 'spki', format: 'pem' }));
    fs.writeFileSync(path.join(dir, `${name}.key`),
                     pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  }

  for (const name of ['rsa', 'rsa2', 'p256', 'p384', 'p521', 'ed25519']) {
    jwks.keys.push({ ...await jose.exportJWK(pairs[name].publicKey),
                     kid: name, use: 'sig' });
  }

  jwks.keys.push({ ...await jose.exportJWK(pairs.secret.privateKey),
                   kid: 'secret' });

  /* what is to be passed over: RFC 7517, 5 */

  jwks.keys.push({ kty: 'quantum', kid: 'q' },
                 { kty: 'EC', crv: 'secp256k1', x: 'AA', y: 'AA', kid: 'k' },
                 { ...jwks.keys[0], kid: 'enc', use: 'enc' },
                 { ...jwks.keys[0], kid: 'ops', key_ops: ['wrapKey'] },
                 { ...jwks.keys[0], kid: 'rs384', alg: 'RS384' });

  fs.writeFileSync(path.join(dir, 'all.jwks'), JSON.stringify(jwks));
  fs.writeFileSync(path.join(dir, 'secret'), `${SECRET}\n`);

  return {
    dir, pairs, jwks, secret: SECRET,
    remove: () => fs.rmSync(dir, { recursive: true, force: true }),
    sign: (claims, options) => sign(pairs, claims, options),
  };
}


/* by hand, whatever is asked for: header, payload and signature */

function sign(pairs, claims, { alg = 'HS256', header = {}, key, text,
                               headerText } = {}) {
  const input = `${b64(headerText ?? JSON.stringify({ alg, ...header }))}.`
                + b64(text ?? JSON.stringify(claims));
  const name = key || ALGS[alg];
  const pair = pairs[name];
  const hash = `sha${alg.slice(2)}`;
  let signature;

  if (alg.startsWith('HS')) {
    signature = crypto.createHmac(hash, typeof key === 'object' ? key
      : pair.privateKey).update(input).digest();

  } else if (alg === 'EdDSA') {
    signature = crypto.sign(null, Buffer.from(input), pair.privateKey);

  } else {
    signature = crypto.sign(hash, Buffer.from(input), {
      key: pair.privateKey,
      dsaEncoding: 'ieee-p1363',
      ...(alg.startsWith('PS')
        ? { padding: crypto.constants.RSA_PKCS1_PSS_PADDING,
            saltLength: crypto.constants.RSA_PSS_SALTLEN_DIGEST } : {}),
    });
  }

  return `${input}.${signature.toString('base64url')}`;
}


/* {library: sign([[claims, alg, kid] ...])}: tokens; undefined where it has
   no such algorithm */

function libraries(keys) {
  const key = (alg) => keys.pairs[ALGS[alg]].privateKey;

  return {
    jsonwebtoken: (list) => list.map(([claims, alg, kid]) =>
      (alg === 'EdDSA' ? undefined
        : jsonwebtoken.sign(claims, key(alg),
                            { algorithm: alg, ...(kid && { keyid: kid }) }))),

    async jose(list) {
      const { SignJWT } = await import('jose');

      return Promise.all(list.map(([claims, alg, kid]) => new SignJWT(claims)
        .setProtectedHeader({ alg, typ: 'JWT', ...(kid && { kid }) })
        .sign(key(alg))));
    },

    python(list) {
      const script = `import json, sys, jwt
for claims, alg, kid, file in json.load(sys.stdin):
    key = open(file).read().rstrip("\\n")
    print(jwt.encode(claims, key, algorithm=alg,
                     headers={"kid": kid} if kid else None))`;

      const input = list.map(([claims, alg, kid]) =>
        [claims, alg, kid, path.join(keys.dir, alg.startsWith('HS') ? 'secret'
                                     : `${ALGS[alg]}.key`)]);

      return new Promise((resolve, reject) => {
        const child = execFile('/usr/bin/python3', ['-c', script],
          (e, out) => (e ? reject(e) : resolve(out.trim().split('\n'))));

        child.stdin.end(JSON.stringify(input));
      });
    },
  };
}


module.exports = { ALGS, SECRET, b64, libraries, makeKeys, now };
