// The peers' protocols, as far as the check needs them. Each dialect makes a token and opens a
// connection; a connection that is refused rejects with what `refusal` matches.
import { createHmac } from "node:crypto";
import { createRequire } from "node:module";

const { WebSocket } = createRequire(new URL("../ws/package.json", import.meta.url))("ws");

/** Signs claims with HS256. */
function sign(secret, claims, header = {}) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256", typ: "JWT", ...header })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

function now() {
  return Math.floor(Date.now() / 1000);
}

/** A token of a user, valid for so many seconds. */
function userToken(secret, user, seconds = 60) {
  return sign(secret, { sub: user, exp: now() + seconds });
}

/** One connection: the messages it got, and who waits for them. */
class Client {
  received = [];
  #waiting = [];

  constructor(socket) {
    this.socket = socket;
    socket.on("message", (data) => {
      for (const line of data.toString().split("\n")) this.handle(line);
    });
    // A connection that fails is seen by whoever waits for something on it.
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", (code, reason) => this.#fail(new Error(`closed: ${code} ${reason}`)));
  }

  opened() {
    this.socket.on("open", () => this.changed());
    return this.until(() => this.socket.readyState === WebSocket.OPEN);
  }

  /** Resolves once `condition` gives something that is neither undefined nor false. */
  async until(condition) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ condition, resolve, reject });
      this.changed();
    });
  }

  changed() {
    this.#waiting = this.#waiting.filter(({ condition, resolve }) => {
      const value = condition();
      if (value === undefined || value === false) return true;
      resolve(value);
      return false;
    });
  }

  /** Resolves once so many publications have come. */
  got(count) {
    return this.until(() => this.received.length >= count);
  }

  send(message) {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  close() {
    return new Promise((resolve) => {
      this.socket.on("close", resolve);
      this.socket.close();
    });
  }

  #fail(error) {
    for (const { reject } of this.#waiting) reject(error);
    this.#waiting = [];
  }
}

class PlainClient extends Client {
  #subscribed = new Set();

  handle(line) {
    if (line[0] === "+") {
      this.#subscribed.add(line.slice(1));
    } else {
      const [channel, ...payload] = line.slice(1).split(" ");
      this.received.push([channel, payload.join(" ")]);
    }
    this.changed();
  }

  async subscribe(channel) {
    this.send(`+${channel}`);
    await this.until(() => this.#subscribed.has(channel));
  }

  publish(channel, payload) {
    this.send(`>${channel} ${payload}`);
  }
}

/** The protocol of the simple peers: token in the upgrade, `+`, `>` and `<`. */
export const plain = {
  token: userToken,
  refusal: /Unexpected server response: 401/,
  async connect({ port, ca, token }) {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const client = new PlainClient(new WebSocket(`wss://127.0.0.1:${port}/ws`, { ca, headers }));
    await client.opened();
    return client;
  },
};

class CentrifugeClient extends Client {
  #replies = new Map();
  #id = 0;

  handle(line) {
    const message = JSON.parse(line);
    if (message.id) this.#replies.set(message.id, message);
    if (message.push?.pub) this.received.push([message.push.channel, JSON.stringify(message.push.pub.data)]);
    this.changed();
  }

  async command(command) {
    const id = ++this.#id;
    this.send({ id, ...command });
    const reply = await this.until(() => this.#replies.get(id));
    if (reply.error) throw new Error(`error ${reply.error.code}: ${reply.error.message}`);
    return reply;
  }

  subscribe(channel) {
    return this.command({ subscribe: { channel } });
  }

  publish(channel, payload) {
    this.send({ id: ++this.#id, publish: { channel, data: JSON.parse(payload) } });
  }
}

/** Centrifuge's protocol in JSON, the token in the connect command. */
export const centrifuge = {
  token: userToken,
  // Invalid token, token expired; no token and none needed is "bad request".
  refusal: /closed: 3500|error 109|closed: 3501|closed: 3503/,
  async connect({ port, ca, token }) {
    const client = new CentrifugeClient(new WebSocket(`wss://127.0.0.1:${port}/connection/websocket`, { ca }));
    await client.opened();
    await client.command({ connect: { token } });
    return client;
  },
};

class SockudoClient extends Client {
  #secret;
  #socketId;
  #subscribed = new Set();

  constructor(socket, secret) {
    super(socket);
    this.#secret = secret;
  }

  handle(line) {
    const { event, channel, data } = JSON.parse(line);
    if (event === "sockudo:connection_established") {
      this.#socketId = JSON.parse(data).socket_id;
    } else if (event === "sockudo_internal:subscription_succeeded") {
      this.#subscribed.add(channel);
    } else if (event === "client-publication") {
      this.received.push([channel.replace(/^private-bench\./, "bench:"), JSON.stringify(data)]);
    }
    this.changed();
  }

  established() {
    return this.until(() => this.#socketId);
  }

  // Clients may publish in private channels alone, and for these the backend signs each socket.
  async subscribe(name) {
    const channel = privateChannel(name);
    const signature = createHmac("sha256", this.#secret).update(`${this.#socketId}:${channel}`);
    const auth = `bench:${signature.digest("hex")}`;
    this.send({ event: "sockudo:subscribe", data: { channel, auth } });
    await this.until(() => this.#subscribed.has(channel));
  }

  publish(name, payload) {
    const channel = privateChannel(name);
    this.send({ event: "client-publication", channel, data: JSON.parse(payload) });
  }
}

/** A colon would ask for a namespace. */
function privateChannel(name) {
  return `private-${name.replace(":", ".")}`;
}

/** Pusher's protocol as Sockudo has it in version 2, which has tokens: see sockudo/README.md. */
export const sockudo = {
  token(secret, user, seconds = 60) {
    const claims = {
      "x-sockudo-client-id": user,
      "x-sockudo-capability": { "private-bench.*": ["subscribe", "publish"] },
      iat: now() + Math.min(seconds, 0) - 60,
      exp: now() + seconds,
      jti: `${user}-${seconds}`,
    };
    return sign(secret, claims, { kid: "bench" });
  },
  // Without a token it lets everybody in, and refuses at the private channel.
  refusal: /closed: 4009|error/,
  async connect({ port, ca, token, secret }) {
    const url = `wss://127.0.0.1:${port}/app/bench?protocol=2&token=${token}`;
    const client = new SockudoClient(new WebSocket(url, { ca }), secret);
    await client.established();
    return client;
  },
};
