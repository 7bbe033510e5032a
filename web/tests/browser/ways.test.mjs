/** Other ways to use the chat: by keyboard alone, on a phone, in the dark. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { TEST_TIMEOUT } from "../support/deadline.mjs";
import { House } from "./house.mjs";

let house;
before(async () => (house = await House.open()));
after(() => house?.close());
beforeEach(() => house.begin());
afterEach(() => house.clear());

const timed = (name, run) => test(name, { timeout: TEST_TIMEOUT }, run);

/** Presses a key until the focus is where it should be, as somebody without a mouse does. */
async function press(page, key, id, most = 30) {
  const focused = () => page.evaluate(() => document.activeElement?.closest("[data-testid]")?.dataset.testid);
  for (let count = 0; count < most; count++) {
    if ((await focused()) === id) return assertFocusShows(page, id);
    await page.keyboard.press(key);
  }
  assert.fail(`${key} does not lead to ${id}; the focus is on ${await focused()}`);
}

/** What has the focus looks different from when it has not. */
async function assertFocusShows(page, id) {
  const [focused, rest] = await page.evaluate(() => {
    const element = document.activeElement;
    const chain = [element, element.parentElement, element.nextElementSibling].filter(Boolean);
    const look = () =>
      chain.map((it) => {
        const { outline, boxShadow, borderColor, backgroundColor } = getComputedStyle(it);
        return [outline, boxShadow, borderColor, backgroundColor].join();
      });
    for (const it of chain) it.style.transition = "none";
    const focused = look();
    element.blur();
    const rest = look();
    element.focus({ focusVisible: true });
    for (const it of chain) it.style.transition = "";
    return [focused, rest];
  });
  assert.notDeepEqual(focused, rest, `one cannot see that ${id} has the focus`);
}

timed("by keyboard alone: sign in, write, change rooms, talk in private, sign out", async () => {
  const bob = await house.guest("Bob", { teams: ["red"] });
  const alice = await house.visitor();
  const { page } = alice;
  alice.name = "Alice";
  await page.keyboard.type("Alice");
  await press(page, "Tab", "team-red");
  await page.keyboard.press("Space");
  await press(page, "Tab", "signin-submit");
  await page.keyboard.press("Enter");
  await alice.isConnected();
  await alice.isIn("chat:general");

  await press(page, "Tab", "composer", 1);
  await page.keyboard.type("Typed,");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("on two lines");
  await page.keyboard.press("Enter");
  await bob.sees(bob.get("message").filter({ hasText: /Typed,\s+on two lines/ }));

  await press(page, "Shift+Tab", "room-chat:general");
  await page.keyboard.press("End");
  await press(page, "ArrowUp", "room-team:red");
  await page.keyboard.press("Enter");
  await alice.isIn("team:red");
  await bob.open("team:red");
  await press(page, "Tab", "composer");
  await page.keyboard.type("For the team");
  await page.keyboard.press("Enter");
  await bob.hears("For the team", "alice");

  await alice.sees(alice.get("person-bob"));
  await press(page, "Tab", "person-bob");
  await page.keyboard.press("Enter");
  await alice.isIn("dm:#alice,bob");
  await press(page, "Tab", "composer");
  await page.keyboard.type("For you");
  await press(page, "Tab", "send");
  await page.keyboard.press("Space");
  await bob.hasUnread("dm:#alice,bob", 1);

  await press(page, "Shift+Tab", "signout");
  await page.keyboard.press("Enter");
  await alice.sees(alice.get("signin"));
});

timed("on a phone: two drawers, nothing beyond the edge, everything within reach of a thumb", async () => {
  const bob = await house.guest("Bob");
  const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 3 };
  const alice = await house.visitor(phone);
  const { page } = alice;
  const fits = async (where) => {
    const [wide, high] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]);
    assert.ok(wide <= 390 && high <= 844, `${where}: ${wide} × ${high}`);
  };
  await fits("sign in");
  await alice.signIn("Alice");
  await fits("the room");
  for (const id of ["composer", "send", "open-rooms", "open-people"]) {
    const { x, y, width, height } = await alice.get(id).boundingBox();
    assert.ok(x >= 0 && y >= 0 && x + width <= 390 && y + height <= 844, `${id} is on the screen`);
    assert.ok(width >= 36 && height >= 36, `${id} is ${width} × ${height}`);
  }
  assert.equal(await alice.get("room-chat:random").isVisible() && (await isOnScreen(alice, "room-chat:random")), false);

  await alice.get("composer").fill("A long word, so long that it must be broken: " + "gatepost".repeat(20));
  await alice.get("send").tap();
  await bob.sees(bob.get("message").filter({ hasText: "A long word" }));
  await fits("a long word");

  await alice.get("open-rooms").tap();
  await alice.get("room-chat:random").tap();
  await alice.isIn("chat:random");
  await bob.open("chat:random");
  await bob.say("Hello, phone");
  await alice.hears("Hello, phone", "bob");
  await fits("another room");

  await alice.get("open-people").tap();
  await alice.get("person-bob").tap();
  await alice.isIn("dm:#alice,bob");
  await alice.get("composer").fill("From my phone");
  await alice.get("send").tap();
  await bob.hasUnread("dm:#alice,bob", 1);
  await fits("a private conversation");
});

const isOnScreen = async (guest, id) => {
  const box = await guest.get(id).boundingBox();
  return box !== null && box.x + box.width > 0 && box.x < guest.page.viewportSize().width;
};

timed("dark when the system is, light when one wants it light, also after a reload", async () => {
  const alice = await house.guest("Alice", { colorScheme: "dark" });
  await alice.say("It is dark in here");
  const light = () => alice.message("It is dark in here").evaluate(contrast);
  const [text, ground] = await light();
  assert.ok(ground < 0.05 && text > 0.5, `text ${text} on ${ground}`);
  assert.ok((text + 0.05) / (ground + 0.05) > 7, "it can be read");

  await alice.get("theme-toggle").click();
  const check = async () => {
    const [text, ground] = await light();
    assert.ok(ground > 0.7 && text < 0.1, `text ${text} on ${ground}`);
  };
  await check();
  await alice.page.reload();
  await alice.isConnected();
  await alice.hears("It is dark in here");
  await check();
  await alice.page.emulateMedia({ colorScheme: "light" });
  await check();
});

/** In the page: the luminance of an element's text, and of what it stands on. */
function contrast(element) {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const luminance = (color) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
    const linear = [r, g, b].map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return { light: 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2], opaque: a > 250 };
  };
  const text = element.querySelector("[data-testid=message-text]");
  for (let ground = text; ground; ground = ground.parentElement) {
    const { light, opaque } = luminance(getComputedStyle(ground).backgroundColor);
    if (opaque) return [luminance(getComputedStyle(text).color).light, light];
  }
  return [luminance(getComputedStyle(text).color).light, NaN];
}
