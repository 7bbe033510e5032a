// Does every installed peer do what the bench asks of it? Each is started as the harness starts
// it, and must refuse a bad token, deliver to the subscribers alone, each message once and in
// order, and end at SIGTERM.
//
//   make -C bench/peers check
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect as connectTcp, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { centrifuge, plain, sockudo } from "./check/dialects.mjs";

const PEERS = { bun: plain, gorilla: plain, tungstenite: plain, ws: plain, centrifugo: centrifuge, sockudo };
const SECRET = "a secret of thirty-two characters";
const MESSAGES = 200;
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const files = mkdtempSync(join(tmpdir(), "peers-"));
const certificate = join(files, "certificate.pem");
const key = join(files, "key.pem");
after(() => rmSync(files, { recursive: true }));
makeCertificate();

for (const [name, dialect] of Object.entries(PEERS)) {
  describe(name, { skip: isInstalled(name) ? false : "not installed" }, () => {
    let peer;
    before(async () => (peer = await start(name)));
    after(() => peer.server.kill("SIGKILL"));
    const connect = (user, token = dialect.token(SECRET, user)) =>
      dialect.connect({ port: peer.port, ca: readFileSync(certificate), token, secret: SECRET });

    test("refuses a token that is not right", async () => {
      const bad = {
        "of another secret": dialect.token(`${SECRET}!`, "eve"),
        "of yesterday": dialect.token(SECRET, "eve", -86_400),
        "without a signature": dialect.token(SECRET, "eve").replace(/[^.]*$/, ""),
        missing: "",
      };
      for (const [what, token] of Object.entries(bad)) {
        await assert.rejects(connect("eve", token), dialect.refusal, what);
      }
    });

    test("speaks TLS 1.3 and does not compress", async () => {
      const client = await connect("alice");
      assert.equal(client.socket._socket.getProtocol(), "TLSv1.3");
      assert.equal(client.socket.extensions, "");
      await client.close();
    });

    test("delivers to the subscribers alone, each message once and in order", async () => {
      const [alice, bob, carol] = await Promise.all(["alice", "bob", "carol"].map((user) => connect(user)));
      await Promise.all([alice.subscribe("bench:1"), bob.subscribe("bench:1"), carol.subscribe("bench:2")]);

      for (let number = 0; number < MESSAGES; number++) alice.publish("bench:1", payload(number));
      await Promise.all([alice.got(MESSAGES), bob.got(MESSAGES)]);
      // What carol gets would come no later than what she is sent now.
      carol.publish("bench:2", payload(0));
      await carol.got(1);

      const expected = Array.from({ length: MESSAGES }, (_, number) => ["bench:1", payload(number)]);
      assert.deepEqual(alice.received, expected, "the publisher");
      assert.deepEqual(bob.received, expected, "another member");
      assert.deepEqual(carol.received, [["bench:2", payload(0)]], "a member of another channel");
      await Promise.all([alice, bob, carol].map((client) => client.close()));
    });

    test("forgets who has left", async () => {
      const [alice, bob] = await Promise.all(["alice", "bob"].map((user) => connect(user)));
      await Promise.all([alice.subscribe("bench:1"), bob.subscribe("bench:1")]);
      await bob.close();
      alice.publish("bench:1", payload(1));
      await alice.got(1);
      await alice.close();
    });

    test("ends at SIGTERM", async () => {
      peer.server.kill("SIGTERM");
      if (peer.server.exitCode === null) await once(peer.server, "exit");
    });
  });
}

/** As long as the bench's own payloads; a string of JSON, since Centrifugo wants JSON. */
function payload(number) {
  return JSON.stringify(`${number} ${"x".repeat(120)}`);
}

function isInstalled(name) {
  return spawnSync(here(`${name}/start`), ["--version"]).status === 0;
}

async function start(name) {
  const port = await freePort();
  const server = spawn(here(`${name}/start`), {
    env: {
      ...process.env,
      BENCH_ADDRESS: `127.0.0.1:${port}`,
      BENCH_CERTIFICATE: certificate,
      BENCH_KEY: key,
      BENCH_SECRET: SECRET,
    },
    stdio: ["ignore", "ignore", "inherit"],
  });
  while (!(await listens(port))) {
    assert.equal(server.exitCode, null, `${name} ended before it listened`);
    await sleep(20);
  }
  return { server, port };
}

function listens(port) {
  const socket = connectTcp(port, "127.0.0.1");
  return once(socket, "connect").then(() => true, () => false).finally(() => socket.destroy());
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  return port;
}

function makeCertificate() {
  execFileSync("openssl", [
    ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost".split(" "),
    ..."-addext subjectAltName=IP:127.0.0.1 -keyout".split(" "), key, "-out", certificate,
  ], { stdio: "ignore" });
}
