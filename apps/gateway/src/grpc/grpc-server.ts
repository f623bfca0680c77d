import { promisify } from 'node:util';
import {
  Server,
  ServerCredentials,
  type ServerOptions,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import type { GrpcApi } from './grpc-api.js';
import type { InferenceService } from './inference-service.js';

export interface GrpcServerOptions {
  readonly host: string;
  /** 0 = any that is free. */
  readonly port: number;
  /** Largest request. */
  readonly maxRequestBytes: number;
  /** Calls that one connection may have open at a time. */
  readonly maxCallsPerConnection: number;
  /** Between two pings of a connection; one that is not answered as long ends it. */
  readonly heartbeatMs: number;
}

/** The server of grpc-js, with services that can be exchanged while it runs. */
export class GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly server: Server;
  #services: ServiceDefinition[] = [];

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    this.server = new Server(serverOptions(options));
  }

  /**
   * Serves these methods, and their reflection, from now on. Calls that run go on with what they began with.
   */
  serve(api: GrpcApi, service: InferenceService): void {
    for (const definition of this.#services) this.server.removeService(definition);
    this.#services = [];
    this.#add(service.definition, service.implementation);
    new ReflectionService(api.descriptors).addToServer({
      addService: (definition, implementation) => {
        this.#add(definition, implementation);
      },
    });
  }

  /**
   * Returns the address.
   * @throws {Error} that says what to do when the port cannot be had
   */
  async listen(): Promise<string> {
    const { host, port } = this.#options;
    const address = host.includes(':') ? `[${host}]` : host;
    const bind = promisify(this.server.bindAsync.bind(this.server));
    try {
      const bound = await bind(`${address}:${port}`, ServerCredentials.createInsecure());
      return `${address}:${bound}`;
    } catch (cause) {
      throw new Error(
        `Cannot listen for gRPC on ${address}:${port}. End what listens there, or set GRPC_PORT to another port; 0 takes any.`,
        { cause },
      );
    }
  }

  /** Refuses new connections and waits for the calls that are open; `signal` cuts them. */
  async stop(signal: AbortSignal): Promise<void> {
    const stopped = new Promise<void>((resolve) => {
      this.server.tryShutdown(() => {
        resolve();
      });
    });
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => {
        resolve();
      });
    });
    await Promise.race([stopped, aborted]);
    this.server.forceShutdown();
  }

  #add(definition: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    this.#services.push(definition);
    this.server.addService(definition, implementation);
  }
}

function serverOptions(options: GrpcServerOptions): ServerOptions {
  return {
    'grpc.max_receive_message_length': options.maxRequestBytes,
    // Events and outputs have limits of their own; a snapshot is as large as its job has made it.
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': options.maxCallsPerConnection,
    'grpc.keepalive_time_ms': options.heartbeatMs,
    'grpc.keepalive_timeout_ms': options.heartbeatMs,
  };
}
