/** An app of its own in Chromium: a cookie that is renewed, a door that stays shut, a bare SDK that is told why. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { PATIENCE, TEST_TIMEOUT, until } from "../support/deadline.mjs";
import { Gateway } from "../support/gateway.mjs";
import { EXECUTABLE, FLAGS } from "./house.mjs";
import { serveApp } from "./page.mjs";

let [app, gateway, browser] = [];
before(async () => {
  app = await serveApp();
  gateway = await Gateway.serve(`
[door]
sources = ["cookie"]
cookie = "app_token"
origins = ["${app.origin}"]
explain = "close"
[room.chat]
subscribe = "true"
publish = "true"
`);
  browser = await chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
});
after(async () => {
  await browser?.close();
  await gateway?.close();
  await app?.close();
});

/** A page with the SDK, its cookie set to this token. */
async function open(t, token) {
  const context = await browser.newContext();
  t.after(() => context.close());
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  await page.goto(app.origin);
  await page.waitForFunction(() => globalThis.gatepost);
  if (token) await setCookie(page, token);
  return page;
}

const setCookie = (page, token) =>
  page.evaluate((token) => void (document.cookie = `app_token=${token}; path=/; samesite=lax`), token);

const RECONNECT_DELAY = 50;

/** Connects in the page; what the client tells is kept there. `options` is the text of those of the module, or null. */
const connect = (page, options, url = gateway.url, sdk = {}) =>
  page.evaluate(
    ([url, options, sdk, minReconnectDelay]) => {
      globalThis.heard = [];
      const given = options === null ? {} : globalThis.gatepost(new Function(`return ${options}`)());
      const client = new globalThis.Centrifuge(url, { minReconnectDelay, ...sdk, ...given });
      for (const name of ["connecting", "connected", "disconnected"]) {
        client.on(name, ({ code, reason }) => globalThis.heard.push({ name, code, reason }));
      }
      client.on("error", () => {});
      client.connect();
    },
    [url, options, sdk, RECONNECT_DELAY],
  );

const hears = async (page, name, count = 1, timeout = PATIENCE) => {
  const find = ([name, count]) => globalThis.heard.filter((event) => event.name === name)[count - 1];
  return (await page.waitForFunction(find, [name, count], { timeout })).jsonValue();
};

test("a cookie client goes on with its newer cookie when the older one has run out", { timeout: TEST_TIMEOUT }, async (t) => {
  const page = await open(t);
  await setCookie(page, gateway.token("ann", { life: 15 }));
  await connect(page, "{}");
  await hears(page, "connected");
  await setCookie(page, gateway.token("ann"));
  const lost = await hears(page, "connecting", 2, 25_000 + PATIENCE);
  assert.deepEqual([lost.code, lost.reason], [3005, "connection expired"]);
  await hears(page, "connected", 2);
});

test("a cookie that ran out while the page was away is renewed, and the page goes on", { timeout: TEST_TIMEOUT }, async (t) => {
  const page = await open(t, gateway.token("ann", { life: 60, age: 3600 }));
  const fresh = `document.cookie = "app_token=${gateway.token("ann")}; path=/; samesite=lax"`;
  await connect(page, `{ renewCookie: async () => { ${fresh}; } }`);
  await hears(page, "connected");
});

test("a bare SDK reads in the close frame why it is refused, and stops", { timeout: TEST_TIMEOUT }, async (t) => {
  const page = await open(t, gateway.token("ann", { claims: { aud: "somebody else" } }));
  await connect(page, null);
  const { code, reason } = await hears(page, "disconnected");
  assert.equal(code, 3500);
  assert.match(reason, /^token_audience_wrong: the token's aud does not name this gateway/);
});

const expired = () => gateway.log.filter(({ message, code }) => message === "request refused" && code === "token_expired").length;

test("a bare SDK comes back by itself when its cookie was renewed", { timeout: TEST_TIMEOUT }, async (t) => {
  const page = await open(t, gateway.token("ann", { life: 60, age: 3600 }));
  const [before, began] = [expired(), Date.now()];
  await connect(page, null);
  await until(expired, (count) => count > before, "it was refused");
  await setCookie(page, gateway.token("ann"));
  await hears(page, "connected");
  const most = 1 + (Date.now() - began) / RECONNECT_DELAY;
  assert.ok(expired() - before <= most, "it waited between its attempts");
});

test("never more than 20 attempts a minute at a door that is not there", { timeout: TEST_TIMEOUT }, async (t) => {
  const page = await open(t);
  await page.clock.install();
  await page.clock.pauseAt(Date.now() + 3_600_000);
  let asked = 0;
  page.on("request", (request) => (asked += request.url().includes("/connection/check") ? 1 : 0));
  await page.evaluate(() => {
    Object.assign(globalThis, { knocks: [], underWay: 0 });
    globalThis.Counting = class extends WebSocket {
      constructor(...given) {
        super(...given);
        knocks.push(Date.now());
        underWay++;
        this.addEventListener("close", () => underWay--);
      }
    };
    globalThis.counting = (...given) => (underWay++, fetch(...given).finally(() => underWay--));
  });
  const nobody = "ws://localhost:9/connection/websocket";
  await connect(page, "{ websocket: Counting, fetch: counting }", nobody, { maxReconnectDelay: 100 });
  let knocks = [];
  while (knocks.length < 22) {
    await page.clock.runFor(1000);
    // The network is as fast as it is, and the page's clock stands meanwhile.
    await until(() => page.evaluate(() => globalThis.underWay), (count) => count === 0, "it is refused");
    knocks = await page.evaluate(() => globalThis.knocks);
  }
  // A second of the page's may pass between an attempt's beginning, which is what is counted, and its knock.
  const within = (start) => knocks.filter((time) => time >= start && time < start + 59_000).length;
  for (const start of knocks) assert.ok(within(start) <= 20, `${within(start)} in a minute`);
  assert.ok(asked <= knocks.length, `${asked} questions`);
});
