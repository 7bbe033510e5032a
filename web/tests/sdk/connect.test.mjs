/** Through the door: every way to present a token, what is told on arrival, and what happens when it is refused. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Gateway } from "../support/gateway.mjs";
import { failure, fresh, plainSocket, subprotocolSocket, withEachSdk } from "./stage.mjs";

let gateway;
before(async () => (gateway = await Gateway.dev()));
after(() => gateway?.close());
const withSdk = (title, run) => withEachSdk(title, () => gateway, run);

withSdk("connects with the token in a header, and in JSON without a subprotocol", async (stage) => {
  const client = await stage.connected(fresh("alice"), { data: { any: "thing" } });
  const { client: id, transport, data } = client.welcome;
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(transport, "websocket");
  assert.equal(data, undefined, "nothing of what the client said comes back");
  assert.equal(client.wire.upgrade.headers["sec-websocket-protocol"], stage.format.subprotocol);
  const [{ connect }] = stage.messages(client);
  assert.ok(connect.ping >= 5 && connect.pong === true, "pings are announced");
  assert.equal(connect.expires, undefined, "no refresh is asked of a client that has shown no token");
});

withSdk("connects with the token as a subprotocol, which is not echoed", async (stage) => {
  const user = fresh("alice");
  const token = gateway.token(user);
  const client = await stage.connected(user, { door: token, socket: subprotocolSocket });
  assert.equal(client.wire.upgrade.headers["sec-websocket-protocol"], stage.format.subprotocol ?? "centrifuge-json");
  assert.ok(!JSON.stringify(client.wire.upgrade.rawHeaders).includes(token));
  assert.ok(!client.wire.received.join().includes(token));
});

withSdk("connects through the client module", async (stage) => {
  const user = fresh("alice");
  let asked = 0;
  const client = await stage.connected(user, { module: { getToken: async () => (asked++, gateway.token(user)) } });
  assert.equal(asked, 1);
  const subscription = await stage.subscribed(client, fresh("chat:module"));
  await subscription.publish({ text: "through the module" });
  const { info } = await subscription.events.next("publication");
  assert.equal(info.user, user);
});

withSdk("the client module stops with the door's own reason", async (stage) => {
  let asked = 0;
  const getToken = async () => (asked++, gateway.token("alice", { claims: { aud: "somebody else" } }));
  const client = stage.client("alice", { module: { getToken } });
  client.connect();
  const { code, reason } = await client.events.next("disconnected");
  assert.equal(code, 3500);
  assert.match(reason, /\(\w+\)$/);
  assert.ok(asked <= 3, `asked ${asked} times for a token`);
});

withSdk("the client module replaces a token that expired while it was away", async (stage) => {
  const user = fresh("alice");
  const tokens = [gateway.token(user, { life: 60, age: 3600 }), gateway.token(user)];
  const client = await stage.connected(user, { module: { getToken: async () => tokens.shift() } });
  assert.equal(client.state, "connected");
  assert.equal(tokens.length, 0);
});

withSdk("the client module takes a ticket for each attempt, and the token is in none", async (stage) => {
  const user = fresh("alice");
  const token = gateway.token(user);
  // A page's requests have its origin, which the ticket is bound to.
  const fetch = (url, init) => gateway.fetch(url, { ...init, headers: { ...init.headers, Origin: gateway.origin } });
  const ticketUrl = `${gateway.origin}/connection/ticket`;
  const client = await stage.connected(user, { module: { getToken: async () => token, ticketUrl, fetch } });
  const first = client.wire.socket;
  assert.match(first.url, /[?&]ticket=[\w-]{43}$/);
  assert.doesNotMatch(first.protocol, /bearer/);
  assert.ok(!first.url.includes(token));
  first.terminate();
  await client.events.next("connected");
  assert.notEqual(client.wire.socket.url, first.url);
});

withSdk("a bare SDK without a token is not let in", async (stage) => {
  const client = stage.client("nobody", { socket: plainSocket });
  client.connect();
  await client.events.next("error");
  await client.events.next("connecting", ({ code }) => code === 0);
  client.disconnect();
  assert.equal(client.events.all("connected").length, 0);
  const answer = await gateway.fetch(`${gateway.origin}/connection/check`, { method: "POST" });
  assert.equal(answer.status, 401);
  assert.match(answer.headers.get("www-authenticate"), /^Bearer/);
});

withSdk("the personal channel is there on arrival, and only its owner hears it", async (stage) => {
  const [alice, bob] = [fresh("alice"), fresh("bob")];
  const hers = await stage.connected(alice);
  const { channel } = await hers.events.next("subscribed");
  assert.equal(channel, `#${alice}`);
  const his = await stage.connected(bob);
  await his.publish(`#${alice}`, { text: "psst" });
  const note = await hers.events.next("publication");
  assert.equal(note.channel, `#${alice}`);
  assert.deepEqual(note.data, { text: "psst" });
  assert.equal(note.info.user, bob);
  assert.equal(note.info.client, his.welcome.client);

  const mine = stage.subscription(his, `#${alice}`);
  mine.subscribe();
  assert.equal((await mine.events.next("unsubscribed")).code, 103);
  const own = stage.subscription(hers, `#${alice}`);
  own.subscribe();
  assert.equal((await own.events.next("unsubscribed")).code, 105, "subscribed by the server already");
  assert.equal((await failure(his.history(`#${alice}`, { limit: 1 }))).code, 103);
});

withSdk("several tabs of one user are several connections that all hear", async (stage) => {
  const [user, channel] = [fresh("alice"), fresh("chat:tabs")];
  const tabs = await Promise.all([1, 2, 3].map(() => stage.connected(user)));
  assert.equal(new Set(tabs.map(({ welcome }) => welcome.client)).size, 3);
  const subscriptions = await Promise.all(tabs.map((tab) => stage.subscribed(tab, channel)));
  await subscriptions[0].publish({ text: "to my other tabs" });
  for (const subscription of subscriptions) {
    const { info } = await subscription.events.next("publication");
    assert.deepEqual([info.user, info.client], [user, tabs[0].welcome.client]);
  }
  const { numClients, numUsers } = await subscriptions[1].presenceStats();
  assert.deepEqual([numClients, numUsers], [3, 1]);
  await tabs[0].publish(`#${user}`, { text: "note to self" });
  for (const tab of tabs) assert.equal((await tab.events.next("publication")).channel, `#${user}`);
});

withSdk("an expired connect token is answered with 109, and the SDK asks for another, once", async (stage) => {
  const user = fresh("alice");
  let asked = 0;
  const client = stage.client(user, {
    token: gateway.token(user, { life: 60, age: 3600 }),
    getToken: async () => (asked++, gateway.token(user)),
  });
  client.connect();
  await client.events.next("connected");
  assert.deepEqual(client.events.all("error").map(({ error }) => error.code), [109]);
  assert.equal(asked, 1);
  const subscription = await stage.subscribed(client, fresh("chat:back"));
  await subscription.publish("here again");
  assert.equal((await subscription.events.next("publication")).data, "here again");
});

withSdk("a connect token of another user is final", async (stage) => {
  const client = stage.client(fresh("alice"), { getToken: async () => gateway.token(fresh("mallory")) });
  client.connect();
  const { code, reason } = await client.events.next("disconnected");
  assert.deepEqual([code, reason], [3500, "invalid token"]);
  assert.equal(client.events.all("connected").length, 0);
});
