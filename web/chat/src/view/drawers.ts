/** Panels that slide over the page when it is too narrow for them. A closed one cannot be reached with Tab. */

interface Drawer {
  drawer: HTMLElement;
  button: HTMLButtonElement;
  query: string;
}

export function drawers(page: HTMLElement, main: HTMLElement, all: Drawer[]): { closeAll(): void } {
  let open: Drawer | null = null;

  const settle = () => {
    if (open && !matchMedia(open.query).matches) open = null;
    for (const it of all) {
      it.drawer.inert = matchMedia(it.query).matches && it !== open;
      it.drawer.classList.toggle("is-open", it === open);
      it.button.setAttribute("aria-expanded", String(it === open));
    }
    main.inert = open !== null;
    page.classList.toggle("has-drawer", open !== null);
  };

  const close = () => {
    if (!open) return;
    const { button } = open;
    open = null;
    settle();
    button.focus();
  };

  for (const it of all) {
    it.button.addEventListener("click", () => {
      open = it;
      settle();
      const target = it.drawer.querySelector<HTMLElement>("[aria-current=true], [data-close], button:not([tabindex='-1'])");
      target?.focus();
    });
    it.drawer.addEventListener("click", (event) => {
      if ((event.target as HTMLElement).closest("[data-close]")) close();
    });
    matchMedia(it.query).addEventListener("change", settle);
  }
  page.querySelector(".backdrop")?.addEventListener("click", close);
  settle();
  return { closeAll: close };
}
