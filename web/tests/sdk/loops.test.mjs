/** Clients that change their mind faster than anybody can answer. Nothing may be left over from what they gave up. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { until, within } from "../support/deadline.mjs";
import { Gateway } from "../support/gateway.mjs";
import { failure, fresh, withEachSdk } from "./stage.mjs";

let gateway;
before(async () => (gateway = await Gateway.dev()));
after(() => gateway?.close());
const withSdk = (title, run) => withEachSdk(title, () => gateway, run);

const ONE = { numClients: 1, numUsers: 1 };
const NOBODY = { numClients: 0, numUsers: 0 };
/** Below the rate at which one connection may ask who is present. */
const SELDOM = { pause: 250 };
/** No reply that says 105, or any other error: the last command wins. */
const errorsOf = (stage, client) => stage.messages(client).flatMap(({ error }) => error ?? []);

withSdk("subscribe and unsubscribe loop", async (stage) => {
  const channel = fresh("chat:loop");
  const client = await stage.connected(fresh("alice"));
  const watcher = await stage.connected(fresh("bob"));
  const side = stage.subscription(client, channel);
  for (let round = 0; round < 10; round++) {
    side.subscribe();
    side.unsubscribe();
  }
  side.subscribe();
  await side.events.next("subscribed");
  assert.deepEqual(await side.presenceStats(), ONE);
  assert.deepEqual(Object.keys((await watcher.presence(channel)).clients), [client.welcome.client]);
  await watcher.publish(channel, "heard once");
  await side.events.next("publication");
  side.unsubscribe();
  await failure(client.rpc("barrier", {}));
  assert.deepEqual(await watcher.presenceStats(channel), NOBODY);
  assert.equal(side.events.all("publication").length, 1);
  assert.deepEqual(errorsOf(stage, client).filter(({ code }) => code !== 108), []);
});

withSdk("subscribe and unsubscribe loop, each answered", async (stage) => {
  const channel = fresh("chat:answered");
  const client = await stage.connected(fresh("alice"));
  const side = stage.subscription(client, channel);
  for (let round = 0; round < 10; round++) {
    side.subscribe();
    await side.events.next("subscribed");
    assert.deepEqual(await client.presenceStats(channel), ONE);
    side.unsubscribe();
    await side.events.next("unsubscribed");
    assert.deepEqual(await client.presenceStats(channel), NOBODY);
  }
});

withSdk("connect disconnect loop", async (stage) => {
  const channel = fresh("chat:connects");
  const client = stage.client(fresh("alice"));
  const side = stage.subscription(client, channel);
  side.subscribe();
  for (let round = 0; round < 10; round++) {
    client.connect();
    client.disconnect();
  }
  client.connect();
  const { client: id } = await client.events.next("connected");
  await side.events.next("subscribed");
  const { clients } = await until(() => side.presence(), ({ clients }) => Object.keys(clients).length === 1, "the others are gone", SELDOM);
  assert.deepEqual(Object.keys(clients), [id]);
  client.disconnect();
  const watcher = await stage.connected(fresh("bob"));
  await until(() => watcher.presenceStats(channel), ({ numClients }) => numClients === 0, "nobody is left", SELDOM);
});

withSdk("connect disconnect loop, each answered, leaves no connection behind", async (stage) => {
  const client = stage.client(fresh("alice"));
  for (let round = 0; round < 20; round++) {
    client.connect();
    await client.events.next("connected");
    client.disconnect();
    await client.events.next("disconnected");
  }
  // More than a user may have at once: had they stayed, the door would have refused the last ones.
  assert.equal(client.events.all("error").length, 0);
});

withSdk("unsubscribe right after connect", async (stage) => {
  const channel = fresh("chat:right-after");
  const client = stage.client(fresh("alice"));
  const side = stage.subscription(client, channel);
  side.subscribe();
  client.connect();
  side.unsubscribe();
  await client.events.next("connected");
  assert.deepEqual(await client.presenceStats(channel), NOBODY);
  side.subscribe();
  await side.events.next("subscribed");
  assert.deepEqual(await side.presenceStats(), ONE);
  assert.deepEqual(errorsOf(stage, client), []);
});

withSdk("unsubscribe between the connect command and its reply", async (stage) => {
  const channel = fresh("chat:between");
  const client = stage.client(fresh("alice"));
  const side = stage.subscription(client, channel);
  side.subscribe();
  const sent = new Promise((done) => {
    client.wire.onSend = (frame) => {
      if (!stage.format.commands(frame).some(({ connect }) => connect)) return;
      client.wire.onSend = () => {};
      done(frame);
      side.unsubscribe();
    };
  });
  client.connect();
  const frame = await within(sent, "the connect command");
  assert.equal(client.state, "connecting");
  const commands = stage.format.commands(frame);
  assert.ok(commands.some(({ subscribe }) => subscribe?.channel === channel), "connect and subscribe share a frame");
  await client.events.next("connected");
  await failure(client.rpc("barrier", {}));
  assert.deepEqual(await client.presenceStats(channel), NOBODY);
  side.subscribe();
  await side.events.next("subscribed");
  assert.deepEqual(await side.presenceStats(), ONE);
  assert.deepEqual(errorsOf(stage, client).filter(({ code }) => code !== 108), []);
});

withSdk("five subscribes, then five unsubscribes and a close in one go", async (stage) => {
  const channels = Array.from({ length: 5 }, () => fresh("chat:five"));
  const client = await stage.connected(fresh("alice"));
  const watcher = await stage.connected(fresh("bob"));
  const sides = channels.map((channel) => stage.subscription(client, channel));
  client.startBatching();
  for (const side of sides) side.subscribe();
  client.stopBatching();
  for (const side of sides) await side.events.next("subscribed");
  for (const channel of channels) assert.deepEqual(await watcher.presenceStats(channel), ONE);
  client.startBatching();
  for (const side of sides) side.unsubscribe();
  client.stopBatching();
  client.disconnect();
  for (const channel of channels) {
    await until(() => watcher.presenceStats(channel), ({ numClients }) => numClients === 0, `nobody is in ${channel}`, SELDOM);
  }
  assert.deepEqual(errorsOf(stage, client), []);
});

withSdk("many commands in one frame are answered in order", async (stage) => {
  const channel = fresh("chat:batch");
  const client = await stage.connected(fresh("alice"));
  const side = await stage.subscribed(client, channel);
  const before = client.wire.sent.length;
  client.startBatching();
  const published = Array.from({ length: 20 }, (_, number) => side.publish({ number }));
  const looked = side.history({ limit: 100 });
  client.stopBatching();
  await Promise.all(published);
  assert.equal((await looked).publications.length, 20);
  assert.equal(client.wire.sent.length, before + 1);
  assert.equal(stage.format.commands(client.wire.sent.at(-1)).length, 21);
});

withSdk("a socket that is cut off comes back, and is counted once", async (stage) => {
  const channel = fresh("chat:cut");
  const client = await stage.connected(fresh("alice"));
  const side = await stage.subscribed(client, channel);
  for (let round = 0; round < 3; round++) {
    client.wire.socket.terminate();
    await side.events.next("subscribing", ({ code }) => code === 1);
    await side.events.next("subscribed");
  }
  await until(() => side.presenceStats(), ({ numClients }) => numClients === 1, "only the last one is there", SELDOM);
  await side.publish("still here");
  assert.equal((await side.events.next("publication")).data, "still here");
});
