/** The lines of a room: what was published, in the channel's order, and notices between. */
import type { HistoryResult, PublicationContext } from "centrifuge";
import type { Message, Notice, Person, RoomState } from "./rooms.ts";
import { joinNames } from "./words.ts";

type Publication = HistoryResult["publications"][number] | PublicationContext;
type ClientInfo = NonNullable<Publication["info"]>;

const MOST = 400;
const NOTICE_NAMES = 6;

/** Who somebody is comes from the gateway alone: the user id, and the `info` claim of their token. */
export function personOf(info: ClientInfo | undefined): Person {
  if (!info || info.user === "") return { user: "", name: "The gateway" };
  const name = (info.connInfo as { name?: unknown } | undefined)?.name;
  return { user: info.user, name: typeof name === "string" && name.trim() !== "" ? name.slice(0, 80) : info.user };
}

/** Null for what is not a message: others may publish anything. `now` if it has just been sent, null out of history. */
export function messageOf(publication: Publication, now: number | null): Message | null {
  const data = publication.data as { text?: unknown; time?: unknown } | null;
  if (typeof data?.text !== "string" || data.text === "") return null;
  const time = typeof data.time === "number" && Math.abs(data.time) < 8e15 ? data.time : now;
  const offset = publication.offset ? publication.offset : null;
  return { kind: "message", sender: personOf(publication.info), text: data.text, time, offset };
}

/** Puts a message where its offset says. `"known"` if it was there already. */
export function insert(state: RoomState, message: Message): "last" | "between" | "known" {
  const { entries } = state;
  let at = entries.length;
  if (message.offset !== null) {
    for (let i = entries.length - 1; i >= 0; i--) {
      const entry = entries[i]!;
      if (entry.kind !== "message" || entry.offset === null) continue;
      if (entry.offset === message.offset) return "known";
      if (entry.offset < message.offset) break;
      at = i;
    }
  }
  entries.splice(at, 0, message);
  if (entries.length > MOST) entries.splice(0, entries.length - MOST);
  return at >= entries.length - 1 ? "last" : "between";
}

/** Another numbering of the channel: nothing that was known can be compared with it. */
export function startOver(state: RoomState, epoch: string): void {
  if (state.epoch !== "" && state.epoch !== epoch) {
    state.entries = [];
    state.firstUnread = null;
    state.unread = 0;
  }
  state.epoch = epoch;
}

/** What the others wrote since one's own last message. */
export function unanswered(state: RoomState, me: string): Message[] {
  const messages = state.entries.filter((entry): entry is Message => entry.kind === "message");
  const own = messages.findLastIndex((message) => message.sender.user === me);
  return messages.slice(own + 1);
}

/** "Bob joined": added to the last line if that is such a notice too. Returns the line and whether it is a new one. */
export function note(state: RoomState, name: string, what: "joined" | "left"): { entry: Notice; isNew: boolean } {
  const last = state.entries.at(-1);
  const isNew = last?.kind !== "notice" || last.joined.length + last.left.length >= NOTICE_NAMES;
  const entry: Notice = isNew ? { kind: "notice", text: "", joined: [], left: [] } : last;
  const [here, gone] = what === "joined" ? [entry.joined, entry.left] : [entry.left, entry.joined];
  if (gone.includes(name)) gone.splice(gone.indexOf(name), 1);
  if (!here.includes(name)) here.push(name);
  const parts = [
    entry.joined.length > 0 && `${joinNames(entry.joined)} joined`,
    entry.left.length > 0 && `${joinNames(entry.left)} left`,
  ];
  entry.text = parts.filter(Boolean).join(" · ");
  if (isNew) state.entries.push(entry);
  return { entry, isNew };
}
