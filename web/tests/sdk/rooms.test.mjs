/** What one does in a room: hear, speak, look who is there, read what was said; and the rooms one may not enter. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { until } from "../support/deadline.mjs";
import { Gateway } from "../support/gateway.mjs";
import { failure, fresh, withEachSdk } from "./stage.mjs";

let gateway;
before(async () => (gateway = await Gateway.dev()));
after(() => gateway?.close());
const withSdk = (title, run) => withEachSdk(title, () => gateway, run);

withSdk("two clients hear each other, and the gateway says who speaks", async (stage) => {
  const [alice, bob, channel] = [fresh("alice"), fresh("bob"), fresh("chat:two")];
  const hers = await stage.connected(alice, { claims: { info: { name: "Alice" } } });
  const his = await stage.connected(bob);
  const [herSide, hisSide] = [await stage.subscribed(hers, channel), await stage.subscribed(his, channel)];

  await herSide.publish({ text: "hello", info: { user: "mallory" }, user: "mallory" });
  for (const side of [herSide, hisSide]) {
    const { data, info, offset } = await side.events.next("publication");
    assert.deepEqual(data, { text: "hello", info: { user: "mallory" }, user: "mallory" });
    assert.deepEqual({ ...info }, { client: hers.welcome.client, user: alice, connInfo: { name: "Alice" }, ...noChanInfo(info) });
    assert.equal(offset, 1);
  }
  await hisSide.publish("hello back");
  for (const side of [herSide, hisSide]) {
    const { data, info, offset } = await side.events.next("publication");
    assert.deepEqual([data, info.user, info.client, offset], ["hello back", bob, his.welcome.client, 2]);
  }
});

/** The SDK gives the key also when there is nothing. */
const noChanInfo = (info) => ("chanInfo" in info ? { chanInfo: undefined } : {});

// As many as one may send at once.
withSdk("publications come in order, and each once", async (stage) => {
  const channel = fresh("chat:order");
  const speaker = await stage.connected(fresh("alice"));
  const listener = await stage.subscribed(await stage.connected(fresh("bob")), channel);
  await Promise.all(Array.from({ length: 40 }, (_, number) => speaker.publish(channel, { number })));
  await listener.events.next("publication", ({ data }) => data.number === 39);
  const heard = listener.events.all("publication");
  assert.deepEqual(heard.map(({ data }) => data.number), Array.from({ length: 40 }, (_, number) => number));
  assert.deepEqual(heard.map(({ offset }) => offset), Array.from({ length: 40 }, (_, number) => number + 1));
});

withSdk("presence and its numbers", async (stage) => {
  const [alice, bob, channel] = [fresh("alice"), fresh("bob"), fresh("chat:presence")];
  const hers = await stage.connected(alice, { claims: { info: { name: "Alice" } } });
  const [his, hisOther] = [await stage.connected(bob), await stage.connected(bob)];
  assert.deepEqual((await his.presence(channel)).clients, {}, "nobody yet, and it is a map");
  assert.deepEqual(await his.presenceStats(channel), { numClients: 0, numUsers: 0 });

  const side = await stage.subscribed(hers, channel);
  await stage.subscribed(his, channel);
  await stage.subscribed(hisOther, channel);
  const { clients } = await side.presence();
  const ids = [hers, his, hisOther].map(({ welcome }) => welcome.client);
  assert.deepEqual(Object.keys(clients).sort(), [...ids].sort());
  assert.equal(clients[ids[0]].user, alice);
  assert.deepEqual(clients[ids[0]].connInfo, { name: "Alice" });
  assert.deepEqual([clients[ids[1]].user, clients[ids[2]].user], [bob, bob]);
  assert.deepEqual(await side.presenceStats(), { numClients: 3, numUsers: 2 });

  side.unsubscribe();
  his.disconnect();
  // Asks below the rate at which one connection may.
  const asked = () => hisOther.presenceStats(channel);
  const left = await until(asked, ({ numClients }) => numClients === 1, "two are gone", { pause: 250 });
  assert.deepEqual(left, { numClients: 1, numUsers: 1 });
});

withSdk("history: a limit, since a position, and backwards", async (stage) => {
  const channel = fresh("chat:history");
  const client = await stage.connected(fresh("alice"));
  const side = await stage.subscribed(client, channel);
  const empty = await side.history({ limit: 10 });
  assert.deepEqual([empty.publications, empty.offset], [[], 0]);
  assert.ok(empty.epoch, "a stream has an epoch before its first publication");
  for (let number = 1; number <= 5; number++) await side.publish({ number });

  const numbers = async (options) => (await side.history(options)).publications.map(({ data }) => data.number);
  const top = await side.history(); // without a limit: the position only
  assert.deepEqual([top.publications, top.offset, top.epoch], [[], 5, empty.epoch]);
  assert.deepEqual(await numbers({ limit: 100 }), [1, 2, 3, 4, 5]);
  assert.deepEqual(await numbers({ limit: -1 }), [1, 2, 3, 4, 5]);
  assert.deepEqual(await numbers({ limit: 2 }), [1, 2]);
  assert.deepEqual(await numbers({ limit: 2, reverse: true }), [5, 4]);
  const since = (offset) => ({ offset, epoch: top.epoch });
  assert.deepEqual(await numbers({ limit: 10, since: since(3) }), [4, 5]);
  assert.deepEqual(await numbers({ limit: 1, since: since(3) }), [4]);
  assert.deepEqual(await numbers({ limit: 10, since: since(5) }), []);
  assert.deepEqual(await numbers({ limit: 10, since: since(3), reverse: true }), [2, 1]);
  assert.equal((await failure(side.history({ limit: 10, since: { offset: 1, epoch: "wrong" } }))).code, 112);
  assert.equal((await failure(side.history({ limit: 10, since: since(0), reverse: true }))).code, 107);

  const { publications } = await client.history(channel, { limit: 1 });
  assert.deepEqual([publications[0].offset, publications[0].info.client], [1, client.welcome.client]);
});

