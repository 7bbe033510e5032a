/** Signed out or signed in: one of two pages. */
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/signin.css";
import "./styles/layout.css";
import "./styles/sidebar.css";
import "./styles/messages.css";
import "./styles/composer.css";
import "./styles/people.css";
import { Chat } from "./chat.ts";
import { keepSession, restoreSession, type Session } from "./session.ts";
import { applyTheme } from "./theme.ts";
import { renderChat } from "./view/page.ts";
import { renderSignIn } from "./view/signin.ts";

const app = document.getElementById("app")!;

function signedOut(nickname = ""): void {
  document.title = "Sign in · Gatepost chat";
  renderSignIn(app, nickname, (session, token) => {
    keepSession(session);
    signedIn(session, token);
  });
}

function signedIn(session: Session, token: string | null): void {
  const chat = new Chat(session, token);
  renderChat(app, chat, () => {
    chat.stop();
    keepSession(null);
    signedOut(session.name);
  });
  chat.start();
}

applyTheme();
const session = restoreSession();
if (session) signedIn(session, null);
else signedOut();
