// The token of the JavaScript peers: HS256 by the runtime's own HMAC, which costs a few
// microseconds, where the packages for it cost as much as the rest of the admission.
import { createHmac, timingSafeEqual } from "node:crypto";

/** Makes the check for one secret: `Authorization` header in, true when signature and `exp` hold. */
export function verifier(secret) {
  return (authorization) => {
    const [header, claims, signature, rest] = bearer(authorization).split(".");
    if (!signature || rest !== undefined) return false;

    const expected = createHmac("sha256", secret).update(`${header}.${claims}`).digest();
    const given = Buffer.from(signature, "base64url");
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return false;

    // Only what the secret's holder signed is parsed from here on.
    return decode(header).alg === "HS256" && decode(claims).exp > Date.now() / 1000;
  };
}

function bearer(authorization) {
  return authorization?.startsWith("Bearer ") ? authorization.slice("Bearer ".length) : "";
}

function decode(part) {
  return JSON.parse(Buffer.from(part, "base64url"));
}
