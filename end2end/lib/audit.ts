// Rows against bytes, read past the server: SQLite's own program for the rows, the disk for the blobs. Every sentence that
// comes back is something lost, doubled or half there.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

export type Row = Record<string, string | number | null>;

/** Asks the database of a data folder; the server may be running. */
export function ask(dataDir: string, sql: string): Row[] {
  const args = ['-readonly', '-json', '-cmd', '.timeout 10000', join(dataDir, 'minus-one.db'), sql];
  const text = execFileSync('sqlite3', args, { encoding: 'utf8', maxBuffer: 256 << 20 });
  return text.trim() === '' ? [] : (JSON.parse(text) as Row[]);
}

/** Changes rows behind the server's back, to see whether it is noticed. */
export function change(dataDir: string, sql: string): void {
  execFileSync('sqlite3', ['-bail', join(dataDir, 'minus-one.db'), sql]);
}

/** Hashes of files that did not change since they were read last. */
const read = new Map<string, string>();

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function hashOf(file: string): string {
  const { mtimeMs, size, ino } = statSync(file);
  const key = `${file} ${mtimeMs} ${size} ${ino}`;
  const hash = read.get(key) ?? sha256(readFileSync(file));
  read.set(key, hash);
  return hash;
}

/** Where the bytes of a blob lie. */
export function blobPath(dataDir: string, hash: string): string {
  return join(dataDir, 'blobs', hash.slice(0, 2), hash.slice(2, 4), hash);
}

function filesUnder(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.path, entry.name));
}

export type Audit = {
  wrong: string[];
  blobs: number;
  /** Whole files that no row speaks of: bytes are put in the store before the row is written. */
  unreferenced: number;
  rows: Record<string, number>;
};

/** Looks at everything once. `settled`: no job is open and no upload is on its way, so nothing may be in the making. */
export function audit(dataDir: string, settled: boolean): Audit {
  const wrong: string[] = [];
  const every = (sql: string, words: (row: Row) => string) => wrong.push(...ask(dataDir, sql).map(words));

  every("select integrity_check as said from pragma_integrity_check where integrity_check <> 'ok'", (row) => `database: ${row.said}`);
  every('select "table" as name, rowid as at from pragma_foreign_key_check', (row) => `row ${row.at} of ${row.name} points nowhere`);

  const recorded = new Map(ask(dataDir, 'select hash, size_bytes from blob').map((row) => [String(row.hash), Number(row.size_bytes)]));
  const referenced = ask(
    dataDir,
    `select plate as hash, 'shot.plate' as at from shot
     union select proxy, 'shot.proxy' from shot union select poster, 'shot.poster' from shot union select strip, 'shot.strip' from shot
     union select sound, 'shot.sound' from shot
     union select levels, 'draft_frame.levels' from draft_frame union select locks, 'draft_frame.locks' from draft_frame
     union select levels_before, 'draft_edit' from draft_edit union select levels_after, 'draft_edit' from draft_edit
     union select locks_before, 'draft_edit' from draft_edit union select locks_after, 'draft_edit' from draft_edit
     union select json_extract(frame.value, '$.png'), 'quadmask.manifest' from quadmask, json_each(quadmask.manifest, '$.frames') as frame
     union select movie, 'quadmask.movie' from quadmask
     union select result, 'version.result' from version union select matte, 'version.matte' from version
     union select proxy, 'version.proxy' from version
     union select model_output, 'version.model_output' from version union select file, 'delivery.file' from delivery`,
  ).filter((row) => row.hash !== null);
  for (const row of referenced) {
    if (!recorded.has(String(row.hash))) wrong.push(`${row.at} names ${row.hash}, of which no blob row knows`);
  }
  for (const [hash, size] of recorded) {
    const file = blobPath(dataDir, hash);
    if (!existsSync(file)) wrong.push(`blob ${hash} is not on the disk`);
    else if (statSync(file).size !== size) wrong.push(`blob ${hash} has ${statSync(file).size} bytes, its row says ${size}`);
  }
  const files = filesUnder(join(dataDir, 'blobs'));
  for (const file of files) {
    const name = file.slice(file.lastIndexOf('/') + 1);
    if (hashOf(file) !== name) wrong.push(`${name} in blobs holds other bytes than its name says`);
    if (file !== blobPath(dataDir, name)) wrong.push(`${file} does not lie where blobs lie`);
  }

  numbered(dataDir, 'quadmask', wrong);
  numbered(dataDir, 'version', wrong);
  threads(dataDir, wrong);
  decisions(dataDir, wrong);
  if (settled) atRest(dataDir, wrong);

  const counts = ['shot', 'job', 'quadmask', 'decision', 'run', 'version', 'blob', 'draft_frame'];
  const rows = Object.fromEntries(counts.map((table) => [table, Number(ask(dataDir, `select count(*) as n from ${table}`)[0].n)]));
  return { wrong, blobs: files.length, unreferenced: files.length - recorded.size, rows };
}

