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


/*
 * Debian's php-fpm with a pool of its own, or with that of `conf`, an example,
 * but on another port
 */

async function startPhp({ children = 4, conf } = {}) {
  const dir = makeDir('php');
  const user = ROOT ? 'user = root\ngroup = root\n' : '';
  const args = ['-n', '-F', '-p', dir, '-y', path.join(dir, 'fpm.conf'),
                ...(ROOT ? ['-R'] : [])];

  if (conf) {
    const port = await freePort();

    fs.writeFileSync(path.join(dir, 'fpm.conf'),
                     conf.replace(/^listen = .*$/m,
                                  `listen = 127.0.0.1:${port}`) + user);

    return launch(dir, { port }, phpFpm(), args);
  }

  const socket = path.join(dir, 'php.sock');

  fs.chmodSync(dir, 0o755);
  fs.writeFileSync(path.join(dir, 'fpm.conf'), `
[global]
error_log = ${dir}/log
daemonize = no

[www]
${user}
listen = ${socket}
listen.mode = 0666
pm = static
pm.max_children = ${children}
`);

  return launch(dir, { socket }, phpFpm(), args);
}


/* uwsgi with its Python plugin; `file` has "application".  On a port if that
   is wanted, as in an example */

async function startUwsgi(file, { processes = 2, threads = 2, tcp } = {}) {
  const dir = makeDir('uwsgi');
  const where = tcp ? { port: await freePort() }
                    : { socket: path.join(dir, 'uwsgi.sock') };

  fs.chmodSync(dir, 0o755);

  return launch(dir, where, 'uwsgi', [
    '--plugin', 'python3', '--socket',
    where.socket || `127.0.0.1:${where.port}`, '--chmod-socket=666',
    '--wsgi-file', file, '--master', '--die-on-term', '--need-app',
    '--processes', String(processes), '--threads', String(threads),
    '--listen', '64', '--disable-logging',
  ]);
}


/* a Node program that is given its port as PORT, with the tests' packages */

async function startNode(file) {
  const port = await freePort();

  return launch(makeDir('node'), { port }, process.execPath, [file], {
    PORT: String(port), NODE_PATH: path.join(__dirname, '../node_modules'),
    NODE_OPTIONS: '', NODE_TEST_CONTEXT: '',
  });
}


/* a Python program that is given a port as its last argument */

async function startPython(...args) {
  const port = await freePort();

  return launch(makeDir('python'), { port }, PYTHON, [...args, String(port)]);
}


module.exports = { MODULES, PYTHON, load, available, startPhp, startUwsgi,
                   startNode, startPython };
