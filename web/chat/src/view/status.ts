/** Connecting, connected, or offline and why. */
import type { Chat } from "../chat.ts";
import { h, on, setText } from "../dom.ts";
import { testid } from "../testids.ts";

export function statusChip(chat: Chat): HTMLElement {
  const text = h("span", { class: "status-text" });
  const chip = h("p", { class: "status-chip", ...testid("connection-state") }, h("span", { class: "status-dot" }), text);
  const retry = h("button", { type: "button", class: "button-quiet", hidden: true, ...testid("connection-retry") }, "Reconnect");
  on(retry, { click: () => chat.link.retry() });
  const draw = () => {
    const { state, text: words, final } = chat.link.status;
    chip.dataset.state = state;
    setText(text, words);
    chip.title = words;
    retry.hidden = !final;
  };
  chat.on("status", draw);
  draw();
  return h("div", { class: "status", role: "status" }, chip, retry);
}
