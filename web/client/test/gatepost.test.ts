import assert from "node:assert/strict";
import { test as one, type TestContext } from "node:test";
import { Centrifuge as Newest } from "centrifuge";
import { Centrifuge as Older } from "centrifuge-5.7";
import { gatepost, type GatepostOptions } from "../src/gatepost.ts";

/** Each test runs with either version of the SDK. */
let Centrifuge: typeof Newest;
function test(name: string, run: (t: TestContext) => Promise<void>): void {
  for (const [version, Sdk] of [["5.8", Newest], ["5.7", Older as unknown as typeof Newest]] as const) {
    one(`${name} (SDK ${version})`, async (t) => {
      Centrifuge = Sdk;
      await run(t);
    });
  }
}

/** A token that only looks like one. `life` in seconds. */
function jwt(name: string, life = 3600): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "ES256" })}.${part({ jti: name, exp: Math.floor(Date.now() / 1000) + life })}.c2ln`;
}

type Verdict = "open" | "refuse" | { close: number; reason: string; mute?: boolean } | { error: number };

/** The door, as a browser sees it: a socket that opens or does not, and what /connection/check says. */
function door(verdicts: Verdict[], answers: Response[] = []) {
  type Asked = { url: string; bearer: string };
  const seen = { protocols: [] as string[][], urls: [] as string[], checks: [] as Asked[], connects: [] as any[], cookies: 0 };
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
      seen.urls.push(url);
      const verdict = verdicts.shift() ?? "open";
      setTimeout(() => {
        if (verdict === "refuse") return this.onclose?.({ code: 1006, reason: "" });
        this.dispatchEvent(new Event("open"));
        this.onopen?.();
        if (typeof verdict === "object" && "close" in verdict) {
          setTimeout(() => this.onclose?.({ code: verdict.close, reason: verdict.reason }), 5);
        }
        this.mute = typeof verdict === "object" && "mute" in verdict;
        if (typeof verdict === "object" && "error" in verdict) this.error = verdict.error;
      }, 0);
    }
    error = 0;
    mute = false;
    send(frame: string) {
      for (const line of frame.split("\n")) {
        const command = JSON.parse(line);
        if (!command.connect) continue;
        seen.connects.push(command.connect);
        const reply = this.error
          ? { id: command.id, error: { code: this.error, message: "token expired" } }
          : { id: command.id, connect: { client: "c", version: "fake" } };
        setTimeout(() => {
          if (this.mute) return;
          this.dispatchEvent(new Event("message"));
          this.onmessage?.({ data: JSON.stringify(reply) });
        });
      }
    }
    close() {}
  }
  const fakeFetch = async (url: string | URL | Request, init?: RequestInit) => {
    assert.equal(init?.method, "POST");
    seen.checks.push({ url: String(url), bearer: new Headers(init?.headers).get("Authorization") ?? "" });
    if (init?.credentials === "include") seen.cookies++;
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

const connected = (c: Newest) => new Promise<void>((done) => c.once("connected", () => done()));
const disconnected = (c: Newest) =>
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

test("a socket that opens only to be closed is a refused one too, and is asked about", async (t) => {
  const closed = { close: 3014, reason: "token_expired: …", mute: true };
  const { seen, parts } = door([closed, "open"], [refusal(401, "token_expired", "The token has expired.")]);
  const tokens = [jwt("old"), jwt("new"), jwt("newer")];
  const c = client(t, { getToken: async () => tokens.shift()!, ...parts });
  c.connect();
  await connected(c);
  assert.equal(seen.checks.length, 2, "the old token, then the new one");
  assert.notEqual(seen.protocols[1]![1], seen.protocols[0]![1]);
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

test("503 is told and waits for Retry-After, then goes on with the same token", async (t) => {
  const { seen, parts } = door(["refuse", "open"], [refusal(503, "draining", "Later.", { "Retry-After": "1" })]);
  let calls = 0;
  const c = client(t, { getToken: async () => jwt(`${calls++}`), ...parts });
  const told: string[] = [];
  c.on("error", ({ error }) => told.push(error.message));
  const start = Date.now();
  c.connect();
  await connected(c);
  assert.ok(Date.now() - start >= 990, "a timer may be a few milliseconds early");
  assert.ok(told.some((reason) => reason.includes("Later. (draining)")), told.join());
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

const TICKETS = "https://gw.example.com/connection/ticket";
const ticket = (ticket: string) => new Response(JSON.stringify({ ticket, expires_in: 30 }));

test("with tickets each attempt has one of its own in the URL, and the token is in none", async (t) => {
  const check = () => new Response(null, { status: 204 });
  const { seen, parts } = door(["refuse", "open"], [ticket("one"), check(), ticket("two")]);
  const token = jwt("a");
  const c = client(t, { getToken: async () => token, ticketUrl: TICKETS, ...parts });
  c.connect();
  await connected(c);
  const base = "wss://gw.example.com/connection/websocket?x=1";
  assert.deepEqual(seen.urls, [`${base}&ticket=one`, `${base}&ticket=two`]);
  assert.deepEqual(seen.protocols, [["centrifuge-json"], ["centrifuge-json"]]);
  const asked = [TICKETS, "https://gw.example.com/connection/check", TICKETS];
  assert.deepEqual(seen.checks, asked.map((url) => ({ url, bearer: `Bearer ${token}` })));
});

test("a refused ticket is treated as a refused upgrade, and nothing knocks without one", async (t) => {
  const no = (status: number, code: string) => refusal(status, code, "No.", { "Retry-After": "0" });
  const answers = [no(401, "token_expired"), no(429, "too_many_tickets"), new Response("oops", { status: 502 }), ticket("good")];
  const { seen, parts } = door(["open", { close: 3001, reason: "shutdown" }], answers);
  let calls = 0;
  const c = client(t, { getToken: async () => jwt(`${calls++}`), ticketUrl: TICKETS, ...parts });
  c.connect();
  await connected(c);
  assert.equal(calls, 2);
  assert.deepEqual(seen.urls.map((url) => url.split("ticket=")[1]), ["good"]);

  const other = door([], [no(403, "user_blocked")]);
  const b = client(t, { getToken: async () => jwt("b"), ticketUrl: TICKETS, ...other.parts });
  b.connect();
  assert.equal((await disconnected(b)).reason, "No. (user_blocked)");
  assert.equal(other.seen.urls.length, 0);
});

test("a cookie is sent by the browser: no token anywhere, and 401 has it renewed", async (t) => {
  const no = () => refusal(401, "token_expired", "Expired.");
  const { seen, parts } = door(["refuse", "open"], [no()]);
  let renewed = 0;
  const c = client(t, { renewCookie: async () => renewed++, ...parts });
  c.connect();
  await connected(c);
  assert.equal(renewed, 1);
  assert.deepEqual(seen.protocols, [["centrifuge-json"], ["centrifuge-json"]]);
  assert.deepEqual(seen.checks.map(({ bearer }) => bearer), ["", ""]);
  assert.equal(seen.cookies, 2);
  assert.equal(seen.connects[0].token, undefined);

  const other = door(["refuse"], [no(), no()]);
  const b = client(t, { ...other.parts });
  b.connect();
  assert.equal((await disconnected(b)).reason, "Expired. (token_expired)");
});

test("however the door behaves, there are at most 20 attempts a minute", async (t) => {
  t.mock.timers.enable({ apis: ["Date", "setTimeout"], now: Date.now() });
  const { seen, parts } = door(Array.from({ length: 100 }, () => "refuse" as const));
  const c = client(t, { getToken: async () => jwt("x"), ...parts });
  c.connect();
  const minute = async () => {
    for (let tenths = 0; tenths < 600; tenths++) {
      for (let turns = 0; turns < 3; turns++) await new Promise(setImmediate);
      t.mock.timers.tick(100);
    }
    return seen.protocols.length;
  };
  assert.equal(await minute(), 20);
  assert.equal(await minute(), 40);
});
