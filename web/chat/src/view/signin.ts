/** The page before the chat. The development issuer believes anybody, so a nickname is enough. */
import { h, icon, mark, on, setText } from "../dom.ts";
import { fetchToken, SHORT_LIFE, TEAMS, userIdOf, type Session, type Team } from "../session.ts";
import { testid } from "../testids.ts";
import { themeToggle } from "../theme.ts";

export function renderSignIn(
  app: HTMLElement,
  nickname: string,
  done: (session: Session, token: string) => void,
): void {
  const name = h("input", {
    id: "nickname",
    name: "nickname",
    class: "field",
    type: "text",
    required: true,
    maxlength: 40,
    autocomplete: "nickname",
    autocapitalize: "words",
    spellcheck: "false",
    placeholder: "Alice",
    "aria-describedby": "nickname-hint signin-error",
    ...testid("signin-name"),
  });
  name.value = nickname;
  const hint = h("p", { id: "nickname-hint", class: "field-hint" });
  const teams = TEAMS.map((team) => teamChoice(team));
  const short = h("input", { type: "checkbox", name: "short", ...testid("signin-short") });
  const submit = h("button", { type: "submit", class: "button-primary", ...testid("signin-submit") }, "Open the gate");
  const error = h("p", { id: "signin-error", class: "form-error", role: "alert", ...testid("signin-error") });

  const form = h(
    "form",
    { class: "signin-card", novalidate: true, "aria-labelledby": "signin-title", ...testid("signin") },
    h("div", { class: "brand" }, mark(), h("span", { class: "brand-name" }, "Gatepost")),
    h("h1", { id: "signin-title" }, "Come in and talk"),
    h("p", { class: "lead" }, "A small chat behind a real gate. The gateway decides who may enter which room."),
    h("label", { class: "label", for: "nickname" }, "Nickname"),
    name,
    hint,
    h(
      "fieldset",
      { class: "teams" },
      h("legend", { class: "label" }, "Team ", h("span", { class: "optional" }, "none, one or both")),
      h("div", { class: "team-row" }, ...teams.map(({ label }) => label)),
    ),
    h("label", { class: "short-choice" }, short, `Tokens that live ${SHORT_LIFE} seconds, to see them renewed`),
    submit,
    error,
  );

  const describe = () => {
    const user = userIdOf(name.value);
    setText(hint, user === "" ? "Any name will do. No password is asked." : `Your user id will be ${user}`);
  };

  on(name, {
    input: () => {
      describe();
      setText(error, "");
      name.removeAttribute("aria-invalid");
    },
  });

  on(form, {
    submit: async (event) => {
      event.preventDefault();
      const session: Session = {
        user: userIdOf(name.value),
        name: name.value.trim().replace(/\s+/g, " "),
        teams: teams.filter(({ input }) => input.checked).map(({ team }) => team),
        ...(short.checked && { life: SHORT_LIFE }),
      };
      if (session.user === "") {
        setText(error, "Choose a nickname first.");
        name.setAttribute("aria-invalid", "true");
        return name.focus();
      }
      setText(error, "");
      submit.disabled = true;
      setText(submit, "Opening…");
      try {
        done(session, await fetchToken(session));
      } catch (problem) {
        setText(error, (problem as Error).message);
        submit.disabled = false;
        setText(submit, "Open the gate");
      }
    },
  });

  describe();
  app.replaceChildren(
    h(
      "div",
      { class: "signin" },
      h("div", { class: "signin-top" }, themeToggle()),
      h(
        "main",
        { class: "signin-main" },
        form,
        h("p", { class: "signin-note" }, icon("people"), "Open a second window to be somebody else."),
      ),
      h("div", { class: "fence", "aria-hidden": "true" }),
    ),
  );
  name.focus();
}

function teamChoice(team: Team) {
  const input = h("input", { type: "checkbox", name: "team", value: team, ...testid(`team-${team}`) });
  const title = team === "red" ? "Red team" : "Blue team";
  const label = h(
    "label",
    { class: "team-choice", "data-team": team },
    input,
    h("span", { class: "team-dot", "aria-hidden": "true" }),
    h("span", {}, title),
  );
  return { team, input, label };
}
