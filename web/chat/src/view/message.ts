/** One line of the timeline. */
import { avatar, h, on } from "../dom.ts";
import type { Message, Notice } from "../rooms.ts";
import { testid } from "../testids.ts";
import { momentOf, timeOf } from "../words.ts";

const LINK = /https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/g;

/** Web addresses become links; all else, and what the link says, is text. */
function withLinks(text: string): Node[] {
  const nodes: Node[] = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    nodes.push(document.createTextNode(text.slice(from, match.index)));
    nodes.push(h("a", { href: match[0], target: "_blank", rel: "noopener noreferrer nofollow" }, match[0]));
    from = match.index + match[0].length;
  }
  nodes.push(document.createTextNode(text.slice(from)));
  return nodes;
}

export function messageItem(message: Message, follows: boolean, me: string, talk: () => void): HTMLElement {
  const { sender, time, text, offset } = message;
  const own = sender.user === me;
  const when =
    time === null
      ? h("span", { class: "message-time" })
      : h("time", { class: "message-time", datetime: new Date(time).toISOString(), title: momentOf(time) }, timeOf(time));
  const body = h("p", { class: "message-text", ...testid("message-text") }, ...withLinks(text));
  const attributes = {
    class: `message${follows ? " follows" : ""}${own ? " own" : ""}`,
    "data-sender": sender.user,
    "data-offset": offset,
    ...testid("message"),
  };
  if (follows) {
    // The name is there for screen readers only: it stands above already.
    return h("li", attributes, when, h("div", { class: "message-body" }, h("span", { class: "visually-hidden" }, sender.name), body));
  }
  let name: HTMLElement = h("span", { class: "message-sender" }, sender.name);
  if (!own && sender.user !== "") {
    const button = h("button", { type: "button", class: "message-sender", title: `Talk to ${sender.name} in private (${sender.user})` }, sender.name);
    name = on(button, { click: talk });
  }
  const head = h("div", { class: "message-head" }, name, own && h("span", { class: "message-you" }, "you"), when);
  return h("li", attributes, avatar(sender.user, sender.name), h("div", { class: "message-body" }, head, body));
}

export function noticeItem(notice: Notice): HTMLElement {
  return h("li", { class: "notice", ...testid("notice") }, h("span", { class: "notice-text" }, notice.text));
}

export function ruleItem(text: string, kind: "day" | "new"): HTMLElement {
  return h("li", { class: `rule rule-${kind}` }, h("span", {}, text));
}
