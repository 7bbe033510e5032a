/** Large, many and unusual: what still goes through, unchanged, and what does not. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { WebSocket } from "ws";
import { within } from "../support/deadline.mjs";
import { Gateway } from "../support/gateway.mjs";
import { failure, fresh, withEachSdk } from "./stage.mjs";

let gateway;
before(async () => (gateway = await Gateway.dev()));
after(() => gateway?.close());
const withSdk = (title, run) => withEachSdk(title, () => gateway, run);

withSdk("64 subscriptions with long tokens in the frame of the connect command", async (stage) => {
  const user = fresh("alice");
  const client = stage.client(user, { getToken: async () => gateway.token(user) });
  const sides = Array.from({ length: 64 }, () => {
    const channel = fresh("chat:many");
    const token = gateway.token(user, { claims: { channel, note: "x".repeat(1500) } });
    const side = stage.subscription(client, channel, { token });
    side.subscribe();
    return side;
  });
  client.connect();
  await client.events.next("connected");
  for (const side of sides) await side.events.next("subscribed");
  const [first] = client.wire.sent;
  assert.equal(stage.format.commands(first).length, 65, "all in one frame");
  assert.ok(first.length > 128 * 1024, `${first.length} bytes`);
  await sides[63].publish("all there");
  await sides[63].events.next("publication");
});

withSdk("a payload of nearly 60 KiB", async (stage) => {
  const channel = fresh("chat:large");
  const client = await stage.connected(fresh("alice"));
  const listener = await stage.subscribed(await stage.connected(fresh("bob")), channel);
  const text = "Between you, me and the gatepost. ".repeat(1800).slice(0, 60 * 1024 - 200);
  await client.publish(channel, { text });
  const { data } = await listener.events.next("publication");
  assert.equal(data.text, text);
  const { publications } = await client.history(channel, { limit: 1 });
  assert.equal(publications[0].data.text, text);
});

withSdk("a message over the limit ends the connection for good", async (stage) => {
  const channel = fresh("chat:too-large");
  const client = await stage.connected(fresh("alice"));
  const watcher = await stage.subscribed(await stage.connected(fresh("bob")), channel);
  const closed = new Promise((done) => client.wire.socket.on("close", done));
  const lost = failure(client.publish(channel, { text: "x".repeat(64 * 1024) }));
  const { code, reason } = await client.events.next("disconnected");
  assert.deepEqual([code, reason], [3, "message size limit exceeded"]);
  assert.equal(await within(closed, "the close"), 1009);
  assert.ok((await lost).code > 0);
  await watcher.publish("the room is as before");
  assert.equal((await watcher.events.next("publication")).data, "the room is as before");
});

const UNUSUAL = [
  "Grüße, 世界 · Привет · مرحبا · नमस्ते",
  "👩‍👩‍👧‍👦 🏳️‍🌈 e\u0301 é",
  "line\nbreak, tab\t, nul \u0000, separator \u2028 \u2029, \"quotes\" \\ /",
  "\ud800 alone",
  { "": 0, "a b": [1, -0.5, 1e21, 1e-7, 9007199254740991], nested: { null: null, true: true } },
  [],
  0,
  false,
  null,
  "",
];

withSdk("unusual payloads arrive byte for byte", async (stage) => {
  const channel = fresh("chat:unusual");
  const speaker = await stage.connected(fresh("alice"));
  const client = await stage.connected(fresh("bob"));
  const side = await stage.subscribed(client, channel);
  for (const data of UNUSUAL) {
    const before = client.wire.received.length;
    await speaker.publish(channel, data);
    const heard = await side.events.next("publication");
    assert.deepEqual(heard.data, data);
    const spelled = stage.format.spelled(JSON.stringify(data));
    assert.ok(client.wire.received.slice(before).some((frame) => frame.includes(spelled)), JSON.stringify(data));
  }
  const { publications } = await side.history({ limit: 100 });
  assert.deepEqual(publications.map(({ data }) => data), UNUSUAL);
});

withSdk("the spelling of JSON is kept as it came", async (stage) => {
  const [user, channel] = [fresh("alice"), fresh("chat:spelling")];
  const client = await stage.connected(fresh("bob"));
  const side = await stage.subscribed(client, channel);
  const raw = new WebSocket(gateway.url, { ca: gateway.ca, headers: { Authorization: `Bearer ${gateway.token(user)}` } });
  try {
    await within(new Promise((done) => raw.once("open", done)), "the upgrade");
    const spelled = '{ "b" : 1.50,\t"a":1E+2 , "big":12345678901234567890123, "esc":"\\u00e9\\/" }';
    raw.send(`{"id":1,"connect":{}}\n{"id":2,"publish":{"channel":"${channel}","data":${spelled}}}`);
    const { data } = await side.events.next("publication");
    assert.deepEqual([data.b, data.a, data.esc], [1.5, 100, "é/"]);
    assert.ok(client.wire.received.some((frame) => frame.includes(stage.format.spelled(spelled))), String(client.wire.received));
  } finally {
    raw.terminate();
  }
});
