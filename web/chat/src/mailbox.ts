/**
 * The personal channel `#user`, which the gateway subscribes every connection to. Others put a note in it when they
 * begin a private conversation. Who wrote the note is what the gateway says; what the note says is not believed.
 */
import type { Centrifuge, PublicationContext, Subscription } from "centrifuge";
import { personOf } from "./entries.ts";
import { isUserId, type Message, type Person, type RoomState } from "./rooms.ts";

const KEY = "gatepost.read";
const KEPT = 100;

type Note = Pick<PublicationContext, "data" | "info">;

export class Mailbox {
  private readonly channel: string;
  private readonly toldMyself = new Set<string>();
  private lastRead: Record<string, string> = {};

  constructor(
    private readonly client: Centrifuge,
    private readonly me: string,
    private readonly found: (peer: Person, live: boolean) => void,
  ) {
    this.channel = `#${me}`;
    try {
      this.lastRead = JSON.parse(sessionStorage.getItem(KEY) ?? "{}") as Record<string, string>;
    } catch {
      // unreadable: everything counts as unread
    }
    client.on("publication", (publication) => {
      if (publication.channel === this.channel) this.take(publication, true);
    });
    client.on("connected", () => void this.look());
  }

  /** Tells the other of the conversation, if they do not listen to it yet, and one's own other tabs, once. */
  async announce(peer: string, name: string, conversation: Subscription): Promise<void> {
    try {
      if (!this.toldMyself.has(peer)) {
        this.toldMyself.add(peer);
        await this.client.publish(this.channel, { type: "dm", with: peer, name });
      }
      const present = await conversation.presence().catch(() => null);
      const listens = Object.values(present?.clients ?? {}).some(({ user }) => user === peer);
      if (!listens) await this.client.publish(`#${peer}`, { type: "dm", with: peer });
    } catch {
      // The message itself is in the conversation; the other finds it there.
    }
  }

  /** Remembers how far a private conversation was read, so that a reload does not bring its badge back. */
  read(state: RoomState): void {
    const last = state.entries.findLast((entry) => entry.kind === "message" && entry.offset !== null) as Message | undefined;
    if (!state.room.peer || !last) return;
    this.lastRead[state.room.channel] = `${state.epoch}:${last.offset}`;
    sessionStorage.setItem(KEY, JSON.stringify(this.lastRead));
  }

  isUnread(state: RoomState, message: Message): boolean {
    const [epoch, offset] = (this.lastRead[state.room.channel] ?? ":").split(":");
    return epoch !== state.epoch || (message.offset ?? 0) > Number(offset);
  }

  /** What was put in while this user was away. */
  private async look(): Promise<void> {
    try {
      const { publications } = await this.client.history(this.channel, { limit: KEPT, reverse: true });
      for (const publication of publications.reverse()) this.take(publication, false);
    } catch {
      // No history on personal channels: only notes that come live are seen.
    }
  }

  private take({ data, info }: Note, live: boolean): void {
    const note = data as { type?: unknown; with?: unknown; name?: unknown } | null;
    if (note?.type !== "dm" || !info) return;
    if (info.user !== this.me) return isUserId(info.user) ? this.found(personOf(info), live) : undefined;
    if (!isUserId(note.with) || note.with === this.me) return;
    this.toldMyself.add(note.with);
    this.found({ user: note.with, name: typeof note.name === "string" ? note.name.slice(0, 80) : note.with }, live);
  }
}
