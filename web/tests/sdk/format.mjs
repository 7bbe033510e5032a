/**
 * The two formats of the SDK, so that one test runs in both: application data are values in it, as they are in JSON, and
 * what went over the wire can be looked at as messages.
 */
import { fileURLToPath } from "node:url";
import protobuf from "protobufjs";

const DEFINITION = fileURLToPath(new URL("../../../proto/client.proto", import.meta.url));
const definition = new protobuf.Root().loadSync(DEFINITION, { keepCase: true });

// What is in its other form already is left as it is: the SDK's subscriptions call its client.
const toBytes = (value) => (value instanceof Uint8Array ? value : new TextEncoder().encode(JSON.stringify(value)));
const toValue = (data) => {
  if (!(data instanceof Uint8Array)) return data;
  return data.length > 0 ? JSON.parse(new TextDecoder().decode(data)) : undefined;
};
/** An offset is more than a number can hold, as a rule. */
const toNumber = (offset) => offset?.toNumber?.() ?? offset;

export const JSON_FORMAT = {
  name: "JSON",
  subprotocol: undefined,
  /** An emitter of the SDK: what an app gives it, and what it hears of it. */
  withValues: (emitter) => emitter,
  value: (given) => given,
  heard: (event) => event,
  /** The commands, or the replies, of one frame. */
  commands: (frame) => frame.split("\n").map((line) => JSON.parse(line)),
  replies: (frame) => frame.split("\n").map((line) => JSON.parse(line)),
  isPing: (frame) => frame === "{}",
  /** How application data of this spelling stands in a frame. */
  spelled: (text) => `"data":${text}`,
};

export const PROTOBUF_FORMAT = {
  name: "Protobuf",
  subprotocol: "centrifuge-protobuf",
  withValues,
  value: toBytes,
  heard,
  commands: (frame) => messages("client.Command", frame),
  replies: (frame) => messages("client.Reply", frame),
  isPing: (frame) => frame.length === 1 && frame[0] === 0,
  spelled: (text) => protobuf.Writer.create().uint32((4 << 3) | 2).string(text).finish(),
};

/** In Protobuf the SDK takes bytes and gives bytes: here they are made of values, and values of them. */
function withValues(emitter) {
  for (const method of ["publish", "rpc"]) {
    const given = emitter[method]?.bind(emitter);
    if (given) emitter[method] = (...args) => given(...args.slice(0, -1), toBytes(args.at(-1)));
  }
  const [history, presence] = [emitter.history.bind(emitter), emitter.presence.bind(emitter)];
  emitter.history = async (...args) => {
    const { publications, offset, epoch } = await history(...args);
    return { publications: publications.map(heard), offset: toNumber(offset), epoch };
  };
  emitter.presence = async (...args) => {
    const { clients } = await presence(...args);
    return { clients: Object.fromEntries(Object.entries(clients).map(([id, info]) => [id, infoOf(info)])) };
  };
  return emitter;
}

/** An event, or a publication of a history. */
function heard(event) {
  if (!event || !("data" in event || "info" in event)) return event;
  return {
    ...event,
    data: toValue(event.data),
    ...("offset" in event && { offset: toNumber(event.offset) }),
    ...(event.info && { info: infoOf(event.info) }),
  };
}

function infoOf({ user, client, connInfo, chanInfo }) {
  const info = { user, client, connInfo: toValue(connInfo), chanInfo: toValue(chanInfo) };
  return Object.fromEntries(Object.entries(info).filter(([, value]) => value !== undefined));
}

/** Read by the gateway's own definition, to what they would be in JSON. */
function messages(type, frame) {
  const Message = definition.lookupType(type);
  const reader = protobuf.Reader.create(frame);
  const found = [];
  while (reader.pos < reader.len) found.push(Message.toObject(Message.decodeDelimited(reader), { longs: Number }));
  return found.map(withoutBytes);
}

function withoutBytes(value) {
  if (value instanceof Uint8Array || typeof value !== "object") return toValue(value);
  if (Array.isArray(value)) return value.map(withoutBytes);
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withoutBytes(member)]));
}
