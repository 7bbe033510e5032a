/** The signed-in chat: one client of the gateway, the rooms, and what is told to the page about them. */
import { Centrifuge, type Subscription } from "centrifuge";
import { gatepost } from "@gatepost/client";
import { insert, messageOf, note, personOf, startOver, unanswered } from "./entries.ts";
import { Link, type Status } from "./link.ts";
import { Mailbox } from "./mailbox.ts";
import { dmRoom, isMember, newRoomState, ROOMS, type Entry, type Message, type Person, type RoomState } from "./rooms.ts";
import { endOf, fetchToken, type Session } from "./session.ts";

interface Events {
  status: Status;
  /** The page has a new token: the how manieth, and until when it is good. */
  token: { number: number; until: number };
  /** The list of rooms, or a badge in it. */
  list: undefined;
  /** Another room was opened. */
  active: RoomState;
  /** A room's state: entering, open, refused. */
  room: RoomState;
  /** `entry`: what was added at the end or changed there. Without: all anew. */
  entries: { state: RoomState; entry?: Entry };
  people: RoomState;
}

const HISTORY = 50;
const PRESENCE_EVERY = 20_000;
const LEAVE_AFTER = 2_000; // somebody who reloads the page does not leave

export class Chat {
  readonly rooms = new Map<string, RoomState>();
  active: RoomState;
  readonly link: Link;
  private readonly client: Centrifuge;
  private readonly mailbox: Mailbox;
  private readonly listeners = new Map<keyof Events, ((event: never) => void)[]>();
  private readonly leaving = new Map<string, number>();
  private readonly timer: number;

  constructor(
    readonly session: Session,
    firstToken: string | null,
  ) {
    for (const room of ROOMS) this.rooms.set(room.channel, newRoomState(room));
    this.active = this.rooms.get(ROOMS[0]!.channel)!;

    let tokens = 0;
    const getToken = async () => {
      const token = firstToken ?? (await fetchToken(session));
      firstToken = null;
      this.emit("token", { number: ++tokens, until: endOf(token) });
      return token;
    };
    const url = new URL("/connection/websocket", location.href.replace(/^http/, "ws")).href;
    this.client = new Centrifuge(url, { ...gatepost({ getToken }), name: "gatepost-chat", maxReconnectDelay: 8000 });
    this.link = new Link(this.client, (status) => this.emit("status", status));
    this.mailbox = new Mailbox(this.client, session.user, (peer, live) => this.conversation(peer, live));
    this.timer = window.setInterval(() => void this.loadPresence(this.active), PRESENCE_EVERY);
    document.addEventListener("visibilitychange", this.look);
  }

  on<K extends keyof Events>(name: K, listener: (event: Events[K]) => void): void {
    this.listeners.set(name, [...(this.listeners.get(name) ?? []), listener]);
  }

  private emit<K extends keyof Events>(name: K, event: Events[K]): void {
    for (const listener of this.listeners.get(name) ?? []) (listener as (event: Events[K]) => void)(event);
  }

  start(): void {
    for (const state of this.rooms.values()) {
      if (isMember(state.room, this.session)) this.enter(state);
    }
    this.client.connect();
  }

  stop(): void {
    clearInterval(this.timer);
    for (const pending of this.leaving.values()) clearTimeout(pending);
    document.removeEventListener("visibilitychange", this.look);
    this.link.stop();
    this.client.disconnect();
    this.client.removeAllListeners();
  }

  /** Opens a room in the page. One that was refused is asked for again: rules and memberships change. */
  open(state: RoomState): void {
    const before = this.active;
    if (before !== state) before.firstUnread = null;
    this.active = state;
    this.enter(state);
    this.read(state);
    this.emit("active", state);
    if (before !== state) void this.loadPresence(state);
  }

  /** The private conversation with somebody; made when there is none. */
  openConversation(peer: Person): void {
    if (peer.user !== this.session.user && peer.user !== "") this.open(this.conversation(peer, false));
  }

  async send(state: RoomState, text: string): Promise<void> {
    if (!state.subscription) throw { code: 103 };
    await state.subscription.publish({ text, time: Date.now() });
    if (state.room.peer) void this.mailbox.announce(state.room.peer, state.room.title, state.subscription);
  }

  isOnline(user: string): boolean {
    for (const state of this.rooms.values()) {
      for (const member of state.members.values()) if (member.user === user) return true;
    }
    return false;
  }

  private conversation(peer: Person, live: boolean): RoomState {
    const room = dmRoom(this.session.user, peer);
    let state = this.rooms.get(room.channel);
    if (!state) {
      state = newRoomState(room);
      this.rooms.set(room.channel, state);
      this.enter(state);
      this.emit("list", undefined);
    } else if (live && state.status === "failed") {
      this.enter(state);
    }
    return state;
  }

  private readonly look = (): void => {
    if (!document.hidden) this.read(this.active);
  };

  private read(state: RoomState): void {
    if (document.hidden) return;
    state.unread = 0;
    this.mailbox.read(state);
    this.emit("list", undefined);
  }

