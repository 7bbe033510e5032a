/** What every test of the SDK stands on: both versions of it in both formats, clients that go when the test ends. */
import { describe, it } from "node:test";
import { gatepost } from "@gatepost/client";
import { Centrifuge as Json58 } from "centrifuge";
import { Centrifuge as Protobuf58 } from "centrifuge/build/protobuf";
import { Centrifuge as Json57 } from "centrifuge-5.7";
import { Centrifuge as Protobuf57 } from "centrifuge-5.7/build/protobuf";
import { WebSocket } from "ws";
import { Events, PATIENCE, TEST_TIMEOUT, within } from "../support/deadline.mjs";
import { JSON_FORMAT, PROTOBUF_FORMAT } from "./format.mjs";

export const SDKS = [
  { version: "5.8", Centrifuge: Json58, format: JSON_FORMAT },
  { version: "5.7", Centrifuge: Json57, format: JSON_FORMAT },
  { version: "5.8", Centrifuge: Protobuf58, format: PROTOBUF_FORMAT },
  { version: "5.7", Centrifuge: Protobuf57, format: PROTOBUF_FORMAT },
];

const CLIENT_EVENTS = ["connecting", "connected", "disconnected", "error", "message"];
const SERVER_SIDE_EVENTS = ["subscribed", "subscribing", "unsubscribed", "publication", "join", "leave"];
const SUBSCRIPTION_EVENTS = ["subscribing", "subscribed", "unsubscribed", "publication", "join", "leave", "error"];

let names = 0;
/** A name that no other test uses. */
export const fresh = (what) => `${what}-${++names}`;

/** Runs a test with each version of the SDK in each format, all at the same time. */
export function withEachSdk(title, gatewayOf, run) {
  describe(title, { concurrency: true }, () => {
    for (const sdk of SDKS) {
      it(`SDK ${sdk.version}, ${sdk.format.name}`, { timeout: TEST_TIMEOUT }, async (context) => {
        const stage = new Stage(sdk, gatewayOf());
        context.after(() => stage.clear());
        await run(stage);
      });
    }
  });
}

class Stage {
  #clients = [];

  constructor(sdk, gateway) {
    this.sdk = sdk;
    this.format = sdk.format;
    this.gateway = gateway;
  }

  /**
   * A client of the SDK that has not connected yet; with its events, and the frames of its sockets. `door` is the token
   * that is presented with the upgrade, in the way of `socket`; or `module` is what the client module is given, which
   * then presents it. Other options are the SDK's own; `data` is any value.
   */
  client(user, { claims, door, socket = headerSocket, module, data, ...options } = {}) {
    const { gateway, format } = this;
    const wire = { sent: [], received: [], socket: null, onSend: () => {} };
    const through = (Socket) => recording(Socket, wire);
    const client = new this.sdk.Centrifuge(gateway.url, {
      minReconnectDelay: 50,
      maxReconnectDelay: 200,
      // An SDK that gives up an answer or a ping as late would be one more way to fail where everything is slow.
      timeout: PATIENCE,
      maxServerPingDelay: PATIENCE,
      ...(module
        ? gatepost({ websocket: through(plainSocket(gateway)), fetch: gateway.fetch, ...module })
        : { websocket: through(socket(gateway, door ?? gateway.token(user, { claims }))) }),
      ...(data !== undefined && { data: format.value(data) }),
      ...options,
    });
    format.withValues(client);
    client.wire = wire;
    client.events = new Events(client, [...CLIENT_EVENTS, ...SERVER_SIDE_EVENTS], format.heard);
    this.#clients.push(client);
    return client;
  }

  /** A connected client. */
  async connected(user, options) {
    const client = this.client(user, options);
    client.connect();
    client.welcome = await client.events.next("connected");
    return client;
  }

  /** A subscription whose events are kept, on its way. */
  subscription(client, channel, options = {}) {
    const subscription = client.newSubscription(channel, { minResubscribeDelay: 50, maxResubscribeDelay: 200, ...options });
    this.format.withValues(subscription);
    subscription.events = new Events(subscription, SUBSCRIPTION_EVENTS, this.format.heard);
    return subscription;
  }

  /** A subscription that was answered. */
  async subscribed(client, channel, options) {
    const subscription = this.subscription(client, channel, options);
    subscription.subscribe();
    subscription.welcome = await subscription.events.next("subscribed");
    return subscription;
  }

  /** What came over the client's wire, message by message. */
  messages({ wire }) {
    return wire.received.flatMap((frame) => this.format.replies(frame));
  }

  clear() {
    for (const client of this.#clients) client.disconnect();
  }
}

/** The token in `Authorization`, as programs send it. */
export const headerSocket = ({ ca }, token) =>
  class extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols ?? [], { ca, headers: { Authorization: `Bearer ${token}` } });
    }
  };

/** The token as a subprotocol, as browsers send it. */
export const subprotocolSocket = ({ ca, origin }, token) =>
  class extends WebSocket {
    constructor(url, protocol) {
      super(url, [protocol || "centrifuge-json", `bearer.${token}`], { ca, origin });
    }
  };

/** Whatever the SDK passes, with the development certificate trusted: for the client module, which adds the rest. */
export const plainSocket = ({ ca, origin }) =>
  class extends WebSocket {
    constructor(url, protocols) {
      super(url, protocols ?? [], { ca, origin });
    }
  };

/** Keeps what goes over the wire. */
function recording(Socket, wire) {
  return class extends Socket {
    constructor(...given) {
      super(...given);
      wire.socket = this;
      this.on("upgrade", (answer) => (wire.upgrade = answer));
      this.on("message", (data, binary) => wire.received.push(binary ? Buffer.from(data) : data.toString()));
    }

    send(data, ...rest) {
      wire.sent.push(data);
      super.send(data, ...rest);
      wire.onSend(data);
    }
  };
}

/** The error that a promise must fail with. */
export async function failure(promise) {
  try {
    await within(promise, "the answer");
  } catch (error) {
    return error;
  }
  throw new Error("it succeeded, and should not have");
}
