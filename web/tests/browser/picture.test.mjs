/**
 * A lively conversation, as one finds it on a good morning. With UPDATE_SCREENSHOTS=1 its picture is written to
 * screenshots/chat.png; without, the test only looks whether everything is in its place.
 */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Centrifuge } from "centrifuge";
import { headerSocket } from "../sdk/stage.mjs";
import { PATIENCE, TEST_TIMEOUT, within } from "../support/deadline.mjs";
import { House } from "./house.mjs";

const PICTURE = fileURLToPath(new URL("../screenshots/chat.png", import.meta.url));
const NOW = Date.UTC(2026, 5, 12, 9, 42); // for the page, so that the picture is the same each time
const minutesAgo = (minutes) => NOW - minutes * 60_000;

let house;
before(async () => (house = await House.open()));
after(() => house?.close());
beforeEach(() => house.begin());
afterEach(() => house.clear());

const GENERAL = [
  [48, "frank", "First one here! Coffee is on."],
  [34, "bob", "Morning all. The new release has been on staging since eight o’clock."],
  [33, "bob", "If nothing breaks, it goes out at eleven."],
  [31, "carol", "Nice. I’ll go through the checklist with the blue team."],
  [22, "dave", "Who changed the door’s list of origins? My local build got a 403 until I looked twice…"],
  [21, "erin", "That was me, sorry! It is in the notes: https://example.com/notes/origins"],
  [20, "dave", "Found it. Works now, thank you!"],
  [9, "frank", "Dashboards look calm: 12,400 connections, and not one slow consumer in the last hour."],
  [4, "bob", "Then eleven it is. Alice, will you press the button?"],
];

const PEOPLE = {
  bob: { name: "Bob", teams: ["red"] },
  carol: { name: "Carol Ng", teams: ["blue"] },
  dave: { name: "Dave", teams: ["red"] },
  erin: { name: "Erin Okafor", teams: [] },
  frank: { name: "Frank", teams: [] },
  grace: { name: "Grace", teams: ["red"] },
};

const EARLY = ["bob", "carol", "dave", "erin", "frank"]; // before Alice

/** Somebody who is there without a browser. */
async function neighbour(user) {
  const { name, teams } = PEOPLE[user];
  const token = house.gateway.token(user, { claims: { info: { name }, teams } });
  const client = new Centrifuge(house.gateway.url, { websocket: headerSocket(house.gateway, token) });
  client.connect();
  await client.ready(PATIENCE);
  for (const channel of ["chat:general", "chat:random"]) {
    const subscription = client.newSubscription(channel);
    subscription.subscribe();
    await subscription.ready(PATIENCE);
  }
  const say = (channel, minutes, text) => client.publish(channel, { text, time: minutesAgo(minutes) });
  return { client, say };
}

test("a lively conversation, 1280 × 800, light", { timeout: TEST_TIMEOUT }, async () => {
  const cast = {};
  try {
    for (const user of EARLY) cast[user] = await neighbour(user);
    for (const [minutes, user, text] of GENERAL) await cast[user].say("chat:general", minutes, text);

    const alice = await house.visitor({ viewport: { width: 1280, height: 800 }, colorScheme: "light" });
    await alice.page.clock.setFixedTime(NOW - 2 * 60_000);
    await alice.signIn("Alice", ["red"]);
    await alice.say("With pleasure. Meet me in the red room at five to eleven, and bring coffee.");
    await alice.page.clock.setFixedTime(NOW);

    cast.grace = await neighbour("grace");
    await alice.notices("Grace joined");
    await alice.get("person-grace").click();
    await alice.isIn("dm:#alice,grace");
    await alice.open("chat:general");
    await cast.erin.say("chat:random", 3, "There is cake in the kitchen.");
    await cast.frank.say("chat:random", 1, "There was cake in the kitchen.");
    await cast.dave.say("team:red", 1, "Runbook is open, I will watch the logs.");
    await cast.grace.say("dm:#alice,grace", 1, "Fingers crossed for eleven!");
    await cast.carol.say("chat:general", 0, "Checklist is done, all green from the blue team.");

    await alice.hears("Checklist is done, all green from the blue team.", "carol");
    await alice.hasUnread("chat:random", 2);
    await alice.hasUnread("team:red", 1);
    await alice.hasUnread("dm:#alice,grace", 1);
    assert.equal(await alice.get("people-count").innerText(), "7");
    assert.equal(await alice.get("message").count(), GENERAL.length + 2);
    await assertInPlace(alice);
    if (process.env.UPDATE_SCREENSHOTS === "1") {
      mkdirSync(fileURLToPath(new URL("../screenshots/", import.meta.url)), { recursive: true });
      await alice.page.evaluate(() => document.fonts.ready);
      await alice.page.screenshot({ path: PICTURE, animations: "disabled", caret: "hide" });
    }
  } finally {
    for (const { client } of Object.values(cast)) {
      const gone = new Promise((done) => client.once("disconnected", done));
      client.disconnect();
      await within(gone, "the neighbour left");
    }
  }
});

/** No message stands on another, none beside the page, and the newest is in sight. */
async function assertInPlace(guest) {
  const boxes = await guest.get("message").evaluateAll((all) =>
    all.map((element) => {
      const { left, right, top, bottom } = element.getBoundingClientRect();
      return { left, right, top, bottom };
    }),
  );
  for (const [index, box] of boxes.entries()) {
    assert.ok(box.left >= 0 && box.right <= 1280, `message ${index} is on the page`);
    if (index > 0) assert.ok(box.top >= boxes[index - 1].bottom - 0.5, `message ${index} is below the one before`);
  }
  const composer = await guest.get("composer").boundingBox();
  assert.ok(boxes.at(-1).bottom <= composer.y, "the newest is above the composer");
}
