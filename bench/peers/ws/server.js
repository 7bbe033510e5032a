// The npm package ws on Node's HTTPS server, one process: the broadcast example of its README
// with named channels.
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { WebSocket, WebSocketServer } from "ws";
import { verifier } from "../token.mjs";

const { BENCH_ADDRESS, BENCH_CERTIFICATE, BENCH_KEY, BENCH_SECRET } = process.env;
const [host, port] = BENCH_ADDRESS.split(":");
const verify = verifier(BENCH_SECRET);

const server = createServer({
  cert: readFileSync(BENCH_CERTIFICATE),
  key: readFileSync(BENCH_KEY),
  minVersion: "TLSv1.3",
});
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
/** The sockets that are subscribed to each channel. */
const channels = new Map();

server.on("upgrade", (request, socket, head) => {
  if (request.url !== "/ws") return refuse(socket, "404 Not Found");
  if (!verify(request.headers.authorization)) return refuse(socket, "401 Unauthorized");
  sockets.handleUpgrade(request, socket, head, serve);
});

function refuse(socket, status) {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function serve(socket) {
  const mine = new Set();

  socket.on("message", (data) => {
    const message = data.toString();
    if (message[0] === "+") {
      subscribe(socket, mine, message.slice(1));
      socket.send(message);
    } else if (message[0] === ">") {
      publish(message.slice(1));
    } else {
      socket.close(1002, "neither + nor >");
    }
  });
  // A connection that ends with an error ends with "close" too, which is where it is dealt with.
  socket.on("error", () => {});
  socket.on("close", () => {
    for (const channel of mine) leave(socket, channel);
  });
}

function subscribe(socket, mine, channel) {
  mine.add(channel);
  if (!channels.has(channel)) channels.set(channel, new Set());
  channels.get(channel).add(socket);
}

function leave(socket, channel) {
  const members = channels.get(channel);
  members.delete(socket);
  if (members.size === 0) channels.delete(channel);
}

function publish(published) {
  const members = channels.get(published.slice(0, published.indexOf(" "))) ?? [];
  const message = Buffer.from(`<${published}`);
  for (const member of members) {
    if (member.readyState === WebSocket.OPEN) member.send(message, { binary: false });
  }
}

process.on("SIGTERM", () => process.exit(0));
server.listen(Number(port), host, () => console.log("ready"));
