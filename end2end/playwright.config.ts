// How the browser tests run: Debian's Chromium, the built server, one folder for specs and one for proofs.
// `cargo xtask test` and `cargo xtask prove` start this; by hand: `npx playwright test specs/smoke.spec.ts`.

import { defineConfig } from '@playwright/test';
import { join } from 'node:path';
import { output, proving } from './lib/place';
import type { Origin } from './lib/server';

const CHROMIUM = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP studio.test 127.0.0.1',
];

export default defineConfig<{}, { origin: Origin }>({
  testDir: '.',
  testMatch: ['specs/**/*.spec.ts', 'prove/**/*.spec.ts'],
  // Sizes and times of a development build say nothing; pictures are taken when somebody asks for them; VOID's short form is a spec.
  testIgnore: proving ? [] : ['prove/wasm.spec.ts', 'prove/pictures.spec.ts', 'prove/void.spec.ts'],
  outputDir: join(output, 'results'),
  // A proof may take an hour; a test that takes a minute is broken.
  timeout: proving ? 0 : 60_000,
  expect: { timeout: process.env.CI ? 30_000 : 10_000 },
  fullyParallel: false,
  workers: proving ? 1 : 2,
  forbidOnly: Boolean(process.env.CI),
  reporter: [['list'], ['json', { outputFile: join(output, 'report.json') }]],
  use: {
    viewport: { width: 1440, height: 900 },
    locale: 'en-GB',
    timezoneId: 'UTC',
    // A trace photographs the page at every step: half an hour of the real shots left 580 MB.
    trace: proving ? 'off' : 'retain-on-failure',
    screenshot: 'only-on-failure',
    launchOptions: { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: CHROMIUM },
  },
  projects: [
    { name: 'localhost' },
    // Browsers give WebCodecs and secure cookies to localhost only: specs named `*.lan.spec.ts` also run where there are none.
    { name: 'lan', testMatch: ['specs/**/*.lan.spec.ts', 'prove/**/*.lan.spec.ts'], use: { origin: 'studio.test' } },
  ],
});
