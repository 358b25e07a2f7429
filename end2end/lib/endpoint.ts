// A model outside, played on this machine: it answers what a test tells it to, and keeps what it was asked.

import { type Server as HttpServer, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export class Endpoint {
  /** Bodies of the questions, oldest first. */
  readonly asked: string[] = [];
  /** Texts of the answers to come; the last one is given again. */
  answers: string[] = ['{}'];

  private constructor(
    private readonly server: HttpServer,
    readonly url: string,
    /** Host and port. */
    readonly host: string,
  ) {}

  static async start(): Promise<Endpoint> {
    let endpoint: Endpoint | undefined;
    const server = createServer((request, response) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', () => {
        endpoint!.asked.push(Buffer.concat(pieces).toString());
        const { answers } = endpoint!;
        const content = answers.length > 1 ? answers.shift() : answers[0];
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ choices: [{ message: { content } }], usage: { prompt_tokens: 5000, completion_tokens: 800 } }));
      });
    });
    await new Promise<void>((done, fail) => server.once('error', fail).listen(0, '127.0.0.1', done));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    endpoint = new Endpoint(server, `http://${host}/v1`, host);
    return endpoint;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }
}
