// The server without a browser: a person's session, server functions by name, uploads by tus. Answers are given as they
// come; `Gone` says that there was none.

import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { site } from './place';

/** The server went away before it answered. */
export class Gone extends Error {}

/** The server refused; its sentence is the message. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    sentence: string,
  ) {
    super(sentence);
  }
}

/** Addresses of the server functions: their names carry a number that only the build knows, so the client is asked. */
function addresses(): Map<string, string> {
  const wasm = readFileSync(join(site, 'pkg/minus-one_bg.wasm'), 'latin1');
  return new Map([...wasm.matchAll(/\/api\/([a-z_]+?)\d{12,20}/g)].map((found) => [found[1], found[0]]));
}

let known: Map<string, string> | undefined;

const TUS = { 'Tus-Resumable': '1.0.0' };

export class Studio {
  private cookie = '';

  constructor(readonly baseURL: string) {}

  /** The first start's owner, signed in. */
  static async withOwner(baseURL: string, email: string, password: string): Promise<Studio> {
    const studio = new Studio(baseURL);
    await studio.call('create_owner', { name: 'Owner', email, password });
    return studio;
  }

  /** Somebody who has an account. */
  static async signedIn(baseURL: string, email: string, password: string): Promise<Studio> {
    const studio = new Studio(baseURL);
    await studio.call('sign_in', { email, password });
    return studio;
  }

  /** What the server knows this session by. */
  get cookies(): string {
    return this.cookie;
  }

  /** Calls a server function; plain arguments go as a form, others as JSON where the function asks for it. */
  async call<T>(name: string, args: Record<string, unknown>, as: 'form' | 'json' = 'form'): Promise<T> {
    known ??= addresses();
    const path = known.get(name);
    if (path === undefined) throw new Error(`the client knows no server function ${name}`);
    const form = () => new URLSearchParams(Object.entries(args).map(([key, value]) => [key, String(value)])).toString();
    const type = as === 'json' ? 'application/json' : 'application/x-www-form-urlencoded';
    const answer = await this.send(path, {
      method: 'POST',
      headers: { 'Content-Type': type, Accept: 'application/json' },
      body: as === 'json' ? JSON.stringify(args) : form(),
    });
    return JSON.parse(answer.text) as T;
  }

  async get(path: string): Promise<string> {
    return (await this.send(path, {})).text;
  }

  private async send(path: string, init: RequestInit & { headers?: Record<string, string> }): Promise<{ text: string; headers: Headers }> {
    let answer: Response;
    let text: string;
    try {
      answer = await fetch(`${this.baseURL}${path}`, { ...init, headers: { ...init.headers, Cookie: this.cookie } });
      text = await answer.text();
    } catch (error) {
      throw new Gone(String(error));
    }
    const set = answer.headers.getSetCookie().map((line) => line.split(';')[0]);
    if (set.length > 0) this.cookie = set.join('; ');
    if (!answer.ok) throw new Refused(answer.status, text);
    return { text, headers: answer.headers };
  }

  /** Announces an upload; its address. */
  async beginUpload(project: string, fileName: string, size: number): Promise<string> {
    const base64 = (text: string) => Buffer.from(text).toString('base64');
    const { headers } = await this.send('/api/uploads', {
      method: 'POST',
      headers: {
        ...TUS,
        'Upload-Length': String(size),
        'Upload-Metadata': `filename ${base64(fileName)},project ${base64(project)}`,
      },
    });
    return headers.get('location')!;
  }

  /** How far the server says the upload is. */
  async uploadOffset(address: string): Promise<number> {
    const { headers } = await this.send(address, { method: 'HEAD', headers: TUS });
    return Number(headers.get('upload-offset'));
  }

  /** Sends what is missing from `offset` on, a piece at a time, says how far it is, and ends with the answer to the last byte. */
  sendRest(address: string, bytes: Buffer, offset: number, piece: number, pauseMs: number, sent: (to: number) => void = () => {}): Promise<string> {
    return new Promise((done, fail) => {
      const gone = (error: Error) => fail(new Gone(error.message));
      const length = bytes.length - offset;
      const headers = {
        ...TUS,
        Cookie: this.cookie,
        'Content-Type': 'application/offset+octet-stream',
        'Upload-Offset': offset,
        'Content-Length': length,
      };
      const patch = request(`${this.baseURL}${address}`, { method: 'PATCH', headers }, (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (part) => (text += part));
        answer.on('error', gone);
        answer.on('aborted', () => gone(new Error('the answer broke off')));
        answer.on('end', () => ([200, 204].includes(answer.statusCode ?? 0) ? done(text) : fail(new Refused(answer.statusCode ?? 0, text))));
      });
      patch.on('error', gone);
      let at = offset;
      const next = () => {
        if (patch.destroyed) return;
        const end = Math.min(at + piece, bytes.length);
        patch.write(bytes.subarray(at, end));
        at = end;
        sent(at);
        if (at < bytes.length) setTimeout(next, pauseMs);
        else patch.end();
      };
      next();
    });
  }
}
