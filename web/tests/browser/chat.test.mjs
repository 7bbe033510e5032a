/** Three people in the demo chat: Alice and Bob of the red team, and Mallory, who is in none. */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { Centrifuge } from "centrifuge";
import { WebSocket } from "ws";
import { TEST_TIMEOUT, until } from "../support/deadline.mjs";
import { House } from "./house.mjs";

let house;
before(async () => (house = await House.open()));
after(() => house?.close());
beforeEach(() => house.begin());
afterEach(() => house.clear());

const threeGuests = () =>
  Promise.all([house.guest("Alice", { teams: ["red"] }), house.guest("Bob", { teams: ["red"] }), house.guest("Mallory")]);
const timed = (name, run) => test(name, { timeout: TEST_TIMEOUT }, run);

timed("a room for everybody: each sees what the others say, who says it, and when", async () => {
  const [alice, bob, mallory] = await threeGuests();
  for (const guest of [alice, bob, mallory]) await guest.isIn("chat:general");
  const before = Date.now();
  await alice.say("Hello, is anybody here?");
  await bob.hears("Hello, is anybody here?", "alice");
  await bob.say("I am. Grüße, 世界 👋🏽");
  await mallory.hears("I am. Grüße, 世界 👋🏽", "bob");
  await mallory.say("Me too.");
  for (const guest of [alice, bob, mallory]) {
    await guest.hears("Hello, is anybody here?", "alice");
    await guest.hears("Me too.", "mallory");
    assert.equal(await guest.get("message").count(), 3);
  }
  const line = bob.message("Hello, is anybody here?", "alice");
  assert.ok((await line.innerText()).includes("Alice"), "the sender's name");
  const when = Date.parse(await line.locator("time").getAttribute("datetime"));
  assert.ok(when >= before && when <= Date.now(), "the time");
  assert.match(await line.locator("time").innerText(), /^\d\d:\d\d$/);
});

timed("who is here, who comes and who goes", async () => {
  const [alice, bob, mallory] = await threeGuests();
  for (const guest of [alice, bob, mallory]) {
    for (const user of ["alice", "bob", "mallory"]) await guest.sees(guest.get(`person-${user}`));
    assert.equal(await guest.get("people-count").innerText(), "3");
  }
  const carol = await house.guest("Carol");
  await alice.notices(/Carol\b.* joined/);
  await alice.sees(alice.get("person-carol"));
  await carol.get("signout").click();
  await carol.sees(carol.get("signin"));
  await alice.notices(/Carol\b.* left/);
  await alice.seesNot(alice.get("person-carol"));
  assert.equal(await alice.get("people-count").innerText(), "3");
});

timed("the red team talks, and Mallory is refused and receives none of it", async () => {
  const [alice, bob, mallory] = await threeGuests();
  await alice.open("team:red");
  await bob.open("team:red");
  await mallory.open("team:red");
  await alice.say("The plan of the red team");
  await bob.hears("The plan of the red team", "alice");
  await bob.say("Agreed, red at dawn");
  await alice.hears("Agreed, red at dawn", "bob");

  await mallory.sees(mallory.get("refusal"));
  assert.match(await mallory.get("refusal").innerText(), /red team/);
  assert.equal(await mallory.get("message-list").getAttribute("data-state"), "refused");
  assert.equal(await mallory.get("composer").isVisible(), false);
  assert.equal(await mallory.get("people").getByRole("button").count(), 0);

  // What is said in the open afterwards reaches Mallory; so whatever was to come before has come.
  await alice.open("chat:general");
  await alice.say("Back in the open");
  await mallory.open("chat:general");
  await mallory.hears("Back in the open", "alice");
  for (const secret of ["The plan of the red team", "Agreed, red at dawn"]) {
    await mallory.knowsNothingOf(secret);
    assert.ok(bob.received.join("\n").includes(secret), "as Bob's page did");
  }
  assert.ok(mallory.received.some((frame) => frame.includes('"code":103')), "the gateway refused it, not the page");
});

