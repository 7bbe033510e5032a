/** What a token grants: what the server subscribes to by itself, and subscriptions with a token of their own. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { until } from "../support/deadline.mjs";
import { Gateway } from "../support/gateway.mjs";
import { fresh, withEachSdk } from "./stage.mjs";

let gateway;
before(async () => (gateway = await Gateway.dev()));
after(() => gateway?.close());
const withSdk = (title, run) => withEachSdk(title, () => gateway, run);
/** Of a token that is to be replaced: long enough for all that a test does before. */
const LIFE = 15;

/** A token for a channel of a team that the user is not in. */
const tokenFor = (user, channel, { life = 3600, age = 0, ...claims } = {}) =>
  gateway.token(user, { life, age, claims: { channel, ...claims } });

withSdk("what the token names is subscribed to by the server, with data and with what others see", async (stage) => {
  const [alice, bob, channel] = [fresh("alice"), fresh("bob"), fresh("chat:given")];
  const subs = { [channel]: { data: { topic: "build" }, info: { seat: 1 } } };
  const hers = await stage.connected(alice, { claims: { subs } });
  const { data } = await hers.events.next("subscribed", (event) => event.channel === channel);
  assert.deepEqual(data, { topic: "build" });
  const his = await stage.subscribed(await stage.connected(bob), channel);
  await his.publish("hello");
  const heard = await hers.events.next("publication", (event) => event.channel === channel);
  assert.equal(heard.data, "hello");
  await hers.publish(channel, "hello back");
  const { info } = await his.events.next("publication", (event) => event.data === "hello back");
  assert.deepEqual(info.chanInfo, { seat: 1 });
});

withSdk("a refresh brings other channels, and takes those away that the newer token does not name", async (stage) => {
  const [user, first, second] = [fresh("alice"), fresh("chat:first"), fresh("chat:second")];
  const channels = [[first], [second]];
  const getToken = async () =>
    gateway.token(user, { life: channels.length > 1 ? LIFE : 3600, claims: { channels: channels.shift() ?? [second] } });
  const client = await stage.connected(user, { module: { getToken } });
  await client.events.next("subscribed", (event) => event.channel === first);
  await client.events.next("unsubscribed", (event) => event.channel === first);
  await client.events.next("subscribed", (event) => event.channel === second);
  await client.publish(second, "here");
  await client.events.next("publication", (event) => event.channel === second);
  assert.equal(client.events.all("connecting").length, 1, "it was never away");
});

withSdk("a subscription with a token of its own, which the SDK fetches and refreshes", async (stage) => {
  const user = fresh("alice");
  const channel = `team:${fresh("closed")}`;
  const client = await stage.connected(user);
  const refused = stage.subscription(client, channel);
  refused.subscribe();
  assert.equal((await refused.events.next("unsubscribed")).code, 103);
  client.removeSubscription(refused);

  const lives = [LIFE];
  const asked = [];
  const getToken = async (context) => {
    asked.push(context.channel);
    return tokenFor(user, channel, { life: lives.shift() ?? 3600, data: { n: 1 }, allow: ["pub"] });
  };
  const side = await stage.subscribed(client, channel, { getToken });
  assert.deepEqual(side.welcome.data, { n: 1 });
  const refreshes = () => stage.messages(client).flatMap(({ sub_refresh, subRefresh }) => sub_refresh ?? subRefresh ?? []);
  const [answer] = await until(refreshes, ({ length }) => length > 0, "the refresh is answered");
  assert.equal(answer.expires, true);
  assert.deepEqual(asked, [channel, channel]);
  await side.publish("allowed");
  await side.events.next("publication", ({ data }) => data === "allowed");
  assert.equal(side.events.all("subscribing").length, 1, "it was never away");
});

withSdk("an expired token of a subscription has the SDK ask for a newer one", async (stage) => {
  const user = fresh("alice");
  const channel = `team:${fresh("closed")}`;
  const client = await stage.connected(user);
  const tokens = [tokenFor(user, channel, { life: 60, age: 3600 })];
  const getToken = async () => tokens.shift() ?? tokenFor(user, channel);
  const side = await stage.subscribed(client, channel, { getToken });
  assert.equal(side.events.all("error")[0].error.code, 109);
});

withSdk("another user's token for a channel is final", async (stage) => {
  const [user, channel] = [fresh("alice"), `team:${fresh("closed")}`];
  const client = await stage.connected(user);
  const side = stage.subscription(client, channel, { token: tokenFor(fresh("mallory"), channel) });
  side.subscribe();
  const { code, reason } = await client.events.next("disconnected");
  assert.deepEqual([code, reason], [3500, "invalid token"]);
});
