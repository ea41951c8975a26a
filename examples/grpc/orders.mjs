/** What a code generator makes of a proto; by hand and with JSON here, to need no generator. */
const serialize = (message) => Buffer.from(JSON.stringify(message));
const deserialize = (bytes) => JSON.parse(bytes.toString());

export const ordersService = {
  get: {
    path: "/shop.Orders/Get",
    requestStream: false,
    responseStream: false,
    requestSerialize: serialize,
    requestDeserialize: deserialize,
    responseSerialize: serialize,
    responseDeserialize: deserialize,
  },
};
