// A worker that no server watches, as one is started on another machine.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { output, root, workerBin } from './place';
import { type Server, environment } from './server';

const STOP_MS = 10_000;

export class Worker {
  private constructor(
    readonly process: ChildProcess,
    /** The end of the name under which it registers. */
    readonly token: string,
  ) {}

  /** Works for the server, from its database and its store. It ends with the tests, also when they are killed. */
  static start(server: Server): Worker {
    const token = randomUUID().replaceAll('-', '');
    const args = ['run', '--data', server.dataDir, '--token', token, '--stop-with-stdin'];
    const database = server.schema ? { DATABASE_URL: server.schema.url } : {};
    const child = spawn(workerBin, args, { cwd: root, env: { ...environment(), ...database }, stdio: ['pipe', 'pipe', 'pipe'] });
    const logs = join(output, 'logs');
    mkdirSync(logs, { recursive: true });
    const log = createWriteStream(join(logs, `worker-${token}.log`));
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    return new Worker(child, token);
  }

  /** Holds it where it is. */
  pause(): void {
    this.process.kill('SIGSTOP');
  }

  goOn(): void {
    this.process.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const exit = new Promise((done) => this.process.once('exit', done));
    this.goOn();
    this.process.kill('SIGTERM');
    const late = setTimeout(() => this.process.kill('SIGKILL'), STOP_MS);
    await exit;
    clearTimeout(late);
  }
}
