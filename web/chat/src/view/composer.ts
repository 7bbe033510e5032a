/** Where messages are written. Enter sends; a text that could not be sent is not lost. */
import type { Chat } from "../chat.ts";
import { h, icon, on, setText } from "../dom.ts";
import { testid } from "../testids.ts";
import { whyNotSent } from "../words.ts";

const HINT = "Enter sends, Shift and Enter begin a new line";

export function composer(chat: Chat): { element: HTMLElement; focus(): void } {
  const field = h("textarea", {
    class: "composer-field",
    rows: 1,
    maxlength: 4000,
    autocomplete: "off",
    "aria-describedby": "composer-hint composer-error",
    ...testid("composer"),
  });
  const send = h("button", { type: "submit", class: "send-button", "aria-label": "Send", title: "Send", ...testid("send") }, icon("send"));
  const hint = h("span", { id: "composer-hint", class: "composer-hint" }, HINT);
  const error = h("span", { id: "composer-error", class: "composer-error", role: "alert", ...testid("composer-error") });
  const element = h(
    "form",
    { class: "composer" },
    h("div", { class: "composer-box" }, field, send),
    h("p", { class: "composer-foot" }, error, hint),
  );
  let state = chat.active;
  let sending = false;

  const draw = () => {
    element.hidden = state.status === "refused" || state.status === "failed";
    const ready = chat.link.status.state === "connected" && state.status === "open";
    send.disabled = !ready || sending || field.value.trim() === "";
  };
  const complain = (text: string) => {
    setText(error, text);
    hint.hidden = text !== "";
  };
  const label = () => {
    const to = state.room.kind === "dm" ? state.room.title : `${state.room.kind === "chat" ? "#" : "the "}${state.room.title}`;
    field.placeholder = `Write to ${to}`;
    field.setAttribute("aria-label", `Write to ${to}`);
  };

  const submit = async () => {
    const text = field.value.trim();
    if (text === "" || sending) return;
    if (chat.link.status.state !== "connected" || state.status !== "open") {
      return complain("There is no connection. Your message is kept here until there is.");
    }
    const room = state;
    sending = true;
    complain("");
    field.value = "";
    draw();
    try {
      await chat.send(room, text);
    } catch (problem) {
      // Back where it was written, unless something else stands there by now.
      if (room !== state) room.draft ||= text;
      else if (field.value === "") field.value = text;
      if (room === state) complain(whyNotSent(problem));
    } finally {
      sending = false;
      draw();
    }
  };

  on(element, {
    submit: (event) => {
      event.preventDefault();
      void submit();
      field.focus();
    },
  });
  on(field, {
    input: () => {
      complain("");
      draw();
    },
    keydown: (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      void submit();
    },
  });

  chat.on("active", (next) => {
    if (next !== state) {
      state.draft = field.value;
      state = next;
      field.value = state.draft;
      complain("");
      label();
    }
    draw();
  });
  chat.on("room", draw);
  chat.on("status", draw);
  label();
  draw();
  return {
    element,
    focus() {
      // Not on touch screens, where it would raise the keyboard over the room.
      if (matchMedia("(hover: hover)").matches && !element.hidden) field.focus();
    },
  };
}
