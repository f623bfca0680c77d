import { jobOptionsSchema, parseInput, StepcastError } from '@stepcast/protocol';
import * as z from 'zod';

type Fields = Readonly<Record<string, string | string[] | undefined>>;

/** Numbers come as text, `onDisconnect` and `graceMs` flat. */
const optionsQuerySchema = z
  .looseObject({
    onDisconnect: z.enum(['cancel', 'continue']).optional(),
    graceMs: z.coerce.number().optional(),
  })
  .transform(({ onDisconnect, graceMs, ...rest }) => {
    const options: Record<string, unknown> = {};
    for (const [name, text] of Object.entries(rest)) options[name] = Number(text);
    if (onDisconnect !== undefined || graceMs !== undefined) {
      options['onDisconnect'] = { policy: onDisconnect ?? 'cancel', graceMs };
    }
    return options;
  });

/**
 * Options of a call whose body is the input: from the header `Stepcast-Options` (JSON), else from the
 * query string (`?onDisconnect=cancel&graceMs=0&priority=5`).
 * @throws {StepcastError} `malformed_json`, `invalid_input`
 */
export function parseRequestOptions(
  query: Fields,
  headers: Fields,
): z.output<typeof jobOptionsSchema> {
  const header = headers['stepcast-options'];
  return parseInput(
    jobOptionsSchema,
    typeof header === 'string' ? parseHeader(header) : parseInput(optionsQuerySchema, query),
  );
}

function parseHeader(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new StepcastError('malformed_json', 'The header Stepcast-Options must be JSON.', {
      cause,
    });
  }
}
