/** The signed-in page: rooms at the left, the open room, its people at the right. On small screens, two drawers. */
import type { Chat } from "../chat.ts";
import { h, icon, on, setText } from "../dom.ts";
import { testid } from "../testids.ts";
import { composer } from "./composer.ts";
import { drawers } from "./drawers.ts";
import { people } from "./people.ts";
import { sidebar } from "./sidebar.ts";
import { statusChip } from "./status.ts";
import { timeline } from "./timeline.ts";

export function renderChat(app: HTMLElement, chat: Chat, signOut: () => void): void {
  const rooms = sidebar(chat, signOut);
  const crowd = people(chat);
  const title = h("h1", { class: "room-title", ...testid("room-title") });
  const about = h("p", { class: "room-about" });
  const lead = h("span", { class: "room-lead", "aria-hidden": "true" });
  const openRooms = h("button", {
    type: "button",
    class: "icon-button only-narrow menu-button",
    "aria-label": "Rooms",
    "aria-controls": "rooms",
    ...testid("open-rooms"),
  }, icon("menu"), h("span", { class: "menu-dot", hidden: true }));
  const count = h("span", { class: "count" });
  const openPeople = h("button", {
    type: "button",
    class: "icon-button people-button only-medium",
    "aria-label": "People here",
    "aria-controls": "people",
    ...testid("open-people"),
  }, icon("people"), count);

  const lines = timeline(chat);
  const write = composer(chat);
  const main = h(
    "main",
    { class: "main" },
    h(
      "header",
      { class: "main-head" },
      openRooms,
      lead,
      h("div", { class: "room-heading" }, title, about),
      statusChip(chat),
      openPeople,
    ),
    lines,
    write.element,
  );

  const page = h(
    "div",
    { class: "page", "data-user": chat.session.user, ...testid("app") },
    rooms,
    main,
    crowd,
    h("div", { class: "backdrop" }),
  );
  const open = drawers(page, main, [
    { drawer: rooms, button: openRooms, query: "(max-width: 760px)" },
    { drawer: crowd, button: openPeople, query: "(max-width: 1080px)" },
  ]);

  const head = () => {
    const { room } = chat.active;
    setText(title, room.title);
    title.dataset.channel = room.channel;
    setText(about, room.about);
    lead.replaceChildren(icon(room.kind === "chat" ? "hash" : room.kind === "team" ? "people" : "lock"));
    lead.dataset.team = room.team ?? "";
  };
  const badges = () => {
    let unread = 0;
    for (const state of chat.rooms.values()) unread += state.unread;
    openRooms.querySelector<HTMLElement>(".menu-dot")!.hidden = unread === 0;
    openRooms.setAttribute("aria-label", unread === 0 ? "Rooms" : `Rooms, ${unread} unread`);
    document.title = `${unread > 0 ? `(${unread}) ` : ""}${chat.active.room.title} · Gatepost chat`;
    const users = new Set([...chat.active.members.values()].map(({ user }) => user)).size;
    setText(count, users > 0 ? String(users) : "");
  };
  chat.on("active", () => {
    open.closeAll();
    head();
    badges();
    write.focus();
  });
  const link = () => {
    page.dataset.link = chat.link.status.state;
  };
  chat.on("status", link);
  chat.on("list", badges);
  chat.on("people", badges);
  on(page, {
    keydown: (event) => {
      if (event.key === "Escape") open.closeAll();
    },
  });
  head();
  badges();
  link();
  app.replaceChildren(page);
  write.focus();
}
