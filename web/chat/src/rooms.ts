/** The rooms of the demo, and what is known of each while signed in. */
import type { Subscription } from "centrifuge";
import type { Session, Team } from "./session.ts";

export interface Room {
  channel: string;
  title: string;
  about: string;
  kind: "chat" | "team" | "dm";
  team?: Team;
  peer?: string;
}

export interface Person {
  user: string;
  name: string;
}

export interface Message {
  kind: "message";
  sender: Person;
  text: string;
  /** When it was sent; null where nobody tells. */
  time: number | null;
  offset: number | null;
}

/** Who came and went since the line before. */
export interface Notice {
  kind: "notice";
  text: string;
  joined: string[];
  left: string[];
}

export type Entry = Message | Notice;

export type RoomStatus = "idle" | "entering" | "open" | "refused" | "failed";

export interface RoomState {
  readonly room: Room;
  subscription: Subscription | null;
  status: RoomStatus;
  /** Why it is refused or failed, as the gateway put it. */
  reason: string;
  entries: Entry[];
  loaded: boolean;
  epoch: string;
  /** By client id: somebody with two tabs is in here twice. */
  members: Map<string, Person>;
  presence: "unknown" | "known" | "hidden";
  unread: number;
  firstUnread: Message | null;
  draft: string;
}

export const ROOMS: readonly Room[] = [
  { channel: "chat:general", title: "general", about: "For everybody, about everything", kind: "chat" },
  { channel: "chat:random", title: "random", about: "What fits nowhere else", kind: "chat" },
  { channel: "chat:help", title: "help", about: "Ask, and somebody may know", kind: "chat" },
  { channel: "team:red", title: "red team", about: "For members of the red team only", kind: "team", team: "red" },
  { channel: "team:blue", title: "blue team", about: "For members of the blue team only", kind: "team", team: "blue" },
];

export function newRoomState(room: Room): RoomState {
  return {
    room,
    subscription: null,
    status: "idle",
    reason: "",
    entries: [],
    loaded: false,
    epoch: "",
    members: new Map(),
    presence: "unknown",
    unread: 0,
    firstUnread: null,
    draft: "",
  };
}

/** One conversation has one name: the users sorted by byte. (All ids are ASCII, so code units will do.) */
export function dmChannel(a: string, b: string): string {
  return `dm:#${a < b ? `${a},${b}` : `${b},${a}`}`;
}

export function dmRoom(me: string, peer: Person): Room {
  return {
    channel: dmChannel(me, peer.user),
    title: peer.name,
    about: `Only you and ${peer.name} can read this`,
    kind: "dm",
    peer: peer.user,
  };
}

export const isUserId = (value: unknown): value is string =>
  typeof value === "string" && /^[\x21-\x7e]{1,128}$/.test(value) && !/[#,]/.test(value);

export const isMember = (room: Room, session: Session): boolean =>
  room.team === undefined || session.teams.includes(room.team);

/** One entry a user, oneself first, then by name; with the number of their tabs and devices. */
export function peopleOf(state: RoomState, me: string): (Person & { connections: number })[] {
  const people = new Map<string, Person & { connections: number }>();
  for (const member of state.members.values()) {
    const known = people.get(member.user);
    if (known) known.connections++;
    else people.set(member.user, { ...member, connections: 1 });
  }
  const mine = (user: string) => (user === me ? 0 : 1);
  return [...people.values()].sort((a, b) => mine(a.user) - mine(b.user) || a.name.localeCompare(b.name));
}
