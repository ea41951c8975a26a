import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";

/** What a client got. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

/** One request to a proxy on its own connection. */
export function ask(
  proxy: { readonly port: number },
  { method = "GET", path = "/", headers, body }: Asked = {},
) {
  return new Promise<Answer>((resolve, reject) => {
    const request = httpRequest({
      port: proxy.port,
      host: "127.0.0.1",
      method,
      path,
      headers: { host: "orders.weir", ...headers },
      agent: false,
    });
    request.on("error", reject);
    request.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const { statusCode: status = 0, headers: answered } = response;
        resolve({ status, headers: answered, body: Buffer.concat(chunks).toString() });
      });
    });
    request.end(body);
  });
}

/** Answers with what the endpoint saw. */
export function echo(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const { method, url, headers } = request;
    const body = Buffer.concat(chunks).toString();
    response.end(JSON.stringify({ method, url, headers, body }));
  });
}
