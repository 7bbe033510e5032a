/** Light or dark: as the system says, until the toggle says otherwise. */
import { h, icon, on } from "./dom.ts";
import { testid } from "./testids.ts";

const KEY = "gatepost.theme";
const system = matchMedia("(prefers-color-scheme: dark)");

function chosen(): "light" | "dark" | null {
  const theme = localStorage.getItem(KEY);
  return theme === "light" || theme === "dark" ? theme : null;
}

export function applyTheme(): void {
  const theme = chosen();
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

export function themeToggle(): HTMLButtonElement {
  const button = h("button", { type: "button", class: "icon-button", ...testid("theme-toggle") });
  const draw = () => {
    const dark = (chosen() ?? (system.matches ? "dark" : "light")) === "dark";
    button.replaceChildren(icon(dark ? "sun" : "moon"));
    const label = dark ? "Use light colours" : "Use dark colours";
    button.setAttribute("aria-label", label);
    button.title = label;
    return dark;
  };
  on(button, {
    click: () => {
      const next = draw() ? "light" : "dark";
      // Back to what the system says: then follow it again.
      if ((next === "dark") === system.matches) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, next);
      applyTheme();
      draw();
    },
  });
  draw();
  return button;
}
