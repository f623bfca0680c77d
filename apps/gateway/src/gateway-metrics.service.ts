import { Inject, Injectable } from '@nestjs/common';
import { HolderLeases, Hub } from '@stepcast/hub';
import { METRICS } from '@stepcast/platform';
import { Counter, Gauge, Registry } from 'prom-client';
import { OpenConnections } from './open-connections.js';

/** What a gateway says of itself at `/metrics`. */
@Injectable()
export class GatewayMetricsService {
  constructor(
    hub: Hub,
    connections: OpenConnections,
    holders: HolderLeases,
    @Inject(METRICS) private readonly metrics: Registry,
  ) {
    this.#gauge('stepcast_connections', 'Open connections.', () => connections.count);
    this.#gauge('stepcast_channels', 'Watched jobs.', () => hub.channelCount);
    this.#gauge('stepcast_viewers', 'Viewers of all jobs.', () => hub.viewerCount);
    this.#gauge('stepcast_held_jobs', 'Jobs that have holders here.', () => holders.jobCount);
    const unsentHelp = 'Bytes that connections have not taken yet.';
    this.#gauge('stepcast_unsent_bytes', unsentHelp, () => connections.unsentBytes);
    const memoryHelp = 'Memory of the events that all channels hold.';
    this.#gauge('stepcast_channel_memory_bytes', memoryHelp, () => hub.memoryBytes);
    new Counter({
      name: 'stepcast_slow_closes_total',
      help: 'Connections closed because they took nothing for too long.',
      registers: [metrics],
      collect() {
        this.reset();
        this.inc(connections.slowCloses);
      },
    });
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.metrics],
      collect() {
        this.set(read());
      },
    });
  }
}