timed("a private conversation reaches the one it is for, and nobody else", async () => {
  const [alice, bob, mallory] = await threeGuests();
  const conversation = "dm:#alice,bob";
  await alice.get("person-bob").click();
  await alice.isIn(conversation);
  await alice.say("Between you, me and the gatepost");

  await bob.hasUnread(conversation, 1);
  assert.match(await bob.page.title(), /^\(1\)/);
  await bob.open(conversation);
  await bob.hears("Between you, me and the gatepost", "alice");
  await bob.hasUnread(conversation, 0);
  await bob.say("My lips are sealed");
  await alice.hears("My lips are sealed", "bob");

  await alice.open("chat:general");
  await bob.say("One more thing");
  await alice.hasUnread(conversation, 1);

  // Mallory does not only look at the page: this is what anybody can type into its console.
  const answers = await mallory.page.evaluate(async (channel) => {
    const body = JSON.stringify({ user: "mallory", claims: {} });
    const login = await fetch("/dev/login", { method: "POST", headers: { "Content-Type": "application/json" }, body });
    const { token } = await login.json();
    const socket = new WebSocket(`wss://${location.host}/connection/websocket`, ["centrifuge-json", `bearer.${token}`]);
    await new Promise((done, fail) => Object.assign(socket, { onopen: done, onerror: fail }));
    const commands = [{ connect: {} }];
    for (const name of ["subscribe", "history", "presence", "presence_stats"]) commands.push({ [name]: { channel } });
    commands.push({ publish: { channel, data: "let me in" } }, { subscribe: { channel: "#alice" } });
    socket.send(commands.map((command, index) => JSON.stringify({ id: index + 1, ...command })).join("\n"));
    const replies = [];
    await new Promise((done) => {
      socket.onmessage = ({ data }) => {
        for (const line of data.split("\n")) replies.push(JSON.parse(line));
        if (replies.length >= commands.length) done();
      };
    });
    socket.close();
    return replies.map(({ id, error }) => [id, error?.code]);
  }, conversation);
  assert.deepEqual(answers, [[1, undefined], ...[2, 3, 4, 5, 6, 7].map((id) => [id, 103])]);

  await bob.open("chat:general");
  await bob.say("Back in the open");
  await mallory.hears("Back in the open", "bob");
  for (const secret of ["Between you, me", "My lips are sealed", "One more thing"]) await mallory.knowsNothingOf(secret);
  assert.equal(await mallory.get(`room-${conversation}`).count(), 0);
});

timed("two tabs of one user: one person, and both hear everything", async () => {
  const alice = await house.guest("Alice", { teams: ["red"] });
  const bob = await house.guest("Bob");
  const other = await house.tab(alice);
  await other.signIn("Alice", ["red"]);
  await bob.sees(bob.get("person-alice").filter({ hasText: "2 tabs" }));
  assert.equal(await bob.get("people-count").innerText(), "2");
  await alice.say("From my first tab");
  await other.hears("From my first tab", "alice");
  await other.get("person-bob").click();
  await other.say("From my second tab, to Bob");
  await bob.hasUnread("dm:#alice,bob", 1);
  await alice.open("dm:#alice,bob");
  await alice.hears("From my second tab, to Bob", "alice");
  await other.page.close();
  await bob.seesNot(bob.get("person-alice").filter({ hasText: "2 tabs" }));
  assert.equal(await bob.get("people-count").innerText(), "2");
  assert.equal(await bob.get("notice").filter({ hasText: "left" }).count(), 0, "she is still here");
});

timed("what people write is text, never markup; the address of a page becomes a link", async () => {
  const alice = await house.guest("<b>Alice</b>");
  const bob = await house.guest("Bob");
  const attack = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;
  await alice.say(attack);
  await bob.hears(attack);
  assert.equal(await bob.get("message-list").locator("img, script, b").count(), 0);
  assert.ok((await bob.message(attack).innerText()).includes("<b>Alice</b>"));
  await alice.say("javascript:alert(1) or https://example.com/a?b=c.");
  const links = bob.get("message-list").getByRole("link");
  await bob.sees(links);
  assert.deepEqual(await links.evaluateAll((all) => all.map(({ href, rel }) => [href, rel])), [
    ["https://example.com/a?b=c", "noopener noreferrer nofollow"],
  ]);
  assert.ok(!(await bob.page.title()).includes("owned"));
});

timed("a time is shown where it is known only, and all over the page in one format", async () => {
  const alice = await house.guest("Alice", { locale: "en-US" });
  await alice.isIn("chat:general");
  const { gateway } = house;
  class Socket extends WebSocket {
    constructor(url) {
      super(url, ["centrifuge-json"], { ca: gateway.ca, headers: { Authorization: `Bearer ${gateway.token("robot")}` } });
    }
  }
  const robot = new Centrifuge(gateway.url, { websocket: Socket });
  try {
    robot.connect();
    await robot.ready();
    await robot.publish("chat:general", { text: "Nobody says when" });
  } finally {
    robot.disconnect();
  }
  await alice.hears("Nobody says when", "robot");
  const times = () => alice.message("Nobody says when", "robot").locator("time").count();
  assert.equal(await times(), 1, "it has just come");
  await alice.say("Just now");
  assert.match(await alice.message("Just now", "alice").locator("time").innerText(), /^\d\d:\d\d$/);
  assert.match(await alice.get("token").innerText(), / \d\d:\d\d:\d\d$/);
  await alice.page.reload();
  await alice.isConnected();
  await alice.hears("Nobody says when", "robot");
  assert.equal(await times(), 0, "out of the history");
  assert.equal(await alice.message("Just now", "alice").locator("time").count(), 1);
});

timed("after a reload everything is there again: who one is, the room's history, the private conversations", async () => {
  const [alice, bob] = [await house.guest("Alice"), await house.guest("Bob")];
  await alice.say("Said before the reload");
  await bob.get("person-alice").click();
  await bob.say("Private, before the reload");
  await alice.hasUnread("dm:#alice,bob", 1);
  await alice.page.reload();
  await alice.isConnected();
  await alice.hears("Said before the reload", "alice");
  await alice.hasUnread("dm:#alice,bob", 1);
  await alice.open("dm:#alice,bob");
  await alice.hears("Private, before the reload", "bob");
  await until(() => alice.unread("dm:#alice,bob"), (count) => count === 0, "it is read");
});
