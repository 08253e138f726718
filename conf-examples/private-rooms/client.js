/*
 * A client of private-rooms.conf, in a terminal: what is typed is said.
 *
 *   node conf-examples/private-rooms/client.js USER ORG ROOM [URL]
 *
 * token() is the login's part; a client of the real world asks it for one.
 */

const { createHmac } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { createInterface } = require("node:readline");
const { io } = require("socket.io-client");

const [user, org, name, url = "http://localhost:8080"] = process.argv.slice(2);
const room = `org:${org}:${name}`;

/* RFC 7519: who it is, and until when */

function token() {
  const part = (value) => Buffer.from(value).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const text = part('{"alg":"HS256","typ":"JWT"}') + "." + part(JSON.stringify(
    { iss: "login", sub: user, org, iat: now, exp: now + 3600 }));
  const secret = readFileSync(join(__dirname, "secret"));

  return text + "." + createHmac("sha256", secret).update(text)
                      .digest("base64url");
}

/* asked for at each connection, and after "expires" */

const socket = io(url, { auth: (done) => done({ token: token() }) });

socket.on("connect", () => socket.emit("join", { room }, (refused) => {
  console.log(refused ? refused.error : `you are in ${room}`);
}));
socket.on("connect_error", (e) => console.log(e.message));
socket.on("expires", () => socket.disconnect().connect());
socket.on("joined", ({ user }) => console.log(`${user} came`));
socket.on("said", ({ user, text }) => console.log(`${user}: ${text}`));
socket.on("left", ({ user }) => console.log(`${user} left`));

createInterface({ input: process.stdin })
  .on("line", (text) => socket.emit("say", { room, text }, (refused) => {
    if (refused) {
      console.log(refused.error);
    }
  }))
  .on("close", () => socket.disconnect());
