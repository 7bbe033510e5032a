/** Who is in the open room. A click on somebody opens a private conversation. */
import type { Chat } from "../chat.ts";
import { avatar, h, icon, on, roving, setText, settleRoving } from "../dom.ts";
import { peopleOf, type RoomState } from "../rooms.ts";
import { testid } from "../testids.ts";
import { plural } from "../words.ts";

export function people(chat: Chat): HTMLElement {
  const count = h("span", { class: "section-count", ...testid("people-count") });
  const list = h("ul", { class: "people-list", "aria-label": "People in this room", ...testid("people") });
  const empty = h("p", { class: "people-empty" });
  const element = h(
    "aside",
    { class: "people", id: "people", "aria-label": "People here" },
    h(
      "div",
      { class: "people-head" },
      h("h2", { class: "section-title" }, "Here now"),
      count,
      h("button", { type: "button", class: "icon-button only-medium", "data-close": true, "aria-label": "Close" }, icon("close")),
    ),
    list,
    empty,
  );

  const row = (person: ReturnType<typeof peopleOf>[number]): HTMLElement => {
    const { user, name, connections } = person;
    const me = user === chat.session.user;
    const about = [me && "you", connections > 1 && plural(connections, "tab", "tabs")].filter(Boolean).join(" · ");
    const inside = [
      h("span", { class: "item-face" }, avatar(user, name), h("span", { class: "presence-dot" })),
      h("span", { class: "person-text" }, h("span", { class: "person-name" }, name), h("span", { class: "person-about" }, about || user)),
    ];
    const attributes = { class: "person", "data-user": user, ...testid(`person-${user}`) };
    if (me) return h("li", {}, h("div", attributes, ...inside));
    const button = h("button", { type: "button", ...attributes, title: `Talk to ${name} in private` }, ...inside, icon("chat"));
    on(button, { click: () => chat.openConversation({ user, name }) });
    return h("li", {}, button);
  };

  let drawn = "";
  const draw = (state: RoomState) => {
    if (state !== chat.active) return;
    const here = peopleOf(state, chat.session.user);
    const all = JSON.stringify([state.room.channel, here]);
    setText(count, here.length > 0 ? String(here.length) : "");
    setText(
      empty,
      here.length > 0 || state.status === "entering"
        ? ""
        : state.presence === "hidden"
          ? "Who is here is not shown in this room."
          : state.status === "open"
            ? ""
            : "Only members see who is here.",
    );
    if (all === drawn) return;
    drawn = all;
    const focused = (document.activeElement as HTMLElement | null)?.dataset.user;
    list.replaceChildren(...here.map(row));
    if (focused && element.contains(document.activeElement) === false) {
      [...list.querySelectorAll<HTMLElement>("button")].find(({ dataset }) => dataset.user === focused)?.focus();
    }
    settleRoving(list);
  };

  roving(list);
  chat.on("people", draw);
  chat.on("active", draw);
  chat.on("room", draw);
  draw(chat.active);
  return element;
}
