import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".wasm": "application/wasm",
};

/** Serves a folder on a free port of this machine, every answer with the policy if there is one. */
export async function serve(
  folder: string,
  contentSecurityPolicy?: string,
): Promise<{ readonly url: string; readonly server: Server }> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    if (pathname === "/favicon.ico") {
      // Browsers ask for it by themselves, and complain if there is none.
      response.writeHead(204).end();
      return;
    }
    const file = join(
      folder,
      normalize(pathname.endsWith("/") ? `${pathname}index.html` : pathname),
    );
    let body: Buffer;
    try {
      body = readFileSync(file);
    } catch {
      response.writeHead(404).end();
      return;
    }
    response.setHeader("Content-Type", TYPES[extname(file)] ?? "application/octet-stream");
    if (contentSecurityPolicy !== undefined) {
      response.setHeader("Content-Security-Policy", contentSecurityPolicy);
    }
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, server };
}
