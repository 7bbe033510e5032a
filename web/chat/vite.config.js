import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

// Everything is served from / and /assets/, without inline scripts or styles, so that
// `default-src 'self'; connect-src 'self' wss:` is policy enough.
export default defineConfig({
  resolve: {
    alias: { "@gatepost/client": fileURLToPath(new URL("../client/src/gatepost.ts", import.meta.url)) },
  },
  build: {
    target: ["chrome123", "edge123", "firefox121", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  // `npm run dev` works against a running `gatepost dev`.
  server: {
    proxy: Object.fromEntries(
      ["/connection", "/dev"].map((path) => [
        path,
        { target: "https://localhost:8443", secure: false, ws: true, changeOrigin: true, headers: { Origin: "https://localhost:8443" } },
      ]),
    ),
  },
});
