/** Codes and errors, said so that a person can do something about them. */
import type { Session } from "./session.ts";
import type { RoomState } from "./rooms.ts";

const CLOSES: Record<number, string> = {
  2: "The gateway went quiet",
  3001: "The gateway is restarting",
  3005: "The session ran out and is being renewed",
  3008: "This connection was too slow",
  3012: "The gateway no longer heard from this page",
  3013: "Too many requests, slowing down",
  3500: "The gateway no longer accepts this sign-in",
  3503: "You were disconnected by an administrator",
  3504: "You have too many tabs or devices connected",
  3507: "You are blocked",
};

/** Why the connection is gone. `reason` is the gateway's own word, `message (code)` when it refused an upgrade. */
export function whyClosed(code: number, reason: string): string {
  if (code === 3500 && reason.endsWith(")")) return reason.replace(/\.? \([a-z_]+\)$/, "");
  if (reason === "token revoked") return "This sign-in was taken back. Sign out, and in again";
  if (code === 1 && reason === "unauthorized") return "You are signed out";
  if (CLOSES[code]) return CLOSES[code];
  if (code < 3000) return navigator.onLine ? "The gateway cannot be reached" : "There is no network";
  return reason;
}

export interface Explanation {
  title: string;
  text: string;
}

/** Why a room cannot be entered. */
export function whyRefused(state: RoomState, session: Session): Explanation {
  const { room, status, reason } = state;
  if (status === "failed") {
    return { title: "This room could not be opened", text: `The gateway says: ${reason}.` };
  }
  if (room.team) {
    const own = session.teams.length === 0 ? "without a team" : `as a member of the ${session.teams.join(" and ")} team${session.teams.length > 1 ? "s" : ""}`;
    return {
      title: `This room is for the ${room.team} team`,
      text: `You signed in ${own}, so the gateway did not let you in. Sign out and choose the ${room.team} team to come here.`,
    };
  }
  return { title: "You cannot enter this room", text: `The gateway says: ${reason}.` };
}

/** Why a message was not sent. */
export function whyNotSent(error: unknown): string {
  const { code, message } = (error ?? {}) as { code?: number; message?: string };
  switch (code) {
    case 103:
      return "You are not allowed to write in this room.";
    case 111:
      return "That was too fast. Wait a moment and send it again.";
    case 1:
      return "The gateway did not answer in time. Send it again.";
    case undefined:
      return "The message was not sent.";
    default:
      return code < 100
        ? "There is no connection. Your message was not sent."
        : `The message was not sent: ${message ?? "unknown error"}.`;
  }
}

export const joinNames = (names: string[]): string =>
  names.length < 2 ? (names[0] ?? "") : `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`;

export const plural = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

/** One clock all over the page: 24 hours. */
const CLOCK = { hourCycle: "h23", hour: "2-digit", minute: "2-digit" } as const;

export const timeOf = (time: number): string => new Date(time).toLocaleTimeString(undefined, CLOCK);

export const secondOf = (time: number): string =>
  new Date(time).toLocaleTimeString(undefined, { ...CLOCK, second: "2-digit" });

export const momentOf = (time: number): string =>
  new Date(time).toLocaleString(undefined, { ...CLOCK, year: "numeric", month: "long", day: "numeric", second: "2-digit" });

export function dayOf(time: number): string {
  const day = new Date(time);
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(time).setHours(0, 0, 0, 0)) / 86_400_000);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return day.toLocaleDateString(undefined, { weekday: "long", day: "numeric", month: "long" });
}
