/** A page of an app that is not the demo: the SDK, the client module and a cookie, on an origin of its own. */
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const ENTRY = `
import { Centrifuge } from "centrifuge";
import { gatepost } from "@gatepost/client";
Object.assign(globalThis, { Centrifuge, gatepost });
`;

const PAGE = "<!doctype html><meta charset=utf-8><title>An app</title><script type=module src=/app.js></script>";

async function bundle() {
  const input = fileURLToPath(new URL("app-entry.js", import.meta.url));
  const made = await rolldown({
    input,
    plugins: [{ name: "entry", resolveId: (id) => (id === input ? id : null), load: (id) => (id === input ? ENTRY : null) }],
  });
  const { output } = await made.generate({ format: "esm" });
  return output[0].code;
}

/** Serves it on loopback. */
export async function serveApp() {
  const code = await bundle();
  const server = createServer((request, answer) => {
    const script = request.url === "/app.js";
    answer.setHeader("Content-Type", script ? "text/javascript" : "text/html");
    answer.end(script ? code : request.url === "/" ? PAGE : "");
  });
  await new Promise((done) => server.listen(0, "localhost", done));
  const { port } = server.address();
  return { origin: `http://localhost:${port}`, close: () => new Promise((done) => server.close(done)) };
}
