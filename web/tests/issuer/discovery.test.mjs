/** Tokens of an issuer that is known by its name alone: five lines of configuration, and discovery for the rest. */
import assert from "node:assert/strict";
import { after, before, it } from "node:test";
import { WebSocket } from "ws";
import { until, within } from "../support/deadline.mjs";
import { Gateway } from "../support/gateway.mjs";
import { Issuer } from "./provider.mjs";

let issuer;
let gateway;
before(async () => {
  issuer = await Issuer.start();
  gateway = await Gateway.serve(
    "",
    `[[issuer]]
name = "op"
issuer = "${issuer.url}"
audience = ["gatepost"]
discovery = true`,
  );
  await until(async () => (await health()).status, (status) => status === "ok", "the gateway has the keys");
});
after(async () => {
  await gateway?.close();
  await issuer?.down();
});

const health = async () => (await fetch(`${gateway.admin}/health/ready`)).json();

/** The status that an upgrade with this token is answered with. */
function knock(token) {
  const socket = new WebSocket(gateway.url, { headers: { Authorization: `Bearer ${token}` } });
  const answered = new Promise((done, fail) => {
    socket.once("upgrade", ({ statusCode }) => done(statusCode));
    socket.once("unexpected-response", (_, { statusCode }) => done(statusCode));
    socket.once("error", fail);
  });
  return within(answered, "the door answers").finally(() => socket.terminate());
}

/** The same, where the gateway may first have to ask for newer keys: until it has them it says so, by 503. */
const answer = (token) => until(() => knock(token), (status) => status !== 503, "it has newer keys", { pause: 250 });

it("admits its tokens before and after it rotates its keys, and while it is down", async () => {
  const old = await issuer.token();
  assert.equal(await knock(old), 101);

  issuer.rotate();
  const fresh = await issuer.token();
  assert.equal(await answer(fresh), 101, "a key that was published a moment ago");
  assert.equal(await answer(old), 401, "a key that is no longer published");

  const another = await issuer.token();
  await issuer.down();
  assert.equal(await knock(another), 101, "the keys are known");
  const { issuers } = await health();
  assert.deepEqual([issuers[0].name, issuers[0].keys], ["op", 1]);
});
