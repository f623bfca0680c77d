import type { Hub } from '@stepcast/hub';
import type { JobService } from '@stepcast/jobs';
import type { HttpConfig } from '@stepcast/platform';
import type { OpenConnections } from './open-connections.js';
import type { Turn } from './turn.js';

export const GATEWAY_CORE = Symbol('GatewayCore');

/** What every connection of a gateway is given, whatever it speaks. */
export interface GatewayCore {
  readonly hub: Hub;
  readonly jobs: JobService;
  readonly turn: Turn;
  readonly connections: OpenConnections;
  readonly http: HttpConfig;
  /** Logs what a connection could not handle itself. */
  readonly onError: (error: unknown) => void;
}
