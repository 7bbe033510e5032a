/** A connection lives as long as its token, and a while longer; with a newer one, longer. */
import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { WebSocket } from "ws";
import { PATIENCE, until } from "../support/deadline.mjs";
import { Gateway } from "../support/gateway.mjs";
import { expiryOf } from "../support/tokens.mjs";
import { fresh, withEachSdk } from "./stage.mjs";

/** Of the first token, in seconds: long enough for all that is done before it runs out, on a slow machine too. */
const LIFE = 15;
/** Of the tokens after it. */
const LATER = 3600;
const GRACE = 25;
const seconds = () => Math.floor(Date.now() / 1000);

/** Until when a token of this life is to be replaced, in whole seconds, when so much of it is left. */
const ttl = (life, left) => Math.max(1, Math.floor(left - Math.min(life / 10, 30)));

/** The gateway has told it at some time between the making of the token and now. */
function assertTtl(told, token, life) {
  const [least, most] = [ttl(life, expiryOf(token) - seconds()), ttl(life, life)];
  assert.ok(told >= least && told <= most, `${told} s, between ${least} and ${most}`);
}

let gateway;
before(async () => (gateway = await Gateway.dev()));
after(() => gateway?.close());
const withSdk = (title, run) => withEachSdk(title, () => gateway, run);

/** As with a cookie: the SDK knows of no token, and each attempt brings the newest. */
const bringing = (next) => ({ ca }) =>
  class extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols ?? [], { ca, headers: { Authorization: `Bearer ${next()}` } });
    }
  };

// All at the same time, since each waits for its first token to run out.
describe("the end of a token", { concurrency: true }, () => {
  withSdk(
    "a token that the SDK knows nothing of runs out: nothing more is done for it, then 3005, and it comes back with another",
    async (stage) => {
      const [user, channel] = [fresh("alice"), fresh("chat:expiry")];
      let life = LIFE;
      const client = await stage.connected(user, { socket: bringing(() => gateway.token(user, { life })) });
      life = LATER;
      const side = await stage.subscribed(client, channel);
      await side.publish("before");
      await side.events.next("publication");

      // Well below the rate of publications that one connection may send: more would be refused for that.
      const late = () => side.publish("too late").then(() => ({}), (error) => error);
      const refused = await until(late, ({ code }) => code, "it ran out", { pause: 200 });
      assert.equal(refused.code, 110);
      const other = stage.subscription(client, fresh("chat:other"));
      other.subscribe();
      const { error } = await other.events.next("error");
      assert.equal(error.code, 110);
      assert.equal(client.state, "connected");

      const lost = await client.events.next("connecting", ({ code }) => code !== 0, GRACE * 1000 + PATIENCE);
      assert.deepEqual([lost.code, lost.reason], [3005, "connection expired"]);
      await client.events.next("connected");
      await side.events.next("subscribed");
      await other.events.next("subscribed");
      await side.publish("after");
      await side.events.next("publication", ({ data }) => data === "after");
      const pings = (frames) => frames.filter(stage.format.isPing).length;
      const { sent, received } = client.wire;
      assert.ok(pings(received) > 0, "a ping came meanwhile");
      await until(() => pings(received) - pings(sent), (open) => open === 0, "and was answered");
    },
  );

  const refreshes = (stage, client) => stage.messages(client).flatMap(({ refresh }) => refresh ?? []);

  withSdk("a token is replaced on the live socket before it runs out, and nothing is interrupted", async (stage) => {
    const [user, channel] = [fresh("alice"), fresh("chat:refresh")];
    const tokens = [];
    const getToken = async () => {
      tokens.push(gateway.token(user, { life: tokens.length === 0 ? LIFE : LATER }));
      return tokens.at(-1);
    };
    const client = await stage.connected(user, { module: { getToken } });
    const side = await stage.subscribed(client, channel);
    const [{ connect }] = stage.messages(client);
    assert.equal(connect.expires, true);
    assertTtl(connect.ttl, tokens[0], LIFE);
    const [answer] = await until(() => refreshes(stage, client), ({ length }) => length > 0, "the refresh is answered");
    assert.deepEqual([answer.client, answer.version, answer.expires], [connect.client, connect.version, true]);
    assertTtl(answer.ttl, tokens[1], LATER);

    await until(seconds, (now) => now > expiryOf(tokens[0]), "the first one ran out");
    await side.publish("still here");
    assert.equal((await side.events.next("publication")).data, "still here");
    assert.equal(tokens.length, 2);
    assert.equal(client.events.all("connecting").length, 1, "it was never away");
    assert.deepEqual(client.events.all("error"), []);
  });

  withSdk("a refresh to fewer rights ends what they allowed, with the reason, and nothing else", async (stage) => {
    const user = fresh("alice");
    const teams = [["red", "blue"], ["blue"]];
    const getToken = async () => gateway.token(user, { life: teams.length > 1 ? LIFE : LATER, claims: { teams: teams.shift() } });
    const client = await stage.connected(user, { module: { getToken } });
    const [red, blue] = [await stage.subscribed(client, "team:red"), await stage.subscribed(client, "team:blue")];
    const { code, reason } = await red.events.next("unsubscribed");
    assert.deepEqual([code, reason], [2100, "permission withdrawn"]);
    await blue.publish(user);
    await blue.events.next("publication", ({ data }) => data === user);
    assert.equal(blue.events.all("unsubscribed").length, 0);
    red.subscribe();
    assert.equal((await red.events.next("unsubscribed")).code, 103);
  });

  withSdk("a refresh for another user is final", async (stage) => {
    const user = fresh("alice");
    const tokens = [gateway.token(user, { life: LIFE }), gateway.token(fresh("mallory"))];
    const client = await stage.connected(user, { module: { getToken: async () => tokens.shift() } });
    const { code, reason } = await client.events.next("disconnected");
    assert.deepEqual([code, reason], [3500, "invalid token"]);
  });

  withSdk("an expired token in a refresh makes the SDK come back, and ask for another", async (stage) => {
    const user = fresh("alice");
    const tokens = [gateway.token(user, { life: LIFE }), gateway.token(user, { life: 60, age: 3600 })];
    const getToken = async () => tokens.shift() ?? gateway.token(user);
    const client = await stage.connected(user, { module: { getToken } });
    const { code } = await client.events.next("connecting", ({ code }) => code !== 0);
    assert.equal(code, 3005);
    await client.events.next("connected");
  });
});
