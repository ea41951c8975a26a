/** A gRPC client whose every call is balanced over the copies of `orders`. */
import { credentials, makeGenericClientConstructor } from "@grpc/grpc-js";
import { Mesh } from "weir-mesh";
import { ordersService } from "./orders.mjs";

const mesh = await Mesh.connect();
const Orders = makeGenericClientConstructor(ordersService, "Orders");
const orders = new Orders("weir:orders", credentials.createInsecure());

for (let id = 1; id <= 8; id++) {
  const order = await new Promise((resolve, reject) => {
    orders.get({ id }, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
  process.stdout.write(`order ${order.id} from process ${order.servedBy}\n`);
}
orders.close();
await mesh.close();
