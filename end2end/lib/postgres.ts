// A schema of its own on the PostgreSQL of the run, as the Rust tests make one, by PostgreSQL's own program.

import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import type { Row } from './audit';

const given = process.env.TEST_DATABASE_URL;

/** Why nothing can run on PostgreSQL here; `undefined` where a server was named. */
export const lacking = given ? undefined : 'TEST_DATABASE_URL names no PostgreSQL server';

/** What the last command printed. */
function psql(...commands: string[]): string {
  if (!given) throw new Error(lacking);
  const args = ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-d', given, ...commands.flatMap((sql) => ['-c', sql])];
  return execFileSync('psql', args, { encoding: 'utf8', maxBuffer: 256 << 20, stdio: ['ignore', 'pipe', 'pipe'] });
}

export class Schema {
  private constructor(
    readonly name: string,
    /** For `DATABASE_URL`. */
    readonly url: string,
  ) {}

  static make(): Schema {
    const name = `test_${randomUUID().replaceAll('-', '')}`;
    psql(`create schema ${name}`);
    return new Schema(name, `${given}${given?.includes('?') ? '&' : '?'}options[search_path]=${name}`);
  }

  /** Asks for rows; servers and workers may be running. */
  ask(sql: string): Row[] {
    const rows = `select coalesce(json_agg(found), '[]') from (${sql}) as found`;
    return JSON.parse(psql(`set search_path to ${this.name}`, rows)) as Row[];
  }

  drop(): void {
    psql(`drop schema if exists ${this.name} cascade`);
  }
}
