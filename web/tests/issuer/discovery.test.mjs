/** Tokens of an issuer that is known by its name alone: five lines of configuration, and discovery for the rest. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { WebSocket } from "ws";
import { until, within } from "../support/deadline.mjs";
import { Gateway } from "../support/gateway.mjs";
import { Issuer } from "./provider.mjs";

/** An issuer; from the beginning it may publish another text than its own, or none. */
async function issuerFor(t, text) {
  const issuer = await Issuer.start();
  t.after(() => issuer.down());
  if (text !== undefined) issuer.publishes(text);
  return issuer;
}

async function gatewayOf(t, issuer) {
  const gateway = await Gateway.serve(
    "",
    `[[issuer]]
name = "op"
issuer = "${issuer.url}"
audience = ["gatepost"]
discovery = true`,
  );
  t.after(() => gateway.close());
  return gateway;
}

const health = async (gateway) => (await fetch(`${gateway.admin}/health/ready`)).json();

/** An answer that does not come is waited for 5 s, and asked for again. */
const isReady = (gateway) =>
  until(async () => (await health(gateway)).status, (status) => status === "ok", "the gateway has the keys", { pause: 100 });

/** The status that an upgrade with this token is answered with. */
function knock(gateway, token) {
  const socket = new WebSocket(gateway.url, { headers: { Authorization: `Bearer ${token}` } });
  const answered = new Promise((done, fail) => {
    socket.once("upgrade", ({ statusCode }) => done(statusCode));
    socket.once("unexpected-response", (_, { statusCode }) => done(statusCode));
    socket.once("error", fail);
  });
  return within(answered, "the door answers").finally(() => socket.terminate());
}

/** The same, where the gateway may first have to ask for newer keys: until it has them it says so, by 503. */
const answer = (gateway, token) =>
  until(() => knock(gateway, token), (status) => status !== 503, "it has newer keys", { pause: 250 });

it("admits its tokens before and after it rotates its keys, and while it is down", async (t) => {
  const issuer = await issuerFor(t);
  const gateway = await gatewayOf(t, issuer);
  await isReady(gateway);
  const old = await issuer.token();
  assert.equal(await knock(gateway, old), 101);

  issuer.rotate();
  const fresh = await issuer.token();
  assert.equal(await answer(gateway, fresh), 101, "a key that was published a moment ago");
  assert.equal(await answer(gateway, old), 401, "a key that is no longer published");

  const another = await issuer.token();
  await issuer.down();
  assert.equal(await knock(gateway, another), 101, "the keys are known");
  const { issuers } = await health(gateway);
  assert.deepEqual([issuers[0].name, issuers[0].keys], ["op", 1]);
});

const ill = { garbage: "<html>It works!</html>", "no keys": '{"keys":[]}', "no answer": null };
for (const [name, text] of Object.entries(ill)) {
  it(`${name}: the keys that it has stay, and no token is called bad for it`, async (t) => {
    const issuer = await issuerFor(t);
    const gateway = await gatewayOf(t, issuer);
    await isReady(gateway);
    const known = await issuer.token();
    issuer.rotate();
    const unknown = await issuer.token();
    issuer.publishes(text);
    assert.equal(await knock(gateway, unknown), 503, "nobody can tell what it signs with now");
    assert.equal(await knock(gateway, known), 101, "the keys are known");
  });

  it(`${name} from the beginning: not ready, and no token is called bad, until it is well`, async (t) => {
    const issuer = await issuerFor(t, text);
    const gateway = await gatewayOf(t, issuer);
    assert.equal((await health(gateway)).status, "without_keys");
    const token = await issuer.token();
    assert.equal(await knock(gateway, token), 503);
    issuer.isWell();
    await isReady(gateway);
    assert.equal(await knock(gateway, token), 101);
  });
}
