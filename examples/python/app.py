"""A plain Python service. It knows nothing of the mesh, and needs no package."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROUTES = {"/": b"greetings from Python\n", "/healthz": b"ok\n"}


class Greetings(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = ROUTES.get(self.path, b"no such page\n")
        self.send_response(200 if self.path in ROUTES else 404)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


port = int(os.environ.get("PORT", "8080"))
ThreadingHTTPServer(("127.0.0.1", port), Greetings).serve_forever()
