/** The client process of the library's run: a program that calls two services of the mesh. Argument: CONTROL_PLANE. */
import { Mesh } from "../../src/apps/library/main.ts";
import { LibraryLoad } from "./library-load.ts";
import {
  type ClientAnswer,
  type ClientCommand,
  GRPC_SERVICE,
  HTTP_SERVICE,
} from "./library-protocol.ts";

const [controlPlane = ""] = process.argv.slice(2);

const mesh = await Mesh.connect({
  controlPlane: [controlPlane],
  id: "client",
  subscribe: [HTTP_SERVICE, GRPC_SERVICE],
  // Its calls may happen twice: they only read.
  grpc: { retryUnavailable: true },
});
let load: LibraryLoad | undefined;

async function obey(command: ClientCommand): Promise<ClientAnswer | undefined> {
  switch (command.do) {
    case "start":
      load = new LibraryLoad(mesh, command.requestsPerSecond);
      return undefined;
    case "only-idempotent":
      if (load !== undefined) load.onlyIdempotent = true;
      return undefined;
    case "names":
      return { is: "names", names: load?.names() ?? [] };
    case "finish": {
      if (load === undefined) return undefined;
      const report = await load.finish();
      await mesh.close();
      return { is: "report", report };
    }
  }
}

process.on("message", (command: ClientCommand) => {
  obey(command).then(
    (answer) =>
      answer && process.send?.(answer, () => answer.is === "report" && process.disconnect()),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
});
process.stdout.write("connected\n");
