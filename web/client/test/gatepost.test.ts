import assert from "node:assert/strict";
import { test } from "node:test";
import { Centrifuge } from "centrifuge";
import { gatepost, type GatepostOptions } from "../src/gatepost.ts";

/** A token that only looks like one. `life` in seconds. */
function jwt(name: string, life = 3600): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "ES256" })}.${part({ jti: name, exp: Math.floor(Date.now() / 1000) + life })}.c2ln`;
}

type Verdict = "open" | "refuse" | { close: number; reason: string } | { error: number };

/** The door, as a browser sees it: a socket that opens or does not, and what /connection/check says. */
function door(verdicts: Verdict[], answers: Response[] = []) {
  const seen = { protocols: [] as string[][], checks: [] as { url: string; bearer: string }[], connects: [] as any[] };
  class FakeSocket extends EventTarget {
    onopen: (() => void) | null = null;
    onmessage: ((event: { data: string }) => void) | null = null;
    onclose: ((event: { code: number; reason: string }) => void) | null = null;
    onerror: (() => void) | null = null;
    constructor(
      readonly url: string,
      protocols: string[],
    ) {
      super();
      seen.protocols.push(protocols);
      const verdict = verdicts.shift() ?? "open";
      setTimeout(() => {
        if (verdict === "refuse") return this.onclose?.({ code: 1006, reason: "" });
        this.dispatchEvent(new Event("open"));
        this.onopen?.();
        if (typeof verdict === "object" && "close" in verdict) {
          setTimeout(() => this.onclose?.({ code: verdict.close, reason: verdict.reason }), 5);
        }
        if (typeof verdict === "object" && "error" in verdict) this.error = verdict.error;
      });
    }
    error = 0;
    send(frame: string) {
      for (const line of frame.split("\n")) {
        const command = JSON.parse(line);
        if (!command.connect) continue;
        seen.connects.push(command.connect);
        const reply = this.error
          ? { id: command.id, error: { code: this.error, message: "token expired" } }
          : { id: command.id, connect: { client: "c", version: "fake" } };
        setTimeout(() => this.onmessage?.({ data: JSON.stringify(reply) }));
      }
    }
    close() {}
  }
  const fakeFetch = async (url: string | URL | Request, init?: RequestInit) => {
    assert.equal(init?.method, "POST");
    seen.checks.push({ url: String(url), bearer: new Headers(init?.headers).get("Authorization") ?? "" });
    return answers.shift() ?? new Response(null, { status: 204 });
  };
  const parts = { websocket: FakeSocket, fetch: fakeFetch } as unknown as Pick<GatepostOptions, "websocket" | "fetch">;
  return { seen, parts };
}

const refusal = (status: number, code: string, message: string, headers = {}) =>
  new Response(JSON.stringify({ error: { code, message } }), { status, headers });

function client(t: { after(f: () => void): void }, options: GatepostOptions) {
  const url = "wss://gw.example.com/connection/websocket?x=1";
  const it = new Centrifuge(url, { minReconnectDelay: 1, maxReconnectDelay: 5, ...gatepost(options) });
  t.after(() => it.disconnect());
  it.on("error", () => {});
  return it;
}

const connected = (c: Centrifuge) => new Promise<void>((done) => c.once("connected", () => done()));
const disconnected = (c: Centrifuge) =>
  new Promise<{ code: number; reason: string }>((done) => c.once("disconnected", done));

test("the token goes into the subprotocols and into the connect command, and is fetched once", async (t) => {
  const { seen, parts } = door(["open"]);
  const token = jwt("a");
  let calls = 0;
  const c = client(t, { getToken: async () => (calls++, token), ...parts });
  c.connect();
  await connected(c);
  assert.deepEqual(seen.protocols, [["centrifuge-json", `bearer.${token}`]]);
  assert.equal(seen.connects[0].token, token);
  assert.equal(calls, 1);
  assert.equal(seen.checks.length, 0, "nothing to ask before the first attempt");
});

test("a refused upgrade is explained by /connection/check beside the websocket, without its query", async (t) => {
  const { seen, parts } = door(["refuse", "open"]);
  const token = jwt("a");
  const c = client(t, { getToken: async () => token, ...parts });
  c.connect();
  await connected(c);
  assert.deepEqual(seen.checks, [{ url: "https://gw.example.com/connection/check", bearer: `Bearer ${token}` }]);
});

test("401 fetches a new token, and the next attempt presents it", async (t) => {
  const { seen, parts } = door(["refuse", "open"], [refusal(401, "token_expired", "The token has expired.")]);
  const tokens = [jwt("old"), jwt("new")];
  const [, fresh] = tokens;
  const c = client(t, { getToken: async () => tokens.shift()!, ...parts });
  c.connect();
  await connected(c);
  assert.equal(seen.protocols[1]![1], `bearer.${fresh}`);
});

test("a second 401, for a token just fetched, stops the client with the reason", async (t) => {
  const no = () => refusal(401, "audience", "The token is for somebody else.");
  const { seen, parts } = door(["refuse"], [no(), no()]);
  let calls = 0;
  const c = client(t, { getToken: async () => jwt(`${calls++}`), ...parts });
  c.connect();
  const end = await disconnected(c);
  assert.equal(end.code, 3500);
  assert.equal(end.reason, "The token is for somebody else. (audience)");
  assert.equal(seen.checks.length, 2);
  assert.equal(seen.protocols.length, 1, "it knocked once only");
});

test("a stopped client can be started again", async (t) => {
  const no = () => refusal(401, "token_revoked", "The token was revoked.");
  const { parts } = door(["refuse", "open"], [no(), no()]);
  const c = client(t, { getToken: async () => jwt("x"), ...parts });
  c.connect();
  await disconnected(c);
  c.connect();
  await connected(c);
});

test("403 stops with the reason at once", async (t) => {
  const { seen, parts } = door(["refuse"], [refusal(403, "origin_not_allowed", "This origin is not allowed.")]);
  const c = client(t, { getToken: async () => jwt("x"), ...parts });
  c.connect();
  assert.equal((await disconnected(c)).reason, "This origin is not allowed. (origin_not_allowed)");
  assert.equal(seen.protocols.length, 1);
});

test("an answer that is not Gatepost's does not stop it", async (t) => {
  const { seen, parts } = door(["refuse", "refuse", "open"], [
    new Response("<h1>Forbidden</h1>", { status: 403 }),
    new Response("not found", { status: 404 }),
  ]);
  const c = client(t, { getToken: async () => jwt("x"), ...parts });
  c.connect();
  await connected(c);
  assert.equal(seen.protocols.length, 3);
});

test("503 waits for Retry-After, then goes on with the same token", async (t) => {
  const { seen, parts } = door(["refuse", "open"], [refusal(503, "draining", "Later.", { "Retry-After": "1" })]);
  let calls = 0;
  const c = client(t, { getToken: async () => jwt(`${calls++}`), ...parts });
  const start = Date.now();
  c.connect();
  await connected(c);
  assert.ok(Date.now() - start >= 1000);
  assert.equal(calls, 1);
  assert.equal(seen.protocols.length, 2);
});

test("when the check cannot be reached it goes on", async (t) => {
  const { parts } = door(["refuse", "open"]);
  const broken = (async () => { throw new TypeError("offline"); }) as typeof fetch;
  const c = client(t, { getToken: async () => jwt("x"), ...parts, fetch: broken });
  c.connect();
  await connected(c);
});

test("after a close with 3005 a token that expired is replaced before it is presented", async (t) => {
  const { seen, parts } = door([{ close: 3005, reason: "connection expired" }, { error: 109 }, "open"]);
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() });
  const tokens = [jwt("short", 60), jwt("long", 3600)];
  const [stale, fresh] = tokens;
  const c = client(t, { getToken: async () => tokens.shift()!, ...parts });
  c.connect();
  await connected(c);
  t.mock.timers.tick(61_000);
  await connected(c);
  assert.equal(seen.protocols[1]![1], `bearer.${fresh}`);
  assert.equal(seen.connects[1].token, stale, "the SDK still has the old one, gets 109 …");
  assert.equal(seen.connects[2].token, fresh, "… and then the one that the module already has");
  assert.equal(tokens.length, 0);
  assert.equal(seen.checks.length, 0, "the last attempt had opened");
});

test("after 109 the SDK gets another token than the one that was refused", async (t) => {
  const { seen, parts } = door([{ error: 109 }, "open"]);
  const tokens = [jwt("one"), jwt("two")];
  const [, fresh] = tokens;
  const c = client(t, { getToken: async () => tokens.shift()!, ...parts });
  c.connect();
  await connected(c);
  assert.equal(seen.connects[1].token, fresh);
  assert.equal(seen.protocols[1]![1], `bearer.${fresh}`);
});

test("no token stops the client", async (t) => {
  const { seen, parts } = door([]);
  const c = client(t, { getToken: async () => null, ...parts });
  c.connect();
  assert.equal((await disconnected(c)).reason, "unauthorized");
  assert.equal(seen.protocols.length, 0);
});

test("the app's data and getData are passed on", async (t) => {
  const one = door(["open"]);
  const a = client(t, { getToken: async () => jwt("x"), data: { room: 1 }, ...one.parts });
  a.connect();
  await connected(a);
  assert.deepEqual(one.seen.connects[0].data, { room: 1 });

  const two = door(["open"]);
  const b = client(t, { getToken: async () => jwt("x"), getData: async () => ({ room: 2 }), ...two.parts });
  b.connect();
  await connected(b);
  assert.deepEqual(two.seen.connects[0].data, { room: 2 });
});
