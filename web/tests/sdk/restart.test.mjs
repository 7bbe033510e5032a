/** The gateway goes and comes back on the same port: the SDK waits, comes back and hears again. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { within } from "../support/deadline.mjs";
import { Gateway } from "../support/gateway.mjs";
import { fresh, SDKS, withEachSdk } from "./stage.mjs";

// Each run has a gateway of its own: one restart must not be part of another's test.
const gateways = [];
let next = 0;
const TESTS = 2;
before(async () => gateways.push(...(await Promise.all(Array.from({ length: TESTS * SDKS.length }, () => Gateway.dev())))));
after(() => Promise.all(gateways.map((gateway) => gateway.close())));
const withSdk = (title, run) => withEachSdk(title, () => gateways[next++], run);

withSdk("a restart: 3001, and everything is as before", async (stage) => {
  const { gateway } = stage;
  const channel = fresh("chat:restart");
  const hers = await stage.connected(fresh("alice"));
  const his = await stage.connected(fresh("bob"));
  const herSide = await stage.subscribed(hers, channel, { joinLeave: true });
  const hisSide = await stage.subscribed(his, channel);
  await herSide.publish("before");
  await hisSide.events.next("publication");

  const stopped = gateway.stop("SIGTERM");
  for (const client of [hers, his]) {
    const { code, reason } = await client.events.next("connecting", ({ code }) => code !== 0);
    assert.deepEqual([code, reason], [3001, "shutdown"]);
  }
  assert.equal((await herSide.events.next("subscribing", ({ code }) => code !== 0)).code, 1);
  assert.equal(await stopped, 0, "the exit code");
  await hers.events.next("error"); // at least one attempt found nobody
  assert.equal(hers.state, "connecting");

  await gateway.start();
  for (const client of [hers, his]) await client.events.next("connected");
  for (const side of [herSide, hisSide]) await side.events.next("subscribed");
  await hers.events.next("subscribed", ({ channel }) => channel.startsWith("#"));
  assert.equal(hers.events.all("disconnected").length, 0);
  await hisSide.publish("after");
  assert.equal((await herSide.events.next("publication", ({ data }) => data === "after")).offset, 1, "memory begins anew");
});

withSdk("a gateway that is killed: the SDK comes back all the same", async (stage) => {
  const { gateway } = stage;
  const channel = fresh("chat:killed");
  const client = await stage.connected(fresh("alice"));
  const side = await stage.subscribed(client, channel);
  await gateway.stop("SIGKILL");
  const { code } = await client.events.next("connecting", ({ code }) => code !== 0);
  assert.equal(code, 1, "transport closed");
  const lost = side.publish("into the void");
  await gateway.start();
  await client.events.next("connected");
  await side.events.next("subscribed");
  await within(lost, "what was published meanwhile is sent when the connection is back");
  assert.equal((await side.events.next("publication")).data, "into the void");
});
