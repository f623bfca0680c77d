import { describe, expect, it } from '@jest/globals';
import { LIMITS } from '@stepcast/protocol';
import { AnswerRoom } from './answer-room.js';

const FULL = LIMITS.maxUnsentBytes;

/** Whether a command would be carried out now. */
async function isOpen(room: AnswerRoom, unsentBytes: number): Promise<boolean> {
  let hasRoom = false;
  const waiting = room.wait(unsentBytes).then(() => (hasRoom = true));
  await Promise.resolve();
  await Promise.resolve();
  const was = hasRoom;
  room.empty();
  await waiting;
  return was;
}

describe('AnswerRoom', () => {
  it('lets a client that reads have any number of answers', async () => {
    const room = new AnswerRoom();
    room.take(10 * FULL);

    expect(await isOpen(room, 0)).toBe(true);
  });

  it('carries out the commands of a viewer that is merely slow', async () => {
    const room = new AnswerRoom();
    room.take(200);

    expect(await isOpen(room, 3 * FULL)).toBe(true);
  });

  it('makes a client wait that does not read its answers, until it has drained', async () => {
    const room = new AnswerRoom();
    room.take(FULL);
    expect(await isOpen(room, FULL)).toBe(false);

    expect(await isOpen(room, FULL)).toBe(true);
  });
});
