/** A connection lives as long as its token, and a while longer. This file takes half a minute, beside the others. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { until } from "../support/deadline.mjs";
import { Gateway } from "../support/gateway.mjs";
import { fresh, withEachSdk } from "./stage.mjs";

const LIFE = 2;
const GRACE = 25;
const LONG = (LIFE + GRACE + 8) * 1000;

let gateway;
before(async () => (gateway = await Gateway.dev()));
after(() => gateway?.close());

withEachSdk(
  "a token runs out: nothing more is done for it, then 3005, and the SDK comes back with another",
  () => gateway,
  async (stage) => {
    const [user, channel] = [fresh("alice"), fresh("chat:expiry")];
    const lives = [LIFE];
    const getToken = async () => gateway.token(user, { life: lives.shift() ?? 3600 });
    const client = await stage.connected(user, { module: { getToken } });
    const side = await stage.subscribed(client, channel);
    await side.publish("before");
    await side.events.next("publication");

    const refused = await until(() => side.publish("too late").then(() => ({}), (error) => error), ({ code }) => code, "it ran out");
    assert.equal(refused.code, 110);
    const other = stage.subscription(client, fresh("chat:other"));
    other.subscribe();
    const { error } = await other.events.next("error");
    assert.equal(error.code, 110);
    assert.equal(client.state, "connected");

    const lost = await client.events.next("connecting", ({ code }) => code !== 0, LONG);
    assert.deepEqual([lost.code, lost.reason], [3005, "connection expired"]);
    await client.events.next("connected");
    await side.events.next("subscribed");
    await other.events.next("subscribed");
    await side.publish("after");
    await side.events.next("publication", ({ data }) => data === "after");
    const pings = client.wire.received.filter(stage.format.isPing).length;
    assert.ok(pings > 0, "a ping came meanwhile");
    assert.equal(client.wire.sent.filter(stage.format.isPing).length, pings, "and was answered");
  },
  LONG + 10_000,
);
