/** Who is signed in, in this tab. The token itself is never stored: the development issuer gives another one. */

export const TEAMS = ["red", "blue"] as const;
export type Team = (typeof TEAMS)[number];

export interface Session {
  user: string;
  name: string;
  teams: Team[];
  /** Seconds that its tokens live, where they are to be seen running out. */
  life?: number;
}

/** What a token says of its end, in milliseconds. */
export function endOf(token: string): number {
  const claims = JSON.parse(atob(token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/"))) as { exp: number };
  return claims.exp * 1000;
}

export const SHORT_LIFE = 15;
const KEY = "gatepost.session";

/** A user id as the gateway wants it (printable ASCII, neither `#` nor `,`), from whatever was typed. */
export function userIdOf(nickname: string): string {
  const name = nickname.trim();
  const plain = name
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/\s+/g, "-")
    .replace(/[^a-z0-9._-]/g, "")
    .slice(0, 64);
  if (plain !== "" || name === "") return plain;
  const codes = [...name].slice(0, 12).map((char) => char.codePointAt(0)!.toString(36));
  return `guest-${codes.join(".")}`;
}

export function restoreSession(): Session | null {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null") as Partial<Session> | null;
    if (typeof kept?.user !== "string" || typeof kept.name !== "string" || !Array.isArray(kept.teams)) return null;
    const teams = TEAMS.filter((team) => kept.teams!.includes(team));
    return { user: kept.user, name: kept.name, teams, ...(kept.life === SHORT_LIFE && { life: SHORT_LIFE }) };
  } catch {
    return null;
  }
}

export function keepSession(session: Session | null): void {
  if (session) sessionStorage.setItem(KEY, JSON.stringify(session));
  else sessionStorage.clear();
}

/** Asks the development issuer for a token. Throws an Error whose message can be shown. */
export async function fetchToken(session: Session): Promise<string> {
  const claims = { teams: session.teams, info: { name: session.name } };
  let answer: Response;
  try {
    answer = await fetch("/dev/login", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ user: session.user, claims, life: session.life }),
    });
  } catch {
    throw new Error("The gateway cannot be reached. Is it running?");
  }
  const body = (await answer.json().catch(() => null)) as { token?: unknown; error?: { message?: unknown } } | null;
  if (answer.ok && typeof body?.token === "string") return body.token;
  if (typeof body?.error?.message === "string") throw new Error(body.error.message);
  throw new Error(
    answer.status === 404
      ? "There is no development issuer here. This demo needs `gatepost dev`."
      : `Signing in did not work (HTTP ${answer.status}).`,
  );
}
