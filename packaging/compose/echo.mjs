/** The service `echo` of docker-compose.yml: says which copy answered, and what it was asked. */
import { createServer } from "node:http";
import { hostname } from "node:os";

const server = createServer((request, response) => {
  const { method, url, headers } = request;
  response.setHeader("content-type", "application/json");
  response.end(`${JSON.stringify({ copy: hostname(), method, url, headers })}\n`);
});
server.listen(8080);

process.on("SIGTERM", () => {
  server.close();
  server.closeIdleConnections();
});
