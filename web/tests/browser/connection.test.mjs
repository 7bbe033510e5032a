/** The connection itself: how the page comes through the door, and what it does when the gateway goes away. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { TEST_TIMEOUT, until } from "../support/deadline.mjs";
import { House } from "./house.mjs";

let house;
before(async () => (house = await House.open()));
after(() => house?.close());
beforeEach(() => house.begin());
afterEach(() => house.clear());

const timed = (name, run) => test(name, { timeout: TEST_TIMEOUT }, run);

timed("the upgrade: one of the offered subprotocols is answered, and the token never is", async () => {
  const alice = await house.visitor();
  const wire = await alice.context.newCDPSession(alice.page);
  await wire.send("Network.enable");
  const [asked, answered] = [[], []];
  wire.on("Network.webSocketWillSendHandshakeRequest", ({ request }) => asked.push(request));
  wire.on("Network.webSocketHandshakeResponseReceived", ({ response }) => answered.push(response));
  await alice.signIn("Alice");
  await until(() => answered.length + asked.length, (count) => count >= 2, "the upgrade was seen");
  assert.deepEqual([asked.length, answered.length], [1, 1], "one connection");

  const lower = (headers) => Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const offered = lower(asked[0].headers)["sec-websocket-protocol"].split(/, */);
  assert.equal(offered[0], "centrifuge-json");
  const token = offered.find((name) => name.startsWith("bearer.")).slice("bearer.".length);
  assert.equal(token.split(".").length, 3);

  const { status, headers, headersText } = answered[0];
  assert.equal(status, 101);
  // A browser as strict as Safari fails a connection whose answer names none of what it offered, or more than one.
  assert.equal(lower(headers)["sec-websocket-protocol"], "centrifuge-json");
  assert.equal(lower(headers)["sec-websocket-extensions"], undefined);
  assert.ok(!JSON.stringify([headers, headersText]).includes(token));
  await alice.say("Through the gate");
  assert.ok(!alice.received.join("\n").includes(token));
  const stored = await alice.page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href]));
  assert.ok(!stored.includes(token), "nor is it kept");
});

timed("the page allows nothing from elsewhere, and the tests would notice if it tried", async () => {
  const alice = await house.guest("Alice");
  const answer = await house.gateway.fetch(house.gateway.origin);
  const policy = answer.headers.get("content-security-policy");
  assert.match(policy, /default-src 'self'/);
  assert.doesNotMatch(policy, /unsafe|\*/);
  alice.expected = (fault) => /Content Security Policy/.test(fault);
  const stopped = await alice.page.evaluate(async () => {
    const seen = new Promise((done) => document.addEventListener("securitypolicyviolation", done, { once: true }));
    document.body.append(Object.assign(document.createElement("script"), { textContent: "globalThis.owned = true" }));
    await seen;
    return { owned: globalThis.owned === true, violations: globalThis.violations.splice(0) };
  });
  assert.deepEqual(stopped, { owned: false, violations: ["script-src-elem: inline"] });
});

timed("a restart of the gateway: the page says so, and goes on where it was, without a reload", async () => {
  const [alice, bob] = [await house.guest("Alice", { teams: ["red"] }), await house.guest("Bob", { teams: ["red"] })];
  const gone = (fault) => /WebSocket connection .* failed|ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET/.test(fault);
  for (const guest of [alice, bob]) {
    guest.expected = gone;
    await guest.page.evaluate(() => (globalThis.sameDocument = true));
    await guest.open("team:red");
  }
  await alice.keepStates();
  await alice.say("Before the restart");
  await bob.hears("Before the restart");

  assert.equal(await house.gateway.stop("SIGTERM"), 0);
  await alice.sees(alice.page.locator('[data-testid="connection-state"][data-state="offline"]'));
  assert.deepEqual((await alice.statesKept()).slice(0, 2), ["connecting", "offline"]);
  assert.match(await alice.get("connection-state").innerText(), /\w{4,}/, "in words");
  assert.ok(await alice.message("Before the restart").isVisible(), "what was said stays on the page");
  assert.equal(await alice.get("connection-retry").isVisible(), false, "it goes on trying by itself");

  await alice.get("composer").fill("Written while it was away");
  await alice.get("composer").press("Enter");
  await until(() => alice.get("composer-error").innerText(), (text) => text !== "", "why it was not sent");
  assert.equal(await alice.get("composer").inputValue(), "Written while it was away", "and it is not lost");

  await house.gateway.start();
  for (const guest of [alice, bob]) {
    await guest.isConnected();
    await guest.sees(guest.get("message-list"));
  }
  await alice.get("composer").press("Enter");
  await bob.hears("Written while it was away", "alice");
  await bob.say("Heard you");
  await alice.hears("Heard you", "bob");
  for (const guest of [alice, bob]) {
    await guest.sees(guest.get("person-alice"));
    await guest.sees(guest.get("person-bob"));
    assert.equal(await guest.page.evaluate(() => globalThis.sameDocument), true, "the page was not loaded again");
  }
});

timed("no network: the page says so, and comes back with it", async () => {
  const alice = await house.guest("Alice");
  alice.expected = (fault) => /ERR_INTERNET_DISCONNECTED|WebSocket connection .* failed/.test(fault);
  await alice.context.setOffline(true);
  await alice.sees(alice.page.locator('[data-testid="connection-state"]:not([data-state="connected"])'));
  await alice.context.setOffline(false);
  await alice.isConnected();
  await alice.say("Back on line");
});
