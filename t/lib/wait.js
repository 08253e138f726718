'use strict';

const SLOW = Number(process.env.SIO_SLOW || 1);


function sleep(ms, { unref } = {}) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);

    if (unref) {
      timer.unref();
    }
  });
}


/*
 * Waits until cond() is true (it may be async); resolves to what it
 * returned.  An error that cond() throws ends the waiting.
 */

async function until(cond, ms = 5000, what = 'a condition') {
  const end = Date.now() + ms * SLOW;
  let pause = 1;

  for (;;) {
    const value = await cond();

    if (value) {
      return value;
    }

    if (Date.now() > end) {
      throw new Error(`waited ${ms * SLOW} ms in vain for ${what}`);
    }

    await sleep(pause);
    pause = Math.min(pause * 1.5, 50);
  }
}


module.exports = { sleep, until, SLOW };
