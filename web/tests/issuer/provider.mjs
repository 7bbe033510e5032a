/** An issuer that nobody here wrote: oidc-provider on loopback, whose keys can be rotated, which can be down, or ill. */
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const CLIENT = { client_id: "app", client_secret: "a secret of the app that only the tests know" };
const AUDIENCE = "gatepost";
/** OAuth wants a URI for what a token is for; what stands in its `aud` is the resource server's own name. */
const RESOURCE = "urn:gatepost:tests";

/** A private key as a JWK, which the provider takes; it publishes its public part. */
function newKey(kid) {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { ...privateKey.export({ format: "jwk" }), kid, use: "sig", alg: "ES256" };
}

export class Issuer {
  #server;
  #handler;
  /** What answers in its place, when it is ill. */
  #instead = null;
  #keys = [];
  #rotations = 0;

  /** Starts it with one key. */
  static async start() {
    const issuer = new Issuer();
    issuer.#server = createServer((request, answer) => {
      if (issuer.#instead && request.method === "GET") issuer.#instead(answer);
      else issuer.#handler(request, answer);
    });
    issuer.#server.listen(0, "127.0.0.1");
    await once(issuer.#server, "listening");
    issuer.url = `http://127.0.0.1:${issuer.#server.address().port}`;
    issuer.rotate();
    return issuer;
  }

  /** Begins to sign with a new key, which is all that it publishes from now on. */
  rotate() {
    this.#keys = [newKey(`key-${++this.#rotations}`)];
    const provider = new Provider(this.url, {
      clients: [
        {
          ...CLIENT,
          grant_types: ["client_credentials"],
          redirect_uris: [],
          response_types: [],
          id_token_signed_response_alg: "ES256",
        },
      ],
      jwks: { keys: this.#keys },
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => RESOURCE,
          getResourceServerInfo: () => ({
            scope: "",
            audience: AUDIENCE,
            accessTokenTTL: 600,
            accessTokenFormat: "jwt",
            jwt: { sign: { alg: "ES256" } },
          }),
        },
      },
    });
    this.#handler = provider.callback();
  }

  /** A token of the app, as the provider's own token endpoint gives it. */
  async token() {
    const answer = await fetch(`${this.url}/token`, {
      method: "POST",
      headers: { Authorization: `Basic ${Buffer.from(basic(CLIENT)).toString("base64")}` },
      body: new URLSearchParams({ grant_type: "client_credentials", resource: RESOURCE }),
    });
    const { access_token: token, ...rest } = await answer.json();
    if (!token) throw new Error(`no token: ${JSON.stringify(rest)}`);
    return token;
  }

  /** What it publishes is this text instead, or never comes where that is none. Its tokens are as before. */
  publishes(text) {
    this.#instead = (answer) => {
      if (text !== null) answer.setHeader("Content-Type", "application/json").end(text);
    };
  }

  /** What it publishes is its own again. */
  isWell() {
    this.#instead = null;
  }

  /** Nobody answers any more, for good. */
  async down() {
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

/** Both parts are encoded like a form's (RFC 6749 §2.3.1). */
const basic = ({ client_id, client_secret }) =>
  [client_id, client_secret].map((part) => encodeURIComponent(part).replaceAll("%20", "+")).join(":");
