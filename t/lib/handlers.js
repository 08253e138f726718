'use strict';

/*
 * What stands behind a hook's location: php-fpm, uwsgi, Python's own HTTP
 * server, and the modules of nginx that run a language inside of it.  Each
 * server listens on a UNIX socket, or port, of its own and ends with the test.
 */

const fs = require('fs');
const net = require('net');
const os = require('os');
const path = require('path');
const { spawn } = require('child_process');

const { alive, freePort, releasePort } = require('./sio.js');
const { until } = require('./wait.js');

const MODULES = process.env.SIO_MODULES || '/usr/lib/nginx/modules';
const PYTHON = process.env.SIO_PYTHON || '/usr/bin/python3';
const ROOT = process.getuid() === 0;

const running = new Set();

process.on('exit', () => running.forEach((child) => child.kill('SIGTERM')));


/* load_module lines of Debian's modules; nginx of a source tree has none */

function load(...names) {
  return names.map((name) => `load_module ${MODULES}/${name}.so;`).join('\n');
}

const available = (...names) => !process.env.SIO_NGINX && names.every(
  (name) => fs.existsSync(`${MODULES}/${name}.so`));


function phpFpm() {
  const name = fs.readdirSync('/usr/sbin').find((n) => /^php-fpm[\d.]*$/
                                                       .test(n));

  return name && `/usr/sbin/${name}`;
}


/* {dir, socket or port, output(), stop()} when it takes connections */

async function launch(dir, where, file, args, env = {}) {
  const child = spawn(file, args, {
    cwd: dir, stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1', ...env },
  });
  const gone = new Promise((resolve) => child.on('close', resolve));
  let output = '', failed = null;

  running.add(child);
  child.on('error', (e) => { failed = e; });
  child.on('exit', () => running.delete(child));
  child.stdout.on('data', (data) => { output += data; });
  child.stderr.on('data', (data) => { output += data; });

  const stop = async () => {
    child.kill(path.basename(file).startsWith('php') ? 'SIGQUIT' : 'SIGTERM');

    const late = setTimeout(() => child.kill('SIGKILL'), 5000);

    if (child.pid) {
      await gone;
    }

    clearTimeout(late);
    fs.rmSync(dir, { recursive: true, force: true });

    if (where.port) {
      releasePort(where.port);
    }
  };

  try {
    await until(() => {
      if (failed || !alive(child.pid)) {
        throw new Error(`${file}: ${failed || output}`);
      }

      return new Promise((resolve) => {
        const s = net.connect(where.port ? { ...where, host: '127.0.0.1' }
                                         : { path: where.socket });

        s.on('connect', () => { s.destroy(); resolve(true); });
        s.on('error', () => resolve(false));
      });
    }, 15000, `${file} to listen`);

  } catch (e) {
    await stop();
    throw e;
  }

  return { dir, ...where, pid: child.pid, output: () => output, stop };
}


const makeDir = (name) => fs.mkdtempSync(path.join(os.tmpdir(),
                                                   `sio-${name}-`));


/* Debian's php-fpm with a pool of its own; `ini` are lines for the pool */

async function startPhp({ children = 4, ini = '' } = {}) {
  const dir = makeDir('php');
  const socket = path.join(dir, 'php.sock');

  fs.chmodSync(dir, 0o755);
  fs.writeFileSync(path.join(dir, 'fpm.conf'), `
[global]
error_log = ${dir}/log
daemonize = no

[www]
${ROOT ? 'user = root\ngroup = root' : ''}
listen = ${socket}
listen.mode = 0666
pm = static
pm.max_children = ${children}
${ini}
`);

  return launch(dir, { socket }, phpFpm(),
                ['-n', '-F', '-p', dir, '-y', path.join(dir, 'fpm.conf'),
                 ...(ROOT ? ['-R'] : [])]);
}


/* uwsgi with its Python plugin; `file` has "application" */

async function startUwsgi(file, { processes = 2, threads = 2 } = {}) {
  const dir = makeDir('uwsgi');
  const socket = path.join(dir, 'uwsgi.sock');

  fs.chmodSync(dir, 0o755);

  return launch(dir, { socket }, 'uwsgi', [
    '--plugin', 'python3', '--socket', socket, '--chmod-socket=666',
    '--wsgi-file', file, '--master', '--die-on-term', '--need-app',
    '--processes', String(processes), '--threads', String(threads),
    '--listen', '64', '--disable-logging',
  ]);
}


/* a Python program that is given a port as its last argument */

async function startPython(...args) {
  const port = await freePort();

  return launch(makeDir('python'), { port }, PYTHON, [...args, String(port)]);
}


module.exports = { MODULES, PYTHON, load, available, startPhp, startUwsgi,
                   startPython };
