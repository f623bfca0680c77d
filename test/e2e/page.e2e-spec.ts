import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Browser, BrowserContext, Page } from 'playwright-core';

import { launchBrowser } from '../support/browser.js';
import { call, submit, type JobView } from '../support/clients.js';
import { canTestWith, chromiumProgram } from '../support/optional-program.js';
import { startApp, uniquePrefix, waitFor, type AppProcess } from '../support/stepcast.js';

const TIMEOUT_MS = 60_000;
const canTest = canTestWith(chromiumProgram, 'The page is not tested in a browser');
const describeInBrowser = canTest ? describe : describe.skip;

let hub: AppProcess;

beforeAll(async () => {
  hub = await startApp('standalone', {
    KEY_PREFIX: uniquePrefix(),
    WORKER_SLOTS: '2',
    LOG_MAX_EVENTS: '300',
  });
}, TIMEOUT_MS);

describe('the files of the page', () => {
  it('come with a strict policy, are never sniffed and always asked for anew', async () => {
    const { status, headers } = await fetch(hub.url);

    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(headers.get('content-security-policy')).toContain("connect-src 'self'");
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('no-cache');
  });

  it('are not sent again while they are the same', async () => {
    const first = await fetch(`${hub.url}/main.js`);
    const second = await fetch(`${hub.url}/main.js`, {
      // `fetch` adds `no-cache` to conditional requests unless it is told otherwise.
      headers: { 'if-none-match': first.headers.get('etag') ?? '', 'cache-control': 'max-age=0' },
    });

    expect(first.headers.get('content-type')).toContain('javascript');
    expect(second.status).toBe(304);
  });

  it.each([
    ['/nothing', 404, 'application/problem+json'],
    ['/web/main.js', 404, 'application/problem+json'],
    ['/%2e%2e/package.json', 404, 'application/problem+json'],
    ['/v1/nothing', 404, 'application/problem+json'],
    ['/v1/models', 200, 'application/json'],
    ['/health/live', 200, 'application/json'],
    ['/metrics', 200, 'text/plain'],
    ['/openapi.json', 200, 'application/json'],
    ['/docs', 200, 'text/html'],
  ])('leave %s as it is', async (path, status, type) => {
    const response = await fetch(`${hub.url}${path}`);

    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toContain(type);
    expect(response.headers.get('content-security-policy')).toBeNull();
  });
});

