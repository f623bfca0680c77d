export { ERROR_CODES, isErrorCode, type CodeInfo, type ErrorCode, type Retry } from './codes.js';
export {
  CommandError,
  commandSchemas,
  parseCommand,
  type Command,
  type CommandId,
  type CommandOf,
  type CommandOp,
} from './commands.js';
export { StepcastError, type InputFault, type StepcastErrorOptions } from './errors.js';
export {
  CANCEL_ORIGINS,
  EVENT_TYPE_PATTERN,
  FOLDS,
  LOG_LEVELS,
  RESERVED_TYPES,
  TERMINAL_TYPES,
  isReservedType,
  isTerminalType,
  jobEventSchema,
  readEventType,
  reservedData,
  type CancelOrigin,
  type FoldKind,
  type JobEvent,
  type LogLevel,
  type ReservedType,
  type TerminalType,
} from './events.js';
export {
  DEFAULT_GRACE_MS,
  JOB_STATUSES,
  completeOptions,
  isEnded,
  jobLinks,
  jobOptionsSchema,
  jobSchema,
  onDisconnectSchema,
  submitSchema,
  type Job,
  type JobOptions,
  type JobOptionsInput,
  type JobStatus,
  type OnDisconnect,
} from './job.js';
export { LIMITS } from './limits.js';
export {
  closeCode,
  messages,
  type OkFields,
  type ResetMessage,
  type ResetReason,
  type SnapshotMessage,
} from './messages.js';
export { encodePosition, parseFrom, parsePosition, type From, type Position } from './position.js';
export { PROBLEM_CONTENT_TYPE, toProblem, type Problem } from './problem.js';
export { SSE_HEARTBEAT, encodeSseEvent, encodeSsePrime } from './sse.js';
export { assertDepth, faultsOf, parseInput } from './validation.js';
