import { RedisStore, type RedisConfig } from '@stepcast/redis';

/**
 * A feed for {@link JobEnds} alone. In the process that is API and gateway at once, the gateway's feed
 * has the one listener that a feed allows per job. Its connection is opened by the first `run` call. It
 * has no canary: whoever waits looks at its job every few seconds ({@link JobEnds}, E2).
 */
export class RunFeed extends RedisStore {
  constructor(config: RedisConfig) {
    super({ url: config.REDIS_URL, keyPrefix: config.KEY_PREFIX, name: 'stepcast-run' });
  }
}