describeInBrowser('the page in a browser', () => {
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let faults: string[];

  beforeAll(async () => {
    browser = await launchBrowser();
  }, TIMEOUT_MS);

  afterAll(() => browser.close());

  beforeEach(async () => {
    context = await browser.newContext();
    page = await context.newPage();
    faults = [];
    page.on('pageerror', ({ message }) => faults.push(message));
    // Chromium says so of every 4xx; everything else on the console is a fault of the page or its policy.
    page.on('console', (line) => {
      if (line.type() === 'error' && !line.text().includes('status of 4')) faults.push(line.text());
    });
  });

  afterEach(async () => {
    await context.close();
    expect(faults).toEqual([]);
  });

  /** Opens the page and chooses a model. */
  async function compose(model: string, fields: Record<string, string>): Promise<void> {
    await page.goto(hub.url);
    await page.getByRole('radio', { name: model }).check();
    await page.getByText('More settings').click();
    for (const [label, value] of Object.entries(fields)) {
      await page.getByLabel(label, { exact: true }).fill(value);
    }
  }

  const run = () => page.getByRole('button', { name: 'Run' }).click();
  const status = (word: string) =>
    page
      .locator('#job-status')
      .getByText(word)
      .waitFor({ timeout: TIMEOUT_MS / 2 });
  const step = (words: string | RegExp) => page.locator('#job-step').getByText(words).waitFor();
  const jobId = async () => (await page.locator('#job-id').textContent()) ?? '';
  const record = async (id: string) => (await call<JobView>(`${hub.url}/v1/jobs/${id}`)).body;
  const isEnded = (job: JobView) => !['queued', 'running'].includes(job.status);
  /** What the list of events shows: `1 queued`, `2 started` … */
  const events = async () => {
    const rows = await page.locator('#event-rows tr').all();
    return Promise.all(
      rows.map(async (row) =>
        (await row.locator('td').allTextContents()).toSpliced(1, 1).join(' '),
      ),
    );
  };
  const stepsOfPace = (count: number) => [
    '1 queued model "pace"',
    expect.stringMatching(/^2 started /),
    ...Array.from({ length: count }, (_, i) => `${i + 3} step step ${i + 1} · of ${count}`),
    expect.stringMatching(new RegExp(`^${count + 3} completed `)),
  ];

  it(
    'shows the picture of a sketch while it grows',
    async () => {
      await page.goto(hub.url);
      await page.getByRole('radio', { name: 'sketch' }).check();
      await page.getByRole('button', { name: 'a red circle on white' }).click();
      await page.getByLabel('Steps').fill('150');
      await run();

      const picture = page.getByRole('img', { name: 'The picture as it is now' });
      await picture.waitFor();
      const early = await picture.getAttribute('src');
      await status('Completed');

      const late = await page.getByRole('img', { name: 'The picture' }).getAttribute('src');
      expect(early).toMatch(/^data:image\/png;base64,/);
      expect(late).toMatch(/^data:image\/png;base64,/);
      expect(late).not.toBe(early);
      await step('step 150 of 150');
      expect(await page.locator('#job-end').textContent()).toContain('Completed. It ran for');
      expect(await record(await jobId())).toMatchObject({ model: 'sketch', status: 'completed' });
    },
    TIMEOUT_MS,
  );

  it(
    'shows the text of a writer, whole',
    async () => {
      await compose('writer', { Prompt: 'Once upon a time', Temperature: '0' });
      await run();
      await status('Completed');

      const { output } = await record(await jobId());
      const text = (output as { text: string }).text;
      expect(text.length).toBeGreaterThan(0);
      expect(await page.locator('#job-text').textContent()).toBe(text.trimStart());
    },
    TIMEOUT_MS,
  );

  it(
    'cancels the job when it is left, after the time it said',
    async () => {
      await compose('pace', { Steps: '600', 'Every ms': '50' });
      await run();
      await step(/^step \d+ of 600$/);
      expect(await page.locator('#job-leave').textContent()).toContain('cancelled after 5');
      const id = await jobId();

      await page.close();

      await waitFor(async () => isEnded(await record(id)), 15_000);
      expect(await record(id)).toMatchObject({
        status: 'cancelled',
        cancel: { by: 'disconnect' },
      });
    },
    TIMEOUT_MS,
  );

  it(
    'lets the job go on when that was chosen',
    async () => {
      await compose('pace', { Steps: '80', 'Every ms': '100' });
      await page.getByLabel('When I leave').selectOption('Let the job go on');
      await run();
      await step(/^step \d+ of 80$/);
      const id = await jobId();

      await page.close();

      await waitFor(async () => isEnded(await record(id)), 20_000);
      expect(await record(id)).toMatchObject({ status: 'completed' });
    },
    TIMEOUT_MS,
  );

  it(
    'shows the whole job after a reload in the middle of it',
    async () => {
      await compose('pace', { Steps: '40', 'Every ms': '50' });
      await run();
      await step(/^step 1?[3-9] of 40$/);
      const id = await jobId();

      await page.reload();

      await step(/^step \d+ of 40$/);
      expect(await page.locator('#job-leave').textContent()).toContain('cancelled after 5');
      await status('Completed');
      expect(await jobId()).toBe(id);
      expect(await events()).toEqual(stepsOfPace(40));
    },
    TIMEOUT_MS,
  );

  it(
    'goes on from its position after a drop, as soon as the hub allows and not before',
    async () => {
      const sent: { op: string; from: string }[] = [];
      const openedAt: number[] = [];
      let drop: (() => Promise<void>) | undefined;
      await page.routeWebSocket(/\/v1\/ws$/, (socket) => {
        openedAt.push(Date.now());
        const server = socket.connectToServer();
        socket.onMessage((message) => {
          sent.push(JSON.parse(String(message)) as { op: string; from: string });
          server.send(message);
        });
        drop = async () => {
          socket.send('{"op":"goaway","retryMs":1500}');
          await server.close();
          await socket.close({ code: 4001, reason: 'draining' });
        };
      });
      await compose('pace', { Steps: '60', 'Every ms': '50' });
      await run();
      await step(/^step \d+ of 60$/);

      const droppedAt = Date.now();
      await drop?.();

      await page.getByText('Not connected').waitFor();
      await page.getByText('Connected', { exact: true }).waitFor();
      await status('Completed');
      const from = sent.filter(({ op }) => op === 'subscribe').map((command) => command.from);
      expect(from).toEqual(['start', expect.stringMatching(/^\w+\.\d+$/)]);
      expect(openedAt[1]! - droppedAt).toBeGreaterThanOrEqual(1_450);
      expect(await events()).toEqual(stepsOfPace(60));
    },
    TIMEOUT_MS,
  );

  it(
    'shows what is wrong with an input beside its field',
    async () => {
      await compose('pace', { Steps: '0', Bytes: '-1' });
      const before = (await call<{ jobs: unknown[] }>(`${hub.url}/v1/jobs`)).body.jobs.length;
      await run();

      const fields = page.locator('.field');
      await fields.filter({ hasText: 'Steps' }).getByText('expected number to be >=1').waitFor();
      await fields.filter({ hasText: 'Bytes' }).getByText('expected number to be >=0').waitFor();
      expect(await page.locator('[aria-invalid]').count()).toBe(2);
      expect(await page.locator(':focus').getAttribute('name')).toBe('steps');
      expect(await page.locator('#job-body').isVisible()).toBe(false);
      const after = (await call<{ jobs: unknown[] }>(`${hub.url}/v1/jobs`)).body.jobs.length;
      expect(after).toBe(before);
    },
    TIMEOUT_MS,
  );

  it(
    'cancels on request, and opens an earlier job from the list',
    async () => {
      await compose('pace', { Steps: '3', 'Every ms': '0' });
      await run();
      await status('Completed');
      const earlier = await jobId();
      await page.getByLabel('Steps').fill('600');
      await page.getByLabel('Every ms').fill('50');
      await run();
      await step(/^step \d+ of 600$/);
      await page.getByRole('button', { name: 'Cancel' }).click();
      await status('Cancelled');

      expect(await page.locator('#job-end').textContent()).toContain('Cancelled on request.');
      await page.locator(`a[href="#job=${earlier}"]`).click();
      await status('Completed');
      expect(await jobId()).toBe(earlier);
      expect(await events()).toEqual(stepsOfPace(3));
    },
    TIMEOUT_MS,
  );

  it(
    'shows a failure with its code',
    async () => {
      await compose('pace', { Steps: '5', 'Every ms': '0', 'Fail optional': '4' });
      await run();
      await status('Failed');

      expect(await page.locator('#job-end').textContent()).toContain('model_error');
      expect(await page.locator('#job-end').textContent()).toContain('failed at step 4');
    },
    TIMEOUT_MS,
  );

  it(
    'strikes out what an attempt said that was run anew',
    async () => {
      const options = { attempts: 2 };
      const { id } = await submit(hub.url, 'pace', { steps: 4, fail: 3, failAttempts: 1 }, options);
      await page.goto(`${hub.url}/#job=${id}`);
      await status('Completed');

      expect(await page.locator('#event-rows tr.void').count()).toBe(2);
      expect(await page.locator('#event-rows tr', { hasText: 'step 1 ·' }).count()).toBe(2);
      await step('step 4 of 4');
    },
    TIMEOUT_MS,
  );

  it(
    'shows a job whose first events are gone, from its snapshot',
    async () => {
      const { id } = await submit(hub.url, 'pace', { steps: 1_000, everyMs: 0 });
      await waitFor(async () => (await record(id)).status === 'completed', TIMEOUT_MS / 2);
      await page.goto(`${hub.url}/#job=${id}`);
      await status('Completed');

      expect((await events())[0]).toContain('snapshot');
      await step('step 1000 of 1000');
    },
    TIMEOUT_MS,
  );

  it(
    'keeps the newest 500 events of a long job',
    async () => {
      await compose('pace', { Steps: '700', 'Every ms': '2' });
      await run();
      await status('Completed');

      expect(await page.locator('#event-note').textContent()).toBe('the newest 500 of 703');
      expect(await page.locator('#event-rows tr').count()).toBe(500);
      expect(await page.locator('#event-rows tr').last().textContent()).toContain('completed');
    },
    TIMEOUT_MS,
  );

  it(
    'shows markup in what a model says as the text that it is',
    async () => {
      await page.goto(hub.url);
      await page.getByRole('radio', { name: 'sketch' }).check();
      await page.getByLabel('Prompt').fill('a red <img src=x onerror=alert(1)> circle');
      await page.getByLabel('Steps').fill('1');
      await run();
      await status('Completed');

      expect(await page.locator('#job-log-lines').textContent()).toContain('unknown words');
      expect(await page.locator('#job img:visible').count()).toBe(1);
    },
    TIMEOUT_MS,
  );

  it(
    'says so when the job in the address is not known',
    async () => {
      await page.goto(`${hub.url}/#job=0199a4c0-7000-7000-8000-000000000001`);

      await page.getByText('This job cannot be shown.').waitFor();
      await page.getByText('No job of this id is known').waitFor();
      expect(await page.locator('#job-body').isVisible()).toBe(false);
    },
    TIMEOUT_MS,
  );
});