withSdk("join and leave are told to those who ask for them", async (stage) => {
  const [alice, bob, channel] = [fresh("alice"), fresh("bob"), fresh("chat:joins")];
  const hers = await stage.connected(alice);
  const herSide = await stage.subscribed(hers, channel, { joinLeave: true });
  const own = await herSide.events.next("join");
  assert.deepEqual([own.info.user, own.info.client], [alice, hers.welcome.client], "also of oneself");
  const deaf = await stage.subscribed(await stage.connected(fresh("carol")), channel);
  await herSide.events.next("join");

  const his = await stage.connected(bob);
  const hisSide = await stage.subscribed(his, channel);
  const joined = await herSide.events.next("join");
  assert.deepEqual([joined.channel, joined.info.user, joined.info.client], [channel, bob, his.welcome.client]);
  hisSide.unsubscribe();
  assert.equal((await herSide.events.next("leave")).info.client, his.welcome.client);

  hisSide.subscribe();
  await herSide.events.next("join", ({ info }) => info.user === bob);
  his.disconnect();
  assert.equal((await herSide.events.next("leave")).info.client, his.welcome.client);
  await herSide.publish("after all of this");
  await deaf.events.next("publication");
  assert.equal(deaf.events.all("join").length + deaf.events.all("leave").length, 0);
});

withSdk("a room of others is refused with 103, for all that one can do there", async (stage) => {
  const [room, member] = [fresh("team:red:ops"), fresh("alice")];
  const inside = await stage.subscribed(await stage.connected(member, { claims: { teams: ["red"] } }), room);
  await inside.publish("for the red team");
  const mallory = await stage.connected(fresh("mallory"), { claims: { teams: ["blue"] } });
  const side = stage.subscription(mallory, room);
  side.subscribe();
  const { code, reason } = await side.events.next("unsubscribed");
  assert.deepEqual([code, reason], [103, "permission denied"]);
  assert.equal(side.state, "unsubscribed");
  for (const attempt of [
    mallory.publish(room, "let me in"),
    mallory.history(room, { limit: 10 }),
    mallory.presence(room),
    mallory.presenceStats(room),
  ]) {
    assert.equal((await failure(attempt)).code, 103);
  }
  await inside.publish("still among us");
  await inside.events.next("publication", ({ data }) => data === "still among us");
  await failure(mallory.rpc("barrier", {}));
  assert.ok(!mallory.wire.received.join().includes("red team"));
  assert.ok(!mallory.wire.received.join().includes("among us"));
  assert.equal(inside.events.all("publication").length, 2);
});

withSdk("a private conversation is for the users in its name", async (stage) => {
  const [alice, bob] = [fresh("alice"), fresh("bob")];
  const channel = `dm:#${alice},${bob}`;
  const hers = await stage.connected(alice);
  const herSide = await stage.subscribed(hers, channel);
  const hisSide = await stage.subscribed(await stage.connected(bob), channel);
  const mallory = await stage.connected(fresh("mallory"), { claims: { channels: [] } });
  const intruder = stage.subscription(mallory, channel);
  intruder.subscribe();
  assert.equal((await intruder.events.next("unsubscribed")).code, 103);
  assert.equal((await failure(mallory.publish(channel, "hi"))).code, 103);
  assert.equal((await failure(mallory.presence(channel))).code, 103);

  await herSide.publish({ text: "between you, me and the gatepost" });
  assert.equal((await hisSide.events.next("publication")).info.user, alice);
  assert.equal((await hisSide.history({ limit: 10 })).publications.length, 1);
  await failure(mallory.rpc("barrier", {}));
  assert.ok(!mallory.wire.received.join().includes("gatepost\""));

  const other = stage.subscription(hers, `dm:#${bob},${alice}`);
  other.subscribe();
  const { code, reason } = await other.events.next("unsubscribed");
  assert.equal(code, 107, "one conversation has one name");
  assert.ok(reason.includes(channel), reason);
});

withSdk("what does not exist is said so", async (stage) => {
  const client = await stage.connected(fresh("alice"));
  const codes = {};
  for (const channel of ["nope:x", "news", "chat:#", "chat::x", "personal:x", "dm:general"]) {
    const subscription = stage.subscription(client, channel);
    subscription.subscribe();
    codes[channel] = (await subscription.events.next("unsubscribed")).code;
  }
  assert.deepEqual(codes, { "nope:x": 102, news: 102, "chat:#": 107, "chat::x": 107, "personal:x": 102, "dm:general": 103 });
  const error = await failure(client.rpc("anything", { some: "data" }));
  assert.deepEqual([error.code, error.message], [108, "not available"]);
  assert.equal(client.state, "connected");
});

withSdk("unsubscribed, one hears nothing; subscribed again, everything", async (stage) => {
  const channel = fresh("chat:again");
  const client = await stage.connected(fresh("alice"));
  const speaker = await stage.connected(fresh("bob"));
  const side = await stage.subscribed(client, channel);
  await speaker.publish(channel, "one");
  await side.events.next("publication");
  side.unsubscribe();
  assert.equal((await side.events.next("unsubscribed")).code, 0);
  await failure(client.rpc("barrier", {}));
  await speaker.publish(channel, "two");
  await failure(client.rpc("barrier", {}));
  side.subscribe();
  await side.events.next("subscribed");
  await speaker.publish(channel, "three");
  assert.equal((await side.events.next("publication")).data, "three");
  assert.ok(!stage.messages(client).some(({ push }) => push?.pub?.data === "two"));
});
