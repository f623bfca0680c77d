import { status as Status } from '@grpc/grpc-js';
import { Counter, Gauge, type Registry } from 'prom-client';

/** Calls of a gateway, by method and status (docs/operations.md, "Metrics"). */
export class GrpcMetrics {
  readonly #started: Counter<'method'>;
  readonly #ended: Counter<'method' | 'code'>;
  readonly #open: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#started = new Counter({
      name: 'stepcast_grpc_calls_total',
      help: 'gRPC calls, when they begin.',
      labelNames: ['method'],
      registers,
    });
    this.#ended = new Counter({
      name: 'stepcast_grpc_ended_calls_total',
      help: 'gRPC calls, when they end; CANCELLED is a client that left.',
      labelNames: ['method', 'code'],
      registers,
    });
    this.#open = new Gauge({
      name: 'stepcast_grpc_open_calls',
      help: 'Open gRPC calls.',
      registers,
    });
  }

  /** A call begins. The function that is returned is told its end, once. */
  begin(method: string): (code: Status) => void {
    this.#started.inc({ method });
    this.#open.inc();
    return (code) => {
      this.#ended.inc({ method, code: Status[code] });
      this.#open.dec();
    };
  }
}