/** Versions of a shot are counted 1, 2, … without a gap. */
function numbered(dataDir: string, table: string, wrong: string[]): void {
  const rows = ask(dataDir, `select shot_id, count(*) as many, min(n) as low, max(n) as high from ${table} group by shot_id`);
  for (const { shot_id, many, low, high } of rows) {
    if (low !== 1 || high !== many) wrong.push(`${table}s of shot ${shot_id} are numbered ${low} to ${high}, and there are ${many}`);
  }
}

/** Every version arrived once in the thread of its shot, and the lines of a thread are counted 1, 2, … without a gap. */
function threads(dataDir: string, wrong: string[]): void {
  const arrived = `select v.n, s.name, count(c.comment_id) as many from version v join shot s on s.shot_id = v.shot_id
                   left join comment c on c.version_id = v.version_id and c.thread_id = v.shot_id group by v.version_id having many <> 1`;
  for (const { n, name, many } of ask(dataDir, arrived)) wrong.push(`version ${n} of ${name} arrived ${many} times in its thread`);
  const gaps = `select t.thread_id, t.comments, count(c.comment_id) as many, max(c.n) as high from thread t
                left join comment c on c.thread_id = t.thread_id group by t.thread_id having many <> t.comments or high <> t.comments`;
  for (const row of ask(dataDir, gaps)) wrong.push(`thread ${row.thread_id} says ${row.comments} comments, has ${row.many}, up to ${row.high}`);
}

/** RFC 8785: keys in order, no white space; numbers are as this language writes them. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const fields = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return `{${fields.map(([key, field]) => `${JSON.stringify(key)}:${canonical(field)}`).join(',')}}`;
}

/** What was decided about is unchanged, the chain of each shot is whole, and nobody approved the same thing twice. */
function decisions(dataDir: string, wrong: string[]): void {
  const hash = (text: string) => sha256(Buffer.from(text));
  for (const { quadmask_id, subject_json, subject } of ask(dataDir, 'select quadmask_id, subject_json, subject from quadmask')) {
    if (hash(String(subject_json)) !== subject) wrong.push(`quadmask ${quadmask_id} is not what its hash says`);
  }
  for (const { version_id, manifest, subject } of ask(dataDir, 'select version_id, manifest, subject from version')) {
    if (hash(canonical(JSON.parse(String(manifest)))) !== subject) wrong.push(`version ${version_id} is not what its hash says`);
  }
  const last = new Map<string, Row>();
  for (const row of ask(dataDir, 'select * from decision order by shot_id, n')) {
    const { row_hash, ...link } = row;
    const before = last.get(String(row.shot_id));
    const place = `decision ${row.n} of shot ${row.shot_id}`;
    if (row.n !== Number(before?.n ?? 0) + 1) wrong.push(`${place} does not follow ${before?.n ?? 'the beginning'}`);
    if (row.prev !== (before?.row_hash ?? '')) wrong.push(`${place} does not name the one before it`);
    if (hash(canonical(link)) !== row_hash) wrong.push(`${place} was changed after it was made`);
    last.set(String(row.shot_id), row);
  }
  const twice = `select subject_id, person_id, count(*) as many from decision where verdict = 'approve'
                 group by subject_kind, subject_id, person_id having count(*) > 1`;
  for (const row of ask(dataDir, twice)) wrong.push(`${row.subject_id} was approved ${row.many} times by one person`);
  const unmade = `select decision_id from decision d where
      (subject_kind = 'quadmask' and not exists (select 1 from quadmask q where q.quadmask_id = d.subject_id and q.subject = d.subject))
      or (subject_kind = 'version' and not exists (select 1 from version v where v.version_id = d.subject_id and v.subject = d.subject))`;
  for (const row of ask(dataDir, unmade)) wrong.push(`decision ${row.decision_id} is about nothing that is there`);
}

/** Nothing is open: every job is over, every approved quadmask has its run, every run its version. */
function atRest(dataDir: string, wrong: string[]): void {
  const every = (sql: string, words: (row: Row) => string) => wrong.push(...ask(dataDir, sql).map(words));
  every("select kind, state, error from job where state <> 'done'", (row) => `a ${row.kind} job is ${row.state}: ${row.error ?? ''}`);
  every(
    'select run_id from run r where not exists (select 1 from version v where v.run_id = r.run_id)',
    (row) => `run ${row.run_id} is over and made no version`,
  );
  every(
    `select d.subject_id from decision d where d.verdict = 'approve' and d.subject_kind = 'quadmask'
     and (select count(*) from run r where r.quadmask_id = d.subject_id) <> 1`,
    (row) => `approved quadmask ${row.subject_id} was not run exactly once`,
  );
  every(
    `select s.name, s.phase from shot s where exists (select 1 from version v where v.shot_id = s.shot_id) and s.phase <> 'result_review'`,
    (row) => `${row.name} has a version and is in ${row.phase}`,
  );
  every(
    `select n, json_extract(proof, '$.max_delta_outside') as delta from version where delta <> 0`,
    (row) => `version ${row.n} changed samples outside its matte by ${row.delta}`,
  );
  every(
    "select upload_id from upload u where state = 'done' and not exists (select 1 from shot s where s.shot_id = u.shot_id)",
    (row) => `upload ${row.upload_id} is done and has no shot`,
  );
}
