/** What a browser needs to come through Gatepost's door: the token in the upgrade, and the reason of a refusal. */
export interface GatepostOptions {
  /** Asks the app's auth service for a token. `null`: there is none any more (signed out), which stops the client. */
  getToken: () => Promise<string | null>;
  /** Sent with every connect command; `getData` wins, as in the SDK. */
  data?: unknown;
  getData?: () => Promise<unknown>;
  /** Where refusals are explained. Default: `check` beside the WebSocket's path, over https. */
  checkUrl?: string;
  /** Stand-ins for the browser's own, for Node and for tests. */
  websocket?: new (url: string, protocols: string[]) => WebSocket;
  fetch?: typeof fetch;
}

interface Refusal { status: number; code: string; reason: string; wait: number }

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

/** True when the token's own `exp` says so. It is not judged otherwise: that is for the door. */
function isExpired(token: string): boolean {
  try {
    const body = token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/");
    return (JSON.parse(atob(body)) as { exp: number }).exp * 1000 <= Date.now();
  } catch {
    return false;
  }
}

/** A socket that only says why it is closed. 3500 is final for the SDK, which reports code and reason. */
function closedSocket(reason: string): object {
  const socket = { readyState: 3, close() {}, send() {}, onclose: null as ((event: object) => void) | null };
  setTimeout(() => socket.onclose?.({ code: 3500, reason }));
  return socket;
}

/** Options for one client of the SDK: `new Centrifuge(url, { ...gatepost({ getToken }) })`. */
export function gatepost(options: GatepostOptions) {
  const ask = options.fetch ?? globalThis.fetch.bind(globalThis);
  let token: string | null = null;
  let given: string | null = null; // what the SDK puts into its connect command
  let lastUrl = ""; //                where the last attempt went; empty before the first
  let opened = true; //               whether it got through the door
  let stop = ""; //                   why there is to be no other attempt

  /** The door's answer over plain HTTP; `null` when it would let us in, or cannot be asked. */
  async function check(): Promise<Refusal | null> {
    const url = options.checkUrl ?? new URL("check", lastUrl.replace(/^ws/i, "http")).href;
    const headers = { Authorization: `Bearer ${token}` };
    try {
      const answer = await ask(url, { method: "POST", headers, signal: AbortSignal.timeout(5000) });
      if (answer.ok) return null;
      const body = (await answer.json().catch(() => null)) as { error?: { code?: string; message?: string } } | null;
      const code = body?.error?.code ?? "";
      const reason = `${body?.error?.message ?? `The gateway answered ${answer.status}.`} (${code || "refused"})`;
      return { status: answer.status, code, reason, wait: Number(answer.headers.get("Retry-After")) || 1 };
    } catch {
      return null; // offline, or no such endpoint: the SDK knocks again, and later each time
    }
  }

  /** Before every attempt: a token that is not known to be bad, or a reason to stop. */
  async function prepare(): Promise<void> {
    stop = "";
    if (token === null || isExpired(token)) token = await options.getToken();
    for (let fresh = false; lastUrl !== "" && !opened && token !== null; fresh = true) {
      const refusal = await check();
      if (refusal === null) return;
      if (refusal.status === 429 || refusal.status === 503) {
        return void (await pause(Math.min(refusal.wait, 300) * 1000 * (1 + Math.random() / 4)));
      }
      if (refusal.status !== 401) return void (stop = refusal.code && refusal.status < 500 ? refusal.reason : "");
      if (fresh) return void (stop = refusal.reason);
      token = await options.getToken();
    }
    if (token === null) stop = "There is no token. (signed_out)";
  }

  function Socket(url: string, protocol?: string): object {
    if (stop) return closedSocket(stop);
    const socket = new (options.websocket ?? WebSocket)(url, [protocol || "centrifuge-json", `bearer.${token}`]);
    [lastUrl, opened] = [url, false];
    socket.addEventListener("open", () => (opened = true));
    return socket;
  }

  return {
    websocket: Socket,
    /** The SDK asks once, and again only when what it has is used up: never the same token twice. */
    async getToken(): Promise<string> {
      if (token === null || token === given || isExpired(token)) token = await options.getToken();
      return (given = token) as string; // null tells the SDK to stop
    },
    async getData(): Promise<unknown> {
      await prepare();
      return options.getData ? options.getData() : (options.data ?? null);
    },
  };
}
