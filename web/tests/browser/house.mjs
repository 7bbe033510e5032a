/** A gateway, a browser, and visitors who use the chat in it: what they see, and what their page really received. */
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { PATIENCE, until } from "../support/deadline.mjs";
import { Gateway } from "../support/gateway.mjs";

export const EXECUTABLE = process.env.CHROMIUM || "/usr/bin/chromium";
export const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

export class House {
  #browser;
  #visitors = [];

  static async open() {
    const house = new House();
    house.#browser = await chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
    return house;
  }

  /** One browser for all tests of a file; a gateway for each, so that none finds what another said. */
  async begin() {
    this.gateway = await Gateway.dev();
  }

  /** Somebody with a browser profile of their own, before the sign-in page. */
  async visitor(options = {}) {
    const context = await this.#browser.newContext({ ignoreHTTPSErrors: true, locale: "en-GB", timezoneId: "UTC", ...options });
    context.setDefaultTimeout(PATIENCE);
    const visitor = new Visitor(this.gateway, context, await context.newPage());
    await visitor.arrive();
    this.#visitors.push(visitor);
    return visitor;
  }

  /** Somebody who signed in and is connected. */
  async guest(name, { teams = [], ...options } = {}) {
    const visitor = await this.visitor(options);
    await visitor.signIn(name, teams);
    return visitor;
  }

  /** Another tab in the browser profile of a visitor. */
  async tab(visitor) {
    const other = new Visitor(this.gateway, visitor.context, await visitor.context.newPage());
    await other.arrive();
    this.#visitors.push(other);
    return other;
  }

  /** Everybody goes, and the gateway with them. No page may have had anything to complain about. */
  async clear() {
    const visitors = this.#visitors.splice(0);
    try {
      for (const visitor of visitors) await visitor.assertNoFaults();
    } finally {
      for (const context of new Set(visitors.map(({ context }) => context))) await context.close();
      await this.gateway?.close();
    }
  }

  close = () => this.#browser.close();
}

export class Visitor {
  /** What the page's WebSockets received and sent, all of it. */
  received = [];
  sent = [];
  /** Errors in the console, exceptions, and what the content security policy stopped. */
  faults = [];
  /** Faults that a test expects. */
  expected = () => false;

  constructor(gateway, context, page) {
    Object.assign(this, { gateway, context, page });
    page.on("websocket", (socket) => {
      socket.on("framereceived", ({ payload }) => this.received.push(String(payload)));
      socket.on("framesent", ({ payload }) => this.sent.push(String(payload)));
    });
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.faults.push(message.text());
    });
    page.on("pageerror", (error) => this.faults.push(String(error)));
  }

  async arrive() {
    await this.page.addInitScript(() => {
      globalThis.violations = [];
      document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
        globalThis.violations.push(`${violatedDirective}: ${blockedURI}`),
      );
    });
    await this.page.goto(this.gateway.origin);
  }

  get = (id) => this.page.getByTestId(id);

  async signIn(name, teams = []) {
    this.name = name;
    await this.get("signin-name").fill(name);
    for (const team of teams) await this.get(`team-${team}`).check({ force: true });
    await this.get("signin-submit").click();
    await this.isConnected();
  }

  isConnected = () => this.sees(this.get("connection-state").and(this.page.locator('[data-state="connected"]')));

  /** Keeps the states of the connection that the page shows from now on, however short. */
  keepStates = () =>
    this.get("connection-state").evaluate((element) => {
      globalThis.states = [];
      const keep = () => globalThis.states.push(element.dataset.state);
      new MutationObserver(keep).observe(element, { attributeFilter: ["data-state"] });
    });

  statesKept = () => this.page.evaluate(() => globalThis.states);

  sees = (locator) => locator.first().waitFor({ state: "visible" });
  seesNot = (locator) => locator.first().waitFor({ state: "hidden" });

  /** Opens a room from the list, and waits until it is open or refused. */
  async open(channel) {
    await this.get(`room-${channel}`).click();
    await this.isIn(channel);
  }

  async isIn(channel) {
    await this.sees(this.page.locator(`[data-testid="room-title"][data-channel="${channel}"]`));
    await until(() => this.get("message-list").getAttribute("data-state"), (state) => !["idle", "entering"].includes(state), `${channel} is open`);
  }

  async say(text) {
    await this.get("composer").fill(text);
    await this.get("send").click();
    await this.sees(this.message(text));
  }

  message = (text, sender) => {
    const messages = sender ? this.page.locator(`[data-testid="message"][data-sender="${sender}"]`) : this.get("message");
    return messages.filter({ has: this.page.getByTestId("message-text").getByText(text, { exact: true }) });
  };

  hears = (text, sender) => this.sees(this.message(text, sender));

  notices = (pattern) => this.sees(this.get("notice").filter({ hasText: pattern }));

  /** How many messages of a room are unread. */
  unread = async (channel) => Number(await this.get(`room-${channel}`).getAttribute("data-unread"));

  hasUnread = (channel, count) => this.sees(this.page.locator(`[data-testid="room-${channel}"][data-unread="${count}"]`));

  /** The text is in nothing that the page shows, and in no frame that it received. */
  async knowsNothingOf(secret) {
    assert.ok(this.received.length > 0, "frames are recorded");
    assert.ok(!this.received.join("\n").includes(secret), `${this.name}'s page received “${secret}”`);
    assert.ok(!(await this.page.content()).includes(secret), `${this.name}'s page shows “${secret}”`);
  }

  async assertNoFaults() {
    const violations = this.page.isClosed() ? [] : await this.page.evaluate(() => globalThis.violations);
    const faults = this.faults.filter((fault) => !this.expected(fault));
    assert.deepEqual([...faults, ...violations], [], `faults on ${this.name ?? "a visitor"}'s page`);
  }
}