  private enter(state: RoomState): void {
    if (!state.subscription) this.subscribe(state);
    else if (state.status === "refused" || state.status === "failed") state.subscription.subscribe();
  }

  private setStatus(state: RoomState, status: RoomState["status"], reason = ""): void {
    state.status = status;
    state.reason = reason;
    this.emit("room", state);
    this.emit("list", undefined);
  }

  private subscribe(state: RoomState): void {
    const options = { joinLeave: true, recoverable: true, positioned: true };
    const subscription = this.client.newSubscription(state.room.channel, options);
    state.subscription = subscription;
    subscription.on("subscribing", () => {
      if (state.status === "idle") this.setStatus(state, "entering");
    });
    subscription.on("subscribed", ({ recovered }) => {
      if (state.status !== "open") this.setStatus(state, "open");
      if (!(recovered && state.loaded)) void this.loadHistory(state, subscription);
      void this.loadPresence(state);
    });
    subscription.on("unsubscribed", ({ code, reason }) => {
      if (code === 0 || code === 2) return;
      state.members.clear();
      state.presence = "unknown";
      this.setStatus(state, code === 103 || code >= 2000 ? "refused" : "failed", reason);
      this.emit("people", state);
    });
    subscription.on("publication", (publication) => {
      const message = messageOf(publication, Date.now());
      if (message) this.receive(state, message);
    });
    subscription.on("join", ({ info }) => this.joined(state, info.client, personOf(info)));
    subscription.on("leave", ({ info }) => this.left(state, info.client, personOf(info)));
    subscription.on("error", () => {}); // temporary ones: the SDK tries again
    subscription.subscribe();
  }

  private receive(state: RoomState, message: Message): void {
    const place = insert(state, message);
    if (place === "known") return;
    const foreign = message.sender.user !== this.session.user;
    if (foreign && (state !== this.active || document.hidden)) {
      if (state.unread++ === 0) state.firstUnread = message;
      this.emit("list", undefined);
    } else if (state === this.active) {
      this.mailbox.read(state);
    }
    this.emit("entries", place === "last" ? { state, entry: message } : { state });
  }

  /** The newest messages. The first time they were all read already, except those of a private conversation. */
  private async loadHistory(state: RoomState, subscription: Subscription): Promise<void> {
    const first = !state.loaded;
    try {
      const result = await subscription.history({ limit: HISTORY, reverse: true });
      startOver(state, result.epoch);
      const messages = result.publications.map((publication) => messageOf(publication, null)).filter((message) => message !== null);
      messages.sort((a, b) => (a.offset ?? 0) - (b.offset ?? 0));
      if (first) for (const message of messages) insert(state, message);
      else for (const message of messages) this.receive(state, message);
    } catch {
      // A channel that keeps no history, or a connection that was lost meanwhile: then it is loaded with the next.
      if (subscription.state !== "subscribed") return;
    }
    state.loaded = true;
    if (first && state.room.peer && state !== this.active) {
      const waiting = unanswered(state, this.session.user).filter((message) => this.mailbox.isUnread(state, message));
      state.unread = waiting.length;
      state.firstUnread = waiting[0] ?? null;
      this.emit("list", undefined);
    }
    if (state === this.active) this.mailbox.read(state);
    this.emit("entries", { state });
  }

  private async loadPresence(state: RoomState): Promise<void> {
    if (state.subscription?.state !== "subscribed") return;
    try {
      const { clients } = await state.subscription.presence();
      state.members = new Map(Object.entries(clients).map(([client, info]) => [client, personOf(info)]));
      state.presence = "known";
    } catch (error) {
      const code = (error as { code?: number }).code ?? 0;
      if (code !== 103 && code !== 108) return;
      state.presence = "hidden";
    }
    this.emit("people", state);
    this.emit("list", undefined);
  }

  private joined(state: RoomState, client: string, person: Person): void {
    const here = this.has(state, person.user);
    state.members.set(client, person);
    this.emit("people", state);
    const key = `${state.room.channel} ${person.user}`;
    const pending = this.leaving.get(key);
    if (pending !== undefined) {
      clearTimeout(pending);
      this.leaving.delete(key);
    } else if (!here && person.user !== this.session.user) {
      this.notice(state, person, "joined");
    }
  }

  private left(state: RoomState, client: string, person: Person): void {
    state.members.delete(client);
    this.emit("people", state);
    const key = `${state.room.channel} ${person.user}`;
    if (person.user === this.session.user || this.has(state, person.user) || this.leaving.has(key)) return;
    const gone = () => {
      this.leaving.delete(key);
      this.notice(state, person, "left");
    };
    this.leaving.set(key, window.setTimeout(gone, LEAVE_AFTER));
  }

  private has(state: RoomState, user: string): boolean {
    for (const member of state.members.values()) if (member.user === user) return true;
    return false;
  }

  private notice(state: RoomState, person: Person, what: "joined" | "left"): void {
    if (!state.loaded) return;
    const { entry } = note(state, person.name, what);
    this.emit("entries", { state, entry });
    this.emit("list", undefined);
  }
}
