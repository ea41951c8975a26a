/** Asks the service, over whatever copies of it there are. */
import { Mesh } from "weir-mesh";

const mesh = await Mesh.connect();
const answer = await mesh.fetch("http://hello.weir/");
process.stdout.write(await answer.text());
await mesh.close();
