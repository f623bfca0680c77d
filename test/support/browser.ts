// The Chromium of the system, without a window.
import { chromium, type Browser } from 'playwright-core';

import { chromiumProgram } from './optional-program.js';

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumProgram.path,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-sync'],
  });
}
