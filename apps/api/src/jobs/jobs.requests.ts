import { JOB_STATUSES, LIMITS } from '@stepcast/protocol';
import * as z from 'zod';

const DEFAULT_PAGE_SIZE = 20;
const DEFAULT_LOG_PAGE_SIZE = 100;

/** Query of `GET /v1/jobs`. */
export const jobsQuerySchema = z.object({
  model: z.string().min(1).max(100).optional(),
  status: z.enum(JOB_STATUSES).optional(),
  limit: z.coerce.number().int().min(1).max(LIMITS.maxPageSize).default(DEFAULT_PAGE_SIZE),
  cursor: z.string().min(1).max(200).optional().describe('`nextCursor` of the page before.'),
});

/** Query of `GET /v1/jobs/:id/log`. */
export const logQuerySchema = z.object({
  from: z
    .string()
    .max(64)
    .default('start')
    .describe('`start`, `now`, or the `position` of an earlier answer or event.'),
  limit: z.coerce.number().int().min(1).max(LIMITS.maxLogPageSize).default(DEFAULT_LOG_PAGE_SIZE),
});

/** Query, or body, of `DELETE /v1/jobs/:id`. */
export const cancelRequestSchema = z.object({
  reason: z
    .string()
    .max(LIMITS.maxReasonLength)
    .default('')
    .describe('Shown to every viewer in the `cancelled` event.'),
});
