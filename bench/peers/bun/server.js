// Bun's own WebSocket server and its publish/subscribe (uWebSockets inside), one process.
import { verifier } from "../token.mjs";

const { BENCH_ADDRESS, BENCH_CERTIFICATE, BENCH_KEY, BENCH_SECRET } = process.env;
const [hostname, port] = BENCH_ADDRESS.split(":");
const verify = verifier(BENCH_SECRET);

const server = Bun.serve({
  hostname,
  port,
  tls: { cert: Bun.file(BENCH_CERTIFICATE), key: Bun.file(BENCH_KEY) },

  fetch(request, server) {
    if (new URL(request.url).pathname !== "/ws") return new Response(null, { status: 404 });
    if (!verify(request.headers.get("authorization"))) return new Response(null, { status: 401 });
    if (!server.upgrade(request)) return new Response(null, { status: 400 });
  },

  websocket: {
    message(socket, message) {
      if (message[0] === "+") {
        socket.subscribe(message.slice(1));
        socket.send(message);
      } else if (message[0] === ">") {
        // The server's publish, not the socket's, which leaves the sender out.
        const published = message.slice(1);
        server.publish(published.slice(0, published.indexOf(" ")), `<${published}`);
      } else {
        socket.close(1002, "neither + nor >");
      }
    },
  },
});

process.on("SIGTERM", () => process.exit(0));
console.log("ready");
