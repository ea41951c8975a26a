/** An HTTP service that joins the mesh by itself, and leaves it without losing a request. */
import { createServer } from "node:http";
import { Mesh } from "weir-mesh";

const server = createServer((_request, response) => response.end("hello from Node\n"));
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));

const mesh = await Mesh.connect();
await mesh.register({ service: "hello", port: server.address().port });

// Drained first: until close() is done the server still answers.
process.once("SIGTERM", () => mesh.close().then(() => server.close()));
