// A proxy as a studio has one before its servers: https for browsers, plain http to the server behind it. It says where a
// request came from, and names the server by the server's own address, as proxies do that were told nothing else.

import { readFileSync } from 'node:fs';
import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';

/** Certificate and key, PEM files. */
export type Tls = { cert: string; key: string };

export class Proxy {
  private behind = 0;

  private constructor(
    private readonly server: Server,
    /** The address that it says every request came from. */
    private readonly from: string,
  ) {}

  /** Listens on a free port of this machine alone; until [`forwardTo`](Proxy.forwardTo) it answers 502. */
  static async start({ cert, key }: Tls, from: string): Promise<Proxy> {
    const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) });
    const proxy = new Proxy(server, from);
    server.on('request', (asked, answer) => proxy.pass(asked, answer));
    await new Promise<void>((done, fail) => server.once('error', fail).listen(0, '127.0.0.1', done));
    return proxy;
  }

  /** What people open. */
  get baseURL(): string {
    return `https://localhost:${(this.server.address() as AddressInfo).port}`;
  }

  /** The port on this machine where the server behind it speaks plain http. */
  forwardTo(port: number): void {
    this.behind = port;
  }

  async stop(): Promise<void> {
    const closed = new Promise((done) => this.server.close(done));
    this.server.closeAllConnections();
    await closed;
  }

  /** One request and its answer, as they come: streams of events have no end. */
  private pass(asked: IncomingMessage, answer: ServerResponse): void {
    const { connection: _, ...kept } = asked.headers;
    const before = kept['x-forwarded-for'];
    const headers = {
      ...kept,
      host: `127.0.0.1:${this.behind}`,
      'x-forwarded-for': before === undefined ? this.from : `${before}, ${this.from}`,
      'x-forwarded-proto': 'https',
    };
    const { method, url: path } = asked;
    const sent = request({ host: '127.0.0.1', port: this.behind, method, path, headers }, (got) => {
      answer.writeHead(got.statusCode ?? 502, got.headers);
      answer.flushHeaders();
      got.pipe(answer);
      got.on('error', () => answer.destroy());
    });
    sent.on('error', () => (answer.headersSent ? answer.destroy() : answer.writeHead(502).end()));
    answer.on('close', () => sent.destroy());
    asked.pipe(sent);
  }
}
