/** What a browser needs to come through Gatepost's door: its token in the upgrade, and the reason of a refusal. */
export interface GatepostOptions {
  /** Asks the app's auth service for a token. `null`: signed out, which stops the client. Absent: it is in a cookie. */
  getToken?: () => Promise<string | null>;
  /** With a cookie: has it renewed, when the door no longer takes it. */
  renewCookie?: () => Promise<unknown>;
  /** `https://…/connection/ticket`: a one-time ticket in the URL of each attempt takes the place of the token. */
  ticketUrl?: string;
  /** Sent with every connect command; `getData` wins, as in the SDK. */
  data?: unknown;
  getData?: () => Promise<unknown>;
  /** Where refusals are explained. Default: `check` beside the WebSocket's path, over https. */
  checkUrl?: string;
  /** Stand-ins for the browser's own, for Node and for tests. */
  websocket?: new (url: string, protocols: string[]) => WebSocket;
  fetch?: typeof fetch;
}

type Refusal = { status: number; reason: string; wait: number };
type Body = { ticket?: string; error?: { code?: string; message?: string } } | null;
const MOST_A_MINUTE = 20; // attempts, whatever happens; one knocks once, and asks at most four times before

/** True when the token's own `exp` says so. */
function isExpired(token: string): boolean {
  try {
    return JSON.parse(atob(token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/"))).exp * 1000 <= Date.now();
  } catch {
    return false; // the door will say what is wrong with it
  }
}

/** A socket that only says why it is closed. 3500 is final for the SDK, which reports code and reason. */
function closedSocket(reason: string): object {
  const socket = { readyState: 3, close() {}, send() {}, onclose: null as ((event: object) => void) | null };
  return setTimeout(() => socket.onclose?.({ code: 3500, reason })), socket;
}

/** Options for one client of the SDK: `new Centrifuge(url, { ...gatepost({ getToken }) })`. */
export function gatepost(options: GatepostOptions) {
  const { getToken, ticketUrl, fetch: ask = globalThis.fetch.bind(globalThis) } = options;
  const renew = getToken ?? (async () => (await options.renewCookie?.(), "")); // "": it is in a cookie
  let token: string | null = getToken ? null : "", given: string | null = null; // `given` is what the SDK has
  let ticket = "", stop = ""; //       for the next attempt; why there is to be none
  let lastUrl = "", opened = true; //  where the last attempt went, and whether it got through the door
  let notBefore = 0; //                the door asked to be left alone until then
  const attempts: number[] = []; //    when the last ones were

  /** The door's answer over plain HTTP; `null` when it would let us in, or cannot be asked. */
  async function post(url: string): Promise<Refusal | null> {
    const who = token ? { headers: { Authorization: `Bearer ${token}` } } : { credentials: "include" as const };
    const answer = await ask(url, { method: "POST", signal: AbortSignal.timeout(5000), ...who }).catch(() => null);
    const body = (await answer?.json().catch(() => null)) as Body;
    if (answer?.ok) ticket = body?.ticket ?? "";
    if (!answer || answer.ok || !body?.error?.code) return null;
    const wait = Math.min(Number(answer.headers.get("Retry-After")) || 1, 300);
    return { status: answer.status, reason: `${body.error.message} (${body.error.code})`, wait };
  }

  /** Before every attempt: a token that is not known to be bad, or a reason to stop. */
  async function prepare(): Promise<void> {
    if (attempts.length >= MOST_A_MINUTE) notBefore = Math.max(notBefore, attempts.shift()! + 60_000);
    await new Promise((done) => setTimeout(done, notBefore - Date.now()));
    attempts.push(Date.now());
    const check = !opened && (options.checkUrl ?? new URL("check", lastUrl.replace(/^ws/i, "http")).href);
    if (token === null || isExpired(token)) token = await renew();
    for (let fresh = false; token !== null; fresh = true) {
      [ticket, stop] = ["", ""];
      const refusal = (check && (await post(check))) || (ticketUrl && (await post(ticketUrl)));
      if (!refusal && ticketUrl && !ticket) throw new Error("There is no ticket to be had");
      if (!refusal) return;
      if (refusal.status === 429 || refusal.status >= 500) {
        notBefore = Date.now() + refusal.wait * (1000 + Math.random() * 250);
        throw new Error(refusal.reason); // the SDK tells it, and tries again
      }
      if (refusal.status !== 401 || fresh) return void (stop = refusal.reason);
      token = await renew();
    }
    stop = "There is no token. (signed_out)";
  }

  function Socket(url: string, protocol?: string): object {
    if (stop) return closedSocket(stop);
    const protocols = [protocol || "centrifuge-json", ...(token && !ticket ? [`bearer.${token}`] : [])];
    const query = ticket && `${url.includes("?") ? "&" : "?"}ticket=${ticket}`;
    const socket = new (options.websocket ?? WebSocket)(url + query, protocols);
    [lastUrl, opened] = [url, false];
    socket.addEventListener("message", () => (opened = true)); // one that opens may only say why it closes
    return socket;
  }

  const getData = () => prepare().then(() => (options.getData ? options.getData() : (options.data ?? null)));
  if (!getToken) return { websocket: Socket, getData };
  /** The SDK asks once, and again only when what it has is used up: never the same token twice. */
  const forSdk = async () => {
    if (token === null || token === given || isExpired(token)) token = await getToken();
    return (given = token) as string; // null tells the SDK to stop
  };
  return { websocket: Socket, getData, getToken: forSdk };
}
