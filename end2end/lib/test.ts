// What every spec imports instead of Playwright's `test`: a server of its own per file, and a console that has to stay clean.
//
//   import { expect, test } from '../lib/test';
//   test.use({ serverOptions: { demo: true } });

import { type ConsoleMessage, type Page, test as base } from '@playwright/test';
import { type Origin, Server, type ServerOptions } from './server';

type PerTest = {
  /** Shared by the tests of one file, and by nothing else. */
  server: Server;
  /** Messages that this test provokes on purpose. */
  expectedMessages: RegExp[];
  cleanConsole: void;
  patience: void;
};

type PerWorker = {
  origin: Origin;
  serverOptions: ServerOptions;
  /** The server of the file whose tests run now. */
  running: Map<string, Server>;
};

export const test = base.extend<PerTest, PerWorker>({
  origin: ['localhost', { scope: 'worker', option: true }],
  serverOptions: [{}, { scope: 'worker', option: true }],
  running: [
    async ({}, use) => {
      const running = new Map<string, Server>();
      await use(running);
      await Promise.all([...running.values()].map((server) => server.stop()));
    },
    { scope: 'worker', timeout: 60_000 },
  ],
  server: [
    async ({ origin, serverOptions, running }, use, { file }) => {
      // One process of Playwright runs many files: the next one must not find the owner of the one before.
      for (const [other, server] of running) {
        if (other === file) continue;
        running.delete(other);
        await server.stop();
      }
      if (!running.has(file)) running.set(file, await Server.start({ origin, ...serverOptions }));
      await use(running.get(file)!);
    },
    { timeout: 150_000 },
  ],
  baseURL: async ({ server }, use) => use(server.baseURL),

  // What a test is allowed says when it hangs, not how fast it is: a machine that lands changes may be three times as slow.
  patience: [
    async ({}, use, info) => {
      if (process.env.CI) info.setTimeout(info.timeout * 3);
      await use();
    },
    { auto: true },
  ],

  expectedMessages: [[], { option: true }],
  cleanConsole: [
    async ({ context, expectedMessages }, use) => {
      const messages: string[] = [];
      const watch = (page: Page) => listen(page, (text) => messages.push(text));
      context.pages().forEach(watch);
      context.on('page', watch);
      await use();
      const surprising = messages.filter((text) => !expectedMessages.some((expected) => expected.test(text)));
      expect(surprising, 'warnings and errors in the browser console').toEqual([]);
    },
    { auto: true },
  ],
});

export const expect = test.expect;

/** Pages that are being left for another address: a request that this cuts off is nobody's fault. */
const leaving = new WeakSet<Page>();

/** Calls `heard` for every warning, error and uncaught exception of a page; hydration trouble shows up here. */
export function listen(page: Page, heard: (text: string) => void): void {
  page.on('console', (message: ConsoleMessage) => {
    const cutOff = leaving.has(page) && message.text().includes('Failed to fetch');
    if (['error', 'warning'].includes(message.type()) && !cutOff) heard(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => heard(`exception: ${error.message}`));
}

/** Opens `path` and resolves when the client has taken over the page, so that clicks and keys are heard. */
export async function open(page: Page, path: string): Promise<void> {
  leaving.add(page);
  await page.goto(path);
  leaving.delete(page);
  await page.locator('html[data-hydrated]').waitFor({ state: 'attached' });
}
