// A running `minus-one serve` with a data folder of its own. Starting and stopping only; what people do in it is in the specs.

import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { output, root, serverBin, site, workerBin } from './place';
import { Schema } from './postgres';
import type { Tls } from './proxy';

/** The host name in the address bar: `studio.test` is this machine over plain http, as in a studio's network. */
export type Origin = 'localhost' | 'studio.test';

export type ServerOptions = {
  origin?: Origin;
  /** Starts with the demo project. */
  demo?: boolean;
  /** No worker process: for what needs none, and starts faster. */
  worker?: boolean;
  /** Keeps rows and blobs of an earlier server; otherwise a fresh folder that is removed at the end. */
  dataDir?: string;
  /** Rows in a schema of its own on the PostgreSQL of the run, gone at the end; otherwise SQLite in the data folder. */
  postgres?: boolean;
  /** The port of an earlier server, so that open pages find it again. */
  port?: number;
  /** Certificate and key, PEM files: the server speaks https. */
  tls?: Tls;
  /** What people open, where that is a proxy before the server. */
  publicUrl?: string;
  env?: Record<string, string>;
  args?: string[];
};

const READY_MS = 120_000;
const STOP_MS = 10_000;

/** The environment of this run without what a developer's names, a database above all: that is not for tests. */
export function environment(): NodeJS.ProcessEnv {
  const { DATABASE_URL: _, STORAGE_URL: __, DATA_DIR: ___, MODELS_DIR: ____, ...inherited } = process.env;
  return inherited;
}

export class Server {
  private constructor(
    readonly baseURL: string,
    readonly port: number,
    readonly dataDir: string,
    readonly process: ChildProcess,
    readonly logFile: string,
    private readonly ownsData: boolean,
    /** Where its rows are, unless they are in the data folder. */
    readonly schema: Schema | undefined,
  ) {}

  /** Resolves when `/healthz` answers. */
  static async start(options: ServerOptions = {}): Promise<Server> {
    if (!existsSync(serverBin)) {
      throw new Error(`${serverBin} is not built; run \`cargo xtask build\``);
    }
    const { origin = 'localhost', demo = false, worker = true } = options;
    const port = options.port ?? (await freePort());
    const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'minus-one-e2e-'));
    const { tls } = options;
    const baseURL = `${tls ? 'https' : 'http'}://${origin}:${port}`;
    // In a network the server listens to everybody, as it is started there; whoever asks it in tests asks 127.0.0.1 all the same.
    const listen = origin === 'localhost' ? '127.0.0.1' : '0.0.0.0';
    const args = ['serve', '--listen', `${listen}:${port}`, '--public-url', options.publicUrl ?? baseURL];
    args.push('--data', dataDir, '--site-root', site);
    args.push(...(worker ? ['--worker-bin', workerBin] : ['--no-worker']));
    args.push(...(demo ? ['--demo'] : []), ...(tls ? ['--tls-cert', tls.cert, '--tls-key', tls.key] : []), ...(options.args ?? []));

    const logs = join(output, 'logs');
    mkdirSync(logs, { recursive: true });
    const logFile = join(logs, `server-${port}.log`);
    const log = createWriteStream(logFile, { flags: 'a' });
    const schema = options.postgres ? Schema.make() : undefined;
    const env = { ...environment(), ...(schema && { DATABASE_URL: schema.url }), ...options.env };
    const child = spawn(serverBin, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    const server = new Server(baseURL, port, dataDir, child, logFile, options.dataDir === undefined, schema);
    try {
      await server.ready();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  private async ready(): Promise<void> {
    const start = Date.now();
    while (Date.now() - start < READY_MS) {
      if (this.ended()) {
        throw new Error(`minus-one ended before it answered (exit ${this.process.exitCode}); see ${this.logFile}`);
      }
      if (await this.answers()) return;
      await new Promise((done) => setTimeout(done, 50));
    }
    throw new Error(`minus-one did not answer within ${READY_MS / 1000} s; see ${this.logFile}`);
  }

  /** Whether `/healthz` says that all is well; a certificate of the test's own is believed. */
  private answers(): Promise<boolean> {
    return new Promise((done) => {
      const get = this.baseURL.startsWith('https') ? httpsGet : httpGet;
      const address = { host: '127.0.0.1', port: this.port, path: '/healthz', rejectUnauthorized: false };
      const asked = get(address, (answer) => {
        answer.resume();
        done(answer.statusCode === 200);
      });
      asked.on('error', () => done(false));
    });
  }

  private ended(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  /** Ends the process without a word, as a power cut would; the data stays. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** A clean stop; removes the data folder when this server made it, and its schema. */
  async stop(): Promise<void> {
    await this.end('SIGTERM');
    this.schema?.drop();
    if (this.ownsData) rmSync(this.dataDir, { recursive: true, force: true, maxRetries: 5 });
  }

  private async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.ended()) return;
    const exit = new Promise((done) => this.process.once('exit', done));
    this.process.kill(signal);
    const late = setTimeout(() => this.process.kill('SIGKILL'), STOP_MS);
    await exit;
    clearTimeout(late);
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((done, fail) => probe.once('error', fail).listen(0, '127.0.0.1', done));
  const address = probe.address();
  await new Promise((done) => probe.close(done));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
