/** `gatepost serve` with a configuration of its own: the same door, other rules. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Gateway } from "../support/gateway.mjs";
import { failure, fresh, plainSocket, subprotocolSocket, withEachSdk } from "./stage.mjs";

const RULES = `
[door]
sources = ["header", "subprotocol"]
origins = ["https://app.example.com"]

[session]
max_connections = 3
max_channels = 4

[claims]
roles = []

[personal]
publish = "claims.roles.exists(role, role == 'clerk')"

[room.default]
subscribe = "true"

[room.board]
subscribe = "true"
publish = "'writer' in claims.roles"
history = { size = 3, ttl = "1h", read = "'writer' in claims.roles" }
deny = "'banned' in claims.roles"
`;

let gateway;
before(async () => (gateway = await Gateway.serve(RULES)));
after(() => gateway?.close());
const withSdk = (title, run) => withEachSdk(title, () => gateway, run);

withSdk("rules decide who writes, reads and listens", async (stage) => {
  const channel = fresh("board:news");
  const writer = await stage.connected(fresh("ann"), { claims: { roles: ["writer"] } });
  const reader = await stage.connected(fresh("rob"));
  const banned = await stage.connected(fresh("eve"), { claims: { roles: ["writer", "banned"] } });
  const side = await stage.subscribed(reader, channel);

  for (let number = 1; number <= 5; number++) await writer.publish(channel, { number });
  await side.events.next("publication", ({ data }) => data.number === 5);
  assert.equal(side.events.all("publication").length, 5);
  assert.equal((await failure(side.publish("me too"))).code, 103);
  assert.equal((await failure(side.history({ limit: 10 }))).code, 103);
  const { publications, offset } = await writer.history(channel, { limit: 10 });
  assert.deepEqual([publications.map(({ offset }) => offset), offset], [[3, 4, 5], 5], "the last three are kept");

  const refused = stage.subscription(banned, channel);
  refused.subscribe();
  assert.equal((await refused.events.next("unsubscribed")).code, 103);
  assert.equal((await failure(banned.publish(channel, "still here"))).code, 103);
});

withSdk("a feature that is off is not available, and a room without a namespace can be had", async (stage) => {
  const client = await stage.connected(fresh("ann"));
  const side = await stage.subscribed(client, fresh("news"));
  for (const attempt of [side.history({ limit: 1 }), side.presence(), side.presenceStats()]) {
    const error = await failure(attempt);
    assert.deepEqual([error.code, error.message], [108, "not available"]);
  }
  assert.equal((await failure(side.publish("hi"))).code, 103, "nothing allows it");
});

withSdk("only those whom the rule names may write into a mailbox", async (stage) => {
  const user = fresh("ann");
  const owner = await stage.connected(user);
  const clerk = await stage.connected(fresh("carl"), { claims: { roles: ["clerk"] } });
  const other = await stage.connected(fresh("rob"));
  assert.equal((await failure(other.publish(`#${user}`, "spam"))).code, 103);
  await clerk.publish(`#${user}`, "your papers are ready");
  const { data, offset } = await owner.events.next("publication");
  assert.equal(data, "your papers are ready");
  assert.ok(!offset, "no history, no offset");
});

withSdk("limits: 106 for one channel too many, the door for one connection too many", async (stage) => {
  const user = fresh("ann");
  const first = await stage.connected(user);
  // Its personal channel counts.
  for (let count = 0; count < 3; count++) await stage.subscribed(first, fresh("board:limit"));
  const extra = stage.subscription(first, fresh("board:limit"));
  extra.subscribe();
  const { code, reason } = await extra.events.next("unsubscribed");
  assert.deepEqual([code, reason], [106, "limit exceeded"]);

  await stage.connected(user);
  await stage.connected(user);
  const fourth = stage.client(user);
  fourth.connect();
  await fourth.events.next("error");
  assert.equal(fourth.events.all("connected").length, 0);
  first.disconnect();
  await fourth.events.next("connected");
});

withSdk("a page of another origin is not let in", async (stage) => {
  const user = fresh("ann");
  const from = (origin) => ({ url }, token) => subprotocolSocket({ url, origin }, token);
  const stranger = stage.client(user, { socket: from("https://evil.example") });
  stranger.connect();
  await stranger.events.next("error");
  stranger.disconnect();
  assert.equal(stranger.events.all("connected").length, 0);
  await stage.connected(user, { socket: from("https://app.example.com") });
});

withSdk("the connect command's token alone opens no door", async (stage) => {
  const user = fresh("ann");
  const client = stage.client(user, { socket: plainSocket, token: gateway.token(user) });
  client.connect();
  await client.events.next("error");
  client.disconnect();
  assert.equal(client.events.all("connected").length, 0);
});
