/** The limits on commands: what an SDK does when it comes back is within them, a flood is not. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Gateway } from "../support/gateway.mjs";
import { failure, fresh, withEachSdk } from "./stage.mjs";

let gateway;
before(async () => (gateway = await Gateway.dev()));
after(() => gateway?.close());
const withSdk = (title, run) => withEachSdk(title, () => gateway, run);

withSdk("256 subscriptions come back again and again without a refusal", async (stage) => {
  const client = await stage.connected(fresh("alice"));
  // One of the 256 is her own channel, to which the server subscribes her.
  const sides = Array.from({ length: 255 }, () => stage.subscription(client, fresh("chat:limits")));
  client.startBatching();
  for (const side of sides) side.subscribe();
  client.stopBatching();
  for (const side of sides) await side.events.next("subscribed");
  for (let round = 0; round < 2; round++) {
    client.wire.socket.terminate();
    for (const side of sides) {
      await side.events.next("subscribing", ({ code }) => code === 1);
      await side.events.next("subscribed");
    }
  }
  const refusals = stage.messages(client).filter(({ error }) => error);
  assert.deepEqual(refusals, []);
  assert.equal(sides.flatMap((side) => side.events.all("error")).length, 0);
});

withSdk("a flood of publications gets error 111, and the connection goes on", async (stage) => {
  const channel = fresh("chat:flood");
  const client = await stage.connected(fresh("alice"));
  const side = await stage.subscribed(client, channel);
  const began = performance.now();
  client.startBatching();
  const all = Array.from({ length: 300 }, (_, number) => side.publish({ number }).then(() => null, (error) => error));
  client.stopBatching();
  const errors = (await Promise.all(all)).filter((error) => error !== null);
  // 40 at once, and 20 more for each second that it took.
  const most = 41 + (20 * (performance.now() - began)) / 1000;
  const taken = all.length - errors.length;
  assert.ok(taken >= 40 && taken <= most, `${taken} were taken, ${most} may be`);
  for (const { code, temporary } of errors) assert.deepEqual([code, temporary], [111, true]);
  await failure(client.rpc("barrier", {}));
  assert.equal(client.state, "connected");
  assert.equal(side.state, "subscribed");
});
