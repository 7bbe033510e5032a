/** The rooms, the private conversations, and oneself. */
import type { Chat } from "../chat.ts";
import { avatar, h, icon, mark, on, roving, setAttribute, setText, settleRoving } from "../dom.ts";
import { isMember, type RoomState } from "../rooms.ts";
import { testid } from "../testids.ts";
import { themeToggle } from "../theme.ts";
import { secondOf } from "../words.ts";

export function sidebar(chat: Chat, signOut: () => void): HTMLElement {
  const { session } = chat;
  const items = new Map<string, HTMLButtonElement>();
  const lists = {
    chat: h("ul", { class: "rooms" }),
    team: h("ul", { class: "rooms" }),
    dm: h("ul", { class: "rooms" }),
  };
  const noConversations = h("p", { class: "rooms-empty" }, "Click a name to talk in private.");

  const section = (title: string, ...content: HTMLElement[]) =>
    h("section", { class: "rooms-section" }, h("h2", { class: "section-title" }, title), ...content);
  const nav = h(
    "nav",
    { class: "rooms-nav", "aria-label": "Rooms" },
    section("Rooms", lists.chat),
    section("Teams", lists.team),
    section("Private", noConversations, lists.dm),
  );

  const leave = h("button", {
    type: "button",
    class: "icon-button",
    "aria-label": "Sign out",
    title: "Sign out",
    ...testid("signout"),
  }, icon("leave"));
  on(leave, { click: signOut });
  const teams = session.teams.length === 0 ? "No team" : `In the ${session.teams.join(" and ")} team${session.teams.length > 1 ? "s" : ""}`;

  const token = h("span", { class: "me-about", ...testid("token") });
  chat.on("token", ({ number, until }) => {
    setAttribute(token, "data-number", `${number}`);
    const end = secondOf(until);
    setText(token, `Token ${number} · ${end}`);
    token.title = `The page's token number ${number} is good until ${end}`;
  });

  const element = h(
    "aside",
    { class: "sidebar", id: "rooms", "aria-label": "Rooms and account" },
    h(
      "div",
      { class: "sidebar-head brand" },
      mark(),
      h("span", { class: "brand-name" }, "Gatepost"),
      h("button", { type: "button", class: "icon-button only-narrow", "data-close": true, "aria-label": "Close" }, icon("close")),
    ),
    nav,
    h(
      "div",
      { class: "me" },
      avatar(session.user, session.name),
      h(
        "div",
        { class: "me-text" },
        h("span", { class: "me-name" }, session.name),
        h("span", { class: "me-about", title: `User id ${session.user}` }, teams),
        token,
      ),
      themeToggle(),
      leave,
    ),
  );

  const item = (state: RoomState): HTMLButtonElement => {
    const { room } = state;
    const lead =
      room.kind === "dm"
        ? h("span", { class: "item-face" }, avatar(room.peer!, room.title), h("span", { class: "presence-dot" }))
        : h("span", { class: "item-lead", "data-team": room.team ?? "" }, room.kind === "chat" && icon("hash"));
    const button = h(
      "button",
      { type: "button", class: "room-item", "data-kind": room.kind, ...testid(`room-${room.channel}`) },
      lead,
      h("span", { class: "item-title" }, room.title),
      h("span", { class: "item-lock" }, icon("lock")),
      h("span", { class: "badge", hidden: true }),
    );
    on(button, { click: () => chat.open(state) });
    lists[room.kind].append(h("li", {}, button));
    items.set(room.channel, button);
    return button;
  };

  const draw = () => {
    for (const [channel, state] of chat.rooms) {
      const button = items.get(channel) ?? item(state);
      const { room, unread } = state;
      const closed = state.status === "refused" || (state.status === "idle" && !isMember(room, session));
      const online = room.peer !== undefined && chat.isOnline(room.peer);
      setAttribute(button, "aria-current", state === chat.active ? "true" : null);
      setAttribute(button, "data-unread", unread);
      setAttribute(button, "data-closed", closed);
      setAttribute(button, "data-online", online);
      setText(button.querySelector(".item-title")!, room.title);
      const badge = button.querySelector<HTMLElement>(".badge")!;
      badge.hidden = unread === 0;
      setText(badge, unread > 99 ? "99+" : String(unread));
      const facts = [closed && "members only", online && "online", unread > 0 && `${unread} unread`].filter(Boolean);
      button.setAttribute("aria-label", [room.title, ...facts].join(", "));
    }
    noConversations.hidden = lists.dm.childElementCount > 0;
    settleRoving(nav);
  };

  roving(nav);
  chat.on("list", draw);
  chat.on("active", draw);
  chat.on("people", draw);
  draw();
  return element;
}
