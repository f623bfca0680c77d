import type { EventMessage } from './event-message.js';
import type { MessageType } from './from-schema.js';

/** What gRPC says of one model. */
export interface ProtoModel {
  /** As it is served. */
  readonly name: string;
  /** In methods and messages: `Sketch` in `PredictSketch`. */
  readonly title: string;
  readonly description: string;
  readonly version: string;
  readonly request: MessageType;
  readonly response: MessageType;
  /** Present if the model streams. */
  readonly event?: EventMessage;
}
