export { Failed, type Failure } from '../policy/failure.ts';
export { DEFAULT_CONTROL } from './address.ts';
export { failureOf, succeeded } from './failure.ts';
export { type DaemonStatus, type Explanation, explanationShape, statusShape } from './status.ts';
export { type RequestOptions, ViciClient } from './vici/client.ts';
export type { Element, Message, Value } from './vici/message.ts';
export { listOf, numberOf, octetsOf, saysYes, sectionOf, sectionsOf, textOf } from './vici/message.ts';
export { type ServerLimits, ViciServer, type ViciServerOptions } from './vici/server.ts';
export type { Command, CommandContext } from './vici/server-client.ts';
