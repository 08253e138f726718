'use strict';

/*
 * What the module exports: nginx's three tables.  nginx opens modules with
 * RTLD_GLOBAL, and a name that two modules export is bound, in both, to the
 * one of the module that was loaded first.
 */

const test = require('node:test');
const assert = require('node:assert');
const { execFileSync } = require('child_process');

const { MODULE } = require('../lib/sio.js');


test('only the three module tables are exported', () => {
  const names = execFileSync('nm', ['-D', '--defined-only', MODULE],
                             { encoding: 'utf8' })
    .split('\n').filter(Boolean)
    .map((line) => line.split(' ').pop().replace(/@.*/, ''))

    /* gcc's own, under a sanitizer */
    .filter((name) => !/^__(asan|odr_asan|ubsan)/.test(name));

  assert.deepEqual(names.sort(),
                   ['ngx_module_names', 'ngx_module_order', 'ngx_modules']);
});
