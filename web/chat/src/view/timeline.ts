/** The messages of the open room, or why there are none. */
import type { Chat } from "../chat.ts";
import { h, icon, on, setText } from "../dom.ts";
import type { Entry, Message, RoomState } from "../rooms.ts";
import { testid } from "../testids.ts";
import { dayOf, whyRefused } from "../words.ts";
import { messageItem, noticeItem, ruleItem } from "./message.ts";

const TOGETHER = 5 * 60_000; // messages of one person within this time stand under one name

const together = (one: Message, next: Message): boolean =>
  one.time === null || next.time === null ? one.time === next.time : next.time - one.time < TOGETHER;

export function timeline(chat: Chat): HTMLElement {
  const list = h("ol", { class: "messages", role: "log", "aria-label": "Messages", tabindex: 0, ...testid("message-list") });
  const panel = h("div", { class: "room-panel" });
  const jump = h("button", { type: "button", class: "jump", hidden: true }, icon("down"), h("span", {}, "New messages"));
  const element = h("div", { class: "timeline" }, list, panel, jump);
  const shown = new Map<Entry, HTMLElement>();
  let state = chat.active;

  const atEnd = () => list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  const toEnd = () => {
    list.scrollTop = list.scrollHeight;
    jump.hidden = true;
  };

  const build = (entry: Entry, before: Message | null): HTMLElement[] => {
    if (entry.kind === "notice") {
      const item = noticeItem(entry);
      shown.set(entry, item);
      return [item];
    }
    const items: HTMLElement[] = [];
    const day = entry.time === null ? null : dayOf(entry.time);
    const dayBefore = before && before.time !== null ? dayOf(before.time) : null;
    const newDay = day !== null && day !== dayBefore;
    const first = entry === state.firstUnread;
    if (newDay) items.push(ruleItem(day, "day"));
    if (first) items.push(ruleItem("New", "new"));
    const follows = !newDay && !first && before?.sender.user === entry.sender.user && together(before, entry);
    const item = messageItem(entry, follows, chat.session.user, () => chat.openConversation(entry.sender));
    shown.set(entry, item);
    items.push(item);
    return items;
  };

  /** The message that the next one may stand together with: none when a notice is between. */
  const messageBefore = (index: number): Message | null => {
    for (let i = index - 1; i >= 0; i--) {
      const entry = state.entries[i]!;
      if (entry.kind === "message") return entry;
    }
    return null;
  };

  const explain = () => {
    const { status, room, entries, loaded } = state;
    list.dataset.state = status;
    list.hidden = status === "refused" || status === "failed";
    list.setAttribute("aria-busy", String(status === "entering" || (status === "open" && !loaded)));
    panel.hidden = false;
    panel.className = "room-panel";
    if (status === "refused" || status === "failed") {
      const { title, text } = whyRefused(state, chat.session);
      const again = h("button", { type: "button", class: "button-quiet" }, "Ask again");
      on(again, { click: () => chat.open(state) });
      const face = h("span", { class: "panel-icon", "data-team": room.team ?? "" }, icon(status === "refused" ? "lock" : "alert"));
      panel.replaceChildren(
        h("div", { class: "refusal", role: "status", ...testid("refusal") }, face, h("h2", {}, title), h("p", {}, text), again),
      );
    } else if (!loaded) {
      panel.classList.add("is-loading");
      panel.replaceChildren(...[1, 2, 3].map((i) => h("div", { class: "skeleton", "data-line": i })));
    } else if (!entries.some(({ kind }) => kind === "message")) {
      const text = room.kind === "dm" ? `This is the beginning of your conversation with ${room.title}.` : "Say the first word.";
      panel.replaceChildren(
        h("div", { class: "nothing" }, h("span", { class: "panel-icon" }, icon("chat")), h("h2", {}, "Nothing here yet"), h("p", {}, text)),
      );
    } else {
      panel.hidden = true;
    }
  };

  const drawAll = () => {
    const stay = !atEnd() && shown.size > 0 && list.dataset.channel === state.room.channel;
    const fromEnd = list.scrollHeight - list.scrollTop;
    list.setAttribute("aria-live", "off"); // what was there already is not news
    list.dataset.channel = state.room.channel;
    shown.clear();
    list.replaceChildren(...state.entries.flatMap((entry, index) => build(entry, messageBefore(index))));
    explain();
    if (stay) list.scrollTop = list.scrollHeight - fromEnd;
    else toEnd();
    setTimeout(() => list.setAttribute("aria-live", "polite"), 300);
  };

  const drawOne = (entry: Entry) => {
    const there = shown.get(entry);
    const follow = atEnd();
    if (there) {
      setText(there.querySelector(".notice-text") ?? there, entry.text);
    } else {
      list.append(...build(entry, messageBefore(state.entries.length - 1)));
      while (shown.size > state.entries.length) dropOldest();
    }
    explain();
    const own = entry.kind === "message" && entry.sender.user === chat.session.user;
    if (follow || own) toEnd();
    else if (entry.kind === "message") jump.hidden = false;
  };

  const dropOldest = () => {
    const [entry, item] = shown.entries().next().value!;
    shown.delete(entry);
    item.remove();
  };

  chat.on("active", (next) => {
    if (next !== state || list.dataset.channel !== next.room.channel) {
      state = next;
      drawAll();
    } else {
      explain();
    }
  });
  chat.on("room", (changed: RoomState) => {
    if (changed === state) explain();
  });
  chat.on("entries", (event) => {
    if (event.state !== state) return;
    if (event.entry) drawOne(event.entry);
    else drawAll();
  });
  on(list, {
    scroll: () => {
      if (atEnd()) jump.hidden = true;
    },
  });
  on(jump, { click: toEnd });
  new ResizeObserver(() => {
    if (jump.hidden) toEnd();
  }).observe(list);
  drawAll();
  return element;
}
