/** A real gateway for the tests: started in a folder of its own, on ports of its own, stopped by its process. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { within } from "./deadline.mjs";
import { es256, hs256 } from "./tokens.mjs";

const BINARY = process.env.GATEPOST_BIN ?? fileURLToPath(new URL("../../../target/release/gatepost", import.meta.url));
const START_ATTEMPTS = 5;

const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

export class Gateway {
  #child;
  #folder = mkdtempSync(join(tmpdir(), "gatepost-test-"));
  #command;
  #environment;
  #sign;
  /** What it logged, each line an object. */
  log = [];

  /** `gatepost dev`: TLS, the demo chat, the toy issuer. */
  static async dev() {
    const gateway = new Gateway();
    for (let attempt = 1; ; attempt++) {
      const port = await freePort();
      gateway.#command = ["dev", "--listen", `127.0.0.1:${port}`, "--state", join(gateway.#folder, "state")];
      try {
        await gateway.start();
        break;
      } catch (fault) {
        // Somebody else may have taken the port meanwhile.
        if (attempt === START_ATTEMPTS || !gateway.#child) throw fault;
      }
    }
    gateway.ca = readFileSync(join(gateway.#folder, "state", "localhost.pem"));
    const key = readFileSync(join(gateway.#folder, "state", "issuer.key"));
    gateway.#sign = (wishes) => es256(key, { issuer: "urn:gatepost:dev", ...wishes });
    return gateway;
  }

  /** `gatepost serve`, in clear text on loopback, with these sections, and an issuer of its own unless another is given. */
  static async serve(sections, issuer = OWN_ISSUER) {
    const gateway = new Gateway();
    const secret = "a secret for tests that nobody else uses";
    const file = join(gateway.#folder, "gatepost.toml");
    writeFileSync(file, `${CONFIG}\n${issuer}\n${sections}`);
    gateway.#command = ["serve", "--config", file];
    gateway.#environment = { GATEPOST_TEST_SECRET: secret };
    gateway.#sign = (wishes) => hs256(secret, { issuer: "urn:gatepost:test", ...wishes });
    await gateway.start();
    return gateway;
  }

  /** Starts it, and waits until it listens. */
  async start() {
    if (!existsSync(BINARY)) throw new Error(`there is no ${BINARY}: \`make build\` makes it, or GATEPOST_BIN names another`);
    const child = spawn(BINARY, this.#command, {
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, ...this.#environment },
    });
    this.#child = child;
    running.add(child);
    child.once("exit", () => running.delete(child));
    const lines = createInterface({ input: child.stderr });
    const listening = new Promise((done, fail) => {
      child.once("error", fail);
      child.once("exit", (code) => fail(new Error(`gatepost ended with ${code}\n${this.log.map(textOf).join("\n")}`)));
      lines.on("line", (line) => {
        const entry = parse(line);
        this.log.push(entry);
        if (entry.message === "listening") done(entry);
      });
    });
    const { public: address, admin } = await within(listening, "gatepost listens");
    const secure = this.#command[0] === "dev";
    const host = address.replace("127.0.0.1", "localhost");
    this.address = address;
    this.origin = `${secure ? "https" : "http"}://${host}`;
    this.url = `${secure ? "wss" : "ws"}://${host}/connection/websocket`;
    this.admin = `http://${admin}`;
  }

  /** A token of this gateway's issuer: `user`, `claims`, `life`, `age`. */
  token(user, wishes = {}) {
    return this.#sign({ user, ...wishes });
  }

  /** Like `fetch`, trusting the development certificate; as much of it as the client module needs. */
  fetch = (url, { method = "GET", headers = {}, signal, body } = {}) =>
    new Promise((done, fail) => {
      const ask = request(url, { method, headers, signal, ca: this.ca }, (answer) => {
        const parts = [];
        answer.on("data", (part) => parts.push(part)).on("error", fail);
        answer.on("end", () => {
          const { statusCode: status, headers } = answer;
          done(new Response(status === 204 ? null : Buffer.concat(parts), { status, headers }));
        });
      });
      ask.on("error", fail).end(body);
    });

  /** Calls a method of the server API, with the key of development mode. Gives its result. */
  async api(method, params) {
    const key = readFileSync(join(this.#folder, "state", "api.key"), "utf8").trim();
    const headers = { "Content-Type": "application/json", "X-API-Key": key };
    const answer = await fetch(`${this.admin}/api/${method}`, { method: "POST", headers, body: JSON.stringify(params) });
    const { result, error } = await answer.json();
    if (!result) throw new Error(`${method}: ${answer.status} ${JSON.stringify(error)}`);
    return result;
  }

  /** Asks it to end, and waits until it has. Gives the exit code. */
  async stop(signal = "SIGTERM") {
    const child = this.#child;
    if (!running.has(child)) return child?.exitCode;
    const ended = new Promise((done) => child.once("exit", done));
    child.kill(signal);
    try {
      return await within(ended, `gatepost ends after ${signal}`);
    } finally {
      child.kill("SIGKILL");
    }
  }

  /** Stops it for good and removes its folder. */
  async close() {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const CONFIG = `
[listen]
public = "127.0.0.1:0"
admin = "127.0.0.1:0"

[tls]
mode = "off"

[drain]
window = "0s"

[log]
format = "json"
`;

const OWN_ISSUER = `
[[issuer]]
name = "test"
issuer = "urn:gatepost:test"
audience = ["gatepost"]
algorithms = ["HS256"]
secret_env = "GATEPOST_TEST_SECRET"
`;

/** The log is JSON; a panic or a fault of the configuration is text. */
function parse(line) {
  try {
    const entry = JSON.parse(line);
    return { ...entry, ...entry.fields };
  } catch {
    return { text: line };
  }
}

const textOf = (entry) => entry.text ?? JSON.stringify(entry);

/** A port that is free, as the one for the admin listener a thousand above is; below those of outgoing connections. */
async function freePort() {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 9_000);
    if ((await isFree(port)) && (await isFree(port + 1000))) return port;
  }
}

const isFree = (port) =>
  new Promise((done) => {
    const server = createServer();
    server.once("error", () => done(false));
    server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
  });
