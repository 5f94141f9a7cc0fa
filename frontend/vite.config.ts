import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// `npm run dev` asks the programs that `sentiment serve --ui` starts; its page does the same for the built files.
const predictor = process.env.PREDICTOR_URL ?? "http://127.0.0.1:8080";
const monitor = process.env.MONITOR_URL ?? "http://127.0.0.1:8090";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  base: "./",
  build: {
    // A data: address would need a hole in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 600,
  },
  server: {
    proxy: { "/api": monitor, "/v2": predictor, "/predict": predictor, "/feedback": predictor, "/health": predictor },
  },
  test: { environment: "jsdom", include: ["src/**/*.test.{ts,tsx}"] },
});
