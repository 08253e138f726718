'use strict';

const test = require('node:test');
const assert = require('node:assert');
const path = require('path');
const { spawnSync } = require('child_process');

const { ROOT } = require('../lib/sio.js');


test('layers, prefixes and style', () => {
  const r = spawnSync(process.execPath, [path.join(ROOT, 't/style')],
                      { encoding: 'utf8' });

  assert.equal(r.status, 0, r.stdout + r.stderr);
});
