/** The identity of a page that is open: what happens when its token runs out, and when it is taken away. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { TEST_TIMEOUT, until } from "../support/deadline.mjs";
import { expiryOf } from "../support/tokens.mjs";
import { House } from "./house.mjs";

let house;
before(async () => (house = await House.open()));
after(() => house?.close());
beforeEach(() => house.begin());
afterEach(() => house.clear());

const timed = (name, run) => test(name, { timeout: TEST_TIMEOUT }, run);
const noNetwork = (fault) => /ERR_INTERNET_DISCONNECTED|ERR_FAILED|WebSocket connection .* failed/.test(fault);
const refused = (fault) => /the server responded with a status of 40[13]|WebSocket connection .* failed/.test(fault);

/** Every login of this page gets a token of so many seconds. Gives the ends of those that it got, in seconds. */
async function tokensOf(visitor, lives) {
  const ends = [];
  await visitor.page.route("**/dev/login", async (route) => {
    const wishes = { ...route.request().postDataJSON(), life: lives[Math.min(ends.length, lives.length - 1)] };
    const response = await route.fetch({ postData: JSON.stringify(wishes) });
    ends.push(expiryOf((await response.json()).token));
    await route.fulfill({ response });
  });
  return ends;
}

const tokenNumber = (visitor) => visitor.get("token").getAttribute("data-number").then(Number);
const offline = (visitor) => visitor.page.locator('[data-testid="connection-state"][data-state="offline"]');
const refusals = (code) => house.gateway.log.filter((entry) => entry.message === "request refused" && entry.code === code);

timed("a token runs out while the page has no network: it comes back, and heals without a reload", async () => {
  const alice = await house.visitor();
  alice.expected = noNetwork;
  const ends = await tokensOf(alice, [15, 600]);
  await alice.signIn("Alice");
  await alice.page.evaluate(() => (globalThis.sameDocument = true));
  assert.equal(await tokenNumber(alice), 1);
  await alice.context.setOffline(true);
  await alice.sees(offline(alice));
  await until(() => Date.now() / 1000, (now) => now > ends[0], "the token has run out");

  await alice.context.setOffline(false);
  await alice.isConnected();
  await alice.say("Back with another token");
  assert.equal(await tokenNumber(alice), 2);
  assert.equal(await alice.page.evaluate(() => globalThis.sameDocument), true, "the page was not loaded again");
  assert.deepEqual(refusals("token_expired"), [], "it never knocked with a dead token");
});

timed("a clock that is wrong: the door says that the token is dead, and the page gets another", async () => {
  const alice = await house.visitor();
  alice.expected = refused;
  await alice.page.addInitScript(() => {
    const now = Date.now;
    Date.now = () => now() - 3_600_000; // an hour behind, so that no token looks old to the page
  });
  await alice.page.reload();
  let late = true;
  await alice.page.route("**/dev/login", async (route) => {
    if (!late) return route.continue();
    late = false;
    const answer = await route.fetch({ postData: JSON.stringify({ ...route.request().postDataJSON(), life: 1 }) });
    const end = Date.now() + 2000;
    await until(() => Date.now(), (now) => now > end, "the token has run out");
    await route.fulfill({ response: answer });
  });
  await alice.signIn("Alice");
  assert.equal(await tokenNumber(alice), 2);
  assert.equal(refusals("token_expired").length, 2, "one knock, one question");
});

/** What the page says of its connection, once it has given up: all of it, for everybody to read. */
async function end(visitor) {
  await visitor.sees(visitor.get("connection-retry"));
  return readable(visitor);
}

async function readable(visitor) {
  const state = visitor.get("connection-state");
  const cut = await state.evaluate((chip) =>
    [chip, ...chip.children].some((part) => part.scrollWidth > part.clientWidth && getComputedStyle(part).overflow !== "visible"),
  );
  assert.ok(!cut, `cut off: ${await state.innerText()}`);
  return state.innerText();
}

timed("a token that is taken back: the page that has it is told, and nobody else's is", async () => {
  const [mallory, alice] = [await house.guest("Mallory"), await house.guest("Alice")];
  await house.gateway.api("invalidate_user_tokens", { user: "mallory" });
  assert.match(await end(mallory), /taken back/);
  await alice.say("Still here");
  assert.equal(await alice.get("connection-state").getAttribute("data-state"), "connected");
});

timed("a user who is blocked reads why, at once and from the door, until it is taken back", async () => {
  const mallory = await house.guest("Mallory");
  mallory.expected = refused;
  await house.gateway.api("block_user", { user: "mallory" });
  assert.match(await end(mallory), /blocked/i);
  await mallory.get("connection-retry").click();
  await until(() => readable(mallory), (text) => /no token helps/.test(text), "the door's own words");
  assert.ok(refusals("user_blocked").length <= 2, "one knock, one question");

  await house.gateway.api("unblock_user", { user: "mallory" });
  await mallory.get("connection-retry").click();
  await mallory.isConnected();
  await mallory.say("Let in again");
});

timed("a token that runs out on an open page is replaced, and the connection stays", async () => {
  const alice = await house.visitor();
  let sockets = 0;
  alice.page.on("websocket", () => sockets++);
  await alice.get("signin-short").check();
  await alice.signIn("Alice");
  await until(() => tokenNumber(alice), (number) => number >= 2, "another token");
  await alice.say("Still the same connection");
  assert.equal(sockets, 1);
});
