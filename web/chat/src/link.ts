/** The connection's state, in words. */
import type { Centrifuge } from "centrifuge";
import { whyClosed } from "./words.ts";

export interface Status {
  state: "connecting" | "connected" | "offline";
  text: string;
  /** The client does not try again by itself. */
  final: boolean;
}

const PATIENCE = 3000; // how long "reconnecting" is an answer

export class Link {
  status: Status = { state: "connecting", text: "Connecting", final: false };
  private timer = 0;
  private why = "";

  constructor(
    private readonly client: Centrifuge,
    private readonly tell: (status: Status) => void,
  ) {
    client.on("connecting", ({ code, reason }) => {
      this.why = code === 0 ? "" : whyClosed(code, reason);
      this.set("connecting", code === 0 ? "Connecting" : "Reconnecting");
      this.beOfflineIn(navigator.onLine ? PATIENCE : 0);
    });
    client.on("connected", () => {
      clearTimeout(this.timer);
      this.set("connected", "Connected");
    });
    client.on("disconnected", ({ code, reason }) => {
      clearTimeout(this.timer);
      this.set("offline", whyClosed(code, reason), true);
    });
    client.on("error", ({ type, error }) => {
      if (type === "connectToken" || type === "connectData") this.why = error.message.replace(/^\w*Error: /, "");
    });
    window.addEventListener("offline", this.noNetwork);
  }

  retry(): void {
    this.client.connect();
  }

  stop(): void {
    clearTimeout(this.timer);
    window.removeEventListener("offline", this.noNetwork);
  }

  private readonly noNetwork = (): void => {
    if (this.status.state !== "connected") this.beOfflineIn(0);
  };

  private beOfflineIn(delay: number): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      const why = navigator.onLine ? this.why : "";
      this.set("offline", `${(why || whyClosed(1, "")).replace(/\.$/, "")}. Trying again`);
      this.beOfflineIn(PATIENCE);
    }, delay);
  }

  private set(state: Status["state"], text: string, final = false): void {
    const { status } = this;
    if (status.state === state && status.text === text && status.final === final) return;
    this.status = { state, text, final };
    this.tell(this.status);
  }
}
