/** Tokens, signed here, so that they can be anything: expired, of another user, long. */
import { createHmac, sign as signWith } from "node:crypto";

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

function claimsOf({ issuer, user, life = 3600, age = 0, claims = {} }) {
  const now = Math.floor(Date.now() / 1000) - age;
  return { iss: issuer, aud: "gatepost", sub: user, iat: now, exp: now + life, ...claims };
}

/** `life` and `age` are in seconds: how long it lives, and how long ago it was issued. */
export function es256(key, wishes) {
  const body = `${base64url({ alg: "ES256", typ: "JWT" })}.${base64url(claimsOf(wishes))}`;
  return `${body}.${signWith("sha256", Buffer.from(body), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

export function hs256(secret, wishes) {
  const body = `${base64url({ alg: "HS256", typ: "JWT" })}.${base64url(claimsOf(wishes))}`;
  return `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`;
}

/** When a token runs out, in seconds. */
export const expiryOf = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url")).exp;
